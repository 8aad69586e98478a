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
