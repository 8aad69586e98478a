"""The command line on networks for images: their options, augmentation, schedules and the images it makes."""

import csv
import inspect
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import numbanet
from numbanet import SmallResNet, SmallVGG, plotting
from numbanet.cli import _arguments, _train, _train_options, main
from numbanet.cli._models import MODELS
from numbanet.data import Augment
from numbanet.loading import load_model

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
QUICK = ["--epochs", "2", "--quiet", "--output", "run"]
SMALL = {
    "fully-connected": "--hidden 8",
    "three-layer-convnet": "--filters 4 --kernel-size 3 --hidden 8",
    "small-vgg": "--widths 4,6",
    "small-resnet": "--widths 4,6 --blocks 1",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with images in grey and in colour, and a table."""
    monkeypatch.chdir(tmp_path)
    np.savez("grey.npz", X=RNG.integers(0, 256, (60, 8, 7)).astype(np.uint8), y=LABELS)
    np.savez("colour.npz", X=RNG.integers(0, 256, (60, 3, 8, 9)).astype(np.uint8), y=LABELS)
    np.savez("table.npz", X=RNG.standard_normal((60, 5)), y=LABELS)
    return tmp_path


def record():
    return json.loads(Path("run", "run.json").read_text())


def refused(arguments, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("source", ["grey.npz", "colour.npz"])
@pytest.mark.parametrize("model", SMALL)
def test_every_model_trains_evaluates_and_predicts(model, source, here, capsys):
    arguments = ["--data", source, "--model", model, *SMALL[model].split(), "--augment", "crop,flip"]
    assert main(["train", *arguments, *QUICK]) == 0
    trained = load_model("run/model.npz")[0]
    shape = {"grey.npz": (1, 8, 7), "colour.npz": (3, 8, 9)}[source]
    assert trained.input_shape == ((np.prod(shape),) if model == "fully-connected" else shape)
    capsys.readouterr()
    assert main(["evaluate", "run", source]) == 0
    assert "of 60 examples" in capsys.readouterr().out
    assert main(["predict", "run", source]) == 0
    labels = [row["label"] for row in csv.DictReader(capsys.readouterr().out.splitlines())]
    assert len(labels) == 60


def test_flat_images_are_predicted_too(here, capsys):
    arguments = ["--data", "grey.npz", "--model", "small-vgg", *SMALL["small-vgg"].split()]
    assert main(["train", *arguments, *QUICK]) == 0
    np.save("flat.npy", np.load("grey.npz")["X"].reshape(60, 56))
    capsys.readouterr()
    printed = []
    for source in ("grey.npz", "flat.npy"):
        assert main(["predict", "run", source]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("--model three-layer-convnet", {"filters": 32, "kernel_size": 7, "hidden": [100], "lr_schedule": "cosine"}),
        (
            "--model small-vgg",
            {"widths": [32, 64, 128], "optimizer": "adam", "learning_rate": 3e-3, "lr_decay": None},
        ),
        ("--model small-vgg --dropout 0.5", {"dropout": 0.5, "normalization": None}),
        ("--model small-resnet", {"optimizer": "nesterov", "learning_rate": 0.1, "hidden": None}),
        ("--model small-resnet --optimizer adam", {"optimizer": "adam", "learning_rate": None}),
        ("--model small-resnet --learning-rate 0.01", {"learning_rate": 0.01}),
        ("--lr-schedule step --epochs 7", {"lr_decay": 0.1, "lr_step": 3, "model": "fully-connected"}),
        ("--augment flip", {"augment": ["flip"], "crop_padding": None}),
        ("--augment none", {"augment": []}),
    ],
)
def test_options_and_defaults_of_each_model(options, kept):
    arguments = _arguments.parse(["train", *options.split()])
    _train_options.settle(arguments)
    assert {name: getattr(arguments, name) for name in kept} == kept


@pytest.mark.parametrize(("model", "network"), [("small-vgg", SmallVGG), ("small-resnet", SmallResNet)])
def test_defaults_are_those_of_the_class(model, network):
    declared = inspect.signature(network).parameters
    for name, value in MODELS[model].own.items():
        assert declared[name].default == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("model", MODELS)
def test_help_names_the_defaults(model, capsys):
    assert main(["train", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for value in (*MODELS[model].own.values(), *MODELS[model].shared.values()):
        value = ",".join(map(str, value)) if isinstance(value, list) else value
        assert value in (None, "", {}) or f"{value} for " in printed
    if model == "tabular":
        assert printed.count("as the preset has it for tabular") == 10  # of what is None
    assert model in printed


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("cosine", [0.4, 0.4 * (1 + 2**-0.5) / 2, 0.2, 0.4 * (1 - 2**-0.5) / 2]),
        ("step --lr-step 2 --lr-decay 0.5", [0.4, 0.4, 0.2, 0.2]),
        ("step", [0.4, 0.4, 0.04, 0.04]),
        ("exponential --lr-decay 0.5", [0.4, 0.2, 0.1, 0.05]),
    ],
)
def test_schedules(schedule, rates, here):
    arguments = ["--data", "grey.npz", "--hidden", "4", "--optimizer", "sgd", "--learning-rate", "0.4", "--lr-schedule"]
    assert main(["train", *arguments, *schedule.split(), *QUICK, "--epochs", "4"]) == 0
    rows = csv.DictReader(Path("run", "history.csv").read_text().splitlines())
    np.testing.assert_allclose([float(row["learning_rate"]) for row in rows], rates)


def test_augmentation_follows_from_the_seed(here, monkeypatch):
    made, solver = [], _train.Solver
    monkeypatch.setattr(_train, "Solver", lambda *a, **o: made.append(o["augment"]) or solver(*a, **o))
    weights = []
    for output, options in (("a", "crop,flip"), ("b", "crop,flip"), ("c", "none"), ("d", "flip"), ("e", "crop")):
        arguments = ["--data", "grey.npz", "--hidden", "4", "--epochs", "1", "--quiet", "--seed", "5", "--augment"]
        assert main(["train", *arguments, options, "--output", output]) == 0
        weights.append(load_model(f"{output}/model.npz")[0].params.flat)
    assert made == [Augment(1, True, 5), Augment(1, True, 5), None, Augment(0, True, 5), Augment(1, False, 5)]
    assert np.array_equal(weights[0], weights[1])
    assert all(not np.array_equal(weights[0], other) for other in weights[2:])
    assert main(["train", *arguments, "crop", "--crop-padding", "3", "--output", "f"]) == 0
    assert made[-1] == Augment(3, False, 5)


# Images.


def read_png(path):
    """The pixels of a PNG file as `write_png` makes them, every checksum looked at."""
    content, place, chunks = Path(path).read_bytes(), 8, {}
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    while place < len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        data = content[place + 8 : place + 8 + length]
        assert struct.unpack(">I", content[place + 8 + length : place + 12 + length]) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">2I5B", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {0: 1, 2: 3}[colour]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_png_files_hold_what_was_written(shape, here):
    image = RNG.integers(0, 256, shape).astype(np.uint8)
    plotting.write_png("a.png", image)
    np.testing.assert_array_equal(read_png("a.png"), image.reshape(5, 7, -1))
    assert [path.name for path in here.glob("a.png*")] == ["a.png"]


def test_other_libraries_read_them(here):
    matplotlib = pytest.importorskip("matplotlib.image")
    image = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    plotting.write_png("a.png", image)
    np.testing.assert_array_equal(np.round(255 * matplotlib.imread("a.png")), image)


@pytest.mark.parametrize("model", SMALL)
def test_filters_and_features_are_written_when_asked_for(model, here, capsys):
    arguments = ["--data", "colour.npz", "--model", model, *SMALL[model].split(), "--plot-filters", "filters.png"]
    convolutional = model != "fully-connected"
    if convolutional:
        arguments += ["--plot-features", "features.png"]
    assert main(["train", *arguments, *QUICK]) == 0
    assert "filters.png" in capsys.readouterr().out
    assert Path("features.png").exists() == convolutional
    trained = load_model("run/model.npz")[0]
    np.testing.assert_array_equal(read_png("filters.png"), plotting.filters(trained, (3, 8, 9)))
    again = ["--plot-filters", "again.png", *(["--plot-features", "features.png"] if convolutional else [])]
    assert main(["evaluate", "run", "colour.npz", *again]) == 0
    assert Path("again.png").read_bytes() == Path("filters.png").read_bytes()


def test_features_are_those_of_the_first_test_image(here, capsys):
    X = RNG.integers(0, 256, (70, 3, 8, 9)).astype(np.uint8)
    np.savez("two.npz", X_train=X[:60], y_train=LABELS, X_test=X[60:], y_test=LABELS[:10])
    arguments = ["--data", "two.npz", "--model", "three-layer-convnet", *SMALL["three-layer-convnet"].split()]
    assert main(["train", *arguments, "--plot-features", "train.png", *QUICK]) == 0
    assert main(["evaluate", "run", "two.npz", "--plot-features", "evaluate.png"]) == 0
    trained = load_model("run/model.npz")[0]
    expected, *others = (plotting.features(trained, X[place]) for place in (60, 0, 61, 69))
    assert not any(np.array_equal(expected, other) for other in others)
    for name in ("train.png", "evaluate.png"):
        np.testing.assert_array_equal(read_png(name), expected)


def test_filters_are_scaled_by_themselves():
    model = numbanet.Sequential([numbanet.Conv(2, 2), numbanet.Flatten()], (1, 3, 3), seed=0)
    model.params["W1"] = [[[[0, 1], [2, 4]]], [[[5, 5], [5, 3]]]]
    image = plotting.filters(model)
    times = len(image) // 2
    small = image[::times, ::times]
    np.testing.assert_array_equal(small[:, :2, 0], [[0, 64], [128, 255]])
    np.testing.assert_array_equal(small[:, 3:, 2], [[255, 255], [255, 0]])
    np.testing.assert_array_equal(small[:, 2], [plotting.BETWEEN] * 2)


def test_filters_on_other_numbers_of_channels_have_a_row_each():
    model = numbanet.Sequential([numbanet.Conv(3, 2), numbanet.Flatten()], (4, 3, 3), seed=0)
    height, width, _ = plotting.filters(model).shape
    assert width * (3 * 3 - 1) == height * (4 * 3 - 1)


def test_features_are_what_the_layers_give():
    layers = [numbanet.Conv(2, 1, bias=False), numbanet.ReLU(), numbanet.MaxPool(2), numbanet.Affine(3)]
    model = numbanet.Sequential(layers, (1, 4, 4), seed=0)
    model.params["W1"] = [[[[2]]], [[[-1]]]]
    image = np.arange(-4.0, 12).reshape(1, 4, 4)
    drawn = plotting.features(model, image)
    small = drawn[:: len(drawn) // 10, :: len(drawn) // 10, 0]
    assert small.shape == (10, 9)  # the image, a gap of two and the maps; two maps with one pixel between
    np.testing.assert_array_equal(small[:4, :4], np.round(np.arange(16.0).reshape(4, 4) * 255 / 15))
    np.testing.assert_array_equal(small[6:, :4], np.round(np.maximum(image[0], 0) * 255 / 11))
    np.testing.assert_array_equal(small[6:, 5:], np.round(np.maximum(-image[0], 0) * 255 / 22))


def test_features_of_a_image_that_is_standardised():
    model = numbanet.Sequential([numbanet.Conv(2, 3), numbanet.ReLU(), numbanet.Affine(3)], (1, 4, 4), seed=0)
    image = np.arange(16.0).reshape(1, 4, 4)
    scale = numbanet.data.Standardizer(np.full((1, 4, 4), 5.0), np.array(4.0))
    maps = plotting.features(model, scale.apply(image[None])[0])
    model.standardizer = scale
    np.testing.assert_array_equal(plotting.features(model, image)[6:], maps[6:])


# Refusals, each before anything runs.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--model small-vgg --hidden 8",
            "--hidden is not for --model small-vgg, which has --widths, --dropout",
        ),
        ("--widths 8", "--widths is not for --model fully-connected, which has --hidden, --normalization, "),
        (
            "--model small-resnet --dropout 0.5",
            "--dropout is not for --model small-resnet, which",
        ),
        (
            "--model three-layer-convnet --hidden 8,8",
            "--hidden: expected one width for --model three-layer-convnet, got 2",
        ),
        (
            "--model three-layer-convnet --hidden none",
            "--hidden: expected one width for --model three-layer-convnet, got 0",
        ),
        ("--model resnet", "got 'resnet'; did you mean small-resnet?"),
        (
            "--model small-vgg --lr-decay 0.9",
            "--lr-decay is not for --lr-schedule cosine; add",
        ),
        ("--lr-step 3", "--lr-step is not for --lr-schedule cosine; add --lr-schedule step"),
        ("--augment turn", "--augment: expected crop or flip, got 'turn'"),
        ("--augment flip --crop-padding 2", "--crop-padding is for --augment crop"),
        ("--augment crop --crop-padding 7", "--crop-padding: expected less than the 7 pixels of a side, got 7"),
        ("--data table.npz --augment flip", "--augment is for images, of shape (H, W) or (C, H, W); table.npz holds"),
        (
            "--data table.npz --model small-vgg",
            "--model small-vgg is for images, of shape (H, W) or (C, H, W); table.npz",
        ),
        (
            "--data table.npz --plot-filters a.png",
            "--plot-filters is for images, of shape (H, W) or (C, H, W); table.npz",
        ),
        ("--plot-features a.png", "--plot-features is for convolutional networks; this one is fully connected"),
        ("--plot-filters a.jpg", "--plot-filters: expected the name of a file that ends in .png, got 'a.jpg'"),
        ("--plot-filters no/a.png", "--plot-filters: cannot write no/a.png: No such file or directory"),
        ("--model small-vgg --widths 4,4,4,4", "--model small-vgg: grey.npz: layer "),
    ],
)
def test_what_makes_no_sense(arguments, message, here, capsys):
    before = sorted(path.name for path in here.iterdir())
    data = [] if "--data" in arguments else ["--data", "grey.npz"]
    assert message in refused(["train", *data, *arguments.split(), "--quiet", "--output", "run"], capsys)
    assert sorted(path.name for path in here.iterdir()) == before


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plotting.filters(numbanet.FullyConnectedNet([4], 6, 3)),
            "model: expected a network whose first layer is",
        ),
        (
            lambda: plotting.features(numbanet.FullyConnectedNet([4], 6, 3), np.ones(6)),
            "image: expected a network for",
        ),
        (lambda: plotting.features(numbanet.SmallVGG((1, 8, 8)), np.ones((8, 8))), r"takes, \(1, 8, 8\); got \(8, 8\)"),
        (
            lambda: plotting.features(
                numbanet.Sequential([numbanet.Conv(2, 3), numbanet.Flatten()], (1, 4, 4)), np.ones((1, 4, 4))
            ),
            "model: expected activations that are images; Sequential has none",
        ),
    ],
)
def test_what_cannot_be_drawn(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
