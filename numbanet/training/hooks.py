"""What a training tells its callbacks, and when."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np

from .._checks import describe, did_you_mean, sequence

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .solver import Solver

    Hook = Callable[[Any, dict[str, Any]], object]


HOOKS = ("on_train_begin", "on_epoch_begin", "on_step_end", "on_epoch_end", "on_train_end", "on_progress")


class Callback:
    """Base of callbacks, which adds nothing: any object with one of the hooks is a callback, and so is a function,
    which stands for `on_epoch_end`. ``Callback(on_step_end=f)`` makes one of functions.

    Each hook takes the solver and `logs`, a dict of its own. Training stops where one returns True. Where one raises,
    the solver is as after the last step, and `train` goes on from there.

    Parameters
    ----------
    on_train_begin, on_train_end : callable, optional
        At the beginning of each `train`, and at its end, whatever ended it.
    on_epoch_begin, on_epoch_end : callable, optional
        Before the first step of an epoch; and after its last, when all has been measured: `logs` is that row of
        `History`. They cost nothing per step.
    on_step_end : callable, optional
        After every step, with its loss in `logs`. Steps are taken one by one then, which costs small networks time.
    on_progress : callable, optional
        Now and then between steps, 20 times a second or after each step that takes longer, and at the end of each
        epoch.

    Notes
    -----
    An object may have ``state()``, which gives a dict that JSON can hold, and ``take_up(dict)``, so that
    `Solver.save` keeps it and `Solver.resume` goes on from it.
    """

    def __init__(
        self,
        *,
        on_train_begin: Hook | None = None,
        on_epoch_begin: Hook | None = None,
        on_step_end: Hook | None = None,
        on_epoch_end: Hook | None = None,
        on_train_end: Hook | None = None,
        on_progress: Hook | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in HOOKS and value is not None}
        for name, value in given.items():
            setattr(self, name, _function(name, value))


class Hooks:
    """The callbacks of a training, by the hooks that they have.

    Parameters
    ----------
    callbacks : sequence
        See `Callback`.

    Attributes
    ----------
    callbacks : list
    """

    def __init__(self, callbacks: Any) -> None:
        self.callbacks = sequence("callbacks", callbacks, "callbacks")
        self._by_place = [_hooks(f"callbacks[{place}]", each) for place, each in enumerate(self.callbacks)]

    def __contains__(self, hook: str) -> bool:
        return any(hook in hooks for hooks in self._by_place)

    def due(self, *hooks: str) -> list[tuple[str, int]]:
        """What is to be called for these hooks, in order: (hook, place of the callback)."""
        return [(hook, place) for hook in hooks for place, own in enumerate(self._by_place) if hook in own]

    def tell(self, solver: Solver, due: list[tuple[str, int]]) -> bool:
        """Call what is due, and empty the list: one that raises is not called again. True where one wants to stop."""
        stop = False
        while due:
            hook, place = due.pop(0)
            answer = self._by_place[place][hook](solver, _logs(solver, hook))
            stop = stop or (isinstance(answer, (bool, np.bool_)) and bool(answer))
        return stop


def _logs(solver: Solver, hook: str) -> dict[str, Any]:
    if hook in ("on_epoch_end", "on_train_end"):
        return solver.history.last()
    logs = {"epoch": solver.epoch, "step": solver.step, "learning_rate": solver.learning_rate}
    return {**logs, "loss": solver.loss_history[-1]} if solver.step else logs


def _hooks(name: str, callback: Any) -> dict[str, Hook]:
    """The hooks of a callback, by their names."""
    if isinstance(callback, type):
        raise TypeError(f"{name}: expected a callback, got the class; write {callback.__name__}(...)")
    found = {hook: _function(f"{name}: {hook}", getattr(callback, hook)) for hook in HOOKS if hasattr(callback, hook)}
    for other in dir(callback):
        if other.startswith("on_") and other not in HOOKS:
            raise TypeError(f"{name}: {other} is no hook{did_you_mean(other, HOOKS)}; there are {', '.join(HOOKS)}")
    if not found and not callable(callback):
        raise TypeError(
            f"{name}: expected a function of (solver, logs), or an object with one of {', '.join(HOOKS)}; "
            f"got {describe(callback)}"
        )
    return found or {"on_epoch_end": _function(name, callback)}


def _function(name: str, value: Any) -> Any:
    """`value`, where it can be called with a solver and logs."""
    if not callable(value):
        raise TypeError(f"{name}: expected a function of (solver, logs), got {describe(value)}")
    try:
        inspect.signature(value).bind(None, {})
    except TypeError:
        raise TypeError(f"{name}: expected a function of (solver, logs), got {describe(value)}") from None
    except ValueError:  # of a builtin, whose signature is not known
        pass
    return value
