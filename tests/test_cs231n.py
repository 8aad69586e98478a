"""numbanet.cs231n: what the notebooks rely on besides numbers, and refusals."""

import importlib
import inspect
import os
import pickle
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import numbanet
from numbanet import _warmup
from numbanet.cs231n import data_utils, fast_layers, gradient_check, layer_utils, layers, optim
from numbanet.cs231n.classifiers import cnn, fc_net
from numbanet.cs231n.classifiers.cnn import ThreeLayerConvNet
from numbanet.cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from numbanet.cs231n.solver import Solver
from numbanet.cs231n.vis_utils import visualize_grid
from numbanet.errors import DataError
from numbanet.operations import OPERATIONS


def seeded(seed, function):
    np.random.seed(seed)  # noqa: NPY002, as the notebooks do
    return function()


# Layers.


@pytest.mark.parametrize("mode", ["training", "Train", None, 1])
def test_other_modes_are_refused(mode):
    x, row = np.ones((3, 4)), np.ones(4)
    with pytest.raises(ValueError, match=r"^bn_param\['mode'\]: expected one of 'train', 'test', got"):
        layers.batchnorm_forward(x, row, row, {"mode": mode})
    with pytest.raises(ValueError, match=r"^dropout_param\['mode'\]: expected one of 'train', 'test', got"):
        layers.dropout_forward(x, {"mode": mode, "p": 0.5})


def test_parameters_that_are_missing_or_out_of_range():
    x, row = np.ones((3, 4)), np.ones(4)
    with pytest.raises(TypeError, match=r"^dropout_param\['p'\]: expected a number, got NoneType"):
        layers.dropout_forward(x, {"mode": "train"})
    with pytest.raises(ValueError, match=r"^dropout_param\['p'\]: expected a number in \(0, 1\], got 0"):
        layers.dropout_forward(x, {"mode": "train", "p": 0})
    with pytest.raises(ValueError, match=r"^eps: "):
        layers.layernorm_forward(x, row, row, {"eps": 0})
    with pytest.raises(ValueError, match="^x: batch normalisation in training needs at least two examples"):
        layers.batchnorm_forward(x[:1], row, row, {"mode": "train"})
    for call in (
        lambda: layers.batchnorm_forward(x, row, row, "train"),
        lambda: layers.layernorm_forward(x, row, row, None),
        lambda: layers.dropout_forward(x, 0.5),
    ):
        with pytest.raises(TypeError, match="_param: expected a dict of options, got"):
            call()


def test_parameters_of_windows():
    x, w, b = np.ones((2, 3, 4, 4)), np.ones((5, 3, 2, 2)), np.ones(5)
    for param, error, message in (
        ({"pad": 0}, TypeError, r"conv_param\['stride'\]: expected an integer, got NoneType"),
        ({"stride": 0, "pad": 0}, ValueError, r"conv_param\['stride'\]: expected an integer of at least 1, got 0"),
        ({"stride": 1, "pad": -1}, ValueError, r"conv_param\['pad'\]: expected an integer of at least 0, got -1"),
        ((1, 1), TypeError, "conv_param: expected a dict of options, got"),
    ):
        for forward in (layers.conv_forward_naive, fast_layers.conv_forward_fast, layer_utils.conv_relu_forward):
            with pytest.raises(error, match=f"^{message}"):
                forward(x, w, b, param)
    for param, message in (
        ({"pool_height": 2, "stride": 2}, r"pool_param\['pool_width'\]: expected an integer, got NoneType"),
        (2, "pool_param: expected a dict of options, got"),
    ):
        for forward in (layers.max_pool_forward_naive, fast_layers.max_pool_forward_fast):
            with pytest.raises(TypeError, match=f"^{message}"):
                forward(x, param)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes(dtype):
    x, row = np.arange(12).reshape(3, 4).astype(dtype), np.ones(4, dtype)
    wide = np.float64 if dtype == np.float64 else np.float32
    param = {"mode": "train"}
    assert layers.batchnorm_forward(x, row, row, param)[0].dtype == wide
    assert param["running_mean"].dtype == param["running_var"].dtype == wide
    assert layers.batchnorm_forward(x, row, row, {"mode": "test"})[0].dtype == wide
    for mode in ("train", "test"):
        assert layers.dropout_forward(x, {"mode": mode, "p": 0.5})[0].dtype == dtype


