"""Update rules: examples by hand, plain formulas, and ten steps beside PyTorch's."""

import numpy as np
import pytest
from compare import BOTH, assert_all_close, close, draw, normal

from numbanet import functional as F
from numbanet import kernels

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    ("sgd_update", [[1, 2], [1, -4], 0.5], {"w": [0.5, 4]}),
    # v = 2/2 - 4/2 = -1; w = 1 + v
    ("momentum_update", [[1], [4], [2], 0.5, 0.5], {"w": [0], "velocity": [-1]}),
    # the same v; w = 1 + v/2 - 4/2
    ("nesterov_update", [[1], [4], [2], 0.5, 0.5], {"w": [-1.5], "velocity": [-1]}),
    # s = 3/4 4 + 1/4 2² = 4; w = 1 - 2 2 / (sqrt(4) + 2), or 1 - 2 2 / sqrt(4 + 5)
    ("rmsprop_update", [[1], [2], [4], 2.0, 0.75, 2.0, False], {"w": [0], "s": [4]}),
    ("rmsprop_update", [[1], [2], [4], 2.0, 0.75, 5.0, True], {"w": [-1 / 3], "s": [4]}),
    # m = (2 + 4) / 2 = 3, v = 3/4 4 + 1/4 4² = 7. Step 2: m_hat = 3 / (1 - 1/4) = 4, v_hat = 7 / (1 - 9/16) = 16, and
    # w = 8 - 1/2 1/2 8 - 1/2 4 / (4 + 4). The other form: w = 8 - 1/2 3 / sqrt(7 + 2).
    ("adam_update", [[8], [4], [2], [4], 0.5, 0.5, 0.75, 4.0, 0.5, 2, False], {"w": [5.75], "m": [3], "v": [7]}),
    ("adam_update", [[8], [4], [2], [4], 0.5, 0.5, 0.75, 2.0, 0.0, 2, True], {"w": [7.5], "m": [3], "v": [7]}),
    ("clip_by_value", [[-3, 0.25, 2], 0.5], {"dw": [-0.5, 0.25, 0.5]}),
    ("clip_by_norm", [[3, -4], 2.5], {"dw": [7.5 / 5.000001, -10 / 5.000001], "loss": 5}),  # 5 long
    ("clip_by_norm", [[3, -4], 6.0], {"dw": [3, -4], "loss": 5}),
    ("ema_update", [[2], [7], 0.5, 1], {"average": [2]}),  # the first is the average
    ("ema_update", [[2], [12], 0.5, 2], {"average": [3]}),  # a tenth of what was
    ("ema_update", [[2], [12], 0.5, 100], {"average": [7]}),
]


@BOTH
def test_sgd_and_momentum(ops):
    w, v, dw = normal(3, 4), normal(4, 3).T, normal(12).reshape(3, 4)
    close(F.sgd_update(w, dw, learning_rate=0.1, ops=ops), w - 0.1 * dw)
    new_v = 0.8 * v - 0.1 * dw
    for name, step in (("momentum", new_v), ("nesterov", 0.8 * new_v - 0.1 * dw)):
        new = getattr(F, f"{name}_update")(w, dw, v, learning_rate=0.1, momentum=0.8, ops=ops)
        close(new[0], w + step)
        close(new[1], new_v)


@BOTH
@pytest.mark.parametrize("inside", [False, True])
def test_rmsprop(inside, ops):
    w, dw, s = normal(5), normal(6)[:5], normal(7)[:5] ** 2
    options = {"learning_rate": 0.1, "decay_rate": 0.9, "eps": 0.01, "eps_inside_root": inside}
    new_w, new_s = F.rmsprop_update(w, dw, s, **options, ops=ops)
    expected = 0.9 * s + 0.1 * dw**2
    close(new_s, expected)
    close(new_w, w - 0.1 * dw / (np.sqrt(expected + 0.01) if inside else np.sqrt(expected) + 0.01))


@BOTH
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
def test_adam(inside, weight_decay, ops):
    options = {"beta1": 0.8, "beta2": 0.9, "eps": 0.01, "weight_decay": weight_decay, "eps_inside_root": inside}
    w, m, v = normal(5), np.zeros(5), np.zeros(5)
    expected, mean, square = w.copy(), 0.0, 0.0
    for step in range(1, 5):
        dw = normal(5 + step)[:5]
        w, m, v = F.adam_update(w, dw, m, v, step=step, learning_rate=0.1, **options, ops=ops)
        mean, square = 0.8 * mean + 0.2 * dw, 0.9 * square + 0.1 * dw**2
        expected = expected - 0.1 * weight_decay * expected
        if inside:
            expected = expected - 0.1 * mean / np.sqrt(square + 0.01)
        else:
            expected = expected - 0.1 * (mean / (1 - 0.8**step)) / (np.sqrt(square / (1 - 0.9**step)) + 0.01)
    close(m, mean)
    close(v, square)
    close(w, expected)


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
