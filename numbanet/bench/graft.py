"""Run as a script or by `runpy`: make `numbanet.bench` this folder, whichever commit's numbanet is imported.

A benchmark compares commits fairly only where all of them are measured by one and the same code.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numbanet

_folder = Path(__file__).resolve().parent
_spec = spec_from_file_location("numbanet.bench", _folder / "__init__.py", submodule_search_locations=[str(_folder)])
numbanet.bench = sys.modules["numbanet.bench"] = module_from_spec(_spec)
_spec.loader.exec_module(numbanet.bench)
