"""`prange` in the form of a kernel that one thread or a team runs.

Where numba compiles a kernel without ``parallel=True``, `SharePranges` puts `shared_range` in the place of `prange`: it
counts through the part of the thread that runs it, in unsigned numbers as numba's parallel loops do, and at its end the
thread meets the others. A `prange` within another is a plain range.
"""

import numba
from llvmlite import ir as llvm
from numba import types
from numba.extending import intrinsic

from .contexts import EXCEPTION, MEET, RESULT, SHARE, START, STOP, emit_context, emit_shared, emit_slot
from .internals import (
    FunctionPass,
    RefType,
    cgutils,
    iternext_impl,
    lower_builtin,
    models,
    redefined,
    register_model,
    register_pass,
)
from .internals import ir as numba_ir
from .memory import SLOT


class SharedRange(types.SimpleIteratorType):
    def __init__(self, yields):
        super().__init__(f"numbanet_shared_range({yields})", yields)


_counting, _from_start = SharedRange(types.uint64), SharedRange(types.int64)


@register_model(SharedRange)
class _Model(models.StructModel):
    def __init__(self, manager, kind):
        members = [("index", types.EphemeralPointer(types.uint64)), ("last", types.uint64)]
        members += [("first", types.uint64), ("context", types.int64)]
        super().__init__(manager, kind, members)


def _call(context, builder, own, function, *arguments):
    """Call `share` or `meet`, whose address is in the thread's context; they raise nothing."""
    kind = context.call_conv.get_function_type(types.none, (types.int64,) * (1 + len(arguments)))
    places = [
        emit_slot(builder, own, RESULT, kind.args[0].pointee),
        emit_slot(builder, own, EXCEPTION, kind.args[1].pointee),
    ]
    function = builder.load(emit_slot(builder, own, function, kind.as_pointer()))
    builder.call(function, [*places, own, *arguments])


@intrinsic
def shared_range(typing_context, first, stop=None):
    """The part of ``range(first)`` that is the calling thread's, in unsigned numbers; or of ``range(first, stop)``."""
    if not isinstance(first, types.Integer) or not (stop is None or isinstance(stop, (types.Integer, types.Omitted))):
        return None
    counting = not isinstance(stop, types.Integer)

    def codegen(context, builder, signature, args):
        numbers = [context.cast(builder, args[0], signature.args[0], types.int64)]
        if not counting:
            numbers.append(context.cast(builder, args[1], signature.args[1], types.int64))
        zero = llvm.Constant(SLOT, 0)
        first = zero if counting else numbers[0]
        count = builder.sub(numbers[-1], first)
        if not counting or signature.args[0].signed:
            count = builder.select(builder.icmp_signed(">", count, zero), count, zero)
        own = emit_context(builder)
        shared = emit_shared(builder, own)
        before = builder.block
        with builder.if_then(shared, likely=False):
            _call(context, builder, own, SHARE, count)
            part = [builder.load(emit_slot(builder, own, place)) for place in (START, STOP)]
            inside = builder.block
        chosen = []
        for alone, together in ((zero, part[0]), (count, part[1]), (zero, own)):
            chosen.append(builder.phi(SLOT))
            chosen[-1].add_incoming(alone, before)
            chosen[-1].add_incoming(together, inside)
        iterator = context.make_helper(builder, signature.return_type)
        iterator.index = cgutils.alloca_once_value(builder, chosen[0])
        iterator.last, iterator.first, iterator.context = chosen[1], first, chosen[2]
        return iterator._getvalue()

    result = _counting if counting else _from_start
    return result(first, types.Omitted(None) if stop is None else stop), codegen


@lower_builtin("iternext", SharedRange)
@iternext_impl(RefType.UNTRACKED)
def _next(context, builder, signature, args, result):
    iterator = context.make_helper(builder, signature.args[0], value=args[0])
    index = builder.load(iterator.index)
    valid = builder.icmp_unsigned("<", index, iterator.last)
    result.set_valid(valid)
    with builder.if_else(valid) as (another, none):
        with another:
            result.yield_(index if signature.args[0] == _counting else builder.add(iterator.first, index))
            builder.store(builder.add(index, llvm.Constant(SLOT, 1), flags=["nuw"]), iterator.index)
        with none:
            team = builder.icmp_unsigned("!=", iterator.context, llvm.Constant(SLOT, 0))
            with builder.if_then(team, likely=False):
                _call(context, builder, iterator.context, MEET)


@register_pass(mutates_CFG=False, analysis_only=False)
class SharePranges(FunctionPass):
    """Of numba's passes: `shared_range` in the place of `prange`, however that is named."""

    _name = "numbanet_share_pranges"

    def __init__(self):
        super().__init__()

    def run_pass(self, state):
        statements = [
            statement
            for block in state.func_ir.blocks.values()
            for statement in block.find_insts(numba_ir.Assign)
            if isinstance(statement.value, (numba_ir.Global, numba_ir.FreeVar, numba_ir.Expr))
        ]
        known = {}  # what global names and names of closures stand for, by variable
        for statement in statements:
            value = statement.value
            if not isinstance(value, numba_ir.Expr):
                known[statement.target.name] = value.value
            elif value.op == "getattr" and known.get(value.value.name) is numba:
                known[statement.target.name] = getattr(numba, value.attr, None)
            if known.get(statement.target.name) is numba.prange:
                statement.value = numba_ir.Global("prange", shared_range, value.loc)
        redefined(state.func_ir)
        return True
