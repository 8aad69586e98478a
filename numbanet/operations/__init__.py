"""The one table of operations: what each takes, writes and costs, and at which sizes it is tested and timed.

Everything that goes over all operations reads it: the exports of `reference` and `kernels`, the tests of equivalence,
aliasing, refusals and gradients, warm-up, ``numbanet bench``, the asv suite and the regression gate. It is plain data,
and imports nothing. `kinds.Operation` says what an entry has; `arguments.make` makes arrays from it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import sizes
from .kinds import Array, OfSize, Operation, Scalar, between, but, declared, output, updated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .sizes import Sizes


OPERATIONS: dict[str, Operation] = {}


def _add(
    name: str, arguments: Mapping[str, Any], *, family: str, sizes: Sizes, functional: str | None = "", **more: Any
) -> None:
    """An entry. Bytes follow from the arrays; `numbanet.functional` has the same name, unless another is said."""
    functional = name if functional == "" else functional
    OPERATIONS[name] = Operation(name, family, sizes, declared(arguments), functional=functional, **more)


# Activations, element by element of flat arrays.

_activation_pass = partial(_add, family="activations", sizes=sizes.ELEMENTS)


def _activation(
    name: str,
    public: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    backward_from: str = "x",
    torch: str | None = None,
    torch_backward: str | None = None,
    jax: str | None = None,
) -> None:
    """The pair of an activation: backward takes the input or the output; both may work in place.

    The expressions for torch are of the arguments, the one for JAX is of `x`.
    """
    more = options or {}
    common: Any = {"public": public, "jax": jax}
    forward = {"x": "P", **more, "out": output("P", "x")}
    backward = {"dout": "P", backward_from: "P", **more, "dx": output("P", f"dout {backward_from}")}
    _activation_pass(f"{name}_forward", forward, torch=torch, **common)
    _activation_pass(f"{name}_backward", backward, torch=torch_backward, **common)


_activation(
    "relu",
    "ReLU",
    torch="torch.clamp_min(x, 0, out=out)",
    torch_backward="aten.threshold_backward.grad_input(dout, x, 0, grad_input=dx)",
    jax="jax.nn.relu(x)",
)
_activation(
    "leaky_relu",
    "LeakyReLU",
    {"negative_slope": 0.1},
    torch="aten.leaky_relu.out(x, negative_slope, out=out)",
    torch_backward="aten.leaky_relu_backward.grad_input(dout, x, negative_slope, False, grad_input=dx)",
    jax="jax.nn.leaky_relu(x, negative_slope)",
)
_activation(
    "elu",
    "ELU",
    {"alpha": 1.3},
    backward_from="out",
    torch="aten.elu.out(x, alpha, out=out)",
    torch_backward="aten.elu_backward.grad_input(dout, alpha, 1, 1, True, out, grad_input=dx)",
    jax="jax.nn.elu(x, alpha)",
)
_activation(
    "sigmoid",
    "Sigmoid",
    backward_from="out",
    torch="torch.sigmoid(x, out=out)",
    torch_backward="aten.sigmoid_backward.grad_input(dout, out, grad_input=dx)",
    jax="jax.nn.sigmoid(x)",
)
_activation(
    "tanh",
    "Tanh",
    backward_from="out",
    torch="torch.tanh(x, out=out)",
    torch_backward="aten.tanh_backward.grad_input(dout, out, grad_input=dx)",
    jax="jax.numpy.tanh(x)",
)
_activation(
    "gelu",
    "GELU",
    torch="aten.gelu.out(x, out=out)",
    torch_backward="aten.gelu_backward.grad_input(dout, x, grad_input=dx)",
    jax="jax.nn.gelu(x, approximate=False)",
)
_activation(
    "gelu_tanh",  # a form of GELU
    torch="aten.gelu.out(x, approximate='tanh', out=out)",
    torch_backward="aten.gelu_backward.grad_input(dout, x, approximate='tanh', grad_input=dx)",
    jax="jax.nn.gelu(x)",
)
_activation(
    "silu",
    "SiLU",
    torch="aten.silu.out(x, out=out)",
    torch_backward="aten.silu_backward.grad_input(dout, x, grad_input=dx)",
    jax="jax.nn.silu(x)",
)
_activation(
    "softplus",
    "Softplus",
    torch="aten.softplus.out(x, 1, 20, out=out)",
    torch_backward="aten.softplus_backward.grad_input(dout, x, 1, 20, grad_input=dx)",
    jax="jax.nn.softplus(x)",
)
_activation(
    "mish",
    "Mish",
    torch="aten.mish.out(x, out=out)",
    torch_backward="aten.mish_backward(dout, x)",
    jax="jax.nn.mish(x)",
)
_activation(
    "selu",
    "SELU",
    backward_from="out",
    torch="aten.elu.out(x, 1.6732632423543772, 1.0507009873554805, 1, out=out)",
    torch_backward="aten.elu_backward.grad_input("
    "dout, 1.6732632423543772, 1.0507009873554805, 1, True, out, grad_input=dx)",
    jax="jax.nn.selu(x)",
)

# Products. N examples, D features, M outputs.

_affine = partial(_add, family="affine", sizes=sizes.AFFINE, torch="F.linear")
_LINEAR = {"x": "ND", "w": "DM", "b": "M", "out": output("NM")}
_LINEAR_GRADIENTS = {"dx": output("ND"), "dw": output("DM"), "db": output("M")}
_NO_DX = but("no dx", slice(1, 6), dx=output("0D"))  # of a first layer
_affine("affine_forward", _LINEAR, terms="D", flops="2NDM", variants=(but("no b", slice(0, 5), b="0"),))
_affine("affine_relu_forward", _LINEAR, terms="D", flops="2NDM")
_affine(
    "affine_backward",
    {"dout": "NM", "x": "ND", "w": "DM", **_LINEAR_GRADIENTS},
    terms="NM",
    flops="4NDM",
    variants=(_NO_DX, but("no db", slice(0, 5), db=output("0"))),
)
_affine(
    "affine_relu_backward",
    {"dout": "NM", "x": "ND", "w": "DM", "out": "NM", "dz": output("NM", "dout"), **_LINEAR_GRADIENTS},
    terms="NM",
    flops="4NDM",
    variants=(_NO_DX,),
)

# Convolutions. N images of H x W pixels and C channels, F filters of R x S taps and K channels, P x Q results.

_conv = partial(_add, family="convolution", sizes=sizes.CONVOLUTIONS, terms="T", torch="F.conv2d")
_HOW = {
    **{name: OfSize(name) for name in ("stride", "padding", "dilation", "groups")},
    "workspace": Array("FKRS", "scratch", "workspace"),
}
_CONVOLUTION = {"x": "NHWC", "w": "FKRS", "b": "F", **_HOW, "out": output("NPQF")}
_FILTER_GRADIENTS = {"dx": output("NHWC"), "dw": output("FKRS"), "db": output("F")}
_NO_BIAS = but("no b", slice(0, 3), b="0")
_conv("conv_forward", _CONVOLUTION, flops="2NPQFKRS", variants=(_NO_BIAS,))
_conv("conv_relu_forward", _CONVOLUTION, flops="2NPQFKRS", variants=(_NO_BIAS,))
_conv(
    "conv_backward",
    {"dout": "NPQF", "x": "NHWC", "w": "FKRS", **_HOW, **_FILTER_GRADIENTS},
    flops="4NPQFKRS",
    variants=(but("no dx", slice(0, 5), dx=output("0HWC")), but("no db", slice(0, 3), db=output("0"))),
)

# Losses, with their gradients. N examples of C classes or M targets; the first argument is what they are computed of.
# Weights, one for each example, are an array without elements where all are 1, as where calls are timed.


_WEIGHTED = but("weighted", weights=between(0, 3, "N"))


def _loss(
    name: str, public: str | None, arguments: Mapping[str, Any], options: Mapping[str, float] | None = None, **more: Any
) -> None:
    """A loss of its first argument, which the gradient may be written over; torch's has its `reduction`."""
    first, axes = next(iter(arguments.items()))
    more = {"variants": (_WEIGHTED,), **more}
    whole = {**arguments, "weights": "0", **(options or {}), f"d{first}": output(axes, first)}
    _add(name, whole, public=public, family="losses", **more)


