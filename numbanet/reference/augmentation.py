"""Images shifted and mirrored at random on their way into a batch: the specification.

Each image draws from a counter, ``Philox4x32-10(counter=(n, 0, step), key=seed)`` with n its place in the batch: its
change is known by itself, whatever the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .dropout import LOW_32, SHIFT_32, philox

if TYPE_CHECKING:
    from .._types import Array


def augment(x: Array, rows: Array, key: Array, padding: int, flip: bool, out: Array) -> None:
    """Gather images, each shifted by up to `padding` pixels either way and mirrored left to right half of the time.

    The same as to pad an image with `padding` zeros on all sides, to take a piece of its own size anywhere out of it,
    and to mirror the piece: ``shift = word 0 or 1 * (2 padding + 1) div 2**32 - padding`` for rows and columns.

    Parameters
    ----------
    x : ndarray, shape (M, C, H, W)
        All images.
    rows : ndarray of int64, shape (N,)
        Which of them make the batch.
    key : ndarray of uint64, shape (2,)
        Seed and step: another step for each batch.
    padding : int
        At least 0; 0 is no shift.
    flip : bool
        Whether to mirror, where the highest bit of word 2 is set.
    out : ndarray, shape (N, C, H, W)
        Written.

    Notes
    -----
    Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2, which pads
    CIFAR-10 by 4. torchvision's ``RandomCrop(32, padding=4)`` and ``RandomHorizontalFlip()`` are the same.
    """
    height, width = x.shape[2:]
    words = np.zeros((4, len(rows)), np.uint64)
    words[0], words[2], words[3] = np.arange(len(rows)), key[1] & LOW_32, key[1] >> SHIFT_32
    philox(words, key[0])
    tops, lefts = (words[:2] * np.uint64(2 * padding + 1) >> SHIFT_32).astype(int)
    mirrored = words[2] >> np.uint64(31)
    for n, row in enumerate(rows):
        padded = np.pad(x[row], ((0, 0), (padding, padding), (padding, padding)))
        piece = padded[:, tops[n] : tops[n] + height, lefts[n] : lefts[n] + width]
        out[n] = piece[:, :, ::-1] if flip and mirrored[n] else piece
