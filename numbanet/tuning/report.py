"""What came of a sweep."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .. import _files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .._types import StrPath
    from .space import Space


SHOWN = 10  # trials in a table for the eyes


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes
    ----------
    number : int
        From 0 on; what is drawn for it depends on it.
    values : dict
        What it was trained with, by name.
    value : float
        What was measured at its best epoch, of what the sweep goes by; NaN where nothing was.
    row : dict
        All that was measured there, by the names of `numbanet.training.history.History`.
    epochs : int
        That were trained.
    seconds : float
    outcome : {"complete", "pruned", "diverged"}
    """

    number: int
    values: dict[str, Any]
    value: float
    row: dict[str, float] = field(repr=False)
    epochs: int
    seconds: float
    outcome: str


@dataclass(frozen=True)
class Sweep:
    """What `numbanet.sweep` gives.

    Attributes
    ----------
    trials : tuple of Trial
        Those that have ended: the complete ones, the best first, then the others.
    monitor : str
        The column of the history that they are compared by.
    greater_is_better : bool
    study : optuna.study.Study
        The trials as Optuna has them, for what it draws and computes of them.
    interrupted : bool
        Whether Ctrl-C ended it.
    how : str
        Python code, or a command, that trains the best; empty where there is none.
    """

    trials: tuple[Trial, ...]
    monitor: str
    greater_is_better: bool
    study: Any = field(repr=False)
    interrupted: bool = False
    how: str = ""

    @property
    def best(self) -> Trial | None:
        """The best of the complete ones; None where there is none."""
        return self.trials[0] if self.trials and self.trials[0].outcome == "complete" else None

    def rows(self) -> list[dict[str, Any]]:
        """The trials as a table: one dict for each, of text and numbers, all with the same keys."""
        names = list(dict.fromkeys(name for trial in self.trials for name in trial.row if name.startswith("val_")))
        others = [name for name in names if name != self.monitor]
        return [
            {
                "trial": trial.number,
                self.monitor: trial.value,
                **{name: trial.row.get(name, math.nan) for name in others},
                "epoch": trial.row.get("epoch", 0),
                "epochs": trial.epochs,
                "seconds": round(trial.seconds, 3),
                "outcome": trial.outcome,
                **{name: shown(value) for name, value in trial.values.items()},
            }
            for trial in self.trials
        ]

    def to_csv(self, path: StrPath) -> None:
        """Write all trials as a table, the best first."""
        text, rows = io.StringIO(), self.rows()
        writer = csv.writer(text, lineterminator="\n")
        if rows:
            writer.writerow(rows[0])
        writer.writerows(row.values() for row in rows)
        _files.write(path, text.getvalue().encode())

    def to_markdown(self, path: StrPath) -> None:
        """Write the result and all trials as a page of Markdown."""
        lines = ["# Sweep", "", self._summary(), ""]
        if self.how:
            lines += ["The best is trained by", "", f"    {self.how}", ""]
        if rows := self.rows():
            lines += [_line(rows[0]), _line("---" for _ in rows[0])]
            lines += [_line(map(_cell, row.values())) for row in rows]
        _files.write(path, "\n".join([*lines, ""]).encode())

    def __str__(self) -> str:
        rows = [{name: _cell(value) for name, value in row.items()} for row in self.rows()[:SHOWN]]
        lines = [self._summary()]
        if rows:
            widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
            table = [dict(zip(widths, widths, strict=True)), *rows]
            lines += ["  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip() for row in table]
            if (left := len(self.trials) - len(rows)) > 0:
                lines.append(f"... and {left} more")
        if self.how:
            lines.append(f"train the best with: {self.how}")
        return "\n".join(lines)

    def _summary(self) -> str:
        counts = {name: sum(trial.outcome == name for trial in self.trials) for name in ("pruned", "diverged")}
        told = "".join(f", {count} {name}" for name, count in counts.items() if count)
        told = f"{len(self.trials)} trials{told}"
        if self.best is None:
            return f"{told}; none is complete"
        best, epoch = self.best, self.best.row.get("epoch", 0)
        return f"{told}; the best, {best.number}, has {self.monitor} {best.value:.6g} at epoch {epoch} of {best.epochs}"


def trial_of(frozen: Any, space: Space, monitor: str) -> Trial:
    """A trial that has ended, from Optuna's record of it."""
    known = frozen.user_attrs
    row = known["row"]
    values = space.values(frozen.params)
    rest = (known[name] for name in ("epochs", "seconds", "outcome"))
    return Trial(known["number"], values, row.get(monitor, math.nan), row, *rest)


def best_first(trials: Iterable[Trial], greater_is_better: bool) -> tuple[Trial, ...]:
    """The complete trials, the best first, then the others in the same way, and those without a value."""

    def order(trial: Trial) -> tuple[bool, bool, float, int]:
        lower = -trial.value if greater_is_better else trial.value
        known = not math.isnan(lower)
        return trial.outcome != "complete", not known, lower if known else 0.0, trial.number

    return tuple(sorted(trials, key=order))


def line(trial: Trial, monitor: str) -> str:
    """What is said of a trial that has ended."""
    values = " ".join(f"{name}={shown(value)}" for name, value in trial.values.items())
    return (
        f"trial {trial.number:3d}  {trial.outcome:8s}  {monitor} {trial.value:.6g}  {trial.epochs} epochs, "
        f"{trial.seconds:.1f} s  {values}"
    )


def shown(value: Any) -> Any:
    """A value of a trial as a cell of a table: a number or text."""
    if isinstance(value, (int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else getattr(value, "__name__", None) or repr(value)


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _line(cells: Any) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
