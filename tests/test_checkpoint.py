"""Networks and states of training in files: what comes back, and that of a bad file comes a CheckpointError."""

import io
import itertools
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from nets import CourseModel, digits

import numbanet
from numbanet import (
    ELU,
    GELU,
    Affine,
    BatchNorm,
    CheckpointError,
    Dropout,
    Flatten,
    FullyConnectedNet,
    Layer,
    LayerNorm,
    LeakyReLU,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Solver,
    Tanh,
    _archive,
)
from numbanet.loading import load_model

DATA = digits()
X, Y = DATA["X_train"], DATA["y_train"]


def every_layer(**options):
    layers = [
        Affine(9, "orthogonal"),
        BatchNorm(momentum=0.8),
        LeakyReLU(0.2),
        Dropout(0.25),
        Affine(np.int32(8)),
        ELU(0.5),
    ]
    layers += [LayerNorm(eps=np.float32(1e-3)), Tanh(), Sigmoid(), GELU("tanh"), SiLU(), ReLU(), Affine(10)]
    return Sequential(layers, (1, 8, 8), seed=4, l2=0.1, **options)


def trained(**options):
    net = FullyConnectedNet([5], 64, 10, normalization="batchnorm", dropout=0.2, seed=0)
    options = {"optimizer": "adam", "batch_size": 50, "epochs": 2, "verbose": False, **options}
    solver = Solver(net, DATA, **options)
    solver.train()
    return solver


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "net.npz"
    trained().model.save(path, {"note": "é", "classes": ["a", "b"]}, {"mean": np.arange(3.0)})
    return path


@pytest.fixture(scope="module")
def state_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "state.npz"
    trained().save(path)
    return path


def read(path):
    """The members of an npz archive."""
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def write(path, arrays, **changed):
    """An archive as of the first days, whose header lists no arrays: what else looks at them has its turn."""
    np.savez(path, **{**arrays, **changed})
    return path


def header_of(arrays):
    return json.loads(str(arrays["numbanet"]))


def unlisted(path):
    """The members of an archive, and a header that does not list them."""
    arrays = read(path)
    header = header_of(arrays)
    del header["arrays"]
    return {**arrays, "numbanet": np.array(json.dumps(header))}


# What comes back.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_the_same(dtype, tmp_path):
    net = every_layer(dtype=dtype)
    net.loss(X, Y)
    net.save(tmp_path / "net.npz")
    loaded = numbanet.load(tmp_path / "net.npz")
    assert loaded.input_shape == (1, 8, 8)
    assert loaded.dtype == dtype
    assert loaded.l2 == 0.1
    assert loaded.seed == 4
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in net.layers]
    assert loaded.layers[1] == net.layers[1]
    np.testing.assert_array_equal(loaded.params.flat, net.params.flat)
    np.testing.assert_array_equal(loaded.state.flat, net.state.flat)
    np.testing.assert_array_equal(loaded.loss(X), net.loss(X))
    assert loaded.loss(X, Y)[0] == net.loss(X, Y)[0]  # the dropout masks go on as they would have


@pytest.mark.parametrize("loss", ["svm", "squared_error", "binary_cross_entropy"])
def test_the_loss_comes_back(loss, tmp_path):
    Sequential([Affine(2)], (3,), loss=loss).save(tmp_path / "net.npz")
    assert numbanet.load(tmp_path / "net.npz", ops=numbanet.reference).loss_name == loss


def test_what_else_was_saved_comes_back(model_file):
    model, extra, arrays = load_model(model_file)
    assert extra == {"note": "é", "classes": ["a", "b"]}
    assert list(arrays) == ["mean"]
    np.testing.assert_array_equal(arrays["mean"], [0, 1, 2])
    assert model.params["W1"].flags.writeable


