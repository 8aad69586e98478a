"""Training: what a Solver does, in which order, and that it can be stopped and resumed at any point."""

import copy
import io
import math
import os
import pickle
import re
import signal
import sys
import threading
import warnings
from pathlib import Path

import numba
import numpy as np
import pytest
from nets import CourseModel, digits, each_step

import numbanet
from numbanet import FullyConnectedNet, Solver, TrainingDiverged, optim
from numbanet.callbacks import Callback
from numbanet.data import Augment
from numbanet.optim import RULES
from numbanet.schedules import Exponential
from numbanet.training import progress as _progress
from numbanet.training.best import Best
from numbanet.training.learners import NetworkLearner

DATA = digits()
PACKAGE = Path(numbanet.__file__).parent


def net(**options):
    options = {"weight_init": "he_normal", "seed": 0, **options}
    return FullyConnectedNet([20], 64, 10, **options)


def solver(model=None, data=DATA, **options):
    options = {"optimizer": "adam", "epochs": 3, "batch_size": 50, "verbose": False, **options}
    return Solver(net() if model is None else model, data, **options)


def histories(trained):
    return trained.loss_history, trained.train_acc_history, trained.val_acc_history


def assert_same_training(a, b):
    assert histories(a) == histories(b)
    np.testing.assert_array_equal(a.model.params.flat, b.model.params.flat)
    np.testing.assert_array_equal(a.model.state.flat, b.model.state.flat)
    assert a.val_loss_history == b.val_loss_history
    assert (a.best_epoch, a.best_val_loss, a.best_val_acc) == (b.best_epoch, b.best_val_loss, b.best_val_acc)
    assert a.best_params.keys() == b.best_params.keys()
    for name, value in a.best_params.items():
        np.testing.assert_array_equal(value, b.best_params[name])


def value_of(model, name):
    return model.params[name] if name in model.params else model.state[name]


# What the course's Solver does.


def test_histories_and_counts():
    trained = solver()
    assert trained.num_steps == 12
    trained.train()
    assert trained.step == trained.num_steps == 12
    assert trained.epoch == 3
    assert trained.steps_per_epoch == 4
    assert len(trained.loss_history) == 12
    assert all(type(loss) is float for loss in trained.loss_history)
    assert len(trained.train_acc_history) == len(trained.val_acc_history) == 4  # after the first step too
    assert not trained.interrupted


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_learns_the_digits(rule):
    rate = {"sgd": 0.5, "sgd_momentum": 0.1, "nesterov": 0.1}.get(rule, 0.01)
    trained = solver(data=digits(1000, 300), optimizer=rule, optimizer_options={"learning_rate": rate}, epochs=10)
    trained.train()
    assert trained.best_val_acc > 0.85
    assert trained.loss_history[-1] < 0.5 * trained.loss_history[0]


def data_loss(scores, y):
    """Mean softmax loss, by NumPy alone."""
    scores = scores.astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    return (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y]).mean()


@pytest.mark.parametrize("monitor", [None, "val_loss", "val_accuracy"])
def test_the_model_ends_with_the_best_parameters(monitor):
    model = net(normalization="batchnorm", dropout=0.2, l2=0.1)
    options = {"schedule": Exponential(3.0), "epochs": 8, "monitor": monitor}  # ever faster, to no good end
    trained = solver(model, optimizer_options={"learning_rate": 0.01}, **options)
    seen = []

    def look(s):
        scores = s.model.loss(DATA["X_val"])
        measured = data_loss(scores, DATA["y_val"]), np.mean(scores.argmax(axis=1) == DATA["y_val"])
        seen.append((*measured, s.epoch, s._learner.snapshot()))

    trained.callbacks = each_step(lambda s: look(s) if s.step == 1 or s.step % 4 == 0 else None)
    trained.train()
    losses, accuracies, epochs, snapshots = zip(*seen, strict=True)
    np.testing.assert_allclose(trained.val_loss_history, losses, rtol=1e-5)  # neither penalty nor dropout in it
    assert trained.val_acc_history == list(accuracies)
    worse = accuracies if monitor == "val_accuracy" else [-loss for loss in losses]
    best = max(range(len(worse)), key=lambda i: (worse[i], i))
    assert worse[-1] < worse[best]  # else this shows nothing
    assert trained.best_epoch == epochs[best]
    assert trained.best_val_loss == trained.val_loss_history[best]
    assert trained.best_val_acc == trained.val_acc_history[best] == model.score(DATA["X_val"], DATA["y_val"])
    assert list(trained.best_params) == list(model.params)
    for name, value in snapshots[best].items():
        np.testing.assert_array_equal(value_of(model, name), value)
        if name in model.params:
            np.testing.assert_array_equal(trained.best_params[name], value)


def test_output(capsys):
    trained = solver(verbose=True, print_every=3, epochs=2)
    trained.train()
    losses, train, val = histories(trained)
    assert capsys.readouterr().out.splitlines() == [
        f"(Step 1 / 8) loss: {losses[0]:f}",
        f"(Epoch 0 / 2) train acc: {train[0]:f}; val_acc: {val[0]:f}",
        f"(Step 4 / 8) loss: {losses[3]:f}",
        f"(Epoch 1 / 2) train acc: {train[1]:f}; val_acc: {val[1]:f}",
        f"(Step 7 / 8) loss: {losses[6]:f}",
        f"(Epoch 2 / 2) train acc: {train[2]:f}; val_acc: {val[2]:f}",
    ]
    solver(epochs=1).train()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("model", [net, CourseModel])
def test_the_learning_rate_decays_each_epoch(model):
    rates = []
    trained = solver(model(), schedule=Exponential(0.5), optimizer_options={"learning_rate": 0.1}, epochs=3)
    trained.callbacks = each_step(lambda s: rates.append(s.learning_rate))
    trained.train()
    assert rates == [0.1] * 3 + [0.05] * 4 + [0.025] * 4 + [0.0125]


