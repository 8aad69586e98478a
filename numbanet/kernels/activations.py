"""Activation functions, element by element.

Arrays are flat. Parallel over the elements; each is written by the one iteration that has its index. Constants are cast
to the arrays' dtype first: a Python 1 or 0.5 would turn float32 arithmetic into float64.
"""

import math

from numba import prange

from ._jit import serial
from ._parallel import kernel

SQRT_HALF = math.sqrt(0.5)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
GELU_CUBIC = 0.044715

# Nanoseconds an element takes on one core: a few loads and stores, or one or two calls of libm.
LIGHT, LIBM = 0.1, 6.0


@kernel(LIGHT)
def relu_forward(x, out):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        out[i] = max(x[i], zero)  # keeps NaN; `x if x > 0 else 0` would not


@kernel(LIGHT)
def relu_backward(dout, x, dx):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        dx[i] = zero if x[i] <= zero else dout[i]


@kernel(LIGHT)
def leaky_relu_forward(x, negative_slope, out):
    zero, slope = x.dtype.type(0), x.dtype.type(negative_slope)
    for i in prange(x.size):
        out[i] = x[i] if x[i] > zero else slope * x[i]


@kernel(LIGHT)
def leaky_relu_backward(dout, x, negative_slope, dx):
    zero, slope = x.dtype.type(0), x.dtype.type(negative_slope)
    for i in prange(x.size):
        dx[i] = dout[i] if x[i] > zero else slope * dout[i]


@kernel(LIBM)
def elu_forward(x, alpha, out):
    zero, scale = x.dtype.type(0), x.dtype.type(alpha)
    for i in prange(x.size):
        out[i] = x[i] if x[i] > zero else scale * math.expm1(x[i])


@kernel(LIGHT)
def elu_backward(dout, out, alpha, dx):
    zero, scale = out.dtype.type(0), out.dtype.type(alpha)
    for i in prange(out.size):
        dx[i] = dout[i] if out[i] > zero else dout[i] * (out[i] + scale)


@serial
def _sigmoid(x, one):
    e = math.exp(-abs(x))  # of a negative number, so that nothing overflows
    return (one if x >= 0 else e) / (one + e)


@kernel(LIBM)
def sigmoid_forward(x, out):
    one = x.dtype.type(1)
    for i in prange(x.size):
        out[i] = _sigmoid(x[i], one)


@kernel(LIGHT)
def sigmoid_backward(dout, out, dx):
    one = out.dtype.type(1)
    for i in prange(out.size):
        dx[i] = dout[i] * out[i] * (one - out[i])


@kernel(LIBM)
def tanh_forward(x, out):
    for i in prange(x.size):
        out[i] = math.tanh(x[i])


@kernel(LIGHT)
def tanh_backward(dout, out, dx):
    one = out.dtype.type(1)
    for i in prange(out.size):
        dx[i] = dout[i] * (one - out[i] * out[i])


@serial
def _normal_cdf(x, half, one, sqrt_half):
    return half * (one + math.erf(x * sqrt_half))


@kernel(LIBM)
def gelu_forward(x, out):
    real = x.dtype.type
    half, one, sqrt_half = real(0.5), real(1), real(SQRT_HALF)
    for i in prange(x.size):
        out[i] = x[i] * _normal_cdf(x[i], half, one, sqrt_half)


@kernel(2 * LIBM)
def gelu_backward(dout, x, dx):
    real = x.dtype.type
    half, one, sqrt_half, inv_sqrt_2pi = real(0.5), real(1), real(SQRT_HALF), real(INV_SQRT_2PI)
    for i in prange(x.size):
        pdf = inv_sqrt_2pi * math.exp(-half * x[i] * x[i])
        dx[i] = dout[i] * (_normal_cdf(x[i], half, one, sqrt_half) + x[i] * pdf)


@kernel(LIBM)
def gelu_tanh_forward(x, out):
    real = x.dtype.type
    half, one, root, cubic = real(0.5), real(1), real(SQRT_2_OVER_PI), real(GELU_CUBIC)
    for i in prange(x.size):
        out[i] = half * x[i] * (one + math.tanh(root * (x[i] + cubic * x[i] * x[i] * x[i])))


@kernel(LIBM)
def gelu_tanh_backward(dout, x, dx):
    real = x.dtype.type
    half, one, root = real(0.5), real(1), real(SQRT_2_OVER_PI)
    cubic, triple = real(GELU_CUBIC), real(3 * GELU_CUBIC)
    for i in prange(x.size):
        t = math.tanh(root * (x[i] + cubic * x[i] * x[i] * x[i]))
        slope = root * (one + triple * x[i] * x[i])  # of the tanh's argument
        dx[i] = dout[i] * (half * (one + t) + half * x[i] * (one - t * t) * slope)


@kernel(LIBM)
def silu_forward(x, out):
    one = x.dtype.type(1)
    for i in prange(x.size):
        out[i] = x[i] * _sigmoid(x[i], one)


@kernel(LIBM)
def silu_backward(dout, x, dx):
    one = x.dtype.type(1)
    for i in prange(x.size):
        s = _sigmoid(x[i], one)
        dx[i] = dout[i] * s * (one + x[i] * (one - s))
