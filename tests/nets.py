"""What the tests of networks and training share: real data, and a model that is not numbanet's own."""

import numpy as np
import pytest

from numbanet import data
from numbanet.callbacks import Callback


def digits(train=200, val=100):
    """The handwritten digits, scaled to [0, 1], as the Solver takes them."""
    whole = data.load_digits()
    X, y = whole.X.reshape(-1, 64) / 16.0, whole.y
    return {
        "X_train": X[:train],
        "y_train": y[:train],
        "X_val": X[train : train + val],
        "y_val": y[train : train + val],
    }


class CourseModel:
    """A linear softmax classifier as a student writes it: a dict of arrays and ``loss(X, y)``."""

    seed = 0  # where the Solver takes its own from

    def __init__(self, features=64, classes=10):
        rng = np.random.default_rng(0)
        self.params = {"W": 0.01 * rng.standard_normal((features, classes)), "b": np.zeros(classes)}

    def loss(self, X, y=None):
        scores = X @ self.params["W"] + self.params["b"]
        if y is None:
            return scores
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        loss = -np.log(p[rows, y]).mean()
        p[rows, y] -= 1
        p /= len(y)
        return loss, {"W": X.T @ p, "b": p.sum(axis=0)}


def each_step(function):
    """A function of the solver as a list of callbacks, called after every step."""
    return [Callback(on_step_end=lambda solver, logs: function(solver))]


def assert_gradients_agree(net, x, y, samples, step, rel, abs):
    """The gradients of a network (float64) against centred differences, at `samples` places of each parameter."""
    net.fixed_dropout = True
    _, grads = net.loss(x, y)
    rng = np.random.default_rng(0)
    for name, w in net.params.items():
        for place in rng.integers(w.size, size=samples):
            at = np.unravel_index(place, w.shape)
            kept = w[at]
            w[at] = kept + step
            above = net.loss(x, y)[0]
            w[at] = kept - step
            below = net.loss(x, y)[0]
            w[at] = kept
            assert grads[name][at] == pytest.approx((above - below) / (2 * step), rel=rel, abs=abs), name
