"""A training that was stopped and is resumed gives the bits of one that never was: mid-epoch, with every option."""

import copy
import json
import math

import numpy as np
import pytest
from nets import CourseModel, digits, each_step

import numbanet
from numbanet import CheckpointError, FullyConnectedNet, Solver
from numbanet.callbacks import Callback, Checkpoint, CSVLogger, EarlyStopping, ReduceLROnPlateau
from numbanet.data import Augment
from numbanet.optim import RULES

DATA = digits(130, 60)  # 50, 50 and 30 in an epoch
IMAGES = {name: X.reshape(-1, 1, 8, 8) if X.ndim > 1 else X for name, X in DATA.items()}
RNG = np.random.default_rng(0)
WEIGHTS = {
    "sample_weight_train": RNG.uniform(0, 2, 130) * (RNG.uniform(size=130) < 0.8),
    "sample_weight_val": RNG.uniform(0.1, 2, 60),
}


def net(**options):
    return FullyConnectedNet([20], 64, 10, seed=0, **{"weight_init": "he_normal", **options})


def solver(model=None, data=DATA, **options):
    options = {"optimizer": "adam", "epochs": 4, "batch_size": 50, "verbose": False, **options}
    return Solver(net() if model is None else model, data, **options)


def same(resumed, whole):
    a, b = resumed.model, whole.model
    np.testing.assert_array_equal(a.params.flat, b.params.flat)
    np.testing.assert_array_equal(a.state.flat, b.state.flat)
    np.testing.assert_array_equal(a.random_keys, b.random_keys)
    np.testing.assert_equal(resumed.history.to_dict(), whole.history.to_dict())
    assert resumed.loss_history == whole.loss_history
    assert resumed.best_epoch == whole.best_epoch
    np.testing.assert_equal(resumed.best_row, whole.best_row)
    for name, value in whole.best_params.items():
        np.testing.assert_array_equal(resumed.best_params[name], value)
    assert resumed.learning_rate == whole.learning_rate
    assert (resumed.step, resumed.num_steps) == (whole.step, whole.num_steps)


OPTIONS = {
    **{rule: lambda rule=rule: solver(optimizer=rule) for rule in RULES},
    "dropout and batch normalisation": lambda: solver(net(dropout=0.3, normalization="batchnorm", l2=0.01)),
    "augmentation": lambda: solver(data=IMAGES, augment=Augment(1, flip=True, seed=3)),
    "weights": lambda: solver(data={**DATA, **WEIGHTS}, class_weight="balanced", metrics=["f1"], monitor="val_f1"),
    "samples": lambda: solver(num_train_samples=50, num_val_samples=20, validate_every=2, drop_last=True),
    "decay": lambda: solver(schedule="exponential", epochs=6),
    "cosine": lambda: solver(schedule="cosine"),
    "one cycle of rate and momentum": lambda: solver(optimizer="sgd_momentum", schedule="one_cycle"),
    "on the way down": lambda: solver(epochs=9),
    "the last weights": lambda: solver(restore_best_weights=False),
    "no validation": lambda: solver(data={name: DATA[name] for name in ("X_train", "y_train")}, monitor="loss"),
    "averages": lambda: solver(optimizer_options={"ema_decay": 0.9}),
    "averages, the last": lambda: solver(optimizer_options={"ema_decay": 0.9}, restore_best_weights=False),
    "clipping and factors": lambda: solver(
        optimizer_options={"clip_norm": 0.5, "clip_value": 0.1, "learning_rate_factors": {"b": 0.1, "W1": 2.0}}
    ),
    "biases that do not decay": lambda: solver(optimizer="adamw", optimizer_options={"decay_biases": False}),
    "patience": lambda: solver(optimizer_options={"learning_rate": 0.3}, patience=2, epochs=30),
    "early stopping": lambda: solver(
        optimizer_options={"learning_rate": 0.3}, epochs=30, callbacks=[EarlyStopping(patience=2)]
    ),
    "a plateau": lambda: solver(
        optimizer_options={"learning_rate": 0.1}, epochs=8, callbacks=[ReduceLROnPlateau(patience=1, factor=0.5)]
    ),
}


