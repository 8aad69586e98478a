"""Members of an ensemble in one network: examples by hand, against single networks and TabM's formulas in torch."""

import math

import numpy as np
import pytest
from compare import BOTH, assert_all_close, assert_is_that_of_torch, close, draw, normal, torch_gradients

import numbanet as nn
from numbanet import functional as F
from numbanet.losses import LOSSES

# Operation, inputs in the order of its signature, and what its arrays hold after the call. Outputs are not given.
VALUES = [
    ("members_forward", [[[1, 2]], [[1, 1], [10, -1]]], {"out": [[1, 2, 10, -2]]}),
    (  # dx = 3 + 50, 4 - 6; dr is the gradient times the input
        "members_backward",
        [[[3, 4, 5, 6]], [[1, 2]], [[1, 1], [10, -1]]],
        {"dx": [[53, -2]], "dr": [[3, 8], [5, 12]]},
    ),
    (  # 1 3 + 2 4 + 7; 5 1 + 6 (-1) + 9
        "member_affine_forward",
        [[[1, 2, 5, 6]], [[[3], [4]], [[1], [-1]]], [[7], [9]]],
        {"out": [[18, 8]]},
    ),
    (
        "member_affine_backward",
        [[[10, 20]], [[1, 2, 5, 6]], [[[3], [4]], [[1], [-1]]]],
        {"dx": [[30, 40, 20, -20]], "dw": [[[10], [20]], [[100], [120]]], "db": [[10], [20]]},
    ),
]
K = 3


def test_copies_are_those_of_torch(torch):
    assert_is_that_of_torch("members_forward", torch)
    x, dout, r = draw((13, 5), (13, K * 5), (K, 5))
    out, cache = F.members_forward(x, r)
    theirs = torch_gradients(torch, lambda x, r: (x[:, None] * r).reshape(13, -1), dout, x, r)
    assert_all_close([out, *F.members_backward(dout, cache)], theirs)


def test_members_own_weights_are_those_of_torch(torch):
    """TabM's `LinearEnsemble`."""
    x, dout, w, b = draw((13, K * 5), (13, K * 4), (K, 5, 4), (K, 4))

    def forward(x, w, b):
        return ((x.reshape(13, K, 5).transpose(0, 1) @ w).transpose(0, 1) + b).reshape(13, -1)

    out, cache = F.member_affine_forward(x, w, b)
    assert_all_close([out, *F.member_affine_backward(dout, cache)], torch_gradients(torch, forward, dout, x, w, b))


SCALINGS = pytest.mark.parametrize("scalings", [(True, True), (True, False), (False, True), (False, False)])


@BOTH
@SCALINGS
def test_a_shared_weight_is_that_of_torch(scalings, ops, torch):
    """TabM's `LinearBatchEnsemble` and the mean of its members' losses, from the network's own gradients."""
    layers = [nn.Members(K), nn.MemberAffine(4, K, True, *scalings, bias_init=0.3)]
    net = nn.Sequential(layers, 5, loss=nn.MembersLoss("softmax", K), dtype=np.float64, seed=0, ops=ops)
    for name in ("r1", "r2", "s1"):
        if name in net.params:
            net.params[name][:] = normal(*net.params[name].shape)
    x, y = normal(13, 5), np.arange(13) % 4
    loss, grads = net.loss(x, y)
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in net.params.copy().items()}
    h = torch.tensor(x)[:, None] * leaves["r1"] * leaves.get("r2", torch.tensor(1.0))
    scores = h @ leaves["W1"] * leaves.get("s1", torch.tensor(1.0)) + leaves["b1"]
    losses = [torch.nn.functional.cross_entropy(scores[:, k], torch.tensor(y)) for k in range(K)]
    expected = sum(losses) / K
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    assert set(grads) == set(leaves)
    for name, leaf in leaves.items():
        np.testing.assert_allclose(grads[name], leaf.grad.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)
    mean = torch.softmax(scores, dim=2).mean(dim=1).detach().numpy()
    close(net.predict_proba(x), mean)
    np.testing.assert_array_equal(net.predict(x), mean.argmax(axis=1))


