"""numbanet's own callbacks: each does what it says, by figures that are put into it."""

import csv
import io
import json
import math
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from nets import CourseModel, digits

import numbanet
from numbanet import FullyConnectedNet, Solver
from numbanet.callbacks import Callback, Checkpoint, CSVLogger, EarlyStopping, ProgressBar, ReduceLROnPlateau
from numbanet.training import progress

DATA = digits()


def net():
    return FullyConnectedNet([20], 64, 10, seed=0)


def scripted(values, *callbacks, **options):
    """A training that measures `values` as val_height, one after each epoch; it has begun."""

    def height(y, scores):
        return values[(solver.epoch - 1) % len(values)] if solver.epoch else 0.0

    options = {"optimizer": "adam", "batch_size": 100, "epochs": len(values), "verbose": False, **options}
    solver = Solver(net(), DATA, metrics=[height], callbacks=callbacks, **options)
    return solver


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        ({"patience": 2}, 5),
        ({"patience": 3}, 7),
        ({"patience": 2, "min_delta": 0.3}, 3),
        ({"target": 0.9}, 6),
        ({"target": 0.5, "patience": 2}, 3),
    ],
)
def test_early_stopping(options, epochs):
    values = [0.4, math.nan, 0.5, 0.5, 0.5, 0.9, 0.1, 0.0]
    if options.get("patience") == 3:
        values = [0.1, 0.2, 0.15, 0.3, 0.3, 0.2, 0.3, 0.9]
    trained = scripted(values, EarlyStopping("val_height", **options))
    trained.train()
    assert trained.epoch == epochs
    assert not trained.interrupted


def test_early_stopping_where_lower_is_better_and_by_the_solver_s_monitor():
    stopping = EarlyStopping(target=10.0)
    trained = scripted([0.0] * 5, stopping)
    trained.train()
    assert (stopping.best.monitor, trained.epoch) == ("val_loss", 1)
    with pytest.raises(ValueError, match="^monitor: expected one of .*, got 'val_lost'; did you mean 'val_loss'"):
        scripted([0.0], EarlyStopping("val_lost", patience=1)).train()


def test_reducing_on_a_plateau():
    values = [0.1, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.9, 0.0, 0.0, 0.0]
    rates, following = [], ReduceLROnPlateau("val_height", factor=0.5, patience=2, cooldown=1, min_learning_rate=0.03)
    note = Callback(on_epoch_begin=lambda s, logs: rates.append(logs["learning_rate"]))
    options = {"optimizer_options": {"learning_rate": 0.1}, "schedule": "constant"}
    trained = scripted(values, following, note, **options)
    trained.train()
    # Best at 2: reduced after 4, counted from 5 on: after 7; best at 8: after 10, to no less than 0.03.
    expected = [0.1] * 4 + [0.05] * 3 + [0.03] * 4
    assert rates == pytest.approx(expected)


def test_the_best_networks_are_kept(tmp_path):
    values = [0.3, 0.5, math.nan, 0.4, 0.5, 0.1, 0.9]
    keeping, seen, weights = Checkpoint(tmp_path / "best-{epoch}.npz", "val_height", keep=3), [], {}

    def note(s, logs):
        seen.append(sorted(path.name for path in tmp_path.iterdir()))
        weights[s.epoch] = s.model.params.flat.copy()

    trained = scripted(values, keeping, note)
    trained.train()
    names = [[f"best-{epoch}.npz" for epoch in kept] for kept in ([1], [1, 2], [1, 2], [1, 2, 4], [2, 4, 5])]
    assert seen == [*names, names[-1], ["best-2.npz", "best-5.npz", "best-7.npz"]]
    assert [(value, os.path.basename(path)) for value, path in keeping.kept] == [
        (0.9, "best-7.npz"),
        (0.5, "best-5.npz"),
        (0.5, "best-2.npz"),
    ]
    for epoch in (2, 5, 7):
        loaded = numbanet.load(tmp_path / f"best-{epoch}.npz")
        np.testing.assert_array_equal(loaded.params.flat, weights[epoch])


def test_one_file_is_written_over(tmp_path):
    trained = scripted([0.3, 0.5, 0.4], Checkpoint(tmp_path / "best.npz", "val_height"))
    kept = []
    trained.callbacks.append(lambda s, logs: kept.append(s.model.params.flat.copy()))
    trained.train()
    assert os.listdir(tmp_path) == ["best.npz"]
    np.testing.assert_array_equal(numbanet.load(tmp_path / "best.npz").params.flat, kept[1])


