"""Numbers besides the learning rate that schedules change from step to step."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._checks import did_you_mean, mapping, number
from ..optim import BELOW_ONE
from ..program.steps import DROPOUT
from ..schedules import checked_numbers, checked_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from .._types import FloatArray
    from ..schedules import Schedule


def checked_schedules(given: Any) -> dict[str, Schedule]:
    """Schedules by the names of what they are of."""
    checked = {}
    for name, schedule in mapping("schedules", given, "schedules").items():
        with _naming(name):
            checked[name] = checked_schedule(schedule)
    return checked


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """While this lasts, errors say of what the schedule is."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"schedules: {name}: {str(error).removeprefix('schedule: ')}") from error


@dataclass
class Scheduled:
    """A number that a schedule changes from step to step.

    Attributes
    ----------
    name : str
        Of an option of the update rule, or "dropout".
    schedule : numbanet.schedules.Schedule
    value : float
        What its factors are of.
    share : float
        Times which it must stay below 1; 0 where it may be anything.
    """

    name: str
    schedule: Schedule
    value: float
    share: float

    def numbers(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray | float:
        """What it is in so many steps from number `first` on; one for all, where they are of one epoch and alike."""
        count = 1 if self.schedule.by_epoch else count
        with _naming(self.name):
            factors = self.schedule.factors(first, count, num_steps, steps_per_epoch)
            numbers = self.value * checked_numbers(str(self.schedule), factors, first, count)
        highest = numbers.max() * self.share
        if highest >= 1:
            raise ValueError(f"schedules: {self.name}: {self.schedule} makes it {highest:g}, expected less than 1")
        return numbers.item() if self.schedule.by_epoch else numbers

    def check(self, num_steps: int, steps_per_epoch: int) -> None:
        """ValueError where the schedule cannot be followed through so many steps."""
        with _naming(self.name):
            self.schedule.check(num_steps, steps_per_epoch)


def scheduled(
    schedules: Mapping[str, Schedule], options: Mapping[str, Any], drop_rates: Callable[[], Sequence[float]]
) -> list[Scheduled]:
    """What `schedules` change: `options` of the update rule, or dropout with probabilities `drop_rates`.

    ValueError where there is none of that name.
    """
    known = [name for name, value in options.items() if name != "learning_rate" and not isinstance(value, bool)]
    numbers = []
    for name, schedule in schedules.items():
        if name == DROPOUT:
            if not (rates := drop_rates()):
                raise ValueError("schedules: dropout: the network has no dropout")
            numbers.append(Scheduled(name, schedule, 1.0, max(rates)))
        elif name in known:
            value = number(f"optimizer_options: {name}", options[name], 0)
            numbers.append(Scheduled(name, schedule, value, float(name in BELOW_ONE)))
        else:
            hint = did_you_mean(name, [*known, DROPOUT], repr)
            hint = "; that of the learning rate is `schedule`" if name == "learning_rate" else hint
            raise ValueError(f"schedules: expected {', '.join(map(repr, [*known, DROPOUT]))}, got {name!r}{hint}")
    return numbers
