"""When an operation goes parallel, and the class that every kernel is.

A kernel is written once, as loops with one or more `prange`, and compiled in two ways when first needed: serial, where
`prange` is `range`, and parallel. Which one a call takes depends on its sizes, and never shows in its result: every
element is computed by one thread, in one order, in blocks whose size does not depend on the number of threads.
"""

from __future__ import annotations

import functools
import threading
import weakref
from typing import TYPE_CHECKING

import numba

from . import forks, placement, sharing, sharing_rules, threading_layer, threads  # noqa: F401
from .compiling import compiled, is_own, types_of
from .contexts import workers  # noqa: F401  # for kernels
from .internals import Dispatcher, is_parallel, options_of
from .lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Work, on one core, above which a call goes parallel, for each threading layer. A second thread saves half of the work
# at best, so it pays from twice the cost of starting a region, which is 2, 5 to 10 and 100 µs; another factor of two or
# more allows for the error of the kernels' estimates.
PARALLEL_ABOVE_NS = {"omp": 10_000.0, "tbb": 20_000.0, "workqueue": 400_000.0}
SERIAL_BELOW_NS = min(PARALLEL_ABOVE_NS.values())  # whatever the layer, which then need not be started
ALWAYS_PARALLEL = 1e9  # nanoseconds

_turn = threading.Lock()


class Kernel:
    """One operation. Calling it runs the variant that suits the sizes of its arguments.

    Attributes
    ----------
    serial, parallel : numba dispatcher
        The two compiled forms of the same loops.
    py_func : function
        The loops as written.
    nanoseconds : callable
        About how long one core takes, of the arguments.
    """

    __name__: str

    def __init__(self, function: Callable[..., Any], nanoseconds: Callable[..., float]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self.nanoseconds = nanoseconds

    @lazy
    def serial(self):
        return compiled(self.py_func)

    @lazy
    def parallel(self):
        threading_layer.start()  # else numba would, without looking for the best
        return compiled(self.py_func, parallel=True)

    @lazy
    def parallel_in_turn(self):
        """The parallel form for a layer that ends the process when two threads call at once: the second goes serial."""
        parallel, serial = self.parallel, self.serial

        def call(*args):
            if not _turn.acquire(blocking=False):
                return serial(*args)
            try:
                return parallel(*args)
            finally:
                _turn.release()

        call.__name__ = self.__name__
        return call

    def variant(self, *args: Any) -> Any:
        """The compiled form that is faster for arguments of these sizes."""
        nanoseconds = self.nanoseconds(*args)
        if nanoseconds < SERIAL_BELOW_NS or threads.get_num_threads() == 1 or threading_layer.forked:
            return self.serial
        layer = threads.apply()
        if nanoseconds < PARALLEL_ABOVE_NS[layer]:
            return self.serial
        placement.keep_apart()
        return self.parallel_in_turn if layer == "workqueue" else self.parallel

    def fault(self, *args: Any) -> str:
        """What keeps a team of threads from sharing its loops (docs/team.md), in a few words; "" where they may.

        A kernel of a user's own with a fault runs in a network as it does outside: if it is large, in numba's form.
        """
        if is_own(self.py_func):
            return ""
        signature = types_of(self.serial, args)
        if signature not in self.serial.overloads:
            self.serial.compile(signature)
        names = self.py_func.__code__.co_varnames
        return sharing_rules.fault(self.serial.overloads[signature], dict(zip(names, args, strict=False)))

    def __call__(self, *args: Any) -> Any:
        if self.nanoseconds(*args) < SERIAL_BELOW_NS:  # what `variant` says, without the time that asking it takes
            return self.serial(*args)
        return self.variant(*args)(*args)

    def __reduce__(self) -> str:  # for copy and pickle: its name in its module
        return self.__name__

    def __repr__(self) -> str:
        return f"<kernel {self.__name__}>"


class Given(Kernel):
    """What a user has compiled by ``numba.njit(parallel=True)``, as a kernel: it has a serial form too.

    That is for one thread, and for several that compute side by side. Otherwise it is parallel whatever the sizes are.
    """

    def __init__(self, dispatcher):
        super().__init__(dispatcher.py_func, lambda *args: ALWAYS_PARALLEL)
        self._dispatcher = dispatcher

    @lazy
    def serial(self):
        return numba.jit(**{**options_of(self._dispatcher), "parallel": False})(self.py_func)

    @lazy
    def parallel(self):
        threading_layer.start()
        return self._dispatcher


_given = weakref.WeakKeyDictionary()


def in_both_forms(function):
    """The function of an operation as it is, or as a kernel where it is one that knows the parallel form alone."""
    if not (isinstance(function, Dispatcher) and is_parallel(function)):
        return function
    return _given.setdefault(function, Given(function))


def forms(operations):
    """How each operation in a list of a program is run.

    Parameters
    ----------
    operations : list of (Kernel or function, arguments)

    Returns
    -------
    list of (function, arguments, nanoseconds)
        The compiled form, and about how long one thread takes, where a team is to share it; 0 where the calling thread
        is to run it.
    """
    return [_form(function, arguments) for function, arguments in operations]


def _form(function, arguments):
    if not isinstance(function, Kernel) or isinstance(function, Given):
        return variant(function, arguments), arguments, 0.0
    nanoseconds = function.nanoseconds(*arguments)
    if not sharing.pays(nanoseconds):
        return function.serial, arguments, 0.0
    if function.fault(*arguments):
        return function.variant(*arguments), arguments, 0.0
    return function.serial, arguments, nanoseconds


def variant(function, arguments):
    """What runs one operation with arguments of these sizes: a kernel has a serial and a parallel form."""
    choose = getattr(function, "variant", None)
    return choose(*arguments) if choose else function


def kernel(nanoseconds: float | Callable[..., float]) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function of explicit loops a `Kernel`.

    Parameters
    ----------
    nanoseconds : float or callable
        About how long one core takes: for each element of the first argument, or as a function of the arguments that
        gives the whole. It decides between serial and parallel; half or twice the truth does no harm.
    """
    if callable(nanoseconds):
        return lambda function: Kernel(function, nanoseconds)
    return lambda function: Kernel(function, lambda first, *rest: nanoseconds * first.size)
