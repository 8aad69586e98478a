"""Convolution by few filters: vectors go along the pixels of a row, since filters would leave most lanes empty.

The strip is copied as planes, a channel each, so that the pixels that one tap meets lie together. Sums come out plane
by plane too and are transposed where they are stored. Each is taken in the order of `conv.direct`, so the bits are the
same. A strip is written by one thread.
"""

import numpy as np
from numba import types

from ...runtime.compiling import serial
from .._gemm import KC, lanes
from ..simd.planes import plane_kernel, prefetch_for_writing, put_pixels, to_planes
from ..simd.scratch import stack_array
from ..simd.vectors import VECTOR_BYTES
from .tiling import COPY_BYTES, clear, in_lines, strip_bounds

PIXELS, STRIP_VECTORS = 256, 64  # of a strip
TERMS = 2048  # of a sum
MANY_FILTERS, FEW_FILTERS, VECTORS, FEW_VECTORS = 6, 4, 4, 2  # of a kernel

many_by_four, many_by_two = plane_kernel(MANY_FILTERS, VECTORS), plane_kernel(MANY_FILTERS, FEW_VECTORS)
few_by_four, few_by_two = plane_kernel(FEW_FILTERS, VECTORS), plane_kernel(FEW_FILTERS, FEW_VECTORS)
vector_tables, term_table = stack_array((2, STRIP_VECTORS), types.intp), stack_array((TERMS,), types.intp)
sums_scratch = stack_array(lambda itemsize: (2 * FEW_FILTERS, STRIP_VECTORS * VECTOR_BYTES // itemsize))


@serial
def _its_filters(filters):
    """Of the next kernel, where so many are left."""
    return MANY_FILTERS if FEW_FILTERS < filters <= MANY_FILTERS else FEW_FILTERS


@serial
def _rounded(filters):
    """As many as the kernels have, for so many."""
    return MANY_FILTERS if FEW_FILTERS < filters <= MANY_FILTERS else -(-filters // FEW_FILTERS) * FEW_FILTERS


@serial
def _vectors_across(width, like):
    return -(-width // lanes(like))


@serial
def suits_planes(window, channels, filters, groups, width, like):
    """Whether a convolution with rows of so many pixels fills vectors better along them, and can be computed so."""
    run = channels * (window.kernel_x if groups == 1 and window.dilation_x == 1 else 1)
    if window.stride_y != 1 or window.stride_x != 1 or 2 * filters > lanes(like):
        return False
    if run > KC or window.kernel_y * window.kernel_x * channels > TERMS:
        return False
    # Pixels that meet one vector of filters, and vectors of pixels that meet each filter; with some margin, for the
    # transposing.
    return 5 * _rounded(filters) * _vectors_across(width, like) < 4 * width


@serial
def planes_size(strips, channels, like):
    """Elements of the scratch that a strip needs, of so many channels: the last vector may reach beyond them."""
    return in_lines(strips.images * strips.high * strips.broad * channels + lanes(like))


@serial
def fit_planes(strips, channels, like):
    """Whether a strip's planes fit in the scratch of a thread."""
    vectors = strips.images * strips.rows * _vectors_across(strips.columns, like)
    return planes_size(strips, channels, like) * like.itemsize <= COPY_BYTES and vectors <= STRIP_VECTORS


@serial
def pack_few_filters(w, transposed, packed, start, stop):
    """Channels `start` to `stop` of w (F, C, KH, KW), of any strides, tap by tap, for one kernel after the other."""
    filters, channels, high, wide = w.shape
    if transposed:
        filters, channels = channels, filters
    j = 0
    while j < filters:
        together = _its_filters(filters - j)
        panel = packed[j * high * wide * channels :]
        for c in range(start, stop):
            for r in range(high):
                for s in range(wide):
                    line = panel[((r * wide + s) * channels + c) * together :][:together]
                    for f in range(together):
                        if j + f >= filters:
                            line[f] = 0
                        else:
                            line[f] = w[c, j + f, r, s] if transposed else w[j + f, c, r, s]
        j += together


@serial
def fill_vector_tables(window, strips, target, channels, like, tables, terms):
    """Where each vector of a strip begins in a plane and in the target, and how far from there each tap's number is."""
    image, across, most, at = strips.high * strips.broad, _vectors_across(strips.columns, like), lanes(like), 0
    for n in range(strips.images):
        for i in range(strips.rows):
            for j in range(across):
                tables[0, at] = n * image + i * strips.broad + j * most
                tables[1, at] = n * target.image + i * target.row + j * most * target.pixel
                at += 1
    at = 0
    for r in range(window.kernel_y):
        for s in range(window.kernel_x):
            for c in range(channels):
                tap = r * window.dilation_y * strips.broad + s * window.dilation_x
                terms[at] = c * strips.images * image + tap
                at += 1


@serial
def _read_planes(source, first, channels, window, strips, image, row, column, count, scratch):
    """The strip with its border, its channels from `first` on in planes (channels, images, rows, columns)."""
    _, height, width, depth = source.shape
    flat, size = source.reshape(source.size), strips.images * strips.high * strips.broad
    y0, x0 = row + window.top, column + window.left
    left = min(max(-x0, 0), strips.broad)
    inside = max(min(width - x0, strips.broad), left) - left
    if y0 < 0 or y0 + strips.high > height or inside < strips.broad:
        clear(scratch, 0, channels * size)
    top, bottom = max(-y0, 0), min(height - y0, strips.high)
    for n in range(count):
        for i in range(top, bottom):
            its = flat[((((image + n) * height + y0 + i) * width) + x0 + left) * depth + first :]
            planes = scratch[(n * strips.high + i) * strips.broad + left :]
            if depth == 1:
                for j in range(inside):
                    planes[j] = its[j]
            else:
                to_planes(its, inside, channels, depth, planes, size)


@serial
def _all_vectors(planes, starts, offsets, panel, together, bias, first, accumulate, sums, floor):
    i = 0
    while i < starts.size:
        some = planes, starts, offsets, i, panel, bias, first, accumulate, sums, floor
        if starts.size - i > FEW_VECTORS:
            if together == MANY_FILTERS:
                many_by_four(*some)
            else:
                few_by_four(*some)
            i += VECTORS
        else:
            if together == MANY_FILTERS:
                many_by_two(*some)
            else:
                few_by_two(*some)
            i += FEW_VECTORS


@serial
def correlate_planes(
    source, packed, group_size, bias, out, target, floor, groups, window, strips, tables, terms, number, scratch
):
    """As `correlate_strip`, with filters from `pack_few_filters` and tables from `fill_vector_tables`."""
    channels, filters = source.shape[3] // groups, target.filters // groups
    image, row, column, count, rows, columns = strip_bounds(strips, number, target)
    out = out[image * target.image + row * target.row + column * target.pixel :]
    across, most = _vectors_across(columns, out), lanes(out)
    vectors = count * rows * across
    starts, targets = tables[0, :vectors], tables[1, :vectors]
    total = window.kernel_y * window.kernel_x * channels
    run = channels * (window.kernel_x if groups == 1 and window.dilation_x == 1 else 1)
    together = max(1, KC // max(1, run)) * run  # terms of a sum that are added up before the next
    sums, lowest = sums_scratch(out), out.dtype.type(-np.inf)
    for line in range(0, vectors, across):
        prefetch_for_writing(out[targets[line] :], columns * target.pixel)
    for group in range(groups):
        _read_planes(source, group * channels, channels, window, strips, image, row, column, count, scratch)
        weights = packed[group * group_size :]
        its_bias, its_out = bias[group * filters : (group + 1) * filters], out[group * filters :]
        for start in range(0, max(1, total), max(1, together)):
            its_terms = terms[start : min(start + together, total)]
            lower = out.dtype.type(floor) if start + together >= total else lowest
            first = 0
            while first < filters:
                its_filters = _its_filters(filters - first)
                panel = weights[first * total + start * its_filters :]
                _all_vectors(scratch, starts, its_terms, panel, its_filters, its_bias, first, start > 0, sums, lower)
                first += its_filters
        for line in range(count * rows):
            for j in range(across):
                at = line * across + j
                put_pixels(sums, at, min(most, columns - j * most), filters, its_out[targets[at] :], target.pixel)
