"""Where results go: a folder for each run, and text files that are whole or not there."""

import contextlib
import os
from pathlib import Path

from .. import checkpoint
from ._arguments import UsageError

MODEL, HISTORY, RECORD = "model.npz", "history.csv", "run.json"


@contextlib.contextmanager
def run_folder(output, name):
    """A new or empty folder that can be written to, removed again where nothing was put into it.

    Parameters
    ----------
    output : str or None
        The folder that was asked for; None is the first of ``numbanet-runs/<name>-1``, ``-2``, ... that is free.
    name : str

    Raises
    ------
    UsageError
        Where `output` holds a run already.
    OSError
        Where it cannot be written.
    """
    folder, made = _make(Path(output)) if output is not None else (_next_free(name), True)
    held = [name for name in (MODEL, HISTORY, RECORD) if (folder / name).exists()]
    if held:
        raise UsageError(f"--output {folder}: holds {', '.join(held)} of another run; choose another folder")
    try:
        checkpoint.check_writable(folder / MODEL)
        yield folder
    finally:
        if made:
            with contextlib.suppress(OSError):  # not empty: as it should be
                folder.rmdir()


def _make(folder):
    """`folder`, and whether it had to be made."""
    if folder.is_dir():
        return folder, False
    folder.mkdir(parents=True)
    return folder, True


def _next_free(name):
    number = 1
    while True:
        folder = Path("numbanet-runs", f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not folder.parent.is_dir():
                raise
            number += 1
        else:
            return folder


def write_text(path, text):
    """Write a file beside its final name first, so that none is ever half written under it."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
