"""Schedules of other numbers than the learning rate: options of the rule, and dropout."""

import copy
import math

import numba
import numpy as np
import pytest

import numbanet as nn
from numbanet import optim, reference, schedules
from numbanet.callbacks import Callback

RNG = np.random.default_rng(0)
DATA = {"X_train": RNG.standard_normal((40, 6)), "y_train": RNG.integers(3, size=40)}
RATES = 0.5, 0.2  # of dropout


def solver(of=None, *, rule="adamw", ops=None, dtype=np.float64, rates=RATES, **options):
    hidden = [nn.Affine(9), nn.ReLU(), nn.Dropout(rates[0]), nn.Affine(7), nn.Tanh(), nn.Dropout(rates[1])]
    model = nn.Sequential([*hidden, nn.Affine(3)], 6, seed=0, ops=ops, dtype=dtype)
    settings = {"batch_size": 8, "epochs": 3, "seed": 0, "verbose": False, "num_train_samples": 0, **options}
    chosen = {"learning_rate": 0.05, "weight_decay": 0.4} if rule == "adamw" else {"learning_rate": 0.05}
    chosen = settings.pop("optimizer_options", chosen)
    return nn.Solver(model, DATA, optimizer=rule, optimizer_options=chosen, schedules=of, **settings)


def learnt(made):
    made.train()
    return made.loss_history, made.model.params.flat.tobytes()


KINDS = {
    "both": {"weight_decay": "flat_cosine", "dropout": "linear"},
    "dropout": {"dropout": "coslog4"},
    "by epoch": {"weight_decay": "constant", "dropout": "constant", "beta2": [0.99, 0.9, 0.5]},
    "many": {"eps": lambda step, count: 1 + step, "beta1": schedules.Linear(0.1), "dropout": [0, 1, 1.9]},
}


