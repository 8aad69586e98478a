"""Where a sweep is kept: a journal of Optuna's, to which each trial is added when it has ended.

It has no trial that is under way, so nothing in it is ever stale. A process that is killed can leave a line that is cut
short at its end, after which Optuna would read nothing more; it is taken away where the file is opened.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from optuna import create_study, load_study
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from .. import _files
from ..errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Literal

    from optuna.study import Study

    from .._types import StrPath


NAME = "sweep"  # of the study in a journal, and of what is known about it
BEGINNING = b'{"op_code"'  # of each line of Optuna's


@contextlib.contextmanager
def locked(path: StrPath) -> Iterator[None]:
    """A block in which no other sweep adds to the journal, which is made where it is missing.

    Raises
    ------
    DataError
        Where another is at work on it.
    OSError
        Where it cannot be written.
    """
    with open(path, "ab+") as file:
        try:
            if _files.fcntl:
                _files.fcntl.flock(file, _files.fcntl.LOCK_EX | _files.fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{path}: another sweep is at work on it") from None
        except OSError:  # a file system without locks
            pass
        file.seek(0)
        content = file.read()
        if content.startswith(BEGINNING) and not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
        Path(f"{path}.lock").unlink(missing_ok=True)  # Optuna's own, which outlives a process that is killed
        yield


def stored(path: StrPath) -> Study | None:
    """The study in a journal that is locked; None where there is none yet.

    Raises
    ------
    DataError
        Where the file is no journal, or damaged.
    """
    try:
        storage = _storage(path)
        if NAME not in (study.study_name for study in storage.get_all_studies()):
            return None
        study = load_study(storage=storage, study_name=NAME)
        if NAME not in study.user_attrs and not study.trials:  # killed before it was known what it is
            os.truncate(path, 0)
            return None
        study.user_attrs[NAME]["settings"]
        return study
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not the journal of a sweep, or damaged ({error})") from None


def new(path: StrPath, direction: Literal["minimize", "maximize"], about: dict[str, Any]) -> Study:
    """A new study in a journal that is locked and has none; `about` is what is known of it, as JSON can hold it."""
    study = create_study(storage=_storage(path), study_name=NAME, direction=direction)
    study.set_user_attr(NAME, about)
    return study


def peek(path: StrPath) -> dict[str, Any] | None:
    """The settings of the sweep in a journal that another may be at work on; None where there are none."""
    with open(path, "rb") as file:
        for line in file:
            try:
                entry = json.loads(line)
                if NAME in entry.get("user_attr", {}):
                    return entry["user_attr"][NAME]["settings"]
            except (AttributeError, KeyError, TypeError, ValueError):  # not a journal, or damaged
                return None
    return None


def check_settings(path: StrPath, before: dict[str, Any], now: dict[str, Any]) -> None:
    """DataError that names the first setting which is another than that of the sweep in the journal."""
    for name, value in now.items():
        if before.get(name) != value:
            raise DataError(
                f"{path}: holds a sweep with another {name}: {before.get(name)!r}, got {value!r}; choose another folder"
            )


def _storage(path: StrPath) -> JournalStorage:
    path = str(path)
    return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
