"""``numbanet train``."""

import contextlib
import json
import math
import sys

from .. import data, optim, schedules
from .._mapped import extremes
from ..errors import DataError, TrainingDiverged
from ..runtime.threads import get_num_threads
from ..training.progress import clock
from ..training.solver import Solver
from ._data import load_parts
from ._files import HISTORY, MODEL, RECORD, STATE, Store, check_writable, run_folder, state_name, write_text
from ._info import use_threads, versions
from ._models import build, image_shape
from ._plots import check_plots, plot
from ._resume import States, check_data, resumed, resumed_folder, take_up
from ._status import FAILURE
from ._tasks import TASKS, errors_in_words, in_words, measured, settle_for
from ._train_options import AUGMENTATIONS, rule_options, settle
from ._trained import Trained
from ._watch import Watch

NOT_KEPT = ("command", "name", "resume")  # of the arguments, in the record


def train(arguments, defaults):
    """Train a network as the arguments say, and save it with its history; returns the exit status.

    `defaults` are the arguments of the command alone.
    """
    began = None
    if arguments.resume is None:
        settle(arguments)
    else:
        arguments, began = resumed(arguments, defaults)
    options = rule_options(arguments)
    use_threads(arguments.threads)
    parts = load_parts(arguments)
    say = None if arguments.quiet else lambda text: print(text, file=sys.stderr, flush=True)
    task = TASKS[parts.train.task]
    settle_for(parts.train.task, arguments)
    watch = Watch(say, task.columns)
    in_folder = resumed_folder(arguments.output) if began else run_folder(arguments.output, parts.name)
    with watch.listening(), in_folder as folder, _recorded(folder, say) as states:
        if began:
            check_data(began, parts)
        trained = network_of(arguments, parts)
        check_writable(folder / MODEL, size=trained.nbytes)
        check_plots(arguments, trained.model, parts.train.input_shape, parts.source)
        solver = solver_of(arguments, options, parts, trained, [watch, states])
        solvers, states_of = [solver, *trained.solvers[1:]], [states]
        for place, other in enumerate(solvers[1:], 1):
            states_of.append(States(folder / state_name(place), say))
            other.callbacks += [watch.follower(), states_of[-1]]
        for each, kept in zip(solvers, states_of, strict=True):
            if began and kept.there:
                take_up(kept.path, each)
        if say:
            _introduce(say, arguments, parts, trained, solver)
        record = _record(arguments, options, parts, trained, {"ended": "running"})
        write_text(folder / RECORD, _text(record))
        failure = None
        try:
            watch.run(*solvers)
        except TrainingDiverged as error:
            if not watch.rows:
                for kept in states_of:
                    kept.remove()
                raise TrainingDiverged(f"{error}. Nothing was saved: no epoch was complete") from None
            failure = error
        if not solver.step:
            print("numbanet: interrupted before the first step; nothing was saved", file=sys.stderr)
            return watch.interrupted
        trained.drop_unbegun()
        store = Store(folder)
        store.write(MODEL, trained.save)
        store.write(HISTORY, lambda path: write_text(path, watch.history()))
        result = _result(parts, trained, solver, watch, failure)
        record = _text({**record, "result": result})
        store.write(RECORD, lambda path: write_text(path, record))
        for each, kept in zip(solvers, states_of, strict=True):
            if not (watch.interrupted and kept.write(each)):
                kept.remove()
        _show(result, parts, store.paths)
        if store.failure:
            why = f"cannot write {store.failure.filename}: {store.failure.strerror}"
            print(f"numbanet: error: {why}; what was learnt is in {store.paths[MODEL]}", file=sys.stderr)
            return FAILURE
        plot(arguments, trained, trained.prepare(parts.test.take([0]), "the test data"))
        if failure:
            raise TrainingDiverged(f"{failure}. The best network before that is in {store.paths[MODEL]}")
        if watch.interrupted:
            where, model = f"step {solver.step:,} of {solver.num_steps:,}", store.paths[MODEL]
            further = f"; numbanet train --resume {folder} goes on" if states.there else ""
            print(f"numbanet: interrupted at {where}; what was learnt is in {model}{further}", file=sys.stderr)
            return watch.interrupted
    return 0


@contextlib.contextmanager
def _recorded(folder, say):
    """Within the block a run has its record, and now and then a state; neither stays where nothing else was saved."""
    states = States(folder / STATE, say)
    try:
        yield states
    finally:
        if not (states.there or (folder / MODEL).exists()):
            (folder / RECORD).unlink(missing_ok=True)


