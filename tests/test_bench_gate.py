"""The regression gate: what it decides on made-up noise and, from end to end, on planted times; and on this machine."""

import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
_spec = importlib.util.spec_from_file_location("gate", ROOT / "benchmarks" / "gate.py")
gate = sys.modules["gate"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(gate)

NAMES = [f"operation/{i}" for i in range(80)]


def heavy_tailed(rng, count):
    return 0.03 * rng.standard_t(2, count)


def drifting(rng, count):
    """The machine slows down by half, a little from one turn to the next: in which order they go is random."""
    return rng.choice([-1, 1], count) * 0.5 / count + 0.01 * rng.standard_normal(count)


def bimodal(rng, count):
    """Either side, in a fifth of its turns, at two thirds of the frequency."""
    slow = rng.random((2, count)) < 0.2
    return math.log(1.5) * (slow[0] * 1.0 - slow[1]) + 0.01 * rng.standard_normal(count)


def interrupted(rng, count):
    """Now and then a turn takes five times as long."""
    return math.log(5) * (rng.random(count) < 0.1) + 0.02 * rng.standard_normal(count)


NOISE = [heavy_tailed, drifting, bimodal, interrupted]


def machine(rng, noise, slowed=None, by=0.15, processes=0.02):
    """A `measure` whose times come from `noise`, and where every process has a bias of its own."""

    def measure(names, count):
        return {
            name: list(
                noise(rng, count) + processes * rng.standard_normal() + (math.log1p(by) if name == slowed else 0.0)
            )
            for name in names
        }

    return measure


def slower(verdicts):
    return [name for name, verdict in verdicts.items() if verdict.slower]


@pytest.mark.parametrize("noise", NOISE)
def test_equal_code_raises_no_alarm(noise):
    rng = np.random.default_rng(0)
    assert [slower(gate.find_slower(NAMES, machine(rng, noise))) for _ in range(50)] == [[]] * 50


@pytest.mark.parametrize("noise", NOISE)
def test_15_per_cent_is_caught_and_nothing_else(noise):
    rng = np.random.default_rng(1)
    found = [slower(gate.find_slower(NAMES, machine(rng, noise, NAMES[7]))) for _ in range(50)]
    assert all(set(names) <= {NAMES[7]} for names in found)
    assert sum(map(len, found)) >= 48


def test_less_than_half_the_effect_is_left_alone():
    rng = np.random.default_rng(2)
    assert slower(gate.find_slower(NAMES, machine(rng, heavy_tailed, NAMES[7], by=0.03, processes=0.0))) == []


def test_what_looked_slower_only_once_is_measured_again_and_cleared():
    calls = []

    def measure(names, count):
        calls.append((list(names), count))
        return {name: [0.2 if len(calls) == 1 and name == "b" else 0.0] * count for name in names}

    verdicts = gate.find_slower(["a", "b"], measure)
    assert calls == [(["a", "b"], gate.FIRST), (["b"], gate.AGAIN)]
    assert slower(verdicts) == []


def test_one_run_of_three_without_the_slow_down_is_no_alarm():
    fast, slow = [0.01] * gate.AGAIN, [0.2] * gate.AGAIN
    assert gate.judge([slow, slow, slow], 0.08, 1e-5).slower
    assert not gate.judge([slow, fast, slow], 0.08, 1e-5).slower
    mostly_fast = [0.01] * 13 + [0.2] * 12  # too few for the band of all blocks to reach down to them
    assert not gate.judge([slow, mostly_fast, slow], 0.08, 1e-5).slower


def test_the_band_of_a_baseline_is_allowed_for():
    runs = [[0.1] * gate.AGAIN] * 3
    assert gate.judge(runs, 0.08, 1e-5).slower
    assert not gate.judge(runs, 0.08, 1e-5, slack=0.05).slower


def test_the_band_of_a_baseline_is_taken_off_every_limit():
    # The medians are 0.2 and 0.15 above the slack, the lower limit of the band 0.08 and 0.03.
    runs = [[0.2] * 13 + [0.08] * 12] * 3
    assert gate.judge(runs, 0.08, 1e-5).slower
    assert not gate.judge(runs, 0.08, 1e-5, slack=0.05).slower
    # Half of the effect is 0.0385: a first look at 0.06 is suspicious, but not where 0.05 are allowed for.
    assert gate.suspicious([0.06] * 11, 0.08)
    assert not gate.suspicious([0.06] * 11, 0.08, slack=0.05)
    calls = []

    def measure(names, count):
        calls.append(list(names))
        return {name: [0.06] * count for name in names}

    gate.find_slower(["a", "b"], measure, slack={"a": 0.05})
    assert calls == [["a", "b"], ["b"], ["b"], ["b"]]


def test_noise_that_reaches_below_half_the_effect_is_no_slow_down():
    # Every run's median is 0.2; but of all 75 blocks 36 are at -0.2, and so is the lower limit of their band.
    runs = [[0.2] * 13 + [-0.2] * 12] * 3
    verdict = gate.judge(runs, 0.08, 1e-5)
    assert (verdict.band.centre, verdict.band.low, verdict.slower) == (0.2, -0.2, False)


def test_the_effect_itself_counts_and_a_little_less_does_not():
    effect = math.log1p(0.08)
    assert gate.judge([[effect] * 25] * 3, 0.08, 1e-5).slower
    assert not gate.judge([[effect - 1e-9] * 25] * 3, 0.08, 1e-5).slower


def test_the_chance_of_a_false_alarm_is_shared_by_all_benchmarks():
    """21 of 75 blocks show nothing: rare by chance for one benchmark (1 in 1,000), but not among 80."""

    def measure(names, count):
        fast = [0.0] * 7 if count == gate.AGAIN else []
        return {name: fast + [0.2] * (count - len(fast)) if name == "a" else [0.0] * count for name in names}

    assert slower(gate.find_slower(["a"], measure)) == ["a"]
    assert slower(gate.find_slower(["a", *NAMES], measure)) == []


def test_a_baseline_holds_the_middle_of_three_runs_and_the_highest_or_its_noise(monkeypatch, tmp_path):
    spread = [-0.05] * 5 + [0.0] + [0.05] * 5  # whose band at 95 % reaches from -0.05 to 0.05
    runs = [{"a": [0.1] * 11, "b": [0.0] * 11}, {"a": [0.0] * 11, "b": [0.01] * 11}, {"a": [0.02] * 11, "b": spread}]
    monkeypatch.setattr(gate, "against_reference", lambda threads: lambda names, count: runs.pop(0))
    gate.save(tmp_path / "baseline.json", ["a", "b"], 1)
    bands = json.loads((tmp_path / "baseline.json").read_text())["bands"]
    assert bands == {"a": {"centre": 0.02, "high": 0.1}, "b": {"centre": 0.0, "high": 0.05}}


def test_the_noise_is_that_of_what_is_fine():
    def verdict(half, slower=False):
        return gate.Verdict(gate.Band(0.0, -half, half), slower)

    assert gate.noise({"a": verdict(0.01), "b": verdict(0.02), "c": verdict(0.03)}) == pytest.approx(math.expm1(0.02))
    assert gate.noise({"a": verdict(0.01), "b": verdict(0.3, slower=True)}) == pytest.approx(math.expm1(0.01))
    assert math.isnan(gate.noise({"b": verdict(0.3, slower=True)}))


def test_the_band_is_where_order_statistics_put_it():
    # Of 15 blocks, 2 or fewer lie below the median with probability (1 + 15 + 105) / 2**15 = 0.0037.
    logs = list(range(15))
    assert gate.band(logs, 0.004) == gate.Band(7, 2, 12)
    assert gate.band(logs, 0.0036) == gate.Band(7, 1, 13)
    assert gate.band(logs[:3], 0.05) == gate.Band(1, -math.inf, math.inf)


def test_the_band_misses_the_median_as_rarely_as_it_says():
    rng = np.random.default_rng(3)
    missed = sum(gate.band(rng.standard_cauchy(15), 0.025).low > 0 for _ in range(4000)) / 4000
    assert 0.008 < missed < 0.027  # binomial steps: 0.0176 exactly


def test_nothing_measured_is_no_pass(capsys):
    assert gate.report({}, 0.08) == 2
    assert "nothing was measured" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [[math.nan] * 11, [0.0] * 10, [0.0] * 10 + [math.inf], []])
