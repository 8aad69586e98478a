"""Networks and training states in files (`_archive`): what is stored of them, and how they are set up again."""

import copy
import dataclasses
import warnings
import zlib
from pathlib import Path

import numpy as np

from . import _archive, optim
from ._checks import float_array, integer, mapping, number
from ._declarations import described
from ._exclusive import exclusively
from .data import Standardizer
from .errors import CheckpointError

MODEL, STATE = "model", "state of training"  # the kinds of files
RUN_MODEL = "model.npz"  # the network in the folder of a run
STANDARDIZER = "standardizer/"  # how the names of its arrays begin


def describe_model(model):
    """What it takes to build a network again, besides its arrays; initializers are left out: values are stored.

    Raises
    ------
    TypeError
        For layers and losses of a user's own with options that no file can hold.
    """
    return {
        "layers": [described(layer) for layer in model.layers],
        "input_shape": list(model.input_shape),
        "loss": described(model.objective),
        "l2": model.l2,
        "dtype": model.dtype.name,
        "seed": model.seed,
    }


def save_model(path, model, extra=None, extra_arrays=None):
    """Write a network; see `numbanet.Sequential.save`."""
    arrays = _copies(model)
    arrays.update(standardizer_arrays(model))
    arrays.update((f"extra/{name}", array) for name, array in (extra_arrays or {}).items())
    names = {"class_names": model.class_names, "feature_names": model.feature_names}
    extra = {**{name: list(value) for name, value in names.items() if value is not None}, **(extra or {})}
    _archive.write(path, MODEL, {"model": describe_model(model), "extra": extra}, arrays)


@exclusively
def _copies(model):
    """Copies of a network's arrays, all of the same moment between two steps of training."""
    return {name: array.copy() for name, array in network_arrays(model).items()}


def network_arrays(model):
    """The arrays that make up a network, by the names they have in files."""
    arrays = {f"param/{name}": view for name, view in model.params.items()}
    arrays.update((f"state/{name}", view) for name, view in model.state.items())
    arrays["random_keys"] = model.random_keys
    return arrays


def standardizer_arrays(model):
    """The arrays of a network's standardizer, by the names they have in files; none where it has none."""
    parts = {} if model.standardizer is None else model.standardizer.to_arrays()
    return {f"{STANDARDIZER}{name}": array for name, array in parts.items()}


def stored_standardizer(arrays):
    """The standardizer in a file, or None; ValueError or TypeError where it is damaged."""
    parts = {name.removeprefix(STANDARDIZER): array for name, array in arrays.items() if name.startswith(STANDARDIZER)}
    return Standardizer.from_arrays(parts) if parts else None


def model_file(path):
    """The file of a network: `path` itself, or the one in the folder of a run."""
    path = Path(path)
    if not path.is_dir():
        return path
    if not (path / RUN_MODEL).is_file():
        raise CheckpointError(f"{path}: a folder without {RUN_MODEL}; expected a file, or a folder of numbanet train")
    return path / RUN_MODEL


def stored_network(header, arrays, path):
    """What a file of either kind says of a network: (description, extra, arrays by their names in a model's file).

    Of a state of training it is the network that was best so far, or the last where none had been measured.
    """
    if header["kind"] == MODEL:
        return header["model"], mapping("extra", header["extra"], "what was saved with the network"), arrays
    identity = header["identity"]
    if identity.get("standardizer", "None") != "None" and not any(name.startswith(STANDARDIZER) for name in arrays):
        raise CheckpointError(
            f"{path}: a state of training without its standardizer; use Solver.restore on the model and data it is of"
        )
    best = {name.removeprefix("best/"): array for name, array in arrays.items() if name.startswith("best/")}
    places = {name: f"param/{name}" if f"param/{name}" in arrays else f"state/{name}" for name in best}
    return identity["model"], {}, {**arrays, **{places[name]: array for name, array in best.items()}}


def stored_names(extra, name, count=None):
    """Names that were saved with a network, as a tuple; None where there are none, or not `count`."""
    names = extra.get(name)
    fits = isinstance(names, list) and all(isinstance(each, str) for each in names)
    return tuple(names) if fits and count in (None, len(names)) else None


def fill(targets, arrays, path):
    """Copy the arrays of a file into those of the same names, all of which must be there; nothing is left half done."""
    check_arrays(targets, arrays, path)
    for name, target in targets.items():
        target[...] = arrays[name]


def check_arrays(targets, arrays, path):
    """Ask that the arrays of a file have the names, shapes and dtypes of `targets`."""
    for name, target in targets.items():
        if name not in arrays or arrays[name].shape != target.shape or arrays[name].dtype != target.dtype:
            found = "nothing" if name not in arrays else f"{arrays[name].dtype} of shape {arrays[name].shape}"
            raise CheckpointError(f"{path}: {name}: expected {target.dtype} of shape {target.shape}, found {found}")


