"""What `numbanet bench` and the suite are made of: the table, the sampling, the processes, the report, the command."""

import importlib.util
import math
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import numbanet
from numbanet import reference
from numbanet.bench import commits, report, turns, versus
from numbanet.bench.operations import arguments, cases, error, label, moved_bytes, parse, work
from numbanet.bench.products import FORMS, SHAPES, Product
from numbanet.bench.timing import Benchmark, fastest, interleaved
from numbanet.cli import main
from numbanet.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[1]


def smallest(operation):
    return tuple(min(length, 8 + 4 * i) for i, length in enumerate(operation.sizes.timed[0]))


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_a_call_changes_is_what_the_table_says(name):
    operation = OPERATIONS[name]
    given = arguments(operation, smallest(operation))
    before = {key: value.copy() for key, value in given.items() if isinstance(value, np.ndarray)}
    getattr(reference, name)(*given.values())
    changed = {key for key, value in before.items() if not np.array_equal(given[key], value)}
    assert changed == {*operation.arrays("output"), *operation.arrays("updated")}
    assert all(np.isfinite(given[key]).all() for key in changed)


def test_bytes_count_updated_arrays_twice_and_flops_the_products():
    adam = OPERATIONS["adam_update"]
    assert moved_bytes(adam, arguments(adam, (10,))) == 4 * 10 * (3 * 2 + 1)
    assert work(OPERATIONS["affine_forward"], (2, 3, 5)) == 2 * 2 * 3 * 5
    assert work(OPERATIONS["affine_backward"], (2, 3, 5)) == 4 * 2 * 3 * 5
    assert work(adam, (10,)) is None


def test_sizes_are_read_as_they_are_written():
    assert [parse(label(size)) for _, size in cases()] == [size for _, size in cases()]
    assert len(list(cases(large=True))) > len(list(cases()))


def test_errors_are_in_units_in_the_last_place():
    operation = OPERATIONS["relu_forward"]

    def off_by_two(x, out):
        reference.relu_forward(x, out)
        largest = out.argmax()
        out[largest] += 2 * np.spacing(out[largest])

    assert error(operation, (16,), reference.relu_forward, reference.relu_forward) == 0
    assert error(operation, (16,), off_by_two, reference.relu_forward) == 2

    def nothing_but_nan(x, out):
        out[:] = np.nan

    assert error(operation, (16,), nothing_but_nan, reference.relu_forward) == math.inf


def test_errors_of_sums_are_in_units_of_the_largest_element():
    operation = OPERATIONS["affine_forward"]

    def off(x, w, b, out):
        reference.affine_forward(x, w, b, out)
        flat = np.abs(out).ravel()
        out.ravel()[flat.argmin()] += 3 * np.spacing(flat.max())

    exact = error(operation, (4, 3, 5), reference.affine_forward, reference.affine_forward)
    assert exact < 2
    assert 3 - exact <= error(operation, (4, 3, 5), off, reference.affine_forward) <= 3 + exact


def test_a_sample_is_seconds_for_each_part_and_restores_outside_the_clock():
    calls, restored = [], []
    benchmark = Benchmark(lambda: calls.append(1), lambda: restored.append(len(calls)), parts=5)
    benchmark.calls = 3
    assert 0 < benchmark.sample() < 1
    assert (len(calls), restored) == (3, [0])


def test_calibration_fills_a_sample():
    benchmark = Benchmark(lambda: None).calibrate(seconds=1e-3)
    assert benchmark.calls > 100


def test_the_fastest_way_is_chosen():
    slow, fast = Benchmark(lambda: sum(range(50_000))), Benchmark(lambda: None)
    assert fastest([slow, fast]) is fast


def test_turns_are_taken_in_every_order():
    order = []
    names = {name: Benchmark(lambda name=name: order.append(name)) for name in "ab"}
    taken = interleaved(names, 40)
    assert {len(samples) for samples in taken.values()} == {40}
    assert {"ab", "ba"} == {"".join(order[i : i + 2]) for i in range(0, 80, 2)}


def test_products_have_the_forms_they_are_named_after():
    for form in FORMS:
        a, b, out = Product(form, (3, 4, 5)).arrays()
        assert (a.shape, b.shape, out.shape, out.dtype) == ((3, 4), (4, 5), (3, 5), np.float32)
        assert [array.flags.c_contiguous for array in (a, b)] == [way == "N" for way in form]
    assert Product("NN64", (3, 4, 5)).arrays()[0].dtype == np.float64
    assert len(set(SHAPES)) == len(SHAPES) >= 24


