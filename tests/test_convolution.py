"""Convolution: examples by hand, gradients, and errors in float32 against PyTorch's, over a grid of shapes."""

import math

import numpy as np
import pytest
from cases import call
from compare import away_from_zero, channels_first

from numbanet import kernels, reference
from numbanet._image_shapes import windows, workspace
from numbanet.testing import check_gradients

ROOM = [0.0] * workspace((1, 1, 2, 2))
ONE_IMAGE = [[[[1], [2]], [[3], [4]]]]  # (N, H, W, C)
ONE_FILTER = [[[[1, 10], [100, 1000]]]]  # (F, C, HH, WW)

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
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
]


def test_conv_relu():
    how = (2, 1), (1, 2), (1, 2), 2, np.empty(workspace((6, 2, 3, 3), (1, 2), 2))  # stride, padding, dilation, groups

    def forward(x, w, b):
        return call(kernels.conv_relu_forward, x, w, b, *how, out=(2, 3, 5, 6))["out"]

    def backward(dout, x, w, b):
        out = forward(x, w, b)
        assert 0 < np.mean(out == 0) < 1  # both sides of the kink
        dout = call(kernels.relu_backward, dout.ravel(), out.ravel(), dx=out.size)["dx"].reshape(out.shape)
        gradients = call(kernels.conv_backward, dout, x, w, *how, dx=x.shape, dw=w.shape, db=b.shape)
        return {"x": gradients["dx"], "w": gradients["dw"], "b": gradients["db"]}

    check_gradients(forward, backward, dict(zip("xwb", away_from_zero((2, 5, 5, 4), (6, 2, 3, 3), 6), strict=True)))


