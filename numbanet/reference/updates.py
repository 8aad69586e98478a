"""Update rules, each one step on flat arrays: the specification.

P parameters: `w`, `dw` and every piece of state have shape (P,) and one dtype. `w` and the state are updated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array


def sgd_update(w: Array, dw: Array, learning_rate: float) -> None:
    """Gradient descent: ``w -= learning_rate * dw``."""
    w -= np.asarray(learning_rate, w.dtype) * dw


def momentum_update(w: Array, dw: Array, velocity: Array, learning_rate: float, momentum: float) -> None:
    """Momentum: ``v = momentum * v - learning_rate * dw; w += v``.

    Source: CS231n notes, "Neural Networks Part 3". PyTorch's ``SGD`` keeps ``v = momentum * v + dw`` and multiplies by
    the learning rate when it applies it: the same steps while the learning rate is constant.
    """
    velocity *= np.asarray(momentum, w.dtype)
    velocity -= np.asarray(learning_rate, w.dtype) * dw
    w += velocity


def nesterov_update(w: Array, dw: Array, velocity: Array, learning_rate: float, momentum: float) -> None:
    """Nesterov momentum: ``v' = momentum * v - learning_rate * dw; w += momentum * v' - learning_rate * dw``.

    Source: Bengio, Boulanger-Lewandowski and Pascanu, arXiv:1212.0901, section 3.5, eq. 7: the form in which `dw` is
    taken at the parameters that are kept. CS231n's ``w += -momentum * v + (1 + momentum) * v'`` is the same.
    """
    mu, step = np.asarray(momentum, w.dtype), np.asarray(learning_rate, w.dtype) * dw
    velocity *= mu
    velocity -= step
    w += mu * velocity - step


def rmsprop_update(
    w: Array, dw: Array, s: Array, learning_rate: float, decay_rate: float, eps: float, eps_inside_root: bool
) -> None:
    """RMSProp: ``s = decay_rate * s + (1 - decay_rate) * dw²``, then one of the two published steps.

    Parameters
    ----------
    w, dw, s : ndarray, shape (P,)
    learning_rate, decay_rate, eps : float
    eps_inside_root : bool
        False: ``w -= learning_rate * dw / (√s + eps)``, as in CS231n ("Neural Networks Part 3") and PyTorch.
        True: ``w -= learning_rate * dw / √(s + eps)``, as in TensorFlow's first RMSProp and in Graves,
        arXiv:1308.0850, eq. 40 (there with the mean subtracted).
    """
    eps = np.asarray(eps, w.dtype)
    s *= np.asarray(decay_rate, w.dtype)
    s += np.asarray(1 - decay_rate, w.dtype) * dw * dw
    root = np.sqrt(s + eps) if eps_inside_root else np.sqrt(s) + eps
    w -= np.asarray(learning_rate, w.dtype) * dw / root


def adam_update(
    w: Array,
    dw: Array,
    m: Array,
    v: Array,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
    eps_inside_root: bool,
) -> None:
    """Adam: ``m = beta1 m + (1 - beta1) dw``, ``v = beta2 v + (1 - beta2) dw²``, then one of the two published steps.

    Parameters
    ----------
    w, dw, m, v : ndarray, shape (P,)
    learning_rate, beta1, beta2, eps : float
    weight_decay : float
        AdamW's decoupled decay, ``w -= learning_rate * weight_decay * w`` before the step; 0 is Adam.
    step : int
        Number of this step, from 1.
    eps_inside_root : bool
        False: with bias correction, eps outside the root, ``m̂ = m / (1 - beta1ᵗ)``, ``v̂ = v / (1 - beta2ᵗ)``,
        ``w -= learning_rate * m̂ / (√v̂ + eps)``: algorithm 1 of the paper, CS231n and PyTorch.
        True: without bias correction, eps inside the root, ``w -= learning_rate * m / √(v + eps)``.

    Notes
    -----
    Source: Kingma and Ba, arXiv:1412.6980, algorithm 1; Loshchilov and Hutter, arXiv:1711.05101, algorithm 2, with
    the learning rate multiplying the decay as in PyTorch's ``AdamW``.
    """
    lr, eps = np.asarray(learning_rate, w.dtype), np.asarray(eps, w.dtype)
    m *= np.asarray(beta1, w.dtype)
    m += np.asarray(1 - beta1, w.dtype) * dw
    v *= np.asarray(beta2, w.dtype)
    v += np.asarray(1 - beta2, w.dtype) * dw * dw
    w -= np.asarray(learning_rate * weight_decay, w.dtype) * w
    if eps_inside_root:
        w -= lr * m / np.sqrt(v + eps)
    else:
        m_hat = m * np.asarray(1 / (1 - beta1**step), w.dtype)
        v_hat = v * np.asarray(1 / (1 - beta2**step), w.dtype)
        w -= lr * m_hat / (np.sqrt(v_hat) + eps)


def clip_by_value(dw: Array, limit: float) -> None:
    """Bring each element of a gradient into [-limit, limit]. PyTorch's ``clip_grad_value_``.

    Parameters
    ----------
    dw : ndarray, shape (P,)
        Changed in place; NaN stays.
    limit : float
        Above 0.
    """
    limit = np.asarray(limit, dw.dtype)
    np.clip(dw, -limit, limit, out=dw)


def clip_by_norm(dw: Array, limit: float) -> Any:
    """Shorten a gradient that is longer than `limit`: ``dw *= min(1, limit / (‖dw‖ + 1e-6))``.

    Parameters
    ----------
    dw : ndarray, shape (P,)
        Changed in place.
    limit : float
        Above 0.

    Returns
    -------
    float
        The Euclidean norm as it was.

    Notes
    -----
    With the 1e-6 of PyTorch's ``clip_grad_norm_``. Source: Pascanu, Mikolov and Bengio, arXiv:1211.5063, algorithm 1.
    """
    norm = float(np.sqrt(np.square(dw, dtype=np.float64).sum()))
    if norm + 1e-6 > limit:
        dw *= np.asarray(limit / (norm + 1e-6), dw.dtype)
    return norm


def ema_update(w: Array, average: Array, decay: float, step: int) -> None:
    """Exponential moving average of parameters: ``average = d average + (1 - d) w``, d at most `decay`.

    Parameters
    ----------
    w, average : ndarray, shape (P,)
        `average` is updated.
    decay : float
        In [0, 1).
    step : int
        Number of this step, from 1.

    Notes
    -----
    ``d = min(decay, (step - 1) / (step + 8))``, so that the average is `w` itself at first and forgets where training
    began. Source: TensorFlow's ``ExponentialMovingAverage``, whose ``num_updates`` is ``step - 2``.
    """
    kept = min(decay, (step - 1) / (step + 8))
    average *= np.asarray(kept, w.dtype)
    average += np.asarray(1 - kept, w.dtype) * w
