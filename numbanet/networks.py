"""Networks by name: layers put together, nothing more."""

import numpy as np

from ._checks import integer, number, one_of, sequence
from .layers import ACTIVATIONS, NORMALIZATIONS, Affine, Dropout
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
    reg : float
        Strength of the L2 penalty on the weights.
    weight_scale : float
        Standard deviation of the initial weights; `weight_init` takes its place where given.
    activation : str
        One of "relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "silu".
    weight_init : str or callable, optional
        See `numbanet.initializers`.
    loss, dtype, seed, ops
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
        reg=0.0,
        weight_scale=1e-2,
        activation="relu",
        weight_init=None,
        loss="softmax",
        dtype=np.float32,
        seed=None,
        ops=None,
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
        layers.append(Affine(integer("num_classes", num_classes, 1), initial))
        input_dim = integer("input_dim", input_dim, 1)
        super().__init__(layers, (input_dim,), loss=loss, reg=reg, dtype=dtype, seed=seed, ops=ops)


class TwoLayerNet(FullyConnectedNet):
    """``affine - ReLU - affine``: the two-layer network of CS231n assignment 2."""

    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, *, weight_scale=1e-3, **options):
        super().__init__([hidden_dim], input_dim, num_classes, weight_scale=weight_scale, **options)
