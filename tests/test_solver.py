"""Training: what a Solver does, in which order, and that it can be stopped and resumed at any point."""

import math
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from nets import CourseModel, digits

import numbanet
from numbanet import FullyConnectedNet, Solver, TrainingDiverged, optim
from numbanet.optim import RULES

DATA = digits()
PACKAGE = Path(numbanet.__file__).parent


def net(**options):
    options = {"weight_init": "he_normal", "seed": 0, **options}
    return FullyConnectedNet([20], 64, 10, **options)


def solver(model=None, data=DATA, **options):
    options = {"update_rule": "adam", "num_epochs": 3, "batch_size": 50, "verbose": False, **options}
    return Solver(net() if model is None else model, data, **options)


def histories(trained):
    return trained.loss_history, trained.train_acc_history, trained.val_acc_history


def assert_same_training(a, b):
    assert histories(a) == histories(b)
    np.testing.assert_array_equal(a.model.params.flat, b.model.params.flat)
    np.testing.assert_array_equal(a.model.state.flat, b.model.state.flat)
    assert a.best_val_acc == b.best_val_acc
    assert a.best_params.keys() == b.best_params.keys()
    for name, value in a.best_params.items():
        np.testing.assert_array_equal(value, b.best_params[name])


def value_of(model, name):
    return model.params[name] if name in model.params else model.state[name]


# What the course's Solver does.


def test_histories_and_counts():
    trained = solver()
    assert trained.num_iterations == 12
    trained.train()
    assert trained.iteration == trained.num_iterations == 12
    assert trained.epoch == 3
    assert trained.iterations_per_epoch == 4
    assert len(trained.loss_history) == 12
    assert all(type(loss) is float for loss in trained.loss_history)
    assert len(trained.train_acc_history) == len(trained.val_acc_history) == 4  # after the first step too
    assert not trained.interrupted


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_learns_the_digits(rule):
    rate = {"sgd": 0.5, "sgd_momentum": 0.1, "nesterov": 0.1}.get(rule, 0.01)
    trained = solver(data=digits(1000, 300), update_rule=rule, optim_config={"learning_rate": rate}, num_epochs=10)
    trained.train()
    assert trained.best_val_acc > 0.85
    assert trained.loss_history[-1] < 0.5 * trained.loss_history[0]


def test_the_model_ends_with_the_best_parameters():
    trained = solver(net(normalization="batchnorm"), optim_config={"learning_rate": 0.3}, num_epochs=8)
    seen = []
    trained.on_epoch = lambda s: seen.append((s.val_acc_history[-1], {**s.model.params.copy()}, s.model.state.copy()))
    trained.train()
    accuracies = [accuracy for accuracy, _, _ in seen]
    best = seen[accuracies.index(max(accuracies))]  # the first of equals
    assert accuracies[-1] < max(accuracies)  # else this shows nothing
    assert trained.best_val_acc == max(accuracies) == max(trained.val_acc_history)
    assert list(trained.best_params) == list(trained.model.params)
    for name, value in best[1].items():
        np.testing.assert_array_equal(trained.model.params[name], value)
        np.testing.assert_array_equal(trained.best_params[name], value)
    for name, value in best[2].items():
        np.testing.assert_array_equal(trained.model.state[name], value)
    assert trained.model.score(DATA["X_val"], DATA["y_val"]) == trained.best_val_acc


def test_output(capsys):
    trained = solver(verbose=True, print_every=3, num_epochs=2)
    trained.train()
    losses, train, val = histories(trained)
    assert capsys.readouterr().out.splitlines() == [
        f"(Iteration 1 / 8) loss: {losses[0]:f}",
        f"(Epoch 0 / 2) train acc: {train[0]:f}; val_acc: {val[0]:f}",
        f"(Iteration 4 / 8) loss: {losses[3]:f}",
        f"(Epoch 1 / 2) train acc: {train[1]:f}; val_acc: {val[1]:f}",
        f"(Iteration 7 / 8) loss: {losses[6]:f}",
        f"(Epoch 2 / 2) train acc: {train[2]:f}; val_acc: {val[2]:f}",
    ]
    solver(num_epochs=1).train()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("model", [net, CourseModel])
