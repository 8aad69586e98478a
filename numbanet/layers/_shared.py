"""What the layers of one kind share: those that slide windows over images, and normalisations."""

from dataclasses import fields

from .. import initializers
from .._checks import number
from .._image_shapes import windows
from .base import CHANNELS_LAST, Layer, Variable, pixels, set_checked


class Windows(Layer):
    """What convolution and pooling share. Options that are pairs may be given as one integer."""

    layout = CHANNELS_LAST
    backward_takes_output = False
    dilation = (1, 1)

    def __repr__(self):
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        defaults = self._defaults()
        first = {"filters", "kernel_size"}  # need no names
        shown = [
            f"{short(value)!r}" if name in first else f"{name}={short(value)!r}"
            for name, value in values.items()
            if name in first or short(value) != defaults[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _defaults(self):
        """What each option is where nothing is said, as it is shown."""
        return {f.name: f.default for f in fields(self)}

    def _windows(self, input_shape):
        """How many windows fit, down and across."""
        _, *size = pixels(input_shape)
        return windows("kernel_size", tuple(size), self.kernel_size, self.stride, self.padding, self.dilation)


def short(value):
    """A pair of the same number twice as that number."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


class Normalization(Layer):
    """What all normalisations share: a scale `gamma` and a shift `beta` for each feature, or channel of images."""

    layout = CHANNELS_LAST
    backward_takes_output = False

    def __post_init__(self):
        name = f"{type(self).__name__}: eps"
        set_checked(self, eps=number(name, self.eps, 0, include_low=False, include_high=False))

    def _features(self, input_shape):
        if len(input_shape) not in (1, 3):
            raise ValueError(f"expected a flat input, (D,), or images, (C, H, W), got {input_shape}")
        return input_shape[:1]

    def parameters(self, input_shape):
        shape = self._features(input_shape)
        return Variable("gamma", shape, initializers.ones), Variable("beta", shape, initializers.zeros)
