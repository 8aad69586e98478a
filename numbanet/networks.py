"""Networks by name: layers put together, nothing more."""

import numpy as np

from ._checks import integer, number, one_of, sequence
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


class FullyConnectedNet(Sequential):
    """``{affine - [batch/layer norm] - activation - [dropout]} × L - affine``, the network of CS231n assignment 2.

    Parameters
    ----------
    hidden_dims : list of int
        Width of each hidden layer.
    input_dim, num_classes : int
        Number of features and of scores.
    normalization : {None, "batchnorm", "layernorm"}
    dropout_keep_ratio : float
        Probability to keep a value, in (0, 1]; 1 is no dropout.
    weight_scale : float
        Standard deviation of the initial weights; `weight_init` takes its place where given.
    activation : str
        One of "relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu".
    weight_init : str or callable, optional
        See `numbanet.initializers`.
    loss, reg, dtype, seed, ops
        See `Sequential`.
    """

    def __init__(
        self,
        hidden_dims,
        input_dim=3 * 32 * 32,
        num_classes=10,
        *,
        normalization=None,
        dropout_keep_ratio=1.0,
        weight_scale=1e-2,
        activation="relu",
        weight_init=None,
        **options,
    ):
        one_of("normalization", normalization, (None, *NORMALIZATIONS))
        one_of("activation", activation, ACTIVATIONS)
        number("dropout_keep_ratio", dropout_keep_ratio, 0, 1, include_low=False)
        initial = number("weight_scale", weight_scale, 0, include_high=False) if weight_init is None else weight_init
        layers = []
        for width in sequence("hidden_dims", hidden_dims, "widths"):
            layers.append(Affine(integer("hidden_dims", width, 1), initial))
            if normalization:
                layers.append(NORMALIZATIONS[normalization]())
            layers.append(ACTIVATIONS[activation]())
            if dropout_keep_ratio < 1:
                layers.append(Dropout(dropout_keep_ratio))
        layers.append(_scores(num_classes, initial))
        super().__init__(layers, (integer("input_dim", input_dim, 1),), **options)


class TwoLayerNet(FullyConnectedNet):
    """``affine - ReLU - affine``: the two-layer network of CS231n assignment 2."""

    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, *, weight_scale=1e-3, **options):
        super().__init__([hidden_dim], input_dim, num_classes, weight_scale=weight_scale, **options)


class ThreeLayerConvNet(Sequential):
    """``conv - ReLU - 2x2 max pool - affine - ReLU - affine``: the convolutional network of CS231n assignment 2.

    The convolution has stride 1 and ``(filter_size - 1) // 2`` zeros on either side, so that odd filters keep the size
    of the picture. Parameters are W1 (num_filters, C, filter_size, filter_size), b1, W2, b2, W3, b3.

    Parameters
    ----------
    input_dim : tuple of int
        ``(C, H, W)``.
    num_filters, filter_size : int
    hidden_dim : int
        Width of the hidden affine layer.
    num_classes : int
    weight_scale : float
        Standard deviation of the initial weights.
    reg : float
        Strength of the L2 penalty on the weights.
    dtype : float32 or float64
    loss, seed, ops
        See `Sequential`.
    """

    def __init__(
        self,
        input_dim=(3, 32, 32),
        num_filters=32,
        filter_size=7,
        hidden_dim=100,
        num_classes=10,
        weight_scale=1e-3,
        reg=0.0,
        dtype=np.float32,
        **options,
    ):
        filter_size = integer("filter_size", filter_size, 1)
        scale = number("weight_scale", weight_scale, 0, include_high=False)
        layers = [
            Conv(integer("num_filters", num_filters, 1), filter_size, pad=(filter_size - 1) // 2, weight_init=scale),
            ReLU(),
            MaxPool(2),
            Affine(integer("hidden_dim", hidden_dim, 1), scale),
            ReLU(),
            _scores(num_classes, scale),
        ]
        super().__init__(layers, input_dim, reg=reg, dtype=dtype, **options)


class SmallVGG(Sequential):
    """``{3x3 conv - batch norm - ReLU - 2x2 max pool} × L - [dropout] - affine``, after VGG.

    Each block halves the picture; one of 32 x 32 pixels ends as 4 x 4 after three.

    Parameters
    ----------
    input_dim : tuple of int
        ``(C, H, W)``.
    num_classes : int
    widths : sequence of int
        Number of filters of each block.
    dropout_keep_ratio : float
        Probability to keep a value before the affine layer, in (0, 1]; 1 is no dropout.
    loss, reg, dtype, seed, ops
        See `Sequential`.

    Notes
    -----
    The ReLU comes after the pooling, where a quarter of the values is left. The largest of the positive parts is the
    positive part of the largest, so that neither scores nor gradients differ from those of the usual order. Source:
    Simonyan and Zisserman, arXiv:1409.1556, with the batch normalisation of arXiv:1502.03167.
    """

    def __init__(
        self,
        input_dim=(3, 32, 32),
        num_classes=10,
        *,
        widths=(32, 64, 128),
        dropout_keep_ratio=1.0,
        **options,
    ):
        layers = []
        for width in _filters(widths):
            layers += [_conv3("widths", width), BatchNorm(), MaxPool(2), ReLU()]
        if number("dropout_keep_ratio", dropout_keep_ratio, 0, 1, include_low=False) < 1:
            layers.append(Dropout(dropout_keep_ratio))
        super().__init__([*layers, _scores(num_classes)], input_dim, **options)


class SmallResNet(Sequential):
    """``3x3 conv - batch norm - ReLU - stages of residual blocks - global average pool - affine``, after ResNet.

    A block is ``3x3 conv - batch norm - ReLU - 3x3 conv - batch norm``, plus its input, and a ReLU. Each stage but the
    first halves the picture by the stride of its first block, whose shortcut is a 1x1 convolution with batch norm.

    Parameters
    ----------
    input_dim : tuple of int
        ``(C, H, W)``.
    num_classes : int
    widths : sequence of int
        Number of filters of each stage.
    blocks : int
        Blocks in a stage; with three stages there are ``6 blocks + 2`` layers with weights one after the other.
    loss, reg, dtype, seed, ops
        See `Sequential`.

    Notes
    -----
    Source: He, Zhang, Ren and Sun, arXiv:1512.03385, section 4.2, with their projection shortcuts (B).
    """

    def __init__(
        self,
        input_dim=(3, 32, 32),
        num_classes=10,
        *,
        widths=(16, 32, 64),
        blocks=2,
        **options,
    ):
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


def _scores(num_classes, weight_init="xavier_normal"):
    """The last layer of every network."""
    return Affine(integer("num_classes", num_classes, 1), weight_init)


def _filters(widths):
    widths = sequence("widths", widths, "widths")
    if not widths:
        raise ValueError("widths: expected at least one width")
    return widths


def _conv3(name, width, stride=1):
    """A convolution before a batch norm, which makes a bias of no use; `name` is the argument that `width` is from."""
    return Conv(integer(name, width, 1), 3, stride, pad=1, bias=False)
