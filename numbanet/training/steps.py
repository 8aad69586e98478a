"""The steps of a training: on which examples, how many in one call, compiled or from Python.

`Path` decides how steps are taken, and is the only place that does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .._plain import MOST, integer
from ..program import form_of
from ..program.steps import DROPOUT, training_steps
from .order import Blocks, NearOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .._mapped import Mapped
    from .._types import FloatArray, IntArray
    from ..data import Augment
    from ..program import TrainingSteps
    from .data import Part
    from .learners import NetworkLearner, ObjectLearner
    from .updates import FlatUpdate, NamedUpdate


CALL_SECONDS = 0.02  # that steps without Python take at once, so that Ctrl-C and callbacks need not wait for long


class Batches:
    """Which examples make the next batches: every epoch takes them in a new order, piece by piece.

    Those that lie in a file, and are more than are to be in memory, come in an order that reads it block by block.

    Parameters
    ----------
    count : int
        Number of examples.
    batch_size : int
    drop_last : bool
        Whether what does not fill a batch is left out.
    learns_from : callable
        Whether so few examples as are left make a batch.
    rng : numpy.random.Generator
    counted : ndarray of int64, optional
        Which rows the examples are; by default all from the first on.
    mapped : Mapped, optional
        Where the rows lie in a file.

    Attributes
    ----------
    per_epoch : int
    permutation : ndarray, NearOrder or None
        The order of this epoch, None before the first.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        drop_last: bool,
        learns_from: Callable[[int], bool],
        rng: np.random.Generator,
        counted: Any = None,
        mapped: Mapped | None = None,
    ) -> None:
        self.rng, self._counted = rng, counted
        self._mapped, self._blocks = mapped, Blocks.of(count, mapped)
        self.permutation: Any = None
        self.count, self._size = count, min(batch_size, count)
        left = 0 if drop_last else count % self._size
        self._last = left if left and learns_from(left) else 0  # 0: all are of one size
        self.per_epoch = count // self._size + (self._last > 0)

    def coming(self, step: int) -> tuple[int, int]:
        """(batch size, number of batches of this size that are left in the epoch) from number `step` on."""
        left = self.count // self._size - step % self.per_epoch
        return (self._size, left) if left else (self._last, 1)

    def mean(self, losses: Sequence[float]) -> float:
        """Mean loss of the examples of an epoch's first batches, by the losses of these."""
        total, count = self._size * sum(losses), self._size * len(losses)
        if len(losses) == self.per_epoch and self._last:
            missing = self._size - self._last
            total, count = total - missing * losses[-1], count - missing
        return total / count

    def rows(self, step: int, steps: int) -> IntArray:
        """Rows of so many batches from number `step` on, all of one epoch."""
        position = step % self.per_epoch
        if position == 0 or self.permutation is None:
            self.permutation = self._new_order()
        rows = self.permutation[position * self._size : (position + steps) * self._size]
        return rows if self._counted is None or isinstance(self.permutation, NearOrder) else self._counted[rows]

    def _new_order(self) -> Any:
        if self._blocks is None or not isinstance(self.rng, np.random.Generator):
            return self.rng.permutation(self.count)
        return self._near(int(self.rng.integers(MOST)))

    def _near(self, seed: int) -> NearOrder:
        assert self._blocks is not None
        return NearOrder(self._blocks, seed, self._counted, self._mapped)

    def order(self) -> IntArray:
        """The order of this epoch as an array, for saving."""
        if isinstance(self.permutation, NearOrder):
            return np.array([self.permutation.seed])
        return np.arange(self.count) if self.permutation is None else self.permutation

    def order_of(self, saved: Any) -> Any:
        """What `permutation` was by what `order` gave; ValueError where it makes no sense."""
        if self._blocks is not None and saved.shape == (1,):
            return self._near(integer("seed", saved[0], 0))
        if saved.dtype.kind != "i" or not np.array_equal(np.sort(saved), np.arange(self.count)):
            raise ValueError("the order of the examples is not a permutation")
        return saved


class Pace:
    """How many steps to take in one call, by how long the last ones took.

    Attributes
    ----------
    steps : int
    """

    def __init__(self) -> None:
        self.steps = 1

    def note(self, steps: int, seconds: float) -> None:
        """`steps` took `seconds`. A number grows by doubling, since the first steps may have been unusual."""
        allowed = int(CALL_SECONDS * steps / seconds)
        self.steps = max(1, min(allowed, max(self.steps, 2 * steps)))


