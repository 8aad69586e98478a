"""Processes that take turns, so that what the machine does meanwhile happens to all of them alike."""

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from .options import CPUS

GRAFT = Path(__file__).with_name("graft.py")
CODE = "import runpy, sys; runpy.run_path({!r}); from numbanet.bench.worker import main; main()"
ROOT = Path(__file__).resolve().parents[2]

# Threads of a pool spin for a while after work, for the next piece. That is left on, since it is how each library is
# fastest; but nobody's turn begins before the last one's threads have gone to sleep. (libgomp's spin for about 10 ms,
# OpenBLAS' were seen to for 100.)
PAUSE_SECONDS = 0.150
KERNELS_PAUSE_SECONDS = 0.010  # where all workers run nothing but kernels, whose threads soon sleep


ANSWER_SECONDS = 1800  # the longest that an answer takes is the compiling of a network, minutes on a busy machine


class WorkerFailed(RuntimeError):
    """A worker answered with an error, died, or was ended for want of an answer.

    The message's first line says what it was; a traceback may follow.
    """


class Worker:
    """A process of its own that measures; see `worker`.

    Parameters
    ----------
    threads : int
        For every library in it, by the variables they read as well as by their own functions.
    root : path
        The folder that holds the `numbanet` to import: another checkout, or by default this one.
    """

    def __init__(self, threads, root=ROOT):
        # No thread pool of BLAS, OpenMP or XLA gets more than that.
        count = str(threads)
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBANET_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, count), "PYTHONPATH": str(root)}
        if threads > CPUS:  # which then share them
            environment["NUMBA_NUM_THREADS"] = count
        # Settings of one machine's BLAS, often for reproducibility, that would show NumPy slower than it is.
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(name, None)
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE.format(str(GRAFT)), count, str(root)],
            cwd=root,  # which Python looks in before PYTHONPATH
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the process that asks; this one ends when its input does
        )

    def prepare(self, identities):
        """Make benchmarks ready in place of those before; returns the ids of those that exist."""
        return self._ask(prepare=list(identities))

    def samples(self, count):
        """Seconds for each benchmark that is ready: a dict of lists by id."""
        return self._ask(samples=count)

    def _ask(self, **request):
        patience = threading.Timer(ANSWER_SECONDS, self._process.kill)
        patience.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            patience.cancel()
        if not line.endswith("\n"):  # nothing, or as far as it came
            raise WorkerFailed(f"a worker ended with status {self._process.wait()} on {request}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(f"{request}: {answer['error'].splitlines()[-1]}\n{answer['error']}")
        return answer["answer"]

    def close(self):
        with contextlib.suppress(BrokenPipeError):  # what was not sent to one that has ended
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def blocks(workers, count, samples, pause=PAUSE_SECONDS, rng=random):
    """Measure what the workers have ready in `count` blocks; in each, every worker has one turn, in random order.

    `pause`, in seconds, comes before each turn.

    Returns a list of dicts: for each block, the samples in seconds by (worker, id).
    """
    workers = dict(workers)
    taken = []
    for _ in range(count):
        block = {}
        for name in rng.sample(list(workers), len(workers)):
            time.sleep(pause)
            block.update(((name, identity), got) for identity, got in workers[name].samples(samples).items())
        taken.append(block)
    return taken
