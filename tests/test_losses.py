"""Losses: the operations, what each says of targets and scores, losses of a user's own, from Python and compiled."""

import copy
import math
import pickle
from dataclasses import dataclass

import numba
import numpy as np
import pytest
from cases import call as called
from compare import BOTH, DTYPES, LN2, LN3, assert_is_that_of_torch, away_from_zero, close, expressed, normal

import numbanet as nn
from numbanet import functional as F
from numbanet import kernels
from numbanet.losses import LOSSES, checked_loss
from numbanet.optim import Optimizer
from numbanet.program import training_steps
from numbanet.testing import check_gradients, check_loss

# The operations: examples by hand, scores of any size, and other libraries.

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    ("softmax_forward", [[[0, LN3], [5, 5]]], {"out": [[0.25, 0.75], [0.5, 0.5]]}),
    (  # p = 1/4 3/4 and 1/2 1/2: loss (ln 4 + ln 2) / 2, gradient (p - onehot) / 2
        "softmax_loss",
        [[[0, LN3], [5, 5]], np.array([0, 1]), [], 0.0],
        {"loss": 1.5 * LN2, "dscores": [[-0.375, 0.375], [0.25, -0.25]]},
    ),
    (  # the same by weights 3 and 1: (3 ln 4 + ln 2) / 4, and 3/4 and 1/4 of p - onehot
        "softmax_loss",
        [[[0, LN3], [5, 5]], np.array([0, 1]), [3, 1], 0.0],
        {"loss": 1.75 * LN2, "dscores": [[-0.5625, 0.5625], [0.125, -0.125]]},
    ),
    (  # targets 3/4 1/4 and 1/4 3/4: (3/4 ln 4 + 1/4 ln 4/3 + ln 2) / 2 and (p - target) / 2
        "softmax_loss",
        [[[0, LN3], [5, 5]], np.array([0, 1]), [], 0.5],
        {"loss": (3 * LN2 - LN3 / 4) / 2, "dscores": [[-0.25, 0.25], [0.125, -0.125]]},
    ),
    (  # targets 3/4 1/4 and 0 1: (3/4 ln 4 + 1/4 ln 4/3 + ln 2) / 2 and (p - target) / 2
        "soft_softmax_loss",
        [[[0, LN3], [5, 5]], [[0.75, 0.25], [0, 1]], [], 0.0],
        {"loss": (3 * LN2 - LN3 / 4) / 2, "dscores": [[-0.25, 0.25], [0.25, -0.25]]},
    ),
    (  # half of targets 1 0 and 0 1 spread, by weights 3 and 1: (3 (3/4 ln 4 + 1/4 ln 4/3) + ln 2) / 4
        "soft_softmax_loss",
        [[[0, LN3], [5, 5]], [[1, 0], [0, 1]], [3, 1], 0.5],
        {"loss": (7 * LN2 - 3 * LN3 / 4) / 4, "dscores": [[-0.375, 0.375], [0.0625, -0.0625]]},
    ),
    (  # first: margins 2 - 3 + 1 = 0 and 5 - 3 + 1 = 3; second: 1 - 0.5 + 1 = 1.5 and 0 - 0.5 + 1 = 0.5; loss 5 / 2
        "svm_loss",
        [[[3, 2, 5], [1, 0.5, 0]], np.array([0, 1]), []],
        {"loss": 2.5, "dscores": [[-0.5, 0, 0.5], [0.5, -1, 0.5]]},
    ),
    (  # the same by weights 1 and 3: (3 + 3 * 2) / 4
        "svm_loss",
        [[[3, 2, 5], [1, 0.5, 0]], np.array([0, 1]), [1, 3]],
        {"loss": 2.25, "dscores": [[-0.25, 0, 0.25], [0.75, -1.5, 0.75]]},
    ),
    # errors 1 -2 0 3: (1 + 4 + 9) / 4; 2 / 4 of each error
    ("squared_error_loss", [[[2, 1], [4, 3]], [[1, 3], [4, 0]], []], {"loss": 3.5, "dpred": [[0.5, -1], [0, 1.5]]}),
    # by weights 3 and 1: (3 (1 + 4) + 9) / 8
    (
        "squared_error_loss",
        [[[2, 1], [4, 3]], [[1, 3], [4, 0]], [3, 1]],
        {"loss": 3, "dpred": [[0.75, -1.5], [0, 0.75]]},
    ),
    # errors 1 -2 0 3 and delta 2: 1/2 + 4/2 + 0 + 2 (3 - 1), and the errors cut off at 2, by 4
    ("huber_loss", [[[2, 1], [4, 3]], [[1, 3], [4, 0]], [], 2.0], {"loss": 1.625, "dpred": [[0.25, -0.5], [0, 0.5]]}),
    # the same errors: (1 + 2 + 0 + 3) / 4, and their signs by 4
    (
        "absolute_error_loss",
        [[[2, 1], [4, 3]], [[1, 3], [4, 0]], []],
        {"loss": 1.5, "dpred": [[0.25, -0.25], [0, 0.25]]},
    ),
    (  # -ln sigmoid(0) = ln 2; z = ln 3, t = 1/2: -(ln 3/4 + ln 1/4) / 2 = 2 ln 2 - ln(3) / 2; sigmoid = 1/2 3/4
        "binary_cross_entropy_loss",
        [[[0, LN3]], [[1, 0.5]], []],
        {"loss": (3 * LN2 - LN3 / 2) / 2, "dlogits": [[-0.25, 0.125]]},
    ),
    # 1 - 0, 3 - 2 ln 3 and 2 + ln 2 of rates 1 3 1/2 and targets 2 2 3, ...
    (
        "poisson_loss",
        [[[0, LN3], [-LN2, 0]], [[0, 2], [3, 2]], []],
        {"loss": (5.5 - 2 * LN3 + 3 * LN2) / 4, "dscores": [[0.25, 0.25], [-0.625, -0.25]]},
    ),
    # errors 1 -2 0 3 and quantile 3/4: (1/4 + 6/4 + 0 + 3/4) / 4, and 1/4 or -3/4 by 4
    (
        "quantile_loss",
        [[[2, 1], [4, 3]], [[1, 3], [4, 0]], [], 0.75],
        {"loss": 0.625, "dpred": [[0.0625, -0.1875], [0, 0.0625]]},
    ),
    # 1/4 (1 + 4 + 9); 10 + w / 2
    ("l2_penalty", [[1, -2, 3], 0.5, [], [10, 10, 10]], {"loss": 3.5, "dw": [10.5, 9, 11.5]}),
    ("l2_penalty", [[1, -2, 3], 2.0, [1, 0, 3], [10, 10, 10]], {"loss": 3.5, "dw": [10.5, 9, 11.5]}),
    ("l2_penalty", [[1, -2, 3], 0.5, [0, 0], [10, 10, 10]], {"loss": 3.5, "dw": [10.5, 9, 11.5]}),
]


