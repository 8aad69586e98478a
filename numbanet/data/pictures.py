"""The order of a picture's axes: channels first, (C, H, W), as everything here has them, or last, as most files do."""

import numpy as np

from numbanet._checks import one_of
from numbanet.errors import DataError

ORDERS = ("first", "last")
_FEW = 4  # channels: grey, with or without transparency, or colour


def order_of(shape):
    """Where the channels of pictures of this shape, that of one, stand: "first", "last", or None where it is open."""
    if len(shape) != 3:
        return None
    first, _, last = shape
    if (first <= _FEW) != (last <= _FEW):
        return "first" if first <= _FEW else "last"
    square_first, square_last = shape[1] == last != first, first == shape[1] != last
    if square_first:
        return "first"
    return "last" if square_last and last <= _FEW else None


def channels_first(where, X, channels=None):
    """`X` with the channels of its pictures first, and a note on what it was taken for: "" where nothing was open.

    Parameters
    ----------
    where : str
        What a message begins with.
    X : ndarray of any shape; of four axes it holds pictures with channels.
    channels : {"first", "last"}, optional
        Where they stand; by default as the shape tells. DataError where it does not.
    """
    if channels is not None:
        one_of("channels", channels, ORDERS)
    if X.ndim != 4:
        if channels is not None:
            raise DataError(f"{where}: channels: expected pictures with channels, four axes; got shape {X.shape}")
        return X, ""
    order = channels or order_of(X.shape[1:])
    if order is None:
        raise DataError(
            f"{where}: pictures of shape {X.shape[1:]} may have their channels first or last; say which: "
            f"channels='first' or 'last' (--channels first or last)"
        )
    if order == "first":
        return X, f"pictures {X.shape[1:]} with channels first"
    turned = np.ascontiguousarray(np.moveaxis(X, -1, 1))
    return turned, f"pictures {X.shape[1:]} with channels last, turned to {turned.shape[1:]}"


def channels_last_hint(name, shape):
    """What to add to a message that refuses examples of `shape`, where their channels seem to come last."""
    if order_of(shape) != "last":
        return ""
    return f"; the channels seem to come last: numbanet has them first, as np.moveaxis({name}, -1, 1) gives"
