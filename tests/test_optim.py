"""Update rules: against formulas typed here, against torch, and in the form the course uses."""

import numpy as np
import pytest

from numbanet import optim, reference
from numbanet.optim import RULES, Optimizer

RNG = np.random.default_rng(0)
W, DW = RNG.standard_normal((2, 4, 5))


# Typed from the papers, for one step; s stands for the state and t for the number of the step.


def sgd(w, g, s, t, lr=0.05):
    return w - lr * g


def sgd_momentum(w, g, s, t, lr=0.05, mu=0.9):
    s["velocity"] = mu * s["velocity"] - lr * g
    return w + s["velocity"]


def nesterov(w, g, s, t, lr=0.05, mu=0.9):
    before = s["velocity"]
    s["velocity"] = mu * before - lr * g
    return w - mu * before + (1 + mu) * s["velocity"]


def rmsprop(w, g, s, t, inside, lr=0.05, rho=0.99, eps=1e-3):
    s["cache"] = rho * s["cache"] + (1 - rho) * g**2
    return w - lr * g / (np.sqrt(s["cache"] + eps) if inside else np.sqrt(s["cache"]) + eps)


def adam(w, g, s, t, inside, lr=0.05, b1=0.9, b2=0.999, eps=1e-3, decay=0.0):
    s["m"] = b1 * s["m"] + (1 - b1) * g
    s["v"] = b2 * s["v"] + (1 - b2) * g**2
    w = w - lr * decay * w
    if inside:
        return w - lr * s["m"] / np.sqrt(s["v"] + eps)
    return w - lr * (s["m"] / (1 - b1**t)) / (np.sqrt(s["v"] / (1 - b2**t)) + eps)


def adamw(w, g, s, t, inside):
    return adam(w, g, s, t, inside, decay=1e-2)


FORMULAS = [
    ("sgd", sgd, {}),
    ("sgd_momentum", sgd_momentum, {}),
    ("nesterov", nesterov, {}),
    *[
        (name, formula, {"eps_inside_root": inside, "eps": 1e-3})
        for name, formula in (("rmsprop", rmsprop), ("adam", adam), ("adamw", adamw))
        for inside in (False, True)
    ],
]


@pytest.mark.parametrize(("name", "formula", "options"), FORMULAS)
def test_five_steps_follow_the_formula(name, formula, options):
    inside = {"inside": options["eps_inside_root"]} if options else {}
    state = {key: np.zeros_like(W) for key in RULES[name].state}
    expected, w, config = W, W, {"learning_rate": 0.05, **options}
    for t in range(1, 6):
        gradient = DW * t - 0.3 * expected
        expected = formula(expected, gradient, state, t, **inside)
        w, config = getattr(optim, name)(w, gradient, config)
        np.testing.assert_allclose(w, expected, rtol=1e-12)
    for key, value in state.items():
        np.testing.assert_allclose(config[key], value, rtol=1e-12)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("ops", [None, reference], ids=["kernels", "reference"])
def test_the_optimizer_takes_the_same_steps(name, ops):
    optimizer = Optimizer(name, W.size, np.float64, **({} if ops is None else {"ops": ops}), learning_rate=0.05)
    flat, w, config = W.reshape(-1).copy(), W, {"learning_rate": 0.05}
    for t in range(1, 5):
        optimizer.update(flat, (DW * t).reshape(-1))
        w, config = getattr(optim, name)(w, DW * t, config)
    np.testing.assert_allclose(flat.reshape(W.shape), w, rtol=1e-13)
    assert optimizer.t == 4


@pytest.mark.parametrize("name", RULES)
def test_arguments_are_left_alone(name):
    config = {key: np.full(W.shape, 0.5) for key in RULES[name].state}
    given = {**config}
    w, dw = W.copy(), DW.copy()
    next_w, returned = getattr(optim, name)(w, dw, config)
    np.testing.assert_array_equal(w, W)
    np.testing.assert_array_equal(dw, DW)
    assert (next_w != W).all()
    assert returned is config
    for key, array in given.items():
        assert (array == 0.5).all()  # the arrays; the dictionary has new ones
        assert (config[key] != 0.5).any()


@pytest.mark.parametrize("name", RULES)
def test_config_gets_the_course_s_keys(name):
    _, config = getattr(optim, name)(W, DW)
    expected = {*RULES[name].options, *RULES[name].state}
    assert set(config) == expected | ({"t"} if name.startswith("adam") else set())
    assert config["learning_rate"] == (1e-3 if name.startswith("adam") else 1e-2)


