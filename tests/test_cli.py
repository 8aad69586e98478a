"""The command line, run as a user runs it: exit statuses, files, messages, and never a traceback."""

import csv
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from numbanet.cli import main

QUICK = ["--hidden", "16", "--epochs", "2", "--quiet"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["train", *QUICK, "--output", str(folder)]) == 0
    return folder


def test_train_saves_model_history_and_record(run):
    assert sorted(path.name for path in run.iterdir()) == ["history.csv", "model.npz", "run.json"]
    assert len(list(csv.DictReader((run / "history.csv").read_text().splitlines()))) == 2
    assert 0 <= json.loads((run / "run.json").read_text())["result"]["test_accuracy"] <= 1


def test_the_defaults_reach_97_per_cent(tmp_path):
    assert main(["train", "--quiet", "--output", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["result"]["test_accuracy"] >= 0.97


def test_evaluate_and_predict_use_the_saved_model(run, capsys):
    assert main(["evaluate", str(run / "model.npz"), "digits"]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert main(["predict", str(run / "model.npz"), "digits"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 1797


def test_train_on_a_table_with_class_names(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'up' if a > b else 'down'}" for a, b in rng.standard_normal((80, 2))]
    table = tmp_path / "table.csv"
    table.write_text("a,b,way\n" + "\n".join(rows) + "\n")
    assert main(["train", "--data", str(table), *QUICK, "--output", str(tmp_path / "run")]) == 0
    assert main(["predict", str(tmp_path / "run" / "model.npz"), str(table)]) == 0
    assert {"up", "down"} & set(capsys.readouterr().out.replace(",", " ").split())


def test_info_names_threads_and_cache(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    assert "threads" in printed
    assert "kernel cache" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--optimizer", "sdg"],
        ["train", "--no-such-option"],
        ["train", "--data", "table.xyz"],
        ["train", "--data", "missing.csv"],
        ["train", "--data", "mnist:/no/such/folder"],
        ["evaluate", "missing.npz", "digits"],
        ["nothing"],
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, capsys):
    assert main(arguments) == 2
    assert "error" in capsys.readouterr().err


def test_a_damaged_model_is_named(run, tmp_path, capsys):
    damaged = tmp_path / "model.npz"
    damaged.write_bytes((run / "model.npz").read_bytes()[:500])
    assert main(["predict", str(damaged), "digits"]) == 2
    assert "model.npz" in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_made_is_found_first(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["train", "--output", str(tmp_path / "file" / "run")]) != 0
    assert "epoch" not in capsys.readouterr().err


def test_divergence_stops_with_step_layer_and_learning_rate(tmp_path, capsys):
    status = main(["train", *QUICK, "--learning-rate", "1e30", "--output", str(tmp_path / "run")])
    message = capsys.readouterr().err
    assert status == 1
    assert all(word in message for word in ("step", "layer", "learning rate"))


def test_ctrl_c_stops_and_saves(tmp_path):
    command = [sys.executable, "-m", "numbanet", "train", "--epochs", "100000", "--output", str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("epoch 2"):
                os.kill(process.pid, signal.SIGINT)
                break
        out, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert (tmp_path / "run" / "model.npz").exists()


def test_a_closed_pipe_is_no_failure(run):
    command = f"{sys.executable} -m numbanet predict {run / 'model.npz'} digits | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
