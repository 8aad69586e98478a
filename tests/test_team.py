"""The team of threads that runs programs: each part once, no part before its time, and manners towards all others."""

import json
import os
import subprocess
import sys
import threading
import time

import numba
import numpy as np
import pytest
from nets import digits
from numba import prange

import numbanet
from numbanet import Affine, ReLU, Sequential, Solver
from numbanet.cli import main
from numbanet.runtime import call_table, contexts, leading, sharing, team
from numbanet.runtime import threads as _threads
from numbanet.runtime.call_table import Call, Table

THREADS = 4  # on two cores or more


@pytest.fixture
def pool(monkeypatch):
    """A pool of its own for the test, as on a machine of four cores."""
    monkeypatch.setattr(_threads, "_machine_limits", lambda: [(THREADS, "as if")])
    monkeypatch.setattr(_threads, "_chosen", THREADS)
    monkeypatch.setattr(sharing, "meeting_nanoseconds", lambda count: 50.0)
    pool = team.Pool()
    monkeypatch.setattr(team, "pool", pool)
    yield pool
    pool.close()
    assert not any(thread.is_alive() for thread in pool._threads)


def table(*operations):
    """Of (function, arguments), all of them shared; walked together each time."""
    return Table([Call(kernel.serial, arguments, 1e6) for kernel, arguments in operations], always=True)


@numbanet.kernel
def add_one(numbers):
    for i in prange(numbers.size):
        numbers[i] += 1


@numbanet.kernel
def three_loops(a, b, c):
    n = a.size
    for i in prange(n):
        a[i] += 1
    for i in prange(n):
        b[i] = a[n - 1 - np.int64(i)] + 1
    for i in prange(n):
        c[i] += b[n - 1 - np.int64(i)] + 1


@numbanet.kernel
def other_ways(a, b, c):
    for i in numba.prange(3, a.size):
        a[i] += i
    for i in prange(b.shape[0]):
        for j in prange(b.shape[1]):  # within another: all of it
            b[i, j] += 1
    for i in prange(c.size - 10):  # none, where c is short
        c[i] += 1


@numbanet.kernel
def refuse(numbers, bad):
    for i in prange(numbers.size):
        if numbers[i] == bad:
            raise ValueError("a bad number")


@pytest.mark.parametrize("size", [0, 1, 3, 1000, 1001])
def test_every_part_is_done_once(pool, size):
    numbers = np.zeros(size, np.int64)
    its = table(*[(add_one, (numbers,))] * 50)
    for _ in range(100):
        its.walk()
    assert np.all(numbers == 5000)
    assert len(pool.members()) == THREADS - 1


def test_a_loop_begins_when_all_of_the_one_before_is_done(pool):
    a, b, c = (np.zeros(64, np.int64) for _ in range(3))
    its = table(*[(three_loops, (a, b, c))] * 20)
    for _ in range(100):
        its.walk()
    steps = 2000
    assert np.all(a == steps)
    assert np.all(b == steps + 1)
    assert np.all(c == sum(range(1, steps + 1)) + 2 * steps)


def test_loops_from_a_number_on_within_others_and_empty_ones(pool):
    a, b, c = np.zeros(20, np.int64), np.zeros((5, 7), np.int64), np.zeros(4, np.int64)
    table((other_ways, (a, b, c))).walk()
    assert a.tolist() == [0, 0, 0, *range(3, 20)]
    assert np.all(b == 1)
    assert not c.any()


@pytest.mark.parametrize("place", [0, 500, 999])
def test_an_exception_is_raised_whoever_meets_it(pool, place):
    numbers, after = np.arange(1000), np.zeros(1000, np.int64)
    its = table((add_one, (after,)), (refuse, (numbers, place)), (add_one, (after,)))
    for _ in range(20):
        with pytest.raises(ValueError, match="a bad number"):
            its.walk()
        assert its.raised() == 1
    fine = table((refuse, (numbers, -1)), (add_one, (numbers,)))
    fine.walk()
    assert numbers.tolist() == [*range(1, 1001)]


def test_calls_of_several_threads_at_once(pool):
    counts = [np.zeros(300, np.int64) for _ in range(3)]

    def walk(numbers):
        its = table(*[(add_one, (numbers,))] * 20)
        for _ in range(100):
            its.walk()

    callers = [threading.Thread(target=walk, args=(numbers,)) for numbers in counts]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert all(np.all(numbers == 2000) for numbers in counts)
    assert pool.numbers[leading.COMPUTING] == 0


