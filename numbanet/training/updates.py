"""How a step changes the parameters: as one flat array by a rule of numbanet's, or one by one by any rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import optim
from .._checks import describe, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def update_of(learner: Any, rule: Any, options: Mapping[str, Any]) -> FlatUpdate | NamedUpdate:
    """The update of the learner's parameters by `rule`, a name or a function."""
    if isinstance(rule, str):
        if learner.flat:
            return FlatUpdate(learner, rule, options)
        rule, options = getattr(optim, rule), optim.check_options(rule, options)
    return NamedUpdate(learner, rule, options)


def check_rule(learner: Any, rule: Any, options: Mapping[str, Any]) -> None:
    """TypeError or ValueError where `rule` is neither a name nor a function, or has no such options."""
    if isinstance(rule, str):
        own, common = optim.split_options(options)
        optim.check_options(rule, own)
        if learner.flat:
            _segments(learner.model, optim.check_common(rule, common))
            return
    elif not callable(rule):
        raise TypeError(f"optimizer: expected a name or a function (w, dw, config), got {describe(rule)}")
    if common := optim.split_options(options)[1]:
        owners = "numbanet's own networks with its own update rules"
        came = f"{type(learner.model).__name__} with the rule {rule!r}"
        raise ValueError(f"optimizer_options: {', '.join(common)}: of {owners} alone, got {came}")


def _segments(model: Any, common: Mapping[str, Any]) -> list[optim.Segment]:
    """Pieces of the flat array of parameters that differ in learning rate, decay or the unit of what is learnt.

    Neighbours that do not differ are one piece.
    """
    kinds = {name: kind for (_, kind), name in model.names.items() if name in model.params}  # such as W
    known = [*dict.fromkeys(kinds.values()), *kinds]
    for option in optim.FACTORS:
        for name in common[option] or {}:
            if name not in known:
                hint = did_you_mean(name, known, repr)
                raise ValueError(
                    f"optimizer_options: {option}: no parameter {name!r}{hint}; there are {', '.join(known)}"
                )
    rates, decays = (common[option] or {} for option in optim.FACTORS)
    decaying = kinds if common["decay_biases"] else {model.names[key] for key in model.decaying()}
    segments: list[optim.Segment] = []
    flat = model.params.flat
    for name, view in model.params.items():
        start, kind = (view.ctypes.data - flat.ctypes.data) // flat.itemsize, kinds[name]
        rate = rates.get(name, rates.get(kind, 1.0))
        decay = decays.get(name, decays.get(kind, 1.0 if name in decaying else 0.0))
        this = optim.Segment(slice(start, flat.size), rate, decay, model.unit(name))
        if segments and segments[-1][1:] == this[1:]:
            continue
        if segments:
            segments[-1] = segments[-1]._replace(part=slice(segments[-1].part.start, start))
        segments.append(this)
    return segments


def _momentum(options: Mapping[str, Any]) -> str | None:
    return next((name for name in ("momentum", "beta1") if name in options), None)


