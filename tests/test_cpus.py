"""The same bits whichever CPU numba is told to compile for, where that has fused multiply-adds."""

import os
import subprocess
import sys

import pytest
from llvmlite import binding
from numba.core import config

from numbanet.runtime import target

pytestmark = pytest.mark.skipif(
    "sse2" not in binding.get_host_cpu_features(), reason="x86-64 alone goes by these names"
)

# Images shifted and mirrored, a convolution by Winograd's algorithm, pooling, all normalisations, dropout, and Adam:
# a hash of everything that training leaves.
CODE = """
import hashlib
import numpy as np
import numbanet as nn
from numbanet.kernels.simd import vectors
rng = np.random.default_rng(0)
X, y = rng.standard_normal((64, 3, 9, 8)).astype(np.float32), np.arange(64) % 5
layers = [
    nn.Conv(16, 3, padding="same"), nn.BatchNorm(), nn.ReLU(), nn.Conv(17, 3, padding=1, bias=False), nn.GroupNorm(17),
    nn.MaxPool(2), nn.GELU(), nn.Conv(19, 2, stride=2), nn.Flatten(), nn.Affine(37), nn.LayerNorm(), nn.Tanh(),
    nn.Dropout(0.3), nn.Affine(5),
]
net = nn.Sequential(layers, (3, 9, 8), seed=1, l2=1e-3)
solver = nn.Solver(net, {"X_train": X, "y_train": y}, augment=nn.data.Augment(2, seed=3), batch_size=24, epochs=4,
                   optimizer="adam", seed=2, verbose=False)
solver.train()
found = hashlib.sha256(net.params.flat.tobytes() + net.state.flat.tobytes() + repr(solver.loss_history).encode())
print(vectors.VECTOR_BYTES, found.hexdigest(), net.predict_proba(X[:7]).tobytes().hex())
"""
CPUS = {"haswell": 32, "znver1": 32, "x86-64-v3": 32, "skylake-avx512": 64}


def trained(folder, **variables):
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(folder), **variables}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(" ", 1)


@pytest.mark.slow
def test_one_hash_for_every_cpu(tmp_path):
    features = binding.get_host_cpu_features()
    if not (features.get("avx2") and features.get("fma")):
        pytest.skip("this CPU has no AVX2")
    _, expected = trained(tmp_path / "host")
    for cpu, width in CPUS.items():
        if width == 64 and not features.get("avx512f"):
            continue
        got = trained(tmp_path / cpu, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES="")
        assert got == [str(width), expected], cpu


@pytest.mark.parametrize(
    ("cpu", "features", "width", "registers", "fused"),
    [
        ("haswell", "", 32, 16, True),
        ("znver1", "", 32, 16, True),
        ("x86-64-v3", "", 32, 16, True),
        ("x86-64-v4", "-prefer-256-bit", 64, 32, True),
        ("znver4", "", 64, 32, True),
        ("generic", "", 16, 16, False),
        ("sandybridge", "", 32, 16, False),
        ("generic", "+avx2,+fma", 32, 16, True),
        ("znver4", "+avx,-avx512f", 32, 16, True),
        ("znver4", "-avx,-avx512f", 16, 16, False),
    ],
)
def test_vectors_are_those_of_the_cpu_that_numba_compiles_for(cpu, features, width, registers, fused, monkeypatch):
    monkeypatch.setattr(config, "CPU_NAME", cpu)
    monkeypatch.setattr(config, "CPU_FEATURES", features)
    found = target.current()
    assert found == target.Target(cpu, features)
    assert (found.vector_bytes, found.vector_registers, found.fuses) == (width, registers, fused)


def test_this_machine_where_numba_is_told_nothing(monkeypatch):
    monkeypatch.setattr(config, "CPU_NAME", None)
    monkeypatch.setattr(config, "CPU_FEATURES", None)
    features = binding.get_host_cpu_features()
    assert target.current() == target.host() == target.Target(binding.get_host_cpu_name(), features.flatten())
    without = target.Target(target.host().cpu, "")  # where LLVM is asked
    assert (
        target.host().vector_bytes
        == without.vector_bytes
        == (64 if features["avx512f"] else 32 if features["avx"] else 16)
    )


@pytest.mark.parametrize(
    ("missing", "runs"),
    [("", ["x86-64-v4", "x86-64-v3"]), ("avx512bw", ["x86-64-v3"]), ("fma", []), ("sse4.2", [])],
)
def test_levels_are_those_whose_features_the_cpu_has(missing, runs, monkeypatch):
    features = {name: name != missing for level in target.LEVELS.values() for name in level.needs}
    monkeypatch.setattr(target.binding, "get_host_cpu_features", lambda: features)
    assert [name for name, level in target.LEVELS.items() if level.runs_here()] == runs
