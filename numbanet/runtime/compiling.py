"""How kernels are compiled: the decorators of their pieces, and the options that all of them share."""

import os
import secrets

import numba

from .cache import Cache, cache_folder
from .internals import Compiler, Flags, InlineInlinables, cache_of, set_cache
from .settings import check_machine_code
from .shared_ranges import SharePranges

# "numpy": the default model puts a test for zero into every division, which stops vectorisation. No `fastmath`: it
# would let the compiler reorder sums and drop NaN checks. Kernels ask for fused multiply-adds by name (`fma`) and
# sum in lanes (`reductions`), so that a result depends neither on the block an element falls into nor on the width of
# the vectors.
OPTIONS = {"error_model": "numpy", "nogil": True}

_process = ""  # a name that no other process has, nor had


def _name_process():
    global _process
    _process = secrets.token_hex(8)


_name_process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_name_process)


class _Flags(Flags):
    """Numba's, but with a name of this process's own in the symbols of what is compiled, and of its parallel loops.

    Numba names the loop of a parallel kernel after a count of functions and an address alone. Forked processes have
    both in common, so that two kernels would get one name; and whoever loads both from the cache runs the first in the
    other's place.
    """

    def get_mangle_string(self):
        return super().get_mangle_string() + _process


class NumbanetCompiler(Compiler):
    """Numba's, but with loops that a team of threads can share where it knows serial ones (`shared_ranges`).

    It also tells LLVM of those what numba tells it of parallel ones: that arrays do not overlap. Where a loop writes an
    element in the place it read it from, the order is the same either way; but LLVM, not knowing that this is the only
    overlap there is, compares addresses and then takes a scalar loop.
    """

    def define_pipelines(self):
        self.state.flags = _Flags(self.state.flags)
        self.state.flags.noalias = True
        pipelines = super().define_pipelines()
        if not self.state.flags.auto_parallel.enabled:
            for pipeline in pipelines:
                pipeline.add_pass_after(SharePranges, InlineInlinables)
                pipeline.finalize()
        return pipelines


def compiled(function, parallel=False):
    """`function` compiled by numba at its first call, its `prange` that of a team (`shared_ranges`) or numba's."""
    check_machine_code()
    dispatcher = numba.njit(**OPTIONS, parallel=parallel, pipeline_class=NumbanetCompiler)(function)
    if is_own(function) and cache_folder() is not None:
        set_cache(dispatcher, Cache(function, "parallel" if parallel else "serial"))
    return dispatcher


def is_own(function):
    """Whether a function is one of this package, by whose source the cache is named, rather than a user's."""
    return function.__module__.partition(".")[0] == __name__.partition(".")[0]


def types_of(dispatcher, arguments):
    """What a compiled function tells arguments apart by."""
    return tuple(map(dispatcher.typeof_pyval, arguments))


def is_ready(dispatcher, types):
    """Whether a call with arguments of these types compiles nothing: it was compiled before, or is in the cache."""
    if types in dispatcher.overloads:
        return True
    kept = cache_of(dispatcher)
    return isinstance(kept, Cache) and kept.holds(types, dispatcher.targetctx)


def serial(function):
    """Compile a piece of a kernel: a loop that runs on the thread that calls it."""
    return function if numba.config.DISABLE_JIT else compiled(function)  # then no kernel comes to call it


def inlined(function):
    """A piece of several kernels that has `prange` in it, which then is theirs: numba copies it into each."""
    return numba.njit(**OPTIONS, inline="always")(function)


def made(function):
    """Compile a piece of a kernel that is made within another function: it is kept with its kernels alone.

    The cache tells functions apart by their names, which those have in common.
    """
    return numba.njit(**OPTIONS, pipeline_class=NumbanetCompiler)(function)
