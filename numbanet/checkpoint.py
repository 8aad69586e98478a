"""Networks and training states in files: npz archives of plain arrays, with a JSON header among them. No pickle.

A file is written beside its final name first and then moved there, so that an interrupted write never leaves half a
file under the name, and never destroys the one that was there.
"""

import dataclasses
import json
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ._version import __version__
from .errors import CheckpointError

HEADER = "numbanet"


def save(path, kind, header, arrays):
    """Write a dict of arrays and a JSON-able header.

    Raises
    ------
    OSError
        Where the file cannot be written; an existing one is left as it was.
    """
    path = Path(path)
    text = json.dumps({"kind": kind, "version": __version__, **header})
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, **{HEADER: np.array(text)}, **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path, kind):
    """Read what `save` wrote: (header, dict of arrays).

    Raises
    ------
    CheckpointError
        Where the file is missing, damaged, or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop(HEADER)))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except KeyError:
        raise CheckpointError(f"{path}: not a file written by numbanet") from None
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise CheckpointError(f"{path}: not a file written by numbanet, or damaged ({error})") from None
    if not isinstance(header, dict) or header.get("kind") != kind:
        found = header.get("kind") if isinstance(header, dict) else header
        raise CheckpointError(f"{path}: expected a saved {kind}, found {found!r}")
    return header, arrays


def describe_model(model):
    """What it takes to build a network again, besides its arrays; initializers are left out: values are stored."""
    layers = [
        {"type": type(layer).__name__, **{k: v for k, v in dataclasses.asdict(layer).items() if k != "weight_init"}}
        for layer in model.layers
    ]
    return {
        "layers": layers,
        "input_shape": list(model.input_shape),
        "loss": model.loss_name,
        "reg": model.reg,
        "dtype": model.dtype.name,
        "seed": model.seed,
    }


def network_arrays(model):
    """The arrays that make up a network, by the names they have in files."""
    arrays = {f"param/{name}": view for name, view in model.params.items()}
    arrays.update((f"state/{name}", view) for name, view in model.state.items())
    arrays["random_keys"] = model.random_keys
    return arrays


def fill(targets, arrays, path):
    """Copy the arrays of a file into those of the same names, all of which must be there; nothing is left half done."""
    for name, target in targets.items():
        if name not in arrays or arrays[name].shape != target.shape or arrays[name].dtype != target.dtype:
            found = "nothing" if name not in arrays else f"{arrays[name].dtype} of shape {arrays[name].shape}"
            raise CheckpointError(f"{path}: {name}: expected {target.dtype} of shape {target.shape}, found {found}")
    for name, target in targets.items():
        target[...] = arrays[name]


def _solver_identity(solver):
    """What must be the same for a saved state of training to make sense."""
    return {
        "model": describe_model(solver.model),
        "update_rule": solver.update_rule,
        "training examples": len(solver.X_train),
        "batch_size": solver.batch_size,
    }


_HISTORIES = ("loss_history", "train_acc_history", "val_acc_history")


def save_solver(path, solver):
    """Write the state of training; see `numbanet.Solver.save`."""
    optimizer = _optimizer(solver)
    header = {
        "identity": _solver_identity(solver),
        "iteration": solver.iteration,
        "epoch": solver.epoch,
        "best_val_acc": solver.best_val_acc,
        "best_epoch": solver._best_epoch,
        "options": optimizer.options,
        "t": optimizer.t,
        "rng": solver._rng.bit_generator.state,
    }
    arrays = network_arrays(solver.model)
    arrays.update((f"optimizer/{name}", array) for name, array in optimizer.state.items())
    arrays.update((f"best/{name}", array) for name, array in solver._best.items())
    arrays.update((name, np.array(getattr(solver, name), np.float64)) for name in _HISTORIES)
    arrays["permutation"] = np.arange(len(solver.X_train)) if solver._permutation is None else solver._permutation
    save(path, "state of training", header, arrays)


def restore_solver(path, solver):
    """Take up a state of training; see `numbanet.Solver.restore`."""
    optimizer = _optimizer(solver)
    header, arrays = load(path, "state of training")
    identity = _solver_identity(solver)
    for name, value in identity.items():
        saved = header.get("identity", {}).get(name)
        if saved != value:
            raise CheckpointError(f"{path}: saved with {name} {saved}, but the solver has {value}")
    targets = network_arrays(solver.model)
    targets.update((f"optimizer/{name}", array) for name, array in optimizer.state.items())
    fill(targets, arrays, path)
    solver.iteration, solver.epoch = header["iteration"], header["epoch"]
    solver.best_val_acc, solver._best_epoch = header["best_val_acc"], header["best_epoch"]
    solver._best = {n.removeprefix("best/"): a for n, a in arrays.items() if n.startswith("best/")}
    for name in _HISTORIES:
        setattr(solver, name, arrays[name].tolist())
    solver._permutation = arrays["permutation"]
    solver._rng.bit_generator.state = header["rng"]
    optimizer.options, optimizer.t = header["options"], header["t"]


def _optimizer(solver):
    optimizer = getattr(solver._trainer, "optimizer", None)
    if optimizer is None:
        raise TypeError("only the training of numbanet's own networks with its own update rules can be saved")
    return optimizer
