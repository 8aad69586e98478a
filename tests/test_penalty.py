"""The L2 penalty divided by the examples of a batch: its value, its gradient, in steps of every kind, in files."""

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
