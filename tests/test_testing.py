"""The tools of `numbanet.testing`, each shown to fail on something broken."""

import ctypes

import numpy as np
import pytest
from numba import njit

from numbanet._compare import place, require_close
from numbanet.runtime import threads as _threads
from numbanet.runtime.dispatch import Kernel
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


# At the edge of what is allowed, which is computed here by hand.

SIX = np.array([0.5, -1.0, 2.0, 0.0, 3.0, -4.0])
SIX_CASE = Case("six", lambda rng, dtype: {"x": SIX.astype(dtype), "large": np.array([64.0], dtype)}, terms=10_000)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("element", range(6))
@pytest.mark.parametrize("sign", [1, -1])
def test_the_default_tolerance_is_four_roundings_by_the_root_of_the_terms(dtype, element, sign):
    # Relative: 4 eps sqrt(10,000). Absolute: that of 64, the largest number among inputs and results.
    relative = 4 * float(np.finfo(dtype).eps) * 100
    allowed = relative * 64 + relative * abs(2 * SIX[element])

    def off_by(factor):
        def kernel(x, large):
            result = x + x
            result[element] += dtype(sign * factor * allowed)
            return result

        return (lambda x, large: x + x), kernel

    options = {"dtypes": (dtype,), "special": (None,)}
    assert 0.98 < check_pair(off_by(0.99), [SIX_CASE], **options).worst < 1
    fails(off_by(1.01), SIX_CASE, f"[{element}]: kernel", "1 of 6 elements differ", **options)


def test_the_tolerance_can_be_given_as_relative_absolute_or_both():
    def off_by(error):
        def kernel(x, large):
            result = x + x
            result[2] += error
            return result

        return (lambda x, large: x + x), kernel

    options = {"dtypes": (np.float64,), "special": (None,)}
    for given, allowed in (
        ({"rtol": 1e-3}, 1e-3 * 64 + 1e-3 * 4),  # the largest number is 64, this element 4
        ({"rtol": 1e-3, "atol": 0.5}, 0.5 + 1e-3 * 4),
        ({"rtol": 0, "atol": 0.5}, 0.5),
    ):
        check_pair(off_by(0.999 * allowed), [SIX_CASE], **given, **options)
        fails(off_by(1.001 * allowed), SIX_CASE, "[2]: kernel", **given, **options)
    allowed = 1e-3 + 4 * np.finfo(np.float64).eps * 100 * 4
    check_pair(off_by(allowed - 1e-14), [SIX_CASE], atol=1e-3, **options)
    fails(off_by(allowed + 1e-14), SIX_CASE, "[2]: kernel", atol=1e-3, **options)


def test_arguments_are_built_from_the_seed():
    seen = []

    def build(rng, dtype):
        x = rng.standard_normal(4).astype(dtype)
        seen.append(x)
        return {"x": x}

    for seed in (3, 3, 4):
        check_pair((double, double), [Case("seeded", build)], dtypes=(np.float64,), special=(None,), seed=seed)
    first, *_, last = seen
    np.testing.assert_array_equal(first, np.random.default_rng(3).standard_normal(4))
    np.testing.assert_array_equal(last, np.random.default_rng(4).standard_normal(4))


def test_the_terms_are_the_longest_axis_where_none_are_given():
    case = Case("long", lambda rng, dtype: {"x": np.ones((2, 900), dtype)})
    options = {"dtypes": (np.float64,), "layouts": ("C",), "special": (None,)}
    allowed = 4 * np.finfo(np.float64).eps * 30 * (2 + 2)  # of the result's magnitude, absolute and relative
    check_pair((double, lambda x: x + x + 0.95 * allowed), [case], **options)
    fails((double, lambda x: x + x + 1.05 * allowed), case, **options)


