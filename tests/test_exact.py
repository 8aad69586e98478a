"""Every kernel on small integers, in float32 against its reference in float64.

Sums of small integers are exact in float32 whatever their order, so most results have to be the same to the last bit,
where a tolerance would pass over a term that is left out among thousands. The sizes are drawn from round the kernels'
own constants: blocks, strips, tiles and vectors, one more and one less.
"""

import itertools
import math

import numpy as np
import pytest
from cases import cases_like

from numbanet import kernels, reference
from numbanet.kernels import (
    _gemm,
    _moments,
    _sums,
    convolution,
    dropout,
    embedding,
    group_normalization,
    layout,
    losses,
    pooling,
)
from numbanet.kernels.conv import direct, winograd
from numbanet.kernels.simd import columns
from numbanet.kernels.simd import vectors as _vectors
from numbanet.operations.sizes import codes, convolutions, members, periodic, repeats, sizes, windows

EPS = float(np.finfo(np.float32).eps)
LANES = _vectors.VECTOR_BYTES // 4
RUN = dropout.WORDS * dropout.RUN
SMALL = (1, 2, 3, 4, 5, 7)


def near(*constants):
    """Small numbers, and those round each constant."""
    return sorted({*SMALL, *(c + by for c in constants for by in (-1, 0, 1) if c + by > 0)})


TILE = (_gemm.MR, _gemm.HALF_MR, _gemm.FEW_COLUMNS, _gemm.IN_PLACE_ROWS)
STRIP = (LANES, 2 * LANES, 3 * LANES, 4 * LANES)
LENGTHS = {
    "flat": near(LANES, _sums.LANES, _sums.LEAST, RUN, _sums.LEAST * _sums.BLOCKS),
    "products": near(
        *TILE,
        *STRIP,
        _gemm.TRANSPOSED_COLUMNS,
        _gemm.TRANSPOSED_COLUMNS // 2,
        _gemm.KC,
        _gemm.WIDE_VECTORS * LANES,
        512,
    ),
    "examples": near(losses.GROUP_ROWS, losses.GROUP_ROWS * 3, losses.GROUP_ROWS * _sums.BLOCKS),
    "numbers": near(8, embedding.ROWS),
    "units": near(LANES, embedding.UNITS),
    "classes": near(LANES, losses.FEW_CLASSES, _sums.LANES * 2),
    "rows": near(8, columns.BLOCK_ROWS, 512, 2500),
    "features": near(columns.SUMMED * LANES, columns.UNSUMMED * LANES, LANES, _sums.LANES),
    "pixels": near(8, columns.BLOCK_ROWS, layout.BLOCK, LANES),
    "channels": near(LANES, 2 * LANES, group_normalization.CHANNELS_AT_ONCE, group_normalization.CHANNELS_AT_ONCE * 2),
    "sides": near(pooling.PIXEL_ROWS, 8),
    "filters": near(LANES, 3 * LANES, winograd.FILTERS, direct.GRADIENT_CHANNELS, convolution.TOGETHER),
}


