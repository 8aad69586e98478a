"""What becomes of pieces of kernels, and compiling in several processes."""

from tests.mutants import Mutant

PIECES, AHEAD, WARMUP = "tests/test_pieces.py", "tests/test_ahead.py", "tests/test_warmup.py"
CODE, SIDE = "numbanet/runtime/compiling.py", "numbanet/runtime/ahead.py"

MUTANTS = [
    Mutant(
        "a piece that stands apart has another name in every process",
        CODE,
        '        return "apart"',
        '        return "apart" + _process',
        f"{PIECES}::test_pieces_of_their_own_are_found_by_whoever_calls_them",
    ),
    Mutant(
        "a piece that stands apart is linked into its callers",
        CODE,
        "        call_by(compiled, Reference(load))",
        "        Reference(load)",
        f"{PIECES}::test_a_kernel_has_no_code_of_a_piece_that_stands_apart",
    ),
    Mutant(
        "a part is run from Python although it has no code",
        CODE,
        "            self.overloads[tuple(compiled.signature.args)] = compiled  # which Python cannot call",
        "            pass",
        f"{PIECES}::test_a_part_has_no_code_until_python_calls_it",
    ),
    Mutant(
        "a piece is compiled for each constant",
        CODE,
        "tuple(map(types.unliteral, args))",
        "args",
        f"{PIECES}::test_constants_share_the_code_of_their_type",
    ),
    Mutant(
        "what a process has compiled is not given back to others",
        CODE,
        "                kept.release()",
        "                pass",
        f"{AHEAD}::test_eight_cold_processes_compile_nothing_twice",
    ),
    Mutant(
        "whoever has waited compiles all the same",
        "numbanet/runtime/cache.py",
        "            loaded = self._from_folder(sig, target_context)  # if somebody has compiled it since",
        "            pass",
        f"{AHEAD}::test_eight_cold_processes_compile_nothing_twice",
    ),
    Mutant(
        "the smallest job comes first",
        SIDE,
        "key=lambda job: -job.seconds",
        "key=lambda job: job.seconds",
        f"{AHEAD}::test_here_the_largest_comes_first",
    ),
    Mutant(
        "a process is believed that it has compiled",
        SIDE,
        "            if not job.ready:",
        "            if job in waiting:",
        f"{AHEAD}::test_what_a_process_leaves_is_done_here",
    ),
    Mutant(
        "processes go on after an exception",
        SIDE,
        "        self._waiting.clear()\n        self._kill()",
        "        return",
        f"{AHEAD}::test_processes_end_with_an_exception",
    ),
    Mutant(
        "any program is started as a Python",
        SIDE,
        'executable.stem.lower().startswith("python")',
        "bool(executable.stem)",
        f"{AHEAD}::test_only_a_python_is_started",
    ),
    Mutant(
        "a process is started for a moment's work",
        SIDE,
        "1 + int(seconds / 2 / START_SECONDS)",
        "99",
        f"{AHEAD}::test_processes_are_started_where_they_pay",
    ),
    Mutant(
        "warmup compiles parallel forms unasked",
        "numbanet/_warmup.py",
        "(kernel.serial, kernel.parallel) if parallel else (kernel.serial,)",
        "(kernel.serial, kernel.parallel)",
        f"{WARMUP}::test_parallel_forms_are_for_those_who_ask",
    ),
]
