"""Layers of a user's own: any function is an operation, compiled where it can be, with the same bits."""

import copy
import functools
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
import pytest

import numbanet as nn
from numbanet.program import Program
from numbanet.runtime import call_table

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((90, 6)).astype(np.float32), RNG.integers(3, size=90)


def halve(x, out):
    """0.5 x**2, of which every way of computing has the same bits."""
    for i in numba.prange(x.size):
        out[i] = np.float32(0.5) * x[i] * x[i]


def halve_back(dout, x, dx):
    for i in numba.prange(x.size):
        dx[i] = dout[i] * x[i]


def numpy_halve(x, out):
    out[...] = np.float32(0.5) * x * x


def numpy_halve_back(dout, x, dx):
    dx[...] = dout * x


PAIRS = {
    "kernel": (nn.kernel(halve), nn.kernel(halve_back)),
    "parallel kernel": (nn.kernel(halve, nanoseconds=1e7), nn.kernel(halve_back, nanoseconds=lambda *given: 1e9)),
    "njit": (numba.njit(halve), numba.njit(halve_back)),
    "parallel njit": (numba.njit(halve, parallel=True), numba.njit(halve_back, parallel=True)),
    "python": (numpy_halve, numpy_halve_back),
}
for _pair in PAIRS["kernel"]:  # as a decorator would have it, which pickle goes by
    _pair.__name__ = _pair.__qualname__ = f"_{_pair.__name__}"
_halve, _halve_back = PAIRS["kernel"]


@dataclass(frozen=True)
class Halve(nn.Layer):
    """The layer on one of `PAIRS`."""

    which: str = "kernel"

    layout = "either"

    def lower(self, net, x):
        forward, backward = PAIRS[self.which]
        out = net.buffer(*x.shape[1:])
        net.forward(forward, x.reshape(-1), out.reshape(-1))

        def back(dout):
            dx = net.overwritable(dout)
            net.backward(backward, dout.reshape(-1), x.reshape(-1), dx.reshape(-1))
            return dx

        return out, back


@dataclass(frozen=True)
class Calls(nn.Layer):
    """A layer that calls any function with (x, *arguments, out)."""

    function: object
    arguments: tuple = ()

    layout = "either"

    def lower(self, net, x):
        out = net.buffer(*x.shape[1:])
        net.forward(self.function, x.reshape(-1), *self.arguments, out.reshape(-1))
        return out, lambda dout: dout


def network(layer, **options):
    return nn.Sequential([nn.Affine(8), layer, nn.Affine(3)], (6,), seed=0, **options)


def solver_of(model, **options):
    options = {"batch_size": 20, "epochs": 4, "verbose": False, "optimizer": "adam", **options}
    return nn.Solver(model, {"X_train": X, "y_train": Y}, **options)


def learned(model):
    solver = solver_of(model)
    solver.train()
    return solver, model.params.flat.tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_every_kind_of_function_trains_to_the_same_bits(threads, monkeypatch):
    before = nn.get_num_threads()
    if threads > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("needs two CPUs")
    nn.set_num_threads(threads)
    try:
        found = {}
        for which in PAIRS:
            solver, found[which] = learned(network(Halve(which)))
            assert bool(solver.compiled) == (which != "python"), which
        monkeypatch.setattr(call_table, "Dispatcher", ())  # nothing is an instance of: operation by operation
        solver, found["kernels from Python"] = learned(network(Halve()))
        assert not solver.compiled
    finally:
        nn.set_num_threads(before)
    assert len(set(found.values())) == 1, {name: hash(bits) for name, bits in found.items()}


def test_on_the_reference_a_function_runs_as_it_is():
    solver, _ = learned(network(Halve(), ops=nn.reference))
    assert str(solver.compiled).startswith(
        "from Python, since ops is numbanet.reference, and affine_forward of layer 1"
    )


@pytest.mark.parametrize("which", PAIRS)
def test_networks_are_copied_pickled_saved_and_loaded(which, tmp_path):
    model = network(Halve(which))
    learned(model)
    model.save(tmp_path / "model.npz")
    copies = copy.deepcopy(model), pickle.loads(pickle.dumps(model)), nn.load(tmp_path / "model.npz", custom=[Halve])
    for other in copies:
        assert other.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
        assert learned(other)[1] == copies[0].params.flat.tobytes()


