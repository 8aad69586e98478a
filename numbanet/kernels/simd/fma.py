"""Arithmetic that the compiler is told exactly."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime import target
from ...runtime.internals import cgutils


def fused_multiply_add(context, builder, a, b, c):
    """Emit ``a * b + c`` for scalars or vectors, rounded once where the CPU does that in one instruction."""
    if not target.current().fuses:
        return builder.fadd(builder.fmul(a, b), c)
    kind = a.type
    width = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
    scalar = kind.element if width else kind
    name = f"llvm.fma.{width}{'f32' if isinstance(scalar, ir.FloatType) else 'f64'}"
    return builder.call(
        cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name), [a, b, c]
    )


@intrinsic
def fma(typing_context, a, b, c):
    """``a * b + c`` of one float dtype, rounded once where the CPU does that in one instruction, twice where not.

    As fast as ``a * b + c`` in a loop over arrays. Asked for by name, because a compiler that may contract products and
    sums as it likes does so differently in a vectorised loop and in its remainder, and the result would depend on where
    an element falls.
    """
    if not (isinstance(a, types.Float) and a == b == c):
        return None

    def codegen(context, builder, signature, args):
        return fused_multiply_add(context, builder, *args)

    return a(a, b, c), codegen
