"""Schedules: their values by hand and against PyTorch's, what a Solver makes of them, and what is refused."""

import json
import math

import numpy as np
import pytest
from nets import digits

import numbanet
from numbanet import FullyConnectedNet, Solver, schedules
from numbanet.callbacks import Callback, ReduceLROnPlateau
from numbanet.cli import _train_options as cli
from numbanet.optim import RULES

DATA = digits()
SMALL = {"X_train": DATA["X_train"][:80], "y_train": DATA["y_train"][:80]}  # 8 steps an epoch
QUICK = {"batch_size": 10, "epochs": 3, "num_train_samples": 0, "verbose": False}
HALF = 2**0.5 / 2


def solver(data=SMALL, ops=None, hidden=8, **options):
    options = {"optimizer": "sgd", "optimizer_options": {"learning_rate": 0.1}, **QUICK, **options}
    return Solver(FullyConnectedNet([hidden], 64, 10, seed=0, ops=ops), data, **options)


def factors(schedule, num_steps=8, steps_per_epoch=2):
    return schedule.factors(0, num_steps, num_steps, steps_per_epoch)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (schedules.Constant(), [1] * 8),
        (schedules.Constant(warmup=4), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
        (schedules.Constant(warmup=0.25), [0.5, 1, 1, 1, 1, 1, 1, 1]),
        (schedules.Step(2, 0.5), [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]),
        (schedules.Step(), [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1]),  # a third of 4 epochs, rounded up
        (schedules.Step(1, 0.5, warmup=3), [1 / 3, 2 / 3, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]),
        (schedules.Exponential(0.5), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]),
        (schedules.Exponential(), np.repeat(0.01 ** (np.arange(4) / 4), 2)),
        (schedules.Linear(), 1 - np.arange(8) / 8),
        (schedules.Linear(0.2), 1 - 0.8 * np.arange(8) / 8),
        (schedules.Linear(warmup=4), [0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25]),
        (schedules.Cosine(per_epoch=True), np.repeat([1, (1 + HALF) / 2, 0.5, (1 - HALF) / 2], 2)),
        (schedules.Cosine(0.2, warmup=4), [0.25, 0.5, 0.75, 1, 1, 0.6 + 0.4 * HALF, 0.6, 0.6 - 0.4 * HALF]),
        (schedules.FlatCosine(), [1, 1, 1, 1, 1, (1 + HALF) / 2, 0.5, (1 - HALF) / 2]),
        (schedules.Cooldown(), [1] * 8),  # a quarter of 4 epochs is the last, which begins with all
        (schedules.Function(lambda step, num_steps: step / num_steps), np.arange(8) / 8),
        (schedules.Factors([1, 2, 3, 4]), [1, 1, 2, 2, 3, 3, 4, 4]),
        (schedules.Factors(range(8)), np.arange(8)),
    ],
    ids=str,
)
def test_values_by_hand(schedule, expected):
    found = factors(schedule)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)
    pieces = [schedule.factors(first, 2, 8, 2) for first in (0, 2, 4, 6)]
    np.testing.assert_array_equal(np.concatenate(pieces), found)
    np.testing.assert_array_equal(schedule.rates(1.0, 0, 8, 8, 2), found)


def test_cooldown_by_hand():
    expected = np.repeat([1] * 11 + [2 / 3, 1 / 3], 2)[3:]
    np.testing.assert_allclose(schedules.Cooldown().factors(3, 23, 26, 2), expected, rtol=1e-15)
    assert schedules.Cooldown().factors(26, 1, 26, 2) == 1  # for a training that goes on


def test_coslog4_by_hand():
    """It is 0 at t = 0, 1/15, 3/15, 7/15, which are 4 waves, and 1 between them."""
    found = schedules.CosLog4().factors(0, 16, 15, 1)
    np.testing.assert_allclose(found[[0, 1, 3, 7, 15]], 0, atol=1e-12)
    np.testing.assert_allclose(found[2], 0.5 * (1 - math.cos(2 * math.pi * math.log2(3))), rtol=1e-12)
    fine = schedules.CosLog4().factors(0, 30001, 30000, 1)
    assert sum((fine[1:-1] > fine[:-2]) & (fine[1:-1] >= fine[2:])) == 4
    for t in (2**0.5 - 1, 2 * 2**0.5 - 1):
        assert fine[round(30000 * t / 15)] == pytest.approx(1, abs=1e-6)


