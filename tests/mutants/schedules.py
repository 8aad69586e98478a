"""Faults in schedules, and in what a training makes of them."""

from tests.mutants import Mutant

SCHEDULES, RATES, UPDATES = "numbanet/schedules.py", "numbanet/training/rates.py", "numbanet/training/updates.py"
TEST = "tests/test_schedules.py"

MUTANTS = [
    Mutant(
        "the steps of a call have the rate of its first",
        "numbanet/runtime/call_table.py",
        "_store(source + 8, feed)",
        "_store(source, feed)",
        f"{TEST}::test_compiled_and_single_steps_are_alike",
    ),
    Mutant(
        "one-cycle turns a step late",
        SCHEDULES,
        "self.pct_start * num_steps - 1",
        "self.pct_start * num_steps",
        f"{TEST}::test_one_cycle_is_that_of_torch",
    ),
    Mutant(
        "the first step of a warm-up has a rate of 0",
        SCHEDULES,
        "np.minimum((steps + 1) / warm, 1)",
        "np.minimum(steps / warm, 1)",
        f"{TEST}::test_values_by_hand",
    ),
    Mutant(
        "a rate that is set is that of the first step",
        RATES,
        "self._rate, self._factor = learning_rate, factor\n\n",
        "self._rate, self._factor = learning_rate, 1.0\n\n",
        f"{TEST}::test_the_rate_may_be_set",
    ),
    Mutant(
        "a momentum is passed over",
        RATES,
        "if momentum is not None and momenta is not None:",
        "if False:",
        f"{TEST}::test_adam_has_its_beta1_moved_and_sgd_nothing",
    ),
    Mutant(
        "a negative factor passes",
        RATES,
        "fine = (values >= 0) & (values < math.inf)",
        "fine = values < math.inf",
        f"{TEST}::test_a_function_that_gives_no_factor",
    ),
    Mutant(
        "a rule's own changes of its rate are lost",
        UPDATES,
        "own * (value / last) if last and own != last else value",
        "value",
        f"{TEST}::test_a_rule_that_changes_its_rate_itself",
    ),
]
