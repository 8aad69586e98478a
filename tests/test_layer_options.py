"""Every public option of every layer, off its default, against plain NumPy that shares no code with the package.

The network is a first layer that learns, so that a gradient has to pass, then the layer, then the squared error. Its
loss, scores and running averages are compared with the formulas below, all its gradients with their differences.
"""

import dataclasses
import math
import re

import numpy as np
import pytest
from plain import conv, gelu_tanh, pool

from numbanet import (
    ELU,
    GELU,
    Affine,
    AvgPool,
    BatchNorm,
    Columns,
    Conv,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    LayerNorm,
    LeakyReLU,
    MaxPool,
    MemberAffine,
    Members,
    Parametric,
    PeriodicEmbedding,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Sigmoid,
    SiLU,
    Tanh,
    reference,
)
from numbanet.layers import ACTIVATIONS, LAYERS

FLAT, IMAGES = (6,), (4, 6, 5)
EPS, MOMENTUM = 0.05, 0.7


def normalized(x, axes, p, eps, mean=None, var=None):
    mean = x.mean(axis=axes, keepdims=True) if mean is None else mean
    var = x.var(axis=axes, keepdims=True) if var is None else var
    gamma, beta = (p[name].reshape(-1, *[1] * (x.ndim - 2)) for name in ("gamma1", "beta1"))
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


def grouped(x, p, groups, eps):
    inside = x.reshape(len(x), groups, -1)
    centred = inside - inside.mean(axis=2, keepdims=True)
    inside = centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + eps)
    gamma, beta = (p[name].reshape(-1, *[1] * (x.ndim - 2)) for name in ("gamma1", "beta1"))
    return gamma * inside.reshape(x.shape) + beta


def counting(rng, shape, fan_in, fan_out):
    """An initializer whose result can be foretold."""
    return (np.arange(math.prod(shape)).reshape(shape) % 7 - 3) / 4


def named(layer):
    """The layer as it is written, whatever the address of its initializer."""
    return re.sub("<function (\\w+) at 0x[0-9a-f]+>", r"\1", repr(layer))


def batch_axes(x):
    return (0, 2, 3) if x.ndim == 4 else (0,)


CONV = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
NO_BIAS = np.zeros(8)
WINDOW = (3, 2), (2, 1), (1, 1)


def of_members(x):
    """Two of them, side by side, as (N, 2, D)."""
    return x.reshape(len(x), 2, -1)


def shared(x, p, r, s):
    return ((of_members(x) * r) @ p["W2"] * s + p["b2"]).reshape(len(x), -1)


def elu(x):
    return np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)


def periodic(x, p, dense):
    cosines = np.cos(2 * math.pi * x[:, :, None] * p["frequency1"] + p["phase1"])
    units = [(cosines[:, :, :, None] * p["V1"]).sum(axis=2) + p["c1"], x[:, :, None]]
    return np.concatenate(units if dense else units[:1], axis=2).reshape(len(x), -1)


