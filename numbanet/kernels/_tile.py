"""The register tile: a few rows times two vectors of columns, accumulated over k without leaving the registers.

It is written as LLVM vector instructions, because no loop that numba compiles keeps a block of accumulators in
registers.
"""

import platform

from llvmlite import binding, ir
from numba.core import types
from numba.extending import intrinsic
from numba.np import arrayobj

from ._math import fused_multiply_add


def _vector_bytes():
    """Width of this CPU's vectors. The machine code is kept for each CPU by itself, so this may be a constant in it."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


VECTOR_BYTES = _vector_bytes()
VECTORS = 2
STRIP_BYTES = VECTORS * VECTOR_BYTES  # columns of a tile
# Two vectors of sums for each row: 16 of the 32 registers that AVX-512 and NEON have, 8 of the 16 of AVX2 and SSE.
TILE_ROWS = 8 if VECTOR_BYTES == 64 or platform.machine().lower() in ("arm64", "aarch64") else 4


def tile(rows):
    """An intrinsic ``(a, panel, c, i, j)``: ``c[i : i + rows, j : j + strip] += a[i : i + rows] @ panel``.

    a (N, K) may have any strides; the rows of panel (K, strip) and c (N, M) are contiguous. Every element of c is one
    chain of fused multiply-adds in the order of k.
    """

    @intrinsic
    def product(typing_context, a, panel, c, i, j):
        def codegen(context, builder, signature, args):
            a, panel, c = (
                arrayobj.make_array(kind)(context, builder, value)
                for kind, value in zip(signature.args[:3], args[:3], strict=True)
            )
            i, j = args[3:]
            element = context.get_data_type(signature.args[2].dtype)
            itemsize = context.get_abi_sizeof(element)
            vector = ir.VectorType(element, VECTOR_BYTES // itemsize)
            index = context.get_value_type(types.intp)
            depth = builder.extract_value(a.shape, 1)
            a_stride, a_step = builder.extract_value(a.strides, 0), builder.extract_value(a.strides, 1)
            panel_stride, c_stride = builder.extract_value(panel.strides, 0), builder.extract_value(c.strides, 0)

            def constant(value):
                return ir.Constant(index, value)

            def moved(pointer, offset, kind):
                """`pointer` moved by that many bytes, to a value of `kind`."""
                place = builder.gep(builder.bitcast(pointer, ir.IntType(8).as_pointer()), [offset])
                return builder.bitcast(place, kind.as_pointer())

            def row_starts(array, stride):
                return [
                    moved(array.data, builder.mul(builder.add(i, constant(r)), stride), element) for r in range(rows)
                ]

            def vectors_from(pointer):
                return [moved(pointer, constant(v * VECTOR_BYTES), vector) for v in range(VECTORS)]

            def spread(scalar):
                """A vector with `scalar` in every lane."""
                undefined, first = ir.Constant(vector, ir.Undefined), ir.Constant(ir.IntType(32), 0)
                lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
                return builder.shuffle_vector(builder.insert_element(undefined, scalar, first), undefined, lanes)

            a_rows = row_starts(a, a_stride)
            c_places = [
                place
                for row in row_starts(c, c_stride)
                for place in vectors_from(moved(row, builder.mul(j, constant(itemsize)), element))
            ]
            before = [builder.load(place, align=itemsize) for place in c_places]

            entry, loop = builder.block, builder.append_basic_block("tile.k")
            done = builder.append_basic_block("tile.done")
            builder.cbranch(builder.icmp_signed(">", depth, constant(0)), loop, done)

            builder.position_at_end(loop)
            k = builder.phi(index)
            sums = [builder.phi(vector) for _ in c_places]
            panel_row = moved(panel.data, builder.mul(k, panel_stride), element)
            b = [builder.load(place, align=itemsize) for place in vectors_from(panel_row)]
            after = []
            for r in range(rows):
                x = spread(builder.load(moved(a_rows[r], builder.mul(k, a_step), element)))
                after += [fused_multiply_add(context, builder, x, b[v], sums[r * VECTORS + v]) for v in range(VECTORS)]
            following = builder.add(k, constant(1))
            k.add_incoming(constant(0), entry)
            k.add_incoming(following, loop)
            for phi, first, latest in zip(sums, before, after, strict=True):
                phi.add_incoming(first, entry)
                phi.add_incoming(latest, loop)
            builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)

            builder.position_at_end(done)
            results = [builder.phi(vector) for _ in c_places]
            for phi, first, latest in zip(results, before, after, strict=True):
                phi.add_incoming(first, entry)
                phi.add_incoming(latest, loop)
            for phi, place in zip(results, c_places, strict=True):
                builder.store(phi, place, align=itemsize)
            return context.get_dummy_value()

        return types.void(a, panel, c, types.intp, types.intp), codegen

    return product