def test_the_standardizer_comes_back(tmp_path):
    net = every_layer()
    net.standardizer = numbanet.data.Standardizer.fit((X * 16).astype(np.uint8).reshape(-1, 1, 8, 8))
    net.save(tmp_path / "net.npz")
    again, _, arrays = load_model(tmp_path / "net.npz")
    assert not arrays
    np.testing.assert_array_equal(again.loss(X), net.loss(X))
    kept = {name: array for name, array in unlisted(tmp_path / "net.npz").items() if name != "standardizer/scale"}
    half = write(tmp_path / "half.npz", kept)
    with pytest.raises(CheckpointError, match="damaged header .*missing scale"):
        load_model(half)


def test_files_hold_no_pickle(model_file, state_file):
    for path in (model_file, state_file):
        with np.load(path, allow_pickle=False) as archive:
            assert all(not archive[name].dtype.hasobject for name in archive.files)


def test_a_network_can_be_saved_over_itself(tmp_path):
    net = every_layer()
    for _ in range(2):
        net.save(tmp_path / "net.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]


def test_names_of_classes_and_features_come_back(tmp_path):
    net = Sequential([Affine(2)], (3,), seed=0)
    assert net.class_names is None
    net.class_names, net.feature_names = ("no", "yes"), ("a", "b", "c")
    net.save(tmp_path / "net.npz")
    for _ in range(2):  # also from a network that was loaded
        net = numbanet.load(tmp_path / "net.npz")
        assert net.class_names == ("no", "yes")
        assert net.feature_names == ("a", "b", "c")
        net.save(tmp_path / "net.npz")
    net.save(tmp_path / "net.npz", {"class_names": "ab", "feature_names": [1, 2, 3]})  # what is somebody's own
    net = numbanet.load(tmp_path / "net.npz")
    assert net.class_names is net.feature_names is None


def test_the_folder_of_a_run_is_its_network(tmp_path):
    every_layer().save(tmp_path / "model.npz")
    assert numbanet.load(tmp_path).num_parameters == every_layer().num_parameters
    (tmp_path / "model.npz").unlink()
    with pytest.raises(CheckpointError, match=r"a folder without model.npz; expected a file, or a folder of numbanet"):
        numbanet.load(tmp_path)


def test_a_state_of_training_gives_the_best_network(tmp_path):
    net = FullyConnectedNet([5], 64, 10, normalization="batchnorm", seed=0)
    net.standardizer = numbanet.data.Standardizer.fit(X)
    solver = Solver(net, DATA, optimizer="adam", batch_size=50, epochs=2, verbose=False)
    solver.train()
    best = net.loss(X)
    net.params.flat[...] += 1  # the last is another
    net.state.flat[...] += 1
    solver.save(tmp_path / "state.npz")
    loaded = numbanet.load(tmp_path / "state.npz")
    np.testing.assert_array_equal(loaded.loss(X), best)
    arrays = {name: array for name, array in unlisted(tmp_path / "state.npz").items() if "best/" not in name}
    loaded = numbanet.load(write(tmp_path / "last.npz", arrays))  # as before the first epoch
    np.testing.assert_array_equal(loaded.loss(X), net.loss(X))
    arrays = {name: array for name, array in arrays.items() if "standardizer/" not in name}
    with pytest.raises(CheckpointError, match=r"last.npz: a state of training without its standardizer; use Solver"):
        numbanet.load(write(tmp_path / "last.npz", arrays))


def test_a_state_of_training_keeps_the_best_epoch(state_file):
    solver = trained()
    fresh = trained(epochs=0)
    fresh.restore(state_file)
    assert fresh.best_epoch == solver.best_epoch > 0
    assert fresh.best_val_acc == solver.best_val_acc


def test_augmentation_is_part_of_a_state_of_training(tmp_path):
    def solver(**options):
        net = Sequential([Flatten(), Affine(10)], (1, 8, 8), seed=0)
        augment = numbanet.data.Augment(**{"crop_padding": 1, "flip": True, "seed": 3, **options})
        return Solver(net, DATA, augment=augment, verbose=False)

    solver().save(tmp_path / "state.npz")
    solver().restore(tmp_path / "state.npz")
    for option in ({"crop_padding": 2}, {"flip": False}, {"seed": 4}):
        with pytest.raises(CheckpointError, match="saved with augmentation"):
            solver(**option).restore(tmp_path / "state.npz")


# What cannot be saved.


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match="missing"):
        every_layer().save(tmp_path / "missing" / "net.npz")
    with pytest.raises(OSError, match="net.npz"):
        every_layer().save(tmp_path / "net.npz" / "net.npz")


