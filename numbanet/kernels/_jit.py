"""The two decorators every kernel is compiled with, and where the machine code is kept.

Numba's own cache looks at one source file at a time, so an edit in a helper leaves its callers' old machine code in
use. Here the folder is named after a hash of the whole kernels package, so no edit can be served stale code.
"""

import contextlib
import functools
import hashlib
import itertools
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

import llvmlite
import numba
from llvmlite import binding
from numba.core import bytecode, caching, compiler

# "numpy": the default model puts a test for zero into every division, which stops vectorisation. No `fastmath`: it
# would let the compiler reorder sums and drop NaN checks. Kernels ask for fused multiply-adds by name (`_math.fma`) and
# sum in lanes (`_sums`), so that a result depends neither on the block an element falls into nor on the width of the
# vectors.
OPTIONS = {"error_model": "numpy", "nogil": True}

KEPT, KEPT_SECONDS = 4, 7 * 24 * 3600  # folders of earlier versions
NO_MATTER_TO_THE_CODE = {
    "NUMBA_NUM_THREADS",
    "NUMBA_THREADING_LAYER",
    "NUMBA_THREADING_LAYER_PRIORITY",
    "NUMBA_CACHE_DIR",
    "NUMBA_DEBUG_CACHE",
}


def _name_apart():
    """Number the functions that numba compiles from a random number on, as the numbers go into the symbols' names.

    The loop of a parallel kernel is named after that number and an address alone. Forked processes have both in common,
    so that two kernels would get one name; and whoever loads both from the cache runs the first in the other's place.
    """
    bytecode.FunctionIdentity._unique_ids = itertools.count(secrets.randbits(63))


_name_apart()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_name_apart)


def cache_root():
    """The folder that holds numbanet's compiled kernels; the variable NUMBANET_CACHE_DIR moves it."""
    if explicit := os.environ.get("NUMBANET_CACHE_DIR"):
        return Path(explicit).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "numbanet"


def _digest():
    """A name for exactly this source, numba, llvmlite, CPU and settings of the compiler: whatever the code depends on.

    Numba's index inside the folder tells CPUs apart too, but by NUMBA_CPU_NAME where that is set, while the kernels'
    own constants follow the CPU itself.
    """
    cpu = binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    settings = [
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith("NUMBA_") and name not in NO_MATTER_TO_THE_CODE
    ]
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, cpu, settings)).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def _prune(root):
    """Remove the folders of other versions, but for the `KEPT` used last and those used within `KEPT_SECONDS`."""
    folders = [path for path in root.iterdir() if re.fullmatch("[0-9a-f]{16}", path.name) and path.is_dir()]
    used = {path: path.stat().st_mtime for path in folders}  # every process that uses one writes to it
    for path in sorted(folders, key=used.get, reverse=True)[KEPT:]:
        if time.time() - used[path] > KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


@functools.cache
def cache_folder():
    """The folder for exactly this code, made where missing; None, after a warning, where none can be written."""
    try:
        root = cache_root()
        folder = root / _digest()
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _prune(root)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder to expand ~ to
        warnings.warn(
            f"numbanet cannot keep its compiled kernels ({error}); they are compiled anew in every process. "
            "Set NUMBANET_CACHE_DIR to a folder that can be written.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return folder


@contextlib.contextmanager
def _locked(path):
    """Hold an exclusive lock between processes, where the platform has one."""
    with open(path, "a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back


class _Locator(caching._CacheLocator):
    def __init__(self, py_file, variant):
        self._py_file = py_file  # numba names it when it warns that a function cannot be cached
        self._variant = variant

    def get_cache_path(self):
        return str(cache_folder())

    def get_source_stamp(self):
        return "in the folder's name"

    def get_disambiguator(self):
        return self._variant


class _Implementation(caching.CompileResultCacheImpl):
    """Numba's, but for the place: it would look for a folder by itself, and knows nothing of variants."""

    def __init__(self, py_func, variant):
        self._lineno = py_func.__code__.co_firstlineno
        self._locator = _Locator(py_func.__code__.co_filename, variant)
        module = py_func.__module__.rpartition(".")[2]
        self._filename_base = self.get_filename_base(f"{module}.{py_func.__qualname__}", getattr(sys, "abiflags", ""))


class _Cache(caching.FunctionCache):
    def __init__(self, py_func, variant):
        self._impl_class = functools.partial(_Implementation, variant=variant)
        super().__init__(py_func)

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged file can raise anything; what is compiled now takes its place
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def holds(self, sig, target_context):
        """Whether the folder has code for this signature."""
        try:
            return self._index_key(sig, target_context.codegen()) in self._cache_file._load_index()
        except Exception:  # damaged, as above
            return False

    def save_overload(self, sig, data):
        try:
            # Two processes that save at once can leave one signature's code under another's name.
            with _locked(os.path.join(self.cache_path, "lock")):
                super().save_overload(sig, data)
        except OSError as error:
            self.disable()
            warnings.warn(f"numbanet could not keep a compiled kernel: {error}", RuntimeWarning, stacklevel=2)


class _Compiler(compiler.Compiler):
    """Numba's, but telling LLVM of serial loops what numba tells it of parallel ones: that arrays do not overlap.

    Where a loop writes an element in the place it read it from, the order is the same either way; but LLVM, not knowing
    that this is the only overlap there is, compares addresses and then takes a scalar loop.
    """

    def define_pipelines(self):
        self.state.flags.noalias = True
        return super().define_pipelines()


def compiled(function, parallel=False):
    """`function` compiled by numba at its first call, its `prange` honoured or read as a plain `range`."""
    dispatcher = numba.njit(**OPTIONS, parallel=parallel, pipeline_class=_Compiler)(function)
    if cache_folder() is not None:
        dispatcher._cache = _Cache(function, "parallel" if parallel else "serial")
    return dispatcher


def types_of(dispatcher, arguments):
    """What a compiled function tells arguments apart by."""
    return tuple(map(dispatcher.typeof_pyval, arguments))


def is_ready(dispatcher, types):
    """Whether a call with arguments of these types compiles nothing: it was compiled before, or is in the cache."""
    if types in dispatcher.overloads:
        return True
    return isinstance(dispatcher._cache, _Cache) and dispatcher._cache.holds(types, dispatcher.targetctx)


def serial(function):
    """Compile a piece of a kernel: a loop that runs on the thread that calls it."""
    return compiled(function)


def inlined(function):
    """A piece of several kernels that has `prange` in it, which then is theirs: numba copies it into each."""
    return numba.njit(**OPTIONS, inline="always")(function)
