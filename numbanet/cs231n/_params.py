"""The course's dicts of options as the keywords of `numbanet.functional`."""

from numbanet._checks import integer, mapping


def convolution(conv_param):
    """``stride`` and ``pad``; TypeError or ValueError where one is missing or out of range."""
    return {
        "stride": _integer("conv_param", conv_param, "stride", 1),
        "pad": _integer("conv_param", conv_param, "pad", 0),
    }


def pooling(pool_param):
    """``pool_height``, ``pool_width`` and ``stride``, likewise."""
    height, width, stride = (_integer("pool_param", pool_param, n, 1) for n in ("pool_height", "pool_width", "stride"))
    return {"kernel_size": (height, width), "stride": stride}


def _integer(name, param, option, low):
    return integer(f"{name}['{option}']", mapping(name, param, "options").get(option), low)
