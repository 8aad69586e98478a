"""What the columns of data frames and of arrays are, as the values of a table."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from numbanet._checks import describe, did_you_mean
from numbanet.data._dates import forms_of, parsed_dates
from numbanet.data.table import Values
from numbanet.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any

    from numbanet._types import Array


_DAY = np.timedelta64(1, "D")
EXACT = 2**53  # below which every integer is a float64
_FEW = 512  # rows, up to which a loop of Python is faster than Arrow's
_FEWEST = 16  # up to which values are faster looked at than dtypes


def is_plain(X: Any) -> bool:
    """Whether `X` is an array of numbers with two axes."""
    return type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "iuf" and X.dtype.itemsize <= 8


def as_array(X: Any) -> Array:
    """`X` as an array, of objects where it is lists: of strings among numbers NumPy would make strings of all.

    What is masked is missing. TypeError for sparse matrices.
    """
    if hasattr(X, "tocsr"):
        raise TypeError("X: sparse matrices hold no table; make it dense first: X.toarray()")
    if isinstance(X, np.ma.MaskedArray):
        array = np.ma.getdata(X).astype(object)
        array[np.ma.getmaskarray(X)] = None
        return array
    if hasattr(X, "__array__"):
        return np.asarray(X)
    try:
        return np.array(X, dtype=object)
    except ValueError as error:
        raise ValueError(f"X: expected rows and columns ({error})") from None


def columns_of_rows(frame: Any, only: Collection[str]) -> list[Values]:
    """What `columns_of_frame` gives of a frame to predict: by its values, where asking for dtypes would take longer."""
    kind = type(frame).__module__.partition(".")[0]
    names = list(map(str, frame.columns)) if kind in ("pandas", "polars") and len(frame) <= _FEWEST else []
    if not names or len(set(names)) < len(names):
        return columns_of_frame(frame, only=only)
    columns = frame.to_numpy().T if kind == "pandas" else list(frame.to_dict(as_series=False).values())
    if isinstance(columns, np.ndarray) and columns.dtype.kind != "O":
        return [_of_array(name, column) for name, column in zip(names, columns, strict=True) if name in only]
    # Categories of pandas may be of numbers, which their values do not tell.
    categorical = [
        name for name, dtype in zip(names, frame.dtypes, strict=True) if type(dtype).__name__ == "CategoricalDtype"
    ]
    found = [_of_objects(name, list(column)) for name, column in zip(names, columns, strict=True) if name in only]
    return [said(column, categorical, ()) for column in found] if categorical else found


def columns_of_frame(
    frame: Any,
    categorical: Collection[str] = (),
    dates: Collection[str] = (),
    drop: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[Values]:
    """The columns of a data frame, or `only` those of these names; see `Table.from_frame`."""
    nw = _narwhals()
    if hasattr(frame, "collect") and not hasattr(frame, "to_numpy"):
        raise TypeError(f"frame: expected a data frame in memory, got {type(frame).__name__}; collect() it first")
    given: list[Any] = list(getattr(frame, "column_names", getattr(frame, "columns", ())))
    names = [str(name) for name in given]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"frame: two columns are named {twice!r}; expected every name once")
    try:
        frame = nw.from_native(frame, eager_only=True)
    except TypeError:
        raise TypeError(f"frame: expected a data frame of pandas, polars or Arrow, got {describe(frame)}") from None
    check_names("categorical", categorical, names)
    check_names("dates", dates, names)
    check_names("drop", drop, names)
    return [
        said(_of_series(nw, name, frame.get_column(key), name in categorical), categorical, dates)
        for name, key in zip(names, given, strict=True)
        if name not in drop and (only is None or name in only)
    ]


def columns_of_arrays(
    arrays: Mapping[str, Any], categorical: Collection[str] = (), dates: Collection[str] = ()
) -> list[Values]:
    """The columns of arrays of one axis; see `Table.from_arrays`."""
    check_names("categorical", categorical, arrays)
    check_names("dates", dates, arrays)
    columns = []
    for name, array in arrays.items():
        array = as_array(array)
        if array.ndim != 1:
            raise ValueError(f"column {name!r}: expected one axis, got shape {array.shape}")
        columns.append(said(_of_array(str(name), array, name in categorical), categorical, dates))
    return columns


def check_names(argument: str, given: Iterable[str], known: Collection[str]) -> None:
    """ValueError for a name of a column that is not there; TypeError for a string in the place of a list."""
    if isinstance(given, str):
        raise TypeError(f"{argument}: expected a list of names, got {given!r}")
    for name in given:
        if name not in known:
            raise ValueError(f"{argument}: no column is named {name!r}{did_you_mean(name, known, repr)}")


def said(column: Values, categorical: Collection[str], dates: Collection[str]) -> Values:
    """A column as the caller says it is: numbers as categories, text as dates."""
    if column.name in categorical and column.kind == "number":
        return Values(column.name, "category", *categories_of_numbers(column.values))
    if column.name in dates and column.kind != "date":
        if column.kind == "number" and not np.isnan(column.values).all():
            raise ValueError(f"column {column.name!r}: expected dates, found numbers")
        return dates_of_categories(column, dates[column.name] if isinstance(dates, Mapping) else "")
    return column


def with_dates(columns: Sequence[Values], categorical: Collection[str]) -> list[Values]:
    """The columns; text that is dates without doubt as dates, but for columns that are said to be categories."""
    found = []
    for column in columns:
        text = column.kind == "category" and column.name not in categorical
        forms = forms_of(column.categories) if text else []
        found.append(dates_of_categories(column, forms[0]) if len(forms) == 1 else column)
    return found


def categories_of_numbers(values: Array) -> tuple[Array, tuple[str, ...]]:
    """Numbers as codes of categories, which are called what `text_of` calls the numbers."""
    codes = np.full(len(values), -1, np.int32)
    there = ~np.isnan(values)
    distinct, codes[there] = np.unique(values[there], return_inverse=True)
    return codes, tuple(map(text_of, distinct.tolist()))


def dates_of_categories(column: Values, form: str = "") -> Values:
    """Text as dates; ValueError where some of it is none."""
    days, form = parsed_dates(f"column {column.name!r}", column.categories, form)
    return Values(column.name, "date", np.append(days, np.nan)[column.values.astype(np.int64)], form=form)


def text_of(value: Any) -> str:
    """The name of a value as a category: the same for 5 and 5.0, which gaps make of a column of integers."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)) and value == np.floor(value) and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, (np.generic, bytes)):
        return text_of(value.item()) if isinstance(value, np.generic) else value.decode()
    return str(value)


