"""Estimators against scikit-learn's: what they learn, their parameters and attributes, and what is our own."""

import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.7")

import scipy.sparse
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import load_digits, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import numbanet
from numbanet import sklearn as ours
from numbanet.cli import main
from numbanet.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:500] / 16, LABELS[:500]
NUMBERS, TARGETS = make_regression(250, 10, n_targets=3, random_state=0)
TARGETS /= TARGETS.std()
MANY, SEVERAL = make_multilabel_classification(230, random_state=0)
SHORT = {"max_iter": 8, "random_state": 3}
PROBLEMS = {
    "classes": ("MLPClassifier", DIGITS, LABELS),
    "two": ("MLPClassifier", DIGITS, np.array(["no", "yes"])[(LABELS > 4).astype(int)]),
    "multi-label": ("MLPClassifier", MANY, SEVERAL),
    "numbers": ("MLPRegressor", NUMBERS, TARGETS[:, 0]),
    "several numbers": ("MLPRegressor", NUMBERS, TARGETS),
    "counts": ("MLPRegressor", NUMBERS, np.floor(np.exp(TARGETS[:, 1]))),
}
SGD = {"solver": "sgd", "learning_rate_init": 0.05}
SOLVERS = {
    "sgd": SGD,
    "momentum": {**SGD, "nesterovs_momentum": False},
    "plain": {**SGD, "momentum": 0, "batch_size": 64},
    "invscaling": {**SGD, "learning_rate": "invscaling", "shuffle": False},
    "early": {**SGD, "early_stopping": True, "alpha": 0.5},
    "logistic": {**SGD, "activation": "logistic", "hidden_layer_sizes": (20, 10)},
    "lbfgs": {"solver": "lbfgs", "alpha": 0.1},
}


def both(name, X, y, sample_weight=None, **settings):
    return [getattr(kind, name)(**settings).fit(X, y, sample_weight=sample_weight) for kind in (ours, theirs)]


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_learns_what_theirs_learns(problem, solver, weighted):
    """Weights, batches and splits are drawn as theirs, so that all numbers are the same."""
    name, X, y = PROBLEMS[problem]
    weights = np.random.default_rng(0).uniform(0.1, 2, len(X)) if weighted else None
    loss = {"loss": "poisson"} if problem == "counts" else {}
    mine, other = both(name, X, y, weights, **loss, **SHORT, **SOLVERS[solver])
    if solver == "lbfgs" and problem == "several numbers":
        return  # theirs gives L-BFGS the mean over outputs as the loss, and the gradient of their sum
    tolerance = {"rtol": 1e-6, "atol": 1e-8}
    for own, their in zip([*mine.coefs_, *mine.intercepts_], [*other.coefs_, *other.intercepts_], strict=True):
        np.testing.assert_allclose(own, their, **tolerance)
    np.testing.assert_array_equal(mine.n_iter_, other.n_iter_)
    assert mine.t_ == other.t_
    if name == "MLPClassifier":
        np.testing.assert_array_equal(mine.classes_, other.classes_)
        np.testing.assert_array_equal(mine.predict(X), other.predict(X))
        np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), **tolerance)
        np.testing.assert_allclose(mine.predict_log_proba(X), other.predict_log_proba(X), rtol=1e-5, atol=1e-7)
    else:
        np.testing.assert_allclose(mine.predict(X), other.predict(X), **tolerance)
    assert (mine.out_activation_, mine.n_outputs_, mine.n_layers_) == (
        other.out_activation_,
        other.n_outputs_,
        other.n_layers_,
    )
    if solver != "lbfgs":
        # Of several numbers, the penalty is divided by the outputs, as the loss is; with weights, batches of counts
        # differ in what does not depend on the network.
        if problem != "several numbers" and not (problem == "counts" and weighted):
            np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-6)
        assert (mine.best_loss_ is None) == (other.best_loss_ is None)
        if solver == "early":
            np.testing.assert_allclose(mine.validation_scores_, other.validation_scores_, rtol=1e-6)
            assert mine.best_validation_score_ == pytest.approx(other.best_validation_score_)
        else:
            assert mine.validation_scores_ is mine.best_validation_score_ is None


