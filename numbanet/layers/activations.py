"""Activations: functions of each element by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import operations
from .._checks import number, one_of
from .base import EITHER, Layer, set_checked

if TYPE_CHECKING:
    from .._types import FloatArray, Lowered
    from ..program import Lowering

__all__ = ["ELU", "GELU", "SELU", "LeakyReLU", "Mish", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"]


class Activation(Layer):
    """An element-wise function: `operation` names its pair, whose backward takes the input or the output."""

    layout = EITHER
    operation = ""

    @property
    def backward_takes_output(self) -> bool:  # type: ignore[override]  # nobody sets it
        return operations.backward_takes_output(self.operation)

    def constants(self) -> tuple[float, ...]:
        return ()

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        out = net.overwritable(x) if self.backward_takes_output else net.buffer(*x.shape[1:])
        self.add_forward(net, x, out)
        seen = out if self.backward_takes_output else x

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.overwritable(dout)
            self.add_backward(net, dout, seen, dx)
            return dx

        return out, backward

    def add_forward(self, net: Lowering, x: FloatArray, out: FloatArray) -> None:
        net.forward(f"{self.operation}_forward", x.reshape(-1), *self.constants(), out.reshape(-1))

    def add_backward(self, net: Lowering, dout: FloatArray, seen: FloatArray, dx: FloatArray) -> None:
        """From the input or the output of the forward pass, whichever the operation takes."""
        arguments = (dout.reshape(-1), seen.reshape(-1), *self.constants(), dx.reshape(-1))
        net.backward(f"{self.operation}_backward", *arguments)


@dataclass(frozen=True)
class ReLU(Activation):
    """``max(x, 0)``. Directly after an `Affine` or a `Conv` it is computed together with it."""

    operation = "relu"
    backward_takes_output = True  # which is positive where the input is


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """``x`` where positive, ``negative_slope * x`` elsewhere."""

    negative_slope: float = 0.01
    operation = "leaky_relu"

    def __post_init__(self) -> None:
        set_checked(self, negative_slope=number("LeakyReLU: negative_slope", self.negative_slope, 0, 1))

    def constants(self) -> tuple[float, ...]:
        return (self.negative_slope,)


@dataclass(frozen=True)
class ELU(Activation):
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere."""

    alpha: float = 1.0
    operation = "elu"

    def __post_init__(self) -> None:
        set_checked(self, alpha=number("ELU: alpha", self.alpha, 0, include_high=False))

    def constants(self) -> tuple[float, ...]:
        return (self.alpha,)


@dataclass(frozen=True)
class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``."""

    operation = "sigmoid"


@dataclass(frozen=True)
class Tanh(Activation):
    """Hyperbolic tangent."""

    operation = "tanh"


@dataclass(frozen=True)
class GELU(Activation):
    """``x Φ(x)``; `approximate` is "none" (exact, through erf) or "tanh", as in PyTorch."""

    approximate: str = "none"

    def __post_init__(self) -> None:
        one_of("GELU: approximate", self.approximate, ("none", "tanh"))

    @property
    def operation(self) -> str:  # type: ignore[override]  # nobody sets it
        return "gelu" if self.approximate == "none" else "gelu_tanh"


@dataclass(frozen=True)
class SiLU(Activation):
    """``x * sigmoid(x)``, also called swish."""

    operation = "silu"


@dataclass(frozen=True)
class Softplus(Activation):
    """``log(1 + exp(x))``: PyTorch's with ``beta=1``, but for its threshold, which it needs not."""

    operation = "softplus"


@dataclass(frozen=True)
class Mish(Activation):
    """``x * tanh(log(1 + exp(x)))``."""

    operation = "mish"


@dataclass(frozen=True)
class SELU(Activation):
    """``λ x`` where positive, ``λ α (exp(x) - 1)`` elsewhere, with λ and α that keep means at 0 and variances at 1."""

    operation = "selu"


# By the names that users have for them.
ACTIVATIONS = {name: globals()[layer] for name, layer in operations.ACTIVATIONS.items() if layer in globals()}
