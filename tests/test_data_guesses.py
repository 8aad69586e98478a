"""What is taken for what, where a file leaves it open: certain guesses are made and noted, doubtful ones refused."""

import numpy as np
import pytest

from numbanet.data import encode_labels, load, load_csv, load_csv_unlabelled, load_npy, load_npz, load_parts
from numbanet.data.images import order_of
from numbanet.errors import DataError

RNG = np.random.default_rng(0)
DECIMALS = RNG.normal(5, 2, (40, 3)).round(2)
WHOLE = RNG.integers(0, 9, (40, 3))
WORDS = np.array(["ash", "beech", "cedar", "elm"])[np.arange(40) % 4]
NUMBERS = np.arange(40) % 4


def written(folder, first, X, y=None, name="a.csv"):
    """A table with `first` as its first line, where that is not None."""
    rows = X.tolist() if y is None else [[*row, label] for row, label in zip(X.tolist(), y.tolist(), strict=True)]
    lines = [",".join(map(str, row)) for row in rows]
    path = folder / name
    path.write_text("\n".join(lines if first is None else [first, *lines]) + "\n")
    return path


def refused(path, match, **options):
    with pytest.raises(DataError, match=match):
        load_csv(path, **options)


# Headers.


@pytest.mark.parametrize("X", [DECIMALS, WHOLE])
@pytest.mark.parametrize(
    ("first", "y"),
    [
        ("0,1,2,label", NUMBERS),  # pandas, a word above numbers
        ("1,2,3,label", NUMBERS),
        ("2019,2020,2021,kind", NUMBERS),
        ("2021,2020,2019,kind", NUMBERS),
        ("2001,2005,2011,kind", NUMBERS),
        ("u,v,w,kind", NUMBERS),
        ("u,v,w,3", NUMBERS),
        ("u,v,w,kind", WORDS),
    ],
)
def test_a_certain_header_is_left_out(tmp_path, first, y, X):
    data = load_csv(written(tmp_path, first, X, y))
    np.testing.assert_array_equal(data.X, X)
    assert data.class_names == encode_labels(y)[1]
    assert [*data.feature_names, *data.target_names] == first.split(",")
    assert "with a header" in data.notes[0]


@pytest.mark.parametrize("y", [NUMBERS, WORDS])
@pytest.mark.parametrize(("first", "width"), [("0,1,2,3,4,5", 5), ("0,1,2,3,4,5,6,7,8", 8)])
def test_columns_that_pandas_numbered(tmp_path, first, width, y):
    X = RNG.integers(0, 3, (40, width))
    data = load_csv(written(tmp_path, first, X, y))
    np.testing.assert_array_equal(data.X, X)
    assert data.target_names == (str(width),)
    unlabelled = load_csv_unlabelled(written(tmp_path, first.rpartition(",")[0], X))
    np.testing.assert_array_equal(unlabelled.X, X)


@pytest.mark.parametrize(
    ("first", "X", "y"),
    [
        ("0,1,2,species", DECIMALS, WORDS),  # three names that count, far from all that is below
        ("2019,2020,2021,species", DECIMALS, WORDS),
    ],
)
def test_numbers_that_count_far_from_the_rest_are_a_header(tmp_path, first, X, y):
    data = load_csv(written(tmp_path, first, X + 100, y))
    np.testing.assert_array_equal(data.X, X + 100)
    assert data.class_names == ("ash", "beech", "cedar", "elm")


@pytest.mark.parametrize(
    ("first", "X", "y"),
    [
        ("0,1,2,species", WHOLE, WORDS),  # a class of one example, or names?
        ("2001,2005,2011,species", DECIMALS, WORDS),
        ("0,1,2,3", WHOLE, NUMBERS),
        ("400.5,402.5,404.5,species", DECIMALS, WORDS),
    ],
)
def test_a_doubtful_header_is_asked_for(tmp_path, first, X, y):
    path = written(tmp_path, first, X, y)
    refused(path, r"a.csv: the first row, .*may be the names of the columns or an example.*--header or --no-header")
    named, unnamed = load_csv(path, header=True), load_csv(path, header=False)
    np.testing.assert_array_equal(named.X, X)
    assert [*named.feature_names, *named.target_names] == first.split(",")
    np.testing.assert_array_equal(unnamed.X[1:], X)
    assert (len(unnamed), unnamed.feature_names) == (41, None)
    assert "without a header" in unnamed.notes[0]


