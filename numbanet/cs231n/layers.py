"""The course's ``layers.py``: layers as pairs of functions, and losses.

Inputs, results and errors are those of `numbanet.functional`; what is defined here takes the course's parameter dicts.
"""

import numpy as np

from numbanet import functional
from numbanet._checks import as_numeric, common_dtype, mapping, number, one_of
from numbanet.functional import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    layernorm_backward,
    relu_backward,
    relu_forward,
)

__all__ = [
    "affine_backward",
    "affine_forward",
    "batchnorm_backward",
    "batchnorm_backward_alt",
    "batchnorm_forward",
    "dropout_backward",
    "dropout_forward",
    "layernorm_backward",
    "layernorm_forward",
    "relu_backward",
    "relu_forward",
    "softmax_loss",
    "svm_loss",
]

# The kernel is the simplified gradient that the course asks for under this name.
batchnorm_backward_alt = batchnorm_backward


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
    mode = _mode("bn_param", bn_param)
    dtype = common_dtype(x=x, gamma=gamma, beta=beta)
    zeros = np.zeros(np.shape(gamma), dtype)
    mean, var = bn_param.get("running_mean", zeros), bn_param.get("running_var", zeros)
    eps = bn_param.get("eps", 1e-5)
    if mode == "test":
        return functional.batchnorm_inference(x, gamma, beta, mean, var, eps=eps), None
    momentum = bn_param.get("momentum", 0.9)
    out, cache = functional.batchnorm_forward(
        x, gamma, beta, running_mean=mean, running_var=var, momentum=momentum, eps=eps
    )
    bn_param["running_mean"], bn_param["running_var"] = cache.running_mean, cache.running_var
    return out, cache


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
    mapping("ln_param", ln_param, "options")
    return functional.layernorm_forward(x, gamma, beta, eps=ln_param.get("eps", 1e-5))


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
    mode = _mode("dropout_param", dropout_param)
    keep_ratio = number("dropout_param['p']", dropout_param.get("p"), 0, 1, include_low=False)
    x = as_numeric("x", x)
    if mode == "test":
        return x.copy(), None
    seed = dropout_param.get("seed")
    if seed is None:
        seed = np.random.randint(2**63 - 1, dtype=np.int64)  # noqa: NPY002, the course's notebooks call np.random.seed
    out, cache = functional.dropout_forward(x, keep_ratio=keep_ratio, seed=seed)
    return out.astype(x.dtype if x.dtype.kind == "f" else out.dtype, copy=False), cache


def dropout_backward(dout, cache):
    """Gradient of `dropout_forward`; in testing, where `cache` is None, a copy of `dout`."""
    return as_numeric("dout", dout).copy() if cache is None else functional.dropout_backward(dout, cache)


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


def _mode(name, param):
    return one_of(f"{name}['mode']", mapping(name, param, "options").get("mode"), ("train", "test"))
