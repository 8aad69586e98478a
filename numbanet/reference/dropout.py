"""Inverted dropout with a mask that is computed from a counter, never stored: the specification.

Elements are taken in runs of 256, row-major. Element i of run r uses word ``i div 64`` of the four random words
``Philox4x32-10(counter=(64 r + i mod 64, 0, step), key=seed)``, so that forward and backward see the same mask whatever
the number of threads, and any element's is known by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import Array, DTypeLike


PHILOX_M0, PHILOX_M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
PHILOX_W0, PHILOX_W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW_32 = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)
RUN = 64


def philox(words: Array, key: Array) -> None:
    """Philox4x32-10: replace 128-bit counters by four random words each.

    Parameters
    ----------
    words : ndarray of uint64, shape (4, K)
        Column j is a counter before and its random words after, each below 2**32.
    key : uint64

    Notes
    -----
    Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
    """
    k0, k1 = key & LOW_32, key >> SHIFT_32
    for _ in range(10):
        c0, c1, c2, c3 = words
        p0, p1 = c0 * PHILOX_M0, c2 * PHILOX_M1
        words[...] = (p1 >> SHIFT_32) ^ c1 ^ k0, p1 & LOW_32, (p0 >> SHIFT_32) ^ c3 ^ k1, p0 & LOW_32
        k0, k1 = (k0 + PHILOX_W0) & LOW_32, (k1 + PHILOX_W1) & LOW_32


def _scaled_mask(size: int, key: Array, rate: float, dtype: DTypeLike) -> Array:
    """``1 / (1 - rate)`` for each element that is kept, 0 for the others, flat."""
    runs = -(-size // (4 * RUN))
    seed, step = key
    words = np.zeros((4, runs * RUN), np.uint64)
    words[0] = np.arange(runs * RUN)
    words[2], words[3] = step & LOW_32, step >> SHIFT_32
    philox(words, seed)
    in_order = words.reshape(4, runs, RUN).swapaxes(0, 1).reshape(-1)[:size]
    return np.where(in_order < np.uint64((1 - rate) * 2.0**32), 1 / (1 - rate), 0).astype(dtype)


def dropout_forward(x: Array, key: Array, rate: float, out: Array) -> None:
    """Inverted dropout: ``out = x * mask / (1 - rate)``, each element dropped with probability `rate`.

    Parameters
    ----------
    x : ndarray, any shape, at most 2**34 elements
    key : ndarray of uint64, shape (2,)
        Seed and step: another seed for each layer, another step for each batch.
    rate : float
        Probability to drop an element, in [0, 1): Keras' ``rate``, PyTorch's ``p``.
    out : ndarray, the shape of `x`
        Written. May be `x` itself.

    Notes
    -----
    Source: CS231n notes, "Neural Networks Part 2", inverted dropout; Srivastava et al., JMLR 15 (2014), section 10.
    """
    out[...] = x * _scaled_mask(x.size, key, rate, x.dtype).reshape(x.shape)


def dropout_backward(dout: Array, key: Array, rate: float, dx: Array) -> None:
    """Gradient of `dropout_forward`: ``dx = dout * mask / (1 - rate)``, the mask computed anew from `key`.

    Parameters
    ----------
    dout : ndarray, any shape
    key : ndarray of uint64, shape (2,)
        What the forward pass was given.
    rate : float
    dx : ndarray, the shape of `dout`
        Written. May be `dout` itself.
    """
    dropout_forward(dout, key, rate, dx)
