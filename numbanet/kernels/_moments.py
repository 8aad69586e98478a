"""Sums over pieces of the rows, and moments joined, for normalisations; x (N, D).

The sums of a piece are taken by one thread, or of a range of its columns; those of all pieces are added up in order.

Numbers far from zero are summed by how far they are from the first, the *shift*. So what is the same everywhere is its
own mean exactly, and centred it is 0, whatever its size and number.
"""

import numpy as np
from numba import prange

from ..runtime.compiling import inlined, serial
from ..runtime.dispatch import workers
from ._gemm import column_range
from .simd.scratch import shared_array

NORM_FORWARD_NS, NORM_BACKWARD_NS = 0.18, 0.22  # nanoseconds an element takes on one core
PIECES, PIECE_ELEMENTS = 16, 2**15  # the most pieces of the rows; the fewest elements of one
SUMS_BYTES = 2**17  # for the sums of pieces
LOOKED_AT, FAR = 4, 4  # numbers; how many times as far from zero as from each other they are for a shift to serve

piece_sums = shared_array(lambda itemsize: (SUMS_BYTES // itemsize,))


@serial
def most_pieces(features, like):
    """As many as have their two sums in the scratch."""
    return max(SUMS_BYTES // (2 * features * like.itemsize), 1)


@serial
def piece_size(x):
    """Rows of a piece: at least PIECE_ELEMENTS elements."""
    n, d = x.shape
    pieces = max(min(PIECES, most_pieces(d, x), n * d // PIECE_ELEMENTS), 1)
    return (n + pieces - 1) // pieces


@serial
def shift_of(first, spread, like):
    """The shift of numbers of which `first` is one, and others that were looked at are up to `spread` from it.

    0 where they are near 0, of whose sums the first would take more digits than it gives, and where one is infinite.
    """
    size, real = abs(first), like.dtype.type
    return first if size > real(FAR) * spread and size < real(np.inf) else real(0)


@serial
def column_shifts(x, columns, spread, shift):
    """The shift of each of some columns; `spread` is as long, and holds anything."""
    first = x[0][columns]
    for j in range(shift.size):
        spread[j] = 0
    for i in range(1, min(LOOKED_AT, len(x))):
        row = x[i][columns]
        for j in range(shift.size):
            spread[j] = max(spread[j], abs(row[j] - first[j]))
    for j in range(shift.size):
        shift[j] = shift_of(first[j], spread[j], x)


@serial
def sums_of(piece, first, second, others):
    """Where the two sums of a piece go: those of the first into `first` and `second`."""
    d = first.size
    if piece == 0:
        return first, second
    start = (piece - 1) * 2 * d
    return others[start : start + d], others[start + d : start + 2 * d]


@serial
def add(values, sums):
    for c in range(sums.size):
        sums[c] += values[c]


@serial
def _add_columns(pieces, first, second, others, columns):
    its_first, its_second = first[columns], second[columns]
    for piece in range(1, pieces):
        more, more_of_second = sums_of(piece, first, second, others)
        add(more[columns], its_first)
        add(more_of_second[columns], its_second)


@inlined
def add_sums(pieces, first, second, others):
    """Those of the other pieces to those of the first: a range of the columns for each thread."""
    if pieces > 1:
        blocks = workers()
        for block in prange(blocks):
            _add_columns(pieces, first, second, others, column_range(first, np.int64(block), blocks))


@serial
def join_moments(total, squares, before, more_total, more_squares, count):
    """The moments of `before` and of `count` more rows together, into those of the first; of one shift."""
    real = total.dtype.type
    inv_before, inv_count = real(1) / real(before), real(1) / real(count)
    weight = real(before) * real(count) / real(before + count)
    for j in range(total.size):
        apart = more_total[j] * inv_count - total[j] * inv_before
        squares[j] += more_squares[j] + apart * weight * apart
        total[j] += more_total[j]
