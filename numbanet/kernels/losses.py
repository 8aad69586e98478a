"""Losses, each with its gradient in one pass, and the L2 penalty.

N examples, C classes, M outputs. Parallel over at most BLOCKS blocks of rows or elements, cut by the shape alone; each
writes its part of the gradient and its own partial sum, in float64, and the partial sums are added up in order.
Weights, one for each example, are an array without elements where all are 1.
"""

import numpy as np
from numba import prange

from ..runtime.compiling import inlined, serial
from ..runtime.dispatch import kernel
from ._scores import (
    FEW_CLASSES,
    GROUP_ROWS,
    soft_loss_narrow,
    soft_loss_rows,
    softmax_loss_narrow,
    softmax_loss_rows,
    softmax_nanoseconds,
    softmax_narrow,
    softmax_rows,
    svm_loss_narrow,
    svm_loss_rows,
    svm_nanoseconds,
)
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
from .simd.elementary import exp, log1p
from .simd.reductions import LANES, centred_dot
from .simd.scratch import stack_array

# Nanoseconds an element takes on one core, by measurement: loads, stores and sums; with an exponential; with a
# logarithm, too.
LIGHT, ONE_FUNCTION, TWO_FUNCTIONS = 0.1, 0.4, 1.0

lane_array = stack_array((LANES,))
NEXT = np.uint64(1)


@serial
def _examples(weights, count):
    """How many examples there are by their weights: what sums are divided by to be means. Never 0."""
    if weights.size == 0:
        return float(count)
    weight = 0.0
    for i in range(weights.size):
        weight += weights[i]
    return 1.0 if weight == 0 else weight  # NaN passes


