"""Update rules: one table, and the two ways of using it.

`Optimizer` keeps a network's state in flat arrays and updates all its parameters in one call. The functions `sgd`,
`sgd_momentum`, `nesterov`, `rmsprop`, `adam` and `adamw` update one array at a time and keep their state in a
dictionary, as in CS231n: ``next_w, config = adam(w, dw, config)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import kernels
from ._checks import common_dtype, describe, did_you_mean, float_array, integer, known_keys, mapping, number
from ._names import RULES
from ._views import aligned_zeros
from .runtime.threads import in_force

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ._names import Rule
    from ._types import Array, ArrayLike, DTypeLike, FloatArray, Ops


_BELOW_ONE = ("momentum", "decay_rate", "beta1", "beta2")


def get_rule(name: str) -> Rule:
    """The `Rule` of that name; ValueError, listing the rules, where there is none."""
    if not isinstance(name, str) or name not in RULES:
        hint = did_you_mean(name, RULES, repr)
        raise ValueError(f"optimizer: expected one of {', '.join(map(repr, RULES))}, got {name!r}{hint}")
    return RULES[name]


def check_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The rule's options, defaults filled in; TypeError or ValueError where one is unknown or out of range."""
    options = dict(get_rule(name).options)
    mapping("optimizer_options", given, f"options of {name!r}")
    for key, value in given.items():
        if key not in options:
            hint = did_you_mean(key, options, repr)
            raise ValueError(f"optimizer_options: {name!r} has the options {', '.join(options)}, got {key!r}{hint}")
        if key == "eps_inside_root":
            if not isinstance(value, (bool, np.bool_)):
                raise TypeError(f"optimizer_options: {key} is True or False, got {describe(value)}")
            options[key] = bool(value)
        else:
            options[key] = number(
                f"optimizer_options: {key}", value, 0, 1 if key in _BELOW_ONE else np.inf, include_high=False
            )
    return options


class Optimizer:
    """An update rule and its state for a flat array of parameters.

    Parameters
    ----------
    name : str
        One of `RULES`.
    size : int
        Number of parameters.
    dtype : float32 or float64
    ops : module
        `numbanet.kernels` or `numbanet.reference`.
    **options
        The rule's own, such as ``learning_rate``; see `RULES`.

    Attributes
    ----------
    options : dict
        May be changed between steps.
    state : dict of ndarray
    t : int
        Number of steps taken.
    function : callable
        The update, a kernel where `ops` has kernels.
    """

    def __init__(self, name: str, size: int, dtype: DTypeLike = np.float32, ops: Ops = kernels, **options: Any) -> None:
        self.name, self.rule, self.options = name, get_rule(name), check_options(name, options)
        self.state = {key: aligned_zeros(size, dtype) for key in self.rule.state}
        self.t = 0
        self.function = getattr(ops, self.rule.operation)
        self._bound: Any = None
        self._bound_for: int | None = None

    def update(self, w: Array, dw: Array) -> None:
        """One step, in place: `w` and `dw` are flat arrays of `size` elements."""
        operation, arguments = self.operation(w, dw)
        self.t += 1
        operation(*arguments)

    def arguments(self, w: Array, dw: Array) -> tuple[Any, ...]:
        """With what the next step calls `function`."""
        values = {**self.options, "t": self.t + 1}
        return (w, dw, *self.state.values(), *[values[key] for key in self.rule.scalars])

    def operation(self, w: Array, dw: Array) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What the next step calls: the function, a compiled one where it is a kernel's, and its arguments."""
        arguments, threads = self.arguments(w, dw), in_force()
        if self._bound_for != threads:  # a kernel has a serial and a parallel variant, and the size is always the same
            choose = getattr(self.function, "variant", None)
            self._bound, self._bound_for = choose(*arguments) if choose else self.function, threads
        return self._bound, arguments


def _function(name: str) -> Callable[..., tuple[FloatArray, dict[str, Any]]]:
    rule = RULES[name]

    def update(w: ArrayLike, dw: ArrayLike, config: dict[str, Any] | None = None) -> tuple[FloatArray, dict[str, Any]]:
        dtype = common_dtype(w=w)
        w = float_array("w", w, dtype)
        dw = float_array("dw", dw, dtype, shape=w.shape)
        config = {} if config is None else config
        mapping("config", config, "options and state")
        known_keys("config", config, (*rule.options, *rule.state, *(("t",) if "t" in rule.scalars else ())))
        for key, default in rule.options.items():
            config.setdefault(key, default)
        options = check_options(name, {key: config[key] for key in rule.options})
        arrays = [
            float_array(f"config: {key}", config.get(key, np.zeros_like(w)), dtype, shape=w.shape).copy()
            for key in rule.state
        ]
        options["t"] = integer("config: t", config.get("t", 0), 0) + 1
        next_w = w.copy()
        flat = [array.reshape(-1) for array in (next_w, dw, *arrays)]
        getattr(kernels, rule.operation)(*flat, *(options[key] for key in rule.scalars))
        config.update(zip(rule.state, arrays, strict=True))
        if "t" in rule.scalars:
            config["t"] = options["t"]
        return next_w, config

    update.__name__ = update.__qualname__ = name
    update.__doc__ = f"""One step of {name!r} on one array: ``(w, dw, config) -> (next_w, config)``.

    Parameters
    ----------
    w, dw : ndarray, any one shape
        A parameter and its gradient; neither is changed.
    config : dict, optional
        Options (defaults: {", ".join(f"{key}={value}" for key, value in rule.options.items())}), and the state between
        steps ({", ".join(rule.state) or "none"}); filled in and updated. Keys as in CS231n assignment 2.

    Returns
    -------
    next_w : ndarray
    config : dict
        The one passed in, or a new one.

    See `numbanet.reference.{rule.operation}` for the formula and its source.
    """
    return update


sgd = _function("sgd")
sgd_momentum = _function("sgd_momentum")
nesterov = _function("nesterov")
rmsprop = _function("rmsprop")
adam = _function("adam")
adamw = _function("adamw")
