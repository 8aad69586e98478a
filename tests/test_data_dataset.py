"""Dataset, split, Standardizer, the bundled digits, and `load`, which finds data by a string."""

import tracemalloc

import numpy as np
import pytest
from test_data_idx import write_part

from numbanet.data import Dataset, Standardizer, load, load_digits, load_unlabelled, split
from numbanet.errors import DataError


def dataset(counts=(6, 3, 1), **fields):
    y = np.repeat(np.arange(len(counts)), counts)
    return Dataset(np.arange(2.0 * len(y)).reshape(-1, 2), y, **fields)


def test_dataset_tells_its_shape_and_takes_rows():
    data = dataset(class_names=["a", "b", "c"], feature_names=["u", "v"], target_names=["t"], name="n")
    assert (len(data), data.input_shape, data.num_classes) == (10, (2,), 3)
    part = data.take([9, 0])
    np.testing.assert_array_equal(part.X, data.X[[9, 0]])
    np.testing.assert_array_equal(part.y, [2, 0])
    assert (part.class_names, part.feature_names, part.target_names, part.name) == (
        ("a", "b", "c"),
        ("u", "v"),
        ("t",),
        "n",
    )
    part.X[:] = -1
    assert data.X.min() == 0


def test_dataset_keeps_its_number_of_classes_when_rows_are_taken():
    assert dataset().take([0, 1]).num_classes == 3
    assert dataset().class_names == ("0", "1", "2")
    unlabelled = Dataset(np.zeros((3, 2)))
    assert (unlabelled.num_classes, unlabelled.take([1]).y) == (None, None)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"X": [["a"]]}, TypeError, "X: expected an array of real numbers, got dtype <U1; number words first"),
        ({"X": [[1], [2, 3]]}, TypeError, "X: expected an array of numbers, got list"),
        ({"X": np.zeros((2, 2), complex)}, TypeError, "X: expected an array of real numbers, got dtype complex128"),
        ({"X": np.zeros(2)}, ValueError, r"at least one row.*\(2,\)"),
        ({"X": np.zeros((0, 2))}, ValueError, r"at least one row.*\(0, 2\)"),
        ({"X": np.zeros((2, 0))}, ValueError, "at least one row of at least one value"),
        ({"X": np.array([[1.0, 2], [3, np.nan]])}, ValueError, "X: row 1 holds nan"),
        ({"X": np.zeros((2, 2)), "y": [0]}, ValueError, r"y: expected one label for each of the 2 rows"),
        ({"X": np.zeros((2, 2)), "y": [0.0, 1.5]}, TypeError, "y: labels must be integers from .*, got 1.5"),
        ({"X": np.zeros((2, 2)), "y": [0, -1]}, ValueError, "got -1 in row 1"),
        ({"X": np.zeros((2, 2)), "y": [0, 2], "class_names": ("a", "b")}, ValueError, "from 0 to 1, got 2 in row 1"),
        ({"X": np.zeros((2, 2)), "y": [0, 10**12]}, ValueError, "got 1000000000000 in row 1"),
        ({"X": np.zeros((2, 2)), "class_names": "ab"}, TypeError, "class_names: expected a tuple of"),
        ({"X": np.zeros((2, 2)), "class_names": ()}, TypeError, "class_names: expected a tuple of at least one"),
        ({"X": np.zeros((2, 2)), "feature_names": (1, 2)}, TypeError, "feature_names: expected a tuple of"),
        ({"X": np.zeros((2, 2)), "feature_names": ("a",)}, ValueError, "feature_names: 1 names"),
    ],
)
def test_dataset_refuses_what_does_not_fit(fields, error, message):
    with pytest.raises(error, match=message):
        Dataset(**fields)


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.29, 1 / 3, 0.5])
def test_split_holds_out_exactly_the_fraction(fraction, stratify):
    data = load_digits()
    rest, held = split(data, fraction, seed=3, stratify=stratify)
    assert len(held) == round(fraction * len(data))
    rows = {image.tobytes() for image in data.X}
    parts = [{image.tobytes() for image in part.X} for part in (rest, held)]
    assert parts[0] | parts[1] == rows
    assert not parts[0] & parts[1]
    if stratify:
        shares = np.bincount(held.y) - fraction * np.bincount(data.y)
        assert np.abs(shares).max() < 1
        assert rest.num_classes == held.num_classes == 10


