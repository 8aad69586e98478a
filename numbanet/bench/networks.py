"""The networks whose training is measured, on random data."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """Fully connected, by its widths from the input to the scores.

    Attributes
    ----------
    widths : tuple of int
    batch, steps : int
        Examples in a batch, and batches in the data.
    batchnorm : bool
    activation : {"relu", "tanh"}
    loss : {"softmax", "squared_error"}
        Of labels, or of as many numbers as there are outputs.
    epochs : int
        That one call trains for: several, where an epoch is short beside the call.
    """

    widths: tuple
    batch: int
    steps: int
    batchnorm: bool = False
    activation: str = "relu"
    loss: str = "softmax"
    epochs: int = 1

    def data(self):
        """Examples (float32) and targets for one epoch."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.batch * self.steps, self.widths[0]), np.float32)
        if self.loss == "softmax":
            return X, rng.integers(self.widths[-1], size=len(X))
        return X, rng.standard_normal((len(X), self.widths[-1]), np.float32)


@dataclass(frozen=True)
class ImageNetwork:
    """A network for images by its name in `ours` and in `torch_networks`: of numbanet's, or `LeNet5`.

    Attributes
    ----------
    name : str
    batch, steps : int
        Examples in a batch, and batches in the data.
    widths : tuple of int
        Numbers of filters, for a network that takes them.
    shape : tuple of int
        Of an image, (C, H, W).
    """

    name: str
    batch: int
    steps: int
    widths: tuple = ()
    shape: tuple = (3, 32, 32)
    loss, epochs = "softmax", 1

    def data(self):
        """Images (float32) and labels for one epoch."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.batch * self.steps, *self.shape), np.float32)
        return X, rng.integers(10, size=len(X))


NETWORKS = {
    "20-64-32-2 at 32": Network((20, 64, 32, 2), 32, 200),
    "64-100-10 at 64": Network((64, 100, 10), 64, 100),
    "4-32-16-4 tanh squared error at 10000": Network(
        (4, 32, 16, 4), 10_000, 1, activation="tanh", loss="squared_error", epochs=50
    ),
    "10-46-46-10 at 128": Network((10, 46, 46, 10), 128, 100),
    "784-256-128-10 at 64": Network((784, 256, 128, 10), 64, 50),
    "784-1024-1024-10 at 256": Network((784, 1024, 1024, 10), 256, 10),
    "3072-256-128-128-10 batchnorm at 128": Network((3072, 256, 128, 128, 10), 128, 20, batchnorm=True),
}
IMAGE_NETWORKS = {
    "LeNet-5 at 2048": ImageNetwork("LeNet5", 2048, 2, shape=(1, 28, 28)),
    "ThreeLayerConvNet at 50": ImageNetwork("ThreeLayerConvNet", 50, 4),
    "SmallVGG at 128": ImageNetwork("SmallVGG", 128, 2, (32, 64, 128)),
    "SmallResNet at 128": ImageNetwork("SmallResNet", 128, 2, (16, 32, 64)),
}
ALL_NETWORKS = {**NETWORKS, **IMAGE_NETWORKS}
LEARNING_RATE = 1e-3
