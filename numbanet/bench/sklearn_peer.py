"""scikit-learn's side: networks that its MLPClassifier can express."""

import warnings

from sklearn.neural_network import MLPClassifier

from .networks import LEARNING_RATE, NETWORKS
from .timing import Benchmark


def set_threads(count):
    pass  # its products are NumPy's


def fitted(net):
    """A model that has taken an epoch, and its data."""
    X, y = net.data()
    rule = {"alpha": 0.0, "batch_size": net.batch, "learning_rate_init": LEARNING_RATE}
    model = MLPClassifier(net.widths[1:-1], **rule, random_state=0)
    warnings.simplefilter("ignore")
    return model.partial_fit(X, y, classes=range(net.widths[-1])), X, y


def network(name, size):
    """Epochs by `partial_fit`."""
    net = NETWORKS.get(name)
    if net is None or net.batchnorm:
        return None
    model, X, y = fitted(net)
    return Benchmark(lambda: model.partial_fit(X, y), parts=net.steps)


def prediction(name, size):
    """The class of one example."""
    net = NETWORKS.get(name)
    if net is None or net.batchnorm:
        return None
    model, X, _ = fitted(net)
    return Benchmark(lambda: model.predict(X[:1]))
