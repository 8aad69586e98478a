"""Examples that lie in a file: trained on without a copy, in an order that reads it block by block."""

import mmap
import tracemalloc

import numpy as np
import pytest

from numbanet import Affine, BatchNorm, ReLU, Sequential, Solver, _mapped
from numbanet._checks import all_finite
from numbanet._mapped import Mapped, extremes, pieces
from numbanet.callbacks import Callback
from numbanet.data import Standardizer
from numbanet.training import order
from numbanet.training.data import AllBut
from numbanet.training.order import Blocks, NearOrder

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4000, 5)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
VAL = {"X_val": X[:100].copy(), "y_val": Y[:100]}


@pytest.fixture
def files(tmp_path):
    return mapped(tmp_path / "X.npy", X), mapped(tmp_path / "y.npy", Y.astype(np.int8))


@pytest.fixture
def small(monkeypatch):
    """Blocks of 16 rows, and windows of 4 of them."""
    monkeypatch.setattr(order, "BLOCK_BYTES", 16 * 20)
    monkeypatch.setattr(order, "WINDOW_BYTES", 4 * 16 * 20)


def mapped(path, array, mode="r"):
    np.save(path, array)
    return np.load(path, mmap_mode=mode)


def solver(data, **options):
    model = Sequential([Affine(8), ReLU(), Affine(2)], 5, seed=1)
    return Solver(model, data, **{"epochs": 3, "batch_size": 50, "verbose": False, **options})


def trained(data, **options):
    made = solver(data, **options)
    made.train()
    return made, made.model.params.flat.tobytes()


def test_a_file_that_fits_a_window_gives_the_bits_of_the_same_in_memory(files):
    on_disk, bits = trained({"X_train": files[0], "y_train": files[1], **VAL})
    in_memory, expected = trained({"X_train": X, "y_train": Y, **VAL})
    assert bits == expected
    assert on_disk.history.to_dict() == in_memory.history.to_dict()
    assert on_disk.compiled
    assert np.shares_memory(on_disk.X_train, files[0])
    assert on_disk.y_train.dtype == np.uint8
    assert in_memory.y_train.dtype == np.int64


