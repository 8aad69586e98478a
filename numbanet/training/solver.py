"""The training loop.

A `Solver` trains numbanet's own networks by one update of one flat array per step, and any other object with `params`
and ``loss(X, y)``, or any other update rule, array by array, as the course's Solver does. How it takes its steps,
`steps` decides.
"""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from .. import _files
from .._checks import boolean, integer, mapping
from .._plain import refusing
from ..errors import TrainingDiverged
from ..runtime import team
from ..schedules import Cooldown, checked_schedule
from . import state
from .best import Best
from .data import DATA, ROWS, WEIGHTS, checked_augmentation, examples_of, parts_of, targets_of, weigh_classes
from .history import History
from .hooks import HOOKS, Hooks
from .interrupts import BeforeCompiling, CtrlC
from .learners import learner
from .measuring import checked_metrics, columns, greater_is_better, measured, sound
from .rates import Rates
from .report import diverged, print_measured, print_steps
from .results import Results
from .scheduled import checked_schedules, scheduled
from .steps import Batches, Pace, Path
from .updates import check_rule, update_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, Literal

    from .._types import Array, ArrayLike, Data, Model, StrPath, UserRule
    from ..data import Augment
    from ..schedules import Schedule
    from .steps import Compiled


UPDATE_RULE, OPTIM_CONFIG = "adamw", {"weight_decay": 1.0}  # by default; docs/defaults.md says why
STEPS, EPOCHS = 4000, 10  # that training has at least, where nobody says


