"""A table: named columns of numbers, dates and categories, any of which may have gaps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbanet._checks import describe, did_you_mean, sequence

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any, Literal

    from numbanet._types import Array, ArrayLike, Shape

    Kind = Literal["number", "date", "category"]


class Column(NamedTuple):
    """What one column of a `Table` is.

    Attributes
    ----------
    name : str
    kind : {"number", "date", "category"}
        A date is the number of days since 1970.
    place : int
        Where it stands in the table's `codes`, if it is of categories, else in its `numbers`.
    categories : tuple of str
        Those that its codes number; of a category alone.
    form : str
        Of a date that was text: what its cells look like, as `datetime.strptime` takes it, or ``"ISO"``.
    """

    name: str
    kind: Kind
    place: int
    categories: tuple[str, ...] = ()
    form: str = ""


class Table:
    """Rows of named columns: numbers and dates in one array, codes of categories in another.

    `Table.from_frame` and `Table.from_arrays` make one of what is in memory, `numbanet.data.read_table` of a file.
    ``table[rows]`` are the rows of a slice, an array of places or of booleans, ``table[name]`` the values of a column.

    Parameters
    ----------
    columns : sequence of Column
        In the order of the table; each with another name.
    numbers : float64 ndarray of shape (N, numbers and dates)
        NaN where a value is missing; never infinite.
    codes : int32 ndarray of shape (N, categories)
        Places in the column's `categories`; -1 where the value is missing.
    notes : sequence of str
        What the columns were taken for.

    Raises
    ------
    ValueError
        For names that are there twice, and for infinite numbers; the message names column and row.
    """

    def __init__(self, columns: Sequence[Column], numbers: Array, codes: Array, notes: Sequence[str] = ()) -> None:
        self.columns, self.numbers, self.codes, self.notes = tuple(columns), numbers, codes, tuple(notes)
        self._places = {column.name: place for place, column in enumerate(self.columns)}
        if len(self._places) < len(self.columns):
            raise ValueError(f"names: {self._twice()!r} names two columns; expected every name once")
        if np.isinf(numbers).any():
            row, place = np.argwhere(np.isinf(numbers))[0]
            name = next(column.name for column in columns if column.kind != "category" and column.place == place)
            raise ValueError(
                f"column {name!r}: row {row} holds {numbers[row, place]}; expected finite numbers, or NaN where one "
                f"is missing"
            )

    @classmethod
    def from_frame(
        cls, frame: Any, *, categorical: Collection[str] = (), dates: Collection[str] = (), drop: Collection[str] = ()
    ) -> Table:
        """The columns of a data frame of pandas, polars, Arrow or what else narwhals reads (extra ``tables``).

        Numbers, also objects and decimals, are numbers, durations and times of day in seconds; strings that all are
        dates, as 2020-12-31, are dates; booleans, other strings and categories are categories; None, NaN, NaT and empty
        strings are missing. An index is left out.

        Parameters
        ----------
        frame : data frame
        categorical : names
            Columns of numbers or dates that are categories.
        dates : names, or mapping of names to forms
            Columns of strings that are dates; with the form of each, as `datetime.strptime` takes it, where it is not
            to be found out.
        drop : names
            Columns to leave out.

        Returns
        -------
        Table

        Raises
        ------
        TypeError
            For what is no frame, and for columns of lists, structures or bytes, by name.
        ValueError
            For a name that is there twice or not at all, infinite numbers, and dates that cannot be read.
        ImportError
            Where narwhals is not installed; the message says what to install.
        """
        from numbanet.data._frames import columns_of_frame, with_dates

        return collected(with_dates(columns_of_frame(frame, categorical, dates, drop), categorical))

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike | Mapping[str, ArrayLike],
        names: Sequence[str] | None = None,
        *,
        categorical: Collection[str] = (),
        dates: Collection[str] = (),
    ) -> Table:
        """The columns of an array, or arrays that are a column each.

        Parameters
        ----------
        X : array-like of shape (N, D), or mapping of names to arrays of shape (N,)
            Numbers, strings, datetimes, or objects that are any of these; NaN and None are missing.
        names : sequence of str, optional
            Of the columns of an array; by default x0, x1 and so on.
        categorical, dates : names
            As of `from_frame`.

        Returns
        -------
        Table
            Which shares the memory of `X`, where that is a float64 array.

        Raises
        ------
        TypeError, ValueError
            As `from_frame`, and for other shapes.
        """
        from numbanet.data._frames import columns_of_arrays, is_plain, with_dates

        if is_plain(X) and not categorical and not dates:
            X = np.asarray(X)
            columns = [Column(name, "number", place) for place, name in enumerate(_named(X, names))]
            return cls(columns, np.asarray(X, np.float64), np.empty((len(X), 0), np.int32))
        return collected(with_dates(columns_of_arrays(arrays_by_name(X, names), categorical, dates), categorical))

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns, in their order."""
        return tuple(self._places)

    @property
    def shape(self) -> Shape:
        """The numbers of rows and of columns."""
        return len(self.numbers), len(self.columns)

    @property
    def ndim(self) -> int:
        """2, as of an array."""
        return 2

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __repr__(self) -> str:
        shown = ", ".join(f"{c.name} ({c.kind})" for c in self.columns[:8]) + ", ..." * (len(self.columns) > 8)
        return f"<Table of {len(self):,} rows and {len(self.columns):,} columns: {shown}>"

    def column(self, name: str) -> Column:
        """What the column of that name is; KeyError where there is none."""
        if name not in self._places:
            raise KeyError(f"no column is named {name!r}{did_you_mean(name, self._places, repr)}")
        return self.columns[self._places[name]]

    def __getitem__(self, what: Any) -> Any:
        """The values of a column, by its name: floats, or strings and None as objects. Else the rows of an index."""
        if isinstance(what, str):
            column = self.column(what)
            if column.kind != "category":
                return self.numbers[:, column.place]
            return np.array([*column.categories, None], dtype=object)[self.codes[:, column.place]]
        if not isinstance(what, slice):
            what = np.atleast_1d(np.asarray(what))
            if what.ndim != 1 or (what.size and what.dtype.kind not in "biu"):
                raise TypeError(f"rows: expected a slice, places or booleans, got {describe(what)}")
            what = what if what.size else what.astype(np.int64)
        return Table(self.columns, self.numbers[what], self.codes[what], self.notes)

    def select(self, names: Iterable[str]) -> Table:
        """The columns of those names, in that order; KeyError for one that is not there."""
        wanted = [self.column(name) for name in names]
        if wanted == list(self.columns):
            return self
        numbers = [column.place for column in wanted if column.kind != "category"]
        codes = [column.place for column in wanted if column.kind == "category"]
        place = {True: iter(range(len(codes))), False: iter(range(len(numbers)))}
        columns = [column._replace(place=next(place[column.kind == "category"])) for column in wanted]
        return Table(columns, self.numbers[:, numbers], self.codes[:, codes], self.notes)

    def drop(self, names: Iterable[str]) -> Table:
        """All columns but those of these names; KeyError for one that is not there."""
        dropped = {self.column(name).name for name in names}
        return self.select(name for name in self.names if name not in dropped)

    def _twice(self) -> str:
        names = [column.name for column in self.columns]
        return next(name for name in names if names.count(name) > 1)


