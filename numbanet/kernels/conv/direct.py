"""The two products that convolutions are made of, over strips of pixels.

`correlate_strip`: sums over the taps and channels of a window, for each pixel and filter. `gradient_of_filters`: sums
over the pixels, for each tap, channel and filter. Both are matrix products by the indirect micro-kernel, which reads
the images where they are: no matrix of all windows (im2col) is ever made. Where each channel has a filter of its own
(depthwise), channels lie along the lanes of vectors instead. A strip or a block is written by one thread.
"""

import numpy as np
from numba import types

from ...runtime.compiling import apart, serial
from .._gemm import HALF_MR, KC, lanes, pack, panel_vectors
from ..simd.columns import column_sums
from ..simd.micro_kernel import MR, NR_VECTORS, VECTOR_BYTES, indirect_micro_kernel
from ..simd.scratch import stack_array
from .tiling import fill_segments, read_strip, strip_bounds, whole, window_segments

PIXELS = 256  # of a strip
GRADIENT_PIXELS = 256
GRADIENT_CHANNELS, GRADIENT_ROWS = 32, 512  # of a block of filters' gradients; pairs with taps

micro_kernel_3, micro_kernel_2, micro_kernel_1 = (indirect_micro_kernel(MR, vectors) for vectors in (3, 2, 1))
depthwise_kernel = indirect_micro_kernel(MR, 1, depthwise=True)
half_kernel_3, half_kernel_2, half_kernel_1 = (indirect_micro_kernel(HALF_MR, vectors) for vectors in (3, 2, 1))
pixel_tables = stack_array((2, PIXELS), types.intp)
segment_table = stack_array((KC,), types.intp)
row_tables = stack_array((2, GRADIENT_ROWS), types.intp)
line_table = stack_array((GRADIENT_PIXELS,), types.intp)
gradient_panel = stack_array(lambda itemsize: (GRADIENT_PIXELS * NR_VECTORS * VECTOR_BYTES // itemsize,))


@serial
def _panel_product(
    a, a_offsets, segments, depth, stride, panel, vectors, bias, accumulate, c, c_offsets, j, width, floor
):
    """All rows that `a_offsets` has, by the micro-kernel that suits; see `indirect_micro_kernel`."""
    rows, panel_and_c = (
        (a, a_offsets, segments, depth, stride),
        (panel, bias, accumulate, c, c_offsets, j, width, floor),
    )
    i = 0
    while i < a_offsets.size:
        if a_offsets.size - i > HALF_MR:
            if vectors == 3:
                micro_kernel_3(*rows, i, *panel_and_c)
            elif vectors == 2:
                micro_kernel_2(*rows, i, *panel_and_c)
            else:
                micro_kernel_1(*rows, i, *panel_and_c)
        elif vectors == 3:
            half_kernel_3(*rows, i, *panel_and_c)
        elif vectors == 2:
            half_kernel_2(*rows, i, *panel_and_c)
        else:
            half_kernel_1(*rows, i, *panel_and_c)
        i += MR


@serial
def _depthwise_panel_product(
    a, a_offsets, segments, depth, stride, panel, bias, accumulate, c, c_offsets, j, width, floor
):
    """As `_panel_product`, for one vector of channels, each of which has a filter of its own."""
    rows, panel_and_c = (
        (a, a_offsets, segments, depth, stride),
        (panel, bias, accumulate, c, c_offsets, j, width, floor),
    )
    for i in range(0, a_offsets.size, MR):
        depthwise_kernel(*rows, i, *panel_and_c)


@serial
def is_depthwise(channels, filters, groups):
    """Whether a group of so many channels and filters is a channel with a filter of its own."""
    return groups > 1 and channels == 1 and filters == 1


@serial
def packed_size(filters, depth, like):
    """Elements of the panels of so many filters with `depth` weights each."""
    return -(-filters // lanes(like)) * lanes(like) * depth


@serial
def pack_filters(w, transposed, packed, start, stop, most):
    """Channels `start` to `stop` of w (F, C, KH, KW), of any strides, into panels of at most so many vectors.

    Their rows are in the order of tap and channel. `transposed`: w is (C, F, KH, KW).
    """
    filters, channels, high, wide = w.shape
    if transposed:
        filters, channels = channels, filters
    j = 0
    while j < filters:
        across = min(panel_vectors(filters - j, packed), most) * lanes(packed)
        width = min(across, filters - j)
        panel = packed[j * high * wide * channels :]
        for c in range(start, stop):
            for r in range(high):
                for s in range(wide):
                    line = panel[((r * wide + s) * channels + c) * across :]
                    if transposed:
                        for f in range(np.uint64(width)):
                            line[f] = w[c, j + f, r, s]
                    else:
                        for f in range(np.uint64(width)):
                            line[f] = w[j + f, c, r, s]
                    for f in range(width, across):
                        line[f] = 0
        j += across


@apart
def correlate_strip(
    source, packed, bias, out, target, floor, groups, window, strips, tables, number, depthwise, scratch
):
    """One strip of ``out = max(bias + Σ source w, floor)``, with the filters w `packed`.

    out is flat and begins with the first pixel of `target`; `tables` are the offsets of pixels' windows and results.
    The strip is copied to `scratch`.
    """
    channels, filters = source.shape[3] // groups, target.filters // groups
    image, row, column, count, rows, columns = strip_bounds(strips, number, target)
    a = read_strip(source, 0, source.shape[3], window, strips, image, row, column, count, scratch)
    out = out[image * target.image + row * target.row + column * target.pixel :]
    pixels = count * rows * columns
    a_offsets, c_offsets = tables[0, :pixels], tables[1, :pixels]
    total = window.kernel_y * window.kernel_x * channels
    segments, depth = window_segments(window, strips, channels, groups == 1 and not depthwise)
    together = max(1, KC // depth)  # segments, of at most KC terms, as a longer one alone
    all_offsets, lowest = segment_table(out), out.dtype.type(-np.inf)
    for start in range(0, max(1, segments), together):
        offsets = all_offsets[: min(together, segments - start)]
        fill_segments(window, strips, start, segments, offsets)
        lower = out.dtype.type(floor) if start + together >= segments else lowest
        if depthwise:
            for j in range(0, target.filters, lanes(out)):
                panel, width = packed[j * segments + start * lanes(out) :], min(lanes(out), target.filters - j)
                _depthwise_panel_product(
                    a[j:], a_offsets, offsets, 1, 0, panel, bias, start > 0, out, c_offsets, j, width, lower
                )
            continue
        for group in range(groups):
            panels = packed[group * packed_size(filters, total, packed) :]
            a_group, out_group = a[group * channels :], out[group * filters :]
            its_bias = bias[group * filters : (group + 1) * filters]
            j = 0
            while j < filters:
                vectors = panel_vectors(filters - j, packed)
                across = vectors * lanes(packed)
                panel, width = panels[j * total + start * depth * across :], min(across, filters - j)
                _panel_product(
                    a_group,
                    a_offsets,
                    offsets,
                    depth,
                    1,
                    panel,
                    vectors,
                    its_bias,
                    start > 0,
                    out_group,
                    c_offsets,
                    j,
                    width,
                    lower,
                )
                j += across


@serial
def _taps_of_block(channels, depthwise):
    return GRADIENT_ROWS if depthwise else GRADIENT_ROWS // min(channels, GRADIENT_CHANNELS)


@serial
def blocks_of_gradient(window, groups, channels, depthwise):
    """How many blocks of channels and taps the gradient of the filters is cut into."""
    taps = window.kernel_y * window.kernel_x
    return groups * -(-channels // GRADIENT_CHANNELS) * -(-taps // _taps_of_block(channels, depthwise))


@serial
def _fill_row_tables(window, strips, tap, first, together, channels, filters, a_offsets, c_offsets):
    """Where the rows of a block lie in a strip, and where the sums of their gradients are in (KH, KW, C, F).

    In the order of taps, from number `tap` on, and channels, of which there are `together` from `first` on.
    """
    for at in range(a_offsets.size):
        number, c = divmod(at, together)
        r, s = divmod(tap + number, window.kernel_x)
        a_offsets[at] = r * window.dilation_y * strips.row + s * window.dilation_x * strips.pixel + c
        c_offsets[at] = ((tap + number) * channels + first + c) * filters


@apart
def gradient_of_filters(dout, source, window, strips, groups, sums, chunk, chunks, block, depthwise, scratch):
    """``sums = Σ source dout`` over the strips of one of `chunks` parts of the images, for one block of rows.

    sums are flat, (KH, KW, C / groups, F); the last F elements get the sums of dout, from the first block. Strips are
    copied to `scratch`.
    """
    target = whole(dout)
    channels, filters = source.shape[3] // groups, target.filters // groups
    taps, its_taps = window.kernel_y * window.kernel_x, _taps_of_block(channels, depthwise)
    across, down = -(-channels // GRADIENT_CHANNELS), -(-taps // its_taps)
    group, first, tap = block // (across * down), block // down % across * GRADIENT_CHANNELS, block % down * its_taps
    its_channels, its_taps = min(GRADIENT_CHANNELS, channels - first), min(its_taps, taps - tap)
    rows_of_block = its_taps if depthwise else its_taps * its_channels
    tables = row_tables(dout)
    a_offsets, c_offsets = tables[0, :rows_of_block], tables[1, :rows_of_block]
    if depthwise:
        _fill_row_tables(window, strips, tap, 0, 1, 1, target.filters, a_offsets, c_offsets)
    else:
        _fill_row_tables(window, strips, tap, first, its_channels, channels, target.filters, a_offsets, c_offsets)
    panel, all_lines = gradient_panel(dout), line_table(dout)
    pixels_of_dout = dout.reshape(dout.size // target.filters, target.filters)
    count = strips.deep * strips.down * strips.across
    begin, end = count * chunk // chunks, count * (chunk + 1) // chunks
    size = taps * target.filters if depthwise else taps * channels * target.filters
    no_bias, lowest = dout[0, 0, 0, :0], dout.dtype.type(-np.inf)
    for number in range(begin, end):
        image, row, column, images, rows, columns = strip_bounds(strips, number, target)
        a = read_strip(
            source, group * channels + first, its_channels, window, strips, image, row, column, images, scratch
        )
        for n in range(images):
            for i in range(rows):
                all_lines[n * rows + i] = n * strips.image + i * window.stride_y * strips.row
        lines = all_lines[: images * rows]
        at, pixels = (image * target.height + row) * target.width + column, images * rows * columns
        part_of_dout, stride, accumulate = (
            pixels_of_dout[at : at + pixels],
            window.stride_x * strips.pixel,
            number > begin,
        )
        j, stop = group * filters, (group + 1) * filters
        if depthwise:
            j, stop = first, first + its_channels
        while j < stop:
            vectors = 1 if depthwise else panel_vectors(stop - j, dout)
            across = vectors * lanes(dout)
            width = min(across, stop - j)
            pack(part_of_dout[:, j : j + width], panel[: pixels * across].reshape(pixels, across), vectors)
            if depthwise:
                _depthwise_panel_product(
                    a[j - first :],
                    a_offsets,
                    lines,
                    columns,
                    stride,
                    panel,
                    no_bias,
                    accumulate,
                    sums,
                    c_offsets,
                    j,
                    width,
                    lowest,
                )
            else:
                _panel_product(
                    a,
                    a_offsets,
                    lines,
                    columns,
                    stride,
                    panel,
                    vectors,
                    no_bias,
                    accumulate,
                    sums,
                    c_offsets,
                    j,
                    width,
                    lowest,
                )
            j += width
        if block == 0:
            its_sums, total = sums[size : size + target.filters], sums[size + target.filters :]
            column_sums(part_of_dout, its_sums)
            for f in range(target.filters):
                total[f] = total[f] + its_sums[f] if number > begin else its_sums[f]


@serial
def add_up(sums, start, stop):
    """Elements `start` to `stop` of all chunks, in order, into the first."""
    for chunk in range(1, len(sums)):
        for i in range(start, stop):
            sums[0, i] += sums[chunk, i]


@serial
def put_bias_gradients(sums, start, stop, db):
    """Those of filters `start` to `stop`, db (F,) or empty, from the sums of dout, which come last."""
    if db.size:
        for f in range(start, stop):
            db[f] = sums[sums.size - db.size + f]


@serial
def put_gradients(sums, start, stop, dw, db):
    """The gradients of filters `start` to `stop` from their sums: dw (F, C, KH, KW), db (F,) or empty."""
    filters, channels, high, wide = dw.shape
    for r in range(high):
        for s in range(wide):
            for c in range(channels):
                at = ((r * wide + s) * channels + c) * filters
                for f in range(start, stop):
                    dw[f, c, r, s] = sums[at + f]
    put_bias_gradients(sums, start, stop, db)
