"""Ours and other libraries, each in a process of its own, measured in turns."""

import contextlib
import warnings
from importlib import metadata
from statistics import median

from ..kernels.simd import peaks as peaks
from . import operations, ours
from .networks import ALL_NETWORKS
from .report import Row
from .turns import Worker, WorkerFailed, blocks

# What is compared with, and the package that it needs.
PEERS = {"torch": "torch", "jax": "jax", "jax_scan": "jax", "sklearn": "scikit-learn"}


def installed():
    """The others that can be compared with here."""
    return [name for name, package in PEERS.items() if _is_installed(package)]


def _is_installed(package):
    try:
        return bool(metadata.version(package))
    except metadata.PackageNotFoundError:
        return False


class Versus:
    """Measures rows for the report; a context manager that holds the processes.

    Parameters
    ----------
    threads : int
    peers : sequence of str
        Of `PEERS`.
    quick : bool
        Fewer and smaller.
    """

    def __init__(self, threads, peers, quick):
        self.threads, self.quick, self._peers = threads, quick, peers

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            # The references too: OpenBLAS' threads spin on for a while after each of its products.
            names = ("kernels", "reference", *self._peers)
            self._workers = {name: stack.enter_context(Worker(self.threads)) for name in names}
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def operations(self, names):
        """A row for each operation and size."""
        for operation, size in operations.cases(names, large=not self.quick):
            if self.quick and size != operation.sizes.timed[-1]:
                continue
            seconds = self._measure("operation", operation.name, operations.label(size))
            given, flops = operations.arguments(operation, size), operations.work(operation, size)
            moved = operations.moved_bytes(operation, given)
            rate, unit = (flops, "GFLOP/s") if flops else (moved, "GB/s")
            held = sum(value.nbytes for value in given.values() if hasattr(value, "nbytes"))
            peak = peaks.multiply_adds(self.threads) if flops else peaks.bandwidth(held, self.threads)
            yield Row(operation.name, operations.label(size), seconds, rate / seconds["kernels"], unit, peak)

    def networks(self):
        """A row for a training step of each network, and for the class that it gives one example."""
        peak = peaks.multiply_adds(self.threads)
        for name in ALL_NETWORKS:
            width, _, batch = name.rpartition(" at ")
            prediction, step = ours.work(name)
            seconds = self._measure("network", name, "-")
            rate, limit = step.flops / seconds["kernels"], step.seconds(self.threads)
            yield Row(f"step {width}", f"batch {batch}", seconds, rate, "GFLOP/s", peak, limit)
            seconds = self._measure("prediction", name, "-")
            yield Row(f"predict {width}", "one example", seconds, prediction / seconds["kernels"], "GFLOP/s", peak)

    def _measure(self, kind, name, size):
        """Median seconds by library."""
        ready = {}
        for worker in list(self._workers):
            try:
                if self._workers[worker].prepare([f"{worker}/{kind}/{name}/{size}"]):
                    ready[worker] = self._workers[worker]
            except WorkerFailed as error:
                if worker not in self._peers:
                    raise
                what = str(error).partition("\n")[0]
                warnings.warn(f"{worker} is left out from here on: {what}", stacklevel=2)
                del self._workers[worker]
        taken = {}
        for block in blocks(ready, *((3, 2) if self.quick else (7, 3))):
            for (_, identity), samples in block.items():
                taken.setdefault(identity.partition("/")[0], []).extend(samples)
        return {library: median(samples) for library, samples in taken.items()}
