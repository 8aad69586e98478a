"""Whole steps of training as one call, from the rows of a batch to the update."""

import numpy as np

from .kernels import _program


class TrainingSteps:
    """Whole steps of training without Python: examples gathered, forward, loss, backward, penalties, update.

    Parameters
    ----------
    program : Program
    X, y, optimizer, augment
        See `Program.training_steps`; kept as `given`.

    Attributes
    ----------
    table : numbanet.kernels._program.Table or None
        What the compiled loop walks; None where some operation is not a kernel, or X is of a kind that none takes.
    """

    def __init__(self, program, X, y, optimizer, augment):
        self.program, self.given, self.table = program, (X, y, optimizer, augment), None
        model, rows = program.model, np.zeros(program.batch, np.int64)
        self._augmented = np.array([augment.seed if augment else 0, 0], np.uint64)  # seed and step
        gathers = [_gather(X, rows, program.x), _gather(y, rows, program.y)]
        if augment:
            fits, arguments = augment.takes(X, program.x), augment.arguments(X, rows, self._augmented, program.x)
            gathers[0] = (variant(model.ops.augment, arguments), arguments) if fits else None
        if program._calls is None or None in gathers:
            return
        update, arguments = optimizer.operation(model.params.flat, model.grads.flat)
        calls = _program.calls([*gathers, (update, arguments)])
        if calls is None:
            return
        *self._gathers, self._update = calls
        self.table = _program.Table([*self._gathers, *program._calls, self._update])
        self._losses = _program.Numbers([call.result_cell for call in program._losses], 1)
        self._keys = _program.Numbers([(key[1:].ctypes.data, 1) for key in program._keys], 2)
        scalars = optimizer.rule.scalars
        self._scalars = {name: len(arguments) - len(scalars) + place for place, name in enumerate(scalars)}
        cells = [(call.cell(1), rows.nbytes) for call in self._gathers]
        cells.append((self._augmented[1:].ctypes.data, 1))
        if "t" in scalars:
            cells.append((self._update.cell(self._scalars["t"]), 1))
        self._cells = _program.Numbers(cells, 2)

    def __call__(self, rows, step=0):
        """Take a step on each batch of `rows`, and return the losses.

        Where a loss is NaN or infinite, it is the last: that step has computed gradients, but updated nothing.

        Parameters
        ----------
        rows : ndarray of int64, shape (steps * N,)
            Which examples.
        step : int
            Number of the first step, for `augment`.

        Returns
        -------
        list of float
        """
        X, _, optimizer, _ = self.given
        steps, rows = len(rows) // self.program.batch, np.ascontiguousarray(rows, np.int64)
        if not 0 <= rows.min() <= rows.max() < len(X):  # the kernels would read what lies beyond
            raise IndexError(f"rows: expected 0 to {len(X) - 1}, got {rows.min()} to {rows.max()}")
        for call in self._gathers:
            call.point(1, rows)
        self._augmented[1] = step
        values = {**optimizer.options, "t": optimizer.t + 1}
        for name, position in self._scalars.items():
            self._update.set(position, values[name])
        self._keys.array[:, 1] = 0 if self.program.model.fixed_dropout else 1
        history = np.empty(steps)
        taken = self.table.train(1, self._losses, self._keys, self._cells, history)
        optimizer.t += taken
        return history[: taken + 1].tolist()


def _gather(values, rows, into):
    """The operation that gathers `rows`, as (function, arguments), or None for arrays that it cannot read."""
    flags, dtype = values.flags, values.dtype
    if not (dtype.isnative and dtype != np.float16 and flags.aligned and (values.ndim == 2 or flags.c_contiguous)):
        return None
    arguments = values.reshape(len(values), -1), rows, into.reshape(len(rows), -1)
    return variant(_program.gather, arguments), arguments


def variant(function, arguments):
    """What runs an operation with arguments of these sizes: a kernel has a serial and a parallel form."""
    choose = getattr(function, "variant", None)
    return choose(*arguments) if choose else function