_of_classes: Any = {"sizes": sizes.SCORES, "terms": "C"}
_LABELLED = {"scores": "NC", "y": Array("N", values="labels")}
_add(
    "softmax_forward",
    {"scores": "NC", "out": output("NC", "scores")},
    family="losses",
    torch="torch.softmax(scores, 1, out=out)",
    jax="jax.nn.softmax(scores)",
    **_of_classes,
)
_SMOOTHED: Any = {
    "options": {"label_smoothing": 0.0},
    "variants": (
        _WEIGHTED,
        but("smoothed", label_smoothing=0.1),
        but("weighted and smoothed", **_WEIGHTED.changes, label_smoothing=0.3),
    ),
}
_loss(
    "softmax_loss",
    "Softmax",
    _LABELLED,
    **_SMOOTHED,
    torch="F.cross_entropy(scores, y, label_smoothing=label_smoothing, reduction=reduction)",
    **_of_classes,
)
_loss(
    "soft_softmax_loss",  # a form of Softmax
    None,
    {"scores": "NC", "target": between(0, 1, "NC")},
    **_SMOOTHED,
    torch="F.cross_entropy(scores, target, label_smoothing=label_smoothing, reduction=reduction)",
    **_of_classes,
)
_loss(
    "svm_loss",
    "SVM",
    _LABELLED,
    torch="F.multi_margin_loss(scores, y, reduction=reduction) * scores.shape[1]",  # theirs is a mean over the classes
    **_of_classes,
)
_loss(
    "squared_error_loss",
    "SquaredError",
    {"pred": "NM", "target": "NM"},
    sizes=sizes.TARGETS,
    torch="F.mse_loss(pred, target, reduction=reduction)",
)
_loss(
    "binary_cross_entropy_loss",
    "BinaryCrossEntropy",
    {"logits": "NM", "target": between(0, 1, "NM")},
    sizes=sizes.TARGETS,
    torch="F.binary_cross_entropy_with_logits(logits, target, reduction=reduction)",
)
_loss(
    "huber_loss",
    "Huber",
    {"pred": "NM", "target": "NM"},
    {"delta": 0.75},
    sizes=sizes.TARGETS,
    torch="F.huber_loss(pred, target, delta=delta, reduction=reduction)",
)
_loss(
    "absolute_error_loss",
    "AbsoluteError",
    {"pred": "NM", "target": "NM"},
    sizes=sizes.TARGETS,
    torch="F.l1_loss(pred, target, reduction=reduction)",
)
_loss(
    "poisson_loss",
    "Poisson",
    {"scores": "NM", "target": between(0, 3, "NM")},
    sizes=sizes.TARGETS,
    torch="F.poisson_nll_loss(scores, target, reduction=reduction)",
)
_loss(
    "quantile_loss",
    "Quantile",
    {"pred": "NM", "target": "NM"},
    {"quantile": 0.7},
    sizes=sizes.TARGETS,
    torch="torch.maximum",
)
_add(
    "l2_penalty",
    {"w": "P", "l2": Scalar(0.3, 1e-6), "weights": "0", "dw": updated("P")},
    family="losses",
    sizes=sizes.PARAMETERS,
    variants=(but("divided", weights=between(0.5, 2, "P")),),
    torch="torch.dot",
)

