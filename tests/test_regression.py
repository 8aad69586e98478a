"""Targets that are standardised inside a network: what comes and goes is in their own units."""

import numpy as np
import pytest

import numbanet as nn
from numbanet.data import TargetScaler
from numbanet.errors import CheckpointError

RNG = np.random.default_rng(5)
X = RNG.standard_normal((120, 3))
Y = np.column_stack([1e6 + 1e4 * X[:, 0], 3 - 0.01 * X[:, 1] + 0.001 * X[:, 2]])  # of plainly other units
DATA = {"X_train": X[:80], "y_train": Y[:80], "X_val": X[80:], "y_val": Y[80:]}


def network(outputs=2, scaled=True, dtype=np.float32, **options):
    layers = [nn.Affine(8), nn.Tanh(), nn.Affine(outputs)]
    model = nn.Sequential(layers, 3, loss=options.pop("loss", "squared_error"), seed=0, dtype=dtype)
    if scaled:
        model.target_scaler = TargetScaler.fit(Y[:80, :outputs], **options)
    return model


def solver(model, data=DATA, **options):
    own = {"optimizer": "adam", "optimizer_options": {"learning_rate": 0.02}, "batch_size": 10, "verbose": False}
    return nn.Solver(model, data, **{**own, "epochs": 20, **options})


# The scaler.


def test_a_scaler_by_hand():
    scaler = TargetScaler.fit([[1, 5], [3, 5], [8, 5]], clamp=True)
    np.testing.assert_array_equal(scaler.mean, [4, 5])
    np.testing.assert_allclose(scaler.scale, [np.sqrt(26 / 3), 1])  # squares 9, 1 and 16; the other never varies
    np.testing.assert_allclose(scaler.apply([[4 + np.sqrt(26 / 3), 6]]), [[1, 1]])
    np.testing.assert_array_equal(scaler.restore([[0, 0], [100, 9], [-100, -9]]), [[4, 5], [8, 5], [1, 5]])
    np.testing.assert_allclose(scaler.restore([[100, 9]], clamp=False), [[4 + 100 * np.sqrt(26 / 3), 14]])
    assert TargetScaler.fit([[1, 5], [3, 5]]).highest.tolist() == [np.inf, np.inf]
    weighed = TargetScaler.fit([0, 10, 100], clamp=True, sample_weight=[1, 3, 0])
    assert (weighed.mean.tolist(), weighed.highest.tolist()) == ([7.5], [10])
    assert weighed.scale == pytest.approx(18.75**0.5)


def test_a_scaler_of_one_target_takes_both_shapes():
    scaler = TargetScaler.fit(Y[:, 0])
    assert scaler.apply(Y[:, 0]).shape == (120,)
    np.testing.assert_array_equal(scaler.apply(Y[:, :1])[:, 0], scaler.apply(Y[:, 0]))
    np.testing.assert_allclose(scaler.restore(scaler.apply(Y[:, 0])), Y[:, 0], rtol=1e-15)
    assert scaler.restore(np.zeros(2, np.float32)).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TargetScaler.fit([1, np.nan]), "y: row 1 holds nan"),
        (lambda: TargetScaler.fit([]), "y: expected a value for each example, shape"),
        (lambda: TargetScaler.fit([1e300, -1e300]), "y: the values are too large for their standard deviation"),
        (lambda: TargetScaler(0, 0), "scale: every value must be finite and above zero"),
        (lambda: TargetScaler([0, np.inf], 1), "mean: expected finite numbers"),
        (
            lambda: TargetScaler([0, 0], [1, 1, 1]),
            r"scale: expected shape \(\) or \(2,\), that of the mean; got \(3,\)",
        ),
        (lambda: TargetScaler(0, 1, 2, 1), "lowest: every value must be at most its highest"),
        (lambda: TargetScaler([0, 0], 1).apply([1, 2]), r"y: expected shape \(N, 2\), as in .* fitted on; got \(2,\)"),
        (lambda: TargetScaler.from_arrays({"mean": 0, "scale": 1}), "missing lowest and highest"),
    ],
)
def test_a_scaler_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# The network.


