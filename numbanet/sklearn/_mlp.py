"""What `MLPClassifier` and `MLPRegressor` share: checks, fitting, and what scikit-learn asks of an estimator."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..layers import ACTIVATIONS, NORMALIZATIONS
from ..losses import Loss
from . import _lbfgs, _network
from ._estimator import NetworkEstimator
from ._monitoring import Reports
from ._onnx import Convertible
from ._threads import training_threads
from ._training import NON_FINITE, Examples, train

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from ..models import Sequential


EARLY_TOO_SMALL = "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."


def _has_partial_fit(estimator: Any) -> bool:
    if estimator.solver not in ("sgd", "adam"):
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


class MLP(Convertible, NetworkEstimator):
    """Base of the two; what targets are, a mixin of `_targets` says."""

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", *ACTIVATIONS})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "normalization": [StrOptions(set(NORMALIZATIONS)), None],
        "callbacks": [HasMethods("__iter__"), None],
        "dtype": [StrOptions({"float32", "float64"}), type, np.dtype, None],
        "n_jobs": [Integral, None],
    }

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        with training_threads(self.n_jobs):
            return self._fit(X, y, sample_weight, True, (None, None, None))

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool, validation: tuple[Any, Any, Any]) -> Self:
        sizes = self.hidden_layer_sizes if np.iterable(self.hidden_layer_sizes) else [self.hidden_layer_sizes]
        sizes = list(sizes)
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validated(X, y, reset=first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        targets, outputs = self._targets(y, incremental)
        loss = self._loss()
        weights = self._weights(y, sample_weight, incremental)
        dtype = np.dtype(X.dtype if self.dtype is None else self.dtype)
        rng = self._random_state = check_random_state(self.random_state)
        if first:
            self._begin([X.shape[1], *map(int, sizes), outputs], dtype, loss, rng)
        network = self._network_in_use()
        scale = _network.scale_of(loss, outputs)
        examples = Examples(X, targets, weights)
        reports = Reports(self, X, y, sample_weight, self.max_iter) if hasattr(self, "_skl_callbacks") else None
        if self.solver == "lbfgs":
            self._fit_lbfgs(network, examples, scale, reports)
        else:
            self._fit_stochastic(network, examples, scale, rng, incremental, validation, reports)
        if not np.isfinite(network.params.flat).all():
            raise ValueError(NON_FINITE)
        if reports is not None:
            reports.end()
        return self

    def _begin(self, units: list[int], dtype: Any, loss: Loss, rng: np.random.RandomState) -> None:
        """Set all attributes to what they are before the first epoch, and draw the weights."""
        self.n_iter_ = self.t_ = self._no_improvement_count = 0
        self.n_outputs_, self.n_layers_ = units[-1], len(units)
        self.out_activation_ = _network.LINKS.get(loss.name, "identity")
        seed = int(rng.randint(2**31 - 1)) if self.dropout else 0
        network = _network.built(self, units, dtype, loss, seed)
        _network.drawn(network, self.activation, rng)
        self._link(network)
        self._optimizer = None
        if self.solver != "lbfgs":
            self.loss_curve_: list[float] = []
            self._reset_best(self.early_stopping)

    def _reset_best(self, validated: bool) -> None:
        self.best_loss_ = None if validated else np.inf
        self.validation_scores_: list[float] | None = [] if validated else None
        self.best_validation_score_ = -np.inf if validated else None

    def _fitted_with(self, network: Sequential) -> dict[str, Any]:
        """What makes a copy of the estimator one that predicts by this network."""
        coefs, intercepts = _network.arrays_of(network)
        return {"_network": network, "coefs_": coefs, "intercepts_": intercepts, "_linked": [*coefs, *intercepts]}

    def _link(self, network: Sequential) -> None:
        """Make `coefs_` and `intercepts_` the arrays of the network."""
        self.__dict__.update(self._fitted_with(network))

    def _network_in_use(self) -> Sequential:
        """The network whose arrays `coefs_` and `intercepts_` are; another, where somebody has put others there."""
        try:
            linked, arrays = self._linked, [*self.coefs_, *self.intercepts_]
            if len(linked) == len(arrays) and all(map(_is, arrays, linked)):
                return self._network
        except AttributeError:
            check_is_fitted(self)
            return self._from_attributes()
        self._link(_network.with_arrays(self._network, self.coefs_, self.intercepts_))
        return self._network

    def _from_attributes(self) -> Sequential:
        """The network of an estimator whose attributes were set by hand."""
        coefs, intercepts = self.coefs_, self.intercepts_
        dtype = np.result_type(np.float32, *map(np.asarray, coefs))
        units = [np.shape(coefs[0])[0], *(np.shape(coef)[1] for coef in coefs)]
        network = _network.built(self, units, dtype, self._loss(), 0)
        self._link(_network.with_arrays(network, coefs, intercepts))
        self._optimizer = None
        return self._network

    def _fit_lbfgs(self, network: Sequential, examples: Examples, scale: Any, reports: Reports | None) -> None:
        loss = network.loss_function
        exact = network  # rounding of float32 would end the search early
        if network.dtype != np.float64:
            units = [self.n_features_in_, *(coef.shape[1] for coef in self.coefs_)]
            exact = _network.with_arrays(
                _network.built(self, units, np.float64, loss, 0), self.coefs_, self.intercepts_
            )
        exact.l2 = 0.0
        X, y, weights = examples
        y = exact.check_targets("y", y, len(y))
        weights = None if weights is None else exact.check_weights("sample_weight", weights, len(y))
        callback = None
        if reports is not None:
            callback = reports.of_network(exact)
        _lbfgs.minimize(self, exact, Examples(X, y, weights), scale, callback)
        if exact is not network:
            for name, view in network.params.items():
                view[...] = exact.params[name]
            network.state.flat[...] = exact.state.flat

    def _fit_stochastic(
        self,
        network: Sequential,
        examples: Examples,
        scale: Any,
        rng: np.random.RandomState,
        incremental: bool,
        validation: tuple[Any, Any, Any],
        reports: Reports | None,
    ) -> None:
        held_out = None
        if any(each is not None for each in validation):
            held_out = self._validation(*validation)
        elif self.early_stopping:
            examples, held_out = self._split(examples, rng)
        validated = held_out is not None
        if validated != (getattr(self, "validation_scores_", None) is not None):
            self._reset_best(validated)
        alpha = self.alpha / scale.gradient
        if network.l2 != alpha:
            network.l2 = alpha
        train(
            self,
            network,
            examples,
            scale,
            rng,
            score=(lambda: self._validation_score(network, *held_out)) if held_out is not None else None,
            callbacks=[*([] if reports is None else [reports]), *(self.callbacks or ())],
            once=incremental,
        )

    def _split(self, examples: Examples, rng: np.random.RandomState) -> tuple[Examples, tuple[Any, Any, Any]]:
        """What is trained on, and what `early_stopping` sets aside: examples, what their scores should say, weights."""
        X, y, weights = examples
        given = [X, y, *([] if weights is None else [weights])]
        stratify = y if is_classifier(self) and self.n_outputs_ == 1 else None
        parts = train_test_split(*given, random_state=rng, test_size=self.validation_fraction, stratify=stratify)
        if parts[1].shape[0] < 2:
            raise ValueError(EARLY_TOO_SMALL)
        train_weights, own = (None, None) if weights is None else parts[4:]
        return Examples(parts[0], parts[2], train_weights), (parts[1], self._said(parts[3]), own)

    def _validation_score(self, network: Sequential, X: Any, y: Any, weights: Any) -> float:
        scores = network.loss(X)
        if not np.isfinite(scores).all():
            return float("nan")
        return float(self._metric(y, self._decide(scores), sample_weight=weights))

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        linked = state.pop("_linked", None)
        state.pop("_epoch", None)
        if linked is not None and all(map(_is, [*self.coefs_, *self.intercepts_], linked)):
            del state["coefs_"], state["intercepts_"]  # the network has them
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_network" in state and "coefs_" not in state:
            self._link(self._network)


def _is(a: object, b: object) -> bool:
    return a is b


partial_fit_available = available_if(_has_partial_fit)
