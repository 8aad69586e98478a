"""``numbanet info RUN``: what a trained model is, and how good it was."""

import json
from pathlib import Path

from ..checkpoint import model_file
from ._files import RECORD
from ._tasks import TASKS, in_words
from ._trained import Trained


def describe(path):
    """Print what there is to know of a model file, or of the folder of a run; returns the exit status."""
    file = model_file(path)
    trained = Trained.load(file)
    lines = [("model", str(file)), ("task", _task(trained)), *_input(trained), *_networks(trained)]
    record = file.parent / RECORD
    if Path(path).is_dir() and record.is_file():
        lines += _run(json.loads(record.read_text(encoding="utf-8")))
    before = None
    for name, text in lines:
        print(f"{name if name != before else '':10s} {text}")
        before = name
    return 0


def _task(trained):
    what = trained.class_names if trained.task == "classification" else trained.target_names
    kind = f"{len(what):,} classes: " if trained.task == "classification" else ""
    column = "" if trained.target is None or not kind else f" of {_listed(trained.target)}"
    return f"{trained.task}{column}, {kind}{', '.join(what[:20])}{', ...' * (len(what) > 20)}"


def _listed(target):
    return ", ".join(target) if isinstance(target, list) else target


def _input(trained):
    if not trained.is_table:
        names = f": {', '.join(trained.feature_names[:20])}" if trained.feature_names else ""
        return [("input", f"{'x'.join(map(str, trained.input_shape))} values, standardised{names}")]
    lines = trained.model.preprocessor.describe()
    if trained.id_name is not None:
        lines.append(f"{trained.id_name}: tells the rows apart; not learnt from")
    return [("columns", line) for line in lines]


def _networks(trained):
    networks, lines = getattr(trained.model, "networks", [trained.model]), []
    if trained.is_table and trained.model.recipe is not None:
        recipe = trained.model.recipe.description
        lines.append(("recipe", ", ".join(f"{name} {value}" for name, value in recipe.items() if name != "task")))
    if len(networks) > 1:
        lines.append(("network", f"{len(networks)} networks, whose predictions are averaged; each:"))
    return lines + [("network", line) for line in repr(networks[0]).splitlines()]


def _run(record):
    """What the record of a run adds."""
    data, result = record["data"], record["result"]
    parts = ", ".join(f"{data[part]:,} to {verb}" for part, verb in (("train", "train"), ("validation", "validate")))
    lines = [("data", f"{data['source']}: {parts}, {data['test']:,} held out to test")]
    lines += [("data", note) for note in data["notes"]]
    task = data["task"]
    score = result.get(f"test_{TASKS[task].score}")
    found = "not measured" if score is None else in_words(task, score)
    return [*lines, ("run", f"{result['ended']}; test {found}")]
