"""`numbanet.testing` and what it compares with."""

from tests.mutants import Mutant

TESTING, COMPARE, TESTS = "numbanet/testing.py", "numbanet/_compare.py", "tests/test_testing.py"


def _mutant(what, file, old, new, test):
    return Mutant(what, file, old, new, f"{TESTS}::{test}")


MUTANTS = [
    _mutant(
        "strided arrays are contiguous after all",
        COMPARE,
        'if layout == "strided":',
        'if layout == "zigzag":',
        "test_arrays_lie_in_memory_as_the_layout_says",
    ),
    _mutant(
        "the last axis goes forwards",
        COMPARE,
        "slice(2 * size, 0, -2)",
        "slice(1, 2 * size + 1, 2)",
        "test_arrays_lie_in_memory_as_the_layout_says",
    ),
    _mutant(
        "columns first is rows first",
        COMPARE,
        'flat.reshape(array.shape) if layout == "C" else flat.reshape(array.shape[::-1]).T',
        "flat.reshape(array.shape)",
        "test_arrays_lie_in_memory_as_the_layout_says",
    ),
    _mutant(
        "the sign of zero is not looked at among bits",
        COMPARE,
        "same & (np.isnan(got) | (np.signbit(got) == np.signbit(want)))",
        "same",
        "test_bits_are_the_same_but_for_those_of_nan",
    ),
    _mutant(
        "an infinity is within every tolerance",
        COMPARE,
        "same | (np.isfinite(want) & (error <= allowed))",
        "same | ~(error > allowed)",
        "test_wrong_only_on_nan",
    ),
    _mutant(
        "only the first floating input is marked",
        TESTING,
        "for key, other in arguments.items()}\n",
        "for key, other in arguments.items()}\n            return\n",
        "test_special_values_are_put_into_each_floating_input",
    ),
    _mutant(
        "only the last element is marked",
        TESTING,
        "marked.flat[[rng.integers(max(1, value.size - 1)), -1]] = SPECIAL[kind]",
        "marked.flat[-1] = SPECIAL[kind][-1]",
        "test_wrong_only_on_one_of_the_infinities",
    ),
    _mutant(
        "the serial form is not run",
        TESTING,
        '        yield "serial", 1, kernel.serial\n',
        "",
        "test_every_form_of_a_kernel_is_run",
    ),
    _mutant(
        "the parallel form is not run",
        TESTING,
        "        kernel = kernel.parallel\n",
        "        kernel = kernel.serial\n",
        "test_every_form_of_a_kernel_is_run",
    ),
    _mutant(
        "forms need not have the same bits",
        TESTING,
        "value, first[name], None, (form",
        "value, first[name], allowed[name], (form",
        "test_serial_and_parallel_form_have_the_same_bits",
    ),
    _mutant(
        "twice the tolerance",
        TESTING,
        "rtol = 4 * np.finfo",
        "rtol = 8 * np.finfo",
        "test_the_default_tolerance_is_four_roundings_by_the_root_of_the_terms",
    ),
    _mutant(
        "the inputs' magnitude is left out",
        TESTING,
        "absolute = rtol * max(scale, magnitude(want))",
        "absolute = rtol * magnitude(want)",
        "test_the_default_tolerance_is_four_roundings_by_the_root_of_the_terms",
    ),
    _mutant(
        "the terms are the shortest axis",
        TESTING,
        "max((max(a.shape, default=1) for a in inputs), default=1)",
        "min((min(a.shape, default=1) for a in inputs), default=1)",
        "test_the_terms_are_the_longest_axis_where_none_are_given",
    ),
    _mutant(
        "what an integer output held counts as written",
        TESTING,
        '{"f": np.nan, "i": 0}',
        '{"f": np.nan, "i": 1}',
        "test_integers_left_unwritten_or_written_beyond",
    ),
    _mutant(
        "an integer beside an output may be written",
        TESTING,
        '{"f": -123.25, "i": 93}',
        '{"f": -123.25, "i": 1}',
        "test_integers_left_unwritten_or_written_beyond",
    ),
    _mutant(
        "an input may be modified",
        TESTING,
        "if id(value) not in changed and view.tobytes() != value.tobytes():",
        "if False:",
        "test_modified_input",
    ),
    _mutant(
        "nothing compared is a pass",
        TESTING,
        "    if not comparisons:\n",
        "    if False:\n",
        "test_misuse_of_check_pair",
    ),
    _mutant(
        "dout is all ones",
        TESTING,
        "dout = np.random.default_rng(seed).standard_normal(np.shape(forward(**inputs)))",
        "dout = np.ones(np.shape(forward(**inputs)))",
        "test_a_gradient_has_to_heed_what_comes_back",
    ),
    _mutant(
        "dout does not follow from the seed",
        TESTING,
        "dout = np.random.default_rng(seed)",
        "dout = np.random.default_rng()",
        "test_what_comes_back_is_random_and_follows_from_the_seed",
    ),
    _mutant(
        "a gradient's relative tolerance is doubled",
        TESTING,
        "allowed = atol + rtol * np.abs(numeric)",
        "allowed = atol + 2 * rtol * np.abs(numeric)",
        "test_gradients_at_the_edge_of_the_tolerance",
    ),
    _mutant(
        "a gradient's absolute tolerance is left out",
        TESTING,
        "allowed = atol + rtol * np.abs(numeric)",
        "allowed = rtol * np.abs(numeric)",
        "test_gradients_at_the_edge_of_the_tolerance",
    ),
    _mutant(
        "differences that are NaN pass",
        TESTING,
        "if not np.isfinite(numeric).all():",
        "if False:",
        "test_differences_that_are_no_numbers_are_no_pass",
    ),
    _mutant(
        "backward may modify its inputs",
        TESTING,
        "value.tobytes() != inputs[name].tobytes()",
        "False",
        "test_functions_that_modify_an_input_are_caught",
    ),
]