def encoded(values: Iterable[Any]) -> tuple[Array, tuple[str, ...]]:
    """The codes of objects as categories, and those sorted; -1 where one is missing."""
    index: dict[Any, int] = {}
    found = [index.setdefault(value, len(index)) for value in values]
    return _sorted(np.array(found, np.int64), list(index))


def _sorted(codes: Array, values: Sequence[Any]) -> tuple[Array, tuple[str, ...]]:
    """Codes of any values as codes of their texts in sorted order, without those that are missing."""
    texts = [None if _is_missing(value) else text_of(value) for value in values]
    categories = tuple(sorted({text for text in texts if text is not None}))
    place = {text: code for code, text in enumerate(categories)}
    lookup = np.array([*(-1 if text is None else place[text] for text in texts), -1], np.int32)  # last: of code -1
    return lookup[codes], categories


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):  # pandas', which do not say what they equal
        return True
    return isinstance(value, (float, np.floating, decimal.Decimal)) and bool(value != value)


def _of_array(name: str, array: Array, categorical: bool = False) -> Values:
    """A column of an array; integers that are categories by their digits, of which float64 may not hold all."""
    kind = array.dtype.kind
    if categorical and kind in "iu":
        distinct, codes = np.unique(array, return_inverse=True)
        return Values(name, "category", codes.astype(np.int32), tuple(map(text_of, distinct.tolist())))
    if kind in "iuf" and array.dtype.itemsize <= 8:
        return Values(name, "number", array.astype(np.float64, copy=False))
    if kind == "b":
        return Values(name, "category", array.astype(np.int32), ("False", "True"))
    if kind == "M":
        return Values(name, "date", _days(array))
    if kind == "m":
        return Values(name, "number", _seconds(array))
    if kind in "UST":
        return Values(name, "category", *encoded(array.tolist()))
    if kind == "O":
        return _of_objects(name, array.tolist(), categorical)
    raise TypeError(f"column {name!r}: expected numbers, strings, booleans or dates, got dtype {array.dtype}")


def _days(times: Array) -> Array:
    days = times.astype("M8[D]")
    return np.where(np.isnat(times), np.nan, days.astype(np.int64) + (times - days) / _DAY)


