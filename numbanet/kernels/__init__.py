"""The kernels: every operation as explicit loops, compiled by numba when first called.

Each has a twin of the same name and signature in `numbanet.reference`, which says what it computes. Arrays are
C-contiguous, of one floating dtype, and element-wise operations take them flat; nothing is checked here.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .. import runtime  # noqa: F401  before anything imports numba
from ..operations import FAMILIES, OPERATIONS


def _written():
    """Every operation of the table that its family's file here has."""
    modules = {family: import_module(f".{family}", __name__) for family in FAMILIES}
    every = {name: getattr(modules[each.family], name, None) for name, each in OPERATIONS.items()}
    return {name: function for name, function in every.items() if function is not None}


if TYPE_CHECKING:
    from .activations import *  # noqa: F403
    from .affine import *  # noqa: F403
    from .augmentation import *  # noqa: F403
    from .convolution import *  # noqa: F403
    from .dropout import *  # noqa: F403
    from .embedding import *  # noqa: F403
    from .group_normalization import *  # noqa: F403
    from .layout import *  # noqa: F403
    from .losses import *  # noqa: F403
    from .members import *  # noqa: F403
    from .normalization import *  # noqa: F403
    from .pooling import *  # noqa: F403
    from .scaling import *  # noqa: F403
    from .updates import *  # noqa: F403
else:
    _operations = _written()
    globals().update(_operations)
    __all__ = sorted(_operations)  # tests/test_pairing.py says what is missing
