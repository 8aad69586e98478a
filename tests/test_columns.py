"""Columns with layers of their own: against the layers by themselves, in files, and what is refused."""

import numpy as np
import pytest
from compare import BOTH, close, normal

import numbanet as nn
from numbanet.program import Program

NUMBERS, CODES, REST = normal(20, 3), np.random.default_rng(0).integers([3, 2], size=(20, 2)), normal(20, 4)
X, Y = np.concatenate([NUMBERS, REST, CODES], axis=1), np.arange(20) % 3
RUNS = [(3, [nn.PeriodicEmbedding(5, 3, sigma=0.5)]), (4, []), (2, [nn.Embedding([3, 2], 2)])]


def network(runs, ops=nn.kernels, features=9):
    layers = [nn.Columns(runs), nn.Affine(6), nn.Tanh(), nn.Affine(3)]
    return nn.Sequential(layers, features, dtype=np.float64, seed=0, ops=ops)


@BOTH
def test_runs_stand_side_by_side_in_their_order(ops):
    net = nn.Sequential([nn.Columns(RUNS)], 9, loss="squared_error", dtype=np.float64, seed=0, ops=ops)
    assert net.output_size == 9 + 4 + 4
    out = net.loss(X)
    periodic = nn.Sequential([RUNS[0][1][0]], 3, loss="squared_error", dtype=np.float64, ops=ops)
    periodic.params = {name: net.params[name] for name in periodic.params}
    close(out[:, :9], periodic.loss(NUMBERS))
    close(out[:, 9:13], REST)
    close(out[:, 13:], net.params["E1"][CODES + [0, 3]].reshape(20, 4))


@BOTH
def test_gradients(ops):
    """Through columns in columns, below which something learns, to every parameter."""
    inner = nn.Columns([(2, [nn.Affine(2), nn.ReLU()]), (1, [nn.Dropout(0.3)])])
    runs = [(1, [nn.ELU()]), (3, [inner, nn.Scale()]), (2, []), (1, [nn.PeriodicEmbedding(3)])]
    layers = [nn.Affine(7), nn.Columns(runs), nn.Affine(3)]
    net = nn.Sequential(layers, 4, dtype=np.float64, seed=0, ops=ops)
    net.fixed_dropout = True
    _, grads = net.loss(REST, Y)
    assert list(grads) == ["W1", "b1", "W2", "b2", "scale1", "frequency1", "phase1", "V1", "c1", "W3", "b3"]
    for name, values in net.params.items():
        for at in np.ndindex(values.shape):
            kept = values[at]
            values[at] = kept + 1e-6
            above = net.loss(REST, Y)[0]
            values[at] = kept - 1e-6
            below = net.loss(REST, Y)[0]
            values[at] = kept
            assert grads[name][at] == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-8), (name, at)


def test_nothing_is_copied_back_where_nothing_below_learns():
    net = network([RUNS[0], (4, [nn.Tanh()]), RUNS[2]])
    names = [getattr(function, "__name__", "") for function, *_ in Program(net, 4, True).operations.backward]
    assert names.count("copy_columns") == 2  # what the two that learn are given


@BOTH
def test_both_ways_give_the_same(ops):
    net, other = network(RUNS, ops), network(RUNS)
    loss, grads = net.loss(X, Y)
    expected, other_grads = other.loss(X, Y)
    assert loss == pytest.approx(expected, rel=1e-12)
    for name, gradient in grads.items():
        np.testing.assert_allclose(gradient, other_grads[name], rtol=1e-10, atol=1e-12)


def test_training_is_compiled_and_learns(tmp_path):
    net = network(RUNS)
    y = (CODES[:, 0] + (NUMBERS[:, 0] > 0)) % 3
    solver = nn.Solver(net, {"X_train": X, "y_train": y}, epochs=300, batch_size=10, optimizer="adam", verbose=False)
    solver.train()
    assert solver.compiled
    assert net.score(X, y) == 1
    net.save(tmp_path / "net.npz")
    again = nn.load(tmp_path / "net.npz")
    assert again.layers == net.layers
    assert repr(again) == repr(net)
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))


@pytest.mark.parametrize(
    ("column", "value", "last"), [(7, 3, 2), (7, -1, 2), (8, 2, 1), (8, 0.5, 1)], ids=lambda value: str(value)
)
def test_what_is_no_code_is_refused_by_its_row_and_column(column, value, last):
    net, bad = network(RUNS), X.copy()
    bad[5, column] = value
    data = {"X_train": X, "y_train": Y}
    solver = nn.Solver(net, data, epochs=1, batch_size=5, verbose=False)
    solver.train()
    message = rf": row 5 holds {float(value)} \(column {column}\); expected a code, a whole number from 0 to {last}$"
    for use in (
        lambda: net.predict(bad),
        lambda: net.predict_proba(bad),
        lambda: net.loss(bad, Y),
        lambda: net.evaluate(bad, Y),
        lambda: nn.Solver(net, {**data, "X_train": bad}),
        lambda: nn.Solver(net, {**data, "X_val": bad, "y_val": Y}),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    net.params["W1"][:] = np.nan  # scores are NaN, and codes are not to blame
    assert np.isnan(net.loss(X)).all()


def test_layers_inside_have_numbers_of_their_own():
    lines = repr(network(RUNS)).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["1", "1.1.1", "1.3.1", "2", "3", "4"]
    assert lines[1].split() == ["1", "Columns", "(9,)", "->", "(17,)"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Columns(3), TypeError, r"Columns: runs: expected a list of \(count, layers\), got int 3"),
        (lambda: nn.Columns([]), ValueError, "Columns: runs: expected at least one run of columns"),
        (lambda: nn.Columns([3]), TypeError, r"Columns: runs\[0\]: expected a list of a count and layers, got int 3"),
        (lambda: nn.Columns([(3,)]), ValueError, r"Columns: runs\[0\]: expected \(count, layers\), got 1 items"),
        (lambda: nn.Columns([(0, [])]), ValueError, r"runs\[0\]: count: expected an integer of at least 1, got 0"),
        (lambda: nn.Columns([(1, []), (2, nn.ReLU())]), TypeError, r"runs\[1\]: layers: expected a list of layers"),
        (lambda: nn.Columns([(1, [nn.ReLU])]), TypeError, r"runs\[0\]: layers\[0\]: expected a layer, got the class"),
        (
            lambda: network(RUNS, features=8),
            ValueError,
            "layer 1, Columns: expected the 9 columns of its runs, got",
        ),
        (
            lambda: network([(9, [nn.Embedding([3])])]),
            ValueError,
            r"layer 1\.1\.1, Embedding.*: expected 1 codes, one for each of sizes, got \(9,\)",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
