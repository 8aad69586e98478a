"""numbanet.functional: right values for arrays of every kind, on both routes, and nothing passed in is changed."""

import inspect
import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from cases import ACTIVATIONS

from numbanet import functional as F
from numbanet import kernels, reference
from numbanet.operations import LOSSES, OPERATIONS
from numbanet.testing import check_gradients


def draw(*shape):
    """Eighths from -2 to 2, which half floats hold exactly; not 0, where ReLUs have their kink."""
    rng = np.random.default_rng(math.prod(shape))
    return rng.choice(np.r_[-16:0, 1:17], size=shape) / 8


def layer(name, *arrays, **options):
    """Result and gradients of a pair of functions."""
    out, cache = getattr(F, f"{name}_forward")(*arrays, **options)
    gradients = getattr(F, f"{name}_backward")(np.linspace(-1, 1, out.size).reshape(out.shape), cache)
    return [out, *(gradients if isinstance(gradients, tuple) else [gradients])]


def batchnorm(*arrays, name="batchnorm", **options):
    x, gamma, beta, mean, var = arrays
    forward = getattr(F, f"{name}_forward")
    _, cache = forward(x, gamma, beta, running_mean=mean, running_var=var, **options)
    averages = [cache.running_mean, cache.running_var]
    return [*averages, *layer(name, x, gamma, beta, running_mean=mean, running_var=var, **options)]


def one_shot(name, *arrays, **options):
    result = getattr(F, name)(*arrays, **options)
    return list(result) if isinstance(result, tuple) else [result]


FOR_EACH_TARGET = [name for name in LOSSES if "target" in OPERATIONS[name].arguments and name != "soft_softmax_loss"]
Y = np.array([0, 2, 1, 2, 0])
PROBABILITIES = np.abs(draw(3, 5)).T / 2
FEATURES = [draw(4), draw(4) + 1]
AVERAGES = [draw(4), np.abs(draw(4))]
STEP = {"learning_rate": 0.25}
SPATIAL = {"spatial_batchnorm": {}, "spatial_groupnorm": {"groups": 2}}
POOL = {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)}
CONVOLUTIONS = ("conv", "conv_relu")
CONV = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}

PERIODIC = [draw(5, 2), draw(2, 3) / 8, draw(2, 3) + 1, draw(2, 3, 4) / 8, draw(2, 4)]
CODES = np.float16([[0, 1], [2, 0], [1, 1], [2, 1]])

