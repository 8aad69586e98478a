"""Threads are given up while other programs keep the cores, and the result is the same."""

import json
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from nets import digits

from numbanet import FullyConnectedNet, Solver, set_num_threads
from numbanet.cli import main
from numbanet.runtime import company as _company
from numbanet.runtime import threading_layer
from numbanet.runtime import threads as _threads


@pytest.fixture
def two(monkeypatch):
    """As on a machine of two cores whose user chose no number of threads; looked at after each call."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    monkeypatch.delenv(_threads.VARIABLE, raising=False)
    monkeypatch.setattr(_threads, "_chosen", None)
    monkeypatch.setattr(_threads, "_default", (2, "as if"))
    monkeypatch.setattr(_threads, "_machine_limits", lambda: [(2, "as if")])
    monkeypatch.setattr(_company, "WINDOW", 0.0)
    monkeypatch.setattr(_company, "SOON", 0.0)
    monkeypatch.setattr(_company, "LATER", 0.0)
    monkeypatch.setattr(_company, "OTHERS", -2.0)  # whether or not the others came to work
    _threads.apply()


def found(monkeypatch, *ratios):
    """What looks are to find, the last of these for good; gives the list of how often they looked."""
    looks = []

    def ratio(threads):
        looks.append(threads)
        return ratios[min(len(looks), len(ratios)) - 1]

    monkeypatch.setattr(_company, "ratio", ratio)
    return looks


def train(epochs=6, **options):
    """A training whose kernels go parallel; gives the solver and how many threads each epoch ended with."""
    data, threads = digits(), []
    model = FullyConnectedNet([96], 64, 10, weight_init="he_normal", seed=1)
    options = {"epochs": epochs, "batch_size": 128, "verbose": False, **options}
    solver = Solver(model, data, callbacks=[lambda *_: threads.append(_threads.get_num_threads())], **options)
    solver.train()
    return solver, threads


def test_where_several_threads_take_longer_one_goes_on_with_the_same_result(two, monkeypatch, capsys):
    looks = found(monkeypatch, 0.6)
    free, threads = train()
    assert set(threads) == {2}
    assert looks
    assert free.crowded is None
    found(monkeypatch, 5.0)
    crowded, threads = train(verbose=True)
    assert threads[-1] == 1
    assert threads.count(1) >= 5
    assert any(program.training and key[-1] == 1 for key, program in crowded.model.workspaces.main()._programs.items())
    assert "other programs keep this machine's cores busy, and 2 threads wait" in crowded.crowded
    assert capsys.readouterr().out.count("other programs keep") == 1
    assert np.array_equal(free.model.params.flat, crowded.model.params.flat)
    assert free.loss_history == crowded.loss_history
    assert _threads.get_num_threads() == 2  # once it is over


def test_the_threads_are_taken_up_again_where_they_pay(two, monkeypatch):
    found(monkeypatch, 5.0, 1.1, 0.6)  # 1.1 is not enough to go back
    solver, threads = train()
    assert threads[-1] == 2
    assert solver.crowded


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.2])
def test_as_fast_as_one_thread_is_no_reason(ratio, two, monkeypatch):
    found(monkeypatch, ratio)
    assert set(train()[1]) == {2}


def test_a_number_that_was_asked_for_is_kept(two, monkeypatch):
    looks = found(monkeypatch, 5.0)
    set_num_threads(2)
    assert set(train()[1]) == {2}
    set_num_threads(None)
    monkeypatch.setenv(_threads.VARIABLE, "2")
    assert set(train()[1]) == {2}
    monkeypatch.delenv(_threads.VARIABLE)
    with _threads.alone():
        assert set(train()[1]) == {1}
    assert looks == []


def test_threads_that_were_never_started_are_not_looked_at(two, monkeypatch):
    looks = found(monkeypatch, 5.0)
    monkeypatch.setattr(threading_layer, "is_started", lambda: False)
    data = digits()
    solver = Solver(FullyConnectedNet([4], 64, 10, seed=1), data, epochs=2, verbose=False)
    solver.train()
    assert looks == []


@pytest.mark.parametrize(
    ("seconds", "own", "every", "looks"),
    [
        (0.2, 0.1, 0.2, 0),  # too soon
        (0.3, 0.29, 0.5, 0),  # works all the time
        (0.3, 0.1, 0.103, 0),  # nobody else works: it waits for something else, or for its own core
        (0.3, 0.1, 0.12, 1),  # waits for others
        (0.3, 0.23, 0.26, 1),
        (4.9, 4.8, 9.0, 0),
        (5.1, 5.0, 9.9, 1),  # threads may wait without sleeping: now and then without a sign
        (5.1, 5.0, 5.01, 0),
    ],
)
def test_what_the_clocks_say(seconds, own, every, looks, monkeypatch):
    clocks, looked = [100.0, 10.0, 20.0], []
    for place, name in enumerate(("perf_counter", "thread_time", "process_time")):
        monkeypatch.setattr(_company, name, lambda place=place: clocks[place])
    monkeypatch.setattr(_company.Company, "_look", lambda self: looked.append(1))
    with _company.Company() as company:
        company._looked = clocks[0]
        company.note()
        assert looked == []
        clocks[:] = [100.0 + seconds, 10.0 + own, 20.0 + every]
        company.note()
    assert len(looked) == looks


def test_a_short_training_is_not_looked_at(two, monkeypatch):
    monkeypatch.setattr(_company, "SOON", 0.25)
    monkeypatch.setattr(_company, "LATER", 5.0)
    monkeypatch.setattr(_company, "_kernel", None)  # a look would fail
    with _company.Company() as company:
        for _ in range(100):
            company.note()


def test_a_look_compares_the_same_work(two, monkeypatch):
    one, both = (np.ones(2, np.uint64) for _ in range(2))
    _company._kernel.serial(one, np.uint64(5))
    _company._kernel.parallel(both, np.uint64(5))
    x = 1  # the definition, in Python's integers
    for _ in range(5):
        x ^= x << 13 & (2**64 - 1)
        x ^= x >> 7
        x ^= x << 17 & (2**64 - 1)
    assert one.tolist() == both.tolist() == [x, x]

    class Forms:  # of which the parallel one takes half as long again
        def serial(numbers, rounds):
            clock[0] += 2 * numbers.size

        def parallel(numbers, rounds):
            clock[0] += 3 * numbers.size

        parallel_in_turn = parallel

    clock = [0.0]
    monkeypatch.setattr(_company, "_kernel", Forms)
    monkeypatch.setattr(_company, "perf_counter", lambda: clock[0])
    assert _company.ratio(2) == 1.5


def test_train_says_it_in_a_line_and_with_the_option(two, monkeypatch, tmp_path, capsys):
    found(monkeypatch, 5.0)
    options = ["--hidden", "256", "--epochs", "3", "--batch-size", "128", "--output"]
    assert main(["train", *options, str(tmp_path / "crowded")]) == 0
    err = capsys.readouterr().err
    (line,) = [line for line in err.splitlines() if line.startswith("numbanet: note: ")]
    assert line.endswith("; --threads N keeps N")
    assert main(["train", *options, str(tmp_path / "asked"), "--threads", "2"]) == 0
    assert "note" not in capsys.readouterr().err
    set_num_threads(None)
    records = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("crowded", "asked")]
    assert [record["result"]["crowded"] for record in records] == [True, False]
    accuracies = [record["result"]["test_right"] for record in records]
    assert accuracies[0] == accuracies[1]


@pytest.mark.slow
def test_other_processes_that_never_rest(two, tmp_path):
    """For real: as many of them as there are cores, OpenMP's threads, and a network whose kernels go parallel."""
    script = "\n".join(
        [
            "import numpy as np, numbanet as nn",
            "digits = nn.data.load_digits()",
            "data = {'X_train': digits.X.reshape(-1, 64) / 16, 'y_train': digits.y}",
            "model = nn.FullyConnectedNet([256, 256], 64, 10, weight_init='he_normal', seed=0)",
            "solver = nn.Solver(model, data, epochs=40, batch_size=32, verbose=False)",
            "solver.train()",
            "print(solver.crowded is not None, float(model.params.flat.sum()).hex())",
        ]
    )
    environment = {**os.environ, "NUMBA_THREADING_LAYER": "omp"}

    def run(**more):
        done = subprocess.run(
            [sys.executable, "-c", script], env={**environment, **more}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        noticed, crowded = run()
    finally:
        for process in spinning:
            process.kill()
            process.wait()
    assert noticed == "True"
    assert run(NUMBANET_NUM_THREADS="1") == ["False", crowded]
