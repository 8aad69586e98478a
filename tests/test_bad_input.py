"""Mistakes of the caller: each is refused before anything runs, by a message that names what is wrong."""

import re

import numpy as np
import pytest
from nets import CourseModel, digits

import numbanet
from numbanet import (
    Affine,
    BatchNorm,
    Dropout,
    FullyConnectedNet,
    ReLU,
    Sequential,
    SmallResNet,
    SmallVGG,
    Solver,
    ThreeLayerConvNet,
    TwoLayerNet,
)
from numbanet.callbacks import Callback
from numbanet.optim import RULES

DATA = digits()
X, Y = DATA["X_train"], DATA["y_train"]


def net(**options):
    return FullyConnectedNet([8], 64, 10, seed=0, **options)


def solver(model=None, data=DATA, **options):
    return Solver(net() if model is None else model, data, **{"verbose": False, **options})


def changed(name, value):
    return {**DATA, name: value}


class KerasLike:
    def on_epoch_end(self, solver, logs):
        pass

    def on_batch_end(self, solver, logs):
        pass


def poisoned(name, row, column, value):
    array = DATA[name].astype(float)
    array[row, column] = value
    return changed(name, array)


def refuses(error, message, call):
    with pytest.raises(error, match=message) as caught:
        call()
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (np.where(np.arange(200) == 7, 10, Y), ValueError, "labels must be from 0 to 9, got 10 in row 7"),
        (np.where(np.arange(200) == 7, -1, Y), ValueError, "labels must be from 0 to 9, got -1 in row 7"),
        (Y + 0.25, TypeError, r"labels must be integers from 0 to 9, got \d.25"),
        (np.where(np.arange(200) == 7, np.nan, Y), TypeError, "labels must be integers from 0 to 9, got nan"),
        (Y[:-1], ValueError, r"expected one label for each of the 200 rows, shape \(200,\), got \(199,\)"),
        (np.eye(9)[Y % 9], ValueError, r"expected (a|one) label for each of the 200 rows, .*got \(200, 9\)"),
        (
            Y.astype(str),
            TypeError,
            r"expected .*, got dtype <U.*; number them first: .*encode_labels\(",
        ),
        ([*Y[:-1], None], TypeError, "expected an array of real numbers, got dtype object"),
        (np.ma.array(Y, mask=Y > 8), TypeError, "masked arrays are not supported"),
    ],
)
@pytest.mark.parametrize("loss", ["softmax", "svm"])
def test_labels(y, error, message, loss):
    refuses(error, f"^y: {message}", lambda: net(loss=loss).loss(X, y))
    refuses(error, f"^y: {message}", lambda: net(loss=loss).score(X, y))
    refuses(error, f"^y_train: {message}", lambda: solver(net(loss=loss), changed("y_train", y)))


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (np.zeros((200, 3)), ValueError, r"y: expected shape \(200, 2\), got \(200, 3\)"),
        (np.zeros(200), ValueError, r"y: expected shape \(200, 2\), got \(200,\)"),
        (np.zeros((199, 2)), ValueError, r"y: expected shape \(200, 2\), got \(199, 2\)"),
        ([[1, 2], [3]], TypeError, "y: expected an array of numbers"),
        (np.zeros((200, 2), complex), TypeError, "y: expected an array of real numbers, got dtype complex128"),
    ],
)
@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_targets(y, error, message, loss):
    refuses(error, f"^{message}", lambda: Sequential([Affine(2)], (64,), loss=loss).loss(X, y))


