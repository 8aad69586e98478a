"""Windows of 2 x 2 side by side, in images of so few channels that a vector holds those of several windows.

Whole vectors of rows are read or written, and lanes are picked, in the place of a part of a vector for each pixel.
"""

import functools
import math

from llvmlite import ir

from .transpose import picked

CHANNELS = (6, 8)  # for which this is written out
SIZE = 2  # of a window, and how far it moves


def _is(emit, channels, depth, *along):
    """Whether there are so many `channels`, and windows are of this kind, (kernel_size, stride, padding) `along`."""
    pairs = [(depth, channels), *((value, n) for axis in along for value, n in zip(axis, (SIZE, SIZE, 0), strict=True))]
    return functools.reduce(
        emit.builder.and_, (emit.builder.icmp_signed("==", value, emit.constant(n)) for value, n in pairs)
    )


def where_mixed(emit, depth, rows, columns, body, otherwise):
    """``body(channels)`` for windows and images of this kind, else ``otherwise()``."""
    builder = emit.builder
    done = builder.append_basic_block("windows_done")
    for channels in CHANNELS:
        if channels % emit.lanes:
            with builder.if_then(_is(emit, channels, depth, rows, columns)):
                body(channels)
                builder.branch(done)
    otherwise()
    builder.branch(done)
    builder.position_at_end(done)


def _vectors(emit, channels):
    """Vectors of a row of windows that whole windows fill."""
    return channels // math.gcd(channels, emit.lanes)


def read_mixed(emit, image, i, count, channels, body, ahead):
    """Row `i` of `count` windows; ``body(visit, elements, mask)`` for each vector of the row, as in `windows`."""
    builder, lanes, vectors = emit.builder, emit.lanes, _vectors(emit, channels)
    row, length = (builder.mul(n, emit.constant(channels)) for n in (image.shape[1], count))
    top = builder.mul(builder.mul(i, emit.constant(SIZE)), row)

    def some(start, _):
        pixels = []
        for y in range(SIZE):
            line = emit.moved(image.data, emit.elements(builder.add(top, builder.mul(row, emit.constant(y)))))
            loaded = []
            for n in range(SIZE * vectors):
                element = builder.add(builder.mul(start, emit.constant(SIZE)), emit.constant(n * lanes))
                address = emit.moved(line, emit.elements(element))
                emit.prefetch(emit.moved(address, emit.constant(ahead)))
                loaded.append(emit.load(address, emit.tail_mask(builder.sub(row, element))))
            pixels.append(loaded)
        for v in range(vectors):
            element = builder.add(start, emit.constant(v * lanes))
            windows = [divmod(v * lanes + lane, channels) for lane in range(lanes)]

            def visit(update, initial=(), squares=True, windows=windows):
                carried = None if squares else initial
                for y in range(SIZE):
                    for x in range(SIZE):
                        sources = [divmod((SIZE * window + x) * channels + c, lanes) for window, c in windows]
                        number = emit.constant(y * SIZE + x)
                        carried = update([picked(emit, pixels[y], sources)], number, carried)
                return carried

            body(visit, [element], emit.tail_mask(builder.sub(length, element)))

    emit.loop(length, vectors * lanes, some)


def write_mixed(emit, numbers, dout, where, i, dx, channels, ahead):
    """Row `i` of windows, `dout` (windows, C), to where its maxima are in `dx`; `numbers` emits vectors of `where`."""
    builder, lanes, vectors = emit.builder, emit.lanes, _vectors(emit, channels)
    row, length = (builder.mul(n, emit.constant(channels)) for n in (dx.shape[1], dout.shape[0]))
    top = builder.mul(builder.mul(i, emit.constant(SIZE)), row)
    wide = ir.VectorType(ir.IntType(8 * emit.itemsize), lanes)

    def some(start, _):
        gradients, places = [], []
        for v in range(vectors):
            element = builder.add(start, emit.constant(v * lanes))
            mask = emit.tail_mask(builder.sub(length, element))
            gradients.append(emit.load(emit.moved(dout.data, emit.elements(element)), mask))
            place = numbers.load(numbers.moved(where.data, numbers.elements(element)), mask)
            places.append(builder.zext(place, wide) if place.type != wide else place)
        for n in range(SIZE * vectors):
            pixels = [divmod(n * lanes + lane, channels) for lane in range(lanes)]
            sources = [divmod(pixel // SIZE * channels + c, lanes) for pixel, c in pixels]
            gradient, place = (picked(emit, vectors, sources) for vectors in (gradients, places))
            element = builder.add(builder.mul(start, emit.constant(SIZE)), emit.constant(n * lanes))
            mask = emit.tail_mask(builder.sub(builder.mul(length, emit.constant(SIZE)), element))
            for y in range(SIZE):
                mine = ir.Constant(wide, [y * SIZE + pixel % SIZE for pixel, _ in pixels])
                here = builder.icmp_unsigned("==", place, mine)
                at = builder.add(builder.add(top, builder.mul(row, emit.constant(y))), element)
                value = builder.select(here, gradient, ir.Constant(emit.vector, None))
                address = emit.moved(dx.data, emit.elements(at))
                emit.prefetch(emit.moved(address, emit.constant(ahead)), write=True)
                emit.store(value, address, mask)

    emit.loop(length, vectors * lanes, some)