@pytest.mark.parametrize("where", [(np, "savez"), (os, "replace")])
def test_a_write_that_fails_leaves_the_file_that_was_there(where, model_file, tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    path.write_bytes(model_file.read_bytes())

    def full(file, *_, **arrays):
        if arrays:
            file.write(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(*where, full)
    with pytest.raises(OSError, match="no space left"):
        every_layer().save(path)
    assert path.read_bytes() == model_file.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["net.npz"]


class Foreign(Layer):
    def __init__(self):
        self.table = np.zeros(3)


def test_what_a_file_cannot_describe(tmp_path):
    path = tmp_path / "net.npz"
    net = Sequential([Affine(3), Foreign()], (4,))
    with pytest.raises(TypeError, match="Foreign.* cannot be saved: table is none of its options"):
        net.save(path)
    with pytest.raises(TypeError, match="extra/x: arrays of objects cannot be saved"):
        every_layer().save(path, extra_arrays={"x": np.array([1, None])})
    with pytest.raises(TypeError, match="JSON"):
        every_layer().save(path, {"x": object()})
    assert not path.exists()


@pytest.mark.parametrize("build", [lambda **o: Solver(CourseModel(), DATA, **o), None])
def test_training_that_cannot_be_saved_says_so_before_it_runs(build, tmp_path):
    if build is None:

        def build(**options):
            return Solver(every_layer(), DATA, optimizer=lambda w, dw, config: (w, config), **options)

    came = "not of (CourseModel by the rule 'adamw'|Sequential by the rule <function .*>)$"
    with pytest.raises(TypeError, match=f"^checkpoint_name: only the training of numbanet's own networks .*, {came}"):
        build(checkpoint_name=tmp_path / "run")
    with pytest.raises(TypeError, match="own update rules can be saved"):
        build().save(tmp_path / "state.npz")
    with pytest.raises(TypeError, match="own update rules can be saved"):
        build().restore(tmp_path / "state.npz")
    with pytest.raises(TypeError, match="^checkpoint_name: .*Foreign.* cannot be saved: table"):
        Solver(Sequential([Affine(10), Foreign()], (64,)), DATA, checkpoint_name=tmp_path / "run")


# Files that are something else.


def assert_refused(path, message=None):
    """Refused as a model and as a state of training, and the solver that was to take it up is as it was."""
    with pytest.raises(CheckpointError, match=message) as caught:
        numbanet.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert isinstance(caught.value, ValueError)
    with pytest.raises(CheckpointError, match=message):
        trained(epochs=0).restore(path)


def contents():
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    other_zip = io.BytesIO()
    with zipfile.ZipFile(other_zip, "w") as archive:
        archive.writestr("readme.txt", "hello")
        archive.writestr("numbanet.npy", b"not an array")
    return {
        "nothing": b"",
        "text": b"hello",
        "an array": buffer.getvalue(),
        "a pickle": pickle.dumps({"W1": np.zeros(3)}),
        "an empty zip": empty.getvalue(),
        "a zip of text": other_zip.getvalue(),
        "zeros": bytes(1000),
        "a zip's first bytes": b"PK\x03\x04" + bytes(100),
    }


@pytest.mark.parametrize(("content"), contents().values(), ids=contents())
def test_files_that_are_something_else(content, tmp_path):
    path = tmp_path / "file.npz"
    path.write_bytes(content)
    assert_refused(path, "not a file written by numbanet")


def test_a_file_that_is_not_there(tmp_path):
    assert_refused(tmp_path / "missing.npz", "no such file")
    assert_refused(tmp_path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"W1": np.zeros(3)},
        {"numbanet": np.zeros(3)},
        {"numbanet": np.array("not json")},
        {"numbanet": np.array("[1]")},
        {"numbanet": np.array("3")},
        {"numbanet": np.array("{}")},
        {"numbanet": np.array("[" * 100_000)},
        {"numbanet": np.array('{"kind": "model"')},
        {"numbanet": np.array('{"kind": "model"}')},
        {"numbanet": np.array('{"kind": "state of training"}')},
    ],
    ids=range(10),
)
def test_archives_that_are_something_else(arrays, tmp_path):
    path = write(tmp_path / "file.npz", arrays)
    assert_refused(path)


