"""A user's own tables: delimited text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numbanet.data._delimited import layout_with, number, read_delimited, target_column, unnamed_column
from numbanet.data._files import checking
from numbanet.data.dataset import MAX_CLASSES, Dataset
from numbanet.data.labels import as_targets
from numbanet.data.targets import check_task
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from numbanet._types import Array, StrPath, Task
    from numbanet.data._delimited import Layout

    Target: TypeAlias = str | int | list[Any] | tuple[str | int, ...] | None


_PADDED = re.compile(r"[+-]?0\d")


def load_csv(
    path: StrPath,
    target: Target = None,
    has_target: bool = True,
    *,
    header: bool | None = None,
    feature_names: Sequence[str] | None = None,
    task: Task | None = None,
    new_classes: bool = True,
) -> Dataset:
    """Load a table of numbers from text, separated by commas, semicolons, tabs, pipes or blanks.

    Everything but the target must be a finite number. What the file was taken for is in the `notes` of what comes back.
    A first column without a name that counts the rows, as pandas writes its index, is left out; so are an empty last
    column, and lines at the top that begin with ``#``.

    Parameters
    ----------
    path : str or path
        UTF-8 text, with or without a byte order mark.
    target : str, int or sequence of them, optional
        The column of labels: its name in the header, or its index (negative from the end). Default: the last. Several
        are for regression.
    has_target : bool, default True
        False for a table of features alone.
    header : bool, optional
        Whether the first row has the names of the columns. By default it is the header where its feature cells are all
        names, or numbers that can only be names; where that is in doubt, the file is refused.
    feature_names : sequence of str, optional
        Names that columns are expected to have: a first row that holds all of them is a header.
    task : {"classification", "regression"}, optional
        What the labels are. By default words, and numbers that look like classes, are classes.
    new_classes : bool, default True
        Whether classes are to be learnt, so that there must be two. False to evaluate what knows its classes.

    Returns
    -------
    Dataset
        X float64 of shape (rows, features). y numbered from 0: numbers sorted by value, names alphabetically; or
        float64 values of shape (rows,) or, of several targets, (rows, targets).

    Raises
    ------
    DataError
        For a file that is missing, empty, not UTF-8, without rows or features, a target that is not there, a bad cell
        (not a number, empty, NaN, infinite), a row of another length, a name that the header
        holds twice, labels that are not whole numbers or names, or fewer than two classes. The message gives the line
        and the column where one is at fault.
    """

    targets = listed(target)
    several = len(targets) > 1
    if check_task(task) == "classification" and several:
        raise ValueError(f"target: expected one column for task='classification', got {len(targets)}")
    as_numbers = has_target and (several or task == "regression")
    columns: list[int] = []  # of the targets

    def layout_of(line: int, cells: list[str], header: bool | None) -> Layout:
        if header is None and feature_names and set(feature_names) <= {cell.strip() for cell in cells}:
            header = True
        if has_target:
            columns[:] = target_columns(path, cells, targets, header)
        one = columns[0] if has_target and not as_numbers else None
        return layout_with(path, line, cells, one, header=header)

    table = read_delimited(path, layout_of, header)
    layout, name, y, class_names = table.layout, Path(path).stem, None, None
    taken = [place for place, column in enumerate(layout.features) if column in columns]
    features = [column for column in layout.features if column not in columns]
    if layout.index in columns:
        raise DataError(f"{path}: {layout.column(layout.index)}: has no name, and counts the rows; expected a target")
    X = np.delete(table.X, taken, axis=1) if taken else table.X
    if not features:
        raise DataError(f"{path}: expected at least one column of features, found only the target columns")
    note, named = (), layout.header
    if as_numbers:
        y = table.X[:, [layout.features.index(column) for column in columns]]
        y = y if several else y[:, 0]
    elif table.labels is not None:
        with checking(f"{path}: {layout.column(layout.target)}"):
            y, class_names = as_targets(_typed(table.labels), task)
            check_classes(class_names, new_classes)
    if y is not None:
        where = " and ".join(layout.column(column) for column in columns)
        note = (f"{where} the target{'s' * several} of {targets_in_words(y, class_names, task)}",)
    return Dataset(
        X,
        y,
        class_names,
        tuple(named[column] for column in features) if named else None,
        tuple(named[column] for column in columns) if named and columns else None,
        name,
        (table.note, *note),
        None if y is None else "regression" if class_names is None else "classification",
    )


def load_csv_unlabelled(
    path: StrPath,
    target: Target = None,
    num_features: int | None = None,
    feature_names: Sequence[str] | None = None,
    *,
    header: bool | None = None,
) -> Dataset:
    """Load the features of a table for prediction; columns of targets may be there or not, and are not looked at.

    Parameters
    ----------
    path : str or path
    target : str, int or sequence of them, optional
        The columns to leave out where the table has so many too many. Default: the last.
    num_features : int, optional
        How many features are expected.
    feature_names : sequence of str, optional
        Their names. In a file with a header these columns are taken, in this order, and others left out.
    header : bool, optional
        As in `load_csv`; a first row that holds all of `feature_names` is one.

    Returns
    -------
    Dataset
        X float64 of shape (rows, features), without labels.

    Raises
    ------
    DataError
        As `load_csv` does, and where the columns are not those expected.
    """
    if feature_names is not None:
        num_features = len(feature_names)
    targets = listed(target)
    alone = targets[0] if len(targets) == 1 else None

    def layout_of(line: int, cells: list[str], header: bool | None) -> Layout:
        if feature_names is not None and header is not False:
            names = [cell.strip() for cell in cells]
            missing = [name for name in feature_names if name not in names]
            if not missing:
                return layout_with(path, line, cells, None, map(names.index, feature_names), header=True)
            if header or all(number(name) is None for name in names):
                raise DataError(f"{path}: line {line}: the header lacks {', '.join(map(repr, missing[:20]))}")
        index = unnamed_column(cells, alone, header)
        columns = len(cells) - (index is not None)
        surplus = 0 if num_features is None else columns - num_features
        if surplus not in (0, len(targets)):
            more = "one more for the target" if len(targets) == 1 else f"{len(targets)} more for the targets"
            raise DataError(f"{path}: expected {num_features} columns of features, or {more}; found {columns}")
        if not (surplus or (num_features is None and target is not None)):
            return layout_with(path, line, cells, None, header=header)
        left_out = target_columns(path, cells, targets, header)
        if len(targets) == 1:
            return layout_with(path, line, cells, left_out[0], header=header)
        features = [column for column in range(len(cells)) if column not in (*left_out, index)]
        return layout_with(path, line, cells, None, features, header=header)

    table = read_delimited(path, layout_of, header)
    return Dataset(table.X, feature_names=table.layout.feature_names, name=Path(path).stem, notes=(table.note,))


def listed(target: Target) -> list[str | int | None]:
    """The targets that were named; None in the place of one that was not."""
    return list(target) if isinstance(target, (list, tuple)) else [target]


def target_columns(
    path: StrPath, cells: list[str], targets: Sequence[str | int | None], header: bool | None = None
) -> list[int]:
    """The indices of the target columns, each as `target_column` finds it; DataError for one that is named twice."""
    columns = [target_column(path, cells, target, header) for target in targets]
    if len(set(columns)) < len(columns) or not columns:
        raise DataError(f"{path}: target: expected every column once, got {', '.join(map(repr, targets)) or 'none'}")
    return columns


def check_classes(names: Sequence[str] | None, new: bool) -> None:
    """ValueError for too many classes, or for a single one where they are to be learnt."""
    if names is not None and len(names) > MAX_CLASSES:
        raise ValueError(f"labels: hold more than {MAX_CLASSES:,} labels; values are for task='regression'")
    if names is not None and len(names) < 2 and new:
        raise ValueError(f"labels: expected at least two classes, found only {names[0]!r}")


def targets_in_words(y: Array, names: Sequence[str] | None, task: Task | None) -> str:
    """What targets were taken for and, of a `task` that nobody named, how to say otherwise."""
    if names is not None:
        return classes_in_words(names)
    values = f"values from {y.min():,.10g} to {y.max():,.10g}"
    return values if task else f"{values}, so regression; classes would be --task classification"


def classes_in_words(names: Sequence[str]) -> str:
    """How many classes there are, and what the first of them are called."""
    return f"{len(names):,} classes: {', '.join(names[:10])}{', ...' * (len(names) > 10)}"


def _typed(labels: list[str]) -> Sequence[str | float]:
    """Cells as numbers where all of them are, so that they sort by value; but 007 is the name of an agent."""
    if any(number(label) is None or _PADDED.match(label) for label in labels):
        return labels
    try:
        return [int(label) for label in labels]
    except ValueError:
        return [float(label) for label in labels]
