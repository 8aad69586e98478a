"""The threads that compute with the one that calls: a pool of Python threads that never hold Python's lock.

They are started when a program first has operations that pay to be shared, and are in `leading.serve` until the process
ends. A thread that calls has the contexts of a team of its own (`Lead`); which members it gets is settled in its call.
"""

import atexit
import os
import signal
import threading
from time import perf_counter

import numpy as np
from numba import types

from . import leading, meetings, threads
from .contexts import ME, MEET, MEMBERS, NEXT, SCRATCH, SCRATCH_BYTES, SHARE, SIZE, STALLED, TEAM
from .internals import machine_code
from .memory import BYTES
from .waiting import closed_lock

LINE = 64  # bytes of a cache's line
MOST_MEMBERS = 255
ROUSING_NS = 50_000.0  # of work in a call, from where it pays to wake members that sleep
SHORTEST, LONGEST = 0.02, 1.0  # seconds without teams after a thread was stopped in the midst of its part
CROWDED = 0.5  # seconds of those, from where others keep the cores


class Slots:
    """Numbers of 64 bits in memory that begins where a context may.

    Attributes
    ----------
    address : int
    array : ndarray of int64
        From there on.
    """

    def __init__(self, size):
        memory = np.zeros((size + SIZE) // BYTES, np.int64)
        start = -memory.ctypes.data % SIZE // BYTES
        self.array, self.address = memory[start:], memory.ctypes.data + start * BYTES

    def __getitem__(self, place):
        return int(self.array[place // BYTES])

    def __setitem__(self, place, number):
        self.array[place // BYTES] = number


class Lead:
    """The contexts of a team of at most `count` threads, which one thread leads; see `contexts`."""

    def __init__(self, count):
        members = -(-count * BYTES // LINE) * LINE
        self.count, self.numbers = count, Slots(count * SIZE + members + SCRATCH_BYTES)
        address = self.address = self.numbers.address
        share, meet = meeting()
        places = {TEAM: address, SCRATCH: address + count * SIZE + members, SHARE: share, MEET: meet}
        for part in range(count):
            for place, number in {**places, ME: part}.items():
                self.numbers[part * SIZE + place] = number
        self.numbers[MEMBERS], self.numbers[NEXT] = address + count * SIZE, meetings.STEP


class Pool:
    """The members, started as they are asked for.

    Attributes
    ----------
    numbers : Slots
        As `leading` reads them.
    crowded : bool
        Whether other programs keep the cores, so that teams are hardly formed.
    """

    def __init__(self):
        self.numbers = Slots(leading.FIRST_MEMBER + MOST_MEMBERS * leading.MEMBER_BYTES)
        self._starting, self._threads, self._closed = threading.Lock(), [], False
        self._here = threading.local()
        self._pause, self._until = 0.0, 0.0

    @property
    def crowded(self):
        return self._pause >= CROWDED

    def lead(self, count):
        """The calling thread's contexts, for a team of so many; None where it is to compute alone."""
        if len(self._threads) < count - 1:
            self._start(count - 1)
        if not self._threads or perf_counter() < self._until:
            return None
        lead = getattr(self._here, "lead", None)
        if lead is None or lead.count < count:
            lead = self._here.lead = Lead(count)
        return lead

    def note(self, lead):
        """After a call: how long the next ones are to do without a team."""
        if lead.numbers[STALLED]:
            self._pause = min(max(SHORTEST, 2 * self._pause), LONGEST)
            self._until = perf_counter() + self._pause
        elif self._pause:
            self._pause = 0.8 * self._pause if self._pause > SHORTEST / 2 else 0.0

    def members(self):
        """Where the numbers of each begin."""
        return [leading.FIRST_MEMBER + number * leading.MEMBER_BYTES for number in range(len(self._threads))]

    def _start(self, count):
        with self._starting:
            while len(self._threads) < min(count, MOST_MEMBERS) and not self._closed:
                number = len(self._threads)
                place = leading.FIRST_MEMBER + number * leading.MEMBER_BYTES
                self.numbers[place + leading.LOCK] = closed_lock()
                arguments = (self.numbers.address + place,)
                thread = threading.Thread(target=_serve, args=arguments, name=f"numbanet-{number + 1}", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the system has no more of them, or the interpreter is about to end
                    return
                self._threads.append(thread)
                self.numbers[leading.MEMBER_COUNT] = number + 1

    def close(self):
        """End the threads, each once it is out of the run that it is in."""
        with self._starting:
            self._closed = True
        for place, thread in zip(self.members(), self._threads, strict=True):
            leading.end(self.numbers.address + place)
            thread.join(1.0)


def _serve(member):
    if hasattr(signal, "pthread_sigmask"):  # signals are for the main thread, which they are to wake where it waits
        faults = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP"}
        faults = {getattr(signal, name, None) for name in faults}
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - faults)
    leading.serve(member)


pool = Pool()


LOOPS = tuple((loop, (types.int64,)) for loop in (leading.serve, leading.end))  # with the types of what they take


def meeting():
    """The addresses of `meetings.share` and `meetings.meet`."""
    share = machine_code(meetings.share, (types.int64, types.int64))[1]
    return share, machine_code(meetings.meet, (types.int64,))[1]


def lead(nanoseconds):
    """The calling thread's contexts for a call, or None for one thread.

    `nanoseconds` is about how long one thread takes for what a team is to share; 0 where it is to share nothing.
    """
    if not nanoseconds:
        return None
    count = threads.get_num_threads()
    return pool.lead(count) if count > 1 else None


def arguments(lead, nanoseconds):
    """The first five arguments of `leading.walk` and `leading.train`."""
    if lead is None:
        return pool.numbers.address, 0, 1, 1, False
    wanted = min(threads.get_num_threads(), lead.count)
    limit = max(wanted, threads.limit())
    return pool.numbers.address, lead.address, wanted, limit, nanoseconds > ROUSING_NS


def note(lead):
    """After the call."""
    if lead is not None:
        pool.note(lead)


def crowded():
    """Where other programs keep the cores, that and what it means, in words; else None."""
    if not pool.crowded:
        return None
    return (
        "other programs keep this machine's cores busy, and several threads wait for each other: going on with one "
        "most of the time, which is faster now and gives the same result"
    )


def _after_fork():
    """The members are the parent's; a child has its own, once it needs them."""
    global pool
    pool = Pool()


def _at_exit():
    pool.close()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
