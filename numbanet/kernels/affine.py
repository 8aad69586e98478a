"""Affine (fully connected) layers.

N examples, D features, M outputs; x (N, D), w (D, M), out (N, M). Parallel over one block of the result for each
thread, as `_gemm` cuts it, which that thread writes. Backward gives every thread a block of `dx`, a block of `dw` and a
range of the columns of `db`.
"""

import numpy as np
from numba import prange

from ._gemm import block_bounds, product
from ._jit import serial
from ._parallel import kernel, workers

MULTIPLY_ADD_NS = 0.0088


def _backward_nanoseconds(dout, x, w, *rest):
    dx = rest[-3]
    return MULTIPLY_ADD_NS * dout.size * x.shape[1] * (2 if dx.size else 1)


@serial
def _forward_block(x, w, b, out, floor, block, blocks):
    i0, i1, j0, j1 = block_bounds(out, block, blocks)
    if i0 < i1 and j0 < j1:
        product(x[i0:i1], w[:, j0:j1], b[j0:j1], out[i0:i1, j0:j1], floor)


@serial
def _input_gradient_block(dout, w, dx, block, blocks):
    i0, i1, j0, j1 = block_bounds(dx, block, blocks)
    if i0 < i1 and j0 < j1:
        product(dout[i0:i1], w[j0:j1].T, dx[0, :0], dx[i0:i1, j0:j1], -np.inf)


@serial
def _weight_gradient_block(dout, x, dw, block, blocks):
    i0, i1, j0, j1 = block_bounds(dw, block, blocks)
    if i0 < i1 and j0 < j1:
        product(x[:, i0:i1].T, dout[:, j0:j1], dw[0, :0], dw[i0:i1, j0:j1], -np.inf)


@serial
def _bias_gradient(dout, db, start, stop):
    for j in range(start, stop):
        db[j] = 0
    for i in range(len(dout)):
        for j in range(start, stop):
            db[j] += dout[i, j]


@kernel(lambda x, w, b, out: MULTIPLY_ADD_NS * x.size * b.size)
def affine_forward(x, w, b, out):
    blocks = workers()
    for block in prange(blocks):
        _forward_block(x, w, b, out, -np.inf, block, blocks)


@kernel(lambda x, w, b, out: MULTIPLY_ADD_NS * x.size * b.size)
def affine_relu_forward(x, w, b, out):
    blocks = workers()
    for block in prange(blocks):
        _forward_block(x, w, b, out, 0.0, block, blocks)


@kernel(_backward_nanoseconds)
def affine_backward(dout, x, w, dx, dw, db):
    blocks = workers()
    for block in prange(blocks):
        _bias_gradient(dout, db, np.uint64(db.size * block // blocks), np.uint64(db.size * (block + 1) // blocks))
        _input_gradient_block(dout, w, dx, block, blocks)
        _weight_gradient_block(dout, x, dw, block, blocks)


@kernel(_backward_nanoseconds)
def affine_relu_backward(dout, x, w, out, dz, dx, dw, db):
    zero = out.dtype.type(0)
    for i in prange(len(out)):
        for j in range(out.shape[1]):
            dz[i, j] = zero if out[i, j] <= zero else dout[i, j]
    blocks = workers()
    for block in prange(blocks):
        _bias_gradient(dz, db, np.uint64(db.size * block // blocks), np.uint64(db.size * (block + 1) // blocks))
        _input_gradient_block(dz, w, dx, block, blocks)
        _weight_gradient_block(dz, x, dw, block, blocks)