@pytest.mark.parametrize(("others", "together"), [(0, 4), (1, 3), (3, 1), (7, 1)])
def test_a_call_takes_the_threads_that_are_left(pool, others, together):
    its = table((add_one, (np.zeros(100, np.int64),)))
    its.walk()
    pool.numbers[leading.COMPUTING] = others
    its.walk()
    assert pool._here.lead.numbers[contexts.TOGETHER] == together
    assert pool.numbers[leading.COMPUTING] == others


def test_members_sleep_while_there_is_nothing_to_do(pool):
    table((add_one, (np.zeros(100, np.int64),))).walk()
    deadline = time.monotonic() + 60
    while not all(pool.numbers[place + leading.SLEEPING] for place in pool.members()):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_call_with_little_to_do_wakes_nobody(pool, monkeypatch):
    its = table((add_one, (np.zeros(100, np.int64),)))
    its.walk()
    test_members_sleep_while_there_is_nothing_to_do(pool)
    its._nanoseconds = team.ROUSING_NS / 2
    its.walk()
    assert pool._here.lead.numbers[contexts.TOGETHER] == 1
    assert all(pool.numbers[place + leading.SLEEPING] for place in pool.members())


def test_after_a_thread_was_stopped_no_team_for_a_while_and_longer_each_time(pool, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(team, "perf_counter", lambda: clock[0])
    lead, pauses = pool.lead(2), []
    for _ in range(8):
        lead.numbers[contexts.STALLED] = 1
        pool.note(lead)
        assert pool.lead(2) is None
        pauses.append(round(pool._until - clock[0], 6))
        clock[0] = pool._until
        assert pool.lead(2) is lead
        assert bool(team.crowded()) == (pauses[-1] >= team.CROWDED)
    assert pauses == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0]
    lead.numbers[contexts.STALLED] = 0
    for _ in range(40):
        pool.note(lead)
    lead.numbers[contexts.STALLED] = 1
    pool.note(lead)
    assert pool._pause == team.SHORTEST


def test_the_faster_way_is_taken_and_the_other_tried_now_and_then():
    def walked(seconds, calls=400):
        turns, ways = call_table.Turns(), []
        for number in range(calls):
            ways.append(turns.together)
            turns.note(seconds(number)[turns.together], turns.together)
        return ways

    alone, together = walked(lambda number: (1.0, 1.5)), walked(lambda number: (1.0, 0.6))
    assert alone[0]
    assert alone[:16].count(True) < 8
    assert 3 < alone[100:].count(True) < 10
    assert together.count(True) > 380
    assert not all(together)
    changing = walked(lambda number: (1.0, 1.5 if number < 200 else 0.6), 1000)
    assert changing[100:200].count(True) < 5
    assert changing[600:].count(True) > 380