def exact_softmax_loss(scores, y):
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    onehot = np.arange(scores.shape[1]) == y[:, None]
    return -log_p[onehot].mean(), (np.exp(log_p) - onehot) / len(y)


OPTIONS = {"softmax_loss": [0.0], "soft_softmax_loss": [0.0], "huber_loss": [0.75], "quantile_loss": [0.75]}


def exact_svm_loss(scores, y):
    onehot = np.arange(scores.shape[1]) == y[:, None]
    margins = np.where(onehot, 0, np.maximum(scores - scores[onehot][:, None] + 1, 0))
    violated = (margins > 0).astype(scores.dtype)
    return margins.sum() / len(y), (violated - onehot * violated.sum(axis=1, keepdims=True)) / len(y)


def exact_squared_error_loss(pred, target):
    return np.square(pred - target).mean(), 2 * (pred - target) / pred.size


def exact_binary_cross_entropy_loss(logits, target):
    return (np.logaddexp(0, logits) - logits * target).mean(), (1 / (1 + np.exp(-logits)) - target) / logits.size


@BOTH
@DTYPES
@pytest.mark.parametrize(
    "exact",
    [exact_softmax_loss, exact_svm_loss, exact_squared_error_loss, exact_binary_cross_entropy_loss],
    ids=lambda exact: exact.__name__.removeprefix("exact_"),
)
def test_losses_are_stable_for_scores_of_ten_thousand(exact, dtype, ops):
    name = exact.__name__.removeprefix("exact_")
    rng = np.random.default_rng(0)
    scores = rng.choice([-1e4, -88, -1, 0, 1, 88, 1e4], size=(37, 5)).astype(dtype)
    target = rng.integers(5, size=37) if name in ("softmax_loss", "svm_loss") else rng.random((37, 5)).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        given = scores, target, np.empty(0, dtype), *OPTIONS.get(name, [])
        loss, dscores = called(getattr(ops, name), *given, dscores=scores.shape).values()
    wide = target if target.dtype == np.int64 else target.astype(np.longdouble)
    expected_loss, expected = exact(scores.astype(np.longdouble), wide)
    eps = float(np.finfo(dtype).eps)
    assert loss == pytest.approx(float(expected_loss), rel=8 * eps)
    np.testing.assert_allclose(
        dscores, expected.astype(np.float64), rtol=8 * eps, atol=8 * eps * np.abs(expected).max()
    )


# What a single error gives: the loss and its slope.
HUBER = [(0, 0, 0), (0.5, 0.125, 0.5), (-0.75, 0.28125, -0.75), (0.75, 0.28125, 0.75), (2.75, 1.78125, 0.75)]
HUBER += [(-4, 2.71875, -0.75), (np.inf, np.inf, 0.75), (-np.inf, np.inf, -0.75), (np.nan, np.nan, np.nan)]
ABSOLUTE = [(0, 0, 0), (-0.0, 0, 0), (1e-30, 1e-30, 1), (-3, 3, -1), (np.inf, np.inf, 1), (np.nan, np.nan, np.nan)]

QUANTILE = [(0, 0, 0), (-0.0, 0, 0), (2, 0.5, 0.25), (-2, 1.5, -0.75), (np.inf, np.inf, 0.25)]
QUANTILE += [(-np.inf, np.inf, -0.75), (np.nan, np.nan, np.nan)]


@BOTH
@DTYPES
@pytest.mark.parametrize(
    ("name", "row"),
    [
        *(("huber_loss", row) for row in HUBER),
        *(("absolute_error_loss", row) for row in ABSOLUTE),
        *(("quantile_loss", row) for row in QUANTILE),
    ],
)
def test_losses_of_a_single_error(name, row, dtype, ops):
    error, loss, slope = row
    arrays = np.array([[error]], dtype), np.zeros((1, 1), dtype), np.empty(0, dtype)
    with np.errstate(invalid="ignore"):
        got = called(getattr(ops, name), *arrays, *OPTIONS.get(name, []), dpred=(1, 1))
    np.testing.assert_allclose([got["loss"], got["dpred"].item()], [loss, slope], rtol=1e-6)


@DTYPES
@pytest.mark.parametrize("name", ["softmax_loss", "svm_loss"])
def test_gradient_of_a_shift_is_zero(name, dtype):
    """Adding a number to all scores of an example changes neither loss, so each row of the gradient adds up to 0."""
    rng = np.random.default_rng(0)
    scores, y = rng.standard_normal((131, 10)).astype(dtype), rng.integers(10, size=131)
    given = scores, y, np.empty(0, dtype), *OPTIONS.get(name, [])
    dscores = called(getattr(kernels, name), *given, dscores=scores.shape)["dscores"]
    np.testing.assert_allclose(dscores.sum(axis=1, dtype=np.float64), 0, atol=10 * np.finfo(dtype).eps / 131)
    assert np.abs(dscores).max() > 1e-3


@BOTH
def test_softmax(ops):
    scores, y = normal(5, 3), [0, 2, 1, 2, 0]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    onehot = np.eye(3)[y]
    close(F.softmax_forward(scores, ops=ops), p)
    loss, dscores = F.softmax_loss(scores, y, ops=ops)
    close(loss, -np.log(p[onehot == 1]).mean())
    close(dscores, (p - onehot) / 5)


@BOTH
def test_svm(ops):
    scores, y = normal(5, 3), np.array([0, 2, 1, 2, 0], np.uint8)
    loss, dscores = F.svm_loss(scores, y, ops=ops)
    expected, gradient = 0.0, np.zeros((5, 3))
    for n in range(5):
        for c in set(range(3)) - {int(y[n])}:
            margin = scores[n, c] - scores[n, y[n]] + 1
            if margin > 0:
                expected += margin / 5
                gradient[n, c] += 1 / 5
                gradient[n, y[n]] -= 1 / 5
    close(loss, expected)
    close(dscores, gradient)


