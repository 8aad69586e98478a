"""Tables as they are, from the command line: text, gaps, dates and categories, in any file, for both tasks."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numbanet as nn
import numbanet.tabular
from numbanet.cli import _models, _resume, _train_options, _watch, main

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(2)
COUNT = 240
HEADER = ["key", "size", "tree", "when", "old", "price", "sold"]
SIZE = ["--preset", "fast", "--hidden", "16", "--epochs", "60", "--batch-size", "64"]
QUICK = [*SIZE, "--learning-rate", "0.05", "--patience", "60", "--quiet"]


def homes():
    """Rows of text: an identifier, numbers and categories with gaps, dates, booleans, and a target of each kind."""
    size, tree = RNG.normal(100, 20, COUNT), RNG.integers(0, 3, COUNT)
    price = 1000 * size + 20_000 * (tree == 1) + RNG.normal(0, 500, COUNT)
    rows = []
    for i in range(COUNT):
        row = [f"h{i:03d}", f"{size[i]:.1f}", ["ash", "elm", "oak, red"][tree[i]], f"2021-{1 + i % 12:02d}-07"]
        row += [["True", "False"][i % 2], f"{price[i]:.2f}", ["no", "yes"][int(price[i] > 105_000)]]
        rows.append(row)
    for i in range(0, COUNT, 11):
        rows[i][1] = ["", "NA", "?"][i % 3]
    for i in range(5, COUNT, 13):
        rows[i][2] = ""
    return rows


ROWS = homes()


def write(name, rows=ROWS, header=HEADER, **options):
    """Delimited text, as the `csv` module writes it."""
    text = io.StringIO()
    csv.writer(text, **{"lineterminator": "\n", **options}).writerows([header, *rows])
    content = text.getvalue().encode()
    Path(name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("homes.csv")


def record(folder):
    return json.loads(Path(folder, "run.json").read_text())


def told(command, capsys):
    capsys.readouterr()
    assert main(command) == 0
    return capsys.readouterr()


def refused(command, capsys):
    capsys.readouterr()
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1), err
    assert "Traceback" not in err
    return err.removeprefix("numbanet: error: ")


def run_numbanet(*command):
    """A real process; what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-m", "numbanet", *command], capture_output=True, encoding="utf-8", env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def table_of(text):
    header, *rows = csv.reader(text.splitlines())
    return header, [dict(zip(header, row, strict=True)) for row in rows]


TASKS = {"classification": ("sold", "price"), "regression": ("price", "sold")}


@pytest.mark.parametrize("task", TASKS)
def test_a_table_as_it_is_from_end_to_end(task):
    target, other = TASKS[task]
    quick = [option for option in QUICK if option != "--quiet"]
    out, err = run_numbanet(
        "train", "--data", "homes.csv", "--target", target, "--drop", other, "--id", "key", *quick, "--output", "run"
    )
    for part in (
        "homes.csv: 4 values",
        "columns separated by commas, with a header",
        "when: dates",
        f"target {target}: ",
    ):
        assert part in err
    assert ("2 classes: no, yes" if task == "classification" else "so regression") in err
    assert sorted(os.listdir("run")) == ["history.csv", "model.npz", "run.json"]
    result = record("run")["result"]
    good = result["test_accuracy"] if task == "classification" else result["test_r2"]
    assert good > 0.8

    shown, _ = run_numbanet("info", "run")
    for part in ("size: number, median", "missing", "tree: 3 categories, one-hot: ash, elm, oak, red", "when: date"):
        assert part in shown
    assert "key: tells the rows apart; not learnt from" in shown
    assert task in shown

    wanted = [row[:5] for row in ROWS[:50]]
    wanted[3][2] = "baobab"  # which training never saw
    write(
        "new.csv",
        [[row[4], row[2], "much", *row[:2], row[3]] for row in wanted],
        ["old", "tree", "x", *HEADER[:2], "when"],
    )
    proba = ["--proba"] * (task == "classification")
    run_numbanet("predict", "run", "new.csv", "--output", "out.csv", *proba)
    header, predicted = table_of(Path("out.csv").read_text())
    assert [row["key"] for row in predicted] == [row[0] for row in ROWS[:50]]
    if task == "classification":
        assert header == ["key", "label", "probability_no", "probability_yes"]
        for row in predicted:
            shares = float(row["probability_no"]), float(row["probability_yes"])
            assert sum(shares) == pytest.approx(1, abs=2e-6)
            assert row["label"] == ["no", "yes"][int(np.argmax(shares))]
        right = np.mean([row["label"] == theirs[6] for row, theirs in zip(predicted, ROWS, strict=False)])
        assert right > 0.8
    else:
        assert header == ["key", "price"]
        errors = [abs(float(row["price"]) - float(theirs[5])) for row, theirs in zip(predicted, ROWS, strict=False)]
        assert np.median(errors) < 8000

    write("lacking.csv", [[*row[:5], "" if i < 7 else row[5], "" if i < 7 else row[6]] for i, row in enumerate(ROWS)])
    out, err = run_numbanet("evaluate", "run", "lacking.csv")
    assert f"{COUNT - 7} examples" in out
    assert ("accuracy" if task == "classification" else "RMSE") in out
    model = nn.load("run")  # and from Python
    table = nn.data.read_table("lacking.csv", like=model.preprocessor)
    assert len(model.predict(table)) == COUNT


