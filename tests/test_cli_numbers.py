"""Every figure that the command line prints or writes, computed anew by plain NumPy from the saved network and data.

Nothing of numbanet computes here but `data.split`, which says which rows are held out.
"""

import csv
import json
import platform
import re
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import numbanet
from numbanet import Affine, Sequential, data
from numbanet.cli import _watch, main
from numbanet.cli._tasks import TASKS
from numbanet.cli._trained import Trained
from numbanet.runtime import cache, threading_layer
from numbanet.runtime import threads as _threads
from numbanet.training.progress import clock

NAMES = ("ash", "oak", "yew")
COLUMNS = ["width", "girth", "age"]  # the label stands between the last two
SIZES = (60, 45, 30)


def examples():
    """Features of very different size, three classes that overlap, in random order."""
    rng = np.random.default_rng(5)
    y = rng.permutation(np.repeat(range(3), SIZES))
    X = np.column_stack([y + rng.normal(size=len(y)), 1e4 + 50 * rng.normal(size=len(y)) * (1 + y), -0.01 * y**2])
    X[:, 2] += 0.005 * rng.normal(size=len(y))
    return X, y


X, Y = examples()


def write_table(path, X=X, labels=None, order=(0, 1, 2), target="tree"):
    """A table with the column of labels, if any, before the last one."""
    names, X = [COLUMNS[i] for i in order], X[:, list(order)]
    rows = [list(map(repr, row.tolist())) for row in X]
    if labels is not None:
        names = [*names[:2], target, names[2]]
        rows = [[*row[:2], label, row[2]] for row, label in zip(rows, labels, strict=True)]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


class Saved:
    """What a model file holds, and the network that it describes by plain NumPy: affine layers with ReLU between."""

    def __init__(self, path):
        with np.load(path) as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}
        self.mean, self.scale = self.arrays["standardizer/mean"], self.arrays["standardizer/scale"]

    def scores(self, X):
        h, last = (X - self.mean) / self.scale, sum(name.startswith("param/W") for name in self.arrays)
        for layer in range(1, last + 1):
            h = h @ self.arrays[f"param/W{layer}"] + self.arrays[f"param/b{layer}"]
            h = np.maximum(h, 0) if layer < last else h
        return h


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def softmax_loss(scores, y):
    return -np.mean(np.log(softmax(scores)[np.arange(len(y)), y]))


def hinge_loss(scores, y):
    margins = np.maximum(0, scores - scores[np.arange(len(y)), y][:, None] + 1)
    margins[np.arange(len(y)), y] = 0
    return margins.sum() / len(y)


def accuracy(scores, y):
    return np.mean(scores.argmax(axis=1) == y)


def read(folder):
    """run.json and history.csv of a run, numbers as numbers."""
    rows = csv.DictReader(Path(folder, "history.csv").read_text().splitlines())
    return json.loads(Path(folder, "run.json").read_text()), [{k: float(v) for k, v in row.items()} for row in rows]


TEXT = (
    "--model fully-connected --target tree --hidden 6 --normalization none --dropout 0 --epochs 6 --test-fraction 0.3 "
    "--validation-fraction 0.25 --batch-size 16 --learning-rate 0.01 --seed 3"
)
OPTIONS = TEXT.split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables, and a run on one of them with all that it printed."""
    folder = tmp_path_factory.mktemp("numbers")
    write_table(folder / "trees.csv", labels=np.array(NAMES)[Y])
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "--data", "trees.csv", *OPTIONS, "--output", "run"]) == 0
    return folder


@pytest.fixture
def here(trained, monkeypatch):
    monkeypatch.chdir(trained)


def parts(seed=3):
    """Rows of the parts that OPTIONS ask for, by what is split: a set whose only feature is the row's number."""
    whole = data.Dataset(np.arange(len(Y), dtype=np.float64)[:, None], Y)
    rest, test = data.split(whole, 0.3, seed)
    train, validation = data.split(rest, 0.25, seed)
    return [part.X[:, 0].astype(int) for part in (train, validation, test)]


# train


def test_the_parts_are_those_that_were_asked_for(here):
    train, validation, test = parts()
    assert sorted([*train, *validation, *test]) == list(range(len(Y)))
    # 0.3 of 135 is 40.5, of which 40; a quarter of the 95 that remain is 23.75.
    assert (len(train), len(validation), len(test)) == (71, 24, 40)
    described = read("run")[0]["data"]
    assert [described[name] for name in ("train", "validation", "test")] == [71, 24, 40]
    assert (described["class_names"], described["feature_names"], described["target"]) == (
        list(NAMES),
        COLUMNS,
        "tree",
    )


