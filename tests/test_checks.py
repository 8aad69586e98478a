"""The checks that everything above the kernels shares: what passes, and what a refusal says."""

import numpy as np
import pytest

from numbanet import _checks as checks

A = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3]],
        "12",
        ["1", "2"],
        None,
        [1, None],
        {"a": 1},
        np.array([1, 2], object),
        np.array([1j]),
        np.ma.array([1.0, 2.0], mask=[True, False]),
        np.array(["2020-01-01"], "M8[D]"),
        [10**30],
        [b"1"],
        np.zeros(2, [("a", float)]),
    ],
    ids=repr,
)
def test_arrays_of_anything_but_numbers_are_refused(value):
    with pytest.raises(TypeError, match="^X: "):
        checks.as_numeric("X", value)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="no long double here")
def test_long_doubles_are_refused():
    with pytest.raises(TypeError, match="^X: expected an array of real numbers, got dtype"):
        checks.as_numeric("X", np.zeros(2, np.longdouble))


@pytest.mark.parametrize("value", [True, 3, 2.5, [1, 2.5], A, A.astype(np.float16), np.array([2**63], np.uint64), []])
def test_numbers_pass(value):
    assert checks.as_numeric("X", value).shape == np.shape(value)


def test_an_array_is_not_copied():
    assert checks.as_numeric("X", A) is A
    assert checks.float_array("X", A, np.float64) is A


@pytest.mark.parametrize(
    "given",
    [A[:, ::-1], np.asfortranarray(A), A.astype(">f8"), A.astype(np.float32), A.astype(np.int8), A.tolist()],
)
def test_float_array_gives_contiguous_native_values(given):
    got = checks.float_array("X", given, np.float64, shape=(2, None))
    assert got.flags.c_contiguous
    assert got.flags.aligned
    assert got.dtype.isnative
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, given)


def test_float_array_copies_what_is_not_aligned():
    odd = np.frombuffer(b"\0" + A.tobytes(), np.float64, offset=1)
    assert checks.float_array("X", odd, np.float64).flags.aligned


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (3, 2)}, r"X: expected shape \(3, 2\), got \(2, 3\)"),
        ({"shape": (None, 2)}, r"X: expected shape \(any, 2\), got \(2, 3\)"),
        ({"shape": (6,)}, r"X: expected shape \(6,\), got \(2, 3\)"),
        ({"shape": ()}, r"X: expected shape \(\), got \(2, 3\)"),
        ({"ndim": 1}, r"X: expected 1 axes, got shape \(2, 3\)"),
    ],
)
def test_float_array_asks_for_a_shape(options, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        checks.float_array("X", A, np.float64, **options)


def test_float_array_keeps_scalars_without_axes():
    assert checks.float_array("x", 3, np.float32).shape == ()


@pytest.mark.parametrize("dtype", [np.float32, "float64", float, np.dtype("f4"), "<f8"])
def test_float_dtypes(dtype):
    assert checks.float_dtype(dtype) == np.dtype(dtype)


@pytest.mark.parametrize("dtype", [None, int, "float16", ">f4", "nonsense", 5, np.longdouble, complex, [1]])
def test_other_dtypes_are_refused(dtype):
    if dtype is np.longdouble and np.dtype(dtype).itemsize == 8:
        pytest.skip("no long double here")
    with pytest.raises(ValueError, match="^dtype: expected float32 or float64, got "):
        checks.float_dtype(dtype)


@pytest.mark.parametrize(
    ("dtypes", "common"),
    [
        (["f4", "f4"], "f4"),
        (["f2", "f4"], "f4"),
        (["f2"], "f4"),
        ([">f4"], "f4"),
        (["f4", "f8"], "f8"),
        (["i4"], "f8"),
        (["u1", "f4"], "f8"),
    ],
)
def test_common_dtype(dtypes, common):
    assert checks.common_dtype(**{f"a{i}": np.zeros(2, dtype) for i, dtype in enumerate(dtypes)}) == np.dtype(common)


def test_class_labels_become_int64():
    for dtype in (np.uint8, np.int32, ">i8", np.uint64):
        labels = checks.class_labels("y", np.array([0, 2, 1], dtype), 3, 3)
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(labels, [0, 2, 1])
    assert checks.class_labels("y", np.arange(6)[::2], 3, 10).flags.c_contiguous


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3, 1], "labels must be from 0 to 2, got 3 in row 1"),
        ([0, 1, -1], "labels must be from 0 to 2, got -1 in row 2"),
        (np.array([0, 1, 2**64 - 1], np.uint64), "labels must be from 0 to 2, got 18446744073709551615 in row 2"),
        ([0, 1], r"expected one label for each of the 3 rows, shape \(3,\), got \(2,\)"),
        ([[0], [1], [2]], r"expected one label for each of the 3 rows, shape \(3,\), got \(3, 1\)"),
        (1, r"expected one label for each of the 3 rows, shape \(3,\), got \(\)"),
    ],
)
def test_labels_out_of_range_are_refused(labels, message):
    with pytest.raises(ValueError, match=f"^y: {message}$"):
        checks.class_labels("y", labels, 3, 3)


