"""A data set of a table in a file: its features, its target, and which task that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import did_you_mean
from numbanet.data._files import naming
from numbanet.data._text_table import Wanted
from numbanet.data.dataset import Dataset
from numbanet.data.labels import are_amounts, encode_labels
from numbanet.data.reading import like_training, read_wanted
from numbanet.data.remarks import remarks
from numbanet.data.tables import check_classes, listed, targets_in_words
from numbanet.data.targets import check_task
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from numbanet._types import Array, StrPath, Task
    from numbanet.data.preprocessing import TablePreprocessor
    from numbanet.data.table import Table
    from numbanet.data.tables import Target


_SURE = 30  # different whole numbers that are no labels in a row: amounts without doubt


def load_table(
    path: StrPath,
    target: Target = None,
    *,
    task: Task | None = None,
    drop: Collection[str] = (),
    categorical: Collection[str] = (),
    dates: Collection[str] = (),
    id: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    has_target: bool = True,
    like: TablePreprocessor | None = None,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """Read a table and take its target apart: what `read_table` reads, as a `Dataset` to train on.

    Rows without a target are left out. Text, categories and True and False are classes; numbers are amounts where they
    have fractions or take many values, classes where they are few or count in a row. Where that is in doubt, the file
    is refused until `task` says it. `notes` say what was found.

    Parameters
    ----------
    path, drop, categorical, dates, header, decimal
        As of `read_table`.
    target : str, int or sequence of them, optional
        The column to learn, by its name, or its index (negative from the end). Several are for regression. Default: the
        last.
    task : {"classification", "regression"}, optional
    id : str, optional
        A column that tells the rows apart: not a feature, but kept in `ids`, as text.
    has_target : bool, default True
        False for rows to predict; a target that is there is left out where it is named.
    like : TablePreprocessor, optional
        What training rows became: its columns are taken, as they were then, and others left out.
    class_names : sequence of str, optional
        The classes that are known, in their order, to evaluate with; by default those found.

    Returns
    -------
    Dataset
        X a `Table`. y int64 of shape (N,), classes numbered from 0 (numbers sorted by value, names alphabetically); or
        float64 of shape (N,), or (N, M) for M targets.

    Raises
    ------
    DataError
        As `read_table`; for a target that is not there, missing in every row, of one class, no numbers where these are
        asked for, or in doubt.
    """
    check_task(task)
    kept = [] if id is None else [id]
    named = [name for name in listed(target) if isinstance(name, str)]
    known = (*named, *kept, *categorical, *drop)
    wanted = Wanted((*categorical, *kept), drop, dates, header, decimal, known=known, written=kept)
    if like is not None:
        wanted = like_training(like, wanted, [*kept, *named] if has_target else kept)
    table = read_wanted(path, wanted)
    names: list[str] = []
    if has_target or target is not None:
        names = named_targets(path, table, target, kept, must=has_target)
    for name in names:
        if name in kept:
            raise DataError(f"{path}: id: {name!r} is the target; expected another column")
    X = table.drop([*names, *kept])
    if not X.columns:
        raise DataError(f"{path}: expected at least one column of features besides {', '.join([*names, *kept])}")
    ids = table[id] if id is not None else None
    fields: dict[str, Any] = {"name": Path(path).name.partition(".")[0], "id_name": id}
    if not has_target:
        return Dataset(X, ids=ids, **fields, notes=table.notes)
    rows = with_targets(table, names)
    if not rows.any():
        raise DataError(f"{path}: column {names[0]}: the target is missing in every row")
    notes = [*table.notes]
    if not rows.all():
        count = int(np.count_nonzero(~rows))
        notes.append(f"{count:,} row{'s' * (count > 1)} without a target left out, of {len(rows):,}")
        table, X, ids = table[rows], X[rows], None if ids is None else ids[rows]
    with naming(path):
        y, classes = targets_of(table.select(names), task, class_names, new=like is None)
    notes += [f"target {', '.join(names)}: {targets_in_words(y, classes, task)}", *remarks(X)]
    task = "regression" if classes is None else "classification"
    return Dataset(X, y, classes, ids=ids, task=task, target_names=tuple(names), **fields, notes=tuple(notes))


def named_targets(path: StrPath, table: Table, target: Target, kept: Collection[str], must: bool) -> list[str]:
    """The names of the target columns, as they are in the table; those that are not there only where they `must`."""
    names = []
    for given in listed(target):
        if given is None:
            names += [name for name in table.names if name not in kept][-1:]
            continue
        is_index = isinstance(given, int) or (given not in table.names and given.lstrip("+-").isdecimal())
        if is_index and not -len(table.names) <= int(given) < len(table.names):
            raise DataError(f"{path}: target: expected a column from 0 to {len(table.names) - 1}, got {given}")
        name = table.names[int(given)] if is_index else str(given)
        if name in table.names:
            names.append(name)
        elif must:
            found = ", ".join(map(repr, table.names[:20])) + ", ..." * (len(table.names) > 20)
            raise DataError(
                f"{path}: no column is named {name!r}; there are {found}{did_you_mean(name, table.names, repr)}"
            )
    if len(set(names)) < len(names):
        raise DataError(f"{path}: target: expected every column once, got {', '.join(map(repr, names))}")
    return names


def with_targets(table: Table, names: Sequence[str]) -> Array:
    """Which rows have all their targets, as booleans."""
    rows = np.ones(len(table), bool)
    for name in names:
        column = table.column(name)
        rows &= table.codes[:, column.place] >= 0 if column.kind == "category" else ~np.isnan(table[name])
    return rows


def targets_of(
    table: Table, task: Task | None = None, class_names: Sequence[str] | None = None, new: bool = True
) -> tuple[Array, tuple[str, ...] | None]:
    """What the columns of a table, none of it missing, are as targets: classes and their names, or values and None.

    Raises
    ------
    ValueError
        Where they cannot be learnt (those that are `new`: not where they only are to be compared with predictions), or
        where it is in doubt whether numbers are classes.
    """
    for column in table.columns:
        if column.kind == "date":
            raise ValueError(f"column {column.name}: expected classes or numbers as a target, found dates")
    text = next((column for column in table.columns if column.kind == "category"), None)
    if len(table.columns) > 1 or task == "regression":
        if text is not None or task == "classification":
            shown = f"found text such as {text.categories[0]!r}" if text else "for classification expected one"
            raise ValueError(f"column {(text or table.columns[0]).name}: expected numbers as targets, {shown}")
        return _values(table, new), None
    (column,) = table.columns
    labels = table[column.name]
    if text is None and task is None and class_names is None and _are_values(column.name, labels):
        return _values(table, new), None
    try:
        y, found = encode_labels(labels, class_names)
        check_classes(found, new and class_names is None)
    except ValueError as error:
        raise ValueError(f"column {column.name}: {str(error).partition(': ')[2]}") from None
    return y, found


def _values(table: Table, new: bool) -> Array:
    for column in table.columns:
        values = table[column.name]
        if new and len(values) > 1 and (values == values[0]).all():
            raise ValueError(f"column {column.name}: expected targets that vary, found {values[0]:g} in every row")
    return np.ascontiguousarray(table.numbers if len(table.columns) > 1 else table.numbers[:, 0])


def _are_values(name: str, labels: Array) -> bool:
    """Whether numbers are values rather than classes; ValueError where that is in doubt."""
    count = len(np.unique(labels))
    if not are_amounts(labels) and not 2 < count == len(labels):
        return False
    if count <= _SURE and (labels == np.floor(labels)).all():
        raise ValueError(
            f"column {name}: holds {count:,} different whole numbers in {len(labels):,} rows, which may be classes or "
            f"values; say which: task='classification' or 'regression' (--task)"
        )
    return True
