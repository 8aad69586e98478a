"""The course's modules."""

from . import Mutant

TESTS = "tests/test_cs231n.py"
NETWORKS, PARAMS = "numbanet/cs231n/classifiers/fc_net.py", "numbanet/cs231n/_params.py"

MUTANTS = [
    Mutant(
        "ThreeLayerConvNet: hidden_dim is 50 by default",
        "numbanet/cs231n/classifiers/cnn.py",
        "hidden_dim=100",
        "hidden_dim=50",
        f"{TESTS}::test_defaults_are_those_of_the_course",
    ),
    Mutant(
        "TwoLayerNet: weight_scale is 1e-2 by default",
        NETWORKS,
        "weight_scale=1e-3, reg=0.0",
        "weight_scale=1e-2, reg=0.0",
        f"{TESTS}::test_the_networks_are_built_with_their_defaults",
    ),
    Mutant(
        "FullyConnectedNet: weight_scale ignored",
        NETWORKS,
        "            weight_scale=weight_scale,\n",
        "",
        f"{TESTS}::test_arguments_have_the_places_of_the_course",
    ),
    Mutant(
        "dropout of 2017 is the probability to keep",
        PARAMS,
        "return (dropout if by_kept else 1 - dropout), normalization",
        "return dropout, normalization",
        f"{TESTS}::test_older_names_of_dropout_and_batchnorm",
    ),
    Mutant(
        "use_batchnorm=False normalises",
        PARAMS,
        '"batchnorm" if use_batchnorm else None',
        '"batchnorm"',
        f"{TESTS}::test_older_names_of_dropout_and_batchnorm",
    ),
    Mutant(
        "a dropout that could be either is taken for one",
        PARAMS,
        "    if by_kept is None:",
        "    if False:",
        f"{TESTS}::test_names_that_the_course_never_had_or_that_say_too_little",
    ),
    Mutant(
        "unknown options of the dicts are ignored",
        PARAMS,
        "        if option not in known:",
        "        if False:",
        f"{TESTS}::test_options_of_the_dicts_that_there_are_not",
    ),
    Mutant(
        "convolution is compiled while it is timed",
        "numbanet/cs231n/fast_layers.py",
        'KERNELS = ("conv_forward", "conv_backward", ',
        "KERNELS = (",
        f"{TESTS}::test_what_the_notebooks_time_is_compiled_before",
    ),
    Mutant(
        "batchnorm's backward is compiled while it is timed",
        "numbanet/cs231n/layers.py",
        "        batchnorm_backward(np.zeros_like(out), cache)\n",
        "",
        f"{TESTS}::test_what_the_notebooks_time_is_compiled_before",
    ),
]
