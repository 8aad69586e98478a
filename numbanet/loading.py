"""Networks, and models of tables, from files."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from . import _archive, checkpoint
from ._checks import mapping, sequence
from ._declarations import checked_classes, declared
from ._network_arrays import checked_shape
from .data import TablePreprocessor
from .errors import CheckpointError
from .layers import Layer, place
from .losses import Loss
from .models import Sequential, checked_ops
from .tabular import Recipe, TableModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ._types import Array, Ops, StrPath


def load_model(
    path: StrPath, ops: Ops | None = None, custom: Sequence[type[Layer] | type[Loss]] = ()
) -> tuple[Sequential | TableModel, Mapping[str, Any], dict[str, Array]]:
    """Read what `Sequential.save` or `TableModel.save` wrote: (network or model, extra, dict of extra arrays).

    A network is a `Sequential` with the layers and values of the one that was saved, and with numbanet's methods; a
    warning names those that the one saved had in their place. `path` may also be the folder of
    a run of ``numbanet train``, or a state of training, of which comes the network that was best so far.
    `custom` holds classes of layers and losses of the caller's own.

    Raises
    ------
    CheckpointError
        Where the file is missing, damaged, or something else.
    """
    ops, custom = checked_ops(ops), checked_classes("custom", custom)
    path = checkpoint.model_file(path)
    header, arrays = _archive.read(path, checkpoint.MODEL, checkpoint.TABLE, checkpoint.STATE)
    model: Sequential | TableModel
    try:
        if header["kind"] == checkpoint.TABLE:
            extra = mapping("extra", header["extra"], "what was saved with the model")
            model = _table_model(header, extra, arrays, path, ops, custom)
        else:
            description, extra, arrays = checkpoint.stored_network(header, arrays, path)
            model = _network(description, extra, arrays, path, ops, custom)
    except CheckpointError:
        raise
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged header ({error!r})") from None
    return model, extra, _below("extra/", arrays)


def _below(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays whose names begin so, by the rest of these."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _table_model(
    header: Mapping[str, Any],
    extra: Mapping[str, Any],
    arrays: Mapping[str, Array],
    path: StrPath,
    ops: Ops,
    custom: Sequence[type[Layer] | type[Loss]],
) -> TableModel:
    preprocessor = TablePreprocessor.from_state(
        mapping("preprocessor", header["preprocessor"], "options"), _below("preprocessor/", arrays)
    )
    descriptions = sequence("networks", header["networks"], "networks")
    # A model of one network has no names of features of its own: they are the preprocessor's.
    named = {name: value for name, value in extra.items() if name == "class_names"}
    networks = [
        _network(description, named, _below(f"{place}/", arrays), path, ops, custom)
        for place, description in enumerate(descriptions)
    ]
    made = None if header["recipe"] is None else Recipe(**mapping("recipe", header["recipe"], "options"))
    return TableModel(preprocessor, networks, made)


def _network(
    description: dict[str, Any],
    extra: Mapping[str, Any],
    arrays: Mapping[str, Array],
    path: StrPath,
    ops: Ops,
    custom: Sequence[type[Layer] | type[Loss]],
) -> Sequential:
    own = sequence("own methods", description.pop("own methods", []), "names")
    layers = [declared(entry, Layer, custom, path) for entry in description.pop("layers")]
    loss = declared(description.pop("loss"), Loss, custom, path)
    shape = checked_shape(description.pop("input_shape"))
    expected = sum(math.prod(v.shape) for each in place(layers, shape) for v in (*each.parameters, *each.state))
    stored = sum(array.size for name, array in arrays.items() if name.startswith(("param/", "state/")))
    if expected != stored:  # asked before anything of the declared size is allocated
        raise ValueError(f"the layers take {expected} values, and the file has {stored}")
    model = Sequential(layers, shape, loss=loss, ops=ops, **description)
    checkpoint.take_scalers(model, arrays)
    model.class_names = checkpoint.stored_names(extra, "class_names", model.output_size)
    model.feature_names = checkpoint.stored_names(extra, "feature_names")
    checkpoint.fill(checkpoint.network_arrays(model), arrays, path)
    if checkpoint.AVERAGE in arrays:
        checkpoint.fill({checkpoint.AVERAGE: model.params.flat}, arrays, path)
    if own:
        warnings.warn(
            f"{path}: of a network with its own {', '.join(map(str, own))}, which no file holds; here it is numbanet's",
            stacklevel=4,
        )
    return model
