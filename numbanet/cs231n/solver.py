"""The course's ``solver.py``."""

import numpy as np

from numbanet import solver

__all__ = ["Solver"]

DEFAULTS = {"update_rule": "sgd", "lr_decay": 1.0, "num_epochs": 10, "monitor": "val_accuracy", "drop_last": True}


class Solver(solver.Solver):
    """`numbanet.Solver` with what the course's has otherwise.

    It keeps the parameters of the highest validation accuracy, of equals the first; what does not fill a batch is left
    out; `data` may have a test part, which is not looked at; and the order of the examples follows from the state of
    ``np.random``. Parameters, attributes and errors are those of `numbanet.Solver`, which has all of the course's. It
    also trains models and update rules that are written for the course.
    """

    _data_keys, _first_of_equals = (*solver.DATA, "X_test", "y_test"), True

    def __init__(self, model, data, **options):
        options.setdefault("seed", np.random.randint(2**31 - 1))  # noqa: NPY002, notebooks call np.random.seed
        super().__init__(model, data, **{**DEFAULTS, **options})