class Sizes:
    """Random sizes, by the names of `operations.sizes`."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def of(self, axes, *families, most):
        """One size: each axis from its family, none twice, cut down to `most` elements."""
        lengths = [int(self.rng.choice(LENGTHS[family])) for family in families]
        while math.prod(lengths) > most:
            largest = int(np.argmax(lengths))
            lengths[largest] = max(1, lengths[largest] // 2)
        return sizes(axes, lengths)

    def grouped(self):
        ((n, pixels, groups),) = (size.values() for size in self.of("NPG", "rows", "pixels", "features", most=4000))
        width = int(
            self.rng.choice([1, 2, 3, group_normalization.CHANNELS_AT_ONCE, group_normalization.CHANNELS_AT_ONCE + 1])
        )
        return sizes("NPCG", (n, pixels, groups * width, groups)) if n * pixels * groups * width < 60000 else []

    def windows(self):
        ((n, h, w, c),) = (
            size.values() for size in self.of("NHWC", "examples", "sides", "sides", "channels", most=12000)
        )
        window = [int(self.rng.integers(1, min(side, 4) + 1)) for side in (h, w)]
        stride = [int(self.rng.integers(1, 4)) for _ in range(2)]
        padding = [int(self.rng.integers(0, size // 2 + 1)) for size in window]
        return windows(((n, h, w, c), tuple(window), tuple(stride), tuple(padding)))

    def convolutions(self):
        rng = self.rng
        ((n, h, w),) = (size.values() for size in self.of("NHW", "examples", "sides", "sides", most=700))
        c, f = (int(rng.choice(LENGTHS["filters"])) for _ in range(2))
        r, s = (3, 3) if rng.random() < 0.5 else map(int, rng.integers(1, 5, 2))
        stride, padding, dilation, groups = ((1, 1), (1, 1), (1, 1), 1)
        if rng.random() < 0.5:
            stride, dilation = (tuple(map(int, rng.integers(1, 4, 2))) for _ in range(2))
            groups = int(rng.choice([1, math.gcd(c, f)]))
        least = [max(0, d * (k - 1) + 1 - side) for d, k, side in zip(dilation, (r, s), (h, w), strict=True)]
        padding = tuple(-(-more // 2) + int(rng.integers(0, 3)) for more in least)
        if n * h * w * c * f * r * s // groups > 3_000_000:
            n, c, f, groups = 1, min(c, 17), min(f, 17), 1
        return convolutions((n, h, w, c, f, r, s, stride, padding, dilation, groups))

    def tables(self):
        """Of layers for tables."""

        def lengths(axes, *families, most):
            return list(self.of(axes, *families, most=most)[0].values())

        n, d, f, linear = lengths("NDFL", "numbers", "sides", "sides", "units", most=10000)
        columns, more = lengths("DM", "features", "features", most=400)
        count = int(self.rng.integers(1, min(columns, more) + 1))
        places = {"first": columns - count, "count": count, "to": int(self.rng.integers(more - count + 1))}
        k, rows = lengths("KB", "sides", "features", most=1000)
        return {
            "PERIODIC": periodic((n, d, f, linear, linear + int(self.rng.integers(2)))),
            "CODES": codes((*lengths("N", "rows", most=3000), k, max(k, rows), *lengths("U", "sides", most=20))),
            "MEMBERS": members(lengths("NKDM", "examples", "sides", "products", "units", most=30000)),
            "REPEATS": repeats(lengths("NKM", "rows", "sides", "sides", most=20000)),
            "COLUMNS": [{"N": 9, "D": columns, "M": more, **places}],
        }

    def draw(self):
        scores = self.of("NC", "examples", "classes", most=20000)
        elements = self.of("P", "flat", most=20000)
        return {
            "ELEMENTS": elements,
            "PARAMETERS": elements,
            "AFFINE": self.of("NDM", "products", "products", "products", most=300_000),
            "SCORES": scores,
            "TARGETS": self.of("NM", "examples", "classes", most=20000),
            "ROWS": self.of("ND", "rows", "features", most=40000),
            "IMAGES": self.of("MNCHW", "sides", "sides", "filters", "sides", "sides", most=10000),
            "PIXELS": self.of("NPC", "examples", "pixels", "channels", most=20000),
            "GROUPED": self.grouped(),
            "MAPS": self.of("NHWC", "examples", "sides", "sides", "channels", most=12000),
            "WINDOWS": self.windows(),
            "CONVOLUTIONS": self.convolutions(),
            **self.tables(),
        }


# Numbers that keep products and quotients exact.
SCALARS = {"negative_slope": 0.25, "alpha": 1.5, "rate": 0.5, "l2": 0.5, "learning_rate": 0.5, "momentum": 0.5}
CHOICES = {
    "weights": (0, 1, 2, 3),
    ("periodic_forward", "v"): range(-4, 5),
    ("periodic_backward", "v"): range(-4, 5),
    ("binary_cross_entropy_loss", "target"): (0, 1),
    ("soft_softmax_loss", "target"): (0, 1),
    ("poisson_loss", "target"): (0, 1, 2, 3),
    "inv_std": (0.5, 1, 2),
    "s": (0, 1, 4, 9),
    "v": (0, 1, 4, 9),
    "running_var": (0, 3, 15),
}  # 1 + these: squares


def integers(name, case, rng):
    """The arguments of a case with small integers in all arrays of floats that are read."""
    arguments = case.build(rng, np.dtype(np.float64))
    for key, value in arguments.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and key not in (*case.stale, "codes"):
            choices = CHOICES.get((name, key), CHOICES.get(key, range(-4, 5)))
            arguments[key] = rng.choice(np.array(choices, float), value.shape)
        elif key in SCALARS:
            arguments[key] = SCALARS[key]
    if name == "batchnorm_inference":
        arguments["eps"] = 1.0
    return arguments


def run(function, case, arguments, dtype):
    """What a function writes and returns, by name."""
    mine = {}
    for key, value in arguments.items():
        if isinstance(value, np.ndarray):
            floats = value.dtype.kind == "f"
            if key in case.stale:
                value = np.full(value.shape, np.nan if floats else 99, dtype if floats else value.dtype)
            elif floats:
                value = value.astype(dtype)
        mine[key] = value
    with np.errstate(all="ignore"):
        loss = function(*mine.values())
    return {**{key: mine[key] for key in (*case.outputs, *case.updated)}, **({} if loss is None else {"loss": loss})}


EXACT = {
    *(f"{name}_{way}" for name in ("relu", "leaky_relu", "affine", "affine_relu") for way in ("forward", "backward")),
    *("elu_backward", "sigmoid_backward", "tanh_backward", "conv_forward", "conv_relu_forward", "conv_backward"),
    *(f"{name}_{way}" for name in ("dropout", "max_pool") for way in ("forward", "backward")),
    *("augment", "channels_first", "channels_last", "add", "batchnorm_inference", "l2_penalty"),
    *(
        f"{name}_{way}"
        for name in ("scale", "scale_shift", "members", "member_affine", "embedding")
        for way in ("forward", "backward")
    ),
    *("blend", "blend_gradients", "copy_columns", "repeat_rows", "repeat_labels"),
    *("sgd_update", "momentum_update", "nesterov_update"),
}
PARAMETERS = ("dgamma", "dbeta")  # whose gradients are sums alone


def largest(array):
    return np.max(np.abs(array), initial=0.0)


def normalized_bound(name, key, arguments, want):
    """Of the moments: of a sum of squares taken eight at a time, each step rounds once more, and all are positive."""
    x, gamma = arguments["x"], arguments["gamma"]
    terms = len(x) if name.startswith("batch") else x[0].size
    of_squares = (terms / 8 + 16) * EPS / 2
    if key in ("mean", "running_mean"):
        return 4 * EPS * max(1, largest(want[key]))
    if key == "inv_std":
        return of_squares * want[key]
    if key == "running_var":
        return 2 * of_squares * largest(want[key])
    spread = 2 * largest(x) * largest(want["inv_std"])
    return (of_squares + 8 * EPS) * (largest(gamma) * spread + largest(arguments["beta"]))


def gradient_bound(name, key, arguments, want):
    """A few roundings of the terms of dx, the sums in which are exact."""
    if key in PARAMETERS:
        return 0.0
    dout, x, gamma, mean, inv_std = (arguments[n] for n in ("dout", "x", "gamma", "mean", "inv_std"))
    of_x_hat = (largest(x) + largest(mean)) * largest(inv_std)
    return 8 * EPS * largest(inv_std) * largest(gamma) * largest(dout) * (2 + of_x_hat**2)


def periodic_bound(key, arguments):
    """Angles are rounded once, cosines and sines a few times, and each is a term of a sum."""
    x, frequency, v = arguments["x"], arguments["frequency"], arguments["v"]
    off = EPS * (8 + math.pi * (1 + largest(x) * largest(frequency)))
    if "dout" not in arguments:
        return off * largest(v) * frequency.shape[1]
    each = off * largest(arguments["dout"])
    if key in ("dc", "dv"):
        return each * len(x) if key == "dv" else 0.0
    of_angle = each * largest(v) * v.shape[2] * (1 if key == "dphase" else 2 * math.pi)
    return of_angle * (frequency.shape[1] * largest(frequency) + 4 if key == "dx" else len(x) * max(1, largest(x)))


def bound(name, key, arguments, want):
    """By how much a result may differ."""
    divided = name == "l2_penalty" and arguments["weights"].size  # by any number
    if (name in EXACT or key == "where") and not divided:
        return 0.0
    if name.startswith("periodic"):
        return periodic_bound(key, arguments)
    if name.endswith("norm_forward"):
        return normalized_bound(name, key, arguments, want)
    if name.endswith("norm_backward"):
        return gradient_bound(name, key, arguments, want)
    value = np.abs(want[key])
    if "softmax" in name:
        scores, weights = arguments["scores"], arguments.get("weights", np.empty(0))
        share = 1.0 if name == "softmax_forward" else 1 / len(scores)
        if weights.any():
            share = weights.max() / weights.sum()
        if name == "soft_softmax_loss":  # the targets of a row, each of which is rounded, add up to more than 1
            mass = max(1.0, arguments["target"].sum(axis=1).max())
            return (8 + scores.shape[1] / 16) * EPS * mass * (share if key != "loss" else 1 + largest(scores))
        return (8 + scores.shape[1] / 16) * EPS * (share if key != "loss" else 1 + largest(scores))
    if name in ("svm_loss", "squared_error_loss", "avg_pool_forward", "avg_pool_backward") or "global" in name:
        return (1e-14 if key == "loss" else 8 * EPS) * np.maximum(value, largest(want[key]) if "back" in name else 0)
    if name.endswith("_update"):
        return 16 * EPS * (value + np.abs(arguments["w"]) + 1)
    arrays = [largest(a) for a in arguments.values() if isinstance(a, np.ndarray) and a.dtype == np.float64 and a.size]
    return 8 * EPS * max(1.0, *arrays)


def cases_of(seed):
    """One or a few cases of each operation, as (operation, case)."""
    drawn = cases_like(**Sizes(seed).draw())
    return [(name, case) for name, found in drawn.items() for case in found]


def check(name, case, rng, forms):
    arguments = integers(name, case, rng)
    want = run(getattr(reference, name), case, arguments, np.float64)
    for form in forms:
        got = run(getattr(getattr(kernels, name), form), case, arguments, np.float32)
        for key, value in want.items():
            allowed = bound(name, key, arguments, want)
            off = np.abs(np.asarray(got[key], np.float64) - value)
            assert np.all(off <= allowed), f"{name}, {case.name}, {form}: {key} is off by {np.max(off):.3g}"


def check_many(count, forms):
    done, worst = 0, {}
    for seed in itertools.count():
        for name, case in cases_of(seed):
            if "no " in case.name and seed % 4:
                continue
            check(name, case, np.random.default_rng(seed), forms)
            done += 1
            worst[name] = worst.get(name, 0) + 1
        if done >= count:
            assert set(worst) == set(kernels.__all__)
            return done


def test_three_thousand_cases():
    assert check_many(3000, ["serial"]) >= 3000


@pytest.mark.slow
def test_a_hundred_thousand_cases():
    assert check_many(100_000, ["serial", "parallel"]) >= 100_000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_pieces_fit_into_their_room(dtype):
    """The sums of all pieces but the first are in an array on the stack."""
    room = _moments.SUMS_BYTES // np.dtype(dtype).itemsize
    most = set()
    for pieces in range(1, _moments.PIECES + 2):
        for d in (room // (2 * pieces) - 1, room // (2 * pieces), room // (2 * pieces) + 1, room // pieces):
            assert (_moments.most_pieces(d, np.empty(0, dtype)) - 1) * 2 * d <= room
            for n in (
                1,
                2,
                pieces,
                _moments.PIECES * _moments.PIECE_ELEMENTS // d,
                3 * _moments.PIECES * _moments.PIECE_ELEMENTS // d,
            ):
                size = _moments.piece_size(np.empty((max(n, 1), d), dtype))
                found = -(-n // size)
                assert (found - 1) * 2 * d <= room
                most.add(found)
    assert max(most) == _moments.PIECES
