"""What a training measures on validation data, and what tells its best."""

import math
import subprocess
import sys

import numpy as np
import pytest
from nets import CourseModel, digits, each_step

from numbanet import FullyConnectedNet, Solver
from numbanet.callbacks import Callback

sk = pytest.importorskip("sklearn.metrics")
DATA = digits()


def net(**options):
    return FullyConnectedNet([20], 64, 10, seed=0, **{"weight_init": "he_normal", **options})


def solver(model=None, data=DATA, **options):
    options = {"optimizer": "adam", "epochs": 3, "batch_size": 50, "verbose": False, **options}
    return Solver(net() if model is None else model, data, **options)


def binary(data):
    return {name: (value >= 5).astype(int) if name[0] == "y" else value for name, value in data.items()}


def test_each_is_measured_after_each_epoch_on_all_validation_data():
    def spread(y, scores):
        return scores.std()

    trained = solver(metrics=["auc", "f1", "log_loss", "balanced_accuracy", spread], num_val_samples=10)
    trained.train()
    model, X, y = trained.model, DATA["X_val"], DATA["y_val"]
    history = trained.history
    assert history.columns[5:] == tuple(
        f"val_{name}" for name in ("loss", "accuracy", "auc", "f1", "log_loss", "balanced_accuracy", "spread")
    )
    assert len(history.val_auc) == len(history) == 4
    assert trained.best_epoch == 3
    p = model.predict_proba(X).astype(float)
    assert history.val_auc[-1] == pytest.approx(sk.roc_auc_score(y, p / p.sum(1, keepdims=True), multi_class="ovr"))
    assert history.val_f1[-1] == sk.f1_score(y, model.predict(X), average="macro")
    assert history.val_balanced_accuracy[-1] == sk.balanced_accuracy_score(y, model.predict(X))
    assert history.val_log_loss[-1] == pytest.approx(history.val_loss[-1], rel=1e-6)
    assert history.val_spread[-1] == model.loss(X).std()


@pytest.mark.parametrize(("loss", "outputs"), [("softmax", 2), ("svm", 2), ("binary_cross_entropy", 1)])
def test_two_classes_are_told_by_either_kind_of_network(loss, outputs):
    data = binary(DATA)
    model = FullyConnectedNet([20], 64, outputs, loss=loss, seed=0)
    named = ["f1", "balanced_accuracy", *(["auc", "log_loss"] if loss != "svm" else [])]
    trained = solver(model, data, metrics=named, epochs=30, optimizer_options={"learning_rate": 0.02})
    trained.train()
    X, y, row = data["X_val"], data["y_val"], trained.best_row
    scores = model.loss(X).astype(float)
    height = scores[:, -1] - (scores[:, 0] if outputs == 2 else 0)
    below = height[y == 1][:, None] > height[y == 0]
    if loss != "svm":
        assert row["val_auc"] == pytest.approx(below.mean(), abs=1e-4)
        assert row["val_auc"] > 0.85
    said = model.predict(X)
    assert row["val_f1"] == pytest.approx(2 * (said & y).sum() / (said.sum() + y.sum()))
    if loss != "svm":
        assert row["val_log_loss"] == pytest.approx(row["val_loss"], rel=1e-5)


def test_values_and_several_answers():
    values = {name: value / 9 if name[0] == "y" else value for name, value in DATA.items()}
    model = FullyConnectedNet([20], 64, 1, loss="squared_error", seed=0)
    trained = solver(model, values, metrics=["mae", "rmse", "r2"], monitor="val_mae")
    trained.train()
    off = model.predict(DATA["X_val"]) - values["y_val"]
    row = trained.best_row
    assert row["val_mae"] == pytest.approx(np.abs(off).mean())
    assert row["val_rmse"] == pytest.approx(np.sqrt(np.square(off).mean()))
    assert list(row).count("val_r2") == 1
    assert row["val_mae"] == min(trained.history.val_mae)
    answers = {name: np.eye(10)[value] if name[0] == "y" else value for name, value in DATA.items()}
    several = solver(net(loss="binary_cross_entropy"), answers, metrics=["auc", "f1"])
    several.train()
    several_auc = sk.roc_auc_score(answers["y_val"], several.model.loss(DATA["X_val"]))
    assert several.best_row["val_auc"] == pytest.approx(several_auc, abs=1e-3)


