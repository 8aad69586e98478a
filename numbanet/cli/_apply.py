"""``numbanet predict`` and ``numbanet evaluate``: a trained network on new data."""

import csv
import io
import sys

import numpy as np

from ..data._files import naming
from ._data import load_labelled, load_unlabelled, tell
from ._files import check_writable, write_text
from ._info import use_threads
from ._plots import check_plots, plot
from ._status import UsageError
from ._tasks import measured
from ._trained import Trained, fingerprint

MOST_COLUMNS = 20  # classes whose confusions fit on a terminal


def predict(arguments):
    """Print or write a label, or values, for every example; returns the exit status."""
    use_threads(arguments.threads)
    if arguments.output is not None:
        check_writable(arguments.output)
    trained = Trained.load(arguments.model)
    knows = trained.model.loss_function.name == "softmax"
    if arguments.proba and not knows:
        raise UsageError("--proba is for networks that know probabilities, of classes that softmax was trained on")
    dataset = load_unlabelled(arguments, trained)
    trained.check_range(dataset.X, arguments.data)
    X = trained.prepare(dataset, arguments.data)
    with naming(arguments.data):
        columns, rows = _predicted(trained, X, arguments.proba) if knows else _decided(trained, X)
    tell(dataset, arguments, trained)
    if dataset.ids is not None:
        columns = (dataset.id_name, *columns)
        rows = ((id, *row) for id, row in zip(dataset.ids, rows, strict=True))
    if arguments.output is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *rows])
    else:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        write_text(arguments.output, text.getvalue())
        what = "labels" if trained.task == "classification" else "predictions"
        print(f"{len(X):,} {what} written to {arguments.output}")
    return 0


def _predicted(trained, X, every):
    """The columns and rows of labels with their probabilities or, with `every`, those of all classes."""
    names, probabilities = trained.class_names, trained.model.predict_proba(X)
    chosen = probabilities.argmax(axis=1)
    if every:
        columns = ("label", *(f"probability_{name}" for name in names))
        return columns, ((names[c], *(f"{each:.6f}" for each in p)) for c, p in zip(chosen, probabilities, strict=True))
    rows = ((names[c], f"{p[c]:.6f}") for c, p in zip(chosen, probabilities, strict=True))
    return ("label", "probability"), rows


def _decided(trained, X):
    """The columns and rows of labels, or of values."""
    found = trained.model.predict(X)
    if trained.task == "classification":
        return ("label",), ((trained.class_names[c],) for c in found)
    return trained.target_names, found.reshape(len(X), -1).tolist()


def evaluate(arguments):
    """Print accuracy, loss and confusions, or R² and errors; returns the exit status."""
    use_threads(arguments.threads)
    trained = Trained.load(arguments.model)
    dataset, whole = load_labelled(arguments, trained)
    trained.check_range(dataset.X, arguments.data)
    y = trained.labels(dataset, arguments.data)
    check_plots(arguments, trained.model, trained.input_shape, arguments.data)
    X = trained.prepare(dataset, arguments.data)
    tell(dataset, arguments, trained)
    with naming(arguments.data):
        loss, predicted = trained.judge(X, y)
    (_show_classes if trained.task == "classification" else _show_values)(trained, y, predicted, loss)
    plot(arguments, trained, X)
    if whole and fingerprint(dataset) == trained.about.get("fingerprint"):
        print(
            "numbanet: note: the network was trained on most of these data; how well it does on those that were held "
            "out is in its run.json",
            file=sys.stderr,
        )
    return 0


def _show_classes(trained, y, predicted, loss):
    right, classes = int(np.sum(predicted == y)), trained.outputs
    print(f"accuracy  {right / len(y):.2%}  ({right:,} of {len(y):,} examples)")
    print(f"loss      {loss:.4f}  ({trained.model.loss_function.name})\n")
    confusions = np.zeros((classes, classes), np.int64)
    np.add.at(confusions, (y, predicted), 1)
    print(_table(confusions, trained.class_names))


def _show_values(trained, y, predicted, loss):
    found = measured("regression", y, predicted)
    scaled = " of standardised targets" if trained.scales_targets else ""
    print(f"R²        {found['r2']:.4f}  ({len(y):,} examples)")
    print(f"RMSE      {found['rmse']:.6g}")
    print(f"MAE       {found['mae']:.6g}")
    print(f"loss      {loss:.4f}  ({trained.model.loss_function.name}{scaled})")
    if y.ndim == 2:
        width = max(6, *map(len, trained.target_names))
        print(f"\n{'target':{width}s}  {'R²':>8s}  {'RMSE':>12s}  {'MAE':>12s}")
        for name, column, values in zip(trained.target_names, y.T, predicted.T, strict=True):
            each = measured("regression", column, values)
            print(f"{name:{width}s}  {each['r2']:8.4f}  {each['rmse']:12.6g}  {each['mae']:12.6g}")


def _table(confusions, names):
    """Accuracy of each class and, where they fit, how often each (row) was taken for each (column)."""
    matrix = len(names) <= MOST_COLUMNS
    width = max(5, len(str(confusions.max())))
    label = max(5, *map(len, names))
    lines = [f"{'class':{label}s}  accuracy"]
    if matrix:
        lines[0] += "   taken for" + "".join(f" {name[:width]:>{width}s}" for name in names)
    for name, row in zip(names, confusions, strict=True):
        accuracy = f"{row[len(lines) - 1] / row.sum():.2%}" if row.sum() else "-"
        line = f"{name:{label}s}  {accuracy:>8s}"
        if matrix:
            line += " " * 12 + "".join(f" {count or '.':>{width}}" for count in row)
        lines.append(line)
    return "\n".join(lines)
