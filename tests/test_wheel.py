"""Machine code that comes with the package: how it is written and found, and that it is the host's own, bit for bit."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_cpus import CODE as TRAINING

import numbanet
from numbanet import _shipping
from numbanet.runtime import shipped, target

ROOT = Path(numbanet.__file__).parent.parent
NAMES = ["relu_forward", "sgd_update"]
HERE = [name for name, level in target.LEVELS.items() if level.runs_here()]
needs_a_level = pytest.mark.skipif(not HERE, reason="this CPU has no level of those that code is shipped for")

# Operations alone and by a table, and a hash of what they give; what was compiled for it, and the files of the cache.
CODE = """
import hashlib, json, os, sys
import numpy as np
from pathlib import Path
from llvmlite import binding
features = binding.get_host_cpu_features()
if missing := os.environ.get("MISSING"):  # the CPU is to be one without these
    features.update({name: False for name in features if name.startswith(missing)})
    binding.get_host_cpu_features = lambda: features
from numbanet import kernels, _warmup
from numbanet.runtime import cache, call_table, machine, shipped
compiled, taken, digest, get = [], [], hashlib.sha256(), shipped.Shipped.get
shipped.Shipped.get = lambda code, name: taken.append(name) or get(code, name)
class Notes(machine.Compilations):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].__name__ if event.data else "elsewhere")
        super().on_start(event)
with Notes(lambda: None):
    for dtype in ("float32", "float64"):
        for name in sys.argv[1:]:
            arguments = _warmup.arguments(name, dtype)
            kernel = getattr(kernels, name)
            kernel(*arguments)
            call_table.Table([call_table.Call(kernel.serial, arguments)]).walk()
            digest.update(b"".join(each.tobytes() for each in arguments if isinstance(each, np.ndarray)))
code, folder = shipped.found(), cache.cache_folder()
found = {"level": code and code.level, "compiled": sorted(set(compiled)), "digest": digest.hexdigest()}
found |= {"taken": len(taken), "described": shipped.described()}
found |= {"kept": folder and [path.name for path in folder.iterdir()]}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package that has two operations' machine code for every level that this machine runs."""
    root = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "numbanet", root / "numbanet", ignore=shutil.ignore_patterns("__pycache__", "_machine_code"))
    for path in _shipping.ship(root / "numbanet" / "_machine_code", ",".join(HERE), NAMES):
        assert path.stem in HERE
    return root


def run(root, kept, names=NAMES, **variables):
    """What CODE prints, run with the package in `root` and a cache's folder, and what it says on standard error."""
    environment = {**os.environ, "PYTHONPATH": str(root), "NUMBANET_CACHE_DIR": str(kept), **variables}
    command = [sys.executable, "-c", CODE, *names]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(**json.loads(done.stdout), told=done.stderr)


def only(package, tmp_path, level):
    """A copy of a package that has the code of one level alone, or of none."""
    root = tmp_path / "installed"
    shutil.copytree(package, root)
    for path in (root / "numbanet" / "_machine_code").iterdir():
        if path.stem != level:
            path.unlink()
    return root


@needs_a_level
def test_shipped_code_runs_without_compiling_and_has_the_bits_of_the_hosts_own(package, tmp_path):
    own = run(only(package, tmp_path / "none", None), tmp_path / "own")
    assert (own.level, own.described, own.told) == (None, "none came with the package", "")
    assert set(own.compiled) >= set(NAMES)
    assert own.kept
    best = run(package, tmp_path / "best")
    assert (best.level, best.compiled, best.digest, best.kept, best.told) == (HERE[0], [], own.digest, [], "")
    assert best.taken > len(NAMES)
    assert f"functions for {HERE[0]} came with the package" in best.described


@pytest.mark.skipif("x86-64-v4" not in HERE, reason="this CPU has no AVX-512 to leave out")
def test_the_best_level_that_has_the_vectors_of_the_cpu(package, tmp_path):
    lesser = run(package, tmp_path / "lesser", MISSING="avx512")
    assert (lesser.level, lesser.compiled) == ("x86-64-v3", [])
    wider = run(only(package, tmp_path, "x86-64-v3"), tmp_path / "wider")
    assert (wider.level, wider.digest) == (None, lesser.digest)
    assert set(wider.compiled) >= set(NAMES)
    assert "has vectors of 32 bytes, and this CPU has those of 64" in wider.told
    assert "has vectors of 32 bytes" in wider.described


@needs_a_level
def test_the_hosts_own_code_goes_first(package, tmp_path):
    root, kept = only(package, tmp_path, HERE[0]), tmp_path / "kept"
    run(only(package, tmp_path / "none", None), kept)
    found = run(root, kept)
    assert (found.level, found.compiled, found.taken) == (HERE[0], [], 0)


@needs_a_level
def test_a_cache_that_cannot_be_made_is_not_missed(package, tmp_path):
    (tmp_path / "file").write_text("no folder")
    found = run(package, tmp_path / "file")
    assert (found.level, found.compiled, found.kept) == (HERE[0], [], None)
    assert "cannot keep its compiled kernels" in found.told


