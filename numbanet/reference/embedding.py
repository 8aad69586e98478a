"""Embeddings of numbers and of categories: the specification. N examples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import Array


def _angles(x: Array, frequency: Array, phase: Array) -> Array:
    """Shape (N, D, F)."""
    return np.asarray(2 * math.pi, x.dtype) * x[:, :, None] * frequency + phase


def periodic_forward(x: Array, frequency: Array, phase: Array, v: Array, c: Array, out: Array) -> None:
    """Periodic embedding of D numbers: of each, L linear units of its F cosines, and maybe the number itself.

    ``out[n, d, l] = c[d, l] + Σ_f v[d, f, l] cos(2π x[n, d] frequency[d, f] + phase[d, f])``, and
    ``out[n, d, L] = x[n, d]`` where there is room for it.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    frequency, phase : ndarray, shape (D, F)
    v : ndarray, shape (D, F, L)
    c : ndarray, shape (D, L)
    out : ndarray, shape (N, D U)
        Written; U is L, or L + 1 with the number itself, the last of each U.

    Notes
    -----
    Source: PBLD of RealMLP (Holzmüller, Grinsztajn and Steinwart, arXiv:2407.04491, section 3.3), after the PLR
    embeddings of Gorishniy, Rubachev and Babenko, arXiv:2203.05556, which have sines in the place of phases. In theirs
    the numbers themselves come last of all.
    """
    units = out.reshape(*x.shape, -1)
    linear = v.shape[2]
    units[:, :, :linear] = np.einsum("ndf,dfl->ndl", np.cos(_angles(x, frequency, phase)), v) + c
    units[:, :, linear:] = x[:, :, None]


def periodic_backward(
    dout: Array,
    x: Array,
    frequency: Array,
    phase: Array,
    v: Array,
    dx: Array,
    dfrequency: Array,
    dphase: Array,
    dv: Array,
    dc: Array,
) -> None:
    """Gradients of `periodic_forward`.

    With z, the angles: ``dz = -sin(z) Σ_l v dout``; ``dphase = Σₙ dz``, ``dfrequency = 2π Σₙ dz x``,
    ``dx = 2π Σ_f dz frequency``, ``dv = Σₙ cos(z) dout``, ``dc = Σₙ dout``.

    Parameters
    ----------
    dout : ndarray, shape (N, D U)
    x : ndarray, shape (N, D)
    frequency, phase : ndarray, shape (D, F)
    v : ndarray, shape (D, F, L)
    dx : ndarray, shape (N, D), or (0, D)
        Written; the empty one says that the input gradient is not wanted.
    dfrequency, dphase, dv, dc : ndarray
        Written, of the shapes of the parameters.
    """
    units, linear = dout.reshape(*x.shape, -1), v.shape[2]
    direct, dout = units[:, :, linear:], units[:, :, :linear]
    angles = _angles(x, frequency, phase)
    dz = -np.sin(angles) * np.einsum("ndl,dfl->ndf", dout, v)
    turn = np.asarray(2 * math.pi, x.dtype)
    dfrequency[...] = turn * np.einsum("ndf,nd->df", dz, x)
    dphase[...] = dz.sum(axis=0)
    dv[...] = np.einsum("ndf,ndl->dfl", np.cos(angles), dout)
    dc[...] = dout.sum(axis=0)
    if len(dx):
        dx[...] = turn * np.einsum("ndf,df->nd", dz, frequency) + direct.sum(axis=2)


def _rows(codes: Array, starts: Array) -> tuple[Array, Array]:
    """The row of the table for each code, and whether the code is one of its column's."""
    known = (codes >= 0) & (codes < np.diff(starts)) & (codes == np.floor(codes))
    return np.where(known, codes, 0).astype(np.int64) + starts[:-1], known


def embedding_forward(codes: Array, starts: Array, table: Array, out: Array) -> None:
    """Rows of a table in the place of codes: ``out[n, k] = table[starts[k] + codes[n, k]]``.

    Parameters
    ----------
    codes : ndarray, shape (N, K)
        Floats: whole numbers, in column k from 0 to ``starts[k + 1] - starts[k] - 1``. What is none of these, NaN among
        it, has an embedding of NaN.
    starts : ndarray of int64, shape (K + 1,)
        The first row of each column's part of the table, from 0, and the number of all rows.
    table : ndarray, shape (B, U)
    out : ndarray, shape (N, K U)
        Written.

    Notes
    -----
    Source: Guo and Berkhahn, "Entity Embeddings of Categorical Variables", arXiv:1604.06737. It is the product of the
    one-hot codes and a matrix.
    """
    rows, known = _rows(codes, starts)
    out[...] = np.where(known[:, :, None], table[rows], np.asarray(np.nan, table.dtype)).reshape(out.shape)


def embedding_backward(dout: Array, codes: Array, starts: Array, dx: Array, dtable: Array) -> None:
    """Gradients of `embedding_forward`: each row of the table adds up those of the examples that took it.

    Parameters
    ----------
    dout : ndarray, shape (N, K U)
    codes : ndarray, shape (N, K)
    starts : ndarray of int64, shape (K + 1,)
    dx : ndarray, shape (N, K), or (0, K)
        Written: 0, since codes have no gradient; the empty one says that it is not wanted.
    dtable : ndarray, shape (B, U)
        Written.
    """
    rows, known = _rows(codes, starts)
    dtable[...] = 0
    np.add.at(dtable, rows[known], dout.reshape(*codes.shape, -1)[known])
    dx[...] = 0
