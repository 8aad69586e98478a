"""Every default of numbanet.functional as it is documented, and every option off its default against plain NumPy."""

import inspect
import itertools
import math

import numpy as np
import pytest
from plain import conv, pool

from numbanet import functional as F
from numbanet import kernels, reference
from numbanet.operations import LOSSES

ADAM = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
RUNNING = {"running_mean": None, "running_var": None, "momentum": 0.9, "eps": 1e-5}
CONV = {"b": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
POOL = {"stride": None, "padding": 0}

# What a call gives that leaves an option out; `ops` is always numbanet.kernels.
DEFAULTS = {
    "adam_update": {**ADAM, "eps_inside_root": False},
    "augment": {"padding": 4, "flip": True, "step": 0},
    "avg_pool_forward": POOL,
    "batchnorm_forward": RUNNING,
    "batchnorm_inference": {"eps": 1e-5},
    "conv_forward": CONV,
    "conv_relu_forward": CONV,
    "dropout_forward": {"step": 0},
    "elu_forward": {"alpha": 1.0},
    "embedding_forward": {"sizes": None},
    "periodic_forward": {"dense": True},
    **{name: {"sample_weight": None} for name in LOSSES},
    "huber_loss": {"delta": 1.0, "sample_weight": None},
    "quantile_loss": {"quantile": 0.5, "sample_weight": None},
    "soft_softmax_loss": {"sample_weight": None, "label_smoothing": 0.0},
    "layernorm_forward": {"eps": 1e-5},
    "leaky_relu_forward": {"negative_slope": 0.01},
    "max_pool_forward": POOL,
    "momentum_update": {"momentum": 0.9},
    "nesterov_update": {"momentum": 0.9},
    "rmsprop_update": {"decay_rate": 0.99, "eps": 1e-8, "eps_inside_root": False},
    "softmax_loss": {"sample_weight": None, "label_smoothing": 0.0},
    "spatial_batchnorm_forward": RUNNING,
    "spatial_batchnorm_inference": {"eps": 1e-5},
    "spatial_groupnorm_forward": {"eps": 1e-5},
}


@pytest.mark.parametrize("name", F.__all__)
def test_defaults(name):
    parameters = inspect.signature(getattr(F, name)).parameters.values()
    found = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert found.pop("ops", kernels) is kernels
    assert found == DEFAULTS.get(name, {})


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def gradient(function, array, dout):
    """By centred differences of a function of an array that is changed in place."""
    found = np.empty(array.shape)
    for at in np.ndindex(array.shape):
        kept = array[at]
        array[at] = kept + 1e-6
        above = function()
        array[at] = kept - 1e-6
        found[at] = np.sum((above - function()) * dout) / 2e-6
        array[at] = kept
    return found


CONVOLUTIONS = [
    {"stride": 2, "padding": 0, "dilation": 1, "groups": 1},
    {"stride": 1, "padding": (2, 1), "dilation": 1, "groups": 2},
    {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("relu", [False, True])
def test_convolution(options, relu):
    both = [value if isinstance(value, tuple) else (value, value) for value in list(options.values())[:3]]
    groups = options["groups"]
    x, w, b = normal(2, 4, 5, 6), normal(6, 4 // groups, 3, 2), normal(6)
    name = "conv_relu" if relu else "conv"
    out, cache = getattr(F, f"{name}_forward")(x, w, b, **options, ops=reference)

    def plain():
        result = conv(x, w, b, *both, groups)
        return np.maximum(result, 0) if relu else result

    close(out, plain())
    dout = normal(*out.shape)
    for got, array in zip(getattr(F, f"{name}_backward")(dout, cache), (x, w, b), strict=True):
        np.testing.assert_allclose(got, gradient(plain, array, dout), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("stride", "padding"), [(None, 0), (1, (1, 0)), ((3, 2), (0, 1))])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pooling(kind, stride, padding):
    x, window = normal(2, 3, 7, 6), (3, 2)
    both = [value if isinstance(value, tuple) else (value, value) for value in (stride or window, padding)]
    out, cache = getattr(F, f"{kind}_pool_forward")(x, window, stride=stride, padding=padding, ops=reference)

    def plain():
        return pool(x, window, *both, *((-np.inf, np.max) if kind == "max" else (0, np.mean)))

    close(out, plain())
    dout = normal(*out.shape)
    got = getattr(F, f"{kind}_pool_backward")(dout, cache)
    np.testing.assert_allclose(got, gradient(plain, x, dout), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [(5, 4), (4, 5), (7, 7)])  # a row is left over, or a column, or both
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pixels_that_no_window_reaches_get_no_gradient(kind, size):
    x, window = normal(2, 7, *size), (2, 2)
    out, cache = getattr(F, f"{kind}_pool_forward")(x, window)
    dx = getattr(F, f"{kind}_pool_backward")(np.ones_like(out), cache)
    rows, columns = (length // 2 * 2 for length in size)
    assert (dx[:, :, rows:] == 0).all()
    assert (dx[:, :, :, columns:] == 0).all()
    assert dx.sum() == pytest.approx(out.size)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("ops", [reference, kernels])
def test_groups_of_channels(groups, ops):
    x, gamma, beta = normal(2, 4, 3, 5), normal(4)[:, None, None], normal(5)[:4, None, None]
    inside = x.reshape(2, groups, -1)
    centred = inside - inside.mean(axis=2, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + 0.05)
    out, _ = F.spatial_groupnorm_forward(x, gamma.ravel(), beta.ravel(), groups, eps=0.05, ops=ops)
    close(out, gamma * expected.reshape(x.shape) + beta)


def test_batchnorm_of_images():
    x, (gamma, beta, mean, var) = normal(2, 4, 3, 5), (normal(4, n)[:, 0] ** 2 + 0.1 for n in (1, 2, 3, 4))
    rows = x.transpose(0, 2, 3, 1).reshape(-1, 4)

    def expected(mean, var):
        return (gamma * (rows - mean) / np.sqrt(var + 0.05) + beta).reshape(2, 3, 5, 4).transpose(0, 3, 1, 2)

    options = {"running_mean": mean, "running_var": var, "momentum": 0.7, "eps": 0.05}
    out, cache = F.spatial_batchnorm_forward(x, gamma, beta, **options, ops=reference)
    close(out, expected(rows.mean(axis=0), rows.var(axis=0)))
    close(cache.running_mean, 0.7 * mean + 0.3 * rows.mean(axis=0))
    close(cache.running_var, 0.7 * var + 0.3 * rows.var(axis=0))
    close(F.spatial_batchnorm_inference(x, gamma, beta, mean, var, eps=0.05, ops=reference), expected(mean, var))


@pytest.mark.parametrize("flip", [False, True])
def test_augmentation_shifts_as_far_as_it_may_and_mirrors_where_it_may(flip):
    x, padding = normal(1, 2, 5, 4), 2
    wide = np.pad(x[0], [(0, 0), (padding, padding), (padding, padding)])
    places = list(itertools.product(range(2 * padding + 1), repeat=2))
    shifted = [wide[:, i : i + 5, j : j + 4] for i, j in places]
    known = {a.tobytes(): (place, False) for a, place in zip(shifted, places, strict=True)}
    known |= {a[:, :, ::-1].tobytes(): (place, True) for a, place in zip(shifted, places, strict=True)}
    many = np.repeat(x, 1000, axis=0)
    found = [known[p.tobytes()] for p in F.augment(many, padding=padding, flip=flip, seed=1, ops=reference)]
    assert {place for place, _ in found} == set(places)
    mirrored = sum(is_mirrored for _, is_mirrored in found) / 1000
    assert abs(mirrored - flip / 2) < 4 * math.sqrt(0.25 / 1000) * flip + 1e-9
    for other in ({"seed": 2}, {"seed": 1, "step": 1}):
        changed = F.augment(many, padding=padding, flip=flip, **other, ops=reference)
        assert [known[p.tobytes()] for p in changed] != found


# Integers that no kernel can count with.

FAR = [2**31, 2**63 - 1, 10**400, 10**5000]
IMAGE, FILTER = np.ones((1, 2, 5, 5)), np.ones((2, 2, 3, 3))


@pytest.mark.parametrize("value", FAR, ids=["2**31", "2**63-1", "10**400", "10**5000"])
@pytest.mark.parametrize("both", [False, True])
def test_moves_that_are_too_far_are_refused(value, both):
    given = (1, value) if both else value
    for name in ("stride", "padding", "dilation"):
        with pytest.raises(ValueError, match=rf"^{name}(\[1\])?: expected an integer of at most 2147483647, got "):
            F.conv_forward(IMAGE, FILTER, **{name: given})
    for name in ("stride", "padding"):
        with pytest.raises(ValueError, match=rf"^{name}(\[1\])?: expected an integer of at most 2147483647, got "):
            F.avg_pool_forward(IMAGE, 2, **{name: given})
    with pytest.raises(ValueError, match=r"^kernel_size(\[1\])?: expected an integer of at most 2147483647, got "):
        F.max_pool_forward(IMAGE, given)


@pytest.mark.parametrize("value", [2**64, 10**400, 10**5000], ids=["2**64", "10**400", "10**5000"])
def test_numbers_of_groups_that_nothing_can_have(value):
    for call in (
        lambda: F.conv_forward(IMAGE, FILTER, groups=value),
        lambda: F.spatial_groupnorm_forward(IMAGE, np.ones(2), np.ones(2), value),
    ):
        with pytest.raises(ValueError, match=r"^groups: expected an integer of at most 9223372036854775807, got int"):
            call()


def test_the_farthest_moves_are_right():
    """One window, at the first pixel: everything else lies beyond it."""
    out, cache = F.conv_forward(IMAGE, FILTER, stride=2**31 - 1)
    assert out.tolist() == [[[[18.0]], [[18.0]]]]
    dx = F.conv_backward(np.ones_like(out), cache)[0]
    assert dx.sum() == 2 * 18
    assert (dx[:, :, :3, :3] == 2).all()
    out, cache = F.avg_pool_forward(IMAGE, 2, stride=2**31 - 1)
    assert out.tolist() == [[[[1.0]], [[1.0]]]]
    assert F.avg_pool_backward(np.ones_like(out), cache).sum() == 2


def test_more_windows_than_memory_holds():
    with pytest.raises(ValueError, match=r"^x: 2000003 x 2000003 windows fit into .*, too many; is padding meant\?$"):
        F.conv_forward(IMAGE, FILTER, padding=10**6)


def test_groups_divide_channels_and_filters():
    with pytest.raises(ValueError, match=r"^groups: .* the 4 channels of x and the 5 filters of w, got 2$"):
        F.conv_forward(np.ones((1, 4, 5, 5)), np.ones((5, 2, 3, 3)), groups=2)
    with pytest.raises(ValueError, match=r"^groups: .* the 5 channels of x and the 4 filters of w, got 2$"):
        F.conv_forward(np.ones((1, 5, 5, 5)), np.ones((4, 2, 3, 3)), groups=2)
