"""Tables: .npz, .npy and delimited text, and the numbering of labels."""

import zipfile

import numpy as np
import pytest

from numbanet.data import (
    encode_labels,
    load_csv,
    load_csv_unlabelled,
    load_npy,
    load_npz,
    load_npz_unlabelled,
)
from numbanet.errors import DataError

X = np.arange(12, dtype=np.float32).reshape(6, 2)
Y = np.array([3, 5, 3, 5, 3, 5])


def save_npz(folder, **arrays):
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def save_csv(folder, text):
    (folder / "a.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / "a.csv"


@pytest.mark.parametrize(
    ("values", "y", "names"),
    [
        (np.array([10, 9, 10, -1]), [2, 1, 2, 0], ("-1", "9", "10")),
        (np.array([10, 9], np.uint8), [1, 0], ("9", "10")),
        (np.array([2.0, 1.0, 2.0]), [1, 0, 1], ("1", "2")),
        (np.array([True, False]), [1, 0], ("False", "True")),
        (np.array(["b", "a", "10", "9"]), [3, 2, 0, 1], ("10", "9", "a", "b")),
        (np.array([b"b", "ä".encode()]), [0, 1], ("b", "ä")),
        (["x", "x"], [0, 0], ("x",)),
        ([2, 1.0], [1, 0], ("1", "2")),
        ([np.int64(4), np.int64(2)], [1, 0], ("2", "4")),
        ([2**70, 1], [1, 0], ("1", str(2**70))),
        (np.zeros(0, int), [], ()),
    ],
)
def test_encode_labels(values, y, names):
    encoded, class_names = encode_labels(values)
    assert encoded.dtype == np.int64
    assert (encoded.tolist(), class_names) == (y, names)
    np.testing.assert_array_equal(encode_labels(values, class_names)[0], encoded)


def test_encode_labels_with_known_classes():
    y, names = encode_labels([1, 3], class_names=["1", "2", "3"])
    assert (y.tolist(), names) == ([0, 2], ("1", "2", "3"))
    with pytest.raises(ValueError, match="labels: '4' is not among the classes known, 1, 2, 3"):
        encode_labels([1, 4], class_names=["1", "2", "3"])


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (np.array([0.5]), ValueError, "whole numbers or names, got 0.5"),
        (np.array([np.nan]), ValueError, "got nan"),
        (np.array([np.inf]), ValueError, "got inf"),
        (np.zeros((2, 2), int), TypeError, r"one integer.*\(2, 2\)"),
        (np.zeros(2, complex), TypeError, "complex"),
        (np.zeros(2, "M8[ns]"), TypeError, "datetime64"),
        (np.array([1, "a"], object), TypeError, "one kind, got int and str"),
        ([1, "a"], TypeError, "one kind, got int and str"),
        ([None], TypeError, "NoneType"),
        (np.array([b"\xff"]), ValueError, "utf-8"),
    ],
)
def test_encode_labels_refuses(values, error, message):
    with pytest.raises(error, match=message):
        encode_labels(values)


@pytest.mark.parametrize("case", [str, str.lower])
def test_npz_of_one_part_and_of_two(tmp_path, case):
    train, test = load_npz(save_npz(tmp_path, **{case("X"): X, "y": Y, "other": np.zeros(3)}))
    np.testing.assert_array_equal(train.X, X)
    np.testing.assert_array_equal(train.y, Y == 5)
    assert (train.class_names, train.name, test) == (("3", "5"), "a", None)
    arrays = {"X_train": X, "y_train": Y, "X_test": X[:1] + 1, "y_test": Y[1:2]}
    train, test = load_npz(save_npz(tmp_path, **{case(name): array for name, array in arrays.items()}))
    assert (len(train), len(test)) == (6, 1)
    assert (test.y.tolist(), test.class_names) == ([1], ("3", "5"))
    np.testing.assert_array_equal(load_npz_unlabelled(tmp_path / "a.npz").X, X[:1] + 1)


