"""Processes that fork while other threads train: no lock stays closed in the child."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# The threads lower networks all the time, and so are inside LLVM or about to be; children do the same.
FORKING = """
import os, signal, sys, threading, warnings
import numpy as np
import numbanet as nn
warnings.simplefilter("ignore")  # of forking with threads, which is what this is about
X, y = np.ones((40, 6), np.float32), np.arange(40) % 3

def work(epochs=1):
    net = nn.FullyConnectedNet([8], 6, 3, seed=0)
    nn.Solver(net, {"X_train": X, "y_train": y}, epochs=epochs, batch_size=20, verbose=False).train()
    return net.predict(X).tobytes()

def loop():
    while not done.is_set():
        work()

right, done = work(), threading.Event()
threads = [threading.Thread(target=loop) for _ in range(3)]
for thread in threads:
    thread.start()
ends = []
for fork in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # kills it
        os._exit(0 if work() == right else 1)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if ends[-1] == -signal.SIGALRM:
        break
done.set()
for thread in threads:
    thread.join()
print(len(ends), sum(end == 0 for end in ends))
"""


@pytest.mark.parametrize("forks", [30, pytest.param(500, marks=pytest.mark.slow)])
def test_children_of_a_process_whose_threads_train(forks):
    command = [sys.executable, "-c", FORKING, str(forks)]
    environment = {**os.environ, "NUMBANET_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(forks), str(forks)]


COMPILING = """
import os, signal, threading, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from numbanet.runtime.forks import LOCKS
from numbanet.kernels import relu_forward, sigmoid_forward
x = np.array([-1.0, 2.0], np.float32)
compiling = threading.Thread(target=lambda: relu_forward.serial(x, np.empty_like(x)))
held = threading.Event()
lock = LOCKS[0]
acquire = type(lock).acquire
def noted(self):
    acquire(self)
    held.set()
type(lock).acquire = noted
compiling.start()
held.wait()  # the other thread is at it
child = os.fork()
if child == 0:
    signal.alarm(60)
    out = np.empty_like(x)
    sigmoid_forward.serial(x, out)
    os._exit(0 if abs(out[0] - 0.26894143) < 1e-6 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
compiling.join()
"""


def test_a_fork_while_another_thread_compiles(tmp_path):
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", COMPILING], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["0"], done.stderr


INTERRUPTED = """
import os, signal, threading
from numbanet.runtime.forks import LOCKS
first, second, *_ = LOCKS
held, go = threading.Event(), threading.Event()

def hold():
    with second:
        held.set()
        go.wait()

def press(*_):
    raise KeyboardInterrupt

def look():
    with first, second:
        print("open")

thread = threading.Thread(target=hold)
thread.start()
held.wait()
signal.signal(signal.SIGALRM, press)
signal.setitimer(signal.ITIMER_REAL, 0.2)  # while the fork waits for the second
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
go.set()
thread.join()
looking = threading.Thread(target=look, daemon=True)
looking.start()
looking.join(20)
"""


def test_a_fork_that_ctrl_c_ends_the_waiting_of_leaves_nothing_locked():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert done.stdout.split() == ["open"], done.stderr
