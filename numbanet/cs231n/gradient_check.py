"""The course's ``gradient_check.py``: gradients by centred differences, all through `numbanet.testing`.

Every `x` is an array of float64, which is changed element by element and bit for bit the same afterwards. TypeError for
other dtypes: differences of float32 are mostly rounding error.
"""

import random

import numpy as np

from numbanet.testing import numerical_gradient

__all__ = [
    "eval_numerical_gradient",
    "eval_numerical_gradient_array",
    "eval_numerical_gradient_blobs",
    "eval_numerical_gradient_net",
    "grad_check_sparse",
]


def eval_numerical_gradient(f, x, verbose=True, h=0.00001):
    """Gradient of a function with a number as its result.

    Parameters
    ----------
    f : callable
        ``f(x)`` gives a number.
    x : ndarray of float64
    verbose : bool
        Print every element of the gradient.
    h : float
        Step.

    Returns
    -------
    ndarray, the shape of `x`
    """
    gradient = numerical_gradient(f, x, h=h)
    if verbose:
        for index in np.ndindex(x.shape):
            print(index, gradient[index])
    return gradient


def eval_numerical_gradient_array(f, x, df, h=1e-5):
    """Gradient of ``sum(f(x) * df)``, where ``f(x)`` gives an array of the shape of `df`."""
    return numerical_gradient(f, x, df, h=h)


def eval_numerical_gradient_blobs(f, inputs, output, h=1e-5):
    """Gradients of a function on blobs: objects with arrays `vals` and `diffs`.

    Parameters
    ----------
    f : callable
        ``f(*inputs, output)`` writes ``output.vals``.
    inputs : tuple of blobs
    output : blob
        Its `diffs` weight the elements of its `vals`.
    h : float
        Step.

    Returns
    -------
    list of ndarray
        One for each input, of the shape of its `vals`.
    """

    def result(_):
        f(*inputs, output)
        return output.vals

    return [numerical_gradient(result, blob.vals, output.diffs, h=h) for blob in inputs]


def eval_numerical_gradient_net(net, inputs, output, h=1e-5):
    """`eval_numerical_gradient_blobs` of ``net.forward()``."""
    return eval_numerical_gradient_blobs(lambda *blobs: net.forward(), inputs, output, h=h)


def grad_check_sparse(f, x, analytic_grad, num_checks=10, h=1e-5):
    """Print differences and `analytic_grad` at random places of `x`; ``f(x)`` gives a number."""
    for _ in range(num_checks):
        index = tuple(random.randrange(size) for size in x.shape)
        element = x[tuple(slice(i, i + 1) for i in index)]  # a view, so that f sees the change in x
        numerical = numerical_gradient(lambda _: f(x), element, h=h).item()
        analytic = float(analytic_grad[index])
        size = abs(numerical) + abs(analytic)
        error = abs(numerical - analytic) / size if size else 0.0
        print(f"numerical: {numerical:f} analytic: {analytic:f}, relative error: {error:e}")
