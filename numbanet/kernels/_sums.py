"""Sums along contiguous arrays, in an order that depends on their length alone.

A plain running sum waits for every addition, and letting the compiler reorder it would make the result depend on the
width of the CPU's vectors. Here lane l of LANES takes elements l, l + LANES, l + 2 LANES, ..., and at the end one half
of the lanes is added to the other until one is left: vectors fill whatever their width, and the error grows LANES times
slower.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

from ._jit import serial
from ._math import fused_multiply_add
from ._scratch import stack_array
from ._vectors import INT32, Vectors

WIDTH = 16  # lanes of one of LLVM's vectors, which it makes of as many of the CPU's as it takes
VECTORS = 4  # of them at a time, so that additions need not wait for each other
LANES = WIDTH * VECTORS
BLOCKS = 64  # the most pieces that a sum over threads is cut into

partial_sums = stack_array((BLOCKS,), types.float64)


@serial
def total(values):
    """The elements added up in order."""
    result = values[0]
    for i in range(1, values.size):
        result += values[i]
    return result


def lane_sums(count, update):
    """An intrinsic of arrays of one length and numbers of their dtype, which gives `count` sums over the elements.

    ``update(emit, sums, *values)`` emits the new sums for one vector of every array; numbers come in every lane.
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
                    numbers[position] = emit.spread(value)
            shape = arrayobj.make_array(kinds[0])(context, builder, args[0]).shape
            size = builder.extract_value(shape, 0)
            whole = builder.and_(size, emit.constant(-LANES))

            def values(i, vector, mask=None):
                offset = emit.elements(builder.add(i, emit.constant(vector * WIDTH)))
                loaded = {position: emit.load(emit.moved(start, offset), mask) for position, start in starts.items()}
                return [value for _, value in sorted({**loaded, **numbers}.items())]

            def step(i, sums):
                after = []
                for vector in range(VECTORS):
                    after += update(emit, sums[vector * count : (vector + 1) * count], *values(i, vector))
                return after

            sums = emit.loop(whole, LANES, step, [ir.Constant(emit.vector, None)] * (count * VECTORS))
            left = builder.sub(size, whole)
            for vector in range(VECTORS):
                here = slice(vector * count, (vector + 1) * count)
                mask = emit.first_lanes(builder.sub(left, emit.constant(vector * WIDTH)))
                added = update(emit, sums[here], *values(whole, vector, mask))
                sums[here] = [builder.select(mask, new, old) for new, old in zip(added, sums[here], strict=True)]
            results = [_halved(builder, sums[number::count]) for number in range(count)]
            return results[0] if count == 1 else context.make_tuple(builder, signature.return_type, results)

        return result(types.StarArgTuple.from_types(arguments)), codegen

    return reduction


def _halved(builder, vectors):
    """All lanes added up: vectors first, then one half of the lanes to the other."""
    while len(vectors) > 1:
        middle = len(vectors) // 2
        vectors = [builder.fadd(a, b) for a, b in zip(vectors[:middle], vectors[middle:], strict=True)]
    (vector,) = vectors
    undefined = ir.Constant(vector.type, ir.Undefined)
    size = WIDTH
    while size > 1:
        size //= 2
        upper = [lane + size if lane < size else lane for lane in range(WIDTH)]
        turned = builder.shuffle_vector(vector, undefined, ir.Constant(ir.VectorType(INT32, WIDTH), upper))
        vector = builder.fadd(vector, turned)
    return builder.extract_element(vector, ir.Constant(INT32, 0))


def _sum(emit, sums, a):
    return [emit.builder.fadd(sums[0], a)]


def _centred_dot(emit, sums, a, a0, b, b0):
    a, b = emit.builder.fsub(a, a0), emit.builder.fsub(b, b0)
    return [fused_multiply_add(emit.context, emit.builder, a, b, sums[0])]


lane_sum = lane_sums(1, _sum)  # (a): Σ a
centred_dot = lane_sums(1, _centred_dot)  # (a, a0, b, b0): Σ (a - a0) (b - b0)
