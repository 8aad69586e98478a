"""Pooling of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._image_shapes import pooling
from ._shared import Windows, short
from .base import CHANNELS_LAST, Layer, pixels, set_checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._types import Array, FloatArray, Lowered, Shape, Size
    from ..program import Lowering


class _Pool(Windows):
    """What both poolings share: `operation` names the pair."""

    operation = ""

    padding: Size

    def __post_init__(self) -> None:
        try:
            kernel_size, stride, padding = pooling(self.kernel_size, self.stride, self.padding)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{type(self).__name__}: {error}") from None
        set_checked(self, kernel_size=kernel_size, stride=stride, padding=padding)

    def _defaults(self) -> dict[str, Any]:
        return {**super()._defaults(), "stride": short(self.kernel_size)}

    def output_shape(self, input_shape: Shape) -> Shape:
        return (pixels(input_shape)[0], *self._windows(input_shape))

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        out, add_backward = self.bound(net, x)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            add_backward(dout, dx)
            return dx

        return out, backward

    def bound(self, net: Lowering, x: FloatArray) -> tuple[FloatArray, Callable[[FloatArray, FloatArray], None]]:
        """The output, and a function of its gradient and `x`'s that adds the operation of the backward pass."""
        height, width, channels = x.shape[1:]
        out = net.buffer(*self._windows((channels, height, width)), channels)
        options, kept = self._pairs[:3], self._kept(net, out)
        net.forward(f"{self.operation}_forward", x, *options, out, *kept)

        def add_backward(dout: FloatArray, dx: FloatArray) -> None:
            net.backward(f"{self.operation}_backward", dout, *kept, *options, dx)

        return out, add_backward

    def _kept(self, net: Lowering, out: FloatArray) -> tuple[Array, ...]:
        """The arrays that forward also writes, for the backward pass."""
        return ()


@dataclass(frozen=True, repr=False)
class MaxPool(_Pool):
    """The maximum of each window and channel. Padding never is the maximum; of equal numbers the first is taken.

    Parameters
    ----------
    kernel_size : int or pair of int
        Rows and columns of the window.
    stride : int or pair of int, optional
        How far it moves; by default its own size, so that windows do not overlap.
    padding : int or pair of int
        Rows and columns on either side, at most half of the window.
    """

    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0

    operation = "max_pool"

    def _kept(self, net: Lowering, out: FloatArray) -> tuple[Array, ...]:
        rows, columns = self._pairs[0]
        numbers = np.min_scalar_type(rows * columns - 1)  # of an element of the window
        return (np.zeros((net.batch if net.training else 0, *out.shape[1:]), numbers),)


@dataclass(frozen=True, repr=False)
class AvgPool(_Pool):
    """The mean of each window and channel; padding counts as zeros, as PyTorch's ``count_include_pad=True`` has it.

    Parameters
    ----------
    kernel_size, stride, padding
        See `MaxPool`.
    """

    kernel_size: Size
    stride: Size | None = None
    padding: Size = 0

    operation = "avg_pool"


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The mean of each channel over all pixels: images (C, H, W) become vectors (C,)."""

    layout = CHANNELS_LAST
    backward_takes_output = False

    def output_shape(self, input_shape: Shape) -> Shape:
        return pixels(input_shape)[:1]

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        out = net.buffer(x.shape[3])
        net.forward("global_avg_pool_forward", x, out)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            net.backward("global_avg_pool_backward", dout, dx)
            return dx

        return out, backward
