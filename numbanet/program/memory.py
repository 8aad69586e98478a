"""Arrays whose values are needed at different times, in the same memory."""

from __future__ import annotations

import contextlib
import math
import mmap
from typing import TYPE_CHECKING

import numpy as np

from .._views import ALIGNMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from .._types import Array, DTypeLike, FloatArray, Shape


def reserved(shape: Shape, dtype: DTypeLike) -> FloatArray:
    """An array to stand for one: its memory is not there before something is written to it."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    # Not from the heap, as NumPy's own may be: what others have freed there would be set to zero, and so be there.
    return np.ndarray(shape, dtype, mmap.mmap(-1, max(size, 1)))


def address(array: Array) -> int:
    """Where an array begins in memory: views from the same beginning have the same."""
    return array.ctypes.data


def owner(array: Array, buffers: Mapping[int, Array]) -> Any:
    """The one of `buffers`, arrays by address, that `array` is a view of; None where there is none."""
    base = array
    while base is not None:
        if isinstance(base, np.ndarray) and address(base) in buffers:
            return address(base)
        base = getattr(base, "base", None)
    return None


def lifetimes(
    operations: Sequence[Sequence[Any]], buffers: Mapping[int, Array], kept: Iterable[Array]
) -> dict[int, Any]:
    """For each of `buffers` by address, the numbers of the first and of the last operation that take a view of it.

    Parameters
    ----------
    operations : list of list
        The arguments of each operation, in order.
    buffers : dict of ndarray
        By address.
    kept : list of ndarray
        Those that are still read after the last operation.
    """
    lives = {}
    for number, arguments in enumerate([*operations, kept]):
        for array in arguments:
            place = owner(array, buffers) if isinstance(array, np.ndarray) and array.size else None
            if place is not None:
                lives[place] = (lives.get(place, (number,))[0], number)
    return lives


def layout(lives: Mapping[int, Any], sizes: Mapping[int, int]) -> tuple[dict[int, int], int]:
    """Offsets in bytes at which no two overlap that live at the same time, and the size of the whole.

    One after another, each as far to the front as it fits: the largest first, those with the largest size times life,
    or those that end last, whichever order takes least.
    """
    orders = (
        lambda place: (-sizes[place], lives[place]),
        lambda place: (-sizes[place] * (lives[place][1] - lives[place][0] + 1), lives[place]),
        lambda place: (-lives[place][1], -sizes[place]),
    )
    found = [_in_order(sorted(lives, key=order), lives, sizes) for order in orders]
    return min(found, key=lambda one: one[1])


def _in_order(places: Any, lives: Mapping[int, Any], sizes: Mapping[int, int]) -> Any:
    placed, end = {}, 0
    for place in places:
        first, last = lives[place]
        offset, size = 0, -(-sizes[place] // ALIGNMENT) * ALIGNMENT
        for start, stop, other in sorted(placed.values()):
            if lives[other][0] <= last and first <= lives[other][1] and start < offset + size:
                offset = max(offset, stop)
        placed[place] = (offset, offset + size, place)
        end = max(end, offset + size)
    return {place: offset for place, (offset, _, _) in placed.items()}, end


def moved(array: Array, buffers: Mapping[int, Array], offsets: Mapping[int, int], memory: Array) -> Any:
    """`array`, or where it is a view of one of `buffers`, the same view of that buffer's place in `memory`."""
    place = owner(array, buffers) if isinstance(array, np.ndarray) and array.size else None
    if place is None:
        return array
    offset = offsets[place] + address(array) - place
    return np.ndarray(array.shape, array.dtype, memory, offset, array.strides)


def settled_in(value: Any, *where: Any) -> Any:
    """What `moved` makes of an array, or of those in lists and tuples."""
    if isinstance(value, (list, tuple)):
        inside = [settled_in(each, *where) for each in value]
        return inside if isinstance(value, list) else tuple(inside)
    return moved(value, *where)


def flat(values: Any) -> Any:
    """Values, those in lists and tuples among them."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from flat(value)
        else:
            yield value


def held_by(function: Any) -> Any:
    """Arrays that a function has besides its arguments: of an enclosing one, as defaults, or bound to it."""
    function = getattr(function, "py_func", function)  # as written, where it is compiled
    held = [*(getattr(function, "__defaults__", None) or ()), *getattr(function, "args", ())]
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # a variable that has no value yet
            held.append(cell.cell_contents)
    return [value for value in flat(held) if isinstance(value, np.ndarray)]
