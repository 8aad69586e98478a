"""Callbacks of a `Solver`: what it tells while it trains, and what can be done then.

A callback is an object with hooks, or a function of (solver, logs), which is called after each epoch::

    def report(solver, logs):
        print(logs["epoch"], logs["loss"], logs["val_loss"])

    Solver(model, data, callbacks=[report])
"""

from .training.hooks import Callback

__all__ = ["Callback"]
