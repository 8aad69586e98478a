"""Affine (fully connected) layers.

N examples, D features, M outputs; x (N, D), w (D, M), out (N, M). Forward is parallel over blocks of examples: each
owns its rows of `out`. Backward is parallel over blocks of features: each owns its columns of `dx`, then its rows of
`dw`.
"""

from numba import prange

from ._gemm import ROWS, SIDE, add_product, product_transposed
from ._jit import serial
from ._parallel import kernel

MULTIPLY_ADD_NS = 0.05


@serial
def _add_bias_and_product(x, w, b, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = b[j]
    add_product(x, w, out, 0, out.shape[1])


@serial
def _rectify(out):
    zero = out.dtype.type(0)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = max(out[i, j], zero)


@serial
def _backward_block(dout, x, w, dx, dw, first, width):
    """What `width` features from `first` own: their columns of dx and their rows of dw."""
    if len(dx) > 0:
        product_transposed(dout, w, dx, first, width)
    rows = dw[first : first + width]
    rows[:] = 0
    add_product(x[:, first : first + width].T, dout, rows, 0, dw.shape[1])


@serial
def _sum_rows(dout, db):
    for j in range(db.size):
        db[j] = 0
    for i in range(dout.shape[0]):
        for j in range(db.size):
            db[j] += dout[i, j]


@kernel(lambda x, w, b, out: MULTIPLY_ADD_NS * x.size * b.size)
def affine_forward(x, w, b, out):
    n = len(out)
    for block in prange((n + ROWS - 1) // ROWS):
        rows = slice(block * ROWS, min(block * ROWS + ROWS, n))
        _add_bias_and_product(x[rows], w, b, out[rows])


@kernel(lambda x, w, b, out: MULTIPLY_ADD_NS * x.size * b.size)
def affine_relu_forward(x, w, b, out):
    n = len(out)
    for block in prange((n + ROWS - 1) // ROWS):
        rows = slice(block * ROWS, min(block * ROWS + ROWS, n))
        _add_bias_and_product(x[rows], w, b, out[rows])
        _rectify(out[rows])  # while the block is in the cache


@kernel(lambda dout, x, w, dx, dw, db: 2 * MULTIPLY_ADD_NS * x.size * db.size)
def affine_backward(dout, x, w, dx, dw, db):
    _sum_rows(dout, db)
    d = len(w)
    for block in prange((d + SIDE - 1) // SIDE):
        first = block * SIDE
        _backward_block(dout, x, w, dx, dw, first, min(SIDE, d - first))


@kernel(lambda dout, x, w, out, dz, dx, dw, db: 2 * MULTIPLY_ADD_NS * x.size * db.size)
def affine_relu_backward(dout, x, w, out, dz, dx, dw, db):
    zero = out.dtype.type(0)
    for i in prange(len(out)):
        for j in range(out.shape[1]):
            dz[i, j] = zero if out[i, j] <= zero else dout[i, j]
    _sum_rows(dz, db)
    d = len(w)
    for block in prange((d + SIDE - 1) // SIDE):
        first = block * SIDE
        _backward_block(dz, x, w, dx, dw, first, min(SIDE, d - first))
