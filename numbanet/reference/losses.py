"""Losses, each with its gradient in one pass, and the L2 penalty: the specification.

N examples, C classes, M outputs. Every loss is a mean, and its gradient is that of the mean.
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


def softmax_loss(scores: Array, y: Array, dscores: Array) -> Any:
    """Mean cross-entropy of the softmax: ``loss = -1/N Σₙ log p[n, y[n]]``, ``dscores = (p - onehot(y)) / N``.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
    y : ndarray of int64, shape (N,)
        Class labels in [0, C); not checked here.
    dscores : ndarray, shape (N, C)
        Written. May be `scores` itself.

    Returns
    -------
    float

    Notes
    -----
    Stable for any finite scores: the logarithm is taken of the sum, never of a probability. The same as PyTorch's
    ``cross_entropy``. Source: CS231n notes, "Linear Classification", softmax classifier.
    """
    n = np.arange(len(y))
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_p[n, y].mean(dtype=np.float64)
    p = np.exp(log_p)
    p[n, y] -= 1
    dscores[...] = p / len(y)
    return float(loss)


def svm_loss(scores: Array, y: Array, dscores: Array) -> Any:
    """Mean multi-class hinge loss: ``1/N Σₙ Σ_{c≠y[n]} max(0, s[n, c] - s[n, y[n]] + 1)``, with its gradient.

    Parameters
    ----------
    scores : ndarray, shape (N, C)
    y : ndarray of int64, shape (N,)
        Class labels in [0, C); not checked here.
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
    n = np.arange(len(y))
    margins = scores - scores[n, y][:, None] + 1
    margins[n, y] = 0
    violated = ~(margins <= 0)  # NaN counts, so that it reaches the loss
    loss = np.where(violated, margins, 0).sum(axis=1, dtype=np.float64).mean()
    gradient = violated.astype(scores.dtype)
    gradient[n, y] = -violated.sum(axis=1)
    dscores[...] = gradient / len(y)
    return float(loss)


def squared_error_loss(pred: Array, target: Array, dpred: Array) -> Any:
    """Mean squared error over all elements: ``Σ (p - t)² / (N M)``, ``dpred = 2 (p - t) / (N M)``.

    Parameters
    ----------
    pred, target : ndarray, shape (N, M)
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
    loss = np.square(error).mean(dtype=np.float64)
    dpred[...] = error * np.asarray(2 / error.size, error.dtype)
    return float(loss)


def binary_cross_entropy_loss(logits: Array, target: Array, dlogits: Array) -> Any:
    """Mean binary cross-entropy on logits: ``max(z, 0) - z t + log(1 + exp(-|z|))``, averaged over all elements.

    Parameters
    ----------
    logits : ndarray, shape (N, M)
    target : ndarray, shape (N, M)
        Probabilities in [0, 1]; not checked here.
    dlogits : ndarray, shape (N, M)
        Written: ``(sigmoid(z) - t) / (N M)``. May be `logits` itself.

    Returns
    -------
    float

    Notes
    -----
    PyTorch's ``binary_cross_entropy_with_logits``; stable for any finite logit.
    """
    e = np.exp(-np.abs(logits))
    loss = (np.maximum(logits, 0) - logits * target + np.log1p(e)).mean(dtype=np.float64)
    dlogits[...] = (np.where(logits >= 0, 1, e) / (1 + e) - target) / np.asarray(logits.size, logits.dtype)
    return float(loss)


def huber_loss(pred: Array, target: Array, delta: float, dpred: Array) -> Any:
    """Mean Huber loss over all elements: with ``e = p - t``, ``e²/2`` where ``|e| <= delta``, ``delta (|e| - delta/2)``
    elsewhere, and ``dpred = clip(e, -delta, delta) / (N M)``.

    Parameters
    ----------
    pred, target : ndarray, shape (N, M)
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
    loss = (inside * (error - inside / 2)).mean(dtype=np.float64)
    dpred[...] = inside * np.asarray(1 / error.size, error.dtype)
    return float(loss)


def absolute_error_loss(pred: Array, target: Array, dpred: Array) -> Any:
    """Mean absolute error over all elements: ``Σ |p - t| / (N M)``, ``dpred = sign(p - t) / (N M)``, 0 at 0.

    Parameters
    ----------
    pred, target : ndarray, shape (N, M)
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
    loss = np.abs(error).mean(dtype=np.float64)
    dpred[...] = np.sign(error) * np.asarray(1 / error.size, error.dtype)
    return float(loss)


def l2_penalty(w: Array, l2: float, dw: Array) -> Any:
    """L2 regularisation: returns ``l2/2 Σ w²`` and adds ``l2 * w`` to `dw`.

    Parameters
    ----------
    w : ndarray, any shape
    l2 : float
    dw : ndarray, the shape of `w`
        Added to.

    Returns
    -------
    float

    Notes
    -----
    With the factor 1/2, as in CS231n assignment 2, so that the gradient is ``l2 * w``.
    """
    dw += np.asarray(l2, w.dtype) * w
    return 0.5 * l2 * float(np.square(w).sum(dtype=np.float64))
