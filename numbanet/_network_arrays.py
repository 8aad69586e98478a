"""The arrays of a network: what its layers declare, named, laid out in flat memory and initialised."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

import numpy as np

from ._checks import as_numeric, integer, sequence
from ._views import NamedViews
from .data.images import plainly_last
from .layers import CHANNELS_LAST, checked_layers, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ._types import Shape
    from .layers import Layer, Variable


def checked_shape(input_shape: Any) -> Shape:
    """The shape of one example, as a tuple."""
    if isinstance(input_shape, numbers.Integral):
        input_shape = (input_shape,)
    shape = sequence("input_shape", input_shape, "integers, such as (784,)")
    if not shape:
        raise ValueError("input_shape: expected the shape of one example, such as (784,), got ()")
    return tuple(integer("input_shape", side, 1) for side in shape)


class NetworkArrays:
    """Layers in their places, and their arrays: what a program asks of a network.

    Parameters
    ----------
    layers : list of Layer
    input_shape : tuple of int
    dtype : float32 or float64

    Attributes
    ----------
    placed : list of numbanet.layers.Placed
        The layers, each followed by those inside of it; the index of a layer is its place here.
    names : dict
        (layer index, local name) -> full name, such as W1.
    widest : int
        Number of values of an example where they are most.
    score_size : int
        Number of scores of an example.
    params, grads, state : mapping of name to ndarray
    random_keys : ndarray of uint64
        Of each layer: seed and step.
    """

    def __init__(self, layers: Iterable[Layer], input_shape: int | Sequence[int], dtype: np.dtype[Any]) -> None:
        self.layers = checked_layers("layers", layers)
        if not self.layers:
            raise ValueError("layers: a network needs at least one layer")
        self.input_shape = checked_shape(input_shape)
        if self.layers[0].layout == CHANNELS_LAST and plainly_last(self.input_shape):
            height, width, channels = self.input_shape
            raise ValueError(
                f"input_shape: expected images with their channels first, {(channels, height, width)}, got "
                f"{self.input_shape}; np.moveaxis(X, -1, 1) turns the examples"
            )
        self.dtype = dtype
        self._declare()

    def _declare(self) -> None:
        """Walk the shapes through the layers, and name and lay out every array."""
        counts: dict[str, int] = {}
        self.names: dict[tuple[int, str], str] = {}
        self._variables: dict[str, Variable] = {}  # by full name
        self.placed = place(self.layers, self.input_shape)
        self.widest = max(
            math.prod(shape) for placed in self.placed for shape in (placed.input_shape, placed.output_shape)
        )
        self._layer_parameters: list[list[str]] = [[] for _ in self.placed]
        shapes: dict[str, Shape] = {}
        state_shapes: dict[str, Shape] = {}
        for index, placed in enumerate(self.placed):
            both = [*((v, shapes) for v in placed.parameters), *((v, state_shapes) for v in placed.state)]
            for variable, where in both:
                counts[variable.name] = counts.get(variable.name, 0) + 1
                full = f"{variable.name}{counts[variable.name]}"
                self.names[index, variable.name], self._variables[full] = full, variable
                where[full] = variable.shape
                if where is shapes:
                    self._layer_parameters[index].append(full)
        last = [placed for placed in self.placed if placed.is_outermost][-1]
        if len(last.output_shape) != 1:
            hint = "; end with GlobalAvgPool() or Flatten(), and Affine(...)" if len(last.output_shape) == 3 else ""
            raise ValueError(f"{last}: must give a flat output, (C,), got {last.output_shape}{hint}")
        self.score_size = last.output_shape[0]
        self._params, self.grads = NamedViews(shapes, self.dtype), NamedViews(shapes, self.dtype)
        self._state = NamedViews(state_shapes, self.dtype)

    def _initialize(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        for views in (self._params, self._state):
            for name, view in views.items():
                variable = self._variables[name]
                values = as_numeric(name, variable.initializer(rng, variable.shape, *variable.fans))
                if values.shape != variable.shape:
                    raise ValueError(f"{name}: its initializer gave shape {values.shape}, expected {variable.shape}")
                view[...] = values
        self.random_keys = np.zeros((len(self.placed), 2), np.uint64)
        self.random_keys[:, 0] = rng.integers(2**63, size=len(self.placed), dtype=np.uint64)

    def parameter_names(self, index: int) -> list[str]:
        """Full names of the parameters of layer `index`."""
        return self._layer_parameters[index]

    def learns(self, index: int) -> bool:
        """Whether layer `index` has parameters."""
        return bool(self._layer_parameters[index])

    def unit(self, name: str) -> float:
        """How much the parameter of that full name changes where what is learnt changes by 1."""
        return self._variables[name].unit

    def decaying(self) -> list[tuple[int, str]]:
        """(layer index, local name) of each parameter that an L2 penalty applies to."""
        return [key for key, full in self.names.items() if self._variables[full].decays]
