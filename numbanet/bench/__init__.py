"""Measuring numbanet: the table of operations, processes that take turns, the machine's peaks, other libraries.

``numbanet bench``, the asv suite and the regression gate in ``benchmarks/`` are all made of it. Nothing imports it but
those. Its modules use numbanet's public names alone, so that they can measure another commit, see `graft`; but for what
`profile` reads within the compiled steps.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .profiling import Profile, profile

__all__ = ["Profile", "profile"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import profiling  # which another commit may have nothing for

    return getattr(profiling, name)
