"""Noticing that other programs keep the cores: then one thread is faster than several, which wait for each other.

A parallel region ends when its last thread has ended. Where another program computes on a core too, the thread there
gets a slice of it now and then, and a region takes milliseconds instead of microseconds. The clocks give a sign of it:
several threads work, and the calling one uses less CPU time than goes by. Then, and now and then without that, the same
work is timed on one thread and on all of them.
"""

from time import perf_counter, process_time, thread_time

import numpy as np
from numba import prange

from . import threading_layer, threads
from .dispatch import Kernel

WINDOW = 0.02  # seconds that the clocks are compared over
WAITING = 0.2  # part of them that the calling thread is without CPU time, as a sign
OTHERS = 0.05  # CPU time of the other threads, as part of the calling one's, from where there are any at work
SOON, LATER = 0.25, 5.0  # seconds from one look to the next, with a sign and without
REGIONS = 24  # in a look, which takes 4 ms on two cores that are free
ROUNDS = {"omp": 20_000, "tbb": 20_000, "workqueue": 200_000}  # some 40 µs of work for each thread, or ten times that
WORSE, BETTER = 1.3, 0.9  # times as long as on one thread, from where all are given up, and taken up again


def _work(numbers, rounds):
    for i in prange(numbers.size):
        x = numbers[i]
        for _ in range(rounds):  # Marsaglia's xorshift, in which each step waits for the one before
            x ^= x << np.uint64(13)
            x ^= x >> np.uint64(7)
            x ^= x << np.uint64(17)
        numbers[i] = x


_kernel = Kernel(_work, lambda numbers, rounds: 0.0)


def ratio(count):
    """How long work takes on so many threads just now, as a multiple of the same work on one."""
    layer = threads.apply()
    serial, parallel = _kernel.serial, _kernel.parallel_in_turn if layer == "workqueue" else _kernel.parallel
    numbers, rounds = np.ones(count, np.uint64), np.uint64(ROUNDS[layer])
    serial(numbers, np.uint64(1))
    parallel(numbers, np.uint64(1))  # compiles, and wakes the threads
    spent = [0.0, 0.0]
    for _ in range(REGIONS):
        for place, form in enumerate((serial, parallel)):
            started = perf_counter()
            form(numbers, rounds)
            spent[place] += perf_counter() - started
    return spent[1] / spent[0]


class Company:
    """A context that lets the calling thread compute by itself while others keep the cores.

    Not where the user said how many threads there are to be. Within the block `note` is to be called often.

    Attributes
    ----------
    crowded : bool
        Whether the threads are given up just now.
    said : str or None
        Once they were: that and why, for the user.
    """

    def __init__(self):
        self.crowded, self.said = False, None

    def __enter__(self):
        self._clocks = perf_counter(), thread_time(), process_time()
        self._looked = self._clocks[0]  # so that short trainings are over before the first look
        return self

    def __exit__(self, *_):
        self._share(False)

    def note(self):
        """Look at the clocks, if some time went by, and at the cores, if there is reason to."""
        if perf_counter() - self._clocks[0] < WINDOW:
            return
        before, self._clocks = self._clocks, (perf_counter(), thread_time(), process_time())
        wall, own, all_threads = (now - then for now, then in zip(self._clocks, before, strict=True))
        since = self._clocks[0] - self._looked
        if self.crowded:
            due = since >= LATER
        else:
            due = all_threads > (1 + OTHERS) * own and since >= (SOON if own < (1 - WAITING) * wall else LATER)
        if due:
            self._look()

    def _look(self):
        self._share(False)
        count = threads.get_num_threads()
        if count > 1 and threading_layer.is_started() and not threads.is_chosen():
            self._share(ratio(count) > (BETTER if self.said else WORSE))
            if self.crowded and not self.said:
                self.said = (
                    f"other programs keep this machine's cores busy, and {count} threads wait for each other: going "
                    "on with one, which is faster now and gives the same result"
                )
        self._looked = perf_counter()

    def _share(self, crowded):
        self.crowded = crowded
        threads.share(crowded)
