"""Data that are left in their files: .npy arrays, mapped into memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import describe
from numbanet.data._files import checking, reading
from numbanet.data.dataset import STORED_DTYPES, Dataset
from numbanet.data.labels import as_targets, encode_labels
from numbanet.data.tables import check_classes, targets_in_words
from numbanet.data.targets import check_task
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numbanet._types import Array, StrPath, Task


def load_mapped(
    path: StrPath,
    target: StrPath | int | None = None,
    *,
    task: Task | None = None,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """Map the examples of an .npy file into memory, with their labels: nothing of them is copied.

    Parameters
    ----------
    path : str or path
        An array X of shape (N, *shape), uint8, float32 or float64.
    target : str, path or int, optional
        The .npy file of the labels, shape (N,), or (N, M) for M values; or which column of a table they are: the first,
        0, or the last, -1. By default the file that is called ``y`` where that of the examples is called ``X``:
        ``y_train.npy`` beside ``X_train.npy``.
    task : {"classification", "regression"}, optional
        By default found out, as by `load_npz`.
    class_names : sequence of str, optional
        The classes that are known, in their order, to evaluate with.

    Returns
    -------
    Dataset
        X a view of the file, which must stay as it is meanwhile.

    Raises
    ------
    DataError
        For a file that is missing, truncated or no array of numbers, another dtype, labels that do not fit, and NaN or
        infinity.
    """
    check_task(task)
    X, name, note = _mapped(path), Path(path).stem, "mapped, not read into memory"
    column = _column(path, target, X)
    if column is None:
        where = _labels_of(path) if target is None else os.fspath(target)  # type: ignore[arg-type]  # no number
        y = _mapped(where)
    else:
        where, y = f"{path}: column {column}", X[:, column]
        X = X[:, 1:] if column == 0 else X[:, :-1]
    if X.dtype not in STORED_DTYPES:
        raise DataError(f"{path}: expected uint8, float32 or float64, found {X.dtype}; store it as one of these")
    if len(y) != len(X):
        raise DataError(f"{where}: expected a label for each of the {len(X):,} rows of {path}, found {len(y):,}")
    with checking(where):
        labels = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        found, names = as_targets(labels, task) if class_names is None else encode_labels(labels, class_names)
        check_classes(names, class_names is None)
    notes = (note, f"{Path(where).name} {targets_in_words(found, names, task)}")
    task = "regression" if names is None else "classification"
    with checking(path):
        return Dataset(X, found, names, task=task, name=name, notes=notes)


def _mapped(path: StrPath) -> Array:
    """The array in a file."""
    with reading(path, Exception):  # a damaged file makes NumPy raise nearly everything
        array: Any = np.lib.format.open_memmap(path, mode="r")
        if array.ndim == 0 or not array.size or array.dtype.kind not in "biuf":
            raise DataError(f"{path}: expected an array of numbers, found {describe(np.asarray(array))}")
    return array


def _column(path: StrPath, target: Any, X: Array) -> int | None:
    """Which column the labels are, 0 or -1; None where they are a file."""
    if target is None or not str(target).lstrip("+-").isdecimal():
        return None
    if X.ndim != 2 or X.shape[1] < 2:
        raise DataError(f"{path}: target: expected a table with a column of labels, found shape {X.shape}")
    column = int(target)
    if column not in (0, -1, X.shape[1] - 1):
        raise DataError(
            f"{path}: target: expected the first column, 0, or the last, -1, got {column}: the others could not be "
            f"left where they are; or give the labels as a file of their own"
        )
    return 0 if column == 0 else -1


def _labels_of(path: StrPath) -> str:
    """The file of the labels beside that of the examples; DataError where there is none."""
    name = Path(path).name
    beside = Path(path).with_name(("y" if name[0] == "X" else "Y") + name[1:])
    for other in (beside, beside.with_name(beside.name.lower())):
        if name[0] in "Xx" and other.exists():
            return str(other)
    raise DataError(f"{path}: has no labels beside it; name their file, or the column that they are, with target")
