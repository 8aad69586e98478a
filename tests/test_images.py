"""Networks for images: convolution, pooling and residual connections, from construction to files."""

import itertools
import json
import math
import pickle
import re

import numba
import numpy as np
import pytest
from nets import assert_gradients_agree
from numba.core.runtime import _nrt_python, rtsys

import numbanet
from numbanet import (
    ELU,
    Affine,
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Layer,
    LayerNorm,
    MaxPool,
    ReLU,
    Residual,
    Sequential,
    SmallResNet,
    SmallVGG,
    Tanh,
    ThreeLayerConvNet,
)
from numbanet.optim import Optimizer
from numbanet.program import Program
from numbanet.program.memory import layout

SHAPE = (3, 8, 9)  # a distinct size on every axis
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, *SHAPE)), RNG.integers(10, size=40)


def three_layer(**options):
    return ThreeLayerConvNet(SHAPE, 6, 3, 11, weight_scale=0.1, l2=0.01, **options)


def vgg(**options):
    return SmallVGG(SHAPE, widths=(5, 7), dropout=0.2, l2=0.01, **options)


def resnet(**options):
    return SmallResNet(SHAPE, widths=(4, 6), blocks=2, l2=0.01, **options)


def every_layer(**options):
    """What the others leave out: windows of every kind, groups, residual connections in each other and at both ends."""
    tall = Conv(6, (3, 2), stride=(1, 2), padding=(0, 1), dilation=(2, 1))
    depthwise = Residual([ELU(), Conv(6, 3, padding="same", groups=6), ReLU()])  # ends fused
    inner = Residual([GroupNorm(2), Tanh(), Residual([Conv(6, 1, weight_init=0.1)])], [Conv(6, 1, bias=False)])
    layers = [Residual([Tanh()]), Dropout(0.1), tall, GroupNorm(3), depthwise, AvgPool(3, 1, 1), inner, LayerNorm()]
    layers += [Tanh(), MaxPool((2, 3), (1, 2), (1, 1)), Dropout(0.2), GroupNorm(6), Flatten(), ELU()]
    layers += [Residual([Affine(90), ReLU()]), Affine(10)]
    return Sequential(layers, SHAPE, l2=0.01, **options)


NETWORKS = [three_layer, vgg, resnet, every_layer]


@pytest.fixture
def threads():
    """`numbanet.set_num_threads`, undone afterwards."""
    yield numbanet.set_num_threads
    numbanet.set_num_threads(None)


def trained(net, steps, batch=20, **options):
    """The losses of some steps of training."""
    optimizer = Optimizer("adam", net.params.flat.size, net.dtype, net.ops, **options)
    losses = []
    for step in range(steps):
        losses.append(net.train_batch(X, Y, np.random.default_rng(step).permutation(len(X))[:batch]))
        optimizer.update(net.params.flat, net.grads.flat)
    return losses


class Asked:
    """Operations of the reference, and the names of those that a program has asked for."""

    def __init__(self):
        self.names = []

    def __getattr__(self, name):
        self.names.append(name)
        return getattr(numbanet.reference, name)


class Noted:
    """In the place of operations: notes the arguments of each call, and computes nothing but a loss of 0."""

    def __init__(self, calls):
        self.calls = calls

    def __getattr__(self, name):
        def note(*arguments):
            self.calls.append((name, arguments))
            return 0.0

        return note


def operations(layers, shape, training=True):
    """Names of the operations that these layers are lowered to, in order."""
    net = Sequential(layers, shape, seed=0, ops=numbanet.reference)
    net.ops = Asked()
    Program(net, 5, training)
    return net.ops.names


# What they compute.


@pytest.mark.parametrize("build", NETWORKS)
def test_kernels_and_reference_train_alike(build):
    expected = trained(plain := build(dtype=np.float64, seed=3, ops=numbanet.reference), 10)
    got = trained(fast := build(dtype=np.float64, seed=3), 10)
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    np.testing.assert_allclose(fast.loss(X), plain.loss(X), rtol=1e-8, atol=1e-8)
    assert len(set(got)) == len(got)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("build", NETWORKS)
def test_the_same_bits_on_one_and_two_threads(threads, build, dtype):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    runs = []
    for count in (1, 2):
        threads(count)
        net = build(dtype=dtype, seed=3)
        runs.append((trained(net, 3, batch=40), net.params.flat.copy(), net.state.flat.copy(), net.loss(X)))
    for one, two in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("build", NETWORKS)
