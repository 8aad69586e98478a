"""Sums along contiguous arrays, in an order that depends on their length alone.

A plain running sum waits for every addition, and letting the compiler reorder it would make the result depend on the
width of the CPU's vectors. Here lane l sums elements l, l + LANES, l + 2 LANES, ..., then the lanes are added up:
vectors fill whatever their width, and the error grows LANES times slower.
"""

import numpy as np
from numba import types

from ._jit import serial
from ._math import fma
from ._scratch import stack_array

LANES = 64  # four vectors of AVX-512 in float32: an addition has time to finish before its lane comes round again
BLOCKS = 64  # the most pieces that a sum over threads is cut into
LEAST = 256  # the fewest elements of such a piece

# Indices are unsigned: from a signed sum of two, the compiler must expect a negative one that counts from the end, and
# gathers elements one by one.
START, STEP = np.uint64(0), np.uint64(LANES)
HALVES = (32, 16, 8, 4, 2, 1)

lane_array = stack_array((LANES,))
wide_lanes = stack_array((LANES,), types.float64)
partial_sums = stack_array((BLOCKS,), types.float64)


@serial
def block_size(count, least):
    """How many of `count` things make a block: a multiple of `least`, for at most BLOCKS blocks."""
    return (count + BLOCKS * least - 1) // (BLOCKS * least) * least


@serial
def whole_lanes(a):
    """How many elements fill all lanes, and how many are left."""
    rest = np.uint64(a.size) % STEP
    return np.uint64(a.size) - rest, rest


@serial
def fill(lanes, value):
    for lane in range(lanes.size):
        lanes[lane] = value


@serial
def total(lanes):
    """The elements added up in order."""
    result = lanes[0]
    for lane in range(1, lanes.size):
        result += lanes[lane]
    return result


@serial
def lane_total(lanes):
    """The lanes added up: the upper half to the lower, and again, until one is left."""
    for half in HALVES:
        for lane in range(half):
            lanes[lane] += lanes[lane + half]
    return lanes[0]


@serial
def lane_max(a):
    """The largest element. NaN may be passed over."""
    lanes = lane_array(a)
    fill(lanes, a[0])
    whole, rest = whole_lanes(a)
    for i in range(START, whole, STEP):
        for lane in range(STEP):
            lanes[lane] = max(lanes[lane], a[i + lane])
    for lane in range(rest):
        lanes[lane] = max(lanes[lane], a[whole + lane])
    for half in HALVES:
        for lane in range(half):
            lanes[lane] = max(lanes[lane], lanes[lane + half])
    return lanes[0]


@serial
def lane_sum(a):
    """Σ a."""
    lanes = lane_array(a)
    fill(lanes, 0)
    whole, rest = whole_lanes(a)
    for i in range(START, whole, STEP):
        for lane in range(STEP):
            lanes[lane] += a[i + lane]
    for lane in range(rest):
        lanes[lane] += a[whole + lane]
    return lane_total(lanes)


@serial
def centred_dot(a, a0, b, b0):
    """Σ (a - a0) (b - b0)."""
    lanes = lane_array(a)
    fill(lanes, 0)
    whole, rest = whole_lanes(a)
    for i in range(START, whole, STEP):
        for lane in range(STEP):
            lanes[lane] = fma(a[i + lane] - a0, b[i + lane] - b0, lanes[lane])
    for lane in range(rest):
        lanes[lane] = fma(a[whole + lane] - a0, b[whole + lane] - b0, lanes[lane])
    return lane_total(lanes)
