"""Compiling side by side: in other processes where these can be had, here where not, and nothing twice."""

import os
import signal
import subprocess
import sys

import pytest

from numbanet import kernels
from numbanet.runtime import ahead, call_table

HERE = "print('here', flush=True);"


@pytest.fixture
def jobs(monkeypatch):
    """Three, of which it is noted where they are done; they compile nothing."""
    done = []

    class Job:
        def __init__(self, number):
            self.number, self.ready, self.seconds = number, False, number

        def run(self):
            done.append(self.number)

    monkeypatch.setattr(ahead.pickle, "dumps", lambda job: b"%d" % job.number)
    monkeypatch.setattr(ahead, "can_start", lambda: True)
    return [Job(number) for number in (1, 3, 2)], done


def numbers(finished):
    return sorted(job.number for job in finished)


def test_here_the_largest_comes_first(jobs):
    jobs, done = jobs
    assert numbers(ahead.side_by_side(jobs, 1)) == [1, 2, 3]
    assert done == [3, 2, 1]


@pytest.mark.parametrize(
    "process",
    [
        "",  # ends at once
        HERE,
        HERE + "input()",  # ends with a job
        HERE + "import os; input(); os.kill(os.getpid(), 9)",
        HERE + "[print('done', flush=True) for _ in iter(input, None)]",  # says that it has done what it has not
        "import time; time.sleep(1000)",
        HERE + "import time; time.sleep(1000)",  # never ends the first job
    ],
)
def test_what_a_process_leaves_is_done_here(jobs, process, monkeypatch):
    jobs, done = jobs
    monkeypatch.setattr(ahead, "COMMAND", process)
    monkeypatch.setattr(ahead, "PATIENCE", 0.2)
    assert numbers(ahead.side_by_side(jobs, 3)) == [1, 2, 3]
    assert sorted(done) == [1, 2, 3]


def test_without_a_process_all_is_done_here(jobs, monkeypatch):
    def refuse(*args, **kwargs):
        raise BlockingIOError("no more processes")

    jobs, done = jobs
    monkeypatch.setattr(ahead.subprocess, "Popen", refuse)
    assert numbers(ahead.side_by_side(jobs, 3)) == [1, 2, 3]
    assert done == [3, 2, 1]


def test_processes_end_with_an_exception(jobs, monkeypatch):
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(ahead.subprocess, "Popen", Popen)
    monkeypatch.setattr(ahead, "COMMAND", "import time; time.sleep(1000)")
    jobs, _ = jobs
    jobs[1].run = lambda: signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        numbers(ahead.side_by_side(jobs, 3))
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


@pytest.mark.parametrize(
    ("executable", "frozen", "can"),
    [
        (sys.executable, False, True),
        (r"C:\Python\pythonw.exe", False, True),
        ("/usr/bin/blender", False, False),
        ("", False, False),
        (None, False, False),
        ("/opt/python-app/python", True, False),
    ],
)
def test_only_a_python_is_started(executable, frozen, can, monkeypatch):
    monkeypatch.setattr(ahead.sys, "executable", executable.replace("\\", os.sep) if executable else executable)
    monkeypatch.setattr(ahead.sys, "frozen", frozen, raising=False)
    assert ahead.can_start() == can


def test_jobs_say_where_functions_stand_and_how_large_they_are():
    form = kernels.relu_forward.serial
    job = ahead.Job.of(form, form.signatures[0] if form.signatures else ())
    assert job.dispatcher is form
    assert ahead.Job.of(*call_table.WALK).dispatcher is call_table.WALK[0]
    product, relu = (ahead.Job.of(kernel.serial, ()) for kernel in (kernels.affine_forward, kernels.relu_forward))
    assert product.seconds > 10 * relu.seconds  # with all that it calls


@pytest.mark.parametrize(("seconds", "processes"), [([0.1, 0.2], 1), ([2.0, 2.0], 2), ([9.0], 1), ([9.0] * 9, 4)])
def test_processes_are_started_where_they_pay(seconds, processes, monkeypatch):
    class Job:
        pass

    jobs = [Job() for _ in seconds]
    for job, each in zip(jobs, seconds, strict=True):
        job.seconds = each
    monkeypatch.setattr(ahead, "get_num_threads", lambda: 8)
    assert ahead._processes(jobs) == processes
    monkeypatch.setattr(ahead, "get_num_threads", lambda: 1)
    assert ahead._processes(jobs) == 1


