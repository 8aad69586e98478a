"""The course's ``layers.py``: layers as pairs of functions, and losses.

Inputs, results and errors are those of `numbanet.functional`; what is defined here takes the course's parameter dicts.
"""

import numpy as np

from numbanet import functional, reference
from numbanet._checks import as_numeric, common_dtype, number, one_of
from numbanet.cs231n._params import BATCHNORM, convolution, options, pooling
from numbanet.functional import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    conv_backward,
    layernorm_backward,
    max_pool_backward,
    relu_backward,
    relu_forward,
    spatial_batchnorm_backward,
)

__all__ = [
    "affine_backward",
    "affine_forward",
    "batchnorm_backward",
    "batchnorm_backward_alt",
    "batchnorm_forward",
    "conv_backward_naive",
    "conv_forward_naive",
    "dropout_backward",
    "dropout_forward",
    "layernorm_backward",
    "layernorm_forward",
    "max_pool_backward_naive",
    "max_pool_forward_naive",
    "relu_backward",
    "relu_forward",
    "softmax_loss",
    "spatial_batchnorm_backward",
    "spatial_batchnorm_forward",
    "spatial_groupnorm_backward",
    "spatial_groupnorm_forward",
    "svm_loss",
]

# The kernel is the simplified gradient that the course asks for under this name.
batchnorm_backward_alt = batchnorm_backward
_backward_is_ready = set()  # shapes and dtypes
# Backward runs what forward did: a cache knows it.
conv_backward_naive = conv_backward
max_pool_backward_naive = max_pool_backward


def batchnorm_forward(x, gamma, beta, bn_param):
    """Batch normalisation, by the batch's statistics in training and by the running averages in testing.

    Parameters
    ----------
    x : array_like, shape (N, D)
    gamma, beta : array_like, shape (D,)
    bn_param : dict
        ``mode``: "train" or "test"; ``eps``: 1e-5; ``momentum``: 0.9, what the averages keep; ``running_mean`` and
        ``running_var``, shape (D,): zeros, and stored here in training.

    Returns
    -------
    out : ndarray, shape (N, D)
    cache
        For `batchnorm_backward`; None in testing.

    Raises
    ------
    TypeError, ValueError
        For any other mode, a batch of one in training, and what `numbanet.functional.batchnorm_forward` refuses.
    """
    out, cache = _batchnorm(functional.batchnorm_forward, functional.batchnorm_inference, x, gamma, beta, bn_param)
    if cache is not None and (out.shape, out.dtype) not in _backward_is_ready:
        # The notebooks time their first call of it at a new size, which may compile.
        batchnorm_backward(np.zeros_like(out), cache)
        _backward_is_ready.add((out.shape, out.dtype))
    return out, cache


def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    """Batch normalisation of images, each channel by itself over all images and pixels.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    gamma, beta : array_like, shape (C,)
    bn_param : dict
        See `batchnorm_forward`.

    Returns
    -------
    out : ndarray, shape (N, C, H, W)
    cache
        For `spatial_batchnorm_backward`; None in testing.

    Raises
    ------
    TypeError, ValueError
        For what `batchnorm_forward` refuses, and an `x` of another number of axes.
    """
    forward, inference = functional.spatial_batchnorm_forward, functional.spatial_batchnorm_inference
    return _batchnorm(forward, inference, x, gamma, beta, bn_param)


def _batchnorm(forward, inference, x, gamma, beta, bn_param):
    """One of the two kinds of batch normalisation, by its functions for training and for testing."""
    mode = _mode("bn_param", bn_param, BATCHNORM)
    dtype = common_dtype(x=x, gamma=gamma, beta=beta)
    zeros = np.zeros(np.shape(gamma), dtype)
    mean, var = bn_param.get("running_mean", zeros), bn_param.get("running_var", zeros)
    eps = bn_param.get("eps", 1e-5)
    if mode == "test":
        return inference(x, gamma, beta, mean, var, eps=eps), None
    momentum = bn_param.get("momentum", 0.9)
    out, cache = forward(x, gamma, beta, running_mean=mean, running_var=var, momentum=momentum, eps=eps)
    bn_param["running_mean"], bn_param["running_var"] = cache.running_mean, cache.running_var
    return out, cache


def spatial_groupnorm_forward(x, gamma, beta, G, gn_param):
    """Group normalisation of images: each image by itself, its channels in `G` groups.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    gamma, beta : array_like, shape (1, C, 1, 1)
    G : int
        Divides C; 1 is layer normalisation over channels and pixels, C is instance normalisation.
    gn_param : dict
        ``eps``: 1e-5.

    Returns
    -------
    out : ndarray, shape (N, C, H, W)
    cache
        For `spatial_groupnorm_backward`.

    Raises
    ------
    TypeError, ValueError
        For `gamma` and `beta` of another shape, and what `numbanet.functional.spatial_groupnorm_forward` refuses.
    """
    eps = options("gn_param", gn_param, BATCHNORM).get("eps", 1e-5)
    gamma, beta = _flat("gamma", gamma), _flat("beta", beta)
    return functional.spatial_groupnorm_forward(x, gamma, beta, G, eps=eps)


