"""Matrix products as training asks for them."""

from dataclasses import dataclass

import numpy as np

from .operations import aligned

# (m, k, n): rows of the result, terms of the sums, columns of the result.
SHAPES = (
    *((m, k, n) for m in (16, 32, 64, 128, 256, 512) for k, n in ((784, 256), (256, 128), (128, 10))),
    *((20, 64, 2), (32, 20, 64), (32, 64, 32), (64, 10, 128), (128, 10, 256), (512, 100, 100)),
    *((64, 3072, 256), (128, 3072, 256), (256, 784, 1024), (256, 1024, 1024), (256, 1024, 10), (512, 512, 512)),
)
SMALL = ((8, 8, 8), (16, 16, 16), (32, 20, 64), (32, 64, 32), (32, 32, 2), (48, 64, 10), (64, 32, 32), (64, 64, 64))
CUBE = (1024, 1024, 1024)
FORMS = ("NN", "NT", "TN")


@dataclass(frozen=True)
class Product:
    """``out = a b``, where a T says that the operand is the transpose of a C-contiguous array.

    Attributes
    ----------
    form : {"NN", "NT", "TN"}, with "64" behind it for float64
    size : tuple of int
        (m, k, n).
    """

    form: str
    size: tuple

    def arrays(self):
        """a (m, k), b (k, n) and out (m, n)."""
        dtype = np.float64 if self.form.endswith("64") else np.float32
        rng = np.random.default_rng(0)
        m, k, n = self.size
        shapes = [(m, k), (k, n)]
        a, b = (
            aligned(rng.standard_normal(shape if way == "N" else shape[::-1]).astype(dtype))
            for way, shape in zip(self.form[:2], shapes, strict=True)
        )
        a, b = (array if way == "N" else array.T for way, array in zip(self.form[:2], (a, b), strict=True))
        return a, b, aligned(np.zeros((m, n), dtype))
