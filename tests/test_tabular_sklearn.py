"""`TabularClassifier` and `TabularRegressor` as users of scikit-learn have them."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.6")
pytest.importorskip("pandas")
pytest.importorskip("narwhals")

import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import numbanet as nn
from numbanet.sklearn import TabularClassifier, TabularRegressor

RNG = np.random.default_rng(1)
ROWS = 160
FRAME = pd.DataFrame(
    {
        "age": RNG.uniform(18, 80, ROWS),
        "income": RNG.lognormal(10, 1, ROWS),
        "job": RNG.choice(["cook", "clerk", "cobbler"], ROWS),
        "member": RNG.random(ROWS) < 0.5,
        "town": pd.Categorical(RNG.choice([f"town {place}" for place in range(14)], ROWS)),
    }
)
AGE, JOB = FRAME.age.to_numpy().copy(), FRAME.job.to_numpy(dtype=object).copy()
FRAME.loc[:20, "age"] = np.nan
FRAME.loc[10:25, "job"] = None
CLASSES = np.where((AGE > 50) ^ (JOB == "cook"), "buys", "leaves")
VALUES = 20 + AGE / 10 + 3 * (JOB == "cook")
FAST = {"preset": "td-s", "epochs": 8, "hidden_sizes": (16,), "batch_size": 32, "random_state": 0}
EXACT = {"preset": "td-s", "epochs": 60, "hidden_sizes": (32,), "dtype": "float64", "validation_fraction": None}
KINDS = [TabularClassifier, TabularRegressor]
# Medians and quartiles are those of the rows, whatever they weigh.
UNWEIGHTED = {"check_sample_weight_equivalence_on_dense_data"}


def target(kind):
    return CLASSES if kind is TabularClassifier else VALUES


def failures(estimator):
    """Names of scikit-learn's checks that fail."""
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) > 50
    return {result["check_name"] for result in results if result["status"] not in ("passed", "skipped")}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", KINDS)
def test_they_fail_no_check(kind):
    """With scaled columns but that one; without, and in float64, none."""
    assert failures(kind("fast", epochs=10, hidden_sizes=(32,))) == UNWEIGHTED
    assert failures(kind(**EXACT, options={"numbers": "none"})) == set()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("preset", ["ensemble", "fast", "td", "td-s", "mlp"])
@pytest.mark.parametrize("kind", KINDS)
def test_presets_fail_no_check(kind, preset):
    assert failures(kind(preset)) <= UNWEIGHTED


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_any_kind_give_the_same(kind):
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    model = kind(**FAST).fit(FRAME, target(kind))
    assert list(model.feature_names_in_) == list(FRAME.columns)
    assert model.n_features_in_ == 5
    assert model.score(FRAME, target(kind)) > (0.6 if kind is TabularClassifier else 0.3)
    expected = model.predict(FRAME)
    other = polars.from_pandas(FRAME)
    assert np.array_equal(model.predict(other), expected)
    assert np.array_equal(kind(**FAST).fit(other, target(kind)).predict(FRAME), expected)
    assert np.array_equal(model.predict(arrow.Table.from_pandas(FRAME)), expected)
    assert np.array_equal(model.predict(FRAME.iloc[:1]), expected[:1])


def test_probabilities_and_classes():
    model = TabularClassifier(**FAST).fit(FRAME, CLASSES)
    assert list(model.classes_) == ["buys", "leaves"]
    probabilities = model.predict_proba(FRAME)
    assert probabilities.shape == (ROWS, 2)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(model.predict(FRAME), model.classes_[probabilities.argmax(axis=1)])
    assert np.allclose(np.exp(model.predict_log_proba(FRAME)), probabilities)
    assert model.model_.class_names == ("buys", "leaves")


def test_other_columns_are_refused_by_name():
    model = TabularClassifier(**FAST).fit(FRAME, CLASSES)
    with pytest.raises(ValueError, match="(?s)Feature names seen at fit time, yet now missing.*income"):
        model.predict(FRAME.drop(columns="income"))
    with pytest.raises(ValueError, match="column 'age': expected numbers, as in training, got text"):
        model.predict(FRAME.assign(age="old"))
    with pytest.raises(NotFittedError):
        TabularClassifier().predict(FRAME)
    strange = FRAME.assign(job="astronaut", town="elsewhere")
    assert np.isfinite(model.predict_proba(strange)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_copies(kind, tmp_path):
    model = kind(n_packed=2, **FAST).fit(FRAME, target(kind))
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(FRAME), model.predict(FRAME))
    again = clone(model)
    assert not hasattr(again, "model_")
    assert again.get_params() == model.get_params()
    assert np.array_equal(again.fit(FRAME, target(kind)).predict(FRAME), model.predict(FRAME))
    model.model_.save(tmp_path / "model.npz")
    loaded = nn.load(tmp_path / "model.npz")
    expected = model.predict(FRAME)
    if kind is TabularClassifier:
        expected = np.searchsorted(model.classes_, expected)
    assert np.array_equal(loaded.predict(FRAME), expected)


