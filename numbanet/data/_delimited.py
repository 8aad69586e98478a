"""Delimited text: the layout of its columns and its numbers, each refused by line and column."""

from __future__ import annotations

import math
import re
from array import array
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import did_you_mean, integer
from numbanet.data._headers import is_header
from numbanet.data._lines import SEPARATORS, of_width, rows_of, separator_of
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, NoReturn

    from numbanet._types import Array, StrPath


_UNNAMED = re.compile(r"(Unnamed: \d+\w*)?")  # as pandas writes and reads the header of its index


@dataclass(frozen=True)
class Layout:
    """What the columns of a file are: their names where it has a header, which are features, which is the target.

    `width` is the number of cells in a row, `index` the column that only numbers the rows, where there is one.
    """

    header: tuple[str, ...] | None
    features: tuple[int, ...]
    target: int | None
    width: int
    index: int | None = None

    def column(self, index: Any) -> str:
        """A column as an error message names it."""
        return f"column {index + 1}" + (f" ({self.header[index]})" if self.header else "")

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        return tuple(self.header[index] for index in self.features) if self.header else None


@dataclass(frozen=True)
class Table:
    """What a file of delimited numbers holds.

    Attributes
    ----------
    X : float64 ndarray of shape (rows, features)
    labels : list of str, or None
        The cells of the target column.
    layout : Layout
    note : str
        What the file was taken for.
    """

    X: np.ndarray
    labels: list[str] | None
    layout: Layout
    note: str


def read_delimited(
    path: StrPath, layout_of: Callable[[int, list[str], bool | None], Layout], header: bool | None = None
) -> Table:
    """Read a file of delimited numbers.

    Parameters
    ----------
    path : str or path
    layout_of : callable
        Given the line number of the first row, its cells and `header`, it returns the Layout, or raises DataError.
    header : bool, optional
        Whether the first row holds the names of the columns; by default that is recognised, and refused where it is
        in doubt.

    Returns
    -------
    Table
    """
    separator = separator_of(path)
    with closing(rows_of(path, separator)) as rows:
        head = list(islice(rows, 2))
        if not head:
            raise DataError(f"{path}: is empty; expected rows of numbers")
        trailing, first = evened(head)
        line = head[0][0]
        layout = layout_of(line, first, header)
        content = [] if layout.header else [(line, first)]
        table = _read(path, layout, trailing, chain(content, head[1:], rows))
    return _settled(path, table, first, header, separator)


def evened(head: list[tuple[int, list[str]]]) -> tuple[bool, list[str]]:
    """Whether rows have a separator behind their last cell, and the first row without it, as long as the others."""
    (_, first), (_, second) = head[0], head[-1]
    if len(first) > 1 and not first[-1].strip() and (len(second) < len(first) or not second[-1].strip()):
        return True, first[:-1]
    if len(first) > 1 and len(second) == len(first) + 1 and all(number(cell) is None for cell in first):
        if not second[-1].strip():
            return True, first  # names may do without it
        return False, ["", *first]  # as R writes a column that numbers the rows
    return False, first


def _read(
    path: StrPath, layout: Layout, trailing: bool, rows: Iterable[tuple[int, list[str]]]
) -> tuple[Array, list[str] | None, Layout]:
    """The values, the labels and the lines of all `rows`."""
    columns = layout.features if layout.index is None else (*layout.features, layout.index)
    values, lines, codes, classes = array("d"), array("q"), array("i"), dict[str, int]()
    for line, cells in of_width(path, rows, layout.width, trailing):
        _add_row(path, layout, columns, line, cells, values)
        if layout.target is not None:
            label = cells[layout.target].strip()
            if not label or not math.isfinite(number(label) or 0):
                _refuse_cell(path, layout, line, layout.target, label, "a label")
            codes.append(classes.setdefault(label, len(classes)))
        lines.append(line)
    if not lines:
        raise DataError(f"{path}: has a header but no rows; expected at least one")
    X = np.frombuffer(values).reshape(len(lines), len(columns))
    if not np.isfinite(X).all():
        row, place = np.argwhere(~np.isfinite(X))[0]
        where = f"line {lines[row]}, {layout.column(columns[place])}"
        raise DataError(f"{path}: {where}: {X[row, place]} is not finite; expected a finite number")
    names = list(classes)
    return X, None if layout.target is None else [names[code] for code in codes], layout


def _settled(
    path: StrPath, table: tuple[Array, list[str] | None, Layout], first: list[str], header: bool | None, separator: str
) -> Table:
    """The Table, once all rows are there to tell whether the first is a header, and its first column a count."""
    X, labels, layout = table
    if layout.header is None and header is None and _is_header(path, first, X, labels, layout):
        layout = replace(layout, header=_names(path, first, layout))
        X, labels = X[1:], labels and labels[1:]
    notes = [f"columns separated by {SEPARATORS[separator]}", "with a header" if layout.header else "without a header"]
    if layout.index is not None:
        count, X = X[:, -1], np.ascontiguousarray(X[:, :-1])
        _check_count(path, layout, count)
        notes.append(f"column {layout.index + 1}, which has no name and counts the rows, left out")
    return Table(X, labels, layout, ", ".join(notes))


