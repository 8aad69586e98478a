"""Products with few filters, whose vectors go along the pixels of a plane: one channel of an image."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .fma import fused_multiply_add
from .micro_kernel import row_numbers
from .vectors import LINE_BYTES, Vectors


def plane_kernel(filters, vectors):
    """An intrinsic ``(planes, starts, offsets, i, weights, bias, first, accumulate, results, floor)``; it replaces

        for f in range(filters):
            for n in range(i, i + vectors):
                for k in range(offsets.size):
                    for m in range(lanes):
                        number, at = planes[starts[n] + offsets[k] + m], n * lanes + m
                        results[first + f, at] = fma(number, weights[k, f], results[first + f, at])

    with all sums in registers. Planes are flat, and the sums of vector n begin with what lies at ``starts[n]``; they
    are added to results where `accumulate` is true, else to bias, which may be empty and then counts as nothing. The
    floor comes last, as in `micro_kernel`. Vectors beyond the last are the last again; results have rows for all
    `filters`.
    """

    @intrinsic
    def product(typing_context, planes, starts, offsets, i, weights, bias, first, accumulate, results, floor):
        def codegen(context, builder, signature, args):
            emit = Vectors(context, builder, planes.dtype)
            data, starts, offsets, weights, bias = (emit.array(signature.args[n], args[n])[0] for n in (0, 1, 2, 4, 5))
            results, (row, _) = emit.array(signature.args[8], args[8])
            (count,), (depth,), (bias_size,) = (emit.shape(signature.args[n], args[n]) for n in (1, 2, 5))
            i, first, accumulate, floor = args[3], args[6], args[7], emit.broadcast(args[9])
            numbers = row_numbers(emit, i, vectors, count)
            bases = [
                emit.kept(emit.moved(data, emit.elements(builder.load(builder.gep(starts, [n]))))) for n in numbers
            ]
            line = emit.constant(filters * emit.itemsize)

            def at(k, sums):
                offset = emit.elements(builder.load(builder.gep(offsets, [k])))
                pixels = [emit.load(emit.moved(base, offset)) for base in bases]
                its = emit.moved(weights, builder.mul(k, line))
                after = []
                for f in range(filters):
                    weight = emit.broadcast(builder.load(emit.moved(its, emit.constant(f * emit.itemsize))))
                    for pixel, total in zip(pixels, sums[f * vectors : (f + 1) * vectors], strict=True):
                        after.append(fused_multiply_add(context, builder, pixel, weight, total))
                return after

            sums = emit.loop(depth, 1, at, [ir.Constant(emit.vector, None)] * (filters * vectors))
            targets = [
                emit.moved(results, builder.mul(builder.add(first, emit.constant(f)), row), emit.elements(start))
                for f in range(filters)
                for start in [builder.mul(n, emit.constant(emit.lanes)) for n in numbers]
            ]
            has_bias = builder.icmp_signed(">", bias_size, emit.constant(0))
            nothing = builder.block
            with builder.if_then(builder.or_(accumulate, has_bias)):

                def started(accumulates):
                    if accumulates:
                        return [
                            builder.fadd(emit.load(target), total) for target, total in zip(targets, sums, strict=True)
                        ]
                    starts = [
                        emit.broadcast(builder.load(emit.moved(bias, emit.elements(n))))
                        for n in row_numbers(emit, first, filters, bias_size)
                    ]
                    return [builder.fadd(starts[n // vectors], total) for n, total in enumerate(sums)]

                added = emit.branched(accumulate, started)
                after = builder.block
            sums = [emit.either((total, nothing), (whole, after)) for total, whole in zip(sums, added, strict=True)]
            for total, target in zip(sums, targets, strict=True):
                emit.store(builder.select(builder.fcmp_ordered("<", total, floor), floor, total), target)
            return context.get_dummy_value()

        kinds = planes, starts, offsets, types.intp, weights, bias, types.intp, types.boolean, results, planes.dtype
        return types.void(*kinds), codegen

    return product


@intrinsic
def put_pixels(typing_context, results, n, count, filters, out, pixel):
    """``out[p * pixel + f] = results[f, n * lanes + p]`` for p below `count`, at most a vector, and f below `filters`.

    `filters` is at most half of a vector, and `results` has rows for so many. 3 times faster than the loops, which
    store single numbers.
    """

    def codegen(context, builder, signature, args):
        emit = Vectors(context, builder, out.dtype)
        (data, (row, _)), (target, _) = (emit.array(signature.args[k], args[k]) for k in (0, 4))
        _, n, count, filters, _, pixel = args
        first = emit.elements(builder.mul(n, emit.constant(emit.lanes)))
        rows = [emit.load(emit.moved(data, builder.mul(row, emit.constant(f)), first)) for f in range(emit.lanes // 2)]
        pixels = emit.transposed(rows + [ir.Constant(emit.vector, ir.Undefined)] * (emit.lanes // 2))
        mask, step = emit.tail_mask(filters), emit.elements(pixel)

        def store(whole):
            for p, numbers in enumerate(pixels):
                address = emit.moved(target, builder.mul(step, emit.constant(p)))
                if whole:
                    emit.store(numbers, address, mask)
                else:
                    with builder.if_then(builder.icmp_signed("<", emit.constant(p), count)):
                        emit.store(numbers, address, mask)

        emit.branched(builder.icmp_signed("==", count, emit.constant(emit.lanes)), store)
        return context.get_dummy_value()

    return types.void(results, types.intp, types.intp, types.intp, out, types.intp), codegen


@intrinsic
def to_planes(typing_context, source, count, channels, depth, planes, size):
    """``planes[c * size + p] = source[p * depth + c]`` for p below `count` and c below `channels`.

    3 times faster than the loops, which store single numbers.
    """

    def codegen(context, builder, signature, args):
        emit = Vectors(context, builder, planes.dtype)
        (data, _), (target, _) = (emit.array(signature.args[k], args[k]) for k in (0, 4))
        _, count, channels, depth, _, size = args

        def square(c, p):
            rest = builder.sub(channels, c)
            mask, pixels = emit.tail_mask(rest), emit.tail_mask(builder.sub(count, p))
            rows = [
                emit.load(emit.moved(data, emit.elements(builder.add(builder.mul(n, depth), c))), mask)
                for n in row_numbers(emit, p, emit.lanes, count)
            ]
            start = emit.moved(target, emit.elements(builder.add(builder.mul(c, size), p)))

            def store(whole):
                for lane, numbers in enumerate(emit.transposed(rows)):
                    address = emit.moved(start, emit.elements(builder.mul(size, emit.constant(lane))))
                    if whole:
                        emit.store(numbers, address, pixels)
                    else:
                        with builder.if_then(builder.icmp_signed(">", rest, emit.constant(lane))):
                            emit.store(numbers, address, pixels)

            emit.branched(builder.icmp_signed(">=", rest, emit.constant(emit.lanes)), store)

        emit.loop(channels, emit.lanes, lambda c, _: emit.loop(count, emit.lanes, lambda p, _: square(c, p)))
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, types.intp, planes, types.intp), codegen


@intrinsic
def prefetch_for_writing(typing_context, out, count):
    """Ask for the cache lines of the first `count` elements, which memory sends while something else is computed."""

    def codegen(context, builder, signature, args):
        emit = Vectors(context, builder, out.dtype)
        data, _ = emit.array(signature.args[0], args[0])

        def line(at, _):
            emit.prefetch(emit.moved(data, at), write=True)

        emit.loop(emit.elements(args[1]), LINE_BYTES, line)
        return context.get_dummy_value()

    return types.void(out, types.intp), codegen
