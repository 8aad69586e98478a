"""Run every benchmark once, in this environment; fail where one fails or nothing was measured.

asv itself exits with 0 in both cases. The figures of such a run mean nothing: it keeps the suite from rotting.
"""

import re
import subprocess
import sys
from pathlib import Path


def main():
    here = Path(__file__).parent
    subprocess.run([sys.executable, "-m", "asv", "machine", "--yes"], cwd=here, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "asv", "run", "--quick", "--python=same", "--show-stderr"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True)
    text = done.stdout + done.stderr
    measured = re.findall(r"^\[ *\d[\d.]*%\] ··· (\S+) +ok *$", text, re.MULTILINE)
    failed = re.findall(r"^\[ *\d[\d.]*%\] ··· (\S+) +(?:\d+/\d+ )?failed *$", text, re.MULTILINE)
    timed = re.findall(r"^\[ *\d[\d.]*%\] ··· (\S+) +[\d.]+±", text, re.MULTILINE)  # those without parameters
    if done.returncode or failed or not measured + timed:
        print(text)
    print(f"{len(measured + timed)} benchmarks measured, {len(failed)} failed: {', '.join(failed) or 'none'}")
    return bool(done.returncode or failed or not measured + timed)


if __name__ == "__main__":
    sys.exit(main())
