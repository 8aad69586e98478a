"""The classifier in the place of scikit-learn's `MLPClassifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target

from ..losses import Loss
from . import _labels, _network
from ._estimator import keep
from ._mlp import MLP, partial_fit_available
from ._targets import Classes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from typing_extensions import Self


class MLPClassifier(Classes, MLP):
    """Multi-layer perceptron classifier, in the place of scikit-learn's `sklearn.neural_network.MLPClassifier`.

    Same parameters, attributes and messages; parameters after `max_fun` are numbanet's own. 'sgd' and 'lbfgs' give the
    same numbers but for rounding. So does 'adam', but where gradients are as small as `epsilon`, which is added after
    the bias of the moments is corrected, as published.

    Parameters
    ----------
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
    loss : str or numbanet.Loss, default='log_loss'
        'log_loss' is the cross-entropy that suits the labels. Or any loss of numbanet's that classifies, such as 'svm'.
    schedule : str, numbanet.schedules.Schedule, callable or sequence, default=None
        Of the learning rate, for 'sgd' and 'adam', in the place of `learning_rate`; see `numbanet.Solver`. Laid out
        over `max_iter` epochs.
    dropout : float, default=0.0
        Probability to drop a value of a hidden layer in training.
    normalization : {None, 'batchnorm', 'layernorm'}, default=None
        Between each hidden layer and its activation.
    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes, which multiply those of the examples.
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
    classes_ : ndarray of shape (n_classes,)
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases of each layer: the network's own arrays.
    loss_, best_loss_ : float
        Loss of the last epoch, and the lowest; the latter is None where a validation score decides.
    loss_curve_ : list of float
        Mean loss of each epoch, penalty included.
    validation_scores_, best_validation_score_ : list of float, float
        Accuracy on validation data after each epoch, None where there are none.
    n_iter_, t_ : int
        Epochs of the last fit, and examples seen in all.
    n_features_in_, n_layers_, n_outputs_ : int
    feature_names_in_ : ndarray of str
        Where X has names.
    out_activation_ : str
        'softmax' for several classes, 'logistic' for two and for multi-label.

    Raises
    ------
    ValueError
        For data and parameters out of range, and where the loss became NaN or infinite, in scikit-learn's words.

    Examples
    --------
    >>> from numbanet.sklearn import MLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier(max_iter=50, random_state=0, early_stopping=True).fit(X / 16, y)
    >>> model.score(X / 16, y) > 0.95
    True
    """

    _parameter_constraints: dict = {
        **MLP._parameter_constraints,
        "loss": [StrOptions({"log_loss", *_network.names_of(classify=True)}), Loss],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
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
        loss: str | Loss = "log_loss",
        schedule: Any = None,
        dropout: float = 0.0,
        normalization: str | None = None,
        class_weight: Any = None,
        callbacks: Any = None,
        dtype: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        keep(self, locals())

    @partial_fit_available
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Update the model with a single iteration over the given data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,)
            The target values.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts.
        classes : array of shape (n_classes,), default=None
            All classes there will be; needed in the first call.

        Returns
        -------
        self : object
            The estimator.
        """
        if _check_partial_fit_first_call(self, classes):
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = _labels.binarizer_of(y if multilabel else classes)
        return self._partial_fit(X, y, sample_weight)
