"""Matrix products with the vectors and registers of lesser CPUs."""

import os
import subprocess
import sys

import pytest
from llvmlite import binding

# Products of ragged sizes, on this CPU but for the instructions whose names begin so.
CODE = """
import sys
import numpy as np
from llvmlite import binding
features = binding.get_host_cpu_features()
features.update({name: False for name in features if name.startswith(tuple(sys.argv[2:]))})
binding.get_host_cpu_features = lambda: features
from numbanet.kernels import _gemm
from numbanet.kernels.simd import vectors as _vectors
assert _vectors.VECTOR_BYTES == int(sys.argv[1]), _vectors.VECTOR_BYTES
rng = np.random.default_rng(0)
for m, k, n in [(1, 1, 1), (1, 300, 301), (13, 37, 3), (33, 300, 50), (64, 20, 10)]:
    a, b = rng.standard_normal((m, k)).astype(np.float32), rng.standard_normal((k, n)).astype(np.float32)
    for left, right in ((a, b), (a, np.asfortranarray(b)), (np.asfortranarray(a), b)):
        out = np.full((m, n), np.nan, np.float32)
        _gemm.matmul.serial(left, right, out)
        assert abs(out - a.astype(np.float64) @ b).max() < 1e-6 * k, (m, k, n)
        sys.stdout.buffer.write(out.tobytes())
"""
WIDEST = binding.get_host_cpu_features().get("avx512f")


def products(tmp_path, width, *missing):
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(tmp_path / "-".join(missing))}
    command = [sys.executable, "-c", CODE, str(width), *missing]
    done = subprocess.run(command, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.skipif(not WIDEST, reason="this CPU has no AVX-512 to leave out")
def test_avx2_gives_the_bits_of_avx_512(tmp_path):
    assert products(tmp_path, 32, "avx512", "avx10") == products(tmp_path, 64, "no such instruction") != b""


@pytest.mark.skipif("sse2" not in binding.get_host_cpu_features(), reason="x86-64 alone goes without AVX and FMA")
def test_without_avx_and_fused_multiply_add(tmp_path):
    assert products(tmp_path, 16, "avx", "fma", "f16c", "vaes", "vpclmul", "xop") != b""