@pytest.mark.parametrize("model", [net, CourseModel])
def test_by_default_the_learning_rate_goes_down_at_the_end(model):
    rates = []
    trained = solver(model(), optimizer_options={"learning_rate": 0.1}, epochs=16)
    trained.callbacks = [lambda s, logs: rates.append(s.learning_rate)]
    trained.train()
    assert rates[:-1] == pytest.approx([0.1] * 12 + [0.075, 0.05, 0.025])
    assert rates[-1] == trained.learning_rate == pytest.approx(0.1)  # for a training to come

    stopped = solver(model(), optimizer_options={"learning_rate": 0.1}, epochs=16)
    stopped.callbacks = [lambda s, logs: s.epoch == 14]
    stopped.train()
    assert stopped.learning_rate == pytest.approx(0.05)
    stopped.callbacks, rates[:] = [lambda s, logs: rates.append(s.learning_rate)], []
    stopped.train()  # to the 30th epoch
    assert rates == pytest.approx([0.1] * 9 + [0.1 * left / 7 for left in (6, 5, 4, 3, 2, 1)] + [0.1])


def test_resumption_on_the_way_down_is_exact(tmp_path):
    whole = solver(epochs=16, callbacks=[lambda s, logs: s.epoch == 14 and s.save(tmp_path / "14.npz")])
    whole.train()
    resumed = solver(epochs=2)
    resumed.restore(tmp_path / "14.npz")
    resumed.train()
    assert_same_training(resumed, whole)


@pytest.mark.parametrize("model", [net, CourseModel])
def test_the_learning_rate_may_be_set(model):
    one, two = (model() for _ in range(2))
    solver(one, optimizer="sgd", optimizer_options={"learning_rate": 0.3}, epochs=1).train()
    other = solver(two, optimizer="sgd", epochs=1)
    other.learning_rate = 0.3
    assert other.learning_rate == 0.3
    other.train()
    for name, value in one.params.items():
        np.testing.assert_array_equal(two.params[name], value)


@pytest.mark.parametrize(
    ("options", "best"),
    [
        ({}, 5),
        ({"monitor": "val_accuracy"}, 3),
        ({"monitor": "val_accuracy", "first": True}, 2),
        ({"first": True}, 4),
        ({"min_delta": 0.5}, 5),  # for patience alone
    ],
)
def test_of_equally_good_epochs_the_last_is_the_best(options, best):
    monitor = options.get("monitor", "val_loss")
    choice = Best(monitor, monitor != "val_loss", options.get("min_delta", 0), options.get("first", False))
    losses = [1.0, 0.5, math.nan, 0.6, 0.25, 0.25, math.inf, -math.inf]
    accuracies = [0.5, 0.6, 0.9, 0.9, math.nan, 0.8, 0.85, -math.inf]
    rows = [{"val_loss": loss, "val_accuracy": score} for loss, score in zip(losses, accuracies, strict=True)]
    for epoch, row in enumerate(rows):
        choice.enter(epoch, row)
    assert choice.epoch == best
    np.testing.assert_equal(choice.row, rows[best])


def test_patience_counts_gains_of_min_delta():
    choice, stale = Best("val_loss", min_delta=0.1), []
    for epoch, loss in enumerate([math.nan, math.nan, 1.0, 0.95, 0.91, 0.85, 0.85, 0.7, math.nan]):
        choice.enter(epoch, {"val_loss": loss})
        stale.append(choice.stale(epoch))
    assert stale == [0, 0, 0, 1, 2, 0, 1, 0, 1]  # 0.95 and 0.91 gain too little on 1.0, as 0.85 does not


def test_rare_positives_are_told_by_the_loss():
    # Accuracy never moves from 98 %, the loss does.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 5))
    y = (X[:, 0] > np.quantile(X[:, 0], 0.98)).astype(int)
    data = {"X_train": X[:400], "y_train": y[:400], "X_val": X[400:], "y_val": y[400:]}
    trained = solver(FullyConnectedNet([8], 5, 2, weight_init=1e-3, seed=0), data, epochs=15)
    trained.train()
    assert len(set(trained.val_acc_history)) == 1
    assert trained.best_epoch == 15
    scores = trained.model.predict_proba(data["X_val"])[:, 1]
    positive, negative = (scores[data["y_val"] == label] for label in (1, 0))
    assert (positive[:, None] > negative).mean() > 0.9  # area under the curve


def test_soft_targets_are_right_on_their_side_of_a_half():
    X, rng = DATA["X_train"], np.random.default_rng(0)
    y = np.where(DATA["y_train"] % 2, 0.95, 0.05)
    model = FullyConnectedNet([30], 64, 1, loss="binary_cross_entropy", seed=0)
    data = {"X_train": X, "y_train": y, "X_val": X, "y_val": y}
    trained = solver(model, data, epochs=40, patience=20, monitor="val_accuracy")
    trained.train()
    assert trained.best_val_acc > 0.95
    assert model.score(X, y) == np.mean(model.predict(X) == (y > 0.5)) == trained.best_val_acc
    any_y = rng.uniform(size=len(X))
    assert model.score(X, any_y) == np.mean(model.predict(X) == (any_y > 0.5))


@pytest.mark.parametrize("y_val", [[3.0], [0.1] * 10])
def test_an_undefined_r2_never_chooses(y_val):
    X = np.random.default_rng(0).standard_normal((200, 3))
    data = {"X_train": X, "y_train": X[:, 0], "X_val": X[: len(y_val)], "y_val": np.array(y_val)}

    def trained(**options):
        model = FullyConnectedNet([8], 3, 1, loss="squared_error", seed=0)
        made = solver(model, data, epochs=20, optimizer_options={"learning_rate": 0.01}, **options)
        made.train()
        return made

    by_score = trained(monitor="val_r2", patience=2)
    assert by_score.epoch == 20  # what is undefined does not stop it either
    assert by_score.best_epoch is None
    assert by_score.best_params == {}
    assert np.isnan(by_score.val_acc_history).all()
    without = {name: array for name, array in data.items() if "train" in name}
    last = solver(
        FullyConnectedNet([8], 3, 1, loss="squared_error", seed=0),
        without,
        epochs=20,
        optimizer_options={"learning_rate": 0.01},
    )
    last.train()
    np.testing.assert_array_equal(by_score.model.params.flat, last.model.params.flat)
    by_loss = trained()
    prediction = by_loss.model.predict(data["X_val"])
    assert by_loss.best_val_loss == min(by_loss.val_loss_history)
    loss_of = by_loss.model.loss(data["X_val"], data["y_val"])[0]
    assert by_loss.best_val_loss == pytest.approx(loss_of, rel=1e-5)
    assert prediction.shape == (len(y_val),)