@BOTH
@pytest.mark.parametrize("shape", [(6,), (6, 1), (3, 2), (2, 3, 1)])
def test_losses_for_each_element_keep_the_shape(shape, ops):
    pred, target = normal(6).reshape(shape), (normal(6) > 0).reshape(shape)
    loss, dpred = F.squared_error_loss(pred, target, ops=ops)
    close(loss, np.mean((pred - target) ** 2))
    close(dpred, (pred - target) / 3)
    loss, dlogits = F.binary_cross_entropy_loss(pred, target, ops=ops)
    p = 1 / (1 + np.exp(-pred))
    close(loss, -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p)))
    close(dlogits, (p - target) / 6)


@BOTH
def test_l2_penalty(ops):
    w = normal(4, 3)
    penalty, dw = F.l2_penalty(w, l2=0.3, ops=ops)
    close(penalty, 0.15 * (w**2).sum())
    close(dw, 0.3 * w)


@pytest.mark.parametrize("weights", [np.empty(0), np.array([0.5, 0.25])], ids=["", "divided"])
def test_gradient_of_the_l2_penalty(weights):
    def backward(dout, w):
        dw = np.zeros_like(w)
        kernels.l2_penalty(w, 0.3, weights, dw)
        return {"w": dout * dw}

    def penalty(w):
        return kernels.l2_penalty(w, 0.3, weights, np.zeros_like(w))

    check_gradients(penalty, backward, {"w": away_from_zero(67)[0]})


@pytest.mark.parametrize("name", expressed("losses"))
def test_losses_are_those_of_torch(name, torch):
    assert_is_that_of_torch(name, torch)


# The classes: what all below is tried on.

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 3))
Y = np.stack([X[:, 0] + 0.1 * RNG.standard_normal(120), RNG.standard_normal(120)], axis=1)
FLOATS = [np.float32, np.float64]


@pytest.fixture
def threads():
    """`numbanet.set_num_threads`, undone afterwards."""
    yield nn.set_num_threads
    nn.set_num_threads(None)


def network(loss, outputs=2, **options):
    return nn.Sequential([nn.Affine(5), nn.Tanh(), nn.Affine(outputs)], (3,), loss=loss, seed=1, l2=1e-3, **options)


def solver(model, y=Y, **options):
    options = {"batch_size": 40, "epochs": 5, "verbose": False, **options}
    return nn.Solver(model, {"X_train": X, "y_train": y, "X_val": X[:50], "y_val": y[:50]}, **options)


def trained(loss, y=Y, **options):
    made = solver(network(loss, **options), y)
    made.train()
    return made


# What each of numbanet's losses says, by hand.


@pytest.mark.parametrize("loss", [nn.Softmax(), nn.SVM()])
def test_a_loss_of_labels(loss):
    scores = np.array([[0.0, 2.0, 1.0], [3.0, -1.0, 2.0], [0.0, 0.0, 5.0]])
    prediction = loss.predict(scores)
    assert prediction.tolist() == [1, 0, 2]
    assert loss.score(prediction, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    y = loss.check_targets("y", [True, 0.0, 2], 3, 3, np.float32)
    assert (y.dtype, y.tolist()) == (np.int64, [1, 0, 2])
    assert (loss.classifies, loss.per_output, loss.takes_weights) == (True, False, True)
    for bad, message in (([0, 1], "one label for each of the 3"), ([0, 1, 3], "got 3 in row 2"), ([0, 1, 0.5], "0.5")):
        with pytest.raises((TypeError, ValueError), match=f"^y: .*{message}"):
            loss.check_targets("y", bad, 3, 3, np.float32)


@pytest.mark.parametrize("loss", [nn.SquaredError(), nn.Huber(0.5), nn.AbsoluteError(), nn.Quantile(0.9)])
def test_a_loss_of_values(loss):
    scores = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert loss.predict(scores) is scores
    assert loss.predict(scores[:, :1]).tolist() == [1.0, 3.0]
    y = loss.check_targets("y", [[1, 2], [3, 6]], 2, 2, np.float32)
    assert (y.dtype, y.tolist()) == (np.float32, [[1, 2], [3, 6]])
    assert loss.check_targets("y", [1, 2], 2, 1, np.float64).tolist() == [[1], [2]]
    assert loss.score(loss.predict(scores), y) == pytest.approx((1 + (1 - 4 / 8)) / 2)  # of each output
    assert math.isnan(loss.score(np.array([1.0, 2.0]), np.array([[3.0], [3.0]])))
    assert (loss.classifies, loss.per_output) == (False, True)
    for bad, message in (([1, 2], r"shape \(2, 2\), got \(2,\)"), ([[1, 2], [3, np.nan]], "row 1 holds nan")):
        with pytest.raises(ValueError, match=f"^y: .*{message}"):
            loss.check_targets("y", bad, 2, 2, np.float32)


def test_binary_cross_entropy():
    loss = nn.BinaryCrossEntropy()
    scores = np.array([[-1.0, 0.0], [2.0, 1e-9]])
    assert loss.predict(scores).tolist() == [[0, 0], [1, 1]]
    assert loss.predict(scores[:, :1]).tolist() == [0, 1]
    assert loss.score(loss.predict(scores), np.array([[0.4, 0.6], [0.9, 0.5]])) == 0.5
    assert loss.probabilities(np.array([[0.0, math.log(3)]]), nn.reference).tolist() == [[0.5, pytest.approx(0.75)]]
    assert (loss.classifies, loss.per_output) == (True, True)
    with pytest.raises(ValueError, match=r"^y: binary cross-entropy takes targets from 0 to 1, got -1 to 1"):
        loss.check_targets("y", [[-1], [1]], 2, 1, np.float32)


def test_poisson():
    loss, scores = nn.Poisson(), np.log([[1.0, 2.0], [4.0, 0.5]])
    np.testing.assert_allclose(loss.predict(scores), [[1, 2], [4, 0.5]])
    np.testing.assert_allclose(loss.predict(scores[:, :1]), [1, 4])
    assert loss.score(loss.predict(scores), np.array([[1.0, 2.0], [3.0, 4.5]])) == pytest.approx(
        ((1 - 1 / 2) + (1 - 16 / 3.125)) / 2
    )
    assert (loss.classifies, loss.per_output) == (False, True)
    with pytest.raises(ValueError, match="^y: the Poisson loss takes targets of 0 or more, got -1"):
        loss.check_targets("y", [[-1], [1]], 2, 1, np.float32)
    with pytest.raises(ValueError, match=r"loss Poisson\(\) has values, but no probabilities"):
        network("poisson").predict_proba(X)


def test_poisson_and_quantile_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, y, weights = RNG.standard_normal((50, 1)), RNG.poisson(2.0, (50, 1)) + 0.0, RNG.random(50)
    constant = np.average((y * np.log(np.where(y > 0, y, 1)) - y)[:, 0], weights=weights)
    deviance = metrics.mean_poisson_deviance(y, np.exp(scores), sample_weight=weights)
    assert F.poisson_loss(scores, y, sample_weight=weights)[0] + constant == pytest.approx(deviance / 2, rel=1e-12)
    for quantile in (0.1, 0.5, 0.9):
        pinball = metrics.mean_pinball_loss(y, scores, alpha=quantile, sample_weight=weights)
        assert F.quantile_loss(scores, y, quantile=quantile, sample_weight=weights)[0] == pytest.approx(pinball)


def test_poisson_learns_rates():
    rate = np.exp(1 + X[:, 0])
    y = np.random.default_rng(1).poisson(rate)
    model = nn.Sequential([nn.Affine(1)], (3,), loss="poisson", seed=0)
    solver(model, y, epochs=200, optimizer_options={"learning_rate": 0.02}).train()
    np.testing.assert_allclose(model.params["W1"][:, 0], [1, 0, 0], atol=0.3)
    assert np.corrcoef(model.predict(X), rate)[0, 1] > 0.95


def soft(count, classes, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(classes), count)


def test_soft_targets():
    loss, y = nn.Softmax(), soft(7, 3)
    found = loss.targets("y", y, 7, 3, np.float32)
    assert (found.dtype, found.shape) == (np.float32, (7, 3))
    assert loss.targets("y", np.eye(3, dtype=int), 3, 3, np.float64).tolist() == np.eye(3).tolist()
    scores = np.random.default_rng(1).standard_normal((7, 3))
    prediction = loss.predict(scores)
    assert loss.score(prediction, y) == np.mean(prediction == y.argmax(axis=1))
    assert loss.score(prediction, y, np.arange(7.0)) == np.average(prediction == y.argmax(axis=1), weights=np.arange(7))
    assert max(check_loss(nn.Softmax(0.1), y).values()) < 1e-8
    hard = np.array([0, 2, 1, 1, 0, 2, 2])
    for each in (loss, nn.Softmax(0.3)):
        of_labels, of_rows = (each.mean(scores, t, kernels) for t in (hard, np.eye(3)[hard]))
        assert of_labels == pytest.approx(of_rows, rel=1e-13)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full((7, 3), 0.3), "expected probabilities that add up to 1, got 0.9 in row 0"),
        (np.tile([1.5, -0.5, 0], (7, 1)), "expected probabilities of 0 or more, got -0.5 in row 0"),
        (np.full((7, 3), np.nan), "row 0 holds nan"),
        (soft(7, 4), r"expected a label for each of the 7 rows, shape \(7,\), or .* shape \(7, 3\), got \(7, 4\)"),
        (soft(6, 3), r"expected a label for each of the 7 rows, .* got \(6, 3\)"),
        (np.zeros((7, 1), int), r"expected a label for each of the 7 rows, .* got \(7, 1\)"),
    ],
)
def test_bad_soft_targets(y, message):
    with pytest.raises(ValueError, match=f"^y: {message}"):
        nn.Softmax().targets("y", y, 7, 3, np.float64)


