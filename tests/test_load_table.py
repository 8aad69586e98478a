"""A table and its target: which task it is, which rows are left out, what is said, and what is refused."""

import numpy as np
import pytest

from numbanet.data import TablePreprocessor, load_table, split
from numbanet.errors import DataError

RNG = np.random.default_rng(0)


def table(folder, y, name="a.csv", **columns):
    """A file with the features n and w, `columns`, and the target y."""
    rows = len(y)
    columns = {"n": np.arange(rows) / 2, "w": np.resize(["u", "v", "w"], rows), **columns, "y": y}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def refused(path, match, *arguments, **options):
    with pytest.raises(DataError, match=match):
        load_table(path, *arguments, **options)


def test_classes(tmp_path):
    data = load_table(table(tmp_path, ["yes", "no", "yes", "no"]))
    assert (data.task, data.class_names, data.y.tolist()) == ("classification", ("no", "yes"), [1, 0, 1, 0])
    assert (data.X.names, data.feature_names) == (("n", "w"), ("n", "w"))
    assert (data.target_names, data.name) == (("y",), "a")
    assert "target y: 2 classes: no, yes" in data.notes
    assert data.notes[0] == "columns separated by commas, with a header"


@pytest.mark.parametrize(
    ("y", "class_names"),
    [
        ([10, 9, 9, 10], ("9", "10")),
        ([1.0, 0.0, 1.0, 0.0], ("0", "1")),
        (["True", "False", "True", "True"], ("False", "True")),
        (["007", "7", "08", "7"], ("007", "08", "7")),
        (np.arange(60) % 12, tuple(map(str, range(12)))),
        (["5", "x", "10", "5"], ("10", "5", "x")),
    ],
)
def test_labels(tmp_path, y, class_names):
    data = load_table(table(tmp_path, y))
    assert (data.task, data.class_names) == ("classification", class_names)
    names = [
        str(int(float(value))) if class_names[-1] != "7" and str(value)[0] in "0123456789" else value for value in y
    ]
    assert [class_names[code] for code in data.y] == list(names)


@pytest.mark.parametrize("y", [[0.5, 1, 2, 2], RNG.integers(18, 91, 400), 1000 * np.arange(40)])
def test_amounts(tmp_path, y):
    data = load_table(table(tmp_path, y))
    assert (data.task, data.class_names, data.y.dtype) == ("regression", None, np.float64)
    np.testing.assert_array_equal(data.y, y)
    values = f"target y: values from {min(y):,.10g} to {max(y):,.10g}"
    assert f"{values}, so regression; classes would be --task classification" in data.notes
    assert values in load_table(table(tmp_path, y), task="regression").notes


@pytest.mark.parametrize("y", [[3, 7, 5, 2], 1000 * (np.arange(40) % 12), np.arange(60) % 20])
def test_a_doubtful_target_is_asked_for(tmp_path, y):
    path = table(tmp_path, y)
    if len(y) == 60:  # twenty labels in a row, each with three examples
        assert load_table(path).num_classes == 20
    else:
        refused(path, r"a.csv: column y: holds .* which may be classes or values; say which: task=.*\(--task\)")
    assert load_table(path, task="classification").num_classes == len(set(y))
    assert load_table(path, task="regression").y.tolist() == list(y)


def test_which_column_is_the_target(tmp_path):
    path = table(tmp_path, [0.5, 1.5, 2.5, 3.5])
    for target in ("y", -1, 2, "2", None):
        assert load_table(path, target).target_names == ("y",)
    data = load_table(path, "w")
    assert (data.class_names, data.X.names) == (("u", "v", "w"), ("n", "y"))
    both = load_table(path, ["y", "n"])
    assert (both.task, both.X.names, both.target_names) == ("regression", ("w",), ("y", "n"))
    np.testing.assert_array_equal(both.y, [[0.5, 0], [1.5, 0.5], [2.5, 1], [3.5, 1.5]])
    assert any(note.startswith("target y, n: values from 0 to 3.5") for note in both.notes)
    assert load_table(path, ["y", 0]).target_names == ("y", "n")
    assert load_table(path, drop=["n"]).X.names == ("w",)


def test_rows_without_a_target_are_left_out(tmp_path):
    path = table(tmp_path, ["a", "", "b", "?", "a"], key=["r1", "r2", "r3", "r4", "r5"])
    data = load_table(path, id="key")
    assert (len(data), data.X["n"].tolist(), data.ids.tolist()) == (3, [0, 1, 2], ["r1", "r3", "r5"])
    assert (data.id_name, data.X.names) == ("key", ("n", "w"))
    assert "2 rows without a target left out, of 5" in data.notes
    several = load_table(table(tmp_path, [1.5, "", 3, 4], m=["", 2, 3, 4.5]), ["y", "m"])
    assert several.y.tolist() == [[3, 3], [4, 4.5]]
    held = split(data, 0.4, 0)
    assert sorted([*held[0].ids, *held[1].ids]) == ["r1", "r3", "r5"]


def test_identifiers_are_text_as_it_stands(tmp_path):
    keys = ["7", "8.0", "+9", "12345678901234567890", "12345678901234567891", "1e3", "007"]
    assert load_table(table(tmp_path, [0.5, 1, 2, 3, 4, 5, 6], key=keys), id="key").ids.tolist() == keys
    np.savez(tmp_path / "a.npz", X=np.eye(2), key=np.array([2**62, 2**62 + 1]), y=np.array([0.5, 1]))
    assert load_table(tmp_path / "a.npz", id="key").ids.tolist() == [str(2**62), str(2**62 + 1)]


