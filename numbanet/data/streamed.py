"""Tables in Parquet files that are read piece by piece, for a network to learn from without being in memory."""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numbanet._checks import integer
from numbanet._mapped import Mapped
from numbanet.data._arrow import import_arrow, without_index
from numbanet.data._files import naming, reading
from numbanet.data._text_table import Wanted, check_columns
from numbanet.data.dataset import Dataset
from numbanet.data.labelled import named_targets, targets_of, with_targets
from numbanet.data.reading import read_table
from numbanet.data.table import Table
from numbanet.data.tables import targets_in_words
from numbanet.data.targets import check_task
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numbanet._types import Array, ArrayLike, StrPath, Task
    from numbanet.data.preprocessing import TablePreprocessor
    from numbanet.data.tables import Target


PIECE_ROWS = 1 << 16  # that are decoded at a time
FOOTER = 1 << 20  # bytes at the end of a file that tell it from others
SAMPLED = 200_000  # rows that a preprocessor learns from


class StreamedTable(Table):
    """A table in a Parquet file, of which only rows that are asked for are ever in memory.

    ``table[rows]`` reads these rows, as a `Table`; `sample` draws some to fit a `TablePreprocessor` on, and `transform`
    writes what it makes of all rows into a scratch file, which is mapped.

    Parameters
    ----------
    path : str or path
    categorical, drop, dates
        As of `read_table`.

    Raises
    ------
    DataError, ImportError
        As `read_table`.
    """

    def __init__(
        self,
        path: StrPath,
        *,
        categorical: Collection[str] = (),
        drop: Collection[str] = (),
        dates: Collection[str] = (),
    ) -> None:
        self.path = os.fspath(path)
        self._arrow = import_arrow(path)
        with reading(path, Exception), open(path, "rb") as file:
            parquet = self._opened(file)
            names, self._rows = without_index(parquet.schema_arrow), parquet.metadata.num_rows
        check_columns(path, Wanted(categorical, drop, dates), names)
        self._chosen = [name for name in names if name not in drop]
        self._options: dict[str, Any] = {
            "categorical": [name for name in categorical if name in self._chosen],
            "dates": dates if isinstance(dates, dict) else [name for name in dates if name in self._chosen],
        }
        if not self._rows or not self._chosen:
            raise DataError(f"{path}: expected at least one row of at least one column")
        first = next(self._pieces())[1]
        with naming(path):
            shown = Table.from_frame(first, **self._options)
        super().__init__(shown.columns, shown.numbers[:0], shown.codes[:0], shown.notes)

    def __len__(self) -> int:
        return self._rows

    @property
    def shape(self) -> tuple[int, int]:
        return self._rows, len(self.columns)

    def __getitem__(self, what: Any) -> Table:
        """The rows of a slice, an array of places or of booleans, as a Table in memory."""
        places = np.arange(self._rows)[what] if isinstance(what, slice) else np.atleast_1d(np.asarray(what))
        if places.dtype == bool:
            places = np.flatnonzero(places)
        if places.dtype.kind not in "iu" or (len(places) and not 0 <= places.min() <= places.max() < self._rows):
            raise TypeError(f"rows: expected places from 0 to {self._rows - 1}, a slice or booleans")
        rising, back = np.unique(places, return_inverse=True)
        taken: list[Any] = []
        for start, piece in self._pieces():
            first, last = np.searchsorted(rising, (start, start + len(piece)))
            if first < last or not taken:
                taken.append(piece.take(self._arrow.array(rising[first:last] - start)))
        with naming(self.path):
            found = Table.from_frame(self._arrow.concat_tables(taken).combine_chunks(), **self._options)
        return found if len(rising) == len(places) and (np.diff(back) == 1).all() else found[back]

    def sample(self, count: int = SAMPLED, seed: int = 0, left_out: ArrayLike | None = None) -> Table:
        """At least half of so many rows drawn at random, or all there are, but for those that are left out."""
        count = integer("count", count, 1)
        if self._rows <= count:
            rows = np.arange(self._rows)
        else:
            rows = np.unique(np.random.default_rng(seed).integers(self._rows, size=count))
        return self[rows if left_out is None else np.setdiff1d(rows, np.asarray(left_out, np.int64))]

    def transform(self, preprocessor: TablePreprocessor, folder: StrPath | None = None) -> Array:
        """What a fitted preprocessor makes of all rows: shape (N, layout.width), of its dtype, mapped.

        It lies in a scratch file without a name, which the system takes away with the array, whatever happens; in
        `folder`, or by default where TMPDIR says, or in the working folder.

        Raises
        ------
        DataError
            Where the disk has not enough room, or a piece of the file is damaged.
        """
        shape = self._rows, preprocessor.layout.width
        folder = Path(folder or os.environ.get("TMPDIR") or os.getcwd())
        size = shape[0] * shape[1] * preprocessor.dtype.itemsize
        if (free := shutil.disk_usage(folder).free) < size:
            raise DataError(f"{self.path}: takes {size:,} bytes of scratch in {folder}, where {free:,} are free")
        with tempfile.TemporaryFile(dir=folder) as file:
            file.truncate(size)
            out: Any = np.memmap(file, preprocessor.dtype, "r+", shape=shape)
        mapped = Mapped.of(out)
        for start, piece in self._pieces():
            with naming(f"{self.path}: rows from {start} on"):
                preprocessor.transform(piece, out=out[start : start + len(piece)])
            if mapped is not None:
                mapped.give_back(start, start + len(piece))
        return out

    def checksum(self) -> int:
        """A number that tells the file from others, by its end: where all pieces lie, and between what their values."""
        with reading(self.path), open(self.path, "rb") as file:
            file.seek(max(0, os.path.getsize(self.path) - FOOTER))
            return zlib.crc32(file.read(), self._rows & 0xFFFFFFFF)

    def _opened(self, file: Any) -> Any:
        from pyarrow.parquet import ParquetFile

        return ParquetFile(file, pre_buffer=False)

    def _pieces(self) -> Iterator[tuple[int, Any]]:
        """All rows in pieces: the number of the first, and a table of pyarrow."""
        start = 0
        with reading(self.path, Exception), open(self.path, "rb") as file:
            for batch in self._opened(file).iter_batches(PIECE_ROWS, columns=self._chosen):
                yield start, self._arrow.Table.from_batches([batch])
                start += len(batch)