# Normalisation of N examples of D features, by mean and 1 / deviation; of N images of P pixels and C channels, in G
# groups of channels.

_normalization = partial(_add, family="normalization", sizes=sizes.ROWS)
_group_normalization = partial(_add, family="group_normalization", sizes=sizes.GROUPED, torch="F.group_norm")
_SCALED = {"x": "ND", "gamma": "D", "beta": "D"}


def _normalized(axes: str, statistics: str) -> dict[str, Any]:
    return {"mean": output(statistics), "inv_std": output(statistics), "out": output(axes)}


def _denormalized(axes: str, channels: str, statistics: str, **options: Any) -> dict[str, Any]:
    arrays = {"dout": axes, "x": axes, "gamma": channels, "mean": statistics, "inv_std": between(0.5, 2, statistics)}
    outputs = {"dx": output(axes, "dout"), "dgamma": output(channels), "dbeta": output(channels)}
    return {**arrays, **options, **outputs}


_normalization(
    "batchnorm_forward",
    {**_SCALED, "momentum": 0.9, "eps": 1e-5, "running_mean": updated("D"), "running_var": updated("D", (0.5, 2))}
    | _normalized("ND", "D"),
    terms="N",
    torch="F.batch_norm",
)
_normalization(
    "batchnorm_inference",
    {**_SCALED, "running_mean": "D", "running_var": between(0.5, 2, "D"), "eps": 1e-5, "out": output("ND", "x")},
    torch="F.batch_norm(x, running_mean, running_var, gamma, beta, False, 0.1, eps)",
)
_normalization("batchnorm_backward", _denormalized("ND", "D", "D"), terms="ND", torch="F.batch_norm")
_normalization(
    "layernorm_forward",
    {**_SCALED, "eps": 1e-5, **_normalized("ND", "N")},
    terms="D",
    torch="F.layer_norm(x, [len(gamma)], gamma, beta, eps)",
)
_normalization("layernorm_backward", _denormalized("ND", "D", "N"), terms="ND", torch="F.layer_norm")
_group_normalization(
    "groupnorm_forward",
    {"x": "NPC", "gamma": "C", "beta": "C", "groups": OfSize("G"), "eps": 1e-5, **_normalized("NPC", "NG")},
    terms="PC",
    functional="spatial_groupnorm_forward",
)
_group_normalization(
    "groupnorm_backward",
    _denormalized("NPC", "C", "NG", groups=OfSize("G")),
    terms="NPC",
    functional="spatial_groupnorm_backward",
)

