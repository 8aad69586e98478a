"""``numbanet predict`` and ``numbanet evaluate``: a trained network on new data."""

import csv
import io
import sys

import numpy as np

from ._data import load_labelled, load_unlabelled, tell
from ._files import check_writable, write_text
from ._info import use_threads
from ._plots import check_plots, plot
from ._tasks import measured
from ._trained import Trained, fingerprint

MOST_COLUMNS = 20  # classes whose confusions fit on a terminal


def predict(arguments):
    """Print or write a label for every example; returns the exit status."""
    use_threads(arguments.threads)
    if arguments.output is not None:
        check_writable(arguments.output)
    trained = Trained.load(arguments.model)
    dataset = load_unlabelled(arguments, trained)
    trained.check_range(dataset.X, arguments.data)
    X, model = trained.prepare(dataset, arguments.data), trained.model
    tell(dataset, arguments, trained)
    if trained.task == "regression":
        columns = trained.target_names
        rows = model.predict(X).reshape(len(X), -1).tolist()
    elif model.loss_name == "softmax":
        probabilities = model.predict_proba(X)
        chosen = probabilities.argmax(axis=1)
        columns = ("label", "probability")
        rows = ((trained.class_names[c], f"{p[c]:.6f}") for c, p in zip(chosen, probabilities, strict=True))
    else:
        columns = ("label",)
        rows = ((trained.class_names[c],) for c in model.predict(X))
    if arguments.output is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *rows])
    else:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        write_text(arguments.output, text.getvalue())
        what = "labels" if trained.task == "classification" else "predictions"
        print(f"{len(X):,} {what} written to {arguments.output}")
    return 0


def evaluate(arguments):
    """Print accuracy, loss and confusions, or R² and errors; returns the exit status."""
    use_threads(arguments.threads)
    trained = Trained.load(arguments.model)
    dataset, whole = load_labelled(arguments, trained)
    trained.check_range(dataset.X, arguments.data)
    y, model = trained.labels(dataset, arguments.data), trained.model
    check_plots(arguments, model, trained.input_shape, arguments.data)
    X = trained.prepare(dataset, arguments.data)
    tell(dataset, arguments, trained)
    scores = model.loss(X)
    predicted = model.decided(scores)
    loss = model.judged(X, model.check_targets("y", y, len(y)), scores)[0]
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
    right, classes = int(np.sum(predicted == y)), trained.model.output_size
    print(f"accuracy  {right / len(y):.2%}  ({right:,} of {len(y):,} examples)")
    print(f"loss      {loss:.4f}  ({trained.model.loss_name})\n")
    confusions = np.zeros((classes, classes), np.int64)
    np.add.at(confusions, (y, predicted), 1)
    print(_table(confusions, trained.class_names))


def _show_values(trained, y, predicted, loss):
    found = measured("regression", y, predicted)
    scaled = " of standardised targets" if trained.model.target_scaler is not None else ""
    print(f"R²        {found['r2']:.4f}  ({len(y):,} examples)")
    print(f"RMSE      {found['rmse']:.6g}")
    print(f"MAE       {found['mae']:.6g}")
    print(f"loss      {loss:.4f}  ({trained.model.loss_name}{scaled})")
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
