"""numbanet: small and mid-size neural networks, trained fast on laptop CPUs by readable numba kernels."""

from . import data, functional, initializers, kernels, optim, reference, schedules, testing
from ._many import train_many
from ._version import __version__
from ._warmup import warmup
from .errors import CheckpointError, DataError, TrainingDiverged
from .kernels._threads import get_num_threads, set_num_threads
from .layers import (
    ELU,
    GELU,
    Affine,
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool,
    ReLU,
    Residual,
    Sigmoid,
    SiLU,
    Tanh,
)
from .models import Sequential, load_model
from .networks import FullyConnectedNet, SmallResNet, SmallVGG, ThreeLayerConvNet, TwoLayerNet
from .solver import Solver

__all__ = [
    "ELU",
    "GELU",
    "Affine",
    "AvgPool",
    "BatchNorm",
    "CheckpointError",
    "Conv",
    "DataError",
    "Dropout",
    "Flatten",
    "FullyConnectedNet",
    "GlobalAvgPool",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmallResNet",
    "SmallVGG",
    "Solver",
    "Tanh",
    "ThreeLayerConvNet",
    "TrainingDiverged",
    "TwoLayerNet",
    "__version__",
    "data",
    "functional",
    "get_num_threads",
    "initializers",
    "kernels",
    "load",
    "optim",
    "reference",
    "schedules",
    "set_num_threads",
    "testing",
    "train_many",
    "warmup",
]


def load(path, ops=None):
    """Read a network that `Sequential.save` or ``numbanet train`` wrote.

    Parameters
    ----------
    path : str or path-like
    ops : module, optional
        `numbanet.kernels` (the default) or `numbanet.reference`.

    Returns
    -------
    Sequential

    Raises
    ------
    CheckpointError
        Where the file is missing, damaged or something else.
    """
    return load_model(path, ops)[0]
