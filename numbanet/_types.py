"""What parameters take and functions give, for type checkers: nothing imports this when a program runs.

An alias stands where a parameter takes several kinds; what takes one says ``int``, ``float`` or ``bool`` in its place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike, DTypeLike

if TYPE_CHECKING:
    from .losses import Loss

__all__ = [
    "Array",
    "ArrayLike",
    "Backward",
    "BoolArray",
    "ByteArray",
    "Channels",
    "CourseNetworkOptions",
    "DTypeLike",
    "Data",
    "FloatArray",
    "FullyConnectedOptions",
    "Init",
    "Initializer",
    "IntArray",
    "Lowered",
    "Model",
    "NetworkOptions",
    "Ops",
    "Padding",
    "Pair",
    "Shape",
    "Size",
    "StrPath",
    "Task",
    "UserRule",
]

Array: TypeAlias = npt.NDArray[Any]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]  # float32 or float64
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ByteArray: TypeAlias = npt.NDArray[np.uint8]

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]  # of rows and columns
Size: TypeAlias = int | Pair  # one number for both, or one for each
Padding: TypeAlias = Size | Literal["same"]
Channels: TypeAlias = Literal["first", "last"]
Parametrization: TypeAlias = Literal["standard", "ntk"]
Task: TypeAlias = Literal["classification", "regression"]
StrPath: TypeAlias = str | os.PathLike[str]

Initializer: TypeAlias = Callable[[np.random.Generator, Shape, int, int], ArrayLike]
Init: TypeAlias = str | float | Initializer  # a name, the standard deviation of a Gaussian, or a function

# What a layer's `lower` gives: the output, and what takes its gradient to that of the input.
Backward: TypeAlias = Callable[[FloatArray], FloatArray]
Lowered: TypeAlias = tuple[FloatArray, Backward | None]

UserRule: TypeAlias = Callable[[Array, Array, Any], tuple[ArrayLike, Any]]  # (w, dw, config) -> (next_w, config)
Data: TypeAlias = Mapping[str, Any]  # X_train, y_train and, optionally, X_val, y_val


class Ops(Protocol):
    """A namespace of operations: `numbanet.kernels`, `numbanet.reference`, or one like them."""

    def affine_forward(self, *arguments: Any, **named: Any) -> Any: ...

    def l2_penalty(self, *arguments: Any, **named: Any) -> Any: ...

    def augment(self, *arguments: Any, **named: Any) -> Any: ...

    def sigmoid_forward(self, *arguments: Any, **named: Any) -> Any: ...

    def softmax_forward(self, *arguments: Any, **named: Any) -> Any: ...


class Model(Protocol):
    """What a `Solver` trains besides numbanet's own networks."""

    @property
    def params(self) -> MutableMapping[str, Any]: ...

    def loss(self, X: Any, y: Any, /) -> Any: ...


class CourseNetworkOptions(TypedDict, total=False):
    """Keywords of `Sequential` that every network by name passes on."""

    loss: str | Loss
    l2_divided: bool
    seed: int | None
    ops: Ops | None


class NetworkOptions(CourseNetworkOptions, total=False):
    """The same, of networks that do not take these two themselves."""

    l2: float
    dtype: DTypeLike


class FullyConnectedOptions(NetworkOptions, total=False):
    """Keywords of `FullyConnectedNet`."""

    normalization: str | None
    dropout: float
    weight_scale: float | None
    activation: str
    weight_init: Init | None
    bias_init: Init | None
