"""PyTorch's side, eager, without autograd where an operation has a function of its own for the gradient.

The table of operations has an expression for most; an entry of WAYS is a function of an operation's arguments, as
tensors by name, that gives one or several ways to do the same work; the fastest counts. Results go into arrays that are
there already wherever torch can do that.
"""

from types import SimpleNamespace

import numpy as np
import torch
from torch.nn import functional as F

from .convolutions import Convolution
from .networks import ALL_NETWORKS, LEARNING_RATE, ImageNetwork
from .operations import OPERATIONS, arguments, parse
from .products import Product
from .timing import Benchmark
from .torch_networks import build

aten = torch.ops.aten


def set_threads(count):
    torch.set_num_threads(count)


def _affine_forward(t):
    transposed = t.w.T.contiguous()  # torch's own layout
    return [lambda: torch.addmm(t.b, t.x, t.w, out=t.out), lambda: F.linear(t.x, transposed, t.b)]


def _affine_relu_forward(t):
    return [lambda way=way: way().relu_() for way in _affine_forward(t)]


def _affine_backward(t):
    def way():
        torch.mm(t.dout, t.w.T, out=t.dx)
        torch.mm(t.x.T, t.dout, out=t.dw)
        torch.sum(t.dout, 0, out=t.db)

    return way


def _affine_relu_backward(t):
    linear = _affine_backward(SimpleNamespace(**{**vars(t), "dout": t.dz}))

    def way():
        aten.threshold_backward.grad_input(t.dout, t.out, 0, grad_input=t.dz)
        linear()

    return way


def _softmax_loss(t):
    scores, weight = t.scores.clone().requires_grad_(), torch.tensor(1.0)

    def by_autograd():
        return torch.autograd.grad(F.cross_entropy(scores, t.y), scores)

    def by_hand():
        logs = aten._log_softmax(t.scores, 1, False)
        _, total = aten.nll_loss_forward(logs, t.y, None, 1, -100)
        grad = aten.nll_loss_backward(weight, logs, t.y, None, 1, -100, total)
        aten._log_softmax_backward_data.out(grad, logs, 1, torch.float32, out=t.dscores)

    return [by_autograd, by_hand]


def _quantile_loss(t):
    pred = t.pred.clone().requires_grad_()

    def way():
        error = t.target - pred
        return torch.autograd.grad(torch.maximum(t.quantile * error, (t.quantile - 1) * error).mean(), pred)

    return way


def _scale_backward(t):
    def way():
        torch.sum(t.dout * t.x, 0, out=t.dscale)
        torch.mul(t.dout, t.scale, out=t.dx)

    return way


def _scale_shift_backward(t):
    scaled = _scale_backward(t)

    def way():
        scaled()
        torch.sum(t.dout, 0, out=t.dshift)

    return way


def _members_backward(t):
    def way():
        dout = t.dout.view(len(t.x), *t.r.shape)
        torch.sum(dout * t.x[:, None], 0, out=t.dr)
        torch.sum(dout * t.r, 1, out=t.dx)

    return way


def _by_member(array, members):
    """(N, K D) as (K, N, D)."""
    return array.view(len(array), members, -1).transpose(0, 1)


def _member_affine_forward(t):
    return lambda: torch.baddbmm(t.b[:, None], _by_member(t.x, len(t.w)), t.w).transpose(0, 1).reshape(t.out.shape)


def _member_affine_backward(t):
    def way():
        dout = _by_member(t.dout, len(t.w))
        torch.bmm(_by_member(t.x, len(t.w)).mT, dout, out=t.dw)
        torch.sum(dout, 1, out=t.db)
        return torch.bmm(dout, t.w.mT).transpose(0, 1).reshape(t.dx.shape)

    return way


def _blend_gradients(t):
    def way():
        torch.sum(t.dout * (t.activated - t.x), 0, out=t.dstrength)
        torch.lerp(t.dout, t.dactivated, t.strength.expand_as(t.dout), out=t.dx)

    return way