@pytest.mark.parametrize("loss", ["softmax", "svm", "squared_error", "binary_cross_entropy"])
def test_the_validation_loss_is_that_of_all_in_batches(loss):
    # More rows than go through the loss at a time, and not a multiple of them.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1100, 4))
    y = rng.integers(3, size=1100) if loss in ("softmax", "svm") else rng.uniform(size=(1100, 3))
    model = FullyConnectedNet([6], 4, 3, loss=loss, dtype=np.float64, l2=0.3, seed=0)
    expected = model.loss(X, y)[0] - 0.15 * sum(np.square(model.params[name]).sum() for name in ("W1", "W2"))
    mean, score = model.evaluate(X, y)
    assert mean == pytest.approx(expected, rel=1e-12)
    assert score == model.score(X, y)


def test_accuracies_that_are_reported_change_nothing():
    def trained(**options):
        made = solver(net(dropout=0.2), epochs=4, seed=1, **options)
        made.train()
        return made

    whole = trained(num_train_samples=None)
    for options in ({"num_train_samples": 7}, {"num_val_samples": 7}, {"num_train_samples": 50, "num_val_samples": 3}):
        sampled = trained(**options)
        assert sampled.loss_history == whole.loss_history
        assert sampled.val_loss_history == whole.val_loss_history
        np.testing.assert_array_equal(sampled.model.params.flat, whole.model.params.flat)
    for name, history in (("num_train_samples", "train_acc_history"), ("num_val_samples", "val_acc_history")):
        for count in (7, 13):
            measured = np.array(getattr(trained(**{name: count}), history)) * count
            np.testing.assert_allclose(measured, measured.round(), atol=1e-9)
            assert len(set(measured)) > 1


def test_training_in_pieces_is_training_at_once_where_the_last_parameters_are_kept():
    options = {"optimizer_options": {"learning_rate": 0.3}, "restore_best_weights": False}
    pieces, whole = solver(epochs=1, **options), solver(epochs=6, **options)
    for _ in range(6):
        pieces.train()
    whole.train()
    assert_same_training(pieces, whole)
    assert whole.best_epoch < 6  # else it would be the same in any case
    assert whole.model.score(DATA["X_val"], DATA["y_val"]) == whole.val_acc_history[-1]
    best = {name: value.copy() for name, value in whole.best_params.items()}
    whole.model.params = best
    assert whole.model.score(DATA["X_val"], DATA["y_val"]) == whole.best_val_acc


def test_a_batch_never_exceeds_the_data():
    trained = solver(batch_size=1000)
    trained.train()
    assert trained.steps_per_epoch == 1
    assert len(trained.loss_history) == 3


def test_no_epochs():
    trained = solver(epochs=0)
    before = trained.model.params.flat.copy()
    trained.train()
    assert histories(trained) == ([], [], [])
    np.testing.assert_array_equal(trained.model.params.flat, before)


@pytest.mark.parametrize("model", [net, CourseModel])
def test_no_validation_data(model, capsys):
    trained = solver(model(), {name: DATA[name] for name in ("X_train", "y_train")}, verbose=True)
    before = {name: value.copy() for name, value in trained.model.params.items()}
    trained.train()
    assert trained.val_acc_history == []
    assert trained.best_params == {}
    assert len(trained.train_acc_history) == 4
    assert "val_acc" not in capsys.readouterr().out
    for name, value in before.items():
        assert (trained.model.params[name] != value).any()


def test_accuracies_on_samples():
    trained = solver()
    X, y = DATA["X_train"], DATA["y_train"]
    assert trained.check_accuracy(X, y) == trained.model.score(X, y)
    sampled = [trained.check_accuracy(X, y, 10) for _ in range(20)]
    assert len(set(sampled)) > 1
    assert all(accuracy * 10 == pytest.approx(round(accuracy * 10)) for accuracy in sampled)
    rows = copy.deepcopy(trained._sample_rng).choice(len(X), 10, replace=False)
    assert trained.check_accuracy(X.tolist(), y.tolist(), 10) == trained.model.score(X[rows], y[rows])


def test_patience():
    constant = solver(optimizer="sgd", optimizer_options={"learning_rate": 0.0}, epochs=50, patience=3)
    constant.train()
    assert constant.epoch == 3
    assert solver(patience=1, epochs=2).patience == 1


@pytest.mark.parametrize(("hook", "steps"), [("on_step_end", 6), ("on_epoch_end", 8)])
def test_callbacks_stop_training(hook, steps):
    calls = []

    def stop(s, logs):
        calls.append(s.step)
        return s.step >= 6

    trained = solver(callbacks=[Callback(**{hook: stop})])
    trained.train()
    assert trained.step == steps
    # Stopped within an epoch, it measures once more: what was learnt since counts too.
    assert len(trained.val_acc_history) == 3
    assert calls == ([1, 2, 3, 4, 5, 6] if hook == "on_step_end" else [4, 8])
    assert not trained.interrupted


def test_on_step_end_sees_the_measurements_of_its_step():
    seen = []
    solver(callbacks=each_step(lambda s: seen.append((s.step, s.epoch, len(s.val_acc_history)))), epochs=2).train()
    assert seen == [(1, 0, 1), (2, 0, 1), (3, 0, 1), (4, 1, 2), (5, 1, 2), (6, 1, 2), (7, 1, 2), (8, 2, 3)]


def test_train_again_goes_on():
    trained = solver(epochs=2)
    trained.train()
    first = trained.loss_history[:]
    trained.train()
    assert trained.epoch == 4
    assert trained.step == trained.num_steps == 16
    assert trained.loss_history[:8] == first
    assert len(trained.val_acc_history) == 5
    assert trained._update.optimizer.t == 16


@pytest.mark.parametrize("rule", ["adam", optim.adam], ids=["built in", "function"])
def test_reset_starts_the_books_and_the_update_rule_again(rule):
    options = {
        "optimizer": rule,
        "optimizer_options": {"learning_rate": 1e-2},
        "schedule": Exponential(0.5),
        "epochs": 2,
    }
    again, fresh = solver(**options), solver(**options)
    initial, order = again.model.params.copy(), again._batches.rng.bit_generator.state
    for trained in (again, fresh):
        trained.train()
    again.model.params = initial
    again._reset()
    again._batches.rng.bit_generator.state = order
    assert again.learning_rate == 1e-2
    assert again.loss_history == []
    again.train()
    assert again.loss_history == fresh.loss_history


def test_an_epoch_that_was_begun_is_finished_first():
    trained = solver(epochs=2, callbacks=each_step(lambda s: s.step == 6))
    trained.train()
    trained.callbacks = []
    trained.train()
    assert trained.step == 12
    assert trained.epoch == 3


