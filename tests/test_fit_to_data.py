"""Initial values by the data: the spread of each output, and biases where the data are."""

import numpy as np
import pytest

import numbanet as nn
from numbanet.initializers import fit_to_data

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((400, 6)) * [1, 5, 0.1, 2, 1, 30] + [0, 3, 0, 0, -8, 1]).astype(np.float32)


def network(dtype=np.float64, seed=0, **options):
    affine = {"parametrization": "ntk", "bias_init": 1.0}
    layers = [nn.Affine(300, **affine), nn.SELU(), nn.Dropout(0.3), nn.Affine(200, **affine), nn.ReLU(), nn.Affine(2)]
    return nn.Sequential(layers, 6, dtype=dtype, seed=seed, **options)


def selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


def affine_outputs(model, x=X):
    """Of each affine layer, ``x w`` and its biases, by NumPy."""
    p, found = model.params, []
    activations = (selu, lambda x: np.maximum(x, 0), None)
    for number, activation in enumerate(activations, 1):
        found.append((x @ p[f"W{number}"], p[f"b{number}"]))
        if activation:
            x = activation(found[-1][0] + found[-1][1])
    return found


@pytest.mark.parametrize("ops", [None, nn.reference])
def test_each_output_has_a_spread_of_one(ops):
    model = network(ops=ops)
    before = model.params.copy()
    fit_to_data(model, X)
    for (outputs, _), name in zip(affine_outputs(model), ("W1", "W2", "W3"), strict=True):
        np.testing.assert_allclose(outputs.std(axis=0), 1, rtol=1e-6)
        ratios = model.params[name] / before[name]
        np.testing.assert_allclose(ratios, np.broadcast_to(ratios[:1], ratios.shape), rtol=1e-9)  # a factor for each


def test_biases_are_means_of_five_examples():
    model = network()
    fit_to_data(model, X)
    for outputs, biases in affine_outputs(model)[:2]:
        means = -biases
        assert (outputs.min(axis=0) <= means).all()
        assert (means <= outputs.max(axis=0)).all()
        # Weights uniform over all that add up to 1 have Σ s² = 2 / 6 on average, and each example a variance of 1.
        assert (means - outputs.mean(axis=0)).var() == pytest.approx(1 / 3, rel=0.25)
        assert abs((means - outputs.mean(axis=0)).mean()) < 4 * np.sqrt(1 / 3 / len(biases))


def test_of_one_example_the_bias_is_its_opposite():
    model = network()
    before = model.params.copy()
    fit_to_data(model, X[:1])
    for name in ("W1", "W2", "W3"):
        assert np.array_equal(model.params[name], before[name])  # which have no spread
    for outputs, biases in affine_outputs(model, X[:1]):
        np.testing.assert_allclose(biases, -outputs[0], rtol=1e-9, atol=1e-12)


def test_either_alone():
    first, weights, biases = network(), network(), network()
    fit_to_data(weights, X, biases=False)
    fit_to_data(biases, X, weights=False)
    for name in ("b1", "b2", "b3"):
        assert np.array_equal(weights.params[name], first.params[name])
        assert not np.array_equal(biases.params[name], first.params[name])
    for name in ("W1", "W2", "W3"):
        assert np.array_equal(biases.params[name], first.params[name])
    np.testing.assert_allclose(affine_outputs(weights)[1][0].std(axis=0), 1, rtol=1e-6)


def test_weights_that_are_zero_stay():
    model = nn.Sequential([nn.Affine(4), nn.ReLU(), nn.Affine(2, "zeros")], 6, seed=0)
    fit_to_data(model, X)
    assert not model.params["W2"].any()
    assert not model.params["b2"].any()
    assert np.isfinite(model.params.flat).all()


def test_seeds():
    same, again, other, told = network(), network(), network(seed=1), network(seed=1)
    told.params = same.params
    for model in (same, again, other):
        fit_to_data(model, X)
    fit_to_data(told, X, seed=0)
    assert np.array_equal(same.params.flat, again.params.flat)
    assert np.array_equal(same.params.flat, told.params.flat)
    assert not np.array_equal(same.params["b1"], other.params["b1"])
    few, all_of_them = network(), network()
    fit_to_data(few, X, max_rows=50)
    fit_to_data(all_of_them, X, max_rows=400)
    assert np.array_equal(all_of_them.params.flat, same.params.flat)
    assert np.ptp(affine_outputs(few)[0][0].std(axis=0)) > 0.01
    assert not np.array_equal(few.params["W1"], same.params["W1"])


@pytest.mark.parametrize("threads", [1, 2])
def test_bits_are_the_same_on_all_threads(threads):
    if threads > nn.get_num_threads():
        pytest.skip("needs two CPUs")
    nn.set_num_threads(threads)
    try:
        model = network(np.float32)
        fit_to_data(model, np.tile(X, (20, 1)))
    finally:
        nn.set_num_threads(None)
    alone = network(np.float32)
    with nn.runtime.threads.alone():
        fit_to_data(alone, np.tile(X, (20, 1)))
    assert np.array_equal(model.params.flat, alone.params.flat)


def test_standardised_inputs_and_layers_within_others():
    model = nn.Sequential([nn.Residual([nn.Affine(6)]), nn.ReLU(), nn.Affine(40)], 6, dtype=np.float64, seed=0)
    model.standardizer = nn.data.Standardizer.fit(X)
    inner = model.params["W1"].copy()
    fit_to_data(model, X)
    assert np.array_equal(model.params["W1"], inner)
    np.testing.assert_allclose((model.loss(X)).std(axis=0), 1, rtol=1e-6)


def test_the_first_layers():
    model = network()
    first = model.first(2)
    outputs, biases = affine_outputs(model)[0]
    np.testing.assert_allclose(first.loss(X), selu(outputs + biases), rtol=1e-9, atol=1e-12)
    first.params["W1"][...] = 0
    assert model.params["W1"].any()
    normed = nn.Sequential([nn.BatchNorm(), nn.Affine(2)], 6, seed=0)
    nn.Solver(normed, {"X_train": X, "y_train": np.arange(400) % 2}, epochs=1, verbose=False).train()
    np.testing.assert_array_equal(normed.first(2).loss(X), normed.loss(X))
    with pytest.raises(ValueError, match="^count: expected an integer .*, got 7"):
        model.first(7)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: fit_to_data(nn.Affine(3), X), TypeError, "network: expected a numbanet.Sequential, got Affine"),
        (lambda: fit_to_data(network(), X[:, :3]), ValueError, "X: "),
        (lambda: fit_to_data(network(), X * np.nan), ValueError, "X: "),
        (lambda: fit_to_data(network(), X, weights=1), TypeError, "weights: expected True or False"),
        (lambda: fit_to_data(network(), X, max_rows=0), ValueError, "max_rows: "),
        (lambda: fit_to_data(network(), X, seed=-1), ValueError, "seed: "),
    ],
)
def test_refusals(call, kind, message):
    with pytest.raises(kind, match=f"^{message}"):
        call()
