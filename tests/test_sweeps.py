"""Sweeps: what is drawn, which trial is the best, what is ended early, and that one that was stopped goes on."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from nets import digits

import numbanet
from numbanet import Affine, DataError, ReLU, Sequential, Solver, sweep
from numbanet.runtime.threads import choice
from numbanet.tuning.space import Choices, Range, Space, read_space

optuna = pytest.importorskip("optuna", reason="needs optuna")

DATA = digits()


def build(values, data=DATA, epochs=6, **options):
    width = values.get("width", 8)
    model = Sequential([Affine(width), ReLU(), Affine(10)], 64, seed=0)
    rate = {"learning_rate": values.get("rate", 0.1)}
    return Solver(model, data, optimizer="sgd", optimizer_options=rate, batch_size=50, epochs=epochs, **options)


RATES = {"rate": [0.001, 0.03, 0.3, 1.0], "width": [4, 8]}
SPACE = {"rate": (0.001, 1.0, "log"), "width": (4, 16)}
QUIET = {"verbose": False, "threads": 1}


def drawn(found):
    return {trial.number: trial.values for trial in found.trials}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, "a", None], Choices((1, "a", None), (1, "a", None))),
        ([[64, 64], [], [8]], Choices(("64,64", "none", "8"), ([64, 64], [], [8]))),
        ([np.tanh, print], Choices(("tanh", "print"), (np.tanh, print))),
        ((1e-4, 0.1), Range(1e-4, 0.1)),
        ((4, 64), Range(4, 64)),
        ((4, 64, "log"), Range(4, 64, True)),
        ((0.0, 0.5, 0.25), Range(0.0, 0.5, False, 0.25)),
        ((0, 0.5), Range(0.0, 0.5)),
        ({"low": 1, "high": 9, "step": 2}, Range(1, 9, False, 2)),
        ("1e-4..1e-1:log", Range(1e-4, 0.1, True)),
        ("0.0..0.5:0.1", Range(0.0, 0.5, False, 0.1)),
        ("-3..3", Range(-3, 3)),
        ("adam|sgd", Choices(("adam", "sgd"), ("adam", "sgd"))),
        ("1|0.5|true|None", Choices((1, 0.5, True, None), (1, 0.5, True, None))),
    ],
)
def test_a_space_in_plain_terms(given, expected):
    part = Space({"x": given}).parts["x"]
    assert part == expected
    assert [type(each) for each in part] == [type(each) for each in expected]
    assert not isinstance(part, Range) or part.whole == isinstance(expected.low, int)


def test_on_a_command_line_choices_stay_text():
    assert Space({"hidden": "64,64|256"}, as_text=True).parts["hidden"].values == ("64,64", "256")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, ValueError, "space: expected at least one name"),
        ([1], TypeError, "space: expected a dict of choices and ranges by name, got list"),
        ({"x": []}, ValueError, "space: x: expected at least one choice, got none"),
        ({"x": 3}, TypeError, "space: x: expected a list of choices, a range"),
        ({"x": [1, 2, 1]}, ValueError, "space: x: the choice 1 is there twice"),
        ({"x": (2, 1)}, ValueError, r"space: x: expected a range from low to high, got 2\.\.1"),
        ({"x": (0, 1.0, "log")}, ValueError, r"space: x: a range of magnitudes begins above 0, got 0\.\.1"),
        ({"x": (1, 2, "lg")}, ValueError, "space: x: expected 'log' or a step, got 'lg'"),
        ({"x": (1, math.inf)}, ValueError, "space: x: expected a range from low to high"),
        ({"x": (1, 2, 0)}, ValueError, "space: x: expected an integer of at least 1, got 0"),
        ({"x": (1,)}, ValueError, "space: x: expected a list of choices, a range"),
        ({"x": {"low": 1, "hgih": 2}}, ValueError, "space: x: .*'hgih'; did you mean 'high'?"),
        ({"x": {"low": 1}}, ValueError, "space: x: expected low and high"),
        ({"x": "1..b"}, ValueError, r"space: x: expected LOW\.\.HIGH, .* with numbers, got '1\.\.b'"),
        ({"x": "1..2:lin"}, ValueError, r"space: x: expected LOW\.\.HIGH, .* got '1\.\.2:lin'"),
        ({"x": {"low": 1, "high": 8, "log": True, "step": 2}}, ValueError, "has no step, got 2"),
        ({3: [1]}, TypeError, "space: expected names, got int 3"),
    ],
)
def test_what_is_no_space_is_refused_by_name(given, error, message):
    with pytest.raises(error, match=message):
        Space(given)


def test_a_grid_by_hand():
    space = Space({"a": "0.0..0.5:0.25", "b": [True, 1], "c": (1, 7, 3)})
    points = [(point["a"], point["b"], point["c"]) for point in space.grid()]
    assert points == [(a, b, c) for a in (0.0, 0.25, 0.5) for b in (True, 1) for c in (1, 4, 7)]
    assert [type(space.values(point)["b"]) for point in space.grid()[::3]] == [bool, int] * 3
    for given, message in (((0.1, 1.0), "a grid needs choices, or a range with a step"), ((1, 10**6), "1,000,000 poi")):
        with pytest.raises(ValueError, match=f"space: x: .*{message}"):
            Space({"x": given}).grid()


def test_a_space_in_a_file(tmp_path):
    given = {"rate": "1e-4..1e-1:log", "hidden": [[64], [32, 32]], "width": {"low": 1, "high": 8}}
    (tmp_path / "space.json").write_text(json.dumps(given))
    assert read_space(tmp_path / "space.json") == given
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match="bad.json: not JSON, or damaged"):
        read_space(tmp_path / "bad.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ValueError, match="list.json: expected choices and ranges by name, got list"):
        read_space(tmp_path / "list.json")
    toml = 'rate = "1e-4..1e-1:log"\nhidden = [[64], [32, 32]]\nwidth = {low = 1, high = 8}\n'
    (tmp_path / "space.toml").write_text(toml)
    if sys.version_info >= (3, 11):
        assert read_space(tmp_path / "space.toml") == given
    else:
        with pytest.raises(ValueError, match="reads no TOML"):
            read_space(tmp_path / "space.toml")


def test_each_trial_is_the_training_alone_and_the_best_comes_first():
    found = sweep(build, RATES, sampler="grid", pruner="none", **QUIET)
    assert len(found.trials) == 8
    alone = {}
    for trial in found.trials:
        solver = build(trial.values, verbose=False)
        solver.train()
        alone[trial.number] = solver.best_val_loss
        assert trial.value == solver.best_val_loss
        assert trial.row == solver.best_row
        assert (trial.epochs, trial.outcome) == (6, "complete")
    assert sorted((values["rate"], values["width"]) for values in drawn(found).values()) == sorted(
        (rate, width) for rate in RATES["rate"] for width in RATES["width"]
    )
    assert [trial.value for trial in found.trials] == sorted(alone.values())
    assert found.best is found.trials[0]
    assert found.monitor == "val_loss"
    assert not found.greater_is_better
    assert found.study.best_value == found.best.value


def test_what_is_monitored_may_be_a_score():
    found = sweep(build, RATES, sampler="grid", pruner="none", monitor="val_accuracy", **QUIET)
    values = [trial.value for trial in found.trials]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]
    assert found.greater_is_better
    chosen = sweep(lambda values: build(values, monitor="val_accuracy"), RATES, trials=2, **QUIET)
    assert chosen.monitor == "val_accuracy"


def test_random_draws_depend_on_the_seed_and_the_number_alone(tmp_path):
    options = {"sampler": "random", "pruner": "none", "verbose": False}
    space = {**SPACE, "kind": ["a", "b", "c"], "part": "0.0..1.0:0.5"}
    found = drawn(sweep(build, space, trials=8, threads=1, **options))
    side_by_side = sweep(build, space, trials=8, folder=tmp_path, **options)
    assert drawn(side_by_side) == found
    assert len({values["rate"] for values in found.values()}) == 8
    assert drawn(sweep(build, space, trials=8, seed=1, threads=1, **options)) != found
    for values in found.values():
        assert 0.001 <= values["rate"] <= 1
        assert float(f"{values['rate']:.4g}") == values["rate"]
        assert values["width"] in range(4, 17)
        assert values["part"] in (0.0, 0.5, 1.0)


def test_the_parzen_estimator_learns():
    """After ten random trials it draws near the best: its rates' mean distance from it is a fraction of theirs."""
    found = sweep(build, {"rate": (1e-6, 1.0, "log")}, trials=24, pruner="none", seed=3, **QUIET)
    best = math.log10(found.best.values["rate"])
    distance = {number: abs(math.log10(values["rate"]) - best) for number, values in drawn(found).items()}
    before, after = (np.mean([distance[number] for number in numbers]) for numbers in (range(10), range(10, 24)))
    assert after < before / 2


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_a_sweep_that_is_taken_up_is_the_one_that_was_never_stopped(tmp_path, sampler):
    space = {"rate": [0.001, 0.01, 0.1, 1.0], "width": (4, 8)}
    options = {"sampler": sampler, **QUIET}
    whole = sweep(build, space, trials=16, **options)
    sweep(build, space, trials=5, folder=tmp_path, **options)
    built = []
    sweep(lambda values: built.append(1) or build(values), space, trials=16, folder=tmp_path, **options)
    assert len(built) == 11
    again = sweep(build, space, trials=16, folder=tmp_path, **options)
    strip = [
        (trial.number, trial.values, trial.value, trial.row, trial.epochs, trial.outcome) for trial in whole.trials
    ]
    assert [(t.number, t.values, t.value, t.row, t.epochs, t.outcome) for t in again.trials] == strip


