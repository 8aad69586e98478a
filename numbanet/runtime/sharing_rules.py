"""Whether a team of threads may share the loops of a kernel that somebody else has written: what `fault` looks for.

All threads of a team run the whole kernel and share out the iterations of its `prange` loops. What stands outside of
them is done by every thread for itself and at its own time, perhaps when others are far ahead (`meetings`). So there
nothing may be written but what belongs to the call, and nothing be read that a later loop writes; a variable that an
iteration sets, or an array made outside and written within, is another one in every thread; and whether a loop comes at
all may depend on sizes and options, not on numbers in arrays. A function that the kernel calls outside of its loops
may write to any array that it is given, as far as can be seen from here.

A kernel with a fault is right on one thread, and so it runs on one.
"""

from typing import NamedTuple

import numpy as np
from numba import types

from .internals import FunctionPass, control_flow, ir, register_pass
from .shared_ranges import SharedRange

FOUND = "numbanet_found"  # in what numba keeps of a compiled function
ARRAYS = (types.Buffer, types.List, types.ListType, types.DictType, types.Set, types.Record, types.IteratorType)
RANGES = (SharedRange, types.RangeIteratorType)
VIEWS = {"reshape", "ravel", "view", "transpose"}  # methods of arrays
METHODS_THAT_WRITE = {"fill", "sort", "partition", "put", "itemset", "resize", "append", "extend", "insert", "pop"}
OF_SIZES = [len, np.empty_like, np.zeros_like, np.ones_like, np.shape, np.size]
THAT_WRITE = [np.copyto, np.fill_diagonal, np.put, np.put_along_axis, np.place, np.putmask, np.dot, np.take]
RAISES = (ir.Raise, ir.StaticRaise, ir.DynamicRaise)
PURE = {"builtins", "math", "cmath", "operator", "_operator", "numpy"}  # modules


class Found(NamedTuple):
    """What is known of a kernel: its first fault, in a few words, if there is one.

    And (line, read, written) for each argument that is read outside of its loops: the names of the argument, and of all
    that a later loop writes.
    """

    fault: str
    read: list


def look(code, kinds):
    """What is found in a function: numba's FunctionIR, whose variables are assigned once each, and their types."""
    found = _Code(code, kinds)
    return Found(next(found.faults(), ""), list(found.reads("argument")))


@register_pass(mutates_CFG=False, analysis_only=True)
class LookForFaults(FunctionPass):
    """Of numba's passes, once types are known: notes what is found in the function that is compiled."""

    _name = "numbanet_look_for_faults"

    def __init__(self):
        super().__init__()

    def run_pass(self, state):
        state.metadata[FOUND] = look(state.func_ir, state.typemap)
        return False


def fault(compiled, arguments):
    """What keeps a team from sharing the loops of a compiled function, in a few words; nothing, where it may.

    `arguments` are those that it is called with, by name.
    """
    found = compiled.metadata[FOUND]
    if found.fault:
        return found.fault
    arrays = {name: array for name, array in arguments.items() if isinstance(array, np.ndarray)}
    for line, name, written in found.read:
        for other in written & arrays.keys():
            if name in arrays and np.may_share_memory(arrays[name], arrays[other]):
                return f"line {line} reads {name}, which shares its memory with {other}, before a `prange` writes that"
    return ""


def _holds_arrays(kind):
    if isinstance(kind, types.BaseTuple):
        return any(map(_holds_arrays, kind))
    return isinstance(kind, ARRAYS) and not isinstance(kind, RANGES)