def test_what_is_no_number_is_no_pass(wrong):
    with pytest.raises(gate.Unusable, match="a: expected 11 times"):
        gate.find_slower(["a"], lambda names, count: {"a": wrong})


def test_a_suspect_that_vanishes_is_no_pass():
    def measure(names, count):
        return {"a": [0.2] * count} if count == gate.FIRST else {}

    with pytest.raises(gate.Unusable, match="a was measured once, and then no more"):
        gate.find_slower(["a"], measure)


def test_the_noise_band_is_stated_and_too_much_of_it_is_said(capsys):
    narrow, wide = (gate.Verdict(gate.Band(0.0, -half, half), False) for half in (0.02, 0.2))
    assert gate.report({"a": narrow}, 0.08) == 0
    assert "±2.0%" in (quiet := capsys.readouterr().out)
    assert "proves little" not in quiet
    assert gate.report({"a": wide}, 0.08) == 2
    assert "proves little" in capsys.readouterr().out
    slow = gate.Verdict(gate.Band(0.3, 0.2, 0.4), True, 3)
    assert gate.report({"a": wide, "b": slow}, 0.08) == 1  # which noise alone would not do


# From the command to its exit status, on times that are planted.

RELU = [f"operation/relu_{way}/{size}" for way in ("forward", "backward") for size in (16384, 262144)]


