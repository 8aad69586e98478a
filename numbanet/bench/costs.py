"""What an operation of a program has to do: floating-point operations and bytes, by the table and its arguments."""

import math
from dataclasses import dataclass

import numpy as np

from ..operations import OPERATIONS
from ..operations.kinds import Array

GATHERS = ("gather", "gather_standardized", "augment")  # which take a few rows of what they are given


@dataclass(frozen=True)
class Cost:
    """What one call has to do at least.

    Attributes
    ----------
    flops : int
        Of products and convolutions; 0 of an operation that is limited by its bytes.
    moved, held : int
        Bytes read and written, and those of the arrays that they are in.
    """

    flops: int
    moved: int
    held: int


def cost(name, arguments):
    """The `Cost` of an operation by its name, as a program calls it; None of one that the table does not have."""
    if name in GATHERS:
        taken = arguments[-1].size * (arguments[0].itemsize + arguments[-1].itemsize)
        return Cost(0, taken, taken)
    if name not in OPERATIONS:
        return None
    operation, lengths, moved, held = OPERATIONS[name], {}, 0, 0
    for kind, value in zip(operation.arguments.values(), arguments, strict=True):
        if not isinstance(kind, Array) or not isinstance(value, np.ndarray):
            continue
        if kind.role != "scratch":
            moved += value.nbytes * (1 + (kind.role == "updated"))
            held += value.nbytes
        if value.size and value.ndim == len(kind.axes):
            lengths.update(zip(kind.axes, value.shape, strict=True))
    flops = 0
    if operation.flops:
        flops = int(operation.flops[0]) * math.prod(lengths[axis] for axis in operation.flops[1:])
        named = dict(zip(operation.arguments, arguments, strict=True))
        if "dx" in named and not named["dx"].size:  # which is half of the work
            flops //= 2
    return Cost(flops, moved, held)