def test_what_a_meeting_costs_is_kept(tmp_path, monkeypatch):
    measured = []
    monkeypatch.setattr(sharing, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(sharing, "measured", lambda count: measured.append(count) or 70.0 * count)
    assert [sharing.meeting_nanoseconds.__wrapped__(count) for count in (2, 2, 3)] == [140.0, 140.0, 210.0]
    assert measured == [2, 3]
    for content in ("", "{", "[]", '{"nanoseconds": "x"}', '{"nanoseconds": 1e9}', '{"nanoseconds": -1}'):
        (tmp_path / "meeting-2.json").write_text(content)
        assert sharing.meeting_nanoseconds.__wrapped__(2) == 140.0
    assert len(measured) == 8
    assert json.loads((tmp_path / "meeting-2.json").read_text()) == {"threads": 2, "nanoseconds": 140.0}


@pytest.mark.parametrize(("found", "counts"), [(3.0, 10.0), (np.inf, 5000.0)])
def test_a_measurement_that_cannot_be_is_not_kept(found, counts, tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(sharing, "measured", lambda count: found)
    assert sharing.meeting_nanoseconds.__wrapped__(2) == counts
    assert not (tmp_path / "meeting-2.json").exists()


def test_a_measurement(pool):
    assert sharing.measured(2) > 0
    pool._until = np.inf  # no team is to be had
    assert sharing.measured(2) == np.inf


@pytest.mark.parametrize(
    ("speeds", "fast"),
    [("1024 1024 446 446", 2), ("1024 980 990 830", None), ("1 2 3 4", 1), ("1024 446", None), ("", None)],
)
def test_cores_that_are_slower_are_left_out(speeds, fast, tmp_path, monkeypatch):
    monkeypatch.setattr(_threads, "CPUS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {*range(4)})
    for cpu, speed in enumerate(speeds.split()):
        (tmp_path / f"cpu{cpu}" / "cpufreq").mkdir(parents=True)
        name = "cpu_capacity" if cpu % 2 else "cpufreq/cpuinfo_max_freq"
        (tmp_path / f"cpu{cpu}" / name).write_text(speed + "\n")
    assert _threads._fast_cores() == fast
    monkeypatch.setattr(_threads, "_machine_limits", lambda: [(4, "CPUs")])
    monkeypatch.setattr(_threads, "_default", None)
    monkeypatch.delenv(_threads.VARIABLE, raising=False)
    assert _threads._decided()[0] == (4 if fast is None else fast)


def network():
    return Sequential([Affine(64), ReLU(), Affine(10)], 64, seed=0)


@pytest.mark.parametrize(("models", "each"), [(1, 4), (2, 2), (3, 1), (5, 1)])
def test_models_that_train_at_once_share_the_cores(pool, models, each):
    counts = []
    note = numbanet.callbacks.Callback(on_epoch_end=lambda solver, logs: counts.append(_threads.get_num_threads()))
    solvers = [Solver(network(), digits(), epochs=2, verbose=False, callbacks=[note]) for _ in range(models)]
    numbanet.train_many(solvers)
    assert counts == [each] * 2 * models
    assert len({solver.model.params.flat.tobytes() for solver in solvers}) == 1


def test_train_says_that_others_keep_the_cores(pool, monkeypatch, tmp_path, capsys):
    told = []
    for pause in (0.0, team.LONGEST):
        pool._pause = pause
        folder = tmp_path / str(pause)
        assert main(["train", "--hidden", "8", "--epochs", "1", "--output", str(folder)]) == 0
        told.append([line for line in capsys.readouterr().err.splitlines() if "note" in line])
        assert json.loads((folder / "run.json").read_text())["result"]["crowded"] == bool(pause)
    assert [len(lines) for lines in told] == [0, 1]
    assert told[1][0].startswith("numbanet: note: other programs keep this machine's cores busy")


# In processes of their own.

TRAINING = """
import os, signal, sys, threading, time, warnings
import numpy as np
import numbanet as nn
from numbanet.runtime import sharing, team, threading_layer, threads
threads._machine_limits = lambda: [(4, "as if")]
sharing.meeting_nanoseconds = lambda count: 50.0
warnings.simplefilter("ignore")  # of forking with threads, which is what this is about
nn.set_num_threads(4)
rng = np.random.default_rng(0)
X, y = rng.standard_normal((256, 64)).astype(np.float32), np.arange(256) % 10

def work(epochs=3):
    net = nn.FullyConnectedNet([96, 64], 64, 10, seed=0)
    nn.Solver(net, {"X_train": X, "y_train": y}, epochs=epochs, batch_size=64, verbose=False).train()
    return net.predict_proba(X).tobytes()
"""


def run(script, **environment):
    done = subprocess.run(
        [sys.executable, "-c", TRAINING + script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_numbas_threads_are_not_started():
    script = """
right = work()
assert len(team.pool.members()) == 3, team.pool.members()
assert not threading_layer.is_started()
nn.set_num_threads(1)
assert work() == right
print("same")
"""
    assert run(script, NUMBA_THREADING_LAYER="omp") == "same\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_a_team_of_its_own():
    script = """
right = work()
done = threading.Event()
def loop():
    while not done.is_set():
        work()
others = [threading.Thread(target=loop) for _ in range(2)]
for thread in others: thread.start()
ends = []
for fork in range(10):
    child = os.fork()
    if child == 0:
        signal.alarm(100)  # kills it
        same = work() == right
        os._exit(0 if same and sum(thread.is_alive() for thread in team.pool._threads) == 3 else 1)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
done.set()
for thread in others: thread.join()
assert work() == right
print(ends)
"""
    assert run(script) == f"{[0] * 10}\n"


def test_a_process_ends_while_a_thread_trains():
    script = """
threading.Thread(target=work, args=(10**6,), daemon=True).start()
while not team.pool.members(): time.sleep(0.001)
time.sleep(0.05)
print("end")
"""
    assert run(script) == "end\n"


def test_signals_are_for_the_main_thread():
    if not hasattr(__import__("signal"), "pthread_kill"):
        pytest.skip("signals")
    script = """
work()
blocked = [line.split()[1] for number in os.listdir("/proc/self/task") if int(number) != os.getpid()
           for line in open(f"/proc/self/task/{number}/status") if line.startswith("SigBlk")]
print(len([mask for mask in blocked if int(mask, 16) & 1 << (signal.SIGINT - 1)]))
"""
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("only Linux")
    assert run(script) == "3\n"
