"""What a thread that runs a kernel knows of the team that it is in.

A kernel is compiled once for one thread and for many. Where `prange` stands in it, it looks for the *context* of the
thread that runs it: none, or one of a single thread, and the loop is `range`; otherwise the thread takes its part and,
at the end of the loop, meets the others. How they do that is in `meetings`; here is where it finds them.

A context is a row of 64-bit numbers, which the constants below say the places of, in bytes. The thread itself uses the
first half, which no other touches while it runs; the second half, on cache lines of its own, is how others see it.
"""

import ctypes

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from .internals import cgutils, within_parallel
from .memory import BYTES, SLOT

HALF = 256  # of a context: two pairs of cache lines
SIZE = 2 * HALF
SCRATCH_BYTES = 1 << 20  # of the shared arrays of one kernel, at most

# What kernels look at: the number of the part that this thread does in each loop, of how many; the addresses of `share`
# and `meet`; what `share` gives, a part of the loop; the kernel's results as a record has them; where the team's shared
# arrays are.
ME, COUNT, SHARE, MEET, START, STOP, EXCEPTION, RESULT, SCRATCH = range(0, 9 * BYTES, BYTES)
# Of the operation that runs: its key, with 0 for the loop; how many loops have begun; the one loop that is run for
# another thread, else 0; how many loops are open, one within the other; the key of the part that this thread has begun;
# where context 0 is; entry and record, and about how long one thread takes.
OPERATION, LOOP, ONLY, DEPTH, OPEN, TEAM, ENTRY, RECORD, NANOSECONDS = range(16 * BYTES, 25 * BYTES, BYTES)
# A bit for each part that this thread had to do because the thread that it belongs to was late.
LATE = 30 * BYTES
# Of the leader, whose context is number 0: the key of the next operation; how many threads the team has, and where the
# addresses of the others are; for how many runs those that were late are not waited for, and how many are left of them.
NEXT, TOGETHER, MEMBERS, GAP, LEFT = range(25 * BYTES, 30 * BYTES, BYTES)
# What others see: the key of the part that was begun last, which they hardly ever look at, so that it is at hand for
# the thread itself; and of the part that was done last, which they wait for.
TICKET, DONE = HALF, HALF + 128
# Of context 0, for all of the team: what a thread has raised, in which operation, by its record, and its code as
# `entries.run` gives it; whether a thread was stopped in the midst of its part.
RAISED, RAISED_IN, RAISED_CODE, STALLED = range(HALF + 64, HALF + 64 + 4 * BYTES, BYTES)

_api = ctypes.pythonapi
_api.PyThread_tss_alloc.restype = ctypes.c_void_p
_api.PyThread_tss_create.argtypes = [ctypes.c_void_p]
_key = _api.PyThread_tss_alloc()
if _api.PyThread_tss_create(_key) != 0:
    raise MemoryError("no storage for what belongs to a thread")

# By these names compiled code finds them, that of the cache too.
_GET, _SET, _KEY = "numbanet_tss_get", "numbanet_tss_set", "numbanet_tss_key"
binding.add_symbol(_GET, ctypes.cast(_api.PyThread_tss_get, ctypes.c_void_p).value)
binding.add_symbol(_SET, ctypes.cast(_api.PyThread_tss_set, ctypes.c_void_p).value)
binding.add_symbol(_KEY, _key)

_BYTE = ir.IntType(8)
_ADDRESS = _BYTE.as_pointer()


def _tss_key(module):
    key = module.globals.get(_KEY)
    return key or ir.GlobalVariable(module, _BYTE, _KEY)


def emit_context(builder):
    """The address of the calling thread's context; 0 where it has none."""
    get = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_ADDRESS, [_ADDRESS]), _GET)
    for attribute in ("nounwind", "readnone"):  # so that a kernel asks once
        get.attributes.add(attribute)
    return builder.ptrtoint(builder.call(get, [_tss_key(builder.module)]), SLOT)


def emit_slot(builder, context, place, kind=SLOT):
    """A pointer to a number of a context."""
    return builder.inttoptr(builder.add(context, ir.Constant(SLOT, place)), kind.as_pointer())


def emit_own(builder, context, place, otherwise):
    """A number of a context, or a constant where there is none; without a branch, for the entry block has none."""
    with builder.goto_entry_block():
        constant = builder.alloca(SLOT)
        builder.store(ir.Constant(SLOT, otherwise), constant)
    there = builder.icmp_unsigned("!=", context, ir.Constant(SLOT, 0))
    return builder.load(builder.select(there, emit_slot(builder, context, place), constant))


def emit_shared(builder, context):
    """Whether the kernel that runs is shared by several threads, of the context or its absence."""
    return builder.icmp_signed(">", emit_own(builder, context, COUNT, 1), ir.Constant(SLOT, 1))


@intrinsic
def enter(typing_context, context):
    """Give the calling thread this context, or none where it is 0."""

    def codegen(numba_context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(32), [_ADDRESS, _ADDRESS])
        put = cgutils.get_or_insert_function(builder.module, kind, _SET)
        builder.call(put, [_tss_key(builder.module), builder.inttoptr(args[0], _ADDRESS)])
        return numba_context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def part(typing_context):
    """Number of the part that the calling thread does in the loops of a team: 0 of whoever leads it, or is in none."""

    def codegen(context, builder, signature, args):
        own = emit_context(builder)
        result = cgutils.alloca_once_value(builder, ir.Constant(SLOT, 0))
        with builder.if_then(builder.icmp_unsigned("!=", own, ir.Constant(SLOT, 0))):
            builder.store(builder.load(emit_slot(builder, own, ME)), result)
        return builder.load(result)

    return types.int64(), codegen


@intrinsic
def workers(typing_context):
    """Number of threads that this call of the kernel runs on.

    For the kernel itself, outside its loops, where work is better cut into one even part for each thread.
    """

    def codegen(context, builder, signature, args):
        count = context.get_value_type(types.intp)
        if within_parallel():
            # Numba's own; the parallel loop sees to it that the library is loaded.
            function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(count, []), "get_num_threads")
            return builder.call(function, [])
        return emit_own(builder, emit_context(builder), COUNT, 1)

    return types.intp(), codegen
