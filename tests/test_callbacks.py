"""Callbacks and the history: what is told, when, and what an answer or an error does."""

import copy
import csv
import importlib.util
import math
import pickle

import numpy as np
import pytest
from nets import CourseModel, digits, each_step

from numbanet import FullyConnectedNet, Solver, TrainingDiverged
from numbanet.callbacks import Callback
from numbanet.training.history import History
from numbanet.training.hooks import HOOKS

DATA = digits()
TRAIN = {name: DATA[name] for name in ("X_train", "y_train")}


def net(**options):
    return FullyConnectedNet([20], 64, 10, seed=0, **{"weight_init": "he_normal", **options})


def solver(model=None, data=DATA, **options):
    options = {"optimizer": "adam", "epochs": 3, "batch_size": 50, "verbose": False, **options}
    return Solver(net() if model is None else model, data, **options)


class Recorder:
    """Notes each hook with what it was told; stops where `stop` says."""

    def __init__(self, stop=()):
        self.seen, self.stop = [], stop
        for hook in HOOKS:
            setattr(self, hook, lambda solver, logs, hook=hook: self.note(hook, solver, logs))

    def note(self, hook, solver, logs):
        self.seen.append((hook, solver.step, logs))
        return (hook, solver.step) in self.stop

    def order(self):
        return [(hook, step) for hook, step, _ in self.seen if hook != "on_progress"]


@pytest.mark.parametrize("model", [net, CourseModel])
def test_the_order_of_hooks(model):
    recorder = Recorder()
    trained = solver(model(), epochs=2, batch_size=100, callbacks=[recorder])
    trained.train()
    epochs = [
        [("on_epoch_begin", first), ("on_step_end", first + 1), ("on_step_end", first + 2), ("on_epoch_end", first + 2)]
        for first in (0, 2)
    ]
    assert recorder.order() == [("on_train_begin", 0), *epochs[0], *epochs[1], ("on_train_end", 4)]
    assert [step for hook, step, _ in recorder.seen if hook == "on_progress"] == [1, 2, 3, 4]
    rows = [logs for hook, _, logs in recorder.seen if hook == "on_epoch_end"]
    history = trained.history
    assert [row["epoch"] for row in rows] == [1, 2]
    for place, row in zip((1, 2), rows, strict=True):
        assert tuple(row) == history.columns
        for name in row:
            np.testing.assert_equal(row[name], history[name][place])
    assert [logs["loss"] for hook, _, logs in recorder.seen if hook == "on_step_end"] == history.step_loss
    recorder.seen.clear()
    trained.train()
    assert recorder.order()[:2] == [("on_train_begin", 4), ("on_epoch_begin", 4)]


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_may_stop(hook):
    recorder = Recorder({(hook, 0), (hook, 4)})
    trained = solver(callbacks=[recorder])
    trained.train()
    assert trained.step == {"on_train_begin": 0, "on_epoch_begin": 0, "on_train_end": 12}.get(hook, 4)
    assert recorder.order()[-1] == ("on_train_end", trained.step)
    assert not trained.interrupted


def test_only_true_stops_and_all_are_called_first():
    seen = []
    first, second = lambda s, logs: np.True_, lambda s, logs: seen.append(s.step)
    trained = solver(callbacks=[first, second, lambda s, logs: "yes", lambda s, logs: 1])
    trained.train()
    assert (trained.step, seen) == (4, [4])
    trained.callbacks = [lambda s, logs: 1]
    trained.train()
    assert trained.epoch == 4


@pytest.mark.parametrize("model", [net, CourseModel])
@pytest.mark.parametrize("hook", HOOKS)
def test_an_error_in_a_callback_leaves_whole_steps(hook, model):
    calls = []

    def fail(s, logs):
        calls.append(s.step)
        if s.step == 4 * (hook != "on_train_begin") and calls.count(s.step) == 1:
            raise ZeroDivisionError
        return False

    after = Recorder()
    data = TRAIN  # the model keeps its last parameters
    trained, straight = solver(model(), data), solver(model(), data)
    trained.callbacks = [Callback(**{hook: fail}), after]
    if hook == "on_train_end":
        trained.callbacks.append(lambda s, logs: True)
    with pytest.raises(ZeroDivisionError):
        trained.train()
    failed_at = trained.step
    assert failed_at == (0 if hook == "on_train_begin" else 4)
    assert after.seen[-1][0] == "on_train_end" or hook == "on_train_end"
    straight.callbacks = each_step(lambda s: s.step == failed_at)
    straight.train() if failed_at else None
    for name, value in straight.model.params.items():
        np.testing.assert_array_equal(trained.model.params[name], value)
    assert trained.history.step_loss == straight.history.step_loss
    # It goes on, and what the one that failed kept from others is told first.
    trained.callbacks = trained.callbacks[:2]
    trained.train()
    straight.callbacks = []
    straight.train()
    assert trained.history.step_loss == straight.history.step_loss
    for name, first in (("on_epoch_begin", 0), ("on_epoch_end", 4)):
        told = [step for each, step, _ in after.seen if each == name]
        assert told == [*range(first, trained.step + first, 4)]
    assert calls.count(failed_at) == 1 + (hook == "on_train_begin")


