"""A batch's examples on their way from the data into a network.

X (N, D) of any dtype, rows int64 (M,) and out (M, D). Parallel over the rows of the batch; each is written by itself.
"""

import numpy as np
from numba import prange

from ..runtime.dispatch import kernel


@kernel(lambda X, rows, out: 0.1 * out.size)
def gather(X, rows, out):
    """``out = X[rows]``."""
    for i in prange(rows.size):
        row = X[rows[i]]
        for j in range(out.shape[1]):
            out[i, j] = row[j]


@kernel(lambda X, rows, mean, inv_scale, out: 0.3 * out.size)
def gather_standardized(X, rows, mean, inv_scale, out):
    """``out = (X[rows] - mean) * inv_scale``, in float64 until the result: with mean and inv_scale float64 (D,).

    Rounded to float32 any sooner, what lies far from zero, such as a time, would lose its digits with the mean.
    """
    for i in prange(rows.size):
        row = X[rows[i]]
        for j in range(out.shape[1]):
            out[i, j] = (np.float64(row[j]) - mean[j]) * inv_scale[j]


def _sparse_nanoseconds(data, rows, indices, indptr, out):
    return 0.1 * out.size + 1.5 * rows.size * data.size / len(indptr)


@kernel(_sparse_nanoseconds)
def gather_sparse(data, rows, indices, indptr, out):
    """``out = X[rows]`` of a sparse X, as `numbanet.data.sparse.SparseRows` has it."""
    for i in prange(rows.size):
        row, target = rows[i], out[i]
        for j in range(target.size):
            target[j] = 0
        for k in range(indptr[row], indptr[row + 1]):
            target[indices[k]] += data[k]


@kernel(lambda X, largest, out, bad: 0.1 * out.size)
def copy(X, largest, out, bad):
    """``out = X``, both (N, D) floats; `bad`, uint8 (N,), marks rows with what then is above `largest`, or NaN.

    The look costs nothing: what is copied comes from memory. `X` may be `out`.
    """
    for i in prange(out.shape[0]):
        source, target, found = X[i], out[i], np.int32(0)
        for j in range(target.size):
            value = source[j]
            target[j] = value
            found |= np.int32(not abs(value) <= largest)
        bad[i] = found
