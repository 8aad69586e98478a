"""Run every benchmark once, in this environment; fail where one fails, is skipped, or nothing was measured.

The figures of such a run mean nothing: it keeps the suite from rotting. asv's status tells failures alone.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ANNOUNCED = re.compile(r"Running (\d+) total benchmarks")
RESULT = re.compile(r"^\[ *[\d.]+%\] ··· ([a-z_]+\.\S+) +(.+?) *$", re.MULTILINE)


def judge(text, status):
    """Names of the benchmarks that were measured, and of those that were not, from what asv printed."""
    results = RESULT.findall(text)
    bad = [name for name, result in results if "failed" in result or result in ("n/a", "skipped")]
    bad += [] if status == 0 or bad else [f"asv, with status {status}"]
    # A parameter that was skipped shows in the table that follows a result, and nowhere else.
    bad += ["a parameter"] * bool(re.search(r"\bn/a\b", text))
    missing = sum(map(int, ANNOUNCED.findall(text))) - len(results)
    bad += [f"{missing} without a result"] if missing > 0 else []
    return [name for name, _ in results if name not in bad], bad


def main():
    here = Path(__file__).parent
    subprocess.run([sys.executable, "-m", "asv", "machine", "--yes"], cwd=here, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "asv", "run", "--quick", "--python=same", "--show-stderr"]
    if sys.platform != "win32":
        command += ["--launch-method", "forkserver"]  # imports numba once, not for each combination of parameters
    # Of this checkout, whatever is installed; asv passes no PYTHONPATH on but by this name.
    environment = {**os.environ, "ASV_PYTHONPATH": str(here.resolve().parent)}
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
    text = done.stdout + done.stderr
    measured, bad = judge(text, done.returncode)
    if bad or not measured:
        print(text)
    print(f"{len(measured)} benchmarks measured, {len(bad)} failed or skipped: {', '.join(bad) or 'none'}")
    return bool(bad or not measured)


if __name__ == "__main__":
    sys.exit(main())
