"""Passes over the windows of a picture (H, W, C), with what belongs to a window or a pixel in registers.

The channels of a pixel go in vectors, a few at a time. Window i has its rows from ``i stride - pad`` on, `window` of
them, or what lies in the picture, and its columns likewise.
"""

from typing import NamedTuple

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ._vectors import Vectors

VECTORS = (4, 2)  # vectors of channels that go along a row together
FORWARD, BACKWARD = (2, 3), (1, 2)  # loops over so many rows and columns are written out in full


class _Array(NamedTuple):
    data: ir.Value
    shape: list
    dtype: types.Type


def _pass(emit_all):
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


def _along(emit, channels, count, body, initial=()):
    """``carried = body(i, vectors, mask, carried)`` for i below `count`, for all channels.

    `vectors` are the numbers of the channels that one or more vectors begin at; `mask` is the lanes to work on.
    """
    builder = emit.builder
    done = emit.constant(0)
    for together in VECTORS:
        width = together * emit.lanes
        whole = builder.and_(builder.sub(channels, done), emit.constant(-width))

        def several(c, _, done=done, together=together):
            c = builder.add(done, c)
            vectors = [builder.add(c, emit.constant(v * emit.lanes)) for v in range(together)]
            emit.loop(count, 1, lambda i, carried: body(i, vectors, None, carried), initial)

        emit.loop(whole, width, several)
        done = builder.add(done, whole)

    def one(c, _):
        c = builder.add(done, c)
        mask = emit.first_lanes(builder.sub(channels, c))
        emit.loop(count, 1, lambda i, carried: body(i, [c], mask, carried), initial)

    emit.loop(builder.sub(channels, done), emit.lanes, one)


def _rectangle(emit, height, width, squares, body, initial):
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


def _windows(emit, picture, i, rows, columns, count, body):
    """Go through the windows of row `i`, of `count` windows; `rows` and `columns` are (window, stride, pad).

    ``body(visit, number, elements, mask)`` is for one or more vectors of a window's channels: `elements` is where these
    are in an array (windows, C), and `number` is that of the first pixel in the picture, counted row by row from the
    first of the whole window. ``visit(update, initial)`` is a loop over the window's pixels in the picture:
    ``carried = update(places, number, carried)`` with a place for each vector, and numbers counted from the first.
    """
    builder, (height, width, channels) = emit.builder, picture.shape
    size = columns[0]
    pixel = emit.elements(channels)
    row = builder.mul(width, pixel)

    def cut(i, along, length):
        """Where window `i` would begin, where it begins, and how long it is."""
        window, stride, pad = along
        first = builder.sub(builder.mul(i, stride), pad)
        last = builder.add(first, window)
        start = builder.select(builder.icmp_signed(">", first, emit.constant(0)), first, emit.constant(0))
        stop = builder.select(builder.icmp_signed("<", last, length), last, length)
        return first, start, builder.sub(stop, start)

    first_row, top, rows_inside = cut(i, rows, height)

    def window(j, vectors, mask, _):
        first_column, left, columns_inside = cut(j, columns, width)
        start = emit.moved(picture.data, builder.mul(top, row), builder.mul(left, pixel))
        number = builder.mul(builder.sub(top, first_row), size)
        number = builder.add(number, builder.sub(left, first_column))

        def visit(update, initial=()):
            def at(i, j, carried):
                place = emit.moved(start, builder.mul(i, row), builder.mul(j, pixel))
                places = [emit.moved(place, emit.elements(c)) for c in vectors]
                return update(places, builder.add(builder.mul(i, size), j), carried)

            return _rectangle(emit, rows_inside, columns_inside, FORWARD, at, initial)

        body(visit, number, [builder.add(builder.mul(j, channels), c) for c in vectors], mask)

    _along(emit, channels, count, window)


