"""numbanet.functional: what cannot be computed is refused by a sentence that names the argument."""

from collections import OrderedDict

import numpy as np
import pytest
from cases import ACTIVATIONS

from numbanet import functional as F
from numbanet import kernels
from numbanet.operations import LOSSES, OPERATIONS

FOR_EACH_TARGET = [name for name in LOSSES if "target" in OPERATIONS[name].arguments and name != "soft_softmax_loss"]
X, W, B = np.ones((3, 4)), np.ones((4, 5)), np.ones(5)
ROW, Y = np.ones(4), [0, 1, 3]
IMAGES, FILTERS, TWO = np.ones((3, 2, 5, 4)), np.ones((4, 2, 3, 2)), np.ones(2)

# For each function its arrays by name, in order, and the keywords it needs.
ARGUMENTS = {
    "affine_forward": ({"x": X, "w": W, "b": B}, {}),
    "affine_relu_forward": ({"x": X, "w": W, "b": B}, {}),
    **{f"{name}_forward": ({"x": X}, {}) for name in ACTIVATIONS},
    "augment": ({"x": IMAGES}, {"padding": 1, "seed": 0}),
    "scale_forward": ({"x": X, "scale": ROW}, {}),
    "scale_shift_forward": ({"x": X, "scale": ROW, "shift": ROW}, {}),
    "members_forward": ({"x": X, "r": np.ones((2, 4))}, {}),
    "member_affine_forward": ({"x": X, "w": np.ones((2, 2, 5)), "b": np.ones((2, 5))}, {}),
    "parametric_forward": ({"x": X, "strength": ROW}, {"activation": "selu"}),
    "periodic_forward": ({"x": X, "frequency": W, "phase": W, "v": np.ones((4, 5, 3)), "c": np.ones((4, 3))}, {}),
    "embedding_forward": ({"codes": X, "table": np.ones((8, 3))}, {"sizes": [2, 2, 2, 2]}),
    "conv_forward": ({"x": IMAGES, "w": FILTERS, "b": ROW}, {}),
    "conv_relu_forward": ({"x": IMAGES, "w": FILTERS, "b": ROW}, {}),
    "dropout_forward": ({"x": X}, {"rate": 0.5, "seed": 0}),
    "max_pool_forward": ({"x": IMAGES}, {"kernel_size": 2}),
    "avg_pool_forward": ({"x": IMAGES}, {"kernel_size": 2}),
    "global_avg_pool_forward": ({"x": IMAGES}, {}),
    "spatial_batchnorm_forward": ({"x": IMAGES, "gamma": TWO, "beta": TWO}, {}),
    "spatial_batchnorm_inference": (
        {"x": IMAGES, "gamma": TWO, "beta": TWO, "running_mean": TWO, "running_var": TWO},
        {},
    ),
    "spatial_groupnorm_forward": ({"x": IMAGES, "gamma": TWO, "beta": TWO}, {"groups": 2}),
    "batchnorm_forward": ({"x": X, "gamma": ROW, "beta": ROW}, {}),
    "batchnorm_inference": ({"x": X, "gamma": ROW, "beta": ROW, "running_mean": ROW, "running_var": ROW}, {}),
    "layernorm_forward": ({"x": X, "gamma": ROW, "beta": ROW}, {}),
    "softmax_forward": ({"scores": X}, {}),
    "softmax_loss": ({"scores": X}, {"y": Y}),
    "soft_softmax_loss": ({"scores": X, "target": X / 4}, {}),
    "svm_loss": ({"scores": X}, {"y": Y}),
    **{name: ({next(iter(OPERATIONS[name].arguments)): X, "target": X}, {}) for name in FOR_EACH_TARGET},
    "l2_penalty": ({"w": X}, {"l2": 0.1}),
    "sgd_update": ({"w": X, "dw": X}, {"learning_rate": 0.1}),
    "momentum_update": ({"w": X, "dw": X, "velocity": X}, {"learning_rate": 0.1}),
    "nesterov_update": ({"w": X, "dw": X, "velocity": X}, {"learning_rate": 0.1}),
    "rmsprop_update": ({"w": X, "dw": X, "s": X}, {"learning_rate": 0.1}),
    "adam_update": ({"w": X, "dw": X, "m": X, "v": X}, {"step": 1}),
    "clip_by_value": ({"dw": X}, {"limit": 0.5}),
    "clip_by_norm": ({"dw": X}, {"limit": 0.5}),
    "ema_update": ({"w": X, "average": X}, {"decay": 0.9, "step": 1}),
}
RULES = [name for name, (_, given) in ARGUMENTS.items() if name == "adam_update" or "learning_rate" in given]
MAY_BE_NONE = {("conv_forward", "b"), ("conv_relu_forward", "b")}
EACH_ARRAY = [(name, argument) for name, (arrays, _) in ARGUMENTS.items() for argument in arrays]
PAIRS = [name.removesuffix("_backward") for name in F.__all__ if name.endswith("_backward")]


