"""Passes over a row of windows of a picture (H, W, C), with what belongs to a window in registers.

The channels of a pixel go in vectors, a few at a time. The row of windows has its rows of the picture from `top` to
`bottom`, at least one; window j its columns from ``j stride - pad`` on, `window` of them, or what lies in the picture.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ._vectors import Vectors

VECTORS = 2  # vectors of channels that go over a window together
SQUARES = (2, 3)  # windows of so many rows and columns are written out in full


class _Row:
    """Emits loops over one row of windows; `across` is (window, stride, pad), `shape` that of the picture."""

    def __init__(self, emit, shape, top, bottom, across, count):
        _, width, channels = shape
        self.emit, self.channels, self.width, self.count = emit, channels, width, count
        self.top, self.bottom, self.across = top, bottom, across
        self.pixel_bytes = emit.elements(channels)
        self.row_bytes = emit.builder.mul(width, self.pixel_bytes)

    def windows(self, body):
        """``body(window, target, offsets, mask)`` for each window and one or more vectors of channels.

        `target` is the offset in bytes of the window's pixel in an array (windows, C), `offsets` those of vectors in
        a pixel, and `mask` the lanes that there are channels for.
        """
        emit, builder = self.emit, self.emit.builder
        size, stride, pad = self.across
        together = VECTORS * emit.lanes
        whole = builder.and_(self.channels, emit.constant(-together))

        def along(offsets, mask):
            def window(j, _):
                first = builder.sub(builder.mul(j, stride), pad)
                left, right = self._larger(first, emit.constant(0)), self._smaller(builder.add(first, size), self.width)
                body((left, right), builder.mul(j, self.pixel_bytes), offsets, mask)

            emit.loop(self.count, 1, window)

        def several(c, _):
            along([emit.elements(builder.add(c, emit.constant(v * emit.lanes))) for v in range(VECTORS)], None)

        def one(c, _):
            c = builder.add(whole, c)
            along([emit.elements(c)], emit.first_lanes(builder.sub(self.channels, c)))

        emit.loop(whole, together, several)
        emit.loop(builder.sub(self.channels, whole), emit.lanes, one)

    def pixels(self, window, body, initial=(), rows=None):
        """``carried = body(offset, number, carried)`` for each pixel of a window, or of some of its `rows`.

        `offset` is in bytes, of the pixel in the picture; pixels are numbered row by row from the window's first.
        """
        emit, builder, (left, right) = self.emit, self.emit.builder, window
        top, bottom = rows or (self.top, self.bottom)
        height, width = builder.sub(bottom, top), builder.sub(right, left)
        start = builder.add(builder.mul(top, self.row_bytes), builder.mul(left, self.pixel_bytes))
        number = builder.mul(builder.sub(top, self.top), width)
        done, ends = builder.append_basic_block("pixels"), []

        def pixel(i, j, carried):
            i_bytes, j_bytes = builder.mul(i, self.row_bytes), builder.mul(j, self.pixel_bytes)
            offset = builder.add(start, builder.add(i_bytes, j_bytes))
            return body(offset, builder.add(number, builder.add(builder.mul(i, width), j)), carried) or ()

        for size in SQUARES:
            square, other = builder.append_basic_block("square"), builder.append_basic_block("other")
            size = emit.constant(size)
            same = [builder.icmp_signed("==", length, size) for length in (height, width)]
            builder.cbranch(builder.and_(*same), square, other)
            builder.position_at_end(square)
            carried = initial
            for i in range(size.constant):
                for j in range(size.constant):
                    carried = pixel(emit.constant(i), emit.constant(j), carried)
            ends.append((carried, builder.block))
            builder.branch(done)
            builder.position_at_end(other)

        def row(i, carried):
            return emit.loop(width, 1, lambda j, carried: pixel(i, j, carried), carried)

        ends.append((emit.loop(height, 1, row, initial), builder.block))
        builder.branch(done)
        builder.position_at_end(done)
        return [emit.either(*((carried[n], block) for carried, block in ends)) for n in range(len(initial))]

    def _larger(self, a, b):
        return self.emit.builder.select(self.emit.builder.icmp_signed(">", a, b), a, b)

    def _smaller(self, a, b):
        return self.emit.builder.select(self.emit.builder.icmp_signed("<", a, b), a, b)


def _pass(emit_all):
    """An intrinsic that returns nothing, from ``emit_all(emit, *arguments)``: arrays come as (data, shape)."""

    @intrinsic
    def function(typing_context, *arguments):
        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, arguments[0].dtype)
            values = [
                (emit.array(kind, value)[0], emit.shape(kind, value)) if isinstance(kind, types.Array) else value
                for kind, value in zip(arguments, cgutils.unpack_tuple(builder, args[0]), strict=True)
            ]
            emit_all(emit, *values)
            return context.get_dummy_value()

        return types.void(types.StarArgTuple.from_types(arguments)), codegen

    return function


def _is_nan(emit, value):
    return emit.builder.fcmp_unordered("uno", value, value)


def _larger(emit, value, best):
    """The larger of two; NaN where one is. In this form the first choice is one instruction of x86."""
    larger = emit.builder.select(emit.builder.fcmp_ordered(">", value, best), value, best)
    return emit.builder.select(_is_nan(emit, value), value, larger)


def _lowest(emit):
    return emit.spread(ir.Constant(emit.element, float("-inf")))


@_pass
def largest(emit, x, top, bottom, window, stride, pad, out):
    """(x, top, bottom, window, stride, pad, out): the largest of each channel, or NaN, in `out` (windows, C)."""
    row = _Row(emit, x[1], top, bottom, (window, stride, pad), out[1][0])

    def body(window, target, offsets, mask):
        def pixel(offset, number, best):
            values = [emit.load(emit.moved(x[0], offset, at), mask) for at in offsets]
            return [_larger(emit, value, so_far) for value, so_far in zip(values, best, strict=True)]

        best = row.pixels(window, pixel, [_lowest(emit)] * len(offsets))
        for at, value in zip(offsets, best, strict=True):
            emit.store(value, emit.moved(out[0], target, at), mask)

    row.windows(body)


@_pass
def mean(emit, x, top, bottom, window, stride, pad, area, out):
    """(x, top, bottom, window, stride, pad, area, out): the sum of each channel by `area`, in `out` (windows, C)."""
    row, area = _Row(emit, x[1], top, bottom, (window, stride, pad), out[1][0]), emit.spread(area)

    def body(window, target, offsets, mask):
        def pixel(offset, number, sums):
            values = [emit.load(emit.moved(x[0], offset, at), mask) for at in offsets]
            return [emit.builder.fadd(total, value) for total, value in zip(sums, values, strict=True)]

        sums = row.pixels(window, pixel, [ir.Constant(emit.vector, None)] * len(offsets))
        for at, total in zip(offsets, sums, strict=True):
            emit.store(emit.builder.fdiv(total, area), emit.moved(out[0], target, at), mask)

    row.windows(body)


def _to_largest(add):
    @_pass
    def gradient(emit, dout, x, top, bottom, window, stride, pad, first, last, dx):
        """(dout, x, top, bottom, window, stride, pad, first, last, dx): `dout` (windows, C) to the largest pixels.

        The others get 0. Only rows from `first` to `last` of `dx` are written, or added to.
        """
        builder = emit.builder
        row = _Row(emit, x[1], top, bottom, (window, stride, pad), dout[1][0])
        numbers = Vectors(emit.context, builder, types.int32 if emit.itemsize == 4 else types.int64)

        def spread(number):
            return numbers.spread(builder.trunc(number, numbers.element) if emit.itemsize == 4 else number)

        def body(window, target, offsets, mask):
            def seek(offset, number, carried):
                after, number = [], spread(number)
                for v, at in enumerate(offsets):
                    best, where = carried[2 * v : 2 * v + 2]
                    value = emit.load(emit.moved(x[0], offset, at), mask)
                    takes = builder.fcmp_unordered(">", value, best)  # larger, or one of them is NaN: not the latter
                    takes = builder.and_(takes, builder.fcmp_ordered("ord", best, best))
                    after += [_larger(emit, value, best), builder.select(takes, number, where)]
                return after

            none = [_lowest(emit), ir.Constant(numbers.vector, None)]
            wheres = row.pixels(window, seek, none * len(offsets))[1::2]
            gradients = [emit.load(emit.moved(dout[0], target, at), mask) for at in offsets]

            def give(offset, number, _):
                number = spread(number)
                for at, where, value in zip(offsets, wheres, gradients, strict=True):
                    here = builder.icmp_signed("==", where, number)
                    value = builder.select(here, value, ir.Constant(emit.vector, None))
                    _give(emit, value, emit.moved(dx[0], offset, at), mask, add)

            row.pixels(window, give, rows=(first, last))

        row.windows(body)

    return gradient


def _evenly(add):
    @_pass
    def gradient(emit, dout, area, top, bottom, window, stride, pad, dx):
        """(dout, area, top, bottom, window, stride, pad, dx): `dout` (windows, C) by `area` to every pixel."""
        row, area = _Row(emit, dx[1], top, bottom, (window, stride, pad), dout[1][0]), emit.spread(area)

        def body(window, target, offsets, mask):
            gradients = [emit.load(emit.moved(dout[0], target, at), mask) for at in offsets]
            shares = [emit.builder.fdiv(gradient, area) for gradient in gradients]

            def give(offset, number, _):
                for at, share in zip(offsets, shares, strict=True):
                    _give(emit, share, emit.moved(dx[0], offset, at), mask, add)

            row.pixels(window, give)

        row.windows(body)

    return gradient


def _give(emit, value, place, mask, add):
    """Write `value`, or add it to what is there."""
    emit.store(emit.builder.fadd(emit.load(place, mask), value) if add else value, place, mask)


write_to_largest, add_to_largest = _to_largest(False), _to_largest(True)
write_evenly, add_evenly = _evenly(False), _evenly(True)
