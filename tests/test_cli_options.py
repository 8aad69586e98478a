"""Every option of every command, set off its default, does what it says: one table, and a test that it names them all.

What is looked at is the Solver and the network that were made, or what was written, against values that stand here.
"""

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from numbanet import (
    Affine,
    BatchNorm,
    Conv,
    Dropout,
    LayerNorm,
    Residual,
    data,
    get_num_threads,
)
from numbanet.cli import _train, main
from numbanet.cli._arguments import _parser, parse
from numbanet.layers import ACTIVATIONS
from numbanet.loading import load_model
from numbanet.runtime import threads as _threads

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
BASE = ["--data", "grey.npz", "--hidden", "4", "--epochs", "1", "--quiet", "--output", "run"]  # what follows overrides


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of 24 x 17 and 8 x 9, a table whose columns would all do for labels, and a small network on each."""
    folder = tmp_path_factory.mktemp("options")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.savez("grey.npz", X=RNG.integers(0, 256, (60, 24, 17)).astype(np.uint8), y=LABELS)
        np.savez("colour.npz", X=RNG.integers(0, 256, (60, 3, 8, 9)).astype(np.uint8), y=LABELS)
        np.savez("small.npz", X=RNG.integers(0, 256, (60, 3, 8, 3)).astype(np.uint8), y=LABELS)
        Path("bare.csv").write_text("0,1,2,3\n" + "".join(f"{i % 7},{i % 5},{i % 4},{LABELS[i]}\n" for i in range(60)))
        Path("ages.csv").write_text("a,age\n" + "".join(f"{i % 7},{20 + 3 * (i % 20)}\n" for i in range(120)))
        lines = [f"{i / 7:.3f},{1 + i % 28:02d}.03.2021,{i},{1 + i % 4},{['ash', 'elm'][i % 2]}" for i in range(60)]
        Path("mixed.csv").write_text("\n".join(["a,when,key,b,kind", *lines]) + "\n")
        Path("commas.csv").write_text("a;c\n" + "".join(f"1,{i:03d};{i % 2}\n" for i in range(60)))
        rows = [[f"{x:.3f}", LABELS[i], 3 + (i % 5), 9 - i % 2] for i, x in enumerate(RNG.standard_normal(60))]
        with open("table.csv", "w", newline="") as file:
            csv.writer(file).writerows([["a", "b", "c", "d"], *rows])
        assert main(["train", "--data", "table.csv", "--target", "b", *PLAIN.split(), *BASE[2:-1], "table"]) == 0
        assert main(["train", "--data", "mixed.csv", *BASE[2:-1], "mixed"]) == 0
        assert main(["train", "--data", "commas.csv", "--target", "c", "--decimal", ",", *BASE[2:-1], "commas"]) == 0
        assert main(["train", "--data", "small.npz", "--channels", "first", *BASE[2:-1], "small"]) == 0
        convolutional = ["--model", "three-layer-convnet", "--filters", "3", "--kernel-size", "3", "--hidden", "4"]
        assert main(["train", "--data", "colour.npz", *convolutional, *BASE[4:-1], "colour"]) == 0
    return folder


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    """A working folder that holds all that."""
    monkeypatch.chdir(tmp_path)
    for path in folder.iterdir():
        Path(path.name).symlink_to(path)
    monkeypatch.delenv(_threads.VARIABLE, raising=False)
    monkeypatch.setattr(_threads, "_chosen", None)
    return tmp_path


def of_type(run, kind):
    return [layer for layer in run.model.layers if isinstance(layer, kind)]


def rule(run):
    optimizer = run.solver._update.optimizer
    options = {**optimizer.options, "learning_rate": rates(run)[0]}  # it is another by the end of the epoch
    return optimizer.name, *options.values()


def spread(run):
    """Standard deviation of the first weights, times the root of the 408 features they stand for; at no learning."""
    return float(np.std(run.model.params["W1"]) * np.sqrt(408))


def rates(run):
    return [float(row["learning_rate"]) for row in run.history]


def of_recipe(run, *names):
    return [run.record["recipe"][name] for name in names]


def near(value):
    return pytest.approx(value, rel=0.05)


PLAIN = "--model fully-connected"
VGG = "--model small-vgg --widths 4,6"
RESNET = "--model small-resnet --widths 4,6 --blocks 1"
CONVNET = "--model three-layer-convnet --kernel-size 3"
MIXED = "--data mixed.csv"
SGD = "--optimizer sgd --learning-rate 0.4 --epochs 4"

# Options of train, what to look at, and what it is then. Adam's scalars are rate, betas, eps, its place, decay.
TRAIN = [
    ("--data colour.npz", lambda run: run.model.input_shape, (216,)),
    (f"{PLAIN} --data table.csv --target c", lambda run: run.record["data"]["class_names"], ["3", "4", "5", "6", "7"]),
    (f"{PLAIN} --data table.csv --target 1", lambda run: run.record["data"]["feature_names"], ["a", "c", "d"]),
    (f"{PLAIN} --data bare.csv --header", lambda run: run.record["data"]["feature_names"], ["0", "1", "2"]),
    (f"{PLAIN} --data bare.csv --no-header", lambda run: run.record["data"]["feature_names"], None),
    ("--data small.npz --channels last", lambda run: run.record["data"]["input_shape"], [3, 3, 8]),
    ("--data small.npz --channels first", lambda run: run.record["data"]["input_shape"], [3, 8, 3]),
    (f"{PLAIN} --data ages.csv --task classification", lambda run: len(run.record["data"]["class_names"]), 20),
    ("--data ages.csv --task regression", lambda run: run.record["data"]["task"], "regression"),
    (f"{MIXED} --target kind", lambda run: run.model.feature_names, ("a", "when", "key", "b")),
    (f"{MIXED} --target a", lambda run: run.record["data"]["task"], "regression"),
    (f"{MIXED} --target kind --drop b,when", lambda run: run.model.feature_names, ("a", "key")),
    (f"{MIXED} --target kind --drop when --categorical b", lambda run: run.model.preprocessor.categorical, ("b",)),
    (f"{MIXED} --target kind --id key", lambda run: run.model.feature_names, ("a", "when", "b")),
    (f"{MIXED} --target kind --dates when", lambda run: [*run.model.preprocessor.dates], ["when"]),
    ("--data commas.csv --target c --decimal ,", lambda run: run.model.preprocessor.columns[0].kind, "number"),
    (f"{MIXED} --preset fast", lambda run: run.record["recipe"]["schedule"], "one_cycle"),
    (f"{MIXED} --preset mlp --hidden 5,6", lambda run: run.record["recipe"]["hidden_sizes"], [5, 6]),
    (f"{MIXED} --target kind --label-smoothing 0.3", lambda run: run.model.loss_function.label_smoothing, 0.3),
    (f"{MIXED} --n-members 3", lambda run: run.model.networks[0].layers[-1].members, 3),
    (f"{MIXED} --n-packed 2", lambda run: len(run.model.networks), 2),
    (f"{MIXED} --recipe clip=2.5,front_scale=false", lambda run: of_recipe(run, "clip", "front_scale"), [2.5, False]),
    (f"{MIXED} --lr-schedule one-cycle", lambda run: of_recipe(run, "schedule"), ["one_cycle"]),
    (f"{MIXED} --learning-rate 0.02 --beta2 0.9", lambda run: of_recipe(run, "learning_rate", "beta2"), [0.02, 0.9]),
    (f"{MIXED} --weight-decay 0.1 --patience 3", lambda run: of_recipe(run, "weight_decay", "patience"), [0.1, 3]),
    ("--test-fraction 0.5", lambda run: [run.record["data"][part] for part in ("train", "test")], [27, 30]),
    ("--validation-fraction 0.5", lambda run: [len(run.solver.X_train), len(run.solver.X_val)], [24, 24]),
    ("--augment flip", lambda run: run.solver.augment, data.Augment(0, True, 0)),
    ("--augment crop", lambda run: run.solver.augment, data.Augment(2, False, 0)),  # an eighth of 17
    ("--augment flip,crop --seed 6", lambda run: run.solver.augment, data.Augment(2, True, 6)),
    ("--augment crop --crop-padding 5", lambda run: run.solver.augment, data.Augment(5, False, 0)),
    (VGG, lambda run: [layer.filters for layer in of_type(run, Conv)], [4, 6]),
    (RESNET, lambda run: len(of_type(run, Residual)), 2),
    (f"{RESNET} --blocks 3", lambda run: len(of_type(run, Residual)), 6),
    (f"{RESNET} --widths 5,7", lambda run: of_type(run, Conv)[0].filters, 5),
    (f"{CONVNET} --filters 5", lambda run: run.model.params["W1"].shape, (5, 1, 3, 3)),
    (f"{CONVNET} --kernel-size 5", lambda run: run.model.params["W1"].shape[2:], (5, 5)),
    (f"{CONVNET} --hidden 9", lambda run: of_type(run, Affine)[0].units, 9),
    ("--hidden 7,5", lambda run: [layer.units for layer in of_type(run, Affine)], [7, 5, 3]),
    ("--hidden none", lambda run: [layer.units for layer in run.model.layers], [3]),
    ("--normalization layernorm", lambda run: [len(of_type(run, kind)) for kind in (LayerNorm, BatchNorm)], [1, 0]),
    ("--normalization none", lambda run: [len(of_type(run, kind)) for kind in (LayerNorm, BatchNorm)], [0, 0]),
    ("--dropout 0.6", lambda run: [layer.rate for layer in of_type(run, Dropout)], [0.6]),
    ("--dropout 0", lambda run: of_type(run, Dropout), []),
    (f"{VGG} --dropout 0.6", lambda run: {layer.rate for layer in of_type(run, Dropout)}, {0.6}),
    *(
        (f"--activation {name}", lambda run, kind=kind: len(of_type(run, kind)), 1)
        for name, kind in ACTIVATIONS.items()
    ),
    # Variances by their definitions: He 2 / 408, Glorot 2 / (408 + 100); an orthogonal matrix's is 1 / 408.
    ("--weight-init 0.5 --hidden 100 --learning-rate 0", spread, near(0.5 * np.sqrt(408))),
    ("--weight-init zeros --hidden 100 --learning-rate 0", spread, 0),
    ("--weight-init xavier_normal --hidden 100 --learning-rate 0", spread, near(np.sqrt(2 * 408 / 508))),
    ("--weight-init glorot_uniform --hidden 100 --learning-rate 0", spread, near(np.sqrt(2 * 408 / 508))),
    ("--weight-init orthogonal --hidden 100 --learning-rate 0", spread, near(1)),
    ("--hidden 100 --learning-rate 0", spread, near(np.sqrt(2))),
    ("--loss svm", lambda run: run.model.loss_name, "svm"),
    ("--l2 0.25", lambda run: run.model.l2, 0.25),
    ("--dtype float64", lambda run: run.model.params["W1"].dtype, np.float64),
    ("--optimizer sgd", rule, ("sgd", 0.01)),
    ("--optimizer sgd_momentum", rule, ("sgd_momentum", 0.01, 0.9)),
    ("--optimizer nesterov --momentum 0.7 --learning-rate 0.02", rule, ("nesterov", 0.02, 0.7)),
    ("--optimizer rmsprop --decay-rate 0.8", rule, ("rmsprop", 0.01, 0.8, 1e-8, False)),
    ("--beta1 0.8 --beta2 0.9 --eps 1e-3", rule, ("adam", 1e-3, 0.8, 0.9, 1e-3, False, 0.0)),
    ("--eps-inside-root", rule, ("adam", 1e-3, 0.9, 0.999, 1e-8, True, 0.0)),
    ("--optimizer adamw --weight-decay 0.3", rule, ("adamw", 1e-3, 0.9, 0.999, 1e-8, False, 0.3)),
    (f"{SGD} --lr-schedule cosine", lambda run: rates(run)[2], pytest.approx(0.2)),
    (f"{SGD} --lr-schedule exponential --lr-decay 0.5", lambda run: rates(run), [0.4, 0.2, 0.1, 0.05]),
    (f"{SGD} --lr-schedule step --lr-step 3 --lr-decay 0.5", lambda run: rates(run), [0.4, 0.4, 0.4, 0.2]),
    (f"{SGD} --lr-schedule linear", lambda run: rates(run)[0] > rates(run)[1] > rates(run)[3] > 0, True),
    (f"{SGD} --lr-schedule constant --lr-warmup 400", lambda run: rates(run)[0] < rates(run)[3] < 0.4, True),
    ("--batch-size 7", lambda run: [run.solver.batch_size, run.record["result"]["steps"]], [7, 43 // 7]),
    ("--epochs 3", lambda run: len(run.history), 3),
    ("--patience 2", lambda run: run.solver.patience, 2),
    ("--patience 2 --min-delta 0.5", lambda run: run.solver.min_delta, 0.5),
    ("--monitor val_accuracy", lambda run: run.solver.monitor, "val_accuracy"),
    ("--seed 9", lambda run: run.model.seed, 9),
    ("--output elsewhere", lambda run: sorted(path.name for path in Path("elsewhere").iterdir())[1], "model.npz"),
    ("--threads 1", lambda run: run.record["threads"], 1),
    ("--quiet", lambda run: run.err, ""),
    ("--plot-filters f.png", lambda run: Path("f.png").read_bytes()[:4], b"\x89PNG"),
    (f"{CONVNET} --hidden 4 --plot-features f.png", lambda run: Path("f.png").read_bytes()[:4], b"\x89PNG"),
]


@pytest.mark.parametrize(("options", "look", "expected"), TRAIN, ids=[row[0] for row in TRAIN])
def test_options_of_train(options, look, expected, here, monkeypatch, capsys):
    made, solver = [], _train.Solver
    monkeypatch.setattr(_train, "Solver", lambda *a, **o: made.append(solver(*a, **o)) or made[0])
    base = [*BASE[:2], *BASE[4:]] if "--model small" in options else BASE  # which have no --hidden
    assert main(["train", *base, *options.split()]) == 0
    folder = Path("elsewhere" if "elsewhere" in options else "run")
    run = SimpleNamespace(
        solver=made[0] if made else None,
        model=load_model(folder / "model.npz")[0],
        record=json.loads((folder / "run.json").read_text()),
        history=list(csv.DictReader((folder / "history.csv").read_text().splitlines())),
        err=capsys.readouterr().err,
    )
    assert look(run) == expected


def test_the_seed_is_also_that_of_the_split_and_the_weights(here):
    found = []
    for seed in ("4", "5"):
        command = [*BASE[:-1], seed, "--seed", seed, "--learning-rate", "0"]
        assert main(["train", *command]) == 0
        found.append(load_model(f"{seed}/model.npz")[0])
    a, b = found
    assert not np.array_equal(a.standardizer.mean, b.standardizer.mean)
    assert not np.array_equal(a.params["W1"], b.params["W1"])


# Of the other commands: the command line, and what it shows or leaves; "in" is a part of what is printed.
OTHERS = [
    ("evaluate table table.csv --target b", lambda out: "of 60 examples" in out),
    ("evaluate table table.csv --target d", lambda out: "labels 8, 9 are not among the classes" in out),
    (
        "evaluate table bare.csv --target 3 --no-header",
        lambda out: "bare.csv: labels 3 are not among the classes" in out,  # those of the first row
    ),
    ("evaluate table table.csv --header", lambda out: "of 60 examples" in out),
    ("evaluate small small.npz --channels first", lambda out: "images (3, 8, 3) with channels first" in out),
    (
        "predict table bare.csv --target 3 --no-header",
        lambda out: "columns separated by commas, without a header" in out,
    ),
    ("predict table table.csv --header", lambda out: len(out.splitlines()) == 61),
    ("predict small small.npz --channels last", lambda out: "holds examples of shape (3, 3, 8)" in out),
    ("evaluate table table.csv --threads 1", lambda out: _threads.choice() == (1, "numbanet.set_num_threads")),
    ("evaluate colour colour.npz --plot-filters f.png", lambda out: Path("f.png").read_bytes()[:4] == b"\x89PNG"),
    ("evaluate colour colour.npz --plot-features f.png", lambda out: Path("f.png").read_bytes()[:4] == b"\x89PNG"),
    ("predict table table.csv --target b", lambda out: len(out.splitlines()) == 61),
    ("predict table table.csv --output labels.csv", lambda out: len(Path("labels.csv").read_text().splitlines()) == 61),
    ("predict mixed mixed.csv --id key", lambda out: out.startswith("key,label,probability\n0,")),
    ("predict mixed mixed.csv --proba", lambda out: out.startswith("label,probability_ash,probability_elm\n")),
    ("predict commas commas.csv --decimal ,", lambda out: len(out.splitlines()) == 61),
    ("evaluate commas commas.csv --decimal .", lambda out: "of 60 examples" in out),
    ("predict table table.csv --threads 1", lambda out: get_num_threads() == 1),
]


@pytest.mark.parametrize(("command", "holds"), OTHERS, ids=[row[0] for row in OTHERS])
def test_options_of_evaluate_and_predict(command, holds, here, capsys):
    main(command.split())
    out, err = capsys.readouterr()
    assert holds(out + err)


@pytest.mark.parametrize(
    ("options", "dtypes", "processes", "parallel"),
    [
        ("", ("float32",), None, False),
        ("--dtype float64", ("float64",), None, False),
        ("--dtype both", ("float32", "float64"), None, False),
        ("--processes 3", ("float32",), 3, False),
        ("--parallel", ("float32",), None, True),
    ],
)
def test_options_of_warmup(options, dtypes, processes, parallel, monkeypatch, capsys):
    asked = []

    def warmup(dtypes, processes, progress, parallel):
        asked.append((dtypes, processes, parallel))
        return SimpleNamespace(compiled=2, ready=5, seconds=61.0, folder="there")

    monkeypatch.setattr("numbanet._warmup.warmup", warmup)
    assert main(["warmup", *options.split()]) == 0
    assert asked == [(dtypes, processes, parallel)]
    assert capsys.readouterr().out == "2 kernels compiled in 1 min 1 s, 5 were ready; kept in there\n"


class Measured:
    """In the place of `versus.Versus`: notes what it is asked for, and measures nothing."""

    asked = []

    def __init__(self, *arguments):
        self.asked[:] = [arguments]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def operations(self, names):
        self.asked.append(sorted(names))
        return ()

    def networks(self):
        self.asked.append("networks")
        return ()


BENCH = [
    ("--operations relu_forward", lambda asked, out: asked[1:] == [["relu_forward"]]),
    ("--operations sgd_update,networks", lambda asked, out: asked[1:] == [["sgd_update"], "networks"]),
    ("--quick", lambda asked, out: asked[0] == (2, ["torch"], True)),
    ("--no-peers", lambda asked, out: asked[0] == (2, [], False)),
    ("--peers", lambda asked, out: asked[0] == (2, ["torch"], False)),
    ("--threads 1", lambda asked, out: asked[0] == (1, ["torch"], False)),
    ("--markdown", lambda asked, out: out.count("| --- |") == 1),
    ("--write bench.md", lambda asked, out: "about" in Path("bench.md").read_text()),
]


@pytest.mark.parametrize(("options", "holds"), BENCH, ids=[row[0] for row in BENCH])
def test_options_of_bench(options, holds, here, monkeypatch, capsys):
    from numbanet.bench import report
    from numbanet.cli import _bench

    Path("bench.md").write_text(f"before\n{report.START}\n{report.END}\nafter\n")
    monkeypatch.setattr(_threads, "_default", (2, "as if"))
    monkeypatch.setattr(_bench, "_about", lambda threads, peers: ["about"])
    monkeypatch.setattr(_bench.versus, "Versus", Measured)
    monkeypatch.setattr(_bench.versus, "installed", lambda: ["torch"])
    assert main(["bench", *options.split()]) == 0
    assert holds(Measured.asked, capsys.readouterr().out)


SWEEP = {
    "--space rate=1": {"space": ["rate=1"]},
    "--space a=1 --space b=2": {"space": ["a=1", "b=2"]},
    "--trials 3": {"trials": 3},
    "--sampler grid": {"sampler": "grid"},
    "--pruner none": {"pruner": "none"},
    "--seconds 1.5": {"seconds": 1.5},
    "--threads 1": {"threads": 1},
    "--output there": {"output": "there"},
    "--quiet": {"quiet": True},
    "--epochs 3 --hidden 4,4": {"rest": ["--epochs", "3", "--hidden", "4,4"]},
}


@pytest.mark.parametrize("options", SWEEP)
def test_options_of_sweep(options):
    """What they do: tests/test_cli_sweep.py."""
    default, given = parse(["sweep"]), parse(["sweep", *options.split()])
    changed = {name: value for name, value in vars(given).items() if value != getattr(default, name)}
    assert changed == SWEEP[options]


def test_every_option_of_every_command_is_tried():
    marks = [mark.args[1] for mark in test_options_of_warmup.pytestmark if mark.name == "parametrize"]
    tried = {
        "train": " ".join(row[0] for row in TRAIN) + " --resume",  # tests/test_cli_resume.py
        "evaluate": " ".join(row[0] for row in OTHERS if row[0].startswith("evaluate")),
        "predict": " ".join(row[0] for row in OTHERS if row[0].startswith("predict")),
        "warmup": " ".join(row[0] for rows in marks for row in rows),
        "bench": " ".join(row[0] for row in BENCH) + " --profile",  # tests/test_profile.py
        "sweep": " ".join(SWEEP),
        "info": "",
    }
    _, commands = _parser()
    assert set(commands) == set(tried)
    for name, parser in commands.items():
        options = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
        passed_on = {"--epochs", "--hidden"} if name == "sweep" else set()
        assert set(re.findall(r"--[\w-]+", tried[name])) - passed_on == options, name
