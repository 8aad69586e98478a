"""Outer products of pixels' windows and few gradients, several of each in one vector."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .fma import fused_multiply_add
from .micro_kernel import row_numbers
from .vectors import INT32, Vectors

PREFETCH = 1024  # bytes ahead
SHARES = 2  # that the filters of a pixel are cut into


def outer_kernel(rows, together):
    """An intrinsic ``(x, offsets, i, run, lines, columns, step, dout, filters, accumulate, sums)``; it replaces

        for n in range(i, i + rows):
            for part in range(SHARES):
                for at, (line, j) in enumerate(all lines and columns):
                    for m in range(lanes):
                        number = x[lines[line] + j * step + offsets[n] + m // together]
                        gradient = dout[at * filters + part * together + m % together]
                        sums[n * SHARES + part, m] = fma(number, gradient, sums[n * SHARES + part, m])

    with all sums in registers. The last row but one of sums gets the sums of dout where i is 0, else the last, which
    has no meaning. All are sums over these pixels alone, to which those before are added where `accumulate` is true. Of
    x only `run` numbers are read from each offset. What is in a lane for which there is no filter or no number has no
    meaning either. Rows beyond the last of offsets are the last again.
    """

    @intrinsic
    def product(typing_context, x, offsets, i, run, lines, columns, step, dout, filters, accumulate, sums):
        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, x.dtype)
            x_data, offsets, lines, d_data, target = (
                emit.array(signature.args[n], args[n])[0] for n in (0, 1, 4, 7, 10)
            )
            (count,), (line_count,) = (emit.shape(signature.args[n], args[n]) for n in (1, 4))
            bias_row = emit.shape(signature.args[10], args[10])[0]
            _, _, i, run, _, columns, step, _, filters, accumulate, _ = args
            step, pixel = emit.elements(step), emit.elements(filters)
            numbers = row_numbers(emit, i, rows, count)
            bases = [
                emit.kept(emit.moved(x_data, emit.elements(builder.load(builder.gep(offsets, [n]))))) for n in numbers
            ]
            its_run, its_filters = emit.tail_mask(run), emit.tail_mask(filters)
            lanes = range(emit.lanes)

            def spread(vector, chosen):
                kind = ir.VectorType(INT32, emit.lanes)
                undefined = ir.Constant(emit.vector, ir.Undefined)
                return builder.shuffle_vector(vector, undefined, ir.Constant(kind, chosen))

            def along(line, carried):
                start = emit.elements(builder.load(builder.gep(lines, [line])))

                def at(j, carried):
                    place, gradient, total, *before = carried
                    address = emit.moved(d_data, gradient)
                    emit.prefetch(emit.moved(address, emit.constant(PREFETCH)))
                    d = emit.load(address, its_filters)
                    parts = [
                        spread(d, [min(part * together + lane % together, emit.lanes - 1) for lane in lanes])
                        for part in range(SHARES)
                    ]
                    after = []
                    for n, base in enumerate(bases):
                        pixels = emit.load(emit.moved(base, place), its_run)
                        pixels = spread(pixels, [lane // together for lane in lanes])
                        after += [
                            fused_multiply_add(context, builder, pixels, part, before[n * SHARES + number])
                            for number, part in enumerate(parts)
                        ]
                    return [
                        emit.kept(builder.add(place, step)),
                        emit.kept(builder.add(gradient, pixel)),
                        builder.fadd(total, d),
                        *after,
                    ]

                return emit.loop(columns, 1, at, [start, *carried])[1:]

            zeros = [ir.Constant(emit.vector, None)] * (rows * SHARES + 1)
            _, total, *after = emit.loop(line_count, 1, along, [emit.constant(0), *zeros])
            width = emit.constant(emit.lanes)
            places = [
                builder.add(builder.mul(n, emit.constant(SHARES)), emit.constant(p))
                for n in numbers
                for p in range(SHARES)
            ]
            first = builder.icmp_signed("==", i, emit.constant(0))
            unused = builder.sub(bias_row, emit.constant(1))  # where the others put the sums of dout, once more
            places.append(builder.select(first, builder.sub(unused, emit.constant(1)), unused))
            targets = [emit.moved(target, emit.elements(builder.mul(place, width))) for place in places]
            after.append(total)

            def added(accumulates):
                if not accumulates:
                    return after
                return [builder.fadd(emit.load(address), value) for address, value in zip(targets, after, strict=True)]

            for value, address in zip(emit.branched(accumulate, added), targets, strict=True):
                emit.store(value, address)
            return context.get_dummy_value()

        kinds = x, offsets, types.intp, types.intp, lines, types.intp, types.intp, dout, types.intp, types.boolean, sums
        return types.void(*kinds), codegen

    return product
