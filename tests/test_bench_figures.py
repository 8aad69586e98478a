"""Every figure that ``numbanet bench`` prints, recomputed: times by a clock that tests turn, counts by hand."""

import math

import numpy as np
import pytest

from numbanet.bench import limits, ours, report, timing, versus
from numbanet.bench.networks import ALL_NETWORKS
from numbanet.bench.operations import arguments, label, moved_bytes, work
from numbanet.bench.timing import Benchmark, fastest, interleaved
from numbanet.cli import main
from numbanet.operations import LOSSES, OPERATIONS, PAIRS


class Clock:
    """Stands for `perf_counter`; time passes only where a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def passes(self, seconds):
        """A function that takes that long."""

        def function():
            self.now += seconds

        return function


class Around:
    """A context whose entry and exit take time."""

    def __init__(self, clock, before, after):
        self.clock, self.before, self.after = clock, before, after

    def __enter__(self):
        self.clock.now += self.before

    def __exit__(self, *_):
        self.clock.now += self.after


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "perf_counter", clock)
    return clock


# Samples.


@pytest.mark.parametrize(("calls", "parts"), [(1, 1), (7, 1), (1, 20), (5, 4)])
def test_a_sample_is_the_time_of_calls_and_finish_by_the_number_of_parts(clock, calls, parts):
    benchmark = Benchmark(
        clock.passes(3e-3),
        restore=clock.passes(100.0),
        finish=clock.passes(2e-3),
        parts=parts,
        within=lambda: Around(clock, 1000.0, 10.0),
    )
    benchmark.calls = calls
    assert benchmark.sample() == pytest.approx((calls * 3e-3 + 2e-3) / (calls * parts), rel=1e-9)
    assert clock.now == pytest.approx(1110 + calls * 3e-3 + 2e-3)


def test_the_clock_of_a_suite_counts_the_same(clock):
    benchmark = Benchmark(clock.passes(3e-3), parts=4)
    benchmark.calls = 5
    start = benchmark.clock()
    benchmark.run()
    assert benchmark.clock() - start == pytest.approx(3e-3 / 4)


@pytest.mark.parametrize("seconds", [1e-6, 3e-5, 2e-3, 5e-3, 2.0])
@pytest.mark.parametrize("parts", [1, 50])
def test_calls_are_as_many_as_fill_a_sample(clock, seconds, parts):
    first = [60.0]  # compiles

    def call():
        clock.now += first.pop() if first else seconds

    benchmark = Benchmark(call, parts=parts).calibrate(4e-3)
    needed = math.ceil(4e-3 / seconds)
    assert needed <= benchmark.calls <= 1.01 * needed + 1
    assert not first


def test_the_fastest_is_chosen_by_its_best_sample_of_five(clock):
    def benchmark(*seconds):
        taken = [9.0, 9.0, *seconds]  # compiling, and a look at how long it takes

        def call():
            clock.now += taken.pop(0)

        return Benchmark(call)

    steady, lucky = benchmark(*[1.0] * 5), benchmark(2.0, 2.0, 0.9, 2.0, 2.0)
    assert fastest([steady, lucky]) is lucky
    alone = benchmark()
    assert fastest([alone]) is alone  # without a sample more


def test_samples_in_turns_are_each_benchmarks_own(clock):
    names = {"short": Benchmark(clock.passes(1e-3)), "long": Benchmark(clock.passes(7e-3))}
    taken = interleaved(names, 6)
    assert taken == {"short": pytest.approx([1e-3] * 6), "long": pytest.approx([7e-3] * 6)}


# Counts, by what an operation reads and writes: float32 of 4 bytes, labels and keys of 8, places in windows of 1.

SIZES = {  # primes where that is possible, so that no two axes are taken for each other
    "affine": (2, 3, 5),
    "convolution": (2, 7, 3, 5, 3),
    "activations": (11,),
    "losses": (3, 5),
    "normalization": (3, 5),
    "group_normalization": (2, 7, 6, 3),
    "scaling": (3, 5),
    "embedding": (3, 2, 5, 4),
    "members": (3, 2, 7, 5),
    "pooling": (2, 7, 3, 3, 2),
    "layout": (2, 3, 5),
    "augmentation": (2, 3, 7, 5),
    "dropout": (11,),
    "updates": (11,),
}
ACTIVATIONS = [stem for stem in PAIRS if OPERATIONS[f"{stem}_forward"].family == "activations"]
# Images of 7 x 7 with windows of 3 by steps of 2, padded by 1, have 4 x 4 windows.
IMAGES, WINDOWS = 2 * 7 * 7 * 3, 2 * 4 * 4 * 3
FILTERS = 5 * 3 * 9
CONV_ARRAYS = 2 * 49 * 3 + FILTERS + 5 + 2 * 49 * 5

BYTES = {
    "affine_forward": 4 * (6 + 15 + 5 + 10),
    "affine_relu_forward": 4 * (6 + 15 + 5 + 10),
    "affine_backward": 4 * (10 + 6 + 15 + 6 + 15 + 5),
    "affine_relu_backward": 4 * (10 + 6 + 15 + 10 + 10 + 6 + 15 + 5),
    "softmax_forward": 4 * 30,
    "softmax_loss": 4 * 30 + 8 * 3,
    "svm_loss": 4 * 30 + 8 * 3,
    **{name: 4 * 45 for name in LOSSES if "target" in OPERATIONS[name].arguments},
    "batchnorm_forward": 4 * (15 + 5 + 5 + 2 * 5 + 2 * 5 + 5 + 5 + 15),  # running averages there and back
    "batchnorm_inference": 4 * (15 + 5 + 5 + 5 + 5 + 15),
    "batchnorm_backward": 4 * (15 + 15 + 5 + 5 + 5 + 15 + 5 + 5),
    "layernorm_forward": 4 * (15 + 5 + 5 + 3 + 3 + 15),
    "layernorm_backward": 4 * (15 + 15 + 5 + 3 + 3 + 15 + 5 + 5),
    "groupnorm_forward": 4 * (84 + 6 + 6 + 6 + 6 + 84),  # gamma and beta of 6 channels, 2 x 3 means and deviations
    "groupnorm_backward": 4 * (84 + 84 + 6 + 6 + 6 + 84 + 6 + 6),
    "scale_forward": 4 * (15 + 5 + 15),
    "scale_backward": 4 * (15 + 15 + 5 + 15 + 5),
    "scale_shift_forward": 4 * (15 + 5 + 5 + 15),
    "scale_shift_backward": 4 * (15 + 15 + 5 + 15 + 5 + 5),
    "members_forward": 4 * (21 + 14 + 42),  # three examples, for two members
    "members_backward": 4 * (42 + 21 + 14 + 21 + 14),
    "member_affine_forward": 4 * (42 + 70 + 10 + 30),
    "member_affine_backward": 4 * (30 + 42 + 70 + 42 + 70 + 10),
    "repeat_rows": 4 * (2 * 5 + 6 * 5),
    "repeat_labels": 8 * (2 + 6),
    "blend": 4 * (15 + 15 + 5 + 15),
    "blend_gradients": 4 * (15 + 15 + 15 + 15 + 5 + 15 + 5),
    "periodic_forward": 4 * (6 + 10 + 10 + 30 + 6 + 24),  # two numbers, of 5 cosines and 3 linear units each
    "periodic_backward": 4 * (24 + 6 + 10 + 10 + 30 + 6 + 10 + 10 + 30 + 6),
    "embedding_forward": 4 * (6 + 20 + 24) + 8 * 3,  # where two columns' rows begin, and end
    "embedding_backward": 4 * (24 + 6 + 6 + 20) + 8 * 3,
    "max_pool_forward": 4 * (IMAGES + WINDOWS) + WINDOWS,
    "max_pool_backward": 4 * (IMAGES + WINDOWS) + WINDOWS,
    "avg_pool_forward": 4 * (IMAGES + WINDOWS),
    "avg_pool_backward": 4 * (IMAGES + WINDOWS),
    "global_avg_pool_forward": 4 * (IMAGES + 6),
    "global_avg_pool_backward": 4 * (IMAGES + 6),
    "channels_last": 4 * 60,
    "channels_first": 4 * 60,
    "add": 4 * 6,
    "copy_columns": 4 * (10 + 2 * 6),  # of which some stay as they are
    "augment": 4 * 2 * 210 + 8 * 2 + 16,  # which rows, and a key of two words
    "dropout_forward": 4 * 22 + 16,
    "dropout_backward": 4 * 22 + 16,
    "sgd_update": 4 * 11 * (2 + 1),
    "momentum_update": 4 * 11 * (2 + 1 + 2),
    "nesterov_update": 4 * 11 * (2 + 1 + 2),
    "rmsprop_update": 4 * 11 * (2 + 1 + 2),
    "adam_update": 4 * 11 * (2 + 1 + 2 + 2),
    "clip_by_value": 4 * 11 * 2,
    "clip_by_norm": 4 * 11 * 2,
    "ema_update": 4 * 11 * (1 + 2),
    "l2_penalty": 4 * 3 * (1 + 2),
    **{f"{name}_forward": 4 * 22 for name in ACTIVATIONS},
    **{f"{name}_backward": 4 * 33 for name in ACTIVATIONS},
}


def products(name):
    """Multiplications and additions, counted one by one, of a product, and of a convolution that keeps the size."""
    count = 0
    if name.startswith("affine"):
        for _row, _column in np.ndindex(2, 5):
            for _term in range(3):
                count += 2
    elif name.startswith("member"):
        for _row, _member, _column in np.ndindex(3, 2, 5):
            for _term in range(7):
                count += 2
    else:
        for _place in np.ndindex(2, 7, 7, 5):
            count += 2 * 3 * 3 * 3
    return count * (2 if "backward" in name else 1)  # the gradients of both factors


@pytest.mark.parametrize("name", OPERATIONS)
def test_bytes_and_floating_point_operations_are_those_counted_by_hand(name):
    operation = OPERATIONS[name]
    size = SIZES[operation.family][: len(operation.sizes.axes)]
    if operation.family in ("affine", "convolution") or name.startswith("member_affine"):
        assert work(operation, size) == products(name)
    else:
        assert work(operation, size) is None
    if operation.family != "convolution":  # which no rate counts
        assert moved_bytes(operation, arguments(operation, size)) == BYTES[name]


def work_of(name):
    prediction, step = ours.work(name)
    return prediction, step.flops


def test_floating_point_operations_of_networks_are_those_counted_by_hand():
    first, second = 2 * 64 * 100, 2 * 100 * 10
    assert work_of("64-100-10 at 64") == (first + second, 64 * (3 * (first + second) - first))
    convolution, affine = 2 * 32 * (3 * 7 * 7) * 32 * 32, 2 * (32 * 16 * 16) * 100
    forward = convolution + affine + 2 * 100 * 10
    assert work_of("ThreeLayerConvNet at 50") == (forward, 50 * (3 * forward - convolution))
    convolutions = 2 * 6 * 25 * 24**2, 2 * 16 * (25 * 6) * 8**2
    forward = sum(convolutions) + 2 * (256 * 120 + 120 * 84 + 84 * 10)
    assert work_of("LeNet-5 at 2048") == (forward, 2048 * (3 * forward - convolutions[0]))
    stages = [2 * 32 * 27 * 32**2, 2 * 64 * 288 * 16**2, 2 * 128 * 576 * 8**2]
    forward = sum(stages) + 2 * 128 * 16 * 10
    assert work_of("SmallVGG at 128") == (forward, 128 * (3 * forward - stages[0]))
    stem = 2 * 16 * 27 * 32**2
    forward = stem + 4 * 2 * 16 * 144 * 32**2
    for inputs, width, side in ((16, 32, 16), (32, 64, 8)):
        enters, shortcut = 2 * width * 9 * inputs * side**2, 2 * width * inputs * side**2
        forward += enters + shortcut + 3 * 2 * width * 9 * width * side**2
    forward += 2 * 64 * 10
    assert work_of("SmallResNet at 128") == (forward, 128 * (3 * forward - stem))


def test_the_limit_of_a_step_is_its_products_at_the_peak_and_the_bytes_of_adam(monkeypatch):
    asked = []
    monkeypatch.setattr(versus.peaks, "multiply_adds", lambda threads: asked.append(threads) or 4e11)
    monkeypatch.setattr(versus.peaks, "bandwidth", lambda size, threads: asked.append((size, threads)) or 8e10)
    step = ours.work("64-100-10 at 64")[1]
    parameters = 64 * 100 + 100 + 100 * 10 + 10
    # The gradient is read; weights and both averages are read and written: float32.
    assert (step.moved, step.held) == (7 * 4 * parameters, 4 * 4 * parameters)
    assert step.seconds(3) == pytest.approx(step.flops / 4e11 + 28 * parameters / 8e10)
    assert asked == [3, (step.held, 3)]
    assert limits.update_bytes("sgd", 10) == (3 * 4 * 10, 2 * 4 * 10)


# What is printed.


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1230"), (999.6, "1000"), (99.94, "99.9"), (2.0, "2"), (0.92449, "0.924"), (1.5e-5, "0.000015")],
)
def test_figures_have_three_digits_and_no_exponent(value, text):
    assert report.figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12.34, "12.3 s"),
        (1.0, "1 s"),
        (0.9996, "1 s"),
        (0.9994, "999 ms"),
        (0.0123, "12.3 ms"),
        (1e-3, "1 ms"),
        (9.996e-4, "1 ms"),
        (9.994e-4, "999 µs"),
        (2.4e-6, "2.4 µs"),
        (3.21e-8, "0.0321 µs"),
    ],
)
def test_times_have_the_unit_that_suits_them(seconds, text):
    assert report.time_text(seconds) == text


def test_the_mean_is_geometric_and_of_those_that_were_measured():
    rows = [report.Row("a", "1", {"kernels": 2.0, "torch": 2.0}), report.Row("b", "1", {"kernels": 1.0, "torch": 16.0})]
    rows.append(report.Row("c", "1", {"kernels": 1.0, "sklearn": 3.0}))
    said = report.means(rows, ["torch", "jax", "sklearn"])
    assert said == "geometric mean of the time they take, numbanet 1: torch 4x, scikit-learn 3x"
    assert report.means(rows, []) == ""


SECONDS = {"kernels": 2e-5, "reference": 5e-5, "torch": 3e-5}  # with what the size adds, below
PEAKS = {"flops": 4e11, "bytes": 8e10}


def planted(identity):
    """Seconds for a benchmark: longer for a longer size, so that no row has another's."""
    library, kind, name, size = identity.split("/")
    return SECONDS[library] * (1 + len(size)) * (3 if kind == "network" else 1)


