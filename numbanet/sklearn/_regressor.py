"""The regressor in the place of scikit-learn's `MLPRegressor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from ..losses import Loss
from . import _network
from ._estimator import keep
from ._mlp import MLP, partial_fit_available
from ._targets import Values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from typing_extensions import Self


class MLPRegressor(Values, MLP):
    """Multi-layer perceptron regressor, in the place of scikit-learn's `sklearn.neural_network.MLPRegressor`.

    Same parameters, attributes and messages; parameters after `max_fun` are numbanet's own. 'sgd' and 'lbfgs' give the
    same numbers but for rounding. So does 'adam', but where gradients are as small as `epsilon`, which is added after
    the bias of the moments is corrected, as published.

    Parameters
    ----------
    loss : str or numbanet.Loss, default='squared_error'
        'squared_error' and 'poisson' are scikit-learn's, half of the usual ones; 'poisson' needs ``y >= 0`` and has a
        log link. Or any loss of numbanet's that does not classify, such as 'absolute_error', 'huber' and 'quantile'.
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Width of each hidden layer.
    activation : {'identity', 'logistic', 'tanh', 'relu'} or str, default='relu'
        Of the hidden layers; also those of `numbanet.layers.ACTIVATIONS`, such as 'gelu' and 'leaky_relu'.
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        'lbfgs' is SciPy's quasi-Newton method on all examples at once, which suits small data.
    alpha : float, default=0.0001
        Strength of the L2 penalty on weights, divided by a batch's number of examples, or the sum of their weights.
    batch_size : int or 'auto', default='auto'
        'auto' is ``min(200, n_samples)``.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Only used by 'sgd'. 'invscaling': ``learning_rate_init / t**power_t`` after t examples; 'adaptive': divided by
        5 where there was no gain for more than `n_iter_no_change` epochs.
    learning_rate_init : float, default=0.001
    power_t : float, default=0.5
    max_iter : int, default=200
        Number of epochs, or of iterations of 'lbfgs'.
    shuffle : bool, default=True
        Whether each epoch has a new order.
    random_state : int, RandomState instance, default=None
        Of the initial weights, the order of the examples, the validation split and dropout. The first three are drawn
        as scikit-learn draws them.
    tol : float, default=1e-4
        A gain of less than that does not count.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from what was learnt before.
    momentum : float, default=0.9
        Of 'sgd'.
    nesterovs_momentum : bool, default=True
    early_stopping : bool, default=False
        Whether a part of the training data is set aside, whose score decides when to stop and which weights are kept.
    validation_fraction : float, default=0.1
    beta_1, beta_2 : float, default=0.9, 0.999
        Of 'adam'.
    epsilon : float, default=1e-8
    n_iter_no_change : int, default=10
        Epochs without a gain after which training stops; ``np.inf`` is never.
    max_fun : int, default=15000
        Calls of the loss that 'lbfgs' has at most.
    schedule : str, numbanet.schedules.Schedule, callable or sequence, default=None
        Of the learning rate, for 'sgd' and 'adam', in the place of `learning_rate`; see `numbanet.Solver`. Laid out
        over `max_iter` epochs.
    dropout : float, default=0.0
        Probability to drop a value of a hidden layer in training.
    normalization : {None, 'batchnorm', 'layernorm'}, default=None
        Between each hidden layer and its activation.
    callbacks : list, default=None
        Of numbanet's (`numbanet.callbacks`): functions of (solver, logs), called after each epoch, or objects with
        hooks.
    dtype : {'float32', 'float64'} or None, default=None
        In which to compute; None is that of X. Half the digits take half the time.
    n_jobs : int or None, default=None
        Number of threads; -1 is all cores. None is what pays for networks of this size, and one thread where `fit` is
        called in a thread that is not the main one.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases of each layer: the network's own arrays.
    loss_, best_loss_ : float
        Loss of the last epoch, and the lowest; the latter is None where a validation score decides.
    loss_curve_ : list of float
        Mean loss of each epoch, penalty included.
    validation_scores_, best_validation_score_ : list of float, float
        R² on validation data after each epoch, None where there are none.
    n_iter_, t_ : int
        Epochs of the last fit, and examples seen in all.
    n_features_in_, n_layers_, n_outputs_ : int
    feature_names_in_ : ndarray of str
        Where X has names.
    out_activation_ : str
        'identity', or 'exp' for 'poisson'.

    Raises
    ------
    ValueError
        For data and parameters out of range, and where the loss became NaN or infinite, in scikit-learn's words.

    Examples
    --------
    >>> from numbanet.sklearn import MLPRegressor
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> model = MLPRegressor(random_state=1, max_iter=2000, tol=0.1).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _parameter_constraints: dict = {
        **MLP._parameter_constraints,
        "loss": [StrOptions(_network.names_of(classify=False)), Loss],
    }

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        schedule: Any = None,
        dropout: float = 0.0,
        normalization: str | None = None,
        callbacks: Any = None,
        dtype: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        keep(self, locals())

    @partial_fit_available
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Update the model with a single iteration over the given data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The target values.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts.

        Returns
        -------
        self : object
            The estimator.
        """
        return self._partial_fit(X, y, sample_weight)
