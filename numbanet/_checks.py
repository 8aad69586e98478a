"""Checks of what a caller passes in: each names the argument, what came and what was expected.

Everything above the kernels calls these, so that the kernels themselves need no checks and the same mistake gives
the same sentence everywhere.
"""

from __future__ import annotations

import contextlib
import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ._mapped import extremes, pieces
from ._plain import describe, did_you_mean, integer, number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Any

    from ._types import Array, DTypeLike, FloatArray, IntArray


__all__ = [
    "FLOAT_DTYPES",
    "all_codes",
    "all_finite",
    "as_data",
    "as_numeric",
    "class_labels",
    "class_numbers",
    "class_probabilities",
    "common_dtype",
    "describe",
    "did_you_mean",
    "example_weights",
    "float_array",
    "float_dtype",
    "integer",
    "mapping",
    "number",
    "one_of",
    "operation_of",
    "sequence",
    "told_apart",
]

FLOAT_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
SUM_OF_ONE = 1e-3  # by how much probabilities may miss it, which may have been half precision


def as_numeric(name: str, value: Any) -> Array:
    """`value` as an ndarray of booleans, integers or floats of at most 64 bits, not copied where it is one already.

    Raises
    ------
    TypeError
        For ragged lists, strings, objects, complex numbers, long doubles and masked or sparse arrays.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: masked arrays are not supported; fill the masked values first")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:  # RuntimeError: a torch tensor that requires gradients
        raise TypeError(f"{name}: expected an array of numbers, got {describe(value)} ({error})") from None
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{name}: expected an array of real numbers, got dtype {array.dtype}")
    return array


def as_data(name: str, value: Any, words: str = "number words first, as pandas.get_dummies does") -> Array:
    """What `as_numeric` gives, also of objects that all are numbers, as frames of several dtypes hold them.

    `words` says in the message what to do with strings, where there are any.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return as_numeric(name, value)
    if not isinstance(value, np.ma.MaskedArray):
        with contextlib.suppress(ValueError, TypeError, RuntimeError):  # which `as_numeric` puts into words
            value = np.asarray(value)
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind == "O" and value.ndim:
        value = _objects_as_numbers(name, value, words)
    elif kind is not None and kind in "UST":
        raise TypeError(f"{name}: expected an array of real numbers, got dtype {value.dtype}; {words}")
    return as_numeric(name, value)


def _objects_as_numbers(name: str, array: Array, words: str) -> Array:
    """The numbers in an array of objects; TypeError that names the first which is none."""
    for place, item in enumerate(array.flat):
        if not isinstance(item, (numbers.Real, np.bool_)):
            where = ", ".join(map(str, np.unravel_index(place, array.shape)))
            missing = item is None or type(item).__name__ in ("NAType", "NaTType")
            hint = f"; {words}" if isinstance(item, str) else ""
            hint = "; fill what is missing, or leave its row out" if missing else hint
            raise TypeError(
                f"{name}: expected an array of real numbers, got dtype object with {describe(item)} at [{where}]{hint}"
            )
    return np.array(array.tolist())


def float_dtype(dtype: Any, name: str = "dtype") -> np.dtype[Any]:
    """`dtype` as a NumPy dtype that the kernels are written for: float32 or float64."""
    try:
        # NumPy reads None as float64.
        if dtype is not None and np.dtype(dtype) in FLOAT_DTYPES:
            return np.dtype(dtype)
    except TypeError:
        pass
    raise ValueError(f"{name}: expected float32 or float64, got {dtype!r}")


def common_dtype(**arrays: Any) -> np.dtype[Any]:
    """The dtype a call computes in: float32 where every array is float32 or half, float64 otherwise."""
    narrow = (np.dtype(np.float16), np.dtype(np.float32))
    kinds = [as_numeric(name, value).dtype.newbyteorder("=") for name, value in arrays.items()]
    return np.dtype(np.float32 if all(kind in narrow for kind in kinds) else np.float64)


def float_array(
    name: str, value: Any, dtype: DTypeLike, shape: Sequence[int | None] | None = None, ndim: int | None = None
) -> FloatArray:
    """`value` as a C-contiguous array of `dtype` in native byte order; copied only where it is not one already.

    `shape` may hold None for "any size"; `ndim` asks for a number of axes alone.
    """
    array = as_numeric(name, value)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim} axes, got shape {array.shape}")
    if shape is not None:
        fits = array.ndim == len(shape) and all(w is None or w == s for w, s in zip(shape, array.shape, strict=True))
        if not fits:
            wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ("," * (len(shape) == 1)) + ")"
            raise ValueError(f"{name}: expected shape {wanted}, got {array.shape}")
    # ascontiguousarray turns a 0-d array into a 1-d one, hence the `require`.
    return np.require(array, dtype=dtype, requirements=("C", "A"))


