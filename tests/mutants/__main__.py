"""Plant each mutant in a copy of the repository and run its test: ``python -m tests.mutants [AREA or WORD ...]``.

Exit status 0: every mutant turned its test red. 1: some survived, or no longer fit the code; they are named. 2: nothing
was asked for that there is.
"""

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import mutants

ROOT = Path(__file__).parents[2]
COPIED = ("numbanet", "tests", "benchmarks", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", ".ci")
SECONDS = 900  # of one run of pytest; a mutant that hangs the tests is caught
PASSED, FAILED = 0, 1  # pytest's exit statuses


def collect():
    """All mutants, as (area, Mutant)."""
    for module in sorted(found.name for found in pkgutil.iter_modules(mutants.__path__) if found.name != "__main__"):
        for mutant in importlib.import_module(f"tests.mutants.{module}").MUTANTS:
            yield module, mutant


def main(words):
    """Try the mutants whose area, fault or file holds one of `words`; all, where there are none."""
    chosen = [(area, m) for area, m in collect() if not words or any(w in f"{area} {m.what} {m.file}" for w in words)]
    if not chosen:
        print(f"no mutant has {' or '.join(words)} in its area, fault or file")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        copy = _copy(Path(folder))
        verdicts = [_try(copy, area, mutant) for area, mutant in chosen]
    survivors = [verdict for verdict in verdicts if verdict != "caught"]
    print(f"{len(verdicts)} mutants, {len(verdicts) - len(survivors)} caught, {len(survivors)} not")
    return 1 if survivors else 0


def _copy(folder):
    """The repository without its history, beside what its tests find in ``../shared``."""
    copy = folder / "copy"
    copy.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    if (shared := ROOT.parent / "shared").exists():
        (folder / "shared").symlink_to(shared)
    return copy


def _try(copy, area, mutant):
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        verdict = f"does not fit: {mutant.file} holds its text {text.count(mutant.old)} times"
    elif _pytest(copy, mutant.test) != PASSED:
        verdict = f"not tried: {mutant.test} fails or is not there without it"
    else:
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        try:
            verdict = "caught" if _pytest(copy, mutant.test) != PASSED else "SURVIVED"
        finally:
            path.write_text(text, encoding="utf-8")
    print(f"{area:12s}  {verdict:8s}  {mutant.what}", flush=True)
    return verdict


def _pytest(copy, test):
    """The exit status of the tests on what is in the copy."""
    # No bytecode: a file that is changed twice within a second may keep its size and its time.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "", "-p", "no:cacheprovider", *test.split()]
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return FAILED
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
