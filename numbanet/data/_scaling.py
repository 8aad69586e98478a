"""The centre and the scale of columns of numbers, any of which may be missing (NaN)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numbanet._types import Array


_LARGE = 1e100  # beyond which a smoothly clipped number has come to its end, and its square still is one


def robust(X: Array) -> tuple[Array, Array, Array]:
    """The median, the reciprocal of the scale, and the number of missing values, of each column.

    The scale is the range between the quartiles, or where that is 0, half of the range of all; the reciprocal is 0 for
    a column that never varies, or is missing everywhere, whose median then is 0.
    """
    ordered = np.sort(X, axis=0)  # NaN come last
    count = len(X) - np.isnan(X).sum(axis=0)
    first, median, third = (_quantile(ordered, count, share) for share in (0.25, 0.5, 0.75))
    low, high = _quantile(ordered, count, 0.0), _quantile(ordered, count, 1.0)
    return np.where(count > 0, median, 0.0), _reciprocal(third / 2 - first / 2, high / 2 - low / 2), len(X) - count


def standard(X: Array) -> tuple[Array, Array, Array]:
    """The mean, the reciprocal of the standard deviation and the number of missing values, of each column."""
    there = ~np.isnan(X)
    count = there.sum(axis=0)
    known = np.maximum(count, 1)
    with np.errstate(over="ignore"):
        mean = np.where(there, X, 0).sum(axis=0) / known
        low, high = np.where(there, X, np.inf).min(axis=0), np.where(there, X, -np.inf).max(axis=0)
        mean = np.where((low == high) & (count > 0), np.where(count > 0, low, 0), mean)  # which rounding may miss
        deviation = np.sqrt(np.where(there, np.square(X - mean), 0).sum(axis=0) / known)
    if not (np.isfinite(mean) & np.isfinite(deviation)).all():
        column = int(np.argmin(np.isfinite(mean) & np.isfinite(deviation)))
        raise ValueError(f"numbers: those of number column {column} are too large for their deviation to be computed")
    return mean, _reciprocal(deviation / 2, 0 * deviation), len(X) - count


def robust_of_signs(minus: Array, zero: Array, plus: Array) -> tuple[Array, Array]:
    """The median and the reciprocal of the scale, as of `robust`, of columns of so many -1, 0 and 1."""
    count = minus + zero + plus

    def order(place: Array) -> Array:
        return np.where(place < minus, -1.0, np.where(place < minus + zero, 0.0, 1.0))

    def quantile(share: float) -> Array:
        place = share * (count - 1)
        below = np.floor(place)
        return order(below) + (place - below) * (order(np.ceil(place)) - order(below))

    first, median, third = quantile(0.25), quantile(0.5), quantile(0.75)
    return median, _reciprocal((third - first) / 2, (quantile(1.0) - quantile(0.0)) / 2)


def smoothly_clipped(x: Array, limit: float) -> Array:
    """``x / sqrt(1 + (x / limit)^2)``, which is near x where that is small, and stays within the limit."""
    x = np.clip(x, -_LARGE, _LARGE)
    squares = np.square(x / limit)
    squares += 1
    x /= np.sqrt(squares, out=squares)
    return x


def _quantile(ordered: Array, count: Array, share: float) -> Array:
    """A quantile of the first `count` of each column, between two of them as NumPy's ``linear`` has it."""
    place = share * np.maximum(count - 1, 0)
    below = np.floor(place).astype(np.int64)
    low = np.take_along_axis(ordered, below[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.ceil(place).astype(np.int64)[None], axis=0)[0]
    weight = place - below
    return np.where(weight > 0, low * (1 - weight) + high * weight, low)


def _reciprocal(half: Array, instead: Array) -> Array:
    """1 / (2 half), or 1 / instead where that is 0, or 0 where both are; also where they are NaN or subnormal."""
    scale = np.where(half > 0, 2 * np.minimum(half, np.finfo(np.float64).max / 2), instead)
    usable = scale >= np.finfo(np.float64).tiny
    return np.divide(1.0, scale, out=np.zeros(len(scale)), where=usable)
