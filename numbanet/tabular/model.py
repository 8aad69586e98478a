"""What has been learnt of a table: its preprocessing and its networks, in one object, which takes raw rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import checkpoint
from .._checks import describe, sequence
from ..data import TablePreprocessor
from ..models import Sequential

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .._types import Array, ArrayLike, FloatArray, Ops, StrPath
    from ..losses import Loss
    from .recipe import Recipe


SPACING = np.finfo(np.float32).eps


class TableModel:
    """A preprocessor and the networks behind it: raw rows go in, and the mean of what the networks say comes out.

    Parameters
    ----------
    preprocessor : numbanet.data.TablePreprocessor
        Fitted to the training rows.
    networks : sequence of Sequential
        One, or several with the same loss, whose probabilities, or values, are averaged.
    recipe : Recipe, optional
        That they are made by.

    Attributes
    ----------
    loss_function : numbanet.Loss
        What scores mean: that of the networks or, of one that holds several members, that of a member.
    class_names : tuple of str or None
        What the classes are called.
    feature_names : tuple of str
        The columns.

    Raises
    ------
    TypeError, ValueError
        For networks that do not take what the preprocessor gives, or that do not fit together.
    """

    def __init__(
        self, preprocessor: TablePreprocessor, networks: Sequence[Sequential], recipe: Recipe | None = None
    ) -> None:
        if not isinstance(preprocessor, TablePreprocessor):
            raise TypeError(f"preprocessor: expected a numbanet.data.TablePreprocessor, got {describe(preprocessor)}")
        networks = tuple(sequence("networks", networks, "networks"))
        if not networks:
            raise ValueError("networks: expected at least one")
        for place, network in enumerate(networks):
            if not isinstance(network, Sequential):
                raise TypeError(f"networks[{place}]: expected a Sequential, got {describe(network)}")
            if network.input_shape != (preprocessor.layout.width,):
                raise ValueError(
                    f"networks[{place}]: takes examples of shape {network.input_shape}, and the preprocessor gives "
                    f"{preprocessor.layout.width} values"
                )
            if network.loss_function != networks[0].loss_function or network.output_size != networks[0].output_size:
                raise ValueError(f"networks[{place}]: its loss or its outputs are not those of the first")
        self.preprocessor, self.networks, self.recipe = preprocessor, networks, recipe

    @property
    def loss_function(self) -> Loss:
        return self.networks[0].loss_function

    @property
    def ops(self) -> Ops:
        """The operations that the networks compute with."""
        return self.networks[0].ops

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return self.networks[0].class_names

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.preprocessor.names

    @property
    def num_parameters(self) -> int:
        """Number of values that are learnt."""
        return sum(network.num_parameters for network in self.networks)

    def scores(self, X: Any) -> FloatArray:
        """What the networks say together: of classes the logarithms of the mean probabilities, else the mean values.

        Parameters
        ----------
        X : Table, frame or array-like, shape (N, columns)
            Raw rows. The columns of tables and frames are found by their names.

        Returns
        -------
        ndarray, shape (N, outputs)
            Of a single network its scores; values in the targets' own units.

        Raises
        ------
        TypeError, ValueError
            For columns that are missing, or of another kind than they were; the message names them.
        """
        return self._scores(self.preprocessor.transform(X))

    def _scores(self, rows: Array) -> FloatArray:
        networks, loss = self.networks, self.networks[0].loss_function
        if not loss.classifies:
            values = np.mean([network.predict(rows) for network in networks], axis=0)
            return values.reshape(len(rows), -1)
        if len(networks) == 1 and loss == self.loss_function:
            return networks[0].loss(rows)
        shares = np.mean([network.predict_proba(rows) for network in networks], axis=0)
        shares = np.maximum(shares, np.finfo(shares.dtype).tiny)  # of which there is a logarithm
        return np.log(shares) if not loss.per_output else np.log(shares) - np.log1p(-np.minimum(shares, 1 - SPACING))

    def predict(self, X: Any) -> Array:
        """Numbers of classes (N,), or values (N,) or (N, M), of raw rows."""
        return self._decided(self.scores(X))

    def _decided(self, scores: FloatArray) -> Array:
        if self.loss_function.classifies:
            return self.loss_function.predict(scores)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities of the classes of raw rows, shape (N, C): the mean of what the networks give.

        Raises
        ------
        ValueError
            Where the loss has none.
        """
        return self.loss_function.probabilities(self.scores(X), self.ops)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy for classes, R² for values; see `Sequential.score`."""
        return self.evaluate(X, y, sample_weight)[1]

    def evaluate(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[float, float]:
        """Mean loss of what the networks say together, and `score`; both by `sample_weight`, where that is given."""
        network, loss = self.networks[0], self.loss_function
        rows = self.preprocessor.transform(X)
        y = network.check_targets("y", y, len(rows))
        weighed = () if sample_weight is None else (network.check_weights("sample_weight", sample_weight, len(rows)),)
        scores = self._scores(rows)
        scaler = network.target_scaler
        standardised = scores if scaler is None else scaler.apply(scores).astype(network.dtype)
        mean = loss.mean(standardised, y, self.ops, *weighed)
        return mean, loss.score(self._decided(scores), network.own_targets(y), *weighed)

    def save(
        self, path: StrPath, extra: Mapping[str, Any] | None = None, extra_arrays: Mapping[str, ArrayLike] | None = None
    ) -> None:
        """Write all of it to one file, an npz archive without pickle, that `numbanet.load` reads.

        Parameters
        ----------
        path : str or path-like
        extra : dict, optional
            What else belongs to the model, as JSON can hold it.
        extra_arrays : dict of ndarray, optional

        Raises
        ------
        OSError
            Where the file cannot be written; one that was there is left as it was.
        """
        checkpoint.save_table_model(path, self, extra, extra_arrays)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}: {self.num_parameters:,} parameters in {len(self.networks)} network(s)"]
        return "\n".join([*lines, *self.preprocessor.describe(), repr(self.networks[0])])