@kernel(softmax_nanoseconds)
def softmax_forward(scores, out):
    n = len(scores)
    size = block_size(n, GROUP_ROWS)
    for block in prange((n + size - 1) // size):
        start, stop = np.uint64(block * size), np.uint64(min(block * size + size, n))
        if scores.shape[1] <= FEW_CLASSES:
            softmax_narrow(scores, out, start, stop)
        else:
            softmax_rows(scores, out, start, stop)


@inlined
def _over_rows(narrow, wide, scores, y, weights, options, dscores, count):
    """A loss of rows of scores, by a function of few classes and one of many."""
    n = len(scores)
    size = block_size(n, GROUP_ROWS)
    blocks = (n + size - 1) // size
    partial = partial_sums(scores)
    for block in prange(blocks):
        start, stop = np.uint64(block * size), np.uint64(min(block * size + size, n))
        if scores.shape[1] <= FEW_CLASSES:
            partial[block] = narrow(scores, y, weights, options, dscores, start, stop)
        else:
            partial[block] = wide(scores, y, weights, options, dscores, start, stop)
    return total(partial[:blocks]) / count


@kernel(softmax_nanoseconds)
def softmax_loss(scores, y, weights, label_smoothing, dscores):
    count, real = _examples(weights, len(scores)), scores.dtype.type
    options = real(label_smoothing), real(1.0 / count)
    return _over_rows(softmax_loss_narrow, softmax_loss_rows, scores, y, weights, options, dscores, count)


@kernel(softmax_nanoseconds)
def soft_softmax_loss(scores, target, weights, label_smoothing, dscores):
    count, real = _examples(weights, len(scores)), scores.dtype.type
    options = real(label_smoothing), real(1.0 / count)
    return _over_rows(soft_loss_narrow, soft_loss_rows, scores, target, weights, options, dscores, count)


@kernel(svm_nanoseconds)
def svm_loss(scores, y, weights, dscores):
    count = _examples(weights, len(scores))
    return _over_rows(svm_loss_narrow, svm_loss_rows, scores, y, weights, scores.dtype.type(count), dscores, count)


# Losses of elements. Of a score and its target, each gives the loss and its slope, but for what it is multiplied by.


@serial
def _squared_error(score, target, options):
    error = score - target
    return error * error, error


@serial
def _huber(score, target, options):
    (delta, half), error = options, score - target
    inside = min(max(error, -delta), delta)  # in this order NaN passes
    return inside * (error - half * inside), inside


@serial
def _absolute_error(score, target, options):
    (zero, one), error = options, score - target
    slope = one if error > zero else -one
    return abs(error), slope if abs(error) > zero else error  # 0 and NaN stay so


@serial
def _binary_cross_entropy(score, target, options):
    zero, one = options
    e = exp(-abs(score))
    return max(score, zero) - score * target + log1p(e), (one if score >= zero else e) / (one + e) - target


@serial
def _poisson(score, target, options):
    rate = exp(score)
    return rate - target * score, rate - target


@serial
def _quantile(score, target, options):
    (below, above, zero), error = options, score - target
    slope = above if error > zero else below
    return error * slope, slope if abs(error) > zero else error  # 0 and NaN stay so


@serial
def _weigh(weights, first, width, losses, gradient):
    """Multiply losses and gradients of elements, of which the first is number `first`, by their examples' weights."""
    row, start, stop = first // width, LANE_START, width - first % width
    while start < gradient.size:
        stop = min(stop, np.uint64(gradient.size))
        for i in range(start, stop):
            losses[i] *= weights[row]
            gradient[i] *= weights[row]
        start, stop, row = stop, stop + width, row + NEXT


@serial
def _add(losses, lanes, count):
    for lane in range(count):
        lanes[lane] += losses[lane]


def _sums_of(element, in_one_loop=True):
    """Two functions of a block of elements that write the gradient and give the sum of the losses: with weights 1, and
    with others. Where `element` is costly, LLVM thinks float64 too costly for vectors, and sums need their own loop.
    """

    @inlined
    def each(scores, target, options, share, losses, gradient, start, count):
        for lane in range(count):
            losses[lane], slope = element(scores[start + lane], target[start + lane], options)
            gradient[start + lane] = slope * share

    @serial
    def in_two_loops(scores, target, options, share, losses, lanes, gradient, start, count):
        each(scores, target, options, share, losses, gradient, start, count)
        _add(losses, lanes, count)

    @serial
    def in_one(scores, target, options, share, losses, lanes, gradient, start, count):
        for lane in range(count):
            loss, slope = element(scores[start + lane], target[start + lane], options)
            lanes[lane] += loss
            gradient[start + lane] = slope * share

    some = in_one if in_one_loop else in_two_loops

    @serial
    def unweighted(scores, target, options, share, gradient):
        losses, lanes = lane_array(scores), wide_lanes(scores)
        fill(lanes, 0)
        whole, rest = whole_lanes(scores)
        for i in range(LANE_START, whole, LANE_STEP):  # of a number that the compiler knows
            some(scores, target, options, share, losses, lanes, gradient, i, LANE_STEP)
        some(scores, target, options, share, losses, lanes, gradient, whole, rest)
        return lane_total(lanes)

    @serial
    def weighted(scores, target, weights, first, width, options, share, gradient):
        losses, lanes, size = lane_array(scores), wide_lanes(scores), np.uint64(scores.size)
        fill(lanes, 0)
        for i in range(LANE_START, size, LANE_STEP):
            count = min(LANE_STEP, size - i)
            each(scores, target, options, share, losses, gradient, i, count)
            _weigh(weights, first + i, width, losses, gradient[i : i + count])
            _add(losses, lanes, count)
        return lane_total(lanes)

    return unweighted, weighted


_squared_errors, _weighted_squared_errors = _sums_of(_squared_error)
_hubers, _weighted_hubers = _sums_of(_huber)
_absolute_errors, _weighted_absolute_errors = _sums_of(_absolute_error)
_quantiles, _weighted_quantiles = _sums_of(_quantile)
_poissons, _weighted_poissons = _sums_of(_poisson, in_one_loop=False)
_binary_cross_entropies, _weighted_binary_cross_entropies = _sums_of(_binary_cross_entropy, in_one_loop=False)


@inlined
def _over_elements(unweighted, weighted, options, scores, target, weights, slope, gradient):
    """The mean of a loss of elements, whose slopes have to be multiplied by `slope`."""
    n, width = scores.size, np.uint64(scores.shape[1])
    size = block_size(n, LEAST)
    blocks = (n + size - 1) // size
    partial = partial_sums(scores)
    count = _examples(weights, len(scores)) * scores.shape[1]
    share = scores.dtype.type(slope / count)
    flat, flat_target, flat_gradient = scores.reshape(n), target.reshape(n), gradient.reshape(n)
    for block in prange(blocks):
        part = slice(block * size, min(block * size + size, n))
        some, wanted, written = flat[part], flat_target[part], flat_gradient[part]
        if weights.size:
            first = np.uint64(block * size)
            partial[block] = weighted(some, wanted, weights, first, width, options, share, written)
        else:
            partial[block] = unweighted(some, wanted, options, share, written)
    return total(partial[:blocks]) / count


@kernel(LIGHT)
def squared_error_loss(pred, target, weights, dpred):
    return _over_elements(_squared_errors, _weighted_squared_errors, (), pred, target, weights, 2.0, dpred)


@kernel(LIGHT)
def huber_loss(pred, target, weights, delta, dpred):
    options = pred.dtype.type(delta), pred.dtype.type(0.5)
    return _over_elements(_hubers, _weighted_hubers, options, pred, target, weights, 1.0, dpred)


@kernel(LIGHT)
def absolute_error_loss(pred, target, weights, dpred):
    options = pred.dtype.type(0), pred.dtype.type(1)
    return _over_elements(_absolute_errors, _weighted_absolute_errors, options, pred, target, weights, 1.0, dpred)


@kernel(TWO_FUNCTIONS)
def binary_cross_entropy_loss(logits, target, weights, dlogits):
    options = logits.dtype.type(0), logits.dtype.type(1)
    return _over_elements(
        _binary_cross_entropies, _weighted_binary_cross_entropies, options, logits, target, weights, 1.0, dlogits
    )


@kernel(ONE_FUNCTION)
def poisson_loss(scores, target, weights, dscores):
    return _over_elements(_poissons, _weighted_poissons, (), scores, target, weights, 1.0, dscores)


@kernel(LIGHT)
def quantile_loss(pred, target, weights, quantile, dpred):
    real = pred.dtype.type
    options = real(-quantile), real(1.0 - quantile), real(0)
    return _over_elements(_quantiles, _weighted_quantiles, options, pred, target, weights, 1.0, dpred)


@serial
def _l2_penalty_block(w, l2, dw):
    for i in range(w.size):
        dw[i] += l2 * w[i]
    zero = w.dtype.type(0)
    return centred_dot(w, zero, w, zero)


@kernel(LIGHT)
def l2_penalty(w, l2, weights, dw):
    size = block_size(w.size, LEAST)
    blocks = (w.size + size - 1) // size
    partial = partial_sums(w)
    strength = l2 / _examples(weights, 1)
    factor = w.dtype.type(strength)
    for block in prange(blocks):
        elements = slice(block * size, min(block * size + size, w.size))
        partial[block] = _l2_penalty_block(w[elements], factor, dw[elements])
    return 0.5 * strength * total(partial[:blocks])
