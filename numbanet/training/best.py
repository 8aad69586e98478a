"""Which measurement of a training is the best, and since when there was no gain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .._checks import integer, mapping, number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Best:
    """The best measurement of a training, by one of its columns.

    A value that is NaN or infinite is undefined and never the best. Of equal values the later is the best, since that
    network has learnt more.

    Parameters
    ----------
    monitor : str
        A column of `History`.
    greater_is_better : bool
    min_delta : float
        By how much a value must be better for `stale` to count it as a gain.
    first_of_equals : bool
        Whether the earlier of equal values is the best, as in the course.

    Attributes
    ----------
    epoch : int or None
        Of the best measurement; None while there is none.
    row : dict
        That measurement, by column.
    """

    def __init__(
        self, monitor: str, greater_is_better: bool = False, min_delta: float = 0.0, first_of_equals: bool = False
    ) -> None:
        self.monitor, self.greater_is_better = monitor, greater_is_better
        self.min_delta = number("min_delta", min_delta, 0, include_high=False)
        self.first_of_equals = first_of_equals
        self.epoch: int | None = None
        self.row: dict[str, float] = {}
        self._gained: int | None = None  # the last epoch with a gain,
        self._mark = math.inf  # and its value, the lower, the better

    def enter(self, epoch: int, row: Mapping[str, float]) -> bool:
        """Whether a new measurement is the best so far."""
        value = self._lower(row)
        if not math.isfinite(value):
            return False
        if value < self._mark - self.min_delta:
            self._gained, self._mark = epoch, value
        best = self._lower(self.row) if self.row else math.inf
        if value > best or (value == best and self.first_of_equals):
            return False
        self.epoch, self.row = epoch, dict(row)
        return True

    def stale(self, epoch: int) -> int:
        """How many epochs there were no gains; 0 while the value is undefined."""
        return 0 if self._gained is None else epoch - self._gained

    def _lower(self, row: Mapping[str, float]) -> float:
        """The value, the lower, the better."""
        return -row[self.monitor] if self.greater_is_better else row[self.monitor]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {
            "monitor": self.monitor,
            "epoch": self.epoch,
            "row": {name: None if math.isnan(value) else value for name, value in self.row.items()},
            "gained": self._gained,
            "mark": self._mark,
        }

    def take_up(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave; KeyError, TypeError or ValueError where it makes no sense."""
        if saved["monitor"] != self.monitor:
            raise ValueError(f"its best epoch was chosen by {saved['monitor']}, not by {self.monitor}")
        epochs = [None if saved[name] is None else integer(name, saved[name], 0) for name in ("epoch", "gained")]
        row = mapping("row", saved["row"], "numbers")
        counts = {name: integer(name, row[name], 0) for name in ("epoch", "step") if name in row}
        row = {name: math.nan if value is None else number(name, value) for name, value in row.items()} | counts
        if row and not math.isfinite(row[self.monitor]):
            raise ValueError(f"its best {self.monitor} is {row[self.monitor]}")
        self._mark = number("mark", saved["mark"])
        (self.epoch, self._gained), self.row = epochs, row
