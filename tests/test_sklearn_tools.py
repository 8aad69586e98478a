"""Estimators within scikit-learn's tools: pipelines, searches, ensembles, frames, callbacks, and skl2onnx."""

import subprocess
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.9")

import joblib
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from numbanet import get_num_threads, set_num_threads
from numbanet.sklearn import MLPClassifier, MLPRegressor, NetClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(X))
X, Y = X[ORDER], Y[ORDER]
MODEL = MLPClassifier((20,), learning_rate_init=0.02, max_iter=60, random_state=0)


def test_a_pipeline_transforms_validation_data_too():
    far = 1e4 * X + 1e6
    with sklearn.config_context(enable_metadata_routing=True):
        model = clone(MODEL).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("mlp", model)], transform_input=["X_val"])
        pipeline.fit(far[:100], Y[:100], X_val=far[100:], y_val=Y[100:])
        assert pipeline["mlp"].best_validation_score_ == pipeline.score(far[100:], Y[100:]) > 0.7


def test_searches():
    grid = GridSearchCV(MODEL, {"alpha": [1e-4, 1e-2], "hidden_layer_sizes": [(5,), (20,)]}, cv=3, n_jobs=2).fit(X, Y)
    assert grid.best_score_ > 0.9
    alone = GridSearchCV(MODEL, {"alpha": [1e-4, 1e-2], "hidden_layer_sizes": [(5,), (20,)]}, cv=3).fit(X, Y)
    np.testing.assert_array_equal(grid.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    halving = HalvingGridSearchCV(
        MODEL, {"alpha": [1e-4, 1e-2, 1.0]}, resource="max_iter", max_resources=60, cv=3, random_state=0
    ).fit(X, Y)
    assert halving.best_estimator_.max_iter == halving.n_resources_[-1]
    net = HalvingGridSearchCV(
        NetClassifier(random_state=0), {"l2": [0, 1e-3, 1.0]}, resource="epochs", max_resources=18, cv=3, random_state=0
    ).fit(X, Y)
    assert net.best_estimator_.epochs == net.n_resources_[-1]


def test_ensembles_and_inspection():
    assert cross_val_score(MODEL, X, Y, cv=3).min() > 0.9
    vote = VotingClassifier([("mlp", MODEL), ("linear", LogisticRegression())], voting="soft").fit(X, Y)
    assert vote.score(X, Y) > 0.9
    calibrated = CalibratedClassifierCV(MODEL, cv=3).fit(X, Y, sample_weight=np.ones(len(X)))
    assert calibrated.score(X, Y) > 0.9
    importance = permutation_importance(clone(MODEL).fit(X, Y), X, Y, random_state=0, n_repeats=3).importances_mean
    assert importance[2:].sum() > importance[:2].sum()  # petals tell more than sepals


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library, tmp_path):
    frames = pytest.importorskip(library)
    columns = {f"column {place}": X[:, place] for place in range(4)}
    frame, labels = frames.DataFrame(columns), frames.Series(np.array(["a", "b", "c"])[Y])
    model = clone(MODEL).fit(frame, labels)
    assert list(model.feature_names_in_) == list(columns)
    assert model.score(frame, labels) > 0.9
    np.testing.assert_array_equal(model.predict_proba(frame), clone(MODEL).fit(X, Y).predict_proba(X))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)
    renamed = frames.DataFrame({name[::-1]: values for name, values in columns.items()})
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(renamed)
    joblib.dump(model, tmp_path / "model")
    loaded = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))


