"""Learning rates, and other numbers, that change while a network is trained.

A schedule gives, for each step, a factor of the learning rate that the optimizer's options have::

    Solver(model, data, optimizer_options={"learning_rate": 1e-3}, schedule=schedules.Cosine(warmup=0.05))
    Solver(model, data, schedule="one_cycle")
    Solver(model, data, schedule=lambda step, num_steps: 1 / (1 + step))
    Solver(model, data, epochs=3, schedule=[1, 0.5, 0.1])
    Solver(model, data, schedule="coslog4", schedules={"weight_decay": "flat_cosine", "dropout": "linear"})

All know the number of steps that training is to end at. A second `Solver.train` has a later end: the schedule is then
that of the whole, first and second, from where it is on.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checks import boolean, describe, did_you_mean, integer, number

if TYPE_CHECKING:
    from ._types import FloatArray


@dataclass(frozen=True)
class Schedule:
    """Base of schedules. One of your own has `factors`, and maybe `momenta`."""

    def factors(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        """Factors of the learning rate.

        Parameters
        ----------
        first, count : int
            For so many steps from number `first` on; the first of all is number 0.
        num_steps : int
            The number of steps that training is to end at.
        steps_per_epoch : int

        Returns
        -------
        ndarray of float64, shape (count,)
            Finite and not negative.
        """
        raise NotImplementedError(f"{type(self).__name__} has no factors(first, count, num_steps, steps_per_epoch)")

    def momenta(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray | None:
        """The momentum of each step (`momentum` of an optimizer, or `beta1`) likewise; None leaves it as it is."""
        return None

    def rates(self, learning_rate: float, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        """``learning_rate * factors``."""
        return learning_rate * self.factors(first, count, num_steps, steps_per_epoch)

    @property
    def by_epoch(self) -> bool:
        """Whether it says the same for all steps of an epoch, which saves asking for each."""
        return False

    def check(self, num_steps: int, steps_per_epoch: int) -> None:
        """ValueError where it cannot be followed through so many steps."""

    @property
    def description(self) -> dict[str, Any]:
        """Its class and its options, as JSON can hold them."""
        return {"name": type(self).__name__, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class _Warmed(Schedule):
    """What may begin with a warm-up: ``(step + 1) / w`` of the rate in step 0, 1, ... of the first w steps.

    Parameters
    ----------
    warmup : float
        Number of these steps or, below 1, their share of all.
    """

    warmup: float = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        warmup = number("warmup", self.warmup, 0, include_high=False)
        if warmup >= 1 and warmup != int(warmup):
            raise ValueError(f"warmup: expected a share of all steps below 1, or a number of steps, got {self.warmup}")

    def factors(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        steps = _numbers(first, count)
        warm = round(self.warmup * num_steps) if self.warmup < 1 else int(self.warmup)
        factors = self._after(steps, num_steps, steps_per_epoch, warm)
        return np.minimum((steps + 1) / warm, 1) * factors if warm else factors

    def _after(self, steps: FloatArray, num_steps: int, steps_per_epoch: int, warm: int) -> FloatArray:
        """The factors of steps, apart from the warm-up of the first `warm`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(_Warmed):
    """The learning rate as it is.

    Parameters
    ----------
    warmup : float
        Number of steps in which it rises to that, in a line; below 1, their share of all.
    """

    @property
    def by_epoch(self) -> bool:
        return not self.warmup

    def _after(self, steps: FloatArray, num_steps: int, steps_per_epoch: int, warm: int) -> FloatArray:
        return np.ones(len(steps))


