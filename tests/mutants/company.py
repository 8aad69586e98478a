"""Threads that are given up while other programs keep the cores."""

from . import Mutant

COMPANY, TESTS = "numbanet/runtime/company.py", "tests/test_company.py"

MUTANTS = [
    Mutant(
        "company: a number that was asked for is not kept",
        COMPANY,
        " and not threads.is_chosen():",
        ":",
        f"{TESTS}::test_a_number_that_was_asked_for_is_kept",
    ),
    Mutant(
        "company: one thread for good",
        COMPANY,
        "        if self.crowded:\n            due = since >= LATER",
        "        if self.crowded:\n            due = False",
        f"{TESTS}::test_the_threads_are_taken_up_again_where_they_pay",
    ),
    Mutant(
        "company: several threads given up where they are as fast",
        COMPANY,
        "WORSE, BETTER = 1.3, 0.9",
        "WORSE, BETTER = 0.9, 0.9",
        f"{TESTS}::test_as_fast_as_one_thread_is_no_reason",
    ),
    Mutant(
        "company: waiting for anything counts as waiting for threads",
        COMPANY,
        "due = all_threads > (1 + OTHERS) * own and since",
        "due = since",
        f"{TESTS}::test_what_the_clocks_say",
    ),
    Mutant(
        "company: the ratio is upside down",
        COMPANY,
        "return spent[1] / spent[0]",
        "return spent[0] / spent[1]",
        f"{TESTS}::test_a_look_compares_the_same_work",
    ),
    Mutant(
        "company: the threads stay given up when a training is over",
        COMPANY,
        "    def __exit__(self, *_):\n        self._share(False)",
        "    def __exit__(self, *_):\n        pass",
        f"{TESTS}::test_where_several_threads_take_longer_one_goes_on_with_the_same_result",
    ),
    Mutant(
        "train: does not say that threads were given up",
        "numbanet/cli/_watch.py",
        "if solver.crowded and not self._told:",
        "if False:",
        f"{TESTS}::test_train_says_it_in_a_line_and_with_the_option",
    ),
]
