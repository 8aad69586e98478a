"""Batch and layer normalisation of N examples, D features; batch normalisation of images too: C channels, H x W."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import common_dtype
from ._prepare import Cache, array, fraction, images, open_cache, pixels, positive, run, spatial_backward

__all__ = [
    "batchnorm_backward",
    "batchnorm_forward",
    "batchnorm_inference",
    "layernorm_backward",
    "layernorm_forward",
    "spatial_batchnorm_backward",
    "spatial_batchnorm_forward",
    "spatial_batchnorm_inference",
]

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops


@dataclass(frozen=True, eq=False)
class BatchnormCache(Cache):
    """A cache that also carries the new running averages.

    Attributes
    ----------
    running_mean, running_var : ndarray, shape (D,)
        For the next call, and for `batchnorm_inference`.
    """

    running_mean: np.ndarray
    running_var: np.ndarray


def batchnorm_forward(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    *,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    momentum: float = 0.9,
    eps: float = 1e-5,
    ops: Ops = kernels,
) -> tuple[FloatArray, BatchnormCache]:
    """Normalise each feature over the batch, then scale and shift: ``out = gamma (x - mean) / √(var + eps) + beta``.

    Parameters
    ----------
    x : array_like, shape (N, D)
        At least two examples.
    gamma, beta : array_like, shape (D,)
    running_mean, running_var : array_like, shape (D,), optional
        The averages so far; by default 0 and 1. They are left as they are: the new ones are in the cache.
    momentum : float, from 0 to 1
        What the averages keep: ``running = momentum * running + (1 - momentum) * batch``. PyTorch's is one minus this.
    eps : float, above 0
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, D)
        float32 where all arrays are float32 or half, float64 otherwise.
    cache : BatchnormCache
        For `batchnorm_backward`; ``cache.running_mean`` and ``cache.running_var`` are the new averages.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty or do not fit each other, for a batch of one, and for a
        number out of range; the message names the argument.

    Examples
    --------
    ::

        out, cache = batchnorm_forward(x, gamma, beta, running_mean=mean, running_var=var)
        mean, var = cache.running_mean, cache.running_var

    See `numbanet.reference.batchnorm_forward` for the source.
    """
    momentum, eps = fraction("momentum", momentum), positive("eps", eps)
    averages = {"running_mean": running_mean, "running_var": running_var}
    given = {name: value for name, value in averages.items() if value is not None}
    x, features = _prepared(x, {"gamma": gamma, "beta": beta, **given})
    if len(x) == 1:
        raise ValueError("x: batch normalisation in training needs at least two examples, got one")
    gamma, beta = features["gamma"], features["beta"]
    averages = (
        features.get("running_mean", np.zeros_like(gamma)).copy(),
        features.get("running_var", np.ones_like(gamma)).copy(),
    )
    out, mean, inv_std = np.empty_like(x), np.empty_like(gamma), np.empty_like(gamma)
    run(ops, "batchnorm_forward", x, gamma, beta, momentum, eps, *averages, mean, inv_std, out)
    arguments = x, gamma, mean, inv_std
    return out, BatchnormCache("batchnorm_backward", ops, x.shape, x.shape, x.dtype, arguments, *averages)


def batchnorm_inference(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    *,
    eps: float = 1e-5,
    ops: Ops = kernels,
) -> FloatArray:
    """Normalise by the running averages: ``out = gamma (x - running_mean) / √(running_var + eps) + beta``.

    Parameters
    ----------
    x : array_like, shape (N, D)
    gamma, beta, running_mean, running_var : array_like, shape (D,)
    eps : float, above 0
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, D)
        float32 where all arrays are float32 or half, float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty or do not fit each other, and an `eps` out of range.

    See `numbanet.reference.batchnorm_inference`.
    """
    eps = positive("eps", eps)
    features = {"gamma": gamma, "beta": beta, "running_mean": running_mean, "running_var": running_var}
    x, features = _prepared(x, features)
    out = np.empty_like(x)
    run(ops, "batchnorm_inference", x, *features.values(), eps, out)
    return out


def batchnorm_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `batchnorm_forward`.

    Parameters
    ----------
    dout : array_like, shape (N, D)
    cache : BatchnormCache
        What `batchnorm_forward` returned.

    Returns
    -------
    dx : ndarray, shape (N, D)
    dgamma, dbeta : ndarray, shape (D,)
        All of the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.batchnorm_backward` for the formulas.
    """
    return _backward("batchnorm_backward", dout, cache)


