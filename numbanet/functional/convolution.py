"""Convolution: N images of C channels and H x W pixels, F filters of HH x WW taps; HO x WO pixels come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import common_dtype, integer
from .._image_shapes import pair, windows, workspace
from ._prepare import Cache, array, channels_first, channels_last, open_cache, run

__all__ = [
    "conv_backward",
    "conv_forward",
    "conv_relu_backward",
    "conv_relu_forward",
]

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops, Size


def conv_forward(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    ops: Ops = kernels,
) -> tuple[FloatArray, ConvCache]:
    """Slide filters over images and add a bias.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    w : array_like, shape (F, C / groups, HH, WW)
    b : array_like, shape (F,), or None
        None for no bias.
    stride, padding, dilation : int, or pair of int
        How far the window moves, how many zeros are on either side, how far its taps are apart; a pair is for rows and
        columns. `padding` may be 0, the others are at least 1.
    groups : int
        Cuts channels and filters into so many groups, each of which sees only its own. C groups is depthwise.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, F, HO, WO)
        ``HO = (H + 2 padding - dilation (HH - 1) - 1) // stride + 1``, likewise WO. float32 where x, w and b are
        float32 or half, float64 otherwise.
    cache : Cache
        For `conv_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other, for groups that do not divide the
        channels and the filters, and for a window larger than the padded image; the message names the argument.

    See `numbanet.reference.conv_forward` for the source.
    """
    return _forward("conv", x, w, b, stride, padding, dilation, groups, ops)


def conv_backward(dout: ArrayLike, cache: ConvCache) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Gradients of `conv_forward`.

    Parameters
    ----------
    dout : array_like, shape (N, F, HO, WO)
    cache : Cache
        What `conv_forward` returned.

    Returns
    -------
    dx, dw, db : ndarray
        Of the shapes of x, w and b, and the dtype of the forward pass; db is None where there was no bias.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.conv_backward` for the formulas.
    """
    dout = channels_last(open_cache("conv_backward", dout, cache))
    return _gradients(dout, cache)


def conv_relu_forward(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    ops: Ops = kernels,
) -> tuple[FloatArray, ConvCache]:
    """Slide filters over images, add a bias and apply a ReLU: ``out = max(conv(x, w) + b, 0)``.

    Parameters, returns and errors are those of `conv_forward`; the cache is for `conv_relu_backward`. See
    `numbanet.reference.conv_relu_forward` for the source.
    """
    return _forward("conv_relu", x, w, b, stride, padding, dilation, groups, ops)


def conv_relu_backward(dout: ArrayLike, cache: ConvCache) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Gradients of `conv_relu_forward`: dx, dw, db.

    Parameters, returns and errors are those of `conv_backward`. See `numbanet.reference.relu_backward` and
    `numbanet.reference.conv_backward` for the formulas.
    """
    dout = channels_last(open_cache("conv_relu_backward", dout, cache))
    (*_, out), dz = cache.arguments, np.empty_like(dout)
    run(cache.ops, "relu_backward", *(array.reshape(-1) for array in (dout, out, dz)))
    return _gradients(dz, cache)


@dataclass(frozen=True, eq=False)
class ConvCache(Cache):
    """A `Cache` that also knows whether there was a bias."""

    has_bias: bool


def _forward(
    operation: str,
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None,
    stride: Size,
    padding: Size,
    dilation: Size,
    groups: int,
    ops: Ops,
) -> tuple[FloatArray, ConvCache]:
    given = {"x": x, "w": w} if b is None else {"x": x, "w": w, "b": b}
    dtype = common_dtype(**given)
    x, w = array("x", x, dtype), array("w", w, dtype)
    groups = integer("groups", groups, 1)
    _check_filters(x, w, groups)
    b = np.empty(0, dtype) if b is None else array("b", b, dtype, w.shape[:1])
    moves = pair("stride", stride, 1), pair("padding", padding, 0), pair("dilation", dilation, 1)
    pixels = windows("x", x.shape[2:], w.shape[2:], *moves)
    inside, out = channels_last(x), np.empty((len(x), *pixels, len(w)), dtype)
    scratch = np.empty(workspace(w.shape, moves[-1], groups), dtype)
    run(ops, f"{operation}_forward", inside, w, b, *moves, groups, scratch, out)
    result = channels_first(out)
    arguments = (inside, w, *moves, groups, out)
    return result, ConvCache(f"{operation}_backward", ops, x.shape, result.shape, dtype, arguments, b.size > 0)


def _check_filters(x: FloatArray, w: FloatArray, groups: int) -> None:
    if x.ndim != 4:
        raise ValueError(f"x: expected shape (N, C, H, W), got {x.shape}")
    if w.ndim != 4:
        raise ValueError(f"w: expected shape (F, C / groups, HH, WW), got {w.shape}")
    channels = x.shape[1]
    if channels % groups or len(w) % groups:
        raise ValueError(
            f"groups: expected a divisor of the {channels} channels of x and the {len(w)} filters of w, got {groups}"
        )
    if w.shape[1] != channels // groups:
        raise ValueError(
            f"w: expected shape (F, {channels // groups}, HH, WW), since x has {channels} channels in {groups} "
            f"group{'s' * (groups > 1)}, got {w.shape}"
        )


def _gradients(dout: FloatArray, cache: ConvCache) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    x, w, *moves, groups, _ = cache.arguments
    scratch = np.empty(workspace(w.shape, moves[-1], groups), w.dtype)
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty(len(w) * cache.has_bias, w.dtype)
    run(cache.ops, "conv_backward", dout, x, w, *moves, groups, scratch, dx, dw, db)
    return channels_first(dx), dw, db if cache.has_bias else None
