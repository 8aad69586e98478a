"""Matrix products: the blocking round the micro-kernel, ``c (N, M) = a (N, K) b (K, M)``.

A product is cut into as many blocks of rows and columns as there are threads, each written by its own. Within a block,
for each KC of k, MC rows and NR columns, that part of b is packed into a panel on the stack, and the micro-kernel goes
down the rows of a, MR at a time. These are read in place by their strides, so that a and its transpose are the same.

Every element is a chain of fused multiply-adds for each KC of k, added up in order, wherever it falls, so that results
depend neither on the number of threads nor on the width of the CPU's vectors.
"""

import numpy as np
from numba import prange

from ..runtime.compiling import apart, serial
from ..runtime.dispatch import kernel, workers
from .simd.micro_kernel import MR, NR_VECTORS, VECTOR_BYTES, micro_kernel, pack_columns, pack_rows
from .simd.scratch import stack_array

MULTIPLY_ADD_NS, READ_NS = 0.0176, 0.04  # on one core of Zen 4
KC = 256
# Rows of a that stay in the L2 cache while all columns of b pass by. Those of AVX-512 meet twice as many at a time.
MC = 1024 if VECTOR_BYTES == 64 else 256
HALF_MR = MR // 2
FEW_COLUMNS = MR + HALF_MR  # columns of c, up to which vectors go along its rows
TRANSPOSED_COLUMNS = 128  # columns of c at a time that are computed in transposed form
WIDE_VECTORS, NARROW_VECTORS = 2 * MR, 4  # columns of the micro-kernels of a single row, in vectors
LEAST_SUMS = 8  # of a micro-kernel, which keep two units of a latency of 4 cycles busy
IN_PLACE_ROWS = 2 * MR  # of a, up to which packing a panel takes longer than reading b by its rows
ALIASES = 2048  # bytes: what lies a multiple of them apart shares two sets of the first cache
COPIED_BYTES, MARGIN_BYTES = 384, 64  # of rows of a that are copied at a time; what keeps these out of others' sets

