"""Windows over images, for convolution and pooling: checks of their numbers, how many fit, what workspace they need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ._checks import describe, integer
from .kernels.conv.tiling import COPY_BYTES, PART_ELEMENTS, PARTS
from .kernels.conv.winograd import LEAST_CHANNELS, SCRATCH_BYTES
from .kernels.simd.vectors import LINE_ELEMENTS
from .runtime.threads import get_num_threads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._types import Pair, Shape, Size


NARROWEST = 4  # bytes of an element: what is counted in bytes takes most elements of these
WIDEST = 16  # elements of a vector
FARTHEST = 2**31 - 1  # of a stride, a padding and the like: the kernels multiply them, and their products must fit too
TRANSFORMED = 16  # numbers that a filter of 3 x 3 taps may become


def pair(name: str, value: Any, low: int) -> Pair:
    """`value`, an integer for both or one each for rows and columns, as a pair of int, each at least `low`."""
    if not isinstance(value, (tuple, list)):
        return (integer(name, value, low, FARTHEST),) * 2
    if len(value) != 2:
        raise ValueError(f"{name}: expected an integer or a pair (rows, columns), got {describe(value)}")
    rows, columns = value
    return integer(f"{name}[0]", rows, low, FARTHEST), integer(f"{name}[1]", columns, low, FARTHEST)


def pooling(kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> tuple[Pair, Pair, Pair]:
    """The options of a pooling as pairs: `kernel_size`, `stride`, by default the kernel's size, and `padding`."""
    kernel_size = pair("kernel_size", kernel_size, 1)
    stride = kernel_size if stride is None else pair("stride", stride, 1)
    padding = pair("padding", padding, 0)
    if padding[0] > kernel_size[0] // 2 or padding[1] > kernel_size[1] // 2:  # a window could lie in the padding alone
        raise ValueError(f"padding: expected at most half of kernel_size, {_text(kernel_size)}, got {_text(padding)}")
    return kernel_size, stride, padding


def windows(
    name: str,
    size: Sequence[int],
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] = (1, 1),
) -> Pair:
    """How many windows fit, down and across: the size (HO, WO) of what comes out.

    Parameters
    ----------
    name : str
        What the message begins with: the argument, or the layer.
    size, kernel_size, stride, padding, dilation : pair of int
        Of the image, and as the operations take them.

    Raises
    ------
    ValueError
        Where the window, dilated, is larger than the image with `padding` on each side, and where the
        result would have more pixels than memory can.
    """
    extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))
    padded = tuple(s + 2 * p for s, p in zip(size, padding, strict=True))
    if extent[0] > padded[0] or extent[1] > padded[1]:
        what = f"a window of {_text(extent)}"
        if extent != tuple(kernel_size):
            what += f" ({_text(kernel_size)} at dilation {_text(dilation)})"
        image = _text(size)
        if padded != tuple(size):
            image = f"{_text(padded)} ({image} with padding {_text(padding)})"
        raise ValueError(f"{name}: {what} does not fit into an image of {image}")
    rows, columns = ((p - k) // s + 1 for p, k, s in zip(padded, extent, stride, strict=True))
    found = rows, columns
    if math.prod(found) > FARTHEST:
        many = f"{_text(found)} windows fit into an image of {_text(padded)}"
        raise ValueError(f"{name}: {many}, too many; is padding meant?")
    return found


def workspace(filters: Shape, dilation: Sequence[int] = (1, 1), groups: int = 1) -> int:
    """Elements of the workspace that convolution and its gradients are given: with scratch for each thread of now.

    On more threads than those they would take turns.

    Parameters
    ----------
    filters : tuple of int
        Shape of the filters, (F, C / groups, HH, WW).
    dilation, groups
        As the operations take them.
    """
    total, channels, *kernel_size = filters
    count, area = total // groups, math.prod(kernel_size)
    whole = (-(-number // WIDEST) * WIDEST for number in (count, channels))
    transforms = tuple(kernel_size) == (3, 3)
    numbers = {area, TRANSFORMED} if transforms else {area}  # that a filter's may be
    packed = (
        groups * max(numbers) * max(rounded * other for rounded, other in zip(whole, (channels, count), strict=True))
    )
    gradients = [(channels * of_filter + 2) * total for of_filter in numbers]
    parts = max(max(1, min(PARTS, PART_ELEMENTS // gradient)) * gradient for gradient in gradients)
    extent = math.prod(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))
    scratch = COPY_BYTES // NARROWEST
    if transforms and groups == 1 and min(channels, count) >= LEAST_CHANNELS:
        scratch += SCRATCH_BYTES // NARROWEST + 2 * LINE_ELEMENTS
    return (
        max(packed, parts)
        + 2 * LINE_ELEMENTS
        + max(get_num_threads() * scratch, extent * max(total, channels * groups) + LINE_ELEMENTS)
    )


def _text(size: Sequence[int]) -> str:
    return f"{size[0]} x {size[1]}"
