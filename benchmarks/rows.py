"""Training steps of the networks of the table: ours on one thread and on several, other libraries, and the limit.

    python benchmarks/rows.py                                    # ten minutes; as Markdown
    python benchmarks/rows.py --networks 'LeNet*',64-100 --rounds 1 --peers torch
    python benchmarks/rows.py --peers none --against main^       # beside another commit, or another checkout's folder
    python benchmarks/rows.py --peers none --busy 2              # while so many other processes never rest
    python benchmarks/rows.py --peers none --threads 1,4,8       # more threads than cores

Each column is a process of its own, new in each round; within a round they take turns. Figures are medians of the
rounds, of each of which the median counts. The limit is by the best of the peaks that are measured before each round.
"""

import argparse
import contextlib
import subprocess
import sys
import warnings
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gate import Unusable, checkout

from numbanet._plain import did_you_mean
from numbanet.bench import ours, versus
from numbanet.bench.networks import ALL_NETWORKS
from numbanet.bench.options import CPUS
from numbanet.bench.report import NAMES, time_text
from numbanet.bench.turns import Worker, WorkerFailed, blocks
from numbanet.kernels.simd import peaks

BLOCKS, SAMPLES = 5, 3
HOG = "while True: pass"


def networks(text):
    """Names of the table that are, or fit, or have in them, one of several texts with commas between."""
    found = {}
    for pattern in text.split(","):
        fits = [name for name in ALL_NETWORKS if fnmatchcase(name, pattern) or pattern.lower() in name.lower()]
        if not fits or not pattern:
            raise argparse.ArgumentTypeError(f"no network {pattern!r}{did_you_mean(pattern, ALL_NETWORKS)}")
        found.update(dict.fromkeys(fits))
    return [name for name in ALL_NETWORKS if name in found]


def counts(text):
    """Numbers of threads, the first of which the others are compared with; those above the CPUs share them."""
    try:
        numbers = [int(number) for number in text.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1 or len(set(numbers)) < len(numbers):
        raise argparse.ArgumentTypeError(f"expected different numbers above 0, such as 1,{CPUS}, got {text!r}")
    return numbers


def number(least):
    def checked(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text!r}")
        return int(text)

    return checked


def libraries(text):
    """Names of other libraries, with commas between; all that are installed, or none."""
    if text in ("all", "none"):
        return versus.installed() if text == "all" else []
    for name in text.split(","):
        if name not in versus.PEERS:
            known = ["all", "none", *versus.PEERS]
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}, got {name!r}")
    return text.split(",")


@contextlib.contextmanager
def hogs(count):
    """So many processes that never rest, meanwhile."""
    running = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def one_round(columns, names, busy):
    """The median seconds of each column for each network, in new processes, as {(column, name): seconds}.

    `columns` has for each its library and what a `Worker` takes.
    """
    found = {}
    with contextlib.ExitStack() as stack:
        workers = {column: stack.enter_context(Worker(*given)) for column, (_, given) in columns.items()}
        for name in names:
            ready = {}
            for column in list(workers):
                library = columns[column][0]
                try:
                    if workers[column].prepare([f"{library}/network/{name}/-"]):
                        ready[column] = workers[column]
                except WorkerFailed as error:
                    if library == "kernels":
                        raise
                    what = str(error).partition("\n")[0]
                    warnings.warn(f"{column} is left out from {name} on: {what}", stacklevel=2)
                    del workers[column]
            taken = {column: [] for column in ready}
            with hogs(busy):
                for block in blocks(ready, BLOCKS, SAMPLES):
                    for (column, _), samples in block.items():
                        taken[column].extend(samples)
            found.update(((column, name), median(samples)) for column, samples in taken.items())
    return found


def limits(names, threads):
    """Seconds that a step takes at least, by network; measured anew."""
    peaks.forget()
    return {name: ours.work(name)[1].seconds(threads) for name in names}


def middle(rounds, column, name):
    """The median over the rounds; None where that was not measured in all of them."""
    seconds = [found.get((column, name)) for found in rounds]
    return None if None in seconds else median(seconds)


def table(names, columns, threads, rounds, least):
    """Lines of Markdown: times, how they scale, the share of the limit, and others' times by the last of ours."""
    own = [f"{count} thread{'s' * (count > 1)}" for count in threads]
    others = [column for column in columns if column not in own]
    scaling = [f"{count} to {threads[0]}" for count in threads[1:]]
    header = ["step of", *own, *scaling, "limit", "of limit", *(NAMES.get(column, column) for column in others)]
    lines = [header, ["---", *["--:"] * (len(header) - 1)]]
    for name in names:
        times = [middle(rounds, column, name) for column in own]
        limit = min(found[name] for found in least)
        theirs = [middle(rounds, column, name) for column in others]
        lines.append(
            [
                *(name, *map(time_text, times), *(f"{times[0] / each:.2f}x" for each in times[1:])),
                *(time_text(limit), f"{limit / times[-1]:.2f}"),
                *("" if each is None else f"{each / times[-1]:.2f}x" for each in theirs),
            ]
        )
    return [f"| {' | '.join(cells)} |" for cells in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=networks, default=list(ALL_NETWORKS), help="default: all of the table")
    parser.add_argument("--threads", type=counts, default=f"1,{CPUS}" if CPUS > 1 else "1", help="default: %(default)s")
    parser.add_argument("--rounds", type=number(1), default=3, help="default: %(default)s")
    parser.add_argument("--peers", type=libraries, default="all", help="default: all that are installed")
    parser.add_argument("--busy", type=number(0), default=0, help="processes that never rest; default: %(default)s")
    parser.add_argument("--against", metavar="COMMIT", help="a commit, or the folder of another checkout")
    options = parser.parse_args()
    names, threads = options.networks, options.threads
    with checkout(options.against) if options.against else contextlib.nullcontext() as other:
        columns = {f"{count} thread{'s' * (count > 1)}": ("kernels", (count,)) for count in threads}
        columns.update((library, (library, (threads[-1],))) for library in options.peers)
        if other:
            columns[f"{options.against}, {threads[-1]}"] = "kernels", (threads[-1], other)
        rounds, least = [], []
        for count in range(options.rounds):
            print(f"round {count + 1} of {options.rounds}", file=sys.stderr, flush=True)
            least.append(limits(names, min(threads[-1], CPUS)))
            rounds.append(one_round(columns, names, options.busy))
    print("\n".join(table(names, columns, threads, rounds, least)))


if __name__ == "__main__":
    try:
        main()
    except (WorkerFailed, Unusable) as error:
        sys.exit(f"rows: {error}")
