"""Every default there is, in one table: of classes, update rules, the command line; and that the defaults learn."""

import inspect
import math
import warnings
from pathlib import Path

import numpy as np
import pytest

import numbanet
from numbanet import FullyConnectedNet, Solver, data, initializers
from numbanet.cli._arguments import parse
from numbanet.cli._train_options import settle
from numbanet.cs231n.classifiers import cnn, fc_net
from numbanet.cs231n.solver import Solver as CourseSolver
from numbanet.layers import ACTIVATIONS, LAYERS
from numbanet.optim import RULES

IMAGES = {"input_dim": (3, 32, 32), "num_classes": 10}
FLAT = {"input_dim": 3072, "num_classes": 10}
CONVNET = {**IMAGES, "num_filters": 32, "kernel_size": 7, "hidden_dim": 100, "l2": 0.0, "dtype": np.float32}
COURSE_CONVNET = {**IMAGES, "num_filters": 32, "filter_size": 7, "hidden_dim": 100, "reg": 0.0, "dtype": np.float32}
WINDOWS = {"stride": None, "padding": 0}
NETWORK = {"loss": "softmax", "l2": 0.0, "l2_divided": False, "dtype": np.float32, "seed": None, "ops": None}
UNSET = {"weight_scale": None, "weight_init": None, "bias_init": None}  # what they stand for is tested below

SIGNATURES = {
    **dict.fromkeys(ACTIVATIONS.values(), {}),  # but for those below
    numbanet.Affine: {"weight_init": None, "bias_init": "zeros", "parametrization": "standard"},
    numbanet.Conv: {
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": True,
        "weight_init": "he_normal",
    },
    numbanet.BatchNorm: {"momentum": 0.9, "eps": 1e-5},
    numbanet.LayerNorm: {"eps": 1e-5},
    numbanet.GroupNorm: {"eps": 1e-5},
    numbanet.MaxPool: WINDOWS,
    numbanet.AvgPool: WINDOWS,
    numbanet.GlobalAvgPool: {},
    numbanet.Flatten: {},
    numbanet.Residual: {"shortcut": ()},
    numbanet.Dropout: {},
    numbanet.Scale: {},
    numbanet.Parametric: {},
    numbanet.PeriodicEmbedding: {"frequencies": 16, "units": 4, "sigma": 0.1, "dense": True},
    numbanet.Embedding: {"units": 8, "weight_init": 1.0},
    numbanet.Columns: {},
    numbanet.Members: {"init": "signs"},
    numbanet.MemberAffine: {
        **{"shared": True, "input_scaling": None, "output_scaling": None, "weight_init": None, "bias_init": "zeros"},
        "parametrization": "standard",
    },
    numbanet.LeakyReLU: {"negative_slope": 0.01},
    numbanet.ELU: {"alpha": 1.0},
    numbanet.GELU: {"approximate": "none"},
    numbanet.Sequential: NETWORK,
    numbanet.FullyConnectedNet: {
        **FLAT,
        **UNSET,
        "normalization": None,
        "dropout": 0,
        "activation": "relu",
    },
    numbanet.TwoLayerNet: {**FLAT, "hidden_dim": 100},
    numbanet.ThreeLayerConvNet: {**CONVNET, "weight_scale": None},
    numbanet.SmallVGG: {**IMAGES, "widths": (32, 64, 128), "dropout": 0},
    numbanet.SmallResNet: {**IMAGES, "widths": (16, 32, 64), "blocks": 2},
    numbanet.Solver: {
        "optimizer": None,
        "optimizer_options": None,
        "schedule": None,
        "schedules": None,
        "batch_size": 100,
        "epochs": None,
        "drop_last": False,
        "class_weight": None,
        "metrics": (),
        "validate_every": None,
        "num_train_samples": 1000,
        "num_val_samples": None,
        "monitor": None,
        "patience": None,
        "min_delta": 0.0,
        "restore_best_weights": True,
        "augment": None,
        "checkpoint_name": None,
        "seed": None,
        "callbacks": (),
        "print_every": 10,
        "verbose": True,
    },
    fc_net.FullyConnectedNet: {
        **FLAT,
        "dropout_keep_ratio": 1,
        "normalization": None,
        "reg": 0.0,
        "weight_scale": 1e-2,
        "dtype": np.float32,
        "seed": None,
        "dropout": None,
        "use_batchnorm": None,
    },
    fc_net.TwoLayerNet: {**FLAT, "hidden_dim": 100, "weight_scale": 1e-3, "reg": 0.0},
    cnn.ThreeLayerConvNet: {**COURSE_CONVNET, "weight_scale": 1e-3},
}


