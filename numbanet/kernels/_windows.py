"""Passes over the windows of a picture (H, W, C), with what belongs to a window in registers.

The channels of a pixel go in vectors, a few at a time. A window is given by where it was cut at the picture's edges:
rows from `top` to `bottom` and columns from `left` to `right`, at least one of each.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ._vectors import Vectors

VECTORS = 2  # vectors of channels that go over a window together


class _Window:
    """Emits loops over one window; `bounds` are top, bottom, left and right, `width` and `channels` the picture's."""

    def __init__(self, emit, bounds, width, channels):
        self.emit, self.bounds, self.width, self.channels = emit, bounds, width, channels

    def by_channels(self, body):
        """``body(offsets, mask)`` for all channels, with the offsets in bytes of one or more vectors of them."""
        emit, builder = self.emit, self.emit.builder
        together = VECTORS * emit.lanes
        whole = builder.and_(self.channels, emit.constant(-together))

        def several(c, _):
            body([emit.elements(builder.add(c, emit.constant(v * emit.lanes))) for v in range(VECTORS)], None)

        def one(c, _):
            c = builder.add(whole, c)
            body([emit.elements(c)], emit.first_lanes(builder.sub(self.channels, c)))

        emit.loop(whole, together, several)
        emit.loop(builder.sub(self.channels, whole), emit.lanes, one)

    def by_pixels(self, body, initial=(), rows=None):
        """``carried = body(pixel, carried)`` for each pixel, by its number in the picture; `rows` are fewer of them."""
        emit, builder, (top, bottom, left, right) = self.emit, self.emit.builder, self.bounds
        top, bottom = rows or (top, bottom)

        def row(i, carried):
            first = builder.add(builder.mul(builder.add(top, i), self.width), left)
            return emit.loop(builder.sub(right, left), 1, lambda j, c: body(builder.add(first, j), c), carried)

        return emit.loop(builder.sub(bottom, top), 1, row, initial)

    def place(self, data, pixel, offset):
        """Where the channels at `offset` of a pixel are."""
        return self.emit.moved(data, self.emit.elements(self.emit.builder.mul(pixel, self.channels)), offset)


def _arguments(context, builder, signature, args):
    """The emitter, and (data, shape) of each array, or the value, of an intrinsic's arguments."""
    kinds, values = signature.args[0].types, cgutils.unpack_tuple(builder, args[0])
    emit = Vectors(context, builder, kinds[0].dtype)
    return emit, [
        (emit.array(kind, value)[0], emit.shape(kind, value)) if isinstance(kind, types.Array) else value
        for kind, value in zip(kinds, values, strict=True)
    ]


def _intrinsic(emit_all):
    """An intrinsic that returns nothing, from ``emit_all(emit, *arguments)``."""

    @intrinsic
    def function(typing_context, *arguments):
        def codegen(context, builder, signature, args):
            emit, values = _arguments(context, builder, signature, args)
            emit_all(emit, *values)
            return context.get_dummy_value()

        return types.void(types.StarArgTuple.from_types(arguments)), codegen

    return function


def _exceeds(emit, value, best):
    """Whether `value` takes the place of `best`: it is larger, or the first NaN."""
    builder = emit.builder
    return builder.and_(builder.fcmp_unordered(">", value, best), builder.fcmp_ordered("ord", best, best))


def _lowest(emit):
    return emit.spread(ir.Constant(emit.element, float("-inf")))


@_intrinsic
def largest(emit, x, top, bottom, left, right, out):
    """(x, top, bottom, left, right, out): `out` (C,) is the largest element of each channel, or NaN."""
    builder, (data, (_, width, channels)) = emit.builder, x
    window = _Window(emit, (top, bottom, left, right), width, channels)

    def body(offsets, mask):
        def pixel(number, best):
            values = [emit.load(window.place(data, number, at), mask) for at in offsets]
            return [
                builder.select(_exceeds(emit, value, so_far), value, so_far)
                for value, so_far in zip(values, best, strict=True)
            ]

        for at, value in zip(offsets, window.by_pixels(pixel, [_lowest(emit)] * len(offsets)), strict=True):
            emit.store(value, emit.moved(out[0], at), mask)

    window.by_channels(body)


