"""Lowering: the layers of a network become a list of operations bound to their arrays.

A layer's `lower` is given the `Lowering`. It asks that for arrays and hands it operations, in the order in which they
run; the arrays get their memory at the end, when it is known when each of them is needed.
"""

import contextlib
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._memory import address, layout, lifetimes, moved, reserved
from .._views import aligned_zeros
from ..layers import EITHER, reordering
from ..runtime.dispatch import forms
from ..runtime.foreign import is_compiled


class Operations(NamedTuple):
    """The operations of a program by pass, each as (function, arguments); all but the first for training alone."""

    forward: list
    loss: list
    backward: list
    penalties: list


class Output(NamedTuple):
    """What a layer gives: `array`, once so many operations of the forward pass have run."""

    operations: int
    layers: range  # indices; two where one layer runs in one go with the following
    array: np.ndarray


class _Step(NamedTuple):
    """What a layer leaves for the backward pass."""

    index: int
    learns: bool
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
    y : ndarray or None
        Targets; training only.
    operations : Operations
    outputs : list of Output
        In training, of every layer, to find where a number went wrong.
    keys : list of ndarray
        Seed and step of the layers that draw random numbers.
    uncompiled : str or None
        The first operation that only Python can call, and whose it is, in words.
    """

    def __init__(self, model, batch, training):
        self.model, self.batch, self.training, self.dtype = model, batch, training, model.dtype
        self.ops = model.ops
        self.operations, self.outputs, self.keys, self.y = Operations([], [], [], []), [], [], None
        self.uncompiled = None
        self._buffers = {}  # by address; by `settle`, they get their memory
        self._next = 0  # index of the layer that is lowered next
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

    def parameter(self, name):
        """The current layer's parameter and its gradient."""
        full = self.model.names[self._index, name]
        return self.model.params[full], self.model.grads[full]

    def state(self, name):
        """The current layer's running average."""
        return self.model.state[self.model.names[self._index, name]]

    def buffer(self, *shape):
        """An array for the batch, shape (N, *shape)."""
        return self._reserved((self.batch, *shape))

    def workspace(self, size):
        """An array of so many elements for one operation to work in."""
        return self._reserved((size,))

    def _reserved(self, shape):
        array = reserved(shape, self.dtype)
        self._buffers[address(array)] = array
        return array

    def overwritable(self, array):
        """`array` itself where nothing reads it any more, else another of its shape."""
        return self.buffer(*array.shape[1:]) if address(array) in self._kept else array

    def gradient(self, x):
        """An array for the gradient of the layer's input `x`; an empty one, (0, ...), where nothing below learns."""
        return self.buffer(*x.shape[1:]) if self.needed else np.empty((0, *x.shape[1:]), self.dtype)

    @contextlib.contextmanager
    def keeping(self, array):
        """While this lasts, `array` is not overwritten."""
        self._kept.append(address(array))
        yield
        self._kept.remove(address(array))

    def random_key(self):
        """The current layer's seed and step, uint64, shape (2,); the step moves on with every training pass."""
        key = self.model.random_keys[self._index]
        self.keys.append(key)
        return key

    def forward(self, operation, *arguments):
        """Add an operation to the forward pass."""
        self._bind(self.operations.forward, operation, *arguments)

    def backward(self, operation, *arguments):
        """Add an operation to the backward pass."""
        self._bind(self.operations.backward, operation, *arguments)

    def loss(self, operation, *arguments):
        """Add an operation to those that compute the loss: the sum of what they return."""
        self._bind(self.operations.loss, operation, *arguments)

    def _bind(self, operations, operation, *arguments):
        """Add an operation: one of numbanet's by its name, or any function."""
        function = getattr(self.ops, operation) if isinstance(operation, str) else operation
        if self.uncompiled is None and not is_compiled(function):
            whose = self.model.loss_function if operations is self.operations.loss else self.model.placed[self._index]
            self.uncompiled = f"operation `{getattr(function, '__name__', function)}` of {whose}"
        operations.append((function, arguments))

    # From layers to operations.

    def chain(self, layers, x, shape, layout=EITHER):
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
        steps = []
        for layer, covered in _fused(layers):
            first, self._next = self._next, self._next + covered
            x = self._reordered(first, x, shape, layer.layout, steps)
            self._index, self.shape = first, shape
            try:
                out, backward = layer.lower(self, x)
            except ValueError as error:
                if layer.parts():  # the layer inside is named already
                    raise
                raise ValueError(f"{self.model.placed[first]}: {error}") from None
            # By now the layers inside have been counted too.
            steps.append(_Step(first, any(map(self.model.learns, range(first, self._next))), backward))
            if self.training:
                self.outputs.append(Output(len(self.operations.forward), range(first, first + covered), out))
                if layer.backward_takes_output:
                    self._kept.append(address(out))
            x, shape = out, layer.output_shape(shape)
        return self._reordered(self._next, x, shape, layout, steps), steps

    def _reordered(self, index, x, shape, layout, steps):
        """`x` in another order, where it is not in that order already."""
        lower = reordering(x, shape, layout)
        if lower is None:
            return x
        self._index, self.shape = index, shape
        out, backward = lower(self, x)
        steps.append(_Step(index, False, backward))
        return out

    def backpropagate(self, steps, dout):
        """Bind the backward pass of what `chain` gave, last layer first.

        Returns the gradient of the chain's input. Where that is not `needed`, since nothing below learns, the pass ends
        at the first layer that learns, and what comes back has no meaning.
        """
        needed = self.needed
        learning = [position for position, step in enumerate(steps) if step.learns]
        lowest = 0 if needed else min(learning, default=len(steps))
        for position in range(len(steps) - 1, lowest - 1, -1):
            self._index, _, backward = steps[position]
            if backward is None:
                continue
            self.needed = needed or position > lowest
            dout = backward(dout)
        self.needed = needed
        return dout

    def _lower_loss(self):
        loss = self.model.loss_function
        shape = self.batch, *loss.target_shape(self.model.output_size)
        self.y = np.zeros(shape, self.dtype if loss.per_output else np.int64)
        return loss.lower(self, self.scores, self.y)

    def _lower_penalties(self):
        for index, name in self.model.decaying() if self.model.l2 else ():
            self._index = index
            w, dw = self.parameter(name)
            self._bind(self.operations.penalties, "l2_penalty", w.reshape(-1), self.model.l2, dw.reshape(-1))

    # From arrays to memory.

    def settle(self, memory):
        """Move all buffers into memory, where those share a place that live at different times; choose the forms.

        Parameters
        ----------
        memory : callable
            Gives so many bytes as an array.

        Returns
        -------
        workspace : ndarray of uint8
            The memory.
        nanoseconds : float
            About how long the operations take, where they all run on the calling thread; 0 where some are parallel.
        """
        buffers, passes = self._buffers, self.operations
        lives = lifetimes([arguments for one in passes for _, arguments in one], buffers, [self.scores])
        offsets, size = layout(lives, {place: array.nbytes for place, array in buffers.items()})
        workspace = memory(size)[:size]

        def settled(array):
            return moved(array, buffers, offsets, workspace)

        every = [(function, tuple(map(settled, arguments))) for one in passes for function, arguments in one]
        chosen, nanoseconds = forms(every)
        chosen = iter(chosen)
        self.operations = Operations(*([next(chosen) for _ in one] for one in passes))
        self.x, self.scores = settled(self.x), settled(self.scores)
        self.outputs = [output._replace(array=settled(output.array)) for output in self.outputs]
        return workspace, nanoseconds


def _fused(layers):
    """(layer, number of layers that it stands for): two where one runs in one go with the following one."""
    position = 0
    while position < len(layers):
        layer, following = layers[position], layers[position + 1 : position + 2]
        fused = layer.fused_with(*following) if following else None
        yield (fused, 2) if fused else (layer, 1)
        position += 2 if fused else 1
