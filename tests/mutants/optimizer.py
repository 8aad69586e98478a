"""Faults in what optimizers do besides their rules."""

from tests.mutants import Mutant

OPTIM, UPDATES, SOLVER = "numbanet/optim.py", "numbanet/training/updates.py", "numbanet/training/solver.py"
TESTS, PARAMETRIZATION = "tests/test_optimizer_options.py", "tests/test_parametrization.py"

MUTANTS = [
    Mutant(
        "of a state of training the network is loaded that was not measured",
        "numbanet/loading.py",
        "if checkpoint.AVERAGE in arrays:",
        "if False:",
        f"{TESTS}::test_the_network_of_a_state_is_the_one_that_was_measured",
    ),
    Mutant(
        "a network is loaded from an average that has not begun",
        "numbanet/checkpoint.py",
        'or not header.get("t")',
        "",
        f"{TESTS}::test_the_network_of_a_state_is_the_one_that_was_measured",
    ),
    Mutant(
        "files of the best networks hold what was not measured",
        "numbanet/callbacks.py",
        "with solver.averaged():",
        "if True:",
        f"{TESTS}::test_callbacks_see_the_average_within_a_block",
    ),
    Mutant(
        "the model keeps the average after a block",
        SOLVER,
        "self._update.exchange(before)",
        "pass",
        f"{TESTS}::test_callbacks_see_the_average_within_a_block",
    ),
    Mutant(
        "steps forget the rate of a piece",
        OPTIM,
        "value * (self.segment.factor * (",
        "value * ((",
        f"{TESTS}::test_rates_by_parameter",
    ),
    Mutant(
        "what is spared decays",
        OPTIM,
        "(self.segment.decay / unit)",
        "(1 / unit)",
        f"{TESTS}::test_decay_spares_biases_scales_and_shifts",
    ),
    Mutant(
        "Adam's decay is that of the weights' rate",
        OPTIM,
        "(self.segment.decay / unit)",
        "self.segment.decay",
        f"{PARAMETRIZATION}::test_steps_are_those_of_torch_on_what_is_learnt",
    ),
    Mutant(
        "epsilon is one for weights and what is learnt",
        OPTIM,
        "return value / (unit**2 if",
        "return value / (1 if",
        f"{PARAMETRIZATION}::test_steps_are_those_of_the_rule_on_what_is_learnt",
    ),
    Mutant(
        "all rules divide by the size of the gradient",
        OPTIM,
        'unit if "eps" in values else unit**2',
        "unit",
        f"{PARAMETRIZATION}::test_steps_are_those_of_torch_on_what_is_learnt",
    ),
    Mutant(
        "epsilon stays where it stood, in compiled steps",
        "numbanet/program/steps.py",
        'if "eps_inside_root" in changed:',
        "if False:",
        f"{PARAMETRIZATION}::test_epsilon_follows_where_it_stands",
    ),
    Mutant(
        "the norm is clipped before the values",
        OPTIM,
        '(("clip_value", "clip_by_value"), ("clip_norm", "clip_by_norm"))',
        '(("clip_norm", "clip_by_norm"), ("clip_value", "clip_by_value"))',
        f"{TESTS}::test_values_are_clipped_before_the_norm",
    ),
    Mutant(
        "the rate of a kind goes before that of a name",
        UPDATES,
        "rates.get(name, rates.get(kind, 1.0))",
        "rates.get(kind, rates.get(name, 1.0))",
        f"{TESTS}::test_rates_by_parameter",
    ),
    Mutant(
        "training goes on from the average",
        SOLVER,
        "            self._update.exchange(averaged=False)\n            stop =",
        "            stop =",
        f"{TESTS}::test_training_ends_with_the_average_and_goes_on_without_it",
    ),
    Mutant(
        "what is measured is not the average",
        SOLVER,
        "        self._update.exchange(averaged=True)\n        try:",
        "        try:",
        f"{TESTS}::test_the_average_is_what_is_measured_and_kept",
    ),
]
