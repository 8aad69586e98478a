"""What becomes of pieces of kernels: parts of their callers' code, or code of their own that these call by address."""

import os
import subprocess
import sys

import numpy as np
from numba import njit, types

from numbanet.kernels import _gemm
from numbanet.kernels._gemm import matmul, product
from numbanet.runtime import compiling
from numbanet.runtime.libraries import Part

A = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
SQUARED = [[7.0, 10.0], [15.0, 22.0]]


def run(cache, script):
    """What a new process prints."""
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


MULTIPLY = """
import numpy as np
from numbanet.kernels._gemm import matmul, product
a = np.array([[1, 2], [3, 4]], np.float32)
out = np.empty_like(a)
matmul.serial(a, a, out)
[compiled] = product.overloads.values()
print(out.tolist(), compiled.fndesc.llvm_func_name, sum(product.stats.cache_hits.values()))
"""


def test_pieces_of_their_own_are_found_by_whoever_calls_them(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    right, name, hits = run(first, MULTIPLY).rsplit(maxsplit=2)
    assert (right, hits) == (str(SQUARED), "0")
    assert run(second, MULTIPLY).split()[-2:] == [name, "0"]
    assert run(first, MULTIPLY).split()[-1] == "1"
    [folder], [other] = first.iterdir(), second.iterdir()
    # Of a process that has compiled it at the same time, and was the last to save it.
    pieces = [path for path in folder.iterdir() if path.name.startswith("kernels._gemm.product-")]
    assert pieces
    for path in pieces:
        path.write_bytes((other / path.name).read_bytes())
    assert run(first, MULTIPLY).split()[-2:] == [name, "1"]
    for path in pieces:
        path.unlink()
    assert run(first, MULTIPLY).rsplit(maxsplit=2) == [right, name, "0"]
    for path in pieces:
        path.write_bytes(b"damaged")
    assert run(first, MULTIPLY).rsplit(maxsplit=2) == [right, name, "0"]


def test_a_kernel_has_no_code_of_a_piece_that_stands_apart():
    dispatcher = compiling.compiled(matmul.py_func)
    compiling.set_cache(dispatcher, compiling.cache_of(njit(lambda: None)))  # none: what comes from it is not shown
    out = np.empty_like(A)
    dispatcher(A, A, out)
    assert out.tolist() == SQUARED
    [compiled] = dispatcher.overloads.values()
    code = compiled.library.get_llvm_str()
    [called] = [one for one in product.overloads.values() if one.fndesc.llvm_func_name in code]  # of other dtypes, too
    assert f"define i32 @{called.fndesc.llvm_func_name}" not in code.replace('"', "")
    assert [(load.module, load.name) for load in compiled.library._reload_init] == [(product.__module__, "product")]


def test_functions_of_others_can_call_pieces():
    @njit
    def squared(a, out):
        product(a, a, a[0, :0], out, -np.inf)
        return _gemm.lanes(out)

    out = np.empty_like(A)
    assert squared(A, out) == _gemm.VECTOR_BYTES // 4
    assert out.tolist() == SQUARED


def double(x):
    return x * 2


def test_a_part_has_no_code_until_python_calls_it():
    piece = compiling.serial(double)

    @njit
    def caller(x):
        return piece(x) + 1

    assert caller(3) == 7
    assert isinstance(piece.overloads[types.int64,].library, Part)
    assert piece(4) == 8
    assert not isinstance(piece.overloads[types.int64,].library, Part)
    assert caller(5.0) == 11.0  # another type, after it
    assert piece(5.0) == 10.0


def test_constants_share_the_code_of_their_type():
    piece = compiling.serial(double)

    @njit
    def caller(x):
        return piece(x) + piece(3) + piece(4) * piece(True)

    assert caller(1) == 2 + 6 + 8 * 2
    assert set(piece.overloads) == {(types.int64,), (types.boolean,)}