# For each function what to call, and its floating arrays.
CALLS = {
    **{name: (partial(layer, name), [draw(3, 4, 2)]) for name in ACTIVATIONS},
    **{name: (partial(layer, name), [draw(5, 2, 3), draw(6, 4), draw(4)]) for name in ("affine", "affine_relu")},
    "scale": (partial(layer, "scale"), [draw(5, 2, 3), draw(6)]),
    "scale_shift": (partial(layer, "scale_shift"), [draw(5, 2, 3), draw(6), draw(6) + 1]),
    "members": (partial(layer, "members"), [draw(5, 4), draw(3, 4)]),
    "member_affine": (partial(layer, "member_affine"), [draw(5, 4), draw(2, 2, 3), draw(2, 3)]),
    "parametric": (partial(layer, "parametric", activation="tanh"), [draw(5, 2, 3), draw(6)]),
    "periodic": (partial(layer, "periodic"), PERIODIC),
    "embedding": (partial(layer, "embedding", CODES, sizes=[3, 2]), [draw(5, 4)]),
    **{name: (partial(layer, name, **CONV), [draw(2, 4, 5, 6), draw(6, 2, 3, 2), draw(6)]) for name in CONVOLUTIONS},
    **{f"{name}_pool": (partial(layer, f"{name}_pool", **POOL), [draw(2, 3, 5, 6)]) for name in ("max", "avg")},
    "global_avg_pool": (partial(layer, "global_avg_pool"), [draw(2, 3, 5, 6)]),
    "spatial_batchnorm": (partial(batchnorm, name="spatial_batchnorm"), [draw(2, 4, 3, 5), *FEATURES, *AVERAGES]),
    "spatial_batchnorm_inference": (
        partial(one_shot, "spatial_batchnorm_inference"),
        [draw(2, 4, 3, 5), *FEATURES, *AVERAGES],
    ),
    "spatial_groupnorm": (partial(layer, "spatial_groupnorm", groups=2), [draw(2, 4, 3, 5), *FEATURES]),
    "batchnorm": (batchnorm, [draw(6, 4), *FEATURES, *AVERAGES]),
    "batchnorm_inference": (partial(one_shot, "batchnorm_inference"), [draw(6, 4), *FEATURES, *AVERAGES]),
    "layernorm": (partial(layer, "layernorm"), [draw(6, 4), *FEATURES]),
    "dropout": (partial(layer, "dropout", rate=0.3, seed=3, step=2), [draw(30, 4)]),
    "augment": (partial(one_shot, "augment", padding=1, seed=3), [draw(5, 2, 3, 4)]),
    "softmax_forward": (partial(one_shot, "softmax_forward"), [draw(5, 3)]),
    "softmax_loss": (partial(one_shot, "softmax_loss", y=Y), [draw(5, 3)]),
    "svm_loss": (partial(one_shot, "svm_loss", y=Y), [draw(5, 3)]),
    "soft_softmax_loss": (partial(one_shot, "soft_softmax_loss"), [draw(5, 3), np.eye(3)[Y] / 4 + 1 / 4]),
    **{name: (partial(one_shot, name), [draw(5, 3), PROBABILITIES]) for name in FOR_EACH_TARGET},
    "l2_penalty": (partial(one_shot, "l2_penalty", l2=0.5), [draw(5, 3)]),
    "sgd_update": (partial(one_shot, "sgd_update", **STEP), [draw(3, 4), draw(4, 3).T]),
    **{
        f"{rule}_update": (partial(one_shot, f"{rule}_update", **STEP), [draw(3, 4), draw(4, 3).T, np.abs(draw(3, 4))])
        for rule in ("momentum", "nesterov", "rmsprop")
    },
    "adam_update": (
        partial(one_shot, "adam_update", step=3, **STEP),
        [draw(3, 4), draw(4, 3).T, draw(3, 4), np.abs(draw(3, 4))],
    ),
}
EVERY = pytest.mark.parametrize("name", CALLS)


def strided(array, step):
    """The same values, in every other place of a larger array, backwards where `step` is negative."""
    buffer = np.full([2 * size for size in array.shape], np.nan, array.dtype)
    view = buffer[(slice(None, None, step),) * array.ndim]
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


KINDS = {
    "F order": np.asfortranarray,
    "every other": lambda a: strided(a, 2),
    "backwards": lambda a: strided(a, -2),
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    "read-only": read_only,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "list": lambda a: a.tolist(),
    "subclass": lambda a: a.view(np.memmap),
    "half": lambda a: a.astype(np.float16),
}


def equal(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b, strict=True)


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_any_layout_and_dtype_gives_the_same_bits(name, kind):
    call, arrays = CALLS[name]
    dtype = np.float32 if kind == "half" else np.float64
    equal(call(*map(KINDS[kind], arrays)), call(*(array.astype(dtype) for array in arrays)))


@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_routes_agree(name, dtype):
    call, arrays = CALLS[name]
    arrays = [array.astype(dtype) for array in arrays]
    for got, want in zip(call(*arrays), call(*arrays, ops=reference), strict=True):
        assert type(got) is type(want)
        if isinstance(got, np.ndarray):
            assert (got.shape, got.dtype) == (want.shape, dtype)
        np.testing.assert_allclose(got, want, rtol=0, atol=64 * np.finfo(dtype).eps)


@EVERY
def test_one_wide_array_makes_the_call_wide(name):
    call, arrays = CALLS[name]
    for index in range(len(arrays)):
        mixed = [a.astype(np.float64 if i == index else np.float32) for i, a in enumerate(arrays)]
        equal(call(*mixed), call(*arrays))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int32, np.uint64])
def test_integers_are_computed_with_as_float64(dtype):
    x, w, b = (np.arange(size).reshape(shape) % 2 for size, shape in ((12, (2, 2, 3)), (24, (6, 4)), (4, 4)))
    equal(layer("affine", *(a.astype(dtype) for a in (x, w, b))), layer("affine", *(a * 1.0 for a in (x, w, b))))
    equal(layer("relu", x.astype(dtype)), layer("relu", x * 1.0))


