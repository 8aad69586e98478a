"""Every operation: kernels against reference, their speed and their error, over sizes from training."""

import numbanet
from numbanet import reference
from numbanet.bench import ours
from numbanet.bench.operations import OPERATIONS, cases, error, label

IMPLEMENTATIONS = ["kernels", "reference"]


def find(implementation, operation):
    """The operation; skips the benchmark where this commit lacks it."""
    function = getattr(getattr(numbanet, implementation), operation, None)
    if function is None:
        raise NotImplementedError(f"this commit has no {operation}")
    return function


class Operation:
    """Seconds of one call of each operation, at each of its sizes.

    asv runs `setup` again before every sample, and then calls `time_call` once. So the first `setup` of a process
    builds, warms up and calibrates, and later ones only put the arrays back; `time_call` makes many calls, which the
    timer divides by.
    """

    params = (IMPLEMENTATIONS, [f"{operation.name} {label(size)}" for operation, size in cases()])
    param_names = ("implementation", "operation and size")
    number, rounds, repeat, warmup_time = 1, 2, (5, 25, 1.0), 0.05
    timeout = 300  # for a first process that compiles
    _built = {}

    def setup(self, *parameters):
        if parameters not in self._built:
            implementation, (name, size) = parameters[0], parameters[1].split()
            find(implementation, name)
            self._built[parameters] = ours.operation(name, size, implementation).calibrate()
        benchmark = self._built[parameters]
        benchmark.restore()
        self.timer, self.run = benchmark.clock, benchmark.run

    def time_call(self, *parameters):
        self.run()


class Error:
    """The largest error in float32 against the reference in float64: speed is not bought with it."""

    params = (IMPLEMENTATIONS, list(OPERATIONS))
    param_names = ("implementation", "operation")
    unit = "units in the last place"
    timeout = 300

    def track_error(self, implementation, name):
        operation = OPERATIONS[name]
        return error(operation, operation.sizes.timed[0], find(implementation, name), getattr(reference, name))