@pytest.mark.parametrize("worst", [1.5, -0.1])
def test_binary_targets(worst):
    y = np.linspace(0, 1, 200)
    y[3] = worst
    model = Sequential([Affine(1)], (64,), loss="binary_cross_entropy")
    refuses(ValueError, "^y: binary cross-entropy takes targets from 0 to 1, got", lambda: model.loss(X, y))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (X[:, :63], ValueError, r"layer 1, Affine\(units=8, .*\), takes examples of shape \(N, 64\), got \(200, 63\)"),
        (X[0], ValueError, r"layer 1, Affine\(.*\), takes examples of shape \(N, 64\), got \(64,\)"),
        (5.0, ValueError, r"takes examples of shape \(N, 64\), got \(\)"),
        (X.reshape(200, 8, 4, 2)[..., :1], ValueError, r"shape \(N, 64\), got \(200, 8, 4, 1\)"),
        (X[:0], ValueError, r"expected at least one example, got shape \(0, 64\)"),
        (None, TypeError, "expected an array of real numbers, got dtype object"),
        ("digits", TypeError, "expected an array of real numbers, got dtype <U6"),
        ([[1.0, 2.0], [3.0]], TypeError, "expected an array of numbers, got list"),
        (X.astype(complex), TypeError, "expected an array of real numbers, got dtype complex128"),
        (
            np.where(X > 0.9, "?", X.astype(object)),
            TypeError,
            r"got dtype object with str '\?' at \[\d+, \d+\]; number",
        ),
        (
            np.where(X > 0.9, None, X.astype(object)),
            TypeError,
            r"with NoneType None at \[\d+, \d+\]; fill what is missing",
        ),
        (X.astype(str), TypeError, "expected an array of real numbers, got dtype <U"),
        (np.ma.array(X, mask=X > 0.9), TypeError, "masked arrays are not supported; fill the masked values first"),
    ],
)
def test_examples(x, error, message):
    refuses(error, f"^X: .*{message}", lambda: net().loss(x))
    refuses(error, f"^X: .*{message}", lambda: net().loss(x, Y))
    refuses(error, f"^X: .*{message}", lambda: net().predict(x))
    refuses(error, f"^X_train: .*{message}", lambda: solver(data=changed("X_train", x)))
    refuses(error, f"^X_val: .*{message}", lambda: solver(data=changed("X_val", x)))


def test_examples_of_several_axes():
    images = Sequential([ReLU(), Affine(10)], (1, 8, 8))
    message = r"^X: layer 1, ReLU\(\), takes examples of shape \(N, 1, 8, 8\), got \(200, 8, 8\)$"
    refuses(ValueError, message, lambda: images.loss(X.reshape(200, 8, 8)))


def test_a_batch_of_one_cannot_be_normalised_in_training():
    model = net(normalization="batchnorm")
    message = r"^layer 2, BatchNorm\(.*\): batch normalisation learns from two examples or more .* got a batch of one$"
    refuses(ValueError, message, lambda: model.loss(X[:1], Y[:1]))
    assert model.loss(X[:1]).shape == (1, 10)
    model.loss(X[:2], Y[:2])
    assert net(normalization="layernorm").loss(X[:1], Y[:1])[0] > 0


@pytest.mark.parametrize("model", [net, CourseModel])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["X_train", "X_val"])
def test_data_that_are_not_finite(name, value, model):
    message = rf"^{name}: row 17 holds {value} \(column 5\); every value must be finite$"
    refuses(ValueError, message, lambda: solver(model(), poisoned(name, 17, 5, value)))


def test_data_that_overflow_the_network_s_dtype():
    data = poisoned("X_train", 3, 4, 1e39)
    message = r"^X_train: row 3 holds 1e\+39 \(column 4\), which float32 cannot hold$"
    refuses(ValueError, message, lambda: solver(data=data))
    solver(net(dtype=np.float64), data)


def test_data_that_overflow_once_they_are_standardised():
    model, data = net(), poisoned("X_val", 3, 4, 1e38)
    model.standardizer = numbanet.data.Standardizer(np.zeros(64), np.full(64, 0.1))
    refuses(ValueError, r"^standardised X_val: row 3 holds inf \(column 4\)", lambda: solver(model, data))


def test_targets_that_are_not_finite():
    data = changed("y_train", np.where(np.arange(200) == 9, np.nan, 1.0)) | {"y_val": np.ones(100)}
    message = r"^y_train: row 9 holds nan \(column 0\); every value must be finite$"
    refuses(ValueError, message, lambda: solver(Sequential([Affine(1)], (64,), loss="squared_error"), data))


