"""Our estimators for tables: what `fit` and `predict` take from raw rows; a commit that has none shows as `n/a`."""

import numpy as np

from numbanet.bench.timing import Benchmark

from .training import _Timed

EPOCHS = 10


def diabetes():
    """442 rows of ten numbers, of scikit-learn."""
    from sklearn.datasets import load_diabetes

    return "TabularRegressor", *load_diabetes(return_X_y=True)


def loans():
    """2,000 rows of numbers with gaps and of categories, one with many, and whether a loan was paid back."""
    rng = np.random.default_rng(0)
    income, amount = rng.lognormal(3, 0.5, 2000), rng.lognormal(2, 1, 2000)
    state, home = rng.integers(50, size=2000), rng.integers(4, size=2000)
    paid = np.log(income / amount) + state % 3 - home + rng.standard_normal(2000) > 0
    X = np.empty((2000, 14), object)
    X[:, 0], X[:, 1] = np.where(rng.random(2000) < 0.1, np.nan, income), amount
    X[:, 2:12] = rng.standard_normal((2000, 10))
    X[:, 12], X[:, 13] = np.char.add("S", state.astype(str)), np.array(["rent", "owner", "parents", "other"])[home]
    return "TabularClassifier", X, np.where(paid, "yes", "no")


TABLES = {"diabetes": diabetes, "loans": loans}


def estimator(table, preset):
    """One of ours that trains for so many epochs, whatever it learns, and its data."""
    try:
        import numbanet.sklearn as estimators

        kind, X, y = TABLES[table]()
        model = getattr(estimators, kind)(preset=preset, epochs=EPOCHS, patience=0, random_state=0)
    except (ImportError, AttributeError) as error:
        raise NotImplementedError(f"no estimators for tables here: {error}") from None
    return model, X, y


class Fit(_Timed):
    """Seconds of an epoch of `fit`, preprocessing and validation among them."""

    params = (list(TABLES), ["fast", "td", "td-s"])
    param_names = ("table", "preset")

    def build(self, table, preset):
        model, X, y = estimator(table, preset)
        return Benchmark(lambda: model.fit(X, y), parts=EPOCHS)

    def time_epoch(self, *parameters):
        self.run()


class Predict(_Timed):
    """Seconds of a prediction from raw rows, of one or of all."""

    params = (list(TABLES), ["one", "all"])
    param_names = ("table", "rows")

    def build(self, table, rows):
        model, X, y = estimator(table, "fast")
        model.fit(X, y)
        X = X[:1] if rows == "one" else X
        return Benchmark(lambda: model.predict(X))

    def time_rows(self, *parameters):
        self.run()
