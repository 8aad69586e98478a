"""What users write: type checkers take it, and it runs. See tests/test_typing.py."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_type

import numbanet as nn
import numbanet.functional as F

rng = np.random.default_rng(0)
X, y = rng.standard_normal((40, 6)).astype(np.float32), rng.integers(3, size=40)

# Data: arrays, lists and files in; arrays of a known kind out.
dataset = nn.data.Dataset(X.tolist(), ["cat", "dog", "cow", "cow"] * 10)
assert_type(dataset.class_names, tuple[str, ...] | None)
assert_type(dataset.num_classes, int | None)
train, test = nn.data.split(dataset, 0.25, seed=0)
assert_type(train, nn.data.Dataset)
scale = nn.data.Standardizer.fit(train.X)
assert_type(scale, nn.data.Standardizer)
data = {"X_train": scale.apply(train.X), "y_train": train.y, "X_val": scale.apply(test.X), "y_val": test.y}
digits = nn.data.load_digits()
numbers, names = nn.data.encode_labels(["b", "a"])
assert_type(names, tuple[str, ...])
with tempfile.TemporaryDirectory() as folder:
    np.savez(Path(folder, "part.npz"), X=X, y=y)
    whole, rest = nn.data.load(Path(folder, "part.npz"), channels=None, task="classification")
    assert_type(rest, nn.data.Dataset | None)

# Layers: declarations, whose options take what the documentation says.
assert_type(nn.Affine(3), nn.Affine)
assert_type(nn.ReLU(), nn.ReLU)
layers = [
    nn.Conv(4, (3, 3), stride=1, padding="same", groups=1, bias=False, weight_init="he_normal"),
    nn.BatchNorm(momentum=0.9),
    nn.GroupNorm(2),
    nn.GELU("tanh"),
    nn.Residual([nn.Conv(4, 3, padding=(1, 1)), nn.LeakyReLU(0.1)], shortcut=[nn.Conv(4, 1)]),
    nn.MaxPool(2, stride=(2, 2)),
    nn.AvgPool((1, 2), padding=0),
    nn.Flatten(),
    nn.Dropout(0.2),
    nn.Affine(3, weight_init=0.01, bias_init=nn.initializers.zeros),
]
embedded = nn.Columns(
    [(3, [nn.PeriodicEmbedding(8, units=4, sigma=0.1, dense=True)]), (2, []), (1, [nn.Embedding([9])])]
)
ensemble = [
    *(embedded, nn.Scale(), nn.Members(4, init="normal"), nn.MemberAffine(8, 4, input_scaling=False)),
    *(nn.Parametric("selu"), nn.Parametric(nn.Mish()), nn.MemberAffine(2, members=4, shared=False)),
]
assert_type(nn.MembersLoss("softmax", 4), nn.MembersLoss)
nn.Sequential(ensemble, 6, loss=nn.MembersLoss(nn.Softmax(label_smoothing=0.1), members=4))
images = nn.Sequential(layers, (1, 8, 8), loss="svm", l2=1e-3, dtype="float64", seed=3, ops=nn.reference)
assert_type(images, nn.Sequential)


def constant(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
) -> npt.NDArray[np.floating[Any]]:
    return np.full(shape, 1 / fan_in)


own = nn.Affine(3, constant)

# Networks and training.
model = nn.FullyConnectedNet(
    [8, 8], input_dim=6, num_classes=3, activation="elu", dropout=0.1, dtype=np.float64, seed=0
)
nn.TwoLayerNet(6, 8, num_classes=3, normalization="batchnorm", l2=0.1)
nn.SmallResNet((3, 8, 8), widths=(2, 4), blocks=1, seed=None)
solver = nn.Solver(
    model,
    data,
    optimizer="adam",
    optimizer_options={"learning_rate": 1e-3},
    schedule=nn.schedules.Cosine(0.1, warmup=0.05),
    epochs=1,
    class_weight={0: 2.0},
    metrics=["auc", lambda y, scores: 0.5],
    monitor="val_auc",
    patience=2,
    callbacks=[
        lambda solver, logs: logs["loss"] < 0.1,
        nn.callbacks.EarlyStopping("val_loss", patience=3),
        nn.callbacks.Callback(on_step_end=lambda solver, logs: solver.step > 3),
    ],
    verbose=False,
)
nn.Solver(model, data, schedule="one_cycle", epochs=2)
nn.Solver(model, data, schedule=lambda step, num_steps: 1 / (1 + step))
nn.Solver(model, data, schedule=[1, 0.5], epochs=2)
solver.train()
assert_type(solver.loss_history, list[float])
assert_type(solver.best_epoch, int | None)
assert_type(solver.learning_rate, float)
assert_type(model.params["W1"].shape, tuple[Any, ...])
assert_type(model.score(X, y), float)
labels = model.predict(X)
probabilities = model.predict_proba(X.tolist())
assert_type(model.num_parameters, int)
with tempfile.TemporaryDirectory() as folder:
    model.save(Path(folder, "model.npz"))
    again: nn.Sequential = nn.load(Path(folder, "model.npz"), ops=nn.reference)
    assert_type(again.num_parameters, int)
    solver.save(f"{folder}/state.npz")
assert_type(nn.train_many([solver], threads=1), "list[nn.TrainingDiverged | None]")
nn.set_num_threads(1)
assert_type(nn.get_num_threads(), int)


class Mine:
    """Any object with parameters and a loss can be trained."""

    def __init__(self) -> None:
        self.params = {"w": np.zeros((6, 3))}

    def loss(self, X: npt.NDArray[Any], y: npt.NDArray[Any] | None = None) -> Any:
        scores = X @ self.params["w"]
        if y is None:
            return scores
        loss, dscores = F.softmax_loss(scores, y)
        return loss, {"w": X.T @ dscores}


nn.Solver(Mine(), {"X_train": X, "y_train": y}, optimizer=nn.optim.sgd, epochs=1, verbose=False).train()


class Doubled(nn.Layer):
    """A layer of one's own."""

    def lower(self, net: Any, x: Any) -> Any:
        return x, None


nn.Sequential([Doubled(), nn.Affine(2)], 3)

# Single operations.
out, cache = F.affine_forward(X, [[1.0, 2.0, 3.0]] * 6, np.zeros(3), ops=nn.reference)
dx, dw, db = F.affine_backward(out, cache)
loss, dscores = F.softmax_loss(out, [0, 1] * 20)
assert_type(loss, float)
pooled, _ = F.max_pool_forward(np.ones((1, 1, 4, 4)), 2, stride=(2, 2))
averages = F.batchnorm_forward(X, np.ones(6), np.zeros(6), momentum=0.5)[1].running_mean
w, m, v = F.adam_update([1.0], [0.5], [0.0], [0.0], step=1)
nn.kernels.relu_forward(X.reshape(-1), np.empty(X.size, np.float32))
nn.reference.relu_forward(X.reshape(-1), np.empty(X.size, np.float32))
gradient = nn.testing.numerical_gradient(lambda x: x**2, np.ones(2))
errors = nn.testing.check_gradients(lambda x: x**3, lambda dout, x: {"x": dout * 3 * x**2}, {"x": np.ones(2)})
assert_type(errors, dict[str, float])
next_w, config = nn.optim.sgd(np.ones(2), np.ones(2), {"learning_rate": 0.1})
picture = nn.plotting.filters(images)
assert_type(nn.__version__, str)
