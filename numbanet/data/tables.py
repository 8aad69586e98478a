"""A user's own tables: delimited text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from numbanet._checks import did_you_mean
from numbanet.data._delimited import layout_with, number, read_delimited, target_column, unnamed_column
from numbanet.data._files import checking
from numbanet.data.dataset import Dataset
from numbanet.data.labels import encode_labels, refuse_amounts
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from numbanet._types import StrPath
    from numbanet.data._delimited import Layout


_PADDED = re.compile(r"[+-]?0\d")


def load_csv(
    path: StrPath,
    target: str | int | None = None,
    has_target: bool = True,
    *,
    header: bool | None = None,
    feature_names: Sequence[str] | None = None,
    task: Literal["classification"] | None = None,
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
    target : str or int, optional
        The column of labels: its name in the header, or its index (negative from the end). Default: the last.
    has_target : bool, default True
        False for a table of features alone.
    header : bool, optional
        Whether the first row has the names of the columns. By default it is the header where its feature cells are all
        names, or numbers that can only be names; where that is in doubt, the file is refused.
    feature_names : sequence of str, optional
        Names that columns are expected to have: a first row that holds all of them is a header.
    task : {"classification"}, optional
        To say that numbers are classes where they look like amounts, which otherwise are refused.
    new_classes : bool, default True
        Whether classes are to be learnt, so that there must be two. False to evaluate what knows its classes.

    Returns
    -------
    Dataset
        X float64 of shape (rows, features). y numbered from 0: numbers sorted by value, names alphabetically.

    Raises
    ------
    DataError
        For a file that is missing, empty, not UTF-8, without rows or features, a target that is not there, a bad cell
        (not a number, empty, NaN, infinite), a row of another length, a name that the header
        holds twice, labels that are not whole numbers or names, or fewer than two classes. The message gives the line
        and the column where one is at fault.
    """

    check_task(task)

    def layout_of(line: int, cells: list[str], header: bool | None) -> Layout:
        if header is None and feature_names and set(feature_names) <= {cell.strip() for cell in cells}:
            header = True
        column = target_column(path, cells, target, header) if has_target else None
        return layout_with(path, line, cells, column, header=header)

    table = read_delimited(path, layout_of, header)
    layout, name = table.layout, Path(path).stem
    fields: Any = {"feature_names": layout.feature_names, "target_name": layout.target_name, "name": name}
    if table.labels is None:
        return Dataset(table.X, **fields, notes=(table.note,))
    where = f"{path}: {layout.column(layout.target)}"
    with checking(where):
        labels = _typed(table.labels)
        y, class_names = encode_labels(labels)
        if new_classes and task is None:
            refuse_amounts(labels, y, class_names)
    if new_classes and len(class_names) < 2:
        raise DataError(f"{where}: expected at least two classes, found only {class_names[0]!r}")
    note = f"{layout.column(layout.target)} the target of {classes_in_words(class_names)}"
    return Dataset(table.X, y, class_names, **fields, notes=(table.note, note))


def load_csv_unlabelled(
    path: StrPath,
    target: str | int | None = None,
    num_features: int | None = None,
    feature_names: Sequence[str] | None = None,
    *,
    header: bool | None = None,
) -> Dataset:
    """Load the features of a table for prediction; a column of labels may be there or not, and is not looked at.

    Parameters
    ----------
    path : str or path
    target : str or int, optional
        The column to leave out where the table has one column too many. Default: the last.
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

    def layout_of(line: int, cells: list[str], header: bool | None) -> Layout:
        if feature_names is not None and header is not False:
            names = [cell.strip() for cell in cells]
            missing = [name for name in feature_names if name not in names]
            if not missing:
                return layout_with(path, line, cells, None, map(names.index, feature_names), header=True)
            if header or all(number(name) is None for name in names):
                raise DataError(f"{path}: line {line}: the header lacks {', '.join(map(repr, missing[:20]))}")
        columns = len(cells) - (unnamed_column(cells, target, header) is not None)
        surplus = 0 if num_features is None else columns - num_features
        if surplus not in (0, 1):
            raise DataError(
                f"{path}: expected {num_features} columns of features, or one more for the target; found {columns}"
            )
        has_target = surplus == 1 or (num_features is None and target is not None)
        column = target_column(path, cells, target, header) if has_target else None
        return layout_with(path, line, cells, column, header=header)

    table = read_delimited(path, layout_of, header)
    return Dataset(table.X, feature_names=table.layout.feature_names, name=Path(path).stem, notes=(table.note,))


def check_task(task: str | None) -> None:
    """ValueError where `task` is none that there is."""
    if task not in (None, "classification"):
        hint = did_you_mean(task, ["classification"])
        raise ValueError(
            f"task: expected 'classification', got {task!r}{hint}; amounts are learnt by a network with "
            f"loss='squared_error' in Python, not yet from the command line"
        )


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
