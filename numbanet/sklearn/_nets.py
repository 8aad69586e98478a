"""Estimators over any list of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.utils._param_validation import StrOptions

from ..losses import Loss
from . import _network
from ._estimator import keep
from ._net import Net
from ._targets import Classes, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..data import Augment
    from ..layers import Layer


class NetClassifier(Classes, Net):
    """Classifier over any list of layers, for flat examples and for images (N, C, H, W).

    Parameters
    ----------
    layers : list of numbanet layers, default=None
        Any of `numbanet`'s, and of your own. The `Affine` to the outputs is added after them, unless the last one is an
        `Affine` with as many units. None is ``[Affine(100), ReLU()]``.
    input_shape : tuple of int, default=None
        Shape of one example, such as ``(3, 32, 32)``, where the rows of X are flat; None is as X has it.
    loss : str or numbanet.Loss, default='log_loss'
    optimizer : str or callable, default='adamw'
        See `numbanet.Solver`, as of all that follows.
    optimizer_options : dict, default=None
        Such as ``{"learning_rate": 1e-3}``.
    schedule : str, numbanet.schedules.Schedule, callable or sequence, default=None
        Of the learning rate; None is constant, and down in a line over the last quarter.
    epochs : int, default=None
        None is as many as make 4,000 steps, and at least 10.
    batch_size : int, default=100
    l2 : float, default=0.0
        Strength of the L2 penalty on weights.
    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, which multiply those of the examples.
    standardize : bool, default=False
        Whether the network standardises its inputs by the training data.
    augment : numbanet.data.Augment, default=None
        Random crops and mirror images of the training images.
    validation_fraction : float, default=None
        The part of the training data to set aside as validation data, where `fit` is given none.
    metrics : sequence of str and callable, default=()
        What else to measure on the validation data.
    monitor : str, default=None
        What tells the best epoch, whose weights are kept; None is the validation loss.
    patience : int, default=None
        Epochs without a gain after which training stops.
    callbacks : list, default=None
        See `numbanet.callbacks`.
    warm_start : bool, default=False
        Whether `fit` goes on from what was learnt before.
    verbose : bool, default=False
    dtype : {'float32', 'float64'} or None, default=None
        In which to compute; None is that of X.
    random_state : int, RandomState instance, default=None
        Of the initial weights, the order of the examples, dropout and the validation split.
    n_jobs : int or None, default=None
        Number of threads; -1 is all cores.

    Attributes
    ----------
    network_ : numbanet.Sequential
        ``network_.save(path)`` keeps it, with the names of classes and features; with `standardize`, ``numbanet
        evaluate`` and ``numbanet predict`` take the file of a classifier.
    history_ : numbanet.training.history.History
        Losses, and what was measured, of each epoch.
    n_iter_ : int
        Number of epochs.
    n_outputs_, n_features_in_ : int
        Of images, the latter is the number of channels.
    feature_names_in_ : ndarray of str
        Where X has names.
    classes_ : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        For layers that do not fit the examples; the message names the layer and the shape.
    numbanet.TrainingDiverged
        Where the loss became NaN or infinite.

    Examples
    --------
    >>> from numbanet import Affine, Conv, MaxPool, ReLU
    >>> from numbanet.sklearn import NetClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> layers = [Conv(8, 3, padding=1), ReLU(), MaxPool(2), Affine(32), ReLU()]
    >>> model = NetClassifier(layers, input_shape=(1, 8, 8), epochs=20, random_state=0).fit(X / 16, y)
    >>> model.score(X / 16, y) > 0.95
    True
    """

    _one_output = False
    _parameter_constraints: dict = {
        **Net._parameter_constraints,
        "loss": [StrOptions({"log_loss", *_network.names_of(classify=True)}), Loss],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        *,
        input_shape: int | Sequence[int] | None = None,
        loss: str | Loss = "log_loss",
        optimizer: str | Callable[..., Any] = "adamw",
        optimizer_options: Mapping[str, Any] | None = None,
        schedule: Any = None,
        epochs: int | None = None,
        batch_size: int = 100,
        l2: float = 0.0,
        class_weight: Any = None,
        standardize: bool = False,
        augment: Augment | None = None,
        validation_fraction: float | None = None,
        metrics: Sequence[Any] = (),
        monitor: str | None = None,
        patience: int | None = None,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        dtype: Any = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        keep(self, locals())


class NetRegressor(Values, Net):
    """Regressor over any list of layers, for flat examples and for images (N, C, H, W).

    Parameters
    ----------
    layers : list of numbanet layers, default=None
        Any of `numbanet`'s, and of your own. The `Affine` to the outputs is added after them, unless the last one is an
        `Affine` with as many units. None is ``[Affine(100), ReLU()]``.
    input_shape : tuple of int, default=None
        Shape of one example, such as ``(3, 32, 32)``, where the rows of X are flat; None is as X has it.
    loss : str or numbanet.Loss, default='squared_error'
    optimizer : str or callable, default='adamw'
        See `numbanet.Solver`, as of all that follows.
    optimizer_options : dict, default=None
        Such as ``{"learning_rate": 1e-3}``.
    schedule : str, numbanet.schedules.Schedule, callable or sequence, default=None
        Of the learning rate; None is constant, and down in a line over the last quarter.
    epochs : int, default=None
        None is as many as make 4,000 steps, and at least 10.
    batch_size : int, default=100
    l2 : float, default=0.0
        Strength of the L2 penalty on weights.
    standardize : bool, default=False
        Whether the network standardises its inputs by the training data.
    standardize_targets : bool, default=False
        Whether it learns standardised targets; what it predicts is in their own units all the same.
    augment : numbanet.data.Augment, default=None
        Random crops and mirror images of the training images.
    validation_fraction : float, default=None
        The part of the training data to set aside as validation data, where `fit` is given none.
    metrics : sequence of str and callable, default=()
        What else to measure on the validation data.
    monitor : str, default=None
        What tells the best epoch, whose weights are kept; None is the validation loss.
    patience : int, default=None
        Epochs without a gain after which training stops.
    callbacks : list, default=None
        See `numbanet.callbacks`.
    warm_start : bool, default=False
        Whether `fit` goes on from what was learnt before.
    verbose : bool, default=False
    dtype : {'float32', 'float64'} or None, default=None
        In which to compute; None is that of X.
    random_state : int, RandomState instance, default=None
        Of the initial weights, the order of the examples, dropout and the validation split.
    n_jobs : int or None, default=None
        Number of threads; -1 is all cores.

    Attributes
    ----------
    network_ : numbanet.Sequential
        ``network_.save(path)`` keeps it.
    history_ : numbanet.training.history.History
        Losses, and what was measured, of each epoch.
    n_iter_ : int
        Number of epochs.
    n_outputs_, n_features_in_ : int
        Of images, the latter is the number of channels.
    feature_names_in_ : ndarray of str
        Where X has names.

    Raises
    ------
    ValueError
        For layers that do not fit the examples; the message names the layer and the shape.
    numbanet.TrainingDiverged
        Where the loss became NaN or infinite.

    Examples
    --------
    >>> from numbanet import Affine, Tanh
    >>> from numbanet.sklearn import NetRegressor
    >>> from sklearn.datasets import make_friedman1
    >>> X, y = make_friedman1(500, random_state=0)
    >>> model = NetRegressor([Affine(50), Tanh()], standardize=True, epochs=100, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.8
    True
    """

    _parameter_constraints: dict = {
        **Net._parameter_constraints,
        "loss": [StrOptions(_network.names_of(classify=False)), Loss],
        "standardize_targets": ["boolean"],
    }

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        *,
        input_shape: int | Sequence[int] | None = None,
        loss: str | Loss = "squared_error",
        optimizer: str | Callable[..., Any] = "adamw",
        optimizer_options: Mapping[str, Any] | None = None,
        schedule: Any = None,
        epochs: int | None = None,
        batch_size: int = 100,
        l2: float = 0.0,
        standardize: bool = False,
        standardize_targets: bool = False,
        augment: Augment | None = None,
        validation_fraction: float | None = None,
        metrics: Sequence[Any] = (),
        monitor: str | None = None,
        patience: int | None = None,
        callbacks: Sequence[Any] | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        dtype: Any = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        keep(self, locals())
