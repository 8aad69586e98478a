"""Pooling: N images of C channels and H x W pixels; HO x WO windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import common_dtype
from .._image_shapes import pooling, windows
from ._prepare import Cache, array, channels_first, channels_last, open_cache, run

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "global_avg_pool_backward",
    "global_avg_pool_forward",
    "max_pool_backward",
    "max_pool_forward",
]

if TYPE_CHECKING:
    from typing import Any

    from .._types import ArrayLike, FloatArray, Ops, Pair, Shape, Size


def max_pool_forward(
    x: ArrayLike, kernel_size: Size, *, stride: Size | None = None, padding: Size = 0, ops: Ops = kernels
) -> tuple[FloatArray, Cache]:
    """The largest element of each window, by channel; NaN where the window holds one.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    kernel_size : int, or pair of int
        Rows and columns of the window.
    stride : int or pair of int, optional
        How far it moves; by default its own size, so that windows do not overlap.
    padding : int or pair of int
        Rows and columns on either side, at most half of the window; they are never the largest.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, C, HO, WO)
        ``HO = (H + 2 padding - rows) // stride + 1``, likewise WO. float32 where `x` is float32 or half, float64
        otherwise.
    cache : Cache
        For `max_pool_backward`.

    Raises
    ------
    TypeError, ValueError
        For an `x` that is not of real numbers, is empty or has another number of axes, for numbers out of range, and
        for a window larger than the padded image; the message names the argument.

    See `numbanet.reference.max_pool_forward` for the source.
    """
    inside, moves, out = _prepared(x, kernel_size, stride, padding)
    rows, columns = moves[0]
    where = np.empty(out.shape, np.min_scalar_type(rows * columns - 1))  # it holds numbers of elements of a window
    run(ops, "max_pool_forward", inside, *moves, out, where)
    return _result("max_pool_backward", ops, inside, out, (where, *moves))


def max_pool_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `max_pool_forward`: what comes to a window goes to its largest element, the first of several.

    Parameters
    ----------
    dout : array_like, shape (N, C, HO, WO)
    cache : Cache
        What `max_pool_forward` returned.

    Returns
    -------
    dx : ndarray, shape (N, C, H, W)
        Of the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.max_pool_backward`.
    """
    return _gradient("max_pool_backward", dout, cache)


def avg_pool_forward(
    x: ArrayLike, kernel_size: Size, *, stride: Size | None = None, padding: Size = 0, ops: Ops = kernels
) -> tuple[FloatArray, Cache]:
    """The mean of each window, by channel; padding counts as zeros, as in PyTorch (``count_include_pad=True``).

    Parameters, returns and errors are those of `max_pool_forward`; the cache is for `avg_pool_backward`. See
    `numbanet.reference.avg_pool_forward`.
    """
    inside, moves, out = _prepared(x, kernel_size, stride, padding)
    run(ops, "avg_pool_forward", inside, *moves, out)
    return _result("avg_pool_backward", ops, inside, out, moves)


def avg_pool_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `avg_pool_forward`.

    Parameters, returns and errors are those of `max_pool_backward`. See `numbanet.reference.avg_pool_backward`.
    """
    return _gradient("avg_pool_backward", dout, cache)


def global_avg_pool_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """The mean of each channel over all pixels.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, C)
    cache : Cache
        For `global_avg_pool_backward`.

    Raises
    ------
    TypeError, ValueError
        For an `x` that is not of real numbers, is empty or has another number of axes.

    See `numbanet.reference.global_avg_pool_forward`.
    """
    inside = _images(x)
    out = np.empty((len(inside), inside.shape[3]), inside.dtype)
    run(ops, "global_avg_pool_forward", inside, out)
    return out, Cache("global_avg_pool_backward", ops, _outside(inside), out.shape, out.dtype, ())


def global_avg_pool_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `global_avg_pool_forward`, from a `dout` of shape (N, C).

    Returns and errors are those of `max_pool_backward`. See `numbanet.reference.global_avg_pool_backward`.
    """
    return _gradient("global_avg_pool_backward", dout, cache)


def _images(x: ArrayLike) -> FloatArray:
    x = array("x", x, common_dtype(x=x))
    if x.ndim != 4:
        raise ValueError(f"x: expected shape (N, C, H, W), got {x.shape}")
    return channels_last(x)


def _prepared(
    x: ArrayLike, kernel_size: Size, stride: Size | None, padding: Size
) -> tuple[FloatArray, tuple[Pair, ...], FloatArray]:
    """Images and windows as the operations take them, and an array for the result."""
    inside, moves = _images(x), pooling(kernel_size, stride, padding)
    size = windows("x", inside.shape[1:3], *moves)
    return inside, moves, np.empty((len(inside), *size, inside.shape[3]), inside.dtype)


def _outside(images: FloatArray) -> Shape:
    n, height, width, channels = images.shape
    return n, channels, height, width


def _result(
    backward: str, ops: Ops, inside: FloatArray, out: FloatArray, arguments: tuple[Any, ...]
) -> tuple[FloatArray, Cache]:
    out = channels_first(out)
    return out, Cache(backward, ops, _outside(inside), out.shape, out.dtype, arguments)


def _gradient(operation: str, dout: ArrayLike, cache: Cache) -> FloatArray:
    dout = open_cache(operation, dout, cache)
    n, channels, height, width = cache.x_shape
    dx = np.empty((n, height, width, channels), dout.dtype)
    cache.run(channels_last(dout) if dout.ndim == 4 else dout, dx)
    return channels_first(dx)