def test_predictions_go_and_targets_come_in_their_own_units():
    model = network()
    raw = model.loss(X)
    predicted = model.predict(X)
    assert (raw.dtype, predicted.dtype) == (np.float32, np.float64)
    scaler = model.target_scaler
    np.testing.assert_array_equal(predicted, raw * scaler.scale + scaler.mean)
    loss, score = model.evaluate(X, Y)
    assert loss == pytest.approx(np.square(raw - (Y - scaler.mean) / scaler.scale).mean(), rel=1e-5)
    each = 1 - np.square(predicted - Y).sum(axis=0) / np.square(Y - Y.mean(axis=0)).sum(axis=0)
    assert score == model.score(X, Y) == pytest.approx(each.mean(), rel=1e-5)
    trained, grads = model.loss(X, Y)
    assert trained == pytest.approx(loss, rel=1e-5)
    plain = network(scaled=False)
    plain.params = model.params
    same, theirs = plain.loss(X, scaler.apply(Y))
    assert same == trained
    for name, gradient in grads.items():
        np.testing.assert_array_equal(gradient, theirs[name])


def test_training_is_that_on_standardised_targets_bit_for_bit():
    scaled, plain = network(), network(scaled=False)
    apply = scaled.target_scaler.apply
    ours = solver(scaled)
    theirs = solver(plain, {**DATA, "y_train": apply(DATA["y_train"]), "y_val": apply(DATA["y_val"])})
    for each in (ours, theirs):
        each.train()
    np.testing.assert_array_equal(scaled.params.flat, plain.params.flat)
    assert ours.history.val_loss == theirs.history.val_loss
    np.testing.assert_allclose(ours.history.val_r2, theirs.history.val_r2, rtol=1e-4, atol=1e-4)
    assert ours.best_val_acc > 0.95
    assert scaled.score(DATA["X_val"], DATA["y_val"]) == pytest.approx(ours.best_val_acc, abs=1e-12)
    np.testing.assert_allclose(ours.y_train, DATA["y_train"], rtol=1e-7)
    ours.y_train = ours.y_train  # which is not standardised twice
    np.testing.assert_allclose(ours.y_train, DATA["y_train"], rtol=1e-7)