# Layer, shape of an example, and ``formula(x, p)``: what comes out of what the first layer gives, by parameters.
ROWS = [
    (Affine(3, weight_init=counting, bias_init=counting), FLAT, lambda x, p: x @ p["W2"] + p["b2"]),
    (Affine(3, counting, parametrization="ntk"), FLAT, lambda x, p: x @ p["W2"] + p["b2"]),
    (LeakyReLU(negative_slope=0.3), FLAT, lambda x, p: np.where(x > 0, x, 0.3 * x)),
    (ELU(alpha=1.7), FLAT, lambda x, p: np.where(x > 0, x, 1.7 * (np.exp(x) - 1))),
    (GELU(approximate="tanh"), FLAT, lambda x, p: gelu_tanh(x)),
    (ReLU(), FLAT, lambda x, p: np.maximum(x, 0)),
    (Sigmoid(), FLAT, lambda x, p: 1 / (1 + np.exp(-x))),
    (Tanh(), FLAT, lambda x, p: np.tanh(x)),
    (SiLU(), FLAT, lambda x, p: x / (1 + np.exp(-x))),
    (BatchNorm(MOMENTUM, EPS), FLAT, lambda x, p: normalized(x, 0, p, EPS)),
    (BatchNorm(MOMENTUM, EPS), IMAGES, lambda x, p: normalized(x, (0, 2, 3), p, EPS)),
    (LayerNorm(EPS), FLAT, lambda x, p: normalized(x, 1, p, EPS)),
    (LayerNorm(EPS), IMAGES, lambda x, p: normalized(x, (1, 2, 3), p, EPS)),
    (GroupNorm(2, EPS), FLAT, lambda x, p: grouped(x, p, 2, EPS)),
    (GroupNorm(2, EPS), IMAGES, lambda x, p: grouped(x, p, 2, EPS)),
    (
        Conv(6, (3, 2), **CONV, weight_init=counting),
        IMAGES,
        lambda x, p: conv(x, p["W2"], p["b2"], *CONV.values()),
    ),
    (
        Conv(6, (3, 2), **CONV, bias=False, weight_init=counting),
        IMAGES,
        lambda x, p: conv(x, p["W2"], NO_BIAS, *CONV.values()),
    ),
    (  # 3 + 1 taps 2 apart reach over 5 rows: 2 on either side
        Conv(2, (3, 1), padding="same", dilation=2, weight_init=counting),
        IMAGES,
        lambda x, p: conv(x, p["W2"], p["b2"], (1, 1), (2, 0), (2, 2), 1),
    ),
    (MaxPool(*WINDOW), IMAGES, lambda x, p: pool(x, *WINDOW, -np.inf, np.max)),
    (MaxPool((2, 3)), IMAGES, lambda x, p: pool(x, (2, 3), (2, 3), (0, 0), -np.inf, np.max)),
    (AvgPool(*WINDOW), IMAGES, lambda x, p: pool(x, *WINDOW, 0, np.mean)),
    (AvgPool((2, 3)), IMAGES, lambda x, p: pool(x, (2, 3), (2, 3), (0, 0), 0, np.mean)),
    (GlobalAvgPool(), IMAGES, lambda x, p: x.mean(axis=(2, 3))),
    (Flatten(), IMAGES, lambda x, p: x),
    (
        Residual([Conv(3, 1, weight_init=counting)], [Conv(3, 1, bias=False, weight_init=counting)]),
        IMAGES,
        lambda x, p: np.einsum("fc,nchw->nfhw", (p["W2"] + p["W3"])[:, :, 0, 0], x) + p["b2"][:, None, None],
    ),
    (Residual([Tanh()]), IMAGES, lambda x, p: x + np.tanh(x)),
    (Scale(), FLAT, lambda x, p: x * p["scale1"]),
    (Scale(), IMAGES, lambda x, p: x * p["scale1"][:, None, None]),
    (Parametric(Tanh()), FLAT, lambda x, p: x + (np.tanh(x) - x) * p["strength1"]),
    (Parametric("elu"), IMAGES, lambda x, p: x + (elu(x) - x) * p["strength1"][:, None, None]),
    (Members(3, "ones"), FLAT, lambda x, p: (x[:, None] * p["r1"]).reshape(len(x), -1)),
    (
        MemberAffine(4, 2, weight_init=counting, bias_init=counting, parametrization="ntk"),
        FLAT,
        lambda x, p: shared(x, p, p["r1"], p["s1"]),
    ),
    (MemberAffine(4, 2, True, False, weight_init=counting), FLAT, lambda x, p: shared(x, p, 1, p["s1"])),
    (MemberAffine(4, 2, True, True, False, weight_init=counting), FLAT, lambda x, p: shared(x, p, p["r1"], 1)),
    (
        MemberAffine(4, 2, shared=False, weight_init=counting),
        FLAT,
        lambda x, p: ((of_members(x)[:, :, :, None] * p["W2"]).sum(axis=2) + p["b2"]).reshape(len(x), -1),
    ),
    (PeriodicEmbedding(5, 3, 0.7), FLAT, lambda x, p: periodic(x, p, True)),
    (PeriodicEmbedding(5, 3, 0.7, dense=False), FLAT, lambda x, p: periodic(x, p, False)),
    (
        Columns([(1, [Tanh(), Affine(3, counting)]), (FLAT[0] - 3, []), (2, [Scale()])]),
        FLAT,
        lambda x, p: np.concatenate(
            [np.tanh(x[:, :1]) @ p["W2"] + p["b2"], x[:, 1:-2], x[:, -2:] * p["scale1"]], axis=1
        ),
    ),
]


def first(x, p):
    if x.ndim == 2:
        return x @ p["W1"] + p["b1"]
    return np.einsum("fc,nchw->nfhw", p["W1"][:, :, 0, 0], x) + p["b1"][:, None, None]


