"""Weights of examples: in the operations, in losses of a user's own, and through a network and its compiled steps."""

import math

import numba
import numpy as np
import pytest
from cases import case
from compare import BOTH, DTYPES

import numbanet as nn
from numbanet import functional as F
from numbanet import kernels
from numbanet.operations import LOSSES, OPERATIONS
from numbanet.optim import Optimizer
from numbanet.program import training_steps
from numbanet.testing import check_loss

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 3))
LABELS, TARGETS = RNG.integers(4, size=120), RNG.random((120, 4))
TIMES = RNG.integers(4, size=120)  # weights that are whole numbers
NAMES = [name.removesuffix("_loss") for name in LOSSES]


def targets(name, outputs=4):
    if "y" in OPERATIONS[f"{name}_loss"].arguments:
        return LABELS
    rows = np.random.default_rng(1).random((120, outputs))
    return rows / rows.sum(axis=1, keepdims=True) if name == "soft_softmax" else rows


def network(loss, **options):
    layers = [nn.Affine(5), nn.Tanh(), nn.Affine(4)]
    loss = "softmax" if loss == "soft_softmax" else loss
    return nn.Sequential(layers, (3,), **{"loss": loss, "seed": 1, "dtype": np.float64, **options})


@BOTH
@pytest.mark.parametrize("classes", [4, 70])  # few and many
@pytest.mark.parametrize("name", NAMES)
def test_a_weight_is_a_number_of_examples(name, classes, ops):
    scores = RNG.standard_normal((120, classes))
    y = targets(name, classes)
    function = getattr(F, f"{name}_loss")
    loss, gradient = function(scores, y, sample_weight=TIMES, ops=ops)
    expected, repeated = function(np.repeat(scores, TIMES, axis=0), np.repeat(y, TIMES, axis=0), ops=ops)
    assert loss == pytest.approx(expected, rel=1e-12)
    first = np.cumsum(TIMES) - TIMES
    for row in range(120):
        want = TIMES[row] * repeated[first[row]] if TIMES[row] else np.zeros(classes)
        np.testing.assert_allclose(gradient[row], want, rtol=1e-11, atol=1e-15)


@DTYPES
@pytest.mark.parametrize("name", LOSSES)
def test_weights_of_1_are_none(name, dtype):
    for size in OPERATIONS[name].sizes.tested:
        found = []
        for weights in (np.empty(0, dtype), np.ones(size["N"], dtype)):
            given = case(OPERATIONS[name], size).build(np.random.default_rng(0), dtype)
            *_, gradient = given
            given["weights"] = weights
            found.append((getattr(kernels, name)(*given.values()), given[gradient].tobytes()))
        assert found[0] == found[1]


@BOTH
@DTYPES
@pytest.mark.parametrize("name", LOSSES)
def test_weights_that_add_up_to_0(name, dtype, ops):
    for size in OPERATIONS[name].sizes.tested[:4]:
        given = case(OPERATIONS[name], size).build(np.random.default_rng(0), dtype)
        *_, gradient = given
        given["weights"], given[gradient] = np.zeros(size["N"], dtype), np.full_like(given[gradient], np.nan)
        assert getattr(ops, name)(*given.values()) == 0
        assert (given[gradient] == 0).all()


BAD = [
    ([1, 1], r"expected a weight for each of the 120 examples, shape \(120,\), got \(2,\)"),
    (np.ones((120, 1)), r"expected a weight for each of the 120 examples, shape \(120,\), got \(120, 1\)"),
    (np.zeros(120), "expected weights with a sum above 0; all are 0"),
    (np.where(np.arange(120) == 7, -0.5, 1), "expected weights of 0 or more, got -0.5 in row 7"),
    (np.where(np.arange(120) == 7, np.nan, 1), "row 7 holds nan"),
    (np.where(np.arange(120) == 7, np.inf, 1), "row 7 holds inf"),
    (np.where(np.arange(120) == 7, 1e-310, 1), "row 7 holds 1e-310, which is too small for float64"),
    (np.full(120, 1e307), "expected weights with a sum above 0; they add up to inf, which float64 cannot hold"),
    (["a"] * 120, "expected an array of real numbers"),
]