def test_infinity_and_nan_do_not_widen_the_tolerance():
    def build(rng, dtype):
        return {"x": np.array([1.0, np.inf, np.nan, 2.0], dtype)}

    def off(x):
        result = x + x
        result[0] += x.dtype.type(1e-3)
        return result

    fails((double, off), Case("special", build, terms=1), "[0]: kernel", special=(None,))


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


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", [1, 2, 15])
def test_wrong_only_on_one_of_the_infinities(sign, size):
    def loses_it(x):
        return np.where(x == sign * np.inf, x.dtype.type(0), x + x)

    case = Case("some", lambda rng, dtype: {"x": rng.standard_normal(size).astype(dtype)}, terms=1)
    if (sign, size) == (1, 1):  # there is room for one, and it is the negative one
        check_pair((double, loses_it), [case])
    else:
        fails((double, loses_it), case, "special inf in x")


@pytest.mark.parametrize("which", ["a", "b", "c"])
@pytest.mark.parametrize("kind", ["nan", "inf"])
def test_special_values_are_put_into_each_floating_input(which, kind):
    def build(rng, dtype):
        return {"n": np.arange(4), **{name: rng.standard_normal(4).astype(dtype) for name in "abc"}}

    def plain(n, a, b, c):
        return a + b + c

    def tame(n, a, b, c):
        mine = {"a": a, "b": b, "c": c}
        mine[which] = np.clip(np.nan_to_num(mine[which]), -1e3, 1e3)
        return mine["a"] + mine["b"] + mine["c"]

    case = Case("three", build, terms=1)
    check_pair((plain, tame), [case], special=(None,))
    fails((plain, tame), case, f"special {kind} in {which}, threads", special=(kind,))


def test_wrong_dtype_of_a_result():
    fails((double, lambda x: (x + x).astype(np.float64)), CASE, "returned[0]: kernel float64", "reference float32")


def test_wrong_only_for_one_layout():
    def by_memory(x):
        rows = (x.shape[1] * x.itemsize, x.itemsize)
        return 2 * np.lib.stride_tricks.as_strided(x, x.shape, rows)

    check_pair((double, by_memory), [CASE], layouts=("C",))
    fails((double, by_memory), CASE, "layout F", layouts=("C", "F"))
    fails((double, by_memory), CASE, "layout strided", layouts=("strided",))


ARRAY = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("layout", "strides"),
    # Of 4 bytes each: rows first; columns first; every other of (6, 8, 10) elements, the last axis backwards.
    [("C", (48, 16, 4)), ("F", (4, 8, 24)), ("strided", (2 * 8 * 10 * 4, 2 * 10 * 4, -8))],
)
def test_arrays_lie_in_memory_as_the_layout_says(layout, strides):
    view, buffer = place(ARRAY, layout, -1.0)
    assert (view.shape, view.strides) == (ARRAY.shape, strides)
    assert np.shares_memory(view, buffer)
    np.testing.assert_array_equal(view, ARRAY)
    assert np.count_nonzero(buffer != -1) == 24  # and the rest is what was asked for
    view[...] = -1
    assert (buffer == -1).all()
    first, last = view.flat[0:1], (view[-1, -1, -1],)  # nothing of it at the edge of the buffer
    assert first == last == (-1,)
    for edge in (buffer.ravel()[0:1], buffer.ravel()[-1:]):
        assert not np.shares_memory(view, edge)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (0, 3)])
@pytest.mark.parametrize("layout", ["C", "F", "strided"])
def test_small_arrays_can_be_laid_out_too(layout, shape):
    array = np.full(shape, 3.0)
    view, buffer = place(array, layout, 0.0)
    np.testing.assert_array_equal(view, array)
    assert np.count_nonzero(buffer) == array.size


def test_bits_are_the_same_but_for_those_of_nan():
    labels = "here", "there"
    one = np.array([0.0, -0.0, np.nan, np.inf, 1.0])
    assert require_close("x", one, one.copy(), None, labels).max() == 0
    require_close("x", one, np.array([0.0, -0.0, -np.nan, np.inf, 1.0]), None, labels)
    for index, other in ((0, -0.0), (1, 0.0), (2, 1.0), (3, -np.inf), (4, np.nextafter(1, 2)), (4, np.nan)):
        changed = one.copy()
        changed[index] = other
        with pytest.raises(AssertionError, match=rf"^x\[{index}\]: here .*, there .*; 1 of 5 elements differ"):
            require_close("x", one, changed, None, labels)


