"""scikit-learn's own tests of its MLP, run on ours.

Its installed test module is read, and our classes imported in the place of its own; nothing else is changed.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.9")

from numbanet.sklearn import MLPClassifier, MLPRegressor
from numbanet.sklearn._lbfgs import Objective
from numbanet.sklearn._network import scale_of
from numbanet.sklearn._training import Examples

IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
NOT_OURS = {}  # tests that cannot apply, and why


def _loss_grad_lbfgs(mlp, packed, X, Y, *arrays):
    """The private method of that name, which takes and gives all weights before all biases; `arrays` are its own."""
    network = mlp._network
    start = 0
    for view in [*mlp.coefs_, *mlp.intercepts_]:
        view[...] = packed[start : start + view.size].reshape(view.shape)
        start += view.size
    targets = Y.astype(float) if network.loss_function.per_output else Y.argmax(axis=1)
    objective = Objective(network, Examples(X, targets, None), mlp.alpha, scale_of(network.loss_function, Y.shape[1]))
    loss, gradient = objective(network.params.flat.copy())
    network.grads.flat[...] = gradient
    ordered = [name for letter in "Wb" for name in network.grads if name[0] == letter]
    return loss, np.hstack([network.grads[name].ravel() for name in ordered])


@pytest.fixture(autouse=True)
def private_names(monkeypatch):
    monkeypatch.setattr(MLPClassifier, "_loss_grad_lbfgs", _loss_grad_lbfgs, raising=False)


pytestmark = pytest.mark.filterwarnings("default")  # as there: these tests say themselves which warnings they want


@pytest.fixture
def global_random_seed():
    return 42


def _source():
    package = Path(importlib.util.find_spec("sklearn").origin).parent
    path = package / "neural_network" / "tests" / "test_mlp.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(IMPORT) == 1, "scikit-learn's tests import its MLP otherwise"
    return compile(text.replace(IMPORT, "from numbanet.sklearn import MLPClassifier, MLPRegressor"), str(path), "exec")


exec(_source())  # what it defines stands here for pytest to find
for _name, _why in NOT_OURS.items():
    globals()[_name] = pytest.mark.skip(reason=_why)(globals()[_name])


def test_those_tests_ran_on_our_classes():
    assert MLPClassifier.__module__.startswith("numbanet.")
    assert MLPRegressor.__module__.startswith("numbanet.")
    assert sum(name.startswith("test_") for name in globals()) > 40
    assert np.isfinite(X_reg).all()  # noqa: F821
