"""What each feature has of its own: a scale, and a strength of its activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import initializers
from .._checks import describe, one_of
from ._shared import features
from .activations import ACTIVATIONS, Activation
from .base import CHANNELS_LAST, Layer, Variable, set_checked

if TYPE_CHECKING:
    from .._types import FloatArray, Lowered, Shape
    from ..program import Lowering


@dataclass(frozen=True)
class Scale(Layer):
    """``x * scale``, with a number that is learnt for each feature, or channel of images; 1 to begin with.

    Parameters are `scale`, shape (D,). At the front of a network for tables, with a higher learning rate, it chooses
    among features: the scaling layer of RealMLP (arXiv:2407.04491).
    """

    layout = CHANNELS_LAST
    backward_takes_output = False

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        return (Variable("scale", features(input_shape), initializers.ones),)

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        scale, dscale = net.parameter("scale")
        rows = (-1, len(scale))  # the pixels of images are rows like any other
        out = net.buffer(*x.shape[1:]) if net.training else net.overwritable(x)
        net.forward("scale_forward", x.reshape(rows), scale, out.reshape(rows))

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.overwritable(dout) if net.needed else net.gradient(x)
            net.backward("scale_backward", dout.reshape(rows), x.reshape(rows), scale, dx.reshape(rows), dscale)
            return dx

        return out, backward


@dataclass(frozen=True)
class Parametric(Layer):
    """An activation whose strength is learnt for each feature, or channel of images: ``x + (f(x) - x) * strength``.

    Parameters are `strength`, shape (D,): 1 to begin with, which is the activation; 0 would be none. Source: the
    parametric activations of RealMLP (arXiv:2407.04491).

    Parameters
    ----------
    activation : layer or str
        An activation such as ``SELU()``, or the name of one.
    """

    activation: Layer | str

    layout = CHANNELS_LAST
    backward_takes_output = False

    def __post_init__(self) -> None:
        activation = self.activation
        if isinstance(activation, str):
            activation = ACTIVATIONS[one_of("Parametric: activation", activation, ACTIVATIONS)]()
        if isinstance(activation, type) and issubclass(activation, Activation):
            hint = f"the class; write {activation.__name__}()"
            raise TypeError(f"Parametric: activation: expected an activation, got {hint}")
        if not isinstance(activation, Activation):
            expected = "an activation, such as SELU(), or its name"
            raise TypeError(f"Parametric: activation: expected {expected}, got {describe(activation)}")
        set_checked(self, activation=activation)

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        return (Variable("strength", features(input_shape), initializers.ones),)

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        strength, dstrength = net.parameter("strength")
        activation = self.activation
        assert isinstance(activation, Activation)  # since it was made
        rows = (-1, len(strength))
        activated = net.buffer(*x.shape[1:])
        out = net.buffer(*x.shape[1:]) if net.training else activated
        activation.add_forward(net, x, activated)
        net.forward("blend", x.reshape(rows), activated.reshape(rows), strength, out.reshape(rows))

        def backward(dout: FloatArray) -> FloatArray:
            dactivated = net.buffer(*dout.shape[1:])
            activation.add_backward(net, dout, activated if activation.backward_takes_output else x, dactivated)
            arrays = (dout, dactivated, x, activated)
            gradients = dactivated.reshape(rows), dstrength
            net.backward("blend_gradients", *(array.reshape(rows) for array in arrays), strength, *gradients)
            return dactivated

        return out, backward