def _pixels(emit, dout, r, first, last, rows, columns, dx, values, finish):
    """Go through the pixels of row `r`: each gets the sum of ``values(elements, number, mask)`` over its windows.

    These are in the rows of windows from `first` to `last`; `elements` are where vectors of the window are in an array
    of the shape of `dout`, and `number` is that of the pixel in the window. ``finish(sum)`` goes into `dx` (W, C).
    """
    builder = emit.builder
    (_, count, channels), width = dout.shape, dx.shape[0]
    (_, row_stride, row_pad), (size, stride, pad) = rows, columns
    # Windows from `begun` on reach to the pixel; `ahead` is the first that begins after it.
    ahead = builder.add(builder.sdiv(pad, stride), emit.constant(1))
    ahead = builder.select(builder.icmp_signed("<", ahead, count), ahead, count)

    def pixel(c, vectors, mask, carried):
        begun, ahead = carried
        position = builder.add(c, pad)
        ends = builder.add(builder.mul(begun, stride), size)
        begun = builder.add(begun, builder.zext(builder.icmp_signed("<=", ends, position), emit.index))
        begins = builder.icmp_signed("<=", builder.mul(ahead, stride), position)
        begins = builder.and_(begins, builder.icmp_signed("<", ahead, count))
        ahead = builder.add(ahead, builder.zext(begins, emit.index))

        def visit(i, j, sums):
            i, j = builder.add(first, i), builder.add(begun, j)
            row = builder.sub(builder.add(r, row_pad), builder.mul(i, row_stride))
            number = builder.add(builder.mul(row, size), builder.sub(position, builder.mul(j, stride)))
            place = builder.mul(builder.add(builder.mul(i, count), j), channels)
            parts = values([builder.add(place, channel) for channel in vectors], number, mask)
            return _sums(emit, sums, parts) if sums else parts

        zero = ir.Constant(emit.vector, None)
        height, across = builder.sub(last, first), builder.sub(ahead, begun)
        sums = _rectangle(emit, height, across, BACKWARD, visit, [zero] * len(vectors))
        for channel, total in zip(vectors, sums, strict=True):
            place = emit.elements(builder.add(builder.mul(c, channels), channel))
            emit.store(finish(total), emit.moved(dx.data, place), mask)
        return begun, ahead

    _along(emit, channels, width, pixel, [emit.constant(0), ahead])


def _integers(emit, width):
    """Vectors of unsigned integers of `width` bits, as many to a vector as there are floats."""
    return Vectors(emit.context, emit.builder, types.Integer.from_bitwidth(width, signed=False), emit.lanes)


def _size(emit, rows, columns):
    """The number of a window's elements in every lane."""
    return emit.spread(emit.builder.sitofp(emit.builder.mul(rows[0], columns[0]), emit.element))


def _load(emit, array, elements, mask):
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
    return emit.spread(ir.Constant(emit.element, float("-inf")))


@_pass
def largest(emit, x, i, rows, columns, out):
    """(x, i, rows, columns, out): the largest of each channel, or NaN, of row `i` of windows, in `out` (windows, C)."""

    def window(visit, number, elements, mask):
        def update(places, number, best):
            values = [emit.load(place, mask) for place in places]
            return [_larger(emit, *pair) for pair in zip(values, best, strict=True)] if best else values

        _store(emit, visit(update, [_lowest(emit)] * len(elements)), out, elements, mask)

    _windows(emit, x, i, rows, columns, out.shape[0], window)


@_pass
def first_largest(emit, x, i, rows, columns, out, where):
    """(x, i, rows, columns, out, where): as `largest`, and the number in its window of the first that is as large."""
    builder = emit.builder
    numbers, kept = _integers(emit, 8 * emit.itemsize), _integers(emit, where.dtype.bitwidth)
    first = ir.Constant(numbers.vector, None)  # where a window of nothing but -inf has its maximum

    def window(visit, number, elements, mask):
        def update(places, number, carried):
            values = [emit.load(place, mask) for place in places]
            if carried is None:
                return [part for value in values for part in (value, first)]
            after, number = [], numbers.spread(_resized(builder, number, numbers.element))
            for value, best, where in zip(values, carried[::2], carried[1::2], strict=True):
                takes = builder.fcmp_unordered(">", value, best)  # it is larger, or one of them is NaN: not the best
                takes = builder.and_(takes, builder.fcmp_ordered("ord", best, best))
                after += [builder.select(takes, value, best), builder.select(takes, number, where)]
            return after

        carried = visit(update, [_lowest(emit), first] * len(elements))
        _store(emit, carried[::2], out, elements, mask)
        number = numbers.spread(_resized(builder, number, numbers.element))
        places = [_resized(builder, builder.add(number, place), kept.vector) for place in carried[1::2]]
        _store(kept, places, where, elements, mask)

    _windows(emit, x, i, rows, columns, out.shape[0], window)


