"""How many threads the parallel kernels use, and why."""

import contextlib
import operator
import os
import threading
from pathlib import Path

import numba

from . import settings, threading_layer
from .internals import active_threads

CGROUP = Path("/sys/fs/cgroup")
CPUS = Path("/sys/devices/system/cpu")
FAST = 0.8  # of the fastest core's speed
VARIABLE = "NUMBANET_NUM_THREADS"


class _Here(threading.local):
    """What belongs to the calling thread."""

    alone = False  # whether it is to use no other
    count = None  # how many it is to use, whatever others do; None: not said


_here = _Here()
_chosen = None  # what the user asked for; None: the machine decides
_default = None  # what the machine decided


def _affinity():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fast_cores():
    """CPUs that this process may run on and that are about as fast as the fastest; None where all are, it seems.

    In a team of unlike threads all wait for the slowest.
    """
    speeds = []
    for cpu in os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ():
        for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
            with contextlib.suppress(OSError, ValueError):
                speeds.append(int((CPUS / f"cpu{cpu}" / name).read_text()))
                break
        else:
            return None
    fast = sum(speed >= FAST * max(speeds) for speed in speeds)
    return fast if fast < len(speeds) else None


def _cgroup_quota():
    """CPUs this process may use by its control groups, rounded down but at least 1; None where nothing limits it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None  # no Linux
    quotas = []
    for line in lines:  # hierarchy:controllers:path
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, read = CGROUP, _quota_2
        elif "cpu" in controllers.split(","):
            root, read = CGROUP / controllers, _quota_1
        else:
            continue
        # Every level may set a limit. In a container `path` may be the host's name of what is mounted at `root`, and
        # exist nowhere here; then the walk up finds the limits at `root`.
        group = root / path.strip("/")
        for folder in (group, *group.parents):
            with contextlib.suppress(OSError, ValueError, ZeroDivisionError):  # no such file, or no limit
                quotas.append(read(folder))
            if folder == root:
                break
    return max(1, int(min(quotas))) if quotas else None


def _quota_2(folder):
    quota, period = (folder / "cpu.max").read_text().split()
    return float(quota) / float(period)  # ValueError for "max"


def _quota_1(folder):
    quota = float((folder / "cpu.cfs_quota_us").read_text())
    if quota <= 0:
        raise ValueError("no limit")
    return quota / float((folder / "cpu.cfs_period_us").read_text())


def _machine_limits():
    """What limits the threads whatever the user wants, each as (count, reason)."""
    limits = [(_affinity(), "CPUs this process may run on"), (numba.config.NUMBA_NUM_THREADS, "NUMBA_NUM_THREADS")]
    if (quota := _cgroup_quota()) is not None:
        limits.append((quota, "control group's CPU quota"))
    return limits


def _least(limits):
    return min(limits, key=lambda limit: limit[0])


def choice():
    """The number of threads and the reason for it, as (count, text)."""
    if _here.alone:
        return 1, "each thread of the program computes by itself"
    if _here.count is not None:
        return _here.count, "what the caller asked for"
    if _chosen is not None:
        return _chosen, "numbanet.set_num_threads"
    return _decided()


def _decided():
    """What the machine and the environment say."""
    global _default
    if _default is None:
        limits = _machine_limits()
        if (fast := _fast_cores()) is not None:
            limits.append((fast, "cores that are as fast as the fastest"))
        if (asked := settings.thread_count(VARIABLE)) is not None:
            limits.append((asked, VARIABLE))
        _default = _least(limits)
    return _default


def limit():
    """Number of threads that may compute at a time, whatever the calling thread is to use."""
    return _chosen if _chosen is not None else _decided()[0]


def get_num_threads() -> int:
    """Number of threads that a parallel kernel uses."""
    return choice()[0]


def set_num_threads(count: int | None) -> None:
    """Use `count` threads in parallel kernels from now on; None lets the machine decide again.

    Results do not depend on it. It takes effect for operations and networks that are set up afterwards: a network
    chooses between serial and parallel kernels when it is lowered for a batch size.

    Raises
    ------
    TypeError, ValueError
        Where `count` is not a whole number from 1 to what the machine has for this process: the CPUs that it may run
        on, its control group's CPU quota and numba's own limit, NUMBA_NUM_THREADS, whichever is least.
    """
    global _chosen
    if count is not None:
        if isinstance(count, bool) or not hasattr(count, "__index__"):
            raise TypeError(f"count: expected a whole number of threads, got {count!r}")
        count = operator.index(count)
        limit, reason = _least(_machine_limits())
        if not 1 <= count <= limit:
            raise ValueError(f"count: expected 1 to {limit} threads ({reason}), got {count}")
    _chosen = count


@contextlib.contextmanager
def alone():
    """Within the block the calling thread computes by itself: it uses no threads of the pool."""
    before, _here.alone = _here.alone, True
    try:
        yield
    finally:
        _here.alone = before


@contextlib.contextmanager
def at_most(count):
    """Within the block kernels of the calling thread use `count` threads, or as many as the machine has for us."""
    before, _here.count = _here.count, min(count, _least(_machine_limits())[0])
    try:
        yield
    finally:
        _here.count = before


def apply():
    """Start numba's threads and let the calling thread use that many of them; returns the layer's name."""
    layer = threading_layer.start()
    in_force()
    return layer


def in_force():
    """Number of threads, as `get_num_threads`, and from now on what parallel kernels called by this thread use.

    Numba keeps the number for each Python thread by itself, and gives a new one all that there are.
    """
    count = get_num_threads()
    if threading_layer.is_started() and active_threads() != count:
        numba.set_num_threads(count)
    return count
