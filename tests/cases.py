"""What every operation is tested on: one entry per operation, each axis of another size.

An entry says for each argument, in the order of the signature, how to make it: a string of axes is a normally
distributed array of that shape, a function builds something else, and anything else is passed as it is. "0" is an axis
without elements.
"""

from dataclasses import replace

import numpy as np

from numbanet._image_shapes import workspace
from numbanet.testing import Case


def between(low, high, axes):
    return lambda rng, dtype, size: rng.uniform(low, high, [size[axis] for axis in axes]).astype(dtype)


def labels(rng, dtype, size):
    return rng.integers(size["C"], size=size["N"])


def key(rng, dtype, size):
    return rng.integers(2**64, size=2, dtype=np.uint64)


def rows(rng, dtype, size):
    return rng.integers(size["M"], size=size["N"])


def _make(maker, rng, dtype, size):
    if isinstance(maker, str):
        return rng.standard_normal([size[axis] for axis in maker]).astype(dtype)
    return maker(rng, dtype, size) if callable(maker) else maker


def cases(sizes, outputs, updated="", *, terms="", note="", scratch=(), **makers):
    """A case for each of the sizes; `terms` are the axes that are summed over."""

    def case(size):
        def build(rng, dtype):
            return {name: _make(maker, rng, dtype, {**size, "0": 0}) for name, maker in makers.items()}

        name = note + " ".join(f"{axis}={length}" for axis, length in size.items())
        longest = max((size[axis] for axis in terms), default=1)
        return Case(name, build, outputs.split(), updated.split(), longest, scratch)

    return [case(size) for size in sizes]


def sharing(case, output, source):
    """`case` with an output that is one of the inputs itself."""

    def build(rng, dtype):
        arguments = case.build(rng, dtype)
        return {**arguments, output: arguments[source]}

    return replace(case, name=f"{case.name}, {output} is {source}", build=build)


def call(operation, *inputs, **shapes):
    """Call with new arrays of these shapes as the outputs, which come last; gives them and the loss, by name."""
    outputs = {name: np.full(shape, np.nan, inputs[0].dtype) for name, shape in shapes.items()}
    return {"loss": operation(*inputs, *outputs.values()), **outputs}


def sizes(axes, *rows):
    return [dict(zip(axes, row, strict=True)) for row in rows]


# Ones, primes, one more and one less than the kernels' blocks (8, 16, 64, 128, 256), several blocks, a single example.
FLAT = sizes("P", (1,), (7,), (15,), (17,), (63,), (65,), (127,), (129,), (255,), (257,), (1023,), (4099,))
AFFINE = [
    *sizes("NDM", (1, 1, 1), (2, 3, 5), (1, 137, 10), (8, 16, 64), (7, 15, 63), (9, 17, 65), (16, 127, 8)),
    *sizes("NDM", (15, 129, 64), (63, 7, 17), (129, 64, 127), (64, 300, 10), (131, 137, 71), (1, 300, 301)),
]
SCORES = [
    *sizes("NC", (1, 1), (1, 10), (2, 3), (7, 5), (8, 16), (9, 15), (63, 10), (64, 17), (65, 1), (129, 2)),
    *sizes("NC", (300, 10), (131, 71)),
]
TARGETS = sizes("NM", *(tuple(size.values()) for size in SCORES))
IMAGES = sizes("MNCHW", (1, 1, 1, 1, 1), (3, 2, 1, 5, 4), (2, 5, 3, 7, 6), (7, 9, 2, 17, 16), (5, 65, 1, 8, 9))
ROWS = [
    *sizes("ND", (1, 1), (1, 5), (2, 3), (7, 63), (8, 64), (9, 65), (16, 1), (64, 300), (129, 16), (131, 137)),
    *sizes("ND", (3001, 37)),  # three pieces of rows whose sums are added up
]

PIXELS = [
    *sizes("NPC", (1, 1, 1), (2, 15, 3), (3, 49, 1), (7, 1, 17), (2, 16, 32), (1, 65, 16), (5, 300, 3), (2, 63, 70)),
    *sizes("NPC", (2, 1025, 3), (1, 1026, 17), (3, 35, 2), (1, 70, 4)),
]
# One group, one for each channel, and between; more channels, pixels and images than the kernel takes at a time.
GROUPED = [
    *sizes("NPCG", (1, 1, 1, 1), (2, 15, 3, 3), (3, 49, 12, 4), (7, 6, 17, 1), (2, 65, 32, 8), (70, 2, 6, 2)),
    *sizes("NPCG", (2, 9, 130, 1), (3, 129, 70, 70), (2, 7, 140, 7), (1, 5, 195, 3)),
]

