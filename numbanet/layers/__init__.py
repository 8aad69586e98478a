"""Layers: what a network is made of.

A layer is a declaration, fixed once made: which shapes it takes and gives, which parameters it has, and which
operations it runs. It holds no arrays, so one may stand in several places or networks. The arrays belong to the network
(`models.Sequential`), and `program.Program` binds them to the operations.
"""

from . import activations
from .activations import *  # noqa: F403
from .activations import ACTIVATIONS
from .affine import Affine
from .base import CHANNELS_FIRST, CHANNELS_LAST, EITHER, Layer, Placed, Variable, place
from .convolution import Conv
from .dropout import Dropout
from .embedding import Embedding, PeriodicEmbedding
from .group_normalization import GroupNorm
from .members import MemberAffine, Members
from .normalization import NORMALIZATIONS, BatchNorm, LayerNorm
from .pooling import AvgPool, GlobalAvgPool, MaxPool
from .scaling import Parametric, Scale
from .structure import Columns, Flatten, Residual, checked_layers, reordering

_TABLES = (Scale, Parametric, PeriodicEmbedding, Embedding, Columns, Members, MemberAffine)
_IMAGES = (Conv, MaxPool, AvgPool, GlobalAvgPool, GroupNorm, Flatten, Residual)
# By the names that files have for them.
LAYERS = {
    layer.__name__: layer
    for layer in (Affine, Dropout, *ACTIVATIONS.values(), *NORMALIZATIONS.values(), *_IMAGES, *_TABLES)
}

__all__ = [
    "ACTIVATIONS",
    "CHANNELS_FIRST",
    "CHANNELS_LAST",
    "EITHER",
    "LAYERS",
    "NORMALIZATIONS",
    "Affine",
    "AvgPool",
    "BatchNorm",
    "Columns",
    "Conv",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "MaxPool",
    "MemberAffine",
    "Members",
    "Parametric",
    "PeriodicEmbedding",
    "Placed",
    "Residual",
    "Scale",
    "Variable",
    "checked_layers",
    "place",
    "reordering",
]
__all__ += activations.__all__
