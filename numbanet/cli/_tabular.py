"""Tables: how ``numbanet train --model tabular`` trains on one, and what it stores."""

from dataclasses import dataclass
from typing import ClassVar

from ..data._files import naming
from ..losses import checked_loss
from ..tabular import TableModel, TableTraining, recipe
from ._options import flag
from ._status import UsageError
from ._tasks import TASKS
from ._trained import Trained

# Options of the command line by those of a recipe.
RECIPE = {
    "hidden_sizes": "hidden",
    "dropout": "dropout",
    "activation": "activation",
    "label_smoothing": "label_smoothing",
    "learning_rate": "learning_rate",
    "beta2": "beta2",
    "weight_decay": "weight_decay",
    "schedule": "lr_schedule",
    "batch_size": "batch_size",
    "epochs": "epochs",
    "patience": "patience",
    "n_members": "n_members",
    "n_packed": "n_packed",
}


def recipe_of(arguments):
    """The recipe that the settled arguments ask for; UsageError where a part of it makes no sense."""
    given = {name: value for name, option in RECIPE.items() if (value := getattr(arguments, option)) is not None}
    if "schedule" in given:
        given["schedule"] = given["schedule"].replace("-", "_")
    for name in arguments.recipe:
        if name in RECIPE:
            raise UsageError(f"--recipe: {name} is {flag(RECIPE[name])}")
    try:
        return recipe(arguments.preset, arguments.task, **given, **arguments.recipe)
    except (TypeError, ValueError) as error:
        name, colon, reason = str(error).partition(": ")
        option = flag(RECIPE[name]) if name in RECIPE else f"--recipe: {name}"
        raise UsageError(f"{option}{colon}{reason}") from None


@dataclass
class TrainedTable(Trained):
    """What a model file of ``numbanet train --model tabular`` holds.

    Attributes
    ----------
    model : TableModel
    class_names, target, about
        As of any other.
    id_name : str or None
        The column that tells the rows apart.
    """

    id_name: str | None = None
    is_table: ClassVar[bool] = True

    @classmethod
    def stored(cls, model, extra):
        """That of a model file, with what was saved beside the model."""
        target, about = extra.get("target"), dict(extra.get("about", {}))
        return cls(model, model.class_names, model.feature_names, target, about, [], extra.get("id"))

    def save(self, path):
        self.model.save(path, extra={"target": self.target, "id": self.id_name, "about": self.about})

    @property
    def outputs(self):
        return self.model.networks[0].target_scaler.mean.size if self.class_names is None else len(self.class_names)

    @property
    def input_shape(self):
        return (len(self.feature_names),)

    @property
    def scales_targets(self):
        return self.class_names is None

    @property
    def nbytes(self):
        return sum(network.params.flat.nbytes for network in self.model.networks)

    def check_range(self, X, source):
        pass  # each column has a scale of its own

    def prepare(self, dataset, source):
        with naming(source):
            return self.model.preprocessor.table(dataset.X)

    def judge(self, X, y):
        return self.model.evaluate(X, y)[0], self.model.predict(X)

    def drop_unbegun(self):
        self.solvers = [solver for solver in self.solvers if solver.step]
        networks = [solver.model for solver in self.solvers]
        self.model = TableModel(self.model.preprocessor, networks, self.model.recipe)

    def remarks(self, dataset):
        """What is to be said of rows to predict."""
        what = "with a category that training had too rarely, or not at all"
        unseen = self.model.preprocessor.unseen(dataset.X)
        return [f"column {name}: {count:,} row{'s' * (count > 1)} {what}" for name, count in unseen.items()]


def trained_table(arguments, parts):
    """The networks of a table, not yet trained, and the Solvers that train them."""
    train, made = parts.train, recipe_of(arguments)
    loss = None if arguments.loss in ("softmax", "squared_error") else checked_loss("loss", arguments.loss)
    monitor = {} if arguments.monitor is None else {"monitor": arguments.monitor}
    with naming(parts.source):
        training = TableTraining(
            made,
            (train.X, train.y),
            (parts.validation.X, parts.validation.y),
            left_out=parts.left_out,
            outputs=train.num_classes or train.num_targets,
            loss=loss,
            class_names=train.class_names,
            dtype=arguments.dtype,
            seed=arguments.seed,
            metrics=TASKS[arguments.task].metrics,
            num_train_samples=1000,
            min_delta=arguments.min_delta,
            verbose=False,
            **monitor,
        )
    target = list(train.target_names)
    about = {"fingerprint": parts.fingerprint}
    names = train.class_names, training.model.feature_names
    return TrainedTable(training.model, *names, target, about, training.solvers, train.id_name)