class Planted:
    """Stands for `Worker`: answers with times out of a table, which tests fill, with noise of 1 %."""

    seconds = {}  # by (side, "library/benchmark"), or by the benchmark alone; 1e-3 by default
    lacking = set()  # (side, benchmark)
    stalled = 1.0  # how many times as long the first sample of each turn takes, on the new side
    failing = None  # raised for samples
    pauses = []  # between turns
    rng = np.random.default_rng(0)

    def __init__(self, threads, root):
        assert threads == 1
        self.side = "new" if root == gate.ROOT else "old"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def prepare(self, identities):
        self.ready = [
            identity for identity in identities if (self.side, identity.partition("/")[2]) not in self.lacking
        ]
        return self.ready

    def samples(self, count):
        if self.failing:
            raise self.failing
        first = self.stalled if self.side == "new" else 1.0
        return {i: [self.time(i) * (first if turn == 0 else 1.0) for turn in range(count)] for i in self.ready}

    def time(self, identity):
        seconds = self.seconds.get((self.side, identity), self.seconds.get(identity, 1e-3))
        return seconds * math.exp(0.01 * self.rng.standard_normal())


@pytest.fixture
def planted(monkeypatch):
    monkeypatch.setattr(gate, "Worker", Planted)
    monkeypatch.setattr(Planted, "pauses", [])
    monkeypatch.setattr("numbanet.bench.turns.time.sleep", lambda seconds: Planted.pauses.append(seconds))
    monkeypatch.setattr(Planted, "seconds", {})
    monkeypatch.setattr(Planted, "lacking", set())
    monkeypatch.setattr(Planted, "stalled", 1.0)
    monkeypatch.setattr(Planted, "failing", None)
    monkeypatch.setattr(Planted, "rng", np.random.default_rng(0))
    return Planted


@pytest.fixture
def other(tmp_path):
    (tmp_path / "other" / "numbanet").mkdir(parents=True)
    return str(tmp_path / "other")


def run(capsys, *arguments, operations="relu_*ward"):
    """Exit status, what is printed, and what is complained of."""
    status = gate.main([*arguments, "--operations", operations, "--threads", "1"])
    return status, *capsys.readouterr()


def test_against_another_checkout_what_is_slower_is_named_and_decides_the_status(planted, other, capsys):
    assert run(capsys, "--against", other)[:1] == (0,)
    planted.seconds["new", f"kernels/{RELU[1]}"] = 1.2e-3
    status, said, _ = run(capsys, "--against", other)
    assert status == 1
    assert said.endswith(f"4 of 4 benchmarks measured, 1 slower: {RELU[1]}\n")
    (line,) = [line for line in said.splitlines() if line.startswith(RELU[1])]
    centre, low, high = map(float, re.findall(r"\d\.\d{3}", line))
    assert 1.19 < low <= centre <= high < 1.21
    assert line.endswith(" SLOWER")
    assert said.count("SLOWER") == 1
    assert "slow-downs of 8% or more count" in said


def test_against_another_checkout_what_is_faster_is_fine(planted, other, capsys):
    planted.seconds["old", f"kernels/{RELU[1]}"] = 1.2e-3
    status, said, _ = run(capsys, "--against", other)
    assert status == 0
    (line,) = [line for line in said.splitlines() if line.startswith(RELU[1])]
    assert 0.82 < float(line.split()[1]) < 0.85


