"""Affine layers and products: examples by hand, and the same bits in any batch, layout and number of blocks."""

import numpy as np
import pytest
from cases import call
from compare import BOTH, DTYPES, close, normal

from numbanet import functional as F
from numbanet import kernels
from numbanet.kernels._gemm import matmul

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    # [1 2] [1 0 2; 3 1 0] = [7 2 2]; plus the bias
    ("affine_forward", [[[1, 2]], [[1, 0, 2], [3, 1, 0]], [10, -5, -1]], {"out": [[17, -3, 1]]}),
    ("affine_relu_forward", [[[1, 2]], [[1, 0, 2], [3, 1, 0]], [10, -5, -1]], {"out": [[17, 0, 1]]}),
    (  # dx = [1 1] [1 0; 2 3]ᵀ = [1 5] and [2 0] [..]ᵀ = [2 4]; dw = [1 0; 2 4]ᵀ [1 1; 2 0]; db = the column sums
        "affine_backward",
        [[[1, 1], [2, 0]], [[1, 0], [2, 4]], [[1, 0], [2, 3]]],
        {"dx": [[1, 5], [2, 4]], "dw": [[5, 1], [8, 0]], "db": [3, 1]},
    ),
    (  # the second output of the first example was cut off: dout becomes [1 0; 2 0]
        "affine_relu_backward",
        [[[1, 1], [2, 0]], [[1, 0], [2, 4]], [[1, 0], [2, 3]], [[3, 0], [1, 1]]],
        {"dz": [[1, 0], [2, 0]], "dx": [[1, 2], [2, 4]], "dw": [[5, 0], [8, 0]], "db": [3, 0]},
    ),
]


@BOTH
@pytest.mark.parametrize("trailing", [(6,), (3, 2), (1, 3, 2), (6, 1)])
def test_affine_with_any_number_of_trailing_axes(trailing, ops):
    x, w, b, dout = normal(5, *trailing), normal(6, 4), normal(4), normal(5, 4)
    flat = x.reshape(5, 6)
    for name, mask in (("affine", np.full((5, 4), True)), ("affine_relu", flat @ w + b > 0)):
        out, cache = getattr(F, f"{name}_forward")(x, w, b, ops=ops)
        close(out, (flat @ w + b) * mask)
        dx, dw, db = getattr(F, f"{name}_backward")(dout, cache)
        dz = dout * mask
        close(dx, (dz @ w.T).reshape(x.shape))
        close(dw, flat.T @ dz)
        close(db, dz.sum(axis=0))


@DTYPES
@pytest.mark.parametrize(("d", "m"), [(137, 71), (300, 301)])
@pytest.mark.parametrize("name", ["affine_forward", "affine_relu_forward"])
def test_an_example_gives_the_same_bits_in_any_batch(name, d, m, dtype):
    operation, rng = getattr(kernels, name), np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in [(131, d), (d, m), m])
    whole = call(operation, x, w, b, out=(131, m))["out"]
    for n in (0, 7, 8, 130):
        assert call(operation, x[n : n + 1], w, b, out=(1, m))["out"].tobytes() == whole[n].tobytes()


@DTYPES
@pytest.mark.parametrize(("n", "d", "m"), [(1, 300, 301), (13, 37, 3), (300, 37, 3), (30, 300, 70), (300, 300, 150)])
def test_a_product_has_the_same_bits_in_any_layout_and_any_number_of_blocks(n, d, m, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((d, m)).astype(dtype)

    def inside(array, width):
        """In an array with rows of this width, so that numba compiles one form for all."""
        wide = np.zeros((len(array), width), dtype)
        wide[:, : array.shape[1]] = array
        return wide[:, : array.shape[1]]

    results = set()
    # Columns 1024 elements apart meet in one set of a cache, those 1001 apart do not.
    for left in (inside(a, 1001), inside(a.T, 1001).T, inside(a.T, 1024).T):
        for right in (inside(b, 1001), inside(b.T, 1001).T):
            for form in (matmul.serial, matmul.parallel):
                out = np.full((n, m), np.nan, dtype)
                form(left, right, out)
                results.add(out.tobytes())
    assert len(results) == 1
    np.testing.assert_allclose(out, a.astype(np.longdouble) @ b, rtol=0, atol=40 * d**0.5 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize("m", [5, 16, 20, 32, 40, 48])
def test_a_product_writes_its_own_rows_alone(m, dtype):
    """By micro-kernels of sixteen, eight and four rows, whichever are left."""
    rng = np.random.default_rng(0)
    b = rng.standard_normal((7, m)).astype(dtype)
    for n in range(1, 34):
        a, out = rng.standard_normal((n, 7)).astype(dtype), np.full((n + 16, m), 3, dtype)
        matmul.serial(a, b, out[:n])
        assert (out[n:] == 3).all()
        np.testing.assert_allclose(out[:n], a @ b, rtol=0, atol=40 * np.finfo(dtype).eps)
