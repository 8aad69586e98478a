"""Layers: what a network is made of.

A layer is a declaration, fixed once made: which shapes it takes and gives, which parameters it has, and which
operations it runs. It holds no arrays, so one may stand in several places or networks. The arrays belong to the network
(`models.Sequential`), and `program.Program` binds them to the operations.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from . import initializers
from ._checks import integer, number, one_of


class Variable(NamedTuple):
    """An array that a layer needs: a parameter that is learnt, or a running average that is kept."""

    name: str
    shape: tuple
    initializer: Callable
    decays: bool = False  # whether the L2 penalty applies: to weights, not to biases, scales and shifts
    fans: tuple = (1, 1)


class Layer:
    """Base of all layers. A layer of your own defines `lower`, and what else differs from the element-wise case."""

    # An element-wise gradient may overwrite the one it is computed from; a product's may not.
    gradient_in_place = True

    def output_shape(self, input_shape):
        """Shape of one example's output; ValueError where the layer cannot take `input_shape`."""
        return input_shape

    def parameters(self, input_shape):
        """The `Variable`s that are learnt."""
        return ()

    def state(self, input_shape):
        """The `Variable`s that training keeps and inference uses."""
        return ()

    def fused_with(self, following):
        """One layer that does the work of this and the following one in one go, or None."""
        return None

    def lower(self, net, x):
        """Bind the operations for one batch.

        Parameters
        ----------
        net : numbanet.program.Program
            Gives `parameter`, `state`, `buffer`, and takes operations by `forward` and `backward`.
        x : ndarray, shape (N, D)
            The batch's input, flattened.

        Returns
        -------
        out : ndarray, shape (N, M)
        backward : function of (dout, dx)
            Adds the operations that turn the gradient `dout` into `dx`; None where there is nothing to do.
        """
        raise TypeError(f"{type(self).__name__} does not define lower(net, x)")


def _set(layer, **values):
    """Put checked values in the place of what the caller gave, in a layer that is being made."""
    for name, value in values.items():
        object.__setattr__(layer, name, value)


@dataclass(frozen=True)
class Affine(Layer):
    """Fully connected: ``x w + b``; an input with several axes is flattened.

    Parameters
    ----------
    units : int
        Number of outputs.
    weight_init : str, float or callable
        See `numbanet.initializers`; a number is the standard deviation of a Gaussian.
    """

    units: int
    weight_init: object = "he_normal"

    gradient_in_place = False

    def __post_init__(self):
        _set(self, units=integer("Affine: units", self.units, 1))
        initializers.get(self.weight_init, "Affine: weight_init")

    def output_shape(self, input_shape):
        return (self.units,)

    def parameters(self, input_shape):
        d = math.prod(input_shape)
        weights = Variable("W", (d, self.units), initializers.get(self.weight_init), True, (d, self.units))
        return weights, Variable("b", (self.units,), initializers.zeros)

    def fused_with(self, following):
        return _AffineReLU(self.units, self.weight_init) if type(following) is ReLU else None

    def lower(self, net, x):
        w, dw = net.parameter("W")
        b, db = net.parameter("b")
        out = net.buffer(self.units)
        net.forward("affine_forward", x, w, b, out)
        return out, lambda dout, dx: net.backward("affine_backward", dout, x, w, dx, dw, db)


class _AffineReLU(Affine):
    def lower(self, net, x):
        w, dw = net.parameter("W")
        b, db = net.parameter("b")
        out = net.buffer(self.units)
        net.forward("affine_relu_forward", x, w, b, out)
        # The gradient before the ReLU takes the place of the one after it.
        return out, lambda dout, dx: net.backward("affine_relu_backward", dout, x, w, out, dout, dx, dw, db)


class _Activation(Layer):
    """An element-wise function: `operation` names its pair, whose backward takes the input or the output."""

    operation = ""
    backward_takes_output = False

    def constants(self):
        return ()

    def lower(self, net, x):
        out = net.buffer(x.shape[1])
        net.forward(f"{self.operation}_forward", x.reshape(-1), *self.constants(), out.reshape(-1))
        seen = out if self.backward_takes_output else x

        def backward(dout, dx):
            arguments = (dout.reshape(-1), seen.reshape(-1), *self.constants(), dx.reshape(-1))
            net.backward(f"{self.operation}_backward", *arguments)

        return out, backward


@dataclass(frozen=True)
class ReLU(_Activation):
    """``max(x, 0)``. Directly after an `Affine` it is computed together with it."""

    operation = "relu"


@dataclass(frozen=True)
class LeakyReLU(_Activation):
    """``x`` where positive, ``negative_slope * x`` elsewhere."""

    negative_slope: float = 0.01
    operation = "leaky_relu"

    def __post_init__(self):
        _set(self, negative_slope=number("LeakyReLU: negative_slope", self.negative_slope, 0, 1))

    def constants(self):
        return (self.negative_slope,)


