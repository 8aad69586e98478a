"""The command line, run as a user runs it: exit statuses, files, messages, and never a traceback."""

import csv
import errno
import fcntl
import gzip
import json
import os
import pickle
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core import event

from numbanet import Solver, cli, data
from numbanet._names import ACTIVATIONS
from numbanet.cli import _train, _watch, main
from numbanet.cli._tasks import TASKS
from numbanet.cli._trained import Trained
from numbanet.loading import load_model

QUICK = ["--hidden", "4", "--epochs", "2", "--quiet"]
MODEL_FILES = ["history.csv", "model.npz", "run.json"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["train", *QUICK, "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record(folder):
    return json.loads(Path(folder, "run.json").read_text())


def refused(arguments, capsys, status=2):
    """The one line that refuses a command line."""
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("numbanet: error: ")
    assert err.count("\n") == 1
    return err


# Data of every kind: 60 examples, of two or ten classes.

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = (X[:, 0] > 0).astype(int)
IMAGES = RNG.integers(0, 256, (60, 5, 4)).astype(np.uint8)
DIGITS = (np.arange(60) % 10).astype(np.uint8)


def table(X=X, y=Y, header="a,b,c,d,y", comma=","):
    rows = [",".join(map(str, [*row, label])) for row, label in zip(X, y, strict=True)]
    return "\n".join(([header] if header else []) + rows).replace(",", comma) + "\n"


def replaced(array, place, value):
    array = array.astype(float)
    array[place] = value
    return array


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def put(name, content):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def put_mnist(images=None, labels=None, pack=bytes, ending=""):
    put(f"mnist/t10k-images-idx3-ubyte{ending}", pack(idx(IMAGES)) if images is None else images)
    put(f"mnist/t10k-labels-idx1-ubyte{ending}", pack(idx(DIGITS)) if labels is None else labels)


def put_cifar(third=lambda content: content, binary=False):
    """Six batches of 20 images; `third` says what becomes of one of them."""
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        data, labels = RNG.integers(0, 256, (20, 3072)).astype(np.uint8), np.arange(20, dtype=np.uint8) % 10
        if binary:
            name, content = f"{name}.bin", np.column_stack([labels, data]).tobytes()
        else:
            content = pickle.dumps({b"data": data, b"labels": labels.tolist()}, protocol=2)
        put(f"cifar/{name}", third(content) if "3" in name else content)


def put_npz(**arrays):
    np.savez("data.npz", **{"X": X, "y": Y, **arrays})


SOURCES = {
    "a folder of IDX files": (put_mnist, "mnist:mnist", (5, 4), 10),
    "IDX files, gzipped": (lambda: put_mnist(pack=gzip.compress, ending=".gz"), "mnist:mnist", (5, 4), 10),
    "CIFAR-10 as pickles": (put_cifar, "cifar10:cifar", (3, 32, 32), 10),
    "CIFAR-10 in binary": (lambda: put_cifar(binary=True), "cifar10:cifar", (3, 32, 32), 10),
    "an npz file": (put_npz, "data.npz", (4,), 2),
    "an npz file in two parts": (
        lambda: np.savez("data.npz", X_train=X, y_train=Y, X_test=X[:9], y_test=Y[:9]),
        "data.npz",
        (4,),
        2,
    ),
    "a table": (lambda: put("data.csv", table()), "data.csv", (4,), 2),
    "a table without a header": (lambda: put("data.csv", table(header=None)), "data.csv", (4,), 2),
    "a table with tabs": (lambda: put("data.tsv", table(comma="\t")), "data.tsv", (4,), 2),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_trains_evaluates_and_predicts(kind, here, capsys):
    make, source, shape, classes = SOURCES[kind]
    make()
    assert main(["train", "--data", source, *QUICK, "--output", "run"]) == 0
    described = record("run")["data"]
    assert (tuple(described["input_shape"]), len(described["class_names"])) == (shape, classes)
    capsys.readouterr()
    assert main(["evaluate", "run", source]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert main(["predict", "run", source]) == 0
    assert capsys.readouterr().out.startswith("label,probability\n")


def test_train_saves_model_history_and_record(run):
    assert sorted(path.name for path in run.iterdir()) == MODEL_FILES
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2]
    assert list(rows[0]) == [*TASKS["classification"].columns, "seconds"]
    result = record(run)["result"]
    assert result["ended"] == "complete"
    assert result["test_accuracy"] == result["test_right"] / 359  # a fifth of 1,797


def test_the_monitor_chooses_the_epoch(here):
    for monitor, column, best in (("val_loss", "val_loss", min), ("val_accuracy", "val_accuracy", max)):
        options = ["--epochs", "8", "--learning-rate", "0.05", "--monitor", monitor, "--output", monitor]
        assert main(["train", *QUICK, *options]) == 0
        rows = csv.DictReader(Path(monitor, "history.csv").read_text().splitlines())
        scores = [float(row[column]) for row in rows]
        last = max(epoch for epoch, score in enumerate(scores, 1) if score == best(scores))
        assert record(monitor)["result"]["best_epoch"] == last


def test_min_delta_is_for_patience(here):
    assert main(["train", *QUICK, "--epochs", "9", "--patience", "2", "--min-delta", "1e9", "--output", "run"]) == 0
    assert record("run")["result"]["epochs"] == 2


def test_the_defaults_reach_97_per_cent(tmp_path):
    assert main(["train", "--quiet", "--output", str(tmp_path / "run")]) == 0
    assert record(tmp_path / "run")["result"]["test_accuracy"] >= 0.97


def test_the_result_names_accuracy_time_and_files(here, capsys):
    assert main(["train", *QUICK]) == 0
    out, err = capsys.readouterr()
    for part in ("test accuracy ", "time ", "numbanet-runs/digits-1/model.npz", "numbanet-runs/digits-1/history.csv"):
        assert part in out
    assert err == ""
    assert main(["train", *QUICK]) == 0
    assert "numbanet-runs/digits-2/model.npz" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        "--hidden none",
        "--hidden 8,6,4",
        "--normalization layernorm",
        "--normalization none --dropout 0",
        "--batch-size 1 --normalization layernorm --test-fraction 0.9",
        "--batch-size 100000",
        *(f"--activation {name}" for name in ACTIVATIONS),
        "--optimizer sgd --learning-rate 0.1",
        "--optimizer sgd_momentum --momentum 0.8",
        "--optimizer nesterov --momentum 0.8",
        "--optimizer rmsprop --decay-rate 0.9 --eps 1e-6 --eps-inside-root",
        "--optimizer adam --beta1 0.8 --beta2 0.99 --eps-inside-root",
        "--optimizer adamw --weight-decay 0.1",
        "--weight-init orthogonal",
        "--weight-init 0.05",
        "--loss svm --l2 0.01",
        "--dtype float64 --lr-schedule exponential --lr-decay 0.5 --seed 7 --threads 1",
        "--patience 1 --validation-fraction 0.3",
    ],
)
def test_options_reach_the_training(options, here):
    arguments = options.split()
    assert main(["train", *QUICK, *arguments, "--output", "run"]) == 0
    kept = record("run")
    for option, value in zip(arguments, [*arguments[1:], "--"], strict=True):
        if option.startswith("--"):
            name = option[2:].replace("-", "_")
            expected = True if value.startswith("--") else value
            found = kept["optimizer_options"].get(name, kept["options"][name])
            if name == "hidden":
                found = ",".join(map(str, found)) or "none"
            assert str(found) == str(expected) or float(found) == float(expected)
    model, _, _ = load_model("run/model.npz")
    assert model.dtype == kept["options"]["dtype"]
    assert model.loss_name == kept["options"]["loss"]
    assert model.l2 == kept["options"]["l2"]


def test_the_seed_decides_everything(here):
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert main(["train", *QUICK, "--seed", seed, "--output", name]) == 0
    a, b, c = (load_model(Path(name, "model.npz"))[0].params.flat for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_patience_stops_early(here):
    options = ["--normalization", "none", "--learning-rate", "0", "--epochs", "50", "--patience", "3"]
    assert main(["train", *QUICK, *options, "--output", "run"]) == 0
    assert record("run")["result"]["epochs"] == 3


def test_of_epochs_that_are_equally_good_the_last_is_kept(here):
    weights = []
    for epochs in ("1", "3"):
        options = ["--hidden", "none", "--learning-rate", "1e-7", "--epochs", epochs, "--output", epochs]
        assert main(["train", *QUICK, *options]) == 0
        assert record(epochs)["result"]["best_epoch"] == int(epochs)
        weights.append(load_model(Path(epochs, "model.npz"))[0].params.flat)
    assert not np.array_equal(*weights)


# What is shown while it works.


def shown(width, monkeypatch, *options):
    """What a training of two epochs writes to a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, width, 0, 0))
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main(["train", "--hidden", "4", "--epochs", "2", "--output", "run", *options]) == 0
        terminal.flush()
        written = os.read(master, 1 << 16).decode()
    os.close(master)
    return written


def test_a_terminal_gets_a_bar(here, monkeypatch):
    pytest.importorskip("tqdm")
    written = shown(120, monkeypatch)
    assert "100%|" in written
    assert all(part in written for part in ("epoch 2/2", "loss ", "train ", "val "))


def test_a_terminal_without_tqdm_gets_lines(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    written = shown(120, monkeypatch)
    assert "%|" not in written
    assert "epoch 2/2  loss" in written


def test_a_terminal_that_has_no_width_gets_lines(here, monkeypatch):
    assert "epoch 2/2  loss" in shown(0, monkeypatch)


def test_quiet_shows_nothing(here, monkeypatch, capsys):
    assert main(["train", *QUICK, "--output", "run"]) == 0
    assert capsys.readouterr().err == ""


def test_elsewhere_there_are_lines(here, capsys):
    assert main(["train", "--hidden", "4", "--epochs", "2", "--output", "run"]) == 0
    err = capsys.readouterr().err
    assert "\r" not in err
    for part in ("epoch 1/2  loss ", "train ", "val ", " s left", "epoch 2/2  loss "):
        assert part in err


def test_train_on_a_table_with_class_names(here, capsys):
    put("table.csv", table(y=np.where(Y, "up", "down")))
    assert main(["train", "--data", "table.csv", "--target", "y", *QUICK, "--output", "run"]) == 0
    assert record("run")["data"]["class_names"] == ["down", "up"]
    capsys.readouterr()
    assert main(["predict", "run/model.npz", "table.csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len(rows) == 60
    assert {row["label"] for row in rows} <= {"up", "down"}


@pytest.mark.parametrize("model", ["fully-connected", "tabular"])
def test_columns_are_matched_by_name(model, here, capsys):
    put("table.csv", table())
    assert main(["train", "--data", "table.csv", "--model", model, *QUICK, "--output", "run"]) == 0
    capsys.readouterr()
    printed = []
    put("other.csv", table(X[:, ::-1], Y, "d,c,b,a,y"))
    put("unlabelled.csv", "\n".join(line.rpartition(",")[0] for line in table().splitlines()))
    for name in ("table.csv", "other.csv", "unlabelled.csv"):
        assert main(["predict", "run", name]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == printed[2]
    measured = []
    for name in ("table.csv", "other.csv"):
        assert main(["evaluate", "run", name]) == 0
        measured.append(capsys.readouterr().out)
    assert measured[0] == measured[1]
    put("fewer.csv", table(X[:, :3], Y, "a,b,c,y"))
    lacks = {"fully-connected": "fewer.csv: line 1: the header lacks 'd'", "tabular": "lacks the column 'd'"}
    assert lacks[model] in refused(["predict", "run", "fewer.csv"], capsys)


def test_evaluate_tells_what_was_confused(run, capsys):
    assert main(["evaluate", str(run / "model.npz"), "digits"]) == 0
    out, err = capsys.readouterr()
    assert "of 1,797 examples" in out
    assert "taken for" in out
    assert "note: the network was trained on most of these data" in err


def test_the_network_in_the_file_takes_examples_as_they_are(run, here, capsys):
    model, _, _ = load_model(run / "model.npz")
    assert main(["predict", str(run), "digits"]) == 0
    labels = [row["label"] for row in csv.DictReader(capsys.readouterr().out.splitlines())]
    assert [str(label) for label in model.predict(data.load_digits().X)] == labels


def test_predict_writes_a_file(run, here, capsys):
    assert main(["predict", str(run), "digits", "--output", "labels.csv"]) == 0
    assert capsys.readouterr().out == "1,797 labels written to labels.csv\n"
    written = Path("labels.csv").read_text()
    assert main(["predict", str(run), "digits"]) == 0
    assert capsys.readouterr().out == written


def test_info_names_versions_threads_and_cache(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for part in ("numbanet ", "numpy ", "numba ", "threads ", "threading layer ", "kernel cache "):
        assert part in printed


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert main(["train", "--help"]) == 0
    assert "--dropout" in capsys.readouterr().out


# Bad input.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "expected a command: train, "),
        (
            "nothing",
            "expected one of train, sweep, evaluate, predict, warmup, info, bench, got 'nothing'; see numbanet --help",
        ),
        ("evalute run digits", "got 'evalute'; did you mean evaluate?"),
        ("Train", "got 'Train'; did you mean train?"),
        ("--verson", "numbanet has no option or argument --verson; did you mean --version?"),
        ("train --hiden 3", "numbanet train has no option or argument --hiden; did you mean --hidden?"),
        ("train --hiden=3", "has no option or argument --hiden=3; did you mean --hidden?"),
        ("train --EPOCHS 3", "has no option or argument --EPOCHS; did you mean --epochs?"),
        ("train --test-frac 0.3", "has no option or argument --test-frac; did you mean --test-fraction?"),
        ("evaluate run digits --thread 1", "has no option or argument --thread; did you mean --threads?"),
        ("bench --operation affine", "has no option or argument --operation; did you mean --operations?"),
        ("train --lr 0.1", "has no option or argument --lr; did you mean --learning-rate?"),
        ("train --num-epochs 3", "has no option or argument --num-epochs; did you mean --epochs?"),
        ("train --filter-size 3", "has no option or argument --filter-size; did you mean --kernel-size?"),
        ("train --drop-out 0.3", "has no option or argument --drop-out; did you mean --dropout?"),
        ("train --data digit", "got 'digit'; did you mean digits?"),
        ("train --data cifar:x", "got 'cifar:x'; did you mean cifar10:FOLDER?"),
        ("train --data table.cvs", "got 'table.cvs'; did you mean FILE.csv?"),
        ("train --task clasification", "got 'clasification'; did you mean classification?"),
        ("train --no-such-option", "has no option or argument --no-such-option"),
        ("train more", "has no option or argument more"),
        (
            "train --optimizer sdg",
            "--optimizer: expected one of sgd, sgd_momentum, nesterov, rmsprop, adam, adamw, got 'sdg'; did you mean",
        ),
        ("train --normalization batch", "got 'batch'; did you mean batchnorm?"),
        ("train --activation rellu", "got 'rellu'; did you mean relu?"),
        (
            "train --loss mse",
            "--loss: expected one of softmax, svm, squared_error, absolute_error, huber, poisson, got 'mse'; see",
        ),
        ("train --dtype float16", "got 'float16'; did you mean float"),
        ("train --model vgg", "got 'vgg'; did you mean small-vgg?"),
        ("train --lr-schedule cosin", "got 'cosin'; did you mean cosine?"),
        ("train --augment flop", "--augment: expected crop or flip, got 'flop'; did you mean flip?"),
        ("train --weight-init he_norm", "or a number, got 'he_norm'; did you mean he_normal?"),
        ("warmup --dtype flaot64", "got 'flaot64'; did you mean float64?"),
        ("train --hidden 3,0", "--hidden: expected an integer of at least 1, got 0"),
        ("train --hidden 3,,3", "--hidden: expected a whole number, got ''"),
        ("train --epochs 1.5", "--epochs: expected a whole number, got '1.5'"),
        ("train --batch-size 0", "--batch-size: expected an integer of at least 1, got 0"),
        ("train --patience 0", "--patience: expected an integer of at least 1"),
        ("train --learning-rate nan", "--learning-rate: expected a number in [0, inf), got nan"),
        ("train --learning-rate fast", "--learning-rate: expected a number, got 'fast'"),
        ("train --lr-decay 0", "--lr-decay: expected a number in (0, inf), got 0"),
        ("train --l2 -1", "--l2: expected a number in [0, inf), got -1"),
        ("train --dropout 1", "--dropout: expected a number in [0, 1), got 1"),
        ("train --test-fraction 1", "--test-fraction: expected a number in (0, 1), got 1"),
        ("train --seed -1", "--seed: expected an integer of at least 0, got -1"),
        ("train --weight-init he", "--weight-init: expected one of zeros, "),
        ("train --momentum 0.9", "--momentum is not for --optimizer adam, which has --learning-rate"),
        ("train --optimizer sgd --eps-inside-root", "--eps-inside-root is not for --optimizer sgd"),
        ("train --threads 1000", "--threads: expected 1 to "),
        ("train --target y", "--target: only a .csv or .tsv file has a target column"),
        ("train --data table.xyz", "--data: expected one of digits, mnist:FOLDER, "),
        ("train --data missing.csv", "missing.csv: no such file"),
        ("train --data mnist:gone", "gone: expected a folder, found nothing"),
        ("train --data cifar10:gone", "gone: expected a folder, found nothing"),
        ("evaluate", "the following arguments are required: MODEL, DATA"),
        ("evaluate missing.npz digits", "missing.npz: no such file"),
        ("predict . digits", "model.npz: no such file"),
    ],
)
def test_a_command_line_that_makes_no_sense(arguments, message, here, capsys):
    assert message in refused(arguments.split(), capsys)
    assert list(here.iterdir()) == []


BAD_DATA = {
    "labels that are not finite": (
        lambda: put_npz(y=replaced(Y, 3, np.nan)),
        "data.npz",
        "data.npz: y: expected whole numbers or names, got nan",
    ),
    "values that are all the same": (lambda: put_npz(y=Y * 0 + 0.5), "data.npz", "data.npz: y: every value is 0.5"),
    "values too large for their spread": (
        lambda: put_npz(y=X[:, 0] * 1e300),
        "data.npz",
        "data.npz: y: the values are too large for their standard deviation",
    ),
    "too few labels": (
        lambda: put_npz(y=Y[:-1]),
        "data.npz",
        "data.npz: y: expected one label for each of the 60 rows, shape (60,), got (59,)",
    ),
    "one class": (lambda: put_npz(y=Y * 0), "data.npz", "expected at least two classes, found only '0'"),
    "no labels": (lambda: np.savez("data.npz", X=X), "data.npz", "holds no labels for its training part"),
    "no examples": (lambda: put_npz(X=X[:0], y=Y[:0]), "data.npz", "data.npz: X: expected at least one row"),
    "NaN in an array": (
        lambda: put_npz(X=replaced(X, (17, 2), np.nan)),
        "data.npz",
        "data.npz: X: row 17 holds nan (column 2); every value must be finite",
    ),
    "infinity in the test part": (
        lambda: np.savez("data.npz", X_train=X, y_train=Y, X_test=replaced(X, (5, 1), np.inf), y_test=Y),
        "data.npz",
        "data.npz: X_test: row 5 holds inf (column 1); every value must be finite",
    ),
    "a label unknown to training": (
        lambda: np.savez("data.npz", X_train=X, y_train=Y, X_test=X, y_test=Y + 5),
        "data.npz",
        "data.npz: y_test: '6' is not among the classes known, 0, 1",
    ),
    "values too large": (lambda: put_npz(X=X * 1e300), "data.npz", "data.npz: X: the values are too large"),
    "an npz file that is none": (lambda: put("data.npz", "text"), "data.npz", "data.npz: cannot be read"),
    "arrays of objects": (lambda: put_npz(X=X.astype(object)), "data.npz", "found dtype object"),
    "NaN in a table": (
        lambda: put("data.csv", table(replaced(X, (9, 1), np.nan))),
        "data.csv",
        "data.csv: line 11, column 2 (b): nan is not finite",
    ),
    "a word among numbers": (
        lambda: put("data.csv", table().replace(str(X[5, 2]), "many")),
        "data.csv",
        "data.csv: line 7, column 3 (c): expected a number, found 'many'",
    ),
    "labels in a table that are not finite": (
        lambda: put("data.csv", table(y=replaced(Y, 3, np.inf))),
        "data.csv",
        "data.csv: line 5, column 5 (y): expected a label, found 'inf'",
    ),
    "values in a table that are all the same": (
        lambda: put("data.csv", table(y=Y * 0 + 0.5)),
        "data.csv",
        "data.csv: y: every value is 0.5; expected a target that varies",
    ),
    "a table cut short": (
        lambda: put("data.csv", table()[:-50]),
        "data.csv",
        "expected 5 cells, as in the first row, found",
    ),
    "too few rows to test": (
        lambda: put("data.csv", table(X[:2], [0, 1])),
        "data.csv",
        "--test-fraction: data.csv: too few rows to hold out 0.2 of them: 2 in 2 class(es)",
    ),
    "too few rows to validate": (
        lambda: put("data.csv", table(X[:4], [0, 0, 1, 1])),
        "data.csv",
        "--validation-fraction: data.csv: too few rows to hold out 0.1 of them: 3 in 2 class(es)",
    ),
    "IDX cut short": (
        lambda: put_mnist(images=idx(IMAGES)[:-5]),
        "mnist:mnist",
        "images-idx3-ubyte: declares the shape (60, 5, 4), expected 1200 bytes of items, found only 1195",
    ),
    "IDX that claims terabytes": (
        lambda: put_mnist(images=bytes([0, 0, 8, 3]) + b"\x7f" * 12 + b"x" * 50),
        "mnist:mnist",
        "bytes of items, found only 50",
    ),
    "IDX labels out of range": (
        lambda: put_mnist(labels=idx(DIGITS + np.uint8(3))),
        "mnist:mnist",
        "labels-idx1-ubyte: labels must be from 0 to 9, got 10 in row 7",
    ),
    "IDX labels of another length": (
        lambda: put_mnist(labels=idx(DIGITS[:-1])),
        "mnist:mnist",
        "labels-idx1-ubyte: expected one label for each of the 60 rows",
    ),
    "IDX images in place of labels": (
        lambda: put_mnist(labels=idx(IMAGES)),
        "mnist:mnist",
        "labels-idx1-ubyte: expected labels, one axis of uint8; found an array of shape (60, 5, 4)",
    ),
    "gzip cut short": (
        lambda: put_mnist(gzip.compress(idx(IMAGES))[:-9], pack=gzip.compress, ending=".gz"),
        "mnist:mnist",
        "images-idx3-ubyte.gz: cannot be read",
    ),
    "a folder in place of a file": (
        lambda: (put_mnist(), put("m/t10k-images-idx3-ubyte/x", ""), put("m/t10k-labels-idx1-ubyte", idx(DIGITS))),
        "mnist:m",
        f"m/t10k-images-idx3-ubyte: cannot be read ({os.strerror(errno.EISDIR)})",
    ),
    "CIFAR-10 cut short": (lambda: put_cifar(lambda b: b[:-50]), "cifar10:cifar", "data_batch_3: cannot be read"),
    "CIFAR-10 that runs code": (
        lambda: put_cifar(lambda _: b"cos\nsystem\n(S'touch run-by-pickle'\ntR."),
        "cifar10:cifar",
        "data_batch_3: cannot be read (it asks for os.system",
    ),
    "CIFAR-10 labels out of range": (
        lambda: put_cifar(lambda b: b"\x4d" + b[1:], binary=True),
        "cifar10:cifar",
        "data_batch_3.bin: labels: labels must be from 0 to 9, got 77 in row 0",
    ),
    "binary CIFAR-10 cut short": (
        lambda: put_cifar(lambda b: b[:-1], binary=True),
        "cifar10:cifar",
        "data_batch_3.bin: expected records of 3073 bytes, found 61459 bytes",
    ),
    "CIFAR-10 with other classes": (
        lambda: (put_cifar(binary=True), put("cifar/batches.meta.txt", "cat\ndog\n")),
        "cifar10:cifar",
        "batches.meta.txt: expected 10 names of classes, found 2: 'cat, dog'",
    ),
}


@pytest.mark.parametrize("fault", BAD_DATA)
def test_data_that_cannot_be_used(fault, here, capsys):
    make, source, message = BAD_DATA[fault]
    make()
    command = ["train", "--data", source, "--model", "fully-connected", *QUICK, "--output", "run"]
    assert message in refused(command, capsys)
    assert not Path("run").exists()
    assert not Path("run-by-pickle").exists()


def test_a_test_part_leaves_nothing_to_hold_out(here, capsys):
    np.savez("data.npz", X_train=X, y_train=Y, X_test=X, y_test=Y)
    message = refused(["train", "--data", "data.npz", "--test-fraction", "0.1"], capsys)
    assert "--test-fraction: data.npz comes with a test part of 60 examples" in message


def test_a_batch_of_one_is_refused_by_the_layer_s_name(here, capsys):
    message = refused(["train", *QUICK, "--batch-size", "1", "--output", "run"], capsys)
    assert "layer 2, BatchNorm(" in message
    assert "got a batch of one" in message
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("command", "make", "data", "message"),
    [
        ("predict", lambda: np.save("x.npy", X), "x.npy", "x.npy: holds examples of shape (4,); the network was train"),
        (
            "predict",
            lambda: np.save("x.npy", replaced(np.zeros((9, 64)), (7, 3), np.inf)),
            "x.npy",
            "x.npy: X: row 7 holds inf (column 3)",
        ),
        ("predict", lambda: put("x.npy", "text"), "x.npy", "x.npy: cannot be read"),
        ("evaluate", lambda: put_npz(X=np.zeros((60, 64)), y=Y + 9), "data.npz", "labels 10 are not among the classes"),
        ("evaluate", lambda: np.savez("data.npz", X=np.zeros((60, 64))), "data.npz", "data.npz: holds no labels"),
        ("evaluate", lambda: np.save("x.npy", X), "x.npy", "x.npy: has no labels beside it; "),
    ],
)
def test_new_data_that_do_not_fit(command, make, data, message, run, here, capsys):
    make()
    assert message in refused([command, str(run), data], capsys)


def test_models_that_are_damaged_or_none(run, here, capsys):
    put("model.npz", (run / "model.npz").read_bytes()[:500])
    put("data.csv", table())
    put_npz()
    assert "model.npz: not a file written by numbanet, or damaged" in refused(["predict", ".", "digits"], capsys)
    assert "data.npz: not a file written by numbanet" in refused(["predict", "data.npz", "digits"], capsys)
    message = refused(["predict", "data.csv", "digits"], capsys)
    assert message.endswith("data.csv: not a file written by numbanet, or damaged (it is no .npz archive)\n")


# Not even root can write to these.
UNWRITABLE = ["file/run", "file", "/dev/null/run", *(["/proc/run"] if Path("/proc/self").exists() else [])]


@pytest.mark.parametrize("output", [*UNWRITABLE, ""])
def test_an_output_that_cannot_be_written_is_found_first(output, run, here, capsys):
    put("file", "")
    assert "--output: " in refused(["train", "--output", output], capsys)
    if output != "file":
        assert "--output: " in refused(["predict", str(run), "digits", "--output", output], capsys)
    assert os.listdir() == ["file"]


def test_an_output_that_is_a_folder(run, capsys):
    message = refused(["predict", str(run), "digits", "--output", str(run)], capsys)
    assert f"--output: {run} is a folder" in message


def test_a_run_is_never_overwritten(run, capsys):
    message = refused(["train", *QUICK, "--output", str(run)], capsys)
    assert "holds model.npz, history.csv, run.json of another run" in message


def test_divergence_at_once_saves_nothing(here, capsys):
    options = ["--optimizer", "sgd", "--normalization", "none", "--learning-rate", "1e30", "--output", "run"]
    message = refused(["train", *QUICK, *options], capsys, status=1)
    assert message.startswith("numbanet: error: the loss became nan at step 2 (epoch 1) with learning rate 1e+30")
    assert "layer " in message
    assert "Nothing was saved" in message
    assert not Path("run").exists()


def test_divergence_later_keeps_the_best(here, capsys):
    options = ["--optimizer", "sgd", "--normalization", "none", "--epochs", "9"]
    options += ["--lr-schedule", "exponential", "--lr-decay", "1e15"]
    assert main(["train", *QUICK, *options, "--output", "run"]) == 1
    message = capsys.readouterr().err
    assert "(epoch 2) with learning rate 1e+13; NaN or infinity first shows in " in message
    assert "The best network before that is in run/model.npz" in message
    assert "Traceback" not in message
    assert record("run")["result"]["ended"] == "diverged"
    assert sorted(os.listdir("run")) == MODEL_FILES
    assert all(np.isfinite(value).all() for value in load_model("run/model.npz")[0].params.values())


def press(times, after, monkeypatch, number=signal.SIGINT):
    """Ctrl-C that often, once `after` steps are taken; gives a list that tells how many they were."""
    on_progress, pressed_at = _watch.Watch.on_progress, []

    def pressed(self, solver, logs):
        if solver.step >= after and not pressed_at:  # steps are taken in groups
            pressed_at.append(solver.step)
            for _ in range(times):
                os.kill(os.getpid(), number)
        return on_progress(self, solver, logs)

    monkeypatch.setattr(_watch.Watch, "on_progress", pressed)
    return pressed_at


def test_ctrl_c_stops_after_its_step_and_saves(here, monkeypatch, capfd):
    pressed_at = press(1, 60, monkeypatch)
    assert main(["train", *QUICK, "--epochs", "50", "--output", "run"]) == 130
    (steps,) = pressed_at
    err = capfd.readouterr().err
    assert f"interrupted at step {steps:,} of 2,050; what was learnt is in run/model.npz" in err
    assert "Traceback" not in err
    result = record("run")["result"]
    assert (result["ended"], result["steps"], result["epochs"]) == ("interrupted", steps, steps // 41)
    assert main(["evaluate", "run", "digits"]) == 0


def test_ctrl_c_twice_quits_at_once(here, monkeypatch, capfd):
    press(2, 60, monkeypatch)
    assert main(["train", *QUICK, "--epochs", "50", "--output", "run"]) == 130
    assert "interrupted; nothing was saved" in capfd.readouterr().err
    assert os.listdir() == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_stops_and_saves_as_ctrl_c_does(here, monkeypatch, capfd):
    pressed_at = press(1, 60, monkeypatch, signal.SIGTERM)
    assert main(["train", *QUICK, "--epochs", "50", "--output", "run"]) == 143
    assert (
        f"interrupted at step {pressed_at[0]:,} of 2,050; what was learnt is in run/model.npz" in capfd.readouterr().err
    )
    assert sorted(os.listdir("run")) == [*MODEL_FILES, "state.npz"]
    assert record("run")["result"]["ended"] == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_training_leaves_no_folder(number, status, here, monkeypatch, capfd):
    monkeypatch.setattr(_train, "network_of", lambda *_: os.kill(os.getpid(), number))
    assert main(["train", *QUICK]) == status
    out, err = capfd.readouterr()
    assert (out, err) == ("", "\nnumbanet: interrupted\n")
    assert not any(Path("numbanet-runs").iterdir())


def test_a_signal_where_standard_error_is_no_file(here, monkeypatch, capsys):
    press(1, 60, monkeypatch)
    assert main(["train", *QUICK, "--epochs", "50", "--output", "run"]) == 130
    assert "what was learnt is in run/model.npz" in capsys.readouterr().err


def test_a_signal_while_saving_waits(here, monkeypatch, capfd):
    save = Trained.save

    def pressed(self, path):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        save(self, path)

    monkeypatch.setattr(Trained, "save", pressed)
    assert main(["train", *QUICK, "--output", "run"]) == 0
    assert sorted(os.listdir("run")) == MODEL_FILES
    assert record("run")["result"]["ended"] == "complete"


def compile_something(solver):
    """A step before which two kernels are compiled: a Ctrl-C during the first is noticed before the second."""
    for _ in range(2):
        numba.njit(lambda x: x + 1)(1)
    raise AssertionError("compiled, and went on")


def test_ctrl_c_before_a_kernel_compiles_saves_nothing_and_says_so(here, monkeypatch, capfd):
    def pressed(solver):
        os.kill(os.getpid(), signal.SIGINT)
        compile_something(solver)

    monkeypatch.setattr(Solver, "_take_steps", pressed)
    assert main(["train", *QUICK]) == 130
    out, err = capfd.readouterr()
    assert out == ""
    assert "numbanet: interrupted before the first step; nothing was saved" in err
    assert "Traceback" not in err
    assert not any(Path("numbanet-runs").iterdir())


class Pressing(event.Listener):
    """Presses Ctrl-C twice from within the compiler, which swallows what is raised there."""

    raised = False

    def on_start(self, event):
        try:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
        except SystemExit:
            self.raised = True

    def on_end(self, event):
        pass


def test_ctrl_c_twice_while_a_kernel_compiles_saves_nothing(here, monkeypatch, capfd):
    monkeypatch.setattr(Solver, "_take_steps", compile_something)
    pressing = Pressing()
    with event.install_listener("numba:compile", pressing):
        assert main(["train", *QUICK]) == 130
    assert not pressing.raised
    out, err = capfd.readouterr()
    assert out == ""
    assert err.endswith("numbanet: interrupted; nothing was saved\n")
    assert "learnt" not in err
    assert "Traceback" not in err
    assert not any(Path("numbanet-runs").iterdir())


def test_an_interrupt_within_the_first_epoch_is_told_as_that(here, monkeypatch, capfd):
    press(1, 2, monkeypatch)
    assert main(["train", *QUICK, "--batch-size", "4", "--output", "run"]) == 130
    assert re.search(r"^validation     [\d.]+%  \(within the first epoch\)$", capfd.readouterr().out, re.MULTILINE)
    assert record("run")["result"]["best_epoch"] == 0


@pytest.mark.parametrize(
    ("started", "name", "quiet"),
    [
        (["-m", "numbanet", "train"], "-m", True),
        (["bin/numbanet", "train"], "bin/numbanet", True),
        (["-m", "pytest", "numbanet"], "-m", False),
        (["-c", "import numbanet"], "-c", False),
    ],
)
def test_ctrl_c_while_the_command_loads_shows_no_traceback(started, name, quiet):
    code = f"""
import signal, sys
sys.orig_argv, sys.argv = ["python", *{started}], [{name!r}]
signal.signal(signal.SIGINT, signal.default_int_handler)
import numbanet
print(signal.getsignal(signal.SIGINT) is signal.SIG_DFL)
numbanet._early.loud()
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(quiet), "True"]


def test_ctrl_c_from_outside(tmp_path):
    command = [sys.executable, "-m", "numbanet", "train", "--epochs", "100000", "--output", str(tmp_path / "run")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
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
    assert done.stdout == "label,probability\n"
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_named(run):
    command = f"{sys.executable} -m numbanet predict {run / 'model.npz'} digits > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"numbanet: error: {os.strerror(errno.ENOSPC)}\n"


def test_a_fault_of_our_own_is_a_line_too(monkeypatch, capsys):
    monkeypatch.delenv("NUMBANET_DEBUG", raising=False)
    monkeypatch.setattr(cli, "parse", lambda argv: [][1])
    assert "unexpected IndexError: list index out of range (NUMBANET_DEBUG=1" in refused([], capsys, status=1)
    monkeypatch.setenv("NUMBANET_DEBUG", "1")
    assert main([]) == 1
    assert "Traceback" in capsys.readouterr().err
