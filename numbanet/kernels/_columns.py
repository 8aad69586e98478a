"""Passes over the columns of matrices, with what belongs to a column in registers.

A pass takes a few vectors of columns at a time and goes down all rows, in order, so that sums over the rows and values
that are the same for a whole column are neither loaded nor stored on the way. Loops that numba compiles do that for
each element.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ._vectors import Vectors

VECTORS = 4  # vectors of columns that go down the rows together


def column_pass(update, *, reads, rows=0, columns=0, numbers=0, sums=0, writes=0):
    """An intrinsic of so many arguments, in this order, all of one dtype.

    Parameters
    ----------
    update : callable
        ``update(emit, sums, reads, rows, columns, numbers)`` emits what happens to one vector of columns in one row,
        and gives a list of the new sums and a list of what is written.
    reads : int
        Matrices (N, D) that are read; the elements of a row lie together.
    rows : int
        Arrays (N,) with a value for each row.
    columns : int
        Arrays (D,) with a value for each column.
    numbers : int
        Values that are the same everywhere.
    sums : int
        Arrays (D,) that get the sums over the rows.
    writes : int
        Matrices (N, D) that are written; one of them may also be read.
    """

    @intrinsic
    def loop(typing_context, *arguments):
        def codegen(context, builder, signature, args):
            kinds, args = arguments, cgutils.unpack_tuple(builder, args[0])
            emit = Vectors(context, builder, kinds[0].dtype)
            values = iter(
                emit.array(kind, value) if isinstance(kind, types.Array) else emit.spread(value)
                for kind, value in zip(kinds, args, strict=True)
            )
            read, by_row, by_column, constant, summed, written = (
                [next(values) for _ in range(count)] for count in (reads, rows, columns, numbers, sums, writes)
            )
            n, d = emit.shape(kinds[0], args[0])

            def go_down(vectors, first, mask=None):
                """All rows, for so many vectors of columns from column `first` on."""
                offsets = [emit.elements(builder.add(first, emit.constant(v * emit.lanes))) for v in range(vectors)]
                per_column = [[emit.load(emit.moved(data, at), mask) for data, _ in by_column] for at in offsets]

                def step(i, totals):
                    per_row = [
                        emit.spread(builder.load(emit.moved(data, builder.mul(i, stride))))
                        for data, (stride,) in by_row
                    ]
                    after, stores = [], []
                    for v, at in enumerate(offsets):
                        places = [[emit.moved(d, builder.mul(i, s), at) for d, (s, _) in m] for m in (read, written)]
                        now = [emit.load(place, mask) for place in places[0]]
                        totals_here = totals[v * sums : v * sums + sums]
                        new, results = update(emit, totals_here, now, per_row, per_column[v], constant)
                        after += new
                        stores += zip(results, places[1], strict=True)
                    for value, place in stores:  # after all loads, since a matrix may be read and written
                        emit.store(value, place, mask)
                    return after

                totals = emit.loop(n, 1, step, [ir.Constant(emit.vector, None)] * (sums * vectors))
                for v, at in enumerate(offsets):
                    for (data, _), value in zip(summed, totals[v * sums : v * sums + sums], strict=True):
                        emit.store(value, emit.moved(data, at), mask)

            together = VECTORS * emit.lanes
            whole = builder.and_(d, emit.constant(-together))
            emit.loop(whole, together, lambda first, _: go_down(VECTORS, first))

            def rest(offset, _):
                first = builder.add(whole, offset)
                go_down(1, first, emit.first_lanes(builder.sub(d, first)))

            emit.loop(builder.sub(d, whole), emit.lanes, rest)
            return context.get_dummy_value()

        return types.void(types.StarArgTuple.from_types(arguments)), codegen

    return loop
