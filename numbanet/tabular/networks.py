"""The networks of a recipe, and what a `Solver` is told to train them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._members_loss import MembersLoss
from ..initializers import fit_to_data
from ..layers import (
    ACTIVATIONS,
    Affine,
    Columns,
    Dropout,
    Embedding,
    MemberAffine,
    Members,
    Parametric,
    PeriodicEmbedding,
    Scale,
)
from ..losses import Softmax, SquaredError
from ..models import Sequential

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array, DTypeLike
    from ..data import Layout
    from ..layers import Layer
    from ..losses import Loss
    from .recipe import Recipe


def network_of(
    recipe: Recipe,
    layout: Layout,
    outputs: int,
    *,
    X: Array | None = None,
    loss: Loss | None = None,
    dtype: DTypeLike = "float32",
    seed: int | None = None,
) -> Sequential:
    """A new network for tables that a preprocessor has made numbers of.

    Parameters
    ----------
    recipe : Recipe
    layout : numbanet.data.Layout
        Of the preprocessor: which columns are numbers, and which are categories.
    outputs : int
        Number of classes, or of targets.
    X : ndarray, shape (N, D), optional
        Training data as the preprocessor gives them, which `data_init` needs.
    loss : numbanet.Loss, optional
        By default the cross-entropy of the softmax, or the squared error.
    dtype : float32 or float64
    seed : int, optional
    """
    if loss is None:
        loss = Softmax(recipe.label_smoothing) if recipe.classifies else SquaredError()
    if recipe.n_members > 1:
        loss = MembersLoss(loss, recipe.n_members)
    network = Sequential(layers_of(recipe, layout, outputs), layout.width, loss=loss, dtype=dtype, seed=seed)
    if recipe.data_init:
        if X is None:
            raise ValueError("X: a recipe with data_init=True needs training data, got None")
        fit_to_data(network, X)
    return network


def layers_of(recipe: Recipe, layout: Layout, outputs: int) -> list[Layer]:
    """The layers of a recipe, for rows that are laid out so."""
    layers: list[Layer] = []
    periodic = recipe.number_embedding == "periodic" and layout.numbers > 0
    if periodic or layout.embedded:
        runs: list[tuple[int, list[Layer]]] = [
            (layout.numbers, [PeriodicEmbedding()] if periodic else []),
            (layout.one_hot, []),
        ]
        if layout.embedded:
            runs.append((len(layout.embedded), [Embedding(layout.embedded, recipe.embedding_units)]))
        layers.append(Columns([run for run in runs if run[0]]))
    if recipe.front_scale:
        layers.append(Scale())
    if recipe.n_members > 1:  # which differ by this, and behind embeddings by more than signs
        layers.append(Members(recipe.n_members, "normal" if periodic else "signs"))
    for place, units in enumerate(recipe.hidden_sizes):
        activation = ACTIVATIONS[recipe.activation]()
        layers.append(_affine(recipe, units, first=place == 0))
        layers.append(Parametric(activation) if recipe.parametric else activation)
        if recipe.dropout > 0:
            layers.append(Dropout(recipe.dropout))
    return [*layers, _affine(recipe, outputs, last=True)]


def _affine(recipe: Recipe, units: int, first: bool = False, last: bool = False) -> Layer:
    zero = last and recipe.zero_last
    options: dict[str, Any] = {"parametrization": "ntk" if recipe.ntk else "standard"}
    if zero:
        options |= {"weight_init": "zeros", "bias_init": "zeros"}
    elif recipe.ntk:
        options |= {"weight_init": "lecun_normal", "bias_init": 1.0}
    elif last:
        options |= {"weight_init": "xavier_normal"}
    if recipe.n_members > 1:
        if first:
            options["input_scaling"] = False  # which `Members` has just done
        return MemberAffine(units, recipe.n_members, shared=not last, **options)
    return Affine(units, **options)


def training_of(recipe: Recipe, network: Sequential, rows: int, validated: bool) -> dict[str, Any]:
    """Keyword arguments of the `Solver` that trains such a network.

    Parameters
    ----------
    recipe : Recipe
    network : Sequential
    rows : int
        How many there are to train on.
    validated : bool
        Whether there are validation data.
    """
    kinds = {kind for _, kind in network.names}
    factors = {kind: factor for kind, factor in recipe.learning_rate_factors.items() if kind in kinds}
    options = {
        "learning_rate": recipe.learning_rate,
        "beta2": recipe.beta2,
        "weight_decay": recipe.weight_decay,
        "decay_biases": recipe.decay_biases,
        "learning_rate_factors": factors,
    }
    schedules = {
        name: schedule
        for name, schedule in (("dropout", recipe.dropout_schedule), ("weight_decay", recipe.weight_decay_schedule))
        if getattr(recipe, name) > 0 and schedule != "constant"
    }
    score = "val_accuracy" if recipe.classifies else "val_r2"
    return {
        "optimizer": "adamw",
        "optimizer_options": options,
        "schedule": recipe.schedule,
        "schedules": schedules,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size or 1 << min(max((rows // 64).bit_length() - 1, 6), 10),
        "drop_last": recipe.drop_last,
        "num_train_samples": 0,
        "monitor": ("val_loss" if recipe.monitor == "loss" else score) if validated else None,
        "patience": (recipe.patience or None) if validated else None,
    }