def test_a_model_is_no_state_of_training(model_file):
    with pytest.raises(CheckpointError, match="expected a saved state of training, found 'model'"):
        trained(epochs=0).restore(model_file)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_a_pickle_inside_is_not_opened(model_file, tmp_path):
    for name in ("param/W1", "numbanet", "extra/mean"):
        bomb = np.empty(1, object)
        bomb[0] = Bomb()
        path = write(tmp_path / "file.npz", unlisted(model_file), **{name: bomb})
        assert_refused(path, "not a file written by numbanet, or damaged")


# Damage.


def damaged_copies(path):
    """The file cut at many places, and with single bits and bytes changed."""
    whole = path.read_bytes()
    for at in [*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1]:
        yield f"cut at {at}", whole[:at]
    rng = np.random.default_rng(0)
    for at in rng.integers(len(whole), size=150):
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        yield f"a bit of byte {at}", bytes(changed)
        changed[at] = int(rng.integers(256))
        yield f"byte {at}", bytes(changed)
    for at in rng.integers(len(whole) - 50, size=20):
        changed = bytearray(whole)
        changed[at : at + 50] = rng.bytes(50)
        yield f"50 bytes at {at}", bytes(changed)


@pytest.mark.parametrize("kind", ["model", "state"])
def test_damage_is_noticed_or_harmless(kind, model_file, state_file, tmp_path):
    original = model_file if kind == "model" else state_file
    path, refused = tmp_path / "file.npz", 0
    whole = load_model(original)[0] if kind == "model" else trained(epochs=0)
    if kind == "state":
        whole.restore(original)
        target = trained(epochs=0)
    for what, content in damaged_copies(original):
        path.write_bytes(content)
        try:
            if kind == "model":
                flat = load_model(path)[0].params.flat
            else:
                target.restore(path)
                flat = target.model.params.flat
                assert target.loss_history == whole.loss_history, what
                assert target.step == whole.step, what
        except CheckpointError:
            refused += 1
            continue
        # Dates and the like, which say nothing about the contents.
        np.testing.assert_array_equal(flat, (whole if kind == "model" else whole.model).params.flat, what)
    assert refused > 150


def test_an_array_that_is_read_in_part_is_checked_in_full(model_file, tmp_path):
    # A header that claims a shorter array: NumPy would stop reading before the archive's checksum is compared.
    path, whole = tmp_path / "file.npz", model_file.read_bytes()
    assert whole.count(b"'shape': (3,)") == 1  # extra/mean
    path.write_bytes(whole.replace(b"'shape': (3,)", b"'shape': (2,)"))
    assert_refused(path, "extra/mean.npy")


def central_entries(content):
    """Where the entries of a zip's directory begin."""
    return [match.start() for match in re.finditer(b"PK\x01\x02", content)]


