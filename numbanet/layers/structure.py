"""Layers that compute next to nothing: they say how others are put together, and in which order numbers lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._checks import describe, integer, sequence
from .base import CHANNELS_FIRST, CHANNELS_LAST, EITHER, Layer, set_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .._types import FloatArray, Lowered, Pair, Shape
    from ..program import Lowering


def checked_layers(name: str, layers: Any) -> tuple[Layer, ...]:
    """A tuple of layers; TypeError where it holds anything else."""
    layers = sequence(name, layers, "layers")
    for index, layer in enumerate(layers):
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(f"{name}[{index}]: expected a layer, got the class; write {layer.__name__}(...)")
        if not isinstance(layer, Layer):
            raise TypeError(f"{name}[{index}]: expected a layer, got {describe(layer)}")
    return tuple(layers)


@dataclass(frozen=True)
class Flatten(Layer):
    """Examples of any shape as vectors (D,); images in the order C, H, W, as in the course and PyTorch.

    An `Affine` flattens by itself.
    """

    layout = CHANNELS_FIRST
    backward_takes_output = False

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        return x, None


@dataclass(frozen=True)
class Residual(Layer):
    """A residual connection: the sum of what `layers` make of the input, and the input itself.

    Parameters
    ----------
    layers : list of Layer
        The branch.
    shortcut : list of Layer
        What the input goes through on the other way, where the branch changes its shape: mostly a `Conv` of 1 x 1 with
        the stride of the branch. By default nothing.

    Notes
    -----
    Source: He, Zhang, Ren and Sun, arXiv:1512.03385, section 3.2. The ReLU that they put after the sum is a layer of
    its own, as in ``[Residual([Conv(64, 3, padding=1), ReLU(), Conv(64, 3, padding=1)]), ReLU()]``.
    """

    layers: Sequence[Layer]
    shortcut: Sequence[Layer] = ()

    layout = CHANNELS_LAST
    backward_takes_output = False

    def __post_init__(self) -> None:
        layers = checked_layers("Residual: layers", self.layers)
        if not layers:
            raise ValueError("Residual: layers: expected at least one layer")
        set_checked(self, layers=layers, shortcut=checked_layers("Residual: shortcut", self.shortcut))

    def parts(self) -> Mapping[str, Sequence[Layer]]:
        return {"": self.layers, "shortcut.": self.shortcut}

    def output_shape(self, input_shape: Shape) -> Shape:
        branch, short = input_shape, input_shape
        for layer in self.layers:
            branch = layer.output_shape(branch)
        for layer in self.shortcut:
            short = layer.output_shape(short)
        if branch != short:
            way = "the shortcut gives" if self.shortcut else "the input is"
            hint = "" if self.shortcut else "; give the input a `shortcut` that leads there"
            raise ValueError(f"the branch gives {branch}, but {way} {short}{hint}")
        return branch

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        shape = net.shape
        with net.keeping(x):
            branch, through = net.chain(self.layers, x, shape, self.layout)
            short, past = net.chain(self.shortcut, x, shape, self.layout)
            out = net.overwritable(branch)
            net.forward("add", branch.reshape(-1), short.reshape(-1), out.reshape(-1))

        def backward(dout: FloatArray) -> FloatArray:
            with net.keeping(dout):
                past_short = net.backpropagate(past, dout)  # `dout` itself where the shortcut is empty
            with net.keeping(past_short):
                dx = net.backpropagate(through, dout)
            if net.needed:
                total = net.overwritable(dx)
                net.backward("add", dx.reshape(-1), past_short.reshape(-1), total.reshape(-1))
                dx = total
            return dx

        return out, backward


@dataclass(frozen=True)
class Columns(Layer):
    """Columns of the input that go through layers of their own; what comes out stands side by side, in their order.

    Parameters
    ----------
    runs : list of (int, list of Layer)
        How many columns, one after the other from the first, and the layers they go through, maybe none. Together they
        are all columns.

    Examples
    --------
    Seven numbers with embeddings, three columns as they are, and two of codes:

    >>> Columns([(7, [PeriodicEmbedding()]), (3, []), (2, [Embedding([12, 40])])]).output_shape((12,))
    (47,)
    """

    runs: Sequence[tuple[int, Sequence[Layer]]]

    backward_takes_output = False

    def __post_init__(self) -> None:
        runs = []
        for index, run in enumerate(sequence("Columns: runs", self.runs, "(count, layers)")):
            name = f"Columns: runs[{index}]"
            pair = sequence(name, run, "a count and layers")
            if len(pair) != 2:
                raise ValueError(f"{name}: expected (count, layers), got {len(pair)} items")
            runs.append((integer(f"{name}: count", pair[0], 1), checked_layers(f"{name}: layers", pair[1])))
        if not runs:
            raise ValueError("Columns: runs: expected at least one run of columns")
        set_checked(self, runs=tuple(runs))

    def parts(self) -> Mapping[str, Sequence[Layer]]:
        return {f"{number}.": layers for number, (_, layers) in enumerate(self.runs, 1)}

    def part_input(self, part: str, input_shape: Shape) -> Shape:
        count, _ = self.runs[int(part[:-1]) - 1]
        return (count,)

    def codes(self) -> Mapping[int, int]:
        found: dict[int, int] = {}
        first = 0
        for count, layers in self.runs:
            found.update((first + column, size) for column, size in (layers[0].codes() if layers else {}).items())
            first += count
        return found

    def _shapes(self) -> list[Shape]:
        """What comes out of each run."""
        shapes: list[Shape] = []
        for count, layers in self.runs:
            shape: Shape = (count,)
            for layer in layers:
                shape = layer.output_shape(shape)
            if len(shape) != 1:
                raise ValueError(f"the layers of {count} columns give {shape}; expected a flat output")
            shapes.append(shape)
        return shapes

    def output_shape(self, input_shape: Shape) -> Shape:
        total = sum(count for count, _ in self.runs)
        if input_shape != (total,):
            raise ValueError(f"expected the {total} columns of its runs, got {input_shape}")
        return (sum(width for (width,) in self._shapes()),)

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        (total,) = self.output_shape(net.shape)
        out = net.buffer(total)
        runs, first, to = [], 0, 0  # where the run begins in the input and in the output
        for (count, layers), (width,) in zip(self.runs, self._shapes(), strict=True):
            steps: list[Any] = []
            if layers:
                own = net.buffer(count)
                net.forward("copy_columns", x, first, count, own, 0)
                result, steps = net.chain(layers, own, (count,), CHANNELS_FIRST)
                net.forward("copy_columns", result, 0, width, out, to)
            else:
                net.forward("copy_columns", x, first, count, out, to)
            runs.append((count, first, width, to, steps))
            first, to = first + count, to + width

        def backward(dout: FloatArray) -> FloatArray:
            dx = net.gradient(x)
            for count, first, width, to, steps in runs:
                if steps and (net.needed or any(step.learns for step in steps)):
                    own = net.buffer(width)
                    net.backward("copy_columns", dout, to, width, own, 0)
                    down = net.backpropagate(steps, own)
                    if net.needed:
                        net.backward("copy_columns", down, 0, count, dx, first)
                elif net.needed:
                    net.backward("copy_columns", dout, to, count, dx, first)
            return dx

        return out, backward


def reordering(x: FloatArray, shape: Shape, layout: str) -> Callable[[Lowering, FloatArray], Lowered] | None:
    """The function that lowers the step from the order in which `x` is to `layout`; None where it is in it already.

    Parameters
    ----------
    x : ndarray, shape (N, D) or (N, H, W, C)
    shape : tuple of int
        Of one example, as users know it.
    layout : {CHANNELS_FIRST, CHANNELS_LAST, EITHER}
    """
    is_last = x.ndim == 4
    if len(shape) != 3 or layout == EITHER or is_last == (layout == CHANNELS_LAST):
        return None
    return _to_channels_first if is_last else _to_channels_last


def _to_channels_last(net: Lowering, x: FloatArray) -> Lowered:
    channels, *size = net.shape
    return _reordered(net, x, "channels_last", "channels_first", (channels, math.prod(size)), (*size, channels))


def _to_channels_first(net: Lowering, x: FloatArray) -> Lowered:
    channels, *size = net.shape
    return _reordered(net, x, "channels_first", "channels_last", (math.prod(size), channels), (math.prod(net.shape),))


def _reordered(net: Lowering, x: FloatArray, there: str, back: str, axes: Pair, shape: Shape) -> Lowered:
    """Lower the exchange of two `axes` of each example by the operation `there`; `shape` is what comes out."""
    n = len(x)
    if 1 in axes:  # both orders are the same
        return x.reshape(n, *shape), lambda dout: dout.reshape(x.shape)
    exchanged = axes[::-1]
    out = net.buffer(*shape)
    net.forward(there, x.reshape(n, *axes), out.reshape(n, *exchanged))

    def backward(dout: FloatArray) -> FloatArray:
        dx = net.gradient(x)
        net.backward(back, dout.reshape(n, *exchanged), dx.reshape(n, *axes))
        return dx

    return out, backward