def test_the_learning_rate_decays_each_epoch(model):
    rates = []
    trained = solver(model(), lr_decay=0.5, optim_config={"learning_rate": 0.1}, num_epochs=3)
    trained.on_step = lambda s: rates.append(s.learning_rate)
    trained.train()
    assert rates == [0.1] * 3 + [0.05] * 4 + [0.025] * 4 + [0.0125]


@pytest.mark.parametrize("model", [net, CourseModel])
def test_the_learning_rate_may_be_set(model):
    one, two = (model() for _ in range(2))
    solver(one, update_rule="sgd", optim_config={"learning_rate": 0.3}, num_epochs=1).train()
    other = solver(two, update_rule="sgd", num_epochs=1)
    other.learning_rate = 0.3
    assert other.learning_rate == 0.3
    other.train()
    for name, value in one.params.items():
        np.testing.assert_array_equal(two.params[name], value)


def test_a_batch_never_exceeds_the_data():
    trained = solver(batch_size=1000)
    trained.train()
    assert trained.iterations_per_epoch == 1
    assert len(trained.loss_history) == 3


def test_no_epochs():
    trained = solver(num_epochs=0)
    before = trained.model.params.flat.copy()
    trained.train()
    assert histories(trained) == ([], [], [])
    np.testing.assert_array_equal(trained.model.params.flat, before)


@pytest.mark.parametrize("model", [net, CourseModel])
def test_no_validation_data(model, capsys):
    trained = solver(model(), {name: DATA[name] for name in ("X_train", "y_train")}, verbose=True)
    before = {name: value.copy() for name, value in trained.model.params.items()}
    trained.train()
    assert trained.val_acc_history == []
    assert trained.best_params == {}
    assert len(trained.train_acc_history) == 4
    assert "val_acc" not in capsys.readouterr().out
    for name, value in before.items():
        assert (trained.model.params[name] != value).any()


def test_accuracies_on_samples():
    trained = solver()
    X, y = DATA["X_train"], DATA["y_train"]
    assert trained.check_accuracy(X, y) == trained.model.score(X, y)
    sampled = [trained.check_accuracy(X, y, 10) for _ in range(20)]
    assert len(set(sampled)) > 1
    assert all(accuracy * 10 == pytest.approx(round(accuracy * 10)) for accuracy in sampled)
    assert trained.check_accuracy(X.tolist(), y.tolist(), 10) <= 1


def test_patience():
    constant = solver(update_rule="sgd", optim_config={"learning_rate": 0.0}, num_epochs=50, patience=3)
    constant.train()
    assert constant.epoch == 3
    assert solver(patience=1, num_epochs=2).patience == 1


@pytest.mark.parametrize(("hook", "steps"), [("on_step", 6), ("on_epoch", 8)])
def test_callbacks_stop_training(hook, steps):
    calls = []

    def stop(s):
        calls.append(s.iteration)
        return s.iteration >= 6

    trained = solver(**{hook: stop})
    trained.train()
    assert trained.iteration == steps
    # Stopped within an epoch, it measures once more: what was learnt since counts too.
    assert len(trained.val_acc_history) == 3
    assert calls == ([1, 2, 3, 4, 5, 6] if hook == "on_step" else [1, 4, 8])
    assert not trained.interrupted


def test_on_step_sees_the_measurements_of_its_step():
    seen = []
    solver(on_step=lambda s: seen.append((s.iteration, s.epoch, len(s.val_acc_history))), num_epochs=2).train()
    assert seen == [(1, 0, 1), (2, 0, 1), (3, 0, 1), (4, 1, 2), (5, 1, 2), (6, 1, 2), (7, 1, 2), (8, 2, 3)]


