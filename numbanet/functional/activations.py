"""Activation functions, element by element, on arrays of any shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import kernels
from ..operations import backward_takes_output
from ._prepare import Cache, element_wise, element_wise_backward, fraction, non_negative

__all__ = [
    "elu_backward",
    "elu_forward",
    "gelu_backward",
    "gelu_forward",
    "gelu_tanh_backward",
    "gelu_tanh_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "mish_backward",
    "mish_forward",
    "relu_backward",
    "relu_forward",
    "selu_backward",
    "selu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softplus_backward",
    "softplus_forward",
    "tanh_backward",
    "tanh_forward",
]

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from .._types import ArrayLike, FloatArray, Ops

    F = TypeVar("F", bound=Callable[..., Any])


_FORWARD = """

    Parameters
    ----------
    x : array_like, any shape, not empty{parameter}
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, the shape of `x`
        float32 where `x` is float32 or half, float64 otherwise. NaN stays NaN.
    cache : Cache
        For `{backward}`.

    Raises
    ------
    TypeError, ValueError
        For an `x` that is empty or not of real numbers, and a parameter out of range; the message names the argument.

    See `numbanet.reference.{forward}` for the source.
    """

_BACKWARD = """

    Parameters
    ----------
    dout : array_like, the shape of the forward pass's `x`
    cache : Cache
        What `{forward}` returned.

    Returns
    -------
    dx : ndarray
        Of the shape of `x` and the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.{backward}` for the formula.
    """


def _documented(parameter: str = "") -> Callable[[F], F]:
    """Add to a one-line docstring what all activations have in common."""

    def decorate(function: F) -> F:
        name, _, direction = function.__name__.rpartition("_")
        common = _FORWARD if direction == "forward" else _BACKWARD
        names = {"forward": f"{name}_forward", "backward": f"{name}_backward"}
        function.__doc__ = f"{function.__doc__}{common.format(parameter=parameter, **names)}"
        return function

    return decorate


def _forward(name: str, ops: Ops, x: ArrayLike, *scalars: float) -> tuple[FloatArray, Cache]:
    x, out = element_wise(ops, f"{name}_forward", x, *scalars)
    seen = (out if backward_takes_output(name) else x).reshape(-1)
    return out, Cache(f"{name}_backward", ops, x.shape, x.shape, x.dtype, (seen, *scalars))


@_documented()
def relu_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Rectified linear unit: ``out = max(x, 0)``."""
    return _forward("relu", ops, x)


@_documented()
def relu_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `relu_forward`; 0 at 0."""
    return element_wise_backward("relu_backward", dout, cache)


@_documented("\n    negative_slope : float, from 0 to 1")
def leaky_relu_forward(x: ArrayLike, *, negative_slope: float = 0.01, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Leaky ReLU: ``out = x`` where ``x > 0``, ``negative_slope * x`` elsewhere."""
    return _forward("leaky_relu", ops, x, fraction("negative_slope", negative_slope))


@_documented()
def leaky_relu_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `leaky_relu_forward`."""
    return element_wise_backward("leaky_relu_backward", dout, cache)


@_documented("\n    alpha : float, finite and not negative")
def elu_forward(x: ArrayLike, *, alpha: float = 1.0, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Exponential linear unit: ``out = x`` where ``x > 0``, ``alpha * (exp(x) - 1)`` elsewhere."""
    return _forward("elu", ops, x, non_negative("alpha", alpha))


@_documented()
def elu_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `elu_forward`."""
    return element_wise_backward("elu_backward", dout, cache)


@_documented()
def sigmoid_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Logistic function: ``out = 1 / (1 + exp(-x))``; nothing overflows."""
    return _forward("sigmoid", ops, x)


@_documented()
def sigmoid_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `sigmoid_forward`."""
    return element_wise_backward("sigmoid_backward", dout, cache)


@_documented()
def tanh_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Hyperbolic tangent: ``out = tanh(x)``."""
    return _forward("tanh", ops, x)


@_documented()
def tanh_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `tanh_forward`."""
    return element_wise_backward("tanh_backward", dout, cache)


@_documented()
def gelu_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Gaussian error linear unit, exact: ``out = x Φ(x)``, with Φ the normal distribution function."""
    return _forward("gelu", ops, x)


@_documented()
def gelu_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `gelu_forward`."""
    return element_wise_backward("gelu_backward", dout, cache)


@_documented()
def gelu_tanh_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """GELU's tanh approximation, PyTorch's ``approximate="tanh"``."""
    return _forward("gelu_tanh", ops, x)


@_documented()
def gelu_tanh_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `gelu_tanh_forward`."""
    return element_wise_backward("gelu_tanh_backward", dout, cache)


@_documented()
def silu_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Sigmoid linear unit, or swish: ``out = x * sigmoid(x)``."""
    return _forward("silu", ops, x)


@_documented()
def silu_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `silu_forward`."""
    return element_wise_backward("silu_backward", dout, cache)


@_documented()
def softplus_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Softplus: ``out = log(1 + exp(x))``; nothing overflows."""
    return _forward("softplus", ops, x)


@_documented()
def softplus_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `softplus_forward`."""
    return element_wise_backward("softplus_backward", dout, cache)


@_documented()
def mish_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Mish: ``out = x * tanh(log(1 + exp(x)))``."""
    return _forward("mish", ops, x)


@_documented()
def mish_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `mish_forward`."""
    return element_wise_backward("mish_backward", dout, cache)


@_documented()
def selu_forward(x: ArrayLike, *, ops: Ops = kernels) -> tuple[FloatArray, Cache]:
    """Scaled ELU: ``out = λ x`` where ``x > 0``, ``λ α (exp(x) - 1)`` elsewhere; λ = 1.0507..., α = 1.6732...."""
    return _forward("selu", ops, x)


@_documented()
def selu_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of `selu_forward`."""
    return element_wise_backward("selu_backward", dout, cache)
