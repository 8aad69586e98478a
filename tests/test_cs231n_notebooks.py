"""The checks of the notebooks of CS231n assignment 2 (2021), on numbanet.cs231n.

Expected numbers are those of the notebooks; `rel_error` is theirs too.
"""

import numpy as np
import pytest

from numbanet.cs231n import optim
from numbanet.cs231n.classifiers.cnn import ThreeLayerConvNet
from numbanet.cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from numbanet.cs231n.fast_layers import (
    conv_backward_fast,
    conv_forward_fast,
    max_pool_backward_fast,
    max_pool_forward_fast,
)
from numbanet.cs231n.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from numbanet.cs231n.layer_utils import (
    affine_bn_relu_backward,
    affine_bn_relu_forward,
    affine_relu_backward,
    affine_relu_forward,
    conv_bn_relu_backward,
    conv_bn_relu_forward,
    conv_relu_backward,
    conv_relu_forward,
    conv_relu_pool_backward,
    conv_relu_pool_forward,
)
from numbanet.cs231n.layers import (
    affine_backward,
    affine_forward,
    batchnorm_backward,
    batchnorm_backward_alt,
    batchnorm_forward,
    conv_backward_naive,
    conv_forward_naive,
    dropout_backward,
    dropout_forward,
    layernorm_backward,
    layernorm_forward,
    max_pool_backward_naive,
    max_pool_forward_naive,
    relu_backward,
    relu_forward,
    softmax_loss,
    spatial_batchnorm_backward,
    spatial_batchnorm_forward,
    spatial_groupnorm_backward,
    spatial_groupnorm_forward,
    svm_loss,
)
from numbanet.cs231n.solver import Solver
from numbanet.cs231n.vis_utils import visualize_grid


def rel_error(x, y):
    return np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y)))


def spread(low, high, *shape):
    return np.linspace(low, high, num=int(np.prod(shape))).reshape(shape)


@pytest.fixture
def randn():
    np.random.seed(231)  # noqa: NPY002, as the notebooks do: networks draw their weights from it
    return np.random.default_rng(231).standard_normal


def close(numeric, analytic):
    """Relative to the largest element: gradients that cancel to zero have no relative error of their own."""
    np.testing.assert_allclose(analytic, numeric, rtol=0, atol=1e-6 * max(0.01, np.abs(analytic).max()))


def check_layer(forward, backward, arrays, dout, *params):
    """Compare all gradients of a layer with differences."""
    gradients = backward(dout, forward(*arrays, *params)[1])
    for array, gradient in zip(arrays, gradients, strict=True):
        close(eval_numerical_gradient_array(lambda _: forward(*arrays, *params)[0], array, dout), gradient)


def check_model(model, X, y):
    """Compare all gradients of a network with differences."""
    loss, grads = model.loss(X, y)
    assert np.isfinite(loss)
    assert list(grads) == list(model.params)
    for name, gradient in grads.items():
        # The step is a tenth of the notebooks', which now and then crosses a ReLU's kink.
        close(eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], False, 1e-6), gradient)


# FullyConnectedNets.


def test_affine_forward():
    x, w, b = spread(-0.1, 0.5, 2, 4, 5, 6), spread(-0.2, 0.3, 120, 3), spread(-0.3, 0.1, 3)
    correct = [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]]
    assert rel_error(affine_forward(x, w, b)[0], np.array(correct)) < 1e-8


def test_affine_backward(randn):
    check_layer(affine_forward, affine_backward, [randn((10, 2, 3)), randn((6, 5)), randn(5)], randn((10, 5)))


def test_relu(randn):
    correct = [
        [0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.04545455, 0.13636364],
        [0.22727273, 0.31818182, 0.40909091, 0.5],
    ]
    assert rel_error(relu_forward(spread(-0.5, 0.5, 3, 4))[0], np.array(correct)) < 1e-7
    check_layer(relu_forward, lambda *a: [relu_backward(*a)], [randn((10, 10))], randn((10, 10)))


def test_affine_relu(randn):
    arrays = [randn((2, 3, 4)), randn((12, 10)), randn(10)]
    check_layer(affine_relu_forward, affine_relu_backward, arrays, randn((2, 10)))


