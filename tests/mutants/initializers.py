"""Faults in initial values by the data."""

from tests.mutants import Mutant

FILE, TEST = "numbanet/initializers.py", "tests/test_fit_to_data.py"

MUTANTS = [
    Mutant(
        "all outputs are divided by one spread",
        FILE,
        "spread[spread == 0] = 1\n",
        "spread[...] = spread.mean()\n",
        f"{TEST}::test_each_output_has_a_spread_of_one",
    ),
    Mutant(
        "a spread of 0 divides",
        FILE,
        "spread[spread == 0] = 1",
        "pass",
        f"{TEST}::test_of_one_example_the_bias_is_its_opposite",
    ),
    Mutant(
        "biases are of outputs before the weights are divided",
        FILE,
        "outputs = outputs / spread",
        "pass",
        f"{TEST}::test_biases_are_means_of_five_examples",
    ),
    Mutant(
        "the weights of the five add up to anything",
        FILE,
        "shares /= shares.sum(axis=0)",
        "shares /= 5",
        f"{TEST}::test_biases_are_means_of_five_examples",
    ),
    Mutant(
        "what is measured has the old bias in it",
        FILE,
        "before, b[...] = b.copy(), 0",
        "before = b.copy()",
        f"{TEST}::test_biases_are_means_of_five_examples",
    ),
    Mutant(
        "later layers see the network as it was",
        FILE,
        "w /= np.expand_dims(spread, -2)",
        "w[...] = w / spread if count == 1 else w",
        f"{TEST}::test_each_output_has_a_spread_of_one",
    ),
]
