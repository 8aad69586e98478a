"""Calling an operation by two addresses: of its record, which holds the arguments, and of an entry, which knows them.

See `call_table`, which makes records. LLVM makes an entry in milliseconds; it is kept with the kernels.
"""

import functools
import hashlib

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .cache import kept
from .internals import global_compiler_lock, new_library, propagate, raises
from .memory import SLOT
from .stored import StoredLibrary, code_of

# Of a record and of where its results go; gives what numba has a function return: whether it raised.
ENTRY = ir.FunctionType(ir.IntType(32), [SLOT, SLOT])
FUNCTION, EXCEPTION, RESULT, ARGUMENTS = range(4)  # the first slots of a record, the next two also those of results

_entries = {}  # kinds of arguments -> (address of the entry, the library that it is in)


@global_compiler_lock
def entries_of(kinds):
    """The address of the entry of each kind of function, LLVM's."""
    for kind in kinds:
        if str(kind) not in _entries:
            name = f"numbanet_entry_{hashlib.blake2b(str(kind).encode(), digest_size=12).hexdigest()}"
            library = StoredLibrary(*kept(name, functools.partial(_compiled, name, kind)))
            _entries[str(kind)] = library.get_pointer_to_function(name), library
    return [_entries[str(kind)][0] for kind in kinds]


def _compiled(name, kind):
    """The machine code of an entry, for `StoredLibrary`."""
    library = new_library(name)
    library.enable_object_caching()
    module = library.create_ir_module(name)
    _emit(ir.Function(module, ENTRY, name), kind)
    library.add_ir_module(module)
    library.finalize()
    return code_of(library)


def _emit(entry, function_type):
    builder = ir.IRBuilder(entry.append_basic_block())
    record, results = (builder.inttoptr(place, SLOT.as_pointer()) for place in entry.args)

    def slot(index, row=record):
        return builder.gep(row, [ir.Constant(SLOT, index)])

    def load(index, kind):
        if not isinstance(kind, (ir.PointerType, ir.IntType)):
            return builder.load(builder.bitcast(slot(index), kind.as_pointer()))
        number = builder.load(slot(index))
        if isinstance(kind, ir.PointerType):
            return builder.inttoptr(number, kind)
        return number if kind == SLOT else builder.trunc(number, kind)

    result, exception, *kinds = function_type.args
    arguments = [builder.bitcast(slot(RESULT - EXCEPTION, results), result), builder.bitcast(results, exception)]
    arguments += [load(index, kind) for index, kind in enumerate(kinds, ARGUMENTS)]
    code = builder.call(load(FUNCTION, function_type.as_pointer()), arguments)
    if isinstance(result.pointee, ir.FloatType):  # the slot of a result holds a float64
        wide = builder.fpext(builder.load(arguments[0]), ir.DoubleType())
        builder.store(wide, builder.bitcast(arguments[0], ir.DoubleType().as_pointer()))
    builder.ret(code)


@intrinsic
def run(typing_context, entry, record, results):
    """Run an operation; its results go into two slots, EXCEPTION and RESULT. A code, not 0 where it raised."""

    def codegen(context, builder, signature, args):
        entry, record, results = args
        code = builder.call(builder.inttoptr(entry, ENTRY.as_pointer()), [record, results])
        raised = raises(context, builder, code, _exception(context, builder, results))
        return builder.select(raised, builder.sext(code, SLOT), SLOT(0))

    return types.int64(types.int64, types.int64, types.int64), codegen


@intrinsic
def reraise(typing_context, code, results):
    """Raise what an operation did, by the code that `run` gave and its results."""

    def codegen(context, builder, signature, args):
        propagate(context, builder, builder.trunc(args[0], ir.IntType(32)), _exception(context, builder, args[1]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def _exception(context, builder, results):
    return builder.inttoptr(results, context.call_conv.get_function_type(types.none, ()).args[1])
