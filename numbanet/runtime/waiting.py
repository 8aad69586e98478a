"""How compiled code waits, on the core, for its turn or asleep, by what the system and Python's library have for that.

None of it needs Python's lock. The functions are found by names that `binding.add_symbol` knows, by cached code too.
"""

import ctypes
import platform
import sys
import time

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from .internals import cgutils
from .memory import SLOT

INT, BYTE_POINTER, NOTHING = ir.IntType(32), ir.IntType(8).as_pointer(), ir.VoidType()
MACHINE = platform.machine().lower()
WINDOWS = sys.platform == "win32"

if WINDOWS:
    _clock, _yield = ctypes.windll.kernel32.GetSystemTimePreciseAsFileTime, ctypes.windll.kernel32.SwitchToThread
else:
    _clock, _yield = (getattr(ctypes.CDLL(None), name) for name in ("clock_gettime", "sched_yield"))

for _name, _function in {
    "numbanet_clock": _clock,
    "numbanet_yield": _yield,
    "numbanet_acquire": ctypes.pythonapi.PyThread_acquire_lock,
    "numbanet_release": ctypes.pythonapi.PyThread_release_lock,
}.items():
    binding.add_symbol(_name, ctypes.cast(_function, ctypes.c_void_p).value)


def closed_lock():
    """The address of a new lock that is closed, for `sleep` and `wake`; it lives as long as the process."""
    allocate, acquire = ctypes.pythonapi.PyThread_allocate_lock, ctypes.pythonapi.PyThread_acquire_lock
    allocate.restype, acquire.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]
    lock = allocate()
    if not lock or not acquire(lock, 0):
        raise MemoryError("no lock for a thread to sleep on")
    return lock


def _call(builder, name, result, *arguments):
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic
def pause(typing_context):
    """Tell the core that this is a loop that waits, which takes some ten nanoseconds."""

    def codegen(context, builder, signature, args):
        if MACHINE in ("x86_64", "amd64"):
            _call(builder, "llvm.x86.sse2.pause", NOTHING)
        elif MACHINE in ("aarch64", "arm64"):
            _call(builder, "llvm.aarch64.isb", NOTHING, ir.Constant(INT, 15))
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def now(typing_context):
    """Nanoseconds on a clock."""

    def codegen(context, builder, signature, args):
        if WINDOWS:
            place = cgutils.alloca_once(builder, SLOT)
            _call(builder, "numbanet_clock", NOTHING, place)
            return builder.mul(builder.load(place), ir.Constant(SLOT, 100))
        place = cgutils.alloca_once(builder, ir.ArrayType(SLOT, 2))  # seconds, nanoseconds
        _call(builder, "numbanet_clock", INT, ir.Constant(INT, int(time.CLOCK_MONOTONIC)), place)
        seconds, rest = (builder.extract_value(builder.load(place), part) for part in (0, 1))
        return builder.add(builder.mul(seconds, ir.Constant(SLOT, 10**9)), rest)

    return types.int64(), codegen


@intrinsic
def let_others_run(typing_context):
    """Give the core to another thread that wants it, if there is one."""

    def codegen(context, builder, signature, args):
        _call(builder, "numbanet_yield", INT)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def sleep(typing_context, lock):
    """Wait, without the core, until another thread calls `wake`, before or after."""

    def codegen(context, builder, signature, args):
        lock = builder.inttoptr(args[0], BYTE_POINTER)
        _call(builder, "numbanet_acquire", INT, lock, ir.Constant(INT, 1))
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def wake(typing_context, lock):
    def codegen(context, builder, signature, args):
        _call(builder, "numbanet_release", NOTHING, builder.inttoptr(args[0], BYTE_POINTER))
        return context.get_dummy_value()

    return types.void(types.int64), codegen
