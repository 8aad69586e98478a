"""Faults in training on examples that lie in a file."""

from tests.mutants import Mutant

ORDER, TESTS = "numbanet/training/order.py", "tests/test_mapped.py"

MUTANTS = [
    Mutant(
        "windows are not mixed",
        ORDER,
        "np.random.default_rng([self.seed, window]).permutation(rows)",
        "rows",
        f"{TESTS}::test_an_order_by_blocks_is_a_permutation_that_stays_near",
    ),
    Mutant(
        "blocks are not shuffled",
        ORDER,
        "np.random.default_rng([seed]).permutation(-(-self._count // self._size))",
        "np.arange(-(-self._count // self._size))",
        f"{TESTS}::test_an_order_by_blocks_is_a_permutation_that_stays_near",
    ),
    Mutant(
        "what is done with is not given back",
        ORDER,
        "self._mapped.give_back(*bounds)",
        "pass",
        f"{TESTS}::test_what_comes_is_asked_for_and_what_is_done_is_given_back",
    ),
    Mutant(
        "what was changed in memory alone is given back",
        "numbanet/_mapped.py",
        'memmap.mode not in ("r", "r+")',
        "False",
        f"{TESTS}::test_what_was_changed_in_memory_alone_is_not_given_back",
    ),
    Mutant(
        "other bytes are given back than those of the rows",
        "numbanet/_mapped.py",
        "begin = self._start + start * self.row_bytes",
        "begin = start * self.row_bytes",
        f"{TESTS}::test_the_bytes_that_are_given_back_are_those_of_the_rows",
    ),
    Mutant(
        "rows for validation are learnt from too",
        "numbanet/training/data.py",
        "self.counted = others[:] if self.mapped is None else others",
        "self.counted = None if self.mapped is None else others",
        f"{TESTS}::test_rows_for_validation_are_as_copies_of_both_parts",
    ),
    Mutant(
        "rows before those that are left out are counted for others",
        "numbanet/training/data.py",
        'np.searchsorted(self._before, places, side="right")',
        "np.searchsorted(self._before, places)",
        f"{TESTS}::test_all_but_some_by_hand",
    ),
    Mutant(
        "a resumed training by blocks begins its order anew",
        "numbanet/training/steps.py",
        'return self._near(integer("seed", saved[0], 0))',
        "return None",
        f"{TESTS}::test_a_training_by_blocks_is_resumed_to_the_same_bits",
    ),
    Mutant(
        "means are learnt from rows that are held out, too",
        "numbanet/cli/_train.py",
        "data.Standardizer.fit(train.X, parts.left_out)",
        "data.Standardizer.fit(train.X)",
        "tests/test_data_mapped.py::test_the_command_line_trains_without_a_copy",
    ),
    Mutant(
        "targets of rows that are held out are learnt from, too",
        "numbanet/cli/_data.py",
        "np.delete(self.train.y, self.left_out, axis=0)",
        "self.train.y",
        "tests/test_data_mapped.py::test_the_command_line_learns_values_by_rows_it_learns_from",
    ),
    Mutant(
        "a preprocessor learns from rows that are left out of a Parquet file",
        "numbanet/data/streamed.py",
        "rows if left_out is None else np.setdiff1d(rows, np.asarray(left_out, np.int64))",
        "rows",
        "tests/test_data_streamed.py::test_a_sample_has_no_row_that_is_left_out",
    ),
    Mutant(
        "pieces of a Parquet file are written over the first",
        "numbanet/data/streamed.py",
        "out=out[start : start + len(piece)]",
        "out=out[: len(piece)]",
        "tests/test_data_streamed.py::test_it_is_the_table_that_is_read_into_memory",
    ),
]