@pytest.mark.parametrize("made", SIGNATURES, ids=lambda made: f"{made.__module__}.{made.__name__}")
def test_signatures(made):
    parameters = inspect.signature(made).parameters.values()
    assert {p.name: p.default for p in parameters if p.default is not p.empty} == SIGNATURES[made]


def test_no_layer_or_network_is_left_out():
    public = [getattr(numbanet, name) for name in numbanet.__all__]
    made = {
        each for each in public if isinstance(each, type) and issubclass(each, (numbanet.Layer, numbanet.Sequential))
    }
    assert made - set(SIGNATURES) == {numbanet.Layer}
    assert set(LAYERS.values()) <= set(SIGNATURES)


MOMENTUM = {"learning_rate": 1e-2, "momentum": 0.9}
MOMENTS = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_inside_root": False}


def test_update_rules():
    assert {name: rule.options for name, rule in RULES.items()} == {
        "sgd": {"learning_rate": 1e-2},
        "sgd_momentum": MOMENTUM,
        "nesterov": MOMENTUM,
        "rmsprop": {"learning_rate": 1e-2, "decay_rate": 0.99, "eps": 1e-8, "eps_inside_root": False},
        "adam": {**MOMENTS, "weight_decay": 0.0},
        "adamw": {**MOMENTS, "weight_decay": 1e-2},
    }


def examples(count, features=5):
    rng = np.random.default_rng(0)
    return {"X_train": rng.standard_normal((count, features)), "y_train": rng.integers(3, size=count)}


@pytest.mark.parametrize(
    ("count", "per_epoch", "epochs"), [(1, 1, 4000), (142, 2, 2000), (1437, 15, 267), (8000, 80, 50), (50_000, 500, 10)]
)
def test_what_a_solver_s_defaults_stand_for(count, per_epoch, epochs):
    solver = Solver(FullyConnectedNet([4], 5, 3), examples(count))
    assert (solver.steps_per_epoch, solver.epochs) == (per_epoch, epochs)
    assert (solver.optimizer, solver.monitor) == ("adamw", "val_loss")
    assert solver._update.optimizer.options == {**MOMENTS, "weight_decay": 1.0}
    faster = Solver(FullyConnectedNet([4], 5, 3), examples(count), optimizer_options={"learning_rate": 0.1})
    assert faster._update.optimizer.options == {**MOMENTS, "learning_rate": 0.1, "weight_decay": 1.0}
    named = Solver(FullyConnectedNet([4], 5, 3), examples(count), optimizer="adamw")
    assert named._update.optimizer.options == {**MOMENTS, "weight_decay": 1e-2}


def test_what_the_course_s_solver_s_defaults_stand_for():
    solver = CourseSolver(fc_net.TwoLayerNet(5, 4, 3), examples(250))
    assert (solver.optimizer, solver.monitor, solver.epochs) == ("sgd", "val_accuracy", 10)
    assert (solver.batch_size, solver.steps_per_epoch, solver.drop_last) == (100, 2, True)
    assert (solver.num_train_samples, solver.num_val_samples) == (1000, None)
    assert (solver.lr_decay, solver.learning_rate, solver.print_every, solver.verbose) == (1.0, 1e-2, 10, True)


