"""Reading a pickle of plain data - dicts, lists, numbers, strings, arrays of numbers - that a stranger may have made.

A pickle is a program for a small stack machine, and two things stand between it and the interpreter. First a scan
of its instructions: only those that plain data need, none that makes the reader allocate or recurse by what the file
claims. Then an Unpickler whose `find_class` knows the few names that NumPy's arrays ask for, and answers with the
stand-ins below; NumPy's own functions, which trust their arguments, are never called. And keys are looked at first: a
few bytes can make tuples, each with the one before in it twice, whose hash takes for ever.
"""

import io
import math
import pickle
import pickletools

import numpy as np

from numbanet.data._files import reading
from numbanet.errors import DataError

# The last four, which make objects of a class, are never of use here: they pass so that the class can be named.
_PLAIN_DATA = """
    PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 FLOAT BINFLOAT
    STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8
    EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
    PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD
    INST OBJ NEWOBJ NEWOBJ_EX
"""
_INSTRUCTIONS = frozenset(_PLAIN_DATA.split())
# An array needs about five tuples. A million, each inside the next, overflow the C stack where Python hashes them.
_MOST_TUPLES = 1000


def load_pickle(path):
    """The dict that a pickle holds, its keys as str and its arrays as ndarrays; strings of Python 2 come as bytes.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    dict

    Raises
    ------
    DataError
        For a file that is missing, truncated or corrupt, that asks for any class or function but those of plain
        arrays of numbers (the message names it), or that holds anything else than a dict.
    """
    # A corrupt pickle makes the readers raise nearly everything there is: hence Exception.
    with reading(path, Exception):
        with open(path, "rb") as file:
            content = file.read()
        _scan(content)
        value = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(value, dict):
            raise DataError(f"{path}: expected a pickled dict, found {type(value).__name__}")
        return {
            key.decode("latin-1") if isinstance(key, bytes) else str(key): _plain(item) for key, item in value.items()
        }


def _plain(item):
    return item.values if isinstance(item, _Array) else item


def _scan(content):
    tuples = 0
    for instruction, argument, _ in pickletools.genops(content):
        name = instruction.name
        if name not in _INSTRUCTIONS:
            raise pickle.UnpicklingError(f"it uses the instruction {name}, which plain data do not")
        # The reader makes its table of past values as long as the largest index used.
        if name in ("PUT", "LONG_BINPUT") and argument > len(content):
            raise pickle.UnpicklingError(f"it numbers a value {argument}, and has only {len(content)} bytes")
        tuples += name.startswith("TUPLE")
    if tuples > _MOST_TUPLES:
        raise pickle.UnpicklingError(f"it holds {tuples} tuples, expected at most {_MOST_TUPLES}")


class _Unpickler(pickle._Unpickler):
    """Python's own, which, other than the one in C, can be kept from making a key of just anything."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def load_setitem(self):
        _check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self):
        _check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self):
        _check_keys(self.stack[::2])
        super().load_dict()

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict

    def find_class(self, module, name):
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}; only arrays of numbers in dicts and lists are read, nothing is run"
            ) from None


def _check_keys(keys):
    """Only strings and numbers: a tuple may hold so many that its hash takes for ever."""
    for key in keys:
        if not isinstance(key, (str, bytes, int, float)):
            raise pickle.UnpicklingError(f"it has a key of type {type(key).__name__}, expected a string")


class _StandIn:
    """Something that a pickle may call, and may not alter."""

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("it sets the state of a function")


class _Dtype:
    """Stands in for a dtype of real numbers: any other is refused."""

    def __init__(self, code, *_):
        code = code.decode("latin-1") if isinstance(code, bytes) else code
        if code not in ("b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"):
            raise pickle.UnpicklingError(f"it holds an array of dtype {code!r}, expected one of real numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        _version, order, *parts = state
        order = order.decode("latin-1") if isinstance(order, bytes) else order
        if order not in ("<", ">", "=", "|") or any(part is not None for part in parts[:3]):
            raise pickle.UnpicklingError("it holds an array of a structured dtype, expected one of real numbers")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Stands in for an array: empty at first, filled by the state that follows in the file."""

    values = None

    def __setstate__(self, state):
        _version, shape, dtype, fortran, content = state
        self.fill(content, dtype, shape, "F" if fortran else "C")

    def fill(self, content, dtype, shape, order):
        if not isinstance(dtype, _Dtype) or not isinstance(content, (bytes, bytearray)):
            raise pickle.UnpicklingError("it holds an array whose values are not numbers")
        expected = math.prod(shape) * dtype.dtype.itemsize
        if len(content) != expected:
            raise pickle.UnpicklingError(
                f"it holds an array of shape {shape} and dtype {dtype.dtype}, expected {expected} bytes of values, "
                f"found {len(content)}"
            )
        values = np.frombuffer(content, dtype=dtype.dtype).reshape(shape, order=order)
        self.values = values.astype(dtype.dtype.newbyteorder("="))


def _array_from_buffer(content, dtype, shape, order):
    array = _Array()
    array.fill(content, dtype, shape, order)
    return array


def _latin1(text, encoding):
    """Protocol 2 of Python 3 has no bytes: it stores them as text, to be encoded again."""
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"it asks for the text encoding {encoding!r}")
    return text.encode("latin-1")


_STAND_INS = {
    ("numpy", "ndarray"): _StandIn(_Array),
    ("numpy", "dtype"): _StandIn(_Dtype),
    ("_codecs", "encode"): _StandIn(_latin1),
}
for _core in ("numpy.core", "numpy._core"):  # the names before and since NumPy 2
    _STAND_INS[f"{_core}.multiarray", "_reconstruct"] = _StandIn(lambda *_: _Array())
    _STAND_INS[f"{_core}.numeric", "_frombuffer"] = _StandIn(_array_from_buffer)