def test_train_again_goes_on():
    trained = solver(num_epochs=2)
    trained.train()
    first = trained.loss_history[:]
    trained.train()
    assert trained.epoch == 4
    assert trained.iteration == trained.num_iterations == 16
    assert trained.loss_history[:8] == first
    assert len(trained.val_acc_history) == 5
    assert trained._update.optimizer.t == 16


@pytest.mark.parametrize("rule", ["adam", optim.adam], ids=["built in", "function"])
def test_reset_starts_the_books_and_the_update_rule_again(rule):
    options = {"update_rule": rule, "optim_config": {"learning_rate": 1e-2}, "lr_decay": 0.5, "num_epochs": 2}
    again, fresh = solver(**options), solver(**options)
    initial, order = again.model.params.copy(), again._rng.bit_generator.state
    for trained in (again, fresh):
        trained.train()
    again.model.params = initial
    again._reset()
    again._rng.bit_generator.state = order
    assert again.learning_rate == 1e-2
    assert again.loss_history == []
    again.train()
    assert again.loss_history == fresh.loss_history


def test_an_epoch_that_was_begun_is_finished_first():
    trained = solver(num_epochs=2, on_step=lambda s: s.iteration == 6)
    trained.train()
    trained.on_step = None
    trained.train()
    assert trained.iteration == 12
    assert trained.epoch == 3


# The order of the examples.


class Recorder(CourseModel):
    """Keeps which rows it was given, told apart by their first feature."""

    def __init__(self, *args):
        super().__init__(*args)
        self.batches = []

    def loss(self, X, y=None):
        if y is not None:
            self.batches.append(X[:, 0].astype(int).tolist())
        return super().loss(X, y)


def test_an_epoch_is_a_permutation_of_which_the_leftovers_differ():
    rows = np.arange(23)
    data = {"X_train": np.stack([rows, rows % 2], axis=1).astype(float), "y_train": rows % 3}
    model = Recorder(2, 3)
    solver(
        model, data, update_rule="sgd", optim_config={"learning_rate": 0}, batch_size=5, num_epochs=6, seed=1
    ).train()
    epochs = [sum(model.batches[start : start + 4], []) for start in range(0, 24, 4)]
    assert all(len(epoch) == len(set(epoch)) == 20 for epoch in epochs)
    left_out = [frozenset(rows) - set(epoch) for epoch in epochs]
    assert len(set(left_out)) > 1
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_the_same_seed_trains_alike_and_another_does_not():
    def trained(seed, model_seed=0):
        made = solver(net(seed=model_seed), seed=seed, num_epochs=1)
        made.train()
        return made

    assert_same_training(trained(5), trained(5))
    assert trained(5).loss_history != trained(6).loss_history
    assert_same_training(trained(None, 3), trained(None, 3))  # by default the model's own seed
    assert trained(None, 3).loss_history != trained(None, 4).loss_history


# Models and rules of the user's own.


def plain_sgd(w, dw, config):
    return w - config["learning_rate"] * dw, config


@pytest.mark.parametrize("rule", [*RULES, plain_sgd])
def test_a_model_of_the_user_s_own(rule):
    model = CourseModel()
    trained = solver(model, digits(500, 200), update_rule=rule, optim_config={"learning_rate": 0.05}, num_epochs=15)
    trained.train()
    assert trained.best_val_acc > 0.7
    assert trained.best_val_acc == max(trained.val_acc_history)
    for name, value in trained.best_params.items():
        np.testing.assert_array_equal(model.params[name], value)


@pytest.mark.parametrize("normalization", [None, "batchnorm"])
def test_a_rule_of_the_user_s_own_does_what_the_built_in_does(normalization):
    own, built_in = (net(dtype=np.float64, normalization=normalization, reg=0.01) for _ in range(2))
    config = {"learning_rate": 0.2}
    one = solver(own, update_rule=plain_sgd, optim_config=config)
    two = solver(built_in, update_rule="sgd", optim_config=config)
    one.train()
    two.train()
    np.testing.assert_allclose(one.loss_history, two.loss_history, rtol=1e-12)
    np.testing.assert_allclose(own.params.flat, built_in.params.flat, rtol=1e-10, atol=1e-15)
    # The running averages belong to the best parameters, whoever updates them.
    np.testing.assert_allclose(own.state.flat, built_in.state.flat, rtol=1e-10)
    assert own.score(DATA["X_val"], DATA["y_val"]) == one.best_val_acc


