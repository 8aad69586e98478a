"""Batch and layer normalisation: the specification.

N examples, D features. Variances are biased (divided by the count), eps is inside the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import Array


def mean_of(x: Array, axis: int | tuple[int, ...]) -> Array:
    """The mean along an axis or several, which are kept; of equal numbers it is that number, and no rounding."""
    mean = x.mean(axis=axis, keepdims=True)
    return mean + np.where(np.isfinite(mean), (x - mean).mean(axis=axis, keepdims=True), 0)


def batchnorm_forward(
    x: Array,
    gamma: Array,
    beta: Array,
    momentum: float,
    eps: float,
    running_mean: Array,
    running_var: Array,
    mean: Array,
    inv_std: Array,
    out: Array,
) -> None:
    """Normalise each feature over the batch, then scale and shift: ``out = gamma (x - mean) / √(var + eps) + beta``.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    gamma, beta : ndarray, shape (D,)
    momentum : float
        What the running averages keep: ``running = momentum * running + (1 - momentum) * batch``.
    eps : float
    running_mean, running_var : ndarray, shape (D,)
        Updated. A mean that rounding keeps from coming nearer to the batch's takes that.
    mean, inv_std : ndarray, shape (D,)
        Written: the batch's mean and ``1 / √(var + eps)``, for the backward pass.
    out : ndarray, shape (N, D)
        Written.

    Notes
    -----
    Source: Ioffe and Szegedy, arXiv:1502.03167, algorithm 1; running averages as in CS231n assignment 2. PyTorch's
    ``momentum`` is ``1 - momentum``, and its running variance is the unbiased one.
    """
    mean[...] = mean_of(x, 0)[0]
    centred = x - mean
    var = np.square(centred).mean(axis=0)
    inv_std[...] = 1 / np.sqrt(var + np.asarray(eps, x.dtype))
    out[...] = gamma * (centred * inv_std) + beta
    average = momentum * running_mean + (1 - momentum) * mean
    nearer = np.abs(average - mean) < np.abs(running_mean - mean)
    held = ~nearer & (momentum < 1) & np.isfinite(running_mean)
    running_mean[...] = np.where(held, mean, average)
    running_var[...] = momentum * running_var + (1 - momentum) * var


def batchnorm_inference(
    x: Array, gamma: Array, beta: Array, running_mean: Array, running_var: Array, eps: float, out: Array
) -> None:
    """Normalise by the running averages: ``out = gamma (x - running_mean) / √(running_var + eps) + beta``.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    gamma, beta, running_mean, running_var : ndarray, shape (D,)
    eps : float
    out : ndarray, shape (N, D)
        Written. May be `x` itself.
    """
    out[...] = gamma * ((x - running_mean) * (1 / np.sqrt(running_var + np.asarray(eps, x.dtype)))) + beta


def batchnorm_backward(
    dout: Array, x: Array, gamma: Array, mean: Array, inv_std: Array, dx: Array, dgamma: Array, dbeta: Array
) -> None:
    """Gradients of `batchnorm_forward`, in its simplified form: with ``x̂ = (x - mean) inv_std``,

    ``dbeta = Σ dout``, ``dgamma = Σ dout x̂``, ``dx = gamma inv_std (dout - dbeta/N - x̂ dgamma/N)``.

    Parameters
    ----------
    dout, x : ndarray, shape (N, D)
    gamma, mean, inv_std : ndarray, shape (D,)
    dx : ndarray, shape (N, D)
        Written. May be `dout` itself.
    dgamma, dbeta : ndarray, shape (D,)
        Written.

    Notes
    -----
    Source: the equations of Ioffe and Szegedy, section 3, with the sums over the batch collected once (the
    ``batchnorm_backward_alt`` of CS231n assignment 2).
    """
    x_hat = (x - mean) * inv_std
    dbeta[...] = dout.sum(axis=0)
    dgamma[...] = (dout * x_hat).sum(axis=0)
    n = len(x)
    dx[...] = gamma * inv_std * (dout - dbeta / n - x_hat * (dgamma / n))


def layernorm_forward(x: Array, gamma: Array, beta: Array, eps: float, mean: Array, inv_std: Array, out: Array) -> None:
    """Normalise each example over its features, then scale and shift: ``out = gamma (x - mean) / √(var + eps) + beta``.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    gamma, beta : ndarray, shape (D,)
    eps : float
    mean, inv_std : ndarray, shape (N,)
        Written: each example's mean and ``1 / √(var + eps)``, for the backward pass.
    out : ndarray, shape (N, D)
        Written.

    Notes
    -----
    Source: Ba, Kiros and Hinton, arXiv:1607.06450, eq. 3 and 4.
    """
    mean[...] = mean_of(x, 1)[:, 0]
    centred = x - mean[:, None]
    inv_std[...] = 1 / np.sqrt(np.square(centred).mean(axis=1) + np.asarray(eps, x.dtype))
    out[...] = gamma * (centred * inv_std[:, None]) + beta


def layernorm_backward(
    dout: Array, x: Array, gamma: Array, mean: Array, inv_std: Array, dx: Array, dgamma: Array, dbeta: Array
) -> None:
    """Gradients of `layernorm_forward`: with ``x̂ = (x - mean) inv_std`` and ``g = gamma dout``,

    ``dbeta = Σₙ dout``, ``dgamma = Σₙ dout x̂``, ``dx = inv_std (g - mean_D(g) - x̂ mean_D(g x̂))``.

    Parameters
    ----------
    dout, x : ndarray, shape (N, D)
    gamma : ndarray, shape (D,)
    mean, inv_std : ndarray, shape (N,)
    dx : ndarray, shape (N, D)
        Written. May be `dout` itself.
    dgamma, dbeta : ndarray, shape (D,)
        Written.
    """
    x_hat = (x - mean[:, None]) * inv_std[:, None]
    dbeta[...] = dout.sum(axis=0)
    dgamma[...] = (dout * x_hat).sum(axis=0)
    g = gamma * dout
    dx[...] = inv_std[:, None] * (g - g.mean(axis=1)[:, None] - x_hat * (g * x_hat).mean(axis=1)[:, None])
