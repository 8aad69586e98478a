"""One class for each family of operations: kernels against reference, over sizes from training."""

import numpy as np

import numbanet

OPS = {"kernels": numbanet.kernels, "reference": numbanet.reference}


class Operation:
    """What the classes share: operations by name, arrays from one seed, and a call before the clock starts."""

    param_names = ("implementation", "size")

    def draw(self, *shape):
        return self.rng.standard_normal(shape).astype(np.float32)

    def begin(self, implementation):
        self.ops = OPS[implementation]
        self.rng = np.random.default_rng(0)

    def warm_up(self):
        """Compile what is timed, so that no measurement holds a compilation."""
        for name in dir(self):
            if name.startswith("time_"):
                getattr(self, name)(None, None)


class Affine(Operation):
    params = (list(OPS), [(32, 64, 32), (64, 784, 256), (256, 1024, 1024)])

    def setup(self, implementation, size):
        self.begin(implementation)
        n, d, m = size
        self.x, self.w, self.b, self.dout = self.draw(n, d), self.draw(d, m), self.draw(m), self.draw(n, m)
        self.out, self.dx, self.dw, self.db = map(np.empty_like, (self.dout, self.x, self.w, self.b))
        self.warm_up()

    def time_affine_forward(self, implementation, size):
        self.ops.affine_forward(self.x, self.w, self.b, self.out)

    def time_affine_relu_forward(self, implementation, size):
        self.ops.affine_relu_forward(self.x, self.w, self.b, self.out)

    def time_affine_backward(self, implementation, size):
        self.ops.affine_backward(self.dout, self.x, self.w, self.dx, self.dw, self.db)


class Activations(Operation):
    names = ["relu", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu"]
    params = (list(OPS), names, [64 * 256, 256 * 1024])
    param_names = ("implementation", "activation", "size")

    def setup(self, implementation, activation, size):
        self.begin(implementation)
        self.x, self.dout, self.out = self.draw(size), self.draw(size), np.empty(size, np.float32)
        self.forward = getattr(self.ops, f"{activation}_forward")
        self.backward = getattr(self.ops, f"{activation}_backward")
        self.time_forward(implementation, activation, size)
        self.time_backward(implementation, activation, size)

    def time_forward(self, implementation, activation, size):
        self.forward(self.x, self.out)

    def time_backward(self, implementation, activation, size):
        self.backward(self.dout, self.x, self.out)


class Losses(Operation):
    params = (list(OPS), [(256, 10), (256, 1000)])

    def setup(self, implementation, size):
        self.begin(implementation)
        self.scores, self.target = self.draw(*size), self.rng.random(size, np.float32)
        self.dscores = np.empty_like(self.scores)
        self.y = self.rng.integers(0, size[1], size[0])
        self.warm_up()

    def time_softmax_loss(self, implementation, size):
        self.ops.softmax_loss(self.scores, self.y, self.dscores)

    def time_svm_loss(self, implementation, size):
        self.ops.svm_loss(self.scores, self.y, self.dscores)

    def time_squared_error_loss(self, implementation, size):
        self.ops.squared_error_loss(self.scores, self.target, self.dscores)

    def time_binary_cross_entropy_loss(self, implementation, size):
        self.ops.binary_cross_entropy_loss(self.scores, self.target, self.dscores)


class Normalization(Operation):
    params = (list(OPS), [(64, 128), (256, 512)])

    def setup(self, implementation, size):
        self.begin(implementation)
        n, d = size
        self.x, self.dout, self.out = self.draw(n, d), self.draw(n, d), np.empty(size, np.float32)
        self.gamma, self.beta = self.draw(d), self.draw(d)
        self.dgamma, self.dbeta = np.empty_like(self.gamma), np.empty_like(self.beta)
        self.running = np.zeros(d, np.float32), np.ones(d, np.float32)
        self.columns = self.draw(d), np.ones(d, np.float32)
        self.rows = self.draw(n), np.ones(n, np.float32)
        self.warm_up()

    def time_batchnorm_forward(self, implementation, size):
        self.ops.batchnorm_forward(self.x, self.gamma, self.beta, 0.9, 1e-5, *self.running, *self.columns, self.out)

    def time_batchnorm_inference(self, implementation, size):
        self.ops.batchnorm_inference(self.x, self.gamma, self.beta, *self.running, 1e-5, self.out)

    def time_batchnorm_backward(self, implementation, size):
        self.ops.batchnorm_backward(self.dout, self.x, self.gamma, *self.columns, self.out, self.dgamma, self.dbeta)

    def time_layernorm_forward(self, implementation, size):
        self.ops.layernorm_forward(self.x, self.gamma, self.beta, 1e-5, *self.rows, self.out)

    def time_layernorm_backward(self, implementation, size):
        self.ops.layernorm_backward(self.dout, self.x, self.gamma, *self.rows, self.out, self.dgamma, self.dbeta)


class Dropout(Operation):
    params = (list(OPS), [64 * 256, 256 * 1024])

    def setup(self, implementation, size):
        self.begin(implementation)
        self.x, self.out, self.key = self.draw(size), np.empty(size, np.float32), np.array([7, 0], np.uint64)
        self.warm_up()

    def time_dropout_forward(self, implementation, size):
        self.ops.dropout_forward(self.x, self.key, 0.8, self.out)


class Updates(Operation):
    params = (list(OPS), [10_000, 1_000_000])

    def setup(self, implementation, size):
        self.begin(implementation)
        self.w, self.dw = self.draw(size), self.draw(size)
        self.m, self.v = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self.warm_up()

    def time_sgd_update(self, implementation, size):
        self.ops.sgd_update(self.w, self.dw, 1e-6)

    def time_momentum_update(self, implementation, size):
        self.ops.momentum_update(self.w, self.dw, self.m, 1e-6, 0.9)

    def time_rmsprop_update(self, implementation, size):
        self.ops.rmsprop_update(self.w, self.dw, self.v, 1e-6, 0.99, 1e-8, False)

    def time_adam_update(self, implementation, size):
        self.ops.adam_update(self.w, self.dw, self.m, self.v, 1e-6, 0.9, 0.999, 1e-8, 0.0, 1, False)

    def time_l2_penalty(self, implementation, size):
        self.ops.l2_penalty(self.w, 1e-6, self.dw)