def test_the_worst_element_is_named_and_its_limit():
    want, got = np.array([1.0, 2.0, 3.0]), np.array([1.1, 2.5, 3.0])
    with pytest.raises(AssertionError, match=r"x\[1\]: a 2.5, b 2.0, error 0.5, allowed 0.4; 1 of 3 elements differ"):
        require_close("x", got, want, np.array([0.2, 0.4, 0.0]), "ab")
    errors = require_close("x", got, want, 0.5, "ab")
    np.testing.assert_allclose(errors, [0.1, 0.5, 0.0])


def test_the_sign_of_zero_may_not_depend_on_the_threads():
    def racy(x):
        return x * x.dtype.type(0 if _threads.get_num_threads() == 1 else -1) * 0

    if _threads.get_num_threads() == 1:
        pytest.skip("one thread only")
    case = Case("ones", lambda rng, dtype: {"x": np.ones(3, dtype)})
    fails(((lambda x: x * 0), racy), case, "threads all: returned[0], bits[0]", "first form 0.0", special=(None,))


def test_every_form_of_a_kernel_is_run():
    def forms(**wrong):
        def form(name):
            def run(x):
                return x + x + x.dtype.type(name in wrong)

            return run

        kernel = Kernel(double, lambda x: 0)
        kernel.serial, kernel.parallel = form("serial"), form("parallel")
        return double, kernel

    assert check_pair(forms(), [CASE], special=(None,), layouts=("C",)).comparisons == 2 * 3  # by dtypes
    fails(forms(serial=True), CASE, "double: case 'N=3 D=5'", "serial: returned[0][")
    fails(forms(parallel=True), CASE, "threads 1: returned[0][")


def test_serial_and_parallel_form_have_the_same_bits():
    kernel = Kernel(double, lambda x: 0)
    kernel.serial, kernel.parallel = double, lambda x: np.nextafter(x + x, 0)
    fails((double, kernel), CASE, "threads 1: returned[0], bits[", "first form", special=(None,))


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


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integers_left_unwritten_or_written_beyond(dtype):
    def build(rng, floating):
        return {"x": rng.integers(9, size=6).astype(dtype), "out": np.empty(6, dtype)}

    def partly(x, out):
        out[:5] = x[:5]

    def beyond(x, out):
        out[:] = x
        np.lib.stride_tricks.as_strided(out, (7,))[6] = 1

    def copy(x, out):
        out[:] = x

    case = Case("integers", build, outputs=["out"])
    assert check_pair((copy, copy), [case]).worst == 0
    fails((partly, partly), case, "out[5]: kernel 0, reference 1")
    fails((copy, beyond), case, "wrote outside of 'out'")


@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_neighbour_of_an_input_is_not_written_either(where):
    def careless(x):
        ctypes.memset(x.ctypes.data + (x.nbytes if where == "behind" else -1), 7, 1)
        return x + x

    fails((double, careless), CASE, "wrote outside of 'x'", layouts=("C",))


def test_what_is_updated_is_compared():
    def build(rng, dtype):
        return {"x": rng.standard_normal(5).astype(dtype), "mean": np.ones(5, dtype)}

    def update(x, mean):
        mean *= 0.5
        mean += x

    def forgets(x, mean):
        mean[:] = x

    case = Case("updated", build, updated=["mean"], terms=1)
    check_pair((update, update), [case])
    fails((update, forgets), case, "mean[")


def test_scratch_may_hold_anything():
    def build(rng, dtype):
        return {"x": np.ones(5, dtype), "work": np.empty(5, dtype), "out": np.empty(5, dtype)}

    def plain(x, work, out):
        out[:] = x

    def through(x, work, out):
        work[:] = x
        out[:] = work

    def reads_it(x, work, out):
        out[:] = x + 0 * work

    case = Case("scratch", build, outputs=["out"], scratch=["work"])
    check_pair((plain, through), [case])
    fails((plain, reads_it), case, "out[0]: kernel nan")


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
        (((lambda x: None), (lambda x: None)), [CASE], {}, ValueError, "nothing to compare; name what it writes"),
        (
            (double, double),
            [Case("integers", lambda rng, dtype: {"x": np.arange(3)})],
            {"special": ["nan"]},
            ValueError,
            "no case has a floating input",
        ),
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


