"""What can be asked for by name, as plain data: ``numbanet train --help`` lists it without loading what it names.

The functions and classes stand in `initializers.BY_NAME`, `layers.ACTIVATIONS` and `layers.NORMALIZATIONS`.
"""

from dataclasses import dataclass

from . import operations

ACTIVATIONS = tuple(operations.ACTIVATIONS)
NORMALIZATIONS = ("batchnorm", "layernorm")
INITIALIZERS = (
    "zeros",
    "ones",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
    "xavier_uniform",
    "glorot_normal",
    "glorot_uniform",
    "lecun_normal",
    "orthogonal",
    "fan_in_uniform",
)


@dataclass(frozen=True)
class Rule:
    """One update rule.

    Attributes
    ----------
    operation : str
        Its name in the operation namespaces.
    state : tuple of str
        Names of the arrays it keeps, of the parameters' shape, in the order of the operation's arguments.
    options : dict
        Its options and their defaults.
    scalars : tuple of str
        What the operation takes after the arrays: options, and ``t``, the number of the step.
    """

    operation: str
    state: tuple
    options: dict
    scalars: tuple


_ADAM = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_inside_root": False}
_ADAM_SCALARS = ("learning_rate", "beta1", "beta2", "eps", "weight_decay", "t", "eps_inside_root")
_MOMENTUM = {"learning_rate": 1e-2, "momentum": 0.9}

RULES = {
    "sgd": Rule("sgd_update", (), {"learning_rate": 1e-2}, ("learning_rate",)),
    "sgd_momentum": Rule("momentum_update", ("velocity",), _MOMENTUM, ("learning_rate", "momentum")),
    "nesterov": Rule("nesterov_update", ("velocity",), _MOMENTUM, ("learning_rate", "momentum")),
    "rmsprop": Rule(
        "rmsprop_update",
        ("cache",),
        {"learning_rate": 1e-2, "decay_rate": 0.99, "eps": 1e-8, "eps_inside_root": False},
        ("learning_rate", "decay_rate", "eps", "eps_inside_root"),
    ),
    "adam": Rule("adam_update", ("m", "v"), {**_ADAM, "weight_decay": 0.0}, _ADAM_SCALARS),
    "adamw": Rule("adam_update", ("m", "v"), {**_ADAM, "weight_decay": 1e-2}, _ADAM_SCALARS),
}

# Options that optimizers have besides those of their rules.
COMMON_OPTIONS = {
    "clip_value": None,
    "clip_norm": None,
    "ema_decay": None,
    "learning_rate_factors": None,
    "weight_decay_factors": None,
    "decay_biases": True,
}