@pytest.mark.parametrize("labels", [[0.0, 1.0, 2.0], [True, False, True], ["a", "b", "c"], None])
def test_labels_of_another_type_are_refused(labels):
    with pytest.raises(TypeError, match="^y: "):
        checks.class_labels("y", labels, 3, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_all_finite_names_the_first_row_and_the_column(value):
    X = np.zeros((3000, 2, 3), np.float32)
    checks.all_finite("X", X)
    X[2900, 0, 0] = X[2500, 1, 2] = value
    with pytest.raises(ValueError, match=rf"^X: row 2500 holds {value} \(column 5\); every value must be finite$"):
        checks.all_finite("X", X)
    with pytest.raises(ValueError, match="^y: row 1 holds"):
        checks.all_finite("y", np.array([0, value]))


def test_all_finite_in_a_narrower_type():
    X = np.array([[1.0], [1e39]])
    checks.all_finite("X", X)
    checks.all_finite("X", X, np.float64)
    with pytest.raises(ValueError, match=r"^X: row 1 holds 1e\+39 \(column 0\), which float32 cannot hold$"):
        checks.all_finite("X", X, np.float32)


def test_all_finite_takes_integers_and_nothing():
    checks.all_finite("X", np.arange(3))
    checks.all_finite("X", np.zeros((0, 3)))


@pytest.mark.parametrize("value", ["b", "", None, 1, ["a"], np.array(["a", "a"]), np.array("a")])
def test_one_of_lists_the_options(value):
    with pytest.raises(ValueError, match="^x: expected one of 'a', 'c', got "):
        checks.one_of("x", value, ("a", "c"))
    assert checks.one_of("x", "c", ("a", "c")) == "c"
    assert checks.one_of("x", None, (None, "c")) is None


@pytest.mark.parametrize("value", [True, np.bool_(True), "1", None, [1], 1j, np.complex64(1), np.ones(1)])
def test_number_refuses_other_types(value):
    with pytest.raises(TypeError, match="^x: expected a number, got "):
        checks.number("x", value)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int8(1)])
def test_number_gives_a_float(value):
    got = checks.number("x", value)
    assert got == 1
    assert type(got) is float


@pytest.mark.parametrize(
    ("value", "options", "interval"),
    [
        (0, {"include_low": False}, r"\(0, 1\]"),
        (1, {"include_high": False}, r"\[0, 1\)"),
        (-1e-9, {}, r"\[0, 1\]"),
        (float("nan"), {}, r"\[0, 1\]"),
        (float("inf"), {}, r"\[0, 1\]"),
    ],
)
def test_number_asks_for_an_interval(value, options, interval):
    with pytest.raises(ValueError, match=f"^x: expected a number in {interval}, got "):
        checks.number("x", value, 0, 1, **options)


def test_number_refuses_what_no_float_holds():
    with pytest.raises(ValueError, match="^x: expected a number that a float can hold"):
        checks.number("x", 10**400)


@pytest.mark.parametrize("value", [True, np.bool_(False), 1.0, "1", None, [1], np.float64(2)])
def test_integer_refuses_other_types(value):
    with pytest.raises(TypeError, match="^n: expected an integer, got "):
        checks.integer("n", value)


def test_integer_asks_for_an_interval():
    assert type(checks.integer("n", np.int64(3), 3, 3)) is int
    with pytest.raises(ValueError, match="^n: expected an integer of at least 1, got 0$"):
        checks.integer("n", 0, 1)
    with pytest.raises(ValueError, match="^n: expected an integer of at most 5, got 6$"):
        checks.integer("n", 6, 1, 5)


@pytest.mark.parametrize("value", ["ab", b"ab", 5, None, np.array(3)])
def test_sequence_refuses_what_is_not_one(value):
    with pytest.raises(TypeError, match="^hidden_dims: expected a list of widths, got "):
        checks.sequence("hidden_dims", value, "widths")
    assert checks.sequence("hidden_dims", np.array([3, 4]), "widths") == [3, 4]


@pytest.mark.parametrize("value", [[("a", 1)], "a", None, 3])
def test_mapping_refuses_what_is_not_one(value):
    with pytest.raises(TypeError, match="^data: expected a dict of arrays, got "):
        checks.mapping("data", value, "arrays")


def test_descriptions_are_short():
    assert checks.describe(np.zeros((2, 3), np.int8)) == "an array of shape (2, 3) and dtype int8"
    assert checks.describe(3) == "int 3"
    assert len(checks.describe("x" * 1000)) < 80