class Worker:
    """Answers with planted times; in every third turn, all of them take ten times as long."""

    def __init__(self, threads):
        assert threads == 1
        self.turn = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def prepare(self, identities):
        self.ready = [i for i in identities if not i.startswith("torch/operation/tanh")]
        return self.ready

    def samples(self, count):
        self.turn += 1
        return {i: [planted(i) * (10 if self.turn % 3 == 0 else 1)] * count for i in self.ready}


@pytest.fixture
def no_machine(monkeypatch):
    """`numbanet bench` with planted times and peaks."""
    monkeypatch.setattr(versus, "Worker", Worker)
    monkeypatch.setattr(versus, "installed", lambda: ["torch"])
    monkeypatch.setattr(versus, "PEERS", {**versus.PEERS, "torch": "numba"})  # whose version is there to be told
    monkeypatch.setattr("numbanet.bench.turns.time.sleep", lambda seconds: None)
    monkeypatch.setattr(versus.peaks, "multiply_adds", lambda threads: PEAKS["flops"])
    monkeypatch.setattr(versus.peaks, "bandwidth", lambda size, threads: PEAKS["bytes"])


def table(said):
    """Cells of the Markdown table's rows, by name and size."""
    lines = [line.split("|")[1:-1] for line in said.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines[2:]]
    return {(row[0], row[1]): row[2:] for row in cells}


