"""``numbanet train --resume``: the state of a run, beside its record, and how it goes on."""

import argparse
import contextlib
import json
from pathlib import Path
from time import perf_counter

from ..errors import CheckpointError, DataError
from ..training import state
from ._files import MODEL, RECORD, STATE, check_writable
from ._options import flag
from ._status import UsageError

EVERY = 10.0  # seconds between two states that are written
OWN = ("threads", "quiet")  # options that may be others than the run began with


class States:
    """A callback that writes the state of training now and then, at the end of an epoch.

    Parameters
    ----------
    path : Path
    say : callable, or None
        Takes a line, where it cannot be written; training goes on.

    Attributes
    ----------
    there : bool
        Whether a run that is killed now could be resumed.
    """

    def __init__(self, path, say):
        self.path, self._say, self._written = path, say, perf_counter()
        self.there = path.exists()

    def on_epoch_end(self, solver, logs):
        if solver.step < solver.num_steps and perf_counter() - self._written >= EVERY:
            self.write(solver)

    def write(self, solver):
        """Write it, but of a training that has not begun; whether that went well."""
        if not solver.step:
            return False
        try:
            solver.save(self.path)
        except OSError as error:
            if self._say:
                self._say(f"numbanet: note: cannot write {self.path}: {error.strerror}")
            return False
        self._written, self.there = perf_counter(), True
        return True

    def remove(self):
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.there = False


def resumed(arguments, defaults):
    """The arguments that the run in a folder began with, and its record; UsageError where there is none to go on with.

    `defaults` are the arguments of ``numbanet train`` alone: other options than those of `OWN` cannot be given.
    """
    folder = Path(arguments.resume)
    for name, value in vars(arguments).items():
        if name not in ("resume", *OWN) and value != getattr(defaults, name):
            raise UsageError(f"{flag(name)}: --resume goes on with the options of {folder}, as run.json has them")
    if not folder.is_dir():
        raise UsageError(f"--resume: {folder}: no such folder")
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        ended = record["result"]["ended"]
        options = argparse.Namespace(**{**vars(defaults), **record["options"]})
        record["data"]["fingerprint"]
    except FileNotFoundError:
        raise UsageError(f"--resume: {folder} holds no {RECORD}; expected the folder of a run") from None
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise UsageError(f"--resume: {folder / RECORD}: not a record of numbanet train, or damaged ({error})") from None
    if not (folder / STATE).is_file():
        why = "its run was stopped before its first state was written" if ended == "running" else f"its run is {ended}"
        raise UsageError(f"--resume: {folder} holds no {STATE} to go on from: {why}")
    options.output, options.quiet = str(folder), arguments.quiet
    options.threads = arguments.threads if arguments.threads is not None else options.threads
    return options, record


@contextlib.contextmanager
def resumed_folder(folder):
    """What `run_folder` is to a run that begins."""
    check_writable(Path(folder) / MODEL, option="--resume")
    yield Path(folder)


def check_data(record, parts):
    """DataError where the data are not those that the run began with."""
    began = record["data"]
    for what, value in (
        ("fingerprint", parts.fingerprint),
        ("labels", parts.labels),
        ("train", parts.num_train),
        ("validation", len(parts.validation)),
        ("test", len(parts.test)),
    ):
        if began[what] != value:
            examples = "" if what in ("fingerprint", "labels") else " examples"
            raise DataError(
                f"{parts.source}: holds other data than the run began with: {what}{examples} {value}, and "
                f"{began[what]} then"
            )


def take_up(path, solver):
    """Have the solver go on from a state; CheckpointError where it is of another run."""
    try:
        state.restore_solver(path, solver, resumed=True)
    except CheckpointError as error:
        raise UsageError(f"--resume: {error}") from None
