"""Matrix products as explicit loops: the engine room of the affine kernels.

Every element of a product is summed in the order of k, whatever the block it falls into, so that results depend
neither on the number of threads nor on the width of the CPU's vectors.
"""

from ._jit import serial
from ._math import fma
from ._scratch import stack_array

ROWS = 8  # of the result, in one piece of parallel work
DEPTH = 64  # of a slab of b that stays in the L1 or L2 cache while the rows of a pass over it
SIDE = 128  # of a square of b that is turned over: 64 KiB in float32

square = stack_array((SIDE, SIDE))


@serial
def add_product(a, b, c, first, width):
    """``c[:, first : first + width] += a b[:, :width]``, with a (N, K) of any strides; b (K, ...) and c are
    C-contiguous.

    The columns come as numbers because rows must be seen to be contiguous: a slice of c would hide that, and the inner
    loop would not be vectorised (measured: 7 instead of 40 GFLOP/s).
    """
    n, depth = a.shape
    for k0 in range(0, depth, DEPTH):
        k1 = min(k0 + DEPTH, depth)
        fours = k1 - (k1 - k0) % 4
        for i in range(n):
            row = c[i, first : first + width]
            # Four rows of b to one pass over a row of c: a load and a store of c for every four multiply-adds.
            for k in range(k0, fours, 4):
                a0, a1, a2, a3 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
                for j in range(width):
                    row[j] = fma(a3, b[k + 3, j], fma(a2, b[k + 2, j], fma(a1, b[k + 1, j], fma(a0, b[k, j], row[j]))))
            for k in range(fours, k1):
                a0 = a[i, k]
                for j in range(width):
                    row[j] = fma(a0, b[k, j], row[j])


@serial
def product_transposed(a, b, c, first, width):
    """Columns first to first + width of ``c = a bᵀ``, with a (N, K), b (M, K) and c (N, M); width is at most SIDE.

    Squares of b are turned over on the stack, so that the inner loop runs along contiguous rows as in `add_product`
    instead of summing along k, which keeps the order of k and still fills the vectors.
    """
    n, depth = a.shape
    turned = square(b)
    for i in range(n):
        row = c[i, first : first + width]
        for j in range(width):
            row[j] = 0
    for k0 in range(0, depth, SIDE):
        k1 = min(k0 + SIDE, depth)
        for j in range(width):
            for k in range(k1 - k0):
                turned[k, j] = b[first + j, k0 + k]
        add_product(a[:, k0:k1], turned, c, first, width)
