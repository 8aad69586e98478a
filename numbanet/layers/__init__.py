"""Layers: what a network is made of.

A layer is a declaration, fixed once made: which shapes it takes and gives, which parameters it has, and which
operations it runs. It holds no arrays, so one may stand in several places or networks. The arrays belong to the network
(`models.Sequential`), and `program.Program` binds them to the operations.
"""

from .activations import ACTIVATIONS, ELU, GELU, Dropout, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from .affine import Affine
from .base import Layer, Variable
from .normalization import NORMALIZATIONS, BatchNorm, LayerNorm

# By the names that files have for them.
LAYERS = {layer.__name__: layer for layer in (Affine, Dropout, *ACTIVATIONS.values(), *NORMALIZATIONS.values())}

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "LAYERS",
    "NORMALIZATIONS",
    "Affine",
    "BatchNorm",
    "Dropout",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Tanh",
    "Variable",
]