IDS = ["kernels/operation/relu_forward/16384", "reference/operation/relu_forward/16384"]


def test_a_worker_measures_in_its_own_process():
    with turns.Worker(1) as worker:
        assert worker.prepare([*IDS, "numpy/operation/relu_forward/16384"]) == IDS
        blocks = turns.blocks({"only": worker}, 2, 3)
    assert [set(block) for block in blocks] == [{("only", identity) for identity in IDS}] * 2
    assert all(len(samples) == 3 and min(samples) > 0 for block in blocks for samples in block.values())


def test_in_each_block_every_worker_has_a_turn_in_random_order_after_a_pause(monkeypatch):
    happened = []

    class Told:
        def __init__(self, name):
            self.name = name

        def samples(self, count):
            happened.append(self.name)
            return {"id": [float(count)]}

    monkeypatch.setattr(turns.time, "sleep", lambda seconds: happened.append(seconds))
    taken = turns.blocks({"a": Told("a"), "b": Told("b")}, 40, 3, pause=0.25)
    assert taken == [{("a", "id"): [3.0], ("b", "id"): [3.0]}] * 40
    assert happened[::2] == [0.25] * 80
    pairs = ["".join(happened[i : i + 4 : 2]) for i in range(1, 160, 4)]
    assert set(pairs) == {"ab", "ba"}


def test_a_worker_has_as_many_threads_as_it_is_told_for_every_library(tmp_path, monkeypatch):
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBANET_NUM_THREADS", "OPENBLAS_CORETYPE"]
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    code = "# {!r}\nimport json, os, sys; sys.stdin.readline()\n"
    code += f"print(json.dumps(dict(answer=[*map(os.environ.get, {names}), *sys.argv[1:], os.getcwd()])))"
    monkeypatch.setattr(turns, "CODE", code)
    with turns.Worker(3, tmp_path) as worker:
        assert worker.prepare([]) == ["3", "3", "3", "3", None, "3", str(tmp_path), str(tmp_path)]


def test_a_worker_imports_the_checkout_it_is_given_and_measures_with_this_one(tmp_path):
    package = shutil.copytree(ROOT / "numbanet", tmp_path / "numbanet", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(package / "bench")
    with open(package / "__init__.py", "a", encoding="utf-8") as source:
        source.write("\nfrom . import reference\n\ndel reference.relu_forward\n")
    with turns.Worker(1, tmp_path) as worker:
        assert worker.prepare(IDS) == IDS[:1]


def test_an_error_in_a_worker_is_told():
    with turns.Worker(1) as worker, pytest.raises(turns.WorkerFailed) as raised:
        worker.prepare(["nowhere/operation/relu_forward/16384"])
    first, *rest = str(raised.value).splitlines()
    assert first.endswith("KeyError: 'nowhere'")
    assert rest[0].startswith("Traceback")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("", 0),
        ("raise SystemExit(7)", 7),
        ("print('{\"answer\": [', end='', flush=True)", 0),  # dies with half an answer
        ("import time; time.sleep(600)", -9),
    ],
)
def test_a_worker_that_does_not_answer_is_told(code, status, monkeypatch):
    monkeypatch.setattr(turns, "CODE", f"# {{!r}}\n{code.replace('{', '{{')}")
    monkeypatch.setattr(turns, "ANSWER_SECONDS", 0.3 if status == -9 else 60)
    with turns.Worker(1) as worker, pytest.raises(turns.WorkerFailed, match=rf"a worker ended with status {status} on"):
        worker.prepare(IDS)


def test_peaks_are_found_and_two_sizes_are_told_apart():
    multiply_adds, caches = versus.peaks.multiply_adds(1), versus.peaks.bandwidth(1 << 16, 1)
    assert multiply_adds > 1e9  # a multiply-add of one number at 0.5 GHz
    assert caches > 1e8
    assert versus.peaks.multiply_adds(1) == multiply_adds  # it is found once


