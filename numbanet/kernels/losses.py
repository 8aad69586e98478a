"""Losses, each with its gradient in one pass, and the L2 penalty.

N examples, C classes, M outputs. Parallel over at most BLOCKS blocks of rows or elements, cut by the shape alone; each
writes its part of the gradient and its own partial sum, in float64, and the partial sums are added in order.
"""

import numpy as np
from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel
from ._sums import (
    LANE_START,
    LANE_STEP,
    LEAST,
    block_size,
    fill,
    lane_total,
    partial_sums,
    total,
    whole_lanes,
    wide_lanes,
)
from .simd.elementary import INFINITY, exp, log, log1p
from .simd.reductions import LANES, centred_dot, hinge_sums, lane_max, lane_sum
from .simd.scratch import stack_array

# Nanoseconds an element takes on one core, by measurement: loads, stores and sums; with an exponential and a logarithm.
LIGHT, TWO_FUNCTIONS = 0.1, 1.0

# Rows of at most so many classes are too short to fill vectors: a group of rows is worked on side by side instead.
FEW_CLASSES, GROUP_ROWS = 64, 16
GROUP = np.uint64(GROUP_ROWS)
columns, column = stack_array((FEW_CLASSES, GROUP_ROWS)), stack_array((GROUP_ROWS,))
lane_array = stack_array((LANES,))


def _softmax_nanoseconds(scores, *others):
    rows, classes = scores.shape
    return rows * classes * 1.3 if classes <= FEW_CLASSES else rows * (80 + classes * 0.22)


def _svm_nanoseconds(scores, *others):
    rows, classes = scores.shape
    return rows * classes * 1.0 if classes <= FEW_CLASSES else rows * (60 + classes * 0.1)


@serial
def _group(scores):
    """GROUP, or fewer where there are not even so many scores.

    That the compiler does not know the number has it make vectors; a loop of 16 it would write out, number by number.
    """
    return min(GROUP, np.uint64(scores.size))


@serial
def _to_columns(a, start, count, t):
    """``t[c, lane] = a[start + lane, c]`` for `count` lanes, and zeros in the others."""
    for c in range(a.shape[1]):
        for lane in range(count, GROUP):
            t[c, lane] = 0
        for lane in range(count):
            t[c, lane] = a[start + lane, c]


@serial
def _from_columns(t, a, start, count):
    for lane in range(count):
        for c in range(a.shape[1]):
            a[start + lane, c] = t[c, lane]


@serial
def _column_exponentials(t, classes, width, largest, normalizer):
    """``t = exp(t - largest)`` for every column, and the columns' sums."""
    fill(largest, -INFINITY(t[0, 0]))
    for c in range(classes):
        for lane in range(width):
            largest[lane] = max(largest[lane], t[c, lane])
    fill(normalizer, 0)
    for c in range(classes):
        for lane in range(width):
            t[c, lane] = exp(t[c, lane] - largest[lane])
            normalizer[lane] += t[c, lane]


@serial
def _scale_columns(t, classes, width, factor):
    for c in range(classes):
        for lane in range(width):
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
def _softmax_narrow(scores, out, start, stop):
    one, classes, width = scores.dtype.type(1), scores.shape[1], _group(scores)
    t, largest, normalizer = columns(scores), column(scores), column(scores)
    for i in range(start, stop, GROUP):
        count = min(GROUP, stop - i)
        _to_columns(scores, i, count, t)
        _column_exponentials(t, classes, width, largest, normalizer)
        for lane in range(width):
            normalizer[lane] = one / normalizer[lane]
        _scale_columns(t, classes, width, normalizer)
        _from_columns(t, out, i, count)


@serial
def _softmax_rows(scores, out, start, stop):
    one = scores.dtype.type(1)
    for i in range(start, stop):
        _, normalizer = _exponentials(scores[i], out[i])
        _scale(out[i], one / normalizer)


@serial
def _softmax_loss_narrow(scores, y, dscores, start, stop, inv_count):
    classes, width = scores.shape[1], _group(scores)
    t, largest, normalizer, right = columns(scores), column(scores), column(scores), column(scores)
    fill(right, 0)
    loss = 0.0
    for i in range(start, stop, GROUP):
        count = min(GROUP, stop - i)
        _to_columns(scores, i, count, t)
        for lane in range(count):
            right[lane] = t[y[i + lane], lane]
        _column_exponentials(t, classes, width, largest, normalizer)
        for lane in range(width):
            right[lane] = log(normalizer[lane]) - (right[lane] - largest[lane])
            normalizer[lane] = inv_count / normalizer[lane]
        _scale_columns(t, classes, width, normalizer)
        _from_columns(t, dscores, i, count)
        for lane in range(count):
            dscores[i + lane, y[i + lane]] -= inv_count
            loss += right[lane]
    return loss


