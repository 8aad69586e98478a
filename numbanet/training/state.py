"""States of training in files (`_archive`): what is stored of a Solver, and how it takes that up."""

from __future__ import annotations

import copy
import dataclasses
import warnings
import zlib
from typing import TYPE_CHECKING

import numpy as np

from .. import _archive, checkpoint, optim
from .._checks import boolean, float_array, integer, number
from ..errors import CheckpointError
from .history import History

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .._types import Array, StrPath
    from ..optim import Optimizer
    from .solver import Solver


def _solver_identity(solver: Solver) -> dict[str, Any]:
    """What must be the same for a saved state of training to make sense."""
    standardizer = b"".join(array.tobytes() for array in checkpoint.standardizer_arrays(solver.model).values())
    return {
        "model": checkpoint.describe_model(solver.model),
        "standardizer": f"one of checksum {zlib.crc32(standardizer):08x}" if standardizer else "None",
        "optimizer": solver.optimizer,
        "options of the optimizer": _optimizer(solver).common,
        "training examples": len(solver.X_train),
        "batch_size": solver.batch_size,
        "drop_last": solver.drop_last,
        "augmentation": solver.augment and dataclasses.asdict(solver.augment),
    }


HISTORY = "history/"  # how the names of its columns' arrays begin


def save_solver(path: StrPath, solver: Solver) -> None:
    """Write the state of training; see `numbanet.Solver.save`."""
    optimizer = _optimizer(solver)
    header = {
        "identity": _solver_identity(solver),
        "step": solver.step,
        "best": solver._choice.to_dict(),
        "share": solver._share,
        "options": optimizer.options,
        "t": optimizer.t,
        "exchanged": solver._update.exchanged,
        "rng": solver._batches.rng.bit_generator.state,
        "sample_rng": solver._sample_rng.bit_generator.state,
    }
    _archive.write(path, checkpoint.STATE, header, _solver_arrays(solver))


def _solver_arrays(solver: Solver) -> dict[str, Array]:
    arrays = {**checkpoint.network_arrays(solver.model), **checkpoint.standardizer_arrays(solver.model)}
    arrays.update((f"optimizer/{name}", array) for name, array in _optimizer(solver).state.items())
    arrays.update((f"best/{name}", array) for name, array in solver._best.items())
    history = solver.history
    arrays.update((HISTORY + name, np.array(history[name], np.float64)) for name in (*history, "step_loss"))
    order = solver._batches.permutation
    arrays["permutation"] = np.arange(solver._batches.count) if order is None else order
    return arrays


def solver_bytes(solver: Solver) -> int:
    """Size of the file that `save_solver` would write, about."""
    return sum(array.nbytes for array in _solver_arrays(solver).values())


def restore_solver(path: StrPath, solver: Solver) -> None:
    """Take up a state of training; see `numbanet.Solver.restore`."""
    optimizer = _optimizer(solver)
    header, arrays = _archive.read(path, checkpoint.STATE)
    # All is read and checked before anything of it is taken up.
    try:
        for name, value in _solver_identity(solver).items():
            saved = header["identity"].get(name, "None")
            if saved != value:
                raise CheckpointError(f"{path}: saved with {name} {saved}, but the solver has {value}")
        step, t = integer("step", header["step"], 0), integer("t", header["t"], 0)
        if "best" not in header:
            raise CheckpointError(
                f"{path}: of an earlier version, which kept other epochs; numbanet.load has its network"
            )
        choice = copy.copy(solver._choice)
        choice.take_up(header["best"])
        share = number("share", header["share"], 0, 1, include_low=False)
        options = optim.check_options(str(solver.optimizer), header["options"])
        exchanged = boolean("exchanged", header["exchanged"])
        rng, sample_rng = _generator(header["rng"]), _generator(header["sample_rng"])
        history = _history(solver, arrays, step)
        permutation = arrays["permutation"]
        order = np.arange(solver._batches.count)
        if permutation.dtype.kind != "i" or not np.array_equal(np.sort(permutation), order):
            raise ValueError("the order of the examples is not a permutation")
    except CheckpointError:
        raise
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged header ({error!r})") from None
    best = {name.removeprefix("best/"): array for name, array in arrays.items() if name.startswith("best/")}
    if best:
        checkpoint.check_arrays(solver._learner.snapshot(), best, path)
    targets = checkpoint.network_arrays(solver.model)
    targets.update((f"optimizer/{name}", array) for name, array in optimizer.state.items())
    checkpoint.fill(targets, arrays, path)
    solver.step = solver._measured = step
    solver._choice, solver._best, solver._share = choice, best, share
    solver.history = history
    solver._due, solver._begun = [], solver.epoch if step % solver.steps_per_epoch else -1
    solver._batches.permutation, solver._batches.rng, solver._sample_rng = permutation, rng, sample_rng
    optimizer.options, optimizer.t, solver._update.exchanged = options, t, exchanged


def _history(solver: Solver, arrays: Mapping[str, Array], steps: int) -> History:
    """The history in a file; ValueError where it makes no sense."""
    history = History(solver.history.columns)
    for name in (*history, "step_loss"):
        values = float_array(name, arrays[HISTORY + name], np.float64, ndim=1)
        history[name].extend((values.astype(int) if name in ("epoch", "step") else values).tolist())
    lengths = {len(history[name]) for name in history}
    if len(history.step_loss) != steps or len(lengths) != 1:
        raise ValueError(f"{steps} steps, {len(history.step_loss)} losses, and columns of {lengths} measurements")
    return history


def _generator(state: Any) -> np.random.Generator:
    """A generator of random numbers in that state, in full."""
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy 1 warns of a number that is out of range, and takes another
        rng.bit_generator.state = state
    if rng.bit_generator.state != state:
        raise ValueError("the state of the random numbers is none")
    return rng


def check_solver(solver: Solver) -> None:
    """TypeError where the training of this solver cannot be saved."""
    _optimizer(solver)
    _solver_identity(solver)


def _optimizer(solver: Solver) -> Optimizer:
    optimizer = solver._update.optimizer
    if optimizer is None:
        raise TypeError(
            "only the training of numbanet's own networks with its own update rules can be saved, "
            f"not of {type(solver.model).__name__} by the rule {solver.optimizer!r}"
        )
    return optimizer