def test_split_is_seeded_and_random():
    data = load_digits()
    first, again, other = (split(data, 0.2, seed)[1].X for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    plain = split(data, 0.2, 1, stratify=False)[1]
    assert np.ptp(np.bincount(plain.y) - 0.2 * np.bincount(data.y)) > 2


def test_split_keeps_a_row_of_every_class():
    rest, held = split(dataset((6, 3, 1)), 0.9, seed=0)
    np.testing.assert_array_equal(np.bincount(rest.y), [1, 1, 1])
    np.testing.assert_array_equal(np.bincount(held.y), [5, 2])


def test_split_without_labels():
    rest, held = split(Dataset(np.arange(10.0)[:, None]), 0.3, seed=0)
    assert (len(rest), len(held)) == (7, 3)
    assert sorted([*rest.X[:, 0], *held.X[:, 0]]) == list(range(10))


@pytest.mark.parametrize(
    ("counts", "fraction", "seed", "error", "message"),
    [
        ((5, 5), 0.0, 0, ValueError, "fraction: expected a number in"),
        ((5, 5), 1.0, 0, ValueError, "fraction: expected a number in"),
        ((5, 5), np.nan, 0, ValueError, "fraction: expected a number in"),
        ((5, 5), "half", 0, TypeError, "fraction"),
        ((5, 5), 0.5, -1, ValueError, "seed"),
        ((5, 5), 0.5, None, TypeError, "seed"),
        ((5, 5), 0.01, 0, ValueError, "too few rows to hold out 0.01 of them: 10 in 2"),
        ((1, 1, 1), 0.5, 0, ValueError, "too few rows to hold out 0.5 of them: 3 in 3"),
    ],
)
def test_split_refuses(counts, fraction, seed, error, message):
    with pytest.raises(error, match=message):
        split(dataset(counts), fraction, seed)


def test_standardizer_of_images_has_one_scale():
    X = load_digits().X
    fitted = Standardizer.fit(X)
    mean = X.mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(fitted.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(fitted.scale, np.sqrt(((X - mean) ** 2).mean()), rtol=1e-12)
    assert fitted.scale.shape == ()
    out = fitted.apply(X)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, (X - mean) / fitted.scale, rtol=1e-6, atol=1e-7)
    assert Standardizer.fit(X.reshape(len(X), -1)).scale.shape == ()  # uint8: still images
    assert Standardizer.fit(X.astype(np.float32)).scale.shape == ()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardizer_of_tables_has_a_scale_for_each_feature(dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(5000, 20)) * 10.0 ** rng.integers(-3, 4, 20) + 100).astype(dtype)
    fitted = Standardizer.fit(X)
    np.testing.assert_allclose(fitted.mean, X.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(fitted.scale, X.std(axis=0, dtype=np.float64), rtol=1e-9)
    out = fitted.apply(X, dtype=dtype)
    assert out.dtype == dtype
    np.testing.assert_allclose(out.std(axis=0, dtype=np.float64), 1, rtol=1e-5)


def test_standardizer_leaves_what_is_constant_at_zero():
    X = np.column_stack([np.full(1000, 0.1), np.full(1000, 1e8 + 0.3), np.arange(1000)])
    fitted = Standardizer.fit(X)
    np.testing.assert_array_equal(fitted.scale[:2], 1)
    np.testing.assert_array_equal(fitted.apply(X)[:, :2], 0)
    flat = Standardizer.fit(np.full((7, 3, 3), 9, np.uint8))
    np.testing.assert_array_equal(flat.apply(np.full((2, 3, 3), 11, np.uint8)), 2)


def test_standardizer_does_not_copy_a_large_set():
    X = np.random.default_rng(0).integers(0, 256, (4000, 3, 32, 32), dtype=np.uint8)
    tracemalloc.start()
    try:
        fitted = Standardizer.fit(X)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000  # X itself has 12 MB, in float64 98 MB
        tracemalloc.reset_peak()
        out = fitted.apply(X)
        assert tracemalloc.get_traced_memory()[1] < out.nbytes + 4_000_000
    finally:
        tracemalloc.stop()


def test_standardizer_survives_saving():
    X = load_digits().X
    fitted = Standardizer.fit(X)
    copy = Standardizer.from_arrays(fitted.to_arrays())
    np.testing.assert_array_equal(copy.apply(X), fitted.apply(X))
    assert fitted.apply(X[:0]).shape == (0, 8, 8)


@pytest.mark.parametrize(
    ("mean", "scale", "error", "message"),
    [
        (np.zeros(3), np.ones(2), ValueError, "scale: expected shape"),
        (np.zeros(3), np.array([1, 0, 1]), ValueError, "scale: every value must be finite and above zero"),
        (np.zeros(3), np.array([1, np.inf, 1]), ValueError, "scale: every value"),
        (np.array([1, np.nan]), np.ones(2), ValueError, "mean: every value must be finite"),
        (np.array(["a"]), np.ones(1), TypeError, "mean"),
    ],
)
def test_standardizer_refuses_bad_arrays(mean, scale, error, message):
    with pytest.raises(error, match=message):
        Standardizer.from_arrays({"mean": mean, "scale": scale})


def test_standardizer_refuses_bad_data():
    with pytest.raises(ValueError, match="missing scale"):
        Standardizer.from_arrays({"mean": np.zeros(2)})
    with pytest.raises(ValueError, match="X: row 2 holds inf"):
        Standardizer.fit(np.array([[1.0], [2.0], [np.inf]]))
    with pytest.raises(ValueError, match="at least one row"):
        Standardizer.fit(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="too large"):
        Standardizer.fit(np.array([[1e300], [-1e300]]))
    fitted = Standardizer.fit(np.arange(6.0).reshape(3, 2))
    with pytest.raises(ValueError, match=r"expected shape \(N, 2\).*got \(3, 3\)"):
        fitted.apply(np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"expected shape \(N, 2\).*got \(2,\)"):
        fitted.apply(np.zeros(2))
    with pytest.raises(ValueError, match="X: row 1 holds nan"):
        fitted.apply(np.array([[0.0, 0], [0, np.nan]]))
    with pytest.raises(ValueError, match="standardised X: row 1 holds inf"):
        fitted.apply(np.array([[0.0, 0], [0, 1e300]]))
    with pytest.raises(ValueError, match="dtype: expected float32 or float64"):
        fitted.apply(np.zeros((1, 2)), dtype=np.int32)


def test_standardizer_check_refuses_what_apply_refuses():
    fitted = Standardizer.fit(np.arange(12.0).reshape(3, 2, 2))
    X = np.zeros((2000, 4))
    fitted.check("X", X, np.float32)
    X[1500, 2] = 1e300
    fitted.check("X", X, np.float64)
    with pytest.raises(ValueError, match=r"^standardised examples: row 1500 holds inf \(column 2\)"):
        fitted.check("examples", X, np.float32)
    X[1600, 1] = np.nan
    with pytest.raises(ValueError, match=r"^examples: row 1600 holds nan \(column 1\)"):
        fitted.check("examples", X, np.float32)


def test_digits():
    digits = load_digits()
    assert (digits.X.dtype, digits.X.shape, digits.X.min(), digits.X.max()) == (np.uint8, (1797, 8, 8), 0, 16)
    np.testing.assert_array_equal(np.bincount(digits.y), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    assert digits.class_names == tuple("0123456789")


def test_digits_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets", reason="compares the bundled digits with scikit-learn's")
    theirs, ours = sklearn.load_digits(), load_digits()
    np.testing.assert_array_equal(ours.X, theirs.images)
    np.testing.assert_array_equal(ours.y, theirs.target)


def test_load_finds_each_source(tmp_path):
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
    np.savez(tmp_path / "a.npz", X=X, y=y)
    np.save(tmp_path / "a.npy", X)
    (tmp_path / "a.csv").write_text("0,1,p\n2,3,q\n")
    (tmp_path / "a.TSV").write_text("c\tu\tv\np\t0\t1\nq\t2\t3\n")
    write_part(tmp_path, "t10k")
    for source, count in (
        ("digits", 1797),
        (tmp_path / "a.npz", 6),
        (str(tmp_path / "a.csv"), 2),
        (f"mnist:{tmp_path}", 6),
    ):
        train, test = load(source)
        assert (len(train), test) == (count, None)
        unlabelled = load_unlabelled(source, num_features=2)
        np.testing.assert_array_equal(unlabelled.X, train.X)
        assert unlabelled.y is unlabelled.class_names is None
    assert load(tmp_path / "a.TSV", target="c")[0].target_names == ("c",)
    np.testing.assert_array_equal(load_unlabelled(tmp_path / "a.npy").X, X)
    write_part(tmp_path, "train", count=3)
    assert [len(part) for part in load(f"mnist:{tmp_path}")] == [3, 6]
    assert len(load_unlabelled(f"mnist:{tmp_path}")) == 6


@pytest.mark.parametrize("source", ["", "mnist", "mnist:", "cifar10:", "data.txt", "digits ", "folder", "a.npy"])
def test_load_lists_the_forms_it_knows(source):
    with pytest.raises(
        ValueError, match="source: expected one of digits, mnist:FOLDER, cifar10:FOLDER, FILE.npz"
    ) as info:
        load(source)
    assert not isinstance(info.value, DataError)


@pytest.mark.parametrize("source", ["mnist:gone", "cifar10:gone", "gone.npz", "gone.csv", "gone.tsv"])
def test_load_names_what_is_missing(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    for function in (load, load_unlabelled):
        with pytest.raises(DataError, match="gone"):
            function(source)


def test_load_refuses_other_arguments(tmp_path):
    with pytest.raises(TypeError, match="source: expected a string or a path"):
        load(3)
    with pytest.raises(ValueError, match="target: only a .csv or .tsv"):
        load("digits", target="class")
    with pytest.raises(DataError, match="gone.npy: no such file"):
        load_unlabelled(tmp_path / "gone.npy")
