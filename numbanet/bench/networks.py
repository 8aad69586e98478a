"""The networks whose training is measured, on random data."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """Widths from the input to the classes, examples in a batch, batches in the data, and batch norm or not."""

    widths: tuple
    batch: int
    steps: int
    batchnorm: bool = False

    @property
    def parameters(self):
        """Number of weights."""
        return sum(a * b for a, b in zip(self.widths, self.widths[1:], strict=False))

    def data(self):
        """Examples (float32) and labels for one epoch."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.batch * self.steps, self.widths[0]), np.float32)
        return X, rng.integers(self.widths[-1], size=len(X))


NETWORKS = {
    "20-64-32-2 at 32": Network((20, 64, 32, 2), 32, 200),
    "64-100-10 at 64": Network((64, 100, 10), 64, 100),
    "784-256-128-10 at 64": Network((784, 256, 128, 10), 64, 50),
    "784-1024-1024-10 at 256": Network((784, 1024, 1024, 10), 256, 10),
    "3072-256-128-128-10 batchnorm at 128": Network((3072, 256, 128, 128, 10), 128, 20, batchnorm=True),
}
LEARNING_RATE = 1e-3
