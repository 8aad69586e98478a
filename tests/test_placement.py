"""Threads of OpenMP that share a CPU are moved to free ones."""

import sys
import threading

import numba
import numpy as np
import pytest

from numbanet.kernels import affine_forward
from numbanet.runtime import placement, threading_layer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says and sets where a thread runs")

OWN = threading.get_native_id()


@pytest.fixture
def moves(monkeypatch):
    """Where threads were told to run, as (thread, CPUs), on a machine of four CPUs."""
    told = []
    monkeypatch.setattr("os.sched_getaffinity", lambda thread: {0, 1, 2, 3})
    monkeypatch.setattr("os.sched_setaffinity", lambda thread, cpus: told.append((thread, cpus)))
    return told


def test_a_thread_on_the_callers_cpu_is_moved_and_kept_off_it(moves):
    placement._spread([OWN, 77], [2, 2])
    assert moves == [(77, {3}), (77, {0, 1, 3})]


def test_each_of_several_gets_a_cpu_of_its_own(moves):
    placement._spread([71, 72, OWN, 73], [1, 1, 1, 0])
    assert [cpus for _, cpus in moves[::2]] == [{3}, {2}]
    assert {thread for thread, _ in moves} == {71, 72}


def test_nothing_is_moved_where_no_cpu_is_free(moves):
    placement._spread([OWN, 71, 72, 73, 74], [0, 1, 2, 3, 3])
    assert moves == []


def test_the_pool_is_looked_at_now_and_then(monkeypatch):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    a = np.ones((4, 4), np.float32)
    affine_forward.parallel(a, a, a[0], a.copy())
    if threading_layer.start() != "omp":
        pytest.skip(f"the threading layer is {threading_layer.start()}")
    spread, look = [], placement._compiled_look()

    def look_alike(threads, cpus):
        look(threads, cpus)
        cpus[:] = 0  # as if they shared one

    monkeypatch.setattr(placement, "_spread", lambda threads, cpus: spread.append(threads))
    monkeypatch.setattr(placement, "_compiled_look", lambda: look_alike)
    numba.set_num_threads(2)
    look_alike(np.zeros(2, np.int64), np.zeros(2, np.int64))  # compiles, which takes longer than a moment
    monkeypatch.setattr(placement, "_due", 0.0)
    monkeypatch.setattr(placement, "INTERVAL", 3600.0)  # whatever else is running
    placement.keep_apart()
    placement.keep_apart()  # too soon
    (threads,) = spread
    assert OWN in threads
    assert len(set(threads)) == 2