def test_kernels_are_pickled_by_name():
    assert pickle.loads(pickle.dumps(_halve)) is _halve
    assert copy.deepcopy(network(Calls(_halve))).layers[1].function is _halve


def test_many_threads_predict_alike():
    model = network(Halve("parallel njit"))
    expected = model.loss(X).tobytes()
    with ThreadPoolExecutor(4) as pool:
        assert {scores.tobytes() for scores in pool.map(lambda _: model.loss(X), range(40))} == {expected}


@numba.njit
def picky(x, out):
    for i in range(x.size):
        if x[i] > 50:
            raise ValueError("too large", i)
        out[i] = x[i]


@numba.njit
def divides(x, out):
    for i in range(x.size):
        out[i] = x[i] + 1 // (1 if x[i] < 50 else 0)


def python_picky(x, out):
    if x.max() > 50:
        raise KeyError("too large")
    out[...] = x


@pytest.mark.parametrize(
    ("function", "kind", "what"),
    [
        (picky, ValueError, "picky"),
        (nn.kernel(picky.py_func, nanoseconds=1e-3), ValueError, "picky"),
        (divides, ZeroDivisionError, "divides"),
        (python_picky, KeyError, "python_picky"),
    ],
)
def test_an_exception_ends_the_training_before_the_update(function, kind, what):
    model = network(Calls(function))
    solver = solver_of(model, epochs=1)
    solver.train()
    X_bad = X.copy()
    X_bad[:] = 1e4
    solver.X_train = X_bad
    before = model.params.flat.copy()
    with pytest.raises(RuntimeError, match=rf"^{what} of layer 2, Calls\(.* raised {kind.__name__}: ") as raised:
        solver.train()
    assert isinstance(raised.value.__cause__, kind)
    assert model.params.flat.tobytes() == before.tobytes()
    with pytest.raises(RuntimeError, match=f"{what} of layer 2, "):
        model.predict(X_bad)
    assert np.isfinite(model.loss(X)).all()  # it goes on


@numba.njit
def returns_an_array(x, out):
    out[:] = x
    return out


@numba.njit("void(f8[::1], f8[::1])")
def of_float64(x, out):
    out[:] = x


@numba.njit
def sum_of(x, pair, out):
    for i in range(x.size):
        out[i] = x[i] + np.float32(pair[0]) - np.float32(pair[1])


def named(x, name, out):
    if name == "same":
        out[:] = x


@numba.njit
def unsigned(x, large, out):
    for i in range(x.size):
        out[i] = x[i] if large == np.uint64(2**63 + 1) else 0


@numba.jit(forceobj=True)
def with_python(x, out):
    out[:] = x


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (returns_an_array, (), "returns array"),
        (numba.njit(named), ("same",), "takes unicode_type, which no record holds"),
        (with_python, (), "returns"),
        (functools.partial(named, name="same"), (), "is not compiled"),
        (sum_of, ((2, 2.0),), None),
        (unsigned, (np.uint64(2**63 + 1),), None),
    ],
)
def test_what_a_record_cannot_hold_is_called_from_python(function, arguments, why):
    if isinstance(function, functools.partial):
        function = functools.partial(lambda x, out, name: named(x, name, out), name="same")
    model, plain = network(Calls(function, arguments)), network(Calls(numpy_copy))
    program = Program(model, 4, training=True)
    assert program.obstacle is None if why is None else why in program.obstacle
    np.testing.assert_allclose(model.loss(X[:4]), plain.loss(X[:4]), rtol=1e-5)


def numpy_copy(x, out):
    out[...] = x


def test_other_types_than_a_function_was_compiled_for():
    narrow, wide = network(Calls(of_float64)), network(Calls(of_float64), dtype=np.float64)
    program = Program(narrow, 4, training=True)
    assert "of layer 2" in program.obstacle
    assert "was compiled for other types than array(float32" in program.obstacle
    assert Program(wide, 4, training=True).obstacle is None


class Faulty(nn.Layer):
    """A layer whose `lower` is the function given."""

    layout = "either"

    def __init__(self, lower):
        self.lowered = lower

    def __repr__(self):
        return "Faulty()"

    def lower(self, net, x):
        return self.lowered(net, x)


