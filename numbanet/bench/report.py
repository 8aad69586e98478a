"""What ``numbanet bench`` shows: rows of measurements as text and as Markdown."""

from dataclasses import dataclass
from statistics import geometric_mean

import numpy as np

NAMES = {"reference": "reference", "torch": "torch", "jax": "JAX", "jax_scan": "JAX scan", "sklearn": "scikit-learn"}
START, END = "<!-- numbanet bench -->", "<!-- end of numbanet bench -->"


@dataclass(frozen=True)
class Row:
    """One line: what was measured, and what each library took.

    Attributes
    ----------
    name, size : str
    seconds : dict
        By library, "kernels" among them.
    rate : float, or None
        What the kernels do in a second, in `unit`s.
    unit : str
    peak : float, or None
        The same of the machine.
    limit : float, or None
        The least seconds that it could take; see `limits`.
    """

    name: str
    size: str
    seconds: dict
    rate: float | None = None
    unit: str = ""
    peak: float | None = None
    limit: float | None = None

    def ratio(self, library):
        """How many times as long as the kernels a library takes; None where it was not measured."""
        return self.seconds[library] / self.seconds["kernels"] if library in self.seconds else None


def figure(value):
    """Three digits, and never an exponent."""
    return np.format_float_positional(value, 3, unique=False, fractional=False, trim="-")


def time_text(seconds):
    """Three digits and a unit."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 0.9995:  # which are the three digits of 1
            return f"{figure(seconds * factor)} {unit}"
    return f"{figure(seconds * 1e6)} µs"


def cells(row, libraries):
    """The row's columns as text."""
    rate = "" if row.rate is None else f"{figure(row.rate / 1e9)} {row.unit}"
    share = "" if row.peak is None else f"{row.rate / row.peak:.0%}"
    of_limit = "" if row.limit is None else f"{row.limit / row.seconds['kernels']:.0%}"
    ratios = (row.ratio(library) for library in libraries)
    return [
        *(row.name, row.size, time_text(row.seconds["kernels"]), rate, share, of_limit),
        *("" if ratio is None else f"{figure(ratio)}x" for ratio in ratios),
    ]


def header(libraries):
    return ["", "size", "numbanet", "rate", "of peak", "of limit", *(NAMES[library] for library in libraries)]


WIDTHS = (44, 15, 9, 13, 8, 9)


def line(columns):
    """Columns as a line for a terminal."""
    return "".join(
        f"{column:<{width}}" if i < 2 else f"{column:>{width}}"
        for i, (column, width) in enumerate(zip(columns, (*WIDTHS, *[13] * len(columns)), strict=False))
    ).rstrip()


def means(rows, libraries):
    """A line with the geometric mean of the ratios to each library."""
    texts = []
    for library in libraries:
        ratios = [ratio for row in rows if (ratio := row.ratio(library)) is not None]
        if ratios:
            texts.append(f"{NAMES[library]} {figure(geometric_mean(ratios))}x")
    return f"geometric mean of the time they take, numbanet 1: {', '.join(texts)}" if texts else ""


def markdown(about, rows, libraries):
    """The whole report as Markdown."""
    used = [library for library in libraries if any(library in row.seconds for row in rows)]
    table = [header(used), ["---", "---", *["--:"] * (len(header(used)) - 2)], *(cells(row, used) for row in rows)]
    lines = [f"| {' | '.join(columns)} |" for columns in table]
    return "\n".join([*about, "", *lines, "", means(rows, used)]).strip() + "\n"


def between_markers(text, report):
    """`text` with what stands between the two markers replaced; None where it has no such place."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    return f"{before}{start}\n{report}{end}{after}" if start and end else None
