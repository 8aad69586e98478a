"""scikit-learn's own callbacks (1.9), such as its `ProgressBar`: each epoch is a task of the fit."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing, where scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """The method as it is."""
        return method


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._types import Array
    from ..models import Sequential
    from ..training.solver import Solver

__all__ = ["CallbackSupportMixin", "Reports", "with_callbacks"]


class Reports:
    """Tells scikit-learn's callbacks of a fit and of its epochs: a callback of a `Solver`.

    Parameters
    ----------
    estimator : MLPClassifier or other
        The one that is fitted.
    X, y, sample_weight
        What it is fitted to.
    epochs : int or None
        How many there are at most; None where that is not known.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, epochs: int | None) -> None:
        self._estimator = estimator
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self._told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._context = estimator._init_callback_context(max_subtasks=epochs)
        self._context.call_on_fit_task_begin(**self._told)
        self._task: Any = None

    def on_epoch_begin(self, solver: Solver, logs: dict[str, Any]) -> None:
        """An epoch begins."""
        self._task = self._context.subcontext(task_name="epoch")
        self._task.call_on_fit_task_begin(**self._told)

    def on_epoch_end(self, solver: Solver, logs: dict[str, Any]) -> bool:
        """An epoch ends; True where a callback wants to stop."""
        return self._ended(solver.model)

    def of_network(self, network: Sequential) -> Callable[[Array], None]:
        """The same for a search that calls a function with the parameters after each iteration."""

        def iterated(flat: Array) -> None:
            self._task = self._context.subcontext(task_name="lbfgs-iter")
            self._task.call_on_fit_task_begin(**self._told)
            network.params.flat[...] = flat
            if self._ended(network):
                raise StopIteration

        return iterated

    def end(self) -> None:
        """The fit ends."""
        self._context.call_on_fit_task_end(**self._told, reconstruction_attributes=dict)

    def _ended(self, network: Sequential) -> bool:
        task, self._task = self._task, None
        return bool(
            task.call_on_fit_task_end(
                **self._told, reconstruction_attributes=lambda: self._estimator._fitted_with(copy.deepcopy(network))
            )
        )
