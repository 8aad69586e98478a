"""Run as a script or by `runpy`: `numbanet.bench` and the table of operations are this checkout's, whichever commit's
numbanet is imported.

A benchmark compares commits fairly only where all of them are measured by one and the same code.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numbanet
import numbanet.kernels
import numbanet.reference  # both go by their own commit's table, before it is ours


def _graft(name, folder):
    spec = spec_from_file_location(f"numbanet.{name}", folder / "__init__.py", submodule_search_locations=[str(folder)])
    for inside in [other for other in sys.modules if other.startswith(f"numbanet.{name}.")]:
        del sys.modules[inside]  # the other commit's, which has imported its own by now
    module = module_from_spec(spec)
    sys.modules[f"numbanet.{name}"] = module
    setattr(numbanet, name, module)
    spec.loader.exec_module(module)


_bench = Path(__file__).resolve().parent
_graft("operations", _bench.parent / "operations")
_graft("bench", _bench)
