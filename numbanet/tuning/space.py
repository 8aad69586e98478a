"""A search space in plain terms: choices, ranges and ranges of magnitudes, from Python, a command line or a file."""

from __future__ import annotations

import itertools
import json
import math
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .._checks import describe, did_you_mean, integer, mapping, number, sequence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .._types import StrPath


DIGITS = 4  # significant ones of a number that is drawn, so that what is told of it is all of it
MOST_POINTS = 100_000  # of a grid
_FORMS = (
    "a list of choices, a range (low, high), (low, high, 'log') or (low, high, step), or text such as '1e-4..1:log'"
)
_PARTS = ("low", "high", "log", "step")
_WORDS = {"true": True, "false": False, "none": None}


class Choices(NamedTuple):
    """One of several values, which may be anything.

    Attributes
    ----------
    labels : tuple of str, int, float, bool or None
        What each value is called where it is written down, all different.
    values : tuple
    """

    labels: tuple[Any, ...]
    values: tuple[Any, ...]

    def value(self, drawn: Any) -> Any:
        """The value of a label that was drawn."""
        return next(value for label, value in zip(self.labels, self.values, strict=True) if _same(label, drawn))

    def points(self, name: str) -> Sequence[Any]:
        """All that may be drawn."""
        return self.labels

    def to_json(self) -> Any:
        return {"choices": list(self.labels)}


class Range(NamedTuple):
    """Numbers from `low` to `high`, both among them: whole ones where both are; evenly by magnitude where `log`."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether the numbers are whole."""
        return isinstance(self.low, int)

    def value(self, drawn: float) -> float:
        """What is trained with: a float that was drawn, to four digits."""
        if self.whole or self.step is not None:
            return drawn
        return min(max(float(f"{drawn:.{DIGITS}g}"), self.low), self.high)

    def points(self, name: str) -> Sequence[Any]:
        """All that may be drawn; ValueError where these are no finite number."""
        if self.log or (self.step is None and not self.whole):
            raise ValueError(f"space: {name}: a grid needs choices, or a range with a step; got {self.to_json()}")
        step = 1 if self.step is None else self.step
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        if count > MOST_POINTS:
            raise ValueError(f"space: {name}: a grid of {count:,} points; expected at most {MOST_POINTS:,}")
        return [self.low + place * step for place in range(count)]

    def to_json(self) -> Any:
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


class Space:
    """What the values of a trial are drawn from.

    Parameters
    ----------
    given : dict
        By name: a list of choices; a range ``(low, high)``, of whole numbers where both are, ``(low, high, "log")`` or
        ``(low, high, step)``; the same as a dict with `low`, `high`, `log` and `step`; or as text, "64|128|256",
        "1e-4..1e-1:log", "0.0..0.5:0.1".
    as_text : bool
        Whether choices that are given as text stay text, as on the command line, or become what they look like.

    Raises
    ------
    TypeError, ValueError
        Where one is none of these; the message names it.
    """

    def __init__(self, given: Mapping[str, Any], as_text: bool = False) -> None:
        mapping("space", given, "choices and ranges by name")
        if not given:
            raise ValueError("space: expected at least one name with its choices or its range, got none")
        self.parts: dict[str, Choices | Range] = {}
        for name, value in given.items():
            if not isinstance(name, str):
                raise TypeError(f"space: expected names, got {describe(name)}")
            self.parts[name] = _part(f"space: {name}", value, as_text)

    def distributions(self) -> dict[str, Any]:
        """What Optuna draws from."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        found: dict[str, Any] = {}
        for name, part in self.parts.items():
            if isinstance(part, Choices):
                found[name] = CategoricalDistribution(part.labels)
            elif part.whole:
                bounds: Any = part.low, part.high, part.log, part.step or 1  # whole numbers
                found[name] = IntDistribution(*bounds)
            else:
                found[name] = FloatDistribution(part.low, part.high, part.log, part.step)
        return found

    def values(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """What a trial trains with, by name, of what was drawn."""
        return {name: part.value(drawn[name]) for name, part in self.parts.items()}

    def grid(self) -> list[dict[str, Any]]:
        """All that can be drawn; ValueError where that is too much or without end."""
        points = {name: part.points(name) for name, part in self.parts.items()}
        count = math.prod(map(len, points.values()))
        if count > MOST_POINTS:
            raise ValueError(f"space: a grid of {count:,} points; expected at most {MOST_POINTS:,}")
        return [dict(zip(points, point, strict=True)) for point in itertools.product(*points.values())]

    def to_json(self) -> dict[str, Any]:
        """What tells it from others, as JSON can hold it."""
        return {name: part.to_json() for name, part in self.parts.items()}


def _part(name: str, value: Any, as_text: bool) -> Choices | Range:
    if isinstance(value, str):
        return _of_text(name, value, as_text)
    if isinstance(value, dict):
        for key in value:
            if key not in _PARTS:
                raise ValueError(f"{name}: expected {', '.join(_PARTS)}, got {key!r}{did_you_mean(key, _PARTS, repr)}")
        if not {"low", "high"} <= set(value):
            raise ValueError(f"{name}: expected low and high, got {describe(value)}")
        return _range(name, value["low"], value["high"], value.get("log", False), value.get("step"))
    if isinstance(value, tuple):
        if len(value) not in (2, 3):
            raise ValueError(f"{name}: expected {_FORMS}; got {describe(value)}")
        low, high, *more = value
        if more and isinstance(more[0], str) and more[0] != "log":
            raise ValueError(f"{name}: expected 'log' or a step, got {more[0]!r}")
        log = more == ["log"]
        return _range(name, low, high, log, None if log or not more else more[0])
    if isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected {_FORMS}; got {describe(value)}")
    return _choices(name, sequence(name, value, "choices"))


def _choices(name: str, values: list[Any]) -> Choices:
    labels = tuple(_label(value) for value in values)
    if not labels:
        raise ValueError(f"{name}: expected at least one choice, got none")
    for place, label in enumerate(labels):
        if any(_same(label, earlier) for earlier in labels[:place]):
            raise ValueError(f"{name}: the choice {label!r} is there twice")
    return Choices(labels, tuple(values))


def _same(one: Any, other: Any) -> bool:
    """Whether two labels are one; True is not 1 here."""
    return type(one) is type(other) and one == other


def _label(value: Any) -> Any:
    """What a choice is called: itself, where Optuna can store it."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return getattr(value, "__name__", None) or repr(value)


