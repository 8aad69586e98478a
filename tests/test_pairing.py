"""Nothing is forgotten: what the table of operations has, every place has too; and importing stays light."""

import copy
import importlib
import inspect
import json
import pickle
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import CASES

import numbanet
from numbanet import functional, kernels, layers, losses, operations, reference
from numbanet.operations import OPERATIONS
from numbanet.runtime.dispatch import Kernel

CHANGELOG = (Path(__file__).resolve().parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")


def has(module, name):
    return getattr(module, name, None) is not None


def files(before):
    """The modules of the families, by family, whose names begin so."""
    return {family: importlib.import_module(f"{before}{family}") for family in operations.FAMILIES}


REFERENCE, KERNELS, TESTS = files("numbanet.reference."), files("numbanet.kernels."), files("test_")


def is_told(operation):
    """Whether the changelog has an activation or a loss, in whichever way words are joined there."""
    words = operation.public.lower(), operation.name.rpartition("_")[0].replace("_", " ")
    return any(re.search(rf"\b{word}\b", CHANGELOG.lower().replace("-", " ")) for word in words)


# For each place that has something of an operation: which operations, and whether it is there.
PLACES = {
    "numbanet/reference/{family}.py": (lambda o: True, lambda o: has(REFERENCE[o.family], o.name)),
    "numbanet/kernels/{family}.py": (lambda o: True, lambda o: has(KERNELS[o.family], o.name)),
    "numbanet/functional/{family}.py": (lambda o: o.functional, lambda o: o.functional in functional.__all__),
    "numbanet/layers/activations.py": (
        lambda o: o.family == "activations" and o.public,
        lambda o: o.public in layers.activations.__all__ and has(layers, o.public),
    ),
    "numbanet/losses.py": (
        lambda o: o.family == "losses" and o.public,
        lambda o: o.public in losses.__all__ and has(losses, o.public),
    ),
    "tests/test_{family}.py": (lambda o: True, lambda o: o.name in {name for name, _, _ in TESTS[o.family].VALUES}),
    "CHANGELOG.md": (lambda o: o.family in ("activations", "losses") and o.public, is_told),
}


def missing(places=PLACES):
    """What is missing, one sentence each."""
    return [
        f"{operation.name} is missing in {place.format(family=operation.family)}"
        for operation in OPERATIONS.values()
        for place, (concerns, is_there) in places.items()
        if concerns(operation) and not is_there(operation)
    ]


def test_every_operation_is_in_every_place():
    assert missing() == []


@pytest.mark.parametrize(
    ("target", "name", "message"),
    [
        (REFERENCE["losses"], "svm_loss", "svm_loss is missing in numbanet/reference/losses.py"),
        (KERNELS["pooling"], "max_pool_forward", "max_pool_forward is missing in numbanet/kernels/pooling.py"),
        (layers, "ELU", "elu_forward is missing in numbanet/layers/activations.py"),
        (losses, "SVM", "svm_loss is missing in numbanet/losses.py"),
    ],
)
def test_what_was_forgotten_is_named(target, name, message, monkeypatch):
    monkeypatch.delattr(target, name)
    assert message in missing()


@pytest.mark.parametrize(
    ("target", "values", "message"),
    [
        ("numbanet.functional.__all__", ["add"], "elu_forward is missing in numbanet/functional/activations.py"),
        ("test_losses.VALUES", TESTS["losses"].VALUES[:1], "svm_loss is missing in tests/test_losses.py"),
        (f"{__name__}.CHANGELOG", "ReLU", "elu_forward is missing in CHANGELOG.md"),
        (f"{__name__}.CHANGELOG", "squared error", "softmax_loss is missing in CHANGELOG.md"),
        ("numbanet.losses.__all__", ["SVM"], "squared_error_loss is missing in numbanet/losses.py"),
        ("numbanet.layers.activations.__all__", ["ELU"], "silu_forward is missing in numbanet/layers/activations.py"),
    ],
)
def test_what_is_not_listed_is_named(target, values, message, monkeypatch):
    monkeypatch.setattr(target, values)
    assert message in missing()


def defined(package, is_operation):
    """Name of the file and of the operation, for each that a file of the package defines."""
    names = [info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_")]
    modules = [(file, importlib.import_module(f"{package.__name__}.{file}")) for file in names]
    return {(file, name) for file, module in modules for name, value in vars(module).items() if is_operation(value)}


def test_every_kernel_is_in_the_table_and_in_the_file_of_its_family():
    written = defined(kernels, lambda value: isinstance(value, Kernel))
    assert written == {(operation.family, operation.name) for operation in OPERATIONS.values()}
    assert written <= defined(reference, inspect.isfunction)
    assert set(kernels.__all__) == set(reference.__all__) == set(OPERATIONS)


def parameters(function):
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_are_those_of_the_table(name):
    assert parameters(getattr(reference, name)) == list(OPERATIONS[name].arguments)
    assert parameters(getattr(kernels, name)) == list(OPERATIONS[name].arguments)
    for case in CASES[name]:
        built = case.build(np.random.default_rng(0), np.dtype(np.float64))
        assert list(built) == list(OPERATIONS[name].arguments)


def test_every_activation_and_loss_is_a_public_name():
    for family in ("activations", "losses"):
        for name in operations.public_names(family):
            assert name in numbanet.__all__
            assert getattr(numbanet, name).__name__ == name
    assert set(layers.activations.__all__) == set(operations.public_names("activations"))
    assert set(losses.__all__) == {"Loss", *operations.public_names("losses")}


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