@pytest.mark.parametrize("problem", ["classes", "numbers"])
def test_adam_learns_as_well_as_theirs(problem):
    """The published formula, where theirs adds epsilon before the bias of the moments is corrected."""
    name, X, y = PROBLEMS[problem]
    mine, other = both(name, X, y, max_iter=40, random_state=0)
    assert mine.score(X, y) == pytest.approx(other.score(X, y), abs=0.01)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=0.02)
    mine, other = both(name, X, y, max_iter=40, random_state=0, epsilon=1e-300, alpha=1.0)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-5)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_parameters_are_theirs_and_then_our_own(name):
    mine, other = (inspect.signature(getattr(kind, name)).parameters for kind in (ours, theirs))
    assert list(mine)[: len(other)] == list(other)
    for key, parameter in other.items():
        assert (mine[key].default, mine[key].kind) == (parameter.default, parameter.kind), key
    extra = list(mine.values())[len(other) :]
    assert extra
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in extra)
    documented = getattr(ours, name).__doc__
    assert all(f"    {key} : " in documented or f", {key} : " in documented for key in mine if key != "beta_1")


def test_partial_fit_goes_on_where_theirs_does():
    mine, other = (kind.MLPClassifier(solver="sgd", random_state=1, learning_rate_init=0.1) for kind in (ours, theirs))
    for start in range(0, 400, 100):
        rows = slice(start, start + 100)
        weights = np.linspace(0.5, 1.5, 100)
        for each in (mine, other):
            each.partial_fit(DIGITS[rows], LABELS[rows], sample_weight=weights, classes=np.arange(10))
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=1e-8, atol=1e-10)
    assert (mine.t_, mine.n_iter_, len(mine.loss_curve_)) == (other.t_, other.n_iter_, len(other.loss_curve_))
    pickled = pickle.loads(pickle.dumps(mine))
    for each in (mine, pickled):
        each.partial_fit(DIGITS[400:], LABELS[400:])
    np.testing.assert_array_equal(mine.coefs_[0], pickled.coefs_[0])  # the momentum was kept


def test_partial_fit_with_and_without_a_kept_place_for_the_examples():
    """As many examples as in the last call go to where those were; pickling drops that place, and nothing else."""
    kept = MLPClassifier(solver="sgd", random_state=1, learning_rate_init=0.1, callbacks=[lambda solver, logs: None])
    dropped = MLPClassifier(solver="sgd", random_state=1, learning_rate_init=0.1)
    for start in (0, 100, 200, 350, 50):
        X, y = DIGITS[start : start + 100].copy(), LABELS[start : start + 100]
        kept.partial_fit(X, y, classes=np.arange(10))
        X[...] = np.nan  # what was given is not looked at again
        dropped.partial_fit(DIGITS[start : start + 100], y, classes=np.arange(10))
        dropped = pickle.loads(pickle.dumps(dropped))
    assert kept._epoch is not None
    np.testing.assert_array_equal(kept.coefs_[0], dropped.coefs_[0])
    assert kept.loss_curve_ == dropped.loss_curve_
    assert kept.t_ == 500
    kept.fit(DIGITS, LABELS)
    kept.partial_fit(DIGITS[:100], LABELS[:100])
    with pytest.raises(ValueError, match="classes not in"):
        kept.partial_fit(DIGITS[:100], LABELS[:100] + 1)


def test_warm_start_goes_on_where_theirs_does():
    mine, other = (kind.MLPRegressor(warm_start=True, **SHORT, **SGD) for kind in (ours, theirs))
    for _ in range(2):
        for each in (mine, other):
            each.fit(NUMBERS, TARGETS[:, 0])
    np.testing.assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_)
    assert (len(mine.loss_curve_), mine.t_) == (16, 16 * 250)


