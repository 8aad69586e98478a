"""Functions that users have compiled with numba themselves."""

import re

from .compiling import types_of
from .dispatch import Kernel
from .internals import Dispatcher


def is_compiled(function):
    """Whether a function is a kernel or one that numba compiles, rather than Python."""
    return isinstance(function, (Kernel, Dispatcher))


def result_type(name, function, arguments):
    """Compile a user's function for arguments like these; returns what it gives, by numba's name, such as "float64".

    Raises
    ------
    TypeError
        Where numba cannot compile it; the message begins with `name`.
    """
    function = getattr(function, "serial", function)
    types = types_of(function, arguments)
    try:
        function.compile(types)
    except Exception as error:  # numba's own, and those that Python makes of a wrong number of arguments
        given = ", ".join(map(str, types))
        raise TypeError(f"{name}: numba cannot compile it for ({given}): {in_short(str(error))}") from None
    returned = function.overloads[types].signature.return_type
    return str(getattr(returned, "literal_type", returned))


def in_short(message):
    """What numba says is wrong, and where, without the way that it took there."""
    places = re.findall(r'File "([^"]+)", line (\d+)', message)
    text = re.split(r"\n(?:File |There are |During: )", message)[0]
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Failed in ")]
    return " ".join(lines) + (" ({}, line {})".format(*places[-1]) if places else "")
