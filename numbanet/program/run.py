"""A program: a network lowered for one batch size, and run.

Where every operation is a kernel, a compiled loop walks the list (`runtime.call_table`), through any number of training
steps in one call; otherwise, with `numbanet.reference` or operations of a user's own, Python does.
"""

from __future__ import annotations

import functools
import itertools
import math
import weakref
from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._views import aligned_zeros
from ..kernels import _gather as _gather_kernels
from ..runtime import call_table
from ..runtime.dispatch import variant
from ..runtime.internals import NumbaError
from ..runtime.lazy import lazy
from ..runtime.placement import keep_apart
from ..runtime.threads import in_force
from . import diagnose
from .build import PLAIN, Form, Lowering

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._types import Array, ByteArray, FloatArray, IntArray
    from ..models import Sequential


class Program:
    """The operations of one network for one batch size, for training or for inference.

    Parameters
    ----------
    model : numbanet.models.Sequential
        Gives the layers, shapes and arrays. It keeps its programs, so a program does not keep it.
    batch : int
        Number of examples, N.
    training : bool
        Whether loss and gradients are computed.
    memory : callable, optional
        Gives so many bytes as an array, which is shared with all programs that do not run at the same time.
    form : Form
        Of the batch, in training.

    Attributes
    ----------
    x : ndarray, shape (N, D)
        The batch goes in here.
    scores : ndarray, shape (N, C)
    y, weights : ndarray
        Targets go in here, and the weights of the examples, where they have any; training only.
    operations : numbanet.program.build.Operations
        Forward, loss, backward and penalties, bound to their arrays.
    outputs, keys, drops, foreign
        As of `Lowering`.
    workspace : ndarray of uint8
        The memory that is shared.
    own_bytes : int
        Memory for the batch that is not shared.
    """

    def __init__(
        self,
        model: Sequential,
        batch: int,
        training: bool,
        memory: Callable[[int], ByteArray] | None = None,
        form: Form = PLAIN,
    ) -> None:
        self._model, self.batch, self.training = weakref.ref(model), batch, training
        self.dtype, self._largest = model.dtype, np.finfo(model.dtype).max
        self._standardizes = model.standardizer is not None
        lowered = Lowering(model, batch, training, form)
        self.workspace = lowered.settle(memory or (lambda size: aligned_zeros(size, np.uint8)))
        self.x, self.y, self.scores, self.operations = lowered.x, lowered.y, lowered.scores, lowered.operations
        self.weights = lowered.weights
        self.outputs, self.keys, self.foreign = lowered.outputs, lowered.keys, lowered.foreign
        self.drops, self.drop_factor = lowered.drops, 1.0
        self.own_bytes = self.x.nbytes if training else 0
        self._bad = np.zeros(batch, np.uint8)  # rows that `take` found to hold no number
        self._shared: dict[tuple[int, int], Any] = {}  # what Python calls and a team shares
        self.steps = lambda: None  # those that `steps.training_steps` made last

    @property
    def model(self) -> Sequential:
        return self._model()

    def __repr__(self) -> str:
        return diagnose.described(self)

    def first_non_finite(self) -> str:
        """Where NaN or infinity first shows in the training pass that was run last, in words."""
        return diagnose.first_non_finite(self)

    def load(self, X: Array, rows: IntArray | None = None, gather: Callable[..., object] | None = None) -> None:
        """Put examples into `x`, from the first place on: all of `X` or its `rows`, standardised if need be.

        `gather`, a function of (X, rows, out), puts them there otherwise than as they are.
        """
        if gather is not None:
            gather(X, rows, self.x)
            X, rows = self.x, None
        standardizer = self.model.standardizer
        if standardizer is not None:
            X = X if rows is None else X[rows]
            shape = len(X), *standardizer.mean.shape
            standardizer.write(X.reshape(shape), self.x[: len(X)].reshape(shape))
        elif rows is not None:
            _gather(X, rows, self.x)
        elif X.shape == self.x.shape:
            self.x[...] = X
        else:
            self.x[: len(X)] = X.reshape(len(X), -1)

    @lazy
    def _copy(self) -> Any:
        """Copies examples into `x` and marks what is not finite, compiled where the operations are."""
        if self.calls is None:
            return _copied
        return variant(_gather_kernels.copy, (self.x, self._largest, self.x, self._bad))

    def take(self, X: Array) -> bool:
        """Put all of `X` into `x`, as `load` does, to infer from; whether every value in it then is finite."""
        count = len(X)
        x = self.x if count == self.batch else self.x[:count]
        if self._standardizes or X.dtype is not self.dtype or not X.flags.carray:
            with np.errstate(over="ignore"):  # what this dtype cannot hold
                self.load(X)
            X = x
        elif X.ndim != 2:
            X = X.reshape(count, -1)
        self._copy(X, self._largest, x, self._bad)
        if self.foreign and count < self.batch:
            self.x[count:] = self.x[0]  # a user's function may raise on what is no example
        return not (self._bad[0] if count == 1 else self._bad[:count].any())

    @lazy
    def _bound(self) -> Any:
        """All operations as calls for the compiled loop, in order, and None; or None and why one of them is none."""
        calls = []
        call_table.prepare(self.bindings, trains=False)
        for operation in itertools.chain(*self.operations):
            try:
                calls.append(call_table.Call(operation.function, operation.arguments, operation.nanoseconds))
            except call_table.NoRecordError as why:
                ops = "" if self.model.ops is kernels else f"ops is {self.model.ops.__name__}, and "
                return None, f"{ops}{diagnose.named(self.model, operation)} {why}"
            except NumbaError as error:
                raise diagnose.explained(error, self.model, operation) from None
        return calls, None

    @property
    def bindings(self) -> list[tuple[Any, tuple[Any, ...]]]:
        """All operations as (function, arguments), in order."""
        return [(operation.function, operation.arguments) for operation in itertools.chain(*self.operations)]

    @property
    def calls(self) -> Any:
        """All operations as calls for the compiled loop, in order; None where Python calls them."""
        return self._bound[0]

    @property
    def obstacle(self) -> Any:
        """Why Python calls the operations, in words; None where the compiled loop does."""
        return self._bound[1]

    @lazy
    def _table(self) -> Any:
        return None if self.calls is None else call_table.Table(self.calls)

    @property
    def losses(self) -> list[Any]:
        """The calls whose results add up to the loss: those of the loss itself, and the L2 penalties."""
        calls, first = self.calls, len(self.operations.forward)
        own = calls[first : first + len(self.operations.loss)]
        return [*own, *calls[len(calls) - len(self.operations.penalties) :]]

    def infer(self) -> None:
        """Scores of the batch in `x`, into `scores`."""
        if self._table is None:
            in_force()
            keep_apart()
            self._run(self.operations.forward)
        else:
            self._walk(len(self.operations.forward))

    def drop(self, factor: float) -> None:
        """Have all that drops values drop `factor` times as many as the layers say, from the next pass on."""
        self.drop_factor = factor
        for drop in self.drops:
            rate = drop.scale(factor)
            if self.calls is not None:
                self.calls[drop.number].set(drop.argument, rate)

    def step(self) -> float:
        """Loss of the batch in `x` and `y`, L2 penalty included; the gradients go into the model's."""
        if self.model.dropout_factor != self.drop_factor:
            self.drop(self.model.dropout_factor)
        if self._table is None:
            self.infer()
            parts = [self._ran(self.operations.loss, place) for place in range(len(self.operations.loss))]
            self._run(self.operations.backward)
            parts += self._run(self.operations.penalties)
        else:
            self._walk()
            parts = [call.result for call in self.losses]
        loss = parts[0]
        for part in parts[1:]:
            loss += part
        self.check(loss)
        if not self.model.fixed_dropout:
            for key in self.keys:
                key[1] += np.uint64(1)
        return loss

    def check(self, loss: float) -> None:
        """An error where a loss that the pass gave is no number through a fault of the loss's function."""
        if not math.isfinite(loss):
            self.model.training_loss.check(self.scores, self.y, self.model.ops, self.weights)

    def _run(self, operations: Any) -> list[float]:
        """Call operations from Python; what they return."""
        returned = []
        for place, operation in enumerate(operations):
            try:
                returned.append(self._ran(operations, place))
            except Exception as error:
                explained = diagnose.explained(error, self.model, operation)
                raise explained from explained.__cause__
        return returned

    def _ran(self, operations: Any, place: int) -> Any:
        """What an operation of a pass returns, by a team where that pays."""
        operation = operations[place]
        if not operation.nanoseconds:
            return operation.function(*operation.arguments)
        kept, call = self._shared.get((id(operations), place), (None, None))
        if kept is not operation:  # there is another in its place, with another probability of dropout
            try:
                call = call_table.Single(operation.function, operation.arguments, operation.nanoseconds)
            except call_table.NoRecordError:
                call = functools.partial(operation.function, *operation.arguments)
            self._shared[id(operations), place] = operation, call
        return call()

    def _walk(self, count: int | None = None) -> None:
        try:
            self._table.walk(count)
        except Exception as error:
            explained = self.explained(error, self._table.raised())
            raise explained from explained.__cause__

    def explained(self, error: BaseException, number: int) -> Any:
        """What to raise where the operation of that number, in the order of `calls`, raised `error`."""
        return diagnose.explained(error, self.model, [*itertools.chain(*self.operations)][number])


def _copied(X: Array, largest: float, out: FloatArray, bad: Array) -> None:
    """The kernel `copy`, in NumPy."""
    out[...] = X
    bad[: len(out)] = ~(np.abs(out) <= largest).all(axis=1)


def _gather(X: Array, rows: IntArray, out: FloatArray) -> None:
    """``out[...] = X[rows]``, without a copy on the way where examples are large enough for that to matter."""
    if X.dtype == out.dtype and X.flags.c_contiguous and out.size >= 4096 and 0 <= rows.min() <= rows.max() < len(X):
        # "clip", which never does here, writes into `out` at once; "raise" would go through a buffer.
        np.take(X.reshape(len(X), -1), rows, axis=0, out=out, mode="clip")
    else:
        out[...] = X[rows].reshape(out.shape)
