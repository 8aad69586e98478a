"""Where the time of a step goes: the clock between operations, what each has to do, and what is shown."""

import dataclasses
import time

import numba
import numpy as np
import pytest

import numbanet as nn
from numbanet.bench import Profile, costs, ours, profile, profiling
from numbanet.bench.networks import NETWORKS
from numbanet.cli import main
from numbanet.operations import OPERATIONS
from numbanet.program import Program
from numbanet.runtime import call_table, clock, leading
from numbanet.runtime.compiling import whole
from numbanet.runtime.contexts import ME, SIZE, enter
from numbanet.runtime.memory import load, store
from numbanet.runtime.threads import alone

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((96, 6)).astype(np.float32), RNG.integers(3, size=96)
NOW = np.zeros(1, np.int64)  # nanoseconds, of a clock that goes on where a test says so


@numba.njit
def forward(x, now, out):
    out[...] = x
    now[0] += 7_000


@numba.njit
def backward(dout, now, dx):
    dx[...] = dout
    now[0] += 11_000


@dataclasses.dataclass(frozen=True)
class Slow(nn.Layer):
    """Takes 7 µs forward and 11 backward, by that clock."""

    layout = "either"

    def lower(self, net, x):
        out = net.buffer(*x.shape[1:])
        net.forward(forward, x, NOW, out)

        def gradient(dout):
            dx = net.gradient(x)
            net.backward(backward, dout, NOW, dx)
            return dx

        return out, gradient


@whole
def read(place):
    """`clock._read` by that clock, which each reading may put forward, by more and more.

    Behind the place to write to are the clock's address, by how much it goes forward, and by how much that grows.
    """
    to, now, tick = load(place), load(place + 8), load(place + 16)
    store(load(now), to)
    store(load(now) + tick, now)
    store(tick + load(place + 24), place + 16)
    store(to + 8, place)


class SlowClock(clock.Clock):
    growth = 0

    def __init__(self, readings):
        self._times, self._place = np.zeros(readings, np.int64), np.zeros(4, np.int64)
        self._place[:] = self._times.ctypes.data, NOW.ctypes.data, 0, self.growth
        call_table.Call.__init__(self, read, (self._place.ctypes.data,))

    @classmethod
    def cost(cls):
        return 0.0


@pytest.fixture
def slow_clock(monkeypatch):
    monkeypatch.setattr("numbanet.program.steps.Clock", SlowClock)


def network(*layers, **options):
    return nn.Sequential([nn.Affine(5), *layers, nn.Affine(3)], 6, seed=0, **options)


def steps_of(model, batch=32, optimizer="adam", **options):
    data = {"X_train": X, "y_train": Y}
    solver = nn.Solver(model, data, optimizer=optimizer, batch_size=batch, verbose=False, **options)
    return solver, solver.compiled.steps


def test_a_clock_reads_the_time():
    """The system's, in the order in which it is asked."""
    made = clock.Clock(3)
    table = call_table.Table([made] * 3)
    assert made.seconds.tolist() == []
    before = time.monotonic()
    table.walk(2)
    time.sleep(0.01)
    table.walk(1)
    spent = time.monotonic() - before
    readings = made.seconds
    assert readings[0] == 0
    assert 0 <= readings[1] < 0.01 <= readings[2] <= spent
    assert 0 < clock.Clock.cost() < 1e-5


@whole
def put(context):
    enter(context)