@pytest.mark.parametrize(("weights", "message"), BAD)
def test_bad_weights(weights, message):
    model = network("softmax")
    before = model.params.flat.copy(), model.state.flat.copy()
    calls = [
        lambda: model.loss(X, LABELS, weights),
        lambda: model.evaluate(X, LABELS, weights),
        lambda: model.score(X, LABELS, weights),
        lambda: F.softmax_loss(TARGETS, LABELS, sample_weight=weights),
        lambda: F.squared_error_loss(TARGETS, TARGETS, sample_weight=weights),
    ]
    for call in calls:
        with np.errstate(over="ignore"), pytest.raises((TypeError, ValueError), match=f"^sample_weight: {message}"):
            call()
    np.testing.assert_array_equal(model.params.flat, before[0])


def test_weights_without_targets():
    with pytest.raises(ValueError, match="sample_weight: needs y"):
        network("softmax").loss(X, sample_weight=np.ones(120))


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_a_network_by_weights(name, ops):
    y, model = targets(name), network(name, ops=ops, l2=0.01)
    loss, grads = model.loss(X, y, sample_weight=TIMES)
    repeated = np.repeat(X, TIMES, axis=0), np.repeat(y, TIMES, axis=0)
    expected, repeated_grads = model.loss(*repeated)
    assert loss == pytest.approx(expected, rel=1e-12)
    for key, value in grads.items():
        np.testing.assert_allclose(value, repeated_grads[key], rtol=1e-9, atol=1e-13)
    found = model.evaluate(X, y, sample_weight=TIMES)
    assert found == pytest.approx(model.evaluate(*repeated), rel=1e-12)
    assert found != model.evaluate(X, y)
    assert model.score(X, y, TIMES) == found[1]
    assert model.loss(X, y, np.ones(120))[0] == model.loss(X, y)[0]


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    weights = RNG.random(120)
    model = network("softmax")
    prediction = model.predict(X)
    expected = metrics.accuracy_score(LABELS, prediction, sample_weight=weights)
    assert model.score(X, LABELS, weights) == pytest.approx(expected)
    model = network("squared_error")
    y = X @ RNG.standard_normal((3, 1)) + TARGETS
    expected = metrics.r2_score(y, model.predict(X), sample_weight=weights)
    assert model.score(X, y, weights) == pytest.approx(expected)
    narrow = nn.Sequential([nn.Affine(1)], (3,), loss="squared_error", seed=0, dtype=np.float64)
    expected = metrics.r2_score(y[:, 0], narrow.predict(X), sample_weight=weights)
    assert narrow.score(X, y[:, 0], weights) == pytest.approx(expected)


def test_the_score_of_what_counts_alone_does_not_vary():
    assert math.isnan(nn.SquaredError().score(np.array([1.0, 2, 3]), np.array([5.0, 5, 6]), np.array([1.0, 1, 0])))


def steps_of(name, weights, compiled, dtype=np.float32):
    model = network(name, dtype=dtype)
    x, y = X.astype(dtype), model.check_targets("y", targets(name), 120)
    weights = None if weights is None else model.check_weights("weights", weights, 120)
    optimizer = Optimizer("adam", model.params.flat.size, model.dtype)
    rows = np.random.default_rng(1).permutation(120)
    if compiled:
        program = model.training_program(40, y, weights)
        steps = training_steps(program, x, y, optimizer, weights=weights)
        assert steps.obstacle is None
        losses = steps(rows)
    else:
        losses = []
        for batch in rows.reshape(3, 40):
            losses.append(model.train_batch(x, y, batch, weights=weights))
            optimizer.update(model.params.flat, model.grads.flat)
    return losses, model.params.flat.tobytes()


