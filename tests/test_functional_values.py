"""numbanet.functional against plain float64 formulas."""

import math

import numpy as np
import pytest

from numbanet import functional as F
from numbanet import kernels, reference

BOTH = pytest.mark.parametrize("ops", [reference, kernels], ids=["reference", "kernels"])


def close(got, want):
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)


def normal(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


ACTIVATIONS = [
    ("relu", {}, lambda x: np.where(x > 0, x, 0)),
    ("leaky_relu", {}, lambda x: np.where(x > 0, x, 0.01 * x)),
    ("leaky_relu", {"negative_slope": 0.3}, lambda x: np.where(x > 0, x, 0.3 * x)),
    ("elu", {}, lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    ("elu", {"alpha": 1.7}, lambda x: np.where(x > 0, x, 1.7 * (np.exp(x) - 1))),
    ("sigmoid", {}, lambda x: 1 / (1 + np.exp(-x))),
    ("tanh", {}, lambda x: 1 - 2 / (np.exp(2 * x) + 1)),
    ("gelu", {}, np.vectorize(lambda x: x / 2 * math.erfc(-x / math.sqrt(2)))),
    ("gelu_tanh", {}, lambda x: x / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    ("silu", {}, lambda x: x / (1 + np.exp(-x))),
]


@BOTH
@pytest.mark.parametrize(("name", "options", "formula"), ACTIVATIONS)
@pytest.mark.parametrize("shape", [(), (7,), (1, 5), (2, 3, 4)])
def test_activations(name, options, formula, shape, ops):
    x = normal(*shape)
    close(getattr(F, f"{name}_forward")(x, **options, ops=ops)[0], formula(x))


@BOTH
@pytest.mark.parametrize("trailing", [(6,), (3, 2), (1, 3, 2), (6, 1)])
def test_affine_with_any_number_of_trailing_axes(trailing, ops):
    x, w, b, dout = normal(5, *trailing), normal(6, 4), normal(4), normal(5, 4)
    flat = x.reshape(5, 6)
    for name, mask in (("affine", np.full((5, 4), True)), ("affine_relu", flat @ w + b > 0)):
        out, cache = getattr(F, f"{name}_forward")(x, w, b, ops=ops)
        close(out, (flat @ w + b) * mask)
        dx, dw, db = getattr(F, f"{name}_backward")(dout, cache)
        dz = dout * mask
        close(dx, (dz @ w.T).reshape(x.shape))
        close(dw, flat.T @ dz)
        close(db, dz.sum(axis=0))


@BOTH
def test_batchnorm(ops):
    x, gamma, beta, mean, var = normal(6, 4), normal(4), normal(4), normal(4), normal(4) ** 2
    options = {"running_mean": mean, "running_var": var, "momentum": 0.7, "eps": 1e-3, "ops": ops}
    out, cache = F.batchnorm_forward(x, gamma, beta, **options)
    close(out, gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3) + beta)
    close(cache.running_mean, 0.7 * mean + 0.3 * x.mean(axis=0))
    close(cache.running_var, 0.7 * var + 0.3 * x.var(axis=0))
    out = F.batchnorm_inference(x, gamma, beta, mean, var, eps=1e-3, ops=ops)
    close(out, gamma * (x - mean) / np.sqrt(var + 1e-3) + beta)


def test_batchnorm_averages_start_at_0_and_1():
    x, ones = normal(6, 4), np.ones(4)
    cache = F.batchnorm_forward(x, ones, ones)[1]
    close(cache.running_mean, 0.1 * x.mean(axis=0))
    close(cache.running_var, 0.9 + 0.1 * x.var(axis=0))


def test_batchnorm_averages_settle():
    x, mean, var = normal(6, 4), None, None
    for _ in range(400):
        cache = F.batchnorm_forward(x, np.ones(4), np.zeros(4), running_mean=mean, running_var=var)[1]
        mean, var = cache.running_mean, cache.running_var
    close(mean, x.mean(axis=0))
    close(var, x.var(axis=0))


@BOTH
def test_layernorm(ops):
    x, gamma, beta = normal(6, 4), normal(4), normal(4)
    mean, var = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    close(F.layernorm_forward(x, gamma, beta, eps=1e-3, ops=ops)[0], gamma * (x - mean) / np.sqrt(var + 1e-3) + beta)


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


@BOTH
def test_dropout(ops):
    x = np.ones((100, 100), np.float32)
    out, cache = F.dropout_forward(x, rate=0.25, seed=2**64 - 1, ops=ops)
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((out > 0).mean() - 0.75) < 5 * math.sqrt(0.75 * 0.25 / x.size)
    np.testing.assert_array_equal(F.dropout_backward(x, cache), out)  # the same mask


def test_dropout_masks_follow_seed_and_step():
    def mask(**options):
        return F.dropout_forward(np.ones(1000), rate=0.5, **options)[0]

    np.testing.assert_array_equal(mask(seed=1), mask(seed=1, step=0))
    for other in (mask(seed=2), mask(seed=1, step=1)):
        assert 400 < (mask(seed=1) != other).sum() < 600
    np.testing.assert_array_equal(F.dropout_forward([3.0, 4.0], rate=0, seed=0)[0], [3, 4])


@BOTH
def test_sgd_and_momentum(ops):
    w, v, dw = normal(3, 4), normal(4, 3).T, normal(12).reshape(3, 4)
    close(F.sgd_update(w, dw, learning_rate=0.1, ops=ops), w - 0.1 * dw)
    new_v = 0.8 * v - 0.1 * dw
    for name, step in (("momentum", new_v), ("nesterov", 0.8 * new_v - 0.1 * dw)):
        new = getattr(F, f"{name}_update")(w, dw, v, learning_rate=0.1, momentum=0.8, ops=ops)
        close(new[0], w + step)
        close(new[1], new_v)


@BOTH
@pytest.mark.parametrize("inside", [False, True])
def test_rmsprop(inside, ops):
    w, dw, s = normal(5), normal(6)[:5], normal(7)[:5] ** 2
    options = {"learning_rate": 0.1, "decay_rate": 0.9, "eps": 0.01, "eps_inside_root": inside}
    new_w, new_s = F.rmsprop_update(w, dw, s, **options, ops=ops)
    expected = 0.9 * s + 0.1 * dw**2
    close(new_s, expected)
    close(new_w, w - 0.1 * dw / (np.sqrt(expected + 0.01) if inside else np.sqrt(expected) + 0.01))


@BOTH
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
def test_adam(inside, weight_decay, ops):
    options = {"beta1": 0.8, "beta2": 0.9, "eps": 0.01, "weight_decay": weight_decay, "eps_inside_root": inside}
    w, m, v = normal(5), np.zeros(5), np.zeros(5)
    expected, mean, square = w.copy(), 0.0, 0.0
    for step in range(1, 5):
        dw = normal(5 + step)[:5]
        w, m, v = F.adam_update(w, dw, m, v, step=step, learning_rate=0.1, **options, ops=ops)
        mean, square = 0.8 * mean + 0.2 * dw, 0.9 * square + 0.1 * dw**2
        expected = expected - 0.1 * weight_decay * expected
        if inside:
            expected = expected - 0.1 * mean / np.sqrt(square + 0.01)
        else:
            expected = expected - 0.1 * (mean / (1 - 0.8**step)) / (np.sqrt(square / (1 - 0.9**step)) + 0.01)
    close(m, mean)
    close(v, square)
    close(w, expected)