def test_batchnorm_takes_eps_and_momentum():
    x, row = np.arange(12.0).reshape(3, 4), np.ones(4)
    param = {"mode": "train", "eps": 2.0, "momentum": 0.25}
    out, _ = layers.batchnorm_forward(x, row, 0 * row, param)
    np.testing.assert_allclose(out, (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 2))
    np.testing.assert_allclose(param["running_mean"], 0.75 * x.mean(axis=0))
    np.testing.assert_allclose(param["running_var"], 0.75 * x.var(axis=0))
    out, _ = layers.batchnorm_forward(x, row, 0 * row, {**param, "mode": "test"})
    np.testing.assert_allclose(out, (x - param["running_mean"]) / np.sqrt(param["running_var"] + 2))


def test_dropout_masks_follow_the_seed_or_numpys_state():
    x = np.ones((50, 50))

    def mask(**options):
        return layers.dropout_forward(x, {"mode": "train", "p": 0.5, **options})[0]

    np.testing.assert_array_equal(mask(seed=1), mask(seed=1))
    np.testing.assert_array_equal(seeded(0, mask), seeded(0, mask))
    for other in (mask(seed=2), mask(), mask(), seeded(0, mask), seeded(1, mask)):
        assert 1000 < (mask(seed=1) != other).sum() < 1500


def test_dropout_of_integers_is_not_rounded():
    out, _ = layers.dropout_forward(np.arange(1, 100), {"mode": "train", "p": 0.7, "seed": 0})
    assert set(np.flatnonzero(out) + 1) == set(np.round(out[out > 0] * 0.7).astype(int))
    assert out.dtype == np.float64


def test_dropout_in_testing_gives_copies():
    x = np.ones(3)
    out, cache = layers.dropout_forward(x, {"mode": "test", "p": 0.5})
    assert not np.shares_memory(out, x)
    assert not np.shares_memory(layers.dropout_backward(x, cache), x)


@pytest.mark.parametrize(
    ("networks", "modules"), [(fc_net, (layers, layer_utils)), (cnn, (layers, layer_utils, fast_layers))]
)
def test_star_import_brings_the_layers_along(networks, modules):
    names = {}
    exec(f"from {networks.__name__} import *", names)
    brought = {name: getattr(module, name) for module in modules for name in module.__all__}
    own = {
        name: value for name, value in vars(networks).items() if getattr(value, "__module__", "") == networks.__name__
    }
    assert own
    assert names == {**brought, **own, "__builtins__": names["__builtins__"]}
    assert set(networks.__all__) == {*brought, *own}


CACHE = ["dout", "cache"]
SIGNATURES = {
    "layers": {
        **{f"{name}_backward": CACHE for name in ("affine", "relu", "batchnorm", "layernorm", "dropout")},
        "batchnorm_backward_alt": CACHE,
        "affine_forward": ["x", "w", "b"],
        "relu_forward": ["x"],
        "batchnorm_forward": ["x", "gamma", "beta", "bn_param"],
        "layernorm_forward": ["x", "gamma", "beta", "ln_param"],
        "dropout_forward": ["x", "dropout_param"],
        "softmax_loss": ["x", "y"],
        "svm_loss": ["x", "y"],
        "conv_forward_naive": ["x", "w", "b", "conv_param"],
        "max_pool_forward_naive": ["x", "pool_param"],
        "spatial_batchnorm_forward": ["x", "gamma", "beta", "bn_param"],
        "spatial_groupnorm_forward": ["x", "gamma", "beta", "G", "gn_param"],
        **{f"{name}_backward_naive": CACHE for name in ("conv", "max_pool")},
        **{f"spatial_{name}_backward": CACHE for name in ("batchnorm", "groupnorm")},
    },
    "fast_layers": {
        "conv_forward_fast": ["x", "w", "b", "conv_param"],
        "conv_backward_fast": CACHE,
        "max_pool_forward_fast": ["x", "pool_param"],
        "max_pool_backward_fast": CACHE,
    },
    "layer_utils": {
        "affine_relu_forward": ["x", "w", "b"],
        "affine_relu_backward": CACHE,
        "affine_bn_relu_forward": ["x", "w", "b", "gamma", "beta", "bn_param"],
        "affine_bn_relu_backward": CACHE,
        "conv_relu_forward": ["x", "w", "b", "conv_param"],
        "conv_bn_relu_forward": ["x", "w", "b", "gamma", "beta", "conv_param", "bn_param"],
        "conv_relu_pool_forward": ["x", "w", "b", "conv_param", "pool_param"],
        **{f"{name}_backward": CACHE for name in ("conv_relu", "conv_bn_relu", "conv_relu_pool")},
    },
    "optim": {name: ["w", "dw", "config"] for name in ("sgd", "sgd_momentum", "rmsprop", "adam")},
    "gradient_check": {
        "eval_numerical_gradient": ["f", "x", "verbose", "h"],
        "eval_numerical_gradient_array": ["f", "x", "df", "h"],
        "eval_numerical_gradient_blobs": ["f", "inputs", "output", "h"],
        "eval_numerical_gradient_net": ["net", "inputs", "output", "h"],
        "grad_check_sparse": ["f", "x", "analytic_grad", "num_checks", "h"],
    },
    "data_utils": {
        "get_CIFAR10_data": ["num_training", "num_validation", "num_test", "subtract_mean"],
        "load_CIFAR10": ["ROOT"],
        "load_CIFAR_batch": ["filename"],
    },
    "vis_utils": {"visualize_grid": ["Xs", "ubound", "padding"]},
}