def load_streamed(
    path: StrPath,
    target: Target = None,
    *,
    task: Task | None = None,
    drop: Collection[str] = (),
    categorical: Collection[str] = (),
    dates: Collection[str] = (),
    id: str | None = None,
) -> tuple[Dataset, Array]:
    """As `load_table`, of a Parquet file whose features are left in it.

    Returns
    -------
    dataset : Dataset
        X a `StreamedTable`, y as `load_table` gives it.
    left_out : ndarray of int64
        The rows without a target, whose y means nothing.

    Raises
    ------
    DataError, ImportError
        As `load_table`.
    """
    check_task(task)
    kept = [] if id is None else [id]
    whole = StreamedTable(path, categorical=categorical, drop=drop, dates=dates)
    names = named_targets(path, whole, target, kept, must=True)
    X = StreamedTable(path, categorical=categorical, drop=[*drop, *names, *kept], dates=dates)
    others = [name for name in whole.names if name not in names]
    table = read_table(path, categorical=[name for name in categorical if name in names], drop=[*drop, *others])
    rows = with_targets(table, names)
    if not rows.any():
        raise DataError(f"{path}: column {names[0]}: the target is missing in every row")
    with naming(path):
        y, classes = targets_of(table.select(names)[rows], task)
    told = targets_in_words(y, classes, task)
    if not rows.all():
        every = np.zeros((len(rows), *y.shape[1:]), y.dtype)
        every[rows], y = y, every
        told += f"; {np.count_nonzero(~rows):,} rows without one are left out"
    task = "regression" if classes is None else "classification"
    notes = (*X.notes, "read piece by piece, not into memory", f"target {', '.join(names)}: {told}")
    name = Path(path).name.partition(".")[0]
    dataset = Dataset(X, y, classes, task=task, target_names=tuple(names), name=name, id_name=id, notes=notes)
    return dataset, np.flatnonzero(~rows)