def test_a_peak_counts_the_time_that_threads_have_a_core(monkeypatch):
    """Each thread's own: one takes 1 ms of it for a repeat of 5, the other 2, whatever the clock on the wall says."""
    own = threading.local()

    def takes(seconds):
        def function(times):
            own.now += times * seconds

        return function

    def clock():
        own.now = getattr(own, "now", 0.0)
        return own.now

    monkeypatch.setattr(versus.peaks, "CLOCK", clock)
    found = versus.peaks._rate([(takes(1e-3), 5), (takes(2e-3), 5)])
    assert found == pytest.approx(5 / 1e-3 + 5 / 2e-3)


def test_a_worker_trains_and_predicts():
    ids = [f"kernels/{kind}/20-64-32-2 at 32/-" for kind in ("network", "prediction")]
    with turns.Worker(1) as worker:
        assert worker.prepare(ids) == ids
        assert {name: len(seconds) for name, seconds in worker.samples(2).items()} == dict.fromkeys(ids, 2)


def row(**seconds):
    return report.Row("relu_forward", "16384", seconds, 2e9, "GB/s", 8e9)


def test_a_row_has_time_rate_share_and_ratios():
    columns = report.cells(row(kernels=2e-6, reference=5e-6, torch=4e-6), ["reference", "torch", "jax"])
    assert columns == ["relu_forward", "16384", "2 µs", "2 GB/s", "25%", "", "2.5x", "2x", ""]
    assert report.cells(replace(row(kernels=2e-6), limit=9e-7), [])[4:] == ["25%", "45%"]
    assert report.means([row(kernels=1, torch=2), row(kernels=1, torch=8)], ["torch"]).endswith("torch 4x")


def test_columns_are_named():
    columns = report.header(["reference", "torch", "jax", "jax_scan", "sklearn"])
    names = ["", "size", "numbanet", "rate", "of peak", "of limit", *report.NAMES.values()]
    assert columns == names
    assert list(report.NAMES.values()) == ["reference", "torch", "JAX", "JAX scan", "scikit-learn"]
    table = report.markdown(["about"], [row(kernels=1.0, torch=2.0)], ["torch"]).splitlines()
    assert table[2] == "|  | size | numbanet | rate | of peak | of limit | torch |"
    assert table[3] == "| --- | --- | --: | --: | --: | --: | --: |"
    assert table[0] == "about"


def test_markdown_leaves_out_libraries_that_have_nothing():
    text = report.markdown(["about"], [row(kernels=1.0, torch=2.0)], ["torch", "sklearn"])
    assert "| relu_forward | 16384 | 1 s | 2 GB/s | 25% |  | 2x |" in text
    assert "scikit-learn" not in text


def test_only_what_is_between_the_markers_is_replaced():
    text = f"before\n{report.START}\nold\n{report.END}\nafter\n"
    assert report.between_markers(text, "new\n") == f"before\n{report.START}\nnew\n{report.END}\nafter\n"
    assert report.between_markers("no markers", "new") is None


def test_the_command_prints_and_writes(tmp_path, capsys, monkeypatch):
    # The machine's peaks, which take seconds to find, are in another test.
    monkeypatch.setattr(versus.peaks, "multiply_adds", lambda threads: 1e11)
    monkeypatch.setattr(versus.peaks, "bandwidth", lambda size, threads: 1e10)
    target = tmp_path / "README.md"
    target.write_text(f"# Title\n{report.START}\n{report.END}\n", encoding="utf-8")
    options = ["--quick", "--no-peers", "--threads", "1", "--operations", "relu_forward"]
    assert main(["bench", *options, "--write", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "relu_forward" in printed
    assert "GB/s" in printed
    written = target.read_text(encoding="utf-8")
    assert "| relu_forward | 262144 |" in written
    assert written.startswith("# Title\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--operations", "relu_foward"], "did you mean relu_forward"),
        (["--operations", "xyz"], "families are"),
        (["--threads", "1000000"], "--threads"),
        (["--write", "missing.md"], "missing.md"),
        (["--write", __file__], "to write between"),
    ],
)
def test_bad_options_are_refused_before_anything_is_measured(options, message, capsys):
    assert main(["bench", *options]) in (1, 2)
    assert message in capsys.readouterr().err


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("printed", "status", "measured", "bad"),
    [
        ("[ 50.00%] ··· operations.Affine.time_call     ok\n", 0, 1, 0),
        ("[ 50.00%] ··· training.WarmProcess.time_import     1.03±0s\n", 0, 1, 0),
        ("[  1.92%] ··· operations.Affine.time_call     3/6 failed\n", 2, 0, 1),
        ("[ 50.00%] ··· operations.Affine.time_call     failed\n", 2, 0, 1),
        ("[ 50.00%] ··· operations.Affine.time_call     ok\n            kernels   n/a\n", 0, 1, 1),
        ("[ 50.00%] ··· operations.Affine.time_call     n/a\n", 0, 0, 2),
        ("· Running 1 total benchmarks (1 commits)\n[50.00%] ··· operations.Affine.time_call     ok\n", 0, 1, 0),
        ("· Running 2 total benchmarks (1 commits)\n[50.00%] ··· operations.Affine.time_call     ok\n", 0, 1, 1),
        ("", 1, 0, 1),
        ("· No benchmarks selected\n", 0, 0, 0),
    ],
)
def test_the_quick_run_fails_where_something_failed_or_was_skipped(printed, status, measured, bad):
    found = script("quick").judge(printed, status)
    assert tuple(map(len, found)) == (measured, bad)


