"""Crops and mirror images: examples by hand, where pixels come from, how often, and trainings that can be repeated."""

import numpy as np
import pytest
from compare import BOTH

import numbanet
from numbanet import functional, kernels, reference
from numbanet.data import Augment
from numbanet.errors import CheckpointError
from numbanet.program import steps

ROW, ZERO_KEY = np.zeros(1, np.int64), np.zeros(2, np.uint64)

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    # The first words that Philox gives for zeros (tests/test_dropout.py): 0.40 of 3 places is the middle one, for rows,
    # 0.88 the last one, for columns, and the highest bit of the third is set.
    ("augment", [[[[[1, 2], [3, 4]]]], ROW, ZERO_KEY, 1, True], {"out": [[[[0, 2], [0, 4]]]]}),
    ("augment", [[[[[1, 2], [3, 4]]]], ROW, ZERO_KEY, 1, False], {"out": [[[[2, 0], [4, 0]]]]}),
]


def numbered(count, *shape):
    """Images whose pixels all differ, and none of which is 0."""
    return 1 + np.arange(count * np.prod(shape), dtype=np.float32).reshape(count, *shape)


def found(image, piece, padding):
    """The shift and the mirroring that make `piece` out of `image`; there is exactly one."""
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    _, height, width = image.shape
    ways = [
        (top - padding, left - padding, mirrored)
        for top in range(2 * padding + 1)
        for left in range(2 * padding + 1)
        for mirrored in (False, True)
        if np.array_equal(padded[:, top : top + height, left : left + width], piece[:, :, :: -1 if mirrored else 1])
    ]
    assert len(ways) == 1
    return ways[0]


@BOTH
def test_every_shift_and_mirror_image_is_as_likely(ops):
    x = numbered(1, 2, 5, 6)
    pieces = functional.augment(np.repeat(x, 2000, axis=0), padding=1, seed=3, ops=ops)
    counts = np.zeros((3, 3, 2))
    for piece in pieces:
        down, right, mirrored = found(x[0], piece, 1)
        counts[down + 1, right + 1, int(mirrored)] += 1
    expected = 2000 / 18
    assert np.square(counts - expected).sum() / expected < 40.8  # chi squared of 17 degrees of freedom, 1 in 1,000


def test_what_is_off_changes_nothing():
    x = numbered(50, 2, 5, 6)
    np.testing.assert_array_equal(functional.augment(x, padding=0, flip=False, seed=0), x)
    mirrored = functional.augment(x, padding=0, seed=0)
    assert {found(*pair, 0)[2] for pair in zip(x, mirrored, strict=True)} == {False, True}
    shifted = functional.augment(x, padding=2, flip=False, seed=0)
    assert {found(*pair, 2)[2] for pair in zip(x, shifted, strict=True)} == {False}


def test_seed_and_step_decide():
    x = numbered(50, 1, 6, 6)
    first = functional.augment(x, seed=1, step=2)
    np.testing.assert_array_equal(functional.augment(x, seed=1, step=2), first)
    for other in (
        {"seed": 2, "step": 2},
        {"seed": 1, "step": 3},
        {"seed": 2, "step": 1},
        {"seed": 1, "step": 2 + 2**32},
    ):
        assert (functional.augment(x, **other) != first).any(axis=(1, 2, 3)).mean() > 0.9


@pytest.mark.parametrize("form", ["serial", "parallel"])
def test_both_forms_give_the_same_bits(form):
    x, rows, key = numbered(20, 3, 9, 8), np.arange(30) % 20, np.array([5, 6], np.uint64)
    out, expected = np.empty((2, 30, 3, 9, 8), np.float32)
    getattr(kernels.augment, form)(x, rows, key, 4, True, out)
    reference.augment(x, rows, key, 4, True, expected)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("prepare", [np.asfortranarray, lambda X: X.astype(np.float64), lambda X: X[:, 0], np.uint8])
def test_images_of_any_kind_are_gathered(prepare):
    X = prepare(numbered(7, 1, 5, 4))
    if X.dtype == np.float32 and X.ndim == 4:
        X.flags.writeable = False
    rows, out = np.array([6, 0, 6]), np.empty((3, 20), np.float32)
    Augment(1, seed=3).gather(X, rows, 9, out)
    expected = functional.augment(numbered(7, 1, 5, 4)[rows], padding=1, seed=3, step=9)
    np.testing.assert_array_equal(out, expected.reshape(3, -1))


# In training.

X = np.random.default_rng(0).standard_normal((60, 2, 5, 6)).astype(np.float32)
Y = np.arange(60) % 3


def solver(augment, *, X=X, **options):
    model = numbanet.FullyConnectedNet([8], 60, 3, seed=1)
    options = {"batch_size": 20, "verbose": False, **options}
    return numbanet.Solver(model, {"X_train": X, "y_train": Y}, augment=augment, **options)


