"""Whole epochs through the `Solver`, and what a user waits for before the first one."""

import subprocess
import sys

import numpy as np

import numbanet as nn

NETWORKS = {
    "20-64-32-2 batch 32": ([64, 32], 20, 2, 32, None),
    "784-256-128-10 batch 64": ([256, 128], 784, 10, 64, None),
    "784-256-128-10 batchnorm batch 64": ([256, 128], 784, 10, 64, "batchnorm"),
}


class Epoch:
    """One epoch of 50 steps with Adam on random data in memory."""

    params = (["kernels", "reference"], list(NETWORKS))
    param_names = ("implementation", "network")

    def setup(self, implementation, network):
        hidden, features, classes, batch, normalization = NETWORKS[network]
        rng = np.random.default_rng(0)
        X = rng.standard_normal((50 * batch, features)).astype(np.float32)
        data = {"X_train": X, "y_train": rng.integers(0, classes, len(X))}
        model = nn.FullyConnectedNet(
            hidden,
            features,
            classes,
            normalization=normalization,
            weight_init="he_normal",
            seed=0,
            ops=getattr(nn, implementation),
        )
        options = {"update_rule": "adam", "batch_size": batch, "num_epochs": 1, "num_train_samples": 1}
        self.solver = nn.Solver(model, data, verbose=False, **options)
        self.solver.train()

    def time_epoch(self, implementation, network):
        self.solver.train()


class FreshProcess:
    """Seconds a new process takes."""

    def time_import(self):
        subprocess.run([sys.executable, "-c", "import numbanet"], check=True)
