"""Embeddings: several numbers in the place of one, for numbers and for categories."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .. import initializers
from .._checks import boolean, integer, number, sequence
from .base import Layer, Variable, set_checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._types import FloatArray, Init, Lowered, Shape
    from ..program import Lowering


MOST_CODES = 2**24  # which float32 tells apart


def _within_half_a_turn(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> FloatArray:
    return rng.uniform(-math.pi, math.pi, shape)


def _flat(input_shape: Shape) -> int:
    """D of an input (D,); ValueError for any other."""
    if len(input_shape) != 1:
        raise ValueError(f"expected a flat input, (D,), got {input_shape}")
    return input_shape[0]


@dataclass(frozen=True)
class PeriodicEmbedding(Layer):
    """Each of D numbers as `units` numbers: linear units of its cosines ``cos(2π frequency x + phase)``; (D units,).

    Parameters are `frequency` and `phase`, shape (D, F), and the linear units' weights `V`, (D, F, L), and biases `c`,
    (D, L): every number has its own. Source: PBLD of RealMLP (arXiv:2407.04491), after the PLR embeddings of
    arXiv:2203.05556.

    Parameters
    ----------
    frequencies : int
        Cosines of each number, F.
    units : int
        What each number becomes.
    sigma : float
        Standard deviation of the initial frequencies: how fast what is learnt may change with a number.
    dense : bool
        Whether the last of the units is the number itself, so that L, the linear ones, are one fewer.
    """

    frequencies: int = 16
    units: int = 4
    sigma: float = 0.1
    dense: bool = True

    backward_takes_output = False

    def __post_init__(self) -> None:
        name = "PeriodicEmbedding: "
        dense = boolean(f"{name}dense", self.dense)
        set_checked(
            self,
            frequencies=integer(f"{name}frequencies", self.frequencies, 1),
            units=integer(f"{name}units", self.units, 1 + dense),
            sigma=number(f"{name}sigma", self.sigma, 0, include_low=False, include_high=False),
            dense=dense,
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        return (_flat(input_shape) * self.units,)

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        d, f, linear = _flat(input_shape), self.frequencies, self.units - self.dense
        return (
            Variable("frequency", (d, f), initializers.normal(self.sigma), True),
            Variable("phase", (d, f), _within_half_a_turn),
            Variable("V", (d, f, linear), initializers.fan_in_uniform, True, (f, linear)),
            Variable("c", (d, linear), initializers.fan_in_uniform, False, (f, linear)),
        )

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        pairs = [net.parameter(name) for name in ("frequency", "phase", "V", "c")]
        parameters, gradients = zip(*pairs, strict=True)
        out = net.buffer(x.shape[1] * self.units)
        net.forward("periodic_forward", x, *parameters, out)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            net.backward("periodic_backward", dout, x, *parameters[:-1], dx, *gradients)  # `c` is not needed
            return dx

        return out, backward


@dataclass(frozen=True)
class Embedding(Layer):
    """Rows of a table that is learnt in the place of K codes of categories; (K units,).

    An example has the codes as floats: in column k a whole number from 0 to ``sizes[k] - 1``. What is none of these is
    refused where the columns are the network's own, and becomes NaN where they come out of another layer. Parameters
    are `E`, shape (sum of sizes, units): the rows of the first column's codes, then those of the second's, and so on.

    Parameters
    ----------
    sizes : list of int
        How many codes each column has.
    units : int
        What each code becomes.
    weight_init : str, float or callable
        See `numbanet.initializers`; a number is the standard deviation of a Gaussian.
    """

    sizes: Sequence[int]
    units: int = 8
    weight_init: Init = field(default=1.0, repr=False)

    backward_takes_output = False

    def __post_init__(self) -> None:
        sizes = sequence("Embedding: sizes", self.sizes, "integers, one for each column of codes")
        if not sizes:
            raise ValueError("Embedding: sizes: expected at least one")
        sizes = tuple(integer("Embedding: sizes", size, 1, MOST_CODES) for size in sizes)
        set_checked(self, sizes=sizes, units=integer("Embedding: units", self.units, 1))
        initializers.get(self.weight_init, "Embedding: weight_init")

    def codes(self) -> Mapping[int, int]:
        return dict(enumerate(self.sizes))

    def output_shape(self, input_shape: Shape) -> Shape:
        if input_shape != (len(self.sizes),):
            raise ValueError(f"expected {len(self.sizes)} codes, one for each of sizes, got {input_shape}")
        return (len(self.sizes) * self.units,)

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        shape = sum(self.sizes), self.units
        return (Variable("E", shape, initializers.get(self.weight_init), True, shape),)

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        table, dtable = net.parameter("E")
        starts = np.cumsum([0, *self.sizes], dtype=np.int64)
        out = net.buffer(x.shape[1] * self.units)
        net.forward("embedding_forward", x, starts, table, out)

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            net.backward("embedding_backward", dout, x, starts, dx, dtable)
            return dx

        return out, backward
