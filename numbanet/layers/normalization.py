"""Normalisation by statistics of the batch or of an example."""

from dataclasses import dataclass

import numpy as np

from .. import initializers
from .._checks import integer, number
from .base import CHANNELS_LAST, Layer, Variable, set_checked


class _Normalization(Layer):
    """What all normalisations share: a scale `gamma` and a shift `beta` for each feature, or channel of images."""

    layout = CHANNELS_LAST
    backward_takes_output = False

    def __post_init__(self):
        name = f"{type(self).__name__}: eps"
        set_checked(self, eps=number(name, self.eps, 0, include_low=False, include_high=False))

    def _features(self, input_shape):
        if len(input_shape) not in (1, 3):
            raise ValueError(f"expected a flat input, (D,), or images, (C, H, W), got {input_shape}")
        return input_shape[:1]

    def parameters(self, input_shape):
        shape = self._features(input_shape)
        return Variable("gamma", shape, initializers.ones), Variable("beta", shape, initializers.zeros)


@dataclass(frozen=True)
class BatchNorm(_Normalization):
    """Batch normalisation over the examples of a batch, of images over their pixels too; by running averages in
    inference.

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
        super().__post_init__()

    def state(self, input_shape):
        shape = self._features(input_shape)
        return (
            Variable("running_mean", shape, initializers.zeros),
            Variable("running_var", shape, initializers.ones),
        )

    def lower(self, net, x):
        (gamma, dgamma), (beta, dbeta) = net.parameter("gamma"), net.parameter("beta")
        running = net.state("running_mean"), net.state("running_var")
        out = net.buffer(*x.shape[1:])
        rows = (-1, len(gamma))  # the pixels of images are rows like any other
        if not net.training:
            net.forward("batchnorm_inference", x.reshape(rows), gamma, beta, *running, self.eps, out.reshape(rows))
            return out, None
        if x.size == len(gamma):
            raise ValueError(
                "batch normalisation learns from two examples or more in a batch, got a batch of one"
                + (", of one pixel" if x.ndim == 4 else "")
            )
        mean, inv_std = np.empty_like(gamma), np.empty_like(gamma)
        moments = (self.momentum, self.eps, *running, mean, inv_std)
        net.forward("batchnorm_forward", x.reshape(rows), gamma, beta, *moments, out.reshape(rows))

        def backward(dout):
            dx = net.overwritable(dout)
            net.backward(
                "batchnorm_backward",
                *(dout.reshape(rows), x.reshape(rows), gamma, mean, inv_std),
                *(dx.reshape(rows), dgamma, dbeta),
            )
            return dx

        return out, backward


def _group_norm(net, x, groups, eps):
    """Lower `GroupNorm`, and what is a case of it."""
    (gamma, dgamma), (beta, dbeta) = net.parameter("gamma"), net.parameter("beta")
    out = net.buffer(*x.shape[1:])
    shape = (len(x), -1, len(gamma))
    mean, inv_std = (np.empty((len(x), groups), x.dtype) for _ in range(2))
    net.forward("groupnorm_forward", x.reshape(shape), gamma, beta, groups, eps, mean, inv_std, out.reshape(shape))

    def backward(dout):
        dx = net.overwritable(dout)
        net.backward(
            "groupnorm_backward",
            *(dout.reshape(shape), x.reshape(shape), gamma, mean, inv_std, groups),
            *(dx.reshape(shape), dgamma, dbeta),
        )
        return dx

    return out, backward


@dataclass(frozen=True)
class GroupNorm(_Normalization):
    """Group normalisation: each example over a group of channels and all pixels.

    Parameters
    ----------
    groups : int
        How many groups the channels are cut into: 1 is layer normalisation, as many as channels instance normalisation.
    eps : float
        Added to the variance, inside the root.
    """

    groups: int
    eps: float = 1e-5

    def __post_init__(self):
        set_checked(self, groups=integer("GroupNorm: groups", self.groups, 1))
        super().__post_init__()

    def _features(self, input_shape):
        shape = super()._features(input_shape)
        if shape[0] % self.groups:
            raise ValueError(f"groups: {self.groups} groups do not divide the {shape[0]} channels of {input_shape}")
        return shape

    def lower(self, net, x):
        return _group_norm(net, x, self.groups, self.eps)


@dataclass(frozen=True)
class LayerNorm(_Normalization):
    """Layer normalisation over the features of each example. `eps` is added to the variance, inside the root.

    An image is normalised over its channels and pixels together, with a scale and a shift for each channel: as by
    ``GroupNorm(1)``. PyTorch's ``LayerNorm((C, H, W))`` has a scale and a shift for each pixel of each channel.
    """

    eps: float = 1e-5

    def lower(self, net, x):
        if x.ndim == 4:
            return _group_norm(net, x, 1, self.eps)
        (gamma, dgamma), (beta, dbeta) = net.parameter("gamma"), net.parameter("beta")
        out = net.buffer(x.shape[1])
        mean, inv_std = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
        net.forward("layernorm_forward", x, gamma, beta, self.eps, mean, inv_std, out)

        def backward(dout):
            dx = net.overwritable(dout)
            net.backward("layernorm_backward", dout, x, gamma, mean, inv_std, dx, dgamma, dbeta)
            return dx

        return out, backward


NORMALIZATIONS = {"batchnorm": BatchNorm, "layernorm": LayerNorm}