@pytest.mark.parametrize("module", SIGNATURES)
def test_parameters_have_the_names_and_places_of_the_course(module):
    functions = importlib.import_module(f"numbanet.cs231n.{module}")
    assert sorted(functions.__all__) == sorted(SIGNATURES[module])
    for name, expected in SIGNATURES[module].items():
        parameters = inspect.signature(getattr(functions, name)).parameters.values()
        assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == expected


# Networks and their training.


@pytest.mark.parametrize(
    "build",
    [lambda: FullyConnectedNet([7], 5, 3), lambda: TwoLayerNet(5, 7, 3), lambda: ThreeLayerConvNet((2, 4, 4), 3, 3, 5)],
)
def test_weights_follow_numpys_state(build):
    first, again, other = seeded(0, build), seeded(0, build), seeded(1, build)
    np.testing.assert_array_equal(first.params["W1"], again.params["W1"])
    assert (first.params["W1"] != other.params["W1"]).all()
    assert (build().params["W1"] != build().params["W1"]).all()


def test_arguments_have_the_places_of_the_course():
    model = FullyConnectedNet([7, 8], 5, 3, 0.5, "layernorm", 0.25, 1e-3, np.float64, 1)
    kinds = [numbanet.Affine, numbanet.LayerNorm, numbanet.ReLU, numbanet.Dropout]
    assert [type(layer) for layer in model.layers] == [*kinds, *kinds, numbanet.Affine]
    assert model.layers[3].rate == 0.5
    assert (model.input_shape, model.output_size, model.reg, model.dtype) == ((5,), 3, 0.25, np.float64)
    assert 0 < np.abs(model.params["W1"]).max() < 1e-2
    assert list(model.params) == ["W1", "b1", "gamma1", "beta1", "W2", "b2", "gamma2", "beta2", "W3", "b3"]
    assert FullyConnectedNet([7]).params["W1"].shape == (3072, 7)
    assert FullyConnectedNet([7]).dtype == np.float32
    model = TwoLayerNet(5, 7, 3, 1e-4, 0.25)
    assert (model.reg, model.dtype, model.params["W2"].shape) == (0.25, np.float64, (7, 3))
    model = ThreeLayerConvNet((2, 6, 4), 5, 3, 7, 4, 1e-4, 0.25, np.float64)
    assert (model.reg, model.dtype, model.params["W1"].shape) == (0.25, np.float64, (5, 2, 3, 3))
    assert (model.params["W2"].shape, model.params["W3"].shape) == ((5 * 3 * 2, 7), (7, 4))
    assert 0 < np.abs(model.params["W1"]).max() < 1e-3
    assert ThreeLayerConvNet().params["W1"].shape == (32, 3, 7, 7)