@pytest.mark.parametrize("y", [NUMBERS, WORDS])
@pytest.mark.parametrize("X", [DECIMALS, WHOLE, WHOLE + np.arange(40)[:, None], 2019 + WHOLE])
def test_examples_stay_examples(tmp_path, X, y):
    data = load_csv(written(tmp_path, None, X, y))
    np.testing.assert_array_equal(data.X, X)
    assert data.feature_names is None


def test_tables_that_count_on_are_examples(tmp_path):
    X = np.arange(60).reshape(10, 6)
    np.testing.assert_array_equal(load_csv(written(tmp_path, None, X, WORDS[:10])).X, X)
    np.testing.assert_array_equal(load_csv_unlabelled(written(tmp_path, None, X)).X, X)


def test_a_random_table_hardly_ever_looks_as_if_it_had_a_header(tmp_path):
    taken = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        width, count = rng.integers(1, 6), rng.integers(2, 60)
        X = rng.integers(0, 10, (count, width)) if seed % 2 else rng.normal(0, 9, (count, width)).round(1)
        y = rng.integers(0, 3, count)
        y[:2] = 0, 1
        path = written(tmp_path, None, X, y)
        assert len(load_csv(path, header=False)) == count
        try:
            taken += len(load_csv(path)) != count
        except DataError:  # in doubt
            taken += 1
    assert taken <= 1


def test_header_as_asked_for(tmp_path):
    path = written(tmp_path, "u,2,w,kind", DECIMALS, WORDS)
    refused(path, "line 1: neither a header nor numbers.*--header")
    assert load_csv(path, header=True).feature_names == ("u", "2", "w")
    refused(path, r"line 1, column 1: expected a number, found 'u'", header=False)
    path = written(tmp_path, None, DECIMALS, WORDS)
    assert len(load_csv(path, header=True)) == 39
    assert load("digits")[1] is None
    with pytest.raises(ValueError, match="header: only a .csv or .tsv file has a header"):
        load("digits", header=True)


def test_a_network_s_columns_are_a_header(tmp_path):
    """Names that are known need no guess, though they are numbers that could be an example."""
    path = written(tmp_path, "0,1,2,3", WHOLE, NUMBERS)
    np.testing.assert_array_equal(load_csv(path, feature_names=("0", "1", "2")).X, WHOLE)
    np.testing.assert_array_equal(load_csv_unlabelled(path, feature_names=("2", "0", "1")).X, WHOLE[:, [2, 0, 1]])


def test_the_target_is_an_index_where_there_are_no_names(tmp_path):
    """Not the column whose first number happens to be that."""
    path = written(tmp_path, None, np.array([[5, 2, 1], [1, 0, 2], [0, 0, 1], [3, 2, 2]]))
    assert load_csv(path, "2").class_names == ("1", "2")
    np.testing.assert_array_equal(load_csv(path, "2").X, [[5, 2], [1, 0], [0, 0], [3, 2]])
    named = written(tmp_path, "x,2,1", np.array([[5, 2, 1], [1, 0, 2], [0, 0, 1], [3, 2, 2]]))
    assert load_csv(named, "2", header=True).target_names == ("2",)


# Separators, comments, empty columns, pandas' index.


@pytest.mark.parametrize("first", ["u,v,w,kind", None])
@pytest.mark.parametrize(
    ("separator", "word"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "pipes"), (" ", "blanks")]
)
def test_separators(tmp_path, separator, word, first):
    path = written(tmp_path, first, DECIMALS, WORDS)
    text = path.read_text().replace(",", separator)
    for form in (text, text.replace("\n", f"{separator}\n"), "# by hand\n\n" + text, "\n# one\n# two\n" + text):
        path.write_text(form)
        data = load_csv(path)
        np.testing.assert_array_equal(data.X, DECIMALS)
        assert (data.class_names, data.feature_names) == (("ash", "beech", "cedar", "elm"), first and ("u", "v", "w"))
        assert f"separated by {word}" in data.notes[0]
    path.write_text("\n".join(f"  {line}" for line in text.replace(" ", "   ").splitlines()))
    np.testing.assert_array_equal(load_csv(path).X, DECIMALS)


def test_what_numpy_writes(tmp_path):
    path = tmp_path / "a.csv"
    table = np.column_stack([DECIMALS, NUMBERS])
    for delimiter in (" ", ",", "\t"):
        for header in ("", delimiter.join("uvwk"), "made by a program\n" + delimiter.join("uvwk"), "made by it"):
            np.savetxt(path, table, delimiter=delimiter, header=header)
            data = load_csv(path)
            np.testing.assert_array_equal(data.X, DECIMALS)
            assert data.feature_names == (("u", "v", "w") if header.endswith("k") else None)


