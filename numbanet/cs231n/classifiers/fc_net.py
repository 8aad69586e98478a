"""The course's ``fc_net.py``: fully connected networks. A star import brings the layers along, as in the course."""

import numpy as np

from numbanet import networks
from numbanet._checks import number
from numbanet._plain import refusing
from numbanet.cs231n import layer_utils, layers
from numbanet.cs231n._params import Penalized, older, speaking
from numbanet.cs231n.layer_utils import *  # noqa: F403
from numbanet.cs231n.layers import *  # noqa: F403

__all__ = ["FullyConnectedNet", "TwoLayerNet", *layer_utils.__all__, *layers.__all__]


class FullyConnectedNet(Penalized, networks.FullyConnectedNet):
    """``{affine - [batch/layer norm] - relu - [dropout]} × L - affine - softmax``.

    Weights are drawn from a seed that follows from the state of ``np.random``. Attributes, methods and errors are those
    of `numbanet.FullyConnectedNet`; `params` is a live mapping and `reg` may be assigned.

    Parameters
    ----------
    hidden_dims : list of int
    input_dim, num_classes : int
    dropout_keep_ratio : float
        Probability to keep a value; 1 is no dropout.
    normalization : {None, "batchnorm", "layernorm"}
    reg : float
        Strength of the L2 penalty on the weights.
    weight_scale : float
        Standard deviation of the initial weights.
    dtype : float32 or float64
    seed : int, optional
        Of dropout: where given, every training pass draws the same masks, as gradient checks need.
    dropout, use_batchnorm : optional
        What assignments before 2021 had in the place of `dropout_keep_ratio` and `normalization`: up to 2017 `dropout`
        was the probability to drop, beside `use_batchnorm`, from 2018 on to keep, beside `normalization`. TypeError
        for a `dropout` between 0 and 1 beside neither.
    """

    @refusing
    def __init__(
        self,
        hidden_dims,
        input_dim=3 * 32 * 32,
        num_classes=10,
        dropout_keep_ratio=1,
        normalization=None,
        reg=0.0,
        weight_scale=1e-2,
        dtype=np.float32,
        seed=None,
        *,
        dropout=None,
        use_batchnorm=None,
    ):
        dropout_keep_ratio, normalization = older(dropout_keep_ratio, normalization, dropout, use_batchnorm)
        with speaking({"reg": "l2"}):
            super().__init__(
                hidden_dims,
                input_dim,
                num_classes,
                normalization=normalization,
                dropout=1 - number("dropout_keep_ratio", dropout_keep_ratio, 0, 1, include_low=False),
                l2=reg,
                weight_scale=weight_scale,
                dtype=dtype,
                seed=np.random.randint(2**31 - 1),  # noqa: NPY002, notebooks call np.random.seed
            )
        if seed is not None:
            self.fixed_dropout = True
            keys = np.random.default_rng(seed).integers(2**63, size=len(self.layers), dtype=np.uint64)
            self.random_keys[:, 0] = keys


class TwoLayerNet(FullyConnectedNet):
    """``affine - relu - affine - softmax``, in float64.

    Parameters
    ----------
    input_dim, hidden_dim, num_classes : int
    weight_scale : float
        Standard deviation of the initial weights.
    reg : float
        Strength of the L2 penalty on the weights.
    """

    @refusing
    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
        super().__init__([hidden_dim], input_dim, num_classes, reg=reg, weight_scale=weight_scale, dtype=np.float64)