@pytest.mark.parametrize("kind", ["model", "state"])
def test_an_entry_that_hides_those_behind_it_is_noticed(kind, tmp_path):
    # Each says how long the comment is that follows it; one that is too long swallows other entries, and zipfile gives
    # the rest without a word.
    solver = trained(epochs=0)
    solver.model.standardizer = numbanet.data.Standardizer.fit(X)
    path = tmp_path / "file.npz"
    (solver.model if kind == "model" else solver).save(path)
    whole, refused = path.read_bytes(), 0
    entries = central_entries(whole)
    assert len(entries) == len(read(path))
    for at in entries[:-1]:
        for bit in range(16):
            changed = bytearray(whole)
            changed[at + 32 + bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            with pytest.raises(CheckpointError):
                numbanet.load(path) if kind == "model" else solver.restore(path)
            refused += 1
    assert refused == 16 * (len(entries) - 1) > 150


def repacked(path, change, **options):
    """The archive with other members: `change` is called with a dict of their raw bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def swap(one, other):
    def change(members):
        members[one], members[other] = members[other], members[one]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda members: members.pop("standardizer/scale.npy"), "differ in standardizer/scale"),
        (lambda members: members.pop("extra/mean.npy"), "differ in extra/mean"),
        (lambda members: members.update({"extra/more.npy": members["extra/mean.npy"]}), "differ in extra/more"),
        (lambda members: members.update({"readme.txt": b"hello"}), "readme.txt is there twice, or no array"),
        (swap("param/gamma1.npy", "param/beta1.npy"), "param/gamma1 is .*, and should be"),
        (swap("standardizer/mean.npy", "standardizer/scale.npy"), "standardizer/mean is .*, and should be"),
    ],
)
def test_a_file_has_what_its_header_lists_and_nothing_else(change, message, tmp_path):
    net = trained(epochs=0).model
    net.standardizer = numbanet.data.Standardizer.fit(X)
    net.save(tmp_path / "net.npz", extra_arrays={"mean": np.arange(3.0)})
    repacked(tmp_path / "net.npz", lambda members: None)
    assert numbanet.load(tmp_path / "net.npz").standardizer is not None
    repacked(tmp_path / "net.npz", change)
    assert_refused(tmp_path / "net.npz", message)


@pytest.mark.parametrize(
    "array",
    [
        np.float32(3),
        np.zeros((0, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12)[::-2],
        np.array(["é", "ab"]),
        np.array(True),
        np.array(["2026-11-27"], "M8[D]"),
        np.arange(3, dtype=">i2"),
    ],
    ids=str,
)
def test_arrays_of_all_kinds_come_back(array, tmp_path):
    net = every_layer()
    net.save(tmp_path / "net.npz", extra_arrays={"x": array})
    again = load_model(tmp_path / "net.npz")[2]["x"]
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert again.flags.writeable
    np.testing.assert_array_equal(again, array)


# Files that would take more memory than they are large.

MEMORY = """
import pathlib, resource, sys
import numpy, numbanet
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
for path in sys.argv[1:]:
    try:
        numbanet.load(path)
    except numbanet.CheckpointError as error:
        print(pathlib.Path(path).name, str(error).partition("damaged ")[2])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before) >> 20)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