@BOTH
def test_a_network_learns_from_soft_targets(ops):
    y, labels = soft(120, 2), (X[:, 0] > 0).astype(int)
    model = network(nn.Softmax(0.1), ops=ops, dtype=np.float64)
    model.l2 = 0
    loss, _ = model.loss(X, y)
    assert loss == pytest.approx(model.loss_function.mean(model.loss(X), y, ops))
    assert model.loss(X, labels)[0] == pytest.approx(model.loss(X, np.eye(2)[labels])[0], rel=1e-12)
    assert model.evaluate(X, y) == (pytest.approx(loss), np.mean(model.predict(X) == y.argmax(axis=1)))
    hard, same = (trained("softmax", t, ops=ops, dtype=np.float64) for t in (labels, np.eye(2)[labels]))
    assert bool(same.compiled) == (ops is kernels)
    np.testing.assert_allclose(same.model.params.flat, hard.model.params.flat, rtol=1e-6, atol=1e-9)
    assert same.val_acc_history == hard.val_acc_history
    again = trained("softmax", y, ops=ops, dtype=np.float64)
    assert again.loss_history[-1] != hard.loss_history[-1]


def test_label_smoothing_has_an_effect():
    y = (X[:, 0] > 0).astype(int)
    plain, smooth = (network(nn.Softmax(part)) for part in (0.0, 0.3))
    for model in (plain, smooth):
        solver(model, y, epochs=60).train()
    assert smooth.predict_proba(X).max() < plain.predict_proba(X).max()
    for part in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="^Softmax: label_smoothing: expected a number"):
            nn.Softmax(part)
    for quantile in (0, 1, np.nan):
        with pytest.raises(ValueError, match=r"^Quantile: quantile: expected a number in \(0, 1\)"):
            nn.Quantile(quantile)


def test_probabilities_of_the_softmax_and_of_those_that_have_none():
    scores = np.log([[1.0, 3.0]])
    assert nn.Softmax().probabilities(scores, nn.reference) is scores
    np.testing.assert_allclose(scores, [[0.25, 0.75]])
    with pytest.raises(ValueError, match=r"loss SVM\(\) has scores, but no probabilities"):
        network("svm").predict_proba(X)
    with pytest.raises(ValueError, match=r"loss SquaredError\(\) has values, but no probabilities"):
        network("squared_error").predict_proba(X)