def run(script, cache, *arguments):
    command = [sys.executable, "-c", script, *arguments]
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(cache), "NUMBANET_NUM_THREADS": "2"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Notes the names of all functions that are compiled.
NOTES = """
compiled = []
class Notes(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].__name__)
    def on_end(self, event):
        pass
event.register("numba:compile", Notes())
"""

# What is compiled here of a small network's training, and whether other processes are had.
TRAINING = """
import sys
import numpy as np
import numbanet as nn
from numba.core import event
from numbanet.runtime import ahead, threads
threads.limit = lambda: 2
ahead.get_num_threads = lambda: 2
ahead.START_SECONDS = float(sys.argv[1])
others = []
NOTES
start = ahead._Workers._start
def started(self):
    others.append(start(self))
    return others[-1]
ahead._Workers._start = started
net = nn.FullyConnectedNet([3], 4, 2, seed=1)
X, y = np.random.default_rng(0).standard_normal((8, 4)), np.arange(8) % 2
nn.Solver(net, {"X_train": X, "y_train": y}, batch_size=4, epochs=1, verbose=False).train()
print(len(others), "product" in compiled, "softmax_loss" in compiled, net.params.flat.tobytes().hex())
""".replace("NOTES", NOTES)


@pytest.mark.slow
def test_a_network_is_compiled_in_two_processes_and_learns_the_same(tmp_path):
    others, product, loss, alone = run(TRAINING, tmp_path / "one", "1000").split()
    assert (others, product, loss) == ("0", "True", "True")
    others, product, loss, together = run(TRAINING, tmp_path / "two", "0.1").split()
    assert others == "1"
    assert [product, loss].count("True") < 2  # one of the two largest is the other's
    assert together == alone
    assert run(TRAINING, tmp_path / "two", "0.1").split() == ["0", "False", "False", alone]


# Eight processes that begin at the same moment, with an empty cache; what each has compiled.
TOGETHER = """
import os
import numpy as np
from numba.core import event
from numbanet.kernels._gemm import matmul
a = np.ones((2, 2), np.float32)
NOTES
read, write = os.pipe()
start, go = os.pipe()
stay, leave = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        os.close(go)
        os.close(leave)
        os.read(start, 1)  # ends when all of them are there
        out = np.empty_like(a)
        matmul.serial(a, a, out)
        os.write(write, f"{out.tolist()} {[name for name in compiled if name in ('product', 'matmul')]}\\n".encode())
        os.read(stay, 1)  # ends when all are through, none of which waits for another's end
        os._exit(0)
os.close(go)
lines = os.fdopen(read)
for _ in range(8):
    print(lines.readline(), end="")
os.close(leave)
assert [os.wait()[1] for _ in range(8)] == [0] * 8
""".replace("NOTES", NOTES)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_eight_cold_processes_compile_nothing_twice(tmp_path):
    lines = sorted(run(TOGETHER, tmp_path).splitlines())
    right = "[[2.0, 2.0], [2.0, 2.0]]"
    assert lines == [f"{right} ['matmul', 'product']", *[f"{right} []"] * 7]


# Says when it compiles, and then does so for ever or not; and when it waits for another process.
COMPILING = """
import sys, time
import numpy as np
from numba.core import event
from numbanet.kernels import relu_forward
from numbanet.runtime.machine import ELSEWHERE
class Notes(event.Listener):
    def on_start(self, event):
        print("compiles" if event.data else "waits", flush=True)
        time.sleep(1000 if event.data and sys.argv[1] == "for ever" else 0)
    def on_end(self, event):
        pass
for kind in ("numba:compile", ELSEWHERE):
    event.register(kind, Notes())
x = np.array([-1.0, 2.0], np.float32)
relu_forward.serial(x, x)
print(x.tolist())
"""


def test_whoever_is_killed_while_it_compiles_holds_nobody_up(tmp_path):
    def start(how):
        return subprocess.Popen(
            [sys.executable, "-c", COMPILING, how], env=environment, stdout=subprocess.PIPE, text=True
        )

    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(tmp_path)}
    with start("for ever") as first:
        assert first.stdout.readline() == "compiles\n"
        with start("once") as second:
            assert second.stdout.readline() == "waits\n"
            first.kill()
            first_line, *_, result = second.communicate(timeout=100)[0].splitlines()
            assert (first_line, result) == ("compiles", "[0.0, 2.0]")
