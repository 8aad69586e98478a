"""Tables in files: delimited text, Parquet, Arrow, and NumPy's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from numbanet._checks import did_you_mean, one_of
from numbanet.data._arrow import read_arrow, read_parquet
from numbanet.data._files import naming
from numbanet.data._text_table import Wanted, check_columns, read_text_table
from numbanet.data.arrays import read_columns
from numbanet.data.table import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from numbanet._types import StrPath
    from numbanet.data.preprocessing import TablePreprocessor


_TEXT = (".csv", ".tsv", ".tab", ".txt", ".data")
_FRAMES = {".parquet": read_parquet, ".pq": read_parquet}
_FRAMES |= dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), read_arrow)
TABLE_ENDINGS = (*_TEXT, *_FRAMES, ".npz")


def read_table(
    path: StrPath,
    *,
    categorical: Collection[str] = (),
    drop: Collection[str] = (),
    dates: Collection[str] = (),
    header: bool | None = None,
    decimal: str | None = None,
    like: TablePreprocessor | None = None,
) -> Table:
    """Read a table with its numbers, dates, text and gaps; its `notes` say what was taken for what.

    Text may be separated by commas, semicolons, tabs, pipes or blanks, quoted, with a byte order mark, in lines of any
    ending, and packed by gzip. A column is numbers where all its cells are, be they 1.5 or 1,5; but cells such as 007
    are names. True and False are categories, dates (ISO 8601 and common forms) are numbers of days. Cells that are
    empty, NA, N/A, NaN, null, None, ? and the like are missing. A column without a name that tells the rows apart, as
    pandas and R write it, is left out.

    Parameters
    ----------
    path : str or path
        .csv, .tsv, .txt, each also with .gz behind it; .parquet, .arrow, .feather (extra ``tables``); or .npz with an
        array X of shape (N, D), or arrays of shape (N,) that are the columns.
    categorical, drop : names
        Columns that are categories, though they hold numbers; columns to leave out.
    dates : names, or mapping of names to forms
        Columns of dates, which are refused where they cannot be read as such; with their forms, as `datetime.strptime`
        takes them, where these are in doubt.
    header : bool, optional
        Whether the first row of text has the names of the columns. By default that is recognised, and refused where it
        is in doubt. Without, columns are called ``column 1`` and so on.
    decimal : {".", ","}, optional
        The sign of fractions in text, where it is in doubt.
    like : TablePreprocessor, optional
        Take the columns that it has learnt, as what they were in training, and leave others out.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        For a file that is missing, damaged, not UTF-8, empty; rows of another length; names that are there twice or
        not at all; infinite numbers; dates that are none. The message names the line and the column at fault.
    ImportError
        Where pyarrow or narwhals is needed and not installed.
    """
    wanted = Wanted(categorical, drop, dates, header, decimal)
    if like is not None:
        wanted = like_training(like, wanted)
    return read_wanted(path, wanted)


def like_training(like: TablePreprocessor, wanted: Wanted, others: Collection[str] = ()) -> Wanted:
    """The columns that `like` has learnt, as what they were then, and `others`."""
    return wanted._replace(
        categorical=(*like.categorical, *wanted.categorical),
        dates={
            **like.dates,
            **(wanted.dates if isinstance(wanted.dates, Mapping) else dict.fromkeys(wanted.dates, "")),
        },
        only=(*like.names, *others),
        known=(*like.names, *others),
    )


def read_wanted(path: StrPath, wanted: Wanted) -> Table:
    """The Table in a file, by the ending of its name; see `read_table`."""
    if wanted.decimal is not None:
        one_of("decimal", wanted.decimal, (".", ","))
    ending = table_ending(path)
    if ending in _TEXT:
        return read_text_table(path, wanted)
    if wanted.header is not None or wanted.decimal is not None:
        given = "header" if wanted.header is not None else "decimal"
        raise ValueError(f"{given}: only text has one, got {getattr(wanted, given)!r} for {path}")
    options: dict[str, Any] = {"categorical": wanted.categorical, "dates": wanted.dates}

    def chosen(names: Sequence[str]) -> list[str]:
        check_columns(path, wanted, names)
        return [name for name in names if name not in wanted.drop and (wanted.only is None or name in wanted.only)]

    if ending == ".npz":
        arrays = read_columns(path)
        with naming(path):
            return Table.from_arrays({name: arrays[name] for name in chosen(list(arrays))}, **options)
    frame = _FRAMES[ending](path, chosen)
    with naming(path):
        return Table.from_frame(frame, **options)


def table_ending(path: StrPath) -> str:
    """The ending of a table's file, in lower case and without that of gzip; ValueError where it is another's."""
    name = Path(path)
    endings = [ending.lower() for ending in name.suffixes]
    ending = endings[-1] if endings else ""
    if ending == ".gz" and len(endings) > 1 and endings[-2] in _TEXT:
        return endings[-2]
    if ending not in TABLE_ENDINGS:
        raise ValueError(
            f"path: expected a table, {', '.join(TABLE_ENDINGS)}, or text that gzip has packed (.csv.gz), got "
            f"{str(path)!r}{did_you_mean(ending, TABLE_ENDINGS)}"
        )
    return ending
