"""How many threads a fit or a prediction uses."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

import numpy as np

from ..runtime.threads import alone, at_most

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any


def training_threads(n_jobs: int | None) -> AbstractContextManager[None]:
    """Within the block a fit uses `n_jobs` threads.

    None is numbanet's own choice, and one thread where the calling one is not the program's main thread, as with
    joblib's threading backend: several fits then run side by side, each on a core, without Python's lock.
    """
    if n_jobs is None and threading.current_thread() is not threading.main_thread():
        return alone()
    return prediction_threads(n_jobs)


def prediction_threads(n_jobs: Any) -> AbstractContextManager[None]:
    """The same of a prediction, which numbanet lets run by itself where another runs."""
    if n_jobs is None:
        return contextlib.nullcontext()
    if not isinstance(n_jobs, (int, np.integer)) or n_jobs == 0:
        raise ValueError(f"n_jobs == {n_jobs!r} has no meaning: expected None, 1 or more, or -1 for all cores")
    count = int(n_jobs) if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + int(n_jobs))
    return alone() if count == 1 else at_most(count)
