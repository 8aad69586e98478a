"""Every operation on numbers small enough to work out by hand; the arithmetic stands beside them."""

import inspect

import numpy as np
import pytest
from cases import CASES

from numbanet import kernels, reference
from numbanet._image_shapes import workspace

LN2, LN3 = np.log(2), np.log(3)
PHI1 = 0.8413447460685429  # normal distribution function at 1, from a table
DENSITY1 = 0.24197072451914337  # normal density at 1: exp(-1/2) / sqrt(2 pi)

# The tanh form of GELU at 1: u = sqrt(2/pi) (1 + 0.044715), T = tanh(u), and the slope of u.
U = np.sqrt(2 / np.pi) * 1.044715
T = (np.exp(2 * U) - 1) / (np.exp(2 * U) + 1)
SLOPE = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715)

SELU, SELU_BOTH = 1.0507009873554804934, 1.0507009873554804934 * 1.6732632423543772848  # λ, λ α of the paper

ROW, ZERO_KEY = np.zeros(1, np.int64), np.zeros(2, np.uint64)
ROOM = [0.0] * workspace((1, 1, 2, 2))
ONE_IMAGE = [[[[1], [2]], [[3], [4]]]]  # (N, H, W, C)
ONE_FILTER = [[[[1, 10], [100, 1000]]]]  # (F, C, HH, WW)

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
    # [1 2] [1 0 2; 3 1 0] = [7 2 2]; plus the bias
    ("affine_forward", [[[1, 2]], [[1, 0, 2], [3, 1, 0]], [10, -5, -1]], {"out": [[17, -3, 1]]}),
    ("affine_relu_forward", [[[1, 2]], [[1, 0, 2], [3, 1, 0]], [10, -5, -1]], {"out": [[17, 0, 1]]}),
    (  # dx = [1 1] [1 0; 2 3]ᵀ = [1 5] and [2 0] [..]ᵀ = [2 4]; dw = [1 0; 2 4]ᵀ [1 1; 2 0]; db = the column sums
        "affine_backward",
        [[[1, 1], [2, 0]], [[1, 0], [2, 4]], [[1, 0], [2, 3]]],
        {"dx": [[1, 5], [2, 4]], "dw": [[5, 1], [8, 0]], "db": [3, 1]},
    ),
    (  # the second output of the first example was cut off: dout becomes [1 0; 2 0]
        "affine_relu_backward",
        [[[1, 1], [2, 0]], [[1, 0], [2, 4]], [[1, 0], [2, 3]], [[3, 0], [1, 1]]],
        {"dz": [[1, 0], [2, 0]], "dx": [[1, 2], [2, 4]], "dw": [[5, 0], [8, 0]], "db": [3, 0]},
    ),
    (  # with a border of zeros and steps of two, each window meets one pixel, by its last tap first: 1000 1, 100 2, ...
        "conv_forward",
        [ONE_IMAGE, ONE_FILTER, [-5], (2, 2), (1, 1), (1, 1), 1, ROOM],
        {"out": [[[[1000 - 5], [200 - 5]], [[30 - 5], [4 - 5]]]]},
    ),
    (  # the same without the border: 1 + 20 + 300 + 4000
        "conv_relu_forward",
        [ONE_IMAGE, ONE_FILTER, [-5000], (1, 1), (0, 0), (1, 1), 1, ROOM],
        {"out": [[[[0]]]]},
    ),
    (  # dw = 2 x, dx = 2 w
        "conv_backward",
        [[[[[2]]]], ONE_IMAGE, ONE_FILTER, (1, 1), (0, 0), (1, 1), 1, ROOM],
        {"dx": [[[[2], [20]], [[200], [2000]]]], "dw": [[[[2, 4], [6, 8]]]], "db": [2]},
    ),
    # Everything is kept and nothing scaled.
    ("dropout_forward", [[1, -2, 3], np.array([1, 2], np.uint64), 0.0], {"out": [1, -2, 3]}),
    ("dropout_backward", [[1, -2, 3], np.array([1, 2], np.uint64), 0.0], {"dx": [1, -2, 3]}),
    # Philox4x32-10 of counter 0 and key 0 begins with 6627e8d5, 0.399 of 2**32: kept at 1/2, not at 1/4.
    ("dropout_forward", [[3], np.array([0, 0], np.uint64), 0.5], {"out": [6]}),
    ("dropout_forward", [[3], np.array([0, 0], np.uint64), 0.75], {"out": [0]}),
    ("softmax_forward", [[[0, LN3], [5, 5]]], {"out": [[0.25, 0.75], [0.5, 0.5]]}),
    (  # p = 1/4 3/4 and 1/2 1/2: loss (ln 4 + ln 2) / 2, gradient (p - onehot) / 2
        "softmax_loss",
        [[[0, LN3], [5, 5]], np.array([0, 1])],
        {"loss": 1.5 * LN2, "dscores": [[-0.375, 0.375], [0.25, -0.25]]},
    ),
    (  # first: margins 2 - 3 + 1 = 0 and 5 - 3 + 1 = 3; second: 1 - 0.5 + 1 = 1.5 and 0 - 0.5 + 1 = 0.5; loss 5 / 2
        "svm_loss",
        [[[3, 2, 5], [1, 0.5, 0]], np.array([0, 1])],
        {"loss": 2.5, "dscores": [[-0.5, 0, 0.5], [0.5, -1, 0.5]]},
    ),
    # errors 1 -2 0 3: (1 + 4 + 9) / 4; 2 / 4 of each error
    ("squared_error_loss", [[[2, 1], [4, 3]], [[1, 3], [4, 0]]], {"loss": 3.5, "dpred": [[0.5, -1], [0, 1.5]]}),
    # errors 1 -2 0 3 and delta 2: 1/2 + 4/2 + 0 + 2 (3 - 1), and the errors cut off at 2, by 4
    ("huber_loss", [[[2, 1], [4, 3]], [[1, 3], [4, 0]], 2.0], {"loss": 1.625, "dpred": [[0.25, -0.5], [0, 0.5]]}),
    # the same errors: (1 + 2 + 0 + 3) / 4, and their signs by 4
    ("absolute_error_loss", [[[2, 1], [4, 3]], [[1, 3], [4, 0]]], {"loss": 1.5, "dpred": [[0.25, -0.25], [0, 0.25]]}),
    (  # -ln sigmoid(0) = ln 2; z = ln 3, t = 1/2: -(ln 3/4 + ln 1/4) / 2 = 2 ln 2 - ln(3) / 2; sigmoid = 1/2 3/4
        "binary_cross_entropy_loss",
        [[[0, LN3]], [[1, 0.5]]],
        {"loss": (3 * LN2 - LN3 / 2) / 2, "dlogits": [[-0.25, 0.125]]},
    ),
    # 1/4 (1 + 4 + 9); 10 + w / 2
    ("l2_penalty", [[1, -2, 3], 0.5, [10, 10, 10]], {"loss": 3.5, "dw": [10.5, 9, 11.5]}),
    (  # mean 2, variance 4, 1 / sqrt(4 + 12) = 1/4: x_hat = -1/2 1/2; running: halfway from 10 and 0
        "batchnorm_forward",
        [[[0], [4]], [2], [7], 0.5, 12.0, [10], [0]],
        {"running_mean": [6], "running_var": [2], "mean": [2], "inv_std": [0.25], "out": [[6], [8]]},
    ),
    ("batchnorm_inference", [[[0], [4]], [2], [7], [2], [4], 12.0], {"out": [[6], [8]]}),
    (  # x_hat = -1/2 1/2: dbeta = 8, dgamma = 2; dx = 2 (1/4) (dout - 8/2 - x_hat 2/2) = (dout - 4 ± 1/2) / 2
        "batchnorm_backward",
        [[[2], [6]], [[0], [4]], [2], [2], [0.25]],
        {"dx": [[-0.75], [0.75]], "dgamma": [2], "dbeta": [8]},
    ),
    (  # one example: mean 2, variance 4, 1/4 as above: x_hat = -1/2 1/2, times gamma 2 4, plus beta 7 1
        "layernorm_forward",
        [[[0, 4]], [2, 4], [7, 1], 12.0],
        {"mean": [2], "inv_std": [0.25], "out": [[6, 3]]},
    ),
    (  # g = gamma dout = 4 12, mean 8; mean of g x_hat = (-2 + 6) / 2 = 2; dx = (g - 8 - 2 x_hat) / 4 = (∓4 ± 1) / 4
        "layernorm_backward",
        [[[2, 3]], [[0, 4]], [2, 4], [2], [0.25]],
        {"dx": [[-0.75, 0.75]], "dgamma": [-1, 1.5], "dbeta": [2, 3]},
    ),
    (  # one image of two pixels, two groups of two channels: 0 2 2 4 and 0 0 8 8, means 2 and 4, variances 2 and 16,
        # 1 / sqrt(2 + 14) = 1/4 and 1 / sqrt(16 + 14): the second group is 30 times as far apart as its inv_std
        "groupnorm_forward",
        [[[[0, 2, 0, 0], [2, 4, 8, 8]]], [2, 4, 1, 1], [7, 1, 0, 0], 2, 14.0],
        {
            "mean": [[2, 4]],
            "inv_std": [[0.25, 30**-0.5]],
            "out": [[[6, 1, -4 * 30**-0.5, -4 * 30**-0.5], [7, 3, 4 * 30**-0.5, 4 * 30**-0.5]]],
        },
    ),
    (  # one group, x_hat = -1/2 1/2 over two pixels: g = gamma dout = 4 12, and as in layer normalisation
        "groupnorm_backward",
        [[[[2], [6]]], [[[0], [4]]], [2], [[2]], [[0.25]], 1],
        {"dx": [[[-0.75], [0.75]]], "dgamma": [2], "dbeta": [8]},
    ),
    (  # windows 2 x 2 side by side, one channel: 1 4 / 3 4 and 7 5 / 6 NaN
        "max_pool_forward",
        [[[[[1], [4], [7], [5]], [[3], [4], [6], [np.nan]]]], (2, 2), (2, 2), (0, 0)],
        {"out": [[[[4], [np.nan]]]], "where": np.array([[[[1], [3]]]], np.uint8)},
    ),
    (  # the second of the first window's four, the last of the other's
        "max_pool_backward",
        [[[[[10], [20]]]], np.array([[[[1], [3]]]], np.uint8), (2, 2), (2, 2), (0, 0)],
        {"dx": [[[[0], [10], [0], [0]], [[0], [0], [0], [20]]]]},
    ),
    (  # one window of four channels, and a row of pixels below it that no window reaches to
        "max_pool_backward",
        [[[[[1, 2, 3, 4]]]], np.array([[[[0, 1, 2, 3]]]], np.uint8), (2, 2), (2, 2), (0, 0)],
        {"dx": [[[[1, 0, 0, 0], [0, 2, 0, 0]], [[0, 0, 3, 0], [0, 0, 0, 4]], [[0, 0, 0, 0], [0, 0, 0, 0]]]]},
    ),
    (  # and a column of pixels at its right
        "avg_pool_backward",
        [[[[[4, 8, 12, 16]]]], (2, 2), (2, 2), (0, 0)],
        {"dx": [[[[1, 2, 3, 4], [1, 2, 3, 4], [0, 0, 0, 0]], [[1, 2, 3, 4], [1, 2, 3, 4], [0, 0, 0, 0]]]]},
    ),
    (  # windows of three in a row at every pixel, the first and last in part outside: - -3 -1, -3 -1 -1, -1 -1 -
        "max_pool_forward",
        [[[[[-3], [-1], [-1]]]], (1, 3), (1, 1), (0, 1)],
        {"out": [[[[-1], [-1], [-1]]]], "where": np.array([[[[2], [1], [0]]]], np.uint8)},
    ),
    (  # all three point to the same one, and add up
        "max_pool_backward",
        [[[[[1], [2], [4]]]], np.array([[[[2], [1], [0]]]], np.uint8), (1, 3), (1, 1), (0, 1)],
        {"dx": [[[[0], [7], [0]]]]},
    ),
    # (0 + 3 + 6) / 3, (3 + 6 + 0) / 3: the pixel outside counts as 0
    ("avg_pool_forward", [[[[[3], [6]]]], (1, 3), (1, 1), (0, 1)], {"out": [[[[3], [3]]]]}),
    # 3/3 and 6/3 to both pixels
    ("avg_pool_backward", [[[[[3], [6]]]], (1, 3), (1, 1), (0, 1)], {"dx": [[[[3], [3]]]]}),
    ("global_avg_pool_forward", [[[[[1, 10], [3, 30]], [[5, 50], [7, 70]]]]], {"out": [[4, 40]]}),
    ("global_avg_pool_backward", [[[4, 40]]], {"dx": [[[[1, 10], [1, 10]], [[1, 10], [1, 10]]]]}),
    # two channels of three pixels
    ("channels_last", [[[[1, 2, 3], [10, 20, 30]]]], {"out": [[[1, 10], [2, 20], [3, 30]]]}),
    ("channels_first", [[[[1, 10], [2, 20], [3, 30]]]], {"out": [[[1, 2, 3], [10, 20, 30]]]}),
    ("add", [[1, -2], [10, 20]], {"out": [11, 18]}),
    # The first words that Philox gives for zeros (tests/test_kernels.py): 0.40 of 3 places is the middle one, for rows,
    # 0.88 the last one, for columns, and the highest bit of the third is set.
    ("augment", [[[[[1, 2], [3, 4]]]], ROW, ZERO_KEY, 1, True], {"out": [[[[0, 2], [0, 4]]]]}),
    ("augment", [[[[[1, 2], [3, 4]]]], ROW, ZERO_KEY, 1, False], {"out": [[[[2, 0], [4, 0]]]]}),
    ("sgd_update", [[1, 2], [1, -4], 0.5], {"w": [0.5, 4]}),
    # v = 2/2 - 4/2 = -1; w = 1 + v
    ("momentum_update", [[1], [4], [2], 0.5, 0.5], {"w": [0], "velocity": [-1]}),
    # the same v; w = 1 + v/2 - 4/2
    ("nesterov_update", [[1], [4], [2], 0.5, 0.5], {"w": [-1.5], "velocity": [-1]}),
    # s = 3/4 4 + 1/4 2² = 4; w = 1 - 2 2 / (sqrt(4) + 2), or 1 - 2 2 / sqrt(4 + 5)
    ("rmsprop_update", [[1], [2], [4], 2.0, 0.75, 2.0, False], {"w": [0], "s": [4]}),
    ("rmsprop_update", [[1], [2], [4], 2.0, 0.75, 5.0, True], {"w": [-1 / 3], "s": [4]}),
    # m = (2 + 4) / 2 = 3, v = 3/4 4 + 1/4 4² = 7. Step 2: m_hat = 3 / (1 - 1/4) = 4, v_hat = 7 / (1 - 9/16) = 16, and
    # w = 8 - 1/2 1/2 8 - 1/2 4 / (4 + 4). The other form: w = 8 - 1/2 3 / sqrt(7 + 2).
    ("adam_update", [[8], [4], [2], [4], 0.5, 0.5, 0.75, 4.0, 0.5, 2, False], {"w": [5.75], "m": [3], "v": [7]}),
    ("adam_update", [[8], [4], [2], [4], 0.5, 0.5, 0.75, 2.0, 0.0, 2, True], {"w": [7.5], "m": [3], "v": [7]}),
]


