"""Running compiled operations one after the other without Python in between.

Numba compiles an operation to a function that takes an array as seven or more numbers (where it lies, its size, its
shape, its strides), so one loop can call several operations only if all of them look alike. Here each gets a *record*,
a row of 64-bit slots in memory,

    function | exception | result | argument | argument | ...

and an *entry*, a few instructions that load the arguments from a record and call the function. An entry depends on
nothing but the number of arguments and their kinds; LLVM makes it in milliseconds, and operations share it. The
operations themselves are those that Python would call: the same machine code, hence the same bits.

A table is a list of (entry, record); `walk` and `train` go down it, and are the same for every network.
"""

import math
import weakref

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiling import is_own, serial, types_of
from .internals import Dispatcher, global_compiler_lock, is_parallel, machine_code, new_library, propagate, takes
from .placement import keep_apart
from .threads import in_force

SLOT = ir.IntType(64)
ENTRY = ir.FunctionType(ir.IntType(32), [SLOT])  # gives what numba has a function return: whether it raised
FUNCTION, EXCEPTION, RESULT, ARGUMENTS = range(4)  # the first slots of a record
DATA = 4  # of an array's slots: where its elements are

_addresses = weakref.WeakKeyDictionary()  # dispatcher -> {signature: (kind, address)}
_entries = {}  # kinds of arguments -> (address of the entry, the library that it is in)


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

    Attributes
    ----------
    address : int
        Of the record.
    parallel : bool
        Whether it is the parallel form.

    Raises
    ------
    NoRecordError
        For a function that numba has not compiled, or that cannot be called by what a record can hold.
    """

    def __init__(self, function, arguments):
        if not isinstance(function, Dispatcher):
            raise NoRecordError("is not compiled")
        signature = types_of(function, arguments)
        if is_own(function):
            # Ours do not write to their inputs, so that it makes no difference whether these may be written to.
            signature = tuple(map(_writable, signature))
        parts = [_numbers(kind, value) for kind, value in zip(signature, arguments, strict=True)]
        self.kind, address, returns = _compiled(function, signature)
        if returns not in (types.none, types.float64, types.float32):
            raise NoRecordError(f"returns {returns}, where only nothing or a float fits in a record")
        self._starts = np.cumsum([ARGUMENTS, *map(len, parts)]).tolist()
        self.parallel = is_parallel(function)
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


class Table(Numbers):
    """The entry and the record of each call, in order."""

    def __init__(self, calls):
        super().__init__([(entry, call.address) for entry, call in zip(_entries_of(calls), calls, strict=True)], 2)
        self._calls = calls  # which have the records
        self._parallel = any(call.parallel for call in calls)

    def raised(self):
        """The number of the call that raised the exception which `walk` or `train` just did."""
        return max(number for number, call in enumerate(self._calls) if call.raised)

    def walk(self, count=None):
        """Run the first `count` calls, by default all; raises what one of them raises."""
        if self._parallel:
            in_force()
            keep_apart()
        walk(self.span[0], self.span[1] if count is None else count)

    def train(self, updates, feeds, losses, keys, cells, history, wanted):
        """Take as many steps as `history` (float64) has room for; returns how many were taken. See `train`.

        The last `updates` calls are the update; `feeds`, `losses`, `keys` and `cells` are `Numbers`; `wanted` is an
        array.
        """
        if self._parallel:
            in_force()
            keep_apart()
        address, count = self.span
        lists = *feeds.span, *losses.span, *keys.span, *cells.span
        return train(address, count - updates, count, *lists, history.ctypes.data, history.size, wanted.ctypes.data)


@global_compiler_lock
def _entries_of(calls):
    """The address of each call's entry. Those that are missing are compiled in one go."""
    missing = {str(call.kind): call.kind for call in calls if str(call.kind) not in _entries}
    if missing:
        library = new_library("numbanet entries")
        module = library.create_ir_module("numbanet entries")
        names = {kind: f"numbanet_entry_{number}" for number, kind in enumerate(missing, len(_entries))}
        for kind, function_type in missing.items():
            _emit_entry(ir.Function(module, ENTRY, names[kind]), function_type)
        library.add_ir_module(module)
        library.finalize()
        _entries.update((kind, (library.get_pointer_to_function(name), library)) for kind, name in names.items())
    return [_entries[str(call.kind)][0] for call in calls]