def test_broadcast_views():
    x = np.broadcast_to(draw(1, 3), (4, 3))
    w = np.broadcast_to(2.0, (3, 5))
    b = np.broadcast_arrays(0.5, np.zeros(5))[0]
    np.testing.assert_allclose(F.affine_forward(x, w, b)[0], x @ w + b)


@EVERY
def test_arguments_are_left_as_they_are(name):
    call, arrays = CALLS[name]
    for dtype in (np.float32, np.float64):
        arrays = [array.astype(dtype) for array in arrays]
        before = [array.tobytes() for array in arrays]
        results = call(*arrays)
        assert [array.tobytes() for array in arrays] == before
        for result in results:
            assert not any(np.shares_memory(result, array) for array in arrays)


def test_a_read_only_array_is_not_compiled_for_again():
    F.relu_forward(read_only(draw(3, 4)))
    assert all(array.mutable for signature in kernels.relu_forward.serial.signatures for array in signature)


def compiled_signatures():
    forms = [form for name in kernels.__all__ for form in vars(getattr(kernels, name)).values()]
    return sum(len(form.signatures) for form in forms if hasattr(form, "signatures"))


@EVERY
def test_no_array_makes_another_signature(name):
    call, arrays = CALLS[name]
    for dtype in (np.float32, np.float64):
        call(*(array.astype(dtype) for array in arrays))
    before = compiled_signatures()
    for dtype in (np.float32, np.float64, ">f4", np.float16):
        cast = [array.astype(dtype) for array in arrays]
        call(*(np.asfortranarray(array) for array in cast))
        call(*(np.repeat(array, 2, axis=-1)[..., ::2] for array in cast))
        call(*(read_only(array) for array in cast))
    assert compiled_signatures() == before > 0


@pytest.mark.parametrize(
    "name", [*ACTIVATIONS, "affine", "affine_relu", *CONVOLUTIONS, *SPATIAL, "batchnorm", "layernorm", "dropout"]
)
def test_backward_leaves_its_arguments_as_they_are(name):
    arrays = CALLS[name][1][: 1 if name in ACTIVATIONS else 3]
    options = {"dropout": {"rate": 0.3, "seed": 3}, **dict.fromkeys(CONVOLUTIONS, CONV), **SPATIAL}.get(name, {})
    out, cache = getattr(F, f"{name}_forward")(*arrays, **options)
    dout = draw(*out.shape)
    first = getattr(F, f"{name}_backward")(dout, cache)
    np.testing.assert_array_equal(dout, draw(*out.shape))
    np.testing.assert_equal(getattr(F, f"{name}_backward")(dout, cache), first)  # a cache may be used again


@EVERY
def test_nan_travels_through(name):
    call, arrays = CALLS[name]
    arrays = [array.copy() for array in arrays]
    arrays[0].flat[:] = np.nan
    with np.errstate(invalid="ignore"):
        assert all(np.isnan(results[0]).any() for results in (call(*arrays), call(*arrays, ops=reference)))


def test_infinity_travels_through():
    np.testing.assert_array_equal(F.relu_forward([np.inf, -np.inf])[0], [np.inf, 0])
    np.testing.assert_array_equal(F.sigmoid_forward([np.inf, -np.inf])[0], [1, 0])


def operations_of(name):
    """Spatial normalisations are the others, on pixels; some functions are made of two operations."""
    if name == "conv_relu_backward":
        return {"relu_backward", "conv_backward"}
    if name.startswith("parametric"):  # beside its activation
        return {"blend" if name.endswith("forward") else "blend_gradients"}
    return {name.removeprefix("spatial_")}


def test_names_are_those_of_the_operations():
    inside = {
        "add",
        "channels_first",
        "channels_last",
        "copy_columns",
        "repeat_labels",
        "repeat_rows",
    }  # of networks alone
    assert set().union(*map(operations_of, F.__all__)) == set(kernels.__all__) - inside
    for name in F.__all__:
        function, operations = getattr(F, name), operations_of(name)
        files = {getattr(reference, operation).__module__.rpartition(".")[2] for operation in operations}
        assert function.__module__.rpartition(".")[2] in files
        parameters = inspect.signature(function).parameters
        if name.endswith("_backward"):
            assert list(parameters) == ["dout", "cache"]
        else:
            assert parameters["ops"].kind is inspect.Parameter.KEYWORD_ONLY
            assert parameters["ops"].default is kernels
        assert all(f"numbanet.reference.{operation}`" in function.__doc__ for operation in operations)


