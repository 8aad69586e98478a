"""Batch and layer normalisation.

N examples, D features. Sums over the examples are those of pieces, cut by the shape alone, added up in order. Parallel
over the pieces, or where these are few also over ranges of their columns; what is written for each example, over the
examples.
"""

import math

import numpy as np
from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel, workers
from ._gemm import column_range
from ._moments import (
    FAR,
    NORM_BACKWARD_NS,
    NORM_FORWARD_NS,
    add_sums,
    column_shifts,
    join_moments,
    piece_size,
    piece_sums,
    sums_of,
)
from ._sums import fill, part_of, parts_of_each
from .simd.fma import fma
from .simd.moments import (
    batchnorm_input_gradient,
    batchnorm_parameter_gradients,
    column_moments,
    layernorm_gradient_sums,
    scale_and_shift_columns,
    shifted_sum,
)
from .simd.reductions import centred_dot, lane_sum


@serial
def _update_statistics(n, eps, momentum, shift, running_mean, running_var, mean, inv_std):
    """From the sum about `shift`, which comes in `mean`, and that of squares in `inv_std`."""
    real = mean.dtype.type
    keep, fresh = real(momentum), real(1) - real(momentum)
    for j in range(mean.size):
        mean[j] = shift[j] + mean[j] / real(n)
        var = inv_std[j] / real(n)
        before = running_mean[j]
        average = keep * before + fresh * mean[j]
        # Where rounding keeps it from coming nearer, it takes the batch's own: what is always the same gets there.
        nearer = abs(average - mean[j]) < abs(before - mean[j])
        held = (not nearer) & (fresh > real(0)) & (abs(before) < real(np.inf))
        running_mean[j] = mean[j] if held else average
        running_var[j] = keep * running_var[j] + fresh * var
        inv_std[j] = real(1) / math.sqrt(var + real(eps))


