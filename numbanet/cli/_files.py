"""Where results go: a folder for each run, and text files that are whole or not there."""

import contextlib
import itertools
import os
import tempfile
from pathlib import Path

from .. import _files
from ..checkpoint import RUN_MODEL
from ._status import UsageError

MODEL, HISTORY, RECORD, STATE = RUN_MODEL, "history.csv", "run.json", "state.npz"


def state_name(place):
    """The state of training of the network at that place, of several."""
    return STATE if place == 0 else f"state-{place + 1}.npz"


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
        Where `output` holds a run already, or nothing can be written there.
    """
    try:
        folder, made = _make(Path(output)) if output is not None else (_next_free(name), True)
    except OSError as error:
        raise UsageError(f"--output: cannot make the folder {error.filename}: {error.strerror}") from None
    held = [name for name in (MODEL, HISTORY, RECORD, STATE) if (folder / name).exists()]
    if held:
        remedy = f", or go on with --resume {folder}" if STATE in held else ""
        raise UsageError(f"--output: {folder} holds {', '.join(held)} of another run; choose another folder{remedy}")
    try:
        check_writable(folder / MODEL)
        yield folder
    finally:
        if made:
            with contextlib.suppress(OSError):  # not empty: as it should be
                folder.rmdir()


class Store:
    """What takes the files of a run: its folder or, where one of them cannot be written there, a new one elsewhere.

    Attributes
    ----------
    paths : dict
        Where each file is, by its name.
    failure : OSError or None
        Why they are not all in the folder.
    """

    def __init__(self, folder):
        self.paths, self.failure, self._folder = {}, None, folder

    def write(self, name, write):
        """Have ``write(path)`` write a file; OSError, of the folder, where that goes nowhere."""
        try:
            write(self._folder / name)
        except OSError as error:
            if self.failure:
                raise
            self.failure, self._folder = error, _refuge(name, write, error)
        self.paths[name] = self._folder / name


def _refuge(name, write, error):
    """A new folder where that file could be written: among temporary files, at home, or here."""
    for place in (tempfile.gettempdir(), os.path.expanduser("~"), os.getcwd()):
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="numbanet-", dir=place))
            try:
                write(folder / name)
            except OSError:
                folder.rmdir()
            else:
                return folder
    raise error


def _make(folder):
    """`folder`, and whether it had to be made."""
    if folder.is_dir():
        return folder, False
    folder.mkdir(parents=True)
    return folder, True


def _next_free(name):
    """A folder of that name and the lowest number that was free, made in one go, so that no two runs share one."""
    for number in itertools.count(1):
        folder = Path("numbanet-runs", f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not folder.exists():  # something that is no folder has the name of the one above
                raise


def check_writable(path, option="--output", size=0):
    """UsageError where a file of so many bytes could not be written there."""
    if Path(path).is_dir():
        raise UsageError(f"{option}: {path} is a folder; expected the name of a file")
    try:
        _files.check_writable(path, size)
    except OSError as error:
        raise UsageError(f"{option}: cannot write {path}: {error.strerror}") from None


def write_text(path, text):
    """Write a file that is whole or not there."""
    _files.write(path, text.encode())
