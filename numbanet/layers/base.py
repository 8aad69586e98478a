"""What all layers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .._types import FloatArray, Initializer, Lowered, Shape
    from ..program import Lowering


# How a batch lies in memory whose examples are images, (C, H, W) to the user. Other examples are always flat.
CHANNELS_FIRST = "channels first"  # flat, (N, C H W), in the order that users pass and affine's weights count
CHANNELS_LAST = "channels last"  # (N, H, W, C), as the operations on images take them
EITHER = "either"  # whichever it is already


class Variable(NamedTuple):
    """An array that a layer needs: a parameter that is learnt, or a running average that is kept."""

    name: str
    shape: Shape
    initializer: Initializer
    decays: bool = False  # whether the L2 penalty applies: to weights, not to biases, scales and shifts
    fans: tuple[int, int] = (1, 1)
    # How much the array changes where what is learnt changes by 1: it is `unit` times that, in an NTK parametrisation.
    unit: float = 1.0


class Layer:
    """Base of all layers. A layer of your own defines `lower`, and what else differs from the element-wise case."""

    # The order in which `lower` takes images; the program brings them into it.
    layout = CHANNELS_FIRST

    # Whether it gives x W + b, for `initializers.fit_to_data`.
    is_affine = False

    # Whether the backward pass reads what the forward pass wrote. Where not, a layer that follows may overwrite it.
    backward_takes_output = True

    def output_shape(self, input_shape: Shape) -> Shape:
        """Shape of one example's output; ValueError where the layer cannot take `input_shape`."""
        return input_shape

    def parameters(self, input_shape: Shape) -> tuple[Variable, ...]:
        """The `Variable`s that are learnt."""
        return ()

    def state(self, input_shape: Shape) -> tuple[Variable, ...]:
        """The `Variable`s that training keeps and inference uses."""
        return ()

    def parts(self) -> Mapping[str, Sequence[Layer]]:
        """Lists of layers inside of this one, each of which starts from its input; the keys become part of numbers."""
        return {}

    def part_input(self, part: str, input_shape: Shape) -> Shape:
        """Shape of what the list of layers `part`, a key of `parts`, starts from."""
        return input_shape

    def codes(self) -> Mapping[int, int]:
        """How many codes there are, of the columns of its input that hold codes of categories."""
        return {}

    def fused_with(self, following: Layer) -> Layer | None:
        """One layer that does the work of this and the following one in one go, or None."""
        return None

    def lower(self, net: Lowering, x: FloatArray) -> Lowered:
        """Bind the operations for one batch.

        Parameters
        ----------
        net : numbanet.program.Program
            Gives `parameter`, `state`, `buffer`, `overwritable`, `gradient`, and `shape`, that of one example of the
            input; takes operations by `forward` and `backward`.
        x : ndarray, shape (N, D), or (N, H, W, C) for images where `layout` is `CHANNELS_LAST`
            The batch's input.

        Returns
        -------
        out : ndarray, shape (N, M), or (N, HO, WO, F)
            The batch's output.
        backward : function
            From the gradient of `out`, add the operations that compute those of the parameters, and return that of `x`,
            in an array from `net.gradient(x)` or `net.overwritable(dout)`. None where the gradient passes unchanged.
        """
        raise TypeError(f"{type(self).__name__} does not define lower(net, x)")


def set_checked(layer: Layer, **values: Any) -> None:
    """Put checked values in the place of what the caller gave, in a layer that is being made."""
    for name, value in values.items():
        object.__setattr__(layer, name, value)


def pixels(input_shape: Shape) -> tuple[int, int, int]:
    """``C, H, W`` of an image's shape; ValueError for any other."""
    if len(input_shape) != 3:
        raise ValueError(f"expected images, (C, H, W), got {input_shape}")
    return input_shape


class Placed(NamedTuple):
    """A layer in its place in a network."""

    number: str  # counted from 1: 3.1, and 3.shortcut.1, are the first inside of the third
    layer: Layer
    input_shape: Shape
    output_shape: Shape = ()
    parameters: tuple[Variable, ...] = ()
    state: tuple[Variable, ...] = ()

    @property
    def is_outermost(self) -> bool:
        """Whether it stands in the network's own list, not inside of another layer."""
        return "." not in self.number

    @property
    def name(self) -> str:
        """The layer in a line: of one that holds others, which have lines of their own, the type alone."""
        return type(self.layer).__name__ if self.layer.parts() else repr(self.layer)

    def __str__(self) -> str:  # as messages name it
        return f"layer {self.number}, {self.name}"


def place(layers: Sequence[Layer], shape: Shape, within: str = "") -> list[Placed]:
    """The `Placed` layers in order, each followed by those inside of it.

    Raises
    ------
    ValueError
        Where a layer cannot take what the one before it gives; the message names the layer.
    """
    placed = []
    for count, layer in enumerate(layers, 1):
        number, inside = f"{within}{count}", []
        for part, its_layers in layer.parts().items():
            inside += place(its_layers, layer.part_input(part, shape), f"{number}.{part}")
        here = Placed(number, layer, shape)
        try:
            here = here._replace(
                output_shape=layer.output_shape(shape), parameters=layer.parameters(shape), state=layer.state(shape)
            )
        except ValueError as error:
            raise ValueError(f"{here}: {error}") from None
        placed += [here, *inside]
        shape = here.output_shape
    return placed
