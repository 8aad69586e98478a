"""What examples are labelled with: classes or, for regression, values, and how values are standardised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import all_finite, as_data, boolean, example_weights, float_array, one_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numbanet._types import Array, ArrayLike, FloatArray, Task


TASKS = ("classification", "regression")
SMALLEST_SCALE = np.finfo(np.float64).tiny  # of smaller numbers float64 has no reciprocal
_ARRAYS = ("mean", "scale", "lowest", "highest")


def check_task(task: Any) -> Task | None:
    """`task`, where it is one that there is, or None; ValueError for anything else."""
    return None if task is None else one_of("task", task, TASKS)


def target_values(name: str, y: Any, count: int | None = None) -> FloatArray:
    """`y` as the finite values of `count` examples: a float64 array of shape (N,), or (N, M) of several targets."""
    y = as_data(name, y, "values are numbers")
    if y.ndim not in (1, 2) or y.size == 0 or count not in (None, len(y)):
        rows = "N" if count is None else count
        raise ValueError(f"{name}: expected a value for each example, shape ({rows},), or ({rows}, M); got {y.shape}")
    all_finite(name, y, np.float64)
    return y.astype(np.float64, copy=False)


@dataclass(eq=False)
class TargetScaler:
    """``(y - mean) / scale`` of the targets of regression, and the way back; all in float64.

    A network whose `target_scaler` it is takes and gives values in their own units, and learns standardised ones.

    Attributes
    ----------
    mean, scale : float64 ndarray, shape (M,)
        Of each target; the scale is finite and above zero.
    lowest, highest : float64 ndarray, shape (M,)
        Between which what is put back is kept: by default -inf and inf.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not numbers, do not fit together or are not finite, a scale that is not above zero, and a
        `lowest` above its `highest`.
    """

    mean: FloatArray
    scale: FloatArray
    lowest: FloatArray
    highest: FloatArray

    def __init__(
        self, mean: ArrayLike, scale: ArrayLike, lowest: ArrayLike | None = None, highest: ArrayLike | None = None
    ) -> None:
        self.mean = np.atleast_1d(float_array("mean", mean, np.float64))
        shape = self.mean.shape
        given = (scale, -np.inf if lowest is None else lowest, np.inf if highest is None else highest)
        for name, value in zip(_ARRAYS[1:], given, strict=True):
            array = float_array(name, value, np.float64)
            if array.shape not in ((), shape):
                raise ValueError(f"{name}: expected shape () or {shape}, that of the mean; got {array.shape}")
            setattr(self, name, np.array(np.broadcast_to(array, shape)))
        if self.mean.ndim != 1 or not np.isfinite(self.mean).all():
            raise ValueError(f"mean: expected finite numbers, shape (M,), got shape {shape}")
        if not (np.isfinite(self.scale) & (self.scale >= SMALLEST_SCALE)).all():
            raise ValueError("scale: every value must be finite and above zero, where float64 has its reciprocal")
        if not (self.lowest <= self.highest).all():
            raise ValueError("lowest: every value must be at most its highest")

    @classmethod
    def fit(cls, y: ArrayLike, clamp: bool = False, sample_weight: ArrayLike | None = None) -> TargetScaler:
        """Learn the mean and the standard deviation of each target; of one that never varies the scale is 1.

        Parameters
        ----------
        y : ndarray of shape (N,) or (N, M), numeric
        clamp : bool, default False
            Whether what is put back is kept between the lowest and the highest value seen here.
        sample_weight : array-like, shape (N,), optional
            How much each example counts; those of weight 0 are as if they were not there.

        Raises
        ------
        TypeError, ValueError
            For other shapes, NaN and infinity (the message names the row), and values too large for their spread.
        """
        y = target_values("y", y)
        y, weights = y.reshape(len(y), -1), None
        if sample_weight is not None:
            weights = example_weights("sample_weight", sample_weight, len(y), np.float64)
            y, weights = y[weights > 0], weights[weights > 0]
        low, high = y.min(axis=0), y.max(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            # Rounding could leave a constant value a hair off its mean, and so a tiny scale that blows it up.
            mean = np.where(low == high, low, np.average(y, axis=0, weights=weights))
            scale = np.sqrt(np.average(np.square(y - mean), axis=0, weights=weights))
        if not np.isfinite(scale).all():
            raise ValueError("y: the values are too large for their standard deviation to be computed")
        scale = np.where(scale < SMALLEST_SCALE, 1.0, scale)
        return cls(mean, scale, *((low, high) if boolean("clamp", clamp) else ()))

    def apply(self, y: ArrayLike) -> FloatArray:
        """Standardise targets of shape (N, M), or (N,) where M is 1: float64, of the shape of `y`."""
        y = self._targets("y", y)
        return ((y.reshape(len(y), -1) - self.mean) / self.scale).reshape(y.shape)

    def restore(self, values: ArrayLike, clamp: bool = True) -> FloatArray:
        """Put standardised values back into the targets' own units and, with `clamp`, between `lowest` and `highest`.

        float64, of the shape of `values`, (N, M), or (N,) where M is 1.
        """
        values = self._targets("values", values)
        own = values.reshape(len(values), -1) * self.scale + self.mean
        return (np.clip(own, self.lowest, self.highest) if clamp else own).reshape(values.shape)

    def _targets(self, name: str, y: Any) -> Array:
        y, outputs = as_data(name, y, "values are numbers"), len(self.mean)
        if y.shape[1:] != (outputs,) and (y.ndim != 1 or outputs != 1):
            wanted = "(N,)" if outputs == 1 else f"(N, {outputs})"
            raise ValueError(f"{name}: expected shape {wanted}, as in the targets this was fitted on; got {y.shape}")
        return y

    def to_arrays(self) -> dict[str, FloatArray]:
        """The four arrays by their names, for saving."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike]) -> TargetScaler:
        """The inverse of `to_arrays`; ValueError where an array is missing or not usable."""
        missing = [name for name in _ARRAYS if name not in arrays]
        if missing:
            raise ValueError(f"arrays: expected {', '.join(_ARRAYS)}, missing {' and '.join(missing)}")
        return cls(*(arrays[name] for name in _ARRAYS))
