"""What a network is trained for: which loss, which targets it takes, and what its scores mean."""

import math

import numpy as np

from ._checks import all_finite, as_data, class_numbers, float_array

BATCH = 512  # rows that a loss is computed of at a time


class Objective:
    """One loss seen from a model: how targets are checked, and how scores become predictions.

    Attributes
    ----------
    operation : str
        Name of the loss in the operation namespaces.
    classifies : bool
        Whether predictions are classes, so that accuracy is what to report.
    per_output : bool
        Whether targets have the shape of the scores, rather than being one label for each example.
    """

    def __init__(self, operation):
        self.operation = operation

    def loss(self, scores, y, ops):
        """Mean loss of any number of examples, L2 penalty left out: float."""
        operation, total = getattr(ops, self.operation), 0.0
        dscores = np.empty_like(scores[:BATCH])  # not wanted, but what the operation writes
        for start in range(0, len(scores), BATCH):
            rows = slice(start, start + BATCH)
            count = len(scores[rows])
            total += count * float(operation(scores[rows], y[rows], dscores[:count]))
        return total / len(scores)


class Classification(Objective):
    """Softmax and SVM: one score for each class, labels 0 to C-1."""

    classifies, per_output = True, False

    def check_targets(self, name, y, count, outputs, dtype):
        """`y` as the loss's operation takes it: int64 labels, shape (N,)."""
        return class_numbers(name, y, count, outputs)

    def predict(self, scores):
        """The label with the highest score, shape (N,)."""
        return scores.argmax(axis=1)

    def score(self, prediction, y):
        """Accuracy: the part of the examples that are right."""
        return float(np.mean(prediction == y))

    def probabilities(self, scores, ops):
        """Softmax probabilities, shape (N, C), in the place of the scores."""
        if self.operation != "softmax_loss":
            raise ValueError("a network trained with the SVM loss has scores, but no probabilities")
        ops.softmax_forward(scores, scores)
        return scores


class _PerOutput(Objective):
    """Losses with a target for each output: shape (N, M), or (N,) where there is one output."""

    per_output = True

    def check_targets(self, name, y, count, outputs, dtype):
        y = as_data(name, y)
        shape = (count,) if y.ndim == 1 and outputs == 1 else (count, outputs)
        all_finite(name, np.atleast_1d(y), dtype)
        return float_array(name, y, dtype, shape=shape).reshape(count, outputs)

    @staticmethod
    def _squeezed(values):
        return values[:, 0] if values.shape[1] == 1 else values


class Regression(_PerOutput):
    """Squared error: the scores are the predictions."""

    classifies = False

    def predict(self, scores):
        """The scores, shape (N, M), or (N,) where there is one output."""
        return self._squeezed(scores)

    def score(self, prediction, y):
        """R², the coefficient of determination; NaN where the targets do not vary, a single one among them."""
        if (y == y[0]).all():  # the mean of equal numbers may be another by a rounding
            return math.nan
        y, prediction = y.astype(np.float64), prediction.reshape(y.shape).astype(np.float64)
        total = np.square(y - y.mean(axis=0)).sum()
        with np.errstate(over="ignore", divide="ignore"):  # far off is minus infinity
            return float(1 - np.square(y - prediction).sum() / total)

    def probabilities(self, scores, ops):
        raise ValueError("a network trained with squared error predicts values, not probabilities")


class BinaryClassification(_PerOutput):
    """Binary cross-entropy on logits: each output is a yes or no of its own."""

    classifies = True

    def check_targets(self, name, y, count, outputs, dtype):
        y = super().check_targets(name, y, count, outputs, dtype)
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            raise ValueError(f"{name}: binary cross-entropy takes targets from 0 to 1, got {y.min():g} to {y.max():g}")
        return y

    def predict(self, scores):
        """0 or 1 for each output, shape (N, M), or (N,) where there is one output."""
        return self._squeezed((scores > 0).astype(np.int64))

    def score(self, prediction, y):
        """Accuracy: the part of the answers that are right, where a target above 0.5 means 1."""
        return float(np.mean(prediction.reshape(y.shape) == (y > 0.5)))

    def probabilities(self, scores, ops):
        """Probability of 1 for each output, shape (N, M), in the place of the scores."""
        flat = scores.reshape(-1)
        ops.sigmoid_forward(flat, flat)
        return scores


OBJECTIVES = {
    "softmax": Classification("softmax_loss"),
    "svm": Classification("svm_loss"),
    "squared_error": Regression("squared_error_loss"),
    "binary_cross_entropy": BinaryClassification("binary_cross_entropy_loss"),
}