MEANS = {  # by hand
    "softmax": (nn.Softmax(), [[0, 0], [0, math.log(3)]], [0, 0], (math.log(2) + math.log(4)) / 2),
    "svm": (nn.SVM(), [[1, 3, 0.5], [5, 0, 0]], [0, 0], (3 + 0.5) / 2),
    "squared_error": (nn.SquaredError(), [[1, 2], [0, 0]], [[0, 0], [0, 3]], (1 + 4 + 9) / 4),
    "huber": (nn.Huber(2.0), [[1, 2], [0, 0]], [[0, 0], [0, 3]], (0.5 + 2 + 4) / 4),
    "absolute_error": (nn.AbsoluteError(), [[1, 2], [0, 0]], [[0, 0], [0, 3]], (1 + 2 + 3) / 4),
    "poisson": (nn.Poisson(), [[0, math.log(2)], [0, 0]], [[3, 1], [0, 2]], (1 + 2 - math.log(2) + 1 + 1) / 4),
    "quantile": (nn.Quantile(0.75), [[1, 2], [0, 0]], [[0, 0], [0, 3]], (0.25 + 0.5 + 2.25) / 4),
    "binary_cross_entropy": (nn.BinaryCrossEntropy(), [[0], [math.log(3)]], [[1], [0]], math.log(8) / 2),
}


@BOTH
@pytest.mark.parametrize("name", LOSSES)
def test_the_mean(name, ops):
    loss, scores, y, expected = MEANS[name]
    scores = np.array(scores, np.float64)
    y = loss.check_targets("y", y, *scores.shape, np.float64)
    assert loss.mean(scores, y, ops) == pytest.approx(expected, rel=1e-12)
    many = [np.concatenate([a] * 601) for a in (scores, y)]  # more than one batch of them
    assert loss.mean(*many, ops) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("loss", [*LOSSES, nn.Softmax(0.2), nn.Quantile(0.9)], ids=str)
def test_the_gradient(loss):
    errors = check_loss(loss)
    assert set(errors) == {"reference", "kernel"}
    assert max(errors.values()) < 1e-8


# How a loss is given.


@pytest.mark.parametrize("name", LOSSES)
def test_a_name_is_short_for_a_loss(name):
    loss = LOSSES[name]()
    assert checked_loss("loss", name) == loss
    assert loss.name == name
    assert network(loss).loss_name == name
    assert repr(loss) == {
        "huber": "Huber(delta=1.0)",
        "quantile": "Quantile(quantile=0.5)",
        "softmax": "Softmax(label_smoothing=0.0)",
    }.get(name, f"{type(loss).__name__}()")
    assert getattr(nn, type(loss).__name__) is type(loss)
    y = [0, 1, 1] if not loss.per_output else [[0, 1], [1, 1], [0, 0]]
    (a, _), (b, _) = (network(each).loss(X[:3], y) for each in (name, loss))
    assert a == b


class Empty(nn.Loss):
    pass


class Labels(nn.SquaredError):
    per_output = False


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        ("sofmax", ValueError, "loss: expected one of 'softmax', 'svm', .*, got 'sofmax'; did you mean 'softmax'"),
        (nn.Softmax, TypeError, r"loss: expected a loss, got the class; write Softmax\(\)"),
        (None, ValueError, "loss: expected one of .*, or a Loss, got None"),
        (np.square, ValueError, "loss: expected one of .*, or a Loss, got"),
        (["softmax"], ValueError, "loss: expected one of .*, or a Loss, got"),
        (nn.ReLU(), ValueError, "loss: expected one of .*, or a Loss, got ReLU"),
        (Empty(), TypeError, r"loss: Empty\(\) defines neither reference nor kernel"),
        (nn.Loss(), TypeError, r"loss: Loss\(\) defines neither reference nor kernel"),
        (Labels(), TypeError, r"loss: Labels\(\) takes labels, .* needs classifies = True"),
    ],
)
def test_bad_losses(loss, error, message):
    with pytest.raises(error, match=f"^{message}"):
        network(loss)
    with pytest.raises(error, match=f"^{message}"):
        nn.FullyConnectedNet([4], 3, 2, loss=loss)


# Losses of a user's own.


@dataclass(frozen=True)
class Pinball(nn.Loss):
    """The quantile loss, from Python."""

    quantile: float = 0.5

    @staticmethod
    def reference(scores, y, quantile, dscores):
        error = y - scores
        dscores[...] = np.where(error > 0, -quantile, 1 - quantile) / scores.size
        return np.mean(np.maximum(quantile * error, (quantile - 1) * error), dtype=np.float64)


@dataclass(frozen=True)
class CompiledPinball(Pinball):
    @numba.njit
    def kernel(scores, y, quantile, dscores):
        loss = 0.0
        for i in range(scores.shape[0]):
            for j in range(scores.shape[1]):
                error = y[i, j] - scores[i, j]
                loss += max(quantile * error, (quantile - 1) * error)
                dscores[i, j] = (-quantile if error > 0 else 1 - quantile) / scores.size
        return loss / scores.size


class Twin(nn.Loss):
    """numbanet's squared error, as its functions are."""

    weighted = True
    reference = staticmethod(nn.reference.squared_error_loss)
    kernel = nn.kernels.squared_error_loss


class Plain(nn.Loss):
    """Squared error, as a method."""

    def reference(self, scores, y, dscores):
        error = scores - y
        dscores[...] = error * scores.dtype.type(2 / error.size)
        return np.square(error).mean()


class Loops(nn.Loss):
    """Squared error, as loops."""

    @staticmethod
    @numba.njit
    def kernel(scores, y, dscores):
        loss, scale = 0.0, scores.dtype.type(2 / scores.size)
        for i in range(scores.shape[0]):
            for j in range(scores.shape[1]):
                error = scores[i, j] - y[i, j]
                loss += error * error
                dscores[i, j] = error * scale
        return loss / scores.size


class Labelled(nn.Loss):
    """The softmax loss on labels."""

    per_output, classifies, weighted = False, True, True
    reference = staticmethod(nn.reference.softmax_loss)
    kernel = nn.kernels.softmax_loss

    def constants(self):
        return (0.0,)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("own", [Twin, Plain, Loops])
def test_squared_error_written_anew_learns_the_same(own, dtype):
    expected, found = trained("squared_error", dtype=dtype), trained(own(), dtype=dtype)
    np.testing.assert_array_equal(found.model.params.flat, expected.model.params.flat)
    np.testing.assert_allclose(found.loss_history, expected.loss_history, rtol=1e-6)
    np.testing.assert_allclose(found.val_loss_history, expected.val_loss_history, rtol=1e-6)
    assert found.val_acc_history == expected.val_acc_history
    assert bool(found.compiled) == (own is not Plain)
    if own is Twin:
        assert found.loss_history == expected.loss_history
        assert found.val_loss_history == expected.val_loss_history


