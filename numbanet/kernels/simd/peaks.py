"""What this machine can do at most: multiply-adds from registers, and bytes from each level of its memory.

No loop is replaced: it is what loops are measured against. Multiply-adds are emitted so that each width of vectors can
be tried, whichever the compiler prefers.
"""

import functools
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...runtime.internals import cgutils
from ...runtime.settings import check_machine_code
from .fma import fused_multiply_add

CHAINS = 10  # independent sums, enough to keep two units of a latency of 5 cycles busy, few enough for 16 registers
SECONDS = 0.05
CLOCK = time.perf_counter if sys.platform == "win32" else time.thread_time  # whose steps there are of 16 ms


def _chains(lanes):
    """An intrinsic: `count` rounds of a multiply-add on CHAINS vectors of float32 that stay in registers."""

    @intrinsic
    def chains(typing_context, count, factor):
        def codegen(context, builder, signature, args):
            vector = ir.VectorType(ir.FloatType(), lanes)
            broadcast = builder.insert_element(
                ir.Constant(vector, ir.Undefined), args[1], ir.Constant(ir.IntType(32), 0)
            )
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
            broadcast = builder.shuffle_vector(broadcast, broadcast, zeros)
            sums = [cgutils.alloca_once_value(builder, broadcast) for _ in range(CHAINS)]
            with cgutils.for_range(builder, args[0]):
                for cell in sums:
                    builder.store(fused_multiply_add(context, builder, builder.load(cell), broadcast, broadcast), cell)
            total = builder.load(sums[0])
            for cell in sums[1:]:
                total = builder.fadd(total, builder.load(cell))
            return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

        return types.float32(types.intp, types.float32), codegen

    @numba.njit(nogil=True)
    def rounds(count, factor):
        return chains(count, factor)

    return rounds


@numba.njit(nogil=True)
def _copy(source, target, times):
    for _ in range(times):
        for i in range(source.size):
            target[i] = source[i] + np.float32(1)  # not a plain copy, which would become one of libc's


@numba.njit(nogil=True)
def _change(source, target, times):
    for _ in range(times):
        for i in range(target.size):
            target[i] += np.float32(1)


def _rate(tasks):
    """Work per second of tasks side by side: each is a function of a number of repeats, and the work in one.

    A second is one that a thread has a core: what else runs on the machine makes a peak no lower.
    """
    with ThreadPoolExecutor(len(tasks)) as pool:

        def timed(function, times):
            start = CLOCK()
            function(times)
            return CLOCK() - start

        def run(times):
            running = [pool.submit(timed, function, times) for function, _ in tasks]
            return [future.result() for future in running]

        run(1)  # compiles, and touches the memory
        times = 1
        while (seconds := max(run(times))) < SECONDS:
            times = max(times + 1, int(times * min(10.0, 1.2 * SECONDS / max(seconds, 1e-9))))
        works = [times * work for _, work in tasks]
        return max(sum(work / taken for work, taken in zip(works, run(times), strict=True)) for _ in range(5))


@functools.cache
def multiply_adds(threads):
    """Floating-point operations per second in float32, two to a multiply-add, by vectors of whichever width is best."""
    check_machine_code()
    rates = []
    for lanes in (4, 8, 16):
        rounds = _chains(lanes)
        rates.append(_rate([(lambda n, f=rounds: f(n * 10_000, np.float32(0.5)), 2e4 * CHAINS * lanes)] * threads))
    return max(rates)


def forget():
    """Measure anew what is asked for from now on."""
    multiply_adds.cache_clear()
    _bandwidth.cache_clear()


def bandwidth(size, threads):
    """Bytes read and written per second in arrays of `size` bytes in all: by a copy or a change in place, if faster."""
    return _bandwidth(1 << max(14, (size - 1).bit_length()), threads)


@functools.cache
def _bandwidth(size, threads):
    rates = []
    for loop, arrays in ((_copy, 2), (_change, 1)):
        tasks = []
        for _ in range(threads):
            pieces = [np.ones(size // (4 * threads * arrays), np.float32) for _ in range(arrays)]
            # Of a change in place, each byte is read and written.
            task = functools.partial(loop, pieces[0], pieces[-1])
            tasks.append((task, 2.0 * pieces[0].nbytes))
        rates.append(_rate(tasks))
    return max(rates)