def test_gradient_of_a_whole_network(build):
    net = build(dtype=np.float64, seed=1)
    assert_gradients_agree(net, X[:6], Y[:6], samples=4, step=1e-6, rel=1e-4, abs=1e-7)


def test_affine_sees_images_as_channels_of_rows():
    net = Sequential([Conv(5, 1), Affine(10)], SHAPE, dtype=np.float64, seed=0)
    net.params["b1"] = RNG.standard_normal(5)
    inner = np.einsum("nchw,fc->nfhw", X, net.params["W1"][:, :, 0, 0]) + net.params["b1"][:, None, None]
    np.testing.assert_allclose(net.loss(X), inner.reshape(len(X), -1) @ net.params["W2"], rtol=1e-10, atol=1e-10)
    flat = Sequential([Conv(5, 1), Flatten(), Affine(10)], SHAPE, dtype=np.float64, seed=0)
    flat.params["b1"] = net.params["b1"]
    np.testing.assert_array_equal(flat.loss(X), net.loss(X))


def test_grouped_filters_as_large_as_the_image():
    net = Sequential([Conv(4, (8, 9), groups=2), GlobalAvgPool()], (6, 8, 9), dtype=np.float64, seed=0)
    x, w = RNG.standard_normal((7, 6, 8, 9)), net.params["W1"]
    assert w.shape == (4, 3, 8, 9)
    halves = [np.einsum("nchw,fchw->nf", x[:, 3 * g : 3 * g + 3], w[2 * g : 2 * g + 2]) for g in (0, 1)]
    np.testing.assert_allclose(net.loss(x), np.hstack(halves), rtol=1e-10, atol=1e-10)


def test_a_residual_connection_is_a_sum():
    x = RNG.standard_normal((7, 10))
    net = Sequential([Residual([Affine(10)]), Residual([Affine(4)], [Affine(4)])], (10,), dtype=np.float64, seed=0)
    w1, w2, w3 = (net.params[name] for name in ("W1", "W2", "W3"))
    inner = x + x @ w1
    np.testing.assert_allclose(net.loss(x), inner @ w2 + inner @ w3, rtol=1e-10, atol=1e-10)


def test_residual_connections_round_nothing_add_up():
    x, y = RNG.standard_normal((7, 10)), np.arange(7)
    net = Sequential([Affine(10), Residual([Residual([Dropout(0)])])], (10,), dtype=np.float64, seed=0)
    plain = Sequential([Affine(10)], (10,), dtype=np.float64, seed=0)
    plain.params["W1"] *= 3
    (loss, grads), (expected, plain_grads) = net.loss(x, y), plain.loss(x, y)
    assert loss == pytest.approx(expected)
    np.testing.assert_allclose(grads["W1"], 3 * plain_grads["W1"])


def test_layer_norm_of_images_is_group_norm_of_one_group():
    def scores(norm):
        return Sequential([Conv(4, 3), norm, Affine(10)], SHAPE, dtype=np.float64, seed=0).loss(X)

    np.testing.assert_array_equal(scores(LayerNorm()), scores(GroupNorm(1)))


