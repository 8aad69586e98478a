"""How an MLP is trained: by a `Solver`, as scikit-learn draws its batches and steps."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import TrainingDiverged
from ..training.solver import Solver
from . import _network
from ._stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .._types import Array, IntArray
    from ..models import Sequential
    from ._network import Scale


NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


KEPT_BYTES = 1 << 24  # of examples that `partial_fit` keeps a place for


class Examples(NamedTuple):
    """What is trained on, or validated with."""

    X: Any
    y: Array  # as the network's loss takes it
    weights: Array | None


class Optimizer:
    """The update rule of an estimator between two calls: `partial_fit` goes on from it.

    Attributes
    ----------
    learning_rate : float
        Of the next step.
    state : tuple
        As the Solver has it.
    """

    def __init__(self, learning_rate: float, state: Any) -> None:
        self.learning_rate, self.state = learning_rate, state


class Order:
    """The order of the examples: in each epoch as `sklearn.utils.shuffle` leaves that of the last, or as they are."""

    def __init__(self, rng: np.random.RandomState | None) -> None:
        self._rng, self._rows = rng, np.arange(0)

    def permutation(self, count: int) -> IntArray:
        """The order of the next epoch."""
        if len(self._rows) != count:
            self._rows = np.arange(count)
        if self._rng is not None:
            self._rows = self._rows[self._rng.permutation(count)]
        return self._rows

    @property
    def bit_generator(self) -> Any:
        """Nothing that a Solver could save: estimators go on from their own attributes."""
        raise TypeError("the order of an estimator's examples is not kept")


def rule_of(estimator: Any, scale: Scale) -> tuple[str, dict[str, Any]]:
    """The update rule and its options that take scikit-learn's steps, by gradients that are `scale.gradient` smaller.

    SGD's steps are as large with a learning rate that is so much larger, and Adam's with a smaller `eps`.
    """
    rate = float(estimator.learning_rate_init)
    if estimator.solver == "adam":
        betas = {"beta1": estimator.beta_1, "beta2": estimator.beta_2}
        return "adam", {"learning_rate": rate, "eps": estimator.epsilon / scale.gradient, **betas}
    options = {"learning_rate": rate * scale.gradient}
    if estimator.momentum == 0:
        return "sgd", options
    momentum = min(float(estimator.momentum), 1 - 2.0**-53)  # 1 is allowed there
    return "nesterov" if estimator.nesterovs_momentum else "sgd_momentum", {**options, "momentum": momentum}


def batch_of(estimator: Any, examples: int) -> int:
    """Number of examples in a batch."""
    if estimator.batch_size == "auto":
        return min(200, examples)
    if estimator.batch_size > examples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
        )
    return min(estimator.batch_size, examples)


def train(
    estimator: Any,
    network: Sequential,
    examples: Examples,
    scale: Scale,
    rng: np.random.RandomState,
    *,
    score: Callable[[], float] | None,
    callbacks: Sequence[Any],
    once: bool,
) -> None:
    """Train the network of an estimator, which gets the attributes of it.

    `score` gives the score on validation data, where that decides when to stop; `once` asks for a single epoch, which
    goes on from the last.
    """
    epoch = _kept(estimator, network, examples, callbacks) if once else None
    if epoch is None:
        epoch = Epochs(estimator, network, examples, scale, score, callbacks, once)
    solver, stopping = epoch.solver, epoch.stopping
    batches: Any = solver._batches
    batches.rng = Order(rng if estimator.shuffle else None)
    estimator._epoch = None
    try:
        solver.run()
    except TrainingDiverged as error:
        if score is None:
            raise ValueError(f"{NON_FINITE} {error}") from None
        stopping.diverged(solver, error)
    if solver.interrupted:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    stopping.restore(solver)
    estimator._optimizer = Optimizer(solver.learning_rate / epoch.rate_scale, solver._update.state)
    if once and epoch.may_be_kept and not solver.interrupted:
        estimator._epoch = epoch


class Epochs:
    """A Solver for an estimator, and its books.

    Attributes
    ----------
    solver : Solver
    stopping : Stopping
    rate_scale : float
        The Solver's learning rate by that of the estimator.
    may_be_kept : bool
        Whether other examples may take the place of these, so that many calls of `partial_fit` need one Solver.
    """

    def __init__(
        self,
        estimator: Any,
        network: Sequential,
        examples: Examples,
        scale: Scale,
        score: Callable[[], float] | None,
        callbacks: Sequence[Any],
        once: bool,
    ) -> None:
        count = examples.X.shape[0]
        rule, options = rule_of(estimator, scale)
        self.batch_size, self.callbacks = batch_of(estimator, count), list(callbacks)
        self.rate_scale = options["learning_rate"] / float(estimator.learning_rate_init)
        offset = _network.offset_of(network.loss_function, examples.y, examples.weights)
        self.stopping = Stopping(estimator, count, scale.report, offset, self.rate_scale, score, once)
        self.may_be_kept = isinstance(examples.X, np.ndarray) and examples.X.nbytes <= KEPT_BYTES
        self.may_be_kept = self.may_be_kept and examples.weights is None and network.loss_name != "poisson"
        self._X = examples.X.copy() if once and self.may_be_kept else examples.X
        data = {"X_train": self._X, "y_train": examples.y}
        if examples.weights is not None:
            data["sample_weight_train"] = examples.weights
        self.solver = Solver(
            network,
            data,
            optimizer=rule,
            optimizer_options=options,
            schedule="constant" if once or estimator.schedule is None else estimator.schedule,
            batch_size=self.batch_size,
            epochs=1 if once else estimator.max_iter,
            num_train_samples=0,
            restore_best_weights=False,
            seed=0,
            callbacks=[self.stopping, *callbacks],
            verbose=False,
        )
        if once and getattr(estimator, "_optimizer", None) is not None:
            self.solver._update.state = estimator._optimizer.state
            self.solver.learning_rate = estimator._optimizer.learning_rate * self.rate_scale

    def take(self, examples: Examples) -> None:
        """Put others, as many and checked, in the place of the examples."""
        X, y, network = examples.X, examples.y, self.solver.model
        y = network.check_targets("y", y, len(y))
        if X.dtype != network.dtype:
            network.check_finite("X", X)
        self._X[...] = X
        self.solver._parts["train"].y[...] = y


def _kept(estimator: Any, network: Sequential, examples: Examples, callbacks: Sequence[Any]) -> Epochs | None:
    """The `Epochs` of the last `partial_fit` with these examples, where it was of as many and nothing else changed."""
    epoch: Epochs | None = getattr(estimator, "_epoch", None)
    if epoch is None or epoch.solver.model is not network or examples.weights is not None:
        return None
    same = isinstance(examples.X, np.ndarray) and examples.X.shape == epoch._X.shape
    same = same and examples.X.dtype == epoch._X.dtype and epoch.callbacks == list(callbacks)
    if not same or batch_of(estimator, len(examples.X)) != epoch.batch_size:
        return None
    epoch.take(examples)
    return epoch
