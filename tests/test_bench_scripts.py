"""The scripts that compare products and convolutions: every figure from planted times, and what they refuse."""

import importlib.util
import itertools
import math
import re
import sys
from pathlib import Path

import pytest

from numbanet.bench import convolutions as convolution_table
from numbanet.bench import products as product_table
from numbanet.bench.operations import label
from numbanet.bench.turns import WorkerFailed

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
# A product takes us 1 µs for each element of its result, NumPy three and torch twice as long.
FACTORS = {"kernels": 1.0, "numpy": 3.0, "torch": 2.0}


def script(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planted(identity):
    """Seconds: by the library, and for a product by its size, for a convolution by what is computed."""
    library, kind, form, size = identity.split("/")
    if kind == "product":
        m, _, n = map(int, size.split("x"))
        return FACTORS[library] * m * n * 1e-6
    return FACTORS[library] * {"forward": 1e-3, "filters": 2e-3, "both": 5e-3}[form]


class Worker:
    def __init__(self, threads):
        self.turn = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def prepare(self, identities):
        self.ready = identities
        return identities

    def samples(self, count):
        self.turn += 1  # every third turn is a slow one, which medians are not moved by
        return {i: [planted(i) * (9 if self.turn % 3 == 0 else 1)] * count for i in self.ready}


@pytest.fixture
def run(monkeypatch, capsys):
    """A script's lines for these options."""

    def run(name, *options):
        module = script(name)
        monkeypatch.setattr(module, "Worker", Worker, raising=False)
        monkeypatch.setattr("numbanet.bench.turns.time.sleep", lambda seconds: None)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *options])
        module.main()
        return capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize("torch", [False, True])
def test_products(torch, run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: torch)
    lines = run("products", "--threads", "1", "--forms", "NN,TN", "--classes", "small")
    libraries = ["kernels", "numpy", *(["torch"] if torch else [])]
    assert lines[0] == "1 threads, float32; GFLOP/s, and theirs over ours"
    assert lines[1].split()[-len(libraries) - 1 :] == ["numbanet", *libraries[1:], "ratio"]
    ratio = 2.0 if torch else 3.0  # of the faster
    for line, (form, size) in zip(lines[2:], [(f, s) for f in ("NN", "TN") for s in product_table.SMALL], strict=False):
        m, k, n = size
        speeds = [f"{2 * m * k * n / (FACTORS[library] * m * n * 1e-6) / 1e9:.1f}" for library in libraries]
        assert line.split() == [form, label(size), *speeds, f"{ratio:.2f}x"]
    for line, form in zip(lines[-2:], ("NN", "TN"), strict=True):
        expected = f"small     {form}: 8 shapes, geometric mean {ratio:.2f}x, worst {ratio:.2f}x at "
        assert line.startswith(expected)
    assert len(lines) == 2 + 2 * 8 + 2