@pytest.mark.parametrize(
    "backward",
    [
        lambda dout, x: {"x": 3 * x**2},  # as if it were 1
        lambda dout, x: {"x": np.abs(dout) * 3 * x**2},
        lambda dout, x: {"x": dout.mean() * 3 * x**2},
        lambda dout, x: {"x": dout[::-1] * 3 * x**2},
    ],
)
def test_a_gradient_has_to_heed_what_comes_back(backward):
    x = np.array([0.5, -1.0, 2.0])
    check_gradients(lambda x: x**3, lambda dout, x: {"x": dout * 3 * x**2}, {"x": x})
    with pytest.raises(AssertionError, match="gradient of x"):
        check_gradients(lambda x: x**3, backward, {"x": x})


def test_what_comes_back_is_random_and_follows_from_the_seed():
    seen = []

    def backward(dout, x):
        seen.append(dout)
        return {"x": dout * 2}

    for seed in (0, 0, 1):
        check_gradients(lambda x: 2 * x, backward, {"x": np.ones((2, 3))}, seed=seed)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert seen[0].shape == (2, 3)
    assert len(np.unique(np.concatenate(seen[1:]))) == 12


@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_at_the_edge_of_the_tolerance(sign):
    x, options = np.array([[1.0, -2.0], [4.0, 3.0]]), {"rtol": 1e-3, "atol": 0.0}

    def off(relative=0.0, absolute=0.0):
        def backward(dout, x):
            gradient = 5 * dout
            gradient[1, 0] += sign * (relative * gradient[1, 0] + absolute)
            return {"x": gradient}

        return lambda x: 5 * x, backward, {"x": x}

    errors = check_gradients(*off(relative=0.99e-3), **options)
    assert errors["x"] > 0
    with pytest.raises(AssertionError, match=r"x\[1, 0\].*1 of 4 elements differ"):
        check_gradients(*off(relative=1.01e-3), **options)
    assert check_gradients(*off(absolute=0.99e-3), rtol=0, atol=1e-3)["x"] == pytest.approx(0.99e-3, rel=1e-5)
    with pytest.raises(AssertionError, match=r"x\[1, 0\].*allowed 0.001; 1 of 4 elements differ"):
        check_gradients(*off(absolute=1.01e-3), rtol=0, atol=1e-3)


def test_differences_that_are_no_numbers_are_no_pass():
    def root(x):
        with np.errstate(invalid="ignore"):
            return np.sqrt(x)

    with pytest.raises(AssertionError, match=r"gradient of x\[0\]: the differences are no number"):
        check_gradients(root, lambda dout, x: {"x": dout / (2 * root(x))}, {"x": np.array([1.0, -1.0])})


def test_functions_that_modify_an_input_are_caught():
    def backward(dout, x):
        x *= 2
        return {"x": dout}

    x = np.ones(3)
    with pytest.raises(AssertionError, match="input 'x' was modified"):
        check_gradients(lambda x: x + 0, backward, {"x": x})
    assert x.tolist() == [1, 1, 1]


def test_wrong_shape_is_caught(inputs):
    with pytest.raises(AssertionError, match=r"gradient of x: analytic float64 \(3, 2\)"):
        check_gradients(product, lambda dout, x, w: {"x": (dout @ w.T).T}, inputs)


def test_misuse_of_check_gradients(inputs):
    with pytest.raises(ValueError, match="b: inputs are x, w; backward gives x, w"):
        check_gradients(product, product_gradients, inputs, wrt=["b"])
    with pytest.raises(ValueError, match="backward gives no gradients"):
        check_gradients(product, lambda dout, x, w: {}, inputs)
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
