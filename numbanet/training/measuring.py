"""What a training measures between its steps: losses and scores of both parts of the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .data import sample

if TYPE_CHECKING:
    from .._types import Array
    from .solver import Solver


def columns(solver: Solver) -> list[str]:
    """Names of what `measured` gives, as `History` has them."""
    score = solver._learner.score_name
    names = ["epoch", "step", "loss", "learning_rate"]
    names += [score] if solver.num_train_samples != 0 else []
    return [*names, "val_loss", f"val_{score}"] if solver._parts["val"] is not None else names


def measured(solver: Solver) -> dict[str, float]:
    """A row of `History`."""
    learner, name = solver._learner, solver._learner.score_name
    row = {
        "epoch": solver.epoch,
        "step": solver.step,
        "loss": mean_loss(solver),
        "learning_rate": solver._rate,
    }
    if solver.num_train_samples != 0:
        row[name] = learner.measure(*_sample(solver, "train", solver.num_train_samples))[1]
    if solver._parts["val"] is not None:
        row["val_loss"], row[f"val_{name}"] = _validated(solver)
    return row


def mean_loss(solver: Solver) -> float:
    """Mean training loss of the epoch so far, each batch by its number of examples."""
    steps = (solver.step - 1) % solver.steps_per_epoch + 1
    return solver._batches.mean(solver.loss_history[-steps:])


def sound(solver: Solver, row: dict[str, float]) -> bool:
    """Whether the network is one that may be gone back to, by what was measured of it last."""
    name = solver._learner.score_name
    scores = [row[column] for column in (name, f"val_{name}") if column in row]
    if scores:
        return not math.isnan(scores[0])
    return solver.epoch > 0 and all(np.isfinite(value).all() for value in solver._learner.params.values())


def _validated(solver: Solver) -> tuple[float, float]:
    """Loss on the validation data, and score on them or on a sample."""
    learner, part = solver._learner, solver._parts["val"]
    X, y = _sample(solver, "val", solver.num_val_samples)
    if len(X) == len(part) or not learner.has_loss:
        return learner.measure(X, y)
    return learner.measure(part.X, part.y)[0], learner.score(X, y)


def _sample(solver: Solver, part: str, count: int | None) -> tuple[Array, Array]:
    """That many examples of a part of the data, drawn at random, or all."""
    return sample(solver._parts[part].X, solver._parts[part].y, count, solver._sample_rng)
