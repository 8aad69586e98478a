"""What a task is to the command line: its losses, what is measured of it, and how that is told.

Nothing is imported here that ``numbanet train --help`` does not need.
"""

from dataclasses import dataclass

from ._status import UsageError


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes
    ----------
    losses : tuple of str
        The first is the default.
    score : str
        What the Solver measures without being asked.
    metrics : tuple of str
        What else is measured.
    """

    losses: tuple
    score: str
    metrics: tuple = ()

    @property
    def monitors(self):
        return ("val_loss", *(f"val_{name}" for name in (self.score, *self.metrics)))

    @property
    def columns(self):
        """Those of history.csv, with the names of the Solver's history."""
        return {
            "epoch": "epoch",
            "loss": "loss",
            f"train_{self.score}": self.score,
            **{name: name for name in self.monitors},
            "learning_rate": "learning_rate",
        }


TASKS = {
    "classification": Task(("softmax", "svm"), "accuracy"),
    "regression": Task(("squared_error", "absolute_error", "huber", "poisson"), "r2", ("rmse", "mae")),
}
LOSSES = {loss: task for task, each in TASKS.items() for loss in each.losses}  # the task of each
MONITORS = tuple(dict.fromkeys(name for task in TASKS.values() for name in task.monitors))


def settle_task(arguments):
    """Let the loss that was asked for tell the task, where that was not; UsageError where they do not agree."""
    if arguments.loss is None:
        return
    task = LOSSES[arguments.loss]
    if arguments.task not in (None, task):
        listed = ", ".join(TASKS[arguments.task].losses)
        raise UsageError(f"--loss {arguments.loss} is not for --task {arguments.task}, which has {listed}")
    arguments.task = task


def settle_for(task, arguments):
    """Give what depends on the task its defaults, once the data have told it; UsageError for what is of another."""
    arguments.task, arguments.loss = task, arguments.loss or TASKS[task].losses[0]
    if arguments.monitor not in (None, *TASKS[task].monitors):
        listed = ", ".join(TASKS[task].monitors)
        raise UsageError(f"--monitor {arguments.monitor} is not for --task {task}, which has {listed}")


def measured(task, y, prediction):
    """How good predictions are, by name: the accuracy and how many are right; or R², RMSE and MAE, (N,) or (N, M)."""
    if task == "classification":
        return {"accuracy": float((prediction == y).mean()), "right": int((prediction == y).sum())}
    from ..metrics import METRICS

    names = (TASKS[task].score, *TASKS[task].metrics)
    return {name: float(METRICS[name].function(y, prediction, None, 0)) for name in names}


def in_words(task, score):
    """A score for a line."""
    return f"{score:.2%}" if task == "classification" else f"R² {score:.4f}"


def errors_in_words(values):
    """What there is besides R², for a line."""
    return f"RMSE {values['rmse']:.6g}, MAE {values['mae']:.6g}"
