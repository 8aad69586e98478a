"""What machine code is made of: who uses some that was compiled before asks whether all of that is the same still."""

import functools
import hashlib
import os
import platform
import sys
from pathlib import Path

import llvmlite
import numba

PACKAGE = Path(__file__).parent.parent
SOURCES = [*(PACKAGE / "kernels").rglob("*.py"), *(PACKAGE / "runtime").glob("*.py")]
NO_MATTER_TO_THE_CODE = {
    "NUMBA_NUM_THREADS",
    "NUMBA_THREADING_LAYER",
    "NUMBA_THREADING_LAYER_PRIORITY",
    "NUMBA_CACHE_DIR",
    "NUMBA_DEBUG_CACHE",
}


@functools.cache
def source():
    """A hash of the files that kernels are compiled from."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def compilers():
    """What compiles, and what it compiles on, by name. Python is in it since code is stored with objects of its."""
    return {
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "Python": platform.python_version().rpartition(".")[0],
        "system": f"{sys.platform} {platform.machine()}",
    }


def settings():
    """Variables of the environment that change what numba makes of a kernel, as NAME=value."""
    return [
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith("NUMBA_") and name not in NO_MATTER_TO_THE_CODE
    ]
