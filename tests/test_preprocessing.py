"""What a table becomes for a network: values by hand and by RealMLP's own, what is odd, what is kept."""

import json

import numpy as np
import pytest

from numbanet.data import Table, TablePreprocessor

NAN = float("nan")


def numbers(*columns):
    return Table.from_arrays(np.array(columns, float).T)


def smooth(x, limit=3.0):
    return x / np.sqrt(1 + (x / limit) ** 2)


def test_robust_scaling_by_hand():
    table = numbers([0, 1, 2, 3, 10], [5, 5, 5, 5, 9], [7, 7, 7, 7, 7])
    out = TablePreprocessor(dtype="float64").fit(table).transform(table)
    # Quartiles 1, 2, 3; then quartiles 5, 5, 5, and half of 9 - 5; then what never varies.
    expected = np.array([[-1, -0.5, 0, 0.5, 4], [0, 0, 0, 0, 2], [0] * 5]).T
    np.testing.assert_allclose(out, smooth(expected), rtol=1e-15)
    plain = TablePreprocessor(clip=None, dtype="float64").fit(table).transform(table)
    np.testing.assert_array_equal(plain, expected)
    np.testing.assert_allclose(
        TablePreprocessor(clip=1, dtype="float64").fit(table).transform(table), smooth(expected, 1)
    )


def test_other_scalings_by_hand():
    table = numbers([1, 3, 5, NAN], [2, 2, 2, 2])
    out = TablePreprocessor("standard", clip=None, dtype="float64").fit(table).transform(table)
    third = np.sqrt(8 / 3)
    np.testing.assert_allclose(out, [[-2 / third, 0, 0], [0, 0, 0], [2 / third, 0, 0], [0, 0, 1]], rtol=1e-15)
    out = TablePreprocessor("none").fit(table).transform(table)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, [[1, 2, 0], [3, 2, 0], [5, 2, 0], [3, 2, 1]])


