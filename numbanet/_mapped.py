"""Arrays that lie in a file, mapped into memory: read piece by piece, and what has been read given back.

The system keeps what it has read of a file as long as nobody needs the memory. A process that maps it is counted as
using all that it has looked at, though, and a container may be ended for that; so pages are given back as soon as they
have been used. They stay in the system's cache, where there is room.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._types import Array


class Mapped:
    """The rows of an array that lies in a file.

    Attributes
    ----------
    row_bytes : int
        From the beginning of one row to that of the next.
    """

    def __init__(self, array: Array, memmap: np.memmap[Any, Any]) -> None:
        self._memory: mmap.mmap = memmap._mmap  # type: ignore[attr-defined]  # NumPy's own, since its first version
        self.row_bytes = array.strides[0]
        inside = memmap.offset % mmap.ALLOCATIONGRANULARITY
        self._start = _address(array) - (_address(memmap) - inside)

    @classmethod
    def of(cls, array: Any) -> Mapped | None:
        """Where `array` lies in a file, row after row, and may be given back; None where it does not."""
        memmap = _memmap(array)
        if memmap is None or not hasattr(mmap.mmap, "madvise") or memmap.mode not in ("r", "r+") or not array.size:
            return None  # what is mapped to be changed in memory alone (mode "c") must not be given back
        row = array.itemsize * (array.size // len(array))
        return cls(array, memmap) if array.strides[0] >= row > 0 else None

    def ask_for(self, start: int, stop: int) -> None:
        """Have the system read these rows while we do something else."""
        self._advise("MADV_WILLNEED", start, stop)

    def give_back(self, start: int, stop: int) -> None:
        """Say that these rows are not needed for now."""
        self._advise("MADV_DONTNEED", start, stop)

    def _advise(self, what: str, start: int, stop: int) -> None:
        begin = self._start + start * self.row_bytes
        begin -= begin % mmap.PAGESIZE
        end = min(self._start + stop * self.row_bytes, len(self._memory))
        if hasattr(mmap, what) and begin < end:
            self._memory.madvise(getattr(mmap, what), begin, end - begin)


def _memmap(array: Any) -> np.memmap[Any, Any] | None:
    """The `numpy.memmap` that an array is or is a view of; None for any other."""
    if not isinstance(array, np.ndarray):
        return None
    found = None
    while isinstance(array, np.ndarray):
        found, array = array, array.base
    return found if isinstance(found, np.memmap) and isinstance(array, mmap.mmap) else None


def is_mapped(array: Any) -> bool:
    """Whether an array lies in a file."""
    return _memmap(array) is not None


def _address(array: Array) -> int:
    return array.__array_interface__["data"][0]


def pieces(array: Array, rows: int) -> Iterator[Array]:
    """Views of so many rows each; what lies in a file is given back after the caller is done with it."""
    mapped = Mapped.of(array)
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
        if mapped is not None:
            mapped.give_back(start, start + rows)


def extremes(array: Array) -> tuple[Array, Array]:
    """The least and the greatest of each place of a row, NaN where one is: shape ``array.shape[1:]``, of its dtype."""
    if _memmap(array) is None:
        return array.min(axis=0), array.max(axis=0)
    low = high = None
    for piece in pieces(array, PIECE_ROWS):
        least, most = piece.min(axis=0), piece.max(axis=0)
        low = least if low is None else np.minimum(low, least)
        high = most if high is None else np.maximum(high, most)
    return low, high  # type: ignore[return-value]  # there is at least one piece


PIECE_ROWS = 4096