def test_the_standardizer_is_that_of_the_training_part_alone(here):
    train, _, _ = parts()
    saved = Saved("run/model.npz")
    assert np.allclose(saved.mean, X[train].mean(axis=0), rtol=1e-6)
    assert np.allclose(saved.scale, X[train].std(axis=0), rtol=1e-5)
    assert not np.allclose(saved.mean, X.mean(axis=0), rtol=1e-4)


def test_the_results_are_those_of_the_saved_network_on_each_part(here, capsys):
    train, validation, test = parts()
    record, history = read("run")
    result, saved = record["result"], Saved("run/model.npz")
    right = int(np.sum(saved.scores(X[test]).argmax(axis=1) == Y[test]))
    assert (result["test_right"], result["test_accuracy"]) == (right, right / 40)
    assert result["validation_accuracy"] == accuracy(saved.scores(X[validation]), Y[validation])
    loss = softmax_loss(saved.scores(X[validation]), Y[validation])
    assert result["validation_loss"] == pytest.approx(loss, rel=1e-5)
    best = history[result["best_epoch"] - 1]
    assert result["best_epoch"] == min((row["val_loss"], -row["epoch"]) for row in history)[1] * -1
    assert best["val_loss"] == result["validation_loss"] == min(row["val_loss"] for row in history)
    assert best["val_accuracy"] == result["validation_accuracy"]
    assert best["train_accuracy"] == accuracy(saved.scores(X[train]), Y[train])
    # Or the test could not tell one part from another.
    assert len({result["test_accuracy"], result["validation_accuracy"], best["train_accuracy"]}) == 3


def test_counts_times_and_options_of_the_record(here):
    record, history = read("run")
    result = record["result"]
    steps_of_an_epoch = -(-71 // 16)  # the last batch is what is left
    assert result["ended"] == "complete"
    assert result["epochs"] == len(history) == 6
    assert result["steps"] == 6 * steps_of_an_epoch
    assert record["parameters"] == 3 * 6 + 6 + 6 * 3 + 3
    assert record["parameters"] == sum(a.size for name, a in Saved("run/model.npz").arrays.items() if "param/" in name)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert all(row["seconds"] > 0 for row in history)
    assert sum(row["seconds"] for row in history) <= result["seconds"] * 1.001
    assert (record["seed"], record["options"]["epochs"], record["optimizer_options"]["learning_rate"]) == (3, 6, 0.01)


def test_what_train_prints_is_what_it_writes(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    monkeypatch.setattr(_threads, "_chosen", None)
    assert main(["train", "--data", "trees.csv", *OPTIONS, "--threads", "1", "--output", "again"]) == 0
    out, err = capsys.readouterr()
    record, history = read("again")
    result = record["result"]
    assert read("run")[0]["result"]["test_right"] == result["test_right"]
    assert (
        f"test accuracy  {result['test_right'] / 40:.2%}  ({result['test_right']} of 40 held-out examples)\n"
        f"validation     {result['validation_accuracy']:.2%}  (epoch {result['best_epoch']}, the best of 6)\n"
    ) in out
    assert "3 classes; 71 examples to train, 24 to validate, 40 held out to test" in err
    assert "3-6-3, 45 parameters; adam at learning rate 0.01; 1 thread\n" in err
    for row in history:
        shown = f"train {row['train_accuracy']:.2%}  val {row['val_accuracy']:.2%}"
        assert f"epoch {row['epoch']:.0f}/6  loss {row['loss']:.4f}  {shown}" in err


def descend(X, y, w, b, rates, classes=3):
    """Gradient descent on the mean softmax loss, all rows a step: the loss before each step, the weights after it."""
    for rate in rates:
        p = softmax(X @ w + b)
        loss = softmax_loss(X @ w + b, y)
        p[np.arange(len(y)), y] -= 1
        w, b = w - rate * X.T @ p / len(y), b - rate * p.mean(axis=0)
        yield loss, w, b


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("--lr-schedule exponential --lr-decay 0.5", [0.8, 0.4, 0.2, 0.1]),
        ("--lr-schedule step --lr-step 2 --lr-decay 0.1", [0.8, 0.8, 0.08, 0.08]),
        ("--lr-schedule cosine", [0.8, 0.8 * (1 + np.sqrt(0.5)) / 2, 0.4, 0.8 * (1 - np.sqrt(0.5)) / 2]),
    ],
)
def test_the_history_is_that_of_gradient_descent_by_hand(schedule, rates, here, capsys):
    train, validation, _ = parts()
    options = "--target tree --hidden none --optimizer sgd --epochs 4 --test-fraction 0.3 --validation-fraction 0.25"
    options += " --model fully-connected"
    command = ["train", "--data", "trees.csv", *options.split(), "--batch-size", "71", "--seed", "3", "--quiet"]
    name = schedule.split()[1]
    assert main([*command, "--epochs", "1", "--learning-rate", "0", "--output", f"{name}-0"]) == 0
    start = Saved(f"{name}-0/model.npz")
    w, b = start.arrays["param/W1"].astype(float), start.arrays["param/b1"].astype(float)
    assert main([*command, *schedule.split(), "--learning-rate", "0.8", "--output", name]) == 0
    record, history = read(name)
    Z = (X - start.mean) / start.scale
    losses, steps = set(), descend(Z[train], Y[train], w, b, rates)
    for row, rate, (loss, w, b) in zip(history, rates, steps, strict=True):
        assert row["loss"] == pytest.approx(loss, rel=1e-5)
        assert row["learning_rate"] == pytest.approx(rate, rel=1e-12)
        assert row["train_accuracy"] == accuracy(Z[train] @ w + b, Y[train])
        assert row["val_accuracy"] == accuracy(Z[validation] @ w + b, Y[validation])
        assert row["val_loss"] == pytest.approx(softmax_loss(Z[validation] @ w + b, Y[validation]), rel=1e-5)
        if row["epoch"] == record["result"]["best_epoch"]:
            assert np.allclose(Saved(f"{name}/model.npz").arrays["param/W1"], w, rtol=1e-4, atol=1e-6)
        losses.add(round(loss, 3))
    assert len(losses) == 4
    assert record["result"]["steps"] == 4
    assert any(row["train_accuracy"] != row["val_accuracy"] for row in history)