def follows(made):
    """The training that `made` should do, taken apart: gradients of a network, and a function for each array."""
    model, rule = made.model, made.optimizer
    own, _ = optim.split_options(made.optimizer_options)
    options = optim.check_options(rule, own)
    spe, end = made.steps_per_epoch, made.num_steps
    factors = {name: each.factors(0, end, end, spe) for name, each in made.schedules.items()}
    rates = made.schedule.factors(0, end, end, spe) * options["learning_rate"]
    order, configs, losses = np.random.default_rng(0), {name: dict(options) for name in model.params}, []
    for step in range(end):
        if step % spe == 0:
            permutation = order.permutation(40)
        rows = permutation[step % spe * 8 : step % spe * 8 + 8]
        drop = factors["dropout"][step] if "dropout" in factors else 1.0
        # Another network, whose layers have the probabilities of this step, and the masks' keys of this one.
        twin = solver(rates=[rate * drop for rate in RATES]).model
        twin.params = model.params
        twin.random_keys[...] = model.random_keys
        twin.random_keys[:, 1] = step
        loss, grads = twin.loss(DATA["X_train"][rows], DATA["y_train"][rows])
        losses.append(loss)
        now = {name: options[name] * each[step] for name, each in factors.items() if name != "dropout"}
        for name in grads:
            config = {**configs[name], **now, "learning_rate": rates[step]}
            model.params[name], configs[name] = getattr(optim, rule)(model.params[name], grads[name], config)
    return losses, model.params.flat


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_has_its_numbers(kind):
    made, twin = solver(KINDS[kind]), solver(KINDS[kind])
    assert made.compiled
    made.train()
    losses, flat = follows(twin)
    np.testing.assert_allclose(made.loss_history, losses, rtol=1e-10)
    np.testing.assert_allclose(made.model.params.flat, flat, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_and_single_steps_are_alike(kind):
    together = learnt(solver(KINDS[kind], dtype=np.float32))
    alone = solver(KINDS[kind], dtype=np.float32, callbacks=[Callback(on_step_end=lambda solver, logs: None)])
    assert alone.compiled.one_by_one
    assert learnt(alone) == together
    from_python = solver(KINDS[kind], dtype=np.float32)
    from_python._path.enter(None)
    from_python._path._own = "this test says so"
    from_python._path.enter = lambda augment: None
    assert not from_python.compiled
    assert learnt(from_python) == together
    losses, _ = learnt(solver(KINDS[kind], ops=reference, dtype=np.float32))
    np.testing.assert_allclose(losses, together[0], rtol=1e-4)


@pytest.mark.parametrize("kind", ["both", "dropout", "many"])
def test_they_make_a_difference(kind):
    plain = learnt(solver())
    assert learnt(solver({name: "constant" for name in KINDS[kind]})) == plain
    for name, schedule in KINDS[kind].items():
        assert learnt(solver({name: schedule})) != plain, name


def alike(one, other):
    """Whether two networks with the same parameters drop the same values."""
    other.params = one.params
    for model in (one, other):
        model.random_keys[...] = 7
    X, y = DATA["X_train"][:8], DATA["y_train"][:8]
    return one.loss(X, y)[0] == other.loss(X, y)[0]


@pytest.mark.parametrize("ops", [None, reference])
def test_the_network_drops_as_before_when_training_is_over(ops):
    made, plain = solver({"dropout": "linear"}, ops=ops), solver(ops=ops)
    made.train()
    assert alike(made.model, plain.model)
    made.train()
    plain.model.params = made.model.params
    settings = {"batch_size": 8, "epochs": 1, "seed": 0, "verbose": False}
    for each in (made, plain):
        each.model.random_keys[...] = 7
    again, other = (nn.Solver(each.model, DATA, **settings) for each in (made, plain))  # without a schedule of it
    assert learnt(again) == learnt(other)


def test_a_training_that_diverged_leaves_no_other_dropout():
    made = solver({"dropout": [0.1, 0.5, 1.0]}, optimizer_options={"learning_rate": 1e300})
    with pytest.raises(nn.TrainingDiverged):
        made.train()
    assert alike(made.model, solver().model)


@numba.njit
def _copied(x, left, out):
    if left[0] == 0:
        raise ValueError("enough")
    left[0] -= 1
    for i in range(len(x)):
        out[i] = x[i]


class Tires(nn.Layer):
    """As it is, a number of times in training."""

    def lower(self, net, x):
        if not net.training:
            return x, None
        out = net.buffer(x.shape[1])
        net.forward(_copied, x, self.left, out)
        return out, None


def test_a_loop_that_failed_leaves_no_other_dropout():
    tires, options = Tires(), {"batch_size": 8, "epochs": 3, "seed": 0, "verbose": False}
    tires.left = np.array([5])  # an epoch
    model = nn.Sequential([nn.Affine(9), nn.Dropout(0.5), tires, nn.Affine(3)], 6, seed=0)
    made = nn.Solver(model, DATA, schedules={"dropout": [1.0, 0.5, 0.1]}, **options)
    assert made.compiled
    with pytest.raises(RuntimeError, match="enough"):
        made.train()
    tires.left[0] = 7
    assert alike(model, nn.Sequential([nn.Affine(9), nn.Dropout(0.5), tires, nn.Affine(3)], 6, seed=0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_is_taken_up_again(kind, tmp_path):
    path = tmp_path / "state.npz"

    def save(solver, logs):
        if solver.step == 7:
            solver.save(path)

    whole = solver(KINDS[kind], callbacks=[Callback(on_step_end=save)])
    expected = learnt(whole)
    again = solver(KINDS[kind])
    again.resume(path)
    assert (again.loss_history, again.model.params.flat.tobytes()) == expected
    with pytest.raises(nn.CheckpointError, match="saved with schedules.dropout"):
        solver({**KINDS[kind], "dropout": schedules.Linear(0.3)}).resume(path)
    with pytest.raises(nn.CheckpointError, match="saved with schedules.dropout"):
        solver({name: each for name, each in KINDS[kind].items() if name != "dropout"}).resume(path)


def test_a_copy_follows_them_too():
    made = solver(KINDS["many"])
    twin = copy.deepcopy(made)
    assert learnt(twin) == learnt(made)


def test_an_own_rule_follows_them():
    seen = []

    def rule(w, dw, config):
        seen.append(config["weight_decay"])
        return w, config

    options = {"learning_rate": 0.1, "weight_decay": 2.0}
    made = solver({"weight_decay": "linear", "dropout": "linear"}, rule=rule, optimizer_options=options)
    assert not made.compiled
    made.train()
    np.testing.assert_allclose(seen[:: len(made.model.params)], 2 * (1 - np.arange(15) / 15))
    with pytest.raises(ValueError, match="schedules: expected 'dropout', got 'weight_decay'"):
        solver({"weight_decay": "linear"}, rule=rule, optimizer_options={})


class Own:
    def __init__(self):
        self.params = {"w": np.ones(3)}

    def loss(self, X, y=None):
        return np.zeros((len(X), 3)) if y is None else (1.0, {"w": np.zeros(3)})


def test_a_model_of_one_s_own_follows_them():
    options = {"learning_rate": 0.1, "weight_decay": 0.5}
    common = {"optimizer": "adamw", "optimizer_options": options, "epochs": 1, "batch_size": 40, "verbose": False}
    made = nn.Solver(Own(), DATA, schedules={"weight_decay": lambda step, count: 0.5}, **common)
    made.train()
    np.testing.assert_allclose(made.model.params["w"], 1 - 0.1 * 0.25)
    with pytest.raises(ValueError, match="schedules: dropout: the network has no dropout"):
        nn.Solver(Own(), DATA, schedules={"dropout": "linear"}, **common)


@pytest.mark.parametrize(
    ("of", "kind", "message"),
    [
        ({"weight_decai": "linear"}, ValueError, "schedules: expected 'beta1', .*, 'dropout', got .*; did you mean"),
        ({"learning_rate": "linear"}, ValueError, "schedules: expected .*; that of the learning rate is `schedule`"),
        ({"eps_inside_root": "linear"}, ValueError, "schedules: expected "),
        ({"dropout": "liner"}, ValueError, "schedules: dropout: expected one of 'constant', .*; did you mean 'linear'"),
        ({"dropout": 3}, TypeError, "schedules: dropout: expected a name"),
        ({"dropout": [1, 0.5]}, ValueError, "schedules: dropout: expected 3 factors"),
        ("linear", TypeError, "schedules: expected a dict of schedules"),
    ],
)
def test_refusals(of, kind, message):
    with pytest.raises(kind, match=f"^{message}"):
        solver(of)


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ({"dropout": [1, 1, 2.0]}, "schedules: dropout: .* makes it 1, expected less than 1"),
        ({"beta1": [1, 1.2, 1]}, "schedules: beta1: .* makes it 1.08, expected less than 1"),
        ({"weight_decay": lambda step, count: -1.0}, "schedules: weight_decay: .* gave -1.0 for step 0; expected"),
        ({"dropout": lambda step, count: math.nan}, "schedules: dropout: .* gave nan for step 0; expected"),
    ],
)
def test_numbers_out_of_range(of, message):
    made = solver(of)
    with pytest.raises(ValueError, match=f"^{message}"):
        made.train()


def test_a_momentum_has_one_schedule():
    with pytest.raises(ValueError, match=r"^schedules: beta1: the schedule OneCycle\(.*\) changes it already"):
        solver({"beta1": "linear"}, schedule="one_cycle").train()


def test_a_network_without_dropout_has_none_to_schedule():
    with pytest.raises(ValueError, match="schedules: dropout: the network has no dropout"):
        solver({"dropout": "linear"}, rates=(0, 0))
