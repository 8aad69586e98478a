"""Running compiled operations one after the other without Python in between.

Numba compiles an operation to a function that takes an array as seven or more numbers (where it lies, its size, its
shape, its strides), so one loop can call several operations only if all of them look alike. Here each gets a *record*,
a row of 64-bit slots in memory,

    function | exception | result | argument | argument | ...

and an *entry*, a few instructions that load the arguments from a record and call the function. An entry depends on
nothing but the number of arguments and their kinds; LLVM makes it in milliseconds, and operations share it. The
operations themselves are those that Python would call: the same machine code, hence the same bits.

A table is a list of those; `leading` goes down it, alone or with a team, by loops that are the same for every network.
"""

import copy
import weakref
from time import perf_counter

import numpy as np
from llvmlite import ir
from numba import types

from . import ahead, leading, team
from .compiling import is_own, types_of
from .entries import ARGUMENTS, EXCEPTION, FUNCTION, RESULT, entries_of
from .internals import Dispatcher, is_parallel, machine_code, takes
from .placement import keep_apart
from .threads import in_force

DATA = 4  # of an array's slots: where its elements are

# The loops that walk a table, and the types of what they take.
_TEAM = *4 * [types.int64], types.boolean
WALK, TRAIN = (leading.walk, (*_TEAM, types.int64, types.int64)), (leading.train, (*_TEAM, types.int64))
LOOPS = WALK, TRAIN

_addresses = weakref.WeakKeyDictionary()  # dispatcher -> {signature: (kind, address)}


class NoRecordError(TypeError):
    """An operation that only Python can call; the message says why, and goes on from what calls the operation."""


class Call:
    """One operation bound to its arguments.

    Parameters
    ----------
    function : numba dispatcher
        A form of a kernel.
    arguments : tuple
        Arrays, numbers and tuples of them.
    nanoseconds : float, optional
        About how long one thread takes, where a team is to share it; 0 where it is the calling thread's alone.

    Attributes
    ----------
    address : int
        Of the record.
    returns : bool
        Whether it gives a number.
    parallel : bool
        Whether it is the parallel form.

    Raises
    ------
    NoRecordError
        For a function that numba has not compiled, or that cannot be called by what a record can hold.
    """

    def __init__(self, function, arguments, nanoseconds=0.0):
        if not isinstance(function, Dispatcher):
            raise NoRecordError("is not compiled")
        signature = _signature(function, arguments)
        parts = [_numbers(kind, value) for kind, value in zip(signature, arguments, strict=True)]
        self.kind, address, returns = _compiled(function, signature)
        if returns not in (types.none, types.float64, types.float32):
            raise NoRecordError(f"returns {returns}, where only nothing or a float fits in a record")
        self._starts = np.cumsum([ARGUMENTS, *map(len, parts)]).tolist()
        self.parallel, self.nanoseconds, self.returns = is_parallel(function), nanoseconds, returns != types.none
        self._kept = arguments  # whose arrays the record points to
        self.record = np.zeros(self._starts[-1], np.int64)
        self.address = self.record.ctypes.data
        if len(self.record) - 1 != len(self.kind.args):  # result, exception and arguments, but not the function
            raise NoRecordError("takes arguments in a way that no record holds")
        self.record[FUNCTION] = address
        for index, number in enumerate((number for part in parts for number in part), ARGUMENTS):
            self._put(index, number)

    def _put(self, index, number):
        kind = self.kind.args[index - 1]
        if isinstance(kind, ir.DoubleType):
            self.record.view(np.float64)[index] = number
        elif isinstance(kind, ir.FloatType):
            self.record[index : index + 1].view(np.float32)[0] = number
        else:
            self.record[index] = number

    def set(self, position, number):
        """Change an argument that is a number."""
        self._put(self._starts[position], number)

    def point(self, position, array):
        """Change where the elements of an argument are: in an array like it, which the caller keeps."""
        self.record[self._starts[position] + DATA] = array.ctypes.data

    def cell(self, position):
        """Address of an argument that is a number, or of where an array's elements are."""
        index = self._starts[position] + (DATA if isinstance(self._kept[position], np.ndarray) else 0)
        return self.address + index * self.record.itemsize

    def place(self, position):
        """Address of the elements of an argument, as `point` or a compiled loop has set it."""
        return int(self.record[self._starts[position] + DATA])

    @property
    def result_cell(self):
        """Address of the result, a float64."""
        return self.address + RESULT * self.record.itemsize

    @property
    def raised(self):
        """Whether the operation raised an exception, since this was asked for last."""
        raised = self.record[EXCEPTION] != 0
        self.record[EXCEPTION] = 0
        return raised

    @property
    def result(self):
        """What the operation gave when it ran last, as a float."""
        return float(self.record.view(np.float64)[RESULT])


