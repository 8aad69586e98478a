"""Faults in losses of a user's own, and in how files name the classes that are a user's."""

from tests.mutants import Mutant

LOSSES, DECLARATIONS, CALLS = "numbanet/losses.py", "numbanet/_declarations.py", "numbanet/runtime/call_table.py"
TESTS, FILES = "tests/test_losses.py", "tests/test_declarations.py"

MUTANTS = [
    Mutant(
        "a gradient that a kernel leaves unwritten goes unseen",
        LOSSES,
        "        net.loss(written, dscores)\n",
        "",
        f"{TESTS}::test_faults",
    ),
    Mutant(
        "a kernel gets the gradient with what others left in it",
        LOSSES,
        "        net.loss(unwritten, dscores)\n",
        "",
        f"{TESTS}::test_faults",
    ),
    Mutant(
        "a Python function may leave the gradient unwritten",
        LOSSES,
        "if math.isfinite(result) and np.isnan(dscores).any():",
        "if False:",
        f"{TESTS}::test_faults",
    ),
    Mutant(
        "a kernel may return anything",
        LOSSES,
        'if not kind.startswith("float"):',
        "if False:",
        f"{TESTS}::test_faults",
    ),
    Mutant(
        "an exception between compiled steps goes unheard",
        "numbanet/program/steps.py",
        "            self._raised = explained  #",
        "            pass  #",
        f"{TESTS}::test_an_exception_between_compiled_steps_ends_them_before_the_update",
    ),
    Mutant(
        "a user's function meets rows that are no examples",
        "numbanet/program/run.py",
        "if self.foreign and count < self.batch:",
        "if False:",
        f"{TESTS}::test_an_exception_in_a_layer_ends_the_pass",
    ),
    Mutant(
        "a float32 is read as the half of a float64",
        CALLS,
        "if isinstance(result.pointee, ir.FloatType):",
        "if False:",
        f"{TESTS}::test_a_float32_that_a_kernel_returns_is_the_loss",
    ),
    Mutant(
        "the kernel runs on the reference too",
        LOSSES,
        '"reference" if ops is reference else "kernel"',
        '"kernel"',
        f"{TESTS}::test_on_the_reference_the_numpy_function_is_what_runs",
    ),
    Mutant(
        "a function may write into the caller's targets",
        LOSSES,
        "copies = scores.copy(), y.copy()",
        "copies = scores, y",
        f"{TESTS}::test_targets_and_scores_are_not_written",
    ),
    Mutant(
        "targets that would be repeated for every output pass",
        LOSSES,
        "(y.shape, y.dtype) != (shape, kind)",
        "y.dtype != kind",
        f"{TESTS}::test_targets_that_the_function_does_not_take",
    ),
    Mutant(
        "a sum passes for a mean",
        "numbanet/testing.py",
        "if not math.isclose(once, twice, rel_tol=rtol, abs_tol=atol):",
        "if False:",
        f"{TESTS}::test_check_loss_finds",
    ),
    Mutant(
        "reading a file imports a module",
        DECLARATIONS,
        "sys.modules.get(module)",
        "__import__(module)",
        f"{FILES}::test_a_module_that_is_not_imported_stays_so",
    ),
    Mutant(
        "reading a file asks a module for an attribute",
        DECLARATIONS,
        'getattr(kind, "__dict__", {}).get(part)',
        "getattr(kind, part, None)",
        f"{FILES}::test_no_module_is_asked_for_what_it_does_not_hold",
    ),
    Mutant(
        "a class of any kind is made from a file",
        DECLARATIONS,
        "if not (isinstance(kind, type) and issubclass(kind, base)):",
        "if kind is None:",
        f"{FILES}::test_what_is_no_layer_is_not_made",
    ),
    Mutant(
        "an own class of the name of ours is taken for ours",
        DECLARATIONS,
        "if KNOWN.get(kind.__name__) is kind else",
        "if kind.__name__ in KNOWN else",
        f"{FILES}::test_a_subclass_of_the_same_name_is_not_taken_for_ours",
    ),
]
