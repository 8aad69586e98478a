"""Normalisation by the statistics of groups of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import integer
from ._shared import Normalization
from .base import set_checked

if TYPE_CHECKING:
    from .._types import FloatArray, Lowered, Shape
    from ..program import Lowering


def lower_groupnorm(net: Lowering, x: FloatArray, groups: int, eps: float) -> Lowered:
    """Lower `GroupNorm`, and what is a case of it."""
    (gamma, dgamma), (beta, dbeta) = net.parameter("gamma"), net.parameter("beta")
    out = net.buffer(*x.shape[1:])
    shape = (len(x), -1, len(gamma))
    mean, inv_std = (np.empty((len(x), groups), x.dtype) for _ in range(2))
    net.forward("groupnorm_forward", x.reshape(shape), gamma, beta, groups, eps, mean, inv_std, out.reshape(shape))

    def backward(dout: FloatArray) -> FloatArray:
        dx = net.overwritable(dout)
        net.backward(
            "groupnorm_backward",
            *(dout.reshape(shape), x.reshape(shape), gamma, mean, inv_std, groups),
            *(dx.reshape(shape), dgamma, dbeta),
        )
        return dx

    return out, backward


@dataclass(frozen=True)
class GroupNorm(Normalization):
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

    def __post_init__(self) -> None:
        set_checked(self, groups=integer("GroupNorm: groups", self.groups, 1))
        super().__post_init__()

    def _features(self, input_shape: Shape) -> Shape:
        shape = super()._features(input_shape)
        if shape[0] % self.groups:
            raise ValueError(f"groups: {self.groups} groups do not divide the {shape[0]} channels of {input_shape}")
        return shape

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        return lower_groupnorm(net, x, self.groups, self.eps)
