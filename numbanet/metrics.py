"""Metrics: how good predictions are, by name or by a function of a user's own.

All take weights, of examples: of so many as an example's weight, each counts for one. N examples, C classes, M outputs.
scikit-learn computes what it has, where it is installed; what stands here gives the same without it. What is undefined,
such as an AUC of a single class, is NaN.
"""

from __future__ import annotations

import inspect
import math
import numbers
import warnings
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from ._checks import describe, did_you_mean
from .losses import Loss, r2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ._types import Array, FloatArray, Ops
    from .data import TargetScaler


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
    function : callable
        Of (y, given, sample_weight, classes); weights are an array (N,) or None.
    given : {"predictions", "probabilities", "scores"}
        What it is given beside the targets.
    classifies : bool or None
        For classes, or for values; None is for both.
    greater_is_better : bool
    """

    name: str
    function: Callable[[Any, Any, Any, int], Any]
    given: str = "predictions"
    classifies: bool | None = None
    greater_is_better: bool = True
    sklearn: Callable[[Any, Any, Any, Any, int], Any] | None = None  # the same by their module

    def measure(
        self,
        loss: Loss,
        y: Array,
        scores: FloatArray,
        sample_weight: Array | None,
        ops: Ops,
        scaler: TargetScaler | None = None,
    ) -> float:
        """The metric of a network's scores, for targets as its loss takes them.

        Parameters
        ----------
        loss : Loss
            Which the network is trained for.
        y : ndarray
        scores : ndarray, shape (N, C)
        sample_weight : ndarray, shape (N,), or None
        ops : module
            The operations that probabilities are computed by.
        scaler : TargetScaler, optional
            How targets and scores are put back into their own units first.

        Returns
        -------
        float
            NaN where it is undefined, or where a score is not finite.
        """
        if not np.isfinite(scores).all():
            return math.nan
        if scaler is not None:
            y, scores = scaler.restore(y, clamp=False), scaler.restore(loss.predict(scores).reshape(len(scores), -1))
        if self.given == "scores":
            return _own_value(self, y, scores, sample_weight)
        given = loss.predict(scores) if self.given == "predictions" else loss.probabilities(scores.copy(), ops)
        if self.classifies:
            y = _classes(y, loss)
        given = given.reshape(y.shape) if given.size == y.size else given
        classes = 2 if scores.shape[1] == 1 else scores.shape[1]
        if self.sklearn is None or find_spec("sklearn") is None:
            return float(self.function(y, given, sample_weight, classes))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is undefined
            return float(self.sklearn(import_module("sklearn.metrics"), y, given, sample_weight, classes))


def metric_of(name: str, metric: Any, loss: Loss, outputs: int) -> Metric:
    """The metric that a name or a function stands for, where it suits a network with that loss and so many outputs.

    Raises
    ------
    TypeError, ValueError
        For what is neither, an unknown name, a function that does not take ``(y, scores)``, and a metric of classes for
        a network that predicts values, or the other way round; `name` is what the argument is called.
    """
    if isinstance(metric, str):
        if metric not in METRICS:
            known = ", ".join(METRICS)
            hint = did_you_mean(metric, METRICS, repr)
            raise ValueError(f"{name}: expected one of {known}, or a function; got {metric!r}{hint}")
        found = METRICS[metric]
        if found.classifies is not None and found.classifies != loss.classifies:
            kind, wanted = ("classes", "values") if loss.classifies else ("values", "classes")
            fit = ", ".join(each.name for each in METRICS.values() if each.classifies in (None, loss.classifies))
            network = f"a network with the loss {loss!r} predicts {kind}"
            raise ValueError(f"{name}: {metric} is of {wanted}, and {network}; there are {fit}")
        if found.given == "probabilities" and type(loss).probabilities is Loss.probabilities:
            raise ValueError(f"{name}: {metric} needs probabilities, which the loss {loss!r} does not give")
        if metric == "balanced_accuracy" and loss.per_output and outputs > 1:
            raise ValueError(f"{name}: {metric} is of one label for each example, and there are {outputs} of yes or no")
        return found
    if not callable(metric) or isinstance(metric, type):
        raise TypeError(f"{name}: expected a name or a function of (y, scores), got {describe(metric)}")
    own = getattr(metric, "__name__", type(metric).__name__)
    if not own.isidentifier():  # a lambda
        own = "metric"
    return Metric(own, _own(name, metric), "scores", None, bool(getattr(metric, "greater_is_better", True)))


def _own(name: str, function: Callable[..., Any]) -> Callable[[Any, Any, Any, int], Any]:
    """A user's function, as `Metric` calls it."""
    try:
        parameters: Iterable[str] = inspect.signature(function).parameters
        inspect.signature(function).bind(None, None)
    except TypeError:
        raise TypeError(f"{name}: expected a function of (y, scores), got {describe(function)}") from None
    except ValueError:  # of a builtin, whose signature is not known
        parameters = ()
    if "sample_weight" in parameters:
        return lambda y, scores, sample_weight, classes: function(y, scores, sample_weight=sample_weight)
    return lambda y, scores, sample_weight, classes: function(y, scores)


