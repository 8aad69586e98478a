"""Who imports what of numba and LLVM, and what importing numbanet leaves behind in the process."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import numbanet
from numbanet.runtime import internals

PACKAGE = Path(numbanet.__file__).parent
INTERNALS = "runtime/internals.py"

# What numba documents, by the module that it is in: all that is imported of numba anywhere but in `internals`.
PUBLIC = {
    "numba": {"config", "get_num_threads", "jit", "njit", "prange", "set_num_threads", "threading_layer", "types"},
    "numba.extending": {"intrinsic"},
}


def faults(place, source):
    """What a file of the package, by its path in it, reaches for and should not, a sentence each."""
    found = []
    room = place.rpartition("/")[0]
    modules, objects = set(), set()  # names that are numba itself, and names of what comes from it
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported = [(alias.name, None, alias.asname or alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [("." * node.level + (node.module or ""), alias.name, alias.asname) for alias in node.names]
        else:
            continue
        for module, name, local in imported:
            whole = f"{module}.{name}" if name else module
            root = module.partition(".")[0]
            if root == "llvmlite" and room not in ("runtime", "kernels/simd"):
                found.append(f"{place} imports {whole}, which is for runtime and kernels/simd")
            if root == "numba" and place != INTERNALS:
                modules |= set() if name else {local}
                if module != "numba" if name is None else name not in PUBLIC.get(module, ()):
                    found.append(f"{place} imports {whole}, which is for {INTERNALS}")
            if root == "numba" or module.endswith("internals"):
                objects.add(local or name)
            if room == "kernels/simd" and module.startswith("..") and not module.startswith("...runtime"):
                found.append(f"{place} imports {whole} from the loops above it")
            if room == "runtime" and module.partition("kernels")[1]:
                found.append(f"{place} imports {whole}: it should know no kernel")
    for node in ast.walk(ast.parse(source)):
        if place != INTERNALS and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            private = node.attr.startswith("_") and node.attr != "__version__"
            unknown = node.value.id in modules and node.attr not in {"__version__", *PUBLIC["numba"]}
            if unknown or (private and node.value.id in objects):
                found.append(f"{place} uses {node.value.id}.{node.attr}, which is for {INTERNALS}")
    return found


def test_one_module_knows_what_numba_does_not_promise():
    places = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
    assert INTERNALS in places
    assert [fault for place in places for fault in faults(place, (PACKAGE / place).read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("place", "source", "fault"),
    [
        ("kernels/affine.py", "from numba.core import cgutils", "imports numba.core.cgutils, which is for runtime/int"),
        ("runtime/forks.py", "import numba.np.ufunc", "imports numba.np.ufunc, which is for runtime/internals.py"),
        ("runtime/forks.py", "from numba import core", "imports numba.core, which is for runtime/internals.py"),
        ("runtime/forks.py", "import numba\nnumba.core.event", "uses numba.core, which is for runtime/internals.py"),
        ("runtime/forks.py", "import numba as nb\nnb._helperlib", "uses nb._helperlib, which is for runtime/internals"),
        ("runtime/forks.py", "from .internals import event\nevent._x", "uses event._x, which is for runtime/internals"),
        ("kernels/affine.py", "from llvmlite import ir", "imports llvmlite.ir, which is for runtime and kernels/simd"),
        ("cli/_info.py", "import llvmlite", "imports llvmlite, which is for runtime and kernels/simd"),
        ("kernels/simd/fma.py", "from .. import affine", "imports ...affine from the loops above it"),
        ("kernels/simd/fma.py", "from ..conv.direct import f", "imports ..conv.direct.f from the loops above it"),
        ("runtime/forks.py", "from ..kernels import relu_forward", "imports ..kernels.relu_forward: it should know no"),
    ],
)
def test_what_should_not_be_imported_is_named(place, source, fault):
    [found] = faults(place, source)
    assert found.startswith(f"{place} {fault}")


def test_what_is_used_of_numbas_modules_is_looked_for():
    used = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used.add((node.value.id, node.attr))
    for name in ("arrayobj", "cgutils", "event"):
        module = getattr(internals, name).__name__.removeprefix("numba.")
        needed = {f"{module}:{attribute}" for which, attribute in used if which == name and attribute != "Listener"}
        assert needed
        assert needed <= set(internals.NEEDED)


def run(script, *arguments):
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["core.cgutils:unpack_tuple", "core.compiler:compile_result", "np.arraymath"])
def test_a_numba_that_lacks_what_is_needed_is_told_of_in_a_sentence(name):
    module, _, attribute = name.partition(":")
    owner, _, last = attribute.rpartition(".")
    script = f"""