def layernorm_forward(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, *, eps: float = 1e-5, ops: Ops = kernels
) -> tuple[FloatArray, Cache]:
    """Normalise each example over its features, then scale and shift: ``out = gamma (x - mean) / √(var + eps) + beta``.

    Parameters
    ----------
    x : array_like, shape (N, D)
    gamma, beta : array_like, shape (D,)
    eps : float, above 0
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, D)
        float32 where all arrays are float32 or half, float64 otherwise.
    cache : Cache
        For `layernorm_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty or do not fit each other, and an `eps` out of range.

    See `numbanet.reference.layernorm_forward` for the source.
    """
    eps = positive("eps", eps)
    x, features = _prepared(x, {"gamma": gamma, "beta": beta})
    gamma, beta = features.values()
    out, mean, inv_std = np.empty_like(x), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    run(ops, "layernorm_forward", x, gamma, beta, eps, mean, inv_std, out)
    return out, Cache("layernorm_backward", ops, x.shape, x.shape, x.dtype, (x, gamma, mean, inv_std))


def layernorm_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `layernorm_forward`: dx, dgamma, dbeta.

    Parameters, returns and errors are those of `batchnorm_backward`. See `numbanet.reference.layernorm_backward` for
    the formulas.
    """
    return _backward("layernorm_backward", dout, cache)


def spatial_batchnorm_forward(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    *,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    momentum: float = 0.9,
    eps: float = 1e-5,
    ops: Ops = kernels,
) -> tuple[FloatArray, BatchnormCache]:
    """Normalise each channel over all images and pixels, then scale and shift.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        At least two pixels to a channel.
    gamma, beta : array_like, shape (C,)
    running_mean, running_var, momentum, eps, ops
        As in `batchnorm_forward`, by channel.

    Returns
    -------
    out : ndarray, shape (N, C, H, W)
        float32 where all arrays are float32 or half, float64 otherwise.
    cache : BatchnormCache
        For `spatial_batchnorm_backward`; ``cache.running_mean`` and ``cache.running_var`` are the new averages.

    Raises
    ------
    TypeError, ValueError
        As `batchnorm_forward`.

    It is `batchnorm_forward` with every pixel as an example; see `numbanet.reference.batchnorm_forward`.
    """
    rows, shape = pixels(x)
    averages = {"running_mean": running_mean, "running_var": running_var}
    out, cache = batchnorm_forward(rows, gamma, beta, **averages, momentum=momentum, eps=eps, ops=ops)
    return images(out, shape), replace(cache, operation="spatial_batchnorm_backward", x_shape=shape, out_shape=shape)


def spatial_batchnorm_inference(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    *,
    eps: float = 1e-5,
    ops: Ops = kernels,
) -> FloatArray:
    """Normalise each channel of images (N, C, H, W) by the running averages.

    Parameters, returns and errors are otherwise those of `batchnorm_inference`; see
    `numbanet.reference.batchnorm_inference`.
    """
    rows, shape = pixels(x)
    return images(batchnorm_inference(rows, gamma, beta, running_mean, running_var, eps=eps, ops=ops), shape)


def spatial_batchnorm_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `spatial_batchnorm_forward`: dx (N, C, H, W), dgamma and dbeta (C,).

    Errors are those of `batchnorm_backward`; see `numbanet.reference.batchnorm_backward` for the formulas.
    """
    return spatial_backward("batchnorm_backward", dout, cache)


def _prepared(x: ArrayLike, features: dict[str, ArrayLike]) -> tuple[FloatArray, dict[str, FloatArray]]:
    """The examples, and a dict of arrays with one value for each feature, as the operations take them."""
    dtype = common_dtype(x=x, **features)
    x = array("x", x, dtype, ndim=2)
    return x, {name: array(name, value, dtype, x.shape[1:]) for name, value in features.items()}


def _backward(operation: str, dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    dout = open_cache(operation, dout, cache)
    gamma = cache.arguments[1]
    dx, dgamma, dbeta = np.empty_like(dout), np.empty_like(gamma), np.empty_like(gamma)
    cache.run(dout, dx, dgamma, dbeta)
    return dx, dgamma, dbeta
