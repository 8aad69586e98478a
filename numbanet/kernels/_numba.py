"""The first import of numba, without scipy.

Numba loads scipy, where that is installed, only to look at its version, and needs it for linear algebra alone, which it
loads again when asked for. Whoever imports numbanet should not pay for that.
"""

import sys

if "numba" not in sys.modules and "scipy" not in sys.modules:
    sys.modules["scipy"] = None  # an import of it fails, as where it is not installed
    try:
        import numba  # noqa: F401
    finally:
        del sys.modules["scipy"]
