"""The command line: ``numbanet train``, ``evaluate``, ``predict`` and ``info``.

Exit statuses: 0; 1 for what failed; 2 for what cannot be asked for, a file that is not what it should be among it; 130
after Ctrl-C; 141 where the reader of standard output went away, as with ``| head``.
"""

import os
import sys
import traceback
import warnings

from ..errors import TrainingDiverged
from ._arguments import UsageError, parse

FAILURE, BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141


def main(argv=None):
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a class name that the terminal cannot show is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status = _run(argv)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except OSError as error:  # from the flush, such as a full disk
        _drop_output()
        return _report(error)


def _run(argv):
    try:
        arguments = parse(argv)
        return arguments.command(arguments)
    except BrokenPipeError:
        raise
    except SystemExit as done:  # argparse, after --help and --version
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
    if isinstance(error, UsageError):
        status, message = BAD_INPUT, f"{message} (see numbanet --help)"
    elif isinstance(error, ValueError):  # all that numbanet's own checks raise, DataError and CheckpointError among it
        status = BAD_INPUT
    elif isinstance(error, MemoryError):
        message = f"not enough memory{f' ({message})' if message else ''}"
    elif not isinstance(error, (OSError, TrainingDiverged)):
        message = f"unexpected {type(error).__name__}: {message} (NUMBANET_DEBUG=1 shows where)"
    print(f"numbanet: error: {' '.join(message.split())}", file=sys.stderr)
    return status


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"numbanet: warning: {message}", file=sys.stderr)


def _drop_output():
    """Let what is still buffered go nowhere, so that Python does not fail once more on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
