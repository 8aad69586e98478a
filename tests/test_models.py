"""Networks: what they compute, on kernels and on the reference, and how they are used."""

import copy
import gc
import itertools
import math
import pickle

import numba
import numpy as np
import pytest
from nets import assert_gradients_agree, digits
from numba.core.runtime import _nrt_python, rtsys

import numbanet
from numbanet import (
    Affine,
    BatchNorm,
    Dropout,
    FullyConnectedNet,
    LayerNorm,
    ReLU,
    Sequential,
    TwoLayerNet,
    initializers,
)
from numbanet.layers import ACTIVATIONS, NORMALIZATIONS
from numbanet.losses import LOSSES
from numbanet.optim import RULES, Optimizer
from numbanet.runtime import placement

DATA = digits()
X, Y = DATA["X_train"], DATA["y_train"]


@pytest.fixture
def threads():
    """`numbanet.set_num_threads`, undone afterwards."""
    yield numbanet.set_num_threads
    numbanet.set_num_threads(None)


def targets(loss, outputs=10):
    """Targets for a loss, from the digits' labels."""
    if loss in ("softmax", "svm"):
        return Y
    return np.eye(10)[Y][:, :outputs]


def trajectory(build, ops, rule="sgd", steps=10, loss="softmax", **options):
    """The losses of ten training steps, and the network after them."""
    net = build(ops=ops, loss=loss, dtype=np.float64, seed=3)
    optimizer = Optimizer(rule, net.params.flat.size, np.float64, ops, **options)
    losses, y = [], net.check_targets("y", targets(loss), len(X))
    for step in range(steps):
        rows = np.arange(step, len(X), 5)
        losses.append(net.train_batch(X, y, rows))
        optimizer.update(net.params.flat, net.grads.flat)
    return losses, net


def assert_same_trajectory(build, **options):
    expected, plain = trajectory(build, numbanet.reference, **options)
    got, fast = trajectory(build, numbanet.kernels, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-9, err_msg=str(options))
    # What is not learnt but kept must agree as well: inference runs on it.
    np.testing.assert_allclose(fast.loss(X[:50]), plain.loss(X[:50]), rtol=1e-8, atol=1e-8)
    assert len(set(got)) == len(got)


# Kernels against the reference.


ACTIVATION_LAYERS = [(name, ACTIVATIONS[name]()) for name in ACTIVATIONS]
ACTIVATION_LAYERS += [("gelu_tanh", numbanet.GELU(approximate="tanh"))]
RULE_FORMS = [(rule, {"learning_rate": 0.1 if rule == "sgd" else 0.01}) for rule in RULES]
RULE_FORMS += [(r, {**o, "eps_inside_root": True}) for r, o in RULE_FORMS if r in ("rmsprop", "adam", "adamw")]


@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
@pytest.mark.parametrize("activation", [layer for _, layer in ACTIVATION_LAYERS], ids=[n for n, _ in ACTIVATION_LAYERS])
def test_kernels_and_reference_train_alike_by_every_rule(activation, normalization):
    norm = [NORMALIZATIONS[normalization]()] if normalization else []

    def build(**options):
        block = [*norm, activation, Dropout(0.2)]
        return Sequential([Affine(19), *block, Affine(17), *block, Affine(10)], (64,), l2=0.01, **options)

    for rule, options in RULE_FORMS:
        assert_same_trajectory(build, rule=rule, **options)


def small(**options):
    return FullyConnectedNet([19], 64, 10, dropout=0.3, l2=0.01, weight_init="xavier_normal", **options)


@pytest.mark.parametrize("loss", LOSSES)
def test_kernels_and_reference_agree_on_every_loss(loss):
    assert_same_trajectory(small, loss=loss, rule="sgd_momentum", learning_rate=0.02)


# The same bits on any number of threads.


