"""Faults in schedules, and in what a training makes of them."""

from tests.mutants import Mutant

SCHEDULES, RATES, UPDATES = "numbanet/schedules.py", "numbanet/training/rates.py", "numbanet/training/updates.py"
SCHEDULED = "numbanet/training/scheduled.py"
TEST, OTHERS = "tests/test_schedules.py", "tests/test_scheduled.py"

MUTANTS = [
    Mutant(
        "the steps of a call have the rate of its first",
        "numbanet/runtime/leading.py",
        "store(source + 8, feed)",
        "store(source, feed)",
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
        SCHEDULES,
        "fine = (values >= 0) & (values < math.inf)",
        "fine = values < math.inf",
        f"{TEST}::test_a_function_that_gives_no_factor",
    ),
    Mutant(
        "compiled steps all drop as the layers say",
        "numbanet/program/steps.py",
        "(feeds[DROPOUT] * drop.rate, calls",
        "(feeds[DROPOUT] * 0 + drop.rate, calls",
        f"{OTHERS}::test_each_step_has_its_numbers",
    ),
    Mutant(
        "backward drops other values than forward",
        "numbanet/program/build.py",
        'DROPPING = {"dropout_forward": 2, "dropout_backward": 2}',
        'DROPPING = {"dropout_forward": 2}',
        f"{OTHERS}::test_each_step_has_its_numbers",
    ),
    Mutant(
        "the network drops as the last step did, afterwards",
        "numbanet/program/run.py",
        "self.drop(self.model.dropout_factor)",
        "pass",
        f"{OTHERS}::test_the_network_drops_as_before_when_training_is_over",
    ),
    Mutant(
        "steps from Python leave their dropout in the network",
        "numbanet/training/steps.py",
        "self._learner.scale_dropout(1.0)",
        "pass",
        f"{OTHERS}::test_the_network_drops_as_before_when_training_is_over",
    ),
    Mutant(
        "a loop that failed leaves the dropout that it had put there",
        "numbanet/program/steps.py",
        "self.program.drop_factor, calls = math.nan,",
        "calls =",
        f"{OTHERS}::test_a_loop_that_failed_leaves_no_other_dropout",
    ),
    Mutant(
        "what is resumed schedules what the last step had",
        RATES,
        'value=number(each.name, kept["others"][each.name], 0)',
        "value=each.value * 0.5",
        f"{OTHERS}::test_a_training_is_taken_up_again",
    ),
    Mutant(
        "a probability of 1 passes",
        SCHEDULED,
        "if highest >= 1:",
        "if highest > 1:",
        f"{OTHERS}::test_numbers_out_of_range",
    ),
    Mutant(
        "a rule's own changes of its rate are lost",
        UPDATES,
        "own * (value / last) if last and own != last else value",
        "value",
        f"{TEST}::test_a_rule_that_changes_its_rate_itself",
    ),
]
