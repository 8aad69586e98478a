"""``numbanet info``, and what other commands ask about the machine."""

import platform
from importlib import metadata

from .. import __version__
from ..runtime import cache, dispatch, machine, shipped, threading_layer, threads
from ._status import UsageError


def info(arguments):
    """Print what a report of a bug or of a speed should begin with, or a trained model; returns the exit status."""
    if arguments.model is not None:
        from ._describe import describe

        return describe(arguments.model)
    folder = cache.cache_folder()
    files = [path for path in folder.parent.rglob("*") if path.is_file()] if folder else []
    size = sum(path.stat().st_size for path in files)
    layer = threading_layer.start()
    facts = {
        **versions(),
        "system": platform.platform(),
        "CPU, to LLVM": machine.cpu_name(),
        "threads": "{} ({})".format(*threads.choice()),
        "threading layer": f"{layer} ({threading_layer.reason()})",
        "in parallel": f"operations that take one core {dispatch.PARALLEL_ABOVE_NS[layer] / 1e3:.0f} µs or more",
        "kernel cache": f"{folder} ({folder.parent}: {size / 1e6:.1f} MB)" if folder else "none: cannot be written",
        "machine code": shipped.described(),
    }
    for name, fact in facts.items():
        print(f"{name:16s} {fact}")
    return 0


def versions():
    """Versions of everything that a result could depend on."""
    found = {"numbanet": __version__, "python": platform.python_version()}
    for package in ("numpy", "numba", "llvmlite", "tqdm"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def use_threads(count):
    """Follow ``--threads``; UsageError where there are not so many."""
    if count is not None:
        try:
            threads.set_num_threads(count)
        except ValueError as error:
            raise UsageError(f"--threads: {str(error).removeprefix('count: ')}") from None
