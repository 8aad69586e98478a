"""How many threads the parallel kernels use, and why."""

import operator
import os
from pathlib import Path

import numba

CGROUP = Path("/sys/fs/cgroup")
VARIABLE = "NUMBANET_NUM_THREADS"

_chosen = None  # what the user asked for; None: the machine decides


def _affinity():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cgroup_quota():
    """CPUs this process may use by its control group, rounded down but at least 1; None where nothing limits it."""
    try:
        own = next(
            line.split("::", 1)[1] for line in Path("/proc/self/cgroup").read_text().splitlines() if "::" in line
        )
    except (OSError, StopIteration):
        own = "/"
    group = CGROUP / own.strip("/")
    quotas = []
    for folder in (group, *group.parents):  # version 2: every level may set a limit
        try:
            quota, period = (folder / "cpu.max").read_text().split()
            quotas.append(float(quota) / float(period))
        except (OSError, ValueError):  # no such file, or "max": no limit
            pass
        if folder == CGROUP:
            break
    try:  # version 1
        quota = float((CGROUP / "cpu" / "cpu.cfs_quota_us").read_text())
        if quota > 0:
            quotas.append(quota / float((CGROUP / "cpu" / "cpu.cfs_period_us").read_text()))
    except (OSError, ValueError):
        pass
    return max(1, int(min(quotas))) if quotas else None


def _limits():
    """What limits the threads, each as (count, reason)."""
    limits = [(_affinity(), "CPUs this process may run on"), (numba.config.NUMBA_NUM_THREADS, "NUMBA_NUM_THREADS")]
    if (quota := _cgroup_quota()) is not None:
        limits.append((quota, "control group's CPU quota"))
    if text := os.environ.get(VARIABLE):
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"{VARIABLE}: expected a whole number of at least 1, got {text!r}")
        limits.append((int(text), VARIABLE))
    return limits


def choice():
    """The number of threads and the reason for it, as (count, text)."""
    global _default
    if _chosen is not None:
        return _chosen, "numbanet.set_num_threads"
    if _default is None:
        _default = min(_limits(), key=lambda limit: limit[0])
    return _default


_default = None


def get_num_threads():
    """Number of threads that a parallel kernel uses."""
    return choice()[0]


def set_num_threads(count):
    """Use `count` threads in parallel kernels from now on; None lets the machine decide again.

    Results do not depend on it. It takes effect for operations and networks that are set up afterwards: a network
    chooses between serial and parallel kernels when it is lowered for a batch size.

    Raises
    ------
    TypeError, ValueError
        Where `count` is not a whole number from 1 to numba's own limit, NUMBA_NUM_THREADS.
    """
    global _chosen
    limit = numba.config.NUMBA_NUM_THREADS
    if count is not None:
        if isinstance(count, bool) or not hasattr(count, "__index__"):
            raise TypeError(f"count: expected a whole number of threads, got {count!r}")
        count = operator.index(count)
        if not 1 <= count <= limit:
            raise ValueError(f"count: expected 1 to {limit} threads (NUMBA_NUM_THREADS), got {count}")
    _chosen = count


def apply():
    """Make numba's pool use that number; only asked for before something parallel, since it starts the pool."""
    count = get_num_threads()
    if numba.get_num_threads() != count:
        numba.set_num_threads(count)


def threading_layer():
    """Name of numba's threading layer (omp, tbb or workqueue); starts the pool where it has not been."""
    numba.get_num_threads()
    return numba.threading_layer()