panel_scratch = stack_array(lambda itemsize: (KC, NR_VECTORS * VECTOR_BYTES // itemsize))
transposed_scratch = stack_array(lambda itemsize: (TRANSPOSED_COLUMNS, NR_VECTORS * VECTOR_BYTES // itemsize))
copy_scratch = stack_array(lambda itemsize: (KC, (COPIED_BYTES + MARGIN_BYTES) // itemsize))
micro_kernel_3, micro_kernel_2, micro_kernel_1 = (micro_kernel(MR, vectors, whole=True) for vectors in (3, 2, 1))
half_kernel_3, half_kernel_2, half_kernel_1 = (micro_kernel(HALF_MR, vectors) for vectors in (3, 2, 1))
tall_kernel_1 = micro_kernel(2 * MR, 1, whole=True)  # whose sums are as many as keep the units busy
wide_row_kernel = micro_kernel(1, WIDE_VECTORS, whole=True)
row_kernel = micro_kernel(1, NARROW_VECTORS, whole=True, in_place=True)
pack_rows_3, pack_rows_2, pack_rows_1 = (pack_rows(vectors) for vectors in (3, 2, 1))


def product_nanoseconds(a, b, *others):
    """About how long one core takes for ``a b``: the arithmetic, and reading a and b."""
    return MULTIPLY_ADD_NS * a.size * b.shape[1] + READ_NS * (a.size + b.size)


@serial
def lanes(c):
    """Elements of c in one vector."""
    return VECTOR_BYTES // c.itemsize


@serial
def pack(b, panel, vectors):
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
def panel_product(a, panel, vectors, bias, accumulate, c, j, width, floor):
    """All rows of a: ``c[:, j : j + width] = max(start + a panel, floor)``, where sums start as for `micro_kernel`."""
    n = a.shape[0]
    i = 0
    if vectors == 1 and a.strides[0] % ALIASES:  # rows that collide are too many for the first cache
        while n - i >= 2 * MR:
            tall_kernel_1(a, i, panel, bias, accumulate, c, j, width, floor)
            i += 2 * MR
    while n - i >= MR:
        if vectors == 3:
            micro_kernel_3(a, i, panel, bias, accumulate, c, j, width, floor)
        elif vectors == 2:
            micro_kernel_2(a, i, panel, bias, accumulate, c, j, width, floor)
        else:
            micro_kernel_1(a, i, panel, bias, accumulate, c, j, width, floor)
        i += MR
    while i < n:
        if vectors == 3:
            half_kernel_3(a, i, panel, bias, accumulate, c, j, width, floor)
        elif vectors == 2:
            half_kernel_2(a, i, panel, bias, accumulate, c, j, width, floor)
        else:
            half_kernel_1(a, i, panel, bias, accumulate, c, j, width, floor)
        i += HALF_MR


@serial
def panel_vectors(columns, c):
    """Vectors of columns of the next panel, where `columns` are left: not 3 + 1, where 2 + 2 are more even."""
    vectors = (columns + lanes(c) - 1) // lanes(c)
    return 2 if vectors == 4 else min(vectors, NR_VECTORS)


@serial
def _panel_of(b, panel, vectors, rows):
    """b (K, width), packed unless no vector is cut short and few rows of a meet it, or it lies as a panel would."""
    width, close = vectors * lanes(panel), b.strides[1] == b.itemsize
    if close and b.shape[1] == width and (rows <= IN_PLACE_ROWS or b.strides[0] == width * b.itemsize):
        return b[:, : b.shape[1]]
    pack(b, panel, vectors)
    return panel[: len(b), : vectors * lanes(panel)]


@serial
def _copied(a, copy):
    """a (rows, K), whose columns are contiguous, with these closer together."""
    rows, depth = a.shape
    for k in range(depth):
        column = copy[k]
        for i in range(np.uint64(rows)):
            column[i] = a[i, k]
    return copy[:depth, :rows].T


@serial
def _transpose(a, out):
    """``out = aᵀ``."""
    for column in range(np.uint64(len(a))):
        source = a[column]
        for row in range(np.uint64(source.size)):
            out[row, column] = source[row]


@serial
def _product_transposed(a, b, bias, c, floor):
    """`product` by ``cᵀ = bᵀ aᵀ``, whose vectors go along the columns of c: the columns of a are packed.

    For few columns of c, which would leave vectors empty, and where transposing the rows of a and c takes less time
    than the columns of b.
    """
    transposed, panel = transposed_scratch(c), panel_scratch(c)
    (n, depth), m = a.shape, b.shape[1]
    for j in range(0, m, TRANSPOSED_COLUMNS):
        its = min(TRANSPOSED_COLUMNS, m - j)
        i = 0
        while i < n:
            vectors = panel_vectors(n - i, c)
            width = min(vectors * lanes(c), n - i)
            for column in range(min(its, bias.size)):
                for row in range(width):
                    transposed[column, row] = bias[j + column]
            for k0 in range(0, depth, KC):
                k1 = min(k0 + KC, depth)
                part = _panel_of(a[i : i + width, k0:k1].T, panel, vectors, its)
                lower = floor if k1 == depth else c.dtype.type(-np.inf)
                accumulate = k0 > 0 or bias.size > 0
                rows = b[k0:k1, j : j + its].T
                panel_product(rows, part, vectors, bias, accumulate, transposed[:its], 0, width, lower)
            _transpose(transposed[:its, :width], c[i : i + width, j : j + its])
            i += width


@serial
def _product_of_one_row(a, b, bias, c, floor):
    """`product` where a has one row and b contiguous ones, which are read in place, as long a piece as may be."""
    depth, m = b.shape
    for k0 in range(0, depth, KC):
        k1 = min(k0 + KC, depth)
        lower = floor if k1 == depth else c.dtype.type(-np.inf)
        j = 0
        while j < m:
            width = WIDE_VECTORS * lanes(c)
            if j + width <= m:
                wide_row_kernel(a[:, k0:k1], 0, b[k0:k1, j:], bias, k0 > 0, c, j, width, lower)
            else:
                width = min(NARROW_VECTORS * lanes(c), m - j)
                row_kernel(a[:, k0:k1], 0, b[k0:k1, j:], bias, k0 > 0, c, j, width, lower)
            j += width


@apart
def product(a, b, bias, c, floor):
    """``c = max(bias + a b, floor)`` with a (N, K), b (K, M) of any strides; the rows of c (N, M) are contiguous.

    bias (M,) or empty, which counts as zero.
    """
    (n, depth), m = a.shape, b.shape[1]
    floor = c.dtype.type(floor)
    together = a.strides[0] == a.itemsize  # columns of a that lie apart must be transposed first
    least = lanes(c) if together and m <= HALF_MR else 2 * lanes(c)  # rows that make it pay
    if m <= (FEW_COLUMNS if together else HALF_MR) and n >= least:
        _product_transposed(a, b, bias, c, floor)
        return
    if n == 1 and b.strides[1] == b.itemsize:
        _product_of_one_row(a, b, bias, c, floor)
        return
    if b.strides[0] == b.itemsize and n <= min(TRANSPOSED_COLUMNS // 2, m // 2, depth // 4):
        _product_transposed(a, b, bias, c, floor)
        return
    panel, copy = panel_scratch(c), copy_scratch(c)
    collide = a.strides[0] == a.itemsize and a.strides[1] % ALIASES == 0 and depth > MARGIN_BYTES and m > 8 * lanes(c)
    rows = COPIED_BYTES // c.itemsize if collide else MC
    for k0 in range(0, depth, KC):
        k1 = min(k0 + KC, depth)
        lower = floor if k1 == depth else c.dtype.type(-np.inf)
        for i in range(0, n, rows):
            part_of_a, part_of_c = a[i : i + rows, k0:k1], c[i : i + rows]
            if collide:
                part_of_a = _copied(part_of_a, copy)
            j = 0
            while j < m:
                vectors = panel_vectors(m - j, c)
                width = min(vectors * lanes(c), m - j)
                part_of_b = _panel_of(b[k0:k1, j : j + width], panel, vectors, len(part_of_a))
                panel_product(part_of_a, part_of_b, vectors, bias, k0 > 0, part_of_c, j, width, lower)
                j += width


@serial
def block_bounds(c, block, blocks):
    """Rows start to stop and columns start to stop of one of `blocks` blocks of c, which are even in work.

    Columns are cut between vectors and rows between micro-kernels. Cuts between columns are preferred, since every
    block packs the columns of b for itself.
    """
    if blocks == 1:
        return 0, c.shape[0], 0, c.shape[1]
    rows, vectors = (c.shape[0] + MR - 1) // MR, (c.shape[1] + lanes(c) - 1) // lanes(c)
    across, least = 1, np.int64(2**62)
    for cuts in range(1, blocks + 1):
        if blocks % cuts == 0:
            high, wide = (rows + blocks // cuts - 1) // (blocks // cuts), (vectors + cuts - 1) // cuts
            cost = high * max(wide * MR, LEAST_SUMS) + wide
            if cost <= least:
                across, least = cuts, cost
    down = blocks // across
    row, column = block // across, block % across
    i0, i1 = rows * row // down * MR, rows * (row + 1) // down * MR
    j0, j1 = vectors * column // across * lanes(c), vectors * (column + 1) // across * lanes(c)
    return i0, min(i1, c.shape[0]), j0, min(j1, c.shape[1])


@serial
def column_range(sums, block, blocks):
    """A range of the columns that `sums` (M,) are over, for one of `blocks` threads, cut between vectors."""
    vectors = (sums.size + lanes(sums) - 1) // lanes(sums)
    return slice(vectors * block // blocks * lanes(sums), min(vectors * (block + 1) // blocks * lanes(sums), sums.size))


@kernel(product_nanoseconds)
def matmul(a, b, out):
    """``out = a b`` with a (N, K), b (K, M) of any strides and out (N, M) C-contiguous."""
    blocks = workers()
    for block in prange(blocks):
        i0, i1, j0, j1 = block_bounds(out, block, blocks)
        if i0 < i1 and j0 < j1:
            product(a[i0:i1, :], b[:, j0:j1], out[0, :0], out[i0:i1, j0:j1], -np.inf)