def _periodic(x, frequency, phase, v, c):
    """(N, D U), each number with itself as the last of its units."""
    cosines = torch.cos(2 * torch.pi * x.T[:, :, None] * frequency[:, None] + phase[:, None])
    units = torch.baddbmm(c[:, None], cosines, v).transpose(0, 1)
    return torch.cat([units, x[:, :, None]], 2).reshape(len(x), -1)


def _periodic_forward(t):
    return lambda: _periodic(t.x, t.frequency, t.phase, t.v, t.c)


def _periodic_backward(t):
    leaves = [array.clone().requires_grad_() for array in (t.x, t.frequency, t.phase, t.v, t.dc)]

    def way():
        with torch.inference_mode(False), torch.enable_grad():
            return torch.autograd.grad(_periodic(*leaves), leaves, t.dout)

    return way


def _embedding_backward(t):
    rows = (t.codes + t.starts[:-1]).long().reshape(-1)

    def way():
        t.dx.zero_()
        t.dtable.zero_().index_add_(0, rows, t.dout.reshape(len(rows), -1))

    return way


def _optimizer(cls, variants, **options):
    def ways(t):
        def way(variant):
            w = t.w.clone().requires_grad_()
            w.grad = t.dw
            return cls([w], lr=1e-6, **options, **variant).step

        return [way(variant) for variant in variants]

    return ways


def _dropout_backward(t):
    mask = torch.rand_like(t.dout) >= t.rate
    return lambda: aten.native_dropout_backward.out(t.dout, mask, 1 / (1 - t.rate), out=t.dx)


def _l2_penalty(t):
    def way():
        t.dw.add_(t.w, alpha=t.l2)
        return 0.5 * t.l2 * torch.dot(t.w, t.w)

    return way


IMAGE = 32  # pixels on a side of the images whose pixels rows are taken for, where there are enough of them


def _as_images(*rows):
    """Rows (N, C) as they are; and, where they are many, as the pixels of images in both of torch's layouts."""
    n, c = rows[0].shape
    if n % IMAGE**2:
        return [rows]
    return [rows, *_both_layouts(*(array.reshape(-1, IMAGE, IMAGE, c) for array in rows))]


def _batchnorm_forward(t):
    def way(x):
        arguments = x, t.gamma, t.beta, t.running_mean, t.running_var, True, 0.1, t.eps
        results = {"out": torch.empty_like(x), "save_mean": t.mean, "save_invstd": t.inv_std}
        return lambda: aten.native_batch_norm.out(*arguments, **results)

    return [way(x) for (x,) in _as_images(t.x)]


def _batchnorm_backward(t):
    def way(dout, x):
        arguments = dout, x, t.gamma, None, None, t.mean, t.inv_std, True, 1e-5, [True] * 3
        return lambda: aten.native_batch_norm_backward(*arguments)

    return [way(dout, x) for dout, x in _as_images(t.dout, t.x)]


def _layernorm_backward(t):
    mean, inv_std, beta = t.mean[:, None], t.inv_std[:, None], torch.zeros_like(t.gamma)
    width = [len(t.gamma)]
    return lambda: aten.native_layer_norm_backward(t.dout, t.x, width, mean, inv_std, t.gamma, beta, [True] * 3)


def _images(x, channels_last):
    """From (N, H, W, C) to torch's order, in either layout."""
    x = x.permute(0, 3, 1, 2)
    return x if channels_last else x.contiguous()


def _conv(x, w, channels_last, *more):
    """`x` and `more` images and the filters `w` in one of torch's two layouts."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return (
        _images(x, channels_last),
        w.contiguous(memory_format=layout),
        *(_images(m, channels_last) for m in more),
    )


def _conv_forward(t, after=lambda out: out):
    def way(channels_last):
        x, w = _conv(t.x, t.w, channels_last)
        return lambda: after(F.conv2d(x, w, t.b, t.stride, t.padding, t.dilation, t.groups))

    return [way(True), way(False)]


def _conv_backward(t, wanted=(True, True, True)):
    def way(channels_last):
        x, w, dout = _conv(t.x, t.w, channels_last, t.dout)
        arguments = [len(t.db)], t.stride, t.padding, t.dilation, False, [0, 0], t.groups, wanted
        return lambda: aten.convolution_backward(dout, x, w, *arguments)

    return [way(True), way(False)]


def _both_layouts(*arrays):
    """Images (N, H, W, C) in torch's order, by each of its layouts."""
    return [[_images(array, channels_last) for array in arrays] for channels_last in (True, False)]


