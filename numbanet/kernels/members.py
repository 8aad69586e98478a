"""Members of an ensemble, trained as one network.

N examples of K members with D features each: (N, K D). Parallel over the members, of which each has parameters of its
own, or where these are few also over blocks of their results; over the examples where only they are written.
"""

import numpy as np
from numba import prange

from ..runtime.dispatch import kernel, workers
from ._gemm import column_range, product_nanoseconds
from ._sums import fill, parts_of_each
from .affine import forward_block, input_gradient_block, weight_gradient_block
from .scaling import SCALE_NS
from .simd.columns import column_sums, scale_sums
from .simd.fma import fma


def _copies_nanoseconds(x, r, out):
    return SCALE_NS * out.size


def _copies_backward_nanoseconds(dout, *rest):
    return 2 * SCALE_NS * dout.size


def _forward_nanoseconds(x, w, *rest):
    return product_nanoseconds(x, w[0])


def _backward_nanoseconds(dout, x, w, dx, *rest):
    return product_nanoseconds(x, w[0]) * (2 if dx.size else 1)


@kernel(_copies_nanoseconds)
def members_forward(x, r, out):
    d = x.shape[1]
    for i in prange(x.shape[0]):
        for k in range(r.shape[0]):
            source, scale, target = x[i], r[k], out[i, k * d : k * d + d]
            for j in range(d):
                target[j] = source[j] * scale[j]


@kernel(_copies_backward_nanoseconds)
def members_backward(dout, x, r, dx, dr):
    d = x.shape[1]
    parts = parts_of_each(len(r), workers())
    for number in prange(len(r) * parts):
        k, columns = np.int64(number) // parts, column_range(r[0], np.int64(number) % parts, parts)
        scale_sums(dout[:, k * d : k * d + d][:, columns], x[:, columns], dr[k, columns])
    for i in prange(dx.shape[0]):
        sums = dx[i]
        fill(sums, 0)
        for k in range(r.shape[0]):
            scale, gradient = r[k], dout[i, k * d : k * d + d]
            for j in range(d):
                sums[j] = fma(gradient[j], scale[j], sums[j])


@kernel(_forward_nanoseconds)
def member_affine_forward(x, w, b, out):
    members, d, m = w.shape
    parts = parts_of_each(members, workers())
    for number in prange(members * parts):
        k, part = np.int64(number) // parts, np.int64(number) % parts
        forward_block(x[:, k * d : k * d + d], w[k], b[k], out[:, k * m : k * m + m], -np.inf, part, parts)


@kernel(_backward_nanoseconds)
def member_affine_backward(dout, x, w, dx, dw, db):
    members, d, m = w.shape
    parts = parts_of_each(members, workers())
    for number in prange(members * parts):
        k, part = np.int64(number) // parts, np.int64(number) % parts
        inputs, gradient = x[:, k * d : k * d + d], dout[:, k * m : k * m + m]
        columns = column_range(db[k], part, parts)
        column_sums(gradient[:, columns], db[k, columns])
        weight_gradient_block(gradient, inputs, dw[k], part, parts)
        input_gradient_block(gradient, w[k], dx[:, k * d : k * d + d], part, parts)