def spatial_groupnorm_backward(dout, cache):
    """Gradients of `spatial_groupnorm_forward`: dx, and dgamma and dbeta of shape (1, C, 1, 1)."""
    dx, dgamma, dbeta = functional.spatial_groupnorm_backward(dout, cache)
    return dx, dgamma.reshape(1, -1, 1, 1), dbeta.reshape(1, -1, 1, 1)


def _flat(name, value):
    """A scale or shift of shape (1, C, 1, 1) as (C,)."""
    array = as_numeric(name, value)
    if array.ndim != 4 or array.shape != (1, array.shape[1], 1, 1):
        raise ValueError(f"{name}: expected shape (1, C, 1, 1), got {array.shape}")
    return array.reshape(-1)


def layernorm_forward(x, gamma, beta, ln_param):
    """Layer normalisation; the same in training and in testing.

    Parameters
    ----------
    x : array_like, shape (N, D)
    gamma, beta : array_like, shape (D,)
    ln_param : dict
        ``eps``: 1e-5.

    Returns
    -------
    out : ndarray, shape (N, D)
    cache
        For `layernorm_backward`.

    Raises
    ------
    TypeError, ValueError
        For what `numbanet.functional.layernorm_forward` refuses.
    """
    eps = options("ln_param", ln_param, BATCHNORM).get("eps", 1e-5)
    return functional.layernorm_forward(x, gamma, beta, eps=eps)


def dropout_forward(x, dropout_param):
    """Inverted dropout.

    Parameters
    ----------
    x : array_like, any shape
    dropout_param : dict
        ``mode``: "train" or "test"; ``p``: the probability to keep an element, above 0, up to 1; ``seed``, optional:
        with it every call draws the same mask, without it from the state of ``np.random``.

    Returns
    -------
    out : ndarray
        Of the shape and floating dtype of `x`; float64 where `x` is of integers. In testing a copy of `x`.
    cache
        For `dropout_backward`; None in testing.

    Raises
    ------
    TypeError, ValueError
        For any other mode, a `p` out of range, and what `numbanet.functional.dropout_forward` refuses.
    """
    mode = _mode("dropout_param", dropout_param, ("mode", "p", "seed"))
    keep_ratio = number("dropout_param['p']", dropout_param.get("p"), 0, 1, include_low=False)
    x = as_numeric("x", x)
    if mode == "test":
        return x.copy(), None
    seed = dropout_param.get("seed")
    if seed is None:
        seed = np.random.randint(2**63 - 1, dtype=np.int64)  # noqa: NPY002, the course's notebooks call np.random.seed
    out, cache = functional.dropout_forward(x, rate=1 - keep_ratio, seed=seed)
    return out.astype(x.dtype if x.dtype.kind == "f" else out.dtype, copy=False), cache


def dropout_backward(dout, cache):
    """Gradient of `dropout_forward`; in testing, where `cache` is None, a copy of `dout`."""
    return as_numeric("dout", dout).copy() if cache is None else functional.dropout_backward(dout, cache)


def conv_forward_naive(x, w, b, conv_param):
    """Convolution, by the NumPy reference; `numbanet.cs231n.fast_layers.conv_forward_fast` runs the kernel.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    w : array_like, shape (F, C, HH, WW)
    b : array_like, shape (F,)
    conv_param : dict
        ``stride``: how far the window moves; ``pad``: how many zeros are on either side.

    Returns
    -------
    out : ndarray, shape (N, F, 1 + (H + 2 pad - HH) // stride, 1 + (W + 2 pad - WW) // stride)
    cache
        For `conv_backward_naive`.

    Raises
    ------
    TypeError, ValueError
        For parameters that are missing or out of range, and what `numbanet.functional.conv_forward` refuses.
    """
    return functional.conv_forward(x, w, b, **convolution(conv_param), ops=reference)


def max_pool_forward_naive(x, pool_param):
    """Max pooling, by the NumPy reference; `numbanet.cs231n.fast_layers.max_pool_forward_fast` runs the kernel.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    pool_param : dict
        ``pool_height``, ``pool_width``: size of the window; ``stride``: how far it moves.

    Returns
    -------
    out : ndarray, shape (N, C, 1 + (H - pool_height) // stride, 1 + (W - pool_width) // stride)
    cache
        For `max_pool_backward_naive`.

    Raises
    ------
    TypeError, ValueError
        For parameters that are missing or out of range, and what `numbanet.functional.max_pool_forward` refuses.
    """
    return functional.max_pool_forward(x, **pooling(pool_param), ops=reference)


def softmax_loss(x, y):
    """Mean cross-entropy of the softmax of the scores `x`, shape (N, C), and its gradient: loss, dx.

    `y` holds the labels, shape (N,). Results and errors are those of `numbanet.functional.softmax_loss`.
    """
    return functional.softmax_loss(x, y)


def svm_loss(x, y):
    """Mean multi-class hinge loss of the scores `x`, shape (N, C), and its gradient: loss, dx.

    `y` holds the labels, shape (N,). Results and errors are those of `numbanet.functional.svm_loss`.
    """
    return functional.svm_loss(x, y)


def _mode(name, param, known):
    return one_of(f"{name}['mode']", options(name, param, known).get("mode"), ("train", "test"))
