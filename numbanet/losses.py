"""Losses: what a network is trained for, which targets it takes, and what its scores mean.

A loss is a declaration, fixed once made, as a layer is: it names the operation that computes it, has its options, and
holds no arrays. N examples, C outputs; scores have the shape (N, C).
"""

from __future__ import annotations

import inspect
import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import kernels, operations, reference
from ._checks import all_finite, as_data, class_numbers, class_probabilities, describe, float_array, number, one_of
from .kernels._written import unwritten, written
from .runtime.foreign import is_compiled, result_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ._types import Array, DTypeLike, FloatArray, Ops
    from .program import Lowering


__all__ = [
    "SVM",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "Huber",
    "Loss",
    "Poisson",
    "Quantile",
    "Softmax",
    "SquaredError",
]

BATCH = 512  # rows that a loss is computed of at a time


class Loss:
    """Base of all losses. One of your own defines `reference` or `kernel`, and what else differs from squared error.

    What computes it is a function of ``(scores, y, *constants, dscores)``, which writes the gradient into `dscores` and
    returns the mean loss of the examples, a float. Where it is `weighted`, a function of
    ``(scores, y, weights, *constants, dscores)``: `weights`, of the scores' dtype, has the shape (N,), or (0,) where
    all are 1, and the mean is ``Σ w l / Σ w``.

    Attributes
    ----------
    operation : str
        Its name in the namespaces of operations, for numbanet's own losses.
    reference : callable or None
        The function in NumPy, for a loss of your own; it is called from Python.
    kernel : callable or None
        The same, compiled by numba. With it, training runs without Python; on `numbanet.reference` it is not used,
        where there is a `reference` as well.
    per_output : bool
        Whether there is a target for each output, shape (N, C), or (N,) where C is 1; else there is a label from 0 to
        C-1 for each example, shape (N,).
    weighted : bool
        Whether the function takes the weights of the examples; numbanet's own do.
    classifies : bool
        Whether predictions are classes, or yes or no for each output, so that accuracy is what to report.
    """

    operation = ""
    reference: Any = None
    kernel: Any = None
    per_output = True
    weighted = False
    classifies = False

    def __repr__(self) -> str:  # of a class that is no dataclass
        return f"{type(self).__name__}()"

    @property
    def name(self) -> str:
        """The shorthand for it, or else the name of its class."""
        return next((name for name, kind in LOSSES.items() if kind is type(self)), type(self).__name__)

    def constants(self) -> tuple[Any, ...]:
        """The numbers that the function takes before the gradient: the options, in order."""
        return tuple(getattr(self, name) for name in getattr(self, "__dataclass_fields__", ()))

    @property
    def predicts_scores(self) -> bool:
        """Whether predictions are the scores themselves, so that targets may be standardised."""
        return self.per_output and not self.classifies and type(self).predict is Loss.predict

    @property
    def takes_weights(self) -> bool:
        """Whether examples may have weights."""
        return bool(self.operation) or self.weighted

    def require_weights(self, name: str) -> None:
        """ValueError where examples cannot have weights, which are called `name`."""
        if not self.takes_weights:
            raise ValueError(f"{name}: the loss {self!r} takes no weights; its function would, with weighted = True")
        for method in ("mean", "score"):
            if "weights" not in inspect.signature(getattr(self, method)).parameters:
                raise ValueError(f"{name}: the loss {self!r} takes no weights in its own {method}")

    def arguments(
        self, scores: FloatArray, y: Array, weights: FloatArray | None, dscores: FloatArray
    ) -> tuple[Any, ...]:
        """What its function is called with; weights that are None are all 1."""
        if weights is None:
            weights = np.empty(0, scores.dtype)
        return (scores, y, *((weights,) if self.takes_weights else ()), *self.constants(), dscores)

    def lower(self, net: Lowering, scores: FloatArray, y: Array) -> Any:
        """Bind the operations for one batch.

        Parameters
        ----------
        net : numbanet.program.build.Lowering
            Gives `buffer`, and in `weights` those of the examples, shape (N,), or (0,) where all are 1. Takes
            operations by `loss`; what they return is added up.
        scores : ndarray, shape (N, C)
        y : ndarray
            As `check_targets` gives it.

        Returns
        -------
        dscores : ndarray, shape (N, C)
            The gradient.
        """
        dscores = net.buffer(scores.shape[1])
        self.add_to(net, scores, y, net.weights, dscores)
        return dscores

    def add_to(self, net: Lowering, scores: FloatArray, y: Array, weights: FloatArray, dscores: FloatArray) -> None:
        """Add the operations that compute the loss, and its gradient into `dscores`."""
        function, arguments = self._function(net.ops, y), self.arguments(scores, y, weights, dscores)
        kernel = getattr(function, "kernel", None)
        if kernel is None:
            net.loss(function, *arguments)
            return
        function.require_float(arguments)
        net.loss(unwritten, dscores)
        net.loss(kernel, *arguments)
        net.loss(written, dscores)

    def operation_for(self, y: Array) -> str:
        """The name of the operation for targets of this form; "" of a loss of your own."""
        return self.operation

    def functions(self, y: Array) -> Any:
        """What computes it, by "reference" and "kernel", those that there are; checked, to be called from Python."""
        operation = self.operation_for(y)
        if operation:
            named = {way: getattr(ops, operation) for way, ops in (("reference", reference), ("kernel", kernels))}
        else:
            named = {way: self._own(way) for way in ("reference", "kernel") if getattr(self, way) is not None}
        return {way: _Checked(self, way, function) for way, function in named.items()}

    def _own(self, way: str) -> Any:
        """The attribute of that name; one that numba compiled takes no `self`."""
        found = inspect.getattr_static(self, way)
        found = getattr(found, "__func__", found)  # of a static method
        return found if is_compiled(found) else getattr(self, way)

    def _function(self, ops: Ops, y: Array) -> Any:
        """What computes it with these operations and targets, to be called from Python."""
        operation = self.operation_for(y)
        if operation:
            return getattr(ops, operation)
        functions = self.functions(y)
        return functions.get("reference" if ops is reference else "kernel") or next(iter(functions.values()))

    def check(self, scores: FloatArray, y: Array, ops: Ops, weights: FloatArray | None = None) -> None:
        """An error where the loss of this batch is no number through a fault of its function."""
        if not self.operation and self.functions(y) and np.isfinite(scores).all():
            self._function(ops, y)(*self.arguments(scores, y, weights, np.empty_like(scores)))

    def mean(self, scores: FloatArray, y: Array, ops: Ops, weights: FloatArray | None = None) -> float:
        """Mean loss of any number of examples, by their weights where there are any, L2 penalty left out: float."""
        function, total, whole = self._function(ops, y), 0.0, 0.0
        dscores = np.empty_like(scores[:BATCH])  # not wanted, but what the function writes
        for start in range(0, len(scores), BATCH):
            rows = slice(start, start + BATCH)
            own = None if weights is None else weights[rows]
            count = len(scores[rows])
            weight = count if own is None else float(own.sum(dtype=np.float64))
            total += weight * float(function(*self.arguments(scores[rows], y[rows], own, dscores[:count])))
            whole += weight
        return total / whole

    @property
    def of_member(self) -> Loss:
        """What scores and targets mean in inference: itself, or the loss of each member where they are several."""
        return self

    def outputs(self, scores: int) -> int:
        """How many outputs a network with so many scores has; ValueError where it cannot have so many."""
        return scores

    def merged(self, scores: FloatArray, ops: Ops) -> FloatArray:
        """The scores (N, outputs) that a network has in inference."""
        return scores

    def averaged(self, scores: FloatArray, ops: Ops) -> FloatArray:
        """The scores (N, C) that say what members say on average, whose scores are (N, members, C): here their mean."""
        return scores.mean(axis=1)

    def target_shape(self, outputs: int) -> tuple[int, ...]:
        """Shape of one example's targets: that of its scores, or () for a label."""
        return (outputs,) if self.per_output else ()

    def check_targets(self, name: str, y: Any, count: int, outputs: int, dtype: DTypeLike) -> Array:
        """`y` as the function takes it: float, shape (N, *target_shape), or int64 labels, shape (N,)."""
        if not self.per_output:
            return class_numbers(name, y, count, outputs)
        y, shape = as_data(name, y), (count, *self.target_shape(outputs))
        all_finite(name, np.atleast_1d(y), dtype)
        flat = y.ndim == 1 and shape[1:] == (1,)
        return float_array(name, y, dtype, shape=shape[:1] if flat else shape).reshape(shape)

    def targets(self, name: str, y: Any, count: int, outputs: int, dtype: DTypeLike) -> Array:
        """What `check_targets` gives; TypeError where that is not what the function takes."""
        y = self.check_targets(name, y, count, outputs, dtype)
        shape, kind = (count, *self.target_shape(outputs)), np.dtype(dtype if self.per_output else np.int64)
        if not isinstance(y, np.ndarray) or (y.shape, y.dtype) != (shape, kind):
            wanted = f"an array of shape {shape} and dtype {kind}"
            raise TypeError(f"loss {self!r}: check_targets returned {describe(y)}; expected {wanted}")
        return y

    def predict(self, scores: FloatArray) -> Array:
        """What the scores say.

        The label with the highest score, shape (N,); or for each output its score or, where the loss `classifies`, 1
        where that is positive and else 0: shape (N, C), or (N,) where C is 1.
        """
        if not self.per_output:
            return scores.argmax(axis=1)
        values = (scores > 0).astype(np.int64) if self.classifies else scores
        return values[:, 0] if values.shape[1] == 1 else values

    def score(self, prediction: Array, y: Array, weights: FloatArray | None = None) -> float:
        """How good predictions are, by the weights of the examples where there are any; 1 is perfect.

        Accuracy, the part that is right, where the loss `classifies`; a target above 0.5 means 1. Else R², the
        coefficient of determination, as `r2` gives it.
        """
        if np.size(prediction) != y.size:
            shapes = f"predictions of shape {np.shape(prediction)} with targets of shape {y.shape}"
            raise ValueError(f"loss {self!r}: cannot compare {shapes}; override predict or score")
        prediction = np.reshape(prediction, y.shape)
        if weights is not None:
            counted = weights > 0
            prediction, y, weights = prediction[counted], y[counted], weights[counted].astype(np.float64)
        if self.classifies:
            right = prediction == (y > 0.5 if self.per_output else y)
            return float(
                np.average(right.reshape(len(y), -1).mean(axis=1), weights=weights)
                if weights is not None
                else np.mean(right)
            )
        return r2(y, prediction, weights)

    def probabilities(self, scores: FloatArray, ops: Ops) -> FloatArray:
        """Probabilities, shape (N, C), in the place of the scores; ValueError where the loss has none."""
        gives = "scores" if self.classifies else "values"
        raise ValueError(f"a network trained with the loss {self!r} has {gives}, but no probabilities")


