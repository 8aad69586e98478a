"""Images shifted and mirrored at random on their way into a batch.

N images of the batch, C channels, H rows, W columns. Parallel over the images of the batch; each writes its own.
"""

import numpy as np
from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel
from ._philox import LOW_32, ROUNDS, SHIFT_32, W0, W1, philox_round


@serial
def _draw(n, key, padding, flip):
    """Rows and columns that image n of the batch is shifted by, and whether it is mirrored."""
    c0, c1, c2, c3 = np.uint64(n), np.uint64(0), key[1] & LOW_32, key[1] >> SHIFT_32
    k0, k1 = key[0] & LOW_32, key[0] >> SHIFT_32
    for _ in range(ROUNDS):
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1)
        k0, k1 = (k0 + W0) & LOW_32, (k1 + W1) & LOW_32
    places = np.uint64(2 * padding + 1)
    down = np.int64(c0 * places >> SHIFT_32) - padding
    right = np.int64(c1 * places >> SHIFT_32) - padding
    return down, right, flip and c2 >> np.uint64(31) == np.uint64(1)


@serial
def _shift_row(source, right, mirrored, target):
    """``target[j] = source[j + right]``, 0 beyond the edges, then mirrored."""
    width = source.size
    before, after = min(max(-right, 0), width), min(max(right, 0), width)  # zeros at the start, and at the end
    part = source[after : width - before]
    if mirrored:
        before, after = after, before
    target[:before] = 0
    target[width - after :] = 0
    written = target[before : width - after]
    if mirrored:
        last = np.uint64(written.size - 1)
        for j in range(part.size):
            written[last - np.uint64(j)] = part[j]
    else:
        for j in range(part.size):
            written[j] = part[j]


@kernel(lambda x, rows, key, padding, flip, out: 0.9 * out.size)
def augment(x, rows, key, padding, flip, out):
    _, channels, height, width = x.shape
    for n in prange(rows.size):
        down, right, mirrored = _draw(n, key, padding, flip)
        image, piece = x[rows[n]], out[n]
        for c in range(channels):
            for i in range(height):
                if 0 <= i + down < height:
                    _shift_row(image[c, i + down], right, mirrored, piece[c, i])
                else:
                    piece[c, i] = 0