def test_quartiles_are_numpy_s():
    rng = np.random.default_rng(0)
    for rows in (1, 2, 3, 4, 5, 50, 1000):
        X = rng.normal(size=(rows, 4)) ** 3
        X[: rows // 3, 1] = NAN
        X[:, 2] = np.round(X[:, 2])
        scaled = TablePreprocessor(clip=None, dtype="float64").fit(X).transform(X)[:, :4]
        for column in range(4):
            x = X[:, column]
            low, first, median, third, high = np.nanquantile(x, [0, 0.25, 0.5, 0.75, 1])
            scale = third - first or (high - low) / 2
            expected = np.where(np.isnan(x), 0, (x - median) / scale if scale else 0)
            np.testing.assert_allclose(scaled[:, column], expected, rtol=1e-12, atol=1e-12)


CODES = {"sex": ["m", "f", None, "f", "m"], "size": ["s", "m", "l", None, "s"]}


def test_one_hot_by_hand():
    table = Table.from_arrays(CODES)
    preprocessor = TablePreprocessor("none", min_count=1).fit(table)
    expected = [[-1, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [-1, 0, 0, 1]]
    np.testing.assert_array_equal(preprocessor.transform(table), expected)
    assert preprocessor.output_names == ("sex=f", "size=l", "size=m", "size=s")
    assert preprocessor.layout == (0, 4, ())


def test_one_hot_columns_are_scaled_robustly():
    """As any column of these numbers would be."""
    rng = np.random.default_rng(1)
    for rows in (1, 2, 5, 40, 400):
        words = {
            "a": rng.choice(["u", "v"], rows),
            "b": rng.choice(["k", "l", "m", "n"], rows, p=[0.6, 0.3, 0.08, 0.02]),
        }
        words["c"] = np.where(rng.random(rows) < 0.3, "", words["b"])
        table = Table.from_arrays(words)
        plain = TablePreprocessor("none", min_count=1, dtype="float64").fit(table).transform(table)
        scaled = TablePreprocessor("robust", min_count=1, dtype="float64").fit(table).transform(table)
        np.testing.assert_allclose(scaled, TablePreprocessor(dtype="float64").fit(plain).transform(plain), rtol=1e-14)


def test_large_categories_are_codes():
    words = np.array([f"w{place}" for place in range(9)] * 2)
    table = Table.from_arrays({"w": words, "n": np.arange(18), "v": words[:9].repeat(2)})
    preprocessor = TablePreprocessor(max_one_hot=9).fit(table)
    assert preprocessor.layout == (1, 0, (10, 10))
    assert preprocessor.layout.width == 3
    out = preprocessor.transform(table)
    np.testing.assert_array_equal(out[:, 1], [*range(1, 10)] * 2)
    np.testing.assert_array_equal(out[:, 2], np.arange(1, 10).repeat(2))
    assert preprocessor.output_names == ("n", "w", "v")
    other = Table.from_arrays({"n": [1.0], "v": ["w3"], "w": [None]})
    np.testing.assert_array_equal(preprocessor.transform(other)[:, 1:], [[0, 4]])
    assert TablePreprocessor(max_one_hot=10).fit(table).layout == (1, 18, ())
    assert TablePreprocessor(max_one_hot=None).fit(table).layout == (1, 18, ())
    assert TablePreprocessor(max_one_hot=0).fit(Table.from_arrays(CODES)).layout == (0, 0, (3, 3))


def test_rare_and_unseen_categories():
    table = Table.from_arrays({"w": ["a"] * 5 + ["b"] * 3 + ["c", "d"]})
    new = Table.from_arrays({"w": ["a", "c", "z", None, "b"]})
    preprocessor = TablePreprocessor("none", min_count=2).fit(table)
    np.testing.assert_array_equal(preprocessor.transform(new), [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert preprocessor.output_names == ("w=a", "w=b", "w=(rare)")
    assert preprocessor.unseen(new) == {"w": 2}
    assert preprocessor.unseen(table[:8]) == {}
    every = TablePreprocessor("none", min_count=1).fit(table)  # where none is rare, unseen ones count as missing
    np.testing.assert_array_equal(every.transform(new)[:, :4].sum(axis=1), [1, 1, 0, 0, 1])
    assert TablePreprocessor("none", min_count=4).fit(table).output_names == ("w=a",)
    embedded = TablePreprocessor(max_one_hot=2).fit(table)
    np.testing.assert_array_equal(embedded.transform(new), [[1], [3], [3], [0], [2]])
    assert embedded.layout.embedded == (4,)


def test_missing_numbers():
    table = numbers([1, NAN, 3, 4, NAN], [1, 2, 3, 4, 5])
    preprocessor = TablePreprocessor("none").fit(table)
    assert preprocessor.output_names == ("x0", "x1", "x0 missing")
    np.testing.assert_array_equal(preprocessor.transform(table)[:, [0, 2]].T, [[1, 3, 3, 4, 3], [0, 1, 0, 0, 1]])
    # Where training had no gap, a gap is the median.
    np.testing.assert_array_equal(preprocessor.transform(numbers([1], [NAN])), [[1, 3, 0]])


def test_what_goes_beyond_the_numbers_there_are():
    table = numbers([-1e308, 0, 1e308, 5, 6], [0, 5e-324, 1e-323, 0, 0], [1e-310, 2e-310, 3e-310, 1e-310, 1e-310])
    for scaling in ("robust", "standard"):
        if scaling == "standard":
            with pytest.raises(ValueError, match="too large for their deviation"):
                TablePreprocessor(scaling).fit(table)
        else:
            out = TablePreprocessor(scaling).fit(table).transform(table)
            assert np.isfinite(out).all()
    preprocessor = TablePreprocessor().fit(numbers([0, 1, 2]))
    np.testing.assert_allclose(preprocessor.transform(numbers([1e308, -1e308])), [[3], [-3]])
    with pytest.raises(ValueError, match="column 'x0': row 1 holds a number that float32 cannot hold"):
        TablePreprocessor(clip=None).fit(numbers([0, 1, 2])).transform(numbers([1, 1e200]))


def test_what_is_learnt_is_kept():
    pytest.importorskip("narwhals")
    words = np.array(["ä", "b", "c", "d"])[np.random.default_rng(0).integers(0, 4, 60)]
    table = Table.from_arrays(
        {"n": np.arange(60.0), "w": words, "v": np.roll(words, 1), "t": ["2020-01-01"] * 60}, dates=["t"]
    )
    table.numbers[3, 0] = NAN
    preprocessor = TablePreprocessor("standard", clip=2, max_one_hot=4, dtype="float64").fit(table)
    header, arrays = preprocessor.to_state()
    again = TablePreprocessor.from_state(json.loads(json.dumps(header)), arrays)
    np.testing.assert_array_equal(again.transform(table), preprocessor.transform(table))
    assert again.describe() == preprocessor.describe()
    assert (again.notes, again.output_names) == (preprocessor.notes, preprocessor.output_names)
    assert (again.dates, again.categorical) == ({"t": "ISO"}, ("w", "v"))
    assert all(array.dtype.kind in "fiu" for array in arrays.values())
    for broken in ({**header, "clip": -1}, {**header, "rows": 0}, {**header, "what": 1}):
        with pytest.raises(ValueError, match="preprocessor: what is saved of it does not fit together"):
            TablePreprocessor.from_state(broken, arrays)
    for name in arrays:
        with pytest.raises(ValueError, match="does not fit together"):
            TablePreprocessor.from_state(header, {**arrays, name: arrays[name][:-1]})
        with pytest.raises(ValueError, match="does not fit together"):
            TablePreprocessor.from_state(header, {key: arrays[key] for key in arrays if key != name})


@pytest.mark.parametrize("rows", [1, 5])
def test_few_rows_of_a_frame_are_what_they_are_among_many(rows):
    """A frame to predict is looked at by its values where it has few rows."""
    import datetime

    pd, pl = (pytest.importorskip(name, reason="frames are not installed") for name in ("pandas", "polars"))
    columns = {
        "whole": [3, 4] * 30,
        "gaps": [0.5, NAN, 2, -4, 8, 1] * 10,
        "flag": [True, False, True] * 20,
        "word": ["b", "a", None, "c"] * 15,
        "moment": [datetime.datetime(2020, 1, day % 28 + 1, 12) for day in range(60)],
        "span": [datetime.timedelta(hours=hour) for hour in range(60)],
        "time": [datetime.time(hour % 24, 30) for hour in range(60)],
    }
    frame = pd.DataFrame(columns)
    frame["code"] = pd.Categorical([7, 8, 9, 7, 8] * 12)
    frame["zone"] = frame["moment"].dt.tz_localize("Europe/Berlin")
    for each in (frame, frame[["whole", "gaps"]], frame[["moment"]], frame[["flag"]], pl.DataFrame(columns)):
        preprocessor = TablePreprocessor(dtype="float64").fit(each)
        every = preprocessor.transform(each)
        for start in (0, 1, 20):
            np.testing.assert_array_equal(
                preprocessor.transform(each[start : start + rows]), every[start : start + rows]
            )
    preprocessor = TablePreprocessor("none").fit(frame)
    unseen = frame[:1].assign(code=pd.Categorical([5]))
    assert preprocessor.transform(unseen)[0, -3:].tolist() == [0, 0, 0]


# What does not fit, and what is odd.

TRAIN = {"age": [1.0, 2, 3, 4], "tree": ["ash", "elm", "ash", "elm"], "day": np.array(["2020-01-01"] * 4, "M8[D]")}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"age": [1], "tree": ["ash"]}, "table: lacks the column 'day', which training had$"),
        ({"agee": [1]}, "table: lacks the columns 'age', 'tree', 'day', which training had; did you mean 'agee'"),
        (
            {**TRAIN, "age": ["5", "6", "7", "8"]},
            "column 'age': expected numbers, as in training, got text such as '5'",
        ),
        ({**TRAIN, "age": [True] * 4}, "column 'age': expected numbers, as in training, got text such as 'True'"),
        ({**TRAIN, "age": TRAIN["day"]}, "column 'age': expected numbers, as in training, got dates"),
        ({**TRAIN, "tree": [1, 2, 3, 4]}, "column 'tree': expected categories, .*'ash', 'elm', got numbers such as 1"),
        ({**TRAIN, "tree": TRAIN["day"]}, "column 'tree': expected categories, as in training, got dates"),
        ({**TRAIN, "day": [1, 2, 3, 4]}, "column 'day': expected dates, as in training, got numbers"),
        ({**TRAIN, "day": ["2020-01-01", "soon", "", ""]}, "column 'day': expected dates as 2020-12-31 .*, found soon"),
        ({**TRAIN, "age": [1, 2, 3, np.inf]}, "column 'age': row 3 holds inf"),
    ],
)
def test_other_columns_and_kinds_are_named(columns, message):
    preprocessor = TablePreprocessor().fit(Table.from_arrays(TRAIN))
    with pytest.raises(ValueError, match=message):
        preprocessor.transform(columns)
    with pytest.raises(ValueError, match=message):
        preprocessor.transform(Table.from_arrays(columns))


