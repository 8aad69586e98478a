"""The tools of `numbanet.testing`, each shown to fail on something broken."""

import numpy as np
import pytest
from numba import njit

from numbanet.kernels import _threads
from numbanet.testing import Case, Report, check_gradients, check_pair, numerical_gradient

CASE = Case("N=3 D=5", lambda rng, dtype: {"x": rng.standard_normal((3, 5)).astype(dtype)}, terms=1)


def into_out(rng, dtype):
    return {"x": rng.standard_normal((3, 5)).astype(dtype), "out": np.empty((3, 5), dtype)}


WRITING = Case("writing", into_out, outputs=("out",), terms=1)


def double(x):
    return x + x


def double_into(x, out):
    out[...] = x + x


def fails(pair, case, *parts, **options):
    with pytest.raises(AssertionError) as raised:
        check_pair(pair, [case], **options)
    for part in parts:
        assert part in str(raised.value)


def test_equal_twins_pass_and_are_counted():
    assert check_pair((double_into, double_into), [WRITING]) == Report("double_into", 2 * 3 * 3 * 2, 0.0)


def test_wrong_element_is_named():
    def off(x, out):
        double_into(x, out)
        out[2, 3] += 0.5

    where = [
        "off: case 'writing', float32, layout C, special none, threads 1: out[2, 3]: kernel",
        "reference",
        "error 0.5",
    ]
    fails((double_into, off), WRITING, *where, "1 of 15 elements differ")


def test_error_within_the_given_tolerance_passes():
    pair = double, lambda x: (x + x) * x.dtype.type(1.001)
    fails(pair, CASE)
    report = check_pair(pair, [CASE], rtol=1.1e-3, atol=0)
    assert 0.9 < report.worst <= 1
    shifted = double, lambda x: x + x + x.dtype.type(0.5)
    fails(shifted, CASE, rtol=0, atol=0.4)
    report = check_pair(shifted, [CASE], rtol=0, atol=0.51)
    assert 0.9 < report.worst <= 1


def test_other_results_than_the_reference():
    fails((double, lambda x: (x + x, x)), CASE, "threads 1: gives returned[0], returned[1], reference returned[0]")
    fails((double, lambda x: None), CASE, "reference returned[0]")


def test_wrong_only_on_nan():
    def loses_nan(x, out):
        out[...] = np.where(np.isnan(x), 0, x + x)

    check_pair((double_into, loses_nan), [WRITING], special=(None, "inf"))
    fails((double_into, loses_nan), WRITING, "special nan in x", "out[", "kernel 0.0, reference nan")


def test_wrong_only_on_infinity():
    def large(x):
        return np.clip(x + x, -1e30, 1e30)

    fails((double, large), CASE, "special inf in x", "returned[0]", "kernel 1e+30, reference inf")


def test_wrong_dtype_of_a_result():
    fails((double, lambda x: (x + x).astype(np.float64)), CASE, "returned[0]: kernel float64", "reference float32")


def test_wrong_only_for_one_layout():
    def by_memory(x):
        rows = (x.shape[1] * x.itemsize, x.itemsize)
        return 2 * np.lib.stride_tricks.as_strided(x, x.shape, rows)

    check_pair((double, by_memory), [CASE], layouts=("C",))
    fails((double, by_memory), CASE, "layout F", layouts=("C", "F"))
    fails((double, by_memory), CASE, "layout strided", layouts=("strided",))


def test_result_that_depends_on_the_threads():
    def racy(x):
        return np.nextafter(x + x, 0) if _threads.get_num_threads() == 1 else x + x

    before = _threads.choice()
    if _threads.get_num_threads() == 1:
        pytest.skip("one thread only")
    fails((double, racy), CASE, "threads all", "bits[", "first form", "allowed 0")
    assert _threads.choice() == before  # put back after a failure too


def test_modified_input():
    def greedy(x, out):
        double_into(x, out)
        x[1, 1] = 0

    fails((double_into, greedy), WRITING, "threads 1: input 'x' was modified")


@pytest.mark.parametrize("both", [False, True])
def test_output_left_partly_unwritten(both):
    def forgetful(x, out):
        out[:2] = x[:2] + x[:2]

    fails((forgetful if both else double_into, forgetful), WRITING, "out[2, 0]: kernel nan")