def test_metrics_are_in_the_targets_own_units():
    seen = []

    def largest(y, scores):
        seen.append((y, scores))
        return float(np.abs(y - scores).max())

    model = network(1)
    data = {name: array if name.startswith("X") else array[:, 0] for name, array in DATA.items()}
    trained = solver(model, data, metrics=["mae", "rmse", largest], restore_best_weights=False)
    trained.train()
    errors = data["y_val"] - model.predict(data["X_val"])
    row = trained.history.last()
    assert row["val_mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    assert row["val_rmse"] == pytest.approx(np.sqrt(np.square(errors).mean()), rel=1e-5)
    assert row["val_largest"] == pytest.approx(np.abs(errors).max(), rel=1e-5)
    assert seen[-1][0].shape == seen[-1][1].shape == (40, 1)


def test_clamping_keeps_predictions_and_not_targets():
    model = network(clamp=True)
    model.params["W2"] *= 100
    far = model.predict(X)
    low, high = Y[:80].min(axis=0), Y[:80].max(axis=0)
    assert (far >= low).all()
    assert (far <= high).all()
    assert (far == high).any()
    worse = {**DATA, "y_val": DATA["y_val"] * 2}
    trained = solver(model, worse, metrics=["mae"], epochs=1)
    trained.train()
    errors = worse["y_val"] - model.predict(worse["X_val"])
    assert trained.best_row["val_mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    shares = np.square(errors).sum(axis=0) / np.square(worse["y_val"] - worse["y_val"].mean(axis=0)).sum(axis=0)
    assert trained.best_row["val_r2"] == pytest.approx((1 - shares).mean(), rel=1e-4)


@pytest.mark.parametrize("method", ["loss", "evaluate", "train_batch"])
def test_a_method_of_ones_own_gets_what_numbanets_gets(method):
    class Own(nn.Sequential):
        pass

    def own(self, X, y=None, *more, **named):
        if y is not None:
            seen.append(y)
        return getattr(nn.Sequential, method)(self, X, *(() if y is None else (y,)), *more, **named)

    seen = []
    setattr(Own, method, own)
    model = Own([nn.Affine(2)], 3, loss="squared_error", seed=0)
    model.target_scaler = TargetScaler.fit(Y[:80])
    trained = solver(model, epochs=3, monitor="val_r2")
    trained.train()
    standardised = method == "train_batch"  # whose targets are checked ones
    assert np.abs(seen[-1]).max() < 10 if standardised else seen[-1][:, 0].min() > 1e5
    assert model.score(X, Y) > model.score(X, Y + Y.std(axis=0))


def test_targets_that_float32_hardly_tells_apart_need_a_scaler():
    seconds = 1_700_000_000 + np.arange(80.0)
    data = {"X_train": X[:80], "y_train": seconds}
    model = network(1, scaled=False)
    with pytest.raises(ValueError, match=r"float32 hardly tells apart; .*target_scaler = numbanet.data.TargetScaler"):
        solver(model, data)
    model.target_scaler = TargetScaler.fit(seconds)
    trained = solver(model, data, epochs=1)
    np.testing.assert_allclose(trained.y_train[:, 0], seconds, atol=1e-5)


def test_what_scalers_are_not_for():
    for loss, outputs in (("softmax", 2), ("poisson", 1), ("binary_cross_entropy", 1)):
        model = network(outputs, scaled=False, loss=loss)
        with pytest.raises(ValueError, match="target_scaler: is for losses whose scores are the predictions"):
            model.target_scaler = TargetScaler(np.zeros(outputs), 1)
    model = network(scaled=False)
    with pytest.raises(ValueError, match="target_scaler: of 1 targets, and the network predicts 2"):
        model.target_scaler = TargetScaler(0, 1)
    with pytest.raises(TypeError, match="target_scaler: expected a numbanet.data.TargetScaler, got"):
        model.target_scaler = nn.data.Standardizer.fit(X)


def test_another_scaler_needs_another_solver():
    model = network()
    trained = solver(model)
    model.target_scaler = TargetScaler.fit(Y)
    with pytest.raises(ValueError, match=r"model.target_scaler: is another than when the Solver was made"):
        trained.train()


# Files.


def test_files_keep_the_scaler(tmp_path):
    model = network(clamp=True)
    trained = solver(model, epochs=2)
    trained.train()
    model.save(tmp_path / "model.npz")
    trained.save(tmp_path / "state.npz")
    for name in ("model.npz", "state.npz"):
        loaded = nn.load(tmp_path / name)
        np.testing.assert_array_equal(loaded.predict(9 * X), model.predict(9 * X))
    other = network()
    other.target_scaler = TargetScaler.fit(Y)
    with pytest.raises(CheckpointError, match="saved with target_scaler one of checksum .*, but the solver has one"):
        solver(other, epochs=2).resume(tmp_path / "state.npz")


def test_a_damaged_scaler_is_refused(tmp_path):
    network().save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        arrays = dict(file)
    for changed in ({"target_scaler/scale": np.zeros(2)}, {"target_scaler/mean": np.zeros(3)}):
        np.savez(tmp_path / "bad.npz", **{**arrays, **changed})
        with pytest.raises(CheckpointError):
            nn.load(tmp_path / "bad.npz")


# Data sets.


def test_values_are_split_without_regard_to_them():
    rest, held = nn.data.split(nn.data.Dataset(X, Y, task="regression", target_names=["a", "b"]), 0.25, 1)
    assert (rest.y.shape, held.y.shape, held.target_names, held.target_name) == ((90, 2), (30, 2), ("a", "b"), None)
    with pytest.raises(ValueError, match="fraction: too few rows to hold out 0.1 of them: 3$"):
        nn.data.split(nn.data.Dataset(X[:3], Y[:3], task="regression"), 0.1, 1)


def test_the_estimator_of_any_network_standardises_targets():
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    from numbanet.sklearn import NetRegressor

    y = 1e6 + 1e3 * X[:, 0]
    options = {"epochs": 60, "batch_size": 20, "validation_fraction": 0.2, "random_state": 0}
    model = NetRegressor([nn.Affine(8), nn.Tanh()], standardize_targets=True, **options).fit(X, y)
    assert model.network_.target_scaler.mean == pytest.approx([y.mean()], rel=1e-3)
    assert model.score(X, y) > 0.9
    assert NetRegressor([nn.Affine(8), nn.Tanh()], **options).fit(X, y).score(X, y) < 0
    twice = NetRegressor([nn.Affine(8), nn.Tanh()], standardize_targets=True, **options).fit(X, Y)
    assert twice.predict(X).shape == (120, 2)
    assert (model.history_.val_r2[-1]) > 0.5