def _seconds(spans: Array) -> Array:
    return np.where(np.isnat(spans), np.nan, spans / np.timedelta64(1, "s"))


def _of_objects(name: str, values: list[Any], categorical: bool = False) -> Values:
    """A column of objects: numbers, booleans, dates or text, each beside what is missing."""
    there = [value for value in values if not _is_missing(value)]
    kinds = {type(value) for value in there}
    if all(issubclass(kind, (bool, np.bool_)) for kind in kinds) and kinds:
        codes = [-1 if _is_missing(value) else int(value) for value in values]
        return Values(name, "category", np.array(codes, np.int32), ("False", "True"))
    if categorical and all(issubclass(kind, numbers.Integral) for kind in kinds):
        return Values(name, "category", *encoded(values))
    if all(issubclass(kind, (numbers.Real, decimal.Decimal, np.bool_)) for kind in kinds):
        return Values(name, "number", np.array([np.nan if _is_missing(v) else float(v) for v in values], np.float64))
    if all(issubclass(kind, (datetime.date, np.datetime64)) for kind in kinds):
        return Values(name, "date", _days(_datetimes(None if _is_missing(value) else value for value in values)))
    if all(issubclass(kind, (datetime.timedelta, datetime.time)) for kind in kinds):
        return Values(name, "number", np.array([_in_seconds(value) for value in values], np.float64))
    for row, value in enumerate(values):
        if not isinstance(value, (str, bytes, numbers.Real, np.bool_, datetime.date)) and not _is_missing(value):
            raise TypeError(f"column {name!r}: expected numbers, strings or dates, got {describe(value)} in row {row}")
    return Values(name, "category", *encoded(values))


def _datetimes(values: Iterable[Any]) -> Array:
    utc = datetime.timezone.utc
    plain = (
        value.astimezone(utc).replace(tzinfo=None) if getattr(value, "tzinfo", None) is not None else value
        for value in values
    )
    return np.array(list(plain), "M8[us]")


def _of_series(nw: Any, name: str, series: Any, categorical: bool) -> Values:
    """A column of narwhals, by its dtype."""
    dtype = series.dtype
    if dtype.is_numeric():
        if dtype == nw.Decimal:
            series = series.cast(nw.Float64)
        if categorical and dtype.is_integer():
            values = series.to_numpy()
            exact = values.dtype.kind in "iu"
            return _of_array(name, values, True) if exact else Values(name, "category", *encoded(series.to_list()))
        return Values(name, "number", np.asarray(series.to_numpy(), np.float64))
    if dtype == nw.Boolean:
        values = series.to_numpy()
        return _of_array(name, values) if values.dtype == bool else _of_objects(name, series.to_list())
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return Values(name, "category", *_encoded_series(nw, series))
    if dtype in (nw.Datetime, nw.Date):
        if getattr(dtype, "time_zone", None) is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        values = series.to_numpy()
        return Values(name, "date", _days(values if values.dtype.kind == "M" else _datetimes(series.to_list())))
    if dtype == nw.Duration:
        return Values(name, "number", _seconds(np.asarray(series.to_numpy(), "m8[us]")))
    if dtype == nw.Time:
        return _of_objects(name, series.to_list())
    if dtype == nw.Object or series.is_null().all():
        return _of_objects(name, series.to_list())
    raise TypeError(f"column {name!r}: expected numbers, strings, booleans or dates, got {dtype}")


def _in_seconds(value: Any) -> float:
    """A span of time, or one of day."""
    if _is_missing(value):
        return np.nan
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6


def _encoded_series(nw: Any, series: Any) -> tuple[Array, tuple[str, ...]]:
    """The codes of a column of text; many rows by Arrow, which loops in C++."""
    if len(series) > _FEW:
        try:
            array = series.cast(nw.String).to_arrow().combine_chunks().dictionary_encode()
        except Exception:  # without pyarrow, and for what it cannot hold
            pass
        else:
            array = array.combine_chunks() if hasattr(array, "combine_chunks") else array
            codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            return _sorted(codes.astype(np.int64), array.dictionary.to_pylist())
    return encoded(series.to_list())


def _narwhals() -> Any:
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError:
        raise MissingExtraError("reading data frames needs narwhals (extra 'tables'): pip install narwhals") from None
    return narwhals