def test_the_mean_of_products_is_geometric_and_the_worst_is_named(run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    worst = product_table.SMALL[3]
    factors = {label(size): 1.5 if size == worst else 4.0 for size in product_table.SMALL}
    monkeypatch.setattr(
        sys.modules[__name__],
        "planted",
        lambda identity: 1e-3 * (factors[identity.split("/")[3]] if identity.startswith("numpy") else 1),
    )
    (line,) = run("products", "--threads", "1", "--forms", "NT", "--classes", "small")[-1:]
    mean = math.exp(sum(map(math.log, factors.values())) / 8)
    assert line == f"small     NT: 8 shapes, geometric mean {mean:.2f}x, worst 1.50x at {label(worst)}"


def test_convolutions(run):
    lines = run("convolutions", "--threads", "1", "--classes", "first")
    assert lines[0] == "1 threads, float32; GFLOP/s of ours, of torch, and torch's time over ours"
    seconds = {"forward": 1e-3, "filters": 2e-3, "data": 5e-3 - 2e-3}
    for line, size in zip(lines[2:], convolution_table.FIRST, strict=False):
        n, high, channels, filters, taps = size
        work = 2 * n * high * high * filters * channels * taps * taps / 1e9
        figures = [text for t in seconds.values() for text in (f"{work / t:.0f}", f"{work / t / 2:.0f}", "2.00x")]
        assert line.split() == [label(size), *figures]
    assert [line.split()[:6] for line in lines[-3:]] == [
        ["first", form, "5", "shapes,", "geometric", "mean"] for form in ("forward", "filters", "data")
    ]
    assert all(" 2.00x, worst 2.00x at " in line for line in lines[-3:])
    assert len(lines) == 2 + 5 + 3


class RowWorker(Worker):
    """Steps take a millisecond on one thread, and half of it on two; torch takes three times as long.

    Each round is slower than the last, and a library may fail, or have nothing.
    """

    made = []

    def __init__(self, threads, root=None):
        super().__init__(threads)
        self.threads, self.root = threads, root
        self.made.append((threads, root))
        self.slow = 1 + (len(self.made) - 1) // 4

    def prepare(self, identities):
        if identities[0].startswith("jax/network/64"):
            raise WorkerFailed("jax: RuntimeError: no\ntraceback")
        return [] if identities[0] == "sklearn/network/LeNet-5 at 2048/-" else super().prepare(identities)

    def samples(self, count):
        self.turn += 1
        library = self.ready[0].split("/")[0]
        seconds = self.slow * {"kernels": 1e-3 / self.threads, "torch": 1.5e-3}.get(library, 2.5e-3)
        seconds *= 9 if self.turn % 3 == 0 else 1.2 if self.root else 1
        return {self.ready[0]: [seconds] * count}


@pytest.fixture
def planted_rows(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "Worker", RowWorker)
    monkeypatch.setattr(RowWorker, "made", [])
    monkeypatch.setattr("numbanet.bench.versus.installed", lambda: ["torch", "sklearn"])
    monkeypatch.setattr("numbanet.bench.limits.Work.seconds", lambda work, threads: 1e-4 / threads)


def test_rows(run, planted_rows):
    """Of three rounds, slower by 1, 2 and 3, the middle one counts; in each, the median."""
    lines = run("rows", "--networks", "lenet,64-100", "--threads", "1,2")
    names = ["step of", "1 thread", "2 threads", "2 to 1", "limit", "of limit", "torch", "scikit-learn"]
    assert lines[0] == f"| {' | '.join(names)} |"
    assert lines[1] == "| --- |" + " --: |" * 7
    times = "2 ms | 1 ms | 2.00x | 50 µs | 0.05 | 3.00x"
    assert lines[2:] == [f"| 64-100-10 at 64 | {times} | 5.00x |", f"| LeNet-5 at 2048 | {times} |  |"]
    assert RowWorker.made == [(1, None), (2, None), (2, None), (2, None)] * 3


def test_rows_beside_another_checkout_and_more_threads_than_cores(run, planted_rows, tmp_path):
    (tmp_path / "numbanet").mkdir()
    options = "--networks", "64-100", "--threads", "1,4", "--rounds", "1", "--peers", "none"
    lines = run("rows", *options, "--against", str(tmp_path))
    assert lines[0] == f"| step of | 1 thread | 4 threads | 4 to 1 | limit | of limit | {tmp_path}, 4 |"
    # The limit is that of the cores there are.
    cores = min(4, script("rows").CPUS)
    limit = 1e-4 / cores
    figures = f"1 ms | 250 µs | 4.00x | {limit * 1e6:g} µs | {limit / 2.5e-4:.2f} | 1.20x"
    assert lines[2:] == [f"| 64-100-10 at 64 | {figures} |"]
    assert RowWorker.made == [(1, None), (4, None), (4, tmp_path)]


def test_a_library_that_fails_is_left_out_of_the_rows(run, planted_rows):
    with pytest.warns(UserWarning, match="jax is left out from 64-100-10 at 64 on: jax: RuntimeError: no"):
        lines = run("rows", "--networks", "64-100", "--threads", "1", "--peers", "torch,jax", "--rounds", "1")
    assert lines[0].endswith("| limit | of limit | torch | JAX |")
    assert lines[2] == "| 64-100-10 at 64 | 1 ms | 100 µs | 0.10 | 1.50x |  |"


def test_processes_that_never_rest_run_meanwhile_and_are_gone_afterwards():
    rows = script("rows")
    started = []
    popen = rows.subprocess.Popen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows.subprocess, "Popen", lambda command: started.append(popen(command)) or started[-1])
        with rows.hogs(2):
            assert [process.poll() for process in started] == [None, None]
        assert all(process.poll() is not None for process in started)
        assert len(started) == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rows", ["--networks", "64-100,lenot"], "--networks: no network 'lenot'"),
        ("rows", ["--networks", ""], "--networks: no network ''"),
        ("rows", ["--threads", "1,1"], "--threads: expected different numbers above 0, such as 1,"),
        ("rows", ["--threads", "two"], "--threads: expected different numbers above 0, such as 1,"),
        ("rows", ["--rounds", "0"], "--rounds: expected a whole number of at least 1, got '0'"),
        ("rows", ["--busy", "-1"], "--busy: expected"),
        ("rows", ["--peers", "torch,keras"], "--peers: expected some of all, none, torch, jax, jax_scan, sklearn, got"),
        ("products", ["--forms", "NM"], "--forms: expected some of NN, NT, TN, got 'NM'"),
        ("products", ["--classes", "trainin"], "got 'trainin'; did you mean training?"),
        ("products", ["--classes", ""], "--classes: expected some of training, small, cube, got ''"),
        ("products", ["--threads", "0"], "--threads: expected 1 to "),
        ("convolutions", ["--classes", "outer"], "--classes: expected some of first, inner, got 'outer'"),
        ("convolutions", ["--threads", "two"], "--threads: invalid threads value: 'two'"),
        ("cifar10", ["nowhere", "--threads", "-1"], "--threads: expected 1 to "),
    ],
)
def test_what_is_told_wrong_is_refused_before_anything_runs(name, options, message, run, capsys):
    with pytest.raises(SystemExit) as ended:
        run(name, *options)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


