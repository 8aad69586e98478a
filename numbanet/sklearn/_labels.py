"""What a classifier makes of labels, and what it makes of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import unique_labels

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array
    from ..losses import Loss


def binarizer_of(y: Any) -> LabelBinarizer:
    """A `LabelBinarizer` that knows the labels in `y`."""
    return LabelBinarizer().fit(y)


def check_known(estimator: Any, y: Array) -> None:
    """ValueError where `y` has other labels than the estimator has learnt to tell apart."""
    known, classes = estimator.classes_, unique_labels(y)
    if estimator.warm_start:
        if set(classes) != set(known):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {known}, `y` has {classes}"
            )
    else:
        check_seen(estimator, y)


def check_seen(estimator: Any, y: Array) -> None:
    """ValueError where `y` has labels that the estimator has not seen."""
    known, classes = estimator.classes_, unique_labels(y)
    if len(np.setdiff1d(classes, known, assume_unique=True)):
        raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {classes}.")


def is_multiclass(binarizer: LabelBinarizer) -> bool:
    """Whether each example has one of more than two labels."""
    return binarizer.y_type_ == "multiclass"


def is_multilabel(binarizer: LabelBinarizer) -> bool:
    """Whether each example has any number of labels."""
    return binarizer.y_type_.startswith("multilabel")


def encoded(binarizer: LabelBinarizer, y: Array, loss: Loss) -> Array:
    """`y` as a loss takes it: numbers of classes, shape (n,), or yes or no for each output, shape (n, outputs)."""
    if not loss.per_output and not is_multilabel(binarizer) and y.ndim == 1:
        return np.searchsorted(binarizer.classes_, y).astype(np.int64, copy=False)
    if not loss.per_output:
        raise ValueError(f"loss={loss!r} takes one label for each example, and `y` has several: expected 'log_loss'")
    return binarizer.transform(y).astype(bool)


def weighted(class_weight: Any, y: Array, sample_weight: Array | None, incremental: bool) -> Array | None:
    """Weights of the examples by those of their classes and by their own."""
    if class_weight is None:
        return sample_weight
    if incremental and class_weight == "balanced":
        raise ValueError(
            "class_weight 'balanced' is not supported for partial_fit. In order to use 'balanced' weights, use "
            "compute_class_weight('balanced', classes=classes, y=y), and pass them as a dict"
        )
    by_class = compute_sample_weight(class_weight, y)
    return by_class if sample_weight is None else by_class * sample_weight


def decided(binarizer: LabelBinarizer, scores: Array) -> Array:
    """The labels that the scores of a network say."""
    classes = binarizer.classes_
    if is_multilabel(binarizer):
        return binarizer.inverse_transform((scores > 0).astype(np.int64), threshold=0.5)
    if scores.shape[1] > 1:
        return classes[scores.argmax(axis=1)]
    if len(classes) == 1:
        return np.repeat(classes, len(scores))
    return classes[(scores[:, 0] > 0).astype(np.intp)]


def probable(binarizer: LabelBinarizer, probabilities: Array, loss: Loss) -> Array:
    """The probabilities of a network as scikit-learn has them: both of two classes, and of several labels each."""
    if probabilities.shape[1] == 1 and not is_multilabel(binarizer):
        return np.concatenate([1 - probabilities, probabilities], axis=1)
    if loss.per_output and is_multiclass(binarizer):  # one class against the rest, each by itself
        return probabilities / probabilities.sum(axis=1, keepdims=True)
    return probabilities