def test_adaptive_learning_rate_stops_as_theirs_does(capsys):
    settings = {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "max_iter": 3000, "random_state": 0}
    mine, other = both("MLPClassifier", [[3.0, 2], [1, 6]], [1, 0], verbose=True, **settings)
    assert (mine.n_iter_, mine._no_improvement_count) == (other.n_iter_, other._no_improvement_count)
    assert mine._optimizer.learning_rate == pytest.approx(other._optimizer.learning_rate)
    said = capsys.readouterr().out.splitlines()
    half = len(said) // 2
    assert said[:half] == said[half:]  # ours, then theirs
    assert said[half - 1].endswith("Learning rate too small. Stopping.")


def test_validation_data_of_ones_own_decide():
    X, X_val, y, y_val = DIGITS[:300], DIGITS[300:], LABELS[:300], LABELS[300:]
    settings = {"max_iter": 200, "random_state": 0, "tol": 0.01, "n_iter_no_change": 3}
    model = MLPClassifier(**settings).fit(X, y, X_val=X_val, y_val=y_val)
    assert len(model.validation_scores_) == model.n_iter_ < 200
    assert model.best_loss_ is None
    model.set_params(learning_rate_init=0.05).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.best_validation_score_ == max(model.validation_scores_) == model.score(X_val, y_val)
    assert model.validation_scores_[-1] < model.best_validation_score_  # those weights are not kept
    weights = np.linspace(0, 1, len(X_val))
    model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weights)
    assert model.best_validation_score_ == pytest.approx(model.score(X_val, y_val, weights))
    regressor = MLPRegressor(**settings).fit(NUMBERS[:200], TARGETS[:200], X_val=NUMBERS[200:], y_val=TARGETS[200:])
    assert regressor.best_validation_score_ == pytest.approx(regressor.score(NUMBERS[200:], TARGETS[200:]))
    with pytest.raises(ValueError, match="X_val is provided, but y_val was not provided"):
        model.fit(X, y, X_val=X_val)
    with pytest.raises(ValueError, match="X has 63 features, but MLPClassifier is expecting 64"):
        model.fit(X, y, X_val=X_val[:, :-1], y_val=y_val)
    with pytest.raises(ValueError, match="`y` has classes not in `self.classes_`"):
        model.fit(X, y, X_val=X_val, y_val=y_val + 1)


def test_weights_of_classes_are_those_of_their_examples():
    by_class = {0: 3.0, 1: 0.5}
    weights = np.ones(len(LABELS))
    weights[LABELS == 0], weights[LABELS == 1] = 3, 0.5
    first = MLPClassifier(class_weight=by_class, **SHORT).fit(DIGITS, LABELS)
    second = MLPClassifier(**SHORT).fit(DIGITS, LABELS, sample_weight=weights)
    np.testing.assert_array_equal(first.coefs_[0], second.coefs_[0])
    rare = np.flatnonzero((LABELS != 1) | (np.arange(len(LABELS)) % 8 == 0))
    recall = [
        np.mean(
            MLPClassifier(class_weight=weight, **SHORT).fit(DIGITS[rare], LABELS[rare]).predict(DIGITS[LABELS == 1])
            == 1
        )
        for weight in (None, "balanced")
    ]
    assert recall[1] > recall[0]
    with pytest.raises(ValueError, match="not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(DIGITS, LABELS, classes=np.arange(10))


def test_dropout_normalization_and_activations_of_our_own():
    plain = MLPClassifier(**SHORT).fit(DIGITS, LABELS)
    dropped = MLPClassifier(dropout=0.5, **SHORT).fit(DIGITS, LABELS)
    assert dropped.loss_ > plain.loss_
    again = MLPClassifier(dropout=0.5, **SHORT).fit(DIGITS, LABELS)
    np.testing.assert_array_equal(dropped.coefs_[0], again.coefs_[0])
    model = MLPClassifier(normalization="batchnorm", activation="gelu", **SHORT).fit(DIGITS, LABELS)
    assert [type(layer).__name__ for layer in model._network.layers] == ["Affine", "BatchNorm", "GELU", "Affine"]
    assert model.loss_ < plain.loss_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(DIGITS), model.predict_proba(DIGITS))


