"""What the Solver asks of a model and of an update rule: one face for numbanet's own, one for those of a user.

Which of them a training takes decides whether its parameters are updated as one flat array or one by one.
"""

import math

import numpy as np

from . import kernels, optim
from ._checks import all_finite, as_data, describe, mapping, told_apart


class FlatModel:
    """What numbanet's own networks are told by: their parameters are one flat array, and so are their gradients."""


def adapted(model):
    """What the Solver asks of `model`."""
    return Network(model) if isinstance(model, FlatModel) else OtherModel(model)


class Network:
    """What the Solver asks of one of numbanet's networks.

    A subclass may have methods of its own. It is trained by its `train_batch`, else by its `loss`, and measured by its
    `score`, which goes by its `predict` and `loss`. Where it has a training loss of its own, that of other examples in
    inference is not known.
    """

    flat = True  # updated as one array

    def __init__(self, model):
        self.model, self.params, self.grads, self.ops = model, model.params, model.grads, model.ops
        self.has_loss = not model.overrides("loss", "train_batch")
        self._own_loss = model.overrides("loss") and not model.overrides("train_batch")

    def check(self, x_name, X, y_name, y):
        X = self.model.check_examples(x_name, X)
        checked = self.model.check_targets(y_name, y, len(X))
        self.model.check_finite(x_name, X)
        if self.model.standardizer is None:
            remedy = "standardise them first: model.standardizer = numbanet.data.Standardizer.fit(X_train)"
            told_apart(x_name, X, self.model.dtype, remedy)
        if self.model.objective.per_output:
            told_apart(y_name, as_data(y_name, y), self.model.dtype, "take their mean away and divide by their spread")
        return X, checked

    def begin(self):
        """Begin a step, during which nobody else uses the network; returns what to call at its end."""
        return self.model.workspaces.begin()

    def claim(self, solver):
        """Say that `solver` trains the network from now on; RuntimeError where another does."""
        self.model.workspaces.claim(solver)

    def free(self, solver):
        self.model.workspaces.free(solver)

    def loss(self, X, y, rows, gather):
        if not self._own_loss:
            return self.model.train_batch(X, y, rows, gather)
        loss, grads = _own_loss(self.model, X, y, rows, gather)
        for name, gradient in grads.items():
            self.grads[name] = gradient
        return loss

    def score(self, X, y, batch_size=100):
        return self.model.score(X, y)

    def measure(self, X, y):
        """Mean loss of examples in inference, NaN where it is not known, and their score."""
        if not self.has_loss:
            return math.nan, self.model.score(X, y)
        loss, score = self.model.evaluate(X, y)
        return loss, self.model.score(X, y) if self.model.overrides("score") else score

    def learns_from(self, count):
        """Whether so few examples make a batch: not one alone, for batch normalisation."""
        return self.model.learns_from(count)

    def first_non_finite(self):
        return self.model.first_non_finite()

    def snapshot(self, into=None):
        """Copies of all arrays by name: new ones, or in the place of an earlier snapshot that nobody else holds."""
        if into is None:
            return {**self.model.params.copy(), **self.model.state.copy()}
        for name, value in {**self.model.params, **self.model.state}.items():
            into[name][...] = value
        return into

    def restore(self, snapshot):
        end = self.begin()
        try:
            for name, value in snapshot.items():
                (self.model.params if name in self.model.params else self.model.state)[name] = value
        finally:
            end()


class OtherModel:
    """The same of any object with `params` and ``loss(X, y)``, as in the course."""

    flat, has_loss = False, False

    def __init__(self, model):
        for name in ("params", "loss"):
            if not hasattr(model, name):
                raise TypeError(
                    f"model: expected an object with params and loss(X, y); {type(model).__name__} has no {name}"
                )
        mapping("model.params", model.params, "arrays")
        self.model, self.grads, self.ops = model, {}, kernels

    @property
    def params(self):
        return self.model.params

    def check(self, x_name, X, y_name, y):
        X, y = as_data(x_name, X), as_data(y_name, y)
        for name, array in ((x_name, X), (y_name, y)):
            if array.ndim == 0 or len(array) == 0:
                raise ValueError(f"{name}: expected at least one example, got shape {array.shape}")
        if len(X) != len(y):
            raise ValueError(f"{y_name}: expected one entry for each of the {len(X)} rows of {x_name}, got {len(y)}")
        all_finite(x_name, X)
        all_finite(y_name, y)
        return X, y

    def begin(self):
        return {}.clear  # whether others use it meanwhile is not known

    def claim(self, solver):
        pass

    def free(self, solver):
        pass

    def loss(self, X, y, rows, gather):
        loss, self.grads = _own_loss(self.model, X, y, rows, gather)
        return loss

    def score(self, X, y, batch_size=100):
        right = 0
        for start in range(0, len(X), batch_size):
            scores = np.asarray(self.model.loss(X[start : start + batch_size]))
            if not np.isfinite(scores).all():
                return math.nan
            right += int(np.sum(np.argmax(scores, axis=1) == y[start : start + batch_size]))
        return right / len(X)

    def measure(self, X, y):
        """As of `Network`: ``loss(X, y)`` trains, and has penalties, so that there is only the score."""
        return math.nan, self.score(X, y)

    def learns_from(self, count):
        return True

    def first_non_finite(self):
        for name, w in self.params.items():
            if not np.isfinite(w).all():
                return f"parameter {name}"
        return "the loss that the model returned"

    def snapshot(self, into=None):
        return {name: w.copy() for name, w in self.params.items()}

    def restore(self, snapshot):
        for name, w in snapshot.items():
            self.params[name] = w.copy()


