"""Training for long: memory stays where it is, and nothing new is compiled."""

import numpy as np
import pytest

from numbanet import FullyConnectedNet, Solver
from numbanet.runtime.machine import Compilations


def resident():
    """Memory that this process has in use, in bytes."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        pytest.skip("reads /proc")


def take_steps(solvers, count):
    """`count` steps in all, by solvers of one model in turns, each of which has a batch size of its own."""
    taken = 0
    while taken < count:
        for solver in solvers:
            before = solver.step
            solver.run()
            for name in (*solver.history, "step_loss"):  # one number a step is what histories are for
                del solver.history[name][:]
            taken += solver.step - before


@pytest.mark.parametrize(
    ("warm", "count"),
    [(2_000, 5_000), pytest.param(20_000, 1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])],
)
def test_steps_with_changing_batch_sizes_use_no_more_memory(warm, count):
    rng = np.random.default_rng(0)
    data = {"X_train": rng.standard_normal((60, 8)).astype(np.float32), "y_train": rng.integers(3, size=60)}
    model = FullyConnectedNet([16], 8, 3, seed=0)
    sizes = (4, 6, 7, 9, 10, 12)  # with what is left over for the last batch, eight in all
    options = {"num_train_samples": 1, "epochs": 5, "verbose": False}
    solvers = [Solver(model, data, batch_size=size, **options) for size in sizes]
    take_steps(solvers, warm)
    before = resident()
    compiled = []
    with Compilations(lambda: compiled.append(True)):
        take_steps(solvers, count)
    assert compiled == []
    assert resident() - before < 2 * 2**20
