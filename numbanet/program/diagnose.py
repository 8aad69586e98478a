"""What a program holds, and where NaN or infinity came into what it computes."""

import numpy as np

from .._memory import address


def described(program):
    """The operations in order, the shapes of their arrays and the other arguments, and the memory for the batch."""
    own, lines = {}, []
    for name, operations in zip(("forward", "loss", "backward", "penalty"), program.operations, strict=True):
        for function, arguments in operations:
            form = "parallel" if getattr(function, "targetoptions", {}).get("parallel") else ""
            shown = " ".join(
                str(value.shape).replace(" ", "") if isinstance(value, np.ndarray) else f"{value}"
                for value in arguments
            )
            lines.append(f"  {len(lines) + 1:3d}  {name:8s}  {function.__name__:24s}  {form:8s}  {shown}")
            arrays = [value for value in arguments if isinstance(value, np.ndarray)]
            own.update((address(value), value.nbytes) for value in arrays if not _is_shared(program, value))
    memory = program.workspace.nbytes + sum(own.values())
    what = "training" if program.training else "inference"
    head = f"Program: {what} on {program.batch} examples, {program.dtype}, {len(lines)} operations, {memory:,} bytes"
    return "\n".join([head, *lines])


def _is_shared(program, array):
    """Whether an array is a view of the workspace or of the network's parameters, gradients or running averages."""
    views = (program.model.params, program.model.grads, program.model.state)
    return any(np.may_share_memory(array, a) for a in (program.workspace, *(v.flat for v in views)))


def first_non_finite(program):
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


def _searched(program, model):
    done = 0
    for count, layers, out in program.outputs:
        for function, arguments in program.operations.forward[done:count]:
            function(*arguments)
        done = count
        for index in layers:
            for name in model.parameter_names(index):
                if not np.isfinite(model.params[name]).all():
                    return f"parameter {name} of {model.placed[index]}"
        if not np.isfinite(out).all():
            return f"the output of {model.placed[layers[-1]]}"
    return None