class _Code:
    """The statements of a function, which of them are within a `prange`, and which variable stands for which arrays.

    An array is known by where it comes from: ("argument", name), or ("made", variable).
    """

    def __init__(self, code, kinds):
        self._kinds, self._blocks, self._flow = kinds, code.blocks, control_flow(code.blocks)
        self._loops = [loop for loop in self._flow.loops().values() if self._is_shared(loop)]
        self._within = {label for loop in self._loops for label in loop.body - {loop.header}}
        self._defined = {}  # variable -> whether that is within a prange
        self._names = {}  # variable of a method -> the method's name
        self._arrays = {}  # variable -> arrays
        self._data = set()  # variables that depend on numbers in arrays
        for label, value, name in self._assignments():
            self._defined[name] = label in self._within
            if _is(value, "getattr"):
                self._names[name] = value.attr
        while self._follow():
            pass

    def _is_shared(self, loop):
        steps = (each.value for each in self._blocks[loop.header].find_insts(ir.Assign))
        return any(_is(step, "iternext") and isinstance(self._kind(step.value), SharedRange) for step in steps)

    def _kind(self, variable):
        return self._kinds.get(variable.name)

    def _assignments(self):
        for label, block in self._blocks.items():
            for statement in block.find_insts(ir.Assign):
                yield label, statement.value, statement.target.name

    def _follow(self):
        """Where arrays come from and what depends on their numbers, one step further; whether anything is new."""
        before = sum(map(len, self._arrays.values())) + len(self._data)
        for _, value, name in self._assignments():
            kind = self._kinds.get(name)
            if _holds_arrays(kind) or isinstance(kind, types.BoundFunction):
                found = {("argument", value.name)} if isinstance(value, ir.Arg) else self._given(value)
                if self._makes(value):
                    found = found | {("made", name)}
                self._arrays[name] = self._arrays.get(name, frozenset()) | found
            if any(used in self._data for used in _variables(value)) or self._read_by(value, kind):
                self._data.add(name)
        return before != sum(map(len, self._arrays.values())) + len(self._data)

    # What is looked for.

    def faults(self):
        """Each in a few words."""
        yield from self._of_arrays()
        yield from self._of_variables()
        yield from self._of_loops()

    def reads(self, wanted):
        """(line, array, those that a later loop writes) for what is read outside of all loops, by names."""
        for label, statement in self._statements():
            if label in self._within or not isinstance(statement, ir.Assign):
                continue
            for origin, name in self._read_by(statement.value, self._kind(statement.target)):
                if origin == wanted:
                    later = self._written_from(label)
                    yield statement.loc.line, name, {other for kind, other in later if kind == wanted}

    def _of_arrays(self):
        for label, statement in self._statements():
            for origin, name in self._written_by(statement):
                if origin == "made" and label in self._within and not self._defined[name]:
                    yield f"line {statement.loc.line} writes within `prange` to an array made outside of it"
                if origin == "argument" and label not in self._within:
                    yield f"line {statement.loc.line} may write to {name} outside of `prange`"
        for line, name, written in self.reads("argument"):
            if name in written:
                yield f"line {line} reads {name} before a `prange` writes to it"

    def _written_from(self, label):
        """Arrays that are written within the loops that come after a block."""
        after = self._after(label)
        loops = [loop for loop in self._loops if loop.header in after]
        labels = set().union(*(loop.body for loop in loops)) & self._within
        return set().union(*(self._written_by(each) for block in labels for each in self._blocks[block].body))

    def _of_variables(self):
        for label, statement in self._statements():
            if label in self._within:
                continue
            for variable in statement.list_vars():
                if self._defined.get(variable.name):
                    yield f"`prange` sets {variable.unversioned_name}, which is used after it"
            if _is(getattr(statement, "value", None), "call"):
                called = self._called(statement.value)
                if isinstance(getattr(called, "__self__", None), np.random.RandomState):
                    yield f"line {statement.loc.line} draws random numbers outside of `prange`"

    def _of_loops(self):
        for loop in self._loops:
            for label in loop.body - {loop.header}:
                for after, _ in self._flow.successors(label):
                    if after not in loop.body and not isinstance(self._blocks[after].terminator, RAISES):
                        yield f"line {self._blocks[label].terminator.loc.line} leaves a `prange` before its end"
        headers = {loop.header for loop in self._loops} - self._within
        for label, block in self._blocks.items():
            fork, surely = block.terminator, self._flow.post_dominators()[label]
            by_data = label not in self._within and isinstance(fork, ir.Branch) and fork.cond.name in self._data
            if by_data and headers & self._after(label) - surely:
                yield f"line {fork.loc.line} decides by numbers in arrays whether a `prange` comes"

    # What that needs to know.

    def _statements(self):
        for label, block in self._blocks.items():
            for statement in block.body:
                yield label, statement

    def _after(self, label):
        """The blocks that may come after one."""
        found, new = set(), [label]
        while new:
            more = {after for after, _ in self._flow.successors(new.pop())} - found
            found |= more
            new += more
        return found

    def _given(self, value):
        """The arrays of all variables in an expression."""
        return frozenset().union(*(self._arrays.get(name, ()) for name in _variables(value)))

    def _makes(self, value):
        """Whether what an expression gives may be an array of its own."""
        if _is(value, "call"):
            return self._names.get(value.func.name) not in VIEWS
        return _is(value, "binop", "unary", "inplace_binop", "build_list", "build_map", "build_set")

    def _called(self, call):
        """The function of numba's or Python's library that is called; None for all others."""
        kind = self._kind(call.func)
        return kind.typing_key if isinstance(kind, types.Function) else None

    def _read_by(self, value, kind):
        """Arrays whose numbers an expression of this kind reads."""
        if _is(value, "call"):
            called = self._called(value)
            of_sizes = any(called is one for one in OF_SIZES) or self._names.get(value.func.name) in VIEWS
            return frozenset() if of_sizes else self._given(value)
        if _is(value, "getitem", "static_getitem"):
            index = value.index if value.op == "getitem" else value.index_var
            part = _holds_arrays(kind) and not (index is not None and _holds_arrays(self._kind(index)))
            of_sizes = isinstance(self._kind(value.value), types.BaseTuple)
            return frozenset() if part or of_sizes else self._arrays.get(value.value.name, frozenset())
        return self._given(value) if _is(value, "binop", "unary", "inplace_binop", "iternext") else frozenset()

    def _written_by(self, statement):
        """Arrays that a statement may write to."""
        if isinstance(statement, (ir.SetItem, ir.StaticSetItem, ir.SetAttr, ir.DelItem)):
            return self._arrays.get(statement.target.name, frozenset())
        value = getattr(statement, "value", None)
        if _is(value, "inplace_binop"):
            return self._arrays.get(value.lhs.name, frozenset())
        return self._given(value) if _is(value, "call") and not self._is_harmless(value) else frozenset()

    def _is_harmless(self, call):
        """Whether a call writes to none of its arguments."""
        kind, called = self._kind(call.func), self._called(call)
        if isinstance(kind, types.BoundFunction):
            return self._names[call.func.name] not in METHODS_THAT_WRITE
        if isinstance(called, np.ufunc):
            return len(call.args) <= called.nin and not call.kws
        if any(called is one for one in THAT_WRITE) or "out" in dict(call.kws):
            return False
        module = getattr(called, "__module__", None) or ""
        return isinstance(kind, (types.NumberClass, types.DTypeSpec)) or module.partition(".")[0] in PURE


def _is(value, *ops):
    return isinstance(value, ir.Expr) and value.op in ops


def _variables(value):
    if isinstance(value, ir.Var):
        return [value.name]
    return [variable.name for variable in value.list_vars()] if isinstance(value, ir.Expr) else []
