"""Sparse examples: SciPy's matrices, made dense by the batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import as_data

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array, DTypeLike, Shape


class SparseRows:
    """The rows of a sparse matrix, which look like an array of numbers that only Python can read.

    Rows that are asked for come as a dense array, so that memory is needed for a batch of them alone.

    Parameters
    ----------
    X : scipy.sparse matrix or array, shape (N, D)
        Any with `tocsr`.
    dtype : float32 or float64

    Attributes
    ----------
    values : ndarray
        What is stored.
    shape, dtype, ndim, size, flags
        As of an array.
    """

    ndim = 2
    flags = SimpleNamespace(aligned=False, c_contiguous=False, carray=False)

    def __init__(self, X: Any, dtype: DTypeLike) -> None:
        self._rows = X.tocsr()
        if self._rows.dtype != dtype:
            self._rows = self._rows.astype(dtype)
        self.values: Array = self._rows.data
        self.shape: Shape = self._rows.shape
        self.dtype, self.size = np.dtype(dtype), self.shape[0] * self.shape[1]

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
        return SparseRows(X, dtype)
    return X if isinstance(X, SparseRows) else as_data(name, X)
