"""Dates that are text: which form they are in, and the days since 1970 that they mean."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numbanet._types import Array


ISO = "ISO"
_ISO = re.compile(r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?)(Z|[+-]\d\d:?\d\d)?")
_DATES = (
    *("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y"),
    *("%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_LIKELY = re.compile(r"\d{1,4}([-/. ])(\d{1,2}|[A-Za-z]{3,9})\1\d{2,4}\b|[A-Za-z]{3,9} \d{1,2},? \d{4}\b")
_EPOCH = datetime(1970, 1, 1)


def forms_of(texts: Sequence[str]) -> list[str]:
    """The forms in which all `texts` are dates: none, one, or two where it is open which number is the month."""
    if not texts:
        return []
    if _ISO.fullmatch(texts[0]):
        return [ISO] if all(map(_ISO.fullmatch, texts)) and _iso(texts) is not None else []
    if not _LIKELY.match(texts[0]):
        return []
    forms = [date + time for date in _DATES for time in _TIMES]
    for text in texts:
        forms = [form for form in forms if _parsed(text, form) is not None]
    # %b and %B both read May; %y reads the 20 of 2020 only with nothing behind it.
    return [form for form in forms if form.replace("%B", "%b") not in forms or "%B" not in form]


def parsed_dates(where: str, texts: Sequence[str], form: str = "") -> tuple[Array, str]:
    """The days since 1970 that texts mean, float64 of shape (len(texts),), and their form, where none is given.

    Raises
    ------
    ValueError
        For a text that is no date, and where the form is in doubt; the message begins with `where`.
    """
    if not form:
        forms = forms_of(texts)
        if len(forms) > 1:
            raise ValueError(
                f"{where}: may be dates as {' or as '.join(forms)}, such as {texts[0]!r}; say which, by "
                f"dates={{name: form}}"
            )
        form = forms[0] if forms else ISO
    days = _iso(texts) if form == ISO else _of_form(texts, form)
    if days is None:
        bad = next(text for text in texts if _days_or_none(text, form) is None)
        expected = "as 2020-12-31 or 2020-12-31 23:59" if form == ISO else f"of the form {form}"
        raise ValueError(f"{where}: expected dates {expected}, found {bad:.60}")
    return days, form


def _days_or_none(text: str, form: str) -> Array | None:
    return _iso([text]) if form == ISO else _of_form([text], form)


def _iso(texts: Sequence[str]) -> Array | None:
    """The days of ISO 8601 dates, with or without a time and its zone; None where one of them is none."""
    parts = [match.groups() if (match := _ISO.fullmatch(text)) else None for text in texts]
    if not all(parts):
        return None
    try:
        times = np.array([part[0][:26] for part in parts if part], "M8[us]")
    except ValueError:  # the 31st of February
        return None
    offsets = np.array([_minutes(part[1]) for part in parts if part], "m8[m]")
    return (times - offsets).astype(np.int64) / 86_400_000_000


def _minutes(zone: str | None) -> int:
    """By how many minutes a zone is ahead of UTC."""
    if not zone or zone == "Z":
        return 0
    minutes = 60 * int(zone[1:3]) + int(zone[-2:])
    return -minutes if zone[0] == "-" else minutes


def _of_form(texts: Sequence[str], form: str) -> Array | None:
    times = [_parsed(text, form) for text in texts]
    if not all(times):
        return None
    return np.array([(time - _EPOCH).total_seconds() / 86400 for time in times if time], np.float64)


def _parsed(text: str, form: str) -> datetime | None:
    try:
        time = datetime.strptime(text, form)
    except ValueError:
        return None
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time
