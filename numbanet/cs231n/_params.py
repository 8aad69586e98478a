"""The course's dicts of options and keywords as those of numbanet."""

import contextlib
import re

from numbanet._checks import did_you_mean, integer, mapping, number

BATCHNORM = ("mode", "eps", "momentum", "running_mean", "running_var")  # layer and group normalisation pass over most


def options(name, param, known):
    """`param`, a dict of options; ValueError where it holds one that is not among the `known`."""
    for option in mapping(name, param, "options"):
        if option not in known:
            hint = did_you_mean(option, known, repr)
            raise ValueError(f"{name}: expected options among {', '.join(known)}, got {option!r}{hint}")
    return param


def convolution(conv_param):
    """``stride`` and ``pad``; TypeError or ValueError where one is missing or out of range."""
    options("conv_param", conv_param, ("stride", "pad"))
    stride, pad = _integer("conv_param", conv_param, "stride", 1), _integer("conv_param", conv_param, "pad", 0)
    return {"stride": stride, "padding": pad}


def pooling(pool_param):
    """``pool_height``, ``pool_width`` and ``stride``, likewise."""
    known = ("pool_height", "pool_width", "stride")
    options("pool_param", pool_param, known)
    height, width, stride = (_integer("pool_param", pool_param, name, 1) for name in known)
    return {"kernel_size": (height, width), "stride": stride}


def _integer(name, param, option, low):
    return integer(f"{name}['{option}']", param.get(option), low)


def older(dropout_keep_ratio, normalization, dropout=None, use_batchnorm=None):
    """``dropout_keep_ratio`` and ``normalization``, given as assignments before 2021 called them.

    Up to 2017 ``dropout`` was the probability to drop a value, beside ``use_batchnorm``; from 2018 on the probability
    to keep it, beside ``normalization``. 0 and 1 meant no dropout, each in its time, as the other would leave nothing.

    Raises
    ------
    TypeError, ValueError
        For an old name beside its new one, values out of range, and a `dropout` that could be either.
    """
    if use_batchnorm is not None:
        if normalization is not None:
            raise TypeError("use_batchnorm: give normalization or, as assignments up to 2017 did, use_batchnorm")
        if use_batchnorm not in (True, False):
            raise TypeError(f"use_batchnorm: expected True or False, got {use_batchnorm!r}")
        by_kept, normalization = False, "batchnorm" if use_batchnorm else None
    else:
        by_kept = None if normalization is None else True
    if dropout is None:
        return dropout_keep_ratio, normalization
    if dropout_keep_ratio != 1:
        raise TypeError("dropout: give dropout_keep_ratio or, as assignments before 2021 did, dropout")
    dropout = number("dropout", dropout, 0, 1)
    if dropout in (0, 1):
        if by_kept is not None and dropout == (0 if by_kept else 1):
            kept = "keep" if by_kept else "drop"
            raise ValueError(f"dropout: the probability to {kept} a value; {dropout:g} would leave nothing")
        return 1, normalization
    if by_kept is None:
        raise TypeError(
            f"dropout: {dropout:g} was the probability to drop a value in assignments up to 2017 and to keep it from "
            f"2018 on; did you mean dropout_keep_ratio={1 - dropout:g} or dropout_keep_ratio={dropout:g}?"
        )
    return (dropout if by_kept else 1 - dropout), normalization


class Penalized:
    """A network whose strength of the L2 penalty is called `reg`."""

    @property
    def reg(self):
        return self.l2

    @reg.setter
    def reg(self, value):
        self.l2 = number("reg", value, 0, include_high=False)


_OURS = {"epsilon": "eps", "epsilon_inside_root": "eps_inside_root"}
_COURSES = {ours: course for course, ours in _OURS.items()}


def our_names(config):
    """Options of an update rule as `numbanet.optim` calls them, from the course's names."""
    return {_OURS.get(name, name): value for name, value in config.items()}


def course_names(config):
    """The other way round."""
    return {_COURSES.get(name, name): value for name, value in config.items()}


@contextlib.contextmanager
def speaking(names):
    """Within the block messages of errors begin with the course's name of an argument, of {course's: ours}."""
    courses = {ours: course for course, ours in names.items()}
    try:
        yield
    except (TypeError, ValueError) as error:
        first = re.match(r"\w+", str(error))
        if first is None or first[0] not in courses:
            raise
        raise type(error)(courses[first[0]] + str(error)[first.end() :]) from None
