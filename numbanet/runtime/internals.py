"""Numba's private parts: the one module that knows them.

Everything else of numbanet takes from here what numba does not promise to keep, so that a new version of numba is read
against this file alone. `TESTED` are the oldest and the newest version that it was seen to work with, by
``python -m tests.versions``; what `NEEDED` lists is looked for when numbanet is imported, so that a numba without it is
told of in a sentence.
"""

import contextlib
import functools
import pkgutil

from ..errors import SettingError
from . import settings
from .first_import import has_scipy, without_scipy

settings.thread_count("NUMBA_NUM_THREADS")  # numba's own words would be a traceback

TESTED = "0.60", "0.68"

NEEDED = (
    "core.caching:_CacheLocator",
    "core.caching:CompileResultCacheImpl.get_filename_base",
    "core.caching:FunctionCache.flush",
    "core.caching:FunctionCache._index_key",
    "core.caching:FunctionCache.load_overload",
    "core.caching:FunctionCache.save_overload",
    "core.caching:IndexDataCacheFile._data_path",
    "core.caching:IndexDataCacheFile._load_data",
    "core.caching:IndexDataCacheFile._load_index",
    "core.caching:IndexDataCacheFile._save_data",
    "core.caching:IndexDataCacheFile._save_index",
    "core.callconv:CPUCallConv._get_return_status",
    "core.callconv:CPUCallConv.return_status_propagate",
    "core.cgutils:alloca_once",
    "core.cgutils:alloca_once_value",
    "core.cgutils:for_range",
    "core.cgutils:get_or_insert_function",
    "core.cgutils:unpack_tuple",
    "core.codegen:JITCodeLibrary.enable_object_caching",
    "core.codegen:JITCodeLibrary._ensure_finalized",
    "core.codegen:JITCodeLibrary.finalize",
    "core.codegen:JITCodeLibrary._finalize_final_module",
    "core.codegen:JITCodeLibrary._get_compiled_object",
    "core.codegen:JITCodeLibrary.get_defined_functions",
    "core.codegen:JITCodeLibrary._get_module_for_linking",
    "core.codegen:JITCodeLibrary._set_compiled_object",
    "core.compiler:Compiler.define_pipelines",
    "core.compiler:compile_result",
    "core.compiler:CompileResult._find_referenced_environments",
    "core.compiler:Flags.get_mangle_string",
    "core.compiler:Flags.noalias",
    "core.compiler:Flags.no_cfunc_wrapper",
    "core.compiler:Flags.no_cpython_wrapper",
    "core.compiler_lock:global_compiler_lock",
    "core.compiler_machinery:FunctionPass",
    "core.compiler_machinery:PassManager.add_pass_after",
    "core.compiler_machinery:PassManager.finalize",
    "core.compiler_machinery:register_pass",
    "core.dispatcher:Dispatcher.add_overload",
    "core.dispatcher:Dispatcher.compile",
    "core.dispatcher:Dispatcher.get_call_template",
    "core.dispatcher:Dispatcher.typeof_pyval",
    "core.errors:NumbaError",
    "core.event:Listener",
    "core.event:register",
    "core.event:trigger_event",
    "core.event:trigger_event",
    "core.event:unregister",
    "core.imputils:iternext_impl",
    "core.imputils:RefType",
    "core.ir:Assign",
    "core.analysis:compute_cfg_from_blocks",
    "core.ir_utils:build_definitions",
    "core.registry:CPUDispatcher",
    "core.registry:cpu_target.target_context",
    "core.runtime._nrt_python:c_helpers",
    "core.serialize:dumps",
    "core.sigutils:normalize_signature",
    "core.typed_passes:NopythonTypeInference",
    "core.targetconfig:ConfigStack.top_or_none",
    "core.untyped_passes:InlineInlinables",
    "extending:lower_builtin",
    "extending:models.StructModel",
    "extending:register_model",
    "np.arraymath",
    "np.arrayobj:make_array",
    "np.arrayobj:populate_array",
)


def _is_there(name):
    try:
        pkgutil.resolve_name(f"numba.{name}")
    except (ImportError, AttributeError):
        return False
    return True


with without_scipy() as refused:
    import numba

    missing = [name for name in NEEDED if not _is_there(name)]

if missing:
    raise SettingError(
        f"numba {numba.__version__} lacks {', '.join(missing)}, which numbanet needs; it works with numba {TESTED[0]} "
        f"to {TESTED[1]}, as `python -m pip install 'numba=={TESTED[1]}.*'` installs"
    )

from llvmlite import binding
from llvmlite import ir as llvm
from llvmlite.binding import ffi
from numba import types
from numba.core import cgutils, event, ir, sigutils
from numba.core.analysis import compute_cfg_from_blocks as control_flow
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.caching import _CacheLocator as CacheLocator
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags, compile_result
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.core.imputils import RefType, iternext_impl
from numba.core.ir_utils import build_definitions
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.runtime import _nrt_python
from numba.core.serialize import dumps
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import NopythonTypeInference
from numba.core.untyped_passes import InlineInlinables
from numba.extending import lower_builtin, models, register_model
from numba.np import arraymath, arrayobj
from numba.np.ufunc import parallel