def class_labels(name: str, value: Any, count: int, num_classes: int) -> IntArray:
    """`value` as a contiguous int64 array of `count` class labels, each in [0, num_classes).

    Every call checks: the kernels index with the labels, and read foreign memory where one is out of range.
    """
    array = as_numeric(name, value)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels must be integers from 0 to {num_classes - 1}, got dtype {array.dtype}")
    if array.shape != (count,):
        raise ValueError(
            f"{name}: expected one label for each of the {count} rows, shape ({count},), got {array.shape}"
        )
    if count and (array.min() < 0 or array.max() >= num_classes):
        row = int(np.flatnonzero((array < 0) | (array >= num_classes))[0])
        raise ValueError(f"{name}: labels must be from 0 to {num_classes - 1}, got {array[row]} in row {row}")
    return np.ascontiguousarray(array, dtype=np.int64)


def class_numbers(name: str, value: Any, count: int, num_classes: int) -> IntArray:
    """What `class_labels` gives, also of floats that are whole numbers and of True and False."""
    array = as_data(name, value, "number them first: y, class_names = numbanet.data.encode_labels(y)")
    if array.dtype.kind not in "iu":
        with np.errstate(invalid="ignore"):
            whole = array.astype(np.int64)
        if not (whole == array).all():
            label = array[whole != array].flat[0]
            raise TypeError(f"{name}: labels must be integers from 0 to {num_classes - 1}, got {label}")
        array = whole
    return class_labels(name, array, count, num_classes)


def class_probabilities(name: str, value: Any, count: int, num_classes: int, dtype: DTypeLike) -> FloatArray:
    """`value` as probabilities of classes, an array of `dtype`, shape (N, C), whose rows add up to 1."""
    array = as_data(name, value)
    if array.shape != (count, num_classes):
        raise ValueError(
            f"{name}: expected a label for each of the {count} rows, shape ({count},), or the probabilities of its "
            f"{num_classes} classes, shape ({count}, {num_classes}), got {array.shape}"
        )
    all_finite(name, array, dtype)
    if (low := (array < 0).any(axis=1)).any():
        row = int(np.argmax(low))
        raise ValueError(f"{name}: expected probabilities of 0 or more, got {array[row].min():g} in row {row}")
    total = array.sum(axis=1, dtype=np.float64)
    if (off := np.abs(total - 1) > SUM_OF_ONE).any():
        row = int(np.argmax(off))
        raise ValueError(f"{name}: expected probabilities that add up to 1, got {total[row]:g} in row {row}")
    return np.ascontiguousarray(array, dtype)


def example_weights(name: str, value: Any, count: int, dtype: DTypeLike) -> FloatArray:
    """`value` as the weights of `count` examples: an array of `dtype`, shape (N,), not negative and not all 0."""
    array = as_data(name, value)
    if array.shape != (count,):
        raise ValueError(
            f"{name}: expected a weight for each of the {count} examples, shape ({count},), got {array.shape}"
        )
    all_finite(name, array, dtype)
    if count and array.min() < 0:
        row = int(np.argmax(array < 0))
        raise ValueError(f"{name}: expected weights of 0 or more, got {array[row]} in row {row}")
    weights, limits = np.ascontiguousarray(array, dtype), np.finfo(dtype)
    if (small := (weights < limits.tiny) & (array > 0)).any():
        row = int(np.argmax(small))
        raise ValueError(
            f"{name}: row {row} holds {array[row]}, which is too small for {limits.dtype}; weights are relative"
        )
    total = weights.sum(dtype=np.float64)
    if not 0 < total <= limits.max:
        what = "all are 0" if total == 0 else f"they add up to {total:g}, which {limits.dtype} cannot hold"
        raise ValueError(f"{name}: expected weights with a sum above 0; {what}")
    return weights


