"""Matrix products: ours against the faster of NumPy's OpenBLAS and torch's MKL and oneDNN, over the shapes of training.

    python benchmarks/products.py [--threads 2] [--float64] [--forms NN,NT,TN]

Each library is in a process of its own; they take turns in one run. The figures are times of theirs over ours.
"""

import argparse
import contextlib
import importlib.util
import sys
from pathlib import Path
from statistics import geometric_mean, median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from numbanet.bench.operations import label
from numbanet.bench.options import CPUS, some_of, threads
from numbanet.bench.products import CUBE, FORMS, SHAPES, SMALL
from numbanet.bench.turns import Worker, WorkerFailed, blocks

CLASSES = {"training": SHAPES, "small": SMALL, "cube": (CUBE,)}


def measure(workers, form, size, count=7, samples=3):
    """Median seconds by library."""
    for library, worker in workers.items():
        identity = f"{'kernels' if library == 'numbanet' else library}/product/{form}/{label(size)}"
        if not worker.prepare([identity]):
            raise SystemExit(f"products: {library} has no {identity}")
    taken = {library: [] for library in workers}
    for block in blocks(workers, count, samples):
        for (library, _), seconds in block.items():
            taken[library].extend(seconds)
    return {library: median(seconds) for library, seconds in taken.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=threads, default=CPUS, help="default: %(default)s")
    parser.add_argument("--float64", action="store_true")
    parser.add_argument("--forms", type=some_of(FORMS), default=",".join(FORMS), help="default: %(default)s")
    parser.add_argument("--classes", type=some_of(CLASSES), default=",".join(CLASSES), help="default: %(default)s")
    options = parser.parse_args()
    libraries = ["numbanet", "numpy", *(["torch"] if importlib.util.find_spec("torch") else [])]
    ratios = {}
    with contextlib.ExitStack() as stack:
        workers = {library: stack.enter_context(Worker(options.threads)) for library in libraries}
        print(
            f"{options.threads} threads, {'float64' if options.float64 else 'float32'}; GFLOP/s, and theirs over ours"
        )
        print(f"{'form':5s}{'m x k x n':16s}" + "".join(f"{library:>10s}" for library in libraries) + f"{'ratio':>9s}")
        for kind in options.classes:
            for form in options.forms:
                for size in CLASSES[kind]:
                    seconds = measure(workers, form + "64" * options.float64, size)
                    ratio = min(seconds[library] for library in libraries[1:]) / seconds["numbanet"]
                    ratios.setdefault((kind, form), []).append((ratio, size))
                    m, k, n = size
                    speeds = "".join(f"{2e-9 * m * k * n / seconds[library]:10.1f}" for library in libraries)
                    print(f"{form:5s}{label(size):16s}{speeds}{ratio:8.2f}x", flush=True)
    for (kind, form), found in ratios.items():
        worst, size = min(found)
        mean = geometric_mean(ratio for ratio, _ in found)
        print(f"{kind:10s}{form}: {len(found)} shapes, geometric mean {mean:.2f}x, worst {worst:.2f}x at {label(size)}")


if __name__ == "__main__":
    try:
        main()
    except WorkerFailed as error:
        sys.exit(f"products: {error}")
