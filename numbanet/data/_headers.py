"""Whether a first row of numbers is an example, or names the columns as pandas names those that have no name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numbanet._types import Array


_SURE = 5  # columns: so many that count up are names
_SURPRISE = math.log(1000)


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
