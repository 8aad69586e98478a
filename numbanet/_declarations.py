"""Layers and losses in files: by the name of the class and its options.

numbanet's own have their names alone, a user's the module too: "experiment:Swish". Reading a file imports nothing: a
class of a user's is one that the caller gives, or one of a module that has been imported already.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from ._checks import describe, sequence
from ._members_loss import MembersLoss
from .errors import CheckpointError
from .layers import LAYERS, Layer
from .losses import LOSSES, Loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


KNOWN = {**LAYERS, **{loss.__name__: loss for loss in (*LOSSES.values(), MembersLoss)}}
INITIALIZERS = ("weight_init", "bias_init")  # options that are left out: the values are stored


def described(declaration: Layer | Loss) -> dict[str, Any]:
    """A layer or a loss as JSON can hold it; TypeError where it has options that no file can hold."""
    kind = type(declaration)
    name = kind.__name__ if KNOWN.get(kind.__name__) is kind else _full_name(kind)
    fields = getattr(kind, "__dataclass_fields__", {})
    if unknown := [attribute for attribute in getattr(declaration, "__dict__", ()) if attribute not in fields]:
        raise TypeError(
            f"{declaration!r} cannot be saved: {unknown[0]} is none of its options; options are the fields of a "
            "dataclass, as those of numbanet's own layers are"
        )
    options = [field.name for field in fields.values() if field.init and field.name not in INITIALIZERS]
    return {"type": name, **{option: _stored(declaration, option, getattr(declaration, option)) for option in options}}


def _stored(declaration: Layer | Loss, option: str, value: Any) -> Any:
    if isinstance(value, (Layer, Loss)):
        return described(value)
    if isinstance(value, (list, tuple)):
        return [_stored(declaration, option, each) for each in value]
    if isinstance(value, (np.number, np.bool_)):
        value = value.item()
    if option == "type" or not (value is None or isinstance(value, (bool, str, int, float))):
        raise TypeError(
            f"{declaration!r} cannot be saved: option {option}: files hold numbers, strings, True, False, None, "
            f"layers, and lists of these, got {describe(value)}"
        )
    return value


def declared(
    description: Mapping[str, Any],
    base: type | tuple[type, ...],
    custom: Sequence[type[Layer] | type[Loss]] = (),
    path: object = "",
) -> Any:
    """The layer or loss that a file describes.

    Parameters
    ----------
    description : dict
    base : type
        `Layer` or `Loss`, which it must be.
    custom : sequence of type
        Classes of the caller's, as `checked_classes` gives them.
    path : str or path-like
        What errors call the file.

    Raises
    ------
    CheckpointError
        Where its class is not there, or takes no such options.
    AttributeError, KeyError, TypeError, ValueError
        Where the description is damaged.
    """
    options = dict(description)
    name = options.pop("type")
    kind = _class_of(name, base, custom, path) if ":" in name else KNOWN[name]
    if not issubclass(kind, base):
        raise TypeError(f"{name}: of another kind than is expected here")
    try:
        return kind(**{option: _restored(value, custom, path) for option, value in options.items()})
    except (TypeError, ValueError) as error:
        if kind is KNOWN.get(name):
            raise
        shown = ", ".join(f"{option}={value!r}" for option, value in options.items())
        message = f"{path}: made with {kind.__name__}({shown}), which cannot be made again: {error}"
        raise CheckpointError(message) from error


def _restored(value: Any, custom: Sequence[type[Layer] | type[Loss]], path: object) -> Any:
    if isinstance(value, list):
        return tuple(_restored(each, custom, path) for each in value)
    return declared(value, (Layer, Loss), custom, path) if isinstance(value, dict) else value


def _full_name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _class_of(
    name: str, base: type | tuple[type, ...], custom: Sequence[type[Layer] | type[Loss]], path: object
) -> type:
    """The class of that full name: of those given, else of a module that is there."""
    module, _, within = name.partition(":")
    short = within.rpartition(".")[2]
    given = [kind for kind in custom if _full_name(kind) == name] or [kind for kind in custom if kind.__name__ == short]
    if len(given) > 1:
        raise CheckpointError(
            f"{path}: made with {name}; {len(given)} classes in custom are called so, none is that one"
        )
    kind = given[0] if given else sys.modules.get(module)
    for part in () if given else within.split("."):
        kind = getattr(kind, "__dict__", {}).get(part)  # no attribute, which some modules would import something for
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise CheckpointError(
            f"{path}: made with {within}, a class of module {module}, which is not there; import it first, or give it: "
            f"numbanet.load(path, custom=[{short}])"
        )
    return kind


def checked_classes(name: str, custom: Any) -> tuple[type[Layer] | type[Loss], ...]:
    """A tuple of classes of layers and losses; TypeError where it holds anything else."""
    if isinstance(custom, type):
        raise TypeError(f"{name}: expected a list of classes, got the class; write {name}=[{custom.__name__}]")
    custom = sequence(name, custom, "classes of layers and losses")
    for kind in custom:
        if not (isinstance(kind, type) and issubclass(kind, (Layer, Loss))):
            raise TypeError(f"{name}: expected classes of layers and losses, got {describe(kind)}")
    return tuple(custom)
