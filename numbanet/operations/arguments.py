"""Arguments for the operations of the table, made from their declarations: for tests, warm-up and benchmarks."""

import numpy as np

from .kinds import Array, OfSize, Scalar

FLOATS = ("normal", "halves", "workspace")


def _normal(rng, shape, dtype, size):
    return rng.standard_normal(shape).astype(dtype)


def _halves(rng, shape, dtype, size):
    """Multiples of a half, so that many are equal."""
    return np.round(2 * rng.standard_normal(shape).astype(dtype)) / 2


def _labels(rng, shape, dtype, size):
    """Classes from 0 to C - 1."""
    return rng.integers(size["C"], size=shape)


def _rows(rng, shape, dtype, size):
    """Of M rows; each once, where there are as many."""
    return rng.permutation(max(size["M"], *shape))[: shape[0]] % size["M"]


def _key(rng, shape, dtype, size):
    """A seed and a step for Philox."""
    return rng.integers(2**64, size=2, dtype=np.uint64)


def _places(rng, shape, dtype, size):
    """A number of an element of its window, of K, for each window and channel."""
    return rng.integers(size["K"], size=shape, dtype=np.min_scalar_type(size["K"] - 1))


VALUES = {"normal": _normal, "halves": _halves, "labels": _labels, "rows": _rows, "key": _key, "places": _places}


def make(operation, size, dtype, rng, timed=False, workspace=None):
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

    def value(kind):
        if isinstance(kind, Scalar):
            return kind.timed if timed else kind.tested
        if isinstance(kind, OfSize):
            return size[kind.key]
        if not isinstance(kind, Array):
            return kind
        if kind.values == "workspace":
            return np.zeros(workspace(tuple(size[axis] for axis in kind.axes), size["dilation"], size["groups"]), dtype)
        shape = [0 if axis == "0" else size[axis] for axis in kind.axes]
        if isinstance(kind.values, tuple):
            return rng.uniform(*kind.values, shape).astype(dtype)
        return VALUES[kind.values](rng, shape, dtype, size)

    return {name: value(kind) for name, kind in operation.arguments.items()}