def _max_pool_backward(t):
    how = t.kernel_size, t.stride, t.padding, [1, 1], False

    def way(dout, x):
        _, indices = aten.max_pool2d_with_indices(x, *how)
        return lambda: aten.max_pool2d_with_indices_backward(dout, x, *how, indices)

    return [way(*images) for images in _both_layouts(t.dout, torch.randn_like(t.dx))]


def _avg_pool_backward(t):
    def way(dout, x):
        return lambda: aten.avg_pool2d_backward(dout, x, t.kernel_size, t.stride, t.padding, False, True, None)

    return [way(*images) for images in _both_layouts(t.dout, t.dx)]


def _pool_forward(function):
    """``function(x, t)`` in both layouts."""
    return lambda t: [lambda x=x: function(x, t) for (x,) in _both_layouts(t.x)]


def _groupnorm_forward(t):
    return [
        lambda x=x: aten.native_group_norm(x, t.gamma, t.beta, *t.x.mT.shape, t.groups, t.eps) for x in _by_pixel(t.x)
    ]


def _groupnorm_backward(t):
    def way(dout, x):
        shape = t.x.mT.shape
        return lambda: aten.native_group_norm_backward(
            dout, x, t.mean, t.inv_std, t.gamma, *shape, t.groups, [True] * 3
        )

    return [way(*pair) for pair in zip(_by_pixel(t.dout), _by_pixel(t.x), strict=True)]


def _by_pixel(x):
    """(N, P, C) as images of one row, by each of torch's layouts."""
    return [layout for (layout,) in _both_layouts(x[:, None])]


_FUSED = ({"fused": True}, {"foreach": True}, {"foreach": False})
_FOREACH = _FUSED[1:]

# Where it takes more than the table's expression: several ways, layouts, or steps.
WAYS = {
    "affine_forward": _affine_forward,
    "affine_relu_forward": _affine_relu_forward,
    "affine_backward": _affine_backward,
    "affine_relu_backward": _affine_relu_backward,
    "conv_forward": _conv_forward,
    "conv_relu_forward": lambda t: _conv_forward(t, torch.relu_),
    "conv_backward": _conv_backward,
    "softmax_loss": _softmax_loss,
    "quantile_loss": _quantile_loss,
    "batchnorm_forward": _batchnorm_forward,
    "batchnorm_backward": _batchnorm_backward,
    "layernorm_backward": _layernorm_backward,
    "groupnorm_forward": _groupnorm_forward,
    "groupnorm_backward": _groupnorm_backward,
    "max_pool_forward": _pool_forward(lambda x, t: aten.max_pool2d_with_indices(x, t.kernel_size, t.stride, t.padding)),
    "max_pool_backward": _max_pool_backward,
    "avg_pool_forward": _pool_forward(lambda x, t: F.avg_pool2d(x, t.kernel_size, t.stride, t.padding)),
    "avg_pool_backward": _avg_pool_backward,
    "global_avg_pool_forward": _pool_forward(lambda x, t: x.mean((2, 3))),
    "scale_backward": _scale_backward,
    "scale_shift_backward": _scale_shift_backward,
    "members_backward": _members_backward,
    "member_affine_forward": _member_affine_forward,
    "member_affine_backward": _member_affine_backward,
    "blend_gradients": _blend_gradients,
    "periodic_forward": _periodic_forward,
    "periodic_backward": _periodic_backward,
    "embedding_backward": _embedding_backward,
    "dropout_forward": lambda t: [
        lambda: F.dropout(t.x, t.rate, True),
        lambda: aten.native_dropout(t.x, t.rate, True),
    ],
    "dropout_backward": _dropout_backward,
    "sgd_update": _optimizer(torch.optim.SGD, _FUSED),
    "momentum_update": _optimizer(torch.optim.SGD, _FUSED, momentum=0.9),
    "nesterov_update": _optimizer(torch.optim.SGD, _FUSED, momentum=0.9, nesterov=True),
    "rmsprop_update": _optimizer(torch.optim.RMSprop, _FOREACH),
    "adam_update": _optimizer(torch.optim.Adam, _FUSED),
    "l2_penalty": _l2_penalty,
}


