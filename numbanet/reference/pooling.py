"""Pooling: the specification.

N images, H rows, W columns, C channels, the channels of a pixel together; `kernel_size`, `stride` and `padding` are
pairs of int, rows and columns. There are ``HO = (H + 2 padding - kernel_size) // stride + 1`` rows of windows, and
columns likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from .._types import Array, Pair


def max_pool_forward(x: Array, kernel_size: Pair, stride: Pair, padding: Pair, out: Array, where: Array) -> None:
    """The largest element of each window, by channel; NaN where the window holds one, as in PyTorch.

    Parameters
    ----------
    x : ndarray, shape (N, H, W, C)
    kernel_size, stride : pair of int, at least 1
        Windows may overlap, or leave pixels out.
    padding : pair of int, at most half of `kernel_size`
        Rows and columns added on each side, which count as -inf.
    out : ndarray, shape (N, HO, WO, C)
        Written.
    where : ndarray of unsigned integers, shape (N, HO, WO, C)
        Written, for the backward pass: the number in its window, row by row, of the element that was taken. Of several
        that are the largest, or NaN, it is the first; so it is in CS231n and, but for NaN (the last), in PyTorch. With
        shape (0, HO, WO, C) it is not asked for.

    Notes
    -----
    Source: CS231n notes, "Convolutional Networks", pooling layer.
    """
    values = _windows(x, kernel_size, stride, padding, -np.inf)
    out[...] = values.max(axis=-1)
    if where.size:
        inside = _windows(np.ones_like(x), kernel_size, stride, padding, 0) == 1
        where[...] = (inside & ((values == out[..., None]) | np.isnan(values))).argmax(axis=-1)


def max_pool_backward(dout: Array, where: Array, kernel_size: Pair, stride: Pair, padding: Pair, dx: Array) -> None:
    """Gradient of `max_pool_forward`: each element of `dout` goes to the element that was taken.

    Where windows overlap, what an element gets from them adds up.

    Parameters
    ----------
    dout : ndarray, shape (N, HO, WO, C)
    where : ndarray of unsigned integers, shape (N, HO, WO, C)
        From `max_pool_forward`.
    kernel_size, stride, padding : pair of int
    dx : ndarray, shape (N, H, W, C)
        Written.
    """
    taken = where[..., None] == np.arange(kernel_size[0] * kernel_size[1])
    _add_windows(np.where(taken, dout[..., None], 0), kernel_size, stride, padding, dx)


def avg_pool_forward(x: Array, kernel_size: Pair, stride: Pair, padding: Pair, out: Array) -> None:
    """The mean of each window, by channel. Padding counts as zeros, as in PyTorch (``count_include_pad=True``).

    Parameters are those of `max_pool_forward`, without `where`.
    """
    out[...] = _windows(x, kernel_size, stride, padding, 0).mean(axis=-1)


def avg_pool_backward(dout: Array, kernel_size: Pair, stride: Pair, padding: Pair, dx: Array) -> None:
    """Gradient of `avg_pool_forward`: each element of a window gets an even share of the window's `dout`.

    Parameters are those of `max_pool_backward`, without `where`.
    """
    size = kernel_size[0] * kernel_size[1]
    _add_windows(np.repeat(dout[..., None] / size, size, axis=-1), kernel_size, stride, padding, dx)


def global_avg_pool_forward(x: Array, out: Array) -> None:
    """The mean of each channel over the image.

    Parameters
    ----------
    x : ndarray, shape (N, H, W, C)
    out : ndarray, shape (N, C)
        Written.

    Notes
    -----
    Source: Lin, Chen and Yan, arXiv:1312.4400, section 3.2.
    """
    out[...] = x.mean(axis=(1, 2))


def global_avg_pool_backward(dout: Array, dx: Array) -> None:
    """Gradient of `global_avg_pool_forward`: ``dx = dout / (H W)`` for every pixel.

    Parameters
    ----------
    dout : ndarray, shape (N, C)
    dx : ndarray, shape (N, H, W, C)
        Written.
    """
    dx[...] = dout[:, None, None, :] / (dx.shape[1] * dx.shape[2])


def _windows(x: Array, kernel_size: Pair, stride: Pair, padding: Pair, fill: float) -> Array:
    """The elements of each window, row by row: shape (N, HO, WO, C, HH * WW)."""
    padded = np.pad(x, ((0, 0), (padding[0], padding[0]), (padding[1], padding[1]), (0, 0)), constant_values=fill)
    windows = sliding_window_view(padded, kernel_size, axis=(1, 2))[:, :: stride[0], :: stride[1]]
    return windows.reshape(*windows.shape[:-2], -1)


def _add_windows(values: Array, kernel_size: Pair, stride: Pair, padding: Pair, dx: Array) -> None:
    """The transpose of `_windows`: each element of `dx` is the sum of what its windows hold for it."""
    n, h, w, c = dx.shape
    padded = np.zeros((n, h + 2 * padding[0], w + 2 * padding[1], c), dx.dtype)
    rows, columns = stride[0] * values.shape[1], stride[1] * values.shape[2]
    for place, (i, j) in enumerate(np.ndindex(*kernel_size)):
        padded[:, i : i + rows : stride[0], j : j + columns : stride[1]] += values[..., place]
    dx[...] = padded[:, padding[0] : padding[0] + h, padding[1] : padding[1] + w]
