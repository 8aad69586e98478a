"""The images that ``--plot-filters`` and ``--plot-features`` ask for."""

from ..errors import DataError
from ..layers import Conv
from ._files import check_writable
from ._models import image_shape


def check_plots(arguments, model, shape, source):
    """Refuse, before anything runs, what cannot be drawn of a network and examples of `shape`, or written."""
    for option, path in (("--plot-filters", arguments.plot_filters), ("--plot-features", arguments.plot_features)):
        if path is not None:
            check_writable(path, option)
            image_shape(option, shape, source)
    if arguments.plot_features is not None and not isinstance(model.layers[0], Conv):
        raise DataError("--plot-features is for convolutional networks; this one is fully connected")


def plot(arguments, trained, X):
    """Write the images; `X` holds examples as the network takes them, the first of which is shown."""
    if arguments.plot_filters is None and arguments.plot_features is None:
        return
    from .. import plotting

    if arguments.plot_filters is not None:
        plotting.write_png(arguments.plot_filters, plotting.filters(trained.model, trained.input_shape))
        print(f"filters        {arguments.plot_filters}")
    if arguments.plot_features is not None:
        plotting.write_png(arguments.plot_features, plotting.features(trained.model, X[0]))
        print(f"feature maps   {arguments.plot_features}")
