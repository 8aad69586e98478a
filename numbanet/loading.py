"""Networks from files."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from . import _archive, checkpoint
from ._checks import sequence
from ._declarations import checked_classes, declared
from ._network_arrays import checked_shape
from .errors import CheckpointError
from .layers import Layer, place
from .losses import Loss
from .models import Sequential, checked_ops

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ._types import Array, Ops, StrPath


def load_model(
    path: StrPath, ops: Ops | None = None, custom: Sequence[type[Layer] | type[Loss]] = ()
) -> tuple[Sequential, Mapping[str, Any], dict[str, Array]]:
    """Read what `Sequential.save` wrote: (network, extra, dict of extra arrays).

    The network is a `Sequential` with the layers and values of the one that was saved, and with numbanet's methods; a
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
    header, arrays = _archive.read(path, checkpoint.MODEL, checkpoint.STATE)
    try:
        description, extra, arrays = checkpoint.stored_network(header, arrays, path)
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
    except CheckpointError:
        raise
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged header ({error!r})") from None
    checkpoint.fill(checkpoint.network_arrays(model), arrays, path)
    if checkpoint.AVERAGE in arrays:
        checkpoint.fill({checkpoint.AVERAGE: model.params.flat}, arrays, path)
    if own:
        warnings.warn(
            f"{path}: of a network with its own {', '.join(map(str, own))}, which no file holds; here it is numbanet's",
            stacklevel=3,
        )
    prefix = "extra/"
    return model, extra, {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
