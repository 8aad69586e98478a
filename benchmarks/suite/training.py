"""Whole steps and epochs through the `Solver`: time, memory and what is learnt; and what a user waits for at first."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

import numbanet as nn
from numbanet.bench import ours
from numbanet.bench.networks import IMAGE_NETWORKS, NETWORKS

from .operations import IMPLEMENTATIONS

SMALL = ["20-64-32-2 at 32", "784-256-128-10 at 64"]
SOME = [*SMALL, "3072-256-128-128-10 batchnorm at 128"]  # where each takes a process that says little more


class _Timed:
    """Seconds by a clock of numbanet's own; see `operations`."""

    number, rounds, repeat, warmup_time = 1, 2, (5, 25, 2.0), 0.05
    timeout = 300
    _built = {}

    def setup(self, *parameters):
        key = type(self), *parameters
        if key not in self._built:
            self._built[key] = self.build(*parameters).calibrate()
        self.timer, self.run = self._built[key].clock, self._built[key].run


class Steps(_Timed):
    """Seconds of a training step with Adam, over an epoch on random data in memory."""

    params = (IMPLEMENTATIONS, list(NETWORKS))
    param_names = ("implementation", "network")

    def build(self, implementation, network):
        return ours.network(network, "-", implementation)

    def time_step(self, *parameters):
        self.run()


class ImageSteps(Steps):
    """The same of networks for images."""

    params = (["kernels"], list(IMAGE_NETWORKS))


class Predictions(_Timed):
    """Seconds until a trained network has told the class of one example."""

    params = (IMPLEMENTATIONS, SOME)
    param_names = ("implementation", "network")

    def build(self, implementation, network):
        return ours.prediction(network, "-", implementation)

    def time_row(self, *parameters):
        self.run()


class Many(_Timed):
    """Seconds of an epoch where two models are to be trained: each on a core of its own, or one after the other."""

    params = ([True, False], SMALL)
    param_names = ("at_once", "network")

    def build(self, at_once, network):
        return ours.two_models(network, at_once)

    def time_epoch(self, *parameters):
        self.run()


class Memory:
    """Peak memory of a process that trains one of the networks for an epoch, compilers aside."""

    params = (IMPLEMENTATIONS, SOME)
    param_names = ("implementation", "network")
    timeout = 300

    def setup(self, *parameters):
        # Another process compiles and fills the cache: here, the compiler would be the peak.
        if os.fork() == 0:
            try:
                self.peakmem_epoch(*parameters)
            finally:
                os._exit(0)
        os.wait()

    def peakmem_epoch(self, implementation, network):
        ours.network(network, "-", implementation).call()


class ImageMemory(Memory):
    """The same of networks for images as large as CIFAR-10's."""

    params = (["kernels"], list(IMAGE_NETWORKS))


class Learning:
    """Test accuracy on the bundled digits: what a faster kernel must not cost."""

    params = (IMPLEMENTATIONS,)
    param_names = ("implementation",)
    unit = "accuracy"
    timeout = 300

    def track_digits_after_10_epochs(self, implementation):
        train, test = nn.data.split(nn.data.load_digits(), 0.2, seed=0)
        scale = nn.data.Standardizer.fit(train.X)
        options = {"weight_init": "he_normal", "seed": 0, "ops": getattr(nn, implementation)}
        model = nn.FullyConnectedNet([100, 100], 64, 10, normalization="batchnorm", dtype=np.float32, **options)
        data = {"X_train": scale.apply(train.X), "y_train": train.y}
        nn.Solver(model, data, optimizer="adam", epochs=10, verbose=False).train()
        return float(np.mean(model.predict(scale.apply(test.X)) == test.y))


FIRST_STEP = """
import numpy as np
import numbanet as nn
from numbanet.runtime.machine import Compilations

digits = nn.data.load_digits()
data = {"X_train": digits.X[:64], "y_train": digits.y[:64]}
model = nn.FullyConnectedNet([100, 100], 64, 10, normalization="batchnorm", weight_init="he_normal", seed=0)
with Compilations(lambda: None) as compilations:
    nn.Solver(model, data, optimizer="adam", batch_size=64, epochs=1, num_train_samples=0, verbose=False).train()
print(compilations.seconds)
"""


def python(code, cache):
    """Run code in a new process, with the numbanet that is measured and the cache of kernels in that folder.

    Returns the last line that it printed.
    """
    environment = {**os.environ, "NUMBANET_CACHE_DIR": cache, "PYTHONPATH": str(Path(nn.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return done.stdout.rpartition("\n")[0].rpartition("\n")[2]


class WarmProcess:
    """Seconds from the start of a process to the end of an import, or of a first step by kernels in the cache."""

    number, rounds, repeat, warmup_time, timeout = 1, 1, 5, 0, 300

    def setup_cache(self):
        folder = tempfile.mkdtemp(dir=os.getcwd())  # asv's own for this class, which it removes
        python(FIRST_STEP, folder)
        return folder

    def time_import(self, folder):
        python("import numbanet", folder)

    def time_first_step(self, folder):
        python(FIRST_STEP, folder)


class ColdProcess:
    """The same for a first step where every kernel has yet to be compiled, and how long the compiling took of it."""

    timeout = 600

    def setup_cache(self):
        """Both out of one run, since it takes long."""
        with tempfile.TemporaryDirectory() as cache:
            start = perf_counter()
            compiling = float(python(FIRST_STEP, cache))
            return {"first step": perf_counter() - start, "compiling": compiling}

    def track_first_step(self, seconds):
        return seconds["first step"]

    def track_compiling(self, seconds):
        return seconds["compiling"]

    setup_cache.timeout = timeout
    track_first_step.unit = track_compiling.unit = "seconds"
