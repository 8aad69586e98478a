"""What is odd about the columns of a table, which is said and not changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numbanet.data.table import Table


_SURE = 20  # rows, from which on values that are all different are hardly so by chance


def remarks(table: Table) -> tuple[str, ...]:
    """Notes on columns that are missing everywhere, never vary, or have another value in each row."""
    empty, constant, unique = [], [], []
    numbers = [column for column in table.columns if column.kind != "category"]
    there = ~np.isnan(table.numbers)
    whole = len(table) >= _SURE
    for place, (name, kind, *_) in enumerate(numbers):
        values = table.numbers[:, place]
        if not there[:, place].any():
            empty.append(name)
            continue
        low, high = np.nanmin(values), np.nanmax(values)
        if low == high and len(table) > 1 and there[:, place].all():
            constant.append(name)
        elif kind == "number" and whole and _tell_rows_apart(values):
            unique.append(name)
    for column in table.columns:
        if column.kind == "category":
            counts = np.bincount(table.codes[:, column.place] + 1, minlength=1)
            kinds = np.count_nonzero(counts[1:])
            if not kinds:
                empty.append(column.name)
            elif kinds == 1 and not counts[0] and len(table) > 1:
                constant.append(column.name)
            elif whole and kinds == len(table):
                unique.append(column.name)
    notes = [
        ("missing in every row", empty),
        ("the same in every row", constant),
        ("another value in every row, as identifiers have, and kept; leave it out with drop if it is one", unique),
    ]
    return tuple(f"{_named(names)}: {what}" for what, names in notes if names)


def _tell_rows_apart(values: np.ndarray) -> bool:
    """Whether numbers are whole, and all different."""
    if (values != np.floor(values)).any():  # also where one is missing
        return False
    return len(np.unique(values)) == len(values)


def _named(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:10]) + f" and {len(names) - 10:,} more" * (len(names) > 10)
    return f"column{'s' * (len(names) > 1)} {shown}"