import pkgutil, sys
import numba
if {attribute!r}:
    delattr(pkgutil.resolve_name("numba.{module}:{owner}"), {last!r})
else:
    sys.modules["numba.{module}"] = None
from numbanet.cli import main
sys.exit(main(["info"]))
"""
    done = run(script)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    said = (
        f"numbanet: error: numba {numba.__version__} lacks {name}, which numbanet needs; it works with numba 0.60 to "
    )
    assert done.stderr.startswith(said)


# Another thread imports scipy, from its first line to its last, while numba is loaded without it.
MEANWHILE = """
import json, sys, threading

def gate(event, arguments):  # before the last module of numba that is loaded without scipy runs
    if event == "exec" and arguments[0].co_filename.endswith("arraymath.py") and not seen:
        seen["gap"], seen["finders"] = "scipy" in sys.modules, len(sys.meta_path)
        thread.start()
        thread.join(60)

def other():
    try:
        import scipy.linalg
        seen["norm"] = float(scipy.linalg.norm([3.0, 4.0]))
    except BaseException as error:
        seen["error"] = repr(error)

seen, thread = {}, threading.Thread(target=other)
sys.addaudithook(gate)
finders, entries, modules = sys.meta_path, list(sys.meta_path), dict(sys.modules)
import numbanet.kernels
seen["finders before"] = len(entries)
seen["same list"] = sys.meta_path is finders and finders == entries
seen["changed"] = [name for name, module in modules.items() if sys.modules.get(name) is not module]
seen["none"] = [name for name in sys.modules if name.startswith("scipy") and sys.modules[name] is None]
print(json.dumps(seen))
"""


def test_a_thread_that_imports_scipy_meanwhile_gets_it():
    pytest.importorskip("scipy")
    done = run(MEANWHILE)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("finders") == seen.pop("finders before") + 1  # it is while numba is loaded
    assert seen == {"gap": False, "norm": 5.0, "same list": True, "changed": [], "none": []}


# Finders that others add while numba is loaded stay; a function of the user's has its linear algebra and numba's own
# number, before and after kernels are compiled, in forked children too.
AFTER = """
import json, os, sys

class Adds:
    def find_spec(self, name, *_):
        if name == "numba.np.arraymath":
            sys.meta_path.append(added)

class Added:
    find_spec = staticmethod(lambda *_: None)

added, adds, finders = Added(), Adds(), sys.meta_path
sys.meta_path.insert(0, adds)
import numbanet
from numbanet.kernels import relu_forward
seen = {"loaded": "scipy" in sys.modules, "finders": sys.meta_path is finders and finders[-1] is added}
import numba
import numpy as np
from numba.core.bytecode import FunctionIdentity
counter = FunctionIdentity._unique_ids

@numba.njit
def product(a, b):
    return np.dot(a, b)

@numba.njit
def ours(a):
    return a + 1

x = np.array([-1.0, 2.0], np.float32)
relu_forward.serial(x, x)
seen["kernel"], seen["after a kernel"] = x.tolist(), "scipy" in sys.modules
if hasattr(os, "fork") and os.fork() == 0:
    os._exit(0 if FunctionIdentity._unique_ids is counter else 1)
seen["child"] = os.wait()[1] if hasattr(os, "fork") else 0
ours(1)
seen["small"] = ours.overloads[ours.signatures[0]].fndesc.uid < 1000
seen["counter"] = FunctionIdentity._unique_ids is counter and repr(counter).startswith("count(")
seen["linear algebra"] = numba.np.arraymath._HAVE_BLAS
seen["flags"] = type(numba.core.compiler.Flags()).__module__
try:
    seen["product"] = product(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])).tolist()
except numba.NumbaError as error:
    seen["product"] = str(error)
print(json.dumps(seen))
"""


def test_others_functions_are_as_numba_makes_them():
    pytest.importorskip("scipy")
    done = run(AFTER)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "loaded": False,
        "finders": True,
        "kernel": [0.0, 2.0],
        "after a kernel": False,
        "child": 0,
        "small": True,
        "counter": True,
        "linear algebra": True,
        "flags": "numba.core.compiler",
        "product": [-1.0, -1.0],
    }