def call(name, **changed):
    arrays, options = ARGUMENTS[name]
    return getattr(F, name)(**{**arrays, **options, **changed})


def test_every_function_is_here():
    assert set(ARGUMENTS) | {f"{pair}_backward" for pair in PAIRS} == set(F.__all__)
    for name in ARGUMENTS:
        call(name)  # as it stands, none is refused


@pytest.mark.parametrize(("name", "argument"), EACH_ARRAY)
def test_what_is_not_an_array_of_real_numbers(name, argument):
    good = ARGUMENTS[name][0][argument]
    kinds = [
        good.astype(complex),
        good.astype(object),
        good.astype(str),
        good.astype("datetime64[s]"),
        np.ma.masked_array(good, good > 0),
        good.astype([("a", float)]),
        [[1.0], [2.0, 3.0]],
        "text",
        None,
        OrderedDict(a=1),
    ]
    if np.dtype(np.longdouble).itemsize > 8:
        kinds.append(good.astype(np.longdouble))
    if (name, argument) in MAY_BE_NONE:
        kinds = [kind for kind in kinds if kind is not None]
    for bad in kinds:
        with pytest.raises(TypeError, match=rf"^{argument}: "):
            call(name, **{argument: bad})


@pytest.mark.parametrize(("name", "argument"), EACH_ARRAY)
def test_shapes_that_do_not_fit(name, argument):
    good = ARGUMENTS[name][0][argument]
    first = next(iter(ARGUMENTS[name][0])) == argument
    takes_any_shape = first and name.partition("_")[0] not in (
        "affine",
        "augment",
        "avg",
        "batchnorm",
        "conv",
        "embedding",
        "global",
        "layernorm",
        "max",
        "member",
        "members",
        "parametric",
        "periodic",
        "scale",
        "softmax",
        "spatial",
        "svm",
    )
    bad_shapes = [(0, *good.shape[1:]), (*good.shape[:-1], 0)]
    if not takes_any_shape:
        bad_shapes.append((5,) if good.ndim == 2 else (4, 1))
    if not first:
        bad_shapes += [(*good.shape[:-1], 7), (1, *good.shape), ()]
    if argument == "table":  # of any number of units
        bad_shapes.remove((8, 7))
    for shape in bad_shapes:
        # One array's shape can be wrong only beside another's: the message names either, and what came.
        with pytest.raises(ValueError, match=r"^\w+: (expected|batch|labels|a window)"):
            call(name, **{argument: np.ones(shape)})


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("affine_forward", {"w": np.ones((7, 5))}, r"w: expected shape \(4, any\), got \(7, 5\)"),
        ("affine_forward", {"b": np.ones(4)}, r"b: expected shape \(5,\), got \(4,\)"),
        ("affine_forward", {"x": np.ones(4)}, r"x: expected shape \(N, d1, \.\.\., dk\), got \(4,\)"),
        ("affine_forward", {"x": np.ones((0, 4))}, r"x: expected at least one element, got shape \(0, 4\)"),
        ("conv_forward", {"x": X}, r"x: expected shape \(N, C, H, W\), got \(3, 4\)"),
        ("conv_forward", {"w": X}, r"w: expected shape \(F, C / groups, HH, WW\), got \(3, 4\)"),
        (
            "conv_forward",
            {"w": np.ones((4, 3, 3, 2))},
            r"w: expected shape \(F, 2, HH, WW\), since x has 2 channels in 1 group, got \(4, 3, 3, 2\)",
        ),
        (
            "conv_forward",
            {"groups": 2},
            r"w: expected shape \(F, 1, HH, WW\), since x has 2 channels in 2 groups, got \(4, 2, 3, 2\)",
        ),
        (
            "conv_forward",
            {"groups": 3},
            "groups: expected a divisor of the 2 channels of x and the 4 filters of w, got 3",
        ),
        ("conv_forward", {"groups": 0}, "groups: expected an integer of at least 1, got 0"),
        ("conv_forward", {"b": B}, r"b: expected shape \(4,\), got \(5,\)"),
        ("conv_relu_forward", {"dilation": 3}, "x: a window of 7 x 4 .* does not fit into an image of 5 x 4"),
        ("conv_relu_forward", {"stride": (1, 0)}, r"stride\[1\]: expected an integer of at least 1, got 0"),
        ("max_pool_forward", {"x": X}, r"x: expected shape \(N, C, H, W\), got \(3, 4\)"),
        ("max_pool_forward", {"kernel_size": (6, 1)}, "x: a window of 6 x 1 does not fit into an image of 5 x 4"),
        ("avg_pool_forward", {"padding": 2}, "padding: expected at most half of kernel_size, 2 x 2, got 2 x 2"),
        ("avg_pool_forward", {"stride": 0}, "stride: expected an integer of at least 1, got 0"),
        ("global_avg_pool_forward", {"x": X}, r"x: expected shape \(N, C, H, W\), got \(3, 4\)"),
        ("spatial_batchnorm_forward", {"x": X}, r"x: expected shape \(N, C, H, W\), got \(3, 4\)"),
        ("spatial_batchnorm_forward", {"x": IMAGES[:1, :, :1, :1]}, "x: batch normalisation in training needs at"),
        ("spatial_groupnorm_forward", {"groups": 3}, "groups: expected a divisor of the 2 channels of x, got 3"),
        ("spatial_groupnorm_forward", {"gamma": ROW}, r"gamma: expected shape \(2,\), got \(4,\)"),
        ("conv_forward", {"padding": -1}, "padding: expected an integer of at least 0, got -1"),
        ("adam_update", {"v": np.ones((4, 3))}, r"v: expected shape \(3, 4\), got \(4, 3\)"),
        ("squared_error_loss", {"target": np.ones(3)}, r"target: expected shape \(3, 4\), got \(3,\)"),
        ("squared_error_loss", {"pred": 1.0, "target": 1.0}, "pred: expected a value for each example"),
        ("huber_loss", {"delta": 0}, r"delta: expected a number in \(0, inf\), got 0"),
        ("huber_loss", {"delta": np.nan}, r"delta: expected a number in \(0, inf\), got nan"),
        ("binary_cross_entropy_loss", {"logits": 1.0, "target": 1.0}, "logits: expected a value for each example"),
        ("binary_cross_entropy_loss", {"target": X * 1.5}, "target: expected values from 0 to 1, got 1.5 to 1.5"),
        ("binary_cross_entropy_loss", {"target": X * np.nan}, "target: expected values from 0 to 1, got nan"),
        ("poisson_loss", {"target": -X}, "target: expected values of 0 or more, got -1"),
        ("poisson_loss", {"target": X * np.nan}, "target: expected values of 0 or more, got nan"),
        ("quantile_loss", {"quantile": 1}, r"quantile: expected a number in \(0, 1\), got 1"),
        ("softmax_loss", {"label_smoothing": 1.5}, "label_smoothing: expected a number"),
        (
            "softmax_loss",
            {"sample_weight": [1, -1, 1]},
            "sample_weight: expected weights of 0 or more, got -1 in row 1",
        ),
        ("soft_softmax_loss", {"target": X}, "target: expected probabilities that add up to 1, got 4 in row 0"),
        ("soft_softmax_loss", {"target": X[:, :3]}, r"target: expected a label for .*, got \(3, 3\)"),
        ("softmax_loss", {"scores": np.ones((3, 4, 1))}, r"scores: expected 2 axes, got shape \(3, 4, 1\)"),
        ("batchnorm_forward", {"x": X[:1]}, "x: batch normalisation in training needs at least two examples"),
        ("batchnorm_forward", {"running_mean": B}, r"running_mean: expected shape \(4,\), got \(5,\)"),
        ("batchnorm_forward", {"running_var": B}, r"running_var: expected shape \(4,\), got \(5,\)"),
    ],
)
def test_messages(name, changed, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call(name, **changed)


@pytest.mark.parametrize("name", ["softmax_loss", "svm_loss"])
@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([0, 1, 4], ValueError, "from 0 to 3, got 4 in row 2"),
        ([0, -1, 2], ValueError, "from 0 to 3, got -1 in row 1"),
        ([0, 1], ValueError, "one label for each of the 3 rows"),
        ([[0], [1], [2]], ValueError, "one label for each of the 3 rows"),
        ([0.0, 1.0, 2.0], TypeError, "integers"),
        ([True, False, True], TypeError, "integers"),
        (np.array([0, 1, 2**63], np.uint64), ValueError, "got 9223372036854775808 in row 2"),
    ],
)
def test_labels(name, y, error, message):
    with pytest.raises(error, match=f"^y: .*{message}"):
        call(name, y=y)


