"""Convolutions: ours against the faster of torch's two layouts, float32, over the shapes of small images.

    python benchmarks/convolutions.py [--threads 2] [--classes first,inner]

Each library is in a process of its own; they take turns in one run. The figures are times of theirs over ours. The
input gradient's time is that of all gradients less that of the filters' and bias's, for both.
"""

import argparse
import contextlib
import sys
from pathlib import Path
from statistics import geometric_mean, median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from numbanet.bench.convolutions import FIRST, FORMS, INNER
from numbanet.bench.operations import label
from numbanet.bench.options import CPUS, some_of, threads
from numbanet.bench.turns import Worker, WorkerFailed, blocks

CLASSES = {"first": FIRST, "inner": INNER}
SHOWN = ("forward", "filters", "data")


def measure(workers, size, count=5, samples=3):
    """Median seconds by (library, form)."""
    for library, worker in workers.items():
        identities = [f"{library}/convolution/{form}/{label(size)}" for form in FORMS]
        if missing := set(identities) - set(worker.prepare(identities)):
            raise SystemExit(f"convolutions: {library} has no {', '.join(sorted(missing))}")
    taken = {}
    for block in blocks(workers, count, samples):
        for (library, identity), seconds in block.items():
            taken.setdefault((library, identity.split("/")[2]), []).extend(seconds)
    found = {key: median(seconds) for key, seconds in taken.items()}
    for library in workers:
        found[library, "data"] = found[library, "both"] - found[library, "filters"]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=threads, default=CPUS, help="default: %(default)s")
    parser.add_argument("--classes", type=some_of(CLASSES), default=",".join(CLASSES), help="default: %(default)s")
    options = parser.parse_args()
    ratios = {}
    with contextlib.ExitStack() as stack:
        workers = {library: stack.enter_context(Worker(options.threads)) for library in ("kernels", "torch")}
        print(f"{options.threads} threads, float32; GFLOP/s of ours, of torch, and torch's time over ours")
        print(f"{'N x H x C x F x HH':20s}" + "".join(f"{form:>24s}" for form in SHOWN))
        for kind in options.classes:
            for size in CLASSES[kind]:
                found = measure(workers, size)
                n, high, channels, filters, taps = size
                work = 2e-9 * n * high**2 * channels * filters * taps**2
                line = f"{label(size):20s}"
                for form in SHOWN:
                    ours, theirs = found["kernels", form], found["torch", form]
                    ratios.setdefault((kind, form), []).append((theirs / ours, size))
                    line += f"{work / ours:9.0f}{work / theirs:7.0f}{theirs / ours:7.2f}x"
                print(line, flush=True)
    for (kind, form), ratio in ratios.items():
        worst, size = min(ratio)
        mean = geometric_mean(value for value, _ in ratio)
        print(
            f"{kind:6s}{form:8s} {len(ratio)} shapes, geometric mean {mean:.2f}x, worst {worst:.2f}x at {label(size)}"
        )


if __name__ == "__main__":
    try:
        main()
    except WorkerFailed as error:
        sys.exit(f"convolutions: {error}")
