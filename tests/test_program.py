"""The compiled program: the same bits as operation by operation from Python, whatever is trained on what."""

import gc
import math
import os
import signal
import threading
import weakref

import numpy as np
import pytest
from nets import digits

import numbanet
from numbanet import (
    Affine,
    AvgPool,
    BatchNorm,
    Columns,
    Conv,
    Dropout,
    Embedding,
    Flatten,
    FullyConnectedNet,
    GlobalAvgPool,
    GroupNorm,
    LayerNorm,
    MaxPool,
    MemberAffine,
    Members,
    MembersLoss,
    Parametric,
    PeriodicEmbedding,
    ReLU,
    Residual,
    Scale,
    Sequential,
    Solver,
    Tanh,
    TrainingDiverged,
)
from numbanet.callbacks import Callback
from numbanet.layers import ACTIVATIONS, place
from numbanet.losses import LOSSES
from numbanet.optim import RULES
from numbanet.program import Program, training_steps
from numbanet.runtime import call_table
from numbanet.schedules import Exponential

DATA = digits()
LAYERS = {
    **{name: [Affine(9), layer(), Affine(10)] for name, layer in ACTIVATIONS.items()},
    "gelu, tanh": [Affine(9), numbanet.GELU("tanh"), Affine(10)],
    "batchnorm": [Affine(9), BatchNorm(), ReLU(), Affine(10)],
    "layernorm": [Affine(9), LayerNorm(), ReLU(), Affine(10)],
    "dropout": [Affine(9), ReLU(), Dropout(0.3), Affine(10)],
}
# Of 64 columns, the last two codes.
TABLE = [
    Columns([(5, [PeriodicEmbedding(3)]), (57, []), (2, [Embedding([3, 3], 2)])]),
    *(Scale(), Members(2), MemberAffine(9, 2, input_scaling=False), Parametric("selu"), Dropout(0.3)),
    *(MemberAffine(9, 2), MemberAffine(10, 2, shared=False)),
]
HEAD = [GlobalAvgPool(), Affine(10)]
IMAGE_LAYERS = {
    "conv": [Conv(4, 3), Tanh(), Conv(5, 3, stride=2), ReLU(), Flatten(), Affine(10)],
    "groups": [Conv(4, 3), Conv(8, 3, groups=2, bias=False), Conv(8, 3, groups=8), *HEAD],
    "max": [Conv(4, 3), MaxPool(2), MaxPool(3, stride=1), *HEAD],
    "avg": [Conv(4, 3), AvgPool(2), AvgPool(3, stride=1), Flatten(), Affine(10)],
    "batchnorm": [Conv(4, 3), BatchNorm(), ReLU(), Dropout(0.3), *HEAD],
    "groupnorm": [Conv(4, 3), GroupNorm(2), ReLU(), LayerNorm(), *HEAD],
    "residual": [Conv(4, 3), Residual([Conv(6, 3, padding=1), BatchNorm()], [Conv(6, 1)]), ReLU(), *HEAD],
}


@pytest.fixture
def from_python(monkeypatch):
    """A function that runs another with no compiled program to be had."""

    def run(function):
        with monkeypatch.context() as patch:
            patch.setattr(call_table, "Dispatcher", ())  # nothing is an instance of
            return function()

    return run


def trained(
    layers=LAYERS["relu"],
    dtype=np.float32,
    data=DATA,
    loss="softmax",
    rule="adam",
    l2=0.01,
    standardizer=None,
    input_shape=(64,),
    **options,
):
    model = Sequential(layers, input_shape, loss=loss, l2=l2, dtype=dtype, seed=0)
    model.standardizer = standardizer
    options = {"optimizer_options": {"learning_rate": 1e-2}, "batch_size": 32, "epochs": 2, "verbose": False, **options}
    solver = Solver(model, data, optimizer=rule, schedule=Exponential(0.9), **options)
    solver.train()
    return solver