def _check_count(path: StrPath, layout: Layout, count: Array) -> None:
    """DataError where the column that has no name is not an index: other whole numbers in each row."""
    numbers = all(number(name) is not None for name in layout.feature_names or ())
    if numbers:  # and its name could as well be a number that is missing in an example
        counts = np.array_equal(count, np.arange(len(count)))
    else:
        counts = len(np.unique(count)) == len(count) and (count == np.floor(count)).all()
    if not counts:
        raise DataError(
            f"{path}: {layout.column(layout.index)}: has no name and does not count the rows; expected a name"
        )


def _is_header(path: StrPath, first: list[str], X: Array, labels: list[str] | None, layout: Layout) -> bool:
    """Whether a first row of numbers is a header after all; DataError where it may be."""
    names = [number(cell) for column, cell in enumerate(first) if column in (*layout.features, layout.target)]
    targets: Any = labels and [label if (value := number(label)) is None else value for label in labels]
    found = is_header([name for name in names if name is not None], X, targets)
    if found is None:
        raise DataError(
            f"{path}: the first row, {', '.join(first[:8])}{', ...' * (len(first) > 8)}, may be the names of the "
            f"columns or an example; say which: header=True or False (--header or --no-header)"
        )
    return found


def number(cell: str) -> float | None:
    """The float that a cell holds, which may be NaN or infinite; None where it is not a number."""
    try:
        return None if "_" in cell else float(cell)  # Python reads 1_000 as a number; a file does not mean it
    except ValueError:
        return None


def target_column(path: StrPath, cells: list[str], target: str | int | None, header: bool | None = None) -> int:
    """The index of the target column, given as a name in the first row, an index (negative from the end) or None."""
    if target is None:
        return len(cells) - 1
    if isinstance(target, str):
        names = [cell.strip() for cell in cells]
        index = target.lstrip("+-").isdecimal()
        # What looks like an index may be the name of a column only where there are names.
        if target in names and (header or not index):
            return names.index(target)
        if not index:
            hint = did_you_mean(target, names, repr)
            raise DataError(f"{path}: no column is named {target!r}; the first row holds {_listed(names)}{hint}")
        target = int(target)
    index = integer("target", target)
    if not -len(cells) <= index < len(cells):
        raise DataError(f"{path}: target: expected a column from 0 to {len(cells) - 1}, got {index}")
    return index % len(cells)


def layout_with(
    path: StrPath,
    line: int,
    cells: list[str],
    target: int | None,
    features: Iterable[int] | None = None,
    header: bool | None = None,
) -> Layout:
    """The Layout of a file whose target is the column of index `target` (None: it has none).

    `features` are the indices of the columns to take, by default all others.
    """
    index, every = None, range(len(cells))
    if features is None:
        index = unnamed_column(cells, target, header)
        features = (column for column in every if column not in (target, index))
    layout = Layout(None, tuple(features), target, len(cells), index)
    if not layout.features:
        separators = ", ".join(SEPARATORS.values())
        raise DataError(
            f"{path}: expected at least one column of features, found only the target column; columns may be "
            f"separated by {separators}"
        )
    named = index is not None or (_has_names(path, line, cells, layout) if header is None else header)
    return replace(layout, header=_names(path, cells, layout, line) if named else None)


def unnamed_column(cells: list[str], target: str | int | None, header: bool | None) -> int | None:
    """The column of pandas' index, which has no name where all others have one; None where there is none."""
    first, *others = cells
    unnamed = header is not False and target != 0 and others and _UNNAMED.fullmatch(first.strip())
    return 0 if unnamed and all(cell.strip() for cell in others) else None


def _has_names(path: StrPath, line: int, cells: list[str], layout: Layout) -> bool:
    """Whether the first row holds names: its feature cells are all names or all numbers."""
    names = [column for column in layout.features if cells[column].strip() and number(cells[column]) is None]
    if names and len(names) < len(layout.features):
        other = next(column for column in layout.features if column not in names)
        raise DataError(
            f"{path}: line {line}: neither a header nor numbers: column {names[0] + 1} holds {cells[names[0]]!r}, "
            f"column {other + 1} {cells[other]!r}; expected a name in each or a number in each, or header=True "
            f"(--header)"
        )
    return bool(names)


def _names(path: StrPath, cells: list[str], layout: Layout, line: int = 1) -> tuple[str, ...]:
    """The cells of a header, each of them another name."""
    header = tuple(cell.strip() for cell in cells)
    refuse_twice(path, line, header, layout.index)
    return header


def refuse_twice(path: StrPath, line: int, names: Sequence[str], unnamed: int | None) -> None:
    """DataError where two columns have one name, but for the column that is `unnamed`."""
    used = [name for column, name in enumerate(names) if column != unnamed]
    if len(set(used)) < len(used):
        twice = next(name for name in used if used.count(name) > 1)
        raise DataError(f"{path}: line {line}: the header names two columns {twice!r}; expected every name once")


def _add_row(
    path: StrPath, layout: Layout, columns: Sequence[int], line: int, cells: list[str], values: array[float]
) -> None:
    numbers = [cells[column] for column in columns]
    try:
        if "_" in "".join(numbers):
            raise ValueError
        values.extend(map(float, numbers))
    except ValueError:
        bad = next(column for column in columns if number(cells[column]) is None)
        _refuse_cell(path, layout, line, bad, cells[bad], "a number")


def _refuse_cell(path: StrPath, layout: Layout, line: int, column: int, cell: str, expected: str) -> NoReturn:
    cell = cell if len(cell) <= 60 else cell[:57] + "..."
    found = repr(cell) if cell.strip() else "an empty cell"
    raise DataError(f"{path}: line {line}, {layout.column(column)}: expected {expected}, found {found}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
