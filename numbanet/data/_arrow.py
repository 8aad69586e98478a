"""Parquet and Arrow files, by pyarrow."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from numbanet.data._files import reading
from numbanet.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numbanet._types import StrPath


MOST_CELLS, FREE_CELLS = 1000, 1 << 27  # for each byte of a file; but so many are no harm
_FILE, _STREAM = b"ARROW1", b"\xff\xff\xff\xff"
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def read_parquet(path: StrPath, chosen: Callable[[Sequence[str]], list[str]]) -> Any:
    """A table of pyarrow: the columns of a Parquet file that `chosen` picks from their names.

    Raises
    ------
    DataError
        For a file that is missing or damaged, and names that are there twice.
    ImportError
        Where pyarrow is not installed.
    """
    import_arrow(path)
    from pyarrow.parquet import ParquetFile

    with reading(path, Exception), open(path, "rb") as file, ParquetFile(file) as parquet:
        names = without_index(parquet.schema_arrow)
        _refuse_twice(path, names)
        wanted = chosen(names)
        _check_cells(path, os.fstat(file.fileno()).st_size, parquet.metadata.num_rows * len(wanted))
        return _whole(parquet.read(columns=wanted))


def read_arrow(path: StrPath, chosen: Callable[[Sequence[str]], list[str]]) -> Any:
    """As `read_parquet`, of a file of Arrow's: Feather, or IPC as a file or as a stream."""
    arrow = import_arrow(path)
    with reading(path, Exception), open(path, "rb") as file:
        start = file.read(len(_FILE))
        file.seek(0)
        if start == _FILE:
            reader = arrow.ipc.open_file(file)
        elif start.startswith(_STREAM):
            file.seek(-len(_END_OF_STREAM), os.SEEK_END)
            if file.read() != _END_OF_STREAM:
                raise DataError(f"{path}: cannot be read (the stream of Arrow ends early)")
            file.seek(0)
            reader = arrow.ipc.open_stream(file)
        else:
            raise DataError(f"{path}: cannot be read (it is no file of Arrow)")
        names = without_index(reader.schema)
        _refuse_twice(path, names)
        return _whole(reader.read_all().select(chosen(names)))


def _check_cells(path: StrPath, size: int, cells: int) -> None:
    """DataError where a file of so many bytes holds so many cells that it may have been made to fill the memory."""
    if cells > max(FREE_CELLS, MOST_CELLS * size):
        raise DataError(
            f"{path}: expected at most {MOST_CELLS:,} numbers for each of its {size:,} bytes, found {cells:,}; if "
            f"those are meant, store them as another kind of file"
        )


def _whole(table: Any) -> Any:
    """The table in one piece, once Arrow has seen that nothing in it points elsewhere, which damaged files may do."""
    table.validate(full=True)
    return table.combine_chunks()


def without_index(schema: Any) -> list[str]:
    """The names of the columns, without that in which pandas keeps an index that has no name."""
    return [name for name in schema.names if not (name.startswith("__index_level_") and name.endswith("__"))]


def import_arrow(path: StrPath) -> Any:
    """pyarrow; MissingExtraError that says what to install."""
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise MissingExtraError(
            f"reading {path} needs pyarrow (extra 'tables'): pip install pyarrow narwhals"
        ) from None
    return pyarrow


def _refuse_twice(path: StrPath, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: two columns are named {twice!r}; expected every name once")
