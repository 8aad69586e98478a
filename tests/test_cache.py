"""Compiled kernels are kept between processes, never served after an edit, and done without where nothing can be kept.

Each test compiles one small kernel in processes of its own, into folders of its own.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import numbanet
from numbanet.runtime import cache as kept_code
from numbanet.runtime import target

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


# A function that numba keeps by itself, and that calls a kernel.
CALLING = """
import warnings
import numba, numpy as np
from numbanet.kernels import relu_forward
serial = relu_forward.serial
@numba.njit(cache=True)
def function(x):
    serial(x, x)
    x *= 2
x = np.array([-1.0, 2.0], np.float32)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    function(x)
print(x.tolist(), *[warning.message for warning in caught])
"""


# Forked processes are alike, often to the address, and so would be the names that numba gives to the loops in them.
FORKED = """
import os, re
import numpy as np
from numbanet import kernels
dout, out, dx = np.ones(1, np.float32), np.full(1, 0.25, np.float32), np.empty(1, np.float32)
kernels.relu_backward.parallel(dout, out, dx)
for name in "sigmoid_backward", "tanh_backward":
    parallel = getattr(kernels, name).parallel
    if os.fork() == 0:
        parallel.compile("void(f4[::1], f4[::1], f4[::1])")
        [compiled] = parallel.overloads.values()
        names = [function.name for function in compiled.library.get_defined_functions()]
        loops = [name for name in names if "__numba_parfor_gufunc" in name]
        print(*[re.sub("0x[0-9a-f]+", "address", name) for name in loops], flush=True)
        os._exit(0)
    assert os.wait()[1] == 0
for name in "sigmoid_backward", "tanh_backward":
    getattr(kernels, name).parallel(dout, out, dx)
    print(dx[0])
"""


# Refuses to write below the folders of the second argument, as a file system that is read-only or full does.
REFUSING = """
import errno, os, sys
folders, number = tuple(sys.argv[1].split(os.pathsep)), getattr(errno, sys.argv[2])
def refuse(event, arguments):
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (writes or event in ("os.mkdir", "os.utime", "os.rename")) and str(arguments[0]).startswith(folders):
        raise OSError(number, os.strerror(number), str(arguments[0]))
sys.addaudithook(refuse)
import warnings
import numpy as np
from numbanet.kernels import relu_forward, sigmoid_forward, tanh_forward
x = np.array([-1.0, 2.0], np.float32)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    right = {relu_forward: 2, sigmoid_forward: 0.8807971, tanh_forward: 0.9640276}
    for kernel, value in list(right.items())[:int(sys.argv[3])]:
        out = np.empty_like(x)
        kernel.serial(x, out)
        assert abs(out[1] - value) < 1e-6
print(sum(relu_forward.serial.stats.cache_hits.values()), *(warning.message for warning in caught), sep="\\n")
"""

# Files of machine code with a bit that is wrong, each looked at by a new process.
FLIPPING = """
import collections, os, random, sys
from pathlib import Path
import numpy as np
from numbanet.kernels import relu_forward
x, ends, anew = np.array([-1.0, 2.0], np.float32), collections.Counter(), 0

