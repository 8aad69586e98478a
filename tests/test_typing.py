"""What a type checker tells users: right uses pass, and each wrong one is refused on its line."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="needs mypy")

FOLDER = Path(__file__).with_name("typing")
REPORTED = re.compile(r"^(.*?):(\d+): error: .*?\[([a-z-]+)\]$", re.MULTILINE)
EXPECTED = re.compile(r"# error: ([a-z-]+)")


def refused(*files):
    """What mypy, as users have it, refuses in these files: (name of the file, line, kind), and all that it says."""
    options = ["--config-file=", "--follow-imports=silent"]
    command = [sys.executable, "-m", "mypy", *options, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER.parents[1])
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = {(Path(file).name, int(line), kind) for file, line, kind in REPORTED.findall(done.stdout)}
    return found, done.stdout


def test_right_uses_pass_and_wrong_ones_are_refused_on_their_lines():
    wrong = FOLDER / "wrong.py"
    lines = enumerate(wrong.read_text(encoding="utf-8").splitlines(), 1)
    expected = {(wrong.name, number, kind) for number, line in lines for kind in EXPECTED.findall(line)}
    assert len(expected) >= 90
    found, said = refused(FOLDER / "right.py", wrong)
    assert found == expected, said


def test_right_uses_run():
    runpy.run_path(str(FOLDER / "right.py"))
