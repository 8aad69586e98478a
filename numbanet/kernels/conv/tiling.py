"""Images by the strip: where a window meets them, and a copy with a border where it reaches over the edge.

A strip is a few rows of the target, the images that a window writes, or a few whole images where those are small. What
the window reads for it from the source is copied, with the zeros of the border, to scratch in the workspace, which
stays in the cache; where no window reaches over the edge, it is read in place. Tables of offsets (indirection) say
where each pixel's window begins and what it is made of, so that the micro-kernel need not know any of that. A thread
has its strip and its scratch to itself.
"""

from collections import namedtuple

import numpy as np

from ...runtime.compiling import inlined, serial
from ..simd.vectors import LINE_BYTES, LINE_ELEMENTS

LEAST_PIXELS, LEAST_STRIPS = 32, 8  # strips are cut smaller than they might be, while there are few of them
COPY_BYTES = 192 * 1024  # of what is read for a strip, but for a strip of one pixel, whose window may be larger
PARTS, PART_ELEMENTS = 16, 5 << 17  # the most parts that a gradient of filters is added up in, and what they may take

# The window of pixel (i, j) of the target has tap (r, s) of the kernel at row ``i stride_y + r dilation_y + top`` and
# column ``j stride_x + s dilation_x + left`` of the source.
Window = namedtuple("Window", "kernel_y kernel_x stride_y stride_x dilation_y dilation_x top left")

# Images, rows, columns and channels of the target, and how many elements the next pixel, row and image are away.
Target = namedtuple("Target", "images height width filters pixel row image")

# Images, rows and columns of a strip of the target; how many strips there are in each direction; rows and columns of
# the copy of each image, which is made where `copied`; and how many elements the next image, row and pixel are
# away in what is read.
Strips = namedtuple("Strips", "images rows columns deep down across high broad copied image row pixel")


@inlined
def whole(out):
    """The target that a C-contiguous array (N, HO, WO, F) is."""
    n, height, width, filters = out.shape
    return Target(n, height, width, filters, filters, width * filters, height * width * filters)


