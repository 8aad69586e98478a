"""Whole steps of training as one call, from the rows of a batch to the update."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from ..data.sparse import SparseRows
from ..kernels import _gather
from ..runtime import call_table
from ..runtime.clock import Clock
from ..runtime.dispatch import forms
from ..runtime.lazy import lazy
from .build import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .._types import Array, FloatArray, IntArray
    from ..data import Augment, Standardizer
    from ..optim import Optimizer
    from .run import Program


DROPOUT = "dropout"  # what is fed besides options of the optimizer
PARTS = "gather", "forward", "loss", "backward", "penalty", "update"  # of a step


def training_steps(
    program: Program,
    X: Array,
    y: Array,
    optimizer: Optimizer | None,
    augment: Augment | None = None,
    weights: FloatArray | None = None,
) -> TrainingSteps:
    """The `TrainingSteps` on these arrays.

    Parameters
    ----------
    program : Program
        For training; the caller is within `begin` of the network's workspaces.
    X, y : ndarray
        All examples and targets, as the model's checks let them pass.
    optimizer : numbanet.optim.Optimizer
        For the model's flat arrays.
    augment : numbanet.data.Augment, optional
        How the examples are changed when they are gathered.
    weights : ndarray, optional
        Those of all examples; for a program that is weighted.
    """
    given, steps = (X, y, optimizer, augment, weights), program.steps()
    if steps is None or any(a is not b for a, b in zip(steps.given, given, strict=True)):
        steps = TrainingSteps(program, *given)
        program.steps = weakref.ref(steps)  # the data belong to whoever trains, not to the network
    return steps


class TrainingSteps:
    """Whole steps of training without Python: examples gathered, forward, loss, backward, penalties, update.

    Parameters
    ----------
    program : Program
    X, y, optimizer, augment, weights
        See `training_steps`; kept as `given`.

    Attributes
    ----------
    table : numbanet.runtime.call_table.Table or None
        What the compiled loop walks; None where only Python can.
    obstacle : str or None
        Why that is so, in words.
    """

    def __init__(
        self,
        program: Program,
        X: Array,
        y: Array,
        optimizer: Optimizer,
        augment: Augment | None,
        weights: FloatArray | None,
    ) -> None:
        self.program, self.model, self.given = program, program.model, (X, y, optimizer, augment, weights)
        self.table = None
        self._augmented = np.array([augment.seed if augment else 0, 0], np.uint64)  # seed and step
        readable = augment, self.model.standardizer
        unreadable = _unreadable("X_train", X, *readable) or _unreadable("y_train", y)
        if unreadable is None and self.model.ops is kernels:
            own = [operation[:2] for operation in self._own[1]]
            call_table.prepare([*program.bindings, *own], trains=True)
        self.obstacle = program.obstacle or unreadable
        if self.obstacle is None:
            self._lower()

    @lazy
    def _own(self) -> Any:
        """Where the rows of a batch are named; operations round the program's; how many of them gather; the update."""
        program, (_, y, optimizer, augment, weights) = self.program, self.given
        model, rows = self.model, np.zeros(program.batch, np.int64)
        gathers = [self._examples(rows), _gathered(y, rows, program.y)]
        if weights is not None:
            gathers.append(_gathered(weights, rows, program.weights))
        changes = []
        if augment and model.standardizer:  # in place
            changes.append(_gathered(program.x, np.arange(program.batch), program.x, model.standardizer))
        update, values = optimizer.calls(model.params.flat, model.grads.flat), optimizer.values
        updates = [(call.function, (*call.arrays, *call.numbers(values))) for call in update]
        return rows, forms([*gathers, *changes, *updates]), len(gathers), update

    def _lower(self) -> None:
        program, optimizer = self.program, self.given[2]
        rows, operations, gathers, update = self._own
        try:
            bound = [call_table.Call(*operation) for operation in operations]
        except call_table.NoRecordError:
            self.obstacle = f"the update of {optimizer.name!r} is not compiled"
            return
        self._raised, self._ahead = None, len(bound) - len(update)  # operations of the table before the program's
        self._gathers, self._updates = bound[:gathers], len(update)
        self.table = call_table.Table([*bound[: self._ahead], *program.calls, *bound[self._ahead :]])
        self._losses = call_table.Numbers([call.result_cell for call in program.losses], 1)
        self._keys = call_table.Numbers([(key[1:].ctypes.data, 1) for key in program.keys], 2)
        # Where numbers stand that change from step to step: (call, position, what it calls) of the arguments of a name.
        self._scalars: dict[str, list[Any]] = {}
        self._there: dict[str, Any] = {}  # numbers that are in their places
        for call, what in zip(bound[self._ahead :], update, strict=True):
            for position, name in enumerate(what.scalars, len(what.arrays)):
                self._scalars.setdefault(name, []).append((call, position, what))
        cells = [(call.cell(1), rows.nbytes) for call in self._gathers]
        cells.append((self._augmented[1:].ctypes.data, 1))
        cells += [(call.cell(position), 1) for call, position, _ in self._scalars.get("t", [])]
        self._cells = call_table.Numbers(cells, 2)

    def _examples(self, rows: IntArray) -> Any:
        """The operation that puts the examples `rows` into the network."""
        X, _, _, augment, _ = self.given
        model, x = self.model, self.program.x
        if isinstance(X, SparseRows):
            return _gather.gather_sparse, (X.data, rows, X.indices, X.indptr, x)
        if augment is None:
            return _gathered(X, rows, x, model.standardizer)
        return model.ops.augment, augment.arguments(X, rows, self._augmented, x)

    def __call__(
        self, rows: IntArray, step: int = 0, feeds: Mapping[str, FloatArray | float] | None = None
    ) -> list[float]:
        """Take a step on each batch of `rows`, and return the losses.

        Where a loss is NaN or infinite, it is the last: that step has computed gradients, but updated nothing. There
        are also fewer losses than batches where another thread waits for the network; the rest is for the next call.

        Parameters
        ----------
        rows : ndarray of int64, shape (steps * N,)
            Which examples.
        step : int
            Number of the first step, for `augment`.
        feeds : dict of ndarray of float64, shape (steps,), optional
            Options of the optimizer by name, such as ``learning_rate``, with a value for each step: the compiled loop
            puts it into every argument that `_scalars` has of the name, before the step. The optimizer's `options`
            have those of the last step afterwards; options that are not fed stay as they are. A float is for all steps.
            "dropout" is what all probabilities of dropout are multiplied by; by default the model's `dropout_factor`.

        Returns
        -------
        list of float
        """
        if self._raised is not None:
            error, self._raised = self._raised, None
            raise error
        workspaces = self.model.workspaces
        end = workspaces.begin()
        try:
            fed, options = {DROPOUT: self.model.dropout_factor, **(feeds or {})}, self.given[2].options
            if isinstance(fed[DROPOUT], float) and (factor := fed.pop(DROPOUT)) != self.program.drop_factor:
                self.program.drop(factor)
            options.update({name: fed.pop(name) for name, values in list(fed.items()) if isinstance(values, float)})
            return self._take(rows, step, fed, workspaces.wanted)
        finally:
            end()

    @property
    def operations(self) -> list[tuple[str, Operation]]:
        """What a step runs, in order: the part of the step, one of `PARTS`, and the operation."""
        besides = [Operation(function, arguments, None) for function, arguments, _ in self._own[1]]
        parts = besides[: self._ahead], *self.program.operations, besides[self._ahead :]
        return [(name, operation) for name, part in zip(PARTS, parts, strict=True) for operation in part]

    def timed(self, rows: IntArray) -> FloatArray:
        """Take a step on each batch of `rows`; seconds that each operation took.

        Parameters
        ----------
        rows : ndarray of int64, shape (steps * N,)

        Returns
        -------
        ndarray of float64, shape (steps, operations + 1)
            In the order of `operations`, and behind them what goes on between forward and backward passes, the update
            and the next step. The last step is left out, and one that a loss which is not finite has kept from its end.
        """
        plain, count = (self.table, self._updates), len(self.operations)
        clock = Clock(len(rows) // self.program.batch * (count + 2))
        self.table, self._updates = self.table.timed(clock, self._updates), 2 * self._updates + 1
        try:
            self(rows)
        finally:
            self.table, self._updates = plain
        readings = clock.seconds
        steps = max(0, len(readings) - 1) // (count + 2)
        seconds = np.diff(readings[: steps * (count + 2) + 1]).reshape(steps, count + 2)
        seconds = np.maximum(seconds - Clock.cost(), 0.0)
        between = count - plain[1], count + 1  # before the update, and after it
        return np.column_stack([np.delete(seconds, between, axis=1), seconds[:, between].sum(axis=1)])

    def _take(self, rows: IntArray, step: int, feeds: Mapping[str, FloatArray], wanted: Array) -> Any:
        X, _, optimizer, _, _ = self.given
        steps, rows = len(rows) // self.program.batch, np.ascontiguousarray(rows, np.int64)
        if not 0 <= rows.min() <= rows.max() < len(X):  # the kernels would read what lies beyond
            raise IndexError(f"rows: expected 0 to {len(X) - 1}, got {rows.min()} to {rows.max()}")
        for call in self._gathers:
            call.point(1, rows)
        self._augmented[1] = step
        values = optimizer.values
        there = self._there
        changed = {name for name in self._scalars if name not in feeds and there.get(name) != values[name]}
        if "eps_inside_root" in changed:
            changed.add("eps")  # which goes by that
        for name in changed:
            for call, position, what in self._scalars[name]:
                call.set(position, what.number(name, values))
        # What stays so, but for what is fed.
        self._there = {name: values[name] for name in self._scalars if name not in feeds}
        self._keys.array[:, 1] = 0 if self.model.fixed_dropout else 1
        history, fed = np.zeros(steps), self._fed(feeds, steps)
        try:
            taken = self.table.train(self._updates, fed, self._losses, self._keys, self._cells, history, wanted)
        except Exception as error:
            taken = (self._gathers[0].place(1) - rows.ctypes.data) // (self.program.batch * rows.itemsize)
            explained = self.program.explained(error, self.table.raised() - self._ahead)
            if not taken:
                raise explained from explained.__cause__
            self._raised = explained  # by the next call: what came before stays, and is told of first
        optimizer.t += taken
        if "t" in self._there:
            self._there["t"] = optimizer.t + 1  # where the loop has moved it
        last = {name: float(values[taken - 1]) for name, values in feeds.items() if name != DROPOUT}
        optimizer.options.update(last if taken else {})
        diverged = taken < steps and not np.isfinite(history[taken])
        if DROPOUT in feeds:
            self.program.drop(float(feeds[DROPOUT][taken - 1 + diverged]))  # which the loop has put there
        if diverged:
            self.program.check(history[taken])
        return history[: taken + diverged].tolist()

    def _fed(self, feeds: Mapping[str, FloatArray], steps: int) -> Any:
        """Where the loop finds the numbers of each step, and where it puts them."""
        numbers = {**self.given[2].values, **feeds}
        for name, values in feeds.items():
            if values.shape != (steps,) or values.dtype != np.float64 or not values.flags.c_contiguous:
                raise ValueError(f"feeds: {name}: expected {steps} contiguous float64, got {values.shape}")
        columns = [
            (what.number(name, numbers), call.cell(position))
            for name in feeds
            for call, position, what in self._scalars.get(name, ())
        ]
        if DROPOUT in feeds:
            self.program.drop_factor, calls = math.nan, self.program.calls  # it is the loop that changes it
            columns += [
                (feeds[DROPOUT] * drop.rate, calls[drop.number].cell(drop.argument)) for drop in self.program.drops
            ]
        fed = call_table.Numbers([(values.ctypes.data, cell) for values, cell in columns], 2)
        fed.columns = columns  # which it has the addresses of
        return fed


def _unreadable(
    what: str, values: Any, augment: Augment | None = None, standardizer: Standardizer | None = None
) -> str | None:
    """Why no kernel gathers rows of `values`, in words; None where one does."""
    if isinstance(values, SparseRows):
        how = "augmented" if augment else "standardised" if standardizer else None
        return how and f"no kernel reads {what} that are sparse and {how}"
    flags, dtype = values.flags, values.dtype
    if not dtype.isnative or dtype == np.float16:
        return f"no kernel reads {what} of dtype {dtype.str if not dtype.isnative else dtype}"
    if not flags.aligned:
        return f"no kernel reads {what} that are not aligned"
    if augment and not flags.carray:
        return f"augmentation reads {what} that are C-contiguous and may be written to"
    if values.ndim != 2 and not flags.c_contiguous:
        return f"no kernel reads {what} of {values.ndim} axes that are not C-contiguous"
    return None


def _gathered(values: Array, rows: IntArray, into: Array, standardizer: Standardizer | None = None) -> Any:
    """The operation that gathers `rows`, as (function, arguments)."""
    values, into = values.reshape(len(values), -1), into.reshape(len(rows), -1)
    if standardizer is None:
        kernel, arguments = _gather.gather, (values, rows, into)
    else:
        each = [
            np.ascontiguousarray(np.broadcast_to(part, standardizer.mean.shape)).reshape(-1)
            for part in (standardizer.mean, standardizer.inv_scale)
        ]
        kernel, arguments = _gather.gather_standardized, (values, rows, *each, into)
    return kernel, arguments
