"""Every backward kernel and every loss's gradient against centred differences of its forward kernel, in float64."""

import numpy as np
import pytest
from cases import ACTIVATIONS, FROM_OUTPUT, call

from numbanet import kernels
from numbanet._image_shapes import workspace
from numbanet.testing import check_gradients

KEY = np.array([5, 2], np.uint64)


def draw(*shapes):
    """Normally distributed, but no closer to 0 than 0.1: that is where ReLUs have their kink."""
    rng = np.random.default_rng(0)
    arrays = (rng.standard_normal(shape) for shape in shapes)
    return [np.where(np.abs(a) < 0.1, 0.1, a) for a in arrays]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    scalars = {"leaky_relu": [0.1], "elu": [1.3]}.get(name, [])

    def forward(x):
        return call(getattr(kernels, f"{name}_forward"), x, *scalars, out=x.shape)["out"]

    def backward(dout, x):
        source = forward(x) if name in FROM_OUTPUT else x
        return {"x": call(getattr(kernels, f"{name}_backward"), dout, source, *scalars, dx=x.shape)["dx"]}

    (x,) = draw(19)
    check_gradients(forward, backward, {"x": 2 * x})


def test_affine():
    def forward(x, w, b):
        return call(kernels.affine_forward, x, w, b, out=(5, 3))["out"]

    def backward(dout, x, w, b):
        gradients = call(kernels.affine_backward, dout, x, w, dx=x.shape, dw=w.shape, db=b.shape)
        return {"x": gradients["dx"], "w": gradients["dw"], "b": gradients["db"]}

    check_gradients(forward, backward, dict(zip("xwb", draw((5, 7), (7, 3), 3), strict=True)))


def test_affine_relu():
    def forward(x, w, b):
        return call(kernels.affine_relu_forward, x, w, b, out=(5, 3))["out"]

    def backward(dout, x, w, b):
        out = forward(x, w, b)
        assert 0 < np.mean(out == 0) < 1  # both sides of the kink
        shapes = {"dz": out.shape, "dx": x.shape, "dw": w.shape, "db": b.shape}
        gradients = call(kernels.affine_relu_backward, dout, x, w, out, **shapes)
        return {"x": gradients["dx"], "w": gradients["dw"], "b": gradients["db"]}

    check_gradients(forward, backward, dict(zip("xwb", draw((5, 7), (7, 3), 3), strict=True)))


@pytest.mark.parametrize("name", ["conv", "conv_relu"])
def test_convolution(name):
    how = (2, 1), (1, 2), (1, 2), 2, np.empty(workspace((6, 2, 3, 3), (1, 2), 2))  # stride, padding, dilation, groups

    def forward(x, w, b):
        return call(getattr(kernels, f"{name}_forward"), x, w, b, *how, out=(2, 3, 5, 6))["out"]

    def backward(dout, x, w, b):
        if name == "conv_relu":
            out = forward(x, w, b)
            assert 0 < np.mean(out == 0) < 1  # both sides of the kink
            dout = call(kernels.relu_backward, dout.ravel(), out.ravel(), dx=out.size)["dx"].reshape(out.shape)
        gradients = call(kernels.conv_backward, dout, x, w, *how, dx=x.shape, dw=w.shape, db=b.shape)
        return {"x": gradients["dx"], "w": gradients["dw"], "b": gradients["db"]}

    check_gradients(forward, backward, dict(zip("xwb", draw((2, 5, 5, 4), (6, 2, 3, 3), 6), strict=True)))


def test_dropout():
    def forward(x):
        return call(kernels.dropout_forward, x, KEY, 0.6, out=x.shape)["out"]

    def backward(dout, x):
        return {"x": call(kernels.dropout_backward, dout, KEY, 0.6, dx=x.shape)["dx"]}

    check_gradients(forward, backward, {"x": draw(67)[0]})