class Values(NamedTuple):
    """A column on its way into a `Table`: float64 numbers, or int32 codes of `categories`; `form` as of a `Column`."""

    name: str
    kind: Kind
    values: Array
    categories: tuple[str, ...] = ()
    form: str = ""


def as_table(X: Any, names: Sequence[str] | None = None) -> Table:
    """`X` as a `Table`: one as it is, a frame or a mapping with its names, an array with `names`."""
    if isinstance(X, Table):
        return X
    if is_frame(X):
        return Table.from_frame(X)
    return Table.from_arrays(X, names)


def is_frame(X: Any) -> bool:
    """Whether `X` is a data frame, of whichever library."""
    # Asked of the type: a lazy frame of polars warns where it is asked for its columns.
    return any(hasattr(type(X), name) for name in ("columns", "column_names", "__arrow_c_stream__"))


def collected(columns: Sequence[Values], rows: int | None = None, notes: Sequence[str] = ()) -> Table:
    """The Table of columns, all of the same length; `rows`, where there may be no columns."""
    rows = len(columns[0].values) if rows is None else rows
    for column in columns:
        if len(column.values) != rows:
            raise ValueError(f"column {column.name!r}: expected {rows} rows as in the first, got {len(column.values)}")
    kinds = [column.kind == "category" for column in columns]
    # Column by column in memory, as they are written here and as they are gone through in `fit`.
    numbers = np.empty((len(kinds) - sum(kinds), rows)).T
    codes = np.empty((sum(kinds), rows), np.int32).T
    made: list[Column] = []
    places = {True: 0, False: 0}
    for column, category in zip(columns, kinds, strict=True):
        place = places[category]
        (codes if category else numbers)[:, place] = column.values
        made.append(Column(column.name, column.kind, place, column.categories, column.form))
        places[category] += 1
    return Table(made, numbers, codes, notes)


def arrays_by_name(X: Any, names: Sequence[str] | None) -> Mapping[str, Any]:
    """Arrays that are a column each, by name: those of a mapping, or the columns of an array."""
    from numbanet.data._frames import as_array

    if hasattr(X, "keys"):
        if names is not None:
            raise ValueError("names: expected none beside a mapping, which has them")
        return X
    array = as_array(X)
    return dict(zip(_named(array, names), array.T, strict=True))


def _named(X: Any, names: Sequence[str] | None) -> list[str]:
    """The names of the columns of an array, which must be one of two axes."""
    if X.ndim != 2:
        raise ValueError(f"X: expected rows and columns, shape (N, D), got {X.shape}")
    if names is None:
        return [f"x{place}" for place in range(X.shape[1])]
    names = sequence("names", names, "names of columns")
    if len(names) != X.shape[1] or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names: expected a string for each of the {X.shape[1]} columns, got {len(names)}")
    return names
