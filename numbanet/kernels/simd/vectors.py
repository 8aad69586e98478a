"""Vector instructions, for what no loop that numba compiles turns into them."""

from llvmlite import ir
from numba import types

from ...runtime import target
from ...runtime.internals import arrayobj, cgutils

INT32 = ir.IntType(32)
VECTOR_BYTES = target.current().vector_bytes  # machine code is kept for each CPU by itself
LINE_BYTES, LINE_ELEMENTS = 64, 16  # of a cache; elements of float32, or of two lines in float64
# Whether a masked store costs no more than another one. With AVX2, a vector copied under a mask takes Zen 1 8.7 ns, a
# whole one 1.2.
MASKED_STORES = VECTOR_BYTES == 64


class Vectors:
    """Emits vector instructions for arrays of one dtype.

    Parameters
    ----------
    context, builder
        Numba's, for the function that is being compiled.
    dtype : numba type
    lanes : int, optional
        Elements of a vector. By default as many as the CPU's own vectors have; LLVM makes others from several of those.
    """

    def __init__(self, context, builder, dtype, lanes=None):
        self.context, self.builder = context, builder
        self.element = context.get_data_type(dtype)
        self.itemsize = context.get_abi_sizeof(self.element)
        self.lanes = lanes or VECTOR_BYTES // self.itemsize
        self.vector = ir.VectorType(self.element, self.lanes)
        self.index = context.get_value_type(types.intp)

    def constant(self, value):
        return ir.Constant(self.index, value)

    def array(self, kind, value):
        """The data pointer and the strides of an array."""
        struct = arrayobj.make_array(kind)(self.context, self.builder, value)
        return struct.data, [self.builder.extract_value(struct.strides, axis) for axis in range(kind.ndim)]

    def shape(self, kind, value):
        """The lengths of an array's axes."""
        struct = arrayobj.make_array(kind)(self.context, self.builder, value)
        return [self.builder.extract_value(struct.shape, axis) for axis in range(kind.ndim)]

    def moved(self, pointer, *offsets):
        """`pointer` moved by so many bytes."""
        address = self.builder.bitcast(pointer, ir.IntType(8).as_pointer())
        for offset in offsets:
            address = self.builder.gep(address, [offset])
        return self.builder.bitcast(address, self.element.as_pointer())

    def kept(self, value):
        """A pointer or an index that LLVM must keep in a register: in a loop it would compute it anew each time."""
        kind = ir.FunctionType(value.type, [value.type])
        return self.builder.asm(kind, "", "=r,0", [value], False)

    def elements(self, count):
        """`count` elements in bytes."""
        return self.builder.mul(count, self.constant(self.itemsize))

    def broadcast(self, scalar):
        """A vector with `scalar` in every lane."""
        undefined, first = ir.Constant(self.vector, ir.Undefined), ir.Constant(INT32, 0)
        lanes = ir.Constant(ir.VectorType(INT32, self.lanes), None)
        return self.builder.shuffle_vector(self.builder.insert_element(undefined, scalar, first), undefined, lanes)

    def tail_mask(self, count):
        """The mask of the first `count` lanes; none where it is negative, all where it is large."""
        # Compared in integers as wide as the elements, one vector of them, which `count` is clipped to fit into.
        kind = ir.VectorType(ir.IntType(8 * self.itemsize), self.lanes)
        most = self.constant(self.lanes)
        count = self.builder.select(self.builder.icmp_signed("<", count, most), count, most)
        if kind.element.width < self.index.width:
            count = self.builder.trunc(count, kind.element)
        undefined, zero = ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(INT32, self.lanes), None)
        one = self.builder.insert_element(undefined, count, ir.Constant(INT32, 0))
        counts = self.builder.shuffle_vector(one, undefined, zero)
        return self.builder.icmp_signed("<", ir.Constant(kind, list(range(self.lanes))), counts)

    def mask_within(self, first, count, lanes):
        """The mask of the first `lanes` lanes, but only where ``0 <= first + lane < count``."""
        kind = ir.VectorType(INT32, self.lanes)
        undefined, first_lane = ir.Constant(kind, ir.Undefined), ir.Constant(INT32, 0)

        def broadcast(value):
            one = self.builder.insert_element(undefined, self.builder.trunc(value, INT32), first_lane)
            return self.builder.shuffle_vector(one, undefined, ir.Constant(kind, None))

        numbers = self.builder.add(broadcast(first), ir.Constant(kind, list(range(self.lanes))))
        inside = self.builder.icmp_unsigned(
            "<", numbers, broadcast(count)
        )  # as unsigned numbers, negative ones are large
        if lanes == self.lanes:
            return inside
        chosen = [lane < lanes for lane in range(self.lanes)]
        return self.builder.and_(inside, ir.Constant(ir.VectorType(ir.IntType(1), self.lanes), chosen))

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

    def prefetch(self, pointer, write=False):
        """Ask for the cache line at an address, which may be anywhere."""
        address, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        prefetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0i8")
        options = [ir.Constant(number, value) for value in (int(write), 3, 1)]
        self.builder.call(prefetch, [self.builder.bitcast(pointer, address), *options])

    def loop(self, count, by, body, initial=()):
        """``for i in range(0, count, by): carried = body(i, carried)``; gives what was carried out of it."""
        builder = self.builder
        by = self.constant(by) if isinstance(by, int) else by
        entry, again = builder.block, builder.append_basic_block("loop")
        done = builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed(">", count, self.constant(0)), again, done)
        builder.position_at_end(again)
        i = builder.phi(self.index)
        carried = [builder.phi(value.type) for value in initial]
        latest = body(i, carried) or ()
        following = builder.add(i, by)
        last = builder.block
        for phi, first, after in zip([i, *carried], [self.constant(0), *initial], [following, *latest], strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(after, last)
        builder.cbranch(builder.icmp_signed("<", following, count), again, done)
        builder.position_at_end(done)
        return [self.either((first, entry), (after, last)) for first, after in zip(initial, latest, strict=True)]

    def along(self, count, body, together=(1,)):
        """``body(starts, mask)`` for `count` elements: whole vectors first, then the tail under a mask.

        Vectors go as many at a time as `together` says, the most first, while so many whole ones are left: `starts` are
        the numbers of the elements that they begin at, and `mask` is None. What is left goes a vector at a time, each
        with its tail mask. A loop over the elements would have one instruction for each in the tail.
        """
        builder, done = self.builder, self.constant(0)
        for vectors in together:
            width = vectors * self.lanes
            whole = builder.and_(builder.sub(count, done), self.constant(-width))

            def several(i, _, done=done, vectors=vectors):
                first = builder.add(done, i)
                body([builder.add(first, self.constant(v * self.lanes)) for v in range(vectors)], None)

            self.loop(whole, width, several)
            done = builder.add(done, whole)

        def tail(i, _):
            start = builder.add(done, i)
            body([start], self.tail_mask(builder.sub(count, start)))

        self.loop(builder.sub(count, done), self.lanes, tail)

    def either(self, *choices):
        """The value of the block that was come from, of (value, block)."""
        phi = self.builder.phi(choices[0][0].type)
        for value, block in choices:
            phi.add_incoming(value, block)
        return phi

    def branched(self, condition, body):
        """``body(True)`` where `condition` holds, else ``body(False)``: what is emitted gives a list of values."""
        ends = []
        with self.builder.if_else(condition) as branches:
            for branch, holds in zip(branches, (True, False), strict=True):
                with branch:
                    ends.append((body(holds) or (), self.builder.block))
        (values, there), (others, elsewhere) = ends
        return [self.either((value, there), (other, elsewhere)) for value, other in zip(values, others, strict=True)]

    def transposed(self, rows):
        """A square of as many vectors as lanes, transposed: squares of 1, then 2, 4, ... lanes change places."""
        size = 1
        while size < self.lanes:
            mixed = list(rows)
            lanes = range(self.lanes)
            low = [lane if not lane & size else self.lanes + lane - size for lane in lanes]
            high = [lane + size if not lane & size else self.lanes + lane for lane in lanes]
            kind = ir.VectorType(INT32, self.lanes)
            for row in range(self.lanes):
                if not row & size:
                    a, b = rows[row], rows[row + size]
                    mixed[row] = self.builder.shuffle_vector(a, b, ir.Constant(kind, low))
                    mixed[row + size] = self.builder.shuffle_vector(a, b, ir.Constant(kind, high))
            rows, size = mixed, 2 * size
        return rows