@_intrinsic
def mean(emit, x, top, bottom, left, right, area, out):
    """(x, top, bottom, left, right, area, out): `out` (C,) is the sum of each channel by `area`."""
    builder, (data, (_, width, channels)) = emit.builder, x
    window = _Window(emit, (top, bottom, left, right), width, channels)
    area = emit.spread(area)

    def body(offsets, mask):
        def pixel(number, sums):
            values = [emit.load(window.place(data, number, at), mask) for at in offsets]
            return [builder.fadd(total, value) for total, value in zip(sums, values, strict=True)]

        zero = ir.Constant(emit.vector, None)
        for at, total in zip(offsets, window.by_pixels(pixel, [zero] * len(offsets)), strict=True):
            emit.store(builder.fdiv(total, area), emit.moved(out[0], at), mask)

    window.by_channels(body)


def _to_largest(add):
    @_intrinsic
    def gradient(emit, dout, x, top, bottom, left, right, first, last, dx):
        """(dout, x, top, bottom, left, right, first, last, dx): `dout` (C,) to the largest pixel, 0 to the others.

        Only rows from `first` to `last` are written.
        """
        builder, (data, (_, width, channels)) = emit.builder, x
        window = _Window(emit, (top, bottom, left, right), width, channels)
        numbers = Vectors(emit.context, builder, types.int32 if emit.itemsize == 4 else types.int64)

        def spread(number):
            return numbers.spread(builder.trunc(number, numbers.element) if emit.itemsize == 4 else number)

        def body(offsets, mask):
            def seek(number, carried):
                after, number_everywhere = [], spread(number)
                for v, at in enumerate(offsets):
                    best, where = carried[2 * v : 2 * v + 2]
                    value = emit.load(window.place(data, number, at), mask)
                    takes = _exceeds(emit, value, best)
                    after += [builder.select(takes, value, best), builder.select(takes, number_everywhere, where)]
                return after

            start = spread(builder.add(builder.mul(top, width), left))
            wheres = window.by_pixels(seek, [_lowest(emit), start] * len(offsets))[1::2]
            gradients = [emit.load(emit.moved(dout[0], at), mask) for at in offsets]

            def give(number, _):
                number_everywhere = spread(number)
                for at, where, value in zip(offsets, wheres, gradients, strict=True):
                    here = builder.icmp_signed("==", where, number_everywhere)
                    value = builder.select(here, value, ir.Constant(emit.vector, None))
                    _give(emit, value, window.place(dx[0], number, at), mask, add)

            window.by_pixels(give, rows=(first, last))

        window.by_channels(body)

    return gradient


def _evenly(add):
    @_intrinsic
    def gradient(emit, dout, area, top, bottom, left, right, dx):
        """(dout, area, top, bottom, left, right, dx): `dout` (C,) by `area` to every pixel."""
        _, width, channels = dx[1]
        window = _Window(emit, (top, bottom, left, right), width, channels)
        area = emit.spread(area)

        def body(offsets, mask):
            shares = [emit.builder.fdiv(emit.load(emit.moved(dout[0], at), mask), area) for at in offsets]

            def give(number, _):
                for at, share in zip(offsets, shares, strict=True):
                    _give(emit, share, window.place(dx[0], number, at), mask, add)

            window.by_pixels(give)

        window.by_channels(body)

    return gradient


def _give(emit, value, place, mask, add):
    """Write `value`, or add it to what is there."""
    emit.store(emit.builder.fadd(emit.load(place, mask), value) if add else value, place, mask)


write_to_largest, add_to_largest = _to_largest(False), _to_largest(True)
write_evenly, add_evenly = _evenly(False), _evenly(True)
