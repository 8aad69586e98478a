"""``numbanet train --resume``: a run that was stopped or killed goes on to what it would have come to."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numbanet.cli import _resume, _watch, main

OPTIONS = [
    "--model",
    "fully-connected",
    "--hidden",
    "6",
    "--dropout",
    "0.1",
    "--epochs",
    "8",
    "--batch-size",
    "16",
    "--quiet",
]
FILES = ["history.csv", "model.npz", "run.json"]
ROOT = Path(__file__).parents[1]


def write_table(seed=0, rows=120):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 4))
    lines = [",".join([*map(str, row), "ab"[int(row[0] > 0)]]) for row in X]
    Path("table.csv").write_text("\n".join(["p,q,r,s,kind", *lines]) + "\n")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_resume, "EVERY", 0.0)
    write_table()
    return tmp_path


def train(*options):
    return main(["train", "--data", "table.csv", *OPTIONS, *options])


def record(folder):
    return json.loads(Path(folder, "run.json").read_text())


def rows(folder):
    """The history without the seconds."""
    return [line.rpartition(",")[0] for line in Path(folder, "history.csv").read_text().splitlines()]


def same_run(folder, whole):
    assert Path(folder, "model.npz").read_bytes() == Path(whole, "model.npz").read_bytes()
    assert rows(folder) == rows(whole)
    ours, theirs = record(folder), record(whole)
    for name in ("test_accuracy", "validation_loss", "best_epoch", "epochs", "steps", "ended"):
        assert ours["result"][name] == theirs["result"][name], name
    assert ours["result"]["ended"] == "complete"
    assert sorted(os.listdir(folder)) == FILES


def stop_after(steps, monkeypatch, times=1):
    """Ctrl-C, once so many steps are taken."""
    on_progress, pressed = _watch.Watch.on_progress, []

    def press(self, solver, logs):
        if solver.step >= steps and not pressed:
            pressed.append(solver.step)
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
        return on_progress(self, solver, logs)

    monkeypatch.setattr(_watch.Watch, "on_progress", press)
    return pressed


SCHEDULES = {
    "cosine": [],
    "step": ["--lr-schedule", "step", "--lr-step", "3"],
    "exponential": ["--lr-schedule", "exponential"],
    "patience": ["--patience", "2", "--learning-rate", "0.1", "--epochs", "40"],
}


@pytest.mark.skipif(os.name == "nt", reason="sends itself a real Ctrl-C")
@pytest.mark.parametrize("options", SCHEDULES.values(), ids=SCHEDULES)
def test_a_run_that_was_stopped_goes_on_to_the_same_files(options, here, capsys):
    assert train(*options, "--output", "whole") == 0
    with pytest.MonkeyPatch.context() as patch:
        pressed = stop_after(9, patch)
        assert train(*options, "--output", "run") == 130
    assert pressed[0] < record("whole")["result"]["steps"]
    assert f"interrupted at step {pressed[0]:,} of" in (err := capsys.readouterr().err)
    assert "what was learnt is in run/model.npz; numbanet train --resume run goes on" in err
    assert sorted(os.listdir("run")) == [*FILES, "state.npz"]
    assert record("run")["result"]["ended"] == "interrupted"
    assert main(["evaluate", "run", "table.csv"]) == 0
    assert main(["train", "--resume", "run", "--threads", "1", "--quiet"]) == 0
    same_run("run", "whole")


@pytest.mark.skipif(os.name == "nt", reason="sends itself a real Ctrl-C")
def test_stopped_twice(here):
    assert train("--output", "whole") == 0
    with pytest.MonkeyPatch.context() as patch:
        stop_after(9, patch)
        assert train("--output", "run") == 130
    with pytest.MonkeyPatch.context() as patch:
        stop_after(20, patch)
        assert main(["train", "--resume", "run"]) == 130
    assert main(["train", "--resume", "run"]) == 0
    same_run("run", "whole")


KILLED = """
import os, signal, sys
from numbanet.cli import _resume, main
_resume.EVERY = 0.0
write, at = _resume.States.on_epoch_end, int(sys.argv[1])
def killing(self, solver, logs):
    if solver.epoch == at:  # before this epoch's state is written
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, solver, logs)
_resume.States.on_epoch_end = killing
main(sys.argv[2:])
"""


@pytest.mark.skipif(os.name == "nt", reason="kills itself")
@pytest.mark.parametrize("epoch", [1, 4])
def test_a_run_that_was_killed_goes_on_from_its_last_state(epoch, here, capsys):
    assert train("--output", "whole") == 0
    command = [sys.executable, "-c", KILLED, str(epoch), "train", "--data", "table.csv", *OPTIONS, "--output", "run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert record("run")["result"] == {"ended": "running"}
    if epoch == 1:
        assert sorted(os.listdir("run")) == ["run.json"]
        assert main(["train", "--resume", "run"]) == 2
        assert "its run was stopped before its first state was written" in capsys.readouterr().err
        return
    assert sorted(os.listdir("run")) == ["run.json", "state.npz"]
    assert main(["train", "--resume", "run", "--quiet"]) == 0
    same_run("run", "whole")
    assert len(rows("run")) == 9


@pytest.mark.skipif(os.name == "nt", reason="sends itself a real Ctrl-C")
def test_two_ctrl_c_leave_the_last_state(here, monkeypatch, capfd):
    assert train("--output", "whole") == 0
    with pytest.MonkeyPatch.context() as patch:
        stop_after(9, patch, times=2)
        assert train("--output", "run") == 130
    assert sorted(os.listdir("run")) == ["run.json", "state.npz"]
    assert main(["train", "--resume", "run"]) == 0
    same_run("run", "whole")


def test_states_are_not_written_all_the_time(here, monkeypatch):
    written = []
    monkeypatch.setattr(_resume, "EVERY", 3600.0)
    monkeypatch.setattr(_resume.States, "write", lambda self, solver: written.append(solver.step))
    assert train("--output", "run") == 0
    assert written == []
    monkeypatch.setattr(_resume, "EVERY", 0.0)
    assert train("--output", "other") == 0
    assert len(written) == 7  # not at the end


def test_a_state_that_cannot_be_written_is_no_end(here, monkeypatch, capsys):
    def full(path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("numbanet.Solver.save", lambda self, path: full(path))
    assert main(["train", "--data", "table.csv", *OPTIONS[:-1], "--output", "run"]) == 0
    assert "note: cannot write run/state.npz: No space left on device" in capsys.readouterr().err
    assert sorted(os.listdir("run")) == FILES


@pytest.fixture
def stopped(here, capsys):
    with pytest.MonkeyPatch.context() as patch:
        stop_after(9, patch)
        assert train("--output", "run") == 130
    capsys.readouterr()
    return here


def refused(arguments, capsys):
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()} if Path("run").is_dir() else None
    assert main(["train", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    if before is not None:
        assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before
    return err


@pytest.mark.skipif(os.name == "nt", reason="sends itself a real Ctrl-C")
def test_other_data_and_options_are_refused_by_name(stopped, capsys):
    assert "--epochs: --resume goes on with the options of run" in refused(["--resume", "run", "--epochs", "9"], capsys)
    table = Path("table.csv").read_text()
    write_table(seed=1)
    assert "table.csv: holds other data than the run began with: fingerprint" in refused(["--resume", "run"], capsys)
    write_table(rows=110)
    assert "holds other data than the run began with" in refused(["--resume", "run"], capsys)
    lines = table.splitlines()
    Path("table.csv").write_text("\n".join([lines[0], *(line[:-1] + "ab"[line[-1] == "a"] for line in lines[1:])]))
    assert "holds other data than the run began with: labels" in refused(["--resume", "run"], capsys)
    Path("table.csv").write_text(table)
    written = json.loads(Path("run/run.json").read_text())
    written["options"]["l2"] = 0.5
    Path("run/run.json").write_text(json.dumps(written))
    message = refused(["--resume", "run"], capsys)
    assert "--resume: run/state.npz: saved with model.l2 0.0, but the solver has 0.5" in message


@pytest.mark.skipif(os.name == "nt", reason="sends itself a real Ctrl-C")
def test_folders_that_hold_nothing_to_go_on_with(stopped, capsys):
    assert "--output: run holds " in (err := refused([*OPTIONS, "--output", "run"], capsys))
    assert "choose another folder, or go on with --resume run" in err
    assert "--resume: nowhere: no such folder" in refused(["--resume", "nowhere"], capsys)
    shutil.copytree("run", "other")
    os.remove("other/state.npz")
    assert "--resume: other holds no state.npz to go on from: its run is interrupted" in refused(
        ["--resume", "other"], capsys
    )
    os.remove("other/run.json")
    assert "--resume: other holds no run.json" in refused(["--resume", "other"], capsys)
    Path("run/run.json").write_text("{}")
    assert "--resume: run/run.json: not a record of numbanet train, or damaged" in refused(["--resume", "run"], capsys)
    assert train("--output", "whole") == 0
    capsys.readouterr()
    assert "--resume: whole holds no state.npz to go on from: its run is complete" in refused(
        ["--resume", "whole"], capsys
    )
