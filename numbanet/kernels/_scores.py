"""Pieces of the softmax and of the losses on scores of classes: rows of C scores each, one for an example.

Rows of many classes are worked on one by one. Those of at most FEW_CLASSES are too short to fill vectors: a group of
rows is worked on side by side, a row to a lane.
"""

import numpy as np

from ..runtime.compiling import serial
from ._sums import fill
from .simd.columns import column_maxima, column_sums
from .simd.elementary import exp, log
from .simd.reductions import centred_dot, hinge_sums, lane_max, lane_sum
from .simd.scratch import stack_array

FEW_CLASSES, GROUP_ROWS = 64, 16
GROUP = np.uint64(GROUP_ROWS)
columns, column = stack_array((FEW_CLASSES, GROUP_ROWS)), stack_array((GROUP_ROWS,))


def softmax_nanoseconds(scores, *others):
    """About how long one core takes for the softmax of scores, or the loss of it."""
    rows, classes = scores.shape
    return rows * classes * 1.3 if classes <= FEW_CLASSES else rows * (80 + classes * 0.22)


def svm_nanoseconds(scores, *others):
    """The same for the hinge loss."""
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
def _times(lanes, weights, start, count):
    """Multiply lanes by the weights of as many rows."""
    for lane in range(count):
        lanes[lane] *= weights[start + lane]


@serial
def _weight(weights, i, one):
    return weights[i] if weights.size else one


@serial
def _column_exponentials(t, classes, width, largest, normalizer):
    """``t = exp(t - largest)`` for every column, and the columns' largest numbers and sums."""
    column_maxima(t[:classes], largest)
    for c in range(classes):
        for lane in range(width):
            t[c, lane] = exp(t[c, lane] - largest[lane])
    column_sums(t[:classes], normalizer)


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
def softmax_narrow(scores, out, start, stop):
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
def softmax_rows(scores, out, start, stop):
    one = scores.dtype.type(1)
    for i in range(start, stop):
        _, normalizer = _exponentials(scores[i], out[i])
        _scale(out[i], one / normalizer)


# Of the softmax loss, `inv_count` is 1 / N, or 1 by the sum of the weights. A part `smoothing` of the target is taken
# from where it is and given to all classes alike.


@serial
def softmax_loss_narrow(scores, y, weights, options, dscores, start, stop):
    smoothing, inv_count = options
    if smoothing > 0:
        return soft_loss_narrow(scores, y, weights, options, dscores, start, stop)
    classes, width = scores.shape[1], _group(scores)
    t, largest, normalizer = columns(scores), column(scores), column(scores)
    right, share = column(scores), column(scores)
    fill(right, 0)
    fill(share, inv_count)
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
        if weights.size:
            fill(share, inv_count)
            _times(right, weights, i, count)
            _times(normalizer, weights, i, count)
            _times(share, weights, i, count)
        _scale_columns(t, classes, width, normalizer)
        _from_columns(t, dscores, i, count)
        for lane in range(count):
            dscores[i + lane, y[i + lane]] -= share[lane]
            loss += right[lane]
    return loss


@serial
def softmax_loss_rows(scores, y, weights, options, dscores, start, stop):
    smoothing, inv_count = options
    if smoothing > 0:
        return soft_loss_rows(scores, y, weights, options, dscores, start, stop)
    one, loss = scores.dtype.type(1), 0.0
    for i in range(start, stop):
        weight = _weight(weights, i, one)
        right = scores[i, y[i]]  # read before dscores, which may be the same array, is written
        largest, normalizer = _exponentials(scores[i], dscores[i])
        loss += weight * (log(normalizer) - (right - largest))
        _scale(dscores[i], weight * inv_count / normalizer)
        dscores[i, y[i]] -= weight * inv_count
    return loss


@serial
def _target_columns(target, start, count, classes, kept, spread, t):
    """``t[c, lane]``: what the target of a row, probabilities (N, C) or labels (N,), has for class c once smoothed."""
    if target.ndim == 2:
        _to_columns(target, start, count, t)
        for c in range(classes):
            for lane in range(GROUP):
                t[c, lane] = kept * t[c, lane] + spread
    else:
        for c in range(classes):
            fill(t[c], spread)
        for lane in range(count):
            t[target[start + lane], lane] += kept


