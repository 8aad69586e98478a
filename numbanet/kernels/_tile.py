"""The vector pieces that matrix products are built from, written as LLVM instructions.

- `tile`: a few rows times up to three vectors of columns, accumulated over k without leaving the registers;
- `pack_rows`, `pack_columns`: copy a strip of b into the panel that the tile reads, as it is or turned round.

No loop that numba compiles keeps a block of sums in registers or turns a block of a matrix round in them, hence this
file. Where columns are missing, loads and stores are masked, so there are no scalar tails; a CPU without masks gets
branches from LLVM in their place.
"""

import platform

from llvmlite import binding, ir
from numba.core import cgutils, types
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
VECTORS = 3  # the most vectors of columns in a tile
# The sums, the columns and one element of a fill 28 of the 32 registers of AVX-512 and NEON, the 16 of AVX2 and SSE.
TILE_ROWS = 8 if VECTOR_BYTES == 64 or platform.machine().lower() in ("arm64", "aarch64") else 4

INT32 = ir.IntType(32)


class _Emitter:
    """Emits vector instructions for arrays of one dtype."""

    def __init__(self, context, builder, dtype):
        self.context, self.builder = context, builder
        self.element = context.get_data_type(dtype)
        self.itemsize = context.get_abi_sizeof(self.element)
        self.lanes = VECTOR_BYTES // self.itemsize
        self.vector = ir.VectorType(self.element, self.lanes)
        self.mask = ir.VectorType(ir.IntType(1), self.lanes)
        self.index = context.get_value_type(types.intp)

    def constant(self, value):
        return ir.Constant(self.index, value)

    def array(self, kind, value):
        """The data pointer and the strides of an array."""
        struct = arrayobj.make_array(kind)(self.context, self.builder, value)
        return struct.data, [self.builder.extract_value(struct.strides, axis) for axis in range(kind.ndim)]

    def moved(self, pointer, *offsets):
        """`pointer` moved by so many bytes."""
        place = self.builder.bitcast(pointer, ir.IntType(8).as_pointer())
        for offset in offsets:
            place = self.builder.gep(place, [offset])
        return self.builder.bitcast(place, self.element.as_pointer())

    def kept(self, pointer):
        """`pointer`, which LLVM must keep in a register: within a loop it would multiply row by stride each time."""
        kind = ir.FunctionType(pointer.type, [pointer.type])
        return self.builder.asm(kind, "", "=r,0", [pointer], False)

    def elements(self, count):
        """`count` elements in bytes."""
        return self.builder.mul(count, self.constant(self.itemsize))

    def spread(self, scalar):
        """A vector with `scalar` in every lane."""
        undefined, first = ir.Constant(self.vector, ir.Undefined), ir.Constant(INT32, 0)
        lanes = ir.Constant(ir.VectorType(INT32, self.lanes), None)
        return self.builder.shuffle_vector(self.builder.insert_element(undefined, scalar, first), undefined, lanes)

    def first_lanes(self, count):
        """The mask of the first `count` lanes; none where it is negative, all where it is large."""
        undefined, first = ir.Constant(ir.VectorType(self.index, self.lanes), ir.Undefined), ir.Constant(INT32, 0)
        zero = ir.Constant(ir.VectorType(INT32, self.lanes), None)
        spread = self.builder.shuffle_vector(self.builder.insert_element(undefined, count, first), undefined, zero)
        numbers = ir.Constant(spread.type, [self.constant(lane) for lane in range(self.lanes)])
        return self.builder.icmp_signed("<", numbers, spread)

    def _masked(self, name, result, arguments):
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        vector = f"v{self.lanes}{self.element.intrinsic_name}"
        name = f"{name}.{vector}.p0{vector}"  # LLVM mends the name where its pointers have no type
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)

    def load(self, pointer, mask=None):
        """A vector; zero in the lanes that are masked out, which are not touched."""
        pointer = self.builder.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            return self.builder.load(pointer, align=self.itemsize)
        arguments = [pointer, ir.Constant(INT32, self.itemsize), mask, ir.Constant(self.vector, None)]
        return self._masked("llvm.masked.load", self.vector, arguments)

    def store(self, value, pointer, mask=None):
        """Write the lanes that are not masked out."""
        pointer = self.builder.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            self.builder.store(value, pointer, align=self.itemsize)
        else:
            arguments = [value, pointer, ir.Constant(INT32, self.itemsize), mask]
            self._masked("llvm.masked.store", ir.VoidType(), arguments)

    def loop(self, count, step, body, initial=()):
        """``for i in range(0, count, step): carried = body(i, carried)``; gives what was carried out of it."""
        builder = self.builder
        entry, again = builder.block, builder.append_basic_block("loop")
        done = builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed(">", count, self.constant(0)), again, done)
        builder.position_at_end(again)
        i = builder.phi(self.index)
        carried = [builder.phi(value.type) for value in initial]
        latest = body(i, carried) or ()
        following = builder.add(i, self.constant(step))
        last = builder.block
        for phi, first, after in zip([i, *carried], [self.constant(0), *initial], [following, *latest], strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(after, last)
        builder.cbranch(builder.icmp_signed("<", following, count), again, done)
        builder.position_at_end(done)
        results = [builder.phi(value.type) for value in initial]
        for phi, first, after in zip(results, initial, latest, strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(after, last)
        return results

    def transposed(self, rows):
        """A square of as many vectors as lanes, turned round: squares of 1, then 2, 4, ... lanes change places."""
        size = 1
        while size < self.lanes:
            turned = list(rows)
            lanes = range(self.lanes)
            low = [lane if not lane & size else self.lanes + lane - size for lane in lanes]
            high = [lane + size if not lane & size else self.lanes + lane for lane in lanes]
            kind = ir.VectorType(INT32, self.lanes)
            for row in range(self.lanes):
                if not row & size:
                    a, b = rows[row], rows[row + size]
                    turned[row] = self.builder.shuffle_vector(a, b, ir.Constant(kind, low))
                    turned[row + size] = self.builder.shuffle_vector(a, b, ir.Constant(kind, high))
            rows, size = turned, 2 * size
        return rows


@intrinsic
def address(typing_context, array, i, j):
    """The address of element (i, j), as an integer."""

    def codegen(context, builder, signature, args):
        emit = _Emitter(context, builder, signature.args[0].dtype)
        data, strides = emit.array(signature.args[0], args[0])
        place = emit.moved(data, *(builder.mul(i, stride) for i, stride in zip(args[1:], strides, strict=True)))
        return builder.ptrtoint(place, emit.index)

    return types.intp(array, types.intp, types.intp), codegen


def tile(rows, vectors):
    """An intrinsic ``(a, i, panel, start, start_step, c, j, width, floor)``.

    ``c[i : i + rows, j : j + width] = max(start + a[i : i + rows] @ panel, floor)``, with `width` columns in `vectors`
    vectors, the last of which may be cut short. a (N, K) may have any strides, and the rows of panel (K, columns) and
    c (N, M) are contiguous. Rows beyond the last of a and c are the last again, which does no harm.

    What the sums start from lies at the address `start`, for row r at ``start + r * start_step``: a bias, or c itself;
    they start from zero where it is 0.
    Every element is one chain of fused multiply-adds in the order of k. A NaN passes `floor`.
    """

    @intrinsic
    def product(typing_context, a, i, panel, start, start_step, c, j, width, floor):
        def codegen(context, builder, signature, args):
            emit = _Emitter(context, builder, signature.args[5].dtype)
            a_data, (a_stride, a_step) = emit.array(signature.args[0], args[0])
            panel_data, (panel_stride, _) = emit.array(signature.args[2], args[2])
            c_data, (c_stride, _) = emit.array(signature.args[5], args[5])
            _, i, _, start, start_step, _, j, width, floor = args
            shape = arrayobj.make_array(signature.args[0])(context, builder, args[0]).shape
            count, depth = builder.extract_value(shape, 0), builder.extract_value(shape, 1)
            last = builder.sub(count, emit.constant(1))
            columns = [emit.constant(v * VECTOR_BYTES) for v in range(vectors)]
            masks = [None] * (vectors - 1)
            masks.append(emit.first_lanes(builder.sub(width, emit.constant((vectors - 1) * emit.lanes))))

            numbers = [builder.add(i, emit.constant(r)) for r in range(rows)]
            numbers = [builder.select(builder.icmp_signed("<", n, last), n, last) for n in numbers]
            a_rows = [emit.kept(emit.moved(a_data, builder.mul(n, a_stride))) for n in numbers]
            zero = ir.Constant(emit.vector, None)
            with builder.if_else(builder.icmp_signed("==", start, emit.constant(0))) as (then, otherwise):
                with then:
                    from_zero = builder.block
                with otherwise:
                    place = builder.inttoptr(start, emit.element.as_pointer())
                    loaded = [
                        emit.load(emit.moved(place, builder.mul(n, start_step), column), mask)
                        for n in numbers
                        for column, mask in zip(columns, masks, strict=True)
                    ]
                    from_start = builder.block
            before = [builder.phi(emit.vector) for _ in loaded]
            for phi, value in zip(before, loaded, strict=True):
                phi.add_incoming(zero, from_zero)
                phi.add_incoming(value, from_start)

            def step(k, sums):
                panel_row, offset = emit.moved(panel_data, builder.mul(k, panel_stride)), builder.mul(k, a_step)
                b = [emit.load(emit.moved(panel_row, column)) for column in columns]
                after = []
                for r in range(rows):
                    x = emit.spread(builder.load(emit.moved(a_rows[r], offset)))
                    row = zip(b, sums[r * vectors : (r + 1) * vectors], strict=True)
                    after += [fused_multiply_add(context, builder, x, column, total) for column, total in row]
                return after

            sums = emit.loop(depth, 1, step, before)
            floor = emit.spread(floor)
            for r, n in enumerate(numbers):
                row = emit.moved(c_data, builder.mul(n, c_stride), emit.elements(j))
                for column, mask, total in zip(columns, masks, sums[r * vectors : (r + 1) * vectors], strict=True):
                    total = builder.select(builder.fcmp_ordered("<", total, floor), floor, total)
                    emit.store(total, emit.moved(row, column), mask)
            return context.get_dummy_value()

        return types.void(a, types.intp, panel, types.intp, types.intp, c, types.intp, types.intp, c.dtype), codegen

    return product


def pack_rows(vectors):
    """An intrinsic ``(b, panel, width)``: ``panel[:, :width] = b``, zeros in the rest of `vectors` vectors.

    The rows of b (K, width) are contiguous.
    """

    @intrinsic
    def pack(typing_context, b, panel, width):
        def codegen(context, builder, signature, args):
            emit = _Emitter(context, builder, signature.args[1].dtype)
            b_data, (b_stride, _) = emit.array(signature.args[0], args[0])
            panel_data, (panel_stride, _) = emit.array(signature.args[1], args[1])
            depth = builder.extract_value(arrayobj.make_array(signature.args[0])(context, builder, args[0]).shape, 0)
            columns = [emit.constant(v * VECTOR_BYTES) for v in range(vectors)]
            masks = [None] * (vectors - 1)
            masks.append(emit.first_lanes(builder.sub(args[2], emit.constant((vectors - 1) * emit.lanes))))

            def copy(k, _):
                source = emit.moved(b_data, builder.mul(k, b_stride))
                target = emit.moved(panel_data, builder.mul(k, panel_stride))
                for column, mask in zip(columns, masks, strict=True):
                    emit.store(emit.load(emit.moved(source, column), mask), emit.moved(target, column))

            emit.loop(depth, 1, copy)
            return context.get_dummy_value()

        return types.void(b, panel, types.intp), codegen

    return pack


@intrinsic
def pack_columns(typing_context, b, panel, j, width):
    """``panel[:, j : j + lanes] = b[:, j : j + lanes]``, zeros from column `width` on; the columns of b are contiguous.

    Squares of as many rows as lanes are turned round in registers; the panel has room for whole squares.
    """

    def codegen(context, builder, signature, args):
        emit = _Emitter(context, builder, signature.args[1].dtype)
        b_data, (_, b_step) = emit.array(signature.args[0], args[0])
        panel_data, (panel_stride, _) = emit.array(signature.args[1], args[1])
        j, width = args[2:]
        depth = builder.extract_value(arrayobj.make_array(signature.args[0])(context, builder, args[0]).shape, 0)

        def square(k, _):
            rest, columns = builder.sub(depth, k), []
            for lane in range(emit.lanes):
                column = builder.add(j, emit.constant(lane))
                count = builder.select(builder.icmp_signed("<", column, width), rest, emit.constant(0))
                source = emit.moved(b_data, builder.mul(column, b_step), emit.elements(k))
                columns.append(emit.load(source, emit.first_lanes(count)))
            for lane, row in enumerate(emit.transposed(columns)):
                target = builder.mul(builder.add(k, emit.constant(lane)), panel_stride)
                emit.store(row, emit.moved(panel_data, target, emit.elements(j)))

        emit.loop(depth, emit.lanes, square)
        return context.get_dummy_value()

    return types.void(b, panel, types.intp, types.intp), codegen