def test_a_column_called_by_a_sign(tmp_path):
    data = load_csv(written(tmp_path, "#,v,w,kind", DECIMALS, WORDS))
    assert data.feature_names == ("#", "v", "w")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,a,\n1,2,b\n", "line 2: expected 3 cells|^$"),
        ("1,2,a\n1,2,b,\n", "line 2: expected 3 cells, as in the first row, found 4"),
        ("u,v,k,\n1,2,a,\n1,2,b,3\n", "line 3: expected 3 cells, as in the first row, found 4"),
        ("a\nb\n", "found only the target column; columns may be separated by commas, semicolons, tabs, pipes, blanks"),
    ],
)
def test_rows_of_another_length(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    if message.endswith("$"):
        assert len(load_csv(path)) == 2  # the last cell is empty, or not there
    else:
        refused(path, message)


@pytest.mark.parametrize("name", ["", '""', "Unnamed: 0"])
@pytest.mark.parametrize("index", [np.arange(40), RNG.permutation(100)[:40]])
def test_an_index_without_a_name_is_left_out(tmp_path, index, name):
    data = load_csv(written(tmp_path, f"{name},u,v,w,kind", np.column_stack([index, WHOLE]), WORDS))
    np.testing.assert_array_equal(data.X, WHOLE)
    assert data.X.flags.c_contiguous
    assert data.feature_names == ("u", "v", "w")
    assert "column 1, which has no name and counts the rows, left out" in data.notes[0]
    unlabelled = written(tmp_path, f"{name},u,v,w", np.column_stack([index, WHOLE]))
    np.testing.assert_array_equal(load_csv_unlabelled(unlabelled, num_features=3).X, WHOLE)


def test_row_names_of_r(tmp_path):
    """Its write.table has no cell above them."""
    text = '"u" "v" "w" "kind"\n' + "".join(
        f'"{row + 1}" {" ".join(map(str, X))} "{y}"\n' for row, (X, y) in enumerate(zip(DECIMALS, WORDS, strict=True))
    )
    (tmp_path / "a.csv").write_text(text)
    data = load_csv(tmp_path / "a.csv")
    np.testing.assert_array_equal(data.X, DECIMALS)
    assert (data.feature_names, data.target_names) == (("u", "v", "w"), ("kind",))


def test_an_index_above_columns_that_pandas_numbered(tmp_path):
    path = written(tmp_path, ",0,1,2,kind", np.column_stack([np.arange(40), WHOLE]), WORDS)
    data = load_csv(path)
    np.testing.assert_array_equal(data.X, WHOLE)
    assert data.feature_names == ("0", "1", "2")


@pytest.mark.parametrize("column", [WHOLE[:, 0], DECIMALS[:, 0]])
def test_a_column_without_a_name_that_does_not_count_is_no_index(tmp_path, column):
    path = written(tmp_path, ",u,v,w,kind", np.column_stack([column, WHOLE]), WORDS)
    refused(path, "column 1 .*: has no name and does not count the rows; expected a name")


def test_a_number_that_is_missing_is_no_index(tmp_path):
    path = written(tmp_path, ",2,3,4,ash", np.column_stack([RNG.permutation(100)[:40], WHOLE]), WORDS)
    refused(path, "has no name and does not count the rows")


# Labels.


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (RNG.integers(50, 900, 400), "values from 5"),
        (RNG.permutation(20), "values from 0 to 19"),
        (RNG.integers(18, 91, 3000), "values from 18 to 90"),
        (RNG.integers(3, 20, 400) * 1000, "values from 3,000 to 19,000"),
        (RNG.poisson(20, 1000), "values from "),
        (1_700_000_000 + RNG.integers(0, 60, 500), "values from 1,700,000,000 to 1,700,000,059"),
        (RNG.normal(size=200), "values from -"),
        (np.arange(60) % 2 + 0.5, "values from 0.5 to 1.5"),
    ],
)
def test_amounts_are_no_classes(tmp_path, y, words):
    X = RNG.normal(size=(len(y), 2)).round(3)
    path = written(tmp_path, "u,v,price", X, y)
    np.savez(tmp_path / "a.npz", X=X, y=y)
    for data, name in ((load_csv(path), "column 3 (price) the target of "), (load_npz(tmp_path / "a.npz")[0], "y ")):
        assert data.task == "regression"
        assert data.class_names is None
        np.testing.assert_array_equal(data.y, y)
        assert data.y.dtype == np.float64
        assert data.notes[-1].startswith(name + words)
        assert data.notes[-1].endswith(", so regression; classes would be --task classification")
    if (y != np.trunc(y)).any():
        refused(path, "expected whole numbers or names, got .*--task regression", task="classification")
        return
    for data in (load_csv(path, task="classification"), load(tmp_path / "a.npz", task="classification")[0]):
        assert data.class_names == tuple(map(str, np.unique(y)))
        np.testing.assert_array_equal(np.unique(y)[data.y], y)
    with pytest.raises(ValueError, match="task: expected .*, got 'regresion'; did you mean 'regression'"):
        load_csv(path, task="regresion")


