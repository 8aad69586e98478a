"""What the table of operations is written in: kinds of arguments, and the operation that has them. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .sizes import Sizes


@dataclass(frozen=True)
class Array:
    """An argument that is an array.

    Attributes
    ----------
    axes : str
        A letter for each axis, whose length is that of the size; "0" is an axis without elements.
    role : {"input", "output", "updated", "scratch"}
        Outputs are written in full, whatever they held; what is updated is read and changed; scratch has no meaning
        before and after the call.
    values : str or (low, high)
        What it holds: one of `arguments.VALUES`, or floats between two numbers.
    may_be : tuple of str
        Inputs that an output may share its memory with: it may be that array itself.
    """

    axes: str
    role: str = "input"
    values: str | tuple[float, float] = "normal"
    may_be: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scalar:
    """A number with one value in tests and another where calls are timed."""

    tested: float
    timed: float


@dataclass(frozen=True)
class OfSize:
    """An option that goes with the size: a pair of numbers, such as a stride, or the number of groups."""

    key: str


@dataclass(frozen=True)
class Variant:
    """Other arguments to test an operation with.

    Attributes
    ----------
    note : str
        What the case is called.
    changes : dict
        Arguments in the place of the operation's own.
    sizes : slice
        Which of the sizes worth testing.
    """

    note: str
    changes: Mapping[str, Any]
    sizes: slice = field(default_factory=lambda: slice(None))


@dataclass(frozen=True)
class Operation:
    """The contract of one operation.

    Attributes
    ----------
    name : str
    family : str
        The file that it stands in, in `reference`, `kernels`, `functional` and `layers`.
    sizes : Sizes
        Those worth testing and timing.
    arguments : dict
        By name, in the order of the signature: a string of axes is an input of normally distributed floats; anything
        but a kind is passed as it is.
    terms : str
        Axes that are summed over, for the tolerance.
    flops : str
        Floating-point operations of a call, such as "2NDM", where those limit its speed; else its bytes do.
    variants : tuple of Variant
    torch : str or None
        What torch calls it: an expression of the arguments, which writes the outputs or returns them (of a loss: its
        value), or, without parentheses, a name alone, where `bench.torch_peer` has to say how.
    jax : str or None
        The same of an activation in JAX.
    functional : str or None
        Its name in `numbanet.functional`.
    public : str or None
        The class that is this operation for a user: a layer, or a loss.
    """

    name: str
    family: str
    sizes: Sizes
    arguments: Mapping[str, Any]
    terms: str = ""
    flops: str = ""
    variants: tuple[Variant, ...] = ()
    torch: str | None = None
    jax: str | None = None
    functional: str | None = None
    public: str | None = None

    def arrays(self, *roles: str) -> tuple[str, ...]:
        """Names of the arrays in these roles."""
        return tuple(name for name, kind in self.arguments.items() if isinstance(kind, Array) and kind.role in roles)

    @property
    def shared(self) -> tuple[tuple[str, str], ...]:
        """(output, input) for each output that may be an input itself."""
        arrays = {name: kind for name, kind in self.arguments.items() if isinstance(kind, Array)}
        return tuple((name, source) for name, kind in arrays.items() for source in kind.may_be)


def output(axes: str, may_be: str = "", values: str | tuple[float, float] = "normal") -> Array:
    return Array(axes, "output", values, tuple(may_be.split()))


def updated(axes: str, values: str | tuple[float, float] = "normal") -> Array:
    return Array(axes, "updated", values)


def between(low: float, high: float, axes: str) -> Array:
    return Array(axes, values=(low, high))


def but(note: str, sizes: slice = slice(None), **changes: Any) -> Variant:
    """A variant: the same but for these arguments."""
    return Variant(f"{note} ", changes, sizes)


def declared(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`arguments` with strings of axes as the inputs they stand for."""
    return {name: Array(kind) if isinstance(kind, str) else kind for name, kind in arguments.items()}


def changed(operation: Operation, variant: Variant) -> Operation:
    """`operation` with the arguments of a variant."""
    return replace(operation, arguments={**operation.arguments, **declared(variant.changes)})
