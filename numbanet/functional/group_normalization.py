"""Group normalisation of images: C channels, H x W pixels, groups of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import common_dtype, integer
from ._prepare import Cache, array, images, pixels, positive, run, spatial_backward

__all__ = [
    "spatial_groupnorm_backward",
    "spatial_groupnorm_forward",
]

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops


def spatial_groupnorm_forward(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, groups: int, *, eps: float = 1e-5, ops: Ops = kernels
) -> tuple[FloatArray, Cache]:
    """Normalise each image over its pixels and the channels of a group, then scale and shift by channel.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
    gamma, beta : array_like, shape (C,)
    groups : int
        Divides C. 1 is layer normalisation over channels and pixels, C is instance normalisation.
    eps : float, above 0
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, C, H, W)
        float32 where all arrays are float32 or half, float64 otherwise.
    cache : Cache
        For `spatial_groupnorm_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty or do not fit each other, for groups that do not divide the
        channels, and an `eps` out of range.

    See `numbanet.reference.groupnorm_forward` for the source.
    """
    eps, groups = positive("eps", eps), integer("groups", groups, 1)
    dtype = common_dtype(x=x, gamma=gamma, beta=beta)
    rows, shape = pixels(array("x", x, dtype))
    if shape[1] % groups:
        raise ValueError(f"groups: expected a divisor of the {shape[1]} channels of x, got {groups}")
    gamma, beta = (array(name, value, dtype, shape[1:2]) for name, value in (("gamma", gamma), ("beta", beta)))
    inside = rows.reshape(shape[0], -1, shape[1])
    out, mean, inv_std = np.empty_like(inside), *np.empty((2, shape[0], groups), dtype)
    run(ops, "groupnorm_forward", inside, gamma, beta, groups, eps, mean, inv_std, out)
    return images(out, shape), Cache(
        "spatial_groupnorm_backward", ops, shape, shape, dtype, (inside, gamma, mean, inv_std, groups)
    )


def spatial_groupnorm_backward(dout: ArrayLike, cache: Cache) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `spatial_groupnorm_forward`: dx (N, C, H, W), dgamma and dbeta (C,).

    Errors are those of `batchnorm_backward`; see `numbanet.reference.groupnorm_backward` for the formulas.
    """
    return spatial_backward("groupnorm_backward", dout, cache)
