"""The training loop.

A `Solver` trains numbanet's own networks by one update of one flat array per step, and any other object with `params`
and ``loss(X, y)``, or any other update rule, array by array, as the course's Solver does.
"""

import math
import warnings

import numpy as np

from . import checkpoint, optim
from ._checks import all_finite, as_numeric, describe, integer, number
from .errors import TrainingDiverged


class Solver:
    """Train a model on data by mini-batches, and keep the parameters that did best on validation data.

    Parameters
    ----------
    model : numbanet.Sequential or object
        One of numbanet's networks; or any object with a dict `params` of arrays and a method ``loss(X, y)`` that
        returns ``(loss, grads)``, and scores where ``y`` is left out.
    data : dict
        ``X_train``, ``y_train`` and, optionally, ``X_val``, ``y_val``; examples along the first axis.
    update_rule : str or callable
        A name from `numbanet.optim.RULES`, or a function ``(w, dw, config) -> (next_w, config)``.
    optim_config : dict
        Options of the update rule, such as ``{"learning_rate": 1e-3}``.
    lr_decay : float
        The learning rate is multiplied by it after each epoch.
    batch_size, num_epochs : int
        Every epoch goes through a new permutation of the training data; what does not fill a batch is left out, other
        examples each time. A batch never exceeds the training data.
    num_train_samples, num_val_samples : int or None
        How many examples the accuracies are measured on; None is all.
    patience : int, optional
        Stop after that many epochs without a better validation accuracy.
    checkpoint_name : str, optional
        After each epoch the state of training is written to ``<checkpoint_name>_epoch_<n>.npz``, for `restore`.
    seed : int, optional
        Of the order of the examples; by default the model's own seed.
    on_step, on_epoch : callable, optional
        Called with the solver after every step, and after every measurement of accuracy; training stops where one
        returns True.
    print_every : int
    verbose : bool
        Print the loss every `print_every` steps and the accuracies after every epoch.

    Attributes
    ----------
    loss_history : list of float
        One entry for each step, L2 penalty included.
    train_acc_history, val_acc_history : list of float
        Accuracy (R² for squared error) after the first step and after each epoch.
    best_val_acc : float
    best_params : dict of ndarray
    epoch, iteration, num_iterations : int
    interrupted : bool
        Whether Ctrl-C ended the last `train`.

    Raises
    ------
    TypeError, ValueError
        For data that do not fit the model, labels out of range, NaN or infinity in the data (the row is named), and
        options that are unknown or out of range: all before anything runs.
    """

    def __init__(
        self,
        model,
        data,
        *,
        update_rule="sgd",
        optim_config=None,
        lr_decay=1.0,
        batch_size=100,
        num_epochs=10,
        num_train_samples=1000,
        num_val_samples=None,
        patience=None,
        checkpoint_name=None,
        seed=None,
        on_step=None,
        on_epoch=None,
        print_every=10,
        verbose=True,
    ):
        self.model = model
        self.lr_decay = number("lr_decay", lr_decay, 0, include_low=False, include_high=False)
        self.batch_size = integer("batch_size", batch_size, 1)
        self.num_epochs = integer("num_epochs", num_epochs, 0)
        self.num_train_samples = _optional_count("num_train_samples", num_train_samples)
        self.num_val_samples = _optional_count("num_val_samples", num_val_samples)
        self.patience = _optional_count("patience", patience)
        self.checkpoint_name, self.on_step, self.on_epoch = checkpoint_name, on_step, on_epoch
        self.print_every, self.verbose = integer("print_every", print_every, 1), verbose
        self.update_rule, self.optim_config = update_rule, dict(optim_config or {})
        self._trainer = _make_trainer(model, update_rule, self.optim_config)
        self._take_data(data)
        if seed is None:
            seed = getattr(model, "seed", None)
        self._rng = np.random.default_rng(seed if seed is None else integer("seed", seed, 0))
        self._permutation = None
        self._reset()

    def _take_data(self, data):
        known = ("X_train", "y_train", "X_val", "y_val")
        for name in known[:2]:
            if name not in data:
                raise ValueError(
                    f"data: expected {', '.join(known)}; {name} is missing among {', '.join(data) or 'nothing'}"
                )
        if ("X_val" in data) != ("y_val" in data):
            raise ValueError("data: X_val and y_val go together")
        self.X_train, self.y_train = self._trainer.check("X_train", data["X_train"], "y_train", data["y_train"])
        self.X_val = self.y_val = None
        if "X_val" in data:
            self.X_val, self.y_val = self._trainer.check("X_val", data["X_val"], "y_val", data["y_val"])
        self._batch = min(self.batch_size, len(self.X_train))
        self.iterations_per_epoch = len(self.X_train) // self._batch

    def _reset(self):
        self.epoch = self.iteration = 0
        self.num_iterations = self.num_epochs * self.iterations_per_epoch
        self.best_val_acc, self._best, self._best_epoch = -math.inf, {}, 0
        self.loss_history, self.train_acc_history, self.val_acc_history = [], [], []
        self.interrupted = False

    @property
    def learning_rate(self):
        """The learning rate of the next step. May be set, for a schedule of your own."""
        return self._trainer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._trainer.learning_rate = number("learning_rate", value, 0, include_high=False)

    @property
    def best_params(self):
        """The parameters that did best on the validation data, as a dict of arrays."""
        return {name: value for name, value in self._best.items() if name in self.model.params}

    def train(self):
        """Train for `num_epochs` epochs; called again, for as many more.

        At the end the model has the parameters that did best on the validation data. Ctrl-C stops after the step that
        is running, with a warning, and leaves the model likewise.

        Raises
        ------
        TrainingDiverged
            When the loss becomes NaN or infinite. The message names the step, the layer and the learning rate; the
            model has the best parameters so far.
        """
        self.num_iterations = self.iteration + self.num_epochs * self.iterations_per_epoch
        self.interrupted = False
        initial = self._trainer.snapshot()
        try:
            while self.iteration < self.num_iterations:
                if self._step():
                    break
        except KeyboardInterrupt:
            self.interrupted = True
            warnings.warn(f"training interrupted at step {self.iteration} of {self.num_iterations}", stacklevel=2)
            self._measure()  # what was learnt since the last epoch counts too
        except TrainingDiverged:
            self._trainer.restore(self._best or initial)
            raise
        self._trainer.restore(self._best)

    def _step(self):
        """One step and, where they are due, the measurements; True where training is to stop."""
        rows = self._next_rows()
        loss = self._trainer.loss(self.X_train, self.y_train, rows)
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss became {loss} at step {self.iteration + 1} (epoch {self.epoch + 1}) with learning rate "
                f"{self.learning_rate:g}; NaN or infinity first shows in {self._trainer.first_non_finite()}. "
                "A smaller learning rate, or inputs scaled to unit variance, usually helps"
            )
        self._trainer.update()
        self.iteration += 1
        self.loss_history.append(loss)
        if self.verbose and (self.iteration - 1) % self.print_every == 0:
            print(f"(Iteration {self.iteration} / {self.num_iterations}) loss: {loss:f}")
        stop = bool(self.on_step and self.on_step(self))
        epoch_ends = self.iteration % self.iterations_per_epoch == 0
        if epoch_ends:
            self.epoch += 1
            self._trainer.learning_rate *= self.lr_decay
        if epoch_ends or self.iteration == 1:
            stop = self._measure() or stop
            if epoch_ends and self.checkpoint_name:
                self.save(f"{self.checkpoint_name}_epoch_{self.epoch}.npz")
        return stop

    def _next_rows(self):
        """Rows of the next batch: the epoch's permutation, piece by piece."""
        position = self.iteration % self.iterations_per_epoch
        if position == 0 or self._permutation is None:
            self._permutation = self._rng.permutation(len(self.X_train))
        return self._permutation[position * self._batch : (position + 1) * self._batch]

    def _measure(self):
        """Accuracies, the best parameters, the report; True where training is to stop."""
        train_acc = self.check_accuracy(self.X_train, self.y_train, self.num_train_samples)
        self.train_acc_history.append(train_acc)
        text = f"(Epoch {self.epoch} / {self.num_iterations // self.iterations_per_epoch}) train acc: {train_acc:f}"
        if self.X_val is not None:
            val_acc = self.check_accuracy(self.X_val, self.y_val, self.num_val_samples)
            self.val_acc_history.append(val_acc)
            text += f"; val_acc: {val_acc:f}"
            if val_acc > self.best_val_acc:
                self.best_val_acc, self._best_epoch = val_acc, self.epoch
                self._best = self._trainer.snapshot()
        if self.verbose:
            print(text)
        stop = bool(self.on_epoch and self.on_epoch(self))
        return stop or (self.patience is not None and self.epoch - self._best_epoch >= self.patience)

    def check_accuracy(self, X, y, num_samples=None, batch_size=100):
        """Accuracy of the model on (X, y), or on `num_samples` of them drawn at random; R² for squared error.

        `batch_size` is how many rows a model of the user's own sees at a time.
        """
        if num_samples is not None and len(X) > num_samples:
            rows = self._rng.choice(len(X), num_samples, replace=False)
            X, y = X[rows], y[rows]
        return self._trainer.score(X, y, batch_size)

    def save(self, path):
        """Write the state of training to one file, for `restore` to go on from as if nothing had happened.

        Only for numbanet's own networks and update rules.
        """
        checkpoint.save_solver(path, self)

    def restore(self, path):
        """Take up the state of training that `save` wrote; model, data and options must be the same as then."""
        checkpoint.restore_solver(path, self)


