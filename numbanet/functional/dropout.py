"""Inverted dropout, on arrays of any shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import integer, number
from ._prepare import Cache, element_wise, element_wise_backward

__all__ = [
    "dropout_backward",
    "dropout_forward",
]

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops


def dropout_forward(
    x: ArrayLike, *, rate: float, seed: int, step: int = 0, ops: Ops = kernels
) -> tuple[FloatArray, Cache]:
    """Set each element to 0 with probability `rate`, and divide the others by ``1 - rate``.

    Parameters
    ----------
    x : array_like, any shape, not empty
    rate : float, from 0, below 1
        Probability to drop an element: Keras' ``rate``, PyTorch's ``p``.
    seed, step : int, from 0 to 2**64 - 1
        The mask depends on them and on the size of `x` alone: equal ones give equal masks. A network takes another
        seed for each layer and another step for each batch.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, the shape of `x`
        float32 where `x` is float32 or half, float64 otherwise.
    cache : Cache
        For `dropout_backward`.

    Raises
    ------
    TypeError, ValueError
        For an `x` that is empty or not of real numbers, and a number out of range.

    See `numbanet.reference.dropout_forward` for the source.
    """
    rate = number("rate", rate, 0, 1, include_high=False)
    key = np.array([integer("seed", seed, 0, 2**64 - 1), integer("step", step, 0, 2**64 - 1)], np.uint64)
    x, out = element_wise(ops, "dropout_forward", x, key, rate)
    return out, Cache("dropout_backward", ops, x.shape, x.shape, x.dtype, (key, rate))


def dropout_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `dropout_forward`, through the same mask.

    Parameters
    ----------
    dout : array_like, the shape of the forward pass's `x`
    cache : Cache
        What `dropout_forward` returned.

    Returns
    -------
    dx : ndarray
        Of the shape of `x` and the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.dropout_backward`.
    """
    return element_wise_backward("dropout_backward", dout, cache)
