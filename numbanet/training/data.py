"""The examples of a training: checked once, and sampled to measure on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import as_numeric, describe, known_keys, mapping
from ..data import Augment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._types import Array, Data, Shape
    from .solver import Solver


DATA = ("X_train", "y_train", "X_val", "y_val")


class Part:
    """Examples and targets of one part of the data, as the model takes them.

    Others may take their place (`replace_X`, `replace_y`), as many and of the same kind.

    Parameters
    ----------
    name : {"train", "val"}
        As in ``X_train``.
    learner : NetworkLearner or ObjectLearner
        Checks them.
    X, y : array-like
    """

    def __init__(self, name: str, learner: Any, X: Any, y: Any) -> None:
        self.name, self._learner = name, learner
        self.X, self.y = self._checked(X, y)

    def __len__(self) -> int:
        return len(self.X)

    def replace_X(self, X: Any) -> None:
        self._same_count(f"X_{self.name}", X)
        self.X = self._checked(X, self.y)[0].reshape(self.X.shape)

    def replace_y(self, y: Any) -> None:
        self._same_count(f"y_{self.name}", y)
        self.y = self._checked(self.X, y)[1]

    def _checked(self, X: Any, y: Any) -> tuple[Array, Array]:
        """Arrays that nobody else can reshape, and labels of our own."""
        X, checked = self._learner.check(f"X_{self.name}", X, f"y_{self.name}", y)
        # Kernels index by integers, and read foreign memory where one is out of range.
        return X.view(), checked.copy() if checked.dtype.kind in "iu" else checked.view()

    def _same_count(self, name: str, new: Any) -> None:
        count = len(as_numeric(name, new)) if np.ndim(new) else 0
        if count != len(self):
            raise ValueError(
                f"{name}: expected {len(self)} rows as before, got {count}; make another Solver for others"
            )

    def take_shape(self, shape: Shape) -> None:
        """Give examples that lie flat the shape that the network knows them by."""
        if self.X.ndim == 2:
            self.X = self.X.reshape(-1, *shape)


def examples_of(part: str) -> Any:
    """A property of a Solver: the examples of a part of its data."""

    def replace(solver: Solver, X: Any) -> None:
        _known(solver, part, "X").replace_X(X)

    return property(lambda solver: solver._parts[part] and solver._parts[part].X, replace)


def targets_of(part: str) -> Any:
    """The same of the targets, which can be looked at, but not written into."""

    def get(solver: Solver) -> Array | None:
        if solver._parts[part] is None:
            return None
        targets = solver._parts[part].y.view()
        targets.flags.writeable = False
        return targets

    def replace(solver: Solver, y: Any) -> None:
        _known(solver, part, "y").replace_y(y)

    return property(get, replace)


def _known(solver: Solver, part: str, what: str) -> Part:
    if solver._parts[part] is None:
        raise ValueError(f"{what}_{part}: this solver was made without validation data; make another with them")
    return solver._parts[part]


def parts_of(data: Data, learner: Any, keys: Sequence[str]) -> dict[str, Any]:
    """The parts of what a Solver was given as `data`, None for validation data that are not there."""
    mapping("data", data, "X_train, y_train and, optionally, X_val, y_val")
    known_keys("data", data, keys)
    for name in DATA[:2]:
        if name not in data:
            came = ", ".join(map(str, data)) or "nothing"
            raise ValueError(f"data: expected {', '.join(DATA)}; {name} is missing among {came}")
    if ("X_val" in data) != ("y_val" in data):
        raise ValueError("data: X_val and y_val go together")
    train = Part("train", learner, data["X_train"], data["y_train"])
    return {"train": train, "val": Part("val", learner, data["X_val"], data["y_val"]) if "X_val" in data else None}


def checked_augmentation(augment: Any, part: Part, shape: Shape | None) -> Augment | None:
    """`augment`, where it suits the examples, which take the `shape` of the network's input; None for None."""
    if augment is None:
        return None
    if not isinstance(augment, Augment):
        raise TypeError(f"augment: expected a numbanet.data.Augment, got {describe(augment)}")
    if shape is not None:
        part.take_shape(shape)
    augment.check("X_train", part.X.shape[1:])
    return augment


def sample(X: Array, y: Array, count: int | None, rng: np.random.Generator) -> tuple[Array, Array]:
    """That many examples drawn at random, or all."""
    if count is None or len(X) <= count:
        return X, y
    rows = rng.choice(len(X), count, replace=False)
    return X[rows], y[rows]
