"""How a training that runs is shown: a bar by tqdm on a terminal, plain lines elsewhere and without tqdm."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING

from .measuring import mean_loss

if TYPE_CHECKING:
    from typing import Any

    from .solver import Solver


BAR_EVERY = 0.1  # seconds
LINE_EVERY = 10.0


def display(solver: Solver, stream: Any = None) -> Lines | Bar:
    """A `Bar` where `stream` (standard error by default) is a terminal, or this a notebook, and tqdm is installed;
    `Lines` elsewhere."""
    notebook = stream is None and _in_notebook()
    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty() and os.get_terminal_size(stream.fileno()).columns  # a width of 0 would show an empty bar
    if notebook or terminal:
        try:
            return Bar(solver, stream, import_module("tqdm.auto" if notebook else "tqdm").tqdm)
        except ImportError:
            pass
    return Lines(solver, stream)


def _in_notebook() -> bool:
    """Whether IPython runs this in a kernel, whose cells show more than text."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in shell.config


class _Display:
    """What both share. `step` belongs in a callback's `on_progress`: it looks at the clock and mostly does nothing."""

    interval = 0.0
    repeats = False  # whether the accuracies of the epoch before are shown during the next

    def __init__(self, solver: Solver, stream: Any) -> None:
        self.solver, self.stream, self.first = solver, stream, solver.step
        self.started = self.shown = perf_counter()

    def step(self) -> None:
        solver, now = self.solver, perf_counter()
        if solver.step % solver.steps_per_epoch == 0 or now - self.shown >= self.interval:
            self.shown = now
            self.show()

    def show(self) -> None:
        raise NotImplementedError

    def status(self) -> str:
        """The mean loss of the epoch so far, and the accuracies that were measured at the end of an epoch."""
        solver = self.solver
        steps = (solver.step - 1) % solver.steps_per_epoch + 1
        parts = [f"loss {mean_loss(solver):.4f}"]
        if steps == solver.steps_per_epoch or (self.repeats and solver.epoch):
            name = "R² " if "r2" in solver.history else ""
            for part, scores in (("train", solver.train_acc_history), ("val", solver.val_acc_history)):
                if scores:
                    parts.append(f"{part} {name}{scores[-1]:{'.4f' if name else '.2%'}}")
        return "  ".join(parts)

    def epoch(self) -> str:
        """Epochs done out of those to do, with a decimal within one, rounded down."""
        solver = self.solver
        tenths = 10 * solver.step // solver.steps_per_epoch
        done = f"{tenths // 10}.{tenths % 10}" if solver.step % solver.steps_per_epoch else solver.epoch
        return f"epoch {done}/{solver.num_steps // solver.steps_per_epoch}"

    def say(self, text: str) -> None:
        """Show a line of text that stays."""
        print(text, file=self.stream, flush=True)

    def close(self) -> None:
        pass


class Lines(_Display):
    """A line after every epoch, and within one every few seconds."""

    interval = LINE_EVERY

    def show(self) -> None:
        solver = self.solver
        line = f"{self.epoch()}  {self.status()}"
        if solver.step < solver.num_steps and solver.step > self.first:
            pace = (self.shown - self.started) / (solver.step - self.first)
            line += f"  {clock(pace * (solver.num_steps - solver.step))} left"
        print(line, file=self.stream, flush=True)


class Bar(_Display):
    """One line that is drawn over and over."""

    interval, repeats = BAR_EVERY, True

    def __init__(self, solver: Solver, stream: Any, tqdm: Any) -> None:
        super().__init__(solver, stream)
        self.bar = tqdm(
            total=solver.num_steps,
            initial=solver.step,
            file=stream,
            mininterval=0,
            miniters=1,
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
        )

    def show(self) -> None:
        self.bar.set_description_str(self.epoch(), refresh=False)
        self.bar.set_postfix_str(self.status(), refresh=False)
        self.bar.update(self.solver.step - self.bar.n)

    def say(self, text: str) -> None:
        self.bar.write(text, file=self.stream)

    def close(self) -> None:
        self.bar.close()


def clock(seconds: float) -> str:
    """A duration in words: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
