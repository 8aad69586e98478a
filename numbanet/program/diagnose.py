"""What a program holds, and where NaN or infinity came into what it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..runtime.call_table import form_of
from ..runtime.foreign import in_short
from ..runtime.internals import NumbaError
from .memory import address

if TYPE_CHECKING:
    from typing import Any

    from .._types import Array
    from ..models import Sequential
    from .run import Program


def described(program: Program) -> str:
    """The operations in order, the shapes of their arrays and the other arguments, and the memory for the batch."""
    own, lines = {}, []
    for name, operations in zip(("forward", "loss", "backward", "penalty"), program.operations, strict=True):
        for function, arguments, _, nanoseconds in operations:
            form = "shared" if nanoseconds else form_of(function)
            shown = " ".join(
                str(value.shape).replace(" ", "") if isinstance(value, np.ndarray) else f"{value}"
                for value in arguments
            )
            lines.append(f"  {len(lines) + 1:3d}  {name:8s}  {name_of(function):24s}  {form:8s}  {shown}")
            arrays = [value for value in arguments if isinstance(value, np.ndarray)]
            own.update((address(value), value.nbytes) for value in arrays if not _is_shared(program, value))
    memory = program.workspace.nbytes + sum(own.values())
    what = "training" if program.training else "inference"
    head = f"Program: {what} on {program.batch} examples, {program.dtype}, {len(lines)} operations, {memory:,} bytes"
    return "\n".join([head, *lines])


def name_of(function: Any) -> str:
    """What a function is called."""
    return getattr(function, "__name__", None) or type(function).__name__


def named(model: Sequential, operation: Any) -> str:
    """An operation and the layer that it belongs to, in words."""
    where = f"loss {model.training_loss!r}" if operation.layer is None else model.placed[operation.layer]
    return f"{name_of(operation.function)} of {where}"


def explained(error: BaseException, model: Sequential, operation: Any) -> Any:
    """What to raise where an operation raised `error`: it says which one, and of which layer."""
    if isinstance(error, NumbaError):
        kinds = ", ".join(kind_of(argument) for argument in operation.arguments)
        return TypeError(f"{named(model, operation)}: numba cannot compile it for ({kinds}): {in_short(str(error))}")
    explained = RuntimeError(f"{named(model, operation)} raised {type(error).__name__}: {error}")
    explained.__cause__ = error
    return explained


def kind_of(argument: Any) -> Any:
    """An argument of an operation in a word."""
    if isinstance(argument, np.ndarray):
        return f"{argument.dtype}{list(argument.shape)}"
    return type(argument).__name__


def _is_shared(program: Program, array: Array) -> bool:
    """Whether an array is a view of the workspace or of the network's parameters, gradients or running averages."""
    views = (program.model.params, program.model.grads, program.model.state)
    return any(np.may_share_memory(array, a) for a in (program.workspace, *(v.flat for v in views)))


def first_non_finite(program: Program) -> str:
    """Where NaN or infinity first shows in the training pass that was run last, in words.

    The forward pass is run once more, since by its end most of its arrays have been overwritten.
    """
    if not np.isfinite(program.x).all():
        return "the input"
    model = program.model
    state, keys = model.state.flat.copy(), [key.copy() for key in program.keys]
    for key in program.keys:
        key[1] -= np.uint64(not model.fixed_dropout)
    try:
        return _searched(program, model) or "the loss alone; the scores are finite"
    finally:
        model.state.flat[...] = state
        for key, before in zip(program.keys, keys, strict=True):
            key[...] = before


def _searched(program: Program, model: Sequential) -> str | None:
    done = 0
    for count, layers, out in program.outputs:
        for function, arguments, *_ in program.operations.forward[done:count]:
            function(*arguments)
        done = count
        for index in layers:
            for name in model.parameter_names(index):
                if not np.isfinite(model.params[name]).all():
                    return f"parameter {name} of {model.placed[index]}"
        if not np.isfinite(out).all():
            return f"the output of {model.placed[layers[-1]]}"
    return None