@pytest.mark.parametrize("build", NETWORKS)
def test_a_fused_relu_has_the_gradient_of_a_separate_one(build, monkeypatch):
    net = build(dtype=np.float64, seed=1)
    net.fixed_dropout = True
    loss, grads = net.loss(X, Y)
    for kind in (Affine, Conv):
        monkeypatch.setattr(kind, "fused_with", Layer.fused_with)
    net.l2 = net.l2  # lowers it anew
    separate_loss, separate = net.loss(X, Y)
    assert loss == pytest.approx(separate_loss, rel=1e-12)
    for name in grads:
        np.testing.assert_allclose(grads[name], separate[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("pool", [MaxPool(2), MaxPool(3, stride=2, padding=1), MaxPool(3, stride=4)], ids=str)
def test_a_relu_before_a_pooling_is_passed_where_the_maximum_is_positive(pool, monkeypatch):
    def gradients():
        layers = [Conv(4, 3, padding=1), Conv(6, 3, padding=1), ReLU(), pool, Conv(3, 1), ReLU(), MaxPool(1)]
        net = Sequential([*layers, Affine(10)], SHAPE, seed=0)
        grads = net.loss(X, Y)[1]
        looked_at = [len(call.arguments[0]) for call in net.training_program(len(X)).operations.backward]
        return grads, sum(looked_at)

    fused, few = gradients()
    monkeypatch.setattr(Conv, "fused_with", Layer.fused_with)
    separate, many = gradients()
    assert few < many
    for name in fused:
        np.testing.assert_array_equal(fused[name], separate[name])


def test_the_relu_of_small_vgg_may_come_after_the_pooling():
    net = vgg(dtype=np.float64, seed=0)
    order = list(net.layers)
    for at, layer in enumerate(order):
        if layer == ReLU():
            order[at - 1 : at + 1] = ReLU(), MaxPool(2)
    usual = Sequential(order, SHAPE, dtype=np.float64, seed=0, l2=0.01)
    (loss, grads), (expected, usual_grads) = net.loss(X, Y), usual.loss(X, Y)
    assert loss == expected
    for name in grads:
        np.testing.assert_array_equal(grads[name], usual_grads[name])


def test_first_loss_is_that_of_guessing():
    net = ThreeLayerConvNet(weight_scale=1e-3, seed=0)
    x, y = np.random.default_rng(0).standard_normal((20, 3, 32, 32)), np.random.default_rng(1).integers(10, size=20)
    loss, _ = net.loss(x, y)
    assert loss == pytest.approx(math.log(10), rel=1e-3)
    net.l2 = 0.5
    assert net.loss(x, y)[0] == pytest.approx(loss + 0.25 * sum((net.params[f"W{i}"] ** 2).sum() for i in (1, 2, 3)))


def test_a_few_images_are_learnt_by_heart():
    net = ThreeLayerConvNet(SHAPE, 8, 3, 30, weight_scale=0.1, seed=0)
    trained(net, 60, batch=40, learning_rate=0.01)
    assert net.score(X, Y) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("build", NETWORKS)
def test_a_image_has_the_same_scores_in_any_company(build, dtype, monkeypatch):
    net = build(dtype=dtype, seed=0)
    together = net.loss(X)
    np.testing.assert_array_equal(np.vstack([net.loss(X[n : n + 1]) for n in range(8)]), together[:8])
    monkeypatch.setattr(numbanet.models, "INFERENCE_VALUES", 3 * net.widest)
    np.testing.assert_array_equal(net.loss(X), together)
    assert {program.batch for program in net.workspaces.main().programs()} == {1, 2, 64}


def test_images_may_come_flat():
    net = resnet(seed=0)
    np.testing.assert_array_equal(net.loss(X.reshape(len(X), -1)), net.loss(X))


# Parameters, shapes and names.


def test_three_layer_parameters_are_the_course_s():
    shapes = {name: view.shape for name, view in ThreeLayerConvNet().params.items()}
    assert shapes == {
        **{"W1": (32, 3, 7, 7), "b1": (32,), "W2": (32 * 16 * 16, 100)},
        **{"b2": (100,), "W3": (100, 10), "b3": (10,)},
    }
    net = ThreeLayerConvNet(weight_scale=1e-3, seed=0)
    for name, view in net.params.items():
        assert view.std() == pytest.approx(1e-3, rel=0.15) if name[0] == "W" else not view.any()
    net = ThreeLayerConvNet(seed=0)  # He's, without one
    for name, view in net.params.items():
        he = math.sqrt(2 / (view.size / len(view) if view.ndim == 4 else len(view)))
        assert view.std() == pytest.approx(he, rel=0.15) if name[0] == "W" else not view.any()


def test_parameters_inside_of_residual_connections_are_counted_in_order():
    names = list(resnet().params)
    assert names[:6] == ["W1", "gamma1", "beta1", "W2", "gamma2", "beta2"]
    assert names[-2:] == ["W11", "b1"]
    text = repr(resnet())
    for line in (
        "  4.1          Conv(4, 3, padding=1, bias=False) ",
        "  8.shortcut.1  Conv(6, 1, stride=2, bias=False) ",
    ):
        assert " ".join(line.split()) in " ".join(text.split())


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (Conv(8, 3), (3, 9, 7), (8, 7, 5)),
        (Conv(8, (3, 5), stride=(2, 1), padding=(1, 2)), (3, 9, 7), (8, 5, 7)),
        (Conv(8, 3, padding="same", dilation=(1, 2), stride=2), (3, 9, 7), (8, 5, 4)),
        (Conv(6, 3, groups=3, dilation=2), (9, 9, 7), (6, 5, 3)),
        (MaxPool(2), (3, 9, 7), (3, 4, 3)),
        (MaxPool(3, 2, 1), (3, 9, 7), (3, 5, 4)),
        (AvgPool((9, 7)), (3, 9, 7), (3, 1, 1)),
        (GlobalAvgPool(), (3, 9, 7), (3,)),
        (GroupNorm(3), (6, 9, 7), (6, 9, 7)),
        (GroupNorm(3), (6,), (6,)),
        (Flatten(), (3, 9, 7), (189,)),
        (Residual([Conv(3, 3, padding=1)]), (3, 9, 7), (3, 9, 7)),
    ],
)
def test_shapes(layer, shape, expected):
    assert layer.output_shape(shape) == expected


