"""Training gives the bits that it gave before: hashes of everything that is learnt, kept from commit to commit.

Each entry of ``unchanged.json`` is the hash of all parameters, running averages and losses after 50 steps of one
network. A commit that changes one says so in the changelog, and writes the file anew:
``python tests/test_unchanged.py``. The bits depend neither on the number of threads nor on the CPU, but for CPUs
without fused multiply-adds.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding

import numbanet as nn
from numbanet.bench import networks, ours
from numbanet.runtime.threads import alone

KEPT = Path(__file__).with_name("unchanged.json")
STEPS = 50

FLAT = {
    "relu": [nn.Affine(9), nn.ReLU()],
    "relu alone": [nn.Affine(9), nn.LayerNorm(), nn.ReLU()],
    "leaky_relu": [nn.Affine(9), nn.LeakyReLU(0.1)],
    "elu": [nn.Affine(9), nn.ELU(1.3)],
    "sigmoid": [nn.Affine(9), nn.Sigmoid()],
    "tanh": [nn.Affine(9), nn.Tanh()],
    "gelu": [nn.Affine(9), nn.GELU()],
    "gelu tanh": [nn.Affine(9), nn.GELU("tanh")],
    "silu": [nn.Affine(9), nn.SiLU()],
    "softplus": [nn.Affine(9), nn.Softplus()],
    "mish": [nn.Affine(9), nn.Mish()],
    "selu": [nn.Affine(9), nn.SELU()],
    "dropout": [nn.Affine(9), nn.ReLU(), nn.Dropout(0.3), nn.Affine(8), nn.Dropout(0.5)],
    "batchnorm": [nn.Affine(9), nn.BatchNorm(), nn.ReLU()],
    "layernorm": [nn.Affine(9), nn.LayerNorm(), nn.Tanh()],
    "residual": [nn.Affine(9), nn.Residual([nn.Affine(7), nn.ReLU(), nn.Affine(9)]), nn.ReLU()],
}
IMAGES = {
    "conv": [nn.Conv(5, 3, padding=1), nn.ReLU(), nn.Flatten()],
    "conv options": [
        nn.Conv(6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=3, bias=False),
        nn.Tanh(),
    ],
    "conv 1x1 and shortcut": [nn.Residual([nn.Conv(4, 3, stride=2, padding=1)], [nn.Conv(4, 1, stride=2)]), nn.ReLU()],
    "max_pool": [nn.Conv(5, 3), nn.MaxPool(2), nn.MaxPool(3, stride=2, padding=1)],
    "avg_pool": [nn.Conv(5, 3), nn.AvgPool(2), nn.AvgPool(3, stride=1, padding=1)],
    "global_avg_pool": [nn.Conv(5, 3, padding="same"), nn.GELU(), nn.GlobalAvgPool()],
    "spatial batchnorm": [nn.Conv(5, 3), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2)],
    "groupnorm": [nn.Conv(6, 3), nn.GroupNorm(3), nn.SiLU()],
}
LOSSES = ("softmax", "svm", "squared_error", "binary_cross_entropy", "huber", "absolute_error", "poisson", "quantile")
RULES = {
    "sgd": ("sgd", {"learning_rate": 0.05}),
    "sgd_momentum": ("sgd_momentum", {"learning_rate": 0.02}),
    "nesterov": ("nesterov", {"learning_rate": 0.02}),
    "rmsprop": ("rmsprop", {"learning_rate": 0.01}),
    "rmsprop inside": ("rmsprop", {"learning_rate": 0.01, "eps_inside_root": True}),
    "adam": ("adam", {"learning_rate": 0.01}),
    "adam inside": ("adam", {"learning_rate": 0.01, "eps_inside_root": True}),
    "adamw": ("adamw", {"learning_rate": 0.01}),
}


def digest(solver):
    """The hash of what `solver` has learnt, and of the way there."""
    solver.train()
    assert len(solver.loss_history) == STEPS
    kept = hashlib.sha256(np.array(solver.loss_history).tobytes())
    for views in (solver.model.params, solver.model.state):
        for name, value in views.items():
            kept.update(name.encode() + value.tobytes())
    return kept.hexdigest()[:16]


def solver(model, X, y, batch, rule="adam"):
    name, config = RULES[rule]
    data, epochs = {"X_train": X, "y_train": y}, STEPS * batch // len(X)
    options = {"batch_size": batch, "epochs": epochs, "num_train_samples": 1, "restore_best_weights": False}
    return nn.Solver(model, data, optimizer=name, optimizer_options=config, verbose=False, **options)


def small(layers, shape, loss="softmax", rule="adam", dtype=np.float32):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((340, *shape))
    y = rng.integers(4, size=340) if loss in ("softmax", "svm") else rng.random((340, 4))
    model = nn.Sequential([*layers, nn.Affine(4)], shape, loss=loss, l2=1e-3, dtype=dtype, seed=2)
    return solver(model, X, y, 34, rule)


def benchmark(name):
    net = networks.ALL_NETWORKS[name]
    steps = 10 if net.steps >= 10 else 2  # of an epoch; they divide 50
    X, y = net.data()
    return solver(ours.built(net), X[: steps * net.batch], y[: steps * net.batch], net.batch)


def nets():
    """What makes each network, by its name."""
    made = {}
    for dtype in ("float32", "float64"):
        for name, layers in FLAT.items():
            made[f"layer {name} {dtype}"] = lambda layers=layers, dtype=dtype: small(layers, (13,), dtype=dtype)
        for name, layers in IMAGES.items():
            made[f"layer {name} {dtype}"] = lambda layers=layers, dtype=dtype: small(layers, (3, 9, 8), dtype=dtype)
        for loss in LOSSES:
            made[f"loss {loss} {dtype}"] = lambda loss=loss, dtype=dtype: small(FLAT["relu"], (13,), loss, dtype=dtype)
        for rule in RULES:
            made[f"rule {rule} {dtype}"] = lambda rule=rule, dtype=dtype: small(
                FLAT["relu"], (13,), rule=rule, dtype=dtype
            )
    return made


def benchmarks():
    return {f"bench {name}": lambda name=name: benchmark(name) for name in networks.ALL_NETWORKS}


fused = pytest.mark.skipif(
    not any(binding.get_host_cpu_features().get(name) for name in ("fma", "neon")),
    reason="this CPU has no fused multiply-adds",
)


def assert_unchanged(name, make):
    expected = json.loads(KEPT.read_text())[name]
    found = {"all threads": digest(make())}
    with alone():
        found["one thread"] = digest(make())
    assert found == dict.fromkeys(found, expected)


@fused
@pytest.mark.parametrize("name", nets())
def test_small_networks(name):
    assert_unchanged(name, nets()[name])


@fused
@pytest.mark.slow
@pytest.mark.parametrize("name", benchmarks())
def test_networks_of_the_benchmarks(name):
    assert_unchanged(name, benchmarks()[name])


if __name__ == "__main__":
    KEPT.write_text(
        json.dumps({name: digest(make()) for name, make in {**nets(), **benchmarks()}.items()}, indent=1) + "\n"
    )