def without(*names):
    return {name: array for name, array in DATA.items() if name not in names}


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (without("X_train"), ValueError, "data: expected .*; X_train is missing among y_train, X_val, y_val"),
        (without("y_train"), ValueError, "data: expected .*; y_train is missing"),
        ({}, ValueError, "data: expected X_train, y_train, X_val, y_val; X_train is missing among nothing"),
        ({1: 2}, ValueError, "data: expected X_train, y_train, X_val, y_val, .*, got 1"),
        ({**DATA, "X_valid": X}, ValueError, "data: expected .*, got 'X_valid'; did you mean 'X_val'?"),
        ({**DATA, "Y_TRAIN": Y}, ValueError, "data: expected .*, got 'Y_TRAIN'; did you mean 'y_train'?"),
        (
            {**DATA, "sample_weight": Y},
            ValueError,
            "data: expected .*, got 'sample_weight'; did you mean 'sample_weight_train'?",
        ),
        ({**DATA, "X_test": X}, ValueError, "data: expected .*, got 'X_test'"),
        (without("y_val"), ValueError, "data: X_val and y_val go together"),
        (without("X_val"), ValueError, "data: X_val and y_val go together"),
        ((X, Y), TypeError, "data: expected a dict of X_train, y_train and, optionally, X_val, .*, got tuple"),
        (None, TypeError, "data: expected a dict of .*, got NoneType None"),
        (changed("X_val", None), TypeError, "X_val: expected an array of real numbers, got dtype object"),
        (changed("y_val", Y), ValueError, "y_val: expected one label for each of the 100 rows"),
    ],
)
def test_data(data, error, message):
    refuses(error, f"^{message}", lambda: solver(data=data))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed("y_train", Y[:-1]), "y_train: expected one entry for each of the 200 rows of X_train, got 199"),
        (changed("X_train", X[:0]), r"X_train: expected at least one example, got shape \(0, 64\)"),
        (changed("X_train", 1.0), r"X_train: expected at least one example, got shape \(\)"),
        (changed("y_val", 1), r"y_val: expected at least one example, got shape \(\)"),
    ],
)
def test_data_for_a_model_of_the_user_s_own(data, message):
    refuses(ValueError, f"^{message}$", lambda: solver(CourseModel(), data))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"optimizer": "adm"}, ValueError, "optimizer: expected one of 'sgd', .*'adamw', got 'adm'; did you mean"),
        (
            {"optimizer": ["adam"]},
            TypeError,
            r"optimizer: expected a name or a function \(w, dw, config\), got list",
        ),
        ({"optimizer": 3}, TypeError, "optimizer: expected a name or a function"),
        (
            {"optimizer_options": {"lr": 0.1}},
            ValueError,
            "optimizer_options: 'adamw' has the options .*, got 'lr'",
        ),
        (
            {"optimizer_options": {"learning_rat": 1}},
            ValueError,
            "optimizer_options: .* got 'learning_rat'; did you mean 'learning_r",
        ),
        (
            {"optimizer_options": {"learning_rate": "1e-3"}},
            TypeError,
            "optimizer_options: learning_rate: expected a number, got",
        ),
        (
            {"optimizer_options": {"learning_rate": -1}},
            ValueError,
            "optimizer_options: learning_rate: expected a number in",
        ),
        (
            {"optimizer_options": [0.1]},
            TypeError,
            "optimizer_options: expected a dict of options of the update rule, got list",
        ),
        (
            {"schedule": "cosin"},
            ValueError,
            "schedule: expected one of 'constant', .*; did you mean 'cosine'",
        ),
        ({"schedule": 0.9}, TypeError, "schedule: expected a name, one of numbanet.schedules, .*; got float 0.9"),
        ({"lr_decay": 0.9}, TypeError, "Solver: no argument 'lr_decay'"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an integer of at least 1, got 0"),
        ({"batch_size": 32.0}, TypeError, "batch_size: expected an integer, got float 32.0"),
        ({"batch_size": True}, TypeError, "batch_size: expected an integer, got bool True"),
        ({"epochs": -1}, ValueError, "epochs: expected an integer of at least 0, got -1"),
        ({"epochs": "9"}, TypeError, "epochs: expected an integer, got str '9'"),
        ({"num_train_samples": -1}, ValueError, "num_train_samples: expected an integer of at least 0, got -1"),
        ({"num_val_samples": 0}, ValueError, "num_val_samples: expected an integer of at least 1, got 0"),
        ({"num_val_samples": 0.5}, TypeError, "num_val_samples: expected an integer, got float 0.5"),
        ({"monitor": "los"}, ValueError, "monitor: expected one of 'loss', .*, got 'los'; did you mean 'loss'"),
        ({"min_delta": -1}, ValueError, "min_delta: expected a number in "),
        ({"drop_last": 1}, TypeError, "drop_last: expected True or False, got int 1"),
        ({"restore_best_weights": None}, TypeError, "restore_best_weights: expected True or False, got NoneType None"),
        ({"patience": 0}, ValueError, "patience: expected an integer of at least 1, got 0"),
        ({"print_every": 0}, ValueError, "print_every: expected an integer of at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed: expected an integer of at least 0, got -1"),
        ({"seed": "1"}, TypeError, "seed: expected an integer, got str '1'"),
        ({"callbacks": "stop"}, TypeError, "callbacks: expected a list of callbacks, got str 'stop'"),
        (
            {"callbacks": [1]},
            TypeError,
            r"callbacks\[0\]: expected a function of \(solver, logs\), or an object with one of",
        ),
        (
            {"callbacks": [Callback]},
            TypeError,
            r"callbacks\[0\]: expected a callback, got the class; write Callback\(\.\.\.\)",
        ),
        (
            {"callbacks": [Callback()]},
            TypeError,
            r"callbacks.0.: expected a function of .solver, logs., or an object",
        ),
        (
            {"callbacks": [lambda s: 1]},
            TypeError,
            "callbacks.0.: expected a function of .solver, logs., got function",
        ),
        (
            {"callbacks": [KerasLike()]},
            TypeError,
            "callbacks.0.: on_batch_end is no hook; did you mean on_step_end.; there are",
        ),
        ({"on_epoch": print}, TypeError, "Solver: no argument 'on_epoch'"),
        ({"checkpoint_name": 5}, TypeError, "expected str, bytes or os.PathLike object, not int"),
    ],
)
@pytest.mark.parametrize("model", [net, CourseModel])
def test_options_of_a_solver(options, error, message, model):
    refuses(error, f"^{message}", lambda: solver(model(), **options))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FullyConnectedNet([5], activaton="relu"), "activaton: .*hidden_dims.*; did you mean 'activation'?"),
        (lambda: FullyConnectedNet([5], use_batchnorm=True), "use_batchnorm: .*; write normalization='batchnorm'"),
        (lambda: FullyConnectedNet([5], dropout_keep_ratio=0.5), "dropout_keep_ratio: .*; write dropout=p, .* to drop"),
        (lambda: SmallVGG(dtpye=np.float32), "dtpye: unknown keyword; .* did you mean 'dtype'?"),
        (lambda: SmallResNet(block=3), "block: unknown keyword; .* did you mean 'blocks'?"),
        (lambda: ThreeLayerConvNet(filters=3), "filters: unknown keyword; .* did you mean 'num_filters'?"),
        (lambda: TwoLayerNet(losss="svm"), "losss: unknown keyword; .* did you mean 'loss'?"),
    ],
)
def test_keywords_that_no_network_has(make, message):
    refuses(TypeError, f"^{message}", make)


