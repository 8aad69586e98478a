"""numbanet: small and mid-size neural networks, trained fast on laptop CPUs by readable numba kernels."""

from ._version import __version__

__all__ = ["__version__"]
