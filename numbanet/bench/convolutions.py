"""Convolutions as networks for small images ask for them."""

from dataclasses import dataclass

import numpy as np

from .operations import aligned

# (N, H, C, F, HH): N images of H x H pixels with C channels, F filters of HH x HH taps, padded to keep the size.
FIRST = ((128, 32, 3, 32, 3), (50, 32, 3, 32, 7), (64, 32, 3, 64, 5), (128, 28, 1, 32, 5), (128, 28, 1, 16, 3))
INNER = (
    *((128, 32, 32, 32, 3), (64, 32, 64, 64, 3), (128, 16, 32, 64, 3), (128, 16, 64, 64, 3), (32, 16, 128, 128, 3)),
    *((128, 8, 64, 128, 3), (128, 8, 128, 128, 3)),
)
FORMS = ("forward", "filters", "both")


@dataclass(frozen=True)
class Convolution:
    """One call, float32.

    Attributes
    ----------
    form : {"forward", "filters", "both"}
        Forward; the gradients of filters and bias; those and the input's.
    size : tuple of int
        (N, H, C, F, HH).
    """

    form: str
    size: tuple

    @property
    def pad(self):
        return self.size[-1] // 2

    def arrays(self):
        """x, w, b, dout and arrays for out, dx, dw, db; images are channels-last."""
        n, high, channels, filters, taps = self.size
        x, out, w, b = (
            (n, high, high, channels),
            (n, high, high, filters),
            (filters, channels, taps, taps),
            (filters,),
        )
        rng = np.random.default_rng(0)
        return [aligned(rng.standard_normal(shape, np.float32)) for shape in (x, w, b, out, out, x, w, b)]