def ensemble(loss="softmax", ops=nn.kernels, **options):
    """Two members with nothing in common but where they begin."""
    layers = [
        nn.Members(2, "ones"),
        nn.MemberAffine(6, 2, shared=False),
        nn.Tanh(),
        nn.MemberAffine(3, 2, shared=False),
    ]
    return nn.Sequential(layers, 4, loss=nn.MembersLoss(loss, 2), dtype=np.float64, seed=0, ops=ops, **options)


def alone(net, member, loss="softmax"):
    """A member as a network of its own."""
    single = nn.Sequential([nn.Affine(6), nn.Tanh(), nn.Affine(3)], 4, loss=loss, dtype=np.float64, seed=0)
    single.params = {name: net.params[name][member] for name in ("W1", "b1", "W2", "b2")}
    return single


TARGETS = {
    "softmax": lambda rng: rng.integers(3, size=20),
    "soft": lambda rng: rng.dirichlet(np.ones(3), 20),
    "svm": lambda rng: rng.integers(3, size=20),
    "binary_cross_entropy": lambda rng: rng.integers(2, size=(20, 3)),
    "poisson": lambda rng: rng.poisson(2, size=(20, 3)),
}


@BOTH
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", [*LOSSES, "soft"])
def test_members_learn_as_by_themselves_and_speak_together(name, weighted, ops):
    rng = np.random.default_rng(0)
    X, loss = rng.standard_normal((20, 4)), "softmax" if name == "soft" else name
    if loss == "soft_softmax":
        pytest.skip("a form of softmax")
    y = TARGETS.get(name, lambda rng: rng.standard_normal((20, 3)))(rng)
    weights = (rng.uniform(0, 2, 20),) if weighted else ()
    net = ensemble(loss, ops)
    value, grads = net.loss(X, y, *weights)
    singles = [alone(net, member, loss) for member in range(2)]
    own = [single.loss(X, y, *weights) for single in singles]
    assert value == pytest.approx((own[0][0] + own[1][0]) / 2, rel=1e-12)
    for member, (_, gradients) in enumerate(own):
        for gradient in ("W1", "b1", "W2", "b2"):
            np.testing.assert_allclose(2 * grads[gradient][member], gradients[gradient], rtol=1e-9, atol=1e-12)
    assert net.output_size == 3
    assert net.loss(X).shape == (20, 3)
    if loss in ("softmax", "binary_cross_entropy"):
        mean = (singles[0].predict_proba(X) + singles[1].predict_proba(X)) / 2
        np.testing.assert_allclose(net.predict_proba(X), mean, rtol=1e-12)
        expected = mean.argmax(axis=1) if loss == "softmax" else mean > 0.5
    elif loss == "svm":
        expected = (singles[0].loss(X) + singles[1].loss(X)).argmax(axis=1)
    else:  # of counts, the mean counts
        expected = (singles[0].predict(X) + singles[1].predict(X)) / 2
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12)
    mean_loss, score = net.evaluate(X, y, *weights)
    assert mean_loss == pytest.approx(net.loss_function.mean(net.loss(X), net.check_targets("y", y, 20), ops, *weights))
    assert score == pytest.approx(net.score(X, y, *weights), nan_ok=True)
    if loss != "svm":  # convex in what is averaged
        assert mean_loss <= np.mean([single.evaluate(X, y, *weights)[0] for single in singles]) + 1e-12


