"""Which kernels of a user's own a team of threads may share: each fault by a kernel that has no other."""

import math

import numba
import numpy as np
import pytest
from numba import prange

import numbanet


@numba.njit
def helper(a):
    return a * 2


@numba.njit
def writes(a):
    a[0] = 1.0


def in_order(x, out):
    real = x.dtype.type
    flat, table, n = out.reshape(-1), np.zeros(2), x.size
    table[0] = math.sqrt(2.0)  # the call's own, and not written within a loop
    for i in prange(n):
        value = real(table[0]) * x[i]
        for _ in range(3):
            value = helper(value)
        flat[i] = value
    for _ in prange(1):
        out[0] += 1.0
    if n > 2:
        for i in prange(n):
            value = out[i]
            if not abs(value) < np.inf:
                raise ValueError("not finite")
            out[i] = value - x.mean()
    mean = out.sum() / n
    for i in prange(int(out[0] * 0)):  # a loop that is there in any case, of however many iterations
        x[i] = mean
    return mean + out[0]


def of_sizes(x, out):
    rows = np.empty_like(x).size + len(x) + out.shape[0]
    for i in prange(rows // 3):
        for j in prange(1):
            out[i + j] = x[i]


def first_only(x, out):
    for i in prange(x.size):
        out[i] = x[i]
    out[0] = 1.0


def all_of_it(x, out):
    out[:] = 0.0
    for i in prange(x.size):
        out[i] = x[i]


def all_of_it_in_place(x, out):
    out += 1.0
    for i in prange(x.size):
        out[i] = x[i]


def by_a_method(x, out):
    out.fill(0.0)
    for i in prange(x.size):
        out[i] = x[i]


def by_a_view(x, out):
    rows = out[1:]
    rows[0] = 1.0
    for i in prange(x.size):
        out[i] = x[i]


def by_a_function(x, out):
    writes(out)
    for i in prange(x.size):
        out[i] = x[i]


def by_numpy(x, out):
    np.add(x, x, out)
    for i in prange(x.size):
        out[i] = x[i]


def without_loops(x, out):
    out[0] = x[0]


def scratch_of_its_own(x, out):
    doubled = np.empty(x.size)
    for i in prange(x.size):
        doubled[i] = 2 * x[i]
    for i in prange(x.size):
        out[i] = doubled[i]


def scratch_for_a_function(x, out):
    doubled = np.empty(x.size)
    for i in prange(x.size):
        out[i] = x[i]
        writes(doubled)


def a_sum(x, out):
    total = 0.0
    for i in prange(x.size):
        out[i] = x[i]
        total += x[i]
    return total


def the_last(x, out):
    for i in prange(x.size):
        out[i] = x[i]
        last = x[i]
    return last


def a_sum_between(x, out):
    for i in prange(x.size):
        out[i] = x[i]
    mean = out.sum() / x.size
    for i in prange(x.size):
        out[i] -= mean


def one_between(x, out):
    first = 0.0
    for _ in range(3):
        for i in prange(x.size):
            out[i] = x[i] - first
        first = out[0]


def leaves(x, out):
    for i in prange(x.size):
        if x[i] > 1e9:
            break
        out[i] = x[i]


def returns(x, out):
    for i in prange(x.size):
        if x[i] > 1e9:
            return
        out[i] = x[i]


def some_loop(x, out):
    if x[0] > 0:
        for i in prange(x.size):
            out[i] = x[i]


def some_loops(x, out):
    for _ in range(int(x.sum())):
        for i in prange(x.size):
            out[i] = x[i]


def at_random(x, out):
    number = np.random.rand()  # noqa: NPY002  # what numba knows
    for i in prange(x.size):
        out[i] = number * 0 + x[i]


FAULTS = {
    first_only: "line {} may write to out outside of `prange`",
    all_of_it: "line {} may write to out outside of `prange`",
    all_of_it_in_place: "line {} may write to out outside of `prange`",
    by_a_method: "line {} may write to out outside of `prange`",
    by_a_view: "line {} may write to out outside of `prange`",
    by_a_function: "line {} may write to out outside of `prange`",
    without_loops: "line {} may write to out outside of `prange`",
    scratch_of_its_own: "line {} writes within `prange` to an array made outside of it",
    scratch_for_a_function: "line {} writes within `prange` to an array made outside of it",
    a_sum: "`prange` sets total, which is used after it",
    the_last: "`prange` sets last, which is used after it",
    a_sum_between: "line {} reads out before a `prange` writes to it",
    one_between: "line {} reads out before a `prange` writes to it",
    leaves: "line {} leaves a `prange` before its end",
    returns: "line {} leaves a `prange` before its end",
    some_loop: "line {} decides by numbers in arrays whether a `prange` comes",
    some_loops: "line {} decides by numbers in arrays whether a `prange` comes",
    at_random: "line {} draws random numbers outside of `prange`",
}
LINES = {  # of the fault, counted from `def`
    first_only: 3,
    all_of_it: 1,
    all_of_it_in_place: 1,
    by_a_method: 1,
    by_a_view: 2,
    by_a_function: 1,
    without_loops: 1,
    scratch_of_its_own: 3,
    scratch_for_a_function: 4,
    a_sum_between: 3,
    one_between: 5,
    leaves: 2,
    returns: 2,
    some_loop: 1,
    some_loops: 1,
    at_random: 1,
}


def fault_of(function, *arguments):
    return numbanet.kernel(function).fault(*(arguments or (np.ones(4), np.ones(4))))


@pytest.mark.parametrize("function", [in_order, of_sizes])
def test_none(function):
    assert fault_of(function) == ""


@pytest.mark.parametrize("function", FAULTS)
def test_each(function):
    line = function.__code__.co_firstlineno + LINES.get(function, 0)
    assert fault_of(function) == FAULTS[function].format(line)


def test_which_array_numpy_writes_to_is_not_looked_at():
    assert fault_of(by_numpy).endswith("outside of `prange`")


def test_arrays_that_overlap():
    """What is read before the loops is written by them, if it is the same array."""

    def centred(x, out):
        mean = x.mean()
        for i in prange(x.size):
            out[i] = x[i] - mean

    def doubled(x, out):
        for i in prange(x.size):
            out[i] = 2 * x[i]

    a = np.ones(4)
    assert fault_of(centred) == ""
    assert fault_of(centred, a, a).endswith("reads x, which shares its memory with out, before a `prange` writes that")
    assert fault_of(doubled, a, a) == ""