def _captures(net, x):
    out = net.buffer(8)
    net.forward(lambda: np.copyto(out, x))
    return out, None


BAD = {
    "no such name": (
        lambda net, x: (net.forward("relu_forwad", x, x), None),
        "no operation 'relu_forwad'.*did you mean",
    ),
    "a private name": (lambda net, x: (net.forward("__name__", x, x), None), "no operation '__name__'"),
    "no function": (lambda net, x: (net.forward(3, x, x), None), "expected an operation, its name or a function, got"),
    "one value": (lambda net, x: x, r"lower must return \(out, backward\), got"),
    "a shape": (lambda net, x: (net.buffer(7), None), r"out: expected shape \(5, 8\), got \(5, 7\)"),
    "a dtype": (lambda net, x: (np.zeros((5, 8)), None), "out: expected an array of float32, got"),
    "a list": (lambda net, x: ([1.0], None), "out: expected an array of float32, got"),
    "no backward": (lambda net, x: (x, 3), "backward: expected a function of dout or None, got"),
    "no gradient": (lambda net, x: (x, lambda dout: None), "backward must return the gradient of x, an array"),
    "its shape": (lambda net, x: (x, lambda dout: net.buffer(7)), r"of shape \(5, 8\), got \(5, 7\)"),
    "a captured array": (_captures, "<lambda>: holds an array of the network's, which moves"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_layer_that_does_not_fit_is_refused_by_name(case):
    lower, message = BAD[case]
    with pytest.raises((TypeError, ValueError), match=rf"^layer 2, Faulty\(\): .*{message}"):
        Program(network(Faulty(lower)), 5, training=True)


def test_what_numba_cannot_compile_is_told_in_short():
    @numba.njit
    def wrong(x, out):
        out[0] = "text"

    with pytest.raises(
        TypeError, match=r"^wrong of layer 2, Calls\(.*: numba cannot compile it for \(float32"
    ) as raised:
        network(Calls(wrong)).predict(X)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ((3,), TypeError, "kernel: expected a function of loops in Python, got"),
        ((numba.njit(halve),), TypeError, "kernel: expected a function of loops in Python, got"),
        ((halve, {"nanoseconds": 0}), ValueError, "nanoseconds: expected a number"),
        ((halve, {"nanoseconds": "long"}), TypeError, "nanoseconds: expected a number"),
    ],
)
def test_kernel_refuses_what_it_cannot_take(given, error, message):
    function, options = given[0], given[1] if len(given) > 1 else {}
    with pytest.raises(error, match=message):
        nn.kernel(function, **options)


def test_arrays_in_tuples_move_with_the_others():
    @numba.njit
    def both(pair, out):
        for i in range(out.size):
            out[i] = pair[0][i] + pair[1][i]

    def lower(net, x):
        twice, out = net.buffer(8), net.buffer(8)
        net.forward("add", x.reshape(-1), x.reshape(-1), twice.reshape(-1))
        net.forward(both, (x.reshape(-1), twice.reshape(-1)), out.reshape(-1))
        return out, None

    model = network(Faulty(lower))
    hidden = X @ model.params["W1"] + model.params["b1"]
    expected = 3 * hidden @ model.params["W2"] + model.params["b2"]
    np.testing.assert_allclose(model.loss(X), expected, rtol=1e-4, atol=1e-5)


def test_where_a_number_went_wrong_is_named():
    def infinite(x, out):
        out[...] = np.inf

    with pytest.raises(nn.TrainingDiverged, match="shows in the output of layer 2, Calls"):
        solver_of(network(Calls(infinite))).train()


EDITED = """
import numba, numpy as np, numbanet as nn
@nn.kernel
def scale(x, out):
    for i in numba.prange(x.size):
        out[i] = {factor} * x[i]
x = np.ones(4)
out = np.empty(4)
scale(x, out)
print(out.tolist())
"""


def test_an_edited_kernel_is_compiled_anew(tmp_path):
    for factor in (2.0, 3.0):
        (tmp_path / "edited.py").write_text(EDITED.format(factor=factor), encoding="utf-8")
        done = subprocess.run([sys.executable, "edited.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert done.stdout == f"{[factor] * 4}\n", done.stderr
