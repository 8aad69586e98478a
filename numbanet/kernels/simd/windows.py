"""Passes over the windows of an image (H, W, C), with what belongs to a window or a pixel in registers.

The channels of a pixel go in vectors, a few at a time. A pass replaces, for row i of windows,

    for j in range(windows):
        for y in range(rows):
            for z in range(columns):
                for c in range(C):
                    out[j, c] = update(x[y0 + y, z0 + z, c], out[j, c])

which loads and stores what belongs to the window for each pixel. Each function below says how much longer that takes,
for windows of 3 x 3 at stride 2 (forward) or 2 x 2 (backward) and 32 or 64 channels. (Loops for 2 x 2 forward alone,
with the four pixels written out, take 0.9 to 1.1 in the L2 cache, and 1.3 in images that leave it.) Window i has its
rows from ``i stride - padding`` on, as many as the kernel's size says, or what of them lies in the image, and its
columns likewise.
"""

import functools
from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime.internals import cgutils
from .mixed import read_mixed, where_mixed, write_mixed
from .vectors import VECTOR_BYTES, Vectors

CHANNEL_VECTORS = (4, 2)  # vectors of channels that go along a row together
UNROLLED_SIZES = (2, 3)  # loops over so many rows and columns of a window are written out in full

PREFETCH_LEAST, PREFETCH_FAR, PREFETCH_NEAR = 8192, 16384, 1024  # bytes


class _Array(NamedTuple):
    data: ir.Value
    shape: list
    dtype: types.Type


def array_pass(emit_all):
    """An intrinsic that returns nothing, from ``emit_all(emit, *arguments)``: the first is an array of floats."""

    @intrinsic
    def function(typing_context, *arguments):
        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, arguments[0].dtype)

            def unpacked(kind, value):
                if isinstance(kind, types.Array):
                    return _Array(emit.array(kind, value)[0], emit.shape(kind, value), kind.dtype)
                return cgutils.unpack_tuple(builder, value) if isinstance(kind, types.BaseTuple) else value

            emit_all(emit, *map(unpacked, arguments, cgutils.unpack_tuple(builder, args[0])))
            return context.get_dummy_value()

        return types.void(types.StarArgTuple.from_types(arguments)), codegen

    return function


def along_channels(emit, channels, count, body, begin=lambda vectors, mask: ()):
    """``carried = body(i, vectors, mask, carried)`` for i below `count`, for all channels.

    `vectors` are the numbers of the channels that one or more vectors begin at; `mask` is the lanes to work on. The
    first gets ``begin(vectors, mask)``.
    """

    def go(vectors, mask):
        emit.loop(count, 1, lambda i, carried: body(i, vectors, mask, carried), begin(vectors, mask))

    emit.along(channels, go, CHANNEL_VECTORS)


def rectangle(emit, height, width, squares, body, initial):
    """``carried = body(i, j, carried)`` for i below `height` and j below `width`, row by row.

    What the first gets is `initial`, or None where the compiler can know that it is the first.
    """
    builder = emit.builder
    done, ends = builder.append_basic_block("done"), []
    for size in squares:
        square, other = builder.append_basic_block("square"), builder.append_basic_block("other")
        same = [builder.icmp_signed("==", length, emit.constant(size)) for length in (height, width)]
        builder.cbranch(builder.and_(*same), square, other)
        builder.position_at_end(square)
        carried = None
        for i in range(size):
            for j in range(size):
                carried = body(emit.constant(i), emit.constant(j), carried)
        ends.append((carried, builder.block))
        builder.branch(done)
        builder.position_at_end(other)

    def row(i, carried):
        return emit.loop(width, 1, lambda j, carried: body(i, j, carried), carried)

    ends.append((emit.loop(height, 1, row, initial), builder.block))
    builder.branch(done)
    builder.position_at_end(done)
    return [emit.either(*((carried[n], block) for carried, block in ends)) for n in range(len(initial))]


def _windows(emit, image, i, rows, columns, count, body, writes=False):
    """`_each_window`, or several at once where that reads images of few channels faster."""

    def mixed(channels):
        def several(visit, elements, mask):
            body(visit, emit.constant(0), elements, mask)

        read_mixed(emit, image, i, count, channels, several, PREFETCH_LEAST)

    def one_by_one():
        _each_window(emit, image, i, rows, columns, count, body, writes)

    if writes:
        one_by_one()
    else:
        where_mixed(emit, image.shape[2], rows, columns, mixed, one_by_one)


