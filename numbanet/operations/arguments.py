"""Arguments for the operations of the table, made from their declarations: for tests, warm-up and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .kinds import Array, OfSize, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .._types import DTypeLike
    from .kinds import Operation


FLOATS = ("normal", "halves", "workspace")


def _normal(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike, size: Mapping[str, Any]) -> np.ndarray:
    return rng.standard_normal(shape).astype(dtype)


def _halves(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike, size: Mapping[str, Any]) -> np.ndarray:
    """Multiples of a half, so that many are equal."""
    return np.round(2 * rng.standard_normal(shape).astype(dtype)) / 2


def _labels(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike, size: Mapping[str, Any]) -> np.ndarray:
    """Classes from 0 to C - 1."""
    return rng.integers(size["C"], size=shape)


def _rows(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike, size: Mapping[str, Any]) -> np.ndarray:
    """Of M rows; each once, where there are as many."""
    return rng.permutation(max(size["M"], *shape))[: shape[0]] % size["M"]


def _first_rows(size: Mapping[str, Any]) -> np.ndarray:
    """Where the rows of each of K columns begin in a table of B, which they share evenly; and B."""
    return np.arange(size["K"] + 1) * size["B"] // size["K"]


def _starts(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike, size: Mapping[str, Any]) -> np.ndarray:
    return _first_rows(size)


def _codes(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike, size: Mapping[str, Any]) -> np.ndarray:
    """Rows of each column's part of a table, as floats."""
    return rng.integers(np.diff(_first_rows(size)), size=shape).astype(dtype)


def _key(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike, size: Mapping[str, Any]) -> np.ndarray:
    """A seed and a step for Philox."""
    return rng.integers(2**64, size=2, dtype=np.uint64)


def _places(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike, size: Mapping[str, Any]) -> np.ndarray:
    """A number of an element of its window, of K, for each window and channel."""
    return rng.integers(size["K"], size=shape, dtype=np.min_scalar_type(size["K"] - 1))


VALUES = {
    **{"normal": _normal, "halves": _halves, "labels": _labels, "rows": _rows, "key": _key, "places": _places},
    **{"codes": _codes, "starts": _starts},
}


def make(
    operation: Operation,
    size: Mapping[str, Any],
    dtype: DTypeLike,
    rng: np.random.Generator,
    timed: bool = False,
    workspace: Callable[..., int] | None = None,
) -> dict[str, Any]:
    """All arguments by name, in the order of the signature.

    Parameters
    ----------
    operation : Operation
    size : dict
        In full, as in `Sizes.tested`.
    dtype : floating dtype
    rng : numpy.random.Generator
    timed : bool
        Whether scalars have their values for benchmarks.
    workspace : callable, optional
        ``workspace(filters, dilation, groups)`` gives the elements that convolutions need (`_image_shapes.workspace`).
    """

    def value(kind: Any) -> Any:
        if isinstance(kind, Scalar):
            return kind.timed if timed else kind.tested
        if isinstance(kind, OfSize):
            return size[kind.key]
        if not isinstance(kind, Array):
            return kind
        if kind.values == "workspace":
            assert workspace is not None
            return np.zeros(workspace(tuple(size[axis] for axis in kind.axes), size["dilation"], size["groups"]), dtype)
        shape = [0 if axis == "0" else size[axis] for axis in kind.axes]
        if isinstance(kind.values, tuple):
            low, high = kind.values
            return rng.uniform(low, high, shape).astype(dtype)
        return VALUES[kind.values](rng, shape, dtype, size)

    return {name: value(kind) for name, kind in operation.arguments.items()}
