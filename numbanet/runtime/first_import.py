"""The first import of numba, without scipy.

Numba loads scipy's linear algebra, where that is installed, before the first kernel: only to learn whether it can be
had, and it loads it again when a function asks for some. Who imports numbanet should not pay for that: numba and its
array functions take 0.35 s to load with it and 0.24 without (medians of six, in turn, two cores of Zen 5).
"""

import contextlib
import importlib.util
import sys
import threading


class _NoScipy:
    """A finder that tells one thread that there is no scipy, and has nothing to say of any other import."""

    def __init__(self):
        self._thread = threading.get_ident()

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "scipy" and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is not for the first import of numba", name=name)
        return None


@contextlib.contextmanager
def without_scipy():
    """Within the block the calling thread finds no scipy, unless it or numba is loaded; gives whether that is so."""
    if "numba" in sys.modules or "scipy" in sys.modules:
        yield False
        return
    finder, finders = _NoScipy(), sys.meta_path
    # Another list rather than another entry: a thread that is going down the old one would skip an entry once the
    # first is taken out.
    sys.meta_path = [finder, *finders]
    try:
        yield True
    finally:
        finders[:] = [other for other in sys.meta_path if other is not finder]  # with those that others have added
        sys.meta_path = finders


def has_scipy():
    """Whether scipy is installed, without loading it."""
    return importlib.util.find_spec("scipy") is not None
