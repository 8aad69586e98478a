"""The regression gate: has a kernel become slower? See docs/benchmarks.md for how it decides.

    python benchmarks/gate.py --against main^         # this checkout's kernels against another commit's
    python benchmarks/gate.py --save baseline.json    # kernel against reference, kept for later
    python benchmarks/gate.py --baseline baseline.json

Exit status: 0 where nothing is slower, 1 where something is, 2 where it cannot measure.
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))

from numbanet.bench.networks import NETWORKS  # noqa: E402
from numbanet.bench.operations import cases, label  # noqa: E402
from numbanet.bench.turns import KERNELS_PAUSE_SECONDS, PAUSE_SECONDS, ROOT, Worker, WorkerFailed, blocks  # noqa: E402

EFFECT = 0.08  # less is neither reported nor looked for
ALARMS = 0.001  # the chance of a false alarm, over all benchmarks, that the intervals leave
FIRST, AGAIN, RUNS = 11, 25, 3  # blocks of the first look; blocks and number of the runs that follow a suspicion
SAMPLES = 5  # in a block, for each side


# The decision: pure functions of logarithms of ratios, one for each block.


@dataclass(frozen=True)
class Band:
    """The median of some blocks, and an interval that holds the true median but for a chance of `miss` on each side."""

    centre: float
    low: float
    high: float

    def __str__(self):
        return f"{math.exp(self.centre):.3f} [{math.exp(self.low):.3f}, {math.exp(self.high):.3f}]"


def band(logs, miss):
    """A Band from order statistics, whatever the distribution: a block is as likely above the median as below.

    Of B blocks, k or fewer fall below with the probability of a binomial; the (k+1)-th smallest is the limit where that
    stays within `miss`. With too few blocks for it, the limits are infinite.
    """
    ordered, count = sorted(logs), len(logs)
    below, tail = -1, 0.0
    while tail + math.comb(count, below + 1) / 2**count <= miss:
        below += 1
        tail += math.comb(count, below) / 2**count
    low, high = (ordered[below], ordered[count - 1 - below]) if below >= 0 else (-math.inf, math.inf)
    return Band(median(ordered), low, high)


@dataclass(frozen=True)
class Verdict:
    """What became of one benchmark: its band, and whether it is slower."""

    band: Band
    slower: bool
    runs: int = 1


def suspicious(logs, effect, slack=0.0):
    """Whether a first look calls for more: the median shows half of the effect."""
    return median(logs) - slack > math.log1p(effect) / 2


def judge(runs, effect, miss, slack=0.0):
    """The Verdict on several runs, each in new processes: a list of logarithms for each.

    Slower is what shows the effect in the median of the runs, half of it in every run, and half of it at the lower
    limit of the band of all blocks. What a process is dealt, such as where its arrays lie, moves whole runs, so that
    blocks alone could not tell.
    """
    centres = [median(run) - slack for run in runs]
    whole = band([log for run in runs for log in run], miss)
    full, half = math.log1p(effect), math.log1p(effect) / 2
    slower = median(centres) >= full and min(centres) > half and whole.low - slack > half
    return Verdict(whole, slower, len(runs))


def find_slower(names, measure, effect=EFFECT, slack=None):
    """A Verdict for each benchmark.

    Parameters
    ----------
    names : list of str
    measure : callable
        ``measure(names, count)`` measures in new processes: a list of `count` logarithms of ratios by name. Names that
        cannot be measured are left out.
    effect : float
        The least slow-down that counts: 0.08 is 8 %.
    slack : dict, optional
        By name, how far above 0 a logarithm may be that has not changed: the band of a baseline.
    """
    slack = slack or {}
    first = measure(names, FIRST)
    miss = ALARMS / max(1, len(first))
    verdicts = {name: Verdict(band(logs, 0.025), False) for name, logs in first.items()}
    suspects = [name for name, logs in first.items() if suspicious(logs, effect, slack.get(name, 0.0))]
    runs = {name: [] for name in suspects}
    for _ in range(RUNS):
        suspects = [
            name for name in suspects if all(suspicious(run, effect, slack.get(name, 0.0)) for run in runs[name])
        ]
        if suspects:
            for name, logs in measure(suspects, AGAIN).items():
                runs[name].append(logs)
    for name, again in runs.items():
        verdict = judge(again, effect, miss, slack.get(name, 0.0))
        verdicts[name] = verdict if len(again) == RUNS else Verdict(band(sum(again, []), 0.025), False, len(again))
    return verdicts


def noise(verdicts):
    """The noise band of a run: half the width of the bands at 95 %, in the median over the benchmarks that are fine."""
    widths = [(v.band.high - v.band.low) / 2 for v in verdicts.values() if not v.slower]
    return math.expm1(median(widths)) if widths else math.nan


# Measuring.


def everything(patterns=None):
    """The benchmarks as ``kind/name/size``, of all or of the operations, families and networks that match a pattern."""
    listed = [(op.family, op.name, f"operation/{op.name}/{label(size)}") for op, size in cases()]
    listed += [("networks", name, f"network/{name}/-") for name in NETWORKS]
    return [
        benchmark
        for family, name, benchmark in listed
        if patterns is None or any(pattern == family or fnmatchcase(name, pattern) for pattern in patterns)
    ]


def against(other, threads):
    """A `measure` of this checkout's kernels against those of the one in the folder `other`."""

    def measure(names, count):
        roots = {"new": ROOT, "old": other}
        return _measure(roots, ("kernels",), ("new", "kernels"), ("old", "kernels"), names, count, threads)

    return measure


