"""Group normalisation of images: the specification.

N images of P pixels, C channels in G groups. Variances are biased (divided by the count), eps is inside the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .normalization import mean_of

if TYPE_CHECKING:
    from .._types import Array


def groupnorm_forward(
    x: Array, gamma: Array, beta: Array, groups: int, eps: float, mean: Array, inv_std: Array, out: Array
) -> None:
    """Normalise each image over its pixels and the channels of a group, then scale and shift by channel:
    ``out = gamma (x - mean) / √(var + eps) + beta``.

    Parameters
    ----------
    x : ndarray, shape (N, P, C)
    gamma, beta : ndarray, shape (C,)
    groups : int
        Divides C. With 1 it is layer normalisation of the image, with C instance normalisation.
    eps : float
    mean, inv_std : ndarray, shape (N, G)
        Written: each group's mean and ``1 / √(var + eps)``, for the backward pass.
    out : ndarray, shape (N, P, C)
        Written.

    Notes
    -----
    Source: Wu and He, arXiv:1803.08494, section 3.
    """
    grouped = x.reshape(*x.shape[:2], groups, -1)
    mean[...] = mean_of(grouped, (1, 3))[:, 0, :, 0]
    centred = grouped - mean[:, None, :, None]
    inv_std[...] = 1 / np.sqrt(np.square(centred).mean(axis=(1, 3)) + np.asarray(eps, x.dtype))
    out[...] = gamma * (centred * inv_std[:, None, :, None]).reshape(x.shape) + beta


def groupnorm_backward(
    dout: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    inv_std: Array,
    groups: int,
    dx: Array,
    dgamma: Array,
    dbeta: Array,
) -> None:
    """Gradients of `groupnorm_forward`: with ``x̂ = (x - mean) inv_std`` and ``g = gamma dout``,

    ``dbeta = Σ dout``, ``dgamma = Σ dout x̂`` over images and pixels, and, with means over an image's group,
    ``dx = inv_std (g - mean(g) - x̂ mean(g x̂))``.

    Parameters
    ----------
    dout, x : ndarray, shape (N, P, C)
    gamma : ndarray, shape (C,)
    mean, inv_std : ndarray, shape (N, G)
    groups : int
    dx : ndarray, shape (N, P, C)
        Written. May be `dout` itself.
    dgamma, dbeta : ndarray, shape (C,)
        Written.
    """
    shape = (*x.shape[:2], groups, -1)
    inv_std = inv_std[:, None, :, None]
    x_hat = (x.reshape(shape) - mean[:, None, :, None]) * inv_std
    dbeta[...] = dout.sum(axis=(0, 1))
    dgamma[...] = (dout * x_hat.reshape(x.shape)).sum(axis=(0, 1))
    g = (gamma * dout).reshape(shape)
    mean_g, mean_g_x_hat = (a.mean(axis=(1, 3), keepdims=True) for a in (g, g * x_hat))
    dx[...] = (inv_std * (g - mean_g - x_hat * mean_g_x_hat)).reshape(x.shape)