def test_columns_in_another_order_are_found_by_name():
    preprocessor = TablePreprocessor().fit(Table.from_arrays(TRAIN))
    expected = preprocessor.transform(TRAIN)
    others = {"more": [1] * 4, **dict(reversed(TRAIN.items()))}
    np.testing.assert_array_equal(preprocessor.transform(others), expected)
    pl = pytest.importorskip("polars", reason="polars is not installed")
    frame = pl.DataFrame({**others, "more": [[1]] * 4})  # not even looked at
    np.testing.assert_array_equal(preprocessor.transform(frame), expected)
    text = {**TRAIN, "day": ["2020-01-01"] * 4}  # dates that a frame has as text
    np.testing.assert_array_equal(preprocessor.transform(text), expected)
    nothing = {name: [None] * 4 for name in TRAIN}  # fits every kind
    np.testing.assert_array_equal(preprocessor.transform(nothing), np.zeros((4, 3)))


@pytest.mark.parametrize("make", ["dict", "array", "pandas", "polars"])
def test_text_that_looks_like_dates_is_what_it_was_in_training(make):
    """Also where all rows to predict look like dates, and training's did not, and the other way round."""
    words, days = ["1970-01-02", "soon", "soon", "1970-01-02"], ["01/02/1970", "13/02/1970", None, "03/02/1970"]

    def made(words, days):
        if make in ("dict", "array"):
            return {"w": words, "d": days} if make == "dict" else np.array([words, days], object).T
        return pytest.importorskip(make, reason=f"{make} is not installed").DataFrame({"w": words, "d": days})

    preprocessor = TablePreprocessor("none").fit(made(words, days))
    assert [column.kind for column in preprocessor.columns] == ["category", "date"]
    for times in (1, 20):
        out = preprocessor.transform(made(["1970-01-02"] * times, ["01/02/1970"] * times))
        np.testing.assert_array_equal(out, [[31, 0, 1]] * times)


