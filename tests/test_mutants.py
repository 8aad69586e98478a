"""The mutants fit the code, and the tool that plants them tells what is caught, in a repository of a few lines."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from tests.mutants import __main__ as tool

KNOWN = list(tool.collect())
BARE = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # starts in a third of the time

TOY = {
    "tests/__init__.py": "",
    "pyproject.toml": "[tool.pytest.ini_options]\n",
    "numbanet/__init__.py": "",
    "numbanet/sums.py": "def total(values):\n    return 0 + sum(values)\n\n\ndef unused():\n    return 3\n",
    "tests/test_sums.py": """
import os
import signal

import pytest

from numbanet.sums import total


class TestTotal:
    def test_of_two(self):
        assert total([1, 2]) == 3


def test_ends_where_wrong():
    if total([]) != 0:
        os.kill(os.getpid(), signal.SIGABRT)


def test_fails_anyway():
    assert False


@pytest.mark.skip
def test_skipped():
    pass
""",
    "tests/mutants/toy.py": """
from tests.mutants import Mutant

FILE, TEST = "numbanet/sums.py", "tests/test_sums.py"
MUTANTS = [
    Mutant("wrong sum", FILE, "0 + sum", "1 + sum", f"{TEST}::TestTotal::test_of_two"),
    Mutant("crash", FILE, "0 + sum", "1 + sum", f"{TEST}::test_ends_where_wrong"),
    Mutant("nobody looks", FILE, "return 3", "return 4", f"{TEST}::TestTotal"),
]
""",
    "tests/mutants/wrong.py": """
from tests.mutants import Mutant

FILE, TEST = "numbanet/sums.py", "tests/test_sums.py"
MUTANTS = [
    Mutant("not there", FILE, "prod", "sum", f"{TEST}::TestTotal"),
    Mutant("twice there", FILE, "return", "yield", f"{TEST}::TestTotal"),
    Mutant("no test", FILE, "return 3", "return 4", f"{TEST}::TestTotal::test_of_three"),
    Mutant("red before", FILE, "return 3", "return 4", f"{TEST}::TestTotal {TEST}::test_fails_anyway"),
    Mutant("skipped", FILE, "return 3", "return 4", f"{TEST}::test_skipped"),
    Mutant("no Python", FILE, "def unused():", "def unused(:", f"{TEST}::TestTotal"),
]
""",
}


def test_every_mutant_fits_the_code_and_has_its_test():
    assert {mutant.what: wrong for _, mutant in KNOWN if (wrong := tool.misfit(tool.ROOT, mutant))} == {}


def test_no_two_mutants_of_an_area_have_one_name():
    names = [(area, mutant.what) for area, mutant in KNOWN]
    assert len(set(names)) == len(names)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    for name, text in TOY.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(tool.ROOT / "tests" / "mutants" / name, root / "tests" / "mutants")
    return root


def plant(toy, *arguments):
    """Exit status and what is printed."""
    command = [sys.executable, "-m", "tests.mutants", *arguments]
    done = subprocess.run(command, cwd=toy, env=BARE, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_what_turns_a_test_red_is_caught_and_what_does_not_is_named(toy):
    status, said = plant(toy, "--area", "toy", "--jobs", "2")
    assert status == 1
    assert "3 runs of tests without a fault, 3 with one each" in said
    for line in ("caught     wrong sum", "caught     crash", "SURVIVED   nobody looks"):
        assert line in said
    assert "SURVIVED: numbanet/sums.py: nobody looks: tests/test_sums.py::TestTotal passes\n" in said
    assert said.endswith("3 mutants, 2 caught, 1 survived, 0 not tried\n")
    assert plant(toy, "wrong sum", "crash")[0] == 0


def test_what_cannot_be_tried_is_no_catch(toy):
    status, said = plant(toy, "--area", "wrong")
    assert status == 2
    assert said.endswith("6 mutants, 0 caught, 0 survived, 6 not tried\n")
    for line in (
        "not there: numbanet/sums.py holds the text 0 times: 'prod'",
        "twice there: numbanet/sums.py holds the text 2 times: 'return'",
        "no test: there is no test 'tests/test_sums.py::TestTotal::test_of_three'",
        "red before: without the fault, tests/test_sums.py::TestTotal tests/test_sums.py::test_fails_anyway does",
        "skipped: without the fault, tests/test_sums.py::test_skipped does not pass",
        "no Python: with the fault, pytest ends with status",
    ):
        assert f"NOT TRIED: numbanet/sums.py: {line}" in said


def test_mutants_are_listed_and_chosen(toy):
    status, said = plant(toy, "--list")
    assert status == 2
    assert said.endswith("9 mutants, 3 that do not fit\n")
    assert plant(toy, "--list", "crash") == (0, "toy           numbanet/sums.py: crash\n1 mutants, 0 that do not fit\n")
    for arguments, message in (
        (["--area", "toys"], "--area: no area toys; there are toy, wrong"),
        (["nothing such"], "no mutant has nothing such in"),
        (["--jobs", "0"], "--jobs: expected at least 1, got 0"),
    ):
        status, said = plant(toy, *arguments)
        assert status == 2
        assert message in said


def exists(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_test_that_hangs_is_caught_and_ended_with_what_it_has_started(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", BARE)
    sleep = f"import os, time; open({str(tmp_path / 'child')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    test = f"import subprocess, sys\n\n\ndef test_it():\n    subprocess.run([sys.executable, '-c', {sleep!r}])\n"
    (tmp_path / "test_it.py").write_text(test, encoding="utf-8")
    run = tool._pytest(tmp_path, "test_it.py", 4)
    assert run.status is None
    assert run.red
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 10
    while exists(child):  # until whoever inherits it has heard of its end
        assert time.monotonic() < until
        time.sleep(0.02)
