"""How many threads are used: the smallest of what the machine, the control group and the user allow."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from numbanet import SettingError
from numbanet.kernels import relu_forward
from numbanet.runtime import dispatch, sharing, threading_layer
from numbanet.runtime import threads as _threads
from numbanet.runtime.dispatch import Kernel


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Eight CPUs, nothing chosen, and an empty tree of control groups in tmp_path, where this process is in /a/b."""
    monkeypatch.setattr(_threads, "_chosen", None)
    monkeypatch.setattr(_threads, "_default", None)
    monkeypatch.setattr(_threads, "_affinity", lambda: 8)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 16)
    monkeypatch.delenv(_threads.VARIABLE, raising=False)
    own = tmp_path / "proc"
    own.write_text("0::/a/b\n")
    monkeypatch.setattr(_threads, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(_threads, "Path", lambda path: own)
    (tmp_path / "cgroup" / "a" / "b").mkdir(parents=True)


@pytest.fixture
def write(tmp_path):
    def write(path, text):
        path = tmp_path / "cgroup" / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def test_all_cpus_by_default():
    assert _threads.choice() == (8, "CPUs this process may run on")


def test_numbas_own_limit(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 3)
    assert _threads.choice() == (3, "NUMBA_NUM_THREADS")


def test_environment_variable(monkeypatch):
    monkeypatch.setenv(_threads.VARIABLE, "5")
    assert _threads.choice() == (5, "NUMBANET_NUM_THREADS")


def test_environment_variable_cannot_exceed_the_machine(monkeypatch):
    monkeypatch.setenv(_threads.VARIABLE, "50")
    assert _threads.choice() == (8, "CPUs this process may run on")


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", " "])
def test_bad_environment_variable(monkeypatch, text):
    monkeypatch.setenv(_threads.VARIABLE, text)
    with pytest.raises(
        SettingError, match=f"NUMBANET_NUM_THREADS: expected a whole number of at least 1, got '{text}'"
    ):
        _threads.get_num_threads()


# A sentence that names the variable, not numba's own words about something else.
SETTINGS = """
import numpy as np
import numbanet as nn
try:
    from numbanet.runtime import threads
    threads._affinity, threads._cgroup_quota = (lambda: 2), (lambda: None)
    nn.FullyConnectedNet([600], 600, 10).predict(np.ones((600, 600), np.float32))
except nn.SettingError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("NUMBA_NUM_THREADS", "0", "NUMBA_NUM_THREADS: expected a whole number of at least 1, got '0'"),
        ("NUMBA_NUM_THREADS", "x", "NUMBA_NUM_THREADS: expected a whole number of at least 1, got 'x'"),
        ("NUMBA_NUM_THREADS", "9" * 20, f"NUMBA_NUM_THREADS: expected a whole number of at least 1, got '{'9' * 20}'"),
        ("NUMBA_THREADING_LAYER", "tea", "NUMBA_THREADING_LAYER: numba cannot have what 'tea' asks for: "),
        ("NUMBA_THREADING_LAYER_PRIORITY", "tbb", "NUMBA_THREADING_LAYER_PRIORITY: numba cannot have what 'tbb' asks "),
        (
            "NUMBA_DISABLE_JIT",
            "1",
            "NUMBA_DISABLE_JIT is set, and numbanet's kernels run as machine code alone; unset ",
        ),
    ],
)
def test_settings_that_cannot_be(name, text, message):
    assert run(SETTINGS, **{"NUMBA_NUM_THREADS": "2", name: text}).startswith(message)


def test_a_layer_that_is_not_installed():
    hidden = "import sys\nsys.modules['numba.np.ufunc.tbbpool'] = None\n"
    told = run(hidden + SETTINGS, NUMBA_THREADING_LAYER="tbb")
    assert told.startswith("NUMBA_THREADING_LAYER: numba cannot have what 'tbb' asks for: No threading layer could be")
    assert told.endswith("Unset it, or install what is missing, as by `python -m pip install tbb`\n")


def test_networks_on_the_reference_need_no_compiler():
    script = """
import numpy as np
import numbanet as nn
net = nn.FullyConnectedNet([8], 2, 2, ops=nn.reference, seed=0)
X, y = np.array([[0, 1], [1, 0]] * 20, np.float32), np.array([0, 1] * 20)
nn.Solver(net, {"X_train": X, "y_train": y}, optimizer="adam", epochs=40, verbose=False).train()
print(net.score(X, y))
"""
    assert run(script, NUMBA_DISABLE_JIT="1") == "1.0\n"


def test_set_num_threads_and_back():
    _threads.set_num_threads(2)
    assert _threads.choice() == (2, "numbanet.set_num_threads")
    _threads.set_num_threads(None)
    assert _threads.get_num_threads() == 8


@pytest.mark.parametrize(
    ("count", "error", "message"),
    [
        (0, ValueError, r"expected 1 to 8 threads \(CPUs this process may run on\), got 0"),
        (9, ValueError, r"expected 1 to 8 threads \(CPUs this process may run on\), got 9"),
        (2.0, TypeError, "expected a whole number of threads, got 2.0"),
        ("2", TypeError, "expected a whole number of threads, got '2'"),
        (True, TypeError, "expected a whole number of threads, got True"),
    ],
)
def test_bad_count(count, error, message):
    with pytest.raises(error, match=f"count: {message}"):
        _threads.set_num_threads(count)
    assert _threads.get_num_threads() == 8


def test_no_quota_anywhere(write):
    assert _threads._cgroup_quota() is None
    write("a/cpu.max", "max 100000\n")
    assert _threads._cgroup_quota() is None


@pytest.mark.parametrize(("quota", "count"), [("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1)])
def test_quota_is_rounded_down_but_never_to_nothing(write, quota, count):
    write("a/b/cpu.max", quota)
    assert _threads.choice() == (count, "control group's CPU quota")


def test_the_tightest_level_counts(write):
    write("a/b/cpu.max", "600000 100000")
    write("a/cpu.max", "300000 100000")
    write("cpu.max", "500000 100000")
    assert _threads.get_num_threads() == 3


def test_more_threads_than_the_quota_are_refused(write):
    write("a/b/cpu.max", "300000 100000")
    with pytest.raises(ValueError, match=r"expected 1 to 3 threads \(control group's CPU quota\), got 4"):
        _threads.set_num_threads(4)


def test_more_threads_than_numba_has_are_refused(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    with pytest.raises(ValueError, match=r"expected 1 to 2 threads \(NUMBA_NUM_THREADS\), got 3"):
        _threads.set_num_threads(3)


@pytest.fixture
def version_1(tmp_path):
    (tmp_path / "proc").write_text("3:memory:/else\n2:cpu,cpuacct:/a/b\n0::/\n")


@pytest.mark.usefixtures("version_1")
@pytest.mark.parametrize("folder", ["cpu,cpuacct/a/b", "cpu,cpuacct/a", "cpu,cpuacct"])
def test_quota_of_version_1_at_any_level(write, folder):
    write(f"{folder}/cpu.cfs_period_us", "50000\n")
    write(f"{folder}/cpu.cfs_quota_us", "-1\n")
    assert _threads._cgroup_quota() is None
    write(f"{folder}/cpu.cfs_quota_us", "100000\n")
    assert _threads._cgroup_quota() == 2


def test_in_a_container_whose_group_goes_by_its_name_on_the_host(tmp_path, write):
    (tmp_path / "proc").write_text("0::/system.slice/docker-1.scope\n")
    write("cpu.max", "200000 100000")
    assert _threads._cgroup_quota() == 2


def test_without_control_groups(tmp_path):
    (tmp_path / "proc").unlink()
    assert _threads._cgroup_quota() is None


def test_broken_quota_is_no_limit(write):
    write("a/b/cpu.max", "rubbish\n")
    assert _threads._cgroup_quota() is None


def test_affinity(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(_threads.os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    assert _threads._affinity() == 3
    monkeypatch.delattr(_threads.os, "sched_getaffinity")
    monkeypatch.setattr(_threads.os, "cpu_count", lambda: None)
    assert _threads._affinity() == 1


def test_one_thread_means_the_serial_form():
    x = np.zeros(1_000_000, np.float32)
    _threads.set_num_threads(1)
    assert relu_forward.variant(x, x) is relu_forward.serial
    assert relu_forward.variant(x[:10], x[:10]) is relu_forward.serial


def test_large_arrays_take_the_parallel_form(monkeypatch):
    monkeypatch.setattr(_threads, "apply", lambda: "omp")  # would start numba's pool with more threads than it has
    x = np.zeros(1_000_000, np.float32)
    assert relu_forward.variant(x, x) is relu_forward.parallel
    assert relu_forward.variant(x[:10], x[:10]) is relu_forward.serial


def test_apply_sets_numbas_mask(monkeypatch):
    monkeypatch.undo()
    before = numba.get_num_threads()
    try:
        monkeypatch.setattr(_threads, "_chosen", 1)
        _threads.apply()
        assert numba.get_num_threads() == 1
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize(("layer", "parallel"), [("omp", True), ("tbb", True), ("workqueue", False)])
def test_what_goes_parallel_depends_on_the_cost_of_a_launch(monkeypatch, layer, parallel):
    monkeypatch.setattr(_threads, "apply", lambda: layer)
    x = np.zeros(200_000, np.float32)  # a tenth of a millisecond, or a few
    assert (relu_forward.variant(x, x) is not relu_forward.serial) == parallel


def test_an_operation_is_shared_where_that_saves_twice_what_a_meeting_costs(monkeypatch):
    monkeypatch.setattr(_threads, "get_num_threads", lambda: 2)
    monkeypatch.setattr(sharing, "meeting_nanoseconds", lambda count: 100.0 * count)
    work = Kernel(relu_forward.py_func, lambda x, out: float(x.size))

    def reference(x, out):
        pass

    arrays = [np.zeros(size, np.bool_) for size in (10, 790, 810, 5000)]
    chosen = dispatch.forms([(reference, (arrays[3],) * 2), *((work, (x, x)) for x in arrays)])
    assert [each[2] for each in chosen] == [0, 0, 0, 810, 5000]  # half of which is saved
    assert [each[0] for each in chosen] == [reference, *[work.serial] * 4]
    monkeypatch.setattr(_threads, "get_num_threads", lambda: 1)
    assert dispatch.forms([(work, (arrays[3],) * 2)])[0][2] == 0


def run(script, **environment):
    """What a new process prints that runs `script`, on two threads at least."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2", **environment}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


