"""A network: a list of layers, and what a user does with it. Its arrays are in `_network_arrays`."""

from __future__ import annotations

import copy
import importlib
import math
from typing import TYPE_CHECKING, overload

import numpy as np

from . import checkpoint, kernels
from ._checks import all_codes, all_finite, boolean, describe, example_weights, float_dtype, integer, number
from ._exclusive import exclusively
from ._network_arrays import NetworkArrays
from ._plain import refusing
from .data import Standardizer, TargetScaler
from .data.sparse import SparseRows, as_examples
from .losses import checked_loss
from .program import form_of
from .training.learners import FlatModel
from .workspaces import Workspaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from ._types import Array, ArrayLike, DTypeLike, FloatArray, IntArray, Ops, StrPath
    from ._views import NamedViews
    from .layers import Layer
    from .losses import Loss
    from .program import Program


INFERENCE_BATCH = 512  # rows that go through the network together, or fewer,
INFERENCE_VALUES = 1 << 22  # so that no layer gives more values at a time


def checked_ops(ops: Any) -> Ops:
    """The namespace of operations that was given, or the kernels."""
    ops = kernels if ops is None else ops
    if not hasattr(ops, "affine_forward") or not hasattr(ops, "l2_penalty"):
        raise TypeError(f"ops: expected numbanet.kernels or numbanet.reference, got {describe(ops)}")
    return ops


