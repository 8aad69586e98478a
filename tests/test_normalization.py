"""Batch and layer normalisation: examples by hand, constant columns and rows, running averages, and PyTorch's."""

import numpy as np
import pytest
from cases import call
from compare import BOTH, DTYPES, assert_all_close, close, constants, draw, normal, torch_gradients

import numbanet
from numbanet import functional as F
from numbanet import kernels

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    (  # mean 2, variance 4, 1 / sqrt(4 + 12) = 1/4: x_hat = -1/2 1/2; running: halfway from 10 and 0
        "batchnorm_forward",
        [[[0], [4]], [2], [7], 0.5, 12.0, [10], [0]],
        {"running_mean": [6], "running_var": [2], "mean": [2], "inv_std": [0.25], "out": [[6], [8]]},
    ),
    ("batchnorm_inference", [[[0], [4]], [2], [7], [2], [4], 12.0], {"out": [[6], [8]]}),
    (  # x_hat = -1/2 1/2: dbeta = 8, dgamma = 2; dx = 2 (1/4) (dout - 8/2 - x_hat 2/2) = (dout - 4 ± 1/2) / 2
        "batchnorm_backward",
        [[[2], [6]], [[0], [4]], [2], [2], [0.25]],
        {"dx": [[-0.75], [0.75]], "dgamma": [2], "dbeta": [8]},
    ),
    (  # one example: mean 2, variance 4, 1/4 as above: x_hat = -1/2 1/2, times gamma 2 4, plus beta 7 1
        "layernorm_forward",
        [[[0, 4]], [2, 4], [7, 1], 12.0],
        {"mean": [2], "inv_std": [0.25], "out": [[6, 3]]},
    ),
    (  # g = gamma dout = 4 12, mean 8; mean of g x_hat = (-2 + 6) / 2 = 2; dx = (g - 8 - 2 x_hat) / 4 = (∓4 ± 1) / 4
        "layernorm_backward",
        [[[2, 3]], [[0, 4]], [2, 4], [2], [0.25]],
        {"dx": [[-0.75, 0.75]], "dgamma": [-1, 1.5], "dbeta": [2, 3]},
    ),
]


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


def test_batchnorm_is_that_of_torch(torch):
    x, dout, gamma, beta, mean = draw((13, 7), (13, 7), 7, 7, 7)
    running = [mean, np.abs(mean)]
    theirs = [torch.tensor(a) for a in running]
    ours = call(kernels.batchnorm_forward, x, gamma, beta, 0.9, 1e-5, *running, mean=7, inv_std=7, out=x.shape)
    gradients = call(
        kernels.batchnorm_backward, dout, x, gamma, ours["mean"], ours["inv_std"], dx=x.shape, dgamma=7, dbeta=7
    )

    def forward(x, gamma, beta):
        return torch.nn.functional.batch_norm(x, *theirs, gamma, beta, training=True, momentum=0.1, eps=1e-5)

    got = [ours["out"], *list(gradients.values())[1:]]
    assert_all_close(got, torch_gradients(torch, forward, dout, x, gamma, beta))
    unbiased = theirs[1].numpy() - 0.1 * x.var(axis=0) / 12  # torch's running variance is divided by N - 1
    assert_all_close(running, [theirs[0].numpy(), unbiased])
    out = call(kernels.batchnorm_inference, x, gamma, beta, *running, 1e-5, out=x.shape)["out"]
    tensors = [torch.tensor(a) for a in (x, *running, gamma, beta)]
    assert_all_close([out], [torch.nn.functional.batch_norm(*tensors, training=False, eps=1e-5).numpy()])


def test_layernorm_is_that_of_torch(torch):
    x, dout, gamma, beta = draw((13, 7), (13, 7), 7, 7)
    ours = call(kernels.layernorm_forward, x, gamma, beta, 1e-5, mean=13, inv_std=13, out=x.shape)
    gradients = call(
        kernels.layernorm_backward, dout, x, gamma, ours["mean"], ours["inv_std"], dx=x.shape, dgamma=7, dbeta=7
    )
    theirs = torch_gradients(torch, lambda x, g, b: torch.nn.functional.layer_norm(x, (7,), g, b), dout, x, gamma, beta)
    assert_all_close([ours["out"], *list(gradients.values())[1:]], theirs)


# What is the same everywhere is its own mean, exactly, so that a normalisation makes 0 of it, whatever its size.


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
