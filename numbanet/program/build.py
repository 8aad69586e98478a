"""Lowering: the layers of a network become a list of operations bound to their arrays.

A layer's `lower` is given the `Lowering`. It asks that for arrays and hands it operations, in the order in which they
run; the arrays get their memory at the end, when it is known when each of them is needed.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._checks import describe, operation_of
from .._views import aligned_zeros
from ..layers import EITHER, reordering
from ..runtime.dispatch import forms, in_both_forms
from .memory import address, flat, held_by, layout, lifetimes, owner, reserved, settled_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .._types import Array, ByteArray, FloatArray, Lowered, Shape
    from ..layers import Layer
    from ..models import Sequential


class Form(NamedTuple):
    """What the examples of a batch have, in training.

    Attributes
    ----------
    weighted : bool
        Whether each has a weight.
    soft : bool
        Whether its target is the probabilities of the classes, in the place of a label.
    """

    weighted: bool = False
    soft: bool = False


PLAIN = Form()


def form_of(model: Sequential, y: Array | None, weights: FloatArray | None) -> Form:
    """That of a batch with such targets, labels where they are None, and weights."""
    return Form(weights is not None, y is not None and y.ndim == 2 and not model.loss_function.per_output)


class Operation(NamedTuple):
    """One step of a program.

    Attributes
    ----------
    function : Kernel or callable
        An operation of `numbanet.kernels` or `numbanet.reference`, or a function of a user's own; and once forms are
        chosen, the one that is called.
    arguments : tuple
    layer : int or None
        Index of the layer that it belongs to; None for the loss and the penalties.
    nanoseconds : float
        About how long one thread takes, where a team of threads shares it; else 0. Known once forms are chosen.
    """

    function: Callable
    arguments: tuple
    layer: int | None
    nanoseconds: float = 0.0


class Operations(NamedTuple):
    """The operations of a program by pass; all but the first for training alone."""

    forward: list
    loss: list
    backward: list
    penalties: list


DROPPING = {"dropout_forward": 2, "dropout_backward": 2}  # operations, and which of their arguments is the probability


class Drop(NamedTuple):
    """An operation that drops values."""

    operations: list  # of the pass that it is in,
    place: int  # where it has this place,
    number: int  # and this among all operations
    argument: int
    rate: float  # the probability, by the layer

    def scale(self, factor: float) -> float:
        """Have it drop `factor` times as many values as the layer says; the probability."""
        operation, rate = self.operations[self.place], self.rate * factor
        arguments = list(operation.arguments)
        arguments[self.argument] = rate
        self.operations[self.place] = operation._replace(arguments=tuple(arguments))
        return rate


class Output(NamedTuple):
    """What a layer gives: `array`, once so many operations of the forward pass have run."""

    operations: int
    layers: range  # indices; two where one layer runs in one go with the following
    array: np.ndarray


class _Step(NamedTuple):
    """What a layer leaves for the backward pass."""

    index: int
    learns: bool
    x: np.ndarray  # its input
    backward: Callable | None


class Lowering:
    """The operations of one network for one batch size, in the making.

    Parameters
    ----------
    model : numbanet.Sequential
        Gives the layers, shapes and arrays.
    batch : int
        Number of examples, N.
    training : bool
        Whether loss and gradients are computed.
    form : Form
        Of the batch.

    Attributes
    ----------
    shape : tuple of int
        Of one example of the input of the layer that is being lowered, as users know it.
    ops : module
        The namespace of operations.
    needed : bool
        In the backward pass: whether something below learns, so that a gradient of the input is asked for.
    x, scores : ndarray
        Input and output of the network.
    y, weights : ndarray or None
        Targets, and the weights of the examples, shape (0,) where all are 1; training only.
    operations : Operations
    outputs : list of Output
        In training, of every layer, to find where a number went wrong.
    keys : list of ndarray
        Seed and step of the layers that draw random numbers.
    drops : list of Drop
        Operations that drop values, once they are settled.
    foreign : bool
        Whether functions of a user's own are among the operations.
    """

    def __init__(self, model: Sequential, batch: int, training: bool, form: Form = PLAIN) -> None:
        self.model, self.batch, self.training, self.dtype = model, batch, training, model.dtype
        self.ops = model.ops
        self.operations, self.outputs, self.keys = Operations([], [], [], []), [], []
        self.y: Any = None
        self.weights = np.zeros(batch if form.weighted else 0, model.dtype)
        self._form, self.drops, self._dropping = form, [], []
        self.foreign = False
        self._buffers = {}  # by address; by `settle`, they get their memory
        self._index, self._next = None, 0  # of the layer that is being lowered, and of the next
        self.shape = model.input_shape
        features = math.prod(model.input_shape)
        # In training it outlives the step: `first_non_finite` begins with it.
        self.x = aligned_zeros((batch, features), self.dtype) if training else self.buffer(features)
        self._kept = [address(self.x)]
        self.scores, steps = self.chain(model.layers, self.x, model.input_shape)
        if training:
            dscores = self._lower_loss()
            self.needed = False
            self.backpropagate(steps, dscores)
            self._lower_penalties()

    # What a layer's `lower` uses.

    def parameter(self, name: str) -> tuple[FloatArray, FloatArray]:
        """The current layer's parameter and its gradient."""
        full = self.model.names[self._index, name]
        return self.model.params[full], self.model.grads[full]

    def state(self, name: str) -> FloatArray:
        """The current layer's running average."""
        return self.model.state[self.model.names[self._index, name]]

    def buffer(self, *shape: int) -> FloatArray:
        """An array for the batch, shape (N, *shape)."""
        return self._reserved((self.batch, *shape))

    def workspace(self, size: int) -> FloatArray:
        """An array of so many elements for one operation to work in."""
        return self._reserved((size,))

    def _reserved(self, shape: Shape) -> FloatArray:
        array = reserved(shape, self.dtype)
        self._buffers[address(array)] = array
        return array

    def overwritable(self, array: FloatArray) -> FloatArray:
        """`array` itself where nothing reads it any more, else another of its shape."""
        return self.buffer(*array.shape[1:]) if address(array) in self._kept else array

    def gradient(self, x: FloatArray) -> FloatArray:
        """An array for the gradient of the layer's input `x`; an empty one, (0, ...), where nothing below learns."""
        return self.buffer(*x.shape[1:]) if self.needed else np.empty((0, *x.shape[1:]), self.dtype)

    @contextlib.contextmanager
    def keeping(self, array: FloatArray) -> Iterator[None]:
        """While this lasts, `array` is not overwritten."""
        self._kept.append(address(array))
        yield
        self._kept.remove(address(array))

    def random_key(self) -> Array:
        """The current layer's seed and step, uint64, shape (2,); the step moves on with every training pass."""
        key = self.model.random_keys[self._index]
        self.keys.append(key)
        return key

    def forward(self, operation: str | Callable[..., Any], *arguments: Any) -> None:
        """Add an operation to the forward pass.

        Parameters
        ----------
        operation : str or callable
            A name in `numbanet.kernels` and `numbanet.reference`, of which the one runs that the network's `ops` says.
            Or a function, which runs as it is on both: a `numbanet.kernel`, what `numba.njit` makes, or plain Python.
        *arguments
            What it is called with, every time: arrays and numbers, and tuples of them. It writes into its arrays; what
            it returns is not looked at.
        """
        self._bind(self.operations.forward, operation, arguments, self._index)

    def backward(self, operation: str | Callable[..., Any], *arguments: Any) -> None:
        """Add an operation to the backward pass, as `forward` does to the other."""
        self._bind(self.operations.backward, operation, arguments, self._index)

    def loss(self, operation: str | Callable[..., Any], *arguments: Any) -> None:
        """Add an operation to those that compute the loss: the sum of what they return."""
        self._bind(self.operations.loss, operation, arguments)

    def _bind(self, operations: list[Any], operation: Any, arguments: Any, layer: Any = None) -> None:
        function = in_both_forms(operation_of(self.ops, operation))
        self.foreign |= not isinstance(operation, str)
        if any(owner(array, self._buffers) is not None for array in held_by(function)):
            name = getattr(function, "__name__", function)
            raise ValueError(f"{name}: holds an array of the network's, which moves; hand it over as an argument")
        if isinstance(operation, str) and operation in DROPPING:
            self._dropping.append((operations, len(operations), DROPPING[operation]))
        operations.append(Operation(function, arguments, layer))

    # From layers to operations.

    def chain(
        self, layers: Sequence[Layer], x: FloatArray, shape: Shape, layout: str = EITHER
    ) -> tuple[FloatArray, list[_Step]]:
        """Bind the forward pass of layers one after the other.

        Parameters
        ----------
        layers : sequence of Layer
        x : ndarray
            The batch's input, and
        shape : tuple of int
            that of one example, as users know it.
        layout : {CHANNELS_FIRST, CHANNELS_LAST, EITHER}
            The order in which images are to come out.

        Returns
        -------
        out : ndarray
        steps : list
            For `backpropagate`.
        """
        steps, outer = [], (self._index, self.shape)
        for layer, covered in _fused(layers):
            first, self._next = self._next, self._next + covered
            x = self._reordered(first, x, shape, layer.layout, steps)
            self._index, self.shape = first, shape
            output_shape = layer.output_shape(shape)
            with self._naming(first):
                out, backward = self._lowered(layer, x, output_shape)
            # By now the layers inside have been counted too.
            steps.append(_Step(first, any(map(self.model.learns, range(first, self._next))), x, backward))
            if self.training:
                self.outputs.append(Output(len(self.operations.forward), range(first, first + covered), out))
                if layer.backward_takes_output:
                    self._kept.append(address(out))
            x, shape = out, output_shape
        x = self._reordered(self._next, x, shape, layout, steps)
        self._index, self.shape = outer
        return x, steps

    def _lowered(self, layer: Any, x: FloatArray, shape: Shape) -> Lowered:
        """What `lower` returns, once it is seen to be an array of this shape for each example, and a function."""
        lowered = layer.lower(self, x)
        if not (isinstance(lowered, tuple) and len(lowered) == 2):
            raise TypeError(f"lower must return (out, backward), got {describe(lowered)}")
        out, backward = lowered
        self._check_array("lower: out", out, (self.batch, *shape))
        if self.training:
            if not (backward is None or callable(backward)):
                raise TypeError(f"lower: backward: expected a function of dout or None, got {describe(backward)}")
            if backward is None and out.size != x.size:
                raise ValueError(f"lower: backward: None, though {x.shape} becomes {out.shape}")
        return out, backward

    def _check_array(self, name: str, array: Any, shape: Shape) -> Any:
        """Refuse what is no array of this shape, flat or with the channels of images last."""
        if not isinstance(array, np.ndarray) or array.dtype != self.dtype:
            raise TypeError(f"{name}: expected an array of {self.dtype}, got {describe(array)}")
        fits = [(shape[0], math.prod(shape[1:]))]
        if len(shape) == 4:
            fits.append((shape[0], *shape[2:], shape[1]))
        if array.shape not in fits:
            raise ValueError(f"{name}: expected shape {' or '.join(map(str, fits))}, got {array.shape}")

    @contextlib.contextmanager
    def _naming(self, index: int) -> Iterator[None]:
        """While this lasts, what is refused is said to be of that layer."""
        try:
            yield
        except (TypeError, ValueError) as error:
            if str(error).startswith("layer "):  # one inside of it, which is named already
                raise
            layer = self.model.placed[index]
            own = type(layer.layer).__module__.startswith("numbanet.")  # others may want to see where it was raised
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{layer}: {error}") from (None if own else error)

    def _reordered(self, index: int, x: FloatArray, shape: Shape, layout: str, steps: list[_Step]) -> FloatArray:
        """`x` in another order, where it is not in that order already."""
        lower = reordering(x, shape, layout)
        if lower is None:
            return x
        self._index, self.shape = index, shape
        out, backward = lower(self, x)
        steps.append(_Step(index, False, x, backward))
        return out

    def backpropagate(self, steps: list[_Step], dout: FloatArray) -> FloatArray:
        """Bind the backward pass of what `chain` gave, last layer first.

        Returns the gradient of the chain's input. Where that is not `needed`, since nothing below learns, the pass ends
        at the first layer that learns, and what comes back has no meaning.
        """
        needed, outer = self.needed, self._index
        learning = [position for position, step in enumerate(steps) if step.learns]
        lowest = 0 if needed else min(learning, default=len(steps))
        for position in range(len(steps) - 1, lowest - 1, -1):
            self._index, _, x, backward = steps[position]
            if backward is None:
                continue
            self.needed = needed or position > lowest
            with self._naming(self._index):
                dout = backward(dout)
                if self.needed:
                    self._check_gradient(dout, x)
        self.needed, self._index = needed, outer
        return dout

    def _check_gradient(self, dx: Any, x: FloatArray) -> Any:
        if not isinstance(dx, np.ndarray) or dx.dtype != self.dtype:
            raise TypeError(f"backward must return the gradient of x, an array of {self.dtype}, got {describe(dx)}")
        if dx.shape != x.shape:
            raise ValueError(f"backward must return the gradient of x, of shape {x.shape}, got {dx.shape}")

    def _lower_loss(self) -> FloatArray:
        loss, outputs = self.model.training_loss, self.model.output_size
        shape = (outputs,) if self._form.soft else loss.of_member.target_shape(outputs)
        self.y = np.zeros((self.batch, *shape), self.dtype if loss.per_output or self._form.soft else np.int64)
        return loss.lower(self, self.scores, self.y)

    def _lower_penalties(self) -> None:
        model, l2, weights = self.model, self.model.l2, np.empty(0, self.dtype)
        if model.l2_divided:
            l2, weights = (l2, self.weights) if len(self.weights) else (l2 / self.batch, weights)
        for index, name in model.decaying() if l2 else ():
            self._index = index
            w, dw = self.parameter(name)
            arguments = w.reshape(-1), l2, weights, dw.reshape(-1)
            self._bind(self.operations.penalties, "l2_penalty", arguments)

    # From arrays to memory.

    def settle(self, memory: Callable[[int], ByteArray]) -> ByteArray:
        """Move all buffers into memory, where those share a place that live at different times; choose the forms.

        Parameters
        ----------
        memory : callable
            Gives so many bytes as an array.

        Returns
        -------
        ndarray of uint8
            The memory.
        """
        buffers, passes = self._buffers, self.operations
        every = [operation for one in passes for operation in one]
        lives = lifetimes([list(flat(operation.arguments)) for operation in every], buffers, [self.scores])
        offsets, size = layout(lives, {place: array.nbytes for place, array in buffers.items()})
        workspace = memory(size)[:size]

        def settled(value: Any) -> Any:
            return settled_in(value, buffers, offsets, workspace)

        every = [operation._replace(arguments=settled(operation.arguments)) for operation in every]
        chosen = forms([operation[:2] for operation in every])
        every = iter(
            [
                one._replace(function=function, nanoseconds=nanoseconds)
                for one, (function, _, nanoseconds) in zip(every, chosen, strict=True)
            ]
        )
        self.operations, start = Operations(*([next(every) for _ in one] for one in passes)), 0
        for lowered, one in zip(passes, self.operations, strict=True):
            for operations, place, argument in self._dropping:
                if operations is lowered:
                    self.drops.append(Drop(one, place, start + place, argument, one[place].arguments[argument]))
            start += len(one)
        self.x, self.scores = settled(self.x), settled(self.scores)
        self.outputs = [output._replace(array=settled(output.array)) for output in self.outputs]
        return workspace


def _fused(layers: Sequence[Layer]) -> Iterator[tuple[Layer, int]]:
    """(layer, number of layers that it stands for): several where one runs in one go with those that follow."""
    position = 0
    while position < len(layers):
        layer, covered = layers[position], 1
        while following := layers[position + covered : position + covered + 1]:
            fused = layer.fused_with(*following)
            if fused is None:
                break
            layer, covered = fused, covered + 1
        yield layer, covered
        position += covered
