"""Group normalisation: examples by hand, images of one colour, and PyTorch's."""

import numpy as np
import pytest
from cases import call
from compare import BOTH, DTYPES, assert_all_close, channels_first, constants, draw, torch_gradients

from numbanet import functional as F
from numbanet import kernels

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
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
]


@DTYPES
@BOTH
@pytest.mark.parametrize(("channels", "groups", "side"), [(6, 2, 5), (6, 6, 3), (70, 1, 4), (130, 2, 3), (4, 4, 1)])
def test_images_of_one_colour(channels, groups, side, ops, dtype):
    values = constants(3 * groups, channels, dtype).reshape(3, groups)
    x = np.repeat(values, channels // groups, axis=1)[:, :, None, None] * np.ones((side, side), dtype)
    ones = np.ones(channels, dtype)
    out, _ = F.spatial_groupnorm_forward(x, ones, 0 * ones, groups, ops=ops)
    assert (out == 0).all()
    out, cache = F.spatial_batchnorm_forward(x[:1].repeat(4, axis=0), ones, 0 * ones, momentum=0.0, ops=ops)
    assert (out == 0).all()
    np.testing.assert_array_equal(cache.running_mean, np.repeat(values[0], channels // groups))


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_groupnorm_is_that_of_torch(groups, torch):
    x, dout, gamma, beta = draw((5, 4, 7, 6), (5, 4, 7, 6), 6, 6)
    flat, statistics = (5, 28, 6), (5, groups)
    shapes = {"mean": statistics, "inv_std": statistics, "out": flat}
    ours = call(kernels.groupnorm_forward, x.reshape(flat), gamma, beta, groups, 1e-5, **shapes)
    arrays = dout.reshape(flat), x.reshape(flat), gamma, ours["mean"], ours["inv_std"]
    gradients = call(kernels.groupnorm_backward, *arrays, groups, dx=flat, dgamma=6, dbeta=6)
    got = [channels_first(a.reshape(x.shape)) for a in (ours["out"], gradients["dx"])]

    def forward(x, gamma, beta):
        return torch.nn.functional.group_norm(x, groups, gamma, beta)

    theirs = torch_gradients(torch, forward, channels_first(dout), channels_first(x), gamma, beta)
    assert_all_close([*got, gradients["dgamma"], gradients["dbeta"]], theirs)
