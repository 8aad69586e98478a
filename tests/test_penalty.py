"""The L2 penalty divided by the examples of a batch: its value, its gradient, in steps of every kind, in files."""

import warnings

import numpy as np
import pytest
from compare import BOTH
from nets import digits

from numbanet import FullyConnectedNet, Solver, load

DATA = digits()
X, Y = DATA["X_train"][:7], DATA["y_train"][:7]
WEIGHTS = np.array([0, 1, 2, 0.5, 3, 0, 1.5])


def net(**options):
    return FullyConnectedNet([9], 64, 10, **{"dtype": np.float64, "seed": 0, **options})


@BOTH
@pytest.mark.parametrize(("weights", "examples"), [(None, 7), (WEIGHTS, 8), (WEIGHTS / 4, 2)])
def test_the_penalty_is_divided_by_the_examples(weights, examples, ops):
    plain, grads = net(ops=ops).loss(X, Y, weights)
    model = net(l2=0.5, l2_divided=True, ops=ops)
    loss, penalised = model.loss(X, Y, weights)
    squares = sum(np.sum(model.params[name] ** 2) for name in ("W1", "W2"))
    assert loss == pytest.approx(plain + 0.25 * squares / examples, rel=1e-12)
    for name, gradient in grads.items():
        added = 0.5 / examples * model.params[name] * (name[0] == "W")
        np.testing.assert_allclose(penalised[name], gradient + added, rtol=1e-12, atol=1e-15)


def test_it_can_be_changed():
    model = net(l2=0.5)
    whole, _ = model.loss(X, Y)
    model.l2_divided = True
    divided, _ = model.loss(X, Y)
    model.l2_divided = False
    assert divided < whole == model.loss(X, Y)[0]
    with pytest.raises(TypeError, match="l2_divided: expected True or False, got int 1"):
        model.l2_divided = 1


@pytest.mark.parametrize("weighted", [False, True])
def test_compiled_steps_divide_as_single_ones_do(weighted):
    """Batches of two sizes: the last of an epoch is smaller."""
    data = {"X_train": DATA["X_train"][:50], "y_train": DATA["y_train"][:50]}
    if weighted:
        data["sample_weight_train"] = np.linspace(0.1, 3, 50)
    found = []
    for callbacks in ([], [type("Stepwise", (), {"on_step_end": lambda self, solver, logs: None})()]):
        model = net(l2=0.5, l2_divided=True)
        options = {"optimizer": "sgd", "epochs": 3, "batch_size": 15, "callbacks": callbacks, "verbose": False}
        solver = Solver(model, data, seed=1, **options)
        solver.train()
        found.append((solver.loss_history, model.params.flat.tolist()))
    assert found[0] == found[1]
    batch = np.random.default_rng(1).permutation(50)[:15]
    first, _ = net(l2=0.5, l2_divided=True).loss(
        data["X_train"][batch], data["y_train"][batch], data["sample_weight_train"][batch] if weighted else None
    )
    assert found[0][0][0] == first


def test_files_keep_it(tmp_path):
    for divided in (False, True):
        net(l2=0.5, l2_divided=divided).save(tmp_path / "net.npz")
        assert load(tmp_path / "net.npz").l2_divided is divided


@pytest.mark.parametrize("weights", [None, WEIGHTS + 0.1])
def test_it_is_the_penalty_of_scikit_learn(weights):
    """One step of gradient descent by its MLP, and its loss before."""
    neural_network = pytest.importorskip("sklearn.neural_network")
    options = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.5, "batch_size": 7, "max_iter": 1}
    theirs = neural_network.MLPClassifier((9,), "tanh", alpha=0.3, warm_start=True, random_state=0, **options)
    y = np.arange(7) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        theirs.fit(X, y, sample_weight=weights)
        model = FullyConnectedNet([9], 64, 3, activation="tanh", l2=0.3, l2_divided=True, dtype=np.float64)
        for place, (w, b) in enumerate(zip(theirs.coefs_, theirs.intercepts_, strict=True), 1):
            model.params[f"W{place}"], model.params[f"b{place}"] = w, b
        theirs.fit(X, y, sample_weight=weights)
    loss, grads = model.loss(X, y, weights)
    assert loss == pytest.approx(theirs.loss_curve_[-1], rel=1e-12)
    for place, w in enumerate(theirs.coefs_, 1):
        np.testing.assert_allclose(model.params[f"W{place}"] - 0.5 * grads[f"W{place}"], w, rtol=1e-10, atol=1e-14)
