"""The transforms of F(2 x 2, 3 x 3), of a square for each channel: see `winograd`.

``Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A``: a square has its matrix on both sides, so the matrix's sums are taken of its
columns, and then of the rows of what comes out. Loops go along the channels, which lie together, and the compiler makes
vectors of them: indices are unsigned, or it would expect negative ones that count from the end. A call's thread owns
what it writes.
"""

import numpy as np

from ...runtime.compiling import serial
from ..simd.elementary import HALF

TWO, THREE = np.uint64(2), np.uint64(3)


@serial
def _input_line(a, b, c, d):
    """Bᵀ."""
    return a - c, b + c, c - b, b - d


@serial
def _filter_line(a, b, c):
    """G."""
    half = HALF(a)
    return a, (a + b + c) * half, (a + c - b) * half, c


@serial
def _output_line(a, b, c, d):
    """Aᵀ."""
    return a + b + c, b - c - d


@serial
def _result_gradient_line(a, b):
    """A."""
    return a, a + b, a - b, -b


@serial
def _filter_gradient_line(a, b, c, d):
    """Gᵀ."""
    half = HALF(a)
    return (b + c) * half + a, (b - c) * half, (b + c) * half + d


@serial
def _column(a, p, row):
    """Four elements of a column of a square."""
    return a[p], a[p + row], a[p + TWO * row], a[p + THREE * row]


@serial
def _put(b, p, stride, values):
    """Elements of a row of a square, each to a matrix of its own."""
    for s in range(len(values)):
        b[p + np.uint64(s) * stride] = values[s]


@serial
def transform_input(a, start, row, pixel, width, b, at, stride):
    """Squares d of a become Bᵀ d B in b, for `width` channels.

    The elements of a square are at ``a[start + r row + s pixel]`` and go to ``b[at + (4 r + s) stride]``, r and s from
    0 on; those of the next channel follow each of them.
    """
    start, row, pixel = np.uint64(start), np.uint64(row), np.uint64(pixel)
    at, stride = np.uint64(at), np.uint64(stride)
    line = np.uint64(4) * stride
    for channel in range(np.uint64(width)):
        p, q = start + channel, at + channel
        d0 = _input_line(*_column(a, p, row))
        d1 = _input_line(*_column(a, p + pixel, row))
        d2 = _input_line(*_column(a, p + TWO * pixel, row))
        d3 = _input_line(*_column(a, p + THREE * pixel, row))
        _put(b, q, stride, _input_line(d0[0], d1[0], d2[0], d3[0]))
        _put(b, q + line, stride, _input_line(d0[1], d1[1], d2[1], d3[1]))
        _put(b, q + TWO * line, stride, _input_line(d0[2], d1[2], d2[2], d3[2]))
        _put(b, q + THREE * line, stride, _input_line(d0[3], d1[3], d2[3], d3[3]))


@serial
def transform_filter(a, start, row, pixel, width, b, at, stride):
    """Squares g of a, 3 x 3, become G g Gᵀ in b, for `width` filters; where they lie: see `transform_input`."""
    start, row, pixel = np.uint64(start), np.uint64(row), np.uint64(pixel)
    at, stride = np.uint64(at), np.uint64(stride)
    line = np.uint64(4) * stride
    for f in range(np.uint64(width)):
        p, q = start + f, at + f
        g0 = _filter_line(a[p], a[p + row], a[p + TWO * row])
        p += pixel
        g1 = _filter_line(a[p], a[p + row], a[p + TWO * row])
        p += pixel
        g2 = _filter_line(a[p], a[p + row], a[p + TWO * row])
        _put(b, q, stride, _filter_line(g0[0], g1[0], g2[0]))
        _put(b, q + line, stride, _filter_line(g0[1], g1[1], g2[1]))
        _put(b, q + TWO * line, stride, _filter_line(g0[2], g1[2], g2[2]))
        _put(b, q + THREE * line, stride, _filter_line(g0[3], g1[3], g2[3]))


