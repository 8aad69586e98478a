"""Faults in how functions of a user's own become operations."""

from tests.mutants import Mutant

BUILD, TABLE, TEST = "numbanet/program/build.py", "numbanet/runtime/call_table.py", "tests/test_own_layers.py"
INTERNALS, COMPILING = "numbanet/runtime/internals.py", "numbanet/runtime/compiling.py"

MUTANTS = [
    Mutant(
        "what a compiled operation raises is not looked at",
        INTERNALS,
        "        convention.return_status_propagate(builder, status)\n",
        "",
        f"{TEST}::test_an_exception_ends_the_training_before_the_update",
    ),
    Mutant(
        "a user's kernel is kept under the package's name",
        COMPILING,
        "if is_own(function):",
        "if True:",
        f"{TEST}::test_an_edited_kernel_is_compiled_anew",
    ),
    Mutant(
        "an array that is returned goes into the slot of a number",
        TABLE,
        "if returns not in (types.none, types.float64, types.float32):",
        "if False:",
        f"{TEST}::test_what_a_record_cannot_hold_is_called_from_python",
    ),
    Mutant(
        "arrays in tuples stay where they were reserved",
        "numbanet/program/memory.py",
        "    if isinstance(value, (list, tuple)):\n        inside",
        "    if isinstance(value, list):\n        inside",
        f"{TEST}::test_arrays_in_tuples_move_with_the_others",
    ),
    Mutant(
        "captured arrays are taken",
        BUILD,
        "if any(owner(array, self._buffers) is not None for array in held_by(function)):",
        "if False:",
        f"{TEST}::test_a_layer_that_does_not_fit_is_refused_by_name",
    ),
    Mutant(
        "the shape of a gradient is not looked at",
        BUILD,
        "if dx.shape != x.shape:",
        "if False:",
        f"{TEST}::test_a_layer_that_does_not_fit_is_refused_by_name",
    ),
]
