"""Sparse examples: networks and the Solver take SciPy's matrices, and memory holds a batch of them alone."""

import tracemalloc

import numpy as np
import pytest

import numbanet as nn
from numbanet.data.sparse import SparseRows
from numbanet.kernels import _gather

scipy_sparse = pytest.importorskip("scipy.sparse")

RNG = np.random.default_rng(0)
DENSE = np.where(RNG.random((300, 40)) < 0.1, RNG.standard_normal((300, 40)), 0)
DENSE[7] = 0  # a row with nothing in it
Y = RNG.integers(3, size=300)
FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr"]


def network(**options):
    return nn.Sequential([nn.Affine(8), nn.ReLU(), nn.Affine(3)], (40,), seed=0, **options)


def trained(X, **options):
    model = network(**{key: options.pop(key) for key in ("ops", "dtype") if key in options})
    data = {"X_train": X[:250], "y_train": Y[:250], "X_val": X[250:], "y_val": Y[250:]}
    solver = nn.Solver(model, data, batch_size=40, epochs=3, verbose=False, **options)
    solver.train()
    return solver


@pytest.mark.parametrize("indices", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["serial", "parallel"])
def test_rows_are_gathered(form, dtype, indices):
    X = scipy_sparse.csr_matrix(DENSE.astype(dtype))
    rows = np.array([3, 7, 299, 0, 3, 120])
    out = np.full((6, 40), np.nan, dtype)
    getattr(_gather.gather_sparse, form)(X.data, rows, X.indices.astype(indices), X.indptr.astype(indices), out)
    np.testing.assert_array_equal(out, DENSE.astype(dtype)[rows])


def test_what_is_stored_twice_is_added_up():
    parts = np.array([1.0, 2, 5, 4]), np.array([2, 2, 0, 2]), np.array([0, 3, 4])
    X = SparseRows("X", scipy_sparse.csr_matrix(parts, shape=(2, 3)), np.float64)
    out = np.full((2, 3), np.nan)
    _gather.gather_sparse(X.data, np.arange(2), X.indices, X.indptr, out)
    np.testing.assert_array_equal(out, [[5, 0, 3], [0, 0, 4]])
    np.testing.assert_array_equal(X[np.arange(2)], out)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("ops", [nn.kernels, nn.reference], ids=["kernels", "reference"])
def test_a_network_takes_them(kind, ops):
    X, model = getattr(scipy_sparse, f"{kind}_matrix")(DENSE), network(ops=ops)
    np.testing.assert_array_equal(model.loss(X), model.loss(DENSE))
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(DENSE))
    assert model.evaluate(X, Y) == model.evaluate(DENSE, Y)
    assert model.evaluate(X, Y, RNG.random(300)) != model.evaluate(DENSE, Y)
    (loss, grads), (expected, wanted) = model.loss(X, Y), model.loss(DENSE, Y)
    assert loss == expected
    np.testing.assert_array_equal(grads["W1"], wanted["W1"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [scipy_sparse.csr_matrix, scipy_sparse.csr_array])
def test_training_gives_the_bits_of_the_dense_matrix(kind, dtype):
    weights = {"class_weight": "balanced"}
    for options in ({}, weights):
        sparse, dense = (trained(X, dtype=dtype, **options) for X in (kind(DENSE), DENSE))
        assert sparse.compiled
        np.testing.assert_array_equal(sparse.model.params.flat, dense.model.params.flat)
        assert sparse.loss_history == dense.loss_history
        assert sparse.val_loss_history == dense.val_loss_history


def test_standardised_rows_are_trained_on_from_python():
    model = network()
    model.standardizer = nn.data.Standardizer.fit(DENSE)
    X = scipy_sparse.csr_matrix(DENSE)
    found = []
    for examples in (X, DENSE):
        again = network()
        again.standardizer = model.standardizer
        solver = nn.Solver(again, {"X_train": examples, "y_train": Y}, batch_size=50, epochs=1, verbose=False)
        solver.train()
        found.append((str(solver.compiled), again.params.flat.copy()))
    assert found[0][0] == "from Python, since no kernel reads X_train that are sparse and standardised"
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)


def test_the_dense_matrix_is_never_there():
    X = scipy_sparse.random(20_000, 3_000, density=1e-3, format="csr", random_state=0, dtype=np.float32)
    y = RNG.integers(3, size=20_000)
    model = nn.Sequential([nn.Affine(3)], (3_000,), seed=0)
    solver = nn.Solver(model, {"X_train": X, "y_train": y}, batch_size=100, epochs=1, verbose=False)
    model.predict(X[:600])
    solver.train()
    tracemalloc.start()
    solver.train()
    model.evaluate(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000 * 3_000 * 4 / 5


def damaged(**changes):
    X = scipy_sparse.csr_matrix(DENSE)
    for name, (place, value) in changes.items():
        getattr(X, name)[place] = value
    return X


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (damaged(data=(-1, np.nan)), "row 299 holds nan"),
        (damaged(data=(-1, np.inf)), "row 299 holds inf"),
        (damaged(data=(-1, 1e300)), "row 299 holds inf"),
        (damaged(indices=(5, 40)), r"the matrix is damaged: it has columns 0 to 40, and the shape \(300, 40\)"),
        (damaged(indices=(5, -1)), "the matrix is damaged: it has columns -1 to 39"),
        (damaged(indptr=(3, 10**6)), "the matrix is damaged: indptr does not divide its"),
        (scipy_sparse.csr_matrix(DENSE[:, :39]), r"takes examples of shape \(N, 40\), got \(300, 39\)"),
        (scipy_sparse.csr_matrix((0, 40)), r"expected at least one example, got shape \(0, 40\)"),
        (scipy_sparse.csr_matrix(DENSE * 1j), "expected a matrix of real numbers, got dtype complex128"),
    ],
)
def test_bad_matrices(X, message):
    model = network()
    calls = [("X", lambda: model.predict(X)), ("X", lambda: model.loss(X, Y[: X.shape[0]]))]
    calls.append(("X_train", lambda: nn.Solver(model, {"X_train": X, "y_train": Y[: X.shape[0]]})))
    for name, call in calls:
        with pytest.raises((TypeError, ValueError), match=f"^{name}: .*{message}|^{name}: {message}"):
            call()
