"""The tests' own rules, tried on a few lines of tests: what hangs, is skipped or is left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
PYPROJECT = """
[tool.pytest.ini_options]
addopts = "-p no:cacheprovider"
markers = ["slow"]
timeout = 2
"""


def run(folder, tests, *options, conftest="", **environment):
    """Exit status and what is printed, of pytest on these tests."""
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8") + conftest, encoding="utf-8")
    (folder / "test_it.py").write_text(tests, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "pytest_timeout", "-rs", *options]
    bare = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NUMBANET_NO_SKIPS": "", **environment}
    done = subprocess.run(command, cwd=folder, env=bare, capture_output=True, text=True, timeout=90)
    return done.returncode, done.stdout + done.stderr


SKIPS = """
import pytest


def test_of_a_library():
    pytest.importorskip("no_such_library")


def test_of_a_machine():
    pytest.skip("needs two threads")


@pytest.mark.xfail
def test_known():
    assert False


def test_that_runs():
    pass
"""


def test_a_library_that_is_missing_fails_only_a_run_that_wants_all(tmp_path):
    status, said = run(tmp_path, SKIPS)
    assert status == 0
    assert "UNEXPECTED" not in said
    status, said = run(tmp_path, SKIPS, NUMBANET_NO_SKIPS="1")
    assert status == 1
    (line,) = [line for line in said.splitlines() if "UNEXPECTED" in line]
    assert line.startswith("UNEXPECTED SKIP test_it.py::test_of_a_library: could not import 'no_such_library'")
    assert run(tmp_path, SKIPS.replace("no_such_library", "json"), NUMBANET_NO_SKIPS="1")[0] == 0


def test_several_processes_are_told_apart_from_the_one_that_has_the_last_word(tmp_path):
    pytest.importorskip("xdist")
    status, said = run(tmp_path, SKIPS, "-p", "xdist.plugin", "-n", "2", NUMBANET_NO_SKIPS="1")
    assert status == 1
    assert said.count("UNEXPECTED") == 1
    assert "1 passed, 2 skipped, 1 xfailed" in said


def test_a_whole_file_that_is_skipped_counts_too(tmp_path):
    status, said = run(tmp_path, f"import pytest\npytest.importorskip('no_such')\n{SKIPS}", NUMBANET_NO_SKIPS="1")
    assert status != 0
    assert "UNEXPECTED SKIP test_it.py: could not import 'no_such'" in said


HANGS = """
import subprocess
import sys
import time

import pytest


def test_that_waits():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    open("child", "w").write(str(child.pid))
    time.sleep(600)


@pytest.mark.slow
def test_that_may():
    time.sleep(2.5)
"""


def exists(process):
    """Whether a process is there still, a moment after it was ended."""
    until = time.monotonic() + 10
    while Path(f"/proc/{process}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return Path(f"/proc/{process}").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has started a process")
def test_what_hangs_fails_and_what_it_has_started_ends(tmp_path):
    status, said = run(tmp_path, HANGS)
    assert status == 1
    assert "Failed: Timeout" in said
    assert "1 failed, 1 passed" in said
    assert "a test has left a process behind, which ends now: " in said
    assert not exists(int((tmp_path / "child").read_text()))


STUCK = """
import signal
import time


def test_that_no_signal_reaches():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is sure to have the signal")
def test_what_no_signal_reaches_ends_the_run_and_is_named(tmp_path):
    status, said = run(tmp_path, STUCK, conftest="\nGRACE_SECONDS = 0.5\n")
    assert status == 1
    assert "in test_that_no_signal_reaches" in said