def test_arrays_have_the_names_of_training():
    preprocessor = TablePreprocessor().fit(Table.from_arrays(np.eye(3), ["u", "v", "w"]))
    np.testing.assert_array_equal(
        preprocessor.transform(np.eye(3)),
        preprocessor.transform({"u": [1.0, 0, 0], "v": [0.0, 1, 0], "w": [0.0, 0, 1]}),
    )
    with pytest.raises(ValueError, match="X: expected 3 columns, as in training, got 2"):
        preprocessor.transform(np.eye(2))
    with pytest.raises(ValueError, match=r"out: expected shape \(3, 3\), got \(2, 3\)"):
        preprocessor.transform(np.eye(3), out=np.empty((2, 3)))
    out = np.empty((3, 3))
    assert preprocessor.transform(np.eye(3), out=out) is out


def test_categories_that_were_numbers():
    table = Table.from_arrays({"zip": [10, 20, 10, 20]}, categorical=["zip"])
    preprocessor = TablePreprocessor("none").fit(table)
    np.testing.assert_array_equal(preprocessor.transform({"zip": [20.0, NAN, 10, 30]}), [[-1], [0], [1], [0]])


def test_one_row_and_columns_that_say_nothing():
    table = Table.from_arrays({"n": [5.0], "w": ["ash"], "none": [None], "d": np.array(["2020-01-01"], "M8[D]")})
    for scaling in ("robust", "standard", "none"):
        preprocessor = TablePreprocessor(scaling).fit(table)
        out = preprocessor.transform(table)
        assert (out.shape, bool(np.isfinite(out).all())) == ((1, preprocessor.layout.width), True)
        again = preprocessor.transform({"n": [7.0], "w": ["elm"], "none": ["x"], "d": TRAIN["day"][:1] + 9})
        if scaling != "none":  # what never varied says nothing of other rows
            np.testing.assert_array_equal(out, again)
    assert preprocessor.notes == ("column none: missing in every row",)


