"""Convolution by 3 x 3 filters with 16 products for a square of 2 x 2 pixels, where the definition has 36.

F(2 x 2, 3 x 3) of Lavin and Gray, arXiv:1509.09308: ``Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A`` for a square d of 4 x 4 pixels
and a filter g. Over all channels and filters, each of the 16 elements is a product of matrices, squares times channels
and channels times filters, and so is done by the micro-kernel. Sums are over channels alone, a ninth of the terms,
and all numbers in A, B and G are 0, 1 and 1/2, so that results are nearer to the truth than those of the definition.

An infinity or NaN would get into its whole square. Where a result is
not finite, `winograd_strip` says so, and its caller computes everything again by the definition. A strip or a block is
written by one thread.
"""

import numpy as np

from ...runtime.compiling import apart, inlined, serial
from .._gemm import lanes, panel_product, panel_vectors
from ..simd.columns import column_sums
from ..simd.micro_kernel import NR_VECTORS, VECTOR_BYTES
from ..simd.scratch import stack_array
from ..simd.winograd import (
    transform_filter,
    transform_input,
    transform_output,
    transform_result_gradient,
    transform_sums,
)
from .direct import put_bias_gradients
from .tiling import Target, Window, copy_size, in_lines, read_strip, squares_in, strip_bounds, whole

ELEMENTS = 16  # of a square
SQUARES, SQUARE_BYTES = 128, 256 * 1024  # the most squares of a strip, and bytes that they have when transformed
LEAST_SQUARES, LEAST_CHANNELS = 8, 16  # where it pays
SQUARE_CHANNELS = 64  # of a block of the gradient of filters
FILTERS = 16  # whose gradients are transformed back together
# The most bytes of a scratch but for the copy of the strip: squares transformed, and their products with a panel.
SCRATCH_BYTES = SQUARE_BYTES + ELEMENTS * VECTOR_BYTES * (1 + SQUARES * NR_VECTORS + 1)

