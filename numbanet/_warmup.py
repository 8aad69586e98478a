"""Compiling ahead of time every kernel that networks and optimizers run: all those of the table of operations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from . import kernels
from ._checks import boolean, float_dtype, integer, sequence
from ._image_shapes import workspace
from .operations import OPERATIONS
from .operations.arguments import make
from .runtime import ahead, cache, call_table, compiling
from .runtime.threads import get_num_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from ._types import DTypeLike


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
    parallel: bool = False,
) -> Warmup:
    """Compile all kernels that training and using networks calls, but for those in the cache.

    Without it, each is compiled when first called, once for each machine and version of numbanet.

    Parameters
    ----------
    dtypes : sequence of dtypes
        float32, float64 or both.
    processes : int, optional
        How many compile side by side; by default one for each thread.
    on_progress : callable, optional
        Called as ``on_progress(done, total, name)`` at the start and after each kernel; `name` is the one done last.
    parallel : bool
        Whether to compile the parallel forms too, which only single calls of operations on large arrays run.

    Returns
    -------
    Warmup

    Raises
    ------
    TypeError, ValueError
        For other dtypes, `processes` below 1, or a `parallel` that is no bool.
    """
    names = [float_dtype(dtype).name for dtype in sequence("dtypes", dtypes, "dtypes")]
    processes = get_num_threads() if processes is None else integer("processes", processes, 1)
    started = perf_counter()
    every = _jobs(names, boolean("parallel", parallel))
    jobs = [job for job in every if not job.ready]
    folder = cache.cache_folder()
    report = on_progress or (lambda done, total, name: None)
    report(0, len(jobs), "")
    finished = ahead.side_by_side(jobs, min(processes, len(jobs)) if folder else 1)
    for done, job in enumerate(finished, 1):
        report(done, len(jobs), f"{job.name}, {job.form}" if parallel else job.name)
    return Warmup(len(jobs), len(every) - len(jobs), perf_counter() - started, folder)


def prepare(names: Collection[str], dtype: str, on_compiling: Callable[[], object]) -> None:
    """Load these operations from the cache, serial and parallel; where some are not there, say so and compile them."""
    jobs = [job for job in _jobs([dtype], get_num_threads() > 1) if job.name in names]
    if not all(job.ready for job in jobs):
        on_compiling()
    for job in jobs:
        job.run()


def arguments(name: str, dtype: DTypeLike) -> tuple[Any, ...]:
    """Arguments of the types that networks and optimizers of this dtype call an operation with."""
    operation, rng = OPERATIONS[name], np.random.default_rng(0)
    return tuple(make(operation, operation.sizes.tested[0], dtype, rng, workspace=workspace).values())


def _jobs(dtypes: Sequence[str], parallel: bool) -> list[ahead.Job]:
    """All that is to be compiled: every operation, and the loops that run lists of them."""
    jobs = [ahead.Job.of(*loop) for loop in call_table.LOOPS]
    for dtype in dtypes:
        for name in OPERATIONS:
            kernel, given = getattr(kernels, name), arguments(name, dtype)
            forms = (kernel.serial, kernel.parallel) if parallel else (kernel.serial,)
            jobs += [ahead.Job.of(form, compiling.types_of(form, given)) for form in forms]
    return jobs