@serial
def _last_first(tasks, block, blocks):
    """The tasks of one thread's block, the last first.

    What that reads was written last, so it may still be in a cache, and where the next pass begins is read last.
    `block` is signed, unlike the count of a parallel `prange`.
    """
    return range(tasks * (block + 1) // blocks - 1, tasks * block // blocks - 1, -1)


@serial
def _task(task, parts, size, x):
    """The rows and columns that a task is over: a piece of `size` rows, and one of `parts` ranges of its columns."""
    start = task // parts * size
    return slice(start, min(start + size, len(x))), column_range(x[0], task % parts, parts)


@serial
def _rows(n, block, blocks):
    rows = part_of(n, block, blocks)
    return slice(rows.start, rows.stop)


@serial
def _join_pieces(pieces, size, n, mean, inv_std, sums, columns):
    """The moments of all pieces, into those of the first, for some columns."""
    total, squares = mean[columns], inv_std[columns]
    for piece in range(1, pieces):
        before = piece * size
        more, more_squares = sums_of(piece, mean, inv_std, sums)
        join_moments(total, squares, before, more[columns], more_squares[columns], min(size, n - before))


@kernel(NORM_FORWARD_NS)
def batchnorm_forward(x, gamma, beta, momentum, eps, running_mean, running_var, mean, inv_std, out):
    n, size = len(x), piece_size(x)
    pieces = (n + size - 1) // size
    sums, shift = piece_sums(x), out[0]  # which is not written before the shift has done its work
    blocks = workers()
    for block in prange(blocks):
        columns = column_range(mean, np.int64(block), blocks)
        column_shifts(x, columns, mean[columns], shift[columns])
    parts = parts_of_each(pieces, blocks)
    for block in prange(blocks):
        for task in _last_first(pieces * parts, np.int64(block), blocks):
            rows, columns = _task(task, parts, size, x)
            total, squares = sums_of(task // parts, mean, inv_std, sums)
            column_moments(x[rows, columns], shift[columns], total[columns], squares[columns])
    for block in prange(blocks):
        columns = column_range(mean, np.int64(block), blocks)
        _join_pieces(pieces, size, n, mean, inv_std, sums, columns)
        running = running_mean[columns], running_var[columns]
        _update_statistics(n, eps, momentum, shift[columns], *running, mean[columns], inv_std[columns])
    for block in prange(blocks):
        rows = _rows(n, np.int64(block), blocks)
        scale_and_shift_columns(x[rows], gamma, beta, mean, inv_std, out[rows])


@kernel(NORM_FORWARD_NS / 2)
def batchnorm_inference(x, gamma, beta, running_mean, running_var, eps, out):
    real = x.dtype.type
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            inv_std = real(1) / math.sqrt(running_var[j] + real(eps))
            out[i, j] = gamma[j] * ((x[i, j] - running_mean[j]) * inv_std) + beta[j]


@kernel(NORM_BACKWARD_NS)
def batchnorm_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    n, size = len(x), piece_size(x)
    pieces = (n + size - 1) // size
    sums = piece_sums(x)
    blocks = workers()
    parts = parts_of_each(pieces, blocks)
    for block in prange(blocks):
        for task in _last_first(pieces * parts, np.int64(block), blocks):
            rows, columns = _task(task, parts, size, x)
            first, second = sums_of(task // parts, dgamma, dbeta, sums)
            arrays = dout[rows, columns], x[rows, columns], mean[columns], inv_std[columns]
            batchnorm_parameter_gradients(*arrays, first[columns], second[columns])
    add_sums(pieces, dgamma, dbeta, sums)
    inv_n = x.dtype.type(1) / x.dtype.type(n)
    for block in prange(blocks):
        rows = _rows(n, np.int64(block), blocks)
        batchnorm_input_gradient(dout[rows], x[rows], gamma, mean, inv_std, dgamma, dbeta, inv_n, dx[rows])


@kernel(NORM_FORWARD_NS)
def layernorm_forward(x, gamma, beta, eps, mean, inv_std, out):
    real, n = x.dtype.type, len(x)
    d = real(x.shape[1])
    for i in prange(n):
        mean[i] = lane_sum(x[i]) / d
        var = centred_dot(x[i], mean[i], x[i], mean[i]) / d
        if mean[i] * mean[i] >= real(FAR * FAR) * var:  # far from zero, or too small to tell
            mean[i] = x[i, 0] + shifted_sum(x[i], x[i, 0]) / d
            var = centred_dot(x[i], mean[i], x[i], mean[i]) / d
        inv_std[i] = real(1) / math.sqrt(var + real(eps))
        for j in range(x.shape[1]):
            out[i, j] = fma(gamma[j], (x[i, j] - mean[i]) * inv_std[i], beta[j])


@serial
def _layernorm_piece_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    """dx = inv_std (g - mean(g) - x_hat mean(g x_hat)), with g = gamma dout; dx may be dout."""
    d = x.dtype.type(x.shape[1])
    fill(dgamma, 0)
    fill(dbeta, 0)
    for i in range(len(x)):
        sum_g, sum_g_centred = layernorm_gradient_sums(gamma, dout[i], x[i], mean[i])
        mean_g, mean_g_x_hat = sum_g / d, sum_g_centred * inv_std[i] / d
        for j in range(x.shape[1]):
            gradient, x_hat = dout[i, j], (x[i, j] - mean[i]) * inv_std[i]
            dgamma[j] = fma(gradient, x_hat, dgamma[j])
            dbeta[j] += gradient
            dx[i, j] = inv_std[i] * (gamma[j] * gradient - mean_g - x_hat * mean_g_x_hat)


@kernel(NORM_BACKWARD_NS)
def layernorm_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    n, size = len(x), piece_size(x)
    pieces = (n + size - 1) // size
    sums = piece_sums(x)
    for piece in prange(pieces):
        rows = slice(piece * size, min(piece * size + size, n))
        arrays = dout[rows], x[rows], gamma, mean[rows], inv_std[rows], dx[rows]
        _layernorm_piece_backward(*arrays, *sums_of(piece, dgamma, dbeta, sums))
    add_sums(pieces, dgamma, dbeta, sums)
