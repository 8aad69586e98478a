"""Data on their way in."""

from tests.mutants import Mutant

MUTANTS = [
    Mutant(
        "predict: NaN and infinity are not looked for",
        "numbanet/kernels/_gather.py",
        "            bad |= not abs(value) <= largest\n",
        "",
        "tests/test_finite.py::test_examples",
    ),
    Mutant(
        "predict: NaN is not looked for, infinity is",
        "numbanet/kernels/_gather.py",
        "not abs(value) <= largest",
        "abs(value) > largest",
        "tests/test_finite.py::test_examples",
    ),
    Mutant(
        "predict: several batches are not looked at",
        "numbanet/models.py",
        "            if not program.take(rows):\n",
        "            program.take(rows)\n            if False:\n",
        "tests/test_finite.py::test_examples",
    ),
    Mutant(
        "a few rows are not looked at",
        "numbanet/_checks.py",
        "    if few and math.isfinite(np.vdot(array, array)):\n",
        "    if few:\n",
        "tests/test_finite.py",
    ),
    Mutant(
        "targets may be NaN",
        "numbanet/objectives.py",
        "        all_finite(name, np.atleast_1d(y), dtype)\n",
        "",
        "tests/test_finite.py::test_targets",
    ),
]