@pytest.mark.parametrize(("loss_function", "expected"), [(svm_loss, 9), (softmax_loss, 2.3)])
def test_losses(loss_function, expected, randn):
    x, y = 0.001 * randn((50, 10)), np.random.default_rng(0).integers(10, size=50)
    numeric = eval_numerical_gradient(lambda x: loss_function(x, y)[0], x, verbose=False)
    loss, dx = loss_function(x, y)
    assert loss == pytest.approx(expected, rel=2e-3)
    assert rel_error(numeric, dx) < 1e-6


def test_two_layer_net(randn):
    N, D, H, C = 3, 5, 50, 7
    model = TwoLayerNet(input_dim=D, hidden_dim=H, num_classes=C, weight_scale=1e-3)
    assert model.params["W1"].dtype == np.float64
    assert abs(model.params["W1"].std() - 1e-3) < 1e-3 / 5
    assert abs(model.params["W2"].std() - 1e-3) < 1e-3 / 5
    assert not model.params["b1"].any()
    assert not model.params["b2"].any()

    model.params["W1"], model.params["b1"] = spread(-0.7, 0.3, D, H), spread(-0.1, 0.9, H)
    model.params["W2"], model.params["b2"] = spread(-0.3, 0.4, H, C), spread(-0.9, 0.1, C)
    X = spread(-5.5, 4.5, D, N).T
    correct_scores = [
        [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
        [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
        [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
    ]
    assert np.abs(model.loss(X) - correct_scores).sum() < 1e-6
    y = np.array([0, 5, 1])
    assert abs(model.loss(X, y)[0] - 3.4702243556) < 1e-10
    model.reg = 1.0
    assert abs(model.loss(X, y)[0] - 26.5948426952) < 1e-10
    for reg in (0.0, 0.7):
        model.reg = reg
        check_model(model, X, y)


W, DW = spread(-0.4, 0.6, 4, 5), spread(-0.6, 0.4, 4, 5)
UPDATES = [
    (
        "sgd_momentum",
        {"learning_rate": 1e-3, "velocity": spread(0.6, 0.9, 4, 5)},
        {
            "next_w": [
                [0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789],
                [0.47454737, 0.54133684, 0.60812632, 0.67491579, 0.74170526],
                [0.80849474, 0.87528421, 0.94207368, 1.00886316, 1.07565263],
                [1.14244211, 1.20923158, 1.27602105, 1.34281053, 1.4096],
            ],
            "velocity": [
                [0.5406, 0.55475789, 0.56891579, 0.58307368, 0.59723158],
                [0.61138947, 0.62554737, 0.63970526, 0.65386316, 0.66802105],
                [0.68217895, 0.69633684, 0.71049474, 0.72465263, 0.73881053],
                [0.75296842, 0.76712632, 0.78128421, 0.79544211, 0.8096],
            ],
        },
    ),
    (
        "rmsprop",
        {"learning_rate": 1e-2, "cache": spread(0.6, 0.9, 4, 5)},
        {
            "next_w": [
                [-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247],
                [-0.132737, -0.08078555, -0.02881884, 0.02316247, 0.07515774],
                [0.12716641, 0.17918792, 0.23122175, 0.28326742, 0.33532447],
                [0.38739248, 0.43947102, 0.49155973, 0.54365823, 0.59576619],
            ],
            "cache": [
                [0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321],
                [0.67329252, 0.68859723, 0.70395734, 0.71937285, 0.73484377],
                [0.75037008, 0.7659518, 0.78158892, 0.79728144, 0.81302936],
                [0.82883269, 0.84469141, 0.86060554, 0.87657507, 0.8926],
            ],
        },
    ),
    (
        "adam",
        {"learning_rate": 1e-2, "m": spread(0.6, 0.9, 4, 5), "v": spread(0.7, 0.5, 4, 5), "t": 5},
        {
            "next_w": [
                [-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977],
                [-0.1380274, -0.08544591, -0.03286534, 0.01971428, 0.0722929],
                [0.1248705, 0.17744702, 0.23002243, 0.28259667, 0.33516969],
                [0.38774145, 0.44031188, 0.49288093, 0.54544852, 0.59801459],
            ],
            "v": [
                [0.69966, 0.68908382, 0.67851319, 0.66794809, 0.65738853],
                [0.64683452, 0.63628604, 0.6257431, 0.61520571, 0.60467385],
                [0.59414753, 0.58362676, 0.57311152, 0.56260183, 0.55209767],
                [0.54159906, 0.53110598, 0.52061845, 0.51013645, 0.49966],
            ],
            "m": [
                [0.48, 0.49947368, 0.51894737, 0.53842105, 0.55789474],
                [0.57736842, 0.59684211, 0.61631579, 0.63578947, 0.65526316],
                [0.67473684, 0.69421053, 0.71368421, 0.73315789, 0.75263158],
                [0.77210526, 0.79157895, 0.81105263, 0.83052632, 0.85],
            ],
        },
    ),
]


@pytest.mark.parametrize(("rule", "config", "expected"), UPDATES)
def test_update_rules(rule, config, expected):
    config = dict(config)
    next_w, returned = getattr(optim, rule)(W, DW, config=config)
    assert returned is config
    for name, value in {**config, "next_w": next_w}.items():
        if name in expected:
            assert rel_error(np.array(expected[name]), value) < 1e-6
    assert config.get("t", 6) == 6


def test_update_rules_fill_in_the_course_defaults():
    second = {"m": "", "v": "", "t": 1}
    for rule, options in {
        "sgd": {"learning_rate": 1e-2},
        "sgd_momentum": {"learning_rate": 1e-2, "momentum": 0.9, "velocity": ""},
        "rmsprop": {"learning_rate": 1e-2, "decay_rate": 0.99, "epsilon": 1e-8, "cache": ""},
        "adam": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, **second},
    }.items():
        _, config = getattr(optim, rule)(W, DW)
        for name, value in options.items():
            assert config[name].shape == W.shape if value == "" else config[name] == value


def test_rmsprop_with_epsilon_inside_the_root():
    config = {"cache": W**2, "epsilon": 0.1, "epsilon_inside_root": True}
    next_w, _ = optim.rmsprop(W, DW, config)
    assert rel_error(next_w, W - 1e-2 * DW / np.sqrt(0.99 * W**2 + 0.01 * DW**2 + 0.1)) < 1e-12


# BatchNormalization.


def test_batchnorm_in_training_gives_means_beta_and_deviations_gamma(randn):
    a = np.maximum(0, randn((200, 50)) @ randn((50, 60))) @ randn((60, 3))
    for gamma, beta in ((np.ones(3), np.zeros(3)), (np.array([1.0, 2.0, 3.0]), np.array([11.0, 12.0, 13.0]))):
        out, _ = batchnorm_forward(a, gamma, beta, {"mode": "train"})
        np.testing.assert_allclose(out.mean(axis=0), beta, atol=1e-12)
        np.testing.assert_allclose(out.std(axis=0), gamma, atol=1e-6)


def test_batchnorm_in_testing_uses_the_averages(randn):
    w1, w2, bn_param = randn((50, 60)), randn((60, 3)), {"mode": "train"}
    mean, var = np.zeros(3), np.zeros(3)
    for _ in range(50):
        a = np.maximum(0, randn((200, 50)) @ w1) @ w2
        batchnorm_forward(a, np.ones(3), np.zeros(3), bn_param)
        mean, var = 0.9 * mean + 0.1 * a.mean(axis=0), 0.9 * var + 0.1 * a.var(axis=0)
    assert rel_error(bn_param["running_mean"], mean) < 1e-12
    assert rel_error(bn_param["running_var"], var) < 1e-12
    bn_param["mode"] = "test"
    before = {**bn_param}
    out, _ = batchnorm_forward(np.maximum(0, randn((200, 50)) @ w1) @ w2, np.ones(3), np.zeros(3), bn_param)
    assert bn_param == before
    assert np.abs(out.mean(axis=0)).max() < 0.3
    assert np.abs(out.std(axis=0) - 1).max() < 0.3


@pytest.mark.parametrize("backward", [batchnorm_backward, batchnorm_backward_alt])
def test_batchnorm_backward(backward, randn):
    arrays = [5 * randn((4, 5)) + 12, randn(5), randn(5)]
    check_layer(batchnorm_forward, backward, arrays, randn((4, 5)), {"mode": "train"})


def test_layernorm(randn):
    a = np.maximum(0, randn((4, 50)) @ randn((50, 60))) @ randn((60, 3))
    for gamma, beta in ((np.ones(3), np.zeros(3)), (3 * np.ones(3), 5 * np.ones(3))):
        out, _ = layernorm_forward(a, gamma, beta, {"mode": "train"})
        np.testing.assert_allclose(out.mean(axis=1), beta[0], atol=1e-12)
        np.testing.assert_allclose(out.std(axis=1), gamma[0], atol=1e-5)
    arrays = [5 * randn((4, 5)) + 12, randn(5), randn(5)]
    check_layer(layernorm_forward, layernorm_backward, arrays, randn((4, 5)), {"eps": 1e-3})


def test_affine_bn_relu(randn):
    arrays = [randn((4, 2, 3)), randn((6, 5)), randn(5), randn(5), randn(5)]
    check_layer(affine_bn_relu_forward, affine_bn_relu_backward, arrays, randn((4, 5)), {"mode": "train"})


@pytest.mark.parametrize("normalization", [None, "batchnorm", "layernorm"])
@pytest.mark.parametrize("reg", [0, 3.14])
def test_gradients_of_networks(normalization, reg, randn):
    X, y = randn((7, 16)), np.arange(7)
    options = {"reg": reg, "weight_scale": 5e-2, "dtype": np.float64, "normalization": normalization}
    check_model(FullyConnectedNet([20, 30], input_dim=16, num_classes=10, **options), X, y)


# Dropout.


@pytest.mark.parametrize("p", [0.25, 0.4, 0.7])
def test_dropout_statistics(p, randn):
    x = randn((500, 500)) + 10
    out, _ = dropout_forward(x, {"mode": "train", "p": p})
    assert out.mean() == pytest.approx(10, rel=2e-2)
    assert (out == 0).mean() == pytest.approx(1 - p, abs=0.01)
    np.testing.assert_array_equal(dropout_forward(x, {"mode": "test", "p": p})[0], x)


def test_dropout_backward(randn):
    x, dout = randn((10, 10)) + 10, randn((10, 10))
    param = {"mode": "train", "p": 0.2, "seed": 123}
    check_layer(dropout_forward, lambda *a: [dropout_backward(*a)], [x], dout, param)
    np.testing.assert_array_equal(dropout_backward(dout, dropout_forward(x, {"mode": "test", "p": 0.2})[1]), dout)


@pytest.mark.parametrize("keep_ratio", [1, 0.75, 0.5])
def test_gradients_of_a_network_with_dropout(keep_ratio, randn):
    X, y = randn((2, 15)), np.array([3, 7])
    options = {"weight_scale": 5e-2, "dtype": np.float64, "dropout_keep_ratio": keep_ratio, "seed": 123}
    check_model(FullyConnectedNet([20, 30], input_dim=15, num_classes=10, **options), X, y)


# ConvolutionalNetworks.

CONVOLUTIONS = pytest.mark.parametrize(
    ("forward", "backward"),
    [(conv_forward_naive, conv_backward_naive), (conv_forward_fast, conv_backward_fast)],
    ids=["naive", "fast"],
)
POOLINGS = pytest.mark.parametrize(
    ("forward", "backward"),
    [(max_pool_forward_naive, max_pool_backward_naive), (max_pool_forward_fast, max_pool_backward_fast)],
    ids=["naive", "fast"],
)
POOL = {"pool_height": 2, "pool_width": 2, "stride": 2}


@CONVOLUTIONS
def test_conv_forward(forward, backward):
    x, w, b = spread(-0.1, 0.5, 2, 3, 4, 4), spread(-0.2, 0.3, 3, 3, 4, 4), spread(-0.1, 0.2, 3)
    correct = [
        [
            [[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]],
            [[0.21027089, 0.21661097], [0.22847626, 0.23004637]],
            [[0.50813986, 0.54309974], [0.64082444, 0.67101435]],
        ],
        [
            [[-0.98053589, -1.03143541], [-1.19128892, -1.24695841]],
            [[0.69108355, 0.66880383], [0.59480972, 0.56776003]],
            [[2.36270298, 2.36904306], [2.38090835, 2.38247847]],
        ],
    ]
    assert rel_error(forward(x, w, b, {"stride": 2, "pad": 1})[0], np.array(correct)) < 1e-7


def test_convolution_processes_images(randn):
    """Two images through a filter that makes grey of colour and one that finds horizontal edges in blue."""
    x = 255 * np.random.default_rng(0).random((2, 3, 20, 20))
    w, b = np.zeros((2, 3, 3, 3)), np.array([0, 128])
    w[0, :, 1, 1] = 0.3, 0.6, 0.1
    w[1, 2] = [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]
    out, _ = conv_forward_naive(x, w, b, {"stride": 1, "pad": 1})
    assert rel_error(out[:, 0], np.tensordot(x, [0.3, 0.6, 0.1], axes=(1, 0))) < 1e-12
    blue = np.pad(x[:, 2], ((0, 0), (1, 1), (1, 1)))
    rows = blue[:, :-2] - blue[:, 2:]
    assert rel_error(out[:, 1], rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:] + 128) < 1e-9


@CONVOLUTIONS
def test_conv_backward(forward, backward, randn):
    arrays = [randn((4, 3, 5, 5)), randn((2, 3, 3, 3)), randn(2)]
    check_layer(forward, backward, arrays, randn((4, 2, 5, 5)), {"stride": 1, "pad": 1})


@POOLINGS
def test_max_pool_forward(forward, backward):
    correct = [
        [
            [[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]],
            [[-0.14526316, -0.13052632], [-0.08631579, -0.07157895]],
            [[-0.02736842, -0.01263158], [0.03157895, 0.04631579]],
        ],
        [
            [[0.09052632, 0.10526316], [0.14947368, 0.16421053]],
            [[0.20842105, 0.22315789], [0.26736842, 0.28210526]],
            [[0.32631579, 0.34105263], [0.38526316, 0.4]],
        ],
    ]
    assert rel_error(forward(spread(-0.3, 0.4, 2, 3, 4, 4), POOL)[0], np.array(correct)) < 1e-7


@POOLINGS
def test_max_pool_backward(forward, backward, randn):
    check_layer(forward, lambda *a: [backward(*a)], [randn((3, 2, 8, 8))], randn((3, 2, 4, 4)), POOL)


def test_fast_layers_are_the_naive_ones(randn):
    x, w, b, dout = randn((100, 3, 31, 31)), randn((25, 3, 3, 3)), randn(25), randn((100, 25, 16, 16))
    param = {"stride": 2, "pad": 1}
    naive, cache_naive = conv_forward_naive(x, w, b, param)
    fast, cache_fast = conv_forward_fast(x, w, b, param)
    np.testing.assert_allclose(fast, naive, rtol=1e-9, atol=1e-11)
    for ours, theirs in zip(conv_backward_fast(dout, cache_fast), conv_backward_naive(dout, cache_naive), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    x, dout = randn((100, 3, 32, 32)), randn((100, 3, 16, 16))
    naive, cache_naive = max_pool_forward_naive(x, POOL)
    fast, cache_fast = max_pool_forward_fast(x, POOL)
    np.testing.assert_array_equal(fast, naive)
    np.testing.assert_array_equal(max_pool_backward_fast(dout, cache_fast), max_pool_backward_naive(dout, cache_naive))


def test_layers_that_often_follow_each_other(randn):
    param, arrays = {"stride": 1, "pad": 1}, [randn((2, 3, 16, 16)), randn((3, 3, 3, 3)), randn(3)]
    check_layer(conv_relu_pool_forward, conv_relu_pool_backward, arrays, randn((2, 3, 8, 8)), param, POOL)
    arrays = [randn((2, 3, 8, 8)), randn((3, 3, 3, 3)), randn(3)]
    check_layer(conv_relu_forward, conv_relu_backward, arrays, randn((2, 3, 8, 8)), param)
    arrays += [randn(3), randn(3)]
    check_layer(conv_bn_relu_forward, conv_bn_relu_backward, arrays, randn((2, 3, 8, 8)), param, {"mode": "train"})


def test_loss_of_a_new_convolutional_network(randn):
    model, X, y = ThreeLayerConvNet(), randn((50, 3, 32, 32)), np.random.default_rng(0).integers(10, size=50)
    loss, _ = model.loss(X, y)
    assert loss == pytest.approx(np.log(10), abs=1e-3)
    model.reg = 0.5
    assert loss < model.loss(X, y)[0] < 2.6


def test_gradients_of_a_convolutional_network(randn):
    X, y = randn((2, 3, 16, 16)), np.array([3, 7])
    model = ThreeLayerConvNet(
        num_filters=3, filter_size=3, input_dim=(3, 16, 16), hidden_dim=7, dtype=np.float64, reg=0.5, weight_scale=0.1
    )
    assert {name: w.shape for name, w in model.params.items()} == {
        **{"W1": (3, 3, 3, 3), "b1": (3,)},
        **{"W2": (3 * 8 * 8, 7), "b2": (7,), "W3": (7, 10), "b3": (10,)},
    }
    check_model(model, X, y)


def test_a_convolutional_network_overfits_a_little_data(randn):
    """Blots of ten colours, with noise; the notebook takes 100 images of CIFAR-10."""
    y = np.arange(100) % 10
    X = randn((100, 3, 32, 32)) + np.random.default_rng(0).standard_normal((10, 3, 1, 1))[y]
    model = ThreeLayerConvNet(weight_scale=1e-2)
    solver = Solver(
        model,
        {"X_train": X, "y_train": y, "X_val": X[:50], "y_val": y[:50]},
        **{"num_epochs": 15, "batch_size": 50, "update_rule": "adam", "optim_config": {"learning_rate": 1e-3}},
        verbose=False,
    )
    solver.train()
    assert solver.train_acc_history[-1] > 0.95
    filters = model.params["W1"].transpose(0, 2, 3, 1)
    assert visualize_grid(filters).shape == (6 * 8 - 1, 6 * 8 - 1, 3)


def test_spatial_batchnorm_in_training(randn):
    N, C, H, W = 2, 3, 4, 5
    x = 4 * randn((N, C, H, W)) + 10
    for gamma, beta in ((np.ones(C), np.zeros(C)), (np.array([3, 4, 5]), np.array([6, 7, 8]))):
        out, _ = spatial_batchnorm_forward(x, gamma, beta, {"mode": "train"})
        assert out.shape == x.shape
        np.testing.assert_allclose(out.mean(axis=(0, 2, 3)), beta, atol=1e-12)
        np.testing.assert_allclose(out.std(axis=(0, 2, 3)), gamma, rtol=1e-5)


def test_spatial_batchnorm_in_testing(randn):
    N, C, H, W = 10, 4, 11, 12
    bn_param, gamma, beta = {"mode": "train"}, np.ones(C), np.zeros(C)
    for _ in range(50):
        spatial_batchnorm_forward(2.3 * randn((N, C, H, W)) + 13, gamma, beta, bn_param)
    bn_param["mode"] = "test"
    out, _ = spatial_batchnorm_forward(2.3 * randn((N, C, H, W)) + 13, gamma, beta, bn_param)
    assert np.abs(out.mean(axis=(0, 2, 3))).max() < 0.15
    assert np.abs(out.std(axis=(0, 2, 3)) - 1).max() < 0.1


def test_spatial_batchnorm_backward(randn):
    arrays = [5 * randn((2, 3, 4, 5)) + 12, randn(3), randn(3)]
    layer = spatial_batchnorm_forward, spatial_batchnorm_backward
    check_layer(*layer, arrays, randn((2, 3, 4, 5)), {"mode": "train"})


def test_spatial_groupnorm_forward(randn):
    N, C, H, W, G = 2, 6, 4, 5, 2
    x = 4 * randn((N, C, H, W)) + 10
    gamma, beta = np.ones((1, C, 1, 1)), np.zeros((1, C, 1, 1))
    out, _ = spatial_groupnorm_forward(x, gamma, beta, G, {"mode": "train"})
    assert out.shape == x.shape
    groups = out.reshape(N * G, -1)
    np.testing.assert_allclose(groups.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(groups.std(axis=1), 1, atol=1e-6)


def test_spatial_groupnorm_backward(randn):
    arrays = [5 * randn((2, 6, 4, 5)) + 12, randn((1, 6, 1, 1)), randn((1, 6, 1, 1))]
    check_layer(spatial_groupnorm_forward, spatial_groupnorm_backward, arrays, randn((2, 6, 4, 5)), 2, {"eps": 1e-4})
