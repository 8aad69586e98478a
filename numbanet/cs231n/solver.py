"""The course's ``solver.py``."""

import inspect

import numpy as np

from numbanet._checks import number
from numbanet._plain import refuse_unknown
from numbanet.cs231n._params import our_names, speaking
from numbanet.schedules import Exponential
from numbanet.training import data, solver

__all__ = ["Solver"]

DEFAULTS = {"optimizer": "sgd", "epochs": 10, "drop_last": True}
NAMES = {"update_rule": "optimizer", "optim_config": "optimizer_options", "num_epochs": "epochs"}
_, _, _, *KEYWORDS = inspect.signature(solver.Solver.__init__).parameters  # but self, model and data


def _renamed(ours):
    """An attribute by the course's name."""
    return property(lambda solver: getattr(solver, ours), lambda solver, value: setattr(solver, ours, value))


class Solver(solver.Solver):
    """`numbanet.Solver` with what the course's has otherwise.

    It takes ``update_rule``, ``optim_config`` and ``num_epochs`` in the place of `optimizer`, `optimizer_options` and
    `epochs`, and ``lr_decay``, by which the learning rate is multiplied after each epoch; keeps the parameters of the
    highest validation accuracy, of equals the first; what does not fill a batch is left out; `data` may have a test
    part, which is not looked at; and the order of the examples follows from the state of ``np.random``. Other
    parameters, attributes and errors are those of `numbanet.Solver`. It also trains models and update rules that are
    written for the course.
    """

    _data_keys, _first_of_equals, _step_name = (*data.DATA, *data.WEIGHTS, "X_test", "y_test"), True, "Iteration"
    update_rule, optim_config, num_epochs = map(_renamed, NAMES.values())

    def __init__(self, model, data, **options):
        ours = (name for name in KEYWORDS if name not in NAMES.values())
        refuse_unknown("Solver", options, [*NAMES, "lr_decay", *ours])
        options.setdefault("seed", np.random.randint(2**31 - 1))  # noqa: NPY002, notebooks call np.random.seed
        if isinstance(config := options.get("optim_config"), dict) and not callable(options.get("update_rule")):
            options["optim_config"] = our_names(config)
        options = {NAMES.get(name, name): value for name, value in options.items()}
        if options.get("schedule") is None:
            self.lr_decay = number("lr_decay", options.pop("lr_decay", 1.0), 0, include_low=False, include_high=False)
            options["schedule"] = Exponential(self.lr_decay)
        elif "lr_decay" in options:
            raise TypeError("lr_decay: give it or schedule, not both")
        with speaking(NAMES):
            super().__init__(model, data, **{**DEFAULTS, **options})

    def _default_monitor(self):
        return f"val_{self._learner.score_name}"