@serial
def _softmax_loss_rows(scores, y, dscores, start, stop, inv_count):
    loss = 0.0
    for i in range(start, stop):
        right = scores[i, y[i]]  # read before dscores, which may be the same array, is written
        largest, normalizer = _exponentials(scores[i], dscores[i])
        loss += log(normalizer) - (right - largest)
        _scale(dscores[i], inv_count / normalizer)
        dscores[i, y[i]] -= inv_count
    return loss


@serial
def _svm_loss_narrow(scores, y, dscores, start, stop, count):
    real, classes, width = scores.dtype.type, scores.shape[1], _group(scores)
    zero, one, share = real(0), real(1), real(1) / count
    t, right, label, margins, violated = columns(scores), column(scores), column(scores), column(scores), column(scores)
    fill(right, 0)
    fill(label, 0)
    loss = 0.0
    for i in range(start, stop, GROUP):
        rows = min(GROUP, stop - i)
        _to_columns(scores, i, rows, t)
        for lane in range(rows):
            right[lane], label[lane] = t[y[i + lane], lane], real(y[i + lane])
        fill(margins, 0)
        fill(violated, 0)
        for c in range(classes):
            this = real(c)
            for lane in range(width):
                margin = t[c, lane] - right[lane] + one
                within = (margin <= zero) | (label[lane] == this)  # false for NaN, so that it reaches the loss
                margins[lane] += zero if within else margin
                violated[lane] += zero if within else one
                t[c, lane] = zero if within else share
        _from_columns(t, dscores, i, rows)
        for lane in range(rows):
            dscores[i + lane, y[i + lane]] = -violated[lane] / count
            loss += margins[lane]
    return loss


@serial
def _svm_loss_rows(scores, y, dscores, start, stop, count):
    zero, one = scores.dtype.type(0), scores.dtype.type(1)
    share = one / count
    loss = 0.0
    for i in range(start, stop):
        row, label = scores[i], y[i]
        right = row[label]  # read before dscores, which may be the same array, is written
        before, violated_before = hinge_sums(row[:label], right)
        after, violated_after = hinge_sums(row[label + 1 :], right)
        loss += before + after
        gradient = dscores[i]
        for j in range(row.size):
            gradient[j] = zero if row[j] - right + one <= zero else share
        gradient[label] = -(violated_before + violated_after) / count
    return loss


@serial
def _squared_errors(pred, target, dpred, scale, lanes, start, count):
    for lane in range(count):
        error = pred[start + lane] - target[start + lane]
        lanes[lane] += error * error
        dpred[start + lane] = error * scale


@serial
def _squared_error_block(pred, target, dpred, scale):
    lanes = wide_lanes(pred)
    fill(lanes, 0)
    whole, rest = whole_lanes(pred)
    for i in range(LANE_START, whole, LANE_STEP):
        _squared_errors(pred, target, dpred, scale, lanes, i, LANE_STEP)
    _squared_errors(pred, target, dpred, scale, lanes, whole, rest)
    return lane_total(lanes)


@serial
def _huber_errors(pred, target, dpred, delta, scale, lanes, start, count):
    half = pred.dtype.type(0.5)
    for lane in range(count):
        error = pred[start + lane] - target[start + lane]
        inside = min(max(error, -delta), delta)  # in this order NaN passes
        lanes[lane] += inside * (error - half * inside)
        dpred[start + lane] = inside * scale


@serial
def _huber_block(pred, target, dpred, delta, scale):
    lanes = wide_lanes(pred)
    fill(lanes, 0)
    whole, rest = whole_lanes(pred)
    for i in range(LANE_START, whole, LANE_STEP):
        _huber_errors(pred, target, dpred, delta, scale, lanes, i, LANE_STEP)
    _huber_errors(pred, target, dpred, delta, scale, lanes, whole, rest)
    return lane_total(lanes)


@serial
def _absolute_errors(pred, target, dpred, scale, lanes, start, count):
    zero = pred.dtype.type(0)
    for lane in range(count):
        error = pred[start + lane] - target[start + lane]
        lanes[lane] += abs(error)
        slope = scale if error > zero else -scale
        dpred[start + lane] = slope if abs(error) > zero else error  # 0 and NaN stay so


@serial
def _absolute_error_block(pred, target, dpred, scale):
    lanes = wide_lanes(pred)
    fill(lanes, 0)
    whole, rest = whole_lanes(pred)
    for i in range(LANE_START, whole, LANE_STEP):
        _absolute_errors(pred, target, dpred, scale, lanes, i, LANE_STEP)
    _absolute_errors(pred, target, dpred, scale, lanes, whole, rest)
    return lane_total(lanes)


