"""Layers as declarations: shapes, parameters, options, and layers of a user's own."""

import dataclasses

import numpy as np
import pytest

import numbanet
from numbanet import ELU, GELU, Affine, BatchNorm, Dropout, Layer, LayerNorm, LeakyReLU, ReLU, Sequential, SiLU
from numbanet.layers import ACTIVATIONS, LAYERS


def test_affine_flattens_and_counts_its_fans():
    layer = Affine(7)
    weights, bias = layer.parameters((3, 4, 5))
    assert layer.output_shape((3, 4, 5)) == (7,)
    assert weights.shape == weights.fans == (60, 7)
    assert bias.shape == (7,)
    assert weights.decays
    assert not bias.decays


@pytest.mark.parametrize("layer", [make() for make in ACTIVATIONS.values()] + [Dropout(0.5)])
def test_elementwise_layers_keep_any_shape_and_learn_nothing(layer):
    assert layer.output_shape((3, 4, 5)) == (3, 4, 5)
    assert layer.parameters((3, 4, 5)) == layer.state((3, 4, 5)) == ()


@pytest.mark.parametrize("layer", [BatchNorm(), LayerNorm()])
def test_normalisation_learns_a_scale_and_a_shift(layer):
    gamma, beta = layer.parameters((6,))
    assert gamma.shape == beta.shape == (6,)
    assert not gamma.decays
    rng = np.random.default_rng(0)
    assert (gamma.initializer(rng, (6,), 1, 1) == 1).all()
    assert (beta.initializer(rng, (6,), 1, 1) == 0).all()


def test_layers_are_values():
    assert Affine(5) == Affine(np.int64(5))
    assert Dropout(0.5) != Dropout(0.4)
    assert repr(Affine(np.int64(5))) == "Affine(units=5, weight_init='he_normal')"
    ntk = Affine(5, parametrization="ntk")
    assert repr(ntk) == "Affine(units=5, weight_init='lecun_normal', parametrization='ntk')"
    assert repr(Dropout(np.float32(0.5))) == "Dropout(rate=0.5)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Affine(5).units = 6


def test_every_layer_is_a_public_name():
    for name, layer in LAYERS.items():
        assert getattr(numbanet, name) is layer
        assert name in numbanet.__all__


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Affine(0), "Affine: units: expected an integer of at least 1, got 0"),
        (lambda: Affine(2.0), "Affine: units: expected an integer, got float 2.0"),
        (lambda: Affine(True), "Affine: units: expected an integer, got bool True"),
        (lambda: Affine("2"), "Affine: units: expected an integer, got str '2'"),
        (
            lambda: Affine(3, "he"),
            "Affine: weight_init: expected one of 'zeros', .*'fan_in_uniform', got 'he'",
        ),
        (lambda: Affine(3, -1.0), r"Affine: weight_init: expected a number in \[0, inf\), got -1"),
        (lambda: Affine(3, True), "Affine: weight_init: expected a name, a number or a function, got bool True"),
        (lambda: Affine(3, parametrization="NTK"), "Affine: parametrization: expected one of .*; did you mean 'ntk'."),
        (lambda: LeakyReLU(-0.1), r"LeakyReLU: negative_slope: expected a number in \[0, 1\], got -0.1"),
        (lambda: ELU(float("inf")), r"ELU: alpha: expected a number in \[0, inf\), got inf"),
        (lambda: GELU("exact"), "GELU: approximate: expected one of 'none', 'tanh', got 'exact'"),
        (lambda: BatchNorm(momentum=1.5), r"BatchNorm: momentum: expected a number in \[0, 1\], got 1.5"),
        (lambda: BatchNorm(eps=0), r"BatchNorm: eps: expected a number in \(0, inf\), got 0"),
        (lambda: LayerNorm(eps="1e-5"), "LayerNorm: eps: expected a number, got str '1e-5'"),
        (lambda: LayerNorm(eps=float("nan")), r"LayerNorm: eps: expected a number in \(0, inf\), got nan"),
        (lambda: Dropout(1), r"Dropout: rate: expected a number in \[0, 1\), got 1"),
        (lambda: Dropout(True), "Dropout: rate: expected a number, got bool True"),
        (lambda: Dropout(1j), "Dropout: rate: expected a number, got complex 1j"),
    ],
)
def test_options_are_checked(make, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
        make()


def test_a_layer_that_cannot_take_its_input_is_named():
    with pytest.raises(ValueError, match=r"^layer 2, BatchNorm\(.*\): expected a flat input, \(D,\), .*got \(3, 8\)$"):
        Sequential([ReLU(), BatchNorm(), Affine(2)], (3, 8))
    with pytest.raises(ValueError, match=r"^layer 1, SiLU\(\): must give a flat output, \(C,\), got \(3, 8\)$"):
        Sequential([SiLU()], (3, 8))


class Doubled(Layer):
    """The user's own: twice the input, by operations that are there already."""

    def lower(self, net, x):
        twice = 2 * np.eye(x.shape[1], dtype=x.dtype)
        nothing = np.zeros(x.shape[1], x.dtype)
        out, unused_w, unused_b = net.buffer(x.shape[1]), np.empty_like(twice), np.empty_like(nothing)
        net.forward("affine_forward", x, twice, nothing, out)

        def backward(dout):
            dx = net.gradient(x)
            net.backward("affine_backward", dout, x, twice, dx, unused_w, unused_b)
            return dx

        return out, backward


def test_a_layer_of_the_user_s_own():
    X, y = np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 1, 2, 0, 1])
    own = Sequential([Affine(3), Doubled()], (4,), dtype=np.float64, seed=0)
    plain = Sequential([Affine(3)], (4,), dtype=np.float64, seed=0)
    plain.params["W1"] *= 2
    loss, grads = own.loss(X, y)
    expected, plain_grads = plain.loss(X, y)
    assert loss == pytest.approx(expected)
    np.testing.assert_allclose(grads["W1"], 2 * plain_grads["W1"])


def test_a_layer_without_lower_says_so():
    class Empty(Layer):
        pass

    net = Sequential([Affine(3), Empty()], (4,))
    with pytest.raises(TypeError, match=r"Empty does not define lower\(net, x\)"):
        net.loss(np.ones((2, 4)))


def test_dropout_that_keeps_everything_does_nothing():
    X, y = np.ones((3, 4)), np.array([0, 1, 2])
    with_dropout = Sequential([Affine(3), Dropout(0)], (4,), seed=0)
    without = Sequential([Affine(3)], (4,), seed=0)
    assert with_dropout.loss(X, y)[0] == without.loss(X, y)[0]