_lines_array = stack_array(lambda itemsize: (9 * NR_VECTORS * VECTOR_BYTES // itemsize,))
_sums_array, _gradients_array = stack_array((ELEMENTS * FILTERS,)), stack_array((9 * FILTERS,))


@serial
def squares_of_strip(channels, like):
    return min(SQUARES, SQUARE_BYTES // (ELEMENTS * channels * like.itemsize))


@serial
def _transformed_size(squares, channels, like):
    """Elements of so many squares transformed, of so many channels, and the stride between elements of a square."""
    # Not a power of two apart, or all parts of a square would want the same place in the cache.
    stride = squares * channels + lanes(like)
    return in_lines(ELEMENTS * stride), stride


@serial
def scratch_of_squares(strips, channels, like):
    """Elements of the scratch that a strip of squares needs, of so many channels."""
    size, _ = _transformed_size(squares_in(strips), channels, like)
    products, _ = _transformed_size(squares_in(strips), NR_VECTORS * lanes(like), like)
    return copy_size(strips) + size + products


@serial
def _cut(scratch, strips, channels, like):
    """A thread's scratch cut: for the copy of a strip, its squares transformed, and the products with a panel."""
    start = copy_size(strips)
    size, _ = _transformed_size(squares_in(strips), channels, like)
    return scratch[:start], scratch[start : start + size], scratch[start + size :]


@serial
def suits_winograd(window, channels, filters, groups, like):
    """Whether a convolution can be computed so, and faster."""
    steps = window.stride_y * window.stride_x * window.dilation_y * window.dilation_x
    if window.kernel_y != 3 or window.kernel_x != 3 or steps != 1 or groups != 1:
        return False
    return min(channels, filters) >= LEAST_CHANNELS and squares_of_strip(channels, like) >= LEAST_SQUARES


@inlined
def squares_of(target):
    """The squares of a target, as pixels of another."""
    n, height, width, filters, pixel, row, image = target
    return Target(n, (height + 1) // 2, (width + 1) // 2, filters, 2 * pixel, 2 * row, image)


@inlined
def window_of_square(window):
    return Window(4, 4, 2, 2, 1, 1, window.top, window.left)


@serial
def pack_transformed_filters(w, transposed, packed, start, stop):
    """Channels `start` to `stop` of w (F, C, 3, 3), of any strides, transformed, into panels.

    Each panel has 16 parts, one for each element, with a row for each channel. `transposed`: w is (C, F, 3, 3).
    """
    filters, channels, high, wide = w.shape
    if transposed:
        filters, channels = channels, filters
    lines = _lines_array(packed)
    j = 0
    while j < filters:
        across = panel_vectors(filters - j, packed) * lanes(packed)
        width = min(across, filters - j)
        panel = packed[j * ELEMENTS * channels :]
        for c in range(start, stop):
            for f in range(width):
                for r in range(high):
                    for s in range(wide):
                        lines[(r * wide + s) * across + f] = w[c, j + f, r, s] if transposed else w[j + f, c, r, s]
            for line in range(high * wide):
                for f in range(width, across):
                    lines[line * across + f] = 0
            transform_filter(lines, 0, wide * across, across, across, panel, c * across, channels * across)
        j += across


@apart
def winograd_strip(source, packed, bias, out, target, floor, squares, window, strips, tables, number, scratch):
    """As `correlate_strip`, for a strip of `squares`, with filters packed transformed; whether all results are finite.

    `tables` are the offsets of the squares' windows and results, window and strips those of squares; `scratch` is for a
    strip.
    """
    channels = source.shape[3]
    image, row, column, count, rows, columns = strip_bounds(strips, number, squares)
    copy, v, m = _cut(scratch, strips, channels, out)
    a = read_strip(source, 0, channels, window, strips, image, row, column, count, copy)
    out = out[image * squares.image + row * squares.row + column * squares.pixel :]
    size = count * rows * columns
    _, stride = _transformed_size(size, channels, out)
    for t in range(size):
        transform_input(a, tables[0, t], strips.row, strips.pixel, channels, v, t * channels, stride)
    finite, floor, lowest = True, out.dtype.type(floor), out.dtype.type(-np.inf)
    j = 0
    while j < target.filters:
        vectors = panel_vectors(target.filters - j, packed)
        across = vectors * lanes(packed)
        width = min(across, target.filters - j)
        _, m_stride = _transformed_size(size, across, out)
        panel_size = channels * across
        for element in range(ELEMENTS):
            panel = packed[j * ELEMENTS * channels + element * panel_size :][:panel_size].reshape(channels, across)
            these = v[element * stride :][: size * channels].reshape(size, channels)
            products = m[element * m_stride :][: size * across].reshape(size, across)
            panel_product(these, panel, vectors, bias[:0], False, products, 0, across, lowest)
        its_bias, its_out = bias[j:], out[j:]
        t = 0
        for _ in range(count):
            for y in range(2 * row, 2 * (row + rows), 2):
                for x in range(2 * column, 2 * (column + columns), 2):
                    below, right = y + 1 < target.height, x + 1 < target.width
                    offset = tables[1, t]
                    finite &= transform_output(
                        m,
                        t * across,
                        m_stride,
                        its_bias,
                        width,
                        its_out,
                        offset,
                        target.row,
                        target.pixel,
                        below,
                        right,
                        floor,
                    )
                    t += 1
        j += across
    return finite


@apart
def winograd_gradient(dout, source, squares, window, strips, tables, sums, chunk, chunks, block, scratch):
    """As `gradient_of_filters`, for a block of channels, of the filters transformed: sums are (16, C, F), flat.

    `tables` are the offsets of the squares' windows and results, window and strips those of squares; `scratch` is for a
    strip.
    """
    target, channels = whole(dout), source.shape[3]
    first = block * SQUARE_CHANNELS
    depth = min(SQUARE_CHANNELS, channels - first)
    copy, v, z = _cut(scratch, strips, min(SQUARE_CHANNELS, channels), dout)
    flat, no_bias, lowest = dout.reshape(dout.size), sums[:0], dout.dtype.type(-np.inf)
    count = strips.deep * strips.down * strips.across
    begin, end = count * chunk // chunks, count * (chunk + 1) // chunks
    row_stride, pixel_stride = target.row, target.pixel
    for number in range(begin, end):
        image, row, column, images, rows, columns = strip_bounds(strips, number, squares)
        a = read_strip(source, first, depth, window, strips, image, row, column, images, copy)
        part_of_dout = flat[image * squares.image + row * squares.row + column * squares.pixel :]
        size, accumulate = images * rows * columns, number > begin
        _, stride = _transformed_size(size, depth, dout)
        for t in range(size):
            transform_input(a, tables[0, t], strips.row, strips.pixel, depth, v, t * depth, stride)
        j = 0
        while j < target.filters:
            vectors = panel_vectors(target.filters - j, dout)
            across = vectors * lanes(dout)
            width = min(across, target.filters - j)
            _, z_stride = _transformed_size(size, across, dout)
            its_dout = part_of_dout[j:]
            t = 0
            for _ in range(images):
                for y in range(2 * row, 2 * (row + rows), 2):
                    for x in range(2 * column, 2 * (column + columns), 2):
                        below, right, offset = y + 1 < target.height, x + 1 < target.width, tables[1, t]
                        transform_result_gradient(
                            its_dout, offset, row_stride, pixel_stride, below, right, width, z, t * across, z_stride
                        )
                        t += 1
            for element in range(ELEMENTS):
                panel = z[element * z_stride :][: size * across].reshape(size, across)
                these = v[element * stride :][: size * depth].reshape(size, depth).T
                its_sums = sums[(element * channels + first) * target.filters :][: depth * target.filters]
                panel_product(
                    these,
                    panel,
                    vectors,
                    no_bias,
                    accumulate,
                    its_sums.reshape(depth, target.filters),
                    j,
                    width,
                    lowest,
                )
            if block == 0:  # element (1, 1) is the sum of the square
                new = sums[ELEMENTS * channels * target.filters + j :]
                total = new[target.filters :][:width]
                sum_here = new[:width] if accumulate else total
                column_sums(z[5 * z_stride :][: size * across].reshape(size, across)[:, :width], sum_here)
                if accumulate:
                    for f in range(width):
                        total[f] += sum_here[f]
            j += width


@serial
def put_transformed_gradients(sums, start, stop, dw, db):
    """The gradient of filters `start` to `stop` from their sums, transformed back; whether all are finite."""
    filters, channels, high, wide = dw.shape
    lines, results, zero = _sums_array(dw), _gradients_array(dw), dw.dtype.type(0)
    check = zero
    for c in range(channels):
        for element in range(ELEMENTS):
            at = (element * channels + c) * filters
            for f in range(start, stop):
                lines[element * FILTERS + f - start] = sums[at + f]
        transform_sums(lines, 0, 4 * FILTERS, FILTERS, stop - start, results, 0, FILTERS)
        for r in range(high):
            for s in range(wide):
                for f in range(start, stop):
                    value = results[(r * wide + s) * FILTERS + f - start]
                    dw[f, c, r, s] = value
                    check += value * zero  # NaN where it is not finite
    put_bias_gradients(sums, start, stop, db)
    return check == zero
