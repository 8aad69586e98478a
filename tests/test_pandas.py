"""Frames and Series of pandas, and what it writes: taken where they are certain, else refused with the remedy."""

import numpy as np
import pytest

import numbanet as nn
from numbanet.data import Dataset, Standardizer, encode_labels, load_csv

pd = pytest.importorskip("pandas", reason="pandas is not installed")

RNG = np.random.default_rng(0)
WORDS = np.array(["ash", "elm", "yew"])[np.arange(30) % 3]
FRAME = pd.DataFrame({"size": RNG.normal(size=30), "age": RNG.integers(0, 9, 30), "tree": WORDS})
DUMMIES = pd.get_dummies(FRAME)
AS_NUMBERS = np.column_stack([FRAME["size"], FRAME["age"], *(word == WORDS for word in ("ash", "elm", "yew"))])


def solver(X, y, **options):
    network = nn.FullyConnectedNet([4], X.shape[1], 3, weight_init="he_normal", seed=0, **options)
    return nn.Solver(network, {"X_train": X, "y_train": y, "X_val": X, "y_val": y}, epochs=2, seed=0, verbose=False)


FRAMES = {
    "booleans": (DUMMIES, AS_NUMBERS),
    "objects": (FRAME[["size", "age"]].astype(object), AS_NUMBERS[:, :2]),
    "nullable": (FRAME[["age", "size"]].astype({"age": "Int64", "size": "Float64"}), AS_NUMBERS[:, [1, 0]]),
    "nullable booleans": ((FRAME[["age"]] > 4).astype("boolean"), AS_NUMBERS[:, 1:2] > 4),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_numbers(kind):
    frame, numbers = FRAMES[kind]
    data = Dataset(frame)
    np.testing.assert_array_equal(data.X, numbers)
    assert data.feature_names == tuple(frame.columns)
    np.testing.assert_allclose(Standardizer.fit(frame).mean, numbers.mean(axis=0), rtol=1e-12)
    y = np.arange(30) % 3
    of_frame, of_array = solver(frame, y), solver(numbers.astype(float), y)
    for each in (of_frame, of_array):
        each.train()
    assert of_frame.loss_history == of_array.loss_history
    np.testing.assert_array_equal(of_frame.model.predict(frame), of_array.model.predict(numbers.astype(float)))


LABELS = {
    "nullable": pd.Series(np.arange(30) % 3, dtype="Int64"),
    "objects": pd.Series(np.arange(30) % 3, dtype=object),
    "whole floats": pd.Series(np.arange(30) % 3, dtype=float),
    "categories": pd.Series(np.arange(30) % 3, dtype="category"),
    "list": (np.arange(30) % 3).tolist(),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_that_are_numbers_of_classes(kind):
    y = LABELS[kind]
    np.testing.assert_array_equal(solver(AS_NUMBERS, y).y_train, np.arange(30) % 3)
    np.testing.assert_array_equal(Dataset(AS_NUMBERS, y).y, np.arange(30) % 3)
    network = nn.FullyConnectedNet([4], 5, 3, seed=0)
    assert network.loss(AS_NUMBERS, y)[0] == network.loss(AS_NUMBERS, np.arange(30) % 3)[0]
    assert network.score(AS_NUMBERS, y) == network.score(AS_NUMBERS, np.arange(30) % 3)


@pytest.mark.parametrize("dtype", ["str", "object", "category", "string"])
def test_labels_that_are_words(dtype):
    y = pd.Series(WORDS).astype(dtype)
    for numbers, names in (encode_labels(y), encode_labels(np.asarray(y))):
        assert names == ("ash", "elm", "yew")
        np.testing.assert_array_equal(numbers, np.arange(30) % 3)
    data = Dataset(AS_NUMBERS, y)
    assert data.class_names == ("ash", "elm", "yew")
    np.testing.assert_array_equal(data.y, np.arange(30) % 3)
    with pytest.raises(TypeError, match=r"y_train: .*number them first: .*encode_labels\(y\)"):
        solver(AS_NUMBERS, y)


def test_true_and_false_are_classes():
    np.testing.assert_array_equal(Dataset(AS_NUMBERS, FRAME["age"] > 4).y, FRAME["age"] > 4)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (FRAME, r"got dtype object with str 'ash' at \[0, 2\]; number words first, as pandas.get_dummies does"),
        (FRAME[["tree"]], r"got dtype object with str 'ash' at \[0, 0\]; number words first"),
        (pd.DataFrame({"a": [1.5, None], "b": [True, False]}), "row 0|row 1 holds nan"),
        (pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": [True, False]}), r"at \[1, 0\]; fill what is missing"),
    ],
)
def test_what_is_no_number_is_named(X, message):
    for call in (Dataset, Standardizer.fit, lambda X: solver(X, np.zeros(len(X), int))):
        with pytest.raises((TypeError, ValueError), match=rf"X.*{message}"):
            call(X)


def test_what_pandas_writes(tmp_path):
    path = tmp_path / "a.csv"
    for options in ({}, {"index": False}, {"sep": ";"}, {"sep": "|"}, {"sep": "\t", "index": False}, {"sep": " "}):
        FRAME.to_csv(path, **options)
        data = load_csv(path)
        np.testing.assert_array_equal(data.X, AS_NUMBERS[:, :2])
        assert data.feature_names == ("size", "age")
        assert data.target_names == ("tree",)
    FRAME.sample(frac=1, random_state=0).to_csv(path)  # with an index out of order
    pd.read_csv(path).to_csv(path, index=False)  # which now is called Unnamed: 0
    assert load_csv(path).feature_names == ("size", "age")
    pd.DataFrame(AS_NUMBERS[:, :2]).assign(label=np.arange(30) % 3).to_csv(path, index=False)
    data = load_csv(path)  # 0, 1, label
    np.testing.assert_array_equal(data.X, AS_NUMBERS[:, :2])
    pd.DataFrame(np.column_stack([AS_NUMBERS, np.arange(30) % 3]).astype(int)).to_csv(path, index=False)
    data = load_csv(path)  # 0, 1, ..., 5
    np.testing.assert_array_equal(data.X, AS_NUMBERS.astype(int))
    assert data.target_names == ("5",)