def _each_window(emit, image, i, rows, columns, count, body, writes):
    """Go through the windows of row `i`, of `count` windows; `rows` and `columns` are (kernel_size, stride, padding).

    ``body(visit, number, elements, mask)`` is for one or more vectors of a window's channels: `elements` is where these
    are in an array (windows, C), and `number` is that of the first pixel in the image, counted row by row from the
    first of the whole window. ``visit(update, initial)`` is a loop over the window's pixels in the image:
    ``carried = update(values, number, carried)`` with a vector for each, or where the pass `writes` its address, and
    numbers counted from the first.
    """
    builder, (height, width, channels) = emit.builder, image.shape
    size = columns[0]
    pixel = emit.elements(channels)
    row = builder.mul(width, pixel)

    def cut(i, along, length):
        """Where window `i` would begin, where it begins, and how long it is."""
        kernel_size, stride, padding = along
        first = builder.sub(builder.mul(i, stride), padding)
        last = builder.add(first, kernel_size)
        start = builder.select(builder.icmp_signed(">", first, emit.constant(0)), first, emit.constant(0))
        stop = builder.select(builder.icmp_signed("<", last, length), last, length)
        return first, start, builder.sub(stop, start)

    first_row, top, rows_inside = cut(i, rows, height)
    ahead = builder.mul(rows[1], row)  # bytes to the next row of windows, which is asked for while this one is read
    least = emit.constant(PREFETCH_LEAST)  # or what lies further on, where that row comes before memory can send it
    ahead = builder.select(builder.icmp_signed("<", ahead, least), least, ahead)
    far = builder.icmp_signed(
        ">", ahead, emit.constant(PREFETCH_FAR)
    )  # by then it would have been pushed out of the L1 cache
    ahead = builder.select(far, emit.constant(PREFETCH_NEAR), ahead)

    def window(j, vectors, mask, _):
        first_column, left, columns_inside = cut(j, columns, width)
        start = emit.moved(image.data, builder.mul(top, row), builder.mul(left, pixel))
        number = builder.mul(builder.sub(top, first_row), size)
        number = builder.add(number, builder.sub(left, first_column))

        def visit(update, initial=(), squares=UNROLLED_SIZES):
            def at(i, j, carried):
                address = emit.moved(start, builder.mul(i, row), builder.mul(j, pixel))
                addresses = [emit.moved(address, emit.elements(c)) for c in vectors]
                for address in addresses:
                    emit.prefetch(emit.moved(address, ahead), writes)
                values = addresses if writes else [emit.load(address, mask) for address in addresses]
                return update(values, builder.add(builder.mul(i, size), j), carried)

            return rectangle(emit, rows_inside, columns_inside, squares, at, initial)

        body(visit, number, [builder.add(builder.mul(j, channels), c) for c in vectors], mask)

    along_channels(emit, channels, count, window)


def integers(emit, width):
    """Vectors of unsigned integers of `width` bits, as many to a vector as there are floats."""
    return Vectors(emit.context, emit.builder, types.Integer.from_bitwidth(width, signed=False), emit.lanes)


def window_size(emit, rows, columns):
    """The number of a window's elements in every lane."""
    return emit.broadcast(emit.builder.sitofp(emit.builder.mul(rows[0], columns[0]), emit.element))


def load(emit, array, elements, mask):
    return [emit.load(emit.moved(array.data, emit.elements(element)), mask) for element in elements]


def _store(emit, vectors, array, elements, mask):
    for vector, element in zip(vectors, elements, strict=True):
        emit.store(vector, emit.moved(array.data, emit.elements(element)), mask)


def _sums(emit, totals, values):
    return [emit.builder.fadd(total, value) for total, value in zip(totals, values, strict=True)]


def _larger(emit, value, best):
    """The larger of two, NaN where one is. The first choice is one instruction of x86, which passes over a new NaN."""
    builder = emit.builder
    larger = builder.select(builder.fcmp_ordered(">", value, best), value, best)
    return builder.select(builder.fcmp_unordered("uno", value, value), value, larger)


def _lowest(emit):
    return emit.broadcast(ir.Constant(emit.element, float("-inf")))


@array_pass
def largest(emit, x, i, rows, columns, out):
    """(x, i, rows, columns, out): the largest of each channel, or NaN, of row `i` of windows, in `out` (windows, C).

    ``out[j, c] = max(x[y, z, c], out[j, c])``: 3.2.
    """

    def window(visit, number, elements, mask):
        def update(values, number, best):
            return [_larger(emit, *pair) for pair in zip(values, best, strict=True)] if best else values

        _store(emit, visit(update, [_lowest(emit)] * len(elements)), out, elements, mask)

    _windows(emit, x, i, rows, columns, out.shape[0], window)