FEW = {"X_train": np.arange(20.0).reshape(4, 5) / 20, "y_train": np.array([0, 1, 2, 0])}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TwoLayerNet(5, 4, 3, reg=-1), "reg: expected a number"),
        (lambda: ThreeLayerConvNet((2, 4, 4), filter_size=0), "filter_size: expected an integer"),
        (lambda: FullyConnectedNet([4], 5, 3, dropout_keep_ratio=0), "dropout_keep_ratio: expected a number"),
        (lambda: Solver(TwoLayerNet(5, 4, 3), FEW, num_epochs=-1), "num_epochs: expected an integer"),
        (lambda: Solver(TwoLayerNet(5, 4, 3), FEW, update_rule="adm"), "update_rule: .*; did you mean 'adam'"),
        (lambda: Solver(TwoLayerNet(5, 4, 3), FEW, optim_config={"a": 1}), "optim_config: 'sgd' has the options"),
    ],
)
def test_messages_call_arguments_as_the_course_does(make, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        make()


def test_epsilon_of_the_course():
    def weights(**config):
        model = seeded(0, lambda: TwoLayerNet(5, 4, 3))
        options = {"update_rule": "adam", "num_epochs": 2, "batch_size": 2, "verbose": False, "seed": 1}
        Solver(model, FEW, optim_config=config, **options).train()
        return model.params.flat.copy()

    assert (weights(epsilon=0.1) != weights()).any()
    np.testing.assert_array_equal(weights(epsilon=1e-8), weights())
    _, config = optim.adam(np.ones(3), np.ones(3), {"epsilon": 0.5})
    assert config["epsilon"] == 0.5
    assert "eps" not in config


def kept(**keywords):
    """What a network of the course keeps in dropout, and how it normalises."""
    model = FullyConnectedNet([4], 5, 3, **keywords)
    ratios = [1 - layer.rate for layer in model.layers if isinstance(layer, numbanet.Dropout)]
    return ratios, [type(layer) for layer in model.layers[1:-1] if not isinstance(layer, numbanet.Dropout)][:-1]


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        # Up to 2017: dropout=0.3 drops three of ten; 0 is no dropout.
        ({"dropout": 0.3, "use_batchnorm": True}, ([0.7], [numbanet.BatchNorm])),
        ({"dropout": 0.3, "use_batchnorm": False}, ([0.7], [])),
        ({"dropout": 0, "use_batchnorm": True}, ([], [numbanet.BatchNorm])),
        ({"use_batchnorm": True}, ([], [numbanet.BatchNorm])),
        ({"use_batchnorm": False, "dropout_keep_ratio": 0.6}, ([0.6], [])),
        # From 2018 on: dropout=0.3 keeps three of ten; 1 is no dropout.
        ({"dropout": 0.3, "normalization": "batchnorm"}, ([0.3], [numbanet.BatchNorm])),
        ({"dropout": 1, "normalization": "layernorm"}, ([], [numbanet.LayerNorm])),
        # Whichever it was.
        ({"dropout": 0}, ([], [])),
        ({"dropout": 1}, ([], [])),
    ],
)
def test_older_names_of_dropout_and_batchnorm(keywords, expected):
    ratios, normalizations = kept(**keywords)
    assert ratios == pytest.approx(expected[0])
    assert normalizations == expected[1]


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"dropout": 0.25}, TypeError, r"did you mean dropout_keep_ratio=0.75 or dropout_keep_ratio=0.25\?"),
        (
            {"dropout": 0, "normalization": "batchnorm"},
            ValueError,
            "to keep a value; 0 would leave nothing",
        ),
        ({"dropout": 1, "use_batchnorm": True}, ValueError, "to drop a value; 1 would leave nothing"),
        ({"dropout": 1.5}, ValueError, r"dropout: expected a number in \[0, 1\], got 1.5"),
        ({"dropout": 0.5, "dropout_keep_ratio": 0.5}, TypeError, "give dropout_keep_ratio or"),
        ({"use_batchnorm": True, "normalization": "layernorm"}, TypeError, "give normalization or"),
        ({"use_batchnorm": "yes"}, TypeError, "use_batchnorm: expected True or False, got 'yes'"),
        ({"normalisation": "batchnorm"}, TypeError, "no argument 'normalisation'; did you mean normalization"),
        ({"weight_scal": 1}, TypeError, "FullyConnectedNet: no argument 'weight_scal'; did you mean weight_scale"),
    ],
)
def test_names_that_the_course_never_had_or_that_say_too_little(keywords, error, message):
    with pytest.raises(error, match=message):
        FullyConnectedNet([4], 5, 3, **keywords)


def test_keywords_of_the_other_classes():
    with pytest.raises(TypeError, match="TwoLayerNet: no argument 'hidden'; did you mean hidden_dim"):
        TwoLayerNet(hidden=4)
    with pytest.raises(TypeError, match="ThreeLayerConvNet: no argument 'filters'; did you mean num_filters"):
        ThreeLayerConvNet(filters=4)
    with pytest.raises(TypeError, match="Solver: no argument 'num_epoch'; did you mean num_epochs"):
        Solver(TwoLayerNet(5, 4, 3), {}, num_epoch=1)


