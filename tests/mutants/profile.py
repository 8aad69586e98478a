"""Where the time of a step goes."""

from tests.mutants import Mutant

TEST = "tests/test_profile.py::test_"
STEPS, PROFILING, COSTS = "numbanet/program/steps.py", "numbanet/bench/profiling.py", "numbanet/bench/costs.py"
COUNTED = f"{TEST}costs_are_those_counted_by_hand"
PLACED = f"{TEST}a_clock_stands_between_operations_and_runs_of_a_team_stay_whole_but_at_the_update"

MUTANTS = [
    Mutant(
        "the clock is not read before the update",
        "numbanet/runtime/call_table.py",
        "2 * np.arange(count) + 1 + (np.arange(count) >= count - updates)",
        "2 * np.arange(count) + 1",
        PLACED,
    ),
    Mutant(
        "a run goes on into the update with the clock",
        "numbanet/runtime/call_table.py",
        "if last in (count - updates, count) or",
        "if last == count or",
        PLACED,
    ),
    Mutant(
        "what is between operations is taken from the end of a step twice",
        STEPS,
        "between = count - plain[1], count + 1",
        "between = count, count + 1",
        f"{TEST}what_is_between_the_passes_and_the_update_and_between_steps_is_no_operations",
    ),
    Mutant(
        "the cost of a reading counts",
        STEPS,
        "np.maximum(seconds - Clock.cost(), 0.0)",
        "np.maximum(seconds, 0.0)",
        f"{TEST}the_cost_of_a_reading_is_taken_off",
    ),
    Mutant(
        "the table with the clock stays",
        STEPS,
        "self.table, self._updates = plain\n",
        "pass\n",
        f"{TEST}steps_with_the_clock_are_the_same_steps",
    ),
    Mutant(
        "members read the clock too",
        "numbanet/runtime/clock.py",
        "if part() == 0:",
        "if True:",
        f"{TEST}who_follows_in_a_team_does_not_read_the_clock",
    ),
    Mutant("a first layer's gradient counts the input's", COSTS, "flops //= 2", "pass", COUNTED),
    Mutant("scratch counts as bytes", COSTS, 'if kind.role != "scratch":', "if True:", COUNTED),
    Mutant("what is updated moves once", COSTS, '(1 + (kind.role == "updated"))', "1", COUNTED),
    Mutant(
        "float64 has the peak of float32",
        PROFILING,
        "peaks.multiply_adds(threads) * 4 / itemsize",
        "peaks.multiply_adds(threads)",
        f"{TEST}a_profile_of_a_network",
    ),
    Mutant(
        "a profile trains the model itself",
        PROFILING,
        "numbanet.Solver(copy.deepcopy(model),",
        "numbanet.Solver(model,",
        f"{TEST}a_profile_of_a_network",
    ),
    Mutant(
        "the limit leaves out the update",
        PROFILING,
        "return flops + sum(Work",
        "return flops + 0 * sum(Work",
        f"{TEST}a_profile_of_a_network",
    ),
    Mutant(
        "scaling inverted",
        PROFILING,
        "each.alone / each.seconds:.2f",
        "each.seconds / each.alone:.2f",
        f"{TEST}a_profile_as_text",
    ),
    Mutant(
        "a table with the clock begins with a team, whatever is faster",
        "numbanet/runtime/call_table.py",
        "turns.together = turns._faster = self._faster",
        "pass",
        f"{TEST}a_table_with_the_clock_goes_the_way_that_is_faster_and_leaves_the_choice_as_it_is",
    ),
    Mutant(
        "times with the clock change how a table is walked without it",
        "numbanet/runtime/call_table.py",
        "self._turns and self._turns.settled()",
        "self._turns",
        f"{TEST}a_table_with_the_clock_goes_the_way_that_is_faster_and_leaves_the_choice_as_it_is",
    ),
    Mutant(
        "a peak counts the clock on the wall",
        "numbanet/kernels/simd/peaks.py",
        "return CLOCK() - start",
        "return time.perf_counter() - start",
        "tests/test_bench.py::test_a_peak_counts_the_time_that_threads_have_a_core",
    ),
]