def test_a_small_file_takes_little_memory(model_file, tmp_path):
    size = 64 << 20
    paths = {name: tmp_path / f"{name}.npz" for name in ("unknown", "header", "claim", "overlap")}
    for path in paths.values():
        path.write_bytes(model_file.read_bytes())
    start = io.BytesIO()
    np.lib.format.write_array_header_1_0(start, {"descr": "|u1", "fortran_order": False, "shape": (size,)})
    with zipfile.ZipFile(paths["unknown"], "a", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        file.write(start.getvalue())
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
    text = np.array(json.dumps("[" * (5 << 20)))
    write(paths["header"], {"numbanet": text})
    repacked(paths["claim"], lambda members: members.update({"extra/mean.npy": start.getvalue()}))
    repacked(paths["overlap"], lambda members: members.update({f"extra/{i:03d}.npy": b"" for i in range(999)}))
    content = bytearray(paths["overlap"].read_bytes())
    entries = central_entries(content)
    large = next(at for at in entries if content[at + 46 :].startswith(b"param/W1"))
    for at in entries:  # every entry is the largest one
        if content[at + 46 :].startswith(b"extra/"):
            content[at + 16 : at + 28], content[at + 42 : at + 46] = (
                content[large + 16 : large + 28],
                content[large + 42 : large + 46],
            )
    paths["overlap"].write_bytes(content)
    done = subprocess.run([sys.executable, "-c", MEMORY, *map(str, paths.values())], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    unknown, header, claim, overlap, megabytes = done.stdout.splitlines()
    assert paths["unknown"].stat().st_size < 1 << 20
    assert unknown == "unknown.npz (x.npy is compressed, as numbanet's files are not)"
    assert header.startswith("header.npz (its header takes 20,")
    assert claim.startswith("claim.npz (extra/mean.npy is not what it says it is, uint8 of shape (67108864,)")
    assert overlap == "overlap.npz (its entries overlap)"
    assert int(megabytes) < 32


def test_a_header_that_no_file_would_be_read_with_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"takes 20,.* bytes as JSON .*; save large data as arrays"):
        every_layer().save(tmp_path / "net.npz", {"text": "x" * 5_000_000})
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["model", "state"])
def test_every_truncation_and_ten_thousand_flipped_bits(kind, tmp_path):
    solver = trained(epochs=1)
    solver.model.standardizer = numbanet.data.Standardizer.fit(X)
    path = tmp_path / "file.npz"
    (solver.model if kind == "model" else solver).save(path)
    whole, rng, refused, tried = path.read_bytes(), np.random.default_rng(1), 0, 0
    header, arrays = _archive.read(path, "model", "state of training")
    cut = ((f"cut at {at}", whole[:at]) for at in range(len(whole)))

    def flipped():
        for place in rng.choice(len(whole) * 8, 10_000, replace=False):
            changed = bytearray(whole)
            changed[place // 8] ^= 1 << int(place % 8)
            yield f"bit {place}", changed

    for what, content in itertools.chain(cut, flipped()):
        path.write_bytes(content)
        tried += 1
        try:
            numbanet.load(path)
            again, found = _archive.read(path, "model", "state of training")
        except CheckpointError:
            refused += 1
            continue
        assert again == header, what
        assert list(found) == list(arrays), what
        assert all(found[name].tobytes() == arrays[name].tobytes() for name in arrays), what
    print(f"{kind}: {refused:,} of {tried:,} refused, {tried - refused:,} harmless")
    assert refused > len(whole) + 5_000


def corrupt_member(path, name, change):
    """Change the raw bytes of one member, with a checksum that fits."""
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in members.items():
            archive.writestr(each, content)


def says(claim):
    """A change of a member: its npy header, kept at its length, claims something else."""

    def change(raw):
        header, data = raw[10:128], raw[128:]
        assert header.startswith(b"{'descr': '<f4', 'fortran_order': False, 'shape': (64, 5), }")
        return raw[:10] + claim.ljust(117).encode() + b"\n" + data

    return change


CLAIM = "{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}".format


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"",
        lambda raw: raw[:20],
        lambda raw: raw[:-1],
        says(CLAIM("'<f4'", False, "(64, 4)")),
        says(CLAIM("'<f4'", False, "(64, -5)")),
        says(CLAIM("'<f4'", False, "(64, 5, 10**12)")),
        says(CLAIM("'<f4'", False, "(999999999999,)")),
        says(CLAIM("'<f4'", False, "(99999999999999999999999,)")),
        says(CLAIM("'<f4'", False, "64")),
        says(CLAIM("'>f4'", False, "(64, 5)")),
        says(CLAIM("'<i4'", False, "(64, 5)")),
        says(CLAIM("'|O8'", False, "(64, 5)")),
        says(CLAIM("'nonsense'", False, "(64, 5)")),
        says(CLAIM("3", False, "(64, 5)")),
        says(CLAIM("'<f4'", 2, "(64, 5)")),
        says("{'shape': (64, 5)}"),
        says("__import__('os')"),
        says("[" * 100),
    ],
)
def test_a_member_that_lies_about_itself(change, model_file, tmp_path):
    path = tmp_path / "file.npz"
    path.write_bytes(model_file.read_bytes())
    before = path.read_bytes()
    corrupt_member(path, "param/W1.npy", change)
    assert path.read_bytes() != before
    assert_refused(path)