def test_an_order_by_blocks_is_a_permutation_that_stays_near():
    """Of 1000 rows in blocks of 16, 4 of them mixed: all rows once; those of a window come from 4 blocks."""
    found = NearOrder(Blocks(1000, 16, 4), 7)[0:1000]
    assert sorted(found.tolist()) == list(range(1000))
    again, other = NearOrder(Blocks(1000, 16, 4), 7), NearOrder(Blocks(1000, 16, 4), 8)
    pieces_ = np.concatenate([again[start : start + 70] for start in range(0, 1000, 70)])
    assert pieces_.tolist() == found.tolist()
    assert other[0:1000].tolist() != found.tolist()
    ends = again._ends
    assert ends[-1] == 1000
    assert len(ends) == 16
    for start, end in zip([0, *ends], ends, strict=False):
        rows = found[start:end]
        assert len(np.unique(rows // 16)) <= 4
        assert rows.tolist() != sorted(rows.tolist())
    firsts = found[ends[:-1]] // 16
    assert firsts.tolist() != sorted(firsts.tolist())


def test_any_place_of_an_order_is_what_it_is_in_the_whole():
    whole = NearOrder(Blocks(1000, 16, 4), 7)[0:1000]
    assert NearOrder(Blocks(1000, 16, 4), 7)[500:650].tolist() == whole[500:650].tolist()
    assert NearOrder(Blocks(1000, 16, 4), 7)[990:2000].tolist() == whole[990:].tolist()


def test_each_epoch_goes_through_a_larger_file_in_a_new_order(files, small):
    made = solver({"X_train": files[0], "y_train": files[1]})
    epochs = [np.concatenate([made._batches.rows(80 * epoch + step, 1) for step in range(80)]) for epoch in range(2)]
    for rows in epochs:
        assert sorted(rows.tolist()) == list(range(4000))
        assert len(np.unique(rows[:64] // 16)) <= 8
    assert epochs[0].tolist() != epochs[1].tolist()
    again = solver({"X_train": files[0], "y_train": files[1]})
    assert again._batches.rows(0, 80).tolist() == epochs[0].tolist()


def test_it_learns_by_blocks_what_it_learns_in_memory(tmp_path, small):
    """Also from a file that is sorted by its labels."""
    rule = {"optimizer": "adam", "optimizer_options": {"learning_rate": 0.01}, "epochs": 5}
    in_memory, others = trained({"X_train": X, "y_train": Y, **VAL}, **rule)
    for rows in (slice(None), np.argsort(Y)):
        data = {"X_train": mapped(tmp_path / "X.npy", X[rows]), "y_train": Y[rows], **VAL}
        by_blocks, bits = trained(data, **rule)
        assert bits != others
        assert by_blocks.best_val_acc >= 0.95
        assert abs(by_blocks.best_val_loss - in_memory.best_val_loss) < 0.05


def test_a_training_by_blocks_is_resumed_to_the_same_bits(files, small, tmp_path):
    data = {"X_train": files[0], "y_train": files[1], **VAL}
    _, expected = trained(data)
    stopped = solver(data, callbacks=[Callback(on_step_end=lambda solver, logs: solver.step >= 100)])
    stopped.train()
    assert stopped.step == 100  # within the second epoch
    path = tmp_path / "state.npz"
    stopped.save(path)
    with np.load(path) as kept:
        assert kept["permutation"].shape == (1,)
    going_on = solver(data)
    going_on.resume(path)
    assert going_on.step == 240
    assert going_on.model.params.flat.tobytes() == expected


@pytest.mark.parametrize("by", ["numbers", "booleans"])
def test_rows_for_validation_are_as_copies_of_both_parts(files, by):
    held = np.sort(RNG.permutation(4000)[:500])
    rest = np.setdiff1d(np.arange(4000), held)
    _, expected = trained({"X_train": X[rest], "y_train": Y[rest], "X_val": X[held], "y_val": Y[held]})
    rows = held if by == "numbers" else np.isin(np.arange(4000), held)
    for examples, labels in ((X, Y), files):
        made, bits = trained({"X_train": examples, "y_train": labels, "rows_val": rows})
        assert bits == expected
        assert np.shares_memory(made.X_train, examples)
        assert made.X_val.tobytes() == X[held].tobytes()


def test_rows_for_validation_with_weights_and_scaled_targets(files, small):
    held, out = np.arange(0, 4000, 10), np.arange(5, 4000, 10)
    weights = RNG.uniform(0.5, 2, 4000) * (np.arange(4000) % 7 > 0)
    rest = np.setdiff1d(np.arange(4000), np.concatenate([held, out]))
    on_disk, _ = trained(
        {
            "X_train": files[0],
            "y_train": files[1],
            "sample_weight_train": weights,
            "rows_val": held,
            "rows_left_out": out,
        }
    )
    rows = np.concatenate([on_disk._batches.rows(step, 1) for step in range(on_disk.steps_per_epoch)])
    assert sorted(rows.tolist()) == rest[rest % 7 > 0].tolist()
    assert on_disk._parts["val"].weights.tolist() == weights[held].astype(np.float32).tolist()


def test_rows_that_are_left_out_are_not_looked_at(files, small):
    made = solver({"X_train": files[0], "y_train": files[1], "rows_left_out": np.arange(1000), **VAL})
    rows = made._batches.rows(0, made.steps_per_epoch)
    assert sorted(rows.tolist()) == list(range(1000, 4000))
    assert made.steps_per_epoch == 60
    assert all(made._parts["train"].sample(10, np.random.default_rng(seed))[0].shape == (10, 5) for seed in range(3))


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ({"rows_val": [1.5]}, TypeError, "rows_val: expected numbers of rows, or 4000 booleans"),
        ({"rows_val": [4000]}, ValueError, "rows_val: expected numbers from 0 to 3999, got 4000 to 4000"),
        ({"rows_left_out": [-1]}, ValueError, "rows_left_out: expected numbers from 0 to 3999, got -1"),
        ({"rows_val": [3, 3]}, ValueError, "rows_val: 1 rows are there more than once"),
        ({"rows_val": [True] * 3}, TypeError, "rows_val: expected numbers of rows, or 4000 booleans"),
        ({"rows_val": [1], **VAL}, ValueError, "rows_val are rows of X_train, and X_val is there too"),
        ({"rows_left_out": np.arange(4000)}, ValueError, "every example that counts is left out"),
    ],
)
def test_rows_that_make_no_sense_are_refused(rows, error, message):
    with pytest.raises(error, match=message):
        solver({"X_train": X, "y_train": Y, **rows})


def test_all_but_some_by_hand():
    numbers = AllBut(8, [0, 3, 4])
    assert len(numbers) == 5
    assert numbers[:].tolist() == [1, 2, 5, 6, 7]
    assert numbers[np.array([4, 0])].tolist() == [7, 1]
    assert numbers[1:3].tolist() == [2, 5]
    assert AllBut(3)[:].tolist() == [0, 1, 2]


def test_neither_examples_nor_labels_are_copied(tmp_path, monkeypatch):
    """Of 16 MB of examples and 3 MB of labels in files, a training holds a byte a label and a window's rows."""
    monkeypatch.setattr(order, "BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(order, "WINDOW_BYTES", 1 << 18)
    examples = RNG.standard_normal((400_000, 10)).astype(np.float32)
    labels = (examples[:, 0] > 0).astype(np.int64)
    data = {"X_train": mapped(tmp_path / "X.npy", examples), "y_train": mapped(tmp_path / "y.npy", labels)}
    model = Sequential([Affine(2)], 10, seed=0)
    options = {"epochs": 1, "batch_size": 4000, "verbose": False}
    Solver(model, {**data, "rows_left_out": np.arange(100, 400_000)}, **options).train()  # imports and compiles
    tracemalloc.start()
    try:
        model.standardizer = Standardizer.fit(data["X_train"])
        Solver(model, {**data, "rows_val": np.arange(0, 400_000, 100)}, **options).train()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 400_000 < peak < 5_000_000


def test_what_is_wrong_in_a_file_is_named_by_row(tmp_path):
    bad = X.copy()
    bad[3000, 2] = np.nan
    with pytest.raises(ValueError, match=r"X_train: row 3000 holds nan \(column 2\)"):
        solver({"X_train": mapped(tmp_path / "bad.npy", bad), "y_train": Y})
    labels = Y.copy()
    labels[77] = 2
    with pytest.raises(ValueError, match="y_train: labels must be from 0 to 1, got 2 in row 77"):
        solver({"X_train": mapped(tmp_path / "X.npy", X), "y_train": mapped(tmp_path / "y.npy", labels)})
    with pytest.raises(ValueError, match="y_train: .*4000 rows"):
        solver({"X_train": np.load(tmp_path / "X.npy", mmap_mode="r"), "y_train": Y[:5]})


def test_what_was_changed_in_memory_alone_is_not_given_back(tmp_path):
    changed = mapped(tmp_path / "X.npy", X, mode="c")
    changed[:] = 2 * X
    assert Mapped.of(changed) is None
    trained({"X_train": changed, "y_train": Y})
    assert changed.tobytes() == (2 * X).tobytes()
    assert Mapped.of(mapped(tmp_path / "F.npy", np.asfortranarray(X))) is None
    assert Mapped.of(X) is None


class Advised:
    """In the place of a map: notes what is said of its bytes."""

    def __init__(self, size):
        self.size, self.said = size, []

    def __len__(self):
        return self.size

    def madvise(self, what, begin, length):
        assert begin % mmap.PAGESIZE == 0
        self.said.append((what, begin, begin + length))


@pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="only Linux and macOS take advice on memory")
def test_the_bytes_that_are_given_back_are_those_of_the_rows(tmp_path):
    wide = np.zeros((3000, 7), np.float64)
    part = mapped(tmp_path / "wide.npy", wide)[500:, 1:]
    found = Mapped.of(part)
    assert found.row_bytes == 56
    found._memory = Advised(128 + wide.nbytes)
    found.give_back(100, 200)
    found.ask_for(2400, 9999)
    begin = 128 + 600 * 56 + 8
    assert found._memory.said == [
        (mmap.MADV_DONTNEED, begin - begin % mmap.PAGESIZE, begin + 100 * 56),
        (mmap.MADV_WILLNEED, (128 + 2900 * 56 + 8) // mmap.PAGESIZE * mmap.PAGESIZE, 128 + wide.nbytes),
    ]


@pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="only Linux and macOS take advice on memory")
def test_what_comes_is_asked_for_and_what_is_done_is_given_back(files, small):
    made = solver({"X_train": files[0], "y_train": files[1]})
    mapping = made._batches._mapped
    mapping._memory = Advised(128 + X.nbytes)
    near = made._batches._near(3)
    near[0:64], near[64:128], near[128:192]
    rows = [near._windows[window] * 16 for window in range(4)]
    said = [what for what, _, _ in mapping._memory.said]
    assert said == [mmap.MADV_WILLNEED] * 12 + [mmap.MADV_DONTNEED] * 4 + [mmap.MADV_WILLNEED] * 4
    ends = [end for _, _, end in mapping._memory.said]
    expected = np.concatenate([rows[0], rows[1], rows[2], rows[0], rows[3]])
    assert ends == (128 + 20 * np.minimum(expected + 16, 4000)).tolist()


def test_pieces_and_extremes(files, tmp_path, monkeypatch):
    monkeypatch.setattr(_mapped, "PIECE_ROWS", 300)
    assert np.concatenate(list(pieces(files[0], 300))).tobytes() == X.tobytes()
    holed = X.copy()
    holed[10, 3] = np.nan
    for array in (X, holed):
        low, high = extremes(mapped(tmp_path / "Z.npy", array))
        np.testing.assert_array_equal(low, array.min(axis=0))
        np.testing.assert_array_equal(high, array.max(axis=0))
    fitted, expected = Standardizer.fit(files[0]), Standardizer.fit(X)
    assert fitted.mean.tobytes() == expected.mean.tobytes()
    assert fitted.scale.tobytes() == expected.scale.tobytes()
    with pytest.raises(ValueError, match="X: row 110 holds inf"):
        all_finite("X", np.array([[1.0], [np.inf]]).repeat(5000, 0)[4990:], first=100)


def test_columns_of_a_file_are_trained_on_without_a_copy(tmp_path):
    """A target in the last column: the others are a view."""
    table = mapped(tmp_path / "table.npy", np.column_stack([X, Y.astype(np.float32)]))
    made, bits = trained({"X_train": table[:, :-1], "y_train": table[:, -1], **VAL})
    assert bits == trained({"X_train": X, "y_train": Y, **VAL})[1]
    assert made.compiled
    assert np.shares_memory(made.X_train, table)


def test_layers_that_need_two_examples_get_them_by_blocks(files, small):
    model = Sequential([Affine(4), BatchNorm(), ReLU(), Affine(2)], 5, seed=1)
    made = Solver(model, {"X_train": files[0], "y_train": files[1]}, batch_size=1333, epochs=1, verbose=False)
    made.train()
    assert made.step == made.num_steps == 3