def r2(y: Array, prediction: Array, weights: FloatArray | None = None) -> float:
    """Coefficient of determination: 1 less the squared errors' share of the squared deviations, by weights above 0.

    Of several outputs it is the mean of theirs, but of those whose targets do not vary; NaN where none does, as of a
    single example.
    """
    y, prediction = (values.astype(np.float64).reshape(len(y), -1) for values in (y, prediction))
    varies = (y != y[0]).any(axis=0)  # the mean of equal numbers may be another by a rounding
    if not varies.any():
        return math.nan
    y, prediction = y[:, varies], prediction[:, varies]
    mean = y.mean(axis=0) if weights is None else np.average(y, axis=0, weights=weights)
    deviations = np.square(y - mean)
    with np.errstate(over="ignore", divide="ignore"):  # far off is minus infinity
        errors = np.square(y - prediction)
        return float(np.mean(1 - _weighed(errors, weights) / _weighed(deviations, weights)))


def _weighed(values: Array, weights: FloatArray | None) -> Array:
    """Sums over the examples."""
    return values.sum(axis=0) if weights is None else weights @ values


class _Checked:
    """A user's function of a loss, called from Python: what it does wrong becomes an error that names it.

    Attributes
    ----------
    kernel : Kernel, numba dispatcher or None
        The function itself, where it is compiled.
    """

    def __init__(self, loss: Loss, way: str, function: Callable[..., Any]) -> None:
        self.__name__, self._what, self._function = f"{type(loss).__name__}.{way}", f"loss {loss!r}: {way}", function
        self._weighted = loss.takes_weights
        self.kernel = function if is_compiled(function) else None

    def __call__(self, *arguments: Any) -> Any:
        *given, dscores = arguments
        scores, y = given[:2]
        dscores[...] = np.nan
        copies = [value.copy() if isinstance(value, np.ndarray) else value for value in given]
        if self.kernel is not None:
            self.require_float((*copies, dscores))
        try:
            result = self._function(*copies, dscores)
        except Exception as error:
            given = f"scores of shape {scores.shape} and y of shape {y.shape}, {scores.dtype}"
            raise RuntimeError(f"{self._what} raised {type(error).__name__}: {error}; given {given}") from error
        if any(
            np.asarray(copy).tobytes() != np.asarray(own).tobytes() for copy, own in zip(copies, given, strict=True)
        ):
            read = "scores, y or weights" if self._weighted else "scores or y"
            raise RuntimeError(f"{self._what} wrote into {read}; expected the gradient alone, in dscores")
        if isinstance(result, (bool, np.bool_)) or not isinstance(result, numbers.Real):
            raise TypeError(f"{self._what} returned {describe(result)}; expected the mean loss, a float")
        if math.isfinite(result) and np.isnan(dscores).any():
            row, column = np.argwhere(np.isnan(dscores))[0]
            hint = "; write into the array, as in dscores[...] = gradient" if np.isnan(dscores).all() else ""
            raise RuntimeError(f"{self._what} left dscores[{row}, {column}] unwritten, or NaN{hint}")
        return float(result)

    def require_float(self, arguments: Sequence[Any]) -> None:
        """TypeError where the kernel cannot be compiled for these arguments, or returns no float."""
        kind = result_type(self._what, self.kernel, arguments)
        if not kind.startswith("float"):
            raise TypeError(f"{self._what} returns {kind}; expected the mean loss, a float")


