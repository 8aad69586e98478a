"""Recipes for tables: every part of the network and of its training is an option, and presets are named sets of them.

Sources: Holzmüller, Grinsztajn and Steinwart, "Better by default", arXiv:2407.04491 (RealMLP: TD and the simpler
TD-S); Gorishniy, Kotelnikov and Babenko, "TabM", arXiv:2410.24210 (members that share their weights).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._checks import boolean, did_you_mean, integer, known_keys, mapping, number, one_of, sequence
from ..layers import ACTIVATIONS
from ..schedules import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from .._types import Task

    Scaling = Literal["robust", "standard", "none"]

TASKS = ("classification", "regression")
# Kinds of parameters, and RealMLP's factors of the learning rate: of biases, the scales in front, strengths of
# activations, and embeddings of numbers; likewise of the scalings of members.
KINDS = ("W", "b", "scale", "strength", "frequency", "phase", "V", "c", "E", "r", "s")
FACTORS = {
    "b": 0.1,
    "scale": 6.0,
    "strength": 0.1,
    "frequency": 0.1,
    "phase": 0.1,
    "V": 0.1,
    "c": 0.1,
    "r": 0.1,
    "s": 0.1,
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How tables are learnt. `recipe` makes one from a preset.

    Attributes
    ----------
    task : {"classification", "regression"}
    numbers : {"robust", "standard", "none"}
        How columns of numbers are scaled; see `numbanet.data.TablePreprocessor`, as of the next two.
    clip : float
        Where scaled numbers are clipped to, smoothly; 0 is not at all.
    max_one_hot : int
        The most categories of a column that has a column of its own for each of them; those of others are embedded.
    embedding_units : int
        Numbers that the category of such a column becomes; 0 gives all categories columns of their own.
    number_embedding : {"periodic", "none"}
        Whether each number becomes several, by `numbanet.PeriodicEmbedding`.
    front_scale : bool
        Whether a `numbanet.Scale` weighs the inputs.
    hidden_sizes : tuple of int
        Width of each hidden layer.
    activation : str
        A name in `numbanet.layers.ACTIVATIONS`.
    parametric : bool
        Whether how much of the activation there is is learnt; `numbanet.Parametric`.
    ntk : bool
        Whether weights are learnt as ``p / sqrt(fan_in)``; else they begin as drawn by He.
    data_init : bool
        Whether initial weights and biases are fitted to the training data (`numbanet.initializers.fit_to_data`).
    zero_last : bool
        Whether the last layer begins with zeros.
    dropout, dropout_schedule : float and str
        Probability to drop a hidden value, and how it changes; see `numbanet.schedules`.
    label_smoothing : float
        Part of the target that all classes get alike.
    clamp : bool
        Whether predicted numbers stay within those of training.
    learning_rate, schedule : float and str
    learning_rate_factors : dict
        Of kinds of parameters.
    beta2 : float
        Of AdamW.
    weight_decay, weight_decay_schedule : float and str
    decay_biases : bool
        Whether the weight decay applies to biases and scales, too.
    epochs : int
    batch_size : int
        0 is by the rows: a power of two from 64 to 1,024 that makes 64 batches of them, or more.
    drop_last : bool
        Whether to leave out what does not fill a batch, where there is more than one.
    monitor : {"loss", "score"}
        Whether the epoch whose weights are kept is the one with the best loss on the validation data, or the best
        accuracy or R².
    patience : int
        Epochs without a gain after which training stops; 0 is never.
    n_members : int
        Networks in one, which share their weights but for scalings of their own (`numbanet.Members`); 1 is a plain one.
    n_packed : int
        Networks by themselves, each trained on a core of its own, whose predictions are averaged.
    """

    task: Task
    numbers: Scaling = "standard"
    clip: float = 0.0
    max_one_hot: int = 9
    embedding_units: int = 0
    number_embedding: str = "none"
    front_scale: bool = False
    hidden_sizes: tuple[int, ...] = (256, 256, 256)
    activation: str = "relu"
    parametric: bool = False
    ntk: bool = False
    data_init: bool = False
    zero_last: bool = False
    dropout: float = 0.0
    dropout_schedule: str = "constant"
    label_smoothing: float = 0.0
    clamp: bool = False
    learning_rate: float = 1e-3
    schedule: str = "cooldown"
    learning_rate_factors: Mapping[str, float] = field(default_factory=dict)
    beta2: float = 0.999
    weight_decay: float = 0.0
    weight_decay_schedule: str = "constant"
    decay_biases: bool = False
    epochs: int = 256
    batch_size: int = 256
    drop_last: bool = False
    monitor: str = "loss"
    patience: int = 0
    n_members: int = 1
    n_packed: int = 1

    def __post_init__(self) -> None:
        one_of("task", self.task, TASKS)
        checked: dict[str, Any] = {
            "numbers": one_of("numbers", self.numbers, ("robust", "standard", "none")),
            "number_embedding": one_of("number_embedding", self.number_embedding, ("periodic", "none")),
            "activation": one_of("activation", self.activation, ACTIVATIONS),
            "monitor": one_of("monitor", self.monitor, ("loss", "score")),
            "hidden_sizes": tuple(
                integer("hidden_sizes", size, 1) for size in sequence("hidden_sizes", self.hidden_sizes, "widths")
            ),
        }
        factors = mapping("learning_rate_factors", self.learning_rate_factors, "factors")
        known_keys("learning_rate_factors", factors, KINDS)
        checked["learning_rate_factors"] = {
            kind: number(f"learning_rate_factors: {kind}", factor, 0, include_high=False)
            for kind, factor in factors.items()
        }
        for name in ("learning_rate", "clip", "weight_decay"):
            checked[name] = number(name, getattr(self, name), 0, include_high=False)
        for name in ("dropout", "label_smoothing", "beta2"):
            checked[name] = number(name, getattr(self, name), 0, 1, include_high=False)
        for name in ("epochs", "n_members", "n_packed"):
            checked[name] = integer(name, getattr(self, name), 1)
        for name in ("max_one_hot", "embedding_units", "batch_size", "patience"):
            checked[name] = integer(name, getattr(self, name), 0)
        for name in ("schedule", "dropout_schedule", "weight_decay_schedule"):
            checked[name] = one_of(name, getattr(self, name), BY_NAME)
        for name in FLAGS:
            checked[name] = boolean(name, getattr(self, name))
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def classifies(self) -> bool:
        """Whether it is for classes."""
        return self.task == "classification"

    @property
    def description(self) -> dict[str, Any]:
        """All options, as JSON can hold them."""
        return {**dataclasses.asdict(self), "hidden_sizes": list(self.hidden_sizes)}


