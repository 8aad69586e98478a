"""Numbers keep their digits until they are standardised: those of a minute's Unix seconds, which float32 has not."""

import numpy as np
import pytest

import numbanet as nn
from numbanet.data import Dataset, Standardizer, load_csv, load_npy, load_npz, split
from numbanet.kernels import _gather

RNG = np.random.default_rng(0)
SECONDS = 1_700_000_000 + np.arange(60)
X = np.column_stack([RNG.permutation(np.tile(SECONDS, 4)), RNG.permutation(240)])
LATE = (X[:, 0] % 60 >= 20).astype(int)
EXACT = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["i4", "u4", "i8", "u8", "f8", ">i8", ">f8"])
def test_readers_keep_them(tmp_path, dtype):
    np.savez(tmp_path / "a.npz", X=X.astype(dtype), y=LATE)
    np.save(tmp_path / "a.npy", X.astype(dtype))
    (tmp_path / "a.csv").write_text("".join(f"{s},{n},{y}\n" for (s, n), y in zip(X.tolist(), LATE, strict=True)))
    sets = [load_npz(tmp_path / "a.npz")[0], load_npy(tmp_path / "a.npy"), load_csv(tmp_path / "a.csv")]
    for data in (*sets, Dataset(X.astype(dtype))):
        np.testing.assert_array_equal(data.X, X)
        assert data.X.dtype == np.float64
        rest, _ = split(data, 0.5, 0)
        assert set(rest.X[:, 0]) <= set(SECONDS)
        np.testing.assert_allclose(Standardizer.fit(data.X).apply(data.X), EXACT, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "stored"), [("?", "f4"), ("i1", "f4"), ("u2", "f4"), ("f2", "f4"), ("u1", "u1")])
def test_small_numbers_take_little_room(dtype, stored):
    assert Dataset(np.ones((2, 3)).astype(dtype)).X.dtype == stored


def test_images_of_whole_numbers_become_bytes():
    images = RNG.integers(0, 256, (3, 5, 4))
    data = Dataset(images)
    assert data.X.dtype == np.uint8
    np.testing.assert_array_equal(data.X, images)
    for other in (images - images.min() - 1, images - images.max() + 256):  # from -1, and to 256
        np.testing.assert_array_equal(Dataset(other).X, other)


@pytest.mark.parametrize("kind", [np.float64, np.int64, np.float32])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gathering_takes_the_mean_from_all_digits(kind, dtype):
    values = (X if kind != np.float32 else X % 2**20).astype(kind)
    rows = RNG.permutation(240)[:50]
    mean, inverse = values.mean(axis=0, dtype=np.float64), 1 / values.astype(np.float64).std(axis=0)
    expected = ((values[rows].astype(np.float64) - mean) * inverse).astype(dtype)
    for form in (_gather.gather_standardized.serial, _gather.gather_standardized.parallel):
        out = np.zeros((50, 2), dtype)
        form(values, rows, mean, inverse, out)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.float64, np.int64])
def test_a_network_that_standardises_learns_as_from_what_is_standardised(kind, dtype):
    """In compiled steps, in single ones, by prediction and by score."""
    exact = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(dtype)
    found = []
    for given, standardizer in ((exact, None), (X.astype(kind), Standardizer.fit(X))):
        for callbacks in ([], [nn.callbacks.Callback(on_step_end=lambda solver, logs: False)]):
            model = nn.FullyConnectedNet([8], 2, 2, weight_init="he_normal", dtype=dtype, seed=0)
            model.standardizer = standardizer
            solver = nn.Solver(
                model,
                {"X_train": given, "y_train": LATE, "X_val": given, "y_val": LATE},
                optimizer="adam",
                optimizer_options={"learning_rate": 0.03},
                batch_size=40,
                epochs=20,
                callbacks=callbacks,
                seed=0,
                verbose=False,
            )
            solver.train()
            found.append((solver.loss_history, model.loss(given), model.score(given, LATE)))
    for losses, scores, accuracy in found[1:]:
        np.testing.assert_allclose(losses, found[0][0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(scores, found[0][1], rtol=1e-2, atol=1e-3)
        assert accuracy == found[0][2] > 0.95


def test_numbers_that_the_network_s_dtype_hardly_tells_apart_are_refused():
    network = nn.FullyConnectedNet([8], 2, 2, seed=0)
    match = (
        r"X_train: column 0: holds numbers from 1700000000.* which float32 hardly tells apart; standardise them first"
    )
    for kind in (np.int64, np.float64):
        data = {"X_train": X.astype(kind), "y_train": LATE}
        with pytest.raises(ValueError, match=match):
            nn.Solver(network, data)
    nn.Solver(nn.FullyConnectedNet([8], 2, 2, dtype=np.float64, seed=0), data)
    nn.Solver(network, {"X_train": X - X.min(axis=0), "y_train": LATE})
    nn.Solver(network, {"X_train": 2.0**24 - X % 2, "y_train": LATE})  # exact in float32
    noise = np.where(X.mean(axis=0) < X, 0.3, 0.1 + 0.2)  # one number, but for its last digit
    nn.Solver(network, {"X_train": noise, "y_train": LATE})


def test_targets_that_the_network_s_dtype_hardly_tells_apart_are_refused():
    def solver(y, dtype=np.float32):
        network = nn.FullyConnectedNet([8], 2, 1, loss="squared_error", dtype=dtype, seed=0)
        return nn.Solver(network, {"X_train": EXACT, "y_train": y}, verbose=False)

    for y in (X[:, 0], X[:, :1].astype(float)):
        with pytest.raises(ValueError, match="y_train: column 0: .*float32 hardly tells apart; standardise them first"):
            solver(y)
        solver(y, np.float64)
    solver(X[:, 0] - SECONDS.mean())
    solver(np.full(240, 1.7e9 + 1))  # one number is no matter of digits


def test_whole_numbers_beyond_float64_are_refused_where_they_are_learnt():
    nanoseconds = X[:, :1] * 10**9 + RNG.integers(0, 300, (240, 1))
    Standardizer.fit(nanoseconds)  # rounded by a part in a hundred million of how they differ
    with pytest.raises(ValueError, match=r"X: column 0: holds numbers from 1.7e\+18 to 1.70*3e\+18, which"):
        Standardizer.fit(np.int64(1_700_000_000 * 10**9) + RNG.integers(0, 300, (240, 1)))
    Standardizer.fit(np.array([[2**60]]))  # one row has no spread