@array_pass
def first_largest(emit, x, i, rows, columns, out, where):
    """(x, i, rows, columns, out, where): as `largest`, and the number in its window of the first that is as large.

    ``if x[y, z, c] > out[j, c]: out[j, c], where[j, c] = x[y, z, c], number``: 4.5.
    """
    builder = emit.builder
    # Masks in registers of their own choose among vectors of any width alike, others among those of their own width.
    kept = integers(emit, where.dtype.bitwidth)
    numbers = kept if VECTOR_BYTES == 64 else integers(emit, 8 * emit.itemsize)
    first, zero = ir.Constant(numbers.vector, None), ir.Constant(emit.vector, None)
    lowest = _lowest(emit)  # a window of nothing but -inf has its maximum in the first element

    def window(visit, number, elements, mask):
        base = numbers.broadcast(resized(builder, number, numbers.element))

        def store(bests, wheres):
            _store(emit, bests, out, elements, mask)
            in_window = [resized(builder, builder.add(base, number), kept.vector) for number in wheres]
            _store(kept, in_window, where, elements, mask)

        def ordered(values, number, carried):
            """As if there were no NaN; the sum is NaN where one is, or infinities of both signs."""
            if carried is None:
                return [part for value in values for part in (value, first, value)]
            after, number = [], numbers.broadcast(resized(builder, number, numbers.element))
            for n, value in enumerate(values):
                best, where, total = carried[3 * n : 3 * n + 3]
                takes = builder.fcmp_ordered(">", value, best)
                after += [builder.select(takes, value, best), builder.select(takes, number, where)]
                after.append(builder.fadd(total, value))
            return after

        def exact(values, number, carried):
            after, number = [], numbers.broadcast(resized(builder, number, numbers.element))
            for value, best, where in zip(values, carried[::2], carried[1::2], strict=True):
                takes = builder.fcmp_unordered(">", value, best)  # it is larger, or one of them is NaN: not the best
                takes = builder.and_(takes, builder.fcmp_ordered("ord", best, best))
                after += [builder.select(takes, value, best), builder.select(takes, number, where)]
            return after

        carried = visit(ordered, [lowest, first, zero] * len(elements))
        store(carried[::3], carried[1::3])
        doubtful = functools.reduce(builder.or_, [builder.fcmp_unordered("uno", t, t) for t in carried[2::3]])
        doubtful = builder.bitcast(doubtful, ir.IntType(emit.lanes))
        with builder.if_then(builder.icmp_unsigned("!=", doubtful, ir.Constant(doubtful.type, 0)), likely=False):
            carried = visit(exact, [lowest, first] * len(elements), ())
            store(carried[::2], carried[1::2])

    _windows(emit, x, i, rows, columns, out.shape[0], window)


@array_pass
def mean(emit, x, i, rows, columns, out):
    """(x, i, rows, columns, out): the sum of each channel of row `i` of windows by their size, in `out`.

    ``out[j, c] += x[y, z, c]``, then ``out[j, c] /= size``: 3.6.
    """
    size = window_size(emit, rows, columns)

    def window(visit, number, elements, mask):
        def update(values, number, sums):
            return _sums(emit, sums, values) if sums else values

        sums = visit(update, [ir.Constant(emit.vector, None)] * len(elements))
        _store(emit, [emit.builder.fdiv(total, size) for total in sums], out, elements, mask)

    _windows(emit, x, i, rows, columns, out.shape[0], window)


@array_pass
def to_largest(emit, dout, where, i, rows, columns, dx):
    """(dout, where, i, rows, columns, dx): row `i` of windows, `dout` (windows, C), to its maxima in `dx`.

    ``dx[y, z, c] = dout[j, c] if where[j, c] == number else 0``: 1.3 to 1.8.
    """
    builder = emit.builder
    numbers = integers(emit, where.dtype.bitwidth)

    def window(visit, number, elements, mask):
        gradients = load(emit, dout, elements, mask)
        first = numbers.broadcast(resized(builder, number, numbers.element))
        wheres = [builder.sub(number, first) for number in load(numbers, where, elements, mask)]

        def update(addresses, number, _):
            number = numbers.broadcast(resized(builder, number, numbers.element))
            for address, gradient, where in zip(addresses, gradients, wheres, strict=True):
                here = builder.icmp_unsigned("==", where, number)
                emit.store(builder.select(here, gradient, ir.Constant(emit.vector, None)), address, mask)

        visit(update)

    def mixed(channels):
        write_mixed(emit, numbers, dout, where, i, dx, channels, PREFETCH_LEAST)

    def one_by_one():
        _windows(emit, dx, i, rows, columns, dout.shape[0], window, writes=True)

    where_mixed(emit, dx.shape[2], rows, columns, mixed, one_by_one)


@array_pass
def to_all(emit, dout, i, rows, columns, dx):
    """(dout, i, rows, columns, dx): row `i` of windows, `dout` (windows, C), evenly to their pixels in `dx`.

    ``dx[y, z, c] = dout[j, c] / size``: 1.2 to 1.8.
    """
    size = window_size(emit, rows, columns)

    def window(visit, number, elements, mask):
        shares = [emit.builder.fdiv(gradient, size) for gradient in load(emit, dout, elements, mask)]

        def update(addresses, number, _):
            for address, share in zip(addresses, shares, strict=True):
                emit.store(share, address, mask)

        visit(update)

    _windows(emit, dx, i, rows, columns, dout.shape[0], window, writes=True)


def resized(builder, value, kind):
    """An integer, or a vector of them, with as many bits as `kind` has; it is not negative."""
    bits, wanted = (getattr(k, "element", k).width for k in (value.type, kind))
    if bits == wanted:
        return value
    return builder.trunc(value, kind) if bits > wanted else builder.zext(value, kind)