@pytest.mark.parametrize("make", OPTIONS.values(), ids=OPTIONS)
def test_every_option_goes_on_to_the_same_bits(make, tmp_path):
    whole, steps = make(), []

    def save(s):
        if s.step in (1, 4, 5, 6):
            steps.append(s.step)
            s.save(tmp_path / f"{s.step}.npz")

    whole.callbacks[:0] = each_step(save)
    whole.train()
    assert whole.step > 6
    for step in steps:
        resumed = make()
        resumed.resume(tmp_path / f"{step}.npz")
        same(resumed, whole)


@pytest.mark.parametrize("threads", [(1, 2), (2, 1)])
def test_on_any_number_of_threads(threads, tmp_path):
    numbers = numbanet.get_num_threads()
    data = digits(600, 100)

    def make():
        model = FullyConnectedNet([128, 96], 64, 10, seed=0, dropout=0.2, normalization="batchnorm")
        return solver(model, data, batch_size=200)

    try:
        numbanet.set_num_threads(threads[0])
        whole = make()
        whole.callbacks = each_step(lambda s: s.step == 5 and s.save(tmp_path / "5.npz"))
        whole.train()
        numbanet.set_num_threads(threads[1])
        resumed = make()
        resumed.resume(tmp_path / "5.npz")
    finally:
        numbanet.set_num_threads(None if numbers is None else numbers)
    same(resumed, whole)


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("restore", [True, False])
@pytest.mark.parametrize("step", [3, 5])
@pytest.mark.parametrize("how", ["stop", "interrupt", "true", "error"])
def test_what_was_stopped_can_be_saved_and_resumed(how, step, restore, ema, tmp_path):
    """Where it is stopped it is measured once more, and the best weights restored; that is not gone on from."""

    def make(callbacks=()):
        rate = {"learning_rate": 0.05, "ema_decay": ema}
        options = {"optimizer_options": rate, "restore_best_weights": restore}
        return solver(net(dropout=0.2), num_val_samples=30, callbacks=callbacks, **options)

    def halt(s):
        if s.step != step:
            return False
        if how == "interrupt":
            raise KeyboardInterrupt
        if how == "error":
            raise ZeroDivisionError
        return how == "true" or s.stop()

    whole, stopped = make(), make(each_step(halt))
    whole.train()
    if how == "error":
        with pytest.raises(ZeroDivisionError):
            stopped.train()
    elif how == "true":
        stopped.train()
    else:
        with pytest.warns(UserWarning, match=f"interrupted at step {step}"):
            stopped.train()
    assert stopped.step == step
    before = copy.deepcopy(stopped.history.to_dict()), stopped.model.params.flat.copy()
    stopped.save(tmp_path / "state.npz")
    restored = make()
    restored.restore(tmp_path / "state.npz")  # as the solver is now
    np.testing.assert_equal((restored.history.to_dict(), restored.model.params.flat), before)
    resumed = make()
    resumed.resume(tmp_path / "state.npz")
    same(resumed, whole)
    stopped.callbacks = []
    stopped.resume(tmp_path / "state.npz")  # in the same solver, too
    same(stopped, whole)


class Counter:
    """Keeps what it was told, as a callback of a user's own."""

    def __init__(self, save=None):
        self.seen, self.save = [], save

    def on_epoch_begin(self, s, logs):
        self.seen.append(["begin", s.step])
        self._maybe(s, "begin")

    def on_step_end(self, s, logs):
        self.seen.append(["step", s.step])
        self._maybe(s, "step")

    def on_epoch_end(self, s, logs):
        self.seen.append(["end", s.step])
        self._maybe(s, "end")

    def _maybe(self, s, what):
        if self.save and self.save[0] == (what, s.step):
            s.save(self.save[1])

    def state(self):
        return {"seen": self.seen}

    def take_up(self, state):
        self.seen = list(state["seen"])