def test_npz_without_labels(tmp_path):
    assert load_npz(save_npz(tmp_path, X=X))[0].y is None
    train, test = load_npz(save_npz(tmp_path, X_train=X, y_train=Y, X_test=X))
    assert (train.num_classes, test.y) == (2, None)
    load_npz_unlabelled(save_npz(tmp_path, X=X, y=np.array([None])))  # labels are not even read


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("u1", "u1"),
        ("f4", "f4"),
        ("f8", "f8"),
        (">f8", "f8"),
        ("f2", "f4"),
        ("?", "f4"),
        (">i2", "f4"),
        ("u2", "f4"),
        ("i4", "f8"),
        ("u4", "f8"),
        ("i8", "f8"),
        (">u8", "f8"),
    ],
)
def test_npz_dtypes(tmp_path, dtype, kept):
    train, _ = load_npz(save_npz(tmp_path, X=np.asfortranarray(X.astype(dtype)), y=Y[:, None]))
    assert train.X.dtype == np.dtype(kept)
    np.testing.assert_array_equal(train.X, X.astype(dtype))
    assert train.y.shape == (6,)
    np.save(tmp_path / "a.npy", X.astype(dtype))
    assert load_npy(tmp_path / "a.npy").X.dtype == np.dtype(kept)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": X, "labels": Y}, "expected the arrays X and y.*found data, labels"),
        ({}, "expected the arrays X and y.*found none"),
        ({"y": Y}, "expected the arrays.*found y"),
        ({"X": X, "x": X}, "expected one array X, found two"),
        ({"X": X, "X_train": X}, "expected the arrays"),
        ({"X_test": X}, "expected the arrays"),
        ({"X_train": X, "y_train": Y, "y_test": Y}, "expected the arrays"),
        ({"X_train": X, "X_test": X, "y_test": Y}, "expected the arrays"),
        ({"X": X, "y": Y[:5]}, r"y: .*each of the 6 rows"),
        ({"X": X, "y": Y * np.nan}, "y: .*got nan"),
        ({"X": X, "y": np.eye(6)}, "y: .*one integer, string or boolean for each row"),
        ({"X": X, "y": np.zeros(6, int)}, "y: expected at least two classes, found only '0'"),
        ({"X": X[:, 0], "y": Y}, r"X: .*at least one row.*\(6,\)"),
        ({"X": X[:0], "y": Y[:0]}, "X: .*at least one row"),
        ({"X": X.astype(complex), "y": Y}, "X: .*complex"),
        ({"X": X.astype(str), "y": Y}, "X: .*real numbers"),
        ({"X": np.where(X == 5, np.nan, X), "y": Y}, "X: .*row 2 holds nan"),
        ({"X": X.astype(object), "y": Y}, "X: expected an array of numbers or strings, found dtype object"),
        ({"X": X, "y": Y.astype(object)}, "y: expected an array of numbers or strings, found dtype object"),
        ({"X": np.zeros(3, [("a", "f4")])}, "X: "),
        ({"X_train": X, "y_train": Y, "X_test": X[:, :1]}, r"X_test: expected rows of shape \(2,\).*\(1,\)"),
        ({"X_train": X, "y_train": Y, "X_test": X, "y_test": Y + 2}, "y_test: .*'7' is not among.* 3, 5"),
    ],
)
def test_npz_refuses(tmp_path, arrays, message):
    with pytest.raises(DataError, match=f"a.npz.*{message}"):
        load_npz(save_npz(tmp_path, **arrays))


