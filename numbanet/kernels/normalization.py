"""Batch and layer normalisation.

N examples, D features. Batch normalisation is parallel over blocks of features: each owns its columns, its statistics
and its running averages, and reads the rows in order. Layer normalisation is parallel over examples; its parameter
gradients are sums over the examples, so they go over blocks of features.
"""

import math

import numpy as np
from numba import prange

from ._jit import serial
from ._parallel import kernel
from ._sums import centred_dot, lane_sum

COLUMNS = 64  # features in one piece of parallel work: whole cache lines of every row
ELEMENT_NS = 0.5


@serial
def _batch_statistics(x, eps, momentum, running_mean, running_var, mean, inv_std, start, stop):
    real = x.dtype.type
    n = real(x.shape[0])
    keep, fresh = real(momentum), real(1) - real(momentum)
    var = inv_std  # holds the variance until the last loop
    for j in range(start, stop):
        mean[j] = 0
        var[j] = 0
    for i in range(x.shape[0]):
        for j in range(start, stop):
            mean[j] += x[i, j]
    for j in range(start, stop):
        mean[j] /= n
    for i in range(x.shape[0]):
        for j in range(start, stop):
            centred = x[i, j] - mean[j]
            var[j] += centred * centred
    for j in range(start, stop):
        var[j] /= n
        running_mean[j] = keep * running_mean[j] + fresh * mean[j]
        running_var[j] = keep * running_var[j] + fresh * var[j]
        inv_std[j] = real(1) / math.sqrt(var[j] + real(eps))


@serial
def _normalize_columns(x, gamma, beta, mean, inv_std, out, start, stop):
    for i in range(x.shape[0]):
        for j in range(start, stop):
            out[i, j] = gamma[j] * ((x[i, j] - mean[j]) * inv_std[j]) + beta[j]


@serial
def _sum_gradients(dout, x, mean, inv_std, dgamma, dbeta, start, stop):
    """Parameter gradients of batch normalisation: sums over the rows, in order."""
    for j in range(start, stop):
        dgamma[j] = 0
        dbeta[j] = 0
    for i in range(x.shape[0]):
        for j in range(start, stop):
            dbeta[j] += dout[i, j]
            dgamma[j] += dout[i, j] * ((x[i, j] - mean[j]) * inv_std[j])


@serial
def _batchnorm_input_gradient(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta, start, stop):
    n = x.dtype.type(x.shape[0])
    for i in range(x.shape[0]):
        for j in range(start, stop):
            x_hat = (x[i, j] - mean[j]) * inv_std[j]
            dx[i, j] = gamma[j] * inv_std[j] * (dout[i, j] - dbeta[j] / n - x_hat * (dgamma[j] / n))


@kernel(2 * ELEMENT_NS)
def batchnorm_forward(x, gamma, beta, momentum, eps, running_mean, running_var, mean, inv_std, out):
    d = mean.size
    for block in prange((d + COLUMNS - 1) // COLUMNS):
        start, stop = np.uint64(block * COLUMNS), np.uint64(min(block * COLUMNS + COLUMNS, d))
        _batch_statistics(x, eps, momentum, running_mean, running_var, mean, inv_std, start, stop)
        _normalize_columns(x, gamma, beta, mean, inv_std, out, start, stop)


@kernel(ELEMENT_NS)
def batchnorm_inference(x, gamma, beta, running_mean, running_var, eps, out):
    real = x.dtype.type
    for i in prange(x.shape[0]):
        for j in range(x.shape[1]):
            inv_std = real(1) / math.sqrt(running_var[j] + real(eps))
            out[i, j] = gamma[j] * ((x[i, j] - running_mean[j]) * inv_std) + beta[j]


@kernel(2 * ELEMENT_NS)
def batchnorm_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    d = mean.size
    for block in prange((d + COLUMNS - 1) // COLUMNS):
        start, stop = np.uint64(block * COLUMNS), np.uint64(min(block * COLUMNS + COLUMNS, d))
        _sum_gradients(dout, x, mean, inv_std, dgamma, dbeta, start, stop)
        _batchnorm_input_gradient(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta, start, stop)


@kernel(2 * ELEMENT_NS)
def layernorm_forward(x, gamma, beta, eps, mean, inv_std, out):
    real = x.dtype.type
    d = real(x.shape[1])
    for i in prange(x.shape[0]):
        mean[i] = lane_sum(x[i]) / d
        var = centred_dot(x[i], mean[i], x[i], mean[i]) / d
        inv_std[i] = real(1) / math.sqrt(var + real(eps))
        for j in range(x.shape[1]):
            out[i, j] = gamma[j] * ((x[i, j] - mean[i]) * inv_std[i]) + beta[j]


@serial
def _sum_gradients_over_examples(dout, x, mean, inv_std, dgamma, dbeta, start, stop):
    for j in range(start, stop):
        dgamma[j] = 0
        dbeta[j] = 0
    for i in range(x.shape[0]):
        for j in range(start, stop):
            dbeta[j] += dout[i, j]
            dgamma[j] += dout[i, j] * ((x[i, j] - mean[i]) * inv_std[i])


@kernel(3 * ELEMENT_NS)
def layernorm_backward(dout, x, gamma, mean, inv_std, dx, dgamma, dbeta):
    columns = gamma.size
    for block in prange((columns + COLUMNS - 1) // COLUMNS):
        start, stop = np.uint64(block * COLUMNS), np.uint64(min(block * COLUMNS + COLUMNS, columns))
        _sum_gradients_over_examples(dout, x, mean, inv_std, dgamma, dbeta, start, stop)
    d, zero = x.dtype.type(columns), x.dtype.type(0)
    for i in prange(x.shape[0]):
        g = dx[i]  # gamma * dout, until the last loop
        for j in range(columns):
            g[j] = gamma[j] * dout[i, j]
        mean_g = lane_sum(g) / d
        mean_g_x_hat = centred_dot(g, zero, x[i], mean[i]) * inv_std[i] / d
        for j in range(columns):
            x_hat = (x[i, j] - mean[i]) * inv_std[i]
            dx[i, j] = inv_std[i] * (g[j] - mean_g - x_hat * mean_g_x_hat)
