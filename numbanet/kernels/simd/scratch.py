"""Small arrays on the stack, for what a kernel needs while it runs: no kernel allocates."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime.internals import arrayobj


def stack_array(shape, dtype=None):
    """An intrinsic that gives a C-contiguous, uninitialised array of `shape`, of numba's `dtype` or its argument's.

    `shape` may also be a function of the size of an element in bytes.

    Replaces ``np.empty(shape)``, which allocates: kernels may not, and it takes 24 ns and more each time.

    It lives as long as the call of the function that it is used in, so it may be passed down but never returned.
    """

    @intrinsic
    def scratch(typing_context, like):
        element_type = dtype or like.dtype
        lengths = shape(element_type.bitwidth // 8) if callable(shape) else shape
        array_type = types.Array(element_type, len(lengths), "C")

        def codegen(context, builder, signature, args):
            element = context.get_data_type(array_type.dtype)
            itemsize = context.get_abi_sizeof(element)
            size = 1
            strides = []
            for length in reversed(lengths):
                strides.insert(0, size * itemsize)
                size *= length
            # In the entry block, so that a loop does not take a new piece each time round. Not `cgutils.alloca_once`,
            # which would also fill it with zeros, in code that takes LLVM 16 s to compile for a square of 64 KiB.
            with builder.goto_entry_block():
                data = builder.alloca(element, ir.Constant(ir.IntType(32), size))
            data.align = 64
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