@needs_a_level
@pytest.mark.parametrize("damage", ["bits", "cut", "table", "another"])
def test_damaged_code_is_compiled_anew(package, tmp_path, damage):
    root = only(package, tmp_path, HERE[0])
    [path] = (root / "numbanet" / "_machine_code").iterdir()
    content = bytearray(path.read_bytes())
    begin = shipped.SIZE_BYTES + int.from_bytes(content[: shipped.SIZE_BYTES], "little")  # of the functions
    if damage == "bits":
        for place in range(begin + 40, len(content), 1000):
            content[place] ^= 1
    elif damage == "cut":
        del content[begin:]
    elif damage == "table":
        content[100] ^= 1
    else:
        content = bytes(3)
    path.write_bytes(content)
    found, whole = run(root, tmp_path / "kept"), run(package, tmp_path / "whole")
    assert set(found.compiled) >= set(NAMES)
    assert (whole.compiled, whole.digest) == ([], found.digest)
    assert found.level == (HERE[0] if damage in ("bits", "cut") else None)
    assert ("cannot be read" in found.told) == (damage in ("table", "another"))


# The same code, as if another numba had made it.
BY_ANOTHER = """
import sys
from pathlib import Path
from numbanet.runtime import fingerprint, shipped
fingerprint.numba.__version__ = "0.1"
code = shipped.Shipped(Path(sys.argv[1]))
shipped.write(code.level, {name: code.get(name) for name in code.names()}, code.path.parent)
"""


@needs_a_level
@pytest.mark.parametrize(
    ("case", "variables", "reason"),
    [
        ("numba", {}, "was made with numba 0.1, and here is"),
        ("source", {}, "is that of other sources than these"),
        ("variable", {"NUMBA_OPT": "2"}, "was made without NUMBA_OPT=2"),
    ],
)
def test_why_code_does_not_serve_is_told_once_where_something_is_compiled(package, tmp_path, case, variables, reason):
    root = only(package, tmp_path, HERE[0])
    [path] = (root / "numbanet" / "_machine_code").iterdir()
    if case == "source":
        with open(root / "numbanet" / "runtime" / "lazy.py", "a") as file:
            file.write("\n")
    elif case == "numba":
        environment = {**os.environ, "PYTHONPATH": str(root)}
        subprocess.run([sys.executable, "-c", BY_ANOTHER, str(path)], check=True, cwd=root, env=environment)
    found = run(root, tmp_path / "kept", **variables)
    assert found.level is None
    assert set(found.compiled) >= set(NAMES)
    assert found.told.count(reason) == 1
    assert reason in found.described
    again = run(root, tmp_path / "kept", **variables)
    assert (again.compiled, again.told) == ([], "")  # all is in the cache


# A training with every kind of layer, see `test_cpus`; what was compiled for it goes to standard error.
TRAINED = f"""
import os, sys
from llvmlite import binding
features = binding.get_host_cpu_features()
if missing := os.environ.get("MISSING"):
    features.update({{name: False for name in features if name.startswith(missing)}})
    binding.get_host_cpu_features = lambda: features
from numbanet.runtime import machine
compilations = machine.Compilations(lambda: print("compiling", file=sys.stderr))
compilations.__enter__()
{TRAINING}
"""


@needs_a_level
@pytest.mark.slow
def test_a_training_by_code_of_each_level_compiles_nothing_and_has_the_bits_of_the_hosts_own(tmp_path):
    root = tmp_path / "installed"
    shutil.copytree(ROOT / "numbanet", root / "numbanet", ignore=shutil.ignore_patterns("__pycache__", "_machine_code"))

    def trained(kept, missing=""):
        variables = {"PYTHONPATH": str(root), "NUMBANET_CACHE_DIR": str(tmp_path / kept), "MISSING": missing}
        command, options = [sys.executable, "-c", TRAINED], {"cwd": root, "env": {**os.environ, **variables}}
        done = subprocess.run(command, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout.split(" ", 1)[1], done.stderr

    expected, told = trained("own")
    assert told == "compiling\n"
    for _ in _shipping.ship(root / "numbanet" / "_machine_code", ",".join(HERE)):
        pass
    assert trained("best") == (expected, "")
    if HERE[0] == "x86-64-v4":
        assert trained("second", "avx512") == (expected, "")


# In the place of the compiler, which takes minutes: see `hatch_build`.
BUILT = """
import subprocess, sys
from pathlib import Path
import hatchling.build

def run(command, **options):
    Path(command[3], "level.code").write_text(command[4])
    return subprocess.CompletedProcess(command, 0)

subprocess.run = run
print(*hatchling.build.get_requires_for_build_wheel())
print(hatchling.build.build_wheel(sys.argv[1]))
"""


@pytest.mark.parametrize("asked", ["", "x86-64-v3"])
def test_a_wheel_has_machine_code_where_it_is_asked_for(tmp_path, asked):
    pytest.importorskip("hatchling")
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "numbanet", tree / "numbanet", ignore=shutil.ignore_patterns("__pycache__", "_machine_code"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    environment = {**os.environ, "NUMBANET_MACHINE_CODE": asked}
    command = [sys.executable, "-c", BUILT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tree, env=environment)
    assert done.returncode == 0, done.stderr
    needs, name = done.stdout.splitlines()
    with zipfile.ZipFile(tmp_path / name) as wheel:
        carried = {each: wheel.read(each).decode() for each in wheel.namelist() if "_machine_code" in each}
        described = wheel.read(next(each for each in wheel.namelist() if each.endswith("WHEEL"))).decode()
    if asked:
        assert "numba" in needs
        assert carried == {"numbanet/_machine_code/level.code": "x86-64-v3"}
        assert "-cp{}{}-none-".format(*sys.version_info) in name
        assert "Root-Is-Purelib: false" in described
    else:
        assert (needs, carried) == ("", {})
        assert name.endswith("-py3-none-any.whl")


def test_levels_are_those_of_this_machine():
    with pytest.raises(ValueError, match="expected levels of .*got 'i486'"):
        _shipping.levels("i486")