# What the course's files have, 2021.
DEFAULTS = {
    FullyConnectedNet: {
        "input_dim": 3072,
        "num_classes": 10,
        "dropout_keep_ratio": 1,
        "normalization": None,
        "reg": 0.0,
        "weight_scale": 1e-2,
        "dtype": np.float32,
        "seed": None,
    },
    TwoLayerNet: {"input_dim": 3072, "hidden_dim": 100, "num_classes": 10, "weight_scale": 1e-3, "reg": 0.0},
    ThreeLayerConvNet: {
        "input_dim": (3, 32, 32),
        "num_filters": 32,
        "filter_size": 7,
        "hidden_dim": 100,
        "num_classes": 10,
        "weight_scale": 1e-3,
        "reg": 0.0,
        "dtype": np.float32,
    },
}


@pytest.mark.parametrize("network", DEFAULTS, ids=lambda network: network.__name__)
def test_defaults_are_those_of_the_course(network):
    parameters = inspect.signature(network).parameters.values()
    found = {p.name: p.default for p in parameters if p.default is not p.empty and p.kind is not p.KEYWORD_ONLY}
    assert found == DEFAULTS[network]


def test_the_networks_are_built_with_their_defaults():
    convolutional = ThreeLayerConvNet()
    shapes = {name: w.shape for name, w in convolutional.params.items() if name.startswith("W")}
    assert shapes == {"W1": (32, 3, 7, 7), "W2": (32 * 16 * 16, 100), "W3": (100, 10)}
    assert np.std(convolutional.params["W2"]) == pytest.approx(1e-3, rel=0.02)
    two = TwoLayerNet()
    assert {name: w.shape for name, w in two.params.items()}["W1"] == (3072, 100)
    assert np.std(two.params["W1"]) == pytest.approx(1e-3, rel=0.02)
    assert np.std(FullyConnectedNet([100]).params["W1"]) == pytest.approx(1e-2, rel=0.02)


def test_the_solver_s_defaults_are_those_of_the_course():
    X, y = blobs(300)
    solver = Solver(FullyConnectedNet([4], 5, 3), {"X_train": X, "y_train": y, "X_val": X, "y_val": y})
    assert (solver.num_epochs, solver.batch_size, solver.lr_decay, solver.print_every) == (10, 100, 1.0, 10)
    assert (solver.num_train_samples, solver.num_val_samples, solver.verbose) == (1000, None, True)
    assert solver._update.optimizer.name == "sgd"
    assert solver.learning_rate == 1e-2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x, row: layers.batchnorm_forward(x, row, row, {"mode": "train", "epsilon": 1e-3}),
            "did you mean 'eps'",
        ),
        (lambda x, row: layers.batchnorm_forward(x, row, row, {"mode": "train", "momentun": 1}), "mean 'momentum'"),
        (
            lambda x, row: layers.layernorm_forward(x, row, row, {"Eps": 1e-3}),
            "ln_param: .* did you mean 'eps'",
        ),
        (lambda x, row: layers.dropout_forward(x, {"mode": "train", "P": 0.5}), "dropout_param: .*did you mean 'p'"),
        (lambda x, row: fast_layers.conv_forward_fast(x, x, row, {"strides": 1, "pad": 0}), "did you mean 'stride'"),
        (lambda x, row: layers.max_pool_forward_naive(x, {"pool_heigth": 2}), "did you mean 'pool_height'"),
    ],
)
def test_options_of_the_dicts_that_there_are_not(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((3, 4)), np.ones(4))


def test_layernorm_takes_the_dict_of_batchnorm():
    x, row = np.random.default_rng(0).standard_normal((3, 4)), np.ones(4)
    out, _ = layers.layernorm_forward(x, row, row, {"mode": "train", "eps": 0.5})
    assert np.allclose(out, (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 0.5) + 1)


