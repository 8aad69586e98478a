"""Losses, each with its gradient in one pass, and the L2 penalty: the specification.

N examples, C classes, M outputs. Every loss is the mean of the examples' losses l, which are means over their outputs:
``Σ w l / Σ w`` by their weights w, of the scores' dtype and shape (N,), or (0,) where all are 1. Weights are not
checked here; where they add up to 0, the loss is 0, and so is its gradient, which is that of the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array


def softmax_forward(scores: Array, out: Array) -> None:
    """Class probabilities: ``out[n, c] = exp(s[n, c]) / Σⱼ exp(s[n, j])``, shifted by the row's maximum.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
    out : ndarray, shape (N, C)
        Written. May be `scores` itself.

    Notes
    -----
    Source: CS231n notes, "Linear Classification", practical issues: numeric stability.
    """
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    out[...] = e / e.sum(axis=1, keepdims=True)


def _shares(weights: Array, count: int) -> Any:
    """The part that each of `count` examples has in the mean."""
    w = weights.astype(np.float64) if weights.size else np.ones(count)
    total = w.sum()
    return w / (1 if total == 0 else total)  # NaN passes


def softmax_loss(scores: Array, y: Array, weights: Array, label_smoothing: float, dscores: Array) -> Any:
    """Mean cross-entropy of the softmax: ``l[n] = -Σ_c q[n, c] log p[n, c]``, ``dl[n] = p - q``.

    The target ``q = (1 - label_smoothing) onehot(y) + label_smoothing / C``.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
    y : ndarray of int64, shape (N,)
        Class labels in [0, C); not checked here.
    weights : ndarray, shape (N,) or (0,)
    label_smoothing : float
        From 0 to 1.
    dscores : ndarray, shape (N, C)
        Written. May be `scores` itself.

    Returns
    -------
    float

    Notes
    -----
    Stable for any finite scores: the logarithm is taken of the sum, never of a probability. The same as PyTorch's
    ``cross_entropy``. Source: CS231n notes, "Linear Classification", softmax classifier; label smoothing: Szegedy et
    al., "Rethinking the Inception Architecture for Computer Vision", 2016, section 7.
    """
    n, share = np.arange(len(y)), _shares(weights, len(y))
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    losses, p = -log_p[n, y], np.exp(log_p)
    if label_smoothing > 0:  # else 0 times an infinity would be NaN
        losses = (1 - label_smoothing) * losses - label_smoothing * log_p.mean(axis=1)
        p -= label_smoothing / scores.shape[1]
    p[n, y] -= 1 - label_smoothing
    dscores[...] = p * share[:, None]
    return float((losses * share).sum())


def soft_softmax_loss(scores: Array, target: Array, weights: Array, label_smoothing: float, dscores: Array) -> Any:
    """Mean cross-entropy of the softmax with probabilities t as targets: ``l[n] = -Σ_c q[n, c] log p[n, c]``.

    ``q = (1 - label_smoothing) t + label_smoothing / C``, and ``dl = p Σ_c q - q``, which is ``p - q`` where they add
    up to 1.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
    target : ndarray, shape (N, C)
        Not negative, and 1 in the sum of a row; not checked here.
    weights : ndarray, shape (N,) or (0,)
    label_smoothing : float
        From 0 to 1.
    dscores : ndarray, shape (N, C)
        Written. May be `scores` itself.

    Returns
    -------
    float

    Notes
    -----
    PyTorch's ``cross_entropy`` with class probabilities.
    """
    share = _shares(weights, len(target))
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    q = (1 - label_smoothing) * target + label_smoothing / scores.shape[1]
    losses = -(q * log_p).sum(axis=1)
    dscores[...] = (np.exp(log_p) * q.sum(axis=1, keepdims=True) - q) * share[:, None]
    return float((losses * share).sum())


def svm_loss(scores: Array, y: Array, weights: Array, dscores: Array) -> Any:
    """Mean multi-class hinge loss: ``l[n] = Σ_{c≠y[n]} max(0, s[n, c] - s[n, y[n]] + 1)``, with its gradient.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
    y : ndarray of int64, shape (N,)
        Class labels in [0, C); not checked here.
    weights : ndarray, shape (N,) or (0,)
    dscores : ndarray, shape (N, C)
        Written. May be `scores` itself.

    Returns
    -------
    float

    Notes
    -----
    Weston and Watkins' form with margin 1, summed over classes as in CS231n ("Linear Classification", multiclass
    SVM). PyTorch's ``multi_margin_loss`` divides by C as well.
    """
    n, share = np.arange(len(y)), _shares(weights, len(y))
    margins = scores - scores[n, y][:, None] + 1
    margins[n, y] = 0
    violated = ~(margins <= 0)  # NaN counts, so that it reaches the loss
    losses = np.where(violated, margins, 0).sum(axis=1, dtype=np.float64)
    dscores[...] = np.where(violated, share[:, None], 0)
    dscores[n, y] = -violated.sum(axis=1) * share
    return float((losses * share).sum())


def _weighted(losses: Array, slopes: Array, weights: Array, gradient: Array) -> float:
    """The mean of losses (N, M) of elements; writes its gradient, from their slopes."""
    share = _shares(weights, len(losses))[:, None] / losses.shape[1]
    gradient[...] = slopes * share
    return float((losses * share).sum())


def squared_error_loss(pred: Array, target: Array, weights: Array, dpred: Array) -> Any:
    """Mean squared error: ``l = (p - t)²`` and ``dl = 2 (p - t)`` of each element.

    Parameters
    ----------
    pred, target : ndarray, shape (N, M)
    weights : ndarray, shape (N,) or (0,)
    dpred : ndarray, shape (N, M)
        Written. May be `pred` itself.

    Returns
    -------
    float

    Notes
    -----
    PyTorch's ``mse_loss``. scikit-learn's ``MLPRegressor`` reports half of it.
    """
    error = pred - target
    return _weighted(np.square(error), 2 * error, weights, dpred)


def binary_cross_entropy_loss(logits: Array, target: Array, weights: Array, dlogits: Array) -> Any:
    """Mean binary cross-entropy on logits: ``l = max(z, 0) - z t + log(1 + exp(-|z|))`` of each element.

    Parameters
    ----------
    logits : ndarray, shape (N, M)
    target : ndarray, shape (N, M)
        Probabilities in [0, 1]; not checked here.
    weights : ndarray, shape (N,) or (0,)
    dlogits : ndarray, shape (N, M)
        Written: ``dl = sigmoid(z) - t``. May be `logits` itself.

    Returns
    -------
    float

    Notes
    -----
    PyTorch's ``binary_cross_entropy_with_logits``; stable for any finite logit.
    """
    e = np.exp(-np.abs(logits))
    losses = np.maximum(logits, 0) - logits * target + np.log1p(e)
    return _weighted(losses, np.where(logits >= 0, 1, e) / (1 + e) - target, weights, dlogits)


def huber_loss(pred: Array, target: Array, weights: Array, delta: float, dpred: Array) -> Any:
    """Mean Huber loss: with ``e = p - t`` of each element, ``e²/2`` where ``|e| <= delta``, ``delta (|e| - delta/2)``
    elsewhere, and ``dl = clip(e, -delta, delta)``.

    Parameters
    ----------
    pred, target : ndarray, shape (N, M)
    weights : ndarray, shape (N,) or (0,)
    delta : float
        Above 0.
    dpred : ndarray, shape (N, M)
        Written. May be `pred` itself.

    Returns
    -------
    float

    Notes
    -----
    PyTorch's ``huber_loss``. Source: Huber, "Robust Estimation of a Location Parameter", 1964, section 4.
    """
    error = pred - target
    inside = np.clip(error, np.asarray(-delta, error.dtype), np.asarray(delta, error.dtype))
    return _weighted(inside * (error - inside / 2), inside, weights, dpred)


def absolute_error_loss(pred: Array, target: Array, weights: Array, dpred: Array) -> Any:
    """Mean absolute error: ``l = |p - t|`` of each element, ``dl = sign(p - t)``, 0 at 0.

    Parameters
    ----------
    pred, target : ndarray, shape (N, M)
    weights : ndarray, shape (N,) or (0,)
    dpred : ndarray, shape (N, M)
        Written. May be `pred` itself.

    Returns
    -------
    float

    Notes
    -----
    PyTorch's ``l1_loss``.
    """
    error = pred - target
    return _weighted(np.abs(error), np.sign(error), weights, dpred)


def poisson_loss(scores: Array, target: Array, weights: Array, dscores: Array) -> Any:
    """Mean negative log-likelihood of counts t, up to what does not depend on the scores z, the logarithms of their
    expectations: ``l = exp(z) - t z`` and ``dl = exp(z) - t`` of each element.

    Parameters
    ----------
    scores : ndarray, shape (N, M)
    target : ndarray, shape (N, M)
        Not negative; not checked here.
    weights : ndarray, shape (N,) or (0,)
    dscores : ndarray, shape (N, M)
        Written. May be `scores` itself.

    Returns
    -------
    float

    Notes
    -----
    PyTorch's ``poisson_nll_loss`` as it is by default. Half the Poisson deviance of scikit-learn adds ``t log t - t``.
    """
    rate = np.exp(scores)
    return _weighted(rate - target * scores, rate - target, weights, dscores)


def quantile_loss(pred: Array, target: Array, weights: Array, quantile: float, dpred: Array) -> Any:
    """Mean pinball loss: with ``e = p - t`` of each element, ``(1 - quantile) e`` above 0 and ``-quantile e`` below,
    with these slopes, 0 at 0.

    Parameters
    ----------
    pred, target : ndarray, shape (N, M)
    weights : ndarray, shape (N,) or (0,)
    quantile : float
        Between 0 and 1.
    dpred : ndarray, shape (N, M)
        Written. May be `pred` itself.

    Returns
    -------
    float

    Notes
    -----
    scikit-learn's ``mean_pinball_loss``. Source: Koenker and Bassett, "Regression Quantiles", 1978.
    """
    error = pred - target
    slope = np.where(error > 0, np.asarray(1 - quantile, error.dtype), np.asarray(-quantile, error.dtype))
    return _weighted(error * slope, np.where(np.abs(error) > 0, slope, error), weights, dpred)


def l2_penalty(w: Array, l2: float, weights: Array, dw: Array) -> Any:
    """L2 regularisation: returns ``l2/2 Σ w²`` and adds ``l2 * w`` to `dw`, both divided by the sum of `weights`.

    Parameters
    ----------
    w : ndarray, any shape
    l2 : float
    weights : ndarray, shape (N,) or (0,)
        Of the examples of the batch. Nothing is divided where there are none, or where they add up to 0.
    dw : ndarray, the shape of `w`
        Added to.

    Returns
    -------
    float

    Notes
    -----
    With the factor 1/2, as in CS231n assignment 2, so that the gradient is ``l2 * w``. Divided by the examples' weights
    it is the penalty of scikit-learn's ``MLPClassifier``, whose strength is `alpha`.
    """
    strength = l2 / (weights.sum(dtype=np.float64) or 1.0)
    dw += np.asarray(strength, w.dtype) * w
    return 0.5 * strength * float(np.square(w).sum(dtype=np.float64))
