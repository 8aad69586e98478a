"""What all layers share."""

from collections.abc import Callable
from typing import NamedTuple


class Variable(NamedTuple):
    """An array that a layer needs: a parameter that is learnt, or a running average that is kept."""

    name: str
    shape: tuple
    initializer: Callable
    decays: bool = False  # whether the L2 penalty applies: to weights, not to biases, scales and shifts
    fans: tuple = (1, 1)


class Layer:
    """Base of all layers. A layer of your own defines `lower`, and what else differs from the element-wise case."""

    # An element-wise gradient may overwrite the one it is computed from; a product's may not.
    gradient_in_place = True

    def output_shape(self, input_shape):
        """Shape of one example's output; ValueError where the layer cannot take `input_shape`."""
        return input_shape

    def parameters(self, input_shape):
        """The `Variable`s that are learnt."""
        return ()

    def state(self, input_shape):
        """The `Variable`s that training keeps and inference uses."""
        return ()

    def fused_with(self, following):
        """One layer that does the work of this and the following one in one go, or None."""
        return None

    def lower(self, net, x):
        """Bind the operations for one batch.

        Parameters
        ----------
        net : numbanet.program.Program
            Gives `parameter`, `state`, `buffer`, and takes operations by `forward` and `backward`.
        x : ndarray, shape (N, D)
            The batch's input, flattened.

        Returns
        -------
        out : ndarray, shape (N, M)
        backward : function of (dout, dx)
            Adds the operations that turn the gradient `dout` into `dx`; None where there is nothing to do.
        """
        raise TypeError(f"{type(self).__name__} does not define lower(net, x)")


def set_checked(layer, **values):
    """Put checked values in the place of what the caller gave, in a layer that is being made."""
    for name, value in values.items():
        object.__setattr__(layer, name, value)