class Cubic(nn.Loss):
    """Of one's own, in NumPy."""

    weighted = True

    def reference(self, scores, y, weights, dscores):
        w = weights if len(weights) else np.ones(len(y))
        each = np.abs(scores - y) ** 3
        dscores[...] = 3 * (scores - y) * np.abs(scores - y) * w[:, None] / w.sum() / scores.shape[1]
        return float((each.mean(axis=1) * w).sum() / w.sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_of_ones_own(weighted):
    net, X, y = ensemble(Cubic()), normal(20, 4), normal(20, 3)
    weights = (np.linspace(0, 2, 20),) if weighted else ()
    value, _ = net.loss(X, y, *weights)
    own = [alone(net, member, Cubic()).loss(X, y, *weights)[0] for member in range(2)]
    assert value == pytest.approx(np.mean(own), rel=1e-12)
    np.testing.assert_allclose(net.predict(X), (alone(net, 0, Cubic()).loss(X) + alone(net, 1, Cubic()).loss(X)) / 2)


class Lowered(nn.Loss):
    reference = Cubic.reference

    def lower(self, net, scores, y):
        raise AssertionError


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sure_members_have_finite_scores(dtype):
    """Probabilities of 0 and 1 have no logarithms."""
    large = np.full((2, 2, 2), 300, dtype)
    large[:, :, 1] = -300
    for loss in (nn.Softmax(), nn.BinaryCrossEntropy(), nn.Poisson()):
        scores = loss.averaged(large, nn.kernels)
        assert scores.dtype == dtype
        assert np.isfinite(scores).all()
    half = np.array([[[40.0], [-40.0]]])
    assert nn.BinaryCrossEntropy().averaged(half, nn.kernels)[0, 0] == 0


def test_training_is_compiled_saved_and_predicts_in_batches(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 4)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
    layers = [nn.Members(4), nn.MemberAffine(16, 4, input_scaling=False), nn.ReLU(), nn.Dropout(0.1)]
    layers += [nn.MemberAffine(16, 4), nn.SELU(), nn.MemberAffine(3, 4, shared=False)]
    net = nn.Sequential(layers, 4, loss=nn.MembersLoss(nn.Softmax(0.1), 4), seed=0)
    data = {"X_train": X, "y_train": y, "X_val": X[:100], "y_val": y[:100]}
    rule = {"optimizer": "adamw", "optimizer_options": {"learning_rate": 5e-3}}
    solver = nn.Solver(net, data, epochs=60, batch_size=32, metrics=["auc"], verbose=False, **rule)
    solver.train()
    assert solver.compiled
    assert net.score(X, y) > 0.9
    assert solver.history.val_auc[-1] > 0.95
    assert net.predict_proba(X).shape == (600, 3)  # more than one batch of inference
    np.testing.assert_allclose(net.predict_proba(X)[:1], net.predict_proba(X[:1]), rtol=1e-5)
    net.save(tmp_path / "net.npz")
    again = nn.load(tmp_path / "net.npz")
    assert (again.training_loss, again.layers) == (net.training_loss, net.layers)
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))


def test_members_begin_as_they_are_told():
    def of(*layers):
        return nn.Sequential([*layers], 40, loss=nn.MembersLoss("softmax", 8), seed=0).params

    signs = of(nn.Members(8))["r1"]
    assert set(signs.ravel()) == {-1, 1}
    assert abs(signs.mean()) < 0.2
    assert of(nn.Members(8, "normal"))["r1"].std() == pytest.approx(1, rel=0.1)
    assert (of(nn.Members(8, "ones"))["r1"] == 1).all()
    shared = of(nn.MemberAffine(9, 8, bias_init=1.0))
    assert {name: array.shape for name, array in shared.items()} == {
        **{"W1": (5, 9), "r1": (8, 5), "s1": (8, 9), "b1": (8, 9)}
    }
    assert (shared["b1"] == shared["b1"][0]).all()
    assert (shared["r1"] == 1).all()
    assert (shared["s1"] == 1).all()
    own = of(nn.MemberAffine(9, 8, shared=False, bias_init=1.0, weight_init=2.0))
    assert own["W1"].std() == pytest.approx(2, rel=0.2)
    assert len(np.unique(own["W1"])) == own["W1"].size
    assert len(np.unique(own["b1"])) == own["b1"].size
    ntk = nn.Sequential([nn.MemberAffine(9, 8, parametrization="ntk")], 40, loss=nn.MembersLoss("softmax", 8), seed=0)
    assert ntk.placed[0].parameters[0].unit == pytest.approx(1 / math.sqrt(5))