def test_losses_of_our_own():
    model = MLPClassifier(loss="svm", max_iter=60, random_state=0).fit(DIGITS, LABELS)
    assert model.score(DIGITS, LABELS) > 0.95
    assert not hasattr(model, "predict_proba")
    assert model.out_activation_ == "identity"
    smooth = MLPClassifier(loss=numbanet.Softmax(label_smoothing=0.2), max_iter=200, random_state=0)
    sharp = MLPClassifier(max_iter=200, random_state=0)
    peaks = [each.fit(DIGITS, LABELS).predict_proba(DIGITS).max(axis=1).mean() for each in (smooth, sharp)]
    assert peaks[0] < 0.9 < peaks[1]
    y = TARGETS[:, 0].copy()
    y[::10] += 100  # outliers, which move a mean and not a median
    off = [
        np.median(
            np.abs(MLPRegressor(loss, max_iter=300, random_state=0).fit(NUMBERS, y).predict(NUMBERS) - TARGETS[:, 0])
        )
        for loss in ("squared_error", "absolute_error")
    ]
    assert off[1] < off[0] / 3
    for estimator, loss in ((MLPClassifier(), "huber"), (MLPRegressor(), "svm")):
        with pytest.raises(ValueError, match="The 'loss' parameter"):
            estimator.set_params(loss=loss).fit(DIGITS, LABELS)
    with pytest.raises(ValueError, match="tells no classes apart"):
        MLPClassifier(loss=numbanet.Huber()).fit(DIGITS, LABELS)
    with pytest.raises(ValueError, match="one label for each example"):
        MLPClassifier(loss="svm").fit(MANY, SEVERAL)


def test_callbacks_of_our_own_see_epochs_and_stop():
    seen = []

    def watch(solver, logs):
        seen.append(logs["loss"])
        return len(seen) == 3

    model = MLPClassifier(callbacks=[watch], **SHORT).fit(DIGITS, LABELS)
    assert model.n_iter_ == 3
    assert model.loss_curve_ == seen


def test_schedules_of_our_own():
    rates = []
    watch = [lambda solver, logs: rates.append(solver.learning_rate)]
    options = {"max_iter": 4, "random_state": 0, "learning_rate_init": 0.01, "callbacks": watch}
    MLPClassifier(schedule=[1.0, 0.5, 0.25, 0.125], **options).fit(DIGITS, LABELS)
    np.testing.assert_allclose(rates[:3], [0.005, 0.0025, 0.00125])
    first, second = (MLPClassifier(schedule=kind, **options).fit(DIGITS, LABELS) for kind in ("cosine", None))
    assert not np.array_equal(first.coefs_[0], second.coefs_[0])
    with pytest.raises(ValueError, match="schedule"):
        MLPClassifier(schedule="cosin", **options).fit(DIGITS, LABELS)
    del rates[:]
    del options["max_iter"], options["learning_rate_init"]
    NetClassifier(epochs=2, schedule=[1.0, 0.1], optimizer_options={"learning_rate": 0.01}, **options).fit(
        DIGITS, LABELS
    )
    assert rates[0] == pytest.approx(0.001)