def _solver_identity(solver):
    """What must be the same for a saved state of training to make sense."""
    standardizer = b"".join(array.tobytes() for array in standardizer_arrays(solver.model).values())
    return {
        "model": describe_model(solver.model),
        "standardizer": f"one of checksum {zlib.crc32(standardizer):08x}" if standardizer else "None",
        "optimizer": solver.optimizer,
        "training examples": len(solver.X_train),
        "batch_size": solver.batch_size,
        "drop_last": solver.drop_last,
        "augmentation": solver.augment and dataclasses.asdict(solver.augment),
    }


_HISTORIES = ("loss_history", "train_acc_history", "val_acc_history", "val_loss_history")


def save_solver(path, solver):
    """Write the state of training; see `numbanet.Solver.save`."""
    optimizer = _optimizer(solver)
    header = {
        "identity": _solver_identity(solver),
        "iteration": solver.iteration,
        "best": solver._choice.to_dict(),
        "share": solver._share,
        "options": optimizer.options,
        "t": optimizer.t,
        "rng": solver._rng.bit_generator.state,
        "sample_rng": solver._sample_rng.bit_generator.state,
    }
    _archive.write(path, STATE, header, _solver_arrays(solver))


def _solver_arrays(solver):
    arrays = {**network_arrays(solver.model), **standardizer_arrays(solver.model)}
    arrays.update((f"optimizer/{name}", array) for name, array in _optimizer(solver).state.items())
    arrays.update((f"best/{name}", array) for name, array in solver._best.items())
    arrays.update((name, np.array(getattr(solver, name), np.float64)) for name in _HISTORIES)
    arrays["permutation"] = np.arange(len(solver.X_train)) if solver._permutation is None else solver._permutation
    return arrays


def solver_bytes(solver):
    """Size of the file that `save_solver` would write, about."""
    return sum(array.nbytes for array in _solver_arrays(solver).values())


def restore_solver(path, solver):
    """Take up a state of training; see `numbanet.Solver.restore`."""
    optimizer = _optimizer(solver)
    header, arrays = _archive.read(path, STATE)
    # All is read and checked before anything of it is taken up.
    try:
        for name, value in _solver_identity(solver).items():
            saved = header["identity"].get(name, "None")
            if saved != value:
                raise CheckpointError(f"{path}: saved with {name} {saved}, but the solver has {value}")
        iteration, t = integer("iteration", header["iteration"], 0), integer("t", header["t"], 0)
        if "best" not in header:
            raise CheckpointError(
                f"{path}: of an earlier version, which kept other epochs; numbanet.load has its network"
            )
        choice = copy.copy(solver._choice)
        choice.take_up(header["best"])
        share = number("share", header["share"], 0, 1, include_low=False)
        options = optim.check_options(solver.optimizer, header["options"])
        rng, sample_rng = _generator(header["rng"]), _generator(header["sample_rng"])
        histories = {name: float_array(name, arrays[name], np.float64, ndim=1).tolist() for name in _HISTORIES}
        permutation = arrays["permutation"]
        if len(histories["loss_history"]) != iteration:
            raise ValueError(f"{iteration} steps, and {len(histories['loss_history'])} losses")
        order = np.arange(len(solver.X_train))
        if permutation.dtype.kind != "i" or not np.array_equal(np.sort(permutation), order):
            raise ValueError("the order of the examples is not a permutation")
    except CheckpointError:
        raise
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged header ({error!r})") from None
    best = {name.removeprefix("best/"): array for name, array in arrays.items() if name.startswith("best/")}
    if best:
        check_arrays(solver._network.snapshot(), best, path)
    targets = network_arrays(solver.model)
    targets.update((f"optimizer/{name}", array) for name, array in optimizer.state.items())
    fill(targets, arrays, path)
    solver.iteration = solver._measured = iteration
    solver._choice, solver._best, solver._share = choice, best, share
    for name, values in histories.items():
        setattr(solver, name, values)
    solver._permutation, solver._rng, solver._sample_rng = permutation, rng, sample_rng
    optimizer.options, optimizer.t = options, t


def _generator(state):
    """A generator of random numbers in that state, in full."""
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy 1 warns of a number that is out of range, and takes another
        rng.bit_generator.state = state
    if rng.bit_generator.state != state:
        raise ValueError("the state of the random numbers is none")
    return rng


def check_solver(solver):
    """TypeError where the training of this solver cannot be saved."""
    _optimizer(solver)
    _solver_identity(solver)


def _optimizer(solver):
    optimizer = getattr(solver._update, "optimizer", None)
    if optimizer is None:
        raise TypeError(
            "only the training of numbanet's own networks with its own update rules can be saved, "
            f"not of {type(solver.model).__name__} by the rule {solver.optimizer!r}"
        )
    return optimizer
