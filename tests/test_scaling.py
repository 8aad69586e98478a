"""Scales and strengths of features: examples by hand, layers, RealMLP's formulas in torch, refusals."""

import numpy as np
import pytest
from compare import BOTH, assert_all_close, assert_is_that_of_torch, close, draw, expressed, normal, torch_gradients

import numbanet as nn
from numbanet import functional as F
from numbanet.layers import ACTIVATIONS

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    ("scale_forward", [[[1, 2], [3, 4]], [10, -1]], {"out": [[10, -2], [30, -4]]}),
    (  # dscale = 1 5 + 3 7, 2 6 + 4 8
        "scale_backward",
        [[[5, 6], [7, 8]], [[1, 2], [3, 4]], [10, -1]],
        {"dx": [[50, -6], [70, -8]], "dscale": [26, 44]},
    ),
    ("scale_shift_forward", [[[1, 2], [3, 4]], [10, -1], [5, 7]], {"out": [[15, 5], [35, 3]]}),
    (
        "scale_shift_backward",
        [[[5, 6], [7, 8]], [[1, 2], [3, 4]], [10, -1]],
        {"dx": [[50, -6], [70, -8]], "dscale": [26, 44], "dshift": [12, 14]},
    ),
    # strength 0 is the input, 1 the activation, 1/2 between, 2 as far again
    ("blend", [[[1, 2, 3, 4]], [[11, 12, 13, 14]], [0, 1, 0.5, 2]], {"out": [[1, 12, 8, 24]]}),
    (  # dstrength = 2 (11 - 1) + 3 (0 - 5)
        "blend_gradients",
        [[[2], [3]], [[4], [9]], [[1], [5]], [[11], [0]], [0.5]],
        {"dx": [[3], [6]], "dstrength": [5]},
    ),
]


@pytest.mark.parametrize("name", expressed("scaling"))
def test_operations_are_those_of_torch(name, torch):
    assert_is_that_of_torch(name, torch)


def test_scale_is_that_of_torch(torch):
    x, dout, scale = draw((13, 7), (13, 7), 7)
    out, cache = F.scale_forward(x, scale)
    assert_all_close([out, *F.scale_backward(dout, cache)], torch_gradients(torch, torch.mul, dout, x, scale))


def test_scale_and_shift_is_that_of_torch(torch):
    x, dout, scale, shift = draw((13, 7), (13, 7), 7, 7)
    out, cache = F.scale_shift_forward(x, scale, shift)
    theirs = torch_gradients(torch, lambda x, scale, shift: x * scale + shift, dout, x, scale, shift)
    assert_all_close([out, *F.scale_shift_backward(dout, cache)], theirs)


@pytest.mark.parametrize("name", ["relu", "selu", "mish", "silu", "gelu"])
def test_parametric_activations_are_those_of_torch(name, torch):
    x, dout, strength = draw((13, 7), (13, 7), 7)
    f = getattr(torch.nn.functional, name)
    out, cache = F.parametric_forward(x, strength, activation=name)
    expected = torch_gradients(torch, lambda x, s: x + (f(x) - x) * s, dout, x, strength)
    assert_all_close([out, *F.parametric_backward(dout, cache)], expected)


@BOTH
def test_a_scale_of_1_and_a_strength_of_1_change_nothing(ops):
    x = normal(5, 4)
    plain = nn.Sequential([nn.Affine(6), nn.SELU(), nn.Affine(3)], 4, dtype=np.float64, seed=0, ops=ops)
    layers = [nn.Scale(), nn.Affine(6), nn.Parametric("selu"), nn.Affine(3)]
    other = nn.Sequential(layers, 4, dtype=np.float64, seed=0, ops=ops)
    close(other.loss(x), plain.loss(x))
    loss, grads = other.loss(x, [0, 1, 2, 0, 1])
    expected, plain_grads = plain.loss(x, [0, 1, 2, 0, 1])
    assert loss == pytest.approx(expected)
    for name, gradient in plain_grads.items():
        close(grads[name], gradient)
    other.params["strength1"][:] = 0
    other.params["scale1"][:] = 2
    p = other.params
    close(other.loss(x), (2 * x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"])


def test_images_have_a_scale_and_a_strength_for_each_channel():
    net = nn.Sequential([nn.Scale(), nn.Parametric(nn.Tanh()), nn.Flatten()], (3, 2, 2), dtype=np.float64, seed=0)
    assert (net.params["scale1"].shape, net.params["strength1"].shape) == ((3,), (3,))
    net.params["scale1"][:], net.params["strength1"][:] = [1, 2, 3], [0, 1, 0.5]
    x = normal(4, 3, 2, 2)
    scaled = x * np.array([1, 2, 3])[:, None, None]
    expected = np.stack([scaled[:, 0], np.tanh(scaled[:, 1]), (scaled[:, 2] + np.tanh(scaled[:, 2])) / 2], axis=1)
    close(net.loss(x), expected.reshape(4, -1))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_by_its_name(name):
    layer = nn.Parametric(name)
    assert layer == nn.Parametric(ACTIVATIONS[name]())
    assert repr(layer) == f"Parametric(activation={ACTIVATIONS[name]()!r})"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Parametric("sellu"), ValueError, "Parametric: activation: expected one of .* did you mean 'selu'"),
        (lambda: nn.Parametric(nn.SELU), TypeError, r"expected an activation, got the class; write SELU\(\)"),
        (lambda: nn.Parametric(nn.Affine(3)), TypeError, "expected an activation, such as SELU.., or its name, got"),
        (lambda: F.parametric_forward([[1.0]], [1.0], activation="elu"), ValueError, "activation: expected one of 're"),
        (lambda: F.scale_forward([1.0], [1.0]), ValueError, r"x: expected shape \(N, d1, ..., dk\), got \(1,\)"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
