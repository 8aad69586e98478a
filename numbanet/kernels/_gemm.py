"""Matrix products: the blocking round the register tile.

A product is cut into pieces of ROWS rows by one strip of columns, as wide as the tile; a piece is one unit of parallel
work. For each DEPTH of k, the strip's part of b is packed into a panel on the stack, where it stays in the L1 cache
while the tiles go down the rows of a, which are read in place. Packing takes b by its strides, so b and its transpose
are the same to it; so are a and its transpose.

Every element is one chain of fused multiply-adds in the order of k, whatever piece and tile it falls into, so that
results depend neither on the number of threads nor on the width of the CPU's vectors.
"""

from ._jit import serial
from ._scratch import stack_array
from ._tile import STRIP_BYTES, TILE_ROWS, tile

ROWS = 128
DEPTH = 256

panel_array = stack_array(lambda itemsize: (DEPTH, STRIP_BYTES // itemsize))
edge_array = stack_array(lambda itemsize: (TILE_ROWS, STRIP_BYTES // itemsize))
tile_8, tile_4, tile_2, tile_1 = tile(8), tile(4), tile(2), tile(1)


@serial
def strip_width(c):
    """Columns in one strip of c."""
    return STRIP_BYTES // c.itemsize


@serial
def pieces(c):
    """Number of pieces that c is cut into."""
    width = strip_width(c)
    return ((c.shape[0] + ROWS - 1) // ROWS) * ((c.shape[1] + width - 1) // width)


@serial
def piece_bounds(c, index):
    """Rows start to stop and columns start to stop of piece `index`; neighbours share rows."""
    width = strip_width(c)
    strips = (c.shape[1] + width - 1) // width
    row, column = index // strips * ROWS, index % strips * width
    return row, min(row + ROWS, c.shape[0]), column, min(column + width, c.shape[1])


@serial
def _pack(b, panel):
    """Copy b (K, columns) into panel (K, strip), along whichever axis of b is the contiguous one."""
    depth, columns = b.shape
    if columns < panel.shape[1]:
        panel[:depth] = 0
    if b.strides[0] >= b.strides[1]:
        for k in range(depth):
            for j in range(columns):
                panel[k, j] = b[k, j]
    else:
        for j in range(columns):
            for k in range(depth):
                panel[k, j] = b[k, j]


@serial
def _add_tiles(a, panel, c, j):
    """``c[:, j : j + strip] += a panel``, in tiles of as many rows as there are."""
    n = a.shape[0]
    i = 0
    if TILE_ROWS == 8:
        while i + 8 <= n:
            tile_8(a, panel, c, i, j)
            i += 8
    while i + 4 <= n:
        tile_4(a, panel, c, i, j)
        i += 4
    if i + 2 <= n:
        tile_2(a, panel, c, i, j)
        i += 2
    if i < n:
        tile_1(a, panel, c, i, j)


@serial
def add_product(a, b, c, j):
    """``c[:, j : j + width] += a b`` with a (N, K), b (K, width) of any strides, width at most a strip's."""
    panel, edge = panel_array(c), edge_array(c)
    n, depth = a.shape
    width = b.shape[1]
    for k0 in range(0, depth, DEPTH):
        k1 = min(k0 + DEPTH, depth)
        _pack(b[k0:k1], panel)
        a_part, panel_part = a[:, k0:k1], panel[: k1 - k0]
        if width == panel.shape[1]:
            _add_tiles(a_part, panel_part, c, j)
        else:  # a tile would reach beyond c: it works on a copy
            for i0 in range(0, n, TILE_ROWS):
                rows = min(TILE_ROWS, n - i0)
                for i in range(rows):
                    for column in range(width):
                        edge[i, column] = c[i0 + i, j + column]
                _add_tiles(a_part[i0 : i0 + rows], panel_part, edge, 0)
                for i in range(rows):
                    for column in range(width):
                        c[i0 + i, j + column] = edge[i, column]
