"""States of training in files (`_archive`): what is stored of a Solver, and how it takes that up."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import warnings
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .. import _archive, checkpoint, optim
from .._checks import boolean, float_array, integer, number, sequence
from .._version import __version__
from ..errors import CheckpointError
from .history import History

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array, StrPath
    from ..optim import Optimizer
    from .solver import Solver


HISTORY = "history/"  # how the names of its columns' arrays begin
STOPPED = "stopped/"  # and of arrays as they were where training was stopped
MEASURED = (
    "param/",
    "state/",
    "best/",
    "optimizer/average",
    HISTORY,
)  # what the last measurement of a training that is stopped may change


def _solver_identity(solver: Solver) -> dict[str, Any]:
    """What must be the same for a saved state of training to make sense."""
    scalers: dict[str, Any] = dict.fromkeys(checkpoint.SCALERS, "None")
    for scaler in scalers:
        if arrays := checkpoint.scaler_arrays(solver.model, scaler):
            checksum = zlib.crc32(b"".join(array.tobytes() for array in arrays.values()))
            scalers[scaler] = f"one of checksum {checksum:08x}"
    return {
        "model": checkpoint.describe_model(solver.model),
        **scalers,
        "optimizer": solver.optimizer,
        "options of the optimizer": _optimizer(solver).common,
        "training examples": len(solver.X_train),
        "batch_size": solver.batch_size,
        "drop_last": solver.drop_last,
        "schedule": solver.schedule.description,
        "schedules": {name: schedule.description for name, schedule in solver.schedules.items()},
        "augmentation": solver.augment and dataclasses.asdict(solver.augment),
        "columns of history": list(solver.history.columns),
    }


def _options(solver: Solver) -> dict[str, Any]:
    """What else must be the same to go on to the same bits."""
    named = ("epochs", "validate_every", "num_train_samples", "num_val_samples", "monitor", "patience")
    own, _ = optim.split_options(solver.optimizer_options)  # the others stand above
    table, parts = solver.class_weight, [part for part in solver._parts.values() if part is not None]
    return {
        "optimizer_options": optim.check_options(str(solver.optimizer), own),
        **{name: getattr(solver, name) for name in (*named, "min_delta", "restore_best_weights")},
        "class_weight": table if table is None or isinstance(table, str) else {str(k): float(table[k]) for k in table},
        **{name: f"of checksum {number_:08x}" for part in parts for name, number_ in part.checksums()},
        "callbacks with a state": [name for name, _ in _callbacks(solver)],
    }


def _callbacks(solver: Solver) -> list[tuple[str, Any]]:
    """The callbacks that keep something, by the names of their classes."""
    return [(type(each).__name__, each) for each in solver.callbacks if callable(getattr(each, "take_up", None))]


def save_solver(path: StrPath, solver: Solver) -> None:
    """Write the state of training; see `numbanet.Solver.save`."""
    header, arrays = _moment(solver), _solver_arrays(solver)
    header.update({"identity": _solver_identity(solver), "options of training": _options(solver)})
    if solver._left is not None:
        header["stopped"], left = solver._left
        arrays.update((STOPPED + name, array) for name, array in left.items())
    _archive.write(path, checkpoint.STATE, header, arrays)


def left(solver: Solver) -> tuple[dict[str, Any], dict[str, Array]]:
    """The state of a training that is stopped, before it is measured once more and the best weights are restored."""
    arrays = {name: array.copy() for name, array in _solver_arrays(solver).items() if name.startswith(MEASURED)}
    return _moment(solver), arrays


def _moment(solver: Solver) -> dict[str, Any]:
    """What changes while it trains, but for arrays."""
    optimizer = _optimizer(solver)
    if not isinstance(solver._batches.rng, np.random.Generator):
        raise TypeError("the order of the examples is another's, whose state is not known")
    states = []
    for name, callback in _callbacks(solver):
        try:
            states.append(json.loads(json.dumps(callback.state())))
        except (TypeError, ValueError) as error:
            raise TypeError(f"callbacks: state() of {name} gave what JSON cannot hold ({error})") from None
    return {
        "step": solver.step,
        "num_steps": solver.num_steps,
        "begun": solver._begun,
        "due": list(solver._due),
        "rate": solver._rate,
        "best": solver._choice.to_dict(),
        "rates": solver._rates.to_dict(),
        "options": optimizer.options,
        "t": optimizer.t,
        "exchanged": solver._update.exchanged,
        "rng": solver._batches.rng.bit_generator.state,
        "sample_rng": solver._sample_rng.bit_generator.state,
        "callbacks": states,
    }


def _solver_arrays(solver: Solver) -> dict[str, Array]:
    arrays = {**checkpoint.network_arrays(solver.model), **checkpoint.scaler_arrays(solver.model)}
    arrays.update((f"optimizer/{name}", array) for name, array in _optimizer(solver).state.items())
    arrays.update((f"best/{name}", array) for name, array in solver._best.items())
    history = solver.history
    arrays.update((HISTORY + name, np.array(history[name], np.float64)) for name in (*history, "step_loss"))
    arrays["permutation"] = solver._batches.order()
    return arrays


def solver_bytes(solver: Solver) -> int:
    """Size of the file that `save_solver` would write, about."""
    return sum(array.nbytes for array in _solver_arrays(solver).values())


def restore_solver(path: StrPath, solver: Solver, resumed: bool = False) -> None:
    """Take up a state of training; see `numbanet.Solver.restore` and, for `resumed`, `resume`."""
    optimizer = _optimizer(solver)
    header, arrays = _archive.read(path, checkpoint.STATE)
    # All is read and checked before anything of it is taken up.
    try:
        _same("", header["identity"], _solver_identity(solver), path)
        if "best" not in header or "num_steps" not in header:
            raise CheckpointError(
                f"{path}: of an earlier version, which kept other epochs; numbanet.load has its network"
            )
        if resumed:
            _same("", {"version": header["version"]}, {"version": __version__}, path)
            _same("", header["options of training"], _options(solver), path)
            if "stopped" in header:
                header, arrays = header["stopped"], _as_stopped(arrays)
        step, t = integer("step", header["step"], 0), integer("t", header["t"], 0)
        goal = integer("num_steps", header["num_steps"], step)
        choice = copy.copy(solver._choice)
        choice.take_up(header["best"])
        rates = copy.copy(solver._rates)
        rates.take_up(header["rates"])
        rate = number("rate", header["rate"]) if step else math.nan
        begun = integer("begun", header["begun"], -1)
        due = [(str(hook), integer("due", place, 0)) for hook, place in header["due"]]
        options = optim.check_options(str(solver.optimizer), header["options"])
        exchanged = boolean("exchanged", header["exchanged"])
        rng, sample_rng = _generator(header["rng"]), _generator(header["sample_rng"])
        history = _history(solver, arrays, step)
        permutation = solver._batches.order_of(arrays["permutation"])
        kept = sequence("callbacks", header["callbacks"], "states")
        best = {name.removeprefix("best/"): array for name, array in arrays.items() if name.startswith("best/")}
        if best:
            checkpoint.check_arrays(solver._learner.snapshot(), best, path)
        targets = checkpoint.network_arrays(solver.model)
        targets.update((f"optimizer/{name}", array) for name, array in optimizer.state.items())
        checkpoint.check_arrays(targets, arrays, path)
        if resumed:
            for (_, callback), state in zip(_callbacks(solver), kept, strict=True):
                callback.take_up(state)
    except CheckpointError:
        raise
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged header ({error!r})") from None
    checkpoint.fill(targets, arrays, path)
    solver.step = solver._measured = step
    solver._choice, solver._best, solver._rates, solver._rate = choice, best, rates, rate
    solver.history, solver._left = history, None
    solver._due, solver._begun, solver._goal, solver.num_steps = due, begun, goal, goal
    if not resumed:
        solver._due, solver._begun, solver._goal = [], solver.epoch if step % solver.steps_per_epoch else -1, None
    solver._batches.permutation, solver._batches.rng, solver._sample_rng = permutation, rng, sample_rng
    optimizer.options, optimizer.t, solver._update.exchanged = options, t, exchanged


def _as_stopped(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of a file as they were where training was stopped."""
    kept = {name: array for name, array in arrays.items() if not name.startswith((*MEASURED, STOPPED))}
    return kept | {name.removeprefix(STOPPED): array for name, array in arrays.items() if name.startswith(STOPPED)}


def _same(what: str, saved: Any, own: Any, path: StrPath) -> None:
    """CheckpointError that names the first difference between what a file was saved with and what the solver has."""
    if what == "model.seed":  # all that follows from it is in the file
        return
    if isinstance(saved, Mapping) and isinstance(own, Mapping):
        for name in {**own, **saved}:
            _same(f"{what}.{name}".lstrip("."), saved.get(name), own.get(name), path)
    elif isinstance(saved, list) and isinstance(own, (list, tuple)) and len(saved) == len(own):
        for place, pair in enumerate(zip(saved, own, strict=True)):
            _same(f"{what}[{place}]", *pair, path)
    elif saved != own and (saved, own) not in ((None, "None"), ("None", None)):
        raise CheckpointError(f"{path}: saved with {what} {saved}, but the solver has {own}")


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
