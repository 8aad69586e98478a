"""What the command line takes data for: what is certain is done and said, what is doubtful is refused by option."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from numbanet.cli import main

RNG = np.random.default_rng(3)
LINEAR = [
    "--model",
    "fully-connected",
    "--hidden",
    "none",
    "--normalization",
    "none",
    "--dropout",
    "0",
    "--epochs",
    "12",
    "--output",
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, X, y=None, first=None):
    rows = [[*row, label] for row, label in zip(X.tolist(), y, strict=True)] if y is not None else X.tolist()
    with open(name, "w", newline="") as file:
        csv.writer(file).writerows(rows if first is None else [first.split(","), *rows])


def record(folder):
    return json.loads(Path(folder, "run.json").read_text())


def trained(source, *options, folder="run"):
    assert main(["train", "--data", source, "--quiet", *options, *LINEAR, folder]) == 0
    return record(folder)


def told(command, capsys):
    """What was printed on the standard output, and what on the standard error."""
    capsys.readouterr()
    assert main(command) == 0
    return capsys.readouterr()


def refused(command, capsys):
    capsys.readouterr()
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("numbanet: error: ")
    assert err.count("\n") == 1
    return err


# Digits that float32 does not have.


def seconds(count=300):
    """Unix seconds of one minute, before and after its middle: float32 knows steps of 128 seconds there."""
    times = 1_700_000_000 + RNG.permutation(np.arange(count) % 60)
    return times[:, None], np.where(times % 60 < 20, "early", "late")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["csv", "int64", "int32", "float64"])
def test_unix_seconds_are_told_apart(kind, dtype, capsys):
    X, y = seconds()
    source = "a.csv" if kind == "csv" else "a.npz"
    if kind == "csv":
        write(source, X, y, "when,label")
    else:
        np.savez(source, X=X.astype(kind), y=y)
    assert trained(source, "--dtype", dtype, "--learning-rate", "0.1")["result"]["test_accuracy"] > 0.95
    out, _ = told(["evaluate", "run", source], capsys)
    right = int(out.partition("(")[2].partition(" of")[0])
    labels, _ = told(["predict", "run", source], capsys)
    predicted = [row["label"] for row in csv.DictReader(labels.splitlines())]
    assert right == (np.array(predicted) == y).sum() > 290


def test_digits_that_float64_does_not_have_are_refused(capsys):
    X, y = seconds()
    nanoseconds = X * 10**9 + RNG.integers(0, 2, X.shape)
    write("a.csv", nanoseconds - nanoseconds % 10**9 % 2, y, "when,label")  # whole seconds: exact
    trained("a.csv", folder="whole")
    np.savez("a.npz", X=1_700_000_000 * 10**9 + RNG.integers(0, 9, (300, 1)), y=y)
    error = refused(["train", "--data", "a.npz"], capsys)
    assert "a.npz: X: column 0: holds numbers from 1.7e+18 to 1.7e+18, which float64" in error
    assert "take the smallest away" in error


# Headers.


def test_a_header_of_numbers_is_taken_for_one_and_said(capsys):
    X, y = RNG.normal(size=(90, 3)).round(2), np.arange(90) % 2
    write("a.csv", X, y, "2019,2020,2021,label")
    write("new.csv", X, None, "2019,2020,2021")
    write("bare.csv", X, None)
    _, err = told(["train", "--data", "a.csv", *LINEAR, "run"], capsys)
    assert "columns separated by commas, with a header\n" in err
    assert "column 4 (label) the target of 2 classes: 0, 1\n" in err
    assert record("run")["data"]["feature_names"] == ["2019", "2020", "2021"]
    whole, err = told(["evaluate", "run", "a.csv"], capsys)
    assert "of 90 examples" in whole
    named, err = told(["predict", "run", "new.csv"], capsys)
    assert err == ""
    bare, err = told(["predict", "run", "bare.csv"], capsys)
    assert "numbanet: note: bare.csv: columns separated by commas, without a header\n" in err
    assert named == bare
    assert len(named.splitlines()) == 91


def test_a_doubtful_header_is_refused(capsys):
    X = RNG.integers(0, 9, (90, 3))
    write("a.csv", X, np.array(["ash", "elm"])[np.arange(90) % 2], "0,1,2,tree")
    assert "say which: header=True or False (--header or --no-header)" in refused(["train", "--data", "a.csv"], capsys)
    data = trained("a.csv", "--header")["data"]
    assert data["class_names"] == ["ash", "elm"]
    assert data["train"] + data["validation"] + data["test"] == 90


# Images.


@pytest.mark.parametrize("model", ["fully-connected", "small-vgg"])
def test_channels_last_train_the_same_network(model, capsys):
    X, y = RNG.integers(0, 256, (40, 3, 12, 10)).astype(np.uint8), np.arange(40) % 2
    np.savez("first.npz", X=X, y=y)
    np.savez("last.npz", X=np.moveaxis(X, 1, -1), y=y)
    np.save("last.npy", np.moveaxis(X, 1, -1))
    size = ["--hidden", "4"] if model == "fully-connected" else ["--widths", "2"]
    options = ["--model", model, *size, "--epochs", "1", "--augment", "crop"]
    assert main(["train", "--data", "first.npz", *options, "--output", "first"]) == 0
    _, err = told(["train", "--data", "last.npz", *options, "--output", "last"], capsys)
    assert "images (12, 10, 3) with channels last, moved to (3, 12, 10)\n" in err
    with np.load("first/model.npz") as first, np.load("last/model.npz") as last:
        arrays = [name for name in first.files if name.startswith(("param/", "standardizer/"))]
        assert len(arrays) > 4
        for name in arrays:
            np.testing.assert_array_equal(first[name], last[name])
    labels = [told(["predict", "first", source], capsys)[0] for source in ("first.npz", "last.npz", "last.npy")]
    assert labels[0] == labels[1] == labels[2]
    assert told(["evaluate", "last", "first.npz"], capsys)[0] == told(["evaluate", "last", "last.npz"], capsys)[0]


def test_doubtful_channels_are_refused(capsys):
    np.savez("a.npz", X=RNG.integers(0, 256, (40, 3, 12, 3)).astype(np.uint8), y=np.arange(40) % 2)
    assert "(--channels first or last)" in refused(["train", "--data", "a.npz"], capsys)
    assert trained("a.npz", "--channels", "last")["data"]["input_shape"] == [3, 3, 12]


SCALES = [  # of what is trained on, of what comes then, and the remedy
    (255, 1, "multiply them by 255"),
    (16, 1, "multiply them by 16"),
    (1, 255, "divide them by 255"),
    (16, 255, "divide them by 255"),
]


@pytest.mark.parametrize(("before", "after", "remedy"), SCALES)
@pytest.mark.parametrize("kind", ["images", "table"])
def test_pixels_of_another_scale_are_refused(kind, before, after, remedy, capsys):
    X, y = RNG.random((60, 5, 4)), np.arange(60) % 2
    X[:, 0, 0], X[:, 0, 1] = 0, 1
    for name, scale in (("before", before), ("after", after)):
        if kind == "images":
            np.savez(f"{name}.npz", X=X * scale, y=y)
        else:
            write(f"{name}.csv", X.reshape(60, 20) * scale, y)
    ending = "npz" if kind == "images" else "csv"
    trained(f"before.{ending}")
    for command in ("evaluate", "predict"):
        error = refused([command, "run", f"after.{ending}"], capsys)
        assert f"after.{ending}: holds values from 0 to {after}, and the network was trained on 0 to {before}" in error
        assert remedy in error
        told([command, "run", f"before.{ending}"], capsys)


def test_parts_of_another_scale_are_refused(capsys):
    X, y = RNG.random((60, 5, 4)), np.arange(60) % 2
    np.savez("a.npz", X_train=X * 255, y_train=y, X_test=X, y_test=y)
    assert "a.npz: the test data: holds values" in refused(["train", "--data", "a.npz"], capsys)


def test_tables_of_few_columns_have_no_scale(capsys):
    X, y = RNG.random((60, 4)) * 1000, np.arange(60) % 2
    write("a.csv", X, y)
    write("b.csv", X[:3] / 1000)
    trained("a.csv")
    assert len(told(["predict", "run", "b.csv"], capsys)[0].splitlines()) == 4


# Labels and parts.


def test_amounts_are_learnt_as_values_unless_they_are_said_to_be_classes(capsys):
    X = RNG.normal(size=(400, 2)).round(3)
    write("a.csv", X, RNG.integers(50, 438, 400), "size,age,price")
    _, err = told(["train", "--data", "a.csv", *LINEAR, "amounts"], capsys)
    assert "column 3 (price) the target of values from 5" in err
    assert "so regression; classes would be --task classification" in err
    assert record("amounts")["data"]["task"] == "regression"
    error = refused(["train", "--data", "a.csv", "--task", "regresion"], capsys)
    assert "--task: expected one of classification, regression, got 'regresion'; did you mean regression" in error
    write("b.csv", X, 20 + 3 * (np.arange(400) % 20), "size,age,price")
    assert len(trained("b.csv", "--task", "classification")["data"]["class_names"]) == 20
    assert "of 400 examples" in told(["evaluate", "run", "b.csv"], capsys)[0]  # where they are known, they are classes


def test_a_part_for_validation_chooses_the_epoch(capsys):
    X, y = RNG.normal(size=(60, 3)), np.arange(60) % 2
    np.savez("a.npz", X_train=X, y_train=y, X_val=X[:20] + 9, y_val=y[:20], X_test=X[:5], y_test=y[:5])
    data = trained("a.npz")
    assert [data["data"][part] for part in ("train", "validation", "test")] == [60, 20, 5]
    with np.load("run/model.npz") as arrays:
        scores = (X[:20] + 9 - arrays["standardizer/mean"]) / arrays["standardizer/scale"]
        scores = scores @ arrays["param/W1"] + arrays["param/b1"]
    assert data["result"]["validation_accuracy"] == (scores.argmax(axis=1) == y[:20]).mean()
    error = refused(["train", "--data", "a.npz", "--validation-fraction", "0.3"], capsys)
    assert "--validation-fraction: a.npz comes with a validation part of 20 examples" in error
    np.savez("b.npz", X_train=X, y_train=y, X_valid=X, y_valid=y)
    assert "b.npz: X_valid: no array of this name is known; did you mean X_val" in refused(
        ["train", "--data", "b.npz"], capsys
    )


@pytest.mark.parametrize("names", [np.array(["ash", "elm", "yew"]), np.array([7, 20, 100])])
def test_rows_of_one_class_are_evaluated(names, capsys):
    X, y = RNG.normal(size=(90, 3)).round(3), names[np.arange(90) % 3]
    write("a.csv", X, y, "u,v,w,tree")
    trained("a.csv")
    predicted = [row["label"] for row in csv.DictReader(told(["predict", "run", "a.csv"], capsys)[0].splitlines())]
    for rows in (np.flatnonzero(y == names[1]), [1], [2]):
        label = str(y[rows[0]])
        right = sum(predicted[row] == label for row in rows)
        write("one.csv", X[rows], y[rows], "u,v,w,tree")
        np.savez("one.npz", X=X[rows], y=y[rows])
        for source in ("one.csv", "one.npz"):
            out, _ = told(["evaluate", "run", source], capsys)
            assert f"({right} of {len(rows)} examples)" in out
            assert f"{label:5s}  {right / len(rows):>8.2%}" in out
    write("one.csv", X[:1], ["oak"], "u,v,w,tree")
    assert "labels oak are not among the classes" in refused(["evaluate", "run", "one.csv"], capsys)


def test_a_source_without_its_folder(capsys):
    error = refused(["train", "--data", "mnist"], capsys)
    assert error.startswith("numbanet: error: --data: expected one of ")
    assert error.endswith("got 'mnist': name the folder that it is in, mnist:FOLDER\n")
