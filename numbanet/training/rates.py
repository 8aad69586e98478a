"""The numbers of each step: what schedules say, and of the learning rate, rescaled by what the user has set."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import number
from ..schedules import checked_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .._types import FloatArray
    from ..schedules import Schedule
    from .scheduled import Scheduled


class Rates:
    """Learning rates and momenta of the steps to come.

    Parameters
    ----------
    schedule : numbanet.schedules.Schedule
    learning_rate : float
        What the schedule's factors are of; NaN where that is not known yet.
    steps_per_epoch : int
    others : list of Scheduled
        What else changes from step to step.
    """

    def __init__(
        self, schedule: Schedule, learning_rate: float, steps_per_epoch: int, others: Sequence[Scheduled] = ()
    ) -> None:
        self.schedule, self._steps_per_epoch, self._others = schedule, steps_per_epoch, list(others)
        self._rate, self._factor = learning_rate, 1.0  # it has been set to that where the schedule had this factor

    @property
    def known(self) -> bool:
        """Whether there is a learning rate; a rule of a user's own may have none, or fill it in later."""
        return not math.isnan(self._rate)

    def check(self, num_steps: int) -> None:
        """ValueError where the schedule cannot be followed through so many steps."""
        self.schedule.check(num_steps, self._steps_per_epoch)
        for other in self._others:
            other.check(num_steps, self._steps_per_epoch)
        if not self.known and self.schedule.factors(0, 1, num_steps, self._steps_per_epoch)[0] != 1:
            raise ValueError(
                f"schedule: {self.schedule} changes the learning rate of the first step, which is not known before; "
                "give optimizer_options={'learning_rate': ...}"
            )

    def learn(self, learning_rate: float) -> None:
        """Take up what such a rule has filled in."""
        if not self.known:
            self._rate = learning_rate

    def of(self, first: int, count: int, num_steps: int) -> FloatArray:
        """Learning rates of so many steps from number `first` on, of `num_steps`."""
        if not self.known:
            return np.full(count, math.nan)
        steps = first, count, num_steps, self._steps_per_epoch
        if self._factor == 1.0:
            return self._checked(self.schedule.rates(self._rate, *steps), first, count)
        return self._rate * (self._checked(self.schedule.factors(*steps), first, count) / self._factor)

    def set(self, learning_rate: float, step: int, num_steps: int) -> None:
        """Have that rate in the next step, and all that come after it rescaled likewise."""
        learning_rate = number("learning_rate", learning_rate, 0, include_high=False)
        factors = self.schedule.factors(step, 1, num_steps, self._steps_per_epoch)
        (factor,) = self._checked(factors, step, 1).tolist()
        if factor == 0:
            if learning_rate > 0:
                raise ValueError(
                    f"learning_rate: the schedule {self.schedule} has 0 at the next step, number {step}, which cannot "
                    f"be rescaled to {learning_rate:g}; set it at another, or in optimizer_options"
                )
            factor = 1.0
        self._rate, self._factor = learning_rate, factor

    def numbers(self, first: int, count: int, num_steps: int, momentum: str | None) -> dict[str, FloatArray | float]:
        """By names of options, what they are in each step of one epoch, or in all of them.

        `momentum` is what that is called, if there is one.
        """
        numbers: dict[str, FloatArray | float] = {}
        if self.known and self.schedule.by_epoch:
            numbers["learning_rate"] = self.of(first, 1, num_steps).item()
        elif self.known:
            numbers["learning_rate"] = self.of(first, count, num_steps)
        momenta = self.schedule.momenta(first, count, num_steps, self._steps_per_epoch)
        if momentum is not None and momenta is not None:
            if (momenta >= 1).any():
                raise ValueError(f"schedule: {self.schedule} gave a momentum of {momenta.max()}, expected less than 1")
            if any(other.name == momentum for other in self._others):
                raise ValueError(f"schedules: {momentum}: the schedule {self.schedule} changes it already")
            numbers[momentum] = self._checked(momenta, first, count)
        for other in self._others:
            numbers[other.name] = other.numbers(first, count, num_steps, self._steps_per_epoch)
        return numbers

    def _checked(self, values: Any, first: int, count: int) -> FloatArray:
        return checked_numbers(f"schedule: {self.schedule}", values, first, count)

    def to_dict(self) -> dict[str, Any]:
        """What is kept in files besides the schedules."""
        others = {other.name: other.value for other in self._others}
        return {"rate": self._rate, "factor": self._factor, "others": others}

    def take_up(self, kept: Mapping[str, Any]) -> None:
        """The other way round; ValueError or TypeError where that makes no sense."""
        rate = number("rate", kept["rate"], 0, include_high=False)
        factor = number("factor", kept["factor"], 0, include_low=False, include_high=False)
        others = [replace(each, value=number(each.name, kept["others"][each.name], 0)) for each in self._others]
        self._rate, self._factor, self._others = rate, factor, others
