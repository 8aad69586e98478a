"""scikit-learn's side: networks that its MLPClassifier and its MLPRegressor can express."""

import warnings

from sklearn.neural_network import MLPClassifier, MLPRegressor

from .networks import LEARNING_RATE, NETWORKS
from .timing import Benchmark


def set_threads(count):
    pass  # its products are NumPy's


def fitted(net):
    """A model that has taken an epoch, and its data."""
    X, y = net.data()
    rule = {"alpha": 0.0, "batch_size": net.batch, "learning_rate_init": LEARNING_RATE, "activation": net.activation}
    classes = {"classes": range(net.widths[-1])} if net.loss == "softmax" else {}
    kind = MLPClassifier if classes else MLPRegressor
    model = kind(hidden_layer_sizes=net.widths[1:-1], **rule, random_state=0)
    warnings.simplefilter("ignore")
    return model.partial_fit(X, y, **classes), X, y


def _expressible(name):
    net = NETWORKS.get(name)
    return None if net is None or net.batchnorm else net


def network(name, size):
    """Epochs by `partial_fit`."""
    net = _expressible(name)
    if net is None:
        return None
    model, X, y = fitted(net)

    def train():
        for _ in range(net.epochs):
            model.partial_fit(X, y)

    return Benchmark(train, parts=net.steps * net.epochs)


def prediction(name, size):
    """What it says of one example."""
    net = _expressible(name)
    if net is None:
        return None
    model, X, _ = fitted(net)
    return Benchmark(lambda: model.predict(X[:1]))