def test_a_weight_counts_what_it_sees_and_what_it_is_seen_by():
    assert Conv(8, (3, 5), groups=2).parameters((6, 9, 9))[0].fans == (45, 60)
    assert len(Conv(8, 3, bias=False).parameters((6, 9, 9))) == 1


def test_layers_are_values_and_show_what_was_chosen():
    assert Conv(8, 3) == Conv(np.int64(8), (3, 3), stride=[1, 1])
    assert Conv(8, 3, padding="same") == Conv(8, 3, padding=1)
    assert repr(Conv(8, (3, 5), padding="same", stride=2)) == "Conv(8, (3, 5), stride=2, padding=(1, 2))"
    assert repr(Conv(8, 1, bias=False, weight_init=0.1)) == "Conv(8, 1, bias=False, weight_init=0.1)"
    assert repr(MaxPool((2, 3))) == "MaxPool((2, 3))"
    assert repr(MaxPool(3, 2, 1)) == "MaxPool(3, stride=2, padding=1)"
    assert hash(Residual([Conv(8, 3)])) == hash(Residual((Conv(8, 3),)))
    for layer in (Conv(8, (3, 5), padding="same", stride=2), AvgPool(3, 2, 1), Residual([Conv(8, 3)], [MaxPool(3, 1)])):
        assert eval(repr(layer)) == layer


# The order of images in memory, and how much memory.


def test_images_are_turned_at_the_door_and_before_affine():
    layers = [
        ReLU(),
        Conv(4, 3),
        ReLU(),
        BatchNorm(),
        MaxPool(2),
        Dropout(0.5),
        Residual([ReLU(), Conv(4, 1)]),
        Affine(2),
    ]
    assert operations(layers, SHAPE) == [
        *("relu_forward", "channels_last", "conv_relu_forward", "batchnorm_forward", "max_pool_forward"),
        *("dropout_forward", "relu_forward", "conv_forward", "add", "channels_first", "affine_forward", "softmax_loss"),
        *("affine_backward", "channels_last", "conv_backward", "relu_backward", "add", "dropout_backward"),
        *("max_pool_backward", "batchnorm_backward", "relu_backward", "conv_backward"),
    ]


def test_one_channel_and_one_pixel_are_in_either_order():
    for layers in ([Conv(4, (8, 9)), Affine(2)], [Conv(4, 3), GlobalAvgPool(), Affine(2)]):
        assert not {"channels_last", "channels_first"} & {*operations(layers, (1, 8, 9))}


def test_the_first_layer_that_learns_has_no_input_gradient():
    for first in (Conv(4, 3), Residual([Conv(3, 3, padding=1)]), Residual([Conv(4, 1)], [Conv(4, 1)])):
        asked = operations([first, Affine(2)], SHAPE)
        assert "channels_first" not in asked[asked.index("softmax_loss") :]
        assert asked.count("add") == isinstance(first, Residual)
        net = Sequential([first, Affine(2)], SHAPE, seed=0, ops=numbanet.reference)
        net.ops = Noted(calls := [])
        Program(net, 5, training=True).step()
        gradients = [arguments[8] for name, arguments in calls if name == "conv_backward"]
        assert gradients
        assert all(dx.shape[0] == 0 for dx in gradients)