def assert_same(one, two):
    assert one.loss_history == two.loss_history
    assert one.val_acc_history == two.val_acc_history
    assert one._update.optimizer.t == two._update.optimizer.t
    for a, b in ((one.model.params, two.model.params), (one.model.state, two.model.state)):
        np.testing.assert_array_equal(a.flat, b.flat)
    np.testing.assert_array_equal(one.model.random_keys, two.model.random_keys)
    for name, array in one._update.optimizer.state.items():
        np.testing.assert_array_equal(array, two._update.optimizer.state[name])


def assert_both_ways_alike(from_python, **options):
    compiled = trained(**options)
    assert compiled.compiled
    plain = from_python(lambda: trained(**options))
    assert not plain.compiled
    assert_same(compiled, plain)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layers", LAYERS)
def test_every_layer(layers, dtype, from_python):
    assert_both_ways_alike(from_python, layers=LAYERS[layers], dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layers", IMAGE_LAYERS)
def test_every_layer_for_images(layers, dtype, from_python):
    assert_both_ways_alike(from_python, layers=IMAGE_LAYERS[layers], dtype=dtype, input_shape=(1, 8, 8))


def table_training(weighted):
    """What a training of all layers for tables is made of, on data whose last two columns are codes."""
    data = dict(DATA)
    for part in ("train", "val"):
        X = data[f"X_{part}"].reshape(-1, 64).copy()
        X[:, -2:] = 16 * X[:, 30:32] % 3
        data[f"X_{part}"] = X
    options = {"class_weight": "balanced"} if weighted else {}
    return {"layers": TABLE, "data": data, "loss": MembersLoss("softmax", 2), **options}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_layer_for_tables(weighted, dtype, from_python):
    assert_both_ways_alike(from_python, dtype=dtype, **table_training(weighted))


def test_no_layer_is_forgotten():
    networks = [*LAYERS.values(), *IMAGE_LAYERS.values(), [Flatten(), *TABLE]]
    seen = {type(placed.layer).__name__ for layers in networks for placed in place(layers, (1, 8, 8))}
    assert seen == set(numbanet.layers.LAYERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule(rule, dtype, from_python):
    assert_both_ways_alike(from_python, rule=rule, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, dtype, from_python):
    data = DATA
    if LOSSES[loss].per_output:
        data = {key: np.eye(10)[value] if key[0] == "y" else value for key, value in DATA.items()}
    assert_both_ways_alike(from_python, loss=loss, dtype=dtype, data=data)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8, np.int64, bool])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_kind_of_data(kind, dtype, from_python):
    data = {key: (value * 16).astype(kind) if key[0] == "X" else value for key, value in DATA.items()}
    assert_both_ways_alike(from_python, data=data, dtype=dtype)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8, np.int64, bool])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardised_on_the_way_is_as_standardised_before(kind, dtype, from_python):
    raw = {key: (value * 16).astype(kind) if key[0] == "X" else value for key, value in DATA.items()}
    scale = numbanet.data.Standardizer.fit(raw["X_train"])
    before = {key: scale.apply(value, dtype) if key[0] == "X" else value for key, value in raw.items()}
    compiled = trained(data=raw, dtype=dtype, standardizer=scale)
    assert compiled.compiled
    assert_same(compiled, trained(data=before, dtype=dtype))
    assert_same(compiled, from_python(lambda: trained(data=raw, dtype=dtype, standardizer=scale)))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8])
def test_images_are_augmented_and_then_standardised(kind, from_python):
    data = {
        key: (value * 16).reshape(-1, 1, 8, 8).astype(kind) if key[0] == "X" else value for key, value in DATA.items()
    }

    def train():
        model = Sequential([numbanet.Conv(4, 3), ReLU(), numbanet.Flatten(), Affine(10)], (1, 8, 8), seed=0)
        model.standardizer = numbanet.data.Standardizer.fit(data["X_train"])
        augment = numbanet.data.Augment(2)
        solver = Solver(model, data, optimizer="adam", batch_size=32, epochs=2, augment=augment, verbose=False)
        solver.train()
        return solver

    compiled = train()
    assert compiled.compiled
    assert_same(compiled, from_python(train))
    rows, batch = np.arange(32), compiled.model.training_program(32)
    image = np.zeros((32, 1, 8, 8), np.float32)
    compiled.augment.gather(data["X_train"], rows, 5, image)
    batch.load(data["X_train"], rows, lambda X, rows, out: compiled.augment.gather(X, rows, 5, out))
    np.testing.assert_array_equal(batch.x.reshape(image.shape), compiled.model.standardizer.apply(image))


