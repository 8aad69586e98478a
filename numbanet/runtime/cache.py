"""Where the machine code of kernels is kept between processes.

Numba's own cache looks at one source file at a time, so an edit in a helper leaves its callers' old machine code in
use. Here the folder is named after a hash of all that machine code is made of (`digest`), so no edit can be served
stale code. Every file begins with a checksum, since damaged machine code would crash the process (`Files`), and one
process writes at a time (`Cache`).
"""

import contextlib
import functools
import hashlib
import os
import pickle
import re
import shutil
import sys
import time
import warnings
from pathlib import Path

import llvmlite
import numba

from . import target
from .internals import CacheLocator, CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

PACKAGE = Path(__file__).parent.parent
SOURCES = [*(PACKAGE / "kernels").rglob("*.py"), *(PACKAGE / "runtime").glob("*.py")]  # what machine code is made of
CHECKSUM_BYTES = 16  # before the content of every file
KEPT, KEPT_SECONDS = 4, 7 * 24 * 3600  # folders of earlier versions
NO_MATTER_TO_THE_CODE = {
    "NUMBA_NUM_THREADS",
    "NUMBA_THREADING_LAYER",
    "NUMBA_THREADING_LAYER_PRIORITY",
    "NUMBA_CACHE_DIR",
    "NUMBA_DEBUG_CACHE",
}


def cache_root():
    """The folder that holds numbanet's compiled kernels; the variable NUMBANET_CACHE_DIR moves it."""
    if explicit := os.environ.get("NUMBANET_CACHE_DIR"):
        return Path(explicit).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "numbanet"


def digest():
    """A name for exactly this source, numba, llvmlite, target and settings: whatever machine code depends on."""
    settings = [
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith("NUMBA_") and name not in NO_MATTER_TO_THE_CODE
    ]
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, target.current(), settings)).encode())
    for source in sorted(SOURCES):
        digest.update(source.relative_to(PACKAGE).as_posix().encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def prune(root):
    """Remove the folders of other versions, but for the `KEPT` used last and those used within `KEPT_SECONDS`."""
    folders = [path for path in root.iterdir() if re.fullmatch("[0-9a-f]{16}", path.name) and path.is_dir()]
    used = {path: path.stat().st_mtime for path in folders}  # every process that uses one sets it
    for path in sorted(folders, key=used.get, reverse=True)[KEPT:]:
        if time.time() - used[path] > KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


@functools.cache
def cache_folder():
    """The folder for exactly this code, made where missing; None, after a warning, where that fails.

    One that is there may be read-only, as in an image of a container: it is read, and `_warn` tells of what it lacks.
    """
    try:
        folder = cache_root() / digest()
        if folder.is_dir():
            with contextlib.suppress(OSError):
                os.utime(folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            prune(folder.parent)
    except (OSError, RuntimeError) as error:  # RuntimeError: no home folder to expand ~ to
        _warn(error)
        return None
    return folder


_warned = False


def _warn(error):
    """Say that kernels cannot be kept, once in a process."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"numbanet cannot keep its compiled kernels ({error}); they are compiled anew in every process. "
            "Set NUMBANET_CACHE_DIR to a folder that can be written.",
            RuntimeWarning,
            stacklevel=3,
        )


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


class _Locator(CacheLocator):
    def __init__(self, py_file, variant):
        self._py_file = py_file  # numba names it when it warns that a function cannot be cached
        self._variant = variant

    def get_cache_path(self):
        return str(cache_folder())

    def get_source_stamp(self):
        return "in the folder's name"

    def get_disambiguator(self):
        return self._variant


class _Implementation(CompileResultCacheImpl):
    """Numba's, but for the place: it would look for a folder by itself, and knows nothing of variants."""

    def __init__(self, py_func, variant):
        self._lineno = py_func.__code__.co_firstlineno
        self._locator = _Locator(py_func.__code__.co_filename, variant)
        module = py_func.__module__.removeprefix("numbanet.")
        self._filename_base = self.get_filename_base(f"{module}.{py_func.__qualname__}", getattr(sys, "abiflags", ""))


class Files(IndexDataCacheFile):
    """Numba's index and files of machine code, but each behind a checksum: a damaged one would crash the process."""

    def _load_index(self):
        try:
            version, stamp, overloads = self._read(self._index_path)
        except FileNotFoundError:
            return {}
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads):
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name):
        return self._read(self._data_path(name))

    def _save_data(self, name, data):
        self._write(self._data_path(name), data)

    def _read(self, path):
        content = Path(path).read_bytes()
        checksum, content = content[:CHECKSUM_BYTES], memoryview(content)[CHECKSUM_BYTES:]
        if checksum != self._checksum(path, content):
            raise ValueError(f"{path} is damaged")
        return pickle.loads(content)

    def _write(self, path, value):
        content = self._dump(value)
        with self._open_for_write(path) as file:
            file.write(self._checksum(path, content) + content)

    @staticmethod
    def _checksum(path, content):
        """Of the file's name and its content, so that none passes for another."""
        checksum = hashlib.blake2b(os.path.basename(path).encode(), digest_size=CHECKSUM_BYTES)
        checksum.update(content)
        return checksum.digest()


class Cache(FunctionCache):
    def __init__(self, py_func, variant):
        self._impl_class = functools.partial(_Implementation, variant=variant)
        super().__init__(py_func)
        locator = self._impl.locator
        self._cache_file = Files(self.cache_path, self._impl.filename_base, locator.get_source_stamp())

    def load_overload(self, sig, target_context):
        try:
            compiled = super().load_overload(sig, target_context)
            if compiled is not None:  # numba forgets that, for those who call the function
                compiled.library._reload_init.update(compiled.reload_init)
            return compiled
        except Exception:  # a damaged file can raise anything; what is compiled now takes its place
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def holds(self, sig, target_context):
        """Whether the folder has code for this signature."""
        try:
            name = self._cache_file._load_index().get(self._index_key(sig, target_context.codegen()))
            return name is not None and os.path.exists(self._cache_file._data_path(name))
        except Exception:  # damaged, as above
            return False

    def save_overload(self, sig, data):
        try:
            # Two processes that save at once can leave one signature's code under another's name.
            with _locked(os.path.join(self.cache_path, "lock")):
                for left in Path(self.cache_path).glob("*.tmp.*"):  # by somebody who was stopped while writing
                    left.unlink(missing_ok=True)
                super().save_overload(sig, data)
        except OSError as error:
            _warn(error)
