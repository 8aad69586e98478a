"""The regression gate: has a kernel become slower? See docs/benchmarks.md for how it decides.

    python benchmarks/gate.py --against main^         # this checkout's kernels against another commit's
    python benchmarks/gate.py --save baseline.json    # kernel against reference, kept for later
    python benchmarks/gate.py --baseline baseline.json

Exit status: 0 where nothing is slower, 1 where something is, 2 where it was told something wrong or cannot measure, 3
where nothing has the name that --operations gives.
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

try:
    import numpy

    from numbanet._plain import did_you_mean
    from numbanet.bench.networks import ALL_NETWORKS
    from numbanet.bench.operations import cases, label
    from numbanet.bench.options import CPUS
    from numbanet.bench.options import threads as threads_option
    from numbanet.bench.turns import KERNELS_PAUSE_SECONDS, PAUSE_SECONDS, ROOT, Worker, WorkerFailed, blocks
    from numbanet.runtime import machine
except Exception as error:  # the status that Python would end with says that something is slower
    print(f"gate: numbanet in {HERE.parent} cannot be imported: {error!r}", file=sys.stderr)
    sys.exit(2)

FINE, SLOWER, CANNOT, NOTHING = 0, 1, 2, 3  # exit statuses
INTERRUPTED = 130
EFFECT = 0.08  # less is neither reported nor looked for
ALARMS = 0.001  # the chance of a false alarm, over all benchmarks, that the intervals leave
FIRST, AGAIN, RUNS = 11, 25, 3  # blocks of the first look; blocks and number of the runs that follow a suspicion
SAMPLES = 5  # in a block, for each side


class Unusable(Exception):
    """There is no verdict; the message says why, and `status` is what to end with."""

    def __init__(self, message, status=CANNOT):
        super().__init__(message)
        self.status = status


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
        only one of the two has are left out.
    effect : float
        The least slow-down that counts: 0.08 is 8 %.
    slack : dict, optional
        By name, how far above 0 a logarithm may be that has not changed: the band of a baseline.
    """
    slack = slack or {}
    first = _checked(measure(names, FIRST), FIRST)
    miss = ALARMS / max(1, len(first))
    verdicts = {name: Verdict(band(logs, 0.025), False) for name, logs in first.items()}
    suspects = [name for name, logs in first.items() if suspicious(logs, effect, slack.get(name, 0.0))]
    runs = {name: [] for name in suspects}
    for _ in range(RUNS):
        suspects = [
            name for name in suspects if all(suspicious(run, effect, slack.get(name, 0.0)) for run in runs[name])
        ]
        if suspects:
            again = _checked(measure(suspects, AGAIN), AGAIN)
            for name in suspects:
                if name not in again:
                    raise Unusable(f"{name} was measured once, and then no more")
                runs[name].append(again[name])
    for name, again in runs.items():
        verdict = judge(again, effect, miss, slack.get(name, 0.0))
        verdicts[name] = verdict if len(again) == RUNS else Verdict(band(sum(again, []), 0.025), False, len(again))
    return verdicts


def _checked(taken, count):
    """What was measured, if that is `count` numbers for each benchmark: a NaN would pass every comparison."""
    for name, logs in taken.items():
        if len(logs) != count or not all(map(math.isfinite, logs)):
            raise Unusable(f"{name}: expected {count} times, each a number above 0; got logarithms of ratios {logs}")
    return taken


def noise(verdicts):
    """The noise band of a run: half the width of the bands at 95 %, in the median over the benchmarks that are fine."""
    widths = [(v.band.high - v.band.low) / 2 for v in verdicts.values() if not v.slower]
    return math.expm1(median(widths)) if widths else math.nan


# Measuring.


def everything(patterns=None):
    """The benchmarks as ``kind/name/size``, of all or of the operations, families and networks that match a pattern."""
    listed = [(op.family, op.name, f"operation/{op.name}/{label(size)}") for op, size in cases()]
    listed += [("networks", name, f"network/{name}/-") for name in ALL_NETWORKS]
    if patterns is None:
        return [benchmark for _, _, benchmark in listed]
    for pattern in patterns:
        if not any(_matches(pattern, *entry) for entry in listed):
            known = dict.fromkeys(word for family, name, _ in listed for word in (family, name))
            what = f"no operation, pattern, family or network {pattern!r}"
            raise Unusable(f"--operations: {what}{did_you_mean(pattern, known)}", NOTHING)
    return [entry[-1] for entry in listed if any(_matches(pattern, *entry) for pattern in patterns)]


def _matches(pattern, family, name, _):
    return pattern == family or fnmatchcase(name, pattern)


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
                _log(block[above[0], f"{above[1]}/{name}"]) - _log(block[below[0], f"{below[1]}/{name}"])
                for block in blocks(workers, count, SAMPLES, pause)
            ]
    return logs


def _log(samples):
    """The logarithm of the median; NaN where a sample is no time."""
    good = len(samples) == SAMPLES and all(0 < sample < math.inf for sample in samples)
    return math.log(median(samples)) if good else math.nan


