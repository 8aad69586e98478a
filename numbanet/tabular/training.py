"""A recipe at work: from the rows of a table to its networks, trained by a `Solver` each."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._many import train_many
from ..callbacks import EarlyStopping, ReduceLROnPlateau
from ..data import StreamedTable, TablePreprocessor, TargetScaler
from ..data.table import as_table
from ..training.solver import Solver
from .model import TableModel
from .networks import network_of, training_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._types import Array, DTypeLike, FloatArray
    from ..data import Table
    from ..losses import Loss
    from .recipe import Recipe


class Rows(NamedTuple):
    """Rows of a table, their targets as a network takes them, and how much each counts."""

    table: Table
    y: Array
    weights: FloatArray | None = None


class TableTraining:
    """What a recipe makes of a table, ready to be trained.

    What is learnt before training, the preprocessing and the spread of the targets, is learnt of the training rows
    whose weight is not 0, and of no others.

    Parameters
    ----------
    recipe : Recipe
    train : tuple of (table, y), or (table, y, weights)
        Table, frame or array of raw rows, and their classes (N,), or values (N,) or (N, M).
    held_out : tuple likewise, optional
        Validation data, which tell the best epoch.
    left_out : ndarray of int64, optional
        Rows of a `StreamedTable` that nothing is learnt from; weights it has none.
    outputs : int, optional
        Number of classes or targets; by default what `y` has.
    loss : numbanet.Loss, optional
        In the place of the recipe's.
    class_names : sequence of str, optional
    dtype : float32 or float64
    seed : int
        Of everything; networks packed together count on from it.
    callbacks : sequence
        See `Solver`. Of networks packed together the first has them, since they train side by side; the others have
        copies of those that steer: `EarlyStopping` and `ReduceLROnPlateau`.
    **options
        Any other option of `Solver`, such as `metrics` and `verbose`.

    Attributes
    ----------
    model : TableModel
        The networks share it; it is trained when `train` ends.
    solvers : list of Solver
        One for each network.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: tuple[Any, ...],
        held_out: tuple[Any, ...] | None = None,
        *,
        left_out: Any = None,
        outputs: int | None = None,
        loss: Loss | None = None,
        class_names: Sequence[str] | None = None,
        dtype: DTypeLike = "float32",
        seed: int = 0,
        callbacks: Sequence[Any] = (),
        **options: Any,
    ) -> None:
        table, y, weights = Rows(*train)
        table = as_table(table)
        y = np.asarray(y)
        counted = slice(None) if weights is None or (np.asarray(weights) > 0).all() else np.asarray(weights) > 0
        preprocessor = TablePreprocessor(
            numbers=recipe.numbers,
            clip=recipe.clip or None,
            max_one_hot=recipe.max_one_hot if recipe.embedding_units else None,
            dtype=dtype,
        )
        streamed = table if isinstance(table, StreamedTable) else None
        learnt = streamed.sample(seed=seed, left_out=left_out) if streamed else table[counted]
        preprocessor.fit(learnt)
        if outputs is None:
            outputs = (int(y.max()) + 1 if y.ndim == 1 else y.shape[1]) if recipe.classifies else y[:1].size
        X = streamed.transform(preprocessor) if streamed else preprocessor.transform(table)
        data = {"X_train": X, "y_train": y, "sample_weight_train": weights, "rows_left_out": left_out}
        if held_out is not None:
            table_val, y_val, weights_val = Rows(*held_out)
            data["X_val"] = preprocessor.transform(table_val)
            data |= {"y_val": np.asarray(y_val), "sample_weight_val": weights_val}
        data = {name: part for name, part in data.items() if part is not None}
        if left_out is not None:
            y = np.delete(y, left_out, axis=0)
        scaler = None if recipe.classifies else TargetScaler.fit(y, recipe.clamp, weights)
        self.solvers = []
        steering = [each for each in callbacks if isinstance(each, (EarlyStopping, ReduceLROnPlateau))]
        made_for = (recipe, preprocessor.layout, outputs)
        examples = None
        if recipe.data_init:
            examples = preprocessor.transform(learnt) if streamed else X[counted]
        for place in range(recipe.n_packed):
            network = network_of(*made_for, X=examples, loss=loss, dtype=dtype, seed=seed + place)
            network.target_scaler = scaler
            network.class_names = None if class_names is None else tuple(class_names)
            called = list(callbacks) if place == 0 else copy.deepcopy(steering)
            trained = training_of(recipe, network, len(y[counted]), held_out is not None)
            self.solvers.append(Solver(network, data, **{**trained, **options}, callbacks=called, seed=seed + place))
        self.model = TableModel(preprocessor, [solver.model for solver in self.solvers], recipe)

    def train(self) -> None:
        """Train all of them, several side by side; see `Solver.train` and `train_many`.

        Raises
        ------
        TrainingDiverged
            Where the loss of one became NaN or infinite.
        """
        if len(self.solvers) == 1:
            self.solvers[0].train()
            return
        for error in train_many(self.solvers):
            if error is not None:
                raise error