def draw(layer, shape):
    """A network with the layer inside, and a batch for it."""
    ahead = Affine(shape[0]) if len(shape) == 1 else Conv(shape[0], 1)
    layers = [ahead, layer, Flatten()]
    net = Sequential(layers, shape, loss="squared_error", dtype=np.float64, seed=0, ops=reference)
    starts = net.params.copy()
    rng = np.random.default_rng(1)
    for name, value in net.params.items():
        value[...] = rng.standard_normal(value.shape) + (name.startswith("gamma") and 1)
    x = rng.standard_normal((3, *shape))
    return net, x, rng.standard_normal((3, net.output_size)), starts


@pytest.mark.parametrize(
    ("layer", "shape", "formula"), ROWS, ids=[f"{i}-{named(row[0])}" for i, row in enumerate(ROWS)]
)
def test_values_and_gradients(layer, shape, formula):
    net, x, target, _ = draw(layer, shape)
    params = net.params.copy()

    def loss(p):
        out = formula(first(x, p), p)
        return np.mean((out.reshape(len(x), -1) - target) ** 2)

    got, grads = net.loss(x, target)
    assert got == pytest.approx(loss(params), rel=1e-12)
    for name, values in params.items():
        for at in np.ndindex(values.shape):
            kept = values[at]
            values[at] = kept + 1e-6
            above = loss(params)
            values[at] = kept - 1e-6
            below = loss(params)
            values[at] = kept
            assert grads[name][at] == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-8), (name, at)
    if not net.state:
        np.testing.assert_allclose(net.loss(x), formula(first(x, params), params).reshape(len(x), -1), rtol=1e-10)


@pytest.mark.parametrize("shape", [FLAT, IMAGES])
def test_batchnorm_keeps_and_uses_averages(shape):
    net, x, target, _ = draw(BatchNorm(MOMENTUM, EPS), shape)
    net.loss(x, target)
    inside = first(x, net.params)
    axes = batch_axes(inside)
    mean, var = 0.3 * inside.mean(axis=axes), 0.7 + 0.3 * inside.var(axis=axes)  # from 0 and 1
    np.testing.assert_allclose(net.state["running_mean1"], mean, rtol=1e-12)
    np.testing.assert_allclose(net.state["running_var1"], var, rtol=1e-12)
    mean, var = (a.reshape(-1, *[1] * (x.ndim - 2)) for a in (mean, var))
    expected = normalized(inside, axes, net.params, EPS, mean, var)
    np.testing.assert_allclose(net.loss(x), expected.reshape(len(x), -1), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer", [Affine(3, counting, counting), Conv(6, (3, 2), weight_init=counting)], ids=named)
def test_weights_start_as_they_are_told(layer):
    _, _, _, starts = draw(layer, FLAT if isinstance(layer, Affine) else IMAGES)
    np.testing.assert_array_equal(starts["W2"], counting(None, starts["W2"].shape, 0, 0))
    np.testing.assert_array_equal(starts["b2"], counting(None, (3,), 0, 0) if isinstance(layer, Affine) else 0)


def test_dropout_keeps_as_many_as_it_is_told_and_scales_them():
    net = Sequential([Affine(4000), Dropout(0.4)], (1,), loss="squared_error", dtype=np.float64, ops=reference, seed=0)
    net.params["W1"] = np.zeros((1, 4000))
    net.params["b1"] = np.ones(4000)
    loss, grads = net.loss(np.ones((1, 1)), np.zeros((1, 4000)))
    kept = grads["b1"] > 0
    assert abs(kept.mean() - 0.6) < 4 * math.sqrt(0.6 * 0.4 / 4000)
    np.testing.assert_allclose(grads["b1"], kept * 2 / 0.6**2 / 4000)
    assert loss == pytest.approx(kept.mean() / 0.6**2)
    np.testing.assert_array_equal(net.loss(np.ones((1, 1))), np.ones((1, 4000)))  # inference keeps all


def test_every_option_of_every_layer_stands_in_a_row_off_its_default():
    # Of embeddings of codes, which come out of no layer, see tests/test_embedding.py.
    rows = [row[0] for row in ROWS] + [Dropout(0.4), Embedding([3, 2], 4, weight_init=0.5)]
    functions = {layer.__name__ for layer in ACTIVATIONS.values()}  # whose formulas are in tests/test_activations.py
    assert set(LAYERS) - functions <= {type(layer).__name__ for layer in rows} <= set(LAYERS)
    for name, layer in LAYERS.items():
        for field in dataclasses.fields(layer):
            values = [getattr(row, field.name) for row in rows if type(row) is layer]
            assert any(value not in (field.default, (field.default,) * 2) for value in values), (name, field.name)