@serial
def _binary_cross_entropies(logits, target, dlogits, inv_count, losses, lanes, start, count):
    real = logits.dtype.type
    zero, one = real(0), real(1)
    for lane in range(count):
        z, t = logits[start + lane], target[start + lane]
        e = exp(-abs(z))
        losses[lane] = max(z, zero) - z * t + log1p(e)
        dlogits[start + lane] = ((one if z >= zero else e) / (one + e) - t) * inv_count
    for lane in range(count):  # a loop of their own: in the one above, LLVM thinks float64 too costly for vectors
        lanes[lane] += losses[lane]


@serial
def _binary_cross_entropy_block(logits, target, dlogits, inv_count):
    losses, lanes = lane_array(logits), wide_lanes(logits)
    fill(lanes, 0)
    whole, rest = whole_lanes(logits)
    for i in range(LANE_START, whole, LANE_STEP):
        _binary_cross_entropies(logits, target, dlogits, inv_count, losses, lanes, i, LANE_STEP)
    _binary_cross_entropies(logits, target, dlogits, inv_count, losses, lanes, whole, rest)
    return lane_total(lanes)


@serial
def _l2_penalty_block(w, l2, dw):
    for i in range(w.size):
        dw[i] += l2 * w[i]
    zero = w.dtype.type(0)
    return centred_dot(w, zero, w, zero)


@kernel(_softmax_nanoseconds)
def softmax_forward(scores, out):
    n = len(scores)
    size = block_size(n, GROUP_ROWS)
    for block in prange((n + size - 1) // size):
        start, stop = np.uint64(block * size), np.uint64(min(block * size + size, n))
        if scores.shape[1] <= FEW_CLASSES:
            _softmax_narrow(scores, out, start, stop)
        else:
            _softmax_rows(scores, out, start, stop)


@kernel(_softmax_nanoseconds)
def softmax_loss(scores, y, dscores):
    n = len(scores)
    size = block_size(n, GROUP_ROWS)
    blocks = (n + size - 1) // size
    partial = partial_sums(scores)
    inv_count = scores.dtype.type(1.0 / n)
    for block in prange(blocks):
        start, stop = np.uint64(block * size), np.uint64(min(block * size + size, n))
        if scores.shape[1] <= FEW_CLASSES:
            partial[block] = _softmax_loss_narrow(scores, y, dscores, start, stop, inv_count)
        else:
            partial[block] = _softmax_loss_rows(scores, y, dscores, start, stop, inv_count)
    return total(partial[:blocks]) / n


@kernel(_svm_nanoseconds)
def svm_loss(scores, y, dscores):
    n = len(scores)
    size = block_size(n, GROUP_ROWS)
    blocks = (n + size - 1) // size
    partial = partial_sums(scores)
    count = scores.dtype.type(n)
    for block in prange(blocks):
        start, stop = np.uint64(block * size), np.uint64(min(block * size + size, n))
        if scores.shape[1] <= FEW_CLASSES:
            partial[block] = _svm_loss_narrow(scores, y, dscores, start, stop, count)
        else:
            partial[block] = _svm_loss_rows(scores, y, dscores, start, stop, count)
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


@kernel(LIGHT)
def huber_loss(pred, target, delta, dpred):
    n = pred.size
    size = block_size(n, LEAST)
    blocks = (n + size - 1) // size
    partial = partial_sums(pred)
    limit, scale = pred.dtype.type(delta), pred.dtype.type(1.0 / n)
    flat, flat_target, flat_gradient = pred.reshape(n), target.reshape(n), dpred.reshape(n)
    for block in prange(blocks):
        part = slice(block * size, min(block * size + size, n))
        partial[block] = _huber_block(flat[part], flat_target[part], flat_gradient[part], limit, scale)
    return total(partial[:blocks]) / n


@kernel(LIGHT)
def absolute_error_loss(pred, target, dpred):
    n = pred.size
    size = block_size(n, LEAST)
    blocks = (n + size - 1) // size
    partial = partial_sums(pred)
    scale = pred.dtype.type(1.0 / n)
    flat, flat_target, flat_gradient = pred.reshape(n), target.reshape(n), dpred.reshape(n)
    for block in prange(blocks):
        part = slice(block * size, min(block * size + size, n))
        partial[block] = _absolute_error_block(flat[part], flat_target[part], flat_gradient[part], scale)
    return total(partial[:blocks]) / n


@kernel(TWO_FUNCTIONS)
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
def l2_penalty(w, l2, dw):
    size = block_size(w.size, LEAST)
    blocks = (w.size + size - 1) // size
    partial = partial_sums(w)
    factor = w.dtype.type(l2)
    for block in prange(blocks):
        elements = slice(block * size, min(block * size + size, w.size))
        partial[block] = _l2_penalty_block(w[elements], factor, dw[elements])
    return 0.5 * l2 * total(partial[:blocks])
