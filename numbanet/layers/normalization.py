"""Normalisation by the statistics of a batch, or of each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import initializers
from .._checks import number
from ._shared import Normalization
from .base import Variable, set_checked
from .group_normalization import lower_groupnorm

if TYPE_CHECKING:
    from .._types import FloatArray, Lowered, Shape
    from ..program import Lowering


@dataclass(frozen=True)
class BatchNorm(Normalization):
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

    def __post_init__(self) -> None:
        set_checked(self, momentum=number("BatchNorm: momentum", self.momentum, 0, 1))
        super().__post_init__()

    def state(self, input_shape: Shape) -> tuple[Variable, ...]:
        shape = self._features(input_shape)
        return (
            Variable("running_mean", shape, initializers.zeros),
            Variable("running_var", shape, initializers.ones),
        )

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
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

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.overwritable(dout)
            net.backward(
                "batchnorm_backward",
                *(dout.reshape(rows), x.reshape(rows), gamma, mean, inv_std),
                *(dx.reshape(rows), dgamma, dbeta),
            )
            return dx

        return out, backward


@dataclass(frozen=True)
class LayerNorm(Normalization):
    """Layer normalisation over the features of each example. `eps` is added to the variance, inside the root.

    An image is normalised over its channels and pixels together, with a scale and a shift for each channel: as by
    ``GroupNorm(1)``. PyTorch's ``LayerNorm((C, H, W))`` has a scale and a shift for each pixel of each channel.
    """

    eps: float = 1e-5

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        if x.ndim == 4:
            return lower_groupnorm(net, x, 1, self.eps)
        (gamma, dgamma), (beta, dbeta) = net.parameter("gamma"), net.parameter("beta")
        out = net.buffer(x.shape[1])
        mean, inv_std = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
        net.forward("layernorm_forward", x, gamma, beta, self.eps, mean, inv_std, out)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.overwritable(dout)
            net.backward("layernorm_backward", dout, x, gamma, mean, inv_std, dx, dgamma, dbeta)
            return dx

        return out, backward


NORMALIZATIONS = {"batchnorm": BatchNorm, "layernorm": LayerNorm}