@pytest.fixture(scope="module")
def other_commit(tmp_path_factory):
    """A checkout without a benchmark of its own that runs, and whose table lacks an operation that ours has."""
    root = tmp_path_factory.mktemp("other")
    shutil.copytree(ROOT / "numbanet", root / "numbanet", ignore=shutil.ignore_patterns("__pycache__"))
    for module in (root / "numbanet" / "bench").glob("*.py"):
        module.write_text("raise ImportError('the other commit's')\n")
    with (root / "numbanet" / "operations" / "__init__.py").open("a") as table:
        table.write("del OPERATIONS['mish_forward'], OPERATIONS['mish_backward']\n")
    return root


def test_another_commit_is_measured_by_our_code_and_our_table(other_commit):
    """The table is asked for sizes and arguments; what the other commit has no kernel for is not measured."""
    ids = [f"kernels/{kind}" for kind in ("operation/relu_forward/64", "operation/mish_forward/64")]
    network = "kernels/network/20-64-32-2 at 32/-"
    with turns.Worker(1, other_commit) as worker:
        assert worker.prepare([*ids, network]) == [ids[0], network]
        assert all(seconds[0] > 0 for seconds in worker.samples(1).values())


def test_the_graft_leaves_the_rest_to_the_other_commit(other_commit):
    code = f"""
import runpy
runpy.run_path({str(turns.GRAFT)!r})
import numbanet
from numbanet.bench import ours
from numbanet.operations import OPERATIONS
print(numbanet.__file__, numbanet.kernels.__file__, ours.__file__, "mish_forward" in OPERATIONS)
print(hasattr(numbanet.kernels, "mish_forward"), hasattr(numbanet.reference, "mish_forward"))
"""
    # Python looks in the folder that it is started in first.
    done = subprocess.run([sys.executable, "-c", code], cwd=other_commit, capture_output=True, text=True, check=True)
    theirs, here = other_commit / "numbanet", ROOT / "numbanet"
    files = theirs / "__init__.py", theirs / "kernels" / "__init__.py", here / "bench" / "ours.py"
    assert done.stdout.split() == [*map(str, files), "True", "False", "False"]


def test_a_worker_refuses_another_checkout_than_it_was_told(tmp_path):
    with turns.Worker(1, tmp_path) as worker, pytest.raises(turns.WorkerFailed, match="ended with status 1"):
        worker.prepare(["kernels/operation/relu_forward/64"])


def test_earlier_commits_are_measured_by_their_names(monkeypatch):
    assert commits._find("workspace", "no_such.module", "_image_shapes") is numbanet._image_shapes.workspace
    with pytest.raises(ImportError, match="no workspace in no_such"):
        commits._find("workspace", "no_such")
    assert commits.solver_options(optimizer="adam", epochs=3) == {"optimizer": "adam", "epochs": 3}

    def earlier(model, data, *, update_rule, optim_config, num_epochs, batch_size):
        pass

    monkeypatch.setattr(commits.numbanet, "Solver", earlier)
    asked = {"optimizer": "adam", "optimizer_options": {}, "epochs": 3, "batch_size": 5}
    assert commits.solver_options(**asked) == {
        "update_rule": "adam",
        "optim_config": {},
        "num_epochs": 3,
        "batch_size": 5,
    }