def test_a_model_of_one_s_own_is_measured():
    trained = solver(CourseModel(), metrics=["f1"], monitor="val_f1")
    trained.train()
    said = trained.model.loss(DATA["X_val"]).argmax(axis=1)
    assert (
        trained.best_row["val_f1"] == sk.f1_score(DATA["y_val"], said, average="macro") == max(trained.history.val_f1)
    )


@pytest.mark.parametrize(
    ("options", "best"),
    [
        ({"monitor": "val_height"}, 3),
        ({"monitor": "val_depth"}, 1),
        ({"monitor": "loss"}, 4),
        ({"monitor": "val_odd"}, 2),
    ],
)
def test_any_column_chooses_the_best(options, best):
    heights = {0: 9.0, 1: 0.1, 2: 0.2, 3: 0.8, 4: 0.3}

    def height(y, scores):
        return heights[trained.epoch] if trained.epoch else -1.0

    def depth(y, scores):
        return heights[trained.epoch]

    def odd(y, scores):  # undefined but once
        return 0.1 if trained.epoch == 2 else math.nan

    depth.greater_is_better = False
    trained = solver(metrics=[height, depth, odd], epochs=4, **options)
    after = []
    trained.callbacks = [lambda s, logs: after.append(s._learner.snapshot())]
    trained.train()
    assert trained.best_epoch == best
    assert trained.best_row["epoch"] == best
    np.testing.assert_array_equal(trained.model.params["W1"], after[best - 1]["W1"])
    assert trained.history.loss[4] == min(trained.history.loss)


def test_patience_and_the_training_loss_without_validation_data():
    data = {name: DATA[name] for name in ("X_train", "y_train")}
    options = {"optimizer": "sgd", "optimizer_options": {"learning_rate": 0.0}, "epochs": 50, "monitor": "loss"}
    trained = solver(data=data, patience=3, **options)
    trained.train()
    assert trained.best_epoch is not None
    assert trained.epoch == 4  # the first epoch is the first that can be the best
    assert trained.best_row["loss"] == min(trained.history.loss[1:])


def test_validation_within_epochs():
    trained, straight = solver(validate_every=3, metrics=["auc"]), solver()
    straight._pace.steps = trained._pace.steps = 1000
    seen = []
    trained.callbacks = [lambda s, logs: seen.append(logs["step"])]
    trained.train()
    straight.train()
    assert trained.history.step == [1, 3, 4, 6, 8, 9, 12]
    assert trained.history.epoch == [0, 0, 1, 1, 2, 2, 3]
    assert seen == [4, 8, 12]
    assert trained.history.step_loss == straight.history.step_loss
    for step, loss in zip(straight.history.step, straight.history.val_loss, strict=True):
        assert trained.history.val_loss[trained.history.step.index(step)] == loss
    assert trained.history.loss[3] == np.mean(trained.history.step_loss[4:6])
    assert str(trained.compiled) == "compiled"


def test_weights_best_within_an_epoch_are_kept():
    def step_two(y, scores):
        return float(trained.step == 6)

    trained = solver(validate_every=2, metrics=[step_two], monitor="val_step_two")
    kept = []
    trained.callbacks = each_step(lambda s: kept.append(s.model.params.flat.copy()))
    trained.train()
    np.testing.assert_array_equal(trained.model.params.flat, kept[5])
    assert trained.best_row["step"] == 6


def test_undefined_metrics_are_never_the_best():
    one_class = {**DATA, "y_val": np.full(100, 3)}
    trained = solver(data=one_class, metrics=["auc"], monitor="val_auc")
    trained.train()
    assert np.isnan(trained.history.val_auc).all()
    assert trained.best_epoch is None


