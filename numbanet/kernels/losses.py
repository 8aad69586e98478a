"""Losses, each with its gradient in one pass, and the L2 penalty.

N examples, C classes, M outputs. Parallel over at most BLOCKS blocks of rows or elements, cut by the shape alone; each
writes its part of the gradient and its own partial sum, in float64, and the partial sums are added in order.
"""

from numba import prange

from ._functions import exp, log, log1p
from ._jit import serial
from ._parallel import kernel
from ._scratch import stack_array
from ._sums import (
    LANES,
    LEAST,
    block_size,
    centred_dot,
    lane_array,
    lane_max,
    lane_sum,
    partial_sums,
    total,
    wide_lanes,
)

# Nanoseconds an element takes on one core.
LIGHT, EXPONENTIAL = 0.1, 0.2

# Rows of at most so many classes are too short to fill vectors: LANES rows are worked on side by side instead.
NARROW = 32
columns = stack_array((NARROW, LANES))


@serial
def _to_columns(rows, t):
    """``t[c, lane] = rows[lane, c]``, and zeros in the lanes that have no row."""
    if len(rows) < LANES:
        t[:] = 0
    for lane in range(len(rows)):
        for c in range(rows.shape[1]):
            t[c, lane] = rows[lane, c]


@serial
def _from_columns(t, rows):
    for lane in range(len(rows)):
        for c in range(rows.shape[1]):
            rows[lane, c] = t[c, lane]


@serial
def _column_exponentials(t, classes, largest, normalizer):
    """``t = exp(t - largest)`` for every column, and the columns' sums."""
    largest[:] = t[0]
    for c in range(1, classes):
        for lane in range(LANES):
            largest[lane] = max(largest[lane], t[c, lane])
    normalizer[:] = 0
    for c in range(classes):
        for lane in range(LANES):
            t[c, lane] = exp(t[c, lane] - largest[lane])
            normalizer[lane] += t[c, lane]


@serial
def _scale_columns(t, classes, factor):
    for c in range(classes):
        for lane in range(LANES):
            t[c, lane] *= factor[lane]


@serial
def _exponentials(scores, out):
    """``out = exp(scores - largest)`` for one row; returns the largest score and the sum of `out`."""
    largest = lane_max(scores)
    for j in range(scores.size):
        out[j] = exp(scores[j] - largest)
    return largest, lane_sum(out)


@serial
def _scale(row, factor):
    for j in range(row.size):
        row[j] *= factor


@serial
def _softmax_narrow(scores, out):
    one, classes = scores.dtype.type(1), scores.shape[1]
    t, largest, normalizer = columns(scores), lane_array(scores), lane_array(scores)
    for i in range(0, len(scores), LANES):
        _to_columns(scores[i : i + LANES], t)
        _column_exponentials(t, classes, largest, normalizer)
        for lane in range(LANES):
            normalizer[lane] = one / normalizer[lane]
        _scale_columns(t, classes, normalizer)
        _from_columns(t, out[i : i + LANES])


@serial
def _softmax_rows(scores, out):
    one = scores.dtype.type(1)
    for i in range(len(scores)):
        _, normalizer = _exponentials(scores[i], out[i])
        _scale(out[i], one / normalizer)


@serial
def _softmax_loss_narrow(scores, y, dscores, inv_count):
    classes = scores.shape[1]
    t, largest, normalizer, right = columns(scores), lane_array(scores), lane_array(scores), lane_array(scores)
    right[:] = 0
    loss = 0.0
    for i in range(0, len(scores), LANES):
        labels, gradient = y[i : i + LANES], dscores[i : i + LANES]
        _to_columns(scores[i : i + LANES], t)
        for lane in range(labels.size):
            right[lane] = t[labels[lane], lane]
        _column_exponentials(t, classes, largest, normalizer)
        for lane in range(LANES):
            right[lane] = log(normalizer[lane]) - (right[lane] - largest[lane])
            normalizer[lane] = inv_count / normalizer[lane]
        _scale_columns(t, classes, normalizer)
        _from_columns(t, gradient)
        for lane in range(labels.size):
            gradient[lane, labels[lane]] -= inv_count
            loss += right[lane]
    return loss


