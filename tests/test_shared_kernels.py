"""Every operation's loops shared by a team of threads: the same bits as on one, whoever does which part, and when.

The threads of a team run the whole kernel, and share the iterations of its `prange` loops (docs/team.md). What is right
for that is seen without threads: here one thread does all parts of a loop one after the other, in any order, each by a
call of its own in which all other loops are empty; then those of the next loop. What one call keeps to itself is lost
to the others, and what stands outside of loops is done again and again.
"""

import functools
import threading
from dataclasses import replace

import numpy as np
import pytest
from cases import CASES as EVERY
from cases import SHARED, sharing
from numba import types

from numbanet import kernels
from numbanet.kernels.simd.scratch import stack_array
from numbanet.runtime import contexts, leading, meetings, team
from numbanet.runtime.call_table import Call, Table
from numbanet.runtime.compiling import compiled

# With outputs that are inputs themselves, too, where they may be.
CASES = {
    name: [*cases, *(sharing(cases[-1], *pair) for its, *pair in SHARED if its == name)]
    for name, cases in EVERY.items()
}
NO_LOOP = 1 << 19  # the number of a loop that no kernel has
COUNTS = (2, 3, 8)
SPOILT = 1 << 12  # bytes
GARBAGE = 0x7FF7_7FF7_7FF7_7FF7  # NaN in both dtypes, a large number of integers


@compiled
def _enter(context):
    contexts.enter(context)


_large_array = stack_array((1 << 15,), types.int64)


@compiled
def _spoil_stack(garbage, place):
    """Put garbage where the next call has its own arrays, which are left as they were for the one after it."""
    numbers = _large_array(garbage)
    for i in range(numbers.size):
        numbers[i] = garbage[i & 1]
    return numbers[place]  # or the compiler would see that nobody needs them


class Team:
    """The contexts of a team, of which the calling thread does what it is told."""

    def __init__(self, count):
        self._lead, self._count = team.Lead(count), count

    def call(self, function, arguments, part, loop):
        """Call a kernel for one part of one of its loops; gives what it returns, and how many loops there were."""
        numbers = self._lead.numbers
        numbers[contexts.ME], numbers[contexts.COUNT], numbers[contexts.ONLY] = part, self._count, loop
        for place in (contexts.LOOP, contexts.DEPTH):
            numbers[place] = 0
        numbers[contexts.OPERATION] = meetings.STEP
        _spoil_stack(np.array([GARBAGE, GARBAGE]), part)
        _enter(self._lead.address)
        try:
            result = function(*arguments)
        finally:
            _enter(0)
        return result, numbers[contexts.LOOP]

    def spoil(self):
        """Put garbage into the arrays that loops share."""
        scratch = self._lead.numbers[contexts.SCRATCH] - self._lead.address
        for place in range(scratch, scratch + SPOILT, 8):
            self._lead.numbers[place] = GARBAGE

    def run(self, function, arguments, rng):
        """All parts of each loop, in any order; what the kernel returns."""
        self.spoil()
        _, loops = self.call(function, arguments, 0, NO_LOOP)
        for loop in range(1, loops + 1):
            for part in rng.permutation(self._count):
                self.call(function, arguments, part, loop)
        return self.call(function, arguments, 0, NO_LOOP)[0]


def arguments_of(case, dtype):
    return list(case.build(np.random.default_rng(0), np.dtype(dtype)).values())


def bits(arguments, result):
    """All that a call leaves."""
    arrays = [argument.tobytes() for argument in arguments if isinstance(argument, np.ndarray)]
    return [*arrays, None if result is None else np.float64(result).tobytes()]


def written(case, arguments, result):
    """What a call writes and returns, but for its scratch."""
    names = list(case.build(np.random.default_rng(0), np.dtype(np.float32)))
    kept = [argument for name, argument in zip(names, arguments, strict=True) if name not in case.scratch]
    return bits(kept, result)


def alone(function, case, dtype):
    arguments = arguments_of(case, dtype)
    return written(case, arguments, function(*arguments))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_parts_in_any_order(name, dtype):
    function, rng = getattr(kernels, name).serial, np.random.default_rng(1)
    teams = [Team(count) for count in COUNTS]
    for case in CASES[name]:
        expected = alone(function, case, dtype)
        for its in teams:
            arguments = arguments_of(case, dtype)
            assert written(case, arguments, its.run(function, arguments, rng)) == expected, case.name


@pytest.mark.parametrize("name", ["conv_forward", "conv_relu_forward", "conv_backward"])
def test_parts_of_what_is_computed_again(name):
    """Where Winograd's algorithm meets an infinite number, which one part of the loop does and the others do not."""
    function, rng, its = getattr(kernels, name).serial, np.random.default_rng(1), Team(3)
    cases = [replace(case, build=functools.partial(with_infinity, case)) for case in CASES[name]]
    for case in cases:
        expected = alone(function, case, np.float32)
        for _ in range(3):
            arguments = arguments_of(case, np.float32)
            assert written(case, arguments, its.run(function, arguments, rng)) == expected, case.name


