"""What optimizers do besides their rules: clipping, rates and decay by parameter, averages of parameters."""

import copy

import numpy as np
import pytest

import numbanet as nn
from numbanet import reference

RNG = np.random.default_rng(0)
DATA = {"X_train": RNG.standard_normal((24, 5)), "y_train": RNG.integers(3, size=24)}


def solver(optimizer="sgd", options=None, *, seed=0, ops=None, epochs=3, **more):
    layers = [nn.Affine(7), nn.BatchNorm(), nn.ReLU(), nn.Affine(3)]
    model = nn.Sequential(layers, 5, dtype=np.float64, seed=seed, ops=ops)
    options = {"learning_rate": 0.1, **(options or {})}
    more = {"batch_size": 8, "num_train_samples": 0, "verbose": False, "drop_last": True, **more}
    return nn.Solver(model, DATA, optimizer=optimizer, optimizer_options=options, epochs=epochs, seed=seed, **more)


def trained(*arguments, **options):
    made = solver(*arguments, **options)
    made.train()
    return made.model.params


ALL = {
    "clip_value": 0.02,
    "clip_norm": 0.05,
    "ema_decay": 0.9,
    "learning_rate_factors": {"b": 0.5, "W1": 2.0, "gamma": 0.0},
    "decay_biases": False,
    "weight_decay": 0.3,
}


@pytest.mark.parametrize("threads", [1, 2])
def test_compiled_steps_are_those_from_python(threads):
    before = nn.get_num_threads()
    nn.set_num_threads(threads)
    try:
        compiled = trained("adamw", ALL)
        by_hand = solver("adamw", ALL)
        by_hand._path.enter(None)
        by_hand._path._own = "this test says so"
        by_hand._path.enter = lambda augment: None
        by_hand.train()
    finally:
        nn.set_num_threads(before)
    assert np.array_equal(compiled.flat, by_hand.model.params.flat)
    reference_too = trained("adamw", ALL, ops=reference)
    np.testing.assert_allclose(
        compiled.flat, reference_too.flat, rtol=1e-9, atol=1e-8
    )  # b1, before batch norm, has gradients of noise


def test_compiled_steps_are_compiled():
    assert solver("adamw", ALL).compiled


@pytest.mark.parametrize("rule", ["sgd", "sgd_momentum", "nesterov", "rmsprop", "adam", "adamw"])
def test_rates_by_parameter_of_one_change_nothing(rule):
    plain, cut = trained(rule), trained(rule, {"learning_rate_factors": {"W": 1.0, "b2": 1.0}})
    assert np.array_equal(plain.flat, cut.flat)


def one_step(optimizer, options):
    """The parameters before and after a step, and its gradients."""
    made = solver(optimizer, options, epochs=1, batch_size=24)
    before = made.model.params.copy()
    made.train()
    return before, made.model.params, made.model.grads


def test_rates_by_parameter():
    before, after, grads = one_step("sgd", {"learning_rate_factors": {"b": 0.5, "b2": 3.0, "W1": 0.0, "beta": 2.0}})
    factors = {"W1": 0, "b1": 0.5, "gamma1": 1, "beta1": 2, "W2": 1, "b2": 3}
    for name, factor in factors.items():
        np.testing.assert_allclose(after[name], before[name] - 0.1 * factor * grads[name], rtol=1e-12, atol=1e-15)


def test_decay_spares_biases_scales_and_shifts():
    options = {"weight_decay": 0.5}
    decaying, spared = (one_step("adamw", {**options, "decay_biases": each})[1] for each in (True, False))
    before = solver("adamw").model.params
    without = one_step("adamw", {"weight_decay": 0.0})[1]
    for name in before:
        if name.startswith("W"):
            assert np.array_equal(decaying[name], spared[name])
            np.testing.assert_allclose(without[name] - spared[name], 0.05 * before[name], rtol=1e-9, atol=1e-15)
        else:
            assert np.array_equal(spared[name], without[name])
    assert not np.array_equal(decaying["gamma1"], spared["gamma1"])