def test_searches_and_company():
    small = TabularClassifier(**FAST)
    search = GridSearchCV(small, {"learning_rate": [0.0001, 0.04], "preset": ["td-s", "mlp"]}, cv=2)
    search.fit(FRAME, CLASSES)
    assert search.best_params_["learning_rate"] == 0.04
    assert len(cross_val_score(small, FRAME, CLASSES, cv=2)) == 2
    voting = VotingClassifier([("a", small), ("b", clone(small).set_params(random_state=1))], voting="soft")
    assert voting.fit(FRAME, CLASSES).score(FRAME, CLASSES) > 0.6
    trained = TabularClassifier(**{**FAST, "epochs": 60}).fit(FRAME, CLASSES)
    importance = permutation_importance(trained, FRAME, CLASSES, n_repeats=5, random_state=0).importances_mean
    assert importance[0] > 0.1 > importance[3]


def test_validation_data_of_ones_own():
    rest, held = FRAME[:100], FRAME[100:]
    model = TabularClassifier(**FAST, metrics=["auc"]).fit(rest, CLASSES[:100], X_val=held, y_val=CLASSES[100:])
    assert model.history_.val_accuracy[model.history_.val_accuracy.index(max(model.history_.val_accuracy))] == (
        pytest.approx(model.score(held, CLASSES[100:]))
    )
    assert len(model.history_.val_auc) == len(model.history_.val_loss)
    with pytest.raises(ValueError, match="X_val is provided, but y_val was not provided"):
        model.fit(rest, CLASSES[:100], X_val=held)
    with pytest.raises(ValueError, match="classes not in `self.classes_`"):
        model.fit(rest, CLASSES[:100], X_val=held, y_val=np.full(60, "waits"))


def test_a_part_is_set_aside():
    model = TabularClassifier(**FAST).fit(FRAME, CLASSES)
    assert model.model_.preprocessor.rows == 128
    assert TabularClassifier(**FAST, validation_fraction=None).fit(FRAME, CLASSES).model_.preprocessor.rows == ROWS
    few = TabularClassifier(**FAST).fit(FRAME[:2], ["buys", "leaves"])  # too few to set one aside
    assert few.model_.preprocessor.rows == 2


def test_weights():
    """Of rows and of classes: those of weight 0 are as if they were not there, and classes weigh their rows."""
    plain = {**FAST, "validation_fraction": None, "batch_size": 100}
    weights = np.r_[np.ones(100), np.zeros(60)]
    for kind in KINDS:
        few = kind(**plain).fit(FRAME[:100], target(kind)[:100])
        every = kind(**plain).fit(FRAME, target(kind), sample_weight=weights)
        assert np.array_equal(few.predict(FRAME), every.predict(FRAME))
    by_class = TabularClassifier(**plain, class_weight={"buys": 0.5, "leaves": 2.0}).fit(FRAME, CLASSES)
    by_row = TabularClassifier(**plain).fit(FRAME, CLASSES, sample_weight=np.where(CLASSES == "buys", 0.5, 2.0))
    assert np.array_equal(by_class.predict_proba(FRAME), by_row.predict_proba(FRAME))
    heavy = TabularClassifier(**plain, class_weight={"buys": 50.0}).fit(FRAME, CLASSES)
    assert (heavy.predict(FRAME) == "buys").mean() > (by_row.predict(FRAME) == "buys").mean()


def test_callbacks_and_epochs():
    epochs = []

    def stop(solver, logs):
        epochs.append(logs["epoch"])
        return len(epochs) == 3

    model = TabularRegressor(**FAST, callbacks=[stop]).fit(FRAME, VALUES)
    assert (epochs, model.n_iter_) == ([1, 2, 3], 3)
    early, seen = nn.callbacks.EarlyStopping("val_loss", target=1e9), []
    report = lambda solver, logs: seen.append(logs["epoch"])  # noqa: E731
    packed = TabularRegressor(**FAST, n_packed=3, callbacks=[early, report]).fit(FRAME, VALUES)
    assert [max(history.epoch) for history in packed.histories_] == [1, 1, 1]  # all stop, each by itself
    assert seen == [1]  # the first is told of


