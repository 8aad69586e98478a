"""Faults in sweeps."""

from tests.mutants import Mutant

SWEEPS, TESTS = "numbanet/tuning/sweeps.py", "tests/test_sweeps.py"

MUTANTS = [
    Mutant(
        "all trials are drawn from one seed",
        SWEEPS,
        'np.random.SeedSequence([self._settings["seed"], number])',
        'np.random.SeedSequence([self._settings["seed"]])',
        f"{TESTS}::test_random_draws_depend_on_the_seed_and_the_number_alone",
    ),
    Mutant(
        "a trial computes with all threads",
        SWEEPS,
        "        with alone():\n",
        "        with contextlib.nullcontext():\n",
        f"{TESTS}::test_trials_train_side_by_side_on_a_core_each",
    ),
    Mutant(
        "a trial that Ctrl-C stopped counts as one that has ended",
        SWEEPS,
        "            elif solver.interrupted:\n",
        "            elif False:\n",
        f"{TESTS}::test_ctrl_c_ends_a_sweep_which_then_goes_on",
    ),
    Mutant(
        "trials are ended from the first epoch on",
        SWEEPS,
        "SPARED * solver.epochs < epoch",
        "0 < epoch",
        f"{TESTS}::test_a_trial_that_lags_behind_is_ended",
    ),
    Mutant(
        "a line that a kill cut short stays in the journal",
        "numbanet/tuning/journal.py",
        'not content.endswith(b"\\n")',
        "False",
        f"{TESTS}::test_a_sweep_that_is_killed_goes_on",
    ),
    Mutant(
        "other targets are not noticed",
        SWEEPS,
        'if self._about["targets"] != _targets(solver):',
        "if False:",
        f"{TESTS}::test_a_folder_with_another_sweep_is_refused",
    ),
    Mutant(
        "the worst trial comes first",
        "numbanet/tuning/report.py",
        "-trial.value if greater_is_better else trial.value",
        "trial.value if greater_is_better else -trial.value",
        f"{TESTS}::test_each_trial_is_the_training_alone_and_the_best_comes_first",
    ),
    Mutant(
        "True and 1 are one choice",
        "numbanet/tuning/space.py",
        "return type(one) is type(other) and one == other",
        "return one == other",
        f"{TESTS}::test_a_grid_by_hand",
    ),
]
