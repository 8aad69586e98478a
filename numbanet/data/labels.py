"""Labels of any kind as the class indices that a network is trained on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import describe
from numbanet.data.targets import target_values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numbanet._types import Array, IntArray, Task


def encode_labels(values: Any, class_names: Sequence[str] | None = None) -> tuple[IntArray, tuple[str, ...]]:
    """Number the classes that labels name.

    Parameters
    ----------
    values : ndarray of shape (N,), or sequence or pandas Series of N
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
        if values.ndim != 1 or values.dtype.kind not in "biufUSTO":
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


def are_names(values: Any) -> bool:
    """Whether labels are words, as strings or objects, rather than numbers of classes."""
    array = np.asarray(values)
    objects = array.dtype.kind == "O" and any(isinstance(item, (str, bytes)) for item in array.flat)
    return objects or array.dtype.kind in "UST"


def are_amounts(labels: Any) -> bool:
    """Whether labels are more likely values, for regression, than classes: so are numbers that are not whole.

    Few whole numbers, or many that are numbered in a row, each with several examples, are taken for classes.

    Parameters
    ----------
    labels : ndarray of shape (N,) or (N, M), or sequence of N
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iuf" or not np.isfinite(labels).all():
        return False
    if labels.dtype.kind == "f" and (labels != np.trunc(labels)).any():
        return True
    found, rows = np.unique(labels, return_counts=True)
    count, low, high = len(found), int(found[0]), int(found[-1])
    if labels.ndim != 1 or count <= 10:
        return False
    in_a_row = low in (0, 1) and high - low + 1 == count and rows.min() >= max(2, rows.mean() / 10)
    return len(labels) < 3 * count or high - low >= 2 * count or (count > 20 and not in_a_row)


def as_targets(labels: Any, task: Task | None = None) -> tuple[Array, tuple[str, ...] | None]:
    """Labels as classes and their names, as `encode_labels` gives them, or as float64 values and None.

    Parameters
    ----------
    labels : ndarray of shape (N,) or (N, M), or sequence of N
    task : {"classification", "regression"}, optional
        By default what `are_amounts` says.

    Raises
    ------
    TypeError, ValueError
        For labels that are not what the task asks for.
    """
    if task is None:
        task = "regression" if are_amounts(labels) else "classification"
    return encode_labels(labels) if task == "classification" else (target_values("labels", labels), None)


def _plain(value: Any) -> bool | int | str:
    """One label as a bool, int or str."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            raise ValueError(
                f"labels: expected whole numbers or names, got {value}; values are for task='regression' (--task "
                f"regression)"
            )
        return int(value)
    if not isinstance(value, (bool, int, str)):
        raise TypeError(f"labels: expected integers, strings or booleans, got {describe(value)}")
    return value
