"""A network together with what it knows about data: the names of classes and features."""

import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from .._mapped import pieces
from ..checkpoint import network_arrays
from ..data import StreamedTable, Table
from ..errors import CheckpointError, DataError
from ..loading import load_model
from ..models import Sequential
from ._files import MODEL

SCALED = 16  # values: examples of so many, as images, have one scale


@dataclass
class Trained:
    """What a model file of ``numbanet train`` holds.

    Attributes
    ----------
    model : Sequential
        With a standardizer.
    class_names : tuple of str, or None for regression
    feature_names : tuple of str, or None
    target : str, list of str, or None
        The column of labels in a table, or the columns, as ``--target`` takes them.
    about : dict
        What else is known of the training, such as the fingerprint of its data.
    """

    model: Sequential
    class_names: tuple | None
    feature_names: tuple | None = None
    target: str | list | None = None
    about: dict = field(default_factory=dict)
    solvers: list = field(default_factory=list)  # of a table that is trained
    is_table: ClassVar[bool] = False

    def save(self, path):
        """Write it all to one file; see `Sequential.save`."""
        names = {"class_names": self.class_names, "feature_names": self.feature_names, "target": self.target}
        self.model.save(path, extra={**names, "about": self.about})

    @classmethod
    def load(cls, path):
        """Read what `save` wrote; `path` may be the folder of a run. CheckpointError where it is something else."""
        path = Path(path, MODEL) if Path(path).is_dir() else Path(path)
        model, extra, _ = load_model(path)
        if not isinstance(model, Sequential):
            from ._tabular import TrainedTable

            return TrainedTable.stored(model, extra)
        loss = model.loss_function
        if loss.classifies and loss.per_output:
            raise CheckpointError(
                f"{path}: a network trained with {model.loss_name}, which neither tells classes apart nor gives values"
            )
        if model.standardizer is None:
            raise CheckpointError(f"{path}: lacks what numbanet train stores with a network: standardisation")
        try:
            trained = cls(
                model,
                _names(extra["class_names"]) if loss.classifies else None,
                model.feature_names,
                extra.get("target"),
                dict(extra.get("about", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: lacks what numbanet train stores with a network: names ({error})") from None
        if loss.classifies and len(trained.class_names) != model.output_size:
            raise CheckpointError(
                f"{path}: a network for {model.output_size} classes, stored with {len(trained.class_names)} names"
            )
        return trained

    @property
    def task(self):
        return "classification" if self.model.loss_function.classifies else "regression"

    @property
    def target_names(self):
        """What the values of regression are called."""
        count = len(self.target) if isinstance(self.target, list) else 1
        if count == self.outputs and self.target is not None:
            return self.target if isinstance(self.target, list) else [self.target]
        return ["value"] if self.outputs == 1 else [f"value {number + 1}" for number in range(self.outputs)]

    @property
    def outputs(self):
        """Number of classes, or of values."""
        return self.model.output_size

    @property
    def scales_targets(self):
        """Whether it learns standardised values."""
        return self.model.target_scaler is not None

    @property
    def nbytes(self):
        """Size of the arrays that are saved."""
        return sum(array.nbytes for array in network_arrays(self.model).values())

    @property
    def input_shape(self):
        """Shape of one example before it is flattened."""
        return self.model.standardizer.mean.shape

    def check_range(self, X, source):
        """DataError where examples of many values are plainly of another scale than those that were trained on."""
        if "range" not in self.about or math.prod(X.shape[1:]) < SCALED:
            return
        low, high = self.about["range"]
        least, most = float(X.min()), float(X.max())
        if least >= 0 and 0 < most <= 1 < self.model.standardizer.mean.mean() and high >= 8:
            remedy = f"multiply them by {high:g}"
        elif most >= 8 * max(abs(low), abs(high)) and X.mean() > high:
            remedy = f"divide them by {most:g}, or as the others were"
        else:
            return
        raise DataError(
            f"{source}: holds values from {least:g} to {most:g}, and the network was trained on {low:g} to {high:g}: "
            f"{remedy}"
        )

    def prepare(self, dataset, source):
        """The examples of a data set as the network takes them: columns in its order.

        Raises
        ------
        DataError
            Where the shape of the examples is another, or a column is missing.
        ValueError
            Where a value is too large when standardised.
        """
        X = dataset.X
        if self.feature_names and dataset.feature_names and dataset.feature_names != self.feature_names:
            missing = [name for name in self.feature_names if name not in dataset.feature_names]
            if missing:
                raise DataError(
                    f"{source}: lacks the columns {', '.join(missing[:20])} that the network was trained on"
                )
            X = X[:, [dataset.feature_names.index(name) for name in self.feature_names]]
        # Examples that lie flat may be those of any shape; other than that, axes could be in another order.
        flat = 1 in (len(X.shape[1:]), len(self.input_shape)) and math.prod(X.shape[1:]) == math.prod(self.input_shape)
        if X.shape[1:] != self.input_shape and not flat:
            raise DataError(
                f"{source}: holds examples of shape {X.shape[1:]}; the network was trained on {self.input_shape}"
            )
        self.model.standardizer.check("X", X, self.model.dtype)
        shape = self.model.input_shape
        return X.reshape(len(X), *(self.input_shape if len(shape) == 1 else shape))

    def predict(self, dataset, source):
        """The number of the likeliest class of every example, or its values."""
        return self.model.predict(self.prepare(dataset, source))

    def judge(self, X, y):
        """Mean loss and predictions of examples as `prepare` gives them, with their labels."""
        model, scores = self.model, self.model.loss(X)
        return model.judged(X, model.check_targets("y", y, len(y)), scores)[0], model.decided(scores)

    def drop_unbegun(self):
        """Leave out networks whose training was stopped before it began: of one, nothing."""

    def remarks(self, dataset):
        """What is to be said of examples to predict: nothing."""
        return []

    def labels(self, dataset, source):
        """The labels of a data set, numbered as the network's classes, which are matched by name; or its values."""
        if dataset.y is None:
            raise DataError(f"{source}: holds no labels")
        if self.task == "regression":
            count = self.outputs
            if dataset.num_targets != count:
                raise DataError(f"{source}: holds {dataset.num_targets} targets; the network was trained on {count}")
            return dataset.y
        numbers = {name: number for number, name in enumerate(self.class_names)}
        used = np.unique(dataset.y)
        unknown = [dataset.class_names[label] for label in used if dataset.class_names[label] not in numbers]
        if unknown:
            raise DataError(
                f"{source}: labels {', '.join(unknown[:20])} are not among the classes that the network knows, "
                f"{', '.join(self.class_names[:20])}"
            )
        matching = np.zeros(len(dataset.class_names), np.int64)
        matching[used] = [numbers[dataset.class_names[label]] for label in used]
        return matching[dataset.y]


def fingerprint(dataset):
    """A number that tells these examples from others."""
    X, found = dataset.X, 0
    if isinstance(X, StreamedTable):
        return X.checksum()
    arrays = (X.numbers, X.codes) if isinstance(X, Table) else (X,)
    for array in arrays:
        for piece in pieces(array, 4096):
            found = zlib.crc32(np.ascontiguousarray(piece), found)
    return found


def _names(value):
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError(f"expected a list of names, got {value!r:.60}")
    return tuple(value)
