"""Small arrays for what a kernel needs while it runs, on the stack or the team's: no kernel allocates."""

import math

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime.contexts import SCRATCH, SCRATCH_BYTES, emit_context, emit_own, emit_shared
from ...runtime.internals import arrayobj

ALIGNMENT = 64  # bytes: a line of a cache


def stack_array(shape, dtype=None):
    """An intrinsic that gives a C-contiguous, uninitialised array of `shape`, of numba's `dtype` or its argument's.

    `shape` may also be a function of the size of an element in bytes.

    Replaces ``np.empty(shape)``, which allocates: kernels may not, and it takes 24 ns and more each time.

    It lives as long as the call of the function that it is used in, so it may be passed down but never returned.
    """
    return _scratch(shape, dtype, _on_stack)


def shared_array(shape, dtype=None):
    """As `stack_array`, but the same array for all threads that run the kernel.

    For what is written in one loop of `prange` and read after it. It is for kernels themselves, and for what is
    `inlined` into them: each place where one is taken gives another array, the same each time round.
    """
    return _scratch(shape, dtype, _of_team)


def _scratch(shape, dtype, place):
    @intrinsic
    def scratch(typing_context, like):
        element_type = dtype or like.dtype
        lengths = shape(element_type.bitwidth // 8) if callable(shape) else shape
        array_type = types.Array(element_type, len(lengths), "C")

        def codegen(context, builder, signature, args):
            element = context.get_data_type(array_type.dtype)
            itemsize = context.get_abi_sizeof(element)
            strides = [math.prod(lengths[axis:]) * itemsize for axis in range(1, len(lengths) + 1)]
            # In the entry block, so that a loop does not take a new piece each time round.
            with builder.goto_entry_block():
                data = place(builder, element, math.prod(lengths), itemsize)
            intp = context.get_constant
            array = arrayobj.make_array(array_type)(context, builder)
            arrayobj.populate_array(
                array,
                data=data,
                shape=[intp(types.intp, length) for length in lengths],
                strides=[intp(types.intp, stride) for stride in strides],
                itemsize=intp(types.intp, itemsize),
                meminfo=None,
            )
            return array._getvalue()

        return array_type(like), codegen

    return scratch


def _on_stack(builder, element, count, itemsize):
    # Not `cgutils.alloca_once`, which would also fill it with zeros, in code that takes LLVM 16 s to compile for a
    # square of 64 KiB.
    data = builder.alloca(element, ir.Constant(ir.IntType(32), count))
    data.align = ALIGNMENT
    return data


def _of_team(builder, element, count, itemsize):
    """Where the team's memory is, each array of a kernel behind the one before; the stack where there is no team."""
    own, function = emit_context(builder), builder.function
    offset, size = getattr(function, "numbanet_shared_bytes", 0), -(-count * itemsize // ALIGNMENT) * ALIGNMENT
    function.numbanet_shared_bytes = offset + size
    if offset + size > SCRATCH_BYTES:
        raise ValueError(f"shared arrays of more than {SCRATCH_BYTES} bytes in {function.name}")
    place = builder.add(emit_own(builder, own, SCRATCH, 0), ir.Constant(ir.IntType(64), offset))
    stack = _on_stack(builder, element, count, itemsize)
    return builder.select(emit_shared(builder, own), builder.inttoptr(place, stack.type), stack)