@dataclass(frozen=True)
class Compiled:
    """Whether steps run compiled: true or false, and as a string why not.

    Attributes
    ----------
    why_not : str or None
        What keeps them in Python, in words; None where nothing does.
    one_by_one : bool
        Whether Python has its turn after each of them.
    steps : numbanet.program.TrainingSteps or None
        Those of the size of a batch that comes next; None where Python takes them.
    """

    why_not: str | None = None
    one_by_one: bool = False
    steps: TrainingSteps | None = field(default=None, repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.why_not is None

    def __str__(self) -> str:
        if not self:
            return f"from Python, since {self.why_not}"
        return "compiled, but one by one, since on_step_end looks at each" if self.one_by_one else "compiled"


class Path:
    """How the steps of one training are taken.

    Parameters
    ----------
    learner : NetworkLearner or ObjectLearner
    update : FlatUpdate or NamedUpdate
    part : Part
        What batches are drawn from.

    Attributes
    ----------
    begin : callable
        Begins a step, during which nobody else uses the model; returns what to call at its end.
    """

    def __init__(self, learner: NetworkLearner | ObjectLearner, update: FlatUpdate | NamedUpdate, part: Part) -> None:
        self._learner, self._update, self._part = learner, update, part
        # Compiled steps by the size of a batch: the last of an epoch may be smaller.
        self._kept: dict[int, TrainingSteps] = {}
        self.begin = learner.begin

    def enter(self, augment: Augment | None) -> None:
        """Look, where a training begins, whether the model or the rule has something of its own that only Python runs.

        `augment` is how images are changed: a `numbanet.data.Augment` or None.
        """
        self._own, self._augment = self._learner.own_steps or self._update.own_rule, augment
        if self._own is None:
            self._form = form_of(self._learner.model, self._part.y, self._part.weights)

    def steps(self, batch: int, one_by_one: bool = False) -> CompiledSteps | PythonSteps:
        """How steps on so many examples are taken just now: `CompiledSteps` where that can be, else `PythonSteps`.

        The caller has begun a step. `one_by_one` says that Python wants its turn after each.
        """
        why_not, update = self._own, self._update
        if why_not is None:
            model, part = self._learner.model, self._part
            program = model.workspaces.main().program(model, batch, training=True, form=self._form)
            data = part.X, part.y, update.optimizer, self._augment, part.weights
            steps = self._kept[batch] = training_steps(program, *data)
            if steps.obstacle is None:
                return CompiledSteps(steps, Compiled(None, one_by_one, steps))
            why_not = steps.obstacle
        return PythonSteps(self._learner, update, self._part, self._augment, Compiled(why_not, True))


class CompiledSteps:
    """As many steps as there are rows for in one call, gradients and updates."""

    def __init__(self, steps: TrainingSteps, compiled: Compiled) -> None:
        self._steps, self.compiled = steps, compiled

    def prepare(self, rows: IntArray, step: int, numbers: Mapping[str, FloatArray | float]) -> None:
        """Do what may be interrupted of the steps on `rows`, the first of which is number `step`.

        `numbers` are options of the rule by name, with a value for each step or one for all.
        """
        self._rows, self._step, self._numbers = rows, step, numbers

    def finish(self) -> list[float]:
        """Do the rest, which must not be; the losses, where a last one that is not finite has changed nothing."""
        return self._steps(self._rows, self._step, self._numbers)


class PythonSteps:
    """One step at a time: loss and gradients by the model, then the update."""

    def __init__(
        self,
        learner: NetworkLearner | ObjectLearner,
        update: FlatUpdate | NamedUpdate,
        part: Part,
        augment: Augment | None,
        compiled: Compiled,
    ) -> None:
        self._learner, self._update, self._part, self._augment = learner, update, part, augment
        self.compiled = compiled

    def prepare(self, rows: IntArray, step: int, numbers: Mapping[str, FloatArray | float]) -> None:
        self._numbers = {
            name: float(values if isinstance(values, float) else values[0]) for name, values in numbers.items()
        }
        augment, ops = self._augment, self._learner.ops
        gather = None if augment is None else lambda X, rows, out: augment.gather(X, rows, step, out, ops)
        dropout = self._numbers.pop(DROPOUT, None)
        if dropout is not None:
            self._learner.scale_dropout(dropout)
        try:
            self._loss = self._learner.loss(self._part.X, self._part.y, rows, gather, self._part.weights)
        finally:
            if dropout is not None:
                self._learner.scale_dropout(1.0)

    def finish(self) -> list[float]:
        if math.isfinite(self._loss):
            self._update.apply(self._numbers)
        return [self._loss]
