"""numbanet's own side: kernels or reference, by operation, matrix product or network."""

import math

import numpy as np

import numbanet

from .commits import keep_apart, solver_options, workspace
from .convolutions import Convolution
from .limits import Work, update_bytes
from .networks import ALL_NETWORKS, LEARNING_RATE, ImageNetwork
from .operations import OPERATIONS, arguments, parse
from .options import CPUS
from .products import Product
from .timing import Benchmark

EPOCHS = 20  # of each of several models: long against the start of a thread


def set_threads(count):
    """So many, also where the machine has fewer cores, which they share then."""
    if count > CPUS:
        from numbanet.runtime import threads

        threads._machine_limits = lambda: [(count, "what is measured")]
    numbanet.set_num_threads(count)


def operation(name, size, implementation):
    """One operation by `numbanet.kernels` or `numbanet.reference`; None where this commit lacks it."""
    function = getattr(getattr(numbanet, implementation), name, None)
    if function is None:
        return None
    entry = OPERATIONS[name]
    given = arguments(entry, parse(size))
    values = list(given.values())
    updated = [(given[name], given[name].copy()) for name in entry.arrays("updated")]

    def restore():
        for array, before in updated:
            array[...] = before

    return Benchmark(lambda: function(*values), restore)


def product(name, size, implementation):
    """One matrix product by the kernels' engine, in the form that a network would bind."""
    from numbanet.kernels._gemm import matmul

    arrays = Product(name, parse(size)).arrays()
    form = matmul.variant(*arrays)
    return Benchmark(lambda: form(*arrays), restore=keep_apart())  # as each step of a network would


def convolution(name, size, implementation):
    """One convolution, in the form that a network would bind."""
    case = Convolution(name, parse(size))
    x, w, b, dout, out, dx, dw, db = case.arrays()
    how = (1, 1), (case.padding, case.padding), (1, 1), 1, np.empty(workspace(w.shape), w.dtype)
    if name == "forward":
        kernel, given = numbanet.kernels.conv_forward, (x, w, b, *how, out)
    else:
        kernel = numbanet.kernels.conv_backward
        given = (dout, x, w, *how, dx if name == "both" else dx[:0], dw, db)
    form = kernel.variant(*given)
    return Benchmark(lambda: form(*given), restore=keep_apart())


def _le_net(**options):
    """LeNet-5 as it is trained on the digits of MNIST today: with ReLU and the largest of each window."""
    convolutions = [[numbanet.Conv(width, 5), numbanet.ReLU(), numbanet.MaxPool(2)] for width in (6, 16)]
    dense = [[numbanet.Affine(width, "he_normal"), numbanet.ReLU()] for width in (120, 84)]
    return numbanet.Sequential([*sum(convolutions + dense, []), numbanet.Affine(10)], (1, 28, 28), **options)


def built(net, implementation="kernels"):
    """A network of the table, new."""
    if isinstance(net, ImageNetwork):
        build = _le_net if net.name == "LeNet5" else getattr(numbanet, net.name)
        widths = {"widths": net.widths} if net.widths else {}
        return build(seed=0, ops=getattr(numbanet, implementation), **widths)
    return numbanet.FullyConnectedNet(
        list(net.widths[1:-1]),
        net.widths[0],
        net.widths[-1],
        normalization="batchnorm" if net.batchnorm else None,
        activation=net.activation,
        loss=net.loss,
        weight_init="he_normal" if net.activation == "relu" else "xavier_normal",
        seed=0,
        ops=getattr(numbanet, implementation),
    )


def work(name):
    """Floating-point operations of a prediction for one example, and the `Work` of a training step."""
    net = ALL_NETWORKS[name]
    model, forward = built(net), []
    for placed in model.placed:
        weights = [variable for variable in placed.parameters if variable.name == "W"]
        pixels = math.prod(placed.output_shape[1:])  # of a convolution; 1 of others
        forward += [2 * math.prod(variable.shape) * pixels for variable in weights]
    # Forward, and both gradients; the first layer's input needs none.
    step = net.batch * (3 * sum(forward) - forward[0])
    parameters = sum(value.size for value in model.params.values())
    return sum(forward), Work(step, *update_bytes("adam", parameters))


def solver(name, implementation, epochs=1):
    """What trains a network of the table on its data."""
    net = ALL_NETWORKS[name]
    X, y = net.data()
    rule = {"optimizer": "adam", "optimizer_options": {"learning_rate": LEARNING_RATE}}
    samples = 1 if net.epochs == 1 else 0  # whose accuracy is not measured where that would be after each step
    options = solver_options(**rule, epochs=epochs, batch_size=net.batch, num_train_samples=samples, verbose=False)
    return numbanet.Solver(built(net, implementation), {"X_train": X, "y_train": y}, **options)


def network(name, size, implementation):
    """Epochs by the Solver; None for the reference on images, which takes seconds a step."""
    net = ALL_NETWORKS[name]
    if implementation == "reference" and isinstance(net, ImageNetwork):
        return None
    return Benchmark(solver(name, implementation, net.epochs).train, parts=net.steps * net.epochs)


def two_models(name, at_once):
    """Two models trained by `train_many`, at once or one after the other; an epoch of each is one part."""
    threads, solvers = 2 if at_once else 1, [solver(name, "kernels", epochs=EPOCHS) for _ in range(2)]
    return Benchmark(lambda: numbanet.train_many(solvers, threads), parts=2 * EPOCHS)


def prediction(name, size, implementation):
    """The class of one example."""
    net = ALL_NETWORKS[name]
    model, x = built(net, implementation), net.data()[0][:1]
    return Benchmark(lambda: model.predict(x))