def wide(dtype, **options):
    """Large enough for every operation to be shared."""
    layers = [Affine(256), BatchNorm(), ReLU(), Dropout(0.5), Affine(256), ReLU(), LayerNorm(), Affine(10)]
    return Sequential(layers, (64,), dtype=dtype, seed=5, l2=1e-3, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_gives_the_same_bits_on_one_and_two_threads(threads, dtype):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    data = digits(600)
    x, y = data["X_train"], data["y_train"]
    runs, shared = [], []
    for count in (1, 2):
        threads(count)
        net = wide(dtype)
        optimizer = Optimizer("adam", net.params.flat.size, dtype)
        losses = []
        for step in range(4):
            losses.append(net.train_batch(x, y, np.random.default_rng(step).permutation(600)))
            optimizer.update(net.params.flat, net.grads.flat)
        runs.append((losses, net.params.flat.copy(), net.state.flat.copy(), net.loss(x)))
        program = net.training_program(600)
        operations = program.operations.forward + program.operations.backward
        shared.append({operation.function.__name__ for operation in operations if operation.nanoseconds})
    assert not shared[0]
    both = ["affine", "affine_relu", "batchnorm", "dropout", "layernorm", "relu"]
    assert shared[1] == {f"{name}_{way}" for name in both for way in ("forward", "backward")}
    for one, two in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, two)


# Gradients of whole networks.


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("normalization", [None, *NORMALIZATIONS])
def test_gradient_of_a_whole_network(normalization, loss):
    net = FullyConnectedNet(
        [11, 7],
        64,
        10,
        normalization=normalization,
        dropout=0.3,
        activation="tanh",  # without a kink that a difference could step over
        weight_init="xavier_normal",
        l2=0.1,
        loss=loss,
        dtype=np.float64,
        seed=1,
    )
    assert_gradients_agree(net, X[:9], targets(loss)[:9], samples=6, step=1e-5, rel=1e-5, abs=1e-8)


def test_a_fused_relu_has_the_gradient_of_a_separate_one():
    class Plain(ReLU):  # another type, so that nothing is fused with it
        pass

    def grads(activation):
        net = Sequential([Affine(12), activation, Affine(10)], (64,), dtype=np.float64, seed=1)
        return net.loss(X, Y)

    (fused_loss, fused), (loss, separate) = grads(ReLU()), grads(Plain())
    assert fused_loss == loss
    for name in separate:
        np.testing.assert_array_equal(fused[name], separate[name])


@pytest.mark.parametrize(
    "layers",
    [
        [BatchNorm(), Affine(10)],  # the first layer that learns works in place
        [ReLU(), Dropout(0.5), Affine(10)],  # what comes before it has no gradient to take
        [Affine(12), Affine(10), LayerNorm()],
        [Affine(10), ReLU()],
    ],
)
def test_gradient_wherever_the_first_and_last_layers_that_learn_are(layers):
    net = Sequential(layers, (64,), dtype=np.float64, seed=1)
    net.fixed_dropout = True
    x = X[:20] - 0.3
    _, grads = net.loss(x, Y[:20])
    for name, w in net.params.items():
        direction = np.random.default_rng(0).standard_normal(w.shape)
        kept, h, losses = w.copy(), 1e-6, []
        for sign in (1, -1):
            w[...] = kept + sign * h * direction
            losses.append(net.loss(x, Y[:20])[0])
        w[...] = kept
        slope = (losses[0] - losses[1]) / (2 * h)
        assert np.sum(grads[name] * direction) == pytest.approx(slope, rel=1e-5, abs=1e-8), name


# loss(X, y) and loss(X).


def test_loss_gives_a_float_and_gradients_that_stay():
    net = small(dtype=np.float64, seed=0)
    loss, grads = net.loss(X, Y)
    assert type(loss) is float
    assert list(grads) == list(net.params)
    assert type(grads) is dict
    kept = copy.deepcopy(grads)
    net.loss(X[:50], Y[:50])
    for name, grad in grads.items():
        assert grad.shape == net.params[name].shape
        np.testing.assert_array_equal(grad, kept[name])


