"""Metrics: by hand, and as scikit-learn has them, whether that is installed or not."""

import math

import numpy as np
import pytest

import numbanet as nn
from numbanet import kernels, losses, metrics
from numbanet.metrics import METRICS, metric_of

Y, BINARY = np.array([0, 0, 1, 1]), np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]]))


def measured(metric, loss, y, scores, sample_weight=None):
    loss = losses.checked_loss("loss", loss)
    found = metric_of("metrics", metric, loss, scores.shape[1])
    return found.measure(loss, y, scores, sample_weight, kernels)


@pytest.fixture(params=["theirs", "ours"])
def whose(request, monkeypatch):
    """Whether scikit-learn is installed, as it seems to the metrics."""
    if request.param == "theirs":
        pytest.importorskip("sklearn", reason="needs scikit-learn")
    else:
        monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    return request.param


@pytest.mark.parametrize(
    ("metric", "weights", "value"),
    [
        ("accuracy", None, 3 / 4),
        ("accuracy", [1, 1, 2, 1], 3 / 5),
        ("balanced_accuracy", [3, 1, 3, 1], (1 + 1 / 4) / 2),
        ("auc", None, 3 / 4),  # of four pairs, one is in the wrong order: 0.35 of a 1 is below 0.4 of a 0
        ("auc", [1, 3, 1, 1], 1 - 3 / 8),
        ("f1", None, 2 / 3),  # one true positive, one false negative
        ("f1", [1, 1, 4, 1], 2 / 6),
        ("log_loss", None, -(math.log(0.9) + math.log(0.6) + math.log(0.35) + math.log(0.8)) / 4),
        ("log_loss", [0, 0, 1, 3], -(math.log(0.35) + 3 * math.log(0.8)) / 4),
    ],
)
def test_of_two_classes_by_hand(whose, metric, weights, value):
    weights = None if weights is None else np.array(weights, np.float64)
    assert measured(metric, "softmax", Y, BINARY, weights) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "weights", "value"),
    [
        ("mae", None, (1 + 0 + 3) / 3),
        ("mae", [3, 1, 0], 3 / 4),
        ("rmse", None, math.sqrt(10 / 3)),
        ("rmse", [1, 0, 1], math.sqrt(5)),
        ("r2", None, 1 - 10 / 8),  # about their mean, 3, targets have squares of 4, 0 and 4
        ("r2", [1, 2, 1], 1 - 10 / 8),
        ("r2", [1, 1, 0], 1 - 1 / 2),
    ],
)
def test_of_values_by_hand(whose, metric, weights, value):
    y, scores = np.array([[1.0], [3.0], [5.0]]), np.array([[2.0], [3.0], [8.0]])
    weights = None if weights is None else np.array(weights, np.float64)
    assert measured(metric, "squared_error", y, scores, weights) == pytest.approx(value, rel=1e-12)


def cases():
    rng = np.random.default_rng(0)
    for _ in range(5):
        n, c, ties = int(rng.integers(5, 60)), int(rng.integers(3, 6)), rng.integers(2)
        scores = rng.standard_normal((n, c))
        scores = scores.round(0) if ties else scores
        y = np.concatenate([np.arange(c), rng.integers(c, size=n)])[:n]
        weights = [None, rng.uniform(0, 3, n), rng.integers(1, 4, n).astype(float)][rng.integers(3)]
        yield "softmax", y, scores, weights
        yield "softmax", y % 2, scores[:, :2], weights
        yield "binary_cross_entropy", (y[:, None] % 2).astype(np.float64), scores[:, :1], weights
        answers = (rng.random((n, 3)) < 0.5).astype(np.float64)
        answers[:2] = [[0], [1]]
        yield "binary_cross_entropy", answers, scores[:, :3], weights
        yield "squared_error", rng.standard_normal((n, 3)), scores[:, :3], weights


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case[0]}-{case[2].shape}")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ours_are_theirs(monkeypatch, case, dtype):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    loss, y, scores, weights = case
    scores, y = scores.astype(dtype), y.astype(dtype) if y.dtype.kind == "f" else y
    tried = 0
    for name, metric in METRICS.items():
        if metric.sklearn is None:
            continue
        try:
            theirs = measured(name, loss, y, scores, weights)
        except ValueError:  # not for this loss
            continue
        with monkeypatch.context() as hidden:
            hidden.setattr(metrics, "find_spec", lambda name: None)
            ours = measured(name, loss, y, scores, weights)
        assert ours == pytest.approx(theirs, rel=1e-6 if dtype == np.float32 else 1e-12), name
        tried += 1
    assert tried >= 2