def _optional_count(name, value):
    return None if value is None else integer(name, value, 1)


def _make_trainer(model, update_rule, config):
    if isinstance(update_rule, str):
        optim.get_rule(update_rule)
        if hasattr(model, "train_batch"):
            return FlatTrainer(model, update_rule, config)
        update_rule = getattr(optim, update_rule)
    elif not callable(update_rule):
        raise TypeError(f"update_rule: expected a name or a function (w, dw, config), got {describe(update_rule)}")
    return NamedTrainer(model, update_rule, config)


class FlatTrainer:
    """One of numbanet's networks with one of its rules: all parameters are updated as one array."""

    def __init__(self, model, rule, config):
        self.model = model
        self.optimizer = optim.Optimizer(rule, model.params.flat.size, model.dtype, model.ops, **config)

    @property
    def learning_rate(self):
        return self.optimizer.options["learning_rate"]

    @learning_rate.setter
    def learning_rate(self, value):
        self.optimizer.options["learning_rate"] = value

    def check(self, x_name, X, y_name, y):
        X = self.model.check_examples(x_name, X)
        y = self.model.check_targets(y_name, y, len(X))
        all_finite(x_name, X)
        all_finite(y_name, y)
        return X, y

    def loss(self, X, y, rows):
        return self.model.train_batch(X, y, rows)

    def update(self):
        self.optimizer.update(self.model.params.flat, self.model.grads.flat)

    def score(self, X, y, batch_size):
        return self.model.score(X, y)

    def first_non_finite(self):
        return self.model.first_non_finite()

    def snapshot(self):
        return {**self.model.params.copy(), **self.model.state.copy()}

    def restore(self, snapshot):
        for name, value in snapshot.items():
            (self.model.params if name in self.model.params else self.model.state)[name] = value


