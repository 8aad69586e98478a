"""JAX's side: compiled functions on arrays that are on the device already, the state's buffers donated."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from types import SimpleNamespace

import jax
import numpy as np
from jax import numpy as jnp

from .networks import LEARNING_RATE, NETWORKS
from .operations import OPERATIONS, arguments, parse
from .timing import Benchmark


def set_threads(count):
    """XLA has no setting for it; its pool follows the CPUs that the process may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def _batchnorm(t):
    mean, var = t.x.mean(0), t.x.var(0)
    running = 0.9 * t.running_mean + 0.1 * mean, 0.9 * t.running_var + 0.1 * var
    return t.gamma * (t.x - mean) * jax.lax.rsqrt(var + t.eps) + t.beta, *running


def _layernorm(t):
    mean, var = t.x.mean(1, keepdims=True), t.x.var(1, keepdims=True)
    return t.gamma * (t.x - mean) * jax.lax.rsqrt(var + t.eps) + t.beta


def _normalization_backward(axis):
    def gradients(t):
        mean, inv_std = (t.mean, t.inv_std) if axis == 0 else (t.mean[:, None], t.inv_std[:, None])
        z = (t.x - mean) * inv_std
        dz = t.dout * t.gamma
        dx = (dz - dz.mean(axis, keepdims=True) - z * (dz * z).mean(axis, keepdims=True)) * inv_std
        return dx, (t.dout * z).sum(0), t.dout.sum(0)

    return gradients


def _affine_backward(dout, t):
    return dout @ t.w.T, t.x.T @ dout, dout.sum(0)


def _cross_entropy(scores, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], 1).mean()


def _squared_error(scores, y):
    return ((scores - y) ** 2).mean()