NEGATIVE, NOT_FINITE = -0.1, [np.nan, np.inf, -np.inf]
NUMBERS = [
    ("augment", "padding", [-1, 4]),
    ("augment", "seed", [-1, 2**64]),
    ("augment", "step", [-1, 2**64]),
    ("leaky_relu_forward", "negative_slope", [NEGATIVE, 1.1, *NOT_FINITE]),
    ("elu_forward", "alpha", [NEGATIVE, *NOT_FINITE]),
    ("dropout_forward", "rate", [1, NEGATIVE, 1.1, *NOT_FINITE]),
    ("dropout_forward", "seed", [-1, 2**64]),
    ("dropout_forward", "step", [-1, 2**64]),
    ("batchnorm_forward", "momentum", [NEGATIVE, 1.1, *NOT_FINITE]),
    ("batchnorm_forward", "eps", [0, NEGATIVE, *NOT_FINITE]),
    ("batchnorm_inference", "eps", [0, NEGATIVE, *NOT_FINITE]),
    ("spatial_batchnorm_forward", "eps", [0, NEGATIVE, *NOT_FINITE]),
    ("spatial_groupnorm_forward", "eps", [0, NEGATIVE, *NOT_FINITE]),
    ("layernorm_forward", "eps", [0, NEGATIVE, *NOT_FINITE]),
    ("l2_penalty", "l2", [NEGATIVE, *NOT_FINITE]),
    *((name, "learning_rate", [NEGATIVE, *NOT_FINITE]) for name in RULES),
    ("clip_by_value", "limit", [NEGATIVE, 0, *NOT_FINITE]),
    ("clip_by_norm", "limit", [NEGATIVE, 0, *NOT_FINITE]),
    ("ema_update", "decay", [NEGATIVE, 1, *NOT_FINITE]),
    ("ema_update", "step", [0, -1, 2**63]),
    ("momentum_update", "momentum", [NEGATIVE, 1.1, *NOT_FINITE]),
    ("nesterov_update", "momentum", [NEGATIVE, 1.1, *NOT_FINITE]),
    ("rmsprop_update", "decay_rate", [NEGATIVE, 1.1, *NOT_FINITE]),
    ("rmsprop_update", "eps", [NEGATIVE, *NOT_FINITE]),
    ("adam_update", "beta1", [NEGATIVE, 1, *NOT_FINITE]),
    ("adam_update", "beta2", [NEGATIVE, 1, *NOT_FINITE]),
    ("adam_update", "eps", [NEGATIVE, *NOT_FINITE]),
    ("adam_update", "weight_decay", [NEGATIVE, *NOT_FINITE]),
    ("adam_update", "step", [0, -1, 2**63]),
]


