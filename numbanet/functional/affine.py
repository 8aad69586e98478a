"""Affine (fully connected) layers: N examples, D features, M outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import common_dtype
from ._prepare import Cache, array, open_cache, rows, run

__all__ = [
    "affine_backward",
    "affine_forward",
    "affine_relu_backward",
    "affine_relu_forward",
]

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops


def affine_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Apply a linear map and a bias: ``out = x w + b``.

    Parameters
    ----------
    x : array_like, shape (N, d1, ..., dk)
        At least one trailing axis; their product is D.
    w : array_like, shape (D, M)
    b : array_like, shape (M,)
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, M)
        float32 where x, w and b are float32 or half, float64 otherwise.
    cache : Cache
        For `affine_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other; the message names the argument.

    See `numbanet.reference.affine_forward` for the source.
    """
    x, w, b, out = _prepared(x, w, b)
    run(ops, "affine_forward", rows(x), w, b, out)
    return out, Cache("affine_backward", ops, x.shape, out.shape, x.dtype, (rows(x), w))


def affine_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `affine_forward`.

    Parameters
    ----------
    dout : array_like, shape (N, M)
    cache : Cache
        What `affine_forward` returned.

    Returns
    -------
    dx, dw, db : ndarray
        Of the shapes of x, w and b, and the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.affine_backward` for the formulas.
    """
    dout = open_cache("affine_backward", dout, cache)
    return _gradients(dout, cache)


def affine_relu_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Apply a linear map, a bias and a ReLU: ``out = max(x w + b, 0)``.

    Parameters, returns and errors are those of `affine_forward`; the cache is for `affine_relu_backward`. See
    `numbanet.reference.affine_relu_forward` for the source.
    """
    x, w, b, out = _prepared(x, w, b)
    run(ops, "affine_relu_forward", rows(x), w, b, out)
    return out, Cache("affine_relu_backward", ops, x.shape, out.shape, x.dtype, (rows(x), w, out))


def affine_relu_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `affine_relu_forward`: dx, dw, db.

    Parameters, returns and errors are those of `affine_backward`. See `numbanet.reference.affine_relu_backward` for the
    formulas.
    """
    dout = open_cache("affine_relu_backward", dout, cache)
    before_relu = np.empty_like(dout)
    return _gradients(dout, cache, before_relu)


def _prepared(x: ArrayLike, w: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The inputs as the operations take them, and an array for the result."""
    dtype = common_dtype(x=x, w=w, b=b)
    x = array("x", x, dtype)
    if x.ndim < 2:
        raise ValueError(f"x: expected shape (N, d1, ..., dk), got {x.shape}")
    w = array("w", w, dtype, (rows(x).shape[1], None))
    b = array("b", b, dtype, w.shape[1:])
    return x, w, b, np.empty((len(x), len(b)), dtype)


def _gradients(dout: FloatArray, cache: Cache, *scratch: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    x, w = cache.arguments[:2]
    dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty(w.shape[1], w.dtype)
    cache.run(dout, *scratch, dx, dw, db)
    return dx.reshape(cache.x_shape), dw, db
