"""What the estimators for tables share."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from ..data.dataset import held_out
from ..data.table import Table, is_frame
from ..layers import ACTIVATIONS
from ..schedules import BY_NAME
from ..tabular import PRESETS, TableModel, TableTraining, recipe
from ._estimator import NetworkEstimator
from ._monitoring import Reports

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from .._types import FloatArray
    from ..losses import Loss
    from ..tabular import Recipe

SIZE = [Interval(Integral, 1, None, closed="left"), None]
SHARE = [Interval(Real, 0, 1, closed="left"), None]
OVERRIDES = (  # parameters that are options of the recipe
    *("epochs", "batch_size", "learning_rate", "schedule", "hidden_sizes", "activation", "dropout", "weight_decay"),
    *("label_smoothing", "n_members", "n_packed", "monitor", "patience"),
)


class Tabular(NetworkEstimator):
    """Base of the two: a recipe for tables, trained by a `Solver`."""

    warm_start = False  # each fit begins anew

    _parameter_constraints: dict = {
        "preset": [StrOptions(set(PRESETS))],
        "epochs": SIZE,
        "batch_size": SIZE,
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "schedule": [StrOptions(set(BY_NAME)), None],
        "hidden_sizes": ["array-like", None],
        "activation": [StrOptions(set(ACTIVATIONS)), None],
        "dropout": SHARE,
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "n_members": SIZE,
        "n_packed": SIZE,
        "options": [HasMethods("items"), None],
        "categorical": [HasMethods("__iter__")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "monitor": [StrOptions({"loss", "score"}), None],
        "patience": [Interval(Integral, 0, None, closed="left"), None],
        "metrics": [HasMethods("__iter__")],
        "callbacks": [HasMethods("__iter__"), None],
        "verbose": ["verbose"],
        "dtype": [StrOptions({"float32", "float64"}), type, np.dtype],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool, validation: tuple[Any, Any, Any]) -> Self:
        table, y = self._validated(X, y, reset=True)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
        targets, outputs = self._targets(y, False)
        weights = self._weights(y, sample_weight, False)
        rng = check_random_state(self.random_state)
        seed, split_seed = (int(drawn) for drawn in rng.randint(2**31 - 1, size=2))
        made = self._recipe()
        train: tuple[Any, Any, Any] = (table, targets, weights)
        held: tuple[Any, Any, Any] | None = None
        if any(each is not None for each in validation):
            table_val, y_val, weights_val = self._validation(*validation)
            held = (table_val, self._targets_seen(y_val), weights_val)
        elif self.validation_fraction is not None:
            train, held = self._split(train, split_seed)
        reports = Reports(self, X, y, sample_weight, made.epochs) if hasattr(self, "_skl_callbacks") else None
        training = TableTraining(
            made,
            train,
            held,
            outputs=outputs,
            loss=self._table_loss(made.label_smoothing),
            class_names=self._class_names(outputs),
            dtype=self.dtype,
            seed=seed,
            callbacks=[*([] if reports is None else [reports]), *(self.callbacks or ())],
            metrics=self.metrics,
            verbose=bool(self.verbose),
        )
        training.train()
        self.model_, self.recipe_ = training.model, made
        self.n_outputs_ = outputs
        self.histories_ = [solver.history for solver in training.solvers]
        self.history_, self.n_iter_ = self.histories_[0], training.solvers[0].epoch
        if reports is not None:
            reports.end()
        return self

    def _recipe(self) -> Recipe:
        """The recipe that the parameters ask for; what is None is as the preset has it."""
        given = {name: getattr(self, name, None) for name in OVERRIDES}
        given = {name: value for name, value in given.items() if value is not None}
        options = dict(self.options or {})
        if twice := sorted(set(given) & set(options)):
            raise ValueError(f"options: {', '.join(twice)}: given as a parameter too")
        return recipe(self.preset, "classification" if is_classifier(self) else "regression", **given, **options)

    def _split(self, train: tuple[Any, Any, Any], seed: int) -> tuple[Any, Any]:
        """Set a part of the rows aside; (all, None) where there are too few."""
        table, y, weights = train
        labels = y if is_classifier(self) and y.ndim == 1 else None
        try:
            held = held_out(len(table), labels, self.validation_fraction, seed)
        except ValueError:
            return train, None
        if weights is not None and not (weights[held].any() and weights[~held].any()):
            return train, None
        return _those(~held, train), _those(held, train)

    def _class_names(self, outputs: int) -> tuple[str, ...] | None:
        classes = getattr(self, "classes_", ())
        return tuple(map(str, classes)) if len(classes) == outputs else None

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        table = self._table(X, reset)
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        if is_classifier(self):
            y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
            check_classification_targets(y)
        else:
            y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(table, y)
        return table, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _table(self, X: Any, reset: bool) -> Any:
        """Rows that are to be learnt from, as a table; others as they are, since the preprocessor knows the columns."""
        if is_frame(X):
            if 0 in X.shape:
                what = "sample(s)" if X.shape[0] == 0 else "feature(s)"
                raise ValueError(f"Found array with 0 {what} (shape={X.shape}) while a minimum of 1 is required.")
            table = Table.from_frame(X, categorical=self.categorical) if reset else X
            validate_data(self, X, skip_check_array=True, reset=reset)
            return table
        if isinstance(X, (list, tuple)):  # of which NumPy would make strings, if a single one is among numbers
            X = np.array(X, dtype=object)
        X = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=reset)
        return Table.from_arrays(X, categorical=self.categorical) if reset else X

    def _scores(self, X: Any) -> FloatArray:
        check_is_fitted(self)
        return self._run(self.model_, self._table(X, reset=False))

    def _table_loss(self, smoothing: float) -> Loss:
        return self._loss()

    def _run(self, network: Any, X: Any) -> FloatArray:
        return network.scores(X)

    def _network_in_use(self) -> TableModel:
        check_is_fitted(self)
        return self.model_

    def _fitted_with(self, network: Any) -> dict[str, Any]:
        """What makes a copy of the estimator one that predicts by this network."""
        return {"model_": TableModel(self.model_.preprocessor, [network], self.recipe_)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _those(rows: Any, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(None if part is None else part[rows] for part in parts)
