"""Embeddings of numbers by cosines, and of codes by rows of a table.

N examples of D numbers or K codes. Forward is parallel over the examples, too; backward over what has parameters of its
own, the numbers and the codes: so sums over the examples go in their order. Cosines are computed of some rows of one
number at a time, which lie together on the stack meanwhile, once for each pass: backward keeps none of them.
"""

import math

import numpy as np
from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel, workers
from ._sums import fill, part_of
from .simd.elementary import cosine_and_sine_of_turns, cosine_of_turns
from .simd.fma import fma
from .simd.reductions import lane_dot, lane_sum
from .simd.scratch import stack_array

# On one core: a cosine, and its part of a linear unit; a number of a table's row.
COSINE_NS, UNIT_NS, COPY_NS = 0.2, 0.05, 0.3
ROWS, UNITS = 256, 16  # of an embedding that are computed at a time
TWO_PI, TURNS_OF_RADIAN = 2 * math.pi, 1 / (2 * math.pi)

row_scratch = stack_array((ROWS,))
unit_scratch = stack_array((UNITS + 1, ROWS))


def _forward_nanoseconds(x, frequency, phase, v, *rest):
    return x.size * frequency.shape[1] * (COSINE_NS + UNIT_NS * v.shape[2])


def _backward_nanoseconds(dout, *others):
    return 3 * _forward_nanoseconds(*others)


@serial
def _take(a, column, values):
    for i in range(values.size):
        values[i] = a[i, column]


@serial
def _put(values, a, column):
    for i in range(values.size):
        a[i, column] = values[i]


@serial
def _put_side_by_side(units, a, first):
    for i in range(units.shape[1]):
        for u in range(units.shape[0]):
            a[i, first + u] = units[u, i]


@serial
def _cosines(x, frequency, phase, cosines):
    """cos(2π frequency x + phase)."""
    turns = phase * x.dtype.type(TURNS_OF_RADIAN)
    for i in range(x.size):
        cosines[i] = cosine_of_turns(fma(frequency, x[i], turns))


@serial
def _cosines_and_sines(x, frequency, phase, cosines, sines):
    turns = phase * x.dtype.type(TURNS_OF_RADIAN)
    for i in range(x.size):
        cosines[i], sines[i] = cosine_and_sine_of_turns(fma(frequency, x[i], turns))


@serial
def _add_times(factor, values, sums):
    for i in range(sums.size):
        sums[i] = fma(factor, values[i], sums[i])


@serial
def _embed(x, d, frequency, phase, v, c, out):
    """Number d of some rows; frequency and phase (F,), v (F, L) and c (L,) are its own."""
    n, linear = len(x), v.shape[1]
    first = out.shape[1] // x.shape[1] * d
    dense = out.shape[1] > x.shape[1] * linear
    numbers, cosines, units = row_scratch(x)[:n], row_scratch(x)[:n], unit_scratch(x)[:, :n]
    _take(x, d, numbers)
    for start in range(0, linear, UNITS):
        count = min(UNITS, linear - start)
        for u in range(count):
            fill(units[u], c[start + u])
        for f in range(frequency.size):
            _cosines(numbers, frequency[f], phase[f], cosines)
            for u in range(count):
                _add_times(v[f, start + u], cosines, units[u])
        if dense and start + count == linear:
            _take(x, d, units[count])
            count += 1
        _put_side_by_side(units[:count], out, first + start)


