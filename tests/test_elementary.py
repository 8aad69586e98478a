"""exp, log, tanh and the rest against wider arithmetic: every float32 there is, and float64 over all its exponents."""

import math

import numba
import numpy as np
import pytest

from numbanet.kernels.simd import elementary

# The functions, where they are defined, and the most they may be wrong by, in units in the last place.
ALL = (-math.inf, math.inf)
FUNCTIONS = [
    ("exp", ALL, 1.1),
    ("expm1", (-math.inf, 0.0), 1.5),
    ("log", ALL, 1.0),
    ("log1p", (0.0, 1.0), 1.5),
    ("tanh", ALL, 1.5),
]
EACH = pytest.mark.parametrize(("name", "domain", "limit"), FUNCTIONS, ids=[row[0] for row in FUNCTIONS])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(scope="module")
def loops():
    """Each function in a loop over an array, as kernels use it."""

    def loop(function):
        @numba.njit(error_model="numpy")
        def run(x, out):
            for i in range(x.size):
                out[i] = function(x[i])

        def apply(x):
            out = np.empty_like(x)
            run(x, out)
            return out

        return apply

    def first(pair):
        @numba.njit
        def of(x):
            return pair(x)[0]

        return of

    singles = {name: loop(getattr(elementary, name)) for name, _, _ in FUNCTIONS}
    return {**singles, "normal": loop(first(elementary.normal))}


def worst_ulp(got, want, dtype):
    """The largest error of `got` in units in the last place of `dtype`; `want` is in a wider one.

    Infinity counts as the power of two that comes after the largest number. NaN, and the sign of zero, must agree.
    """
    info = np.finfo(dtype)
    assert (np.isnan(got) == np.isnan(want)).all()
    number = ~np.isnan(want)
    got, want = got[number], want[number]
    # A result that rounds to zero has a sign too.
    assert (np.signbit(got) == np.signbit(want))[got == 0].all()
    beyond = np.ldexp(want.dtype.type(1), info.maxexp)
    got, want = (np.clip(values.astype(want.dtype), -beyond, beyond) for values in (got, want))
    _, exponent = np.frexp(want)
    ulp = np.ldexp(want.dtype.type(1), np.maximum(exponent - 1, info.minexp) - info.nmant)
    return float(np.max(np.abs(got - want) / ulp, initial=0))


def check(function, name, domain, x, wide):
    x = x[((x >= domain[0]) & (x <= domain[1])) | np.isnan(x)]
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x.astype(wide))
    return worst_ulp(function(x), want, x.dtype)


@EACH
def test_float32_over_all_exponents(name, domain, limit, loops):
    patterns = np.arange(0, 2**32, 2053, dtype=np.uint32)
    assert check(loops[name], name, domain, patterns.view(np.float32), np.float64) <= limit


@pytest.mark.slow
@EACH
def test_every_float32(name, domain, limit, loops):
    chunk = 2**24
    worst = 0.0
    for start in range(0, 2**32, chunk):
        patterns = np.arange(start, start + chunk, dtype=np.uint32)
        worst = max(worst, check(loops[name], name, domain, patterns.view(np.float32), np.float64))
    print(f"{name}: {worst:.3f} ULP")
    assert worst <= limit


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="nothing wider than float64 here")
@EACH
def test_float64_over_all_exponents(name, domain, limit, loops):
    rng = np.random.default_rng(0)
    patterns = rng.integers(2**64, size=500_000, dtype=np.uint64).view(np.float64)
    near = rng.uniform(-1, 1, 500_000) * np.exp2(rng.integers(-4, 11, 500_000))  # where results are neither 0 nor inf
    x = np.concatenate([patterns, near])
    worst = check(loops[name], name, domain, x, np.longdouble)
    print(f"{name}: {worst:.3f} ULP")
    assert worst <= limit


@DTYPES
@EACH
def test_special_numbers(name, domain, limit, dtype, loops):
    info = np.finfo(dtype)
    smallest, edge = info.smallest_subnormal, math.log(float(info.max))
    x = [0.0, smallest, 3 * smallest, info.tiny, np.nextafter(info.tiny, dtype(0)), 0.5, 1.0, info.max, np.inf, np.nan]
    # Where exp overflows, where it becomes subnormal, where it becomes zero.
    x += [edge, np.nextafter(dtype(edge), dtype(np.inf)), -math.log(2) * info.minexp]
    x += [-math.log(2) * (info.minexp - bits) for bits in (-2, 2, 10, info.nmant, info.nmant + 2)]
    x = np.array(x, dtype)
    wide = np.float64 if dtype is np.float32 else np.longdouble
    assert check(loops[name], name, domain, np.concatenate([x, -x]), wide) <= limit + 0.5  # longdouble may be float64


def test_what_is_wrong_is_seen():
    x = np.array([1.0, 2.0], np.float32)
    assert worst_ulp(x, np.array([1.0, 2.0 + 2**-22]), np.float32) == 1
    assert worst_ulp(np.array([np.inf], np.float32), np.array([2.0**128 - 2**104]), np.float32) == 1
    with pytest.raises(AssertionError):
        worst_ulp(np.array([0.0], np.float32), np.array([-0.0]), np.float32)
    with pytest.raises(AssertionError):
        worst_ulp(x, np.array([1.0, np.nan]), np.float32)


@DTYPES
def test_normal_distribution(dtype, loops):
    """Its error grows with the square of x, which is rounded before the exponential, as erfc's argument is here."""
    x = np.concatenate([np.linspace(-12, 12, 50_001), [-1e30, 1e30, -np.inf, np.inf, -0.0]]).astype(dtype)
    want = np.array([0.5 * math.erfc(-value * math.sqrt(0.5)) for value in x.tolist()])
    allowed = (6 + 2 * np.square(np.minimum(np.abs(x), 50))) * np.finfo(dtype).eps * want
    assert (np.abs(loops["normal"](x) - want) <= allowed).all()
    assert np.isnan(loops["normal"](np.array([np.nan], dtype))).all()


@DTYPES
@pytest.mark.parametrize("name", [*(row[0] for row in FUNCTIONS), "normal"])
def test_an_element_has_the_same_bits_wherever_it_stands(name, dtype, loops):
    x = np.abs(np.random.default_rng(0).standard_normal(997)).astype(dtype) % 1
    x = -x if name == "expm1" else x
    alone = np.concatenate([loops[name](x[i : i + 1]) for i in range(x.size)])
    assert loops[name](x).tobytes() == alone.tobytes()
