"""Activation functions, element by element: the specification.

Arrays may have any shape; an operation's arrays share one. NaN stays NaN, as in PyTorch. An output may be the
operation's own input array.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import Array


SQRT_HALF = math.sqrt(0.5)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
GELU_CUBIC = 0.044715
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

_erf = np.vectorize(math.erf, otypes=[np.float64])  # NumPy has no erf of its own


def relu_forward(x: Array, out: Array) -> None:
    """Rectified linear unit: ``out = max(x, 0)``.

    Source: CS231n notes, "Neural Networks Part 1"; Nair and Hinton, ICML 2010.
    """
    out[...] = np.maximum(x, 0)


def relu_backward(dout: Array, x: Array, dx: Array) -> None:
    """Gradient of `relu_forward`: 0 where ``x <= 0``, `dout` elsewhere; at 0 it is 0, as in PyTorch.

    `x` may be the input or the output of the forward pass: both have the same sign.
    """
    dx[...] = np.where(x <= 0, 0, dout)


def leaky_relu_forward(x: Array, negative_slope: float, out: Array) -> None:
    """Leaky ReLU: ``out = x`` where ``x > 0``, ``negative_slope * x`` elsewhere.

    Source: Maas, Hannun and Ng, ICML 2013, section 2. PyTorch's default slope is 0.01.
    """
    out[...] = np.where(x > 0, x, np.asarray(negative_slope, x.dtype) * x)


def leaky_relu_backward(dout: Array, x: Array, negative_slope: float, dx: Array) -> None:
    """Gradient of `leaky_relu_forward`: `dout` where ``x > 0``, ``negative_slope * dout`` elsewhere."""
    dx[...] = np.where(x > 0, dout, np.asarray(negative_slope, x.dtype) * dout)


def elu_forward(x: Array, alpha: float, out: Array) -> None:
    """Exponential linear unit: ``out = x`` where ``x > 0``, ``alpha * (exp(x) - 1)`` elsewhere.

    Source: Clevert, Unterthiner and Hochreiter, ICLR 2016, eq. 15.
    """
    out[...] = np.where(x > 0, x, np.asarray(alpha, x.dtype) * np.expm1(np.minimum(x, 0)))


def elu_backward(dout: Array, out: Array, alpha: float, dx: Array) -> None:
    """Gradient of `elu_forward` from its output: `dout` where ``out > 0``, ``dout * (out + alpha)`` elsewhere."""
    dx[...] = np.where(out > 0, dout, dout * (out + np.asarray(alpha, out.dtype)))


def sigmoid_forward(x: Array, out: Array) -> None:
    """Logistic function: ``out = 1 / (1 + exp(-x))``, through ``exp(-|x|)`` so that nothing overflows.

    Source: CS231n notes, "Neural Networks Part 1".
    """
    e = np.exp(-np.abs(x))
    out[...] = np.where(x >= 0, 1, e) / (1 + e)


def sigmoid_backward(dout: Array, out: Array, dx: Array) -> None:
    """Gradient of `sigmoid_forward` from its output: ``dout * out * (1 - out)``."""
    dx[...] = dout * out * (1 - out)


def tanh_forward(x: Array, out: Array) -> None:
    """Hyperbolic tangent: ``out = tanh(x)``."""
    out[...] = np.tanh(x)


def tanh_backward(dout: Array, out: Array, dx: Array) -> None:
    """Gradient of `tanh_forward` from its output: ``dout * (1 - out²)``."""
    dx[...] = dout * (1 - out * out)


def gelu_forward(x: Array, out: Array) -> None:
    """Gaussian error linear unit: ``out = x Φ(x)`` with ``Φ(x) = (1 + erf(x / √2)) / 2``.

    The exact form, PyTorch's default. JAX's default is `gelu_tanh_forward`.
    Source: Hendrycks and Gimpel, arXiv:1606.08415, section 2.
    """
    out[...] = x * (0.5 * (1 + _erf(x * SQRT_HALF)))


def gelu_backward(dout: Array, x: Array, dx: Array) -> None:
    """Gradient of `gelu_forward`: ``dout * (Φ(x) + x φ(x))`` with ``φ(x) = exp(-x²/2) / √(2π)``."""
    cdf = 0.5 * (1 + _erf(x * SQRT_HALF))
    pdf = INV_SQRT_2PI * np.exp(-0.5 * x * x)
    dx[...] = dout * (cdf + x * pdf)


def gelu_tanh_forward(x: Array, out: Array) -> None:
    """GELU's tanh approximation: ``out = x/2 * (1 + tanh(√(2/π) (x + 0.044715 x³)))``.

    PyTorch's ``approximate="tanh"``. Source: Hendrycks and Gimpel, arXiv:1606.08415, section 2.
    """
    out[...] = 0.5 * x * (1 + np.tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x)))


def gelu_tanh_backward(dout: Array, x: Array, dx: Array) -> None:
    """Gradient of `gelu_tanh_forward`: with ``t`` its tanh and ``u`` the argument,
    ``dout * ((1 + t) / 2 + x/2 * (1 - t²) du/dx)``."""
    t = np.tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x))
    slope = SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x)
    dx[...] = dout * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)


def silu_forward(x: Array, out: Array) -> None:
    """Sigmoid linear unit, or swish: ``out = x * sigmoid(x)``.

    Source: Elfwing, Uchibe and Doya, arXiv:1702.03118, eq. 1.
    """
    e = np.exp(-np.abs(x))
    out[...] = x * (np.where(x >= 0, 1, e) / (1 + e))


def silu_backward(dout: Array, x: Array, dx: Array) -> None:
    """Gradient of `silu_forward`: with ``s = sigmoid(x)``, ``dout * s * (1 + x * (1 - s))``."""
    e = np.exp(-np.abs(x))
    s = np.where(x >= 0, 1, e) / (1 + e)
    dx[...] = dout * s * (1 + x * (1 - s))


def softplus_forward(x: Array, out: Array) -> None:
    """Softplus: ``out = log(1 + exp(x))``, as ``max(x, 0) + log(1 + exp(-|x|))`` so that nothing overflows.

    PyTorch's with ``beta=1``, without its threshold: above 20, that gives `x` itself.
    Source: Dugas, Bengio, Bélisle, Nadeau and Garcia, NIPS 2000, section 3.
    """
    out[...] = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_backward(dout: Array, x: Array, dx: Array) -> None:
    """Gradient of `softplus_forward`: ``dout * sigmoid(x)``."""
    e = np.exp(-np.abs(x))
    dx[...] = dout * (np.where(x >= 0, 1, e) / (1 + e))


def _tanh_of_softplus(x: Array) -> tuple[Array, Array]:
    """``t = tanh(log(1 + eˣ)) = ((1 + eˣ)² - 1) / ((1 + eˣ)² + 1)``, by ``exp(-|x|)``, and ``1 - t²``."""
    e = np.exp(-np.abs(x))
    above, rest = np.where(x >= 0, 1 + 2 * e, e * (e + 2)), np.where(x >= 0, 2 * e * e, 2)
    t = above / (above + rest)
    return t, rest / (above + rest) * (1 + t)


def mish_forward(x: Array, out: Array) -> None:
    """Mish: ``out = x * tanh(log(1 + exp(x)))``. At minus infinity it is NaN, as in PyTorch, and as `silu_forward`.

    Source: Misra, arXiv:1908.08681, eq. 1.
    """
    t, _ = _tanh_of_softplus(x)
    out[...] = x * t


def mish_backward(dout: Array, x: Array, dx: Array) -> None:
    """Gradient of `mish_forward`: with ``t = tanh(log(1 + exp(x)))``, ``dout * (t + x * (1 - t²) * sigmoid(x))``."""
    e = np.exp(-np.abs(x))
    t, slope = _tanh_of_softplus(x)
    dx[...] = dout * (t + x * (slope * (np.where(x >= 0, 1, e) / (1 + e))))


def selu_forward(x: Array, out: Array) -> None:
    """Scaled exponential linear unit: ``out = λ x`` where ``x > 0``, ``λ α (exp(x) - 1)`` elsewhere.

    λ = 1.0507... and α = 1.6732... are those for which means stay 0 and variances 1 from layer to layer.
    Source: Klambauer, Unterthiner, Mayr and Hochreiter, arXiv:1706.02515, eq. 2 and section 2.
    """
    scale, both = np.asarray(SELU_SCALE, x.dtype), np.asarray(SELU_SCALE * SELU_ALPHA, x.dtype)
    out[...] = np.where(x > 0, scale * x, both * np.expm1(np.minimum(x, 0)))


def selu_backward(dout: Array, out: Array, dx: Array) -> None:
    """Gradient of `selu_forward` from its output: ``λ dout`` where ``out > 0``, ``dout * (out + λ α)`` elsewhere."""
    scale, both = np.asarray(SELU_SCALE, out.dtype), np.asarray(SELU_SCALE * SELU_ALPHA, out.dtype)
    dx[...] = dout * np.where(out > 0, scale, out + both)