# The order of the examples.


class Recorder(CourseModel):
    """Keeps which rows it was given, told apart by their first feature."""

    def __init__(self, *args):
        super().__init__(*args)
        self.batches = []

    def loss(self, X, y=None):
        if y is not None:
            self.batches.append(X[:, 0].astype(int).tolist())
        return super().loss(X, y)


@pytest.mark.parametrize("augment", [None, Augment(1)])
@pytest.mark.parametrize("python", [False, True])
def test_the_last_batch_of_an_epoch_is_what_is_left(python, augment, monkeypatch):
    # 200 examples in batches of 64: three, and one of 8, whose loss is the mean of 8.
    def batches(solver):
        order = np.random.default_rng(4)
        for _ in range(2):
            rows = order.permutation(200)
            yield from (rows[start : start + 64] for start in range(0, 200, 64))

    data = {**DATA, "X_train": DATA["X_train"].reshape(-1, 1, 8, 8)} if augment else DATA
    trained = solver(net(l2=0.1), data, batch_size=64, epochs=2, seed=4, augment=augment)
    if python:
        monkeypatch.setattr(NetworkLearner, "own_steps", "it is told so")
        assert str(trained.compiled) == "from Python, since it is told so"
    trained.train()
    assert trained.steps_per_epoch == 4
    assert trained.num_steps == len(trained.loss_history) == 8
    by_hand, losses = net(l2=0.1), []
    optimizer = optim.Optimizer("adam", by_hand.params.flat.size)
    for step, rows in enumerate(batches(trained)):
        X = data["X_train"][rows]
        if augment:
            out = np.empty_like(X)
            augment.gather(data["X_train"], rows, step, out, numbanet.kernels)
            X = out.reshape(-1, 64)
        losses.append(by_hand.loss(X, DATA["y_train"][rows])[0])
        optimizer.update(by_hand.params.flat, by_hand.grads.flat)
    np.testing.assert_allclose(trained.loss_history, losses, rtol=1e-6)


def test_a_single_example_that_is_left_over():
    data = {name: DATA[name][:41] for name in ("X_train", "y_train")}
    plain, normalized = solver(data=data, batch_size=8), solver(net(normalization="batchnorm"), data, batch_size=8)
    assert (plain.steps_per_epoch, normalized.steps_per_epoch) == (6, 5)
    assert solver(data=data, batch_size=8, drop_last=True).steps_per_epoch == 5
    for trained in (plain, normalized):
        trained.train()
        assert trained.epoch == 3


def test_an_epoch_is_a_permutation_of_which_the_leftovers_differ():
    rows = np.arange(23)
    data = {"X_train": np.stack([rows, rows % 2], axis=1).astype(float), "y_train": rows % 3}
    model = Recorder(2, 3)
    solver(
        model,
        data,
        optimizer="sgd",
        optimizer_options={"learning_rate": 0},
        batch_size=5,
        epochs=6,
        seed=1,
        drop_last=True,
    ).train()
    epochs = [sum(model.batches[start : start + 4], []) for start in range(0, 24, 4)]
    assert all(len(epoch) == len(set(epoch)) == 20 for epoch in epochs)
    left_out = [frozenset(rows) - set(epoch) for epoch in epochs]
    assert len(set(left_out)) > 1
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_the_same_seed_trains_alike_and_another_does_not():
    def trained(seed, model_seed=0):
        made = solver(net(seed=model_seed), seed=seed, epochs=1)
        made.train()
        return made

    assert_same_training(trained(5), trained(5))
    assert trained(5).loss_history != trained(6).loss_history
    assert_same_training(trained(None, 3), trained(None, 3))  # by default the model's own seed
    assert trained(None, 3).loss_history != trained(None, 4).loss_history


# Models and rules of the user's own.


def plain_sgd(w, dw, config):
    return w - config["learning_rate"] * dw, config


@pytest.mark.parametrize("rule", [*RULES, plain_sgd])
def test_a_model_of_the_user_s_own(rule):
    model = CourseModel()
    trained = solver(model, digits(500, 200), optimizer=rule, optimizer_options={"learning_rate": 0.05}, epochs=15)
    trained.train()
    assert trained.best_val_acc > 0.7
    assert trained.best_val_acc == max(trained.val_acc_history)
    for name, value in trained.best_params.items():
        np.testing.assert_array_equal(model.params[name], value)


@pytest.mark.parametrize("normalization", [None, "batchnorm"])
def test_a_rule_of_the_user_s_own_does_what_the_built_in_does(normalization):
    own, built_in = (net(dtype=np.float64, normalization=normalization, l2=0.01) for _ in range(2))
    config = {"learning_rate": 0.2}
    one = solver(own, optimizer=plain_sgd, optimizer_options=config)
    two = solver(built_in, optimizer="sgd", optimizer_options=config)
    one.train()
    two.train()
    np.testing.assert_allclose(one.loss_history, two.loss_history, rtol=1e-12)
    np.testing.assert_allclose(own.params.flat, built_in.params.flat, rtol=1e-10, atol=1e-15)
    # The running averages belong to the best parameters, whoever updates them.
    np.testing.assert_allclose(own.state.flat, built_in.state.flat, rtol=1e-10)
    assert own.score(DATA["X_val"], DATA["y_val"]) == one.best_val_acc


def test_a_rule_keeps_its_own_state_for_each_parameter():
    seen = []

    def rule(w, dw, config):
        seen.append((w.shape, config.get("count", 0)))
        own = {"learning_rate": config.get("learning_rate", 0.1)}
        return optim.sgd(w, dw, own)[0], {**config, "count": config.get("count", 0) + 1}

    solver(CourseModel(), optimizer=rule, epochs=1).train()
    assert seen == [(shape, step) for step in range(4) for shape in ((64, 10), (10,))]


@pytest.mark.parametrize("model", [net, CourseModel])
def test_a_rule_that_updates_in_place(model):
    def rule(w, dw, config):
        w -= 3.0 * dw
        return w, config

    trained, seen = solver(model(), optimizer=rule, epochs=6, monitor="val_accuracy"), []
    trained.callbacks = [lambda s, logs: seen.append({name: value.copy() for name, value in s.model.params.items()})]
    trained.train()
    accuracies = trained.val_acc_history[1:]  # from the first epoch on
    assert max(accuracies) > trained.val_acc_history[0]
    best = max(range(len(accuracies)), key=lambda i: (accuracies[i], i))
    assert best < len(accuracies) - 1  # else this shows nothing
    for name, value in seen[best].items():
        np.testing.assert_array_equal(trained.model.params[name], value)


