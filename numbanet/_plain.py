"""Checks of single numbers and names, without NumPy: the command line refuses an option before it loads anything.

`_checks` has the others, and hands these on.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import numbers
import operator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])


def describe(value: Any) -> str:
    """What came, in a few words: the shape and dtype of an array, the type and value of anything else."""
    if hasattr(value, "__array_interface__"):
        import numpy as np

        if isinstance(value, np.ndarray):
            return f"an array of shape {value.shape} and dtype {value.dtype}"
    try:
        text = repr(value)
    except ValueError:  # Python writes no integers of thousands of digits
        text = "of too many digits to be written"
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


# What other libraries and the course call it: docs/glossary.md.
SYNONYMS = {
    "filter_size": "kernel_size",
    "pool_size": "kernel_size",
    "strides": "stride",
    "pad": "padding",
    "epsilon": "eps",
    "reg": "l2",
    "alpha": "l2",
    "p": "rate",
    "update_rule": "optimizer",
    "solver": "optimizer",
    "optim_config": "optimizer_options",
    "num_epochs": "epochs",
    "max_iter": "epochs",
    "lr": "learning_rate",
    "learning_rate_init": "learning_rate",
    "sample_weight": "sample_weight_train",
    "on_batch_end": "on_step_end",
    "on_train_batch_end": "on_step_end",
}


def did_you_mean(given: Any, known: Iterable[Any], show: Callable[[Any], Any] = str) -> str:
    """What ends a message that refuses `given`: the name in `known` that is close to it, or nothing."""
    names = {str(name).lower(): name for name in known}
    text = str(given).lower()
    plain = {name.lstrip("-").replace("-", "_"): shown for name, shown in names.items()}  # of the command line's, too
    synonym = SYNONYMS.get(text.lstrip("-").replace("-", "_"))
    if synonym in plain:
        return f"; did you mean {show(plain[synonym])}?"
    longer = [name for name in names if text in name]
    close = longer if text and len(longer) == 1 else difflib.get_close_matches(text, names, 1)
    return f"; did you mean {show(names[close[0]])}?" if close else ""


def refuse_unknown(call: str, given: Iterable[str], known: Collection[str]) -> None:
    """TypeError where `given` holds a keyword that `call` does not take, with the one that was probably meant."""
    for name in given:
        if name not in known:
            raise TypeError(f"{call}: no argument {name!r}{did_you_mean(name, known)}; there are {', '.join(known)}")


def refusing(init: F) -> F:
    """The ``__init__`` of a class, which names what was probably meant where it is given a keyword that it lacks."""
    _, *known = inspect.signature(init).parameters
    call = init.__qualname__.partition(".")[0]

    @functools.wraps(init)
    def refuse_first(self: Any, *args: Any, **keywords: Any) -> None:
        refuse_unknown(call, keywords, known)
        init(self, *args, **keywords)

    return refuse_first  # type: ignore[return-value]  # to type checkers it is the `__init__` itself


def number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    include_low: bool = True,
    include_high: bool = True,
) -> float:
    """`value` as a Python float inside the interval."""
    # NumPy's floats and integers count as Real, its booleans do not.
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {describe(value)}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name}: expected a number that a float can hold, got {describe(value)}") from None
    above = value >= low if include_low else value > low
    below = value <= high if include_high else value < high
    if not (above and below):
        interval = f"{'[' if include_low else '('}{low:g}, {high:g}{']' if include_high else ')'}"
        raise ValueError(f"{name}: expected a number in {interval}, got {value:g}")
    return value


MOST = 2**63 - 1  # that an int64 holds, in which arrays and kernels count


def integer(name: str, value: Any, low: int | None = None, high: int = MOST) -> int:
    """`value` as a Python int inside the closed interval."""
    if isinstance(value, bool) or getattr(value, "dtype", None) == "bool":  # NumPy's
        raise TypeError(f"{name}: expected an integer, got {describe(value)}")
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {describe(value)}") from None
    came = value if abs(value) <= 2 * MOST else describe(value)  # hundreds of digits say nothing
    if low is not None and value < low:
        raise ValueError(f"{name}: expected an integer of at least {low}, got {came}")
    if value > high:
        raise ValueError(f"{name}: expected an integer of at most {high}, got {came}")
    return value
