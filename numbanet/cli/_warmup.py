"""``numbanet warmup``."""

import sys
from time import perf_counter

from .. import _warmup
from ..training.progress import LINE_EVERY, clock
from ._status import FAILURE


def warmup(arguments):
    """Compile every kernel into the cache; returns the exit status."""
    dtypes = ("float32", "float64") if arguments.dtype == "both" else (arguments.dtype,)
    progress = _Progress(sys.stderr)
    try:
        done = _warmup.warmup(dtypes, arguments.processes, progress, arguments.parallel)
    finally:
        progress.close()
    if done.folder is None:  # which has been said
        return FAILURE
    print(f"{done.compiled} kernels compiled in {clock(done.seconds)}, {done.ready} were ready; kept in {done.folder}")
    return 0


class _Progress:
    """A bar by tqdm on a terminal, a line every few seconds elsewhere and without tqdm."""

    def __init__(self, stream):
        self._stream, self._bar, self._shown = stream, None, perf_counter()

    def __call__(self, done, total, name):
        if not total:
            return
        if done == 0:
            self._bar = self._tqdm(total)
        if self._bar:
            self._bar.set_postfix_str(name, refresh=False)
            self._bar.update(done - self._bar.n)
        elif done == 0 or perf_counter() - self._shown >= LINE_EVERY:
            self._shown = perf_counter()
            print(f"compiling kernels: {done} of {total}", file=self._stream, flush=True)

    def _tqdm(self, total):
        if not self._stream.isatty():
            return None
        try:
            from tqdm import tqdm
        except ImportError:
            return None
        return tqdm(
            total=total,
            desc="compiling kernels",
            file=self._stream,
            dynamic_ncols=True,
            bar_format="{desc} {n_fmt}/{total_fmt}|{bar}| {elapsed}{postfix}",
        )

    def close(self):
        if self._bar:
            self._bar.close()
