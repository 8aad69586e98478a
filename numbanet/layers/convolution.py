"""Convolution of images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import initializers
from .._checks import describe, integer
from .._image_shapes import pair, workspace
from ._shared import Windows, short
from .activations import ReLU
from .base import CHANNELS_LAST, Layer, Variable, pixels, set_checked
from .pooling import MaxPool

if TYPE_CHECKING:
    from typing import Any

    from .._types import FloatArray, Init, Lowered, Padding, Pair, Shape, Size
    from ..program import Lowering


@dataclass(frozen=True, repr=False)
class Conv(Windows):
    """Convolution of images, (C, H, W) to (filters, HO, WO).

    As in the course and PyTorch the filters are not turned round, and
    ``HO = (H + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1``, likewise WO.

    Parameters
    ----------
    filters : int
        Number of channels that come out.
    kernel_size, stride, dilation : int or pair of int
        Size of the window, how far it moves, and how far its taps are apart; for rows and columns.
    padding : int, pair of int, or "same"
        Zeros on either side. None by default, as in PyTorch and Keras; "same" takes as many as let the output have
        ``ceil(H / stride)`` rows, and is for odd kernels.
    groups : int
        Cuts channels and filters into groups, each of which sees its own alone; as many as channels: depthwise.
    bias : bool
        Whether a bias is added; before a normalisation it does nothing.
    weight_init : str, float or callable
        See `numbanet.initializers`; the weights W have the shape (filters, C / groups, rows, columns).
    """

    filters: int
    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: int = 1
    bias: bool = True
    weight_init: Init = "he_normal"

    def __post_init__(self) -> None:
        filters, groups = integer("Conv: filters", self.filters, 1), integer("Conv: groups", self.groups, 1)
        if filters % groups:
            raise ValueError(f"Conv: groups: {groups} groups do not divide {filters} filters")
        if not isinstance(self.bias, (bool, np.bool_)):
            raise TypeError(f"Conv: bias: expected True or False, got {describe(self.bias)}")
        initializers.get(self.weight_init, "Conv: weight_init")
        kernel_size, dilation = (pair(f"Conv: {n}", getattr(self, n), 1) for n in ("kernel_size", "dilation"))
        set_checked(self, filters=filters, groups=groups, bias=bool(self.bias), dilation=dilation)
        set_checked(self, kernel_size=kernel_size, stride=pair("Conv: stride", self.stride, 1), padding=self._padding())

    def _padding(self) -> Pair:
        if not isinstance(self.padding, str):
            return pair("Conv: padding", self.padding, 0)
        if self.padding != "same":
            raise ValueError(f'Conv: padding: expected an integer, a pair of them or "same", got {self.padding!r}')
        kernel_size, dilation = pair("Conv: kernel_size", self.kernel_size, 1), self._pairs[3]
        reach = [d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True)]
        if any(r % 2 for r in reach):
            raise ValueError(f'Conv: padding: "same" is for odd kernels, got kernel_size {short(kernel_size)}')
        return reach[0] // 2, reach[1] // 2

    def output_shape(self, input_shape: Shape) -> Shape:
        channels = pixels(input_shape)[0]
        if channels % self.groups:
            raise ValueError(f"groups: {self.groups} groups do not divide the {channels} channels of {input_shape}")
        return (self.filters, *self._windows(input_shape))

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        kernel_size = self._pairs[0]
        shape = (self.filters, input_shape[0] // self.groups, *kernel_size)
        area = math.prod(kernel_size)
        fans = (shape[1] * area, self.filters // self.groups * area)
        weights = Variable("W", shape, initializers.get(self.weight_init), True, fans)
        return (weights, Variable("b", (self.filters,), initializers.zeros)) if self.bias else (weights,)

    def fused_with(self, following: Layer) -> Layer | None:
        return _ConvReLU(**vars(self)) if type(following) is ReLU else None

    def _bound(self, net: Lowering, x: FloatArray) -> tuple[Any, ...]:
        """Arrays and options that the operations of both ways take."""
        w, dw = net.parameter("W")
        b, db = net.parameter("b") if self.bias else (np.empty(0, x.dtype),) * 2
        out = net.buffer(*self._windows(net.shape), self.filters)
        return w, dw, b, db, out, (self.stride, self.padding, self.dilation, self.groups)

    def _room(self, net: Lowering, w: FloatArray) -> FloatArray:
        """What one operation works in."""
        return net.workspace(workspace(w.shape, self._pairs[3], self.groups))

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        return self._lowered("conv_forward", net, x)

    def _lowered(self, operation: str, net: Lowering, x: FloatArray) -> Any:
        """What `lower` gives for this operation, with the backward pass of the convolution alone."""
        w, dw, b, db, out, options = self._bound(net, x)
        net.forward(operation, x, w, b, *options, self._room(net, w), out)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            net.backward("conv_backward", dout, x, w, *options, self._room(net, w), dx, dw, db)
            return dx

        return out, backward


def _before_relu(net: Lowering, dout: FloatArray, out: FloatArray) -> FloatArray:
    """The gradient before a ReLU, which takes the place of the one after it."""
    dz = net.overwritable(dout)
    net.backward("relu_backward", *(array.reshape(-1) for array in (dout, out, dz)))
    return dz


class _ConvReLU(Conv):
    backward_takes_output = True

    def fused_with(self, following: Layer) -> Layer | None:
        return _ConvReLUMaxPool(self, following) if type(following) is MaxPool else None

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        out, backward = self._lowered("conv_relu_forward", net, x)
        return out, lambda dout: backward(_before_relu(net, dout, out))


class _ConvReLUMaxPool(Layer):
    """The maximum of a window is positive where its gradient passes the ReLU: fewer numbers are looked at."""

    layout = CHANNELS_LAST

    def __init__(self, conv: _ConvReLU, pool: MaxPool) -> None:
        self._conv, self._pool = conv, pool

    def output_shape(self, input_shape: Shape) -> Shape:
        return self._pool.output_shape(self._conv.output_shape(input_shape))

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        out, backward = self._conv._lowered("conv_relu_forward", net, x)
        pooled, unpool = self._pool.bound(net, out)

        def all_backward(dout: FloatArray) -> FloatArray:
            dz = net.buffer(*out.shape[1:])
            unpool(_before_relu(net, dout, pooled), dz)
            return backward(dz)

        return pooled, all_backward
