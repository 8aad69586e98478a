"""Sums along contiguous arrays, in an order that depends on their length alone.

A plain running sum waits for every addition, and letting the compiler reorder it would make the result depend on the
width of the CPU's vectors. Here lane l sums elements l, l + LANES, l + 2 LANES, ..., then the lanes are added up in
order: vectors fill whatever their width, and the error grows LANES times slower.
"""

from numba import types

from ._jit import serial
from ._math import fma
from ._scratch import stack_array

LANES = 16
BLOCKS = 64  # the most pieces that a sum over threads is cut into
LEAST = 256  # the fewest elements of such a piece

lane_array = stack_array((LANES,))
wide_lanes = stack_array((LANES,), types.float64)
partial_sums = stack_array((BLOCKS,), types.float64)


@serial
def total(lanes):
    """The elements added up in order."""
    result = lanes[0]
    for lane in range(1, lanes.size):
        result += lanes[lane]
    return result


@serial
def block_size(count, least):
    """How many of `count` things make a block: a multiple of `least`, for at most BLOCKS blocks."""
    return (count + BLOCKS * least - 1) // (BLOCKS * least) * least


@serial
def lane_max(a):
    """The largest element; NaN counts only where it comes first in its lane."""
    lanes = lane_array(a)
    lanes[:] = a[0]
    whole = a.size - a.size % LANES
    for i in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] = max(lanes[lane], a[i + lane])
    for i in range(whole, a.size):
        lanes[i - whole] = max(lanes[i - whole], a[i])
    largest = lanes[0]
    for lane in range(1, LANES):
        largest = max(largest, lanes[lane])
    return largest


@serial
def lane_sum(a):
    """Σ a."""
    lanes = lane_array(a)
    lanes[:] = 0
    whole = a.size - a.size % LANES
    for i in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] += a[i + lane]
    for i in range(whole, a.size):
        lanes[i - whole] += a[i]
    return total(lanes)


@serial
def centred_dot(a, a0, b, b0):
    """Σ (a - a0) (b - b0)."""
    lanes = lane_array(a)
    lanes[:] = 0
    whole = a.size - a.size % LANES
    for i in range(0, whole, LANES):
        for lane in range(LANES):
            lanes[lane] = fma(a[i + lane] - a0, b[i + lane] - b0, lanes[lane])
    for i in range(whole, a.size):
        lanes[i - whole] = fma(a[i] - a0, b[i] - b0, lanes[i - whole])
    return total(lanes)
