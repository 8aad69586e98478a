"""The rows of delimited text, one after the other, in memory that no file can make large."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from numbanet.data._files import FREE, MOST_TIMES, check_unpacked, reading
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from typing import IO, Any

    from numbanet._types import StrPath


SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes", " ": "blanks"}
MOST_CHARACTERS = 1 << 24  # of one row,
MOST_CELLS = 250_000  # so that neither a line without end nor a quote that is never closed fills the memory
_SAMPLE = 20


def separator_of(path: StrPath) -> str:
    """The separator that makes a table of the file: more than one column, all rows alike, many columns.

    Blanks, which names may have in them, only where no other does.
    """
    ranks = {separator: _plausibility(path, separator) for separator in SEPARATORS}
    blank = ranks.pop(" ")
    best = max(ranks, key=ranks.__getitem__)
    several, _, _ = ranks[best]
    return " " if not several and blank[:2] == (True, True) else best


def _plausibility(path: StrPath, separator: str) -> tuple[bool, bool, int]:
    widths: list[int] = []
    try:
        with closing(rows_of(path, separator)) as rows:
            widths.extend(len(cells) for _, cells in islice(rows, _SAMPLE))
    except DataError:
        pass  # the wrong separator may break the quoting; the right one reports the fault when the file is read
    first, *others = widths or [0]
    alike = set(others or [first])
    return first > 1, len(alike) == 1 and alike <= {first, first + 1}, first  # one more than names, as R writes it


def rows_of(path: StrPath, separator: str) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the number of the line where each row starts, and its cells.

    Blank lines at either end are skipped, and so are lines at the top that begin with ``#``; but where the last of them
    has as many cells as the first row, it holds the names of the columns, and is a row. What gzip has packed is
    unpacked as it is read.
    """
    with reading(path, EOFError, zlib.error), _text(path) as file:
        lines = _Lines(path, file, separator)
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
        blank, begun = None, False
        try:
            for cells in reader:
                line = lines.row_ended()
                if len(cells) > 1 or any(cell.strip() for cell in cells):
                    if begun and blank:
                        raise DataError(f"{path}: line {blank}: is blank, with more rows below; expected a row")
                    if not begun and (names := _named(lines.comments, separator, len(cells))):
                        yield line - 1, names
                    yield line, cells
                    begun, blank = True, None
                else:
                    blank = blank or line
        except csv.Error as error:
            raise DataError(f"{path}: line {lines.row_ended()}: {error}") from None
        except UnicodeDecodeError:
            raise DataError(f"{path}: line {_undecodable_line(path)}: is not UTF-8 text") from None


def of_width(
    path: StrPath, rows: Iterable[tuple[int, list[str]]], width: int, trailing: bool
) -> Iterator[tuple[int, list[str]]]:
    """What `rows_of` yields, each row of so many cells, `trailing` separators taken away; DataError for another."""
    for line, cells in rows:
        if len(cells) != width:
            if not (trailing and len(cells) == width + 1 and not cells[-1].strip()):
                raise DataError(f"{path}: line {line}: expected {width} cells, as in the first row, found {len(cells)}")
            cells = cells[:-1]
        yield line, cells


def _named(comments: list[str], separator: str, width: int) -> list[str] | None:
    """The names of the columns, where the last comment holds as many as there are, as NumPy's savetxt writes them."""
    if not comments or width == 1:
        return None
    text = comments[-1].lstrip("#").strip(" \r\n")
    names = next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
    return ["#", *names[1:]] if len(names) == width and not names[0] else names if len(names) == width else None


def _text(path: StrPath) -> IO[str]:
    """The text of a file, which gzip may have packed."""
    return io.TextIOWrapper(_bytes(path), encoding="utf-8-sig", newline="")


def _bytes(path: StrPath) -> IO[bytes]:
    file = open(path, "rb")  # noqa: SIM115  # closed with what is returned
    packed = file.peek(2)[:2] == b"\x1f\x8b"
    return io.BufferedReader(_Unpacked(path, file)) if packed else file


class _Unpacked(gzip.GzipFile):
    """A file that gzip has packed, which must not be much larger when unpacked: DataError where it is."""

    def __init__(self, path: StrPath, file: IO[bytes]) -> None:
        super().__init__(fileobj=file)
        self._path, self._packed, self._count = path, os.fstat(file.fileno()).st_size, 0
        self.myfileobj = file  # type: ignore[assignment]  # to be closed with this

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self._count += count
        if self._count > max(FREE, MOST_TIMES * self._packed):
            check_unpacked(self._path, self._packed, self._count)
        return count


class _Lines:
    """The lines of a file for csv's reader, which takes several where a quoted cell goes on in the next.

    Attributes
    ----------
    comments : list of str
        The lines at the top that begin with ``#``, which the reader does not see.
    """

    def __init__(self, path: StrPath, file: IO[str], separator: str) -> None:
        self.comments: list[str] = []
        self._path, self._file, self._separator = path, file, separator
        self._number = self._start = self._characters = self._cells = 0
        self._begun = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._next()
        while not self._begun and line.startswith("#"):
            self.comments.append(line)
            self.row_ended()
            line = self._next()
        self._begun = self._begun or bool(line.strip())
        return line.strip(" \t\r\n") + "\n" if self._separator == " " else line

    def _next(self) -> str:
        line = self._file.readline(MOST_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self._start = self._start or self._number
        self._characters += len(line)
        self._cells += line.count(self._separator)
        if self._characters > MOST_CHARACTERS or self._cells > MOST_CELLS:
            raise DataError(
                f"{self._path}: line {self._number}: expected a row of at most {MOST_CELLS:,} cells and "
                f"{MOST_CHARACTERS:,} characters, found more"
            )
        return line

    def row_ended(self) -> int:
        """To be called after each row; returns the number of the line it began on."""
        start, self._start, self._characters, self._cells = self._start, 0, 0, 0
        return start


def _undecodable_line(path: StrPath) -> int | str:
    with _bytes(path) as file:
        for line, content in enumerate(file, start=1):
            try:
                content.decode("utf-8")
            except UnicodeDecodeError:
                return line
    return "?"
