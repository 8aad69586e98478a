"""Sparse examples: SciPy's matrices, made dense by the batch, in compiled steps too. SciPy itself is not imported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import as_data

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array, DTypeLike, Shape


class SparseRows:
    """The rows of a sparse matrix, which look like an array of numbers.

    Rows that are asked for come as a dense array, so that memory is needed for a batch of them alone; compiled steps
    read what is stored (`kernels._gather.gather_sparse`).

    Parameters
    ----------
    name : str
        What messages call it.
    X : scipy.sparse matrix or array, shape (N, D)
        Any with `tocsr`.
    dtype : float32 or float64

    Raises
    ------
    TypeError, ValueError
        Where it does not hold real numbers, or points out of itself.

    Attributes
    ----------
    data, indices, indptr : ndarray
        What is stored, row by row: row i has the numbers ``data[k]`` in the columns ``indices[k]``, for k from
        ``indptr[i]`` to ``indptr[i + 1]``; where a column comes twice, they are added up.
    shape, dtype, ndim, size, flags
        As of an array.
    """

    ndim = 2
    flags = SimpleNamespace(aligned=False, c_contiguous=False, carray=False)

    def __init__(self, name: str, X: Any, dtype: DTypeLike) -> None:
        if np.dtype(X.dtype).kind not in "biuf" or np.dtype(X.dtype).itemsize > 8:
            raise TypeError(f"{name}: expected a matrix of real numbers, got dtype {X.dtype}")
        given = X.tocsr()
        self.shape: Shape = given.shape
        self.dtype, self.size = np.dtype(dtype), self.shape[0] * self.shape[1]
        with np.errstate(over="ignore"):  # what is infinite then is refused where values are looked at
            self.data: Array = np.ascontiguousarray(given.data, dtype)
        self.indices, self.indptr = np.ascontiguousarray(given.indices), np.ascontiguousarray(given.indptr)
        self._check(name)
        # Not by its `astype`, which sorts the caller's own.
        self._rows = type(given)((self.data, self.indices, self.indptr), shape=self.shape)

    def _check(self, name: str) -> None:
        """Refuse what points out of the matrix: SciPy does not look at it, nor do kernels."""
        count, columns = self.shape
        starts, stored = self.indptr, min(len(self.data), len(self.indices))
        if len(starts) != count + 1 or starts[0] != 0 or (np.diff(starts) < 0).any() or starts[-1] > stored:
            raise ValueError(f"{name}: the matrix is damaged: indptr does not divide its {stored} numbers into rows")
        used = self.indices[: starts[-1]]
        if used.size and not 0 <= used.min() <= used.max() < columns:
            found = f"it has columns {used.min()} to {used.max()}, and the shape {self.shape}"
            raise ValueError(f"{name}: the matrix is damaged: {found}")

    @property
    def is_finite(self) -> bool:
        """Whether no number is NaN or infinite, nor any sum of those in one place."""
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isfinite(np.abs(self.data).sum(dtype=np.float64)))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        return self._rows[rows].toarray()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self._rows.toarray().astype(dtype or self.dtype, copy=False)

    def view(self) -> SparseRows:
        """Itself: nobody writes into it."""
        return self

    def reshape(self, *shape: Any) -> Array:
        """All rows as a dense array of that shape."""
        return np.asarray(self).reshape(*shape)

    def min(self) -> float:
        """The smallest number, zeros among them."""
        return float(self._rows.min())

    def max(self) -> float:
        """The largest number, zeros among them."""
        return float(self._rows.max())


def as_examples(name: str, X: Any, dtype: DTypeLike) -> Any:
    """`X` as an array of numbers, or as `SparseRows` where it is sparse."""
    if hasattr(X, "tocsr"):
        return SparseRows(name, X, dtype)
    return X if isinstance(X, SparseRows) else as_data(name, X)
