"""Small faults that are planted one at a time, each of which must turn a test red.

A mutant that survives is a test that is missing. They are lists, `MUTANTS`, in the modules of this folder, one for each
area; whoever adds a feature adds theirs. ``python -m tests.mutants`` plants them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes
    ----------
    what : str
        The fault in a few words; the name it is reported by.
    file : str
        Path from the top of the repository.
    old, new : str
        The text that is replaced, which must stand in the file exactly once, and what takes its place.
    test : str
        What must fail, as pytest takes it: a file, or one test of it, such as ``tests/test_layers.py::test_options``.
        Several are separated by blanks; each must pass without the fault.
    """

    what: str
    file: str
    old: str
    new: str
    test: str