def test_every_figure_of_the_command_follows_from_the_times(no_machine, capsys):
    chosen = "relu_forward,tanh_forward,affine_backward,adam_update,networks"
    assert main(["bench", "--quick", "--threads", "1", "--markdown", "--operations", chosen]) == 0
    said = capsys.readouterr().out
    assert "Peak, as measured: 400 GFLOP/s, 80 GB/s in caches and 80 GB/s from memory." in said
    found, ratios = table(said), []
    assert len(found) == 4 + 2 * len(ALL_NETWORKS)
    for name in ("relu_forward", "tanh_forward", "affine_backward", "adam_update"):
        size = OPERATIONS[name].sizes.timed[-1]
        taken = planted(f"kernels/operation/{name}/{label(size)}")
        if name == "affine_backward":
            rate, unit, peak = 4 * math.prod(size) / taken, "GFLOP/s", PEAKS["flops"]
        else:
            moved = {"relu_forward": 2, "tanh_forward": 2, "adam_update": 7}[name] * 4 * math.prod(size)
            rate, unit, peak = moved / taken, "GB/s", PEAKS["bytes"]
        expected = [f"{taken * 1e6:.3g} µs", f"{float(f'{rate / 1e9:.3g}'):g} {unit}", f"{rate / peak:.0%}", "", "2.5x"]
        assert found[name, label(size)] == [*expected, "" if name == "tanh_forward" else "1.5x"]
        ratios += [] if name == "tanh_forward" else [1.5]
    for name in ALL_NETWORKS:
        width, _, batch = name.rpartition(" at ")
        prediction, step = ours.work(name)
        limit = step.flops / PEAKS["flops"] + step.moved / PEAKS["bytes"]
        for row, kind, count in (
            ((f"step {width}", f"batch {batch}"), "network", step.flops),
            ((f"predict {width}", "one example"), "prediction", prediction),
        ):
            taken = planted(f"kernels/{kind}/{name}/-")
            rate = count / taken
            shown = f"{float(f'{rate / 1e9:.3g}'):g} GFLOP/s"
            of_limit = f"{limit / taken:.0%}" if kind == "network" else ""
            expected = [f"{taken * 1e6:.3g} µs", shown, f"{rate / PEAKS['flops']:.0%}", of_limit, "2.5x", "1.5x"]
            assert found[row] == expected
    assert said.rstrip().endswith("geometric mean of the time they take, numbanet 1: reference 2.5x, torch 1.5x")


