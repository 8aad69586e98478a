"""Numbers that scale each feature by itself, and activations mixed with their input.

N examples, D features. Forward is parallel over the examples; backward, whose sums are over the examples, over ranges
of the columns, one for each thread.
"""

import numpy as np
from numba import prange

from ..runtime.dispatch import kernel, workers
from ._gemm import column_range
from .simd.columns import blend_sums, scale_sums, scaled_with_both_sums, scaled_with_sums
from .simd.fma import fma

SCALE_NS, BLEND_NS = 0.12, 0.25  # an element, on one core


@kernel(SCALE_NS)
def scale_forward(x, scale, out):
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] * scale[j]


@kernel(2 * SCALE_NS)
def scale_backward(dout, x, scale, dx, dscale):
    blocks = workers()
    for block in prange(blocks):
        columns = column_range(dscale, np.int64(block), blocks)
        if dx.size:
            scaled_with_sums(dout[:, columns], x[:, columns], scale[columns], dscale[columns], dx[:, columns])
        else:
            scale_sums(dout[:, columns], x[:, columns], dscale[columns])


@kernel(SCALE_NS)
def scale_shift_forward(x, scale, shift, out):
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = fma(x[i, j], scale[j], shift[j])


@kernel(2 * SCALE_NS)
def scale_shift_backward(dout, x, scale, dx, dscale, dshift):
    blocks = workers()
    for block in prange(blocks):
        columns = column_range(dscale, np.int64(block), blocks)
        sums = dscale[columns], dshift[columns]
        scaled_with_both_sums(dout[:, columns], x[:, columns], scale[columns], *sums, dx[:, columns])


@kernel(BLEND_NS)
def blend(x, activated, strength, out):
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = fma(activated[i, j] - x[i, j], strength[j], x[i, j])


@kernel(2 * BLEND_NS)
def blend_gradients(dout, dactivated, x, activated, strength, dx, dstrength):
    blocks = workers()
    for block in prange(blocks):
        columns = column_range(dstrength, np.int64(block), blocks)
        gradients = dout[:, columns], dactivated[:, columns]
        blend_sums(
            *gradients, x[:, columns], activated[:, columns], strength[columns], dstrength[columns], dx[:, columns]
        )