def test_what_is_told_in_single_steps_is_told_in_compiled_runs():
    one, many = Recorder(), Recorder()
    del many.on_step_end
    a, b = solver(callbacks=[one]), solver(callbacks=[many])
    a.train()
    b.train()
    assert "one by one" in str(a.compiled)
    assert str(b.compiled) == "compiled"
    for name in ("on_epoch_begin", "on_epoch_end"):
        of_one, of_many = ([each for each in r.seen if each[0] == name] for r in (one, many))
        np.testing.assert_equal(of_one, of_many)
    np.testing.assert_array_equal(a.model.params.flat, b.model.params.flat)


def test_the_history_by_hand():
    data = {**DATA, "X_train": DATA["X_train"][:130], "y_train": DATA["y_train"][:130]}  # 50, 50 and 30
    trained = solver(data=data, epochs=2, restore_best_weights=False, optimizer_options={"learning_rate": 0.01})
    rates = []
    trained.callbacks = [lambda s, logs: rates.append(setattr(s, "learning_rate", 0.02))]
    trained.train()
    history, losses = trained.history, trained.loss_history
    assert history.columns == ("epoch", "step", "loss", "learning_rate", "accuracy", "val_loss", "val_accuracy")
    assert history.epoch == [0, 1, 2]
    assert history.step == [1, 3, 6]
    means = [np.average(losses[begin : begin + 3], weights=[50, 50, 30]) for begin in (0, 3)]
    np.testing.assert_allclose(history.loss, [losses[0], *means], rtol=1e-12)
    assert history.learning_rate == [0.01, 0.01, 0.02]
    assert history.val_loss[-1] == trained.model.evaluate(DATA["X_val"], DATA["y_val"])[0]
    assert history.accuracy[-1] == trained.model.score(data["X_train"], data["y_train"])
    assert (trained.train_acc_history, trained.val_acc_history) == (history.accuracy, history.val_accuracy)
    assert trained.val_loss_history is history["val_loss"]


def test_no_training_examples_are_measured():
    class Counting(FullyConnectedNet):
        def score(self, X, y):
            counts.append(len(X))
            return super().score(X, y)

    counts = []
    trained = solver(Counting([20], 64, 10, seed=0), num_train_samples=0)
    trained.train()
    assert set(counts) == {100}
    assert "accuracy" not in trained.history
    assert trained.train_acc_history == []
    alone = solver(data=TRAIN, num_train_samples=0)
    alone.train()
    assert alone.history.columns == ("epoch", "step", "loss", "learning_rate")
    targets = {"X_train": DATA["X_train"], "y_train": DATA["y_train"] / 9}
    regression = solver(FullyConnectedNet([20], 64, 1, loss="squared_error", seed=0), targets, epochs=1)
    regression.train()
    assert regression.history.r2 == regression.train_acc_history


def test_a_network_that_nobody_measured_is_no_fallback():
    model = net()
    before = model.params.flat.copy()
    trained = solver(model, TRAIN, num_train_samples=0, optimizer="sgd", optimizer_options={"learning_rate": 1e38})
    with pytest.raises(TrainingDiverged):
        trained.train()
    np.testing.assert_array_equal(model.params.flat, before)


@pytest.fixture
def history():
    filled = History(["epoch", "step", "loss", "val_loss", "accuracy"])
    filled.add(epoch=0, step=1, loss=2.5, val_loss=math.nan, accuracy=0.25)
    filled.add(epoch=1, step=4, loss=1 / 3, val_loss=2.0, accuracy=0.5)
    return filled


def test_a_history_is_lists(history, tmp_path):
    assert history.loss == history["loss"] == [2.5, 1 / 3]
    assert history.last() == {"epoch": 1, "step": 4, "loss": 1 / 3, "val_loss": 2.0, "accuracy": 0.5}
    assert History(["step"]).last() == {}
    assert len(history) == 2
    assert "val_loss" in history
    assert list(history) == ["epoch", "step", "loss", "val_loss", "accuracy"]
    for other in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        np.testing.assert_equal(other.to_dict(), history.to_dict())
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == history.loss
    assert [row["val_loss"] for row in rows] == ["nan", "2.0"]
    with pytest.raises(KeyError, match="no column 'val_los'; did you mean 'val_loss'"):
        history["val_los"]
    with pytest.raises(AttributeError, match="no 'acuracy'; did you mean accuracy"):
        history.acuracy  # noqa: B018


@pytest.mark.parametrize("missing", [(), ("pandas",), ("pandas", "polars")])
def test_a_history_as_a_frame(history, missing, monkeypatch):
    for library in {"pandas", "polars"} - set(missing):
        pytest.importorskip(library)
    find = importlib.util.find_spec
    monkeypatch.setattr("numbanet.training.history.find_spec", lambda name: None if name in missing else find(name))
    if len(missing) == 2:
        with pytest.raises(ImportError, match="needs pandas or polars: pip install pandas"):
            history.to_frame()
        return
    frame = history.to_frame()
    assert type(frame).__module__.partition(".")[0] == ("polars" if missing else "pandas")
    assert frame.shape == (2, 5)
    assert list(frame["step"]) == [1, 4]


def test_a_history_is_drawn(history, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    figure = history.plot()
    losses, scores = figure.axes
    assert [line.get_label() for line in losses.lines] == ["loss", "val_loss"]
    np.testing.assert_array_equal(losses.lines[0].get_ydata(), history.loss)
    np.testing.assert_array_equal(scores.lines[0].get_xdata(), history.step)
    pyplot.close(figure)
    monkeypatch.setattr("numbanet.training.history.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="History.plot needs matplotlib: pip install matplotlib"):
        history.plot()