@pytest.mark.parametrize("at", [("begin", 0), ("begin", 3), ("step", 6), ("end", 6), ("step", 4)])
def test_callbacks_that_come_later_are_told_where_a_callback_saves(at, tmp_path):
    path = tmp_path / "state.npz"
    whole = [Counter(), Counter((at, path)), Counter(), ReduceLROnPlateau(patience=1, factor=0.5)]
    trained = solver(callbacks=whole, optimizer_options={"learning_rate": 0.2})
    trained.train()
    again = [Counter(), Counter(), Counter(), ReduceLROnPlateau(patience=1, factor=0.5)]
    resumed = solver(callbacks=again, optimizer_options={"learning_rate": 0.2})
    resumed.resume(path)
    same(resumed, trained)
    for before, after in zip(whole, again, strict=True):
        assert json.dumps(before.state()) == json.dumps(after.state())


@pytest.mark.parametrize("kind", ["patience", "early stopping"])
def test_what_has_ended_by_its_own_rule_stays_so(kind, tmp_path):
    trained = OPTIONS[kind]()
    trained.train()
    assert trained.step < trained.num_steps
    trained.save(tmp_path / "state.npz")
    resumed = OPTIONS[kind]()
    resumed.resume(tmp_path / "state.npz")
    same(resumed, trained)


def test_what_is_complete_stays_so(tmp_path):
    trained = solver()
    trained.train()
    trained.save(tmp_path / "state.npz")
    resumed = solver()
    resumed.resume(tmp_path / "state.npz")
    same(resumed, trained)
    for each in (resumed, trained):
        each.train()  # another as long
    same(resumed, trained)
    assert resumed.epoch == 8


def test_files_of_callbacks_go_on(tmp_path):
    def make(folder, callbacks=()):
        folder.mkdir(exist_ok=True)
        keeping = Checkpoint(tmp_path / "kept-{epoch}.npz", "val_accuracy", keep=2)
        return solver(callbacks=[*callbacks, keeping, CSVLogger(folder / "log.csv", seconds=0)]), keeping

    whole, keeping = make(tmp_path / "a", each_step(lambda s: s.step == 5 and s.save(tmp_path / "5.npz")))
    whole.train()
    resumed, again = make(tmp_path / "b")
    resumed.resume(tmp_path / "5.npz")
    assert again.kept == keeping.kept
    assert (tmp_path / "a" / "log.csv").read_text() == (tmp_path / "b" / "log.csv").read_text()


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "5.npz"
    saved = solver(callbacks=[*each_step(lambda s: s.step == 5 and s.save(path)), EarlyStopping(patience=5)])
    saved.train()
    return path


def altered(name, row, value):
    array = DATA[name].copy()
    array[row] = value
    return {**DATA, name: array}


