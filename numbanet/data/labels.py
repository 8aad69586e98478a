"""Labels of any kind as the class indices that a network is trained on."""

import math

import numpy as np

from numbanet._checks import describe


def encode_labels(values, class_names=None):
    """Number the classes that labels name.

    Parameters
    ----------
    values : ndarray of shape (N,) or sequence of N
        Integers, booleans, strings, or floats that are whole numbers; all of one kind.
    class_names : sequence of str, optional
        The classes, as an earlier call returned them; by default those found, in sorted order (numbers by value).

    Returns
    -------
    y : int64 ndarray of shape (N,)
    class_names : tuple of str

    Raises
    ------
    TypeError
        For labels that are not one-dimensional or of mixed or other kinds.
    ValueError
        For floats that are not whole numbers, and for a label that is not in `class_names`; the message names it.
    """
    if isinstance(values, np.ndarray):
        if values.ndim != 1 or values.dtype.kind not in "biufUS":
            raise TypeError(f"labels: expected one integer, string or boolean for each row, got {describe(values)}")
        values = values.tolist()
    values = [_plain(value) for value in values]
    kinds = {type(value) for value in values}
    if len(kinds) > 1:
        raise TypeError(f"labels: expected one kind, got {' and '.join(sorted(kind.__name__ for kind in kinds))}")
    class_names = tuple(map(str, sorted(set(values)) if class_names is None else class_names))
    index = {name: position for position, name in enumerate(class_names)}
    try:
        return np.array([index[str(value)] for value in values], dtype=np.int64), class_names
    except KeyError as error:
        raise ValueError(f"labels: {error} is not among the classes known, {', '.join(class_names[:20])}") from None


def _plain(value):
    """One label as a bool, int or str."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            raise ValueError(f"labels: expected whole numbers or names, got {value}")
        return int(value)
    if not isinstance(value, (bool, int, str)):
        raise TypeError(f"labels: expected integers, strings or booleans, got {describe(value)}")
    return value
