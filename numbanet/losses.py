"""Losses: what a network is trained for, which targets it takes, and what its scores mean.

A loss is a declaration, fixed once made, as a layer is: it names the operation that computes it, has its options, and
holds no arrays. N examples, C outputs; scores have the shape (N, C).
"""

import math
from dataclasses import dataclass

import numpy as np

from . import operations
from ._checks import all_finite, as_data, class_numbers, describe, float_array, one_of

__all__ = ["SVM", "BinaryCrossEntropy", "Loss", "Softmax", "SquaredError"]

BATCH = 512  # rows that a loss is computed of at a time


class Loss:
    """Base of all losses.

    Attributes
    ----------
    operation : str
        Name of what computes it in the namespaces of operations: ``operation(scores, y, *constants, dscores)`` writes
        the gradient and returns the mean loss.
    per_output : bool
        Whether there is a target for each output, shape (N, C), or (N,) where C is 1; else there is a label from 0 to
        C-1 for each example, shape (N,).
    classifies : bool
        Whether predictions are classes, or yes or no for each output, so that accuracy is what to report.
    """

    operation = ""
    per_output = True
    classifies = False

    @property
    def name(self):
        """The shorthand for it, or else the name of its class."""
        return next((name for name, kind in LOSSES.items() if kind is type(self)), type(self).__name__)

    def constants(self):
        """The numbers that the operation takes between targets and gradient: the options, in order."""
        return tuple(getattr(self, name) for name in getattr(self, "__dataclass_fields__", ()))

    def mean(self, scores, y, ops):
        """Mean loss of any number of examples, L2 penalty left out: float."""
        operation, total = getattr(ops, self.operation), 0.0
        dscores = np.empty_like(scores[:BATCH])  # not wanted, but what the operation writes
        for start in range(0, len(scores), BATCH):
            rows = slice(start, start + BATCH)
            count = len(scores[rows])
            total += count * float(operation(scores[rows], y[rows], *self.constants(), dscores[:count]))
        return total / len(scores)

    def check_targets(self, name, y, count, outputs, dtype):
        """`y` as the operation takes it: float, shape (N, C), or int64 labels, shape (N,)."""
        if not self.per_output:
            return class_numbers(name, y, count, outputs)
        y = as_data(name, y)
        shape = (count,) if y.ndim == 1 and outputs == 1 else (count, outputs)
        all_finite(name, np.atleast_1d(y), dtype)
        return float_array(name, y, dtype, shape=shape).reshape(count, outputs)

    def predict(self, scores):
        """What the scores say.

        The label with the highest score, shape (N,); or for each output its score or, where the loss `classifies`, 1
        where that is positive and else 0: shape (N, C), or (N,) where C is 1.
        """
        if not self.per_output:
            return scores.argmax(axis=1)
        values = (scores > 0).astype(np.int64) if self.classifies else scores
        return values[:, 0] if values.shape[1] == 1 else values

    def score(self, prediction, y):
        """How good predictions are; 1 is perfect.

        Accuracy, the part that is right, where the loss `classifies`; a target above 0.5 means 1. Else R², the
        coefficient of determination: NaN where the targets do not vary, a single one among them.
        """
        prediction = prediction.reshape(y.shape)
        if self.classifies:
            return float(np.mean(prediction == (y > 0.5 if self.per_output else y)))
        if (y == y[0]).all():  # the mean of equal numbers may be another by a rounding
            return math.nan
        y, prediction = y.astype(np.float64), prediction.astype(np.float64)
        total = np.square(y - y.mean(axis=0)).sum()
        with np.errstate(over="ignore", divide="ignore"):  # far off is minus infinity
            return float(1 - np.square(y - prediction).sum() / total)

    def probabilities(self, scores, ops):
        """Probabilities, shape (N, C), in the place of the scores; ValueError where the loss has none."""
        gives = "scores" if self.classifies else "values"
        raise ValueError(f"a network trained with the loss {self!r} has {gives}, but no probabilities")


@dataclass(frozen=True)
class Softmax(Loss):
    """Cross-entropy of the softmax of the scores, one for each class."""

    operation = "softmax_loss"
    per_output, classifies = False, True

    def probabilities(self, scores, ops):
        ops.softmax_forward(scores, scores)
        return scores


@dataclass(frozen=True)
class SVM(Loss):
    """Multi-class hinge loss with margin 1: the sum, over the wrong classes, of what is missing to it."""

    operation = "svm_loss"
    per_output, classifies = False, True


@dataclass(frozen=True)
class SquaredError(Loss):
    """Squared error, the mean over examples and outputs: the scores are the predictions."""

    operation = "squared_error_loss"


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Cross-entropy of the sigmoid of the scores: each output is a yes or no of its own, with targets from 0 to 1."""

    operation = "binary_cross_entropy_loss"
    classifies = True

    def check_targets(self, name, y, count, outputs, dtype):
        y = super().check_targets(name, y, count, outputs, dtype)
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            raise ValueError(f"{name}: binary cross-entropy takes targets from 0 to 1, got {y.min():g} to {y.max():g}")
        return y

    def probabilities(self, scores, ops):
        """Probability of 1 for each output, shape (N, C), in the place of the scores."""
        flat = scores.reshape(-1)
        ops.sigmoid_forward(flat, flat)
        return scores


# By the names that are short for them.
LOSSES = {name.removesuffix("_loss"): globals()[loss] for name, loss in operations.LOSSES.items() if loss in globals()}


def checked_loss(name, loss):
    """The loss that was given, or the one that a string is short for; an error for anything else."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise TypeError(f"{name}: expected a loss, got the class; write {loss.__name__}()")
    if isinstance(loss, str):
        return LOSSES[one_of(name, loss, LOSSES)]()
    raise ValueError(f"{name}: expected one of {', '.join(map(repr, LOSSES))}, or a Loss, got {describe(loss)}")
