"""Environment variables that ask numba for what cannot be, told in a sentence before numba trips over them."""

import os

from ..errors import SettingError


def thread_count(name):
    """The number of threads that a variable asks for; None where it is not set.

    Raises
    ------
    SettingError
        Where it is no number of threads.
    """
    text = os.environ.get(name)
    if not text:
        return None
    # Not `int`: it takes "1_0", and takes long for a million digits.
    if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) < 1:
        raise SettingError(f"{name}: expected a whole number of at least 1, got {text[:60]!r}")
    return int(text)


def check_machine_code():
    """SettingError where numba is told to compile nothing: no kernel runs as plain Python."""
    import numba  # after `thread_count`, which is asked first

    if numba.config.DISABLE_JIT:
        raise SettingError(
            "NUMBA_DISABLE_JIT is set, and numbanet's kernels run as machine code alone; unset it, or build networks "
            "with ops=numbanet.reference"
        )
