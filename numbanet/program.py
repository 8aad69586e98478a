"""A network lowered for one batch size: its buffers, and the list of operations bound to them.

Lowering happens once. A step is then a walk down the list: nothing is checked, chosen or allocated. Arrays that are
never needed at the same time lie in the same memory, which all programs of a network share. Where every operation is a
kernel, a compiled loop walks it (`runtime.call_table`), through any number of training steps in one call;
otherwise, with `numbanet.reference` or operations of a user's own, Python does.
"""

import contextlib
import math
import weakref
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ._memory import address, layout, lifetimes, moved, reserved
from ._views import aligned_zeros
from .kernels import _gather as _gather_kernels
from .layers import EITHER, reordering
from .runtime import call_table
from .runtime.dispatch import forms, variant
from .runtime.lazy import lazy
from .runtime.placement import keep_apart
from .runtime.threads import in_force
from .training_steps import TrainingSteps


class _Step(NamedTuple):
    """What a layer leaves for the backward pass."""

    index: int
    learns: bool
    backward: Callable | None


class Program:
    """The operations of one network for one batch size, for training or for inference.

    Parameters
    ----------
    model : numbanet.models.Sequential
        Gives the layers, shapes and arrays. It keeps its programs, so a program does not keep it.
    batch : int
        Number of examples, N.
    training : bool
        Whether loss and gradients are computed.
    memory : callable, optional
        Gives so many bytes as an array, which is shared with all programs that do not run at the same time.

    Attributes
    ----------
    x : ndarray, shape (N, D)
        The batch goes in here.
    own_bytes : int
        Memory for the batch that is not shared.
    nanoseconds_alone : float
        About how long the operations take, where they all run on the calling thread; 0 where some are parallel.
    scores : ndarray, shape (N, C)
    y : ndarray
        Targets go in here; training only.
    """

    def __init__(self, model, batch, training, memory=None):
        self._model, self.batch, self.training = weakref.ref(model), batch, training
        self.dtype, self._largest = model.dtype, np.finfo(model.dtype).max
        self._outputs = []  # as (operations before, layers, array), to find where a number went wrong
        self._forward, self._loss, self._backward, self._penalties, self._keys = [], [], [], [], []
        self._steps = lambda: None
        self._standardizes = model.standardizer is not None
        self._buffers = {}  # by address; by `_settle`, they get their memory
        self._next = 0  # index of the layer that is lowered next
        features = math.prod(model.input_shape)
        # In training it outlives the step: `first_non_finite` begins with it.
        self.x = aligned_zeros((batch, features), self.dtype) if training else self.buffer(features)
        self.own_bytes = self.x.nbytes if training else 0
        self._kept = [address(self.x)]
        self.scores, steps = self.chain(model.layers, self.x, model.input_shape)
        if training:
            dscores = self._lower_loss()
            self.needed = False
            self.backpropagate(steps, dscores)
            for index, name in model.decaying():
                self._index = index
                w, dw = self.parameter(name)
                self._bind(self._penalties, "l2_penalty", w.reshape(-1), model.l2, dw.reshape(-1))
        self._settle(memory or (lambda size: aligned_zeros(size, np.uint8)))
        self._bad = np.zeros(batch, np.uint8)  # rows that `take` found to hold no number

    @property
    def model(self):
        return self._model()

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
        self._keys.append(key)
        return key

    def forward(self, operation, *arguments):
        """Add an operation to the forward pass."""
        self._bind(self._forward, operation, *arguments)

    def backward(self, operation, *arguments):
        """Add an operation to the backward pass."""
        self._bind(self._backward, operation, *arguments)

    def _bind(self, steps, operation, *arguments):
        steps.append((getattr(self.model.ops, operation), arguments))

    # Lowering.

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
                self._outputs.append((len(self._forward), range(first, first + covered), out))
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
        objective = self.model.objective
        self.y = np.zeros_like(self.scores) if objective.per_output else np.zeros(self.batch, np.int64)
        dscores = self.buffer(self.scores.shape[1])
        self._loss = []
        self._bind(self._loss, objective.operation, self.scores, self.y, dscores)
        return dscores

    def _settle(self, memory):
        """Move all buffers into what `memory` gives, where those share memory that live at different times."""
        passes = [self._forward, self._loss, self._backward, self._penalties]
        buffers = self._buffers
        lives = lifetimes([arguments for steps in passes for _, arguments in steps], buffers, [self.scores])
        offsets, size = layout(lives, {place: array.nbytes for place, array in buffers.items()})
        self._workspace = memory(size)[:size]

        def settled(array):
            return moved(array, buffers, offsets, self._workspace)

        every = [(function, tuple(map(settled, arguments))) for steps in passes for function, arguments in steps]
        chosen, self.nanoseconds_alone = forms(every)
        chosen = iter(chosen)
        for steps in passes:
            steps[:] = [next(chosen) for _ in steps]
        self.x, self.scores = settled(self.x), settled(self.scores)
        self._outputs = [(count, layers, settled(out)) for count, layers, out in self._outputs]
        self._buffers = {}

    def __repr__(self):
        """The operations in order, the shapes of their arrays and the other arguments, and the memory for the batch."""
        passes = {"forward": self._forward}
        if self.training:
            passes |= {"loss": self._loss, "backward": self._backward}
            passes["penalty"] = self._penalties
        own, lines = {}, []
        for name, operations in passes.items():
            for function, arguments in operations:
                form = "parallel" if getattr(function, "targetoptions", {}).get("parallel") else ""
                shown = " ".join(
                    str(value.shape).replace(" ", "") if isinstance(value, np.ndarray) else f"{value}"
                    for value in arguments
                )
                lines.append(f"  {len(lines) + 1:3d}  {name:8s}  {function.__name__:24s}  {form:8s}  {shown}")
                arrays = [value for value in arguments if isinstance(value, np.ndarray)]
                own.update((address(value), value.nbytes) for value in arrays if not self._is_shared(value))
        memory = self._workspace.nbytes + sum(own.values())
        what = "training" if self.training else "inference"
        head = f"Program: {what} on {self.batch} examples, {self.dtype}, {len(lines)} operations, {memory:,} bytes"
        return "\n".join([head, *lines])

    def _is_shared(self, array):
        """Whether an array is a view of the workspace or of the network's parameters, gradients or running averages."""
        views = (self.model.params, self.model.grads, self.model.state)
        return any(np.may_share_memory(array, a) for a in (self._workspace, *(v.flat for v in views)))

    # Running.

    def load(self, X, rows=None, gather=None):
        """Put examples into `x`, from the first place on: all of `X` or its `rows`, standardised if need be.

        `gather`, a function of (X, rows, out), puts them there otherwise than as they are.
        """
        if gather is not None:
            gather(X, rows, self.x)
            X, rows = self.x, None
        standardizer = self.model.standardizer
        if standardizer is not None:
            X = X if rows is None else X[rows]
            shape = len(X), *standardizer.mean.shape
            standardizer.write(X.reshape(shape), self.x[: len(X)].reshape(shape))
        elif rows is not None:
            _gather(X, rows, self.x)
        elif X.shape == self.x.shape:
            self.x[...] = X
        else:
            self.x[: len(X)] = X.reshape(len(X), -1)

    @lazy
    def _copy(self):
        """Copies examples into `x` and marks what is not finite, compiled where the operations are."""
        if self._calls is None:
            return _copied
        return variant(_gather_kernels.copy, (self.x, self._largest, self.x, self._bad))

    def take(self, X):
        """Put all of `X` into `x`, as `load` does, to infer from; whether every value in it then is finite."""
        count = len(X)
        x = self.x if count == self.batch else self.x[:count]
        if self._standardizes or X.dtype is not self.dtype or not X.flags.carray:
            with np.errstate(over="ignore"):  # what this dtype cannot hold
                self.load(X)
            X = x
        elif X.ndim != 2:
            X = X.reshape(count, -1)
        self._copy(X, self._largest, x, self._bad)
        return not (self._bad[0] if count == 1 else self._bad[:count].any())

    @lazy
    def _calls(self):
        """All operations as calls for the compiled loop, in order; None where one of them is not a kernel."""
        return call_table.calls([*self._forward, *self._loss, *self._backward, *self._penalties])

    @lazy
    def _table(self):
        return None if self._calls is None else call_table.Table(self._calls)

    @property
    def _losses(self):
        """The calls whose results add up to the loss: the first of them, and the L2 penalties."""
        calls = self._calls
        return [calls[len(self._forward)], *calls[len(calls) - len(self._penalties) :]]

    def infer(self):
        """Scores of the batch in `x`, into `scores`."""
        if self._table is None:
            in_force()
            keep_apart()
            for function, arguments in self._forward:
                function(*arguments)
        else:
            self._table.walk(len(self._forward))

    def step(self):
        """Loss of the batch in `x` and `y`, L2 penalty included; the gradients go into the model's."""
        if self._table is None:
            self.infer()
            ((function, arguments),) = self._loss
            loss = function(*arguments)
            for function, arguments in self._backward:
                function(*arguments)
            for function, arguments in self._penalties:
                loss += function(*arguments)
        else:
            self._table.walk()
            loss, *penalties = (call.result for call in self._losses)
            for penalty in penalties:
                loss += penalty
        if not self.model.fixed_dropout:
            for key in self._keys:
                key[1] += np.uint64(1)
        return loss

    def training_steps(self, X, y, optimizer, augment=None):
        """The `TrainingSteps` on these arrays, or None where that must be done step by step from Python.

        Parameters
        ----------
        X, y : ndarray
            All examples and targets, as the model's checks let them pass.
        optimizer : numbanet.optim.Optimizer
            For the model's flat arrays.
        augment : numbanet.data.Augment, optional
            How the examples are changed when they are gathered.
        """
        given, steps = (X, y, optimizer, augment), self._steps()
        if steps is None or any(a is not b for a, b in zip(steps.given, given, strict=True)):
            steps = TrainingSteps(self, *given)
            self._steps = weakref.ref(steps)  # the data belong to whoever trains, not to the network
        return None if steps.table is None else steps

    def first_non_finite(self):
        """Where NaN or infinity first shows in the pass that was run last, in words.

        The forward pass is run once more, since by its end most of its arrays have been overwritten.
        """
        if not np.isfinite(self.x).all():
            return "the input"
        state, keys = self.model.state.flat.copy(), [key.copy() for key in self._keys]
        for key in self._keys:
            key[1] -= np.uint64(not self.model.fixed_dropout)
        try:
            return self._search() or "the loss alone; the scores are finite"
        finally:
            self.model.state.flat[...] = state
            for key, before in zip(self._keys, keys, strict=True):
                key[...] = before

    def _search(self):
        done = 0
        for count, layers, out in self._outputs:
            for function, arguments in self._forward[done:count]:
                function(*arguments)
            done = count
            for index in layers:
                for name in self.model.parameter_names(index):
                    if not np.isfinite(self.model.params[name]).all():
                        return f"parameter {name} of {self.model.placed[index]}"
            if not np.isfinite(out).all():
                return f"the output of {self.model.placed[layers[-1]]}"
        return None


def _copied(X, largest, out, bad):
    """The kernel `copy`, in NumPy."""
    out[...] = X
    bad[: len(out)] = ~(np.abs(out) <= largest).all(axis=1)


def _gather(X, rows, out):
    """``out[...] = X[rows]``, without a copy on the way where examples are large enough for that to matter."""
    if X.dtype == out.dtype and X.flags.c_contiguous and out.size >= 4096 and 0 <= rows.min() <= rows.max() < len(X):
        # "clip", which never does here, writes into `out` at once; "raise" would go through a buffer.
        np.take(X.reshape(len(X), -1), rows, axis=0, out=out, mode="clip")
    else:
        out[...] = X[rows].reshape(out.shape)


def _fused(layers):
    """(layer, number of layers that it stands for): two where one runs in one go with the following one."""
    position = 0
    while position < len(layers):
        layer, following = layers[position], layers[position + 1 : position + 2]
        fused = layer.fused_with(*following) if following else None
        yield (fused, 2) if fused else (layer, 1)
        position += 2 if fused else 1