def test_a_trial_that_lags_behind_is_ended():
    """Five trials set the median; one with a rate that learns nothing is ended after the first quarter."""
    rates = iter([0.1, 0.2, 0.3, 0.15, 0.25, 1e-6, 0.2])
    sent = []

    def slow(values):
        return build({"rate": next(rates)}, epochs=8, callbacks=[lambda solver, logs: sent.append(solver)])

    found = sweep(slow, {"x": (0.0, 1.0)}, trials=6, sampler="random", **QUIET)
    trials = {trial.number: trial for trial in found.trials}
    assert [trials[number].outcome for number in range(6)] == ["complete"] * 5 + ["pruned"]
    assert trials[5].epochs == 3  # the first after a quarter of 8
    assert sent.count(sent[-1]) == 3
    assert found.trials[-1].number == 5
    rates = iter([0.1, 0.2, 0.3, 0.15, 0.25, 1e-6, 0.2])
    found = sweep(slow, {"x": (0.0, 1.0)}, trials=6, sampler="random", pruner="none", **QUIET)
    assert {trial.outcome for trial in found.trials} == {"complete"}


def test_halving_keeps_a_quarter_at_each_rung():
    rates = iter([0.3, 0.2, 1e-6, 1e-6, 0.3])
    found = sweep(
        lambda values: build({"rate": next(rates)}, epochs=12),
        {"x": (0.0, 1.0)},
        trials=5,
        sampler="random",
        pruner="halving",
        **QUIET,
    )
    outcomes = {trial.number: trial.outcome for trial in found.trials}
    assert outcomes[0] == "complete"
    assert outcomes[2] == outcomes[3] == "pruned"