class NamedTrainer:
    """Any model with `params` and `loss`, and any rule: parameter by parameter, as in the course."""

    def __init__(self, model, rule, config):
        for name in ("params", "loss"):
            if not hasattr(model, name):
                raise TypeError(
                    f"model: expected an object with params and loss(X, y); {type(model).__name__} has no {name}"
                )
        self.model, self.rule = model, rule
        self.configs = {name: dict(config) for name in model.params}
        self._default_rate = config.get("learning_rate", math.nan)
        self._grads = {}

    @property
    def learning_rate(self):
        rates = [config["learning_rate"] for config in self.configs.values() if "learning_rate" in config]
        return rates[0] if rates else self._default_rate

    @learning_rate.setter
    def learning_rate(self, value):
        for config in self.configs.values():
            if "learning_rate" in config:
                config["learning_rate"] = value

    def check(self, x_name, X, y_name, y):
        X, y = as_numeric(x_name, X), as_numeric(y_name, y)
        if len(X) == 0:
            raise ValueError(f"{x_name}: expected at least one example, got shape {X.shape}")
        if len(X) != len(y):
            raise ValueError(f"{y_name}: expected one entry for each of the {len(X)} rows of {x_name}, got {len(y)}")
        all_finite(x_name, X)
        return X, y

    def loss(self, X, y, rows):
        loss, self._grads = self.model.loss(X[rows], y[rows])
        return float(loss)

    def update(self):
        for name, w in self.model.params.items():
            next_w, self.configs[name] = self.rule(w, self._grads[name], self.configs[name])
            self.model.params[name] = next_w

    def score(self, X, y, batch_size):
        if hasattr(self.model, "train_batch"):
            return self.model.score(X, y)
        right = 0
        for start in range(0, len(X), batch_size):
            scores = self.model.loss(X[start : start + batch_size])
            right += int(np.sum(np.argmax(scores, axis=1) == y[start : start + batch_size]))
        return right / len(X)

    def first_non_finite(self):
        for name, w in self.model.params.items():
            if not np.isfinite(w).all():
                return f"parameter {name}"
        return "the loss that the model returned"

    def snapshot(self):
        return {name: w.copy() for name, w in self.model.params.items()}

    def restore(self, snapshot):
        for name, w in snapshot.items():
            self.model.params[name] = w