@pytest.mark.parametrize("rule", RULES)
def test_options_that_an_update_rule_does_not_have(rule):
    step = getattr(numbanet.optim, rule)
    refuses(
        ValueError,
        "^config: expected .*, got 'learning_rat'; did you mean 'learning_rate'?",
        lambda: step(np.ones(2), np.ones(2), {"learning_rat": 0.1}),
    )
    _, config = step(np.ones(2), np.ones(2))
    step(np.ones(2), np.ones(2), config)  # with its own state among them


def test_patience_without_validation_data():
    data = without("X_val", "y_val")
    refuses(ValueError, "^patience: needs X_val and y_val in data", lambda: solver(data=data, patience=3))


def test_a_learning_rate_that_is_set():
    trained = solver()
    for value, error in ((-1, ValueError), (np.nan, ValueError), ("1", TypeError)):
        with pytest.raises(error, match="^learning_rate: expected a number"):
            trained.learning_rate = value


class Incomplete(CourseModel):
    """Its loss returns what it is told to."""

    def __init__(self, returns):
        super().__init__()
        self.returns = returns

    def loss(self, X, y=None):
        return super().loss(X) if y is None else self.returns


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: solver(FullyConnectedNet), TypeError, r"model: expected a model, got the class; write FullyConnected"),
        (lambda: solver(CourseModel), TypeError, r"model: expected a model, got the class; write CourseModel\(...\)"),
        (lambda: solver(object()), TypeError, r"model: expected an object with params and loss\(X, y\); object has no"),
        (lambda: solver(5), TypeError, "model: expected an object with params and loss"),
        (
            lambda: solver(Incomplete(3.0)).train(),
            TypeError,
            r"loss\(X, y\) must return \(loss, grads\), got float 3.0",
        ),
        (lambda: solver(Incomplete((1.0, {"W": X}))).train(), ValueError, r"loss\(X, y\) gave no gradient for b"),
        (
            lambda: solver(CourseModel(), optimizer=lambda w, dw, config: w).train(),
            TypeError,
            r"optimizer: expected \(next_w, config\) from it, got an array of shape \(64, 10\)",
        ),
    ],
)
def test_models_and_rules(make, error, message):
    refuses(error, message, make)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Sequential([Affine], (4,)), TypeError, r"layers\[0\]: expected a layer, got the class; write Affine"),
        (lambda: Sequential(["affine"], (4,)), TypeError, r"layers\[0\]: expected a layer, got str 'affine'"),
        (lambda: Sequential([Affine(2), None], (4,)), TypeError, r"layers\[1\]: expected a layer, got NoneType None"),
        (lambda: Sequential([], (4,)), ValueError, "layers: a network needs at least one layer"),
        (lambda: Sequential(Affine(2), (4,)), TypeError, r"layers: expected a list of layers, got Affine Affine\("),
        (lambda: Sequential(None, (4,)), TypeError, "layers: expected a list of layers, got NoneType None"),
        (lambda: Sequential("Affine", (4,)), TypeError, "layers: expected a list of layers, got str 'Affine'"),
        (
            lambda: Sequential([Affine(2)], ()),
            ValueError,
            r"input_shape: expected the shape of one example, .* got \(\)",
        ),
        (lambda: Sequential([Affine(2)], "4"), TypeError, "input_shape: expected a list of integers, .* got str '4'"),
        (lambda: Sequential([Affine(2)], ("4",)), TypeError, "input_shape: expected an integer, got str '4'"),
        (lambda: Sequential([Affine(2)], 4.0), TypeError, "input_shape: expected a list of integers, .* got float 4.0"),
        (lambda: Sequential([Affine(2)], None), TypeError, "input_shape: expected a list of integers, .* got NoneType"),
        (lambda: Sequential([Affine(2)], True), TypeError, "input_shape: expected an integer, got bool True"),
        (lambda: Sequential([Affine(2)], (0,)), ValueError, "input_shape: expected an integer of at least 1, got 0"),
        (lambda: Sequential([Affine(2)], (None, 4)), TypeError, "input_shape: expected an integer, got NoneType None"),
        (lambda: Sequential([Affine(2)], (3, 4.5)), TypeError, "input_shape: expected an integer, got float 4.5"),
        (
            lambda: Sequential([BatchNorm()], (3, 4)),
            ValueError,
            r"layer 1, BatchNorm\(.*\): expected a flat input, \(D,\)",
        ),
        (lambda: Sequential([ReLU()], (3, 4)), ValueError, r"layer 1, ReLU\(\): must give a flat output, \(C,\), got"),
        (lambda: net(loss="hinge"), ValueError, "loss: expected one of 'softmax', 'svm', 'squared_error', 'binary"),
        (lambda: net(loss=None), ValueError, "loss: expected one of .* got None"),
        (lambda: net(l2=-0.1), ValueError, r"l2: expected a number in \[0, inf\), got -0.1"),
        (lambda: net(l2="0.1"), TypeError, "l2: expected a number, got str '0.1'"),
        (lambda: net(l2=True), TypeError, "l2: expected a number, got bool True"),
        (lambda: net(dtype="float16"), ValueError, "dtype: expected float32 or float64, got 'float16'"),
        (lambda: net(dtype=int), ValueError, "dtype: expected float32 or float64, got <class 'int'>"),
        (lambda: net(dtype=None), ValueError, "dtype: expected float32 or float64, got None"),
        (lambda: net(ops="kernels"), TypeError, "ops: expected numbanet.kernels or numbanet.reference, got str"),
        (
            lambda: net(ops=numbanet.optim),
            TypeError,
            "ops: expected numbanet.kernels or numbanet.reference, got module",
        ),
        (lambda: TwoLayerNet(seed=-1), ValueError, "seed: expected an integer of at least 0, got -1"),
        (lambda: TwoLayerNet(seed=1.5), TypeError, "seed: expected an integer, got float 1.5"),
        (lambda: net(activation="rellu"), ValueError, "activation: expected one of 'relu', .*'silu'.*, got 'rellu'"),
        (
            lambda: net(normalization="batch"),
            ValueError,
            "normalization: expected one of None, 'batchnorm', 'layernorm'",
        ),
        (
            lambda: net(normalization=True),
            ValueError,
            "normalization: expected one of None, 'batchnorm', 'layernorm', got",
        ),
        (
            lambda: net(weight_init="he"),
            ValueError,
            "weight_init: expected one of 'zeros', .*'fan_in_uniform', got 'he'",
        ),
        (lambda: net(weight_scale=-1), ValueError, r"weight_scale: expected a number in \[0, inf\), got -1"),
        (lambda: net(dropout=1), ValueError, r"dropout: expected a number in \[0, 1\), got 1"),
        (lambda: net(dropout="0.5"), TypeError, "dropout: expected a number, got str '0.5'"),
        (lambda: FullyConnectedNet(64), TypeError, "hidden_dims: expected a list of widths, got int 64"),
        (lambda: FullyConnectedNet("64"), TypeError, "hidden_dims: expected a list of widths, got str '64'"),
        (lambda: FullyConnectedNet([64, 0]), ValueError, "hidden_dims: expected an integer of at least 1, got 0"),
        (lambda: FullyConnectedNet([64.0]), TypeError, "hidden_dims: expected an integer, got float 64.0"),
        (lambda: FullyConnectedNet([[64]]), TypeError, r"hidden_dims: expected an integer, got list \[64\]"),
        (lambda: FullyConnectedNet([8], 0), ValueError, "input_dim: expected an integer of at least 1, got 0"),
        (lambda: FullyConnectedNet([8], 4, 0), ValueError, "num_classes: expected an integer of at least 1, got 0"),
        (
            lambda: net(weight_init=lambda *a: np.zeros(8)),
            ValueError,
            r"W1: its initializer gave shape \(8,\), expected",
        ),
        (
            lambda: net(weight_init=lambda *a: None),
            TypeError,
            "W1: expected an array of real numbers, got dtype object",
        ),
    ],
)
def test_networks(make, error, message):
    refuses(error, message, make)


