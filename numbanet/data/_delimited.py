"""Delimited text: the rows of a file, the layout of its columns and its numbers, each refused by line and column."""

import csv
import math
from array import array
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np

from numbanet._checks import integer
from numbanet.data._files import reading
from numbanet.errors import DataError

_DELIMITERS = ",;\t"
_SAMPLE = 20


@dataclass(frozen=True)
class Layout:
    """What the columns of a file are: their names where it has a header, which are features, which is the target."""

    header: tuple | None
    features: tuple
    target: int | None

    def column(self, index):
        """A column as an error message names it."""
        return f"column {index + 1}" + (f" ({self.header[index]})" if self.header else "")

    @property
    def feature_names(self):
        return tuple(self.header[index] for index in self.features) if self.header else None

    @property
    def target_name(self):
        return self.header[self.target] if self.header and self.target is not None else None


def read_delimited(path, layout_of):
    """Read a file of delimited numbers.

    Parameters
    ----------
    path : str or path
    layout_of : callable
        Given the line number and the cells of the first row, it returns the Layout, or raises DataError.

    Returns
    -------
    X : float32 ndarray of shape (rows, features)
    labels : list of str, or None
        The cells of the target column.
    layout : Layout
    """
    delimiter = max(_DELIMITERS, key=lambda candidate: _plausibility(path, candidate))
    rows = _rows(path, delimiter)
    with closing(rows):
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path}: is empty; expected rows of numbers")
        line, cells = first
        width, layout = len(cells), layout_of(line, cells)
        values, lines, labels = array("d"), array("q"), []
        if layout.header is None:
            _add_row(path, layout, line, cells, values, labels)
            lines.append(line)
        for line, cells in rows:
            if len(cells) != width:
                raise DataError(f"{path}: line {line}: expected {width} cells, as in the first row, found {len(cells)}")
            _add_row(path, layout, line, cells, values, labels)
            lines.append(line)
    if not lines:
        raise DataError(f"{path}: has a header but no rows; expected at least one")
    X = np.frombuffer(values).reshape(len(lines), len(layout.features))
    with np.errstate(over="ignore"):  # what does not fit is refused here, by place
        narrow = X.astype(np.float32)
    if not np.isfinite(narrow).all():
        row, place = np.argwhere(~np.isfinite(narrow))[0]
        fault = "is too large for float32" if np.isfinite(X[row, place]) else "is not finite"
        where = f"line {lines[row]}, {layout.column(layout.features[place])}"
        raise DataError(f"{path}: {where}: {X[row, place]} {fault}; expected a finite number")
    return narrow, None if layout.target is None else labels, layout


def number(cell):
    """The float that a cell holds, which may be NaN or infinite; None where it is not a number."""
    try:
        return None if "_" in cell else float(cell)  # Python reads 1_000 as a number; a file does not mean it
    except ValueError:
        return None


def target_column(path, cells, target):
    """The index of the target column, given as a name in the first row, an index (negative from the end) or None."""
    if target is None:
        return len(cells) - 1
    if isinstance(target, str):
        names = [cell.strip() for cell in cells]
        if target in names:
            return names.index(target)
        if not target.lstrip("+-").isdecimal():
            raise DataError(f"{path}: no column is named {target!r}; the first row holds {_listed(names)}")
        target = int(target)
    index = integer("target", target)
    if not -len(cells) <= index < len(cells):
        raise DataError(f"{path}: target: expected a column from 0 to {len(cells) - 1}, got {index}")
    return index % len(cells)


def layout_with(path, line, cells, target, features=None):
    """The Layout of a file whose target is the column of index `target` (None: it has none).

    `features` are the indices of the columns to take, by default all others.
    """
    features = tuple(index for index in range(len(cells)) if index != target) if features is None else tuple(features)
    if not features:
        raise DataError(f"{path}: expected at least one column of features, found only the target column")
    return Layout(_header(path, line, cells, features), features, target)


def _header(path, line, cells, features):
    """The names in the first row, or None where it holds data: feature cells are all names or all numbers."""
    names = [index for index in features if cells[index].strip() and number(cells[index]) is None]
    if not names:
        return None
    if len(names) < len(features):
        other = next(index for index in features if index not in names)
        raise DataError(
            f"{path}: line {line}: neither a header nor numbers: column {names[0] + 1} holds {cells[names[0]]!r}, "
            f"column {other + 1} {cells[other]!r}; expected a name in each or a number in each"
        )
    header = tuple(cell.strip() for cell in cells)
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(f"{path}: line {line}: the header names two columns {twice!r}; expected every name once")
    return header


def _add_row(path, layout, line, cells, values, labels):
    features = [cells[index] for index in layout.features]
    try:
        if "_" in "".join(features):
            raise ValueError
        values.extend(map(float, features))
    except ValueError:
        bad = next(index for index in layout.features if number(cells[index]) is None)
        _refuse_cell(path, layout, line, bad, cells[bad], "a number")
    if layout.target is not None:
        label = cells[layout.target].strip()
        if not label or not math.isfinite(number(label) or 0):
            _refuse_cell(path, layout, line, layout.target, label, "a label")
        labels.append(label)


def _refuse_cell(path, layout, line, column, cell, expected):
    cell = cell if len(cell) <= 60 else cell[:57] + "..."
    found = repr(cell) if cell.strip() else "an empty cell"
    raise DataError(f"{path}: line {line}, {layout.column(column)}: expected {expected}, found {found}")


def _plausibility(path, delimiter):
    """Ranks a delimiter by the rows it gives: more than one column, all rows alike, many columns."""
    widths = []
    try:
        with closing(_rows(path, delimiter)) as rows:
            widths.extend(len(cells) for _, cells in islice(rows, _SAMPLE))
    except DataError:
        pass  # the wrong delimiter may break the quoting; the right one reports the fault when the file is read
    first = widths[0] if widths else 0
    return first > 1, len(set(widths)) == 1, first


def _rows(path, delimiter):
    """Yield the number of the line where each row starts, and its cells; blank lines at either end are skipped."""
    with reading(path), open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
        line, blank, begun = 1, None, False
        try:
            for cells in reader:
                if len(cells) > 1 or any(cell.strip() for cell in cells):
                    if begun and blank:
                        raise DataError(f"{path}: line {blank}: is blank, with more rows below; expected a row")
                    yield line, cells
                    begun, blank = True, None
                else:
                    blank = blank or line
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}: line {line}: {error}") from None
        except UnicodeDecodeError:
            raise DataError(f"{path}: line {_undecodable_line(path)}: is not UTF-8 text") from None


def _undecodable_line(path):
    with open(path, "rb") as file:
        for line, content in enumerate(file, start=1):
            try:
                content.decode("utf-8")
            except UnicodeDecodeError:
                return line
    return "?"


def _listed(names):
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
