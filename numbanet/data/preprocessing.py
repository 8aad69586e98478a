"""What a table is turned into for a network: scaled numbers, one-hot columns, codes of categories."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbanet._checks import float_dtype, integer, number, one_of
from numbanet.data._frames import columns_of_arrays, columns_of_rows, is_plain
from numbanet.data._learnt import Category, Number, check_names, numbers_in
from numbanet.data._scaling import robust, robust_of_signs, smoothly_clipped, standard
from numbanet.data.remarks import remarks
from numbanet.data.table import Column, Table, arrays_by_name, as_table, collected, is_frame

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
        self._categories, counts = [], []
        for column in table.columns:
            if column.kind == "category":
                learnt, count = Category.learn(column, table.codes[:, column.place], self.min_count)
                self._categories.append(learnt)
                counts.append(count)
        self._scale_one_hot(counts)
        self.notes = remarks(table)
        return self._prepared()

    def _scale_one_hot(self, counts: list[Array]) -> None:
        """Learn how the columns of 1, 0 and -1 are scaled, from how often each of them is which."""
        gaps = self._missing[self._missing > 0]
        signs = [np.stack([0 * gaps, self.rows - gaps, gaps])]  # how often -1, 0 and 1
        for learnt, count in zip(self._categories, counts, strict=True):
            if not self._embeds(learnt):
                plain = learnt.one_hot()
                signs.append(np.stack([count @ (plain == sign) for sign in (-1, 0, 1)]))
        minus, zero, plus = np.concatenate(signs, axis=1)
        self._one_hot_center, self._one_hot_factor = np.zeros(len(minus)), np.ones(len(minus))
        if self.numbers == "robust":
            self._one_hot_center, self._one_hot_factor = robust_of_signs(minus, zero, plus)

    def _embeds(self, learnt: Category) -> bool:
        return self.max_one_hot is not None and learnt.size > self.max_one_hot

    def _prepared(self) -> TablePreprocessor:
        """Itself, with what `transform` needs made of what was learnt."""
        self._gaps = np.flatnonzero(self._missing)
        place = len(self._gaps)
        self._gap_values = self._scaled_one_hot(np.stack([np.zeros(place), np.ones(place)]), slice(0, place))
        self._one_hot: list[tuple[Category, slice, Array]] = []
        self._embedded = [learnt for learnt in self._categories if self._embeds(learnt)]
        for learnt in self._categories:
            if not self._embeds(learnt):
                plain = learnt.one_hot()
                part = slice(place, place + plain.shape[1])
                self._one_hot.append((learnt, part, self._scaled_one_hot(plain, part)))
                place = part.stop
        self.layout = Layout(len(self._fill), place, tuple(learnt.size for learnt in self._embedded))
        self._numbers = [
            Number(column.name, column.kind, column.form, bool(self._missing[column.place] == self.rows))
            for column in self.columns
            if column.kind != "category"
        ]
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
        check_names(table, self.names)
        numbers = numbers_in(table, self._numbers)
        codes = [learnt.codes_in(table) for learnt in (*(learnt for learnt, _, _ in self._one_hot), *self._embedded)]
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
        """`X` as a Table: a frame without the columns that training had not, an array with the names of those.

        Text stays text, whatever it looks like: `transform` knows which columns were dates.
        """
        if not self.columns:
            raise ValueError("TablePreprocessor: has learnt nothing yet; call fit with the training rows first")
        if isinstance(X, Table):
            return X
        if is_frame(X):
            return collected(columns_of_rows(X, self._known), rows=len(X))
        if hasattr(X, "keys"):
            return collected(columns_of_arrays(X))
        shape = np.shape(X) if not hasattr(X, "shape") else X.shape
        if len(shape) == 2 and shape[1] != len(self.columns):
            raise ValueError(f"X: expected {len(self.columns)} columns, as in training, got {shape[1]}")
        if is_plain(X):
            return Table.from_arrays(X, self.names)
        return collected(columns_of_arrays(arrays_by_name(X, self.names)))

    def unseen(self, X: Any) -> dict[str, int]:
        """In how many rows each column holds a category that training had too rarely, or not at all; without zeros."""
        table = self.table(X)
        counts = {learnt.name: learnt.unseen_in(table) for learnt in self._categories}
        return {name: count for name, count in counts.items() if count}

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of the columns that `transform` gives: ``age``, ``age missing``, ``tree=ash``."""
        numbers = [column.name for column in self.columns if column.kind != "category"]
        names = [*numbers, *(f"{numbers[place]} missing" for place in self._gaps)]
        for learnt, _, _ in self._one_hot:
            names += learnt.one_hot_names()
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

    def _in_words(self, column: Column, learnt: Category | None) -> str:
        if learnt is not None:
            values = ", ".join(learnt.categories[:5]) + ", ..." * (len(learnt.categories) > 5)
            rare = ", rare ones taken together" * learnt.rare
            how = "embedded" if self._embeds(learnt) else "one-hot"
            noun = "category" if len(learnt.categories) == 1 else "categories"
            return f"{len(learnt.categories):,} {noun}, {how}: {values}{rare}"
        place = column.place
        if self._missing[place] == self.rows:
            return f"{column.kind}, missing in every row"
        fill, factor, missing = self._fill[place], self._factor[place], self._missing[place]
        typical = "mean" if self.numbers == "standard" else "median"
        value = str(np.datetime64(0, "D") + math.floor(fill)) if column.kind == "date" else f"{fill:.6g}"
        scale = ", never varies" if not factor else "" if self.numbers == "none" else f", scale {1 / factor:.6g}"
        return f"{column.kind}, {typical} {value}{scale}" + f", {missing:,} missing" * bool(missing)

    def to_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What it is and has learnt: a dict for JSON, and arrays (categories among them, as UTF-8)."""
        options = {"numbers": self.numbers, "clip": self.clip, "max_one_hot": self.max_one_hot}
        header = {**options, "min_count": self.min_count, "dtype": self.dtype.name, "rows": self.rows}
        learnt = {
            "columns": [[column.name, column.kind, column.form] for column in self.columns],
            "categories": [[learnt.name, learnt.categories, learnt.rare] for learnt in self._categories],
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
            self._categories = [Category(*category) for category in learnt["categories"]]
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