def _range(name: str, low: Any, high: Any, log: Any, step: Any) -> Range:
    if not isinstance(log, bool):
        raise TypeError(f"{name}: log: expected True or False, got {describe(log)}")
    numbers = [low, high] if step is None else [low, high, step]
    if all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
        low, high, step = integer(name, low), integer(name, high), None if step is None else integer(name, step, 1)
    else:
        low, high = (float(number(name, each)) for each in (low, high))
        step = None if step is None else number(f"{name}: step", step, 0, include_low=False)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"{name}: expected a range from low to high, got {low:g}..{high:g}")
    if log and low <= 0:
        raise ValueError(f"{name}: a range of magnitudes begins above 0, got {low:g}..{high:g}")
    if log and step is not None:
        raise ValueError(f"{name}: a range of magnitudes has no step, got {step:g}")
    return Range(low, high, log, step)


_RANGE = re.compile(r"([^|:]+?)\.\.([^|:]+)(?::([^|:]+))?")


def _of_text(name: str, text: str, as_text: bool) -> Choices | Range:
    if (found := _RANGE.fullmatch(text.strip())) is None:
        words: list[Any] = [word.strip() for word in text.split("|")]
        return _choices(name, words if as_text else [_literal(word) for word in words])
    low, high = (_number(name, text, part) for part in found.group(1, 2))
    more = found[3]
    log = more == "log"
    return _range(name, low, high, log, None if log or more is None else _number(name, text, more))


def _number(name: str, whole: str, text: str) -> float:
    value = _literal(text.strip())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(f"{name}: expected LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP with numbers, got {whole!r}")


def _literal(text: str) -> Any:
    """What a word looks like: a whole number, a number, true, false, none, or the word."""
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            pass
    return _WORDS.get(text.lower(), text)


def read_space(path: StrPath) -> dict[str, Any]:
    """The space that a TOML or JSON file holds, by name; ValueError that names the file where it holds none."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        reader: Any = json if Path(path).suffix.lower() == ".json" else import_module("tomllib")  # not in Python 3.10
        given = reader.loads(text)
    except ModuleNotFoundError:
        raise ValueError(f"{path}: Python before 3.11 reads no TOML; write the space as JSON") from None
    except ValueError as error:
        raise ValueError(f"{path}: not {Path(path).suffix[1:].upper()}, or damaged ({error})") from None
    if not isinstance(given, dict):
        raise ValueError(f"{path}: expected choices and ranges by name, got {describe(given)}")
    return given