@serial
def _softmax_loss_rows(scores, y, dscores, inv_count):
    loss = 0.0
    for i in range(len(scores)):
        right = scores[i, y[i]]  # read before dscores, which may be the same array, is written
        largest, normalizer = _exponentials(scores[i], dscores[i])
        loss += log(normalizer) - (right - largest)
        _scale(dscores[i], inv_count / normalizer)
        dscores[i, y[i]] -= inv_count
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
def _squared_error_block(pred, target, dpred, scale):
    lanes = wide_lanes(pred)
    lanes[:] = 0
    for i in range(0, pred.size, LANES):
        for lane in range(min(LANES, pred.size - i)):
            error = pred[i + lane] - target[i + lane]
            lanes[lane] += error * error
            dpred[i + lane] = error * scale
    return total(lanes)


@serial
def _binary_cross_entropy_block(logits, target, dlogits, inv_count):
    real = logits.dtype.type
    zero, one = real(0), real(1)
    lanes = wide_lanes(logits)
    lanes[:] = 0
    for i in range(0, logits.size, LANES):
        for lane in range(min(LANES, logits.size - i)):
            z, t = logits[i + lane], target[i + lane]
            e = exp(-abs(z))
            lanes[lane] += max(z, zero) - z * t + log1p(e)
            dlogits[i + lane] = ((one if z >= zero else e) / (one + e) - t) * inv_count
    return total(lanes)


@serial
def _l2_penalty_block(w, reg, dw):
    for i in range(w.size):
        dw[i] += reg * w[i]
    zero = w.dtype.type(0)
    return centred_dot(w, zero, w, zero)


@kernel(EXPONENTIAL)
def softmax_forward(scores, out):
    n = len(scores)
    size = block_size(n, LANES)
    for block in prange((n + size - 1) // size):
        rows = slice(block * size, min(block * size + size, n))
        if scores.shape[1] <= NARROW:
            _softmax_narrow(scores[rows], out[rows])
        else:
            _softmax_rows(scores[rows], out[rows])


@kernel(EXPONENTIAL)
def softmax_loss(scores, y, dscores):
    n = len(scores)
    size = block_size(n, LANES)
    blocks = (n + size - 1) // size
    partial = partial_sums(scores)
    inv_count = scores.dtype.type(1.0 / n)
    for block in prange(blocks):
        rows = slice(block * size, min(block * size + size, n))
        if scores.shape[1] <= NARROW:
            partial[block] = _softmax_loss_narrow(scores[rows], y[rows], dscores[rows], inv_count)
        else:
            partial[block] = _softmax_loss_rows(scores[rows], y[rows], dscores[rows], inv_count)
    return total(partial[:blocks]) / n


@kernel(LIGHT)
def svm_loss(scores, y, dscores):
    n = len(scores)
    size = block_size(n, 1)
    blocks = (n + size - 1) // size
    partial = partial_sums(scores)
    count = scores.dtype.type(n)
    for block in prange(blocks):
        rows = slice(block * size, min(block * size + size, n))
        partial[block] = _svm_loss_rows(scores[rows], y[rows], dscores[rows], count)
    return total(partial[:blocks]) / n


@kernel(LIGHT)
def squared_error_loss(pred, target, dpred):
    n = pred.size
    size = block_size(n, LEAST)
    blocks = (n + size - 1) // size
    partial = partial_sums(pred)
    scale = pred.dtype.type(2.0 / n)
    flat, flat_target, flat_gradient = pred.reshape(n), target.reshape(n), dpred.reshape(n)
    for block in prange(blocks):
        part = slice(block * size, min(block * size + size, n))
        partial[block] = _squared_error_block(flat[part], flat_target[part], flat_gradient[part], scale)
    return total(partial[:blocks]) / n


@kernel(2 * EXPONENTIAL)
def binary_cross_entropy_loss(logits, target, dlogits):
    n = logits.size
    size = block_size(n, LEAST)
    blocks = (n + size - 1) // size
    partial = partial_sums(logits)
    inv_count = logits.dtype.type(1.0 / n)
    flat, flat_target, flat_gradient = logits.reshape(n), target.reshape(n), dlogits.reshape(n)
    for block in prange(blocks):
        part = slice(block * size, min(block * size + size, n))
        partial[block] = _binary_cross_entropy_block(flat[part], flat_target[part], flat_gradient[part], inv_count)
    return total(partial[:blocks]) / n


@kernel(LIGHT)
def l2_penalty(w, reg, dw):
    size = block_size(w.size, LEAST)
    blocks = (w.size + size - 1) // size
    partial = partial_sums(w)
    factor = w.dtype.type(reg)
    for block in prange(blocks):
        elements = slice(block * size, min(block * size + size, w.size))
        partial[block] = _l2_penalty_block(w[elements], factor, dw[elements])
    return 0.5 * reg * total(partial[:blocks])