@contextlib.contextmanager
def checkout(revision):
    """The folder of another checkout: `revision` itself if it is one, else a work tree of that commit, for a while."""
    if Path(revision, "numbanet").is_dir():
        yield Path(revision).resolve()
        return
    git = ["git", "-C", str(HERE)]
    commit = _run([*git, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"])
    if commit.returncode:
        why = commit.stderr.strip().removeprefix("fatal: ")
        raise Unusable(f"--against {revision}: neither a commit nor a folder with numbanet in it ({why})")
    with tempfile.TemporaryDirectory(prefix="numbanet-gate-") as folder:
        tree = Path(folder, "tree")
        done = _run([*git, "worktree", "add", "--detach", str(tree), commit.stdout.strip()])
        if done.returncode:
            raise Unusable(f"--against {revision}: {done.stderr.strip()}")
        try:
            if not (tree / "numbanet" / "__init__.py").is_file():
                raise Unusable(f"--against {revision}: that commit has no numbanet")
            yield tree
        finally:
            _run([*git, "worktree", "remove", "--force", str(tree)])


def _run(command):
    return subprocess.run(command, capture_output=True, text=True)


def _here(threads):
    """What a ratio of kernel to reference depends on besides the code."""
    return {"threads": threads, "machine": machine.cpu_name(), "numpy": numpy.__version__}


def save(path, names, threads):
    """Write a baseline: for each benchmark the band of kernel against reference over several processes."""
    measure, runs = against_reference(threads), []
    temporary = Path(f"{path}.{os.getpid()}.tmp")
    try:
        temporary.touch()  # where it cannot be written is told before minutes of measuring
        for _ in range(RUNS):
            runs.append(_checked(measure(names, FIRST), FIRST))
        bands = {}
        for name in set.intersection(*map(set, runs)):
            centres = sorted(median(run[name]) for run in runs)
            bands[name] = {"centre": median(centres), "high": max(centres[-1], band(runs[-1][name], 0.025).high)}
        if bands:
            temporary.write_text(json.dumps({**_here(threads), "bands": bands}, indent=1), encoding="utf-8")
            temporary.replace(path)
    except OSError as error:
        raise Unusable(f"--save {path}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
    if not _tell(names, bands):
        return CANNOT
    print(f"{len(bands)} of {len(names)} benchmarks kept in {path}")
    return FINE


def read(path, threads):
    """The bands of a baseline that `save` wrote on this machine."""
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        bands = stored["bands"]
        numbers = [entry[key] for entry in bands.values() for key in ("centre", "high")]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("a band that is no number")
        then = {key: stored[key] for key in _here(threads)}
    except OSError as error:
        raise Unusable(f"--baseline {path}: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Unusable(f"--baseline {path}: not what --save writes ({error!r})") from None
    for key, now in _here(threads).items():
        if then[key] != now:
            raise Unusable(f"--baseline {path}: of {key} {then[key]}, and here it is {now}; --save one here")
    return bands


def compare(path, names, effect, threads):
    """Verdicts against a baseline that `save` wrote; logarithms count from its centre."""
    bands, measure = read(path, threads), against_reference(threads)

    def from_centre(names, count):
        taken = measure(names, count)
        return {name: [log - bands[name]["centre"] for log in logs] for name, logs in taken.items()}

    slack = {name: entry["high"] - entry["centre"] for name, entry in bands.items()}
    return find_slower([name for name in names if name in bands], from_centre, effect, slack)


def _tell(names, measured):
    """Say what was left out; whether there is anything else."""
    if left_out := [name for name in names if name not in measured]:
        print(f"{len(left_out)} left out, which only one of the two has: {', '.join(left_out)}")
    if not measured:
        print("gate: nothing was measured")
    return bool(measured)


def report(verdicts, effect, names=None):
    """Print what was found of the benchmarks that were asked for; returns the exit status."""
    for name, verdict in sorted(verdicts.items(), key=lambda item: item[1].band.centre):
        mark = "SLOWER" if verdict.slower else f"fine after {verdict.runs} more runs" if verdict.runs > 1 else ""
        print(f"{name:55s} {verdict.band!s:24s} {mark}".rstrip())
    names = verdicts if names is None else names
    if not _tell(names, verdicts):
        return CANNOT
    slower = [name for name, verdict in verdicts.items() if verdict.slower]
    width = noise(verdicts)
    print(f"noise band ±{width:.1%} (median over what is fine, 95 %); slow-downs of {effect:.0%} or more count")
    blind = width > effect
    if blind:
        print("the noise is wider than what is looked for: something else is running, and this proves little")
    print(f"{len(verdicts)} of {len(names)} benchmarks measured, {len(slower)} slower: {', '.join(slower) or 'none'}")
    return SLOWER if slower else CANNOT if blind else FINE


def _effect(text):
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, such as 0.08 for 8 %, got {text}")
    return value


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--against", metavar="COMMIT", help="a commit, or the folder of another checkout")
    mode.add_argument("--baseline", metavar="FILE", help="compare with what --save has kept, on the same machine")
    mode.add_argument("--save", metavar="FILE", help="keep the ratios of kernel to reference")
    parser.add_argument("--operations", metavar="NAME,...", help="operations, patterns, families or networks")
    parser.add_argument(
        "--effect", type=_effect, default=EFFECT, help="least slow-down that counts; default: %(default)s"
    )
    parser.add_argument("--threads", type=threads_option, default=CPUS, help="default: %(default)s")
    options = parser.parse_args(arguments)
    effect, threads = options.effect, options.threads
    try:
        names = everything(None if options.operations is None else options.operations.split(","))
        if options.save:
            return save(options.save, names, threads)
        if options.baseline:
            return report(compare(options.baseline, names, effect, threads), effect, names)
        with checkout(options.against) as other:
            return report(find_slower(names, against(other, threads), effect), effect, names)
    except Unusable as error:
        print(f"gate: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("gate: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # whatever it is, nothing was found to be slower
        what = str(error).partition("\n")[0]
        print(
            f"gate: {what if isinstance(error, WorkerFailed) else f'{type(error).__name__}: {what}'}", file=sys.stderr
        )
        return CANNOT


if __name__ == "__main__":
    sys.exit(main())
