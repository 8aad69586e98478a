"""Sums along contiguous arrays, in an order that depends on their length alone.

A plain running sum, ``for i in range(a.size): total += a[i]``, waits for every addition, and letting the compiler
reorder it would make the result depend on the width of the CPU's vectors. Here lane l sums elements l, l + LANES, l + 2
LANES, ..., then the lanes are added up: vectors fill whatever their width, and the error grows LANES times slower. A
loop over lanes that lie on the stack gives the same bits; it takes 1.4 to 5 times as long, since it loads and stores
them.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime.internals import cgutils
from .fma import fused_multiply_add
from .vectors import INT32, Vectors

WIDTH = 16  # lanes of one of LLVM's vectors, which it makes of as many of the CPU's as it takes
SUM_VECTORS = 4  # of them at a time: an addition has time to finish before its lane comes round again
LANES = WIDTH * SUM_VECTORS


def _plus(builder, a, b):
    return builder.fadd(a, b)


def _larger(builder, a, b):
    """b where a is NaN."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def lane_sums(count, update, start=0.0, join=_plus):
    """An intrinsic of arrays of one length and numbers of their dtype, which gives `count` sums over the elements.

    ``update(emit, sums, *values)`` emits the new sums for one vector of every array; numbers come in every lane. Sums
    begin at `start`, and ``join(builder, a, b)`` emits the sum of those of two lanes.
    """

    @intrinsic
    def reduction(typing_context, *arguments):
        dtype = arguments[0].dtype
        result = dtype if count == 1 else types.UniTuple(dtype, count)

        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, dtype, WIDTH)
            kinds, args = arguments, cgutils.unpack_tuple(builder, args[0])
            starts, numbers = {}, {}
            for position, (kind, value) in enumerate(zip(kinds, args, strict=True)):
                if isinstance(kind, types.Array):
                    starts[position], _ = emit.array(kind, value)
                else:
                    numbers[position] = emit.broadcast(value)
            (size,) = emit.shape(kinds[0], args[0])
            whole = builder.and_(size, emit.constant(-LANES))

            def values(i, vector, mask=None):
                offset = emit.elements(builder.add(i, emit.constant(vector * WIDTH)))
                loaded = {position: emit.load(emit.moved(start, offset), mask) for position, start in starts.items()}
                return [value for _, value in sorted({**loaded, **numbers}.items())]

            def accumulate(i, sums):
                after = []
                for vector in range(SUM_VECTORS):
                    after += update(emit, sums[vector * count : (vector + 1) * count], *values(i, vector))
                return after

            def rest(sums, vector, left):  # not `along`: each of the vectors has sums of its own, which go on
                """With the last elements, of which `left` are from this vector on; it has no mask if it is full."""

                def add(full):
                    mask = None if full else emit.tail_mask(left)
                    added = update(emit, sums, *values(whole, vector, mask))
                    return added if full else [builder.select(mask, *pair) for pair in zip(added, sums, strict=True)]

                def some(any_left):
                    if not any_left:
                        return sums
                    return emit.branched(builder.icmp_signed(">=", left, emit.constant(WIDTH)), add)

                return emit.branched(builder.icmp_signed(">", left, emit.constant(0)), some)

            nothing = emit.broadcast(ir.Constant(emit.element, start))
            sums = emit.loop(whole, LANES, accumulate, [nothing] * (count * SUM_VECTORS))
            for vector in range(SUM_VECTORS):
                its = slice(vector * count, (vector + 1) * count)
                left = builder.sub(size, builder.add(whole, emit.constant(vector * WIDTH)))
                sums[its] = rest(sums[its], vector, left)
            results = [_halved(builder, sums[number::count], join) for number in range(count)]
            return results[0] if count == 1 else context.make_tuple(builder, signature.return_type, results)

        return result(types.StarArgTuple.from_types(arguments)), codegen

    return reduction


def _halved(builder, vectors, join):
    """All lanes joined: vectors first, then one half of the lanes to the other."""
    while len(vectors) > 1:
        middle = len(vectors) // 2
        vectors = [join(builder, a, b) for a, b in zip(vectors[:middle], vectors[middle:], strict=True)]
    (vector,) = vectors
    undefined = ir.Constant(vector.type, ir.Undefined)
    size = WIDTH
    while size > 1:
        size //= 2
        upper = [lane + size if lane < size else lane for lane in range(WIDTH)]
        swapped = builder.shuffle_vector(vector, undefined, ir.Constant(ir.VectorType(INT32, WIDTH), upper))
        vector = join(builder, vector, swapped)
    return builder.extract_element(vector, ir.Constant(INT32, 0))


def _sum(emit, sums, a):
    return [emit.builder.fadd(sums[0], a)]


def _largest(emit, largest, a):
    return [_larger(emit.builder, a, largest[0])]


def _dot(emit, sums, a, b):
    return [fused_multiply_add(emit.context, emit.builder, a, b, sums[0])]


def _centred_dot(emit, sums, a, a0, b, b0):
    a, b = emit.builder.fsub(a, a0), emit.builder.fsub(b, b0)
    return [fused_multiply_add(emit.context, emit.builder, a, b, sums[0])]


# (a): total += a[i]. 14 to 25.
lane_sum = lane_sums(1, _sum)
# (a, a0, b, b0): total += (a[i] - a0) * (b[i] - b0). 27 to 34.
centred_dot = lane_sums(1, _centred_dot)
# (a, b): total += a[i] * b[i], `centred_dot` about 0.
lane_dot = lane_sums(1, _dot)
# (a): best = a[i] if a[i] > best else best, which passes over NaN. 13 to 24.
lane_max = lane_sums(1, _largest, start=float("-inf"), join=_larger)


def _hinges(emit, sums, scores, right):
    """Sum and number of the margins above zero, or NaN."""
    zero, one = (emit.broadcast(ir.Constant(emit.element, number)) for number in (0, 1))
    margin = emit.builder.fadd(emit.builder.fsub(scores, right), one)
    within = emit.builder.fcmp_ordered("<=", margin, zero)
    added = [emit.builder.select(within, zero, value) for value in (margin, one)]
    return [emit.builder.fadd(old, new) for old, new in zip(sums, added, strict=True)]


# (scores, right): margin = scores[i] - right + 1; if not margin <= 0: total += margin; count += 1. 17.
hinge_sums = lane_sums(2, _hinges)
