"""Passes over the columns of matrices, with what belongs to a column in registers.

A pass takes a few vectors of columns at a time down a block of rows, so that sums over the rows and values that are the
same for a whole column are neither loaded nor stored on the way. It replaces

    for i in range(N):
        for j in range(D):
            sums[j], out[i, j] = update(a[i, j], columns[j], sums[j])

which does that for each element. The loop is as fast in 512 columns, whose sums are in the L1 cache and whose rows are
long; in 32 to 64, what most images have for channels, it takes 1.4 to 4.7 times as long. Each pass says its own figure.
Blocks are low, so that what the next columns read is still in a cache; where all columns go together, one has all rows.
Sums go in order of the rows, whatever the blocks.

Eight vectors, where no sums need the registers: stores delay loads from addresses with the same last 12 bits, as in
rows that are a power of two apart, and with four vectors a pass took up to 1.7 times as long (Zen 4).
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime.internals import cgutils
from .fma import fused_multiply_add
from .vectors import Vectors

SUMMED, UNSUMMED = 4, 8  # vectors of columns that go down the rows together, with sums in registers and without
BLOCK_ROWS = 64  # of a block


def column_pass(update, *, reads, columns=0, numbers=0, sums=0, writes=0, together=1, by_block=None, start=0.0):
    """An intrinsic of so many arguments, in this order, all of one dtype.

    Parameters
    ----------
    update : callable
        ``update(emit, sums, reads, columns, numbers)`` emits what happens to one vector of columns in one row,
        and gives a list of the new sums and a list of what is written.
    reads : int
        Matrices (N, D) that are read; the elements of a row lie together.
    columns : int
        Arrays (D,) with a value for each column.
    numbers : int
        Values that are the same everywhere.
    sums : int
        Arrays (D,) that get the sums over the rows.
    writes : int
        Matrices (N, D) that are written; one of them may also be read.
    together : int
        Rows that `update` is given at once, a vector of each, where so many are left, else one; a divisor of
        BLOCK_ROWS.
    by_block : callable, optional
        ``by_block(emit, i, count)`` gives more `numbers`, for the `count` rows from row `i` on.
    start : float
        What sums begin at.
    """

    @intrinsic
    def loop(typing_context, *arguments):
        def codegen(context, builder, signature, args):
            kinds, args = arguments, cgutils.unpack_tuple(builder, args[0])
            emit = Vectors(context, builder, kinds[0].dtype)
            values = iter(
                emit.array(kind, value) if isinstance(kind, types.Array) else emit.broadcast(value)
                for kind, value in zip(kinds, args, strict=True)
            )
            read, by_column, constant, summed, written = (
                [next(values) for _ in range(count)] for count in (reads, columns, numbers, sums, writes)
            )
            n, d = emit.shape(kinds[0], args[0])
            most = SUMMED if sums else UNSUMMED

            together_across = tuple(2**power for power in range(most.bit_length() - 1, 0, -1))

            def go_down(starts, mask, row, stop):
                """Rows `row` to `stop`, for the vectors of columns that begin at `starts`."""
                offsets = [emit.elements(column) for column in starts]
                per_column = [[emit.load(emit.moved(data, at), mask) for data, _ in by_column] for at in offsets]

                def take(count, first, totals):
                    """`count` rows."""
                    lines = [builder.add(first, emit.constant(line)) for line in range(count)]
                    everywhere = constant + (by_block(emit, first, count) if by_block else [])
                    after, stores = [], []
                    for v, at in enumerate(offsets):
                        sources, targets = (
                            [emit.moved(data, builder.mul(line, s), at) for line in lines for data, (s, _) in matrices]
                            for matrices in (read, written)
                        )
                        now = [emit.load(address, mask) for address in sources]
                        before = totals[v * sums : v * sums + sums]
                        new, results = update(emit, before, now, per_column[v], everywhere)
                        after += new
                        stores += zip(results, targets, strict=True)
                    for value, address in stores:  # after all loads, since a matrix may be read and written
                        emit.store(value, address, mask)
                    return after

                addresses = [emit.moved(data, at) for at in offsets for data, _ in summed]
                totals = [emit.load(address, mask) for address in addresses]
                for count in (together, 1) if together > 1 else (1,):
                    whole = builder.and_(builder.sub(stop, row), emit.constant(-count))
                    totals = emit.loop(
                        whole, count, lambda i, t, count=count, row=row: take(count, builder.add(row, i), t), totals
                    )
                    row = builder.add(row, whole)
                for value, address in zip(totals, addresses, strict=True):
                    emit.store(value, address, mask)

            nothing = ir.Constant(emit.vector, [ir.Constant(emit.element, start)] * emit.lanes)

            def clear(starts, mask):
                for column in starts:
                    for data, _ in summed:
                        emit.store(nothing, emit.moved(data, emit.elements(column)), mask)

            if sums:
                emit.along(d, clear, together_across)
            few = builder.icmp_signed("<=", d, emit.constant(most * emit.lanes))
            height = builder.select(few, n, emit.constant(BLOCK_ROWS))

            def block(row, _):
                end = builder.add(row, height)
                stop = builder.select(builder.icmp_signed("<", end, n), end, n)
                emit.along(d, lambda starts, mask: go_down(starts, mask, row, stop), together_across)

            emit.loop(n, height, block)
            return context.get_dummy_value()

        return types.void(types.StarArgTuple.from_types(arguments)), codegen

    return loop


def _sum(emit, sums, reads, columns, numbers):
    return [emit.builder.fadd(sums[0], reads[0])], []


# (a, sums): sums[j] += a[i, j]. 0.6 in 512 columns, 1.5 in 64, 2.3 in 32.
column_sums = column_pass(_sum, reads=1, sums=1)


def _largest(emit, sums, reads, columns, numbers):
    a, largest = reads[0], sums[0]
    return [emit.builder.select(emit.builder.fcmp_ordered(">", a, largest), a, largest)], []


# (a, sums): sums[j] = a[i, j] if a[i, j] > sums[j] else sums[j], which passes over NaN. 1.8 in 64 rows of 16.
column_maxima = column_pass(_largest, reads=1, sums=1, start=float("-inf"))


def _masked_sum(emit, sums, reads, columns, numbers):
    """dz = dout where out is above zero, or NaN, and its sum."""
    (dout, out), zero = reads, ir.Constant(emit.vector, None)
    dz = emit.builder.select(emit.builder.fcmp_ordered("<=", out, zero), zero, dout)
    return [emit.builder.fadd(sums[0], dz)], [dz]


# (dout, out, sums, dz): dz[i, j] = 0 where out[i, j] <= 0, else dout[i, j]; sums[j] += dz[i, j]. By itself 0.8 to 1.2,
# but inside of a kernel, where LLVM does not know the four arrays to be apart, the whole backward pass of 32 x 20 x 64
# takes 3.1 times as long with the plain loop.
masked_column_sums = column_pass(_masked_sum, reads=2, sums=1, writes=1)


def _product_sum(emit, sums, reads, columns, numbers):
    return [fused_multiply_add(emit.context, emit.builder, *reads, sums[0])], []


# (a, b, sums): sums[j] += a[i, j] * b[i, j].
scale_sums = column_pass(_product_sum, reads=2, sums=1)


def _scaled_with_sum(emit, sums, reads, columns, numbers):
    total, _ = _product_sum(emit, sums, reads, columns, numbers)
    return total, [emit.builder.fmul(reads[0], columns[0])]


# (a, b, scale, sums, out): sums[j] += a[i, j] * b[i, j]; out[i, j] = a[i, j] * scale[j]; `out` may be `a`.
scaled_with_sums = column_pass(_scaled_with_sum, reads=2, columns=1, sums=1, writes=1)


def _scaled_with_both_sums(emit, sums, reads, columns, numbers):
    total, written = _scaled_with_sum(emit, sums, reads, columns, numbers)
    return [*total, emit.builder.fadd(sums[1], reads[0])], written


# As before, with (..., sums, plain_sums, out): plain_sums[j] += a[i, j].
scaled_with_both_sums = column_pass(_scaled_with_both_sums, reads=2, columns=1, sums=2, writes=1)


def _blend_sum(emit, sums, reads, columns, numbers):
    (dout, dactivated, x, activated), (strength,) = reads, columns

    def fma(*values):
        return fused_multiply_add(emit.context, emit.builder, *values)

    total = fma(dout, emit.builder.fsub(activated, x), sums[0])
    return [total], [fma(emit.builder.fsub(dactivated, dout), strength, dout)]


# (dout, dactivated, x, activated, strength, sums, dx): sums[j] += dout[i, j] * (activated[i, j] - x[i, j]);
# dx[i, j] = dout[i, j] + (dactivated[i, j] - dout[i, j]) * strength[j]; `dx` may be `dout` or `dactivated`.
blend_sums = column_pass(_blend_sum, reads=4, columns=1, sums=1, writes=1)
