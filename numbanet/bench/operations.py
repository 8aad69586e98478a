"""The one table of what is measured of each operation: its arguments, sizes, bytes and floating-point operations.

It serves ``numbanet bench``, the asv suite and the regression gate, and knows NumPy alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._image_shapes import workspace


@dataclass(frozen=True)
class Family:
    """Operations that are measured at the same sizes.

    Attributes
    ----------
    axes : str
        A letter for each number of a size.
    sizes : tuple of tuple of int
        Sizes from training, each large enough to time.
    large : tuple of tuple of int
        More sizes, for ``numbanet bench`` alone.
    elementwise : bool
        Whether the forward functions map single elements, so that each result's error is judged by its own size.
    """

    axes: str
    sizes: tuple
    large: tuple = ()
    elementwise: bool = False


FAMILIES = {
    "affine": Family("NDM", ((32, 64, 32), (64, 784, 256), (256, 1024, 1024))),
    "convolution": Family("NHCFR", ((64, 32, 3, 32, 3), (64, 16, 32, 64, 3), (64, 8, 128, 128, 3))),
    "activations": Family("P", ((16_384,), (262_144,)), elementwise=True),
    "losses": Family("NC", ((256, 10), (256, 1000))),
    "normalization": Family("ND", ((64, 128), (256, 512)), ((8192, 128), (32_768, 64), (131_072, 32))),
    "groupnorm": Family("NPCG", ((32, 1024, 32, 8), (128, 64, 128, 32))),
    "pooling": Family("NHCRS", ((128, 32, 32, 2, 2), (128, 32, 32, 3, 2), (128, 16, 64, 2, 2))),
    "layout": Family("NCP", ((128, 3, 1024), (128, 64, 64))),
    "augmentation": Family("NCHW", ((50, 1, 28, 28), (128, 3, 32, 32))),
    "dropout": Family("P", ((16_384,), (262_144,)), elementwise=True),
    "updates": Family("P", ((100_000,), (1_000_000,)), ((16_000_000,),)),
}


@dataclass(frozen=True)
class Operation:
    """How to call one operation.

    Attributes
    ----------
    name, family : str
    makers : dict
        How to make each argument, in the order of the signature: a string of axes is a normally distributed array of
        that shape, a function of (rng, dtype, lengths) makes something else, and anything else is passed as it is.
    updated : tuple of str
        The arrays that are read and changed, which are put back after a while.
    flops : callable, or None
        Floating-point operations, as a function of the lengths of the axes, where those limit the speed; else the bytes
        do.
    """

    name: str
    family: str
    makers: dict
    updated: tuple = ()
    flops: Callable | None = None

    def arguments(self, size, dtype=np.float32, seed=0):
        """All arguments by name, for a size of the family; arrays begin with a cache line, as those of networks do."""
        lengths = dict(zip(FAMILIES[self.family].axes, size, strict=True))
        rng = np.random.default_rng(seed)
        made = {name: _make(maker, rng, np.dtype(dtype), lengths) for name, maker in self.makers.items()}
        return {name: aligned(value) if isinstance(value, np.ndarray) else value for name, value in made.items()}

    def bytes(self, arguments):
        """Bytes that have to move at least: each array once, and those that are updated there and back."""
        arrays = {name: value.nbytes for name, value in arguments.items() if isinstance(value, np.ndarray)}
        return sum(size * (1 + (name in self.updated)) for name, size in arrays.items())

    def work(self, size):
        """Floating-point operations of a call, or None where bytes count."""
        return self.flops and self.flops(**dict(zip(FAMILIES[self.family].axes, size, strict=True)))


def aligned(array):
    """A copy that begins with a cache line."""
    raw = np.empty(array.nbytes + 64, np.uint8)
    offset = -raw.ctypes.data % 64
    copy = raw[offset : offset + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _make(maker, rng, dtype, lengths):
    if isinstance(maker, str):
        return rng.standard_normal([lengths[axis] for axis in maker], np.float32).astype(dtype, copy=False)
    return maker(rng, dtype, lengths) if callable(maker) else maker


def _between(low, high, axes):
    return lambda rng, dtype, lengths: rng.uniform(low, high, [lengths[axis] for axis in axes]).astype(dtype)


def _labels(rng, dtype, lengths):
    return rng.integers(lengths["C"], size=lengths["N"])


def _key(rng, dtype, lengths):
    return np.array([7, 0], np.uint64)


def _rows(rng, dtype, lengths):
    return rng.permutation(lengths["N"])


def _windows(dtype=None):
    """An array with a value for each window and channel: floats, or numbers of elements of a window."""

    def make(rng, given, lengths):
        size, stride, padding = lengths["R"], lengths["S"], _pad(rng, given, lengths)[0]
        count = (lengths["H"] + 2 * padding - size) // stride + 1
        shape = lengths["N"], count, count, lengths["C"]
        if dtype:
            return rng.integers(size * size, size=shape, dtype=dtype)
        return rng.standard_normal(shape, np.float32).astype(given, copy=False)

    return make


def _pad(rng, dtype, lengths):
    return ((lengths["R"] - 1) // 2,) * 2


def _workspace(rng, dtype, lengths):
    return np.zeros(workspace((lengths["F"], lengths["C"], lengths["R"], lengths["R"])), dtype)


def _affine_backward(**makers):
    return {**makers, "dx": "ND", "dw": "DM", "db": "M"}


def _normalization_backward(statistics):
    arrays = {"dout": "ND", "x": "ND", "gamma": "D", "mean": statistics, "inv_std": _between(0.5, 2, statistics)}
    return {**arrays, "dx": "ND", "dgamma": "D", "dbeta": "D"}


def _table():
    def add(family, name, updated="", flops=None, **makers):
        table[name] = Operation(name, family, makers, tuple(updated.split()), flops)

    table = {}
    product = {"flops": lambda N, D, M: 2 * N * D * M}
    two_products = {"flops": lambda N, D, M: 4 * N * D * M}
    forward = {"x": "ND", "w": "DM", "b": "M", "out": "NM"}
    add("affine", "affine_forward", **product, **forward)
    add("affine", "affine_relu_forward", **product, **forward)
    add("affine", "affine_backward", **two_products, **_affine_backward(dout="NM", x="ND", w="DM"))
    add(
        "affine",
        "affine_relu_backward",
        **two_products,
        **_affine_backward(dout="NM", x="ND", w="DM", out="NM", dz="NM"),
    )
    # Square images and windows, padded so that the result has the images' size.
    how = {
        "stride": (1, 1),
        "padding": lambda rng, dtype, lengths: (lengths["R"] // 2,) * 2,
        "dilation": (1, 1),
        "groups": 1,
        "workspace": _workspace,
    }
    convolution = {"flops": lambda N, H, C, F, R: 2 * N * H * H * C * F * R * R}
    two_convolutions = {"flops": lambda N, H, C, F, R: 4 * N * H * H * C * F * R * R}
    forward = {"x": "NHHC", "w": "FCRR", "b": "F", **how, "out": "NHHF"}
    gradients = {"dx": "NHHC", "dw": "FCRR", "db": "F"}
    seen = {"dout": "NHHF", "x": "NHHC", "w": "FCRR"}
    add("convolution", "conv_forward", **convolution, **forward)
    add("convolution", "conv_relu_forward", **convolution, **forward)
    add("convolution", "conv_backward", **two_convolutions, **seen, **how, **gradients)
    for name, scalar, seen in (
        ("relu", {}, "x"),
        ("leaky_relu", {"negative_slope": 0.1}, "x"),
        ("elu", {"alpha": 1.3}, "out"),
        ("sigmoid", {}, "out"),
        ("tanh", {}, "out"),
        ("gelu", {}, "x"),
        ("gelu_tanh", {}, "x"),
        ("silu", {}, "x"),
    ):
        add("activations", f"{name}_forward", x="P", **scalar, out="P")
        add("activations", f"{name}_backward", dout="P", **{seen: "P"}, **scalar, dx="P")
    add("losses", "softmax_forward", scores="NC", out="NC")
    add("losses", "softmax_loss", scores="NC", y=_labels, dscores="NC")
    add("losses", "svm_loss", scores="NC", y=_labels, dscores="NC")
    add("losses", "squared_error_loss", pred="NC", target="NC", dpred="NC")
    add("losses", "binary_cross_entropy_loss", logits="NC", target=_between(0, 1, "NC"), dlogits="NC")
    scale = {"x": "ND", "gamma": "D", "beta": "D"}
    running = {"running_mean": "D", "running_var": _between(0.5, 2, "D")}
    add(
        "normalization",
        "batchnorm_forward",
        "running_mean running_var",
        **{**scale, "momentum": 0.9, "eps": 1e-5, **running, "mean": "D", "inv_std": "D", "out": "ND"},
    )
    add("normalization", "batchnorm_inference", **scale, **running, eps=1e-5, out="ND")
    add("normalization", "batchnorm_backward", **_normalization_backward("D"))
    add("normalization", "layernorm_forward", **scale, eps=1e-5, mean="N", inv_std="N", out="ND")
    add("normalization", "layernorm_backward", **_normalization_backward("N"))
    groups = {"groups": lambda rng, dtype, lengths: lengths["G"]}
    arrays = {"dout": "NPC", "x": "NPC", "gamma": "C", "mean": "NG", "inv_std": _between(0.5, 2, "NG")}
    scale = {"x": "NPC", "gamma": "C", "beta": "C"}
    add("groupnorm", "groupnorm_forward", **scale, **groups, eps=1e-5, mean="NG", inv_std="NG", out="NPC")
    add("groupnorm", "groupnorm_backward", **arrays, **groups, dx="NPC", dgamma="C", dbeta="C")
    how = {
        "kernel_size": lambda rng, dtype, lengths: (lengths["R"], lengths["R"]),
        "stride": lambda rng, dtype, lengths: (lengths["S"], lengths["S"]),
        "padding": _pad,
    }
    floats, places = _windows(), _windows(np.uint8)
    add("pooling", "max_pool_forward", x="NHHC", **how, out=floats, where=places)
    add("pooling", "max_pool_backward", dout=floats, where=places, **how, dx="NHHC")
    add("pooling", "avg_pool_forward", x="NHHC", **how, out=floats)
    add("pooling", "avg_pool_backward", dout=floats, **how, dx="NHHC")
    add("pooling", "global_avg_pool_forward", x="NHHC", out="NC")
    add("pooling", "global_avg_pool_backward", dout="NC", dx="NHHC")
    add("layout", "channels_last", x="NCP", out="NPC")
    add("layout", "channels_first", x="NPC", out="NCP")
    add("activations", "add", x="P", y="P", out="P")
    shift = {"padding": 4, "flip": True}
    add("augmentation", "augment", x="NCHW", rows=_rows, key=_key, **shift, out="NCHW")
    add("dropout", "dropout_forward", x="P", key=_key, rate=0.2, out="P")
    add("dropout", "dropout_backward", dout="P", key=_key, rate=0.2, dx="P")
    # Small learning rates: the parameters stay ordinary numbers however often a call is repeated.
    step = {"w": "P", "dw": "P"}
    second = _between(0.01, 2, "P")
    adam = {"learning_rate": 1e-6, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "step": 1}
    rmsprop = {"learning_rate": 1e-6, "decay_rate": 0.99, "eps": 1e-8, "eps_inside_root": False}
    momentum = {"velocity": "P", "learning_rate": 1e-6, "momentum": 0.9}
    add("updates", "sgd_update", "w", **step, learning_rate=1e-6)
    add("updates", "momentum_update", "w velocity", **step, **momentum)
    add("updates", "nesterov_update", "w velocity", **step, **momentum)
    add("updates", "rmsprop_update", "w s", **step, s=second, **rmsprop)
    add("updates", "adam_update", "w m v", **step, m="P", v=second, **adam, eps_inside_root=False)
    add("updates", "l2_penalty", "dw", w="P", l2=1e-6, dw="P")
    return table


OPERATIONS = _table()


def label(size):
    """A size as text, such as 64x784x256."""
    return "x".join(map(str, size))


def parse(text):
    """The size that `label` wrote."""
    return tuple(map(int, text.split("x")))


def cases(names=None, *, large=False):
    """Every (operation, size), of all operations or of those named."""
    for name, operation in OPERATIONS.items():
        if names is None or name in names:
            family = FAMILIES[operation.family]
            for size in family.sizes + (family.large if large else ()):
                yield operation, size


def error(operation, size, function, exact):
    """The largest error of `function` in float32 against `exact` in float64, in units in the last place.

    Of element-wise forward functions, each element counts in units of its own last place; of others, in that of the
    largest element of its array, since sums and differences cancel.
    """
    own = FAMILIES[operation.family].elementwise and operation.name.endswith("forward")
    single, double = operation.arguments(size), operation.arguments(size)
    for name, value in double.items():
        if isinstance(value, np.ndarray) and value.dtype == np.float32:
            double[name] = value.astype(np.float64)
    before = {name: value.copy() for name, value in single.items() if isinstance(value, np.ndarray)}
    with np.errstate(all="ignore"):
        results = [(function(*single.values()), exact(*double.values()))]
    results = [pair for pair in results if pair[0] is not None]
    results += [(single[name], double[name]) for name, old in before.items() if not np.array_equal(single[name], old)]
    worst = 0.0
    for got, want in results:
        want = np.asarray(want, np.float64)
        scale = np.abs(want) if own else np.max(np.abs(want), initial=0.0)
        unit = np.spacing(np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32))
        errors = np.nan_to_num(np.abs(np.asarray(got, np.float64) - want) / unit, nan=np.inf)
        worst = max(worst, float(np.max(errors, initial=0.0)))
    return worst
