"""What the machine is and what the compiler is doing, for the modules above, which do not look at numba themselves."""

import contextlib
import time

from . import target
from .internals import event


def cpu_name():
    """The CPU as LLVM names it when it compiles for it, such as znver3."""
    return target.host().cpu


ELSEWHERE = "numbanet:compile"  # an event beside numba's own


@contextlib.contextmanager
def compiling():
    """A block that counts as compiling although others may do it."""
    with event.trigger_event(ELSEWHERE):
        yield


class Compilations(event.Listener):
    """Within a ``with`` block: notices kernels being compiled, as opposed to read from the cache.

    Parameters
    ----------
    on_first : callable
        Called without arguments when the first one begins.

    Attributes
    ----------
    seconds : float
        How long all of it took so far.
    """

    def __init__(self, on_first):
        self.seconds = 0.0
        self._on_first, self._depth, self._since = on_first, 0, None

    def on_start(self, event):
        if self._since is None:
            self._on_first()
        if self._depth == 0:
            self._since = time.perf_counter()
        self._depth += 1  # a kernel has what it calls compiled on the way

    def on_end(self, event):
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._since

    def __enter__(self):
        for kind in ("numba:compile", ELSEWHERE):
            event.register(kind, self)
        return self

    def __exit__(self, *_):
        for kind in ("numba:compile", ELSEWHERE):
            event.unregister(kind, self)