def test_a_sample_that_was_interrupted_in_each_block_is_no_slow_down(planted, other, capsys):
    planted.stalled = 5.0
    status, said, _ = run(capsys, "--against", other)
    assert status == 0
    assert "more runs" not in said


def test_turns_are_apart_as_long_as_threads_spin(planted, other, tmp_path, capsys):
    run(capsys, "--against", other)
    assert set(planted.pauses) == {0.010}  # kernels'
    assert len(planted.pauses) == 4 * gate.FIRST * 2
    planted.pauses.clear()
    run(capsys, "--save", str(tmp_path / "baseline.json"))
    assert set(planted.pauses) == {0.150}  # OpenBLAS'
    assert len(planted.pauses) == 4 * gate.FIRST * gate.RUNS


def test_less_than_the_effect_is_fine_and_the_effect_can_be_chosen(planted, other, capsys):
    planted.seconds["new", f"kernels/{RELU[0]}"] = 1.06e-3
    status, said, _ = run(capsys, "--against", other)
    assert status == 0
    assert "fine after 3 more runs" in said
    assert run(capsys, "--against", other, "--effect", "0.04")[0] == 1


def test_what_one_of_the_two_lacks_is_named_and_all_of_it_is_no_pass(planted, other, capsys):
    planted.lacking = {("old", name) for name in RELU[:2]}
    status, said, _ = run(capsys, "--against", other)
    assert status == 0
    assert f"2 left out, which only one of the two has: {RELU[0]}, {RELU[1]}\n" in said
    assert said.endswith("2 of 4 benchmarks measured, 0 slower: none\n")
    planted.lacking = {("new", name) for name in RELU}
    status, said, _ = run(capsys, "--against", other)
    assert status == 2
    assert said.endswith("gate: nothing was measured\n")


def test_a_baseline_says_what_has_changed_since(planted, tmp_path, capsys):
    path = tmp_path / "baseline.json"
    planted.seconds = {f"reference/{name}": 3e-3 for name in RELU}  # kernels take a third
    status, said, _ = run(capsys, "--save", str(path))
    assert (status, said) == (0, f"4 of 4 benchmarks kept in {path}\n")
    assert [file.name for file in tmp_path.iterdir()] == ["baseline.json"]
    stored = json.loads(path.read_text())
    assert (stored["threads"], stored["numpy"], sorted(stored["bands"])) == (1, np.__version__, sorted(RELU))
    for entry in stored["bands"].values():
        assert entry["centre"] == pytest.approx(math.log(1 / 3), abs=0.01)
        assert entry["centre"] <= entry["high"] < entry["centre"] + 0.02
    assert run(capsys, "--baseline", str(path))[0] == 0
    planted.seconds[f"kernels/{RELU[2]}"] = 1.15e-3
    status, said, _ = run(capsys, "--baseline", str(path))
    assert status == 1
    assert said.endswith(f"4 of 4 benchmarks measured, 1 slower: {RELU[2]}\n")
    (line,) = [line for line in said.splitlines() if "SLOWER" in line]
    assert 1.13 < float(line.split()[1]) < 1.17  # of what the baseline has, not of the reference
    # A machine that has slowed down slows both.
    planted.seconds = {f"{kind}/{name}": 2 * t for name in RELU for kind, t in (("kernels", 1e-3), ("reference", 3e-3))}
    assert run(capsys, "--baseline", str(path))[0] == 0
    # Operations that the baseline does not have, or has besides.
    status, said, _ = run(capsys, "--baseline", str(path), operations="relu_forward,tanh_forward")
    assert status == 0
    assert "2 left out, which only one of the two has: operation/tanh_forward/16384, operation/tanh_forward" in said
    assert said.endswith("2 of 4 benchmarks measured, 0 slower: none\n")
    assert run(capsys, "--baseline", str(path), operations="tanh_forward")[0] == 2