def test_a_test_part_of_the_data_is_what_the_network_is_tested_on(here):
    np.savez("parts.npz", X_train=X[:90], y_train=Y[:90], X_test=X[90:], y_test=Y[90:])
    options = ["--hidden", "none", "--epochs", "2", "--quiet", "--output", "parts"]
    assert main(["train", "--data", "parts.npz", *options]) == 0
    result, saved = read("parts")[0]["result"], Saved("parts/model.npz")
    assert result["test_right"] == np.sum(saved.scores(X[90:]).argmax(axis=1) == Y[90:])
    assert result["test_accuracy"] == result["test_right"] / 45
    assert result["test_accuracy"] != accuracy(saved.scores(X[:90]), Y[:90])


# evaluate and predict

# How often each class (row) is taken for each: by hand, and nowhere symmetric.
CONFUSIONS = np.array([[6, 2, 0], [1, 3, 5], [0, 4, 9]])
SURE = 2.0  # the score of the class that is chosen; the others have 0


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A network whose scores are the features, twice; a file whose rows give CONFUSIONS in two parts and one."""
    folder = tmp_path_factory.mktemp("known")
    model = Sequential([Affine(3)], 3)
    model.params.assign("params", {"W1": SURE * np.eye(3), "b1": np.zeros(3)})
    model.standardizer = data.Standardizer(np.zeros(3), np.ones(3))
    Trained(model, NAMES, tuple(COLUMNS), "tree").save(folder / "model.npz")
    truth, chosen = (np.repeat(side.ravel(), CONFUSIONS.ravel()) for side in np.indices((3, 3)))
    order = np.random.default_rng(1).permutation(len(truth))
    X, y = np.eye(3)[chosen[order]], truth[order]
    write_table(folder / "test.csv", X, np.array(NAMES)[y])
    # The training part is all right, which evaluate must not see.
    np.savez(folder / "parts.npz", X_train=np.eye(3), y_train=NAMES, X_test=X, y_test=np.array(NAMES)[y])
    return folder


@pytest.mark.parametrize("source", ["test.csv", "parts.npz"])
def test_evaluate_on_confusions_known_by_hand(source, known, monkeypatch, capsys):
    monkeypatch.chdir(known)
    assert main(["evaluate", "model.npz", source]) == 0
    out = capsys.readouterr().out
    # 18 of 30 are right; e² of e² + 2 is 0.7869860, and ln of that -0.2395448; of the others 2 more.
    loss = 0.2395448 + 2 * 12 / 30
    assert out == (
        f"accuracy  60.00%  (18 of 30 examples)\nloss      {loss:.4f}  (softmax)\n\n"
        "class  accuracy   taken for   ash   oak   yew\n"
        "ash      75.00%                 6     2     .\n"
        "oak      33.33%                 1     3     5\n"
        "yew      69.23%                 .     4     9\n"
    )


def test_evaluate_matches_classes_by_name(known, monkeypatch, capsys):
    monkeypatch.chdir(known)
    write_table("two.csv", np.eye(3)[[2, 2, 1, 2]], ["yew", "yew", "oak", "oak"])  # which their file numbers 1 and 0
    assert main(["evaluate", "model.npz", "two.csv"]) == 0
    out = capsys.readouterr().out
    assert "accuracy  75.00%  (3 of 4 examples)" in out
    assert re.findall(r"^(\w+) +(\S+) +(\S+) +(\S+) +(\S+)$", out, re.MULTILINE)[-3:] == [
        ("ash", "-", ".", ".", "."),
        ("oak", "50.00%", ".", "1", "1"),
        ("yew", "100.00%", ".", ".", "2"),
    ]


def test_evaluate_takes_the_columns_by_name_and_the_target_of_the_run(known, monkeypatch, capsys):
    monkeypatch.chdir(known)
    rows, labels = np.eye(3)[[0, 1, 2, 2, 0]], ["ash", "oak", "yew", "ash", "yew"]
    write_table("order.csv", rows, labels, order=(2, 0, 1))
    assert main(["evaluate", "model.npz", "order.csv"]) == 0
    assert "accuracy  60.00%  (3 of 5 examples)" in capsys.readouterr().out
    write_table("renamed.csv", rows, labels, target="kind")
    assert main(["evaluate", "model.npz", "renamed.csv", "--target", "kind"]) == 0
    assert "accuracy  60.00%  (3 of 5 examples)" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["softmax", "svm"])
def test_evaluate_gives_accuracy_loss_and_confusions_of_the_saved_network(kind, here, capsys):
    run = f"with-{kind}"
    options = [
        "--model",
        "fully-connected",
        "--hidden",
        "5",
        "--normalization",
        "none",
        "--epochs",
        "3",
        "--quiet",
        "--target",
        "tree",
        "--l2",
        "0.1",
    ]
    assert main(["train", "--data", "trees.csv", *options, "--loss", kind, "--output", run]) == 0
    capsys.readouterr()
    assert main(["evaluate", run, "trees.csv"]) == 0
    out, scores = capsys.readouterr().out, Saved(f"{run}/model.npz").scores(X)
    chosen, loss = scores.argmax(axis=1), (softmax_loss if kind == "softmax" else hinge_loss)(scores, Y)
    confusions = np.array([[np.sum((a == Y) & (b == chosen)) for b in range(3)] for a in range(3)])
    assert not np.array_equal(confusions, confusions.T)
    assert confusions.sum(axis=1).tolist() == list(SIZES)
    right = int(np.trace(confusions))
    assert f"accuracy  {right / 135:.2%}  ({right} of 135 examples)\n" in out
    shown, name = re.search(r"loss +(\S+)  \((\w+)\)", out).groups()
    assert (float(shown), name) == (pytest.approx(loss, abs=6e-5), kind)
    for number, class_name in enumerate(NAMES):
        (line,) = re.findall(rf"^{class_name} .*$", out, re.MULTILINE)
        _, share, *counts = line.replace(" . ", " 0 ").replace(" .", " 0").split()
        assert list(map(int, counts)) == confusions[number].tolist()
        assert share == f"{confusions[number, number] / SIZES[number]:.2%}"


def predicted(out):
    rows = list(csv.reader(out.splitlines()))
    assert rows[0][0] == "label"
    return rows[0], rows[1:]


def test_predict_gives_labels_and_probabilities_of_the_saved_network(here, capsys):
    capsys.readouterr()
    write_table("labelled.csv", X, np.array(NAMES)[(Y + 1) % 3])  # labels that are wrong, and not to be looked at
    write_table("unlabelled.csv", X)
    p = softmax(Saved("run/model.npz").scores(X))
    for source in ("labelled.csv", "unlabelled.csv"):
        assert main(["predict", "run", source]) == 0
        columns, rows = predicted(capsys.readouterr().out)
        assert columns == ["label", "probability"]
        assert [label for label, _ in rows] == [NAMES[c] for c in p.argmax(axis=1)]
        assert np.allclose([float(text) for _, text in rows], p.max(axis=1), atol=1e-6)
        assert main(["predict", "run", source, "--output", "labels.csv"]) == 0
        assert capsys.readouterr().out == "135 labels written to labels.csv\n"
        assert predicted(Path("labels.csv").read_text()) == (columns, rows)


def test_predict_leaves_out_the_column_of_labels_that_the_run_was_trained_with(known, monkeypatch, capsys):
    monkeypatch.chdir(known)
    trained = Trained.load("model.npz")
    Trained(trained.model, ("0", "1", "2"), None, "2").save("plain.npz")  # trained on a table without a header
    rows, e = np.eye(3)[[2, 0, 1, 1]], np.exp(SURE)
    for more, at in (([], 2), (["--target", "0"], 0)):
        np.savetxt("plain.csv", np.insert(rows + 0.25, at, [7, 7, 7, 7], axis=1), delimiter=",", fmt="%g")
        assert main(["predict", "plain.npz", "plain.csv", *more]) == 0
        _, labelled = predicted(capsys.readouterr().out)
        assert labelled == [[name, f"{e / (e + 2):.6f}"] for name in "2011"]


def test_predict_of_data_in_two_parts_labels_the_test_part(known, monkeypatch, capsys):
    monkeypatch.chdir(known)
    assert main(["predict", "model.npz", "parts.npz"]) == 0
    with np.load("parts.npz") as arrays:
        chosen = arrays["X_test"].argmax(axis=1)
    assert [label for label, _ in predicted(capsys.readouterr().out)[1]] == [NAMES[c] for c in chosen]


def test_predict_of_a_network_that_knows_no_probabilities(here, capsys):
    options = ["--model", "fully-connected", "--hidden", "none", "--epochs", "2", "--quiet", "--target", "tree"]
    assert main(["train", "--data", "trees.csv", *options, "--loss", "svm", "--output", "margins"]) == 0
    capsys.readouterr()
    assert main(["predict", "margins", "trees.csv"]) == 0
    columns, rows = predicted(capsys.readouterr().out)
    assert main(["predict", "margins", "trees.csv", "--output", "margins.csv"]) == 0
    assert capsys.readouterr().out == "135 labels written to margins.csv\n"
    assert predicted(Path("margins.csv").read_text()) == (columns, rows)
    assert columns == ["label"]
    assert [label for (label,) in rows] == [NAMES[c] for c in Saved("margins/model.npz").scores(X).argmax(axis=1)]


def test_the_note_on_data_that_were_trained_on_tells_them_from_others(here, capsys):
    capsys.readouterr()
    changed = X.copy()
    changed[-1, 0] += 1  # the first rows are the same
    write_table("changed.csv", changed, np.array(NAMES)[Y])
    for source, noted in (("trees.csv", True), ("changed.csv", False)):
        assert main(["evaluate", "run", source]) == 0
        assert ("was trained on most of these data" in capsys.readouterr().err) == noted


# info, and durations


def test_info_counts_what_there_is(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "cache"
    (folder / "0123456789abcdef").mkdir(parents=True)
    (folder / "0123456789abcdef" / "a.nbc").write_bytes(bytes(1_250_000))
    (folder / "b").write_bytes(bytes(1_000_000))
    monkeypatch.setattr(cache, "cache_root", lambda: folder)
    monkeypatch.setattr(cache, "cache_folder", lambda: folder / "0123456789abcdef")
    monkeypatch.setattr(_threads, "choice", lambda: (7, "as if"))
    monkeypatch.setattr(threading_layer, "start", lambda: "workqueue")
    monkeypatch.setattr(threading_layer, "reason", lambda: "no other")
    assert main(["info"]) == 0
    facts = dict(re.findall(r"^(.{16}) (.*)$", capsys.readouterr().out, re.MULTILINE))
    facts = {name.strip(): fact for name, fact in facts.items()}
    assert facts["kernel cache"] == f"{folder / '0123456789abcdef'} ({folder}: 2.2 MB)"
    assert facts["threads"] == "7 (as if)"
    assert facts["threading layer"] == "workqueue (no other)"
    assert facts["in parallel"] == "operations that take one core 400 µs or more"
    assert (facts["python"], facts["numpy"]) == (platform.python_version(), np.__version__)
    assert facts["numbanet"] == numbanet.__version__
    assert facts["tqdm"] == (metadata.version("tqdm") if find_spec("tqdm") else "not installed")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (4.24, "4.2 s"),
        (59.9, "59.9 s"),
        (60, "1 min 0 s"),
        (200.4, "3 min 20 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (7530, "2 h 5 min"),
    ],
)
def test_durations_in_words(seconds, words):
    assert clock(seconds) == words


def test_seconds_are_those_without_compiling(monkeypatch):
    """A training by a clock that is faked: an epoch of 7 s, 4 of them compiling, then one of 2.5 s."""
    now = [50.0]
    monkeypatch.setattr(_watch, "perf_counter", lambda: now[0])
    watch = _watch.Watch(None, TASKS["classification"].columns)

    def run():
        for seconds, compiling in ((7.0, 4.0), (2.5, 0.0)):
            now[0] += seconds
            watch._compilations.seconds += compiling
            solver.epoch += 1
            watch.on_epoch_end(solver, {"epoch": solver.epoch, "loss": 0.5 + solver.epoch, **measured})
        now[0] += 0.5  # to measure once more

    measured = {"accuracy": 0.5, "val_loss": 0.25, "val_accuracy": 0.75, "learning_rate": 0.125}
    solver = SimpleNamespace(run=run, epoch=0)
    watch.run(solver)
    assert (watch.seconds, watch.seconds_compiling) == (6.0, 4.0)
    assert watch.rows == [(1, 1.5, 0.5, 0.25, 0.75, 0.125, 3.0), (2, 2.5, 0.5, 0.25, 0.75, 0.125, 2.5)]
    header, *rows = csv.reader(watch.history().splitlines())
    assert header == ["epoch", "loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert [list(map(float, row)) for row in rows] == [list(row) for row in watch.rows]


def test_compiling_is_announced_unless_quiet(capsys):
    said = []
    for say in (None, said.append):
        _watch.Watch(say, {})._announce()
    assert said == ["compiling kernels, once per machine; this can take a minute ..."]
    assert capsys.readouterr() == ("", "")


def test_a_run_names_the_versions_and_options_that_made_it(here):
    record, _ = read("run")
    assert record["versions"]["numba"] == metadata.version("numba")
    assert record["versions"]["numbanet"] == numbanet.__version__
    options = record["options"]
    assert (options["hidden"], options["batch_size"], options["target"]) == ([6], 16, "tree")
    assert (options["test_fraction"], options["validation_fraction"]) == (0.3, 0.25)
    assert not {"command", "name"} & set(options)
    assert record["data"]["source"] == "trees.csv"
    assert record["data"]["input_shape"] == [3]


def test_more_classes_than_fit_have_an_accuracy_each(tmp_path, monkeypatch, capsys):
    """21 classes: no matrix; the class of number k is taken for itself in k of 20 cases, else for the next."""
    monkeypatch.chdir(tmp_path)
    names = tuple(f"k{k:02d}" for k in range(21))
    model = Sequential([Affine(21)], 21)
    model.params.assign("params", {"W1": np.eye(21), "b1": np.zeros(21)})
    model.standardizer = data.Standardizer(np.zeros(21), np.ones(21))
    Trained(model, names).save("model.npz")
    y = np.repeat(np.arange(21), 20)
    chosen = np.where(np.tile(np.arange(20), 21) < y, y, (y + 1) % 21)
    np.savez("data.npz", X=np.eye(21)[chosen], y=np.array(names)[y])
    assert main(["evaluate", "model.npz", "data.npz"]) == 0
    out = capsys.readouterr().out
    assert f"accuracy  {210 / 420:.2%}  (210 of 420 examples)" in out
    assert "taken for" not in out
    shown = re.findall(r"^(k\d\d) +(\S+)$", out, re.MULTILINE)
    assert shown == [(name, f"{k / 20:.2%}") for k, name in enumerate(names)]
