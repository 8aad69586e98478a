"""The micro-kernel of matrix products, and the packing of the panels that it reads.

- `micro_kernel`: MR rows times up to NR columns, accumulated over k without leaving the registers;
- `indirect_micro_kernel`: the same for rows that are found by tables of offsets (indirection), for convolutions;
- `pack_rows`, `pack_columns`: copy NR columns of b into a panel, as they are or transposed.

Where columns are missing, loads and stores have a tail mask, so there are no scalar tails; a CPU without masks gets
branches from LLVM in their place.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime import target
from .fma import fused_multiply_add
from .vectors import LINE_BYTES, MASKED_STORES, VECTOR_BYTES, Vectors

NR_VECTORS = 3  # NR, the most columns of a micro-kernel, in vectors
STEPS = 4  # rows of a matrix whose addresses go by one of them
# MR, the rows: the sums, the columns and one element of a fill 28 of the 32 registers of AVX-512 and NEON, the 16 of
# AVX2 and SSE.
MR = 8 if target.current().vector_registers == 32 else 4


def _emit_micro_kernel(emit, vectors, width, c_rows, bias, accumulate, floor, walk, depthwise=False, in_place=False):
    """Emit ``c = max(start + a panel, floor)`` for rows of c at these addresses, `width` columns in `vectors`.

    ``walk(multiply_add, sums)`` emits the loop over k: it calls ``multiply_add(panel_row, met, sums)`` for the address
    of a row of the panel and those of what it meets in each row of a: one element, which is broadcast, or `depthwise`
    one for each column. The epilogue adds c or the bias and takes the floor, in registers. c is not touched beyond
    those columns, nor is the panel where it is read `in_place`.
    """
    builder = emit.builder
    masks = _masks(emit, vectors, width, 0 if in_place else vectors - 1)
    columns = [emit.constant(v * VECTOR_BYTES) for v in range(vectors)]
    bias_row, bias_size = bias
    zero = ir.Constant(emit.vector, None)
    anything = builder.or_(accumulate, builder.icmp_signed(">", bias_size, emit.constant(0)))

    def multiply_add(panel_row, addresses, sums):
        within = masks if in_place else [None] * vectors
        b = [emit.load(emit.moved(panel_row, column), mask) for column, mask in zip(columns, within, strict=True)]
        after = []
        for r, address in enumerate(addresses):
            if depthwise:
                met = [
                    emit.load(emit.moved(address, column), mask) for column, mask in zip(columns, masks, strict=True)
                ]
            else:
                met = [emit.broadcast(builder.load(address))] * vectors
            row = zip(met, b, sums[r * vectors : (r + 1) * vectors], strict=True)
            after += [fused_multiply_add(emit.context, builder, x, column, total) for x, column, total in row]
        return after

    for row in c_rows:  # which memory sends while the sums are computed
        for column in columns[:: LINE_BYTES // VECTOR_BYTES]:
            emit.prefetch(emit.moved(row, column), write=True)
    sums = walk(multiply_add, [zero] * (len(c_rows) * vectors))
    floor = emit.broadcast(floor)
    without = builder.block
    with builder.if_then(anything):  # before anything is stored, since rows beyond the last are the last again

        def add(accumulates):
            rows = c_rows if accumulates else [bias_row]
            starts = [
                emit.load(emit.moved(row, at), mask) for row in rows for at, mask in zip(columns, masks, strict=True)
            ]
            starts = starts if accumulates else starts * len(c_rows)
            return [builder.fadd(start, total) for start, total in zip(starts, sums, strict=True)]

        added, after = emit.branched(accumulate, add), builder.block
    sums = [emit.either((total, without), (whole, after)) for total, whole in zip(sums, added, strict=True)]
    sums = [builder.select(builder.fcmp_ordered("<", total, floor), floor, total) for total in sums]

    def store(whole):
        for r, row in enumerate(c_rows):
            here = sums[r * vectors : (r + 1) * vectors]
            for column, mask, total in zip(columns, masks, here, strict=True):
                emit.store(total, emit.moved(row, column), None if whole else mask)

    if MASKED_STORES or in_place:
        store(False)
    else:
        emit.branched(builder.icmp_signed("==", width, emit.constant(vectors * emit.lanes)), store)


def _masks(emit, vectors, width, whole):
    """The masks of `width` columns in `vectors` vectors, of which the first `whole` are never cut short."""
    rest = [emit.builder.sub(width, emit.constant(v * emit.lanes)) for v in range(whole, vectors)]
    return [None] * whole + [emit.tail_mask(count) for count in rest]


def _rows_from(emit, data, stride, i, rows, count):
    """Addresses of rows i, i + 1, ... of a matrix, as (bases, steps): every base and step give one, bases first.

    Rows beyond the last of `count` are the last again; `count` None says that there are none. Then a few bases and
    multiples of the stride stand for all rows, where a pointer for each would fill the registers.
    """
    builder = emit.builder
    if count is not None:
        numbers, steps = row_numbers(emit, i, rows, count), [emit.constant(0)]
    else:
        numbers = [builder.add(i, emit.constant(first)) for first in range(0, rows, STEPS)]
        steps = [builder.mul(stride, emit.constant(step)) for step in range(min(STEPS, rows))]
    return [emit.moved(data, builder.mul(n, stride)) for n in numbers], steps


def _at(emit, bases, steps):
    return [emit.moved(base, step) for base in bases for step in steps]


def row_numbers(emit, i, rows, count):
    """i, i + 1, ..., but none beyond the last of `count`."""
    last = emit.builder.sub(count, emit.constant(1))
    numbers = [emit.builder.add(i, emit.constant(r)) for r in range(rows)]
    return [emit.builder.select(emit.builder.icmp_signed("<", n, last), n, last) for n in numbers]


def micro_kernel(rows, vectors, whole=False, in_place=False):
    """An intrinsic ``(a, i, panel, bias, accumulate, c, j, width, floor)``, which replaces

        for r in range(i, i + rows):
            for k in range(K):
                for m in range(width):
                    c[r, j + m] = fma(a[r, k], panel[k, m], c[r, j + m])  # then the bias and the floor

    8 times faster for 8 rows, since the sums stay in registers: no loop that numba compiles keeps a block of them
    there.

    ``c[i : i + rows, j : j + width] = max(start + a[i : i + rows] @ panel, floor)``, with `width` columns in `vectors`
    vectors, the last of which may be cut short. a (N, K) may have any strides, and the rows of panel (K, columns) and
    c (N, M) are contiguous. Rows beyond the last of a and c are the last again, which does no harm.

    `whole`: there are no such rows.

    `in_place`: panel is no wider than `width`, which may leave any number of vectors without a column.

    The sums are added to c where `accumulate` is true, else to bias (M,), where that is not empty. Every element's sum
    is one chain of fused multiply-adds in the order of k. A NaN passes `floor`.
    """

    @intrinsic
    def product(typing_context, a, i, panel, bias, accumulate, c, j, width, floor):
        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, signature.args[5].dtype)
            a_data, (a_stride, k_stride) = emit.array(signature.args[0], args[0])
            panel_data, (panel_stride, _) = emit.array(signature.args[2], args[2])
            c_data, (c_stride, _) = emit.array(signature.args[5], args[5])
            bias_data, _ = emit.array(signature.args[3], args[3])
            (count, depth), (bias_size,) = (emit.shape(signature.args[n], args[n]) for n in (0, 3))
            _, i, _, _, accumulate, _, j, width, floor = args
            count = None if whole else count
            starts, steps = _rows_from(emit, a_data, a_stride, i, rows, count)
            c_rows = _at(emit, *_rows_from(emit, emit.moved(c_data, emit.elements(j)), c_stride, i, rows, count))
            bias = emit.moved(bias_data, emit.elements(j)), bias_size

            def walk(multiply_add, sums):
                def at(k, carried):
                    bases, sums = carried[: len(starts)], carried[len(starts) :]
                    panel_row = emit.moved(panel_data, builder.mul(k, panel_stride))
                    # Kept, or LLVM makes a pointer for each row of several turns, more than there are registers.
                    following = [emit.kept(emit.moved(base, k_stride)) for base in bases]
                    return [*following, *multiply_add(panel_row, _at(emit, bases, steps), sums)]

                return emit.loop(depth, 1, at, [*map(emit.kept, starts), *sums])[len(starts) :]

            _emit_micro_kernel(emit, vectors, width, c_rows, bias, accumulate, floor, walk, in_place=in_place)
            return context.get_dummy_value()

        return types.void(a, types.intp, panel, bias, types.boolean, c, types.intp, types.intp, c.dtype), codegen

    return product


def indirect_micro_kernel(rows, vectors, depthwise=False):
    """An intrinsic; for its arguments see `product` below. It replaces

        for r in range(i, i + rows):
            for s, start in enumerate(segments):
                for k in range(depth):
                    for m in range(width):
                        number = a[a_offsets[r] + start + k * k_stride]
                        c[c_offsets[r] + j + m] = fma(number, panel[s * depth + k, m], c[c_offsets[r] + j + m])

    8.5 times faster.

    As `micro_kernel`, but the rows and the terms of a sum lie where tables of offsets say, counted in elements; a, c
    and the panel are flat. Row n begins at ``a[a_offsets[n]]``, and its sums at ``c[c_offsets[n]]``. A row is read in
    segments: from each of `segments`, counted from where the row begins, `depth` elements that are `k_stride` apart.
    The panel, as wide as the vectors, goes on from one segment to the next.

    `depthwise`: each column of the panel meets an element of its own instead of the same one. a begins with column `j`.
    """

    @intrinsic
    def product(
        typing_context,
        a,
        a_offsets,
        segments,
        depth,
        k_stride,
        i,
        panel,
        bias,
        accumulate,
        c,
        c_offsets,
        j,
        width,
        floor,
    ):
        arguments = (a, a_offsets, segments, depth, k_stride, i, panel, bias, accumulate, c, c_offsets, j, width, floor)
        arguments = [types.intp if isinstance(kind, types.Integer) else kind for kind in arguments]
        arguments[-1] = c.dtype

        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, signature.args[0].dtype)
            a_data, a_offsets, segments, panel_data, bias_data, c_data, c_offsets = (
                emit.array(signature.args[n], args[n])[0] for n in (0, 1, 2, 6, 7, 9, 10)
            )
            count, segment_count, bias_size = (emit.shape(signature.args[n], args[n])[0] for n in (1, 2, 7))
            depth, k_stride, i, accumulate = args[3], emit.elements(args[4]), args[5], args[8]
            j, width, floor = args[11:]
            panel_stride = emit.constant(vectors * VECTOR_BYTES)

            def entry(table, n):
                return emit.elements(builder.load(builder.gep(table, [n])))

            numbers = row_numbers(emit, i, rows, count)
            a_rows = [emit.kept(emit.moved(a_data, entry(a_offsets, n))) for n in numbers]
            c_rows = [emit.moved(c_data, entry(c_offsets, n), emit.elements(j)) for n in numbers]
            bias = emit.moved(bias_data, emit.elements(j)), bias_size

            def walk(multiply_add, sums):
                def along(number, sums):
                    before = builder.mul(number, depth)

                    def at(k, carried):
                        offset, *sums = carried
                        panel_row = emit.moved(panel_data, builder.mul(builder.add(before, k), panel_stride))
                        met = [emit.moved(row, offset) for row in a_rows]
                        # Kept, or LLVM makes a pointer for each row of it, which are more than there are registers.
                        return [emit.kept(builder.add(offset, k_stride)), *multiply_add(panel_row, met, sums)]

                    return emit.loop(depth, 1, at, [entry(segments, number), *sums])[1:]

                return emit.loop(segment_count, 1, along, sums)

            _emit_micro_kernel(emit, vectors, width, c_rows, bias, accumulate, floor, walk, depthwise)
            return context.get_dummy_value()

        return types.void(*arguments), codegen

    return product


def pack_rows(vectors):
    """An intrinsic ``(b, panel, width)``: ``panel[:, :width] = b``, zeros in the rest of `vectors` vectors.

    The rows of b (K, width) are contiguous. 2.8 to 3.7 times faster than the loop, which does not know that a row is a
    few vectors:

        for k in range(K):
            for j in range(width):
                panel[k, j] = b[k, j]
    """

    @intrinsic
    def pack(typing_context, b, panel, width):
        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, signature.args[1].dtype)
            b_data, (b_stride, _) = emit.array(signature.args[0], args[0])
            panel_data, (panel_stride, _) = emit.array(signature.args[1], args[1])
            depth = emit.shape(signature.args[0], args[0])[0]
            columns = [emit.constant(v * VECTOR_BYTES) for v in range(vectors)]
            masks = _masks(emit, vectors, args[2], vectors - 1)

            def copy(k, _):
                source = emit.moved(b_data, builder.mul(k, b_stride))
                target = emit.moved(panel_data, builder.mul(k, panel_stride))
                for column, mask in zip(columns, masks, strict=True):
                    emit.store(emit.load(emit.moved(source, column), mask), emit.moved(target, column))

            emit.loop(depth, 1, copy)
            return context.get_dummy_value()

        return types.void(b, panel, types.intp), codegen

    return pack


@intrinsic
def pack_columns(typing_context, b, panel, j, width):
    """``panel[:, j : j + lanes] = b[:, j : j + lanes]``, zeros from column `width` on; the columns of b are contiguous.

    4 times faster than ``for n in range(j, j + lanes): for k in range(K): panel[k, n] = b[k, n]``, which stores single
    numbers. Squares of as many rows as lanes are transposed in registers; the panel is high and wide enough for whole
    squares.
    """

    def codegen(context, builder, signature, args):
        emit = Vectors(context, builder, signature.args[1].dtype)
        b_data, (_, j_stride) = emit.array(signature.args[0], args[0])
        panel_data, (panel_stride, _) = emit.array(signature.args[1], args[1])
        j, width = args[2:]
        depth = emit.shape(signature.args[0], args[0])[0]
        starts = [
            emit.moved(b_data, builder.mul(builder.add(j, emit.constant(n)), j_stride)) for n in range(emit.lanes)
        ]
        all_columns = builder.icmp_signed("<=", builder.add(j, emit.constant(emit.lanes)), width)

        def square(k, _):
            rest = builder.sub(depth, k)

            def load(whole):
                columns = []
                for n, start in enumerate(starts):
                    there = builder.icmp_signed("<", builder.add(j, emit.constant(n)), width)
                    mask = None if whole else emit.tail_mask(builder.select(there, rest, emit.constant(0)))
                    columns.append(emit.load(emit.moved(start, emit.elements(k)), mask))
                return columns

            all_rows = builder.icmp_signed(">=", rest, emit.constant(emit.lanes))
            columns = emit.branched(builder.and_(all_columns, all_rows), load)
            for lane, row in enumerate(emit.transposed(columns)):
                target = builder.mul(builder.add(k, emit.constant(lane)), panel_stride)
                emit.store(row, emit.moved(panel_data, target, emit.elements(j)))

        emit.loop(depth, emit.lanes, square)
        return context.get_dummy_value()

    return types.void(b, panel, types.intp, types.intp), codegen