def spread(values):
    return float(values.std())


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (lambda: FullyConnectedNet([300], 200, 300), [math.sqrt(2 / 200), math.sqrt(2 / 300)]),
        (lambda: FullyConnectedNet([300], 200, 300, activation="tanh"), [math.sqrt(2 / 500), math.sqrt(2 / 600)]),
        (lambda: FullyConnectedNet([300], 200, 300, activation="sigmoid"), [math.sqrt(2 / 500), math.sqrt(2 / 600)]),
        (lambda: FullyConnectedNet([300], 200, 300, activation="gelu"), [math.sqrt(2 / 200), math.sqrt(2 / 300)]),
        (lambda: numbanet.TwoLayerNet(200, 300, 300), [math.sqrt(2 / 200), math.sqrt(2 / 300)]),
        (
            lambda: numbanet.ThreeLayerConvNet((3, 8, 8), 60, 7, 100, 200),
            [math.sqrt(2 / 147), math.sqrt(2 / 960), math.sqrt(2 / 100)],
        ),
        (lambda: FullyConnectedNet([300], 200, 300, weight_scale=0.3), [0.3, 0.3]),
        (lambda: fc_net.FullyConnectedNet([300], 200, 300), [1e-2, 1e-2]),
        (lambda: fc_net.TwoLayerNet(200, 300, 300), [1e-3, 1e-3]),
        (lambda: cnn.ThreeLayerConvNet((3, 8, 8), 60, 7, 100, 200), [1e-3, 1e-3, 1e-3]),
    ],
)
def test_initial_weights(network, expected):
    network = network()
    found = [spread(network.params[f"W{number}"]) for number in range(1, len(expected) + 1)]
    assert found == pytest.approx(expected, rel=0.03)


def test_small_vgg_drops_what_it_is_told_to():
    def dropped(**options):
        layers = numbanet.SmallVGG((1, 8, 8), 3, widths=(4,), **options).layers
        return [layer.rate for layer in layers if isinstance(layer, numbanet.Dropout)]

    assert (dropped(), dropped(dropout=0.4)) == ([], [0.4])


def test_initial_biases():
    biases = FullyConnectedNet([4000], 25, 4000, seed=0).params
    for name, bound in (("b1", 1 / 5), ("b2", 1 / math.sqrt(4000))):
        assert 0.99 * bound < np.abs(biases[name]).max() <= bound
        assert spread(biases[name]) == pytest.approx(bound / math.sqrt(3), rel=0.03)
    for options in ({"weight_scale": 0.1}, {"weight_init": "he_normal"}, {"bias_init": "zeros"}):
        assert not FullyConnectedNet([40], 25, 3, **options).params["b1"].any()
    assert not numbanet.Sequential([numbanet.Affine(9)], (25,)).params["b1"].any()
    assert (FullyConnectedNet([4], 5, 3, bias_init=initializers.ones).params["b1"] == 1).all()


TRAIN = {
    "data": "digits",
    "validation_fraction": None,  # 0.1, and of the test 0.2, unless the data come with such a part
    "test_fraction": None,
    "augment": [],
    "loss": None,
    "l2": 0.0,
    "dtype": "float32",
    "optimizer": "adam",
    "learning_rate": None,
    "weight_decay": None,
    "lr_schedule": "cosine",
    "lr_decay": None,
    "lr_warmup": 0.0,
    "lr_step": None,
    "batch_size": 32,
    "epochs": 40,
    "patience": None,
    "min_delta": 0.0,
    "monitor": "val_loss",
    "seed": 0,
    "output": None,
    "resume": None,
    "threads": None,
    "quiet": False,
}
DENSE = {
    "hidden": [256, 256],
    "normalization": "batchnorm",
    "dropout": 0,
    "activation": "relu",
    "weight_init": "he_normal",
}
MODELS = {
    "": DENSE,
    "--model fully-connected": DENSE,
    "--model three-layer-convnet": {
        "filters": 32,
        "kernel_size": 7,
        "hidden": [100],
        "l2": 1e-4,
        "batch_size": 50,
        "epochs": 20,
    },
    "--model small-vgg": {
        "widths": [32, 64, 128],
        "dropout": 0,
        "batch_size": 128,
        "epochs": 10,
        "learning_rate": 3e-3,
    },
    "--model small-resnet": {
        "widths": [16, 32, 64],
        "blocks": 2,
        "optimizer": "nesterov",
        "learning_rate": 0.1,
        "l2": 5e-4,
        "batch_size": 128,
        "epochs": 20,
    },
    "--lr-schedule step --epochs 50": {"lr_schedule": "step", "lr_decay": 0.1, "lr_step": 17, "epochs": 50},
    "--lr-schedule exponential --epochs 50": {
        "lr_schedule": "exponential",
        "lr_decay": pytest.approx(0.912011),  # to the power of 50 a hundredth
        "epochs": 50,
    },
}


