"""Members of an ensemble, trained as one network: N examples of K members with D features each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import common_dtype
from ._prepare import Cache, array, open_cache, run

__all__ = ["member_affine_backward", "member_affine_forward", "members_backward", "members_forward"]

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops


def members_forward(x: ArrayLike, r: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Copies of each example for all members, side by side, which each scale it: ``out[n, k] = x[n] * r[k]``.

    Parameters
    ----------
    x : array_like, shape (N, D)
    r : array_like, shape (K, D)
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, K D)
        float32 where x and r are float32 or half, float64 otherwise.
    cache : Cache
        For `members_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other; the message names the argument.

    See `numbanet.reference.members_forward` for the source.
    """
    dtype = common_dtype(x=x, r=r)
    x = array("x", x, dtype, (None, None))
    r = array("r", r, dtype, (None, x.shape[1]))
    out = np.empty((len(x), r.size), dtype)
    run(ops, "members_forward", x, r, out)
    return out, Cache("members_backward", ops, x.shape, out.shape, dtype, (x, r))


def members_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray]:
    """Gradients of `members_forward`: dx, dr.

    Parameters
    ----------
    dout : array_like, shape (N, K D)
    cache : Cache
        What `members_forward` returned.

    Returns
    -------
    dx, dr : ndarray
        Of the shapes of x and r, and the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.members_backward` for the formulas.
    """
    dout = open_cache("members_backward", dout, cache)
    dx, dr = map(np.empty_like, cache.arguments)
    cache.run(dout, dx, dr)
    return dx, dr


def member_affine_forward(x: ArrayLike, w: ArrayLike, b: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """A linear map and biases for each member: ``out[n, k] = x[n, k] w[k] + b[k]``.

    Parameters
    ----------
    x : array_like, shape (N, K D)
    w : array_like, shape (K, D, M)
    b : array_like, shape (K, M)
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, K M)
        float32 where x, w and b are float32 or half, float64 otherwise.
    cache : Cache
        For `member_affine_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other; the message names the argument.

    See `numbanet.reference.member_affine_forward` for the formula.
    """
    dtype = common_dtype(x=x, w=w, b=b)
    w = array("w", w, dtype, (None, None, None))
    members, features, units = w.shape
    x = array("x", x, dtype, (None, members * features))
    b = array("b", b, dtype, (members, units))
    out = np.empty((len(x), members * units), dtype)
    run(ops, "member_affine_forward", x, w, b, out)
    return out, Cache("member_affine_backward", ops, x.shape, out.shape, dtype, (x, w))


def member_affine_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `member_affine_forward`: dx, dw, db.

    Parameters
    ----------
    dout : array_like, shape (N, K M)
    cache : Cache
        What `member_affine_forward` returned.

    Returns
    -------
    dx, dw, db : ndarray
        Of the shapes of x, w and b, and the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.member_affine_backward` for the formulas.
    """
    dout = open_cache("member_affine_backward", dout, cache)
    dx, dw = map(np.empty_like, cache.arguments)
    db = np.empty((dw.shape[0], dw.shape[2]), dw.dtype)
    cache.run(dout, dx, dw, db)
    return dx, dw, db
