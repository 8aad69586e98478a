"""What is the same everywhere is its own mean, exactly, so that a normalisation makes 0 of it, whatever its size."""

import numpy as np
import pytest

import numbanet
from numbanet import functional as F
from numbanet import kernels, reference

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("ops", [reference, kernels], ids=["reference", "kernels"])
LARGE = (12345.0, 1e6, 1.7e9, -3.3e7, 0.1, 1e-8)


def constants(count, seed, dtype):
    """Numbers of all sizes, first those that were once wrong."""
    rng = np.random.default_rng(seed)
    others = rng.standard_normal(count) * 10.0 ** rng.uniform(-6, 12, count)
    return np.concatenate([LARGE, others])[:count].astype(dtype)


@DTYPES
@BOTH
@pytest.mark.parametrize("n", [2, 3, 7, 8, 9, 64, 65, 1000, 2499])
def test_batchnorm_of_constant_columns(n, ops, dtype):
    values = constants(37, n, dtype)
    x, ones = np.ascontiguousarray(np.broadcast_to(values, (n, 37))), np.ones(37, dtype)
    out, cache = F.batchnorm_forward(x, ones, 0 * ones, momentum=0.0, ops=ops)
    assert (out == 0).all()
    np.testing.assert_array_equal(cache.running_mean, values)
    assert (cache.running_var == 0).all()
    dx, dgamma, _ = F.batchnorm_backward(np.arange(n * 37.0).reshape(n, 37) % 5, cache)
    assert (dgamma == 0).all()
    assert np.isfinite(dx).all()


@DTYPES
def test_batchnorm_of_constant_columns_in_many_pieces(dtype):
    """16 pieces of rows for few columns, and as many as there is room for of many; in both forms."""
    for n, d in ((70_000, 8), (130, 4100)):
        values = constants(d, n, dtype)
        x = np.ascontiguousarray(np.broadcast_to(values, (n, d)))
        for form in (kernels.batchnorm_forward.serial, kernels.batchnorm_forward.parallel):
            mean, inv_std, ones, zeros, out = *np.empty((2, d), dtype), np.ones(d, dtype), np.zeros(d, dtype), 0 * x
            form(x, ones, zeros, 0.9, 1e-5, zeros.copy(), ones.copy(), mean, inv_std, out)
            np.testing.assert_array_equal(mean, values)
            assert (out == 0).all()


@DTYPES
@BOTH
@pytest.mark.parametrize("d", [1, 2, 7, 63, 64, 65, 1000])
def test_layernorm_of_constant_rows(d, ops, dtype):
    values = constants(29, d, dtype)
    x, ones = np.ascontiguousarray(np.broadcast_to(values[:, None], (29, d))), np.ones(d, dtype)
    out, _ = F.layernorm_forward(x, ones, 0 * ones, ops=ops)
    assert (out == 0).all()


@DTYPES
@BOTH
@pytest.mark.parametrize(("channels", "groups", "side"), [(6, 2, 5), (6, 6, 3), (70, 1, 4), (130, 2, 3), (4, 4, 1)])
def test_images_of_one_colour(channels, groups, side, ops, dtype):
    values = constants(3 * groups, channels, dtype).reshape(3, groups)
    x = np.repeat(values, channels // groups, axis=1)[:, :, None, None] * np.ones((side, side), dtype)
    ones = np.ones(channels, dtype)
    out, _ = F.spatial_groupnorm_forward(x, ones, 0 * ones, groups, ops=ops)
    assert (out == 0).all()
    out, cache = F.spatial_batchnorm_forward(x[:1].repeat(4, axis=0), ones, 0 * ones, momentum=0.0, ops=ops)
    assert (out == 0).all()
    np.testing.assert_array_equal(cache.running_mean, np.repeat(values[0], channels // groups))


@DTYPES
@BOTH
@pytest.mark.parametrize("momentum", [0.1, 0.9, 0.99])
def test_a_running_mean_gets_to_what_is_always_the_same(momentum, ops, dtype):
    """Rounding would hold it some units in the last place away, which 1 / √eps makes large."""
    values = constants(20, 3, dtype)
    x, ones = np.ascontiguousarray(np.broadcast_to(values, (7, 20))), np.ones(20, dtype)
    mean, var = 0 * ones, ones
    for _ in range(6000 if momentum == 0.99 else 600):
        cache = F.batchnorm_forward(x, ones, 0 * ones, running_mean=mean, running_var=var, momentum=momentum, ops=ops)[
            1
        ]
        mean, var = cache.running_mean, cache.running_var
    np.testing.assert_array_equal(mean, values)
    assert (F.batchnorm_inference(x, ones, 0 * ones, mean, var, ops=ops) == 0).all()


@BOTH
def test_a_running_mean_stays_where_momentum_keeps_it(ops):
    x, ones = np.arange(12.0).reshape(6, 2), np.ones(2)
    for mean in ([3.0, -7.0], [np.inf, 0.0]):
        options = {"running_mean": mean, "running_var": ones, "ops": ops}
        with np.errstate(invalid="ignore"):
            cache = F.batchnorm_forward(x, ones, ones, momentum=1.0, **options)[1]
        np.testing.assert_array_equal(cache.running_mean, mean)
    with np.errstate(invalid="ignore"):
        cache = F.batchnorm_forward(x, ones, ones, momentum=0.5, **options)[1]
    np.testing.assert_array_equal(cache.running_mean, [np.inf, 3.0])


@DTYPES
def test_a_mean_far_from_zero_is_right_to_the_last_place(dtype):
    x = (1000 + np.random.default_rng(0).standard_normal((2499, 40))).astype(dtype)
    exact = x.astype(np.longdouble).mean(axis=0)
    ones = np.ones(40, dtype)
    mean = F.batchnorm_forward(x, ones, ones, momentum=0.0)[1].running_mean
    assert (np.abs(mean - exact) <= 1.01 * np.spacing(mean)).all()


def test_a_network_predicts_from_a_constant_column_nothing_but_what_it_learnt():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((256, 4)).astype(np.float32), np.arange(256) % 2
    X[:, 3] = 12345.0
    net = numbanet.Sequential([numbanet.BatchNorm(), numbanet.Affine(2)], (4,), seed=0)
    data = {"X_train": X, "y_train": y}
    numbanet.Solver(net, data, batch_size=32, epochs=40, seed=0, verbose=False).train()
    before = net.predict_proba(X)
    net.params["gamma1"][3] = 1000  # times 0
    np.testing.assert_array_equal(net.predict_proba(X), before)