def network_of(arguments, parts):
    """The network that the settled arguments ask for, with what is stored with it."""
    train = parts.train
    if arguments.model == "tabular":
        from ._tabular import trained_table

        return trained_table(arguments, parts)
    model = build(arguments, train.input_shape, train.num_classes or train.num_targets, parts.source)
    target = arguments.target
    if train.target_names is not None:
        target = train.target_name or list(train.target_names)
    about = {"fingerprint": parts.fingerprint, "range": _range(train.X)}
    try:
        model.standardizer = data.Standardizer.fit(train.X, parts.left_out)
    except ValueError as error:
        raise DataError(f"{parts.source}: {error}") from None
    if train.task == "regression":
        scaler = _target_scaler(train, parts.learnt_targets, parts.source)
        model.target_scaler = scaler if model.loss_function.predicts_scores else None
    trained = Trained(model, train.class_names, train.feature_names, target, about)
    trained.check_range(parts.validation.X, f"{parts.source}: the validation data")
    trained.check_range(parts.test.X, f"{parts.source}: the test data")
    return trained


def _range(X):
    low, high = extremes(X)
    return [float(low.min()), float(high.max())]


def _target_scaler(train, y, source):
    """How the values of the training data are standardised; DataError where those of a target never vary."""
    try:
        scaler = data.TargetScaler.fit(y, clamp=True)
    except ValueError as error:
        raise DataError(f"{source}: {error}") from None
    for place, (low, high) in enumerate(zip(scaler.lowest, scaler.highest, strict=True)):
        if low == high:
            name = train.target_names[place] if train.target_names else "y"
            raise DataError(f"{source}: {name}: every value is {low:.10g}; expected a target that varies")
    return data.TargetScaler(scaler.mean, scaler.scale)


def solver_of(arguments, options, parts, trained, callbacks=()):
    """What trains it, with these options of the update rule; of several networks, the first."""
    if trained.is_table:
        solver = trained.solvers[0]
        solver.callbacks += callbacks
        return solver
    arrays = {
        "X_train": trained.prepare(parts.train, "the training data"),
        "y_train": parts.train.y,
        "X_val": trained.prepare(parts.validation, "the validation data"),
        "y_val": parts.validation.y,
    }
    if parts.left_out is not None:
        arrays["rows_left_out"] = parts.left_out
    return Solver(
        trained.model,
        arrays,
        optimizer=arguments.optimizer,
        optimizer_options=options,
        schedule=_schedule(arguments),
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        metrics=TASKS[arguments.task].metrics,
        monitor=arguments.monitor,
        patience=arguments.patience,
        min_delta=arguments.min_delta,
        augment=_augment(arguments, parts),
        callbacks=callbacks,
        verbose=False,
    )