# N, H, W, C, F, window, stride, padding, dilation, groups: few filters, few channels and both.
FEW = [
    (3, 28, 28, 1, 6, (5, 5), 1, 2, 1, 1),
    (2, 10, 30, 20, 8, (5, 5), 1, 4, 1, 1),  # sums that are added up in rounds
    (2, 14, 37, 3, 7, (3, 2), 1, 1, 2, 1),
    (9, 13, 16, 2, 3, (7, 7), 1, 0, 1, 1),
    (2, 15, 33, 5, 4, (3, 3), 2, 1, 1, 1),
    (2, 12, 16, 40, 1, (1, 1), 1, 0, 1, 1),
    (1, 9, 300, 1, 5, (3, 3), 1, 1, 1, 1),  # rows wider than a strip
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", FEW, ids=str)
def test_few_filters_or_channels_give_the_bits_that_they_give_among_many(shape, dtype):
    n, h, w, channels, filters, window, stride, padding, dilation, groups = shape
    options = [(stride, stride), (padding, padding), (dilation, dilation)]
    out = windows("kernel_size", (h, w), window, *options)
    rng, many = np.random.default_rng(0), 33
    x = rng.standard_normal((n, h, w, channels)).astype(dtype)
    weights = rng.standard_normal((many, channels, *window)).astype(dtype)
    bias, dout = rng.standard_normal(many).astype(dtype), rng.standard_normal((n, *out, many)).astype(dtype)

    def conv(count, x=x, weights=weights):
        w, b, d = weights[:count].copy(), bias[:count].copy(), np.ascontiguousarray(dout[..., :count])
        how = *options, groups, np.full(workspace(w.shape, options[2]), np.nan, dtype)
        made = {name: np.full_like(like, np.nan) for name, like in {"out": d, "dx": x, "dw": w, "db": b}.items()}
        kernels.conv_relu_forward(x, w, b, *how, made["out"])
        kernels.conv_backward(d, x, w, *how, made["dx"], made["dw"], made["db"])
        return made

    few, all_filters = conv(filters), conv(many)
    np.testing.assert_array_equal(few["out"], all_filters["out"][..., :filters])
    for name in ("dw", "db"):
        np.testing.assert_array_equal(few[name], all_filters[name][:filters])
    more = conv(filters, np.repeat(x, 33, 3), np.tile(weights, (1, 33, 1, 1)))
    np.testing.assert_array_equal(few["dx"], more["dx"][..., :channels])


# In float32 as near to the truth as PyTorch's; `pytest -s` prints the table.

RESULTS = ("out", "dx", "dw", "db")
# A relative error below is chance: one rounding of a number of a smaller magnitude.
LEAST = np.finfo(np.float32).eps / 8

# N, H, W, C, F, window, stride, padding, dilation, groups.
GRID = [
    *((4, 12, 12, c, f, (3, 3), 1, 1, 1, 1) for c in (1, 3, 16, 32, 65) for f in (1, 8, 16, 70)),  # filters of 3 x 3
    *(
        (n, h, w, 32, 48, (3, 3), 1, (p, q), 1, 1)
        for n, h, w, p, q in [(1, 1, 1, 1, 1), (9, 2, 5, 2, 0), (2, 33, 7, 0, 2)]
    ),
    *((16, 16, 16, c, c, (3, 3), 1, 1, 1, 1) for c in (32, 64, 128)),
    *((4, size, size + 1, c, 9, (size, size + 1), 1, p, 1, 1) for size in (4, 7) for c in (1, 5) for p in (0, 2)),
    *((3, 11, 13, c, 6, (2, 3), (4, 5), p, 1, 1) for c in (1, 7) for p in (0, 1)),  # a stride beyond the window
    *((3, 9, 14, c, 33, (k, k), s, k // 2, 1, 1) for c in (3, 20) for k in (1, 5, 7) for s in (1, 2)),
    *((5, 10, 9, 12, 24, (3, 3), s, 1, 1, g) for s in (1, 2) for g in (2, 3, 12)),
    *((3, 8, 15, c, c, (k, k), 1, k // 2, 1, c) for c in (16, 35) for k in (3, 5)),  # depthwise
    *((3, 17, 15, c, 18, (3, 2), s, 2, d, 1) for c in (2, 19) for s in (1, 2) for d in (2, (3, 1))),
    *((n, 1, 1, 37, 21, (1, 1), 1, 0, 1, 1) for n in (1, 50)),  # one pixel
    *((2, 32, 32, 3, 32, (k, k), 1, k // 2, 1, 1) for k in (3, 5, 7)),
]


def both(value):
    return value if isinstance(value, tuple) else (value, value)


def draw(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def ours(ops, dtype, x, w, b, dout, *how):
    """out, dx, dw and db in `dtype`."""
    x, w, b, dout = (array.astype(dtype) for array in (x, w, b, dout))
    results = [np.full_like(array, np.nan) for array in (dout, x, w, b)]
    how = *how, np.full(workspace(w.shape, how[2], how[3]), np.nan, dtype)
    ops.conv_forward(x, w, b, *how, results[0])
    ops.conv_backward(dout, x, w, *how, *results[1:])
    return results


def of_torch(torch, x, w, b, dout, *how):
    first = [torch.tensor(channels_first(a)) for a in (x, dout)]
    leaves = [array.requires_grad_() for array in (first[0], torch.tensor(w), torch.tensor(b))]
    out = torch.nn.functional.conv2d(*leaves, *how)
    out.backward(first[1])
    last = [array.detach().permute(0, 2, 3, 1) for array in (out, leaves[0].grad)]
    return [array.numpy() for array in (*last, leaves[1].grad, leaves[2].grad)]


def error(got, truth, terms):
    """The largest, relative to the size that sums of so many products have."""
    return float(np.abs(got - truth).max() / math.sqrt(terms))


def test_errors_are_no_larger_than_those_of_torch(torch):
    rng = np.random.default_rng(0)
    found = {name: [] for name in RESULTS}
    for n, height, width, channels, filters, window, *how, groups in GRID:
        how = *map(both, how), groups
        size = windows("x", (height, width), window, *how[:3])
        x, w = draw(rng, n, height, width, channels), draw(rng, filters, channels // groups, *window)
        arguments = x, w, draw(rng, filters), draw(rng, n, *size, filters), *how
        results = [ours(reference, np.float64, *arguments), ours(kernels, np.float32, *arguments)]
        results.append(of_torch(torch, *arguments))
        taps, pixels = math.prod(window), n * math.prod(size)
        terms = (channels // groups * taps, filters // groups * taps, pixels, pixels)
        for name, count, truth, mine, theirs in zip(RESULTS, terms, *results, strict=True):
            found[name].append((error(mine, truth, count), error(theirs, truth, count)))
    print(
        f"\n{len(GRID)} shapes: largest error over the root of the number of terms, ours, torch's, and ours over theirs"
    )
    for name, pairs in found.items():
        mine, theirs = (max(column) for column in zip(*pairs, strict=True))
        ratios = [max(a, LEAST) / max(b, LEAST) for a, b in pairs]
        mean = math.exp(np.mean(np.log(ratios)))
        print(f"{name:4s} largest {mine:.2e} {theirs:.2e}; ratio: geometric mean {mean:.2f}, largest {max(ratios):.2f}")
        assert mine <= theirs
        assert mean < 1.1  # 1.00 and less on the average of results, give or take how torch sums on this machine
