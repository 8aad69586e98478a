"""Files are whole or not there, whatever happens while they are written."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import numbanet
from numbanet import Affine, Sequential, Solver, _archive, _files
from numbanet.cli import main

POSIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, locks and pipes")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_at_the_end(tmp_path):
    path = tmp_path / "file"
    for content in (b"one", b"two"):
        before = path.read_bytes() if path.exists() else None
        with _files.replacing(path) as file:
            file.write(content)
            file.flush()
            assert (path.read_bytes() if path.exists() else None) == before
        assert path.read_bytes() == content
        assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_names_the_file_and_leaves_the_one_that_was_there(call, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        _files.write(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_what_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, real=real: (calls.append(name), real(*a)))
    _files.write(tmp_path / "file", b"content")
    assert calls in (["fsync", "replace", "fsync"], ["fsync", "replace"])  # the file, its name, the folder where it can


def test_errors_of_other_kinds_pass(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        _files.write(tmp_path / "missing" / "file", b"")
    with pytest.raises(IsADirectoryError) as caught:
        _files.write(tmp_path, b"")
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(KeyError), _files.replacing(tmp_path / "file"):
        raise KeyError("the caller's own")
    assert names(tmp_path) == []


def test_a_place_without_room_is_told_in_advance(tmp_path):
    _files.check_writable(tmp_path / "file", 1)
    with pytest.raises(OSError, match=r"bytes are free there, and it takes 1,152,921,504,606,846,976") as caught:
        _files.check_writable(tmp_path / "file", 1 << 60)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "file"))
    assert names(tmp_path) == []


def test_room_for_a_checkpoint_is_asked_for_before_anything_runs(tmp_path, monkeypatch):
    solver = training()
    solver.save(tmp_path / "state.npz")
    size = sum(array.nbytes for array in _archive.read(tmp_path / "state.npz", "state of training")[1].values())
    solver.checkpoint_name = str(tmp_path / "run")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=size - 1))
    with pytest.raises(OSError, match=f"{size - 1:,} bytes are free there, and it takes {size:,}: '.*run_epoch_1.npz'"):
        solver.train()
    assert solver.step == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=size))
    solver.train()
    assert solver.step == 2


@pytest.mark.parametrize("name", ["model.npz", "history.csv", "run.json"])
def test_a_disk_that_is_full_in_the_end_loses_nothing(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "full"))
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "elsewhere"))
    write = _files.replacing

    @contextlib.contextmanager
    def full(path):
        training = Path(path).name == "run.json" and not Path(path).exists()  # which a run has from the start
        if Path(path).name == name and Path(path).parent.name == "out" and not training:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        with write(path) as file:
            yield file

    for module in (_files, _archive):
        monkeypatch.setattr(module, "replacing", full)
    assert main(["train", "--epochs", "2", "--output", "out", "--quiet"]) == 1
    out, err = capsys.readouterr()
    [refuge] = (tmp_path / "elsewhere").iterdir()
    held = ["model.npz", "history.csv", "run.json"]
    first = held.index(name)
    assert sorted(path.name for path in refuge.iterdir()) == sorted(held[first:])
    assert sorted(path.name for path in tmp_path.glob("out/*")) == sorted({*held[:first], *["run.json"] * (first > 0)})
    where = (tmp_path / "out" if first else refuge) / "model.npz"
    assert f"error: cannot write {Path('out', name)}: No space left on device; what was learnt is in" in err
    assert str(refuge / name) in out
    monkeypatch.undo()
    assert numbanet.load(where).class_names == tuple("0123456789")


def test_the_network_of_a_run_is_still_that_of_the_command_line_when_saved_again(tmp_path, capsys):
    assert main(["train", "--epochs", "1", "--hidden", "4", "--quiet", "--output", str(tmp_path / "run")]) == 0
    numbanet.load(tmp_path / "run").save(tmp_path / "again.npz")
    said = []
    for model in ("run", "again.npz"):
        capsys.readouterr()
        assert main(["evaluate", str(tmp_path / model), "digits"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""


def test_room_for_the_network_is_asked_for_first(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--epochs", "1", "--hidden", "5", "--output", "before", "--quiet"]) == 0
    _, arrays = _archive.read(tmp_path / "before" / "model.npz", "model")
    network = ("param/", "state/", "random_keys")
    size = sum(array.nbytes for name, array in arrays.items() if name.startswith(network))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=size - 1))
    assert main(["train", "--epochs", "1", "--hidden", "5", "--output", "out"]) == 2
    said = f"--output: cannot write out/model.npz: {size - 1:,} bytes are free there, and it takes {size:,}\n"
    assert capsys.readouterr().err.replace(os.sep, "/").endswith(said)
    assert not (tmp_path / "out").exists()


@POSIX
def test_links_and_pipes_stay_what_they_are(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    _files.write(tmp_path / "link", b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"content"
    os.mkfifo(tmp_path / "pipe")
    came = []
    reader = threading.Thread(target=lambda: came.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    _files.write(tmp_path / "pipe", b"content")
    reader.join(10)
    assert came == [b"content"]
    assert (tmp_path / "pipe").is_fifo()
    assert names(tmp_path) == ["file", "link", "pipe"]


@POSIX
def test_what_an_interrupted_write_left_goes_with_the_next(tmp_path):
    left, others = "file.0123456789abcdef.tmp", ["file.backup.tmp", "other.0123456789abcdef.tmp"]
    for name in (left, *others):
        (tmp_path / name).write_bytes(b"half")
    with _files.replacing(tmp_path / "file") as file:  # somebody who is not done yet
        file.write(b"slow")
        file.flush()
        assert left not in names(tmp_path)
        _files.write(tmp_path / "file", b"fast")
        assert len(names(tmp_path)) == 4
    assert names(tmp_path) == ["file", *others]
    assert (tmp_path / "file").read_bytes() == b"slow"


def test_threads_that_save_to_one_path(tmp_path):
    path, saves, errors = tmp_path / "file.npz", 40, []
    header = {"model": "x" * 1000}

    def save(number):
        try:
            for _ in range(saves):
                _archive.write(path, "model", header, {"a": np.full(5000, number), "b": np.full(50, number)})
        except Exception as error:
            errors.append(error)

    def load():
        try:
            while any(thread.is_alive() for thread in savers):
                _, arrays = _archive.read(path, "model")
                assert len({*arrays["a"].tolist(), *arrays["b"].tolist()}) == 1
                loads.append(1)
        except Exception as error:
            errors.append(error)

    save(0)
    savers, loads = [threading.Thread(target=save, args=(number,)) for number in range(1, 5)], []
    loaders = [threading.Thread(target=load) for _ in range(2)]
    for thread in (*savers, *loaders):
        thread.start()
    for thread in (*savers, *loaders):
        thread.join()
    assert errors == []
    assert len(loads) > 10
    assert names(tmp_path) == ["file.npz"]


# Children train and save after every epoch, each from where the last one was killed.
KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from tests.test_files import training
path, kills = Path(sys.argv[1]), int(sys.argv[2])
training().train()  # compiles
step = leftovers = 0
for kill in range(kills):
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        solver = training(10**6)
        if path.exists():
            solver.restore(path)
        def save(solver, logs):
            solver.save(path)
            os.write(tell, b".")
        if kill % 2:
            os.write(tell, b".")  # half of them may be killed before they have saved anything
        solver.callbacks = [save]
        solver.train()
    os.read(ready, 1)
    time.sleep(random.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)
    left = [other for other in path.parent.iterdir() if other != path]
    assert len(left) <= 1, left
    leftovers += len(left)
    if path.exists():
        solver = training()
        solver.restore(path)
        assert solver.step >= step
        step = solver.step
solver.save(path)
assert list(path.parent.iterdir()) == [path]
print(kills, leftovers, solver.step, solver.model.params.flat.tobytes().hex())
"""


def training(epochs=1):
    """A small training, that saves mostly."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 6), np.float32), rng.integers(3, size=20)
    net = Sequential([Affine(4), Affine(3)], (6,), seed=1)
    options = {"batch_size": 10, "epochs": epochs, "schedule": "constant", "seed": 1, "verbose": False}
    return Solver(net, {"X_train": X, "y_train": y}, **options)


@POSIX
@pytest.mark.parametrize("kills", [10, pytest.param(500, marks=pytest.mark.slow)])
def test_training_that_is_killed_while_it_saves_goes_on_from_a_whole_file(kills, tmp_path):
    root = Path(__file__).parents[1]
    environment = {**os.environ, "NUMBANET_NUM_THREADS": "1", "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"}
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path / "state.npz"), str(kills)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, left, step, params = done.stdout.split()
    print(f"{count} kills, {left} left a temporary file, {step} steps")
    # As if nothing had happened.
    solver = training(int(step) // 2)
    solver.train()
    assert solver.step == int(step) > 0
    assert solver.model.params.flat.tobytes().hex() == params
