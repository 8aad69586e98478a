"""Which learning rate to train with: the loss of a short training whose rate grows from step to step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._checks import integer, mapping, number
from .errors import TrainingDiverged
from .training.history import new_figure
from .training.solver import Solver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from ._types import Array, Data, FloatArray, Model, UserRule
    from .data import Augment


SMOOTHING = 0.9  # weight of the losses before in the smoothed one
DIVERGED = 3  # times the least smoothed loss above it, where the sweep ends
BEGINNING = 0.1  # part of the sweep that is too early for a suggestion


@dataclass(frozen=True)
class LearningRateCurve:
    """What `numbanet.learning_rate_finder` found.

    Attributes
    ----------
    rates, losses, smoothed : ndarray of float64, shape (steps,)
        The learning rate of each step, the loss of its batch, and the mean of the losses so far in which the last ones
        count most.
    suggestion : float or None
        The rate where the smoothed loss falls fastest; None where it does not fall.
    """

    rates: FloatArray
    losses: FloatArray
    smoothed: FloatArray
    suggestion: float | None

    def plot(self) -> Any:
        """Draw the losses over the rates, and the suggestion; the matplotlib figure.

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        figure = new_figure("LearningRateCurve.plot")
        axes = figure.add_subplot()
        axes.plot(self.rates, self.losses, alpha=0.4, label="loss")
        axes.plot(self.rates, self.smoothed, label="smoothed")
        if self.suggestion is not None:
            axes.axvline(self.suggestion, linestyle="--", color="grey", label=f"{self.suggestion:.2g}")
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.legend()
        return figure


def learning_rate_finder(
    model: Model,
    data: Data,
    *,
    optimizer: str | UserRule | None = None,
    optimizer_options: Mapping[str, Any] | None = None,
    batch_size: int = 100,
    drop_last: bool = False,
    class_weight: Mapping[int, float] | Literal["balanced"] | None = None,
    augment: Augment | None = None,
    seed: int | None = None,
    lowest: float = 1e-7,
    highest: float = 10.0,
    num_steps: int = 100,
) -> LearningRateCurve:
    """Train for some steps, each with a higher learning rate than the one before, and leave the model as it was.

    Parameters
    ----------
    model, data, optimizer, optimizer_options, batch_size, drop_last, class_weight, augment, seed
        As of `numbanet.Solver`; validation data and a `learning_rate` among the options are not looked at.
    lowest, highest : float
        Rates of the first step and of the last; in between they grow by one factor.
    num_steps : int
        At least 10. The sweep ends before where a loss is not finite, or the smoothed loss is 4 times its least.

    Returns
    -------
    LearningRateCurve

    Raises
    ------
    TypeError, ValueError
        For what a `Solver` refuses, and rates that are not above 0 or do not grow.
    TrainingDiverged
        Where not even the first step gives a finite loss.

    Notes
    -----
    The range test of Smith, arXiv:1506.01186, section 3.3, with the exponential sweep and the end of fastai's
    ``lr_find``, and its steepest point as the suggestion, as PyTorch Lightning has it: the first tenth of the sweep and
    what comes after the least loss are left out. Smoothed losses are corrected as Adam's means are.
    """
    lowest = number("lowest", lowest, 0, include_low=False, include_high=False)
    highest = number("highest", highest, lowest, include_low=False, include_high=False)
    sweep = _Sweep(np.geomspace(lowest, highest, integer("num_steps", num_steps, 10)))
    solver = Solver(
        model,
        {name: value for name, value in mapping("data", data, "arrays").items() if not str(name).endswith("_val")},
        optimizer=optimizer,
        optimizer_options=optimizer_options,
        schedule="constant",
        batch_size=batch_size,
        epochs=num_steps,  # none is shorter than a step
        drop_last=drop_last,
        class_weight=class_weight,
        num_train_samples=0,
        augment=augment,
        seed=seed,
        callbacks=[sweep],
        verbose=False,
    )
    solver.learning_rate = lowest
    try:
        solver.run()
    except TrainingDiverged:
        if not sweep.losses:
            raise
    finally:
        sweep.restore(solver)
    return sweep.curve()


class _Sweep:
    """A callback that sets the rate of every step, and ends the training where the loss goes away."""

    def __init__(self, rates: FloatArray) -> None:
        self.rates = rates
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._mean = 0.0
        self._before: dict[str, Array] | None = None
        self._keys: Array | None = None

    def on_train_begin(self, solver: Solver, logs: object) -> None:  # the model is the solver's from now on
        self._before = solver._learner.snapshot()
        if solver._learner.flat:
            self._keys = solver.model.random_keys.copy()

    def restore(self, solver: Solver) -> None:
        """Bring the model back to what it was when the training began, if it did."""
        if self._before is not None:
            solver._learner.restore(self._before)
        if self._keys is not None:
            solver.model.random_keys[...] = self._keys

    def on_step_end(self, solver: Solver, logs: Mapping[str, Any]) -> bool:
        self.losses.append(logs["loss"])
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * logs["loss"]
        self.smoothed.append(self._mean / (1 - SMOOTHING ** len(self.losses)))
        least = min(self.smoothed)
        if len(self.losses) == len(self.rates) or self.smoothed[-1] > least + DIVERGED * abs(least):
            return True
        solver.learning_rate = self.rates[len(self.losses)]
        return False

    def curve(self) -> LearningRateCurve:
        rates, smoothed = self.rates[: len(self.losses)], np.array(self.smoothed)
        first, last = math.ceil(BEGINNING * len(self.rates)), int(np.argmin(smoothed))
        suggestion = None
        if last > first:
            slopes = np.gradient(smoothed)[first : last + 1]
            suggestion = float(rates[first + np.argmin(slopes)])
        return LearningRateCurve(rates, np.array(self.losses), smoothed, suggestion)