@dataclass(frozen=True)
class Softmax(Loss):
    """Cross-entropy of the softmax of the scores, one for each class.

    Targets are labels (N,), or the probabilities of the classes (N, C). A part `label_smoothing` of the target, from 0
    to 1, is given to all classes alike.
    """

    label_smoothing: float = 0.0
    operation = "softmax_loss"
    per_output, classifies = False, True

    def __post_init__(self) -> None:
        object.__setattr__(self, "label_smoothing", number("Softmax: label_smoothing", self.label_smoothing, 0, 1))

    def operation_for(self, y: Array) -> str:
        return "soft_softmax_loss" if y.ndim == 2 else self.operation

    def targets(self, name: str, y: Any, count: int, outputs: int, dtype: DTypeLike) -> Array:
        """Labels (N,), or the probabilities of the classes (N, C)."""
        if np.ndim(y) == 2:
            return class_probabilities(name, y, count, outputs, dtype)
        return super().targets(name, y, count, outputs, dtype)

    def score(self, prediction: Array, y: Array, weights: FloatArray | None = None) -> float:
        """Accuracy; of probabilities, the highest counts as the label."""
        return super().score(prediction, y.argmax(axis=1) if y.ndim == 2 else y, weights)

    def probabilities(self, scores: FloatArray, ops: Ops) -> FloatArray:
        ops.softmax_forward(scores, scores)
        return scores

    def averaged(self, scores: FloatArray, ops: Ops) -> FloatArray:
        """Logarithms of the mean probabilities."""
        each = scores.reshape(-1, scores.shape[2]).copy()
        mean = self.probabilities(each, ops).reshape(scores.shape).mean(axis=1)
        return np.log(np.maximum(mean, np.finfo(mean.dtype).tiny))


