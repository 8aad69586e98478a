"""What other libraries are measured at is the work that ours do: the same steps, classes and results."""

import importlib.util
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from numbanet import reference
from numbanet.bench import ours, versus, worker
from numbanet.bench.networks import ALL_NETWORKS, IMAGE_NETWORKS, LEARNING_RATE, NETWORKS, ImageNetwork, Network
from numbanet.bench.operations import arguments
from numbanet.operations import OPERATIONS

# One batch in an epoch, whose order does not matter then.
FLAT = Network((6, 8, 5, 3), 16, 1)
NORMALIZED = Network((6, 8, 5, 3), 16, 1, batchnorm=True)
REGRESSION = Network((6, 8, 5, 3), 16, 1, activation="tanh", loss="squared_error")
EPOCHS = 5
EACH = pytest.mark.parametrize("net", [FLAT, NORMALIZED, REGRESSION], ids=["flat", "normalized", "regression"])


def peer(library):
    """The module of a library; skips where that is not installed."""
    if library not in versus.installed():
        pytest.skip(f"needs {versus.PEERS[library]}")
    return pytest.importorskip(f"numbanet.bench.{library}_peer")


def ours_trained(net, monkeypatch):
    """Our parameters by name, before and after some epochs."""
    monkeypatch.setitem(ALL_NETWORKS, "small", net)
    solver = ours.solver("small", "reference", epochs=EPOCHS)
    before = {name: value.copy() for name, value in solver.model.params.items()}
    solver.train()
    return before, dict(solver.model.params)


def assert_same_training(got, before, after, net):
    """Arrays that a library ended with, in our order, are ours."""
    for value, name in zip(got, after, strict=True):
        if net.batchnorm and name in ("b1", "b2"):
            continue  # a bias in front of batch norm has no gradient but rounding
        moved = np.abs(after[name] - before[name]).max()
        assert moved > 2 * LEARNING_RATE  # in five steps of Adam
        assert np.abs(np.asarray(value) - after[name]).max() < 0.02 * moved, name


def test_what_is_installed_is_what_can_be_imported():
    modules = {"torch": "torch", "jax": "jax", "jax_scan": "jax", "sklearn": "sklearn"}
    assert versus.installed() == [library for library, module in modules.items() if importlib.util.find_spec(module)]


@pytest.mark.parametrize("library", ["torch", "sklearn"])
def test_a_worker_finds_every_library(library):
    module = peer(library)
    assert worker.build(f"{library}/prediction/20-64-32-2 at 32/-", 1).parts == 1
    assert worker.build(f"{library}/nothing/20-64-32-2 at 32/-", 1) is None
    made = module.network("20-64-32-2 at 32", "-")
    assert {benchmark.parts for benchmark in (made if isinstance(made, list) else [made])} == {200}


def test_a_worker_knows_no_other_library():
    assert worker.LIBRARIES.keys() == {"kernels", "reference", "numpy", *versus.PEERS}
    for module in worker.LIBRARIES.values():
        assert importlib.util.find_spec(f"numbanet.bench.{module}")


@pytest.mark.parametrize("name", ["20-64-32-2 at 32", "ThreeLayerConvNet at 50"])
def test_an_epoch_of_ours_is_the_steps_of_the_table(name, monkeypatch):
    net = ALL_NETWORKS[name]
    small = ImageNetwork(net.name, 2, 3) if isinstance(net, ImageNetwork) else Network(net.widths, 4, 5)
    monkeypatch.setitem(ALL_NETWORKS, name, small)
    benchmark = ours.network(name, "-", "kernels")
    solver = benchmark.call.__self__
    for epoch in (1, 2, 3):
        before = solver.model.params.flat.copy()
        benchmark.call()
        assert solver.step == epoch * small.steps
        assert np.abs(solver.model.params.flat - before).max() > 0.5 * LEARNING_RATE
    assert benchmark.parts == small.steps


@pytest.mark.parametrize("name", IMAGE_NETWORKS)
def test_networks_for_images_have_the_layers_that_torchs_have(name):
    """The same shapes of parameters in the same order: torch's affine layers have theirs transposed."""
    torch_peer = peer("torch")
    model, theirs = ours.built(ALL_NETWORKS[name]), torch_peer.build(ALL_NETWORKS[name])
    expected = [value.T.shape if value.ndim == 2 else value.shape for value in model.params.values()]
    got = [tuple(value.shape) for value in theirs.parameters()]
    if name == "SmallResNet at 128":  # whose shortcuts come first in ours
        expected, got = sorted(expected), sorted(got)
    assert got == expected


