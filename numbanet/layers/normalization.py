"""Normalisation by statistics of the batch or of an example."""

from dataclasses import dataclass

import numpy as np

from .. import initializers
from .._checks import number
from .base import Layer, Variable, set_checked


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
        set_checked(self, momentum=number("BatchNorm: momentum", self.momentum, 0, 1))
        set_checked(self, eps=number("BatchNorm: eps", self.eps, 0, include_low=False, include_high=False))

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
        set_checked(self, eps=number("LayerNorm: eps", self.eps, 0, include_low=False, include_high=False))

    def lower(self, net, x):
        (gamma, dgamma), (beta, dbeta) = net.parameter("gamma"), net.parameter("beta")
        out = net.buffer(x.shape[1])
        mean, inv_std = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
        net.forward("layernorm_forward", x, gamma, beta, self.eps, mean, inv_std, out)
        return out, lambda dout, dx: net.backward(
            "layernorm_backward", dout, x, gamma, mean, inv_std, dx, dgamma, dbeta
        )


NORMALIZATIONS = {"batchnorm": BatchNorm, "layernorm": LayerNorm}