def test_an_error_in_a_metric_leaves_whole_steps():
    def failing(y, scores):
        if trained.step == 8:
            raise ZeroDivisionError
        return 0.0

    trained, straight = solver(metrics=[failing], restore_best_weights=False), solver(restore_best_weights=False)
    with pytest.raises(ZeroDivisionError):
        trained.train()
    straight.callbacks = [Callback(on_step_end=lambda s, logs: s.step == 8)]
    straight.train()
    np.testing.assert_array_equal(trained.model.params.flat, straight.model.params.flat)
    assert len(trained.history.step_loss) == trained.step == 8
    trained.train()
    assert trained.epoch == 5


def auc(y, scores):
    return 1.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": "auc"}, TypeError, "metrics: expected a list of names and functions of .*, got str 'auc'"),
        ({"metrics": ["acu"]}, ValueError, r"metrics\[0\]: expected .* got 'acu'; did you mean 'auc'"),
        ({"metrics": ["auc", 3]}, TypeError, r"metrics\[1\]: expected a name or a function of .*, got int 3"),
        ({"metrics": ["auc", "auc"]}, ValueError, r"metrics\[1\]: a metric of the name 'auc' is there already"),
        ({"metrics": [auc]}, ValueError, r"metrics\[0\]: a metric of the name 'auc' is there already"),
        ({"metrics": ["mae"]}, ValueError, r"metrics\[0\]: mae is of values, and a network with the loss Softmax"),
        ({"monitor": "val_acc"}, ValueError, "monitor: expected one of .*, got 'val_acc'; did you mean 'val_accuracy'"),
        ({"monitor": "val_auc"}, ValueError, "monitor: .*, got 'val_auc', which needs 'auc' in metrics"),
        ({"monitor": "step"}, ValueError, "monitor: expected one of 'loss', .*, got 'step'"),
        ({"monitor": 3}, ValueError, "monitor: expected one of 'loss', .*, got 3"),
        ({"validate_every": 0}, ValueError, "validate_every: expected an integer of at least 1, got 0"),
    ],
)
def test_what_is_never_computed_is_refused(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        solver(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["auc"]}, "metrics: need X_val and y_val in data"),
        ({"validate_every": 3}, "validate_every: needs X_val and y_val in data"),
        ({"monitor": "val_loss"}, "monitor: expected one of 'loss', 'accuracy', got 'val_loss', which needs X_val"),
        ({"patience": 3}, "patience: needs X_val and y_val in data, or monitor='loss'"),
    ],
)
def test_what_needs_validation_data(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        solver(data={name: DATA[name] for name in ("X_train", "y_train")}, **options)


@pytest.mark.parametrize(
    ("loss", "outputs", "name", "message"),
    [
        (
            "squared_error",
            1,
            "auc",
            "auc is of classes, and .* SquaredError.* there are r2, mae, rmse",
        ),
        ("svm", 10, "log_loss", "log_loss needs probabilities, which the loss SVM"),
        (
            "binary_cross_entropy",
            3,
            "balanced_accuracy",
            "balanced_accuracy is of one label .*, and there are 3",
        ),
    ],
)
def test_metrics_that_do_not_suit_the_loss(loss, outputs, name, message):
    y = np.zeros((200, outputs)) if loss != "svm" else DATA["y_train"]
    data = {"X_train": DATA["X_train"], "y_train": y, "X_val": DATA["X_train"], "y_val": y}
    with pytest.raises(ValueError, match=message):
        solver(FullyConnectedNet([5], 64, outputs, loss=loss, seed=0), data, metrics=[name])


def test_a_metric_that_is_no_number():
    def text(y, scores):
        return "good"

    with pytest.raises(TypeError, match="^metric text returned str 'good'; expected a number"):
        solver(metrics=[text]).train()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X_val", DATA["X_val"][:, :63], r"X_val: layer 1, .* takes examples of shape \(N, 64\), got \(100, 63\)"),
        ("y_val", np.full(100, 10), "y_val: labels must be from 0 to 9, got 10 in row 0"),
    ],
)
def test_validation_data_that_do_not_fit(name, value, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        solver(data={**DATA, name: value})


def test_metrics_are_not_imported_with_numbanet():
    code = "import sys, numbanet; numbanet.Solver; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
