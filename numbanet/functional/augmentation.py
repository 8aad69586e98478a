"""Random shifts and mirror images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import common_dtype, integer, one_of
from ._prepare import array, run

__all__ = [
    "augment",
]

if TYPE_CHECKING:
    from .._types import ArrayLike, FloatArray, Ops


def augment(
    x: ArrayLike, *, padding: int = 4, flip: bool = True, seed: int, step: int = 0, ops: Ops = kernels
) -> FloatArray:
    """Shift every image by up to `padding` pixels either way, at random, and mirror half of them left to right.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W)
        What is shifted in from outside is 0: standardise images first.
    padding : int
        At least 0, and less than H and W.
    flip : bool
        Whether to mirror.
    seed, step : int, from 0 to 2**64 - 1
        The changes depend on them and on the place of an image in `x`. Training takes another step for each batch.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    ndarray, shape (N, C, H, W)
        float32 where `x` is float32 or half, float64 otherwise.

    Raises
    ------
    TypeError, ValueError
        For an `x` that is not of real numbers or has another number of axes, and a number out of range.

    See `numbanet.reference.augment` for the source.
    """
    x = array("x", x, common_dtype(x=x), ndim=4)
    padding = integer("padding", padding, 0, min(x.shape[2:]) - 1)
    one_of("flip", flip, (False, True))
    key = np.array([integer("seed", seed, 0, 2**64 - 1), integer("step", step, 0, 2**64 - 1)], np.uint64)
    out = np.empty_like(x)
    run(ops, "augment", x, np.arange(len(x)), key, padding, bool(flip), out)
    return out
