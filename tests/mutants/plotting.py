"""Images of weights and feature maps."""

from tests.mutants import Mutant

FILE, TESTS = "numbanet/plotting.py", "tests/test_plotting.py"

MUTANTS = [
    Mutant(
        "an affine layer's weights are not transposed",
        FILE,
        "weights.T.reshape(-1, *shape)",
        "weights.reshape(-1, *shape)",
        f"{TESTS}::test_the_filters_of_an_affine_layer_are_its_columns",
    ),
    Mutant(
        "colours are rows",
        FILE,
        "scaled(weights.transpose(0, 2, 3, 1))",
        "scaled(weights.reshape(-1, *weights.shape[2:], channels))",
        f"{TESTS}::test_the_filters_of_an_affine_layer_on_colours",
    ),
    Mutant(
        "images are scaled together",
        FILE,
        "low, high = images.min(axis=(1, 2, 3), keepdims=True), images.max(axis=(1, 2, 3), keepdims=True)",
        "low, high = images.min(), images.max()",
        f"{TESTS}::test_the_filters_of_a_convolution",
    ),
    Mutant(
        "channels do not have a row for each filter",
        FILE,
        ", columns=channels))",
        "))",
        f"{TESTS}::test_the_filters_of_a_convolution",
    ),
]
