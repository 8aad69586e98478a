"""What holds for every run: nothing hangs for ever or leaves processes behind, and CI notices what is skipped."""

import contextlib
import faulthandler
import os
import re
import secrets
import signal
import sys
from pathlib import Path

import pytest

SLOW_SECONDS = 7200  # a slow test's limit; the others' stands in pyproject.toml
GRACE_SECONDS = 60  # until a test that its limit could not end, deep in machine code, ends the run

# Where this is set, as in .ci/run, a skip for any other reason fails the run: what it needs is to be installed.
STRICT = "NUMBANET_NO_SKIPS"
EXPECTED_SKIPS = (
    "^not a git checkout",
    "^the real .* (is|are) not at|^needs MNIST's 10,000 in",  # data that no repository holds
    # What a machine has or has not, and JAX, which is large.
    "^needs (two|2) (threads|CPUs)|^one thread only|^the threading layer is|^only GNU's OpenMP|^needs jax",
    "^no long double here|^nothing wider than float64|^this CPU has no (AVX-512|level)|^x86-64 alone",
    "^reads instructions of",
    "^needs fork|^this platform has no fork|^needs getrusage|^needs /dev/full|^only Linux|^sends itself a|^signals",
)

_RUN = "NUMBANET_TESTS_RUN"  # in the environment of all that tests start
_stderr = pytest.StashKey[int]()
_skipped = {}  # reason by test


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch")


def pytest_configure(config):
    # A shell starts what it puts in the background with Ctrl-C ignored, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not _is_worker(config):
        os.environ[_RUN] = secrets.token_hex(8)
    config.stash[_stderr] = os.dup(2)  # before pytest puts a file in its place


def _is_worker(config):
    """Whether this is one of pytest-xdist's processes, and another one has the last word."""
    return hasattr(config, "workerinput")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    marker = item.get_closest_marker("timeout")
    seconds = marker.args[0] if marker else float(item.config.getini("timeout"))
    faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=item.config.stash[_stderr])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def pytest_runtest_logreport(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")


def pytest_collectreport(report):
    if report.skipped:
        _skipped[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")


def _unexpected():
    if not os.environ.get(STRICT):
        return []
    return [(test, reason) for test, reason in _skipped.items() if not re.search("|".join(EXPECTED_SKIPS), reason)]


def pytest_sessionfinish(session):
    if _unexpected() and not _is_worker(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    for test, reason in _unexpected():
        terminalreporter.write_line(f"UNEXPECTED SKIP {test}: {reason}", red=True)


def pytest_unconfigure(config):
    os.close(config.stash[_stderr])
    if not _is_worker(config):
        for process, command in _left_behind():
            print(f"a test has left a process behind, which ends now: {command}", file=sys.stderr)
            os.kill(process, signal.SIGKILL)


def _left_behind():
    """Processes, by number and command, that this run has started; Linux alone tells."""
    mark = f"{_RUN}={os.environ[_RUN]}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
