"""A network lowered for one batch size: its buffers, and the list of operations bound to them.

Lowering happens once. A step is then a walk down the list: nothing is checked, chosen or allocated.
"""

import math

import numpy as np

from ._views import aligned_zeros
from .kernels._placement import keep_apart


def describe(index, layer):
    """How messages name a layer."""
    return f"layer {index + 1}, {layer!r}"


class Program:
    """The operations of one network for one batch size, for training or for inference.

    Parameters
    ----------
    model : numbanet.models.Sequential
        Gives the layers, shapes and arrays.
    batch : int
        Number of examples, N.
    training : bool
        Whether loss and gradients are computed.

    Attributes
    ----------
    x : ndarray, shape (N, D)
        The batch goes in here.
    scores : ndarray, shape (N, C)
    y : ndarray
        Targets go in here; training only.
    """

    def __init__(self, model, batch, training):
        self.model, self.batch, self.training = model, batch, training
        self.dtype = model.dtype
        self._outputs = []  # as (layers, array), to find where a number went wrong
        self._forward, self._backward, self._penalties, self._keys = [], [], [], []
        self.x = self.buffer(math.prod(model.input_shape))
        gradients = self._lower_forward()
        if training:
            self._lower_loss()
            self._lower_backward(gradients)
            for index, name in model.decaying():
                self._index = index
                w, dw = self.parameter(name)
                self._bind(self._penalties, "l2_penalty", w.reshape(-1), model.reg, dw.reshape(-1))

    # What a layer's `lower` uses.

    def parameter(self, name):
        """The current layer's parameter and its gradient."""
        full = self.model.names[self._index, name]
        return self.model.params[full], self.model.grads[full]

    def state(self, name):
        """The current layer's running average."""
        return self.model.state[self.model.names[self._index, name]]

    def buffer(self, width):
        """A new array for the batch, shape (N, width)."""
        return aligned_zeros((self.batch, width), self.dtype)

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
        function = getattr(self.model.ops, operation)
        # A kernel has a serial and a parallel variant; the sizes are known here, so the choice is made once.
        choose = getattr(function, "variant", None)
        steps.append((choose(*arguments) if choose else function, arguments))

    # Lowering.

    def _lower_forward(self):
        """Bind the forward pass; returns (index, layer, input, backward) for each layer that has a backward."""
        gradients = []
        x, layers, index = self.x, self.model.layers, 0
        while index < len(layers):
            self._index = index
            layer, covered = layers[index], 1
            if index + 1 < len(layers) and (fused := layer.fused_with(layers[index + 1])):
                layer, covered = fused, 2
            try:
                out, backward = layer.lower(self, x)
            except ValueError as error:
                raise ValueError(f"{describe(index, layers[index])}: {error}") from None
            if backward is not None:
                gradients.append((index, layer, x, backward))
            self._outputs.append((range(index, index + covered), out))
            x, index = out, index + covered
        self.scores = x
        return gradients

    def _lower_loss(self):
        objective = self.model.objective
        self.y = np.zeros_like(self.scores) if objective.per_output else np.zeros(self.batch, np.int64)
        self._dscores = self.buffer(self.scores.shape[1])
        loss = []
        self._bind(loss, objective.operation, self.scores, self.y, self._dscores)
        ((self._loss, self._loss_arguments),) = loss

    def _lower_backward(self, gradients):
        """Bind the backward pass, last layer first, down to the first layer that learns."""
        learning = [i for i, (index, layer, _, _) in enumerate(gradients) if self.model.learns(index)]
        if not learning:
            return
        widest = max(x.shape[1] for _, _, x, _ in gradients)
        spare = [aligned_zeros(self.batch * widest, self.dtype) for _ in range(2)]
        dout = self._dscores
        for position in range(len(gradients) - 1, learning[0] - 1, -1):
            self._index, layer, x, backward = gradients[position]
            if layer.gradient_in_place:
                dx = dout
            elif position == learning[0]:
                dx = np.empty((0, x.shape[1]), self.dtype)  # nothing below learns: no input gradient
            else:
                spare.reverse()
                dx = spare[0][: x.size].reshape(x.shape)
            backward(dout, dx)
            dout = dx

    # Running.

    def infer(self):
        """Scores of the batch in `x`, into `scores`."""
        keep_apart()
        for function, arguments in self._forward:
            function(*arguments)

    def step(self):
        """Loss of the batch in `x` and `y`, L2 penalty included; the gradients go into the model's."""
        self.infer()
        loss = self._loss(*self._loss_arguments)
        for function, arguments in self._backward:
            function(*arguments)
        for function, arguments in self._penalties:
            loss += function(*arguments)
        if not self.model.fixed_dropout:
            for key in self._keys:
                key[1] += np.uint64(1)
        return loss

    def first_non_finite(self):
        """Where NaN or infinity first shows in the pass that was run last, in words."""
        if not np.isfinite(self.x).all():
            return "the input"
        for indices, out in self._outputs:
            for index in indices:
                for name in self.model.parameter_names(index):
                    if not np.isfinite(self.model.params[name]).all():
                        return f"parameter {name} of {describe(index, self.model.layers[index])}"
            if not np.isfinite(out).all():
                return f"the output of {describe(indices[-1], self.model.layers[indices[-1]])}"
        return "the loss alone; the scores are finite"
