"""Tables in memory: what columns of frames and arrays are taken for, rows and columns of them."""

import datetime
from decimal import Decimal

import numpy as np
import pytest

import numbanet as nn
from numbanet.data import Column, Dataset, Table, as_table, split

pd = pytest.importorskip("pandas", reason="pandas is not installed")
pl = pytest.importorskip("polars", reason="polars is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

NAN = float("nan")
NOON = datetime.datetime(2020, 1, 1, 12)


def kinds(table):
    return {column.name: column.kind for column in table.columns}


def content(table):
    """Lists of values by name, None where one is missing."""
    return {
        name: [None if isinstance(value, float) and value != value else value for value in table[name].tolist()]
        for name in table.names
    }


PLAIN = {
    "whole": [3, None, 1],
    "decimal": [0.5, None, -2.0],
    "flag": [True, None, False],
    "word": ["b", None, "a"],
    "day": [datetime.date(2020, 1, 1), None, datetime.date(1969, 12, 31)],
    "moment": [NOON, None, NOON],
    "span": [datetime.timedelta(hours=1), None, datetime.timedelta(seconds=-5)],
}
TAKEN = {
    "whole": [3.0, None, 1.0],
    "decimal": [0.5, None, -2.0],
    "flag": ["True", None, "False"],
    "word": ["b", None, "a"],
    "day": [18262.0, None, -1.0],
    "moment": [18262.5, None, 18262.5],
    "span": [3600.0, None, -5.0],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_frames_alike(make):
    table = Table.from_frame(make(PLAIN))
    assert content(table) == TAKEN
    assert list(kinds(table).values()) == ["number", "number", "category", "category", "date", "date", "number"]
    assert (len(table), table.shape, table.names) == (3, (3, 7), tuple(PLAIN))
    assert repr(table).startswith("<Table of 3 rows and 7 columns: whole (number), ")


def test_further_dtypes_of_pandas():
    times = pd.Series(pd.to_datetime(["2020-07-01", None, "2020-01-01"]))
    frame = pd.DataFrame(
        {
            0: pd.array([1, None, 3], dtype="Int64"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "size": pd.Categorical(["s", None, "xl"], categories=["s", "m", "xl"]),
            "year": pd.Categorical([2020, None, 2021]),
            "mixed": [1, "x", None],
            "zone": times.dt.tz_localize("Europe/Berlin"),
            "money": [Decimal("1.5"), None, Decimal("2")],
            "blank": ["", "x", "  "],
            "nothing": [None, None, None],
        }
    )
    assert content(Table.from_frame(frame)) == {
        "0": [1, None, 3],
        "flag": ["True", None, "False"],
        "size": ["s", None, "xl"],
        "year": ["2020", None, "2021"],
        "mixed": ["1", "x", None],
        "zone": [18444 - 2 / 24, None, 18262 - 1 / 24],
        "money": [1.5, None, 2],
        "blank": [None, "x", None],
        "nothing": [None, None, None],
    }


def test_further_dtypes_of_polars():
    frame = pl.DataFrame(
        {
            "word": pl.Series(["b", None, "a"], dtype=pl.Categorical),
            "level": pl.Series(["b", None, "a"], dtype=pl.Enum(["z", "a", "b"])),
            "money": pl.Series([1.5, None, 2]).cast(pl.Decimal(10, 2)),
            "time": [datetime.time(1, 0, 2, 500_000), None, datetime.time(0)],
            "nothing": [None, None, None],
        }
    )
    for each in (frame, frame.to_arrow()):
        assert content(Table.from_frame(each)) == {
            "word": ["b", None, "a"],
            "level": ["b", None, "a"],
            "money": [1.5, None, 2],
            "time": [3602.5, None, 0],
            "nothing": [None, None, None],
        }


@pytest.mark.parametrize("rows", [3, 2000])  # a loop of Python, and Arrow's
def test_many_rows_of_text(rows):
    words = [None if row % 7 == 0 else f"w{row % 11}" for row in range(rows)]
    for frame in (pd.DataFrame({"w": words}), pl.DataFrame({"w": words}), pa.table({"w": words})):
        table = Table.from_frame(frame)
        assert table["w"].tolist() == words
        assert table.column("w").categories == tuple(sorted({word for word in words if word}))
        assert table.codes.dtype == np.int32


def test_arrays():
    X = np.array([[1.0, NAN], [3, 4]])
    table = Table.from_arrays(X)
    assert (table.names, content(table)) == (("x0", "x1"), {"x0": [1, 3], "x1": [None, 4]})
    assert table.numbers is X
    assert Table.from_arrays(np.eye(2, dtype=int), ["u", "v"]).names == ("u", "v")
    objects = np.array([[1, "a", None], [2.5, None, True]], object)
    assert content(Table.from_arrays(objects)) == {"x0": [1, 2.5], "x1": ["a", None], "x2": [None, "True"]}
    assert content(Table.from_arrays([[1, "a"], [2, "b"]])) == {"x0": [1, 2], "x1": ["a", "b"]}
    mapping = {"n": [1, 2], "t": np.array(["2020-01-02", "NaT"], "M8[s]"), "b": np.array([True, False])}
    assert content(Table.from_arrays(mapping)) == {"n": [1, 2], "t": [18263, None], "b": ["True", "False"]}
    assert as_table(table) is table
    assert as_table(pd.DataFrame({"a": [1]})).names == ("a",)
    assert as_table(X, ["u", "v"]).names == ("u", "v")


def test_numbers_that_are_categories():
    """They have one name, whether gaps made floats of them or not."""
    for values in ([10, 9, 10], [10.0, 9.0, 10.0], [10, NAN, 9.5]):
        table = Table.from_frame(pd.DataFrame({"zip": values, "z": values}), categorical=["zip"])
        assert kinds(table) == {"zip": "category", "z": "number"}
        texts = {10: "10", 9: "9", 9.5: "9.5"}
        assert table["zip"].tolist() == [texts.get(value) for value in values]


def test_integers_that_no_float_holds():
    """As categories they keep all their digits."""
    large = [2**62, 2**62 + 1, 2**62]
    texts = [str(value) for value in large]
    for frame in (pd.DataFrame({"k": large}), pl.DataFrame({"k": large}), pa.table({"k": large})):
        assert Table.from_frame(frame, categorical=["k"])["k"].tolist() == texts
    gaps = pd.DataFrame({"k": pd.array([*large, None], dtype="Int64")})
    assert Table.from_frame(gaps, categorical=["k"])["k"].tolist() == [*texts, None]
    assert Table.from_arrays({"k": large}, categorical=["k"])["k"].tolist() == texts
    assert Table.from_arrays(np.array([large]).T, categorical=["x0"])["x0"].tolist() == texts


def test_what_is_masked_is_missing():
    X = np.ma.array([[1.0, 2], [3, 4]], mask=[[False, True], [False, False]])
    assert content(Table.from_arrays(X)) == {"x0": [1, 3], "x1": [None, 4]}


def test_times_of_every_unit():
    for unit in ("Y", "M", "D", "h", "s", "ms", "us", "ns"):
        times = np.array(["1969-01-01", "NaT", "2000-01-01"], f"M8[{unit}]")
        assert content(Table.from_arrays({"t": times}))["t"] == [-365, None, 10957]
    assert Table.from_arrays({"t": np.array(["1969-12-31T18"], "M8[h]")})["t"].tolist() == [-0.25]
    assert Table.from_arrays({"t": np.array(["300000-01-01"], "M8[D]")})["t"][0] > 1e8


def test_text_that_is_dates():
    frame = pd.DataFrame({"d": ["31.12.1969", None, "02.01.1970"], "e": ["1/2/1970", "1/3/1970", None]})
    assert kinds(Table.from_frame(frame)) == {"d": "date", "e": "category"}  # where the form is open, text
    for table in (Table.from_frame(frame, drop=["e"]), Table.from_frame(frame, dates=["d"], drop=["e"])):
        assert content(table) == {"d": [-1, None, 1]}
    assert kinds(Table.from_frame(frame, categorical=["d"])) == {"d": "category", "e": "category"}
    assert kinds(Table.from_arrays({"d": ["1970-01-02", "soon"]})) == {"d": "category"}
    table = Table.from_frame(frame, dates={"e": "%m/%d/%Y"})
    assert (table["e"].tolist()[:2], table.column("e").form) == ([1, 2], "%m/%d/%Y")
    with pytest.raises(
        ValueError, match=r"column 'e': may be dates as %d/%m/%Y or as %m/%d/%Y, such as '1/2/1970'; say"
    ):
        Table.from_frame(frame, dates=["e"])
    with pytest.raises(ValueError, match=r"column 'd': expected dates of the form %Y, found 02.01.1970"):
        Table.from_frame(frame, dates={"d": "%Y"})


def test_rows_and_columns():
    table = Table.from_frame(pl.DataFrame(PLAIN))
    assert content(table[1:]) == {name: values[1:] for name, values in TAKEN.items()}
    assert content(table[np.array([2, 0])])["word"] == ["a", "b"]
    assert content(table[[False, True, False]]) == {name: [None] for name in TAKEN}
    assert len(table[[]]) == 0
    assert len(table[2]) == 1
    chosen = table.select(["word", "day", "flag", "whole"])
    assert content(chosen) == {name: TAKEN[name] for name in ("word", "day", "flag", "whole")}
    assert table.select(table.names) is table
    assert table.drop(["day", "word"]).names == ("whole", "decimal", "flag", "moment", "span")
    assert table.column("day") == Column("day", "date", 2)


def scipy_sparse():
    return pytest.importorskip("scipy.sparse", reason="SciPy is not installed").eye(2).tocsr()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Table.from_frame([[1]]), TypeError, "frame: expected a data frame of pandas, polars or Arrow"),
        (lambda: Table.from_frame(pl.LazyFrame({"a": [1]})), TypeError, r"LazyFrame; collect\(\) it first"),
        (lambda: Table.from_frame(pd.DataFrame([[1, 2]], columns=["a", "a"])), ValueError, "two columns are named 'a'"),
        (lambda: Table.from_frame(pa.table([[1], [2]], ["a", "a"])), ValueError, "two columns are named 'a'"),
        (lambda: Table.from_frame(pl.DataFrame({"a": [[1]]})), TypeError, "column 'a': expected numbers.* got List"),
        (lambda: Table.from_frame(pl.DataFrame({"a": [{"b": 1}]})), TypeError, "column 'a': .* got Struct"),
        (lambda: Table.from_frame(pl.DataFrame({"a": [b"1"]})), TypeError, "column 'a': .* got Binary"),
        (lambda: Table.from_frame(pd.DataFrame({"a": [[1]]})), TypeError, r"column 'a': .* got list \[1\] in row 0"),
        (lambda: Table.from_frame(pd.DataFrame({"a": [1, np.inf]})), ValueError, "column 'a': row 1 holds inf"),
        (lambda: Table.from_frame(pd.DataFrame({"age": [1]}), drop=["agee"]), ValueError, "drop: .*did you mean 'age'"),
        (lambda: Table.from_frame(pd.DataFrame({"age": [1]}), categorical=["x"]), ValueError, "categorical: no column"),
        (lambda: Table.from_frame(pd.DataFrame({"age": [1]}), dates="age"), TypeError, "dates: expected a list"),
        (lambda: Table.from_frame(pd.DataFrame({"age": [1]}), dates=["age"]), ValueError, "expected dates, found numb"),
        (lambda: Table.from_arrays([[1, 2], [3]]), ValueError, "X: expected rows and columns"),
        (lambda: Table.from_arrays(scipy_sparse()), TypeError, "X: sparse matrices hold no table; .*toarray"),
        (lambda: Table.from_arrays(np.zeros(3)), ValueError, r"X: expected rows and columns.*\(3,\)"),
        (lambda: Table.from_arrays(np.zeros((2, 3)), ["a"]), ValueError, "names: expected a string for each of the 3"),
        (lambda: Table.from_arrays(np.zeros((2, 2)), ["a", "a"]), ValueError, "names: 'a' names two columns"),
        (lambda: Table.from_arrays({"a": [1], "b": [1, 2]}), ValueError, "column 'b': expected 1 rows as in the first"),
        (lambda: Table.from_arrays({"a": [[1]]}), ValueError, r"column 'a': expected one axis"),
        (lambda: Table.from_arrays({"a": np.zeros(2, complex)}), TypeError, "column 'a': .*complex"),
        (lambda: Table.from_arrays({"a": [1]})["b"], KeyError, "no column is named 'b'"),
        (lambda: Table.from_arrays({"a": [1]})[0.5], TypeError, "rows: expected a slice, places or booleans"),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_data_sets_of_tables():
    table = Table.from_frame(pl.DataFrame(PLAIN))
    data = Dataset(table, [1, 0, 1], target_names=("k",), ids=["r", "s", "t"], id_name="row")
    assert (data.feature_names, data.input_shape, data.num_classes) == (table.names, (7,), 2)
    assert (data.task, data.target_names) == ("classification", ("k",))
    taken = data.take([2, 0])
    assert (content(taken.X)["word"], taken.y.tolist(), taken.ids.tolist()) == (["a", "b"], [1, 1], ["t", "r"])
    table = Table.from_arrays({"n": np.arange(20), "w": np.repeat(["u", "v"], 10)})
    rest, held = split(Dataset(table, np.arange(20) % 2), 0.3, seed=1)
    assert (len(rest), len(held), held.y.tolist().count(1)) == (14, 6, 3)
    assert sorted([*rest.X["n"], *held.X["n"]]) == list(range(20))


def test_amounts():
    data = Dataset(np.zeros((3, 2)), [0.5, 2, -1], task="regression", target_names=["price"])
    assert (data.y.dtype, data.y.tolist(), data.class_names, data.num_classes) == (np.float64, [0.5, 2, -1], None, None)
    several = Dataset(np.zeros((3, 2)), np.arange(6).reshape(3, 2), task="regression", target_names=("u", "v"))
    assert (several.y.shape, several.target_names) == ((3, 2), ("u", "v"))
    assert split(several, 0.4, 0)[1].y.shape == (1, 2)
    assert Dataset(np.zeros((3, 2)), [0, 1, 0]).task == "classification"
    for y, message in [([1, np.inf, 2], "y: row 1 holds inf"), ([1, 2], "y: expected a value for each example")]:
        with pytest.raises(ValueError, match=message):
            Dataset(np.zeros((3, 2)), y, task="regression")
    with pytest.raises(ValueError, match=r"task: expected one of .*did you mean 'regression'"):
        Dataset(np.zeros((3, 2)), [1, 2, 3], task="regresion")


def test_narwhals_is_asked_for(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "narwhals.stable.v2", None)
    with pytest.raises(ImportError, match=r"\(extra 'tables'\): pip install narwhals"):
        nn.data.Table.from_frame(pd.DataFrame({"a": [1]}))
