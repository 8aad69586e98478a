"""The gradient of few filters, which would leave most lanes of a vector empty.

A vector holds a few numbers of a window, each as often as there are filters in one of two parts of these, and meets as
many gradients. Sums are taken in the order of `conv.direct`, so the bits are the same.
"""

from numba import types

from ...runtime.compiling import serial
from .._gemm import lanes
from ..simd.outer import SHARES, outer_kernel
from ..simd.scratch import stack_array
from ..simd.vectors import VECTOR_BYTES
from .direct import GRADIENT_CHANNELS, GRADIENT_PIXELS
from .tiling import read_strip, strip_bounds, whole

MANY_ROWS, FEW_ROWS = 5, 3  # vectors of a window that meet the gradients together
WINDOW_VECTORS = 128  # the most vectors of a window

many_by_3, many_by_4 = (outer_kernel(MANY_ROWS, together) for together in (3, 4))
few_by_3, few_by_4 = (outer_kernel(FEW_ROWS, together) for together in (3, 4))
row_offsets, line_table = stack_array((WINDOW_VECTORS,), types.intp), stack_array((GRADIENT_PIXELS,), types.intp)
sums_scratch = stack_array(lambda itemsize: (WINDOW_VECTORS * SHARES + 2, VECTOR_BYTES // itemsize))


@serial
def _together(filters):
    """Filters of a part."""
    return 3 if filters <= 3 * SHARES else 4


@serial
def _across(window, channels, filters, like):
    """Vectors for a row of taps."""
    return -(-window.kernel_x * channels // (lanes(like) // _together(filters)))


@serial
def few_filters(window, channels, filters, groups, like):
    """Whether the gradient of filters fills vectors better so, and can be computed so."""
    if groups > 1 or window.dilation_x > 1 or 2 * filters > lanes(like) or channels > GRADIENT_CHANNELS:
        return False
    return filters <= 4 * SHARES and 0 < window.kernel_y * _across(window, channels, filters, like) <= WINDOW_VECTORS


@serial
def gradient_of_few_filters(dout, source, window, strips, all_sums, chunk, chunks, scratch):
    """As `gradient_of_filters`, of all channels and taps."""
    target, channels = whole(dout), source.shape[3]
    filters, run = target.filters, window.kernel_x * channels
    together = _together(filters)
    most = min(lanes(dout) // together, run)  # numbers of a window in a vector
    across = _across(window, channels, filters, dout)
    offsets = row_offsets(dout)[: window.kernel_y * across]
    for r in range(window.kernel_y):
        for part in range(across):
            start = min(part * most, run - most)
            offsets[r * across + part] = r * window.dilation_y * strips.row + start
    all_lines, sums, flat = line_table(dout), sums_scratch(dout), dout.reshape(dout.size)
    sums = sums[: SHARES * offsets.size + 2]
    count = strips.deep * strips.down * strips.across
    begin, end = count * chunk // chunks, count * (chunk + 1) // chunks
    for number in range(begin, end):
        image, row, column, images, rows, columns = strip_bounds(strips, number, target)
        a = read_strip(source, 0, channels, window, strips, image, row, column, images, scratch)
        for n in range(images):
            for i in range(rows):
                all_lines[n * rows + i] = n * strips.image + i * window.stride_y * strips.row
        lines = all_lines[: images * rows]
        its_dout = flat[image * target.image + row * target.row + column * target.pixel :]
        step = window.stride_x * strips.pixel
        i = 0
        while i < offsets.size:
            some = a, offsets, i, most, lines, columns, step, its_dout, filters, number > begin, sums
            if offsets.size - i > FEW_ROWS:
                if together == 3:
                    many_by_3(*some)
                else:
                    many_by_4(*some)
                i += MANY_ROWS
            else:
                if together == 3:
                    few_by_3(*some)
                else:
                    few_by_4(*some)
                i += FEW_ROWS
    size = window.kernel_y * run * filters
    for r in range(window.kernel_y):
        for part in range(across):
            start = r * run + min(part * most, run - most)
            for k in range(most):
                for f in range(filters):
                    lane = k * together + f % together
                    all_sums[(start + k) * filters + f] = sums[(r * across + part) * SHARES + f // together, lane]
    for f in range(filters):
        all_sums[size + filters + f] = sums[SHARES * offsets.size, f]
