"""What the layers of one kind share: those that slide windows over images, and normalisations."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

from .. import initializers
from .._checks import number
from .._image_shapes import windows
from .base import CHANNELS_LAST, Layer, Variable, pixels, set_checked

if TYPE_CHECKING:
    from typing import Any

    from .._types import Padding, Pair, Shape, Size


class Windows(Layer):
    """What convolution and pooling share. Options that are pairs may be given as one integer."""

    layout = CHANNELS_LAST
    backward_takes_output = False

    kernel_size: Size
    stride: Size | None
    padding: Padding
    dilation: Size = (1, 1)

    def __repr__(self) -> str:
        values = {f.name: getattr(self, f.name) for f in fields(cast(Any, self))}
        defaults = self._defaults()
        first = {"filters", "kernel_size"}  # need no names
        shown = [
            f"{short(value)!r}" if name in first else f"{name}={short(value)!r}"
            for name, value in values.items()
            if name in first or short(value) != defaults[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _defaults(self) -> dict[str, Any]:
        """What each option is where nothing is said, as it is shown."""
        return {f.name: f.default for f in fields(cast(Any, self))}

    @property
    def _pairs(self) -> tuple[Pair, Pair, Pair, Pair]:
        """Kernel size, stride, padding and dilation, which are pairs by the time that the layer is made."""
        return cast("tuple[Pair, Pair, Pair, Pair]", (self.kernel_size, self.stride, self.padding, self.dilation))

    def _windows(self, input_shape: Shape) -> Pair:
        """How many windows fit, down and across."""
        _, *size = pixels(input_shape)
        return windows("kernel_size", tuple(size), *self._pairs)


def short(value: Any) -> Any:
    """A pair of the same number twice as that number."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def features(input_shape: Shape) -> Shape:
    """(D,) of a flat input, or (C,) of images; ValueError for any other shape."""
    if len(input_shape) not in (1, 3):
        raise ValueError(f"expected a flat input, (D,), or images, (C, H, W), got {input_shape}")
    return input_shape[:1]


class Normalization(Layer):
    """What all normalisations share: a scale `gamma` and a shift `beta` for each feature, or channel of images."""

    layout = CHANNELS_LAST
    backward_takes_output = False

    eps: float

    def __post_init__(self) -> None:
        name = f"{type(self).__name__}: eps"
        set_checked(self, eps=number(name, self.eps, 0, include_low=False, include_high=False))

    def _features(self, input_shape: Shape) -> Shape:
        return features(input_shape)

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        shape = self._features(input_shape)
        return Variable("gamma", shape, initializers.ones), Variable("beta", shape, initializers.zeros)