def test_what_is_printed_is_what_is_written(no_machine, capsys, tmp_path):
    target = tmp_path / "README.md"
    target.write_text(f"{report.START}\n{report.END}\n", encoding="utf-8")
    options = ["bench", "--quick", "--threads", "1", "--operations", "relu_*ward,affine"]
    assert main([*options, "--write", str(target)]) == 0
    printed = capsys.readouterr().out
    written = table(target.read_text(encoding="utf-8"))
    assert len(written) == 6
    for (name, size), cells in written.items():
        (line,) = [line for line in printed.splitlines() if line.startswith(f"{name} ")]
        assert line.split() == " ".join([name, size, *cells]).split()
    assert main([*options, "--markdown"]) == 0
    assert capsys.readouterr().out == target.read_text(encoding="utf-8").split("\n", 1)[1].rsplit(report.END)[0] + "\n"


@pytest.mark.parametrize(("options", "turns", "samples"), [(["--quick"], 3, 2), ([], 7, 3)])
def test_times_are_medians_of_several_turns(options, turns, samples, no_machine, capsys, monkeypatch):
    asked = []
    answer = Worker.samples
    monkeypatch.setattr(Worker, "samples", lambda self, count: asked.append(count) or answer(self, count))
    assert main(["bench", *options, "--threads", "1", "--operations", "channels_last"]) == 0
    rows = sum(line.startswith("channels_last") for line in capsys.readouterr().out.splitlines())
    assert asked == [samples] * (turns * 3 * rows)  # of three libraries


