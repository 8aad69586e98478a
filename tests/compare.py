"""What tests compare with, and how near: both backends and dtypes, numbers to try, PyTorch's results."""

import numpy as np
import pytest
from cases import CASES

from numbanet import kernels, reference
from numbanet.operations import OPERATIONS

BOTH = pytest.mark.parametrize("ops", [reference, kernels], ids=["reference", "kernels"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LN2, LN3 = np.log(2), np.log(3)
LARGE = (12345.0, 1e6, 1.7e9, -3.3e7, 0.1, 1e-8)


def draw(*shapes):
    """Normally distributed, the same ones in each test."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


def normal(*shape):
    """Normally distributed, others for each shape."""
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


def away_from_zero(*shapes):
    """Normally distributed, but no closer to 0 than 0.1: that is where ReLUs have their kink."""
    rng = np.random.default_rng(0)
    arrays = (rng.standard_normal(shape) for shape in shapes)
    return [a + np.copysign(0.1, a) for a in arrays]


def constants(count, seed, dtype):
    """Numbers of all sizes, first those that were once wrong."""
    rng = np.random.default_rng(seed)
    others = rng.standard_normal(count) * 10.0 ** rng.uniform(-6, 12, count)
    return np.concatenate([LARGE, others])[:count].astype(dtype)


def close(got, want):
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)


def assert_all_close(got, expected):
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


def channels_first(images):
    """From (N, H, W, C) to torch's order."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def torch_gradients(torch, function, dout, *arrays):
    """Result and gradients of a torch function, as arrays."""
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    result = function(*leaves)
    result.backward(torch.tensor(dout))
    return [result.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


def expressed(family):
    """The operations of a family for which the table has torch's expression."""
    return [name for name, each in OPERATIONS.items() if each.family == family and "(" in each.torch]


def assert_is_that_of_torch(name, torch):
    """Everything that a call writes or returns is what the table's expression gives."""
    same_size = CASES[name][3].name
    for chosen in (case for case in CASES[name] if case.name.endswith(same_size)):  # variants too
        assert_case_is_that_of_torch(name, chosen, torch)


def assert_case_is_that_of_torch(name, case, torch):
    operation = OPERATIONS[name]
    given = case.build(np.random.default_rng(0), np.float64)
    first = given[next(iter(given))].reshape(-1)
    first[: 4 if first.size > 4 else 0] = 0, -30, 30, -1e-9
    tensors = {key: torch.tensor(value) if isinstance(value, np.ndarray) else value for key, value in given.items()}
    loss = getattr(kernels, name)(*given.values())
    scope = {"torch": torch, "F": torch.nn.functional, "aten": torch.ops.aten, "reduction": "none"}
    outputs = operation.arrays("output")
    if name.endswith("_loss"):
        leaf = next(iter(tensors.values())).requires_grad_()
        each = eval(operation.torch, scope, tensors)
        value = torch.mean(each.reshape(len(leaf), -1), 1)
        weights = tensors["weights"] if len(tensors["weights"]) else torch.ones(len(leaf))
        value = (weights * value).sum() / weights.sum()
        assert_all_close([loss, given[outputs[0]]], [value.item(), torch.autograd.grad(value, leaf)[0].numpy()])
    else:
        assert_all_close([given[key] for key in outputs], [eval(operation.torch, scope, tensors).numpy()])