def _emit_entry(entry, function_type):
    builder = ir.IRBuilder(entry.append_basic_block())
    record = builder.inttoptr(entry.args[0], SLOT.as_pointer())

    def slot(index):
        return builder.gep(record, [ir.Constant(SLOT, index)])

    def load(index, kind):
        if not isinstance(kind, (ir.PointerType, ir.IntType)):
            return builder.load(builder.bitcast(slot(index), kind.as_pointer()))
        number = builder.load(slot(index))
        if isinstance(kind, ir.PointerType):
            return builder.inttoptr(number, kind)
        return number if kind == SLOT else builder.trunc(number, kind)

    result, exception, *kinds = function_type.args
    arguments = [builder.bitcast(slot(RESULT), result), builder.bitcast(slot(EXCEPTION), exception)]
    arguments += [load(index, kind) for index, kind in enumerate(kinds, ARGUMENTS)]
    code = builder.call(load(FUNCTION, function_type.as_pointer()), arguments)
    if isinstance(result.pointee, ir.FloatType):  # the slot of a result holds a float64
        wide = builder.fpext(builder.load(arguments[0]), ir.DoubleType())
        builder.store(wide, builder.bitcast(slot(RESULT), ir.DoubleType().as_pointer()))
    builder.ret(code)


# The loops get addresses rather than arrays: for every array that Python hands to compiled code, numba allocates a
# record of its own, and the compiler may believe that a call leaves an array as it was.


@intrinsic
def _call(typing_context, entry, record):
    def codegen(context, builder, signature, args):
        entry, record = args
        code = builder.call(builder.inttoptr(entry, ENTRY.as_pointer()), [record])
        raised = builder.add(record, SLOT(EXCEPTION * SLOT.width // 8))
        place = builder.inttoptr(raised, context.call_conv.get_function_type(types.none, ()).args[1])
        propagate(context, builder, code, place)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def _int_at(typing_context, address):
    def codegen(context, builder, signature, args):
        return builder.load(builder.inttoptr(args[0], SLOT.as_pointer()))

    return types.int64(types.int64), codegen


@intrinsic
def _float_at(typing_context, address):
    def codegen(context, builder, signature, args):
        return builder.load(builder.inttoptr(args[0], ir.DoubleType().as_pointer()))

    return types.float64(types.int64), codegen


@intrinsic
def _store(typing_context, number, address):
    def codegen(context, builder, signature, args):
        builder.store(args[0], builder.inttoptr(args[1], args[0].type.as_pointer()))
        return context.get_dummy_value()

    return types.void(number, types.int64), codegen


@serial
def walk(table, count):
    """Run the first `count` operations of the table at this address; raises what one of them raises."""
    for place in range(table, table + count * 16, 16):
        _call(_int_at(place), _int_at(place + 8))


@serial
def _sum_at(places, count):
    """The sum, in order, of float64 numbers at the addresses in a list."""
    result = _float_at(_int_at(places))
    for i in range(1, count):
        result += _float_at(_int_at(places + i * 8))
    return result


@serial
def _move(cells, count):
    """Add to integers, given by a list of (address, addend)."""
    for cell in range(cells, cells + count * 16, 16):
        place = _int_at(cell)
        _store(_int_at(place) + _int_at(cell + 8), place)


@serial
def _feed(feeds, count):
    """Copy the next number of 64 bits from each source to where it is used, by a list of (source, destination)."""
    for feed in range(feeds, feeds + count * 16, 16):
        source = _int_at(feed)
        _store(_int_at(source), _int_at(feed + 8))
        _store(source + 8, feed)


@serial
def train(
    table,
    update,
    count,
    feeds,
    feed_count,
    losses,
    loss_count,
    keys,
    key_count,
    cells,
    cell_count,
    history,
    steps,
    wanted,
):
    """So many steps of training; returns how many were taken.

    All but the counts are addresses. A step takes what `feeds` have for it; runs the operations of `table` up to number
    `update`; adds up the numbers that `losses` points to; moves `keys` on; then, if the loss is a finite number, runs
    the other operations and moves `cells` on. If it is not, that is the end, and the loss is in `history` behind those
    of the steps that were taken. Another end, after a step at the earliest, is that the integer `wanted` is not 0.
    Raises what an operation raises.
    """
    for step in range(steps):
        if step and _int_at(wanted):
            return step
        _feed(feeds, feed_count)
        walk(table, update)
        _move(keys, key_count)
        loss = _sum_at(losses, loss_count)
        _store(loss, history + step * 8)
        if not math.isfinite(loss):
            return step
        walk(table + update * 16, count - update)
        _move(cells, cell_count)
    return steps
