"""The course's ``solver.py``."""

import numpy as np

from numbanet import solver

__all__ = ["Solver"]


class Solver(solver.Solver):
    """`numbanet.Solver`, with an order of the examples that follows from the state of ``np.random``.

    Parameters, attributes and errors are those of `numbanet.Solver`, which has all of the course's. It also trains
    models and update rules that are written for the course.
    """

    def __init__(self, model, data, **options):
        options.setdefault("seed", np.random.randint(2**31 - 1))  # noqa: NPY002, notebooks call np.random.seed
        super().__init__(model, data, **options)
