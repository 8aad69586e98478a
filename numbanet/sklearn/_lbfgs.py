"""L-BFGS, for small data: SciPy's, on the loss and gradient of all examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize
from sklearn.utils.optimize import _check_optimize_result

from . import _network

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._types import Array
    from ..models import Sequential
    from ._network import Scale
    from ._training import Examples


CHUNK = 4096  # examples that go through the network together


class Objective:
    """Loss and gradient of a network's flat parameters, as scikit-learn defines them, penalty included.

    Parameters
    ----------
    network : Sequential
        In float64; without penalty of its own.
    examples : Examples
    alpha : float
        Strength of the L2 penalty, divided by the number of examples, or the sum of their weights.
    scale : Scale
    """

    def __init__(self, network: Sequential, examples: Examples, alpha: float, scale: Scale) -> None:
        self._network, self._examples, self._scale = network, examples, scale
        X, _, weights = examples
        self._total = float(X.shape[0] if weights is None else weights.sum())
        self._decays = np.zeros_like(network.params.flat)
        self._alpha = alpha
        for name, view in network.params.items():
            if name[0] == "W":
                start = (view.ctypes.data - network.params.flat.ctypes.data) // view.itemsize
                self._decays[start : start + view.size] = alpha

    def __call__(self, flat: Array) -> tuple[float, Array]:
        """Loss, and its gradient by each parameter."""
        network, (X, y, weights) = self._network, self._examples
        network.params.flat[...] = flat
        loss, gradient = 0.0, np.zeros_like(flat)
        for start in range(0, X.shape[0], CHUNK):
            rows = slice(start, start + CHUNK)
            part, own = X[rows], None if weights is None else weights[rows]
            if hasattr(part, "toarray"):
                part = part.toarray()
            share = (len(part) if own is None else float(own.sum())) / self._total
            loss += share * float(network.train_batch(part, y[rows], weights=own))
            gradient += share * network.grads.flat
        penalty = self._decays * flat / self._total
        value = loss * self._scale.gradient + 0.5 * float(penalty @ flat)
        return value, gradient * self._scale.gradient + penalty


def minimize(
    estimator: Any,
    network: Sequential,
    examples: Examples,
    scale: Scale,
    callback: Callable[[Array], object] | None,
) -> None:
    """Train the network of an estimator, which gets `loss_` and `n_iter_`."""
    objective = Objective(network, examples, estimator.alpha, scale)
    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    result = scipy.optimize.minimize(
        objective, network.params.flat.copy(), method="L-BFGS-B", jac=True, options=options, callback=callback
    )
    estimator.n_iter_ = _check_optimize_result("lbfgs", result, estimator.max_iter)
    offset = _network.offset_of(network.loss_function, examples.y, examples.weights)
    estimator.loss_ = float(result.fun) * scale.report / scale.gradient + offset
    network.params.flat[...] = result.x
    if estimator.verbose:
        print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
