"""Kernels on the stacks of threads that have small ones: macOS gives 512 KiB, `ulimit -s` what one asks for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from numbanet.operations import FAMILIES

KIB = 1024
ROOM = 256 * KIB  # half of macOS's, and Python and the threading layer need some of it too

# Every case of every kernel, in both forms, in a thread of Python's with so small a stack. Compiling needs a larger
# one, so each form is compiled first, by a call in the main thread.
CODE = """
import sys
import threading
import numpy as np
from cases import CASES
from numbanet import kernels
from numbanet.operations import OPERATIONS
from numbanet.runtime import threads as _threads

def run(form, name, dtype, cases):
    for case in cases:
        form(*case.build(np.random.default_rng(0), np.dtype(dtype)).values())

threading.stack_size(int(sys.argv[1]))
_threads.apply()
for name, cases in CASES.items():
    if OPERATIONS[name].family != sys.argv[2]:
        continue
    for form in (getattr(kernels, name).serial, getattr(kernels, name).parallel):
        for dtype in (np.float32, np.float64):
            run(form, name, dtype, cases)
            print(name, dtype.__name__, flush=True)
            thread = threading.Thread(target=run, args=(form, name, dtype, cases))
            thread.start()
            thread.join()
print("all")
"""


def run(family):
    environment = {**os.environ, "OMP_STACKSIZE": f"{ROOM // KIB}K", "NUMBANET_NUM_THREADS": "2"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", CODE, str(ROOM), family]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_fit_into_256_kib(family):
    done = run(family)
    assert done.stdout.splitlines()[-1:] == ["all"], (done.returncode, done.stderr[-2000:])