@pytest.mark.parametrize("kind", ["batchnorm", "layernorm"])
def test_normalization(kind):
    def normalize(x, gamma, beta):
        statistics = 6 if kind == "batchnorm" else 5
        running = [0.9, 1e-3, np.zeros(6), np.ones(6)] if kind == "batchnorm" else [1e-3]
        shapes = {"mean": statistics, "inv_std": statistics, "out": x.shape}
        return call(getattr(kernels, f"{kind}_forward"), x, gamma, beta, *running, **shapes)

    def forward(x, gamma, beta):
        return normalize(x, gamma, beta)["out"]

    def backward(dout, x, gamma, beta):
        kept = normalize(x, gamma, beta)
        arrays = dout, x, gamma, kept["mean"], kept["inv_std"]
        gradients = call(getattr(kernels, f"{kind}_backward"), *arrays, dx=x.shape, dgamma=6, dbeta=6)
        return {"x": gradients["dx"], "gamma": gradients["dgamma"], "beta": gradients["dbeta"]}

    check_gradients(forward, backward, dict(zip(["x", "gamma", "beta"], draw((5, 6), 6, 6), strict=True)))


def test_groupnorm():
    def normalize(x, gamma, beta):
        shapes = {"mean": (2, 3), "inv_std": (2, 3), "out": x.shape}
        return call(kernels.groupnorm_forward, x, gamma, beta, 3, 1e-3, **shapes)

    def forward(x, gamma, beta):
        return normalize(x, gamma, beta)["out"]

    def backward(dout, x, gamma, beta):
        kept = normalize(x, gamma, beta)
        arrays = dout, x, gamma, kept["mean"], kept["inv_std"]
        gradients = call(kernels.groupnorm_backward, *arrays, 3, dx=x.shape, dgamma=6, dbeta=6)
        return {"x": gradients["dx"], "gamma": gradients["dgamma"], "beta": gradients["dbeta"]}

    check_gradients(forward, backward, dict(zip(["x", "gamma", "beta"], draw((2, 5, 6), 6, 6), strict=True)))


# Side by side, with pixels left over, and overlapping in both directions, with padding.
@pytest.mark.parametrize("how", [((2, 2), (2, 2), (0, 0)), ((2, 1), (3, 2), (1, 0)), ((3, 2), (1, 1), (1, 1))])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pooling(kind, how):
    shape = (2, 5, 7, 3)
    window, stride, padding = how
    count = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(shape[1:3], window, stride, padding, strict=True)]
    out_shape = (2, *count, 3)

    def pool(x):
        where = np.zeros(out_shape, np.uint8)
        out = np.full(out_shape, np.nan)
        getattr(kernels, f"{kind}_pool_forward")(x, *how, out, *([where] if kind == "max" else []))
        return out, where

    def backward(dout, x):
        dx = np.full(shape, np.nan)
        seen = [pool(x)[1]] if kind == "max" else []
        getattr(kernels, f"{kind}_pool_backward")(dout, *seen, *how, dx)
        return {"x": dx}

    # All numbers differ by more than the step of the differences.
    x = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape) / 100
    check_gradients(lambda x: pool(x)[0], backward, {"x": x})


def test_global_avg_pool():
    def backward(dout, x):
        return {"x": call(kernels.global_avg_pool_backward, dout, dx=x.shape)["dx"]}

    (x,) = draw((2, 3, 5, 4))
    check_gradients(lambda x: call(kernels.global_avg_pool_forward, x, out=(2, 4))["out"], backward, {"x": x})


@pytest.mark.parametrize("name", ["softmax_loss", "svm_loss", "squared_error_loss", "binary_cross_entropy_loss"])
def test_loss(name):
    scores, target = draw((5, 4), (5, 4))
    target = np.arange(5) % 4 if name in ("softmax_loss", "svm_loss") else np.abs(target) / 4

    def loss(scores):
        return call(getattr(kernels, name), scores, target, dscores=scores.shape)["loss"]

    def backward(dout, scores):
        return {"scores": dout * call(getattr(kernels, name), scores, target, dscores=scores.shape)["dscores"]}

    check_gradients(loss, backward, {"scores": scores})


def test_l2_penalty():
    def backward(dout, w):
        dw = np.zeros_like(w)
        kernels.l2_penalty(w, 0.3, dw)
        return {"w": dout * dw}

    check_gradients(lambda w: kernels.l2_penalty(w, 0.3, np.zeros_like(w)), backward, {"w": draw(67)[0]})
