"""The network of an MLP, and its arrays as scikit-learn calls them: `coefs_` and `intercepts_`."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import xlogy

from ..layers import ACTIVATIONS, NORMALIZATIONS, Affine, Dropout
from ..losses import LOSSES, BinaryCrossEntropy, Loss, Softmax, checked_loss
from ..models import Sequential

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._types import Array

OURS = {"logistic": "sigmoid"}  # activations that are called otherwise here
LINKS = {"softmax": "softmax", "binary_cross_entropy": "logistic", "poisson": "exp"}  # the output's activation by loss


class Scale(NamedTuple):
    """How a loss of numbanet's, a mean over outputs, compares with scikit-learn's.

    Attributes
    ----------
    gradient : float
        Gradient of scikit-learn's loss by that of ours: it adds up outputs, and halves squares.
    report : float
        The loss that it reports by ours: it adds up outputs where they are classes or counts, and halves squares.
    """

    gradient: float
    report: float


def scale_of(loss: Loss, outputs: int) -> Scale:
    """The `Scale` of a loss for a number of outputs."""
    if not loss.per_output:
        return Scale(1.0, 1.0)
    if loss.name == "squared_error":
        return Scale(outputs / 2, 0.5)
    return Scale(float(outputs), float(outputs) if loss.name in LINKS else 1.0)


def offset_of(loss: Loss, y: Array, weights: Array | None) -> float:
    """What scikit-learn's loss has besides, which does not depend on the network: of counts, the deviance's part."""
    if loss.name != "poisson":
        return 0.0
    return float(np.average(xlogy(y, y) - y, axis=0, weights=weights).sum())


def classifier_loss(loss: str | Loss, multiclass: bool) -> Loss:
    """The loss of a classifier; "log_loss" is the cross-entropy that suits the labels."""
    if isinstance(loss, str) and loss == "log_loss":
        return Softmax() if multiclass else BinaryCrossEntropy()
    found = checked_loss("loss", loss)
    if not found.classifies:
        raise ValueError(f"loss: {found!r} tells no classes apart; expected 'log_loss' or one that does")
    return found


def regressor_loss(loss: str | Loss) -> Loss:
    """The loss of a regressor."""
    found = checked_loss("loss", loss)
    if found.classifies:
        raise ValueError(f"loss: {found!r} tells classes apart; expected 'squared_error' or another for numbers")
    return found


def names_of(classify: bool) -> set[str]:
    """The names of losses that classify, or of those that do not."""
    return {name for name, kind in LOSSES.items() if kind.classifies is classify}


def built(estimator: Any, units: Sequence[int], dtype: Any, loss: Loss, seed: int) -> Sequential:
    """The network of an MLP with so many units a layer, inputs first; all its weights are 0."""
    layers: list[Any] = []
    for width in units[1:-1]:
        layers.append(Affine(width, "zeros", "zeros"))
        if estimator.normalization is not None:
            layers.append(NORMALIZATIONS[estimator.normalization]())
        if estimator.activation != "identity":
            layers.append(ACTIVATIONS[OURS.get(estimator.activation, estimator.activation)]())
        if estimator.dropout > 0:
            layers.append(Dropout(estimator.dropout))
    layers.append(Affine(units[-1], "zeros", "zeros"))
    return Sequential(layers, units[0], loss=loss, l2_divided=True, dtype=dtype, seed=seed)


def drawn(network: Sequential, activation: str, rng: np.random.RandomState) -> None:
    """Draw weights and biases as scikit-learn does, in its order.

    Source: Glorot and Bengio, AISTATS 2010, eq. 16, within ``√(6 / (fan_in + fan_out))``; with 2 in the place of 6
    for the logistic function, whose slope at 0 is a quarter.
    """
    factor = 2.0 if activation == "logistic" else 6.0
    for coef, intercept in zip(*arrays_of(network), strict=True):
        bound = math.sqrt(factor / sum(coef.shape))
        coef[...] = rng.uniform(-bound, bound, coef.shape)
        intercept[...] = rng.uniform(-bound, bound, intercept.shape)


def arrays_of(network: Sequential) -> tuple[list[Array], list[Array]]:
    """`coefs_` and `intercepts_`: the network's own arrays."""
    count = sum(isinstance(layer, Affine) for layer in network.layers)
    return tuple([network.params[f"{name}{place}"] for place in range(1, count + 1)] for name in "Wb")  # type: ignore[return-value]


def with_arrays(network: Sequential, coefs: Sequence[Any], intercepts: Sequence[Any]) -> Sequential:
    """A copy of the network with these weights and biases."""
    changed = copy.deepcopy(network)
    for ours, theirs in zip(arrays_of(changed), (coefs, intercepts), strict=True):
        for place, (array, value) in enumerate(zip(ours, theirs, strict=True)):
            value = np.asarray(value)
            if value.shape != array.shape:
                name = "coefs_" if ours[0].ndim == 2 else "intercepts_"
                raise ValueError(f"{name}[{place}]: expected shape {array.shape}, got {value.shape}")
            array[...] = value
    return changed