@serial
def transform_output(m, at, stride, bias, width, out, start, row, pixel, below, right, floor):
    """``max(bias + Aᵀ m A, floor)``, 2 x 2 for each of `width` channels; whether all are finite.

    The elements of m are at ``m[at + (4 r + s) stride]``, and those of a result at ``out[start + r row + s pixel]``,
    but for what lies `below` or to the `right` where there is nothing.
    """
    at, stride, line = np.uint64(at), np.uint64(stride), np.uint64(4 * stride)
    start, row, pixel = np.uint64(start), np.uint64(row), np.uint64(pixel)
    zero, has_bias, finite = m.dtype.type(0), bias.size > 0, True
    for channel in range(np.uint64(width)):
        p, q = at + channel, start + channel
        m0 = _output_line(*_column(m, p, line))
        m1 = _output_line(*_column(m, p + stride, line))
        m2 = _output_line(*_column(m, p + TWO * stride, line))
        m3 = _output_line(*_column(m, p + THREE * stride, line))
        y00, y01 = _output_line(m0[0], m1[0], m2[0], m3[0])
        y10, y11 = _output_line(m0[1], m1[1], m2[1], m3[1])
        added = bias[channel] if has_bias else zero
        y00, y01, y10, y11 = y00 + added, y01 + added, y10 + added, y11 + added
        finite &= y00 * zero + y01 * zero + y10 * zero + y11 * zero == zero  # NaN where one is not
        out[q] = floor if y00 < floor else y00
        if right:
            out[q + pixel] = floor if y01 < floor else y01
        if below:
            out[q + row] = floor if y10 < floor else y10
            if right:
                out[q + row + pixel] = floor if y11 < floor else y11
    return finite


@serial
def transform_result_gradient(a, start, row, pixel, below, right, width, b, at, stride):
    """Squares y of a, 2 x 2, become A y Aᵀ in b; where nothing is `below` or to the `right`, zeros count."""
    start, row, pixel = np.uint64(start), np.uint64(row), np.uint64(pixel)
    at, stride, zero = np.uint64(at), np.uint64(stride), a.dtype.type(0)
    line, both = np.uint64(4) * stride, below and right
    for channel in range(np.uint64(width)):
        p, q = start + channel, at + channel
        y0 = _result_gradient_line(a[p], a[p + row] if below else zero)
        y1 = _result_gradient_line(a[p + pixel] if right else zero, a[p + row + pixel] if both else zero)
        _put(b, q, stride, _result_gradient_line(y0[0], y1[0]))
        _put(b, q + line, stride, _result_gradient_line(y0[1], y1[1]))
        _put(b, q + TWO * line, stride, _result_gradient_line(y0[2], y1[2]))
        _put(b, q + THREE * line, stride, _result_gradient_line(y0[3], y1[3]))


@serial
def transform_sums(a, start, row, pixel, width, b, at, stride):
    """Squares s of a become Gᵀ s G in b, the gradients of 3 x 3; where they lie: see `transform_input`."""
    start, row, pixel = np.uint64(start), np.uint64(row), np.uint64(pixel)
    at, stride = np.uint64(at), np.uint64(stride)
    line = THREE * stride
    for f in range(np.uint64(width)):
        p, q = start + f, at + f
        s0 = _filter_gradient_line(*_column(a, p, row))
        s1 = _filter_gradient_line(*_column(a, p + pixel, row))
        s2 = _filter_gradient_line(*_column(a, p + TWO * pixel, row))
        s3 = _filter_gradient_line(*_column(a, p + THREE * pixel, row))
        _put(b, q, stride, _filter_gradient_line(s0[0], s1[0], s2[0], s3[0]))
        _put(b, q + line, stride, _filter_gradient_line(s0[1], s1[1], s2[1], s3[1]))
        _put(b, q + TWO * line, stride, _filter_gradient_line(s0[2], s1[2], s2[2], s3[2]))