@dataclass(frozen=True)
class ELU(_Activation):
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere."""

    alpha: float = 1.0
    operation = "elu"
    backward_takes_output = True

    def __post_init__(self):
        _set(self, alpha=number("ELU: alpha", self.alpha, 0, include_high=False))

    def constants(self):
        return (self.alpha,)


@dataclass(frozen=True)
class Sigmoid(_Activation):
    """``1 / (1 + exp(-x))``."""

    operation = "sigmoid"
    backward_takes_output = True


@dataclass(frozen=True)
class Tanh(_Activation):
    """Hyperbolic tangent."""

    operation = "tanh"
    backward_takes_output = True


@dataclass(frozen=True)
class GELU(_Activation):
    """``x Φ(x)``; `approximate` is "none" (exact, through erf) or "tanh", as in PyTorch."""

    approximate: str = "none"

    def __post_init__(self):
        one_of("GELU: approximate", self.approximate, ("none", "tanh"))

    @property
    def operation(self):
        return "gelu" if self.approximate == "none" else "gelu_tanh"


@dataclass(frozen=True)
class SiLU(_Activation):
    """``x * sigmoid(x)``, also called swish."""

    operation = "silu"


class _Normalization(Layer):
    """What batch and layer normalisation share: a scale `gamma` and a shift `beta` for each feature."""

    def _features(self, input_shape):
        if len(input_shape) != 1:
            raise ValueError(f"expected a flat input, (D,), got {input_shape}")
        return input_shape

    def parameters(self, input_shape):
        shape = self._features(input_shape)
        return Variable("gamma", shape, initializers.ones), Variable("beta", shape, initializers.zeros)


@dataclass(frozen=True)
class BatchNorm(_Normalization):
    """Batch normalisation over the examples of a batch; by running averages in inference.

    Parameters
    ----------
    momentum : float
        What the running averages keep at each step: ``running = momentum * running + (1 - momentum) * batch``, as in
        the course. PyTorch's ``momentum`` is one minus this.
    eps : float
        Added to the variance, inside the root.
    """

    momentum: float = 0.9
    eps: float = 1e-5

    def __post_init__(self):
        _set(self, momentum=number("BatchNorm: momentum", self.momentum, 0, 1))
        _set(self, eps=number("BatchNorm: eps", self.eps, 0, include_low=False, include_high=False))

    def state(self, input_shape):
        shape = self._features(input_shape)
        return (
            Variable("running_mean", shape, initializers.zeros),
            Variable("running_var", shape, initializers.ones),
        )

    def lower(self, net, x):
        (gamma, dgamma), (beta, dbeta) = net.parameter("gamma"), net.parameter("beta")
        running = net.state("running_mean"), net.state("running_var")
        out = net.buffer(x.shape[1])
        if not net.training:
            net.forward("batchnorm_inference", x, gamma, beta, *running, self.eps, out)
            return out, None
        if len(x) < 2:
            raise ValueError("batch normalisation learns from two examples or more in a batch, got a batch of one")
        mean, inv_std = np.empty_like(gamma), np.empty_like(gamma)
        net.forward("batchnorm_forward", x, gamma, beta, self.momentum, self.eps, *running, mean, inv_std, out)
        return out, lambda dout, dx: net.backward(
            "batchnorm_backward", dout, x, gamma, mean, inv_std, dx, dgamma, dbeta
        )


@dataclass(frozen=True)
class LayerNorm(_Normalization):
    """Layer normalisation over the features of each example. `eps` is added to the variance, inside the root."""

    eps: float = 1e-5

    def __post_init__(self):
        _set(self, eps=number("LayerNorm: eps", self.eps, 0, include_low=False, include_high=False))

    def lower(self, net, x):
        (gamma, dgamma), (beta, dbeta) = net.parameter("gamma"), net.parameter("beta")
        out = net.buffer(x.shape[1])
        mean, inv_std = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
        net.forward("layernorm_forward", x, gamma, beta, self.eps, mean, inv_std, out)
        return out, lambda dout, dx: net.backward(
            "layernorm_backward", dout, x, gamma, mean, inv_std, dx, dgamma, dbeta
        )


@dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout: in training each value is kept with probability `keep_ratio` and divided by it.

    PyTorch's ``Dropout(p)`` is ``Dropout(keep_ratio=1 - p)``.
    """

    keep_ratio: float

    def __post_init__(self):
        _set(self, keep_ratio=number("Dropout: keep_ratio", self.keep_ratio, 0, 1, include_low=False))

    def lower(self, net, x):
        if not net.training or self.keep_ratio == 1:
            return x, None
        out, key, keep = net.buffer(x.shape[1]), net.random_key(), self.keep_ratio
        net.forward("dropout_forward", x.reshape(-1), key, keep, out.reshape(-1))
        return out, lambda dout, dx: net.backward("dropout_backward", dout.reshape(-1), key, keep, dx.reshape(-1))


ACTIVATIONS = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "gelu": GELU,
    "silu": SiLU,
}
NORMALIZATIONS = {"batchnorm": BatchNorm, "layernorm": LayerNorm}
LAYERS = {layer.__name__: layer for layer in (Affine, Dropout, *ACTIVATIONS.values(), *NORMALIZATIONS.values())}
