"""The fully connected layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from .. import initializers
from .._checks import integer, one_of
from .activations import ReLU
from .base import Layer, Variable, set_checked

if TYPE_CHECKING:
    from .._types import FloatArray, Init, Lowered, Parametrization, Shape
    from ..program import Lowering

# By parametrisation, how weights begin where nobody says.
PARAMETRIZATIONS: dict[Parametrization, str] = {"standard": "he_normal", "ntk": "lecun_normal"}


@dataclass(frozen=True)
class Affine(Layer):
    """Fully connected: ``x w + b``; an input with several axes is flattened, images in the order C, H, W.

    Parameters
    ----------
    units : int
        Number of outputs.
    weight_init : str, float or callable, optional
        See `numbanet.initializers`; a number is the standard deviation of a Gaussian. By default "he_normal", or
        "lecun_normal" for "ntk". Whichever the parametrisation, it gives the weights `w`.
    bias_init : str, float or callable
        The same for the biases.
    parametrization : {"standard", "ntk"}
        What an optimizer steps on: the weights `w`; or p, where ``w = p / sqrt(fan_in)``, which begins with a variance
        of 1 and has gradients of one size whatever the number of inputs. Networks hold and save `w` in either case, and
        penalties and clipping are of `w`. Source: Jacot, Gabriel and Hongler, arXiv:1806.07572, section 2.
    """

    units: int
    weight_init: Init | None = None
    bias_init: Init = "zeros"
    parametrization: Parametrization = "standard"

    is_affine = True
    backward_takes_output = False

    def __post_init__(self) -> None:
        set_checked(self, units=integer("Affine: units", self.units, 1))
        one_of("Affine: parametrization", self.parametrization, PARAMETRIZATIONS)
        if self.weight_init is None:
            set_checked(self, weight_init=PARAMETRIZATIONS[self.parametrization])
        initializers.get(self._weight_init, "Affine: weight_init")
        initializers.get(self.bias_init, "Affine: bias_init")

    def __repr__(self) -> str:
        more = "" if self.parametrization == "standard" else f", parametrization={self.parametrization!r}"
        return f"{type(self).__name__}(units={self.units!r}, weight_init={self.weight_init!r}{more})"

    @property
    def _weight_init(self) -> Init:
        return cast("Init", self.weight_init)  # which is one by the time that the layer is made

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        fans = math.prod(input_shape), self.units
        unit = 1.0 if self.parametrization == "standard" else 1 / math.sqrt(fans[0])
        weights = Variable("W", fans, initializers.get(self._weight_init), True, fans, unit)
        return weights, Variable("b", (self.units,), initializers.get(self.bias_init), False, fans)

    def fused_with(self, following: Layer) -> Layer | None:
        options = self.units, self.weight_init, self.bias_init, self.parametrization
        return _AffineReLU(*options) if type(following) is ReLU else None

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