def test_decay_by_parameter():
    """A factor of a kind or a name goes before `decay_biases`."""
    options = {"weight_decay": 0.5, "weight_decay_factors": {"W1": 0, "b": 2, "gamma": 3}, "decay_biases": False}
    before, after, _ = one_step("adamw", options)
    without = one_step("adamw", {"weight_decay": 0.0})[1]
    for name, factor in {"W1": 0, "b1": 2, "gamma1": 3, "beta1": 0, "W2": 1, "b2": 2}.items():
        np.testing.assert_allclose(
            without[name] - after[name], 0.05 * factor * before[name], rtol=1e-9, atol=1e-15, err_msg=name
        )


def test_groups_are_torchs():
    torch = pytest.importorskip("torch", reason="needs torch")
    made = solver("adamw", {**ALL, "ema_decay": None, "clip_value": None}, batch_size=24)
    names = list(made.model.params)
    tensors = {name: torch.tensor(made.model.params[name].copy(), requires_grad=True) for name in names}
    factors = {"W1": 2.0, "b1": 0.5, "b2": 0.5, "gamma1": 0.0}
    groups = [
        {"params": [tensors[name]], "lr": 0.1 * factors.get(name, 1), "weight_decay": 0.3 * name.startswith("W")}
        for name in names
    ]
    optimizer = torch.optim.AdamW(groups)
    twin = copy.deepcopy(made.model)
    norms = []
    for _ in range(3):
        _, grads = twin.loss(DATA["X_train"], DATA["y_train"])
        for name in names:
            tensors[name].grad = torch.tensor(grads[name])
        norms.append(float(torch.nn.utils.clip_grad_norm_(tensors.values(), 0.05)))
        optimizer.step()
        twin.params = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    made.train()
    assert max(norms) > 0.05
    for name in names:
        np.testing.assert_allclose(
            made.model.params[name], twin.params[name], rtol=1e-9, atol=1e-8
        )  # b1, before batch norm, has gradients of noise


def test_clipping():
    before, after, grads = one_step("sgd", {"clip_value": 0.01})
    assert max(np.abs(gradient).max() for gradient in grads.values()) <= 0.01
    change = np.concatenate([(before[name] - after[name]).ravel() for name in before])
    assert np.abs(change).max() == pytest.approx(0.001)
    before, after, _ = one_step("sgd", {"clip_norm": 0.01})
    change = np.concatenate([(before[name] - after[name]).ravel() for name in before])
    assert np.linalg.norm(change) == pytest.approx(0.001, rel=1e-3)


def test_values_are_clipped_before_the_norm():
    grads = one_step("sgd", {"clip_value": 0.01, "clip_norm": 0.02})[2]
    values = np.concatenate([gradient.ravel() for gradient in grads.values()])
    assert np.linalg.norm(values) == pytest.approx(0.02, rel=1e-3)
    assert np.sum(np.abs(values) == np.abs(values).max()) > 3  # all that were cut to the same


def averaged(parameters, decay):
    """The moving average over parameters after each step."""
    average = parameters[0]
    for step, each in enumerate(parameters[1:], 2):
        kept = min(decay, (step - 1) / (step + 8))
        average = kept * average + (1 - kept) * each
    return average


def after_each_step(epochs):
    seen = []
    record = nn.callbacks.Callback(on_step_end=lambda solver, logs: seen.append(solver.model.params.flat.copy()))
    trained("adam", epochs=epochs, callbacks=[record])
    return seen


def test_training_ends_with_the_average_and_goes_on_without_it():
    seen = after_each_step(4)
    made = solver("adam", {"ema_decay": 0.3}, epochs=2)
    made.train()
    np.testing.assert_allclose(made.model.params.flat, averaged(seen[:6], 0.3), rtol=1e-12)
    made.train()
    np.testing.assert_allclose(made.model.params.flat, averaged(seen, 0.3), rtol=1e-12)


