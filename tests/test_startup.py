"""What is loaded when: numbanet's names when they are first used, numba with the first that needs it."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import numbanet
from numbanet import _names, initializers, layers

HEAVY = ("numpy", "numba", "llvmlite", "numbanet.kernels")


def loaded_after(code):
    """The heavy modules that a fresh process has loaded once it has run that, and all that it printed."""
    script = f"{code}\nimport sys\nprint('loaded:', *[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    printed, _, found = done.stdout.rpartition("loaded:")
    return found.split(), printed + done.stderr


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("--help", "Train small neural networks"),
        ("--version", f"numbanet {numbanet.__version__}"),
        ("", "expected a command"),
        ("trian", "did you mean train?"),
        ("train --help", "--dropout"),
        ("evaluate --help", "--target"),
        ("predict --help", "--output"),
        ("warmup --help", "--processes"),
        ("info --help", "usage: numbanet info"),
        ("bench --help", "--operations"),
        ("train --hiden 3", "did you mean --hidden?"),
        ("train --l2 -1", "--l2: expected a number in [0, inf), got -1"),
        ("train --optimizer sdg", "did you mean sgd?"),
        ("train --weight-init he_norm", "did you mean he_normal?"),
    ],
)
def test_help_and_mistakes_load_neither_numpy_nor_numba(arguments, shown):
    heavy, printed = loaded_after(f"from numbanet.cli import main\nmain({arguments.split()!r})")
    assert shown in printed
    assert heavy == []


def test_importing_numbanet_loads_nothing_until_a_name_is_used():
    assert loaded_after("import numbanet")[0] == []
    assert loaded_after("from numbanet import DataError")[0] == []
    assert loaded_after("import numbanet as nn; nn.Affine")[0][:1] == ["numpy"]
    assert loaded_after("from numbanet import Solver")[0] == list(HEAVY)


def test_every_name_is_there_and_is_what_its_module_has():
    used, _ = loaded_after(
        "from numbanet import *\nassert Solver.__module__ == 'numbanet.training.solver' and data.load_digits"
    )
    assert used == list(HEAVY)
    assert all(hasattr(numbanet, name) for name in numbanet.__all__)
    assert set(numbanet.__all__) <= set(dir(numbanet))
    assert pickle.loads(pickle.dumps(numbanet.ReLU)) is layers.ReLU
    assert numbanet.FullyConnectedNet is sys.modules["numbanet.networks"].FullyConnectedNet


def test_modules_are_attributes_as_if_they_had_been_imported():
    used = "nn.plotting.filters, nn.cs231n, nn.layers.LAYERS, nn.checkpoint, nn.errors"
    loaded_after(f"import numbanet as nn\n{used}")


def test_a_name_that_is_not_there():
    for name in ("Sover", "_no_such", "__wrapped__", "data.labels"):
        assert not hasattr(numbanet, name)
    with pytest.raises(AttributeError, match="module 'numbanet' has no attribute 'Sover'"):
        numbanet.Sover  # noqa: B018


def test_type_checkers_see_the_names_that_there_are():
    tree = ast.parse(Path(numbanet.__file__).read_text(encoding="utf-8"))
    block, *_ = (node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
    seen = {}
    for node in block.body:
        if node.module in ("_types", "collections.abc", "typing"):
            continue
        for alias in node.names:
            names = written_out(node.module) if alias.name == "*" else [alias.name]
            seen.update(dict.fromkeys(names, node.module and node.module.removesuffix(".activations")))
    del seen["activations"]  # for what it writes out
    modules = {name for name, module in seen.items() if module is None}
    assert {name: module for name, module in seen.items() if module} == numbanet._MODULE_OF
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    eager = {alias.name for node in imports for alias in node.names}
    eager |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(seen) <= set(numbanet.__all__) <= {*seen, *eager}
    assert len(set(numbanet.__all__)) == len(numbanet.__all__)
    assert all(getattr(numbanet, name).__name__ == f"numbanet.{name}" for name in modules)


def written_out(module):
    """The names in `__all__` of a module of the package, which is a list of strings there."""
    path = Path(numbanet.__file__).parent / f"{module.replace('.', '/')}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError(f"no __all__ in {path}")


def test_the_names_that_help_lists_are_those_of_what_is_named():
    assert tuple(layers.ACTIVATIONS) == _names.ACTIVATIONS
    assert tuple(layers.NORMALIZATIONS) == _names.NORMALIZATIONS
    assert tuple(initializers.BY_NAME) == _names.INITIALIZERS


@pytest.mark.parametrize("module", ["numpy", "llvmlite", "numbanet.runtime.threads"])
def test_ctrl_c_while_modules_load_is_a_line(module):
    script = f"""
import os, signal, sys

class Presses:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell started in the background
sys.meta_path.insert(0, Presses())
from numbanet.cli import main
sys.exit(main(["info"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nnumbanet: interrupted\n")