def test_what_is_odd_is_said():
    rng = np.random.default_rng(0)
    columns = {
        "id": rng.permutation(5000)[:40],
        "name": [f"p{row}" for row in range(40)],
        "amount": rng.normal(size=40),
        "count": rng.integers(0, 9, 40),
        "same": [1] * 40,
        "word": ["x"] * 40,
        "none": [None] * 40,
        "blank": [""] * 40,
    }
    preprocessor = TablePreprocessor().fit(Table.from_arrays(columns))
    assert preprocessor.notes == (
        "columns none, blank: missing in every row",
        "columns same, word: the same in every row",
        "columns id, name: another value in every row, as identifiers have, and kept; leave it out with drop if it is "
        "one",
    )
    out = preprocessor.transform(columns)
    names = preprocessor.output_names
    assert set(preprocessor.names) == set(columns)
    assert np.ptp(out[:, names.index("id")]) > 1  # kept
    assert np.ptp(out[:, names.index("name=(rare)")]) == 0  # of words that come once nothing is learnt
    few = {name: values[:10] for name, values in columns.items()}
    assert len(TablePreprocessor().fit(few).notes) == 2  # ten rows may differ by chance


def test_what_it_says_of_itself():
    columns = {
        "age": [20, 30, 40, NAN],
        "tree": ["ash", "elm", "ash", "elm"],
        "day": np.array(["2020-01-01", "2020-01-02", "2020-01-03", "NaT"], "M8[D]"),
        "same": [7] * 4,
        "word": ["u", "v", "u", "x"],
    }
    preprocessor = TablePreprocessor(max_one_hot=3).fit(Table.from_arrays(columns))
    assert preprocessor.describe() == [
        "5 columns, learnt from 4 rows: 3 numbers (robust), 4 one-hot columns, 0 embedded categories",
        "age: number, median 30, scale 10, 1 missing",
        "tree: 2 categories, one-hot: ash, elm",
        "day: date, median 2020-01-02, scale 1, 1 missing",
        "same: number, median 7, never varies",
        "word: 1 category, one-hot: u, rare ones taken together",
    ]
    assert preprocessor.describe(2)[-1] == "and 3 more"
    mean = TablePreprocessor("standard").fit(np.array([[1.0], [3]]))
    assert mean.describe()[1] == "x0: number, mean 2, scale 1"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"numbers": "robsut"}, ValueError, "numbers: expected one of .*did you mean 'robust'"),
        ({"clip": 0}, ValueError, r"clip: expected a number in \(0"),
        ({"max_one_hot": -1}, ValueError, "max_one_hot: expected an integer of at least 0"),
        ({"min_count": 0}, ValueError, "min_count: expected an integer of at least 1"),
        ({"dtype": "int32"}, ValueError, "dtype: expected float32 or float64"),
    ],
)
def test_options_that_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        TablePreprocessor(**options)


