"""Affine (fully connected) layers.

N examples, D features, M outputs; x (N, D), w (D, M), out (N, M). Parallel over one block of the result for each
thread, as `_gemm` cuts it, which that thread writes. Backward gives every thread a block of `dx`, a block of `dw` and a
range of the columns of `db`.
"""

import numpy as np
from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel, workers
from ._gemm import block_bounds, column_range, product, product_nanoseconds
from .simd.columns import column_sums, masked_column_sums
from .simd.vectors import LINE_BYTES


def _backward_nanoseconds(dout, x, w, *rest):
    dx = rest[-3]
    return product_nanoseconds(x, w) * (2 if dx.size else 1)


@serial
def forward_block(x, w, b, out, floor, block, blocks):
    i0, i1, j0, j1 = block_bounds(out, block, blocks)
    if i0 < i1 and j0 < j1:
        product(x[i0:i1, :], w[:, j0:j1], b[j0:j1], out[i0:i1, j0:j1], floor)


@serial
def input_gradient_block(dout, w, dx, block, blocks):
    i0, i1, j0, j1 = block_bounds(dx, block, blocks)
    if i0 < i1 and j0 < j1:
        product(dout[i0:i1, :], w[j0:j1, :].T, dx[0, :0], dx[i0:i1, j0:j1], -np.inf)


@serial
def weight_gradient_block(dout, x, dw, block, blocks):
    i0, i1, j0, j1 = block_bounds(dw, block, blocks)
    if i0 < i1 and j0 < j1:
        product(x[:, i0:i1].T, dout[:, j0:j1], dw[0, :0], dw[i0:i1, j0:j1], -np.inf)


@serial
def _mask(dout, out, dz):
    """The gradient before the ReLU, where threads that have columns each would write to the same lines of a cache."""
    zero = dz.dtype.type(0)
    for i in range(len(dz)):
        for j in range(np.uint64(dz.shape[1])):
            gradient = dout[i, j]
            dz[i, j] = zero if out[i, j] <= zero else gradient


# In parallel numba's `prange` counts in unsigned numbers: made signed, or the pieces would be compiled for both.


@kernel(product_nanoseconds)
def affine_forward(x, w, b, out):
    blocks = workers()
    for number in prange(blocks):
        block = np.int64(number)
        forward_block(x, w, b, out, -np.inf, block, blocks)


@kernel(product_nanoseconds)
def affine_relu_forward(x, w, b, out):
    blocks = workers()
    for number in prange(blocks):
        block = np.int64(number)
        forward_block(x, w, b, out, 0.0, block, blocks)


@kernel(_backward_nanoseconds)
def affine_backward(dout, x, w, dx, dw, db):
    blocks = workers()
    for number in prange(blocks):
        block = np.int64(number)
        columns = column_range(db, block, blocks)
        column_sums(dout[:, columns], db[columns])
        input_gradient_block(dout, w, dx, block, blocks)
        weight_gradient_block(dout, x, dw, block, blocks)


@kernel(_backward_nanoseconds)
def affine_relu_backward(dout, x, w, out, dz, dx, dw, db):
    blocks = workers()
    by_rows = blocks > 1 and dz.strides[0] % LINE_BYTES != 0
    for number in prange(blocks):
        block = np.int64(number)
        if not by_rows:
            columns = column_range(db, block, blocks)
            masked_column_sums(dout[:, columns], out[:, columns], db[columns], dz[:, columns])
        else:
            rows = slice(len(dz) * block // blocks, len(dz) * (block + 1) // blocks)
            _mask(dout[rows], out[rows], dz[rows])
    for number in prange(blocks):  # after all of dz
        block = np.int64(number)
        if by_rows:
            columns = column_range(db, block, blocks)
            column_sums(dz[:, columns], db[columns])
        input_gradient_block(dz, w, dx, block, blocks)
        weight_gradient_block(dz, x, dw, block, blocks)
