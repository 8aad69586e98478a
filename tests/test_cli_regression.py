"""Regression from the command line: training, what is shown of it, evaluate and predict."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from numbanet.cli import main
from numbanet.cli._watch import Watch

RNG = np.random.default_rng(11)
X = RNG.standard_normal((200, 3)).round(4)
PRICE = (2e5 + 1e4 * (X[:, 0] - 2 * X[:, 1])).round(1)
ROOMS = (3 + X[:, 2] + 0.1 * X[:, 0]).round(3)
LINEAR = ["--model", "fully-connected", "--hidden", "none", "--normalization", "none", "--quiet"]
QUICK = [*LINEAR, "--learning-rate", "0.05", "--epochs", "20", "--output"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open("homes.csv", "w", newline="") as file:
        rows = np.column_stack([X[:, :2], PRICE, X[:, 2], ROOMS]).tolist()
        csv.writer(file).writerows([["a", "b", "price", "c", "rooms"], *rows])
    np.savez("homes.npz", X=X, y=PRICE)
    np.savez("both.npz", X=X, y=np.column_stack([PRICE, ROOMS]))


def record(folder):
    return json.loads(Path(folder, "run.json").read_text())


def told(command, capsys):
    capsys.readouterr()
    assert main(command) == 0
    return capsys.readouterr()


def refused(command, capsys):
    capsys.readouterr()
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


def figures(text):
    """The numbers of lines such as ``RMSE  2.5``."""
    return {
        line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line[:4] in ("R²  ", "RMSE", "MAE ")
    }


def r2(y, values):
    return 1 - np.square(y - values).sum() / np.square(y - y.mean()).sum()


@pytest.mark.parametrize("source", ["homes.csv", "homes.npz"])
def test_values_are_learnt_measured_and_predicted(source, capsys):
    target = ["--target", "price"] if source == "homes.csv" else []
    out, _ = told(["train", "--data", source, *target, *QUICK, "run"], capsys)
    result, about = record("run")["result"], record("run")["data"]
    assert (about["task"], about["class_names"]) == ("regression", None)
    assert record("run")["options"]["loss"] == "squared_error"
    assert result["test_r2"] > 0.99
    first = (
        f"test           R² {result['test_r2']:.4f}  (RMSE {result['test_rmse']:.6g}, MAE {result['test_mae']:.6g}; "
    )
    assert out.startswith(f"{first}40 held-out examples)\nvalidation     R² {result['validation_r2']:.4f}  (epoch ")
    written, _ = told(["predict", "run", source], capsys)
    header, *rows = written.splitlines()
    assert header == ("price" if target else "value")
    values = np.array(rows, float)
    shown = figures(told(["evaluate", "run", source, *target], capsys)[0])
    assert shown["R²"] == pytest.approx(r2(PRICE, values), abs=1e-4)
    assert shown["RMSE"] == pytest.approx(np.sqrt(np.square(PRICE - values).mean()), rel=1e-5)
    assert shown["MAE"] == pytest.approx(np.abs(PRICE - values).mean(), rel=1e-5)
    assert np.abs(PRICE - values).mean() < 1000


def test_the_history_has_what_is_measured_of_values(capsys):
    told(["train", "--data", "homes.npz", *QUICK, "run"], capsys)
    rows = list(csv.DictReader(Path("run", "history.csv").read_text().splitlines()))
    names = "epoch,loss,train_r2,val_loss,val_r2,val_rmse,val_mae,learning_rate,seconds"
    assert list(rows[0]) == names.split(",")
    best = min(rows, key=lambda row: float(row["val_loss"]))
    result = record("run")["result"]
    for name in ("loss", "r2", "rmse", "mae"):
        assert result[f"validation_{name}"] == float(best[f"val_{name}"])
    spread = PRICE.std()  # of standardised targets is the loss, about
    assert float(best["val_loss"]) == pytest.approx((float(best["val_rmse"]) / spread) ** 2, rel=0.2)


def test_several_targets(capsys):
    told(["train", "--data", "homes.csv", "--target", "price,rooms", *QUICK, "run"], capsys)
    assert record("run")["data"]["target"] == ["price", "rooms"]
    assert record("run")["data"]["feature_names"] == ["a", "b", "c"]
    written, _ = told(["predict", "run", "homes.csv", "--output", "out.csv"], capsys)
    assert written == "200 predictions written to out.csv\n"
    header, *rows = csv.reader(Path("out.csv").read_text().splitlines())
    assert header == ["price", "rooms"]
    values = np.array(rows, float)
    shown, _ = told(["evaluate", "run", "homes.csv"], capsys)
    each = [r2(PRICE, values[:, 0]), r2(ROOMS, values[:, 1])]
    assert figures(shown)["R²"] == pytest.approx(np.mean(each), abs=1e-4)
    table = [line.split() for line in shown.splitlines() if line.startswith(("price", "rooms"))]
    assert [float(row[1]) for row in table] == pytest.approx(each, abs=1e-4)
    assert float(table[1][2]) == pytest.approx(np.sqrt(np.square(ROOMS - values[:, 1]).mean()), rel=1e-4)
    told(["train", "--data", "both.npz", *QUICK, "arrays"], capsys)
    assert told(["predict", "arrays", "both.npz"], capsys)[0].startswith("value 1,value 2\n")


def test_columns_are_found_by_name_and_targets_may_be_missing(capsys):
    told(["train", "--data", "homes.csv", "--target", "price,rooms", *QUICK, "run"], capsys)
    with open("turned.csv", "w", newline="") as file:
        csv.writer(file).writerows([["c", "b", "a"], *X[:, ::-1].tolist()])
    assert told(["predict", "run", "turned.csv"], capsys)[0] == told(["predict", "run", "homes.csv"], capsys)[0]
    with open("bare.csv", "w", newline="") as file:
        csv.writer(file).writerows(X.tolist())
    assert told(["predict", "run", "bare.csv"], capsys)[0] == told(["predict", "run", "homes.csv"], capsys)[0]


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "poisson"])
def test_losses_of_values(loss, capsys):
    np.savez("counts.npz", X=X, y=RNG.poisson(np.exp(1 + X[:, 0] / 2)))
    told(["train", "--data", "counts.npz", "--loss", loss, *QUICK, "run"], capsys)  # which tells the task
    assert record("run")["data"]["task"] == "regression"
    assert record("run")["result"]["test_r2"] > 0.1
    shown, _ = told(["evaluate", "run", "counts.npz"], capsys)
    assert f"({loss}{'' if loss == 'poisson' else ' of standardised targets'})" in shown


@pytest.mark.parametrize("monitor", ["val_r2", "val_rmse", "val_mae"])
def test_the_monitor_chooses_the_epoch(monitor, capsys):
    told(["train", "--data", "homes.npz", "--monitor", monitor, *QUICK, "run"], capsys)
    rows = list(csv.DictReader(Path("run", "history.csv").read_text().splitlines()))
    values = [float(row[monitor]) for row in rows]
    best = (max if monitor == "val_r2" else min)(values)
    assert record("run")["result"]["best_epoch"] == max(n for n, value in enumerate(values, 1) if value == best)


def test_a_run_of_values_goes_on_where_it_was_stopped(capsys, monkeypatch):
    whole = ["train", "--data", "homes.csv", "--target", "price", *LINEAR, "--epochs", "6", "--output"]
    assert main([*whole, "whole"]) == 0
    with monkeypatch.context() as patched:
        patched.setattr(Watch, "on_epoch_end", _stopping(Watch.on_epoch_end))
        assert main([*whole, "run"]) == 130
    assert main(["train", "--resume", "run", "--quiet"]) == 0
    with np.load("whole/model.npz") as expected, np.load("run/model.npz") as found:
        for name in expected.files:
            if name.startswith(("param/", "target_scaler/")):
                np.testing.assert_array_equal(expected[name], found[name])


def _stopping(method):
    def on_epoch_end(self, solver, logs):
        method(self, solver, logs)
        if logs["epoch"] == 3:
            self.interrupted = 130

    return on_epoch_end


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--data digits --task regression", "--task: the labels of digits are classes, got 'regression'"),
        ("--data homes.npz --task regression --loss svm", "--loss svm is not for --task regression, which has squared"),
        ("--data homes.npz --monitor val_accuracy", "--monitor val_accuracy is not for --task regression, which has"),
        ("--data digits --monitor val_rmse", "--monitor val_rmse is not for --task classification, which has val_loss"),
        ("--data homes.csv --target price,price", "target: expected every column once, got 'price', 'price'"),
        ("--data homes.csv --target price,room", "no column is named 'room'; the first row holds"),
        ("--data homes.csv --target price,rooms --task classification", "--target: expected one column for task="),
        ("--data homes.csv --target rooms --loss softmax", "column 5 (rooms): expected whole numbers or names"),
    ],
)
def test_what_does_not_fit_a_task(options, message, capsys):
    assert message in refused(["train", *options.split(), "--model", "fully-connected"], capsys)
    assert not Path("numbanet-runs").exists()


def test_a_file_of_other_targets_is_refused(capsys):
    told(["train", "--data", "both.npz", *QUICK, "run"], capsys)
    assert "homes.npz: holds 1 targets; the network was trained on 2" in refused(
        ["evaluate", "run", "homes.npz"], capsys
    )
