"""numbanet: small and mid-size neural networks, trained fast on laptop CPUs by readable numba kernels.

Importing it takes no time: each name is imported when it is first used, numba with the first that needs kernels.
"""

from __future__ import annotations

from . import _early  # before what takes longer

if _early.is_command():
    _early.quiet()

import importlib
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ._version import __version__
from .errors import CheckpointError, DataError, MissingExtraError, SettingError, TrainingDiverged
from .operations import public_names

if TYPE_CHECKING:  # what `__getattr__` imports when it is first asked for
    from collections.abc import Sequence
    from typing import Any

    from . import (
        callbacks,
        data,
        functional,
        initializers,
        kernels,
        losses,
        metrics,
        optim,
        plotting,
        reference,
        schedules,
        tabular,
        testing,
    )
    from ._finder import learning_rate_finder
    from ._kernel import kernel
    from ._many import train_many
    from ._members_loss import MembersLoss
    from ._types import Ops, StrPath
    from ._warmup import warmup
    from .layers import (
        Affine,
        AvgPool,
        BatchNorm,
        Columns,
        Conv,
        Dropout,
        Embedding,
        Flatten,
        GlobalAvgPool,
        GroupNorm,
        Layer,
        LayerNorm,
        MaxPool,
        MemberAffine,
        Members,
        Parametric,
        PeriodicEmbedding,
        Residual,
        Scale,
        activations,
    )
    from .layers.activations import *  # noqa: F403
    from .losses import *  # noqa: F403
    from .losses import Loss
    from .models import Sequential
    from .networks import FullyConnectedNet, SmallResNet, SmallVGG, ThreeLayerConvNet, TwoLayerNet
    from .runtime.threads import get_num_threads, set_num_threads
    from .training.solver import Solver
    from .tuning.sweeps import sweep

__all__ = [
    "Affine",
    "AvgPool",
    "BatchNorm",
    "CheckpointError",
    "Columns",
    "Conv",
    "DataError",
    "Dropout",
    "Embedding",
    "Flatten",
    "FullyConnectedNet",
    "GlobalAvgPool",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "Loss",
    "MaxPool",
    "MemberAffine",
    "Members",
    "MembersLoss",
    "MissingExtraError",
    "Parametric",
    "PeriodicEmbedding",
    "Residual",
    "Scale",
    "Sequential",
    "SettingError",
    "SmallResNet",
    "SmallVGG",
    "Solver",
    "ThreeLayerConvNet",
    "TrainingDiverged",
    "TwoLayerNet",
    "__version__",
    "callbacks",
    "data",
    "functional",
    "get_num_threads",
    "initializers",
    "kernel",
    "kernels",
    "learning_rate_finder",
    "load",
    "losses",
    "metrics",
    "optim",
    "plotting",
    "reference",
    "schedules",
    "set_num_threads",
    "sweep",
    "tabular",
    "testing",
    "train_many",
    "warmup",
]
if TYPE_CHECKING:
    __all__ += activations.__all__
    __all__ += losses.__all__  # type: ignore[has-type]  # a circle of imports
else:
    __all__ += public_names("activations")
    __all__ += public_names("losses")

_IN = {
    "_finder": ("learning_rate_finder",),
    "_kernel": ("kernel",),
    "_many": ("train_many",),
    "_members_loss": ("MembersLoss",),
    "_warmup": ("warmup",),
    "runtime.threads": ("get_num_threads", "set_num_threads"),
    "layers": (
        *public_names("activations"),
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
        "Residual",
        "Scale",
    ),
    "losses": ("Loss", *public_names("losses")),
    "models": ("Sequential",),
    "networks": ("FullyConnectedNet", "SmallResNet", "SmallVGG", "ThreeLayerConvNet", "TwoLayerNet"),
    "training.solver": ("Solver",),
    "tuning.sweeps": ("sweep",),
}
_MODULE_OF = {name: module for module, names in _IN.items() for name in names}


if not TYPE_CHECKING:  # who would take any name for one that there is

    def __getattr__(name: str) -> object:
        if name in _MODULE_OF:
            value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
        elif not name.startswith("_") and "." not in name and find_spec(f"{__name__}.{name}"):
            value = importlib.import_module(f".{name}", __name__)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load(path: StrPath, ops: Ops | None = None, custom: Sequence[type[Layer] | type[Loss]] = ()) -> Any:
    """Read what `Sequential.save`, `TableModel.save`, `Solver.save` or ``numbanet train`` wrote.

    Parameters
    ----------
    path : str or path-like
        A file, or the folder of a run of ``numbanet train``; of a state of training, the network that was best is read.
    ops : module, optional
        `numbanet.kernels` (the default) or `numbanet.reference`.
    custom : sequence of classes, optional
        Layers and losses of your own that the network is made of. Those of modules that have been imported are found
        without it; reading a file never imports one.

    Returns
    -------
    Sequential or TableModel
        With `class_names` and `feature_names`, where the file has them. A `TableModel` takes raw rows.

    Raises
    ------
    CheckpointError
        Where the file is missing, damaged or something else, or made with a class of your own that is not there.
    """
    from .loading import load_model

    return load_model(path, ops, custom)[0]
