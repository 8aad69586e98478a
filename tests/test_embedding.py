"""Embeddings of numbers and codes: examples by hand, layers, PyTorch's results, refusals."""

import math

import numpy as np
import pytest
from compare import (
    BOTH,
    DTYPES,
    assert_all_close,
    close,
    draw,
    normal,
    torch_gradients,
)

import numbanet as nn
from numbanet import functional as F
from numbanet import kernels, reference

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
STARTS = np.array([0, 2, 5])
PI = math.pi
VALUES = [
    (  # cos(2π 1/2 1 + 0) = -1 and cos(0 + π/3) = 1/2: 10 (-1) + 4 / 2 + 7, and the number itself
        "periodic_forward",
        [[[1]], [[0.5, 0]], [[0, PI / 3]], [[[10], [4]]], [[7]]],
        {"out": [[-1, 1]]},
    ),
    ("periodic_forward", [[[1]], [[0.5, 0]], [[0, PI / 3]], [[[10], [4]]], [[7]]], {"out": [[-1]]}),
    (  # cos and sin of π/2, π/3 are 0 1, 1/2 √¾: dv = 3 0, 3/2; dz = -1 10 3, -√¾ 4 3; dx = 2π (-30/4) + 2
        "periodic_backward",
        [[[3, 2]], [[1]], [[0.25, 0]], [[0, PI / 3]], [[[10], [4]]]],
        {
            "dx": [[2 - 15 * PI]],
            "dfrequency": [[-60 * PI, -24 * math.sqrt(0.75) * PI]],
            "dphase": [[-30, -12 * math.sqrt(0.75)]],
            "dv": [[[0], [1.5]]],
            "dc": [[3]],
        },
    ),
    (
        "embedding_forward",
        [[[1, 0], [0, 2]], STARTS, [[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]]],
        {"out": [[2, 20, 3, 30], [1, 10, 5, 50]]},
    ),
    (  # two examples took row 1; rows 0 and 3 nobody
        "embedding_backward",
        [[[1, 2, 3, 4], [10, 20, 30, 40]], [[1, 0], [1, 2]], STARTS],
        {"dx": [[0, 0], [0, 0]], "dtable": [[0, 0], [11, 22], [3, 4], [0, 0], [30, 40]]},
    ),
]


@pytest.mark.parametrize("dense", [True, False])
def test_periodic_embedding_is_that_of_torch(dense, torch):
    """RealMLP's formula, with the number itself by its units."""
    arrays = draw((13, 5), (5, 7), (5, 7), (5, 7, 3), (5, 3))
    (dout,) = draw((13, 5 * (3 + dense)))

    def forward(x, frequency, phase, v, c):
        cosines = torch.cos(2 * PI * x.T[:, :, None] @ frequency[:, None] + phase[:, None])
        units = (cosines @ v + c[:, None]).transpose(0, 1)
        return torch.cat([units, x[:, :, None]] if dense else [units], dim=-1).reshape(13, -1)

    out, cache = F.periodic_forward(*arrays, dense=dense)
    assert_all_close([out, *F.periodic_backward(dout, cache)], torch_gradients(torch, forward, dout, *arrays))


def test_embedding_is_that_of_torch(torch):
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(4, size=50), rng.integers(9, size=50)], axis=1)
    dout, table = draw((50, 6), (13, 3))
    rows = torch.tensor(codes + [0, 4])
    out, cache = F.embedding_forward(codes, table, sizes=[4, 9])
    expected = torch_gradients(torch, lambda t: torch.nn.functional.embedding(rows, t).reshape(50, -1), dout, table)
    assert_all_close([out, F.embedding_backward(dout, cache)], expected)


@DTYPES
def test_cosines_keep_their_digits(dtype):
    """However many turns: the angle is that of the products as they are rounded, an error of half a unit in each."""
    for size in (1e-3, 1, 1e3, 1e7, 1e12):
        x = (size * np.random.default_rng(0).uniform(-1, 1, (500, 1))).astype(dtype)
        ones, zeros = np.ones((1, 1), dtype), np.zeros((1, 1), dtype)
        turns = np.remainder(x.astype(np.longdouble), 1)  # exact
        expected = np.cos(2 * np.longdouble(PI) * turns)
        got, cache = F.periodic_forward(x, ones, zeros, ones[:, :, None], zeros, dense=False)
        assert np.abs(got - expected).max() <= 2 * np.finfo(dtype).eps
        dx = F.periodic_backward(ones + 0 * got, cache)[0]
        sines = -np.sin(2 * np.longdouble(PI) * turns)
        assert np.abs(dx - 2 * np.longdouble(PI) * sines).max() <= 4 * PI * np.finfo(dtype).eps


def test_periodic_embedding_starts_as_it_is_told():
    net = nn.Sequential([nn.PeriodicEmbedding(400, 5, sigma=0.3)], 20, loss="squared_error", seed=0)
    p = net.params
    shapes = {"frequency1": (20, 400), "phase1": (20, 400), "V1": (20, 400, 4), "c1": (20, 4)}
    assert {name: array.shape for name, array in p.items()} == shapes
    assert net.output_size == 100
    assert p["frequency1"].std() == pytest.approx(0.3, rel=0.05)
    assert (-PI <= p["phase1"].min() < -0.99 * PI, 0.99 * PI < p["phase1"].max() <= PI) == (True, True)
    for name in ("V1", "c1"):  # uniform within 1 / √400
        assert 0.045 < np.abs(p[name]).max() <= 0.05


