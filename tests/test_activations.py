"""Activations: examples by hand, digits where they are hard to keep, and other libraries."""

import math

import numpy as np
import pytest
from cases import call
from compare import BOTH, DTYPES, LN2, LN3, assert_is_that_of_torch, close, expressed, normal

from numbanet import functional as F
from numbanet.operations import backward_takes_output

PHI1 = 0.8413447460685429  # normal distribution function at 1, from a table
DENSITY1 = 0.24197072451914337  # normal density at 1: exp(-1/2) / sqrt(2 pi)

# The tanh form of GELU at 1: u = sqrt(2/pi) (1 + 0.044715), T = tanh(u), and the slope of u.
U = np.sqrt(2 / np.pi) * 1.044715
T = (np.exp(2 * U) - 1) / (np.exp(2 * U) + 1)
SLOPE = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715)

SELU, SELU_BOTH = 1.0507009873554804934, 1.0507009873554804934 * 1.6732632423543772848  # λ, λ α of the paper

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    ("relu_forward", [[-2, 0, 3]], {"out": [0, 0, 3]}),
    ("relu_backward", [[5, 6, 7], [-2, 0, 3]], {"dx": [0, 0, 7]}),  # 0 at the kink
    ("leaky_relu_forward", [[-2, 0, 3], 0.5], {"out": [-1, 0, 3]}),
    ("leaky_relu_backward", [[4, 6, 7], [-2, 0, 3], 0.5], {"dx": [2, 3, 7]}),
    ("elu_forward", [[-LN2, 0, 3], 2.0], {"out": [-1, 0, 3]}),  # 2 (1/2 - 1) = -1
    ("elu_backward", [[4, 5, 7], [-1, 0, 3], 2.0], {"dx": [4, 10, 7]}),  # 4 (-1 + 2), 5 (0 + 2)
    ("sigmoid_forward", [[-LN3, 0, LN3]], {"out": [0.25, 0.5, 0.75]}),  # 1 / (1 + 3), 1 / 2, 1 / (1 + 1/3)
    ("sigmoid_backward", [[16, 4], [0.25, 0.5]], {"dx": [3, 1]}),  # 16 (1/4)(3/4), 4 (1/2)(1/2)
    ("tanh_forward", [[-LN2, 0, LN2]], {"out": [-0.6, 0, 0.6]}),  # (2 - 1/2) / (2 + 1/2) = 3/5
    ("tanh_backward", [[100, 7], [0.6, 0]], {"dx": [64, 7]}),  # 100 (1 - 0.36)
    ("gelu_forward", [[-1, 0, 1]], {"out": [-(1 - PHI1), 0, PHI1]}),
    ("gelu_backward", [[2, 4], [1, 0]], {"dx": [2 * (PHI1 + DENSITY1), 2]}),  # cdf(0) = 1/2
    ("gelu_tanh_forward", [[-1, 0, 1]], {"out": [-(1 - T) / 2, 0, (1 + T) / 2]}),
    ("gelu_tanh_backward", [[2, 4], [1, 0]], {"dx": [(1 + T) + (1 - T * T) * SLOPE, 2]}),
    ("silu_forward", [[-LN3, 0, LN3]], {"out": [-LN3 / 4, 0, 3 * LN3 / 4]}),
    ("silu_backward", [[16, 4], [LN3, 0]], {"dx": [12 + 3 * LN3, 2]}),  # 16 (3/4) (1 + ln3 / 4), 4 (1/2)
    ("softplus_forward", [[-LN3, 0, LN3]], {"out": [2 * LN2 - LN3, LN2, 2 * LN2]}),  # ln 4/3, ln 2, ln 4
    ("softplus_backward", [[16, 4], [LN3, 0]], {"dx": [12, 2]}),  # 16 (3/4), 4 (1/2)
    # tanh(ln s) = (s² - 1) / (s² + 1), with s = 1 + exp(x) = 4/3 2 3: 7/25 3/5 4/5; 10 (4/5 + ln2 (9/25) (2/3)), 5 3/5
    ("mish_forward", [[-LN3, 0, LN2]], {"out": [-0.28 * LN3, 0, 0.8 * LN2]}),
    ("mish_backward", [[10, 5], [LN2, 0]], {"dx": [8 + 2.4 * LN2, 3]}),
    ("selu_forward", [[-LN2, 0, 3]], {"out": [-SELU_BOTH / 2, 0, 3 * SELU]}),  # λ α (1/2 - 1)
    ("selu_backward", [[4, 5, 7], [-SELU_BOTH / 2, 0, 3]], {"dx": [2 * SELU_BOTH, 5 * SELU_BOTH, 7 * SELU]}),
]