WRITTEN = {
    "homes.csv": {},
    "homes.tsv": {"delimiter": "\t"},
    "homes.txt": {"delimiter": ";", "lineterminator": "\r\n", "quoting": csv.QUOTE_ALL},
    "homes.csv.gz": {},
}


@pytest.mark.parametrize("name", [*WRITTEN, "homes.parquet", "homes.arrow", "homes.feather"])
def test_the_same_table_in_any_file_is_the_same_network(name, capsys):
    columns = ["--target", "sold", "--drop", "price", "--id", "key"]
    told(["train", "--data", "homes.csv", *columns, *QUICK, "--output", "text"], capsys)
    if name in WRITTEN:
        write(name, **WRITTEN[name])
    else:
        pytest.importorskip("pyarrow", reason="needs pyarrow")
        from pyarrow import csv as arrow_csv
        from pyarrow import feather, ipc, parquet

        frame = arrow_csv.read_csv(
            "homes.csv", convert_options=arrow_csv.ConvertOptions(null_values=["", "NA", "?"], strings_can_be_null=True)
        )
        if name.endswith(".parquet"):
            parquet.write_table(frame, name)
        elif name.endswith(".feather"):
            feather.write_feather(frame, name)
        else:
            with ipc.new_file(name, frame.schema) as file:
                file.write_table(frame)
    told(["train", "--data", name, *columns, *QUICK, "--output", "run"], capsys)
    with np.load("text/model.npz") as text, np.load("run/model.npz") as found:
        for array in text.files:
            if "param/" in array:
                np.testing.assert_array_equal(found[array], text[array], err_msg=array)
    predicted = told(["predict", "text", "homes.csv"], capsys)[0]
    assert told(["predict", "text", name], capsys)[0] == predicted == told(["predict", "run", name], capsys)[0]
    assert told(["evaluate", "text", name], capsys)[0] == told(["evaluate", "run", "homes.csv"], capsys)[0]


def test_columns_of_an_npz_file_are_a_table(capsys):
    columns = {
        name: np.array([row[place] for row in ROWS]) for place, name in enumerate(HEADER) if name in ("tree", "sold")
    }
    columns["size"] = np.array([np.nan if row[1] in ("", "NA", "?") else float(row[1]) for row in ROWS])
    np.savez("homes.npz", **columns)
    told(["train", "--data", "homes.npz", "--model", "tabular", "--target", "sold", *QUICK, "--output", "run"], capsys)
    assert record("run")["result"]["test_accuracy"] > 0.7
    assert f"of {COUNT} examples" in told(["evaluate", "run", "homes.npz"], capsys)[0]
    assert len(told(["predict", "run", "homes.npz"], capsys)[0].splitlines()) == COUNT + 1