def put(*keys_and_value):
    """A change of a header: the entry at a path of keys becomes a value."""
    *keys, last, value = keys_and_value

    def change(header):
        for key in keys:
            header = header[key]
        header[last] = value

    return change


def drop(*keys):
    def change(header):
        for key in keys[:-1]:
            header = header[key]
        del header[keys[-1]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        put("kind", "cake"),
        put("model", None),
        put("model", []),
        drop("model"),
        drop("extra"),
        put("extra", [1]),
        drop("model", "layers"),
        put("model", "layers", []),
        put("model", "layers", "Affine"),
        put("model", "layers", 0, "Affine"),
        put("model", "layers", 0, "type", "eval"),
        put("model", "layers", 0, "type", ["Affine"]),
        put("model", "layers", 0, "type", "Layer"),
        drop("model", "layers", 0, "type"),
        drop("model", "layers", 0, "units"),
        put("model", "layers", 0, "units", 6),
        put("model", "layers", 0, "units", -1),
        put("model", "layers", 0, "units", 1e300),
        put("model", "layers", 0, "units", 10**30),
        put("model", "layers", 0, "units", 10**8),  # would take hours and gigabytes to set up
        put("model", "layers", 0, "units", "5"),
        put("model", "layers", 0, "units", None),
        put("model", "layers", 0, "colour", "red"),
        put("model", "layers", 1, "eps", float("nan")),
        put("model", "layers", 1, "eps", 10**400),
        put("model", "layers", 3, "rate", 1),
        put("model", "input_shape", [65]),
        put("model", "input_shape", []),
        put("model", "input_shape", "64"),
        put("model", "input_shape", None),
        put("model", "input_shape", {"a": 64}),
        put("model", "input_shape", [[64]]),
        put("model", "loss", "hinge"),
        put("model", "loss", None),
        put("model", "l2", -1),
        put("model", "l2", "0"),
        put("model", "dtype", "float64"),
        put("model", "dtype", "int8"),
        put("model", "dtype", None),
        put("model", "seed", -1),
        put("model", "seed", 0.5),
        put("model", "ops", "numbanet.reference"),
        drop("model", "input_shape"),
    ],
)
def test_headers_of_models_that_lie(change, model_file, tmp_path):
    arrays = unlisted(model_file)
    header = header_of(arrays)
    change(header)
    path = write(tmp_path / "file.npz", arrays, numbanet=np.array(json.dumps(header)))
    with pytest.raises(CheckpointError):
        numbanet.load(path)


