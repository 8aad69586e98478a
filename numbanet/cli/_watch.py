"""Following a training: what is shown, what is kept, and how Ctrl-C stops it."""

import contextlib
import csv
import io
import os
import signal
import sys
import threading
from time import perf_counter

from .._progress import display
from ..kernels import _machine
from ._status import INTERRUPTED

COLUMNS = ("epoch", "loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


class Watch:
    """What a Solver calls by `step` and `epoch` while `run` trains.

    Parameters
    ----------
    say : callable, or None
        Takes a line to tell the user; None for no progress at all.

    Attributes
    ----------
    rows : list of tuple
        The history, by `COLUMNS`: one row for each whole epoch.
    seconds, seconds_compiling : float
        How long training took besides compiling kernels, and how long those took.
    interrupted : bool
    """

    def __init__(self, say):
        self._say = say
        self.rows, self.interrupted, self.seconds = [], False, 0.0
        self._compilations = _machine.Compilations(self._announce)
        self._display, self._told, self._counted = None, False, 0

    @property
    def seconds_compiling(self):
        return self._compilations.seconds

    def run(self, solver):
        """Train; TrainingDiverged passes through."""
        self._rate = solver.learning_rate
        started = self._lap = perf_counter()
        try:
            with self._compilations, _ctrl_c(self._press):
                solver.train()
        finally:
            self.seconds = self._clock() - started
            if self._display:
                self._display.close()

    def step(self, solver):
        """For `on_progress`."""
        if self._say:
            self._display = self._display or display(solver)  # after the first step, which is when kernels compile
            self._display.step()
            if solver.crowded and not self._told:
                self._told = True
                self._display.say(f"numbanet: note: {solver.crowded}; --threads N keeps N")
        return self.interrupted

    def epoch(self, solver):
        """For `on_epoch`."""
        if solver.epoch > len(self.rows):  # neither the first step nor an epoch that Ctrl-C cut short
            losses, now = solver.loss_history[self._counted :], self._clock()
            histories = solver.train_acc_history, solver.val_loss_history, solver.val_acc_history
            measured = [history[-1] for history in histories]
            self.rows.append((solver.epoch, sum(losses) / len(losses), *measured, self._rate, now - self._lap))
            self._counted, self._lap, self._rate = len(solver.loss_history), now, solver.learning_rate

    def history(self):
        """The rows as CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *self.rows])
        return text.getvalue()

    def _clock(self):
        """The time, as if nothing had been compiled."""
        return perf_counter() - self._compilations.seconds

    def _announce(self):
        if self._say:
            self._say("compiling kernels, once per machine; this can take a minute ...")

    def _press(self, signum, frame):
        # Not through `print`, which must not be entered again while it is at work.
        if self.interrupted:
            os.write(sys.stderr.fileno(), b"\nnumbanet: interrupted; nothing was saved\n")
            raise SystemExit(INTERRUPTED)  # the Solver would take a KeyboardInterrupt as a wish to stop and save
        self.interrupted = True
        os.write(sys.stderr.fileno(), b"\nnumbanet: stopping after this step; Ctrl-C again quits at once\n")


@contextlib.contextmanager
def _ctrl_c(handler):
    """Within the block Ctrl-C calls `handler`, if it would raise KeyboardInterrupt otherwise."""
    main = threading.current_thread() is threading.main_thread()
    ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