def test_initial_values_by_the_data():
    """A shared weight gives its outputs a spread of 1 over all members, one of each member's own over the examples."""
    X = 3 * normal(400, 4) + 1
    layers = [nn.Members(5), nn.MemberAffine(6, 5, input_scaling=False), nn.ReLU(), nn.MemberAffine(2, 5, shared=False)]
    net = nn.Sequential(layers, 4, loss=nn.MembersLoss("softmax", 5), dtype=np.float64, seed=0)
    nn.initializers.fit_to_data(net, X)
    p = net.params
    products = (X[:, None] * p["r1"]) @ p["W1"]
    np.testing.assert_allclose(products.std(axis=(0, 1)), 1)
    hidden = np.maximum(products + p["b1"], 0)
    np.testing.assert_allclose(np.einsum("nkd,kdm->nkm", hidden, p["W2"]).std(axis=0), 1)
    assert len(np.unique(p["b1"])) == 30
    low, high = (-products).min(axis=0), (-products).max(axis=0)
    assert ((low < p["b1"]) & (p["b1"] < high)).all()
    net.params["b1"][:] = 0.5
    nn.initializers.fit_to_data(net, X, biases=False)
    assert (p["b1"] == 0.5).all()


def test_layers_are_shown_as_they_are_made():
    for text in (
        "MemberAffine(units=3, members=2, weight_init='he_normal')",
        "MemberAffine(units=3, members=2, shared=False, weight_init=0.5)",
        "MemberAffine(units=3, members=2, output_scaling=False, parametrization='ntk', weight_init='lecun_normal')",
        "Members(members=4, init='normal')",
        "MembersLoss(loss=Huber(delta=2.0), members=4)",
    ):
        assert repr(eval(text, {name: getattr(nn, name) for name in nn.__all__})) == text


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Members(0), ValueError, "Members: members: expected an integer of at least 1, got 0"),
        (
            lambda: nn.Members(2, "sign"),
            ValueError,
            "Members: init: expected one of 'signs', 'normal', 'ones', got 'sign'",
        ),
        (lambda: nn.MemberAffine(3, 0), ValueError, "MemberAffine: members: expected an integer of at least 1"),
        (lambda: nn.MemberAffine(3, 2, shared=1), TypeError, "MemberAffine: shared: expected True or False"),
        (
            lambda: nn.MemberAffine(3, 2, shared=False, input_scaling=True),
            ValueError,
            "MemberAffine: input_scaling: is for a shared weight, and with shared=False each member has its own",
        ),
        (
            lambda: nn.MembersLoss("softmx", 2),
            ValueError,
            "MembersLoss: loss: expected one of .* did you mean 'softmax'",
        ),
        (lambda: nn.MembersLoss(Lowered(), 2), TypeError, r"MembersLoss: loss: Lowered\(\) has a lower of its own"),
        (lambda: nn.MembersLoss("softmax", 0), ValueError, "MembersLoss: members: expected an integer of at least 1"),
        (
            lambda: nn.MembersLoss(nn.MembersLoss("svm", 2), 2),
            TypeError,
            "expected the loss of one member, got Members",
        ),
        (
            lambda: nn.Sequential([nn.MemberAffine(3, 4)], 6),
            ValueError,
            r"layer 1, .*: expected 4 members side by side, \(4 \* D,\), got \(6,\)",
        ),
        (
            lambda: nn.Sequential([nn.Affine(6)], 6, loss=nn.MembersLoss("svm", 4)),
            ValueError,
            r"loss: 4 members have 4 \* C scores, and the network gives 6",
        ),
        (lambda: ensemble().loss(normal(2, 4), [0, 3]), ValueError, "labels must be from 0 to 2"),
        (
            lambda: F.member_affine_forward(np.ones((2, 5)), np.ones((2, 3, 4)), np.ones((2, 4))),
            ValueError,
            "x: expected",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
