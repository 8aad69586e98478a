"""Run tests on every Python there is, with the oldest and the newest numba and numpy: ``python -m tests.versions``.

What follows is given to pytest in the place of `TESTS`: ``python -m tests.versions tests`` runs all of them. Each pair
gets a virtual environment and a cache of its own, in a temporary folder. Exit status 1 where tests fail or nothing can
be installed. A Python that is not there is passed over, and said to be.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

# The oldest numba of pyproject.toml that runs on this Python, and the oldest numpy of it that has wheels for both.
OLDEST = {
    "3.10": ("0.60.0", "1.24.0"),
    "3.11": ("0.60.0", "1.24.0"),
    "3.12": ("0.60.0", "1.26.0"),
    "3.13": ("0.61.0", "2.1.0"),
    "3.14": ("0.63.0", "2.3.4"),
}

# Every kernel by hand, whole steps, and all that leans on private parts of numba: cache, forks, settings.
TESTS = [
    f"tests/test_{name}.py"
    for name in ("known_values", "program", "checkpoint", "files", "cache", "forks", "threads", "warmup")
]


def interpreter(version):
    """The path of that Python: on PATH, or among pyenv's; None where there is none."""
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(f"{version}.*/bin/python")
    for path in (*sorted(homes), shutil.which(f"python{version}")):
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return str(path)
    return None


def main(tests):
    """Try every pair; returns the exit status."""
    failed = False
    for version, (numba, numpy) in OLDEST.items():
        python = interpreter(version)
        if python is None:
            print(f"Python {version:5s} not there", flush=True)
            continue
        for packages in ([f"numba=={numba}", f"numpy=={numpy}"], ["numba", "numpy"]):
            with tempfile.TemporaryDirectory() as folder:
                status, told = run(python, packages, tests or TESTS, Path(folder))
            failed |= status != 0
            print(f"Python {version:5s} {told}", flush=True)
    return int(failed)


def run(python, packages, tests, folder):
    """The exit status of the tests there, and a line about them."""
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    python = next(
        path for path in (folder / "venv" / "bin" / "python", folder / "venv/Scripts/python.exe") if path.exists()
    )
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-e",
        f"{ROOT}[test]",
        *packages,
    ]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode:
        return done.returncode, f"{' '.join(packages)}: cannot be installed: {done.stderr.strip().splitlines()[-1]}"
    versions = "import numba, numpy; print('numba', numba.__version__, 'numpy', numpy.__version__)"
    versions = subprocess.run([python, "-c", versions], capture_output=True, text=True).stdout.strip()
    environment = {**os.environ, "NUMBANET_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": ""}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = [line for line in done.stdout.splitlines() if re.search(r"^(FAILED|ERROR)|\d+ (passed|failed|error)", line)]
    return done.returncode, "\n    ".join([f"{versions}: {lines.pop() if lines else done.stdout[-500:]}", *lines])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
