"""Where the time of a training step goes: each operation, measured within the compiled steps."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import numbanet

from ..kernels.simd import peaks as peaks
from ..runtime.threads import alone, get_num_threads
from .costs import Cost, cost
from .limits import Work
from .report import figure, time_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CALL_SECONDS = 0.008  # that steps without Python take at once: long against a call, short against a turn on a core
ROUNDS = 3  # of calls, at least


@dataclass(frozen=True)
class OperationTime:
    """What one operation of a step took.

    Attributes
    ----------
    part : {"gather", "forward", "loss", "backward", "penalty", "update"}
    name : str
        In `numbanet.kernels`, or of a function of a user's own.
    layer : str
        Number and type; empty for what belongs to none.
    shapes : str
        Of its arrays, each once.
    seconds, alone : float
        In a step on all threads, and on one.
    cost : Cost or None
        None for a function that numbanet's table of operations does not have.
    least : float or None
        Seconds that its floating-point operations, or the bytes of one that has none, would take at the machine's peak.
    """

    part: str
    name: str
    layer: str
    shapes: str
    seconds: float
    alone: float
    cost: Cost | None
    least: float | None

    @property
    def rate(self) -> str:
        """What it does in a second, with its unit."""
        if self.cost is None or not self.seconds:
            return ""
        count, unit = (self.cost.flops, "GFLOP/s") if self.cost.flops else (self.cost.moved, "GB/s")
        return f"{figure(count / self.seconds / 1e9)} {unit}"


@dataclass(frozen=True)
class Profile:
    """Where the time of a training step goes; ``print(profile)`` shows it as a table.

    Attributes
    ----------
    operations : list of OperationTime
        In the order in which they run.
    between : float
        Seconds between operations and between steps.
    seconds, alone : float
        Of a step without the clock, on all threads and on one.
    limit : float
        Seconds that a step takes at least: see `limits`.
    threads, batch, steps : int
        How many threads ran it, examples in a batch, and how many steps were timed.
    """

    operations: list[OperationTime]
    between: float
    seconds: float
    alone: float
    limit: float
    threads: int
    batch: int
    steps: int

    def __str__(self) -> str:
        """A line for each operation, in order, and one for the step."""
        whole, several = sum(each.seconds for each in self.operations) + self.between, self.threads > 1
        rows = [("", "layer", "", "time", "share", "rate", "of peak", *(["scaling"] * several))]
        for each in self.operations:
            of_peak = "" if each.least is None or not each.seconds else f"{each.least / each.seconds:.0%}"
            scaling = [f"{each.alone / each.seconds:.2f}" if each.seconds else ""] * several
            time, share = time_text(each.seconds), f"{each.seconds / whole:.1%}"
            rows.append(
                (each.part, each.layer, f"{each.name} {each.shapes}", time, share, each.rate, of_peak, *scaling)
            )
        rows.append(("between", "", "", time_text(self.between), f"{self.between / whole:.1%}", "", ""))
        widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(rows[0]))]
        lines = [
            "  ".join(
                f"{text:<{width}}" if i < 3 else f"{text:>{width}}"
                for i, (text, width) in enumerate(zip(row, widths, strict=False))
            ).rstrip()
            for row in rows
        ]
        threads = f"{self.threads} threads, {figure(self.alone / self.seconds)}x of one" if several else "one thread"
        step = f"A step on {self.batch} examples takes {time_text(self.seconds)} by {threads}"
        return "\n".join(
            [*lines, f"{step}; the limit is {time_text(self.limit)}, {self.limit / self.seconds:.0%} of it."]
        )


def profile(model: Any, X: ArrayLike, y: ArrayLike, *, seconds: float = 1.0, **options: Any) -> Profile:
    """Train a copy of a network for a while, and tell where the time of its steps goes.

    A clock is read between the operations of the compiled steps, by the thread that leads; the figures are means of the
    middle half of many steps. Steps with the clock are some nanoseconds an operation slower; `Profile.seconds` is of
    those without.

    Parameters
    ----------
    model : numbanet.Sequential
        Is left as it is.
    X, y : array_like
        Examples and targets, as `numbanet.Solver` takes them.
    seconds : float
        About how long to measure, on all threads and then on one.
    **options
        Of `numbanet.Solver`, such as ``batch_size=64`` or ``optimizer="sgd"``.

    Returns
    -------
    Profile

    Raises
    ------
    TypeError, ValueError
        For what `numbanet.Solver` does not take; for a model whose steps only Python can take; and where a loss becomes
        NaN or infinite.
    """
    if not (isinstance(seconds, (int, float)) and 0 < seconds < float("inf")):
        raise ValueError(f"seconds: expected a number above 0, got {seconds!r}")
    options.setdefault("num_train_samples", 0)
    solver = numbanet.Solver(copy.deepcopy(model), {"X_train": X, "y_train": y}, verbose=False, **options)
    compiled = solver.compiled
    if not compiled:
        raise ValueError(f"model: its steps are taken {compiled}, where there is nothing to read a clock between")
    steps, count = compiled.steps, get_num_threads()
    step, taken, operations = _measured(steps, seconds)
    single, _, apart = step, taken, operations
    if count > 1:
        with alone():
            single, _, apart = _measured(steps, seconds)
    rows = [
        _described(solver.model, part, operation, *times, count)
        for (part, operation), *times in zip(steps.operations, operations[:-1], apart[:-1], strict=True)
    ]
    return Profile(rows, operations[-1], step, single, _limit(rows, count), count, steps.program.batch, taken)


def _measured(steps: Any, seconds: float) -> tuple[float, int, list[float]]:
    """Seconds of a step, how many were timed, and seconds of each operation and of what is between."""
    batch, examples, rng = steps.program.batch, len(steps.given[0]), np.random.default_rng(0)
    calls, per_call, plain, timed = 0, 2, [], []
    end = perf_counter() + seconds
    while calls < ROUNDS or perf_counter() < end:
        order = [
            rng.permutation(examples)[: examples // batch * batch] for _ in range(-(-per_call * batch // examples))
        ]
        rows = np.concatenate(order)[: per_call * batch]
        start = perf_counter()
        losses = steps(rows)
        took = (perf_counter() - start) / per_call
        if not np.isfinite(losses[-1]):
            raise ValueError(f"model: its loss is {losses[-1]}; a smaller learning rate may help")
        if took * per_call < CALL_SECONDS / 2:  # too few steps to say anything
            per_call *= 2
            continue
        plain.append(took)
        timed.append(steps.timed(rows))
        calls += 1
    every = np.concatenate(timed)
    return float(np.median(plain)), len(every), [_middle(column) for column in every.T]


def _middle(values: np.ndarray) -> float:
    """The mean of the middle half: a clock has steps, which a median would be one of."""
    ordered = np.sort(values)
    quarter = len(ordered) // 4
    return float(ordered[quarter : len(ordered) - quarter].mean())


def _described(model: Any, part: str, operation: Any, seconds: float, single: float, threads: int) -> OperationTime:
    function, arguments = operation[:2]
    name = getattr(function, "__name__", type(function).__name__)
    layer = ""
    if operation.layer is not None:
        placed = model.placed[operation.layer]
        layer = f"{placed.number} {type(placed.layer).__name__}"
    arrays = [value for value in arguments if isinstance(value, np.ndarray) and value.size]
    shapes = " ".join(dict.fromkeys("x".join(map(str, value.shape)) for value in arrays))
    known, least = cost(name, arguments), None
    if known is not None and known.flops:
        least = known.flops / _peak(arrays[0].itemsize, threads)
    elif known is not None:
        least = known.moved / peaks.bandwidth(known.held, threads)
    return OperationTime(part, name, layer, shapes, seconds, single, known, least)


def _peak(itemsize: int, threads: int) -> float:
    """Floating-point operations in a second: of float64, vectors hold half as many."""
    return peaks.multiply_adds(threads) * 4 / itemsize


def _limit(rows: list[OperationTime], threads: int) -> float:
    flops = sum(row.least for row in rows if row.cost and row.cost.flops and row.least)
    updates = [row.cost for row in rows if row.part == "update" and row.cost]
    return flops + sum(Work(0, each.moved, each.held).seconds(threads) for each in updates)