def test_the_average_is_what_is_measured_and_kept():
    seen, data = after_each_step(3), {**DATA, "X_val": DATA["X_train"], "y_val": DATA["y_train"]}
    layers = [nn.Affine(7), nn.BatchNorm(), nn.ReLU(), nn.Affine(3)]
    model = nn.Sequential(layers, 5, dtype=np.float64, seed=0)
    options = {"learning_rate": 0.1, "ema_decay": 0.9}
    made = nn.Solver(
        model, data, optimizer="adam", optimizer_options=options, batch_size=8, epochs=3, seed=0, verbose=False
    )
    made.train()
    epoch = made.best_epoch
    np.testing.assert_allclose(model.params.flat, averaged(seen[: 3 * epoch or 1], 0.9), rtol=1e-12)
    assert model.evaluate(data["X_val"], data["y_val"])[0] == made.best_val_loss


def test_callbacks_see_the_average_within_a_block(tmp_path):
    """And files of the best networks hold it, since their values are of it."""
    seen, found = after_each_step(2), []

    def look(solver, logs):
        plain = solver.model.params.flat.copy()
        with solver.averaged():
            average = solver.model.params.flat.copy()
        assert np.array_equal(solver.model.params.flat, plain)
        found.append((plain, average))

    best = nn.callbacks.Checkpoint(tmp_path / "best-{epoch}.npz", "loss", keep=2)
    made = solver("adam", {"ema_decay": 0.3}, epochs=2, callbacks=[look, best])
    made.train()
    for epoch, (plain, average) in enumerate(found, 1):
        assert np.array_equal(plain, seen[3 * epoch - 1])
        np.testing.assert_allclose(average, averaged(seen[: 3 * epoch], 0.3), rtol=1e-12)
        assert np.array_equal(nn.load(tmp_path / f"best-{epoch}.npz").params.flat, average)
    with made.averaged():  # which the model has by now
        assert np.array_equal(made.model.params.flat, found[-1][1])
    assert np.array_equal(made.model.params.flat, found[-1][1])


@pytest.mark.parametrize("decay", [None, 0.3])
def test_the_network_of_a_state_is_the_one_that_was_measured(decay, tmp_path):
    found = []

    def save(solver, logs):
        solver.save(tmp_path / f"{len(found)}.npz")
        with solver.averaged():
            found.append(solver.model.params.flat.copy())

    made = solver("adam", {"ema_decay": decay}, epochs=2)
    save(made, {})
    made.callbacks = [save]
    made.train()
    save(made, {})
    assert len(found) == 4
    for place, expected in enumerate(found):
        assert np.array_equal(nn.load(tmp_path / f"{place}.npz").params.flat, expected)


def test_a_pickled_solver_goes_on_alike():
    made = solver("adam", {**ALL, "decay_biases": True, "weight_decay": 0.0}, epochs=2)
    made.train()
    twin = copy.deepcopy(made)
    for each in (made, twin):
        each.train()
    assert np.array_equal(made.model.params.flat, twin.model.params.flat)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"clip_norm": 0}, ValueError, "optimizer_options: clip_norm"),
        ({"clip_value": -1}, ValueError, "optimizer_options: clip_value"),
        ({"clip_value": "1"}, TypeError, "optimizer_options: clip_value"),
        ({"ema_decay": 1.0}, ValueError, "optimizer_options: ema_decay"),
        ({"decay_biases": False}, ValueError, "'sgd' has none"),
        (
            {"weight_decay_factors": {"b": 0}},
            ValueError,
            "weight_decay_factors is of a weight decay, and",
        ),
        ({"decay_biases": 0}, TypeError, "optimizer_options: decay_biases"),
        ({"learning_rate_factors": 2}, TypeError, "optimizer_options: learning_rate_factors"),
        ({"learning_rate_factors": {"W1": -2}}, ValueError, "learning_rate_factors: W1"),
        ({"learning_rate_factors": {"W3": 2}}, ValueError, "no parameter 'W3'"),
        ({"learning_rate_factors": {"gama": 2}}, ValueError, "did you mean 'gamma'"),
        ({"clip_nrom": 2}, ValueError, "did you mean 'clip_norm'"),
    ],
)
def test_what_cannot_be_is_refused(options, error, says):
    with pytest.raises(error) as raised:
        solver("sgd", options)
    assert says in str(raised.value)


def test_a_rule_of_the_users_own_has_none_of_them():
    with pytest.raises(ValueError, match="optimizer_options: clip_norm: of numbanet's own networks"):
        solver(nn.optim.sgd, {"clip_norm": 1.0})