def test_reading_and_writing_out_of_bounds():
    @njit
    def writes_past_the_end(x, out):
        for i in range(x.size + 1):
            out.ravel()[i] = x.ravel()[min(i, x.size - 1)] * 2

    @njit
    def reads_before_the_start(x, out):
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                out[i, j] = x[i, j] * 2 + 0 * x[0, np.uint64(0) - np.uint64(1)]

    options = {"dtypes": (np.float64,), "layouts": ("C",), "special": (None,)}
    fails((double_into, writes_past_the_end), WRITING, "wrote outside of 'out'", **options)
    fails((double_into, reads_before_the_start), WRITING, "out[0, 0]: kernel nan", **options)


def test_output_that_is_an_input():
    def build(rng, dtype):
        x = rng.standard_normal(5).astype(dtype)
        return {"x": x, "out": x}

    def in_two_passes(x, out):
        out[...] = 0
        out += x + x

    case = Case("aliased", build, outputs=("out",))
    check_pair((double_into, double_into), [case])
    fails((double_into, in_two_passes), case, "case 'aliased'", "out[")


@pytest.mark.parametrize(
    ("pair", "cases", "options", "error", "message"),
    [
        ("relu_foward", [CASE], {}, ValueError, "did you mean relu_forward"),
        (double, [CASE], {}, TypeError, r"expected the name of an operation or \(reference, kernel\)"),
        ((double, double), [], {}, ValueError, "nothing to compare"),
        ((double, double), ["case"], {}, TypeError, "expected numbanet.testing.Case"),
        ((double, double), [CASE], {"layouts": ["K"]}, ValueError, "layouts: expected one of 'C', 'F'"),
        ((double, double), [CASE], {"special": ["zero"]}, ValueError, "special: expected one of None, 'nan'"),
        ((double, double), [CASE], {"dtypes": [int]}, ValueError, "dtypes: expected floating"),
        ((double, double), [CASE], {"threads": [0]}, ValueError, "expected 1 to"),
        (
            (double, double),
            [Case("c", CASE.build, outputs=["y"])],
            {},
            ValueError,
            "output 'y' is none of its arrays: x",
        ),
    ],
)
def test_misuse_of_check_pair(pair, cases, options, error, message):
    with pytest.raises(error, match=message):
        check_pair(pair, cases, **options)


def product(x, w):
    return x @ w


def product_gradients(dout, x, w, factor=1.0):
    return {"x": dout @ w.T, "w": factor * (x.T @ dout)}


@pytest.fixture
def inputs():
    rng = np.random.default_rng(0)
    return {"x": rng.standard_normal((2, 3)), "w": rng.standard_normal((3, 4))}


def test_right_gradients_pass(inputs):
    errors = check_gradients(product, product_gradients, inputs)
    assert errors.keys() == {"x", "w"}
    assert max(errors.values()) < 1e-8


def test_gradient_of_a_number(inputs):
    check_gradients(lambda x, w: np.sum(x * x), lambda dout, x, w: {"x": dout * 2 * x}, inputs)


@pytest.mark.parametrize("factor", [0.5, 1.0001, np.nan])
def test_wrong_factor_is_caught(inputs, factor):
    def wrong(dout, x, w):
        return product_gradients(dout, x, w, factor)

    check_gradients(product, wrong, inputs, wrt=["x"])
    with pytest.raises(AssertionError, match=r"gradient of w\[\d, \d\]: analytic .*, numeric .*, error"):
        check_gradients(product, wrong, inputs)


def test_wrong_shape_is_caught(inputs):
    with pytest.raises(AssertionError, match=r"gradient of x: analytic float64 \(3, 2\)"):
        check_gradients(product, lambda dout, x, w: {"x": (dout @ w.T).T}, inputs)


def test_misuse_of_check_gradients(inputs):
    with pytest.raises(ValueError, match="b: inputs are x, w; backward gives x, w"):
        check_gradients(product, product_gradients, inputs, wrt=["b"])
    with pytest.raises(TypeError, match="x: differences need an array of float64, got dtype float32"):
        check_gradients(product, product_gradients, {**inputs, "x": inputs["x"].astype(np.float32)})
    with pytest.raises(TypeError, match="x: differences need an array of float64, got list"):
        numerical_gradient(np.sum, [1.0, 2.0])


def test_numerical_gradient_of_a_polynomial():
    x = np.array([[1.0, -2.0], [0.5, 3e6]])[:, ::-1]
    before = x.tobytes()
    np.testing.assert_allclose(numerical_gradient(lambda x: x * x, x, dout=[[1, 2], [3, 4]]), 2 * x * [[1, 2], [3, 4]])
    assert x.tobytes() == before


def test_numerical_gradient_restores_x_when_f_raises():
    x = np.ones(2)
    with pytest.raises(ZeroDivisionError):
        numerical_gradient(lambda x: 1 / 0, x)
    assert x.tolist() == [1, 1]