MAPS = sizes("NHWC", (1, 1, 1, 1), (2, 3, 5, 1), (3, 2, 7, 17), (5, 4, 4, 70), (2, 8, 9, 3))

# N, H, W, C; kernel_size, stride and padding.
POOLING = [
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0)),
    ((2, 4, 6, 3), (2, 2), (2, 2), (0, 0)),
    ((3, 5, 7, 1), (2, 2), (2, 2), (0, 0)),  # a row and a column are left over
    ((2, 5, 6, 5), (2, 2), (2, 2), (0, 0)),  # a row alone, by whole windows
    ((2, 6, 5, 5), (2, 2), (2, 2), (0, 0)),  # a column alone
    ((1, 7, 8, 16), (3, 3), (2, 2), (1, 1)),
    ((2, 9, 5, 17), (3, 2), (1, 2), (1, 0)),
    ((9, 6, 7, 32), (2, 2), (2, 2), (1, 1)),
    ((2, 8, 5, 5), (2, 1), (3, 2), (0, 0)),  # windows leave pixels out
    ((1, 5, 4, 70), (5, 4), (1, 1), (0, 0)),  # as large as the image
    ((2, 3, 5, 33), (3, 3), (4, 1), (1, 1)),
    ((1, 18, 17, 2), (17, 16), (1, 1), (0, 0)),  # more elements than a byte has numbers for
    ((2, 19, 23, 1), (3, 3), (2, 2), (1, 1)),  # several windows to a vector, and more than one such vector
    ((2, 18, 37, 3), (2, 2), (2, 2), (1, 0)),
    ((1, 20, 14, 3), (3, 3), (2, 2), (0, 1)),
    ((1, 18, 10, 21), (3, 3), (2, 2), (1, 0)),  # pixels two by two, and one that no next window reaches to
    ((1, 9, 10, 18), (4, 3), (1, 2), (2, 1)),  # but for those that four rows of windows reach to
]

WINDOW = dict.fromkeys(["kernel_size", "stride", "padding"])


def convolutions(*rows):
    """Sizes and what follows: P, Q pixels of the result, K channels of a group, T terms of the longest sum."""
    made = []
    for *lengths, stride, padding, dilation, groups in rows:
        size = dict(zip("NHWCFRS", lengths, strict=True))
        for axis, result, taps, number in (("H", "P", "R", 0), ("W", "Q", "S", 1)):
            room = size[axis] + 2 * padding[number] - dilation[number] * (size[taps] - 1) - 1
            size[result] = room // stride[number] + 1
        size["K"] = size["C"] // groups
        size["T"] = max(size["K"] * size["R"] * size["S"], size["N"] * size["P"] * size["Q"], size["F"])
        made.append({**size, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups})
    return made


