"""What a Solver asks of a model: one protocol, for numbanet's networks and for any object with `params` and `loss`.

`learner` chooses by the model's class alone: an object of a user's own may have attributes of any name.
"""

from __future__ import annotations

import math
import numbers
from inspect import isfunction, signature
from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import all_finite, as_data, describe, mapping, told_apart
from .._mapped import is_mapped
from ..losses import SVM, Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .._types import Array, FloatArray, IntArray, Ops, Shape
    from ..data import TargetScaler
    from .solver import Solver


PIECE = 1 << 20  # targets of a file that are checked at a time


class FlatModel:
    """What numbanet's own networks are told by: their parameters are one flat array, and so are their gradients."""


def learner(model: Any) -> NetworkLearner | ObjectLearner:
    """What the Solver asks of `model`."""
    if isinstance(model, type):
        raise TypeError(f"model: expected a model, got the class; write {model.__name__}(...)")
    return NetworkLearner(model) if isinstance(model, FlatModel) else ObjectLearner(model)


class NetworkLearner:
    """What the Solver asks of one of numbanet's networks.

    A subclass, or an object, may have methods of its own. It is trained by its `train_batch`, else by its `loss`, and
    measured by its `score`, which goes by its `predict` and `loss`. Where it has a training loss of its own, that of
    other examples in inference is not known, unless it has an `evaluate` of its own too.

    Attributes
    ----------
    flat : bool
        Whether all parameters may be updated as one array.
    has_loss : bool
        Whether the mean loss of examples in inference is known.
    seed, input_shape : int and tuple of int, or None
        Of the network; None where that is not known.
    score_name : {"accuracy", "r2"}
        What `score` gives.
    """

    flat = True

    def __init__(self, model: Any) -> None:
        self.model = model
        for name in _methods(model):
            if not callable(taken := getattr(model, name)):
                raise TypeError(
                    f"model: {type(model).__name__}.{name} is a method of numbanet's, got {describe(taken)}"
                )

    @property
    def has_loss(self) -> bool:
        return self.model.overrides("evaluate") or not self.model.overrides("loss", "train_batch")

    @property
    def score_name(self) -> str:
        return "accuracy" if self.model.loss_function.classifies else "r2"

    @property
    def own_steps(self) -> str | None:
        """Why only Python can take its steps, in words; None where its operations decide."""
        own = [name for name in ("train_batch", "loss") if self.model.overrides(name)]
        return f"{own[0]} is overridden by {type(self.model).__name__}" if own else None

    @property
    def seed(self) -> int | None:
        return self.model.seed

    @property
    def input_shape(self) -> Shape | None:
        return self.model.input_shape

    @property
    def standardizes(self) -> bool:
        """Whether it brings its inputs to unit variance itself."""
        return self.model.standardizer is not None

    @property
    def target_scaler(self) -> TargetScaler | None:
        """How it standardises targets."""
        return self.model.target_scaler

    @property
    def params(self) -> Any:
        return self.model.params

    @property
    def grads(self) -> Any:
        return self.model.grads

    @property
    def ops(self) -> Ops:
        return self.model.ops

    def check(self, x_name: str, X: Any, y_name: str, y: Any) -> tuple[Array, Array]:
        """`X` and `y` as the model takes them; TypeError or ValueError where it does not."""
        X = self.model.check_examples(x_name, X)
        checked = self._targets(y_name, y, X)
        self.model.check_finite(x_name, X)
        if self.model.standardizer is None:
            remedy = "standardise them first: model.standardizer = numbanet.data.Standardizer.fit(X_train)"
            told_apart(x_name, X, self.model.dtype, remedy)
        if self.model.loss_function.per_output and self.target_scaler is None:
            remedy = "standardise them first: model.target_scaler = numbanet.data.TargetScaler.fit(y_train)"
            told_apart(y_name, as_data(y_name, y), self.model.dtype, remedy)
        return X, checked

    def _targets(self, name: str, y: Any, X: Any) -> Array:
        """`y` as the loss takes it; beside examples in a file by pieces, and labels in as few bytes as they need."""
        kept, count = None, len(X)
        alone = self.model.loss_function.per_output and self.target_scaler is None  # then it is not copied at all
        if alone or not is_mapped(X) or np.shape(y)[:1] != (count,):
            return self.model.check_targets(name, y, count)
        y = as_data(name, y)
        for start in range(0, count, PIECE):
            piece = y[start : start + PIECE]
            checked = self.model.check_targets(f"{name}[{start}:]" if start else name, piece, len(piece))
            if kept is None:
                dtype = np.min_scalar_type(self.classes - 1) if checked.dtype.kind == "i" else checked.dtype
                kept = np.empty((count, *checked.shape[1:]), dtype)
            kept[start : start + PIECE] = checked
        return kept  # type: ignore[return-value]  # there is at least one example

    @property
    def begin(self) -> Callable[[], Callable[[], object]]:
        """Begins a step, during which nobody else uses the network, and returns what to call at its end."""
        return self.model.workspaces.begin

    def claim(self, solver: Solver) -> None:
        """Say that `solver` trains the network from now on; RuntimeError where another does."""
        self.model.workspaces.claim(solver)

    def free(self, solver: Solver) -> None:
        """The end of what `claim` began."""
        self.model.workspaces.free(solver)

    @property
    def classes(self) -> int:
        """Number of classes, where there is one label for each example; else 0."""
        loss, outputs = self.model.loss_function, self.model.output_size
        return outputs if not loss.per_output else 2 if loss.classifies and outputs == 1 else 0

    @property
    def of_what(self) -> str:
        """What there are weights of classes for, in words."""
        return f"and the loss is {self.model.loss_function!r}"

    def labels(self, y: Array) -> IntArray:
        """The class of each example, where there is one: of soft targets the likeliest."""
        if self.model.loss_function.per_output:
            return (y[:, 0] > 0.5).astype(np.int64)
        return y if y.ndim == 1 else y.argmax(axis=1)

    def check_weights(self, name: str, weights: Any, count: int) -> FloatArray:
        """Weights of `count` examples as the model takes them; an error where it does not."""
        for method in ("train_batch", "loss", "evaluate", "score"):
            own, word = getattr(self.model, method), "weights" if method == "train_batch" else "sample_weight"
            if self.model.overrides(method) and word not in signature(own).parameters:
                raise ValueError(f"{name}: {type(self.model).__name__}.{method} takes no {word}")
        return self.model.check_weights(name, weights, count)

    def loss(
        self, X: Any, y: Any, rows: IntArray, gather: Callable[..., object] | None, weights: FloatArray | None
    ) -> float:
        """Loss of a batch; its gradients go into `grads`."""
        if self.model.overrides("train_batch") or not self.model.overrides("loss"):
            weighed = {} if weights is None else {"weights": weights}  # a subclass's may take none
            return self.model.train_batch(X, y, rows, gather, **weighed)
        loss, grads = _own_loss(self.model, X, self.model.own_targets(y), rows, gather, weights)
        for name, gradient in grads.items():
            self.grads[name] = gradient
        return loss

    def score(self, X: Any, y: Any, batch_size: int = 100) -> float:
        return self.model.score(X, y)

    def measure(
        self, X: Any, y: Any, weights: FloatArray | None = None, scores: FloatArray | None = None
    ) -> tuple[float, float]:
        """Mean loss of examples in inference, NaN where it is not known, and their score; by `scores`, if given."""
        if not self.model.overrides("evaluate", "score"):
            scores = self.model.loss(X) if scores is None else scores  # targets have been checked before
            return self.model.judged(X, y, scores, *(() if weights is None else (weights,)))
        y, weighed = self.model.own_targets(y), {} if weights is None else {"sample_weight": weights}
        if not self.has_loss:
            return math.nan, self.model.score(X, y, **weighed)
        loss, score = self.model.evaluate(X, y, **weighed)
        return loss, self.model.score(X, y, **weighed) if self.model.overrides("score") else score

    @property
    def loss_function(self) -> Loss:
        """What targets and scores mean."""
        return self.model.loss_function

    @property
    def outputs(self) -> int:
        return self.model.output_size

    def scores(self, X: Any) -> FloatArray:
        """What the network gives in inference, shape (N, C)."""
        return self.model.loss(X)

    def learns_from(self, count: int) -> bool:
        """Whether so few examples make a batch: not one alone, for batch normalisation."""
        return self.model.learns_from(count)

    def dropout_rates(self, count: int) -> list[float]:
        """The probabilities with which a batch of so many examples loses values in training."""
        return self.model.dropout_rates(count)

    def scale_dropout(self, factor: float) -> None:
        """Multiply these, until it is told another factor."""
        self.model.dropout_factor = factor

    def first_non_finite(self) -> str:
        """Where NaN or infinity first shows in the step that was taken last, in words."""
        return self.model.first_non_finite()

    def snapshot(self, into: dict[str, Array] | None = None) -> dict[str, Array]:
        """Copies of all arrays by name: new ones, or in the place of an earlier snapshot that nobody else holds."""
        if into is None:
            return {**self.model.params.copy(), **self.model.state.copy()}
        for name, value in {**self.model.params, **self.model.state}.items():
            into[name][...] = value
        return into

    def restore(self, snapshot: Mapping[str, Array]) -> None:
        end = self.begin()
        try:
            for name, value in snapshot.items():
                (self.model.params if name in self.model.params else self.model.state)[name] = value
        finally:
            end()


