"""What earlier commits of numbanet called otherwise, or had elsewhere: they are measured by this folder too."""

import importlib
import inspect
from importlib.util import find_spec

import numbanet


def _find(name, *modules):
    """`name` from the first of these modules that this commit has."""
    for module in modules:
        parents = [f"numbanet.{module.rpartition('.')[0]}"] if "." in module else []
        if all(find_spec(each) for each in (*parents, f"numbanet.{module}")):
            return getattr(importlib.import_module(f"numbanet.{module}"), name)
    raise ImportError(f"no {name} in {' or '.join(modules)}")


def workspace(*arguments):
    """`workspace` of the commit that is measured."""
    return _find("workspace", "_image_shapes", "_windows")(*arguments)


def keep_apart():
    """The function that a program calls before it runs."""
    return _find("keep_apart", "runtime.placement", "kernels._placement")


def solver_options(**options):
    """Options of `Solver` under the names that it has."""
    earlier = {"optimizer": "update_rule", "optimizer_options": "optim_config", "epochs": "num_epochs"}
    known = inspect.signature(numbanet.Solver).parameters
    return {name if name in known else earlier.get(name, name): value for name, value in options.items()}