def test_a_rule_keeps_its_own_state_for_each_parameter():
    seen = []

    def rule(w, dw, config):
        seen.append((w.shape, config.get("count", 0)))
        return optim.sgd(w, dw, {**config})[0], {**config, "count": config.get("count", 0) + 1}

    solver(CourseModel(), update_rule=rule, num_epochs=1).train()
    assert seen == [(shape, step) for step in range(4) for shape in ((64, 10), (10,))]


@pytest.mark.parametrize("model", [net, CourseModel])
def test_a_rule_that_fails_has_changed_nothing(model):
    def rule(w, dw, config):
        if w.ndim == 1:
            raise ZeroDivisionError
        return 0 * w, config

    model = model()
    before = {name: value.copy() for name, value in model.params.items()}
    with pytest.raises(ZeroDivisionError):
        solver(model, update_rule=rule).train()
    for name, value in before.items():
        np.testing.assert_array_equal(model.params[name], value)


# Other losses.


def test_regression_learns():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (600, 3))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.05 * rng.standard_normal(600)
    data = {"X_train": X[:500], "y_train": y[:500], "X_val": X[500:], "y_val": y[500:]}
    model = FullyConnectedNet([40, 40], 3, 1, loss="squared_error", activation="tanh", weight_init="he_normal", seed=0)
    trained = solver(model, data, optim_config={"learning_rate": 0.01}, num_epochs=60)
    trained.train()
    assert trained.best_val_acc > 0.95  # R²
    prediction = model.predict(X[500:])
    assert prediction.shape == (100,)
    assert np.corrcoef(prediction, y[500:])[0, 1] > 0.97


def test_binary_cross_entropy_learns_several_answers():
    X, y = DATA["X_train"], DATA["y_train"]
    answers = np.stack([y % 2, y >= 5, y == 0], axis=1)
    model = FullyConnectedNet([30], 64, 3, loss="binary_cross_entropy", weight_init="he_normal", seed=0)
    data = {"X_train": X, "y_train": answers, "X_val": X, "y_val": answers}
    trained = solver(model, data, optim_config={"learning_rate": 0.01}, num_epochs=20)
    trained.train()
    assert trained.best_val_acc > 0.95
    assert set(np.unique(model.predict(X))) == {0, 1}
    assert 0 <= model.predict_proba(X).min() < model.predict_proba(X).max() <= 1


def test_svm_learns():
    trained = solver(net(loss="svm"), digits(1000, 300), optim_config={"learning_rate": 0.01}, num_epochs=8)
    trained.train()
    assert trained.best_val_acc > 0.85


def test_training_on_the_reference_is_training():
    fast, plain = (
        net(dtype=np.float64, normalization="layernorm", dropout_keep_ratio=0.8, ops=ops)
        for ops in (numbanet.kernels, numbanet.reference)
    )
    one, two = solver(fast), solver(plain)
    one.train()
    two.train()
    np.testing.assert_allclose(one.loss_history, two.loss_history, rtol=1e-9)
    assert one.val_acc_history == two.val_acc_history


# Divergence.


def diverging(rate, model=None, **options):
    options = {"num_epochs": 20, "optim_config": {"learning_rate": rate}, "update_rule": "sgd", **options}
    return solver(model, **options)


def test_divergence_names_step_layer_and_rate():
    trained = diverging(1e30)
    with pytest.raises(TrainingDiverged) as caught:
        trained.train()
    message = str(caught.value)
    assert f"at step {trained.iteration + 1} (epoch 1) with learning rate 1e+30" in message
    assert "NaN or infinity first shows in the output of layer 3, Affine(units=10, weight_init='he_normal')" in message
    assert isinstance(caught.value, ArithmeticError)


