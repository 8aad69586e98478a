"""Nothing is forgotten: every operation has its twin, its signature and its cases; and importing stays light."""

import copy
import importlib
import inspect
import json
import pickle
import pkgutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from cases import CASES

from numbanet import kernels, reference
from numbanet.runtime.dispatch import Kernel


def differences(spec, twins, entries):
    """What is missing or differs, one sentence each."""
    found = []
    for name in sorted({*spec.__all__, *twins.__all__, *entries}):
        places = {"numbanet.reference": spec.__all__, "numbanet.kernels": twins.__all__, "tests/cases.py": entries}
        missing = [place for place, names in places.items() if name not in names]
        if missing:
            found.append(f"{name} is missing in {' and '.join(missing)}")
            continue
        parameters = list(inspect.signature(getattr(spec, name)).parameters)
        if parameters != list(inspect.signature(getattr(twins, name)).parameters):
            found.append(f"{name} has other parameters in numbanet.kernels than {parameters}")
        for case in entries[name]:
            if parameters != list(case.build(np.random.default_rng(0), np.float64)):
                found.append(f"{name} has other parameters in tests/cases.py, {case.name}, than {parameters}")
    return found


def test_every_operation_has_its_twin_and_its_cases():
    assert differences(reference, kernels, CASES) == []


def operations(package, is_operation):
    """Name of the file and of the operation, for each that a file of the package defines."""
    files = [info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_")]
    modules = [(file, importlib.import_module(f"{package.__name__}.{file}")) for file in files]
    return {(file, name) for file, module in modules for name, value in vars(module).items() if is_operation(value)}


def test_every_operation_is_exported_and_in_the_same_file():
    written = operations(kernels, lambda value: isinstance(value, Kernel))
    assert sorted(name for _, name in written) == sorted(kernels.__all__)
    assert written <= operations(reference, inspect.isfunction)


@pytest.mark.parametrize(
    ("forgotten", "message"),
    [
        ("spec", "relu_forward is missing in numbanet.reference"),
        ("twins", "relu_forward is missing in numbanet.kernels"),
        ("entries", "relu_forward is missing in tests/cases.py"),
    ],
)
def test_what_was_forgotten_is_named(forgotten, message):
    given = {
        "spec": SimpleNamespace(__all__=["relu_forward"], relu_forward=reference.relu_forward),
        "twins": SimpleNamespace(__all__=["relu_forward"], relu_forward=kernels.relu_forward),
        "entries": {"relu_forward": []},
    }
    assert differences(**given) == []
    given[forgotten] = {} if forgotten == "entries" else SimpleNamespace(__all__=[])
    assert differences(**given) == [message]


def test_other_parameters_are_named():
    spec = SimpleNamespace(__all__=["f"], f=lambda x, out: None)
    twins = SimpleNamespace(__all__=["f"], f=lambda out, x: None)
    assert differences(spec, twins, {"f": []}) == ["f has other parameters in numbanet.kernels than ['x', 'out']"]
    build = SimpleNamespace(name="N=1", build=lambda rng, dtype: {"x": 0})
    assert "in tests/cases.py, N=1" in differences(spec, spec, {"f": [build]})[0]


def printed(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_loads_nothing_heavy():
    loaded = printed(
        "import json, sys; from numbanet import *; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    )
    assert "numba" in loaded
    assert not {"scipy", "sklearn", "pandas", "matplotlib", "torch", "onnx", "tqdm"} & set(loaded)


def test_import_compiles_nothing():
    script = """
import json
import pickle
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    from numbanet import *
print(json.dumps(len(recorder.buffer)))
"""
    assert printed(script) == 0


def test_kernels_are_pickled_and_copied_by_name():
    for name in kernels.__all__:
        kernel = getattr(kernels, name)
        assert pickle.loads(pickle.dumps(kernel)) is copy.deepcopy(kernel) is kernel