SQUARES = """
import numpy as np
from numbanet.runtime import threads as _threads
from numbanet.kernels import sgd_update
_threads._affinity, _threads._cgroup_quota = (lambda: 2), (lambda: None)
w, dw = np.zeros(5_000_000, np.float32), np.ones(5_000_000, np.float32)
def step():
    sgd_update(w, dw, 1.0)
step()
"""


def test_a_forked_child_of_an_openmp_process_calls_no_parallel_form(monkeypatch):
    monkeypatch.undo()
    if sys.platform != "linux":
        pytest.skip("only GNU's OpenMP ends forked children")
    script = (
        SQUARES
        + """
import os
assert _threads.get_num_threads() == 2
child = os.fork()
step()
if child == 0:
    os._exit(0 if (w == -2).all() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert _threads.get_num_threads() == 2
"""
    )
    run(script, NUMBA_THREADING_LAYER="omp")


def test_calls_from_several_python_threads_on_the_work_queue(monkeypatch):
    monkeypatch.undo()
    script = (
        SQUARES
        + """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    def work(_):
        a = np.zeros_like(w)
        for _ in range(20):
            sgd_update(a, dw, 1.0)
        return (a == -20).all()
    assert all(pool.map(work, range(4)))
print(_threads.apply())
"""
    )
    assert run(script, NUMBA_THREADING_LAYER="workqueue") == "workqueue\n"


