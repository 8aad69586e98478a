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
