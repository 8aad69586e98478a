"""The networks that ``numbanet train`` knows by name, their options and what these are by default.

A network's class is imported when one is built: ``numbanet train --help`` needs the table alone.
"""

import math
from dataclasses import dataclass, field

from ..errors import DataError


@dataclass(frozen=True)
class Model:
    """A kind of network.

    Attributes
    ----------
    build : callable
        Given the settled arguments, the shape of an example, the number of classes and the keywords that all networks
        take, it returns a network. None for tables, which `_tabular` trains.
    own : dict
        Options that not all models have, by the names that the arguments have them under, with their defaults; None
        is for a table what its preset says.
    shared : dict
        Defaults of options that all have, where they differ from `SHARED`.
    rule_options : dict
        Defaults of options of the update rule, where its own are not the best.
    """

    build: object
    own: dict
    shared: dict = field(default_factory=dict)
    rule_options: dict = field(default_factory=dict)


def _fully_connected(arguments, shape, classes, common):
    from ..networks import FullyConnectedNet

    return FullyConnectedNet(
        arguments.hidden,
        math.prod(shape),
        classes,
        normalization=None if arguments.normalization == "none" else arguments.normalization,
        dropout=arguments.dropout,
        activation=arguments.activation,
        weight_init=arguments.weight_init,
        **common,
    )


def _three_layer_convnet(arguments, shape, classes, common):
    from ..networks import ThreeLayerConvNet

    return ThreeLayerConvNet(
        shape,
        num_filters=arguments.filters,
        kernel_size=arguments.kernel_size,
        hidden_dim=arguments.hidden[0],
        num_classes=classes,
        weight_scale=1e-3,  # the course's
        **common,
    )


def _small_vgg(arguments, shape, classes, common):
    from ..networks import SmallVGG

    options = {"widths": arguments.widths, "dropout": arguments.dropout}
    return SmallVGG(shape, classes, **options, **common)


def _small_resnet(arguments, shape, classes, common):
    from ..networks import SmallResNet

    return SmallResNet(shape, classes, widths=arguments.widths, blocks=arguments.blocks, **common)


SHARED = {
    "optimizer": "adam",
    "l2": 0.0,
    "lr_schedule": "cosine",
    "batch_size": 32,
    "epochs": 40,
    "monitor": "val_loss",
}
MODELS = {
    "tabular": Model(
        None,
        {
            "preset": "ensemble",
            "recipe": {},
            **dict.fromkeys(("hidden", "dropout", "activation", "label_smoothing", "n_members", "n_packed")),
            "drop": [],
            "categorical": [],
            "dates": [],
            "id": None,
            "decimal": None,
        },
        dict.fromkeys(SHARED),
    ),
    "fully-connected": Model(
        _fully_connected,
        {
            "hidden": [256, 256],
            "normalization": "batchnorm",
            "dropout": 0.0,
            "activation": "relu",
            "weight_init": "he_normal",
        },
    ),
    "three-layer-convnet": Model(
        _three_layer_convnet,
        {"filters": 32, "kernel_size": 7, "hidden": [100]},
        {"l2": 1e-4, "batch_size": 50, "epochs": 20},
    ),
    "small-vgg": Model(
        _small_vgg,
        {"widths": [32, 64, 128], "dropout": 0.0},
        {"batch_size": 128, "epochs": 10},
        {"learning_rate": 3e-3},
    ),
    "small-resnet": Model(
        _small_resnet,
        {"widths": [16, 32, 64], "blocks": 2},
        {"optimizer": "nesterov", "l2": 5e-4, "batch_size": 128, "epochs": 20},
        {"learning_rate": 0.1},
    ),
}


def build(arguments, shape, classes, source):
    """The network that the settled arguments ask for, for examples of `shape`.

    Raises
    ------
    DataError
        Where a network for images is asked for and `source` holds none, or too small ones.
    """
    common = {"l2": arguments.l2, "loss": arguments.loss, "dtype": arguments.dtype, "seed": arguments.seed}
    if arguments.model != "fully-connected":
        shape = image_shape(f"--model {arguments.model}", shape, source)
    try:
        return MODELS[arguments.model].build(arguments, shape, classes, common)
    except ValueError as error:
        raise DataError(f"--model {arguments.model}: {source}: {error}") from None


def image_shape(option, shape, source):
    """The shape of an example as (C, H, W); DataError, where it is no image's, that names the option."""
    if len(shape) not in (2, 3):
        raise DataError(
            f"{option} is for images, of shape (H, W) or (C, H, W); {source} holds examples of shape {tuple(shape)}"
        )
    return (1, *shape) if len(shape) == 2 else tuple(shape)
