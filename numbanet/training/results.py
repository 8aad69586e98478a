"""What can be read of a training: its history, and its best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array
    from .best import Best
    from .history import History


class Results:
    """What a `Solver` tells of what it has measured; see there."""

    model: Any
    history: History
    step: int
    steps_per_epoch: int
    _learner: Any
    _choice: Best
    _best: dict[str, Array]

    @property
    def epoch(self) -> int:
        """Number of epochs that are done."""
        return self.step // self.steps_per_epoch

    @property
    def loss_history(self) -> list[float]:
        return self.history.step_loss

    @property
    def train_acc_history(self) -> list[float]:
        return self._column(self._learner.score_name)

    @property
    def val_acc_history(self) -> list[float]:
        return self._column(f"val_{self._learner.score_name}")

    @property
    def val_loss_history(self) -> list[float]:
        return self._column("val_loss")

    def _column(self, name: str) -> list[float]:
        return getattr(self.history, name, [])

    @property
    def best_epoch(self) -> int | None:
        return self._choice.epoch

    @property
    def best_row(self) -> dict[str, float]:
        return dict(self._choice.row)

    @property
    def best_val_loss(self) -> float:
        return self._choice.row.get("val_loss", math.inf)

    @property
    def best_val_acc(self) -> float:
        return self._choice.row.get(f"val_{self._learner.score_name}", -math.inf)

    @property
    def best_params(self) -> dict[str, Array]:
        """The parameters of the best measurement, as a dict of arrays."""
        return {name: value for name, value in self._best.items() if name in self.model.params}