@dataclass(frozen=True)
class SVM(Loss):
    """Multi-class hinge loss with margin 1: the sum, over the wrong classes, of what is missing to it."""

    operation = "svm_loss"
    per_output, classifies = False, True


@dataclass(frozen=True)
class SquaredError(Loss):
    """Squared error, the mean over examples and outputs: the scores are the predictions."""

    operation = "squared_error_loss"


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Cross-entropy of the sigmoid of the scores: each output is a yes or no of its own, with targets from 0 to 1."""

    operation = "binary_cross_entropy_loss"
    classifies = True

    def check_targets(self, name: str, y: Any, count: int, outputs: int, dtype: DTypeLike) -> Array:
        y = super().check_targets(name, y, count, outputs, dtype)
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            raise ValueError(f"{name}: binary cross-entropy takes targets from 0 to 1, got {y.min():g} to {y.max():g}")
        return y

    def probabilities(self, scores: FloatArray, ops: Ops) -> FloatArray:
        """Probability of 1 for each output, shape (N, C), in the place of the scores."""
        flat = scores.reshape(-1)
        ops.sigmoid_forward(flat, flat)
        return scores

    def averaged(self, scores: FloatArray, ops: Ops) -> FloatArray:
        """Logits of the mean probabilities."""
        yes, no = (self.probabilities(np.copy(each), ops).mean(axis=1) for each in (scores, -scores))
        tiny = np.finfo(yes.dtype).tiny
        return np.log(np.maximum(yes, tiny)) - np.log(np.maximum(no, tiny))


@dataclass(frozen=True)
class Huber(Loss):
    """Half the squared error where that is at most `delta` off, and beyond that `delta` times the rest: outliers pull
    less. The mean over examples and outputs; the scores are the predictions."""

    delta: float = 1.0
    operation = "huber_loss"

    def __post_init__(self) -> None:
        delta = number("Huber: delta", self.delta, 0, include_low=False, include_high=False)
        object.__setattr__(self, "delta", delta)


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """Absolute error, the mean over examples and outputs: the scores are the predictions, and tend to medians."""

    operation = "absolute_error_loss"


@dataclass(frozen=True)
class Poisson(Loss):
    """Poisson loss for counts, the mean over examples and outputs: the scores are the logarithms of the predictions.

    Without what does not depend on the network: ``exp(z) - t z`` of a score z and its target t, which is not negative.
    """

    operation = "poisson_loss"

    def check_targets(self, name: str, y: Any, count: int, outputs: int, dtype: DTypeLike) -> Array:
        y = super().check_targets(name, y, count, outputs, dtype)
        if y.size and not y.min() >= 0:
            raise ValueError(f"{name}: the Poisson loss takes targets of 0 or more, got {y.min():g}")
        return y

    def predict(self, scores: FloatArray) -> Array:
        """The expected counts."""
        with np.errstate(over="ignore"):
            return super().predict(np.exp(scores))

    def averaged(self, scores: FloatArray, ops: Ops) -> FloatArray:
        """Logarithms of the mean expected counts."""
        largest = scores.max(axis=1, keepdims=True)
        return largest[:, 0] + np.log(np.exp(scores - largest).mean(axis=1))


@dataclass(frozen=True)
class Quantile(Loss):
    """Pinball loss, the mean over examples and outputs: `quantile` of the targets, such as 0.9, tend to lie below the
    scores, which are the predictions."""

    quantile: float = 0.5
    operation = "quantile_loss"

    def __post_init__(self) -> None:
        quantile = number("Quantile: quantile", self.quantile, 0, 1, include_low=False, include_high=False)
        object.__setattr__(self, "quantile", quantile)


# By the names that are short for them.
LOSSES = {name.removesuffix("_loss"): globals()[loss] for name, loss in operations.LOSSES.items() if loss in globals()}


def checked_loss(name: str, loss: Any) -> Loss:
    """The loss that was given, or the one that a string is short for; an error for anything else."""
    if isinstance(loss, Loss):
        if not loss.operation and loss.reference is loss.kernel is None and type(loss).lower is Loss.lower:
            raise TypeError(f"{name}: {loss!r} defines neither reference nor kernel, functions of (scores, y, dscores)")
        if not (loss.per_output or loss.classifies):
            raise TypeError(f"{name}: {loss!r} takes labels, by per_output = False, so it needs classifies = True")
        return loss
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise TypeError(f"{name}: expected a loss, got the class; write {loss.__name__}()")
    if isinstance(loss, str):
        return LOSSES[one_of(name, loss, LOSSES)]()
    raise ValueError(f"{name}: expected one of {', '.join(map(repr, LOSSES))}, or a Loss, got {describe(loss)}")