def test_a_trial_that_diverges_is_told_of_and_is_never_the_best():
    found = sweep(build, {"rate": [1e25, 0.1]}, sampler="grid", **QUIET)
    good, bad = found.trials
    assert (good.values["rate"], good.outcome) == (0.1, "complete")
    assert (bad.values["rate"], bad.outcome) == (1e25, "diverged")
    assert "2 trials, 1 diverged; the best" in str(found)
    found = sweep(build, {"rate": [1e25]}, trials=1, **QUIET)
    assert found.best is None
    assert found.how == ""
    assert "none is complete" in str(found)


def test_values_that_make_no_sense_together_are_passed_over():
    def refusing(values):
        if values["width"] == 8:
            raise optuna.TrialPruned
        return build(values)

    found = sweep(refusing, {"width": [4, 8, 16]}, sampler="grid", seed=1, **QUIET)
    assert {trial.values["width"]: trial.outcome for trial in found.trials} == {
        4: "complete",
        8: "pruned",
        16: "complete",
    }


def test_trials_train_side_by_side_on_a_core_each(monkeypatch):
    monkeypatch.setattr("numbanet.tuning.sweeps.thread_count", lambda threads: threads)
    meeting = threading.Barrier(3)
    counts, names = set(), set()

    class Meet:
        def on_train_begin(self, solver, logs):
            meeting.wait(60)  # none would begin, if they did not at once

        def on_epoch_end(self, solver, logs):
            counts.add(choice())
            names.add(threading.get_ident())

    found = sweep(lambda values: build(values, callbacks=[Meet()]), SPACE, trials=6, threads=3, verbose=False)
    assert len(found.trials) == 6
    assert counts == {(1, "each thread of the program computes by itself")}
    assert len(names) == 3