def test_dtype_is_that_of_X_or_as_asked():
    for dtype, asked, expected in ((np.float64, None, "f8"), (np.float32, None, "f4"), (np.float64, "float32", "f4")):
        model = MLPRegressor(dtype=asked, **SHORT).fit(NUMBERS.astype(dtype), TARGETS[:, 0])
        assert model.coefs_[0].dtype == model.predict(NUMBERS.astype(dtype)).dtype == expected
    model = MLPRegressor(solver="lbfgs", **SHORT).fit(NUMBERS.astype(np.float32), TARGETS[:, 0])
    assert model.coefs_[0].dtype == np.float32


def test_sparse_rows_learn_what_dense_ones_do():
    X = np.where(DIGITS > 0.5, DIGITS, 0)
    for kind in (scipy.sparse.csr_matrix, scipy.sparse.csc_array):
        for solver in (SGD, {"solver": "lbfgs"}, {**SGD, "early_stopping": True}):
            dense = MLPClassifier(**SHORT, **solver).fit(X, LABELS)
            sparse = MLPClassifier(**SHORT, **solver).fit(kind(X), LABELS)
            np.testing.assert_allclose(sparse.coefs_[0], dense.coefs_[0], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(sparse.predict_proba(kind(X)), dense.predict_proba(X), rtol=1e-9)
    bad = scipy.sparse.csr_matrix(X)
    bad.data[5] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        dense.predict(bad)


def test_arrays_are_the_networks_own_and_may_be_set():
    model = MLPClassifier(**SHORT).fit(DIGITS, LABELS)
    copy, before = pickle.loads(pickle.dumps(model)), model.predict_proba(DIGITS)
    model.coefs_[1][...] = 0
    model.intercepts_[1][...] = 0
    np.testing.assert_allclose(model.predict_proba(DIGITS), 0.1)
    np.testing.assert_array_equal(copy.predict_proba(DIGITS), before)
    copy.coefs_ = [copy.coefs_[0], np.zeros((100, 10))]
    copy.intercepts_ = [copy.intercepts_[0], np.zeros(10)]
    np.testing.assert_allclose(copy.predict_proba(DIGITS), 0.1)
    copy.coefs_[0] = np.zeros((3, 100))
    with pytest.raises(ValueError, match=r"coefs_\[0\]: expected shape \(64, 100\), got \(3, 100\)"):
        copy.predict(DIGITS)


def test_refusals_are_in_scikit_learns_words():
    model = MLPClassifier(**SHORT)
    with pytest.raises(NotFittedError, match="This MLPClassifier instance is not fitted yet"):
        model.predict(DIGITS)
    model.fit(DIGITS, LABELS)
    bad = DIGITS.copy()
    bad[3, 5] = np.nan
    for X, message in (
        (bad, "Input X contains NaN"),
        (DIGITS[:, :5], "X has 5 features, but MLPClassifier is expecting 64 features"),
        (DIGITS[0], "Expected 2D array, got 1D array instead"),
        (DIGITS[:0], "Found array with 0 sample"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict_proba(X)
    for weights, message in ((-np.ones(500), "Negative values"), (np.full(500, np.nan), "NaN"), (np.ones(3), "shape")):
        with pytest.raises(ValueError, match=message):
            clone(model).fit(DIGITS, LABELS, sample_weight=weights)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        MLPRegressor(solver="sgd", learning_rate_init=1e6).fit(NUMBERS, TARGETS)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        model.fit(DIGITS, LABELS)


def test_ctrl_c_keeps_what_was_learnt():
    def press(solver, logs):
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = MLPClassifier(callbacks=[press], random_state=0).fit(DIGITS, LABELS)
    assert model.n_iter_ == len(model.loss_curve_) == 1
    once = MLPClassifier(max_iter=1, random_state=0).fit(DIGITS, LABELS)
    np.testing.assert_array_equal(model.coefs_[0], once.coefs_[0])


LAYERS = [numbanet.Conv(6, 3, padding=1), numbanet.ReLU(), numbanet.MaxPool(2), numbanet.Affine(32), numbanet.ReLU()]


def test_networks_of_images_and_of_flat_rows():
    settings = {"epochs": 25, "random_state": 0, "optimizer_options": {"learning_rate": 3e-3}}
    flat = NetClassifier(LAYERS, input_shape=(1, 8, 8), **settings).fit(DIGITS, LABELS)
    images = NetClassifier(LAYERS, **settings).fit(DIGITS.reshape(-1, 1, 8, 8), LABELS)
    assert flat.score(DIGITS, LABELS) > 0.97
    np.testing.assert_array_equal(flat.predict_proba(DIGITS), images.predict_proba(DIGITS.reshape(-1, 1, 8, 8)))
    copy = pickle.loads(pickle.dumps(flat))
    np.testing.assert_array_equal(copy.predict_proba(DIGITS), flat.predict_proba(DIGITS))
    assert clone(flat).get_params()["layers"] == LAYERS
    assert len(flat.history_.loss) == 26  # after the first step, too
    with pytest.raises(ValueError, match="layers: the last, Affine.* gives 7 values, and y asks for 10"):
        NetClassifier([numbanet.Affine(7)]).fit(DIGITS, LABELS)
    ended = NetClassifier([numbanet.Affine(10)], epochs=2).fit(DIGITS, LABELS)
    assert len(ended.network_.layers) == 1


def test_networks_validate_weigh_and_standardize():
    X = DIGITS * 1000 + 500
    model = NetClassifier(
        standardize=True,
        validation_fraction=0.2,
        patience=5,
        metrics=["log_loss"],
        epochs=100,
        optimizer_options={"learning_rate": 0.02},
        random_state=0,
    ).fit(X, LABELS.astype(str))
    assert model.score(X, LABELS.astype(str)) > 0.9
    assert set(model.classes_) == set("0123456789")
    assert len(model.history_.val_log_loss) == len(model.history_.val_loss)
    assert model.n_iter_ < 100
    own = NetRegressor(epochs=20, random_state=0, metrics=["mae"])
    own.fit(NUMBERS[:200], TARGETS[:200], X_val=NUMBERS[200:], y_val=TARGETS[200:])
    assert own.predict(NUMBERS).shape == TARGETS.shape
    best = int(np.argmin(own.history_.val_loss))
    off = np.abs(own.predict(NUMBERS[200:]) - TARGETS[200:]).mean()
    assert own.history_.val_mae[best] == pytest.approx(off)
    several = NetClassifier(epochs=200, random_state=0).fit(MANY, SEVERAL)
    assert several.predict(MANY).shape == several.predict_proba(MANY).shape == SEVERAL.shape
    assert several.score(MANY, SEVERAL) > 0.6


def test_numbanet_alone_does_not_import_scikit_learn():
    code = "import sys, numbanet; numbanet.Sequential; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    hidden = (
        "import sys; sys.modules['sklearn'] = None\ntry: import numbanet.sklearn\nexcept ImportError as e: print(e)"
    )
    told = subprocess.run([sys.executable, "-c", hidden], check=True, capture_output=True, text=True).stdout
    assert "the extra 'sklearn'" in told


def test_the_command_line_takes_the_network_of_a_classifier(tmp_path, capsys):
    names = [f"pixel {place}" for place in range(64)]
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame, kinds = pandas.DataFrame(DIGITS, columns=names), np.array(["even", "odd"])[LABELS % 2]
    model = NetClassifier(standardize=True, epochs=5, validation_fraction=0.2, random_state=0).fit(frame, kinds)
    model.network_.save(tmp_path / "net.npz")
    frame.assign(kind=kinds).to_csv(tmp_path / "table.csv", index=False)
    assert main(["evaluate", str(tmp_path / "net.npz"), str(tmp_path / "table.csv")]) == 0
    said = capsys.readouterr().out
    assert f"{model.score(frame, kinds):.2%}" in said.splitlines()[0]
    assert said.split().count("even") >= 1