def test_a_wide_baseline_is_allowed_for(planted, tmp_path, capsys):
    path = tmp_path / "baseline.json"
    run(capsys, "--save", str(path))
    stored = json.loads(path.read_text())
    stored["bands"][RELU[0]]["high"] = stored["bands"][RELU[0]]["centre"] + 0.15
    path.write_text(json.dumps(stored))
    planted.seconds = {f"kernels/{name}": 1.15e-3 for name in RELU[:2]}
    status, said, _ = run(capsys, "--baseline", str(path))
    assert status == 1
    assert said.endswith(f"1 slower: {RELU[1]}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "nosuchcommit"], "--against nosuchcommit: neither a commit nor a folder with numbanet in it"),
        (["--against", "--upload-pack=x"], None),  # argparse takes it for an option
        (["--against", "HEAD:numbanet"], "--against HEAD:numbanet: neither a commit"),
        (["--baseline", "missing.json"], "--baseline missing.json: No such file or directory"),
        (["--baseline", "."], "--baseline .: Is a directory"),
        (["--save", "missing/baseline.json"], "--save missing/baseline.json: No such file or directory"),
        (["--against", "HEAD", "--effect", "nan"], "--effect: expected a number above 0"),
        (["--against", "HEAD", "--effect", "0"], "--effect: expected a number above 0"),
        (["--against", "HEAD", "--threads", "0"], "--threads: expected 1 to "),
        (["--against", "HEAD", "--threads", "100000"], "--threads: expected 1 to "),
        ([], "one of the arguments --against --baseline --save is required"),
    ],
)
def test_what_is_told_wrong_ends_with_2_and_a_line(arguments, message, planted, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = gate.main(arguments)
    except SystemExit as ended:  # argparse
        status = ended.code
    assert status == 2
    assert (message or "") in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_nothing_has_ends_with_3(planted, other, capsys):
    for operations, message in (
        ("relu_foward", "'relu_foward'; did you mean relu_forward?"),
        ("relu_forward,", "network ''"),
        ("", "network ''"),
        ("relu_forward,xyz*", "'xyz*'"),
    ):
        status, said, complaint = run(capsys, "--against", other, operations=operations)
        assert (status, said) == (3, "")
        assert complaint.startswith("gate: --operations: no operation, pattern, family or ")
        assert complaint.endswith(f"{message}\n")


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("{", "not what --save writes"),
        ("[]", "not what --save writes"),
        ("{}", "not what --save writes"),
        ('{"bands": {"a": {}}}', "not what --save writes"),
        ('{"bands": {"a": {"centre": NaN, "high": 0}}}', "a band that is no number"),
        ('{"bands": {"a": {"centre": "0", "high": 0}}}', "not what --save writes"),
        ('{"threads": 1, "bands": {}}', "not what --save writes"),
        ({"threads": 64}, "of threads 64, and here it is 1"),
        ({"machine": "abacus"}, "of machine abacus, and here it is"),
        ({"numpy": "1.0"}, f"of numpy 1.0, and here it is {np.__version__}"),
    ],
)
def test_a_baseline_of_something_else_is_refused(stored, message, planted, tmp_path, capsys):
    path = tmp_path / "baseline.json"
    if isinstance(stored, dict):
        stored = json.dumps({**gate._here(1), "bands": {}, **stored})
    path.write_text(stored)
    status, said, complaint = run(capsys, "--baseline", str(path))
    assert (status, said) == (2, "")
    assert complaint.startswith(f"gate: --baseline {path}: ")
    assert message in complaint


@pytest.mark.parametrize("seconds", [math.nan, 0.0, -1e-3, math.inf])
def test_times_that_are_none_end_with_2(seconds, planted, other, tmp_path, capsys):
    for side in ("new", "old"):
        planted.seconds = {(side, f"kernels/{RELU[1]}"): seconds}
        status, said, complaint = run(capsys, "--against", other)
        assert (status, said) == (2, "")
        assert complaint.startswith(f"gate: {RELU[1]}: expected 11 times, each a number above 0")
    planted.seconds = {f"reference/{RELU[1]}": seconds}
    assert run(capsys, "--save", str(tmp_path / "baseline.json"))[0] == 2
    assert not (tmp_path / "baseline.json").exists()


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            gate.WorkerFailed("a worker ended with status -9 on samples\nTraceback"),
            2,
            "a worker ended with status -9 on",
        ),
        (ZeroDivisionError("division by zero"), 2, "ZeroDivisionError: division by zero"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_failure_is_no_slow_down(error, status, message, planted, other, capsys):
    planted.failing = error
    ended, said, complaint = run(capsys, "--against", other)
    assert (ended, said) == (status, "")
    assert complaint.startswith(f"gate: {message}")
    assert complaint.count("\n") == 1


def test_the_script_ends_with_these_statuses(tmp_path):
    """As a process; the second with a numbanet that cannot be imported, the third without git."""
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=shutil.ignore_patterns("__pycache__", ".asv"))
    (tmp_path / "numbanet").mkdir()
    (tmp_path / "numbanet" / "__init__.py").write_text("1 / 0\n")
    for root, environment, message in (
        (ROOT, {}, "gate: --against nosuchcommit: neither a commit"),
        (tmp_path, {"PYTHONPATH": ""}, f"gate: numbanet in {tmp_path} cannot be imported: ZeroDivisionError"),
        (ROOT, {"PATH": str(tmp_path)}, "gate: FileNotFoundError: "),
    ):
        command = [sys.executable, str(root / "benchmarks" / "gate.py"), "--against", "nosuchcommit"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)
        assert done.returncode == 2
        assert done.stderr.startswith(message)
        assert done.stderr.count("\n") == 1