def test_without_quick_every_size_has_a_row(no_machine, capsys):
    assert main(["bench", "--threads", "1", "--markdown", "--operations", "sgd_update,softmax_loss"]) == 0
    sizes = [("softmax_loss", "256x10"), ("softmax_loss", "256x1000")]
    sizes += [("sgd_update", size) for size in ("100000", "1000000", "16000000")]
    assert list(table(capsys.readouterr().out)) == sizes


@pytest.mark.filterwarnings("default::UserWarning")
def test_another_librarys_failure_leaves_it_out_and_ours_does_not_pass(no_machine, capsys, monkeypatch):
    works = Worker.prepare

    def fails(library):
        def prepare(self, identities):
            if identities[0].startswith(library):
                raise versus.WorkerFailed(f"{identities}: RuntimeError: no\nTraceback")
            return works(self, identities)

        return prepare

    options = ["bench", "--quick", "--threads", "1", "--markdown", "--operations", "relu_*ward"]
    monkeypatch.setattr(Worker, "prepare", fails("torch"))
    assert main(options) == 0
    said, complaint = capsys.readouterr()
    assert [len(cells) for cells in table(said).values()] == [5, 5]  # no column of torch's
    assert (
        complaint.count("torch is left out from here on: ['torch/operation/relu_forward/262144']: RuntimeError: no")
        == 1
    )
    assert "Traceback" not in complaint
    monkeypatch.setattr(Worker, "prepare", fails("kernels"))
    assert main(options) != 0
    assert "['kernels/operation/relu_forward/262144']: RuntimeError: no" in capsys.readouterr().err
