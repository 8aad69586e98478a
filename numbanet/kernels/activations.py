"""Activation functions, element by element.

Arrays are flat. Parallel over the elements; each is written by the one iteration that has its index. Constants are cast
to the arrays' dtype first: a Python 1 or 0.5 would turn float32 arithmetic into float64.
"""

import math

from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel
from .simd.elementary import exp, expm1, log1p, normal, tanh

SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
GELU_CUBIC = 0.044715
SELU_SCALE, SELU_BOTH = 1.0507009873554805, 1.0507009873554805 * 1.6732632423543772  # λ, λ α

# Nanoseconds an element takes on one core: a few loads and stores; an exponential and what is done with it; a logarithm
# of it, too; several divisions.
LIGHT, EXPONENTIAL, LOGARITHM, DIVISIONS = 0.1, 0.2, 0.4, 0.6


@kernel(LIGHT)
def relu_forward(x, out):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        out[i] = max(x[i], zero)  # keeps NaN; `x if x > 0 else 0` would not


@kernel(LIGHT)
def relu_backward(dout, x, dx):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        gradient = dout[i]  # read in any case: AVX2 takes twice as long to read some of a vector
        dx[i] = zero if x[i] <= zero else gradient


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


@kernel(EXPONENTIAL)
def elu_forward(x, alpha, out):
    zero, scale = x.dtype.type(0), x.dtype.type(alpha)
    for i in prange(x.size):
        out[i] = x[i] if x[i] > zero else scale * expm1(x[i])


@kernel(LIGHT)
def elu_backward(dout, out, alpha, dx):
    zero, scale = out.dtype.type(0), out.dtype.type(alpha)
    for i in prange(out.size):
        dx[i] = dout[i] if out[i] > zero else dout[i] * (out[i] + scale)


@serial
def _sigmoid(x, one):
    """sigmoid(x) and its derivative."""
    e = exp(-abs(x))  # of a negative number, so that nothing overflows
    right = one / (one + e)  # sigmoid(|x|)
    left = e * right
    return (right if x >= 0 else left), left * right


@kernel(EXPONENTIAL)
def sigmoid_forward(x, out):
    one = x.dtype.type(1)
    for i in prange(x.size):
        out[i], _ = _sigmoid(x[i], one)


@kernel(LIGHT)
def sigmoid_backward(dout, out, dx):
    one = out.dtype.type(1)
    for i in prange(out.size):
        dx[i] = dout[i] * out[i] * (one - out[i])


@kernel(EXPONENTIAL)
def tanh_forward(x, out):
    for i in prange(x.size):
        out[i] = tanh(x[i])


@kernel(LIGHT)
def tanh_backward(dout, out, dx):
    one = out.dtype.type(1)
    for i in prange(out.size):
        dx[i] = dout[i] * (one - out[i] * out[i])


@kernel(EXPONENTIAL)
def gelu_forward(x, out):
    for i in prange(x.size):
        cdf, _ = normal(x[i])
        out[i] = x[i] * cdf


@kernel(EXPONENTIAL)
def gelu_backward(dout, x, dx):
    inv_sqrt_2pi = x.dtype.type(INV_SQRT_2PI)
    for i in prange(x.size):
        cdf, e = normal(x[i])
        dx[i] = dout[i] * (cdf + x[i] * (inv_sqrt_2pi * e))


# (1 + tanh(u)) / 2 = sigmoid(2 u), which loses no digits where tanh is close to -1.


@kernel(EXPONENTIAL)
def gelu_tanh_forward(x, out):
    real = x.dtype.type
    one, root, cubic = real(1), real(2 * SQRT_2_OVER_PI), real(GELU_CUBIC)
    for i in prange(x.size):
        s, _ = _sigmoid(root * (x[i] + cubic * x[i] * x[i] * x[i]), one)
        out[i] = x[i] * s


@kernel(EXPONENTIAL)
def gelu_tanh_backward(dout, x, dx):
    real = x.dtype.type
    one, root = real(1), real(2 * SQRT_2_OVER_PI)
    cubic, triple = real(GELU_CUBIC), real(3 * GELU_CUBIC)
    for i in prange(x.size):
        s, ds = _sigmoid(root * (x[i] + cubic * x[i] * x[i] * x[i]), one)
        slope = root * (one + triple * x[i] * x[i])  # of the sigmoid's argument
        dx[i] = dout[i] * (s + x[i] * ds * slope)


@kernel(EXPONENTIAL)
def silu_forward(x, out):
    one = x.dtype.type(1)
    for i in prange(x.size):
        s, _ = _sigmoid(x[i], one)
        out[i] = x[i] * s


@kernel(EXPONENTIAL)
def silu_backward(dout, x, dx):
    one = x.dtype.type(1)
    for i in prange(x.size):
        s, ds = _sigmoid(x[i], one)
        dx[i] = dout[i] * (s + x[i] * ds)


@kernel(LOGARITHM)
def softplus_forward(x, out):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        out[i] = max(x[i], zero) + log1p(exp(-abs(x[i])))


@kernel(EXPONENTIAL)
def softplus_backward(dout, x, dx):
    one = x.dtype.type(1)
    for i in prange(x.size):
        s, _ = _sigmoid(x[i], one)
        dx[i] = dout[i] * s


@serial
def _tanh_of_softplus(e, right, one, two):
    """tanh(log(1 + eˣ)) from e = exp(-|x|) and whether x ≥ 0, and 1 minus its square; no digits are lost."""
    above = one + two * e if right else e * (e + two)
    rest = two * e * e if right else two
    share = one / (above + rest)
    t = above * share
    return t, rest * share * (one + t)


@kernel(DIVISIONS)
def mish_forward(x, out):
    one, two = x.dtype.type(1), x.dtype.type(2)
    for i in prange(x.size):
        t, _ = _tanh_of_softplus(exp(-abs(x[i])), x[i] >= 0, one, two)
        out[i] = x[i] * t


@kernel(DIVISIONS)
def mish_backward(dout, x, dx):
    one, two = x.dtype.type(1), x.dtype.type(2)
    for i in prange(x.size):
        e = exp(-abs(x[i]))
        t, slope = _tanh_of_softplus(e, x[i] >= 0, one, two)
        s = (one if x[i] >= 0 else e) / (one + e)
        dx[i] = dout[i] * (t + x[i] * (slope * s))


@kernel(EXPONENTIAL)
def selu_forward(x, out):
    zero, scale, both = x.dtype.type(0), x.dtype.type(SELU_SCALE), x.dtype.type(SELU_BOTH)
    for i in prange(x.size):
        out[i] = scale * x[i] if x[i] > zero else both * expm1(x[i])


@kernel(LIGHT)
def selu_backward(dout, out, dx):
    zero, scale, both = out.dtype.type(0), out.dtype.type(SELU_SCALE), out.dtype.type(SELU_BOTH)
    for i in prange(out.size):
        dx[i] = dout[i] * (scale if out[i] > zero else out[i] + both)