@pytest.mark.parametrize(
    "y", [np.arange(60) % 10, np.arange(600) % 100, 1 + np.arange(600) % 26, np.arange(60) % 3 * 50]
)
def test_classes_are_no_amounts(tmp_path, y):
    X = RNG.normal(size=(len(y), 2)).round(3)
    data = load_csv(written(tmp_path, "u,v,k", X, y))
    assert data.class_names == tuple(map(str, np.unique(y)))
    assert f"(k) the target of {len(np.unique(y))} classes: {np.unique(y)[0]}, " in data.notes[1]


def test_many_words_are_classes(tmp_path):
    y = np.array([f"species {number}" for number in range(40)])
    assert load_csv(written(tmp_path, None, DECIMALS, y)).num_classes == 40


@pytest.mark.parametrize("targets", [["c", "a"], ["-1", "0"], [2, 0]])
def test_several_targets_are_values(tmp_path, targets):
    X = RNG.normal(size=(30, 4)).round(3)
    path = written(tmp_path, "a,b,c,d", X)
    data = load_csv(path, [2 if each == "-1" else each for each in targets])
    assert (data.task, data.feature_names, data.target_names) == ("regression", ("b", "d"), ("c", "a"))
    np.testing.assert_array_equal(data.y, X[:, [2, 0]])
    np.testing.assert_array_equal(data.X, X[:, [1, 3]])
    assert data.notes[-1].startswith("column 3 (c) and column 1 (a) the targets of values from ")
    with pytest.raises(ValueError, match="target: expected one column for task='classification', got 2"):
        load_csv(path, targets, task="classification")
    refused(path, "target: expected every column once, got 'a', 'a'", target=["a", "a"])
    refused(path, "expected at least one column of features", target=["a", "b", "c", "d"])


def test_values_must_be_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("u,price\n1,2\n3,dear\n")
    refused(path, r"line 3, column 2 \(price\): expected a number, found 'dear'", task="regression")


def test_labels_with_leading_zeros_are_names(tmp_path):
    y = np.array(["007", "7", "08", "7"] * 10)
    data = load_csv(written(tmp_path, None, DECIMALS, y))
    assert data.class_names == ("007", "08", "7")
    np.testing.assert_array_equal(np.array(data.class_names)[data.y], y)
    assert load_csv(written(tmp_path, None, DECIMALS, np.array(["0", "10", "-2", "0.5e1"] * 10))).class_names == (
        "-2",
        "0",
        "5",
        "10",
    )


def test_one_class_is_enough_to_evaluate(tmp_path):
    path = written(tmp_path, None, DECIMALS, np.repeat("ash", 40))
    refused(path, "expected at least two classes, found only 'ash'")
    data = load_csv(path, new_classes=False)
    assert (data.class_names, data.y.tolist()) == (("ash",), [0] * 40)
    np.savez(tmp_path / "a.npz", X=DECIMALS, y=np.repeat(700, 40))
    assert load(tmp_path / "a.npz", new_classes=False)[0].class_names == ("700",)


# Arrays.

IMAGES = RNG.integers(0, 256, (6, 3, 8, 7)).astype(np.uint8)
Y = np.arange(6) % 2


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((3, 32, 32), "first"),
        ((32, 32, 3), "last"),
        ((28, 28, 1), "last"),
        ((1, 28, 28), "first"),
        ((4, 64, 48), "first"),
        ((64, 48, 4), "last"),
        ((64, 48, 2), "last"),
        ((16, 8, 8), "first"),
        ((3, 4, 4), "first"),
        ((1, 5, 1), "first"),
        ((2, 6, 5), "first"),
        ((8, 4, 4), None),
        ((3, 3, 32), "first"),
        ((4, 4, 3), "last"),
        ((3, 32, 3), None),
        ((3, 3, 3), None),
        ((32, 32, 8), None),
        ((8, 9, 10), None),
        ((8, 7), None),
    ],
)
def test_where_channels_stand(shape, order):
    assert order_of(shape) == order


