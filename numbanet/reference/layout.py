"""Where images' numbers lie in memory, and sums of two arrays: the specification.

N images, C channels, P pixels (H * W, row by row).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import Array


def channels_last(x: Array, out: Array) -> None:
    """Bring the channels of a pixel together, as the operations on images take them: ``out[n, p, c] = x[n, c, p]``.

    Parameters
    ----------
    x : ndarray, shape (N, C, P)
    out : ndarray, shape (N, P, C)
        Written.
    """
    out[...] = x.transpose(0, 2, 1)


def channels_first(x: Array, out: Array) -> None:
    """Bring the pixels of a channel together, as users pass them and affine's weights count them:
    ``out[n, c, p] = x[n, p, c]``.

    Parameters
    ----------
    x : ndarray, shape (N, P, C)
    out : ndarray, shape (N, C, P)
        Written.
    """
    out[...] = x.transpose(0, 2, 1)


def copy_columns(x: Array, first: int, count: int, out: Array, to: int) -> None:
    """Copy some columns that lie together: ``out[n, to + j] = x[n, first + j]`` for `count` of them.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    first, count : int
    out : ndarray, shape (N, M)
        Written in columns `to` to ``to + count - 1``; the others stay as they are.
    to : int
    """
    out[:, to : to + count] = x[:, first : first + count]


def repeat_rows(x: Array, out: Array) -> None:
    """Each row as often as there is room for it, one after the other: ``out[n K + k] = x[n]``.

    Parameters
    ----------
    x : ndarray, shape (N, M)
    out : ndarray, shape (N K, M)
        Written.
    """
    out[...] = np.repeat(x, len(out) // len(x), axis=0)


def repeat_labels(y: Array, out: Array) -> None:
    """The same of labels, shape (N,) and (N K,), of int64."""
    out[...] = np.repeat(y, len(out) // len(y))


def add(x: Array, y: Array, out: Array) -> None:
    """``out = x + y``, for residual connections.

    Arrays have one shape. `out` may be `x` or `y`.
    """
    out[...] = x + y