def npy_header(text, version=1):
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"not an array", "cannot be read"),
        (npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 2), }"), "found 0"),
        (
            npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }") + bytes(7),
            "expected 8 bytes, found 7",
        ),
        (
            npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }") + bytes(9),
            "expected 8 bytes, found 9",
        ),
        (npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -2), }") + bytes(8), "cannot be read"),
        (npy_header("{'descr': '|S0', 'fortran_order': False, 'shape': (1000000000000, 2), }"), "found dtype"),
        (npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (1, 2), }") + bytes(16), "dtype object"),
        (npy_header("__import__('os').system('false')"), "cannot be read"),
        (npy_header("{}", version=3), "version 1.0 or 2.0 of the .npy format, found 3.0"),
    ],
)
def test_npy_refuses(tmp_path, content, message):
    path = tmp_path / "b.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"b.npy.*{message}"):
        load_npy(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("X.npy", content)
    with pytest.raises(DataError, match=f"a.npz.*{message}"):
        load_npz(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("text", "feature_names", "target_name"),
    [
        ("0,1,a\n2,3,b\n", None, None),
        ("0;1;a\n2;3;b\n", None, None),
        ("0\t1\ta\n2\t3\tb\n", None, None),
        ("u,v,kind\n0,1,a\n2,3,b\n", ("u", "v"), "kind"),
        ("u;v;kind\r\n0;1;a\r\n2;3;b\r\n\r\n\r\n", ("u", "v"), "kind"),
        ("u\rv\r".replace("\rv", ",v,kind") + "0,1,a\r2,3,b", ("u", "v"), "kind"),
        ("\ufeffu, v, kind\n0 , 1, a\n2, 3 ,b \n  \n", ("u", "v"), "kind"),
        ('"u","v, of ""it""","kind"\n"0","1","a"\n"2","3","b"\n', ("u", 'v, of "it"'), "kind"),
        ('u;"v\n;";kind\n0;1;a\n2;3;b\n', ("u", "v\n;"), "kind"),
        ("u\tv, w; x\tkind\n0\t1\ta\n2\t3\tb\n", ("u", "v, w; x"), "kind"),
        ("\n\n0e0,+1,a\n2.0,30e-1,b\n\n", None, None),
        ('0, "1", "a"\n2, "3", "b"\n', None, None),
        ("u, x, y, z;v;kind\n0;1;a\n2;3;b\n", ("u, x, y, z", "v"), "kind"),
    ],
)
def test_csv_reads_the_same_table_however_it_is_written(tmp_path, text, feature_names, target_name):
    target_names = target_name and (target_name,)
    data = load_csv(save_csv(tmp_path, text))
    assert data.X.dtype == np.float64
    np.testing.assert_array_equal(data.X, [[0, 1], [2, 3]])
    assert (data.y.tolist(), data.class_names) == ([0, 1], ("a", "b"))
    assert (data.feature_names, data.target_names, data.name) == (feature_names, target_names, "a")


@pytest.mark.parametrize(
    ("target", "features", "names"),
    [
        (None, [[1, 5], [2, 6]], ("k", "v")),
        ("w", [[1, 5], [2, 6]], ("k", "v")),
        ("k", [[5, 8], [6, 9]], ("v", "w")),
        (0, [[5, 8], [6, 9]], ("v", "w")),
        (-2, [[1, 8], [2, 9]], ("k", "w")),
        ("1", [[1, 8], [2, 9]], ("k", "w")),
    ],
)
def test_csv_takes_the_target_by_name_or_index(tmp_path, target, features, names):
    path = save_csv(tmp_path, "k,v,w\n1,5,8\n2,6,9\n")
    data = load_csv(path, target)
    np.testing.assert_array_equal(data.X, features)
    assert data.feature_names == names
    assert data.y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "y", "names"),
    [
        ("10 9 10", [1, 0, 1], ("9", "10")),
        ("1.0 2 1", [0, 1, 0], ("1", "2")),
        ("1e1 9 10", [1, 0, 1], ("9", "10")),
        ("10 9 b", [0, 1, 2], ("10", "9", "b")),
        ("9007199254740993 9007199254740992", [1, 0], ("9007199254740992", "9007199254740993")),
        ("1_0 9 9", [0, 1, 1], ("1_0", "9")),
    ],
)
def test_csv_labels(tmp_path, labels, y, names):
    data = load_csv(save_csv(tmp_path, "".join(f"0,{label}\n" for label in labels.split())))
    assert (data.y.tolist(), data.class_names) == (y, names)


