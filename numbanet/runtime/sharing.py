"""From what size on a team shares an operation: where that saves more than what a meeting of its threads costs.

A meeting is the end of a loop, where each thread waits for the others. What it costs is measured, once for a machine
and a number of threads, and kept beside the compiled kernels.
"""

import contextlib
import functools
import json
import math
import os
from time import perf_counter

import numpy as np
from numba import prange

from . import team, threads
from .cache import cache_folder
from .call_table import LOOPS, Call, Table
from .compiling import compiled

SAVED = 2.0  # costs of a meeting that sharing must save by the estimates, which are wrong by as much
ROWS, TURNS = 500, 100  # of a table of meetings, and how often it is walked
LEAST_NS, MOST_NS = 10.0, 5_000.0  # what a measurement is believed to be between; the latter counts where it is above


def pays(nanoseconds):
    """Whether the calling thread's team is to share an operation that takes one thread so long."""
    count = threads.get_num_threads()
    return count > 1 and nanoseconds * (1 - 1 / count) > SAVED * meeting_nanoseconds(count)


@functools.cache
def meeting_nanoseconds(count):
    """What a meeting of so many threads costs on this machine."""
    folder = cache_folder()
    path = folder and folder / f"meeting-{count}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = float(json.loads(path.read_text())["nanoseconds"])
        if LEAST_NS <= kept < MOST_NS:
            return kept
    found = min(max(measured(count), LEAST_NS), MOST_NS)
    if path and LEAST_NS < found < MOST_NS:
        with contextlib.suppress(OSError):
            part = path.with_name(f"{path.name}.{os.getpid()}")
            part.write_text(json.dumps({"threads": count, "nanoseconds": round(found, 1)}))
            part.replace(path)
    return found


def _visit(marks):
    for i in prange(marks.size):
        marks[i] = i


@functools.cache
def _visited():
    return compiled(_visit)


def compile_all():
    """Compile all that running operations takes besides themselves, as it is otherwise when it is first called."""
    team.meeting()
    Table([Call(_visited(), (np.zeros(1, np.int64),), 0.0)])
    for loop, types in (*LOOPS, *team.LOOPS):
        loop.compile(types)


def measured(count):
    """A measurement of `meeting_nanoseconds`: the least of many, which other programs do not disturb."""
    marks, times = np.zeros(count, np.int64), []
    with threads.at_most(count):
        for nanoseconds in (0.0, 1e9):  # alone, and as a team
            table = Table([Call(_visited(), (marks,), nanoseconds) for _ in range(ROWS)], always=True)
            times.append(min(_spent(table, nanoseconds > 0) for _ in range(TURNS)))
    return (times[1] - times[0]) / ROWS * 1e9


def _spent(table, by_team):
    """Seconds that one walk takes; infinitely many, where it was to be by a team and some did not come in time."""
    started = perf_counter()
    in_time = table.walk()
    return perf_counter() - started if in_time or not by_team else math.inf