def test_first_loss_is_that_of_guessing():
    net = FullyConnectedNet([20], 64, 10, weight_scale=1e-3, seed=0)
    assert net.loss(X, Y)[0] == pytest.approx(math.log(10), abs=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_has_the_same_scores_in_any_company(dtype):
    net = FullyConnectedNet([64], 64, 10, normalization="batchnorm", weight_init="he_normal", dtype=dtype, seed=0)
    net.loss(X, Y)  # running averages that are not 0 and 1
    many = np.resize(X, (1500, 64))
    scores = net.loss(many)
    assert scores.shape == (1500, 10)
    assert scores.dtype == dtype
    for count in (1, 2, 511, 512, 513):
        np.testing.assert_array_equal(net.loss(many[:count]), scores[:count])
    for row in range(0, 1500, 131):
        np.testing.assert_array_equal(net.loss(many[row : row + 1])[0], scores[row])


def test_inputs_of_any_layout_and_type_give_the_same_scores():
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    net = TwoLayerNet(seed=0, weight_scale=0.01)
    expected = net.loss(images.astype(np.float32).reshape(6, 3072))
    strided = np.zeros((12, 3, 32, 32), np.float32)
    strided[::2] = images
    variants = {
        "uint8": images,
        "float16": images.astype(np.float16),
        "float64": images.astype(np.float64),
        "F order": np.asfortranarray(images.astype(np.float32)),
        "big-endian": images.astype(">f4"),
        "strided": strided[::2],
        "list": images.tolist(),
        "read-only": np.frombuffer(images.tobytes(), np.uint8).reshape(images.shape),
    }
    for name, variant in variants.items():
        np.testing.assert_array_equal(net.loss(variant), expected, err_msg=name)
        np.testing.assert_array_equal(net.loss(variant, np.arange(6))[0], net.loss(images, np.arange(6))[0], name)


def test_an_input_of_several_axes_may_come_flat():
    net = Sequential([Affine(10)], (1, 8, 8), seed=0)
    np.testing.assert_array_equal(net.loss(X.reshape(-1, 1, 8, 8)), net.loss(X))


def test_predictions_and_scores():
    net = small(seed=0)
    scores = net.loss(X)
    np.testing.assert_array_equal(net.predict(X), scores.argmax(axis=1))
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(net.predict_proba(X), exponentials / exponentials.sum(axis=1, keepdims=True), rtol=1e-5)
    assert net.score(X, Y) == np.mean(net.predict(X) == Y)


def test_predictions_of_the_other_losses():
    binary = Sequential([Affine(1)], (64,), loss="binary_cross_entropy", seed=0)
    logits = binary.loss(X)[:, 0]
    even = (Y % 2 == 0).astype(int)
    np.testing.assert_array_equal(binary.predict(X), logits > 0)
    np.testing.assert_allclose(binary.predict_proba(X)[:, 0], 1 / (1 + np.exp(-logits)), rtol=1e-5)
    assert binary.score(X, even) == np.mean((logits > 0) == even)

    regression = Sequential([Affine(1)], (64,), loss="squared_error", dtype=np.float64, seed=0)
    prediction = regression.predict(X)
    np.testing.assert_array_equal(prediction, regression.loss(X)[:, 0])
    expected = 1 - np.sum((Y - prediction) ** 2) / np.sum((Y - Y.mean()) ** 2)
    assert regression.score(X, Y) == pytest.approx(expected)
    assert regression.score(X, prediction) == 1

    for loss in ("svm", "squared_error"):
        with pytest.raises(ValueError, match="probabilities"):
            Sequential([Affine(3)], (64,), loss=loss).predict_proba(X)


def test_score_of_a_network_that_has_diverged_is_nan():
    net = small(seed=0)
    net.params["W1"][0, 0] = np.nan
    assert math.isnan(net.score(X, Y))


# Parameters.


def test_parameters_are_live_views():
    net = small(dtype=np.float64, seed=0)
    before = net.loss(X)
    net.params["b2"][3] += 1
    after = net.loss(X)
    np.testing.assert_allclose(after[:, 3], before[:, 3] + 1)
    np.testing.assert_array_equal(np.delete(after, 3, axis=1), np.delete(before, 3, axis=1))
    assert np.shares_memory(net.params["W1"], net.params.flat)


def test_assigning_a_parameter_copies():
    net = small(dtype=np.float64, seed=0)
    view, new = net.params["W1"], np.ones((64, 19), np.float32)
    net.params["W1"] = new
    new[:] = 5
    assert net.params["W1"] is view
    assert (view == 1).all()
    net.params["W1"] *= 2
    assert (view == 2).all()


def test_assigning_all_parameters_or_averages_copies_them_in():
    net, other = (FullyConnectedNet([19], 64, 10, normalization="batchnorm", seed=seed) for seed in (0, 1))
    other.loss(X, Y)
    assert not np.array_equal(net.loss(X), other.loss(X))
    params, state = net.params, net.state
    net.params, net.state = dict(other.params), other.state.copy()
    np.testing.assert_array_equal(net.loss(X), other.loss(X))
    assert net.params is params
    assert net.state is state
    other.params["b1"][:] = 7
    assert not np.array_equal(net.params["b1"], other.params["b1"])


def test_all_parameters_are_assigned_or_none():
    net = small(seed=0)
    before = net.params.copy()
    zeros = {name: np.zeros_like(view) for name, view in before.items()}
    with pytest.raises(TypeError, match=r"^params: expected a dict of arrays, got list"):
        net.params = list(zeros.values())
    with pytest.raises(ValueError, match=r"^params: expected W1, b1, W2, b2, got W1, b1, W2$"):
        net.params = {name: zeros[name] for name in ("W1", "b1", "W2")}
    with pytest.raises(ValueError, match=r"^params: expected W1, b1, W2, b2, got W1, b1, W2, b2, W3$"):
        net.params = {**zeros, "W3": np.zeros(3)}
    with pytest.raises(ValueError, match=r"^b2: expected shape \(10,\), got \(3,\)"):
        net.params = {**zeros, "b2": np.zeros(3)}
    with pytest.raises(ValueError, match=r"^state: expected none, got running_mean1$"):
        net.state = {"running_mean1": np.zeros(19)}
    np.testing.assert_equal(net.params.copy(), before)


def test_parameters_refuse_what_would_break_the_network():
    params = small(seed=0).params
    with pytest.raises(ValueError, match=r"W1: expected shape \(64, 19\), got \(19, 64\)"):
        params["W1"] = np.zeros((19, 64))
    with pytest.raises(ValueError, match=r"b1: expected shape \(19,\), got \(\)"):
        params["b1"] = 0
    with pytest.raises(KeyError, match="did you mean 'W2'"):
        params["w2"]
    with pytest.raises(KeyError, match="no parameter 'W9'"):
        params["W9"] = np.zeros(1)
    with pytest.raises(KeyError, match="there are W1, b1, W2, b2"):
        params["nonsense"]
    with pytest.raises(TypeError, match="b1: the names of a network's parameters are fixed"):
        del params["b1"]
    with pytest.raises(TypeError, match="fixed"):
        params.pop("b1")
    assert list(params) == ["W1", "b1", "W2", "b2"]


@pytest.mark.parametrize(
    ("normalization", "names"),
    [
        (None, "W1 b1 W2 b2 W3 b3"),
        ("batchnorm", "W1 b1 gamma1 beta1 W2 b2 gamma2 beta2 W3 b3"),
        ("layernorm", "W1 b1 gamma1 beta1 W2 b2 gamma2 beta2 W3 b3"),
    ],
)
def test_names_and_shapes_are_the_course_s(normalization, names):
    net = FullyConnectedNet([12, 11], 64, 10, normalization=normalization)
    assert list(net.params) == names.split()
    sides = [64, 12, 11, 10]
    for index, (d, m) in enumerate(itertools.pairwise(sides), start=1):
        assert net.params[f"W{index}"].shape == (d, m)
        assert net.params[f"b{index}"].shape == (m,)
    assert net.num_parameters == sum(view.size for view in net.params.values())
    assert list(net.state) == (
        ["running_mean1", "running_var1", "running_mean2", "running_var2"] * (normalization == "batchnorm")
    )


def test_each_name_is_counted_by_itself():
    net = Sequential([BatchNorm(), Affine(5), ReLU(), Affine(4), LayerNorm(), Affine(3)], (6,))
    assert list(net.params) == ["gamma1", "beta1", "W1", "b1", "W2", "b2", "gamma2", "beta2", "W3", "b3"]
    assert list(net.state) == ["running_mean1", "running_var1"]


def test_a_layer_may_stand_in_several_places():
    layer, activation = Affine(8), ReLU()
    net = Sequential([layer, activation, layer, activation], (8,), seed=0)
    again = Sequential([layer, activation], (8,), seed=0)
    assert list(net.params) == ["W1", "b1", "W2", "b2"]
    net.params["W2"][...] = 0
    assert net.params["W1"].any()
    assert again.params["W1"].any()


def test_repr_lists_layers_and_shapes():
    text = repr(FullyConnectedNet([20], 64, 10, normalization="layernorm"))
    assert "FullyConnectedNet: 1,550 parameters, float32, loss Softmax(label_smoothing=0.0)" in text
    assert "W1 (64, 20), b1 (20,)" in text
    assert "LayerNorm(eps=1e-05)" in text


@pytest.mark.parametrize("make", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"])
def test_a_copy_is_a_network_of_its_own(make):
    net = FullyConnectedNet([9], 64, 10, normalization="batchnorm", dropout=0.5, l2=0.1, seed=1)
    net.loss(X, Y)
    other = make(net)
    np.testing.assert_array_equal(other.loss(X), net.loss(X))
    assert other.loss(X, Y)[0] == net.loss(X, Y)[0]  # running averages and dropout masks too
    assert np.shares_memory(other.params["W1"], other.params.flat)
    other.params["W1"] = np.zeros((64, 9))
    assert net.params["W1"].any()
    views = make(net.params)
    views["W1"][...] = 7
    assert np.count_nonzero(views.flat == 7) == 64 * 9
    assert (net.params["W1"] != 7).all()


# Options.


def test_reg_takes_effect_when_set():
    net = FullyConnectedNet([9], 64, 10, dtype=np.float64, seed=0)
    plain, grads = net.loss(X, Y)
    net.l2 = 0.5
    loss, penalised = net.loss(X, Y)
    squares = sum(np.sum(net.params[name] ** 2) for name in ("W1", "W2"))
    assert loss == pytest.approx(plain + 0.25 * squares)
    np.testing.assert_allclose(penalised["W2"], grads["W2"] + 0.5 * net.params["W2"])
    np.testing.assert_array_equal(penalised["b2"], grads["b2"])
    net.l2 = 0
    assert net.loss(X, Y)[0] == plain


def test_seeds():
    def weights(**options):
        return small(**options).params["W1"]

    np.testing.assert_array_equal(weights(seed=1), weights(seed=1))
    np.testing.assert_array_equal(weights(seed=1, dtype=np.float64).astype(np.float32), weights(seed=1))
    assert (weights(seed=1) != weights(seed=2)).any()
    assert (weights() != weights()).any()
    unseeded = small()
    np.testing.assert_array_equal(weights(seed=unseeded.seed), unseeded.params["W1"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shifts_start_at_zero_and_scales_at_one(dtype):
    options = {"normalization": "batchnorm", "bias_init": "zeros", "dtype": dtype, "seed": 0}
    net = FullyConnectedNet([9], 64, 10, **options)
    for name, value in {"b1": 0, "b2": 0, "gamma1": 1, "beta1": 0}.items():
        assert (net.params[name] == value).all()
    assert (net.state["running_mean1"] == 0).all()
    assert (net.state["running_var1"] == 1).all()


def test_dropout_passes_everything_in_inference():
    with_dropout, without = (FullyConnectedNet([40], 64, 10, dropout=p, seed=1) for p in (0.5, 0))
    np.testing.assert_array_equal(with_dropout.loss(X), without.loss(X))


def test_dropout_masks_move_on_with_training_only():
    net = FullyConnectedNet([40], 64, 10, dropout=0.5, weight_init="he_normal", dtype=np.float64, seed=1)
    first, second = net.loss(X, Y)[0], net.loss(X, Y)[0]
    assert first != second
    net.fixed_dropout = True
    third = net.loss(X, Y)[0]
    assert third != second
    assert net.loss(X, Y)[0] == third
    np.testing.assert_array_equal(net.loss(X), net.loss(X))

    again = FullyConnectedNet([40], 64, 10, dropout=0.5, weight_init="he_normal", dtype=np.float64, seed=1)
    assert again.loss(X, Y)[0] == first
    again.loss(X)  # inference draws nothing
    assert again.loss(X, Y)[0] == second


def test_two_dropout_layers_draw_different_masks():
    net = Sequential([Dropout(0.5), Dropout(0.5)], (64,), loss="squared_error", dtype=np.float64, seed=0)
    kept = []
    net.loss(np.ones((500, 64)), np.zeros((500, 64)))
    program = net.training_program(500)
    kept = np.count_nonzero(program.scores) / program.scores.size
    assert kept == pytest.approx(0.25, abs=0.02)  # the same mask twice would keep half


def test_running_averages_move_in_training_only():
    net = FullyConnectedNet([12], 64, 10, normalization="batchnorm", dtype=np.float64, seed=0, weight_scale=0.1)
    before = net.state.flat.copy()
    net.loss(X)
    net.score(X, Y)
    np.testing.assert_array_equal(net.state.flat, before)
    net.loss(X, Y)
    hidden = X @ net.params["W1"]
    np.testing.assert_allclose(net.state["running_mean1"], 0.1 * hidden.mean(axis=0))
    # The biased variance, as in the course; see the reference.
    np.testing.assert_allclose(net.state["running_var1"], 0.9 + 0.1 * hidden.var(axis=0))


def test_weight_init_takes_the_place_of_weight_scale():
    net = FullyConnectedNet([300], 64, 10, weight_init="he_normal", seed=0)
    assert net.params["W1"].std() == pytest.approx(math.sqrt(2 / 64), rel=0.05)
    assert FullyConnectedNet([300], 64, 10, weight_scale=0.3, seed=0).params["W1"].std() == pytest.approx(0.3, rel=0.05)
    assert not FullyConnectedNet([300], 64, 10, weight_scale=0).params["W1"].any()
    ramp = FullyConnectedNet([3], 4, 2, weight_init=lambda rng, shape, fan_in, fan_out: np.full(shape, fan_in))
    assert (ramp.params["W1"] == 4).all()
    assert (ramp.params["W2"] == 3).all()
    named = FullyConnectedNet([3], 4, 2, weight_init=initializers.normal(0.1), seed=0)
    assert 0 < abs(named.params["W1"]).max() < 1


def test_networks_are_lowered_once_for_many_batch_sizes(monkeypatch):
    net = Sequential([Affine(10)], (64,), seed=0)
    expected = [net.loss(X[:n], Y[:n])[0] for n in range(1, 61)]
    monkeypatch.setattr("numbanet.workspaces.Program", None)  # nothing is lowered any more
    assert [net.loss(X[:n], Y[:n])[0] for n in range(1, 61)] == expected


def test_buffers_are_kept_for_so_many_batch_sizes_only(monkeypatch):
    net = Sequential([Affine(10)], (64,), seed=0)
    expected = [net.loss(X[:n], Y[:n])[0] for n in range(1, 30)]
    assert len(net.workspaces.main().programs()) == 29
    monkeypatch.setattr("numbanet.workspaces.KEPT_PROGRAMS", 12)
    assert [net.loss(X[:n], Y[:n])[0] for n in range(30, 0, -1)][:0:-1] == expected
    assert len(net.workspaces.main().programs()) == 12
    monkeypatch.setattr("numbanet.workspaces.KEPT_BYTES", 1)
    net.loss(X[:40], Y[:40])
    assert len(net.workspaces.main().programs()) == numbanet.workspaces.KEPT_AT_LEAST


# Standardising on the way in.


RAW = X * 16


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
@pytest.mark.parametrize("ops", [numbanet.kernels, numbanet.reference])
def test_a_network_that_standardises_takes_examples_as_they_come(kind, ops):
    raw = RAW.astype(kind)
    net, plain = (FullyConnectedNet([9], 64, 10, seed=0, ops=ops) for _ in range(2))
    net.standardizer = scale = numbanet.data.Standardizer.fit(raw)
    known = scale.apply(raw)
    for method in ("loss", "predict", "predict_proba"):
        np.testing.assert_array_equal(getattr(net, method)(raw), getattr(plain, method)(known))
        np.testing.assert_array_equal(getattr(net, method)(raw[:1]), getattr(plain, method)(known[:1]))
    assert net.score(raw, Y) == plain.score(known, Y)
    assert net.loss(raw, Y)[0] == plain.loss(known, Y)[0]
    net.standardizer = None
    np.testing.assert_array_equal(net.loss(known), plain.loss(known))


def test_what_lies_far_from_zero_keeps_its_digits():
    raw = 1e9 + np.random.default_rng(0).standard_normal((50, 3))  # float32 has steps of 64 there
    net = Sequential([Affine(2)], (3,), seed=0)
    net.standardizer = numbanet.data.Standardizer.fit(raw)
    scores = net.loss(raw)
    z = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    np.testing.assert_allclose(scores, z @ net.params["W1"] + net.params["b1"], rtol=1e-4, atol=1e-5)


def test_copies_standardise_too():
    net = FullyConnectedNet([9], 64, 10, seed=0)
    net.standardizer = numbanet.data.Standardizer.fit(RAW)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other.loss(RAW), net.loss(RAW))


def test_another_standardizer_reaches_steps_that_are_compiled():
    def losses(ops, other):
        net = Sequential([Affine(4), ReLU(), Affine(10)], (64,), seed=0, dtype=np.float64, ops=ops)
        net.standardizer = numbanet.data.Standardizer.fit(RAW)
        solver = numbanet.Solver(net, {"X_train": RAW, "y_train": Y}, batch_size=50, epochs=1, verbose=False)
        solver.train()
        net.standardizer = numbanet.data.Standardizer.fit(other)
        solver.train()
        return solver.loss_history

    changed, same = losses(numbanet.kernels, RAW * 2 + 1), losses(numbanet.kernels, RAW)
    np.testing.assert_allclose(changed, losses(numbanet.reference, RAW * 2 + 1), rtol=1e-9)
    assert changed[:4] == same[:4]
    assert all(abs(one - other) > 1e-3 for one, other in zip(changed[4:], same[4:], strict=True))


def test_a_standardizer_that_does_not_fit_is_refused():
    net = FullyConnectedNet([9], 64, 10, seed=0)
    with pytest.raises(TypeError, match="standardizer: expected a numbanet.data.Standardizer, got float"):
        net.standardizer = 1.0
    with pytest.raises(ValueError, match=r"standardizer: learned from examples of shape \(63,\), .* takes \(64,\)"):
        net.standardizer = numbanet.data.Standardizer.fit(RAW[:, 1:])
    assert net.standardizer is None


# Memory.


def test_a_step_allocates_no_array_memory(threads, monkeypatch):
    threads(None)
    monkeypatch.setattr(placement, "_due", math.inf)  # a look at where threads run, now and then, is no part of a step
    net = wide(np.float32)
    optimizer = Optimizer("adam", net.params.flat.size)
    program = net.training_program(len(X))
    program.x[...], program.y[...] = X, Y

    def step():
        program.step()
        optimizer.update(net.params.flat, net.grads.flat)

    step()  # compiles
    passed = 2 + len(optimizer.state)  # arrays that Python hands to compiled code
    gc.collect()
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        step()
        after = rtsys.get_allocation_stats()
        np.testing.assert_array_equal(before.free - before.alloc, after.free - after.alloc)
    finally:
        _nrt_python.memsys_disable_stats()
    # Handing an array to compiled code takes one small record of it; an array made inside would come on top.
    assert after.alloc - before.alloc == passed
