"""Compiling ahead of time every kernel that networks and optimizers run: all those of the table of operations."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from . import kernels
from ._checks import float_dtype, integer, sequence
from ._image_shapes import workspace
from .operations import OPERATIONS
from .operations.arguments import make
from .runtime import cache, compiling
from .runtime.threads import get_num_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import Any

    from ._types import DTypeLike


MOST_PROCESSES = 4


@dataclass(frozen=True)
class Warmup:
    """What `warmup` did.

    Attributes
    ----------
    compiled, ready : int
        Kernels that were compiled, and those that needed it no more.
    seconds : float
    folder : Path or None
        Where they are kept; None where nothing can be.
    """

    compiled: int
    ready: int
    seconds: float
    folder: Path | None


def warmup(
    dtypes: Sequence[DTypeLike] = (np.float32,),
    processes: int | None = None,
    on_progress: Callable[[int, int, str], object] | None = None,
) -> Warmup:
    """Compile all kernels, serial and parallel, that training and using networks calls, but for those in the cache.

    Without it, each is compiled when first called, once for each machine and version of numbanet.

    Parameters
    ----------
    dtypes : sequence of dtypes
        float32, float64 or both.
    processes : int, optional
        How many compile side by side; by default one for each thread, 4 at the most.
    on_progress : callable, optional
        Called as ``on_progress(done, total, name)`` at the start and after each kernel; `name` is the one done last.

    Returns
    -------
    Warmup

    Raises
    ------
    TypeError, ValueError
        For other dtypes, or `processes` below 1.
    """
    names = [float_dtype(dtype).name for dtype in sequence("dtypes", dtypes, "dtypes")]
    threads = get_num_threads()
    processes = min(threads, MOST_PROCESSES) if processes is None else integer("processes", processes, 1)
    started = perf_counter()
    every = [(dtype, name, form) for dtype in names for name, form in _kernels(dtype, threads)]
    jobs = [job for job in every if not _is_ready(job)]
    folder = cache.cache_folder()
    report = on_progress or (lambda done, total, name: None)
    report(0, len(jobs), "")
    processes = min(processes, len(jobs)) if folder and sys.executable else 1
    finished = _by_workers(jobs, processes) if processes > 1 else _one_by_one(jobs)
    for done, (_, name, form) in enumerate(finished, 1):
        report(done, len(jobs), f"{name}, {form}")
    return Warmup(len(jobs), len(every) - len(jobs), perf_counter() - started, folder)


def prepare(names: Collection[str], dtype: str, on_compiling: Callable[[], object]) -> None:
    """Load these operations from the cache, serial and parallel; where some are not there, say so and compile them."""
    jobs = [job for job in ((dtype, *each) for each in _kernels(dtype, get_num_threads())) if job[1] in names]
    if not all(map(_is_ready, jobs)):
        on_compiling()
    for _ in _one_by_one(jobs):
        pass


def arguments(name: str, dtype: DTypeLike) -> tuple[Any, ...]:
    """Arguments of the types that networks and optimizers of this dtype call an operation with."""
    operation, rng = OPERATIONS[name], np.random.default_rng(0)
    return tuple(make(operation, operation.sizes.tested[0], dtype, rng, workspace=workspace).values())


def _kernels(dtype: DTypeLike, threads: int) -> list[tuple[str, str]]:
    """(operation, form) of all that is needed, those that share their pieces side by side."""
    forms = ("serial", "parallel") if threads > 1 else ("serial",)
    return [(name, form) for name in OPERATIONS for form in forms]


def _signature(job: tuple[str, str, str]) -> tuple[Any, Any]:
    """The dispatcher of a job, and the types of arguments to compile it for."""
    dtype, name, form = job
    dispatcher = getattr(getattr(kernels, name), form)
    return dispatcher, compiling.types_of(dispatcher, arguments(name, dtype))


def _is_ready(job: tuple[str, str, str]) -> bool:
    return compiling.is_ready(*_signature(job))


def _one_by_one(jobs: list[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    for job in jobs:
        dispatcher, types = _signature(job)
        dispatcher.compile(types)
        yield job


def _by_workers(jobs: list[tuple[str, str, str]], processes: int) -> Iterator[tuple[str, str, str]]:
    """Compile in processes of their own, into the cache; gives each job when it is done."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    command = [sys.executable, "-c", "from numbanet._warmup import _work; _work()"]
    environment = {
        **os.environ,
        "NUMBANET_CACHE_DIR": str(cache.cache_folder().parent),
    }  # wherever we have gone since
    options: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    workers = [subprocess.Popen(command, **options) for _ in range(processes)]

    def feed(worker: subprocess.Popen[str]) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                job = waiting.get_nowait()
                try:
                    print(json.dumps(job), file=worker.stdin, flush=True)
                    failed = not worker.stdout or not worker.stdout.readline()
                except OSError:
                    failed = True
                finished.put(RuntimeError(f"a process that compiled {job[1]} ended early") if failed else job)
                if failed:
                    return

    try:
        for worker in workers:
            threading.Thread(target=feed, args=(worker,), daemon=True).start()
        for _ in jobs:
            job = finished.get()
            if isinstance(job, Exception):
                raise job
            yield job
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def _work() -> None:
    """What a worker does: a job for each line, and a line for each job."""
    for line in sys.stdin:
        for _ in _one_by_one([json.loads(line)]):
            print("done", flush=True)