@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize("training", [False, True])
def test_no_more_memory_than_lives_at_once(build, training, monkeypatch):
    """Arrays share memory exactly where one is done with before the other begins, and hardly any is wasted."""
    seen = []

    def noted(lives, sizes):
        seen.append((lives, sizes, *layout(lives, sizes)))
        return seen[-1][2:]

    monkeypatch.setattr("numbanet.program.build.layout", noted)
    net = build(ops=numbanet.reference)
    Program(net, 5, training)
    ((lives, sizes, offsets, size),) = seen
    pairs = itertools.combinations(lives, 2)
    together = [pair for pair in pairs if all(lives[a][0] <= lives[b][1] for a, b in (pair, pair[::-1]))]
    for a, b in together:
        assert offsets[a] + sizes[a] <= offsets[b] or offsets[b] + sizes[b] <= offsets[a]
    moments = range(max(last for _, last in lives.values()) + 1)
    most = max(sum(sizes[a] for a, (first, last) in lives.items() if first <= at <= last) for at in moments)
    assert size <= 1.1 * most + 64 * len(lives)


def test_programs_of_a_network_share_their_memory():
    net = three_layer(ops=numbanet.reference)
    training, inference = net.training_program(5), net.workspaces.main().program(net, 5, training=False)
    assert np.shares_memory(training.workspace, inference.workspace)
    assert not np.shares_memory(training.scores, training.x)


def test_what_nothing_reads_any_more_is_overwritten():
    net = Sequential([BatchNorm(), ReLU(), Conv(3, 1), ReLU(), Dropout(0.5), Affine(2)], SHAPE, ops=numbanet.reference)
    outputs = [out for _, _, out in Program(net, 5, training=True).outputs]
    norm, relu, conv, dropout, _ = (out.ctypes.data for out in outputs)
    assert norm == relu
    assert len({relu, conv, dropout}) == 3  # the ReLU in the convolution reads its output once more


@pytest.mark.parametrize("build", NETWORKS)
def test_a_step_allocates_no_array_memory(build):
    net = build(seed=0)
    program = net.training_program(len(X))
    program.x[...], program.y[...] = X.reshape(program.x.shape), Y
    program.step()  # compiles
    _nrt_python.memsys_enable_stats()
    try:
        for function, arguments, *_ in program.operations.forward + program.operations.backward:
            before = rtsys.get_allocation_stats().alloc
            function(*arguments)
            made = rtsys.get_allocation_stats().alloc - before
            # Handing an array to compiled code takes one small record of it; an array made inside comes on top.
            passed = sum(isinstance(argument, np.ndarray) for argument in arguments)
            assert made == passed, function
    finally:
        _nrt_python.memsys_disable_stats()


# Copies and files.


@pytest.mark.parametrize("build", NETWORKS)
def test_a_network_comes_back_from_files_and_pickles(build, tmp_path):
    net = build(seed=0)
    trained(net, 3)
    net.save(tmp_path / "net.npz")
    read, copied = numbanet.load(tmp_path / "net.npz"), pickle.loads(pickle.dumps(net))
    assert copied.layers == net.layers
    for again in (read, copied):
        assert [each.output_shape for each in again.placed] == [each.output_shape for each in net.placed]
        np.testing.assert_array_equal(again.loss(X), net.loss(X))
    expected = trained(net, 3)  # the masks of dropout go on where they were
    assert trained(read, 3) == trained(copied, 3) == expected


class Foreign(ReLU):
    pass


def test_a_foreign_layer_inside_is_kept_by_its_class(tmp_path):
    net = Sequential([Residual([Foreign()]), Affine(2)], (4,))
    net.save(tmp_path / "net.npz")
    read = numbanet.load(tmp_path / "net.npz", custom=[Foreign])
    assert [type(layer) for layer in read.layers[0].layers] == [Foreign]


def nested(levels):
    inner = {"type": "ReLU"}
    for _ in range(levels):
        inner = {"type": "Residual", "layers": [inner]}
    return inner


