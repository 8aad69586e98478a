"""Windows over pictures, for convolution and pooling: checks of their numbers, how many fit, what room they need."""

import math

from ._checks import describe, integer

WIDEST = 16  # elements of a vector
TRANSFORMED = 16  # numbers that a filter of 3 x 3 taps may become
PARTS, PART_ELEMENTS = 16, 5 << 17  # the most parts that a gradient of filters is added up in, and the room for several


def pair(name, value, low):
    """`value`, an integer for both or one each for rows and columns, as a pair of int, each at least `low`."""
    if not isinstance(value, (tuple, list)):
        return (integer(name, value, low),) * 2
    if len(value) != 2:
        raise ValueError(f"{name}: expected an integer or a pair (rows, columns), got {describe(value)}")
    rows, columns = value
    return integer(f"{name}[0]", rows, low), integer(f"{name}[1]", columns, low)


def pooling(kernel_size, stride=None, pad=0):
    """The arguments of a pooling door as the pairs `window`, `stride` and `pad`; `stride` is by default the window."""
    window = pair("kernel_size", kernel_size, 1)
    stride = window if stride is None else pair("stride", stride, 1)
    pad = pair("pad", pad, 0)
    if pad[0] > window[0] // 2 or pad[1] > window[1] // 2:  # a window could lie in the padding alone
        raise ValueError(f"pad: expected at most half of kernel_size, {_text(window)}, got {_text(pad)}")
    return window, stride, pad


def windows(name, size, window, stride, pad, dilation=(1, 1)):
    """How many windows fit, down and across: the size (HO, WO) of what comes out.

    Parameters
    ----------
    name : str
        What the message begins with: the argument, or the layer.
    size, window, stride, pad, dilation : pair of int
        Of the picture, and as the operations take them.

    Raises
    ------
    ValueError
        Where the window, spread by `dilation`, is larger than the picture with `pad` on each side.
    """
    spread = tuple(d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True))
    padded = tuple(s + 2 * p for s, p in zip(size, pad, strict=True))
    if spread[0] > padded[0] or spread[1] > padded[1]:
        what = f"a window of {_text(spread)}"
        if spread != tuple(window):
            what += f" ({_text(window)} at dilation {_text(dilation)})"
        picture = _text(size)
        if padded != tuple(size):
            picture = f"{_text(padded)} ({picture} with padding {_text(pad)})"
        raise ValueError(f"{name}: {what} does not fit into a picture of {picture}")
    return tuple((p - k) // s + 1 for p, k, s in zip(padded, spread, stride, strict=True))


def workspace(filters, dilation=(1, 1), groups=1):
    """Elements of the workspace that convolution and its gradients are given.

    Parameters
    ----------
    filters : tuple of int
        Shape of the filters, (F, C / groups, HH, WW).
    dilation, groups
        As the operations take them.
    """
    total, channels, *window = filters
    count, area = total // groups, math.prod(window)
    whole = (-(-number // WIDEST) * WIDEST for number in (count, channels))
    transformed = TRANSFORMED if tuple(window) == (3, 3) else area
    packed = (
        groups * transformed * max(rounded * other for rounded, other in zip(whole, (channels, count), strict=True))
    )
    gradient = (channels * transformed + 2) * total
    parts = max(1, min(PARTS, PART_ELEMENTS // gradient))
    spread = math.prod(d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True))
    return max(packed, parts * gradient) + spread * max(total, channels * groups)


def _text(size):
    return f"{size[0]} x {size[1]}"
