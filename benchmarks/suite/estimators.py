"""Our scikit-learn estimators: what `fit`, `partial_fit` and `predict` take; a commit that has none shows as `n/a`."""

import warnings

import numpy as np

from numbanet.bench.timing import Benchmark

from .training import _Timed

EPOCHS = 10


def estimator(kind, **options):
    """One of ours that trains for so many epochs, whatever it learns, and data of the size of the bundled digits."""
    try:
        import numbanet.sklearn as estimators
    except ModuleNotFoundError as error:
        raise NotImplementedError(f"no estimators here: {error}") from None
    warnings.simplefilter("ignore")  # it has not converged by then
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1437, 64), np.float32)
    y = rng.integers(10, size=len(X)) if kind == "MLPClassifier" else X[:, 0] * X[:, 1]
    endless = {"max_iter": EPOCHS, "tol": 0.0, "n_iter_no_change": EPOCHS}
    return getattr(estimators, kind)(hidden_layer_sizes=(100,), random_state=0, **endless, **options), X, y


class Fit(_Timed):
    """Seconds of an epoch of `fit`, its beginning and end among them."""

    params = (["MLPClassifier", "MLPRegressor"], ["adam", "sgd", "lbfgs"])
    param_names = ("estimator", "solver")

    def build(self, kind, solver):
        model, X, y = estimator(kind, solver=solver)
        return Benchmark(lambda: model.fit(X, y), parts=EPOCHS)

    def time_epoch(self, *parameters):
        self.run()


class PartialFit(_Timed):
    """Seconds of a `partial_fit` on one batch."""

    params = (["MLPClassifier", "MLPRegressor"],)
    param_names = ("estimator",)

    def build(self, kind):
        model, X, y = estimator(kind)
        model.fit(X, y)
        return Benchmark(lambda: model.partial_fit(X[:200], y[:200]))

    def time_batch(self, *parameters):
        self.run()


class Predict(_Timed):
    """Seconds of a prediction, of one row or of all."""

    params = (["predict", "predict_proba"], [1, 1437])
    param_names = ("method", "rows")

    def build(self, method, rows):
        model, X, y = estimator("MLPClassifier")
        predict = getattr(model.fit(X, y), method)
        return Benchmark(lambda: predict(X[:rows]))

    def time_rows(self, *parameters):
        self.run()
