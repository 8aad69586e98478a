"""How `numbanet.testing` lays arrays out in memory and compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from ._types import Array


def place(array: Array, layout: str, around: float) -> tuple[Array, Array]:
    """A copy of `array` inside a larger buffer that is filled with `around`, and the buffer."""
    if layout == "strided":
        buffer = np.full([2 * size + 2 for size in array.shape], around, array.dtype)
        steps = [slice(1, 2 * size + 1, 2) for size in array.shape]
        steps[-1:] = [slice(2 * size, 0, -2) for size in array.shape[-1:]]
        inside: Any = (*steps, ...)
        view = buffer[inside]
    else:
        margin = 61 + sum(array.shape[-1:])  # a row and more; 61, so that nothing may count on aligned vectors
        buffer = np.full(array.size + 2 * margin, around, array.dtype)
        flat = buffer[margin : margin + array.size]
        view = flat.reshape(array.shape) if layout == "C" else flat.reshape(array.shape[::-1]).T
    view[...] = array
    return view, buffer


def magnitude(array: Array) -> float:
    return np.max(np.abs(array), initial=0.0, where=np.isfinite(array))


def require_close(what: str, got: Array, want: Array, allowed: Any, labels: tuple[str, str]) -> Array:
    """Raise for the worst element that is off by more than `allowed`, else give the errors.

    With ``allowed=None`` everything but the bits of a NaN must be the same, signs of zeros too.
    """
    if (got.shape, got.dtype) != (want.shape, want.dtype):
        raise AssertionError(f"{what}: {labels[0]} {got.dtype} {got.shape}, {labels[1]} {want.dtype} {want.shape}")
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.where(same, 0.0, np.abs(np.subtract(got, want, dtype=np.float64)))
    if allowed is None:
        close, allowed = same & (np.isnan(got) | (np.signbit(got) == np.signbit(want))), 0.0
    else:
        close = same | (np.isfinite(want) & (error <= allowed))
    if not close.all():
        ranked = np.where(close, -1.0, np.nan_to_num(error, nan=np.inf))
        at = np.unravel_index(np.argmax(ranked), ranked.shape)
        index = f"[{', '.join(map(str, at))}]" if at else ""
        limit = np.broadcast_to(allowed, error.shape)[at]
        raise AssertionError(
            f"{what}{index}: {labels[0]} {got[at]!s}, {labels[1]} {want[at]!s}, error "
            f"{error[at]:.3g}, allowed {limit:.3g}; {np.sum(~close)} of {close.size} elements differ"
        )
    return error
