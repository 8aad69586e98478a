"""What the estimators over any list of layers share."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..data import Augment, Standardizer, TargetScaler
from ..data.dataset import held_out
from ..layers import Affine, ReLU, checked_layers
from ..models import Sequential
from ..training.solver import Solver
from ._estimator import NetworkEstimator
from ._monitoring import Reports

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from .._types import Array


class Net(NetworkEstimator):
    """Base of the two: a network of any layers, trained by a `Solver` with its own options."""

    _images = True
    _parameter_constraints: dict = {
        "layers": [HasMethods("__iter__"), None],
        "input_shape": ["array-like", Interval(Integral, 1, None, closed="left"), None],
        "optimizer": [str, callable],
        "optimizer_options": [HasMethods("items"), None],
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "standardize": ["boolean"],
        "augment": [Augment, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "metrics": [HasMethods("__iter__")],
        "monitor": [str, None],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [HasMethods("__iter__"), None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "dtype": [StrOptions({"float32", "float64"}), type, np.dtype, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool, validation: tuple[Any, Any, Any]) -> Self:
        first = not hasattr(self, "network_") or not self.warm_start
        X, y = self._validated(X, y, reset=first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        targets, outputs = self._targets(y, incremental)
        weights = self._weights(y, sample_weight, incremental)
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        if first:
            self.network_ = self._built(X, outputs, seed)
            self.n_outputs_ = outputs
            self._name_columns()
        data = self._data(X, targets, weights, validation, rng)
        if self.standardize and first:
            self.network_.standardizer = Standardizer.fit(data["X_train"])
        if getattr(self, "standardize_targets", False) and first:
            self.network_.target_scaler = TargetScaler.fit(data["y_train"])
        reports = Reports(self, X, y, sample_weight, self.epochs) if hasattr(self, "_skl_callbacks") else None
        solver = Solver(
            self.network_,
            data,
            optimizer=self.optimizer,
            optimizer_options=self._options(),
            schedule=self.schedule,
            epochs=self.epochs,
            batch_size=self.batch_size,
            num_train_samples=0,
            metrics=self.metrics,
            monitor=self.monitor,
            patience=self.patience,
            augment=self.augment,
            seed=seed,
            callbacks=[*([] if reports is None else [reports]), *(self.callbacks or ())],
            verbose=bool(self.verbose),
        )
        solver.train()
        self.history_, self.n_iter_ = solver.history, solver.epoch
        if reports is not None:
            reports.end()
        return self

    def _name_columns(self) -> None:
        """Have the network keep what its classes and features are called, as ``numbanet evaluate`` asks for them."""
        classes = getattr(self, "classes_", ())
        if len(classes) == self.network_.output_size:
            self.network_.class_names = tuple(map(str, classes))
        if hasattr(self, "feature_names_in_"):
            self.network_.feature_names = tuple(map(str, self.feature_names_in_))

    def _options(self) -> dict[str, Any]:
        """Options of the update rule; without any, those that numbanet has for its own choice of a rule."""
        if self.optimizer_options is None:
            return {"weight_decay": 1.0} if self.optimizer == "adamw" else {}
        return dict(self.optimizer_options)

    def _built(self, X: Any, outputs: int, seed: int) -> Sequential:
        """A new network for examples like X."""
        layers: Any = [Affine(100), ReLU()] if self.layers is None else checked_layers("layers", self.layers)
        last = layers[-1] if layers else None
        if not isinstance(last, Affine):
            layers = [*layers, Affine(outputs, "xavier_normal")]
        elif last.units != outputs:
            raise ValueError(
                f"layers: the last, {last!r}, gives {last.units} values, and y asks for {outputs}. Leave the Affine to "
                "the outputs away, since it is added, or let an activation follow"
            )
        shape = X.shape[1:] if self.input_shape is None else self.input_shape
        dtype = X.dtype if self.dtype is None else self.dtype
        return Sequential(layers, shape, loss=self._loss(), l2=self.l2, dtype=dtype, seed=seed)

    def _data(
        self, X: Any, y: Array, weights: Any, validation: tuple[Any, Any, Any], rng: np.random.RandomState
    ) -> dict[str, Any]:
        """What the Solver trains on, and validates with."""
        parts: list[Any] = [X, y, weights]
        own: tuple[Any, Any, Any] | list[Any] = (None, None, None)
        if any(each is not None for each in validation):
            X_val, y_val, weights_val = self._validation(*validation)
            own = [X_val, self._targets_seen(y_val), weights_val]
        elif self.validation_fraction is not None:
            labels = y if is_classifier(self) and y.ndim == 1 else None
            held = held_out(X.shape[0], labels, self.validation_fraction, int(rng.randint(2**31 - 1)))
            own = [None if part is None else part[held] for part in parts]
            parts = [None if part is None else part[~held] for part in parts]
        names = ("X_train", "y_train", "sample_weight_train", "X_val", "y_val", "sample_weight_val")
        return {name: part for name, part in zip(names, [*parts, *own], strict=True) if part is not None}

    def _network_in_use(self) -> Sequential:
        try:
            return self.network_
        except AttributeError:
            check_is_fitted(self)
            raise

    def _fitted_with(self, network: Sequential) -> dict[str, Any]:
        """What makes a copy of the estimator one that predicts by this network."""
        return {"network_": network}