def expressed(text, scope):
    """A function of no arguments that evaluates an expression of the table, on what `scope` has by name."""
    return eval(f"lambda: {text}", {"torch": torch, "F": F, "aten": aten, **scope})


def ways(operation, given):
    """Ways to do what an operation does, on arguments by name, as functions of no arguments."""
    tensors = {name: _tensor(value) for name, value in given.items()}
    if operation.name in WAYS:
        made = WAYS[operation.name](SimpleNamespace(**tensors))
    elif "(" not in (operation.torch or ""):
        made = []
    elif operation.name.endswith("_loss"):  # with its gradient
        first = next(iter(tensors))
        x = tensors[first].clone().requires_grad_()
        value = expressed(operation.torch, {**tensors, first: x, "reduction": "mean"})
        made = lambda: torch.autograd.grad(value(), x)  # noqa: E731
    else:
        made = expressed(operation.torch, tensors)
    return made if isinstance(made, list) else [made]


def _tensor(value):
    return torch.from_numpy(value) if isinstance(value, np.ndarray) and value.dtype != np.uint64 else value


def operation(name, size):
    # No recording for a gradient that nobody asks for.
    within = {} if name.endswith(("_loss", "_update")) else {"within": torch.inference_mode}
    made = ways(OPERATIONS[name], arguments(OPERATIONS[name], parse(size)))
    return [Benchmark(way, **within) for way in made] or None


def product(name, size):
    a, b, out = (torch.from_numpy(array) for array in Product(name, parse(size)).arrays())
    return Benchmark(lambda: torch.mm(a, b, out=out), within=torch.inference_mode)


def convolution(name, size):
    case = Convolution(name, parse(size))
    x, w, b, dout, _, _, _, db = (torch.from_numpy(array) for array in case.arrays())
    how = {"stride": [1, 1], "padding": [case.padding] * 2, "dilation": [1, 1], "groups": 1}
    t = SimpleNamespace(x=x, w=w, b=b, dout=dout, db=db, **how)
    ways = _conv_forward(t) if name == "forward" else _conv_backward(t, (name == "both", True, True))
    return [Benchmark(way, within=torch.inference_mode) for way in ways]


_LOSSES = {"softmax": F.cross_entropy, "squared_error": F.mse_loss}


def trainer(net, variant, layout=torch.contiguous_format):
    """A model and a function that trains it for its epochs, in a plain loop, with a form of Adam."""
    X, y = map(torch.from_numpy, net.data())
    model = build(net).to(memory_format=layout)
    examples = X.contiguous(memory_format=layout)
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, **variant), _LOSSES[net.loss]

    def batches():
        if net.steps == 1:  # all examples, in whichever order
            yield examples, y
            return
        for rows in torch.randperm(len(X)).split(net.batch):
            yield examples[rows], y[rows]

    def train():
        for _ in range(net.epochs):
            for x, target in batches():
                optimizer.zero_grad(set_to_none=True)
                loss(model(x), target).backward()
                optimizer.step()

    return model, train


def network(name, size):
    """Epochs with the fastest form of Adam; of images, in either layout."""
    net = ALL_NETWORKS[name]
    if isinstance(net, ImageNetwork):
        forms = [(_FUSED[0], layout) for layout in (torch.contiguous_format, torch.channels_last)]
    else:
        forms = [(variant, torch.contiguous_format) for variant in _FUSED]
    return [Benchmark(trainer(net, *form)[1], parts=net.steps * net.epochs) for form in forms]


def prediction(name, size):
    """The class of one example."""
    net = ALL_NETWORKS[name]
    model, x = build(net).eval(), torch.from_numpy(net.data()[0][:1])
    return Benchmark(lambda: model(x).argmax(1), within=torch.inference_mode)