@pytest.mark.parametrize("change", [np.asfortranarray, lambda X: X[::-1], lambda X: np.repeat(X, 2, 1)[:, ::2]])
def test_data_of_any_layout_read_only_too(change, from_python):
    data = {**DATA, "X_train": change(DATA["X_train"])}
    data["X_train"].flags.writeable = False
    assert_both_ways_alike(from_python, data=data)


@pytest.mark.parametrize("threads", [1, 2])
def test_large_networks_in_parallel(threads, from_python):
    if threads > numbanet.get_num_threads():
        pytest.skip("needs two CPUs")
    numbanet.set_num_threads(threads)
    try:
        layers = [Affine(300), BatchNorm(), ReLU(), Affine(200), ReLU(), Affine(10)]
        assert_both_ways_alike(from_python, layers=layers, batch_size=100, epochs=3)
    finally:
        numbanet.set_num_threads(None)


def test_one_step_by_both_ways(from_python):
    def step():
        model = Sequential(LAYERS["dropout"], (64,), l2=0.1, seed=0)
        losses = [model.loss(DATA["X_train"][:20], DATA["y_train"][:20])[0] for _ in range(3)]
        return losses, model.grads.flat, model.loss(DATA["X_val"])

    for one, two in zip(step(), from_python(step), strict=True):
        np.testing.assert_array_equal(one, two)


def test_fixed_dropout_stays_fixed(from_python):
    def train():
        model = Sequential(LAYERS["dropout"], (64,), seed=0)
        model.fixed_dropout = True
        solver = Solver(model, DATA, epochs=2, batch_size=32, verbose=False)
        solver.train()
        assert not model.random_keys[:, 1].any()
        return solver

    assert_same(train(), from_python(train))


def steps_of(model, X, y, batch, optimizer):
    return training_steps(model.workspaces.main().program(model, batch, training=True), X, y, optimizer)


def test_what_is_not_a_kernel_runs_from_python():
    model = FullyConnectedNet([5], 64, 10, ops=numbanet.reference)
    optimizer = numbanet.optim.Optimizer("sgd", model.params.flat.size, ops=numbanet.reference)
    y = DATA["y_train"]
    assert "not compiled" in steps_of(model, DATA["X_train"], y, 20, optimizer).obstacle
    model = FullyConnectedNet([5], 64, 10)
    optimizer = numbanet.optim.Optimizer("sgd", model.params.flat.size)
    half = DATA["X_train"].astype(np.float16)
    assert "float16" in steps_of(model, half, y, 20, optimizer).obstacle
    assert steps_of(model, DATA["X_train"], y, 20, optimizer).obstacle is None


def test_rows_that_do_not_exist_are_refused():
    model = FullyConnectedNet([5], 64, 10)
    optimizer = numbanet.optim.Optimizer("sgd", model.params.flat.size)
    steps = steps_of(model, DATA["X_train"], DATA["y_train"], 2, optimizer)
    for rows in ([0, 200], [-1, 0]):
        with pytest.raises(IndexError, match="expected 0 to 199"):
            steps(np.array(rows))


def test_a_loss_that_is_not_finite_ends_the_call_before_its_update():
    X = np.ones((8, 64), np.float32)
    model = FullyConnectedNet([5], 64, 10, weight_init="he_normal", seed=0)
    optimizer = numbanet.optim.Optimizer("adam", model.params.flat.size)
    steps = steps_of(model, X, np.zeros(8, int), 2, optimizer)
    X[5] = np.nan
    losses = steps(np.arange(8))
    assert len(losses) == 3
    assert math.isnan(losses[-1])
    assert optimizer.t == 2
    assert np.isfinite(model.params.flat).all()