@EVERY
def test_the_cache_remembers_the_namespace(name):
    ran = []

    def recording(operation):
        def run(*arguments):
            ran.append(operation)
            return getattr(reference, operation)(*arguments)

        return run

    call, arrays = CALLS[name]
    call(*arrays, ops=SimpleNamespace(**{operation: recording(operation) for operation in reference.__all__}))
    expected = {name} if name in F.__all__ else {f"{name}_forward", f"{name}_backward"}
    ran = [operation for operation in ran if not (name == "parametric" and operation.startswith("tanh"))]
    assert set(ran) == set().union(*map(operations_of, expected))


GRADIENTS = {
    **{name: ("x", [draw(3, 4)], {}) for name in ACTIVATIONS},
    "affine": ("x w b", [draw(5, 2, 3), draw(6, 4), draw(4)], {}),
    "affine_relu": ("x w b", [draw(5, 2, 3) + 0.01, draw(6, 4), draw(4)], {}),
    "conv": ("x w b", [draw(2, 4, 5, 6), draw(6, 2, 3, 2), draw(6)], CONV),
    "conv without bias": ("x w", [draw(2, 4, 5, 6), draw(6, 2, 3, 2)], CONV),
    "conv_relu": ("x w b", [draw(2, 4, 5, 6) + 0.01, draw(6, 2, 3, 2), draw(6)], CONV),
    "scale": ("x scale", [draw(5, 2, 3), draw(6)], {}),
    "scale_shift": ("x scale shift", [draw(5, 2, 3), draw(6), draw(6) + 1], {}),
    "members": ("x r", [draw(5, 4), draw(3, 4)], {}),
    "member_affine": ("x w b", [draw(5, 4), draw(2, 2, 3), draw(2, 3)], {}),
    **{
        f"parametric {name}": ("x strength", [draw(5, 2, 3), draw(6)], {"activation": name})
        for name in ("relu", "sigmoid", "tanh", "gelu", "silu", "softplus", "mish", "selu")
    },
    "periodic": ("x frequency phase v c", PERIODIC, {}),
    "periodic alone": ("x frequency phase v c", PERIODIC, {"dense": False}),
    "max_pool": ("x", [np.random.default_rng(0).permutation(60).reshape(1, 2, 5, 6) / 10], POOL),
    "avg_pool": ("x", [draw(2, 3, 5, 6)], POOL),
    "global_avg_pool": ("x", [draw(2, 3, 5, 6)], {}),
    **{name: ("x gamma beta", [draw(2, 4, 3, 5), draw(4), draw(4)], options) for name, options in SPATIAL.items()},
    "batchnorm": ("x gamma beta", [draw(6, 4), draw(4), draw(4)], {}),
    "layernorm": ("x gamma beta", [draw(6, 4), draw(4), draw(4)], {}),
    "dropout": ("x", [draw(6, 4)], {"rate": 0.3, "seed": 5}),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    names, arrays, options = GRADIENTS[name]
    name = name.partition(" ")[0]
    names = names.split()

    def forward(**inputs):
        return getattr(F, f"{name}_forward")(**inputs, **options)[0]

    def backward(dout, **inputs):
        cache = getattr(F, f"{name}_forward")(**inputs, **options)[1]
        gradients = getattr(F, f"{name}_backward")(dout, cache)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        return dict(zip(names, (gradient for gradient in gradients if gradient is not None), strict=True))

    check_gradients(forward, backward, dict(zip(names, arrays, strict=True)))


@pytest.mark.parametrize(
    ("name", "others", "options"),
    [
        ("softmax_loss", [[0, 2, 1, 2, 0]], {}),
        ("svm_loss", [[0, 2, 1, 2, 0]], {}),
        ("squared_error_loss", [draw(3, 5).T], {}),
        ("binary_cross_entropy_loss", [np.abs(draw(3, 5)).T / 2], {}),
        ("l2_penalty", [], {"l2": 0.3}),
    ],
)
def test_gradients_of_losses(name, others, options):
    loss = getattr(F, name)
    x = draw(5, 3) + np.linspace(0, 0.09, 15).reshape(5, 3)  # off the kinks of the hinge
    check_gradients(
        lambda x: loss(x, *others, **options)[0], lambda dout, x: {"x": dout * loss(x, *others, **options)[1]}, {"x": x}
    )
