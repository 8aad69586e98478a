"""Networks by name: layers put together, nothing more."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np

from ._checks import did_you_mean, integer, number, one_of, sequence
from .layers import (
    ACTIVATIONS,
    NORMALIZATIONS,
    Affine,
    BatchNorm,
    Conv,
    Dropout,
    GlobalAvgPool,
    MaxPool,
    ReLU,
    Residual,
)
from .models import Sequential

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from typing_extensions import Unpack

    from ._types import CourseNetworkOptions, DTypeLike, FullyConnectedOptions, Init, NetworkOptions, Shape
    from .layers import Layer


SATURATING = ("sigmoid", "tanh")
OPTIONS = ("loss", "l2", "l2_divided", "dtype", "seed", "ops")  # of `Sequential`
OLDER = {  # keywords that the course had until 2019
    "dropout_keep_ratio": "write dropout=p, with the probability p to drop a value; 0 is no dropout",
    "use_batchnorm": "write normalization='batchnorm', or None",
}


class FullyConnectedNet(Sequential):
    """``{affine - [batch/layer norm] - activation - [dropout]} × L - affine``, the network of CS231n assignment 2.

    Parameters
    ----------
    hidden_dims : list of int
        Width of each hidden layer.
    input_dim, num_classes : int
        Number of features and of scores.
    normalization : {None, "batchnorm", "layernorm"}
    dropout : float
        Probability to drop a value, in [0, 1).
    weight_scale : float, optional
        Standard deviation of Gaussian initial weights, as in the course.
    activation : str
        A name in `numbanet.layers.ACTIVATIONS`, such as "relu", "leaky_relu" or "gelu".
    weight_init : str, float or callable, optional
        See `numbanet.initializers`; it takes the place of `weight_scale`. By default what suits the activation and
        learns at any depth: "xavier_normal" for sigmoid and tanh, "he_normal" for the others.
    bias_init : str, float or callable, optional
        By default "fan_in_uniform" where the weights are left to their default too, "zeros" elsewhere.
    loss, l2, l2_divided, dtype, seed, ops
        See `Sequential`.
    """

    def __init__(
        self,
        hidden_dims: Sequence[int],
        input_dim: int = 3 * 32 * 32,
        num_classes: int = 10,
        *,
        normalization: str | None = None,
        dropout: float = 0.0,
        weight_scale: float | None = None,
        activation: str = "relu",
        weight_init: Init | None = None,
        bias_init: Init | None = None,
        **options: Unpack[NetworkOptions],
    ) -> None:
        _refuse_unknown(FullyConnectedNet, options)
        one_of("normalization", normalization, (None, *NORMALIZATIONS))
        one_of("activation", activation, ACTIVATIONS)
        number("dropout", dropout, 0, 1, include_high=False)
        initial = _initial(weight_init, weight_scale, "xavier_normal" if activation in SATURATING else "he_normal")
        if bias_init is None:
            bias_init = "fan_in_uniform" if weight_init is weight_scale is None else "zeros"
        layers: list[Layer] = []
        for width in sequence("hidden_dims", hidden_dims, "widths"):
            layers.append(Affine(integer("hidden_dims", width, 1), initial, bias_init))
            if normalization:
                layers.append(NORMALIZATIONS[normalization]())
            layers.append(ACTIVATIONS[activation]())
            if dropout > 0:
                layers.append(Dropout(dropout))
        layers.append(_scores(num_classes, initial, bias_init))
        super().__init__(layers, (integer("input_dim", input_dim, 1),), **options)


class TwoLayerNet(FullyConnectedNet):
    """``affine - ReLU - affine``: the two-layer network of CS231n assignment 2."""

    def __init__(
        self,
        input_dim: int = 3 * 32 * 32,
        hidden_dim: int = 100,
        num_classes: int = 10,
        **options: Unpack[FullyConnectedOptions],
    ) -> None:
        super().__init__([hidden_dim], input_dim, num_classes, **options)


class ThreeLayerConvNet(Sequential):
    """``conv - ReLU - 2x2 max pool - affine - ReLU - affine``: the convolutional network of CS231n assignment 2.

    The convolution has stride 1 and ``(kernel_size - 1) // 2`` zeros on either side, so that odd filters keep the size
    of the image. Parameters are W1 (num_filters, C, kernel_size, kernel_size), b1, W2, b2, W3, b3.

    Parameters
    ----------
    input_dim : tuple of int
        ``(C, H, W)``.
    num_filters, kernel_size : int
    hidden_dim : int
        Width of the hidden affine layer.
    num_classes : int
    weight_scale : float, optional
        Standard deviation of Gaussian initial weights, as in the course; by default they are "he_normal".
    l2 : float
        Strength of the L2 penalty on the weights.
    dtype : float32 or float64
    loss, l2_divided, seed, ops
        See `Sequential`.
    """

    def __init__(
        self,
        input_dim: Shape = (3, 32, 32),
        num_filters: int = 32,
        kernel_size: int = 7,
        hidden_dim: int = 100,
        num_classes: int = 10,
        weight_scale: float | None = None,
        l2: float = 0.0,
        dtype: DTypeLike = np.float32,
        **options: Unpack[CourseNetworkOptions],
    ) -> None:
        _refuse_unknown(ThreeLayerConvNet, options)
        kernel_size = integer("kernel_size", kernel_size, 1)
        scale = _initial(None, weight_scale, "he_normal")
        layers = [
            Conv(
                integer("num_filters", num_filters, 1), kernel_size, padding=(kernel_size - 1) // 2, weight_init=scale
            ),
            ReLU(),
            MaxPool(2),
            Affine(integer("hidden_dim", hidden_dim, 1), scale),
            ReLU(),
            _scores(num_classes, scale),
        ]
        super().__init__(layers, input_dim, l2=l2, dtype=dtype, **options)


class SmallVGG(Sequential):
    """``{3x3 conv - batch norm - ReLU - 2x2 max pool} × L - [dropout] - affine``, after VGG.

    Each block halves the image; one of 32 x 32 pixels ends as 4 x 4 after three.

    Parameters
    ----------
    input_dim : tuple of int
        ``(C, H, W)``.
    num_classes : int
    widths : sequence of int
        Number of filters of each block.
    dropout : float
        Probability to drop a value before the affine layer, in [0, 1).
    loss, l2, l2_divided, dtype, seed, ops
        See `Sequential`.

    Notes
    -----
    The ReLU comes after the pooling, where a quarter of the values is left. The largest of the positive parts is the
    positive part of the largest, so that neither scores nor gradients differ from those of the usual order. Source:
    Simonyan and Zisserman, arXiv:1409.1556, with the batch normalisation of arXiv:1502.03167.
    """

    def __init__(
        self,
        input_dim: Shape = (3, 32, 32),
        num_classes: int = 10,
        *,
        widths: Sequence[int] = (32, 64, 128),
        dropout: float = 0.0,
        **options: Unpack[NetworkOptions],
    ) -> None:
        _refuse_unknown(SmallVGG, options)
        layers = []
        for width in _filters(widths):
            layers += [_conv3("widths", width), BatchNorm(), MaxPool(2), ReLU()]
        if number("dropout", dropout, 0, 1, include_high=False) > 0:
            layers.append(Dropout(dropout))
        super().__init__([*layers, _scores(num_classes)], input_dim, **options)


class SmallResNet(Sequential):
    """``3x3 conv - batch norm - ReLU - stages of residual blocks - global average pool - affine``, after ResNet.

    A block is ``3x3 conv - batch norm - ReLU - 3x3 conv - batch norm``, plus its input, and a ReLU. Each stage but the
    first halves the image by the stride of its first block, whose shortcut is a 1x1 convolution with batch norm.

    Parameters
    ----------
    input_dim : tuple of int
        ``(C, H, W)``.
    num_classes : int
    widths : sequence of int
        Number of filters of each stage.
    blocks : int
        Blocks in a stage; with three stages there are ``6 blocks + 2`` layers with weights one after the other.
    loss, l2, l2_divided, dtype, seed, ops
        See `Sequential`.

    Notes
    -----
    Source: He, Zhang, Ren and Sun, arXiv:1512.03385, section 4.2, with their projection shortcuts (B).
    """

    def __init__(
        self,
        input_dim: Shape = (3, 32, 32),
        num_classes: int = 10,
        *,
        widths: Sequence[int] = (16, 32, 64),
        blocks: int = 2,
        **options: Unpack[NetworkOptions],
    ) -> None:
        _refuse_unknown(SmallResNet, options)
        widths = _filters(widths)
        layers = [_conv3("widths", widths[0]), BatchNorm(), ReLU()]
        for stage, width in enumerate(widths):
            for block in range(integer("blocks", blocks, 1)):
                halves = stage > 0 and block == 0
                stride = 2 if halves else 1
                shortcut = [Conv(width, 1, stride, bias=False), BatchNorm()] if halves else []
                branch = [_conv3("widths", width, stride), BatchNorm(), ReLU(), _conv3("widths", width), BatchNorm()]
                layers += [Residual(branch, shortcut), ReLU()]
        super().__init__([*layers, GlobalAvgPool(), _scores(num_classes)], input_dim, **options)


def _refuse_unknown(network: type[Sequential], given: Mapping[str, Any]) -> None:
    """Refuse keywords that the class `network` does not have, the course's older ones in today's words."""
    for name in given:
        if name not in OPTIONS:
            known = [*inspect.signature(network).parameters, *OPTIONS]
            known.remove("options")  # which stands for any other
            hint = OLDER.get(name) or f"there are {', '.join(known)}{did_you_mean(name, known, repr)}"
            raise TypeError(f"{name}: unknown keyword; {hint}")


def _initial(weight_init: Init | None, weight_scale: float | None, default: str) -> Init:
    """The initializer that was asked for, by its name or by the standard deviation of a Gaussian."""
    if weight_init is not None:
        return weight_init
    return default if weight_scale is None else number("weight_scale", weight_scale, 0, include_high=False)


def _scores(num_classes: int, weight_init: Init = "xavier_normal", bias_init: Init = "zeros") -> Affine:
    """The last layer of every network."""
    return Affine(integer("num_classes", num_classes, 1), weight_init, bias_init)


def _filters(widths: Sequence[int]) -> list[int]:
    widths = sequence("widths", widths, "widths")
    if not widths:
        raise ValueError("widths: expected at least one width")
    return widths


def _conv3(name: str, width: int, stride: int = 1) -> Conv:
    """A convolution before a batch norm, which makes a bias of no use; `name` is the argument that `width` is from."""
    return Conv(integer(name, width, 1), 3, stride, padding=1, bias=False)