@serial
def soft_loss_narrow(scores, target, weights, options, dscores, start, stop):
    smoothing, inv_count = options
    real, classes, width = scores.dtype.type, scores.shape[1], _group(scores)
    t, wanted, largest, normalizer = columns(scores), columns(scores), column(scores), column(scores)
    share, mass, dot = column(scores), column(scores), column(scores)
    loss = 0.0
    for i in range(start, stop, GROUP):
        count = min(GROUP, stop - i)
        _to_columns(scores, i, count, t)
        _target_columns(target, i, count, classes, real(1) - smoothing, smoothing / real(classes), wanted)
        column_maxima(t[:classes], largest)
        fill(mass, 0)
        fill(dot, 0)
        fill(share, inv_count)
        for c in range(classes):
            for lane in range(width):
                mass[lane] += wanted[c, lane]
                dot[lane] += wanted[c, lane] * (t[c, lane] - largest[lane])
        _column_exponentials(t, classes, width, largest, normalizer)
        for lane in range(width):
            dot[lane] = mass[lane] * log(normalizer[lane]) - dot[lane]
        if weights.size:
            _times(dot, weights, i, count)
            _times(share, weights, i, count)
        for lane in range(width):
            normalizer[lane] = mass[lane] / normalizer[lane]
        for c in range(classes):
            for lane in range(width):
                t[c, lane] = share[lane] * (t[c, lane] * normalizer[lane] - wanted[c, lane])
        _from_columns(t, dscores, i, count)
        for lane in range(count):
            loss += dot[lane]
    return loss


@serial
def soft_loss_rows(scores, target, weights, options, dscores, start, stop):
    smoothing, inv_count = options
    real = scores.dtype.type
    zero, one, classes = real(0), real(1), real(scores.shape[1])
    kept, spread = one - smoothing, smoothing / classes
    loss = 0.0
    for i in range(start, stop):
        row, weight = dscores[i], _weight(weights, i, one)
        largest = lane_max(scores[i])
        for j in range(row.size):
            row[j] = scores[i, j] - largest
        if target.ndim == 2:
            dot, mass = centred_dot(row, zero, target[i], zero), lane_sum(target[i])
        else:
            dot, mass = row[target[i]], one
        dot, mass = kept * dot + spread * lane_sum(row), kept * mass + smoothing
        _, normalizer = _exponentials(row, row)
        loss += weight * (mass * log(normalizer) - dot)
        share = weight * inv_count
        if target.ndim == 2:
            for j in range(row.size):
                row[j] = share * (row[j] * (mass / normalizer) - (kept * target[i, j] + spread))
        else:
            for j in range(row.size):
                row[j] = share * (row[j] * (mass / normalizer) - spread)
            row[target[i]] -= share * kept
    return loss


# Of the hinge loss, `count` is N, or the sum of the weights.


@serial
def svm_loss_narrow(scores, y, weights, count, dscores, start, stop):
    real, classes, width = scores.dtype.type, scores.shape[1], _group(scores)
    zero, one = real(0), real(1)
    t, right, label, margins, violated = columns(scores), column(scores), column(scores), column(scores), column(scores)
    share = column(scores)
    fill(right, 0)
    fill(label, 0)
    fill(share, one / count)
    loss = 0.0
    for i in range(start, stop, GROUP):
        rows = min(GROUP, stop - i)
        _to_columns(scores, i, rows, t)
        for lane in range(rows):
            right[lane], label[lane] = t[y[i + lane], lane], real(y[i + lane])
        if weights.size:
            fill(share, one / count)
            _times(share, weights, i, rows)
        fill(margins, 0)
        fill(violated, 0)
        for c in range(classes):
            this = real(c)
            for lane in range(width):
                margin = t[c, lane] - right[lane] + one
                within = (margin <= zero) | (label[lane] == this)  # false for NaN, so that it reaches the loss
                margins[lane] += zero if within else margin
                violated[lane] += zero if within else one
                t[c, lane] = zero if within else share[lane]
        if weights.size:
            _times(margins, weights, i, rows)
            _times(violated, weights, i, rows)
        _from_columns(t, dscores, i, rows)
        for lane in range(rows):
            dscores[i + lane, y[i + lane]] = -violated[lane] / count
            loss += margins[lane]
    return loss


@serial
def svm_loss_rows(scores, y, weights, count, dscores, start, stop):
    zero, one = scores.dtype.type(0), scores.dtype.type(1)
    loss = 0.0
    for i in range(start, stop):
        row, label, weight = scores[i], y[i], _weight(weights, i, one)
        share = one / count * weight
        right = row[label]  # read before dscores, which may be the same array, is written
        before, violated_before = hinge_sums(row[:label], right)
        after, violated_after = hinge_sums(row[label + 1 :], right)
        loss += (before + after) * weight
        gradient = dscores[i]
        for j in range(row.size):
            gradient[j] = zero if row[j] - right + one <= zero else share
        gradient[label] = -(violated_before + violated_after) * weight / count
    return loss
