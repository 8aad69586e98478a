"""Numba's private parts: the one module that knows them.

Everything else of numbanet takes from here what numba does not promise to keep, so that a new version of numba is read
against this list alone.
"""

from numba.core import bytecode, caching, cgutils, compiler, event, targetconfig
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target
from numba.np import arrayobj
from numba.np.ufunc import parallel

__all__ = [
    "Dispatcher",
    "arrayobj",
    "bytecode",
    "caching",
    "cgutils",
    "compiler",
    "cpu_target",
    "event",
    "global_compiler_lock",
    "parallel",
    "targetconfig",
]