def test_there_are_never_more_trials_at_a_time_than_cores():
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with pytest.raises(ValueError, match=rf"threads: expected 1 to \d+, .*; got {most + 1}"):
        sweep(build, SPACE, threads=most + 1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sampler": "tpo"}, ValueError, "sampler: expected one of .*'tpo'; did you mean 'tpe'?"),
        ({"pruner": "mean"}, ValueError, "pruner: expected one of 'median', 'halving', 'none', got 'mean'"),
        ({"trials": 0}, ValueError, "trials: expected an integer of at least 1, got 0"),
        ({"seconds": 0}, ValueError, r"seconds: expected a number in \(0, inf\], got 0"),
        ({"verbose": 3}, TypeError, "verbose: expected True or False"),
        ({"monitor": "val_acc"}, ValueError, "monitor: expected one of .*, got 'val_acc'"),
        ({"sampler": "grid"}, ValueError, "space: rate: a grid needs choices"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        sweep(build, SPACE, folder=tmp_path / "sweep", **options)
    assert not (tmp_path / "sweep" / "trials.csv").exists()


def test_what_build_returns_is_checked():
    with pytest.raises(TypeError, match="build: expected a function of a dict of values, got int 3"):
        sweep(3, SPACE)
    with pytest.raises(TypeError, match=r"build: expected a numbanet\.Solver, got NoneType None"):
        sweep(lambda values: None, SPACE)
    without = {name: DATA[name] for name in ("X_train", "y_train")}
    with pytest.raises(ValueError, match="monitor: .*needs X_val and y_val in data"):
        sweep(lambda values: build(values, without), SPACE)
    with pytest.raises(ValueError, match="build: gave no Solver for the first values"):
        sweep(lambda values: (_ for _ in ()).throw(optuna.TrialPruned()), SPACE)


def test_what_build_raises_ends_the_sweep_and_loses_no_trial(tmp_path):
    built = []

    def failing(values):
        built.append(values)
        if len(built) == 4:
            raise KeyError("width")
        return build(values)

    with pytest.raises(KeyError, match="width"):
        sweep(failing, SPACE, trials=6, folder=tmp_path, **QUIET)
    found = sweep(failing, SPACE, trials=6, folder=tmp_path, **QUIET)
    assert len(found.trials) == 6
    assert len(built) == 7


def test_a_folder_with_another_sweep_is_refused(tmp_path):
    sweep(build, SPACE, trials=2, folder=tmp_path, **QUIET)
    with pytest.raises(DataError, match="holds a sweep with another seed: 0, got 1; choose another folder"):
        sweep(build, SPACE, trials=2, seed=1, folder=tmp_path, **QUIET)
    with pytest.raises(DataError, match="holds a sweep with another space"):
        sweep(build, {"rate": [0.1]}, trials=2, folder=tmp_path, **QUIET)
    other = {**DATA, "y_val": DATA["y_val"][::-1]}
    with pytest.raises(DataError, match="expected the targets that other trials of the sweep in .* have"):
        sweep(lambda values: build(values, other), SPACE, trials=3, folder=tmp_path, **QUIET)
    (tmp_path / "journal.log").write_text("what is this\nand that\n")
    with pytest.raises(DataError, match=r"journal\.log: not the journal of a sweep, or damaged"):
        sweep(build, SPACE, trials=2, folder=tmp_path, **QUIET)


def test_two_sweeps_do_not_write_one_journal(tmp_path):
    from numbanet.tuning.journal import locked

    with locked(tmp_path / "journal.log"), pytest.raises(DataError, match="another sweep is at work on it"):
        sweep(build, SPACE, trials=2, folder=tmp_path, **QUIET)


SCRIPT = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_sweeps import SPACE, build
from numbanet import sweep
trained = 0
def killed(solver, logs):
    global trained
    trained += 1
    if trained == 15:  # in the third epoch of the third trial
        os.kill(os.getpid(), signal.{signal})
sweep(lambda values: build(values, callbacks=[killed]), SPACE, trials=6, folder={folder!r}, threads=1, verbose=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_sweep_that_is_killed_goes_on(tmp_path):
    script = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path), signal="SIGKILL")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    journal = tmp_path / "journal.log"
    assert journal.read_text().count('"number":') == 2
    with open(journal, "a") as file:
        file.write('{"op_code":4,"worker_id":"1')  # cut short by the kill
    (tmp_path / "journal.log.lock").touch()  # Optuna's, which was held
    built = []
    found = sweep(lambda values: built.append(1) or build(values), SPACE, trials=6, folder=tmp_path, **QUIET)
    assert len(built) == 4
    assert drawn(found) == drawn(sweep(build, SPACE, trials=6, **QUIET))


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_a_sweep_which_then_goes_on(tmp_path):
    pressed = []

    def press(solver, logs):
        if solver.epoch == 3 and len(pressed) < 3:
            pressed.append(solver)
            if len(pressed) == 3:
                os.kill(os.getpid(), signal.SIGINT)
                threading.Event().wait(0.3)

    pressing = lambda values: build(values, callbacks=[press])  # noqa: E731
    with pytest.warns(UserWarning, match="sweep interrupted: 2 trials have ended"):
        found = sweep(pressing, SPACE, trials=6, folder=tmp_path, **QUIET)
    assert found.interrupted
    assert len(found.trials) == 2
    assert (tmp_path / "trials.csv").exists()
    again = sweep(build, SPACE, trials=6, folder=tmp_path, **QUIET)
    assert not again.interrupted
    assert drawn(again) == drawn(sweep(build, SPACE, trials=6, **QUIET))


def test_no_trial_begins_after_its_time():
    class Wait:
        def on_train_begin(self, solver, logs):
            threading.Event().wait(0.2)

    found = sweep(lambda values: build(values, callbacks=[Wait()]), SPACE, trials=6, seconds=0.3, **QUIET)
    assert 1 <= len(found.trials) < 6
    assert not found.interrupted


def test_the_report(tmp_path, capsys):
    found = sweep(build, {"rate": [0.001, 0.3], "width": [4, 8]}, sampler="grid", folder=tmp_path, threads=1)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert {line.split()[1] for line in said} == {"0", "1", "2", "3"}
    with open(tmp_path / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == [trial.number for trial in found.trials]
    assert [float(row["val_loss"]) for row in rows] == [trial.value for trial in found.trials]
    assert [float(row["rate"]) for row in rows] == [trial.values["rate"] for trial in found.trials]
    assert [float(row["val_accuracy"]) for row in rows] == [trial.row["val_accuracy"] for trial in found.trials]
    page = (tmp_path / "sweep.md").read_text()
    assert page.count("\n| ") == 6
    assert found.how in page
    solver = eval(found.how.removesuffix(".train()"))
    solver.verbose = False
    solver.train()
    assert solver.best_val_loss == found.best.value
    assert str(found).count("\n") == 6
    assert f"the best, {found.best.number}, has val_loss {found.best.value:.6g}" in str(found)


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match="sweeps need Optuna, the extra tune: pip install"):
        numbanet.sweep(build, SPACE)