def test_tbb_is_loaded_from_where_pip_puts_it(monkeypatch, tmp_path):
    class File(type(tmp_path)):
        def locate(self):
            return self

    loaded = []
    monkeypatch.undo()
    monkeypatch.setattr(
        threading_layer.metadata, "files", lambda name: [File(tmp_path / "other"), File(tmp_path / "lib.so")]
    )
    monkeypatch.setattr(threading_layer, "TBB", {sys.platform: "lib.so"})
    monkeypatch.setattr(threading_layer.ctypes, "CDLL", loaded.append)
    threading_layer._load_tbb()
    assert loaded == [str(tmp_path / "lib.so")]


def test_the_slow_layer_is_said_once(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(threading_layer.numba, "threading_layer", lambda: "workqueue")
    threading_layer.start.cache_clear()
    with pytest.warns(RuntimeWarning, match="neither TBB nor OpenMP") as caught:
        assert threading_layer.start() == threading_layer.start() == "workqueue"
    assert len(caught) == 1
    threading_layer.start.cache_clear()


def test_how_long_openmp_waits_is_set_for_its_loading_alone(monkeypatch):
    monkeypatch.undo()
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with threading_layer._short_waits():
        assert os.environ["GOMP_SPINCOUNT"] == threading_layer.SPINS
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    with threading_layer._short_waits():
        assert "GOMP_SPINCOUNT" not in os.environ


def test_the_number_holds_for_every_python_thread(monkeypatch):
    monkeypatch.undo()
    script = """
import threading
import numba
import numbanet
from numbanet.runtime import threads as _threads
_threads._affinity, _threads._cgroup_quota = (lambda: 2), (lambda: None)
net = numbanet.Sequential([numbanet.Affine(2)], (3,), ops=numbanet.reference)
_threads.apply()
def work():
    print(numba.get_num_threads())
    net.predict([[1, 2, 3]])
    print(numba.get_num_threads())
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    assert run(script, NUMBA_NUM_THREADS="3").split() == ["3", "2"]
