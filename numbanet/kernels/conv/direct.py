"""The two products that convolutions are made of, over strips of pixels.

`correlate_strip`: sums over the taps and channels of a window, for each pixel and filter. `gradient_of_filters`: sums
over the pixels, for each tap, channel and filter. Both are matrix products by the register tile, which reads the
images where they are: no matrix of all windows (im2col) is ever made. Where each channel has a filter of its own
(depthwise), channels lie along the lanes of vectors instead.
"""

import numpy as np
from numba import types

from ...runtime.compiling import serial
from .._gemm import HALF_ROWS, _pack, _strip_vectors, lanes
from ..simd.columns import column_pass
from ..simd.micro_kernel import TILE_ROWS, VECTOR_BYTES, VECTORS, scattered_tile
from ..simd.scratch import stack_array
from .tiling import fill_segments, read_strip, strip_bounds, whole, window_segments

PIXELS = 256  # of a strip
DEEPEST = 256  # rows of a panel that tiles go through at once, or those of a segment; errors grow with the sums' length
GRADIENT_PIXELS = 256
CHANNELS, ROWS = 32, 512  # of a block of the gradient of filters: channels, and pairs of these with taps

tile_3, tile_2, tile_1 = (scattered_tile(TILE_ROWS, vectors) for vectors in (3, 2, 1))
lane_tile = scattered_tile(TILE_ROWS, 1, by_lane=True)
half_tile_3, half_tile_2, half_tile_1 = (scattered_tile(HALF_ROWS, vectors) for vectors in (3, 2, 1))
pixel_tables = stack_array((2, PIXELS), types.intp)
segment_table = stack_array((DEEPEST,), types.intp)
row_tables = stack_array((2, ROWS), types.intp)
line_table = stack_array((GRADIENT_PIXELS,), types.intp)
gradient_panel = stack_array(lambda itemsize: (GRADIENT_PIXELS * VECTORS * VECTOR_BYTES // itemsize,))


def _sum(emit, sums, reads, rows, columns, numbers):
    return [emit.builder.fadd(sums[0], reads[0])], []


pixel_sums = column_pass(_sum, reads=1, sums=1)


@serial
def _tiles(a, places, segments, depth, step, panel, vectors, bias, onward, c, targets, j, width, floor):
    """All rows that `places` has, by the tile that suits; see `scattered_tile`."""
    i = 0
    while i < places.size:
        if places.size - i > HALF_ROWS:
            if vectors == 3:
                tile_3(a, places, segments, depth, step, i, panel, bias, onward, c, targets, j, width, floor)
            elif vectors == 2:
                tile_2(a, places, segments, depth, step, i, panel, bias, onward, c, targets, j, width, floor)
            else:
                tile_1(a, places, segments, depth, step, i, panel, bias, onward, c, targets, j, width, floor)
        elif vectors == 3:
            half_tile_3(a, places, segments, depth, step, i, panel, bias, onward, c, targets, j, width, floor)
        elif vectors == 2:
            half_tile_2(a, places, segments, depth, step, i, panel, bias, onward, c, targets, j, width, floor)
        else:
            half_tile_1(a, places, segments, depth, step, i, panel, bias, onward, c, targets, j, width, floor)
        i += TILE_ROWS


@serial
def _lane_tiles(a, places, segments, depth, step, panel, bias, onward, c, targets, j, width, floor):
    """As `_tiles`, for one vector of channels, each of which has a filter of its own."""
    for i in range(0, places.size, TILE_ROWS):
        lane_tile(a, places, segments, depth, step, i, panel, bias, onward, c, targets, j, width, floor)


@serial
def is_by_lane(channels, filters, groups):
    """Whether a group of so many channels and filters is a channel with a filter of its own."""
    return groups > 1 and channels == 1 and filters == 1


@serial
def packed_size(filters, depth, like):
    """Elements of the panels of so many filters with `depth` weights each."""
    return -(-filters // lanes(like)) * lanes(like) * depth


@serial
def pack_filters(w, exchanged, packed, start, stop, most):
    """Channels `start` to `stop` of w (F, C, HH, WW), of any strides, into panels of at most so many vectors.

    Their rows are in the order of tap and channel. `exchanged`: w is (C, F, HH, WW).
    """
    filters, channels, high, wide = w.shape
    if exchanged:
        filters, channels = channels, filters
    j = 0
    while j < filters:
        room = min(_strip_vectors(filters - j, packed), most) * lanes(packed)
        width = min(room, filters - j)
        panel = packed[j * high * wide * channels :]
        for c in range(start, stop):
            for r in range(high):
                for s in range(wide):
                    line = panel[((r * wide + s) * channels + c) * room :]
                    if exchanged:
                        for f in range(np.uint64(width)):
                            line[f] = w[c, j + f, r, s]
                    else:
                        for f in range(np.uint64(width)):
                            line[f] = w[j + f, c, r, s]
                    for f in range(width, room):
                        line[f] = 0
        j += room


@serial
def correlate_strip(source, packed, bias, out, target, floor, groups, window, strips, tables, number, by_lane, room):
    """One strip of ``out = max(bias + Σ source w, floor)``, with the filters w `packed`.

    out is flat and begins with the first pixel of `target`; `tables` are the places and targets of pixels. The strip is
    copied to `room`.
    """
    channels, filters = source.shape[3] // groups, target.filters // groups
    image, row, column, count, rows, columns = strip_bounds(strips, number, target)
    a = read_strip(source, 0, source.shape[3], window, strips, image, row, column, count, room)
    out = out[image * target.image + row * target.row + column * target.pixel :]
    pixels = count * rows * columns
    places, targets = tables[0, :pixels], tables[1, :pixels]
    total = window.taps_y * window.taps_x * channels
    segments, depth = window_segments(window, strips, channels, groups == 1 and not by_lane)
    together = max(1, DEEPEST // depth)
    all_offsets, lowest = segment_table(out), out.dtype.type(-np.inf)
    for start in range(0, max(1, segments), together):
        offsets = all_offsets[: min(together, segments - start)]
        fill_segments(window, strips, start, segments, offsets)
        lower = out.dtype.type(floor) if start + together >= segments else lowest
        if by_lane:
            for j in range(0, target.filters, lanes(out)):
                panel, width = packed[j * segments + start * lanes(out) :], min(lanes(out), target.filters - j)
                _lane_tiles(a[j:], places, offsets, 1, 0, panel, bias, start > 0, out, targets, j, width, lower)
            continue
        for group in range(groups):
            panels = packed[group * packed_size(filters, total, packed) :]
            a_group, out_group = a[group * channels :], out[group * filters :]
            its_bias = bias[group * filters : (group + 1) * filters]
            j = 0
            while j < filters:
                vectors = _strip_vectors(filters - j, packed)
                across = vectors * lanes(packed)
                panel, width = panels[j * total + start * depth * across :], min(across, filters - j)
                _tiles(
                    a_group,
                    places,
                    offsets,
                    depth,
                    1,
                    panel,
                    vectors,
                    its_bias,
                    start > 0,
                    out_group,
                    targets,
                    j,
                    width,
                    lower,
                )
                j += across


@serial
def _taps_of_block(channels, by_lane):
    return ROWS if by_lane else ROWS // min(channels, CHANNELS)


@serial
def blocks_of_gradient(window, groups, channels, by_lane):
    """How many blocks of channels and taps the gradient of the filters is cut into."""
    taps = window.taps_y * window.taps_x
    return groups * -(-channels // CHANNELS) * -(-taps // _taps_of_block(channels, by_lane))


@serial
def _fill_row_tables(window, strips, tap, first, together, channels, filters, places, targets):
    """Where the rows of a block lie in a strip, and where the sums of their gradients are in (HH, WW, C, F).

    In the order of taps, from number `tap` on, and channels, of which there are `together` from `first` on.
    """
    for at in range(places.size):
        number, c = divmod(at, together)
        r, s = divmod(tap + number, window.taps_x)
        places[at] = r * window.gap_y * strips.row + s * window.gap_x * strips.pixel + c
        targets[at] = ((tap + number) * channels + first + c) * filters


@serial
def gradient_of_filters(dout, source, window, strips, groups, sums, chunk, chunks, block, by_lane, room):
    """``sums = Σ source dout`` over the strips of one of `chunks` parts of the images, for one block of rows.

    sums are flat, (HH, WW, C / groups, F); the last F elements get the sums of dout, from the first block. Strips are
    copied to `room`.
    """
    target = whole(dout)
    channels, filters = source.shape[3] // groups, target.filters // groups
    taps, its_taps = window.taps_y * window.taps_x, _taps_of_block(channels, by_lane)
    across, down = -(-channels // CHANNELS), -(-taps // its_taps)
    group, first, tap = block // (across * down), block // down % across * CHANNELS, block % down * its_taps
    its_channels, its_taps = min(CHANNELS, channels - first), min(its_taps, taps - tap)
    rows_of_block = its_taps if by_lane else its_taps * its_channels
    tables = row_tables(dout)
    places, targets = tables[0, :rows_of_block], tables[1, :rows_of_block]
    if by_lane:
        _fill_row_tables(window, strips, tap, 0, 1, 1, target.filters, places, targets)
    else:
        _fill_row_tables(window, strips, tap, first, its_channels, channels, target.filters, places, targets)
    panel, all_lines = gradient_panel(dout), line_table(dout)
    pixels_of_dout = dout.reshape(dout.size // target.filters, target.filters)
    count = strips.deep * strips.down * strips.across
    begin, end = count * chunk // chunks, count * (chunk + 1) // chunks
    size = taps * target.filters if by_lane else taps * channels * target.filters
    no_bias, lowest = dout[0, 0, 0, :0], dout.dtype.type(-np.inf)
    for number in range(begin, end):
        image, row, column, images, rows, columns = strip_bounds(strips, number, target)
        a = read_strip(source, group * channels + first, its_channels, window, strips, image, row, column, images, room)
        for n in range(images):
            for i in range(rows):
                all_lines[n * rows + i] = n * strips.image + i * window.stride_y * strips.row
        lines = all_lines[: images * rows]
        at, pixels = (image * target.height + row) * target.width + column, images * rows * columns
        part_of_dout, step, onward = pixels_of_dout[at : at + pixels], window.stride_x * strips.pixel, number > begin
        j, stop = group * filters, (group + 1) * filters
        if by_lane:
            j, stop = first, first + its_channels
        while j < stop:
            vectors = 1 if by_lane else _strip_vectors(stop - j, dout)
            across = vectors * lanes(dout)
            width = min(across, stop - j)
            _pack(part_of_dout[:, j : j + width], panel[: pixels * across].reshape(pixels, across), vectors)
            if by_lane:
                _lane_tiles(
                    a[j - first :],
                    places,
                    lines,
                    columns,
                    step,
                    panel,
                    no_bias,
                    onward,
                    sums,
                    targets,
                    j,
                    width,
                    lowest,
                )
            else:
                _tiles(
                    a, places, lines, columns, step, panel, vectors, no_bias, onward, sums, targets, j, width, lowest
                )
            j += width
        if block == 0:
            its_sums, total = sums[size : size + target.filters], sums[size + target.filters :]
            pixel_sums(part_of_dout, its_sums)
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
    """The gradients of filters `start` to `stop` from their sums: dw (F, C, HH, WW), db (F,) or empty."""
    filters, channels, high, wide = dw.shape
    for r in range(high):
        for s in range(wide):
            for c in range(channels):
                at = ((r * wide + s) * channels + c) * filters
                for f in range(start, stop):
                    dw[f, c, r, s] = sums[at + f]
    put_bias_gradients(sums, start, stop, db)
