"""A set of examples with labels, how to split it, and how to standardise it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import (
    all_finite,
    as_data,
    class_numbers,
    describe,
    float_array,
    float_dtype,
    integer,
    number,
)
from numbanet._mapped import extremes, pieces
from numbanet.data.labels import are_names, encode_labels
from numbanet.data.table import Table
from numbanet.data.targets import SMALLEST_SCALE, check_task, target_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from numbanet._types import Array, ArrayLike, DTypeLike, FloatArray, Shape, Task


STORED_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64))
MAX_CLASSES = 100_000


@dataclass(eq=False)
class Dataset:
    """Examples, and where they are known their labels and names.

    Attributes
    ----------
    X : ndarray of shape (N, *input_shape), uint8, float32 or float64; or Table
        At least one example; floats are finite. Other numbers and frames become the smallest of these that holds them.
        A `Table` stays one, with its categories and gaps.
    y : int64 ndarray of shape (N,), float64 ndarray of shape (N,) or (N, M), or None
        The class of each example, from 0 to ``num_classes - 1``; names are numbered as by `encode_labels`. Of
        regression its value or, of several targets, its values, which are finite.
    class_names : tuple of str, or None
        One name for each class. Where `y` comes without names, its numbers become the names.
    feature_names : tuple of str, or None
        The columns of a table, in the order of the last axis of `X`; of a frame, by default its own.
    target_names : tuple of str, or None
        The columns that `y` was.
    name : str
        Where the set came from.
    notes : tuple of str
        What the file it came from was taken for.
    task : {"classification", "regression"}, or None
        What `y` are: by default classes. None where there are none.
    ids : ndarray of shape (N,), or None
        What tells the examples apart, in the column `id_name`; not for the network.

    Raises
    ------
    TypeError, ValueError
        For anything that does not fit the above; the message names the attribute, and the row where one is at fault.
    """

    X: Any
    y: Array | None = None
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    target_names: tuple[str, ...] | None = None
    name: str = ""
    notes: tuple[str, ...] = ()
    task: Task | None = None
    ids: Array | None = None
    id_name: str | None = None

    if TYPE_CHECKING:  # what becomes these is taken too

        def __init__(
            self,
            X: ArrayLike | Table,
            y: ArrayLike | None = None,
            class_names: Sequence[str] | None = None,
            feature_names: Sequence[str] | None = None,
            target_names: Sequence[str] | None = None,
            name: str = "",
            notes: tuple[str, ...] = (),
            task: Task | None = None,
            ids: ArrayLike | None = None,
            id_name: str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        if isinstance(self.X, Table):
            self.feature_names = self.X.names
        elif self.feature_names is None and hasattr(self.X, "columns"):
            self.feature_names = tuple(map(str, self.X.columns))
        self.X = self.X if isinstance(self.X, Table) else stored("X", self.X)
        if self.X.ndim < 2 or 0 in self.X.shape:
            raise ValueError(f"X: expected at least one row of at least one value, got shape {self.X.shape}")
        if not isinstance(self.X, Table):
            all_finite("X", self.X)
        self.class_names = _names("class_names", self.class_names)
        self.task = check_task(self.task)
        if self.y is not None:
            self.task = self.task or "classification"
            self._check_targets()
        self.target_names = _names("target_names", self.target_names)
        if self.ids is not None:
            self.ids = np.asarray(self.ids)
            if self.ids.shape != (len(self),):
                raise ValueError(f"ids: expected one for each of the {len(self)} rows, got shape {self.ids.shape}")
        self.feature_names = _names("feature_names", self.feature_names)
        if self.feature_names is not None and self.input_shape != (len(self.feature_names),):
            raise ValueError(f"feature_names: {len(self.feature_names)} names for examples of shape {self.input_shape}")

    def _check_targets(self) -> None:
        if self.task == "regression":
            if self.class_names is not None:
                raise ValueError("class_names: the values of regression are of no class")
            self.y = target_values("y", self.y, len(self))
            return
        if are_names(self.y):
            self.y, self.class_names = encode_labels(self.y, self.class_names)
        self.y = class_numbers("y", self.y, len(self), self.num_classes or MAX_CLASSES)
        if self.class_names is None:
            self.class_names = tuple(map(str, range(int(self.y.max()) + 1)))

    def __len__(self) -> int:
        return len(self.X)

    @property
    def input_shape(self) -> Shape:
        """The shape of one example."""
        return self.X.shape[1:]

    @property
    def num_classes(self) -> int | None:
        """The number of classes; None for a set without."""
        return None if self.class_names is None else len(self.class_names)

    @property
    def num_targets(self) -> int:
        """How many values of regression an example has; 0 without any."""
        return 0 if self.y is None or self.task != "regression" else 1 if self.y.ndim == 1 else self.y.shape[1]

    @property
    def target_name(self) -> str | None:
        """The column that `y` was, where it was one."""
        return self.target_names[0] if self.target_names is not None and len(self.target_names) == 1 else None

    def take(self, indices: ArrayLike) -> Dataset:
        """The rows at `indices` (an integer array, or a boolean one of N values) as a new Dataset of copies."""
        indices = np.asarray(indices)
        y = None if self.y is None else self.y[indices]
        return replace(self, X=self.X[indices], y=y, ids=None if self.ids is None else self.ids[indices])


def stored(name: str, X: Any) -> Array:
    """`X` as an array of one of the `STORED_DTYPES`: the smallest that holds its numbers, copied only where it must."""
    X = as_data(name, X)
    native = X.dtype.newbyteorder("=")
    if native in STORED_DTYPES:
        return X.astype(native, copy=False)
    if X.ndim > 2 and X.size and X.dtype.kind in "iu" and X.min() >= 0 and X.max() <= 255:
        return X.astype(np.uint8)  # images
    return X.astype(np.float32 if X.dtype.itemsize <= 2 else np.float64)


def _names(name: str, value: Any) -> tuple[str, ...] | None:
    """`value` as a tuple of strings, or None."""
    if value is None:
        return None
    if not isinstance(value, (tuple, list)) or not value or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{name}: expected a tuple of at least one string, got {describe(value)}")
    return tuple(value)


def split(dataset: Dataset, fraction: float, seed: int, stratify: bool = True) -> tuple[Dataset, Dataset]:
    """Part a data set in two at random, by default keeping the proportions of the classes.

    Parameters
    ----------
    dataset : Dataset
    fraction : float
        The part held out, between 0 and 1.
    seed : int
        The same seed gives the same split.
    stratify : bool, default True
        Hold out the same fraction of every class, as near as whole rows allow. Every class keeps at least one row in
        the first part. Data without classes are split without regard to them.

    Returns
    -------
    rest, held_out : Dataset
        Rows in their original order. ``held_out`` has ``round(fraction * N)`` rows, fewer only where classes would
        otherwise lose their last row.

    Raises
    ------
    ValueError
        For a fraction outside (0, 1), a negative seed, or where one of the parts would be empty.
    """
    labels = dataset.y if stratify and dataset.task == "classification" else None
    held = held_out(len(dataset), labels, fraction, seed)
    return dataset.take(~held), dataset.take(held)


def held_out(rows: int, labels: Array | None, fraction: float, seed: int) -> Array:
    """Which of so many rows `split` holds out, as booleans: with labels, the same fraction of every class."""
    fraction = number("fraction", fraction, 0, 1, include_low=False, include_high=False)
    rng = np.random.default_rng(integer("seed", seed, low=0))
    every = np.zeros(rows) if labels is None else labels
    groups = [np.flatnonzero(every == label) for label in np.unique(every)]
    sizes = np.array([len(group) for group in groups])
    # Rounded down, which leaves at least one row of each; then one more of the groups that the rounding cost most.
    shares = fraction * sizes
    counts = shares.astype(np.int64)
    missing = round(fraction * rows) - counts.sum()
    open_groups = [group for group in np.argsort(counts - shares, kind="stable") if counts[group] < sizes[group] - 1]
    counts[open_groups[:missing]] += 1
    if counts.sum() == 0:
        raise ValueError(
            f"fraction: too few rows to hold out {fraction:g} of them: {rows}"
            + (f" in {len(groups)} class(es), each of which keeps at least one" if labels is not None else "")
        )
    held = np.zeros(rows, dtype=bool)
    for group, count in zip(groups, counts, strict=True):
        held[rng.permutation(group)[:count]] = True
    return held


@dataclass(eq=False)
class Standardizer:
    """``(X - mean) / scale``, with the mean and the scale learned from training data.

    What is computed is ``(X - mean) * (1 / scale)``, in float64. A network whose `standardizer` it is does that to
    every batch on its way in.

    Attributes
    ----------
    mean : float64 ndarray of the shape of one example
    scale : float64 ndarray of the same shape, or of shape ()
        Finite and above zero.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not numbers, do not fit together, are not finite, or a scale that is not above zero.
    """

    mean: FloatArray
    scale: FloatArray

    if TYPE_CHECKING:  # what becomes these is taken too

        def __init__(self, mean: ArrayLike, scale: ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        self.mean = float_array("mean", self.mean, np.float64)
        self.scale = float_array("scale", self.scale, np.float64)
        if self.scale.shape not in ((), self.mean.shape):
            raise ValueError(f"scale: expected shape () or {self.mean.shape}, that of the mean; got {self.scale.shape}")
        if not np.isfinite(self.mean).all():
            raise ValueError("mean: every value must be finite")
        if not (np.isfinite(self.scale) & (self.scale >= SMALLEST_SCALE)).all():
            raise ValueError("scale: every value must be finite and above zero, where float64 has its reciprocal")

    @property
    def inv_scale(self) -> FloatArray:
        """1 / scale."""
        return 1 / self.scale

    @classmethod
    def fit(cls, X: ArrayLike, left_out: ArrayLike | None = None) -> Standardizer:
        """Learn the mean and the scale of `X`.

        Images (uint8, or more than two axes) get a mean for each pixel and one standard deviation for all: the root
        of the mean square of what remains when the mean is taken away. Tables get a mean and a standard deviation for
        each column. What never varies has scale 1. The sums are float64, taken over a few rows at a time.

        Parameters
        ----------
        X : ndarray of shape (N, *shape), numeric
        left_out : ndarray of int64, optional
            Rows that nothing is learnt from.

        Returns
        -------
        Standardizer

        Raises
        ------
        TypeError, ValueError
            For arrays without rows, that are not numeric, or that hold NaN or infinity (the message names the row).
        """
        X = as_data("X", X)
        if X.ndim < 2 or X.size == 0:
            raise ValueError(f"X: expected at least one row of at least one value, got shape {X.shape}")
        all_finite("X", X)
        rows = _Kept(X, left_out)
        if not len(rows):
            raise ValueError("left_out: expected at least one row that is learnt from")
        low, high = rows.extremes()
        if X.ndim == 2 and len(rows) > 1:
            _refuse_collapsed(low, high)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below, by name
            mean = sum(part.sum(axis=0, dtype=np.float64) for part in rows) / len(rows)
            # Rounding could leave a constant value a hair off its mean, and so a tiny scale that blows it up.
            mean = np.where(low == high, low, mean)
            squares = sum(np.square(part - mean).sum(axis=0) for part in rows)
            variance = squares.mean() / len(rows) if X.ndim > 2 or X.dtype == np.uint8 else squares / len(rows)
        if not np.isfinite(variance).all():
            raise ValueError("X: the values are too large for their standard deviation to be computed")
        scale = np.sqrt(variance)
        return cls(mean, np.where(scale < SMALLEST_SCALE, 1.0, scale))

    def apply(self, X: ArrayLike, dtype: DTypeLike = np.float32) -> FloatArray:
        """Standardise examples of the shape that was fitted.

        Parameters
        ----------
        X : ndarray of shape (N, *mean.shape), numeric
        dtype : float32 (default) or float64

        Returns
        -------
        ndarray of the shape of `X` and of `dtype`
            A new array; computed in float64, a few rows at a time.

        Raises
        ------
        TypeError, ValueError
            For examples of another shape, NaN or infinity in `X`, or a result too large for `dtype`.
        """
        X = as_data("X", X)
        if X.ndim == 0 or X.shape[1:] != self.mean.shape:
            wanted = ", ".join(map(str, ("N", *self.mean.shape)))
            raise ValueError(f"X: expected shape ({wanted}), as in the data this was fitted on; got {X.shape}")
        out = np.empty(X.shape, dtype=float_dtype(dtype))
        if not out.size:
            return out
        all_finite("X", X)
        self.write(X, out)  # what overflows is refused below, by row
        if X.dtype != np.uint8:
            all_finite("standardised X", out)
        return out

    def check(self, name: str, X: Array, dtype: DTypeLike) -> None:
        """Refuse what is not finite, or would not be once standardised to `dtype`; without a copy of all of `X`.

        Examples may have any shape of as many values as the mean.
        """
        if not len(X):
            return
        X = X.reshape(len(X), *self.mean.shape)
        lowest_and_highest = np.stack(extremes(X))  # which they still are once standardised
        out = np.empty(lowest_and_highest.shape, dtype)
        self.write(lowest_and_highest, out)
        if not np.isfinite(out).all():
            all_finite(name, X)
            for place, rows in enumerate(pieces(X, 4096)):
                out = np.empty(rows.shape, dtype)
                self.write(rows, out)
                all_finite(f"standardised {name}", out, first=4096 * place)

    def write(self, X: Array, out: Array) -> None:
        """What `apply` gives, without its checks: into `out`, a float array of the shape of `X`, which may be `X`."""
        with np.errstate(over="ignore", invalid="ignore"):
            for source, target in zip(_slabs(X), _slabs(out), strict=True):
                part = source - self.mean
                part *= self.inv_scale
                target[...] = part

    def to_arrays(self) -> dict[str, FloatArray]:
        """The two arrays as ``{"mean": ..., "scale": ...}``, for saving."""
        return {"mean": self.mean, "scale": self.scale}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike]) -> Standardizer:
        """The inverse of `to_arrays`; ValueError where an array is missing or not usable."""
        missing = [name for name in ("mean", "scale") if name not in arrays]
        if missing:
            raise ValueError(f"arrays: expected mean and scale, missing {' and '.join(missing)}")
        return cls(arrays["mean"], arrays["scale"])


def _slabs(X: Array) -> Iterator[Array]:
    """Views of a few rows each, small enough that a float64 copy of one stays in the cache."""
    rows = max(1, 65536 // math.prod(X.shape[1:]))
    return pieces(X, rows)


class _Kept:
    """The rows of an array but some, in slabs; how many there are, and what lies at their ends."""

    def __init__(self, X: Array, left_out: Any = None) -> None:
        self._X = X
        self._left_out = np.zeros(0, np.int64) if left_out is None else np.unique(np.asarray(left_out, np.int64))
        if len(self._left_out) and not 0 <= self._left_out[0] <= self._left_out[-1] < len(X):
            raise ValueError(f"left_out: expected numbers of rows from 0 to {len(X) - 1}")

    def __len__(self) -> int:
        return len(self._X) - len(self._left_out)

    def __iter__(self) -> Iterator[Array]:
        start = 0
        for part in _slabs(self._X):
            first, last = np.searchsorted(self._left_out, (start, start + len(part)))
            absent = self._left_out[first:last] - start
            start += len(part)
            yield np.delete(part, absent, axis=0) if len(absent) else part

    def extremes(self) -> tuple[Array, Array]:
        """As `_mapped.extremes`."""
        if not len(self._left_out):
            return extremes(self._X)
        ends = [(part.min(axis=0), part.max(axis=0)) for part in self if len(part)]
        return np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)


def _refuse_collapsed(low: Array, high: Array) -> None:
    """ValueError for a column of numbers so large that float64 rounds away how they differ, by its ends."""
    low, high = low.astype(np.float64), high.astype(np.float64)
    spacing = np.spacing(np.maximum(np.abs(low), np.abs(high)))
    collapsed = (spacing > 1) & (high - low < spacing * 2**24)
    if collapsed.any():
        column = int(np.argmax(collapsed))
        raise ValueError(
            f"X: column {column}: holds numbers from {low[column]:.17g} to {high[column]:.17g}, which float64 cannot "
            f"tell apart; take the smallest away from them first"
        )
