"""Matrix products: the blocking round the register tile.

A product is cut into as many blocks of rows and columns as there are threads. Within a block, for each DEPTH of k and
each strip of columns, as wide as the tile, that part of b is packed into a panel on the stack, and the tiles go down
the rows of a, which are read in place by their strides, so that a and its transpose are the same to them.

Every element is a chain of fused multiply-adds for each DEPTH of k, added up in order, whatever block and tile it falls
into, so that results depend neither on the number of threads nor on the width of the CPU's vectors.
"""

import numpy as np
from numba import prange

from ..runtime.compiling import serial
from ..runtime.dispatch import kernel, workers
from .simd.micro_kernel import TILE_ROWS, VECTOR_BYTES, VECTORS, pack_columns, pack_rows, tile
from .simd.scratch import stack_array

MULTIPLY_ADD_NS, READ_NS = 0.0176, 0.04  # on one core of Zen 4
DEPTH = 256
# Rows of a that stay in the cache while all columns of b pass by. Those of AVX-512 meet twice as many at a time.
ROWS = 1024 if VECTOR_BYTES == 64 else 256
HALF_ROWS = TILE_ROWS // 2
FEW = TILE_ROWS + HALF_ROWS  # columns of c, up to which vectors go along its rows
TURNED = 128  # columns of c at a time that are computed in transposed form
WIDE, NARROW = 2 * TILE_ROWS, 4  # vectors in the tiles of a single row
LEAST_SUMS = 8  # of a tile, which keep two units of a latency of 4 cycles busy
IN_PLACE_ROWS = 2 * TILE_ROWS  # of a, up to which packing a panel takes longer than reading b by its rows
ALIASES = 2048  # bytes: what lies a multiple of them apart shares two sets of the first cache
NEAR, MARGIN = 384, 64  # bytes of rows of a that are copied at a time, and that keep these out of each other's sets