def test_what_is_learnt_is_learnt_of_the_training_rows_alone(capsys):
    """Rows held out hold numbers far away and categories of their own: nothing of them shows in the preprocessing."""
    command = ["--target", "sold", "--drop", "price", "--id", "key", *QUICK, "--epochs", "2", "--output"]
    told(["train", "--data", "homes.csv", *command, "run"], capsys)
    whole = nn.data.load_table("homes.csv", "sold", drop=["price"], id="key")
    rest, test = nn.data.split(whole, 0.2, 0)
    train, validation = nn.data.split(rest, 0.1, 0)
    held_out = {*test.ids, *validation.ids}
    strange = [[row[0], "1e9", "palm", "1901-01-01", *row[4:]] if row[0] in held_out else row for row in ROWS]
    write("strange.csv", strange)
    told(["train", "--data", "strange.csv", *command, "strange"], capsys)
    with np.load("run/model.npz") as ours, np.load("strange/model.npz") as theirs:
        names = [name for name in ours.files if name.startswith("preprocessor/") and "learnt" not in name]
        assert len(names) >= 4
        for name in names:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert nn.load("run").preprocessor.rows == len(train)
    assert "palm" not in told(["info", "strange/model.npz"], capsys)[0]


def test_several_targets_and_several_networks(capsys):
    rows = [[*row[:6], f"{float(row[5]) / 10 + i % 7:.2f}"] for i, row in enumerate(ROWS)]
    write("two.csv", rows, [*HEADER[:6], "tax"])
    options = ["--target", "price,tax", "--drop", "key", "--n-packed", "2", *QUICK, "--output", "run"]
    told(["train", "--data", "two.csv", *options], capsys)
    model = nn.load("run")
    assert len(model.networks) == 2
    header, predicted = table_of(told(["predict", "run", "two.csv"], capsys)[0])
    assert header == ["price", "tax"]
    table = nn.data.read_table("two.csv", like=model.preprocessor)
    each = [network.predict(model.preprocessor.transform(table)) for network in model.networks]
    assert not np.array_equal(*each)
    found = np.array([[float(row["price"]), float(row["tax"])] for row in predicted])
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-6)
    assert "2 networks, whose predictions are averaged" in told(["info", "run"], capsys)[0]
    result = record("run")["result"]
    assert 0.7 < result["test_r2"] <= 1
    assert result["validation_r2"] > 0.7


def test_the_column_that_tells_rows_apart(capsys):
    columns = ["--target", "sold", "--drop", "price", *QUICK, "--epochs", "2", "--output"]
    _, err = told(["train", "--data", "homes.csv", *[c for c in columns if c != "--quiet"], "learnt"], capsys)
    assert "column key: another value in every row, as identifiers have, and kept" in err
    told(["train", "--data", "homes.csv", "--id", "key", *columns, "run"], capsys)
    assert "key" in nn.load("learnt").feature_names
    assert "key" not in nn.load("run").feature_names
    for run in ("learnt", "run"):
        header, rows = table_of(told(["predict", run, "homes.csv", "--id", "key"], capsys)[0])
        assert header[0] == "key"
        assert [row["key"] for row in rows] == [row[0] for row in ROWS]
    write("bare.csv", [row[1:5] for row in ROWS], HEADER[1:5])  # rows to predict may do without
    assert table_of(told(["predict", "run", "bare.csv"], capsys)[0])[0] == ["label", "probability"]
    assert "lacks the column 'key'" in refused(["predict", "run", "bare.csv", "--id", "key"], capsys)


@pytest.mark.skipif(os.name == "nt", reason="sends itself a real Ctrl-C")
@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize(("target", "preset"), [("sold", "td-s"), ("price", "ensemble")])
def test_a_run_on_a_table_goes_on_to_the_same_files(target, preset, threads, monkeypatch):
    if int(threads) > (os.cpu_count() or 1):
        pytest.skip("fewer cores than that")
    monkeypatch.delenv("NUMBANET_NUM_THREADS", raising=False)
    monkeypatch.setattr(_resume, "EVERY", 0.0)
    other = {"sold": "price", "price": "sold"}[target]
    options = ["--target", target, "--drop", other, "--id", "key", "--preset", preset, "--hidden", "8", "--epochs", "6"]
    options += ["--batch-size", "20", "--threads", threads]
    command = ["train", "--data", "homes.csv", *options, "--quiet", "--output"]
    assert main([*command, "whole"]) == 0
    on_progress, pressed = _watch.Watch.on_progress, []

    def press(self, solver, logs):
        if solver.step >= 20 and not pressed:
            pressed.append(solver.step)
            os.kill(os.getpid(), signal.SIGINT)
        return on_progress(self, solver, logs)

    with monkeypatch.context() as patched:
        patched.setattr(_watch.Watch, "on_progress", press)
        assert main([*command, "run"]) == 130
    assert "state.npz" in os.listdir("run")
    if threads == "1":  # the others had not begun
        assert len(nn.load("run").networks) == 1
    assert main(["evaluate", "run", "homes.csv"]) == 0
    assert main(["train", "--resume", "run", "--quiet"]) == 0
    assert Path("run", "model.npz").read_bytes() == Path("whole", "model.npz").read_bytes()
    assert sorted(os.listdir("run")) == ["history.csv", "model.npz", "run.json"]
    assert (
        record("run")["result"]["networks"] == len(nn.load("run").networks) == numbanet.tabular.recipe(preset).n_packed
    )