_LOSSES = {"softmax": _cross_entropy, "squared_error": _squared_error}
_ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def _adam(w, dw, m, v, step, learning_rate=LEARNING_RATE, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * dw, beta2 * v + (1 - beta2) * dw * dw
    root = jnp.sqrt(v / (1 - beta2**step)) + eps
    return w - learning_rate * m / (1 - beta1**step) / root, m, v


# Functions of an operation's arguments by name.
PLAIN = {
    "affine_forward": lambda t: t.x @ t.w + t.b,
    "affine_relu_forward": lambda t: jax.nn.relu(t.x @ t.w + t.b),
    "affine_backward": lambda t: _affine_backward(t.dout, t),
    "affine_relu_backward": lambda t: _affine_backward(jnp.where(t.out > 0, t.dout, 0), t),
    "softmax_loss": lambda t: jax.value_and_grad(_cross_entropy)(t.scores, t.y),
    "batchnorm_forward": _batchnorm,
    "batchnorm_backward": _normalization_backward(0),
    "layernorm_forward": _layernorm,
    "layernorm_backward": _normalization_backward(1),
    "dropout_forward": lambda t: jnp.where(
        jax.random.bernoulli(jax.random.key(0), 1 - t.rate, t.x.shape), t.x / (1 - t.rate), 0
    ),
}


def _expressed(text):
    """The table's expression as a function of the arguments."""
    return lambda t: eval(text, {"jax": jax, **vars(t)})


def _derivative(text):
    """The gradient of the table's expression in `x`."""
    return lambda t: jax.vjp(lambda x: eval(text, {"jax": jax, **vars(t), "x": x}), t.x)[1](t.dout)


for _name, _operation in OPERATIONS.items():
    if _operation.jax and not _name.endswith("_backward"):
        PLAIN[_name] = _expressed(_operation.jax)
    elif _operation.jax and "x" in _operation.arguments:  # others take the output, which no function of JAX does
        PLAIN[_name] = _derivative(_operation.jax)
PLAIN["sigmoid_backward"] = lambda t: t.dout * t.out * (1 - t.out)
PLAIN["tanh_backward"] = lambda t: t.dout * (1 - t.out * t.out)
PLAIN["elu_backward"] = lambda t: t.dout * jnp.where(t.out > 0, 1, t.out + t.alpha)

# Functions of the state, whose buffers are donated, and of the gradient; they give the new state.
UPDATES = {
    "sgd_update": (("w",), lambda dw, w: (w - 1e-6 * dw,)),
    "momentum_update": (("w", "velocity"), lambda dw, w, v: (w + 0.9 * v - 1e-6 * dw, 0.9 * v - 1e-6 * dw)),
    "adam_update": (("w", "m", "v"), lambda dw, w, m, v: _adam(w, dw, m, v, 1.0, 1e-6)),
}


def _on_device(arguments):
    device = jax.devices()[0]
    return {
        name: jax.device_put(value, device)
        for name, value in arguments.items()
        if isinstance(value, np.ndarray) and value.dtype != np.uint64
    }


class _Last:
    """Calls `function`, keeps what it gave, and waits for that: JAX returns before the work is done."""

    def __init__(self, function, *arguments):
        self.function, self.arguments, self.result = function, arguments, None

    def call(self):
        self.result = self.function(*self.arguments)

    def finish(self):
        jax.block_until_ready(self.result)


def operation(name, size):
    given = arguments(OPERATIONS[name], parse(size))
    arrays = _on_device(given)
    if name in PLAIN:
        scalars = {key: value for key, value in given.items() if not isinstance(value, np.ndarray)}
        for key in OPERATIONS[name].arrays("output"):
            arrays.pop(key, None)
        last = _Last(jax.jit(lambda arrays: PLAIN[name](SimpleNamespace(**arrays, **scalars))), arrays)
        return Benchmark(last.call, finish=last.finish)
    if name in UPDATES:
        state, update = UPDATES[name]
        step = jax.jit(update, donate_argnums=range(1, 1 + len(state)))
        held = [[arrays[key] for key in state]]

        def call():
            held[0] = step(arrays["dw"], *held[0])

        return Benchmark(call, finish=lambda: jax.block_until_ready(held[0]))
    return None


def _parameters(net, rng):
    """Layers of weights as dicts."""
    layers = []
    for inputs, outputs in zip(net.widths[:-1], net.widths[1:], strict=True):
        w = rng.standard_normal((inputs, outputs), np.float32) * np.float32(np.sqrt(2 / inputs))
        layer = {"w": jnp.asarray(w), "b": jnp.zeros(outputs)}
        if net.batchnorm and outputs != net.widths[-1]:
            layer |= {"gamma": jnp.ones(outputs), "beta": jnp.zeros(outputs)}
        layers.append(layer)
    return layers


def _scores(layers, x, activation="relu"):
    for layer in layers:
        x = x @ layer["w"] + layer["b"]
        if "gamma" in layer:
            mean, var = x.mean(0), x.var(0)
            x = layer["gamma"] * (x - mean) * jax.lax.rsqrt(var + 1e-5) + layer["beta"]
        x = x if layer is layers[-1] else _ACTIVATIONS[activation](x)
    return x


def trainer(net, epoch_of):
    """The state, in a list, and a function that trains it for the network's epochs.

    `epoch_of` makes of the function of one step that of many, from the state and all rows to the new state.
    """
    X, y = _on_device(dict(zip("Xy", net.data(), strict=True))).values()
    rng = np.random.default_rng(0)

    def loss(layers, x, y):
        return _LOSSES[net.loss](_scores(layers, x, net.activation), y)

    def step(state, rows):
        params, m, v, count = state
        # Where a batch is all examples, their order makes no difference.
        grads = jax.grad(loss)(params, *((X[rows], y[rows]) if net.steps > 1 else (X, y)))
        count = count + 1
        new = jax.tree.map(lambda w, dw, m, v: _adam(w, dw, m, v, count), params, grads, m, v)
        return *(jax.tree.map(lambda _, n, i=i: n[i], params, new) for i in range(3)), count

    params, run = _parameters(net, rng), epoch_of(step)
    state = [(params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), jnp.float32(0))]

    def orders():
        if net.steps == 1:
            return np.zeros((net.epochs, 0), np.int32)
        orders = [rng.permutation(len(X)) for _ in range(net.epochs)]
        return np.concatenate(orders).astype(np.int32).reshape(-1, net.batch)

    def train():
        state[0] = run(state[0], orders())

    return state, train


def step_by_step(step):
    """Epochs of compiled steps: the batch is gathered, differentiated and applied in one function."""
    step = jax.jit(step, donate_argnums=0)

    def epoch(state, batches):
        for rows in batches:
            state = step(state, rows)
        return state

    return epoch


def at_once(step):
    """Epochs as one compiled function: `lax.scan` over the steps."""
    return jax.jit(
        lambda state, batches: jax.lax.scan(lambda *now: (step(*now), None), state, batches)[0], donate_argnums=0
    )


def _network(name, epoch_of):
    if name not in NETWORKS:
        return None
    net = NETWORKS[name]
    state, train = trainer(net, epoch_of)
    return Benchmark(train, finish=lambda: jax.block_until_ready(state[0]), parts=net.steps * net.epochs)


def network(name, size):
    """Epochs of compiled steps."""
    return _network(name, step_by_step)


def scanned_network(name, size):
    """Epochs as one compiled function."""
    return _network(name, at_once)


def prediction(name, size):
    """The class of one example."""
    if name not in NETWORKS:
        return None
    net = NETWORKS[name]
    x, params = jnp.asarray(net.data()[0][:1]), _parameters(net, np.random.default_rng(0))
    last = _Last(jax.jit(lambda params, x: _scores(params, x, net.activation).argmax(1)), params, x)
    return Benchmark(last.call, finish=last.finish)
