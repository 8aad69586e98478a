"""Which epoch of a training is kept, and since when there was no gain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .._checks import integer, number, one_of
from .._names import MONITORS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Best:
    """The best measurement of a training, by one score.

    A score that is NaN or infinite is undefined and never the best. Of equal scores the later is the best, since that
    network has learnt more.

    Parameters
    ----------
    monitor : {"val_loss", "val_accuracy"}
    min_delta : float
        By how much a score must be better for `stale` to count it as a gain.
    first_of_equals : bool
        Whether the earlier of equal scores is the best, as in the course.

    Attributes
    ----------
    epoch, loss, accuracy : int or None, float, float
        Of the best measurement; None, inf and -inf while there is none.
    """

    def __init__(self, monitor: str, min_delta: float = 0.0, first_of_equals: bool = False) -> None:
        self.monitor = one_of("monitor", monitor, MONITORS)
        self.min_delta = number("min_delta", min_delta, 0, include_high=False)
        self.first_of_equals = first_of_equals
        self.epoch: int | None = None
        self.loss, self.accuracy = math.inf, -math.inf
        self._gained: int | None = None  # the last epoch with a gain,
        self._mark = math.inf  # and its score

    def enter(self, epoch: int, loss: float, accuracy: float) -> bool:
        """Whether a new measurement is the best so far."""
        score = self._score(loss, accuracy)
        if not math.isfinite(score):
            return False
        if score < self._mark - self.min_delta:
            self._gained, self._mark = epoch, score
        best = self._score(self.loss, self.accuracy)
        if self.epoch is not None and (score > best or (score == best and self.first_of_equals)):
            return False
        self.epoch, self.loss, self.accuracy = epoch, loss, accuracy
        return True

    def stale(self, epoch: int) -> int:
        """How many epochs there were no gains; 0 while the score is undefined."""
        return 0 if self._gained is None else epoch - self._gained

    def _score(self, loss: float, accuracy: float) -> float:
        """The lower, the better."""
        return loss if self.monitor == "val_loss" else -accuracy

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {
            "monitor": self.monitor,
            "epoch": self.epoch,
            "loss": None if math.isnan(self.loss) else self.loss,
            "accuracy": None if math.isnan(self.accuracy) else self.accuracy,
            "gained": self._gained,
            "mark": self._mark,
        }

    def take_up(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave; KeyError, TypeError or ValueError where it makes no sense."""
        if saved["monitor"] != self.monitor:
            raise ValueError(f"its best epoch was chosen by {saved['monitor']}, not by {self.monitor}")
        epochs = [None if saved[name] is None else integer(name, saved[name], 0) for name in ("epoch", "gained")]
        scores = [math.nan if saved[name] is None else number(name, saved[name]) for name in ("loss", "accuracy")]
        self._mark = number("mark", saved["mark"])
        (self.epoch, self._gained), (self.loss, self.accuracy) = epochs, scores
