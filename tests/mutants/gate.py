"""The regression gate: its decision, what it measures, and what it ends with."""

from tests.mutants import Mutant

FILE, TESTS = "benchmarks/gate.py", "tests/test_bench_gate.py"


def _mutant(what, old, new, test):
    return Mutant(what, FILE, old, new, f"{TESTS}::{test}")


MUTANTS = [
    _mutant(
        "ratio inverted",
        '_log(block[above[0], f"{above[1]}/{name}"]) - _log(block[below[0], f"{below[1]}/{name}"])',
        '_log(block[below[0], f"{below[1]}/{name}"]) - _log(block[above[0], f"{above[1]}/{name}"])',
        "test_against_another_checkout_what_is_faster_is_fine",
    ),
    _mutant(
        "a block's slowest sample instead of its median",
        "math.log(median(samples)) if good",
        "math.log(max(samples)) if good",
        "test_a_sample_that_was_interrupted_in_each_block_is_no_slow_down",
    ),
    _mutant(
        "a time of 0 or NaN counts",
        "all(0 < sample < math.inf for sample in samples)",
        "True",
        "test_times_that_are_none_end_with_2",
    ),
    _mutant(
        "logarithms that are no numbers count",
        "or not all(map(math.isfinite, logs))",
        "",
        "test_what_is_no_number_is_no_pass",
    ),
    _mutant(
        "logarithms do not count from the baseline's centre",
        '[log - bands[name]["centre"] for log in logs]',
        "list(logs)",
        "test_a_baseline_says_what_has_changed_since",
    ),
    _mutant(
        "the baseline's band is not allowed for",
        'entry["high"] - entry["centre"]',
        "0.0",
        "test_a_wide_baseline_is_allowed_for",
    ),
    _mutant(
        "a baseline of another machine is taken",
        '"machine": machine.cpu_name(), ',
        "",
        "test_a_baseline_of_something_else_is_refused",
    ),
    _mutant(
        "--against ends with 0 whatever it finds",
        "return report(find_slower(names, against(other, threads), effect), effect, names)",
        "report(find_slower(names, against(other, threads), effect), effect, names)\n            return FINE",
        "test_against_another_checkout_what_is_slower_is_named_and_decides_the_status",
    ),
    _mutant(
        "--against leaves --effect aside",
        "find_slower(names, against(other, threads), effect)",
        "find_slower(names, against(other, threads))",
        "test_less_than_the_effect_is_fine_and_the_effect_can_be_chosen",
    ),
    _mutant(
        "noise is ignored: the lower limit of the band is not looked at",
        " and whole.low - slack > half",
        "",
        "test_noise_that_reaches_below_half_the_effect_is_no_slow_down",
    ),
    _mutant(
        "slack is not taken off the lower limit",
        "whole.low - slack > half",
        "whole.low > half",
        "test_the_band_of_a_baseline_is_taken_off_every_limit",
    ),
    _mutant(
        "slack is ignored by the first look",
        "median(logs) - slack > math.log1p(effect) / 2",
        "median(logs) > math.log1p(effect) / 2",
        "test_the_band_of_a_baseline_is_taken_off_every_limit",
    ),
    _mutant(
        "one run of three is enough",
        "min(centres) > half",
        "max(centres) > half",
        "test_one_run_of_three_without_the_slow_down_is_no_alarm",
    ),
    _mutant(
        "half of the effect is enough",
        "median(centres) >= full",
        "median(centres) >= half",
        "test_the_effect_itself_counts_and_a_little_less_does_not",
    ),
    _mutant(
        "ends with 0 where something is slower",
        "return SLOWER if slower else CANNOT if blind else FINE",
        "return FINE",
        "test_against_another_checkout_what_is_slower_is_named_and_decides_the_status",
    ),
    _mutant(
        "noise that hides everything is a pass",
        "CANNOT if blind else FINE",
        "FINE",
        "test_the_noise_band_is_stated_and_too_much_of_it_is_said",
    ),
    _mutant(
        "each benchmark may raise a false alarm",
        "miss = ALARMS / max(1, len(first))",
        "miss = ALARMS",
        "test_the_chance_of_a_false_alarm_is_shared_by_all_benchmarks",
    ),
    _mutant(
        "a baseline's band is that of the last run alone",
        "max(centres[-1], band(runs[-1][name], 0.025).high)",
        "band(runs[-1][name], 0.025).high",
        "test_a_baseline_holds_the_middle_of_three_runs_and_the_highest_or_its_noise",
    ),
    _mutant(
        "a baseline's band leaves the noise out",
        "max(centres[-1], band(runs[-1][name], 0.025).high)",
        "centres[-1]",
        "test_a_baseline_holds_the_middle_of_three_runs_and_the_highest_or_its_noise",
    ),
    _mutant(
        "the noise is that of what is slower too",
        " for v in verdicts.values() if not v.slower]",
        " for v in verdicts.values()]",
        "test_the_noise_is_that_of_what_is_fine",
    ),
    _mutant(
        "turns follow each other before BLAS' threads sleep",
        "KERNELS_PAUSE_SECONDS if libraries ==",
        "KERNELS_PAUSE_SECONDS if libraries !=",
        "test_turns_are_apart_as_long_as_threads_spin",
    ),
    _mutant(
        "a family is no pattern",
        "pattern == family or fnmatchcase",
        "fnmatchcase",
        "test_benchmarks_are_chosen_by_name_family_and_pattern",
    ),
    _mutant(
        "nothing measured is a pass",
        "return bool(measured)",
        "return True",
        "test_what_one_of_the_two_lacks_is_named_and_all_of_it_is_no_pass",
    ),
    _mutant(
        "bad input ends with 1",
        "return error.status",
        "return SLOWER",
        "test_what_is_told_wrong_ends_with_2_and_a_line",
    ),
    _mutant(
        "a worker that died ends with 1",
        "        return CANNOT\n\n\nif __name__",
        "        return SLOWER\n\n\nif __name__",
        "test_a_failure_is_no_slow_down",
    ),
    _mutant(
        "a suspect that vanishes is fine",
        'raise Unusable(f"{name} was measured once, and then no more")',
        "continue",
        "test_a_suspect_that_vanishes_is_no_pass",
    ),
    _mutant(
        "an import that fails ends with 1",
        'cannot be imported: {error!r}", file=sys.stderr)\n    sys.exit(2)',
        'cannot be imported: {error!r}", file=sys.stderr)\n    sys.exit(1)',
        "test_the_script_ends_with_these_statuses",
    ),
]