@pytest.mark.parametrize("model", [net, CourseModel])
def test_a_rule_that_fails_has_changed_nothing(model):
    def rule(w, dw, config):
        if w.ndim == 1:
            raise ZeroDivisionError
        return 0 * w, config

    model = model()
    before = {name: value.copy() for name, value in model.params.items()}
    with pytest.raises(ZeroDivisionError):
        solver(model, optimizer=rule).train()
    for name, value in before.items():
        np.testing.assert_array_equal(model.params[name], value)


class Doubled(FullyConnectedNet):
    """With a loss of its own, twice the usual."""

    def loss(self, X, y=None):
        if y is None:
            return super().loss(X)
        loss, grads = super().loss(X, y)
        return 2 * loss, {name: 2 * gradient for name, gradient in grads.items()}


@pytest.mark.parametrize("augment", [None, Augment(1)])
def test_a_network_with_a_loss_of_its_own_trains_with_it(augment):
    data = {name: X.reshape(-1, 1, 8, 8) if X.ndim > 1 else X for name, X in DATA.items()}
    options = {"optimizer": "sgd", "epochs": 2, "augment": augment}
    own = solver(Doubled([20], 64, 10, seed=0), data, optimizer_options={"learning_rate": 0.1}, **options)
    usual = solver(FullyConnectedNet([20], 64, 10, seed=0), data, optimizer_options={"learning_rate": 0.2}, **options)
    for trained in (own, usual):
        trained.restore_best_weights = False
        trained.train()
    np.testing.assert_allclose(own.loss_history, 2 * np.array(usual.loss_history), rtol=1e-5)
    np.testing.assert_allclose(own.model.params.flat, usual.model.params.flat, rtol=1e-4, atol=1e-6)
    assert own.monitor == "val_accuracy"
    assert np.isnan(own.val_loss_history).all()


def test_methods_of_a_subclass_are_used():
    class Always3(FullyConnectedNet):
        def predict(self, X):
            return np.full(len(X), 3)

    class Scored(FullyConnectedNet):
        def score(self, X, y):
            return 0.25

    class Batches(FullyConnectedNet):
        def train_batch(self, X, y, rows=None, gather=None):
            return 3 * super().train_batch(X, y, rows, gather)

    always, scored, batches = (kind([20], 64, 10, seed=0) for kind in (Always3, Scored, Batches))
    trained = [solver(model, epochs=1) for model in (always, scored, batches, FullyConnectedNet([20], 64, 10, seed=0))]
    for each in trained:
        each.train()
    assert trained[0].val_acc_history == [np.mean(DATA["y_val"] == 3)] * 2
    assert trained[1].train_acc_history == trained[1].val_acc_history == [0.25] * 2
    np.testing.assert_allclose(trained[2].loss_history[0], 3 * trained[3].loss_history[0])
    assert trained[0].monitor == trained[1].monitor == "val_loss"
    assert trained[2].monitor == "val_accuracy"

    def loss(X, y=None):
        raise ZeroDivisionError

    own = FullyConnectedNet([20], 64, 10, seed=0)
    own.loss = loss  # of this object alone
    with pytest.raises(ZeroDivisionError):
        solver(own).train()


def test_a_model_whose_train_batch_is_something_else():
    class Other(CourseModel):
        train_batch = 32

    trained, usual = solver(Other()), solver(CourseModel())
    trained.train()
    usual.train()
    assert trained.loss_history == usual.loss_history


def test_the_validation_loss_of_a_model_of_the_user_s_own_is_not_known():
    trained = solver(CourseModel())
    assert trained.monitor == "val_accuracy"
    trained.train()
    assert np.isnan(trained.val_loss_history).all()
    assert trained.best_val_acc == max(trained.val_acc_history)
    with pytest.raises(ValueError, match="^monitor: CourseModel has a loss of its own.* Expected 'val_accuracy'"):
        solver(CourseModel(), monitor="val_loss")


# Data that change after they were checked.


