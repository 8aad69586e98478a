"""Ctrl-C while the command ``numbanet`` is being loaded: it ends without a word rather than with a traceback."""

import _signal as signal  # what `signal` is made of: that takes milliseconds to load, in which one may press
import os
import sys


def is_command():
    """Whether this process was started as the command, by its name or by ``python -m``."""
    started = sys.orig_argv[1:]
    by_module = "-m" in started and started[started.index("-m") + 1 :][:1] == ["numbanet"]
    return by_module or os.path.basename(sys.argv[0] if sys.argv else "") in ("numbanet", "numbanet.exe")


def quiet():
    """Let Ctrl-C end the process, unless that is decided already."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def loud():
    """Let Ctrl-C raise KeyboardInterrupt again, which is caught by now."""
    if is_command() and signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
