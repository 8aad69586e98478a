"""Faults in the learning rate finder."""

from . import Mutant

FINDER, TESTS = "numbanet/_finder.py", "tests/test_finder.py"
ENDS = f"{TESTS}::test_it_ends_where_the_loss_goes_away"
HAND = f"{TESTS}::test_the_sweep_by_hand"

MUTANTS = [
    Mutant("the rate lags a step", FINDER, "self.rates[len(self.losses)]", "self.rates[len(self.losses) - 1]", HAND),
    Mutant(
        "smoothed losses start at 0", FINDER, "self._mean / (1 - SMOOTHING ** len(self.losses))", "self._mean", HAND
    ),
    Mutant("the suggestion is where the loss is least", FINDER, "first + np.argmin(slopes)", "last", ENDS),
    Mutant(
        "the sweep goes on when the loss goes away",
        FINDER,
        "or self.smoothed[-1] > least + DIVERGED * abs(least)",
        "",
        ENDS,
    ),
    Mutant(
        "parameters stay as the sweep left them",
        FINDER,
        "solver._learner.restore(self._before)",
        "pass",
        f"{TESTS}::test_the_network_is_as_it_was",
    ),
    Mutant(
        "dropout goes on where the sweep ended",
        FINDER,
        "solver.model.random_keys[...] = self._keys",
        "pass",
        f"{TESTS}::test_the_network_is_as_it_was",
    ),
]