def test_divergence_names_the_parameter_at_fault():
    def poison(s):
        if s.iteration == 2:
            s.model.params["b2"][3] = np.nan

    with pytest.raises(TrainingDiverged, match=r"at step 3 .* shows in parameter b2 of layer 3, Affine\(units=10"):
        solver(on_step=poison).train()


def test_divergence_leaves_the_best_parameters():
    trained = solver(net(normalization="batchnorm"), num_epochs=5)
    best = {}

    def spoil(s):
        if s.iteration == 10:
            best.update(s._best)
            s.model.params["W1"][0, 0] = np.inf

    trained.on_step = spoil
    with pytest.raises(TrainingDiverged):
        trained.train()
    assert {"W1", "running_mean1"} <= set(best)
    for name, value in best.items():
        np.testing.assert_array_equal(value_of(trained.model, name), value)


@pytest.mark.parametrize("rate", [1e30, 1e38])
def test_divergence_at_once_leaves_the_initial_parameters(rate):
    # Measured after the first step, whose parameters are finite or not, but worthless: not "the best so far".
    trained = diverging(rate)
    before = trained.model.params.flat.copy()
    with pytest.raises(TrainingDiverged):
        trained.train()
    np.testing.assert_array_equal(trained.model.params.flat, before)
    assert math.isnan(trained.val_acc_history[0])


@pytest.mark.parametrize("model", [net, CourseModel])
def test_divergence_without_validation_data_leaves_the_last_that_were_measured(model):
    trained = solver(model(), {name: DATA[name] for name in ("X_train", "y_train")}, num_epochs=5)
    kept = {}

    def spoil(s):
        if s.iteration == 8:
            kept.update({name: value.copy() for name, value in s.model.params.items()})
        if s.iteration == 10:
            name = next(iter(s.model.params))
            s.model.params[name][0, 0] = np.nan

    trained.on_step = spoil
    with pytest.raises(TrainingDiverged):
        trained.train()
    for name, value in kept.items():
        np.testing.assert_array_equal(trained.model.params[name], value)


def test_divergence_of_a_model_of_the_user_s_own():
    class Broken(CourseModel):
        def loss(self, X, y=None):
            return super().loss(X) if y is None else (math.inf, self.params)

    with pytest.raises(TrainingDiverged, match="became inf at step 1 .* the loss that the model returned"):
        solver(Broken(), optim_config={"learning_rate": 0.1}).train()


# Checkpoints and exact resumption.


def resumable(**options):
    model = net(normalization="batchnorm", dropout_keep_ratio=0.8, reg=0.01)
    return solver(model, lr_decay=0.9, num_train_samples=100, **options)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("epoch", [1, 3])
def test_resumption_is_exact(rule, epoch, tmp_path):
    whole = resumable(update_rule=rule, num_epochs=5, checkpoint_name=tmp_path / "run")
    whole.train()
    resumed = resumable(update_rule=rule, num_epochs=5 - epoch)
    resumed.restore(tmp_path / f"run_epoch_{epoch}.npz")
    assert resumed.epoch == epoch
    assert resumed.iteration == 4 * epoch
    resumed.train()
    assert_same_training(resumed, whole)
    assert resumed.learning_rate == whole.learning_rate
    assert resumed._update.optimizer.t == 20


def test_resumption_within_an_epoch_is_exact(tmp_path):
    whole = resumable(num_epochs=3, on_step=lambda s: s.iteration in (6, 8) and s.save(tmp_path / f"{s.iteration}.npz"))
    whole.train()
    for step in (6, 8):
        resumed = resumable(num_epochs=2 if step == 6 else 1)
        resumed.restore(tmp_path / f"{step}.npz")
        resumed.train()
        assert_same_training(resumed, whole)


