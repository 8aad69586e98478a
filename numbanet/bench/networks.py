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

    def data(self):
        """Examples (float32) and labels for one epoch."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.batch * self.steps, self.widths[0]), np.float32)
        return X, rng.integers(self.widths[-1], size=len(X))


@dataclass(frozen=True)
class ImageNetwork:
    """A network of numbanet by its name, for images as large as CIFAR-10's; examples in a batch, batches, filters."""

    name: str
    batch: int
    steps: int
    widths: tuple = ()

    def data(self):
        """Images (float32) and labels for one epoch."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.batch * self.steps, 3, 32, 32), np.float32)
        return X, rng.integers(10, size=len(X))


NETWORKS = {
    "20-64-32-2 at 32": Network((20, 64, 32, 2), 32, 200),
    "64-100-10 at 64": Network((64, 100, 10), 64, 100),
    "784-256-128-10 at 64": Network((784, 256, 128, 10), 64, 50),
    "784-1024-1024-10 at 256": Network((784, 1024, 1024, 10), 256, 10),
    "3072-256-128-128-10 batchnorm at 128": Network((3072, 256, 128, 128, 10), 128, 20, batchnorm=True),
}
IMAGE_NETWORKS = {
    "ThreeLayerConvNet at 50": ImageNetwork("ThreeLayerConvNet", 50, 4),
    "SmallVGG at 128": ImageNetwork("SmallVGG", 128, 2, (32, 64, 128)),
    "SmallResNet at 128": ImageNetwork("SmallResNet", 128, 2, (16, 32, 64)),
}
ALL_NETWORKS = {**NETWORKS, **IMAGE_NETWORKS}
LEARNING_RATE = 1e-3
