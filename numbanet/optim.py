"""Update rules: one table, and the two ways of using it.

`Optimizer` keeps a network's state in flat arrays and updates all its parameters in one call. The functions `sgd`,
`sgd_momentum`, `nesterov`, `rmsprop`, `adam` and `adamw` update one array at a time and keep their state in a
dictionary, as in CS231n: ``next_w, config = adam(w, dw, config)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import kernels
from ._checks import boolean, common_dtype, describe, did_you_mean, float_array, integer, known_keys, mapping, number
from ._names import COMMON_OPTIONS, RULES
from ._views import aligned_zeros
from .runtime.threads import in_force

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ._names import Rule
    from ._types import Array, ArrayLike, DTypeLike, FloatArray, Ops


FACTORS = ("learning_rate_factors", "weight_decay_factors")  # common options that are dicts by parameter
BELOW_ONE = ("momentum", "decay_rate", "beta1", "beta2")


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
            hint, own = did_you_mean(key, (*options, *COMMON_OPTIONS), repr), ", ".join(options)
            raise ValueError(f"optimizer_options: {name!r} has the options {own}, got {key!r}{hint}")
        if key == "eps_inside_root":
            if not isinstance(value, (bool, np.bool_)):
                raise TypeError(f"optimizer_options: {key} is True or False, got {describe(value)}")
            options[key] = bool(value)
        else:
            options[key] = number(
                f"optimizer_options: {key}", value, 0, 1 if key in BELOW_ONE else np.inf, include_high=False
            )
    return options


def check_common(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that optimizers have besides those of the rule, checked likewise; see `Optimizer`."""
    options = {**COMMON_OPTIONS, **given}
    for key in ("clip_value", "clip_norm"):
        if options[key] is not None:
            options[key] = number(f"optimizer_options: {key}", options[key], 0, include_low=False, include_high=False)
    if options["ema_decay"] is not None:
        options["ema_decay"] = number("optimizer_options: ema_decay", options["ema_decay"], 0, 1, include_high=False)
    options["decay_biases"] = boolean("optimizer_options: decay_biases", options["decay_biases"])
    said = {"decay_biases": not options["decay_biases"], "weight_decay_factors": options["weight_decay_factors"]}
    for key, value in said.items():
        if value and "weight_decay" not in get_rule(name).options:
            raise ValueError(f"optimizer_options: {key} is of a weight decay, and {name!r} has none")
    for key in FACTORS:
        if options[key] is not None:
            factors = mapping(f"optimizer_options: {key}", options[key], "factors")
            options[key] = {
                parameter: number(f"optimizer_options: {key}: {parameter}", factor, 0, include_high=False)
                for parameter, factor in factors.items()
            }
    return options


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the rule, and those that all optimizers have."""
    common = {name: value for name, value in options.items() if name in COMMON_OPTIONS}
    return {name: value for name, value in options.items() if name not in common}, common


class Segment(NamedTuple):
    """A piece of the flat array of parameters, whose update is a call of its own.

    Attributes
    ----------
    part : slice
    factor : float
        Of the learning rate.
    decay : float
        Factor of the weight decay.
    unit : float
        The parameters are so many times what is learnt (`numbanet.layers.Variable`).
    """

    part: slice
    factor: float = 1.0
    decay: float = 1.0
    unit: float = 1.0


class Call(NamedTuple):
    """One call of an update: a function, the arrays that it takes, and the names of the numbers after them."""

    function: Callable[..., Any]
    arrays: tuple[Array, ...]
    scalars: tuple[str, ...]
    segment: Segment

    def number(self, name: str, values: Mapping[str, Any]) -> Any:
        """What the argument of that name is, by the optimizer's `values`, which all has that differs in nothing.

        Where the array is w = u p and p is learnt, the gradient of p is u times that of w, and so are Adam's m and √v:
        it moves p as if eps were eps / u, and w u times as far. Without a division by the gradient's size, w moves u²
        times as far. The decay, which is a share, is that of p times the rate of p.
        """
        value, unit = values[name], self.segment.unit
        if name == "learning_rate":
            return value * (self.segment.factor * (unit if "eps" in values else unit**2))
        if name == "eps":
            return value / (unit**2 if values["eps_inside_root"] else unit)
        return value * (self.segment.decay / unit) if name == "weight_decay" else value

    def numbers(self, values: Mapping[str, Any]) -> list[Any]:
        """All those numbers."""
        return [self.number(name, values) for name in self.scalars]


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
    segments : sequence of Segment, optional
        Pieces that learn at rates of their own, or do not decay; together, the whole.
    **options
        The rule's own, such as ``learning_rate``; see `RULES`. And, for every rule: `clip_value`, the largest that an
        element of the gradient may be; `clip_norm`, the longest that all of it together may be; `ema_decay`, which
        keeps an exponential moving average of the parameters; `learning_rate_factors`, `weight_decay_factors` and
        `decay_biases`, which the one who makes the segments follows.

    Attributes
    ----------
    options, common : dict
        Options of the rule, which may be changed between steps, and the others.
    state : dict of ndarray
        Of the rule, and `average` with `ema_decay`.
    t : int
        Number of steps taken.
    """

    def __init__(
        self,
        name: str,
        size: int,
        dtype: DTypeLike = np.float32,
        ops: Ops = kernels,
        segments: Sequence[Segment] | None = None,
        **options: Any,
    ) -> None:
        own, common = split_options(options)
        self.name, self.rule, self.options = name, get_rule(name), check_options(name, own)
        self.common = check_common(name, common)
        averages = () if self.common["ema_decay"] is None else ("average",)
        self.state = {key: aligned_zeros(size, dtype) for key in (*self.rule.state, *averages)}
        self.t = 0
        self._ops, self._segments = ops, [Segment(slice(None))] if segments is None else list(segments)
        self._bound: list[Any] = []
        self._bound_for: Any = None

    @property
    def values(self) -> dict[str, Any]:
        """The numbers of the next step, by name."""
        return {**self.options, **self.common, "t": self.t + 1}

    def calls(self, w: Array, dw: Array) -> list[Call]:
        """What a step calls, in order; `w` and `dw` are flat arrays of `size` elements."""
        ops, whole = self._ops, Segment(slice(None))
        before = [
            Call(_operation(ops, operation), (dw,), (limit,), whole)
            for limit, operation in (("clip_value", "clip_by_value"), ("clip_norm", "clip_by_norm"))
            if self.common[limit] is not None
        ]
        arrays = (w, dw, *(self.state[name] for name in self.rule.state))
        function = _operation(ops, self.rule.operation)
        updates = [
            Call(function, tuple(array[segment.part] for array in arrays), self.rule.scalars, segment)
            for segment in self._segments
        ]
        after = []
        if "average" in self.state:
            after = [Call(_operation(ops, "ema_update"), (w, self.state["average"]), ("ema_decay", "t"), whole)]
        return [*before, *updates, *after]

    def update(self, w: Array, dw: Array) -> None:
        """One step, in place."""
        threads, values = in_force(), self.values
        bound_for = threads, w.ctypes.data, dw.ctypes.data
        if self._bound_for != bound_for:  # a kernel has a serial and a parallel variant, and sizes are always the same
            self._bound = []
            for call in self.calls(w, dw):
                choose = getattr(call.function, "variant", None)
                chosen = choose(*call.arrays, *call.numbers(values)) if choose else call.function
                self._bound.append(call._replace(function=chosen))
            self._bound_for = bound_for
        self.t += 1
        for call in self._bound:
            call.function(*call.arrays, *call.numbers(values))


def _operation(ops: Ops, name: str) -> Callable[..., Any]:
    return getattr(ops, name)


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
