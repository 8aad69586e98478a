"""Update rules, each one pass over flat arrays.

P parameters. Parallel over the parameters; each iteration owns its element of `w` and of the state. Scalars are cast to
the arrays' dtype before the loop, so that no float64 arithmetic enters a float32 step.
"""

import math

from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel
from ._sums import LEAST, block_size, partial_sums, total
from .simd.reductions import centred_dot

# Nanoseconds a parameter takes on one core: bound by the bytes moved, or by a division and a root.
STREAM, ROOT = 0.1, 0.3


@kernel(STREAM)
def sgd_update(w, dw, learning_rate):
    lr = w.dtype.type(learning_rate)
    for i in prange(w.size):
        w[i] -= lr * dw[i]


@kernel(STREAM)
def momentum_update(w, dw, velocity, learning_rate, momentum):
    lr, mu = w.dtype.type(learning_rate), w.dtype.type(momentum)
    for i in prange(w.size):
        velocity[i] = mu * velocity[i] - lr * dw[i]
        w[i] += velocity[i]


@kernel(STREAM)
def nesterov_update(w, dw, velocity, learning_rate, momentum):
    lr, mu = w.dtype.type(learning_rate), w.dtype.type(momentum)
    for i in prange(w.size):
        change = lr * dw[i]
        velocity[i] = mu * velocity[i] - change
        w[i] += mu * velocity[i] - change


@kernel(ROOT)
def rmsprop_update(w, dw, s, learning_rate, decay_rate, eps, eps_inside_root):
    real = w.dtype.type
    lr, decay, fresh = real(learning_rate), real(decay_rate), real(1.0 - decay_rate)
    # Both published forms in one loop: one of the two epsilons is zero.
    inside = real(eps if eps_inside_root else 0.0)
    outside = real(0.0 if eps_inside_root else eps)
    for i in prange(w.size):
        s[i] = decay * s[i] + fresh * dw[i] * dw[i]
        w[i] -= lr * dw[i] / (math.sqrt(s[i] + inside) + outside)


@kernel(ROOT)
def adam_update(w, dw, m, v, learning_rate, beta1, beta2, eps, weight_decay, step, eps_inside_root):
    real = w.dtype.type
    lr, decay = real(learning_rate), real(learning_rate * weight_decay)
    keep1, fresh1 = real(beta1), real(1.0 - beta1)
    keep2, fresh2 = real(beta2), real(1.0 - beta2)
    # Both published forms in one loop: one of the two epsilons is zero, and only the first form corrects the bias.
    inside = real(eps if eps_inside_root else 0.0)
    outside = real(0.0 if eps_inside_root else eps)
    correct1 = real(1.0 if eps_inside_root else 1.0 / (1.0 - beta1**step))
    correct2 = real(1.0 if eps_inside_root else 1.0 / (1.0 - beta2**step))
    for i in prange(w.size):
        m[i] = keep1 * m[i] + fresh1 * dw[i]
        v[i] = keep2 * v[i] + fresh2 * dw[i] * dw[i]
        m_hat = correct1 * m[i]
        v_hat = correct2 * v[i]
        w[i] -= decay * w[i]
        w[i] -= lr * m_hat / (math.sqrt(v_hat + inside) + outside)


@kernel(STREAM)
def clip_by_value(dw, limit):
    most = dw.dtype.type(limit)
    for i in prange(dw.size):
        dw[i] = min(max(dw[i], -most), most)  # in this order NaN passes


@serial
def _squares(dw):
    zero = dw.dtype.type(0)
    return centred_dot(dw, zero, dw, zero)


@kernel(STREAM)
def clip_by_norm(dw, limit):
    size = block_size(dw.size, LEAST)
    blocks = (dw.size + size - 1) // size
    partial = partial_sums(dw)
    for block in prange(blocks):
        partial[block] = _squares(dw[block * size : min(block * size + size, dw.size)])
    norm = math.sqrt(total(partial[:blocks]))
    factor = dw.dtype.type(limit / (norm + 1e-6))
    for i in prange(dw.size if norm + 1e-6 > limit else 0):  # not within an `if`: all threads go through all loops
        dw[i] *= factor
    return norm


@kernel(STREAM)
def ema_update(w, average, decay, step):
    real = w.dtype.type
    kept = min(decay, (step - 1.0) / (step + 8.0))
    keep, fresh = real(kept), real(1.0 - kept)
    for i in prange(w.size):
        average[i] = keep * average[i] + fresh * w[i]
