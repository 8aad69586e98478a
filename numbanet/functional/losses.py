"""Losses with their gradients, and the L2 penalty: N examples, C classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import class_labels, class_probabilities, common_dtype, example_weights, number
from ._prepare import array, fraction, non_negative, positive, rows, run, same_shape

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops
__all__ = [
    "absolute_error_loss",
    "binary_cross_entropy_loss",
    "huber_loss",
    "l2_penalty",
    "poisson_loss",
    "quantile_loss",
    "soft_softmax_loss",
    "softmax_forward",
    "softmax_loss",
    "squared_error_loss",
    "svm_loss",
]


def softmax_forward(scores: ArrayLike, *, ops: Ops = kernels) -> FloatArray:
    """Class probabilities of scores, each row shifted by its maximum so that nothing overflows.

    Parameters
    ----------
    scores : array_like, shape (N, C)
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    probabilities : ndarray, shape (N, C)
        float32 where `scores` is float32 or half, float64 otherwise; rows add up to 1.

    Raises
    ------
    TypeError, ValueError
        For scores that are not of real numbers, are empty, or have another number of axes.

    See `numbanet.reference.softmax_forward` for the source.
    """
    scores = _scores(scores)
    probabilities = np.empty_like(scores)
    run(ops, "softmax_forward", scores, probabilities)
    return probabilities


def softmax_loss(
    scores: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    ops: Ops = kernels,
) -> tuple[float, FloatArray]:
    """Mean cross-entropy of the softmax of the scores, and its gradient. PyTorch's ``cross_entropy``.

    Parameters
    ----------
    scores : array_like, shape (N, C)
    y : array_like of integers, shape (N,)
        Class labels from 0 to C - 1.
    sample_weight : array_like, shape (N,), optional
        How much each example counts in the mean: ``Σ w l / Σ w``. Not negative, and not all 0; by default all 1.
    label_smoothing : float
        From 0 to 1: this part of the target is given to all classes alike.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    loss : float
    dscores : ndarray, shape (N, C)
        float32 where `scores` is float32 or half, float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        For scores that are not of real numbers, are empty, or have another number of axes; for labels that are not
        integers, not one for each row, or out of range: the message names the row; for weights that are negative, not
        finite, all 0 or not one for each row; for a `label_smoothing` out of range.

    See `numbanet.reference.softmax_loss` for the source.
    """
    label_smoothing = fraction("label_smoothing", label_smoothing)
    return _classification("softmax_loss", ops, scores, y, sample_weight, label_smoothing)


def soft_softmax_loss(
    scores: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    ops: Ops = kernels,
) -> tuple[float, FloatArray]:
    """Mean cross-entropy of the softmax with probabilities as targets, and its gradient. PyTorch's ``cross_entropy``.

    Parameters
    ----------
    scores : array_like, shape (N, C)
    target : array_like, shape (N, C)
        Probabilities of the classes: not negative, and 1 in the sum of a row.
    sample_weight, label_smoothing, ops
        As of `softmax_loss`.

    Returns
    -------
    loss : float
    dscores : ndarray, shape (N, C)
        float32 where both arrays are float32 or half, float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or differ in shape; for rows that are no probabilities; for
        weights and a `label_smoothing` as of `softmax_loss`.

    See `numbanet.reference.soft_softmax_loss` for the formula.
    """
    scores = array("scores", scores, common_dtype(scores=scores, target=target), ndim=2)
    target = array(
        "target", class_probabilities("target", target, len(scores), scores.shape[1], scores.dtype), scores.dtype
    )
    return _per_element(
        "soft_softmax_loss", ops, scores, target, sample_weight, fraction("label_smoothing", label_smoothing)
    )


def svm_loss(
    scores: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None, ops: Ops = kernels
) -> tuple[float, FloatArray]:
    """Mean multi-class hinge loss with margin 1, summed over the classes, and its gradient.

    Parameters, returns and errors are those of `softmax_loss`, but for label smoothing.
    See `numbanet.reference.svm_loss` for the source.
    """
    return _classification("svm_loss", ops, scores, y, sample_weight)


def squared_error_loss(
    pred: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None, ops: Ops = kernels
) -> tuple[float, FloatArray]:
    """Mean squared error over all elements, and its gradient. PyTorch's ``mse_loss``.

    Parameters
    ----------
    pred : array_like, any shape with at least one axis
    target : array_like, the shape of `pred`
    sample_weight : array_like, shape (N,), optional
        How much each example counts in the mean: ``Σ w l / Σ w``. Not negative, and not all 0; by default all 1.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    loss : float
    dpred : ndarray, the shape of `pred`
        float32 where both arrays are float32 or half, float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or differ in shape: nothing is broadcast; for weights that
        are negative, not finite, all 0 or not one for each example.

    See `numbanet.reference.squared_error_loss` for the source.
    """
    return _per_element("squared_error_loss", ops, *_each("pred", pred, target), sample_weight)


def binary_cross_entropy_loss(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None, ops: Ops = kernels
) -> tuple[float, FloatArray]:
    """Mean binary cross-entropy on logits, and its gradient. PyTorch's ``binary_cross_entropy_with_logits``.

    Parameters
    ----------
    logits : array_like, any shape with at least one axis
    target : array_like, the shape of `logits`
        Probabilities from 0 to 1.
    sample_weight : array_like, shape (N,), optional
        How much each example counts in the mean: ``Σ w l / Σ w``. Not negative, and not all 0; by default all 1.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    loss : float
    dlogits : ndarray, the shape of `logits`
        float32 where both arrays are float32 or half, float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or differ in shape; for targets outside of [0, 1]; for
        weights that are negative, not finite, all 0 or not one for each example.

    See `numbanet.reference.binary_cross_entropy_loss` for the source.
    """
    logits, target = _each("logits", logits, target)
    if not (target.min() >= 0 and target.max() <= 1):  # NaN is outside too
        raise ValueError(f"target: expected values from 0 to 1, got {target.min():g} to {target.max():g}")
    return _per_element("binary_cross_entropy_loss", ops, logits, target, sample_weight)


def absolute_error_loss(
    pred: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None, ops: Ops = kernels
) -> tuple[float, FloatArray]:
    """Mean absolute error over all elements, and its gradient, 0 where there is no error. PyTorch's ``l1_loss``.

    Parameters, returns and errors are those of `squared_error_loss`.
    See `numbanet.reference.absolute_error_loss` for the formula.
    """
    return _per_element("absolute_error_loss", ops, *_each("pred", pred, target), sample_weight)


def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: float = 1.0,
    sample_weight: ArrayLike | None = None,
    ops: Ops = kernels,
) -> tuple[float, FloatArray]:
    """Mean Huber loss over all elements, and its gradient: squares of errors up to `delta`, straight lines beyond.

    Parameters
    ----------
    pred : array_like, any shape with at least one axis
    target : array_like, the shape of `pred`
    delta : float
        Finite and above 0.
    sample_weight : array_like, shape (N,), optional
        How much each example counts in the mean: ``Σ w l / Σ w``. Not negative, and not all 0; by default all 1.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns and errors are those of `squared_error_loss`, and one for a `delta` out of range. PyTorch's ``huber_loss``;
    see `numbanet.reference.huber_loss` for the formula.
    """
    delta = positive("delta", delta)
    return _per_element("huber_loss", ops, *_each("pred", pred, target), sample_weight, delta)


def poisson_loss(
    scores: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None, ops: Ops = kernels
) -> tuple[float, FloatArray]:
    """Mean Poisson loss of scores that are logarithms of expected counts, and its gradient.

    Parameters
    ----------
    scores : array_like, any shape with at least one axis
    target : array_like, the shape of `scores`
        Counts, or other numbers that are not negative.
    sample_weight : array_like, shape (N,), optional
        How much each example counts in the mean: ``Σ w l / Σ w``. Not negative, and not all 0; by default all 1.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns and errors are those of `squared_error_loss`, and one for negative targets. PyTorch's
    ``poisson_nll_loss``; see `numbanet.reference.poisson_loss` for the formula.
    """
    scores, target = _each("scores", scores, target)
    if not target.min() >= 0:  # NaN is refused too
        raise ValueError(f"target: expected values of 0 or more, got {target.min():g}")
    return _per_element("poisson_loss", ops, scores, target, sample_weight)


def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: float = 0.5,
    sample_weight: ArrayLike | None = None,
    ops: Ops = kernels,
) -> tuple[float, FloatArray]:
    """Mean pinball loss over all elements, and its gradient: what is least where `quantile` of the targets lie below.

    Parameters
    ----------
    pred : array_like, any shape with at least one axis
    target : array_like, the shape of `pred`
    quantile : float
        Between 0 and 1.
    sample_weight : array_like, shape (N,), optional
        How much each example counts in the mean: ``Σ w l / Σ w``. Not negative, and not all 0; by default all 1.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns and errors are those of `squared_error_loss`, and one for a `quantile` out of range. scikit-learn's
    ``mean_pinball_loss``; see `numbanet.reference.quantile_loss` for the formula.
    """
    quantile = number("quantile", quantile, 0, 1, include_low=False, include_high=False)
    return _per_element("quantile_loss", ops, *_each("pred", pred, target), sample_weight, quantile)


def l2_penalty(w: ArrayLike, *, l2: float, ops: Ops = kernels) -> tuple[float, FloatArray]:
    """L2 regularisation, ``l2/2 Σ w²``, and its gradient ``l2 * w``.

    Parameters
    ----------
    w : array_like, any shape, not empty
    l2 : float
        Finite and not negative.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    penalty : float
    dw : ndarray, the shape of `w`
        float32 where `w` is float32 or half, float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        For a `w` that is empty or not of real numbers, and a `l2` out of range.

    See `numbanet.reference.l2_penalty` for the source.
    """
    (w,) = same_shape(w=w)
    dw = np.zeros_like(w)
    penalty = run(ops, "l2_penalty", w.reshape(-1), non_negative("l2", l2), np.empty(0, w.dtype), dw.reshape(-1))
    return penalty, dw


def _scores(scores: ArrayLike) -> FloatArray:
    return array("scores", scores, common_dtype(scores=scores), ndim=2)


def _weights(sample_weight: ArrayLike | None, scores: FloatArray) -> FloatArray:
    """Weights as the operations take them: none, shape (0,), are all 1."""
    if sample_weight is None:
        return np.empty(0, scores.dtype)
    return array(
        "sample_weight", example_weights("sample_weight", sample_weight, len(scores), scores.dtype), scores.dtype
    )


def _classification(
    operation: str, ops: Ops, scores: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, *options: float
) -> tuple[float, FloatArray]:
    scores = _scores(scores)
    y, weights = class_labels("y", y, *scores.shape), _weights(sample_weight, scores)
    dscores = np.empty_like(scores)
    return run(ops, operation, scores, y, weights, *options, dscores), dscores


def _each(name: str, values: ArrayLike, target: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Values and a target for each of them, as they came in shape."""
    values, target = same_shape(**{name: values, "target": target})
    if values.ndim == 0:
        raise ValueError(f"{name}: expected a value for each example, got a single number")
    return values, target


def _per_element(
    operation: str,
    ops: Ops,
    values: FloatArray,
    target: FloatArray,
    sample_weight: ArrayLike | None,
    *options: float,
) -> tuple[float, FloatArray]:
    weights, gradient = _weights(sample_weight, values), np.empty_like(values)
    # One value for each example is (N,) to a user and (N, 1) to the operations.
    return run(ops, operation, rows(values), rows(target), weights, *options, rows(gradient)), gradient
