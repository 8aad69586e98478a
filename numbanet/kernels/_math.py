"""Scalar arithmetic that the compiler is told exactly."""

from numba.core import types
from numba.extending import intrinsic


def _has_fma(codegen):
    triple, _, features = codegen.magic_tuple()
    return "+fma" in features.split(",") or triple.startswith(("aarch64", "arm64"))


@intrinsic
def fma(typing_context, a, b, c):
    """``a * b + c`` of one float dtype, rounded once where the CPU does that in one instruction, twice where not.

    Asked for by name, because a compiler that may contract products and sums as it likes does so differently in a
    vectorised loop and in its remainder, and the result would depend on where an element falls.
    """
    if not (isinstance(a, types.Float) and a == b == c):
        return None

    def codegen(context, builder, signature, args):
        if _has_fma(context.codegen()):
            return builder.fma(*args)
        x, y, z = args
        return builder.fadd(builder.fmul(x, y), z)

    return a(a, b, c), codegen