@pytest.mark.parametrize("model", [net, CourseModel])
def test_labels_are_the_solver_s_own(model):
    data = {name: array.copy() for name, array in DATA.items()}
    trained, straight = solver(model(), data), solver(model())
    data["y_train"][:] = 10**9
    data["y_val"][:] = -(10**9)
    trained.callbacks = [lambda s, logs: data["y_train"].fill(-5)]
    trained.train()
    straight.train()
    assert_same_training(trained, straight) if model is net else None
    assert trained.loss_history == straight.loss_history
    for name in ("y_train", "y_val"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(trained, name)[0] = 1000


def test_data_that_take_the_place_of_others_are_checked():
    trained = solver()
    X, y = DATA["X_train"], DATA["y_train"]
    for name, value, message in (
        ("y_train", y + 9, "y_train: labels must be from 0 to 9, got 1"),
        ("y_train", y[:-1], "y_train: expected 200 rows as before, got 199"),
        ("y_val", -DATA["y_val"] - 1, "y_val: labels must be from 0 to 9, got -"),
        ("X_train", X[:150], "X_train: expected 200 rows as before, got 150"),
        ("X_train", X[:, :63], r"X_train: layer 1, .* got \(200, 63\)"),
        ("X_train", X * np.nan, "X_train: row 0 holds nan"),
        ("X_val", 3, "X_val: expected 100 rows as before, got 0"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            setattr(trained, name, value)
    assert np.array_equal(trained.y_train, y)
    assert np.array_equal(trained.X_train, X)
    with pytest.raises(ValueError, match="^X_val: this solver was made without validation data"):
        solver(data={"X_train": X, "y_train": y}).X_val = X


def test_data_that_take_the_place_of_others_are_trained_on():
    order = np.arange(200)[::-1]
    trained, straight = solver(epochs=1), solver(epochs=1)
    trained.train()
    straight.train()
    trained.X_train, trained.y_train = DATA["X_train"][order].reshape(-1, 8, 8), DATA["y_train"][order]
    trained.train()
    straight._batches.permutation = None
    losses = trained.loss_history[4:]
    straight.train()
    assert straight.loss_history[4:] != losses  # the same order of other examples
    assert trained.loss_history[:4] == straight.loss_history[:4]


# Copies.


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
@pytest.mark.parametrize(
    ("model", "augment"),
    [
        (lambda: net(normalization="batchnorm", dropout=0.2), None),
        (lambda: net(dropout=0.2), Augment(1)),
        (CourseModel, None),
    ],
)
def test_a_copy_of_a_solver_goes_on_by_itself(model, copied, augment):
    data = {name: X.reshape(-1, 1, 8, 8) if X.ndim > 1 else X for name, X in DATA.items()} if augment else DATA
    trained = solver(model(), data, epochs=1, schedule=Exponential(0.9), num_train_samples=50, augment=augment)
    trained.train()
    twin = copied(trained)
    before = twin._learner.snapshot()
    trained.train()
    for name, value in twin._learner.snapshot().items():  # nothing is shared
        np.testing.assert_array_equal(value, before[name])
    twin.train()
    assert histories(twin) == histories(trained)
    assert twin.learning_rate == trained.learning_rate
    for name, value in trained.model.params.items():
        np.testing.assert_array_equal(twin.model.params[name], value)


# Other losses.


def test_regression_learns():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (600, 3))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.05 * rng.standard_normal(600)
    data = {"X_train": X[:500], "y_train": y[:500], "X_val": X[500:], "y_val": y[500:]}
    model = FullyConnectedNet([40, 40], 3, 1, loss="squared_error", activation="tanh", weight_init="he_normal", seed=0)
    trained = solver(model, data, optimizer_options={"learning_rate": 0.01}, epochs=60)
    trained.train()
    assert trained.best_val_acc > 0.95  # R²
    prediction = model.predict(X[500:])
    assert prediction.shape == (100,)
    assert np.corrcoef(prediction, y[500:])[0, 1] > 0.97


def test_binary_cross_entropy_learns_several_answers():
    X, y = DATA["X_train"], DATA["y_train"]
    answers = np.stack([y % 2, y >= 5, y == 0], axis=1)
    model = FullyConnectedNet([30], 64, 3, loss="binary_cross_entropy", weight_init="he_normal", seed=0)
    data = {"X_train": X, "y_train": answers, "X_val": X, "y_val": answers}
    trained = solver(model, data, optimizer_options={"learning_rate": 0.01}, epochs=20)
    trained.train()
    assert trained.best_val_acc > 0.95
    assert set(np.unique(model.predict(X))) == {0, 1}
    assert 0 <= model.predict_proba(X).min() < model.predict_proba(X).max() <= 1


def test_svm_learns():
    trained = solver(net(loss="svm"), digits(1000, 300), optimizer_options={"learning_rate": 0.01}, epochs=8)
    trained.train()
    assert trained.best_val_acc > 0.85


def test_training_on_the_reference_is_training():
    fast, plain = (
        net(dtype=np.float64, normalization="layernorm", dropout=0.2, ops=ops)
        for ops in (numbanet.kernels, numbanet.reference)
    )
    one, two = solver(fast), solver(plain)
    one.train()
    two.train()
    np.testing.assert_allclose(one.loss_history, two.loss_history, rtol=1e-9)
    assert one.val_acc_history == two.val_acc_history


# Divergence.


def diverging(rate, model=None, **options):
    options = {"epochs": 20, "optimizer_options": {"learning_rate": rate}, "optimizer": "sgd", **options}
    return solver(model, **options)


def test_divergence_names_step_layer_and_rate():
    trained = diverging(1e30)
    with pytest.raises(TrainingDiverged) as caught:
        trained.train()
    message = str(caught.value)
    assert f"at step {trained.step + 1} (epoch 1) with learning rate 1e+30" in message
    assert "NaN or infinity first shows in the output of layer 3, Affine(units=10, weight_init='he_normal')" in message
    assert isinstance(caught.value, ArithmeticError)


def test_divergence_names_the_parameter_at_fault():
    def poison(s):
        if s.step == 2:
            s.model.params["b2"][3] = np.nan

    with pytest.raises(TrainingDiverged, match=r"at step 3 .* shows in parameter b2 of layer 3, Affine\(units=10"):
        solver(callbacks=each_step(poison)).train()


def test_divergence_leaves_the_best_parameters():
    trained = solver(net(normalization="batchnorm"), epochs=5)
    best = {}

    def spoil(s):
        if s.step == 10:
            best.update(s._best)
            s.model.params["W1"][0, 0] = np.inf

    trained.callbacks = each_step(spoil)
    with pytest.raises(TrainingDiverged):
        trained.train()
    assert {"W1", "running_mean1"} <= set(best)
    for name, value in best.items():
        np.testing.assert_array_equal(value_of(trained.model, name), value)


@pytest.mark.parametrize("rate", [1e30, 1e38])
def test_divergence_at_once_leaves_the_initial_parameters(rate):
    # Measured after the first step, whose parameters are finite or not, but worthless: not "the best so far".
    trained = diverging(rate)
    before = trained.model.params.flat.copy()
    with pytest.raises(TrainingDiverged):
        trained.train()
    np.testing.assert_array_equal(trained.model.params.flat, before)
    assert math.isnan(trained.val_acc_history[0])


@pytest.mark.parametrize("model", [net, CourseModel])
def test_divergence_without_validation_data_leaves_the_last_that_were_measured(model):
    trained = solver(model(), {name: DATA[name] for name in ("X_train", "y_train")}, epochs=5)
    kept = {}

    def spoil(s):
        if s.step == 8:
            kept.update({name: value.copy() for name, value in s.model.params.items()})
        if s.step == 10:
            name = next(iter(s.model.params))
            s.model.params[name][0, 0] = np.nan

    trained.callbacks = each_step(spoil)
    with pytest.raises(TrainingDiverged):
        trained.train()
    for name, value in kept.items():
        np.testing.assert_array_equal(trained.model.params[name], value)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (1, 1, "A smaller learning rate usually helps"),
        (500, 1, r"A smaller learning rate, or inputs \(up to [0-9.]+\) scaled to unit variance, usually helps"),
        (1, 1e9, r"A smaller learning rate, or targets \(up to [0-9.]+e\+09\) scaled to unit variance, usually helps"),
        (
            500,
            1e9,
            r"or inputs \(up to .*\) scaled to unit variance, or targets \(up to .*\) scaled to .*, usually helps",
        ),
    ],
)
def test_divergence_says_what_is_not_scaled(inputs, targets, message):
    X = np.random.default_rng(0).standard_normal((100, 3))
    data = {"X_train": inputs * X, "y_train": targets * X[:, 0]}
    model = FullyConnectedNet([8], 3, 1, loss="squared_error", weight_init="he_normal", seed=0)
    with pytest.raises(TrainingDiverged, match=f"{message}$"):
        diverging(1e20, model, data=data).train()
    model.standardizer = numbanet.data.Standardizer.fit(data["X_train"])  # then inputs are not the cause
    with pytest.raises(TrainingDiverged) as caught:
        diverging(1e20, model, data=data).train()
    assert "inputs" not in str(caught.value).partition("A smaller")[2]