def array(value, dtype):
    """Lists of numbers as arrays, anything else as it is."""
    return np.array(value, dtype) if isinstance(value, list) else value


def stale(value, dtype):
    """An array of the shape of `value` that holds something else; integers keep their dtype."""
    return np.full_like(value, 99) if isinstance(value, np.ndarray) else np.full(np.shape(value), np.nan, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ops", [reference, kernels], ids=["reference", "kernels"])
@pytest.mark.parametrize(("name", "inputs", "after"), VALUES, ids=[f"{i}-{row[0]}" for i, row in enumerate(VALUES)])
def test_known_values(name, inputs, after, ops, dtype):
    parameters = list(inspect.signature(getattr(reference, name)).parameters)
    arguments = {key: array(value, dtype) for key, value in zip(parameters, inputs, strict=False)}
    outputs = {key: stale(after[key], dtype) for key in parameters[len(inputs) :]}
    loss = getattr(ops, name)(*arguments.values(), *outputs.values())
    arguments.update(outputs, loss=loss)
    tolerance = 8 * np.finfo(dtype).eps
    assert set(outputs) <= set(after)
    assert (loss is None) == ("loss" not in after)
    for key, value in after.items():
        np.testing.assert_allclose(arguments[key], value, rtol=tolerance, atol=tolerance, err_msg=key)


def test_every_operation_has_known_values():
    assert {name for name, _, _ in VALUES} == set(CASES)
