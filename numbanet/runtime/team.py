"""The threads that compute with the one that calls: a pool of Python threads that never hold Python's lock.

They are started when a program first has an operation that pays to be shared, and run `leading.serve` until the process
ends. Each thread that calls has a team's memory of its own (`_Lead`); which members it gets is settled when it calls.
"""

import atexit
import contextlib
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

MOST_MEMBERS = 255
ROUSING_NS = 50_000.0  # of work, from where it pays to wake members that sleep
SHORTEST, LONGEST = 0.02, 1.0  # seconds that teams are not formed after a thread was stopped in the midst of its part


def _zeros(size, alignment):
    """Numbers of 64 bits in memory that begins at a multiple of so many bytes; the address, too."""
    memory = np.zeros(size + alignment // BYTES, np.int64)
    start = -memory.ctypes.data % alignment // BYTES
    return memory[start : start + size], memory.ctypes.data + start * BYTES


class _Lead:
    """The contexts of a team that one thread leads: see `contexts`."""

    def __init__(self, count):
        self.count = count
        self._numbers, self.address = _zeros(count * SIZE // BYTES + count + SCRATCH_BYTES // BYTES, 2 * SIZE)
        members = self.address + count * SIZE
        scratch = -(-(members + count * BYTES) // 64) * 64
        share, meet = _meeting()
        for part in range(count):
            own = {ME: part, SHARE: share, MEET: meet, SCRATCH: scratch, TEAM: self.address}
            for place, number in own.items():
                self._numbers[(part * SIZE + place) // BYTES] = number
        self._numbers[MEMBERS // BYTES] = members
        self._numbers[NEXT // BYTES] = meetings.STEP

    @property
    def stalled(self):
        """Whether, in the last call, a thread was stopped in the midst of its part."""
        return bool(self._numbers[STALLED // BYTES])


def _meeting():
    one, two = (types.int64,), (types.int64, types.int64)
    return machine_code(meetings.share, two)[1], machine_code(meetings.meet, one)[1]


class _Pool:
    """The members: threads that wait for work, started as they are asked for."""

    def __init__(self):
        size = leading.FIRST_MEMBER + MOST_MEMBERS * leading.MEMBER_BYTES
        self._numbers, self.address = _zeros(size // BYTES, 256)
        self._lock, self._threads, self._closed = threading.Lock(), [], False
        self._here = threading.local()
        self._pause, self._until = 0.0, 0.0

    def lead(self, count):
        """The calling thread's, for a team of that many; None where no other thread can be had."""
        if len(self._threads) < count - 1:
            self._start(count - 1)
        count = min(count, 1 + len(self._threads))
        if count == 1 or perf_counter() < self._until:
            return None
        lead = getattr(self._here, "lead", None)
        if lead is None or lead.count < count:
            lead = self._here.lead = _Lead(count)
        return lead

    def note(self, lead):
        """After a call: how long the next ones are to stay on one thread."""
        if not lead.stalled:
            self._pause *= 0.7
            return
        self._pause = min(max(SHORTEST, 2 * self._pause), LONGEST)
        self._until = perf_counter() + self._pause

    def _start(self, count):
        with self._lock:
            while len(self._threads) < min(count, MOST_MEMBERS) and not self._closed:
                number = len(self._threads)
                place = leading.FIRST_MEMBER + number * leading.MEMBER_BYTES
                self._numbers[(place + leading.LOCK) // BYTES] = closed_lock()
                thread = threading.Thread(
                    target=_serve, args=(self.address + place,), name=f"numbanet {number + 1}", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # the system has no more, or the interpreter is about to end
                    break
                self._threads.append(thread)
                self._numbers[leading.MEMBER_COUNT // BYTES] = number + 1

    def close(self):
        """End the threads, those that are in a call after it."""
        with self._lock:
            self._closed = True
        first = self.address + leading.FIRST_MEMBER
        for number, thread in enumerate(self._threads):
            leading.end(first + number * leading.MEMBER_BYTES)
            thread.join(1.0)


def _serve(member):
    if hasattr(signal, "pthread_sigmask"):  # signals are the main thread's, which they are to wake
        faults = {getattr(signal, name) for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP")}
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - faults)
    leading.serve(member)


_pool = _Pool()


def compile_all():
    """Compile all that a call needs besides its operations, as otherwise the first one does."""
    _meeting()
    for loop in (leading.serve, leading.end):
        loop.compile((types.int64,))
    for loop in (leading.walk, leading.train):
        others = loop.py_func.__code__.co_argcount - 5
        loop.compile((*[types.int64] * 4, types.boolean, *[types.int64] * others))  # the first five are of `called`


@contextlib.contextmanager
def called(nanoseconds):
    """A call of `leading.walk` or `leading.train`, whose first five arguments it gives.

    `nanoseconds` is about how long one thread takes for what a team is to share; 0: it is to share nothing.
    """
    count = threads.get_num_threads() if nanoseconds else 1
    lead = _pool.lead(count) if count > 1 else None
    if lead is None:
        yield _pool.address, 0, 1, 1, False
        return
    try:
        yield _pool.address, lead.address, min(count, lead.count), threads.limit(), nanoseconds > ROUSING_NS
    finally:
        _pool.note(lead)


def _after_fork():
    """The members are the parent's; a child has its own, once it needs them."""
    global _pool
    _pool = _Pool()


def _at_exit():
    _pool.close()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
