"""What a training measures between its steps: losses and scores of both parts of the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .._checks import did_you_mean, sequence
from ..metrics import METRICS, Metric, metric_of

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array
    from .solver import Solver


def columns(solver: Solver) -> list[str]:
    """Names of what `measured` gives, as `History` has them."""
    score = solver._learner.score_name
    names = ["epoch", "step", "loss", "learning_rate"]
    names += [score] if solver.num_train_samples != 0 else []
    if solver._parts["val"] is None:
        return names
    return [*names, "val_loss", f"val_{score}", *(f"val_{metric}" for metric in solver.metrics)]


def checked_metrics(given: Any, learner: Any, validated: bool) -> dict[str, Metric]:
    """The metrics that were asked for, by their names, but for the score that is measured anyway."""
    found: dict[str, Metric] = {}
    for place, one in enumerate(sequence("metrics", given, "names and functions of (y, scores)")):
        metric = metric_of(f"metrics[{place}]", one, learner.loss_function, learner.outputs)
        if metric.name in (*found, "loss") or (not isinstance(one, str) and metric.name in METRICS):
            raise ValueError(f"metrics[{place}]: a metric of the name {metric.name!r} is there already")
        found[metric.name] = metric
    if found and not validated:
        raise ValueError("metrics: need X_val and y_val in data, which they are measured on")
    found.pop(learner.score_name, None)
    return found


def greater_is_better(solver: Solver, monitor: str) -> bool:
    """Whether of a column the highest value is the best; ValueError for one that is never computed."""
    there = [name for name in columns(solver) if name not in ("epoch", "step", "learning_rate")]
    if monitor not in there:
        name = monitor.removeprefix("val_") if isinstance(monitor, str) else ""
        if solver._parts["val"] is None and name in (*METRICS, "loss"):
            hint = ", which needs X_val and y_val in data"
        elif name in METRICS:
            hint = f", which needs {name!r} in metrics"
        else:
            hint = did_you_mean(monitor, there, repr)
        raise ValueError(f"monitor: expected one of {', '.join(map(repr, there))}, got {monitor!r}{hint}")
    name = monitor.removeprefix("val_")
    return solver.metrics[name].greater_is_better if name in solver.metrics else name != "loss"


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
        part = solver._parts["val"]
        scores: Any = learner.scores(part.X) if solver.metrics else None
        row["val_loss"], row[f"val_{name}"] = _validated(solver, scores)
        for metric in solver.metrics.values():
            given = learner.loss_function, part.y, scores, part.weights, learner.ops, learner.target_scaler
            row[f"val_{metric.name}"] = metric.measure(*given)
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


def _validated(solver: Solver, scores: Any) -> tuple[float, float]:
    """Loss on the validation data, and score on them or on a sample; by what the network gives, where that is known."""
    learner, part = solver._learner, solver._parts["val"]
    drawn = _sample(solver, "val", solver.num_val_samples)
    if len(drawn[0]) == part.count or not learner.has_loss:
        return learner.measure(*drawn, scores if drawn[0] is part.X else None)
    return learner.measure(part.X, part.y, part.weights, scores)[0], learner.measure(*drawn)[1]


def _sample(solver: Solver, part: str, count: int | None) -> tuple[Array, Array, Any]:
    """That many examples of a part of the data, drawn at random, or all, with their weights."""
    return solver._parts[part].sample(count, solver._sample_rng)
