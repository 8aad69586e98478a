"""Affine (fully connected) layers.

N examples, D features, M outputs; x (N, D), w (D, M), out (N, M). Parallel over the pieces that `_gemm` cuts a product
into: forward over those of `out`, backward over those of `dx` and then of `dw`. A piece is written by one iteration;
the pieces of `dw` at the top also own their columns of `db`.
"""

from numba import prange

from ._gemm import add_product, piece_bounds, pieces
from ._jit import serial
from ._parallel import kernel

MULTIPLY_ADD_NS = 0.012


@serial
def _forward_piece(x, w, b, out, piece):
    i0, i1, j0, j1 = piece_bounds(out, piece)
    for i in range(i0, i1):
        for j in range(j0, j1):
            out[i, j] = b[j]
    add_product(x[i0:i1], w[:, j0:j1], out[i0:i1], j0)


@serial
def _rectify_piece(out, piece):
    zero = out.dtype.type(0)
    i0, i1, j0, j1 = piece_bounds(out, piece)
    for i in range(i0, i1):
        for j in range(j0, j1):
            out[i, j] = max(out[i, j], zero)


@serial
def _backward_piece(dout, x, w, dx, dw, db, piece):
    """A piece of dx or, after those, of dw with its columns of db."""
    if piece < pieces(dx):
        i0, i1, j0, j1 = piece_bounds(dx, piece)
        dx[i0:i1, j0:j1] = 0
        add_product(dout[i0:i1], w[j0:j1].T, dx[i0:i1], j0)
        return
    i0, i1, j0, j1 = piece_bounds(dw, piece - pieces(dx))
    dw[i0:i1, j0:j1] = 0
    add_product(x[:, i0:i1].T, dout[:, j0:j1], dw[i0:i1], j0)
    if i0 == 0:
        db[j0:j1] = 0
        for i in range(len(dout)):
            for j in range(j0, j1):
                db[j] += dout[i, j]


@kernel(lambda x, w, b, out: MULTIPLY_ADD_NS * x.size * b.size)
def affine_forward(x, w, b, out):
    for piece in prange(pieces(out)):
        _forward_piece(x, w, b, out, piece)


@kernel(lambda x, w, b, out: MULTIPLY_ADD_NS * x.size * b.size)
def affine_relu_forward(x, w, b, out):
    for piece in prange(pieces(out)):
        _forward_piece(x, w, b, out, piece)
        _rectify_piece(out, piece)  # while it is in the cache


@kernel(lambda dout, x, w, dx, dw, db: 2 * MULTIPLY_ADD_NS * x.size * db.size)
def affine_backward(dout, x, w, dx, dw, db):
    for piece in prange(pieces(dx) + pieces(dw)):
        _backward_piece(dout, x, w, dx, dw, db, piece)


@kernel(lambda dout, x, w, out, dz, dx, dw, db: 2 * MULTIPLY_ADD_NS * x.size * db.size)
def affine_relu_backward(dout, x, w, out, dz, dx, dw, db):
    zero = out.dtype.type(0)
    for i in prange(len(out)):
        for j in range(out.shape[1]):
            dz[i, j] = zero if out[i, j] <= zero else dout[i, j]
    for piece in prange(pieces(dx) + pieces(dw)):
        _backward_piece(dz, x, w, dx, dw, db, piece)