def test_l2_is_checked_when_set():
    model = net(l2=0.5)
    with pytest.raises(ValueError, match="^l2: expected a number"):
        model.l2 = float("inf")
    assert model.l2 == 0.5


def test_options_are_keywords():
    for call in (lambda: FullyConnectedNet([8], 64, 10, "batchnorm"), lambda: Solver(net(), DATA, "adam")):
        refuses(TypeError, "positional arguments", call)
    refuses(TypeError, "^dropout_keep_ratio: unknown keyword; write", lambda: net(dropout_keep_ratio=0.5))


def test_nothing_has_changed_after_a_refusal():
    model = net(normalization="batchnorm", dropout=0.5)
    before = model.params.flat.copy(), model.state.flat.copy(), model.random_keys.copy()
    for x, y in ((X[:, 1:], Y), (X, Y[1:]), (X, Y + 1), (X[:0], Y[:0])):
        with pytest.raises(ValueError, match=re.compile("^[Xy]: ")):
            model.loss(x, y)
    for kept, now in zip(before, (model.params.flat, model.state.flat, model.random_keys), strict=True):
        np.testing.assert_array_equal(now, kept)


def test_messages_show_what_numba_would_have_said():
    """No typing error of numba's reaches the caller, whatever is passed."""
    model = Sequential([Affine(4), Dropout(0.5), Affine(10)], (64,))
    for odd in (None, "x", object(), [[]], {}, {1: 2}, [None], b"x", 1j, np.array("x"), np.zeros((2, 64), "M8[s]")):
        with pytest.raises((TypeError, ValueError), match="^X: "):
            model.loss(odd, Y)
        with pytest.raises((TypeError, ValueError), match="^y: "):
            model.loss(X, odd if odd is not None else "x")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Solver(None, {}, num_epochs=3), r"^Solver: no argument 'num_epochs'; did you mean epochs\?"),
        (lambda: Solver(None, {}, update_rule="sgd"), r"no argument 'update_rule'; did you mean optimizer\?"),
        (lambda: Sequential([Affine(2)], (4,), reg=0.1), r"no argument 'reg'; did you mean l2\?"),
        (lambda: Solver(None, {}, epoch=3), "^Solver: no argument 'epoch'; did you mean"),
        (lambda: Solver(None, {}, learning_rat=1), "^Solver: no argument 'learning_rat'; "),
        (lambda: numbanet.Sequential([], 3, los="svm"), "^Sequential: no argument 'los'; did you mean loss"),
    ],
)
def test_keywords_that_there_are_not(make, message):
    with pytest.raises(TypeError, match=message):
        make()