@kernel(_forward_nanoseconds)
def periodic_forward(x, frequency, phase, v, c, out):
    n, numbers = x.shape
    for task in prange((n + ROWS - 1) // ROWS * numbers):
        start, d = np.int64(task) // numbers * ROWS, np.int64(task) % numbers
        rows = slice(start, min(start + ROWS, n))
        _embed(x[rows], d, frequency[d], phase[d], v[d], c[d], out[rows])


@serial
def _embed_backward(dout, x, d, frequency, phase, v, dx, dfrequency, dphase, dv, dc):
    """As `_embed`; the parameters' gradients are added up."""
    n, linear = len(x), v.shape[1]
    first, two_pi = dout.shape[1] // x.shape[1] * d, x.dtype.type(TWO_PI)
    numbers, dnumbers, cosines, sines, dangles = (
        row_scratch(x)[:n],
        row_scratch(x)[:n],
        row_scratch(x)[:n],
        row_scratch(x)[:n],
        row_scratch(x)[:n],
    )
    dunits = unit_scratch(x)[:, :n]
    _take(x, d, numbers)
    if dout.shape[1] > x.shape[1] * linear:
        _take(dout, first + linear, dnumbers)
    else:
        fill(dnumbers, 0)
    for start in range(0, linear, UNITS):
        count = min(UNITS, linear - start)
        for u in range(count):
            _take(dout, first + start + u, dunits[u])
            dc[start + u] += lane_sum(dunits[u])
        for f in range(frequency.size):
            _cosines_and_sines(numbers, frequency[f], phase[f], cosines, sines)
            fill(dangles, 0)
            for u in range(count):
                dv[f, start + u] += lane_dot(cosines, dunits[u])
                _add_times(v[f, start + u], dunits[u], dangles)
            for i in range(n):
                dangles[i] = -sines[i] * dangles[i]
            dphase[f] += lane_sum(dangles)
            dfrequency[f] += two_pi * lane_dot(dangles, numbers)
            _add_times(two_pi * frequency[f], dangles, dnumbers)
    if dx.size:
        _put(dnumbers, dx, d)


@kernel(_backward_nanoseconds)
def periodic_backward(dout, x, frequency, phase, v, dx, dfrequency, dphase, dv, dc):
    blocks = workers()
    for block in prange(blocks):
        numbers = part_of(x.shape[1], np.int64(block), blocks)
        for d in numbers:
            fill(dfrequency[d], 0)
            fill(dphase[d], 0)
            fill(dc[d], 0)
            for f in range(v.shape[1]):
                fill(dv[d, f], 0)
        for start in range(0, len(x), ROWS):
            rows = slice(start, min(start + ROWS, len(x)))
            for d in numbers:
                gradients = dfrequency[d], dphase[d], dv[d], dc[d]
                _embed_backward(dout[rows], x[rows], d, frequency[d], phase[d], v[d], dx[rows], *gradients)


@serial
def _row(codes, i, k, starts):
    """The row of a code in its column's part of the table; -1 where it is none of its codes."""
    real, code = codes.dtype.type, codes[i, k]
    known = (code >= real(0)) & (code < real(starts[k + 1] - starts[k]))  # not of NaN
    number = np.int64(code) if known else np.int64(0)
    return starts[k] + number if known & (code == real(number)) else np.int64(-1)


def _table_nanoseconds(*arguments):
    """Of the larger of the first and the last, which is what comes out of forward and goes into backward."""
    return COPY_NS * max(arguments[0].size, arguments[-1].size)


@kernel(_table_nanoseconds)
def embedding_forward(codes, starts, table, out):
    units, nan = table.shape[1], table.dtype.type(np.nan)
    for i in prange(codes.shape[0]):
        for k in range(codes.shape[1]):
            row, its = _row(codes, i, k, starts), out[i, k * units : k * units + units]
            if row >= 0:
                for u in range(units):
                    its[u] = table[row, u]
            else:
                fill(its, nan)


@kernel(_table_nanoseconds)
def embedding_backward(dout, codes, starts, dx, dtable):
    units = dtable.shape[1]
    for number in prange(codes.shape[1]):
        k = np.int64(number)
        for row in range(starts[k], starts[k + 1]):
            fill(dtable[row], 0)
        for i in range(codes.shape[0]):
            row = _row(codes, i, k, starts)
            if row >= 0:
                sums, gradient = dtable[row], dout[i, k * units : k * units + units]
                for u in range(units):
                    sums[u] += gradient[u]
        for i in range(dx.shape[0]):
            dx[i, k] = 0
