"""The order of examples that lie in a file: at random, and yet so that those of one moment lie near each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .._mapped import Mapped
    from .._types import IntArray


BLOCK_BYTES = 1 << 18  # that are read in one go: a disk takes as long for the next as for where it begins
WINDOW_BYTES = 1 << 26  # whose rows are mixed: what is in memory at a time, besides as much that is read ahead


class Blocks(NamedTuple):
    """How examples are grouped.

    Attributes
    ----------
    examples : int
        How many there are.
    size : int
        Examples of a block, which follow each other in the file; the last may have fewer.
    mixed : int
        Blocks of a window.
    """

    examples: int
    size: int
    mixed: int

    @classmethod
    def of(cls, count: int, mapped: Mapped | None) -> Blocks | None:
        """For so many rows of a file; None where they lie in memory, or one window holds them all."""
        if mapped is None:
            return None
        size = max(1, BLOCK_BYTES // mapped.row_bytes)
        mixed = max(1, WINDOW_BYTES // (size * mapped.row_bytes))
        return cls(count, size, mixed) if count > size * mixed else None


class NearOrder:
    """The rows of examples in a random order, of which slices are taken one after the other, as of an array.

    Blocks of rows that lie together are shuffled, and as many as make a window are mixed row by row. What comes next is
    read meanwhile, and what is done with is given back.

    Parameters
    ----------
    blocks : Blocks
    seed : int
        All follows from it.
    counted : array-like of int64, optional
        Which row each example is, rising; by default the example's own number.
    mapped : Mapped, optional
        Where the rows lie, to read ahead.
    """

    def __init__(self, blocks: Blocks, seed: int, counted: Any = None, mapped: Mapped | None = None) -> None:
        self.seed, self._counted, self._mapped = seed, counted, mapped
        self._count, self._size, mixed = blocks
        order = np.random.default_rng([seed]).permutation(-(-self._count // self._size))
        self._windows = [order[start : start + mixed] for start in range(0, len(order), mixed)]
        lengths = [int(np.minimum(self._size, self._count - each * self._size).sum()) for each in self._windows]
        self._ends = np.cumsum(lengths)
        self._place, self._rows = -2, np.zeros(0, np.int64)  # the window that was mixed last

    def __getitem__(self, places: slice) -> IntArray:
        start, stop, _ = places.indices(self._count)
        taken = []
        while start < stop:
            window = int(np.searchsorted(self._ends, start, side="right"))
            rows = self._mixed(window)
            begin = self._ends[window] - len(rows)
            taken.append(rows[start - begin : stop - begin])
            start += len(taken[-1])
        return np.concatenate(taken) if len(taken) > 1 else taken[0]

    def _mixed(self, window: int) -> IntArray:
        """The rows of a window in their order."""
        if window != self._place:
            rows = (self._windows[window][:, None] * self._size + np.arange(self._size)).ravel()
            rows = rows[rows < self._count]
            if self._counted is not None:
                rows = self._counted[rows]  # before they are mixed, while neighbours are found fast
            self._rows = np.random.default_rng([self.seed, window]).permutation(rows)
            self._advise(window)
            self._place = window
        return self._rows

    def _advise(self, window: int) -> None:
        if self._mapped is None:
            return
        if window >= 2:  # the last may still be wanted by steps that begin in it
            for bounds in self._bounds(window - 2):
                self._mapped.give_back(*bounds)
        for ahead in (window, window + 1) if self._place != window - 1 else (window + 1,):
            if ahead < len(self._windows):
                for bounds in self._bounds(ahead):
                    self._mapped.ask_for(*bounds)

    def _bounds(self, window: int) -> list[tuple[int, int]]:
        """The first row of the file, and the one behind the last, of each block of a window."""
        first = self._windows[window] * self._size
        last = np.minimum(first + self._size, self._count) - 1
        if self._counted is not None:
            first, last = self._counted[first], self._counted[last]
        return list(zip(first.tolist(), (last + 1).tolist(), strict=True))
