"""Weights of examples and of classes in training: in the loss, in what is drawn, and in all that is measured."""

import numpy as np
import pytest
from nets import CourseModel, digits

import numbanet
from numbanet import FullyConnectedNet, Solver
from numbanet.data import Augment

DATA = digits()
RNG = np.random.default_rng(0)
WEIGHTS = {"sample_weight_train": RNG.uniform(0.1, 3, 200), "sample_weight_val": RNG.uniform(0, 3, 100)}


def net(kind=FullyConnectedNet, **options):
    return kind([20], 64, 10, seed=0, **{"weight_init": "he_normal", "dtype": np.float64, **options})


def solver(model=None, data=DATA, **options):
    options = {"optimizer": "adam", "epochs": 3, "batch_size": 50, "verbose": False, **options}
    return Solver(net() if model is None else model, data, **options)


def trained(*args, **options):
    made = solver(*args, **options)
    made.train()
    return made


def same(a, b):
    np.testing.assert_array_equal(a.model.params.flat, b.model.params.flat)
    np.testing.assert_equal(a.history.to_dict(), b.history.to_dict())


def mean_loss(model, X, y, weights):
    scores = model.loss(X)
    scores = scores - scores.max(axis=1, keepdims=True)
    losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y]
    return np.average(losses, weights=weights)


class OneByOne(FullyConnectedNet):
    def train_batch(self, X, y, rows=None, gather=None, weights=None):
        return super().train_batch(X, y, rows, gather, weights)


@pytest.mark.parametrize("kind", [FullyConnectedNet, OneByOne])
@pytest.mark.parametrize("augment", [None, Augment(1)])
def test_the_training_loss_is_weighted(kind, augment):
    images = {name: X.reshape(-1, 1, 8, 8) if X.ndim > 1 else X for name, X in DATA.items()}
    made = solver(net(kind), {**images, **WEIGHTS}, augment=augment, restore_best_weights=False)
    assert bool(made.compiled) is (kind is FullyConnectedNet)
    if augment is None:
        order = np.random.default_rng(0).permutation(200)[:50]
        X, y, weights = DATA["X_train"][order], DATA["y_train"][order], WEIGHTS["sample_weight_train"][order]
        expected = mean_loss(made.model, X, y, weights)
        assert expected != pytest.approx(mean_loss(made.model, X, y, None), rel=1e-3)
    made.train()
    if augment is None:
        assert made.loss_history[0] == pytest.approx(expected, rel=1e-9)
    other = trained(net(), {**images, **WEIGHTS}, augment=augment, restore_best_weights=False)
    np.testing.assert_allclose(made.loss_history, other.loss_history, rtol=1e-9)


