"""Where images' numbers lie in memory, and sums of two arrays.

N images, C channels, P pixels. Parallel over images and blocks of pixels, which each write their own; `add` over
the elements.
"""

from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel
from .simd.transpose import transpose

TRANSPOSE_NS, ADD_NS, COPY_NS = 0.3, 0.12, 0.3  # an element, on one core
BLOCK = 1024  # pixels


@serial
def _blocks(pixels):
    return (pixels + BLOCK - 1) // BLOCK


@serial
def _block(task, pixels):
    """The image of a task, and its pixels."""
    first = task % _blocks(pixels) * BLOCK
    return task // _blocks(pixels), slice(first, min(first + BLOCK, pixels))


@kernel(TRANSPOSE_NS)
def channels_last(x, out):
    n, _, pixels = x.shape
    for task in prange(n * _blocks(pixels)):
        image, part = _block(task, pixels)
        transpose(x[image, :, part], out[image, part])


@kernel(TRANSPOSE_NS)
def channels_first(x, out):
    n, pixels, _ = x.shape
    for task in prange(n * _blocks(pixels)):
        image, part = _block(task, pixels)
        transpose(x[image, part], out[image, :, part])


@kernel(lambda x, first, count, *rest: COPY_NS * len(x) * count)
def copy_columns(x, first, count, out, to):
    for i in prange(x.shape[0]):
        source, target = x[i, first : first + count], out[i, to : to + count]
        for j in range(count):
            target[j] = source[j]


@kernel(lambda x, out: COPY_NS * out.size)
def repeat_rows(x, out):
    members = len(out) // len(x)
    for i in prange(x.shape[0]):
        for k in range(members):
            source, target = x[i], out[i * members + k]
            for j in range(source.size):
                target[j] = source[j]


@kernel(lambda y, out: COPY_NS * out.size)
def repeat_labels(y, out):
    members = out.size // y.size
    for i in prange(y.size):
        its = out[i * members : i * members + members]
        for k in range(its.size):
            its[k] = y[i]


@kernel(ADD_NS)
def add(x, y, out):
    for i in prange(x.size):
        out[i] = x[i] + y[i]
