"""Files that are whole or not there: each is written beside its name, brought to the disk, and then moved there.

An interrupted write never leaves half a file under the name, nor destroys the one that was there. What it left beside
it, `<name>.<16 digits>.tmp`, goes with the next write of that name: a live writer holds a lock on its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from ._types import StrPath


try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LEFT_SECONDS = 3600  # age from which a file is taken for one that was left, where there are no locks to tell by


@contextlib.contextmanager
def replacing(path: StrPath) -> Iterator[IO[bytes]]:
    """A new binary file that takes the place of `path` at the end of the block, unless that raises.

    Raises
    ------
    OSError
        Where it cannot be written; it names `path`, whatever system call failed.
    """
    with _naming(path):
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file() and not target.is_dir():
            with open(target, "wb") as file:  # a device or a pipe, which must not be replaced by a file
                yield file
            return
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _remove_leftovers(target)
        temporary, file = _open_beside(target)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if fcntl:  # the lock is held until the file has its name
                    os.replace(temporary, target)
            if not fcntl:  # Windows moves no open file
                os.replace(temporary, target)
            _sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write(path: StrPath, content: bytes) -> None:
    """Write bytes; see `replacing`."""
    with replacing(path) as file:
        file.write(content)


def check_writable(path: StrPath, size: int = 0) -> None:
    """OSError, at once, where a file of so many bytes could not be written there."""
    with _naming(path):
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            return  # what it is shows when it is written
        temporary, file = _open_beside(target)
        file.close()
        temporary.unlink()
        free = shutil.disk_usage(target.parent).free
        if free < size:
            raise OSError(errno.ENOSPC, f"{free:,} bytes are free there, and it takes {size:,}")


@contextlib.contextmanager
def _naming(path: StrPath) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error


def _open_beside(target: Path) -> tuple[Path, IO[bytes]]:
    """A new file of a name that nobody else takes, and locked: (its path, the file)."""
    while True:
        temporary = target.with_name(f"{target.name}.{secrets.token_hex(8)}.tmp")
        file = open(temporary, "xb")  # noqa: SIM115
        if fcntl:
            with contextlib.suppress(OSError):  # a file system without locks; then nobody else gets one either
                fcntl.flock(file, fcntl.LOCK_EX)
        if temporary.exists():
            return temporary, file
        file.close()  # removed between the two, as one that was left


def _remove_leftovers(target: Path) -> None:
    named = re.compile(re.escape(target.name) + r"\.[0-9a-f]{16}\.tmp")
    with contextlib.suppress(OSError):
        for left in [target.with_name(name) for name in os.listdir(target.parent) if named.fullmatch(name)]:
            with contextlib.suppress(OSError):  # a live writer's, or somebody else's
                if fcntl:
                    with open(left, "r+b") as file:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        left.unlink()
                elif time.time() - left.stat().st_mtime > LEFT_SECONDS:
                    left.unlink()


def _sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