@BOTH
def test_embedding_of_one_network(ops):
    net = nn.Sequential([nn.Embedding([3, 2], 4), nn.Affine(2)], 2, dtype=np.float64, seed=0, ops=ops)
    table = net.params["E1"]
    assert table.shape == (5, 4)
    assert 0.5 < np.std(nn.Sequential([nn.Embedding([900])], 1, seed=0).params["E1"]) < 1.5
    codes = np.array([[2, 0], [0, 1]])
    rows = np.concatenate([table[[2, 0]], table[[3, 4]]], axis=1)
    close(net.loss(codes), rows @ net.params["W1"] + net.params["b1"])


@pytest.mark.parametrize("bad", [-1, 3, 0.5, math.nan, math.inf, -math.inf, 1e30, -1e30])
@DTYPES
@BOTH
def test_what_is_no_code_becomes_nan(bad, ops, dtype):
    table, out = normal(5, 2).astype(dtype), np.zeros((2, 4), dtype)
    with np.errstate(invalid="ignore"):
        ops.embedding_forward(np.array([[bad, 1], [1, 1]], dtype), np.array([0, 3, 5]), table, out)
    assert np.isnan(out[0, :2]).all()
    np.testing.assert_array_equal(out.ravel()[2:], np.concatenate([table[4], table[1], table[4]]))
    dtable, dx = np.ones_like(table), np.empty((0, 2), dtype)
    with np.errstate(invalid="ignore"):
        ops.embedding_backward(np.ones_like(out), np.array([[bad, 1], [1, 1]], dtype), np.array([0, 3, 5]), dx, dtable)
    np.testing.assert_array_equal(dtable[:, 0], [0, 1, 0, 0, 2])


def test_both_run_on_any_number_of_threads_with_the_same_bits():
    """As `check_pair` shows at its sizes; here as many examples as are cut into blocks."""
    x = normal(1000, 3).astype(np.float32)
    arrays = [a.astype(np.float32) for a in (normal(3, 16), normal(3, 16), normal(3, 16, 3), normal(3, 3))]
    results = []
    for count in (1, 2):
        nn.set_num_threads(count)
        out, cache = F.periodic_forward(x, *arrays)
        results.append([out, *F.periodic_backward(out, cache)])
    nn.set_num_threads(None)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
    assert kernels.periodic_forward.py_func is not reference.periodic_forward


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: nn.PeriodicEmbedding(0),
            ValueError,
            "PeriodicEmbedding: frequencies: expected an integer of",
        ),
        (
            lambda: nn.PeriodicEmbedding(units=1),
            ValueError,
            "units: expected an integer of at least 2",
        ),
        (lambda: nn.PeriodicEmbedding(sigma=0), ValueError, "PeriodicEmbedding: sigma: expected"),
        (lambda: nn.PeriodicEmbedding(dense=1), TypeError, "PeriodicEmbedding: dense: expected True or False"),
        (lambda: nn.Embedding(3), TypeError, "Embedding: sizes: expected a list of integers, one for each column"),
        (lambda: nn.Embedding([]), ValueError, "Embedding: sizes: expected at least one"),
        (lambda: nn.Embedding([3, 0]), ValueError, "Embedding: sizes: expected an integer of at least 1, got 0"),
        (lambda: nn.Embedding([3], 0), ValueError, "Embedding: units: expected an integer of at least 1, got 0"),
        (
            lambda: nn.Sequential([nn.Embedding([3])], 2),
            ValueError,
            r"expected 1 codes, one for each of sizes, got",
        ),
        (lambda: nn.Sequential([nn.PeriodicEmbedding()], (3, 4, 4)), ValueError, r"expected a flat input, \(D,\), got"),
        (
            lambda: F.embedding_forward([[0, 1], [0, 3]], np.ones((5, 2)), sizes=[2, 3]),
            ValueError,
            "codes: expected whole numbers from 0 to 2 in column 1, got float 3.0 in row 1",
        ),
        (lambda: F.embedding_forward([[0.5]], np.ones((5, 2))), ValueError, "codes: .* from 0 to 4 in column 0, got"),
        (
            lambda: F.embedding_forward([[0]], np.ones((5, 2)), sizes=[4]),
            ValueError,
            r"table: .* \(4, U\), rows",
        ),
        (
            lambda: F.embedding_forward([[0, 0]], np.ones((5, 2))),
            ValueError,
            r"codes: .* \(N, 1\), a column",
        ),
        (lambda: F.periodic_forward(X, W, W, V, C[:, :1]), ValueError, r"c: expected shape \(2, 3\), got \(2, 1\)"),
        (lambda: F.periodic_forward(X, W, W[:, :1], V, C), ValueError, r"phase: expected shape \(2, 4\)"),
        (lambda: F.periodic_forward(X, W, W, V, C, dense="no"), TypeError, "dense: expected True or False"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()


X, W, V, C = np.ones((5, 2)), np.ones((2, 4)), np.ones((2, 4, 3)), np.ones((2, 3))
