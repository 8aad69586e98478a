"""Losses, each with its gradient in one pass, and the L2 penalty.

N examples, C classes, M outputs. Parallel over at most BLOCKS blocks of rows, cut by the shape alone; each writes its
rows of the gradient and its own partial sum, in float64, and the partial sums are added in order.
"""

import math

from numba import prange

from ._jit import serial
from ._parallel import kernel
from ._sums import BLOCKS, centred_dot, lane_sum, partial_sums, total

LIGHT, LIBM = 0.5, 8.0


@serial
def _exponentials(scores, out):
    """``out = exp(scores - largest)`` for one row; returns the largest score and the sum of `out`."""
    largest = scores[0]
    for j in range(1, scores.size):
        largest = max(largest, scores[j])
    for j in range(scores.size):
        out[j] = math.exp(scores[j] - largest)
    return largest, lane_sum(out)


@serial
def _softmax_rows(scores, out):
    for i in range(scores.shape[0]):
        _, normalizer = _exponentials(scores[i], out[i])
        for j in range(scores.shape[1]):
            out[i, j] /= normalizer


@serial
def _softmax_loss_rows(scores, y, dscores, count):
    loss = 0.0
    for i in range(scores.shape[0]):
        right = scores[i, y[i]]  # read before dscores, which may be the same array, is written
        largest, normalizer = _exponentials(scores[i], dscores[i])
        loss += math.log(normalizer) - (right - largest)
        for j in range(scores.shape[1]):
            dscores[i, j] /= normalizer
        dscores[i, y[i]] -= 1
        for j in range(scores.shape[1]):
            dscores[i, j] /= count
    return loss


@serial
def _svm_loss_rows(scores, y, dscores, count):
    real = scores.dtype.type
    zero, one = real(0), real(1)
    loss = 0.0
    for i in range(scores.shape[0]):
        right = scores[i, y[i]]
        violated = zero
        for j in range(scores.shape[1]):
            margin = zero if j == y[i] else scores[i, j] - right + one
            within = margin <= zero  # false for NaN, so that it reaches the loss
            loss += zero if within else margin
            violated += zero if within else one
            dscores[i, j] = (zero if within else one) / count
        dscores[i, y[i]] = -violated / count
    return loss


@serial
def _squared_error_rows(pred, target, dpred, scale):
    loss = 0.0
    for i in range(pred.shape[0]):
        for j in range(pred.shape[1]):
            error = pred[i, j] - target[i, j]
            loss += error * error
            dpred[i, j] = error * scale
    return loss


@serial
def _binary_cross_entropy_rows(logits, target, dlogits, count):
    real = logits.dtype.type
    zero, one = real(0), real(1)
    loss = 0.0
    for i in range(logits.shape[0]):
        for j in range(logits.shape[1]):
            z, t = logits[i, j], target[i, j]
            e = math.exp(-abs(z))
            loss += max(z, zero) - z * t + math.log1p(e)
            dlogits[i, j] = ((one if z >= zero else e) / (one + e) - t) / count
    return loss


@serial
def _l2_penalty_block(w, reg, dw):
    for i in range(w.size):
        dw[i] += reg * w[i]
    zero = w.dtype.type(0)
    return centred_dot(w, zero, w, zero)


@serial
def _block_size(rows):
    return (rows + BLOCKS - 1) // BLOCKS


@kernel(LIBM)
def softmax_forward(scores, out):
    n = len(scores)
    size = _block_size(n)
    for block in prange((n + size - 1) // size):
        rows = slice(block * size, min(block * size + size, n))
        _softmax_rows(scores[rows], out[rows])


@kernel(LIBM)
def softmax_loss(scores, y, dscores):
    n = len(scores)
    size = _block_size(n)
    blocks = (n + size - 1) // size
    partial = partial_sums(scores)
    count = scores.dtype.type(n)
    for block in prange(blocks):
        rows = slice(block * size, min(block * size + size, n))
        partial[block] = _softmax_loss_rows(scores[rows], y[rows], dscores[rows], count)
    return total(partial[:blocks]) / n


@kernel(LIGHT)
def svm_loss(scores, y, dscores):
    n = len(scores)
    size = _block_size(n)
    blocks = (n + size - 1) // size
    partial = partial_sums(scores)
    count = scores.dtype.type(n)
    for block in prange(blocks):
        rows = slice(block * size, min(block * size + size, n))
        partial[block] = _svm_loss_rows(scores[rows], y[rows], dscores[rows], count)
    return total(partial[:blocks]) / n


@kernel(LIGHT)
def squared_error_loss(pred, target, dpred):
    n = len(pred)
    size = _block_size(n)
    blocks = (n + size - 1) // size
    partial = partial_sums(pred)
    scale = pred.dtype.type(2.0 / pred.size)
    for block in prange(blocks):
        rows = slice(block * size, min(block * size + size, n))
        partial[block] = _squared_error_rows(pred[rows], target[rows], dpred[rows], scale)
    return total(partial[:blocks]) / pred.size


@kernel(2 * LIBM)
def binary_cross_entropy_loss(logits, target, dlogits):
    n = len(logits)
    size = _block_size(n)
    blocks = (n + size - 1) // size
    partial = partial_sums(logits)
    count = logits.dtype.type(logits.size)
    for block in prange(blocks):
        rows = slice(block * size, min(block * size + size, n))
        partial[block] = _binary_cross_entropy_rows(logits[rows], target[rows], dlogits[rows], count)
    return total(partial[:blocks]) / logits.size


@kernel(LIGHT)
def l2_penalty(w, reg, dw):
    size = _block_size(w.size)
    blocks = (w.size + size - 1) // size
    partial = partial_sums(w)
    factor = w.dtype.type(reg)
    for block in prange(blocks):
        elements = slice(block * size, min(block * size + size, w.size))
        partial[block] = _l2_penalty_block(w[elements], factor, dw[elements])
    return 0.5 * reg * total(partial[:blocks])