def test_the_course_s_own_numbers():
    # The first and last of the values that CS231n assignment 2 expects, in FullyConnectedNets.ipynb.
    w, dw = np.linspace(-0.4, 0.6, 20).reshape(4, 5), np.linspace(-0.6, 0.4, 20).reshape(4, 5)
    v = np.linspace(0.6, 0.9, 20).reshape(4, 5)
    next_w, config = optim.sgd_momentum(w, dw, {"learning_rate": 1e-3, "velocity": v})
    np.testing.assert_allclose([next_w[0, 0], next_w[3, 4]], [0.1406, 1.4096], atol=1e-8)
    np.testing.assert_allclose([config["velocity"][0, 0], config["velocity"][3, 4]], [0.5406, 0.8096], atol=1e-8)
    next_w, config = optim.rmsprop(w, dw, {"learning_rate": 1e-2, "cache": v})
    np.testing.assert_allclose([next_w[0, 0], next_w[3, 4]], [-0.39223849, 0.59576619], atol=1e-8)
    np.testing.assert_allclose([config["cache"][0, 0], config["cache"][3, 4]], [0.5976, 0.8926], atol=1e-8)
    m, v = np.linspace(0.6, 0.9, 20).reshape(4, 5), np.linspace(0.7, 0.5, 20).reshape(4, 5)
    next_w, config = optim.adam(w, dw, {"learning_rate": 1e-2, "m": m, "v": v, "t": 5})
    np.testing.assert_allclose([next_w[0, 0], next_w[3, 4]], [-0.40094747, 0.59801459], atol=1e-8)
    np.testing.assert_allclose([config["m"][0, 0], config["m"][3, 4]], [0.48, 0.85], atol=1e-8)
    np.testing.assert_allclose([config["v"][0, 0], config["v"][3, 4]], [0.69966, 0.49966], atol=1e-8)
    assert config["t"] == 6


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sgd", lambda torch, p: torch.optim.SGD(p, lr=0.05)),
        ("sgd_momentum", lambda torch, p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
        ("nesterov", lambda torch, p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True)),
        ("rmsprop", lambda torch, p: torch.optim.RMSprop(p, lr=0.05, alpha=0.99, eps=1e-8)),
        ("adam", lambda torch, p: torch.optim.Adam(p, lr=0.05)),
        ("adamw", lambda torch, p: torch.optim.AdamW(p, lr=0.05, weight_decay=1e-2)),
    ],
)
def test_ten_steps_of_torch(name, make):
    torch = pytest.importorskip("torch")
    parameter = torch.tensor(W, requires_grad=True)
    peer = make(torch, [parameter])
    w, config = W, {"learning_rate": 0.05}
    for t in range(10):
        gradient = DW * np.cos(t) + 0.1 * w
        parameter.grad = torch.tensor(gradient)
        peer.step()
        w, config = getattr(optim, name)(w, gradient, config)
        np.testing.assert_allclose(w, parameter.detach().numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("dtype", "computed"),
    [(np.float32, np.float32), (np.float16, np.float32), (np.float64, np.float64), (np.int64, np.float64)],
)
def test_dtypes(dtype, computed):
    next_w, config = optim.adam((10 * W).astype(dtype), DW)
    assert next_w.dtype == config["m"].dtype == computed


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3, 4)])
def test_any_shape(shape):
    next_w, config = optim.rmsprop(np.ones(shape), np.ones(shape))
    assert next_w.shape == config["cache"].shape == shape
    assert (next_w < 1).all()


def test_layouts():
    expected = optim.nesterov(W, DW)[0]
    np.testing.assert_array_equal(optim.nesterov(np.asfortranarray(W), DW.astype(">f8"))[0], expected)
    np.testing.assert_array_equal(optim.nesterov(W.tolist(), DW.tolist())[0], expected)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.sgd(W, DW[:2]), ValueError, r"dw: expected shape \(4, 5\), got \(2, 5\)"),
        (lambda: optim.sgd([[1, 2], [3]], DW), TypeError, "w: expected an array of numbers"),
        (lambda: optim.sgd(W, "x"), TypeError, "dw: expected an array of real numbers"),
        (lambda: optim.sgd(W, None), TypeError, "dw: expected an array of real numbers, got dtype object"),
        (lambda: optim.sgd(W, DW, 0.1), TypeError, "config: expected a dict of options and state, got float 0.1"),
        (lambda: optim.sgd(W, DW, {"learning_rate": -1}), ValueError, "learning_rate: expected a number in"),
        (lambda: optim.sgd(W, DW, {"learning_rate": "1"}), TypeError, "learning_rate: expected a number, got str"),
        (lambda: optim.adam(W, DW, {"m": W[0]}), ValueError, r"config: m: expected shape \(4, 5\), got \(5,\)"),
        (lambda: optim.adam(W, DW, {"t": 0.5}), TypeError, "config: t: expected an integer, got float 0.5"),
        (lambda: optim.adam(W, DW, {"beta1": 1.0}), ValueError, r"beta1: expected a number in \[0, 1\), got 1"),
        (lambda: optim.adam(W, DW, {"eps_inside_root": 1}), TypeError, "is True or False, got int 1"),
        (lambda: Optimizer("adamm", 3), ValueError, "'adam', 'adamw', got 'adamm'; did you mean 'adam'"),
        (lambda: Optimizer(["sgd"], 3), ValueError, r"optimizer: expected one of 'sgd', .*got \['sgd'\]"),
        (lambda: Optimizer("sgd", 3, rate=1), ValueError, "'sgd' has the options learning_rate, got 'rate'"),
        (lambda: Optimizer("sgd", 3, learning_rate=np.nan), ValueError, "learning_rate: expected a number .* got nan"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_every_rule_has_a_function_and_an_operation():
    for name, rule in RULES.items():
        assert getattr(optim, name).__name__ == name
        assert "(w, dw, config) -> (next_w, config)" in getattr(optim, name).__doc__
        assert hasattr(reference, rule.operation)
