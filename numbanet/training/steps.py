"""The steps of a training: compiled, many in one call, or one by one from Python.

`steps_of` decides which, and is the only place that does.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Compiled:
    """Whether steps run compiled: true or false, and as a string why not.

    Attributes
    ----------
    why_not : str or None
        What keeps them in Python, in words; None where nothing does.
    one_by_one : bool
        Whether Python has its turn after each of them.
    """

    why_not: str | None = None
    one_by_one: bool = False

    def __bool__(self):
        return self.why_not is None

    def __str__(self):
        if not self:
            return f"from Python, since {self.why_not}"
        return "compiled, but one by one, since on_step looks at each" if self.one_by_one else "compiled"


def steps_of(learner, update, part, batch, augment, one_by_one=False):
    """How steps on batches of this size are taken: `CompiledSteps` where that can be, else `PythonSteps`.

    Parameters
    ----------
    learner : NetworkLearner or ObjectLearner
    update : FlatUpdate or NamedUpdate
    part : Part
        What batches are drawn from.
    batch : int
        Number of examples in each.
    augment : numbanet.data.Augment or None
    one_by_one : bool
        Whether Python wants its turn after each step.
    """
    why_not = learner.own_steps or update.own_rule
    if why_not is None:
        steps = learner.model.training_steps(part.X, part.y, batch, update.optimizer, augment)
        if steps.obstacle is None:
            return CompiledSteps(steps, Compiled(None, one_by_one))
        why_not = steps.obstacle
    return PythonSteps(learner, update, part, augment, Compiled(why_not, True))


class CompiledSteps:
    """As many steps as there are rows for in one call, gradients and updates."""

    def __init__(self, steps, compiled):
        self._steps, self.compiled = steps, compiled

    def prepare(self, rows, step):
        """Do what may be interrupted of the steps on `rows`, the first of which is number `step`."""
        self._rows, self._step = rows, step

    def finish(self):
        """Do the rest, which must not be; the losses, where a last one that is not finite has changed nothing."""
        return self._steps(self._rows, self._step)


class PythonSteps:
    """One step at a time: loss and gradients by the model, then the update."""

    def __init__(self, learner, update, part, augment, compiled):
        self._learner, self._update, self._part, self._augment = learner, update, part, augment
        self.compiled = compiled

    def prepare(self, rows, step):
        gather = None
        if self._augment is not None:

            def gather(X, rows, out):
                self._augment.gather(X, rows, step, out, self._learner.ops)

        self._loss = self._learner.loss(self._part.X, self._part.y, rows, gather)

    def finish(self):
        if math.isfinite(self._loss):
            self._update.step()
        return [self._loss]
