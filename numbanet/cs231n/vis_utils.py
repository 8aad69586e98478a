"""The course's ``vis_utils.py``: many pictures in one."""

import math

import numpy as np

from numbanet._checks import float_array, integer

__all__ = ["visualize_grid"]


def visualize_grid(Xs, ubound=255.0, padding=1):
    """Put pictures side by side into a square grid.

    Parameters
    ----------
    Xs : array_like, shape (N, H, W, C)
    ubound : float
        Every picture is scaled to go from 0 to `ubound`; one of a single value becomes 0.
    padding : int
        Black pixels between pictures.

    Returns
    -------
    ndarray of float64, shape (rows * (H + padding) - padding, rows * (W + padding) - padding, C)
        ``rows`` is the root of N, rounded up; places that are left over are 0.

    Raises
    ------
    TypeError, ValueError
        For pictures that are not of real numbers or have another number of axes, and a negative `padding`.
    """
    Xs = float_array("Xs", Xs, np.float64, ndim=4)
    padding = integer("padding", padding, 0)
    count, height, width, channels = Xs.shape
    side = math.ceil(math.sqrt(count))
    low, high = Xs.min(axis=(1, 2, 3), keepdims=True), Xs.max(axis=(1, 2, 3), keepdims=True)
    # Every cell has padding below and to the right of its picture; the last one's is cut off.
    cells = np.zeros((side * side, height + padding, width + padding, channels))
    cells[:count, :height, :width] = ubound * (Xs - low) / np.where(high > low, high - low, 1)
    grid = cells.reshape(side, side, *cells.shape[1:]).swapaxes(1, 2)
    grid = grid.reshape(side * (height + padding), side * (width + padding), channels)
    return grid[: grid.shape[0] - padding, : grid.shape[1] - padding]
