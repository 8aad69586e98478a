"""NaN and infinity are refused wherever examples and targets come in, by row and place; large numbers are not."""

import numpy as np
import pytest

import numbanet as nn
from numbanet._checks import all_finite
from numbanet.losses import LOSSES

DOORS = {
    "predict": lambda model, X, y: model.predict(X),
    "predict_proba": lambda model, X, y: model.predict_proba(X),
    "scores": lambda model, X, y: model.loss(X),
    "loss": lambda model, X, y: model.loss(X, y),
    "score": lambda model, X, y: model.score(X, y),
    "train": lambda model, X, y: nn.Solver(model, {"X_train": X, "y_train": y}, verbose=False),
    "validate": lambda model, X, y: nn.Solver(
        model, {"X_train": np.ones_like(X), "y_train": y, "X_val": X, "y_val": y}, verbose=False
    ),
}
KINDS = {"": lambda X: X, "list": np.ndarray.tolist, "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2]}


def network(loss="softmax", **options):
    return nn.FullyConnectedNet([5], 4, 3, weight_init="he_normal", loss=loss, seed=0, **options)


@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("door", DOORS)
def test_examples(door, dtype, standardized):
    model, call = network(), DOORS[door]
    if standardized:
        model.standardizer = nn.data.Standardizer(np.full(4, 2.0), np.full(4, 3.0))
    for count in (1, 3, 700):  # one row, one batch, several
        y = np.zeros(count, int)
        call(model, np.ones((count, 4), dtype), y)
        for value in (np.nan, np.inf, -np.inf):
            for kind in KINDS.values():
                X = np.ones((count, 4), dtype)
                X[count - 1, 2] = value
                with pytest.raises(ValueError, match=rf"X.*: row {count - 1} holds {value} \(column 2\)"):
                    call(model, kind(X), y)


@pytest.mark.parametrize("door", DOORS)
def test_what_float32_cannot_hold(door):
    with pytest.raises(ValueError, match=r"X.*: row 1 holds 1e\+39 \(column 0\), which float32 cannot hold"):
        DOORS[door](network(), np.array([[1.0] * 4, [1e39] * 4]), np.zeros(2, int))


def test_every_loss_and_the_reference():
    X = np.full((1, 4), np.nan, np.float32)
    for loss in LOSSES:
        for ops in (nn.kernels, nn.reference):
            with pytest.raises(ValueError, match="X: row 0 holds nan"):
                network(loss, ops=ops).predict(X)


@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if loss.per_output])
@pytest.mark.parametrize("door", ["loss", "score", "train"])
def test_targets(door, loss):
    y = np.full((2, 3), 0.5)
    y[1, 1] = np.nan
    with pytest.raises(ValueError, match=r"y.*: row 1 holds nan \(column 1\)"):
        DOORS[door](network(loss), np.ones((2, 4)), y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_numbers_are_finite(dtype):
    """Though neither their sum nor their squares are."""
    largest = np.finfo(dtype).max
    X = np.full((3, 4), largest, dtype)
    all_finite("X", X)
    model = network(dtype=dtype)
    model.params["W1"][...] = 0
    np.testing.assert_array_equal(model.loss(X), model.loss(np.zeros_like(X)))
    assert model.standardizer is None
