"""The examples of a training: checked once, and sampled to measure on."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from .._checks import as_data, as_numeric, describe, integer, known_keys, mapping, number, one_of
from .._mapped import Mapped
from ..data import Augment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .._types import Array, Data, IntArray, Shape
    from .solver import Solver


DATA = ("X_train", "y_train", "X_val", "y_val")
CHECKED = 2048  # examples that tell data from others
WEIGHTS = ("sample_weight_train", "sample_weight_val")
ROWS = ("rows_val", "rows_left_out")


class Part:
    """Examples and targets of one part of the data, as the model takes them.

    Others may take their place (`replace_X`, `replace_y`), as many and of the same kind.

    Parameters
    ----------
    name : {"train", "val"}
        As in ``X_train``.
    learner : NetworkLearner or ObjectLearner
        Checks them.
    X, y : array-like
    sample_weight : array-like, shape (N,), optional
    left_out : ndarray of int64, optional
        Rows that are not learnt from, rising.

    Attributes
    ----------
    mapped : Mapped or None
        Where the examples lie in a file, row by row.
    of_classes : ndarray, shape (C,), or None
        By which the weights of the examples of each class are multiplied.
    weights : ndarray, shape (N,), or None
        Both together; None where all are 1.
    counted : ndarray of int64, AllBut or None
        The rows that are learnt from, whose weight is not 0; None for all.
    """

    def __init__(
        self, name: str, learner: Any, X: Any, y: Any, sample_weight: Any = None, left_out: IntArray | None = None
    ) -> None:
        self.name, self._learner, self._left_out = name, learner, left_out
        self.X, self.y = self._checked(X, y)
        self.mapped = Mapped.of(self.X)
        self.weights: Any = None
        self.counted: Any = None
        self._given: Any = None
        if sample_weight is not None:
            self._given = self._weighed(f"sample_weight_{name}", sample_weight)
        self.of_classes: Any = None
        self.weigh()

    def __len__(self) -> int:
        return len(self.X)

    @property
    def count(self) -> int:
        """How many examples count."""
        return len(self) if self.counted is None else len(self.counted)

    def weigh(self) -> None:
        """Make `weights` of those that were given and those of classes."""
        self.weights = self._given
        if self.of_classes is not None:
            weights = self.of_classes[self.labels()] * (1 if self._given is None else self._given)
            self.weights = self._weighed("class_weight", weights)
        elif self._given is not None and not self._given.all():
            self.counted = np.flatnonzero(self._given)
        if self._left_out is not None:
            self._leave_out(self._left_out)

    def _leave_out(self, rows: IntArray) -> None:
        if self._given is None or self._given.all():
            others = AllBut(len(self), rows)
            self.counted = others[:] if self.mapped is None else others
        else:
            self.counted = np.setdiff1d(np.flatnonzero(self._given), rows)
        if not len(self.counted):
            raise ValueError("rows_left_out, rows_val: every example that counts is left out of training")

    def labels(self) -> IntArray:
        """The class of each example."""
        return self._learner.labels(self.y)

    def sample(self, count: int | None, rng: np.random.Generator) -> tuple[Array, Array, Any]:
        """That many examples that count, drawn at random, or all, with their weights."""
        if self.counted is None and (count is None or len(self) <= count):
            return self.X, self.y, self.weights
        rows: Any = AllBut(len(self)) if self.counted is None else self.counted
        few = count is not None and count < len(rows)
        rows = rows[rng.choice(len(rows), count, replace=False) if few else slice(None)]
        return self.X[rows], self.y[rows], None if self.weights is None else self.weights[rows]

    def checksums(self) -> list[tuple[str, int]]:
        """A number for the examples, one for the targets and one for the weights, by their names, to tell them from
        others; of many examples a part is looked at."""
        few = self.X[:: -(-len(self) // CHECKED)]
        named = (("X", few), ("y", self.y), ("sample_weight", self.weights), ("rows_left_out", self._left_out))
        return [(f"{what}_{self.name}", _checksum(array)) for what, array in named if array is not None]

    def _weighed(self, name: str, weights: Any) -> Any:
        """`weights` as the learner takes them, in an array of our own."""
        return np.array(self._learner.check_weights(name, weights, len(self)))

    def replace_X(self, X: Any) -> None:
        self._same_count(f"X_{self.name}", X)
        self.X = self._checked(X, self.y)[0].reshape(self.X.shape)

    def replace_y(self, y: Any) -> None:
        self._same_count(f"y_{self.name}", y)
        self.y = self._checked(self.X, y)[1]
        self.weigh()

    def _checked(self, X: Any, y: Any) -> tuple[Array, Array]:
        """Arrays that nobody else can reshape, and labels of our own."""
        X, checked = self._learner.check(f"X_{self.name}", X, f"y_{self.name}", y)
        # Kernels index by integers, and read foreign memory where one is out of range.
        return X.view(), checked.copy() if checked.dtype.kind in "iu" else checked.view()

    def _same_count(self, name: str, new: Any) -> None:
        count = len(as_numeric(name, new)) if np.ndim(new) else 0
        if count != len(self):
            raise ValueError(
                f"{name}: expected {len(self)} rows as before, got {count}; make another Solver for others"
            )

    def take_shape(self, shape: Shape) -> None:
        """Give examples that lie flat the shape that the network knows them by."""
        if self.X.ndim == 2:
            self.X = self.X.reshape(-1, *shape)


def _checksum(array: Any) -> int:
    array = np.ascontiguousarray(array)
    content: Any = array.reshape(-1).view(np.uint8)
    return zlib.crc32(content, zlib.crc32(f"{array.dtype.str}{array.shape}".encode()))


class AllBut:
    """The numbers from 0 to below `count` but for some, as an array that takes no more memory than these.

    Parameters
    ----------
    count : int
    missing : ndarray of int64
        Rising.
    """

    def __init__(self, count: int, missing: Any = ()) -> None:
        missing = np.asarray(missing, np.int64)
        self._count = count - len(missing)
        self._before = missing - np.arange(len(missing))  # how many of ours are before each of the missing ones

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, places: Any) -> IntArray:
        if isinstance(places, slice):
            places = np.arange(*places.indices(self._count))
        return places + np.searchsorted(self._before, places, side="right")


def examples_of(part: str) -> Any:
    """A property of a Solver: the examples of a part of its data."""

    def replace(solver: Solver, X: Any) -> None:
        _known(solver, part, "X").replace_X(X)

    return property(lambda solver: solver._parts[part] and solver._parts[part].X, replace)


def targets_of(part: str) -> Any:
    """The same of the targets, which can be looked at, but not written into."""

    def get(solver: Solver) -> Array | None:
        if solver._parts[part] is None:
            return None
        targets, scaler = solver._parts[part].y.view(), solver._learner.target_scaler
        if scaler is not None:
            targets = scaler.restore(targets, clamp=False)
        targets.flags.writeable = False
        return targets

    def replace(solver: Solver, y: Any) -> None:
        _known(solver, part, "y").replace_y(y)

    return property(get, replace)


def _known(solver: Solver, part: str, what: str) -> Part:
    if solver._parts[part] is None:
        raise ValueError(f"{what}_{part}: this solver was made without validation data; make another with them")
    return solver._parts[part]


def parts_of(data: Data, learner: Any, keys: Sequence[str]) -> dict[str, Any]:
    """The parts of what a Solver was given as `data`, None for validation data that are not there."""
    mapping("data", data, "X_train, y_train and, optionally, X_val, y_val and weights")
    known_keys("data", data, keys)
    for name in DATA[:2]:
        if name not in data:
            came = ", ".join(map(str, data)) or "nothing"
            raise ValueError(f"data: expected {', '.join(DATA)}; {name} is missing among {came}")
    if ("X_val" in data) != ("y_val" in data):
        raise ValueError("data: X_val and y_val go together")
    if "sample_weight_val" in data and "X_val" not in data:
        raise ValueError("data: sample_weight_val needs X_val and y_val")
    if "rows_val" in data and "X_val" in data:
        raise ValueError("data: rows_val are rows of X_train, and X_val is there too; expected one of the two")
    held, left_out = (
        _row_numbers(name, data[name], *np.shape(data["y_train"])[:1]) if name in data else None for name in ROWS
    )
    absent = [rows for rows in (held, left_out) if rows is not None]
    both = np.unique(np.concatenate(absent)) if absent else None

    def part(name: str, *rows: Any) -> Part:
        return Part(name, learner, *(data.get(f"{what}_{name}") for what in ("X", "y", "sample_weight")), *rows)

    train = part("train", both)
    if held is None:
        return {"train": train, "val": part("val") if "X_val" in data else None}
    y, weights = as_data("y_train", data["y_train"]), data.get("sample_weight_train")
    weights = None if weights is None else as_data("sample_weight_train", weights)[held]
    return {"train": train, "val": Part("val", learner, train.X[held], y[held], weights)}


def _row_numbers(name: str, rows: Any, count: int) -> IntArray:
    """Which of so many rows, by number or as booleans: rising numbers."""
    rows = as_numeric(name, rows)
    if rows.dtype == bool and rows.shape == (count,):
        return np.flatnonzero(rows)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise TypeError(f"{name}: expected numbers of rows, or {count} booleans, got {describe(rows)}")
    if len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise ValueError(f"{name}: expected numbers from 0 to {count - 1}, got {rows.min()} to {rows.max()}")
    found = np.unique(rows).astype(np.int64)
    if len(found) < len(rows):
        raise ValueError(f"{name}: {len(rows) - len(found)} rows are there more than once")
    return found


def weigh_classes(class_weight: Any, parts: Mapping[str, Any], learner: Any) -> None:
    """Multiply the weights of both parts by those of classes.

    ``"balanced"`` is n / (classes * examples of the class), by the training examples that count; what a dict leaves out
    has the weight 1.
    """
    if class_weight is None:
        return
    if not (classes := learner.classes):
        raise ValueError("class_weight: needs a loss of one label for each example, " + learner.of_what)
    table = np.ones(classes)
    if isinstance(class_weight, str):
        one_of("class_weight", class_weight, ("balanced",))
        train = parts["train"]
        labels = train.labels() if train.counted is None else train.labels()[train.counted]
        counts = np.bincount(labels, minlength=classes)
        table[counts > 0] = len(labels) / (np.count_nonzero(counts) * counts[counts > 0])
    else:
        for label, weight in mapping("class_weight", class_weight, "weights by class, or 'balanced'").items():
            weight = number(f"class_weight[{label!r}]", weight, 0, include_low=False, include_high=False)
            table[integer("class_weight: class", label, 0, classes - 1)] = weight
    for each in parts.values():
        if each is not None:
            each.of_classes = table
            each.weigh()


def checked_augmentation(augment: Any, part: Part, shape: Shape | None) -> Augment | None:
    """`augment`, where it suits the examples, which take the `shape` of the network's input; None for None."""
    if augment is None:
        return None
    if not isinstance(augment, Augment):
        raise TypeError(f"augment: expected a numbanet.data.Augment, got {describe(augment)}")
    if shape is not None:
        part.take_shape(shape)
    augment.check("X_train", part.X.shape[1:])
    return augment