def test_all_that_is_measured_is_weighted():
    sk = pytest.importorskip("sklearn.metrics")

    def weighed(y, scores, sample_weight=None):
        return sample_weight.sum()

    data = {**DATA, **WEIGHTS}
    made = trained(data=data, metrics=["f1", "log_loss", "balanced_accuracy", weighed], num_val_samples=40)
    X, y, weights = DATA["X_val"], DATA["y_val"], WEIGHTS["sample_weight_val"]
    assert made.best_epoch == 3
    row, said = made.best_row, made.model.predict(X)
    assert row["val_loss"] == pytest.approx(mean_loss(made.model, X, y, weights), rel=1e-9)
    assert row["val_log_loss"] == pytest.approx(row["val_loss"], rel=1e-6)
    assert row["val_f1"] == pytest.approx(sk.f1_score(y, said, sample_weight=weights, average="macro"))
    assert row["val_balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, said, sample_weight=weights))
    assert row["val_weighed"] == pytest.approx(weights.sum())
    right = made.model.predict(DATA["X_train"]) == DATA["y_train"]
    assert row["accuracy"] == pytest.approx(np.average(right, weights=WEIGHTS["sample_weight_train"]))
    whole = trained(data=data)
    assert whole.best_row["val_accuracy"] == pytest.approx(np.average(said == y, weights=weights))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("samples", [None, 60, 0])
def test_a_weight_of_0_removes_an_example(samples, threads):
    kept = RNG.uniform(size=200) < 0.7
    weights = WEIGHTS["sample_weight_train"] * kept
    removed = {"X_train": DATA["X_train"][kept], "y_train": DATA["y_train"][kept], "sample_weight_train": weights[kept]}
    before = numbanet.get_num_threads()
    try:
        numbanet.set_num_threads(min(threads, before))
        options = {"num_train_samples": samples, "class_weight": "balanced", "batch_size": 30}
        zero = trained(data={**DATA, "sample_weight_train": weights}, **options)
        gone = trained(data={**DATA, **removed}, **options)
    finally:
        numbanet.set_num_threads(before)
    assert zero.steps_per_epoch == -(-kept.sum() // 30)
    same(zero, gone)
    zero.y_train = DATA["y_train"][::-1]  # still as many as were given
    assert len(zero.X_train) == 200


def test_a_weight_of_k_repeats_an_example():
    times = RNG.integers(1, 4, size=200)
    repeated = {name: np.repeat(DATA[name], times, axis=0) for name in ("X_train", "y_train")}
    options = {"optimizer": "sgd", "batch_size": 1000, "epochs": 20, "optimizer_options": {"learning_rate": 0.5}}
    weighted = trained(data={**DATA, "sample_weight_train": times}, **options)
    copies = trained(data={**DATA, **repeated}, **options)
    np.testing.assert_allclose(weighted.model.params.flat, copies.model.params.flat, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(weighted.history.accuracy, copies.history.accuracy, rtol=1e-12)


def test_balanced_classes_by_hand():
    y = np.repeat([0, 1, 2], [120, 60, 20])
    given = np.ones(200)
    given[:20] = 0
    data = {**DATA, "y_train": y, "y_val": np.repeat([0, 2, 9], [50, 30, 20]), "sample_weight_train": given}
    made = solver(data=data, class_weight="balanced")
    of_class = 180 / (3 * np.array([100, 60, 20]))
    np.testing.assert_allclose(made._parts["train"].weights, given * of_class[y])
    validation = np.repeat([of_class[0], of_class[2], 1.0], [50, 30, 20])  # 9 is in no training example
    np.testing.assert_allclose(made._parts["val"].weights, validation)
    weights = pytest.importorskip("sklearn.utils").compute_class_weight("balanced", classes=np.arange(3), y=y[20:])
    np.testing.assert_allclose(weights, of_class)


@pytest.mark.parametrize("loss", ["softmax", "svm"])
def test_weights_of_classes_are_those_of_their_examples(loss):
    table = {3: 5.0, np.int64(7): 0.5}
    weights = {f"sample_weight_{part}": np.ones(len(DATA[f"y_{part}"])) for part in ("train", "val")}
    for part in ("train", "val"):
        for label, weight in table.items():
            weights[f"sample_weight_{part}"][DATA[f"y_{part}"] == label] = weight
    by_class, by_example = trained(net(loss=loss), class_weight=table), trained(net(loss=loss), {**DATA, **weights})
    same(by_class, by_example)
    assert by_class.loss_history != trained(net(loss=loss)).loss_history


def test_answers_of_yes_or_no_have_classes():
    data = {name: (value == 3).astype(float) if name[0] == "y" else value for name, value in DATA.items()}
    model = FullyConnectedNet([20], 64, 1, loss="binary_cross_entropy", seed=0)
    made = solver(model, data, class_weight="balanced")
    positive = int(data["y_train"].sum())
    expected = np.where(data["y_train"] == 1, 200 / (2 * positive), 200 / (2 * (200 - positive)))
    np.testing.assert_allclose(made._parts["train"].weights, expected, rtol=1e-6)
    made.train()
    assert made.best_epoch is not None


def test_rare_classes_are_found_where_they_weigh_more():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 4))
    y = (X[:, 0] + rng.standard_normal(600) > 2.2).astype(int)
    data = {"X_train": X[:400], "y_train": y[:400], "X_val": X[400:], "y_val": y[400:]}
    found = []
    for class_weight in (None, "balanced"):
        model = FullyConnectedNet([8], 4, 2, seed=0)
        trained(model, data, class_weight=class_weight, metrics=["balanced_accuracy"], epochs=20)
        found.append(np.mean(model.predict(X[400:])[y[400:] == 1]))
    assert found[1] > found[0] + 0.2


def test_labels_that_take_the_place_of_others_have_their_classes_weights():
    made = solver(class_weight={0: 3.0})
    made.y_train = np.zeros(200, int)
    np.testing.assert_array_equal(made._parts["train"].weights, np.full(200, 3.0))


def test_weights_are_the_solver_s_own():
    weights = {name: value.copy() for name, value in WEIGHTS.items()}
    made = solver(data={**DATA, **weights})
    for value in weights.values():
        value[:] = np.nan
    made.train()
    same(made, trained(data={**DATA, **WEIGHTS}))


class OwnLoss(FullyConnectedNet):
    def loss(self, X, y=None):
        return super().loss(X, y)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sample_weight_train", -WEIGHTS["sample_weight_train"], "expected weights of 0 or more, got -.* in row 0"),
        ("sample_weight_train", np.full(200, np.nan), "row 0 holds nan"),
        ("sample_weight_train", np.zeros(200), "expected weights with a sum above 0; all are 0"),
        ("sample_weight_train", np.ones(199), r"expected a weight for each of the 200 .*, got \(199,\)"),
        ("sample_weight_val", np.ones((100, 1)), r"expected a weight for each of the 100 .*, got \(100, 1\)"),
    ],
)
def test_weights_that_are_refused(name, value, message):
    with pytest.raises(ValueError, match=f"^{name}: {message}"):
        solver(data={**DATA, name: value})


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        ("balance", ValueError, "class_weight: expected one of 'balanced', got 'balance'; did you mean 'balanced'"),
        ({10: 1.0}, ValueError, "class_weight: class: expected an integer of at most 9, got 10"),
        ({"a": 1.0}, TypeError, "class_weight: class: expected an integer, got str 'a'"),
        ({1: 0}, ValueError, r"class_weight\[1\]: expected a number in \(0, inf\), got 0"),
        ({1: "2"}, TypeError, r"class_weight\[1\]: expected a number, got str '2'"),
        ([1.0] * 10, TypeError, "class_weight: expected a dict of weights by class, or 'balanced', got list"),
    ],
)
def test_weights_of_classes_that_are_refused(class_weight, error, message):
    with pytest.raises(error, match=f"^{message}"):
        solver(class_weight=class_weight)


