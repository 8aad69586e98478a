"""Training many models at once."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from typing import TYPE_CHECKING

from ._checks import describe, integer, sequence
from .errors import TrainingDiverged
from .runtime.threads import at_most, get_num_threads
from .training.interrupts import CtrlC
from .training.solver import Solver

if TYPE_CHECKING:
    from collections.abc import Sequence


LOOK_SECONDS = 0.02  # how often the thread that waits looks whether to stop


def train_many(solvers: Sequence[Solver], threads: int | None = None) -> list[TrainingDiverged | None]:
    """Train many models at once, each on cores of its own: for sweeps, cross-validation, ensembles.

    Each solver trains as its `train` would, to the same bits. Models and update rules of numbanet's own run side by
    side, for Python is in their way between hundreds of steps only; others take turns. Where there are at least twice
    as many cores as models that train at a time, each model has an even share of them.

    Parameters
    ----------
    solvers : sequence of Solver
        Each with a model of its own. They may share data.
    threads : int, optional
        How many train at a time; by default as many as parallel kernels would use (`get_num_threads`).

    Returns
    -------
    list of TrainingDiverged or None
        For each solver, what ended it before its time.

    Raises
    ------
    TypeError, ValueError
        For what is no solver, and for solvers that share a model.
    Exception
        The first that a solver raises but for TrainingDiverged; the others stop after the steps that are running.
        Ctrl-C stops all in the same way, with a warning.
    """
    solvers = _checked(solvers)
    count = get_num_threads() if threads is None else integer("threads", threads, 1)
    outcomes: list[TrainingDiverged | None] = [None] * len(solvers)
    failures: list[BaseException] = []
    waiting = deque(range(len(solvers)))

    at_once = max(1, min(count, len(solvers)))
    each = max(1, get_num_threads() // at_once)

    def work() -> None:
        with at_most(each):
            while waiting and not failures:
                try:
                    index = waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                try:
                    solvers[index].run()
                except TrainingDiverged as error:
                    outcomes[index] = error
                except BaseException as error:
                    failures.append(error)

    with CtrlC() as ctrl_c, ctrl_c.held():
        workers = [threading.Thread(target=work) for _ in range(at_once if solvers else 0)]
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(LOOK_SECONDS)
                if ctrl_c.pressed or failures:
                    waiting.clear()
                    for solver in solvers:
                        solver.stop()
    if failures:
        raise failures[0]
    if ctrl_c.pressed:
        done = sum(solver.step == solver.num_steps for solver in solvers)
        warnings.warn(f"training interrupted: {done} of {len(solvers)} models are trained", stacklevel=2)
    return outcomes


def _checked(solvers: Sequence[Solver]) -> list[Solver]:
    solvers = sequence("solvers", solvers, "solvers")
    for index, solver in enumerate(solvers):
        if not isinstance(solver, Solver):
            raise TypeError(f"solvers[{index}]: expected a Solver, got {describe(solver)}")
        for earlier, other in enumerate(solvers[:index]):
            if other.model is solver.model:
                raise ValueError(f"solvers[{index}]: has the same model as solvers[{earlier}]; give each its own")
    return solvers