# Ordinary ones of one and of several strips, blocks and vectors; one pixel, one channel; a window as large as the
# image; steps beyond the window; more padding than the window needs; taps apart; groups, and one for each channel;
# by squares of four pixels, ragged; more taps than the kernel takes at a time, also one for each channel; a window that
# the stack has no room for.
CONVOLUTIONS = convolutions(
    (2, 5, 6, 3, 4, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    (3, 9, 8, 35, 50, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    (1, 1, 1, 1, 1, 1, 1, (1, 1), (0, 0), (1, 1), 1),
    (9, 4, 7, 2, 17, 1, 1, (1, 1), (0, 0), (1, 1), 1),
    (2, 33, 19, 1, 5, 5, 5, (1, 1), (2, 2), (1, 1), 1),
    (17, 5, 4, 3, 7, 5, 4, (1, 1), (0, 0), (1, 1), 1),
    (2, 7, 11, 3, 5, 2, 3, (4, 5), (0, 0), (1, 1), 1),
    (2, 4, 3, 2, 5, 2, 2, (1, 1), (3, 4), (1, 1), 1),
    (2, 13, 12, 5, 6, 3, 2, (2, 3), (2, 1), (3, 2), 1),
    (3, 7, 5, 6, 8, 3, 3, (2, 1), (1, 1), (1, 1), 2),
    (2, 6, 9, 19, 38, 3, 3, (1, 1), (1, 1), (1, 1), 19),
    (2, 6, 9, 35, 35, 3, 3, (1, 1), (1, 1), (1, 1), 35),
    (3, 7, 8, 4, 4, 2, 3, (2, 2), (1, 1), (1, 1), 4),
    (1, 3, 300, 2, 3, 3, 3, (1, 1), (1, 1), (1, 1), 1),
    (5, 1, 3, 70, 16, 3, 3, (1, 1), (2, 0), (1, 1), 1),
    (1, 19, 40, 16, 17, 3, 3, (1, 1), (0, 2), (1, 1), 1),
    (1, 38, 73, 1, 2, 37, 36, (1, 1), (0, 0), (1, 2), 1),
    (1, 38, 73, 2, 2, 37, 36, (1, 1), (0, 0), (1, 2), 2),
    (1, 5, 4, 2, 3, 2, 2, (1, 1), (114, 115), (230, 231), 1),
)

MOMENTUM = {"w": "P", "dw": "P", "velocity": "P", "learning_rate": 0.05, "momentum": 0.9}
SECOND_MOMENT = between(0.01, 2, "P")


def affine_backward(shapes, dx, note=""):
    arrays = {"dout": "NM", "x": "ND", "w": "DM", "dx": dx, "dw": "DM", "db": "M"}
    return cases(shapes, "dx dw db", terms="NM", note=note, **arrays)


def affine_relu_backward(shapes, dx, note=""):
    arrays = {"dout": "NM", "x": "ND", "w": "DM", "out": "NM", "dz": "NM", "dx": dx, "dw": "DM", "db": "M"}
    return cases(shapes, "dz dx dw db", terms="NM", note=note, **arrays)


def conv(sizes, outputs, note="", **arrays):
    """`arrays` with what they are called with before the outputs."""
    first, result = list(arrays), outputs.split()[0]
    position = first.index(result)
    scalars = {
        name: lambda rng, dtype, size, name=name: size[name] for name in ("stride", "padding", "dilation", "groups")
    }
    scalars["workspace"] = room
    before, after = ({name: arrays[name] for name in part} for part in (first[:position], first[position:]))
    return cases(sizes, outputs, terms="T", note=note, scratch=["workspace"], **before, **scalars, **after)


def room(rng, dtype, size):
    return np.empty(workspace([size[axis] for axis in "FKRS"], size["dilation"], size["groups"]), dtype)


def conv_forward(shapes):
    arrays = {"x": "NHWC", "w": "FKRS", "b": "F", "out": "NPQF"}
    return conv(shapes, "out", **arrays) + conv(shapes[:3], "out", "no b ", **{**arrays, "b": "0"})


def conv_backward(shapes):
    outputs = "dx dw db"
    arrays = {"dout": "NPQF", "x": "NHWC", "w": "FKRS", "dx": "NHWC", "dw": "FKRS", "db": "F"}
    return (
        conv(shapes, outputs, **arrays)
        + conv(shapes[:5], outputs, "no dx ", **{**arrays, "dx": "0HWC"})
        + conv(shapes[:3], outputs, "no db ", **{**arrays, "db": "0"})
    )


def normalization_backward(shapes, statistics):
    arrays = {"dout": "ND", "x": "ND", "gamma": "D", "mean": statistics, "inv_std": between(0.5, 2, statistics)}
    return cases(shapes, "dx dgamma dbeta", terms="ND", **arrays, dx="ND", dgamma="D", dbeta="D")


def groupnorm_backward(shapes):
    arrays = {"dout": "NPC", "x": "NPC", "gamma": "C", "mean": "NG", "inv_std": between(0.5, 2, "NG"), "groups": groups}
    return cases(shapes, "dx dgamma dbeta", terms="NPC", **arrays, dx="NPC", dgamma="C", dbeta="C")


def groups(rng, dtype, size):
    return size["G"]


def pooling(shapes, outputs, note="", **makers):
    """Cases over sizes as in POOLING; I and J are the rows and columns of windows, K the elements of one."""
    found = []
    for shape, kernel_size, stride, padding in shapes:
        n, h, w, c = shape
        i, j = ((size + 2 * p - k) // s + 1 for size, k, s, p in zip((h, w), kernel_size, stride, padding, strict=True))
        size = dict(zip("NHWCIJK", (n, h, w, c, i, j, kernel_size[0] * kernel_size[1]), strict=True))
        given = {"kernel_size": kernel_size, "stride": stride, "padding": padding}
        arguments = {name: given.get(name, maker) for name, maker in makers.items()}
        text = note + " ".join(f"{name}={value}" for name, value in given.items()) + " "
        found += cases([size], outputs, terms="K", note=text, **arguments)
    return found


def numbers(rng, dtype, size):
    """A number in the window for each window and channel."""
    kind = np.min_scalar_type(size["K"] - 1)
    return rng.integers(size["K"], size=[size[axis] for axis in "NIJC"], dtype=kind)


def no_numbers(rng, dtype, size):
    return np.empty([size[axis] for axis in "0IJC"], np.uint8)


def rounded(axes):
    """Multiples of a half, so that many are equal."""
    return lambda rng, dtype, size: np.round(2 * rng.standard_normal([size[axis] for axis in axes]).astype(dtype)) / 2


def rmsprop(shapes, inside):
    scalars = {"learning_rate": 0.05, "decay_rate": 0.99, "eps": 1e-8, "eps_inside_root": inside}
    return cases(shapes, "", "w s", note=f"inside={inside} ", w="P", dw="P", s=SECOND_MOMENT, **scalars)


def augment(shapes, padding, flip):
    arguments = {"x": "MCHW", "rows": rows, "key": key, "padding": padding, "flip": flip, "out": "NCHW"}
    return cases(shapes, "out", note=f"padding={padding} flip={flip} ", **arguments)


def adam(shapes, inside, weight_decay, step):
    arrays = {"w": "P", "dw": "P", "m": "P", "v": SECOND_MOMENT}
    scalars = {"learning_rate": 0.05, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": weight_decay}
    note = f"inside={inside} step={step} "
    return cases(shapes, "", "w m v", note=note, **arrays, **scalars, step=step, eps_inside_root=inside)


def operations(
    *,
    flat=FLAT,
    affine=AFFINE,
    scores=SCORES,
    targets=TARGETS,
    rows=ROWS,
    images=IMAGES,
    pixels=PIXELS,
    grouped=GROUPED,
    maps=MAPS,
    windows=POOLING,
    convolutions=CONVOLUTIONS,
):
    """The cases of each operation by its name, of sizes as those above."""
    return {
        "relu_forward": cases(flat, "out", x="P", out="P"),
        "relu_backward": cases(flat, "dx", dout="P", x="P", dx="P"),
        "leaky_relu_forward": cases(flat, "out", x="P", negative_slope=0.1, out="P"),
        "leaky_relu_backward": cases(flat, "dx", dout="P", x="P", negative_slope=0.1, dx="P"),
        "elu_forward": cases(flat, "out", x="P", alpha=1.3, out="P"),
        "elu_backward": cases(flat, "dx", dout="P", out="P", alpha=1.3, dx="P"),
        "sigmoid_forward": cases(flat, "out", x="P", out="P"),
        "sigmoid_backward": cases(flat, "dx", dout="P", out="P", dx="P"),
        "tanh_forward": cases(flat, "out", x="P", out="P"),
        "tanh_backward": cases(flat, "dx", dout="P", out="P", dx="P"),
        "gelu_forward": cases(flat, "out", x="P", out="P"),
        "gelu_backward": cases(flat, "dx", dout="P", x="P", dx="P"),
        "gelu_tanh_forward": cases(flat, "out", x="P", out="P"),
        "gelu_tanh_backward": cases(flat, "dx", dout="P", x="P", dx="P"),
        "silu_forward": cases(flat, "out", x="P", out="P"),
        "silu_backward": cases(flat, "dx", dout="P", x="P", dx="P"),
        "affine_forward": cases(affine, "out", terms="D", x="ND", w="DM", b="M", out="NM"),
        "affine_backward": affine_backward(affine, "ND") + affine_backward(affine[1:6], "0D", "no dx "),
        "affine_relu_forward": cases(affine, "out", terms="D", x="ND", w="DM", b="M", out="NM"),
        "affine_relu_backward": affine_relu_backward(affine, "ND") + affine_relu_backward(affine[1:6], "0D", "no dx "),
        "augment": [case for how in ((0, True), (2, False), (4, True), (20, True)) for case in augment(images, *how)],
        "conv_forward": conv_forward(convolutions),
        "conv_relu_forward": conv_forward(convolutions),
        "conv_backward": conv_backward(convolutions),
        "dropout_forward": cases(flat, "out", x="P", key=key, rate=0.3, out="P"),
        "dropout_backward": cases(flat, "dx", dout="P", key=key, rate=0.3, dx="P"),
        "softmax_forward": cases(scores, "out", terms="C", scores="NC", out="NC"),
        "softmax_loss": cases(scores, "dscores", terms="C", scores="NC", y=labels, dscores="NC"),
        "svm_loss": cases(scores, "dscores", terms="C", scores="NC", y=labels, dscores="NC"),
        "squared_error_loss": cases(targets, "dpred", pred="NM", target="NM", dpred="NM"),
        "binary_cross_entropy_loss": cases(targets, "dlogits", logits="NM", target=between(0, 1, "NM"), dlogits="NM"),
        "l2_penalty": cases(flat, "", "dw", w="P", l2=0.3, dw="P"),
        "batchnorm_forward": cases(
            rows,
            "mean inv_std out",
            "running_mean running_var",
            terms="N",
            **{"x": "ND", "gamma": "D", "beta": "D", "momentum": 0.9, "eps": 1e-5},
            **{"running_mean": "D", "running_var": between(0.5, 2, "D"), "mean": "D", "inv_std": "D", "out": "ND"},
        ),
        "batchnorm_inference": cases(
            rows,
            "out",
            **{"x": "ND", "gamma": "D", "beta": "D"},
            **{"running_mean": "D", "running_var": between(0.5, 2, "D"), "eps": 1e-5, "out": "ND"},
        ),
        "batchnorm_backward": normalization_backward(rows, "D"),
        "layernorm_forward": cases(
            rows,
            "mean inv_std out",
            terms="D",
            **{"x": "ND", "gamma": "D", "beta": "D", "eps": 1e-5, "mean": "N", "inv_std": "N", "out": "ND"},
        ),
        "layernorm_backward": normalization_backward(rows, "N"),
        "groupnorm_forward": cases(
            grouped,
            "mean inv_std out",
            terms="PC",
            **{"x": "NPC", "gamma": "C", "beta": "C", "groups": groups, "eps": 1e-5},
            **{"mean": "NG", "inv_std": "NG", "out": "NPC"},
        ),
        "groupnorm_backward": groupnorm_backward(grouped),
        "max_pool_forward": [
            *pooling(windows, "out where", x=rounded("NHWC"), **WINDOW, out="NIJC", where=numbers),
            *pooling(
                windows, "out where", note="inference ", x=rounded("NHWC"), **WINDOW, out="NIJC", where=no_numbers
            ),
        ],
        "max_pool_backward": pooling(windows, "dx", dout="NIJC", where=numbers, **WINDOW, dx="NHWC"),
        "avg_pool_forward": pooling(windows, "out", x="NHWC", **WINDOW, out="NIJC"),
        "avg_pool_backward": pooling(windows, "dx", dout="NIJC", **WINDOW, dx="NHWC"),
        "global_avg_pool_forward": cases(maps, "out", terms="HW", x="NHWC", out="NC"),
        "global_avg_pool_backward": cases(maps, "dx", dout="NC", dx="NHWC"),
        "channels_last": cases(pixels, "out", x="NCP", out="NPC"),
        "channels_first": cases(pixels, "out", x="NPC", out="NCP"),
        "add": cases(flat, "out", x="P", y="P", out="P"),
        "sgd_update": cases(flat, "", "w", w="P", dw="P", learning_rate=0.05),
        "momentum_update": cases(flat, "", "w velocity", **MOMENTUM),
        "nesterov_update": cases(flat, "", "w velocity", **MOMENTUM),
        "rmsprop_update": rmsprop(flat, False) + rmsprop(flat, True),
        "adam_update": adam(flat, False, 0.0, 1) + adam(flat, True, 0.1, 10),
    }


CASES = operations()

ACTIVATIONS = ("relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu")
FROM_OUTPUT = ("elu", "sigmoid", "tanh")  # activations whose backward pass takes the output

# Outputs that may be one of the inputs itself, as the references say: (operation, output, input).
SHARED = [
    *((f"{name}_forward", "out", "x") for name in ACTIVATIONS),
    *((f"{name}_backward", "dx", "dout") for name in ACTIVATIONS),
    *((f"{name}_backward", "dx", "out" if name in FROM_OUTPUT else "x") for name in ACTIVATIONS),
    ("affine_relu_backward", "dz", "dout"),
    ("dropout_forward", "out", "x"),
    ("dropout_backward", "dx", "dout"),
    ("softmax_forward", "out", "scores"),
    ("softmax_loss", "dscores", "scores"),
    ("svm_loss", "dscores", "scores"),
    ("squared_error_loss", "dpred", "pred"),
    ("binary_cross_entropy_loss", "dlogits", "logits"),
    ("batchnorm_inference", "out", "x"),
    ("batchnorm_backward", "dx", "dout"),
    ("layernorm_backward", "dx", "dout"),
    ("groupnorm_backward", "dx", "dout"),
    ("add", "out", "x"),
    ("add", "out", "y"),
]