def test_the_history_is_kept_as_csv(tmp_path):
    lines = []
    trained = scripted([0.1, 0.2, 0.3], CSVLogger(tmp_path / "log.csv", seconds=0))
    trained.callbacks.append(lambda s, logs: lines.append(len((tmp_path / "log.csv").read_text().splitlines())))
    trained.train()
    assert lines == [3, 4, 5]  # the names, and what was measured after the first step
    with open(tmp_path / "log.csv") as file:
        assert [float(row["val_height"]) for row in csv.DictReader(file)] == [0.0, 0.1, 0.2, 0.3]
    seldom = scripted([0.1] * 50, CSVLogger(tmp_path / "other.csv", seconds=3600))
    seldom.train()
    assert len((tmp_path / "other.csv").read_text().splitlines()) == 52


def test_a_progress_bar_shows_lines_where_there_is_no_terminal():
    shown, trained = io.StringIO(), scripted([0.1, 0.2])
    trained.callbacks = [ProgressBar(shown)]
    trained.train()
    assert [line[:9] for line in shown.getvalue().splitlines()] == ["epoch 1/2", "epoch 2/2"]
    trained.train()
    assert [line[:9] for line in shown.getvalue().splitlines()][2:] == ["epoch 3/4", "epoch 4/4"]


def test_a_notebook_gets_the_bar_of_notebooks(monkeypatch):
    pytest.importorskip("tqdm")
    trained, made = scripted([0.1]), []
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(config={"IPKernelApp": {}}))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    auto = SimpleNamespace(tqdm=lambda **options: made.append(options) or SimpleNamespace(close=lambda: None))
    monkeypatch.setitem(sys.modules, "tqdm.auto", auto)
    assert isinstance(progress.display(trained), progress.Bar)
    assert made[0]["total"] == trained.num_steps
    assert isinstance(progress.display(trained, io.StringIO()), progress.Lines)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (EarlyStopping, ValueError, "EarlyStopping: expected patience or target, got neither"),
        (lambda: EarlyStopping(patience=0), ValueError, "patience: expected an integer of at least 1, got 0"),
        (lambda: EarlyStopping(target="a"), TypeError, "target: expected a number"),
        (lambda: ReduceLROnPlateau(factor=1), ValueError, r"factor: expected a number in \(0, 1\), got 1"),
        (lambda: Checkpoint("best.npz", keep=2), ValueError, "path: expected {epoch} in it, to keep 2 files"),
        (lambda: Checkpoint("{step}.npz"), ValueError, "path: expected a name with no other field than {epoch}"),
        (lambda: Checkpoint(3), TypeError, "expected str, bytes or os.PathLike object, not int"),
        (lambda: CSVLogger("a.csv", seconds=-1), ValueError, "seconds: expected a number in"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=f"^{message}"):
        make()


def test_files_that_cannot_be_written_stop_before_anything_runs(tmp_path):
    for callback in (Checkpoint(tmp_path / "none" / "a.npz"), CSVLogger(tmp_path / "none" / "a.csv")):
        trained = scripted([0.1], callback)
        with pytest.raises(OSError, match="none"):
            trained.train()
        assert trained.step == 0
    own = Solver(CourseModel(), DATA, epochs=1, verbose=False, callbacks=[Checkpoint(tmp_path / "a.npz")])
    with pytest.raises(TypeError, match="^Checkpoint: CourseModel has no save"):
        own.train()


def test_states_are_json_and_are_taken_up(tmp_path):
    values = [0.1, 0.2, 0.2, 0.1, 0.1]
    made = [
        EarlyStopping("val_height", patience=9),
        ReduceLROnPlateau("val_height", patience=1),
        Checkpoint(tmp_path / "{epoch}.npz", "val_height", keep=2),
    ]
    scripted(values, *made).train()
    again = [
        EarlyStopping("val_height", patience=9),
        ReduceLROnPlateau("val_height", patience=1),
        Checkpoint(tmp_path / "{epoch}.npz", "val_height", keep=2),
    ]
    for before, after in zip(made, again, strict=True):
        after.take_up(json.loads(json.dumps(before.state())))
        after.on_train_begin(scripted(values), {})
        assert json.dumps(after.state()) == json.dumps(before.state())
