"""What type checkers are told."""

from . import Mutant

TYPING = "tests/test_typing.py::test_right_uses_pass_and_wrong_ones_are_refused_on_their_lines"

MUTANTS = [
    Mutant(
        "types: a decorator hides the signatures of Sequential and Solver",
        "numbanet/_plain.py",
        "def refusing(init: F) -> F:",
        "def refusing(init: Any) -> Any:",
        TYPING,
    ),
    Mutant(
        "types: any name of the package is taken for one that there is",
        "numbanet/__init__.py",
        "if not TYPE_CHECKING:  # who would take",
        "if True:  # who would take",
        TYPING,
    ),
    Mutant(
        "types: a pooling may be padded as a convolution",
        "numbanet/layers/pooling.py",
        'kernel_size: Size\n    stride: Size | None = None\n    padding: Size = 0\n\n    operation = "max_pool"',
        'kernel_size: Size\n    stride: Size | None = None\n    padding: Any = 0\n\n    operation = "max_pool"',
        TYPING,
    ),
]
