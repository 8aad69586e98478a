"""Callbacks of a `Solver`: what it tells while it trains, and what can be done then.

A callback is an object with hooks, or a function of (solver, logs), which is called after each epoch::

    def report(solver, logs):
        print(logs["epoch"], logs["loss"], logs["val_loss"])

    Solver(model, data, callbacks=[report, Checkpoint("best-{epoch}.npz", keep=3)])

The classes here keep what they know in the states that `Solver.save` writes, and `Solver.resume` goes on from.
"""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from ._checks import integer, number
from ._files import check_writable
from .training.best import Best
from .training.hooks import Callback
from .training.measuring import greater_is_better
from .training.progress import display

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._types import StrPath
    from .training.progress import Bar, Lines
    from .training.solver import Solver


__all__ = ["CSVLogger", "Callback", "Checkpoint", "EarlyStopping", "ProgressBar", "ReduceLROnPlateau"]


class _Monitoring(Callback):
    """What looks at one column of the history: by default the one that the solver monitors.

    Attributes
    ----------
    best : Best or None
        None before the first `train`.
    """

    def __init__(self, monitor: str | None, min_delta: float = 0.0) -> None:
        self.monitor, self.min_delta = monitor, number("min_delta", min_delta, 0, include_high=False)
        self.best: Best | None = None
        self._saved: Mapping[str, Any] | None = None

    def on_train_begin(self, solver: Solver, logs: dict[str, Any]) -> bool:
        if self.best is None:
            monitor = self.monitor or solver.monitor
            self.best = Best(monitor, greater_is_better(solver, monitor), self.min_delta)
            if self._saved is not None:
                self.best.take_up(self._saved)
        return False

    def state(self) -> dict[str, Any]:
        """What a resumed training goes on from."""
        return {"best": self.best and self.best.to_dict()}

    def take_up(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.best, self._saved = None, state["best"]


class EarlyStopping(_Monitoring):
    """Stop after `patience` epochs without a gain, or where a value is reached.

    `Solver(patience=...)` stops by what chooses the best weights; this by any column, and several may be given.

    Parameters
    ----------
    monitor : str, optional
        A column of `solver.history`, by default the solver's own `monitor`.
    patience : int, optional
    min_delta : float
        A gain by less does not count.
    target : float, optional
        Stop where the column is as good as that.
    """

    def __init__(
        self,
        monitor: str | None = None,
        *,
        patience: int | None = None,
        min_delta: float = 0.0,
        target: float | None = None,
    ) -> None:
        super().__init__(monitor, min_delta)
        self.patience = None if patience is None else integer("patience", patience, 1)
        self.target = None if target is None else number("target", target)
        if patience is target is None:
            raise ValueError("EarlyStopping: expected patience or target, got neither")
        self._stopped = self._ended = False  # the last epoch; and in a training that was saved

    def on_train_begin(self, solver: Solver, logs: dict[str, Any]) -> bool:
        super().on_train_begin(solver, logs)
        ended, self._ended = self._ended, False
        return ended

    def on_epoch_end(self, solver: Solver, logs: dict[str, Any]) -> bool:
        best: Any = self.best
        best.enter(logs["epoch"], logs)
        value = logs[best.monitor]
        reached = self.target is not None and (value >= self.target if best.greater_is_better else value <= self.target)
        self._stopped = reached or (self.patience is not None and best.stale(logs["epoch"]) >= self.patience)
        return self._stopped

    def state(self) -> dict[str, Any]:
        return {**super().state(), "stopped": self._stopped}

    def take_up(self, state: Mapping[str, Any]) -> None:
        super().take_up(state)
        self._ended = bool(state["stopped"])


class ReduceLROnPlateau(_Monitoring):
    """Multiply the learning rate by `factor` after `patience` epochs without a gain, and again after as many more.

    Parameters
    ----------
    monitor : str, optional
        A column of `solver.history`, by default the solver's own `monitor`.
    factor : float, in (0, 1)
    patience : int
    min_delta : float
        A gain by less does not count.
    cooldown : int
        Epochs after a reduction that are not counted.
    min_learning_rate : float
        It does not go below that.
    """

    def __init__(
        self,
        monitor: str | None = None,
        *,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 0.0,
        cooldown: int = 0,
        min_learning_rate: float = 0.0,
    ) -> None:
        super().__init__(monitor, min_delta)
        self.factor = number("factor", factor, 0, 1, include_low=False, include_high=False)
        self.patience, self.cooldown = integer("patience", patience, 1), integer("cooldown", cooldown, 0)
        self.min_learning_rate = number("min_learning_rate", min_learning_rate, 0, include_high=False)
        self._counts_from = 0  # the epoch

    def on_epoch_end(self, solver: Solver, logs: dict[str, Any]) -> None:
        best, epoch = self.best, logs["epoch"]
        best.enter(epoch, logs)  # type: ignore[union-attr]
        if min(best.stale(epoch), epoch - self._counts_from) >= self.patience:  # type: ignore[union-attr]
            self._counts_from = epoch + self.cooldown
            lower = max(solver.learning_rate * self.factor, self.min_learning_rate)
            if lower < solver.learning_rate:
                solver.learning_rate = lower

    def state(self) -> dict[str, Any]:
        return {**super().state(), "counts_from": self._counts_from}

    def take_up(self, state: Mapping[str, Any]) -> None:
        super().take_up(state)
        self._counts_from = integer("counts_from", state["counts_from"], 0)


class Checkpoint(_Monitoring):
    """Keep the networks of the best epochs in files, which `numbanet.load` reads.

    A file is written beside its name and moved there, and one that is no longer among the best is removed after that.

    Parameters
    ----------
    path : str or path-like
        With ``{epoch}`` in it, where `keep` is more than 1: ``"best-{epoch}.npz"``.
    monitor : str, optional
        A column of `solver.history`, by default the solver's own `monitor`.
    keep : int
        How many.

    Attributes
    ----------
    kept : list of (float, str)
        Value and file of each, the best first; of equal values the later.
    """

    def __init__(self, path: StrPath, monitor: str | None = None, *, keep: int = 1) -> None:
        super().__init__(monitor)
        self.path, self.keep = os.fspath(path), integer("keep", keep, 1)
        try:
            several = self.path.format(epoch=1) != self.path.format(epoch=2)
        except (IndexError, KeyError, ValueError):
            raise ValueError(f"path: expected a name with no other field than {{epoch}}, got {self.path!r}") from None
        if keep > 1 and not several:
            raise ValueError(f"path: expected {{epoch}} in it, to keep {keep} files, got {self.path!r}")
        self.kept: list[tuple[float, str]] = []

    def on_train_begin(self, solver: Solver, logs: dict[str, Any]) -> bool:
        if not callable(getattr(solver.model, "save", None)):
            raise TypeError(f"Checkpoint: {type(solver.model).__name__} has no save(path)")
        check_writable(self.path.format(epoch=solver.epoch + 1))
        return super().on_train_begin(solver, logs)

    def on_epoch_end(self, solver: Solver, logs: dict[str, Any]) -> None:
        best: Any = self.best
        value = logs[best.monitor]
        higher = best.greater_is_better
        if not math.isfinite(value):
            return
        place = sum((other > value) if higher else (other < value) for other, _ in self.kept)
        if place >= self.keep:
            return
        path = self.path.format(epoch=logs["epoch"])
        with solver.averaged():  # which the value is of
            solver.model.save(path)
        self.kept.insert(place, (value, path))
        dropped, self.kept = self.kept[self.keep :], self.kept[: self.keep]
        for _, old in dropped:
            if old != path:
                with contextlib.suppress(OSError):  # somebody has moved it
                    Path(old).unlink()

    def state(self) -> dict[str, Any]:
        return {**super().state(), "kept": self.kept}

    def take_up(self, state: Mapping[str, Any]) -> None:
        super().take_up(state)
        self.kept = [(number("value", value), str(path)) for value, path in state["kept"]]


class ProgressBar(Callback):
    """Show how far training is: a bar by tqdm in a terminal and in a notebook, lines elsewhere and without tqdm.

    Parameters
    ----------
    stream : file, optional
        By default standard error.
    """

    def __init__(self, stream: Any = None) -> None:
        self.stream = stream
        self._display: Lines | Bar | None = None

    def on_progress(self, solver: Solver, logs: dict[str, Any]) -> None:
        if self._display is None:  # after the first step, which is when kernels compile
            self._display = display(solver, self.stream)
        self._display.step()

    def on_train_end(self, solver: Solver, logs: dict[str, Any]) -> None:
        if self._display is not None:
            self._display.close()
        self._display = None


class CSVLogger(Callback):
    """Keep the history in a CSV file, which is whole at any time.

    Parameters
    ----------
    path : str or path-like
    seconds : float
        It is written after the epochs that end so long after the last time, and at the end.
    """

    def __init__(self, path: StrPath, seconds: float = 1.0) -> None:
        self.path, self.seconds = os.fspath(path), number("seconds", seconds, 0)
        self._written = -math.inf

    def on_train_begin(self, solver: Solver, logs: dict[str, Any]) -> None:
        check_writable(self.path)

    def on_epoch_end(self, solver: Solver, logs: dict[str, Any]) -> None:
        if perf_counter() - self._written >= self.seconds:
            self.on_train_end(solver, logs)

    def on_train_end(self, solver: Solver, logs: dict[str, Any]) -> None:
        solver.history.to_csv(self.path)
        self._written = perf_counter()
