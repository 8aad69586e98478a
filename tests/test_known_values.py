"""Every operation on numbers small enough to work out by hand; they stand, with the arithmetic, by family."""

import importlib
import inspect

import numpy as np
import pytest
from cases import CASES
from compare import BOTH, DTYPES

from numbanet import reference
from numbanet.operations import FAMILIES

VALUES = [row for family in FAMILIES for row in importlib.import_module(f"test_{family}").VALUES]


def array(value, dtype):
    """Lists of numbers as arrays, anything else as it is."""
    return np.array(value, dtype) if isinstance(value, list) else value


def stale(value, dtype):
    """An array of the shape of `value` that holds something else; integers keep their dtype."""
    return np.full_like(value, 99) if isinstance(value, np.ndarray) else np.full(np.shape(value), np.nan, dtype)


@DTYPES
@BOTH
@pytest.mark.parametrize(("name", "inputs", "after"), VALUES, ids=[f"{i}-{row[0]}" for i, row in enumerate(VALUES)])
def test_known_values(name, inputs, after, ops, dtype):
    parameters = list(inspect.signature(getattr(reference, name)).parameters)
    arguments = {key: array(value, dtype) for key, value in zip(parameters, inputs, strict=False)}
    outputs = {key: stale(after[key], dtype) for key in parameters[len(inputs) :]}
    loss = getattr(ops, name)(*arguments.values(), *outputs.values())
    arguments.update(outputs, loss=loss)
    tolerance = 8 * np.finfo(dtype).eps
    assert set(outputs) <= set(after)
    assert (loss is None) == ("loss" not in after)
    for key, value in after.items():
        np.testing.assert_allclose(arguments[key], value, rtol=tolerance, atol=tolerance, err_msg=key)


def test_every_operation_has_known_values():
    assert {name for name, _, _ in VALUES} == set(CASES)