def test_several_epochs_of_one_batch_are_that_many_steps(monkeypatch):
    net = replace(REGRESSION, epochs=EPOCHS)
    before, after = ours_trained(net, monkeypatch)
    benchmark = ours.network("small", "-", "reference")
    benchmark.call()
    assert benchmark.parts == benchmark.call.__self__.step == EPOCHS
    torch_peer = peer("torch")
    made = torch_peer.trainer(net, torch_peer._FUSED[0])
    import torch

    with torch.no_grad():
        for parameter, value in zip(made[0].parameters(), before.values(), strict=True):
            parameter.copy_(torch.from_numpy(value.T if value.ndim == 2 else value))
    made[1]()
    got = [value.detach().numpy() for value in made[0].parameters()]
    assert_same_training([value.T if value.ndim == 2 else value for value in got], before, after, net)
    for library in ("jax", "jax_scan", "sklearn"):
        monkeypatch.setitem(NETWORKS, "small", net)
        if library in versus.installed():
            assert peer(library).network("small", "-").parts == EPOCHS


def test_images_are_not_trained_by_the_reference():
    assert ours.network("SmallVGG at 128", "-", "reference") is None


@EACH
@pytest.mark.parametrize("form", range(3))
def test_torch_takes_the_steps_that_we_take(net, form, monkeypatch):
    torch_peer = peer("torch")
    import torch

    before, after = ours_trained(net, monkeypatch)
    model, epoch = torch_peer.trainer(net, torch_peer._FUSED[form])
    weights = list(model.parameters())
    with torch.no_grad():
        for parameter, value in zip(weights, before.values(), strict=True):
            parameter.copy_(torch.from_numpy(value.T if value.ndim == 2 else value))
    for _ in range(EPOCHS):
        epoch()
    got = [value.detach().numpy() for value in weights]
    assert_same_training([value.T if value.ndim == 2 else value for value in got], before, after, net)


@pytest.mark.parametrize("name", ["SmallResNet at 128", "LeNet-5 at 2048"])
def test_torch_trains_images_in_both_layouts(name):
    torch_peer = peer("torch")
    import torch

    small = replace(
        IMAGE_NETWORKS[name], batch=2, steps=1, **({"widths": (2, 3)} if name == "SmallResNet at 128" else {})
    )
    for layout in (torch.contiguous_format, torch.channels_last):
        model, epoch = torch_peer.trainer(small, {}, layout)
        before = [value.detach().clone() for value in model.parameters()]
        epoch()
        for value, old in zip(model.parameters(), before, strict=True):
            assert (value - old).abs().max() > 0.5 * LEARNING_RATE
        assert model[0].weight.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("net", [FLAT, REGRESSION], ids=["flat", "regression"])
def test_scikit_learn_takes_the_steps_that_we_take(net, monkeypatch):
    sklearn_peer = peer("sklearn")
    before, after = ours_trained(net, monkeypatch)
    model, X, y = sklearn_peer.fitted(net)
    model.coefs_[:] = [before[f"W{i}"].copy() for i in (1, 2, 3)]
    model.intercepts_[:] = [before[f"b{i}"].copy() for i in (1, 2, 3)]
    rate = model._optimizer.learning_rate_init
    model._optimizer = type(model._optimizer)(model.coefs_ + model.intercepts_, rate)  # forgets its first epoch
    for _ in range(EPOCHS):
        model.partial_fit(X, y)
    got = [array for pair in zip(model.coefs_, model.intercepts_, strict=True) for array in pair]
    assert_same_training(got, before, after, net)


@EACH
@pytest.mark.parametrize("form", ["step_by_step", "at_once"])
def test_jax_takes_the_steps_that_we_take(net, form, monkeypatch):
    jax_peer = peer("jax")
    before, after = ours_trained(net, monkeypatch)
    state, epoch = jax_peer.trainer(net, getattr(jax_peer, form))
    keys = {"W": "w", "b": "b", "gamma": "gamma", "beta": "beta"}
    for name, value in before.items():
        state[0][0][int(name[-1]) - 1][keys[name[:-1]]] = jax_peer.jnp.asarray(value)
    for _ in range(EPOCHS):
        epoch()
    got = [state[0][0][int(name[-1]) - 1][keys[name[:-1]]] for name in after]
    assert_same_training(got, before, after, net)


# Predictions.


def scores(weights, x):
    """Of a plain network, from its (W, b)."""
    for index, (w, b) in enumerate(weights):
        x = x @ w + b
        x = np.maximum(x, 0) if index < len(weights) - 1 else x
    return x


NAME = "64-100-10 at 64"


@pytest.mark.parametrize("library", ["kernels", "reference"])
def test_our_prediction_is_the_class_of_the_first_example(library):
    net = NETWORKS[NAME]
    params = ours.built(net).params
    expected = scores([(params[f"W{i}"], params[f"b{i}"]) for i in (1, 2)], net.data()[0][:1]).argmax(1)
    assert ours.prediction(NAME, "-", library).call().tolist() == expected.tolist()