@DTYPES
@pytest.mark.parametrize("name", NAMES)
def test_compiled_steps_gather_weights(name, dtype):
    weights = RNG.random(120)
    compiled = steps_of(name, weights, True, dtype)
    assert compiled == steps_of(name, weights, False, dtype)
    assert compiled != steps_of(name, None, True, dtype)
    assert steps_of(name, np.ones(120), True, dtype) == steps_of(name, None, True, dtype)


def test_weighted_batches_have_programs_of_their_own():
    model = network("softmax")
    y = model.check_targets("y", LABELS, 120)
    weights = model.check_weights("weights", np.arange(120.0), 120)
    plain = model.train_batch(X, y)
    weighted = model.train_batch(X, y, weights=weights)
    assert model.train_batch(X, y) == plain != weighted
    assert model.train_batch(X, y, weights=weights) == weighted
    assert model.train_batch(X, y, np.array([0] * 5), weights=weights) == 0  # the weight of that row


# Losses of a user's own.


class Weighted(nn.Loss):
    """Squared error by weights, from Python."""

    weighted = True

    @staticmethod
    def reference(scores, y, weights, dscores):
        share = (weights if weights.size else np.ones(len(y), y.dtype))[:, None]
        share = share / (share.sum() * scores.shape[1])
        dscores[...] = 2 * share * (scores - y)
        return float((share * (scores - y) ** 2).sum())


class Compiled(Weighted):
    @numba.njit
    def kernel(scores, y, weights, dscores):
        total, loss = 0.0, 0.0
        for i in range(scores.shape[0]):
            total += weights[i] if weights.size else 1.0
        for i in range(scores.shape[0]):
            weight = (weights[i] if weights.size else 1.0) / (total * scores.shape[1])
            for j in range(scores.shape[1]):
                error = scores[i, j] - y[i, j]
                loss += weight * error * error
                dscores[i, j] = 2 * weight * error
        return loss


class Unweighted(nn.Loss):
    @staticmethod
    def reference(scores, y, dscores):
        dscores[...] = 2 * (scores - y) / scores.size
        return float(np.mean((scores - y) ** 2))


class OwnMean(Compiled):
    def mean(self, scores, y, ops):
        return 0.0


@pytest.mark.parametrize("loss", [Weighted(), Compiled()], ids=repr)
def test_a_loss_of_one_s_own_by_weights(loss):
    assert max(check_loss(loss).values()) < 1e-8
    for weights in (None, RNG.random(120)):
        found, expected = (network(each).loss(X, TARGETS, weights) for each in (loss, "squared_error"))
        assert found[0] == pytest.approx(expected[0], rel=1e-12)
        np.testing.assert_allclose(found[1]["W1"], expected[1]["W1"], rtol=1e-10)
        found, expected = (network(each).evaluate(X, TARGETS, weights) for each in (loss, "squared_error"))
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Unweighted(), r"the loss Unweighted\(\) takes no weights; its function would, with weighted = True"),
        (OwnMean(), r"the loss OwnMean\(\) takes no weights in its own mean"),
    ],
)
def test_a_loss_that_takes_no_weights(loss, message):
    model = network(loss)
    for call in (model.loss, model.evaluate, model.score):
        with pytest.raises(ValueError, match=f"^sample_weight: {message}"):
            call(X, TARGETS, sample_weight=np.ones(120))
    assert model.loss(X, TARGETS)[0] > 0


def test_a_function_that_writes_into_the_weights():
    class Greedy(Weighted):
        @staticmethod
        def reference(scores, y, weights, dscores):
            weights[:] = 0
            return Weighted.reference(scores, y, np.ones(len(y)), dscores)

    with pytest.raises(RuntimeError, match="wrote into scores, y or weights"):
        network(Greedy()).loss(X, TARGETS, np.ones(120))


def test_check_loss_finds_weights_that_are_passed_over():
    class Deaf(Weighted):
        @staticmethod
        def reference(scores, y, weights, dscores):
            return Weighted.reference(scores, y, weights[:0], dscores)

    with pytest.raises(AssertionError, match=r"^loss Deaf\(\): reference, weighted: is no mean: .* each so many times"):
        check_loss(Deaf())
