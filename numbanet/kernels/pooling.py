"""Pooling.

N images, H rows, W columns, C channels, the channels of a pixel together. Forward is parallel over the rows of
windows. So is backward where windows do not overlap: each writes the rows of pixels up to the next. Where they overlap,
backward is parallel over the rows of pixels: each element is written once, from the windows that it is in, in order.
"""

from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel
from .simd.pixels import from_largest, from_mean
from .simd.windows import first_largest, largest, mean, to_all, to_largest

# Nanoseconds an element takes on one core: of the input forward, of the output's gradient backward.
POOL_FORWARD_NS, POOL_BACKWARD_NS, GLOBAL_POOL_NS = 0.1, 0.4, 0.1
FEW_CHANNELS = 3  # channels
PIXEL_ROWS = 16  # of pixels that a thread takes at a time


@serial
def _by_axis(kernel_size, stride, padding):
    """(kernel_size, stride, padding) of the rows, and of the columns."""
    return (kernel_size[0], stride[0], padding[0]), (kernel_size[1], stride[1], padding[1])


@serial
def _by_pixels(kernel_size, stride, channels):
    """Whether the gradient goes from pixel to pixel, not from window to window."""
    return kernel_size[0] > stride[0] or kernel_size[1] > stride[1] or channels <= FEW_CHANNELS


@serial
def _clear_between(dx, i, rows, columns, counts):
    """Zeros in the rows of pixels that belong to row `i` of windows, where these do not fill them."""
    (height, width, _), (kernel_size, stride, padding) = dx.shape, rows
    first = max(i * stride - padding, 0)
    last = min((i + 1) * stride - padding, height) if i + 1 < counts[0] else height
    if (
        last > i * stride - padding + kernel_size
        or columns[0] < columns[1]
        or counts[1] * columns[1] - columns[2] < width
    ):
        pixels = dx[first:last].reshape(-1)
        for j in range(pixels.size):
            pixels[j] = 0


@serial
def _one_row(pixels):
    """The whole image as one window, a row of pixels: (kernel_size, stride, padding) of its row, and of its columns."""
    return (1, 1, 0), (pixels, pixels, 0)


@kernel(POOL_FORWARD_NS)
def max_pool_forward(x, kernel_size, stride, padding, out, where):
    count = out.shape[1]
    rows, columns = _by_axis(kernel_size, stride, padding)
    for row in prange(len(x) * count):
        n, i = row // count, row % count
        if where.size:
            first_largest(x[n], i, rows, columns, out[n, i], where[n, i])
        else:
            largest(x[n], i, rows, columns, out[n, i])


@kernel(POOL_BACKWARD_NS)
def max_pool_backward(dout, where, kernel_size, stride, padding, dx):
    height, counts = dx.shape[1], dout.shape[1:3]
    rows, columns = _by_axis(kernel_size, stride, padding)
    if _by_pixels(kernel_size, stride, dx.shape[3]):
        parts = (height + PIXEL_ROWS - 1) // PIXEL_ROWS
        for part in prange(len(dx) * parts):
            n, r = part // parts, part % parts * PIXEL_ROWS
            from_largest(dout[n], where[n], r, min(r + PIXEL_ROWS, height), rows, columns, dx[n])
    else:
        for row in prange(len(dx) * counts[0]):
            n, i = row // counts[0], row % counts[0]
            _clear_between(dx[n], i, rows, columns, counts)
            to_largest(dout[n, i], where[n, i], i, rows, columns, dx[n])


@kernel(POOL_FORWARD_NS)
def avg_pool_forward(x, kernel_size, stride, padding, out):
    count = out.shape[1]
    rows, columns = _by_axis(kernel_size, stride, padding)
    for row in prange(len(x) * count):
        n, i = row // count, row % count
        mean(x[n], i, rows, columns, out[n, i])


@kernel(POOL_BACKWARD_NS)
def avg_pool_backward(dout, kernel_size, stride, padding, dx):
    height, counts = dx.shape[1], dout.shape[1:3]
    rows, columns = _by_axis(kernel_size, stride, padding)
    if _by_pixels(kernel_size, stride, dx.shape[3]):
        parts = (height + PIXEL_ROWS - 1) // PIXEL_ROWS
        for part in prange(len(dx) * parts):
            n, r = part // parts, part % parts * PIXEL_ROWS
            from_mean(dout[n], r, min(r + PIXEL_ROWS, height), rows, columns, dx[n])
    else:
        for row in prange(len(dx) * counts[0]):
            n, i = row // counts[0], row % counts[0]
            _clear_between(dx[n], i, rows, columns, counts)
            to_all(dout[n, i], i, rows, columns, dx[n])


@kernel(GLOBAL_POOL_NS)
def global_avg_pool_forward(x, out):
    n, height, width, channels = x.shape
    pixels = height * width
    for image in prange(n):
        mean(x[image].reshape(1, pixels, channels), 0, *_one_row(pixels), out[image].reshape(1, channels))


@kernel(lambda dout, dx: GLOBAL_POOL_NS * dx.size)
def global_avg_pool_backward(dout, dx):
    n, height, width, channels = dx.shape
    pixels = height * width
    for image in prange(n):
        to_all(dout[image].reshape(1, channels), 0, *_one_row(pixels), dx[image].reshape(1, pixels, channels))
