"""Compiling several functions at a time: in this process, and in others that put what they make into the cache.

Numba compiles one function at a time in a process. What a program needs is known before any of it runs, so it is
compiled on as many cores as there are threads. Nothing depends on those processes: where none can be had, or one ends
early, what it has not done is compiled here.
"""

import base64
import collections
import contextlib
import os
import pickle
import pkgutil
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from . import cache, machine
from .compiling import is_own, is_ready
from .internals import Dispatcher, is_parallel
from .threads import get_num_threads

MOST_PROCESSES = 4
START_SECONDS = 0.5  # of a process, until it compiles
# About how long a kernel takes to compile, by the size of its bytecode and that of all its pieces.
SECONDS_PER_BYTE = 1.2e-4
PATIENCE = 120.0  # seconds that a process may take for one job
COMMAND = "import sys; sys.path[:] = sys.argv[1:]; from numbanet.runtime.ahead import work; work()"


@dataclass(frozen=True)
class Job:
    """A function of ours that is to be compiled for arguments of some types.

    Attributes
    ----------
    module, name, form : str
        Where it stands; which form of a kernel it is.
    types : tuple of numba types
    """

    module: str
    name: str
    form: str
    types: tuple

    @classmethod
    def of(cls, dispatcher, types):
        return cls(
            dispatcher.__module__, dispatcher.__name__, "parallel" if is_parallel(dispatcher) else "serial", types
        )

    @property
    def dispatcher(self):
        function = pkgutil.resolve_name(f"{self.module}:{self.name}")
        return getattr(function, self.form, function)

    @property
    def ready(self):
        return is_ready(self.dispatcher, self.types)

    @property
    def seconds(self):
        """About how long it takes."""
        return SECONDS_PER_BYTE * sum(len(function.__code__.co_code) for function in _reached(self.dispatcher.py_func))

    def run(self):
        self.dispatcher.compile(self.types)


def _reached(function):
    """The functions that one calls, and those that they call, and itself."""
    found, left = set(), [function]
    while left:
        function = left.pop()
        if function not in found:
            found.add(function)
            code = function.__code__
            known = {**function.__globals__, **dict(zip(code.co_freevars, function.__closure__ or (), strict=True))}
            named = [known.get(name) for name in (*code.co_names, *code.co_freevars)]
            named = [getattr(value, "cell_contents", value) for value in named]
            left += [value.py_func for value in named if isinstance(value, Dispatcher)]
    return found


def prepare(calls):
    """Compile what is missing of a list of (function, types of its arguments), if it pays to do so side by side.

    What is not compiled here, is when it is first needed.
    """
    folder = cache.cache_folder()
    jobs = [(Job.of(function, types), function) for function, types in dict.fromkeys(calls) if is_own(function)]
    jobs = [job for job, function in jobs if job.dispatcher is function and not job.ready]
    processes = _processes(jobs)
    if processes > 1 and folder and _turn.acquire(blocking=False):
        try:
            with machine.compiling():
                for _ in side_by_side(jobs, processes):
                    pass
        finally:
            _turn.release()


_turn = threading.Lock()  # of threads that prepare: one of them has the other processes


def _processes(jobs):
    """How many are worth starting."""
    seconds = sum(job.seconds for job in jobs)
    return min(get_num_threads(), MOST_PROCESSES, len(jobs), 1 + int(seconds / 2 / START_SECONDS))


def can_start():
    """Whether there is a Python to start: not in a program that has one built in, which would start itself again."""
    executable = Path(sys.executable or "")
    return executable.stem.lower().startswith("python") and not getattr(sys, "frozen", False)


def side_by_side(jobs, processes):
    """Compile in so many processes, of which this is one; gives each job when it is done. The largest begin first."""
    waiting = collections.deque(sorted(jobs, key=lambda job: -job.seconds))
    with _Workers(waiting, processes - 1 if can_start() else 0) as workers:
        for _ in jobs:
            job = workers.next()
            if not job.ready:  # one that waited; or the process that was at it has ended
                job.run()
            yield job


class _Workers:
    """Processes that take jobs from those that wait, while the block lasts."""

    def __init__(self, waiting, count):
        self._waiting, self._finished, self._processes = waiting, queue.SimpleQueue(), []
        self._environment = {**os.environ, "NUMBANET_CACHE_DIR": str(cache.cache_folder().parent)} if count else None
        for _ in range(count):
            try:
                self._processes.append(self._start())
            except OSError:  # no memory for it, or it is not allowed
                break

    def _start(self):
        command = [sys.executable, "-c", COMMAND, *sys.path]
        quiet = {"stderr": subprocess.DEVNULL, "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=self._environment, **pipes, **quiet)

    def __enter__(self):
        for process in self._processes:
            threading.Thread(target=self._feed, args=(process,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._waiting.clear()
        self._kill()
        for process in self._processes:
            process.communicate()

    def _kill(self):
        for process in self._processes:
            process.kill()

    def _feed(self, process):
        """Give a process one job after the other, until it has ended or none waits."""
        answer = process.stdout.readline()  # it is there
        while answer:
            try:
                job = self._waiting.popleft()
            except IndexError:
                return
            try:
                print(base64.b64encode(pickle.dumps(job)).decode(), file=process.stdin, flush=True)
                answer = process.stdout.readline()
            except (OSError, ValueError):
                answer = ""
            finally:
                self._finished.put(job)  # or given up

    def next(self):
        """A job that a process is through with; if there is none, one that waits."""
        with contextlib.suppress(queue.Empty):
            return self._finished.get_nowait()
        with contextlib.suppress(IndexError):
            return self._waiting.popleft()
        with contextlib.suppress(queue.Empty):
            return self._finished.get(timeout=PATIENCE)
        self._kill()  # which ends what they are at
        return self._finished.get()


def work():
    """What such a process does: a job for each line, and a line for each job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    answers, sys.stdout = sys.stdout, sys.stderr
    print("here", file=answers, flush=True)
    for line in sys.stdin:
        pickle.loads(base64.b64decode(line)).run()
        print("done", file=answers, flush=True)