def test_what_the_notebooks_time_is_compiled_before():
    """In a process of its own: `fast_layers` makes convolution and pooling ready, batchnorm's forward its backward."""
    script = """
import numpy as np
from numbanet.cs231n.fast_layers import *
from numbanet.cs231n.layers import batchnorm_backward, batchnorm_forward
from numbanet import kernels
names = ("conv_forward", "conv_backward", "max_pool_forward", "max_pool_backward")
forms = [getattr(getattr(kernels, name), form) for name in names for form in FORMS]
before = [len(form.overloads) for form in forms]
for n, size in ((2, 5), (30, 21)):
    x, w, b = np.ones((n, 3, size, size)), np.ones((4, 3, 3, 3)), np.ones(4)
    out, cache = conv_forward_fast(x, w, b, {"stride": 2, "pad": 1})
    conv_backward_fast(out, cache)
    out, cache = max_pool_forward_fast(x, {"pool_height": 2, "pool_width": 2, "stride": 1})
    max_pool_backward_fast(out, cache)
print(min(before), [len(form.overloads) for form in forms] == before)
for shape in ((4, 5), (100, 500)):
    out, cache = batchnorm_forward(np.random.randn(*shape), np.ones(shape[1]), np.ones(shape[1]), {"mode": "train"})
    forms = [getattr(kernels.batchnorm_backward, form) for form in FORMS]
    before = sum(len(form.overloads) for form in forms)
    batchnorm_backward(out, cache)
    print(before > 0, sum(len(form.overloads) for form in forms) == before)
"""
    threads = min(2, numbanet.get_num_threads())
    script = script.replace("FORMS", repr(("serial", "parallel")[:threads]))
    environment = {**os.environ, "NUMBANET_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "True"] + ["True", "True"] * 2


def test_compiling_at_import_is_said(monkeypatch, capsys):
    ready, done = [True, False], []

    def jobs(dtypes, parallel):
        assert dtypes == ["float64"]
        for name in OPERATIONS:
            yield SimpleNamespace(name=name, ready=ready[name == "conv_backward"], run=partial(done.append, name))

    monkeypatch.setattr(_warmup, "_jobs", jobs)
    _warmup.prepare(fast_layers.KERNELS, "float64", fast_layers._say)
    assert "compiling convolution and pooling, once per machine" in capsys.readouterr().err
    assert set(done) == set(fast_layers.KERNELS)
    ready[1] = True
    _warmup.prepare(fast_layers.KERNELS, "float64", fast_layers._say)
    assert capsys.readouterr().err == ""


def test_a_dropout_seed_fixes_the_masks():
    X, y = np.random.default_rng(0).standard_normal((4, 5)), [0, 1, 2, 0]

    def loss(model):
        model.params["W1"], model.params["W2"] = np.ones((5, 40)) / 7, np.arange(120.0).reshape(40, 3) / 120
        return model.loss(X, y)[0]

    fixed = FullyConnectedNet([40], 5, 3, dropout_keep_ratio=0.5, dtype=np.float64, seed=1)
    assert loss(fixed) == loss(fixed)
    assert loss(fixed) == loss(FullyConnectedNet([40], 5, 3, dropout_keep_ratio=0.5, dtype=np.float64, seed=1))
    assert loss(fixed) != loss(FullyConnectedNet([40], 5, 3, dropout_keep_ratio=0.5, dtype=np.float64, seed=2))
    free = FullyConnectedNet([40], 5, 3, dropout_keep_ratio=0.5, dtype=np.float64)
    assert loss(free) != loss(free)


def blobs(count):
    """Three clouds of points, far apart."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 3
    return rng.standard_normal((count, 5)) + 4 * np.eye(5)[y], y


def trained(update_rule="sgd_momentum", **options):
    X, y = blobs(60)
    data = {"X_train": X, "y_train": y, "X_val": X[:15], "y_val": y[:15]}
    model = FullyConnectedNet([10], 5, 3, weight_scale=0.1, normalization="batchnorm")
    options = {"optim_config": {"learning_rate": 0.05}, "num_epochs": 5, "batch_size": 20, "verbose": False, **options}
    solver = Solver(model, data, update_rule=update_rule, **options)
    solver.train()
    return solver


def test_solver_learns():
    solver = seeded(0, trained)
    assert len(solver.loss_history) == 15
    assert len(solver.train_acc_history) == len(solver.val_acc_history) == 6
    assert solver.best_val_acc == 1
    assert solver.loss_history[-1] < solver.loss_history[0] / 2


def test_training_follows_numpys_state():
    first, again, other = seeded(0, trained), seeded(0, trained), seeded(1, trained)
    assert first.loss_history == again.loss_history != other.loss_history


def test_the_solver_keeps_the_first_of_the_highest_accuracies():
    solver = seeded(0, lambda: trained(num_epochs=12))
    accuracies = solver.val_acc_history
    best = accuracies.index(max(accuracies))
    assert accuracies.count(max(accuracies)) > 1  # else this shows nothing
    assert solver.best_epoch == best != solver.val_loss_history.index(min(solver.val_loss_history))


def test_the_solver_takes_the_test_part_along():
    X, y = blobs(50)
    data = {"X_train": X, "y_train": y, "X_val": X, "y_val": y, "X_test": X, "y_test": y}
    solver = Solver(fc_net.TwoLayerNet(5, 4, 3), data, batch_size=20, num_epochs=1, verbose=False)
    assert solver.steps_per_epoch == 2  # what is left over does not make a batch
    with pytest.raises(ValueError, match="got 'X_tset'; did you mean 'X_test'?"):
        Solver(fc_net.TwoLayerNet(5, 4, 3), {**data, "X_tset": X})


class OwnModel:
    """A model as a user of the course writes one; it notes the batches that it is shown."""

    def __init__(self):
        self.params, self.seen = {"W": np.zeros((5, 3))}, []

    def loss(self, X, y=None):
        scores = X @ self.params["W"]
        if y is None:
            return scores
        self.seen.append(X[:, 0].tolist())
        loss, dscores = layers.softmax_loss(scores, y)
        return loss, {"W": X.T @ dscores}


def test_a_model_of_the_users_own_learns_in_an_order_that_follows_numpys_state():
    def train():
        X, y = blobs(60)
        data = {"X_train": X, "y_train": y, "X_val": X, "y_val": y}
        solver = Solver(OwnModel(), data, num_epochs=3, batch_size=20, verbose=False)
        solver.train()
        return solver

    first, again, other = seeded(0, train), seeded(0, train), seeded(1, train)
    assert first.model.seen == again.model.seen != other.model.seen
    assert first.best_val_acc > 0.9


def test_the_courses_update_rules_train_as_the_ones_of_the_same_name():
    for rule in ("sgd", "sgd_momentum", "rmsprop", "adam"):
        by_name, by_function = (
            seeded(0, lambda r=rule: trained(r)),
            seeded(0, lambda r=rule: trained(getattr(optim, r))),
        )
        np.testing.assert_allclose(by_name.loss_history, by_function.loss_history, rtol=1e-5)


def test_solver_prints_as_the_course_does(capsys):
    trained(num_epochs=1, verbose=True, print_every=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "(Iteration 1 / 3) loss",
        "(Epoch 0 / 1) train acc",
        "(Iteration 3 / 3) loss",
        "(Epoch 1 / 1) train acc",
    ]


# Gradient checks.


def test_numerical_gradient_prints_and_leaves_x_as_it_is(capsys):
    x = np.array([[0.1, 0.2], [0.3, -40.0]])
    before = x.copy()
    gradient = gradient_check.eval_numerical_gradient(lambda x: (x**2).sum(), x)
    np.testing.assert_allclose(gradient, 2 * x, rtol=1e-6)
    np.testing.assert_array_equal(x, before)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{index} {gradient[index]}" for index in np.ndindex(2, 2)]
    with pytest.raises(TypeError, match="float64"):
        gradient_check.eval_numerical_gradient(lambda x: x.sum(), x.astype(np.float32))


class Blob:
    def __init__(self, vals):
        self.vals, self.diffs = vals, np.arange(vals.size).reshape(vals.shape) + 1.0


def test_numerical_gradients_of_blobs():
    a, b, out = Blob(np.ones((2, 3))), Blob(np.full((2, 3), 2.0)), Blob(np.zeros((2, 3)))

    def multiply(a, b, out):
        out.vals[...] = a.vals * b.vals

    class Net:
        def forward(self):
            multiply(a, b, out)

    for gradients in (
        gradient_check.eval_numerical_gradient_blobs(multiply, (a, b), out),
        gradient_check.eval_numerical_gradient_net(Net(), (a, b), out),
    ):
        np.testing.assert_allclose(gradients, [out.diffs * b.vals, out.diffs * a.vals])


def test_sparse_gradient_check(capsys):
    x = np.array([[1.0, -2.0], [3.0, 0.0]])
    gradient_check.grad_check_sparse(lambda x: (x**2).sum(), x, 2 * x, num_checks=30)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 30
    assert {line.split()[1] for line in lines} <= {"2.000000", "-4.000000", "6.000000", "0.000000", "-0.000000"}
    assert all(float(line.split()[-1]) < 1e-6 for line in lines)
    gradient_check.grad_check_sparse(lambda x: (x**2).sum(), x[:1, :1], np.ones((1, 1)), num_checks=1)
    assert capsys.readouterr().out == "numerical: 2.000000 analytic: 1.000000, relative error: 3.333333e-01\n"


# Data and images.


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """CIFAR-10 with four images in a batch, named by NUMBANET_DATA; the working directory is empty."""
    folder = tmp_path / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        pixels = np.random.default_rng(number).integers(256, size=(4, 3072), dtype=np.uint8)
        content = {b"data": pixels, b"labels": [number, 1, 2, 9]}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("NUMBANET_DATA", str(tmp_path / "data"))
    return folder


def test_cifar_batches_are_channels_last(cifar):
    X, y = data_utils.load_CIFAR_batch(cifar / "data_batch_3")
    pixels = np.random.default_rng(2).integers(256, size=(4, 3072), dtype=np.uint8)
    assert (X.shape, X.dtype, y.tolist()) == ((4, 32, 32, 3), np.float64, [2, 1, 2, 9])
    np.testing.assert_array_equal(X[1, 5, 7], pixels[1].reshape(3, 32, 32)[:, 5, 7])
    Xtr, Ytr, Xte, Yte = data_utils.load_CIFAR10(str(cifar))
    assert (Xtr.shape, Xte.shape, len(Ytr), Yte.tolist()) == ((20, 32, 32, 3), (4, 32, 32, 3), 20, [5, 1, 2, 9])
    np.testing.assert_array_equal(Xtr[8:12], X)


def test_get_cifar10_data(cifar):
    raw = data_utils.get_CIFAR10_data(15, 4, 3, subtract_mean=False)
    Xtr, Ytr, Xte, _ = data_utils.load_CIFAR10(cifar)
    assert list(raw) == ["X_train", "y_train", "X_val", "y_val", "X_test", "y_test"]
    np.testing.assert_array_equal(raw["X_train"], Xtr[:15].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(raw["X_val"], Xtr[15:19].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(raw["X_test"], Xte[:3].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(raw["y_val"], Ytr[15:19])
    centred = data_utils.get_CIFAR10_data(15, 4, 3)
    for name in ("X_train", "X_val", "X_test"):
        np.testing.assert_allclose(centred[name], raw[name] - raw["X_train"].mean(axis=0))
    with pytest.raises(ValueError, match="^num_training: expected an integer of at most 20, got 49000"):
        data_utils.get_CIFAR10_data()


def test_where_cifar_is_looked_for(cifar, monkeypatch, tmp_path):
    sizes = {"num_training": 1, "num_validation": 1, "num_test": 1}
    monkeypatch.setenv("NUMBANET_DATA", str(cifar))  # the folder itself
    assert data_utils.get_CIFAR10_data(**sizes)["X_train"].shape == (1, 3, 32, 32)
    monkeypatch.setenv("NUMBANET_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(
        DataError, match=r"work.cs231n.datasets.cifar-10-batches-py nor .* NUMBANET_DATA, which is .*nowh"
    ):
        data_utils.get_CIFAR10_data(**sizes)
    monkeypatch.delenv("NUMBANET_DATA")
    with pytest.raises(DataError, match="NUMBANET_DATA, which is not set"):
        data_utils.get_CIFAR10_data(**sizes)
    course = tmp_path / "work" / "cs231n" / "datasets"
    course.mkdir(parents=True)
    cifar.rename(course / "cifar-10-batches-py")
    assert data_utils.get_CIFAR10_data(**sizes)["X_test"].shape == (1, 3, 32, 32)


def test_grid_of_images():
    Xs = np.stack([np.full((2, 3, 1), 7.0), np.arange(6.0).reshape(2, 3, 1), -np.arange(6.0).reshape(2, 3, 1)])
    grid = visualize_grid(Xs, ubound=10, padding=2)
    expected = np.zeros((6, 8))
    expected[:2, 5:] = [[0, 2, 4], [6, 8, 10]]
    expected[4:, :3] = [[10, 8, 6], [4, 2, 0]]
    np.testing.assert_allclose(grid, expected[:, :, None])
    np.testing.assert_allclose(visualize_grid(Xs[1:2], padding=0)[:, :, 0], Xs[1, :, :, 0] * 51)
    assert visualize_grid(np.zeros((5, 4, 4, 3))).shape == (14, 14, 3)
    with pytest.raises(ValueError, match=r"^Xs: expected 4 axes, got shape \(2, 3, 1\)"):
        visualize_grid(Xs[0])
