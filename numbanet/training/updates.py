"""How a step changes the parameters: as one flat array by a rule of numbanet's, or one by one by any rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import optim
from .._checks import describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def update_of(learner: Any, rule: Any, options: Mapping[str, Any]) -> FlatUpdate | NamedUpdate:
    """The update of the learner's parameters by `rule`, a name or a function."""
    if isinstance(rule, str):
        if learner.flat:
            return FlatUpdate(learner, rule, options)
        rule = getattr(optim, rule)
    return NamedUpdate(learner, rule, options)


def check_rule(rule: Any, options: Mapping[str, Any]) -> None:
    """TypeError or ValueError where `rule` is neither a name nor a function, or has no such options."""
    if isinstance(rule, str):
        optim.check_options(rule, options)
    elif not callable(rule):
        raise TypeError(f"optimizer: expected a name or a function (w, dw, config), got {describe(rule)}")


class FlatUpdate:
    """One of numbanet's rules on one of its networks: all parameters are updated as one array.

    Attributes
    ----------
    optimizer : numbanet.optim.Optimizer
    own_rule : str or None
        Why only Python can update, in words.
    """

    own_rule = None

    def __init__(self, learner: Any, rule: Any, options: Mapping[str, Any]) -> None:
        self.learner = learner
        self.optimizer = optim.Optimizer(rule, learner.params.flat.size, learner.model.dtype, learner.ops, **options)

    @property
    def state(self) -> Any:
        """What a copy goes on from."""
        return self.optimizer.options, self.optimizer.t, self.optimizer.state

    @state.setter
    def state(self, values: Any) -> None:
        options, self.optimizer.t, state = values
        self.optimizer.options = dict(options)
        for name, value in state.items():
            self.optimizer.state[name][...] = value

    @property
    def learning_rate(self) -> float:
        return self.optimizer.options["learning_rate"]

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.optimizer.options["learning_rate"] = value

    def decay(self, factor: float) -> None:
        self.optimizer.options["learning_rate"] *= factor

    def apply(self) -> None:
        """Update the parameters by the gradients that the learner has."""
        self.optimizer.update(self.learner.params.flat, self.learner.grads.flat)


class NamedUpdate:
    """Any rule, parameter by parameter, as in the course."""

    optimizer = None  # which `FlatUpdate` has

    def __init__(self, learner: Any, rule: Any, options: Mapping[str, Any]) -> None:
        self.learner, self.rule, self.options = learner, rule, options
        self.own_rule = f"the update rule `{getattr(rule, '__name__', type(rule).__name__)}` is a function of your own"
        self.configs = {name: dict(options) for name in learner.params}

    @property
    def state(self) -> Any:
        """What a copy goes on from."""
        return self.configs

    @state.setter
    def state(self, configs: Any) -> None:
        self.configs = configs

    @property
    def learning_rate(self) -> float:
        """NaN while there is none: a rule may fill in its default at the first step, or have no such option."""
        return next(
            (config["learning_rate"] for config in self.configs.values() if "learning_rate" in config), math.nan
        )

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for config in self.configs.values():
            config["learning_rate"] = value

    def decay(self, factor: float) -> None:
        for config in self.configs.values():
            if "learning_rate" in config:
                config["learning_rate"] *= factor

    def apply(self) -> None:
        """Update the parameters by the gradients that the learner has."""
        params, grads, new = self.learner.params, self.learner.grads, {}
        for name, w in params.items():
            new[name] = self.rule(w, grads[name], dict(self.configs.setdefault(name, dict(self.options))))
            if not (isinstance(new[name], tuple) and len(new[name]) == 2):
                raise TypeError(f"optimizer: expected (next_w, config) from it, got {describe(new[name])}")
        for name, (next_w, config) in new.items():  # a rule that failed halfway has changed nothing
            params[name], self.configs[name] = next_w, config
        now = self.learner.params
        if now is not params and any(now[name] is not next_w for name, (next_w, _) in new.items()):
            raise TypeError("model: params must keep the arrays that are put into it; it gives new ones each time")
