"""Where the machine code of kernels is kept between processes.

Numba's own cache looks at one source file at a time, so an edit in a helper leaves its callers' old machine code in
use. Here the folder is named after a hash of all that machine code is made of (`digest`), so no edit can be served
stale code. Every file begins with a checksum, since damaged machine code would crash the process (`Files`), and one
process writes at a time (`Cache`).
"""

import contextlib
import functools
import hashlib
import math
import os
import re
import secrets
import shutil
import sys
import time
import warnings
from pathlib import Path

from . import checked, fingerprint, machine, shipped, stored, target
from .internals import CacheLocator, CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

KEPT_SUFFIX = ".kept"
CLAIMS, PATIENCE = "compiling", 120.0  # where processes lock what they compile; seconds that others wait for it
KEPT, KEPT_SECONDS = 4, 7 * 24 * 3600  # folders of earlier versions


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
    parts = fingerprint.source(), fingerprint.compilers(), fingerprint.settings(), target.current()
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


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


@functools.cache
def _tell(reason):
    """Say that machine code came with the package in vain, once in a process."""
    warnings.warn(
        f"the machine code that came with numbanet {reason}: kernels are compiled when first needed, and kept in "
        f"{cache_folder()}",
        RuntimeWarning,
        stacklevel=3,
    )


@contextlib.contextmanager
def _locked(path, patience=math.inf):
    """Hold an exclusive lock between processes, where the platform has one; TimeoutError after `patience` seconds."""
    with open(path, "a+b") as file:
        until = time.monotonic() + patience
        if not _take(file):
            with machine.compiling():  # as whoever has it does
                while not _take(file):
                    if time.monotonic() > until:
                        raise TimeoutError(f"{path} stays locked")
                    time.sleep(0.01)
        yield  # closing the file gives the lock back, as does the end of the process


def _take(file):
    """Lock a file, unless another has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


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

    def reduce(self, compiled):
        return stored.store(compiled)

    def rebuild(self, target_context, kept):
        return stored.restore(target_context, kept)


def read(path):
    """What `_write` has written; ValueError where it is damaged."""
    return checked.unpack(os.path.basename(path), Path(path).read_bytes())


def _write(path, value):
    """Keep a value in a file, of which others see nothing until it is complete."""
    unfinished = Path(f"{path}.tmp.{secrets.token_hex(8)}")
    try:
        unfinished.write_bytes(checked.pack(os.path.basename(path), value))
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _save(folder, write):
    """Call `write` while no other process does so for this folder; where that cannot be, a warning says so."""
    try:
        # Two processes that save at once can leave one signature's code under another's name.
        with _locked(os.path.join(folder, "lock")):
            for left in Path(folder).glob("*.tmp.*"):  # by somebody who was stopped while writing
                left.unlink(missing_ok=True)
            write()
    except OSError as error:
        _warn(error)


def kept(name, make):
    """What `make` gives, by a name of its own: where it was kept before, or came with the package, that is read."""
    folder, name = cache_folder(), f"{name}{KEPT_SUFFIX}"
    if folder is not None:
        try:
            return read(folder / name)
        except Exception:  # missing or damaged, and then it can raise anything
            pass
    if (code := shipped.found()) and (value := code.get(name)) is not None:
        return value
    value = make()
    if folder is not None:
        _save(folder, lambda: _write(folder / name, value))
    return value


class Files(IndexDataCacheFile):
    """Numba's index and files of machine code, but each behind a checksum: a damaged one would crash the process."""

    def _load_index(self):
        try:
            version, stamp, overloads = read(self._index_path)
        except FileNotFoundError:
            return {}
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads):
        _write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name):
        return read(self._data_path(name))

    def _save_data(self, name, data):
        _write(self._data_path(name), data)


class Cache(FunctionCache):
    """The machine code of one function: in the cache's folder, where there is one, or with the package.

    Whoever finds none for a signature compiles it, saves it and calls `release`; other processes wait meanwhile.
    """

    def __init__(self, py_func, variant):
        self._impl_class = functools.partial(_Implementation, variant=variant)
        super().__init__(py_func)
        locator = self._impl.locator
        self._cache_file = Files(self.cache_path, self._impl.filename_base, locator.get_source_stamp())
        self._claims = contextlib.ExitStack()

    def load_overload(self, sig, target_context):
        loaded = self._from_folder(sig, target_context) or self._from_package(sig, target_context)
        if loaded is None and self._claim(sig, target_context):
            loaded = self._from_folder(sig, target_context)  # if somebody has compiled it since
        if loaded is None and (reason := shipped.reason()):
            _tell(reason)
        return loaded

    def _claim(self, sig, target_context):
        """Keep other processes from compiling the same; whether that can be done."""
        if cache_folder() is None:
            return False
        key = repr((self._impl.filename_base, self._index_key(sig, target_context.codegen())))
        claims = Path(self.cache_path) / CLAIMS
        try:
            claims.mkdir(exist_ok=True)
            self._claims.enter_context(_locked(claims / hashlib.sha256(key.encode()).hexdigest()[:32], PATIENCE))
        except OSError:  # a folder that is read-only, a file system without locks, or somebody who does not end
            return False
        return True

    def release(self):
        """Let other processes have what was compiled, or compile what was not."""
        self._claims.close()

    def _from_folder(self, sig, target_context):
        if cache_folder() is None:
            return None
        try:
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except Exception:  # a damaged file can raise anything; what is compiled now takes its place
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def _from_package(self, sig, target_context):
        code = shipped.found()
        if code is None:
            return None
        stored = code.get(self._name_in_package(self._index_key(sig, target_context.codegen())))
        return stored and self._impl.rebuild(target_context, stored)

    def _name_in_package(self, key):
        return name_in_package(self._impl.filename_base, key)

    def holds(self, sig, target_context):
        """Whether there is code for this signature."""
        key = self._index_key(sig, target_context.codegen())
        if (code := shipped.found()) and self._name_in_package(key) in code:
            return True
        try:
            name = self._cache_file._load_index().get(key)
            return name is not None and os.path.exists(self._cache_file._data_path(name))
        except Exception:  # damaged, as above
            return False

    def save_overload(self, sig, data):
        if cache_folder() is not None:
            _save(self.cache_path, lambda: FunctionCache.save_overload(self, sig, data))


def name_in_package(base, key):
    """By what name the code of a function is shipped that the cache keeps in files that begin so, under a key."""
    signature, _, hashes = key  # the CPU that numba compiles for is that of the level
    return f"{base} {signature} {' '.join(each[:8] for each in hashes)}"


def contents(folder):
    """All that a cache's folder has, by the names that it is shipped by."""
    found = {path.name: read(path) for path in folder.glob(f"*{KEPT_SUFFIX}")}
    for path in folder.glob("*.nbi"):
        for key, data in read(path)[-1].items():
            found[name_in_package(path.stem, key)] = read(folder / data)
    return found
