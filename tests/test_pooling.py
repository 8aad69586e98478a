"""Pooling: examples by hand, the edges of images, and PyTorch's."""

import numpy as np
import pytest
from compare import assert_all_close, channels_first, draw, torch_gradients

from numbanet import kernels

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
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
]


@pytest.mark.parametrize("how", [((2, 2), (2, 2), (0, 0)), ((3, 2), (2, 1), (1, 0)), ((2, 3), (3, 4), (0, 1))])
def test_pooling_is_that_of_torch(how, torch):
    """Many elements are equal, so that it shows which of them are taken; a NaN is the largest of its window."""
    window, stride, padding = how
    shape = (3, 7, 8, 17)
    x, dout = draw(shape, shape)
    x = np.round(x)
    x[1, 3, 4, 5] = np.nan
    count = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(shape[1:3], window, stride, padding, strict=True)]
    dout = np.ascontiguousarray(dout[:, : count[0], : count[1]])
    for name, theirs in (("max", torch.nn.functional.max_pool2d), ("avg", torch.nn.functional.avg_pool2d)):
        out, dx, where = np.full_like(dout, np.nan), np.full_like(x, np.nan), np.zeros(dout.shape, np.uint8)
        kept = [where] if name == "max" else []
        getattr(kernels, f"{name}_pool_forward")(x, *how, out, *kept)
        getattr(kernels, f"{name}_pool_backward")(dout, *kept, *how, dx)
        expected = torch_gradients(torch, lambda x, f=theirs: f(x, *how), channels_first(dout), channels_first(x))
        assert np.isnan(out).any()
        assert_all_close([channels_first(out), channels_first(dx)], expected)


def test_a_window_of_nothing_but_minus_infinity_has_its_maximum_inside_of_the_image():
    x, where, dx = np.full((1, 3, 3, 2), -np.inf), np.zeros((1, 2, 2, 2), np.uint8), np.zeros((1, 3, 3, 2))
    out = np.zeros((1, 2, 2, 2))
    kernels.max_pool_forward(x, (3, 3), (2, 2), (1, 1), out, where)
    assert (out == -np.inf).all()
    kernels.max_pool_backward(np.ones_like(out), where, (3, 3), (2, 2), (1, 1), dx)
    assert dx[0, :, :, 0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
