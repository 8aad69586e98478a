"""Learning rates that change from epoch to epoch.

A schedule is a function of the number of epochs that are done and gives the learning rate of the next one. A `Solver`
follows it by a callback::

    rate = schedules.cosine(1e-3, epochs=20)
    follow = schedules.follow(rate)
    solver = Solver(model, data, optimizer_options={"learning_rate": rate(0)}, epochs=20, callbacks=[follow])
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ._checks import integer, number

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ._types import Schedule
    from .training.solver import Solver


def exponential(learning_rate: float, factor: float) -> Schedule:
    """``learning_rate * factor**epoch``, as ``Solver(lr_decay=factor)`` does it and PyTorch's ``ExponentialLR``."""
    learning_rate, factor = _rate(learning_rate), _factor(factor)
    return lambda epoch: learning_rate * factor**epoch


def step(learning_rate: float, every: int, factor: float) -> Schedule:
    """``learning_rate * factor**(epoch // every)``: multiplied by `factor` after each `every` epochs; ``StepLR``."""
    learning_rate, every, factor = _rate(learning_rate), integer("every", every, 1), _factor(factor)
    return lambda epoch: learning_rate * factor ** (epoch // every)


def cosine(learning_rate: float, epochs: int) -> Schedule:
    """``learning_rate * (1 + cos(π epoch / epochs)) / 2``, down to 0 at the end; PyTorch's ``CosineAnnealingLR``.

    Source: Loshchilov and Hutter, "SGDR", arXiv:1608.03983, equation 5, without restarts.
    """
    learning_rate, epochs = _rate(learning_rate), integer("epochs", epochs, 1)
    return lambda epoch: learning_rate * (1 + math.cos(math.pi * min(epoch / epochs, 1))) / 2


def follow(schedule: Schedule) -> Callable[[Solver, dict[str, Any]], None]:
    """A callback that sets the learning rate of the epoch to come."""

    def on_epoch_end(solver: Solver, logs: dict[str, Any]) -> None:
        solver.learning_rate = schedule(solver.epoch)

    return on_epoch_end


def _rate(value: Any) -> float:
    return number("learning_rate", value, 0, include_high=False)


def _factor(value: Any) -> float:
    return number("factor", value, 0, include_low=False, include_high=False)
