"""Plant each mutant in a copy of the repository and run its test.

    python -m tests.mutants                       # all; minutes, as most run some tests and those of kernels compile
    python -m tests.mutants --area gate,bench     # of these areas
    python -m tests.mutants patience history.csv  # whose area, fault or file holds one of the words
    python -m tests.mutants --list                # name them, plant none

Exit status: 0 where every mutant turned its test red, 1 where some survived, 2 where some could not be tried or nothing
was asked for that there is.
"""

import argparse
import ast
import contextlib
import importlib
import os
import pkgutil
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import mutants

ROOT = Path(__file__).parents[2]
COPIED = (
    "numbanet",
    "tests",
    "benchmarks",
    "docs",
    ".ci",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)
KERNELS = "numbanet/kernels/"
CAUGHT, SURVIVED, NOT_TRIED = "caught", "SURVIVED", "NOT TRIED"
COMPILING_SECONDS = 900  # of one run of pytest that compiles kernels; after that, and as below, a run hangs
PASSED, FAILED = 0, 1  # pytest's exit statuses; others are mistakes: 2 nothing could be imported, 4 and 5 no such test


@dataclass(frozen=True)
class Run:
    """How one run of pytest ended: its exit status, None where it hung, what it took, and the end of what it said."""

    status: int | None
    seconds: float
    said: str

    @property
    def red(self):
        """Whether tests failed, or the process crashed or hung."""
        return self.status is None or self.status == FAILED or self.status < 0


def collect():
    """All mutants, as (area, Mutant)."""
    for module in sorted(found.name for found in pkgutil.iter_modules(mutants.__path__) if found.name != "__main__"):
        for mutant in importlib.import_module(f"tests.mutants.{module}").MUTANTS:
            yield module, mutant


def misfit(root, mutant):
    """Why the mutant cannot be planted or tried in the repository, as far as its text tells; None where it can."""
    path = root / mutant.file
    if not path.is_file():
        return f"there is no {mutant.file}"
    if (count := path.read_text(encoding="utf-8").count(mutant.old)) != 1:
        return f"{mutant.file} holds the text {count} times: {mutant.old!r}"
    if mutant.new == mutant.old:
        return "what takes the text's place is the same"
    for test in mutant.test.split() or [""]:
        file, *names = re.sub(r"\[.*", "", test).split("::")
        if not file or not (root / file).is_file():
            return f"there is no test {test!r}"
        body = ast.parse((root / file).read_text(encoding="utf-8")).body
        for name in names:
            body = next((getattr(node, "body", []) for node in body if getattr(node, "name", None) == name), None)
            if body is None:
                return f"there is no test {test!r}"
    return None


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="plant those whose area, fault or file holds one")
    parser.add_argument("--area", metavar="AREA,...", help="plant those of these areas, the files of tests/mutants")
    parser.add_argument("--list", action="store_true", help="name them, and those that do not fit the code")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="how many run at once; default: %(default)s")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs: expected at least 1, got {options.jobs}")
    known = list(collect())
    areas = options.area.split(",") if options.area else sorted({area for area, _ in known})
    if unknown := set(areas) - {area for area, _ in known}:
        parser.error(f"--area: no area {', '.join(sorted(unknown))}; there are {', '.join(sorted(dict(known)))}")
    words = options.words or [""]
    chosen = [(a, m) for a, m in known if a in areas and any(word in f"{a} {m.what} {m.file}" for word in words)]
    if not chosen:
        parser.error(f"no mutant has {' or '.join(words)} in its area, fault or file")
    if options.list:
        return _list(chosen)
    return _report(_try_all(chosen, options.jobs))


def _list(chosen):
    bad = 0
    for area, mutant in chosen:
        print(f"{area:12s}  {mutant.file}: {mutant.what}")
        if wrong := misfit(ROOT, mutant):
            bad += 1
            print(f"{'':12s}  does not fit: {wrong}")
    print(f"{len(chosen)} mutants, {bad} that do not fit")
    return 2 if bad else 0


