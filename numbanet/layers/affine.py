"""The fully connected layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .. import initializers
from .._checks import integer
from .activations import ReLU
from .base import Layer, Variable, set_checked

if TYPE_CHECKING:
    from .._types import FloatArray, Init, Lowered, Shape
    from ..program import Lowering


@dataclass(frozen=True)
class Affine(Layer):
    """Fully connected: ``x w + b``; an input with several axes is flattened, images in the order C, H, W.

    Parameters
    ----------
    units : int
        Number of outputs.
    weight_init : str, float or callable
        See `numbanet.initializers`; a number is the standard deviation of a Gaussian.
    bias_init : str, float or callable
        The same for the biases.
    """

    units: int
    weight_init: Init = "he_normal"
    bias_init: Init = field(default="zeros", repr=False)

    backward_takes_output = False

    def __post_init__(self) -> None:
        set_checked(self, units=integer("Affine: units", self.units, 1))
        initializers.get(self.weight_init, "Affine: weight_init")
        initializers.get(self.bias_init, "Affine: bias_init")

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        fans = math.prod(input_shape), self.units
        weights = Variable("W", fans, initializers.get(self.weight_init), True, fans)
        return weights, Variable("b", (self.units,), initializers.get(self.bias_init), False, fans)

    def fused_with(self, following: Layer) -> Layer | None:
        return _AffineReLU(self.units, self.weight_init, self.bias_init) if type(following) is ReLU else None

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        (w, dw), (b, db) = net.parameter("W"), net.parameter("b")
        out = net.buffer(self.units)
        net.forward("affine_forward", x, w, b, out)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            net.backward("affine_backward", dout, x, w, dx, dw, db)
            return dx

        return out, backward


class _AffineReLU(Affine):
    backward_takes_output = True

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        (w, dw), (b, db) = net.parameter("W"), net.parameter("b")
        out = net.buffer(self.units)
        net.forward("affine_relu_forward", x, w, b, out)

        def backward(dout: FloatArray) -> FloatArray:
            # The gradient before the ReLU takes the place of the one after it.
            dz, dx = net.overwritable(dout), net.gradient(x)
            net.backward("affine_relu_backward", dout, x, w, out, dz, dx, dw, db)
            return dx

        return out, backward