def test_divergence_within_a_call(from_python):
    data = {key: np.eye(10)[value] if key[0] == "y" else value for key, value in DATA.items()}
    options = {"loss": "squared_error", "rule": "sgd", "optimizer_options": {"learning_rate": 5.0}, "batch_size": 2}

    def diverge():
        with pytest.raises(TrainingDiverged, match=r"step [5-9]|step \d\d") as caught:  # not at once
            trained([Affine(10)], l2=0, data=data, epochs=50, **options)
        return str(caught.value)

    assert diverge() == from_python(diverge)


def test_the_network_does_not_keep_the_data():
    X = DATA["X_train"].copy()
    solver = trained(data={**DATA, "X_train": X})
    model, gone = solver.model, weakref.ref(X)
    del solver, X
    gc.collect()
    assert gone() is None
    assert model.predict(DATA["X_val"]).shape == (100,)


@pytest.mark.skipif(os.name == "nt", reason="sends itself a real Ctrl-C")
def test_ctrl_c_stops_within_a_call():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    solver = Solver(FullyConnectedNet([20], 64, 10, seed=0), DATA, epochs=10**4, batch_size=2, verbose=False)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    solver.callbacks = [Callback(on_progress=lambda s, logs: s.step == 1 and timer.start())]  # by then all is compiled
    try:
        with pytest.warns(UserWarning, match="training interrupted"):
            solver.train()
    finally:
        signal.signal(signal.SIGINT, before)
    assert solver.interrupted
    assert len(solver.loss_history) == solver.step < solver.num_steps


def test_on_progress_sees_groups_of_steps_and_may_stop():
    seen = []
    look = Callback(on_progress=lambda s, logs: seen.append(s.step) or s.step > 2000)
    solver = trained(epochs=40, batch_size=2, callbacks=[look])
    assert seen[0] == 1
    assert seen == sorted(set(seen))
    assert len(seen) < solver.step / 4
    assert 2000 < solver.step < solver.num_steps


def test_repr_shows_every_operation():
    model = Sequential(LAYERS["batchnorm"], (64,), l2=0.1, seed=0)
    text = repr(Program(model, 7, training=True))
    for name in ("affine_forward", "batchnorm_forward", "softmax_loss", "batchnorm_backward", "l2_penalty", "(7,64)"):
        assert name in text


def test_looking_for_what_is_not_finite_changes_nothing():
    """The pass is repeated for it, with the same dropout and without moving averages on."""
    model = FullyConnectedNet([20], 64, 10, normalization="batchnorm", dropout=0.5, seed=0)
    X, y = DATA["X_train"][:20], DATA["y_train"][:20]
    model.train_batch(X, y)
    state, keys, program = model.state.flat.copy(), model.random_keys.copy(), model.training_program(20)
    scores = program.scores.copy()
    assert model.first_non_finite() == "the loss alone; the scores are finite"
    np.testing.assert_array_equal(program.scores, scores)
    np.testing.assert_array_equal(model.state.flat, state)
    np.testing.assert_array_equal(model.random_keys, keys)


# Many models at once.


def make(seed, **options):
    model = FullyConnectedNet([20], 64, 10, dropout=0.2, seed=seed, weight_init="he_normal")
    options = {"optimizer": "adam", "batch_size": 20, "epochs": 3, "verbose": False, **options}
    return Solver(model, DATA, **options)


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_many_at_once_are_as_alone(threads):
    together, alone = ([make(seed) for seed in range(5)] for _ in range(2))
    assert numbanet.train_many(together, threads) == [None] * 5
    for one, two in zip(together, alone, strict=True):
        two.train()
        assert_same(one, two)
    assert numbanet.get_num_threads() >= 1


def test_one_that_diverges_does_not_stop_the_others():
    solvers = [make(0), make(1, optimizer_options={"learning_rate": 1e30}), make(2)]
    outcomes = numbanet.train_many(solvers)
    assert [type(outcome) for outcome in outcomes] == [type(None), TrainingDiverged, type(None)]
    assert [solver.step == solver.num_steps for solver in solvers] == [True, False, True]


