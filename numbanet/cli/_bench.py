"""``numbanet bench``: how fast the kernels are on this machine, against their references and other libraries."""

import fnmatch
import sys
from importlib import metadata
from pathlib import Path

import numbanet

from .._plain import did_you_mean
from ..bench import ours, profile, report, versus
from ..bench.networks import ALL_NETWORKS, LEARNING_RATE
from ..kernels.simd import peaks as peaks
from ..operations import FAMILIES, OPERATIONS
from ..runtime import machine
from ._files import write_text
from ._info import use_threads
from ._status import UsageError

NETWORKS = "networks"
SECONDS, QUICK_SECONDS = 2.0, 0.3  # of a profile, on all threads and on one


def bench(arguments):
    """Measure, print and write; returns the exit status."""
    use_threads(arguments.threads)
    if arguments.profile is not None:
        return _profile(arguments)
    names, networks = _chosen(arguments.operations)
    target = arguments.write and Path(arguments.write)
    if target and report.between_markers(target.read_text(encoding="utf-8"), "") is None:
        raise UsageError(f"--write: {target} has no lines {report.START} and {report.END} to write between")
    peers = versus.installed() if arguments.peers else []
    libraries = ["reference", *peers]
    about = _about(numbanet.get_num_threads(), peers)
    say = None if arguments.markdown else print
    rows = []
    with versus.Versus(numbanet.get_num_threads(), peers, arguments.quick) as measuring:
        if say:
            say("\n".join([*about, "", report.line(report.header(libraries))]), flush=True)
        for part in (measuring.operations(names), measuring.networks() if networks else ()):
            for row in part:
                rows.append(row)
                if say:
                    say(report.line(report.cells(row, libraries)), flush=True)
    table = report.markdown(about, rows, libraries)
    print(table if arguments.markdown else report.means(rows, libraries))
    if target:
        text = report.between_markers(target.read_text(encoding="utf-8"), table)
        write_text(target, text)
        print(f"{target} has it between its markers", file=sys.stderr)
    return 0


def _profile(arguments):
    """Print where the time of the steps of some networks goes; returns the exit status."""
    for option in ("operations", "markdown", "write"):
        if getattr(arguments, option):
            raise UsageError(f"--profile: does not go with --{option}")
    for name in _networks(arguments.profile):
        net = ALL_NETWORKS[name]
        print(f"\n{name}", flush=True)
        rule = {"optimizer": "adam", "optimizer_options": {"learning_rate": LEARNING_RATE}, "batch_size": net.batch}
        seconds = QUICK_SECONDS if arguments.quick else SECONDS
        print(profile(ours.built(net), *net.data(), seconds=seconds, **rule), flush=True)
    return 0


def _networks(text):
    """Networks of the table whose name has `text` in it, or fits it as a pattern."""
    wanted = text.lower()
    found = [name for name in ALL_NETWORKS if wanted in name.lower() or fnmatch.fnmatch(name.lower(), wanted)]
    if not found:
        hint = did_you_mean(text, ALL_NETWORKS) or f"; there are {', '.join(map(repr, ALL_NETWORKS))}"
        raise UsageError(f"--profile: no network {text!r}{hint}")
    return found


def _chosen(text):
    """Names of operations, and whether networks are wanted."""
    if text is None:
        return set(OPERATIONS), True
    names, networks = set(), False
    for pattern in text.split(","):
        found = {
            name
            for name, operation in OPERATIONS.items()
            if operation.family == pattern or fnmatch.fnmatchcase(name, pattern)
        }
        networks = networks or pattern == NETWORKS
        if not found and pattern != NETWORKS:
            known = [*FAMILIES, NETWORKS, *OPERATIONS]
            hint = did_you_mean(pattern, known) or f"; families are {', '.join([*FAMILIES, NETWORKS])}"
            raise UsageError(f"--operations: no operation, pattern or family {pattern!r}{hint}")
        names |= found
    return names, networks


def _about(threads, peers):
    """Lines on the machine and what runs on it."""
    packages = dict.fromkeys(("numpy", "numba", *(versus.PEERS[name] for name in peers)))
    versions = [f"numbanet {numbanet.__version__}", *(f"{name} {metadata.version(name)}" for name in packages)]
    memory = " and ".join(
        f"{peaks.bandwidth(size, threads) / 1e9:.0f} GB/s {where}"
        for size, where in ((1 << 18, "in caches"), (1 << 28, "from memory"))
    )
    return [
        f"{machine.cpu_name()}, {threads} thread{'s' * (threads > 1)}, float32; {', '.join(versions)}.",
        f"Peak, as measured: {peaks.multiply_adds(threads) / 1e9:.0f} GFLOP/s, {memory}.",
        "Of each library the time it takes, as a multiple of numbanet's.",
    ]