DIFFERENT = {
    "network": (lambda o: solver(net(dropout=0.5), **o), r"saved with model\.layers.*, but the solver has"),
    "width": (lambda o: solver(FullyConnectedNet([21], 64, 10, seed=0), **o), r"model.layers\[0\].* 20, .* has 21"),
    "penalty": (lambda o: solver(net(l2=0.5), **o), "saved with model.l2 0.0, but the solver has 0.5"),
    "rule": (lambda o: solver(optimizer="sgd", **o), "saved with optimizer adam, but the solver has sgd"),
    "rate": (
        lambda o: solver(optimizer_options={"learning_rate": 0.5}, **o),
        r"saved with optimizer_options\.learning_rate 0\.001, but the solver has 0\.5",
    ),
    "batch": (lambda o: solver(batch_size=40, **o), "saved with batch_size 50, but the solver has 40"),
    "epochs": (lambda o: solver(epochs=9, **o), "saved with epochs 4, but the solver has 9"),
    "decay": (lambda o: solver(schedule="linear", **o), "saved with schedule.name Cooldown, but the solver has Linear"),
    "monitor": (lambda o: solver(monitor="loss", **o), "saved with monitor val_loss, but the solver has loss"),
    "metrics": (lambda o: solver(metrics=["f1"], **o), "saved with columns of history .*, but the solver has .*val_f1"),
    "patience": (lambda o: solver(patience=3, **o), "saved with patience None, but the solver has 3"),
    "samples": (lambda o: solver(num_val_samples=9, **o), "saved with num_val_samples None, but the solver has 9"),
    "validation": (lambda o: solver(validate_every=2, **o), "saved with validate_every None, but the solver has 2"),
    "weights of classes": (
        lambda o: solver(class_weight={1: 2.0}, **o),
        "saved with class_weight None, but the solver has {'1': 2.0}",
    ),
    "weights": (
        lambda o: solver(data={**DATA, **WEIGHTS}, **o),
        "saved with sample_weight_train None, but .* checksum",
    ),
    "examples": (lambda o: solver(data=altered("X_train", (7, 3), 0.123), **o), "saved with X_train of checksum"),
    "labels": (lambda o: solver(data=altered("y_train", 129, 3), **o), "saved with y_train of checksum"),
    "validation data": (lambda o: solver(data=altered("y_val", 0, 3), **o), "saved with y_val of checksum"),
    "callbacks": (
        lambda o: solver(),
        r"saved with callbacks with a state \['EarlyStopping'\], but the solver has \[\]",
    ),
}


@pytest.mark.parametrize(("make", "message"), DIFFERENT.values(), ids=DIFFERENT)
def test_another_network_option_or_data_is_refused_by_name(make, message, state):
    other = make({"callbacks": [EarlyStopping(patience=5)]})
    before = other.model.params.flat.copy()
    with pytest.raises(CheckpointError, match=message):
        other.resume(state)
    np.testing.assert_array_equal(other.model.params.flat, before)
    assert other.step == 0


def test_another_version_is_refused(state, monkeypatch):
    from numbanet.training import state as _state

    monkeypatch.setattr(_state, "__version__", "9.9")
    other = solver(callbacks=[EarlyStopping(patience=5)])
    with pytest.raises(CheckpointError, match=f"saved with version {numbanet.__version__}, but the solver has 9.9"):
        other.resume(state)


def test_what_does_not_decide_the_bits_may_differ(state):
    other = solver(
        FullyConnectedNet([20], 64, 10, seed=7),
        callbacks=[EarlyStopping(patience=5), lambda s, logs: None],
        print_every=3,
        seed=5,
    )
    other.resume(state)
    whole = solver(callbacks=[EarlyStopping(patience=5)])
    whole.train()
    same(other, whole)


def test_callbacks_states_that_json_cannot_hold(tmp_path):
    class Odd(Counter):
        def state(self):
            return {"array": np.ones(2)}

    trained = solver(callbacks=[Odd()])
    with pytest.raises(TypeError, match="^callbacks: state.. of Odd gave what JSON cannot hold"):
        trained.save(tmp_path / "state.npz")
    trained.callbacks = [Odd(), Callback(on_epoch_end=lambda s, logs: True)]
    trained.train()  # only what is saved must be such
    assert trained.epoch == 1
    with pytest.raises(TypeError, match="only the training of numbanet's own networks"):
        solver(CourseModel()).resume(tmp_path / "state.npz")


def test_a_damaged_state_is_refused(state, tmp_path):
    data = bytearray(state.read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "damaged.npz").write_bytes(data)
    other = solver(callbacks=[EarlyStopping(patience=5)])
    with pytest.raises(CheckpointError, match="damaged"):
        other.resume(tmp_path / "damaged.npz")
    assert math.isinf(other.best_val_loss)
