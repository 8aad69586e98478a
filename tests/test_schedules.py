"""Learning rates that change from epoch to epoch."""

import numpy as np
import pytest

import numbanet
from numbanet import schedules


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (schedules.exponential(0.8, 0.5), [0.8, 0.4, 0.2, 0.1, 0.05]),
        (schedules.step(0.8, 2, 0.5), [0.8, 0.8, 0.4, 0.4, 0.2]),
        (schedules.cosine(0.8, 4), [0.8, 0.4 + 0.2 * 2**0.5, 0.4, 0.4 - 0.2 * 2**0.5, 0]),
    ],
)
def test_values(schedule, rates):
    np.testing.assert_allclose([schedule(epoch) for epoch in range(5)], rates, rtol=1e-15, atol=1e-15)


def test_cosine_stays_down():
    assert schedules.cosine(0.8, 4)(7) == 0


def test_schedules_are_those_of_torch():
    torch = pytest.importorskip("torch")
    for ours, theirs in (
        (schedules.exponential(0.8, 0.7), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.7)),
        (schedules.step(0.8, 3, 0.1), lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.1)),
        (schedules.cosine(0.8, 10), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10)),
    ):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
        scheduler = theirs(optimizer)
        for epoch in range(11):
            assert ours(epoch) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-12)
            optimizer.step()
            scheduler.step()


def test_a_solver_follows():
    seen, rate = [], schedules.step(0.5, 2, 0.1)
    X = np.random.default_rng(0).standard_normal((20, 3))
    solver = numbanet.Solver(
        numbanet.FullyConnectedNet([4], 3, 2, seed=0),
        {"X_train": X, "y_train": np.arange(20) % 2},
        **{"optimizer_options": {"learning_rate": rate(0)}, "epochs": 4, "batch_size": 10, "verbose": False},
        callbacks=[
            schedules.follow(rate),
            numbanet.callbacks.Callback(on_step_end=lambda solver, logs: seen.append(solver.learning_rate)),
        ],
    )
    solver.train()
    np.testing.assert_allclose(seen, [0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.05])  # a step ends before its epoch does


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.exponential(-1, 0.5), "learning_rate: expected a number in"),
        (lambda: schedules.exponential(1, 0), "factor: expected a number in"),
        (lambda: schedules.step(1, 0, 0.5), "every: expected an integer of at least 1, got 0"),
        (lambda: schedules.cosine(1, 0), "epochs: expected an integer of at least 1, got 0"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()
