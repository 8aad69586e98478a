"""Numba's threading layer: which one runs the parallel kernels, why, and what it cannot do.

Numba has three. Measured on two cores (docs/threads-and-cache.md), a parallel region costs 1 to 2 µs with OpenMP, 2 to
10 µs with TBB and 70 to 110 µs with numba's own work queue. But an OpenMP region waits for threads that other programs
keep from running, where TBB lets the thread that called do their share: hence TBB wherever it can be had.
"""

import contextlib
import ctypes
import functools
import os
import sys
import warnings
from importlib import metadata

import numba

from ..errors import SettingError

# How often libgomp's threads look for work before they sleep: for about 0.2 ms. By default it is some 10 ms, and where
# other programs kept both cores busy, every region took 8 ms for want of the thread that was waited for.
SPINS = "4000"
TBB = {"linux": "libtbb.so.12", "darwin": "libtbb.12.dylib", "win32": "tbb12.dll"}

forked = False  # whether this is a forked child of a process whose threads did not survive the fork


def _load_tbb():
    """Load the library that PyPI's package `tbb` installs where no linker looks; numba finds one that is loaded."""
    try:
        path = next(file.locate() for file in metadata.files("tbb") or () if file.name == TBB.get(sys.platform))
        ctypes.CDLL(str(path))
    except (metadata.PackageNotFoundError, StopIteration, OSError):
        pass  # numba looks for one of the system's


@contextlib.contextmanager
def _short_waits():
    """Let libgomp, if it is loaded within the block, wait for `SPINS`; others who load one are left alone."""
    if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = SPINS  # read once, when the library is loaded
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


def _asked_for():
    """The layer, or kind of layer, that NUMBA_THREADING_LAYER asks for; "default" where it asks for none."""
    return str(numba.config.THREADING_LAYER).lower()


@functools.cache
def start():
    """Start numba's threads, unless they run already, and return the layer's name: tbb, omp or workqueue."""
    if _asked_for() not in ("omp", "workqueue"):
        _load_tbb()
    try:
        with _short_waits():
            numba.get_num_threads()
    except ValueError as error:
        name = "NUMBA_THREADING_LAYER_PRIORITY" if _asked_for() == "default" else "NUMBA_THREADING_LAYER"
        raise SettingError(
            f"{name}: numba cannot have what {os.environ.get(name, '')!r} asks for: "
            f"{' '.join(str(error).split()).rstrip('.')}. Unset it, or install what is missing, as by "
            "`python -m pip install tbb`"
        ) from None
    name = numba.threading_layer()
    if name == "workqueue" and _asked_for() != "workqueue":
        warnings.warn(
            "numbanet found neither TBB nor OpenMP: starting threads takes about 0.1 ms here, so that only large "
            "operations use several. `python -m pip install tbb`, or the system's package of libgomp, would help.",
            RuntimeWarning,
            stacklevel=2,
        )
    return name


def is_started():
    """Whether `start` has been called."""
    return start.cache_info().currsize > 0


def reason():
    """Why the layer is the one it is, in words."""
    name = start()
    if _asked_for() != "default":
        return f"NUMBA_THREADING_LAYER is {_asked_for()}"
    return {
        "tbb": "the one that shares the machine best with other programs",
        "omp": "TBB, which shares the machine better with other programs, is not installed",
        "workqueue": "neither TBB nor OpenMP was found",
    }[name]


def _after_fork():
    """GNU's OpenMP ends a forked child at its first parallel region."""
    global forked
    with contextlib.suppress(ValueError):  # no layer was started, so the child may start one
        forked = forked or (sys.platform == "linux" and numba.threading_layer() == "omp")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
