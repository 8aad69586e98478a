"""Pooling.

N pictures, H rows, W columns, C channels, the channels of a pixel together. Forward is parallel over the rows of
windows, each of which writes its own row of `out`. Backward is parallel over pictures, cut into strips of rows where
there are few of them: whoever has the strip writes it, from all windows that reach into it, in order.
"""

from numba import prange

from ._jit import serial
from ._parallel import kernel, workers
from ._windows import add_evenly, add_to_largest, largest, mean, write_evenly, write_to_largest
from .normalization import column_sums

# Nanoseconds an element takes on one core: of the input forward, of the output's gradient backward.
FORWARD_NS, BACKWARD_NS, GLOBAL_NS = 0.1, 0.5, 0.1
PICTURES = 4  # for each thread, below which they are cut into strips


@serial
def _cut(first, count, size):
    """Where `count` rows or columns from `first` begin and end inside of `size`."""
    return max(first, 0), min(first + count, size)


@serial
def _strips(pictures, rows, threads):
    """How many strips of rows each picture is cut into."""
    return 1 if pictures >= PICTURES * threads else min(rows, threads)


@serial
def _windows_within(first, last, window, stride, pad, count):
    """Which of `count` windows along an axis reach into the range from `first` to `last`."""
    return max((first + pad - window + stride) // stride, 0), min((last - 1 + pad) // stride + 1, count)


@serial
def _tiles(count, size, window, stride, pad):
    """Whether windows lie side by side and cover all of an axis: then each element is written, once."""
    return window == stride and count * stride - pad >= size


@serial
def _zero_rows(rows):
    for i in range(rows.shape[0]):
        row = rows[i].reshape(-1)
        for j in range(row.size):
            row[j] = 0


@kernel(FORWARD_NS)
def max_pool_forward(x, window, stride, pad, out):
    rows = out.shape[1]
    for task in prange(len(x) * rows):
        picture, i = x[task // rows], task % rows
        top, bottom = _cut(i * stride[0] - pad[0], window[0], x.shape[1])
        largest(picture, top, bottom, window[1], stride[1], pad[1], out[task // rows, i])


@kernel(BACKWARD_NS)
def max_pool_backward(dout, x, window, stride, pad, dx):
    n, rows, columns = dout.shape[:3]
    height, width = x.shape[1:3]
    tiles = _tiles(rows, height, window[0], stride[0], pad[0]) and _tiles(columns, width, window[1], stride[1], pad[1])
    apart = stride[0] >= window[0] and stride[1] >= window[1]
    strips = _strips(n, rows, workers())
    for task in prange(n * strips):
        picture, strip = task // strips, task % strips
        first, last = height * strip // strips, height * (strip + 1) // strips
        if not tiles:
            _zero_rows(dx[picture, first:last])
        start, stop = _windows_within(first, last, window[0], stride[0], pad[0], rows)
        for i in range(start, stop):
            top, bottom = _cut(i * stride[0] - pad[0], window[0], height)
            from_row, to_row = max(top, first), min(bottom, last)
            arrays, across = (dout[picture, i], x[picture]), (window[1], stride[1], pad[1])
            if apart:
                write_to_largest(*arrays, top, bottom, *across, from_row, to_row, dx[picture])
            else:
                add_to_largest(*arrays, top, bottom, *across, from_row, to_row, dx[picture])


@kernel(FORWARD_NS)
def avg_pool_forward(x, window, stride, pad, out):
    area = x.dtype.type(window[0] * window[1])
    rows = out.shape[1]
    for task in prange(len(x) * rows):
        picture, i = x[task // rows], task % rows
        top, bottom = _cut(i * stride[0] - pad[0], window[0], x.shape[1])
        mean(picture, top, bottom, window[1], stride[1], pad[1], area, out[task // rows, i])


@kernel(BACKWARD_NS)
def avg_pool_backward(dout, window, stride, pad, dx):
    area = dout.dtype.type(window[0] * window[1])
    n, rows, columns = dout.shape[:3]
    height, width = dx.shape[1:3]
    tiles = _tiles(rows, height, window[0], stride[0], pad[0]) and _tiles(columns, width, window[1], stride[1], pad[1])
    apart = stride[0] >= window[0] and stride[1] >= window[1]
    strips = _strips(n, rows, workers())
    for task in prange(n * strips):
        picture, strip = task // strips, task % strips
        first, last = height * strip // strips, height * (strip + 1) // strips
        if not tiles:
            _zero_rows(dx[picture, first:last])
        start, stop = _windows_within(first, last, window[0], stride[0], pad[0], rows)
        for i in range(start, stop):
            top, bottom = _cut(i * stride[0] - pad[0], window[0], height)
            top, bottom = max(top, first), min(bottom, last)
            across = window[1], stride[1], pad[1]
            if apart:
                write_evenly(dout[picture, i], area, top, bottom, *across, dx[picture])
            else:
                add_evenly(dout[picture, i], area, top, bottom, *across, dx[picture])


@kernel(GLOBAL_NS)
def global_avg_pool_forward(x, out):
    n, height, width, channels = x.shape
    pixels = x.dtype.type(height * width)
    for picture in prange(n):
        column_sums(x[picture].reshape(height * width, channels), out[picture])
        for c in range(channels):
            out[picture, c] /= pixels


@kernel(lambda dout, dx: GLOBAL_NS * dx.size)
def global_avg_pool_backward(dout, dx):
    n, height, width, channels = dx.shape
    pixels = dx.dtype.type(height * width)
    for row in prange(n * height):
        shares, written = dout[row // height], dx[row // height, row % height]
        for j in range(width):
            for c in range(channels):
                written[j, c] = shares[c] / pixels
