"""What the compiler made of the kernels: float32 stays float32, no library is called, nothing allocated; vectors."""

import functools
import math
import pkgutil
import platform
import re

import numba
import numpy as np
import pytest
from cases import CASES
from llvmlite import binding

from numbanet import kernels
from numbanet.kernels.simd.micro_kernel import MR, NR_VECTORS
from numbanet.operations import LOSSES, OPERATIONS
from numbanet.runtime.compiling import OPTIONS, NumbanetCompiler

# Losses and norms are summed in float64; nothing else may widen.
WIDENS = {*LOSSES, "l2_penalty", "clip_by_norm"}
# They move numbers, and calculate nothing.
MOVES = {"channels_first", "channels_last", "copy_columns", "embedding_forward", "repeat_labels", "repeat_rows"}
# The corrections of the bias, once a call.
POWERS = {"adam_update"}

WIDENING = re.compile(r"\bv?cvt(?:ps2pd|ss2sd)\b")
LIBRARY = re.compile(r"\b(?:exp|exp2|expm1|log|log1p|log2|pow|tanh|sinh|cosh|erf|erfc|fma)f?\b")
ALLOCATION = re.compile(r"\bNRT_(?:MemInfo_(?:\w+_)?(?:new|alloc)|(?:Re)?[Aa]llocate)\w*|\b(?:m|c|re)alloc\b")
# Of any width, as LLVM prefers 128 bits for some CPUs. And, or and blend don't count: it uses them for single numbers.
VECTOR = re.compile(r"\bv(?:add|sub|mul|div|max|min|sqrt|cmp\w*|fn?m(?:add|sub)\w*)ps\b")

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64") or not binding.get_host_cpu_features().get("avx2"),
    reason="reads instructions of x86-64 with AVX2",
)


def assembly(function, *arguments):
    """What `function` is compiled to for such arguments, as text."""
    # Compiled anew: what came from a file is not shown.
    dispatcher = numba.njit(**OPTIONS, pipeline_class=NumbanetCompiler)(function)
    dispatcher(*arguments)
    [overload] = dispatcher.overloads.values()
    return text_of(overload)


def text_of(overload):
    """The same of a compiled function and of all pieces that it calls by address."""
    pieces = []
    for load in overload.library._reload_init:
        function = pkgutil.resolve_name(f"{load.module}:{load.name}").py_func
        piece = numba.njit(**OPTIONS, pipeline_class=NumbanetCompiler)(function)
        piece.compile(load.types)
        pieces.append(text_of(piece.overloads[load.types]))
    return "".join([overload.library.get_asm_str(), *pieces])


@functools.cache  # two tests look at some
def assembly_of_kernel(name):
    arguments = CASES[name][-1].build(np.random.default_rng(0), np.float32)
    return assembly(getattr(kernels, name).py_func, *arguments.values())


def machine_code(text):
    """The instructions alone, without labels and directives."""
    return re.findall(r"^\t([^.\n].*)$", text, re.MULTILINE)


def faults(code, widens=False, vectors=True, powers=False):
    """What should not be so, one sentence each."""
    found = []
    if not widens and (lines := [line for line in code if WIDENING.search(line)]):
        found.append(f"float32 becomes float64: {lines[0]}")
    if lines := [line for line in code if LIBRARY.search(line) and not (powers and "$pow," in line)]:
        found.append(f"a library is called: {lines[0]}")
    if lines := [line for line in code if ALLOCATION.search(line)]:
        found.append(f"memory is allocated: {lines[0]}")
    if vectors and not any(VECTOR.search(line) for line in code):
        found.append("no arithmetic on vectors")
    return found


# Loops alone: these two pass over images and groups in pieces of instructions that are written out.
NAMES = [name for name, each in OPERATIONS.items() if each.family not in ("augmentation", "group_normalization")]


@pytest.mark.parametrize("name", NAMES)
def test_kernel(name):
    code = machine_code(assembly_of_kernel(name))
    assert faults(code, widens=name in WIDENS, vectors=name not in MOVES, powers=name in POWERS) == []


@pytest.mark.parametrize("name", ["affine_forward", "conv_forward", "conv_backward"])
def test_the_tile_keeps_its_sums_in_registers(name):
    blocks = re.split(r"^\.?L\w+:", assembly_of_kernel(name), flags=re.MULTILINE)
    loop = max(blocks, key=lambda block: block.count("vfmadd"))
    rounds, rest = divmod(loop.count("vfmadd"), MR * NR_VECTORS)  # LLVM may write several rounds of k after another
    assert rounds > 0
    assert rest == 0
    assert not re.search(r"\tvmov\w*\t.*\(%rsp\)", loop)  # a sum that found no register


def test_exceptions_name_kernels():
    assert set(NAMES) >= WIDENS | MOVES | POWERS


def widening(x, out):
    for i in range(x.size):
        out[i] = x[i] * 0.9


def calling(x, out):
    for i in range(x.size):
        out[i] = math.tanh(x[i])


def in_order(x, out):
    for i in range(1, x.size):
        out[i] = out[i - 1] * x[i]


def allocating(x, out):
    room = np.empty(x.size, x.dtype)
    for i in range(x.size):
        room[i] = x[i] + x[i]
    for i in range(x.size):
        out[i] = room[i] * room[out.size - 1 - i]


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (widening, "float32 becomes float64"),
        (calling, "a library is called"),
        (in_order, "no arithmetic on vectors"),
        (allocating, "memory is allocated"),
    ],
)
def test_each_fault_is_seen(function, fault):
    x = np.ones(64, np.float32)
    assert any(found.startswith(fault) for found in faults(machine_code(assembly(function, x, x.copy()))))
