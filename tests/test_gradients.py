"""Every backward kernel and every loss's gradient against centred differences of its forward kernel, in float64."""

import itertools
import math

import numpy as np
import pytest
from cases import case
from compare import away_from_zero

from numbanet import kernels
from numbanet.operations import LOSSES, OPERATIONS, PAIRS
from numbanet.operations.kinds import changed
from numbanet.testing import check_gradients


def built(name, size, values=None, changes=None):
    """Arguments of a kernel, those of `values` among them; floats are not close to 0, nor any two of them equal."""
    operation = changed(OPERATIONS[name], changes) if changes else OPERATIONS[name]
    given = case(operation, size).build(np.random.default_rng(0), np.dtype(np.float64))
    arrays = OPERATIONS[name].arrays("input")
    normal = [key for key in arrays if OPERATIONS[name].arguments[key].values in ("normal", "halves")]
    given.update(zip(normal, away_from_zero(*(given[key].shape for key in normal)), strict=True))
    return {**given, **{key: np.array(value) for key, value in (values or {}).items() if key in given}}


def called(name, given):
    """What a kernel writes and returns."""
    loss = getattr(kernels, name)(*given.values())
    return {**given, "loss": loss}


def few(name):
    """Some sizes of an operation for which differences take no time, and are larger than one."""

    def elements(size):
        return max(math.prod(size[axis] for axis in kind.axes) for kind in arrays if "0" not in kind.axes)

    arrays = [OPERATIONS[name].arguments[key] for key in OPERATIONS[name].arrays("input", "output")]
    return [size for size in OPERATIONS[name].sizes.tested if 6 < elements(size) < 1500][:4]


@pytest.mark.parametrize("stem", PAIRS)
def test_pair(stem):
    """The backward pass is given what the forward pass was, and what that gave, by the names that they have."""
    forward_name, backward_name = f"{stem}_forward", f"{stem}_backward"
    learnt = [
        key for key in OPERATIONS[forward_name].arrays("input") if f"d{key}" in OPERATIONS[backward_name].arguments
    ]
    assert learnt
    assert few(forward_name)
    for size in few(forward_name):
        inputs = {key: built(forward_name, size)[key] for key in learnt}

        def forward(size=size, **values):
            return called(forward_name, built(forward_name, size, values))["out"]

        def backward(dout, size=size, **values):
            given = built(forward_name, size, values)
            kept = {**called(forward_name, given), "dout": dout}
            mine = built(backward_name, size)
            inputs = OPERATIONS[backward_name].arrays("input")
            mine.update({key: kept[key] for key in mine if key in kept and key in inputs or np.isscalar(mine[key])})
            return {key: called(backward_name, mine)[f"d{key}"] for key in values}

        check_gradients(forward, backward, inputs)


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    first = next(iter(OPERATIONS[name].arguments))
    for size, variant in itertools.product(few(name), (None, *OPERATIONS[name].variants)):

        def loss(size=size, variant=variant, **values):
            return called(name, built(name, size, values, variant))["loss"]

        def backward(dout, size=size, variant=variant, **values):
            return {first: dout * called(name, built(name, size, values, variant))[f"d{first}"]}

        check_gradients(loss, backward, {first: built(name, size)[first]})