def test_a_loss_of_labels_written_anew_learns_the_same():
    y = (X[:, 0] > 0).astype(int)
    expected, found = trained("softmax", y), trained(Labelled(), y)
    np.testing.assert_array_equal(found.model.params.flat, expected.model.params.flat)
    assert found.val_acc_history == expected.val_acc_history
    np.testing.assert_array_equal(found.model.predict(X), expected.model.predict(X))
    with pytest.raises(ValueError, match=r"Labelled\(\) has scores, but no probabilities"):
        found.model.predict_proba(X)


@pytest.mark.parametrize("dtype", FLOATS)
def test_from_python_and_compiled_learn_the_same(dtype):
    plain, compiled = (trained(loss(0.8), dtype=dtype) for loss in (Pinball, CompiledPinball))
    assert "Pinball.reference of loss Pinball(quantile=0.8) is not compiled" in str(plain.compiled)
    assert compiled.compiled
    np.testing.assert_array_equal(plain.model.params.flat, compiled.model.params.flat)
    np.testing.assert_allclose(plain.loss_history, compiled.loss_history, rtol=1e-6)
    np.testing.assert_allclose(plain.val_loss_history, compiled.val_loss_history, rtol=1e-6)


def test_what_is_learnt_is_the_quantile():
    model = trained(CompiledPinball(0.9)).model
    solver(model, epochs=150, optimizer_options={"learning_rate": 0.02}, restore_best_weights=False).train()
    below = (model.predict(X) > Y).mean()
    assert 0.85 < below < 0.95


def test_on_the_reference_the_numpy_function_is_what_runs(monkeypatch):
    @numba.njit
    def refused(scores, y, quantile, dscores):
        if quantile > 0:
            raise ValueError("not this one")
        return 0.0

    expected = network(Pinball(0.3), ops=nn.reference).loss(X, Y)
    monkeypatch.setattr(CompiledPinball, "kernel", refused)
    found = network(CompiledPinball(0.3), ops=nn.reference).loss(X, Y)
    assert found[0] == expected[0]
    with pytest.raises(RuntimeError, match="not this one"):
        network(CompiledPinball(0.3)).loss(X, Y)


@pytest.mark.parametrize("own", [Pinball, CompiledPinball, nn.Huber])
def test_an_option_has_an_effect(own):
    assert own(0.2).constants() == (0.2,)
    low, high = (network(own(quantile)).loss(X, Y) for quantile in (0.2, 0.9))
    assert low[0] != high[0]
    assert not np.array_equal(low[1]["W1"], high[1]["W1"])


def test_own_constants():
    class Half(Loops):
        def constants(self):
            return (0.5,)

        @numba.njit
        def kernel(scores, y, factor, dscores):
            dscores[:] = (scores - y) * (2 * factor / scores.size)
            return factor * np.mean((scores - y) ** 2)

    (whole, g), (half, h) = (network(loss, dtype=np.float64).loss(X, Y) for loss in ("squared_error", Half()))
    net = network("squared_error", dtype=np.float64)
    net.l2 = 0
    penalty = whole - net.loss(X, Y)[0]
    assert half - penalty == pytest.approx(0.5 * (whole - penalty))
    assert np.linalg.norm(h["b2"]) == pytest.approx(0.5 * np.linalg.norm(g["b2"]))


def test_own_methods_take_the_place_of_the_usual():
    class Signs(Twin):
        def check_targets(self, name, y, count, outputs, dtype):
            return super().check_targets(name, np.asarray(y) * 2 - 1, count, outputs, dtype)

        def predict(self, scores):
            return (scores > 0) * 1

        def score(self, prediction, y):
            return float(np.mean((prediction * 2 - 1) == y))

        def probabilities(self, scores, ops):
            return np.clip(scores / 2 + 0.5, 0, 1)

    y = (Y > 0).astype(int)
    model = network(Signs())
    solver(model, y, epochs=60).train()
    assert model.score(X, y) == np.mean(model.predict(X) == y) > 0.6
    np.testing.assert_array_equal(model.predict_proba(X) > 0.5, model.predict(X) == 1)


def test_yes_or_no_for_each_output():
    class Answers(Twin):
        classifies = True

    y = (Y > 0).astype(int)
    model = trained(Answers(), y).model
    assert set(np.unique(model.predict(X))) <= {0, 1}
    assert model.score(X, y) == np.mean(model.predict(X) == y)


class Gaussian(nn.Loss):
    """Negative log-likelihood of a normal distribution, by its mean and the logarithm of its variance."""

    def target_shape(self, outputs):
        return (outputs // 2,)

    def predict(self, scores):
        return scores[:, :1]

    @numba.njit
    def kernel(scores, y, dscores):
        loss, n = 0.0, scores.shape[0]
        for i in range(n):
            error, weight = scores[i, 0] - y[i, 0], np.exp(-scores[i, 1])
            loss += (scores[i, 1] + error * error * weight) / 2
            dscores[i, 0] = error * weight / n
            dscores[i, 1] = (1 - error * error * weight) / (2 * n)
        return loss / n


def test_targets_of_another_shape_than_the_scores():
    assert check_loss(Gaussian(), outputs=2)["kernel"] < 1e-8
    made = solver(network(Gaussian()), Y[:, 0], epochs=80)
    made.train()
    assert made.compiled
    assert made.model.score(X, Y[:, 0]) > 0.5
    scores, y = np.array([[1.0, 0.0], [2.0, math.log(4)]]), np.array([[2.0], [4.0]])
    assert Gaussian().mean(scores, y, nn.kernels) == pytest.approx((0.5 + (math.log(4) + 1) / 2) / 2)
    with pytest.raises(ValueError, match=r"y: expected shape \(120, 1\), got \(120, 2\)"):
        made.model.score(X, Y)


def test_predictions_that_cannot_be_compared_with_targets():
    class Halfway(Gaussian):
        predict = nn.Loss.predict

    with pytest.raises(ValueError, match=r"Halfway\(\): cannot compare predictions of shape \(120, 2\) with "):
        network(Halfway()).score(X, Y[:, 0])


@pytest.mark.parametrize(
    "returned", [Y.astype(np.float32)[:, :1], Y, Y.astype(np.float32).tolist(), None, Y.astype(np.float32)[:5]]
)
def test_targets_that_the_function_does_not_take(returned):
    class Careless(Twin):
        def check_targets(self, name, y, count, outputs, dtype):
            return returned

    for call in (network(Careless()).loss, network(Careless()).score):
        with pytest.raises(TypeError, match=r"Careless\(\): check_targets returned .* of shape \(120, 2\)"):
            call(X, Y)


@BOTH
def test_a_loss_of_several_operations(ops):
    class Twofold(nn.Loss):
        def lower(self, net, scores, y):
            parts = [net.buffer(scores.shape[1]) for _ in range(3)]
            for part in parts[:2]:
                net.loss("squared_error_loss", scores, y, net.weights, part)
            net.backward("add", *(part.reshape(-1) for part in parts))
            return parts[2]

        def mean(self, scores, y, ops):
            return 2 * nn.SquaredError().mean(scores, y, ops)

    (once, g), (twice, h) = (network(loss, ops=ops).loss(X, Y) for loss in ("squared_error", Twofold()))
    penalty = once - nn.SquaredError().mean(network("squared_error").loss(X), Y.astype(np.float32), ops)
    assert twice - penalty == pytest.approx(2 * (once - penalty))
    np.testing.assert_allclose(h["b2"], 2 * g["b2"], rtol=1e-6)
    made = solver(network(Twofold(), ops=ops))
    made.train()
    assert bool(made.compiled) == (ops is nn.kernels)


@pytest.mark.parametrize(
    "loss",
    [
        nn.Huber(0.3),
        nn.Quantile(0.2),
        nn.Softmax(0.25),
        nn.Poisson(),
        Pinball(0.7),
        CompiledPinball(0.7),
        Twin(),
        Plain(),
    ],
    ids=repr,
)
def test_copies(loss, tmp_path):
    y = soft(120, 2) if isinstance(loss, nn.Softmax) else np.abs(Y)
    model = trained(loss, y).model
    model.save(tmp_path / "net.npz")
    expected = model.loss(X, y)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), nn.load(tmp_path / "net.npz")):
        assert repr(again.loss_function) == repr(loss)
        found = again.loss(X, y)
        assert found[0] == expected[0]
        np.testing.assert_array_equal(found[1]["W1"], expected[1]["W1"])


