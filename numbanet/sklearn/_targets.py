"""What targets are, for classifiers and for regressors: mixins of estimators.

Each gives `y` as the loss of the network takes it (`_targets`, with the number of outputs), what scores say
(`_decide`), and how good that is (`_metric`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if

from ..losses import Loss
from . import _labels, _network

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array, FloatArray


def _has_probabilities(estimator: Any) -> bool:
    loss = estimator.loss
    if isinstance(loss, Loss):
        loss = loss.name
    if loss not in ("log_loss", "softmax", "binary_cross_entropy"):
        raise AttributeError(f"predict_proba is not available with loss={estimator.loss!r}")
    return True


class Classes(ClassifierMixin):
    """Of a classifier: labels of any kind, one for each example or several."""

    _one_output = True  # whether two classes make one output, where the loss has no say

    def _targets(self, y: Array, incremental: bool) -> tuple[Array, int]:
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = _labels.binarizer_of(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            _labels.check_known(self, y)
        loss = self._loss()
        targets = _labels.encoded(self._label_binarizer, y, loss)
        return targets, targets.shape[1] if loss.per_output else max(2, len(self.classes_))

    def _loss(self) -> Loss:
        binarizer = getattr(self, "_label_binarizer", None)
        if binarizer is None:  # attributes were set by hand
            return _network.classifier_loss(self.loss, self.out_activation_ == "softmax")
        multiclass = _labels.is_multiclass(binarizer) or not (self._one_output or _labels.is_multilabel(binarizer))
        return _network.classifier_loss(self.loss, multiclass)

    def _weights(self, y: Array, sample_weight: Any, incremental: bool) -> Any:
        return _labels.weighted(self.class_weight, y, sample_weight, incremental)

    def _decide(self, scores: FloatArray) -> Array:
        return _labels.decided(self._label_binarizer, scores)

    def _said(self, targets: Array) -> Array:
        if targets.ndim == 1:
            return self.classes_[targets]
        return self._label_binarizer.inverse_transform(targets)

    def _checked_validation(self, y: Array) -> Array:
        _labels.check_seen(self, y)
        return y

    def _targets_seen(self, y: Array) -> Array:
        return _labels.encoded(self._label_binarizer, y, self._loss())

    def _metric(self, y: Array, prediction: Array, sample_weight: Any) -> float:
        if y.ndim == 1:  # without the checks of scikit-learn's, which take longer than a small network
            return np.average(y == prediction, weights=sample_weight)
        return accuracy_score(y, prediction, sample_weight=sample_weight)

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> FloatArray:
        """Probability estimates.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y_prob : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; of each label by itself where there are several for a sample.
        """
        scores = self._scores(X)
        network = self._network_in_use()
        probabilities = network.loss_function.probabilities(scores, network.ops)
        return _labels.probable(self._label_binarizer, probabilities, network.loss_function)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> FloatArray:
        """The logarithm of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_y_prob : ndarray of shape (n_samples, n_classes)
        """
        probabilities = self.predict_proba(X)
        return np.log(probabilities, out=probabilities)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Values(RegressorMixin):
    """Of a regressor: numbers, one for each example or several."""

    def _targets(self, y: Array, incremental: bool) -> tuple[Array, int]:
        y = y.reshape(len(y), -1)
        return y, y.shape[1]

    def _loss(self) -> Loss:
        return _network.regressor_loss(self.loss)

    def _weights(self, y: Array, sample_weight: Any, incremental: bool) -> Any:
        return sample_weight

    def _decide(self, scores: FloatArray) -> Array:
        return self._network_in_use().decided(scores)

    def _said(self, targets: Array) -> Array:
        return targets

    def _checked_validation(self, y: Array) -> Array:
        return y

    def _targets_seen(self, y: Array) -> Array:
        return y.reshape(len(y), -1)

    def _metric(self, y: Array, prediction: Array, sample_weight: Any) -> float:
        return r2_score(y, prediction, sample_weight=sample_weight)
