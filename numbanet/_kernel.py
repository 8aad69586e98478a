"""Kernels of a user's own."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, overload

import numpy as np

from ._checks import describe, number
from .runtime.dispatch import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


@overload
def kernel(function: Callable[..., Any], *, nanoseconds: float | Callable[..., float] = 1.0) -> Kernel: ...


@overload
def kernel(
    function: None = None, *, nanoseconds: float | Callable[..., float] = 1.0
) -> Callable[[Callable[..., Any]], Kernel]: ...


def kernel(function: Any = None, *, nanoseconds: Any = 1.0) -> Any:
    """Compile a function of explicit loops as numbanet's own operations are: in a serial and in a parallel form.

    For an operation of a layer or a loss of your own, as ``net.forward(kernel, x, out)``. It is compiled when it is
    first called, for each dtype and number of axes. Threads share the loops of `numba.prange` where the sizes are worth
    it: in a network all threads run the function, each with a part of those loops, so that what stands outside of them
    has to keep to some rules (``docs/your-own-layer.md``). One that does not is run on one thread or on numba's, and
    its `fault` says why.

    Parameters
    ----------
    function : function
        Arrays and numbers in, arrays out: it writes into its arguments, and returns nothing, or a float64 where it is a
        loss. No two arrays may overlap unless an element is written in the very place it was read from. For results
        that do not depend on the number of threads, each element that is written has one iteration of the `prange`
        that owns it. What an iteration of a `prange` raises is lost.
    nanoseconds : float or callable
        About how long one core takes: for an element of the largest array, or as a function of the arguments for all.
        Half or twice the truth does no harm.

    Returns
    -------
    Kernel
        Called as the function is. Or a decorator, where only `nanoseconds` is given.

    Notes
    -----
    Division by zero gives infinity or NaN, as in NumPy. The machine code is not kept: every process compiles it anew,
    which takes a second or two. ``numba.njit(cache=True)`` keeps its own.
    """
    if not callable(nanoseconds):
        each = number("nanoseconds", nanoseconds, 0, include_low=False, include_high=False)
        nanoseconds = lambda *arguments: each * max(map(np.size, arguments), default=1)  # noqa: E731
    if function is None:
        return lambda function: kernel(function, nanoseconds=nanoseconds)
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"kernel: expected a function of loops in Python, got {describe(function)}")
    return Kernel(function, nanoseconds)