@pytest.mark.parametrize("options", MODELS)
def test_the_command_line(options):
    arguments = parse(["train", *options.split()])
    settle(arguments)
    expected = {**TRAIN, **MODELS[options]}
    assert {name: getattr(arguments, name) for name in expected} == expected


# That they learn.


def spirals(count=1000, turns=1.5, noise=0.2):
    rng = np.random.default_rng(0)
    angle = np.sqrt(rng.random(count)) * turns * 2 * np.pi
    arm = np.arange(count) % 2
    points = np.stack([-np.cos(angle) * angle, np.sin(angle) * angle], axis=1) * np.where(arm, -1, 1)[:, None]
    return points + noise * rng.standard_normal((count, 2)), arm


def digits():
    whole = data.load_digits()
    return whole.X.reshape(-1, 64), whole.y


def wine():
    sets = pytest.importorskip("sklearn.datasets")
    return sets.load_wine(return_X_y=True)


def parts(X, y, seed):
    """Standardised by the training part, a fifth held out: X_train, y_train, X_test, y_test."""
    order = np.random.default_rng(seed).permutation(len(X))
    test, train = order[: len(X) // 5], order[len(X) // 5 :]
    mean, scale = X[train].mean(axis=0), X[train].std(axis=0)
    X = (X - mean) / np.where(scale, scale, 1)
    return X[train], y[train], X[test], y[test]


def learnt(hidden_layers, X, y, X_test, y_test, seed, validation):
    """Accuracy on the test part after the default training of a default network."""
    held = len(X) // 10 if validation else 0
    given = {"X_train": X[held:], "y_train": y[held:]}
    if validation:
        given |= {"X_val": X[:held], "y_val": y[:held]}
    model = FullyConnectedNet([100] * hidden_layers, X.shape[1], int(y.max()) + 1, seed=seed)
    Solver(model, given, verbose=False).train()
    return model.score(X_test, y_test)


@pytest.mark.parametrize(("hidden_layers", "validation"), [(1, False), (4, True)])
def test_the_defaults_learn_the_digits(hidden_layers, validation):
    assert learnt(hidden_layers, *parts(*digits(), 0), 0, validation) > 0.955


def test_the_defaults_learn_two_spirals():
    assert learnt(3, *parts(*spirals(), 0), 0, True) > 0.98


def mnist():
    folders = [folder / "shared/data/mnist" for folder in Path(numbanet.__file__).parents]
    folder = next(filter(Path.is_dir, folders), None) or pytest.skip("needs MNIST's 10,000 in ../shared/data/mnist")
    whole = data.load(f"mnist:{folder}")[0]
    return whole.X.reshape(len(whole.X), -1).astype(float), whole.y


@pytest.mark.slow
@pytest.mark.parametrize("source", [digits, wine, spirals, mnist])
def test_the_defaults_reach_scikit_learn_s_at_any_depth(source):
    networks = pytest.importorskip("sklearn.neural_network")
    X, y = source()
    split = [parts(X, y, seed) for seed in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 200 epochs are not enough
        theirs = [
            networks.MLPClassifier(random_state=seed).fit(*each[:2]).score(*each[2:]) for seed, each in enumerate(split)
        ]
    for hidden_layers in (1, 2, 3, 5, 8):
        for validation in (False, True):
            ours = [learnt(hidden_layers, *each, seed, validation) for seed, each in enumerate(split)]
            assert np.mean(ours) > np.mean(theirs) - 0.01, (hidden_layers, validation, ours, theirs)