def test_training_goes_on_from_a_file(tmp_path):
    whole = solver(network(CompiledPinball(0.7)), epochs=4)
    whole.train()
    half = solver(network(CompiledPinball(0.7)), epochs=2)
    half.train()
    half.save(tmp_path / "state.npz")
    resumed = solver(network(CompiledPinball(0.7)), epochs=2)
    resumed.restore(tmp_path / "state.npz")
    resumed.train()
    np.testing.assert_array_equal(resumed.model.params.flat, whole.model.params.flat)
    with pytest.raises(nn.CheckpointError, match="saved with model"):
        solver(network(CompiledPinball(0.6))).restore(tmp_path / "state.npz")
    assert nn.load(tmp_path / "state.npz").loss_function == CompiledPinball(0.7)


class Shared(nn.Loss):
    """Squared error by a kernel that shares its rows among threads."""

    @numba.njit(parallel=True)
    def kernel(scores, y, dscores):
        losses = np.zeros(scores.shape[0])
        for i in numba.prange(scores.shape[0]):
            for j in range(scores.shape[1]):
                error = scores[i, j] - y[i, j]
                losses[i] += error * error
                dscores[i, j] = 2 * error / scores.size
        return losses.sum() / scores.size


@pytest.mark.parametrize("loss", [CompiledPinball(0.8), Shared()], ids=repr)
def test_one_and_two_threads_give_the_same_bits(loss, threads):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    found = []
    for count in (1, 2):
        threads(count)
        made = trained(loss)
        found.append((made.loss_history, made.model.params.flat.tobytes()))
    assert found[0] == found[1]


# What is wrong with a loss of a user's own becomes an error, wherever it runs.


def unwritten(scores, y, dscores):
    return 1.0


def written_but_for_one(scores, y, dscores):
    dscores[:] = 0
    dscores[len(scores) - 1, 1] = np.nan
    return 1.0


def another_array(scores, y, dscores):
    dscores = scores - y
    return dscores.mean()


def nothing(scores, y, dscores):
    dscores[:] = 0


def an_array(scores, y, dscores):
    dscores[:] = 0
    return scores


def raises(scores, y, dscores):
    dscores[:] = 0
    if len(scores) > 0:
        raise ValueError("not today")
    return 1.0


def divides(scores, y, dscores):
    dscores[:] = 0
    return 1.0 / (len(scores) - len(y))


def too_many(scores, y, weights, dscores):
    return 1.0


def no_such(scores, y, dscores):
    scores.missing()
    return 1.0


FAULTS = [
    (unwritten, RuntimeError, r"left dscores\[0, 0\] unwritten, or NaN; write into the array"),
    (written_but_for_one, RuntimeError, r"left dscores\[\d+, 1\] unwritten, or NaN$"),
    (another_array, RuntimeError, r"left dscores\[0, 0\] unwritten, or NaN; write into the array"),
    (nothing, TypeError, "return(ed NoneType None|s none); expected the mean loss, a float"),
    (an_array, TypeError, "return(ed an array|s array).*; expected the mean loss, a float"),
    (raises, RuntimeError, "raised ValueError: not today"),
    (divides, RuntimeError, "raised ZeroDivisionError: (float )?division by zero"),
    (too_many, (RuntimeError, TypeError), "function takes 4|missing 1 required positional argument: 'dscores'"),
    (no_such, (RuntimeError, TypeError), "missing"),
]
CALLS = {
    "loss": lambda model: model.loss(X, Y),
    "evaluate": lambda model: model.evaluate(X, Y),
    "train": lambda model: solver(model).train(),
    "check": lambda model: check_loss(model.loss_function, outputs=2),
}


@pytest.fixture(scope="module")
def compiled_faults():
    return {function: numba.njit(function) for function, *_ in FAULTS}


