"""The transforms of F(2 x 2, 3 x 3), of vectors of channels: see `numbanet.kernels.conv.winograd`.

They replace ``for c in range(channels): b[r, s, c] = Σ matrix[r, i] a[i, j, c] matrix[s, j]``, with the sums written
out. By itself such a loop is as fast. In the strips of a convolution it is not: 64 images of 16 x 16 x 32 with 64
filters took 1.6 times as long.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .fma import fused_multiply_add
from .vectors import Vectors

INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
FILTER = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))
RESULT_GRADIENT, FILTER_GRADIENT = (tuple(zip(*matrix, strict=True)) for matrix in (OUTPUT, FILTER))


def _line(emit, row, values):
    """Σ coefficient value, with one product for all coefficients of a magnitude."""
    whole = None
    for scale in sorted({abs(coefficient) for coefficient in row if coefficient}):
        terms = [(v, coefficient < 0) for v, coefficient in zip(values, row, strict=True) if abs(coefficient) == scale]
        (total, negative), *terms = sorted(terms, key=lambda term: term[1])  # one that is added first, if any
        total = emit.builder.fneg(total) if negative else total
        for value, is_less in terms:
            total = emit.builder.fsub(total, value) if is_less else emit.builder.fadd(total, value)
        if scale != 1:
            total = emit.builder.fmul(total, emit.broadcast(ir.Constant(emit.element, scale)))
        whole = total if whole is None else emit.builder.fadd(whole, total)
    return whole


def _both_sides(emit, matrix, square):
    """matrix square matrixᵀ, of vectors."""
    half = [[_line(emit, row, column) for column in zip(*square, strict=True)] for row in matrix]
    return [[_line(emit, row, line) for row in matrix] for line in half]


def _squares(emit, matrix, start, row, pixel, width, body):
    """``body(offset, mask, square)`` for each vector of `width` columns: its offset in bytes, and the square there,
    which has `matrix` on both sides.
    """
    size = len(matrix[0])

    def vector(starts, mask):
        offset = emit.elements(starts[0])
        square = [
            [emit.load(emit.moved(start, offset, *[row] * r, *[pixel] * s), mask) for s in range(size)]
            for r in range(size)
        ]
        body(offset, mask, _both_sides(emit, matrix, square))

    emit.along(width, vector)


def _transform(matrix):
    """An intrinsic ``(a, start, row, pixel, width, b, at, stride)``: squares of a, with `matrix` on both sides, into b.

    A square's elements are at ``a[start + r row + s pixel]``, and go to ``b[at + (r size + s) stride]``, r and s from 0
    on; from each place on, so for `width` columns.
    """

    @intrinsic
    def transform(typing_context, a, start, row, pixel, width, b, at, stride):
        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, signature.args[5].dtype)
            (source, _), (target, _) = (emit.array(signature.args[n], args[n]) for n in (0, 5))
            start, row, pixel, at, stride = (emit.elements(args[n]) for n in (1, 2, 3, 6, 7))

            def put(offset, mask, square):
                address = emit.moved(target, at, offset)
                for value in (value for line in square for value in line):
                    emit.store(value, address, mask)
                    address = emit.moved(address, stride)

            _squares(emit, matrix, emit.moved(source, start), row, pixel, args[4], put)
            return context.get_dummy_value()

        number = types.intp
        return types.void(a, number, number, number, number, b, number, number), codegen

    return transform


transform_input, transform_filter, transform_sums = map(_transform, (INPUT, FILTER, FILTER_GRADIENT))


@intrinsic
def transform_result_gradient(typing_context, a, start, row, pixel, below, right, width, b, at, stride):
    """As `_transform` for squares of 2 x 2, where those to the right or below count as zero where there are none."""

    def codegen(context, builder, signature, args):
        emit = Vectors(context, builder, signature.args[7].dtype)
        (source, _), (target, _) = (emit.array(signature.args[n], args[n]) for n in (0, 7))
        start, row, pixel, at, stride = (emit.elements(args[n]) for n in (1, 2, 3, 8, 9))
        below, right, width = args[4:7]
        there = [[None, right], [below, builder.and_(below, right)]]

        def vector(i, _):
            offset, rest = emit.elements(i), builder.sub(width, i)

            def load(r, s):
                count = builder.select(there[r][s], rest, emit.constant(0)) if there[r][s] else rest
                return emit.load(emit.moved(source, start, offset, *[row] * r, *[pixel] * s), emit.tail_mask(count))

            square = _both_sides(emit, RESULT_GRADIENT, [[load(r, s) for s in range(2)] for r in range(2)])
            address = emit.moved(target, at, offset)
            for value in (value for line in square for value in line):
                emit.store(value, address)
                address = emit.moved(address, stride)

        emit.loop(width, emit.lanes, vector)
        return context.get_dummy_value()

    number, yes = types.intp, types.boolean
    return types.void(a, number, number, number, yes, yes, number, b, number, number), codegen


@intrinsic
def transform_output(typing_context, m, at, stride, bias, width, out, start, row, pixel, below, right, floor):
    """A square of results, ``max(bias + OUTPUT m OUTPUTᵀ, floor)``, to out[start], its neighbour a `pixel` further, and
    two a `row` further; where there is none to the right or below, nothing is written. Whether all are finite.
    """
    element = out.dtype

    def codegen(context, builder, signature, args):
        emit = Vectors(context, builder, element)
        m_data, bias_data, out_data = (emit.array(signature.args[n], args[n])[0] for n in (0, 3, 5))
        (bias_size,) = emit.shape(signature.args[3], args[3])
        at, stride, start, row, pixel = (emit.elements(args[n]) for n in (1, 2, 6, 7, 8))
        width, below, right = args[4], args[9], args[10]
        floor, zero = emit.broadcast(args[11]), ir.Constant(emit.vector, None)
        has_bias = emit.tail_mask(bias_size)
        check = builder.alloca(emit.vector)
        builder.store(zero, check)

        def put(offset, mask, square):
            lanes = has_bias if mask is None else builder.and_(has_bias, mask)
            added = emit.load(emit.moved(bias_data, offset), lanes)
            total = builder.load(check)
            square = [[builder.fadd(value, added) for value in line] for line in square]
            for value in (value for line in square for value in line):
                total = fused_multiply_add(context, builder, value, zero, total)  # NaN where it is not finite
            builder.store(total, check)
            square = [
                [builder.select(builder.fcmp_ordered("<", value, floor), floor, value) for value in line]
                for line in square
            ]
            first = emit.moved(out_data, start, offset)
            second = emit.moved(first, row)
            emit.store(square[0][0], first, mask)
            with builder.if_then(right):
                emit.store(square[0][1], emit.moved(first, pixel), mask)
            with builder.if_then(below):
                emit.store(square[1][0], second, mask)
                with builder.if_then(right):
                    emit.store(square[1][1], emit.moved(second, pixel), mask)

        four = builder.mul(stride, emit.constant(4))
        _squares(emit, OUTPUT, emit.moved(m_data, at), four, stride, width, put)
        total = builder.load(check)
        wrong = builder.fcmp_unordered("uno", total, total)
        bits = builder.bitcast(wrong, ir.IntType(emit.lanes))
        return builder.icmp_unsigned("==", bits, ir.Constant(bits.type, 0))

    number, yes = types.intp, types.boolean
    return yes(m, number, number, bias, number, out, number, number, number, yes, yes, element), codegen