def prepare(operations, trains):
    """Compile a list of (function, arguments) and the loop that walks them, several at a time where that pays."""
    calls = [each for each in operations if isinstance(each[0], Dispatcher)]
    if calls:
        signatures = [(function, _signature(function, arguments)) for function, arguments in calls]
        ahead.prepare([*(LOOPS if trains else (WALK,)), *signatures])  # who trains walks, too, to measure


def _signature(function, arguments):
    """The types that a function is compiled for, to be called with these arguments."""
    signature = types_of(function, arguments)
    # Ours do not write to their inputs, so that it makes no difference whether these may be written to.
    return tuple(map(_writable, signature)) if is_own(function) else signature


def _compiled(function, signature):
    """The kind of a function compiled for a signature, its address and what it returns, which are asked for once."""
    known = _addresses.setdefault(function, {})
    if signature not in known:
        if not takes(function, signature):
            raise NoRecordError(f"was compiled for other types than {', '.join(map(str, signature))}")
        known[signature] = machine_code(function, signature)
    return known[signature]


def _numbers(kind, value):
    """In which numbers numba passes an argument."""
    if isinstance(kind, types.Array):
        return [0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides]
    if isinstance(kind, types.BaseTuple):
        return [number for part, item in zip(kind, value, strict=True) for number in _numbers(part, item)]
    if isinstance(kind, (types.Integer, types.Boolean)):
        return [(int(value) + 2**63) % 2**64 - 2**63]  # the same bits as a signed number
    if isinstance(kind, types.Float) and kind.bitwidth in (32, 64):
        return [value]
    raise NoRecordError(f"takes {kind}, which no record holds")


def _writable(kind):
    return kind.copy(readonly=False) if isinstance(kind, types.Array) else kind


def form_of(function):
    """In a word, how a function runs; nothing, where that is as a serial loop that numba has compiled."""
    if not isinstance(function, Dispatcher):
        return "python"
    return "parallel" if is_parallel(function) else ""


class Numbers:
    """Rows of integers in memory, as the loops below read them.

    Attributes
    ----------
    array : ndarray of int64
    span : tuple of int
        Its address and the number of rows.
    """

    def __init__(self, rows, columns):
        self.array = np.array(rows, np.int64).reshape(-1, columns)
        self.span = self.array.ctypes.data, len(self.array)


class Turns:
    """Whether a table is walked by a team or by one thread: the way that takes less time, of which each has its turns.

    Estimates do not know how far apart this machine's cores are, nor what else runs on them.

    Attributes
    ----------
    together : bool
        How the next call is to be made.
    """

    OFTEN, SELDOM = 4, 64  # calls from one of the slower way to the next: at first, and where that has never changed
    BETTER = 0.97  # times as long, from where the other way is taken

    def __init__(self, always=False):
        self.together, self._faster, self._always = True, True, always
        self._seconds = {}  # of each way, by whether it is together
        self._left = self._gap = self.OFTEN

    def settled(self):
        """Those of another table, which begin with what is faster here."""
        turns = Turns()
        turns.together = turns._faster = self._faster
        return turns

    def note(self, seconds, together):
        """After a call."""
        if self._always or together != self.together:  # no team was to be had
            return
        known = self._seconds.get(together)
        # What came once and not again, such as the threads' beginning, is forgotten.
        self._seconds[together] = seconds if known is None or seconds < known else 0.75 * known + 0.25 * seconds
        if together != self._faster:
            if self._seconds[together] < self.BETTER * self._seconds[self._faster]:
                self._faster, self._gap = together, self.OFTEN
            else:
                self._gap = min(2 * self._gap, self.SELDOM)
            self._left = self._gap
        self._left -= 1
        self.together = self._faster if self._left else not self._faster


