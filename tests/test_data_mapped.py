"""Data that are left in .npy files: what is found in them, what is refused, and the command line on them."""

import json
from pathlib import Path

import numpy as np
import pytest

from numbanet import DataError
from numbanet.cli import _train, main
from numbanet.data import Standardizer, load_mapped

RNG = np.random.default_rng(0)
X = RNG.standard_normal((600, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int8)
VALUES = (3 * X[:, 0] + 7).astype(np.float64)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", X)
    np.save("y.npy", Y)
    np.save("values.npy", VALUES)
    np.save("table.npy", np.column_stack([X, Y]).astype(np.float32))
    return tmp_path


def in_file(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return isinstance(array, np.memmap)


def test_labels_beside_the_examples_are_found():
    found = load_mapped("X.npy")
    assert in_file(found.X)
    np.testing.assert_array_equal(found.X, X)
    assert found.y.tolist() == Y.tolist()
    assert (found.class_names, found.task, found.name) == (("0", "1"), "classification", "X")
    assert found.notes == ("mapped, not read into memory", "y.npy 2 classes: 0, 1")
    np.save("x_train.npy", X)
    np.save("y_train.npy", 1 - Y)
    assert load_mapped("x_train.npy").y.tolist() == (1 - Y).tolist()


def test_labels_may_be_a_column():
    np.save("first.npy", np.column_stack([Y, X]).astype(np.float32))
    for path, target in (("table.npy", -1), ("table.npy", "4"), ("first.npy", 0)):
        found = load_mapped(path, target)
        assert in_file(found.X)
        np.testing.assert_array_equal(found.X, X)
        assert found.y.tolist() == Y.tolist()


def test_values_are_learnt_too():
    found = load_mapped("X.npy", "values.npy")
    assert found.task == "regression"
    np.testing.assert_array_equal(found.y, VALUES)
    both = np.column_stack([VALUES, -VALUES])
    np.save("both.npy", both)
    np.testing.assert_array_equal(load_mapped("X.npy", "both.npy").y, both)
    assert load_mapped("X.npy", task="regression").y.dtype == np.float64


@pytest.mark.parametrize(
    ("path", "target", "message"),
    [
        ("nothing.npy", None, "nothing.npy: no such file"),
        ("values.npy", None, "values.npy: has no labels beside it; name their file, or the column"),
        ("X.npy", "nothing.npy", "nothing.npy: no such file"),
        ("X.npy", 2, "X.npy: target: expected the first column, 0, or the last, -1, got 2"),
        ("values.npy", 0, r"values.npy: target: expected a table with a column of labels, found shape \(600,\)"),
        ("X.npy", "few.npy", "few.npy: expected a label for each of the 600 rows of X.npy, found 5"),
        ("words.npy", "y.npy", "words.npy: expected an array of numbers, found"),
        ("objects.npy", "y.npy", "objects.npy: cannot be read"),
        ("whole.npy", "y.npy", "whole.npy: expected uint8, float32 or float64, found int32"),
        ("holed.npy", "y.npy", r"holed.npy: row 77 holds nan \(column 2\)"),
        ("cut.npy", "y.npy", "cut.npy: cannot be read"),
        ("arrays.npz", "y.npy", "arrays.npz: cannot be read"),
        ("X.npy", "one.npy", "one.npy: expected at least two classes"),
    ],
)
def test_what_cannot_be_used_is_refused(path, target, message):
    holed = X.copy()
    holed[77, 2] = np.nan
    np.save("few.npy", Y[:5])
    np.save("words.npy", np.array(["a", "b"]))
    np.save("objects.npy", np.array([{}, 1], object))
    np.save("whole.npy", X.astype(np.int32))
    np.save("holed.npy", holed)
    np.save("one.npy", 0 * Y)
    np.savez("arrays.npz", X=X)
    Path("cut.npy").write_bytes(Path("X.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match=message):
        load_mapped(path, target)


def test_a_file_that_is_cut_short_anywhere_is_refused():
    content = Path("X.npy").read_bytes()
    for length in (*range(0, 140), len(content) // 2, len(content) - 1):
        Path("cut.npy").write_bytes(content[:length])
        with pytest.raises(DataError, match="cut.npy: "):
            load_mapped("cut.npy", "y.npy")


def test_nothing_is_learnt_from_rows_that_are_left_out():
    out = np.sort(RNG.permutation(600)[:150])
    wild = X.copy()
    wild[out] = 1e6
    fitted, expected = Standardizer.fit(wild, out), Standardizer.fit(np.delete(X, out, axis=0))
    np.testing.assert_allclose(fitted.mean, expected.mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fitted.scale, expected.scale, rtol=1e-12)
    np.testing.assert_allclose(Standardizer.fit(np.full((9, 2), 3.0), [0, 8]).mean, [3, 3])
    with pytest.raises(ValueError, match="left_out: expected numbers of rows from 0 to 599"):
        Standardizer.fit(X, [600])
    with pytest.raises(ValueError, match="left_out: expected at least one row"):
        Standardizer.fit(X, np.arange(600))


@pytest.fixture
def solvers(monkeypatch):
    made = []

    def noted(*arguments):
        made.append(solver_of(*arguments))
        return made[-1]

    solver_of = _train.solver_of
    monkeypatch.setattr(_train, "solver_of", noted)
    return made


TRAIN = ["train", "--hidden", "8", "--epochs", "8", "--learning-rate", "0.01", "--quiet", "--output", "run"]


@pytest.mark.parametrize("source", [["X.npy"], ["table.npy", "--target", "-1"], ["X.npy", "--target", "y.npy"]])
def test_the_command_line_trains_without_a_copy(source, solvers, capsys):
    assert main([*TRAIN, "--data", *source]) == 0
    (solver,) = solvers
    assert in_file(solver.X_train)
    record = json.loads(Path("run/run.json").read_text())
    assert [record["data"][part] for part in ("train", "validation", "test")] == [432, 48, 120]
    assert record["result"]["test_accuracy"] > 0.9
    left_out = solver._parts["train"]._left_out
    assert len(left_out) == 168
    rest = np.setdiff1d(np.arange(600), left_out)
    assert solver._parts["train"].counted[:].tolist() == rest.tolist()
    np.testing.assert_allclose(solver.model.standardizer.mean, X[rest].mean(axis=0), atol=1e-6)
    assert {row.tobytes() for row in solver.X_val} <= {row.tobytes() for row in X[left_out]}
    capsys.readouterr()
    assert main(["evaluate", "run", source[0], *source[1:]]) == 0
    assert "600 examples" in capsys.readouterr().out


def test_the_command_line_learns_values_by_rows_it_learns_from(solvers, capsys):
    assert main([*TRAIN, "--data", "X.npy", "--target", "values.npy"]) == 0
    (solver,) = solvers
    rest = np.setdiff1d(np.arange(600), solver._parts["train"]._left_out)
    np.testing.assert_allclose(solver.model.target_scaler.mean, [VALUES[rest].mean()])
    assert "R²" in capsys.readouterr().out


def test_of_a_large_file_no_more_is_held_out_than_tells_enough(monkeypatch, solvers):
    monkeypatch.setattr("numbanet.cli._data.MOST_HELD_OUT", 30)
    assert main([*TRAIN, "--data", "X.npy", "--test-fraction", "0.5"]) == 0
    record = json.loads(Path("run/run.json").read_text())
    assert [record["data"][part] for part in ("train", "validation", "test")] == [270, 30, 300]


def test_what_is_not_for_files_of_rows_is_refused(capsys):
    for options in (["--header"], ["--channels", "first"]):
        assert main([*TRAIN, "--data", "X.npy", *options]) == 2
        assert f"numbanet: error: {options[0]}: is not for .npy files" in capsys.readouterr().err
    assert main([*TRAIN, "--data", "X.npy", "--test-fraction", "0.95"]) == 2
    assert "leave none to learn from" in capsys.readouterr().err
