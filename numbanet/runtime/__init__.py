"""Compiling kernels, keeping their machine code, and running it: caches, dispatch, threads, the table of calls."""

from . import first_import  # noqa: F401  before anything that imports numba