def test_weights_that_nothing_takes():
    with pytest.raises(ValueError, match="^sample_weight_train: CourseModel has a loss of its own, .* takes no"):
        solver(CourseModel(), {**DATA, **WEIGHTS})
    with pytest.raises(ValueError, match="^sample_weight_train: OwnLoss.loss takes no sample_weight"):
        solver(net(OwnLoss), {**DATA, **WEIGHTS})
    values = {name: value / 9 if name[0] == "y" else value for name, value in DATA.items()}
    with pytest.raises(ValueError, match="^class_weight: needs a loss of one label for each example, and .*Squared"):
        solver(FullyConnectedNet([5], 64, 1, loss="squared_error", seed=0), values, class_weight="balanced")
    with pytest.raises(ValueError, match="^class_weight: .*, and CourseModel has one of its own"):
        solver(CourseModel(), class_weight="balanced")
    train = {"X_train": DATA["X_train"], "y_train": DATA["y_train"]}
    with pytest.raises(ValueError, match="^data: sample_weight_val needs X_val and y_val"):
        solver(data={**train, "sample_weight_val": np.ones(3)})


@pytest.mark.parametrize("num_val_samples", [None, 7])
def test_validation_data_of_no_weight_are_as_if_not_there_with_metrics_too(num_val_samples):
    rng, rows = np.random.default_rng(4), []
    X, y, weights = rng.standard_normal((30, 4)), rng.integers(3, size=30), rng.integers(0, 3, 30).astype(float)
    there = weights > 0
    for kept in (slice(None), there):
        part = {"X_val": X[kept], "y_val": y[kept], "sample_weight_val": weights[kept]}
        model = numbanet.Sequential([numbanet.Affine(3)], 4, dtype=np.float64, seed=0)
        options = {"metrics": ["f1", "log_loss"], "epochs": 2, "seed": 0, "verbose": False}
        solver = numbanet.Solver(
            model, {"X_train": X, "y_train": y, **part}, num_val_samples=num_val_samples, **options
        )
        solver.train()
        rows.append(solver.history.last())
    assert 0 < there.sum() < 30
    assert rows[0] == pytest.approx(rows[1], rel=1e-12)