def test_rows_to_predict(tmp_path):
    path = table(tmp_path, ["a", "b", "a", "b"], key=[1, 2, 3, 4])
    train = load_table(path, "y", id="key")
    preprocessor = TablePreprocessor().fit(train.X)
    with_target = load_table(path, "y", id="key", has_target=False, like=preprocessor)
    assert (with_target.y, with_target.X.names, with_target.ids.tolist()) == (None, ("n", "w"), ["1", "2", "3", "4"])
    np.testing.assert_array_equal(preprocessor.transform(with_target.X), preprocessor.transform(train.X))
    without = tmp_path / "b.csv"
    without.write_text("w,key,n\nu,9,0.5\n")
    data = load_table(without, "y", id="key", has_target=False, like=preprocessor)
    np.testing.assert_array_equal(preprocessor.transform(data.X), preprocessor.transform({"n": [0.5], "w": ["u"]}))
    assert load_table(path, has_target=False).X.names == ("n", "w", "key", "y")
    refused(without, "lacks the column 'y'", "y", like=preprocessor)


def test_known_classes(tmp_path):
    path = table(tmp_path, ["b", "b", "b"])
    assert load_table(path, class_names=("a", "b")).y.tolist() == [1, 1, 1]
    numbers = load_table(table(tmp_path, [30, 20, 30]), class_names=("10", "20", "30"))
    assert numbers.y.tolist() == [2, 1, 2]
    again = table(tmp_path, [2.5, 2.5])
    refused(again, "column y: expected targets that vary")
    learnt = TablePreprocessor().fit(load_table(again, has_target=False, drop=["y"]).X)
    assert load_table(again, "y", like=learnt).y.tolist() == [2.5, 2.5]
    refused(table(tmp_path, ["b", "c"]), "column y: 'b' is not among the classes known, a, c", class_names=("a", "c"))


def test_what_is_odd_is_said_and_kept(tmp_path):
    path = table(
        tmp_path,
        RNG.normal(size=30),
        key=RNG.permutation(1000)[:30],
        name_of=[f"p{row}" for row in range(30)],
        same=[3] * 30,
        word=["x"] * 30,
        none=[""] * 30,
        nearly=[3] * 29 + [""],
    )
    data = load_table(path)
    assert data.X.names == ("n", "w", "key", "name_of", "same", "word", "none", "nearly")
    assert "column none: missing in every row" in data.notes
    assert "columns same, word: the same in every row" in data.notes
    assert (
        "columns key, name_of: another value in every row, as identifiers have, and kept; leave it out with drop if it "
        "is one"
    ) in data.notes


@pytest.mark.parametrize(
    ("y", "arguments", "options", "message"),
    [
        (["a", "a", "a"], (), {}, "column y: expected at least two classes, found only 'a'"),
        ([1.5, 1.5, 1.5], (), {}, "column y: expected targets that vary, found 1.5 in every row"),
        ([1.5, "inf", 1.5], (), {}, "line 3, column y: inf is not finite"),
        ([1.5, "-Infinity", 1.5], (), {}, "line 3, column y: -inf is not finite"),
        (["", "", ""], (), {}, "column y: the target is missing in every row"),
        (["2020-01-01", "2020-01-02", ""], (), {}, "column y: expected classes or numbers as a target, found dates"),
        ([1, 2, 3], ("z",), {}, "no column is named 'z'; there are 'n', 'w', 'y'"),
        ([1, 2, 3], (5,), {}, "target: expected a column from 0 to 2, got 5"),
        ([1.5, 2, 3], (["y", "w"],), {}, "column w: expected numbers as targets, found text such as 'u'"),
        ([1.5, 2, 3], (["y", "n"],), {"task": "classification"}, "column y: expected numbers as targets, for classif"),
        ([1.5, 2, 3], (["y", "y"],), {}, "target: expected every column once, got 'y', 'y'"),
        (["a", "b", "a"], (), {"task": "regression"}, "column y: expected numbers as targets, found text such as 'a'"),
        ([0.5, 1, 2], (), {"task": "classification"}, "column y: expected whole numbers or names, got 0.5"),
        (["a", "b", "a"], (), {"drop": ["n", "w"]}, "expected at least one column of features besides y"),
        (["a", "b", "a"], ("y",), {"id": "y"}, "id: 'y' is the target"),
        (["a", "b", "a"], ("y",), {"id": "key"}, "no column is named 'key'"),
    ],
)
def test_refused(tmp_path, y, arguments, options, message):
    refused(table(tmp_path, y), f"a.csv: .*{message}", *arguments, **options)


def test_options_that_are_refused(tmp_path):
    path = table(tmp_path, ["a", "b"])
    with pytest.raises(ValueError, match="task: expected one of 'classification', 'regression', got 'regresion'; did"):
        load_table(path, task="regresion")


def test_arrays_and_frames(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.eye(4), y=np.array(["a", "b", "a", "b"]))
    data = load_table(tmp_path / "a.npz")
    assert (data.X.names, data.class_names, data.target_names) == (("x0", "x1", "x2", "x3"), ("a", "b"), ("y",))
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    parquet.write_table(
        pa.table({"n": [1, 2, None], "flag": [True, False, None], "y": [0.5, 1.5, None]}), tmp_path / "a.pq"
    )
    data = load_table(tmp_path / "a.pq")
    assert (data.task, data.y.tolist(), data.X["flag"].tolist()) == ("regression", [0.5, 1.5], ["True", "False"])


def test_one_row(tmp_path):
    data = load_table(table(tmp_path, [0.5]), header=True)
    assert (len(data), data.task) == (1, "regression")
    refused(table(tmp_path, ["a"]), "expected at least two classes", header=True)