class FlatUpdate:
    """One of numbanet's rules on one of its networks: all parameters are updated as one array.

    Attributes
    ----------
    optimizer : numbanet.optim.Optimizer
    own_rule : str or None
        Why only Python can update, in words.
    exchanged : bool
        Whether the network has the averaged parameters, and `optimizer.state` those that training goes on from.
    """

    own_rule = None

    def __init__(self, learner: Any, rule: Any, options: Mapping[str, Any]) -> None:
        self.learner = learner
        segments = _segments(learner.model, optim.check_common(rule, optim.split_options(options)[1]))
        size, dtype = learner.params.flat.size, learner.model.dtype
        self.optimizer = optim.Optimizer(rule, size, dtype, learner.ops, segments, **options)
        self.exchanged = False

    @property
    def state(self) -> Any:
        """What a copy goes on from."""
        return self.optimizer.options, self.optimizer.t, self.optimizer.state, self.exchanged

    @state.setter
    def state(self, values: Any) -> None:
        options, self.optimizer.t, state, self.exchanged = values
        self.optimizer.options = dict(options)
        for name, value in state.items():
            self.optimizer.state[name][...] = value

    @property
    def options(self) -> dict[str, Any]:
        """Of the rule, as they were in the last step."""
        return self.optimizer.options

    @property
    def learning_rate(self) -> float:
        """Of the last step; before the first, as it was given."""
        return self.optimizer.options["learning_rate"]

    @property
    def momentum(self) -> str | None:
        """Which option is the momentum."""
        return _momentum(self.optimizer.options)

    def apply(self, numbers: Mapping[str, float]) -> None:
        """Update the parameters by the gradients that the learner has, with these options."""
        self.optimizer.options.update(numbers)
        self.optimizer.update(self.learner.params.flat, self.learner.grads.flat)

    def exchange(self, averaged: bool) -> None:
        """Give the network the averaged parameters, or those that training goes on from; nothing where none are kept.

        Before the first step there is no average yet.
        """
        average = self.optimizer.state.get("average")
        if average is None or averaged == self.exchanged or (averaged and self.optimizer.t == 0):
            return
        end = self.learner.begin()
        try:
            flat = self.learner.params.flat
            average[...], flat[...] = flat, average.copy()
            self.exchanged = averaged
        finally:
            end()

    def settle(self) -> None:
        """Go on from the parameters that the network has now, and average from them."""
        if "average" in self.optimizer.state:
            self.optimizer.state["average"][...], self.exchanged = self.learner.params.flat, False


class NamedUpdate:
    """Any rule, parameter by parameter, as in the course."""

    optimizer = None  # which `FlatUpdate` has
    exchanged = False

    def __init__(self, learner: Any, rule: Any, options: Mapping[str, Any]) -> None:
        self.learner, self.rule, self.options = learner, rule, options
        self.own_rule = f"the update rule `{getattr(rule, '__name__', type(rule).__name__)}` is a function of your own"
        self.configs = {name: dict(options) for name in learner.params}
        self._set = dict(options)  # to what options were set last

    @property
    def state(self) -> Any:
        """What a copy goes on from."""
        return self.configs, self._set

    @state.setter
    def state(self, values: Any) -> None:
        self.configs, self._set = values

    @property
    def learning_rate(self) -> float:
        """NaN while there is none: a rule may fill in its default at the first step, or have no such option."""
        return next(
            (config["learning_rate"] for config in self.configs.values() if "learning_rate" in config), math.nan
        )

    @property
    def momentum(self) -> str | None:
        """As of `FlatUpdate`."""
        return _momentum(next(iter(self.configs.values()), self.options))

    def apply(self, numbers: Mapping[str, float]) -> None:
        """As of `FlatUpdate`. An option that the rule itself has changed since is changed in proportion."""
        params, grads, new = self.learner.params, self.learner.grads, {}
        for name, w in params.items():
            config = dict(self.configs.setdefault(name, dict(self.options)))
            for option, value in numbers.items():
                last = self._set.get(option)
                if value != last:
                    own = config.get(option, last)
                    config[option] = own * (value / last) if last and own != last else value
            new[name] = self.rule(w, grads[name], config)
            if not (isinstance(new[name], tuple) and len(new[name]) == 2):
                raise TypeError(f"optimizer: expected (next_w, config) from it, got {describe(new[name])}")
        for name, (next_w, config) in new.items():  # a rule that failed halfway has changed nothing
            params[name], self.configs[name] = next_w, config
        self._set.update(numbers)
        now = self.learner.params
        if now is not params and any(now[name] is not next_w for name, (next_w, _) in new.items()):
            raise TypeError("model: params must keep the arrays that are put into it; it gives new ones each time")

    def exchange(self, averaged: bool) -> None:
        """As of `FlatUpdate`: there are no averages."""

    def settle(self) -> None:
        """Likewise."""
