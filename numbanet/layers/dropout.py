"""Dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._checks import number
from .base import EITHER, Layer, set_checked

if TYPE_CHECKING:
    from .._types import FloatArray, Lowered
    from ..program import Lowering


@dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout: in training each value is dropped with probability `rate`, the others divided by ``1 - rate``.

    `rate`, in [0, 1), is what Keras calls so too, and PyTorch ``p``; the course counts what is kept.
    """

    rate: float

    layout = EITHER
    backward_takes_output = False

    def __post_init__(self) -> None:
        set_checked(self, rate=number("Dropout: rate", self.rate, 0, 1, include_high=False))

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        if not net.training or self.rate == 0:
            return x, None
        out, key, rate = net.overwritable(x), net.random_key(), self.rate
        net.forward("dropout_forward", x.reshape(-1), key, rate, out.reshape(-1))

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.overwritable(dout)
            net.backward("dropout_backward", dout.reshape(-1), key, rate, dx.reshape(-1))
            return dx

        return out, backward
