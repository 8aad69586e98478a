"""Inverted dropout, its mask computed from a counter.

Parallel over runs of WORDS * RUN elements; each run writes its own. Element i of a run uses word ``i div RUN`` of the
run's counter ``i mod RUN``, so that every loop goes along contiguous words.
"""

import numpy as np
from numba import prange, types

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel
from ._philox import LOW_32, RUN, SHIFT_32, philox
from .simd.scratch import stack_array

WORDS = 4

word_run = stack_array((WORDS, RUN), types.uint64)


@serial
def _mask_run(x, run, key, rate, out):
    """The elements of one run: x and out hold at most WORDS * RUN."""
    zero, scale = x.dtype.type(0), x.dtype.type(1 / (1 - rate))
    kept_below = np.uint64((1 - rate) * 2.0**32)
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
def dropout_forward(x, key, rate, out):
    size = WORDS * RUN
    for run in prange((x.size + size - 1) // size):
        elements = slice(run * size, min(run * size + size, x.size))
        _mask_run(x[elements], np.int64(run), key, rate, out[elements])


@kernel(0.8)
def dropout_backward(dout, key, rate, dx):
    size = WORDS * RUN
    for run in prange((dout.size + size - 1) // size):
        elements = slice(run * size, min(run * size + size, dout.size))
        _mask_run(dout[elements], np.int64(run), key, rate, dx[elements])