def test_r2_of_several_outputs_is_the_mean_of_theirs_as_in_scikit_learn():
    r2_score = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn").r2_score
    y, scores, weights = np.random.default_rng(1).standard_normal((3, 20, 2))
    weights = np.abs(weights[:, 0])
    for scale in (1, [1, 1000]):
        theirs = r2_score(y * scale, scores * scale, sample_weight=weights)
        assert measured("r2", "squared_error", y * scale, scores * scale, weights) == pytest.approx(theirs, rel=1e-12)
    one = measured("r2", "squared_error", y[:, :1], scores[:, :1], weights)
    same = np.column_stack([y[:, 0], np.full(20, 0.1)])
    assert measured("r2", "squared_error", same, scores, weights) == one  # of a target that does not vary there is none


def test_what_is_undefined_is_nan(whose):
    assert math.isnan(measured("auc", "softmax", np.zeros(4, np.int64), BINARY))
    three = np.random.default_rng(0).standard_normal((6, 3))
    assert math.isnan(measured("auc", "softmax", np.array([0, 1, 0, 1, 0, 1]), three))  # there is no class 2
    assert math.isnan(measured("r2", "squared_error", np.full((3, 1), 0.1), np.ones((3, 1))))
    assert math.isnan(measured("accuracy", "softmax", Y, np.where(BINARY < -1, np.nan, BINARY)))


def test_f1_of_many_classes_is_their_mean_also_where_two_alone_are_met(whose):
    scores = np.eye(4)[[0, 1, 1, 0]]
    value = (4 / 5 + 2 / 3) / 2  # of class 0 two hits and one missed, of class 1 one hit and one false
    assert measured("f1", "softmax", np.array([0, 1, 0, 0]), scores) == pytest.approx(value)


def test_f1_without_anything_to_find_is_zero(whose):
    assert measured("f1", "softmax", np.zeros(2, np.int64), np.array([[1.0, 0.0], [2.0, 0.0]])) == 0


def test_scores_that_are_asked_of_are_left_as_they_are():
    before = BINARY.copy()
    for name in ("auc", "log_loss", "f1"):
        measured(name, "softmax", Y, BINARY)
    assert np.array_equal(before, BINARY)


def test_a_function_of_the_users_own():
    def shortest_margin(y, scores):
        return np.abs(scores[:, 0] - scores[:, 1]).min()

    def weighted(y, scores, sample_weight=None):
        return float(sample_weight.sum())

    margin = math.log(0.6 / 0.4)
    assert measured(shortest_margin, "softmax", Y, BINARY) == pytest.approx(margin)
    assert measured(weighted, "softmax", Y, BINARY, np.array([1.0, 2, 3, 4])) == 10
    found = metric_of("metrics", shortest_margin, nn.losses.Softmax(), 2)
    assert (found.name, found.greater_is_better) == ("shortest_margin", True)
    shortest_margin.greater_is_better = False
    assert not metric_of("metrics", shortest_margin, nn.losses.Softmax(), 2).greater_is_better


@pytest.mark.parametrize(
    ("metric", "loss", "outputs", "error", "says"),
    [
        ("accurracy", "softmax", 3, ValueError, "did you mean 'accuracy'"),
        ("mae", "softmax", 3, ValueError, "mae is of values, and a network with the loss Softmax"),
        ("auc", "squared_error", 1, ValueError, "auc is of classes"),
        ("log_loss", "svm", 3, ValueError, "log_loss needs probabilities, which the loss SVM() does not give"),
        ("balanced_accuracy", "binary_cross_entropy", 3, ValueError, "one label for each example"),
        (3, "softmax", 3, TypeError, "expected a name or a function of (y, scores), got"),
        (lambda y: 0, "softmax", 3, TypeError, "expected a function of (y, scores)"),
        (dict, "softmax", 3, TypeError, "expected a name or a function"),
    ],
)
def test_what_is_no_metric_is_refused(metric, loss, outputs, error, says):
    with pytest.raises(error) as raised:
        metric_of("metrics[1]", metric, losses.checked_loss("loss", loss), outputs)
    assert str(raised.value).startswith("metrics[1]: ")
    assert says in str(raised.value)


def test_a_function_must_return_a_number():
    with pytest.raises(TypeError, match="returned .*; expected a number"):
        measured(lambda y, scores: scores, "softmax", Y, BINARY)
