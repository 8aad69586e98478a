"""What was learnt of a table's columns, and how those of another table are brought into line with it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np

from numbanet._checks import did_you_mean
from numbanet.data._frames import categories_of_numbers, dates_of_categories
from numbanet.data.table import Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numbanet._types import Array
    from numbanet.data.table import Column, Table


_IN_WORDS = {"number": "numbers", "date": "dates", "category": "categories"}


class Number(NamedTuple):
    """A column of numbers or dates as training had it; `empty` where all of it was missing."""

    name: str
    kind: str
    form: str
    empty: bool


class Category:
    """A column of categories as training had it: their codes are from 1, 0 is for what is missing.

    Parameters
    ----------
    name : str
    categories : sequence of str
        Those that were frequent enough, sorted.
    rare : bool
        Whether one more code stands for those that were not, and for any that training has not seen.
    """

    def __init__(self, name: str, categories: Iterable[str], rare: bool) -> None:
        self.name, self.categories, self.rare = name, tuple(categories), bool(rare)
        self.size = 1 + len(self.categories) + self.rare
        self._lookup: tuple[tuple[str, ...], Array] | None = None

    @classmethod
    def learn(cls, column: Column, codes: Array, min_count: int) -> tuple[Category, Array]:
        """What there is to know of a column of training rows, and how often each code stands there."""
        counts = np.bincount(codes + 1, minlength=1 + len(column.categories))
        missing, counts = counts[0], counts[1:]
        common = [place for place in np.argsort(column.categories) if counts[place] >= min_count]
        rare = counts[counts < min_count].sum()
        learnt = cls(column.name, (column.categories[place] for place in common), bool(rare))
        return learnt, np.array([missing, *counts[common], *([rare] if rare else [])])

    @cached_property
    def _index(self) -> dict[str, int]:
        return {text: code for code, text in enumerate(self.categories, start=1)}

    def one_hot(self) -> Array:
        """The columns that stand for it, a row for each code: zeros for 0; of two categories, a column of 1 and -1."""
        if self.size <= 3:
            return np.array([[0.0], [1.0], [-1.0]][: self.size])
        return np.eye(self.size)[:, 1:]

    def one_hot_names(self) -> list[str]:
        """What those columns are called: ``tree=ash``."""
        values = [*self.categories, *(["(rare)"] * self.rare)]
        return [f"{self.name}={value}" for value in values[: self.one_hot().shape[1]]] or [self.name]

    def codes_in(self, table: Table) -> Array:
        """The codes of its column in `table`; ValueError where that holds no categories."""
        column = table.column(self.name)
        if column.kind == "category":
            return self._codes_of(column.categories)[table.codes[:, column.place]]
        values = table.numbers[:, column.place]
        if column.kind == "date" and not np.isnan(values).all():
            _refuse_kind(self.name, "category", "dates")
        codes, categories = categories_of_numbers(values)
        if categories and not any(text in self._index for text in categories):
            such = ", such as " + ", ".join(map(repr, self.categories[:3])) if self.categories else ""
            raise ValueError(
                f"column {self.name!r}: expected categories, as in training{such}, got numbers such as {categories[0]}"
            )
        return self._codes_of(categories)[codes]

    def _codes_of(self, categories: tuple[str, ...]) -> Array:
        """For each of the `categories` of a table, its code; one more entry for what is missing, at -1."""
        known = self._lookup
        if known is None or known[0] is not categories:  # parts of one table share theirs
            unseen = self.size - 1 if self.rare else 0
            codes = np.array([*(self._index.get(text, unseen) for text in categories), 0], np.intp)
            known = self._lookup = (categories, codes)
        return known[1]

    def unseen_in(self, table: Table) -> int:
        """In how many rows of `table` there is a category that has no code of its own."""
        column = table.column(self.name)
        if column.kind != "category":
            return 0
        new = np.array([*(text not in self._index for text in column.categories), False])
        return int(new[table.codes[:, column.place]].sum())


def check_names(table: Table, names: Sequence[str]) -> None:
    """ValueError where `table` lacks columns that training had."""
    lacking = [name for name in names if name not in table]
    if lacking:
        others = [name for name in table.names if name not in names]
        raise ValueError(
            f"table: lacks the column{'s' * (len(lacking) > 1)} {', '.join(map(repr, lacking[:20]))}"
            f"{f' and {len(lacking) - 20} more' * (len(lacking) > 20)}, which training had"
            f"{did_you_mean(lacking[0], others, repr)}"
        )


def numbers_in(table: Table, wanted: Sequence[Number]) -> Array:
    """The numbers of those columns of `table`, in that order; ValueError for a column of another kind."""
    columns = [table.column(number.name) for number in wanted]
    if any(column.kind != number.kind for column, number in zip(columns, wanted, strict=True)):
        return np.stack([_column_in(table, number) for number in wanted], axis=1)
    places = [column.place for column in columns]
    return table.numbers if places == list(range(table.numbers.shape[1])) else table.numbers[:, places]


def _column_in(table: Table, wanted: Number) -> Array:
    column = table.column(wanted.name)
    if wanted.empty:  # what it is, training could not tell
        return np.full(len(table), np.nan)
    if column.kind != "category":
        values = table.numbers[:, column.place]
        if column.kind != wanted.kind and not np.isnan(values).all():
            _refuse_kind(wanted.name, wanted.kind, _IN_WORDS[column.kind])
        return values
    codes = table.codes[:, column.place]
    used = np.unique(codes[codes >= 0])
    if not len(used):
        return np.full(len(table), np.nan)
    texts = tuple(column.categories[code] for code in used)
    if wanted.kind != "date":
        _refuse_kind(wanted.name, wanted.kind, f"text such as {texts[0]!r:.60}")
    lookup = np.full(len(column.categories) + 1, -1)
    lookup[used] = np.arange(len(used))
    return dates_of_categories(Values(wanted.name, "category", lookup[codes], texts), wanted.form).values


def _refuse_kind(name: str, wanted: str, found: str) -> NoReturn:
    raise ValueError(f"column {name!r}: expected {_IN_WORDS[wanted]}, as in training, got {found}")
