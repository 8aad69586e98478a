"""Convolution and pooling: windows that slide over images."""

import math
from dataclasses import dataclass, fields

import numpy as np

from .. import initializers
from .._checks import describe, integer
from .._image_shapes import pair, pooling, windows, workspace
from .activations import ReLU
from .base import CHANNELS_LAST, Layer, Variable, pixels, set_checked


class _Windows(Layer):
    """What convolution and pooling share. Options that are pairs may be given as one integer."""

    layout = CHANNELS_LAST
    backward_takes_output = False
    dilation = (1, 1)

    def __repr__(self):
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        defaults = {f.name: f.default for f in fields(self)}
        if isinstance(self, _Pool):
            defaults["stride"] = _short(self.kernel_size)
        first = {"filters", "kernel_size"}  # need no names
        shown = [
            f"{_short(value)!r}" if name in first else f"{name}={_short(value)!r}"
            for name, value in values.items()
            if name in first or _short(value) != defaults[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _windows(self, input_shape):
        """How many windows fit, down and across."""
        _, *size = pixels(input_shape)
        return windows("kernel_size", tuple(size), self.kernel_size, self.stride, self.padding, self.dilation)


def _short(value):
    """A pair of the same number twice as that number."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


@dataclass(frozen=True, repr=False)
class Conv(_Windows):
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
    kernel_size: object
    stride: object = 1
    padding: object = 0
    dilation: object = 1
    groups: int = 1
    bias: bool = True
    weight_init: object = "he_normal"

    def __post_init__(self):
        filters, groups = integer("Conv: filters", self.filters, 1), integer("Conv: groups", self.groups, 1)
        if filters % groups:
            raise ValueError(f"Conv: groups: {groups} groups do not divide {filters} filters")
        if not isinstance(self.bias, (bool, np.bool_)):
            raise TypeError(f"Conv: bias: expected True or False, got {describe(self.bias)}")
        initializers.get(self.weight_init, "Conv: weight_init")
        kernel_size, dilation = (pair(f"Conv: {n}", getattr(self, n), 1) for n in ("kernel_size", "dilation"))
        set_checked(self, filters=filters, groups=groups, bias=bool(self.bias), dilation=dilation)
        set_checked(self, kernel_size=kernel_size, stride=pair("Conv: stride", self.stride, 1), padding=self._padding())

    def _padding(self):
        if not isinstance(self.padding, str):
            return pair("Conv: padding", self.padding, 0)
        if self.padding != "same":
            raise ValueError(f'Conv: padding: expected an integer, a pair of them or "same", got {self.padding!r}')
        kernel_size, dilation = pair("Conv: kernel_size", self.kernel_size, 1), self.dilation
        reach = [d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True)]
        if any(r % 2 for r in reach):
            raise ValueError(f'Conv: padding: "same" is for odd kernels, got kernel_size {_short(kernel_size)}')
        return tuple(r // 2 for r in reach)

    def output_shape(self, input_shape):
        channels = pixels(input_shape)[0]
        if channels % self.groups:
            raise ValueError(f"groups: {self.groups} groups do not divide the {channels} channels of {input_shape}")
        return (self.filters, *self._windows(input_shape))

    def parameters(self, input_shape):
        shape = (self.filters, input_shape[0] // self.groups, *self.kernel_size)
        area = math.prod(self.kernel_size)
        fans = (shape[1] * area, self.filters // self.groups * area)
        weights = Variable("W", shape, initializers.get(self.weight_init), True, fans)
        return (weights, Variable("b", (self.filters,), initializers.zeros)) if self.bias else (weights,)

    def fused_with(self, following):
        return _ConvReLU(**vars(self)) if type(following) is ReLU else None

    def _bound(self, net, x):
        """Arrays and options that the operations of both ways take."""
        w, dw = net.parameter("W")
        b, db = net.parameter("b") if self.bias else (np.empty(0, x.dtype),) * 2
        out = net.buffer(*self._windows(net.shape), self.filters)
        return w, dw, b, db, out, (self.stride, self.padding, self.dilation, self.groups)

    def _room(self, net, w):
        """What one operation works in."""
        return net.workspace(workspace(w.shape, self.dilation, self.groups))

    def lower(self, net, x):
        w, dw, b, db, out, options = self._bound(net, x)
        net.forward("conv_forward", x, w, b, *options, self._room(net, w), out)

        def backward(dout):
            dx = net.gradient(x)
            net.backward("conv_backward", dout, x, w, *options, self._room(net, w), dx, dw, db)
            return dx

        return out, backward


class _ConvReLU(Conv):
    backward_takes_output = True

    def lower(self, net, x):
        w, dw, b, db, out, options = self._bound(net, x)
        net.forward("conv_relu_forward", x, w, b, *options, self._room(net, w), out)

        def backward(dout):
            # The gradient before the ReLU takes the place of the one after it.
            dz, dx = net.overwritable(dout), net.gradient(x)
            net.backward("relu_backward", *(array.reshape(-1) for array in (dout, out, dz)))
            net.backward("conv_backward", dz, x, w, *options, self._room(net, w), dx, dw, db)
            return dx

        return out, backward


class _Pool(_Windows):
    """What both poolings share: `operation` names the pair."""

    operation = ""

    def __post_init__(self):
        try:
            kernel_size, stride, padding = pooling(self.kernel_size, self.stride, self.padding)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{type(self).__name__}: {error}") from None
        set_checked(self, kernel_size=kernel_size, stride=stride, padding=padding)

    def output_shape(self, input_shape):
        return (pixels(input_shape)[0], *self._windows(input_shape))

    def lower(self, net, x):
        out = net.buffer(*self._windows(net.shape), x.shape[3])
        options, kept = (self.kernel_size, self.stride, self.padding), self._kept(net, out)
        net.forward(f"{self.operation}_forward", x, *options, out, *kept)

        def backward(dout):
            dx = net.gradient(x)
            net.backward(f"{self.operation}_backward", dout, *kept, *options, dx)
            return dx

        return out, backward

    def _kept(self, net, out):
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

    kernel_size: object
    stride: object = None
    padding: object = 0

    operation = "max_pool"

    def _kept(self, net, out):
        rows, columns = self.kernel_size
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

    kernel_size: object
    stride: object = None
    padding: object = 0

    operation = "avg_pool"


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The mean of each channel over all pixels: images (C, H, W) become vectors (C,)."""

    layout = CHANNELS_LAST
    backward_takes_output = False

    def output_shape(self, input_shape):
        return pixels(input_shape)[:1]

    def lower(self, net, x):
        out = net.buffer(x.shape[3])
        net.forward("global_avg_pool_forward", x, out)

        def backward(dout):
            dx = net.gradient(x)
            net.backward("global_avg_pool_backward", dout, dx)
            return dx

        return out, backward