def child():
    process = os.fork()
    if process == 0:
        out = np.empty_like(x)
        relu_forward.serial(x, out)
        os._exit(0 if out.tolist() == [0, 2] else 1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

assert child() == 0
files = {path: path.read_bytes() for path in Path(os.environ["NUMBANET_CACHE_DIR"]).rglob("*.nb?")}
assert {path.suffix for path in files} == {".nbi", ".nbc"}
random.seed(1)
for _ in range(int(sys.argv[1])):
    for path, content in files.items():
        path.write_bytes(content)
    path = random.choice(sorted(files))
    changed = bytearray(files[path])
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    path.write_bytes(changed)
    ends[child()] += 1
    anew += path.read_bytes() != changed
print(ends[0], anew, sum(ends.values()))
"""

# Processes that begin at the same moment, with an empty cache.
TOGETHER = """
import os
import numpy as np
from numbanet.kernels import relu_forward
x, read, write = np.array([-1.0, 2.0], np.float32), *os.pipe()
start, go = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        os.close(go)
        os.read(start, 1)  # ends when all of them are there
        relu_forward.serial(x, x)
        os.write(write, f"{x.tolist()}\\n".encode())
        os._exit(0)
os.close(go)
assert [os.wait()[1] for _ in range(8)] == [0] * 8
os.close(write)
print(os.fdopen(read).read())
"""

TRAINING = """
import numpy as np
import numbanet as nn
rng = np.random.default_rng(0)
X, y = rng.standard_normal((60, 6), np.float32), rng.integers(3, size=60)
net = nn.FullyConnectedNet([8], 6, 3, normalization="batchnorm", dropout=0.2, seed=1)
nn.Solver(net, {"X_train": X, "y_train": y}, optimizer="adam", epochs=3, verbose=False).train()
print(net.params.flat.tobytes().hex())
"""


def run(cache, package=PACKAGE, script=SCRIPT, arguments=(), **environment):
    """What a new process prints that runs one kernel."""
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(cache), "PYTHONPATH": str(package.parent), **environment}
    command = [sys.executable, "-c", script, *map(str, arguments)]
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


@pytest.mark.parametrize("missing", ["HOME", "XDG_CACHE_HOME", None])
def test_without_a_home_kernels_run_with_one_warning(missing, tmp_path):
    (tmp_path / "file").write_text("")
    places = {"HOME": str(tmp_path), "XDG_CACHE_HOME": "", "LOCALAPPDATA": "", "NUMBANET_CACHE_DIR": ""}
    script = SCRIPT
    if missing:
        places[missing] = str(tmp_path / "file" / "home")
    else:  # no such variable, nor an account that has a home
        script = (
            "import pathlib\n\ndef none(self):\n    raise RuntimeError('no home')\n\npathlib.Path.expanduser = none\n"
        )
        script += SCRIPT
    warnings = run(tmp_path, script=script, **places).splitlines()
    assert len(warnings) == 1
    assert warnings[0].startswith("RuntimeWarning numbanet cannot keep its compiled kernels")


def test_a_folder_that_is_read_only_is_read(tmp_path):
    run(tmp_path)
    before = kept(tmp_path)
    folders = f"{tmp_path}{os.pathsep}{PACKAGE}"
    assert run(tmp_path, script=REFUSING, arguments=[folders, "EROFS", 1]).splitlines() == ["1"]
    hits, *warnings = run(tmp_path, script=REFUSING, arguments=[folders, "EROFS", 3]).splitlines()
    assert (hits, len(warnings)) == ("1", 1)
    assert "numbanet cannot keep its compiled kernels ([Errno 30] Read-only file system" in warnings[0]
    assert kept(tmp_path) == before


def test_a_full_disk_is_told_once(tmp_path):
    run(tmp_path)
    hits, *warnings = run(tmp_path, script=REFUSING, arguments=[tmp_path, "ENOSPC", 3]).splitlines()
    assert (hits, len(warnings)) == ("1", 1)
    assert "No space left on device" in warnings[0]


def test_a_relative_folder_stays_where_it_was(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    script = f"import os\nos.chdir({str(tmp_path)!r})\nimport numbanet.kernels\nos.chdir('elsewhere')\n{SCRIPT}"
    assert run("cache", script=script) == ""
    assert {path.suffix for path in kept(tmp_path / "cache")} == {"", ".nbi", ".nbc"}
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["NUMBA_OPT", "NUMBA_CPU_NAME", "NUMBA_BOUNDSCHECK"])
def test_settings_of_the_compiler_have_a_folder_of_their_own(monkeypatch, name):
    before = kept_code.digest()
    monkeypatch.setenv(name, "1")
    assert kept_code.digest() != before


def test_a_function_that_calls_a_kernel_from_the_cache_is_not_kept_by_numba(tmp_path):
    (tmp_path / "script.py").write_text(CALLING)
    run(tmp_path / "cache")
    script = f"import runpy; runpy.run_path({str(tmp_path / 'script.py')!r})"
    for _ in range(2):  # it would refer to machine code that another process may not have
        printed = run(tmp_path / "cache", script=script, NUMBA_CACHE_DIR=str(tmp_path / "numba"))
        assert printed.startswith('[0.0, 4.0] Cannot cache compiled function "function"')


def test_settings_of_the_threads_share_a_folder(monkeypatch):
    before = kept_code.digest()
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert kept_code.digest() == before


def test_another_cpu_has_a_folder_of_its_own(monkeypatch):
    before = kept_code.digest()
    monkeypatch.setattr(target.binding, "get_host_cpu_name", lambda: "i486")
    assert kept_code.digest() != before


def test_damaged_files_are_compiled_anew(tmp_path):
    run(tmp_path)
    files = [path for path in tmp_path.rglob("*.nb?")]
    for path in files:
        path.write_bytes(path.read_bytes()[:100])
    assert run(tmp_path) == ""
    assert all(path.stat().st_size > 100 for path in files)


def test_a_file_that_is_not_what_it_was_is_not_read(tmp_path):
    files = kept_code.Files(str(tmp_path), "kernel", "stamp")
    files._save_data("kernel.1.nbc", {"code": b"machine code"})
    path = tmp_path / "kernel.1.nbc"
    assert files._load_data(path.name) == {"code": b"machine code"}
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    for bit in range(8 * len(whole)):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        damaged.append(content)
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"kernel.1.nbc is damaged"):
            files._load_data(path.name)
    (tmp_path / "kernel.2.nbc").write_bytes(whole)  # another's
    with pytest.raises(ValueError, match=r"kernel.2.nbc is damaged"):
        files._load_data("kernel.2.nbc")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("flips", [5, pytest.param(500, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_noticed_and_compiled_anew(flips, tmp_path):
    right, anew, all_of_them = map(int, run(tmp_path, script=FLIPPING, arguments=[flips]).split())
    assert right == anew == all_of_them == flips


def test_what_a_process_left_that_was_stopped_while_it_wrote_is_removed(tmp_path):
    run(tmp_path)
    [folder] = tmp_path.iterdir()
    left = folder / "relu_forward.nbc.tmp.0123456789abcdef"
    left.write_text("half")
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    for path in folder.glob("*.nb?"):
        path.unlink()
    run(tmp_path)
    assert not left.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_eight_processes_that_start_cold_at_once(tmp_path):
    for _ in range(2):  # what they have left in the cache is as right
        assert run(tmp_path, script=TOGETHER).split("\n")[:-2] == ["[0.0, 2.0]"] * 8


@pytest.mark.slow
def test_eight_trainings_that_start_cold_at_once(tmp_path):
    right = run(tmp_path / "alone", script=TRAINING)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: run(tmp_path / "cache", script=TRAINING), range(8))) == [right] * 8
    assert run(tmp_path / "cache", script=TRAINING) == right


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kernels_that_forked_processes_compiled_are_told_apart(tmp_path):
    first, second, sigmoid, tanh = (line.split() for line in run(tmp_path, script=FORKED).splitlines())
    assert len(first) == len(second) > 0
    assert not {*first} & {*second}
    assert (sigmoid, tanh) == (["0.1875"], ["0.9375"])


def test_folders_of_earlier_versions_go_when_long_unused(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBANET_CACHE_DIR", str(tmp_path))
    day = 24 * 3600
    names = [f"{number:016x}" for number in range(kept_code.KEPT + 4)]
    for days, name in enumerate([*names, "somebody's", "0123"]):  # the first were used last
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
        used = kept_code.time.time() - (days + 2) * day
        os.utime(tmp_path / name, (used, used))
    kept_code.prune(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names[: kept_code.KEPT + 1], "somebody's", "0123"}  # one more, used within the week