class Recorder:
    """A callback of scikit-learn's, which stops after so many epochs."""

    def __init__(self, epochs=None):
        self.epochs, self.scores, self.events = epochs, [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.events.append(f"end {context.task_name}")
        self.scores.append(fitted_estimator.score(X, y))
        return len(self.scores) == self.epochs

    def teardown(self, estimator, context):
        self.events.append("teardown")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_of_scikit_learn(solver):
    recorder = Recorder()
    model = clone(MODEL).set_params(solver=solver, max_iter=4).set_callbacks(recorder)
    model.fit(X, Y)
    task = {"adam": "epoch", "lbfgs": "lbfgs-iter"}[solver]
    epochs = [f"begin {task}", f"end {task}"] * 4
    assert recorder.events == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert recorder.scores[-1] == recorder.scores[-2] == model.score(X, Y)
    assert recorder.scores[0] == clone(model).set_params(max_iter=1).fit(X, Y).score(X, Y)


def test_callbacks_of_scikit_learn_stop_and_are_told_by_searches():
    from sklearn.callback import ScoringMonitor

    model = clone(MODEL).set_callbacks(Recorder(epochs=3)).fit(X, Y)
    assert model.n_iter_ == 3
    monitor = ScoringMonitor(scoring="accuracy")
    clone(MODEL).set_params(max_iter=5).set_callbacks(monitor).fit(X, Y)
    scores = [row["accuracy"] for row in monitor.get_logs().data]
    assert len(scores) == 6  # epochs, and the fit
    assert scores[-1] == scores[-2] == clone(MODEL).set_params(max_iter=5).fit(X, Y).score(X, Y)
    net = NetClassifier(epochs=4, random_state=0).set_callbacks(recorder := Recorder())
    net.fit(X, Y)
    assert recorder.events.count("end epoch") == 4


def test_progress_bar_of_scikit_learn():
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    model = clone(MODEL).set_params(max_iter=3).set_callbacks(ProgressBar()).fit(X, Y)
    assert model.n_iter_ == 3


@pytest.mark.filterwarnings("ignore")  # of onnx and protobuf
class TestOnnx:
    def run(self, model, X, **options):
        skl2onnx, reference = pytest.importorskip("skl2onnx"), pytest.importorskip("onnx.reference")
        converted = skl2onnx.to_onnx(model, X[:1], **options)
        return reference.ReferenceEvaluator(converted).run(None, {converted.graph.input[0].name: X})

    @pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
    @pytest.mark.parametrize("labels", [Y, np.array(["a", "b", "c"])[Y], Y > 0], ids=["numbers", "words", "two"])
    def test_classifier(self, labels, activation):
        small = X.astype(np.float32)
        model = clone(MODEL).set_params(activation=activation).fit(small, labels)
        predicted, probabilities = self.run(model, small)
        np.testing.assert_array_equal(predicted, model.predict(small))
        np.testing.assert_allclose(probabilities, model.predict_proba(small), rtol=1e-4, atol=1e-6)

    def test_pipeline_and_several_labels(self):
        pipeline = make_pipeline(StandardScaler(), clone(MODEL)).fit(X, Y)
        for options in ({}, {"options": {"zipmap": False}}):
            predicted, probabilities = self.run(pipeline, X, **options)
            np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), rtol=1e-6)
        several = np.stack([Y > 0, Y > 1, X[:, 0] > 6], axis=1).astype(int)
        model = clone(MODEL).fit(X, several)
        predicted, probabilities = self.run(model, X)
        np.testing.assert_array_equal(predicted, model.predict(X))

    def test_regressor(self):
        for targets in (X[:, 0], X[:, :3]):
            model = MLPRegressor(max_iter=50, random_state=0).fit(X, targets)
            (values,) = self.run(model, X)
            assert values.shape == (len(X), model.n_outputs_)
            np.testing.assert_allclose(values.reshape(targets.shape), model.predict(X), rtol=1e-6)

    def test_what_it_has_no_words_for_is_refused(self):
        for options in ({"normalization": "layernorm"}, {"activation": "gelu"}):
            with pytest.raises(NotImplementedError, match=next(iter(options))):
                self.run(clone(MODEL).set_params(**options).fit(X, Y), X)


class Threads:
    """A callback that notes how many threads each epoch has."""

    def __init__(self):
        self.seen = set()

    def on_epoch_end(self, solver, logs):
        self.seen.add(get_num_threads())


@pytest.fixture
def two_threads():
    from numbanet.runtime import threads

    if threads._least(threads._machine_limits())[0] < 2:
        pytest.skip("needs two cores")
    set_num_threads(2)
    yield
    set_num_threads(None)


def fitted_threads(**options):
    note = Threads()
    MLPClassifier(max_iter=2, callbacks=[note], **options).fit(X, Y)
    return note.seen


@pytest.mark.usefixtures("two_threads")
def test_n_jobs_is_the_number_of_threads():
    assert fitted_threads(n_jobs=1) == {1}
    assert fitted_threads(n_jobs=2) == {2}
    assert fitted_threads() == {get_num_threads()}
    models = [MLPClassifier(n_jobs=jobs, max_iter=5, random_state=0).fit(X, Y) for jobs in (1, 2, None)]
    for model in models[1:]:
        np.testing.assert_array_equal(model.predict_proba(X), models[0].predict_proba(X))
    with pytest.raises(ValueError, match="n_jobs == 0 has no meaning"):
        MLPClassifier(n_jobs=0).fit(X, Y)


@pytest.mark.usefixtures("two_threads")
def test_a_fit_in_another_thread_has_one_thread():
    seen = []
    worker = threading.Thread(target=lambda: seen.append((fitted_threads(), fitted_threads(n_jobs=2))))
    worker.start()
    worker.join()
    assert seen == [({1}, {2})]
    with joblib.parallel_config("threading"):
        scores = cross_val_score(MODEL, X, Y, cv=4, n_jobs=2)
    np.testing.assert_array_equal(scores, cross_val_score(MODEL, X, Y, cv=4))


def test_processes_share_the_cores():
    """joblib says in the environment of its workers how many threads each is to have."""
    code = """
import os, joblib
os.environ.pop("NUMBANET_NUM_THREADS", None)
def work(_):
    import numbanet
    return numbanet.get_num_threads()
if __name__ == "__main__":
    cores = joblib.cpu_count()
    counts = joblib.Parallel(n_jobs=2)(joblib.delayed(work)(i) for i in range(4))
    assert max(counts) * 2 <= max(2, cores), (counts, cores)
    print(counts)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
