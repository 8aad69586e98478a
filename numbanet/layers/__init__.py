"""Layers: what a network is made of.

A layer is a declaration, fixed once made: which shapes it takes and gives, which parameters it has, and which
operations it runs. It holds no arrays, so one may stand in several places or networks. The arrays belong to the network
(`models.Sequential`), and `program.Program` binds them to the operations.
"""

from .activations import ACTIVATIONS, ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from .affine import Affine
from .base import CHANNELS_FIRST, CHANNELS_LAST, EITHER, Layer, Placed, Variable, place
from .convolution import Conv
from .dropout import Dropout
from .group_normalization import GroupNorm
from .normalization import NORMALIZATIONS, BatchNorm, LayerNorm
from .pooling import AvgPool, GlobalAvgPool, MaxPool
from .structure import Flatten, Residual, checked_layers, reordering

_IMAGES = (Conv, MaxPool, AvgPool, GlobalAvgPool, GroupNorm, Flatten, Residual)
# By the names that files have for them.
LAYERS = {
    layer.__name__: layer for layer in (Affine, Dropout, *ACTIVATIONS.values(), *NORMALIZATIONS.values(), *_IMAGES)
}

__all__ = [
    "ACTIVATIONS",
    "CHANNELS_FIRST",
    "CHANNELS_LAST",
    "EITHER",
    "ELU",
    "GELU",
    "LAYERS",
    "NORMALIZATIONS",
    "Affine",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool",
    "Placed",
    "ReLU",
    "Residual",
    "SiLU",
    "Sigmoid",
    "Tanh",
    "Variable",
    "checked_layers",
    "place",
    "reordering",
]
