"""Every kernel against its reference, and what a reference cannot show: limits, streams of bits, other libraries."""

import numpy as np
import pytest
from cases import CASES, SHARED, call, sharing

from numbanet import kernels, reference
from numbanet.kernels._gemm import matmul
from numbanet.operations import OPERATIONS, backward_takes_output
from numbanet.testing import check_pair

BOTH = pytest.mark.parametrize("ops", [reference, kernels], ids=["reference", "kernels"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# An infinite inv_std, which no batch gives, or gamma: the kernel takes it out of a sum whose terms have both signs.
SPECIAL = {"layernorm_backward": (None, "nan"), "groupnorm_backward": (None, "nan")}


@pytest.mark.parametrize("name", CASES)
def test_kernel_agrees_with_its_reference(name):
    check_pair(name, CASES[name], special=SPECIAL.get(name, (None, "nan", "inf")))


@pytest.mark.parametrize(("name", "output", "source"), SHARED)
def test_output_may_be_an_input(name, output, source):
    check_pair(name, [sharing(case, output, source) for case in CASES[name][::4]], special=(None,))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_many_draws(name):
    for seed in range(1, 4):
        check_pair(name, CASES[name], seed=seed, special=SPECIAL.get(name, (None, "nan", "inf")))


@DTYPES
@pytest.mark.parametrize(("d", "m"), [(137, 71), (300, 301)])
@pytest.mark.parametrize("name", ["affine_forward", "affine_relu_forward"])
def test_an_example_gives_the_same_bits_in_any_batch(name, d, m, dtype):
    operation, rng = getattr(kernels, name), np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in [(131, d), (d, m), m])
    whole = call(operation, x, w, b, out=(131, m))["out"]
    for n in (0, 7, 8, 130):
        assert call(operation, x[n : n + 1], w, b, out=(1, m))["out"].tobytes() == whole[n].tobytes()


@DTYPES
@pytest.mark.parametrize(("n", "d", "m"), [(1, 300, 301), (13, 37, 3), (300, 37, 3), (30, 300, 70), (300, 300, 150)])
def test_a_product_has_the_same_bits_in_any_layout_and_any_number_of_blocks(n, d, m, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((d, m)).astype(dtype)

    def inside(array, width):
        """In an array with rows of this width, so that numba compiles one form for all."""
        wide = np.zeros((len(array), width), dtype)
        wide[:, : array.shape[1]] = array
        return wide[:, : array.shape[1]]

    results = set()
    # Columns 1024 elements apart meet in one set of a cache, those 1001 apart do not.
    for left in (inside(a, 1001), inside(a.T, 1001).T, inside(a.T, 1024).T):
        for right in (inside(b, 1001), inside(b.T, 1001).T):
            for form in (matmul.serial, matmul.parallel):
                out = np.full((n, m), np.nan, dtype)
                form(left, right, out)
                results.add(out.tobytes())
    assert len(results) == 1
    np.testing.assert_allclose(out, a.astype(np.longdouble) @ b, rtol=0, atol=40 * d**0.5 * np.finfo(dtype).eps)


def exact_softmax_loss(scores, y):
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    onehot = np.arange(scores.shape[1]) == y[:, None]
    return -log_p[onehot].mean(), (np.exp(log_p) - onehot) / len(y)


def exact_svm_loss(scores, y):
    onehot = np.arange(scores.shape[1]) == y[:, None]
    margins = np.where(onehot, 0, np.maximum(scores - scores[onehot][:, None] + 1, 0))
    violated = (margins > 0).astype(scores.dtype)
    return margins.sum() / len(y), (violated - onehot * violated.sum(axis=1, keepdims=True)) / len(y)


def exact_squared_error_loss(pred, target):
    return np.square(pred - target).mean(), 2 * (pred - target) / pred.size


def exact_binary_cross_entropy_loss(logits, target):
    return (np.logaddexp(0, logits) - logits * target).mean(), (1 / (1 + np.exp(-logits)) - target) / logits.size


@BOTH
@DTYPES
@pytest.mark.parametrize(
    "exact",
    [exact_softmax_loss, exact_svm_loss, exact_squared_error_loss, exact_binary_cross_entropy_loss],
    ids=lambda exact: exact.__name__.removeprefix("exact_"),
)
def test_losses_are_stable_for_scores_of_ten_thousand(exact, dtype, ops):
    name = exact.__name__.removeprefix("exact_")
    rng = np.random.default_rng(0)
    scores = rng.choice([-1e4, -88, -1, 0, 1, 88, 1e4], size=(37, 5)).astype(dtype)
    target = rng.integers(5, size=37) if name in ("softmax_loss", "svm_loss") else rng.random((37, 5)).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        loss, dscores = call(getattr(ops, name), scores, target, dscores=scores.shape).values()
    wide = target if target.dtype == np.int64 else target.astype(np.longdouble)
    expected_loss, expected = exact(scores.astype(np.longdouble), wide)
    eps = float(np.finfo(dtype).eps)
    assert loss == pytest.approx(float(expected_loss), rel=8 * eps)
    np.testing.assert_allclose(
        dscores, expected.astype(np.float64), rtol=8 * eps, atol=8 * eps * np.abs(expected).max()
    )


SCALE, ALPHA = np.longdouble("1.0507009873554804934"), np.longdouble("1.6732632423543772848")


def exact_softplus(x):
    return np.logaddexp(0, x), 1 / (1 + np.exp(-x))


def exact_mish(x):
    softplus, slope = exact_softplus(x)
    t = np.tanh(softplus)
    return x * t, t + x * slope / np.cosh(np.minimum(softplus, 5000)) ** 2


def exact_selu(x):
    return SCALE * np.where(x > 0, x, ALPHA * np.expm1(x)), SCALE * np.where(x > 0, 1, ALPHA * np.exp(x))


@BOTH
@DTYPES
@pytest.mark.parametrize(
    ("exact", "limit"), [(exact_softplus, 0), (exact_mish, np.nan), (exact_selu, float(-SCALE * ALPHA))]
)
def test_smooth_activations_lose_no_digits(exact, limit, dtype, ops):
    name, eps = exact.__name__.removeprefix("exact_"), np.finfo(dtype).eps
    x = np.array([*np.linspace(-86, 86, 4001), -1e4, 1e4, 1e-30, -1e-30, 0], dtype)
    want, slopes = (value.astype(np.float64) for value in exact(x.astype(np.longdouble)))
    out = call(getattr(ops, f"{name}_forward"), x, out=x.shape)["out"]
    seen = out if backward_takes_output(name) else x
    dx = call(getattr(ops, f"{name}_backward"), np.ones_like(x), seen, dx=x.shape)["dx"]
    np.testing.assert_allclose(out, want, rtol=6 * eps, atol=0)
    np.testing.assert_allclose(dx, slopes, rtol=6 * eps, atol=4 * eps)
    with np.errstate(invalid="ignore"):
        ends = call(getattr(ops, f"{name}_forward"), np.array([-np.inf, np.inf, np.nan], dtype), out=3)["out"]
    np.testing.assert_allclose(ends, [limit, np.inf, np.nan], rtol=eps)


# What a single error gives: the loss and its slope.
HUBER = [(0, 0, 0), (0.5, 0.125, 0.5), (-0.75, 0.28125, -0.75), (0.75, 0.28125, 0.75), (2.75, 1.78125, 0.75)]
HUBER += [(-4, 2.71875, -0.75), (np.inf, np.inf, 0.75), (-np.inf, np.inf, -0.75), (np.nan, np.nan, np.nan)]
ABSOLUTE = [(0, 0, 0), (-0.0, 0, 0), (1e-30, 1e-30, 1), (-3, 3, -1), (np.inf, np.inf, 1), (np.nan, np.nan, np.nan)]


@BOTH
@DTYPES
@pytest.mark.parametrize(
    ("name", "options", "row"),
    [*(("huber_loss", [0.75], row) for row in HUBER), *(("absolute_error_loss", [], row) for row in ABSOLUTE)],
)
def test_losses_of_a_single_error(name, options, row, dtype, ops):
    error, loss, slope = row
    arrays = np.array([[error]], dtype), np.zeros((1, 1), dtype)
    with np.errstate(invalid="ignore"):
        got = call(getattr(ops, name), *arrays, *options, dpred=(1, 1))
    np.testing.assert_allclose([got["loss"], got["dpred"].item()], [loss, slope], rtol=1e-6)


@DTYPES
@pytest.mark.parametrize("name", ["softmax_loss", "svm_loss"])
def test_gradient_of_a_shift_is_zero(name, dtype):
    """Adding a number to all scores of an example changes neither loss, so each row of the gradient adds up to 0."""
    rng = np.random.default_rng(0)
    scores, y = rng.standard_normal((131, 10)).astype(dtype), rng.integers(10, size=131)
    dscores = call(getattr(kernels, name), scores, y, dscores=scores.shape)["dscores"]
    np.testing.assert_allclose(dscores.sum(axis=1, dtype=np.float64), 0, atol=10 * np.finfo(dtype).eps / 131)
    assert np.abs(dscores).max() > 1e-3


PHILOX = [  # Random123, kat_vectors, philox4x32 with 10 rounds: counter, key, words
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@BOTH
@pytest.mark.parametrize(("counter", "key", "expected"), PHILOX)
def test_philox_known_answers(counter, key, expected, ops):
    counter, key, expected = ([int(word, 16) for word in text.split()] for text in (counter, key, expected))
    words = np.zeros((4, kernels.dropout.RUN), np.uint64)
    words[:, 5] = counter
    ops.dropout.philox(words, np.uint64(key[0] | key[1] << 32))
    assert words[:, 5].tolist() == expected


def mask(seed, step, size=100_000, rate=0.3):
    key = np.array([seed, step], np.uint64)
    return call(kernels.dropout_forward, np.ones(size, np.float32), key, rate, out=size)["out"]


def test_mask_drops_the_wanted_fraction_and_scales_the_rest():
    for rate in (0.1, 0.5, 0.9):
        values, counts = np.unique(mask(3, 0, rate=rate), return_counts=True)
        assert values.tolist() == [0, np.float32(1 / (1 - rate))]
        deviation = np.sqrt(rate * (1 - rate) / 100_000)
        assert abs(counts[0] / 100_000 - rate) < 4 * deviation
    assert (mask(3, 0, rate=0) == 1).all()


def test_masks_of_other_seeds_steps_and_places_are_independent():
    first = mask(0, 0) > 0
    others = [mask(1, 0), mask(0, 1), mask(2**32, 0), mask(0, 2**32)]
    for other in [*others, *(np.roll(first, shift) for shift in (1, 64, 256))]:
        # Both keep an element with probability 0.49: the fraction is off by less than four deviations.
        assert abs(np.mean(first & (other > 0)) - 0.49) < 4 * np.sqrt(0.49 * 0.51 / 100_000)


def test_forward_and_backward_drop_the_same_and_any_prefix_too():
    key, ones = np.array([7, 9], np.uint64), np.ones(1000)
    forward = call(kernels.dropout_forward, ones, key, 0.5, out=1000)["out"]
    backward = call(kernels.dropout_backward, ones, key, 0.5, dx=1000)["dx"]
    part = call(kernels.dropout_forward, ones[:333], key, 0.5, out=333)["out"]
    assert (forward == backward).all()
    assert (forward[:333] == part).all()
    assert set(forward) == {0.0, 2.0}


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch")


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


def torch_gradients(torch, function, dout, *arrays):
    """Result and gradients of a torch function, as arrays."""
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    result = function(*leaves)
    result.backward(torch.tensor(dout))
    return [result.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


def assert_all_close(got, expected):
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


EXPRESSED = [
    name for name, each in OPERATIONS.items() if each.family in ("activations", "losses") and "(" in each.torch
]


@pytest.mark.parametrize("name", EXPRESSED)
def test_activations_and_losses_are_those_of_torch(name, torch):
    """Everything that a call writes or returns is what the table's expression gives."""
    operation = OPERATIONS[name]
    given = CASES[name][3].build(np.random.default_rng(0), np.float64)
    first = given[next(iter(given))].reshape(-1)
    first[: 4 if first.size > 4 else 0] = 0, -30, 30, -1e-9
    tensors = {key: torch.tensor(value) if isinstance(value, np.ndarray) else value for key, value in given.items()}
    loss = getattr(kernels, name)(*given.values())
    scope = {"torch": torch, "F": torch.nn.functional, "aten": torch.ops.aten}
    outputs = operation.arrays("output")
    if name.endswith("_loss"):
        leaf = next(iter(tensors.values())).requires_grad_()
        value = eval(operation.torch, scope, tensors)
        assert_all_close([loss, given[outputs[0]]], [value.item(), torch.autograd.grad(value, leaf)[0].numpy()])
    else:
        assert_all_close([given[key] for key in outputs], [eval(operation.torch, scope, tensors).numpy()])


def test_batchnorm_is_that_of_torch(torch):
    x, dout, gamma, beta, mean = draw((13, 7), (13, 7), 7, 7, 7)
    running = [mean, np.abs(mean)]
    theirs = [torch.tensor(a) for a in running]
    ours = call(kernels.batchnorm_forward, x, gamma, beta, 0.9, 1e-5, *running, mean=7, inv_std=7, out=x.shape)
    gradients = call(
        kernels.batchnorm_backward, dout, x, gamma, ours["mean"], ours["inv_std"], dx=x.shape, dgamma=7, dbeta=7
    )

    def forward(x, gamma, beta):
        return torch.nn.functional.batch_norm(x, *theirs, gamma, beta, training=True, momentum=0.1, eps=1e-5)

    got = [ours["out"], *list(gradients.values())[1:]]
    assert_all_close(got, torch_gradients(torch, forward, dout, x, gamma, beta))
    unbiased = theirs[1].numpy() - 0.1 * x.var(axis=0) / 12  # torch's running variance is divided by N - 1
    assert_all_close(running, [theirs[0].numpy(), unbiased])
    out = call(kernels.batchnorm_inference, x, gamma, beta, *running, 1e-5, out=x.shape)["out"]
    tensors = [torch.tensor(a) for a in (x, *running, gamma, beta)]
    assert_all_close([out], [torch.nn.functional.batch_norm(*tensors, training=False, eps=1e-5).numpy()])


def test_layernorm_is_that_of_torch(torch):
    x, dout, gamma, beta = draw((13, 7), (13, 7), 7, 7)
    ours = call(kernels.layernorm_forward, x, gamma, beta, 1e-5, mean=13, inv_std=13, out=x.shape)
    gradients = call(
        kernels.layernorm_backward, dout, x, gamma, ours["mean"], ours["inv_std"], dx=x.shape, dgamma=7, dbeta=7
    )
    theirs = torch_gradients(torch, lambda x, g, b: torch.nn.functional.layer_norm(x, (7,), g, b), dout, x, gamma, beta)
    assert_all_close([ours["out"], *list(gradients.values())[1:]], theirs)


def images(array, back=False):
    """From (N, H, W, C) to torch's order, or back."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1) if back else array.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_groupnorm_is_that_of_torch(groups, torch):
    x, dout, gamma, beta = draw((5, 4, 7, 6), (5, 4, 7, 6), 6, 6)
    flat, statistics = (5, 28, 6), (5, groups)
    shapes = {"mean": statistics, "inv_std": statistics, "out": flat}
    ours = call(kernels.groupnorm_forward, x.reshape(flat), gamma, beta, groups, 1e-5, **shapes)
    arrays = dout.reshape(flat), x.reshape(flat), gamma, ours["mean"], ours["inv_std"]
    gradients = call(kernels.groupnorm_backward, *arrays, groups, dx=flat, dgamma=6, dbeta=6)
    got = [images(a.reshape(x.shape)) for a in (ours["out"], gradients["dx"])]

    def forward(x, gamma, beta):
        return torch.nn.functional.group_norm(x, groups, gamma, beta)

    theirs = torch_gradients(torch, forward, images(dout), images(x), gamma, beta)
    assert_all_close([*got, gradients["dgamma"], gradients["dbeta"]], theirs)


@pytest.mark.parametrize("how", [((2, 2), (2, 2), (0, 0)), ((3, 2), (2, 1), (1, 0)), ((2, 3), (3, 4), (0, 1))])
def test_pooling_is_that_of_torch(how, torch):
    """Many elements are equal, so that it shows which of them are taken; a NaN is the largest of its window."""
    window, stride, padding = how
    shape = (3, 7, 8, 17)
    x, dout = draw(shape, shape)
    x = np.round(x)
    x[1, 3, 4, 5] = np.nan
    count = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(shape[1:3], window, stride, padding, strict=True)]
    dout = np.ascontiguousarray(dout[:, : count[0], : count[1]])
    for name, theirs in (("max", torch.nn.functional.max_pool2d), ("avg", torch.nn.functional.avg_pool2d)):
        out, dx, where = np.full_like(dout, np.nan), np.full_like(x, np.nan), np.zeros(dout.shape, np.uint8)
        kept = [where] if name == "max" else []
        getattr(kernels, f"{name}_pool_forward")(x, *how, out, *kept)
        getattr(kernels, f"{name}_pool_backward")(dout, *kept, *how, dx)
        expected = torch_gradients(torch, lambda x, f=theirs: f(x, *how), images(dout), images(x))
        assert np.isnan(out).any()
        assert_all_close([images(out), images(dx)], expected)


def test_a_window_of_nothing_but_minus_infinity_has_its_maximum_inside_of_the_image():
    x, where, dx = np.full((1, 3, 3, 2), -np.inf), np.zeros((1, 2, 2, 2), np.uint8), np.zeros((1, 3, 3, 2))
    out = np.zeros((1, 2, 2, 2))
    kernels.max_pool_forward(x, (3, 3), (2, 2), (1, 1), out, where)
    assert (out == -np.inf).all()
    kernels.max_pool_backward(np.ones_like(out), where, (3, 3), (2, 2), (1, 1), dx)
    assert dx[0, :, :, 0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


ADAM = {"betas": (0.9, 0.999), "eps": 1e-8}


@pytest.mark.parametrize(
    ("optimizer", "options", "operation", "state", "scalars"),
    [
        ("SGD", {}, kernels.sgd_update, 0, lambda step: []),
        ("SGD", {"momentum": 0.9}, kernels.momentum_update, 1, lambda step: [0.9]),
        ("SGD", {"momentum": 0.9, "nesterov": True}, kernels.nesterov_update, 1, lambda step: [0.9]),
        ("RMSprop", {"alpha": 0.99, "eps": 1e-8}, kernels.rmsprop_update, 1, lambda step: [0.99, 1e-8, False]),
        ("Adam", ADAM, kernels.adam_update, 2, lambda step: [0.9, 0.999, 1e-8, 0.0, step, False]),
        ("AdamW", {**ADAM, "weight_decay": 0.1}, kernels.adam_update, 2, lambda t: [0.9, 0.999, 1e-8, 0.1, t, False]),
    ],
)
def test_steps_are_those_of_torch(optimizer, options, operation, state, scalars, torch):
    """Ten steps down a bowl of unequal curvature, gradients taken where each walk has come to."""
    w, curvature = draw(65, 65)
    theirs = torch.nn.Parameter(torch.tensor(w))
    walk = getattr(torch.optim, optimizer)([theirs], lr=0.05, **options)
    moments = [np.zeros(65) for _ in range(state)]
    for step in range(1, 11):
        theirs.grad = torch.tensor(curvature**2) * theirs.detach()
        walk.step()
        operation(w, curvature**2 * w, *moments, 0.05, *scalars(step))
    assert_all_close([w], [theirs.detach().numpy()])
