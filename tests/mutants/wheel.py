"""Machine code that comes with the package."""

from tests.mutants import Mutant

SHIPPED, CACHE, TEST = "numbanet/runtime/shipped.py", "numbanet/runtime/cache.py", "tests/test_wheel.py"

MUTANTS = [
    Mutant(
        "shipped: code for other vectors serves",
        SHIPPED,
        "if best.vectors != (wanted.vector_bytes, wanted.vector_registers):",
        "if False:",
        f"{TEST}::test_the_best_level_that_has_the_vectors_of_the_cpu",
    ),
    Mutant(
        "shipped: code by other compilers serves",
        SHIPPED,
        "    here = _made_of()\n",
        "    here = best.made_of\n",
        f"{TEST}::test_why_code_does_not_serve_is_told_once_where_something_is_compiled",
    ),
    Mutant(
        "shipped: code serves whatever numba is told",
        SHIPPED,
        "if settings := fingerprint.settings():",
        "if settings := []:",
        f"{TEST}::test_why_code_does_not_serve_is_told_once_where_something_is_compiled",
    ),
    Mutant(
        "shipped: a damaged table of contents ends the process",
        SHIPPED,
        "    except Exception as error:  # a damaged file can raise anything\n",
        "    except OSError as error:\n",
        f"{TEST}::test_damaged_code_is_compiled_anew",
    ),
    Mutant(
        "cache: the package's code goes before the host's own",
        CACHE,
        "self._from_folder(sig, target_context) or self._from_package(sig, target_context)",
        "self._from_package(sig, target_context) or self._from_folder(sig, target_context)",
        f"{TEST}::test_the_hosts_own_code_goes_first",
    ),
    Mutant(
        "cache: entries are compiled though they came with the package",
        CACHE,
        "if (code := shipped.found()) and (value := code.get(name)) is not None:",
        "if (value := None) is not None:",
        f"{TEST}::test_shipped_code_runs_without_compiling_and_has_the_bits_of_the_hosts_own",
    ),
]
