"""Taking samples: how long a call takes, many calls to a sample."""

import contextlib
import random
from time import perf_counter

SAMPLE_SECONDS = 0.004  # long against the clock and a wake-up of threads, short against a change of frequency


class Benchmark:
    """A call that can be timed.

    Parameters
    ----------
    call : callable
        Without arguments.
    restore : callable, optional
        Puts back what calls have changed; runs before each sample, outside the clock.
    finish : callable, optional
        Waits for what calls have only started; runs at the end of each sample, inside the clock.
    parts : int
        How many of the thing measured one call does, such as the steps of an epoch.
    within : callable, optional
        Gives a context manager that each sample runs in.
    """

    def __init__(self, call, restore=None, finish=None, parts=1, within=contextlib.nullcontext):
        self.call, self.restore, self.finish, self.parts, self.within = call, restore, finish, parts, within
        self.calls = 1

    def calibrate(self, seconds=SAMPLE_SECONDS):
        """Warm up, then choose how many calls make a sample of about `seconds`; returns self."""
        self.calls = 1
        self.sample()  # compiles
        while (taken := self.sample() * self.calls * self.parts) < seconds:
            grow = seconds / max(taken, 1e-9)
            self.calls = max(self.calls + 1, int(self.calls * min(10.0, grow)))
        return self

    def run(self):
        """The calls of one sample."""
        call = self.call
        for _ in range(self.calls):
            call()
        if self.finish:
            self.finish()

    def clock(self):
        """The time in such seconds that a `run` takes as many as one part of a call does."""
        return perf_counter() / (self.calls * self.parts)

    def sample(self):
        """Seconds that one part took, over a sample."""
        if self.restore:
            self.restore()
        with self.within():
            start = self.clock()
            self.run()
            return self.clock() - start


def interleaved(benchmarks, samples, rng=random):
    """Samples of several benchmarks, in turns and in a new random order each time: a dict of lists by name."""
    taken = {name: [] for name in benchmarks}
    order = list(benchmarks)
    for benchmark in benchmarks.values():
        benchmark.sample()  # wakes threads and clock
    for _ in range(samples):
        rng.shuffle(order)
        for name in order:
            taken[name].append(benchmarks[name].sample())
    return taken


def fastest(candidates):
    """The fastest of several ways to do the same, calibrated."""
    candidates = [candidate.calibrate() for candidate in candidates]
    if len(candidates) == 1:
        return candidates[0]
    return min(candidates, key=lambda candidate: min(candidate.sample() for _ in range(5)))