class ObjectLearner:
    """The same of any object with `params` and ``loss(X, y)``, as in the course.

    Nothing else of it is looked at but a `seed`, where that is a number.
    """

    flat, has_loss, standardizes = False, False, False
    score_name = "accuracy"
    loss_function: Loss = SVM()  # scores of classes, which are no probabilities
    outputs, classes = 2, 0
    target_scaler = None
    ops: Ops = kernels
    input_shape: Shape | None = None

    def __init__(self, model: Any) -> None:
        for name in ("params", "loss"):
            if not hasattr(model, name):
                raise TypeError(
                    f"model: expected an object with params and loss(X, y); {type(model).__name__} has no {name}"
                )
        mapping("model.params", model.params, "arrays")
        self.model = model
        self.grads: Mapping[str, Array] = {}

    @property
    def of_what(self) -> str:
        return f"and {type(self.model).__name__} has one of its own"

    @property
    def own_steps(self) -> str | None:
        return f"{type(self.model).__name__} has a loss of its own"

    @property
    def seed(self) -> int | None:
        seed = getattr(self.model, "seed", None)
        return int(seed) if isinstance(seed, numbers.Integral) and int(seed) >= 0 else None

    @property
    def params(self) -> Any:
        return self.model.params

    def check(self, x_name: str, X: Any, y_name: str, y: Any) -> tuple[Array, Array]:
        X, y = as_data(x_name, X), as_data(y_name, y)
        for name, array in ((x_name, X), (y_name, y)):
            if array.ndim == 0 or len(array) == 0:
                raise ValueError(f"{name}: expected at least one example, got shape {array.shape}")
        if len(X) != len(y):
            raise ValueError(f"{y_name}: expected one entry for each of the {len(X)} rows of {x_name}, got {len(y)}")
        all_finite(x_name, X)
        all_finite(y_name, y)
        return X, y

    def begin(self) -> Callable[[], object]:
        return {}.clear  # whether others use it meanwhile is not known

    def claim(self, solver: Solver) -> None:
        pass

    def free(self, solver: Solver) -> None:
        pass

    def check_weights(self, name: str, weights: Any, count: int) -> FloatArray:
        raise ValueError(
            f"{name}: {type(self.model).__name__} has a loss of its own, loss(X, y), which takes no weights"
        )

    def loss(
        self, X: Any, y: Any, rows: IntArray, gather: Callable[..., object] | None, weights: FloatArray | None
    ) -> float:
        loss, self.grads = _own_loss(self.model, X, y, rows, gather)
        return loss

    def score(self, X: Any, y: Any, batch_size: int = 100) -> float:
        right = 0
        for start in range(0, len(X), batch_size):
            scores = np.asarray(self.model.loss(X[start : start + batch_size]))
            if not np.isfinite(scores).all():
                return math.nan
            right += int(np.sum(np.argmax(scores, axis=1) == y[start : start + batch_size]))
        return right / len(X)

    def scores(self, X: Any, batch_size: int = 100) -> FloatArray:
        pieces = [X[start : start + batch_size] for start in range(0, len(X), batch_size)]
        return np.concatenate([np.asarray(self.model.loss(piece)) for piece in pieces])

    def measure(self, X: Any, y: Any, weights: None = None, scores: Any = None) -> tuple[float, float]:
        """As of a network: ``loss(X, y)`` trains, and has penalties, so that there is only the score."""
        return math.nan, self.score(X, y)

    def learns_from(self, count: int) -> bool:
        return True

    def dropout_rates(self, count: int) -> list[float]:
        return []  # none that is known of

    def scale_dropout(self, factor: float) -> None:
        pass

    def first_non_finite(self) -> str:
        for name, w in self.params.items():
            if not np.isfinite(w).all():
                return f"parameter {name}"
        return "the loss that the model returned"

    def snapshot(self, into: dict[str, Array] | None = None) -> dict[str, Array]:
        return {name: w.copy() for name, w in self.params.items()}

    def restore(self, snapshot: Mapping[str, Array]) -> None:
        for name, w in snapshot.items():
            self.params[name] = w.copy()


def _methods(model: Any) -> set[str]:
    """Names of the public methods that numbanet's classes give a network."""
    ours = [kind for kind in type(model).__mro__ if kind.__module__.startswith("numbanet.")]
    return {name for kind in ours for name, value in vars(kind).items() if isfunction(value) and name[0] != "_"}


def _own_loss(
    model: Any,
    X: Any,
    y: Any,
    rows: IntArray,
    gather: Callable[..., object] | None,
    weights: FloatArray | None = None,
) -> tuple[float, Mapping[str, Array]]:
    """Loss and gradients of a batch by a model's own ``loss(X, y)``."""
    if gather is None:
        batch = X[rows]
    else:
        batch = np.empty((len(rows), *X.shape[1:]), X.dtype if X.dtype.kind == "f" else np.float64)
        gather(X, rows, batch)
    result = model.loss(batch, y[rows], **({} if weights is None else {"sample_weight": weights[rows]}))
    if not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(f"model: loss(X, y) must return (loss, grads), got {describe(result)}")
    loss, grads = result
    if missing := [name for name in model.params if name not in grads]:
        raise ValueError(f"model: loss(X, y) gave no gradient for {', '.join(missing)}")
    return float(loss), grads
