"""Compiled kernels are kept between processes, never served after an edit, and done without where nothing can be kept.

Each test compiles one small kernel in processes of its own, into folders of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import numbanet
from numbanet.kernels import _jit

PACKAGE = Path(numbanet.__file__).parent

SCRIPT = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    from numbanet.kernels import relu_backward, relu_forward
    x = np.array([-1.0, 2.0], np.float32)
    relu_forward.serial(x, x)
assert x.tolist() == [0, 2]
for warning in caught:
    print(warning.category.__name__, warning.message)
"""


# Forked processes are alike to the address, and so would be the names that numba gives to what they compile.
FORKED = """
import os
import numpy as np
from numbanet import kernels
dout, out, dx = np.ones(1, np.float32), np.full(1, 0.25, np.float32), np.empty(1, np.float32)
kernels.relu_backward.parallel(dout, out, dx)
for name in "sigmoid_backward", "tanh_backward":
    parallel = getattr(kernels, name).parallel
    if os.fork() == 0:
        parallel.compile("void(f4[::1], f4[::1], f4[::1])")
        [compiled] = parallel.overloads.values()
        print(compiled.fndesc.uid, flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
for name in "sigmoid_backward", "tanh_backward":
    getattr(kernels, name).parallel(dout, out, dx)
    print(dx[0])
"""


def run(cache, package=PACKAGE, script=SCRIPT, **environment):
    """What a new process prints that runs one kernel."""
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(cache), "PYTHONPATH": str(package.parent), **environment}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, cwd=package.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kept(cache):
    """Files of the cache and when they were last written."""
    return {path.relative_to(cache): path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}


@pytest.fixture
def copy(tmp_path):
    """A copy of the package, to edit."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "numbanet", ignore=shutil.ignore_patterns("__pycache__")))


def test_a_second_process_compiles_nothing(tmp_path):
    cache = tmp_path / "cache"
    assert run(cache) == ""
    first = kept(cache)
    assert {path.suffix for path in first} == {"", ".nbi", ".nbc"}  # "": the lock
    assert run(cache) == ""
    assert kept(cache) == first


def test_an_edit_in_any_file_of_the_kernels_is_never_served_old_code(tmp_path, copy):
    cache = tmp_path / "cache"
    run(cache, copy)
    first = kept(cache)
    with open(copy / "kernels" / "_gemm.py", "a") as helper:
        helper.write("# another line\n")
    run(cache, copy)
    assert len(list(cache.iterdir())) == 2
    assert {path: time for path, time in kept(cache).items() if path in first} == first


def test_without_a_folder_to_write_kernels_run_with_one_warning(tmp_path):
    (tmp_path / "file").write_text("")
    # Below a file: root may write into any folder.
    warnings = run(tmp_path / "file" / "cache").splitlines()
    assert len(warnings) == 1
    assert warnings[0].startswith("RuntimeWarning numbanet cannot keep its compiled kernels")
    assert "Set NUMBANET_CACHE_DIR" in warnings[0]


@pytest.mark.parametrize("name", ["NUMBA_OPT", "NUMBA_CPU_NAME", "NUMBA_BOUNDSCHECK"])
def test_settings_of_the_compiler_have_a_folder_of_their_own(monkeypatch, name):
    before = _jit._digest()
    monkeypatch.setenv(name, "1")
    assert _jit._digest() != before


def test_settings_of_the_threads_share_a_folder(monkeypatch):
    before = _jit._digest()
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert _jit._digest() == before


def test_another_cpu_has_a_folder_of_its_own(monkeypatch):
    before = _jit._digest()
    monkeypatch.setattr(_jit.binding, "get_host_cpu_name", lambda: "i486")
    assert _jit._digest() != before


def test_damaged_files_are_compiled_anew(tmp_path):
    run(tmp_path)
    files = [path for path in tmp_path.rglob("*.nb?")]
    for path in files:
        path.write_bytes(path.read_bytes()[:100])
    assert run(tmp_path) == ""
    assert all(path.stat().st_size > 100 for path in files)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kernels_that_forked_processes_compiled_are_told_apart(tmp_path):
    first, second, sigmoid, tanh = run(tmp_path, script=FORKED).split()
    assert first != second
    assert (float(sigmoid), float(tanh)) == (0.1875, 0.9375)


def test_folders_of_earlier_versions_go_when_long_unused(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBANET_CACHE_DIR", str(tmp_path))
    day = 24 * 3600
    names = [f"{number:016x}" for number in range(_jit.KEPT + 4)]
    for days, name in enumerate([*names, "somebody's", "0123"]):  # the first were used last
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
        used = _jit.time.time() - (days + 2) * day
        os.utime(tmp_path / name, (used, used))
    _jit._prune(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names[: _jit.KEPT + 1], "somebody's", "0123"}  # one more, used within the week