def _report(tried):
    """Name what was not caught, and count; returns the exit status."""
    count = {verdict: [mutant for mutant, had, _ in tried if had == verdict] for verdict in (SURVIVED, NOT_TRIED)}
    for mutant, verdict, why in tried:
        if verdict != CAUGHT:
            print(f"{verdict}: {mutant.file}: {mutant.what}{why and ': '}{why}")
    caught = len(tried) - sum(map(len, count.values()))
    print(f"{len(tried)} mutants, {caught} caught, {len(count[SURVIVED])} survived, {len(count[NOT_TRIED])} not tried")
    return 2 if count[NOT_TRIED] else 1 if count[SURVIVED] else 0


def _try_all(chosen, jobs):
    """(Mutant, verdict, why) for each of the chosen; `jobs` copies of the repository are at work at once."""
    misfits = {mutant: wrong for _, mutant in chosen if (wrong := misfit(ROOT, mutant))}
    copies, baselines = queue.SimpleQueue(), {}
    with tempfile.TemporaryDirectory(prefix="numbanet-mutants-") as folder:
        for number in range(jobs):
            copies.put(_copy(Path(folder, str(number))))

        def baseline(test):
            with _taken(copies) as copy:
                return test, _pytest(copy, test, COMPILING_SECONDS)

        def attempt(area, mutant):
            with _taken(copies) as copy:
                begin = time.monotonic()
                verdict, why = _try(copy, mutant, misfits.get(mutant), baselines.get(mutant.test))
            print(f"{area:12s}  {verdict:9s}  {mutant.what}  ({time.monotonic() - begin:.1f} s)", flush=True)
            return mutant, verdict, why

        with ThreadPoolExecutor(jobs) as pool:
            tests = dict.fromkeys(mutant.test for _, mutant in chosen if mutant not in misfits)
            print(f"{len(tests)} runs of tests without a fault, {len(chosen)} with one each", flush=True)
            baselines.update(pool.map(baseline, tests))
            return list(pool.map(lambda entry: attempt(*entry), chosen))


@contextlib.contextmanager
def _taken(copies):
    copy = copies.get()
    try:
        yield copy
    finally:
        copies.put(copy)


def _copy(folder):
    """The repository without its history, beside what its tests find in ``../shared``."""
    copy = folder / "copy"
    copy.mkdir(parents=True)
    for source in (ROOT / name for name in COPIED):
        if source.is_dir():
            shutil.copytree(source, copy / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, copy)
    if (shared := ROOT.parent / "shared").exists():
        (folder / "shared").symlink_to(shared)
    return copy


def _try(copy, mutant, wrong, baseline):
    """The verdict on a mutant, and why where it was not caught."""
    if wrong:
        return NOT_TRIED, wrong
    if baseline.status != PASSED or not re.search(r"\b\d+ passed\b", baseline.said):
        return NOT_TRIED, f"without the fault, {mutant.test} does not pass\n{baseline.said}"
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    compiles = mutant.file.startswith(KERNELS)
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        run = _pytest(copy, mutant.test, COMPILING_SECONDS if compiles else 60 + 10 * baseline.seconds, compiles)
    finally:
        path.write_text(text, encoding="utf-8")
    if run.red:
        return CAUGHT, ""
    if run.status == PASSED:
        return SURVIVED, f"{mutant.test} passes"
    return NOT_TRIED, f"with the fault, pytest ends with status {run.status}\n{run.said}"


def _pytest(copy, test, seconds, own_cache=False):
    """Run tests on what is in the copy; kernels with a fault are kept in a cache of their own, which is thrown away."""
    # No bytecode: a file that is changed twice within a second may keep its size and its time.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "", "-p", "no:cacheprovider", *test.split()]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryFile() as output:
        if own_cache:
            environment["NUMBANET_CACHE_DIR"] = cache
        started = {"cwd": copy, "env": environment, "stdout": output, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **started)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(process)  # with all that its tests have started and left behind
        output.seek(0)
        said = output.read().decode(errors="replace")
    return Run(status, time.monotonic() - begin, "\n".join(said.splitlines()[-15:]))


def _end(process):
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