class Sequential(NetworkArrays, FlatModel):
    """A network: layers one after the other.

    Parameters
    ----------
    layers : list of Layer
    input_shape : tuple of int
        Shape of one example, such as ``(784,)`` or ``(3, 32, 32)``.
    loss : Loss or {"softmax", "svm", "squared_error", "binary_cross_entropy"}
    l2 : float
        Strength of the L2 penalty on weights: the loss gains ``l2/2 Σ W²``.
    l2_divided : bool
        Whether that is divided by the number of examples of a batch, or the sum of their weights, as scikit-learn does
        it with its `alpha`.
    dtype : float32 or float64
    seed : int, optional
        Of the initial weights and the dropout masks; None takes one from the operating system. Kept as `seed`.
    ops : module, optional
        `numbanet.kernels` (the default) or `numbanet.reference`.

    Attributes
    ----------
    params : mapping of name to ndarray
        Live views of one flat array, `params.flat`. Weights are W1, b1, W2, ... and scales and shifts of normalisation
        layers gamma1, beta1, ..., each counted by itself in the order of the layers.
    state : mapping of name to ndarray
        Running averages, named likewise.
    loss_function : numbanet.Loss
        The loss, as an instance, and `loss_name`, its name; with `MembersLoss`, which is kept as `training_loss`, that
        of a member: what targets and the scores in inference mean.
    fixed_dropout : bool
        Whether every training pass draws the same dropout masks, as gradient checks need. False.
    dropout_factor : float
        What all probabilities of dropout are multiplied by in training passes; a schedule sets it for a step. 1.
    standardizer : numbanet.data.Standardizer or None
        How examples are standardised on their way into the network: None, as they are. Where it is set, all methods
        take examples as they come, a data set in memory is not copied, and `save` keeps it.
    target_scaler : numbanet.data.TargetScaler or None
        How the targets of regression are standardised: None, as they are. Where it is set, targets come and
        predictions go in their own units, in float64, and so do metrics and scores; only losses, and what ``loss(X)``
        gives, are of the standardised targets. `save` keeps it.
    class_names, feature_names : tuple of str or None
        What the classes and the features are called, where that is known; `save` keeps them.

    Raises
    ------
    TypeError, ValueError
        Where a layer cannot take what the one before it gives; the message names the layer and the shape.

    Notes
    -----
    One network serves any number of threads. Predictions run side by side, and each gives what it would give alone.
    Training runs by itself: a prediction meanwhile waits for the end of the step that is running, sees the network as
    it is between two steps, and changes nothing for the training. ``loss(X, y)`` of two threads take turns; a second
    `Solver` that would train the same network is refused. Parameters that you write to by hand are not guarded.
    """

    _l2: float
    _l2_divided: bool

    @refusing
    def __init__(
        self,
        layers: Iterable[Layer],
        input_shape: int | Sequence[int],
        *,
        loss: str | Loss = "softmax",
        l2: float = 0.0,
        l2_divided: bool = False,
        dtype: DTypeLike = np.float32,
        seed: int | None = None,
        ops: Ops | None = None,
    ) -> None:
        self.training_loss = checked_loss("loss", loss)
        self.loss_function = self.training_loss.of_member
        self.loss_name = self.loss_function.name
        self.ops = checked_ops(ops)
        entropy: Any = np.random.SeedSequence().entropy  # an int
        self.seed = entropy % 2**63 if seed is None else integer("seed", seed, 0, 2**63)
        self.fixed_dropout, self.dropout_factor = False, 1.0
        self.class_names: tuple[str, ...] | None = None
        self.feature_names: tuple[str, ...] | None = None
        self._standardizer: Standardizer | None = None
        self._target_scaler: TargetScaler | None = None
        self.workspaces = Workspaces()
        self.l2, self.l2_divided = l2, l2_divided
        super().__init__(layers, input_shape, float_dtype(dtype))
        self.training_loss.outputs(self.score_size)  # refuses what are no members
        self._initialize(self.seed)

    def overrides(self, *names: str) -> bool:
        """Whether a subclass, or this object, has a method of its own in the place of one of these."""
        return any(getattr(getattr(self, name), "__func__", None) is not getattr(Sequential, name) for name in names)

    @property
    def output_size(self) -> int:
        """Number of outputs, C: of classes, or of targets of an example."""
        return self.training_loss.outputs(self.score_size)

    @property
    def params(self) -> NamedViews:
        return self._params

    @params.setter
    def params(self, values: Mapping[str, ArrayLike]) -> None:
        self._assign(self._params, "params", values)  # the operations are bound to the arrays that are there

    @property
    def state(self) -> NamedViews:
        return self._state

    @state.setter
    def state(self, values: Mapping[str, ArrayLike]) -> None:
        self._assign(self._state, "state", values)

    @exclusively
    def _assign(self, views: NamedViews, what: str, values: Mapping[str, ArrayLike]) -> None:
        views.assign(what, values)

    @property
    def l2(self) -> float:
        return self._l2

    @l2.setter
    def l2(self, value: float) -> None:
        self._change("_l2", number("l2", value, 0, include_high=False))

    @property
    def l2_divided(self) -> bool:
        return self._l2_divided

    @l2_divided.setter
    def l2_divided(self, value: bool) -> None:
        self._change("_l2_divided", boolean("l2_divided", value))

    @property
    def standardizer(self) -> Standardizer | None:
        return self._standardizer

    @standardizer.setter
    def standardizer(self, value: Standardizer | None) -> None:
        if value is not None:
            if not isinstance(value, Standardizer):
                raise TypeError(f"standardizer: expected a numbanet.data.Standardizer, got {describe(value)}")
            if math.prod(value.mean.shape) != math.prod(self.input_shape):
                raise ValueError(
                    f"standardizer: learned from examples of shape {value.mean.shape}, and the network takes "
                    f"{self.input_shape}"
                )
        self._change("_standardizer", value)

    @property
    def target_scaler(self) -> TargetScaler | None:
        return self._target_scaler

    @target_scaler.setter
    def target_scaler(self, value: TargetScaler | None) -> None:
        if value is not None:
            if not isinstance(value, TargetScaler):
                raise TypeError(f"target_scaler: expected a numbanet.data.TargetScaler, got {describe(value)}")
            if not self.loss_function.predicts_scores:
                raise ValueError(
                    f"target_scaler: is for losses whose scores are the predictions, and the network has "
                    f"{self.loss_function!r}"
                )
            (outputs,) = self.loss_function.target_shape(self.output_size)
            if len(value.mean) != outputs:
                raise ValueError(f"target_scaler: of {len(value.mean)} targets, and the network predicts {outputs}")
        self._change("_target_scaler", value)

    @exclusively
    def _change(self, name: str, value: Any) -> None:
        """Set what programs are bound to, while none of them runs."""
        setattr(self, name, value)
        self.workspaces.forget()

    @property
    def num_parameters(self) -> int:
        """Number of values that are learnt."""
        return sum(view.size for view in self.params.values())

    @overload
    def loss(self, X: ArrayLike, y: None = None) -> FloatArray: ...

    @overload
    def loss(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[float, dict[str, FloatArray]]: ...

    def loss(self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> Any:
        """Scores in inference, or loss and gradients in training.

        Parameters
        ----------
        X : array-like, shape (N, ...)
            Examples of `input_shape`; a network with a flat input takes any number of trailing axes.
        y : array-like, optional
            Labels (N,) for softmax and SVM, or for softmax the classes' probabilities (N, C);
            targets (N, M), or (N,) where M is 1, for the others.
        sample_weight : array-like, shape (N,), optional
            How much each example counts in the mean, ``Σ w l / Σ w``; by default all 1.

        Returns
        -------
        scores : ndarray, shape (N, C)
            Where `y` is None: batch normalisation uses its running averages, dropout passes everything.
        loss, grads : float and dict of ndarray
            Otherwise; `grads` has the keys of `params`. Running averages and dropout steps move on.

        Raises
        ------
        TypeError, ValueError
            For shapes, dtypes or labels that do not fit, and for NaN or infinity; the message names the row. For
            weights that are negative or all 0, without targets, or with a loss that takes none.
        """
        X = self.check_examples("X", X)
        if y is None:
            if sample_weight is not None:
                raise ValueError("sample_weight: needs y, the targets that it weighs")
            return self._scores(X)
        self.check_finite("X", X)
        y = self.check_targets("y", y, len(X))
        weighed = () if sample_weight is None else (self.check_weights("sample_weight", sample_weight, len(X)),)
        return self._loss_and_grads(X, y, *weighed)

    @exclusively
    def _loss_and_grads(
        self, X: Array, y: Array, weights: FloatArray | None = None
    ) -> tuple[float, dict[str, FloatArray]]:
        weighed: dict[str, Any] = {} if weights is None else {"weights": weights}  # a subclass's may take none
        return self.train_batch(X, y, **weighed), self.grads.copy()

    @exclusively
    def train_batch(
        self,
        X: Array,
        y: Array,
        rows: IntArray | None = None,
        gather: Callable[[Array, IntArray, Array], object] | None = None,
        weights: FloatArray | None = None,
    ) -> float:
        """Loss of one batch in training; the gradients go into `grads`, where the next call overwrites them.

        For training loops: `X`, `y` and `weights` must have passed `check_examples`, `check_targets` and
        `check_weights`. `rows` picks examples; `gather`, a function of (X, rows, out), puts them into the network's
        input otherwise than as they are. Where the weights of a batch add up to 0, so are its loss and its gradients,
        but for the penalty.
        """
        program = self.training_program(len(X) if rows is None else len(rows), y, weights)
        program.load(X, rows, gather)
        program.y[...] = y if rows is None else y[rows]
        if weights is not None:
            program.weights[...] = weights if rows is None else weights[rows]
        return program.step()

    def predict(self, X: ArrayLike) -> Array:
        """Class labels (N,) for softmax and SVM, 0 or 1 for binary cross-entropy, values for squared error.

        With a `target_scaler`, values in the targets' own units, float64.
        """
        return self.decided(self.loss(X))

    def decided(self, scores: FloatArray) -> Array:
        """What `predict` gives, by scores that are there already."""
        values = self.loss_function.predict(scores)
        return values if self.target_scaler is None else self.target_scaler.restore(values)

    def own_targets(self, y: Array) -> Array:
        """Targets as they came, by those that `check_targets` gave."""
        return y if self.target_scaler is None else self.target_scaler.restore(y, clamp=False)

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Class probabilities, shape (N, C); ValueError where the loss has none."""
        return self.loss_function.probabilities(self.loss(X), self.ops)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy for classes, the coefficient of determination R² for squared error; 1 is perfect.

        Binary cross-entropy takes a target above 0.5 for a 1. NaN where a score of the network is NaN or infinite,
        though the examples are not, and for an R² that is undefined, since the targets do not vary or there is a single
        one.
        """
        return self.evaluate(X, y)[1] if sample_weight is None else self.evaluate(X, y, sample_weight)[1]

    def evaluate(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[float, float]:
        """Mean loss of the examples in inference, without the L2 penalty, and `score`; both NaN where it is NaN for
        what the network gives, and the loss where training has one of its own (`loss` or `train_batch` overridden).

        Both are means by `sample_weight`, shape (N,), where that is given.
        """
        X = self.check_examples("X", X)
        y = self.check_targets("y", y, len(X))
        weighed = () if sample_weight is None else (self.check_weights("sample_weight", sample_weight, len(X)),)
        return self.judged(X, y, self.loss(X), *weighed)

    def judged(self, X: Array, y: Array, scores: FloatArray, *weighed: FloatArray) -> tuple[float, float]:
        """What `evaluate` gives, by scores that are there already; examples, targets and weights are checked ones."""
        if not np.isfinite(scores).all():
            return math.nan, math.nan  # a network that has diverged has no accuracy, not a poor one
        prediction = self.predict(X) if self.overrides("predict") else self.decided(scores)
        loss = self.loss_function
        mean = math.nan if self.overrides("loss", "train_batch") else loss.mean(scores, y, self.ops, *weighed)
        return mean, loss.score(prediction, self.own_targets(y), *weighed)

    def check_examples(self, name: str, X: Any) -> Array:
        """`X` as numbers of a shape that this network takes; the values are looked at on their way in."""
        if type(X) is np.ndarray and X.dtype is self.dtype and X.shape[1:] == self.input_shape and len(X):
            return X  # as most are, and single rows cannot wait for what follows
        X = as_examples(name, X, self.dtype)
        size = math.prod(self.input_shape)
        flat = len(self.input_shape) == 1 or X.ndim == 2
        fits = X.ndim >= 2 and (X.shape[1:] == self.input_shape or (flat and math.prod(X.shape[1:]) == size))
        if not fits:
            wanted = ", ".join(map(str, ("N", *self.input_shape)))
            turned = (*X.shape[-1:], *X.shape[1:-1]) == self.input_shape
            hint = f"; np.moveaxis({name}, -1, 1) puts the channels first" if turned else ""
            raise ValueError(f"{name}: {self.placed[0]}, takes examples of shape ({wanted}), got {X.shape}{hint}")
        if len(X) == 0:
            raise ValueError(f"{name}: expected at least one example, got shape {X.shape}")
        return X

    def check_finite(self, name: str, X: Any) -> None:
        """ValueError that names the first row of `X` which holds NaN or infinity, or would on its way in; or what is no
        code where an `Embedding` takes it for one."""
        if isinstance(X, SparseRows) and X.is_finite:
            return
        if self.standardizer is not None:
            self.standardizer.check(name, X, self.dtype)
            return
        all_finite(name, X, self.dtype)
        if isinstance(X, np.ndarray):
            all_codes(name, X, self.layers[0].codes())

    def check_targets(self, name: str, y: Any, count: int) -> Array:
        """`y` as the loss takes it, for `count` examples: standardised, with a `target_scaler`."""
        if self.target_scaler is not None:
            y = self.target_scaler.apply(self.loss_function.targets(name, y, count, self.output_size, np.float64))
        return self.loss_function.targets(name, y, count, self.output_size, self.dtype)

    def check_weights(self, name: str, weights: Any, count: int) -> FloatArray:
        """`weights` of `count` examples as the loss takes them, (N,) of the network's dtype.

        ValueError for weights that are negative, not finite, all 0 or not one for each example, and where the loss
        takes none.
        """
        self.loss_function.require_weights(name)
        return example_weights(name, weights, count, self.dtype)

    @exclusively
    def learns_from(self, count: int) -> bool:
        """Whether a batch of so many examples can be trained on: not one alone, for batch normalisation."""
        try:
            self.training_program(count)
        except ValueError:
            return False
        return True

    @exclusively
    def dropout_rates(self, count: int) -> list[float]:
        """The probabilities with which a training pass on so many examples drops values."""
        return [drop.rate for drop in self.training_program(count).drops]

    @exclusively
    def first_non_finite(self) -> str:
        """Where NaN or infinity first shows in the training pass that was run last, in words."""
        training = [program for program in self.workspaces.main().programs() if program.training]
        return training[-1].first_non_finite() if training else "nothing has been run"

    def first(self, count: int) -> Sequential:
        """A network of the first `count` layers, with copies of their arrays, whose `loss(X)` is what these give.

        ValueError where that is not flat.
        """
        count = integer("count", count, 1, len(self.layers))
        network = Sequential(
            self.layers[:count], self.input_shape, loss="squared_error", dtype=self.dtype, seed=self.seed, ops=self.ops
        )
        network.standardizer = self.standardizer
        self._copy_into(network)
        return network

    @exclusively
    def _copy_into(self, network: Sequential) -> None:
        """Give another network, with the same first layers, the arrays of these."""
        for own, its in ((self.params, network.params), (self.state, network.state)):
            for name in its:
                its[name] = own[name]

    def save(
        self, path: StrPath, extra: Mapping[str, Any] | None = None, extra_arrays: Mapping[str, ArrayLike] | None = None
    ) -> None:
        """Write the network to one file, an npz archive without pickle, that `numbanet.load` reads.

        Parameters
        ----------
        path : str or path-like
        extra : dict, optional
            What else belongs to the network, as JSON can hold it.
        extra_arrays : dict of ndarray, optional

        Raises
        ------
        OSError
            Where the file cannot be written; one that was there is left as it was.
        """
        checkpoint.save_model(path, self, extra, extra_arrays)

    def __repr__(self) -> str:
        lines = [
            f"{type(self).__name__}: {self.num_parameters:,} parameters, {self.dtype}, loss {self.training_loss!r}"
        ]
        numbers = max(len(placed.number) for placed in self.placed)
        names = max(len(placed.name) for placed in self.placed)
        for index, placed in enumerate(self.placed):
            named = ", ".join(f"{name} {self.params[name].shape}" for name in self.parameter_names(index))
            line = (
                f"  {placed.number:{numbers}s}  {placed.name:{names}s}  {placed.input_shape} -> {placed.output_shape}"
            )
            lines.append(f"{line}  {named}".rstrip())
        return "\n".join(lines)

    def __getstate__(self) -> dict[str, Any]:  # for copy and pickle: all but what can be made again
        made_again = ("workspaces", "placed", "names", "_variables", "_layer_parameters", "grads")
        kept = {name: value for name, value in self.__dict__.items() if name not in made_again}
        return {**kept, **self._still(), "ops": self.ops.__name__}  # type: ignore[attr-defined]  # a module

    @exclusively
    def _still(self) -> dict[str, Any]:
        """Copies of what training changes, all of the same moment between two steps."""
        return {name: copy.copy(getattr(self, name)) for name in ("_params", "_state", "random_keys")}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        params, state = kept["_params"], kept["_state"]
        self.__dict__.update(kept, ops=importlib.import_module(kept["ops"]), workspaces=Workspaces())
        self._declare()
        self.params.flat[...], self.state.flat[...] = params.flat, state.flat

    def _scores(self, X: Array) -> FloatArray:
        """Scores of any number of rows, in a fixed amount of memory besides the result."""
        # Powers of two, so that few sizes of buffers serve any number of rows; rows do not see each other.
        count, batch = len(X), 1
        if count > 1:
            limit = max(1, INFERENCE_VALUES // self.widest)
            batch = min(INFERENCE_BATCH, 1 << (limit.bit_length() - 1), 1 << (count - 1).bit_length())
        workspace = self.workspaces.take()
        try:
            scores = self._infer(workspace.program(self, batch, training=False), X)
        finally:
            self.workspaces.homes[workspace.alone].append(workspace)
        if self.layers[0].codes() and np.isnan(scores).any():
            self.check_finite("X", X)
        return scores

    def _infer(self, program: Program, X: Array) -> FloatArray:
        if len(X) == program.batch:
            if not program.take(X):
                self.check_finite("X", X)
            program.infer()
            return self.training_loss.merged(program.scores.copy(), self.ops)
        scores = np.empty((len(X), self.output_size), self.dtype)
        merged = self.training_loss.merged
        for start in range(0, len(X), program.batch):
            rows = X[start : start + program.batch]
            if not program.take(rows):
                self.check_finite("X", X)
            program.infer()
            scores[start : start + len(rows)] = merged(program.scores[: len(rows)], self.ops)
        return scores

    def training_program(self, batch: int, y: Array | None = None, weights: FloatArray | None = None) -> Program:
        """The network lowered for training on so many examples, with targets and weights of the form of these.

        The caller is within `begin` of the workspaces.
        """
        return self.workspaces.main().program(self, batch, training=True, form=form_of(self, y, weights))
