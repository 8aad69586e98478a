"""What users may write by mistake: a type checker refuses the lines that say so, and no other. It is not run."""

import numpy as np

import numbanet as nn
import numbanet.functional as F

X, y = np.zeros((4, 6)), np.zeros(4, np.int64)
data = {"X_train": X, "y_train": y}
layers = [nn.Affine(8), nn.ReLU(), nn.Affine(3)]
model = nn.Sequential(layers, (6,))
images = np.zeros((2, 1, 4, 4))

# Layers.
nn.Affine("9")  # error: arg-type
nn.Affine(9, weight_init=[1.0])  # error: arg-type
nn.Affine(9, units=3)  # error: misc
nn.Affine()  # error: call-arg
nn.Affine(width=9)  # error: call-arg
nn.Affine(9).units = 3  # error: misc
nn.Dropout(rate="x")  # error: arg-type
nn.Dropout(p=0.5)  # error: call-arg
nn.Conv(8, 3, padding="valid")  # error: arg-type
nn.Conv(8, (3, 3, 3))  # error: arg-type
nn.Conv(8, 3, bias="no")  # error: arg-type
nn.MaxPool("2")  # error: arg-type
nn.MaxPool(2, padding="same")  # error: arg-type
nn.AvgPool(2, dilation=1)  # error: call-arg
nn.BatchNorm(momentum=None)  # error: arg-type
nn.GroupNorm("all")  # error: arg-type
nn.LayerNorm(epsilon=1e-5)  # error: call-arg
nn.LeakyReLU("0.1")  # error: arg-type
nn.GELU(True)  # error: arg-type
nn.Residual(nn.ReLU())  # error: arg-type
nn.Residual([nn.ReLU], [])  # error: list-item
nn.Columns([(3, nn.ReLU())])  # error: list-item
nn.Columns([nn.ReLU()])  # error: list-item
nn.Embedding("12")  # error: arg-type
nn.PeriodicEmbedding(frequency=8)  # error: call-arg
nn.Parametric(3)  # error: arg-type
nn.Members(4, init="random")  # error: arg-type
nn.MemberAffine(8)  # error: call-arg
nn.MembersLoss("softmax", members="4")  # error: arg-type

# Networks.
nn.Sequential(layers, (3,), loss=1)  # error: arg-type
nn.Sequential(layers, (3.5,))  # error: arg-type
nn.Sequential(layers)  # error: call-arg
nn.Sequential(layers, (3,), "svm")  # error: call-arg
nn.Sequential(layers, (3,), reg=1e-3)  # error: call-arg
nn.Sequential(layers, (3,), ops=np)  # error: arg-type
nn.Sequential(layers, (3,), seed="0")  # error: arg-type
nn.Sequential(["relu"], (3,))  # error: list-item
nn.FullyConnectedNet(100)  # error: arg-type
nn.FullyConnectedNet([100], hiden=3)  # error: call-arg
nn.FullyConnectedNet([100], l2="0.1")  # error: arg-type
nn.TwoLayerNet(dropout="half")  # error: arg-type
nn.ThreeLayerConvNet(input_dim=3)  # error: arg-type
nn.SmallVGG(widths=32)  # error: arg-type
nn.SmallResNet(blocks=None)  # error: arg-type
model.predict()  # error: call-arg
model.predict(X, y)  # error: call-arg
model.scores(X)  # error: attr-defined
model.l2 = "0.1"  # error: assignment
model.save(3)  # error: arg-type
model.score(X, y) + "%"  # error: operator

# Training.
nn.Solver(model, data, epochs="3")  # error: arg-type
nn.Solver(model, X)  # error: arg-type
nn.Solver(model)  # error: call-arg
nn.Solver(3, data)  # error: arg-type
nn.Solver(model, data, num_epochs=3)  # error: call-arg
nn.Solver(model, data, optimizer=3)  # error: arg-type
nn.Solver(model, data, optimizer_options=0.1)  # error: arg-type
nn.Solver(model, data, monitor=1)  # error: arg-type
nn.Solver(model, data, metrics=[3])  # error: list-item
nn.Solver(model, data, class_weight="balance")  # error: arg-type
nn.Solver(model, data, augment="crop")  # error: arg-type
nn.Solver(model, data, callbacks=print)  # error: arg-type
nn.Solver(model, data).history.val_loss[0] + "%"  # error: operator
nn.callbacks.Callback(on_batch_end=print)  # error: call-arg
nn.callbacks.Callback(on_step_end="print")  # error: arg-type
nn.callbacks.EarlyStopping(3)  # error: arg-type
nn.callbacks.Checkpoint()  # error: call-arg
nn.Solver(model, data).best_epoch + 1  # error: operator
nn.train_many(model)  # error: arg-type
nn.schedules.Cosine("0.1")  # error: arg-type
nn.Solver(model, data, schedule=0.1)  # error: arg-type
nn.warmup(processes="2")  # error: arg-type
nn.warmup(np.float32)  # error: arg-type
nn.load(model)  # error: arg-type
nn.set_num_threads("2")  # error: arg-type

# Data.
nn.data.Dataset()  # error: call-arg
nn.data.Dataset(X, class_names=3)  # error: arg-type
nn.data.split(X, 0.2, seed=0)  # error: arg-type
nn.data.split(nn.data.load_digits(), "0.2", seed=0)  # error: arg-type
nn.data.load_csv("table.csv", task="regresion")  # error: arg-type
nn.data.load_npz("arrays.npz", channels="middle")  # error: arg-type
nn.data.load_npz(3)  # error: arg-type
nn.data.Augment(crop_padding="4")  # error: arg-type
nn.data.Standardizer(0.0)  # error: call-arg
nn.data.load_digits().X_train  # error: attr-defined

# Single operations.
F.relu_forward(X, ops=1)  # error: arg-type
F.relu_forward(X, nn.kernels)  # error: call-arg
F.relu_forward(None)  # error: arg-type
F.relu_backward(X, X)  # error: arg-type
F.elu_forward(X, alpha="1")  # error: arg-type
F.affine_forward(X, X)  # error: call-arg
F.dropout_forward(X, rate=0.5)  # error: call-arg
F.max_pool_forward(images, "2")  # error: arg-type
F.batchnorm_forward(X, y, y, epsilon=1e-5)  # error: call-arg
F.softmax_loss(X, y)[2]  # error: misc
F.adam_update(X, X, X, X)  # error: call-arg
F.selu6_forward(X)  # error: attr-defined
nn.reference.relu_forward(X)  # error: call-arg
nn.kernels.relu_forwards  # error: attr-defined
nn.initializers.normal("0.1")  # error: arg-type
nn.initializers.get(None)  # error: arg-type
nn.optim.Optimizer(3, 10)  # error: arg-type
nn.testing.check_gradients(1, 2, {})  # error: arg-type
nn.plotting.grid("images")  # error: arg-type
nn.nonsense  # error: attr-defined
