"""What a table is turned into for a network: scaled numbers, one-hot columns, codes of categories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbanet._checks import did_you_mean, float_dtype, integer, number, one_of
from numbanet.data._frames import categories_of_numbers, columns_of_rows, dates_of_categories
from numbanet.data._scaling import robust, robust_of_signs, smoothly_clipped, standard
from numbanet.data.remarks import remarks
from numbanet.data.table import Column, Table, Values, as_table, collected, is_frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Literal

    from numbanet._types import Array, DTypeLike, FloatArray

    Scaling = Literal["robust", "standard", "none"]


_SCALINGS = ("robust", "standard", "none")
_BLOCK = 1 << 16  # numbers that are worked on at a time, which stay in a cache


class Layout(NamedTuple):
    """The columns that a `TablePreprocessor` makes, from the first to the last.

    Attributes
    ----------
    numbers : int
        Scaled numbers and dates.
    one_hot : int
        Columns of categories, and of what says where a number is missing.
    embedded : tuple of int
        For each category that is left to an `Embedding`, how many codes there are: from 0 to this, less one.
    """

    numbers: int
    one_hot: int
    embedded: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.numbers + self.one_hot + len(self.embedded)


class _Category(NamedTuple):
    """What was learnt of a column of categories: their codes from 1, and whether the last stands for rare ones."""

    name: str
    categories: tuple[str, ...]
    rare: bool

    @property
    def size(self) -> int:
        """How many codes there are; 0 is for what is missing."""
        return 1 + len(self.categories) + self.rare


class TablePreprocessor:
    """Turns the rows of a `Table` into the input of a network, as it has learnt from the training rows.

    Numbers and dates are scaled. ``"robust"`` is RealMLP's (arXiv 2407.04491): the median is taken away, the result
    divided by the range between the quartiles, or where that is 0 by half of the range of all, and x becomes
    ``x / sqrt(1 + (x / clip)^2)``. ``"standard"`` takes the mean and the standard deviation, and clips alike. What
    never varies becomes 0. A number that is missing becomes the median (the mean), and where some are missing in the
    training rows, a column says so.

    Categories of few values become one-hot columns, two values a single column of 1 and -1; one that is missing is all
    zeros. With ``"robust"`` scaling these columns are scaled as numbers are, as RealMLP's. Others become codes for an
    `Embedding`, 0 where one is missing. Categories rarer than `min_count` are taken together, and those that training
    has not seen with them; where none was rare, these count as missing.

    Parameters
    ----------
    numbers : {"robust", "standard", "none"}, default "robust"
    clip : float or None, default 3.0
        Where scaled numbers end; None to leave them. Not used for ``"none"``.
    max_one_hot : int or None, default 9
        Up to how many values, what is missing counted as one, a category becomes one-hot columns; None: always.
    min_count : int, default 2
        In how many training rows a category must stand to count as one of its own.
    dtype : float32 (default) or float64
        Of what `transform` gives.
    """

    def __init__(
        self,
        numbers: Scaling = "robust",
        *,
        clip: float | None = 3.0,
        max_one_hot: int | None = 9,
        min_count: int = 2,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.numbers: Scaling = one_of("numbers", numbers, _SCALINGS)
        self.clip = None if clip is None else number("clip", clip, 0, include_low=False)
        self.max_one_hot = None if max_one_hot is None else integer("max_one_hot", max_one_hot, low=0)
        self.min_count = integer("min_count", min_count, low=1)
        self.dtype = float_dtype(dtype)
        self.columns: tuple[Column, ...] = ()
        self.notes: tuple[str, ...] = ()

    def fit(self, X: Any) -> TablePreprocessor:
        """Learn from the rows of a table, a frame or an array; returns itself. `notes` say what is odd about them.

        Raises
        ------
        ValueError
            Where there are no rows or columns.
        """
        table = as_table(X)
        if not len(table) or not table.columns:
            raise ValueError(f"table: expected at least one row and one column, got shape {table.shape}")
        self.columns = tuple(column._replace(categories=()) for column in table.columns)
        self.rows = len(table)
        self._fill, self._factor = np.zeros((2, table.numbers.shape[1]))
        self._missing = np.zeros(table.numbers.shape[1], np.int64)
        scale = standard if self.numbers == "standard" else robust
        step = max(1, (_BLOCK * 16) // len(table))
        for start in range(0, table.numbers.shape[1], step):
            part = slice(start, start + step)
            fill, factor, missing = scale(table.numbers[:, part])
            self._fill[part], self._factor[part], self._missing[part] = fill, factor, missing
        self._center = self._fill.copy()
        if self.numbers == "none":
            self._center[:], self._factor[:] = 0, 1
        categories = [column for column in table.columns if column.kind == "category"]
        self._categories = []
        counts = []
        for column in categories:
            learnt, count = self._learnt(column, table.codes[:, column.place])
            self._categories.append(learnt)
            counts.append(count)
        self._scale_one_hot(counts)
        self.notes = remarks(table)
        return self._prepared()

    def _learnt(self, column: Column, codes: Array) -> tuple[_Category, Array]:
        """What there is to know of a category, and how often each of its codes stands there."""
        counts = np.bincount(codes + 1, minlength=1 + len(column.categories))
        missing, counts = counts[0], counts[1:]
        common = [place for place in np.argsort(column.categories) if counts[place] >= self.min_count]
        rare = counts[counts < self.min_count].sum()
        learnt = _Category(column.name, tuple(column.categories[place] for place in common), bool(rare))
        return learnt, np.array([missing, *counts[common], *([rare] if rare else [])])

    def _scale_one_hot(self, counts: list[Array]) -> None:
        """Learn how the columns of 1, 0 and -1 are scaled, from how often each of them is which."""
        gaps = self._missing[self._missing > 0]
        signs = [np.stack([0 * gaps, self.rows - gaps, gaps])]  # how often -1, 0 and 1
        for learnt, count in zip(self._categories, counts, strict=True):
            if not self._embeds(learnt):
                plain = _one_hot(learnt.size)
                signs.append(np.stack([count @ (plain == sign) for sign in (-1, 0, 1)]))
        minus, zero, plus = np.concatenate(signs, axis=1)
        self._one_hot_center, self._one_hot_factor = np.zeros(len(minus)), np.ones(len(minus))
        if self.numbers == "robust":
            self._one_hot_center, self._one_hot_factor = robust_of_signs(minus, zero, plus)

    def _embeds(self, learnt: _Category) -> bool:
        return self.max_one_hot is not None and learnt.size > self.max_one_hot

    def _prepared(self) -> TablePreprocessor:
        """Itself, with what `transform` needs made of what was learnt."""
        self._gaps = np.flatnonzero(self._missing)
        place = len(self._gaps)
        values = self._scaled_one_hot(np.stack([np.zeros(place), np.ones(place)]), slice(0, place))
        self._gap_values = values
        self._one_hot: list[tuple[_Category, slice, Array]] = []
        self._embedded = [learnt for learnt in self._categories if self._embeds(learnt)]
        for learnt in self._categories:
            if not self._embeds(learnt):
                plain = _one_hot(learnt.size)
                part = slice(place, place + plain.shape[1])
                self._one_hot.append((learnt, part, self._scaled_one_hot(plain, part)))
                place = part.stop
        self.layout = Layout(len(self._fill), place, tuple(learnt.size for learnt in self._embedded))
        self._index = {
            learnt.name: {text: code for code, text in enumerate(learnt.categories, start=1)}
            for learnt in self._categories
        }
        self._lookups: dict[str, tuple[tuple[str, ...], Array]] = {}
        self._known = frozenset(self.names)
        return self

    def _scaled_one_hot(self, plain: Array, part: slice) -> Array:
        values = (plain - self._one_hot_center[part]) * self._one_hot_factor[part]
        if self.numbers == "robust" and self.clip is not None:
            values = smoothly_clipped(values, self.clip)
        return values.astype(self.dtype)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns that it has learnt, and expects."""
        return tuple(column.name for column in self.columns)

    @property
    def categorical(self) -> tuple[str, ...]:
        """Those among `names` that are categories."""
        return tuple(column.name for column in self.columns if column.kind == "category")

    @property
    def dates(self) -> dict[str, str]:
        """Those among `names` that are dates, and the form of their text."""
        return {column.name: column.form for column in self.columns if column.kind == "date"}

    def transform(self, X: Any, out: Array | None = None) -> FloatArray:
        """What the network gets of these rows.

        Parameters
        ----------
        X : Table, frame, or array with as many columns
            With the columns of the training rows, in any order; others are left out.
        out : ndarray of shape (N, layout.width), optional
            Where to write it; of any float dtype.

        Returns
        -------
        ndarray of shape (N, layout.width) and of `dtype`
            Numbers, one-hot columns, codes: see `layout`.

        Raises
        ------
        ValueError
            For columns that are not there, or of another kind, by name; for numbers that `dtype` cannot hold.
        """
        table = self.table(X)
        if out is None:
            out = np.empty((len(table), self.layout.width), self.dtype)
        elif out.shape != (len(table), self.layout.width):
            raise ValueError(f"out: expected shape {(len(table), self.layout.width)}, got {out.shape}")
        numbers, codes = self._aligned(table)
        step = max(1, _BLOCK // max(1, len(self.columns)))
        for start in range(0, len(table), step):
            rows = slice(start, start + step)
            self._write(numbers[rows], [column[rows] for column in codes], out[rows])
        if self.clip is None or self.numbers == "none":
            self._refuse_overflow(out)
        return out

    def _write(self, numbers: Array, codes: list[Array], out: Array) -> None:
        width, place = self.layout.numbers, 0
        missing = np.isnan(numbers)
        values = np.where(missing, self._fill, numbers)
        with np.errstate(over="ignore"):
            values -= self._center
            values *= self._factor
            if self.numbers != "none" and self.clip is not None:
                values = smoothly_clipped(values, self.clip)
            out[:, :width] = values
        if len(self._gaps):
            out[:, width : width + len(self._gaps)] = np.where(missing[:, self._gaps], *self._gap_values[::-1])
        for place, (_, part, table) in enumerate(self._one_hot):
            out[:, width + part.start : width + part.stop] = table[codes[place]]
        first = width + self.layout.one_hot
        for place in range(len(self._embedded)):
            out[:, first + place] = codes[len(self._one_hot) + place]

    def _refuse_overflow(self, out: Array) -> None:
        numbers = out[:, : self.layout.numbers]
        if not np.isfinite(numbers).all():
            row, place = np.argwhere(~np.isfinite(numbers))[0]
            name = next(column.name for column in self.columns if column.kind != "category" and column.place == place)
            raise ValueError(f"column {name!r}: row {row} holds a number that {out.dtype} cannot hold once scaled")

    def table(self, X: Any) -> Table:
        """`X` as a Table: a frame without the columns that training had not, an array with the names of those."""
        if not self.columns:
            raise ValueError("TablePreprocessor: has learnt nothing yet; call fit with the training rows first")
        if isinstance(X, Table):
            return X
        if is_frame(X):
            return collected(columns_of_rows(X, self._known), rows=len(X))
        if hasattr(X, "keys"):
            return Table.from_arrays(X)
        shape = np.shape(X) if not hasattr(X, "shape") else X.shape
        if len(shape) == 2 and shape[1] != len(self.columns):
            raise ValueError(f"X: expected {len(self.columns)} columns, as in training, got {shape[1]}")
        return Table.from_arrays(X, self.names)

    def _aligned(self, table: Table) -> tuple[Array, list[Array]]:
        """The numbers of the columns that were learnt, in their order, and the codes of categories as those learnt."""
        found = dict(zip(table.names, table.columns, strict=True))
        lacking = [name for name in self.names if name not in found]
        if lacking:
            others = [name for name in found if name not in self.names]
            hint = did_you_mean(lacking[0], others, repr)
            raise ValueError(
                f"table: lacks the column{'s' * (len(lacking) > 1)} {', '.join(map(repr, lacking[:20]))}"
                f"{f' and {len(lacking) - 20} more' * (len(lacking) > 20)}, which training had{hint}"
            )
        same = [found[column.name].kind == column.kind for column in self.columns]
        wanted = [found[column.name] for column in self.columns if column.kind != "category"]
        if all(same):
            places = [column.place for column in wanted]
            numbers = table.numbers
            if places != list(range(numbers.shape[1])):
                numbers = numbers[:, places]
        else:
            parts = [self._as_number(table, column) for column in self.columns if column.kind != "category"]
            numbers = np.stack(parts, axis=1) if parts else np.empty((len(table), 0))
        order = [learnt for learnt, _, _ in self._one_hot] + self._embedded
        return numbers, [self._as_codes(table, learnt) for learnt in order]

    def _as_number(self, table: Table, wanted: Column) -> Array:
        """A column that should be numbers or dates, as these."""
        column = table.column(wanted.name)
        if column.kind != "category":
            values = table.numbers[:, column.place]
            if column.kind == wanted.kind or np.isnan(values).all():
                return values
        if self._missing[wanted.place] == self.rows:  # what it is, training could not tell
            return np.full(len(table), np.nan)
        if column.kind != "category":
            _refuse_kind(wanted, column.kind)
        codes = table.codes[:, column.place]
        if (codes < 0).all():
            return np.full(len(table), np.nan)
        text = column.categories[codes[np.argmax(codes >= 0)]]
        if wanted.kind != "date":
            _refuse_kind(wanted, f"text such as {text!r:.60}")
        used = np.unique(codes[codes >= 0])
        lookup = np.full(len(column.categories) + 1, -1)
        lookup[used] = np.arange(len(used))
        values = Values(column.name, "category", lookup[codes], tuple(column.categories[code] for code in used))
        return dates_of_categories(values, wanted.form).values

    def _as_codes(self, table: Table, learnt: _Category) -> Array:
        """A column of categories as the codes that were learnt."""
        column = table.column(learnt.name)
        if column.kind == "category":
            codes, categories = table.codes[:, column.place], column.categories
        else:
            values = table.numbers[:, column.place]
            if column.kind == "date" and not np.isnan(values).all():
                _refuse_kind(self.columns[self.names.index(learnt.name)], "dates")
            codes, categories = categories_of_numbers(values)
            if categories and not any(text in self._index[learnt.name] for text in categories):
                known = ", ".join(map(repr, learnt.categories[:3]))
                raise ValueError(
                    f"column {learnt.name!r}: expected categories, as in training{f', such as {known}' * bool(known)}, "
                    f"got numbers such as {categories[0]}"
                )
        return self._lookup(learnt, categories)[codes]

    def _lookup(self, learnt: _Category, categories: tuple[str, ...]) -> Array:
        """For each of `categories`, its code among those learnt; one more entry for what is missing, at -1."""
        known = self._lookups.get(learnt.name)
        if known is None or known[0] is not categories:
            index, unseen = self._index[learnt.name], learnt.size - 1 if learnt.rare else 0
            lookup = np.array([*(index.get(text, unseen) for text in categories), 0], np.intp)
            known = self._lookups[learnt.name] = (categories, lookup)
        return known[1]

    def unseen(self, X: Any) -> dict[str, int]:
        """In how many rows each column holds a category that training had too rarely, or not at all; without zeros."""
        table = self.table(X)
        counts = {}
        for learnt in self._categories:
            column = table.column(learnt.name)
            if column.kind == "category":
                new = np.array([*(text not in self._index[learnt.name] for text in column.categories), False])
                counts[learnt.name] = int(new[table.codes[:, column.place]].sum())
        return {name: count for name, count in counts.items() if count}

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of the columns that `transform` gives: ``age``, ``age missing``, ``tree=ash``."""
        numbers = [column.name for column in self.columns if column.kind != "category"]
        names = [*numbers, *(f"{numbers[place]} missing" for place in self._gaps)]
        for learnt, part, _ in self._one_hot:
            values = [*learnt.categories, *(["(rare)"] * learnt.rare)]
            names += [f"{learnt.name}={value}" for value in values[: part.stop - part.start]] or [learnt.name]
        return (*names, *(learnt.name for learnt in self._embedded))

    def describe(self, most: int = 50) -> list[str]:
        """Lines for people: what was learnt of each column, of the first `most` of them."""
        layout = self.layout
        lines = [
            f"{len(self.columns):,} columns, learnt from {self.rows:,} rows: {layout.numbers:,} numbers "
            f"({self.numbers}), {layout.one_hot:,} one-hot columns, {len(layout.embedded):,} embedded categories"
        ]
        learnt = {category.name: category for category in self._categories}
        for column in self.columns[:most]:
            lines.append(f"{column.name}: " + self._in_words(column, learnt.get(column.name)))
        if len(self.columns) > most:
            lines.append(f"and {len(self.columns) - most:,} more")
        return lines

    def _in_words(self, column: Column, learnt: _Category | None) -> str:
        if learnt is not None:
            values = ", ".join(learnt.categories[:5]) + ", ..." * (len(learnt.categories) > 5)
            rare = ", rare ones taken together" * learnt.rare
            how = "embedded" if self._embeds(learnt) else "one-hot"
            noun = "category" if len(learnt.categories) == 1 else "categories"
            return f"{len(learnt.categories):,} {noun}, {how}: {values}{rare}"
        place = column.place
        fill, factor, missing = self._fill[place], self._factor[place], self._missing[place]
        typical = "mean" if self.numbers == "standard" else "median"
        value = str(np.datetime64(0, "D") + int(fill)) if column.kind == "date" else f"{fill:.6g}"
        scale = ", never varies" if not factor else "" if self.numbers == "none" else f", scale {1 / factor:.6g}"
        return f"{column.kind}, {typical} {value}{scale}" + f", {missing:,} missing" * bool(missing)

    def to_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What it is and has learnt: a dict for JSON, and arrays (categories among them, as UTF-8)."""
        options = {"numbers": self.numbers, "clip": self.clip, "max_one_hot": self.max_one_hot}
        header = {**options, "min_count": self.min_count, "dtype": self.dtype.name, "rows": self.rows}
        learnt = {
            "columns": [[column.name, column.kind, column.form] for column in self.columns],
            "categories": [list(category) for category in self._categories],
            "notes": self.notes,
        }
        text = np.frombuffer(json.dumps(learnt).encode(), np.uint8)
        arrays = {name: getattr(self, f"_{name}") for name in _ARRAYS}
        return header, {"learnt": text, **arrays}

    @classmethod
    def from_state(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> TablePreprocessor:
        """The inverse of `to_state`; ValueError where the two do not fit together."""
        try:
            self = cls(**{key: value for key, value in header.items() if key != "rows"})
            learnt = json.loads(bytes(arrays["learnt"]).decode())
            places = _places(kind for _, kind, _ in learnt["columns"])
            self.rows, self.notes = integer("rows", header["rows"], low=1), tuple(learnt["notes"])
            self.columns = tuple(
                Column(name, kind, place, form=form)
                for (name, kind, form), place in zip(learnt["columns"], places, strict=True)
            )
            self._categories = [
                _Category(name, tuple(values), bool(rare)) for name, values, rare in learnt["categories"]
            ]
            for name in _ARRAYS:
                setattr(self, f"_{name}", np.asarray(arrays[name]))
            if [learnt.name for learnt in self._categories] != list(self.categorical):
                raise ValueError("its categories are not those of its columns")
            numbers = len(self.columns) - len(self._categories)
            if {getattr(self, f"_{name}").shape for name in _ARRAYS[:4]} != {(numbers,)}:
                raise ValueError("its arrays are not as long as it has columns")
            self._prepared()
            if self._one_hot_center.shape != (self.layout.one_hot,) or self._one_hot_factor.shape != (
                self.layout.one_hot,
            ):
                raise ValueError("its arrays are not as long as it has one-hot columns")
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(f"preprocessor: what is saved of it does not fit together ({error})") from None
        return self


_ARRAYS = ("fill", "center", "factor", "missing", "one_hot_center", "one_hot_factor")


def _places(kinds: Iterator[str]) -> list[int]:
    """The place of each column of a table, among the numbers or among the categories."""
    counts = {True: 0, False: 0}
    places = []
    for kind in kinds:
        places.append(counts[kind == "category"])
        counts[kind == "category"] += 1
    return places


def _one_hot(size: int) -> Array:
    """The columns of a category of so many codes, a row for each: zeros for code 0; for two more, 1 and -1."""
    if size <= 3:
        return np.array([[0.0], [1.0], [-1.0]][:size])
    return np.eye(size)[:, 1:]


def _refuse_kind(wanted: Column, found: str) -> None:
    expected = {"number": "numbers", "date": "dates", "category": "categories"}
    found = expected.get(found, found)
    raise ValueError(f"column {wanted.name!r}: expected {expected[wanted.kind]}, as in training, got {found}")