def _own_value(metric: Metric, y: Array, scores: FloatArray, sample_weight: Array | None) -> float:
    value = metric.function(y.copy(), scores.copy(), sample_weight, scores.shape[1])
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"metric {metric.name} returned {describe(value)}; expected a number")
    return float(value)


def _classes(y: Array, loss: Loss) -> Array:
    """Targets as classes: labels (N,), or 0 and 1 in (N, M), where M is 1 (N,)."""
    if loss.per_output:
        y = (y > 0.5).astype(np.int64)
        return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    return y if y.ndim == 1 else y.argmax(axis=1)


def _mean(values: Array, sample_weight: Array | None) -> Any:
    return np.average(values.astype(np.float64), axis=0, weights=sample_weight)


def _weights(y: Array, sample_weight: Array | None) -> FloatArray:
    return np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, np.float64)


def _accuracy(y: Array, predictions: Array, sample_weight: Array | None, classes: int) -> Any:
    """The share of what is right: of examples, or of single answers (N, M)."""
    return np.mean(_mean(predictions == y, sample_weight))


def _balanced_accuracy(y: Array, predictions: Array, sample_weight: Array | None, classes: int) -> Any:
    """The mean, over the classes that there are, of the share of their examples that is right."""
    weights, right = _weights(y, sample_weight), predictions == y
    present = [label for label in range(classes) if weights[y == label].sum() > 0]
    return np.mean([np.average(right[y == label], weights=weights[y == label]) for label in present])


def _log_loss(y: Array, probabilities: FloatArray, sample_weight: Array | None, classes: int) -> Any:
    """Mean of -log p of the true class, or of each single answer.

    Probabilities are kept off 0 and 1 by their dtype's smallest step from 1, as in scikit-learn.
    """
    step = np.finfo(probabilities.dtype).eps
    p = np.clip(probabilities, step, 1 - step).astype(np.float64)
    if p.shape == y.shape:
        return np.mean(_mean(-np.where(y == 1, np.log(p), np.log1p(-p)), sample_weight))
    return _mean(-np.log(p[np.arange(len(y)), y]), sample_weight)


def _auc(y: Array, probabilities: FloatArray, sample_weight: Array | None, classes: int) -> Any:
    """Area under the ROC curve; of several classes the mean of each against the rest, of several answers their mean."""
    if probabilities.shape == y.shape:
        y, probabilities = y.reshape(len(y), -1), probabilities.reshape(len(y), -1)
    elif classes == 2:
        y, probabilities = y[:, None], probabilities[:, 1:]
    else:
        y = y[:, None] == np.arange(classes)
    weights = _weights(y, sample_weight)
    return np.mean([_area(*pair, weights) for pair in zip(y.T, probabilities.T, strict=True)])


def _area(y: Array, p: FloatArray, weights: FloatArray) -> float:
    """Area under the curve of true over false positives as the threshold falls; equal scores pass together."""
    order = np.argsort(-p, kind="stable")
    last = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)  # of equal scores
    true = np.append(0.0, np.cumsum((weights * y)[order])[last])
    false = np.append(0.0, np.cumsum((weights * (1 - y))[order])[last])
    if not (true[-1] > 0 and false[-1] > 0):
        return math.nan
    return float(np.sum(np.diff(false) * (true[1:] + true[:-1])) / 2 / (true[-1] * false[-1]))


