"""The command line: ``numbanet train``, ``sweep``, ``evaluate``, ``predict``, ``warmup``, ``bench`` and ``info``.

Exit statuses: 0; 1 for what failed; 2 for what cannot be asked for, a file that is not what it should be among it; 130
after Ctrl-C; 141 where the reader of the output went away, as with ``| head``.
"""

import os
import sys
import traceback
import warnings

from .._early import loud
from ..errors import MissingExtraError, SettingError, TrainingDiverged
from ._arguments import parse
from ._status import BAD_INPUT, FAILURE, INTERRUPTED, PIPE_CLOSED, UsageError


def main(argv=None):
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started the process
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    if hasattr(sys.stdout, "reconfigure"):  # a class name that the terminal cannot show is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status = _run(argv)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _drop(sys.stdout, sys.stderr)
        return PIPE_CLOSED
    except OSError as error:  # from the flush: a full disk
        _drop(sys.stdout)
        return _report(error)


def _run(argv):
    try:
        loud()
        arguments = parse(argv)
        return arguments.command(arguments)
    except BrokenPipeError:
        raise
    except SystemExit as done:  # argparse after --help and --version, and the second Ctrl-C
        return done.code
    except KeyboardInterrupt:
        print("\nnumbanet: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _report(error)


def _report(error):
    """Say what went wrong in a line, with a traceback only where the variable NUMBANET_DEBUG asks for it."""
    if os.environ.get("NUMBANET_DEBUG"):
        traceback.print_exception(error)
    status, message = FAILURE, str(error)
    if isinstance(
        error, (UsageError, SettingError, MissingExtraError, ValueError)
    ):  # ValueError: of numbanet's own checks, and DataError
        status = BAD_INPUT
    elif isinstance(error, MemoryError):
        message = f"not enough memory{f' ({message})' if message else ''}"
    elif isinstance(error, OSError):
        message = ": ".join(str(part) for part in (error.filename, error.strerror) if part) or message
    elif not isinstance(error, TrainingDiverged):
        message = f"unexpected {type(error).__name__}: {message} (NUMBANET_DEBUG=1 shows where)"
    print(f"numbanet: error: {' '.join(message.split())}", file=sys.stderr)
    return status


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"numbanet: warning: {message}", file=sys.stderr)


def _drop(*streams):
    """Let what is still buffered go nowhere, so that Python does not fail once more on its way out."""
    with open(os.devnull, "wb") as nowhere:
        for stream in streams:
            os.dup2(nowhere.fileno(), stream.fileno())
