"""What a training has measured, by columns."""

from __future__ import annotations

import csv
import io
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .. import _files
from .._plain import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from .._types import StrPath


class History:
    """What a training has measured: plain lists by column, one entry for each measurement.

    A `Solver` measures after the first step, at the end of each epoch, after each `validate_every` steps, and where it
    is stopped within an epoch. ``history.val_loss`` and ``history["val_loss"]`` are the same list.

    Attributes
    ----------
    columns : tuple of str
        Their names: those below, then `accuracy` or `r2` on training examples and, with validation data, `val_loss`,
        `val_accuracy` or `val_r2`, and ``val_<metric>`` for each further metric.
    epoch, step : list of int
        How many epochs and steps were done.
    loss : list of float
        Mean training loss of the epoch so far, penalties included, each batch by its number of examples.
    learning_rate : list of float
        Of the last step.
    step_loss : list of float
        Loss of every step; no column.
    """

    epoch: list[int]
    step: list[int]
    loss: list[float]
    learning_rate: list[float]

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        self.step_loss: list[float] = []
        for name in self.columns:
            setattr(self, name, [])

    def add(self, **row: float) -> None:
        """Enter a measurement, with a number for each column."""
        for name in self.columns:
            getattr(self, name).append(row[name])

    def last(self) -> dict[str, Any]:
        """The last measurement by column; nothing before the first."""
        return {name: self[name][-1] for name in self.columns if len(self)}

    def drop_last(self) -> None:
        """Take back the last measurement."""
        for name in self.columns:
            self[name].pop()

    def __len__(self) -> int:
        return len(self.step)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> list[float]:
        if name not in (*self.columns, "step_loss"):
            raise KeyError(f"no column {name!r}{did_you_mean(name, self.columns, repr)}; there are {self._listed()}")
        return self.__dict__[name]

    def __getattr__(self, name: str) -> list[float]:  # asked for what is not there
        columns = self.__dict__.get("columns", ())
        hint = did_you_mean(name, columns) if columns else ""
        raise AttributeError(f"History has no {name!r}{hint}; there are {self._listed()}", name=name, obj=self)

    def __repr__(self) -> str:
        return f"History of {len(self)} measurements: {self._listed()}"

    def _listed(self) -> str:
        return ", ".join(self.__dict__.get("columns", ()))

    def to_dict(self) -> dict[str, list[float]]:
        """Copies of the columns by their names."""
        return {name: list(self[name]) for name in self.columns}

    def to_frame(self) -> Any:
        """A data frame with a row for each measurement: pandas', or polars' where pandas is not installed.

        Raises
        ------
        ImportError
            Where neither is.
        """
        for library in ("pandas", "polars"):
            if find_spec(library):
                return import_module(library).DataFrame(self.to_dict())
        raise ImportError("History.to_frame needs pandas or polars: pip install pandas")

    def to_csv(self, path: StrPath) -> None:
        """Write a row for each measurement, below the names of the columns; OSError where that cannot be written."""
        text = io.StringIO()
        rows = zip(*self.to_dict().values(), strict=True)
        csv.writer(text, lineterminator="\n").writerows([self.columns, *rows])
        _files.write(path, text.getvalue().encode())

    def plot(self) -> Any:
        """Draw the losses and, beside them, what else was measured, over the steps; the matplotlib figure.

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        measured = [name for name in self.columns if name not in ("epoch", "step", "learning_rate")]
        losses = [name for name in measured if name in ("loss", "val_loss")]
        groups = [losses, [name for name in measured if name not in losses]]
        groups = [names for names in groups if names]
        figure = new_figure("History.plot", len(groups))
        for place, names in enumerate(groups, 1):
            axes = figure.add_subplot(1, len(groups), place)
            for name in names:
                axes.plot(self.step, self[name], label=name)
            axes.set_xlabel("step")
            axes.legend()
        return figure


def new_figure(what: str, columns: int = 1) -> Any:
    """An empty figure of matplotlib for so many drawings side by side; ImportError, by the name of `what` draws."""
    if not find_spec("matplotlib"):
        raise ImportError(f"{what} needs matplotlib: pip install matplotlib")
    return import_module("matplotlib.pyplot").figure(figsize=(5 * columns, 4), layout="constrained")