def test_several_targets():
    both = np.stack([VALUES, -AGE], axis=1)
    model = TabularRegressor(**FAST).fit(FRAME, both)
    assert model.predict(FRAME).shape == (ROWS, 2)
    labels = np.stack([AGE > 50, JOB == "cook"], axis=1).astype(int)
    model = TabularClassifier(**FAST).fit(FRAME, labels)
    assert model.predict(FRAME).shape == (ROWS, 2)
    assert (model.predict(FRAME) == labels).mean() > 0.6


def test_parameters_are_options_of_the_recipe():
    model = TabularRegressor(
        **{**FAST, "preset": "mlp"}, options={"front_scale": True, "numbers": "robust"}, dropout=0.1
    )
    recipe = model.fit(FRAME, VALUES).recipe_
    assert (recipe.front_scale, recipe.numbers, recipe.dropout, recipe.epochs) == (True, "robust", 0.1, 8)
    assert recipe.activation == "relu"
    changed = TabularRegressor(**FAST, activation="tanh", options={"beta2": 0.9}).fit(FRAME, VALUES).recipe_
    assert (changed.activation, changed.beta2, changed.schedule) == ("tanh", 0.9, "coslog4")
    with pytest.raises(ValueError, match="options: dropout: given as a parameter too"):
        TabularRegressor(dropout=0.1, options={"dropout": 0.2}).fit(FRAME, VALUES)
    with pytest.raises(ValueError, match="front_scales: no option of a recipe; did you mean 'front_scale'?"):
        TabularRegressor(options={"front_scales": True}).fit(FRAME, VALUES)
    with pytest.raises(ValueError, match="The 'preset' parameter of TabularRegressor must be a str among"):
        TabularRegressor("tds").fit(FRAME, VALUES)


def test_columns_of_numbers_may_be_categories():
    X = np.c_[RNG.integers(4, size=ROWS), AGE]
    model = TabularRegressor(**FAST, categorical=["x0"]).fit(X, VALUES)
    assert model.model_.preprocessor.categorical == ("x0",)
    assert model.predict(X).shape == (ROWS,)
    frame = pd.DataFrame(X, columns=["kind", "age"])
    assert np.array_equal(
        TabularRegressor(**FAST, categorical=["kind"]).fit(frame, VALUES).predict(frame), model.predict(X)
    )


def test_lists_keep_their_kinds():
    rows = [[18.5, "cook"], [70.25, "clerk"], [None, "cook"]] * 20
    model = TabularClassifier(**FAST).fit(rows, ["a", "b", "a"] * 20)
    assert model.model_.preprocessor.categorical == ("x1",)
    assert list(model.predict([[70.25, "clerk"]])) == ["b"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (FRAME[[]], r"Found array with 0 feature\(s\)"),
        (FRAME[:0], r"Found array with 0 sample\(s\)"),
        (pd.concat([FRAME, FRAME[["age"]]], axis=1), "frame: two columns are named 'age'"),
        (FRAME.assign(income=np.inf), "column 'income': row 0 holds inf"),
    ],
    ids=["no columns", "no rows", "columns twice", "infinite"],
)
def test_bad_frames_are_refused(kind, X, message):
    with pytest.raises(ValueError, match=message):
        kind(**FAST).fit(X, target(kind)[: len(X)])


def test_odd_tables_are_learnt():
    """A single row, a single class, columns that say nothing, and more columns than rows."""
    for kind, y in ((TabularClassifier, ["a"]), (TabularRegressor, [3.0])):
        assert kind(**FAST).fit(FRAME[:1], y).predict(FRAME[:1]) == y
    assert (TabularClassifier(**FAST).fit(FRAME, np.full(ROWS, "a")).predict(FRAME) == "a").all()
    assert (TabularRegressor(**FAST).fit(FRAME, np.full(ROWS, 7.0)).predict(FRAME) == 7).all()
    empty = FRAME.assign(age=np.nan, income=1.0, job=None)
    assert TabularClassifier(**FAST).fit(empty, CLASSES).predict(empty).shape == (ROWS,)
    wide = RNG.standard_normal((30, 2000))
    assert TabularClassifier(**FAST).fit(wide, CLASSES[:30]).predict(wide).shape == (30,)
