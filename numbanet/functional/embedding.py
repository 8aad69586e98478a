"""Embeddings of numbers by cosines, and of categories by rows of a table: N examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import kernels
from .._checks import boolean, common_dtype, describe, integer, sequence
from ._prepare import Cache, array, open_cache, run

__all__ = ["embedding_backward", "embedding_forward", "periodic_backward", "periodic_forward"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import ArrayLike, FloatArray, Ops, Shape


@dataclass(frozen=True, eq=False)
class _EmbeddingCache(Cache):
    """Of `embedding_forward`, with the shape of its table."""

    table_shape: Shape


def periodic_forward(
    x: ArrayLike,
    frequency: ArrayLike,
    phase: ArrayLike,
    v: ArrayLike,
    c: ArrayLike,
    *,
    dense: bool = True,
    ops: Ops = kernels,
) -> tuple[FloatArray, Cache]:
    """Periodic embedding of numbers: of each, linear units of its cosines ``cos(2π frequency x + phase)``.

    Parameters
    ----------
    x : array_like, shape (N, D)
    frequency, phase : array_like, shape (D, F)
    v : array_like, shape (D, F, L)
    c : array_like, shape (D, L)
    dense : bool
        Whether the number itself is one unit more, the last.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, D U)
        U is L, or L + 1 where it is `dense`; float32 where all arrays are float32 or half, float64 otherwise.
    cache : Cache
        For `periodic_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other; the message names the argument.

    See `numbanet.reference.periodic_forward` for the formula and its source.
    """
    dtype = common_dtype(x=x, frequency=frequency, phase=phase, v=v, c=c)
    x = array("x", x, dtype, (None, None))
    frequency = array("frequency", frequency, dtype, (x.shape[1], None))
    phase = array("phase", phase, dtype, frequency.shape)
    v = array("v", v, dtype, (*frequency.shape, None))
    c = array("c", c, dtype, (x.shape[1], v.shape[2]))
    out = np.empty((len(x), x.shape[1] * (v.shape[2] + boolean("dense", dense))), dtype)
    run(ops, "periodic_forward", x, frequency, phase, v, c, out)
    return out, Cache("periodic_backward", ops, x.shape, out.shape, x.dtype, (x, frequency, phase, v))


def periodic_backward(
    dout: ArrayLike, cache: Cache
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Gradients of `periodic_forward`.

    Parameters
    ----------
    dout : array_like, shape (N, D U)
    cache : Cache
        What `periodic_forward` returned.

    Returns
    -------
    dx, dfrequency, dphase, dv, dc : ndarray
        Of the shapes of the inputs, and the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.periodic_backward` for the formulas.
    """
    dout = open_cache("periodic_backward", dout, cache)
    x, frequency, phase, v = map(np.empty_like, cache.arguments)
    gradients = x, frequency, phase, v, np.empty((len(v), v.shape[2]), v.dtype)
    cache.run(dout, *gradients)
    return gradients


def embedding_forward(
    codes: ArrayLike, table: ArrayLike, *, sizes: Sequence[int] | None = None, ops: Ops = kernels
) -> tuple[FloatArray, Cache]:
    """Rows of a table in the place of codes.

    Parameters
    ----------
    codes : array_like, shape (N, K)
        Whole numbers: in column k from 0 to ``sizes[k] - 1``.
    table : array_like, shape (B, U)
        The rows of the first column's codes, then those of the second's, and so on.
    sizes : list of int, optional
        How many codes each column has, B in all; by default those of a single column.
    ops : module
        `numbanet.kernels` or `numbanet.reference`.

    Returns
    -------
    out : ndarray, shape (N, K U)
        float32 where codes and table are float32 or half, float64 otherwise.
    cache : Cache
        For `embedding_backward`.

    Raises
    ------
    TypeError, ValueError
        For arrays that are not of real numbers, are empty, or do not fit each other, and for a code that is none of
        its column's; the message names the argument.

    See `numbanet.reference.embedding_forward` for the source.
    """
    dtype = common_dtype(codes=codes, table=table)
    codes = array("codes", codes, dtype, (None, None))
    table = array("table", table, dtype, (None, None))
    sizes = [len(table)] if sizes is None else sequence("sizes", sizes, "integers, one for each column of codes")
    sizes = [integer("sizes", size, 1) for size in sizes]
    if len(sizes) != codes.shape[1]:
        raise ValueError(f"codes: expected shape (N, {len(sizes)}), a column for each of sizes, got {codes.shape}")
    if sum(sizes) != len(table):
        raise ValueError(f"table: expected shape ({sum(sizes)}, U), rows for all of sizes, got {table.shape}")
    known = (codes >= 0) & (codes < sizes) & (codes == np.floor(codes))
    if not known.all():
        row, column = np.argwhere(~known)[0]
        last = sizes[column] - 1
        raise ValueError(
            f"codes: expected whole numbers from 0 to {last} in column {column}, got "
            f"{describe(codes[row, column].item())} in row {row}"
        )
    out = np.empty((len(codes), codes.shape[1] * table.shape[1]), dtype)
    starts = np.cumsum([0, *sizes], dtype=np.int64)
    run(ops, "embedding_forward", codes, starts, table, out)
    return out, _EmbeddingCache("embedding_backward", ops, codes.shape, out.shape, dtype, (codes, starts), table.shape)


def embedding_backward(dout: ArrayLike, cache: Cache) -> FloatArray:
    """Gradient of the table of `embedding_forward`; codes have none.

    Parameters
    ----------
    dout : array_like, shape (N, K U)
    cache : Cache
        What `embedding_forward` returned.

    Returns
    -------
    dtable : ndarray, shape (B, U)
        Of the dtype of the forward pass.

    Raises
    ------
    TypeError, ValueError
        For a `dout` that is not of real numbers or of another shape, and for the cache of another function.

    See `numbanet.reference.embedding_backward` for the formula.
    """
    dout = open_cache("embedding_backward", dout, cache)
    assert isinstance(cache, _EmbeddingCache)  # as only `embedding_forward` makes them
    dtable = np.empty(cache.table_shape, cache.dtype)
    cache.run(dout, np.empty((0, cache.x_shape[1]), cache.dtype), dtable)
    return dtable
