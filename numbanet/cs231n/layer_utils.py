"""The course's ``layer_utils.py``: layers that often follow each other, as one."""

from numbanet import functional
from numbanet.cs231n._fast import (
    conv_backward_fast,
    conv_forward_fast,
    max_pool_backward_fast,
    max_pool_forward_fast,
)
from numbanet.cs231n._params import convolution
from numbanet.cs231n.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_forward,
    relu_backward,
    relu_forward,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
)
from numbanet.functional import affine_relu_backward, affine_relu_forward, conv_relu_backward

__all__ = [
    "affine_bn_relu_backward",
    "affine_bn_relu_forward",
    "affine_relu_backward",
    "affine_relu_forward",
    "conv_bn_relu_backward",
    "conv_bn_relu_forward",
    "conv_relu_backward",
    "conv_relu_forward",
    "conv_relu_pool_backward",
    "conv_relu_pool_forward",
]


def affine_bn_relu_forward(x, w, b, gamma, beta, bn_param):
    """Affine, batch normalisation, ReLU.

    Parameters
    ----------
    x : array_like, shape (N, d1, ..., dk)
    w : array_like, shape (D, M)
    b, gamma, beta : array_like, shape (M,)
    bn_param : dict
        See `numbanet.cs231n.layers.batchnorm_forward`.

    Returns
    -------
    out : ndarray, shape (N, M)
    cache
        For `affine_bn_relu_backward`.

    Raises
    ------
    TypeError, ValueError
        For what the three layers refuse.
    """
    a, affine_cache = affine_forward(x, w, b)
    normalized, bn_cache = batchnorm_forward(a, gamma, beta, bn_param)
    out, relu_cache = relu_forward(normalized)
    return out, (affine_cache, bn_cache, relu_cache)


def affine_bn_relu_backward(dout, cache):
    """Gradients of `affine_bn_relu_forward` in training: dx, dw, db, dgamma, dbeta."""
    affine_cache, bn_cache, relu_cache = cache
    da, dgamma, dbeta = batchnorm_backward(relu_backward(dout, relu_cache), bn_cache)
    return *affine_backward(da, affine_cache), dgamma, dbeta


def conv_relu_forward(x, w, b, conv_param):
    """Convolution, ReLU.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    w : array_like, shape (F, C, HH, WW)
    b : array_like, shape (F,)
    conv_param : dict
        See `numbanet.cs231n.layers.conv_forward_naive`.

    Returns
    -------
    out : ndarray, shape (N, F, HO, WO)
    cache
        For `conv_relu_backward`.

    Raises
    ------
    TypeError, ValueError
        For what convolution refuses.
    """
    return functional.conv_relu_forward(x, w, b, **convolution(conv_param))


def conv_bn_relu_forward(x, w, b, gamma, beta, conv_param, bn_param):
    """Convolution, spatial batch normalisation, ReLU.

    Parameters
    ----------
    x, w, b, conv_param
        See `conv_relu_forward`.
    gamma, beta : array_like, shape (F,)
    bn_param : dict
        See `numbanet.cs231n.layers.batchnorm_forward`.

    Returns
    -------
    out : ndarray, shape (N, F, HO, WO)
    cache
        For `conv_bn_relu_backward`.

    Raises
    ------
    TypeError, ValueError
        For what the three layers refuse.
    """
    a, conv_cache = conv_forward_fast(x, w, b, conv_param)
    normalized, bn_cache = spatial_batchnorm_forward(a, gamma, beta, bn_param)
    out, relu_cache = relu_forward(normalized)
    return out, (conv_cache, bn_cache, relu_cache)


def conv_bn_relu_backward(dout, cache):
    """Gradients of `conv_bn_relu_forward` in training: dx, dw, db, dgamma, dbeta."""
    conv_cache, bn_cache, relu_cache = cache
    da, dgamma, dbeta = spatial_batchnorm_backward(relu_backward(dout, relu_cache), bn_cache)
    return *conv_backward_fast(da, conv_cache), dgamma, dbeta


def conv_relu_pool_forward(x, w, b, conv_param, pool_param):
    """Convolution, ReLU, max pooling.

    Parameters
    ----------
    x, w, b, conv_param
        See `conv_relu_forward`.
    pool_param : dict
        See `numbanet.cs231n.layers.max_pool_forward_naive`.

    Returns
    -------
    out : ndarray, shape (N, F, HO, WO)
    cache
        For `conv_relu_pool_backward`.

    Raises
    ------
    TypeError, ValueError
        For what the layers refuse.
    """
    a, conv_cache = conv_relu_forward(x, w, b, conv_param)
    out, pool_cache = max_pool_forward_fast(a, pool_param)
    return out, (conv_cache, pool_cache)


def conv_relu_pool_backward(dout, cache):
    """Gradients of `conv_relu_pool_forward`: dx, dw, db."""
    conv_cache, pool_cache = cache
    return conv_relu_backward(max_pool_backward_fast(dout, pool_cache), conv_cache)
