"""When scikit-learn's MLP stops, as a callback of a `Solver`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.exceptions import ConvergenceWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..training.solver import Solver


SMALLEST_RATE = 1e-6  # at which the adaptive learning rate gives up


class Stopping:
    """Keeps the books of an estimator after each epoch, and stops where there was no gain for long.

    A gain is a training loss lower by `tol`, or a validation score higher by `tol`. Where there was none for more than
    `n_iter_no_change` epochs, training stops; with the adaptive learning rate, this is divided by 5 instead, until it
    is `SMALLEST_RATE`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Has the options and gets the attributes.
    examples : int
        How many are seen in an epoch.
    report : float
        What the Solver's losses are multiplied by,
    offset : float
        and what is added then.
    gradient : float
        What the learning rate of the Solver is that of the estimator times.
    score : callable, optional
        Gives the score on validation data; where it is given, it decides, and the best weights are kept.
    once : bool
        Whether a single epoch is all there is to be.
    """

    def __init__(
        self,
        estimator: Any,
        examples: int,
        report: float,
        offset: float,
        gradient: float,
        score: Callable[[], float] | None,
        once: bool,
    ) -> None:
        self._estimator, self._examples, self._gradient = estimator, examples, gradient
        self._report, self._offset = report, offset
        self._score, self._once = score, once
        self._best: Any = None

    def on_train_begin(self, solver: Solver, logs: dict[str, Any]) -> None:
        """Keep the first weights, which are the best while there is no other score."""
        self._estimator.n_iter_ = 0
        if self._score is not None:
            self._keep(solver)

    def on_epoch_end(self, solver: Solver, logs: dict[str, Any]) -> bool:
        """Enter the epoch; True where training is to stop."""
        self.enter(solver, self._report * logs["loss"] + self._offset)
        estimator = self._estimator
        if self._follows("invscaling"):
            rate = float(estimator.learning_rate_init) / (estimator.t_ + 1) ** estimator.power_t
            self._set_rate(solver, rate)
        if estimator._no_improvement_count > estimator.n_iter_no_change:
            what = "Training loss" if self._score is None else "Validation score"
            message = (
                f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive "
                "epochs."
            )
            if self._gives_up(solver, message):
                return True
            estimator._no_improvement_count = 0
        if estimator.n_iter_ == estimator.max_iter and not self._once:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return False

    def enter(self, solver: Solver, loss: float) -> None:
        """Enter the loss of an epoch, and the score after it."""
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.loss_ = loss
        estimator.t_ += self._examples
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        if self._score is None:
            gained = not loss > estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(estimator.best_loss_, loss)
        else:
            score = self._score()
            estimator.validation_scores_.append(score)
            if estimator.verbose:
                print(f"Validation score: {score:f}")
            gained = not score < estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                self._keep(solver)
        estimator._no_improvement_count = 0 if gained else estimator._no_improvement_count + 1

    def diverged(self, solver: Solver, error: Exception) -> None:
        """Enter that the loss became no number, which ends the training; the best weights, if any, are what is left."""
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.loss_ = float("nan")
        estimator.loss_curve_.append(estimator.loss_)
        estimator.validation_scores_.append(float("nan"))
        warnings.warn(f"training stopped: {error}", ConvergenceWarning, stacklevel=2)

    def restore(self, solver: Solver) -> None:
        """Give the network the weights with the best validation score."""
        if self._best is not None:
            flat, state = self._best
            solver.model.params.flat[...], solver.model.state.flat[...] = flat, state

    def _keep(self, solver: Solver) -> None:
        self._best = solver.model.params.flat.copy(), solver.model.state.flat.copy()

    def _follows(self, learning_rate: str) -> bool:
        """Whether that is how the learning rate changes."""
        estimator = self._estimator
        return estimator.solver == "sgd" and estimator.schedule is None and estimator.learning_rate == learning_rate

    def _gives_up(self, solver: Solver, message: str) -> bool:
        estimator, told = self._estimator, "Stopping."
        adaptive = self._follows("adaptive")
        rate = solver.learning_rate / self._gradient
        stops = not adaptive or rate <= SMALLEST_RATE
        if adaptive:
            told = "Learning rate too small. Stopping." if stops else f"Setting learning rate to {rate / 5:f}"
        if not stops:
            self._set_rate(solver, rate / 5)
        if estimator.verbose:
            print(message, told)
        return stops

    def _set_rate(self, solver: Solver, rate: float) -> None:
        solver.learning_rate = rate * self._gradient


def finite_or_nan(scores: Any, score: Callable[[], float]) -> float:
    """The score, or NaN where what the network gives is no number."""
    return float(score()) if np.isfinite(scores).all() else float("nan")