@dataclass(frozen=True)
class Step(_Warmed):
    """Multiplied by `factor` after each `every` epochs: PyTorch's ``StepLR``, stepped once an epoch.

    Parameters
    ----------
    every : int, optional
        By default a third of the epochs, rounded up.
    factor : float
    warmup : float
        As of `Constant`; epochs are counted from the first step on.
    """

    every: int | None = None
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every is not None:
            integer("every", self.every, 1)
        _above_zero("factor", self.factor)

    def _after(self, steps: FloatArray, num_steps: int, steps_per_epoch: int, warm: int) -> FloatArray:
        every = self.every or max(1, -(-num_steps // (3 * steps_per_epoch)))
        return _each(steps // steps_per_epoch // every, lambda done: float(self.factor) ** int(done))


@dataclass(frozen=True)
class Exponential(_Warmed):
    """Multiplied by `factor` after each epoch: PyTorch's ``ExponentialLR``, stepped once an epoch.

    Parameters
    ----------
    factor : float, optional
        By default what leaves a hundredth after all epochs.
    warmup : float
        As of `Constant`; epochs are counted from the first step on.
    """

    factor: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor is not None:
            _above_zero("factor", self.factor)

    def _after(self, steps: FloatArray, num_steps: int, steps_per_epoch: int, warm: int) -> FloatArray:
        return self._products(1.0, steps, num_steps, steps_per_epoch)

    def rates(self, learning_rate: float, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        if self.warmup:
            return super().rates(learning_rate, first, count, num_steps, steps_per_epoch)
        return self._products(learning_rate, _numbers(first, count), num_steps, steps_per_epoch)

    def _products(self, start: float, steps: FloatArray, num_steps: int, steps_per_epoch: int) -> FloatArray:
        factor = self.factor or 0.01 ** (steps_per_epoch / max(num_steps, steps_per_epoch))
        return _multiplied(start, steps // steps_per_epoch, lambda epochs: np.full(epochs, factor))


@dataclass(frozen=True)
class Linear(_Warmed):
    """In a line from 1 to `final`, which it would reach after the last step.

    Parameters
    ----------
    final : float
        The last factor.
    warmup : float
        As of `Constant`; the line begins after it.
    """

    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        number("final", self.final, 0, include_high=False)

    def _after(self, steps: FloatArray, num_steps: int, steps_per_epoch: int, warm: int) -> FloatArray:
        return 1 + (self.final - 1) * _done(steps, warm, num_steps)


@dataclass(frozen=True)
class Cosine(_Warmed):
    """Half a wave from 1 to `final`, ``final + (1 - final) (1 + cos(π t)) / 2``; t is the share of the steps done.

    PyTorch's ``CosineAnnealingLR``. Source: Loshchilov and Hutter, "SGDR", arXiv:1608.03983, equation 5, without
    restarts.

    Parameters
    ----------
    final : float
        The last factor, which it would reach after the last step.
    per_epoch : bool
        Whether all steps of an epoch have the rate of its first.
    warmup : float
        As of `Constant`; the wave begins after it.
    """

    final: float = 0.0
    per_epoch: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        number("final", self.final, 0, include_high=False)
        boolean("per_epoch", self.per_epoch)

    def _after(self, steps: FloatArray, num_steps: int, steps_per_epoch: int, warm: int) -> FloatArray:
        if self.per_epoch:
            steps = steps // steps_per_epoch * steps_per_epoch
        return self.final + (1 - self.final) * _wave(_done(steps, warm, num_steps))


@dataclass(frozen=True)
class FlatCosine(_Warmed):
    """1 for the first half of the steps, then half a wave down to 0.

    Source: ``flat_cos`` of Holzmüller, Grinsztajn and Steinwart's RealMLP, arXiv:2407.04491.

    Parameters
    ----------
    warmup : float
        As of `Constant`; the halves are those of the steps after it.
    """

    def _after(self, steps: FloatArray, num_steps: int, steps_per_epoch: int, warm: int) -> FloatArray:
        return _wave(np.maximum(2 * _done(steps, warm, num_steps) - 1, 0))


@dataclass(frozen=True)
class CosLog4(Schedule):
    """Four waves, ever longer: ``(1 - cos(2 π log2(1 + 15 t))) / 2``, where t is the share of the steps done.

    Source: RealMLP, Holzmüller, Grinsztajn and Steinwart, arXiv:2407.04491, section 3.
    """

    def factors(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        done = _done(_numbers(first, count), 0, num_steps)
        return _each(done, lambda t: 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t))))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to the full rate and down again, along half a wave each; the momentum down and up: PyTorch's ``OneCycleLR``.

    The optimizer's learning rate is the highest, PyTorch's `max_lr`. The names and defaults of the options are
    PyTorch's too. The momentum is `beta1` of Adam; an optimizer without either has its learning rate changed alone.
    Source: Smith and Topin, "Super-Convergence", arXiv:1708.07120.

    Parameters
    ----------
    pct_start : float
        Share of the steps in which the rate rises.
    div_factor : float
        It begins at 1 / `div_factor`,
    final_div_factor : float
        and ends at that, divided by `final_div_factor`.
    base_momentum, max_momentum : float or None
        The momentum where the rate is highest, and at both ends; None, both, leaves it as it is.
    """

    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    base_momentum: float | None = 0.85
    max_momentum: float | None = 0.95

    def __post_init__(self) -> None:
        number("pct_start", self.pct_start, 0, 1)
        _above_zero("div_factor", self.div_factor)
        _above_zero("final_div_factor", self.final_div_factor)
        if (self.base_momentum is None) != (self.max_momentum is None):
            raise ValueError("base_momentum, max_momentum: give both, or None for both")
        for name in ("base_momentum", "max_momentum"):
            if getattr(self, name) is not None:
                number(name, getattr(self, name), 0, 1, include_high=False)

    def factors(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        start = 1 / self.div_factor
        return self._cycle(_numbers(first, count), num_steps, start, 1.0, start / self.final_div_factor)

    def momenta(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray | None:
        low, high = self.base_momentum, self.max_momentum
        if low is None or high is None:
            return None
        return self._cycle(_numbers(first, count), num_steps, high, low, high)

    def _cycle(self, steps: FloatArray, num_steps: int, start: float, middle: float, end: float) -> FloatArray:
        last = num_steps - 1.0
        top = max(self.pct_start * num_steps - 1, 0.0)  # the step, or between two, where it turns
        up = np.minimum(steps / top, 1) if top else np.ones(len(steps))
        down = np.clip((steps - top) / (last - top), 0, 1) if last > top else np.zeros(len(steps))
        wave = _wave(np.where(steps <= top, up, down))
        return np.where(steps <= top, middle + (start - middle) * wave, end + (middle - end) * wave)


@dataclass(frozen=True)
class Cooldown(Schedule):
    """1 for three quarters of the epochs, and from there down in a line, from epoch to epoch; 1 again after the end.

    What a `Solver` follows where it is not told another.
    """

    by_epoch = True

    def factors(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        return self.rates(1.0, first, count, num_steps, steps_per_epoch)

    def rates(self, learning_rate: float, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        end = num_steps // steps_per_epoch
        quarter = max(1, end // 4)
        if first + count <= (end - quarter) * steps_per_epoch:  # most calls, and single steps have no time to lose
            return np.full(count, learning_rate)
        epochs = _numbers(first, count) // steps_per_epoch - (end - quarter)  # on the way down

        def ratios(epochs: int) -> FloatArray:
            shares = (quarter - np.arange(epochs + 1)) / quarter
            return shares[1:] / shares[:-1]

        return _multiplied(learning_rate, np.where(epochs < quarter, np.maximum(epochs, 0), 0), ratios)


@dataclass(frozen=True)
class Function(Schedule):
    """What a function of (step, num_steps) says.

    Parameters
    ----------
    function : callable
        Gives the factor of step number `step`, of `num_steps` in all.
    """

    function: Callable[[int, int], float]

    def factors(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        return np.array([self._factor(step, num_steps) for step in range(first, first + count)], np.float64)

    def _factor(self, step: int, num_steps: int) -> float:
        factor = self.function(step, num_steps)
        if isinstance(factor, (int, float, np.integer, np.floating)) and not isinstance(factor, bool):
            return float(factor)
        raise TypeError(f"schedule: {self} gave {describe(factor)} for step {step}; expected a number")

    @property
    def description(self) -> dict[str, Any]:
        return {"name": "Function", "function": _name_of(self.function)}

    def __repr__(self) -> str:
        return f"Function({_name_of(self.function)})"


@dataclass(frozen=True)
class Factors(Schedule):
    """A factor for each epoch, or for each step.

    Parameters
    ----------
    values : sequence of float
        As many as there are epochs, or else steps.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        values = [number("schedule", value, 0, include_high=False) for value in self.values]
        if not values:
            raise ValueError("schedule: expected a factor for each epoch or each step, got none")
        object.__setattr__(self, "values", tuple(values))

    def check(self, num_steps: int, steps_per_epoch: int) -> None:
        epochs, found = num_steps // steps_per_epoch, len(self.values)
        if found not in (epochs, num_steps):
            raise ValueError(
                f"schedule: expected {epochs} factors, one for each epoch, or {num_steps}, one for each step; "
                f"got {found}"
            )

    def factors(self, first: int, count: int, num_steps: int, steps_per_epoch: int) -> FloatArray:
        places = _numbers(first, count)
        if len(self.values) < num_steps:
            places = places // steps_per_epoch
        return np.array(self.values)[np.minimum(places, len(self.values) - 1).astype(int)]

    def __repr__(self) -> str:
        shown = ", ".join(f"{value:g}" for value in self.values[:3])
        return f"Factors({shown}{', ...' if len(self.values) > 3 else ''}: {len(self.values)})"


BY_NAME: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "exponential": Exponential,
    "linear": Linear,
    "cosine": Cosine,
    "flat_cosine": FlatCosine,
    "coslog4": CosLog4,
    "one_cycle": OneCycle,
    "cooldown": Cooldown,
}


def checked_schedule(given: Any) -> Schedule:
    """The schedule that was given: by its name, as one, as a function, or as a sequence of factors."""
    if isinstance(given, Schedule):
        return given
    if isinstance(given, str):
        if given not in BY_NAME:
            hint = did_you_mean(given, BY_NAME, repr)
            raise ValueError(f"schedule: expected one of {', '.join(map(repr, BY_NAME))}, got {given!r}{hint}")
        return BY_NAME[given]()
    if isinstance(given, type) and issubclass(given, Schedule):
        raise TypeError(f"schedule: expected a schedule, got the class; write {given.__name__}(...)")
    if callable(given):
        return Function(given)
    if isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim == 1):
        return Factors(tuple(given))
    raise TypeError(
        "schedule: expected a name, one of numbanet.schedules, a function of (step, num_steps), or a sequence of "
        f"factors; got {describe(given)}"
    )


def checked_numbers(what: str, values: Any, first: int, count: int) -> FloatArray:
    """`values`, where they are one for each of so many steps from number `first` on; `what` gave them."""
    if not isinstance(values, np.ndarray) or values.shape != (count,) or values.dtype != np.float64:
        raise TypeError(f"{what} must give an array of {count} float64, got {values!r}")
    fine = (values >= 0) & (values < math.inf)
    if not fine.all():
        place = int(np.argmin(fine))
        raise ValueError(f"{what} gave {values[place]} for step {first + place}; expected a finite number of 0 or more")
    return np.ascontiguousarray(values)


def _above_zero(name: str, value: Any) -> None:
    number(name, value, 0, include_low=False, include_high=False)


def _numbers(first: int, count: int) -> FloatArray:
    return np.arange(first, first + count, dtype=np.float64)


def _done(steps: FloatArray, warm: int, num_steps: int) -> FloatArray:
    """Shares of the steps after a warm-up that are done before these."""
    return np.clip((steps - warm) / max(num_steps - warm, 1), 0, 1)


def _each(values: FloatArray, function: Callable[[float], float]) -> FloatArray:
    """One by one: what NumPy's cosine gives depends on the CPU."""
    return np.array([function(value) for value in values.tolist()], np.float64)


def _wave(shares: FloatArray) -> FloatArray:
    """Half a wave from 1 down to 0."""
    return _each(shares, lambda share: (1 + math.cos(math.pi * share)) / 2)


def _multiplied(start: float, counts: FloatArray, ratios: Callable[[int], FloatArray]) -> FloatArray:
    """For each count, `start` multiplied by so many of the ratios, one after the other."""
    with np.errstate(over="ignore", under="ignore"):
        products = np.multiply.accumulate(np.concatenate([[start], ratios(int(counts.max(initial=0)))]))
    return products[counts.astype(int)]


def _name_of(function: Any) -> str:
    named = isinstance(function, (types.FunctionType, types.BuiltinFunctionType, types.MethodType))
    return function.__qualname__ if named else type(function).__qualname__
