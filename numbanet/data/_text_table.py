"""A file of delimited text as the columns of a table."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbanet._checks import did_you_mean
from numbanet.data._cells import MISSING, Cells, as_written, category_of_text, column_of_text, numbers_in
from numbanet.data._delimited import evened, refuse_twice, unnamed_column
from numbanet.data._frames import dates_of_categories
from numbanet.data._headers import has_names
from numbanet.data._lines import SEPARATORS, of_width, rows_of, separator_of
from numbanet.data.table import Table, Values, collected
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numbanet._types import StrPath


_BLOCK, _FEWEST = 1 << 13, 64  # cells that are taken apart at a time, which stay in a cache; but so many rows
_HEAD, _HEAD_CELLS = 1000, 1 << 18  # rows that show whether the first has the names; in wide tables fewer


class Wanted(NamedTuple):
    """What the caller says of a table's columns; see `read_table`.

    `known` are names that a header is expected to have, `only` those of the columns to take, where not all are, and
    `written` those of the categories whose text stays as it is written.
    """

    categorical: Collection[str] = ()
    drop: Collection[str] = ()
    dates: Collection[str] = ()
    header: bool | None = None
    decimal: str | None = None
    only: Collection[str] | None = None
    known: Collection[str] = ()
    written: Collection[str] = ()


class _Form(NamedTuple):
    """How the rows of a file are to be read."""

    separator: str
    trailing: bool
    width: int
    names: list[str]
    header: bool
    unnamed: int | None  # the column of an index


def read_text_table(path: StrPath, wanted: Wanted) -> Table:
    """The Table in a file of delimited text; see `read_table`."""
    form = _form(path, wanted)
    check_columns(path, wanted, form.names)
    taken = [
        place
        for place, name in enumerate(form.names)
        if name not in wanted.drop and (wanted.only is None or name in wanted.only) and place != form.unnamed
    ]
    cells = {
        place: Cells(form.names[place], text=form.names[place] in (*wanted.categorical, *wanted.dates))
        for place in taken
    }
    if form.unnamed is not None:
        cells[form.unnamed] = Cells(form.names[form.unnamed])
    lines = _collect(path, form, cells)
    again = {place: Cells(column.name, text=True) for place, column in cells.items() if column.ended}
    if again:
        _collect(path, form, again)
        cells.update(again)
    notes = [
        f"columns separated by {SEPARATORS[form.separator]}",
        "with a header" if form.header else "without a header",
    ]
    if form.unnamed is not None:
        _check_index(path, cells.pop(form.unnamed))
        notes.append(f"column {form.unnamed + 1}, which has no name and tells the rows apart, left out")
    columns, remarks = [], []
    for place in taken:
        column, note = _settled(path, cells.pop(place), wanted, form.separator, lines)
        columns.append(column)
        remarks += [note] * bool(note)
    return collected(columns, rows=len(lines), notes=(", ".join(notes), *remarks))


def check_columns(path: StrPath, wanted: Wanted, names: Sequence[str]) -> None:
    """DataError where the caller names a column that is not there."""
    for argument in ("only", "categorical", "drop", "dates"):
        given = getattr(wanted, argument) or ()
        if isinstance(given, str):
            raise TypeError(f"{argument}: expected a list of names, got {given!r}")
        lacking = [name for name in given if name not in names]
        if lacking:
            named = ", ".join(map(repr, lacking[:20])) + f" and {len(lacking) - 20:,} more" * (len(lacking) > 20)
            hint = did_you_mean(lacking[0], names, repr)
            if argument == "only":
                raise DataError(f"{path}: lacks the column{'s' * (len(lacking) > 1)} {named}{hint}")
            raise DataError(f"{path}: {argument}: no column is named {named}{hint}")


def _form(path: StrPath, wanted: Wanted) -> _Form:
    """How the file is to be read, by its first rows."""
    separator = separator_of(path)
    with closing(rows_of(path, separator)) as rows:
        head = list(islice(rows, 2))
        if not head:
            raise DataError(f"{path}: is empty; expected rows and columns")
        head += islice(rows, max(20, min(_HEAD, _HEAD_CELLS // len(head[0][1]))))
    trailing, first = evened(head[:2])
    longer = [cells for _, cells in head if len(cells) == len(first) + 1]
    if trailing and any(cells[-1].strip() for cells in longer) and len(longer) == len(head):
        trailing, first = False, head[0][1]  # a column with gaps, which it begins with
    width = len(first)
    below = [cells[:width] for _, cells in head[1:] if len(cells) >= width]
    header = wanted.header
    if header is None:
        stripped = {cell.strip() for cell in first}
        header = (
            True if any(name in stripped for name in wanted.known) else has_names(first, below, numbers_in, MISSING)
        )
    if header is None:
        raise DataError(
            f"{path}: the first row, {', '.join(first[:8])}{', ...' * (width > 8)}, may be the names of the columns "
            f"or an example; say which: header=True or False (--header or --no-header)"
        )
    if not header:
        return _Form(separator, trailing, width, [f"column {place + 1}" for place in range(width)], False, None)
    index = unnamed_column(first, None, True)
    names = [cell.strip() or f"column {place + 1}" for place, cell in enumerate(first)]
    refuse_twice(path, head[0][0], names, index)
    return _Form(separator, trailing, width, names, True, index)


def _collect(path: StrPath, form: _Form, columns: Mapping[int, Cells]) -> array[int]:
    """Hand all rows of the file to its `columns`, by place; returns the line of each row."""
    lines = array("q")
    with closing(rows_of(path, form.separator)) as rows:
        if form.header:
            next(rows)
        for block in _blocks(path, form, rows, lines):
            by_column = list(zip(*block, strict=True))
            for place, column in columns.items():
                column.add(by_column[place])
    if not lines:
        raise DataError(f"{path}: has a header but no rows; expected at least one")
    return lines


def _blocks(
    path: StrPath, form: _Form, rows: Iterator[tuple[int, list[str]]], lines: array[int]
) -> Iterator[list[list[str]]]:
    """Some rows at a time, all of the right width."""
    size = max(_FEWEST, _BLOCK // form.width)
    rows = of_width(path, rows, form.width, form.trailing)
    while block := list(islice(rows, size)):
        lines.extend(line for line, _ in block)
        yield [cells for _, cells in block]


def _check_index(path: StrPath, cells: Cells) -> None:
    """DataError where the column that has no name does not tell the rows apart: by whole numbers or by words."""
    values = cells.values()
    if values is None:
        codes, texts = cells.texts()
        tells = len(texts) == len(codes)
    else:
        tells = len(np.unique(values)) == len(values) and bool((values == np.floor(values)).all())
    if not tells:
        raise DataError(f"{path}: column 1: has no name and does not tell the rows apart; expected a name")


def _settled(path: StrPath, cells: Cells, wanted: Wanted, separator: str, lines: Sequence[int]) -> tuple[Values, str]:
    """What a column holds, once all of its cells are there, and a note on it."""
    name, numbers = cells.name, cells.values()
    if numbers is not None:
        infinite = np.isinf(numbers)
        if infinite.any():
            row = int(np.argmax(infinite))
            raise DataError(
                f"{path}: line {lines[row]}, column {name}: {numbers[row]} is not finite; expected a number"
            )
        return Values(name, "number", numbers), ""
    codes, texts = cells.texts()
    if name in wanted.written:
        return as_written(name, codes, texts), ""
    if name in wanted.categorical:
        return category_of_text(name, codes, texts), ""
    if name in wanted.dates:
        form = wanted.dates[name] if isinstance(wanted.dates, Mapping) else ""
        try:
            return dates_of_categories(Values(name, "category", codes, tuple(texts)), form), ""
        except ValueError as error:
            bad = next((text for text in texts if text in str(error)), None)
            line = f"line {lines[int(np.argmax(codes == texts.index(bad)))]}, " if bad is not None else ""
            raise DataError(f"{path}: {line}{error}") from None
    try:
        return column_of_text(name, codes, texts, wanted.decimal, separator)
    except DataError as error:
        raise DataError(f"{path}: column {error}") from None