__all__ = [
    "LOCKS",
    "TESTED",
    "CPUDispatcher",
    "CacheLocator",
    "CompileResultCacheImpl",
    "Compiler",
    "Dispatcher",
    "Flags",
    "FunctionCache",
    "FunctionPass",
    "IndexDataCacheFile",
    "InlineInlinables",
    "JITCodeLibrary",
    "NopythonTypeInference",
    "NumbaError",
    "RefType",
    "active_threads",
    "arguments_of",
    "add_runtime_symbols",
    "arrayobj",
    "cache_of",
    "call_by",
    "cgutils",
    "control_flow",
    "compile_result",
    "cpu_target",
    "define_symbols",
    "dumps",
    "event",
    "global_compiler_lock",
    "ir",
    "is_compiling",
    "is_parallel",
    "iternext_impl",
    "lower_builtin",
    "machine_code",
    "models",
    "new_library",
    "options_of",
    "propagate",
    "raises",
    "redefined",
    "register_model",
    "register_pass",
    "referenced_environments",
    "set_cache",
    "takes",
    "within_parallel",
]

if refused:  # what numba noted is for functions of others, which may use linear algebra
    arraymath._HAVE_BLAS = has_scipy()

_NOTHING = contextlib.nullcontext()  # where a version has no such lock

# What a thread holds while it compiles, starts numba's threads or is inside LLVM, in the order in which it takes them.
LOCKS = (
    global_compiler_lock,
    getattr(parallel, "_backend_init_thread_lock", _NOTHING),
    getattr(ffi.lib, "_lock", _NOTHING),
)


def active_threads():
    """How many threads a parallel kernel that the calling thread calls runs on; numba's threads must have started.

    What is asked here takes no lock, as `numba.get_num_threads` does, which Ctrl-C would leave closed for all others.
    """
    return getattr(parallel, "_get_num_threads", numba.get_num_threads)()


def set_cache(dispatcher, cache):
    """Let a compiled function look for its machine code in `cache`, and keep it there."""
    dispatcher._cache = cache


def cache_of(dispatcher):
    """What `set_cache` set, or numba's own."""
    return dispatcher._cache


def is_parallel(dispatcher):
    """Whether a compiled function's `prange` is parallel."""
    return bool(dispatcher.targetoptions.get("parallel"))


def within_parallel():
    """Whether the function that is being compiled just now is one whose `prange` is parallel."""
    return ConfigStack.top_or_none().auto_parallel.enabled


def redefined(function_ir):
    """Of numba's passes: after statements were changed, the note of which defines which variable."""
    function_ir._definitions = build_definitions(function_ir.blocks)


def is_compiling():
    """Whether the calling thread is compiling a function just now."""
    return ConfigStack.top_or_none() is not None


def arguments_of(signature):
    """The types of the arguments in whatever numba takes for a signature."""
    return tuple(sigutils.normalize_signature(signature)[0])


def call_by(compiled, library):
    """Give callers of a compiled function another library to link than its own."""
    context = cpu_target.target_context
    context.remove_user_function(compiled.entry_point)
    context.insert_user_function(compiled.entry_point, compiled.fndesc, [library])


def machine_code(dispatcher, signature):
    """A function compiled for a signature: its type, which is LLVM's, its address, and the type of what it returns.

    The latter is that of a Python object where the function needs Python to run.
    """
    if signature not in dispatcher.overloads:
        dispatcher.compile(signature)
    compiled = dispatcher.overloads[signature]
    returns = types.pyobject if compiled.objectmode else compiled.signature.return_type
    kind = cpu_target.target_context.call_conv.get_function_type(returns, compiled.signature.args)
    return kind, compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name), returns


def new_library(name):
    """An empty library of machine code, which lives as long as the object."""
    return cpu_target.target_context.codegen().create_library(name)


@functools.cache
def add_runtime_symbols():
    """Let machine code find what it calls of numba's C library. Numba does so, too, before it compiles anything."""
    for name, address in _nrt_python.c_helpers.items():
        binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


def define_symbols(library, names):
    """Tell the engine that it has the functions of these names, in machine code that it has been given."""
    library.codegen._engine._defined_symbols.update(names)


def referenced_environments(compiled):
    """What compiled functions that one has linked into it know of Python."""
    return tuple(compiled._find_referenced_environments())


def options_of(dispatcher):
    """What `numba.jit` was given for a function."""
    return dispatcher.targetoptions


def takes(dispatcher, signature):
    """Whether a function is or can be compiled for a signature: one with types of its own is for these alone."""
    return dispatcher._can_compile or signature in dispatcher.overloads


def raises(context, builder, code, place):
    """In a function that is being compiled: whether a call raised an exception.

    `code` is what the called function returned, and at `place` is what it raised.
    """
    return context.call_conv._get_return_status(builder, code, builder.load(place)).is_error


def propagate(context, builder, code, place):
    """In a function that is being compiled: raise what a call has raised, where it has.

    `code` is what the called function returned, and at `place` is what it raised; something is there in any case then.
    """
    convention = context.call_conv
    status = convention._get_return_status(builder, code, builder.load(place))
    with builder.if_then(status.is_error, likely=False):
        builder.store(builder.inttoptr(llvm.IntType(64)(1), place.type.pointee), place)
        convention.return_status_propagate(builder, status)
