"""Affine (fully connected) layers: the specification.

N examples, D features, M outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import Array


def affine_forward(x: Array, w: Array, b: Array, out: Array) -> None:
    """Apply a linear map and a bias: ``out = x w + b``.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    w : ndarray, shape (D, M)
    b : ndarray, shape (M,), or (0,)
        The empty one is all zero.
    out : ndarray, shape (N, M)
        Written.

    Notes
    -----
    The course's orientation: weights are stored input-major, (D, M). PyTorch's ``Linear`` stores the transpose.
    Source: CS231n notes, "Linear Classification"; assignment 2, ``affine_forward``.
    """
    out[...] = x @ w
    if len(b):
        out += b


def affine_backward(dout: Array, x: Array, w: Array, dx: Array, dw: Array, db: Array) -> None:
    """Gradients of `affine_forward`: ``dx = dout wᵀ``, ``dw = xᵀ dout``, ``db = Σₙ dout``.

    Parameters
    ----------
    dout : ndarray, shape (N, M)
    x : ndarray, shape (N, D)
    w : ndarray, shape (D, M)
    dx : ndarray, shape (N, D), or (0, D)
        Written; the empty one says that the input gradient is not wanted, as in the first layer of a network.
    dw : ndarray, shape (D, M)
        Written.
    db : ndarray, shape (M,), or (0,)
        Written; the empty one says that there are no biases.

    Notes
    -----
    Source: CS231n notes, "Backpropagation, Intuitions", gradients of matrix products.
    """
    if len(dx):
        dx[...] = dout @ w.T
    dw[...] = x.T @ dout
    if len(db):
        db[...] = dout.sum(axis=0)


def affine_relu_forward(x: Array, w: Array, b: Array, out: Array) -> None:
    """Apply a linear map, a bias and a ReLU: ``out = max(x w + b, 0)``.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    w : ndarray, shape (D, M)
    b : ndarray, shape (M,)
    out : ndarray, shape (N, M)
        Written.

    Notes
    -----
    The convenience layer of CS231n assignment 2 (``affine_relu_forward``). NaN stays NaN, as in PyTorch.
    """
    out[...] = np.maximum(x @ w + b, 0)


def affine_relu_backward(
    dout: Array, x: Array, w: Array, out: Array, dz: Array, dx: Array, dw: Array, db: Array
) -> None:
    """Gradients of `affine_relu_forward`: mask by the ReLU, then `affine_backward`.

    Parameters
    ----------
    dout : ndarray, shape (N, M)
    x : ndarray, shape (N, D)
    w : ndarray, shape (D, M)
    out : ndarray, shape (N, M)
        What the forward pass wrote.
    dz : ndarray, shape (N, M)
        Written: the gradient before the ReLU, 0 where ``out <= 0`` and `dout` elsewhere. May be `dout` itself.
    dx : ndarray, shape (N, D), or (0, D)
        Written; the empty one says that the input gradient is not wanted.
    dw : ndarray, shape (D, M)
        Written.
    db : ndarray, shape (M,)
        Written.
    """
    dz[...] = np.where(out <= 0, 0, dout)
    affine_backward(dz, x, w, dx, dw, db)
