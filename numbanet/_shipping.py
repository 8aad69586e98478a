"""Machine code for wheels: kernels compiled ahead for levels of CPUs, rather than for this machine's own CPU.

Nothing of what is compiled here runs here, so that a machine without AVX-512 makes code for those that have it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import _warmup, kernels
from .kernels import _gather
from .operations import OPERATIONS
from .runtime import cache, call_table, sharing, shipped, target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Any

DTYPES = "float32", "float64"
OF_DATA = *DTYPES, "uint8"  # what examples come in


def levels(asked: str) -> list[str]:
    """The levels in a list with commas, or "all" that CPUs like this one may have; ValueError for others."""
    here = [name for name, level in target.LEVELS.items() if level.of_this_kind()]
    names = here if asked == "all" else asked.split(",")
    for name in names:
        if name not in here:
            raise ValueError(f"expected levels of {', '.join(here)}, with commas between them, or all; got {name!r}")
    return names


def ship(folder: Path, asked: str, names: Collection[str] = ()) -> Iterator[Path]:
    """Compile kernels for each level in a process of its own, and write a file of machine code; gives each.

    Parameters
    ----------
    folder : Path
    asked : str
        See `levels`.
    names : collection of str
        Of operations; by default all.
    """
    for level in levels(asked):
        with tempfile.TemporaryDirectory() as kept:
            made_for = target.LEVELS[level].target
            environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
            environment |= {"NUMBA_CPU_NAME": made_for.cpu, "NUMBA_CPU_FEATURES": made_for.features}
            environment["NUMBANET_CACHE_DIR"] = kept
            script = f"from numbanet._shipping import compile_all; compile_all({[*names]!r})"
            subprocess.run([sys.executable, "-c", script], check=True, env=environment)
            [compiled] = Path(kept).iterdir()
            yield shipped.write(level, cache.contents(compiled), folder)


def compile_all(names: Collection[str] = ()) -> None:
    """Compile into the cache's folder all that trainings and inference call, or of operations only these."""
    if not names:
        _warmup.warmup(DTYPES)
    calls: list[tuple[Any, Sequence[Any]]] = [
        (getattr(kernels, name).serial, _warmup.arguments(name, dtype))
        for dtype in DTYPES
        for name in names or OPERATIONS
    ]
    if not names:
        calls += [call for dtype in DTYPES for call in _of_examples(dtype)]
    for call in calls:
        with contextlib.suppress(call_table.NoRecordError):  # one that networks call from Python alone
            call_table.Table([call_table.Call(*call)])
    sharing.compile_all()


def _of_examples(dtype: str) -> Iterator[tuple[Any, Sequence[Any]]]:
    """What takes examples, targets and weights from data into a network of this dtype, with arguments."""
    rows, mean = np.zeros(1, np.int64), np.zeros(2)
    into = np.zeros((1, 2), dtype)
    for source in OF_DATA:
        X = np.zeros((1, 2), source)
        yield _gather.gather.serial, (X, rows, into)
        yield _gather.gather_standardized.serial, (X, rows, mean, mean, into)
    yield _gather.copy.serial, (into, np.finfo(dtype).max, into, np.zeros(1, np.uint8))
    for places in (rows.astype(np.int32), rows):
        yield _gather.gather_sparse.serial, (into[0], rows, places, places, into)
    labels = rows.reshape(1, 1)
    yield _gather.gather.serial, (labels, rows, labels)


if __name__ == "__main__":  # for `hatch_build.py`
    try:
        for path in ship(Path(sys.argv[1]), sys.argv[2]):
            print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    except ValueError as error:
        sys.exit(str(error))
