"""Initial values of parameters.

An initializer is a function of ``(rng, shape, fan_in, fan_out)`` that returns a float64 array; layers take one, or the
name of one. For an affine layer's weights (D, M), fan_in is D and fan_out is M. Values are drawn in float64 whatever
the network's dtype, so that one seed gives the same network in float32 and float64.
"""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

import numpy as np

from ._checks import boolean, describe, integer, number, one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._types import ArrayLike, FloatArray, Init, Initializer, Shape
    from .models import Sequential


def zeros(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
    """All zero: the usual choice for biases."""
    return np.zeros(shape)


def ones(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
    """All one: the usual choice for the scale of a normalisation."""
    return np.ones(shape)


def normal(weight_scale: float) -> Initializer:
    """An initializer: Gaussian with mean 0 and standard deviation `weight_scale`, as in CS231n assignment 2."""
    scale = number("weight_scale", weight_scale, 0, include_high=False)

    def initializer(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
        return scale * rng.standard_normal(shape)

    return initializer


def _gaussian(variance: Callable[[int, int], float]) -> Initializer:
    return lambda rng, shape, fan_in, fan_out: math.sqrt(variance(fan_in, fan_out)) * rng.standard_normal(shape)


def _uniform(variance: Callable[[int, int], float]) -> Initializer:
    def initializer(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
        bound = math.sqrt(3 * variance(fan_in, fan_out))  # the variance of U(-a, a) is a²/3
        return rng.uniform(-bound, bound, shape)

    return initializer


def fan_in_uniform(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
    """Uniform within ``1 / sqrt(fan_in)`` of zero, as biases are drawn in PyTorch.

    With all biases at zero, the hinges of ReLU go through the origin: in few dimensions a layer sees little that way.
    """
    return rng.uniform(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), shape)


def _he(fan_in: int, fan_out: int) -> float:
    return 2 / fan_in


def _xavier(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


# Glorot and Bengio, AISTATS 2010, eq. 12 and 16: variance 2 / (fan_in + fan_out), for tanh and sigmoid.
xavier_normal = _gaussian(_xavier)
xavier_uniform = _uniform(_xavier)
# He, Zhang, Ren and Sun, arXiv:1502.01852, eq. 10: variance 2 / fan_in, for ReLU.
he_normal = _gaussian(_he)
he_uniform = _uniform(_he)


# LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, eq. 16: variance 1 / fan_in, for tanh and SELU.
lecun_normal = _gaussian(lambda fan_in, fan_out: 1 / fan_in)


def orthogonal(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
    """A matrix with orthonormal rows or columns, whichever are fewer.

    Source: Saxe, McClelland and Ganguli, arXiv:1312.6120. The signs of R's diagonal make the draw uniform (Mezzadri,
    arXiv:math-ph/0609050, section 5).
    """
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.where(np.diag(r) < 0, -1, 1)
    return (q if rows >= columns else q.T).reshape(shape)


BY_NAME = {
    "zeros": zeros,
    "ones": ones,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "kaiming_normal": he_normal,
    "kaiming_uniform": he_uniform,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "glorot_normal": xavier_normal,
    "glorot_uniform": xavier_uniform,
    "lecun_normal": lecun_normal,
    "orthogonal": orthogonal,
    "fan_in_uniform": fan_in_uniform,
}


def get(initializer: Init, name: str = "initializer") -> Initializer:
    """The function for a name, or the function itself; a number is the standard deviation of a Gaussian.

    Raises
    ------
    TypeError, ValueError
        For anything else, and for a name that is not known; the message lists those that are.
    """
    if callable(initializer) and not isinstance(initializer, type):
        return initializer
    if isinstance(initializer, str):
        return BY_NAME[one_of(name, initializer, BY_NAME)]
    if isinstance(initializer, bool) or not isinstance(initializer, numbers.Real):
        raise TypeError(f"{name}: expected a name, a number or a function, got {describe(initializer)}")
    return normal(number(name, initializer, 0, include_high=False))


def fit_to_data(
    network: Sequential,
    X: ArrayLike,
    *,
    weights: bool = True,
    biases: bool = True,
    max_rows: int = 10_000,
    seed: int | None = None,
) -> None:
    """Bring the affine layers' initial values to what examples make of them, one layer after the other.

    Parameters
    ----------
    network : numbanet.Sequential
        Just made. Layers inside of other layers stay as they are, and those that are no `Affine` or `MemberAffine`.
    X : array-like, shape (N, ...)
        Training examples, as the network takes them.
    weights : bool
        Whether each output's weights are divided by the standard deviation of ``x w``, so that it becomes 1. Those of
        an output that is the same for all examples stay.
    biases : bool
        Whether each output gets minus a random mean of its ``x w`` for five examples as its bias, so that the bends of
        the activations lie where the data are; otherwise biases stay.
    max_rows : int
        How many examples to look at; more are drawn at random.
    seed : int, optional
        By default the network's.

    Raises
    ------
    TypeError, ValueError
        For what is no network, and for examples that it does not take.

    Notes
    -----
    Weights of the means are uniform over all that add up to 1. Source: RealMLP's ``std`` and ``he+5``: Holzmüller,
    Grinsztajn and Steinwart, arXiv:2407.04491, section 3; the biases are those of Steinwart, arXiv:1903.11482.
    """
    if not hasattr(network, "check_examples"):
        raise TypeError(f"network: expected a numbanet.Sequential, got {describe(network)}")
    weights, biases = boolean("weights", weights), boolean("biases", biases)
    max_rows = integer("max_rows", max_rows, 1)
    rng = np.random.default_rng([network.seed if seed is None else integer("seed", seed, 0), 2])
    X = network.check_examples("X", X)
    network.check_finite("X", X)
    if len(X) > max_rows:
        X = X[np.sort(rng.choice(len(X), max_rows, replace=False))]
    outermost = [index for index, placed in enumerate(network.placed) if placed.is_outermost]
    for count, index in enumerate(outermost, 1):
        if network.placed[index].layer.is_affine:
            w, b = (network.params[network.names[index, name]] for name in ("W", "b"))
            before, b[...] = b.copy(), 0
            outputs = network.first(count).loss(X).reshape(-1, *b.shape)
            if weights:
                # Of what one weight gives: of all members together where they share it.
                spread = outputs.std(axis=tuple(range(1 + outputs.ndim - w.ndim)), dtype=np.float64)
                spread[spread == 0] = 1
                w /= np.expand_dims(spread, -2)
                outputs = outputs / spread
            b[...] = -_random_means(outputs.reshape(len(outputs), -1), rng).reshape(b.shape) if biases else before


def _random_means(outputs: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Of each output a mean of five examples, whose weights are uniform over all that add up to 1."""
    count, units = outputs.shape
    shares = rng.exponential(size=(5, units))
    shares /= shares.sum(axis=0)
    return (shares * outputs[rng.integers(count, size=(5, units)), np.arange(units)]).sum(axis=0)