class Solver(Results):
    """Train a model on data by mini-batches, and keep the parameters that did best on validation data.

    Parameters
    ----------
    model : numbanet.Sequential or object
        One of numbanet's networks; or any object with a dict `params` of arrays and a method ``loss(X, y)`` that
        returns ``(loss, grads)``, and scores where ``y`` is left out.
    data : dict
        ``X_train``, ``y_train`` and, optionally, ``X_val``, ``y_val``; examples along the first axis. Integer labels
        are copied, so that nobody can change them once they have been checked. ``sample_weight_train`` and
        ``sample_weight_val``, shape (N,), say how much each example counts, in losses ``Σ w l / Σ w`` and in all that
        is measured; training goes as if those of weight 0 were not there. ``rows_val``, in the place of ``X_val`` and
        ``y_val``, says which rows of the training data are for validation, and not learnt from, ``rows_left_out`` which
        are not looked at: numbers of rows, or N booleans. An ``X_train`` in a file, as `numpy.load` gives with
        ``mmap_mode="r"``, is not copied, and its labels take as few bytes as they need (``docs/large-data.md``).
    optimizer : str or callable, optional
        A name from `numbanet.optim.RULES`, or a function ``(w, dw, config) -> (next_w, config)``. By default "adamw",
        with a weight decay of 1, which learns at any depth (``docs/defaults.md``).
    optimizer_options : dict
        Options of the update rule, such as ``{"learning_rate": 1e-3}``. For any rule, on numbanet's networks, also
        `clip_norm` (the longest that the whole gradient may be, penalties included) and `clip_value` (the largest of
        its elements, cut first); `learning_rate_factors`, a dict of kinds of parameters, such as ``"b"``, or single
        ones, such as ``"W1"``, to factors of the learning rate, and `weight_decay_factors`, the same of the weight
        decay; ``decay_biases=False``, so that weight decay spares all that a penalty would; and `ema_decay` in [0, 1):
        an exponential moving average of the parameters is what is measured, kept as the best and left in the model at
        the end; callbacks see it within `averaged`. The next `train` goes on from the parameters as they were without
        it; with best weights restored, from those.
    schedule : str, Schedule, callable or sequence of float, optional
        How the learning rate changes from step to step, as factors of the one in `optimizer_options`: a name or one of
        `numbanet.schedules`, a function of (step, num_steps), or a factor for each epoch or each step. By default it
        stays for three quarters of the epochs that `train` is to end at, and goes down in a line from there
        (`Cooldown`). A second `train` has a later end: it goes on where the schedule of all steps, those that are done
        too, is then.
    schedules : dict, optional
        How other numbers change, in the same ways: options of the update rule by name, such as ``{"weight_decay":
        "flat_cosine"}``, as factors of what `optimizer_options` or the rule has; and "dropout", as factors of all
        probabilities with which the network drops values.
    batch_size : int
        Every epoch goes through a new permutation of the training data; of a file of more than 64 MiB, one that mixes
        rows within that much at a time, of blocks drawn from all over it. A batch never exceeds the data, and the last
        of an epoch is the smaller one that is left; a single example that batch normalisation could not learn from is
        left out, another one each time.
    epochs : int, optional
        By default as many as make 4,000 steps, and at least 10.
    drop_last : bool
        Whether to leave out what does not fill a batch, other examples each time.
    num_train_samples, num_val_samples : int or None
        How many examples, drawn at random, the accuracies that are reported are measured on; None is all, and 0
        training examples none. The validation loss is always that of all.
    class_weight : dict or "balanced", optional
        Weights of classes, by which those of both parts' examples are multiplied: by label, 1 where the dict lacks it;
        or n / (classes * examples of the class), by the training examples.
    metrics : list of str and callable
        What else to measure on the validation data, all of them: names of `numbanet.metrics`, or functions of
        (y, scores) that return a float and are listed by their name. Scores are what the network gives, shape (N, C).
        A higher value is better, unless the function has an attribute ``greater_is_better = False``.
    validate_every : int, optional
        Measure after each so many steps, too, besides after each epoch.
    monitor : str, optional
        What tells the best measurement, of equally good ones the last: "loss", the mean training loss of the epoch,
        "val_loss" (without penalty and dropout), "val_accuracy", or "val_r2" where the loss predicts values, or
        "val_<metric>". By default "val_loss", or the score of a model with a `loss` of its own, which cannot be asked
        for that of examples it does not learn from. What is not finite is never the best, an R² among it that is
        undefined.
    patience : int, optional
        Stop after that many epochs without a gain in `monitor`.
    min_delta : float
        A gain by less than that does not count for `patience`.
    restore_best_weights : bool
        Whether the model has the parameters of the best epoch at the end of `train`, or those of the last step.
    augment : numbanet.data.Augment, optional
        Random crops and mirror images of the training images, new ones for each batch.
    checkpoint_name : str, optional
        After each epoch the state of training is written to ``<checkpoint_name>_epoch_<n>.npz``, for `restore`.
    seed : int, optional
        Of the order of the examples; by default the model's own seed.
    callbacks : list
        Functions of (solver, logs), called after each epoch, and objects with other hooks (`numbanet.callbacks`).
        Training stops where one returns True. May be changed between two `train`.
    print_every : int
    verbose : bool
        Print the loss every `print_every` steps and the accuracies after every epoch.

    Attributes
    ----------
    history : numbanet.training.history.History
        What was measured, as lists by column: ``history.val_loss``. A score is NaN where what the network gives is not
        finite, and a validation loss where it is not known.
    loss_history, train_acc_history, val_acc_history, val_loss_history : list of float
        Lists of `history` by the course's names: `step_loss`, `accuracy` (or `r2`), `val_accuracy`, `val_loss`.
    best_epoch : int or None
        The best so far by `monitor`; 0 is before the end of the first, None is none.
    best_val_loss, best_val_acc : float
        As measured there; inf and -inf while there is none.
    best_row : dict
        All that was measured there, by the names of `history`.
    best_params : dict of ndarray
        The parameters there.
    epoch, step, num_steps : int
        Epochs and steps that are done, and steps to do in all.
    compiled : numbanet.training.steps.Compiled
        Whether steps run compiled, many in one call: true or false, and as a string why not.
    interrupted : bool
        Whether Ctrl-C ended the last `train`.
    crowded : str or None
        Where other programs kept the cores, so that it mostly went on with one thread: that and why, in words.

    Raises
    ------
    TypeError, ValueError
        For data that do not fit the model, labels out of range, NaN or infinity in the data (the row is named), and
        options that are unknown or out of range: all before anything runs.
    """

    X_train, y_train = examples_of("train"), targets_of("train")
    X_val, y_val = examples_of("val"), targets_of("val")
    _data_keys, _first_of_equals, _step_name = (*DATA, *WEIGHTS, *ROWS), False, "Step"  # otherwise in the course

    @refusing
    def __init__(
        self,
        model: Model,
        data: Data,
        *,
        optimizer: str | UserRule | None = None,
        optimizer_options: Mapping[str, Any] | None = None,
        schedule: str | Schedule | Callable[[int, int], float] | Sequence[float] | None = None,
        schedules: Mapping[str, Any] | None = None,
        batch_size: int = 100,
        epochs: int | None = None,
        drop_last: bool = False,
        class_weight: Mapping[int, float] | Literal["balanced"] | None = None,
        metrics: Sequence[str | Callable[[Any, Any], float]] = (),
        validate_every: int | None = None,
        num_train_samples: int | None = 1000,
        num_val_samples: int | None = None,
        monitor: str | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
        restore_best_weights: bool = True,
        augment: Augment | None = None,
        checkpoint_name: StrPath | None = None,
        seed: int | None = None,
        callbacks: Sequence[Any] = (),
        print_every: int = 10,
        verbose: bool = True,
    ) -> None:
        self.model: Any = model
        self.schedule = Cooldown() if schedule is None else checked_schedule(schedule)
        self.schedules = checked_schedules(schedules or {})
        self.batch_size = integer("batch_size", batch_size, 1)
        epochs = None if epochs is None else integer("epochs", epochs, 0)
        self.num_train_samples = _optional_count("num_train_samples", num_train_samples, 0)
        self.num_val_samples = _optional_count("num_val_samples", num_val_samples)
        self.patience = _optional_count("patience", patience)
        self.drop_last = boolean("drop_last", drop_last)
        self.restore_best_weights = boolean("restore_best_weights", restore_best_weights)
        self.callbacks = Hooks(callbacks).callbacks
        self.print_every, self.verbose = integer("print_every", print_every, 1), verbose
        self.optimizer_options = dict(
            mapping("optimizer_options", optimizer_options or {}, "options of the update rule")
        )
        if optimizer is None:
            optimizer, self.optimizer_options = UPDATE_RULE, {**OPTIM_CONFIG, **self.optimizer_options}
        self.optimizer = optimizer
        self._learner = learner(model)
        check_rule(self._learner, optimizer, self.optimizer_options)
        if seed is None:
            seed = self._learner.seed
        entropy: Any = np.random.SeedSequence().entropy  # an int
        seed = entropy if seed is None else integer("seed", seed, 0)
        self._sample_rng = np.random.default_rng([seed, 1])  # apart from the order of the examples
        self._parts = parts_of(data, self._learner, self._data_keys)
        weigh_classes(class_weight, self._parts, self._learner)
        self.class_weight = class_weight
        self._target_scaler = self._learner.target_scaler  # by which the targets are standardised
        train, validated = self._parts["train"], self._parts["val"] is not None
        self.metrics = checked_metrics(metrics, self._learner, validated)
        self.validate_every = _optional_count("validate_every", validate_every)
        if validate_every is not None and not validated:
            raise ValueError("validate_every: needs X_val and y_val in data")
        self._chosen = monitor is not None  # or what is monitored without validation data does not matter
        self.monitor, self.min_delta = self._default_monitor() if monitor is None else monitor, min_delta
        order = np.random.default_rng(seed)
        drawn = train.count, self.batch_size, self.drop_last, self._learner.learns_from
        self._batches = Batches(*drawn, order, train.counted, train.mapped)
        self.steps_per_epoch = self._batches.per_epoch
        self.epochs = max(EPOCHS, -(-STEPS // self.steps_per_epoch)) if epochs is None else epochs
        self.augment = checked_augmentation(augment, train, self._learner.input_shape)
        self._reset()
        self._rates.check(self.num_steps)
        if patience is not None and not self._monitored:
            raise ValueError("patience: needs X_val and y_val in data, or monitor='loss', to tell when to stop")
        self.checkpoint_name = None if checkpoint_name is None else os.fspath(checkpoint_name)
        if checkpoint_name is not None:
            try:
                state.check_solver(self)
            except TypeError as error:
                raise TypeError(f"checkpoint_name: {error}") from None

    def _reset(self) -> None:
        """Begin the books and the update rule's state anew; the model and the order of the examples go on."""
        self._begin_update()
        self.step = self._measured = 0  # steps taken, and how many of them when the accuracies were measured last
        self.num_steps = self.epochs * self.steps_per_epoch
        size, _ = self._batches.coming(0)
        others = scheduled(self.schedules, self._update.options, lambda: self._learner.dropout_rates(size))
        self._rates = Rates(self.schedule, self._update.learning_rate, self.steps_per_epoch, others)
        self._choice = self._new_choice()
        self._best: dict[str, Array] = {}
        self._ctrl_c, self._pace = CtrlC(), Pace()
        self.crowded: str | None = None
        self.history = History(columns(self))
        self._rate = math.nan  # of the last step
        self._hooks = Hooks(())
        self._due: list[tuple[str, int]] = []  # what is still to be told of the last step
        self._begun = -1  # the epoch that was last told to begin
        self._left: Any = None  # the state where training was stopped, as long as that is another
        self._goal: int | None = None  # `num_steps` of the training that is resumed
        self.interrupted = False

    def _begin_update(self) -> None:
        self._update = update_of(self._learner, self.optimizer, self.optimizer_options)
        self._path = Path(self._learner, self._update, self._parts["train"])

    def _default_monitor(self) -> str:
        """What tells the best where nobody says."""
        return "val_loss" if self._learner.has_loss else f"val_{self._learner.score_name}"

    def _new_choice(self) -> Best:
        if not self._chosen and self._parts["val"] is None:
            return Best(self.monitor, False, self.min_delta)  # of nothing
        if self.monitor == "val_loss" and not self._learner.has_loss:
            raise ValueError(
                f"monitor: {type(self.model).__name__} has a loss of its own, which trains; its validation loss is not "
                f"known. Expected {self._default_monitor()!r}, or an evaluate(X, y) of its own that gives it"
            )
        higher = greater_is_better(self, self.monitor)
        return Best(self.monitor, higher, self.min_delta, self._first_of_equals)

    @property
    def _monitored(self) -> bool:
        return self.monitor in self.history

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step. May be set between steps: what is to come is rescaled likewise."""
        return self._rates.of(self.step, 1, self.num_steps).item()

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._rates.set(value, self.step, self.num_steps)

    @property
    def compiled(self) -> Compiled:
        """Whether steps run compiled: true or false, and ``str(solver.compiled)`` says why not."""
        end = self._learner.begin()
        try:
            size, _ = self._batches.coming(self.step)
            self._path.enter(self.augment)
            return self._path.steps(size, "on_step_end" in Hooks(self.callbacks)).compiled
        finally:
            end()

    def train(self) -> None:
        """Train for `epochs` epochs; called again, for as many more, where one that was begun counts.

        At the end the model has the parameters of the best epoch so far, and another `train` goes on from them; with
        ``restore_best_weights=False``, or without validation data, it has those of the last step, so that thirty times
        one epoch is one time thirty. Ctrl-C stops after the step that is running, or the kernel that is being compiled,
        with a warning, and leaves the model likewise; pressed again, it does not wait for the end of a step that is
        taken from Python, but never leaves half an update.

        Raises
        ------
        TrainingDiverged
            When the loss becomes NaN or infinite. The message names the step, the layer and the learning rate. The
            model has the best parameters so far; without validation data, those of the last measurement.
        OSError
            Where a checkpoint cannot be written, as on a disk that is full: before the first step, if that can be told
            by then. Later nothing is lost: the model has its last parameters, `best_params` the best, and `train` goes
            on from there.
        """
        self.run()
        if self.interrupted:
            warnings.warn(f"training interrupted at step {self.step} of {self.num_steps}", stacklevel=2)

    def stop(self) -> None:
        """Stop after the steps that are running, as Ctrl-C would; for callbacks and other threads."""
        self._ctrl_c.pressed = True

    def run(self) -> None:
        """`train`, without the warning."""
        self._new_choice()  # the model may have got a loss of its own since
        if self._learner.target_scaler is not self._target_scaler:
            raise ValueError("model.target_scaler: is another than when the Solver was made; make another Solver")
        self._learner.claim(self)
        try:
            if self.checkpoint_name is not None:
                _files.check_writable(self._checkpoint_path(self.epoch + 1), state.solver_bytes(self))
            end = self._goal or (self.epoch + self.epochs) * self.steps_per_epoch
            self._rates.check(end)
            resumed, self._goal, self.num_steps = self._goal, None, end
            self._run(resumed is not None)
        finally:
            self._learner.free(self)

    def _run(self, resumed: bool) -> None:
        self._fallback = self._learner.snapshot()
        self._path.enter(self.augment)
        self._hooks = Hooks(self.callbacks)
        self._due = [each for each in self._due if each in self._hooks.due(*HOOKS)]
        self._one_by_one = "on_step_end" in self._hooks
        self.interrupted, self._ctrl_c, self._left = False, CtrlC(), None
        with self._ctrl_c:
            try:
                self._loop(resumed)
            finally:
                self._hooks.tell(self, self._hooks.due("on_train_end"))

    def _loop(self, resumed: bool) -> None:
        try:
            hooks = self._hooks
            self._update.exchange(averaged=False)
            stop = hooks.tell(self, hooks.due("on_train_begin")) or hooks.tell(self, self._due)
            stop = stop or (resumed and self._out_of_patience)
            while self.step < self.num_steps and not stop and not self._ctrl_c.pressed:
                stop = self._advance()
        except KeyboardInterrupt:  # raised by the user's own code, or by a second Ctrl-C
            self.interrupted = True
        except TrainingDiverged:
            with self._ctrl_c.held():
                self._learner.restore(self._best or self._fallback)
                self._update.settle()
            raise
        self.interrupted = self.interrupted or self._ctrl_c.pressed
        if self.step < self.num_steps and self._update.optimizer:
            with contextlib.suppress(TypeError):  # what cannot be saved
                self._left = state.left(self)
        if self.step > self._measured:  # stopped within an epoch: what was learnt since counts too
            with contextlib.suppress(KeyboardInterrupt):
                self._measure()
        with self._ctrl_c.held():
            if self.restore_best_weights and self._best:
                self._learner.restore(self._best)
                self._update.settle()
            else:
                self._update.exchange(averaged=True)

    def _check_pressed(self) -> None:
        if self._ctrl_c.pressed and not self._ctrl_c.is_held:
            raise KeyboardInterrupt

    def _advance(self) -> bool:
        """Steps up to the next that something is due after, and that; True where training is to stop."""
        if self.step % self.steps_per_epoch == 0 and self._begun != self.epoch:
            self._begun, self._due = self.epoch, self._hooks.due("on_epoch_begin")
            if self._hooks.tell(self, self._due):
                return True
        before = self.step
        loss = self._take_steps()
        if self.verbose:
            print_steps(self, before)
        if not math.isfinite(loss):
            raise diverged(self, loss)
        epoch_ends = self.step % self.steps_per_epoch == 0
        if epoch_ends or self.step == 1 or (self.validate_every and self.step % self.validate_every == 0):
            self._measure()
        self._due = self._hooks.due("on_step_end", *["on_epoch_end"] * epoch_ends, "on_progress")
        stop = self._hooks.tell(self, self._due)
        if epoch_ends and self.checkpoint_name is not None:
            self.save(self._checkpoint_path(self.epoch))
        return stop or self._out_of_patience

    @property
    def _out_of_patience(self) -> bool:
        ends = self.step % self.steps_per_epoch == 0
        return ends and self.patience is not None and self._choice.stale(self.epoch) >= self.patience

    def _take_steps(self) -> float:
        """One step or, without Python in between, several of one epoch; the last loss, which ends it if not finite."""
        end = self._path.begin()
        try:
            size, left = self._batches.coming(self.step)
            steps = self._path.steps(size, self._one_by_one)
            alone = steps.compiled.one_by_one or self.step == 0
            if self.validate_every:
                left = min(left, self.validate_every - self.step % self.validate_every)
            count = 1 if alone else min(self._pace.steps, left)
            numbers = self._rates.numbers(self.step, count, self.num_steps, self._update.momentum)
            rows = self._batches.rows(self.step, count)
            started = perf_counter()
            steps.prepare(rows, self.step, numbers)
            with self._ctrl_c.held():
                losses = steps.finish()
                self._rate = self._update.learning_rate
                self._rates.learn(self._rate)
                self._count(losses if math.isfinite(losses[-1]) else losses[:-1])
            seconds = perf_counter() - started
            self._pace.note(len(losses), seconds)
            if steps.compiled:
                self._note_crowding()
            return losses[-1]
        finally:
            end()

    def _note_crowding(self) -> None:
        if self.crowded is None and (said := team.crowded()):
            self.crowded = said
            if self.verbose:
                print(f"({said})")

    def _count(self, losses: list[float]) -> None:
        """Enter steps that were taken, all of one epoch, into the books."""
        self.step += len(losses)
        self.history.step_loss += losses

    def _checkpoint_path(self, epoch: int) -> str:
        return f"{self.checkpoint_name}_epoch_{epoch}.npz"

    def _measure(self) -> None:
        """Enter a row into the history, keep the best parameters, and report: the averaged ones, where there are."""
        with self.averaged():
            row = self._entered()
        if self.verbose:
            print_measured(self, row)

    def _entered(self) -> dict[str, float]:
        row, learner = measured(self), self._learner
        with self._ctrl_c.held():
            self._measured = self.step
            self.history.add(**row)
            # The training loss of a part of an epoch is no measure of it.
            whole = self.monitor != "loss" or self.step % self.steps_per_epoch == 0
            if self._monitored and whole and self._choice.enter(self.epoch, row):
                self._best = learner.snapshot()
            if not self._best and sound(self, row):
                self._fallback = learner.snapshot(self._fallback)
        return row

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """A block in which the model has the averaged parameters, where training keeps them (`ema_decay`).

        For callbacks, which are called with those that training goes on from: what is measured is the average.
        """
        before = self._update.exchanged
        with self._ctrl_c.held():
            self._update.exchange(averaged=True)
        try:
            yield
        finally:
            with self._ctrl_c.held():
                self._update.exchange(before)

    def check_accuracy(
        self, X: ArrayLike, y: ArrayLike, num_samples: int | None = None, batch_size: int = 100
    ) -> float:
        """Accuracy of the model on (X, y), or on `num_samples` of them drawn at random; R² for squared error.

        `batch_size` is how many rows a model of the user's own sees at a time.
        """
        X, y = np.asarray(X), np.asarray(y)
        if num_samples is not None and num_samples < len(X):
            rows = self._sample_rng.choice(len(X), num_samples, replace=False)
            X, y = X[rows], y[rows]
        return self._learner.score(X, y, batch_size)

    def save(self, path: StrPath) -> None:
        """Write the state of training to one file, for `resume` or `restore` to go on from.

        At any time: from a callback too, within an epoch, and after `train` was stopped. Only for numbanet's own
        networks, layers and update rules.
        """
        state.save_solver(path, self)

    def resume(self, path: StrPath) -> None:
        """Take up the state of training that `save` wrote, and train to the end that it was to have.

        All that comes of it is, bit for bit, what a training that was never stopped gives, on any number of threads.
        What stopped it is not asked again, but `patience` and callbacks that say so themselves.

        Raises
        ------
        CheckpointError
            Where the file is missing or damaged, or was written by another version of numbanet, for another network,
            other data or another option, callbacks with a state among them: the first difference is named, with both
            values, and nothing has changed.
        TrainingDiverged, OSError
            As `train`.
        """
        self._take_up(path, True)
        self.train()

    def restore(self, path: StrPath) -> None:
        """Take up the state of training that `save` wrote; model, data and options must be the same as then.

        `train` then goes on for `epochs` epochs more, so give those that are left.

        Raises
        ------
        CheckpointError
            Where the file is missing, damaged or of another training; nothing has changed then.
        """
        self._take_up(path, False)

    def _take_up(self, path: StrPath, resumed: bool) -> None:
        with CtrlC() as ctrl_c, ctrl_c.held():
            state.restore_solver(path, self, resumed)
        if ctrl_c.pressed:
            raise KeyboardInterrupt

    def __getstate__(self) -> dict[str, Any]:  # for copy and pickle: all but what is bound to the model's arrays
        kept = {name: value for name, value in self.__dict__.items() if name not in ("_path", "_ctrl_c")}
        return {**kept, "_update": self._update.state}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        update = kept.pop("_update")
        self.__dict__.update(kept)
        self._ctrl_c = CtrlC()
        self._begin_update()
        self._update.state = update


def _optional_count(name: str, value: int | None, low: int = 1) -> int | None:
    return None if value is None else integer(name, value, low)


BeforeCompiling(Solver._run, Solver._check_pressed).__enter__()  # for as long as the process lives
