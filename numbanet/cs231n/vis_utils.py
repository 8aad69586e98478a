"""The course's ``vis_utils.py``: many images in one."""

import math

import numpy as np

from numbanet._checks import float_array, integer
from numbanet.plotting import grid, scaled

__all__ = ["visualize_grid"]


def visualize_grid(Xs, ubound=255.0, padding=1):
    """Put images side by side into a square grid.

    Parameters
    ----------
    Xs : array_like, shape (N, H, W, C)
    ubound : float
        Every image is scaled to go from 0 to `ubound`; one of a single value becomes 0.
    padding : int
        Black pixels between images.

    Returns
    -------
    ndarray of float64, shape (rows * (H + padding) - padding, rows * (W + padding) - padding, C)
        ``rows`` is the root of N, rounded up; places that are left over are 0.

    Raises
    ------
    TypeError, ValueError
        For images that are not of real numbers or have another number of axes, and a negative `padding`.
    """
    Xs = float_array("Xs", Xs, np.float64, ndim=4)
    side = math.ceil(math.sqrt(len(Xs)))
    return grid(ubound * scaled(Xs), side, side, integer("padding", padding, 0))