def test_one_cycle_by_hand():
    """Of 11 steps, 0.3 * 11 - 1 = 2.3 is the top."""
    found, momenta = schedules.OneCycle().factors(0, 11, 11, 1), schedules.OneCycle().momenta(0, 11, 11, 1)
    assert found[0] == pytest.approx(1 / 25)
    assert found[10] == pytest.approx(1 / 25e4)
    assert found[1] == pytest.approx(1 + (0.04 - 1) * (1 + math.cos(math.pi / 2.3)) / 2)
    assert (momenta[0], momenta[10]) == pytest.approx((0.95, 0.95))
    assert momenta.min() == momenta[3] > 0.85
    for steps in (1, 2, 3):  # too few for a top between them
        cycle = schedules.OneCycle()
        assert np.isfinite([cycle.factors(0, steps, steps, 1), cycle.momenta(0, steps, steps, 1)]).all()
    assert schedules.OneCycle(base_momentum=None, max_momentum=None).momenta(0, 11, 11, 1) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "steps_per_epoch"),
    [
        (schedules.Exponential(0.7), lambda lr, o: lr.ExponentialLR(o, 0.7), 3),
        (schedules.Step(3, 0.1), lambda lr, o: lr.StepLR(o, 3, 0.1), 3),
        (schedules.Cosine(per_epoch=True), lambda lr, o: lr.CosineAnnealingLR(o, 10), 3),
        (schedules.Cosine(), lambda lr, o: lr.CosineAnnealingLR(o, 10), 1),
        (schedules.Cosine(0.1), lambda lr, o: lr.CosineAnnealingLR(o, 10, 0.08), 1),
        (schedules.Linear(), lambda lr, o: lr.PolynomialLR(o, 10), 1),
        (schedules.Linear(0.25), lambda lr, o: lr.LinearLR(o, 1, 0.25, 10), 1),
    ],
    ids=lambda value: str(value) if isinstance(value, schedules.Schedule) else "",
)
def test_they_are_those_of_torch(ours, theirs, steps_per_epoch):
    """Which are stepped once an epoch here."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    scheduler, expected = theirs(torch.optim.lr_scheduler, optimizer), []
    for _ in range(10):
        expected += [scheduler.get_last_lr()[0]] * steps_per_epoch
        optimizer.step()
        scheduler.step()
    count = 10 * steps_per_epoch
    np.testing.assert_allclose(ours.rates(0.8, 0, count, count, steps_per_epoch), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("options", [{}, {"pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 100.0}])
@pytest.mark.parametrize(("kind", "momentum"), [("SGD", "momentum"), ("Adam", "beta1")])
@pytest.mark.parametrize("steps", [10, 37])
def test_one_cycle_is_that_of_torch(kind, momentum, steps, options):
    torch = pytest.importorskip("torch")
    given = {"momentum": 0.9} if kind == "SGD" else {}
    optimizer = getattr(torch.optim, kind)([torch.nn.Parameter(torch.zeros(1))], lr=0.8, **given)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.8, total_steps=steps, **options)
    rates, momenta = [], []
    for step in range(steps):
        group = optimizer.param_groups[0]
        rates.append(group["lr"])
        momenta.append(group["momentum"] if kind == "SGD" else group["betas"][0])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    ours = schedules.OneCycle(**options)
    np.testing.assert_allclose(ours.rates(0.8, 0, steps, steps, 4), rates, rtol=1e-12)
    np.testing.assert_allclose(ours.momenta(0, steps, steps, 4), momenta, rtol=1e-12)


# In a training.

MANY = {
    **{name: name for name in schedules.BY_NAME},
    "function": lambda step, num_steps: 1 / (1 + step),
    "epochs": [1, 0.5, 0.1],
    "steps": np.linspace(1, 0, 24),
    "warm": schedules.Cosine(warmup=0.3),
}


def followed(schedule, **options):
    """The rates, and the momenta, that each step is taken with, by a solver that is asked after each."""
    seen = []

    def note(solver, logs):
        rule = solver._update.optimizer.options
        seen.append((rule["learning_rate"], rule.get("momentum", rule.get("beta1"))))

    made = solver(schedule=schedule, callbacks=[Callback(on_step_end=note)], **options)
    made.train()
    return np.array([rate for rate, _ in seen]), [momentum for _, momentum in seen]


@pytest.mark.parametrize("name", MANY)
def test_each_step_has_its_rate(name):
    schedule = schedules.checked_schedule(MANY[name])
    rates, momenta = followed(MANY[name], optimizer="nesterov")
    np.testing.assert_array_equal(rates, schedule.rates(0.1, 0, 24, 24, 8))
    expected = schedule.momenta(0, 24, 24, 8)
    np.testing.assert_array_equal(momenta, [0.9] * 24 if expected is None else expected)


def test_adam_has_its_beta1_moved_and_sgd_nothing():
    _, momenta = followed("one_cycle", optimizer="adam")
    np.testing.assert_array_equal(momenta, schedules.OneCycle().momenta(0, 24, 24, 8))
    assert followed("one_cycle", optimizer="sgd")[1] == [None] * 24


def learnt(made):
    made.train()
    return made.loss_history, made.model.params.flat.tobytes(), made.history.learning_rate


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["one_cycle", "warm", "function", "epochs", "cooldown"])
def test_compiled_and_single_steps_are_alike(name, rule, threads):
    """In one call, one by one, and, on the threads of the other, from Python with the kernels."""
    if threads > numbanet.get_num_threads():
        pytest.skip("needs two CPUs")
    options = {"schedule": MANY[name], "optimizer": rule, "hidden": 200 if threads == 2 else 8}
    numbanet.set_num_threads(threads)
    try:
        together = solver(**options)
        assert together.compiled
        assert not together.compiled.one_by_one
        expected = learnt(together)
    finally:
        numbanet.set_num_threads(None)
    assert learnt(solver(callbacks=[Callback(on_step_end=lambda solver, logs: None)], **options)) == expected
    named = solver(**{**options, "optimizer": lambda *step: getattr(numbanet.optim, rule)(*step)})
    if name != "one_cycle":  # which moves a momentum that a function of one's own has not told of yet
        assert not named.compiled
        losses, params, rates = learnt(named)
        assert (losses, params) == expected[:2]
        assert rates == expected[2]


def test_it_makes_a_difference():
    plain = learnt(solver(schedule="constant"))
    for name in MANY:
        if name not in ("constant", "cooldown"):
            assert learnt(solver(schedule=MANY[name])) != plain, name
    assert learnt(solver(schedule="cooldown")) == plain == learnt(solver())  # the last of 3 epochs has the full rate
    assert learnt(solver(schedule="cooldown", epochs=8)) == learnt(solver(epochs=8))
    assert learnt(solver(epochs=8)) != learnt(solver(epochs=8, schedule="constant"))


def test_the_reference_follows_it_too():
    compiled, reference = (learnt(solver(ops=ops, schedule="one_cycle")) for ops in (None, numbanet.reference))
    np.testing.assert_allclose(compiled[0], reference[0], rtol=1e-4)


def test_a_model_of_one_s_own_follows_it():
    class Own:
        def __init__(self):
            self.params = {"w": np.zeros(3)}

        def loss(self, X, y=None):
            return np.zeros((len(X), 2)) if y is None else (1.0, {"w": np.ones(3)})

    for schedule in ([1, 0.5], "linear"):
        options = {"optimizer": "sgd", "optimizer_options": {"learning_rate": 1.0}, **QUICK, "epochs": 2}
        made = Solver(Own(), SMALL, schedule=schedule, **options)
        made.train()
        total = schedules.checked_schedule(schedule).factors(0, 16, 16, 8).sum()
        np.testing.assert_allclose(made.model.params["w"], -total)


def test_a_rule_that_changes_its_rate_itself():
    """Its own changes and those of the schedule are multiplied."""
    used = []

    def rule(w, dw, config):
        if w.ndim == 2 and w.shape[0] == 64:
            used.append(config["learning_rate"])
        return w, {**config, "learning_rate": config["learning_rate"] * 0.9}

    solver(optimizer=rule, schedule=[1, 0.5, 0.1]).train()
    np.testing.assert_allclose(used, 0.1 * 0.9 ** np.arange(24) * np.repeat([1, 0.5, 0.1], 8), rtol=1e-12)


def test_a_rule_whose_rate_is_not_known_yet():
    def rule(w, dw, config):
        config.setdefault("learning_rate", 0.5)
        return w - config["learning_rate"] * dw, config

    made = solver(optimizer=rule, optimizer_options={}, schedule=[1, 0.5, 0.1])
    assert math.isnan(made.learning_rate)
    made.train()
    np.testing.assert_allclose(made.history.learning_rate[1:], [0.5, 0.25, 0.05])
    with pytest.raises(ValueError, match="^schedule: .* changes the learning rate of the first step, which is"):
        solver(optimizer=rule, optimizer_options={}, schedule="one_cycle")


def test_a_second_training_has_a_later_end():
    """The schedule is then that of all steps, from where it is on."""
    made = solver(schedule="linear", epochs=2)
    made.train()
    assert made.learning_rate == 0  # at its end
    rates = []
    made.callbacks = [Callback(on_step_end=lambda solver, logs: rates.append(solver._update.learning_rate))]
    made.train()
    np.testing.assert_allclose(rates, 0.1 * (1 - np.arange(16, 32) / 32))


def test_the_rate_may_be_set():
    """It is that of the next step, and what comes after is rescaled likewise."""
    rates = []

    def note(solver, logs):
        rates.append(solver._update.learning_rate)
        if solver.step == 4:
            solver.learning_rate = 0.5
            assert solver.learning_rate == 0.5

    made = solver(schedule="linear", callbacks=[Callback(on_step_end=note)])
    made.learning_rate = 0.2
    assert made.learning_rate == 0.2
    made.train()
    line = 1 - np.arange(24) / 24
    np.testing.assert_allclose(rates, [*0.2 * line[:4], *0.5 * line[4:] / line[4]], rtol=1e-14)
    assert rates[4] == 0.5


def test_a_rate_of_0_cannot_be_rescaled():
    made = solver(schedule="coslog4")
    with pytest.raises(ValueError, match="^learning_rate: the schedule .* has 0 at the next step, number 0, "):
        made.learning_rate = 0.2
    made.learning_rate = 0
    made.train()
    np.testing.assert_array_equal(made.history.learning_rate, 0)


def test_a_plateau_rescales_the_schedule():
    """Nothing is learnt at a rate so small: after each epoch from the second on the rate is halved."""
    plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=10)
    rates = [1, 0.8, 0.6]
    made = solver(optimizer_options={"learning_rate": 1e-6}, schedule=rates, callbacks=[plateau])
    made.train()
    np.testing.assert_allclose(made.history.learning_rate[-3:], [1e-6, 0.8e-6, 0.3e-6])


# What is kept, and what is refused.


@pytest.mark.parametrize("name", MANY)
def test_it_can_be_described(name):
    schedule = schedules.checked_schedule(MANY[name])
    assert json.loads(json.dumps(schedule.description))["name"] == type(schedule).__name__
    assert repr(schedule).startswith(type(schedule).__name__ + "(")


@pytest.mark.parametrize("name", MANY)
def test_a_training_is_taken_up_again(name, tmp_path):
    def stopped(solver, logs):
        if solver.step == 9:
            solver.learning_rate = 0.03
        if solver.step == 13:
            solver.save(tmp_path / "state.npz")

    options = {"schedule": MANY[name], "optimizer": "nesterov"}
    whole = solver(callbacks=[Callback(on_step_end=stopped)], **options)
    whole.train()
    again = solver(**options)
    again.resume(tmp_path / "state.npz")  # and train on
    assert (again.step, again.num_steps) == (24, 24)
    assert again.loss_history == whole.loss_history
    assert again.history.learning_rate == whole.history.learning_rate
    np.testing.assert_array_equal(again.model.params.flat, whole.model.params.flat)
    with pytest.raises(numbanet.CheckpointError, match="saved with schedule"):
        solver(**{**options, "schedule": schedules.Linear(0.123)}).resume(tmp_path / "state.npz")
    with pytest.raises(numbanet.CheckpointError, match="saved with schedule"):
        solver(**{**options, "schedule": schedules.Linear(0.123)}).restore(tmp_path / "state.npz")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.Exponential(0), r"factor: expected a number in \(0, inf\), got 0"),
        (lambda: schedules.Step(0), "every: expected an integer of at least 1, got 0"),
        (lambda: schedules.Step(2, -1), "factor: expected a number in"),
        (lambda: schedules.Cosine(final=-0.1), "final: expected a number in"),
        (lambda: schedules.Linear(math.inf), "final: expected a number in"),
        (lambda: schedules.Constant(warmup=-1), "warmup: expected a number in"),
        (lambda: schedules.Constant(warmup=2.5), "warmup: expected a share of all steps below 1, or a number of steps"),
        (lambda: schedules.OneCycle(pct_start=1.5), "pct_start: expected a number in"),
        (lambda: schedules.OneCycle(div_factor=0), "div_factor: expected a number in"),
        (lambda: schedules.OneCycle(max_momentum=1), "max_momentum: expected a number in"),
        (lambda: schedules.OneCycle(max_momentum=None), "base_momentum, max_momentum: give both"),
        (lambda: solver(schedule="one_cicle"), "schedule: expected one of 'constant', .*; did you mean 'one_cycle'"),
        (lambda: solver(schedule=[]), "schedule: expected a factor for each epoch or each step, got none"),
        (lambda: solver(schedule=[1, math.nan, 1]), r"schedule: expected a number in \[0, inf\), got nan"),
        (
            lambda: solver(schedule=[1, 0.5]),
            "schedule: expected 3 factors, one for each epoch, or 24, one for each step; got 2",
        ),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_the_command_line_has_them_all():
    named = {name.replace("-", "_"): options for name, options in cli.SCHEDULES.items()}
    assert named.keys() == schedules.BY_NAME.keys()
    warmed = {name for name, kind in schedules.BY_NAME.items() if hasattr(kind(), "warmup")}
    assert warmed == {name for name, options in named.items() if "lr_warmup" in options}


@pytest.mark.parametrize("given", [3, {"a": 1}, schedules.Cosine, np.ones((2, 2))])
def test_what_is_no_schedule(given):
    with pytest.raises(TypeError, match="^schedule: expected a "):
        solver(schedule=given)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1])
def test_a_function_that_gives_no_factor(bad):
    """The steps before it are kept, and training goes on with another."""
    made = solver(schedule=schedules.Function(lambda step, num_steps: bad if step == 11 else 1.0))
    with pytest.raises(ValueError, match=r"^schedule: Function\(.*\) gave .* for step 11; expected a finite number"):
        made.train()
    assert made.step in range(8, 12)
    made = solver(schedule=lambda step, num_steps: "fast")
    with pytest.raises(TypeError, match="^schedule: .* gave str 'fast' for step 0; expected a number"):
        made.train()


def test_a_schedule_of_one_s_own_is_looked_at():
    class Short(schedules.Schedule):
        def factors(self, first, count, num_steps, steps_per_epoch):
            return np.ones(1)

    class Wild(schedules.Schedule):
        def factors(self, first, count, num_steps, steps_per_epoch):
            return np.ones(count)

        def momenta(self, first, count, num_steps, steps_per_epoch):
            return np.ones(count)

    with pytest.raises(TypeError, match="^schedule: .*Short.* must give an array of .* float64"):
        solver(schedule=Short()).train()
    with pytest.raises(ValueError, match=r"^schedule: .*Wild.* gave a momentum of 1.0, expected less than 1"):
        solver(schedule=Wild(), optimizer="nesterov").train()
    solver(schedule=Wild()).train()  # an optimizer without one


def test_a_second_training_is_longer_than_a_sequence():
    made = solver(schedule=[1, 0.5, 0.1])
    made.train()
    with pytest.raises(ValueError, match="^schedule: expected 6 factors, one for each epoch, or 48"):
        made.train()
    assert (made.step, made.num_steps) == (24, 24)