def test_csv_of_features_alone(tmp_path):
    data = load_csv(save_csv(tmp_path, "u\n1\n2\n"), has_target=False)
    np.testing.assert_array_equal(data.X, [[1], [2]])
    assert (data.y, data.feature_names, data.target_names) == (None, ("u",), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\r\n \n", "is empty"),
        ("\ufeff", "is empty"),
        ("u,v,k\n", "has a header but no rows"),
        ("u,u,k\n1,2,a\n", "line 1: the header names two columns 'u'"),
        ("u,v,u\n1,2,a\n", "line 1: the header names two columns 'u'"),
        ("u,,k\n1,2,a\n", "line 1: neither a header nor numbers: column 1 holds 'u', column 2 ''"),
        ("1,x,a\n1,2,b\n", "line 1: neither a header nor numbers: column 2 holds 'x', column 1 '1'"),
        ("1,,a\n1,2,b\n", r"line 1, column 2: expected a number, found an empty cell"),
        ("u,v,k\n1,2,a\n1,x,b\n", r"line 3, column 2 \(v\): expected a number, found 'x'"),
        ("u,v,k\n1,2,a\n1, ,b\n", r"line 3, column 2 \(v\): expected a number, found an empty cell"),
        ("u,v,k\n1,2,a\n1,2_0,b\n", r"line 3, column 2 \(v\): expected a number, found '2_0'"),
        ("u,v,k\n1,2,a\n1,2,\n", r"line 3, column 3 \(k\): expected a label, found an empty cell"),
        ("u,v,k\n1,2,a\n1,2,nan\n", r"line 3, column 3 \(k\): expected a label, found 'nan'"),
        ("u,v,k\n1,2,3\n1,2,inf\n", r"line 3, column 3 \(k\): expected a label, found 'inf'"),
        ("u,v,k\n1,2,a\n1,nan,b\n", r"line 3, column 2 \(v\): nan is not finite"),
        ("u,v,k\n1,2,a\n-inf,2,b\n", r"line 3, column 1 \(u\): -inf is not finite"),
        ("1,2,a\n1e400,2,b\n", "line 2, column 1: inf is not finite"),
        ("1,2,a\n1,2\n", "line 2: expected 3 cells, as in the first row, found 2"),
        ("1,2,a\n1,2,b,\n", "line 2: expected 3 cells, as in the first row, found 4"),
        ("1,2,a\n\n1,2,b\n", "line 2: is blank, with more rows below"),
        ('u,"v\nw",k\n1,2,a\n1,x,b\n', "line 4, column 2"),
        ('1,2,a\n1,"2,b\n', "line 2: unexpected end of data"),
        ('1,2,a\n1,"2"3,b\n', "line 2: ',' expected after '\"'"),
        ("1,2,a\n1,2,a\n", "column 3: expected at least two classes, found only 'a'"),
        ("a\nb\n", "at least one column of features"),
        (b"1,2,a\n1,2,\xff\n", "line 2: is not UTF-8 text"),
        ("1,2,a\n1,2,b\n".encode("utf-16"), "line 1: is not UTF-8 text"),
        ("1,5;2,5;a\n2,5;3,5;b\n", "line 1: neither a header nor numbers"),
        ("1,2,a\n1," + "x" * 200 + ",b\n", r"found 'x{57}\.\.\.'"),
        ("1,2,a\n1," + "9" * 200_000 + ",b\n", "line 2: field larger than field limit"),
    ],
)
def test_csv_refuses(tmp_path, text, message):
    with pytest.raises(DataError, match=f"a.csv.*{message}"):
        load_csv(save_csv(tmp_path, text))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("gone", "no column is named 'gone'; the first row holds 'u', 'v', 'k'$"),
        ("K", "no column is named 'K'; the first row holds 'u', 'v', 'k'; did you mean 'k'"),
        (3, "target: expected a column from 0 to 2, got 3"),
        ("-4", "target: expected a column from 0 to 2, got -4"),
    ],
)
def test_csv_refuses_a_target_that_is_not_there(tmp_path, target, message):
    with pytest.raises(DataError, match=message):
        load_csv(save_csv(tmp_path, "u,v,k\n1,2,a\n3,4,b\n"), target)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u,v\n0,1\n2,3\n", {"feature_names": ("u", "v")}),
        ("v,u\n1,0\n3,2\n", {"feature_names": ("u", "v")}),
        ("id,v,kind,u\nx,1,?,0\ny,3,,2\n", {"feature_names": ("u", "v")}),
        ("0,1\n2,3\n", {"feature_names": ("u", "v")}),
        ("0,1,a\n2,3,a\n", {"feature_names": ("u", "v")}),
        ("0,1\n2,3\n", {"num_features": 2}),
        ("0,1,a\n2,3,a\n", {"num_features": 2}),
        ("a,0,1\na,2,3\n", {"num_features": 2, "target": 0}),
        ("k,u,v\na,0,1\na,2,3\n", {"num_features": 2, "target": "k"}),
        ("k,u,v\na,0,1\na,2,3\n", {"target": "k"}),
        ("0,1\n2,3\n", {}),
    ],
)
def test_csv_for_prediction_with_or_without_labels(tmp_path, text, expected):
    data = load_csv_unlabelled(save_csv(tmp_path, text), **expected)
    np.testing.assert_array_equal(data.X, [[0, 1], [2, 3]])
    assert data.y is data.class_names is data.target_names is None


@pytest.mark.parametrize(
    ("text", "expected", "message"),
    [
        ("u,w\n0,1\n", {"feature_names": ("u", "v")}, "line 1: the header lacks 'v'"),
        ("a,b,c\n0,1,2\n", {"feature_names": ("u", "v")}, "line 1: the header lacks 'u', 'v'"),
        ("u,v,u\n0,1,2\n", {"feature_names": ("u", "v")}, "names two columns 'u'"),
        ("0,1,2,3\n", {"num_features": 2}, "expected 2 columns of features, or one more for the target; found 4"),
        ("0\n", {"feature_names": ("u", "v")}, "expected 2 columns of features.*found 1"),
        ("u,v,k\n0,x,a\n", {"feature_names": ("u", "v")}, r"line 2, column 2 \(v\): expected a number, found 'x'"),
        ("u,v\n0,nan\n", {"feature_names": ("u", "v")}, r"line 2, column 2 \(v\): nan is not finite"),
    ],
)
def test_csv_for_prediction_refuses(tmp_path, text, expected, message):
    with pytest.raises(DataError, match=message):
        load_csv_unlabelled(save_csv(tmp_path, text), **expected)