def _f1(y: Array, predictions: Array, sample_weight: Array | None, classes: int) -> Any:
    """Harmonic mean of precision and recall: of two classes that of class 1; of more, the mean over those that there
    are or are predicted; of several answers their mean."""
    weights = _weights(y, sample_weight)
    if y.ndim == 2:
        pairs = zip(y.T == 1, predictions.T == 1, strict=True)
    else:
        labels = [1] if classes == 2 else np.union1d(y, predictions)
        pairs = ((y == label, predictions == label) for label in labels)
    return np.mean([_harmonic(*pair, weights) for pair in pairs])


def _harmonic(true: Array, predicted: Array, weights: FloatArray) -> float:
    """``2 TP / (2 TP + FP + FN)``, 0 where there is nothing to divide by."""
    hits, misses = weights[true & predicted].sum(), weights[true != predicted].sum()
    return float(2 * hits / (2 * hits + misses)) if hits + misses > 0 else 0.0


def _r2(y: Array, predictions: Array, sample_weight: Array | None, classes: int) -> float:
    """Coefficient of determination, of several outputs the mean of theirs."""
    counted = slice(None) if sample_weight is None else sample_weight > 0
    return r2(y[counted], predictions[counted], None if sample_weight is None else _weights(y, sample_weight)[counted])


def _mae(y: Array, predictions: Array, sample_weight: Array | None, classes: int) -> Any:
    """Mean absolute error, over outputs too."""
    return np.mean(_mean(np.abs(y.astype(np.float64) - predictions), sample_weight))


def _rmse(y: Array, predictions: Array, sample_weight: Array | None, classes: int) -> Any:
    """Root of the mean squared error; of several outputs the mean of theirs."""
    return np.mean(np.sqrt(_mean(np.square(y.astype(np.float64) - predictions), sample_weight)))


# scikit-learn's, of (module, y, given, sample_weight, classes).


def _their_log_loss(theirs: Any, y: Array, p: FloatArray, sample_weight: Array | None, classes: int) -> Any:
    if p.shape == y.shape and y.ndim == 2:  # of several answers they have none
        return _log_loss(y, p, sample_weight, classes)
    return theirs.log_loss(y, p, sample_weight=sample_weight, labels=range(classes))


def _their_auc(theirs: Any, y: Array, p: FloatArray, sample_weight: Array | None, classes: int) -> Any:
    if classes > 2 and p.shape != y.shape:
        labels = {"multi_class": "ovr", "labels": range(classes)}
        return theirs.roc_auc_score(y, p, sample_weight=sample_weight, **labels)
    return theirs.roc_auc_score(y, p if p.shape == y.shape else p[:, 1], sample_weight=sample_weight)


def _their_f1(theirs: Any, y: Array, predictions: Array, sample_weight: Array | None, classes: int) -> Any:
    average = "binary" if y.ndim == 1 and classes == 2 else "macro"
    return theirs.f1_score(y, predictions, average=average, sample_weight=sample_weight, zero_division=0)


def _their(name: str) -> Any:
    """One of theirs that needs nothing else."""
    return lambda theirs, y, predictions, weights, _: getattr(theirs, name)(y, predictions, sample_weight=weights)


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _accuracy, classifies=True),
        Metric("balanced_accuracy", _balanced_accuracy, classifies=True, sklearn=_their("balanced_accuracy_score")),
        Metric("log_loss", _log_loss, "probabilities", True, False, _their_log_loss),
        Metric("auc", _auc, "probabilities", True, sklearn=_their_auc),
        Metric("f1", _f1, classifies=True, sklearn=_their_f1),
        Metric("r2", _r2, classifies=False),
        Metric("mae", _mae, "predictions", False, False, _their("mean_absolute_error")),
        Metric("rmse", _rmse, "predictions", False, False, _their("root_mean_squared_error")),
    )
}
