"""What a training prints, and what it says where it diverges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import TrainingDiverged

if TYPE_CHECKING:
    from .solver import Solver


LARGE = 30  # inputs or targets beyond that are not scaled to unit variance


def print_steps(solver: Solver, begin: int) -> None:
    """The losses of the steps from `begin` on, one of every `print_every`."""
    every = solver.print_every
    for step in range(-(-begin // every) * every, solver.step, every):
        print(f"({solver._step_name} {step + 1} / {solver.num_steps}) loss: {solver.loss_history[step]:f}")
    if begin == 0 and solver.step == 1 and solver._learner.flat and not solver.compiled:
        print(f"(steps are taken {solver.compiled})")


def print_measured(solver: Solver, row: dict[str, float]) -> None:
    name = solver._learner.score_name
    told = {"train acc": row.get(name), "val_acc": row.get(f"val_{name}")}
    text = "; ".join(f"{what}: {value:f}" for what, value in told.items() if value is not None)
    text = text or f"loss: {row['loss']:f}"
    print(f"(Epoch {solver.epoch} / {solver.num_steps // solver.steps_per_epoch}) {text}")


def diverged(solver: Solver, loss: float) -> TrainingDiverged:
    """The error for a step whose loss is not finite."""
    return TrainingDiverged(
        f"the loss became {loss} at step {solver.step + 1} (epoch {solver.epoch + 1}) with learning rate "
        f"{solver.learning_rate:g}; NaN or infinity first shows in {solver._learner.first_non_finite()}. "
        f"{_remedy(solver)}"
    )


def _remedy(solver: Solver) -> str:
    """What usually helps against divergence."""
    suspects = {"inputs": solver.X_train, "targets": solver.y_train}
    if solver._learner.standardizes:
        del suspects["inputs"]
    if solver.y_train.dtype.kind != "f" or solver._learner.target_scaler is not None:  # labels, or standardised
        del suspects["targets"]
    highest = {name: max(-float(array.min()), float(array.max())) for name, array in suspects.items()}
    wide = [f"{name} (up to {value:g}) scaled to unit variance" for name, value in highest.items() if value > LARGE]
    return f"{', or '.join(['A smaller learning rate', *wide])}{',' * bool(wide)} usually helps"
