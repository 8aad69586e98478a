"""The first import of numba, without scipy.

Numba loads scipy, where that is installed, only to look at its version and to learn whether linear algebra can be had,
which takes 0.15 s and loads it again when asked for some. Whoever imports numbanet should not pay for that.
"""

import importlib.util
import sys

from . import settings

settings.thread_count("NUMBA_NUM_THREADS")  # numba's own words would be a traceback

if "numba" not in sys.modules and "scipy" not in sys.modules:
    sys.modules["scipy"] = None  # an import of it fails, as where it is not installed
    try:
        import numba  # noqa: F401
        from numba.np import arraymath
    finally:
        del sys.modules["scipy"]
    # What it noted is for kernels of others, which may use linear algebra.
    arraymath._HAVE_BLAS = importlib.util.find_spec("scipy") is not None