def all_finite(name: str, array: Array, dtype: DTypeLike | None = None, first: int = 0) -> None:
    """Refuse an array that holds NaN or infinity, naming the first such row (first axis) and the place in it.

    With `dtype`, also what becomes infinite when it is cast to it. `first` is the number of the first row.
    """
    if array.dtype.kind != "f":
        return
    # One number tells of a few rows, unless their squares are too large to be added up: single rows cannot wait.
    few = array.size <= 8192 and array.dtype in FLOAT_DTYPES and (dtype is None or dtype == array.dtype)
    if few and math.isfinite(np.vdot(array, array)):
        return
    for place, rows in enumerate(pieces(array, 1024)):  # so that the check of a large set needs little memory
        start, rows = first + 1024 * place, rows.reshape(len(rows), -1)
        with np.errstate(over="ignore"):
            finite = np.isfinite(rows.astype(dtype or rows.dtype, copy=False))
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            value = rows[row, column]
            where = f"{name}: row {start + row} holds {value} (column {column})"
            if np.isfinite(value):
                raise ValueError(f"{where}, which {np.dtype(dtype)} cannot hold")
            raise ValueError(f"{where}; every value must be finite")


def all_codes(name: str, array: Array, sizes: Mapping[int, int]) -> None:
    """Refuse an array with anything but whole numbers from 0 to ``size - 1`` in a column of `sizes`, naming the row."""
    for place, rows in enumerate(pieces(array, 1024)):
        rows = rows.reshape(len(rows), -1)
        for column, size in sizes.items():
            codes = rows[:, column]
            known = (codes >= 0) & (codes < size) & (codes == np.floor(codes))
            if not known.all():
                row = int(known.argmin())
                raise ValueError(
                    f"{name}: row {1024 * place + row} holds {codes[row]} (column {column}); expected a code, a whole "
                    f"number from 0 to {size - 1}"
                )


def told_apart(name: str, array: Array, dtype: DTypeLike, remedy: str) -> None:
    """Refuse numbers that lie so close together, for their size, that `dtype` hardly tells them apart, by column.

    That is where they are rounded, and fewer than 256 steps of rounding lie between the smallest and the largest; but
    not where they differ by what calculations leave in the last digits of one number.
    """
    if array.dtype.kind not in "iuf" or array.dtype.itemsize <= np.dtype(dtype).itemsize or len(array) < 16:
        return
    low, high = (values.ravel() for values in extremes(array))
    largest = np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
    spread = high.astype(np.float64) - low
    for column in np.flatnonzero((spread > 2**-36 * largest) & (spread < 256 * np.finfo(dtype).eps * largest)):
        values = array.reshape(len(array), -1)[:, column]
        if (values.astype(dtype) != values).any():
            raise ValueError(
                f"{name}: column {column}: holds numbers from {low[column]} to {high[column]}, which {np.dtype(dtype)} "
                f"hardly tells apart; {remedy}"
            )


def one_of(name: str, value: Any, options: Iterable[Any]) -> Any:
    """`value`, where it is one of `options`; the error lists them."""
    if isinstance(value, np.ndarray) or not any(value is option or value == option for option in options):
        hint = did_you_mean(value, options, repr) if isinstance(value, str) else ""
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, options))}, got {value!r}{hint}")
    return value


def boolean(name: str, value: Any) -> bool:
    """`value`, where it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected True or False, got {describe(value)}")
    return bool(value)


def sequence(name: str, value: Any, of: str) -> list[Any]:
    """`value` as a list; `of` says in the message what it should hold."""
    if isinstance(value, (str, bytes)) or not np.iterable(value):
        raise TypeError(f"{name}: expected a list of {of}, got {describe(value)}")
    return list(value)


def mapping(name: str, value: Any, of: str) -> Mapping[Any, Any]:
    """`value`, where it is a dict or the like; `of` says in the message what it should hold."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a dict of {of}, got {describe(value)}")
    return value


def known_keys(name: str, given: Iterable[str], known: Collection[str]) -> None:
    """Refuse a mapping with a key that is not among `known`."""
    for key in given:
        if key not in known:
            raise ValueError(f"{name}: expected {', '.join(known)}, got {key!r}{did_you_mean(key, known, repr)}")


def operation_of(ops: Any, given: Any) -> Callable[..., Any]:
    """The function of an operation: the one that `ops` has under a name, or the one that is given, as it is."""
    if isinstance(given, str):
        if not given.startswith("_") and callable(found := getattr(ops, given, None)):
            return found
        names = [name for name in dir(ops) if not name.startswith("_")]
        raise ValueError(f"no operation {given!r} in {getattr(ops, '__name__', ops)}{did_you_mean(given, names)}")
    if not callable(given):
        raise TypeError(f"expected an operation, its name or a function, got {describe(given)}")
    return given
