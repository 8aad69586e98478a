"""Who takes part in `tables.py`: each `fit(task, seed, threads, split, **options)` gives a fitted estimator.

Options are the estimator's; by default there are none, and nothing is tuned.
"""

import ast
import logging
from functools import partial


def lightgbm(task, seed, threads, split, **options):
    """Its defaults: a hundred trees."""
    import lightgbm

    kind = lightgbm.LGBMClassifier if task == "classification" else lightgbm.LGBMRegressor
    return kind(random_state=seed, n_jobs=threads, verbose=-1, **options).fit(*split.train)


def lightgbm_early(task, seed, threads, split, **options):
    """As it is mostly used: up to a thousand trees, until fifty have not helped on the validation rows."""
    import lightgbm

    kind = lightgbm.LGBMClassifier if task == "classification" else lightgbm.LGBMRegressor
    estimator = kind(**{"n_estimators": 1000, **options}, random_state=seed, n_jobs=threads, verbose=-1)
    stop = lightgbm.early_stopping(50, verbose=False)
    return estimator.fit(*split.train, eval_set=[split.validation], callbacks=[stop])


def hist_gradient_boosting(task, seed, threads, split, **options):
    """scikit-learn's, its defaults, columns of categories as such; `OMP_NUM_THREADS` says how many threads."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if task == "classification" else HistGradientBoostingRegressor
    return kind(random_state=seed, **options).fit(*split.train)


def sklearn_mlp(task, seed, threads, split, **options):
    """scikit-learn's MLP, its defaults, behind the usual pipeline; targets of regression are standardised."""
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, y = split.train
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), X.select_dtypes("number").columns),
        (OneHotEncoder(handle_unknown="ignore"), X.select_dtypes("category").columns),
    )
    if task == "classification":
        return make_pipeline(columns, MLPClassifier(random_state=seed, **options)).fit(X, y)
    network = make_pipeline(columns, MLPRegressor(random_state=seed, **options))
    return TransformedTargetRegressor(network, transformer=StandardScaler()).fit(X, y)


class Imputed:
    """An estimator that takes no gaps in numbers: the training rows' medians fill them."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, X_validation, y_validation):
        self.medians = X.median(numeric_only=True)
        self.estimator.fit(X.fillna(self.medians), y, X_validation.fillna(self.medians), y_validation)
        return self

    def predict(self, X):
        return self.estimator.predict(X.fillna(self.medians))

    def predict_proba(self, X):
        return self.estimator.predict_proba(X.fillna(self.medians))

    @property
    def classes_(self):
        return self.estimator.classes_


def realmlp(task, seed, threads, split, form="TD_S", **options):
    """pytabkit's, its defaults; it chooses its best epoch by the validation rows."""
    import pytabkit

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # whose import has set it lower
    kind = getattr(pytabkit, f"RealMLP_{form}_{'Classifier' if task == 'classification' else 'Regressor'}")
    estimator = Imputed(kind(device="cpu", random_state=seed, n_threads=threads, **options))
    return estimator.fit(*split.train, *split.validation)


def numbanet(task, seed, threads, split, **options):
    """Ours, which chooses its best epoch by the validation rows; `NUMBANET_NUM_THREADS` says how many threads."""
    from numbanet.sklearn import TabularClassifier, TabularRegressor

    X_val, y_val = split.validation
    kind = TabularClassifier if task == "classification" else TabularRegressor
    return kind(random_state=seed, **options).fit(*split.train, X_val=X_val, y_val=y_val)


RIVALS = {
    "RealMLP-TD-S": realmlp,
    "RealMLP-TD": partial(realmlp, form="TD"),
    "LightGBM": lightgbm,
    "LightGBM-early": lightgbm_early,
    "HistGradientBoosting": hist_gradient_boosting,
    "MLP": sklearn_mlp,
    "numbanet": numbanet,
}
OURS = ("numbanet", "numbanet n_members=8", "numbanet n_packed=8", "numbanet preset=td-s", "numbanet preset=fast")
DEFAULT = (*OURS, "RealMLP-TD-S", "LightGBM", "LightGBM-early", "HistGradientBoosting", "MLP")


def value(text):
    """An option's value as Python reads it, or the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def rival(name):
    """The fit of a rival by its name, with options of its estimator: "numbanet preset=fast n_members=8"."""
    first, *options = name.split() or [""]
    if first not in RIVALS or not all("=" in option for option in options):
        raise ValueError(f"expected NAME [OPTION=VALUE...] with one of {', '.join(RIVALS)}, got {name!r}")
    pairs = (option.split("=", 1) for option in options)
    return partial(RIVALS[first], **{key: value(text) for key, text in pairs})


PARTS = {}  # option of the recipe: the value that takes the part away


def parts():
    """Ours with all of the recipe, and with each of its parts off."""
    return ["numbanet", *(f"numbanet {option}={off}" for option, off in PARTS.items())]