@pytest.mark.parametrize(
    "change",
    [
        put("identity", None),
        put("identity", []),
        drop("identity", "model"),
        put("identity", "optimizer", "sgd"),
        put("identity", "training examples", 199),
        put("identity", "batch_size", 51),
        put("identity", "model", "l2", 0.5),
        put("step", -1),
        put("step", 7),
        put("step", "8"),
        put("best", None),
        put("best", "monitor", "val_accuracy"),
        put("best", "epoch", "1"),
        put("best", "epoch", -1),
        put("best", "row", "val_loss", float("nan")),
        put("best", "row", "val_accuracy", "1"),
        put("best", "row", [1.0]),
        put("best", "mark", None),
        put("sample_rng", None),
        put("rates", {"rate": -1.0, "factor": 1.0}),
        put("rates", {"rate": 0.1, "factor": 0}),
        put("rates", {"rate": 0.1}),
        put("identity", "drop_last", True),
        put("t", 1.5),
        drop("t"),
        put("options", None),
        put("options", {"colour": 1}),
        put("options", "learning_rate", -1),
        put("rng", None),
        put("rng", {}),
        put("rng", "bit_generator", "MT19937"),
        put("rng", "state", "state", -1),
        put("rng", "state", "state", "x"),
        drop("rng", "state"),
    ],
)
def test_headers_of_states_that_lie(change, state_file, tmp_path):
    arrays = unlisted(state_file)
    header = header_of(arrays)
    change(header)
    path = write(tmp_path / "file.npz", arrays, numbanet=np.array(json.dumps(header)))
    fresh = trained(epochs=0)
    before = fresh.model.params.flat.copy(), fresh._batches.rng.bit_generator.state
    with pytest.raises(CheckpointError):
        fresh.restore(path)
    # Nothing of it has been taken up.
    np.testing.assert_array_equal(fresh.model.params.flat, before[0])
    assert fresh._batches.rng.bit_generator.state == before[1]
    assert fresh.step == fresh._update.optimizer.t == 0
    assert fresh.loss_history == []


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("model", "param/W1", np.zeros((5, 64), np.float32)),
        ("model", "param/W1", np.zeros((64, 5))),
        ("model", "param/W1", np.array("x")),
        ("model", "param/W1", None),
        ("model", "state/running_mean1", None),
        ("model", "random_keys", np.zeros((4, 2), np.int64)),
        ("state", "param/b2", None),
        ("state", "optimizer/m", np.zeros(3, np.float32)),
        ("state", "optimizer/v", None),
        ("state", "best/W1", np.zeros((64, 4), np.float32)),
        ("state", "best/running_var1", None),
        ("state", "permutation", np.zeros(200, np.int64)),
        ("state", "permutation", np.arange(200.0)),
        ("state", "permutation", np.arange(199)),
        ("state", "permutation", np.int64(3)),
        ("state", "permutation", None),
        ("state", "history/step_loss", np.zeros(3)),
        ("state", "history/step_loss", np.array(["a"] * 8)),
        ("state", "history/val_accuracy", np.zeros((2, 2))),
        ("state", "history/accuracy", None),
        ("state", "history/val_loss", np.zeros(2)),
    ],
)
def test_arrays_that_do_not_fit(kind, name, value, model_file, state_file, tmp_path):
    arrays = unlisted(model_file if kind == "model" else state_file)
    del arrays[name]
    if value is not None:
        arrays[name] = value
    path = write(tmp_path / "file.npz", arrays)
    fresh = trained(epochs=0)
    before = fresh.model.params.flat.copy()
    with pytest.raises(CheckpointError):
        numbanet.load(path) if kind == "model" else fresh.restore(path)
    np.testing.assert_array_equal(fresh.model.params.flat, before)


def test_a_wrong_ops_is_the_caller_s_mistake(model_file):
    with pytest.raises(TypeError, match=r"ops: expected numbanet.kernels or numbanet.reference, got str 'kernels'"):
        numbanet.load(model_file, ops="kernels")


def test_a_state_of_an_earlier_version_is_refused_but_for_its_network(state_file, tmp_path):
    arrays = unlisted(state_file)
    header = header_of(arrays)
    for name in ("best", "sample_rng"):
        del header[name]
    header |= {"best_val_acc": 0.5, "best_epoch": 1}
    path = write(tmp_path / "state.npz", arrays, numbanet=np.array(json.dumps(header)))
    with pytest.raises(CheckpointError, match="of an earlier version, .*; numbanet.load has its network"):
        trained(epochs=0).restore(path)
    assert numbanet.load(path).num_parameters == trained(epochs=0).model.num_parameters


def test_a_state_of_another_training_names_what_differs(state_file):
    with pytest.raises(CheckpointError, match="saved with batch_size 50, but the solver has 40"):
        trained(epochs=0, batch_size=40).restore(state_file)
    with pytest.raises(CheckpointError, match="saved with optimizer adam, but the solver has rmsprop"):
        trained(epochs=0, optimizer="rmsprop").restore(state_file)
    solver = trained(epochs=0)
    solver.model.standardizer = numbanet.data.Standardizer.fit(X)
    with pytest.raises(CheckpointError, match="saved with standardizer None, but the solver has one of checksum"):
        solver.restore(state_file)
