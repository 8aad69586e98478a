"""NTK parametrisation: the network has w = p / sqrt(fan_in), and an optimizer's steps on w are those on p."""

import numpy as np
import pytest

import numbanet as nn
from numbanet import optim, reference

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((24, 5)), RNG.integers(3, size=24)
RATES = {"b": 0.1, "W1": 2.0}
RULES = {
    "sgd": {},
    "sgd_momentum": {"momentum": 0.8},
    "nesterov": {"momentum": 0.8},
    "rmsprop": {"decay_rate": 0.9, "eps": 0.01},
    "adam": {"beta2": 0.95, "eps": 0.01},
    "adamw": {"weight_decay": 0.3, "eps": 0.01},
}


def network(parametrization="ntk", ops=None, **options):
    layers = [nn.Affine(7, parametrization=parametrization), nn.ReLU(), nn.Affine(3, parametrization=parametrization)]
    return nn.Sequential(layers, 5, dtype=np.float64, seed=0, ops=ops, **options)


def trained(rule, options, model, schedule=(1.0, 0.5, 0.25)):
    options = {"learning_rate": 0.1, "learning_rate_factors": RATES, **options}
    data = {"X_train": X, "y_train": Y}
    solver = nn.Solver(
        model,
        data,
        optimizer=rule,
        optimizer_options=options,
        schedule=schedule,
        batch_size=24,
        epochs=3,
        verbose=False,
    )
    solver.train()
    return model.params


def test_weights_begin_with_a_variance_of_one_over_the_inputs():
    layer = nn.Affine(300, parametrization="ntk")
    model = nn.Sequential([layer], 200, seed=0)
    assert model.params["W1"].var() * 200 == pytest.approx(1, rel=0.03)
    weights, biases = layer.parameters((200,))
    assert weights.unit == pytest.approx(1 / np.sqrt(200), rel=1e-15)
    assert biases.unit == 1
    assert nn.Affine(3).parameters((4,))[0].unit == 1


def test_what_is_given_as_initial_values_are_the_weights():
    same = [
        nn.Sequential([nn.Affine(30, "he_normal", 1.0, parametrization)], 20, seed=0)
        for parametrization in ("standard", "ntk")
    ]
    assert np.array_equal(same[0].params.flat, same[1].params.flat)
    assert np.array_equal(same[0].loss(X[:, :1] * np.ones(20)), same[1].loss(X[:, :1] * np.ones(20)))


def torch_rule(torch, rule, groups):
    kinds = {
        "sgd": lambda: torch.optim.SGD(groups),
        "sgd_momentum": lambda: torch.optim.SGD(groups, momentum=0.8),
        "rmsprop": lambda: torch.optim.RMSprop(groups, alpha=0.9, eps=0.01),
        "adam": lambda: torch.optim.Adam(groups, betas=(0.9, 0.95), eps=0.01),
        "adamw": lambda: torch.optim.AdamW(groups, weight_decay=0.3, eps=0.01),
    }
    return kinds[rule]()


@pytest.mark.parametrize("rule", ["sgd", "sgd_momentum", "rmsprop", "adam", "adamw"])
def test_steps_are_those_of_torch_on_what_is_learnt(rule):
    """There the factor is written out, and autograd differentiates it. L2 is of the weights."""
    torch = pytest.importorskip("torch", reason="needs torch")
    model = network(l2=0.1)
    units = {"W1": 5**-0.5, "b1": 1.0, "W2": 7**-0.5, "b2": 1.0}
    learnt = {name: torch.tensor(value / units[name], requires_grad=True) for name, value in model.params.items()}
    groups = [{"params": [p], "lr": 0.1 * RATES.get(name, RATES.get(name[0], 1.0))} for name, p in learnt.items()]
    optimizer = torch_rule(torch, rule, groups)
    rates = [group["lr"] for group in groups]
    factors = [0.5] * 3 if rule == "sgd_momentum" else [1.0, 0.5, 0.25]  # torch's velocity is without the rate
    for factor in factors:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        w = {name: units[name] * p for name, p in learnt.items()}
        scores = torch.relu(torch.tensor(X) @ w["W1"] + w["b1"]) @ w["W2"] + w["b2"]
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor(Y))
        optimizer.zero_grad()
        (loss + 0.05 * ((w["W1"] ** 2).sum() + (w["W2"] ** 2).sum())).backward()
        optimizer.step()
    params = trained(rule, RULES[rule], model, factors)
    for name, p in learnt.items():
        np.testing.assert_allclose(params[name], units[name] * p.detach().numpy(), rtol=1e-11, err_msg=name)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("rule", list(RULES))
def test_steps_are_those_of_the_rule_on_what_is_learnt(rule, inside):
    """Both places of epsilon, and what torch has otherwise; the functions know of no units."""
    options = {**RULES[rule], **({"eps_inside_root": inside} if "eps" in RULES[rule] else {})}
    twin, model = network(), network()
    learnt = {name: value / twin.unit(name) for name, value in twin.params.items()}
    configs = {name: dict(options) for name in learnt}
    for factor in (1.0, 0.5, 0.25):
        _, grads = twin.loss(X, Y)
        for name, p in learnt.items():
            config = {**configs[name], "learning_rate": 0.1 * factor * RATES.get(name, RATES.get(name[0], 1.0))}
            learnt[name], configs[name] = getattr(optim, rule)(p, twin.unit(name) * grads[name], config)
            twin.params[name] = twin.unit(name) * learnt[name]
    params = trained(rule, options, model)
    for name in params:
        np.testing.assert_allclose(params[name], twin.params[name], rtol=1e-11, err_msg=name)


def test_compiled_steps_are_those_from_python():
    options = {**RULES["adamw"], "clip_norm": 0.5, "ema_decay": 0.9}
    compiled = trained("adamw", options, network())
    by_hand = trained("adamw", options, network(ops=reference))
    np.testing.assert_allclose(compiled.flat, by_hand.flat, rtol=1e-11, atol=1e-13)


def test_epsilon_follows_where_it_stands():
    """Both may be changed between two steps."""
    model = network()
    data = {"X_train": X, "y_train": Y}
    options = {"learning_rate": 0.1, "eps": 0.01}
    solver = nn.Solver(model, data, optimizer="adam", optimizer_options=options, batch_size=24, epochs=1, verbose=False)
    solver.train()
    solver._update.optimizer.options["eps_inside_root"] = True
    before, state = model.params.copy(), solver._update.optimizer.state
    assert solver.compiled
    solver.train()
    start = (model.params["W2"].ctypes.data - model.params.flat.ctypes.data) // 8
    m, v = (state[name][start : start + 21].reshape(7, 3) for name in ("m", "v"))
    step = 0.1 * 7**-0.5 * m / np.sqrt(v + 0.01 * 7)
    np.testing.assert_allclose(model.params["W2"], before["W2"] - step, rtol=1e-11)


def test_a_saved_network_learns_alike(tmp_path):
    model = network()
    model.save(tmp_path / "net.npz")
    loaded = nn.load(tmp_path / "net.npz")
    assert loaded.unit("W2") == model.unit("W2")
    assert np.array_equal(trained("adam", RULES["adam"], model).flat, trained("adam", RULES["adam"], loaded).flat)