def test_predictions_of_others_are_the_class_of_the_first_example():
    net = NETWORKS[NAME]
    X = net.data()[0]
    torch_peer = peer("torch")
    model = torch_peer.build(net)
    weights = [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in (model[0], model[2])]
    assert torch_peer.prediction(NAME, "-").call().tolist() == scores(weights, X[:1]).argmax(1).tolist()
    sklearn_peer = peer("sklearn")
    fitted = sklearn_peer.fitted(net)[0]
    weights = list(zip(fitted.coefs_, fitted.intercepts_, strict=True))
    assert sklearn_peer.prediction(NAME, "-").call().tolist() == scores(weights, X[:1]).argmax(1).tolist()


def test_what_a_library_cannot_express_it_is_not_measured_at():
    sklearn_peer = peer("sklearn")
    for kind in (sklearn_peer.network, sklearn_peer.prediction):
        assert kind("3072-256-128-128-10 batchnorm at 128", "-") is None
        assert kind("SmallVGG at 128", "-") is None
    assert peer("torch").operation("augment", "2x3x7x5") is None


# Operations: torch's results, whichever way and layout, are the reference's.

SIZES = {
    "affine": (4, 6, 5),
    "convolution": (2, 6, 3, 4, 3),
    "activations": (33,),
    "losses": (6, 5),
    "normalization": (6, 5),
    "group_normalization": (2, 9, 6, 3),
    "scaling": (6, 5),
    "embedding": (6, 3, 5, 4),
    "members": (6, 3, 5, 4),
    "pooling": (2, 8, 3, 2, 2),
    "layout": (2, 3, 5),
    "dropout": (33,),
    "updates": (33,),
}
COMPARED = [
    name
    for name, operation in OPERATIONS.items()
    # The masks and places of these are torch's own; the rules of updates begin with an empty state.
    if name not in ("dropout_forward", "dropout_backward", "max_pool_backward", "augment")
    and operation.family != "updates"
]


def tensors(value):
    """All arrays in what a function of torch gave, flat and sorted: in whichever layout they were."""
    values = value if isinstance(value, (tuple, list)) else [value]
    return [np.sort(v.detach().numpy().ravel()) for v in values if hasattr(v, "detach")]


@pytest.mark.parametrize("name", COMPARED)
def test_torch_computes_what_the_reference_does(name):
    torch_peer = peer("torch")
    import torch

    size = SIZES[OPERATIONS[name].family][: len(OPERATIONS[name].sizes.axes)]
    expected = arguments(OPERATIONS[name], size)
    before = {key: value.copy() for key, value in expected.items() if isinstance(value, np.ndarray)}
    getattr(reference, name)(*expected.values())
    results = {key: expected[key] for key, old in before.items() if not np.array_equal(expected[key], old)}
    for other in ("mean", "inv_std", "where", "dz", "running_var"):  # torch's forms; its variance is the unbiased one
        results.pop(other, None)
    assert results
    for number in range(len(ways(torch_peer, name, size)[0])):
        made, t = ways(torch_peer, name, size)
        with torch.enable_grad() if name.endswith("_loss") else torch.inference_mode():
            got = tensors(made[number]()) + tensors(list(vars(t).values()))
        for key, value in results.items():
            value = np.sort(value.ravel())
            same = [g for g in got if g.shape == value.shape and np.allclose(g, value, rtol=1e-4, atol=1e-5)]
            assert same, (key, number)


def ways(torch_peer, name, size):
    """Functions, and the tensors that they read and write."""
    given = arguments(OPERATIONS[name], size)
    made = torch_peer.ways(OPERATIONS[name], given)
    return made, SimpleNamespace(**{key: torch_peer._tensor(value) for key, value in given.items()})


@pytest.mark.parametrize("name", [n for n, o in OPERATIONS.items() if (o.torch or "").startswith("torch.optim")])
def test_torchs_optimizers_take_a_step(name):
    """From an empty state: of gradient descent the table's own; of the others as far as the learning rate, or less."""
    torch_peer = peer("torch")
    made, t = ways(torch_peer, name, (33,))
    for step in made:
        (parameter,) = step.__self__.param_groups[0]["params"]
        before = parameter.detach().clone()
        step()
        moved = (before - parameter.detach()).numpy()
        assert (np.sign(moved) == np.sign(t.dw.numpy()))[np.abs(t.dw.numpy()) > 0.3].all()
        if name == "sgd_update":
            np.testing.assert_allclose(moved, 1e-6 * t.dw.numpy(), atol=2e-7)