ACTIVATIONS = [
    ("relu", {}, lambda x: np.where(x > 0, x, 0)),
    ("leaky_relu", {}, lambda x: np.where(x > 0, x, 0.01 * x)),
    ("leaky_relu", {"negative_slope": 0.3}, lambda x: np.where(x > 0, x, 0.3 * x)),
    ("elu", {}, lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    ("elu", {"alpha": 1.7}, lambda x: np.where(x > 0, x, 1.7 * (np.exp(x) - 1))),
    ("sigmoid", {}, lambda x: 1 / (1 + np.exp(-x))),
    ("tanh", {}, lambda x: 1 - 2 / (np.exp(2 * x) + 1)),
    ("gelu", {}, np.vectorize(lambda x: x / 2 * math.erfc(-x / math.sqrt(2)))),
    ("gelu_tanh", {}, lambda x: x / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    ("silu", {}, lambda x: x / (1 + np.exp(-x))),
]


@BOTH
@pytest.mark.parametrize(("name", "options", "formula"), ACTIVATIONS)
@pytest.mark.parametrize("shape", [(), (7,), (1, 5), (2, 3, 4)])
def test_activations(name, options, formula, shape, ops):
    x = normal(*shape)
    close(getattr(F, f"{name}_forward")(x, **options, ops=ops)[0], formula(x))


SCALE, ALPHA = np.longdouble("1.0507009873554804934"), np.longdouble("1.6732632423543772848")


def exact_softplus(x):
    return np.logaddexp(0, x), 1 / (1 + np.exp(-x))


def exact_mish(x):
    softplus, slope = exact_softplus(x)
    t = np.tanh(softplus)
    return x * t, t + x * slope / np.cosh(np.minimum(softplus, 5000)) ** 2


def exact_selu(x):
    return SCALE * np.where(x > 0, x, ALPHA * np.expm1(x)), SCALE * np.where(x > 0, 1, ALPHA * np.exp(x))


@BOTH
@DTYPES
@pytest.mark.parametrize(
    ("exact", "limit"), [(exact_softplus, 0), (exact_mish, np.nan), (exact_selu, float(-SCALE * ALPHA))]
)
def test_smooth_activations_lose_no_digits(exact, limit, dtype, ops):
    name, eps = exact.__name__.removeprefix("exact_"), np.finfo(dtype).eps
    x = np.array([*np.linspace(-86, 86, 4001), -1e4, 1e4, 1e-30, -1e-30, 0], dtype)
    want, slopes = (value.astype(np.float64) for value in exact(x.astype(np.longdouble)))
    out = call(getattr(ops, f"{name}_forward"), x, out=x.shape)["out"]
    seen = out if backward_takes_output(name) else x
    dx = call(getattr(ops, f"{name}_backward"), np.ones_like(x), seen, dx=x.shape)["dx"]
    np.testing.assert_allclose(out, want, rtol=6 * eps, atol=0)
    np.testing.assert_allclose(dx, slopes, rtol=6 * eps, atol=4 * eps)
    with np.errstate(invalid="ignore"):
        ends = call(getattr(ops, f"{name}_forward"), np.array([-np.inf, np.inf, np.nan], dtype), out=3)["out"]
    np.testing.assert_allclose(ends, [limit, np.inf, np.nan], rtol=eps)


@pytest.mark.parametrize("name", expressed("activations"))
def test_activations_are_those_of_torch(name, torch):
    assert_is_that_of_torch(name, torch)
