"""Forks while other threads compile or load kernels.

A forked child has one thread, the one that forked, and a lock that another held would stay closed in it for ever. So a
fork waits until no other thread compiles, starts numba's threads or is inside LLVM, and the child finds all of it open.
"""

import contextlib
import os
import threading

from .internals import LOCKS

_here = threading.local()  # what the calling thread holds: less than all, where Ctrl-C ended its waiting


def _close():
    _here.held = contextlib.ExitStack()
    for lock in LOCKS:
        _here.held.enter_context(lock)


def _open():
    _here.held.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close, after_in_parent=_open, after_in_child=_open)