class Table(Numbers):
    """The operations of a list of calls, in order, as `leading` reads them.

    Where a team may share some, calls of both ways take turns, unless it is `always` to be a team.
    """

    def __init__(self, calls, always=False):
        entries = entries_of([call.kind for call in calls])
        rows = [
            (entry, call.address, 0, int(call.nanoseconds), call.returns, 0, 0, 0)
            for entry, call in zip(entries, calls, strict=True)
        ]
        super().__init__(rows, leading.ROW // 8)
        for first, last in _runs(calls):
            self.array[first:last, leading.RUN // 8] = self.span[0] + last * leading.ROW
        self._calls = calls  # which have the records
        self._parallel = any(call.parallel for call in calls)
        self._nanoseconds = sum(call.nanoseconds for call in calls)
        self._turns = Turns(always) if self._nanoseconds else None

    def raised(self):
        """The number of the call that raised the exception which `walk` or `train` just did."""
        return max(number for number, call in enumerate(self._calls) if call.raised)

    def timed(self, clock, updates):
        """The same, with `clock` before the first call and after each, and once more before the last `updates`.

        A run is still one, but for one that goes on into the updates.
        """
        count = len(self._calls)
        places = 2 * np.arange(count) + 1 + (np.arange(count) >= count - updates)
        rows = np.zeros((2 * count + 2, leading.ROW // 8), np.int64)
        rows[:, :2] = *entries_of([clock.kind]), clock.address
        rows[places] = self.array
        timed = copy.copy(self)
        Numbers.__init__(timed, rows, leading.ROW // 8)
        timed._turns = self._turns and self._turns.settled()
        ends = timed.array[:, leading.RUN // 8]
        first = 0
        for last in range(1, count + 1):
            if last in (count - updates, count) or self.array[last, leading.RUN // 8] != ends[places[first]]:
                end = places[last - 1] + 1
                if ends[places[first]]:
                    ends[places[first] : end] = timed.span[0] + end * leading.ROW
                first = last
        return timed

    def walk(self, count=None):
        """Run the first `count` calls, by default all; raises what one of them raises.

        Gives whether there was a team, of which all came in time.
        """
        return self._run(leading.walk, 1, self.span[0], self.span[1] if count is None else count)

    def train(self, updates, feeds, losses, keys, cells, history, pausing):
        """Take as many steps as `history` (float64) has room for; returns how many were taken. See `leading.train`.

        The last `updates` calls are the update; `feeds`, `losses`, `keys` and `cells` are `Numbers`; `pausing` is an
        array.
        """
        table, count = self.span
        lists = *feeds.span, *losses.span, *keys.span, *cells.span
        ends = history.ctypes.data, history.size, pausing.ctypes.data
        training = np.array([table, count - updates, count, *lists, *ends], np.int64)  # as `leading.TABLE` and so on
        return self._run(leading.train, history.size, training.ctypes.data)

    def _run(self, loop, times, *arguments):
        if self._parallel:
            in_force()
            keep_apart()
        if self._turns is None:
            return loop(*team.arguments(None, 0.0), *arguments)
        nanoseconds = self._nanoseconds * times
        lead = team.lead(nanoseconds) if self._turns.together else None
        started = perf_counter()
        try:
            return loop(*team.arguments(lead, nanoseconds), *arguments)
        finally:
            self._turns.note((perf_counter() - started) / times, lead is not None)
            team.note(lead)


class Single:
    """One operation that a team shares, called from Python as its function would be."""

    def __init__(self, function, arguments, nanoseconds):
        self._call = Call(function, arguments, nanoseconds)
        self._table = Table([self._call])

    def __call__(self):
        self._table.walk()
        return self._call.result if self._call.returns else None


def _runs(calls):
    """Calls that a team shares without a word in between, as (first, last + 1): a number that one gives ends a run."""
    first = None
    for place, call in enumerate(calls):
        if call.nanoseconds and first is None:
            first = place
        if first is not None and not call.nanoseconds:
            yield first, place
            first = None
        elif first is not None and call.returns:
            yield first, place + 1
            first = None
    if first is not None:
        yield first, len(calls)
