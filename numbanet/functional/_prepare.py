"""What the functions of this package share: preparing what a caller passes in, and what backward is handed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import common_dtype, describe, float_array, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._types import Array, ArrayLike, DTypeLike, FloatArray, Ops, Shape


@dataclass(frozen=True, eq=False)
class Cache:
    """What a forward function hands to its backward function.

    It holds the caller's own arrays where these needed no conversion: change them in place only after backward.

    Attributes
    ----------
    operation : str
        Name of the backward operation.
    ops : module
        The namespace that it is taken from.
    x_shape, out_shape : tuple of int
        Shapes of the input and the output, and so of their gradients.
    dtype : dtype
        What forward computed in, and backward will.
    arguments : tuple
        What the backward operation takes between the gradient and its outputs.
    """

    operation: str
    ops: Ops
    x_shape: Shape
    out_shape: Shape
    dtype: np.dtype[Any]
    arguments: tuple[Any, ...]

    def run(self, dout: ArrayLike, *outputs: Array) -> None:
        """Run the backward operation."""
        run(self.ops, self.operation, dout, *self.arguments, *outputs)


def run(ops: Ops, operation: str, *arguments: Any) -> Any:
    """Run an operation of the namespace `ops`."""
    if not hasattr(ops, operation):
        raise TypeError(f"ops: expected numbanet.kernels or numbanet.reference, got {describe(ops)}")
    return getattr(ops, operation)(*arguments)


def open_cache(operation: str, dout: ArrayLike, cache: Any) -> FloatArray:
    """The gradient `dout` as the backward `operation` takes it, after a look at the cache."""
    if not isinstance(cache, Cache):
        raise TypeError(f"cache: expected what the forward function returned, got {describe(cache)}")
    if cache.operation != operation:
        raise TypeError(f"cache: {operation} was given the cache of another function, for {cache.operation}")
    return array("dout", dout, cache.dtype, cache.out_shape)


def array(
    name: str, value: ArrayLike, dtype: DTypeLike, shape: Sequence[int | None] | None = None, ndim: int | None = None
) -> FloatArray:
    """`value` as an operation takes it: C-contiguous, of `dtype`, with at least one element, and writeable.

    Operations do not write into it, but to numba a read-only array is another type, compiled for again.
    """
    prepared = float_array(name, value, dtype, shape, ndim)
    if not prepared.size:
        raise ValueError(f"{name}: expected at least one element, got shape {prepared.shape}")
    return np.require(prepared, requirements=("C", "W"))


def same_shape(**arrays: ArrayLike) -> list[FloatArray]:
    """The arrays as an operation takes them, in their common dtype, each of the shape of the first."""
    dtype = common_dtype(**arrays)
    shape = np.shape(next(iter(arrays.values())))
    return [array(name, value, dtype, shape) for name, value in arrays.items()]


def element_wise(ops: Ops, operation: str, x: ArrayLike, *scalars: Any) -> tuple[FloatArray, FloatArray]:
    """`x` as it went in and what comes out of a forward operation that works element by element."""
    (x,) = same_shape(x=x)
    out = np.empty_like(x)
    run(ops, operation, x.reshape(-1), *scalars, out.reshape(-1))
    return x, out


def element_wise_backward(operation: str, dout: ArrayLike, cache: Any) -> FloatArray:
    """The input gradient of an operation that works element by element."""
    dout = open_cache(operation, dout, cache)
    dx = np.empty_like(dout)
    cache.run(dout.reshape(-1), dx.reshape(-1))
    return dx


def rows(x: FloatArray) -> FloatArray:
    """A view of shape (N, D): all axes but the first as one."""
    return x.reshape(len(x), -1)


def channels_last(x: FloatArray) -> FloatArray:
    """Images (N, C, H, W) as the operations take them, (N, H, W, C)."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def channels_first(x: FloatArray) -> FloatArray:
    """Images (N, H, W, C) as callers know them, (N, C, H, W)."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def pixels(x: ArrayLike) -> tuple[FloatArray, Shape]:
    """Images (N, C, H, W) as rows of channels, (N H W, C), and their shape."""
    x = array("x", x, common_dtype(x=x))
    if x.ndim != 4:
        raise ValueError(f"x: expected shape (N, C, H, W), got {x.shape}")
    return channels_last(x).reshape(-1, x.shape[1]), x.shape


def images(rows: FloatArray, shape: Shape) -> FloatArray:
    """Rows of channels, (N H W, C), as images of `shape`, (N, C, H, W)."""
    n, channels, height, width = shape
    return channels_first(rows.reshape(n, height, width, channels))


def spatial_backward(operation: str, dout: ArrayLike, cache: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The gradients of a normalisation of images, as its twin among rows of channels, `operation`, computes them."""
    dout = open_cache(f"spatial_{operation}", dout, cache)
    inside, gamma = cache.arguments[:2]
    dx, dgamma, dbeta = np.empty_like(inside), np.empty_like(gamma), np.empty_like(gamma)
    run(cache.ops, operation, pixels(dout)[0].reshape(inside.shape), *cache.arguments, dx, dgamma, dbeta)
    return images(dx, cache.x_shape), dgamma, dbeta


def fraction(name: str, value: Any) -> float:
    """`value` as a float from 0 to 1."""
    return number(name, value, 0, 1)


def non_negative(name: str, value: Any) -> float:
    """`value` as a finite float of at least 0."""
    return number(name, value, 0, include_high=False)


def positive(name: str, value: Any) -> float:
    """`value` as a finite float above 0."""
    return number(name, value, 0, include_low=False, include_high=False)
