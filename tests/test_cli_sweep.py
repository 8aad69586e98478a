"""``numbanet sweep``: trials are trainings of the command line, the same command goes on, and what it refuses."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from numbanet.cli import main

pytest.importorskip("optuna", reason="needs optuna")

SWEEP = ["sweep", "--epochs", "2", "--space", "learning_rate=1e-3..1e-1:log", "--space", "hidden=8|8,8"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows_of(folder):
    with open(Path(folder, "trials.csv"), newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_that_it_tells_trains_the_best(capsys):
    assert main([*SWEEP, "--trials", "3", "--output", "all", "--quiet"]) == 0
    said, told = capsys.readouterr()
    assert told == ""
    command = next(line for line in said.splitlines() if line.startswith("train the best with: "))
    assert "all trials: all" in said
    best = rows_of("all")[0]
    words = shlex.split(command.removeprefix("train the best with: "))
    assert words[:4] == ["numbanet", "train", "--epochs", "2"]
    assert words[4:] == [f"--learning-rate={best['learning_rate']}", f"--hidden={best['hidden']}"]
    assert main([*words[1:], "--output", "best", "--quiet"]) == 0
    result = json.loads(Path("best/run.json").read_text())["result"]
    assert f"{result['validation_loss']:.12g}" == f"{float(best['val_loss']):.12g}"
    assert result["best_epoch"] == int(best["epoch"])


def test_the_same_command_goes_on_and_another_begins(capsys):
    assert main([*SWEEP, "--trials", "2"]) == 0
    assert capsys.readouterr().err.count("\ntrial ") == 2
    assert main([*SWEEP, "--trials", "3"]) == 0
    assert capsys.readouterr().err.count("\ntrial ") == 1
    assert main([*SWEEP, "--trials", "1", "--seed", "1"]) == 0
    assert sorted(path.name for path in Path("numbanet-runs").iterdir()) == ["digits-sweep-1", "digits-sweep-2"]
    assert len(rows_of("numbanet-runs/digits-sweep-1")) == 3
    capsys.readouterr()
    assert main([*SWEEP, "--seed", "2", "--output", "numbanet-runs/digits-sweep-1"]) == 2
    assert "holds a sweep with another " in capsys.readouterr().err


def test_a_space_from_a_file_and_all_of_its_grid(capsys):
    space = {
        "hidden": [[4], []],
        "eps_inside_root": [True, False],
        "normalization": ["none"],
        "batch_size": "64..128:64",
    }
    Path("space.json").write_text(json.dumps(space))
    assert main(["sweep", "--epochs", "1", "--space", "space.json", "--sampler", "grid", "--output", "all"]) == 0
    found = {(row["hidden"], row["eps_inside_root"], row["batch_size"]) for row in rows_of("all")}
    assert found == {
        (hidden, eps, size) for hidden in ("4", "none") for eps in ("True", "False") for size in ("64", "128")
    }
    best = capsys.readouterr().out.split("train the best with: ")[1].splitlines()[0]
    assert ("--eps-inside-root" in best) == (rows_of("all")[0]["eps_inside_root"] == "True")


def test_it_is_what_the_options_say_it_is(capsys):
    options = [
        "--sampler",
        "random",
        "--monitor",
        "val_accuracy",
        "--pruner",
        "none",
        "--trials",
        "3",
        "--output",
        "all",
    ]
    assert main([*SWEEP, *options]) == 0
    assert all(row["outcome"] == "complete" for row in rows_of("all"))
    accuracies = [float(row["val_accuracy"]) for row in rows_of("all")]
    assert accuracies == sorted(accuracies, reverse=True)
    assert "has val_accuracy" in capsys.readouterr().out


def test_a_table_is_swept_by_recipes(capsys):
    rng = np.random.default_rng(0)
    rows = [(a, b, "xyz"[i % 3]) for i, (a, b) in enumerate(rng.standard_normal((120, 2)).round(3))]
    lines = [f"{a},{b},{c},{'yes' if a + b + (c == 'x') > 0 else 'no'}" for a, b, c in rows]
    Path("table.csv").write_text("\n".join(["a,b,c,kind", *lines, ""]))
    options = ["--data", "table.csv", "--epochs", "2", "--sampler", "grid", "--output", "all", "--pruner", "none"]
    assert main(["sweep", *options, "--space", "preset=fast|mlp", "--space", "recipe=clip=0|clip=3"]) == 0
    found = {(row["preset"], row["recipe"]) for row in rows_of("all")}
    assert found == {(preset, recipe) for preset in ("fast", "mlp") for recipe in ("clip=0", "clip=3")}
    words = shlex.split(capsys.readouterr().out.split("train the best with: ")[1].splitlines()[0])
    best = rows_of("all")[0]
    assert main([*words[1:], "--output", "best", "--quiet"]) == 0
    result = json.loads(Path("best/run.json").read_text())["result"]
    measured = {"val_loss": "validation_loss", "val_accuracy": "validation_accuracy"}
    monitor = next(name for name in best if name in measured)
    assert f"{result[measured[monitor]]:.12g}" == f"{float(best[monitor]):.12g}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--space lerning_rate=1..2", "got lerning_rate; did you mean learning_rate?"),
        ("--space data=a|b", "--space: expected an option of numbanet train but data, target"),
        ("--space output=a|b", "got output"),
        ("", "--space: expected at least one, such as"),
        ("--space epochs=1..b", "--space: epochs: expected LOW..HIGH"),
        ("--space epochs=1|1", "--space: epochs: the choice '1' is there twice"),
        ("--space epochs=1 --space epochs=2", "--space: epochs is there twice"),
        ("--space epochs=1|2 --epochs 3", "--epochs is given, and drawn by --space too"),
        ("--space nothing.json", "--space: expected NAME=VALUES or a file, got 'nothing.json' (No such file"),
        ("--space momentum=0.5..0.9", "--momentum is not for --optimizer adam"),
        ("--space activation=relu|rlu", "--space: argument --activation: expected one of relu"),
        ("--space dropout=0.1..1.5", "--space: argument --dropout: expected a number in [0, 1), got 1.5"),
        ("--space dropout=0.1..0.3 --sampler grid", "--space: dropout: a grid needs choices"),
        ("--space epochs=1 --epohcs 3", "numbanet sweep has no option or argument --epohcs; did you mean --epochs?"),
        ("--space epochs=1 --resume there", "--resume is not for numbanet sweep"),
        ("--space epochs=1 --plot-filters a.png", "--plot-filters is not for numbanet sweep"),
        ("--space epochs=1 --threads 1000", "--threads: expected 1 to "),
        ("--space epochs=1 --data there.csv", "there.csv"),
        ("--sampler tpo", "expected one of tpe, random, grid, got 'tpo'; did you mean tpe?"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message, capsys):
    assert main(["sweep", *options.split()]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.splitlines()[-1].startswith("numbanet: error: ")


def test_without_optuna_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(SWEEP) == 2
    assert capsys.readouterr().err.startswith("numbanet: error: sweeps need Optuna, the extra tune")


def test_without_pyarrow_the_extra_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    assert main(["train", "--data", str(path), "--target", "y"]) == 2
    assert capsys.readouterr().err.startswith(f"numbanet: error: reading {path} needs pyarrow (extra 'tables')")


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_sweep_that_is_stopped_goes_on_by_the_same_command(number, capsys):
    command = [*SWEEP, "--output", "all", "--threads", "1", "--trials"]
    process = subprocess.Popen([sys.executable, "-m", "numbanet", *command, "5000"], stderr=subprocess.PIPE, text=True)
    journal = Path("all/journal.log")
    while not journal.exists() or journal.read_text().count('"number"') < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(number)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert ("interrupted; the same command goes on" in said) == (number == signal.SIGINT)
    ended = journal.read_text().count('"number"')
    assert main([*command, str(ended + 1)]) == 0
    assert capsys.readouterr().err.count("\ntrial ") == 1
    assert sorted(int(row["trial"]) for row in rows_of("all")) == list(range(ended + 1))
