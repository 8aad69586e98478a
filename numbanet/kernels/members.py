"""Members of an ensemble, trained as one network.

N examples of K members with D features each: (N, K D). Parallel over the members, of which each has parameters of its
own, but over the examples where only they are written.
"""

import numpy as np
from numba import prange

from ..runtime.dispatch import kernel
from ._gemm import product, product_nanoseconds
from ._sums import fill
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
    for number in prange(r.shape[0]):
        k = np.int64(number)
        scale_sums(dout[:, k * d : k * d + d], x[:, :d], dr[k])
    for i in prange(dx.shape[0]):
        sums = dx[i]
        fill(sums, 0)
        for k in range(r.shape[0]):
            scale, gradient = r[k], dout[i, k * d : k * d + d]
            for j in range(d):
                sums[j] = fma(gradient[j], scale[j], sums[j])


@kernel(_forward_nanoseconds)
def member_affine_forward(x, w, b, out):
    _, d, m = w.shape
    for number in prange(w.shape[0]):
        k = np.int64(number)
        product(x[:, k * d : k * d + d], w[k][:, :], b[k], out[:, k * m : k * m + m], -np.inf)


@kernel(_backward_nanoseconds)
def member_affine_backward(dout, x, w, dx, dw, db):
    _, d, m = w.shape
    for number in prange(w.shape[0]):
        k = np.int64(number)
        inputs, gradient = x[:, k * d : k * d + d], dout[:, k * m : k * m + m]
        column_sums(gradient, db[k])
        product(inputs.T, gradient, dw[k, 0, :0], dw[k][:, :], -np.inf)
        if dx.size:
            product(gradient, w[k][:, :].T, dx[0, :0], dx[:, k * d : k * d + d], -np.inf)
