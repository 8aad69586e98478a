"""Networks from files."""

import math

from . import _archive, checkpoint
from ._network_arrays import checked_shape
from .errors import CheckpointError
from .layers import place
from .models import Sequential, checked_ops


def load_model(path, ops=None):
    """Read what `Sequential.save` wrote: (network, extra, dict of extra arrays).

    The network is a `Sequential` with the layers and values of the one that was saved. `path` may also be the folder of
    a run of ``numbanet train``, or a state of training, of which comes the network that was best so far.

    Raises
    ------
    CheckpointError
        Where the file is missing, damaged, or something else.
    """
    ops = checked_ops(ops)
    path = checkpoint.model_file(path)
    header, arrays = _archive.read(path, checkpoint.MODEL, checkpoint.STATE)
    try:
        description, extra, arrays = checkpoint.stored_network(header, arrays, path)
        layers = [checkpoint.described_layer(entry) for entry in description.pop("layers")]
        shape = checked_shape(description.pop("input_shape"))
        declared = sum(math.prod(v.shape) for each in place(layers, shape) for v in (*each.parameters, *each.state))
        stored = sum(array.size for name, array in arrays.items() if name.startswith(("param/", "state/")))
        if declared != stored:  # asked before anything of the declared size is allocated
            raise ValueError(f"the layers take {declared} values, and the file has {stored}")
        model = Sequential(layers, shape, ops=ops, **description)
        model.standardizer = checkpoint.stored_standardizer(arrays)
        model.class_names = checkpoint.stored_names(extra, "class_names", model.output_size)
        model.feature_names = checkpoint.stored_names(extra, "feature_names")
    except CheckpointError:
        raise
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged header ({error!r})") from None
    checkpoint.fill(checkpoint.network_arrays(model), arrays, path)
    prefix = "extra/"
    return model, extra, {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
