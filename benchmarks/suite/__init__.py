"""What every benchmark of the suite needs before numpy and numba are imported: threads, cache, and the shared table.

asv imports the suite from the checkout it was started in, and numbanet from the commit that it measures.
"""

import os
import runpy
from pathlib import Path

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

for _name in ("NUMBANET_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, str(CPUS))  # as many for the references' BLAS as for the kernels

# A commit's machine code in a folder of its own, whatever that commit's numbanet believes of keeping commits apart.
if _commit := os.environ.get("ASV_COMMIT"):
    os.environ["NUMBANET_CACHE_DIR"] = str(Path(os.environ["ASV_CONF_DIR"], ".asv", "kernels", _commit))

ROOT = Path(__file__).resolve().parents[2]
runpy.run_path(str(ROOT / "numbanet" / "bench" / "graft.py"))

# numba sets itself up at the first call of a kernel, in 0.7 s. asv forks a process for each combination of parameters
# from one that has imported this: there once is enough.
from numba.core.registry import cpu_target  # noqa: E402

cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