def test_the_other_commit_is_a_work_tree_for_a_while():
    git = ["git", "-C", str(ROOT), "worktree", "list"]
    if not shutil.which("git") or subprocess.run(git, capture_output=True).returncode:
        pytest.skip("not a git checkout")
    with gate.checkout("HEAD") as other:
        assert (other / "numbanet" / "__init__.py").is_file()
    assert not other.exists()
    assert str(other) not in subprocess.run(git, capture_output=True, text=True, check=True).stdout


def test_benchmarks_are_chosen_by_name_family_and_pattern():
    assert gate.everything(["relu_forward"]) == ["operation/relu_forward/16384", "operation/relu_forward/262144"]
    assert {name.split("/")[0] for name in gate.everything(["networks"])} == {"network"}
    assert len(gate.everything()) > 80
    names = {name.split("/")[1] for name in gate.everything(["pooling", "*_loss"])}
    assert names == {
        *("max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward"),
        *("global_avg_pool_forward", "global_avg_pool_backward"),
        *("softmax_loss", "svm_loss", "squared_error_loss", "binary_cross_entropy_loss"),
        *("huber_loss", "absolute_error_loss", "soft_softmax_loss", "poisson_loss", "quantile_loss"),
    }
    assert set(gate.everything(["pooling", "*_loss", "networks"])) < set(gate.everything())


# On this machine: minutes, and only as good as it is left alone.

SOME = [
    "operation/affine_forward/64x784x256",
    "operation/affine_forward/256x1024x1024",
    "operation/relu_forward/262144",
    "operation/softmax_loss/256x1000",
    "operation/batchnorm_forward/256x512",
    "operation/adam_update/1000000",
]

EXTRA_WORK = """

def _slowed(function, part, arrays):
    def slowed(*arguments):  # for some of the rows once more: about 15 % in all
        function(*arguments)
        rows = len(arguments[0]) // part
        return function(*(a[:rows] if i in arrays else a for i, a in enumerate(arguments)))
    return slowed

affine_forward = _slowed(affine_forward, 10, (0, 3))  # and the weights are packed once more
softmax_loss = _slowed(softmax_loss, 7, (0, 1, 2))
"""
SLOWED = {"operation/affine_forward/256x1024x1024", "operation/softmax_loss/256x1000"}


@pytest.mark.slow
def test_20_identical_runs_raise_no_alarm():
    alarms = [slower(gate.find_slower(SOME, gate.against(ROOT, 2))) for _ in range(20)]
    assert alarms == [[]] * 20


@pytest.mark.slow
def test_a_kernel_that_does_15_per_cent_more_work_is_caught(tmp_path, monkeypatch):
    copy = shutil.copytree(ROOT / "numbanet", tmp_path / "numbanet", ignore=shutil.ignore_patterns("__pycache__"))
    with open(copy / "kernels" / "__init__.py", "a", encoding="utf-8") as kernels:
        kernels.write(EXTRA_WORK)
    monkeypatch.setattr(gate, "ROOT", tmp_path)
    verdicts = gate.find_slower(SOME, gate.against(ROOT, 2))
    gate.report(verdicts, gate.EFFECT)
    found = set(slower(verdicts))
    assert SLOWED <= found <= {*SLOWED, "operation/affine_forward/64x784x256"}