@_pass
def mean(emit, x, i, rows, columns, out):
    """(x, i, rows, columns, out): the sum of each channel of row `i` of windows by their size, in `out`."""
    size = _size(emit, rows, columns)

    def window(visit, number, elements, mask):
        def update(places, number, sums):
            values = [emit.load(place, mask) for place in places]
            return _sums(emit, sums, values) if sums else values

        sums = visit(update, [ir.Constant(emit.vector, None)] * len(elements))
        _store(emit, [emit.builder.fdiv(total, size) for total in sums], out, elements, mask)

    _windows(emit, x, i, rows, columns, out.shape[0], window)


# Backward, windows that do not overlap: each writes its pixels.


@_pass
def to_largest(emit, dout, where, i, rows, columns, dx):
    """(dout, where, i, rows, columns, dx): row `i` of windows, `dout` (windows, C), to its maxima in `dx`."""
    builder = emit.builder
    numbers = _integers(emit, where.dtype.bitwidth)

    def window(visit, number, elements, mask):
        gradients = _load(emit, dout, elements, mask)
        first = numbers.spread(_resized(builder, number, numbers.element))
        wheres = [builder.sub(place, first) for place in _load(numbers, where, elements, mask)]

        def update(places, number, _):
            number = numbers.spread(_resized(builder, number, numbers.element))
            for place, gradient, where in zip(places, gradients, wheres, strict=True):
                here = builder.icmp_unsigned("==", where, number)
                emit.store(builder.select(here, gradient, ir.Constant(emit.vector, None)), place, mask)

        visit(update)

    _windows(emit, dx, i, rows, columns, dout.shape[0], window)


@_pass
def to_all(emit, dout, i, rows, columns, dx):
    """(dout, i, rows, columns, dx): row `i` of windows, `dout` (windows, C), evenly to their pixels in `dx`."""
    size = _size(emit, rows, columns)

    def window(visit, number, elements, mask):
        shares = [emit.builder.fdiv(gradient, size) for gradient in _load(emit, dout, elements, mask)]

        def update(places, number, _):
            for place, share in zip(places, shares, strict=True):
                emit.store(share, place, mask)

        visit(update)

    _windows(emit, dx, i, rows, columns, dout.shape[0], window)


# Backward, windows that overlap: each pixel adds up what its windows give it.


@_pass
def from_largest(emit, dout, where, r, first, last, rows, columns, dx):
    """(dout, where, r, first, last, rows, columns, dx): row `r` of `dx`, from the windows whose maximum was there."""
    builder = emit.builder
    numbers = _integers(emit, where.dtype.bitwidth)

    def values(elements, number, mask):
        number, zero = numbers.spread(_resized(builder, number, numbers.element)), ir.Constant(emit.vector, None)
        pairs = zip(_load(emit, dout, elements, mask), _load(numbers, where, elements, mask), strict=True)
        return [builder.select(builder.icmp_unsigned("==", where, number), value, zero) for value, where in pairs]

    _pixels(emit, dout, r, first, last, rows, columns, dx, values, lambda total: total)


@_pass
def from_mean(emit, dout, r, first, last, rows, columns, dx):
    """(dout, r, first, last, rows, columns, dx): row `r` of `dx`, an even share of each window that it is in."""
    size = _size(emit, rows, columns)

    def values(elements, number, mask):
        return _load(emit, dout, elements, mask)

    _pixels(emit, dout, r, first, last, rows, columns, dx, values, lambda total: emit.builder.fdiv(total, size))


def _resized(builder, value, kind):
    """An integer, or a vector of them, with as many bits as `kind` has; it is not negative."""
    bits, wanted = (getattr(k, "element", k).width for k in (value.type, kind))
    if bits == wanted:
        return value
    return builder.trunc(value, kind) if bits > wanted else builder.zext(value, kind)
