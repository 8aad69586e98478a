"""The learning rate finder: its sweep, its curve and its suggestion, and that the network is as it was."""

import numpy as np
import pytest
from nets import CourseModel, digits

import numbanet
from numbanet import Affine, BatchNorm, Dropout, ReLU, Sequential, Solver, learning_rate_finder

DATA = digits()
X, Y = DATA["X_train"], DATA["y_train"]
TRAIN = {"X_train": X, "y_train": Y}


def net(**options):
    layers = [Affine(20), BatchNorm(), ReLU(), Dropout(0.3), Affine(10)]
    return Sequential(layers, (64,), **{"seed": 0, **options})


def line(slope):
    """A network of one weight, and data whose loss is (w - slope)²."""
    model = Sequential([Affine(1, "zeros", "zeros")], 1, loss="squared_error", dtype=np.float64, seed=0)
    return model, {"X_train": np.ones((8, 1)), "y_train": np.full((8, 1), slope)}


def test_the_sweep_by_hand():
    """Gradient descent on w and b, both of gradient 2 (w + b - 3): what is left of 3 shrinks by 1 - 4 rate a step."""
    model, data = line(3.0)
    curve = learning_rate_finder(model, data, optimizer="sgd", lowest=1e-3, highest=0.1, num_steps=12)
    rates = 1e-3 * 100 ** (np.arange(12) / 11)
    np.testing.assert_allclose(curve.rates, rates, rtol=1e-12)
    left = 3 * np.cumprod([1, *(1 - 4 * rates[:-1])])
    np.testing.assert_allclose(curve.losses, left**2, rtol=1e-10)
    weights = 0.9 ** np.arange(12)
    smoothed = [np.average(curve.losses[: n + 1], weights=weights[n::-1]) for n in range(12)]
    np.testing.assert_allclose(curve.smoothed, smoothed, rtol=1e-10)
    steepest = 2 + np.argmin(np.gradient(smoothed)[2:])
    assert curve.suggestion == curve.rates[steepest]


def test_it_ends_where_the_loss_goes_away():
    """Above a rate of 1/2 the sweep by hand overshoots."""
    model, data = line(3.0)
    curve = learning_rate_finder(model, data, optimizer="sgd", lowest=1e-2, highest=1e3, num_steps=50)
    assert len(curve.rates) == len(curve.losses) < 50
    least = curve.smoothed[:-1].min()
    assert curve.smoothed[-1] > 4 * least
    assert (curve.smoothed[:-1] <= 4 * np.minimum.accumulate(curve.smoothed[:-1])).all()
    assert 1e-2 < curve.suggestion < min(0.5, curve.rates[np.argmin(curve.smoothed)])


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_a_loss_that_is_no_number_ends_it():
    curve = learning_rate_finder(net(dtype=np.float32), TRAIN, optimizer="sgd", lowest=1e-3, highest=1e38, num_steps=10)
    assert 0 < len(curve.losses) < 10
    assert np.isfinite(curve.losses).all()


def test_no_fall_no_suggestion():
    model, data = line(0.0)  # nothing to learn
    assert learning_rate_finder(model, data, optimizer="sgd", num_steps=10).suggestion is None


def bits(model):
    return [array.tobytes() for array in (model.params.flat, model.state.flat, model.random_keys)]


@pytest.mark.parametrize("options", [{}, {"ema_decay": 0.9, "clip_norm": 1.0}], ids=["plain", "averaged"])
def test_the_network_is_as_it_was(options):
    model = net()
    Solver(model, TRAIN, epochs=1, verbose=False).train()
    before = bits(model)
    first, second = (
        learning_rate_finder(model, {**DATA}, optimizer="adam", optimizer_options=options, num_steps=30)
        for _ in range(2)
    )
    assert bits(model) == before
    np.testing.assert_array_equal(first.losses, second.losses)
    untouched = net()
    Solver(untouched, TRAIN, epochs=1, verbose=False).train()
    for each in (model, untouched):
        Solver(each, TRAIN, epochs=1, verbose=False).train()
    assert bits(model) == bits(untouched)


def test_it_is_so_where_the_training_fails(monkeypatch):
    model = net()

    def raising(*arguments):
        raise KeyError("broken")

    before = bits(model)
    monkeypatch.setattr(numbanet._finder._Sweep, "on_step_end", raising)
    with pytest.raises(KeyError, match="broken"):
        learning_rate_finder(model, TRAIN)
    assert bits(model) == before


def test_models_of_the_course():
    model = CourseModel()
    before = {name: w.copy() for name, w in model.params.items()}
    curve = learning_rate_finder(model, TRAIN, optimizer="sgd", lowest=1e-3, num_steps=20)
    assert curve.suggestion is not None
    for name, w in before.items():
        np.testing.assert_array_equal(model.params[name], w)


def test_the_suggestion_trains():
    """Better than rates far from it, from the same start."""
    suggestion = learning_rate_finder(net(), TRAIN, optimizer="sgd").suggestion
    losses = []
    for rate in (suggestion / 100, suggestion):
        solver = Solver(
            net(), TRAIN, optimizer="sgd", optimizer_options={"learning_rate": rate}, epochs=3, verbose=False
        )
        solver.train()
        losses.append(np.mean(solver.loss_history[-5:]))
    assert losses[1] < 0.7 * losses[0]


def test_plot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    curve = learning_rate_finder(*line(3.0), optimizer="sgd", lowest=1e-2, highest=0.4, num_steps=20)
    (axes,) = curve.plot().axes
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), curve.losses)
    assert axes.lines[-1].get_xdata()[0] == curve.suggestion


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lowest": 0}, ValueError, r"lowest: expected a number in \(0, inf\), got 0"),
        ({"lowest": 1, "highest": 0.1}, ValueError, r"highest: expected a number in \(1, inf\), got 0.1"),
        ({"num_steps": 5}, ValueError, "num_steps: expected an integer of at least 10, got 5"),
        ({"optimizer": "adm"}, ValueError, "optimizer: expected one of .* did you mean 'adam'"),
        ({"data": [X, Y]}, TypeError, "data: expected a dict of arrays, got list"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an integer of at least 1, got 0"),
    ],
)
def test_refusals(options, error, message):
    with pytest.raises(error, match=f"^{message}"):
        learning_rate_finder(net(), **{"data": TRAIN, **options})