def test_divergence_of_a_model_of_the_user_s_own():
    class Broken(CourseModel):
        def loss(self, X, y=None):
            return super().loss(X) if y is None else (math.inf, self.params)

    with pytest.raises(TrainingDiverged, match="became inf at step 1 .* the loss that the model returned"):
        solver(Broken(), optimizer_options={"learning_rate": 0.1}).train()


# Checkpoints and exact resumption.


def resumable(**options):
    model = net(normalization="batchnorm", dropout=0.2, l2=0.01)
    return solver(model, schedule=Exponential(0.9), num_train_samples=100, **options)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("epoch", [1, 3])
def test_resumption_is_exact(rule, epoch, tmp_path):
    whole = resumable(optimizer=rule, epochs=5, checkpoint_name=tmp_path / "run")
    whole.train()
    resumed = resumable(optimizer=rule, epochs=5 - epoch)
    resumed.restore(tmp_path / f"run_epoch_{epoch}.npz")
    assert resumed.epoch == epoch
    assert resumed.step == 4 * epoch
    resumed.train()
    assert_same_training(resumed, whole)
    assert resumed.learning_rate == whole.learning_rate
    assert resumed._update.optimizer.t == 20


def test_resumption_within_an_epoch_is_exact(tmp_path):
    whole = resumable(epochs=3, callbacks=each_step(lambda s: s.step in (6, 8) and s.save(tmp_path / f"{s.step}.npz")))
    whole.train()
    for step in (6, 8):
        resumed = resumable(epochs=2 if step == 6 else 1)
        resumed.restore(tmp_path / f"{step}.npz")
        resumed.train()
        assert_same_training(resumed, whole)


def test_resumption_carries_patience_over(tmp_path):
    options = {"optimizer": "sgd", "optimizer_options": {"learning_rate": 0.0}, "patience": 4, "epochs": 9}
    whole = solver(checkpoint_name=tmp_path / "run", **options)
    whole.train()
    resumed = solver(**options)
    resumed.restore(tmp_path / "run_epoch_2.npz")
    resumed.train()
    assert resumed.epoch == whole.epoch == 4


def test_checkpoints_are_written_each_epoch(tmp_path):
    solver(checkpoint_name=str(tmp_path / "run"), epochs=2).train()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run_epoch_1.npz", "run_epoch_2.npz"]


def test_a_checkpoint_that_cannot_be_written_stops_before_anything_runs(tmp_path):
    trained = solver(checkpoint_name=tmp_path / "missing" / "run")
    before = trained.model.params.flat.copy()
    with pytest.raises(OSError, match="missing"):
        trained.train()
    assert trained.step == 0
    np.testing.assert_array_equal(trained.model.params.flat, before)