def test_resumption_carries_patience_over(tmp_path):
    options = {"update_rule": "sgd", "optim_config": {"learning_rate": 0.0}, "patience": 4, "num_epochs": 9}
    whole = solver(checkpoint_name=tmp_path / "run", **options)
    whole.train()
    resumed = solver(**options)
    resumed.restore(tmp_path / "run_epoch_2.npz")
    resumed.train()
    assert resumed.epoch == whole.epoch == 4


def test_checkpoints_are_written_each_epoch(tmp_path):
    solver(checkpoint_name=str(tmp_path / "run"), num_epochs=2).train()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run_epoch_1.npz", "run_epoch_2.npz"]


def test_a_checkpoint_that_cannot_be_written_stops_before_anything_runs(tmp_path):
    trained = solver(checkpoint_name=tmp_path / "missing" / "run")
    before = trained.model.params.flat.copy()
    with pytest.raises(OSError, match="missing"):
        trained.train()
    assert trained.iteration == 0
    np.testing.assert_array_equal(trained.model.params.flat, before)


def test_a_checkpoint_that_fails_later_loses_nothing(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    trained = solver(checkpoint_name=folder / "run", num_epochs=3)
    trained.on_epoch = lambda s: s.epoch == 2 and (folder / "run_epoch_2.npz").mkdir()  # what a file cannot replace
    with pytest.raises(OSError, match="run_epoch_2"):
        trained.train()
    assert trained.iteration == len(trained.loss_history) == 8
    assert len(list(folder.iterdir())) == 2  # no half-written file left
    trained.on_epoch = None
    trained.train()
    assert trained.epoch == 5


# Ctrl-C.


@pytest.mark.parametrize("model", [net, CourseModel])
@pytest.mark.parametrize("step", [1, 4, 6])  # the first, the last of an epoch, one within
def test_an_interrupt_in_a_callback_keeps_what_was_learnt(step, model):
    def press(s):
        if s.iteration == step:
            raise KeyboardInterrupt

    data = {name: DATA[name] for name in ("X_train", "y_train")}
    trained, straight = solver(model(), data, on_step=press), solver(model(), data, num_epochs=1)
    with pytest.warns(UserWarning, match=f"training interrupted at step {step} of 12"):
        trained.train()
    assert trained.interrupted
    assert trained.iteration == len(trained.loss_history) == step
    straight.on_step = lambda s: s.iteration == step
    straight.num_epochs = 3
    straight.train()
    for name, value in straight.model.params.items():
        np.testing.assert_array_equal(trained.model.params[name], value)

    trained.on_step = None
    trained.train()
    assert not trained.interrupted
    assert trained.epoch == 3 + step // 4
    assert trained.iteration % 4 == 0
    # Each epoch, the first step, and the step of the interrupt where that is neither.
    assert len(trained.train_acc_history) == 1 + trained.epoch + (step == 6)


def test_an_interrupt_leaves_the_best_parameters():
    def press(s):
        if s.iteration == 6:
            raise KeyboardInterrupt

    trained = solver(on_step=press)
    with pytest.warns(UserWarning, match="interrupted"):
        trained.train()
    assert trained.model.score(DATA["X_val"], DATA["y_val"]) == trained.best_val_acc == max(trained.val_acc_history)


def test_an_interrupt_during_a_measurement():
    def press(s):
        raise KeyboardInterrupt

    trained = solver(on_epoch=press)
    with pytest.warns(UserWarning, match="interrupted at step 1"):
        trained.train()
    assert len(trained.train_acc_history) == len(trained.val_acc_history) == 1


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


needs_signals = pytest.mark.skipif(
    sys.platform == "win32" or threading.current_thread() is not threading.main_thread(),
    reason="sends itself a real Ctrl-C",
)


class Places:
    """Presses Ctrl-C, once or more, at the chosen line among all that training runs, as the tracer counts them."""

    def __init__(self, at=0, presses=0):
        self.at, self.presses, self.count = at, presses, 0

    def __call__(self, frame, event, arg):
        if not frame.f_code.co_filename.startswith(str(PACKAGE)):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.at:
                for _ in range(self.presses):
                    ctrl_c()
        return self

    def train(self, trained):
        sys.settrace(self)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                trained.train()
        except KeyboardInterrupt:  # before training listens, after it has ended, or pressed twice while it ends
            pass
        finally:
            sys.settrace(None)


def reference_net():
    """Its operations are several NumPy statements each, between which a Ctrl-C can land."""
    return net(dtype=np.float64, normalization="batchnorm", ops=numbanet.reference)


@needs_signals
@pytest.mark.parametrize("validation", [False, True])
@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("model", [reference_net, CourseModel])
def test_ctrl_c_at_any_line_leaves_whole_steps(model, presses, validation):
    data = {name: value[:20] for name, value in DATA.items() if validation or "train" in name}

    def fresh():
        return solver(model(), data, update_rule="adam", batch_size=10, num_epochs=2, seed=0)

    whole = fresh()
    after = [whole._network.snapshot()]  # the values after each number of steps
    whole.on_step = lambda s: after.append(s._network.snapshot())
    counting, handler, interrupted = Places(), signal.getsignal(signal.SIGINT), 0
    counting.train(whole)
    for at in range(1, counting.count, 7):
        trained = fresh()
        Places(at, presses).train(trained)
        interrupted += trained.interrupted
        steps = trained.iteration
        assert signal.getsignal(signal.SIGINT) is handler
        assert trained.loss_history == whole.loss_history[:steps]
        assert len(trained.val_acc_history) == validation * len(trained.train_acc_history)
        if hasattr(trained._update, "optimizer"):
            assert trained._update.optimizer.t == steps
        # Where there is a best, the model has it, unless a second press came while it was being put there.
        expected = [after[steps], trained._best] if trained._best else [after[steps]]
        names = after[0] if presses == 1 else trained.model.params  # running averages wait for one press only
        got = trained._network.snapshot()
        assert any(all(np.array_equal(got[name], values[name]) for name in names) for values in expected), at
        if presses == 1 and trained.interrupted and trained._best:
            for name, value in trained._best.items():
                np.testing.assert_array_equal(got[name], value)
    assert interrupted > 10


@needs_signals
def test_a_second_ctrl_c_does_not_wait_for_a_slow_model():
    class Slow(CourseModel):
        def loss(self, X, y=None):
            if y is not None and trained.iteration == 2:
                ctrl_c()
                ctrl_c()
                raise AssertionError("still here")
            return super().loss(X, y)

    trained = solver(Slow())
    with pytest.warns(UserWarning, match="interrupted at step 2 of 12"):
        trained.train()
    assert trained.interrupted
    assert len(trained.loss_history) == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@needs_signals
def test_a_handler_of_the_application_s_own_is_left_alone():
    pressed = []
    previous = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        trained = solver(on_step=lambda s: s.iteration == 2 and ctrl_c())
        trained.train()
    finally:
        signal.signal(signal.SIGINT, previous)
    assert pressed == [True]
    assert trained.epoch == 3


@needs_signals
def test_ctrl_c_while_a_state_is_restored(tmp_path, monkeypatch):
    saved = resumable(num_epochs=1)
    saved.train()
    saved.save(tmp_path / "state.npz")
    fresh = resumable()
    fill = numbanet.checkpoint.fill

    def pressed_halfway(*args):
        ctrl_c()
        fill(*args)

    monkeypatch.setattr(numbanet.checkpoint, "fill", pressed_halfway)
    with pytest.raises(KeyboardInterrupt):
        fresh.restore(tmp_path / "state.npz")
    assert_same_training(fresh, saved)


def test_training_in_another_thread():
    trained = solver()
    thread = threading.Thread(target=trained.train)
    thread.start()
    thread.join()
    straight = solver()
    straight.train()
    assert_same_training(trained, straight)