@inlined
def cut_into_strips(source, channels, target, window, pixels, always=False):
    """Strips of at most `pixels` pixels; `channels` of the source are copied for each, `always` or where need be."""
    images, height, width = target.images, target.height, target.width
    _, source_height, source_width, source_channels = source.shape
    reach_y = max(0, window.kernel_y - 1) * window.dilation_y + 1
    reach_x = max(0, window.kernel_x - 1) * window.dilation_x + 1
    bottom = window.top + (height - 1) * window.stride_y + reach_y
    right = window.left + (width - 1) * window.stride_x + reach_x
    copied = always or window.top < 0 or window.left < 0 or bottom > source_height or right > source_width
    columns = min(width, pixels)
    rows = min(height, max(1, pixels // columns))
    rows = -(-height // -(-height // rows))  # even
    deep = max(1, min(images, pixels // (rows * columns))) if rows == height and columns == width else 1
    most = COPY_BYTES // source.itemsize
    while True:
        high, broad = (rows - 1) * window.stride_y + reach_y, (columns - 1) * window.stride_x + reach_x
        strips = -(-images // deep) * -(-height // rows) * -(-width // columns)
        full = copied and deep * high * broad * channels > most
        if not full and (strips >= LEAST_STRIPS or deep * rows * columns <= LEAST_PIXELS):
            break
        if deep > 1:
            deep = (deep + 1) // 2
        elif rows > 1:
            rows = (rows + 1) // 2
        elif full and columns > 1:
            columns = (columns + 1) // 2
        else:
            break
    if copied:
        pixel, row, image = channels, broad * channels, high * broad * channels
    else:
        pixel, row, image = source_channels, source_width * source_channels, source[0].size
    across, down = -(-width // columns), -(-height // rows)
    return Strips(deep, rows, columns, -(-images // deep), down, across, high, broad, copied, image, row, pixel)


@serial
def strip_bounds(strips, number, target):
    """Where strip `number` of the target begins, and how many images, rows and columns it has."""
    column = number % strips.across * strips.columns
    row = number // strips.across % strips.down * strips.rows
    image = number // (strips.across * strips.down) * strips.images
    return (
        image,
        row,
        column,
        min(strips.images, target.images - image),
        min(strips.rows, target.height - row),
        min(strips.columns, target.width - column),
    )


@serial
def from_line(workspace):
    """From where a cache line begins: elsewhere every load of the widest vectors would touch two."""
    return workspace[-workspace.ctypes.data % LINE_BYTES // workspace.itemsize :]


@serial
def in_lines(size):
    """So many elements, or the few more that fill whole lines."""
    return -(-size // LINE_ELEMENTS) * LINE_ELEMENTS


@serial
def copy_size(strips):
    """Elements of the scratch for the copy of a strip."""
    return in_lines(strips.images * strips.image) if strips.copied else 0


@serial
def squares_in(strips):
    """The most pixels of a strip, or squares where it is one of squares."""
    return strips.images * strips.rows * strips.columns


@serial
def tasks_at_once(tasks, threads, scratch, size):
    """How many of so many tasks run at once: each needs scratch of `size` elements."""
    return max(1, min(tasks, threads, scratch.size // max(1, size)))


@serial
def parts_of(size, most):
    """In how many parts sums of `size` elements are taken, of at most so many: by the shape, not the workspace."""
    return max(1, min(most, PARTS, PART_ELEMENTS // size))


@serial
def window_segments(window, strips, channels, together):
    """How many segments a window is read in, and how many elements each has.

    `together`: all channels of the pixels are read, so that the taps of a row may lie together.
    """
    if together and window.dilation_x == 1 and strips.pixel == channels:
        return window.kernel_y, window.kernel_x * channels
    return window.kernel_y * window.kernel_x, channels


@serial
def fill_tables(window, strips, target, window_offsets, target_offsets):
    """Where each pixel of a strip has its window and its result, counted from those of the first."""
    at = 0
    for n in range(strips.images):
        for i in range(strips.rows):
            for j in range(strips.columns):
                line = n * strips.image + i * window.stride_y * strips.row
                window_offsets[at] = line + j * window.stride_x * strips.pixel
                target_offsets[at] = n * target.image + i * target.row + j * target.pixel
                at += 1


@serial
def fill_segments(window, strips, first, count, segments):
    """Where segments begin, counted from where the window does; of `count` segments, those from number `first` on."""
    across = count // max(1, window.kernel_y)
    for at in range(segments.size):
        row, column = divmod(first + at, across)
        segments[at] = row * window.dilation_y * strips.row + column * window.dilation_x * strips.pixel


@serial
def clear(target, start, stop):
    for i in range(np.uint64(start), np.uint64(stop)):
        target[i] = 0


@serial
def read_strip(source, first, channels, window, strips, image, row, column, count, scratch):
    """A flat array that begins with the window of a strip's first pixel, from channel `first` on.

    The strip begins at (`image`, `row`, `column`) of the target and has `count` images.
    """
    _, height, width, depth = source.shape
    flat = source.reshape(source.size)
    y0, x0 = row * window.stride_y + window.top, column * window.stride_x + window.left
    if not strips.copied:
        return flat[((image * height + y0) * width + x0) * depth + first :]
    left = min(max(-x0, 0), strips.broad)
    inside = max(min(width - x0, strips.broad) - left, 0)
    end = 0  # of what is there
    for n in range(count):
        for i in range(max(-y0, 0), min(height - y0, strips.high) if inside else 0):
            start = ((((image + n) * height + y0 + i) * width) + x0 + left) * depth + first
            at = (n * strips.high + i) * strips.row + left * strips.pixel
            clear(scratch, end, at)
            end = at + inside * strips.pixel
            if channels == depth:
                read, written = flat[start:], scratch[at:end]
                for j in range(written.size):
                    written[j] = read[j]
            else:
                for pixel in range(inside):
                    read, written = flat[start + pixel * depth :], scratch[at + pixel * strips.pixel :][:channels]
                    for j in range(channels):
                        written[j] = read[j]
    clear(scratch, end, count * strips.image)
    return scratch
