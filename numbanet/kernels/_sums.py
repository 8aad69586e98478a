"""Sums that depend on the shape alone: cut into blocks for threads, and within a block into lanes.

Parallel over at most BLOCKS blocks; each thread writes the partial sums of its own, which are added up in order.
Lane l sums elements l, l + LANES, l + 2 LANES, ..., as `simd.reductions` does, where a loop has more to do than sums.
"""

import numpy as np
from numba import types

from ..runtime.compiling import serial
from .simd.reductions import LANES
from .simd.scratch import shared_array, stack_array

BLOCKS = 64  # the most pieces that a sum over threads is cut into
LEAST = 256  # the fewest elements of such a piece

# Indices are unsigned: from a signed sum of two, the compiler must expect a negative one that counts from the end, and
# gathers elements one by one.
LANE_START, LANE_STEP = np.uint64(0), np.uint64(LANES)
HALVES = (32, 16, 8, 4, 2, 1)

wide_lanes = stack_array((LANES,), types.float64)
partial_sums = shared_array((BLOCKS,), types.float64)


@serial
def block_size(count, least):
    """How many of `count` things make a block: a multiple of `least`, for at most BLOCKS blocks."""
    return (count + BLOCKS * least - 1) // (BLOCKS * least) * least


@serial
def part_of(count, block, blocks):
    """The numbers of one of `blocks` parts of `count` things; `block` is signed, unlike a parallel loop's count."""
    return range(count * block // blocks, count * (block + 1) // blocks)


@serial
def parts_of_each(tasks, blocks):
    """Into how many parts each of a few tasks is cut, for as many parts for each of `blocks` threads."""
    return blocks if tasks < 2 * blocks and tasks % blocks else 1


@serial
def whole_lanes(a):
    """How many elements fill all lanes, and how many are left."""
    rest = np.uint64(a.size) % LANE_STEP
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
