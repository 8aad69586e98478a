"""By which way a training takes its steps: compiled or from Python, decided in one place, and told."""

import numba
import numpy as np
import pytest
from nets import CourseModel, digits

import numbanet
from numbanet import Affine, CheckpointError, FullyConnectedNet, Layer, Sequential, Solver
from numbanet.callbacks import Callback
from numbanet.data import Augment

DATA = digits()


def net(kind=FullyConnectedNet, **options):
    return kind([20], 64, 10, seed=0, **options)


def solver(model, data=DATA, **options):
    options = {"optimizer": "sgd", "optimizer_options": {"learning_rate": 0.1}, "epochs": 2, **options}
    return Solver(model, data, schedule="constant", **{"verbose": False, "batch_size": 50, "seed": 1, **options})


class Tripled(FullyConnectedNet):
    def loss(self, X, y=None):
        if y is None:
            return super().loss(X)
        loss, grads = super().loss(X, y)
        return 3 * loss, {name: 3 * gradient for name, gradient in grads.items()}


class OwnBatches(FullyConnectedNet):
    def train_batch(self, X, y, rows=None, gather=None):
        return super().train_batch(X, y, rows, gather)


class Mixed:
    """A loss that comes from beside the network."""

    def loss(self, X, y=None):
        return super().loss(X, y)


class MixedNet(Mixed, FullyConnectedNet):
    pass


def plain_gradient(w, dw, config):
    return w - 0.1 * dw, config


def halved(x, out):
    out[...] = x / 2


class Half(Layer):
    """x/2, by a function for Python or one that numba compiles."""

    function = staticmethod(halved)

    def output_shape(self, input_shape):
        return input_shape

    def lower(self, net, x):
        out = net.buffer(*x.shape[1:])
        net.forward(self.function, x, out)

        def backward(dout):
            dx = net.gradient(x)
            net.backward(self.function, dout, dx)
            return dx

        return out, backward


class CompiledHalf(Half):
    function = staticmethod(numba.njit(halved))


def replaced(X):
    return {**DATA, "X_train": X}


def shuffled():
    """Images, but not one after the other in memory."""
    return np.asfortranarray(DATA["X_train"].reshape(-1, 8, 8))


@pytest.mark.parametrize(
    ("why", "make"),
    [
        ("ops is numbanet.reference, and affine_relu_forward of layer 1, Affine", {"ops": "reference"}),
        ("loss is overridden by Tripled", lambda: solver(net(Tripled))),
        ("loss is overridden by MixedNet", lambda: solver(net(MixedNet))),
        ("train_batch is overridden by OwnBatches", lambda: solver(net(OwnBatches))),
        ("CourseModel has a loss of its own", lambda: solver(CourseModel())),
        ("the update rule `plain_gradient` is a function of your own", {"optimizer": plain_gradient}),
        ("no kernel reads X_train of dtype float16", lambda: solver(net(), replaced(DATA["X_train"].astype("f2")))),
        ("no kernel reads X_train of dtype >f4", lambda: solver(net(), replaced(DATA["X_train"].astype(">f4")))),
        (
            "no kernel reads X_train of 3 axes that are not C-",
            lambda: solver(net(), replaced(shuffled())),
        ),
        (
            "augmentation reads X_train that are C-contiguous",
            lambda: solver(net(), replaced(shuffled()), augment=Augment(1)),
        ),
        (
            "halved of layer 2, ",
            lambda: solver(Sequential([Affine(20), Half(), Affine(10)], 64, seed=0)),
        ),
        (None, lambda: solver(Sequential([Affine(20), CompiledHalf(), Affine(10)], 64, seed=0))),
        (None, lambda: solver(net())),
        (None, lambda: solver(net(), replaced((16 * DATA["X_train"]).astype(np.uint8)))),
        (None, lambda: solver(net(), batch_size=64)),  # the last of an epoch is smaller
    ],
)
def test_a_solver_says_whether_its_steps_are_compiled(why, make):
    if isinstance(make, dict):
        ops = {"ops": numbanet.reference} if make.pop("ops", None) else {}
        trained = solver(net(**ops), **make)
    else:
        trained = make()
    before = trained.compiled
    assert bool(before) is (why is None)
    assert str(before).startswith(f"from Python, since {why}" if why else "compiled")
    trained.train()
    assert trained.step == trained.num_steps  # and it trains
    assert trained.compiled == before
    assert trained.loss_history[-1] < trained.loss_history[0]


def test_steps_that_on_step_end_looks_at_are_compiled_one_by_one():
    trained = solver(net(), callbacks=[Callback(on_step_end=lambda s, logs: None)])
    assert trained.compiled
    assert str(trained.compiled) == "compiled, but one by one, since on_step_end looks at each"
    trained.callbacks = [Callback(on_progress=lambda s, logs: None), lambda s, logs: None]
    assert str(trained.compiled) == "compiled"


def test_steps_from_python_are_told(capsys):
    for model in (net(Tripled), net(), CourseModel()):  # of the course's models it is no news
        solver(model, verbose=True, epochs=1).train()
    lines = [line for line in capsys.readouterr().out.splitlines() if "Python" in line]
    assert lines == ["(steps are taken from Python, since loss is overridden by Tripled)"]


