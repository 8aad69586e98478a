"""What every operation is tested on: the cases that the table of operations makes."""

from dataclasses import replace

import numpy as np

from numbanet._image_shapes import workspace
from numbanet.operations import OPERATIONS, PAIRS, sizes
from numbanet.operations.arguments import make
from numbanet.operations.kinds import changed
from numbanet.testing import Case


def case(operation, size, note=""):
    """`operation` at one size."""

    def build(rng, dtype):
        return make(operation, size, dtype, rng, workspace=workspace)

    name = note + " ".join(f"{key}={value}" for key, value in size.items())
    longest = max((size[axis] for axis in operation.terms), default=1)
    written = operation.arrays("output"), operation.arrays("updated")
    return Case(name, build, *written, longest, operation.arrays("scratch"))


def cases_of(operation, tested=None):
    """The cases of an operation and of its variants, at the table's sizes or at these."""
    found = [case(operation, size) for size in (operation.sizes.tested if tested is None else tested)]
    for variant in operation.variants:
        some = operation.sizes.tested[variant.sizes] if tested is None else tested
        found += [case(changed(operation, variant), size, variant.note) for size in some]
    return found


def sharing(case, output, source):
    """`case` with an output that is one of the inputs itself."""

    def build(rng, dtype):
        arguments = case.build(rng, dtype)
        return {**arguments, output: arguments[source]}

    return replace(case, name=f"{case.name}, {output} is {source}", build=build)


def call(operation, *inputs, **shapes):
    """Call with new arrays of these shapes as the outputs, which come last; gives them and the loss, by name."""
    outputs = {name: np.full(shape, np.nan, inputs[0].dtype) for name, shape in shapes.items()}
    return {"loss": operation(*inputs, *outputs.values()), **outputs}


CASES = {name: cases_of(operation) for name, operation in OPERATIONS.items()}
ACTIVATIONS = [stem for stem in PAIRS if OPERATIONS[f"{stem}_forward"].family == "activations"]
# (operation, output, input) for each output that may be an input itself.
SHARED = [(name, *pair) for name, operation in OPERATIONS.items() for pair in operation.shared]


def options(stem):
    """What an activation takes beside arrays, by name."""
    return {key: kind for key, kind in OPERATIONS[f"{stem}_forward"].arguments.items() if isinstance(kind, float)}


def cases_like(**lengths):
    """Sizes in the place of the table's, for every operation: by the name that they have in `sizes`."""
    of = {id(getattr(sizes, name)): found for name, found in lengths.items()}
    return {name: cases_of(operation, of[id(operation.sizes)]) for name, operation in OPERATIONS.items()}
