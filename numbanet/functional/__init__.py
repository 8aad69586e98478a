"""Every operation as a pure function with checks: arrays in, new arrays out.

The names are those of `numbanet.reference` and `numbanet.kernels`; hyper-parameters are keywords. A layer is a pair::

    out, cache = affine_forward(x, w, b)
    dx, dw, db = affine_backward(dout, cache)

- Arrays may have any layout and byte order, and be lists, integers, booleans or half floats. A call computes in float32
  where all its arrays are float32 or half, and in float64 otherwise; backward computes in what forward did.
- Nothing that is passed in is changed. A cache holds the caller's own arrays where these needed no conversion.
- What cannot be computed is refused with a TypeError or a ValueError that names the argument: arrays of complex
  numbers, long doubles, strings or objects, masked ones, empty ones, shapes and labels that do not fit, numbers out of
  range, the cache of another function. NaN and infinity in arrays go through.
- ``ops=numbanet.reference`` runs the NumPy twin of an operation, here and in the backward pass that follows.
"""

from . import (
    activations,
    affine,
    augmentation,
    convolution,
    dropout,
    embedding,
    group_normalization,
    losses,
    members,
    normalization,
    pooling,
    scaling,
    updates,
)
from .activations import *  # noqa: F403
from .affine import *  # noqa: F403
from .augmentation import *  # noqa: F403
from .convolution import *  # noqa: F403
from .dropout import *  # noqa: F403
from .embedding import *  # noqa: F403
from .group_normalization import *  # noqa: F403
from .losses import *  # noqa: F403
from .members import *  # noqa: F403
from .normalization import *  # noqa: F403
from .pooling import *  # noqa: F403
from .scaling import *  # noqa: F403
from .updates import *  # noqa: F403

__all__ = []
__all__ += activations.__all__
__all__ += affine.__all__
__all__ += augmentation.__all__
__all__ += convolution.__all__
__all__ += dropout.__all__
__all__ += embedding.__all__
__all__ += group_normalization.__all__
__all__ += losses.__all__
__all__ += members.__all__
__all__ += normalization.__all__
__all__ += pooling.__all__
__all__ += scaling.__all__
__all__ += updates.__all__
