"""Inverted dropout, its mask computed from a counter.

Parallel over runs of WORDS * RUN elements; each run writes its own. Element i of a run uses word ``i div RUN`` of the
run's counter ``i mod RUN``, so that every loop goes along contiguous words. 32-bit words are kept in 64-bit integers
and masked: numba widens uint32 arithmetic to 64 bits anyway, silently.
"""

import numpy as np
from numba import prange, types

from ._jit import serial
from ._parallel import kernel
from ._scratch import stack_array

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW_32 = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)
ROUNDS = 10
RUN = 64  # counters that go through the rounds side by side, so that the rounds fill the CPU's vectors
WORDS = 4

word_run = stack_array((WORDS, RUN), types.uint64)


@serial
def philox_round(c0, c1, c2, c3, k0, k1):
    """One round on one counter."""
    p0, p1 = c0 * M0, c2 * M1
    return (p1 >> SHIFT_32) ^ c1 ^ k0, p1 & LOW_32, (p0 >> SHIFT_32) ^ c3 ^ k1, p0 & LOW_32


@serial
def philox(words, key):
    """Philox4x32-10 in place on `words` (4, RUN): column j is a counter before and its four random words after."""
    c0, c1, c2, c3 = words[0], words[1], words[2], words[3]
    k0, k1 = key & LOW_32, key >> SHIFT_32
    for _ in range(ROUNDS):
        for j in range(RUN):
            c0[j], c1[j], c2[j], c3[j] = philox_round(c0[j], c1[j], c2[j], c3[j], k0, k1)
        k0 = (k0 + W0) & LOW_32
        k1 = (k1 + W1) & LOW_32


@serial
def _mask_run(x, run, key, keep_ratio, out):
    """The elements of one run: x and out hold at most WORDS * RUN."""
    zero, scale = x.dtype.type(0), x.dtype.type(1 / keep_ratio)
    kept_below = np.uint64(keep_ratio * 2.0**32)
    words = word_run(x)
    for j in range(RUN):
        words[0, j] = np.uint64(run * RUN + j)
        words[1, j] = 0
        words[2, j] = key[1] & LOW_32
        words[3, j] = key[1] >> SHIFT_32
    philox(words, key[0])
    for word in range(WORDS):
        start, stop = min(word * RUN, x.size), min(word * RUN + RUN, x.size)
        part, written = x[start:stop], out[start:stop]
        for j in range(part.size):
            written[j] = part[j] * (scale if words[word, j] < kept_below else zero)


@kernel(0.8)
def dropout_forward(x, key, keep_ratio, out):
    size = WORDS * RUN
    for run in prange((x.size + size - 1) // size):
        elements = slice(run * size, min(run * size + size, x.size))
        _mask_run(x[elements], run, key, keep_ratio, out[elements])


@kernel(0.8)
def dropout_backward(dout, key, keep_ratio, dx):
    size = WORDS * RUN
    for run in prange((dout.size + size - 1) // size):
        elements = slice(run * size, min(run * size + size, dout.size))
        _mask_run(dout[elements], run, key, keep_ratio, dx[elements])
