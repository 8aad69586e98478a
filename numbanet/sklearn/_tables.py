"""Estimators for tables as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.utils._param_validation import StrOptions

from ..losses import BinaryCrossEntropy, Loss, Softmax, SquaredError
from . import _labels
from ._estimator import keep
from ._tabular import SHARE, Tabular
from ._targets import Classes, Values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


class TabularClassifier(Classes, Tabular):
    """Classifier for tables as they are: categories, gaps and all; no tuning needed.

    Takes frames of pandas, polars or Arrow, and arrays; what it learns of the columns, such as medians and categories,
    it learns of the rows that it trains on and applies when it predicts. Parameters that are None are as the preset
    has them. With all of its parts, the recipe is RealMLP's (arXiv:2407.04491) and TabM's (arXiv:2410.24210).

    Parameters
    ----------
    preset : {'ensemble', 'fast', 'td', 'td-s', 'mlp'}, default='ensemble'
        See `numbanet.tabular.recipe`.
    epochs, batch_size : int, default=None
    learning_rate : float, default=None
    schedule : str, default=None
        Of the learning rate; see `numbanet.schedules`.
    hidden_sizes : sequence of int, default=None
        Width of each hidden layer.
    activation : str, default=None
        A name in `numbanet.layers.ACTIVATIONS`.
    dropout : float, default=None
        Probability to drop a hidden value in training.
    weight_decay : float, default=None
    label_smoothing : float, default=None
        Part of the target that all classes get alike.
    n_members : int, default=None
        Networks in one that share their weights but for scalings of their own, and whose probabilities are averaged.
    n_packed : int, default=None
        Networks by themselves, each trained on a core of its own, whose probabilities are averaged.
    options : dict, default=None
        Any other option of `numbanet.tabular.Recipe`, such as ``{"front_scale": False}``.
    categorical : sequence of str, default=()
        Columns of numbers that are categories; of an array they are called x0, x1 and so on.
    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, which multiply those of the examples.
    validation_fraction : float, default=0.2
        The part of the rows to set aside, whose loss or score tells the best epoch, where `fit` is given none. None
        trains on all rows, to the last epoch.
    monitor : {'loss', 'score'}, default=None
        What tells it: the loss, or the accuracy.
    patience : int, default=None
        Epochs without a gain after which training stops; 0 is never.
    metrics : sequence of str and callable, default=()
        What else to measure on the validation data.
    callbacks : list, default=None
        See `numbanet.callbacks`. Of packed networks the first alone has them, but for those that steer: the others have
        copies of `EarlyStopping` and `ReduceLROnPlateau`. `patience` is for all.
    verbose : bool, default=False
    dtype : {'float32', 'float64'}, default='float32'
        In which to compute.
    random_state : int, RandomState instance, default=None
        Of the initial weights, the order of the rows, dropout and the validation split.
    n_jobs : int or None, default=None
        Number of threads; -1 is all cores.

    Attributes
    ----------
    model_ : numbanet.tabular.TableModel
        ``model_.save(path)`` keeps it, preprocessing and all; `numbanet.load` reads it.
    recipe_ : numbanet.tabular.Recipe
    history_ : numbanet.training.history.History
        Losses, and what was measured, of each epoch; `histories_` has that of each packed network.
    n_iter_ : int
        Number of epochs.
    n_outputs_, n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has names.
    classes_ : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        For options that are unknown or out of range, and for columns that are missing or of another kind than those
        that were fitted; the message names them.
    numbanet.TrainingDiverged
        Where the loss became NaN or infinite.

    Examples
    --------
    >>> from numbanet.sklearn import TabularClassifier
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = TabularClassifier(epochs=20, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _one_output = False
    _parameter_constraints: dict = {
        **Tabular._parameter_constraints,
        "label_smoothing": SHARE,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    loss = "log_loss"  # as what targets are is told by

    def __init__(
        self,
        preset: str = "ensemble",
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
        hidden_sizes: Sequence[int] | None = None,
        activation: str | None = None,
        dropout: float | None = None,
        weight_decay: float | None = None,
        label_smoothing: float | None = None,
        n_members: int | None = None,
        n_packed: int | None = None,
        options: Mapping[str, Any] | None = None,
        categorical: Sequence[str] = (),
        class_weight: Any = None,
        validation_fraction: float | None = 0.2,
        monitor: str | None = None,
        patience: int | None = None,
        metrics: Sequence[Any] = (),
        callbacks: Sequence[Any] | None = None,
        verbose: bool = False,
        dtype: Any = "float32",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        keep(self, locals())

    def _table_loss(self, smoothing: float) -> Loss:
        if _labels.is_multilabel(self._label_binarizer):
            return BinaryCrossEntropy()
        return Softmax(smoothing)


class TabularRegressor(Values, Tabular):
    """Regressor for tables as they are: categories, gaps and all; no tuning needed.

    Takes frames of pandas, polars or Arrow, and arrays; what it learns of the columns, such as medians and categories,
    it learns of the rows that it trains on and applies when it predicts. Targets are standardised inside. Parameters
    that are None are as the preset has them. With all of its parts, the recipe is RealMLP's (arXiv:2407.04491) and
    TabM's (arXiv:2410.24210).

    Parameters
    ----------
    preset : {'ensemble', 'fast', 'td', 'td-s', 'mlp'}, default='ensemble'
        See `numbanet.tabular.recipe`.
    epochs, batch_size : int, default=None
    learning_rate : float, default=None
    schedule : str, default=None
        Of the learning rate; see `numbanet.schedules`.
    hidden_sizes : sequence of int, default=None
        Width of each hidden layer.
    activation : str, default=None
        A name in `numbanet.layers.ACTIVATIONS`.
    dropout : float, default=None
        Probability to drop a hidden value in training.
    weight_decay : float, default=None
    n_members : int, default=None
        Networks in one that share their weights but for scalings of their own, and whose values are averaged.
    n_packed : int, default=None
        Networks by themselves, each trained on a core of its own, whose values are averaged.
    options : dict, default=None
        Any other option of `numbanet.tabular.Recipe`, such as ``{"front_scale": False}``.
    categorical : sequence of str, default=()
        Columns of numbers that are categories; of an array they are called x0, x1 and so on.
    validation_fraction : float, default=0.2
        The part of the rows to set aside, whose loss or score tells the best epoch, where `fit` is given none. None
        trains on all rows, to the last epoch.
    monitor : {'loss', 'score'}, default=None
        What tells it: the loss, or R².
    patience : int, default=None
        Epochs without a gain after which training stops; 0 is never.
    metrics : sequence of str and callable, default=()
        What else to measure on the validation data.
    callbacks : list, default=None
        See `numbanet.callbacks`. Of packed networks the first alone has them, but for those that steer: the others have
        copies of `EarlyStopping` and `ReduceLROnPlateau`. `patience` is for all.
    verbose : bool, default=False
    dtype : {'float32', 'float64'}, default='float32'
        In which to compute.
    random_state : int, RandomState instance, default=None
        Of the initial weights, the order of the rows, dropout and the validation split.
    n_jobs : int or None, default=None
        Number of threads; -1 is all cores.

    Attributes
    ----------
    model_ : numbanet.tabular.TableModel
        ``model_.save(path)`` keeps it, preprocessing and all; `numbanet.load` reads it.
    recipe_ : numbanet.tabular.Recipe
    history_ : numbanet.training.history.History
        Losses, and what was measured, of each epoch; `histories_` has that of each packed network.
    n_iter_ : int
        Number of epochs.
    n_outputs_, n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has names.

    Raises
    ------
    ValueError
        For options that are unknown or out of range, and for columns that are missing or of another kind than those
        that were fitted; the message names them.
    numbanet.TrainingDiverged
        Where the loss became NaN or infinite.

    Examples
    --------
    >>> from numbanet.sklearn import TabularRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = TabularRegressor(epochs=20, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.4
    True
    """

    _parameter_constraints: dict = {**Tabular._parameter_constraints}

    def __init__(
        self,
        preset: str = "ensemble",
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        schedule: str | None = None,
        hidden_sizes: Sequence[int] | None = None,
        activation: str | None = None,
        dropout: float | None = None,
        weight_decay: float | None = None,
        n_members: int | None = None,
        n_packed: int | None = None,
        options: Mapping[str, Any] | None = None,
        categorical: Sequence[str] = (),
        validation_fraction: float | None = 0.2,
        monitor: str | None = None,
        patience: int | None = None,
        metrics: Sequence[Any] = (),
        callbacks: Sequence[Any] | None = None,
        verbose: bool = False,
        dtype: Any = "float32",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        keep(self, locals())

    def _loss(self) -> Loss:
        return SquaredError()

    def _decide(self, scores: Any) -> Any:
        return scores[:, 0] if scores.shape[1] == 1 else scores
