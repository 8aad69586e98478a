"""``numbanet train``."""

import contextlib
import csv
import io
import json
import math
import os
import signal
import sys
import threading
from time import perf_counter

import numpy as np

from .. import data, optim
from .._progress import clock, display
from ..errors import DataError, TrainingDiverged
from ..kernels import _machine
from ..kernels._threads import get_num_threads
from ..models import FullyConnectedNet
from ..solver import Solver
from ._arguments import UsageError, rule_options
from ._files import HISTORY, MODEL, RECORD, run_folder, write_text
from ._info import use_threads, versions
from ._trained import Trained, fingerprint

INTERRUPTED = 130  # exit status
COLUMNS = ("epoch", "loss", "train_accuracy", "val_accuracy", "learning_rate", "seconds")


def train(arguments):
    """Train a network as the arguments say, and save it with its history; returns the exit status."""
    options = rule_options(arguments)
    use_threads(arguments.threads)
    parts, about = _load(arguments)
    say = (lambda text: None) if arguments.quiet else (lambda text: print(text, file=sys.stderr, flush=True))
    with run_folder(arguments.output, _name(arguments.data, about["name"])) as folder:
        return _train(arguments, options, parts, about, folder, say)


def _train(arguments, options, parts, about, folder, say):
    training, validation, test = parts
    standardizer = data.Standardizer.fit(training.X)
    model = FullyConnectedNet(
        arguments.hidden,
        math.prod(training.input_shape),
        training.num_classes,
        normalization=None if arguments.normalization == "none" else arguments.normalization,
        dropout_keep_ratio=arguments.dropout_keep_ratio,
        reg=arguments.l2,
        activation=arguments.activation,
        weight_init=arguments.weight_init,
        loss=arguments.loss,
        dtype=arguments.dtype,
        seed=arguments.seed,
    )
    trained = Trained(
        model,
        standardizer,
        training.class_names,
        training.feature_names,
        training.target_name or arguments.target,
        {"fingerprint": about["fingerprint"]},
    )
    watch = _Watch(say, arguments.quiet)
    solver = Solver(
        model,
        {
            "X_train": trained.prepare(training, "training data"),
            "y_train": training.y,
            "X_val": trained.prepare(validation, "validation data"),
            "y_val": validation.y,
        },
        update_rule=arguments.optimizer,
        optim_config=options,
        lr_decay=arguments.lr_decay,
        batch_size=arguments.batch_size,
        num_epochs=arguments.epochs,
        patience=arguments.patience,
        on_step=watch.step,
        on_epoch=watch.epoch,
        verbose=False,
    )
    widths = (math.prod(training.input_shape), *arguments.hidden, training.num_classes)
    say(f"{arguments.data}: {_sizes(about)}; examples of shape {training.input_shape}, {training.num_classes} classes")
    say(
        f"network {'-'.join(map(str, widths))}, {model.num_parameters:,} parameters; {arguments.optimizer}, "
        f"learning rate {solver.learning_rate:g}; threads: {get_num_threads()}"
    )
    failure = None
    try:
        watch.run(solver)
    except TrainingDiverged as error:
        failure = error
    if failure and not watch.rows:
        raise TrainingDiverged(f"{failure}. Nothing was saved: no epoch was complete")
    trained.save(folder / MODEL)
    write_text(folder / HISTORY, watch.history())
    right = int(np.sum(model.predict(trained.prepare(test, "test data")) == test.y))
    result = {
        "ended": "diverged" if failure else "interrupted" if watch.interrupted else "complete",
        "test_accuracy": right / len(test),
        "validation_accuracy": watch.best,
        "best_epoch": watch.best_epoch,
        "epochs": solver.epoch,
        "seconds": watch.seconds,
        "seconds_compiling": watch.compilations.seconds,
    }
    asked = {name: value for name, value in vars(arguments).items() if name not in ("command", "name")}
    record = {
        "options": asked,
        "optimizer_options": optim.check_options(arguments.optimizer, options),
        "data": about,
        "parameters": model.num_parameters,
        "threads": get_num_threads(),
        "seed": arguments.seed,
        "versions": versions(),
        "result": result,
    }
    write_text(folder / RECORD, json.dumps(record, indent=2) + "\n")
    compiling = watch.compilations.seconds
    print(f"test accuracy  {right / len(test):.2%}  ({right:,} of {len(test):,} held-out examples)")
    print(f"validation     {watch.best:.2%}  (best of {solver.epoch} epochs: {watch.best_epoch})")
    print(f"time           {clock(watch.seconds)}" + (f", and {clock(compiling)} compiling" if compiling else ""))
    print(f"model          {folder / MODEL}")
    print(f"history        {folder / HISTORY}")
    print(f"options        {folder / RECORD}", flush=True)
    if failure:
        raise TrainingDiverged(f"{failure}. The best network so far is in {folder / MODEL}")
    if watch.interrupted:
        print(
            f"numbanet: interrupted at step {solver.iteration} of {solver.num_iterations}; what was learnt is in "
            f"{folder / MODEL}",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 0


def _load(arguments):
    """Training, validation and test parts, and a description of them that JSON can hold."""
    training, test = data.load(arguments.data, target=arguments.target)
    if training.y is None or (test is not None and test.y is None):
        raise DataError(
            f"{arguments.data}: holds no labels for its {'training' if training.y is None else 'test'} part"
        )
    about = {"source": arguments.data, "name": training.name, "fingerprint": fingerprint(training)}
    if test is None:
        fraction = 0.2 if arguments.test_fraction is None else arguments.test_fraction
        training, test = data.split(training, fraction, arguments.seed)
    elif arguments.test_fraction is not None:
        raise UsageError(f"--test-fraction: {arguments.data} comes with a test part of {len(test):,} examples")
    training, validation = data.split(training, arguments.validation_fraction, arguments.seed)
    about |= {"train": len(training), "validation": len(validation), "test": len(test)}
    about |= {"input_shape": training.input_shape, "class_names": training.class_names}
    return (training, validation, test), about


def _name(source, name):
    kind = source.partition(":")[0]
    return kind if kind in ("mnist", "cifar10") else name


def _sizes(about):
    return f"{about['train']:,} to train, {about['validation']:,} to validate, {about['test']:,} held out to test"


@contextlib.contextmanager
def _ctrl_c(handler):
    """Within the block Ctrl-C calls `handler`, if it would raise KeyboardInterrupt otherwise."""
    main = threading.current_thread() is threading.main_thread()
    ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Watch:
    """Follows a training: shows it, keeps its history and its best network, and stops it at Ctrl-C.

    The Solver keeps the first of several epochs that are equally good. Small validation sets tie often, and the later
    epoch has learnt more: on the bundled digits that is worth half a per cent of test accuracy. Hence a choice of its
    own.
    """

    def __init__(self, say, quiet):
        self.say, self.quiet = say, quiet
        self.compilations = _machine.Compilations(
            lambda: say("compiling kernels, once per machine: this can take a minute ...")
        )
        self.rows, self.interrupted, self.seconds = [], False, 0.0
        self.best, self.best_epoch, self._snapshot = -math.inf, 0, None
        self._display, self._counted = None, 0

    def run(self, solver):
        self._rate = solver.learning_rate
        self._started = self._lap = perf_counter()
        params, state = solver.model.params.flat, solver.model.state.flat
        try:
            with self.compilations, _ctrl_c(self._press):
                solver.train()
        finally:
            self.seconds = self._clock() - self._started
            if self._display:
                self._display.close()
            if self._snapshot:
                params[...], state[...] = self._snapshot

    def _clock(self):
        """The time, as if nothing had been compiled."""
        return perf_counter() - self.compilations.seconds

    def step(self, solver):
        if self._display is None and not self.quiet:  # not before the first step, which is when kernels compile
            self._display = display(solver)
        if self._display:
            self._display.step()
        return self.interrupted

    def epoch(self, solver):
        accuracy = solver.val_acc_history[-1]
        if accuracy >= self.best:
            self.best, self.best_epoch = accuracy, solver.epoch
            self._snapshot = solver.model.params.flat.copy(), solver.model.state.flat.copy()
        if solver.epoch > len(self.rows):  # neither the first step nor an epoch that Ctrl-C cut short
            losses, now = solver.loss_history[self._counted :], self._clock()
            accuracies = solver.train_acc_history[-1], accuracy
            self.rows.append((solver.epoch, sum(losses) / len(losses), *accuracies, self._rate, now - self._lap))
            self._counted, self._lap, self._rate = len(solver.loss_history), now, solver.learning_rate

    def history(self):
        """One line for each epoch, as CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *self.rows])
        return text.getvalue()

    def _press(self, signum, frame):
        # Not through `print`, which must not be entered again while it is at work.
        if self.interrupted:
            os.write(2, b"\nnumbanet: interrupted; nothing was saved\n")
            raise SystemExit(INTERRUPTED)  # the Solver would take a KeyboardInterrupt as a wish to stop and save
        self.interrupted = True
        os.write(2, b"\nnumbanet: stopping after this step; Ctrl-C again quits at once\n")
