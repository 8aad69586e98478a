"""Whether a first row is an example or names the columns, also by numbers, as pandas names those without a name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from numbanet._types import Array


_SURE = 5  # columns: so many that count up are names
_SURPRISE = math.log(1000)


def has_names(
    first: Sequence[str],
    below: Sequence[Sequence[str]],
    numbers_of: Callable[[Sequence[str]], Any],
    missing: Collection[str],
) -> bool | None:
    """Whether the first row of a table of numbers and words is a header: True, False, or None where it may be.

    Parameters
    ----------
    first : sequence of str
    below : sequence of sequence of str
        Some of the rows below, as long as the first.
    numbers_of : callable
        Gives the numbers in cells, NaN where one is missing, None where one is text.
    missing : strings
        What stands for a missing value.
    """
    if len(first) > 1 and not first[0].strip():  # the column of an index has no name, and says nothing
        first, below = first[1:], [row[1:] for row in below]
    cells = [cell.strip() for cell in first]
    columns = list(zip(*below, strict=True)) if below else [()] * len(cells)
    numbers = [numbers_of(column) for column in columns]
    is_text = [numbers_of([cell]) is None for cell in cells]
    if all(is_text):
        if any(values is not None and not np.isnan(values).all() for values in numbers):
            return True  # words above numbers
        return _words_above_words(cells, [[cell.strip() for cell in column] for column in columns], missing)
    if not any(is_text):
        there = [place for place, values in enumerate(numbers) if values is not None and cells[place] not in missing]
        if not there or len(there) < len(cells):
            return False  # a gap, or numbers above words
        names = [numbers_of([cell])[0] for cell in cells]
        filled = [
            np.where(np.isnan(values), name, values)
            for values, name in zip(numbers, names, strict=True)
            if values is not None
        ]
        return is_header(names, np.column_stack([names, filled]).T) if len(below) else False
    odd = [place for place, text in enumerate(is_text) if text and numbers[place] is not None and len(below)]
    if not odd:  # words above words, numbers above numbers: an example, unless the numbers count, as years do
        words = [place for place, text in enumerate(is_text) if text]
        if any(cells[place] in {cell.strip() for cell in columns[place]} for place in words):
            return False
        named = numbers_of([cell for cell, text in zip(cells, is_text, strict=True) if not text])
        counting = len(named) > 1 and all(after - name == 1 for name, after in zip(named, named[1:], strict=False))
        return None if counting else False
    others = numbers_of([cell for cell, text in zip(cells, is_text, strict=True) if not text and cell not in missing])
    return True if all(other == math.floor(other) for other in others) else None


def _words_above_words(cells: Sequence[str], columns: Sequence[Sequence[str]], missing: Collection[str]) -> bool | None:
    """Whether words name columns of words: they do where none of them stands below and some column repeats itself."""
    if not columns[0]:
        return True
    if len(set(cells)) < len(cells) or any(cell in column for cell, column in zip(cells, columns, strict=True)):
        return False
    repeating = any(len(column) >= 3 * len(set(column) - set(missing)) for column in columns)
    return True if repeating else None


def is_header(names: list[float], X: Array, labels: Sequence[str | float] | None = None) -> bool | None:
    """Whether a first row of numbers is a header: True, False, or None where it may be.

    Parameters
    ----------
    names : list of float
        The numbers of the first row; that of the target among them, unless it is a word.
    X : ndarray of shape (rows, features)
        The table, its first row included.
    labels : list of str and float, optional
        The cells of the target column, likewise.
    """
    first, rest = X[0], X[1:]
    if not len(rest):
        return False
    counting = len(names) > 1 and np.array_equal(names, names[0] + np.arange(len(names))) and names[0] == int(names[0])
    if labels is not None:
        label, others = labels[0], set(labels[1:])
        if not isinstance(label, float):
            if all(isinstance(other, float) for other in others):
                return _names_above(names, first, rest)
            if label in others or 2 * len(others) > len(rest):
                return False  # a class like the others, or one of many
        elif label in others and not counting:
            return False
    goes_on = len(first) > 1 and (np.diff(rest[0]) == 1).all()  # and so does not count to name the columns
    if goes_on or len(set(names)) < len(names):
        return False
    alien = _surprise(first, rest) > _SURPRISE
    if counting and (len(names) >= _SURE or (alien and len(names) > 2)):
        return True
    return None if alien or (counting and len(names) > 2) else False


def _names_above(names: list[float], first: Array, rest: Array) -> bool:
    """Whether numbers beside a word, all of it above numbers alone, are names: whole ones, each another, or far off."""
    whole = all(name == int(name) for name in names) and len(set(names)) == len(names)
    return bool(whole and (len(names) > 1 or not (rest == first).any())) or _surprise(first, rest) > _SURPRISE


def _surprise(first: Array, rest: Array) -> float:
    """How unlikely it is, as a logarithm, that an example differs from all others, in each column, as `first` does."""
    outside = (first < rest.min(axis=0)) | (first > rest.max(axis=0))
    fractions = (first == np.floor(first)) & ((rest != np.floor(rest)).mean(axis=0) > 0.5)
    each = np.maximum(outside * math.log((len(rest) + 1) / 2), fractions * math.log(10))
    return each.sum() if each.all() else 0.0