def test_channels_last_are_turned(tmp_path):
    last = np.moveaxis(IMAGES, 1, -1)
    for name, X in (("first", IMAGES), ("last", last)):
        np.savez(tmp_path / "a.npz", X=X, y=Y)
        np.save(tmp_path / "a.npy", X)
        for data in (load_npz(tmp_path / "a.npz")[0], load_npy(tmp_path / "a.npy")):
            np.testing.assert_array_equal(data.X, IMAGES)
            assert data.X.dtype == np.uint8
            assert data.X.flags.c_contiguous
            assert f"channels {name}" in data.notes[0]
    np.savez(tmp_path / "a.npz", X_train=last, y_train=Y, X_test=last[:2], y_test=Y[:2], X_val=last[:3], y_val=Y[:3])
    for part, count in zip(load_parts(tmp_path / "a.npz"), (6, 3, 2), strict=True):
        np.testing.assert_array_equal(part.X, IMAGES[:count])


def test_channels_that_could_be_either_are_asked_for(tmp_path):
    X = IMAGES[:, :, :, :3]
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    with pytest.raises(DataError, match=r"a.npz: X: images of shape \(3, 8, 3\) may .*--channels first or last"):
        load_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(load_npz(tmp_path / "a.npz", channels="first")[0].X, X)
    np.testing.assert_array_equal(load_npz(tmp_path / "a.npz", channels="last")[0].X, np.moveaxis(X, -1, 1))
    with pytest.raises(ValueError, match="channels: expected 'first' or 'last'"):
        load(tmp_path / "a.npz", channels="middle")
    with pytest.raises(ValueError, match="channels: expected .*of a .npz or .npy file; got 'last' for digits"):
        load("digits", channels="last")
    np.savez(tmp_path / "a.npz", X=DECIMALS, y=NUMBERS)
    with pytest.raises(DataError, match=r"channels: expected images with channels, four axes; got shape \(40, 3\)"):
        load_npz(tmp_path / "a.npz", channels="last")


def test_a_part_for_validation_is_used_or_refused(tmp_path):
    arrays = {"X_train": DECIMALS, "y_train": WORDS, "X_val": DECIMALS[:4] + 1, "y_val": WORDS[4:8]}
    np.savez(tmp_path / "a.npz", **arrays)
    train, validation, test = load_parts(tmp_path / "a.npz")
    np.testing.assert_array_equal(validation.X, DECIMALS[:4] + 1)
    assert (validation.y.tolist(), validation.class_names, test) == ([0, 1, 2, 3], train.class_names, None)
    for function in (load, load_npz):
        with pytest.raises(DataError, match="X_val: expected two parts, found one for validation; load_parts has it"):
            function(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"X_valid": DECIMALS, "y_valid": WORDS}, "X_valid: no array of this name is known; did you mean X_val"),
        ({"X_validation": DECIMALS}, "did you mean X_val"),
        ({"xtest": DECIMALS}, "did you mean X_test"),
        ({"y_tset": WORDS}, "did you mean y_test"),
        ({"X_val": DECIMALS}, "expected the arrays X and y"),
        ({"y_val": WORDS}, "expected the arrays X and y"),
        ({"X_val": DECIMALS[:, :2], "y_val": WORDS}, r"X_val: expected rows of shape \(3,\), as in X_train"),
        ({"X_val": DECIMALS, "y_val": np.repeat("fir", 40)}, "y_val: .*'fir' is not among"),
    ],
)
def test_arrays_of_names_that_are_nearly_known_are_refused(tmp_path, extra, message):
    np.savez(tmp_path / "a.npz", X_train=DECIMALS, y_train=WORDS, **extra)
    with pytest.raises(DataError, match=f"a.npz.*{message}"):
        load_parts(tmp_path / "a.npz")


def test_arrays_of_other_names_are_noted(tmp_path):
    np.savez(tmp_path / "a.npz", X=DECIMALS, y=WORDS, sample_weight=NUMBERS)
    assert "arrays sample_weight left out" in load_npz(tmp_path / "a.npz")[0].notes


@pytest.mark.parametrize("source", ["mnist", "cifar10", "mnist:"])
def test_a_folder_that_is_not_named(source):
    with pytest.raises(ValueError, match=f"name the folder that it is in, {source.strip(':')}:FOLDER"):
        load(source)