def test_who_follows_in_a_team_does_not_read_the_clock():
    made, own = clock.Clock(9), np.zeros(SIZE // 8, np.int64)
    try:
        for part, readings in ((0, 1), (1, 1), (7, 1), (0, 2)):
            own[ME // 8] = part
            put(own.ctypes.data)
            clock._read(made._place.ctypes.data)
            assert len(made.seconds) == readings
    finally:
        put(0)
    clock._read(made._place.ctypes.data)
    assert len(made.seconds) == 3


def test_each_operation_has_its_own_time(slow_clock):
    _, steps = steps_of(network(Slow(), nn.ReLU(), Slow(), l2=1e-3), optimizer_options={"clip_norm": 1.0})
    names = [(part, operation.function.__name__) for part, operation in steps.operations]
    assert names[:2] == [("gather", "gather")] * 2
    assert names.count(("forward", "forward")) == names.count(("backward", "backward")) == 2
    assert names.index(("loss", "softmax_loss")) < names.index(("penalty", "l2_penalty"))
    assert names[-1] == ("update", "adam_update")
    rows = np.arange(96)
    seconds = steps.timed(rows)
    assert seconds.shape == (2, len(names) + 1)  # but for the last step
    for (_, name), column in zip([*names, ("", "between")], seconds.T, strict=True):
        np.testing.assert_allclose(column, {"forward": 7e-6, "backward": 11e-6}.get(name, 0.0), rtol=0, atol=1e-9)


def test_what_is_between_the_passes_and_the_update_and_between_steps_is_no_operations(slow_clock, monkeypatch):
    monkeypatch.setattr(SlowClock, "growth", 1000)
    _, steps = steps_of(network(), optimizer_options={"clip_norm": 1.0})
    parts = [part for part, _ in steps.operations]
    count, updates = len(parts), parts.count("update")
    assert updates > 1
    readings = np.arange(2 * (count + 2)).reshape(2, count + 2) * 1e-6  # from one to the next
    between = readings[:, count - updates] + readings[:, count + 1]
    operations = np.hstack([readings[:, : count - updates], readings[:, count - updates + 1 : count + 1]])
    np.testing.assert_allclose(steps.timed(np.arange(96)), np.column_stack([operations, between]), atol=1e-9)


def test_the_cost_of_a_reading_is_taken_off(slow_clock, monkeypatch):
    monkeypatch.setattr(SlowClock, "growth", 1000)
    _, steps = steps_of(network())
    whole = steps.timed(np.arange(96))
    monkeypatch.setattr(SlowClock, "cost", lambda: 3.5e-6)
    less = steps.timed(np.arange(96))
    np.testing.assert_allclose(less[:, :-1], np.maximum(whole[:, :-1] - 3.5e-6, 0), atol=1e-9)
    np.testing.assert_allclose(less[1, -1], whole[1, -1] - 7e-6)


def rows_of(table):
    """(record, first row after the run that it is in, if any), by the number of the row."""
    ends = table.array[:, leading.RUN // 8]
    return [
        (int(record), int(end - table.span[0]) // leading.ROW if end else None)
        for record, end in zip(table.array[:, 1], ends, strict=True)
    ]


def test_a_clock_stands_between_operations_and_runs_of_a_team_stay_whole_but_at_the_update():
    reading = clock.Clock(1)
    calls = [clock.Clock(1) for _ in range(6)]
    for call, nanoseconds in zip(calls, [0, 5, 6, 7, 8, 0], strict=True):  # by which a team shares some of them
        call.nanoseconds = nanoseconds
    table = call_table.Table(calls)
    a, b, c, d, e, f = (call.address for call in calls)
    time = reading.address
    assert rows_of(table) == [(a, None), (b, 5), (c, 5), (d, 5), (e, 5), (f, None)]
    timed = table.timed(reading, 3)
    before = [(time, None), (a, None), (time, None), (b, 6), (time, 6), (c, 6), (time, None)]
    update = [(time, None), (d, 11), (time, 11), (e, 11), (time, None), (f, None), (time, None)]
    assert rows_of(timed) == before + update
    np.testing.assert_array_equal(
        np.delete(timed.array[[1, 3, 5, 8, 10, 12]], leading.RUN // 8, axis=1),
        np.delete(table.array, leading.RUN // 8, axis=1),
    )
    assert table.array.shape == (6, leading.ROW // 8)
    calls[2].returns = True  # a number that the leader goes on with
    split = call_table.Table(calls).timed(reading, 1)
    assert [end for _, end in rows_of(split)][3:10] == [6, 6, 6, None, 10, 10, 10]


@pytest.mark.parametrize("faster", [True, False])
def test_a_table_with_the_clock_goes_the_way_that_is_faster_and_leaves_the_choice_as_it_is(faster):
    call = clock.Clock(1)
    call.nanoseconds = 5
    table = call_table.Table([call])
    turns = table._turns
    for together in (True, False) * 10:
        turns.together = together  # whichever has its turn
        turns.note(1.0 if together == faster else 2.0, together)
    kept = dict(vars(turns))
    timed = table.timed(clock.Clock(1), 0)
    assert timed._turns.together is faster
    timed._turns.note(0.1, timed._turns.together)
    assert vars(turns) == kept
    assert table.timed(clock.Clock(1), 0)._turns is not timed._turns


@pytest.mark.parametrize("threads", [1, 2])
def test_steps_with_the_clock_are_the_same_steps(threads):
    trained = []
    for timed in (False, True):
        model = nn.FullyConnectedNet([40, 30], 6, 3, normalization="batchnorm", dropout=0.3, seed=1)
        _, steps = steps_of(model)
        rows = np.random.default_rng(1).permutation(np.repeat(np.arange(96), 5))
        table, updates = steps.table, steps._updates
        before = nn.get_num_threads()
        nn.set_num_threads(min(threads, before))
        try:
            steps.timed(rows) if timed else steps(rows)
        finally:
            nn.set_num_threads(before)
        assert (steps.table, steps._updates) == (table, updates)
        trained.append(model.params.flat.copy())
    np.testing.assert_array_equal(*trained)


def test_an_operation_that_raises_is_named_with_the_clock_too():
    @numba.njit
    def fails(x, out):
        raise ValueError("no")

    class Failing(Slow):
        def lower(self, net, x):
            out = net.buffer(*x.shape[1:])
            net.forward(fails, x, out)
            return out, None

    _, steps = steps_of(network(Failing()))
    table = steps.table
    with pytest.raises(RuntimeError, match=r"fails of layer 2, .*Failing\(\) raised ValueError: no"):
        steps.timed(np.arange(96))
    assert steps.table is table


# What operations have to do.


def test_costs_are_those_counted_by_hand():
    x, w, b, out = (np.zeros(shape, np.float32) for shape in ((8, 5), (5, 3), 3, (8, 3)))
    arguments = out, x, w, x, w, b
    assert costs.cost("affine_forward", (x, w, b, out)) == costs.Cost(2 * 8 * 5 * 3, 4 * 82, 4 * 82)
    assert costs.cost("affine_backward", arguments).flops == 4 * 8 * 5 * 3
    assert costs.cost("affine_backward", (out, x, w, x[:0], w, b)).flops == 2 * 8 * 5 * 3
    assert costs.cost("relu_forward", (b, b)) == costs.Cost(0, 24, 24)
    flat = np.zeros(10, np.float32)
    numbers = [0.9] * (len(OPERATIONS["adam_update"].arguments) - 4)
    assert costs.cost("adam_update", (flat, flat, flat, flat, *numbers)) == costs.Cost(0, 7 * 40, 4 * 40)
    labels = np.zeros((1000, 7), np.uint8)
    taken = np.zeros((4, 7), np.float32)
    assert costs.cost("gather", (labels, np.arange(4), taken)) == costs.Cost(0, 28 + 4 * 28, 28 + 4 * 28)
    images, filters, results = (np.zeros(shape, np.float32) for shape in ((2, 8, 8, 3), (4, 3, 5, 5), (2, 4, 4, 4)))
    how = (1, 1), (0, 0), (1, 1), 1, np.zeros(1000, np.float32)  # whose workspace is no bytes that must move
    found = costs.cost("conv_forward", (images, filters, np.zeros(4, np.float32), *how, results))
    moved = 4 * (images.size + filters.size + 4 + results.size)
    assert found == costs.Cost(2 * results.size * 75, moved, moved)
    assert costs.cost("of my own", (x,)) is None


@pytest.mark.parametrize("name", NETWORKS)
def test_operations_of_a_step_are_the_work_that_its_limit_counts(name):
    """That of the table is counted by the layers' weights."""
    model = ours.built(dataclasses.replace(NETWORKS[name], batch=8), "reference")
    program = Program(model, 8, training=True)
    found = [costs.cost(one.function.__name__, one.arguments) for part in program.operations for one in part]
    assert sum(each.flops for each in found) * NETWORKS[name].batch / 8 == ours.work(name)[1].flops


# What is shown.


@pytest.fixture
def peaks(monkeypatch):
    monkeypatch.setattr(profiling.peaks, "multiply_adds", lambda threads: threads * 1e11)
    monkeypatch.setattr(profiling.peaks, "bandwidth", lambda size, threads: threads * 1e10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_profile_of_a_network(dtype, peaks, slow_clock):
    model = network(Slow(), dtype=dtype)
    before = model.params.flat.copy()
    with alone():
        found = profile(model, X, Y, seconds=1e-3, batch_size=16, optimizer="sgd")
    assert isinstance(found, Profile)
    np.testing.assert_array_equal(model.params.flat, before)
    assert (found.batch, found.threads) == (16, 1)
    assert found.seconds == found.alone > 0
    assert found.steps >= profiling.ROUNDS
    assert sum(each.seconds for each in found.operations) == pytest.approx(18e-6)
    by_name = {(each.part, each.layer): each for each in found.operations}
    first = by_name["forward", "1 Affine"]
    assert (first.name, first.shapes, first.cost.flops) == ("affine_forward", "16x6 6x5 5 16x5", 2 * 16 * 6 * 5)
    size = np.dtype(dtype).itemsize
    assert first.least == pytest.approx(2 * 16 * 6 * 5 / 1e11 * size / 4)
    slow = by_name["forward", "2 Slow"]
    assert (slow.name, slow.cost, slow.least, slow.rate) == ("forward", None, None, "")
    assert slow.seconds == slow.alone == pytest.approx(7e-6)
    flops = 16 * (2 * 2 * 30 + 3 * 2 * 15)
    update = by_name["update", ""]
    assert found.limit == pytest.approx(flops / 1e11 * size / 4 + update.cost.moved / 1e10)


def test_a_profile_on_two_threads_has_one_beside_it(peaks, slow_clock, monkeypatch):
    monkeypatch.setattr(profiling, "get_num_threads", lambda: 2)
    found = profile(network(Slow()), X, Y, seconds=1e-3, batch_size=16, optimizer="sgd")
    assert found.threads == 2
    assert found.seconds != found.alone
    first = found.operations[2]
    assert first.least == pytest.approx(2 * 16 * 6 * 5 / 2e11)
    assert " by 2 threads, " in str(found)


def test_a_profile_as_text():
    cost = costs.Cost(3_000_000, 10, 10)
    operations = [
        profiling.OperationTime("forward", "affine_forward", "1 Affine", "16x6 6x5", 3e-5, 6e-5, cost, 1.5e-5),
        profiling.OperationTime("loss", "mine", "", "16x3", 1e-5, 1e-5, None, None),
        profiling.OperationTime("update", "sgd_update", "", "33", 0.0, 0.0, costs.Cost(0, 30, 30), 1e-9),
    ]
    made = Profile(operations, 1e-5, 6e-5, 9e-5, 1.5e-5, 2, 16, 100)
    lines = [line.split() for line in str(made).splitlines()]
    assert lines[0] == ["layer", "time", "share", "rate", "of", "peak", "scaling"]
    forward = ["forward", "1", "Affine", "affine_forward", "16x6", "6x5", "30", "µs", "60.0%"]
    assert lines[1] == [*forward, "100", "GFLOP/s", "50%", "2.00"]
    assert lines[2] == ["loss", "mine", "16x3", "10", "µs", "20.0%", "1.00"]
    assert lines[3] == ["update", "sgd_update", "33", "0", "µs", "0.0%"]
    assert lines[4] == ["between", "10", "µs", "20.0%"]
    said = "A step on 16 examples takes 60 µs by 2 threads, 1.5x of one; the limit is 15 µs, 25% of it."
    assert str(made).splitlines()[-1] == said
    single = str(dataclasses.replace(made, threads=1))
    assert "scaling" not in single
    assert "takes 60 µs by one thread; the limit" in single
    memory = dataclasses.replace(operations[2], seconds=1e-9)
    assert memory.rate == "30 GB/s"


def test_the_middle_half_counts():
    values = np.array([100.0, 1.0, 2.0, 3.0, 4.0, -50.0, 3.0, 4.0])
    assert profiling._middle(values) == 3.0
    assert profiling._middle(np.array([2.0])) == 2.0


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ({}, {"seconds": 0}, "seconds: expected a number above 0, got 0"),
        ({}, {"seconds": "1"}, "seconds: expected a number above 0, got '1'"),
        ({"ops": nn.reference}, {}, "its steps are taken from Python, since ops is numbanet.reference"),
        ({}, {"batch_size": 0}, "batch_size"),
        ({}, {"optimizer": "adm"}, "did you mean"),
        ({}, {"optimizer": "sgd", "optimizer_options": {"learning_rate": 1e30}}, "a smaller learning rate"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_what_a_profile_refuses(model, options, message):
    with pytest.raises(ValueError, match=message):
        profile(network(**model), X, Y, **{"seconds": 1e-3, "batch_size": 16, **options})


# The command.


def test_the_command_profiles_what_fits_the_name(monkeypatch, capsys):
    asked = []

    def noted(model, X, y, **options):
        asked.append((model.input_shape, len(X), options))
        return "as if"

    monkeypatch.setattr("numbanet.cli._bench.profile", noted)
    assert main(["bench", "--profile", "64-100", "--threads", "1"]) == 0
    assert capsys.readouterr().out == "\n64-100-10 at 64\nas if\n"
    options = {"optimizer": "adam", "optimizer_options": {"learning_rate": 1e-3}, "batch_size": 64}
    assert asked == [((64,), 6400, {"seconds": 2.0, **options})]
    assert main(["bench", "--profile", "*10 at 64", "--quick"]) == 0
    said = capsys.readouterr().out
    assert said == "\n64-100-10 at 64\nas if\n\n784-256-128-10 at 64\nas if\n"
    assert asked[-1][2]["seconds"] == 0.3
    assert main(["bench", "--profile", "lenet"]) == 0
    assert "LeNet-5 at 2048" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--profile", "SmallVG at 128"], "no network 'SmallVG at 128'; did you mean"),
        (["--profile", "xyz"], "there are '20-64-32-2 at 32', '64-100-10 at 64'"),
        (["--profile", "lenet", "--operations", "affine"], "--profile: does not go with --operations"),
        (["--profile", "lenet", "--markdown"], "--profile: does not go with --markdown"),
        (["--profile", "lenet", "--write", "x"], "--profile: does not go with --write"),
    ],
)
def test_what_the_command_refuses(options, message, capsys):
    assert main(["bench", *options]) == 2
    assert message in capsys.readouterr().err
