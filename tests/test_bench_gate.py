"""The regression gate: what it decides on made-up noise, and what it finds on this machine."""

import importlib.util
import math
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


def test_the_band_of_a_baseline_is_allowed_for():
    runs = [[0.1] * gate.AGAIN] * 3
    assert gate.judge(runs, 0.08, 1e-5).slower
    assert not gate.judge(runs, 0.08, 1e-5, slack=0.05).slower


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


def test_the_noise_band_is_stated_and_too_much_of_it_is_said(capsys):
    narrow, wide = (gate.Verdict(gate.Band(0.0, -half, half), False) for half in (0.02, 0.2))
    assert gate.report({"a": narrow}, 0.08) == 0
    assert "±2.0%" in (quiet := capsys.readouterr().out)
    assert "proves little" not in quiet
    assert gate.report({"a": wide}, 0.08) == 0
    assert "proves little" in capsys.readouterr().out


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