def test_before_it_has_learnt():
    with pytest.raises(ValueError, match="TablePreprocessor: has learnt nothing yet; call fit"):
        TablePreprocessor().transform(np.eye(2))
    for X in (np.zeros((0, 3)), np.zeros((3, 0))):
        with pytest.raises(ValueError, match="table: expected at least one row and one column"):
            TablePreprocessor().fit(X)


def test_ten_thousand_columns():
    rng = np.random.default_rng(0)
    width, rows = 5_000, 30
    words = np.array(["u", "v", "w", ""], object)[rng.integers(0, 4, (rows, width))]
    columns = {f"n{place}": column for place, column in enumerate(rng.normal(size=(width, rows)))}
    columns |= {f"w{place}": column for place, column in enumerate(words.T)}
    table = Table.from_arrays(columns)
    preprocessor = TablePreprocessor().fit(table)
    out = preprocessor.transform(table)
    assert out.shape == (rows, preprocessor.layout.width)
    assert preprocessor.layout.one_hot > 2.9 * width
    one = TablePreprocessor().fit(table.select(["n17", "w4321"])).transform(table)
    names = preprocessor.output_names
    np.testing.assert_array_equal(out[:, [names.index(name) for name in ("n17", "w4321=u")]], one[:, :2])


@pytest.mark.slow
def test_realmlp_s_own():
    """What pytabkit makes of the same rows, column by column."""
    pytest.importorskip("pytabkit", reason="pytabkit is not installed")
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    import torch
    from pytabkit.models.data.conversion import ToDictDatasetConverter
    from pytabkit.models.data.data import DictDataset, TensorInfo
    from pytabkit.models.nn_models.models import PreprocessingFactory

    rng, rows = np.random.default_rng(0), 500
    few = rng.choice([f"w{place}" for place in range(8)], rows, p=[0.6, 0.1, 0.1, 0.1, 0.04, 0.03, 0.02, 0.01])
    frame = pd.DataFrame(
        {
            "cubes": rng.normal(size=rows) ** 3,
            "whole": rng.integers(0, 3, rows),
            "mostly": np.where(rng.random(rows) < 0.9, 1.0, rng.normal(size=rows)),
            "same": [7.0] * rows,
            "two": pd.Categorical(rng.choice(list("xy"), rows)),
            "gaps": pd.Categorical(np.where(rng.random(rows) < 0.2, None, rng.choice(list("pqr"), rows))),
            "few": pd.Categorical(few),
            "many": pd.Categorical(rng.choice([f"b{place}" for place in range(12)], rows)),
        }
    )
    data = ToDictDatasetConverter().fit_transform(frame)
    tensors = {**data.tensors, "y": torch.zeros(rows, 1)}
    data = DictDataset(tensors, {**data.tensor_infos, "y": TensorInfo(feat_shape=[1])})
    steps = ["one_hot", "median_center", "robust_scale", "smooth_clip"]
    fitter = PreprocessingFactory(tfms=steps, max_one_hot_cat_size=9).create(data.tensor_infos)
    _, theirs = fitter.fit_transform(data)
    expected = np.hstack([theirs.tensors["x_cont"].numpy(), theirs.tensors["x_cat"].numpy()])
    np.testing.assert_allclose(TablePreprocessor(min_count=1).fit(frame).transform(frame), expected, rtol=0, atol=1e-6)
