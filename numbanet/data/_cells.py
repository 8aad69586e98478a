"""The cells of a column of text as the values that they stand for: numbers, dates, or categories."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from numbanet.data._dates import forms_of, parsed_dates
from numbanet.data._frames import EXACT, categories_of_numbers
from numbanet.data.table import Values
from numbanet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numbanet._types import Array


# What pandas takes for missing, and the question mark of older collections.
MISSING = frozenset(
    [
        "",
        "?",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
    ]
    + ["NULL", "NaN", "None", "n/a", "nan", "null"]
)
_PADDED = re.compile(r"(?:^|\n)\s*[+-]?0\d")  # 007 is a name
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)?(?:,\d*)?(?:[eE][+-]?\d+)?")  # 1.234,5
_POINT = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d+)?")  # 1,234.5
_MOSTLY = 0.9


class Cells:
    """The cells of one column, as they come, a block of rows after the other.

    As long as all are numbers they are kept as such, else as codes of the texts that there are.

    Attributes
    ----------
    name : str
    ended : bool
        Whether text came after numbers, which have not been kept as text: the column must be read again, with `text`.
    """

    def __init__(self, name: str, text: bool = False) -> None:
        self.name, self.text, self.ended = name, text, False
        self._blocks: list[Array] = []
        self._codes: defaultdict[str, int] = defaultdict(count().__next__)
        self._numbers = False

    def add(self, cells: Sequence[str]) -> None:
        """Take the cells of the next rows."""
        if self.ended:
            return
        if not self.text:
            values = numbers_of(cells)
            if values is not None:
                self._numbers = self._numbers or not np.isnan(values).all()
                return self._blocks.append(values)
            if self._numbers:
                self.ended, self._blocks = True, []
                return None
            self.text = True  # after nothing but missing cells
            self._blocks = [np.full(len(block), self._codes[""], np.int32) for block in self._blocks]
        codes = self._codes
        return self._blocks.append(np.array([codes[cell] for cell in cells], np.int32))

    def values(self) -> Array | None:
        """The numbers of all rows; None where some are text."""
        return None if self.text else np.concatenate(self._blocks)

    def texts(self) -> tuple[Array, list[str]]:
        """For each row the code of its text, -1 where it is missing, and the texts, without blanks around them."""
        codes: dict[str, int] = {}
        lookup = []
        for cell in self._codes:
            text = cell.strip()
            lookup.append(-1 if text in MISSING else codes.setdefault(text, len(codes)))
        return np.array(lookup, np.int32)[np.concatenate(self._blocks)], list(codes)


def numbers_of(cells: Sequence[str]) -> Array | None:
    """The numbers in `cells`, NaN where one is missing; None where one is text, a name such as 007 among it."""
    joined = "\n".join(cells)
    if "_" in joined or (("\n0" in joined or joined[:1] in "+-0 ") and _PADDED.search(joined)):
        return None  # Python reads 1_000 as a number; a file does not mean it
    nan = math.nan
    for numbers in (  # each only where the one before fails
        lambda: list(map(float, cells)),
        lambda: [nan if cell in MISSING else float(cell) for cell in cells],
        lambda: [nan if cell.strip() in MISSING else float(cell) for cell in cells],
    ):
        try:
            return np.array(numbers())
        except ValueError:
            pass
    return None


def numbers_in(cells: Sequence[str]) -> Array | None:
    """What `numbers_of` gives, and the numbers that have commas in them, as far as can be told from these."""
    numbers = numbers_of(cells)
    if numbers is None:
        there = [cell for cell in map(str.strip, cells) if cell not in MISSING]
        numbers = _numbers_with_commas("", there, None, ";")
    return numbers


def column_of_text(
    name: str, codes: Array, texts: list[str], decimal: str | None, separator: str
) -> tuple[Values, str]:
    """What a column of text holds, and a note on it where there is something to say.

    `texts` are what stands there, `codes` which of them each row holds, `decimal` the sign of fractions, where it is
    known, and `separator` that of the file.
    """
    numbers = _numbers_with_commas(name, texts, decimal, separator)
    if numbers is not None:
        return Values(name, "number", np.append(numbers, np.nan)[codes]), ""
    if texts and all(text.lower() in ("true", "false") for text in texts):
        lookup = np.array([*(int(text.lower() == "true") for text in texts), -1], np.int32)
        return Values(name, "category", lookup[codes], ("False", "True")), ""
    forms = forms_of(texts)
    if len(forms) == 1:
        days, form = parsed_dates(name, texts, forms[0])
        return Values(name, "date", np.append(days, np.nan)[codes], form=form), f"{name}: dates ({form})"
    note = _note_on_text(name, codes, texts)
    if forms:
        note = f"{name}: text, as it may be dates as {' or as '.join(forms)}; say which, by dates={{name: form}}"
    return category_of_text(name, codes, texts), note


def category_of_text(name: str, codes: Array, texts: list[str]) -> Values:
    """Text as a category, sorted; numbers by their value and under one name, 5 for 5.0.

    But numbers of more digits than a float64 has stay as they are written.
    """
    numbers = numbers_of(texts) if texts else None
    if numbers is None or (np.abs(numbers) >= EXACT).any():
        return as_written(name, codes, texts)
    places, categories = categories_of_numbers(numbers)
    return Values(name, "category", np.append(places, np.int32(-1))[codes], categories)


def as_written(name: str, codes: Array, texts: list[str]) -> Values:
    """Text as a category, sorted."""
    order = sorted(range(len(texts)), key=texts.__getitem__)
    lookup = np.full(len(texts) + 1, -1, np.int32)
    lookup[order] = np.arange(len(texts))
    return Values(name, "category", lookup[codes], tuple(texts[place] for place in order))


def _numbers_with_commas(name: str, texts: list[str], decimal: str | None, separator: str) -> Array | None:
    """The numbers that texts with commas are, in fractions (1,5) or between thousands (1,000); None where one is not.

    DataError where they may be either.
    """
    if not any("," in text for text in texts):
        return None
    fractions = decimal != "." and all(map(_COMMA.fullmatch, texts))
    thousands = decimal != "," and all(map(_POINT.fullmatch, texts))
    if fractions and thousands:
        if separator != ";":  # which stands between cells where commas stand in fractions
            shown = next(text for text in texts if "," in text)
            raise DataError(f"{name}: holds {shown!r}, which may be a fraction or thousands; say decimal=',' or '.'")
        thousands = False
    if fractions:
        plain = [text.replace(".", "").replace(",", ".") for text in texts]
    elif thousands:
        plain = [text.replace(",", "") for text in texts]
    else:
        return None
    try:
        return np.array([float(text) for text in plain])
    except ValueError:  # a comma alone
        return None


def _note_on_text(name: str, codes: Array, texts: list[str]) -> str:
    """What to say of text that is numbers in nearly every row."""
    words = np.array([numbers_of([text]) is None for text in texts])
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    found = int(counts[words].sum()) if len(texts) else 0
    if not found or found > (1 - _MOSTLY) * counts.sum() or not (~words).any():
        return ""
    bad = texts[int(np.argmax(words))]
    return f"{name}: text, as {found:,} of its {counts.sum():,} cells are no numbers, such as {bad!r:.60}"
