"""Crops and mirror images for training: a new change of every image each time it is in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numbanet import kernels
from numbanet._checks import integer, one_of
from numbanet.data.images import plainly_last

if TYPE_CHECKING:
    from typing import Any

    from numbanet._types import Array, IntArray, Ops, Shape


@dataclass(frozen=True)
class Augment:
    """How a `Solver` changes the images of a batch while it gathers them.

    The changes follow from the seed, the step and the place in the batch, so they are the same on any number of threads
    and when training goes on from a file. What comes in from outside of an image is 0, which in images that have
    been standardised is the mean, and in those that the network standardises is black.

    Parameters
    ----------
    crop_padding : int
        Shift by up to so many pixels either way: a crop of the image's own size out of one with that much padding on
        all sides. 0 is no shift.
    flip : bool
        Mirror half of the images left to right; not for digits and letters.
    seed : int

    Raises
    ------
    TypeError, ValueError
        For values that are of another kind or out of range.
    """

    crop_padding: int = 4
    flip: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        values = {
            "crop_padding": integer("Augment: crop_padding", self.crop_padding, 0),
            "flip": bool(one_of("Augment: flip", self.flip, (False, True))),
            "seed": integer("Augment: seed", self.seed, 0, 2**64 - 1),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def check(self, name: str, shape: Shape) -> None:
        """ValueError where examples of `shape`, as `name` holds them, are no images or too small."""
        if len(shape) not in (2, 3):
            raise ValueError(f"{name}: augmentation takes images, (N, C, H, W) or (N, H, W), got examples of {shape}")
        if plainly_last(shape):
            raise ValueError(
                f"{name}: augmentation takes images with their channels first, got examples of {shape}; "
                f"np.moveaxis({name}, -1, 1) turns them"
            )
        if self.crop_padding >= min(shape[-2:]):
            raise ValueError(
                f"Augment: crop_padding: expected less than the {min(shape[-2:])} pixels of a side of {name}, got "
                f"{self.crop_padding}"
            )

    def gather(self, X: Array, rows: IntArray, step: int, out: Array, ops: Ops = kernels) -> None:
        """Put the examples `rows` of `X` into `out`, changed as the step says.

        Parameters
        ----------
        X : ndarray, shape (M, C, H, W) or (M, H, W)
        rows : ndarray of int64, shape (N,)
        step : int
        out : ndarray, C-contiguous, N examples of the size of those in `X`
            Written.
        ops : module
            `numbanet.kernels` or `numbanet.reference`.
        """
        if not self.takes(X):
            X, rows = np.array(X[rows], out.dtype, order="C"), np.arange(len(rows))
        ops.augment(*self.arguments(X, rows, np.array([self.seed, step], np.uint64), out))

    @staticmethod
    def takes(X: Array) -> bool:
        """Whether the kernel takes `X` as it is."""
        return X.dtype.isnative and X.dtype != np.float16 and X.flags.carray

    def arguments(self, X: Array, rows: IntArray, key: Array, out: Array) -> tuple[Any, ...]:
        """What `augment` takes, with `key` the seed and the step, uint64, shape (2,)."""
        shape = (1, *X.shape[1:]) if X.ndim == 3 else X.shape[1:]
        images, batch = X.reshape(len(X), *shape), out.reshape(len(rows), *shape)
        return images, rows, key, self.crop_padding, self.flip, batch
