"""The order of an image's axes: channels first, (C, H, W), as everything here has them, or last, as most files do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import one_of
from numbanet.errors import DataError

if TYPE_CHECKING:
    from numbanet._types import Array, Channels, Shape


ORDERS = ("first", "last")
_FEW = 4  # channels: grey, with or without transparency, or colour


def order_of(shape: Shape) -> Channels | None:
    """Where the channels of images of this shape, that of one, stand: "first", "last", or None where it is open."""
    if len(shape) != 3:
        return None
    first, middle, last = shape
    may_be_first = first <= _FEW or middle == last  # few channels, or a square beside them
    may_be_last = last <= _FEW
    if first == last == 1:
        return "first"  # which is the same
    if may_be_first != may_be_last:
        return "first" if may_be_first else "last"
    if first <= _FEW and last <= _FEW and (first == middle) != (middle == last):
        return "first" if middle == last else "last"
    return None


def channels_first(where: str, X: Array, channels: Channels | None = None) -> tuple[Array, str]:
    """`X` with the channels of its images first, and a note on what it was taken for: "" where nothing was open.

    Parameters
    ----------
    where : str
        What a message begins with.
    X : ndarray of any shape; of four axes it holds images with channels.
    channels : {"first", "last"}, optional
        Where they stand; by default as the shape tells. DataError where it does not.
    """
    if channels is not None:
        one_of("channels", channels, ORDERS)
    if X.ndim != 4:
        if channels is not None:
            raise DataError(f"{where}: channels: expected images with channels, four axes; got shape {X.shape}")
        return X, ""
    order = channels or order_of(X.shape[1:])
    if order is None:
        raise DataError(
            f"{where}: images of shape {X.shape[1:]} may have their channels first or last; say which: "
            f"channels='first' or 'last' (--channels first or last)"
        )
    if order == "first":
        return X, f"images {X.shape[1:]} with channels first"
    moved = np.ascontiguousarray(np.moveaxis(X, -1, 1))
    return moved, f"images {X.shape[1:]} with channels last, moved to {moved.shape[1:]}"


def plainly_last(shape: Shape) -> bool:
    """Whether `shape` is that of an image with its channels last, and hardly of one with so many channels."""
    return len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) >= (8 if shape[0] == shape[1] else 16)