# Scalings of N examples of D features, each by a number of its own; and what is between an activation and its input.

_scaling = partial(_add, family="scaling", sizes=sizes.ROWS)
_NO_DX_OF_ROWS = but("no dx", slice(1, 6), dx=output("0D"))
_scaling("scale_forward", {"x": "ND", "scale": "D", "out": output("ND", "x")}, torch="torch.mul(x, scale, out=out)")
_scaling(
    "scale_backward",
    {"dout": "ND", "x": "ND", "scale": "D", "dx": output("ND", "dout"), "dscale": output("D")},
    terms="N",
    torch="torch.mul",
    variants=(_NO_DX_OF_ROWS,),
)
_scaling(
    "scale_shift_forward",
    {"x": "ND", "scale": "D", "shift": "D", "out": output("ND", "x")},
    torch="torch.addcmul(shift, x, scale, out=out)",
)
_scaling(
    "scale_shift_backward",
    {"dout": "ND", "x": "ND", "scale": "D"}
    | {"dx": output("ND", "dout"), "dscale": output("D"), "dshift": output("D")},
    terms="N",
    torch="torch.mul",
)
_BLENDED = {"x": "ND", "activated": "ND", "strength": "D"}
_scaling(
    "blend",
    {**_BLENDED, "out": output("ND", "activated")},
    functional="parametric_forward",
    torch="torch.lerp(x, activated, strength.expand_as(x), out=out)",
)
_scaling(
    "blend_gradients",
    {"dout": "ND", "dactivated": "ND", **_BLENDED, "dx": output("ND", "dout dactivated"), "dstrength": output("D")},
    terms="N",
    functional="parametric_backward",
    torch="torch.lerp",
)

# Members of an ensemble side by side: K of them, of D features each, P in all, that become M each, Q in all.

_members = partial(_add, family="members", sizes=sizes.MEMBERS)
_COPIED = {"x": "ND", "r": "KD"}
_members(
    "members_forward",
    {**_COPIED, "out": output("NP")},
    torch="torch.mul(x[:, None], r, out=out.view(len(x), *r.shape)).view(out.shape)",
)
_members(
    "members_backward",
    {"dout": "NP", **_COPIED, "dx": output("ND"), "dr": output("KD")},
    terms="NK",
    torch="torch.einsum",
    variants=(_NO_DX_OF_ROWS,),
)
_OWN = {"x": "NP", "w": "KDM"}
_members("member_affine_forward", {**_OWN, "b": "KM", "out": output("NQ")}, terms="D", flops="2NPM", torch="torch.bmm")
_members(
    "member_affine_backward",
    {"dout": "NQ", **_OWN, "dx": output("NP"), "dw": output("KDM"), "db": output("KM")},
    terms="NM",
    flops="4NPM",
    torch="torch.bmm",
    variants=(but("no dx", slice(1, 6), dx=output("0P")),),
)

