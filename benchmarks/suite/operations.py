"""Every operation by family: kernels against reference, their speed and their error, over sizes from training."""

import numbanet
from numbanet import reference
from numbanet.bench import ours
from numbanet.bench.operations import FAMILIES, OPERATIONS, error, label

IMPLEMENTATIONS = ["kernels", "reference"]


def find(implementation, operation):
    """The operation; skips the benchmark where this commit lacks it."""
    function = getattr(getattr(numbanet, implementation), operation, None)
    if function is None:
        raise NotImplementedError(f"this commit has no {operation}")
    return function


class _Family:
    """Seconds of one call.

    asv runs `setup` again before every sample, and then calls `time_call` once. So the first `setup` of a process
    builds, warms up and calibrates, and later ones only put the arrays back; `time_call` makes many calls, which the
    timer divides by.
    """

    param_names = ("implementation", "operation", "size")
    number, rounds, repeat, warmup_time = 1, 2, (5, 25, 1.0), 0.05
    timeout = 300  # for a first process that compiles
    _built = {}

    def setup(self, *parameters):
        if parameters not in self._built:
            implementation, operation, size = parameters
            find(implementation, operation)
            self._built[parameters] = ours.operation(operation, size, implementation).calibrate()
        benchmark = self._built[parameters]
        benchmark.restore()
        self.timer, self.run = benchmark.clock, benchmark.run

    def time_call(self, *parameters):
        self.run()


def _params(family):
    names = [name for name, operation in OPERATIONS.items() if operation.family == family]
    return IMPLEMENTATIONS, names, [label(size) for size in FAMILIES[family].sizes]


class Affine(_Family):
    params = _params("affine")


class Convolution(_Family):
    params = _params("convolution")


class Activations(_Family):
    params = _params("activations")


class Losses(_Family):
    params = _params("losses")


class Normalization(_Family):
    params = _params("normalization")


class GroupNorm(_Family):
    params = _params("groupnorm")


class Pooling(_Family):
    params = _params("pooling")


class Layout(_Family):
    params = _params("layout")


class Dropout(_Family):
    params = _params("dropout")


class Updates(_Family):
    params = _params("updates")


class Error:
    """The largest error in float32 against the reference in float64: speed is not bought with it."""

    params = (IMPLEMENTATIONS, list(OPERATIONS))
    param_names = ("implementation", "operation")
    unit = "units in the last place"
    timeout = 300

    def track_error(self, implementation, name):
        operation = OPERATIONS[name]
        size = FAMILIES[operation.family].sizes[0]
        return error(operation, size, find(implementation, name), getattr(reference, name))