def test_presets_are_those_of_recipes():
    assert tuple(numbanet.tabular.PRESETS) == _train_options.PRESETS
    assert _train_options.PRESETS[0] == _models.MODELS["tabular"].own["preset"]


# Bad input.


def changed(name, place, value, count=None):
    """The table with another value in the first `count` rows of a column, or in all."""
    rows = [[*row] for row in ROWS]
    for row in rows[:count]:
        row[place] = value
    write(name, rows)


def test_odd_columns_are_said_and_kept(capsys):
    rows = [[*row, "", "same", "7", f"{i}"] for i, row in enumerate(ROWS)]
    write("odd.csv", rows, [*HEADER, "empty", "constant", "seven", "count"])
    command = [
        "train",
        "--data",
        "odd.csv",
        "--target",
        "sold",
        *[o for o in QUICK if o != "--quiet"],
        "--output",
        "run",
    ]
    _, err = told(command, capsys)
    assert "column empty: missing in every row" in err
    assert "columns seven, constant: the same in every row" in err
    assert "columns count, key: another value in every row, as identifiers have, and kept" in err
    assert f"of {COUNT} examples" in told(["evaluate", "run", "odd.csv"], capsys)[0]


def test_categories_that_training_never_saw_are_said(capsys):
    told(["train", "--data", "homes.csv", "--target", "sold", "--drop", "key", *QUICK, "--output", "run"], capsys)
    changed("palms.csv", 2, "palm", 3)
    out, err = told(["predict", "run", "palms.csv"], capsys)
    assert len(out.splitlines()) == COUNT + 1
    assert "note: palms.csv: column tree: 3 rows with a category that training had too rarely, or not at all" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "solt"], "homes.csv: no column is named 'solt'; there are 'key', 'size'"),
        (["--target", "sold", "--drop", "prize"], "'prize'"),
        (["--target", "sold", "--categorical", "three"], "'three'"),
        (["--target", "sold", "--dates", "tree"], "tree"),
        (["--target", "sold", "--id", "kye"], "'kye'"),
        (["--target", "sold", "--id", "sold"], "id: 'sold' is the target; expected another column"),
        (["--target", "when"], "found dates"),
        (["--target", "sold", "--task", "regression"], "expected numbers as targets, found text such as"),
        (["--target", "price", "--task", "classification"], "price"),
        (["--target", "price,sold"], "expected numbers as targets"),
        (
            ["--target", "sold", "--drop", "key,size,tree,when,old,price"],
            "at least one column of features besides sold",
        ),
        (
            ["--target", "sold", "--preset", "td-xl"],
            "--preset: expected one of ensemble, fast, td, td-s, mlp, got",
        ),
        (["--target", "sold", "--recipe", "klip=3"], "--recipe: klip: no option of a recipe; did you mean 'clip'"),
        (["--target", "sold", "--recipe", "ntk=maybe"], "--recipe: ntk: expected True or False"),
        (["--target", "sold", "--recipe", "epochs=3"], "--recipe: epochs is --epochs"),
        (["--target", "sold", "--recipe", "ntk"], "--recipe: expected NAME=VALUE"),
        (["--target", "sold", "--drop", "key,key"], "--drop: expected names of columns, each once"),
        (["--target", "sold", "--optimizer", "sgd"], "--optimizer is not for --model tabular"),
        (["--target", "sold", "--loss", "svm"], "--loss svm is not for --model tabular, which has softmax"),
        (["--target", "sold", "--momentum", "0.5"], "--momentum is not for --model tabular, which has --learning-rate"),
        (["--target", "sold", "--augment", "flip"], "--augment is not for --model tabular"),
        (["--model", "fully-connected", "--drop", "key"], "--drop is not for --model fully-connected, which has"),
        (["--target", "sold", "--plot-filters", "f.png"], "--plot-filters is for images"),
        (["--data", "digits", "--model", "tabular"], "--model tabular is for tables"),
    ],
)
def test_what_cannot_be_asked_of_a_table(options, message, capsys):
    assert message in refused(["train", "--data", "homes.csv", "--quiet", *options], capsys)
    assert not Path("numbanet-runs").exists() or not os.listdir("numbanet-runs")