# Embeddings of N examples: of D numbers, by F cosines and L linear units each, U with the number itself, E in all; of K
# codes, by B rows of a table with U columns.

_periodic = partial(_add, family="embedding", sizes=sizes.PERIODIC, torch="torch.cos")
_embedding = partial(_add, family="embedding", sizes=sizes.CODES)
_COSINES = {"x": "ND", "frequency": between(-0.5, 0.5, "DF"), "phase": between(-3, 3, "DF"), "v": "DFL"}
_periodic("periodic_forward", {**_COSINES, "c": "DL", "out": output("NE")}, terms="F")
_periodic(
    "periodic_backward",
    {"dout": "NE", **_COSINES, "dx": output("ND"), "dfrequency": output("DF"), "dphase": output("DF")}
    | {"dv": output("DFL"), "dc": output("DL")},
    terms="NFL",
    variants=(_NO_DX_OF_ROWS,),
)
_CODES = {"codes": Array("NK", values="codes"), "starts": Array("S", values="starts")}
_embedding(
    "embedding_forward",
    {**_CODES, "table": "BU", "out": output("NE")},
    torch="F.embedding((codes + starts[:-1]).long(), table).reshape(out.shape)",
)
_embedding(
    "embedding_backward",
    {"dout": "NE", **_CODES, "dx": output("NK"), "dtable": output("BU")},
    torch="torch.index_add",
    terms="N",
    variants=(but("no dx", slice(1, 6), dx=output("0K")),),
)

# Pooling. N images of H x W pixels and C channels, I x J windows of K pixels.

_pool = partial(_add, family="pooling", sizes=sizes.WINDOWS, terms="K")
_global_pool = partial(_add, family="pooling", sizes=sizes.MAPS)
_WINDOW = {name: OfSize(name) for name in ("kernel_size", "stride", "padding")}
_pool(
    "max_pool_forward",
    {"x": Array("NHWC", values="halves"), **_WINDOW, "out": output("NIJC"), "where": output("NIJC", values="places")},
    variants=(but("inference", where=output("0IJC", values="places")),),
    torch="F.max_pool2d",
)
_pool(
    "max_pool_backward",
    {"dout": "NIJC", "where": Array("NIJC", values="places"), **_WINDOW, "dx": output("NHWC")},
    torch="F.max_pool2d",
)
_pool("avg_pool_forward", {"x": "NHWC", **_WINDOW, "out": output("NIJC")}, torch="F.avg_pool2d")
_pool("avg_pool_backward", {"dout": "NIJC", **_WINDOW, "dx": output("NHWC")}, torch="F.avg_pool2d")
_global_pool("global_avg_pool_forward", {"x": "NHWC", "out": output("NC")}, terms="HW", torch="torch.mean")
_global_pool(
    "global_avg_pool_backward",
    {"dout": "NC", "dx": output("NHWC")},
    torch="dx.copy_(dout[:, None, None, :] / (dx.shape[1] * dx.shape[2]))",
)

# What moves and adds, for networks alone; and what draws.

_layout = partial(_add, family="layout", functional=None)
_layout("channels_last", {"x": "NCP", "out": output("NPC")}, sizes=sizes.PIXELS, torch="out.copy_(x.mT)")
_layout("channels_first", {"x": "NPC", "out": output("NCP")}, sizes=sizes.PIXELS, torch="out.copy_(x.mT)")
_layout(
    "copy_columns",
    {"x": "ND", "first": OfSize("first"), "count": OfSize("count"), "out": updated("NM"), "to": OfSize("to")},
    sizes=sizes.COLUMNS,
    torch="out[:, to : to + count].copy_(x[:, first : first + count])",
)
_repeats = partial(_layout, sizes=sizes.REPEATS)
_repeats("repeat_rows", {"x": "NM", "out": output("RM")}, torch="out.copy_(x.repeat_interleave(len(out) // len(x), 0))")
_repeats(
    "repeat_labels",
    {"y": Array("N", values="labels"), "out": output("R", values="labels")},
    torch="out.copy_(y.repeat_interleave(len(out) // len(y)))",
)
_layout("add", {"x": "P", "y": "P", "out": output("P", "x y")}, sizes=sizes.ELEMENTS, torch="torch.add(x, y, out=out)")