@pytest.mark.parametrize(("name", "argument", "values"), NUMBERS)
def test_numbers_out_of_range(name, argument, values):
    for value in values:
        with pytest.raises(ValueError, match=f"^{argument}: "):
            call(name, **{argument: value})
    for value in ("0.5", None, True, [0.5], 1j):
        with pytest.raises(TypeError, match=f"^{argument}: "):
            call(name, **{argument: value})


@pytest.mark.parametrize(
    ("name", "flag"),
    [("rmsprop_update", "eps_inside_root"), ("adam_update", "eps_inside_root"), ("augment", "flip")],
)
def test_flags(name, flag):
    for value in ("yes", None, 2, np.ones(2)):
        with pytest.raises(ValueError, match=f"^{flag}: expected one of False, True"):
            call(name, **{flag: value})


@pytest.mark.parametrize("name", ARGUMENTS)
def test_namespaces(name):
    for ops in (None, "reference", np):
        with pytest.raises(TypeError, match="^ops: expected numbanet.kernels or numbanet.reference"):
            call(name, ops=ops)


@pytest.mark.parametrize("pair", PAIRS)
def test_backward_checks_gradient_and_cache(pair):
    backward = getattr(F, f"{pair}_backward")
    out, cache = call(f"{pair}_forward")
    for bad in (out[:2], out[0], out[None], 1.0, out.T, np.ones((0, 4))):
        with pytest.raises(ValueError, match="^dout: expected shape"):
            backward(bad, cache)
    for bad in (out.astype(complex), None, "text", np.ma.masked_array(out)):
        with pytest.raises(TypeError, match="^dout: "):
            backward(bad, cache)
    for bad in (None, (X, W, B), kernels):
        with pytest.raises(TypeError, match="^cache: expected what the forward function returned"):
            backward(out, bad)
    for other in PAIRS:
        if other != pair:
            with pytest.raises(TypeError, match=f"^cache: {pair}_backward was given the cache of another function"):
                backward(out, call(f"{other}_forward")[1])


@pytest.mark.parametrize("pair", PAIRS)
def test_gradient_of_any_layout_and_dtype(pair):
    backward = getattr(F, f"{pair}_backward")
    first, given = next(iter(ARGUMENTS[f"{pair}_forward"][0].items()))
    given = given.astype(np.float32)
    out, cache = call(f"{pair}_forward", **{first: given if first == "codes" else given / 2})
    dout = np.arange(out.size).reshape(out.shape)
    expected = backward(dout.astype(cache.dtype), cache)
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert all(gradient.dtype == cache.dtype for gradient in expected)
    for other in (dout, dout.tolist(), dout[::-1].copy()[::-1], dout.astype(">f8"), np.asfortranarray(dout * 1.0)):
        gradients = backward(other, cache)
        for got, want in zip(gradients if isinstance(gradients, tuple) else (gradients,), expected, strict=True):
            np.testing.assert_array_equal(got, want, strict=True)