def test_an_error_in_one_stops_the_others():
    def fail(solver, logs):
        raise ZeroDivisionError

    solvers = [make(0, callbacks=[Callback(on_step_end=fail)]), *(make(seed, epochs=30_000) for seed in (1, 2, 3))]
    with pytest.raises(ZeroDivisionError):
        numbanet.train_many(solvers, threads=4)  # all at the same time
    assert all(solver.step < solver.num_steps for solver in solvers)


def test_many_refuses_what_is_no_solver_or_shares_a_model():
    one = make(0)
    with pytest.raises(TypeError, match=r"solvers\[0\]: expected a Solver"):
        numbanet.train_many([one.model])
    with pytest.raises(ValueError, match=r"solvers\[1\]: has the same model as solvers\[0\]"):
        numbanet.train_many([one, one])


@pytest.mark.parametrize("count", [4, 128])  # a few values, and so many that they are gathered without a copy between
@pytest.mark.parametrize("bad", [200, -201])
def test_rows_that_are_not_there_are_refused(count, bad):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 64)).astype(np.float32), rng.integers(0, 3, 600)  # more labels than examples
    model, twin = (Sequential([Affine(3)], (64,), seed=0) for _ in range(2))
    rows = np.arange(count)
    assert model.train_batch(X, y, rows) == twin.train_batch(X[rows], y[rows])
    with pytest.raises(IndexError):
        model.train_batch(X, y, np.where(rows == 1, bad, rows))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rule", ["sgd", "nesterov", "adam"])
def test_options_that_are_fed_for_each_step(rule, threads):
    """As if they had been set before each step from Python."""
    if threads > numbanet.get_num_threads():
        pytest.skip("needs two CPUs")
    feeds = {"learning_rate": np.geomspace(0.001, 0.1, 5)}
    feeds.update((name, np.linspace(0.5, 0.9, 5)) for name in ("momentum", "beta1") if name in RULES[rule].options)
    X, y, rows = DATA["X_train"], DATA["y_train"], np.arange(160)
    learnt = []
    for fed in (True, False):
        model = Sequential([Affine(300), ReLU(), Affine(10)], (64,), dtype=np.float32, seed=0)
        optimizer = numbanet.optim.Optimizer(rule, model.params.flat.size)
        steps = training_steps(model.training_program(32), X, y, optimizer)
        numbanet.set_num_threads(threads if fed else 1)
        try:
            if fed:
                losses = steps(rows, 0, feeds)
            else:
                losses = []
                for step in range(5):
                    optimizer.options.update((name, values[step]) for name, values in feeds.items())
                    losses += steps(rows[32 * step : 32 * step + 32], step)
        finally:
            numbanet.set_num_threads(None)
        assert {name: optimizer.options[name] for name in feeds} == {name: each[-1] for name, each in feeds.items()}
        learnt.append((losses, model.params.flat.copy()))
    assert learnt[0][0] == learnt[1][0]
    np.testing.assert_array_equal(learnt[0][1], learnt[1][1])
    # And it makes a difference.
    model = Sequential([Affine(300), ReLU(), Affine(10)], (64,), dtype=np.float32, seed=0)
    optimizer = numbanet.optim.Optimizer(rule, model.params.flat.size)
    training_steps(model.training_program(32), X, y, optimizer)(rows)
    assert not np.array_equal(model.params.flat, learnt[0][1])


def test_feeds_of_another_length_are_refused():
    model = Sequential([Affine(10)], (64,), seed=0)
    optimizer = numbanet.optim.Optimizer("sgd", model.params.flat.size)
    steps = training_steps(model.training_program(32), DATA["X_train"], DATA["y_train"], optimizer)
    with pytest.raises(ValueError, match="^feeds: learning_rate: expected 2 contiguous float64, got"):
        steps(np.arange(64), 0, {"learning_rate": np.ones(3)})
