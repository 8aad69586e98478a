"""How kernels are compiled: the decorators of their pieces, and the options that all of them share.

A kernel and each piece that is `apart` is machine code of its own, kept in a file of its own. All other pieces
(`serial`) are parts of those that call them: numba makes nothing of them but what LLVM is given there.
"""

import dataclasses
import importlib
import os
import secrets

import numba
from numba import types

from .cache import Cache
from .internals import (
    Compiler,
    CPUDispatcher,
    Flags,
    InlineInlinables,
    NopythonTypeInference,
    arguments_of,
    cache_of,
    call_by,
    global_compiler_lock,
    is_compiling,
    set_cache,
)
from .libraries import Part, Reference, Whole
from .settings import check_machine_code
from .shared_ranges import SharePranges
from .sharing_rules import LookForFaults

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

    library = Whole

    def define_pipelines(self):
        flags = self.state.flags = _Flags(self.state.flags)
        flags.noalias = True
        flags.no_cfunc_wrapper = True  # nobody calls it
        if self.state.library is None:  # else that of a parallel kernel, whose loop this is
            self.state.library = self.library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
            self.state.library.enable_object_caching()
        pipelines = super().define_pipelines()
        if not flags.auto_parallel.enabled:
            for pipeline in pipelines:
                pipeline.add_pass_after(SharePranges, InlineInlinables)
                if not is_own(self.state.func_id.func):
                    pipeline.add_pass_after(LookForFaults, NopythonTypeInference)
                pipeline.finalize()
        return pipelines


class _PartCompiler(NumbanetCompiler):
    """Makes a function that is compiled since another calls it a part of that one."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if is_compiling():
            self.library = Part

    def define_pipelines(self):
        self.state.flags.no_cpython_wrapper = self.library is Part
        return super().define_pipelines()


class _ApartCompiler(NumbanetCompiler):
    """Names the machine code of a function alike in all processes, since what calls it knows it by that name.

    The name says where the function stands and its types; the folder of the cache stands for all else. So whichever
    process compiled the function, and whichever what calls it, the two fit together.
    """

    def define_pipelines(self):
        pipelines = super().define_pipelines()
        self.state.func_id.unique_id = 0
        self.state.flags = _ApartFlags(self.state.flags)
        return pipelines


class _ApartFlags(Flags):
    def get_mangle_string(self):
        return "apart"


class _Dispatcher(CPUDispatcher):
    def __init__(self, function, compiler, parallel=False):
        check_machine_code()
        options = {**OPTIONS, "nopython": True, "boundscheck": None, "parallel": parallel}
        super().__init__(function, targetoptions=options, pipeline_class=compiler)

    def get_call_template(self, args, kws):
        """One code for all constants of a type, which numba would compile for each."""
        return super().get_call_template(tuple(map(types.unliteral, args)), kws)


class _Kept(_Dispatcher):
    """A function whose machine code is kept, where it is one of ours."""

    def __init__(self, function, compiler=NumbanetCompiler, parallel=False):
        super().__init__(function, compiler, parallel)
        if is_own(function):
            set_cache(self, Cache(function, "parallel" if parallel else "serial"))

    @global_compiler_lock  # within which no process is forked, which would hold what is claimed too
    def compile(self, sig):
        try:
            return super().compile(sig)
        finally:
            if isinstance(kept := cache_of(self), Cache):
                kept.release()


class _Apart(_Kept):
    """One that others call by address."""

    def __init__(self, function):
        super().__init__(function, _ApartCompiler)

    def add_overload(self, compiled):
        super().add_overload(compiled)
        load = _Load(self.__module__, self.__name__, compiled.signature.args)
        call_by(compiled, Reference(load))


@dataclasses.dataclass(frozen=True)
class _Load:
    """Sees to it that the machine code of a function is there, since other code that refers to it is about to be."""

    module: str
    name: str
    types: tuple

    def __call__(self):
        getattr(importlib.import_module(self.module), self.name).compile(self.types)


class _Parts(_Dispatcher):
    """A function that becomes a part of those that call it. Where Python calls it, it is not kept."""

    def __init__(self, function):
        super().__init__(function, _PartCompiler)

    @global_compiler_lock
    def compile(self, sig):
        kinds = arguments_of(sig)
        if not is_compiling() and kinds in self.overloads and isinstance(self.overloads[kinds].library, Part):
            del self.overloads[kinds]
        return super().compile(sig)

    def add_overload(self, compiled):
        if isinstance(compiled.library, Part):
            self.overloads[tuple(compiled.signature.args)] = compiled  # which Python cannot call
        else:
            super().add_overload(compiled)


def compiled(function, parallel=False):
    """`function` compiled by numba at its first call, its `prange` that of a team (`shared_ranges`) or numba's."""
    return _Kept(function, parallel=parallel)


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


def whole(function):
    """Compile what is no kernel, but called by Python or by its address: when it is first asked for."""
    return function if numba.config.DISABLE_JIT else compiled(function)


def serial(function):
    """Compile a piece of a kernel: a loop that runs on the thread that calls it, as a part of what calls it."""
    return function if numba.config.DISABLE_JIT else _Parts(function)  # then no kernel comes to call it


def apart(function):
    """Compile a piece of kernels as `serial` does, but once for all of them, which call it by address.

    For what is large and called by several. A call costs 5 to 20 ns more, and the compiler cannot shape it to a caller.
    """
    return function if numba.config.DISABLE_JIT else _Apart(function)


def inlined(function):
    """A piece of several kernels that has `prange` in it, which then is theirs: numba copies it into each."""
    return numba.njit(**OPTIONS, inline="always")(function)
