"""The tests' own tools: what plants mutants, what a run of the tests allows, and the quick pass of the benchmarks."""

from tests.mutants import Mutant

PLANTS, RULES, QUICK = "tests/mutants/__main__.py", "tests/conftest.py", "benchmarks/quick.py"
CAUGHT = "tests/test_mutants.py::test_what_turns_a_test_red_is_caught_and_what_does_not_is_named"
NOT_TRIED = "tests/test_mutants.py::test_what_cannot_be_tried_is_no_catch"
SKIPPED = "tests/test_conftest.py::test_a_library_that_is_missing_fails_only_a_run_that_wants_all"
HANGS = "tests/test_conftest.py::test_what_hangs_fails_and_what_it_has_started_ends"

MUTANTS = [
    Mutant("any status but 0 is a catch", PLANTS, "self.status == FAILED or", "self.status != PASSED or", NOT_TRIED),
    Mutant("a crash is no catch", PLANTS, " or self.status < 0", "", CAUGHT),
    Mutant(
        "a test that is skipped passes", PLANTS, 'or not re.search(r"\\b\\d+ passed\\b", baseline.said)', "", NOT_TRIED
    ),
    Mutant("a test that fails anyway is tried", PLANTS, "if baseline.status != PASSED or not", "if not", NOT_TRIED),
    Mutant(
        "a text that is there twice is replaced",
        PLANTS,
        ".count(mutant.old)) != 1:",
        ".count(mutant.old)) < 1:",
        NOT_TRIED,
    ),
    Mutant(
        "the fault stays in the copy",
        PLANTS,
        "        path.write_text(text, encoding=",
        "        str(text).encode(encoding=",
        CAUGHT,
    ),
    Mutant("the status does not tell survivors", PLANTS, "1 if count[SURVIVED] else 0", "0", CAUGHT),
    Mutant("any skip is expected", RULES, "    if not os.environ.get(STRICT):\n", "    if True:\n", SKIPPED),
    Mutant("no skip is expected", RULES, ' if not re.search("|".join(EXPECTED_SKIPS), reason)]', "]", SKIPPED),
    Mutant(
        "a file that is skipped does not count",
        RULES,
        "def pytest_collectreport(report):\n    if report.skipped:",
        "def pytest_collectreport(report):\n    if False:",
        "tests/test_conftest.py::test_a_whole_file_that_is_skipped_counts_too",
    ),
    Mutant("slow tests have no more time", RULES, 'if item.get_closest_marker("slow") and', "if False and", HANGS),
    Mutant(
        "what tests start goes on", RULES, "            os.kill(process, signal.SIGKILL)\n", "            pass\n", HANGS
    ),
    Mutant(
        "machine code may hang",
        RULES,
        "seconds + GRACE_SECONDS, exit=True",
        "seconds + GRACE_SECONDS, exit=False",
        "tests/test_conftest.py::test_what_no_signal_reaches_ends_the_run_and_is_named",
    ),
    Mutant(
        "benchmarks without a result pass",
        QUICK,
        "if missing > 0 else []",
        "if missing > 99 else []",
        "tests/test_bench.py::test_the_quick_run_fails_where_something_failed_or_was_skipped",
    ),
]