def _augment(arguments, parts):
    if not arguments.augment:
        return None
    _, *side = image_shape("--augment", parts.train.input_shape, parts.source)
    padding = max(1, min(side) // 8) if arguments.crop_padding is None else arguments.crop_padding
    crop, flip = (kind in arguments.augment for kind in AUGMENTATIONS)
    if crop and padding >= min(side):
        raise DataError(f"--crop-padding: expected less than the {min(side)} pixels of a side, got {padding}")
    return data.Augment(padding if crop else 0, flip, arguments.seed)


def _schedule(arguments):
    own = {
        "exponential": {"factor": arguments.lr_decay},
        "step": {"every": arguments.lr_step, "factor": arguments.lr_decay},
        "cosine": {"per_epoch": True},
    }
    options = own.get(arguments.lr_schedule, {})
    if arguments.lr_warmup:
        options["warmup"] = arguments.lr_warmup
    return schedules.BY_NAME[arguments.lr_schedule.replace("-", "_")](**options)


def _introduce(say, arguments, parts, trained, solver):
    shape = "x".join(map(str, parts.train.input_shape))
    say(
        f"data     {parts.source}: {shape} values, {_targets(parts.train)}; {parts.num_train:,} examples to "
        f"train, {len(parts.validation):,} to validate, {len(parts.test):,} held out to test"
    )
    for note in parts.train.notes:
        say(f"         {note}")
    threads, rate = get_num_threads(), solver.learning_rate
    if trained.is_table:
        say(f"columns  {trained.model.preprocessor.describe()[0]}")
        rate = trained.model.recipe.learning_rate  # of which the schedule begins with a part
    say(
        f"network  {_described(arguments, trained)}, {trained.model.num_parameters:,} parameters; "
        f"{solver.optimizer} at learning rate {rate:g}; {threads} thread{'s' * (threads > 1)}"
    )


def _targets(dataset):
    if dataset.task == "classification":
        return f"{dataset.num_classes} classes"
    return "a target" if (count := dataset.num_targets) == 1 else f"{count} targets"


def _described(arguments, trained):
    """The widths of a fully connected network, the name of any other."""
    if arguments.model == "tabular":
        networks = len(trained.model.networks)
        return f"tabular {arguments.preset}{f' of {networks} networks, of which the first is shown' * (networks > 1)}"
    if arguments.model != "fully-connected":
        return arguments.model
    model = trained.model
    return "-".join(map(str, (*model.input_shape, *arguments.hidden, model.output_size)))


def _result(parts, trained, solver, watch, failure):
    task, networks = parts.train.task, max(1, len(trained.solvers))
    validation = {name.removeprefix("val_"): solver.best_row.get(name, math.nan) for name in TASKS[task].monitors}
    if networks > 1:  # which predict together
        y = parts.validation.y
        loss, predicted = trained.judge(trained.prepare(parts.validation, "the validation data"), y)
        validation.update(loss=loss, **measured(task, y, predicted))
        validation.pop("right", None)
    test = measured(task, parts.test.y, trained.predict(parts.test, "the test data"))
    return {
        "ended": "diverged" if failure else "interrupted" if watch.interrupted else "complete",
        **{f"test_{name}": _finite(value) for name, value in test.items()},
        **{f"validation_{name}": _finite(value) for name, value in validation.items()},
        "networks": networks,
        "best_epoch": solver.best_epoch,
        "epochs": solver.epoch,
        "steps": solver.step,
        "seconds": watch.seconds,
        "seconds_compiling": watch.seconds_compiling,
        "crowded": solver.crowded is not None,
    }


def _record(arguments, options, parts, trained, result):
    """All that it takes to run the same again, and what came of it, as JSON can hold it."""
    return {
        "options": {name: value for name, value in vars(arguments).items() if name not in NOT_KEPT},
        "optimizer_options": None if trained.is_table else optim.check_options(arguments.optimizer, options),
        "recipe": trained.model.recipe.description if trained.is_table else None,
        "seed": arguments.seed,
        "data": {
            "source": parts.source,
            "fingerprint": parts.fingerprint,
            "labels": parts.labels,
            "train": parts.num_train,
            "validation": len(parts.validation),
            "test": len(parts.test),
            "input_shape": parts.train.input_shape,
            "task": parts.train.task,
            "class_names": parts.train.class_names,
            "feature_names": parts.train.feature_names,
            "target": trained.target,
            "notes": parts.train.notes,
        },
        "parameters": trained.model.num_parameters,
        "threads": get_num_threads(),
        "versions": versions(),
        "result": result,
    }


def _text(record):
    return json.dumps(record, indent=2) + "\n"


def _finite(value):
    """`value` as JSON can hold it: None for what was not measured."""
    return value if math.isfinite(value) else None


def _validated(task, result):
    """What is known of the validation data, in words."""
    score = result[f"validation_{TASKS[task].score}"]
    if score is None:
        return "not measured"
    if result["networks"] > 1:
        return f"{in_words(task, score)}  ({result['networks']} networks together)"
    where = f"epoch {result['best_epoch']}, the best of {result['epochs']}"
    return f"{in_words(task, score)}  ({where if result['best_epoch'] else 'within the first epoch'})"


def _tested(task, result, count):
    """How good the network is on examples that it has never seen, in words."""
    if task == "classification":
        right = f"({result['test_right']:,} of {count:,} held-out examples)"
        return f"test accuracy  {in_words(task, result['test_accuracy'])}  {right}"
    errors = f"({errors_in_words({name: result[f'test_{name}'] for name in TASKS[task].metrics})}; {count:,} held-out"
    score = result["test_r2"]
    return f"test           {'R² not defined' if score is None else in_words(task, score)}  {errors} examples)"


def _show(result, parts, paths):
    task, compiling = parts.train.task, result["seconds_compiling"]
    print(
        f"{_tested(task, result, len(parts.test))}\n"
        f"validation     {_validated(task, result)}\n"
        f"time           {clock(result['seconds'])}"
        f"{f', and {clock(compiling)} to compile kernels' if compiling else ''}\n"
        f"model          {paths[MODEL]}\n"
        f"history        {paths[HISTORY]}\n"
        f"options        {paths[RECORD]}",
        flush=True,
    )
