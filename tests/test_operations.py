"""The table of operations: what follows from its entries, and that it is plain data."""

import subprocess
import sys

import numpy as np
import pytest

from numbanet._image_shapes import workspace
from numbanet.operations import ACTIVATIONS, LOSSES, OPERATIONS, PAIRS, backward_takes_output, public_names
from numbanet.operations.arguments import make
from numbanet.operations.kinds import Array, changed
from numbanet.operations.sizes import IMAGES, convolutions, windows


def made(name, size, **options):
    return make(OPERATIONS[name], size, np.dtype(np.float32), np.random.default_rng(0), workspace=workspace, **options)


def test_it_imports_neither_numpy_nor_numba():
    script = "import sys; import numbanet.operations; print(sorted({'numpy', 'numba', 'llvmlite'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_follows_from_an_activation():
    assert (ACTIVATIONS["mish"], "gelu_tanh" in ACTIVATIONS, "gelu_tanh" in PAIRS) == ("Mish", False, True)
    assert backward_takes_output("selu")
    assert not backward_takes_output("mish")
    assert OPERATIONS["selu_backward"].shared == (("dx", "dout"), ("dx", "out"))
    assert list(OPERATIONS["elu_backward"].arguments) == ["dout", "out", "alpha", "dx"]
    assert public_names("activations")[:2] == ("ReLU", "LeakyReLU")


def test_what_follows_from_a_loss():
    assert LOSSES["huber_loss"] == "Huber"
    huber = OPERATIONS["huber_loss"]
    assert list(huber.arguments) == ["pred", "target", "weights", "delta", "dpred"]
    assert huber.arrays("output") == ("dpred",)
    assert huber.shared == (("dpred", "pred"),)


def test_arguments_have_the_shapes_of_their_axes_and_the_values_of_their_kind():
    given = made("softmax_loss", {"N": 50, "C": 3})
    assert (given["scores"].shape, given["dscores"].shape, given["scores"].dtype) == ((50, 3), (50, 3), np.float32)
    assert set(given["y"]) == {0, 1, 2}
    running = made("batchnorm_inference", {"N": 2, "D": 300})["running_var"]
    assert 0.5 < running.min() < 0.6
    assert 1.9 < running.max() < 2
    assert made("sgd_update", {"P": 3})["learning_rate"] == 0.05
    assert made("sgd_update", {"P": 3}, timed=True)["learning_rate"] == 1e-6
    assert made("groupnorm_forward", {"N": 2, "P": 3, "C": 4, "G": 2})["groups"] == 2
    (size,) = windows(((2, 7, 8, 3), (3, 2), (2, 1), (1, 0)))
    pooled = made("max_pool_forward", size)
    assert (pooled["out"].shape, pooled["where"].dtype, pooled["stride"]) == ((2, 4, 7, 3), np.uint8, (2, 1))
    assert pooled["where"].max() < 6


def test_variants_change_what_they_say():
    variant = OPERATIONS["affine_backward"].variants[0]
    other = changed(OPERATIONS["affine_backward"], variant)
    assert other.arguments["dx"] == Array("0D", "output")
    assert list(other.arguments) == list(OPERATIONS["affine_backward"].arguments)
    assert changed(OPERATIONS["conv_forward"], OPERATIONS["conv_forward"].variants[0]).arguments["b"] == Array("0")


def test_rows_are_a_permutation_or_all_there_are():
    assert sorted(made("augment", IMAGES.of((50, 1, 2, 2)))["rows"]) == list(range(50))
    assert set(made("augment", {"M": 5, "N": 65, "C": 1, "H": 2, "W": 2})["rows"]) == set(range(5))
    few = made("augment", {"M": 9, "N": 3, "C": 1, "H": 2, "W": 2})["rows"]
    assert len(set(few)) == 3


def test_sizes_of_convolutions_say_what_follows():
    (size,) = convolutions((2, 7, 11, 6, 5, 2, 3, (4, 5), (0, 1), (1, 2), 2))
    assert (size["P"], size["Q"], size["K"], size["T"]) == (2, 2, 3, 3 * 2 * 3)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_axis_of_an_operation_is_in_its_sizes(name):
    operation = OPERATIONS[name]
    axes = {axis for kind in operation.arguments.values() if isinstance(kind, Array) for axis in kind.axes} - {"0"}
    for size in (*operation.sizes.tested, *map(operation.sizes.of, operation.sizes.timed)):
        assert axes | set(operation.terms) | set(operation.flops[1:]) <= set(size)