def test_training_is_repeatable_and_another_seed_is_another_training():
    losses = []
    for seed in (0, 0, 1, None):
        training = solver(None if seed is None else Augment(1, seed=seed), epochs=3)
        training.train()
        losses.append(training.loss_history)
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    assert losses[0] != losses[3]


def test_threads_change_no_bit(monkeypatch):
    threads = numbanet.get_num_threads()
    if threads == 1:
        pytest.skip("needs two threads")
    shared, forms = [], steps.forms

    def noted(operations):
        chosen = forms(operations)
        shared.extend(nanoseconds for function, _, nanoseconds in chosen if function.__name__ == "augment")
        return chosen

    monkeypatch.setattr(steps, "forms", noted)
    monkeypatch.setattr(kernels.augment, "nanoseconds", lambda *args: 1e9)  # so large it seems
    losses = []
    try:
        for count in (1, threads):
            numbanet.set_num_threads(count)
            training = solver(Augment(1, seed=0), epochs=2)
            training.train()
            losses.append(training.loss_history)
    finally:
        numbanet.set_num_threads(None)
    assert shared == [0, 1e9]
    assert losses[0] == losses[1]


def test_training_goes_on_from_a_file_as_if_nothing_had_happened(tmp_path):
    whole = solver(Augment(1, seed=3), epochs=4)
    whole.train()
    half = solver(Augment(1, seed=3), epochs=2)
    half.train()
    half.save(tmp_path / "state.npz")
    again = solver(Augment(1, seed=3), epochs=2)
    again.restore(tmp_path / "state.npz")
    again.train()
    assert again.loss_history == whole.loss_history
    with pytest.raises(CheckpointError, match="saved with augmentation .*'crop_padding': 1.*, but the solver has None"):
        solver(None).restore(tmp_path / "state.npz")


def test_training_of_convolutions_goes_on_from_a_file_too(tmp_path):
    def solver(epochs):
        model = numbanet.SmallResNet((2, 5, 6), 3, widths=(4, 6), blocks=1, seed=1)
        options = {"batch_size": 20, "epochs": epochs, "augment": Augment(1), "verbose": False}
        return numbanet.Solver(model, {"X_train": X, "y_train": Y}, **options)

    whole, half, again = solver(4), solver(2), solver(2)
    whole.train()
    half.train()
    half.save(tmp_path / "state.npz")
    again.restore(tmp_path / "state.npz")
    again.train()
    assert again.loss_history == whole.loss_history


class Own:
    """A model as a user writes one."""

    def __init__(self):
        self.params = {"W": np.zeros((60, 3))}

    def loss(self, X, y=None):
        scores = X.reshape(len(X), -1) @ self.params["W"]
        if y is None:
            return scores
        self.batch = X
        loss, dscores = functional.softmax_loss(scores, y)
        return loss, {"W": X.reshape(len(X), -1).T @ dscores}


@pytest.mark.parametrize(("dtype", "expected"), [(np.float32, np.float32), (np.int64, np.float64)])
def test_every_step_changes_the_images_anew(dtype, expected):
    images, model, seen = (100 * X).astype(dtype), Own(), []
    training = numbanet.Solver(
        model,
        {"X_train": images, "y_train": Y},
        augment=Augment(1, seed=7),
        **{"batch_size": 20, "epochs": 2, "seed": 0, "verbose": False},
        callbacks=[numbanet.callbacks.Callback(on_step_end=lambda solver, logs: seen.append(model.batch))],
    )
    training.train()
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(60), rng.permutation(60)]).reshape(6, 20)
    for step, (rows, batch) in enumerate(zip(order, seen, strict=True)):
        changed = functional.augment(images[rows].astype(expected), padding=1, seed=7, step=step)
        np.testing.assert_array_equal(batch, changed, strict=True)


# Refusals.


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"crop_padding": -1}, ValueError, "Augment: crop_padding: expected an integer of at least 0, got -1"),
        ({"crop_padding": 0.5}, TypeError, "Augment: crop_padding: expected an integer, got"),
        ({"flip": "yes"}, ValueError, "Augment: flip: expected one of False, True, got 'yes'"),
        ({"seed": -1}, ValueError, "Augment: seed: expected an integer of at least 0, got -1"),
    ],
)
def test_options_out_of_range(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        Augment(**options)


def test_what_cannot_be_augmented():
    with pytest.raises(TypeError, match="^augment: expected a numbanet.data.Augment, got str 'flip'"):
        solver("flip")
    with pytest.raises(ValueError, match=r"^X_train: augmentation takes images, .* got examples of \(60,\)"):
        solver(Augment(), X=X.reshape(60, -1))
    with pytest.raises(ValueError, match="crop_padding: expected less than the 5 pixels of a side of X_train, got 5"):
        solver(Augment(5))