panel_array = stack_array(lambda itemsize: (DEPTH, VECTORS * VECTOR_BYTES // itemsize))
turned_array = stack_array(lambda itemsize: (TURNED, VECTORS * VECTOR_BYTES // itemsize))
near_array = stack_array(lambda itemsize: (DEPTH, (NEAR + MARGIN) // itemsize))
tile_3, tile_2, tile_1 = (tile(TILE_ROWS, vectors) for vectors in (3, 2, 1))
half_tile_3, half_tile_2, half_tile_1 = (tile(HALF_ROWS, vectors) for vectors in (3, 2, 1))
wide_row, row = tile(1, WIDE), tile(1, NARROW, in_place=True)
pack_rows_3, pack_rows_2, pack_rows_1 = (pack_rows(vectors) for vectors in (3, 2, 1))


def product_nanoseconds(a, b, *others):
    """About how long one core takes for ``a b``: the arithmetic, and reading a and b."""
    return MULTIPLY_ADD_NS * a.size * b.shape[1] + READ_NS * (a.size + b.size)


@serial
def lanes(c):
    """Elements of c in one vector."""
    return VECTOR_BYTES // c.itemsize


@serial
def _pack(b, panel, vectors):
    """Copy b (K, width), of any strides, into panel (K, vectors), zeros where it is narrower."""
    width = b.shape[1]
    if b.strides[1] == b.itemsize:
        if vectors == 3:
            pack_rows_3(b, panel, width)
        elif vectors == 2:
            pack_rows_2(b, panel, width)
        else:
            pack_rows_1(b, panel, width)
    else:
        for vector in range(vectors):
            pack_columns(b, panel, vector * lanes(panel), width)


@serial
def _tiles(a, panel, vectors, bias, onward, c, j, width, floor):
    """One strip: ``c[:, j : j + width] = max(start + a panel, floor)``, where sums start as for `tile`."""
    n = a.shape[0]
    i = 0
    while i < n:
        if n - i > HALF_ROWS:
            if vectors == 3:
                tile_3(a, i, panel, bias, onward, c, j, width, floor)
            elif vectors == 2:
                tile_2(a, i, panel, bias, onward, c, j, width, floor)
            else:
                tile_1(a, i, panel, bias, onward, c, j, width, floor)
        elif vectors == 3:
            half_tile_3(a, i, panel, bias, onward, c, j, width, floor)
        elif vectors == 2:
            half_tile_2(a, i, panel, bias, onward, c, j, width, floor)
        else:
            half_tile_1(a, i, panel, bias, onward, c, j, width, floor)
        i += TILE_ROWS


@serial
def _strip_vectors(columns, c):
    """Vectors of columns of the next strip, where `columns` are left: not 3 + 1, where 2 + 2 are more even."""
    vectors = (columns + lanes(c) - 1) // lanes(c)
    return 2 if vectors == 4 else min(vectors, VECTORS)


@serial
def _panel_of(b, panel, vectors, rows):
    """b (K, width) as the tile reads it: in place where few rows of a will, and no vector is cut short, else packed."""
    if rows <= IN_PLACE_ROWS and b.strides[1] == b.itemsize and b.shape[1] == vectors * lanes(panel):
        return b[:, : b.shape[1]]
    _pack(b, panel, vectors)
    return panel[: len(b), : vectors * lanes(panel)]


@serial
def _near(a, copy):
    """a (rows, K), whose columns are contiguous, with these closer together."""
    rows, depth = a.shape
    for k in range(depth):
        column = copy[k]
        for i in range(np.uint64(rows)):
            column[i] = a[i, k]
    return copy[:depth, :rows].T


@serial
def _product_turned(a, b, bias, c, floor):
    """`product` by tiles of the transposed c, whose vectors go along the columns of c: the columns of a are packed.

    For few columns of c, which would leave vectors empty, and where turning round the rows of a and c takes less time
    than the columns of b.
    """
    turned, panel = turned_array(c), panel_array(c)
    (n, depth), m = a.shape, b.shape[1]
    for j in range(0, m, TURNED):
        its = min(TURNED, m - j)
        i = 0
        while i < n:
            vectors = _strip_vectors(n - i, c)
            width = min(vectors * lanes(c), n - i)
            for column in range(min(its, bias.size)):
                for row in range(width):
                    turned[column, row] = bias[j + column]
            for k0 in range(0, depth, DEPTH):
                k1 = min(k0 + DEPTH, depth)
                part = _panel_of(a[i : i + width, k0:k1].T, panel, vectors, its)
                lower = floor if k1 == depth else c.dtype.type(-np.inf)
                onward = k0 > 0 or bias.size > 0
                _tiles(b[k0:k1, j : j + its].T, part, vectors, bias, onward, turned[:its], 0, width, lower)
            for column in range(its):
                for row in range(width):
                    c[i + row, j + column] = turned[column, row]
            i += width


@serial
def _product_of_one_row(a, b, bias, c, floor):
    """`product` where a has one row and b contiguous ones, which are read in place, as long a piece as may be."""
    depth, m = b.shape
    for k0 in range(0, depth, DEPTH):
        k1 = min(k0 + DEPTH, depth)
        lower = floor if k1 == depth else c.dtype.type(-np.inf)
        j = 0
        while j < m:
            width = WIDE * lanes(c)
            if j + width <= m:
                wide_row(a[:, k0:k1], 0, b[k0:k1, j:], bias, k0 > 0, c, j, width, lower)
            else:
                width = min(NARROW * lanes(c), m - j)
                row(a[:, k0:k1], 0, b[k0:k1, j:], bias, k0 > 0, c, j, width, lower)
            j += width


@serial
def product(a, b, bias, c, floor):
    """``c = max(bias + a b, floor)`` with a (N, K), b (K, M) of any strides; the rows of c (N, M) are contiguous.

    bias (M,) or empty, which counts as zero.
    """
    (n, depth), m = a.shape, b.shape[1]
    floor = c.dtype.type(floor)
    few = FEW if a.strides[0] == a.itemsize else HALF_ROWS  # columns of a that lie apart must be turned round first
    if m <= few and n >= 2 * lanes(c):
        _product_turned(a, b, bias, c, floor)
        return
    if n == 1 and b.strides[1] == b.itemsize:
        _product_of_one_row(a, b, bias, c, floor)
        return
    if b.strides[0] == b.itemsize and n <= min(TURNED // 2, m // 2, depth // 4):
        _product_turned(a, b, bias, c, floor)
        return
    panel, copy = panel_array(c), near_array(c)
    collide = a.strides[0] == a.itemsize and a.strides[1] % ALIASES == 0 and depth > MARGIN and m > 8 * lanes(c)
    rows = NEAR // c.itemsize if collide else ROWS
    for k0 in range(0, depth, DEPTH):
        k1 = min(k0 + DEPTH, depth)
        lower = floor if k1 == depth else c.dtype.type(-np.inf)
        for i in range(0, n, rows):
            part_of_a, part_of_c = a[i : i + rows, k0:k1], c[i : i + rows]
            if collide:
                part_of_a = _near(part_of_a, copy)
            j = 0
            while j < m:
                vectors = _strip_vectors(m - j, c)
                width = min(vectors * lanes(c), m - j)
                part_of_b = _panel_of(b[k0:k1, j : j + width], panel, vectors, len(part_of_a))
                _tiles(part_of_a, part_of_b, vectors, bias, k0 > 0, part_of_c, j, width, lower)
                j += width


@serial
def block_bounds(c, block, blocks):
    """Rows start to stop and columns start to stop of one of `blocks` blocks of c, which are even in work.

    Columns are cut between vectors and rows between tiles. Cuts between columns are preferred, since every block packs
    the columns of b for itself.
    """
    if blocks == 1:
        return 0, c.shape[0], 0, c.shape[1]
    rows, vectors = (c.shape[0] + TILE_ROWS - 1) // TILE_ROWS, (c.shape[1] + lanes(c) - 1) // lanes(c)
    across, least = 1, np.int64(2**62)
    for cuts in range(1, blocks + 1):
        if blocks % cuts == 0:
            high, wide = (rows + blocks // cuts - 1) // (blocks // cuts), (vectors + cuts - 1) // cuts
            cost = high * max(wide * TILE_ROWS, LEAST_SUMS) + wide
            if cost <= least:
                across, least = cuts, cost
    down = blocks // across
    row, column = block // across, block % across
    i0, i1 = rows * row // down * TILE_ROWS, rows * (row + 1) // down * TILE_ROWS
    j0, j1 = vectors * column // across * lanes(c), vectors * (column + 1) // across * lanes(c)
    return i0, min(i1, c.shape[0]), j0, min(j1, c.shape[1])


@kernel(product_nanoseconds)
def matmul(a, b, out):
    """``out = a b`` with a (N, K), b (K, M) of any strides and out (N, M) C-contiguous."""
    blocks = workers()
    for block in prange(blocks):
        i0, i1, j0, j1 = block_bounds(out, block, blocks)
        if i0 < i1 and j0 < j1:
            product(a[i0:i1, :], b[:, j0:j1], out[0, :0], out[i0:i1, j0:j1], -np.inf)