@pytest.mark.parametrize(
    ("index", "entry"),
    [
        (3, {"type": "Residual", "layers": []}),
        (3, {"type": "Residual", "layers": None}),
        (3, {"type": "Residual", "layers": [None]}),
        (3, {"type": "Residual", "layers": [{"type": "Conv", "filters": 5, "kernel_size": 1}]}),
        (3, {"type": "Residual", "layers": [{"type": "ReLU", "layers": []}]}),
        (3, nested(400)),  # deeper than Python calls
        (0, {"type": "Conv", "filters": 10**9, "kernel_size": 3}),
        (0, {"type": "Conv", "filters": 4, "kernel_size": [3, 3, 3]}),
        (0, {"type": "Conv", "filters": 4, "kernel_size": 3, "stride": 0}),
        (0, {"type": "Conv", "filters": 4, "kernel_size": 3, "padding": "wide"}),
        (0, {"type": "Conv", "filters": 4, "kernel_size": 3, "bias": "no"}),
        (0, {"type": "Conv", "filters": 4, "kernel_size": 30}),
    ],
)
def test_files_whose_layers_lie(index, entry, tmp_path):
    path = tmp_path / "net.npz"
    resnet().save(path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(str(arrays["numbanet"]))
    header["model"]["layers"][index] = entry
    np.savez(path, **{**arrays, "numbanet": np.array(json.dumps(header))})
    with pytest.raises(numbanet.CheckpointError, match="damaged header"):
        numbanet.load(path)


# Bad input: one message, that names the layer and the shapes, before anything runs.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv(0, 3), "Conv: filters: expected an integer of at least 1, got 0"),
        (lambda: Conv(8, 0), "Conv: kernel_size: expected an integer of at least 1, got 0"),
        (lambda: Conv(8, 3, stride=0), "Conv: stride: expected an integer of at least 1, got 0"),
        (lambda: Conv(8, 3, stride=(1, 0)), "Conv: stride[1]: expected an integer of at least 1, got 0"),
        (lambda: Conv(8, 3, padding=-1), "Conv: padding: expected an integer of at least 0, got -1"),
        (
            lambda: Conv(8, 3, padding="full"),
            "Conv: padding: expected an integer, a pair of them or \"same\", got 'full'",
        ),
        (lambda: Conv(8, (3, 4), padding="same"), 'Conv: padding: "same" is for odd kernels, got kernel_size (3, 4)'),
        (lambda: Conv(8, 3, dilation=0), "Conv: dilation: expected an integer of at least 1, got 0"),
        (lambda: Conv(8, 3, groups=3), "Conv: groups: 3 groups do not divide 8 filters"),
        (lambda: Conv(8, 3, bias=None), "Conv: bias: expected True or False, got NoneType None"),
        (lambda: Conv(8, 3, weight_init="he"), "Conv: weight_init: expected one of 'zeros', "),
        (lambda: Conv(8, (3, 3, 3)), "Conv: kernel_size: expected an integer or a pair (rows, columns), got tuple"),
        (lambda: MaxPool(2, 0), "MaxPool: stride: expected an integer of at least 1, got 0"),
        (lambda: AvgPool(2.0), "AvgPool: kernel_size: expected an integer, got float 2.0"),
        (lambda: MaxPool(3, padding=2), "MaxPool: padding: expected at most half of kernel_size, 3 x 3, got 2 x 2"),
        (lambda: GroupNorm(0), "GroupNorm: groups: expected an integer of at least 1, got 0"),
        (lambda: GroupNorm(2, eps=0), "GroupNorm: eps: expected a number in (0, inf), got 0"),
        (lambda: Residual([]), "Residual: layers: expected at least one layer"),
        (lambda: Residual(Conv(8, 3)), "Residual: layers: expected a list of layers, got Conv Conv(8, 3)"),
        (lambda: Residual([ReLU]), "Residual: layers[0]: expected a layer, got the class; write ReLU(...)"),
        (lambda: Residual([ReLU()], [3]), "Residual: shortcut[0]: expected a layer, got int 3"),
        (lambda: ThreeLayerConvNet(kernel_size=0), "kernel_size: expected an integer of at least 1, got 0"),
        (lambda: ThreeLayerConvNet(num_filters=0.5), "num_filters: expected an integer, got float 0.5"),
        (
            lambda: ThreeLayerConvNet((3, 32)),
            "layer 1, Conv(32, 7, padding=3): expected images, (C, H, W)",
        ),
        (lambda: SmallVGG(widths=(8, 0)), "widths: expected an integer of at least 1, got 0"),
        (lambda: SmallVGG(dropout=1), "dropout: expected a number in [0, 1), got 1"),
        (lambda: SmallResNet(widths=()), "widths: expected at least one width"),
        (lambda: SmallVGG(widths=()), "widths: expected at least one width"),
        (lambda: SmallResNet(blocks=0), "blocks: expected an integer of at least 1, got 0"),
        (lambda: SmallResNet(widths=8), "widths: expected a list of widths, got int 8"),
        (
            lambda: SmallVGG((3, 7, 7)),
            "layer 11, MaxPool(2): kernel_size: a window of 2 x 2 does not fit into an image of 1 x 1",
        ),
    ],
)
def test_options_are_checked(make, message):
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(message)}"):
        make()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [Conv(8, 5), Conv(8, 5), Affine(2)],
            "layer 2, Conv(8, 5): kernel_size: a window of 5 x 5 does not fit into an image of 4 x 5",
        ),
        (
            [Conv(8, 5), AvgPool(4, 2, 1), Conv(8, 4, padding=(0, 1)), Affine(2)],
            "layer 3, Conv(8, 4, padding=(0, 1)): kernel_size: a window of 4 x 4 does not fit into an image of 2 x 4 "
            "(2 x 2 with padding 0 x 1)",
        ),
        (
            [Conv(8, 3, groups=2), Affine(2)],
            "layer 1, Conv(8, 3, groups=2): groups: 2 groups do not divide the 3 channels of (3, 8, 9)",
        ),
        ([GroupNorm(2), Affine(2)], "layer 1, GroupNorm(groups=2, eps=1e-05): groups: 2 groups do not divide the 3 ch"),
        ([Flatten(), Conv(8, 3)], "layer 2, Conv(8, 3): expected images, (C, H, W), got (216,)"),
        ([Affine(9), MaxPool(3)], "layer 2, MaxPool(3): expected images, (C, H, W), got (9,)"),
        ([Affine(9), GlobalAvgPool()], "layer 2, GlobalAvgPool(): expected images, (C, H, W), got (9,)"),
        (
            [Residual([Conv(8, 3, padding=1)]), Affine(2)],
            "layer 1, Residual: the branch gives (8, 8, 9), but the input is (3, 8, 9); give the input a `shortcut`",
        ),
        (
            [Residual([Conv(8, 3)], [Conv(8, 1)]), Affine(2)],
            "layer 1, Residual: the branch gives (8, 6, 7), but the shortcut gives (8, 8, 9)",
        ),
        (
            [ReLU(), Residual([ReLU(), Residual([Conv(8, 9)])]), Affine(2)],
            "layer 2.2.1, Conv(8, 9): kernel_size: a window of 9 x 9 does not fit into an image of 8 x 9",
        ),
        (
            [Residual([ReLU()], [MaxPool(9)]), Affine(2)],
            "layer 1.shortcut.1, MaxPool(9): kernel_size: a window of 9 x 9 does not fit into an image of 8 x 9",
        ),
        (
            [Conv(8, 3), ReLU()],
            "layer 2, ReLU(): must give a flat output, (C,), got (8, 6, 7); end with GlobalAvgPool() or Flatten(), and",
        ),
        (
            [Conv(8, 3), Residual([ReLU()])],
            "layer 2, Residual: must give a flat output, (C,), got (8, 6, 7); end with GlobalAvgPool() or Flatten(), ",
        ),
    ],
)
def test_layers_that_cannot_take_what_comes_are_named(layers, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Sequential(layers, SHAPE)


def test_images_of_another_shape():
    with pytest.raises(
        ValueError, match=r"^X: layer 1, Conv\(.*\), takes examples of shape \(N, 3, 8, 9\), got \(2, 3, 9, 8\)$"
    ):
        vgg().loss(np.ones((2, 3, 9, 8)))


def test_one_pixel_of_one_image_cannot_be_normalised_in_training():
    net = Sequential([Conv(4, (8, 9)), Residual([BatchNorm()]), Affine(2)], SHAPE, seed=0)
    net.loss(X[:2], [0, 1])
    with pytest.raises(ValueError, match=r"^layer 2.1, BatchNorm\(.*\): .* got a batch of one, of one pixel$"):
        net.loss(X[:1], [0])
    vgg().loss(X[:1], [0])  # pixels are enough
