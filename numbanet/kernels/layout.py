"""Where pictures' numbers lie in memory, and sums of two arrays.

N pictures, C channels, P pixels. Parallel over pictures and blocks of pixels, which each write their own; `add` over
the elements.
"""

from numba import prange, types
from numba.extending import intrinsic

from ._jit import serial
from ._parallel import kernel
from ._vectors import Vectors

TURN_NS, ADD_NS = 0.3, 0.12  # an element, on one core
BLOCK = 256  # pixels


@intrinsic
def _transpose(typing_context, a, out):
    """(a, out): ``out = aᵀ``, in squares of a vector's width that are turned round in registers.

    The rows of either are contiguous.
    """

    def codegen(context, builder, signature, args):
        emit = Vectors(context, builder, a.dtype)
        (a_data, (a_stride, _)), (out_data, (out_stride, _)) = map(emit.array, (a, out), args)
        rows, columns = emit.shape(a, args[0])

        def part(index, count, other):
            """The mask of the first `other` lanes, or of none in a row from `count` on."""
            return emit.first_lanes(builder.select(builder.icmp_signed("<", index, count), other, emit.constant(0)))

        def square(i, j):
            lanes = [emit.constant(lane) for lane in range(emit.lanes)]
            loaded = []
            for lane in lanes:
                row = builder.add(i, lane)
                place = emit.moved(a_data, builder.mul(row, a_stride), emit.elements(j))
                loaded.append(emit.load(place, part(row, rows, builder.sub(columns, j))))
            for lane, vector in zip(lanes, emit.transposed(loaded), strict=True):
                column = builder.add(j, lane)
                place = emit.moved(out_data, builder.mul(column, out_stride), emit.elements(i))
                emit.store(vector, place, part(column, columns, builder.sub(rows, i)))

        emit.loop(columns, emit.lanes, lambda j, _: emit.loop(rows, emit.lanes, lambda i, _: square(i, j)))
        return context.get_dummy_value()

    return types.void(a, out), codegen


@serial
def _copy(x, out):
    for i in range(x.size):
        out[i] = x[i]


@kernel(TURN_NS)
def channels_last(x, out):
    n, channels, pixels = x.shape
    blocks = (pixels + BLOCK - 1) // BLOCK
    for task in prange(n * blocks):
        picture, first = task // blocks, task % blocks * BLOCK
        part = slice(first, min(first + BLOCK, pixels))
        if channels == 1:
            _copy(x[picture, 0, part], out[picture, part].reshape(-1))
        else:
            _transpose(x[picture, :, part], out[picture, part])


@kernel(TURN_NS)
def channels_first(x, out):
    n, pixels, channels = x.shape
    blocks = (pixels + BLOCK - 1) // BLOCK
    for task in prange(n * blocks):
        picture, first = task // blocks, task % blocks * BLOCK
        part = slice(first, min(first + BLOCK, pixels))
        if channels == 1:
            _copy(x[picture, part].reshape(-1), out[picture, 0, part])
        else:
            _transpose(x[picture, part], out[picture, :, part])


@kernel(ADD_NS)
def add(x, y, out):
    for i in prange(x.size):
        out[i] = x[i] + y[i]
