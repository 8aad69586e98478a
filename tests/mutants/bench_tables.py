"""The comparison on real tables: splits, medians, ranks, ratios, and what is not run twice."""

from tests.mutants import Mutant

TESTS = "tests/test_bench_tables.py"


def _mutant(what, file, old, new, test):
    return Mutant(what, f"benchmarks/{file}.py", old, new, f"{TESTS}::{test}")


SCORES = "test_scores_are_medians_and_ranks_go_by_each_of_them"
SPLIT = "test_rows_are_split_60_20_20_with_the_same_shares_of_classes"

MUTANTS = [
    _mutant(
        "equal scores all get the first of their places",
        "table_report",
        "((values == value).sum() + 1) / 2",
        "1",
        "test_ranks_are_those_of_scipy",
    ),
    _mutant("the largest error is the best", "table_report", '"log loss", "RMSE", "MAE"', '"log loss", "MAE"', SCORES),
    _mutant("scores are means", "table_report", "score: median(", "score: mean(", SCORES),
    _mutant(
        "seeds that some have count",
        "table_report",
        "set.intersection(",
        "set.union(",
        "test_a_table_is_judged_by_the_seeds_that_all_have",
    ),
    _mutant(
        "ratios are ours to theirs",
        "table_report",
        "seconds[table, name][what] / seconds[table, rivals[0]][what]",
        "seconds[table, rivals[0]][what] / seconds[table, name][what]",
        "test_times_are_ratios_to_the_first",
    ),
    _mutant("half the rows train", "table_sets", "train_size=0.6", "train_size=0.5", SPLIT),
    _mutant(
        "the rest of the rows is not split by its classes",
        "table_sets",
        "random_state=seed, stratify=by(y_rest)",
        "random_state=seed + len(X) * 0",
        SPLIT,
    ),
    _mutant(
        "rows are drawn without the seed",
        "table_sets",
        "default_rng(seed).permutation(len(X))",
        "default_rng().permutation(len(X))",
        SPLIT,
    ),
    _mutant(
        "what is there is not run again when asked",
        "tables",
        "if key in results and not options.again",
        "if key in results",
        "test_only_what_is_not_there_is_run",
    ),
    _mutant(
        "an option's name is not looked at",
        "table_rivals",
        "if first not in RIVALS or not all",
        "if first not in RIVALS and not all",
        "test_what_is_told_wrong_is_refused_before_anything_runs",
    ),
]