def against_reference(threads, root=ROOT):
    """A `measure` of kernels against their references, interleaved within one process."""

    def measure(names, count):
        sides = ("new", "kernels"), ("new", "reference")
        return _measure({"new": root}, ("kernels", "reference"), *sides, names, count, threads)

    return measure


def _measure(roots, libraries, above, below, names, count, threads):
    """Logarithms of the ratio of two (worker, library), by name, in new processes."""
    logs, pause = {}, KERNELS_PAUSE_SECONDS if libraries == ("kernels",) else PAUSE_SECONDS
    with contextlib.ExitStack() as stack:
        workers = {side: stack.enter_context(Worker(threads, root)) for side, root in roots.items()}
        for name in names:
            asked = [f"{library}/{name}" for library in libraries]
            if any(worker.prepare(asked) != asked for worker in workers.values()):
                continue  # one of the two does not have it
            logs[name] = [
                math.log(median(block[above[0], f"{above[1]}/{name}"]) / median(block[below[0], f"{below[1]}/{name}"]))
                for block in blocks(workers, count, SAMPLES, pause)
            ]
    return logs


@contextlib.contextmanager
def checkout(revision):
    """The folder of another checkout: `revision` itself if it is one, else a work tree of that commit, for a while."""
    if Path(revision, "numbanet").is_dir():
        yield Path(revision).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="numbanet-gate-") as folder:
        tree = Path(folder, "tree")
        git = ["git", "-C", str(HERE)]
        done = subprocess.run(
            [*git, "worktree", "add", "--detach", str(tree), revision], capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"gate: --against {revision}: {done.stderr.strip()}")
        try:
            yield tree
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)


def save(path, names, threads):
    """Write a baseline: for each benchmark the band of kernel against reference over several processes."""
    measure, runs = against_reference(threads), []
    for _ in range(RUNS):
        runs.append(measure(names, FIRST))
    bands = {}
    for name in runs[0]:
        centres = sorted(median(run[name]) for run in runs)
        bands[name] = {"centre": median(centres), "high": max(centres[-1], band(runs[-1][name], 0.025).high)}
    Path(path).write_text(json.dumps({"threads": threads, "bands": bands}, indent=1), encoding="utf-8")
    print(f"{len(bands)} benchmarks kept in {path}")


def compare(path, names, effect, threads):
    """Verdicts against a baseline that `save` wrote; logarithms count from its centre."""
    stored = json.loads(Path(path).read_text(encoding="utf-8"))
    if stored["threads"] != threads:
        raise SystemExit(f"gate: --baseline {path}: of {stored['threads']} threads, not {threads}")
    bands, measure = stored["bands"], against_reference(threads)

    def from_centre(names, count):
        taken = measure([name for name in names if name in bands], count)
        return {name: [log - bands[name]["centre"] for log in logs] for name, logs in taken.items()}

    slack = {name: entry["high"] - entry["centre"] for name, entry in bands.items()}
    return find_slower(names, from_centre, effect, slack)


def report(verdicts, effect):
    """Print what was found; returns the exit status."""
    if not verdicts:
        print("gate: nothing was measured")
        return 2
    for name, verdict in sorted(verdicts.items(), key=lambda item: item[1].band.centre):
        mark = "SLOWER" if verdict.slower else f"fine after {verdict.runs} more runs" if verdict.runs > 1 else ""
        print(f"{name:55s} {verdict.band!s:24s} {mark}".rstrip())
    slower = [name for name, verdict in verdicts.items() if verdict.slower]
    width = noise(verdicts)
    print(f"noise band ±{width:.1%} (median over what is fine, 95 %); slow-downs of {effect:.0%} or more count")
    if width > effect:
        print("the noise is wider than what is looked for: something else is running, and this proves little")
    print(f"{len(verdicts)} benchmarks, {len(slower)} slower: {', '.join(slower) or 'none'}")
    return bool(slower)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--against", metavar="COMMIT", help="a commit, or the folder of another checkout")
    mode.add_argument("--baseline", metavar="FILE", help="compare with what --save has kept, on the same machine")
    mode.add_argument("--save", metavar="FILE", help="keep the ratios of kernel to reference")
    parser.add_argument("--operations", metavar="NAME,...", help="operations, patterns, families or networks")
    parser.add_argument(
        "--effect", type=float, default=EFFECT, help="least slow-down that counts; default: %(default)s"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: %(default)s")
    options = parser.parse_args(arguments)
    names = everything(options.operations and options.operations.split(","))
    try:
        if options.save:
            save(options.save, names, options.threads)
            return 0
        if options.baseline:
            return report(compare(options.baseline, names, options.effect, options.threads), options.effect)
        with checkout(options.against) as other:
            return report(find_slower(names, against(other, options.threads), options.effect), options.effect)
    except WorkerFailed as error:
        print(f"gate: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