BAD = {
    "a target of one class": (lambda: changed("bad.csv", 6, "yes"), "column sold: expected at least two classes"),
    "a target that is missing": (lambda: changed("bad.csv", 6, ""), "the target is missing in every row"),
    "an infinite value": (lambda: changed("bad.csv", 1, "inf", 1), "size"),
    "a column twice": (lambda: write("bad.csv", header=["key", "size", "size", *HEADER[3:]]), "'size'"),
    "a row cut short": (lambda: write("bad.csv", [*ROWS[:9], ROWS[9][:3], *ROWS[10:]]), "line 11"),
    "one row": (lambda: write("bad.csv", ROWS[:1]), "bad.csv"),
    "no rows": (lambda: write("bad.csv", []), "bad.csv"),
    "nothing": (lambda: Path("bad.csv").write_text(""), "bad.csv"),
    "no text": (lambda: Path("bad.csv").write_bytes(bytes(range(128, 256)) * 9), "bad.csv"),
}


@pytest.mark.parametrize("fault", BAD)
def test_tables_that_cannot_be_trained_on(fault, capsys):
    make, message = BAD[fault]
    make()
    assert message in refused(["train", "--data", "bad.csv", "--target", "sold", *QUICK], capsys)
    assert not Path("numbanet-runs").exists() or not os.listdir("numbanet-runs")


def test_values_that_never_vary_are_no_target(capsys):
    changed("bad.csv", 5, "3.5")
    message = refused(["train", "--data", "bad.csv", "--target", "price", "--task", "regression", *QUICK], capsys)
    assert "column price: expected targets that vary, found 3.5 in every row" in message


def test_other_columns_and_kinds_are_named(capsys):
    told(["train", "--data", "homes.csv", "--target", "sold", "--drop", "key", *QUICK, "--output", "run"], capsys)
    write("lacks.csv", [[*row[:2], *row[3:]] for row in ROWS], [*HEADER[:2], *HEADER[3:]])
    changed("words.csv", 1, "large", 3)
    for name, words in (("lacks.csv", "'tree'"), ("words.csv", "size")):
        for command in ("evaluate", "predict"):
            message = refused([command, "run", name], capsys)
            assert name in message
            assert words in message
    changed("classes.csv", 6, "perhaps", 2)
    assert "'perhaps' is not among" in refused(["evaluate", "run", "classes.csv"], capsys)
    assert "--proba is for networks" in refused_of_values(capsys)


def refused_of_values(capsys):
    told(
        ["train", "--data", "homes.csv", "--target", "price", "--drop", "key,sold", *QUICK, "--output", "values"],
        capsys,
    )
    return refused(["predict", "values", "homes.csv", "--proba"], capsys)


def test_a_parquet_file_cut_anywhere_is_refused(capsys):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    import pyarrow

    parquet.write_table(pyarrow.table({"a": list(range(30)), "k": ["x", "y"] * 15}), "whole.parquet")
    content = Path("whole.parquet").read_bytes()
    for length in {0, 1, 4, 8, len(content) // 3, len(content) // 2, len(content) - 9, len(content) - 1}:
        Path("cut.parquet").write_bytes(content[:length])
        assert "cut.parquet" in refused(["train", "--data", "cut.parquet", "--quiet"], capsys)


def test_a_damaged_model_of_a_table_is_refused(capsys):
    told(["train", "--data", "homes.csv", "--target", "sold", "--drop", "key", *QUICK, "--output", "run"], capsys)
    content = Path("run/model.npz").read_bytes()
    Path("cut.npz").write_bytes(content[: len(content) // 2])
    for command in (["info", "cut.npz"], ["predict", "cut.npz", "homes.csv"], ["evaluate", "cut.npz", "homes.csv"]):
        assert "cut.npz" in refused(command, capsys)
