"""Options of the scripts in ``benchmarks/``, checked before anything is measured: types for `argparse`."""

import argparse
import os

from .._plain import did_you_mean

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads(text):
    """A number of threads that this process has CPUs for."""
    count = int(text)
    if not 1 <= count <= CPUS:
        raise argparse.ArgumentTypeError(f"expected 1 to {CPUS}, the CPUs of this process, got {count}")
    return count


def some_of(known):
    """A list of names out of `known`, with commas between them."""

    def names(text):
        for name in text.split(","):
            if name not in known:
                hint = did_you_mean(name, known)
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}, got {name!r}{hint}")
        return text.split(",")

    return names
