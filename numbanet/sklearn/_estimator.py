"""What all estimators share: fitting with validation data, and predicting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, is_classifier
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from ._monitoring import CallbackSupportMixin, with_callbacks
from ._threads import prediction_threads, training_threads

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from .._types import Array, FloatArray
    from ..models import Sequential


FLOATS = (np.float64, np.float32)


def keep(estimator: Any, arguments: dict[str, Any]) -> None:
    """Keep the arguments of an `__init__` as they came, which is all that scikit-learn wants of it."""
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


class NetworkEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of all estimators.

    A subclass defines `_fit` and `_network_in_use`; what targets are, a mixin of `_targets` says.
    """

    _images = False  # whether examples may have several axes

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the model to data matrix X and target(s) y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or numbers in regression.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts: a weight of 0 is as leaving it out.
        X_val, y_val : array-like, default=None
            Validation data of your own: they take the place of the part that `early_stopping` sets aside, and turn it
            on. In a `Pipeline`, `X_val` is transformed as X is with ``Pipeline(..., transform_input=["X_val"])``.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with training_threads(self.n_jobs):
            return self._fit(X, y, sample_weight, False, (X_val, y_val, sample_weight_val))

    def _validation(self, X: Any, y: Any, weights: Any) -> tuple[Any, Any, Any]:
        """Validation data of the user's own."""
        if X is None or y is None:
            there, missing = ("y_val", "X_val") if X is None else ("X_val", "y_val")
            if X is None and y is None:
                there, missing = "sample_weight_val", "X_val"
            raise ValueError(f"{there} is provided, but {missing} was not provided.")
        X, y = self._validated(X, y, reset=False)
        if weights is not None:
            weights = _check_sample_weight(weights, X, dtype=X.dtype, ensure_non_negative=True)
        return X, self._checked_validation(y), weights

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        options: dict[str, Any] = {} if is_classifier(self) else {"y_numeric": True}
        options |= {"accept_sparse": "csr", "allow_nd": self._images, "dtype": FLOATS, "order": "C"}
        X, y = validate_data(self, X, y, multi_output=True, reset=reset, **options)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _scores(self, X: Any) -> FloatArray:
        """What the network gives for rows of X, checked as scikit-learn does."""
        network = self._network_in_use()
        plain = (
            type(X) is np.ndarray
            and X.dtype is network.dtype
            and X.shape[1:] == network.input_shape
            and not hasattr(self, "feature_names_in_")
        )
        if plain:
            try:
                return self._run(network, X)
            except ValueError:
                pass  # NaN, most likely: scikit-learn's own check has the words for it
        X = validate_data(self, X, accept_sparse="csr", allow_nd=self._images, reset=False)
        return self._run(network, X)

    def _run(self, network: Sequential, X: Any) -> FloatArray:
        if self.n_jobs is None:
            return network.loss(X)
        with prediction_threads(self.n_jobs):
            return network.loss(X)

    def predict(self, X: Any) -> Array:
        """Predict using the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted classes or values.
        """
        return self._decide(self._scores(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
