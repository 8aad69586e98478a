"""Keeping OpenMP's threads on CPUs of their own.

A thread that slept may be woken on the CPU of the thread that woke it, and Linux may leave both there, one waiting for
the other in every parallel region: on two cores a region of 10 µs was seen to take 120 µs for seconds on end. So now
and then the threads are asked where they run, and one that shares a CPU is moved. It may run anywhere from then on but
where the caller was: let free altogether, it would be woken there again a moment later (regions of 3.3 ms then took 7).
"""

import contextlib
import ctypes
import functools
import os
import sys
import threading
import time

import numpy as np
from numba import prange, types

from . import threading_layer
from .compiling import compiled
from .internals import active_threads

INTERVAL = 0.005  # seconds between two looks, which cost some 3 µs

_gettid = types.ExternalFunction("gettid", types.intc())
_sched_getcpu = types.ExternalFunction("sched_getcpu", types.intc())
_due = 0.0


def _look(threads, cpus):
    for i in prange(threads.size):
        threads[i] = _gettid()
        cpus[i] = _sched_getcpu()


@functools.cache
def _can_look():
    """Linux has the calls, and its C library must: glibc since 2.30."""
    return sys.platform == "linux" and all(hasattr(ctypes.CDLL(None), name) for name in ("gettid", "sched_getcpu"))


@functools.cache
def _compiled_look():
    return compiled(_look, parallel=True)


def keep_apart():
    """See to it that no two threads of the pool share a CPU, if that was not looked at a moment ago."""
    global _due
    now = time.perf_counter()
    if now < _due or not (threading_layer.is_started() and threading_layer.start() == "omp" and _can_look()):
        return
    _due = now + INTERVAL
    count = active_threads()
    if count == 1 or threading_layer.forked:
        return
    threads, cpus = np.zeros(count, np.int64), np.zeros(count, np.int64)
    _compiled_look()(threads, cpus)
    if len(set(cpus.tolist())) < count:
        with contextlib.suppress(OSError):  # where a sandbox forbids it
            _spread(threads.tolist(), cpus.tolist())


def _spread(threads, cpus):
    """Move threads that share a CPU to free ones and keep them off the caller's; not the calling thread itself."""
    allowed, own = os.sched_getaffinity(0), threads.index(threading.get_native_id())
    free, taken = sorted(allowed - set(cpus)), {cpus[own]}
    for i, (thread, cpu) in enumerate(zip(threads, cpus, strict=True)):
        if i != own and cpu in taken and free:
            os.sched_setaffinity(thread, {free.pop()})  # moves it at once
            os.sched_setaffinity(thread, allowed - {cpus[own]})
        elif i != own:
            taken.add(cpu)