def _own_loss(model, X, y, rows, gather):
    """Loss and gradients of a batch by a model's own ``loss(X, y)``."""
    if gather is None:
        batch = X[rows]
    else:
        batch = np.empty((len(rows), *X.shape[1:]), X.dtype if X.dtype.kind == "f" else np.float64)
        gather(X, rows, batch)
    result = model.loss(batch, y[rows])
    if not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(f"model: loss(X, y) must return (loss, grads), got {describe(result)}")
    loss, grads = result
    if missing := [name for name in model.params if name not in grads]:
        raise ValueError(f"model: loss(X, y) gave no gradient for {', '.join(missing)}")
    return float(loss), grads


class FlatUpdate:
    """One of numbanet's rules on one of its networks: all parameters are updated as one array."""

    def __init__(self, network, rule, config):
        self.params, self.grads, self.model = network.params.flat, network.grads.flat, network.model
        self.optimizer = optim.Optimizer(rule, self.params.size, self.model.dtype, self.model.ops, **config)
        self._steps = {}  # by the size of a batch: the last of an epoch may be smaller

    @property
    def state(self):
        """What a copy goes on from."""
        return self.optimizer.options, self.optimizer.t, self.optimizer.state

    @state.setter
    def state(self, values):
        options, self.optimizer.t, state = values
        self.optimizer.options = dict(options)
        for name, value in state.items():
            self.optimizer.state[name][...] = value

    @property
    def learning_rate(self):
        return self.optimizer.options["learning_rate"]

    @learning_rate.setter
    def learning_rate(self, value):
        self.optimizer.options["learning_rate"] = value

    def decay(self, factor):
        self.optimizer.options["learning_rate"] *= factor

    def step(self):
        self.optimizer.update(self.params, self.grads)

    def without_python(self, X, y, batch, augment):
        """Steps of training as one call, or None; see `numbanet.Sequential.training_steps`."""
        self._steps[batch] = self.model.training_steps(X, y, batch, self.optimizer, augment)
        return self._steps[batch]


class NamedUpdate:
    """Any rule, parameter by parameter, as in the course."""

    def __init__(self, network, rule, config):
        self.network, self.rule = network, rule
        self.configs = {name: dict(config) for name in network.params}

    @property
    def state(self):
        """What a copy goes on from."""
        return self.configs

    @state.setter
    def state(self, configs):
        self.configs = configs

    @property
    def learning_rate(self):
        """NaN while there is none: a rule may fill in its default at the first step, or have no such option."""
        return next(
            (config["learning_rate"] for config in self.configs.values() if "learning_rate" in config), math.nan
        )

    @learning_rate.setter
    def learning_rate(self, value):
        for config in self.configs.values():
            config["learning_rate"] = value

    def decay(self, factor):
        for config in self.configs.values():
            if "learning_rate" in config:
                config["learning_rate"] *= factor

    def without_python(self, X, y, batch, augment):
        return None

    def step(self):
        params, grads, new = self.network.params, self.network.grads, {}
        for name, w in params.items():
            new[name] = self.rule(w, grads[name], dict(self.configs[name]))
            if not (isinstance(new[name], tuple) and len(new[name]) == 2):
                raise TypeError(f"optimizer: expected (next_w, config) from it, got {describe(new[name])}")
        for name, (next_w, config) in new.items():  # a rule that failed halfway has changed nothing
            params[name], self.configs[name] = next_w, config
