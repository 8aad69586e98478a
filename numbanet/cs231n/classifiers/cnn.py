"""The course's ``cnn.py``: a convolutional network. A star import brings the layers along, as in the course."""

import numpy as np

from numbanet import networks
from numbanet._plain import refusing
from numbanet.cs231n import _fast, layer_utils, layers
from numbanet.cs231n._fast import *  # noqa: F403
from numbanet.cs231n._params import Penalized, speaking
from numbanet.cs231n.layer_utils import *  # noqa: F403
from numbanet.cs231n.layers import *  # noqa: F403

__all__ = ["ThreeLayerConvNet", *_fast.__all__, *layer_utils.__all__, *layers.__all__]


class ThreeLayerConvNet(Penalized, networks.ThreeLayerConvNet):
    """``conv - relu - 2x2 max pool - affine - relu - affine - softmax``.

    Weights are drawn from a seed that follows from the state of ``np.random``. Attributes, methods and errors are those
    of `numbanet.ThreeLayerConvNet`.

    Parameters
    ----------
    input_dim : tuple of int
        ``(C, H, W)``.
    num_filters, filter_size, hidden_dim, num_classes : int
    weight_scale : float
        Standard deviation of the initial weights.
    reg : float
        Strength of the L2 penalty on the weights.
    dtype : float32 or float64
    """

    @refusing
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
    ):
        with speaking({"filter_size": "kernel_size", "reg": "l2"}):
            super().__init__(
                input_dim,
                num_filters,
                filter_size,
                hidden_dim,
                num_classes,
                weight_scale,
                reg,
                dtype,
                seed=np.random.randint(2**31 - 1),  # noqa: NPY002, notebooks call np.random.seed
            )
