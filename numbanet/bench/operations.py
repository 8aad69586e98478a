"""The operations of the table as they are timed: arguments, bytes and floating-point operations of a size.

It serves ``numbanet bench``, the asv suite and the regression gate, and knows NumPy alone. A size is a tuple of
numbers, one for each of the axes of the operation's `sizes`.
"""

import math

import numpy as np

from ..operations import OPERATIONS
from ..operations.arguments import make
from .commits import workspace

# Operations whose results are single elements' own, so that each one's error is judged by its own size.
ELEMENTWISE = ("activations", "dropout")


def arguments(operation, size, dtype=np.float32, seed=0):
    """All arguments by name; arrays begin with a cache line, as those of networks do."""
    rng = np.random.default_rng(seed)
    made = make(operation, operation.sizes.of(size), np.dtype(dtype), rng, timed=True, workspace=workspace)
    return {name: aligned(value) if isinstance(value, np.ndarray) else value for name, value in made.items()}


def moved_bytes(operation, given):
    """Bytes that have to move at least: each array once, and those that are updated there and back."""
    arrays = {name: value.nbytes for name, value in given.items() if isinstance(value, np.ndarray)}
    return sum(size * (1 + (name in operation.arrays("updated"))) for name, size in arrays.items())


def work(operation, size):
    """Floating-point operations of a call, or None where bytes count."""
    if not operation.flops:
        return None
    factor, lengths = int(operation.flops[0]), operation.sizes.of(size)
    return factor * math.prod(lengths[axis] for axis in operation.flops[1:])


def aligned(array):
    """A copy that begins with a cache line."""
    raw = np.empty(array.nbytes + 64, np.uint8)
    offset = -raw.ctypes.data % 64
    copy = raw[offset : offset + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def label(size):
    """A size as text, such as 64x784x256."""
    return "x".join(map(str, size))


def parse(text):
    """The size that `label` wrote."""
    return tuple(map(int, text.split("x")))


def cases(names=None, *, large=False):
    """Every (operation, size), of all operations or of those named."""
    for name, operation in OPERATIONS.items():
        if names is None or name in names:
            for size in operation.sizes.timed + (operation.sizes.large if large else ()):
                yield operation, size


def error(operation, size, function, exact):
    """The largest error of `function` in float32 against `exact` in float64, in units in the last place.

    Of element-wise forward functions, each element counts in units of its own last place; of others, in that of the
    largest element of its array, since sums and differences cancel.
    """
    own = operation.family in ELEMENTWISE and operation.name.endswith("forward")
    single, double = arguments(operation, size), arguments(operation, size)
    for name, value in double.items():
        if isinstance(value, np.ndarray) and value.dtype == np.float32:
            double[name] = value.astype(np.float64)
    before = {name: value.copy() for name, value in single.items() if isinstance(value, np.ndarray)}
    with np.errstate(all="ignore"):
        results = [(function(*single.values()), exact(*double.values()))]
    results = [pair for pair in results if pair[0] is not None]
    results += [(single[name], double[name]) for name, old in before.items() if not np.array_equal(single[name], old)]
    worst = 0.0
    for got, want in results:
        want = np.asarray(want, np.float64)
        scale = np.abs(want) if own else np.max(np.abs(want), initial=0.0)
        unit = np.spacing(np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32))
        errors = np.nan_to_num(np.abs(np.asarray(got, np.float64) - want) / unit, nan=np.inf)
        worst = max(worst, float(np.max(errors, initial=0.0)))
    return worst
