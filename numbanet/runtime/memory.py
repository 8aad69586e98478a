"""Numbers of 64 bits at addresses, for compiled code that shares them: loads, stores, and what orders them.

Addresses rather than arrays: for every array that Python hands to compiled code, numba allocates a record of its own,
and the compiler may believe that a call leaves an array as it was.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

SLOT = ir.IntType(64)
BYTES = 8  # of a number


def _pointer(builder, address, kind=SLOT):
    return builder.inttoptr(address, kind.as_pointer())


@intrinsic
def load(typing_context, address):
    def codegen(context, builder, signature, args):
        return builder.load(_pointer(builder, args[0]))

    return types.int64(types.int64), codegen


@intrinsic
def load_float(typing_context, address):
    def codegen(context, builder, signature, args):
        return builder.load(_pointer(builder, args[0], ir.DoubleType()))

    return types.float64(types.int64), codegen


@intrinsic
def store(typing_context, number, address):
    def codegen(context, builder, signature, args):
        builder.store(args[0], _pointer(builder, args[1], args[0].type))
        return context.get_dummy_value()

    return types.void(types.unliteral(number), types.int64), codegen


@intrinsic
def load_shared(typing_context, address):
    """A number that other threads store: what they stored before it is seen afterwards."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(_pointer(builder, args[0]), "acquire", BYTES)

    return types.int64(types.int64), codegen


@intrinsic
def store_shared(typing_context, number, address):
    """A number for other threads: who loads it sees what was stored before."""

    def codegen(context, builder, signature, args):
        builder.store_atomic(args[0], _pointer(builder, args[1]), "release", BYTES)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def replace(typing_context, address, old, new):
    """Put `new` in the place of `old`, as one step; whether it was `old` that stood there."""

    def codegen(context, builder, signature, args):
        address, old, new = args
        pair = builder.cmpxchg(_pointer(builder, address), old, new, "seq_cst", "seq_cst")
        return builder.extract_value(pair, 1)

    return types.boolean(types.int64, types.int64, types.int64), codegen


@intrinsic
def add(typing_context, address, number):
    """Add to a number as one step; what stood there before."""

    def codegen(context, builder, signature, args):
        return builder.atomic_rmw("add", _pointer(builder, args[0]), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def fence(typing_context):
    """What was stored before is seen by all threads before anything that follows is loaded."""

    def codegen(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def order(typing_context):
    """What comes before in the code is seen before what follows it; but see `fence`."""

    def codegen(context, builder, signature, args):
        builder.fence("acq_rel")
        return context.get_dummy_value()

    return types.void(), codegen
