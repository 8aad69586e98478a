"""A matrix with its rows and columns exchanged, in registers."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import INT32, Vectors

MIXED_CHANNELS = (
    1,
    2,
    3,
    4,
)  # channels whose vectors are shuffled rather than transposed in squares, which they would not fill


@intrinsic
def transpose(typing_context, a, out):
    """(a, out): ``out = aᵀ``. The rows of either are contiguous.

    3.1 times faster for 3 channels, 4 for 64, than ``for i in range(rows): for j in range(columns): out[j, i] = a[i,
    j]``, which stores single numbers.
    """

    def codegen(context, builder, signature, args):
        emit = Vectors(context, builder, a.dtype)
        arrays = [emit.array(kind, value) for kind, value in zip((a, out), args, strict=True)]
        rows, columns = emit.shape(a, args[0])
        done = builder.append_basic_block("transposed")
        for count in MIXED_CHANNELS:
            for channels, pixels, mix in ((rows, columns, True), (columns, rows, False)):
                # A few pixels of many channels may look the same, but do not follow each other.
                stride, pitch = (arrays[side][1][0] for side in (not mix, mix))
                few = builder.icmp_signed("==", channels, emit.constant(count))
                dense = builder.icmp_signed("==", pitch, emit.elements(channels))
                with builder.if_then(builder.and_(few, dense)):
                    _mix(emit, *arrays, stride, pixels, count, mix)
                    builder.branch(done)
        _squares(emit, *arrays, rows, columns)
        builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(a, out), codegen


def _mix(emit, a, out, stride, pixels, channels, mix):
    """From vectors of channels, whose rows are `stride` bytes apart, to vectors of pixels; or back where not `mix`."""
    builder, lanes, numbers = emit.builder, emit.lanes, range(channels)

    def addresses(array, p, apart):
        first = builder.mul(p, emit.constant(1 if apart else channels))
        elements = [builder.add(first, emit.constant(0 if apart else n * lanes)) for n in numbers]
        rows = [builder.mul(stride, emit.constant(n if apart else 0)) for n in numbers]
        return [emit.moved(array[0], row, emit.elements(e)) for row, e in zip(rows, elements, strict=True)]

    def some(starts, mask):
        (p,), apart, mixed = starts, [mask] * channels, [None] * channels
        if mask is not None:
            left = builder.mul(builder.sub(pixels, p), emit.constant(channels))
            mixed = [emit.tail_mask(builder.sub(left, emit.constant(n * lanes))) for n in numbers]
        masks = (apart, mixed) if mix else (mixed, apart)
        loaded = [emit.load(*pair) for pair in zip(addresses(a, p, mix), masks[0], strict=True)]
        for n, address, mask in zip(numbers, addresses(out, p, not mix), masks[1], strict=True):
            if mix:
                sources = [divmod(n * lanes + lane, channels)[::-1] for lane in range(lanes)]
            else:
                sources = [divmod(lane * channels + n, lanes) for lane in range(lanes)]
            emit.store(picked(emit, loaded, sources), address, mask)

    emit.along(pixels, some)


def picked(emit, vectors, sources):
    """A vector whose lanes come from (vector, lane) of several."""
    kind = ir.VectorType(INT32, emit.lanes)
    chosen = [lane if not source else 0 for source, lane in sources]
    result = vectors[0]
    for number, vector in enumerate(vectors[1:] or vectors, 1):
        chosen = [
            emit.lanes + lane if source == number else before
            for (source, lane), before in zip(sources, chosen, strict=True)
        ]
        result = emit.builder.shuffle_vector(result, vector, ir.Constant(kind, chosen))
        chosen = list(range(emit.lanes))
    return result


def _squares(emit, a, out, rows, columns):
    """In squares of a vector's width that are transposed in registers."""
    builder, (a_data, (a_stride, _)), (out_data, (out_stride, _)) = emit.builder, a, out
    size = emit.constant(emit.lanes)
    lanes = [emit.constant(lane) for lane in range(emit.lanes)]

    def part(index, count, other):
        """The mask of the first `other` lanes, or of none in a row from `count` on."""
        return emit.tail_mask(builder.select(builder.icmp_signed("<", index, count), other, emit.constant(0)))

    def square(i, j):
        rest_of_rows, rest_of_columns = builder.sub(rows, i), builder.sub(columns, j)

        def exchange(whole):
            loaded = []
            for lane in lanes:
                row = builder.add(i, lane)
                address = emit.moved(a_data, builder.mul(row, a_stride), emit.elements(j))
                loaded.append(emit.load(address, None if whole else part(row, rows, rest_of_columns)))
            for lane, vector in zip(lanes, emit.transposed(loaded), strict=True):
                column = builder.add(j, lane)
                address = emit.moved(out_data, builder.mul(column, out_stride), emit.elements(i))
                emit.store(vector, address, None if whole else part(column, columns, rest_of_rows))

        fit = [builder.icmp_signed(">=", rest, size) for rest in (rest_of_rows, rest_of_columns)]
        emit.branched(builder.and_(*fit), exchange)

    emit.loop(columns, emit.lanes, lambda j, _: emit.loop(rows, emit.lanes, lambda i, _: square(i, j)))