FLAGS = [each.name for each in dataclasses.fields(Recipe) if each.type == "bool"]
OPTIONS = [each.name for each in dataclasses.fields(Recipe) if each.name != "task"]


def _realmlp(task: Task) -> dict[str, Any]:
    """What TD-S and TD have in common."""
    kind = {"activation": "selu", "label_smoothing": 0.1} if task == "classification" else {"activation": "mish"}
    return {
        **kind,
        "numbers": "robust",
        "clip": 3.0,
        "front_scale": True,
        "ntk": True,
        "schedule": "coslog4",
        "learning_rate_factors": FACTORS,
        "beta2": 0.95,
        "drop_last": True,
        "monitor": "score",
    }


def _td_s(task: Task) -> dict[str, Any]:
    return {**_realmlp(task), "zero_last": True, "learning_rate": 0.04 if task == "classification" else 0.07}


def _td(task: Task) -> dict[str, Any]:
    return {
        **_realmlp(task),
        "embedding_units": 8,
        "number_embedding": "periodic",
        "parametric": True,
        "data_init": True,
        "dropout": 0.15,
        "dropout_schedule": "flat_cosine",
        "weight_decay": 0.02,
        "weight_decay_schedule": "flat_cosine",
        "clamp": task == "regression",
        "learning_rate": 0.04 if task == "classification" else 0.2,
    }


def _fast(task: Task) -> dict[str, Any]:
    """TD with less of everything: where rows are few, more steps mostly fit what is chance."""
    return {
        **_td(task),
        "hidden_sizes": (128, 128),
        "schedule": "one_cycle",
        "epochs": 24,
        "batch_size": 0,
        "drop_last": False,
        "monitor": "loss",
    }


def _ensemble(task: Task) -> dict[str, Any]:
    return {**_fast(task), "n_packed": 8}


def _mlp(task: Task) -> dict[str, Any]:
    return {}


PRESETS = {"ensemble": _ensemble, "fast": _fast, "td": _td, "td-s": _td_s, "mlp": _mlp}
DEFAULT = "ensemble"


def recipe(preset: str = DEFAULT, task: Task = "classification", **options: Any) -> Recipe:
    """A preset's `Recipe`, with some options changed.

    Parameters
    ----------
    preset : {"ensemble", "fast", "td", "td-s", "mlp"}
        Eight networks of "fast", which has the parts of "td" in a smaller network that is trained for fewer epochs;
        RealMLP's two; and a plain multi-layer perceptron, which has none of the parts.
    task : {"classification", "regression"}
    **options
        Attributes of `Recipe`.

    Raises
    ------
    TypeError, ValueError
        For a preset or an option that is not known, and for a value that does not fit.
    """
    one_of("preset", preset, PRESETS)
    one_of("task", task, TASKS)
    for name in options:
        if name not in OPTIONS:
            raise ValueError(f"{name}: no option of a recipe{did_you_mean(name, OPTIONS, repr)}")
    return Recipe(task=task, **{**PRESETS[preset](task), **options})