def test_a_checkpoint_that_fails_later_loses_nothing(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    trained = solver(checkpoint_name=folder / "run", epochs=3)
    taken = folder / "run_epoch_2.npz"
    trained.callbacks = [lambda s, logs: s.epoch == 2 and taken.mkdir()]  # what a file cannot replace
    with pytest.raises(OSError, match="run_epoch_2"):
        trained.train()
    assert trained.step == len(trained.loss_history) == 8
    assert len(list(folder.iterdir())) == 2  # no half-written file left
    trained.callbacks = []
    trained.train()
    assert trained.epoch == 5


# Ctrl-C.


@pytest.mark.parametrize("model", [net, CourseModel])
@pytest.mark.parametrize("step", [1, 4, 6])  # the first, the last of an epoch, one within
def test_an_interrupt_in_a_callback_keeps_what_was_learnt(step, model):
    def press(s):
        if s.step == step:
            raise KeyboardInterrupt

    data = {name: DATA[name] for name in ("X_train", "y_train")}
    trained, straight = solver(model(), data, callbacks=each_step(press)), solver(model(), data, epochs=1)
    with pytest.warns(UserWarning, match=f"training interrupted at step {step} of 12"):
        trained.train()
    assert trained.interrupted
    assert trained.step == len(trained.loss_history) == step
    straight.callbacks = each_step(lambda s: s.step == step)
    straight.epochs = 3
    straight.train()
    for name, value in straight.model.params.items():
        np.testing.assert_array_equal(trained.model.params[name], value)

    trained.callbacks = []
    trained.train()
    assert not trained.interrupted
    assert trained.epoch == 3 + step // 4
    assert trained.step % 4 == 0
    # Each epoch, the first step, and the step of the interrupt where that is neither.
    assert len(trained.train_acc_history) == 1 + trained.epoch + (step == 6)


def test_an_interrupt_leaves_the_best_parameters():
    def press(s):
        if s.step == 6:
            raise KeyboardInterrupt

    trained = solver(callbacks=each_step(press))
    with pytest.warns(UserWarning, match="interrupted"):
        trained.train()
    assert trained.model.score(DATA["X_val"], DATA["y_val"]) == trained.best_val_acc == max(trained.val_acc_history)


def test_an_interrupt_at_the_end_of_an_epoch():
    def press(s, logs):
        raise KeyboardInterrupt

    trained = solver(callbacks=[press])
    with pytest.warns(UserWarning, match="interrupted at step 4"):
        trained.train()
    assert len(trained.train_acc_history) == len(trained.val_acc_history) == 2


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


needs_signals = pytest.mark.skipif(
    sys.platform == "win32" or threading.current_thread() is not threading.main_thread(),
    reason="sends itself a real Ctrl-C",
)


class Places:
    """Presses Ctrl-C, once or more, at the chosen line among all that training runs, as the tracer counts them."""

    def __init__(self, at=0, presses=0):
        self.at, self.presses, self.count = at, presses, 0

    def __call__(self, frame, event, arg):
        if not frame.f_code.co_filename.startswith(str(PACKAGE)):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.at:
                for _ in range(self.presses):
                    ctrl_c()
        return self

    def train(self, trained):
        sys.settrace(self)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                trained.train()
        except KeyboardInterrupt:  # before training listens, after it has ended, or pressed twice while it ends
            pass
        finally:
            sys.settrace(None)


def reference_net():
    """Its operations are several NumPy statements each, between which a Ctrl-C can land."""
    return net(dtype=np.float64, normalization="batchnorm", ops=numbanet.reference)


@needs_signals
@pytest.mark.parametrize("validation", [False, True])
@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("model", [reference_net, CourseModel])
def test_ctrl_c_at_any_line_leaves_whole_steps(model, presses, validation):
    data = {name: value[:20] for name, value in DATA.items() if validation or "train" in name}

    def fresh():
        return solver(model(), data, optimizer="adam", batch_size=10, epochs=2, seed=0)

    whole = fresh()
    after = [whole._learner.snapshot()]  # the values after each number of steps
    whole.callbacks = each_step(lambda s: after.append(s._learner.snapshot()))
    counting, handler, interrupted = Places(), signal.getsignal(signal.SIGINT), 0
    counting.train(whole)
    for at in range(1, counting.count, 7):
        trained = fresh()
        Places(at, presses).train(trained)
        interrupted += trained.interrupted
        steps = trained.step
        assert signal.getsignal(signal.SIGINT) is handler
        assert trained.loss_history == whole.loss_history[:steps]
        assert len(trained.val_acc_history) == validation * len(trained.train_acc_history)
        if trained._update.optimizer:
            assert trained._update.optimizer.t == steps
        # Where there is a best, the model has it, unless a second press came while it was being put there.
        expected = [after[steps], trained._best] if trained._best else [after[steps]]
        names = after[0] if presses == 1 else trained.model.params  # running averages wait for one press only
        got = trained._learner.snapshot()
        assert any(all(np.array_equal(got[name], values[name]) for name in names) for values in expected), at
        if presses == 1 and trained.interrupted and trained._best:
            for name, value in trained._best.items():
                np.testing.assert_array_equal(got[name], value)
    assert interrupted > 10


@needs_signals
def test_a_second_ctrl_c_does_not_wait_for_a_slow_model():
    class Slow(CourseModel):
        def loss(self, X, y=None):
            if y is not None and trained.step == 2:
                ctrl_c()
                ctrl_c()
                raise AssertionError("still here")
            return super().loss(X, y)

    trained = solver(Slow())
    with pytest.warns(UserWarning, match="interrupted at step 2 of 12"):
        trained.train()
    assert trained.interrupted
    assert len(trained.loss_history) == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_solver_that_is_to_stop_compiles_nothing_more():
    compiled = []

    class Compiling(CourseModel):
        def loss(self, X, y=None):
            if y is not None and trained.step == 2:
                trained.stop()
                compiled.append(numba.njit(lambda x: x + 1)(1))
            return super().loss(X, y)

    trained = solver(Compiling())
    with pytest.warns(UserWarning, match="interrupted at step 2 of 12"):
        trained.train()
    assert trained.interrupted
    assert compiled == []

    def rule(w, dw, config):  # half an update is worse than waiting
        trained.stop()
        compiled.append(numba.njit(lambda x: x + 2)(1))
        return w, config

    trained = solver(CourseModel(), optimizer=rule)
    with pytest.warns(UserWarning, match="interrupted at step 1 of 12"):
        trained.train()
    assert compiled == [3, 3]


@needs_signals
def test_a_handler_of_the_application_s_own_is_left_alone():
    pressed = []
    previous = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        trained = solver(callbacks=each_step(lambda s: s.step == 2 and ctrl_c()))
        trained.train()
    finally:
        signal.signal(signal.SIGINT, previous)
    assert pressed == [True]
    assert trained.epoch == 3


@needs_signals
def test_ctrl_c_while_a_state_is_restored(tmp_path, monkeypatch):
    saved = resumable(epochs=1)
    saved.train()
    saved.save(tmp_path / "state.npz")
    fresh = resumable()
    fill = numbanet.checkpoint.fill

    def pressed_halfway(*args):
        ctrl_c()
        fill(*args)

    monkeypatch.setattr(numbanet.checkpoint, "fill", pressed_halfway)
    with pytest.raises(KeyboardInterrupt):
        fresh.restore(tmp_path / "state.npz")
    assert_same_training(fresh, saved)


def test_what_is_shown_within_an_epoch_is_of_that_epoch():
    trained, lines = solver(net(dropout=0.5), batch_size=20, epochs=3), io.StringIO()
    shown = _progress.Lines(trained, lines)
    shown.interval = 0.0
    one_by_one = Callback(on_step_end=lambda s, logs: False)
    trained.callbacks = [one_by_one, Callback(on_progress=lambda s, logs: shown.step())]
    trained.train()
    rows = lines.getvalue().splitlines()
    assert len(rows) == 30
    for step, row in enumerate(rows, 1):
        begun = (step - 1) // 10 * 10
        epoch, loss, rest = re.match(r"epoch ([\d.]+)/3  loss ([\d.]+)(.*)", row).groups()
        assert float(epoch) == step / 10
        assert loss == f"{np.mean(trained.loss_history[begun:step]):.4f}"
        if step % 10:
            assert "train" not in rest
            assert "val" not in rest
        else:
            at = step // 10
            accuracies = trained.train_acc_history[at], trained.val_acc_history[at]
            assert rest.startswith("  train {:.2%}  val {:.2%}".format(*accuracies))


def test_the_time_that_is_left_is_that_of_the_steps_to_come(monkeypatch):
    trained, lines, now = solver(batch_size=20, epochs=3), io.StringIO(), [0.0]
    monkeypatch.setattr(_progress, "perf_counter", lambda: now[0])
    shown = _progress.Lines(trained, lines)
    trained.callbacks = each_step(lambda s: now.__setitem__(0, now[0] + 2.0))
    trained.callbacks += [Callback(on_progress=lambda s, logs: shown.step())]
    trained.train()
    told = [re.search(r"epoch ([\d.]+)/3 .*  ([\d.]+) s left", line) for line in lines.getvalue().splitlines()]
    left = [("0.5", "50.0"), ("1", "40.0"), ("1.5", "30.0"), ("2", "20.0"), ("2.5", "10.0")]
    assert [each.groups() for each in told if each] == left


def test_training_in_another_thread():
    trained = solver()
    thread = threading.Thread(target=trained.train)
    thread.start()
    thread.join()
    straight = solver()
    straight.train()
    assert_same_training(trained, straight)
