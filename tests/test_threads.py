"""How many threads are used: the smallest of what the machine, the control group and the user allow."""

import numba
import numpy as np
import pytest

from numbanet.kernels import _threads, relu_forward


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
        path.parent.mkdir(exist_ok=True)
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
    with pytest.raises(ValueError, match=f"NUMBANET_NUM_THREADS: expected a whole number of at least 1, got '{text}'"):
        _threads.get_num_threads()


def test_set_num_threads_and_back():
    _threads.set_num_threads(2)
    assert _threads.choice() == (2, "numbanet.set_num_threads")
    _threads.set_num_threads(None)
    assert _threads.get_num_threads() == 8


@pytest.mark.parametrize(
    ("count", "error", "message"),
    [
        (0, ValueError, "expected 1 to 16 threads"),
        (17, ValueError, "expected 1 to 16 threads"),
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


def test_quota_of_version_1(write):
    write("cpu/cpu.cfs_period_us", "50000\n")
    write("cpu/cpu.cfs_quota_us", "-1\n")
    assert _threads._cgroup_quota() is None
    write("cpu/cpu.cfs_quota_us", "100000\n")
    assert _threads._cgroup_quota() == 2


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
    monkeypatch.setattr(_threads, "apply", lambda: None)  # would start numba's pool with more threads than it has
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