def with_infinity(case, rng, dtype):
    """The case with one infinite number in the images."""
    arguments = case.build(rng, dtype)
    arguments["x"].flat[arguments["x"].size // 3] = np.inf
    return arguments


@pytest.mark.parametrize("name", CASES)
def test_outside_of_loops_nothing_is_written(name):
    function, its = getattr(kernels, name).serial, Team(3)
    for case in CASES[name]:
        arguments = arguments_of(case, np.float32)
        before = bits(arguments, None)
        its.spoil()
        _, loops = its.call(function, arguments, 1, NO_LOOP)
        assert bits(arguments, None) == before, case.name
        assert loops > 0


@pytest.mark.parametrize("name", CASES)
def test_the_same_loops_whatever_was_computed(name):
    """Else one thread might be in a loop that others pass by: with garbage in what loops share, and with numbers."""
    function, its = getattr(kernels, name).serial, Team(2)
    for case in CASES[name]:
        arguments = arguments_of(case, np.float32)
        its.spoil()
        _, loops = its.call(function, arguments, 0, NO_LOOP)
        its.run(function, arguments, np.random.default_rng(0))
        assert its.call(function, arguments, 0, NO_LOOP)[1] == loops, case.name


def absent(count):
    """A pool of members that never come."""
    pool = team.Pool()
    pool.numbers[leading.MEMBER_COUNT] = count
    return pool


def by_team(pool, lead, count, function, case, dtype=np.float32):
    """What a case leaves where a team of so many threads runs it."""
    arguments = arguments_of(case, dtype)
    call = Call(function, tuple(arguments), 1.0)
    leading.walk(pool.numbers.address, lead.address, count, count, True, *Table([call]).span)
    assert lead.numbers[contexts.TOGETHER] == count
    return written(case, arguments, call.result if call.returns else None)


@pytest.mark.parametrize("name", CASES)
def test_members_that_never_come(name):
    """The leader does their parts from within its own."""
    function, pool, lead = getattr(kernels, name).serial, absent(2), team.Lead(3)
    for case in CASES[name]:
        assert by_team(pool, lead, 3, function, case) == alone(function, case, np.float32), case.name


@pytest.mark.parametrize("name", CASES)
def test_members_that_come_late_or_not(name):
    """More threads than cores."""
    function = getattr(kernels, name).serial
    for count in (2, 5):
        lead = team.pool.lead(count)
        for case in CASES[name]:
            assert by_team(team.pool, lead, count, function, case) == alone(function, case, np.float32), case.name


def test_more_loops_than_a_million():
    """As of a convolution's gradient with a stride of a thousand; the next operation's keys are beyond them all."""
    lead = team.Lead(2)
    numbers = lead.numbers
    numbers[contexts.COUNT], numbers[contexts.OPERATION], numbers[contexts.LOOP] = 2, meetings.STEP, 1 << 20
    for key, loop in ((meetings.STEP, 1 << 20), (2 * meetings.STEP, 0)):
        numbers[contexts.OPERATION], numbers[contexts.LOOP], numbers[contexts.DEPTH] = key, loop, 0
        meetings.share(lead.address, 10)
        assert (numbers[contexts.START], numbers[contexts.STOP]) == (0, 5)


@pytest.mark.parametrize("count", [1, 7, 255, 256, 300, 2047, 2048, 2049, 5000, 100_000])
@pytest.mark.parametrize("parts", [2, 3, 8])
def test_parts_are_even(count, parts):
    lead, bounds = team.Lead(parts), []
    for part in range(parts):
        numbers = lead.numbers
        numbers[contexts.ME], numbers[contexts.COUNT], numbers[contexts.OPERATION] = part, parts, meetings.STEP
        numbers[contexts.LOOP], numbers[contexts.DEPTH], numbers[contexts.ONLY] = 0, 0, 1
        meetings.share(lead.address, count)
        bounds.append((numbers[contexts.START], numbers[contexts.STOP]))
    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])]  # all, and none twice
    assert bounds[-1][1] == count
    sizes = [stop - start for start, stop in bounds]
    assert max(sizes) <= 1.02 * count / parts + 1


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_members_that_are_kept_from_coming(dtype):
    """Other threads keep the cores, so that members stop wherever they are; again and again."""
    ended = threading.Event()

    def keep_busy():
        a = np.ones(1 << 16)
        while not ended.is_set():
            np.sqrt(a, out=a)  # without Python's lock

    others = [threading.Thread(target=keep_busy) for _ in range(3)]
    for thread in others:
        thread.start()
    try:
        expected = {}
        for _ in range(20):
            for name, cases in CASES.items():
                function, case = getattr(kernels, name).serial, cases[-1]
                expected.setdefault(name, alone(function, case, dtype))
                for count in (2, 3, 8):
                    found = by_team(team.pool, team.pool.lead(count), count, function, case, dtype)
                    assert found == expected[name], (name, count)
    finally:
        ended.set()
        for thread in others:
            thread.join()
