"""Following a training: what is shown, what is kept, and how Ctrl-C stops it."""

import contextlib
import csv
import io
import os
import signal
import sys
import threading
from time import perf_counter

from .._many import train_many
from ..runtime import machine
from ..training.progress import display
from ._status import INTERRUPTED, TERMINATED

ENDINGS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


class Watch:
    """A callback of the Solver that `run` trains.

    Parameters
    ----------
    say : callable, or None
        Takes a line to tell the user; None for no progress at all.
    columns : dict
        Of history.csv, with the names of the Solver's history.

    Attributes
    ----------
    rows : list of tuple
        The history, by `columns` and seconds: one row for each whole epoch.
    seconds, seconds_compiling : float
        How long training took besides compiling kernels, and how long those took.
    interrupted : int
        The exit status by which Ctrl-C or SIGTERM wants the run to end, or 0.
    """

    def __init__(self, say, columns):
        self._say, self.columns = say, columns
        self.rows, self.interrupted, self.seconds = [], 0, 0.0
        self._solver, self._over = None, False  # while it trains, and afterwards
        self._ends = None  # what is to be raised where it can be
        self._compilations = machine.Compilations(self._announce)
        self._display, self._told = None, False
        self._before = self._started = 0.0  # seconds before the run was resumed; when it was begun or resumed

    @property
    def seconds_compiling(self):
        return self._compilations.seconds

    @contextlib.contextmanager
    def listening(self):
        """Within the block Ctrl-C and SIGTERM end the run: at once before it trains, after a step while it trains.

        Then they wait until what was learnt is saved. Signals that the process ignores or handles are left alone.
        """
        before = {}
        if threading.current_thread() is threading.main_thread():
            for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) is handler:
                    before[number] = signal.signal(number, self._press)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self, solver, *others):
        """Train, `others` side by side; TrainingDiverged passes through."""
        self._solver, self._others = solver, others
        self._started = self._lap = perf_counter()
        try:
            with self._compilations:
                _run([solver, *others])
        finally:
            self._solver, self._over = None, True
            self.seconds = self._before + self._clock() - self._started
            if self._display:
                self._display.close()
        self._quit()

    def on_progress(self, solver, logs):
        self._quit()
        if self._say:
            self._display = self._display or display(solver)  # after the first step, which is when kernels compile
            self._display.step()
            if solver.crowded and not self._told:
                self._told = True
                self._display.say(f"numbanet: note: {solver.crowded}")
        return bool(self.interrupted)

    def on_epoch_end(self, solver, logs):
        now = self._clock()
        self.rows.append((*(logs[name] for name in self.columns.values()), now - self._lap))
        self._lap = now

    def follower(self):
        """A callback that ends another training with this one."""
        return _Follower(self)

    def state(self):
        return {"rows": self.rows, "seconds": self._before + self._clock() - self._started}

    def take_up(self, state):
        self.rows, self._before = [tuple(row) for row in state["rows"]], float(state["seconds"])

    def history(self):
        """The rows as CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([(*self.columns, "seconds"), *self.rows])
        return text.getvalue()

    def _clock(self):
        """The time, as if nothing had been compiled."""
        return perf_counter() - self._compilations.seconds

    def _announce(self):
        if self._say:
            self._say("compiling kernels, once per machine; this can take a minute ...")

    def _press(self, number, frame):
        if self._over:
            return
        again, self.interrupted = bool(self.interrupted), ENDINGS[number]
        if self._solver and not again:
            for solver in (self._solver, *self._others):
                solver.stop()
            self._tell("stopping after this step, or the kernel that compiles; Ctrl-C again quits at once")
            return
        if not self._ends:  # the Solver would take a KeyboardInterrupt as a wish to stop and save
            self._ends = SystemExit(self.interrupted)
            self._tell("interrupted; nothing was saved" if again else "interrupted")
        if not _in_compiler(frame):
            raise self._ends

    def _quit(self):
        """End the run, where that had to wait for the compiler."""
        if self._ends:
            raise self._ends

    @staticmethod
    def _tell(text):
        # Not through `print`, which must not be entered again while it is at work.
        try:
            stream = sys.stderr.fileno()
        except (AttributeError, OSError):  # what stands in for it, as in a notebook, is no file
            stream = 2
        os.write(stream, f"\nnumbanet: {text}\n".encode())


class _Follower:
    def __init__(self, watch):
        self.on_train_begin = self.on_progress = lambda solver, logs: bool(watch.interrupted)


def _run(solvers):
    if len(solvers) == 1:
        solvers[0].run()
        return
    for error in train_many(solvers):
        if error is not None:
            raise error


def _in_compiler(frame):
    """Whether a signal came where the compiler is at work, which swallows exceptions and prints them."""
    while frame:
        if frame.f_globals.get("__name__", "").partition(".")[0] in ("numba", "llvmlite"):
            return True
        frame = frame.f_back
    return False
