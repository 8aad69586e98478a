"""Faults in metrics."""

from tests.mutants import Mutant

METRICS, TESTS = "numbanet/metrics.py", "tests/test_metrics.py"

MUTANTS = [
    Mutant(
        "equal scores pass one after the other in the ROC curve",
        METRICS,
        "np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)",
        "np.arange(len(p))",
        f"{TESTS}::test_ours_are_theirs",
    ),
    Mutant(
        "balanced accuracy forgets the weights",
        METRICS,
        "np.average(right[y == label], weights=weights[y == label])",
        "np.average(right[y == label])",
        f"{TESTS}::test_of_two_classes_by_hand",
    ),
    Mutant(
        "F1 of many classes is that of class 1, where no other is met",
        METRICS,
        "labels = [1] if classes == 2 else np.union1d(y, predictions)",
        "labels = [1] if max(y.max(), predictions.max()) < 2 else np.union1d(y, predictions)",
        f"{TESTS}::test_f1_of_many_classes_is_their_mean_also_where_two_alone_are_met",
    ),
    Mutant(
        "probabilities are written over the scores",
        METRICS,
        "loss.probabilities(scores.copy(), ops)",
        "loss.probabilities(scores, ops)",
        f"{TESTS}::test_scores_that_are_asked_of_are_left_as_they_are",
    ),
    Mutant(
        "the metric R² forgets the weights",
        METRICS,
        "None if sample_weight is None else _weights(y, sample_weight)[counted]",
        "None",
        f"{TESTS}::test_of_values_by_hand",
    ),
]