def test_a_loss_that_comes_after_the_solver_trains_too():
    trained, usual = solver(net(), monitor="val_accuracy"), solver(net(), monitor="val_accuracy", epochs=2)

    def thrice(X, y=None):
        result = FullyConnectedNet.loss(trained.model, X, y)
        return result if y is None else (3 * result[0], result[1])

    trained.model.loss = thrice
    assert str(trained.compiled) == "from Python, since loss is overridden by FullyConnectedNet"
    for each in (trained, usual):
        each.restore_best_weights = False
        each.train()
    np.testing.assert_allclose(trained.loss_history, 3 * np.array(usual.loss_history), rtol=1e-5)
    late = solver(net())
    late.model.loss = thrice
    with pytest.raises(ValueError, match="^monitor: FullyConnectedNet has a loss of its own.* evaluate"):
        late.train()
    assert late.step == 0


def test_many_at_once_train_with_their_own_losses():
    alone, together = [[solver(net(kind)) for kind in (Tripled, FullyConnectedNet)] for _ in range(2)]
    for each in alone:
        each.train()
    numbanet.train_many(together)
    for one, other in zip(alone, together, strict=True):
        assert one.loss_history == other.loss_history
    assert together[0].loss_history[0] == pytest.approx(3 * together[1].loss_history[0])


def test_the_loss_of_other_examples_by_a_loss_of_one_s_own():
    X, y = DATA["X_val"], DATA["y_val"]
    loss, score = net(Tripled).evaluate(X, y)
    assert np.isnan(loss)  # not the usual one, which does not train
    assert score == net().score(X, y)

    class Known(Tripled):
        def evaluate(self, X, y):
            return 3 * net_like(self).evaluate(X, y)[0], 0.5

    def net_like(model):
        usual = net()
        usual.params = model.params
        return usual

    trained = solver(net(Known))
    assert trained.monitor == "val_loss"
    trained.train()
    assert trained.val_loss_history[-1] == pytest.approx(3 * net_like(trained.model).evaluate(X, y)[0])
    assert trained.val_acc_history == [0.5] * 3


NAMES = ["train_batch", "training_steps", "workspaces", "check_examples", "overrides", "evaluate", "score", "predict"]
MORE = ["grads", "flat", "seed", "input_shape", "standardizer", "ops", "learns_from", "state", "save", "dtype"]


@pytest.mark.parametrize("value", ["whatever", 32, lambda *_: 1 / 0], ids=["text", "number", "function"])
def test_an_object_may_have_attributes_of_any_name(value):
    usual, crowded = CourseModel(), CourseModel()
    for name in (*NAMES, *MORE):
        if name != "seed" or value != 32:  # a number is one
            setattr(crowded, name, value)
    images = {name: X.reshape(-1, 8, 8) if X.ndim == 2 else X for name, X in DATA.items()}
    flat = Flat()
    for name in MORE[2:]:
        setattr(flat, name, value)
    trained = [solver(model) for model in (usual, crowded)]
    trained += [solver(model, images, augment=Augment(1)) for model in (Flat(), flat)]
    for each in trained:
        each.train()
    assert trained[0].loss_history == trained[1].loss_history
    assert trained[2].loss_history == trained[3].loss_history
    for each in trained:
        assert not each.compiled
    solver(crowded, seed=None, epochs=1).train()  # a seed that is none is passed over


class Flat(CourseModel):
    def loss(self, X, y=None):
        return super().loss(X.reshape(len(X), -1), y)


def test_what_has_taken_the_place_of_a_network_s_method_is_refused():
    class Sized(FullyConnectedNet):
        train_batch = 32

    with pytest.raises(TypeError, match=r"^model: Sized.train_batch is a method of numbanet's, got int 32$"):
        solver(net(Sized))
    model = net()
    model.predict = "yes"
    with pytest.raises(TypeError, match=r"^model: FullyConnectedNet.predict is a method"):
        solver(model)


def test_params_that_are_replaced_by_each_step():
    class Replacing(CourseModel):
        def loss(self, X, y=None):
            if y is not None:
                self.params = {name: value.copy() for name, value in self.params.items()}
            return super().loss(X, y)

    trained, usual = solver(Replacing()), solver(CourseModel())
    for each in (trained, usual):
        each.train()
    assert trained.loss_history == usual.loss_history
    for name, value in usual.model.params.items():
        np.testing.assert_array_equal(trained.model.params[name], value)


def test_params_that_are_copies_are_refused():
    class Copies(CourseModel):
        @property
        def params(self):
            return {name: value.copy() for name, value in self.kept.items()}

        @params.setter
        def params(self, values):
            self.kept = values

    with pytest.raises(TypeError, match="^model: params must keep the arrays that are put into it"):
        solver(Copies()).train()


def test_a_parameter_that_is_new():
    class Growing(CourseModel):
        def loss(self, X, y=None):
            result = super().loss(X, y)
            if y is None:
                return result
            self.params.setdefault("spare", np.ones(2))
            return result[0], {**result[1], "spare": np.ones(2)}

    trained = solver(Growing(), epochs=1)
    trained.train()
    np.testing.assert_allclose(trained.model.params["spare"], 1 - 0.1 * trained.best_epoch * 4)


def test_a_file_says_which_methods_it_does_not_hold(tmp_path):
    path, state = tmp_path / "net.npz", tmp_path / "state.npz"
    trained = solver(net(Tripled), epochs=1)
    trained.train()
    trained.model.save(path)
    trained.save(state)
    for each in (path, state):
        with pytest.warns(UserWarning, match=r"\.npz: of a network with its own loss, which no file holds"):
            loaded = numbanet.load(each)
        np.testing.assert_array_equal(loaded.params.flat, trained.model.params.flat)
    with pytest.raises(CheckpointError, match="saved with model"):  # it would go on with another loss
        solver(net()).restore(state)
    resumed = solver(net(Tripled), epochs=1)
    resumed.restore(state)
    assert resumed.step == trained.step
    net().save(path)
    numbanet.load(path)  # without a warning, which would be an error here