@pytest.mark.parametrize("way", ["reference", "kernel"])
@pytest.mark.parametrize(("function", "error", "message"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_faults(function, error, message, way, compiled_faults):
    function = compiled_faults[function] if way == "kernel" else function
    kind = type("Faulty", (nn.Loss,), {way: staticmethod(function)})
    for name, call in CALLS.items():
        model = network(kind())
        before = model.params.flat.copy()
        with pytest.raises(error, match=message) as raised:
            call(model)
        if "raised" not in message:
            assert str(raised.value).startswith(f"loss Faulty(): {way}"), name
        np.testing.assert_array_equal(model.params.flat, before)


@pytest.mark.parametrize("way", ["reference", "kernel"])
def test_targets_and_scores_are_not_written(way):
    def greedy(scores, y, dscores):
        y[:] = 0
        dscores[:] = 0
        return 1.0

    kind = type("Greedy", (nn.Loss,), {way: staticmethod(numba.njit(greedy) if way == "kernel" else greedy)})
    y = Y.astype(np.float32)
    for call in (lambda: network(kind()).evaluate(X, y), lambda: check_loss(kind(), y[:5], outputs=2)):
        with pytest.raises(RuntimeError, match="wrote into scores or y"):
            call()
    np.testing.assert_array_equal(y, Y.astype(np.float32))


class Picky(nn.Loss):
    """Squared error that raises on a target of 99."""

    @numba.njit
    def kernel(scores, y, dscores):
        for i in range(scores.shape[0]):
            for j in range(scores.shape[1]):
                if y[i, j] == 99:
                    raise ValueError("99")
                dscores[i, j] = 2 * (scores[i, j] - y[i, j]) / scores.size
        return np.mean((scores - y) ** 2)


def test_an_exception_between_compiled_steps_ends_them_before_the_update():
    found = []
    for poisoned in (False, True):
        model = network(Picky())
        x, y = X.astype(np.float32), model.check_targets("y", Y, len(Y)).copy()
        y[85] = 99 if poisoned else 0
        optimizer = Optimizer("adam", model.params.flat.size, model.dtype)
        steps = training_steps(model.workspaces.main().program(model, 40, training=True), x, y, optimizer)
        assert len(steps(np.arange(120 if poisoned else 80))) == 2  # what came before it is told of first
        if poisoned:
            with pytest.raises(RuntimeError, match="raised ValueError: 99"):
                steps(np.arange(40))  # which would raise nothing
        assert optimizer.t == 2
        found.append(model.params.flat.copy())
    np.testing.assert_array_equal(*found)


@numba.njit
def passed_on(x, out):
    for i in range(x.shape[0]):
        if x[i, 0] == 99:
            raise ValueError("99")
        out[i] = x[i]


class Picks(nn.Layer):
    """A layer that raises on an input of 99."""

    def lower(self, net, x):
        out = net.buffer(*x.shape[1:])
        net.forward(passed_on, x, out)
        return out, None


def test_an_exception_in_a_layer_ends_the_pass():
    model = nn.Sequential([Picks(), nn.Affine(2)], (3,), loss="squared_error", seed=0)
    x, y = X.astype(np.float32), Y.astype(np.float32)
    x[85, 0] = 99
    optimizer = Optimizer("sgd", model.params.flat.size, model.dtype)
    steps = training_steps(model.workspaces.main().program(model, 40, training=True), x, y, optimizer)
    before = model.params.flat.copy()
    for rows in (np.arange(80, 120), np.arange(80, 120)):
        with pytest.raises(RuntimeError, match="passed_on.* raised ValueError: 99"):
            steps(rows)
    np.testing.assert_array_equal(model.params.flat, before)
    assert len(steps(np.arange(80))) == 2
    with pytest.raises(RuntimeError, match="passed_on.* raised ValueError: 99"):
        model.predict(x)
    assert model.predict(x[:80]).shape == (80, 2)  # whatever lies in the rows besides


def test_a_float32_that_a_kernel_returns_is_the_loss():
    class Single(nn.Loss):
        @numba.njit
        def kernel(scores, y, dscores):
            dscores[:] = 0
            return np.float32(3.25)

    net = network(Single())
    net.l2 = 0
    assert net.loss(X, Y)[0] == 3.25
    assert solver(net).model.evaluate(X, Y)[0] == 3.25


def test_a_loss_that_is_no_number_is_divergence():
    """NaN with a gradient that is written is no fault of the function's form."""

    class Endless(nn.Loss):
        @numba.njit
        def kernel(scores, y, dscores):
            dscores[:] = 0
            return np.inf

    with pytest.raises(nn.TrainingDiverged):
        solver(network(Endless())).train()


# What `check_loss` finds.


def wrong_gradient(scores, y, dscores):
    dscores[...] = scores - y
    return np.square(scores - y).mean()


def averaged(scores, y, dscores):
    return nn.reference.squared_error_loss(scores, y, np.empty(0), dscores)


def summed(scores, y, dscores):
    dscores[...] = 2 * (scores - y)
    return np.square(scores - y).sum()


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"reference": wrong_gradient}, r"^loss Wrong\(\): reference: gradient of scores\[.*analytic"),
        ({"reference": summed}, r"^loss Wrong\(\): reference: is no mean: .* of 7 examples, .* of them twice"),
        ({"reference": averaged, "kernel": numba.njit(summed)}, "kernel: is no mean"),
        ({"reference": averaged, "kernel": nn.kernels.svm_loss}, "kernel"),
    ],
    ids=["gradient", "sum", "sum in the kernel", "another kernel"],
)
def test_check_loss_finds(functions, message):
    kind = type("Wrong", (nn.Loss,), {way: staticmethod(function) for way, function in functions.items()})
    with pytest.raises((AssertionError, RuntimeError, TypeError), match=message):
        check_loss(kind())


def test_check_loss_compares_kernel_and_reference():
    @numba.njit
    def half(scores, y, dscores):
        dscores[:] = (scores - y) / scores.size
        return np.mean((scores - y) ** 2) / 2

    class Unlike(nn.Loss):
        reference = staticmethod(averaged)
        kernel = half

    with pytest.raises(AssertionError, match="kernel .*, reference "):
        check_loss(Unlike())


def test_check_loss_of_given_targets():
    class Positive(Pinball):
        def check_targets(self, name, y, count, outputs, dtype):
            y = super().check_targets(name, y, count, outputs, dtype)
            if y.min() < 5:
                raise ValueError(f"{name}: expected 5 or more")
            return y

    with pytest.raises(ValueError, match="y: expected 5 or more"):
        check_loss(Positive(0.3))
    assert check_loss(Positive(0.3), np.full((4, 2), 7.0), outputs=2)["reference"] < 1e-8
    assert set(check_loss(CompiledPinball(0.3))) == {"reference", "kernel"}
    assert set(check_loss(Loops())) == {"kernel"}
    assert set(check_loss(Labelled(), [0, 1, 4], outputs=5)) == {"reference", "kernel"}