_dropout = partial(_add, family="dropout", sizes=sizes.ELEMENTS, torch="F.dropout")
_KEY, _RATE = Array("", values="key"), Scalar(0.3, 0.2)
_dropout("dropout_forward", {"x": "P", "key": _KEY, "rate": _RATE, "out": output("P", "x")})
_dropout("dropout_backward", {"dout": "P", "key": _KEY, "rate": _RATE, "dx": output("P", "dout")})
_add(
    "augment",
    {"x": "MCHW", "rows": Array("N", values="rows"), "key": _KEY, "padding": 4, "flip": True, "out": output("NCHW")},
    family="augmentation",
    sizes=sizes.IMAGES,
    variants=(but("unpadded", padding=0), but("unflipped", padding=2, flip=False), but("far", padding=20)),
)

# Rules of optimizers, over P parameters. Where they are timed, steps are so small that the parameters stay ordinary
# numbers however often a call is repeated.

_update = partial(_add, family="updates", sizes=sizes.PARAMETERS)
_RATES = {"learning_rate": Scalar(0.05, 1e-6)}
_STEP, _SECOND = {"w": updated("P"), "dw": "P"}, updated("P", (0.01, 2))
_MOMENTUM = {**_STEP, "velocity": updated("P"), **_RATES, "momentum": 0.9}
_update("sgd_update", {**_STEP, **_RATES}, torch="torch.optim.SGD")
_update("momentum_update", _MOMENTUM, torch="torch.optim.SGD")
_update("nesterov_update", _MOMENTUM, torch="torch.optim.SGD")
_update(
    "rmsprop_update",
    {**_STEP, "s": _SECOND, **_RATES, "decay_rate": 0.99, "eps": 1e-8, "eps_inside_root": False},
    variants=(but("inside", eps_inside_root=True),),
    torch="torch.optim.RMSprop",
)
_update(
    "adam_update",
    {**_STEP, "m": updated("P"), "v": _SECOND, **_RATES, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    | {"weight_decay": 0.0, "step": 1, "eps_inside_root": False},
    variants=(but("later", weight_decay=0.1, step=10, eps_inside_root=True),),
    torch="torch.optim.Adam",
)
_update("clip_by_value", {"dw": updated("P"), "limit": 0.5}, torch="torch.clamp(dw, -limit, limit, out=dw)")
_update("clip_by_norm", {"dw": updated("P"), "limit": 0.5}, terms="P", variants=(but("short", limit=1e6),))
_update(
    "ema_update",
    {"w": "P", "average": updated("P"), "decay": 0.9, "step": 100},
    variants=(but("first", step=1), but("early", step=3)),
)

# What follows from the table.

FAMILIES = tuple(dict.fromkeys(operation.family for operation in OPERATIONS.values()))
# Pairs by the name they have in common.
PAIRS = tuple(
    stem
    for stem in (name.removesuffix("_backward") for name in OPERATIONS if name.endswith("_backward"))
    if f"{stem}_forward" in OPERATIONS
)
LOSSES = {name: each.public for name, each in OPERATIONS.items() if name.endswith("_loss")}
# The activations that a user can name, and their layers.
ACTIVATIONS = {
    stem: each.public
    for stem in PAIRS
    if (each := OPERATIONS[f"{stem}_forward"]).family == "activations" and each.public
}


def backward_takes_output(stem: str) -> bool:
    """Whether the backward pass of an activation takes the output, rather than the input."""
    return "out" in OPERATIONS[f"{stem}_backward"].arguments


def public_names(family: str) -> tuple[str, ...]:
    """Classes that the operations of a family are to users."""
    return tuple(dict.fromkeys(each.public for each in OPERATIONS.values() if each.family == family and each.public))
