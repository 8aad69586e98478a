"""What every reader of files shares: how a failure becomes a DataError that names the file."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numbanet._types import StrPath


MOST_TIMES = 100  # its size in the file that something may have when unpacked: measured data come to 10,
FREE = 1 << 26  # but so many bytes are no harm


@contextmanager
def reading(path: object, *failures: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong inside the block into a DataError naming `path`: any OSError, and the `failures` listed."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, *failures) as error:  # type: ignore[misc]  # a tuple of exceptions of any length
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{path}: cannot be read ({why})") from error


@contextmanager
def checking(where: object) -> Iterator[None]:
    """Turn the refusal of what was read, a TypeError or ValueError, into a DataError that begins with `where`.

    The checks begin their messages with the name of their argument, for which `where` stands in.
    """
    try:
        yield
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: {str(error).partition(': ')[2]}") from error


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Turn the refusal of what was read into a DataError that names `path` before what it says."""
    try:
        yield
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error


def existing_folder(path: StrPath) -> Path:
    """`path` as a Path, where it is a folder."""
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder, found {'a file' if folder.exists() else 'nothing'}")
    return folder


def check_unpacked(where: object, packed: int, unpacked: int) -> None:
    """DataError where `packed` bytes hold so many that they may have been made to fill the memory."""
    if unpacked > max(FREE, MOST_TIMES * packed):
        raise DataError(
            f"{where}: expected at most {MOST_TIMES} times its {packed:,} bytes when unpacked, found {unpacked:,}; if "
            f"those are meant, store them uncompressed"
        )
