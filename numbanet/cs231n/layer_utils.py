"""The course's ``layer_utils.py``: layers that often follow each other, as one."""

from numbanet.cs231n.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_forward,
    relu_backward,
    relu_forward,
)
from numbanet.functional import affine_relu_backward, affine_relu_forward

__all__ = ["affine_bn_relu_backward", "affine_bn_relu_forward", "affine_relu_backward", "affine_relu_forward"]


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
