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


def numbanet(task, seed, threads, split, without="", **options):
    """Ours, which chooses its best epoch by the validation rows; `NUMBANET_NUM_THREADS` says how many threads.

    Options are parameters of the estimator or of the recipe; `without` names options of the recipe, with commas between
    them, that are to be as in the plain MLP.
    """
    from numbanet.sklearn import TabularClassifier, TabularRegressor
    from numbanet.tabular import recipe

    kind = TabularClassifier if task == "classification" else TabularRegressor
    plain = recipe("mlp", task)
    options |= {part: getattr(plain, part) for part in without.split(",") if part}
    of_recipe = {name: options.pop(name) for name in set(options) - set(kind().get_params())}
    X_val, y_val = split.validation
    return kind(random_state=seed, options=of_recipe, **options).fit(*split.train, X_val=X_val, y_val=y_val)


RIVALS = {
    "RealMLP-TD-S": realmlp,
    "RealMLP-TD": partial(realmlp, form="TD"),
    "LightGBM": lightgbm,
    "LightGBM-early": lightgbm_early,
    "HistGradientBoosting": hist_gradient_boosting,
    "MLP": sklearn_mlp,
    "numbanet": numbanet,
}
OURS = ("numbanet", *(f"numbanet preset={preset}" for preset in ("fast", "td", "td-s")))
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


FAST = "numbanet preset=fast"
# What is off together: robust scaling is clipped, and the learning rate is that of the parametrisation.
PARTS = (
    *("numbers,clip", "clip", "front_scale", "ntk,learning_rate", "activation", "parametric", "label_smoothing"),
    *("number_embedding", "embedding_units", "dropout,dropout_schedule", "dropout_schedule"),
    *("weight_decay,weight_decay_schedule", "data_init", "zero_last", "clamp", "schedule", "beta2"),
    "learning_rate_factors",
)


def parts():
    """One network of our default, and the same with each part off that its recipe has."""
    from numbanet.tabular import recipe

    off = set()
    for task in ("classification", "regression"):
        ours, plain = recipe("fast", task).description, recipe("mlp", task).description
        off |= {option for option in ours if ours[option] != plain[option]}
    there = [part for part in PARTS if part.split(",")[0] in off]
    return [FAST, *(f"{FAST} without={part}" for part in there), "numbanet preset=mlp"]