QUICK = ["column_sums", "lane_m*", "transpose", "to_all", "exp"]


def emitter_ratios(monkeypatch, capsys, *names):
    """The lines of `emitters.py` at sizes with tails, where it first checks that both loops give the same."""
    monkeypatch.syspath_prepend(FOLDER)
    module = script("emitters")
    times = itertools.cycle([3e-6, 1e-6])  # the plain loop's, and the emitter's
    monkeypatch.setattr(module, "taken", lambda loop, arguments, repeats: next(times))
    module.main([*names, "--rounds", "1"], small=True)
    machine, head, *lines = capsys.readouterr().out.splitlines()
    assert "one thread, float32" in machine
    assert head.split() == ["emitter", "size", "plain", "emitted", "ratio"]
    assert all(line.split()[2:5] == ["3.0", "1.0", "3.00"] for line in lines)
    return module, [line.split()[0] for line in lines]


def test_emitters_and_their_plain_loops_agree(monkeypatch, capsys):
    _, names = emitter_ratios(monkeypatch, capsys, *QUICK)
    assert names == ["column_sums", "lane_max", "transpose", "to_all", "exp"]


@pytest.mark.slow
def test_all_emitters_and_their_plain_loops_agree(monkeypatch, capsys):
    module, names = emitter_ratios(monkeypatch, capsys)
    assert names == [comparison.name for comparison in module.table()]


def test_a_plain_loop_that_gives_something_else_is_seen(monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    module = script("emitters")
    wrong = lambda a: a[0]  # noqa: E731
    monkeypatch.setattr(module.plain_loops, "lane_max", wrong)
    with pytest.raises(AssertionError, match="array 0"):
        module.main(["lane_max", "--rounds", "1"], small=True)


def test_unknown_emitters_are_refused(monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    with pytest.raises(SystemExit):
        script("emitters").main(["lane_min"])
    assert "no emitter is called lane_min; there are column_sums," in capsys.readouterr().err


def test_large_data_are_compared_with_the_same_in_memory(capsys):
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    script("large").main(["--rows", "30000", "--turns", "1", "--hidden", "4"])
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "30,000 rows of 20 columns, 2 MiB, hidden 4"
    for form, row in zip(("memory", "npy", "parquet"), rows[1:], strict=False):
        assert re.fullmatch(rf"{form} +an epoch +[\d.]+ s, the whole .* s; held .* MiB; accuracy 0\.\d{{4}}", row)
    for form, row in zip(("npy", "parquet"), rows[4:], strict=True):
        assert re.fullmatch(rf"{form}: [\d.]+ of the speed in memory", row)


def test_sweeps_are_compared(capsys):
    pytest.importorskip("optuna", reason="needs optuna")
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    options = ["numbanet", "scikit-learn", "--data", "wine", "--trials", "3", "--epochs", "2", "--turns", "1"]
    script("sweeps").main(options)
    title, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("wine, 3 trials of 2 epochs, ")
    assert [row.split()[0] for row in rows] == ["numbanet", "scikit-learn"]
    assert rows[0].split()[3] == "1.00x"
    with pytest.raises(SystemExit):
        script("sweeps").main(["sklearn"])
